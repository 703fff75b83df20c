// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_cwv.c - a cwnd that was not used is kept, but not believed (RFC 7661). */
#include "tcp_harness.h"

#define MSS 1460u
#define RTT_MS 50
#define MINUTE_MS 60000ull

static uint32_t sent; /* bytes of the stream acknowledged so far */

static const struct tcp_cwv *cwv(void)
{
	return &tcp_cold_peek(th.c)->cwv;
}

/* Segments go, and are acknowledged one by one a round trip later. */
static void round_trip(uint32_t segs)
{
	put(segs * MSS);
	for (uint32_t ms = 0; ms < RTT_MS; ms++) /* let the pacer do its part */
		advance(1);
	th_drain();
	for (uint32_t i = 0; i < segs; i++)
		in(".", 1, 1 + (sent += MSS), 0);
}

/* With a round-trip time known to be RTT_MS. */
static void begin(void)
{
	th_memory(64u << 20);
	th_active();
	in(".", 1, 1, 0); /* a window with its scale */
	th.c->srtt_us_x8 = 8 * RTT_MS * 1000;
	th.c->rttvar_us_x4 = 4 * 1000;
	th.c->rto_us = 200000;
}

/* cwnd as left by a busy time, and one round trip in which segs of it are used. */
static void open_with(uint32_t cwnd_segs, uint32_t segs)
{
	th.sack = true;
	th.wscale = 7;
	th.wnd = 65535;
	sent = 0;
	begin();
	th.c->cwnd = th.c->ssthresh = cwnd_segs * MSS;
	round_trip(segs);
	th.c->cwnd = th.c->ssthresh = cwnd_segs * MSS; /* if it has grown */
}

/* Segments with data that leave at once; the rest waits. */
static uint32_t burst(void)
{
	uint32_t n = 0;
	struct tcp_seg s;

	while (tcp_output(&th.env, th.c, &s, th.now))
		n += s.len > 0;
	return n;
}

/* 4.1, 4.2 */
static void test_cwv_begins_undefined_and_measures_a_round_trip(void **state)
{
	th.sack = true;
	sent = 0;
	begin();
	assert_int_equal(cwv()->pipe.count, 0);
	assert_false(cwv()->unvalidated);
	round_trip(7);
	assert_int_equal(peak_get(&cwv()->pipe, (uint32_t)(th.now >> 20), 1000), 7 * MSS);
}

/* 4.3, 4.4: half is enough; less is not, and the window stays as it is. */
static void test_cwv_less_than_half_used_is_kept_but_not_validated(void **state)
{
	open_with(40, 20);
	assert_false(cwv()->unvalidated);
	th_teardown(state);
	th_setup(state);
	open_with(40, 19);
	assert_true(cwv()->unvalidated);
	for (int i = 0; i < 100; i++)
		round_trip(10);
	assert_int_equal(th.c->cwnd, 40 * MSS);
	assert_true(cwv()->unvalidated);
}

/* It takes a flow that is held back by cwnd for what it is, at every acknowledgement of slow start, also stretched ones. */
static void test_cwv_slow_start_is_validated_all_the_time(void **state)
{
	for (uint32_t stretch = 1; stretch <= 8; stretch *= 2) {
		th.sack = true;
		th.wscale = 10;
		th.wnd = 65535;
		begin();
		tcp_set_sndbuf(th.c, 4u << 20);
		put(1000 * MSS);
		burst();
		for (uint32_t rounds = 0; rounds < 5; rounds++) {
			uint32_t end = th.c->snd_nxt, una = th.c->snd_una;

			for (uint32_t ms = 0; ms < RTT_MS; ms++)
				advance(1);
			while (seq_lt(una, end)) {
				una = seq_min(una + stretch * MSS, end);
				in(".", 1, una - TH_ISS, 0);
				assert_false(cwv()->unvalidated);
				burst();
			}
		}
		assert_true(th.c->cwnd > 300 * MSS);
		th_teardown(state);
		th_setup(state);
	}
}

