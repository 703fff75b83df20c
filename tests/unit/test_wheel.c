// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_wheel.c - the timer wheel against a plain array of deadlines. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "engine/wheel.h"
#include "lib/hash.h"

#define NODES 500u

static struct wheel w;
static struct wheel_node node[NODES];
static const struct wheel_nodes nodes = { .first = node, .stride = sizeof(node[0]) };

static int setup(void **state)
{
	memset(&w, 0, sizeof(w));
	memset(node, 0, sizeof(node));
	return 0;
}

static void check(void)
{
	const char *why = wheel_check(&w, &nodes, NODES);

	if (why)
		fail_msg("%s", why);
}

static void test_wheel_empty_has_nothing(void **state)
{
	assert_true(wheel_next(&w) == WHEEL_NEVER);
	assert_int_equal(wheel_pop(&w, &nodes, 1000), 0);
	assert_true(w.now == 1000);
}

static void test_wheel_fires_at_its_tick_not_before(void **state)
{
	static const uint64_t ticks[] = { 1, 63, 64, 65, 4095, 4096, 262144, 1ull << 40, (1ull << 47) + 12345 };

	for (size_t i = 0; i < sizeof(ticks) / sizeof(ticks[0]); i++) {
		setup(state);
		w.now = 7;
		wheel_arm(&w, &nodes, 1, w.now + ticks[i]);
		assert_int_equal(wheel_pop(&w, &nodes, 7 + ticks[i] - 1), 0);
		check();
		assert_true(wheel_next(&w) <= 7 + ticks[i]);
		assert_int_equal(wheel_pop(&w, &nodes, 7 + ticks[i]), 1);
		assert_int_equal(w.count, 0);
	}
}

static void test_wheel_past_tick_becomes_next(void **state)
{
	w.now = 1000;
	wheel_arm(&w, &nodes, 3, 5);
	assert_true(node[2].tick == 1001);
	assert_int_equal(wheel_pop(&w, &nodes, 1001), 3);
}

static void test_wheel_cancel_removes(void **state)
{
	wheel_arm(&w, &nodes, 1, 100);
	wheel_arm(&w, &nodes, 2, 100);
	wheel_arm(&w, &nodes, 3, 100);
	wheel_cancel(&w, &nodes, 2);
	wheel_cancel(&w, &nodes, 2); /* harmless */
	check();
	assert_int_equal(w.count, 2);
	assert_true(wheel_pop(&w, &nodes, 100) && wheel_pop(&w, &nodes, 100) && !wheel_pop(&w, &nodes, 100));
}

/* What is armed must fire in the first pop at or past its tick, never earlier, whatever happens in between. */
static void test_wheel_random_agrees_with_model(void **state)
{
	uint64_t model[NODES] = { 0 }, rnd = 42, now = 123456789;
	uint32_t armed = 0;

	w.now = now;
	for (int step = 0; step < 20000; step++) {
		uint64_t r = hash_random(&rnd);
		uint32_t i = (uint32_t)(r >> 40) % NODES;

		if (r & 3) {
			if (model[i])
				wheel_cancel(&w, &nodes, i + 1);
			else
				armed++;
			model[i] = now + 1 + (hash_random(&rnd) >> (30 + r % 34));
			wheel_arm(&w, &nodes, i + 1, model[i]);
		} else {
			uint32_t ref;

			now += hash_random(&rnd) >> (40 + (r >> 8) % 24);
			while ((ref = wheel_pop(&w, &nodes, now))) {
				assert_true(model[ref - 1] && model[ref - 1] <= now);
				model[ref - 1] = 0;
				armed--;
			}
			for (uint32_t k = 0; k < NODES; k++)
				assert_true(!model[k] || model[k] > now);
		}
		assert_int_equal(w.count, armed);
		if (step % 100 == 0)
			check();
	}
}

static void test_wheel_next_is_a_lower_bound(void **state)
{
	uint64_t rnd = 7, least = WHEEL_NEVER;

	w.now = 99999;
	for (uint32_t i = 1; i <= 100; i++) {
		uint64_t tick = w.now + 1 + (hash_random(&rnd) >> 44);

		wheel_arm(&w, &nodes, i, tick);
		least = tick < least ? tick : least;
		assert_true(wheel_next(&w) <= least && wheel_next(&w) > w.now);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_wheel_empty_has_nothing, setup),
		cmocka_unit_test_setup(test_wheel_fires_at_its_tick_not_before, setup),
		cmocka_unit_test_setup(test_wheel_past_tick_becomes_next, setup),
		cmocka_unit_test_setup(test_wheel_cancel_removes, setup),
		cmocka_unit_test_setup(test_wheel_random_agrees_with_model, setup),
		cmocka_unit_test_setup(test_wheel_next_is_a_lower_bound, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
