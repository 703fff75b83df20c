// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_accecn.c - Accurate ECN (RFC 9768): the ACE field, the option, what both say to the sender. */
#include "tcp_harness.h"

#define MSS 1000u
#define SEG(n) (1 + (n)*MSS)

/* The ACE field as tcpdump's letters, for in() and out(). */
static const char *const ace_text[8] = { ".", ".E", ".W", ".EW", ".e", ".Ee", ".We", ".EWe" };

static void asked(void)
{
	th.env.conf.ecn = TCP_ECN_ACCURATE;
	th.mss = th.ts ? MSS + 12 : MSS;
	th_connect();
	out("SEWe", 0, 0, 0);
	assert_false(th.opts.present & TCP_OPT_ACCECN); /* 3.2.3.2.1 */
	advance(1);
}

/* Established; the ACK of the SYN-ACK says that it came as Not-ECT. */
static void client(void)
{
	asked();
	in("S.W", 0, 1, 0);
	out(".W", 1, 1, 0);
	no_out();
	th_interactive();
}

static void server(void)
{
	th.mss = th.ts ? MSS + 12 : MSS;
	th.syn = "SEWe";
	th_listen();
	out("S.W", 0, 1, 0);
	assert_true(th.opts.present & TCP_OPT_ACCECN);
	advance(1);
	in(".W", 1, 1, 0);
	no_out();
	state_is(TCP_ESTABLISHED);
	th_interactive();
}

static void option(uint32_t e0b, uint32_t ceb, uint32_t e1b)
{
	th.once.present |= TCP_OPT_ACCECN;
	th.once.accecn = TCP_ECN_ALL;
	th.once.accecn_count[0] = e0b;
	th.once.accecn_count[1] = ceb;
	th.once.accecn_count[2] = e1b;
}

static void option_is(uint8_t which, uint32_t e0b, uint32_t ceb, uint32_t e1b)
{
	assert_true(th.opts.present & TCP_OPT_ACCECN);
	assert_int_equal(th.opts.accecn, which);
	if (which & TCP_ECN_E0B)
		assert_int_equal(th.opts.accecn_count[0], e0b);
	if (which & TCP_ECN_CEB)
		assert_int_equal(th.opts.accecn_count[1], ceb);
	if (which & TCP_ECN_E1B)
		assert_int_equal(th.opts.accecn_count[2], e1b);
}

static void data(uint32_t n, uint8_t ecn)
{
	th.tclass = ecn;
	in(ace_text[5], SEG(n), 1, MSS);
}

static void flight(uint32_t n)
{
	th.c->ecn.opt_new = 0; /* the option has been tried: whole segments */
	th.c->cwnd = n * MSS;
	put(n * MSS);
	for (uint32_t i = 0; i < n; i++)
		out(i == n - 1 ? "P.Ee" : ".Ee", SEG(i), 1, MSS);
	no_out();
	advance(2);
}

static bool capable(void)
{
	return !(th.c->ecn.flags & TCP_E_NO_ECT);
}

static const struct tcp_ecn_counts *counts(void)
{
	return &tcp_cold(th.c)->ecn;
}

/* ---- the handshake ---- */

/* Table 2 and 3: the SYN's field in the SYN-ACK, the SYN-ACK's in the last ACK. */
static void test_handshake_reflects_each_field(void **state)
{
	static const char *const text[4] = { ".W", ".EW", ".e", ".We" };

	for (uint8_t ecn = 0; ecn < 4; ecn++) {
		char answer[8];

		snprintf(answer, sizeof(answer), "S%s", text[ecn]);
		th.mss = MSS;
		th.syn = "SEWe";
		th.tclass = ecn;
		th_listen();
		out(answer, 0, 1, 0);
		option_is(TCP_ECN_ALL, 1, 0, 1);
		th_teardown(state);
		th_setup(state);
		asked();
		th.tclass = ecn;
		in("S.W", 0, 1, 0);
		out(text[ecn], 1, 1, 0);
		option_is(TCP_ECN_ALL, 1, 0, 1);
		put(10); /* a marked SYN-ACK is counted, for the field may get lost */
		out(ecn == ECN_CE ? "P.We" : "P.Ee", 1, 1, 10);
		option_is(TCP_ECN_ALL, 1, 0, 1);
		assert_int_equal(th.last.tclass, ECN_ECT_0);
		th_teardown(state);
		th_setup(state);
	}
}

