// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_tcp_cc_bbr.c - BBR in a closed loop with a bottleneck (bottleneck.h): that it finds the bandwidth, keeps the
 * queue short, drains, shares, and does not mind a few losses.
 */
#include "bottleneck.h"
#include "tcp/cc_bbr.h"

#define RATE 2500000u /* bytes/s: 20 Mbit/s */
#define RTT_MS 40u
#define BDP (RATE / 1000 * RTT_MS)

static const struct bn_conf path = {
	.rate = RATE, .delay_ns = RTT_MS / 2 * TH_MS, .buffer = 4 * BDP, .cc = TCP_CC_BBR, .flows = 1
};

static struct bbr *model(uint32_t flow)
{
	return bbr_of(bn_flow(flow)->c);
}

static void test_bbr_startup_finds_the_bandwidth_in_a_few_round_trips(void **state)
{
	bn_open(&path);
	bn_run(12 * RTT_MS);
	assert_in_range(bbr_max_bw(model(0)), RATE * 90ull / 100, RATE * 102ull / 100);
	assert_true(model(0)->full_bw_reached);
	bn_close();
}

static void test_bbr_drain_empties_the_queue_of_startup(void **state)
{
	bn_open(&path);
	bn_run(12 * RTT_MS);
	bn_count();
	bn_run(12 * RTT_MS);
	assert_true(bn_queue_min() < BDP / 10);
	bn_close();
}

static void test_bbr_steady_state_is_full_and_the_queue_short(void **state)
{
	bn_open(&path);
	bn_run(2000);
	bn_count();
	bn_run(20000);
	assert_in_range(bn_used(0), 90, 100);
	assert_true(bn_queue_mean() < BDP / 2);
	assert_int_equal(bn_dropped_ppm(), 0);
	assert_in_range(model(0)->min_rtt_us, RTT_MS * 1000, RTT_MS * 1000 + 3000);
	bn_close();
}

/* CUBIC in the same place fills the buffer: the model can tell. */
static void test_bbr_queue_is_shorter_than_cubics(void **state)
{
	struct bn_conf conf = path;

	conf.cc = TCP_CC_CUBIC;
	bn_open(&conf);
	bn_run(2000);
	bn_count();
	bn_run(20000);
	assert_true(bn_queue_mean() > BDP);
	bn_close();
}

static void test_bbr_random_loss_costs_little(void **state)
{
	struct bn_conf conf = path;
	uint32_t used;

	conf.loss_ppm = 15000;
	bn_open(&conf);
	bn_run(2000);
	bn_count();
	bn_run(20000);
	used = bn_used(0);
	bn_close();
	assert_true(used >= 75);
	conf.cc = TCP_CC_RENO;
	th_teardown(state);
	th_setup(state);
	bn_open(&conf);
	bn_run(2000);
	bn_count();
	bn_run(20000);
	assert_true(bn_used(0) < used / 2);
	bn_close();
}

static void test_bbr_probe_rtt_comes_after_five_seconds(void **state)
{
	uint32_t seen = 0;

	bn_open(&path);
	bn_run(3000);
	for (int i = 0; i < 1000; i++) {
		bn_run(10);
		if (model(0)->state != BBR_PROBE_RTT)
			continue;
		seen++;
		assert_true(bn_flow(0)->c->cwnd <= BDP);
	}
	assert_in_range(seen, 20, 100); /* once or twice, 200 ms and a round trip each */
	bn_close();
}

static void test_bbr_two_flows_share(void **state)
{
	struct bn_conf conf = path;

	conf.flows = 2;
	conf.later_ns = 3 * TH_S;
	bn_open(&conf);
	bn_run(20000);
	bn_count();
	bn_run(30000);
	assert_true(bn_used(0) + bn_used(1) >= 88);
	assert_true(bn_used(0) >= 25 && bn_used(1) >= 25);
	assert_true(bn_queue_mean() < 3 * BDP / 2);
	bn_close();
}

static void test_bbr_shallow_buffer_does_not_lose_for_ever(void **state)
{
	struct bn_conf conf = path;

	conf.buffer = BDP / 4;
	bn_open(&conf);
	bn_run(3000);
	bn_count();
	bn_run(20000);
	assert_true(bn_used(0) >= 75);
	assert_true(bn_dropped_ppm() < 20000);
	assert_true(model(0)->inflight_longterm != BBR_NONE);
	bn_close();
}

/* The long-term bound, set by the losses of a shallow buffer, grows again where there is room. */
static void test_bbr_more_bandwidth_is_found_in_spite_of_the_bound(void **state)
{
	struct bn_conf conf = path;

	conf.buffer = BDP / 4;
	bn_open(&conf);
	bn_run(5000);
	assert_true(model(0)->inflight_longterm < 2 * BDP);
	bn_rate(8 * RATE);
	bn_run(15000);
	bn_count();
	bn_run(5000);
	assert_true(bn_used(0) >= 60);
	assert_true(model(0)->inflight_longterm > 4 * BDP);
	bn_close();
}

