// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_cc_dctcp.c - DCTCP (RFC 8257 3.3 to 3.5): alpha follows the marks, cwnd follows alpha. */
#include "tcp_harness.h"

#define MSS 1000u

static uint32_t at; /* stream position that is acknowledged */

static void open_dctcp(const char *syn_ack)
{
	th.env.conf.cc = TCP_CC_DCTCP;
	th.env.conf.ecn = strcmp(syn_ack, "S.E") ? TCP_ECN_ACCURATE : TCP_ECN_ON;
	th.mss = MSS;
	th_connect();
	th_drain();
	advance(1);
	in(syn_ack, 0, 1, 0);
	th_drain();
	th.c->ecn.opt_new = 0;
	at = 1;
}

/* A window of n segments, then its acknowledgements, one for each segment; the first `marked` of them say ECE. */
static void window(uint32_t n, uint32_t marked)
{
	put(n * MSS);
	th.c->cwnd = n * MSS > th.c->cwnd ? n * MSS : th.c->cwnd;
	th_drain();
	advance(2);
	for (uint32_t i = 0; i < n; i++) {
		at += MSS;
		in(i < marked ? ".E" : ".", 1, at, 0);
	}
	th_drain();
}

static double alpha(void)
{
	return (double)(uint32_t)th.c->cc_priv[0] / (1 << 24);
}

static void alpha_is(double want)
{
	assert_true(alpha() > want - 0.001 && alpha() < want + 0.001);
}

static void test_dctcp_first_mark_halves(void **state)
{
	open_dctcp("S.E");
	alpha_is(1);
	window(10, 1);
	count_is(ecn_reductions, 1);
	assert_int_equal(th.c->ssthresh, 5 * MSS);
}

static void test_dctcp_alpha_decays_without_marks(void **state)
{
	double want = 1;

	open_dctcp("S.E");
	for (int i = 0; i < 20; i++) {
		window(10, 0);
		want *= 15.0 / 16;
	}
	alpha_is(want);
	count_is(ecn_reductions, 0);
}

/* Two of ten marked for long: alpha comes to 0.2, and a window costs a tenth. */
static void test_dctcp_alpha_is_the_fraction_marked(void **state)
{
	open_dctcp("S.E");
	for (int i = 0; i < 120; i++) {
		th.c->cwnd = th.c->ssthresh = 10 * MSS;
		window(10, 2);
	}
	assert_true(alpha() > 0.17 && alpha() < 0.23);
	th.c->cwnd = th.c->ssthresh = 10 * MSS;
	put(10 * MSS);
	th_drain();
	advance(2);
	at += MSS;
	in(".E", 1, at, 0);
	assert_true(th.c->cwnd > 8800 && th.c->cwnd < 9200);
	assert_int_equal(th.c->cwnd, th.c->ssthresh);
}

static void test_dctcp_all_marked_stays_at_one(void **state)
{
	open_dctcp("S.E");
	for (int i = 0; i < 50; i++)
		window(10, 10);
	alpha_is(1);
	assert_true(th.c->ssthresh >= 2 * MSS);
}

/* With the counters of Accurate ECN: one acknowledgement of ten segments of which three were marked. */
static void test_dctcp_reads_accurate_feedback(void **state)
{
	static const char *const ace[8] = { ".", ".E", ".W", ".EW", ".e", ".Ee", ".We", ".EWe" };
	uint32_t cep = 5, ceb = 0;

	open_dctcp("S.W");
	for (int i = 0; i < 100; i++) {
		th.c->cwnd = th.c->ssthresh = 10 * MSS;
		put(10 * MSS);
		th_drain();
		advance(2);
		at += 10 * MSS;
		cep += 3;
		ceb += 3 * MSS;
		th.once.present |= TCP_OPT_ACCECN;
		th.once.accecn = TCP_ECN_E0B | TCP_ECN_CEB;
		th.once.accecn_count[0] = 1 + at - 1 - ceb;
		th.once.accecn_count[1] = ceb;
		in(ace[cep & 7], 1, at, 0);
		th_drain();
	}
	assert_int_equal(tcp_cold(th.c)->ecn.delivered_ce, 300);
	assert_true(alpha() > 0.29 && alpha() < 0.31);
}

