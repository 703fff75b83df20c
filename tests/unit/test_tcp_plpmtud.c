// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_plpmtud.c - path MTU discovery by the fate of segments (RFC 4821, RFC 8899). */
#include "tcp_harness.h"

#define SMALL 1228u /* payload of a packet of 1,280 bytes with timestamps */
#define FULL 1448u

/* Established with SACK and timestamps, 1,280 bytes known to pass, 1,500 to be tried. */
static void searching(void)
{
	th.env.conf.mtu_probing = 2;
	th_modern();
	assert_int_equal(th.c->mss, SMALL);
	assert_int_equal(th.c->rcv_mss, 1460); /* MUST-67: what we can receive has nothing to do with it */
}

/* A probe and n ordinary segments from seq on. */
static void probe_out(uint32_t seq, uint32_t probe, uint32_t n)
{
	out(".", seq, 1, probe);
	out_full(n, seq + probe, 1);
}

static void test_plpmtud_black_hole_falls_back_after_three_timeouts(void **state)
{
	(void)state;
	th_active();
	put(3 * 1460);
	out_full(3, 1, 1);
	advance(200);
	out(".", 1, 1, 1460);
	advance(400);
	out(".", 1, 1, 1460);
	assert_int_equal(th.c->path_mtu, 1500);
	advance(800);
	out(".", 1, 1, 1240); /* 1,280 less two headers */
	assert_int_equal(th.c->path_mtu, 1280);
	assert_true(events_take() & TCP_EV_PATH_MTU);
	count_is(mtu_black_holes, 1);
	in(".", 1, 1241, 0);
	out(".", 1241, 1, 220);
	out(".", 1461, 1, 1240);
	th_drain();
}

static void test_plpmtud_short_segments_timing_out_are_no_black_hole(void **state)
{
	(void)state;
	th_active();
	put(1000);
	out("P.", 1, 1, 1000);
	for (int i = 0; i < 6; i++) {
		advance(200 << i);
		out("P.", 1, 1, 1000);
	}
	assert_int_equal(th.c->path_mtu, 1500);
	count_is(mtu_black_holes, 0);
}

static void test_plpmtud_off_never_falls_back(void **state)
{
	(void)state;
	th.env.conf.mtu_probing = 0;
	th_active();
	put(1460);
	out("P.", 1, 1, 1460);
	for (int i = 0; i < 6; i++) {
		advance(200 << i);
		out("P.", 1, 1, 1460);
	}
	assert_int_equal(th.c->path_mtu, 1500);
}

static void test_plpmtud_ipv4_falls_further_ipv6_does_not(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		if (v6)
			th_ipv6();
		th.mss = v6 ? 1440 : 1460;
		th_active();
		put(1440);
		th_drain();
		for (int i = 0; i < 6; i++)
			advance(200 << i);
		th_drain();
		assert_int_equal(th.c->path_mtu, v6 ? 1280 : 576);
		th_teardown(state);
		th_setup(state);
	}
}

static void test_plpmtud_probe_goes_out_with_enough_behind_it_and_raises_the_size(void **state)
{
	(void)state;
	searching();
	put(FULL + 4 * SMALL - 1); /* one byte too few: its loss might not show */
	out(".", 1, 1, SMALL);
	th_drain();
	count_is(mtu_probes, 0);
	in(".", 1, 1 + FULL + 4 * SMALL - 1, 0);
	th_drain();
	put(FULL + 5 * SMALL);
	probe_out(1 + FULL + 4 * SMALL - 1, FULL, 5);
	count_is(mtu_probes, 1);
	in(".", 1, FULL + 4 * SMALL + FULL, 0);
	assert_int_equal(th.c->path_mtu, 1500);
	assert_int_equal(th.c->mss, FULL);
	assert_true(events_take() & TCP_EV_PATH_MTU);
	count_is(mtu_raised, 1);
	in(".", 1, FULL + 4 * SMALL + FULL + 5 * SMALL, 0);
	put(3 * FULL);
	out_full(3, FULL + 4 * SMALL + FULL + 5 * SMALL, 1);
}

static void test_plpmtud_sacked_probe_has_passed(void **state)
{
	(void)state;
	searching();
	th.c->cwnd = 40 * SMALL;
	put(SMALL * 6); /* lost first, then the probe is sent by what follows */
	th.c->mtu_state = TCP_MTU_FIXED;
	out_full(6, 1, 1);
	th.c->mtu_state = TCP_MTU_SEARCH;
	put(FULL + 5 * SMALL);
	probe_out(1 + 6 * SMALL, FULL, 5);
	th_sack(1 + 6 * SMALL, 1 + 6 * SMALL + FULL);
	in(".", 1, 1 + 5 * SMALL, 0);
	assert_int_equal(th.c->path_mtu, 1500);
	count_is(mtu_raised, 1);
}