/* Not-ECT was sent: anything else in the echo is the path's doing (3.2.2.3); a mark still counts as one. */
static void test_client_mangled_syn_sends_without(void **state)
{
	static const char *const answer[] = { "S.EW", "S.e", "S.We" };

	for (int i = 0; i < 3; i++) {
		asked();
		in(answer[i], 0, 1, 0);
		out(".W", 1, 1, 0);
		assert_int_equal(th.c->cwnd, i == 2 ? MSS : 10 * MSS);
		put(10);
		out("P.Ee", 1, 1, 10);
		assert_int_equal(th.last.tclass, 0);
		count_is(ecn_mangled, 1);
		th_teardown(state);
		th_setup(state);
	}
}

/* Table 4. */
static void test_server_every_last_ack(void **state)
{
	for (uint32_t ace = 0; ace < 8; ace++) {
		bool mangled = !ace || ace == 3 || ace == 4 || ace == 6;

		th.mss = MSS;
		th.syn = "SEWe";
		th_listen();
		out("S.W", 0, 1, 0);
		in(ace_text[ace], 1, 1, 0);
		assert_int_equal(th.c->ecn.s_cep, ace == 6 ? 6 : 5);
		assert_int_equal(th.c->cwnd, ace == 6 ? MSS : 10 * MSS);
		put(10);
		out("P.Ee", 1, 1, 10);
		assert_int_equal(th.last.tclass, mangled ? 0 : ECN_ECT_0);
		count_is(ecn_mangled, mangled);
		th_teardown(state);
		th_setup(state);
	}
}

/* The last ACK got lost and data comes first: its field is the counter. */
static void test_server_first_ack_with_data_counts(void **state)
{
	th.mss = MSS;
	th.syn = "SEWe";
	th_listen();
	out("S.W", 0, 1, 0);
	in(".Ee", 1, 1, 100);
	assert_int_equal(th.c->ecn.s_cep, 5);
	assert_true(capable());
	count_is(ecn_reductions, 0);
}

/* 3.2.2.4: after the handshake a field of zero is a count like any other. */
static void test_client_first_feedback_zero_is_a_count(void **state)
{
	client();
	flight(2);
	in(".", 1, SEG(1), 0);
	count_is(ecn_mangled, 0);
	count_is(ecn_reductions, 1);
	assert_int_equal(th.c->ecn.s_cep, 8);
	assert_true(capable());
}

/* Five acknowledgements, a round trip between them; all of two segments each marked but for the one in `but`. */
static void all_marked(uint32_t but)
{
	uint32_t cep = 5;

	client();
	th.c->ecn.opt_new = 0;
	for (uint32_t i = 0; i < 5; i++) {
		th.c->cwnd = 10 * MSS;
		put(2 * MSS);
		th_drain();
		advance(2);
		cep += i == but ? 1 : 2;
		in(ace_text[cep & 7], 1, SEG(2 * i + 2), 0);
		assert_int_equal(th.c->ecn.flags & TCP_E_NO_ECT, i == 4 && but > 4 ? TCP_E_NO_ECT : 0);
	}
}

/* 3.2.2.3: marks on all of the first round trips are not from congestion. They end what is sent capable, and count no more. */
static void test_all_marked_from_the_beginning_is_not_believed(void **state)
{
	uint64_t reductions;

	all_marked(9);
	count_is(ecn_mangled, 1);
	reductions = th.stats[XTCP_USER_ecn_reductions];
	assert_true(reductions > 0); /* as long as it could have been true */
	put(2 * MSS);
	th_drain();
	assert_int_equal(th.last.tclass & ECN_MASK, 0);
	in(".EWe", 1, SEG(12), 0);
	count_is(ecn_reductions, reductions);
}

