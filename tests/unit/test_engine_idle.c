// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_engine_idle.c - what a connection costs that is open and does nothing: memory, and no time at all. */
#include <sys/stat.h>
#include "engine_kit.h"

#define CONNS 4000u
#define WARM 1000u     /* connections after which all that does not grow with them has been touched */
#define BYTES_MAX 700u /* of one connection in its engine's region, all tables included */

static int setup(void **state)
{
	struct engine_conf conf;

	(void)state;
	pair_conf(&conf);
	conf.max_conns = CONNS;
	conf.syn_queue = 256;
	return kit_open(&conf);
}

static uint64_t region_bytes(int side)
{
	struct stat st;

	assert_int_equal(fstat(engine_region_fd(eng(side)), &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

static void open_some(uint64_t l, uint32_t count)
{
	uint64_t c[CONNS], s;

	for (uint32_t n = 0; n < count;) {
		for (int i = 0; i < 100; i++)
			c[n++] = kit_connect(0, 80);
		for (int i = 0; i < 4; i++) {
			assert_true(engine_turn(eng(0), kp->now) >= 0);
			assert_true(engine_turn(eng(1), kp->now += 1000) >= 0);
			kp->now += 1000;
		}
		while (!engine_accept(eng(1), l, &s))
			assert_int_equal(engine_conn(eng(1), s)->state, TCP_ESTABLISHED);
	}
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(engine_conn(eng(0), c[i])->state, TCP_ESTABLISHED);
}

static void test_idle_connection_takes_few_bytes_and_no_timer(void **state)
{
	struct engine_event ev[64];
	uint64_t l = kit_listen(80), before[2];

	(void)state;
	open_some(l, WARM);
	for (int i = 0; i < 2; i++)
		before[i] = region_bytes(i);
	open_some(l, CONNS - WARM);
	for (int i = 0; i < 2; i++) {
		uint64_t each = (region_bytes(i) - before[i]) / (CONNS - WARM);

		if (each > BYTES_MAX)
			fail_msg("side %d: an idle connection takes %llu bytes", i, (unsigned long long)each);
		while (engine_events(eng(i), ev, 64))
			;
	}
	pair_sleep(kp, 3 * SECOND);
	assert_true(engine_deadline(eng(0)) == TCP_NEVER);
	assert_true(engine_deadline(eng(1)) == TCP_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_idle_connection_takes_few_bytes_and_no_timer, setup, kit_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
