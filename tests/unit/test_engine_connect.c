// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_engine_connect.c - engine/connect.c: active OPEN, its local port; a refused one leaves nothing behind. */
#include "engine_kit.h"

static int try_connect(const struct xtcp_addr *r, uint16_t rport, const struct xtcp_addr *l, uint16_t lport,
		       uint64_t *c)
{
	return engine_connect(eng(0), r, rport, l, lport, 0, c);
}

/* Refused, with these words; no slot, port or destination reference stays taken. */
static void refused(const struct xtcp_addr *r, uint16_t rport, const struct xtcp_addr *l, uint16_t lport, int err,
		    const char *words)
{
	uint32_t conns = eng(0)->r->conns.used, refs = eng(0)->r->port_refs;
	uint64_t c = 77;

	assert_int_equal(try_connect(r, rport, l, lport, &c), err);
	assert_int_equal(c, 77);
	if (!strstr(fail_text(), words))
		fail_msg("'%s' does not say '%s'", fail_text(), words);
	assert_int_equal(eng(0)->r->conns.used, conns);
	assert_int_equal(eng(0)->r->port_refs, refs);
	check_engines();
}

/* RFC 9293: MUST-44 */
static void test_connect_opens_with_syn_from_a_reserved_port(void **state)
{
	struct engine_event ev;
	uint64_t c;

	assert_int_equal(engine_connect(eng(0), kit_addr(1, 0), 80, NULL, 0, 1234, &c), 0);
	assert_int_equal(engine_conn(eng(0), c)->state, TCP_SYN_SENT);
	assert_int_equal(wire_swap16(engine_conn(eng(0), c)->lport), 40000);
	assert_int_equal(kp->side[0].reserved[0][40000], 1);
	assert_int_equal(kp->side[0].owned[40000], 1);
	assert_int_equal(kp->side[0].listening[40000], 0);
	kit_turn(0);
	assert_int_equal(kit_sent(0, 0)->tcp.flags, TCP_SYN);
	assert_int_equal(wire_swap16(kit_sent(0, 0)->tcp.dport), 80);
	pair_settle(kp); /* nobody listens */
	assert_int_equal(engine_events(eng(0), &ev, 1), 1);
	assert_int_equal(ev.user, 1234);
	assert_int_equal(ev.error, ECONNREFUSED);
}

/* RFC 9293: MUST-46 */
static void test_connect_to_what_is_no_peer_is_refused(void **state)
{
	static const char *const bad[] = { "0.0.0.0",	"::",	   "127.0.0.1",	     "::1",
					   "224.0.0.1", "ff02::1", "255.255.255.255" };

	for (size_t i = 0; i < 7; i++) {
		struct xtcp_addr a;

		assert_int_equal(addr_parse(bad[i], &a), 0);
		refused(&a, 80, NULL, 0, -EINVAL, "not a unicast address of another host");
	}
	refused(kit_addr(0, 1), 80, NULL, 0, -EINVAL, "not a unicast address of another host");
	refused(kit_addr(1, 0), 0, NULL, 0, -EINVAL, "port 0");
}

/* RFC 9293: MUST-43 */
static void test_connect_from_what_is_not_ours_is_refused(void **state)
{
	struct xtcp_addr a = addr_from_v4(htonl(0x0a090063));

	refused(kit_addr(1, 0), 80, &a, 0, -EADDRNOTAVAIL, "not of this interface");
	refused(kit_addr(1, 0), 80, kit_addr(0, 1), 0, -EINVAL, "another family");
	refused(kit_addr(1, 1), 80, kit_addr(0, 0), 0, -EINVAL, "another family");
}

static void test_connect_without_route_is_refused(void **state)
{
	struct xtcp_addr far = addr_from_v4(htonl(0x08080808));

	refused(&far, 80, NULL, 0, -ENETUNREACH, "cannot connect to 8.8.8.8: no route");
	assert_int_equal(eng(0)->r->dsts.used, 0);
}

/* The route was cached with a source address that has gone since. */
static void test_connect_route_source_gone_is_refused(void **state)
{
	uint64_t c = kit_connect(0, 80);

	engine_host_addr(eng(0), kit_addr(0, 0), 0, false);
	kit_turn(0);
	refused(kit_addr(1, 0), 80, NULL, 0, -EADDRNOTAVAIL, "not of this interface");
	engine_host_addr(eng(0), kit_addr(0, 0), 0, true);
	engine_close(eng(0), c);
	kit_connect(0, 80);
	kit_turn(0);
}

