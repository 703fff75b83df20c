// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_engine_ao_keys.c - engine/ao_keys.c: TCP-AO's keys (RFC 5925 3.1): which fits, which may be there, which may go. */
#include "engine_kit.h"

#include "engine/ao.h"

static struct ao_mkt key(const char *addr, uint8_t bits, uint8_t send_id, uint8_t recv_id)
{
	struct ao_mkt k = { .bits = bits, .send_id = send_id, .recv_id = recv_id, .len = 1, .key = "k" };

	assert_int_equal(addr_parse(addr, &k.addr), 0);
	return k;
}

static int add(const char *addr, uint8_t bits, uint8_t send_id, uint8_t recv_id)
{
	struct ao_mkt k = key(addr, bits, send_id, recv_id);

	return engine_ao_key(eng(0), &k);
}

static int drop(const char *addr, uint8_t bits, uint8_t send_id, uint8_t recv_id)
{
	struct ao_mkt k = key(addr, bits, send_id, recv_id);

	k.len = 0;
	return engine_ao_key(eng(0), &k);
}

/* SendID of the key for a connection to addr, or -1. */
static int found(const char *addr, uint16_t lport, uint16_t rport, int send_id, int recv_id)
{
	struct xtcp_addr to;
	struct ao_ends ends = { .laddr = kit_addr(0, 0), .raddr = &to, .lport = lport, .rport = rport };
	const struct ao_mkt *m;

	assert_int_equal(addr_parse(addr, &to), 0);
	m = ao_mkt_find(eng(0), &ends, send_id, recv_id);
	return m ? m->send_id : -1;
}

static void test_ao_keys_longest_prefix_then_oldest(void **state)
{
	assert_int_equal(add("10.0.0.0", 96 + 8, 1, 1), 0);
	assert_int_equal(add("10.1.2.0", 96 + 23, 2, 2), 0);
	assert_int_equal(add("10.1.2.0", 96 + 23, 3, 3), 0);
	assert_int_equal(add("fd09::", 16, 4, 4), 0);
	assert_int_equal(found("10.1.3.255", 1, 2, AO_ANY, AO_ANY), 2);
	assert_int_equal(found("10.1.4.0", 1, 2, AO_ANY, AO_ANY), 1);
	assert_int_equal(found("fd09::1", 1, 2, AO_ANY, AO_ANY), 4);
	assert_int_equal(found("11.0.0.1", 1, 2, AO_ANY, AO_ANY), -1);
	assert_int_equal(found("fd08::1", 1, 2, AO_ANY, AO_ANY), -1);
	assert_int_equal(found("10.1.3.1", 1, 2, 3, AO_ANY), 3);
	assert_int_equal(found("10.1.3.1", 1, 2, 1, AO_ANY), 1); /* a wider one by its ID */
	assert_int_equal(found("10.1.3.1", 1, 2, AO_ANY, 1), 1);
	assert_int_equal(found("10.1.3.1", 1, 2, AO_ANY, 4), -1);
	assert_int_equal(drop("10.1.2.0", 96 + 23, 2, 2), 0);
	assert_int_equal(found("10.1.3.1", 1, 2, AO_ANY, AO_ANY), 3);
	assert_int_equal(drop("10.1.2.0", 96 + 23, 2, 2), -ENOENT);
}

static void test_ao_keys_by_ports(void **state)
{
	struct ao_mkt k = key("10.0.0.1", 128, 1, 1);

	k.lport = 179;
	assert_int_equal(engine_ao_key(eng(0), &k), 0);
	k = key("10.0.0.1", 128, 1, 1);
	k.rport = 179;
	assert_int_equal(engine_ao_key(eng(0), &k), -EEXIST); /* from 179 to 179 both fit */
	k.send_id = k.recv_id = 2;
	assert_int_equal(engine_ao_key(eng(0), &k), 0);
	k.lport = 80;
	k.rport = 0;
	k.send_id = k.recv_id = 1;
	assert_int_equal(engine_ao_key(eng(0), &k), 0); /* never with the first */
	assert_int_equal(found("10.0.0.1", 179, 5000, AO_ANY, AO_ANY), 1);
	assert_int_equal(found("10.0.0.1", 5000, 179, AO_ANY, AO_ANY), 2);
	assert_int_equal(found("10.0.0.1", 5000, 80, AO_ANY, AO_ANY), -1);
	assert_int_equal(found("10.0.0.1", 80, 80, AO_ANY, AO_ANY), 1);
}