static void test_one_unmarked_in_the_beginning_is_believed(void **state)
{
	all_marked(3);
	count_is(ecn_mangled, 0);
}

/* 3.1.4.1 */
static void test_client_asks_twice(void **state)
{
	asked();
	advance(1000);
	out("SEWe", 0, 0, 0);
	advance(2000);
	out("S", 0, 0, 0);
	in("S.W", 0, 1, 0); /* the first was heard after all */
	out(".W", 1, 1, 0);
	put(10);
	out("P.Ee", 1, 1, 10);
	assert_int_equal(th.last.tclass, ECN_ECT_0);
}

/* 3.2.3.2.2, 3.1.5 */
static void test_server_falls_back_option_then_flags(void **state)
{
	th.mss = MSS;
	th.syn = "SEWe";
	th_listen();
	out("S.W", 0, 1, 0);
	option_is(TCP_ECN_ALL, 1, 0, 1);
	th.tclass = ECN_ECT_0;
	in("SEWe", 0, 0, 0);
	out("S.e", 0, 1, 0); /* the field of the latest SYN */
	assert_false(th.opts.present & TCP_OPT_ACCECN);
	advance(1100);
	out("S.", 0, 1, 0);
	in(".", 1, 1, 0);
	put(10);
	out("P.Ee", 1, 1, 10);
	assert_int_equal(th.last.tclass, 0);
}

static void test_client_answers_a_second_syn_ack_with_its_field(void **state)
{
	client();
	th.tclass = ECN_CE;
	in("S.W", 0, 1, 0);
	out(".We", 1, 1, 0);
	th.tclass = ECN_CE;
	in("S.W", 0, 1, 0);
	out(".We", 1, 1, 0);
	put(10);
	out("P.We", 1, 1, 10); /* counted once */
}

/* 3.2.2.1: data that waits goes behind the pure ACK. */
static void test_client_data_waits_for_the_pure_ack(void **state)
{
	asked();
	in("S.W", 0, 1, 0);
	put(10);
	out(".W", 1, 1, 0);
	out("P.Ee", 1, 1, 10);
	no_out();
}

/* ---- the receiver ---- */

static void test_ace_counts_every_mark(void **state)
{
	uint32_t cep = 5;

	client();
	for (uint32_t i = 0; i < 20; i++) {
		char want[8];

		th.tclass = ECN_CE;
		in(".Ee", SEG(i), 1, MSS);
		cep++;
		snprintf(want, sizeof(want), "%s", ace_text[cep & 7]);
		if (!(i & 1)) /* at once when marks begin, then every second */
			out(want, 1, SEG(i + 1), 0);
	}
	assert_int_equal(counts()->received[ECN_CE], 20);
	assert_int_equal(counts()->received_bytes[ECN_CE], 20 * MSS);
	count_is(in_ce, 20);
}

/* Receive offload merged five marked segments into one. */
static void test_ace_counts_merged_segments(void **state)
{
	client();
	th.tclass = ECN_CE;
	in(".Ee", 1, 1, 4 * 1460 + 100);
	out(".W", 1, 1 + 4 * 1460 + 100, 0); /* 5 + 5 */
	assert_int_equal(counts()->received[ECN_CE], 5);
	assert_int_equal(counts()->received_bytes[ECN_CE], 4 * 1460 + 100);
	count_is(in_ce, 5);
}

static void test_ack_at_once_when_marks_begin(void **state)
{
	client();
	data(0, ECN_ECT_0);
	no_out();
	data(1, ECN_ECT_0);
	out(".Ee", 1, SEG(2), 0);
	data(2, ECN_CE);
	out(".We", 1, SEG(3), 0);
	data(3, ECN_ECT_0);
	no_out(); /* their end is no hurry */
	advance(50);
	out(".We", 1, SEG(4), 0);
}

