// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_cc_reno.c - the table of algorithms (cc.c) and Reno's arithmetic (RFC 5681 3.1, RFC 6928). */
#include "tcp_harness.h"

static void acked(uint32_t bytes)
{
	struct tcp_cc_event ev = { .now_ns = th.now, .acked = bytes };

	tcp_cc_table[th.c->cc]->ack(th.c, &ev);
}

/* RFC 9293: MAY-18 */
static void test_cc_every_algorithm_is_found_by_name(void **state)
{
	for (unsigned int i = 0; i < TCP_CC_ALGORITHMS; i++) {
		assert_non_null(tcp_cc_name(i));
		assert_int_equal(tcp_cc_find(tcp_cc_name(i)), i);
		assert_non_null(tcp_cc_table[i]->init);
		assert_non_null(tcp_cc_table[i]->ack);
		assert_non_null(tcp_cc_table[i]->loss);
		assert_non_null(tcp_cc_table[i]->rto);
		assert_non_null(tcp_cc_table[i]->undo);
	}
	assert_int_equal(tcp_cc_find("reno"), 0);
	assert_int_equal(tcp_cc_find("ren"), -1);
	assert_int_equal(tcp_cc_find("renoo"), -1);
	assert_int_equal(tcp_cc_find(""), -1);
	assert_null(tcp_cc_name(TCP_CC_ALGORITHMS));
}

static void test_cc_initial_window_is_rfc_6928s(void **state)
{
	assert_int_equal(tcp_initial_window(536), 5360);
	assert_int_equal(tcp_initial_window(1460), 14600);
	assert_int_equal(tcp_initial_window(1448), 14480);
	assert_int_equal(tcp_initial_window(5000), 14600);
	assert_int_equal(tcp_initial_window(8960), 17920);
}

/* RFC 9293: MUST-19 */
static void test_cc_reno_slow_start_grows_by_what_is_acknowledged(void **state)
{
	th_active();
	acked(1460);
	assert_int_equal(th.c->cwnd, 11 * 1460);
	acked(2920);
	assert_int_equal(th.c->cwnd, 13 * 1460);
}

/* RFC 9293: MUST-19 */
static void test_cc_reno_avoidance_grows_one_segment_a_window(void **state)
{
	th_active();
	th.c->ssthresh = th.c->cwnd;
	for (int i = 0; i < 9; i++)
		acked(1460);
	assert_int_equal(th.c->cwnd, 10 * 1460);
	acked(1460);
	assert_int_equal(th.c->cwnd, 11 * 1460);
	for (int i = 0; i < 10; i++)
		acked(1460);
	assert_int_equal(th.c->cwnd, 11 * 1460);
	acked(1460);
	assert_int_equal(th.c->cwnd, 12 * 1460);
}

static void test_cc_reno_slow_start_ends_exactly_at_ssthresh(void **state)
{
	th_active();
	th.c->ssthresh = 10 * 1460 + 500;
	acked(14600);
	assert_int_equal(th.c->cwnd, 10 * 1460 + 500); /* the rest counts towards avoidance */
	acked(1000);
	assert_int_equal(th.c->cwnd, 11 * 1460 + 500);
}

static void test_cc_reno_loss_halves_the_flight(void **state)
{
	struct tcp_cc_event ev = { .prior_flight = 20000 };

	th_active();
	tcp_cc_table[0]->loss(th.c, &ev);
	assert_int_equal(th.c->ssthresh, 10000);
	ev.prior_flight = 3000;
	tcp_cc_table[0]->rto(th.c, &ev);
	assert_int_equal(th.c->ssthresh, 2 * 1460); /* two segments at least */
}

static void test_cc_reno_undo_brings_both_back_once(void **state)
{
	struct tcp_cc_event ev = { .prior_flight = 20000 };

	th_active();
	tcp_cc_table[0]->undo(th.c, &ev); /* nothing to undo yet */
	assert_int_equal(th.c->ssthresh, TCP_SSTHRESH_NONE);
	th.c->cwnd = 20000;
	th.c->ssthresh = 30000;
	tcp_cc_table[0]->rto(th.c, &ev);
	th.c->cwnd = th.c->mss;
	tcp_cc_table[0]->undo(th.c, &ev);
	assert_int_equal(th.c->cwnd, 20000);
	assert_int_equal(th.c->ssthresh, 30000);
	th.c->cwnd = 5000;
	tcp_cc_table[0]->undo(th.c, &ev);
	assert_int_equal(th.c->cwnd, 5000);
	tcp_cc_table[0]->loss(th.c, &ev);
	th.c->cwnd = 50000; /* grown past it in the meantime */
	tcp_cc_table[0]->undo(th.c, &ev);
	assert_int_equal(th.c->cwnd, 50000);
}

/* cwnd grows only while it is what holds us back. */
static void test_cc_window_unused_does_not_grow(void **state)
{
	th_active();
	for (uint32_t i = 0; i < 50; i++) {
		put(100);
		th_drain();
		in(".", 1, 101 + i * 100, 0);
	}
	assert_int_equal(th.c->cwnd, 14600);
	put(14600);
	th_drain();
	in(".", 1, 5001 + 14600, 0);
	assert_int_equal(th.c->cwnd, 29200);
}

/* RFC 8511: a mark costs less than a loss; a loss in the same window nothing more (RFC 3168 6.1.2), and undoing is no gain. */
static void test_cc_marks_cost_a_part_once(void **state)
{
	static const struct {
		uint8_t cc;
		uint32_t left;
	} t[] = { { TCP_CC_RENO, 80000 }, { TCP_CC_CUBIC, 85000 } };

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		const struct tcp_cc_ops *cc = tcp_cc_table[t[i].cc];
		struct tcp_cc_event ev = { .now_ns = th.now, .prior_flight = 100000, .acked = 1000, .ce = 1000 };

		th.env.conf.cc = t[i].cc;
		th_active();
		th.c->cwnd = 100000;
		cc->ecn(th.c, &ev);
		assert_int_equal(th.c->cwnd, t[i].left);
		assert_int_equal(th.c->ssthresh, t[i].left);
		ev.ecn_reduced = true;
		cc->loss(th.c, &ev);
		cc->undo(th.c, &ev);
		cc->ack(th.c, &ev); /* marked: no growth */
		assert_int_equal(th.c->cwnd, t[i].left);
		assert_int_equal(th.c->ssthresh, t[i].left);
		cc->rto(th.c, &ev);
		assert_true(th.c->ssthresh < t[i].left);
		th_teardown(state);
		th_setup(state);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_cc_marks_cost_a_part_once),
		TEST(test_cc_every_algorithm_is_found_by_name),
		TEST(test_cc_initial_window_is_rfc_6928s),
		TEST(test_cc_reno_slow_start_grows_by_what_is_acknowledged),
		TEST(test_cc_reno_avoidance_grows_one_segment_a_window),
		TEST(test_cc_reno_slow_start_ends_exactly_at_ssthresh),
		TEST(test_cc_reno_loss_halves_the_flight),
		TEST(test_cc_reno_undo_brings_both_back_once),
		TEST(test_cc_window_unused_does_not_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
