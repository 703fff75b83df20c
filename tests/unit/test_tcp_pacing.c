// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_pacing.c - algorithms that have only a window, paced by it (pacer.c, TCP_PACE_WINDOW). */
#include "bottleneck.h"

#define MSS 1460u
#define RTT_MS 40u
#define RATE 2500000u /* bytes/s: 20 Mbit/s */
#define BDP (RATE / 1000 * RTT_MS)

static void begin(void)
{
	th.sack = true;
	th.wscale = 7;
	th.wnd = 65535;
	th_memory(64u << 20);
	th_active();
	in(".", 1, 1, 0);
	th.c->srtt_us_x8 = 8 * RTT_MS * 1000;
	th.c->rttvar_us_x4 = 4 * 1000;
	th.c->rto_us = 400000;
}

static uint32_t burst(void)
{
	uint32_t n = 0;
	struct tcp_seg s;

	while (tcp_output(&th.env, th.c, &s, th.now))
		n += s.len > 0;
	return n;
}

/* Linux's: twice cwnd in a round trip below half of ssthresh, else 1.2 times. */
static void test_pacing_rate_is_twice_cwnd_in_slow_start_and_a_fifth_more_later(void **state)
{
	begin();
	th.c->cwnd = 50 * MSS;
	tcp_set_pacing(th.c, true);
	assert_int_equal(tcp_pacing_rate_now(th.c), 2 * 50 * MSS * 1000 / RTT_MS);
	th.c->ssthresh = 60 * MSS;
	put(MSS);
	burst();
	in(".", 1, 1 + MSS, 0); /* the rate is made anew once in a round trip */
	assert_in_range(tcp_pacing_rate_now(th.c), 50ull * MSS * 1200 / RTT_MS,
			50ull * MSS * 1200 * 115 / 100 / RTT_MS);
	tcp_set_pacing(th.c, false);
	assert_int_equal(tcp_pacing_rate_now(th.c), 0);
	assert_int_equal(th.c->pace, 0);
}

static void test_pacing_spreads_a_window_over_the_round_trip(void **state)
{
	begin();
	th.c->cwnd = th.c->ssthresh = 50 * MSS;
	tcp_set_pacing(th.c, true);
	put(50 * MSS);
	assert_in_range(burst(), 2, 4);
	for (uint32_t ms = 0; ms < RTT_MS / 2; ms++)
		advance(1);
	assert_in_range(tcp_flight(th.c) / MSS, 29, 34); /* 1.2 times 25, and a burst */
	for (uint32_t ms = 0; ms < RTT_MS / 2; ms++)
		advance(1);
	assert_int_equal(tcp_flight(th.c) / MSS, 50);
}

static void test_pacing_is_set_for_all_by_configuration_and_implied_by_a_limit(void **state)
{
	begin();
	assert_int_equal(th.c->pace, 0);
	tcp_pacing_limit(th.c, 1u << 30);
	assert_true(th.c->pace & TCP_PACE_WINDOW);
	assert_int_equal(tcp_pacing_rate_now(th.c), 2 * 10 * MSS * 1000 / RTT_MS);
	tcp_pacing_limit(th.c, 0);
	assert_int_equal(th.c->pace, 0);
	th_teardown(state);
	th_setup(state);
	th.env.conf.pacing = true;
	begin();
	put(MSS);
	burst();
	in(".", 1, 1 + MSS, 0);
	assert_true(th.c->pace & TCP_PACE_ON);
	tcp_cc_set(th.c, TCP_CC_BBR); /* which has its own */
	assert_false(th.c->pace & TCP_PACE_WINDOW);
	assert_true(th.c->pace & TCP_PACE_ON);
	tcp_cc_set(th.c, TCP_CC_CUBIC);
	assert_true(th.c->pace & TCP_PACE_WINDOW);
}

/* RFC 8985 7.3: a probe does not wait, with new data or old; but what follows pays for it. */
static void test_pacing_loss_probe_goes_at_once_and_is_charged(void **state)
{
	uint64_t next;

	begin();
	th.c->cwnd = 50 * MSS;
	tcp_pacing_limit(th.c, 10 * MSS); /* one in 100 ms */
	put(2 * MSS);
	assert_int_equal(burst(), 2);
	assert_int_equal(burst(), 0);
	next = tcp_cold(th.c)->pace.next_ns;
	assert_true(next >= th.now + 190 * TH_MS);
	advance(90); /* two round trips: the probe's time, and not yet the pacer's */
	assert_int_equal(tcp_cold(th.c)->account.retrans_segs, 1);
	assert_true(tcp_cold(th.c)->pace.next_ns >= next + 99 * TH_MS);
	th_drain();
}

static void test_pacing_loss_probe_with_new_data_goes_at_once(void **state)
{
	begin();
	th.c->cwnd = 50 * MSS;
	tcp_pacing_limit(th.c, 10 * MSS);
	put(5 * MSS);
	assert_int_equal(burst(), 2);
	advance(90);
	assert_int_equal(tcp_flight(th.c), 3 * MSS);
	count_is(loss_probes, 1);
	th_drain();
}

