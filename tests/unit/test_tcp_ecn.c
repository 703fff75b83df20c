// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_ecn.c - what the handshake agrees on, and classic ECN (RFC 3168), DCTCP's receiver (RFC 8257 3.2). */
#include "tcp_harness.h"

#define MSS 1000u
#define SEG(n) (1 + (n)*MSS)

static void want(enum tcp_ecn_want w)
{
	th.env.conf.ecn = (uint8_t)w;
	th.mss = MSS;
}

/* An established connection with classic ECN, opened by us. */
static void classic(void)
{
	want(TCP_ECN_ON);
	th_connect();
	out("SEW", 0, 0, 0);
	assert_int_equal(th.last.tclass, th.c->cc == TCP_CC_DCTCP ? ECN_ECT_0 : 0);
	advance(1);
	in("S.E", 0, 1, 0);
	out(".", 1, 1, 0);
	assert_int_equal(th.last.tclass, th.c->cc == TCP_CC_DCTCP ? ECN_ECT_0 : 0);
	no_out();
	th_interactive();
}

/* n segments in flight, each ECN-capable. */
static void flight(uint32_t n)
{
	classic();
	th.c->cwnd = n * MSS;
	put(n * MSS);
	for (uint32_t i = 0; i < n; i++) {
		out(i == n - 1 ? "P." : ".", SEG(i), 1, MSS);
		assert_int_equal(th.last.tclass, ECN_ECT_0);
	}
	no_out();
	advance(2);
}

/* ---- the handshake ---- */

/* Who asks for what, is answered what, and ends in which mode: RFC 3168 6.1.1, RFC 9768 table 2. */
static void test_ecn_active_open_every_answer(void **state)
{
	static const struct {
		enum tcp_ecn_want want;
		const char *syn, *answer;
		enum tcp_ecn_mode mode;
	} t[] = {
		{ TCP_ECN_OFF, "S", "S.E", TCP_ECN_NONE },
		{ TCP_ECN_PASSIVE, "S", "S.E", TCP_ECN_NONE },
		{ TCP_ECN_PASSIVE, "S", "S.W", TCP_ECN_NONE },
		{ TCP_ECN_ON, "SEW", "S.", TCP_ECN_NONE },
		{ TCP_ECN_ON, "SEW", "S.E", TCP_ECN_CLASSIC },
		{ TCP_ECN_ON, "SEW", "S.EW", TCP_ECN_NONE },
		{ TCP_ECN_ON, "SEW", "S.W", TCP_ECN_NONE },
		{ TCP_ECN_ACCURATE, "SEWe", "S.", TCP_ECN_NONE },
		{ TCP_ECN_ACCURATE, "SEWe", "S.E", TCP_ECN_CLASSIC },
		{ TCP_ECN_ACCURATE, "SEWe", "S.W", TCP_ECN_ACCECN },
		{ TCP_ECN_ACCURATE, "SEWe", "S.EW", TCP_ECN_ACCECN },
		{ TCP_ECN_ACCURATE, "SEWe", "S.e", TCP_ECN_ACCECN },
		{ TCP_ECN_ACCURATE, "SEWe", "S.Ee", TCP_ECN_ACCECN }, /* reserved: 3.1.3 */
		{ TCP_ECN_ACCURATE, "SEWe", "S.We", TCP_ECN_ACCECN },
		{ TCP_ECN_ACCURATE, "SEWe", "S.EWe", TCP_ECN_NONE }, /* a reflection */
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		want(t[i].want);
		th_connect();
		out(t[i].syn, 0, 0, 0);
		assert_int_equal(th.last.tclass, 0);
		in(t[i].answer, 0, 1, 0);
		assert_int_equal(th.c->ecn.mode, t[i].mode);
		th_teardown(state);
		th_setup(state);
	}
}

