// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_loss.c - losses found and repaired: with SACK, without (RFC 5681, NewReno RFC 6582), by timeout. */
#include "tcp_harness.h"

#define MSS 1460u
#define SEG(n) (1 + (n)*MSS) /* number of the n-th full segment */

/* n full segments are in flight, without SACK. */
static void flight(uint32_t n)
{
	th_active();
	th.c->cwnd = n * MSS;
	put(n * MSS);
	out_full(n, 1, 1);
}

static void flight_sack(uint32_t n)
{
	th.sack = true;
	flight(n);
	advance(1); /* the RTT */
}

/* ---- without SACK ---- */

static void test_loss_third_duplicate_ack_retransmits(void **state)
{
	flight(10);
	in(".", 1, 1, 0);
	in(".", 1, 1, 0);
	no_out();
	in(".", 1, 1, 0);
	out(".", 1, 1, MSS);
	no_out();
	assert_int_equal(th.c->ssthresh, 5 * MSS); /* half the flight */
	count_is(fast_recoveries, 1);
	count_is(in_dup_acks, 3);
	in(".", 1, SEG(10), 0);
	no_out();
	assert_false(th.c->flags & TCP_F_RECOVERY);
}

static void test_loss_not_every_equal_ack_is_a_duplicate(void **state)
{
	flight(10);
	for (int i = 0; i < 5; i++) {
		th.wnd--; /* a window update */
		in(".", 1, 1, 0);
	}
	for (uint32_t i = 0; i < 5; i++)
		in("P.", 1 + i, 1, 1); /* carries data */
	count_is(in_dup_acks, 0);
	assert_false(th.c->flags & TCP_F_RECOVERY);
}

static void test_loss_duplicate_acks_with_nothing_in_flight_are_none(void **state)
{
	th_active();
	for (int i = 0; i < 5; i++)
		in(".", 1, 1, 0);
	count_is(in_dup_acks, 0);
	no_out();
}

/* Each duplicate says that a segment has left the network: new data follows (RFC 5681 3.2, RFC 3042). */
static void test_loss_recovery_keeps_the_pipe_full(void **state)
{
	flight(10);
	put(10 * MSS);
	in(".", 1, 1, 0);
	out(".", SEG(10), 1, MSS); /* limited transmit */
	in(".", 1, 1, 0);
	out(".", SEG(11), 1, MSS);
	in(".", 1, 1, 0);
	out(".", 1, 1, MSS);
	no_out();
	for (int i = 0; i < 4; i++) {
		in(".", 1, 1, 0);
		no_out(); /* more is in flight than half */
	}
	in(".", 1, 1, 0);
	out(".", SEG(12), 1, MSS);
	no_out();
	assert_int_equal(th.c->ssthresh, 5 * MSS); /* without what limited transmit added (RFC 5681 3.2 (2)) */
}

static void test_loss_newreno_partial_ack_retransmits_the_next_hole(void **state)
{
	flight(10);
	for (int i = 0; i < 3; i++)
		in(".", 1, 1, 0);
	out(".", 1, 1, MSS);
	in(".", 1, SEG(4), 0); /* the fifth is missing too */
	out(".", SEG(4), 1, MSS);
	no_out();
	assert_true(th.c->flags & TCP_F_RECOVERY);
	count_is(fast_recoveries, 1);
	in(".", 1, SEG(7), 0);
	out(".", SEG(7), 1, MSS);
	in(".", 1, SEG(10), 0);
	no_out();
	assert_false(th.c->flags & TCP_F_RECOVERY);
	assert_true(th.c->cwnd <= 5 * MSS);
	count_is(retrans_segs, 3);
	count_is(rto_fires, 0);
}

/* RFC 6582 3.2 (2): duplicates of what a recovery ended with are echoes of needless retransmissions. */
static void test_loss_duplicates_right_after_recovery_start_no_other(void **state)
{
	flight(10);
	advance(200);
	out(".", 1, 1, MSS);
	in(".", 1, SEG(10), 0); /* all had arrived: the timeout was spurious */
	put(3 * MSS);
	th_drain();
	for (int i = 0; i < 5; i++)
		in(".", 1, SEG(10), 0);
	assert_false(th.c->flags & TCP_F_RECOVERY);
	count_is(fast_recoveries, 0);
	in(".", 1, SEG(11), 0);
	put(5 * MSS);
	th_drain();
	for (int i = 0; i < 3; i++)
		in(".", 1, SEG(11), 0);
	count_is(fast_recoveries, 1);
	out(".", SEG(11), 1, MSS);
}