/* Retransmissions after the first are paced like all other data. */
static void test_pacing_holds_the_retransmissions_behind_the_first(void **state)
{
	begin();
	th.c->cwnd = th.c->ssthresh = 50 * MSS;
	put(40 * MSS);
	burst();
	advance(RTT_MS);
	tcp_pacing_limit(th.c, 100 * MSS);
	th_sack(1 + 20 * MSS, 1 + 40 * MSS);
	in(".", 1, 1, 0);
	assert_true(th.c->lost >= 19 * MSS);
	assert_in_range(burst(), 1, 3);
	th_drain();
}

/* The pacer's turn to hold back, for a moment: cwnd has been full in this round trip, and grows. */
static void test_pacing_held_for_a_moment_is_not_limited_by_the_application(void **state)
{
	begin();
	tcp_set_pacing(th.c, true);
	put(100 * MSS);
	for (uint32_t ms = 0; ms < RTT_MS; ms++)
		advance(1);
	assert_int_equal(tcp_flight(th.c), 10 * MSS);
	in(".", 1, 1 + 4 * MSS, 0);
	assert_int_equal(th.c->cwnd, 14 * MSS);
	burst();
	assert_true(th.c->pace & TCP_PACE_HELD);
	assert_true(tcp_flight(th.c) < 13 * MSS);
	in(".", 1, 1 + 6 * MSS, 0);
	assert_int_equal(th.c->cwnd, 16 * MSS);
	th_drain();
}

/* What the application's limit holds back all the time has no use for a larger cwnd. */
static void test_pacing_below_the_window_by_a_limit_keeps_cwnd(void **state)
{
	begin();
	tcp_pacing_limit(th.c, 3 * MSS * 1000 / RTT_MS);
	put(150 * MSS);
	for (uint32_t i = 0; i < 10; i++) {
		for (uint32_t ms = 0; ms < RTT_MS; ms++)
			advance(1);
		in(".", 1, th.c->snd_nxt - TH_ISS, 0);
	}
	assert_int_equal(th.c->cwnd, 10 * MSS);
	th_drain();
}

/* A fifth more than cwnd in a round trip: it stays cwnd that limits, and it grows as without pacing. */
static void test_pacing_does_not_slow_reno_and_cubic_down(void **state)
{
	static const uint8_t cc[] = { TCP_CC_RENO, TCP_CC_CUBIC };
	uint64_t dropped[2];

	for (size_t i = 0; i < sizeof(cc); i++) {
		for (uint32_t paced = 0; paced < 2; paced++) {
			struct bn_conf conf = {
				.rate = RATE, .delay_ns = RTT_MS / 2 * TH_MS, .buffer = BDP, .flows = 1
			};

			conf.cc = cc[i];
			th.env.conf.pacing = paced;
			bn_open(&conf);
			bn_run(10000);
			bn_count();
			bn_run(20000);
			assert_true(!!(bn_flow(0)->c->pace & TCP_PACE_ON) == !!paced);
			assert_in_range(bn_used(0), 93, 100);
			dropped[paced] = bn_dropped_ppm();
			bn_close();
		}
		assert_true(dropped[1] <= dropped[0]);
	}
}

/* A buffer of an initial window: bursts of slow start do not fit, what is spread does. */
static void test_pacing_makes_a_small_buffer_do(void **state)
{
	uint32_t used[2];

	for (uint32_t paced = 0; paced < 2; paced++) {
		struct bn_conf conf = { .rate = 4 * RATE, .delay_ns = RTT_MS / 2 * TH_MS, .flows = 1 };

		conf.buffer = 12 * (BN_MSS + 52);
		conf.cc = TCP_CC_RENO;
		th.env.conf.pacing = paced;
		bn_open(&conf);
		bn_run(1000);
		used[paced] = bn_used(0);
		bn_close();
	}
	printf("# used of the first second: %u %% unpaced, %u %% paced\n", used[0], used[1]);
	assert_true(used[1] > 2 * used[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pacing_rate_is_twice_cwnd_in_slow_start_and_a_fifth_more_later),
		TEST(test_pacing_spreads_a_window_over_the_round_trip),
		TEST(test_pacing_is_set_for_all_by_configuration_and_implied_by_a_limit),
		TEST(test_pacing_loss_probe_goes_at_once_and_is_charged),
		TEST(test_pacing_loss_probe_with_new_data_goes_at_once),
		TEST(test_pacing_holds_the_retransmissions_behind_the_first),
		TEST(test_pacing_held_for_a_moment_is_not_limited_by_the_application),
		TEST(test_pacing_below_the_window_by_a_limit_keeps_cwnd),
		TEST(test_pacing_does_not_slow_reno_and_cubic_down),
		TEST(test_pacing_makes_a_small_buffer_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
