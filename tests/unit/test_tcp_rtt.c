// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_rtt.c - RFC 6298 in fixed point. */
#include "tcp_harness.h"

#define RTT_TEST(f) cmocka_unit_test_setup_teardown(f, setup, th_teardown)

/* One a round trip. */
static void sample(uint32_t us)
{
	th.c->snd_una = ++th.c->snd_nxt;
	rtt_sample(&th.env, th.c, us);
}

static void test_rtt_first_sample_sets_both(void **state)
{
	sample(400000);
	assert_int_equal(th.c->srtt_us_x8 >> 3, 400000);
	assert_int_equal(th.c->rttvar_us_x4 >> 2, 200000);
	assert_int_equal(th.c->rto_us, 400000 + 4 * 200000);
}

static void test_rtt_second_sample_is_weighed_an_eighth_and_a_quarter(void **state)
{
	sample(400000);
	sample(480000);
	assert_int_equal(th.c->srtt_us_x8 >> 3, 410000);
	assert_int_equal(th.c->rttvar_us_x4 >> 2, 150000 + 20000);
	assert_int_equal(th.c->rto_us, 410000 + 4 * 170000);
	sample(10000); /* a smaller one raises the variance too */
	assert_int_equal(th.c->srtt_us_x8 >> 3, 360000);
	assert_int_equal(th.c->rttvar_us_x4 >> 2, 127500 + 100000);
}

/* An acknowledgement may be delayed however steady the path is. */
static void test_rtt_steady_samples_leave_the_least_on_top(void **state)
{
	sample(10000);
	for (int i = 0; i < 200; i++)
		sample(500000);
	assert_in_range(th.c->srtt_us_x8 >> 3, 499990, 500000);
	assert_in_range(th.c->rto_us, 699990, 700000);
}

/* RFC 7323 4.2: a hundred samples in a round trip let RTTVAR shrink as one does; but any of them lets it grow. */
static void test_rtt_many_samples_in_a_round_trip_count_as_one(void **state)
{
	uint32_t var;

	sample(400000);
	var = 200000;
	for (int trip = 0; trip < 10; trip++) {
		th.c->snd_nxt += 100;
		for (int i = 0; i < 100; i++) {
			th.c->snd_una++;
			rtt_sample(&th.env, th.c, 400000);
		}
		if (!trip)
			assert_int_equal(th.c->rttvar_us_x4 >> 2, var * 3 / 4);
		assert_true(th.c->rttvar_us_x4 >> 2 >= var * 3 / 4 - 1);
		var = th.c->rttvar_us_x4 >> 2;
	}
	assert_in_range(var, 200000 / 20, 200000 / 15); /* (3/4)^10 */
	th.c->snd_nxt += 100;
	th.c->snd_una++;
	rtt_sample(&th.env, th.c, 500000);
	assert_true(th.c->rttvar_us_x4 >> 2 > var + 20000);
	var = th.c->rttvar_us_x4 >> 2;
	for (int i = 0; i < 99; i++) {
		th.c->snd_una++;
		rtt_sample(&th.env, th.c, 410000);
	}
	assert_true(th.c->rttvar_us_x4 >> 2 >= var); /* this round trip has seen more */
}

static void test_rtt_rto_stays_in_its_bounds(void **state)
{
	sample(10);
	assert_int_equal(th.c->rto_us, 200010);
	sample(100000000);
	for (int i = 0; i < 50; i++)
		sample(100000000);
	assert_in_range(th.c->rto_us, 100000000, 120000000);
	for (int i = 0; i < 20; i++)
		rtt_backoff(&th.env, th.c);
	assert_int_equal(th.c->rto_us, 120000000);
	assert_int_equal(th.c->backoff, 20);
}

static void test_rtt_backoff_doubles_until_a_sample(void **state)
{
	sample(100000);
	assert_int_equal(th.c->rto_us, 300000);
	rtt_backoff(&th.env, th.c);
	rtt_backoff(&th.env, th.c);
	assert_int_equal(th.c->rto_us, 1200000);
	assert_int_equal(th.c->backoff, 2);
	sample(100000);
	assert_int_equal(th.c->rto_us, 100000 + 200000);
	assert_int_equal(th.c->backoff, 0);
}

static void test_rtt_absurd_samples_do_not_overflow(void **state)
{
	static const uint32_t us[] = { 0, 1u << 29, UINT32_MAX, 0, 1u << 31, 1 };

	for (size_t i = 0; i < sizeof(us) / sizeof(us[0]); i++) {
		sample(us[i]);
		assert_true(th.c->srtt_us_x8 > 0);
		assert_in_range(th.c->rto_us, 200000, 120000000);
	}
	memset(th.c, 0, sizeof(*th.c));
	sample(1u << 29);
	assert_int_equal(th.c->rto_us, 120000000);
	assert_true(th.c->srtt_us_x8 >> 3 > 100000000);
}

static void test_rtt_limits_are_configurable(void **state)
{
	th.env.conf.rto_min_ns = 50 * TH_MS;
	th.env.conf.rto_max_ns = 60 * TH_S;
	sample(1000);
	assert_int_equal(th.c->rto_us, 51000);
	for (int i = 0; i < 20; i++)
		rtt_backoff(&th.env, th.c);
	assert_int_equal(th.c->rto_us, 60000000);
}

static int setup(void **state)
{
	int err = th_setup(state);

	th.env.conf.rto_min_ns = 200 * TH_MS; /* the default */
	return err;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RTT_TEST(test_rtt_first_sample_sets_both),
		RTT_TEST(test_rtt_second_sample_is_weighed_an_eighth_and_a_quarter),
		RTT_TEST(test_rtt_steady_samples_leave_the_least_on_top),
		RTT_TEST(test_rtt_many_samples_in_a_round_trip_count_as_one),
		RTT_TEST(test_rtt_rto_stays_in_its_bounds),
		RTT_TEST(test_rtt_backoff_doubles_until_a_sample),
		RTT_TEST(test_rtt_absurd_samples_do_not_overflow),
		RTT_TEST(test_rtt_limits_are_configurable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
