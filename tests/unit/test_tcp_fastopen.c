// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_fastopen.c - tcp/fastopen.c: text with a SYN, both roles (RFC 7413). */
#include "tcp_harness.h"

static const struct tcp_cookie cookie = { .len = 8, .b = { 1, 2, 3, 4, 5, 6, 7, 8 } };

/* SYN-SENT with a cookie; the SYN waits for text. */
static void hold(const struct tcp_cookie *k)
{
	th_connect();
	tcp_fastopen_connect(th.c, k, 1000);
}

static void test_fastopen_connect_holds_the_syn_until_there_is_text(void **state)
{
	hold(&cookie);
	no_out();
	assert_true(events_take() & TCP_EV_WRITABLE);
	put(300);
	out("S", 0, 0, 300);
	assert_true(th.opts.present & TCP_OPT_FASTOPEN);
	assert_int_equal(th.opts.cookie.len, 8);
	assert_memory_equal(th.opts.cookie.b, cookie.b, 8);
	assert_int_equal(th.last.opt[20], 34); /* padding is behind it, as Linux has it */
	in("S.", 0, 301, 0);
	assert_true(tcp_cold_peek(th.c)->fastopen.taken);
	out(".", 301, 1, 0);
	state_is(TCP_ESTABLISHED);
	assert_true(events_take() & TCP_EV_FASTOPEN);
	count_is(fastopen_active_acked, 1);
	put(10);
	out("P.", 301, 1, 10);
}

static void test_fastopen_shutdown_lets_the_syn_go(void **state)
{
	hold(&cookie);
	tcp_shutdown(&th.env, th.c, th.now);
	out("S", 0, 0, 0);
	in("S.", 0, 1, 0);
	out("F.", 1, 1, 0);
}

static void test_fastopen_text_fits_the_remembered_mss(void **state)
{
	hold(&cookie);
	put(3000);
	out("S", 0, 0, 960);
	in("S.", 0, 961, 0);
	out(".", 961, 1, 1460);
	out("P.", 2421, 1, 580);
}

static void test_fastopen_text_that_was_not_taken_goes_again(void **state)
{
	hold(&cookie);
	put(300);
	out("S", 0, 0, 300);
	in("S.", 0, 1, 0);
	out("P.", 1, 1, 300);
	in(".", 1, 301, 0);
	assert_false(tcp_cold_peek(th.c)->fastopen.taken);
	no_out();
	count_is(fastopen_active_acked, 0);
	assert_int_equal(th.c->lost, 0);
}

static void test_fastopen_lost_syn_is_followed_by_an_ordinary_one(void **state)
{
	hold(&cookie);
	put(300);
	out("S", 0, 0, 300);
	events_take();
	advance(1000);
	out("S", 0, 0, 0);
	assert_false(th.opts.present & TCP_OPT_FASTOPEN);
	assert_true(events_take() & TCP_EV_FASTOPEN);
	assert_true(th.c->fastopen & TCP_FO_LOST);
	count_is(fastopen_black_holes, 1);
	in("S.", 0, 1, 0);
	out("P.", 1, 1, 300);
	in(".", 1, 301, 0);
	state_is(TCP_ESTABLISHED);
}

static void test_fastopen_late_answer_is_no_black_hole(void **state)
{
	hold(&cookie);
	put(300);
	out("S", 0, 0, 300);
	advance(1000);
	out("S", 0, 0, 0);
	in("S.", 0, 301, 0);
	assert_false(th.c->fastopen & TCP_FO_LOST);
	out(".", 301, 1, 0);
}

static void test_fastopen_without_a_cookie_asks_and_sends_text_later(void **state)
{
	static const struct tcp_cookie none;

	hold(&none);
	put(300);
	out("S", 0, 0, 0);
	assert_true(th.opts.present & TCP_OPT_FASTOPEN);
	assert_int_equal(th.opts.cookie.len, 0);
	th.once.present = TCP_OPT_FASTOPEN;
	th.once.cookie = cookie;
	in("S.", 0, 1, 0);
	assert_true(th.c->fastopen & TCP_FO_GOT);
	assert_memory_equal(&tcp_cold_peek(th.c)->fastopen.cookie, &cookie, sizeof(cookie));
	out("P.", 1, 1, 300);
}

static void test_fastopen_in_a_black_hole_sends_no_option(void **state)
{
	hold(NULL);
	put(300);
	out("S", 0, 0, 0);
	assert_false(th.opts.present & TCP_OPT_FASTOPEN);
	in("S.", 0, 1, 0);
	out("P.", 1, 1, 300);
}

