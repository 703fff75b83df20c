// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_rfc5961.c - segments of somebody who guesses, case by case: RST (3), SYN (4), ACK (5), and the limit of answers (7). */
#include "tcp_harness.h"

#define WND 10000u

enum reply { NONE, CHALLENGE, ENDED };

/* 2,000 bytes acknowledged, 100 in flight, 1,000 of the peer's taken, windows of 10,000 both ways. */
static void stage(enum tcp_state s)
{
	th_fresh();
	th.wrote = th.read = 0;
	th.have_edge = false;
	memset(th.stats, 0, sizeof(th.stats));
	th.env.conf.rcvbuf_max = th.env.conf.rcvbuf_init = WND;
	th.wnd = WND;
	th_active();
	put(2000);
	th_drain();
	in("P.", 1, 2001, 1000);
	get(1000);
	put(100);
	th_drain();
	if (s == TCP_CLOSE_WAIT)
		in("F.", 1001, 2001, 0);
	else if (s == TCP_FIN_WAIT_1)
		tcp_shutdown(&th.env, th.c, th.now);
	advance(50);
	th_drain();
	state_is(s);
}

static enum reply hit(const char *flags, uint32_t seq, uint32_t ack, uint32_t len)
{
	in(flags, seq, ack, len);
	if (th.c->state == TCP_CLOSED)
		return ENDED;
	return th.c->flags & TCP_F_ACK_NOW ? CHALLENGE : NONE;
}

struct probe {
	const char *flags;
	int32_t seq; /* from RCV.NXT */
	int32_t ack; /* from SND.UNA */
	uint32_t len;
	enum reply reply;
};

static void each(const struct probe *t, size_t n)
{
	static const enum tcp_state states[] = { TCP_ESTABLISHED, TCP_CLOSE_WAIT, TCP_FIN_WAIT_1 };

	for (size_t i = 0; i < 3 * n; i++) {
		const struct probe *p = &t[i % n];
		enum reply r;

		stage(states[i / n]);
		r = hit(p->flags, th_peer_next() + (uint32_t)p->seq, 2001u + (uint32_t)p->ack, p->len);
		if (r != p->reply)
			print_error("%s, case %zu\n", tcp_state_name(states[i / n]), i % n);
		assert_int_equal(r, p->reply);
		if (r == CHALLENGE) /* <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK> */
			out(".", th.c->snd_nxt - TH_ISS, th.c->rcv_nxt - TH_IRS, 0);
		th_drain();
		tcp_free(&th.env, th.c);
	}
}

/* 3.2 */
static void test_rfc5961_reset_every_place(void **state)
{
	const struct probe t[] = {
		{ "R", 0, 0, 0, ENDED },
		{ "R.", 0, 0, 0, ENDED },
		{ "R.", 0, 1 << 30, 0, ENDED }, /* whatever it acknowledges */
		{ "R", 1, 0, 0, CHALLENGE },
		{ "R", 5000, 0, 0, CHALLENGE },
		{ "R", WND - 1010, 0, 0, CHALLENGE }, /* what was taken has moved the right edge not yet */
		{ "R", WND, 0, 0, NONE },
		{ "R", -1, 0, 0, NONE },
		{ "R", -5, 0, 10, NONE }, /* its text alone reaches into the window */
		{ "R", 1 << 30, 0, 0, NONE },
		{ "R", INT32_MIN, 0, 0, NONE },
	};

	each(t, sizeof(t) / sizeof(t[0]));
}

/* 4.2: "irrespective of the sequence number" */
static void test_rfc5961_syn_every_place(void **state)
{
	const struct probe t[] = {
		{ "S", 0, 0, 0, CHALLENGE },	   { "S", 1, 0, 0, CHALLENGE },		{ "S", 5000, 0, 0, CHALLENGE },
		{ "S", WND, 0, 0, CHALLENGE },	   { "S", -1, 0, 0, CHALLENGE },	{ "S", -1001, 0, 0, CHALLENGE },
		{ "S", 1 << 30, 0, 0, CHALLENGE }, { "S", INT32_MIN, 0, 0, CHALLENGE }, { "S.", 0, 0, 0, CHALLENGE },
		{ "S.", -1001, 1, 0, CHALLENGE },  { "SF", 0, 0, 0, CHALLENGE },	{ "S", 0, 0, 100, CHALLENGE },
	};

	each(t, sizeof(t) / sizeof(t[0]));
}

/* 5.2: (SND.UNA - MAX.SND.WND) <= SEG.ACK <= SND.NXT, and not left of where the connection began. */
static void test_rfc5961_ack_every_place(void **state)
{
	const struct probe t[] = {
		{ ".", 0, 0, 0, NONE },
		{ ".", 0, 100, 0, NONE },
		{ ".", 0, -1, 0, NONE },
		{ ".", 0, -2000, 0, NONE },
		{ ".", 0, -2001, 0, CHALLENGE },
		{ ".", 0, -(int32_t)WND - 1, 0, CHALLENGE },
		{ ".", 0, 102, 0, CHALLENGE },
		{ ".", 0, 1 << 30, 0, CHALLENGE },
		{ ".", 0, INT32_MIN, 0, CHALLENGE },
		{ "P.", 0, 1 << 30, 100, CHALLENGE },
	};

	each(t, sizeof(t) / sizeof(t[0]));
}

/* ... MAX.SND.WND once more than that has been acknowledged. */
static void test_rfc5961_old_acks_are_good_for_a_window(void **state)
{
	stage(TCP_ESTABLISHED);
	for (int i = 0; i < 4; i++) {
		put(5000);
		th_drain();
		in(".", 1001, th.c->snd_nxt - TH_ISS, 0);
	}
	th_drain();
	assert_int_equal(hit(".", 1001, th.c->snd_una - TH_ISS - WND, 0), NONE);
	assert_int_equal(hit(".", 1001, th.c->snd_una - TH_ISS - WND - 1, 0), CHALLENGE);
}

/* 7: whatever provokes them, together. */
static void test_rfc5961_answers_are_limited(void **state)
{
	static const struct probe t[] = {
		{ "R", 1, 0, 0, CHALLENGE },	   { "S", 0, 0, 0, CHALLENGE },
		{ "S", -500, 0, 0, CHALLENGE },	   { "S.", 1 << 30, 0, 0, CHALLENGE },
		{ ".", 0, 1 << 30, 0, CHALLENGE }, { ".", 1 << 30, 0, 0, CHALLENGE },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		int n = 0;

		stage(TCP_ESTABLISHED);
		for (int k = 0; k < 100; k++) {
			n += hit(t[i].flags, 1001u + (uint32_t)t[i].seq, 2001u + (uint32_t)t[i].ack, 0) == CHALLENGE;
			th_drain();
		}
		assert_int_equal(n, 10);
		count_is(challenge_limited, 90);
		advance(1000);
		assert_int_equal(hit(t[i].flags, 1001u + (uint32_t)t[i].seq, 2001u + (uint32_t)t[i].ack, 0), CHALLENGE);
		th_drain();
		tcp_free(&th.env, th.c);
	}
	th_fresh();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rfc5961_reset_every_place),	TEST(test_rfc5961_syn_every_place),
		TEST(test_rfc5961_ack_every_place),	TEST(test_rfc5961_old_acks_are_good_for_a_window),
		TEST(test_rfc5961_answers_are_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