/* Pure ACKs are counted, and the third mark on them brings an ACK. */
static void test_marked_pure_acks_are_answered_by_the_third(void **state)
{
	client();
	flight(4);
	for (uint32_t i = 1; i < 4; i++) {
		no_out();
		th.tclass = ECN_CE;
		in(".Ee", 1, SEG(i), 0);
	}
	out(".", SEG(4), 1, 0); /* 5 + 3 wraps to 0 */
	assert_int_equal(counts()->received_bytes[ECN_CE], 0);
}

static void test_option_holds_what_ever_changed(void **state)
{
	client();
	data(0, ECN_ECT_0);
	data(1, ECN_ECT_0);
	out(".Ee", 1, SEG(2), 0);
	option_is(TCP_ECN_ALL, 1 + 2 * MSS, 0, 1); /* the handshake's test, once more */
	data(2, ECN_ECT_0);
	data(3, ECN_ECT_0);
	out(".Ee", 1, SEG(4), 0);
	option_is(TCP_ECN_E0B, 1 + 4 * MSS, 0, 0);
	assert_int_equal(th.last.opt_len, 8);
	data(4, ECN_CE);
	out(".We", 1, SEG(5), 0);
	option_is(TCP_ECN_E0B | TCP_ECN_CEB, 1 + 4 * MSS, MSS, 0);
	assert_int_equal(th.last.opt_len, 8);
	put(10); /* nothing new to tell */
	out("P.We", 1, SEG(5), 10);
	assert_int_equal(th.last.opt_len, 0);
	data(5, ECN_ECT_1);
	advance(50);
	out(".We", 11, SEG(6), 0);
	option_is(TCP_ECN_ALL, 1 + 4 * MSS, MSS, 1 + MSS);
	data(6, ECN_NOT_ECT);
	advance(50);
	out(".We", 11, SEG(7), 0);
	assert_int_equal(th.last.opt_len, 0);
}

static void test_option_order_1_for_ect_1(void **state)
{
	client();
	data(0, ECN_ECT_1);
	data(1, ECN_ECT_1);
	out(".Ee", 1, SEG(2), 0);
	data(2, ECN_ECT_1);
	data(3, ECN_ECT_1);
	out(".Ee", 1, SEG(4), 0);
	option_is(TCP_ECN_E1B, 0, 0, 1 + 4 * MSS);
	assert_int_equal(th.last.opt[0], 174);
	assert_int_equal(th.last.opt[1], 5);
}

static void test_option_counters_wrap_at_24_bits(void **state)
{
	client();
	tcp_cold(th.c)->ecn.received_bytes[ECN_ECT_0] = 0xffffff;
	data(0, ECN_ECT_0);
	advance(50);
	out(".Ee", 1, SEG(1), 0);
	option_is(TCP_ECN_ALL, MSS, 0, 1);
}

/* 3.2.3.3: two SACK blocks come first. With timestamps, there is room for eight bytes beside them. */
static void test_option_leaves_room_for_sack(void **state)
{
	th.ts = th.sack = true;
	client();
	data(0, ECN_ECT_0);
	data(1, ECN_ECT_0);
	out(".Ee", 1, SEG(2), 0);
	for (uint32_t i = 3; i < 9; i += 2) {
		data(i, ECN_ECT_0);
		out(".Ee", 1, SEG(2), 0);
	}
	assert_int_equal(th.opts.nsack, 2); /* of three */
	option_is(TCP_ECN_E0B, 1 + 5 * MSS, 0, 0);
	assert_true(th.last.opt_len <= 40);
	data(20, ECN_ECT_1); /* three counters take twelve */
	out(".Ee", 1, SEG(2), 0);
	assert_int_equal(th.opts.nsack, 2);
	option_is(TCP_ECN_E1B, 0, 0, 1 + MSS); /* what is new alone */
}