/* 3.5: a loss costs half, marks in the same window or not. */
static void test_dctcp_loss_halves(void **state)
{
	open_dctcp("S.E");
	for (int i = 0; i < 60; i++)
		window(10, 0);
	th.c->cwnd = 10 * MSS;
	put(10 * MSS);
	th_drain();
	advance(2);
	in(".E", 1, at + MSS, 0);
	assert_true(th.c->cwnd > 9500);
	for (int i = 0; i < 3; i++)
		in(".E", 1, at + MSS, 0);
	assert_true(th.c->flags & TCP_F_RECOVERY);
	assert_true(th.c->ssthresh >= 4500 && th.c->ssthresh <= 5000);
}

static void test_dctcp_without_ecn_is_reno(void **state)
{
	open_dctcp("S.");
	th.c->cwnd = 10 * MSS;
	window(10, 0);
	assert_true(th.c->cwnd > 10 * MSS);
	put(10 * MSS);
	th_drain();
	assert_int_equal(th.last.tclass, 0);
}

/* 3.3: each acknowledgement counts, those of a fast recovery too: all of its window was marked. */
static void test_dctcp_alpha_counts_in_recovery(void **state)
{
	double before;

	th.sack = true;
	open_dctcp("S.E");
	for (int i = 0; i < 60; i++)
		window(10, 0);
	th.c->cwnd = th.c->ssthresh = 20 * MSS;
	put(20 * MSS);
	th_drain();
	advance(2);
	for (uint32_t i = 2; i <= 20; i++) {
		th_sack(at + MSS, at + i * MSS);
		in(".E", 1, at, 0);
	}
	assert_true(th.c->flags & TCP_F_RECOVERY);
	before = alpha();
	in(".E", 1, at + 20 * MSS, 0);					  /* the window ends, and recovery with it */
	assert_true(alpha() > before * 15 / 16 + 20 / 29.0 / 16 - 0.002); /* nine unmarked ones are from before */
	th_drain();
}

/* 4.2: below what a shift tells of it is 0. */
static void test_dctcp_alpha_reaches_zero(void **state)
{
	open_dctcp("S.E");
	th.c->cc_priv[0] = (th.c->cc_priv[0] & ~0xffffffffull) | 15;
	window(10, 0);
	assert_int_equal((uint32_t)th.c->cc_priv[0], 0);
}

/* 3.6, 4.1: everything is ECN-capable, from the SYN to the retransmission. */
static void test_dctcp_sends_all_capable(void **state)
{
	th.env.conf.cc = TCP_CC_DCTCP;
	th.sack = true;
	th_connect();
	out("SEWe", 0, 0, 0);
	assert_int_equal(th.last.tclass, ECN_ECT_0);
	advance(1);
	in("S.e", 0, 1, 0); /* it arrived as it left */
	out(".W", 1, 1, 0);
	assert_int_equal(th.last.tclass, ECN_ECT_0);
	in("P.", 1, 1, 100);
	out(".Ee", 1, 101, 0);
	assert_int_equal(th.last.tclass, ECN_ECT_0);
	get(100);
	put(1000);
	advance(3000);
	th_drain();
	assert_true(tcp_cold(th.c)->account.retrans_segs > 0);
	tcp_abort(&th.env, th.c, ECONNABORTED);
	th_drain();
}

/* A SYN that arrives otherwise than it left, and not by congestion: nothing is sent capable any more (RFC 9768 3.2.2.3). */
static void test_dctcp_syn_that_lost_its_field_ends_it(void **state)
{
	static const struct {
		const char *syn_ack;
		bool ect, ce;
	} t[] = { { "S.e", true, false }, { "S.W", false, false }, { "S.EW", false, false }, { "S.We", true, true } };

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		open_dctcp(t[i].syn_ack);
		assert_int_equal(!(th.c->ecn.flags & TCP_E_NO_ECT), t[i].ect);
		assert_int_equal(!!(th.c->ecn.flags & TCP_E_SYN_CE), t[i].ce);
		th_teardown(state);
		th_setup(state);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_dctcp_first_mark_halves),
		TEST(test_dctcp_alpha_decays_without_marks),
		TEST(test_dctcp_alpha_is_the_fraction_marked),
		TEST(test_dctcp_all_marked_stays_at_one),
		TEST(test_dctcp_reads_accurate_feedback),
		TEST(test_dctcp_loss_halves),
		TEST(test_dctcp_without_ecn_is_reno),
		TEST(test_dctcp_alpha_counts_in_recovery),
		TEST(test_dctcp_alpha_reaches_zero),
		TEST(test_dctcp_sends_all_capable),
		TEST(test_dctcp_syn_that_lost_its_field_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
