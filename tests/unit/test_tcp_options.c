// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_options.c - options read, from well-formed to hostile, and written; what two SYNs agree on. */
#include "lib/hash.h"
#include "tcp_harness.h"

static struct tcp_opts o;

/* Parse from a heap block of exactly this size, so that the sanitizer sees a read past the end. */
static void parse(const uint8_t *bytes, size_t len)
{
	uint8_t *p = calloc(1, len ? len : 1);

	memcpy(p, bytes, len);
	memset(&o, 0xa5, sizeof(o));
	tcp_options_parse(p, len, &o);
	free(p);
}

#define PARSE(...)                                        \
	do {                                              \
		const uint8_t bytes_[] = { __VA_ARGS__ }; \
		parse(bytes_, sizeof(bytes_));            \
	} while (0)

static void test_options_none_are_none(void **state)
{
	parse((const uint8_t *)"", 0);
	assert_int_equal(o.present, 0);
	assert_int_equal(o.nsack, 0);
	PARSE(0, 0, 0, 0);
	assert_int_equal(o.present, 0);
	PARSE(1, 1, 1, 0);
	assert_int_equal(o.present, 0);
}

/* RFC 9293: MUST-4 */
static void test_options_of_a_syn_are_read(void **state)
{
	PARSE(2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 9);
	assert_int_equal(o.present, TCP_OPT_MSS | TCP_OPT_SACK_OK | TCP_OPT_TS | TCP_OPT_WSCALE);
	assert_int_equal(o.mss, 1460);
	assert_int_equal(o.tsval, 0x01020304);
	assert_int_equal(o.tsecr, 0x05060708);
	assert_int_equal(o.wscale, 9);
}

/* RFC 9293: MUST-64 */
static void test_options_of_any_alignment_are_read(void **state)
{
	for (size_t pad = 0; pad < 8; pad++) { /* MUST-64 */
		uint8_t b[18] = { 1, 1, 1, 1, 1, 1, 1, 1 };
		const uint8_t ts[10] = { 8, 10, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1 };

		memcpy(b + pad, ts, 10);
		parse(b, pad + 10);
		assert_int_equal(o.present, TCP_OPT_TS);
		assert_int_equal(o.tsval, 0xffffffff);
		assert_int_equal(o.tsecr, 1);
	}
}

/* RFC 9293: MUST-5 */
static void test_options_timestamp_of_the_usual_form_is_read(void **state)
{
	PARSE(1, 1, 8, 10, 0x80, 0, 0, 1, 0, 0, 0, 2);
	assert_int_equal(o.present, TCP_OPT_TS);
	assert_int_equal(o.tsval, 0x80000001);
	assert_int_equal(o.tsecr, 2);
	assert_int_equal(o.nsack, 0);
}

static void test_options_sack_blocks_are_read_up_to_four(void **state)
{
	uint8_t b[40] = { 1, 1, 5, 34 };

	for (int i = 0; i < 8; i++)
		b[7 + 4 * i] = (uint8_t)(i + 1);
	parse(b, 36);
	assert_int_equal(o.present, TCP_OPT_SACK);
	assert_int_equal(o.nsack, 4);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(o.sack[i].start, 2 * i + 1);
		assert_int_equal(o.sack[i].end, 2 * i + 2);
	}
}

static void test_options_sack_of_odd_length_is_malformed(void **state)
{
	static const uint8_t lens[] = { 2, 3, 6, 9, 11, 14, 17, 19 };

	for (size_t i = 0; i < sizeof(lens); i++) {
		uint8_t b[20] = { 5, lens[i] };

		parse(b, 20);
		assert_int_equal(o.present, TCP_OPT_BAD);
		assert_int_equal(o.nsack, 0);
	}
}

/* RFC 9293: MUST-6 */
static void test_options_unknown_are_skipped(void **state)
{
	PARSE(254, 6, 1, 2, 3, 4, 30, 3, 0, 2, 4, 2, 0); /* MUST-6; 30 is MPTCP */
	assert_int_equal(o.present, TCP_OPT_MSS);
	assert_int_equal(o.mss, 512);
	PARSE(6, 2, 7, 2, 9, 40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	      0, 0, 0, 0, 0);
	assert_int_equal(o.present & TCP_OPT_BAD, TCP_OPT_BAD); /* the third runs past the end */
}

/* RFC 9293: MUST-4 */
static void test_options_after_the_end_of_list_do_not_count(void **state)
{
	PARSE(4, 2, 0, 2, 4, 5, 180);
	assert_int_equal(o.present, TCP_OPT_SACK_OK);
}