/* A whole window in one burst: its first acknowledgements show little, and that says nothing. */
static void test_cwv_first_acknowledgements_of_a_burst_decide_nothing(void **state)
{
	th.sack = true;
	th.wscale = 7;
	th.wnd = 65535;
	begin();
	th.c->cwnd = th.c->ssthresh = 40 * MSS;
	put(40 * MSS);
	assert_int_equal(burst(), 40);
	advance(RTT_MS);
	for (uint32_t k = 1; k <= 40; k++) {
		in(".", 1, 1 + k * MSS, 0);
		assert_false(cwv()->unvalidated);
	}
}

/* 4.2: what was sent during a recovery gives no sample after it. */
static void test_cwv_segments_sent_in_recovery_give_no_sample(void **state)
{
	uint32_t una;

	open_with(40, 40);
	put(50 * MSS);
	burst();
	advance(RTT_MS);
	una = 1 + sent;
	for (uint32_t i = 2; i <= 40; i++) { /* lets new segments go */
		th_sack(una + MSS, una + i * MSS);
		in(".", 1, una, 0);
		burst();
	}
	una = th.c->recover - TH_ISS;
	assert_true(seq_gt(th.c->snd_nxt, th.c->recover + MSS));
	advance(RTT_MS);
	in(".", 1, una, 0); /* it ends */
	assert_false(th.c->flags & TCP_F_RECOVERY);
	in(".", 1, una + MSS, 0);
	assert_int_equal(cwv()->pipe.count, 0);
}

/* 4.4 and 4.4.2: after silence cwnd is there still; an initial window goes at once, the rest over the round trip. */
static void test_cwv_after_silence_the_window_is_kept_and_paced(void **state)
{
	open_with(60, 60);
	assert_int_equal(th.c->pace, 0);
	advance(3000);
	put(60 * MSS);
	assert_in_range(burst(), 10, 13);
	assert_true(cwv()->unvalidated);
	assert_true(th.c->cwnd >= 60 * MSS);
	for (uint32_t ms = 0; ms < RTT_MS / 2; ms++)
		advance(1);
	assert_in_range((th.c->snd_nxt - th.c->snd_una) / MSS, 35, 50);
	for (uint32_t ms = 0; ms < RTT_MS / 2; ms++)
		advance(1);
	assert_int_equal((th.c->snd_nxt - th.c->snd_una) / MSS, 60);
	th_drain();
	for (uint32_t i = 0; i < 60; i++)
		in(".", 1, 1 + (sent += MSS), 0);
	assert_false(cwv()->unvalidated);
	assert_int_equal(th.c->pace, 0);
}

/* 4.2: a sample counts for a second, or three round trips. A shorter pause changes nothing. */
static void test_cwv_sample_counts_for_a_second(void **state)
{
	open_with(60, 60);
	advance(900);
	put(60 * MSS);
	assert_int_equal(burst(), 60);
	assert_false(cwv()->unvalidated);
}

static void test_cwv_sample_counts_for_three_round_trips(void **state)
{
	open_with(60, 60);
	th.c->srtt_us_x8 = 8 * 1000000;
	th.c->rto_us = 3000000;
	advance(2900);
	put(60 * MSS);
	assert_int_equal(burst(), 60);
	assert_false(cwv()->unvalidated);
}

/* 4.4.3: five minutes after it was last in use cwnd is halved, once for each such period, down to the initial window. */
static void test_cwv_unused_window_is_halved_every_five_minutes(void **state)
{
	static const struct {
		uint64_t minutes;
		uint32_t cwnd, ssthresh; /* segments */
	} t[] = { { 4, 80, 40 }, { 6, 40, 60 }, { 11, 20, 60 }, { 16, 10, 60 }, { 600, 10, 60 } };

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		open_with(80, 80);
		th.c->cwnd = 80 * MSS;
		th.c->ssthresh = 40 * MSS;
		advance(t[i].minutes * MINUTE_MS);
		put(MSS);
		th_drain();
		assert_int_equal(th.c->cwnd / MSS, t[i].cwnd);
		assert_int_equal(th.c->ssthresh / MSS, t[i].ssthresh);
		th_teardown(state);
		th_setup(state);
	}
}

