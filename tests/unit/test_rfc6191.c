// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_rfc6191.c - a segment for a connection in TIME-WAIT, case by case: which SYN opens a new one in its place (RFC 6191 2),
 * and that a RST ends nothing (RFC 1337 3).
 */
#include "tcp_harness.h"

static struct tcp_tw tw;

static void wait_here(bool ts)
{
	th.ts = ts;
	th_active();
	tcp_close(&th.env, th.c, th.now);
	out("F.", 1, 1, 0);
	in("F.", 1, 2, 0);
	out(".", 2, 2, 0);
	tcp_tw_init(&th.env, &tw, th.c, th.now);
}

/* numbers from the peer's FIN, timestamps from the last one seen */
static enum tcp_tw_verdict hit(uint16_t flags, uint32_t seq, bool ts, uint32_t tsval)
{
	struct tcp_seg s = { .flags = flags, .seq = TH_IRS + 1 + seq, .ack = TH_ISS + 2 }, reply;
	struct tcp_tw copy = tw;

	if (ts) {
		s.opts.present = TCP_OPT_TS;
		s.opts.tsval = tw.ts_recent + tsval;
	}
	return tcp_tw_input(&th.env, &copy, &s, &reply, th.now);
}

/* RFC 9293: MAY-2, SHLD-4 */
static void test_rfc6191_every_case(void **state)
{
	static const struct {
		bool before, now; /* timestamps: on the old connection, on the SYN */
		int32_t ts, seq;
		bool honoured;
	} t[] = {
		/* "greater than the last timestamp seen": whatever the number */
		{ true, true, 1, 1, true },
		{ true, true, 1, 0, true },
		{ true, true, 1, -1000, true },
		{ true, true, INT32_MAX, -1000, true },
		/* equal: by number; the FIN's is the last that was used */
		{ true, true, 0, 1, true },
		{ true, true, 0, 1000, true },
		{ true, true, 0, 0, false },
		{ true, true, 0, -1000, false },
		/* smaller: never */
		{ true, true, -1, 1, false },
		{ true, true, -1, 1000, false },
		{ true, true, INT32_MIN + 1, 1000, false },
		/* none any more: by number */
		{ true, false, 0, 1, true },
		{ true, false, 0, 0, false },
		{ true, false, 0, -1, false },
		/* none before, now there are: always */
		{ false, true, 0, 1, true },
		{ false, true, 0, 0, true },
		{ false, true, 5, -1000, true },
		/* neither: by number */
		{ false, false, 0, 1, true },
		{ false, false, 0, INT32_MAX, true },
		{ false, false, 0, 0, false },
		{ false, false, 0, -1, false },
		{ false, false, 0, INT32_MIN + 1, false },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		enum tcp_tw_verdict v;

		th_fresh();
		wait_here(t[i].before);
		v = hit(TCP_SYN, (uint32_t)t[i].seq, t[i].now, (uint32_t)t[i].ts);
		if ((v == TCP_TW_REOPEN) != t[i].honoured)
			print_error("case %zu\n", i);
		assert_int_equal(v, t[i].honoured ? TCP_TW_REOPEN : TCP_TW_ACK);
		assert_int_not_equal(hit(TCP_SYN | TCP_ACK, (uint32_t)t[i].seq, t[i].now, (uint32_t)t[i].ts),
				     TCP_TW_REOPEN);
		assert_int_equal(hit(TCP_SYN | TCP_RST, (uint32_t)t[i].seq, t[i].now, (uint32_t)t[i].ts), TCP_TW_DROP);
	}
}

/* "the new connection will use timestamps": not where they are turned off. */
static void test_rfc6191_timestamps_count_only_where_they_would_be_agreed_to(void **state)
{
	wait_here(false);
	th.env.conf.timestamps = false;
	assert_int_equal(hit(TCP_SYN, (uint32_t)-1000, true, 5), TCP_TW_ACK);
	assert_int_equal(hit(TCP_SYN, 1, true, 5), TCP_TW_REOPEN);
}

/* RFC 1337 3 (F1): a RST, wherever it lies, in the table and while the application still holds the connection. */
static void test_rfc1337_reset_does_not_end_time_wait(void **state)
{
	static const int32_t seqs[] = { 0, 1, 2, 1000, 65535, -1 };

	for (size_t i = 0; i < sizeof(seqs) / sizeof(seqs[0]); i++) {
		th_fresh();
		wait_here(false);
		assert_int_equal(hit(TCP_RST, (uint32_t)seqs[i], false, 0), TCP_TW_DROP);
		th_fresh();
		th_goto(TCP_TIME_WAIT);
		in("R", th_peer_next() - 1 + (uint32_t)seqs[i], 0, 0);
		state_is(TCP_TIME_WAIT);
		no_out();
		advance(59999);
		state_is(TCP_TIME_WAIT);
		advance(1);
		state_is(TCP_CLOSED);
		assert_int_equal(th.c->error, 0);
	}
}

/* H1: old text does not reach a new connection, nor end the wait. */
static void test_rfc1337_old_text_is_only_answered(void **state)
{
	th_goto(TCP_TIME_WAIT);
	in("P.", th_peer_next() - 50, 2, 40);
	out(".", 2, th_peer_next(), 0);
	state_is(TCP_TIME_WAIT);
	assert_int_equal(th.c->rcvq.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rfc6191_every_case),
		TEST(test_rfc6191_timestamps_count_only_where_they_would_be_agreed_to),
		TEST(test_rfc1337_reset_does_not_end_time_wait),
		TEST(test_rfc1337_old_text_is_only_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
