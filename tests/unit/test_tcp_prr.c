// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_prr.c - what may be sent in recovery (RFC 9937). Twenty segments are in flight, so ssthresh becomes ten. */
#include "tcp_harness.h"

#define MSS 1000u
#define SEG(n) (1 + (n)*MSS)

static void flight(uint32_t n, uint32_t queued)
{
	th.sack = true;
	th.mss = MSS;
	th_active();
	th.c->cwnd = n * MSS;
	put((n + queued) * MSS);
	out_full(n, 1, 1);
	advance(1);
}

/* How many segments the SACK of [from, to) lets go. */
static uint32_t sent_by_sack(uint32_t ack, uint32_t from, uint32_t to)
{
	uint32_t before = th.c->segs_out;

	th_sack(SEG(from), SEG(to));
	in(".", 1, SEG(ack), 0);
	th_drain();
	return th.c->segs_out - before;
}

static void test_prr_spreads_the_reduction_over_the_round_trip(void **state)
{
	uint32_t total;

	flight(20, 0);
	total = sent_by_sack(0, 1, 2) + sent_by_sack(0, 1, 3);
	assert_int_equal(total, 0);
	total = sent_by_sack(0, 1, 4);
	assert_int_equal(total, 1); /* the fast retransmit */
	put(20 * MSS);
	for (uint32_t to = 5; to <= 20; to++) {
		uint32_t n = sent_by_sack(0, 1, to);

		assert_true(n <= 1);
		total += n;
		if (to == 12)
			assert_in_range(total, 4,
					5); /* nine delivered: half as many, neither all at first nor all at the end */
	}
	assert_int_equal(total, 10); /* half a window, as it was to be */
	assert_int_equal(th.c->ssthresh, 10 * MSS);
}

static void test_prr_ends_at_ssthresh(void **state)
{
	flight(20, 0);
	sent_by_sack(0, 1, 4);
	assert_true(th.c->flags & TCP_F_RECOVERY);
	assert_int_not_equal(th.c->cwnd, 10 * MSS);
	in(".", 1, SEG(20), 0);
	assert_false(th.c->flags & TCP_F_RECOVERY);
	assert_int_equal(th.c->cwnd, 10 * MSS);
}

/* Most of the flight is lost: as in slow start, two for each that is delivered, up to ssthresh. */
static void test_prr_below_ssthresh_slow_starts(void **state)
{
	flight(20, 0);
	assert_int_equal(sent_by_sack(0, 17, 20), 3); /* no more than was delivered */
	advance(1);
	in(".", 1, SEG(1), 0);
	out(".", SEG(3), 1, MSS);
	out(".", SEG(4), 1, MSS);
	no_out();
	assert_true(th.c->cwnd <= 10 * MSS);
}

/* An acknowledgement that shows more losses lets go no more than it delivers. */
static void test_prr_more_losses_are_not_safe(void **state)
{
	flight(20, 0);
	assert_int_equal(sent_by_sack(0, 9, 12), 2); /* nine lost, and up to ssthresh */
	advance(1);
	assert_int_equal(sent_by_sack(1, 16, 20), 6); /* eight delivered, two sent before; four more lost */
}

static void test_prr_never_stops_with_nothing_in_flight(void **state)
{
	flight(20, 0);
	sent_by_sack(0, 17, 20);
	assert_true(th.c->cwnd >= MSS);
	assert_true(tcp_pipe(th.c) > 0);
}

/* The timer, not an acknowledgement, starts recovery: the fast retransmit goes out all the same. */
static void test_prr_recovery_by_the_timer_retransmits(void **state)
{
	flight(20, 5);
	th_sack(SEG(1), SEG(2));
	in(".", 1, 1, 0);
	out(".", SEG(20), 1, MSS);
	no_out();
	advance(1);
	out(".", SEG(0), 1, MSS);
	no_out();
	count_is(fast_recoveries, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_prr_spreads_the_reduction_over_the_round_trip),
		TEST(test_prr_ends_at_ssthresh),
		TEST(test_prr_below_ssthresh_slow_starts),
		TEST(test_prr_more_losses_are_not_safe),
		TEST(test_prr_never_stops_with_nothing_in_flight),
		TEST(test_prr_recovery_by_the_timer_retransmits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
