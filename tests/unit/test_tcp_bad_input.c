// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Bad input, swept: every MSS, every option malformed in every way, windows at their ends, acknowledgements of nothing. */
#include "tcp_harness.h"

/* ---- MSS options of 0 to 65535 ---- */

/* RFC 9293 3.7.1, written once more: the least of the peer's word and the path, no less than hosts must take. */
static uint32_t mss_expected(uint32_t option, bool v6, bool ts, uint32_t mtu)
{
	uint32_t peer = option, least = v6 ? 1220 : 536, header = v6 ? 60 : 40, path = mtu > header ? mtu - header : 0;

	if (peer < least)
		peer = least;
	if (path < peer)
		peer = path;
	if (peer < 48)
		peer = 48;
	return ts ? peer - 12 : peer;
}

static void mss_open(void **state, uint16_t option, bool v6, bool ts, uint32_t mtu)
{
	struct tcp_seg syn = { .seq = TH_IRS, .flags = TCP_SYN, .wnd = 65535 };

	tcp_free(&th.env, th.c);
	th_fresh();
	syn.opts.present = (uint16_t)(TCP_OPT_MSS | (ts ? TCP_OPT_TS : 0));
	syn.opts.mss = option;
	th.open.path_mtu = mtu;
	th.stats[XTCP_USER_in_mss_small] = 0;
	tcp_accept_syn(&th.env, th.c, &th.open, &syn, th.now);
	assert_int_equal(th.c->mss, mss_expected(option, v6, ts, mtu));
	count_is(in_mss_small, option < (v6 ? 1220 : 536));
}

/* RFC 9293: MUST-14, MUST-15, MUST-16 */
static void test_bad_input_mss_options_of_0_to_65535_keep_the_floor(void **state)
{
	static const uint32_t mtu[] = { 68, 296, 575, 576, 1280, 1500, 9000, 65535 };

	for (int v6 = 0; v6 < 2; v6++) {
		if (v6)
			th_ipv6();
		for (size_t m = 0; m < sizeof(mtu) / sizeof(mtu[0]); m++)
			for (uint32_t option = 0; option < 65536; option++)
				mss_open(state, (uint16_t)option, v6, option & 1, mtu[m]);
	}
}

static void test_bad_input_configured_mss_floor_is_never_below_48(void **state)
{
	th.env.conf.mss_min = 1;
	th.mss = 0;
	th.once.present = TCP_OPT_MSS; /* an option that says 0 */
	th_active();
	assert_int_equal(th.c->mss, 48);
	put(480);
	out_full(10, 1, 1);
	count_is(in_mss_small, 1);
}

static void test_bad_input_tiny_mss_does_not_multiply_segments(void **state)
{
	th.mss = 8;
	th_active();
	put(2 * 536);
	out(".", 1, 1, 536);
	out("P.", 537, 1, 536);
	no_out();
}

/* RFC 9293: SHLD-6 */
static void test_bad_input_tiny_mss_yields_to_a_smaller_path(void **state)
{
	th.mss = 8;
	th.open.path_mtu = 296;
	th_active();
	put(512);
	out(".", 1, 1, 256);
	out("P.", 257, 1, 256);
}

/* ---- options, malformed in every way ---- */

/* The length of each option that has one (RFC 9293 3.1, 7323, 2018); 0: any. */
static uint32_t legal_length(uint32_t kind)
{
	switch (kind) {
	case 2: return 4;
	case 3: return 3;
	case 4: return 2;
	case 8: return 10;
	case 28: return 4; /* RFC 5482 */
	default: return 0;
	}
}

static bool malformed(uint32_t kind, uint32_t len, uint32_t room)
{
	if (kind <= 1)
		return false;
	if (room < 2 || len < 2 || len > room)
		return true;
	if (kind == 34 && len != 2) /* a cookie of 4 to 16 bytes, an even number (RFC 7413 4.1.1) */
		return len < 6 || len > 18 || len % 2;
	if (kind == 5)
		return len < 10 || (len - 2) % 8;
	return legal_length(kind) && len != legal_length(kind);
}

static void option_is_read(uint32_t kind, uint32_t len, uint32_t at)
{
	uint32_t room = TCP_OPT_MAX - at;
	uint8_t *p = malloc(TCP_OPT_MAX); /* its end is the sanitizer's fence */
	struct tcp_opts o;

	memset(p, 1, TCP_OPT_MAX);
	p[at] = (uint8_t)kind;
	if (room > 1)
		p[at + 1] = kind <= 1 ? 1 : (uint8_t)len;
	tcp_options_parse(p, TCP_OPT_MAX, &o);
	if (!!(o.present & TCP_OPT_BAD) != malformed(kind, len, room))
		print_error("kind %u, length %u, room %u\n", kind, len, room);
	assert_int_equal(!!(o.present & TCP_OPT_BAD), malformed(kind, len, room));
	if (malformed(kind, len, room))
		assert_int_equal(o.present, TCP_OPT_BAD); /* nothing of it is believed */
	free(p);
}

/* RFC 9293: MUST-6, MUST-7 */
static void test_bad_input_every_option_of_every_length_at_every_place_is_judged(void **state)
{
	for (uint32_t kind = 0; kind < 256; kind++)
		for (uint32_t len = 0; len < 256; len = len < 45 ? len + 1 : len + 35)
			for (uint32_t at = 0; at < TCP_OPT_MAX; at++)
				option_is_read(kind, len, at);
}

static void test_bad_input_malformed_options_are_counted_and_the_segment_goes_on(void **state)
{
	th_active();
	th.once.present = TCP_OPT_BAD;
	in("P.", 1, 1, 100);
	count_is(in_opt_malformed, 1);
	out(".", 1, 101, 0);
	get(100);
}