static void test_fastopen_longest_cookie_fits_beside_all_options(void **state)
{
	struct tcp_cookie k = { .len = 16, .b = { 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 1, 2, 3, 4, 5, 6 } };

	hold(&k);
	put(10);
	out("S", 0, 0, 10);
	assert_int_equal(th.opts.cookie.len, 16);
	assert_memory_equal(th.opts.cookie.b, k.b, 16);
	assert_int_equal(th.opts.present & (TCP_OPT_MSS | TCP_OPT_WSCALE | TCP_OPT_SACK_OK | TCP_OPT_TS),
			 TCP_OPT_MSS | TCP_OPT_WSCALE | TCP_OPT_SACK_OK | TCP_OPT_TS);
}

static void test_fastopen_lost_request_is_a_black_hole_the_second_time(void **state)
{
	static const struct tcp_cookie none;

	hold(&none);
	out("S", 0, 0, 0);
	advance(1000);
	out("S", 0, 0, 0);
	assert_false(th.opts.present & TCP_OPT_FASTOPEN);
	count_is(fastopen_black_holes, 0);
	advance(2000);
	out("S", 0, 0, 0);
	count_is(fastopen_black_holes, 1);
	assert_true(events_take() & TCP_EV_FASTOPEN);
	th.once.present = TCP_OPT_FASTOPEN;
	th.once.cookie = cookie;
	in("S.", 0, 1, 0);
	assert_true(th.c->fastopen & TCP_FO_GOT); /* it was asked for */
}

static void test_fastopen_experimental_option_carries_the_cookie_too(void **state)
{
	static const uint8_t head[] = { 254, 12, 0xf9, 0x89, 1, 2, 3, 4, 5, 6, 7, 8 };
	struct tcp_cookie k = cookie;

	k.exp = true;
	hold(&k);
	put(300);
	out("S", 0, 0, 300);
	assert_memory_equal(th.last.opt + 20, head, sizeof(head));
	assert_true(th.opts.present & TCP_OPT_FASTOPEN);
	assert_true(th.opts.cookie.exp);
	assert_memory_equal(th.opts.cookie.b, cookie.b, 8);
}

static void test_fastopen_bare_text_goes_without_the_option(void **state)
{
	th_connect();
	tcp_fastopen_bare(th.c, 1000);
	no_out();
	put(300);
	out("S", 0, 0, 300);
	assert_false(th.opts.present & TCP_OPT_FASTOPEN);
	th.once.present = TCP_OPT_FASTOPEN;
	th.once.cookie = cookie;
	in("S.", 0, 301, 0);
	assert_false(th.c->fastopen & TCP_FO_GOT); /* nobody asked for it */
	assert_true(tcp_cold_peek(th.c)->fastopen.taken);
	out(".", 301, 1, 0);
}

static void test_fastopen_bare_text_is_not_in_the_second_syn(void **state)
{
	th_connect();
	tcp_fastopen_bare(th.c, 1000);
	put(300);
	out("S", 0, 0, 300);
	advance(1000);
	out("S", 0, 0, 0);
	count_is(fastopen_black_holes, 1);
	in("S.", 0, 1, 0);
	out("P.", 1, 1, 300);
}

/* ---- passive ---- */

static void syn_with(uint32_t len, bool good)
{
	static uint8_t text[1000];
	struct tcp_seg syn = { .seq = TH_IRS, .flags = TCP_SYN, .wnd = 14600, .len = len, .nspans = 1 };

	th_connect(); /* addresses; then anew as a listener would */
	th_fresh();
	for (uint32_t i = 0; i < len; i++)
		text[i] = (uint8_t)i;
	syn.span[0] = (struct tcp_span){ text, len };
	syn.opts.present = TCP_OPT_MSS;
	syn.opts.mss = 1460;
	syn.opts.present |= th.wscale >= 0 ? TCP_OPT_WSCALE : 0;
	tcp_accept_syn(&th.env, th.c, &th.open, &syn, th.now);
	if (good)
		tcp_fastopen_accept(&th.env, th.c, &syn, th.now);
	else
		tcp_fastopen_offer(th.c, &cookie);
}

static void test_fastopen_passive_text_is_there_before_the_handshake_ends(void **state)
{
	uint8_t buf[400];

	syn_with(300, true);
	assert_true(tcp_cold_peek(th.c)->fastopen.taken);
	state_is(TCP_SYN_RECEIVED);
	assert_int_equal(tcp_recv(&th.env, th.c, buf, sizeof(buf)), 300);
	assert_int_equal(buf[299], 299 & 255);
	out("S.", 0, 301, 0);
	no_out();
	put(500); /* the answer does not wait either */
	out("P.", 1, 301, 500);
	in(".", 301, 501, 0);
	state_is(TCP_ESTABLISHED);
	no_out();
	assert_int_equal(th.c->recs.count, 0);
}