/* RFC 6582 4.1: after a timeout, what was sent again is lost again. The acknowledgement moved by too little for a needless one. */
static void test_loss_third_duplicate_ack_after_a_timeout_retransmits(void **state)
{
	flight(10);
	advance(200);
	out(".", 1, 1, MSS);
	in(".", 1, SEG(1), 0);
	out(".", SEG(1), 1, MSS);
	out(".", SEG(2), 1, MSS);
	in(".", 1, SEG(2), 0);
	out(".", SEG(3), 1, MSS);
	out(".", SEG(4), 1, MSS);
	in(".", 1, SEG(3), 0); /* SEG(3) is lost, SEG(4) and two of the first flight have come */
	th_drain();
	for (int i = 0; i < 2; i++)
		in(".", 1, SEG(3), 0);
	th_drain();
	count_is(fast_recoveries, 0);
	in(".", 1, SEG(3), 0);
	out(".", SEG(3), 1, MSS);
	count_is(fast_recoveries, 1);
	count_is(rto_fires, 1);
	in(".", 1, SEG(10), 0);
	assert_false(th.c->flags & (TCP_F_RECOVERY | TCP_F_LOSS));
}

static void test_loss_duplicates_of_a_needless_timeout_start_nothing(void **state)
{
	flight(10);
	advance(200);
	out(".", 1, 1, MSS);
	in(".", 1, SEG(5), 0); /* four and more: SEG(1) to SEG(4) may be on their way again */
	th_drain();
	for (int i = 0; i < 3; i++)
		in(".", 1, SEG(5), 0);
	th_drain();
	count_is(fast_recoveries, 0);
	assert_true(th.c->flags & TCP_F_LOSS);
}

/* ---- with SACK ---- */

/* RFC 9293: MUST-5 */
static void test_loss_sack_of_three_segments_above_marks_the_hole(void **state)
{
	flight_sack(10);
	for (uint32_t i = 1; i <= 2; i++) {
		th_sack(SEG(1), SEG(i + 1));
		in(".", 1, 1, 0);
		no_out();
	}
	th_sack(SEG(1), SEG(4));
	in(".", 1, 1, 0);
	out(".", 1, 1, MSS);
	no_out();
	assert_int_equal(th.c->sacked, 3 * MSS);
	count_is(fast_recoveries, 1);
	in(".", 1, SEG(4), 0);
	no_out(); /* the rest is not lost, only late */
	in(".", 1, SEG(10), 0);
	assert_false(th.c->flags & TCP_F_RECOVERY);
	assert_int_equal(th.c->cwnd, 5 * MSS);
	count_is(retrans_segs, 1);
}

static void test_loss_sack_one_block_far_up_is_enough(void **state)
{
	flight_sack(10);
	th_sack(SEG(6), SEG(10));
	in(".", 1, 1, 0); /* one ACK: more than two segments' bytes above each of the first six */
	for (uint32_t i = 0; i < 4; i++)
		out(".", SEG(i), 1, MSS);
	no_out(); /* as many as were delivered (PRR) */
	in(".", 1, SEG(4), 0);
	out(".", SEG(4), 1, MSS);
	out(".", SEG(5), 1, MSS);
	no_out();
	in(".", 1, SEG(10), 0);
	count_is(retrans_segs, 6);
	count_is(rto_fires, 0);
}

static void test_loss_sack_only_holes_are_sent_again(void **state)
{
	flight_sack(12);
	th_sack(SEG(8), SEG(12));
	th_sack(SEG(4), SEG(6));
	th_sack(SEG(1), SEG(2));
	in(".", 1, 1, 0);
	out(".", SEG(0), 1, MSS);
	out(".", SEG(2), 1, MSS);
	out(".", SEG(3), 1, MSS);
	out(".", SEG(6), 1, MSS);
	out(".", SEG(7), 1, MSS);
	no_out();
}