static void test_ecn_passive_open_every_syn(void **state)
{
	static const struct {
		enum tcp_ecn_want want;
		const char *syn, *answer;
	} t[] = {
		{ TCP_ECN_OFF, "SEW", "S." },	    { TCP_ECN_OFF, "SEWe", "S." },
		{ TCP_ECN_ON, "S", "S." },	    { TCP_ECN_ON, "SEW", "S.E" },
		{ TCP_ECN_ON, "SEWe", "S.E" },	    { TCP_ECN_ON, "SE", "S." },
		{ TCP_ECN_ON, "SWe", "S." },	    { TCP_ECN_PASSIVE, "S", "S." },
		{ TCP_ECN_PASSIVE, "SEW", "S.E" },  { TCP_ECN_PASSIVE, "SEWe", "S.W" },
		{ TCP_ECN_PASSIVE, "SE", "S.W" },   { TCP_ECN_PASSIVE, "SW", "S.W" },
		{ TCP_ECN_PASSIVE, "Se", "S.W" },   { TCP_ECN_PASSIVE, "SEe", "S.W" },
		{ TCP_ECN_PASSIVE, "SWe", "S.W" },  { TCP_ECN_ACCURATE, "S", "S." },
		{ TCP_ECN_ACCURATE, "SEW", "S.E" }, { TCP_ECN_ACCURATE, "SEWe", "S.W" },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		want(t[i].want);
		th.syn = t[i].syn;
		th_listen();
		out(t[i].answer, 0, 1, 0);
		assert_int_equal(th.last.tclass, 0);
		th_teardown(state);
		th_setup(state);
	}
}

/* RFC 3168 6.1.1.1; and after a SYN without ECN nothing is sent ECN-capable (6.1.1). */
static void test_ecn_syn_again_goes_without(void **state)
{
	want(TCP_ECN_ON);
	th_connect();
	out("SEW", 0, 0, 0);
	advance(1000);
	out("S", 0, 0, 0);
	in("S.E", 0, 1, 0);
	out(".", 1, 1, 0);
	put(100);
	out("P.", 1, 1, 100);
	assert_int_equal(th.last.tclass, 0);
	th.tclass = ECN_CE; /* what the peer sends is answered all the same */
	in(".", 1, 101, 500);
	advance(50);
	out(".E", 101, 501, 0);
}

static void test_ecn_syn_without_after_one_with_ends_ect(void **state)
{
	want(TCP_ECN_PASSIVE);
	th.syn = "SEW";
	th_listen();
	out("S.E", 0, 1, 0);
	in("S", 0, 0, 0);
	out("S.E", 0, 1, 0);
	in(".", 1, 1, 0);
	put(100);
	out("P.", 1, 1, 100);
	assert_int_equal(th.last.tclass, 0);
}

static void test_ecn_both_kinds_of_syn_reset(void **state)
{
	want(TCP_ECN_PASSIVE);
	th.syn = "SEW";
	th_listen();
	out("S.E", 0, 1, 0);
	in("SEWe", 0, 0, 0);
	out("R.", 1, 1, 0);
	state_is(TCP_CLOSED);
}

static void test_ecn_simultaneous_open_answers_as_a_server(void **state)
{
	want(TCP_ECN_ON);
	th_connect();
	out("SEW", 0, 0, 0);
	in("SEW", 0, 0, 0);
	out("S.E", 0, 1, 0);
	in("S.E", 0, 1, 0);
	state_is(TCP_ESTABLISHED);
	assert_int_equal(th.c->ecn.mode, TCP_ECN_CLASSIC);
}

/* ---- what is ECN-capable ---- */

static void test_ecn_only_new_data_is_capable(void **state)
{
	flight(2);
	advance(400);
	out(".", SEG(0), 1, MSS);
	assert_int_equal(th.last.tclass, 0);
	th_drain();
	in("P.", 1, SEG(2), 10);
	advance(50);
	out(".", SEG(2), 11, 0);
	assert_int_equal(th.last.tclass, 0);
}

static void test_ecn_window_probe_is_not_capable(void **state)
{
	classic();
	th.wnd = 0;
	in(".", 1, 1, 0);
	put(10);
	advance(1000);
	out(".", 1, 1, 1);
	assert_int_equal(th.last.tclass, 0);
}

static void test_ecn_fin_alone_is_not_capable(void **state)
{
	classic();
	th.c->ecn.flags |= TCP_E_CWR;
	tcp_shutdown(&th.env, th.c, th.now);
	out("F.", 1, 1, 0);
	assert_int_equal(th.last.tclass, 0);
}

