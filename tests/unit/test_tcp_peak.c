// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_peak.c - the largest value of a sliding window against one that remembers every sample. */
#include "tcp_harness.h"
#include "tcp/peak.h"

#define WINDOW 1000u
#define SAMPLES 20000u

static uint32_t at[SAMPLES], value[SAMPLES];

static uint32_t truth(uint32_t n, uint32_t now, uint32_t window)
{
	uint32_t most = 0;

	for (uint32_t i = n; i-- > 0 && now - at[i] <= window;)
		if (value[i] > most)
			most = value[i];
	return most;
}

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void test_peak_never_exceeds_the_maximum_and_holds_for_three_quarters(void **state)
{
	struct tcp_peak p = { 0 };
	uint32_t seed = 7, now = 0u - 50000u; /* wraps */

	for (uint32_t n = 0; n < SAMPLES; n++) {
		now += next(&seed) % (n % 100 ? 30 : 3 * WINDOW);
		at[n] = now;
		value[n] = 1 + next(&seed) % 1000;
		peak_put(&p, now, WINDOW, value[n]);
		for (uint32_t later = 0; later < 2 * WINDOW; later += 170) {
			uint32_t got = peak_get(&p, now + later, WINDOW);

			assert_true(got <= truth(n + 1, now + later, WINDOW));
			assert_true(got >= truth(n + 1, now + later, WINDOW * 3 / 4));
		}
	}
}

/* Who asks first ends up with the same as who puts every sample. */
static void test_peak_that_stays_need_not_be_put(void **state)
{
	struct tcp_peak all = { 0 }, some = { 0 };
	uint32_t seed = 9, now = 0u - 50000u, spared = 0;

	for (uint32_t n = 0; n < SAMPLES; n++) {
		uint32_t sample = n % 3000 ? 900 + next(&seed) % 20 : 2000; /* this one goes with its age */

		now += next(&seed) % (n % 1000 ? 4 : 3 * WINDOW);
		peak_put(&all, now, WINDOW, sample);
		if (peak_stays(&some, now, WINDOW, sample))
			spared++;
		else
			peak_put(&some, now, WINDOW, sample);
		assert_int_equal(some.count, all.count);
		for (uint32_t i = 0; i < all.count; i++) {
			assert_int_equal(some.at[i], all.at[i]);
			assert_int_equal(some.value[i], all.value[i]);
		}
	}
	assert_true(spared > SAMPLES / 2);
}

static void test_peak_window_that_shrinks_loses_no_more_than_it_must(void **state)
{
	struct tcp_peak p = { 0 };

	for (uint32_t i = 0; i < 10; i++)
		peak_put(&p, 100 + i * 260, i < 5 ? WINDOW : 100000, 100 - i);
	assert_int_equal(p.count, TCP_PEAKS);
	assert_int_equal(peak_get(&p, 100 + 9 * 260, 3000), p.value[0]);
	assert_int_equal(peak_get(&p, 100 + 9 * 260 + 100001, 100000), 0);
}

static void test_peak_of_complements_is_the_minimum(void **state)
{
	struct tcp_peak p = { 0 };

	peak_put(&p, 0, WINDOW, ~20u);
	peak_put(&p, 300, WINDOW, ~30u);
	peak_put(&p, 600, WINDOW, ~40u);
	assert_int_equal(~peak_get(&p, 1000, WINDOW), 20);
	assert_int_equal(~peak_get(&p, 1001, WINDOW), 30);
	assert_int_equal(~peak_get(&p, 1301, WINDOW), 40);
	peak_put(&p, 1302, WINDOW, ~10u);
	assert_int_equal(~peak_get(&p, 1302, WINDOW), 10);
	assert_int_equal(p.count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peak_never_exceeds_the_maximum_and_holds_for_three_quarters),
		cmocka_unit_test(test_peak_that_stays_need_not_be_put),
		cmocka_unit_test(test_peak_window_that_shrinks_loses_no_more_than_it_must),
		cmocka_unit_test(test_peak_of_complements_is_the_minimum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
