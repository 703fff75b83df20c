// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_rfc4015.c - what follows a needless timeout: the Eifel response, step by step (RFC 4015 3.1). */
#include "tcp_harness.h"

#define MSS 1000u
#define SEG(n) (1 + (n)*MSS)

static uint32_t first_tsval;

/* Ten segments in flight, the timer sends the first again, and the original's acknowledgement is about to come. */
static void needless_timeout(uint32_t ssthresh)
{
	th.ts = true;
	if (!th.env.conf.ecn)
		th.env.conf.ecn = TCP_ECN_OFF;
	th.mss = MSS + 12;
	th_connect();
	th_drain();
	advance(10);
	in(th.env.conf.ecn == TCP_ECN_ON ? "S.E" : "S.", 0, 1, 0);
	th_drain();
	th.c->cwnd = 10 * MSS;
	if (ssthresh)
		th.c->ssthresh = ssthresh;
	put(10 * MSS);
	out_full(10, 1, 1);
	first_tsval = th.opts.tsval;
	advance(300);
	count_is(rto_fires, 1);
	out(".", 1, 1, MSS);
	assert_int_equal(th.c->cwnd, MSS);
	th.opts.tsval = first_tsval;
}

/* (9): cwnd is FlightSize + min(bytes_acked, IW), ssthresh is pipe_prev. */
static void test_rfc4015_window_by_bytes_acked(void **state)
{
	static const struct {
		uint32_t acked, cwnd; /* segments */
	} t[] = { { 1, 10 }, { 4, 10 }, { 9, 10 }, { 10, 10 } };

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		th_fresh();
		th.wrote = 0;
		memset(th.stats, 0, sizeof(th.stats));
		needless_timeout(5 * MSS);
		in(".", 1, SEG(t[i].acked), 0);
		count_is(spurious_rtos, 1);
		assert_int_equal(th.c->cwnd, t[i].cwnd * MSS);
		assert_int_equal(th.c->ssthresh, 10 * MSS); /* FlightSize, which was more than ssthresh */
		tcp_free(&th.env, th.c);
	}
}

/* pipe_prev is ssthresh in slow start. */
static void test_rfc4015_pipe_prev_in_slow_start(void **state)
{
	needless_timeout(30 * MSS);
	in(".", 1, SEG(1), 0);
	assert_int_equal(th.c->ssthresh, 30 * MSS);
}

/* (8), and (9) not: "the TCP sender MUST refrain from reversing congestion control state". */
static void test_rfc4015_congestion_echoed_keeps_the_reduction(void **state)
{
	th.env.conf.ecn = TCP_ECN_ON;
	needless_timeout(0);
	in(".E", 1, SEG(1), 0);
	count_is(spurious_rtos, 1);
	assert_int_equal(th.c->lost, 0); /* nothing is sent again */
	assert_false(th.c->flags & TCP_F_LOSS);
	assert_true(th.c->cwnd <= 2 * MSS);
	assert_int_equal(th.c->ssthresh, 5 * MSS);
	no_out();
}

/* The same for a fast recovery. */
static void test_rfc4015_congestion_echoed_in_fast_recovery(void **state)
{
	th.sack = true;
	th.env.conf.ecn = TCP_ECN_ON;
	th.ts = true;
	th.mss = MSS + 12;
	th_connect();
	th_drain();
	advance(10);
	in("S.E", 0, 1, 0);
	th_drain();
	th.c->cwnd = 10 * MSS;
	put(10 * MSS);
	out_full(10, 1, 1);
	first_tsval = th.opts.tsval;
	advance(2);
	th_sack(SEG(1), SEG(4));
	in(".", 1, 1, 0);
	out(".", 1, 1, MSS);
	th.opts.tsval = first_tsval;
	in(".E", 1, SEG(4), 0);
	count_is(spurious_losses, 1);
	assert_false(th.c->flags & TCP_F_RECOVERY);
	assert_int_equal(th.c->cwnd, 5 * MSS);
	assert_int_equal(th.c->ssthresh, 5 * MSS);
}

/* (11): SRTT and RTTVAR begin anew with the first segment that had not been sent at the time of the timeout. */
static void test_rfc4015_timer_adapts_by_the_first_new_segment(void **state)
{
	uint32_t old;

	needless_timeout(0);
	in(".", 1, SEG(10), 0); /* the whole flight: still by the rules of RFC 6298 */
	old = th.c->srtt_us_x8 >> 3;
	assert_in_range(old, 40000, 60000); /* 7/8 of 10 ms, 1/8 of 300 */
	put(MSS);
	out("P.", SEG(10), 1, MSS);
	advance(200);
	in(".", 1, SEG(11), 0);
	assert_in_range(th.c->srtt_us_x8 >> 3, 199000, 202000);
	assert_in_range(th.c->rttvar_us_x4 >> 2, 99000, 101000);
	assert_in_range(th.c->rto_us, 595000, 610000);
	put(MSS);
	out("P.", SEG(11), 1, MSS);
	advance(100);
	in(".", 1, SEG(12), 0); /* and from here on as ever */
	assert_in_range(th.c->srtt_us_x8 >> 3, 185000, 190000);
}

/* ... but are not smaller than they were before it. */
static void test_rfc4015_timer_is_no_shorter_than_before(void **state)
{
	uint32_t srtt, rttvar;

	needless_timeout(0);
	srtt = 10000;
	rttvar = 5000;
	in(".", 1, SEG(10), 0);
	put(MSS);
	out("P.", SEG(10), 1, MSS);
	advance(1);
	in(".", 1, SEG(11), 0);
	assert_int_equal(th.c->srtt_us_x8 >> 3, srtt + 2000); /* SRTT_prev: 2 * G more */
	assert_int_equal(th.c->rttvar_us_x4 >> 2, rttvar);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rfc4015_window_by_bytes_acked),
		TEST(test_rfc4015_pipe_prev_in_slow_start),
		TEST(test_rfc4015_congestion_echoed_keeps_the_reduction),
		TEST(test_rfc4015_congestion_echoed_in_fast_recovery),
		TEST(test_rfc4015_timer_adapts_by_the_first_new_segment),
		TEST(test_rfc4015_timer_is_no_shorter_than_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