static void test_option_shortens_data_not_beyond_the_mtu(void **state)
{
	th.ts = th.sack = true;
	client(); /* check_segment() of the harness holds every segment to the MTU */
	th.c->cwnd = 20 * MSS;
	data(0, ECN_ECT_0);
	data(2, ECN_CE);
	put(10 * MSS);
	out(".We", 1, SEG(1), MSS - 12 - 12); /* one SACK block, all counters */
	assert_int_equal(th.opts.nsack, 1);
	option_is(TCP_ECN_ALL, 1 + MSS, MSS, 1);
	th_drain();
}

/* 3.2.3.2.2 */
static void test_option_stops_when_first_data_times_out(void **state)
{
	client();
	put(100);
	out("P.Ee", 1, 1, 100);
	option_is(TCP_ECN_ALL, 1, 0, 1);
	advance(1000);
	th_drain();
	in(".Ee", 1, 101, 0);
	data(0, ECN_ECT_0);
	data(1, ECN_CE);
	out(".We", 101, SEG(2), 0);
	assert_false(th.opts.present & TCP_OPT_ACCECN);
}

/* 3.2.3.2.2: what was acknowledged with the option comes again, each time. */
static void test_option_stops_when_acknowledged_data_comes_again(void **state)
{
	client();
	for (uint32_t i = 0; i < 3; i++) {
		data(2 * i, ECN_ECT_0);
		data(2 * i + 1, ECN_ECT_0);
		out(".Ee", 1, SEG(2 * i + 2), 0);
		assert_true(th.opts.present & TCP_OPT_ACCECN);
		data(2 * i, ECN_NOT_ECT);
		data(2 * i, ECN_NOT_ECT); /* that it comes twice is no second time */
		th_drain();
	}
	data(6, ECN_ECT_0);
	advance(50);
	out(".Ee", 1, SEG(7), 0);
	assert_false(th.opts.present & TCP_OPT_ACCECN);
}

static void test_option_goes_on_where_acks_are_lost_now_and_then(void **state)
{
	uint32_t n = 0;

	client();
	for (uint32_t i = 0; i < 5; i++) {
		for (uint32_t k = 0; k < 70; k++, n++) {
			data(n, ECN_ECT_0);
			get(MSS);
			advance(50);
			th_drain();
		}
		data(n - 1, ECN_NOT_ECT);
		th_drain();
	}
	data(n, ECN_ECT_0);
	advance(50);
	out(".Ee", 1, SEG(n + 1), 0);
	assert_true(th.opts.present & TCP_OPT_ACCECN);
}

/* ---- the sender ---- */

static void test_mark_reduces_once_a_window_without_cwr(void **state)
{
	client();
	flight(10);
	th.c->ssthresh = 5 * MSS;
	in(".We", 1, SEG(1), 0);
	assert_int_equal(th.c->cwnd, 8 * MSS);
	assert_int_equal(counts()->delivered_ce, 1);
	in(".EWe", 1, SEG(2), 0);
	assert_int_equal(th.c->cwnd, 8 * MSS);
	assert_int_equal(counts()->delivered_ce, 2);
	put(MSS);
	in(".EWe", 1, SEG(4), 0);
	out("P.Ee", SEG(10), 1, MSS);
	assert_int_equal(th.last.tclass, ECN_ECT_0);
	in(".", 1, SEG(10), 0);
	count_is(ecn_reductions, 1);
	assert_int_equal(counts()->delivered_ce, 3);
	in(".E", 1, SEG(11), 0);
	count_is(ecn_reductions, 2);
}

static void test_no_mark_no_reduction(void **state)
{
	client();
	flight(10);
	in(".Ee", 1, SEG(2), 0);
	in(".Ee", 1, SEG(10), 0); /* eight at once: may have wrapped, but there never was a mark */
	count_is(ecn_reductions, 0);
	assert_int_equal(counts()->delivered_ce, 0);
}

