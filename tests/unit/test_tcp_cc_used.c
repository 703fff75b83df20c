// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_cc_used.c - may cwnd grow, when the application has not filled it to the last byte? */
#include "tcp_harness.h"

/* A connection that has sent n of the 10 segments of its initial window. */
static void flight(uint32_t n)
{
	th_memory(4 << 20);
	th_active();
	assert_int_equal(th.c->cwnd, 14600);
	put(n * 1460);
	for (uint32_t i = 0; i < n; i++)
		out(i + 1 < n ? "." : "P.", 1 + i * 1460, 1, 1460);
	no_out();
}

/* The peer acknowledges n segments in all; cwnd is so many afterwards. */
static void acked(uint32_t n, uint32_t segments)
{
	in(".", 1, 1 + n * 1460, 0);
	assert_int_equal(th.c->cwnd, segments * 1460);
}

static void test_used_a_full_window_doubles_however_it_is_acknowledged(void **state)
{
	flight(10);
	for (uint32_t n = 2; n <= 10; n += 2)
		acked(n, 10 + n);
}

static void test_used_more_than_half_grows_to_twice_what_was_used(void **state)
{
	flight(9);
	acked(2, 12);
	acked(4, 14);
	acked(6, 16);
	acked(8, 18);
	acked(9, 18);
}

static void test_used_half_does_not_grow(void **state)
{
	flight(5);
	acked(2, 10);
	acked(5, 10);
}

/* What was in flight in a round trip before says nothing. */
static void test_used_counts_this_round_trip_only(void **state)
{
	flight(9);
	acked(9, 18);
	th.c->cwnd = 10 * 1460;
	put(3 * 1460);
	th_drain();
	acked(10, 10);
	put(1460);
	th_drain();
	acked(13, 10);
}

static void test_used_half_is_not_enough_in_congestion_avoidance(void **state)
{
	flight(9);
	th.c->ssthresh = th.c->cwnd;
	for (uint32_t n = 1; n <= 9; n++)
		acked(n, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_used_a_full_window_doubles_however_it_is_acknowledged),
		TEST(test_used_more_than_half_grows_to_twice_what_was_used),
		TEST(test_used_half_does_not_grow),
		TEST(test_used_counts_this_round_trip_only),
		TEST(test_used_half_is_not_enough_in_congestion_avoidance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
