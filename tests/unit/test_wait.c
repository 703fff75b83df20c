// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_wait.c - balanced waiting: when it spins, by what it has learned of the gaps between frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "api/wait.c" /* before cmocka.h, which has a macro fail() */
#include <cmocka.h>

#define US 1000ull
#define FAR TCP_NEVER

static struct xtcp *x;
static uint64_t now;

static int make(void **state)
{
	static struct xtcp it;

	it = (struct xtcp){ .waiting = XTCP_WAIT_BALANCED, .spin_ns = 50 * US, .busy_ns = 1000 * NS_PER_MS };
	x = &it;
	now = it.busy_ns;
	return 0;
}

/* Frames, so many us after the last ones. */
static void frames(uint64_t us, bool received, bool sent)
{
	now += us * US;
	learn_gap(x, now, received);
	x->sent = sent;
	x->busy_ns = now;
}

static bool spins_after(uint64_t us)
{
	return may_spin(x, now + us * US);
}

static void test_unknown_gaps_are_spun_for_as_long_as_allowed(void **state)
{
	assert_true(spins_after(0));
	assert_true(spins_after(49));
	assert_false(spins_after(50));
}

static void test_server_of_a_request_a_millisecond_sleeps_at_once(void **state)
{
	for (int i = 0; i < 4; i++)
		frames(1000, true, true);
	assert_false(spins_after(0));
	assert_false(spins_after(20));
}

static void test_burst_after_that_is_noticed_within_six(void **state)
{
	int n = 0;

	for (int i = 0; i < 100; i++)
		frames(1000000, true, true);
	while (!spins_after(0) && ++n < 100)
		frames(10, true, true);
	assert_in_range(n, 1, 6);
}

static void test_two_ends_that_sleep_come_to_spin(void **state)
{
	/* A closed loop of two that sleep: 40 us with two wake-ups in it, 10 us once they spin. */
	for (int i = 0; i < 20; i++)
		frames(1000, true, true);
	for (int i = 0; i < 20; i++)
		frames(70, true, true);
	assert_true(spins_after(0));
}

static void test_client_spins_for_its_answer_but_not_for_its_own_next_request(void **state)
{
	for (int i = 0; i < 20; i++) {
		frames(980, false, true); /* the request, by the clock */
		frames(20, true, false);  /* the answer */
	}
	assert_false(spins_after(0));
	frames(980, false, true);
	assert_true(spins_after(0));
}

static void test_what_we_send_unasked_is_no_arrival(void **state)
{
	for (int i = 0; i < 20; i++)
		frames(1000, true, true);
	for (int i = 0; i < 20; i++)
		frames(5, false, true);
	assert_false(spins_after(0));
}

static void test_deadline_nearer_than_a_wake_up_is_spun_for(void **state)
{
	uint64_t late = now + 500 * US;

	assert_true(too_near(x, late, late + 29 * US));
	assert_false(too_near(x, late, late + 31 * US));
	assert_false(too_near(x, late, FAR));
	assert_true(too_near(x, late, late - 1));
}

static void test_sleep_ends_a_wake_up_before_a_limit_that_must_be_met(void **state)
{
	uint64_t soon = now + 1000 * US, late = now + 9000 * US;

	assert_int_equal(sleep_end(x, FAR, late, true), late - 30 * US);
	assert_int_equal(sleep_end(x, FAR, late, false), late);
	assert_int_equal(sleep_end(x, soon, late, true), soon); /* the engine's own deadline can wait */
	assert_true(sleep_end(x, FAR, FAR, true) == FAR);
	x->waiting = XTCP_WAIT_POWER;
	assert_int_equal(sleep_end(x, FAR, late, true), late);
}

static void test_power_never_spins(void **state)
{
	x->waiting = XTCP_WAIT_POWER;
	assert_false(may_spin(x, now));
	assert_false(too_near(x, now, now + 1));
	assert_true(too_near(x, now, now)); /* there is work */
}

static void test_latency_spins_for_a_second_after_the_last_frame(void **state)
{
	x->waiting = XTCP_WAIT_LATENCY;
	assert_true(may_spin(x, now + 999 * NS_PER_MS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_unknown_gaps_are_spun_for_as_long_as_allowed, make),
		cmocka_unit_test_setup(test_server_of_a_request_a_millisecond_sleeps_at_once, make),
		cmocka_unit_test_setup(test_burst_after_that_is_noticed_within_six, make),
		cmocka_unit_test_setup(test_two_ends_that_sleep_come_to_spin, make),
		cmocka_unit_test_setup(test_client_spins_for_its_answer_but_not_for_its_own_next_request, make),
		cmocka_unit_test_setup(test_what_we_send_unasked_is_no_arrival, make),
		cmocka_unit_test_setup(test_deadline_nearer_than_a_wake_up_is_spun_for, make),
		cmocka_unit_test_setup(test_sleep_ends_a_wake_up_before_a_limit_that_must_be_met, make),
		cmocka_unit_test_setup(test_power_never_spins, make),
		cmocka_unit_test_setup(test_latency_spins_for_a_second_after_the_last_frame, make),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
