// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_check.c - tcp_check() finds each invariant broken: the other tests lean on it. */
#include "tcp_harness.h"

static struct tcp_conn saved;

/* A connection with two segments in flight, one lost and one SACKed, and two ranges out of order. */
static int check_setup(void **state)
{
	th_setup(state);
	th.sack = true;
	th_active();
	put(4380);
	th_drain();
	th_sack(1461, 2921);
	in(".", 1, 1, 0);
	loss_mark(th.c, recs_at(&th.env, th.c, 0));
	in("P.", 101, 1, 100);
	in("P.", 301, 1, 100);
	th_check(__FILE__, __LINE__);
	saved = *th.c;
	return 0;
}

/* `word` must be in the complaint; the connection is put back. */
static void complains(const char *word)
{
	const char *bad = tcp_check(&th.env, th.c);

	assert_non_null(bad);
	assert_non_null(strstr(bad, word));
	*th.c = saved;
	assert_null(tcp_check(&th.env, th.c));
}

static void test_check_numbers_of_the_connection(void **state)
{
	th.c->state = 11;
	complains("no such state");
	th.c->snd_una = th.c->snd_nxt + 1;
	complains("snd_una right of snd_nxt");
	th.c->sndq.len -= 1;
	complains("snd_nxt right of what was queued");
	th.c->rcv_nxt = th.c->rcv_adv + 1;
	complains("rcv_nxt right");
	th.c->sndq.len = th.c->sndq.size + 1;
	complains("longer than its ring");
	th.c->rtx_deadline = TCP_NEVER;
	complains("no timer");
	th.c->lost++;
	complains("lost bytes");
	th.c->sacked++;
	complains("SACKed bytes");
	th.c->state = TCP_CLOSED;
	complains("closed");
}

static void test_check_records(void **state)
{
	struct tcp_rec *r = recs_at(&th.env, th.c, 1);
	struct tcp_rec was = *r;

	r->seq++;
	assert_non_null(tcp_check(&th.env, th.c));
	*r = was;
	r->len = 0;
	assert_non_null(tcp_check(&th.env, th.c));
	*r = was;
	r->flags |= TCP_REC_LOST;
	assert_non_null(tcp_check(&th.env, th.c));
	*r = was;
	assert_null(tcp_check(&th.env, th.c));
	th.c->rtx_seq = th.c->snd_nxt;
	complains("left of rtx_seq");
	th.c->recs.count--;
	complains("do not reach");
}

static void test_check_ranges(void **state)
{
	struct tcp_ooo *o = recvq_ooo(&th.env, th.c);
	struct tcp_range was = o->r[1];

	o->r[1].start = o->r[0].end; /* adjacent: should be one */
	assert_non_null(tcp_check(&th.env, th.c));
	o->r[1] = was;
	o->r[1].end = o->r[1].start;
	assert_non_null(tcp_check(&th.env, th.c));
	o->r[1] = was;
	o->r[1].end = th.c->rcv_adv + 1;
	assert_non_null(tcp_check(&th.env, th.c));
	o->r[1] = was;
	assert_null(tcp_check(&th.env, th.c));
	th.c->ooo_count = TCP_OOO_RANGES + 1;
	complains("out of bounds");
}

#undef TEST
#define TEST(f) cmocka_unit_test_setup_teardown(f, check_setup, th_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_check_numbers_of_the_connection),
		TEST(test_check_records),
		TEST(test_check_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