/* 3.2.2.5.2: without the option the worst that fits is taken for true. */
static void test_wrap_without_option_is_the_worst(void **state)
{
	client();
	flight(13);
	in(".We", 1, SEG(1), 0);
	assert_int_equal(counts()->delivered_ce, 1);
	in(".EWe", 1, SEG(13), 0); /* twelve acknowledged, one more mark: or nine */
	assert_int_equal(counts()->delivered_ce, 10);
}

static void test_wrap_with_option_is_what_it_says(void **state)
{
	client();
	flight(13);
	option(1, MSS, 1);
	in(".We", 1, SEG(1), 0);
	option(1 + 11 * MSS, 2 * MSS, 1);
	in(".EWe", 1, SEG(13), 0);
	assert_int_equal(counts()->delivered_ce, 2);
	assert_int_equal(counts()->delivered_bytes[ECN_CE], 2 * MSS);
	assert_int_equal(counts()->delivered_bytes[ECN_ECT_0], 11 * MSS);
	th.c->cwnd = 40 * MSS;
	put(13 * MSS);
	th_drain();
	option(1 + 14 * MSS, 12 * MSS, 1); /* ten marks, the field tells two */
	in(".E", 1, SEG(26), 0);
	assert_int_equal(counts()->delivered_ce, 12);
}

static void test_option_in_the_other_order_and_short(void **state)
{
	client();
	flight(4);
	th.once.present |= TCP_OPT_ACCECN;
	th.once.accecn = TCP_ECN_E1B | TCP_ECN_CEB;
	th.once.accecn_count[1] = 2 * MSS;
	th.once.accecn_count[2] = 1 + MSS;
	in(".EWe", 1, SEG(3), 0);
	assert_int_equal(counts()->delivered_bytes[ECN_CE], 2 * MSS);
	assert_int_equal(counts()->delivered_bytes[ECN_ECT_1], MSS);
	assert_int_equal(counts()->delivered_bytes[ECN_ECT_0], 0);
}

/* Counters never run backwards: this option is older than the last. */
static void test_option_with_less_is_old(void **state)
{
	client();
	flight(4);
	option(1, 2 * MSS, 1);
	in(".EWe", 1, SEG(2), 0);
	option(1, MSS, 1);
	in(".EWe", 1, SEG(3), 0);
	assert_int_equal(counts()->delivered_bytes[ECN_CE], 2 * MSS);
	option(1 + 2 * MSS, 2 * MSS, 1);
	in(".EWe", 1, SEG(4), 0);
	assert_int_equal(counts()->delivered_bytes[ECN_CE], 2 * MSS);
}

/* 3.2.3.2.4 */
static void test_zeroed_option_is_ignored(void **state)
{
	asked();
	option(0, 0, 0);
	in("S.W", 0, 1, 0);
	out(".W", 1, 1, 0);
	flight(4);
	option(1, 3 * MSS, 1);
	in(".We", 1, SEG(1), 0);
	assert_int_equal(counts()->delivered_bytes[ECN_CE], MSS); /* by the field alone */
}

/* 3.2.3.2.5: bytes marked, no segment marked. */
static void test_option_against_the_field_ends_ect(void **state)
{
	client();
	flight(4);
	option(1, MSS, 1);
	in(".Ee", 1, SEG(1), 0);
	assert_false(capable());
	count_is(ecn_mangled, 1);
}

/* Appendix A.1: no progress, perhaps an older one. */
static void test_overtaken_ack_is_ignored(void **state)
{
	client();
	flight(4);
	in(".We", 1, SEG(2), 0);
	in(".Ee", 1, SEG(1), 0);
	in(".Ee", 1, SEG(2), 0);
	assert_int_equal(counts()->delivered_ce, 1);
	in(".We", 1, SEG(3), 0);
	assert_int_equal(counts()->delivered_ce, 1);
}

