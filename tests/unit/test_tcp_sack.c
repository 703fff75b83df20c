// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_sack.c - the scoreboard: what SACK blocks mark and what they cannot (RFC 2018 5). */
#include "tcp_harness.h"

static void flight(uint32_t n)
{
	th.sack = true;
	th_active();
	put(n * 1000);
	th.c->mss = 1000;
	for (uint32_t i = 0; i < n; i++)
		out(i == n - 1 ? "P." : ".", 1 + i * 1000, 1, 1000);
}

static void sacked_is(uint32_t bytes)
{
	assert_int_equal(th.c->sacked, bytes);
}

static void block(uint32_t start, uint32_t end)
{
	th_sack(start, end);
	in(".", 1, 1, 0);
}

static void test_sack_block_marks_whole_records_only(void **state)
{
	flight(5);
	block(2001, 3001);
	sacked_is(1000);
	block(3002, 4001); /* begins inside */
	block(3001, 4000); /* ends inside */
	sacked_is(1000);
	block(1501, 4501); /* covers the fourth record whole, the second and fifth in part */
	sacked_is(2000);
}

static void test_sack_block_again_is_no_news(void **state)
{
	flight(5);
	block(2001, 4001);
	sacked_is(2000);
	block(2001, 4001);
	sacked_is(2000);
	assert_int_equal(th.c->high_sacked - TH_ISS, 4001);
}

static void test_sack_four_blocks_are_read(void **state)
{
	flight(9);
	th_sack(8001, 9001);
	th_sack(6001, 7001);
	th_sack(4001, 5001);
	th_sack(2001, 3001);
	in(".", 1, 1, 0);
	sacked_is(4000);
}

static void test_sack_nonsense_blocks_are_ignored(void **state)
{
	flight(5);
	block(3001, 3001);    /* empty */
	block(4001, 2001);    /* backwards */
	block(4001, 6001);    /* beyond snd_nxt */
	block(0xfffff001, 1); /* left of snd_una */
	block(0, 3001);
	block(0x80000001, 0x80001001);
	sacked_is(0);
	assert_int_equal(th.c->lost, 0);
}

static void test_sack_without_agreement_is_ignored(void **state)
{
	th_active();
	put(3000);
	th_drain();
	block(1461, 2921);
	assert_false(th.c->flags & TCP_F_SACK);
	for (uint32_t i = 0; i < th.c->recs.count; i++)
		assert_false(recs_at(&th.env, th.c, i)->flags & TCP_REC_SACKED);
}

static void test_sack_below_cumulative_ack_goes_with_its_record(void **state)
{
	flight(5);
	block(1001, 2001);
	th_sack(1, 1001); /* as a D-SACK */
	in(".", 1, 2001, 0);
	sacked_is(0);
	assert_int_equal(th.c->snd_una - TH_ISS, 2001);
}

static void test_sack_cumulative_ack_into_sacked_record_keeps_the_count(void **state)
{
	flight(5);
	block(1001, 3001);
	in(".", 1, 1501, 0);
	sacked_is(1500);
	in(".", 1, 5001, 0);
	sacked_is(0);
	assert_int_equal(th.env.mem->used, 0);
}

static void test_sack_across_the_wrap_is_ordered(void **state)
{
	flight(8); /* the fifth record straddles 2^32 */
	block(4001, 6001);
	sacked_is(2000);
	assert_true(recs_at(&th.env, th.c, 4)->flags & TCP_REC_SACKED);
	assert_true(recs_at(&th.env, th.c, 5)->flags & TCP_REC_SACKED);
	assert_int_equal(recs_find(&th.env, th.c, TH_ISS + 4001), 4);
}

static void test_sack_of_the_fin_is_counted(void **state)
{
	flight(3);
	tcp_shutdown(&th.env, th.c, th.now);
	out("F.", 3001, 1, 0);
	block(2001, 3002);
	sacked_is(1001);
}

/* ---- reports of duplicates (RFC 2883) ---- */

static void test_sack_dsack_left_of_the_acknowledgement(void **state)
{
	flight(5);
	in(".", 1, 2001, 0);
	th_sack(1, 1001);
	in(".", 1, 2001, 0);
	count_is(in_dsacks, 1);
	sacked_is(0);
}

static void test_sack_dsack_within_the_second_block(void **state)
{
	flight(5);
	th_sack(2001, 3001);
	th_sack(1001, 4001);
	in(".", 1, 1, 0);
	count_is(in_dsacks, 1);
	sacked_is(3000);
}

static void test_sack_plain_blocks_are_no_dsack(void **state)
{
	flight(5);
	th_sack(3001, 4001);
	th_sack(1001, 2001);
	in(".", 1, 1, 0);
	th_sack((uint32_t)-200000, (uint32_t)-199000); /* older than any window */
	in(".", 1, 1, 0);
	count_is(in_dsacks, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_sack_dsack_left_of_the_acknowledgement),
		TEST(test_sack_dsack_within_the_second_block),
		TEST(test_sack_plain_blocks_are_no_dsack),
		TEST(test_sack_block_marks_whole_records_only),
		TEST(test_sack_block_again_is_no_news),
		TEST(test_sack_four_blocks_are_read),
		TEST(test_sack_nonsense_blocks_are_ignored),
		TEST(test_sack_without_agreement_is_ignored),
		TEST(test_sack_below_cumulative_ack_goes_with_its_record),
		TEST(test_sack_cumulative_ack_into_sacked_record_keeps_the_count),
		TEST(test_sack_across_the_wrap_is_ordered),
		TEST(test_sack_of_the_fin_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
