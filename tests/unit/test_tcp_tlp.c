// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_tlp.c - the tail loss probe (RFC 8985 7). The RTT is 10 ms: a probe comes after 22 ms, or 222 for less than two segments. */
#include "tcp_harness.h"

#define MSS 1000u
#define SEG(n) (1 + (n)*MSS)
#define PTO_MS 22u

static void open_tlp(bool sack)
{
	th.sack = sack;
	th.mss = MSS;
	th.env.conf.rto_min_ns = 190 * TH_MS; /* with 10 ms of RTT: an RTO of 200 ms */
	th_connect();
	out("S", 0, 0, 0);
	advance(10);
	in("S.", 0, 1, 0);
	out(".", 1, 1, 0);
}

static void flight(uint32_t n)
{
	open_tlp(true);
	th.c->cwnd = n * MSS;
	put(n * MSS);
	out_full(n, 1, 1);
}

static void test_tlp_without_new_data_sends_the_last_again(void **state)
{
	flight(4);
	advance(PTO_MS - 1);
	no_out();
	advance(1);
	out("P.", SEG(3), 1, MSS);
	no_out();
	count_is(loss_probes, 1);
	assert_int_equal(th.c->cwnd, 4 * MSS);
	assert_int_equal(th.c->lost, 0);
}

static void test_tlp_sends_new_data_past_cwnd(void **state)
{
	flight(4);
	put(2 * MSS);
	no_out();
	advance(PTO_MS);
	out(".", SEG(4), 1, MSS);
	no_out();
	assert_false(th.c->loss_flags & TCP_L_TLP_RTX);
	count_is(retrans_segs, 0);
}

static void test_tlp_new_data_past_the_window_is_not_sent(void **state)
{
	th.wnd = 4 * MSS;
	flight(4);
	put(2 * MSS);
	advance(PTO_MS);
	out(".", SEG(3), 1, MSS);
	no_out();
}

/* The whole tail is lost: the SACK of the probe shows it, and no timeout is needed. */
static void test_tlp_starts_recovery_of_a_lost_tail(void **state)
{
	flight(5);
	advance(10);
	in(".", 1, SEG(2), 0);
	advance(PTO_MS);
	out("P.", SEG(4), 1, MSS);
	advance(10);
	th_sack(SEG(4), SEG(5));
	in(".", 1, SEG(2), 0);
	out(".", SEG(2), 1, MSS);
	advance(10);
	in(".", 1, SEG(3), 0);
	out(".", SEG(3), 1, MSS);
	advance(10);
	in(".", 1, SEG(5), 0);
	count_is(rto_fires, 0);
	count_is(fast_recoveries, 1);
}

static void test_tlp_one_probe_and_then_the_timeout(void **state)
{
	uint64_t start;

	flight(4);
	start = th.now;
	advance(PTO_MS);
	out("P.", SEG(3), 1, MSS);
	no_out();
	advance(199);
	no_out();
	count_is(rto_fires, 0); /* a whole RTO after the probe */
	advance(1);
	out(".", 1, 1, MSS);
	assert_int_equal((th.last_ns - start) / TH_MS, PTO_MS + 200);
	count_is(rto_fires, 1);
	count_is(loss_probes, 1);
}

static void test_tlp_a_mended_loss_reduces_cwnd(void **state)
{
	flight(4);
	advance(10);
	in(".", 1, SEG(3), 0);
	put(MSS);
	th_drain();
	th.c->probe_deadline = th.now + PTO_MS * TH_MS;
	th.c->loss_flags |= TCP_L_PTO;
	advance(PTO_MS);
	out("P.", SEG(4), 1, MSS);
	advance(10);
	put(MSS);
	th_drain();
	in(".", 1, SEG(6), 0);
	assert_int_equal(th.c->ssthresh, 3500); /* half of the cwnd of 7 to which slow start had come */
	assert_int_equal(th.c->cwnd, 3500);
	count_is(loss_probe_repairs, 1);
	assert_false(th.c->loss_flags & TCP_L_TLP);
}

/* Both copies arrived: one acknowledged all, the other brought a duplicate of that ACK. */
static void test_tlp_needless_probe_leaves_cwnd(void **state)
{
	flight(4);
	advance(PTO_MS);
	out("P.", SEG(3), 1, MSS);
	in(".", 1, SEG(4), 0);
	assert_true(th.c->loss_flags & TCP_L_TLP);
	put(MSS);
	th_drain();
	in(".", 1, SEG(4), 0);
	assert_false(th.c->loss_flags & TCP_L_TLP);
	in(".", 1, SEG(5), 0);
	assert_true(th.c->cwnd >= 4 * MSS);
}

/* 7.4.2: a DSACK clears the probe only if it reports the probe itself. */
static void probe_and_dsack(uint32_t from)
{
	flight(4);
	advance(PTO_MS);
	out("P.", SEG(3), 1, MSS);
	put(MSS);
	th_sack(SEG(from), SEG(from + 1));
	in(".", 1, SEG(4), 0);
	th_drain();
	in(".", 1, SEG(5), 0);
}

static void test_tlp_dsack_of_the_probe_leaves_cwnd(void **state)
{
	probe_and_dsack(3);
	count_is(loss_probe_repairs, 0);
}

