// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_icmp.c - ICMP errors (RFC 9293 3.9.2.2, RFC 5927) and the path MTU (RFC 1191, RFC 8201). */
#include "tcp_harness.h"

static bool icmp(enum tcp_icmp type, uint32_t seq, uint32_t mtu)
{
	bool r = tcp_icmp_input(&th.env, th.c, type, TH_ISS + seq, mtu, th.now);

	th_check(__FILE__, __LINE__);
	return r;
}

static void test_icmp_outside_the_flight_is_ignored(void **state)
{
	th_active();
	assert_false(icmp(TCP_ICMP_HOST_UNREACH, 1, 0)); /* nothing in flight */
	put(1000);
	out("P.", 1, 1, 1000);
	assert_false(icmp(TCP_ICMP_HOST_UNREACH, 0, 0));
	assert_false(icmp(TCP_ICMP_HOST_UNREACH, 1001, 0));
	assert_false(icmp(TCP_ICMP_TOO_BIG, 1001, 600));
	assert_int_equal(th.c->soft_error, 0);
	assert_int_equal(th.c->path_mtu, 1500);
	assert_true(icmp(TCP_ICMP_HOST_UNREACH, 1000, 0));
	assert_int_equal(th.c->soft_error, EHOSTUNREACH);
}

/* RFC 9293: MUST-56 */
static void test_icmp_never_ends_a_synchronised_connection(void **state)
{
	th_active();
	put(1000);
	out("P.", 1, 1, 1000);
	for (int type = TCP_ICMP_NET_UNREACH; type <= TCP_ICMP_PARAM; type++) {
		assert_true(icmp((enum tcp_icmp)type, 1, 1500)); /* MUST-56 */
		state_is(TCP_ESTABLISHED);
	}
}

/* RFC 9293: SHLD-26 */
static void test_icmp_hard_errors_end_an_attempt_to_connect(void **state)
{
	static const struct {
		enum tcp_icmp type;
		int err;
	} hard[] = { { TCP_ICMP_PORT_UNREACH, ECONNREFUSED },
		     { TCP_ICMP_PROTO_UNREACH, ENOPROTOOPT },
		     { TCP_ICMP_PROHIBITED, EACCES } };

	for (size_t i = 0; i < sizeof(hard) / sizeof(hard[0]); i++) {
		th_goto(TCP_SYN_SENT);
		assert_false(icmp(hard[i].type, 1, 0));
		state_is(TCP_SYN_SENT);
		assert_true(icmp(hard[i].type, 0, 0));
		state_is(TCP_CLOSED);
		assert_int_equal(th.c->error, hard[i].err);
		assert_int_equal(events_take(), TCP_EV_ERROR);
		no_out();
		th_teardown(state);
		th_setup(state);
	}
}

/* RFC 9293: MUST-56, SHLD-25 */
static void test_icmp_soft_errors_let_an_attempt_go_on(void **state)
{
	static const enum tcp_icmp soft[] = { TCP_ICMP_NET_UNREACH, TCP_ICMP_HOST_UNREACH, TCP_ICMP_TIME_EXCEEDED,
					      TCP_ICMP_PARAM };

	th_goto(TCP_SYN_SENT);
	for (size_t i = 0; i < sizeof(soft) / sizeof(soft[0]); i++) {
		assert_true(icmp(soft[i], 0, 0));
		state_is(TCP_SYN_SENT);
		assert_true(th.c->soft_error);
	}
	in("S.", 0, 1, 0);
	state_is(TCP_ESTABLISHED);
}

static void test_icmp_hard_error_does_not_end_syn_received(void **state)
{
	th_goto(TCP_SYN_RECEIVED);
	assert_true(icmp(TCP_ICMP_PORT_UNREACH, 0, 0));
	state_is(TCP_SYN_RECEIVED);
}

static void test_icmp_closed_and_time_wait_take_none(void **state)
{
	th_goto(TCP_TIME_WAIT);
	assert_false(icmp(TCP_ICMP_PORT_UNREACH, 1, 0));
	advance(60000);
	assert_false(icmp(TCP_ICMP_PORT_UNREACH, 1, 0));
}

static void test_icmp_too_big_cuts_what_is_in_flight_and_sends_it_again(void **state)
{
	th_active();
	put(4 * 1460);
	out_full(4, 1, 1);
	assert_true(icmp(TCP_ICMP_TOO_BIG, 1461, 1000));
	assert_int_equal(th.c->mss, 960);
	for (uint32_t i = 0; i < 4; i++) { /* each old segment in two */
		out(".", 1 + i * 1460, 1, 960);
		out(i < 3 ? "." : "P.", 961 + i * 1460, 1, 500);
	}
	no_out();
	in(".", 1, 5841, 0);
	put(2000);
	out(".", 5841, 1, 960);
	out(".", 6801, 1, 960);
	out("P.", 7761, 1, 80); /* only an unacknowledged small segment would hold it back */
}

static void test_icmp_too_big_spares_segments_that_fit(void **state)
{
	th_active();
	th.c->flags |= TCP_F_NODELAY;
	put(1460);
	out("P.", 1, 1, 1460);
	put(200);
	out("P.", 1461, 1, 200);
	assert_true(icmp(TCP_ICMP_TOO_BIG, 1, 1300));
	out(".", 1, 1, 1260);
	out(".", 1261, 1, 200);
	no_out();
}

