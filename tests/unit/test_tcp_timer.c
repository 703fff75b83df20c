// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_timer.c - what happens when time passes: R2, keepalive, TIME-WAIT. Persist: test_tcp_output.c. */
#include "tcp_harness.h"

/* RFC 9293: MUST-22, MUST-23 */
static void test_timer_syn_is_retried_and_given_up_after_180_s(void **state)
{
	uint64_t start = th.now;

	th_connect();
	advance(179999);
	for (uint64_t s = 0; s <= 127; s = 2 * s + 1) {
		out("S", 0, 0, 0);
		assert_int_equal((th.last_ns - start) / TH_S, s);
	}
	no_out();
	state_is(TCP_SYN_SENT);
	advance(1); /* MUST-23 */
	state_is(TCP_CLOSED);
	no_out();
	assert_int_equal(th.c->error, ETIMEDOUT);
	assert_int_equal(events_take(), TCP_EV_ERROR | TCP_EV_SOFT_ERROR);
	count_is(attempt_fails, 1);
	count_is(conn_timeouts, 1);
	assert_int_equal(th.env.mem->used, 0);
}

/* XTCP_SYN_RETRIES: n go unanswered, and the timer runs out once more. */
static void test_timer_syn_is_given_up_after_so_many_retries(void **state)
{
	th_connect();
	tcp_set_syn_retries(th.c, 2);
	advance(6999);
	for (int i = 0; i < 3; i++) /* after 0, 1, 3 s */
		out("S", 0, 0, 0);
	no_out();
	state_is(TCP_SYN_SENT);
	advance(1);
	state_is(TCP_CLOSED);
	assert_int_equal(th.c->error, ETIMEDOUT);
}

static void test_timer_more_retries_of_a_syn_than_180_s_hold(void **state)
{
	th_connect();
	tcp_set_syn_retries(th.c, 8);
	advance(366999); /* 127 s until the eighth, then 120 s at most */
	state_is(TCP_SYN_SENT);
	assert_in_range(th.made_count, 9, 9);
	th_drain();
	advance(1);
	state_is(TCP_CLOSED);
	no_out();
}

/* RFC 9293: MUST-22, MUST-23 */
static void test_timer_syn_ack_is_given_up_after_180_s(void **state)
{
	th_listen();
	advance(179999);
	state_is(TCP_SYN_RECEIVED);
	th_drain();
	advance(1);
	state_is(TCP_CLOSED);
	no_out();
}

/* RFC 9293: MUST-20, SHLD-11 */
static void test_timer_data_unanswered_ends_after_r2(void **state)
{
	th_active();
	put(100);
	advance(899999);
	state_is(TCP_ESTABLISHED);
	assert_in_range(th.made_count, 13, 17); /* 0.2, 0.4 ... 102.4, then each 120 s */
	th_drain();
	advance(1);
	state_is(TCP_CLOSED);
	assert_int_equal(th.c->error, ETIMEDOUT);
	assert_int_equal(th.env.mem->used, 0);
}

/* RFC 9293: MUST-21 */
static void test_timer_user_timeout_is_kept_exactly(void **state)
{
	th_active();
	th.c->user_timeout_ms = 5000;
	put(100);
	advance(4999);
	state_is(TCP_ESTABLISHED);
	advance(1);
	state_is(TCP_CLOSED);
	assert_int_equal(th.c->error, ETIMEDOUT);
	th.made_count = 0;
}

static void test_timer_user_timeout_starts_anew_with_progress(void **state)
{
	th_active();
	th.c->user_timeout_ms = 5000;
	put(3000);
	advance(4000);
	th_drain();
	in(".", 1, 1461, 0);
	advance(4500);
	th_drain();
	state_is(TCP_ESTABLISHED);
	in(".", 1, 3001, 0);
	advance(3600000);
	state_is(TCP_ESTABLISHED); /* nothing outstanding: no timeout */
}