static void test_connect_unspecified_local_address_is_none(void **state)
{
	struct xtcp_addr any4 = addr_from_v4(0), any = { .d = { 0, 0 } };
	uint64_t c;

	assert_int_equal(try_connect(kit_addr(1, 0), 80, &any4, 0, &c), 0);
	assert_true(addr_eq(&engine_conn(eng(0), c)->laddr, kit_addr(0, 0)));
	assert_int_equal(try_connect(kit_addr(1, 1), 80, &any, 0, &c), 0);
	assert_true(addr_eq(&engine_conn(eng(0), c)->laddr, kit_addr(0, 1)));
	assert_int_equal(try_connect(kit_addr(1, 1), 80, kit_addr(0, 1), 0, &c), 0);
	assert_true(addr_eq(&engine_conn(eng(0), c)->laddr, kit_addr(0, 1)));
	check_engines();
}

static void test_connect_all_slots_in_use_is_refused(void **state)
{
	uint64_t c[64];

	for (int i = 0; i < 64; i++)
		assert_int_equal(try_connect(kit_addr(1, 0), (uint16_t)(80 + i), NULL, 0, &c[i]), 0);
	check_engines();
	refused(kit_addr(1, 0), 80, NULL, 0, -EMFILE, "max_conns");
	engine_abort(eng(0), c[10]);
	kit_turn(0);
	assert_int_equal(try_connect(kit_addr(1, 0), 80, NULL, 0, &c[10]), 0);
}

/* ---- ports ---- */

/* RFC 9293: MUST-45 */
static void test_connect_port_of_choice_serves_several_peers(void **state)
{
	uint64_t a, b, c;

	assert_int_equal(try_connect(kit_addr(1, 0), 80, NULL, 5000, &a), 0);
	assert_int_equal(try_connect(kit_addr(1, 0), 81, NULL, 5000, &b), 0);
	assert_int_equal(try_connect(kit_addr(1, 1), 80, NULL, 5000, &c), 0);
	refused(kit_addr(1, 0), 80, NULL, 5000, -EADDRINUSE, "10.9.0.1:5000");
	assert_int_equal(kp->side[0].owned[5000], 3);
	engine_abort(eng(0), a);
	kit_turn(0);
	assert_int_equal(kp->side[0].owned[5000], 3);
	engine_abort(eng(0), b);
	kit_turn(0);
	assert_int_equal(kp->side[0].owned[5000], 2);
	assert_int_equal(eng(0)->r->pool_ports, 0); /* a port of choice is not kept */
}

static void test_connect_port_of_a_local_program_is_refused(void **state)
{
	kp->side[0].reserved[0][5000] = 1;
	refused(kit_addr(1, 0), 80, NULL, 5000, -EADDRINUSE, "cannot connect from 10.9.0.1:5000");
	kp->side[0].reserved[0][5000] = 0;
}

static void test_connect_chosen_port_stays_in_the_pool(void **state)
{
	uint64_t c = kit_connect(0, 80);

	assert_int_equal(eng(0)->r->pool_ports, 1);
	engine_abort(eng(0), c);
	kit_turn(0);
	assert_int_equal(kp->side[0].owned[40000], 1);
	kit_connect(0, 80);
	assert_int_equal(kp->side[0].next_port, 40002); /* few are pooled: a new one */
	assert_int_equal(eng(0)->r->pool_ports, 2);
	check_engines();
}

static struct engine_conf conf;

static int many_setup(void **state)
{
	pair_conf(&conf);
	conf.max_conns = 512;
	return kit_open(&conf);
}

static void test_connect_large_pool_spares_the_host(void **state)
{
	uint64_t c[REGION_PORT_FRESH + 40];
	uint32_t used = 0;

	for (uint16_t i = 0; i < REGION_PORT_FRESH; i++)
		c[i] = kit_connect(0, 80);
	assert_int_equal(kp->side[0].next_port, 40000 + REGION_PORT_FRESH);
	for (uint16_t i = 0; i < 40; i++) /* other four-tuples */
		c[REGION_PORT_FRESH + i] = kit_connect(0, 81);
	assert_int_equal(kp->side[0].next_port, 40000 + REGION_PORT_FRESH);
	check_engines();
	for (uint32_t i = 0; i < REGION_PORT_FRESH; i++)
		used += port_use(eng(0), 0, (uint16_t)(40000 + i))->refs == 3;
	assert_int_equal(used, 40); /* each its own */
	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++)
		engine_abort(eng(0), c[i]);
	kit_turn(0);
	assert_int_equal(eng(0)->r->port_refs, REGION_PORT_FRESH);
}