/* ---- acknowledgements ---- */

static void never_sent(void **state, enum tcp_state s, uint32_t beyond)
{
	uint32_t una, nxt, events;

	th_goto(s);
	th_drain();
	una = th.c->snd_una;
	nxt = th.c->snd_nxt;
	events = th.c->events;
	in(".", th_peer_next(), th.c->snd_nxt - TH_ISS + beyond, 0);
	assert_int_equal(th.c->snd_una, una);
	assert_int_equal(th.c->snd_nxt, nxt);
	assert_int_equal(th.c->events, events);
	state_is(s);
	if (s == TCP_SYN_SENT || s == TCP_SYN_RECEIVED) /* 3.10.7.3 first, 3.10.7.4 fifth */
		rst_reply("R", th.c->snd_nxt - TH_ISS + beyond, 0);
	else /* in TIME-WAIT, too */
		out(".", th.c->snd_nxt - TH_ISS, th_peer_next(), 0);
	no_out();
	th_teardown(state);
	th_setup(state);
}

static void test_bad_input_acks_of_data_never_sent_change_nothing_in_any_state(void **state)
{
	static const uint32_t beyond[] = { 1, 2, 1000, 65536, 1u << 30, 0x7fff0000 };

	for (int s = TCP_SYN_SENT; s <= TCP_TIME_WAIT; s++)
		for (size_t i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++)
			never_sent(state, (enum tcp_state)s, beyond[i]);
}

static void test_bad_input_ack_of_half_the_number_space_with_sack_is_harmless(void **state)
{
	th_modern();
	put(3000);
	th_drain();
	for (uint32_t step = 1; step; step <<= 1) { /* blocks of nothing, of everything, and the wrong way round */
		th_sack(3001, 3001 + step);
		th_sack(1 - step, 1);
		th_sack(3001, 1);
		th_sack(1, 1);
		in(".", 1, 1, 0);
		assert_int_equal(th.c->sacked, 0);
		assert_int_equal(th.c->snd_una, TH_ISS + 1);
		th_drain();
	}
}

/* ---- a SYN-ACK that carries more than it should ---- */

static void test_bad_input_urgent_pointer_of_a_syn_counts_from_its_number(void **state)
{
	th_connect();
	out("S", 0, 0, 0);
	th.urg = 3; /* the SYN is number 0, the text 1 to 10: the first byte past what is urgent is 3 */
	in("S.U", 0, 1, 10);
	state_is(TCP_ESTABLISHED);
	assert_true(th.c->events & TCP_EV_URGENT);
	assert_int_equal(tcp_urgent_mark(th.c), 1 + 1);
}

/* ---- windows of 0 and of 1 GiB ---- */

/* RFC 9293: MUST-1, REC-1 */
static void test_bad_input_window_of_a_gibibyte_is_used_unsigned(void **state)
{
	th.wscale = 14;
	th_active();
	in(".", 1, 1, 0);
	assert_int_equal(th.c->snd_wnd, 65535u << 14);
	put(20 * 1460);
	out_full(10, 1, 1); /* the congestion window alone holds it */
	in(".", 1, 14601, 0);
	th_drain();
}

static void test_bad_input_window_of_zero_from_the_start_is_probed(void **state)
{
	th.wnd = 0;
	th_active();
	put(1000);
	no_out();
	advance(2000);
	th_drain();
	state_is(TCP_ESTABLISHED);
	th.wnd = 65535;
	in(".", 1, 1, 0);
	out("P.", 1, 1, 1000);
}

/* Our own window of 1 GiB: its last byte may come, the one behind it may not. */
static void test_bad_input_own_window_of_a_gibibyte_ends_where_it_says(void **state)
{
	uint32_t edge;

	th.env.conf.rcvbuf_max = th.env.conf.rcvbuf_init = 1u << 30;
	th.wscale = 0;
	th_active();
	in("P.", 1, 1, 1); /* an ACK with the scaled window */
	advance(40);
	out(".", 1, 2, 0);
	assert_int_equal(th.c->rcv_wscale, 14);
	assert_true((uint32_t)th.last.wnd << 14 > 1u << 29);
	edge = th.c->rcv_adv - TH_IRS;
	in(".", edge, 1, 1); /* right of it: an ACK, nothing kept */
	out(".", 1, 2, 0);
	assert_int_equal(th.c->ooo_count, 0);
	in(".", 2 - (1u << 30), 1, 100); /* far to the left */
	out(".", 1, 2, 0);
	assert_int_equal(th.c->rcv_nxt - TH_IRS, 2);
	in(".", edge - 1, 1, 1); /* inside; memory for the gap there is none */
	out(".", 1, 2, 0);
	assert_int_equal(th.c->rcv_nxt - TH_IRS, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bad_input_mss_options_of_0_to_65535_keep_the_floor),
		TEST(test_bad_input_configured_mss_floor_is_never_below_48),
		TEST(test_bad_input_tiny_mss_does_not_multiply_segments),
		TEST(test_bad_input_tiny_mss_yields_to_a_smaller_path),
		TEST(test_bad_input_every_option_of_every_length_at_every_place_is_judged),
		TEST(test_bad_input_malformed_options_are_counted_and_the_segment_goes_on),
		TEST(test_bad_input_acks_of_data_never_sent_change_nothing_in_any_state),
		TEST(test_bad_input_ack_of_half_the_number_space_with_sack_is_harmless),
		TEST(test_bad_input_urgent_pointer_of_a_syn_counts_from_its_number),
		TEST(test_bad_input_window_of_a_gibibyte_is_used_unsigned),
		TEST(test_bad_input_window_of_zero_from_the_start_is_probed),
		TEST(test_bad_input_own_window_of_a_gibibyte_ends_where_it_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