static void test_timer_retransmission_interval_is_capped_at_120_s(void **state)
{
	uint64_t last = 0;

	th_active();
	put(1);
	advance(899999);
	while (th.made_count) {
		out("P.", 1, 1, 1);
		if (last)
			assert_true(th.last_ns - last <= 120 * TH_S);
		last = th.last_ns;
	}
	assert_true(th.now - last <= 120 * TH_S);
}

/* RFC 9293: MUST-47, SHLD-25 */
static void test_timer_soft_error_is_told_at_the_end(void **state)
{
	th_active();
	put(100);
	out("P.", 1, 1, 100);
	assert_true(tcp_icmp_input(&th.env, th.c, TCP_ICMP_HOST_UNREACH, TH_ISS + 1, 0, th.now));
	advance(900000);
	state_is(TCP_CLOSED);
	assert_int_equal(th.c->error, EHOSTUNREACH);
	th.made_count = 0;
}

/* ---- keepalive (RFC 9293 3.8.4) ---- */

/* RFC 9293: MUST-25 */
static void test_timer_keepalive_is_off_by_default(void **state)
{
	th_active();
	assert_int_equal(tcp_deadline(th.c), TCP_NEVER);
	advance(30ull * 86400 * 1000);
	no_out();
	state_is(TCP_ESTABLISHED);
}

/* RFC 9293: MUST-24, MUST-28, MUST-29, SHLD-12, MAY-5 */
static void test_timer_keepalive_probes_after_two_hours_then_gives_up(void **state)
{
	th_active();
	tcp_keepalive_set(th.c, true, th.now);
	advance(7200000 - 1);
	no_out();
	advance(1);
	out(".", 0, 1, 0); /* an old number, no data (SHLD-12) */
	for (int i = 1; i < 9; i++) {
		advance(75000 - 1);
		no_out();
		advance(1);
		out(".", 0, 1, 0);
	}
	advance(75000 - 1);
	state_is(TCP_ESTABLISHED);
	advance(1);
	state_is(TCP_CLOSED);
	assert_int_equal(th.c->error, ETIMEDOUT);
	count_is(keepalive_timeouts, 1);
	count_is(keepalive_probes, 9);
}

/* RFC 9293: MUST-27, MUST-29 */
static void test_timer_keepalive_answer_starts_it_anew(void **state)
{
	th_active();
	th.c->keepidle_s = 10;
	th.c->keepintvl_s = 1;
	th.c->keepcnt = 2;
	tcp_keepalive_set(th.c, true, th.now);
	for (int i = 0; i < 20; i++) {
		advance(10000);
		out(".", 0, 1, 0);
		advance(1000);
		out(".", 0, 1, 0);
		in(".", 1, 1, 0); /* MUST-29: one lost answer does no harm */
		no_out();
	}
	state_is(TCP_ESTABLISHED);
}

/* RFC 9293: MUST-26 */
static void test_timer_keepalive_waits_for_idleness(void **state)
{
	th_active();
	th.c->keepidle_s = 10;
	tcp_keepalive_set(th.c, true, th.now);
	for (int i = 0; i < 10; i++) {
		advance(9000);
		no_out();
		in("P.", th_peer_next(), 1, 10); /* MUST-26 */
		get(10);
		advance(40);
		th_drain();
	}
	count_is(keepalive_probes, 0);
	tcp_keepalive_set(th.c, false, th.now);
	advance(100000);
	no_out();
}

static void test_timer_keepalive_set_before_the_handshake_starts_with_it(void **state)
{
	th_connect();
	th.c->keepidle_s = 10;
	tcp_keepalive_set(th.c, true, th.now);
	out("S", 0, 0, 0);
	in("S.", 0, 1, 0);
	out(".", 1, 1, 0);
	advance(10000);
	out(".", 0, 1, 0);
}

static void test_timer_keepalive_leaves_data_in_flight_to_retransmission(void **state)
{
	th_active();
	th.c->keepidle_s = 1;
	th.c->keepcnt = 1;
	tcp_keepalive_set(th.c, true, th.now);
	put(100);
	advance(60000);
	th_drain();
	state_is(TCP_ESTABLISHED);
	count_is(keepalive_probes, 0);
}