/* The probe alone is lost: it is sent again in pieces, and cwnd stays (RFC 4821 7.6.2). */
static void lose_probe(uint32_t seq, uint32_t probe)
{
	uint32_t cwnd = th.c->cwnd;

	th_sack(seq + probe, seq + probe + 3 * SMALL);
	in(".", 1, seq, 0);
	out(".", seq, 1, SMALL);
	out(".", seq + SMALL, 1, probe - SMALL);
	assert_int_equal(th.c->cwnd, cwnd);
	assert_false(th.c->flags & (TCP_F_RECOVERY | TCP_F_LOSS));
	count_is(fast_recoveries, 0);
}

static void test_plpmtud_lost_probe_is_no_congestion(void **state)
{
	(void)state;
	searching();
	put(FULL + 4 * SMALL);
	probe_out(1, FULL, 4);
	lose_probe(1, FULL);
	count_is(mtu_probes_lost, 1);
	assert_int_equal(th.c->path_mtu, 1280);
}

static void test_plpmtud_size_lost_twice_is_too_large(void **state)
{
	uint32_t seq = 1, half = 1280 + (1499 - 1280 + 1) / 2;

	(void)state;
	searching();
	for (int i = 0; i < 2; i++) {
		put(FULL + 4 * SMALL);
		probe_out(seq, FULL, 4);
		lose_probe(seq, FULL);
		seq += FULL + 4 * SMALL;
		in(".", 1, seq, 0);
		th_drain();
	}
	put(FULL + 4 * SMALL);
	out(".", seq, 1, half - 52);
	th_drain();
	in(".", 1, seq + FULL + 4 * SMALL, 0);
	assert_int_equal(th.c->path_mtu, half);
}

static void test_plpmtud_probe_lost_with_others_is_congestion(void **state)
{
	(void)state;
	searching();
	put(FULL + 6 * SMALL);
	probe_out(1, FULL, 6);
	th_drain();
	th_sack(1 + FULL + SMALL, 1 + FULL + 6 * SMALL); /* the probe and the one behind it */
	in(".", 1, 1, 0);
	count_is(fast_recoveries, 1);
	count_is(mtu_probes_lost, 1);
	out(".", 1, 1, SMALL);
	th_drain();
}

static void test_plpmtud_duplicate_acks_tell_of_a_lost_probe_too(void **state)
{
	uint32_t cwnd;

	(void)state;
	th.env.conf.mtu_probing = 2;
	th_active();
	assert_int_equal(th.c->mss, 1240);
	put(1460 + 4 * 1240);
	out(".", 1, 1, 1460);
	th_drain();
	cwnd = th.c->cwnd;
	for (int i = 0; i < 3; i++)
		in(".", 1, 1, 0);
	out(".", 1, 1, 1240);
	assert_int_equal(th.c->cwnd, cwnd);
	count_is(fast_recoveries, 0);
	count_is(mtu_probes_lost, 1);
	th_drain();
}

/* What is in flight arrives, but for a probe larger than mtu. */
static void deliver(uint32_t mtu)
{
	uint32_t una = th_our_next() - (th.c->snd_nxt - th.c->snd_una);

	if (th.c->mtu_state == TCP_MTU_PROBING && tcp_cold_peek(th.c)->plpmtud.probe_mtu > mtu) {
		th_sack(una + recs_at(&th.env, th.c, 0)->len, th_our_next());
		in(".", 1, una, 0);
		th_drain();
	}
	in(".", 1, th_our_next(), 0);
	th_drain();
}

static void send_all(uint32_t len, uint32_t mtu)
{
	put(len);
	th_drain();
	for (int i = 0; i < 100 && th.c->snd_una != th.c->snd_nxt; i++)
		deliver(mtu);
}

static void test_plpmtud_search_ends_and_begins_again_after_ten_minutes(void **state)
{
	uint32_t seq;

	(void)state;
	searching();
	for (int i = 0; i < 20 && th.c->mtu_state != TCP_MTU_DONE; i++)
		send_all(8 * FULL, 1400);
	assert_int_equal(th.c->mtu_state, TCP_MTU_DONE);
	assert_in_range(th.c->path_mtu, 1393, 1400);
	count_is(fast_recoveries, 0);
	advance(599000);
	send_all(8 * FULL, 1400);
	assert_int_equal(th.c->mtu_state, TCP_MTU_DONE);
	advance(2000);
	seq = th_our_next();
	put(8 * FULL);
	out(".", seq, 1, FULL); /* the whole step again */
	th_drain();
}