static void test_icmp_too_big_keeps_the_fin_on_the_last_piece(void **state)
{
	th_active();
	put(1400);
	tcp_shutdown(&th.env, th.c, th.now);
	out("FP.", 1, 1, 1400);
	assert_true(icmp(TCP_ICMP_TOO_BIG, 1, 740));
	out(".", 1, 1, 700);
	out("FP.", 701, 1, 700);
	no_out();
	in(".", 1, 1402, 0);
	state_is(TCP_FIN_WAIT_2);
}

static void test_icmp_too_big_never_raises_the_mtu(void **state)
{
	th_active();
	put(1460);
	out("P.", 1, 1, 1460);
	assert_true(icmp(TCP_ICMP_TOO_BIG, 1, 9000));
	assert_int_equal(th.c->path_mtu, 1500);
	assert_true(icmp(TCP_ICMP_TOO_BIG, 1, 1500));
	no_out();
}

static void test_icmp_too_big_below_the_least_mtu_is_bounded(void **state)
{
	th_active();
	put(1460);
	out("P.", 1, 1, 1460);
	assert_true(icmp(TCP_ICMP_TOO_BIG, 1, 1));
	assert_int_equal(th.c->path_mtu, 1500);
	th.c->probe_deadline = TCP_NEVER;
	advance(200);
	assert_int_equal(th.c->path_mtu, 40 + TCP_MSS_FLOOR);
	assert_int_equal(th.c->mss, TCP_MSS_FLOOR);
	th_teardown(state);
	th_setup(state);
	th_ipv6();
	th_active();
	put(1440);
	out("P.", 1, 1, 1440);
	assert_false(icmp(TCP_ICMP_TOO_BIG, 1, 1279)); /* RFC 8201 4 */
	assert_int_equal(th.c->path_mtu, 1500);
	assert_true(icmp(TCP_ICMP_TOO_BIG, 1, 1280));
	assert_int_equal(th.c->path_mtu, 1280);
}

static void test_icmp_too_big_of_an_old_router_guesses(void **state)
{
	th.mss = 8960;
	th.open.path_mtu = 9000;
	th_active();
	put(8960);
	out("P.", 1, 1, 8960);
	for (size_t i = 0; i < 5; i++) {
		static const uint32_t plateaus[] = { 8166, 4352, 2002, 1492, 1006 }; /* RFC 1191 7.1 */

		assert_true(icmp(TCP_ICMP_TOO_BIG, 1, 0));
		assert_int_equal(th.c->path_mtu, plateaus[i]);
	}
}

static void test_icmp_path_mtu_may_rise_by_the_routes_word(void **state)
{
	th.mss = 8960;
	th.open.path_mtu = 1500;
	th_active();
	assert_int_equal(th.c->mss, 1460);
	tcp_set_path_mtu(&th.env, th.c, 9000);
	assert_int_equal(th.c->mss, 8960);
	put(8960);
	out("P.", 1, 1, 8960);
}

/* The path shrinks while memory is short: the segments are cut when they are sent again. */
static void test_icmp_too_big_without_memory_catches_up(void **state)
{
	uint32_t block[64], n = 0;

	th_memory(32768);
	th_active();
	th.c->cwnd = 40000;
	put(11 * 1460);
	out_full(11, 1, 1);
	while (n < 64 && (block[n] = mem_alloc(th.env.mem, 0)))
		n++;
	assert_true(icmp(TCP_ICMP_TOO_BIG, 1, 552));
	no_out();
	while (n)
		mem_free(th.env.mem, block[--n], 0);
	for (uint32_t i = 0; i < 4; i++)
		out(".", 1 + 512 * i - (i == 3 ? 76 : 0), 1, i == 2 ? 436 : 512);
}

/* RFC 9293: MUST-47, SHLD-25, SHLD-20 */
static void test_icmp_soft_error_is_told_and_forgotten_with_progress(void **state)
{
	th_active();
	put(1000);
	out("P.", 1, 1, 1000);
	assert_true(icmp(TCP_ICMP_NET_UNREACH, 1, 0));
	assert_int_equal(events_take(), TCP_EV_SOFT_ERROR); /* MUST-47, SHLD-25 */
	assert_int_equal(th.c->soft_error, ENETUNREACH);
	in(".", 1, 1001, 0);
	assert_int_equal(th.c->soft_error, 0);
	th.c->tune |= TCP_TUNE_QUIET;
	put(1000);
	out("P.", 1001, 1, 1000);
	assert_true(icmp(TCP_ICMP_TIME_EXCEEDED, 1001, 0));
	assert_int_equal(events_take(), 0); /* SHLD-20; xtcp_get_info still tells */
	assert_int_equal(th.c->soft_error, EHOSTUNREACH);
	in(".", 1, 2001, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_icmp_outside_the_flight_is_ignored),
		TEST(test_icmp_soft_error_is_told_and_forgotten_with_progress),
		TEST(test_icmp_never_ends_a_synchronised_connection),
		TEST(test_icmp_hard_errors_end_an_attempt_to_connect),
		TEST(test_icmp_soft_errors_let_an_attempt_go_on),
		TEST(test_icmp_hard_error_does_not_end_syn_received),
		TEST(test_icmp_closed_and_time_wait_take_none),
		TEST(test_icmp_too_big_cuts_what_is_in_flight_and_sends_it_again),
		TEST(test_icmp_too_big_spares_segments_that_fit),
		TEST(test_icmp_too_big_keeps_the_fin_on_the_last_piece),
		TEST(test_icmp_too_big_never_raises_the_mtu),
		TEST(test_icmp_too_big_below_the_least_mtu_is_bounded),
		TEST(test_icmp_too_big_of_an_old_router_guesses),
		TEST(test_icmp_path_mtu_may_rise_by_the_routes_word),
		TEST(test_icmp_too_big_without_memory_catches_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