/* Window probes and keepalive probes share a counter: a shut window must not look like a dead peer. */
static void test_timer_keepalive_does_not_kill_a_shut_window(void **state)
{
	th.wnd = 0;
	th_active();
	th.c->keepidle_s = 30;
	th.c->keepcnt = 3;
	tcp_keepalive_set(th.c, true, th.now);
	tcp_shutdown(&th.env, th.c, th.now); /* FIN waits for the window */
	no_out();
	for (int i = 0; i < 100; i++) {
		advance((th.c->rtx_deadline - th.now) / TH_MS);
		out("F.", 1, 1, 0);
		in(".", 1, 1, 0);
	}
	state_is(TCP_FIN_WAIT_1);
	assert_true(th.now > 5000 * TH_S + 5000 * TH_S); /* and they do back off */
	count_is(keepalive_probes, 0);
}

static void test_timer_deadline_is_the_earliest(void **state)
{
	th_active();
	th_interactive();
	tcp_keepalive_set(th.c, true, th.now);
	assert_int_equal(tcp_deadline(th.c), th.now + 7200 * TH_S);
	put(1);
	out("P.", 1, 1, 1);
	assert_int_equal(tcp_deadline(th.c), th.now + 200 * TH_MS);
	in("P.", 1, 1, 1);
	assert_int_equal(tcp_deadline(th.c), th.now + 40 * TH_MS);
}

static void test_timer_early_call_does_nothing(void **state)
{
	th_active();
	put(1);
	out("P.", 1, 1, 1);
	tcp_expire(&th.env, th.c, th.now + 199 * TH_MS);
	no_out();
	count_is(rto_fires, 0);
}

/* ---- R1 ---- */

/* RFC 9293: SHLD-9, SHLD-10 */
static void test_timer_r1_reached_is_told_once_and_the_path_is_doubted(void **state)
{
	th_active();
	put(100);
	out("P.", 1, 1, 100);
	for (int i = 0, ms = 200; i < 6; i++, ms *= 2) {
		assert_int_equal(tcp_path_doubtful(&th.env, th.c), i >= 3);
		assert_int_equal(events_take(), i == 3 ? TCP_EV_SOFT_ERROR : 0); /* SHLD-9, SHLD-10 */
		advance(ms);
		th_drain();
	}
	state_is(TCP_ESTABLISHED);
	in(".", 1, 101, 0); /* it was no more than slow */
	put(100);
	th_drain();
	in(".", 1, 201, 0);
	assert_false(tcp_path_doubtful(&th.env, th.c));
}

/* RFC 9293: MUST-22 */
static void test_timer_r1_of_syn_is_told_too(void **state)
{
	th_connect();
	th_drain();
	advance(6900);
	th_drain();
	assert_int_equal(events_take(), 0);
	advance(200); /* MUST-22 */
	th_drain();
	assert_int_equal(events_take(), TCP_EV_SOFT_ERROR);
}

/* RFC 9293: SHLD-20 */
static void test_timer_r1_is_not_told_to_who_wants_none(void **state)
{
	th.env.conf.r1 = 1;
	th_active();
	th.c->tune |= TCP_TUNE_QUIET;
	put(100);
	advance(30000);
	th_drain();
	assert_int_equal(events_take(), 0); /* SHLD-20 */
	assert_true(tcp_path_doubtful(&th.env, th.c));
}

/* RFC 9293: MUST-21 */
static void test_timer_user_timeout_bounds_the_syn_and_keepalive(void **state)
{
	th_connect();
	th.c->user_timeout_ms = 5000;
	advance(4999);
	state_is(TCP_SYN_SENT);
	advance(1);
	state_is(TCP_CLOSED);
	th_teardown(state);
	th_setup(state);
	th_active();
	th.c->keepidle_s = 10;
	th.c->keepintvl_s = 4;
	th.c->user_timeout_ms = 20000;
	tcp_keepalive_set(th.c, true, th.now);
	advance(19000);
	state_is(TCP_ESTABLISHED);
	advance(1100);
	state_is(TCP_CLOSED);
	count_is(keepalive_timeouts, 1);
	count_is(keepalive_probes, 3);
	th_drain();
}

