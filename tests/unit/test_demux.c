// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_demux.c - the hash of connections: insertion, deletion with backward shift, collisions; flow snapshots. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "engine/private.h"
#include "engine_pair.h"
#include "xtcp/flow.h"

static struct engine *e;

static int setup(void **state)
{
	struct engine_conf conf;

	pair_conf(&conf);
	return engine_create(&e, &conf);
}

static int teardown(void **state)
{
	for (uint32_t ref = 1; ref <= e->r->conns.fresh; ref++) /* their ports were never taken */
		conn_at(e, ref)->life = 0;
	engine_destroy(e);
	return 0;
}

/* A connection with a four-tuple of its own and a hash of the test's choice. */
static uint32_t add(uint16_t n, uint32_t hash)
{
	uint32_t ref = conn_new(e);
	struct conn *c = conn_at(e, ref);

	c->tcp.laddr.b[15] = 1;
	c->tcp.raddr.b[15] = 2;
	c->tcp.lport = 80;
	c->tcp.rport = n;
	c->hash = hash;
	c->life |= CONN_HASHED;
	demux_insert(e, hash, ref);
	return ref;
}

static uint32_t find(uint16_t n, uint32_t hash)
{
	struct xtcp_addr l = { .b = { [15] = 1 } }, r = { .b = { [15] = 2 } };

	return demux_find(e, hash, &l, &r, 80, n);
}

static void take_out(uint32_t ref)
{
	demux_remove(e, conn_at(e, ref)->hash, ref);
	conn_at(e, ref)->life &= ~(uint32_t)CONN_HASHED;
}

static void test_demux_finds_what_was_inserted_and_nothing_else(void **state)
{
	uint32_t a = add(1, 100), b = add(2, 100), c = add(3, 101);

	assert_int_equal(find(1, 100), a);
	assert_int_equal(find(2, 100), b);
	assert_int_equal(find(3, 101), c);
	assert_int_equal(find(4, 100), 0);
	assert_int_equal(find(1, 101), 0);
	assert_null(demux_check(e));
}

static void test_demux_removal_closes_the_gap(void **state)
{
	uint32_t a = add(1, 5), b = add(2, 5), c = add(3, 6), d = add(4, 5);

	take_out(a);
	assert_null(demux_check(e));
	assert_int_equal(find(2, 5), b);
	assert_int_equal(find(3, 6), c);
	assert_int_equal(find(4, 5), d);
	take_out(c);
	assert_int_equal(find(4, 5), d);
	assert_null(demux_check(e));
}

static void test_demux_wraps_at_the_end(void **state)
{
	uint32_t last = e->r->demux_mask, a = add(1, last), b = add(2, last), c = add(3, 0);

	assert_int_equal(find(2, last), b);
	take_out(a);
	assert_int_equal(find(2, last), b);
	assert_int_equal(find(3, 0), c);
	assert_null(demux_check(e));
}

static void test_demux_random_churn_keeps_its_invariant(void **state)
{
	uint32_t ref[60] = { 0 };
	uint64_t rnd = 3;

	for (uint16_t i = 0; i < 60; i++)
		ref[i] = add(i, (uint32_t)(hash_random(&rnd) >> 60)); /* sixteen homes: long runs */
	for (int step = 0; step < 5000; step++) {
		uint32_t i = (uint32_t)(hash_random(&rnd) >> 32) % 60;
		struct conn *c = conn_at(e, ref[i]);

		if (c->life & CONN_HASHED) {
			take_out(ref[i]);
			assert_int_equal(find((uint16_t)i, c->hash), 0);
		} else {
			c->life |= CONN_HASHED;
			demux_insert(e, c->hash, ref[i]);
		}
		assert_null(demux_check(e));
	}
}

static void test_demux_flow_snapshots_come_and_go(void **state)
{
	struct xtcp_flow *flows = calloc(XTCP_FLOWS, sizeof(*flows));
	uint32_t ref = add(9, 77), at;
	const struct tcp_conn *t = &conn_at(e, ref)->tcp;

	engine_set_flows(e, flows, 0x1234);
	at = xtcp_flow_hash(&t->laddr, &t->raddr, t->lport, t->rport, 0x1234) & (XTCP_FLOWS - 1);
	flows[at].conn = 999; /* somebody is there already */
	conn_flow_add(e, ref);
	at = (at + 1) & (XTCP_FLOWS - 1);
	assert_int_equal(flows[at].conn, ref);
	assert_int_equal(flows[at].remote_port, 9);
	assert_memory_equal(&flows[at].remote, &t->raddr, 16);
	conn_flow_erase(e, ref);
	assert_int_equal(flows[at].conn, 0);
	free(flows);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_demux_finds_what_was_inserted_and_nothing_else),
		TEST(test_demux_removal_closes_the_gap),
		TEST(test_demux_wraps_at_the_end),
		TEST(test_demux_random_churn_keeps_its_invariant),
		TEST(test_demux_flow_snapshots_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
