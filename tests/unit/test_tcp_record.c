// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_record.c - ends of records: no segment goes on past them, the first time or again. */
#include "tcp_harness.h"

#define put_record(len)                                    \
	do {                                               \
		put(len);                                  \
		assert_int_equal(tcp_record_end(th.c), 0); \
	} while (0)

/* The connection, with 10 segments in flight, so that what follows gathers. */
static void full(void)
{
	th_memory(4 << 20);
	th_active();
	put(14600);
	out_full(10, 1, 1);
}

static void test_record_ends_its_segment(void **state)
{
	full();
	th.parts = true;
	put(300);
	put_record(400);
	put(2000);
	in(".", 1, 14601, 0);
	out("P.", 14601, 1, 700);
	out(".", 15301, 1, 1460);
	no_out(); /* Nagle, as ever */
	in(".", 1, 16761, 0);
	out("P.", 16761, 1, 540);
}

static void test_record_of_several_segments_is_cut_only_at_its_end(void **state)
{
	full();
	put_record(3000);
	put_record(1460);
	put_record(100);
	put(1460);
	in(".", 1, 14601, 0);
	out(".", 14601, 1, 1460);
	out(".", 16061, 1, 1460);
	out(".", 17521, 1, 80);
	out(".", 17601, 1, 1460);
	out(".", 19061, 1, 100);
	out("P.", 19161, 1, 1460);
	no_out();
}

static void test_records_are_not_joined_when_sent_again(void **state)
{
	full();
	for (int i = 0; i < 4; i++)
		put_record(100);
	put(1460);
	in(".", 1, 14601, 0);
	for (uint32_t i = 0; i < 4; i++)
		out(".", 14601 + i * 100, 1, 100);
	out("P.", 15001, 1, 1460);
	advance(200);
	out(".", 14601, 1, 100);
	in(".", 1, 14701, 0);
	out(".", 14701, 1, 100);
	out(".", 14801, 1, 100);
}

static void test_records_wait_until_some_have_been_sent(void **state)
{
	full();
	for (uint32_t i = 0; i < TCP_RECORDS; i++)
		put_record(10);
	assert_false(tcp_record_room(th.c));
	put(10);
	assert_int_equal(tcp_record_end(th.c), -EAGAIN);
	th.c->events = 0;
	in(".", 1, 14601, 0);
	assert_true(events_take() & TCP_EV_WRITABLE);
	for (uint32_t i = 0; i < TCP_RECORDS; i++)
		out(".", 14601 + 10 * i, 1, 10);
	assert_true(tcp_record_room(th.c));
}

/* A record that fills its last segment, behind it a small one: nothing to hold back. */
static void test_record_that_ends_with_its_segment_says_so(void **state)
{
	full();
	th.parts = true;
	put_record(1460);
	put_record(200);
	put(1460);
	put(100);
	in(".", 1, 14601, 0);
	out("P.", 14601, 1, 1460);
	out("P.", 16061, 1, 200);
	out(".", 16261, 1, 1460);
	no_out();
}

static void test_record_that_has_been_sent_needs_no_end(void **state)
{
	th_active();
	put(100);
	out("P.", 1, 1, 100);
	for (uint32_t i = 0; i <= TCP_RECORDS; i++)
		assert_int_equal(tcp_record_end(th.c), 0);
	assert_int_equal(tcp_cold_peek(th.c)->records.count, 0);
	in(".", 1, 101, 0);
	put(50);
	for (uint32_t i = 0; i <= TCP_RECORDS; i++) /* nor does one twice */
		assert_int_equal(tcp_record_end(th.c), 0);
	out("P.", 101, 1, 50);
}

static void test_record_end_with_fin_behind_it(void **state)
{
	full();
	put_record(100);
	put(100);
	tcp_shutdown(&th.env, th.c, th.now);
	in(".", 1, 14601, 0);
	out(".", 14601, 1, 100);
	out("FP.", 14701, 1, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_record_ends_its_segment),
		TEST(test_record_of_several_segments_is_cut_only_at_its_end),
		TEST(test_records_are_not_joined_when_sent_again),
		TEST(test_records_wait_until_some_have_been_sent),
		TEST(test_record_that_ends_with_its_segment_says_so),
		TEST(test_record_that_has_been_sent_needs_no_end),
		TEST(test_record_end_with_fin_behind_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
