// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_frto.c - needless timeouts found out by what the next two acknowledgements take (F-RTO, RFC 5682). */
#include "tcp_harness.h"

#define MSS 1000u
#define SEG(n) (1 + (n)*MSS)

/* Ten segments are in flight, `more` bytes wait behind them, the timer has sent the first one again. */
static void timeout(bool sack, bool ts, uint32_t more)
{
	th.sack = sack;
	th.ts = ts;
	th.mss = ts ? MSS + 12 : MSS;
	th_active();
	th.c->cwnd = 10 * MSS;
	put(10 * MSS + more);
	out_full(10, 1, 1);
	th.c->probe_deadline = TCP_NEVER; /* no loss probe */
	advance(200);
	out(".", 1, 1, MSS);
	no_out();
	count_is(rto_fires, 1);
	assert_int_equal(th.c->cwnd, MSS);
	advance(5);
}

static void new_data_goes(void)
{
	out(".", SEG(10), 1, MSS);
	out(".", SEG(11), 1, MSS);
	no_out(); /* no retransmission before the next acknowledgement */
}

static void undone(void)
{
	count_is(frto_detections, 1);
	count_is(spurious_rtos, 1);
	count_is(spurious_losses, 1);
	count_is(retrans_segs, 1);
	assert_true(th.c->cwnd >= 10 * MSS);
	assert_true(th.c->ssthresh >= 10 * MSS);
	assert_int_equal(th.c->lost, 0);
	assert_false(th.c->flags & TCP_F_LOSS);
	th_drain();
	count_is(retrans_segs, 1);
}

static void test_frto_second_ack_that_advances_undoes_the_timeout(void **state)
{
	timeout(false, false, 20 * MSS);
	in(".", 1, SEG(1), 0);
	new_data_goes();
	in(".", 1, SEG(2), 0);
	undone();
}

static void test_frto_with_sack_too(void **state)
{
	timeout(true, false, 20 * MSS);
	in(".", 1, SEG(1), 0);
	new_data_goes();
	in(".", 1, SEG(2), 0);
	undone();
}

/* The first of the originals came twice, or out of order: a SACK of one that was never sent again is as good. */
static void test_frto_sack_of_an_original_undoes_the_timeout(void **state)
{
	timeout(true, false, 20 * MSS);
	in(".", 1, SEG(1), 0);
	new_data_goes();
	th_sack(SEG(2), SEG(3));
	in(".", 1, SEG(1), 0);
	undone();
}

static void test_frto_ack_of_everything_undoes_the_timeout(void **state)
{
	timeout(false, false, 20 * MSS);
	in(".", 1, SEG(1), 0);
	new_data_goes();
	in(".", 1, SEG(12), 0);
	count_is(frto_detections, 1);
	assert_int_equal(th.c->cwnd, 10 * MSS); /* nothing in flight: an initial window, no burst (RFC 4015) */
	assert_true(th.c->ssthresh >= 10 * MSS);
}

static void test_frto_duplicate_ack_of_the_new_data_is_a_loss(void **state)
{
	timeout(false, false, 20 * MSS);
	in(".", 1, SEG(1), 0);
	new_data_goes();
	in(".", 1, SEG(1), 0);
	out(".", SEG(1), 1, MSS);
	assert_true(th.c->cwnd <= 3 * MSS);
	count_is(frto_detections, 0);
	count_is(spurious_rtos, 0);
	in(".", 1, SEG(12), 0);
	assert_false(th.c->flags & TCP_F_LOSS);
}

static void test_frto_sack_of_the_new_data_alone_is_a_loss(void **state)
{
	timeout(true, false, 20 * MSS);
	in(".", 1, SEG(1), 0);
	new_data_goes();
	th_sack(SEG(10), SEG(11));
	in(".", 1, SEG(1), 0);
	out(".", SEG(1), 1, MSS);
	count_is(frto_detections, 0);
	in(".", 1, SEG(2), 0);
	assert_true(th.c->flags & TCP_F_LOSS);
}

static void test_frto_duplicate_ack_first_ends_it(void **state)
{
	timeout(false, false, 20 * MSS);
	in(".", 1, 1, 0);
	in(".", 1, SEG(1), 0);
	out(".", SEG(1), 1, MSS);
	out(".", SEG(2), 1, MSS);
	no_out();
	in(".", 1, SEG(2), 0);
	count_is(frto_detections, 0);
}

static void test_frto_without_new_data_retransmits(void **state)
{
	timeout(false, false, 0);
	in(".", 1, SEG(1), 0);
	out(".", SEG(1), 1, MSS);
	out(".", SEG(2), 1, MSS);
	no_out();
	in(".", 1, SEG(2), 0);
	count_is(frto_detections, 0);
}

static void test_frto_without_a_window_retransmits(void **state)
{
	th.wnd = 10 * MSS;
	timeout(false, false, 20 * MSS);
	th.wnd = 9 * MSS;
	in(".", 1, SEG(1), 0);
	out(".", SEG(1), 1, MSS);
	out(".", SEG(2), 1, MSS);
	no_out();
}

/* The application has less than a segment left: Nagle does not hold it back here. */
static void test_frto_sends_a_partial_segment(void **state)
{
	timeout(false, false, 100);
	in(".", 1, SEG(1), 0);
	out("P.", SEG(10), 1, 100);
	no_out();
	in(".", 1, SEG(2), 0);
	count_is(frto_detections, 1);
}

