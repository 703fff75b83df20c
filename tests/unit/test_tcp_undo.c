// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_undo.c - reductions of cwnd that were needless are taken back: by timestamps (RFC 3522), by DSACK (RFC 2883). */
#include "tcp_harness.h"

#define MSS 1000u
#define SEG(n) (1 + (n)*MSS)

static uint32_t first_tsval; /* of the flight */

static void flight(uint32_t n, bool sack, bool ts)
{
	th.sack = sack;
	th.ts = ts;
	th.mss = ts ? MSS + 12 : MSS;
	th_active();
	th.c->cwnd = n * MSS;
	put(n * MSS);
	out_full(n, 1, 1);
	first_tsval = th.opts.tsval;
	advance(2); /* sooner than a loss probe */
}

static void sack(uint32_t ack, uint32_t from, uint32_t to)
{
	th_sack(SEG(from), SEG(to));
	in(".", 1, SEG(ack), 0);
}

/* Three SACKed segments above the first, which is sent again; then 5 ms. */
static void recovery(bool ts)
{
	flight(10, true, ts);
	sack(0, 1, 4);
	out(".", SEG(0), 1, MSS);
	no_out();
	assert_true(th.c->flags & TCP_F_RECOVERY);
	assert_int_equal(th.c->ssthresh, 5 * MSS);
	advance(5);
}

static void test_undo_recovery_by_timestamp(void **state)
{
	recovery(true);
	th.opts.tsval = first_tsval; /* the original has arrived, late */
	in(".", 1, SEG(4), 0);
	assert_false(th.c->flags & TCP_F_RECOVERY);
	assert_true(th.c->cwnd >= 10 * MSS);
	assert_true(th.c->ssthresh > 10 * MSS);
	count_is(spurious_losses, 1);
	no_out();
}

static void test_undo_not_when_the_retransmission_is_echoed(void **state)
{
	recovery(true);
	in(".", 1, SEG(4), 0); /* echoes what out() took last */
	assert_true(th.c->flags & TCP_F_RECOVERY);
	in(".", 1, SEG(10), 0);
	assert_int_equal(th.c->cwnd, 5 * MSS);
	count_is(spurious_losses, 0);
}

static void test_undo_by_dsack_after_recovery(void **state)
{
	recovery(false);
	in(".", 1, SEG(10), 0);
	assert_int_equal(th.c->cwnd, 5 * MSS);
	sack(10, 0, 1);
	assert_int_equal(th.c->cwnd, 10 * MSS);
	count_is(spurious_losses, 1);
	sack(10, 0, 1); /* once */
	count_is(spurious_losses, 1);
}

static void test_undo_by_dsack_wants_all_of_them(void **state)
{
	flight(10, true, false);
	sack(0, 5, 10);
	for (uint32_t i = 0; i < 5; i++)
		out(".", SEG(i), 1, MSS);
	advance(5);
	in(".", 1, SEG(10), 0);
	for (uint32_t i = 0; i < 4; i++)
		sack(10, i, i + 1);
	count_is(spurious_losses, 0);
	assert_int_equal(th.c->cwnd, 5 * MSS);
	sack(10, 4, 5);
	count_is(spurious_losses, 1);
	assert_int_equal(th.c->cwnd, 10 * MSS);
}

/* The duplicate is the loss probe's, which went before the recovery: of that it says nothing. */
static void test_undo_not_by_dsack_of_a_loss_probe(void **state)
{
	flight(10, true, false);
	advance(100);
	count_is(loss_probes, 1);
	out("P.", SEG(9), 1, MSS);
	sack(0, 1, 4);
	out(".", SEG(0), 1, MSS);
	assert_true(th.c->flags & TCP_F_RECOVERY);
	th_sack(SEG(9), SEG(10));
	th_sack(SEG(1), SEG(10));
	in(".", 1, 1, 0);
	count_is(in_dsacks, 1);
	count_is(spurious_losses, 0);
	assert_true(th.c->flags & TCP_F_RECOVERY);
	in(".", 1, SEG(10), 0);
	sack(10, 0, 1); /* but this one is the retransmission's */
	count_is(spurious_losses, 1);
}

