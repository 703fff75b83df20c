// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_push.c - PSH: what the application pushes, and the parts of a burst. */
#include "tcp_harness.h"

/* RFC 9293: MAY-15 */
static void test_push_is_not_said_where_more_follows(void **state)
{
	th_active();
	put_more(1460);
	out(".", 1, 1, 1460);
	put_more(200);
	no_out();
	put(100);
	out("P.", 1461, 1, 300);
}

/* RFC 9293: SHLD-27 */
static void test_push_inside_a_segment_is_said_once_with_what_follows(void **state)
{
	th_active();
	put(100);
	put(100);
	put_more(2000);
	out("P.", 1, 1, 1460);
	no_out();
	in(".", 1, 1461, 0);
	no_out();
}

/* RFC 9293: MUST-60, MUST-61 */
static void test_push_is_said_when_more_does_not_come(void **state)
{
	th_active();
	put_more(2000);
	out(".", 1, 1, 1460);
	in(".", 1, 1461, 0);
	advance(199);
	no_out();
	advance(1);
	out("P.", 1461, 1, 540);
}

static void test_push_is_said_with_the_last_before_fin(void **state)
{
	th_active();
	put_more(500);
	no_out();
	tcp_shutdown(&th.env, th.c, th.now);
	out("FP.", 1, 1, 500);
}

static void test_push_is_said_again_with_a_retransmission(void **state)
{
	th_active();
	put(1460 + 300);
	put_more(1460 - 300);
	out(".", 1, 1, 1460);
	out("P.", 1461, 1, 1460);
	no_out();
	advance(200);
	out(".", 1, 1, 1460);
	in(".", 1, 1461, 0);
	out("P.", 1461, 1, 1460);
}

/* At a low rate two segments make a part. */
static void test_push_ends_pairs_of_a_slow_burst(void **state)
{
	th_memory(4 << 20);
	th.parts = true;
	th_active();
	th.c->srtt_us_x8 = 100000 * 8;
	put(100000);
	for (uint32_t i = 0; i < 10; i += 2) {
		out(".", 1 + i * 1460, 1, 1460);
		out("P.", 1461 + i * 1460, 1, 1460);
	}
	no_out();
	advance(1);
	in(".", 1, 1461, 0); /* slow start: two */
	out(".", 14601, 1, 1460);
	out("P.", 16061, 1, 1460);
	no_out();
}

/* At a high rate half of the window. */
static void test_push_ends_each_half_of_a_window(void **state)
{
	th_memory(4 << 20);
	th.parts = true;
	th_active();
	th.c->srtt_us_x8 = 1000 * 8;
	put(100000);
	for (uint32_t i = 0; i < 10; i++)
		out(i % 5 == 4 ? "P." : ".", 1 + i * 1460, 1, 1460);
	no_out();
}

/* ... but no more than the peer can collect. */
static void test_push_ends_a_part_before_64_kilobytes(void **state)
{
	uint32_t parts = 0, seq = 1;

	th_memory(8 << 20);
	th_modern();
	th.parts = true;
	th.wnd = 30000;
	in(".", 1, 1, 0);
	th.c->cwnd = 400 * 1448;
	th.c->srtt_us_x8 = 100 * 8;
	put(170 * 1448);
	for (uint32_t i = 0, part = 0; i < 170; i++, seq += 1448) {
		bool last = ++part == 45 || i == 169;

		out(last ? "P." : ".", seq, 1, 1448);
		if (last) {
			part = 0;
			parts++;
		}
	}
	assert_int_equal(parts, 4);
	no_out();
}

/* The end of the peer's window ends a burst too. */
static void test_push_ends_a_burst_at_the_windows_edge(void **state)
{
	th_memory(4 << 20);
	th.parts = true;
	th.wnd = 4400;
	th_active();
	th.c->srtt_us_x8 = 1000 * 8;
	put(100000);
	out(".", 1, 1, 1460);
	out(".", 1461, 1, 1460);
	out("P.", 2921, 1, 1460);
	no_out();
}

/* Congestion: what goes out one by one is not hurried. */
static void test_push_is_not_said_by_single_segments_and_small_windows(void **state)
{
	th_memory(4 << 20);
	th.parts = true;
	th_active();
	th.c->srtt_us_x8 = 100000 * 8;
	th.c->cwnd = 3 * 1460;
	put(100000);
	out(".", 1, 1, 1460);
	out(".", 1461, 1, 1460);
	out(".", 2921, 1, 1460);
	no_out();
	advance(1);
	th.c->ssthresh = th.c->cwnd;
	in(".", 1, 1461, 0);
	out(".", 4381, 1, 1460);
	no_out();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_push_is_not_said_where_more_follows),
		TEST(test_push_inside_a_segment_is_said_once_with_what_follows),
		TEST(test_push_is_said_when_more_does_not_come),
		TEST(test_push_is_said_with_the_last_before_fin),
		TEST(test_push_is_said_again_with_a_retransmission),
		TEST(test_push_ends_pairs_of_a_slow_burst),
		TEST(test_push_ends_each_half_of_a_window),
		TEST(test_push_ends_a_part_before_64_kilobytes),
		TEST(test_push_ends_a_burst_at_the_windows_edge),
		TEST(test_push_is_not_said_by_single_segments_and_small_windows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