static void test_loss_sack_a_late_block_takes_the_mark_back(void **state)
{
	flight_sack(10);
	th_sack(SEG(4), SEG(10));
	in(".", 1, 1, 0);
	assert_int_equal(th.c->lost, 4 * MSS);
	th_sack(SEG(1), SEG(3));
	in(".", 1, 1, 0);
	assert_int_equal(th.c->lost, 2 * MSS);
	out(".", SEG(0), 1, MSS);
	out(".", SEG(3), 1, MSS);
	no_out();
}

static void test_loss_sack_judges_each_hole_once(void **state)
{
	flight_sack(12);
	th_sack(SEG(1), SEG(4));
	in(".", 1, 1, 0);
	out(".", 1, 1, MSS);
	no_out();
	th_sack(SEG(5), SEG(9));
	th_sack(SEG(1), SEG(4));
	in(".", 1, 1, 0);
	out(".", SEG(4), 1, MSS); /* the new hole, and not again the first, which is on its way */
	no_out();
	count_is(retrans_segs, 2);
	count_is(fast_recoveries, 1);
}

static void test_loss_sack_new_data_flows_as_the_pipe_drains(void **state)
{
	flight_sack(10);
	put(10 * MSS);
	th_sack(SEG(1), SEG(7));
	in(".", 1, 1, 0);
	out(".", 1, 1, MSS);
	out(".", SEG(10), 1, MSS); /* cwnd 5: 3 late, 1 again, 1 new */
	no_out();
}

/* The tail of the flight is lost too: the retransmission's delivery shows it, without a timeout. */
static void test_loss_sack_lost_tail_in_recovery_needs_no_timer(void **state)
{
	flight_sack(10);
	th_sack(SEG(1), SEG(4));
	in(".", 1, 1, 0);
	out(".", 1, 1, MSS);
	no_out();
	advance(1);
	in(".", 1, SEG(4), 0);
	for (uint32_t ack = 4; ack < 10; ack++) {
		th_drain();
		advance(1);
		in(".", 1, SEG(ack + 1), 0);
	}
	count_is(retrans_segs, 7);
	count_is(rto_fires, 0);
	count_is(fast_recoveries, 1);
	assert_int_equal(th.c->snd_una, th.c->snd_nxt);
}

/* RFC 3042 with SACK: what the first two duplicates take out of the network lets new data go. */
static void test_loss_sack_limited_transmit(void **state)
{
	flight_sack(4);
	put(10 * MSS);
	no_out();
	th_sack(SEG(1), SEG(2));
	in(".", 1, 1, 0);
	out(".", SEG(4), 1, MSS);
	no_out();
	th_sack(SEG(1), SEG(3));
	in(".", 1, 1, 0);
	out(".", SEG(5), 1, MSS);
	no_out();
	assert_int_equal(th.c->cwnd, 4 * MSS);
}

/* ---- the timeout (RFC 6298 5, RFC 5681 3.1) ---- */

static void test_loss_timeout_sends_the_first_and_slow_starts(void **state)
{
	flight(10);
	advance(199);
	no_out();
	advance(1);
	out(".", 1, 1, MSS);
	no_out();
	assert_int_equal(th.c->cwnd, MSS);
	assert_int_equal(th.c->ssthresh, 5 * MSS);
	in(".", 1, SEG(1), 0);
	out(".", SEG(1), 1, MSS);
	out(".", SEG(2), 1, MSS);
	no_out();
	in(".", 1, SEG(2), 0);
	out(".", SEG(3), 1, MSS);
	out(".", SEG(4), 1, MSS);
	no_out(); /* nothing that is on its way already */
	in(".", 1, SEG(3), 0);
	in(".", 1, SEG(5), 0);
	out(".", SEG(5), 1, MSS);
	out(".", SEG(6), 1, MSS);
	out(".", SEG(7), 1, MSS);
	out(".", SEG(8), 1, MSS);
	out("P.", SEG(9), 1, MSS);
	no_out();
	in(".", 1, SEG(10), 0);
	count_is(retrans_segs, 10);
	assert_false(th.c->flags & TCP_F_LOSS);
}

