// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_engine_ports.c - engine/ports.c: our addresses, references to ports, what the host and the XDP half are told. */
#include "engine_kit.h"

static const struct pair_side *side(void)
{
	return &kp->side[0];
}

static void test_ports_addr_index_knows_only_ours(void **state)
{
	struct xtcp_addr none = { .d = { 0, 0 } };

	assert_int_equal(addr_index(eng(0), kit_addr(0, 0)), 0);
	assert_int_equal(addr_index(eng(0), kit_addr(0, 1)), 1);
	assert_int_equal(addr_index(eng(0), kit_addr(1, 0)), -1);
	assert_int_equal(addr_index(eng(0), &none), -1); /* what unused entries hold */
	engine_host_addr(eng(0), kit_addr(1, 0), 63, true);
	assert_int_equal(addr_index(eng(0), kit_addr(1, 0)), 63);
	engine_host_addr(eng(0), kit_addr(1, 0), 63, false);
	assert_int_equal(addr_index(eng(0), kit_addr(1, 0)), -1);
	engine_host_addr(eng(0), kit_addr(1, 0), 64, true); /* past the masks */
	assert_int_equal(addr_index(eng(0), kit_addr(1, 0)), -1);
}

static void test_ports_first_reference_reserves_and_last_releases(void **state)
{
	assert_int_equal(port_take(eng(0), 0, 500), 0);
	assert_int_equal(side()->reserved[0][500], 1);
	assert_int_equal(side()->owned[500], 1);
	assert_int_equal(side()->listening[500], 0);
	assert_int_equal(port_take(eng(0), 0, 500), 0); /* the host asserts that it is asked once */
	port_give(eng(0), 0, 500);
	assert_int_equal(side()->reserved[0][500], 1);
	assert_int_equal(side()->owned[500], 1);
	port_give(eng(0), 0, 500);
	assert_int_equal(side()->reserved[0][500], 0);
	assert_int_equal(side()->owned[500], 0);
	assert_int_equal(eng(0)->r->port_refs, 0);
	check_engines();
}

static void test_ports_addresses_are_counted_apart(void **state)
{
	assert_int_equal(port_take(eng(0), 0, 500), 0);
	assert_int_equal(port_take(eng(0), 1, 500), 0);
	assert_int_equal(side()->owned[500], 3);
	port_give(eng(0), 0, 500);
	assert_int_equal(side()->owned[500], 2);
	assert_int_equal(side()->reserved[0][500], 0);
	assert_int_equal(side()->reserved[1][500], 1);
	port_give(eng(0), 1, 500);
	assert_int_equal(side()->owned[500], 0);
}

static void test_ports_taken_by_a_local_program_is_refused(void **state)
{
	kp->side[0].reserved[0][500] = 1;
	assert_int_equal(port_take(eng(0), 0, 500), -EADDRINUSE);
	assert_int_equal(side()->owned[500], 0);
	assert_int_equal(port_use(eng(0), 0, 500)->refs, 0);
	kp->side[0].reserved[0][500] = 0;
	assert_int_equal(port_take(eng(0), 0, 500), 0);
	port_give(eng(0), 0, 500);
}

static void test_ports_any_is_the_hosts_choice(void **state)
{
	int a = port_take_any(eng(0), 0), b = port_take_any(eng(0), 0);

	assert_int_equal(a, 40000);
	assert_int_equal(b, 40001);
	assert_int_equal(port_use(eng(0), 0, 40000)->refs, 1);
	assert_int_equal(side()->owned[40001], 1);
	kp->side[0].next_port = 40000;
	assert_int_equal(port_take_any(eng(0), 0), -EADDRINUSE);
	port_give(eng(0), 0, 40000);
	port_give(eng(0), 0, 40001);
	check_engines();
}

static void test_ports_without_host_are_refused(void **state)
{
	const struct host_ops *ops = eng(0)->ops;

	eng(0)->ops = NULL;
	assert_int_equal(port_take(eng(0), 0, 500), -ENODEV);
	assert_int_equal(port_take_any(eng(0), 0), -ENODEV);
	assert_int_equal(eng(0)->r->port_refs, 0);
	eng(0)->ops = ops;
}