static void test_ecn_keeps_the_applications_dscp(void **state)
{
	classic();
	th.c->tclass = 0xb8;
	put(10);
	out("P.", 1, 1, 10);
	assert_int_equal(th.last.tclass, 0xb8 | ECN_ECT_0);
}

static void test_ecn_not_agreed_nothing_is_capable(void **state)
{
	th_active();
	put(10);
	out("P.", 1, 1, 10);
	assert_int_equal(th.last.tclass, 0);
	th.tclass = ECN_CE;
	in(".", 1, 11, 10);
	advance(50);
	out(".", 11, 11, 0);
	count_is(in_ce, 0);
}

/* ---- the receiver ---- */

/* RFC 9293: SHLD-8 */
static void test_ecn_mark_is_echoed_until_cwr(void **state)
{
	classic();
	th.tclass = ECN_CE;
	in(".", 1, 1, 100);
	in(".", 101, 1, 100);
	advance(50);
	out(".E", 1, 201, 0);
	th.tclass = ECN_ECT_0;
	in(".", 201, 1, 100);
	advance(50);
	out(".E", 1, 301, 0);
	put(10);
	out("P.E", 1, 301, 10);
	in(".W", 301, 11, 100);
	out(".", 11, 401, 0); /* at once */
	th.tclass = ECN_CE;
	in(".W", 401, 11, 100); /* marked itself: it goes on */
	out(".E", 11, 501, 0);
	count_is(in_ce, 2);
	assert_int_equal(tcp_cold(th.c)->ecn.received[ECN_CE], 2);
	assert_int_equal(tcp_cold(th.c)->ecn.received_bytes[ECN_CE], 200);
	assert_int_equal(tcp_cold(th.c)->ecn.received_bytes[ECN_ECT_0], 100);
}

static void test_ecn_mark_on_a_pure_ack_means_nothing(void **state)
{
	flight(2);
	th.tclass = ECN_CE;
	in(".", 1, SEG(1), 0);
	in(".", 1, SEG(2), 10);
	advance(50);
	out(".", SEG(2), 11, 0);
}

static void test_ecn_mark_outside_the_window_means_nothing(void **state)
{
	classic();
	th.tclass = ECN_CE;
	in(".", 1 + 200000, 1, 100);
	out(".", 1, 1, 0);
	count_is(in_ce, 0);
}

/* A retransmission that fills the hole, and a segment out of order: their marks count like any. */
static void test_ecn_mark_out_of_order_is_echoed(void **state)
{
	classic();
	th.tclass = ECN_CE;
	in(".", 101, 1, 100);
	out(".E", 1, 1, 0);
	in(".W", 1, 1, 100);
	out(".", 1, 201, 0);
}

/* ---- the sender ---- */

/* RFC 9293: SHLD-8 */
static void test_ecn_echo_reduces_once_a_window_and_says_cwr(void **state)
{
	flight(10);
	th.c->ssthresh = 5 * MSS; /* congestion avoidance */
	in(".E", 1, SEG(1), 0);
	assert_int_equal(th.c->cwnd, 8 * MSS); /* RFC 8511 */
	assert_int_equal(th.c->ssthresh, 8 * MSS);
	count_is(ecn_reductions, 1);
	put(20 * MSS);
	no_out(); /* nine in flight */
	in(".E", 1, SEG(2), 0);
	in(".E", 1, SEG(3), 0);
	assert_int_equal(th.c->cwnd, 8 * MSS);
	out(".W", SEG(10), 1, MSS);
	assert_int_equal(th.last.tclass, ECN_ECT_0);
	no_out();
	in(".E", 1, SEG(4), 0);
	out(".", SEG(11), 1, MSS);
	in(".E", 1, SEG(10), 0); /* all that was sent before CWR */
	assert_int_equal(th.c->cwnd, 8 * MSS);
	count_is(ecn_reductions, 1);
	th_drain();
	in(".E", 1, SEG(11), 0); /* and the first that was sent after */
	count_is(ecn_reductions, 2);
	assert_true(th.c->cwnd < 8 * MSS);
	assert_true(tcp_cold(th.c)->ecn.delivered_ce >= 6);
}

