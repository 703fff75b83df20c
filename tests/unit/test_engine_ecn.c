// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_engine_ecn.c - a destination that is silent to SYNs that ask for ECN is remembered (RFC 9768 3.1.4.1). */
#include "engine_kit.h"

/* Connects; the SYNs of the first 2.5 seconds are lost, both that ask. */
static uint64_t silent_to_those_that_ask(void)
{
	uint64_t c;

	kp->cut = true;
	c = kit_connect(0, 80);
	pair_sleep(kp, 5 * SECOND / 2);
	kp->cut = false;
	pair_sleep(kp, SECOND);
	assert_int_equal(engine_conn(eng(0), c)->state, TCP_ESTABLISHED);
	return c;
}

static uint8_t plain(void)
{
	uint64_t c = kit_connect(0, 80);

	pair_settle(kp);
	assert_int_equal(engine_conn(eng(0), c)->state, TCP_ESTABLISHED);
	return engine_conn(eng(0), c)->ecn.mode;
}

static void test_ecn_three_silences_in_a_row_and_nobody_asks_for_ten_minutes(void **state)
{
	kit_listen(80);
	engine_env(eng(0))->conf.ecn = TCP_ECN_ACCURATE;
	assert_int_equal(plain(), TCP_ECN_ACCECN);
	for (int i = 0; i < 2; i++)
		silent_to_those_that_ask();
	assert_int_equal(plain(), TCP_ECN_ACCECN); /* it was an accident */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(stat_of(0, ecn_blocked), 0);
		silent_to_those_that_ask();
	}
	assert_int_equal(stat_of(0, ecn_blocked), 1);
	assert_int_equal(plain(), TCP_ECN_NONE);
	pair_sleep(kp, 590 * SECOND);
	assert_int_equal(plain(), TCP_ECN_NONE);
	pair_sleep(kp, 20 * SECOND);
	silent_to_those_that_ask(); /* one tries, in vain: twice as long now */
	assert_int_equal(stat_of(0, ecn_blocked), 2);
	pair_sleep(kp, 1190 * SECOND);
	assert_int_equal(plain(), TCP_ECN_NONE);
	pair_sleep(kp, 20 * SECOND);
	assert_int_equal(plain(), TCP_ECN_ACCECN);
	assert_int_equal(plain(), TCP_ECN_ACCECN);
	check_engines();
}

/* A peer that knows no ECN answers at once: nothing is wrong with the path. */
static void test_ecn_peer_without_it_is_asked_each_time(void **state)
{
	kit_listen(80);
	engine_env(eng(0))->conf.ecn = TCP_ECN_ON;
	engine_env(eng(1))->conf.ecn = TCP_ECN_OFF;
	for (int i = 0; i < 5; i++)
		assert_int_equal(plain(), TCP_ECN_NONE);
	assert_int_equal(stat_of(0, ecn_blocked), 0);
	engine_env(eng(1))->conf.ecn = TCP_ECN_PASSIVE;
	assert_int_equal(plain(), TCP_ECN_CLASSIC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ecn_three_silences_in_a_row_and_nobody_asks_for_ten_minutes),
		TEST(test_ecn_peer_without_it_is_asked_each_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
