// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_fasthole.c - tcp/fastopen.c: paths that lose what follows a SYN with text (RFC 7413 4.1.3.1). */
#include "tcp_harness.h"

static const struct tcp_cookie cookie = { .len = 8, .b = { 1, 2, 3, 4, 5, 6, 7, 8 } };

/* ESTABLISHED; the SYN's 300 bytes were taken, or not; or it carried none. */
static void opened(bool text, bool taken)
{
	th_connect();
	if (text)
		tcp_fastopen_connect(th.c, &cookie, 1000);
	if (text)
		put(300);
	th_drain();
	advance(1);
	in("S.", 0, taken ? 301 : 1, 0);
	th_drain();
	if (!taken)
		in(".", 1, th.c->snd_nxt - TH_ISS, 0);
	state_is(TCP_ESTABLISHED);
	events_take();
	count_is(fastopen_late_holes, 0);
}

static void suspected(bool yes)
{
	count_is(fastopen_late_holes, yes);
	assert_int_equal(!!(events_take() & TCP_EV_FASTOPEN), yes);
	assert_int_equal(tcp_cold_peek(th.c)->fast_hole, yes);
}

/* 200 ms, 400, 800: the third of them. */
static void test_fasthole_three_timeouts_and_nothing_acknowledged(void **state)
{
	opened(true, true);
	put(100);
	th_drain();
	advance(200 + 400 + 700);
	count_is(rto_fires, 2);
	count_is(fastopen_late_holes, 0);
	advance(200);
	count_is(rto_fires, 3);
	suspected(true);
	advance(20000);
	count_is(fastopen_late_holes, 1); /* told once */
}

static void test_fasthole_given_up_sooner(void **state)
{
	opened(true, true);
	tcp_set_user_timeout(th.c, 300);
	put(100);
	th_drain();
	advance(1000);
	state_is(TCP_CLOSED);
	suspected(true);
}

/* Timeouts are no sign when something has been acknowledged before, nor without text in the SYN, nor after a lost one. */
static void test_fasthole_timeouts_of_others_say_nothing(void **state)
{
	opened(true, true);
	put(100);
	th_drain();
	in(".", 1, 401, 0);
	put(100);
	th_drain();
	advance(20000);
	suspected(false);
	tcp_free(&th.env, th.c);
	th_fresh();
	th.wrote = 0;
	opened(false, false);
	put(100);
	th_drain();
	advance(20000);
	suspected(false);
	tcp_free(&th.env, th.c);
	th_fresh();
	th.wrote = 0;
	th_connect();
	tcp_fastopen_connect(th.c, &cookie, 1000);
	put(300);
	th_drain();
	advance(1000);
	in("S.", 0, 1, 0);
	events_take();
	advance(60000);
	assert_true(th.c->backoff >= 3);
	suspected(false);
}

static void test_fasthole_reset_out_of_order_before_any_text(void **state)
{
	static const struct {
		uint32_t seq, text;
		bool syn_text, hole;
	} t[] = {
		{ 500, 0, true, true },	  { 500, 10, true, false },   /* text has come through */
		{ 500, 0, false, false }, { 100000, 0, true, false }, /* not in the window: anybody's */
		{ 1, 0, true, false },				      /* at its edge: the peer's own */
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		th_fresh();
		th.wrote = th.read = 0;
		th.have_edge = false;
		memset(th.stats, 0, sizeof(th.stats));
		opened(t[i].syn_text, t[i].syn_text);
		if (t[i].text) {
			in("P.", 1, 301, t[i].text);
			get(t[i].text);
			th_drain();
		}
		in("R", t[i].seq, 0, 0);
		suspected(t[i].hole);
		tcp_free(&th.env, th.c);
	}
	th_fresh();
}

static void test_fasthole_fin_without_what_was_before_it(void **state)
{
	opened(true, true);
	in("F.", 201, 301, 0);
	count_is(fastopen_late_holes, 0);
	assert_false(tcp_fastopen_proved(&th.env, th.c));
	suspected(true);
}

static void test_fasthole_what_comes_through_proves_the_path(void **state)
{
	opened(true, true);
	assert_false(tcp_fastopen_proved(&th.env, th.c)); /* nothing yet, either way */
	in("P.", 1, 301, 10);
	assert_true(tcp_fastopen_proved(&th.env, th.c));
	get(10);
	th_drain();
	in("F.", 211, 301, 0); /* late: no hole any more */
	assert_true(tcp_fastopen_proved(&th.env, th.c));
	suspected(false);
	tcp_free(&th.env, th.c);
	th_fresh();
	th.wrote = 0;
	th.have_edge = false;
	opened(true, true);
	put(100);
	th_drain();
	in(".", 1, 401, 0);
	assert_true(tcp_fastopen_proved(&th.env, th.c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_fasthole_three_timeouts_and_nothing_acknowledged),
		TEST(test_fasthole_given_up_sooner),
		TEST(test_fasthole_timeouts_of_others_say_nothing),
		TEST(test_fasthole_reset_out_of_order_before_any_text),
		TEST(test_fasthole_fin_without_what_was_before_it),
		TEST(test_fasthole_what_comes_through_proves_the_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