static void test_ports_listening_bit_follows_the_listeners(void **state)
{
	assert_int_equal(port_take(eng(0), 0, 500), 0);
	port_listen(eng(0), 0, 500, 1);
	port_listen(eng(0), 0, 500, 1); /* an exact one and a wildcard */
	assert_int_equal(side()->listening[500], 1);
	port_listen(eng(0), 0, 500, -1);
	assert_int_equal(side()->listening[500], 1);
	port_listen(eng(0), 0, 500, -1);
	assert_int_equal(side()->listening[500], 0);
	assert_int_equal(side()->owned[500], 1);
	port_give(eng(0), 0, 500);
}

static void test_ports_pool_holds_one_reference_each(void **state)
{
	int port = port_take_any(eng(0), 0);

	port_pool_add(eng(0), 0, (uint16_t)port);
	port_pool_add(eng(0), 0, (uint16_t)port); /* once is enough */
	assert_int_equal(port_use(eng(0), 0, (uint16_t)port)->refs, 2);
	assert_int_equal(eng(0)->r->pool_ports, 1);
	port_give(eng(0), 0, (uint16_t)port);
	assert_int_equal(side()->reserved[0][port], 1);
	check_engines();
	port_pool_clear(eng(0), 1);
	assert_int_equal(side()->reserved[0][port], 0);
	assert_int_equal(eng(0)->r->pool_ports, 0);
	check_engines();
}

static void test_ports_pool_clear_spares_other_addresses(void **state)
{
	for (uint32_t i = 0; i < 20; i++) {
		int port = port_take_any(eng(0), i % 2);

		port_pool_add(eng(0), i % 2, (uint16_t)port);
		port_give(eng(0), i % 2, (uint16_t)port);
	}
	port_pool_clear(eng(0), 1);
	assert_int_equal(eng(0)->r->pool_ports, 10);
	assert_int_equal(eng(0)->r->port_pool[0].count, 0);
	assert_int_equal(eng(0)->r->port_pool[1].count, 10);
	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(side()->owned[40000 + i], i % 2 ? 2 : 0);
	check_engines();
	engine_host_addr(eng(0), kit_addr(0, 1), 1, false); /* an address that goes takes its ports along */
	assert_int_equal(eng(0)->r->pool_ports, 0);
	check_engines();
}

/* Blocks that one address gives back serve it again, or the others. */
static void test_ports_pool_blocks_come_back(void **state)
{
	for (int round = 0; round < 80; round++) { /* more blocks in all than there are */
		for (uint32_t i = 1; i <= 2 * (REGION_PORT_BLOCK + 50); i++) {
			if (round && i % 2)
				continue; /* address 1 keeps what it has */
			assert_int_equal(port_take(eng(0), i % 2, (uint16_t)i), 0);
			port_pool_add(eng(0), i % 2, (uint16_t)i);
			port_give(eng(0), i % 2, (uint16_t)i);
		}
		assert_int_equal(eng(0)->r->pool_ports, 2 * (REGION_PORT_BLOCK + 50));
		for (uint32_t i = 0; i < REGION_PORT_BLOCK + 50; i++)
			assert_int_equal(*port_pooled(eng(0)->r, 1, i), 2 * i + 1);
		check_engines();
		port_pool_clear(eng(0), 1);
		assert_int_equal(eng(0)->r->pool_ports, REGION_PORT_BLOCK + 50);
	}
}

static void test_ports_pool_full_keeps_no_more(void **state)
{
	for (uint32_t port = 1; port <= REGION_PORT_POOL + 2; port++) {
		assert_int_equal(port_take(eng(0), 0, (uint16_t)port), 0);
		port_pool_add(eng(0), 0, (uint16_t)port);
		port_give(eng(0), 0, (uint16_t)port);
	}
	assert_int_equal(eng(0)->r->pool_ports, REGION_PORT_POOL);
	assert_int_equal(side()->reserved[0][REGION_PORT_POOL], 1);
	assert_int_equal(side()->reserved[0][REGION_PORT_POOL + 1], 0);
	check_engines();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ports_addr_index_knows_only_ours),
		TEST(test_ports_first_reference_reserves_and_last_releases),
		TEST(test_ports_addresses_are_counted_apart),
		TEST(test_ports_taken_by_a_local_program_is_refused),
		TEST(test_ports_any_is_the_hosts_choice),
		TEST(test_ports_without_host_are_refused),
		TEST(test_ports_listening_bit_follows_the_listeners),
		TEST(test_ports_pool_holds_one_reference_each),
		TEST(test_ports_pool_clear_spares_other_addresses),
		TEST(test_ports_pool_blocks_come_back),
		TEST(test_ports_pool_full_keeps_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