static void test_plpmtud_icmp_answers_a_probe(void **state)
{
	(void)state;
	searching();
	put(FULL + 4 * SMALL);
	probe_out(1, FULL, 4);
	assert_true(tcp_icmp_input(&th.env, th.c, TCP_ICMP_TOO_BIG, TH_ISS + 1, 1400, th.now));
	out(".", 1, 1, SMALL);
	out(".", 1 + SMALL, 1, FULL - SMALL);
	assert_int_equal(th.c->path_mtu, 1280);
	assert_int_equal(tcp_cold_peek(th.c)->plpmtud.search_high, 1400);
	count_is(fast_recoveries, 0);
	in(".", 1, 1 + FULL + 4 * SMALL, 0);
	th_check(__FILE__, __LINE__);
}

static void test_plpmtud_timeout_with_a_probe_out_is_a_failure(void **state)
{
	(void)state;
	searching();
	put(FULL + 4 * SMALL);
	probe_out(1, FULL, 4);
	advance(3000);
	th_drain();
	assert_int_equal(th.c->mtu_state, TCP_MTU_SEARCH);
	assert_true(th.stats[XTCP_USER_mtu_probes_lost] == 1);
	in(".", 1, 1 + FULL + 4 * SMALL, 0);
	th_drain();
}

static void test_plpmtud_lower_limit_ends_a_search_above_it(void **state)
{
	(void)state;
	searching();
	tcp_set_path_mtu(&th.env, th.c, 1200);
	assert_int_equal(th.c->path_mtu, 1200);
	tcp_set_path_mtu(&th.env, th.c, 1400); /* it grows: to be found out */
	assert_int_equal(th.c->path_mtu, 1200);
	put(FULL + 5 * SMALL);
	out(".", 1, 1, 1348);
	th_drain();
}

static void test_plpmtud_size_learned_before_is_the_start(void **state)
{
	(void)state;
	th.open.learned_mtu = 1300;
	th_modern();
	assert_int_equal(th.c->mss, 1248);
	assert_int_equal(th.c->rcv_mss, 1460);
	assert_int_equal(th.c->mtu_state, TCP_MTU_FIXED); /* ICMP told: no reason to probe */
	th_teardown(state);
	th_setup(state);
	th.open.learned_mtu = 1300;
	th.open.probe_again_ns = th.now + 60 * TH_S;
	th_modern();
	put(FULL + 5 * 1248);
	out(".", 1, 1, 1248);
	th_drain();
	in(".", 1, 1 + FULL + 5 * 1248, 0);
	advance(60000);
	put(FULL + 5 * 1248);
	out(".", 1 + FULL + 5 * 1248, 1, FULL);
	th_drain();
}

static void test_plpmtud_peer_mss_bounds_the_search(void **state)
{
	(void)state;
	th.env.conf.mtu_probing = 2;
	th.mss = 1245;
	th_modern();
	put(20000);
	th_drain();
	count_is(mtu_probes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_plpmtud_black_hole_falls_back_after_three_timeouts),
		TEST(test_plpmtud_short_segments_timing_out_are_no_black_hole),
		TEST(test_plpmtud_off_never_falls_back),
		TEST(test_plpmtud_ipv4_falls_further_ipv6_does_not),
		TEST(test_plpmtud_probe_goes_out_with_enough_behind_it_and_raises_the_size),
		TEST(test_plpmtud_sacked_probe_has_passed),
		TEST(test_plpmtud_lost_probe_is_no_congestion),
		TEST(test_plpmtud_size_lost_twice_is_too_large),
		TEST(test_plpmtud_probe_lost_with_others_is_congestion),
		TEST(test_plpmtud_duplicate_acks_tell_of_a_lost_probe_too),
		TEST(test_plpmtud_search_ends_and_begins_again_after_ten_minutes),
		TEST(test_plpmtud_icmp_answers_a_probe),
		TEST(test_plpmtud_timeout_with_a_probe_out_is_a_failure),
		TEST(test_plpmtud_lower_limit_ends_a_search_above_it),
		TEST(test_plpmtud_size_learned_before_is_the_start),
		TEST(test_plpmtud_peer_mss_bounds_the_search),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