/* RFC 9293: MAY-6 */
static void test_timer_keepalive_octet_is_one_of_garbage_left_of_the_window(void **state)
{
	struct tcp_seg s;

	th_active();
	th.c->keepidle_s = 10;
	th.c->tune |= TCP_TUNE_KEEP_OCTET;
	tcp_keepalive_set(th.c, true, th.now);
	th.now += 10 * TH_S;
	tcp_expire(&th.env, th.c, th.now);
	assert_int_equal(tcp_output(&th.env, th.c, &s, th.now), 1);
	assert_int_equal(s.seq, TH_ISS);
	assert_int_equal(s.len, 1); /* MAY-6 */
	assert_int_equal(s.nspans, 1);
	assert_int_equal(s.span[0].data[0], 0);
	assert_int_equal(tcp_output(&th.env, th.c, &s, th.now), 0);
	in(".", 1, 1, 0);
	assert_int_equal(th.c->probes, 0);
}

/* RFC 6298 5.7: "using an RTO less than 3 seconds" */
static void test_timer_after_a_lost_syn_begins_with_three_seconds_or_more(void **state)
{
	static const uint32_t init_s[] = { 1, 2, 3, 5 };

	for (size_t i = 0; i < 2 * sizeof(init_s) / sizeof(init_s[0]); i++) {
		uint32_t s = init_s[i / 2];

		th_fresh();
		th.env.conf.rto_init_ns = s * TH_S;
		if (i & 1)
			th_listen();
		else
			th_connect();
		th_drain();
		advance(s * 1000);
		th_drain();
		in(i & 1 ? "." : "S.", i & 1, 1, 0);
		state_is(TCP_ESTABLISHED);
		th_drain();
		assert_int_equal(th.c->rto_us, (s > 3 ? s : 3) * 1000000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_timer_r1_reached_is_told_once_and_the_path_is_doubted),
		TEST(test_timer_r1_of_syn_is_told_too),
		TEST(test_timer_r1_is_not_told_to_who_wants_none),
		TEST(test_timer_user_timeout_bounds_the_syn_and_keepalive),
		TEST(test_timer_keepalive_octet_is_one_of_garbage_left_of_the_window),
		TEST(test_timer_syn_is_retried_and_given_up_after_180_s),
		TEST(test_timer_syn_is_given_up_after_so_many_retries),
		TEST(test_timer_more_retries_of_a_syn_than_180_s_hold),
		TEST(test_timer_syn_ack_is_given_up_after_180_s),
		TEST(test_timer_data_unanswered_ends_after_r2),
		TEST(test_timer_user_timeout_is_kept_exactly),
		TEST(test_timer_user_timeout_starts_anew_with_progress),
		TEST(test_timer_retransmission_interval_is_capped_at_120_s),
		TEST(test_timer_soft_error_is_told_at_the_end),
		TEST(test_timer_keepalive_is_off_by_default),
		TEST(test_timer_keepalive_probes_after_two_hours_then_gives_up),
		TEST(test_timer_keepalive_answer_starts_it_anew),
		TEST(test_timer_keepalive_waits_for_idleness),
		TEST(test_timer_keepalive_set_before_the_handshake_starts_with_it),
		TEST(test_timer_keepalive_leaves_data_in_flight_to_retransmission),
		TEST(test_timer_keepalive_does_not_kill_a_shut_window),
		TEST(test_timer_deadline_is_the_earliest),
		TEST(test_timer_early_call_does_nothing),
		TEST(test_timer_after_a_lost_syn_begins_with_three_seconds_or_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