static void test_marks_during_recovery_cost_nothing_more(void **state)
{
	th.sack = true;
	client();
	flight(10);
	th_sack(SEG(1), SEG(5));
	in(".We", 1, SEG(0), 0);
	out(".Ee", SEG(0), 1, MSS);
	assert_int_equal(th.last.tclass, 0);
	assert_int_equal(counts()->delivered_ce, 1);
	in(".EWe", 1, SEG(5), 0);
	count_is(ecn_reductions, 1); /* the mark was seen first */
	assert_int_equal(th.c->ssthresh, 8 * MSS);
}

static void test_server_both_directions(void **state)
{
	server();
	flight(2);
	in(".We", 1, SEG(2), MSS);
	count_is(ecn_reductions, 1);
	count_is(ecn_accurate, 1);
	advance(50);
	out(".Ee", SEG(2), SEG(1), 0);
}

/* ---- reading the option ---- */

static void test_option_of_any_length_is_read(void **state)
{
	static const uint8_t bytes[] = { 172, 11, 0, 0, 1, 0, 1, 0, 1, 0, 0 };

	for (uint8_t len = 2; len <= 11; len++) {
		uint8_t at[16];
		struct tcp_opts o;

		memcpy(at, bytes, sizeof(bytes));
		at[1] = len;
		tcp_options_parse(at, len, &o);
		assert_int_equal(o.present, TCP_OPT_ACCECN);
		assert_int_equal(o.accecn, len < 5 ? 0 : len < 8 ? 1 : len < 11 ? 3 : 7);
		at[0] = 174;
		tcp_options_parse(at, len, &o);
		assert_int_equal(o.accecn, len < 5 ? 0 : len < 8 ? 4 : len < 11 ? 6 : 7);
		if (len == 11) {
			assert_int_equal(o.accecn_count[2], 1);
			assert_int_equal(o.accecn_count[1], 0x100);
			assert_int_equal(o.accecn_count[0], 0x10000);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_handshake_reflects_each_field),
		TEST(test_client_mangled_syn_sends_without),
		TEST(test_server_every_last_ack),
		TEST(test_server_first_ack_with_data_counts),
		TEST(test_client_first_feedback_zero_is_a_count),
		TEST(test_all_marked_from_the_beginning_is_not_believed),
		TEST(test_one_unmarked_in_the_beginning_is_believed),
		TEST(test_client_asks_twice),
		TEST(test_server_falls_back_option_then_flags),
		TEST(test_client_answers_a_second_syn_ack_with_its_field),
		TEST(test_client_data_waits_for_the_pure_ack),
		TEST(test_ace_counts_every_mark),
		TEST(test_ace_counts_merged_segments),
		TEST(test_ack_at_once_when_marks_begin),
		TEST(test_marked_pure_acks_are_answered_by_the_third),
		TEST(test_option_holds_what_ever_changed),
		TEST(test_option_order_1_for_ect_1),
		TEST(test_option_counters_wrap_at_24_bits),
		TEST(test_option_leaves_room_for_sack),
		TEST(test_option_shortens_data_not_beyond_the_mtu),
		TEST(test_option_stops_when_first_data_times_out),
		TEST(test_option_stops_when_acknowledged_data_comes_again),
		TEST(test_option_goes_on_where_acks_are_lost_now_and_then),
		TEST(test_mark_reduces_once_a_window_without_cwr),
		TEST(test_no_mark_no_reduction),
		TEST(test_wrap_without_option_is_the_worst),
		TEST(test_wrap_with_option_is_what_it_says),
		TEST(test_option_in_the_other_order_and_short),
		TEST(test_option_with_less_is_old),
		TEST(test_zeroed_option_is_ignored),
		TEST(test_option_against_the_field_ends_ect),
		TEST(test_overtaken_ack_is_ignored),
		TEST(test_marks_during_recovery_cost_nothing_more),
		TEST(test_server_both_directions),
		TEST(test_option_of_any_length_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