/* RFC 9293: MUST-7 */
static void test_options_illegal_lengths_end_the_reading(void **state)
{
	static const uint8_t kinds[] = { 2, 3, 4, 5, 8, 9, 255 }, lens[] = { 0, 1, 11, 255 };

	for (size_t k = 0; k < sizeof(kinds); k++)
		for (size_t l = 0; l < sizeof(lens); l++) { /* MUST-7 */
			uint8_t b[] = { 4, 2, kinds[k], lens[l], 0, 0, 0, 0, 3, 3, 7 };

			if (lens[l] == 11)
				parse(b, 10); /* one byte more than there is */
			else
				parse(b, sizeof(b));
			assert_int_equal(o.present & ~TCP_OPT_SACK_OK, TCP_OPT_BAD);
			assert_true(o.present & TCP_OPT_SACK_OK); /* what came before counts */
		}
}

static void test_options_known_kind_of_wrong_length_is_skipped(void **state)
{
	PARSE(2, 3, 5, 3, 4, 9, 9, 4, 3, 9, 8, 4, 9, 9, 3, 3, 5);
	assert_int_equal(o.present, TCP_OPT_BAD | TCP_OPT_WSCALE); /* the one right one at the end */
	assert_int_equal(o.wscale, 5);
}

static void test_options_every_truncation_is_harmless(void **state)
{
	static const uint8_t all[40] = { 2,  4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 3, 3, 9, 5,
					 18, 0, 0, 0,	1, 0, 0, 0,  2, 0, 0, 0, 3, 0, 0, 0, 4, 1, 0, 0 };
	static const uint8_t ends[] = { 4, 6, 16, 19, 37 }; /* where an option ends */

	for (size_t len = 0; len <= 40; len++) {
		bool whole = len == 0 || len > 37;

		for (size_t i = 0; i < sizeof(ends); i++)
			whole |= len == ends[i];
		parse(all, len);
		assert_int_equal(!!(o.present & TCP_OPT_BAD), !whole);
		assert_int_equal(!!(o.present & TCP_OPT_MSS), len >= 4);
		assert_int_equal(!!(o.present & TCP_OPT_TS), len >= 16);
		assert_int_equal(o.nsack, len >= 37 ? 2 : 0);
	}
}

static void test_options_random_bytes_are_harmless(void **state)
{
	uint64_t x = 7;

	for (int i = 0; i < 200000; i++) {
		uint8_t b[40];
		size_t len = hash_random(&x) % 41;

		for (size_t k = 0; k < len; k++) {
			uint64_t r = hash_random(&x);

			b[k] = (uint8_t)(r & 0x700 ? r % 12 : r); /* mostly kinds and lengths that mean something */
		}
		parse(b, len);
		assert_true(o.nsack <= TCP_SACK_MAX);
		assert_int_equal(!!(o.present & TCP_OPT_SACK), o.nsack > 0);
	}
}

/* RFC 9293: MUST-7 */
static void test_options_malformed_are_counted_and_survived(void **state)
{
	th_active();
	th.once.present = TCP_OPT_BAD;
	in("P.", 1, 1, 10);
	count_is(in_opt_malformed, 1);
	get(10);
}

/* ---- written ---- */

/* RFC 9293: MUST-14, MUST-68, MUST-69, SHLD-5, MAY-3 */
static void test_options_syn_offers_everything(void **state)
{
	static const uint8_t head[] = { 2, 4, 5, 180, 4, 2, 8, 10 }, tail[] = { 1, 3, 3, 7 };

	th_connect();
	out("S", 0, 0, 0);
	assert_memory_equal(th.last.opt, head, sizeof(head));
	assert_int_equal(th.last.opt_len, 20);
	assert_memory_equal(th.last.opt + 16, tail, sizeof(tail)); /* no padding but one NOP */
	assert_int_equal(th.opts.tsecr, 0);
	assert_int_equal(th.opts.wscale, 7); /* 4 MiB of buffer */
}

static void test_options_syn_ack_offers_only_what_was_offered(void **state)
{
	for (int i = 0; i < 8; i++) {
		uint32_t want = TCP_OPT_MSS;

		th.sack = i & 1;
		th.ts = i & 2;
		th.wscale = i & 4 ? 5 : -1;
		want |= (i & 1 ? TCP_OPT_SACK_OK : 0) | (i & 2 ? TCP_OPT_TS : 0) | (i & 4 ? TCP_OPT_WSCALE : 0);
		th_listen();
		out("S.", 0, 1, 0);
		assert_int_equal(th.opts.present, want);
		if (th.ts)
			assert_int_equal(th.opts.tsecr, th.tsval);
		assert_int_equal(th.c->snd_wscale, i & 4 ? 5 : 0);
		assert_int_equal(th.c->rcv_wscale, i & 4 ? 7 : 0);
		th_teardown(state);
		th_setup(state);
	}
}

