// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_timewait.c - TIME-WAIT as an entry of a table: RFC 9293 3.6.1, RFC 1337, RFC 6191. */
#include "tcp_harness.h"

static struct tcp_tw tw;
static struct tcp_seg reply;

/* An orphan that has reached TIME-WAIT becomes tw. */
static void wait_here(bool modern)
{
	if (modern)
		th_modern();
	else
		th_active();
	tcp_close(&th.env, th.c, th.now);
	out("F.", 1, 1, 0);
	in("F.", 1, 2, 0);
	assert_false(tcp_tw_ready(th.c)); /* an ACK is still owed */
	out(".", 2, 2, 0);
	assert_true(tcp_tw_ready(th.c));
	tcp_tw_init(&th.env, &tw, th.c, th.now);
	assert_int_equal(tw.expires_ns, th.now + 60 * TH_S);
}

static enum tcp_tw_verdict hit(uint8_t flags, uint32_t seq, uint32_t len, uint32_t tsval)
{
	struct tcp_seg s = { .flags = flags, .seq = TH_IRS + seq, .ack = TH_ISS + 2, .len = len };

	if (tsval) {
		s.opts.present = TCP_OPT_TS;
		s.opts.tsval = tsval;
	}
	memset(&reply, 0xa5, sizeof(reply));
	return tcp_tw_input(&th.env, &tw, &s, &reply, th.now);
}

static void ack_made(void)
{
	assert_int_equal(reply.flags, TCP_ACK);
	assert_int_equal(reply.seq, TH_ISS + 2);
	assert_int_equal(reply.ack, TH_IRS + 2);
	assert_int_equal(reply.len | reply.nspans, 0);
	assert_int_equal(reply.ttl, 64);
}

static void test_timewait_fin_again_is_acknowledged_and_waits_anew(void **state)
{
	wait_here(false);
	th.now += 30 * TH_S;
	assert_int_equal(hit(TCP_FIN | TCP_ACK, 1, 0, 0), TCP_TW_ACK);
	ack_made();
	assert_int_equal(reply.opt_len, 0);
	assert_int_equal(tw.expires_ns, th.now + 60 * TH_S);
}

static void test_timewait_ack_carries_timestamps_if_agreed(void **state)
{
	struct tcp_opts o;

	wait_here(true);
	assert_int_equal(hit(TCP_FIN | TCP_ACK, 1, 0, th.tsval), TCP_TW_ACK);
	ack_made();
	tcp_options_parse(reply.opt, reply.opt_len, &o);
	assert_int_equal(o.present, TCP_OPT_TS);
	assert_int_equal(o.tsecr, th.c->ts_recent);
	assert_int_equal(o.tsval, tcp_ts_now(th.c, th.now));
}

static void test_timewait_reset_does_not_end_it(void **state)
{
	wait_here(false);
	assert_int_equal(hit(TCP_RST, 2, 0, 0), TCP_TW_DROP); /* RFC 1337 */
	assert_int_equal(hit(TCP_RST | TCP_ACK, 100, 0, 0), TCP_TW_DROP);
	assert_int_equal(tw.expires_ns, th.now + 60 * TH_S);
}

static void test_timewait_late_ack_is_dropped_quietly(void **state)
{
	wait_here(false);
	assert_int_equal(hit(TCP_ACK, 2, 0, 0), TCP_TW_DROP);
	assert_int_equal(tw.expires_ns, th.now + 60 * TH_S);
}

static void test_timewait_old_data_is_acknowledged(void **state)
{
	uint64_t until;

	wait_here(false);
	until = tw.expires_ns;
	th.now += TH_S;
	assert_int_equal(hit(TCP_ACK | TCP_PSH, 1, 100, 0), TCP_TW_ACK);
	ack_made();
	assert_int_equal(hit(TCP_ACK, 500, 0, 0), TCP_TW_ACK);
	assert_int_equal(tw.expires_ns, until);
}

static void test_timewait_answers_are_limited(void **state)
{
	int n = 0;

	wait_here(false);
	for (int i = 0; i < 50; i++)
		n += hit(TCP_ACK, 500, 0, 0) == TCP_TW_ACK;
	assert_int_equal(n, 10);
	count_is(challenge_limited, 40);
	th.now += TH_S;
	assert_int_equal(hit(TCP_ACK, 500, 0, 0), TCP_TW_ACK);
}

/* RFC 9293: MAY-2 */
static void test_timewait_syn_reopens_only_past_the_old_numbers(void **state)
{
	wait_here(false);
	assert_int_equal(hit(TCP_SYN, 1, 0, 0), TCP_TW_ACK);
	assert_int_equal(hit(TCP_SYN, 2, 0, 0), TCP_TW_REOPEN); /* past the FIN, the last that was used */
	assert_int_equal(hit(TCP_SYN, 0x80000003, 0, 0), TCP_TW_ACK);
	assert_int_equal(hit(TCP_SYN | TCP_ACK, 3, 0, 0), TCP_TW_ACK);
	assert_int_equal(hit(TCP_SYN, 3, 0, 0), TCP_TW_REOPEN);
	assert_int_equal(hit(TCP_SYN, 0x7ffffff0, 0, 0), TCP_TW_REOPEN);
	count_is(time_wait_reused, 3);
}

/* RFC 6191: the timestamp decides, whatever the sequence number. */
/* RFC 9293: SHLD-4, MAY-2 */
static void test_timewait_syn_reopens_by_newer_timestamp(void **state)
{
	uint32_t ts;

	wait_here(true);
	ts = tw.ts_recent;
	assert_int_equal(hit(TCP_SYN, 1, 0, ts + 1), TCP_TW_REOPEN);
	assert_int_equal(hit(TCP_SYN, 1000, 0, ts - 1), TCP_TW_ACK);
	assert_int_equal(hit(TCP_SYN, 1000, 0, ts), TCP_TW_REOPEN); /* equal: by number */
	assert_int_equal(hit(TCP_SYN, 1, 0, ts), TCP_TW_ACK);
	assert_int_equal(hit(TCP_SYN, 1000, 0, 0), TCP_TW_REOPEN); /* none: by number */
}

static void test_timewait_with_an_application_is_not_ready(void **state)
{
	th_goto(TCP_TIME_WAIT);
	assert_false(tcp_tw_ready(th.c)); /* not closed by its application */
	tcp_close(&th.env, th.c, th.now);
	assert_true(tcp_tw_ready(th.c));
}

static void test_timewait_holds_no_memory(void **state)
{
	wait_here(true);
	assert_int_equal(th.env.mem->used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_timewait_fin_again_is_acknowledged_and_waits_anew),
		TEST(test_timewait_ack_carries_timestamps_if_agreed),
		TEST(test_timewait_reset_does_not_end_it),
		TEST(test_timewait_late_ack_is_dropped_quietly),
		TEST(test_timewait_old_data_is_acknowledged),
		TEST(test_timewait_answers_are_limited),
		TEST(test_timewait_syn_reopens_only_past_the_old_numbers),
		TEST(test_timewait_syn_reopens_by_newer_timestamp),
		TEST(test_timewait_with_an_application_is_not_ready),
		TEST(test_timewait_holds_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
