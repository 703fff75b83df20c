// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_account.c - what a connection tells of itself: counts of segments, timeouts, and where the time went. */
#include "tcp_harness.h"

static struct tcp_account now(void)
{
	return tcp_account_now(th.c, th.now);
}

static void test_account_counts_data_segments_both_ways(void **state)
{
	(void)state;
	th_modern();
	assert_int_equal(now().data_segs_in, 0);
	assert_true(now().data_rx_ms == UINT32_MAX);
	in(".", 1, 1, 100);
	in(".", 1, 1, 100); /* again: counts */
	in(".", 101, 1, 0); /* no data: does not */
	th_drain();
	put(100);
	out("P.", 1, 101, 100);
	assert_int_equal(now().data_segs_in, 2);
	assert_int_equal(now().data_segs_out, 1);
	advance(5);
	assert_int_equal(now().data_rx_ms, 5);
}

static void test_account_counts_what_comes_out_of_order(void **state)
{
	(void)state;
	th_modern();
	in(".", 201, 1, 100);
	in(".", 401, 1, 100);
	assert_int_equal(now().ooo_segs_in, 2);
	in(".", 1, 1, 200);
	assert_int_equal(now().ooo_segs_in, 2);
	th_drain();
}

static void test_account_of_idle_connection_is_not_busy(void **state)
{
	(void)state;
	th_modern();
	advance(1000);
	assert_int_equal(now().busy_ns, 0);
	put(100);
	out("P.", 1, 1, 100);
	advance(30);
	assert_int_equal(now().busy_ns, 30 * TH_MS);
	in(".", 1, 101, 0);
	advance(1000);
	assert_int_equal(now().busy_ns, 30 * TH_MS);
	assert_int_equal(now().rwnd_limited_ns, 0);
	assert_int_equal(now().sndbuf_limited_ns, 0);
}

static void test_account_shut_window_is_rwnd_limited(void **state)
{
	(void)state;
	th_active();
	th.wnd = 2u * th.c->mss;
	in(".", 1, 1, 0);
	put(4u * th.c->mss);
	out_full(2, 1, 1);
	no_out();
	advance(20);
	th.wnd = 0;
	in(".", 1, 1 + 2u * th.c->mss, 0);
	advance(30);
	assert_int_equal(now().rwnd_limited_ns, 50 * TH_MS);
	assert_int_equal(now().busy_ns, 50 * TH_MS);
	th.wnd = 60000;
	in(".", 1, 1 + 2u * th.c->mss, 0); /* it opens */
	th_drain();
	advance(10);
	assert_int_equal(now().rwnd_limited_ns, 50 * TH_MS);
	assert_int_equal(now().busy_ns, 60 * TH_MS);
}

static void test_account_full_send_buffer_is_sndbuf_limited(void **state)
{
	(void)state;
	th_modern();
	tcp_set_sndbuf(th.c, 4096);
	put(4096);
	assert_int_equal(tcp_send(&th.env, th.c, "x", 1, false, false), -EAGAIN);
	th_drain();
	th.c->cwnd = 1 << 20;
	advance(1);
	advance(25);
	assert_int_equal(now().sndbuf_limited_ns, 26 * TH_MS);
	in(".", 1, 4097, 0);
	advance(10);
	assert_int_equal(now().sndbuf_limited_ns, 26 * TH_MS);
	assert_int_equal(now().busy_ns, 26 * TH_MS);
}

static void test_account_timeouts_are_counted_and_timed(void **state)
{
	(void)state;
	th_active(); /* no SACK: no loss probe comes first */
	put(100);
	out("P.", 1, 1, 100);
	advance(200);
	out("P.", 1, 1, 100);
	assert_int_equal(now().retransmits, 1);
	advance(400);
	out("P.", 1, 1, 100);
	assert_int_equal(now().retransmits, 2);
	assert_int_equal(now().rto_recoveries, 1);
	assert_int_equal(th.c->rto_count, 2);
	advance(7);
	in(".", 1, 101, 0);
	assert_int_equal(now().retransmits, 0);
	assert_int_equal(now().rto_time_ms, 407);
	advance(500);
	assert_int_equal(now().rto_time_ms, 407);
}

static void test_account_of_reset_connection_stands_still(void **state)
{
	(void)state;
	th_modern();
	put(100);
	out("P.", 1, 1, 100);
	advance(10);
	in("R", 1, 0, 0);
	state_is(TCP_CLOSED);
	advance(1000);
	assert_int_equal(now().busy_ns, 10 * TH_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_account_counts_data_segments_both_ways),
		TEST(test_account_counts_what_comes_out_of_order),
		TEST(test_account_of_idle_connection_is_not_busy),
		TEST(test_account_shut_window_is_rwnd_limited),
		TEST(test_account_full_send_buffer_is_sndbuf_limited),
		TEST(test_account_timeouts_are_counted_and_timed),
		TEST(test_account_of_reset_connection_stands_still),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