/* RFC 9293: MUST-65 */
static void test_options_of_a_syn_are_on_no_other_segment(void **state)
{
	(void)state;
	th_modern();
	put(100);
	out("P.", 1, 1, 100);
	assert_int_equal(th.opts.present, TCP_OPT_TS);
	in(".", 1, 101, 0);
	tcp_shutdown(&th.env, th.c, th.now);
	out("F.", 101, 1, 0);
	assert_int_equal(th.opts.present, TCP_OPT_TS);
}

static void test_options_agreement_needs_both_sides(void **state)
{
	th_active(); /* the peer's SYN-ACK offered nothing */
	assert_int_equal(th.c->flags & (TCP_F_TS | TCP_F_SACK | TCP_F_WSCALE), 0);
	assert_int_equal(th.c->rcv_wscale, 0);
	assert_int_equal(th.last.opt_len, 0);
	assert_int_equal(th.last.wnd, 65535);
}

static void test_options_timestamps_can_be_turned_off(void **state)
{
	th.env.conf.timestamps = false;
	th_connect();
	out("S", 0, 0, 0);
	assert_int_equal(th.opts.present, TCP_OPT_MSS | TCP_OPT_SACK_OK | TCP_OPT_WSCALE);
	th_teardown(state);
	th_setup(state);
	th.env.conf.timestamps = false;
	th.ts = true; /* nor agreed to */
	th_listen();
	out("S.", 0, 1, 0);
	assert_int_equal(th.opts.present, TCP_OPT_MSS);
	assert_false(th.c->flags & TCP_F_TS);
}

static void test_options_window_scale_is_bounded_by_14(void **state)
{
	th.wscale = 255;
	th_active();
	assert_int_equal(th.c->snd_wscale, 14);
}

static void test_options_window_scale_follows_the_buffer(void **state)
{
	static const struct {
		uint32_t rcvbuf;
		uint8_t shift;
	} t[] = { { 65535, 0 }, { 65536, 1 }, { 1 << 20, 5 }, { 4 << 20, 7 }, { 1u << 30, 14 }, { 4000, 0 } };

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		th.env.conf.rcvbuf_max = t[i].rcvbuf;
		th_connect();
		out("S", 0, 0, 0);
		assert_int_equal(th.opts.wscale, t[i].shift);
		th_teardown(state);
		th_setup(state);
	}
}

static void test_options_timestamps_count_about_milliseconds(void **state)
{
	uint32_t first;

	th_modern();
	in("P.", 1, 1, 1);
	advance(40);
	out(".", 1, 2, 0);
	first = th.opts.tsval;
	assert_int_equal(th.last.opt_len, 12);
	advance(10000);
	in("P.", 2, 1, 1);
	advance(40);
	out(".", 1, 3, 0);
	assert_in_range(th.opts.tsval - first, 9500, 10040);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_options_none_are_none),
		TEST(test_options_of_a_syn_are_read),
		TEST(test_options_of_any_alignment_are_read),
		TEST(test_options_timestamp_of_the_usual_form_is_read),
		TEST(test_options_sack_blocks_are_read_up_to_four),
		TEST(test_options_sack_of_odd_length_is_malformed),
		TEST(test_options_unknown_are_skipped),
		TEST(test_options_after_the_end_of_list_do_not_count),
		TEST(test_options_illegal_lengths_end_the_reading),
		TEST(test_options_known_kind_of_wrong_length_is_skipped),
		TEST(test_options_every_truncation_is_harmless),
		TEST(test_options_random_bytes_are_harmless),
		TEST(test_options_malformed_are_counted_and_survived),
		TEST(test_options_syn_offers_everything),
		TEST(test_options_syn_ack_offers_only_what_was_offered),
		TEST(test_options_of_a_syn_are_on_no_other_segment),
		TEST(test_options_agreement_needs_both_sides),
		TEST(test_options_timestamps_can_be_turned_off),
		TEST(test_options_window_scale_is_bounded_by_14),
		TEST(test_options_window_scale_follows_the_buffer),
		TEST(test_options_timestamps_count_about_milliseconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