static void test_tlp_dsack_of_something_else_does_not_clear_it(void **state)
{
	probe_and_dsack(0);
	count_is(loss_probe_repairs, 1);
}

static void test_tlp_less_than_two_segments_wait_for_a_delayed_ack(void **state)
{
	open_tlp(true);
	th.c->rto_us = 1000000;
	put(MSS);
	put(100);
	th_drain();
	advance(200 + PTO_MS - 1);
	count_is(loss_probes, 0);
	advance(1);
	count_is(loss_probes, 1);
}

static void test_tlp_comes_no_later_than_the_timeout(void **state)
{
	open_tlp(true);
	put(MSS);
	out("P.", 1, 1, MSS);
	advance(200); /* the RTO */
	out("P.", 1, 1, MSS);
	count_is(loss_probes, 1);
	count_is(rto_fires, 0);
}

static void test_tlp_not_without_sack(void **state)
{
	open_tlp(false);
	put(2 * MSS);
	out_full(2, 1, 1);
	advance(100);
	no_out();
}

static void test_tlp_not_while_something_is_sacked(void **state)
{
	flight(4);
	advance(10);
	th_sack(SEG(2), SEG(3));
	in(".", 1, SEG(1), 0);
	assert_false(th.c->loss_flags & TCP_L_PTO);
	assert_true(th.c->probe_deadline != TCP_NEVER);
	advance(3); /* RACK's timer, 10 / 4 ms */
	out(".", SEG(1), 1, MSS);
	advance(100);
	count_is(loss_probes, 0);
}

static void test_tlp_duplicate_ack_does_not_stop_the_timer(void **state)
{
	flight(4);
	advance(10);
	in(".", 1, 1, 0);
	advance(PTO_MS - 10);
	out("P.", SEG(3), 1, MSS);
	count_is(loss_probes, 1);
}

static void test_tlp_no_second_probe_while_one_is_out(void **state)
{
	flight(4);
	advance(PTO_MS);
	out("P.", SEG(3), 1, MSS);
	in(".", 1, SEG(1), 0);
	advance(2 * PTO_MS);
	no_out();
	count_is(loss_probes, 1);
}

/* Nagle holds back what might have to wait for ever if the tail is lost. */
static void test_tlp_sends_what_nagle_holds_back(void **state)
{
	open_tlp(true);
	th.c->rto_us = 1000000;
	put(100);
	out("P.", 1, 1, 100);
	put(50);
	no_out();
	advance(200 + PTO_MS);
	out("P.", 101, 1, 50);
}

static void test_tlp_fin_is_probed(void **state)
{
	flight(2);
	tcp_shutdown(&th.env, th.c, th.now);
	out("F.", SEG(2), 1, 0);
	advance(PTO_MS);
	out("F.", SEG(2), 1, 0);
	count_is(loss_probes, 1);
}

/* 7.3: no probe until the RTT has been measured since the last one; the RTO begins anew all the same. */
static void test_tlp_only_one_for_each_measured_rtt(void **state)
{
	uint64_t start;

	flight(4);
	advance(PTO_MS);
	out("P.", SEG(3), 1, MSS);
	advance(10);
	th_sack(SEG(3), SEG(4)); /* it was needless, and is over */
	in(".", 1, SEG(4), 0);	 /* of three sent once and one sent twice: no measure */
	assert_false(th.c->loss_flags & TCP_L_TLP);
	assert_false(th.c->loss_flags & TCP_L_RTT);
	put(3 * MSS);
	out_full(3, SEG(4), 1);
	start = th.now;
	advance(PTO_MS + 5);
	no_out();
	count_is(loss_probes, 1);
	assert_int_equal(th.c->rtx_deadline, start + PTO_MS * TH_MS + 1000ull * th.c->rto_us);
	in(".", 1, SEG(7), 0);
	put(3 * MSS);
	out_full(3, SEG(7), 1);
	advance(100);
	count_is(loss_probes, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_tlp_without_new_data_sends_the_last_again),
		TEST(test_tlp_sends_new_data_past_cwnd),
		TEST(test_tlp_new_data_past_the_window_is_not_sent),
		TEST(test_tlp_starts_recovery_of_a_lost_tail),
		TEST(test_tlp_one_probe_and_then_the_timeout),
		TEST(test_tlp_a_mended_loss_reduces_cwnd),
		TEST(test_tlp_needless_probe_leaves_cwnd),
		TEST(test_tlp_less_than_two_segments_wait_for_a_delayed_ack),
		TEST(test_tlp_comes_no_later_than_the_timeout),
		TEST(test_tlp_not_without_sack),
		TEST(test_tlp_not_while_something_is_sacked),
		TEST(test_tlp_duplicate_ack_does_not_stop_the_timer),
		TEST(test_tlp_no_second_probe_while_one_is_out),
		TEST(test_tlp_sends_what_nagle_holds_back),
		TEST(test_tlp_fin_is_probed),
		TEST(test_tlp_dsack_of_the_probe_leaves_cwnd),
		TEST(test_tlp_dsack_of_something_else_does_not_clear_it),
		TEST(test_tlp_only_one_for_each_measured_rtt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