/* RFC 9293: MUST-19 */
static void test_loss_timeout_backs_off_and_keeps_ssthresh(void **state)
{
	uint64_t start;

	th.env.conf.mtu_probing = 0; /* else this is a black hole, and the size falls */
	flight(10);
	start = th.now;
	advance(6300);
	for (uint64_t ms = 200, i = 0; i < 5; i++) {
		out(".", 1, 1, MSS);
		assert_int_equal((th.last_ns - start) / TH_MS, ms);
		ms += 400ull << i;
	}
	no_out();
	assert_int_equal(th.c->ssthresh, 5 * MSS);
	count_is(rto_fires, 5);
}

static void test_loss_timeout_spares_what_was_sacked(void **state)
{
	flight_sack(4);
	th_sack(SEG(1), SEG(3)); /* too few to find the hole at once */
	in(".", 1, 1, 0);
	no_out();
	advance(1); /* RACK's timer */
	out(".", 1, 1, MSS);
	advance(198);
	out(".", 1, 1, MSS);
	no_out();
	in(".", 1, SEG(3), 0);
	out("P.", SEG(3), 1, MSS);
	no_out();
}

/* RFC 2018 8: a receiver may throw away what it SACKed. */
static void test_loss_timeout_after_reneging_forgets_sack(void **state)
{
	flight_sack(5);
	th_sack(SEG(1), SEG(3));
	in(".", 1, 1, 0);
	in(".", 1, SEG(1), 0); /* and the SACKed ones are not acknowledged: taken back */
	no_out();
	advance(400);
	out(".", SEG(1), 1, MSS);
	assert_int_equal(th.c->sacked, 0);
	count_is(sack_reneges, 1);
	in(".", 1, SEG(2), 0);
	out(".", SEG(2), 1, MSS);
}

/* RFC 7765: fewer than four segments left, sent or not, can bring no fast retransmit: the timer counts from their sending. */
static void test_loss_timer_of_the_last_three_counts_from_their_sending(void **state)
{
	flight(4);
	advance(150);
	in(".", 1, SEG(1), 0); /* the smoothed RTT is 19.6 ms now, the RTO 199 ms more */
	advance(68);
	no_out();
	advance(1);
	out(".", SEG(1), 1, MSS);
}

static void test_loss_timer_restarts_where_unsent_data_makes_four(void **state)
{
	flight(3);
	put(3 * MSS);
	advance(150);
	th.wnd = 2 * MSS;
	in(".", 1, SEG(1), 0); /* two in flight, three more wait */
	advance(218);
	no_out();
	advance(1);
	out(".", SEG(1), 1, MSS);
}

/* RFC 6582 3.2 step 3: a recovery that needs many partial ACKs gives way to the timeout. */
static void test_loss_newreno_only_the_first_partial_ack_restarts_the_timer(void **state)
{
	flight(10);
	for (int i = 0; i < 3; i++)
		in(".", 1, 1, 0);
	th_drain();
	advance(50);
	in(".", 1, SEG(2), 0); /* at 50 ms: due at 250 */
	th_drain();
	advance(150);
	in(".", 1, SEG(4), 0);
	th_drain();
	advance(49);
	count_is(rto_fires, 0);
	advance(1);
	count_is(rto_fires, 1);
}

static void test_loss_timer_restarts_with_each_new_ack(void **state)
{
	flight(6);
	advance(150);
	in(".", 1, SEG(1), 0);
	advance(218);
	no_out();
	advance(1);
	out(".", SEG(1), 1, MSS);
}

static void test_loss_fin_is_retransmitted(void **state)
{
	th_active();
	tcp_shutdown(&th.env, th.c, th.now);
	out("F.", 1, 1, 0);
	advance(200);
	out("F.", 1, 1, 0);
	advance(400);
	out("F.", 1, 1, 0);
	in(".", 1, 2, 0);
	state_is(TCP_FIN_WAIT_2);
}

static void test_loss_data_with_fin_is_retransmitted_as_it_was(void **state)
{
	th_active();
	put(100);
	tcp_shutdown(&th.env, th.c, th.now);
	out("FP.", 1, 1, 100);
	in(".", 1, 51, 0); /* acknowledged in part */
	advance(200);
	out("FP.", 51, 1, 50);
	in(".", 1, 101, 0);
	advance(400);
	out("F.", 101, 1, 0);
	in(".", 1, 102, 0);
	state_is(TCP_FIN_WAIT_2);
}

