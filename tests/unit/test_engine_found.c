// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_engine_found.c - what tests/fuzz/fuzz_frames.c found in the engine, as small as it gets. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include "engine_pair.h"

static struct pair *p;

static int setup(void **state)
{
	p = calloc(1, sizeof(*p));
	pair_open(p, NULL);
	return 0;
}

static int teardown(void **state)
{
	pair_close(p);
	free(p);
	return 0;
}

/* The RST that is owed to a peer who came late cannot be sent. */
static void test_found_connection_opened_after_link_is_gone_is_freed(void **state)
{
	struct engine_counts n;
	uint64_t l, c;

	assert_int_equal(engine_listen(p->side[1].e, NULL, 80, 0, 0, &l), 0);
	engine_link_gone(p->side[1].e);
	assert_int_equal(engine_connect(p->side[0].e, &p->side[1].addr[0], 80, NULL, 0, 0, &c), 0);
	engine_turn(p->side[0].e, p->now);
	assert_int_equal(engine_turn(p->side[1].e, p->now), -ENODEV);
	engine_counts(p->side[1].e, &n);
	assert_int_equal(n.conns, 1);
	assert_int_equal(engine_listen_close(p->side[1].e, l), 0);
	engine_turn(p->side[1].e, p->now);
	assert_null(engine_check(p->side[1].e));
	engine_counts(p->side[1].e, &n);
	assert_int_equal(n.conns, 0);
}

/* The last thing to send took the last room, and its connection is gone: nobody is held up. */
static void test_found_last_room_taken_by_last_segment_blocks_nobody(void **state)
{
	struct simport *port = &p->side[0].port;
	uint64_t l, c;

	assert_int_equal(engine_listen(p->side[1].e, NULL, 80, 0, 0, &l), 0);
	assert_int_equal(engine_connect(p->side[0].e, &p->side[1].addr[0], 80, NULL, 0, 0, &c), 0);
	pair_settle(p);
	pair_turn(p);
	pair_turn(p);
	port->tx_max = port->tx_out + IO_MAX_FRAGS;
	assert_int_equal(engine_abort(p->side[0].e, c), 0);
	pair_turn(p);
	assert_int_equal(engine_stats(p->side[0].e)[XTCP_USER_tx_ring_full], 1);
	assert_true(engine_deadline(p->side[0].e) > p->now + 100000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_found_connection_opened_after_link_is_gone_is_freed, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_found_last_room_taken_by_last_segment_blocks_nobody, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
