// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_rfc7323.c - window scale, timestamps and PAWS, case by case. */
#include "tcp_harness.h"

#define DAY_MS (86400ull * 1000)

static void again(void)
{
	tcp_free(&th.env, th.c);
	th_fresh();
	th.wrote = th.read = 0;
	th.have_edge = false;
	memset(th.stats, 0, sizeof(th.stats));
}

/* 2.3: every value of the option; above 14 it is an error that is counted, and counts as 14. */
static void test_rfc7323_every_window_scale(void **state)
{
	for (int i = 0; i < 512; i++) {
		int shift = i & 255;

		th.wscale = shift;
		if (i & 256)
			th_passive();
		else
			th_active();
		assert_int_equal(th.c->snd_wscale, shift > 14 ? 14 : shift);
		count_is(in_wscale_big, shift > 14);
		again();
	}
}

/* 2.2: "the window field in a segment where the SYN bit is set MUST NOT be scaled" */
static void test_rfc7323_window_of_a_syn_is_not_scaled(void **state)
{
	th.wscale = 7;
	th.wnd = 1000;
	th_connect();
	out("S", 0, 0, 0);
	advance(1);
	in("S.", 0, 1, 0);
	assert_int_equal(th.c->snd_wnd, 1000);
	out(".", 1, 1, 0);
	in(".", 1, 1, 0);
	assert_int_equal(th.c->snd_wnd, 1000 << 7);
}

/* 3.2: what was not agreed on is ignored, and the segment taken. */
static void test_rfc7323_timestamps_not_agreed_are_ignored(void **state)
{
	for (int i = 0; i < 2; i++) {
		th.ts = false;
		th_active();
		th.once.present |= TCP_OPT_TS;
		th.once.tsval = i ? 0 : 77;
		th.once.tsecr = 0x12345678;
		in("P.", 1, 1, 10);
		get(10);
		th_drain();
		assert_false(th.c->flags & (TCP_F_TS | TCP_F_TS_RECENT));
		again();
	}
}

enum fate { TAKEN, ANSWERED, SILENT };

/* Text of ten bytes or none with a timestamp of TS.Recent + ts, so many days after the last one. */
static enum fate fate_of(const char *flags, uint32_t seq, uint32_t len, int32_t ts, uint64_t days, bool have)
{
	uint32_t before;
	enum fate f;

	th_modern();
	th_interactive();
	advance(days * DAY_MS);
	th_drain();
	th.tsval = th.c->ts_recent + (uint32_t)ts;
	th.no_ts = !have;
	before = th.c->rcvq.len + th.c->ooo_count;
	in(flags, th_peer_next() + seq, th_our_next(), len);
	f = th.c->rcvq.len + th.c->ooo_count > before ? TAKEN : th.c->flags & TCP_F_ACK_NOW ? ANSWERED : SILENT;
	if (th.c->state == TCP_CLOSED || th.c->state == TCP_CLOSE_WAIT)
		f = TAKEN;
	th_drain();
	again();
	return f;
}

/* 5.3 R1, 5.5, 3.2 */
static void test_rfc7323_paws_every_case(void **state)
{
	static const struct {
		const char *flags;
		uint32_t seq, len;
		int32_t ts;
		uint32_t days;
		bool have;
		enum fate fate;
	} t[] = {
		{ "P.", 0, 10, 0, 0, true, TAKEN },
		{ "P.", 0, 10, 1, 0, true, TAKEN },
		{ "P.", 0, 10, INT32_MAX, 0, true, TAKEN },
		{ "P.", 0, 10, -1, 0, true, ANSWERED },
		{ "P.", 0, 10, INT32_MIN + 1, 0, true, ANSWERED },
		{ "P.", 100, 10, -1, 0, true, ANSWERED }, /* out of order too */
		{ "P.", 100, 10, 0, 0, true, TAKEN },
		{ "F.", 0, 0, -1, 0, true, ANSWERED },
		{ "F.", 0, 0, 1, 0, true, TAKEN },
		{ "R", 0, 0, -1, 0, true, TAKEN },    /* RST is exempt ... */
		{ "R", 0, 0, 0, 0, false, TAKEN },    /* ... and need not have one */
		{ "P.", 0, 10, 0, 0, false, SILENT }, /* "SHOULD silently drop" */
		{ "F.", 0, 0, 0, 0, false, SILENT },
		{ ".", 0, 0, 0, 0, false, SILENT },
		{ "P.", 0, 10, -1, 23, true, ANSWERED }, /* 5.5: TS.Recent is valid for 24 days */
		{ "P.", 0, 10, -1, 25, true, TAKEN },
		{ "P.", 0, 10, INT32_MIN + 1, 25, true, TAKEN },
		{ "P.", 0, 10, 0, 25, false, SILENT },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		enum fate f = fate_of(t[i].flags, t[i].seq, t[i].len, t[i].ts, t[i].days, t[i].have);

		if (f != t[i].fate)
			print_error("case %zu\n", i);
		assert_int_equal(f, t[i].fate);
	}
}