/* The same for one that trickles all the time. */
static void test_cwv_trickle_does_not_keep_the_window_for_ever(void **state)
{
	open_with(80, 10);
	th.c->ssthresh = 40 * MSS;
	for (int i = 0; i < 290; i++) {
		round_trip(2);
		advance(950);
	}
	assert_int_equal(th.c->cwnd, 80 * MSS);
	for (int i = 0; i < 20; i++) {
		round_trip(2);
		advance(950);
	}
	assert_int_equal(th.c->cwnd, 40 * MSS);
	assert_int_equal(th.c->ssthresh, 60 * MSS);
}

/* The first of segs is lost, and the rest SACKed. */
static void lose_first(uint32_t segs)
{
	put(segs * MSS);
	for (uint32_t ms = 0; ms < RTT_MS; ms++)
		advance(1);
	th_drain();
	for (uint32_t i = 2; i <= segs; i++) {
		th_sack(1 + sent + MSS, 1 + sent + i * MSS);
		in(".", 1, 1 + sent, 0);
	}
}

/* 4.4.1: what was in use is halved, not what was kept; at the end what was sent again counts as never fitting. */
static void test_cwv_loss_halves_what_was_in_use(void **state)
{
	open_with(100, 30);
	assert_true(cwv()->unvalidated);
	lose_first(20);
	assert_true(th.c->flags & TCP_F_RECOVERY);
	assert_int_equal(th.c->ssthresh, 15 * MSS); /* pipeACK 30, LossFlightSize 20 */
	assert_false(cwv()->unvalidated);
	th_drain();
	in(".", 1, 1 + (sent += 20 * MSS), 0);
	assert_false(th.c->flags & TCP_F_RECOVERY);
	assert_int_equal(th.c->cwnd, 29 * MSS / 2); /* R is 1 */
	assert_int_equal(th.c->ssthresh, th.c->cwnd);
	assert_int_equal(cwv()->pipe.count, 0); /* undefined again */
}

/* LossFlightSize, where that is more: the kept window has been tried. */
static void test_cwv_loss_of_a_large_flight_counts_the_flight(void **state)
{
	open_with(100, 30);
	lose_first(80);
	assert_int_equal(th.c->ssthresh, 40 * MSS);
}

/* The standard response where cwnd was in use, and none of it in the next recovery. */
static void test_cwv_loss_with_a_validated_window_is_as_ever(void **state)
{
	open_with(40, 40);
	lose_first(12);
	assert_int_equal(th.c->ssthresh, 6 * MSS);
	th_drain();
	in(".", 1, 1 + (sent += 12 * MSS), 0);
	assert_int_equal(th.c->cwnd, 6 * MSS);
}

static void test_cwv_loss_costs_cubic_half_too(void **state)
{
	th.env.conf.cc = TCP_CC_CUBIC;
	open_with(100, 30);
	lose_first(20);
	assert_int_equal(th.c->ssthresh, 15 * MSS);
}

/* RFC 5681 4.1 holds where nothing has been measured since the recovery. */
static void test_cwv_undefined_after_recovery_restarts_from_the_initial_window(void **state)
{
	open_with(100, 30);
	lose_first(80);
	th_drain();
	in(".", 1, 1 + (sent += 80 * MSS), 0);
	assert_true(th.c->cwnd > 30 * MSS);
	advance(2000);
	put(60 * MSS);
	assert_int_equal(burst(), 10);
	assert_int_equal(th.c->cwnd, 10 * MSS);
}

