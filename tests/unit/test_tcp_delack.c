// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_delack.c - when acknowledgements are sent: quick at the start, after a pause and after losses; delayed else. */
#include "tcp_harness.h"

/* A segment of 100 bytes: at = how many came before. */
static void text(uint32_t at)
{
	in("P.", 1 + at * 100, 1, 100);
}

static void acked(uint32_t n)
{
	out(".", 1, 1 + n * 100, 0);
	no_out();
}

static void delayed(uint32_t n)
{
	uint64_t start = th.now;

	no_out();
	advance(50);
	acked(n);
	assert_int_equal(th.last_ns - start, 40 * TH_MS);
}

static void test_delack_first_sixteen_acks_are_sent_at_once(void **state)
{
	th_active();
	for (uint32_t i = 0; i < 16; i++) {
		text(i);
		acked(i + 1);
	}
	text(16);
	delayed(17);
	count_is(delayed_acks, 1);
}

/* One ACK for all that came in one turn, and it counts as one. */
static void test_delack_burst_is_acknowledged_once_and_counts_once(void **state)
{
	uint32_t n = 0;

	th_active();
	for (int i = 0; i < 16; i++) {
		for (int k = 0; k < 3; k++)
			text(n++);
		acked(n);
	}
	text(n);
	delayed(n + 1);
}

static void test_delack_answer_makes_it_interactive(void **state)
{
	th_active();
	text(0);
	acked(1); /* at once: this is the beginning */
	advance(5);
	put(10);
	out("P.", 1, 101, 10);
	in("P.", 101, 11, 100);
	no_out();
	advance(5);
	put(10);
	out("P.", 11, 201, 10); /* carries the ACK */
	in(".", 201, 21, 0);
	advance(100);
	no_out();
	count_is(delayed_acks, 0);
}

static void test_delack_request_that_waited_for_the_handshake_is_interactive(void **state)
{
	static const struct tcp_cookie cookie = { .len = 4, .b = { 1, 2, 3, 4 } };

	th_connect();
	tcp_fastopen_connect(th.c, &cookie, 540);
	put(600);
	out("S", 0, 0, 500);
	in("S.", 0, 501, 0);
	out("P.", 501, 1, 100);
	in("P.", 1, 601, 100);
	no_out(); /* the next request may carry it */
	advance(50);
	out(".", 601, 101, 0);
}

/* What leaves long after the last data is no answer to it. */
static void test_delack_data_of_its_own_accord_is_no_answer(void **state)
{
	th_active();
	text(0);
	acked(1);
	advance(100);
	put(10);
	out("P.", 1, 101, 10);
	in("P.", 101, 11, 100);
	out(".", 11, 201, 0);
}

/* The answer failed to come once: the next acknowledgements do not wait for one. */
static void test_delack_timer_ends_interactive_mode(void **state)
{
	th_active();
	th_interactive();
	text(0);
	delayed(1);
	advance(300); /* longer than an RTO */
	text(1);
	acked(2);
}

static void test_delack_pause_brings_quick_acks_back(void **state)
{
	th_active();
	for (uint32_t i = 0; i < 16; i++) {
		text(i);
		acked(i + 1);
	}
	text(16);
	delayed(17);
	advance(1);
	text(17);
	delayed(18);
	advance(th.c->rto_us / 1000 + 1);
	text(18);
	acked(19);
	text(19);
	acked(20);
}

/* Still interactive after a pause: what is typed slowly is answered too. */
static void test_delack_pause_leaves_interactive_mode(void **state)
{
	th_active();
	th_interactive();
	advance(5000);
	text(0);
	no_out();
	put(10);
	out("P.", 1, 101, 10);
	no_out();
}

static void test_delack_hole_and_what_fills_it_are_acknowledged_at_once(void **state)
{
	th_active();
	th_interactive();
	text(1);
	acked(0);
	text(2);
	acked(0);
	text(0);
	acked(3);
	for (uint32_t i = 3; i < 6; i++) { /* and what follows: the peer is recovering */
		text(i);
		acked(i + 1);
	}
}

static void test_delack_duplicate_is_acknowledged_at_once_and_what_follows(void **state)
{
	th_active();
	th_interactive();
	text(0);
	delayed(1);
	th_interactive();
	text(0);
	acked(1);
	text(1);
	acked(2);
}

/* SHLD-19, in interactive mode too: from two full segments on. */
static void test_delack_two_full_segments_do_not_wait(void **state)
{
	th_active();
	th_interactive();
	in(".", 1, 1, 1460);
	no_out();
	in(".", 1461, 1, 1460);
	out(".", 1, 2921, 0);
	no_out();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_delack_first_sixteen_acks_are_sent_at_once),
		TEST(test_delack_burst_is_acknowledged_once_and_counts_once),
		TEST(test_delack_answer_makes_it_interactive),
		TEST(test_delack_request_that_waited_for_the_handshake_is_interactive),
		TEST(test_delack_data_of_its_own_accord_is_no_answer),
		TEST(test_delack_timer_ends_interactive_mode),
		TEST(test_delack_pause_brings_quick_acks_back),
		TEST(test_delack_pause_leaves_interactive_mode),
		TEST(test_delack_hole_and_what_fills_it_are_acknowledged_at_once),
		TEST(test_delack_duplicate_is_acknowledged_at_once_and_what_follows),
		TEST(test_delack_two_full_segments_do_not_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
