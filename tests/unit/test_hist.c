// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_hist.c - the histogram of times: buckets, percentiles, their error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "cli/hist.c"
#include <cmocka.h>

static struct hist *h;

static int make(void **state)
{
	h = calloc(1, sizeof(*h));
	return h ? 0 : -1;
}

static int drop(void **state)
{
	free(h);
	return 0;
}

static void test_every_time_is_within_a_thousandth_of_its_bucket(void **state)
{
	for (uint64_t v = 0; v <= HIST_MAX; v += 1 + v / 777) {
		uint64_t up = upper_end(hist_index(v));

		assert_in_range(hist_index(v), 0, HIST_BUCKETS - 1);
		assert_true(up >= v);
		assert_true((up - v) * 1024 <= v);
	}
	assert_int_equal(hist_index(HIST_MAX), HIST_BUCKETS - 1);
	assert_int_equal(upper_end(HIST_BUCKETS - 1), HIST_MAX);
}

static void test_buckets_leave_no_gap(void **state)
{
	for (uint32_t i = 0; i + 1 < HIST_BUCKETS; i++) {
		assert_int_equal(hist_index(upper_end(i)), i);
		assert_int_equal(hist_index(upper_end(i) + 1), i + 1);
	}
}

static void test_quantiles_of_1_to_1000(void **state)
{
	for (uint64_t v = 1; v <= 1000; v++)
		hist_add(h, v);
	assert_int_equal(hist_quantile(h, 0.5), 500);
	assert_int_equal(hist_quantile(h, 0.9), 900);
	assert_int_equal(hist_quantile(h, 0.99), 990);
	assert_int_equal(hist_quantile(h, 0.999), 999);
	assert_int_equal(hist_quantile(h, 0.9999), 1000);
	assert_int_equal(hist_quantile(h, 1), 1000);
	assert_int_equal(hist_quantile(h, 0), 1);
	assert_true(hist_mean(h) == 500.5);
	assert_int_equal(h->max, 1000);
}

static void test_one_long_time_shows_in_the_tail_only(void **state)
{
	for (int i = 0; i < 9999; i++)
		hist_add(h, 5000);
	hist_add(h, 200000000);
	assert_in_range(hist_quantile(h, 0.999), 5000, 5005);
	assert_in_range(hist_quantile(h, 0.9999), 5000, 5005);
	assert_int_equal(hist_quantile(h, 0.99995), 200000000); /* the bucket ends later: the maximum is told */
	assert_int_equal(hist_quantile(h, 1), 200000000);
}

static void test_empty_and_cleared(void **state)
{
	assert_int_equal(hist_quantile(h, 0.5), 0);
	assert_true(hist_mean(h) == 0);
	hist_add(h, 7);
	hist_clear(h);
	assert_int_equal(hist_quantile(h, 1), 0);
	assert_int_equal(h->max, 0);
}

static void test_times_past_the_end_count_and_keep_the_maximum(void **state)
{
	hist_add(h, HIST_MAX + 1);
	hist_add(h, UINT64_MAX / 4);
	assert_int_equal(h->bucket[HIST_BUCKETS - 1], 2);
	assert_int_equal(hist_quantile(h, 0.5), UINT64_MAX / 4);
}

static void test_merged_histogram_is_that_of_all_times(void **state)
{
	struct hist *other = calloc(2, sizeof(*other)), *all = other + 1;

	assert_non_null(other);
	for (uint64_t v = 1; v <= 1000; v++) {
		hist_add(v % 3 ? h : other, v * v);
		hist_add(all, v * v);
	}
	hist_merge(h, other);
	assert_memory_equal(h, all, sizeof(*h));
	free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_time_is_within_a_thousandth_of_its_bucket, make, drop),
		cmocka_unit_test_setup_teardown(test_buckets_leave_no_gap, make, drop),
		cmocka_unit_test_setup_teardown(test_quantiles_of_1_to_1000, make, drop),
		cmocka_unit_test_setup_teardown(test_one_long_time_shows_in_the_tail_only, make, drop),
		cmocka_unit_test_setup_teardown(test_empty_and_cleared, make, drop),
		cmocka_unit_test_setup_teardown(test_merged_histogram_is_that_of_all_times, make, drop),
		cmocka_unit_test_setup_teardown(test_times_past_the_end_count_and_keep_the_maximum, make, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