static void test_undo_not_by_dsack_of_earlier_data(void **state)
{
	flight(10, true, false);
	in(".", 1, SEG(2), 0);
	put(2 * MSS);
	th_drain();
	advance(2);
	sack(2, 3, 6);
	out(".", SEG(2), 1, MSS);
	in(".", 1, SEG(12), 0);
	sack(12, 0, 1); /* duplicated by the network before all this */
	count_is(spurious_losses, 0);
}

/* The whole path paused: the timeout was needless, nothing but the first is sent again. */
static void timeout(bool sacks)
{
	flight(10, sacks, true);
	th.c->probe_deadline = TCP_NEVER; /* no loss probe */
	advance(198);
	out(".", SEG(0), 1, MSS);
	count_is(rto_fires, 1);
	assert_int_equal(th.c->cwnd, MSS);
	advance(5);
	th.opts.tsval = first_tsval;
	in(".", 1, SEG(1), 0);
	assert_false(th.c->flags & TCP_F_LOSS);
	assert_true(th.c->cwnd >= 10 * MSS);
	assert_int_equal(th.c->lost, 0);
	no_out();
	in(".", 1, SEG(10), 0);
	count_is(retrans_segs, 1);
	count_is(spurious_losses, 1);
}

static void test_undo_timeout_by_timestamp(void **state)
{
	timeout(true);
}

static void test_undo_timeout_by_timestamp_without_sack(void **state)
{
	timeout(false);
}

/* The timeout came on top of a recovery: both are undone. */
static void test_undo_timeout_in_recovery_restores_what_was_before_both(void **state)
{
	recovery(true);
	advance(400);
	th_drain();
	count_is(rto_fires, 1);
	th.opts.tsval = first_tsval;
	in(".", 1, SEG(4), 0);
	assert_true(th.c->cwnd >= 10 * MSS);
	count_is(spurious_losses, 1);
}

static void test_undo_widens_the_reordering_window(void **state)
{
	recovery(false);
	in(".", 1, SEG(10), 0);
	sack(10, 0, 1);
	assert_int_equal(th.c->reo_mult, 1);
	assert_true(th.c->loss_flags & TCP_L_REORDERING);
}

/*
 * Two were only late, and were sent again; the first one's arrival shows it. The second is still under way twice when a later
 * one proves lost: it does not hide behind that retransmission, which is newer than all else.
 */
static void test_undo_then_a_loss_behind_a_retransmission(void **state)
{
	flight(12, true, true);
	sack(0, 2, 5);
	out(".", SEG(0), 1, MSS);
	out(".", SEG(1), 1, MSS);
	advance(1);
	th.opts.tsval = first_tsval;
	sack(1, 2, 7);
	count_is(spurious_losses, 1);
	th.opts.tsval = first_tsval;
	sack(1, 8, 12); /* not the eighth */
	advance(2);	/* more than the reordering window */
	out(".", SEG(7), 1, MSS);
	no_out();
	assert_true(th.c->flags & TCP_F_RECOVERY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_undo_recovery_by_timestamp),
		TEST(test_undo_not_when_the_retransmission_is_echoed),
		TEST(test_undo_by_dsack_after_recovery),
		TEST(test_undo_by_dsack_wants_all_of_them),
		TEST(test_undo_not_by_dsack_of_a_loss_probe),
		TEST(test_undo_not_by_dsack_of_earlier_data),
		TEST(test_undo_timeout_by_timestamp),
		TEST(test_undo_timeout_by_timestamp_without_sack),
		TEST(test_undo_timeout_in_recovery_restores_what_was_before_both),
		TEST(test_undo_widens_the_reordering_window),
		TEST(test_undo_then_a_loss_behind_a_retransmission),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
