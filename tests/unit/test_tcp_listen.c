// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_listen.c - the state LISTEN (RFC 9293 3.10.7.2), what a SYN makes, and RSTs for strays (3.5.2). */
#include "tcp_harness.h"

static enum tcp_listen_verdict verdict(uint8_t flags)
{
	struct tcp_seg s = { .flags = flags, .seq = TH_IRS, .ack = 99 };

	return tcp_listen_input(&th.env, &s);
}

static void test_listen_each_kind_of_segment_gets_its_verdict(void **state)
{
	assert_int_equal(verdict(TCP_RST), TCP_LISTEN_DROP);
	assert_int_equal(verdict(TCP_RST | TCP_ACK), TCP_LISTEN_DROP);
	assert_int_equal(verdict(TCP_RST | TCP_SYN), TCP_LISTEN_DROP);
	count_is(in_listen_rst, 3);
	assert_int_equal(verdict(TCP_ACK), TCP_LISTEN_RST);
	assert_int_equal(verdict(TCP_SYN | TCP_ACK), TCP_LISTEN_RST);
	assert_int_equal(verdict(TCP_FIN | TCP_ACK), TCP_LISTEN_RST);
	assert_int_equal(verdict(TCP_SYN), TCP_LISTEN_SYN);
	assert_int_equal(verdict(TCP_FIN), TCP_LISTEN_DROP);
	assert_int_equal(verdict(0), TCP_LISTEN_DROP);
	count_is(in_listen_no_syn, 2);
}

static void test_listen_syn_makes_syn_received(void **state)
{
	th.wscale = 3;
	th_listen();
	state_is(TCP_SYN_RECEIVED);
	assert_int_equal(th.c->irs, TH_IRS);
	assert_int_equal(th.c->rcv_nxt, TH_IRS + 1);
	assert_int_equal(th.c->snd_wnd, 65535); /* unscaled */
	assert_int_equal(th.c->snd_wscale, 3);
	assert_true(th.c->flags & TCP_F_PASSIVE);
	out("S.", 0, 1, 0);
	assert_int_equal(th.last.wnd, 65535);
}

/* RFC 9293: MUST-15 */
static void test_listen_syn_without_mss_uses_the_default(void **state)
{
	th.mss = 0;
	th_passive();
	assert_int_equal(th.c->mss, 536);
	th_teardown(state);
	th_setup(state);
	th.mss = 0;
	th_ipv6();
	th_passive();
	assert_int_equal(th.c->mss, 1220);
	assert_true(th.c->flags & TCP_F_V6);
}

static void test_listen_text_of_a_syn_waits_for_its_retransmission(void **state)
{
	struct tcp_seg s = { .flags = TCP_SYN,
			     .seq = TH_IRS,
			     .wnd = 1000,
			     .len = 10,
			     .nspans = 1,
			     .span = { { (const uint8_t *)"0123456789", 10 } } };

	tcp_accept_syn(&th.env, th.c, &th.open, &s, th.now);
	assert_int_equal(th.c->rcvq.len, 0);
	out("S.", 0, 1, 0);
	in("P.", 1, 1, 10);
	get(10);
}

static void test_listen_reset_of_a_half_open_connection_frees_it(void **state)
{
	th_goto(TCP_SYN_RECEIVED);
	in("R", 1, 0, 0);
	state_is(TCP_CLOSED);
	no_out();
	assert_int_equal(th.env.mem->used, 0);
}

static void reply_is(struct tcp_seg *s, int made, uint16_t flags, uint32_t seq, uint32_t ack)
{
	struct tcp_seg r;

	memset(&r, 0xa5, sizeof(r));
	assert_int_equal(tcp_reset_reply(s, &r), made);
	if (!made)
		return;
	assert_int_equal(r.flags, flags);
	assert_int_equal(r.seq, seq);
	assert_int_equal(r.ack, ack);
	assert_int_equal(r.len | r.nspans | r.opt_len | r.urg, 0);
	assert_true(r.ttl > 0);
}

static void test_listen_stray_segments_are_answered_as_the_rfc_says(void **state)
{
	struct tcp_seg s = { .flags = TCP_ACK, .seq = 0xfffffffe, .ack = 77, .len = 100 };

	reply_is(&s, 1, TCP_RST, 77, 0);
	s.flags = TCP_SYN;
	reply_is(&s, 1, TCP_RST | TCP_ACK, 0, 99); /* text and SYN are counted, across the wrap */
	s.flags = TCP_FIN;
	s.len = 0;
	reply_is(&s, 1, TCP_RST | TCP_ACK, 0, 0xffffffff);
	s.flags = TCP_RST;
	reply_is(&s, 0, 0, 0, 0);
	s.flags = TCP_RST | TCP_ACK;
	reply_is(&s, 0, 0, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_listen_each_kind_of_segment_gets_its_verdict),
		TEST(test_listen_syn_makes_syn_received),
		TEST(test_listen_syn_without_mss_uses_the_default),
		TEST(test_listen_text_of_a_syn_waits_for_its_retransmission),
		TEST(test_listen_reset_of_a_half_open_connection_frees_it),
		TEST(test_listen_stray_segments_are_answered_as_the_rfc_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