/* Random among the pooled, so that a peer cannot guess (RFC 6056 3.3.2). */
static void test_connect_pooled_port_is_picked_at_random(void **state)
{
	uint32_t in_order = 0, last = 0;
	uint64_t c[REGION_PORT_FRESH];

	for (uint16_t i = 0; i < REGION_PORT_FRESH; i++)
		c[i] = kit_connect(0, 80);
	for (uint16_t i = 0; i < 60; i++) {
		uint32_t port;

		c[0] = kit_connect(0, (uint16_t)(1000 + i));
		port = wire_swap16(engine_conn(eng(0), c[0])->lport);
		in_order += port == last + 1 || port == last;
		last = port;
	}
	assert_in_range(in_order, 0, 12);
}

static void test_connect_host_out_of_ports_uses_every_pooled_one(void **state)
{
	uint64_t c;

	for (uint16_t i = 0; i < 10; i++)
		kit_connect(0, 80);
	kp->side[0].next_port = 40000; /* whatever the host would choose is taken */
	for (uint16_t i = 0; i < 10; i++) {
		kp->side[0].next_port = 40000;
		kit_connect(0, 81);
	}
	check_engines();
	kp->side[0].next_port = 40000;
	assert_int_equal(try_connect(kit_addr(1, 0), 81, NULL, 0, &c), -EAGAIN);
	assert_non_null(strstr(fail_text(), "no free local port"));
	check_engines();
}

/* A pooled port of one address is none of the other's. */
static void test_connect_pool_is_of_one_address(void **state)
{
	for (uint16_t i = 0; i < REGION_PORT_FRESH; i++)
		kit_connect(0, 80);
	for (uint16_t i = 0; i < 10; i++)
		kit_connect(1, 80);
	assert_int_equal(kp->side[0].next_port, 40000 + REGION_PORT_FRESH + 10);
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(kp->side[0].owned[40000 + REGION_PORT_FRESH + i], 2);
	check_engines();
}

#define MANY(f) cmocka_unit_test_setup_teardown(f, many_setup, kit_teardown)

static bool odd_ports(void *host, const struct xtcp_addr *l, const struct xtcp_addr *r, uint16_t lport, uint16_t rport)
{
	assert_true(addr_eq(l, kit_addr(0, 0)));
	assert_true(addr_eq(r, kit_addr(1, 0)));
	assert_int_equal(rport, wire_swap16(80));
	return wire_swap16(lport) & 1;
}

static bool no_port(void *host, const struct xtcp_addr *l, const struct xtcp_addr *r, uint16_t lport, uint16_t rport)
{
	return false;
}

/* With several engines the answers should come to this one's queue: of the ports only those that fit are used. */
static void test_connect_port_fits_the_queue(void **state)
{
	struct host_ops ops = *eng(0)->ops;

	ops.own_queue = odd_ports;
	eng(0)->ops = &ops;
	for (int i = 0; i < 40; i++) {
		uint64_t c;

		assert_int_equal(engine_connect(eng(0), kit_addr(1, 0), 80, NULL, 0, 0, &c), 0);
		assert_int_equal(wire_swap16(engine_conn(eng(0), c)->lport) & 1, 1);
	}
	ops.own_queue = no_port; /* none does: then any */
	for (int i = 0; i < 10; i++) {
		uint64_t c;

		assert_int_equal(engine_connect(eng(0), kit_addr(1, 0), 80, NULL, 0, 0, &c), 0);
	}
	assert_null(engine_check(eng(0)));
	engine_abort_all(eng(0));
	pair_settle(kp);
	port_pool_clear(eng(0), UINT64_MAX); /* with the ops that are about to go */
	eng(0)->ops = eng(1)->ops;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_connect_opens_with_syn_from_a_reserved_port),
		TEST(test_connect_to_what_is_no_peer_is_refused),
		TEST(test_connect_from_what_is_not_ours_is_refused),
		TEST(test_connect_without_route_is_refused),
		TEST(test_connect_route_source_gone_is_refused),
		TEST(test_connect_unspecified_local_address_is_none),
		TEST(test_connect_all_slots_in_use_is_refused),
		TEST(test_connect_port_of_choice_serves_several_peers),
		TEST(test_connect_port_of_a_local_program_is_refused),
		TEST(test_connect_chosen_port_stays_in_the_pool),
		MANY(test_connect_large_pool_spares_the_host),
		MANY(test_connect_pooled_port_is_picked_at_random),
		MANY(test_connect_host_out_of_ports_uses_every_pooled_one),
		MANY(test_connect_pool_is_of_one_address),
		TEST(test_connect_port_fits_the_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
