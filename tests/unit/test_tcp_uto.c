// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* uto.c: the user timeout option (RFC 5482), both ways. */
#include "tcp_harness.h"

/* The next segment of the peer carries it. */
static void peer_uto(uint16_t field)
{
	th.once.present |= TCP_OPT_UTO;
	th.once.uto = field;
}

static void check_told(bool told, uint16_t field)
{
	assert_int_equal(!!(th.opts.present & TCP_OPT_UTO), told);
	if (told)
		assert_int_equal(th.opts.uto, field);
}

static void test_uto_is_off_by_default(void **state)
{
	th_connect();
	out("S", 0, 0, 0);
	check_told(false, 0);
	peer_uto(1000);
	in("S.", 0, 1, 0);
	out(".", 1, 1, 0);
	check_told(false, 0);
	assert_int_equal(th.c->user_timeout_ms, 0);
}

static void test_uto_syn_tells_ours_and_the_longer_is_in_force(void **state)
{
	th.env.conf.uto = true;
	th_connect();
	out("S", 0, 0, 0);
	check_told(true, 900); /* conf.r2_ns */
	peer_uto(1800);
	in("S.", 0, 1, 0);
	out(".", 1, 1, 0);
	check_told(false, 0); /* said once */
	assert_int_equal(th.c->user_timeout_ms, 1800000);
	peer_uto(100); /* less than ours: ours */
	in(".", 1, 1, 0);
	assert_int_equal(th.c->user_timeout_ms, 900000);
	put(100);
	advance(899000);
	th_drain();
	state_is(TCP_ESTABLISHED);
	advance(1001);
	state_is(TCP_CLOSED);
}

/* A firewall may have dropped the first two for it. */
static void test_uto_is_left_out_of_the_third_syn_and_told_later(void **state)
{
	th.env.conf.uto = true;
	th_connect();
	out("S", 0, 0, 0);
	check_told(true, 900);
	advance(1000);
	out("S", 0, 0, 0);
	check_told(true, 900);
	advance(2000);
	out("S", 0, 0, 0);
	check_told(false, 0);
	in("S.", 0, 1, 0);
	out(".", 1, 1, 0);
	check_told(true, 900);
	put(10);
	out("P.", 1, 1, 10);
	check_told(false, 0);
}

static void test_uto_of_the_peer_is_bounded_and_minutes_count(void **state)
{
	th.env.conf.uto = true;
	th.env.conf.r2_ns = 20 * TH_S;
	th_listen();
	out("S.", 0, 1, 0);
	check_told(true, 20);
	in(".", 1, 1, 0);
	peer_uto(30);
	in(".", 1, 1, 0);
	assert_int_equal(th.c->user_timeout_ms, 100000); /* L_LIMIT */
	peer_uto(0x8000 | 5);
	in(".", 1, 1, 0);
	assert_int_equal(th.c->user_timeout_ms, 300000);
	peer_uto(0xffff); /* 23 days */
	in(".", 1, 1, 0);
	assert_int_equal(th.c->user_timeout_ms, 3600000); /* U_LIMIT */
	peer_uto(0x8000);				  /* zero minutes: nothing */
	in(".", 1, 1, 0);
	assert_int_equal(th.c->user_timeout_ms, 3600000);
}

static void test_uto_set_by_the_application_is_told_and_not_changed(void **state)
{
	th.env.conf.uto = true;
	th_active();
	tcp_set_user_timeout(th.c, 40000u * 1000);
	put(100);
	out("P.", 1, 1, 100);
	check_told(true, 0x8000 | 667); /* rounded up to minutes */
	peer_uto(1000);
	in(".", 1, 101, 0);
	assert_int_equal(th.c->user_timeout_ms, 40000000);
	tcp_set_user_timeout(th.c, 0);
	peer_uto(1000);
	in(".", 1, 101, 0);
	assert_int_equal(th.c->user_timeout_ms, 1000000);
}

static void test_uto_waits_for_a_segment_with_room(void **state)
{
	th_modern();
	tcp_set_uto(th.c, true);
	put(th.c->mss);
	out("P.", 1, 1, th.c->mss);
	check_told(false, 0); /* no byte is free beside a full segment */
	in("P.", 1, 1 + th.c->mss, 10);
	get(10);
	advance(50);
	out(".", 1449, 11, 0);
	check_told(true, 900);
	tcp_set_uto(th.c, false);
	peer_uto(2000);
	in(".", 11, 1 + th.c->mss, 0);
	assert_int_equal(th.c->user_timeout_ms, 0);
}

static void test_uto_not_acceptable_segment_changes_nothing(void **state)
{
	th.env.conf.uto = true;
	th_active();
	peer_uto(2000);
	in(".", 0x40000000, 1, 0);
	assert_int_equal(th.c->user_timeout_ms, 0);
	th_drain();
}

static void test_uto_of_another_length_is_skipped(void **state)
{
	static const uint8_t opt[] = { 28, 3, 0, 28, 5, 1, 2, 3, 28, 4, 0x80, 7 };
	struct tcp_opts o;

	tcp_options_parse(opt, 8, &o);
	assert_int_equal(o.present & TCP_OPT_UTO, 0);
	tcp_options_parse(opt, sizeof(opt), &o);
	assert_int_equal(o.uto, 0x8007);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_uto_is_off_by_default),
		TEST(test_uto_syn_tells_ours_and_the_longer_is_in_force),
		TEST(test_uto_is_left_out_of_the_third_syn_and_told_later),
		TEST(test_uto_of_the_peer_is_bounded_and_minutes_count),
		TEST(test_uto_set_by_the_application_is_told_and_not_changed),
		TEST(test_uto_waits_for_a_segment_with_room),
		TEST(test_uto_not_acceptable_segment_changes_nothing),
		TEST(test_uto_of_another_length_is_skipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
