// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_pacer.c - data leaves at a rate, and what must not wait does not. */
#include "tcp_harness.h"

#define MSS 1460u

static uint32_t taken; /* segments with data taken so far by take() */

/* Segments with data made within the next ms milliseconds, looked at every tenth of one. */
static uint32_t take(uint32_t ms)
{
	uint64_t end = th.now + ms * TH_MS;
	uint32_t n = 0;
	struct tcp_seg s;

	for (;;) {
		while (tcp_output(&th.env, th.c, &s, th.now))
			n += s.len > 0;
		th_check(__FILE__, __LINE__);
		if (th.now >= end)
			break;
		th.now += TH_MS / 10;
		if (tcp_deadline(th.c) <= th.now)
			tcp_expire(&th.env, th.c, th.now);
	}
	taken += n;
	return n;
}

static void open_paced(uint64_t rate)
{
	th.sack = true;
	taken = 0;
	th_active();
	tcp_pacing_limit(th.c, rate);
	th.c->cwnd = 100 * MSS;
}

static void test_pacer_without_a_rate_holds_nothing(void **state)
{
	open_paced(0);
	put(40 * MSS);
	out_full(40, 1, 1);
	assert_int_equal(tcp_pacing_rate_now(th.c), 0);
	assert_false(pacer_holds(th.c, th.now));
}

static void test_pacer_rate_is_kept_over_time(void **state)
{
	open_paced(100 * MSS); /* one in 10 ms */
	put(40 * MSS);
	assert_in_range(take(0), 1, 3);
	take(100);
	assert_in_range(taken, 11, 13);
	take(100);
	assert_in_range(taken, 21, 23);
}

/* No more than 1 ms worth at a time. */
static void test_pacer_burst_is_a_millisecond(void **state)
{
	open_paced(10000 * MSS);
	put(40 * MSS);
	assert_in_range(take(0), 9, 11);
	assert_in_range(take(1), 8, 12);
}

/* Twice the rate is needed afterwards to make up for a timer that came late; an idle application gets no such credit. */
static void test_pacer_late_timer_is_made_good_for_but_not_a_pause(void **state)
{
	open_paced(1000 * MSS);
	put(40 * MSS);
	take(1);
	th.now += TH_MS * 3;
	if (tcp_deadline(th.c) <= th.now)
		tcp_expire(&th.env, th.c, th.now);
	assert_in_range(take(0), 4, 5); /* a burst, and one that was due before */
	take(100);
	assert_int_equal(taken, 40);
	in(".", 1, 1 + 40 * MSS, 0);
	th.now += TH_S / 10;
	put(40 * MSS);
	assert_in_range(take(0), 1, 3);
}

static void test_pacer_held_data_has_a_deadline_and_no_other(void **state)
{
	open_paced(10 * MSS);
	put(40 * MSS);
	take(0);
	assert_true(th.c->pace & TCP_PACE_HELD);
	assert_true(tcp_deadline(th.c) <= th.now + TH_S / 5);
	assert_true(tcp_deadline(th.c) > th.now);
	tcp_abort(&th.env, th.c, ECONNABORTED);
	assert_true(tcp_deadline(th.c) == TCP_NEVER);
	th_drain();
}

static void test_pacer_acknowledgements_do_not_wait(void **state)
{
	open_paced(MSS);
	put(10 * MSS);
	take(0);
	assert_true(th.c->pace & TCP_PACE_HELD);
	in("P.", 1, 1, 1000);
	in("P.", 1001, 1, 1000);
	out(".", th.c->snd_nxt - TH_ISS, 2001, 0);
	get(2000);
}

static void test_pacer_fast_retransmit_does_not_wait(void **state)
{
	open_paced(1000 * MSS);
	put(20 * MSS);
	take(100);
	tcp_pacing_limit(th.c, MSS);
	th_sack(1 + MSS, 1 + 5 * MSS);
	in(".", 1, 1, 0);
	out(".", 1, 1, MSS);
	no_out();
}

/* The lower of the two counts; without either it is over. */
static void test_pacer_limit_and_algorithm_the_lower_rate_counts(void **state)
{
	th.env.conf.cc = TCP_CC_BBR; /* one that has a rate of its own */
	open_paced(5000);
	tcp_pacing_rate(th.c, 9000);
	assert_int_equal(tcp_pacing_rate_now(th.c), 5000);
	tcp_pacing_rate(th.c, 4000);
	assert_int_equal(tcp_pacing_rate_now(th.c), 4000);
	tcp_pacing_limit(th.c, 0);
	assert_int_equal(tcp_pacing_rate_now(th.c), 4000);
	tcp_pacing_rate(th.c, 0);
	assert_int_equal(tcp_pacing_rate_now(th.c), 0);
	assert_int_equal(th.c->pace, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pacer_without_a_rate_holds_nothing),
		TEST(test_pacer_rate_is_kept_over_time),
		TEST(test_pacer_burst_is_a_millisecond),
		TEST(test_pacer_late_timer_is_made_good_for_but_not_a_pause),
		TEST(test_pacer_held_data_has_a_deadline_and_no_other),
		TEST(test_pacer_acknowledgements_do_not_wait),
		TEST(test_pacer_fast_retransmit_does_not_wait),
		TEST(test_pacer_limit_and_algorithm_the_lower_rate_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