static void test_bbr_restart_from_idle_keeps_the_model(void **state)
{
	struct tcp_conn *c;

	bn_open(&path);
	bn_run(3000);
	c = bn_flow(0)->c;
	bn_flow(0)->idle = true;
	bn_run(3000);
	assert_int_equal(tcp_flight(c), 0);
	bn_flow(0)->idle = false;
	bn_count();
	bn_run(1000);
	assert_in_range(bn_used(0), 85, 100);
	assert_int_equal(bn_dropped_ppm(), 0);
	assert_true(c->cwnd > BDP);
	bn_close();
}

/* What is drawn depends on the connection alone: the same twice, another for another. */
static void test_bbr_waits_are_random_and_repeatable(void **state)
{
	uint64_t wait[3];

	for (int i = 0; i < 3; i++) {
		th_teardown(state);
		th_setup(state);
		th.env.conf.fixed_isn = i < 2 ? TH_ISS : 4711;
		bn_open(&path);
		bn_run(2000);
		wait[i] = model(0)->probe_wait_ns;
		assert_in_range(wait[i], 2 * TH_S, 3 * TH_S);
		bn_close();
	}
	assert_true(wait[0] == wait[1]);
	assert_true(wait[0] != wait[2]);
}

static void test_bbr_switch_in_mid_connection_goes_on(void **state)
{
	struct bn_conf conf = path;

	conf.cc = TCP_CC_RENO;
	bn_open(&conf);
	bn_run(3000);
	assert_int_equal(tcp_pacing_rate_now(bn_flow(0)->c), 0);
	tcp_cc_set(bn_flow(0)->c, TCP_CC_BBR);
	bn_run(5000);
	bn_count();
	bn_run(5000);
	assert_in_range(bn_used(0), 85, 100);
	assert_true(bn_queue_mean() < BDP);
	assert_true(tcp_pacing_rate_now(bn_flow(0)->c) > RATE / 2);
	tcp_cc_set(bn_flow(0)->c, TCP_CC_CUBIC);
	assert_int_equal(tcp_pacing_rate_now(bn_flow(0)->c), 0);
	bn_run(2000);
	bn_count();
	bn_run(5000);
	assert_in_range(bn_used(0), 90, 100);
	bn_close();
}

static void test_bbr_undo_of_a_needless_recovery_gives_all_back(void **state)
{
	const struct tcp_cc_event ev = { .now_ns = th.now };
	struct tcp_conn *c;
	uint32_t cwnd;

	bn_open(&path);
	bn_run(3000);
	c = bn_flow(0)->c;
	cwnd = c->cwnd;
	tcp_cc_bbr.loss(c, &ev);
	model(0)->bw_shortterm = RATE / 2;
	model(0)->inflight_shortterm = BDP / 2;
	c->cwnd = BDP / 2;
	tcp_cc_bbr.undo(c, &ev);
	assert_int_equal(c->cwnd, cwnd);
	assert_true(model(0)->bw_shortterm == BBR_BW_NONE);
	assert_true(model(0)->inflight_shortterm == BBR_NONE);
	bn_close();
}

/* A mark while probing bounds what may be in flight, as a loss would, and ends the probe. */
static void test_bbr_congestion_mark_ends_a_probe(void **state)
{
	struct tcp_cc_event ev = { .ce = BN_MSS, .prior_flight = BDP };

	bn_open(&path);
	bn_run(1000);
	for (int i = 0; i < 10000 && !(model(0)->state == BBR_UP && model(0)->probe_sample); i++)
		bn_run(1);
	assert_int_equal(model(0)->state, BBR_UP);
	ev.now_ns = th.now;
	tcp_cc_bbr.ecn(bn_flow(0)->c, &ev);
	bn_run(2);
	assert_int_equal(model(0)->state, BBR_DOWN);
	assert_true(model(0)->inflight_longterm <= BDP + 4 * BN_MSS);
	bn_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bbr_startup_finds_the_bandwidth_in_a_few_round_trips),
		TEST(test_bbr_drain_empties_the_queue_of_startup),
		TEST(test_bbr_steady_state_is_full_and_the_queue_short),
		TEST(test_bbr_queue_is_shorter_than_cubics),
		TEST(test_bbr_random_loss_costs_little),
		TEST(test_bbr_probe_rtt_comes_after_five_seconds),
		TEST(test_bbr_two_flows_share),
		TEST(test_bbr_shallow_buffer_does_not_lose_for_ever),
		TEST(test_bbr_more_bandwidth_is_found_in_spite_of_the_bound),
		TEST(test_bbr_restart_from_idle_keeps_the_model),
		TEST(test_bbr_waits_are_random_and_repeatable),
		TEST(test_bbr_switch_in_mid_connection_goes_on),
		TEST(test_bbr_undo_of_a_needless_recovery_gives_all_back),
		TEST(test_bbr_congestion_mark_ends_a_probe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
