// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_recs.c - the records of segments in flight: ring, search, cutting to a smaller MSS. */
#include "tcp_harness.h"

/* n records of len bytes from near 2^32 on. */
static void push(uint32_t n, uint32_t len)
{
	for (uint32_t i = 0; i < n; i++) {
		struct tcp_rec *r = recs_push(&th.env, th.c);

		assert_non_null(r);
		assert_int_equal(r->flags | r->rtx | r->sent_us, 0);
		r->seq = TH_ISS + th.c->snd_nxt;
		r->len = len;
		th.c->snd_nxt += len;
	}
}

static void test_recs_ring_doubles_and_wraps(void **state)
{
	uint32_t first = 0;

	for (int round = 0; round < 10; round++) {
		push(30, 100);
		for (int i = 0; i < 20; i++, first++) {
			assert_int_equal(recs_at(&th.env, th.c, 0)->seq, TH_ISS + first * 100);
			recs_pop(&th.env, th.c);
		}
	}
	assert_int_equal(th.c->recs.count, 100);
	assert_int_equal(th.c->recs.cap, 128);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(recs_at(&th.env, th.c, i)->seq, TH_ISS + (first + i) * 100);
}

static void test_recs_last_pop_gives_the_block_back(void **state)
{
	push(3, 1);
	assert_int_equal(th.env.mem->used, 256);
	for (int i = 0; i < 3; i++)
		recs_pop(&th.env, th.c);
	assert_int_equal(th.env.mem->used, 0);
	assert_int_equal(th.c->recs.cap, 0);
}

static void test_recs_find_is_the_first_that_ends_right_of_it(void **state)
{
	push(80, 100); /* across the wrap */
	for (uint32_t i = 0; i < 80; i++) {
		assert_int_equal(recs_find(&th.env, th.c, TH_ISS + i * 100), i);
		assert_int_equal(recs_find(&th.env, th.c, TH_ISS + i * 100 + 99), i);
	}
	assert_int_equal(recs_find(&th.env, th.c, TH_ISS + 8000), 80);
	assert_int_equal(recs_find(&th.env, th.c, TH_ISS - 1), 0);
}

static void test_recs_without_memory_refuse_and_keep(void **state)
{
	th_memory(4096);
	push(64, 10); /* half of it; the rest holds no block twice as large */
	assert_null(recs_push(&th.env, th.c));
	assert_int_equal(th.c->recs.count, 64);
	assert_int_equal(recs_at(&th.env, th.c, 63)->len, 10);
	count_is(mem_limit, 1);
}

static void test_recs_resegment_cuts_to_the_mss(void **state)
{
	static const uint32_t want[] = { 500, 500, 460, 100, 500, 501 };
	uint32_t at = TH_ISS;

	push(1, 1460);
	recs_at(&th.env, th.c, 0)->flags = TCP_REC_RTX;
	push(1, 100);
	push(1, 1001);
	recs_at(&th.env, th.c, 2)->flags = TCP_REC_FIN; /* 1,000 bytes and FIN */
	th.c->mss = 500;
	recs_resegment(&th.env, th.c);
	assert_int_equal(th.c->recs.count, 6);
	for (uint32_t i = 0; i < 6; i++) {
		const struct tcp_rec *r = recs_at(&th.env, th.c, i);

		assert_int_equal(r->seq, at);
		assert_int_equal(r->len, want[i]);
		assert_int_equal(r->flags, i < 3 ? TCP_REC_RTX : i == 5 ? TCP_REC_FIN : 0);
		at += want[i];
	}
}

static void test_recs_resegment_grows_the_ring(void **state)
{
	push(16, 1400);
	th.c->mss = 100;
	recs_resegment(&th.env, th.c);
	assert_int_equal(th.c->recs.count, 224);
	for (uint32_t i = 0; i < 224; i++)
		assert_int_equal(recs_at(&th.env, th.c, i)->seq, TH_ISS + i * 100);
}

static void test_recs_resegment_without_memory_changes_nothing(void **state)
{
	th_memory(4096);
	push(60, 1000);
	th.c->mss = 100;
	recs_resegment(&th.env, th.c);
	assert_int_equal(th.c->recs.count, 60);
	assert_int_equal(recs_at(&th.env, th.c, 59)->len, 1000);
}

static void test_recs_tally_tells_what_became_of_the_flight(void **state)
{
	struct tcp_tally t;

	th.sack = true;
	th_active();
	th.c->cwnd = 10 * 1460;
	put(10 * 1460);
	th_drain();
	advance(1);
	th_sack(1 + 6 * 1460, 1 + 10 * 1460);
	in(".", 1, 1, 0); /* six are lost; PRR lets four go */
	t = tcp_tally_now(&th.env, th.c);
	assert_int_equal(t.lost, 6);
	th_drain();
	t = tcp_tally_now(&th.env, th.c);
	assert_int_equal(t.all, 10);
	assert_int_equal(t.sacked, 4);
	assert_int_equal(t.lost, 2);
	assert_int_equal(t.retrans, 4);
}

/* A flight of one-byte segments fills the records; what comes then waits for an acknowledgement, and goes in one. */
static void test_recs_full_of_tiny_segments_wait_for_an_ack(void **state)
{
	uint32_t n = 4096;

	th_active();
	th.c->flags |= TCP_F_NODELAY;
	th.c->cwnd = 1 << 20;
	th.c->sndbuf = 64 * n;
	for (uint32_t i = 0; i < n; i++) {
		put(1);
		out("P.", 1 + i, 1, 1);
	}
	count_is(recs_limit, 0);
	put(1);
	put(100);
	no_out();
	assert_true(th.stats[XTCP_USER_recs_limit] > 0);
	assert_int_equal(th.c->recs.count, n);
	in(".", 1, 3, 0);
	out("P.", 1 + n, 1, 101);
	in(".", 1, 102 + n, 0);
	no_out();
	assert_int_equal(th.env.mem->used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_recs_ring_doubles_and_wraps),
		TEST(test_recs_last_pop_gives_the_block_back),
		TEST(test_recs_find_is_the_first_that_ends_right_of_it),
		TEST(test_recs_without_memory_refuse_and_keep),
		TEST(test_recs_resegment_cuts_to_the_mss),
		TEST(test_recs_resegment_grows_the_ring),
		TEST(test_recs_resegment_without_memory_changes_nothing),
		TEST(test_recs_tally_tells_what_became_of_the_flight),
		TEST(test_recs_full_of_tiny_segments_wait_for_an_ack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