static void test_loss_syn_ack_is_retransmitted(void **state)
{
	th_listen();
	out("S.", 0, 1, 0);
	advance(999);
	no_out();
	advance(1);
	out("S.", 0, 1, 0);
	advance(2000);
	out("S.", 0, 1, 0);
}

/* Duplicates of what a recovery ended with begin none (RFC 6582 3.2 step 2), and only two let something go (RFC 3042). */
static void test_loss_limited_transmit_stops_after_two(void **state)
{
	th.mss = MSS;
	th_active();
	th.c->cwnd = 4 * MSS;
	put(4 * MSS);
	out_full(4, 1, 1);
	for (int i = 0; i < 3; i++)
		in(".", 1, 1, 0);
	out(".", 1, 1, MSS);
	in(".", 1, 1 + 4 * MSS, 0);
	assert_false(th.c->flags & TCP_F_RECOVERY);
	th.c->cwnd = 4 * MSS;
	put(20 * MSS);
	out_full(4, 1 + 4 * MSS, 1);
	for (int i = 0; i < 6; i++) {
		in(".", 1, 1 + 4 * MSS, 0);
		if (i < 2)
			out(".", 1 + (8u + (uint32_t)i) * MSS, 1, MSS);
		no_out();
	}
	assert_false(th.c->flags & TCP_F_RECOVERY);
}

/* RFC 3465 2.3: what had arrived before the timeout does not open the window when the hole in front of it is mended. */
static void test_loss_after_a_timeout_an_ack_counts_for_one_segment(void **state)
{
	for (int sack = 0; sack < 2; sack++) {
		th.sack = sack;
		th_active();
		th.c->cwnd = 10 * 1460;
		put(10 * 1460);
		th_drain();
		advance(1200);
		th_drain();
		assert_true(th.c->flags & TCP_F_LOSS);
		assert_int_equal(th.c->cwnd, 1460);
		in(".", 1, 1 + 8 * 1460, 0); /* the first was missing, and two more are */
		assert_int_equal(th.c->cwnd, 2 * 1460);
		th_drain();
		th_teardown(state);
		th_setup(state);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_loss_after_a_timeout_an_ack_counts_for_one_segment),
		TEST(test_loss_third_duplicate_ack_retransmits),
		TEST(test_loss_not_every_equal_ack_is_a_duplicate),
		TEST(test_loss_duplicate_acks_with_nothing_in_flight_are_none),
		TEST(test_loss_recovery_keeps_the_pipe_full),
		TEST(test_loss_newreno_partial_ack_retransmits_the_next_hole),
		TEST(test_loss_duplicates_right_after_recovery_start_no_other),
		TEST(test_loss_third_duplicate_ack_after_a_timeout_retransmits),
		TEST(test_loss_duplicates_of_a_needless_timeout_start_nothing),
		TEST(test_loss_sack_of_three_segments_above_marks_the_hole),
		TEST(test_loss_sack_one_block_far_up_is_enough),
		TEST(test_loss_sack_only_holes_are_sent_again),
		TEST(test_loss_sack_a_late_block_takes_the_mark_back),
		TEST(test_loss_sack_judges_each_hole_once),
		TEST(test_loss_sack_new_data_flows_as_the_pipe_drains),
		TEST(test_loss_sack_lost_tail_in_recovery_needs_no_timer),
		TEST(test_loss_sack_limited_transmit),
		TEST(test_loss_timeout_sends_the_first_and_slow_starts),
		TEST(test_loss_timeout_backs_off_and_keeps_ssthresh),
		TEST(test_loss_timeout_spares_what_was_sacked),
		TEST(test_loss_timeout_after_reneging_forgets_sack),
		TEST(test_loss_timer_restarts_with_each_new_ack),
		TEST(test_loss_timer_of_the_last_three_counts_from_their_sending),
		TEST(test_loss_timer_restarts_where_unsent_data_makes_four),
		TEST(test_loss_newreno_only_the_first_partial_ack_restarts_the_timer),
		TEST(test_loss_fin_is_retransmitted),
		TEST(test_loss_data_with_fin_is_retransmitted_as_it_was),
		TEST(test_loss_syn_ack_is_retransmitted),
		TEST(test_loss_limited_transmit_stops_after_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
