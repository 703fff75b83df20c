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

/*
 * RFC 9937 8: cwnd and flight (segments) after each acknowledgement, and what is sent. It counts segments, we bytes: half a
 * segment that may go waits for the other half, so one acknowledgement's difference is allowed.
 */
static void test_prr_figure_1(void **state)
{
	static const char sent[] = "NNR-N-N-N-N-N-N-N-N-NN";
	uint32_t ours = 0, theirs = 0;

	flight(20, 0);
	put(40 * MSS);
	for (uint32_t n = 1; n <= 21; n++) {
		uint32_t now = sent_by_sack(0, 1, n + 1);

		th.now += 10000; /* ns */
		assert_true(now <= 1);
		ours += now;
		theirs += sent[n - 1] != '-';
		assert_true(ours == theirs || ours + 1 == theirs);
		assert_true(th.c->cwnd >= 10 * MSS);
	}
	assert_int_equal(tcp_pipe(th.c), 10 * MSS);
	count_is(retrans_segs, 1);
	in(".", 1, SEG(22), 0);
	assert_false(th.c->flags & TCP_F_RECOVERY);
	assert_int_equal(th.c->cwnd, 10 * MSS);
}

static void test_prr_figure_2(void **state)
{
	static const struct {
		uint32_t cwnd, pipe;
		bool again; /* what is sent is a retransmission */
	} t[] = { { 20, 19, false }, { 20, 19, false }, { 5, 4, true }, { 5, 4, true }, { 5, 4, true } };

	flight(20, 0);
	put(40 * MSS);
	for (uint32_t i = 0; i < 5; i++) {
		uint64_t again = th.stats[XTCP_USER_retrans_segs];
		uint32_t sent = th.c->segs_out;

		th_sack(SEG(15), SEG(16 + i));
		in(".", 1, SEG(0), 0);
		assert_int_equal(th.c->cwnd, t[i].cwnd * MSS);
		assert_int_equal(tcp_pipe(th.c), t[i].pipe * MSS);
		th_drain();
		assert_int_equal(th.c->segs_out - sent, 1);
		assert_int_equal(th.stats[XTCP_USER_retrans_segs] - again, t[i].again);
	}
}

/* 7: what the application did not fill is made up for, to where flight would be. */
static void test_prr_banks_what_the_application_left(void **state)
{
	uint32_t total = 0;

	flight(20, 0);
	for (uint32_t to = 2; to <= 12; to++)
		total += sent_by_sack(0, 1, to); /* nothing queued: the retransmission alone */
	assert_int_equal(total, 1);
	put(40 * MSS);
	total += sent_by_sack(0, 1, 13);
	assert_int_equal(total, 3);
	assert_int_equal(tcp_pipe(th.c), 10 * MSS);
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
		TEST(test_prr_figure_1),
		TEST(test_prr_figure_2),
		TEST(test_prr_banks_what_the_application_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