/* RFC 5925 3.1: IDs must not overlap where identifiers of connections do. */
static void test_ao_keys_ids_do_not_overlap(void **state)
{
	assert_int_equal(add("10.0.0.0", 96 + 8, 1, 2), 0);
	assert_int_equal(add("10.9.0.0", 96 + 16, 1, 3), -EEXIST); /* SendID */
	assert_int_equal(add("10.9.0.0", 96 + 16, 3, 2), -EEXIST); /* RecvID */
	assert_int_equal(add("0.0.0.0", 96, 1, 3), -EEXIST);
	assert_int_equal(add("::", 0, 3, 2), -EEXIST);
	assert_int_equal(add("10.0.0.0", 96 + 8, 1, 2), -EEXIST);
	assert_int_equal(add("10.9.0.0", 96 + 16, 2, 1), 0);
	assert_int_equal(add("11.0.0.0", 96 + 8, 1, 2), 0);
	assert_int_equal(eng(0)->r->ao_keys, 3);
}

static void test_ao_keys_are_bounded(void **state)
{
	for (uint32_t i = 0; i < REGION_AO_KEYS; i++)
		assert_int_equal(add("10.0.0.0", 96 + 8, (uint8_t)i, (uint8_t)(255 - i)), 0);
	assert_int_equal(add("11.0.0.0", 96 + 8, 0, 0), -ENOSPC);
	assert_int_equal(drop("10.0.0.0", 96 + 8, 9, 255 - 9), 0);
	assert_int_equal(add("11.0.0.0", 96 + 8, 0, 0), 0);
	assert_int_equal(found("10.0.0.1", 1, 2, 10, AO_ANY), 10);
	assert_int_equal(found("10.0.0.1", 1, 2, 9, AO_ANY), -1);
}

static void pair_of_keys(uint8_t id)
{
	for (int side = 0; side < 2; side++) {
		struct ao_mkt k = { .addr = *kit_addr(!side, 0), .bits = 128, .send_id = id, .recv_id = id };

		k.len = 1;
		k.key[0] = id;
		assert_int_equal(engine_ao_key(eng(side), &k), 0);
	}
}

static int take_away(int side, uint8_t id)
{
	struct ao_mkt k = { .addr = *kit_addr(!side, 0), .bits = 128, .send_id = id, .recv_id = id };

	return engine_ao_key(eng(side), &k);
}

static void test_ao_key_in_use_stays(void **state)
{
	uint64_t l = kit_listen(80), c, s, at = 0;

	pair_of_keys(1);
	pair_of_keys(2);
	kit_join(0, 80, l, &c, &s);
	assert_int_equal(take_away(0, 1), -EBUSY);
	assert_int_equal(engine_ao_select(eng(0), c, 2, AO_ANY), 0);
	kit_send(0, c, 100); /* side 1 has both now */
	pair_settle(kp);
	assert_int_equal(engine_ao_conn(eng(1), s)->got_key_id, 2);
	assert_int_equal(take_away(1, 2), 0); /* neither its current_key nor its rnext_key */
	assert_int_equal(engine_ao_select(eng(0), c, 2, AO_ANY), 0);
	kit_send(0, c, 100);
	pair_settle(kp);
	assert_true(stat_of(1, in_ao_key_unknown) > 0); /* and forgotten at once */
	assert_int_equal(engine_ao_select(eng(0), c, 1, AO_ANY), 0);
	pair_sleep(kp, 2 * SECOND);
	kit_receive(1, s, &at);
	assert_int_equal(at, 200);
	engine_abort(eng(0), c);
	pair_settle(kp);
	assert_int_equal(take_away(0, 1), 0);
	assert_int_equal(take_away(1, 1), 0); /* its connection is closed, though its handle is held */
	assert_int_equal(eng(1)->r->ao_keys, 0);
	engine_abort(eng(1), s);
	check_engines();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ao_keys_longest_prefix_then_oldest),
		TEST(test_ao_keys_by_ports),
		TEST(test_ao_keys_ids_do_not_overlap),
		TEST(test_ao_keys_are_bounded),
		TEST(test_ao_key_in_use_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