/* 4.4: the timer ends the phase, and is as ever. */
static void test_cwv_timeout_ends_the_phase(void **state)
{
	open_with(100, 30);
	put(10 * MSS);
	for (uint32_t ms = 0; ms < RTT_MS; ms++)
		advance(1);
	th_drain();
	advance(2000);
	assert_true(th.c->flags & TCP_F_LOSS);
	assert_int_equal(th.c->ssthresh, 5 * MSS);
	assert_false(cwv()->unvalidated);
	assert_int_equal(cwv()->pipe.count, 0);
	assert_int_equal(th.c->pace, 0);
	th_drain();
}

/* A needless recovery costs nothing of the kept window. */
static void test_cwv_undo_brings_the_kept_window_back(void **state)
{
	open_with(100, 30);
	lose_first(20);
	th_drain();
	in(".", 1, 1 + (sent += 20 * MSS), 0);
	assert_int_equal(th.c->cwnd, 29 * MSS / 2);
	th_sack(1 + sent - 20 * MSS, 1 + sent - 19 * MSS); /* it had arrived twice */
	in(".", 1, 1 + sent, 0);
	assert_int_equal(th.c->cwnd, 100 * MSS);
	assert_int_equal(th.c->ssthresh, 100 * MSS);
	assert_int_equal(cwv()->base, 0);
}

/* A mark too meets what was in use; Reno gives up a fifth of that (RFC 8511). */
static void test_cwv_mark_reduces_what_was_in_use(void **state)
{
	struct tcp_cc_event ev = { .prior_flight = 20 * MSS };

	open_with(100, 30);
	ev.now_ns = th.now;
	assert_true(cwv_congestion(th.c, &ev));
	assert_int_equal(ev.prior_flight, 30 * MSS);
	assert_int_equal(th.c->cwnd, 30 * MSS);
	assert_false(cwv_congestion(th.c, &ev)); /* the phase is over */
}

/* The older rule, where it is asked for: no more than an initial window after an RTO's silence, and nothing else of this. */
static void test_cwv_idle_restart_instead(void **state)
{
	th.env.conf.idle_restart = true;
	open_with(100, 30);
	assert_int_equal(cwv()->pipe.count, 0);
	lose_first(20);
	assert_int_equal(th.c->ssthresh, 10 * MSS);
	th_drain();
	in(".", 1, 1 + (sent += 20 * MSS), 0);
	th.c->cwnd = 100 * MSS;
	advance(3000);
	put(60 * MSS);
	assert_int_equal(burst(), 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_cwv_begins_undefined_and_measures_a_round_trip),
		TEST(test_cwv_less_than_half_used_is_kept_but_not_validated),
		TEST(test_cwv_slow_start_is_validated_all_the_time),
		TEST(test_cwv_first_acknowledgements_of_a_burst_decide_nothing),
		TEST(test_cwv_segments_sent_in_recovery_give_no_sample),
		TEST(test_cwv_after_silence_the_window_is_kept_and_paced),
		TEST(test_cwv_sample_counts_for_a_second),
		TEST(test_cwv_sample_counts_for_three_round_trips),
		TEST(test_cwv_unused_window_is_halved_every_five_minutes),
		TEST(test_cwv_trickle_does_not_keep_the_window_for_ever),
		TEST(test_cwv_loss_halves_what_was_in_use),
		TEST(test_cwv_loss_of_a_large_flight_counts_the_flight),
		TEST(test_cwv_loss_with_a_validated_window_is_as_ever),
		TEST(test_cwv_loss_costs_cubic_half_too),
		TEST(test_cwv_undefined_after_recovery_restarts_from_the_initial_window),
		TEST(test_cwv_timeout_ends_the_phase),
		TEST(test_cwv_undo_brings_the_kept_window_back),
		TEST(test_cwv_mark_reduces_what_was_in_use),
		TEST(test_cwv_idle_restart_instead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