/* What limited transmit has put out besides is no part of the window that is reduced. */
static void test_ecn_echo_reduces_a_window_with_duplicates_in_it(void **state)
{
	flight(10);
	th.c->ssthresh = 5 * MSS;
	put(20 * MSS);
	for (uint32_t i = 0; i < 2; i++) {
		in(".", 1, 1, 0);
		out(".", SEG(10 + i), 1, MSS);
	}
	in(".E", 1, SEG(1), 0);
	assert_int_equal(th.c->ssthresh, 8 * MSS);
	assert_int_equal(th.c->cwnd, 8 * MSS);
	th_drain();
}

static void test_ecn_echo_stops_growth(void **state)
{
	flight(4);
	in(".E", 1, SEG(1), 0);
	in(".E", 1, SEG(2), 0);
	assert_int_equal(th.c->cwnd, 3200);
	in(".", 1, SEG(3), 0);
	in(".", 1, SEG(4), 0);
	assert_int_equal(th.c->cwnd, 3200); /* congestion avoidance: not a window yet */
}

static void test_ecn_echo_on_an_old_ack_means_nothing(void **state)
{
	flight(4);
	in(".", 1, SEG(2), 0);
	in(".E", 1, SEG(1), 0);
	count_is(ecn_reductions, 0);
}

/* RFC 3168 6.1.2: any reduction is told; and in its window no mark costs anything more. */
static void test_ecn_loss_says_cwr_and_covers_marks(void **state)
{
	flight(10);
	for (int i = 0; i < 3; i++)
		in(".", 1, SEG(0), 0);
	out(".", SEG(0), 1, MSS); /* fast retransmit */
	assert_int_equal(th.last.tclass, 0);
	assert_int_equal(th.c->ssthresh, 5 * MSS);
	in(".E", 1, SEG(10), 0);
	count_is(ecn_reductions, 0);
	assert_true(th.c->ssthresh == 5 * MSS);
	put(10 * MSS);
	out(".W", SEG(10), 1, MSS);
	out(".", SEG(11), 1, MSS);
}

static void test_ecn_mark_then_loss_in_one_window_reduces_once(void **state)
{
	flight(10);
	in(".E", 1, SEG(1), 0);
	assert_int_equal(th.c->ssthresh, 8 * MSS);
	for (int i = 0; i < 3; i++)
		in(".E", 1, SEG(1), 0);
	out(".", SEG(1), 1, MSS);
	assert_int_equal(th.c->ssthresh, 8 * MSS);
	advance(3000); /* but a timeout is another matter */
	assert_true(th.c->ssthresh < 8 * MSS);
}

static void test_ecn_undone_loss_says_no_cwr(void **state)
{
	th.ts = true;
	want(TCP_ECN_ON);
	th.mss = MSS + 12;
	th_connect();
	out("SEW", 0, 0, 0);
	in("S.E", 0, 1, 0);
	out(".", 1, 1, 0);
	th.c->cwnd = 10 * MSS;
	put(10 * MSS);
	out_full(10, 1, 1);
	advance(2);
	{
		struct tcp_opts before = th.opts;

		for (int i = 0; i < 3; i++)
			in(".", 1, SEG(0), 0);
		advance(5);
		out(".", SEG(0), 1, MSS);
		assert_true(th.c->ecn.flags & TCP_E_CWR);
		th.opts = before; /* the ACK echoes the first transmission */
		in(".", 1, SEG(1), 0);
	}
	assert_false(th.c->flags & TCP_F_RECOVERY);
	assert_false(th.c->ecn.flags & TCP_E_CWR);
	in(".E", 1, SEG(2), 0);
	count_is(ecn_reductions, 1);
}

/* ---- DCTCP's receiver ---- */

static void dctcp(void)
{
	th.env.conf.cc = TCP_CC_DCTCP;
	classic();
}

static void data(uint32_t n, uint8_t ecn)
{
	th.tclass = ecn;
	in(".", SEG(n), 1, MSS);
}