/* 4.3 (2): TS.Recent moves with what is not older and covers the last ACK sent. Places from RCV.NXT, 10 bytes. */
static void test_rfc7323_ts_recent_every_case(void **state)
{
	static const struct {
		int32_t seq, ts;
		bool moves;
	} t[] = {
		{ 0, 1, true },	   { 0, 1000, true }, { 0, -1, false },	 { -5, 1, true }, /* in part old */
		{ -5, -1, false }, { 1, 1, false },   { 100, 1, false },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		uint32_t was;

		th_modern();
		in("P.", 1, 1, 10);
		th_drain();
		advance(100);
		th_drain(); /* acknowledged */
		was = th.c->ts_recent;
		th.tsval = was + (uint32_t)t[i].ts;
		in("P.", 11 + (uint32_t)t[i].seq, 1, 10);
		if ((th.c->ts_recent != was) != t[i].moves)
			print_error("case %zu\n", i);
		assert_int_equal(th.c->ts_recent, t[i].moves ? th.tsval : was);
		th_drain();
		get(th.c->rcvq.len);
		again();
	}
}

/* 5.5: an outdated TS.Recent is replaced by what comes, and from then on that protects. */
static void test_rfc7323_outdated_ts_recent_is_replaced(void **state)
{
	uint32_t now;

	th_modern();
	th_interactive();
	advance(25 * DAY_MS);
	th_drain();
	now = th.c->ts_recent - (1u << 30);
	th.tsval = now;
	in("P.", th_peer_next(), th_our_next(), 10);
	assert_int_equal(th.c->ts_recent, now);
	th.tsval = now - 1;
	in("P.", th_peer_next(), th_our_next(), 10);
	count_is(in_paws, 1);
	assert_int_equal(th.c->rcvq.len, 10);
	out(".", th_our_next(), th_peer_next(), 0);
	assert_int_equal(th.opts.tsecr, now);
}

/* 4.1: an echo is a sample only in what moves SND.UNA; 3.2: and only with the ACK bit. */
static void test_rfc7323_echo_is_a_sample_only_with_new_data(void **state)
{
	uint32_t srtt;

	th_modern();
	srtt = th.c->srtt_us_x8;
	th.opts.tsval -= 5000;
	in(".", 1, 1, 0);
	in("P.", 1, 1, 10);
	in("P", 11, 0, 10);
	assert_int_equal(th.c->srtt_us_x8, srtt);
	th_drain();
	put(10);
	th_drain();
	advance(30);
	in(".", 11, 11, 0);
	assert_true(th.c->srtt_us_x8 > srtt);
}

/* 3.2: a RST of ours carries them as well. */
static void test_rfc7323_our_reset_carries_timestamps(void **state)
{
	th_modern();
	tcp_abort(&th.env, th.c, ECONNABORTED);
	out("R.", 1, 1, 0);
	assert_true(th.opts.present & TCP_OPT_TS);
	assert_int_equal(th.opts.tsecr, th.c->ts_recent);
}

/* 5.3 and RFC 5961 7: what brings no text is answered, but not without limit. */
static void test_rfc7323_old_syns_are_answered_sparingly(void **state)
{
	int n = 0;

	th_modern();
	for (int i = 0; i < 40; i++) {
		th.tsval = th.c->ts_recent - 1;
		in("S", 1000, 0, 0);
		n += !!(th.c->flags & TCP_F_ACK_NOW);
		th_drain();
	}
	assert_int_equal(n, 10);
	count_is(in_paws, 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rfc7323_every_window_scale),
		TEST(test_rfc7323_window_of_a_syn_is_not_scaled),
		TEST(test_rfc7323_timestamps_not_agreed_are_ignored),
		TEST(test_rfc7323_paws_every_case),
		TEST(test_rfc7323_ts_recent_every_case),
		TEST(test_rfc7323_outdated_ts_recent_is_replaced),
		TEST(test_rfc7323_echo_is_a_sample_only_with_new_data),
		TEST(test_rfc7323_our_reset_carries_timestamps),
		TEST(test_rfc7323_old_syns_are_answered_sparingly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