/* 3.2: nothing but the first segment has been sent again. */
static void test_frto_after_a_second_timeout_for_the_same_segment(void **state)
{
	for (int sack = 0; sack < 2; sack++) {
		th_fresh();
		th.wrote = 0;
		memset(th.stats, 0, sizeof(th.stats));
		timeout(sack, false, 20 * MSS);
		advance(400);
		out(".", 1, 1, MSS);
		in(".", 1, SEG(1), 0);
		new_data_goes();
		in(".", 1, SEG(2), 0);
		count_is(frto_detections, 1);
		count_is(rto_fires, 2);
		assert_true(th.c->cwnd >= 10 * MSS);
		if (!sack)
			tcp_free(&th.env, th.c);
	}
}

/* 3.1 step 2: the originals arrive out of order, or a duplicate is answered first. */
static void test_frto_with_sack_waits_through_duplicate_acks(void **state)
{
	timeout(true, false, 20 * MSS);
	in(".", 1, 1, 0);
	no_out();
	th_sack(SEG(1), SEG(2));
	in(".", 1, 1, 0);
	th_drain();
	in(".", 1, SEG(2), 0);
	new_data_goes();
	in(".", 1, SEG(3), 0);
	count_is(frto_detections, 1);
	count_is(spurious_rtos, 1);
}

/* 3.1 step 3a: the acknowledgement tells of the two new segments too, so it may answer those. */
static void test_frto_with_sack_of_new_data_besides_is_a_loss(void **state)
{
	timeout(true, false, 20 * MSS);
	in(".", 1, SEG(1), 0);
	new_data_goes();
	th_sack(SEG(2), SEG(11));
	in(".", 1, SEG(1), 0);
	count_is(frto_detections, 0);
	assert_true(th.c->flags & TCP_F_LOSS);
	assert_true(th.c->cwnd <= 3 * MSS);
	out(".", SEG(1), 1, MSS);
}

static void test_frto_with_sack_ack_of_everything_proves_nothing(void **state)
{
	timeout(true, false, 20 * MSS);
	in(".", 1, SEG(1), 0);
	new_data_goes();
	in(".", 1, SEG(12), 0);
	count_is(frto_detections, 0);
	assert_true(th.c->cwnd <= 4 * MSS);
}

/* "Other types of ACKs are ignored without any action": text of the peer that reports an old duplicate besides. */
static void test_frto_ignores_what_is_neither_new_nor_duplicate(void **state)
{
	timeout(true, false, 20 * MSS);
	advance(400);
	out(".", 1, 1, MSS); /* sent twice: one report does not prove that both were needless */
	in(".", 1, SEG(1), 0);
	new_data_goes();
	th_sack(SEG(0), SEG(1));
	in("P.", 1, SEG(1), 10);
	count_is(in_dsacks, 1);
	count_is(spurious_rtos, 0);
	advance(50);
	out(".", SEG(12), 11, 0); /* the acknowledgement alone */
	in(".", 11, SEG(2), 0);
	count_is(frto_detections, 1);
}

static void test_frto_second_timeout_while_it_waits_retransmits(void **state)
{
	timeout(false, false, 20 * MSS);
	in(".", 1, SEG(1), 0);
	new_data_goes();
	advance(1000);
	out(".", SEG(1), 1, MSS);
	count_is(rto_fires, 2);
	in(".", 1, SEG(2), 0);
	count_is(frto_detections, 0);
}

static void test_frto_not_after_a_timeout_in_recovery(void **state)
{
	th.mss = MSS;
	th_active();
	th.c->cwnd = 10 * MSS;
	put(30 * MSS);
	out_full(10, 1, 1);
	for (int i = 0; i < 3; i++)
		in(".", 1, 1, 0);
	th_drain();
	advance(200);
	out(".", 1, 1, MSS);
	count_is(rto_fires, 1);
	in(".", 1, SEG(1), 0);
	out(".", SEG(1), 1, MSS);
}

/* The echoed timestamp says which copy arrived: there is nothing to wait for. */
static void test_frto_leaves_it_to_timestamps(void **state)
{
	timeout(true, true, 20 * MSS);
	in(".", 1, SEG(1), 0); /* echoes the retransmission */
	out(".", SEG(1), 1, MSS);
	count_is(frto_detections, 0);
}

/* The ACK takes a part of what was sent again: it says nothing. */
static void test_frto_part_of_the_segment_ends_it(void **state)
{
	timeout(false, false, 20 * MSS);
	in(".", 1, 501, 0);
	out(".", SEG(1), 1, MSS);
	in(".", 1, SEG(2), 0);
	count_is(frto_detections, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_frto_second_ack_that_advances_undoes_the_timeout),
		TEST(test_frto_with_sack_too),
		TEST(test_frto_sack_of_an_original_undoes_the_timeout),
		TEST(test_frto_ack_of_everything_undoes_the_timeout),
		TEST(test_frto_duplicate_ack_of_the_new_data_is_a_loss),
		TEST(test_frto_sack_of_the_new_data_alone_is_a_loss),
		TEST(test_frto_duplicate_ack_first_ends_it),
		TEST(test_frto_without_new_data_retransmits),
		TEST(test_frto_without_a_window_retransmits),
		TEST(test_frto_sends_a_partial_segment),
		TEST(test_frto_after_a_second_timeout_for_the_same_segment),
		TEST(test_frto_with_sack_waits_through_duplicate_acks),
		TEST(test_frto_with_sack_of_new_data_besides_is_a_loss),
		TEST(test_frto_with_sack_ack_of_everything_proves_nothing),
		TEST(test_frto_ignores_what_is_neither_new_nor_duplicate),
		TEST(test_frto_second_timeout_while_it_waits_retransmits),
		TEST(test_frto_not_after_a_timeout_in_recovery),
		TEST(test_frto_leaves_it_to_timestamps),
		TEST(test_frto_part_of_the_segment_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