static void test_dctcp_echo_follows_each_mark(void **state)
{
	dctcp();
	data(0, ECN_ECT_0);
	no_out();
	data(1, ECN_CE); /* a change: what is pending under the old state, then the new one, at once */
	out(".", 1, SEG(1), 0);
	out(".E", 1, SEG(2), 0);
	no_out();
	data(2, ECN_CE);
	data(3, ECN_CE);
	out(".E", 1, SEG(4), 0);
	no_out();
	data(4, ECN_ECT_0); /* nothing pending */
	out(".", 1, SEG(5), 0);
	no_out();
}

/* A whole burst before anything can leave: every change is told still. */
static void test_dctcp_burst_keeps_every_change(void **state)
{
	dctcp();
	data(0, ECN_ECT_0);
	data(1, ECN_CE);
	data(2, ECN_ECT_0);
	data(3, ECN_ECT_0);
	data(4, ECN_CE);
	out(".", 1, SEG(1), 0);
	out(".E", 1, SEG(2), 0);
	out(".", 1, SEG(4), 0);
	out(".E", 1, SEG(5), 0);
	no_out();
}

/* RFC 2883 4.1: right of the older number the report would read as a block with a hole in front of it. */
static void test_dctcp_older_acknowledgement_carries_no_dsack(void **state)
{
	th.sack = true;
	dctcp();
	data(0, ECN_ECT_0);
	data(1, ECN_CE);
	data(1, ECN_CE);
	out(".", 1, SEG(1), 0);
	assert_int_equal(th.opts.nsack, 0);
	out(".E", 1, SEG(2), 0);
	assert_int_equal(th.opts.nsack, 1);
	sack_is(0, SEG(1), SEG(2));
	no_out();
}

static void test_dctcp_burst_is_bounded(void **state)
{
	uint32_t made = 0;

	dctcp();
	for (uint32_t i = 0; i < 40; i++)
		data(i, i & 1 ? ECN_CE : ECN_ECT_0);
	while (made < TCP_CE_ACKS) {
		out(made & 1 ? ".E" : ".", 1, SEG(made + 1), 0);
		made++;
	}
	out(".E", 1, SEG(40), 0);
	no_out();
}

static void test_dctcp_asks_for_accurate(void **state)
{
	th.env.conf.cc = TCP_CC_DCTCP;
	th_connect();
	out("SEWe", 0, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ecn_active_open_every_answer),
		TEST(test_ecn_passive_open_every_syn),
		TEST(test_ecn_syn_again_goes_without),
		TEST(test_ecn_syn_without_after_one_with_ends_ect),
		TEST(test_ecn_both_kinds_of_syn_reset),
		TEST(test_ecn_simultaneous_open_answers_as_a_server),
		TEST(test_ecn_only_new_data_is_capable),
		TEST(test_ecn_window_probe_is_not_capable),
		TEST(test_ecn_fin_alone_is_not_capable),
		TEST(test_ecn_keeps_the_applications_dscp),
		TEST(test_ecn_not_agreed_nothing_is_capable),
		TEST(test_ecn_mark_is_echoed_until_cwr),
		TEST(test_ecn_mark_on_a_pure_ack_means_nothing),
		TEST(test_ecn_mark_outside_the_window_means_nothing),
		TEST(test_ecn_mark_out_of_order_is_echoed),
		TEST(test_ecn_echo_reduces_once_a_window_and_says_cwr),
		TEST(test_ecn_echo_reduces_a_window_with_duplicates_in_it),
		TEST(test_ecn_echo_stops_growth),
		TEST(test_ecn_echo_on_an_old_ack_means_nothing),
		TEST(test_ecn_loss_says_cwr_and_covers_marks),
		TEST(test_ecn_mark_then_loss_in_one_window_reduces_once),
		TEST(test_ecn_undone_loss_says_no_cwr),
		TEST(test_dctcp_echo_follows_each_mark),
		TEST(test_dctcp_burst_keeps_every_change),
		TEST(test_dctcp_older_acknowledgement_carries_no_dsack),
		TEST(test_dctcp_burst_is_bounded),
		TEST(test_dctcp_asks_for_accurate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