static void test_fastopen_passive_reading_tells_no_window_before_there_is_need(void **state)
{
	uint8_t buf[400];

	th.env.conf.rcvbuf_init = 1u << 20;
	th.wscale = 7;
	syn_with(300, true);
	out("S.", 0, 301, 0);
	assert_int_equal(tcp_recv(&th.env, th.c, buf, sizeof(buf)), 300);
	no_out(); /* although far more than a SYN-ACK can tell is free */
}

static void test_fastopen_passive_answer_has_a_whole_initial_window(void **state)
{
	syn_with(300, true);
	out("S.", 0, 301, 0);
	put(30000);
	for (uint32_t i = 0; i < 10; i++) /* RFC 6928 */
		out(".", 1 + i * 1460, 301, 1460);
	no_out();
}

/* The SYN-ACK is still out when the first flight begins: its sample counts from its own sending. */
static void test_fastopen_passive_answer_is_a_sample_of_the_rate(void **state)
{
	bool limited;

	syn_with(300, true);
	out("S.", 0, 301, 0);
	put(4 * 1460);
	th_drain();
	advance(40);
	in(".", 301, 1 + 4 * 1460, 0);
	assert_int_equal(tcp_delivery_rate(th.c, &limited), 4 * 1460 * 25);
}

static void test_fastopen_passive_syn_ack_goes_again_and_acknowledges_the_text(void **state)
{
	syn_with(300, true);
	out("S.", 0, 301, 0);
	put(100);
	out("P.", 1, 301, 100);
	advance(1000);
	out("S.", 0, 301, 0);
	in(".", 301, 1, 0);
	state_is(TCP_ESTABLISHED);
	out("P.", 1, 301, 100);
	in(".", 301, 101, 0);
	assert_int_equal(th.c->recs.count, 0);
}

static void test_fastopen_passive_syn_again_brings_the_syn_ack_again(void **state)
{
	syn_with(300, true);
	out("S.", 0, 301, 0);
	in("S", 0, 0, 300);
	out("S.", 0, 301, 0);
	no_out();
	assert_int_equal(th.c->rcvq.len, 300);
}

static void test_fastopen_syn_with_text_not_taken_again_brings_the_syn_ack_again(void **state)
{
	syn_with(300, false);
	out("S.", 0, 1, 0);
	assert_memory_equal(&th.opts.cookie, &cookie, 9);
	in("S", 0, 0, 300);
	state_is(
		TCP_SYN_RECEIVED); /* not reset: it reaches into the window, but is the one that opened the connection */
	out("S.", 0, 1, 0);
	in("P.", 1, 1, 300);
	state_is(TCP_ESTABLISHED);
	assert_int_equal(th.c->rcvq.len, 300);
}

static void test_fastopen_passive_reset_says_reset(void **state)
{
	syn_with(300, true);
	out("S.", 0, 301, 0);
	in("R", 301, 0, 0);
	state_is(TCP_CLOSED);
	assert_int_equal(th.c->error, ECONNRESET);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_fastopen_connect_holds_the_syn_until_there_is_text),
		TEST(test_fastopen_shutdown_lets_the_syn_go),
		TEST(test_fastopen_text_fits_the_remembered_mss),
		TEST(test_fastopen_text_that_was_not_taken_goes_again),
		TEST(test_fastopen_lost_syn_is_followed_by_an_ordinary_one),
		TEST(test_fastopen_late_answer_is_no_black_hole),
		TEST(test_fastopen_without_a_cookie_asks_and_sends_text_later),
		TEST(test_fastopen_in_a_black_hole_sends_no_option),
		TEST(test_fastopen_longest_cookie_fits_beside_all_options),
		TEST(test_fastopen_lost_request_is_a_black_hole_the_second_time),
		TEST(test_fastopen_experimental_option_carries_the_cookie_too),
		TEST(test_fastopen_bare_text_goes_without_the_option),
		TEST(test_fastopen_bare_text_is_not_in_the_second_syn),
		TEST(test_fastopen_passive_text_is_there_before_the_handshake_ends),
		TEST(test_fastopen_passive_reading_tells_no_window_before_there_is_need),
		TEST(test_fastopen_passive_answer_has_a_whole_initial_window),
		TEST(test_fastopen_passive_answer_is_a_sample_of_the_rate),
		TEST(test_fastopen_passive_syn_ack_goes_again_and_acknowledges_the_text),
		TEST(test_fastopen_passive_syn_again_brings_the_syn_ack_again),
		TEST(test_fastopen_syn_with_text_not_taken_again_brings_the_syn_ack_again),
		TEST(test_fastopen_passive_reset_says_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
