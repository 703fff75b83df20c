// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_engine_handover.c - two engines with one address: what arrives at the wrong one gets where it belongs. */
#include "engine_kit.h"
#include "xtcp/flow.h"

static struct pair_side sister; /* of side 1; her addresses are the same */
static struct sisters *group;
static struct xtcp_flow *flows;
static bool to_sister;	/* where side 0's frames arrive */
static bool with_hints; /* as the XDP half would give them */

/* As bpf/flow.h. */
static uint32_t flow_find(const uint8_t *data, uint32_t len)
{
	struct wire_ip ip = { 0 };
	struct wire_tcp tcp = { 0 };
	uint32_t h;

	assert_int_equal(wire_parse_ip(data, data + len, len, &ip), WIRE_OK);
	assert_int_equal(wire_parse_tcp(data, data + len, &ip, &tcp), WIRE_OK);
	h = xtcp_flow_hash(&ip.daddr, &ip.saddr, tcp.dport, tcp.sport, 5);
	for (uint32_t i = 0; i < XTCP_FLOW_PROBES; i++) {
		const struct xtcp_flow *f = &flows[(h + i) & (XTCP_FLOWS - 1)];

		if (f->conn & XTCP_FLOW_CONN && f->local_port == tcp.dport && f->remote_port == tcp.sport)
			return f->conn;
	}
	return 0;
}

static void carry_to_one(void *arg, uint8_t *data, uint32_t len)
{
	struct xtcp_meta meta = { .magic = XTCP_META_MAGIC };

	if (with_hints)
		meta.conn_hint = flow_find(data, len);
	simport_deliver(to_sister ? &sister.port : &kp->side[1].port, data, len, with_hints ? &meta : NULL);
}

static void carry_back(void *arg, uint8_t *data, uint32_t len)
{
	simport_deliver(&kp->side[0].port, data, len, NULL);
}

static void carry_nowhere(void *arg, uint8_t *data, uint32_t len)
{
}

static int setup(void **state)
{
	struct engine_conf conf;

	pair_conf(&conf);
	conf.seed[3] ^= 99;
	if (kit_open(&conf))
		return -1;
	flows = calloc(XTCP_FLOWS, sizeof(*flows));
	group = sisters_new();
	memset(&sister, 0, sizeof(sister));
	sister.p = kp;
	sister.index = 1;
	sister.next_port = 50000;
	if (!flows || !group || engine_create(&sister.e, &conf))
		return -1;
	simport_open(&sister.port, engine_frames(sister.e), engine_area(sister.e), 1500, 512, 256);
	sister.port.send = carry_back;
	engine_set_sisters(eng(1), group, (uint32_t)sisters_sit(group));
	engine_set_sisters(sister.e, group, (uint32_t)sisters_sit(group));
	engine_attach(sister.e, &sister.port.port, eng(1)->ops, &sister);
	memcpy(sister.addr, kp->side[1].addr, sizeof(sister.addr));
	engine_host_link(sister.e, kp->side[1].mac, 1500, true);
	for (uint32_t i = 0; i < 2; i++)
		engine_host_addr(sister.e, kit_addr(1, (int)i), i, true);
	engine_set_flows(eng(1), flows, 5);
	engine_set_flows(sister.e, flows, 5);
	kp->side[0].port.send = carry_to_one;
	to_sister = with_hints = false;
	return 0;
}

static int teardown(void **state)
{
	uint32_t left = 0;

	assert_int_equal(sister.port.bad, 0);
	engine_attach(sister.e, NULL, NULL, NULL);
	assert_int_equal(sister.port.port.ops->lost(&sister.port.port), 0);
	engine_destroy(sister.e);
	sisters_leave(group, 1);
	if (kit_teardown(state))
		return -1;
	assert_true(sisters_leave(group, 0));
	for (uint32_t i = 0; i < XTCP_FLOWS; i++)
		left += flows[i].conn;
	assert_int_equal(left, 0);
	free(flows);
	return 0;
}

/* Until all three are quiet. */
static void settle(void)
{
	for (int i = 0; i < 50; i++) {
		pair_turn(kp);
		assert_true(engine_turn(sister.e, kp->now) >= 0);
		assert_null(engine_check(sister.e));
		kp->now += 10000;
	}
}

#define her(name) (engine_stats(sister.e)[XTCP_USER_##name])

static uint64_t sister_listen(uint16_t port)
{
	static const struct xtcp_addr any;
	uint64_t l;

	assert_int_equal(engine_listen(sister.e, &any, port, 0, 0, &l), 0);
	return l;
}

static void test_handover_syn_stays_where_it_arrives(void **state)
{
	uint64_t l = kit_listen(80), l2 = sister_listen(80), s;

	to_sister = true;
	kit_connect(0, 80);
	settle();
	assert_int_equal(engine_accept(eng(1), l, &s), -EAGAIN);
	assert_int_equal(engine_accept(sister.e, l2, &s), 0);
	to_sister = false;
	kit_connect(1, 80);
	settle();
	assert_int_equal(engine_accept(eng(1), l, &s), 0);
	assert_int_equal(her(out_handed_over) + stat_of(1, out_handed_over), 0);
}

/* Her side of the world: the connection is hers, all that the peer sends arrives at the other. */
static void wrong_queue(void)
{
	uint64_t l = kit_listen(80), c, s, at = 0;

	to_sister = false;
	c = kit_connect(0, 80);
	settle();
	assert_int_equal(engine_accept(eng(1), l, &s), 0);
	to_sister = true;
	for (int i = 0; i < 10; i++) {
		kit_send(0, c, 3000);
		settle();
		kit_receive(1, s, &at);
	}
	assert_int_equal(at, 30000);
	assert_true(her(out_handed_over) >= 20);
	assert_int_equal(stat_of(1, in_handed_over), her(out_handed_over));
	engine_close(eng(1), s);
	settle();
	engine_close(eng(0), c); /* its FIN too, and the ACK to it comes from TIME-WAIT's owner */
	settle();
	assert_int_equal(eng(1)->r->tws.used, 1);
	assert_int_equal(her(out_rsts) + stat_of(1, out_rsts) + stat_of(0, out_rsts), 0);
	assert_int_equal(stat_of(0, in_no_conn_rst), 0);
}

static void test_handover_by_hint(void **state)
{
	with_hints = true;
	wrong_queue();
	assert_int_equal(her(in_segs), 0); /* they did not come so far */
}

static void test_handover_without_hint_goes_round(void **state)
{
	wrong_queue();
}

static void test_handover_each_way_at_once(void **state)
{
	uint64_t l = kit_listen(80), l2 = sister_listen(80), c[2], s[2], n;

	with_hints = true;
	c[0] = kit_connect(0, 80);
	settle();
	to_sister = true;
	c[1] = kit_connect(0, 80);
	settle();
	assert_int_equal(engine_accept(eng(1), l, &s[0]), 0);
	assert_int_equal(engine_accept(sister.e, l2, &s[1]), 0);
	for (int i = 0; i < 20; i++) {
		to_sister = i & 1;
		for (int k = 0; k < 2; k++)
			kit_send(0, c[k], 1000);
		settle();
	}
	n = tcp_cold_peek(engine_conn(eng(1), s[0]))->account.bytes_received;
	assert_int_equal(n, 20000);
	n = tcp_cold_peek(engine_conn(sister.e, s[1]))->account.bytes_received;
	assert_int_equal(n, 20000);
	assert_true(her(in_handed_over) >= 10);
	assert_true(stat_of(1, in_handed_over) >= 10);
	assert_int_equal(her(out_rsts) + stat_of(1, out_rsts), 0);
}

/* A SYN-ACK that was lost: the SYN comes again, at the other queue. One connection, not two. */
static void test_handover_syn_again_at_the_other_queue(void **state)
{
	uint64_t l = kit_listen(80), l2 = sister_listen(80), s, c;

	with_hints = true;
	kp->side[1].port.send = carry_nowhere;
	c = kit_connect(0, 80);
	pair_turn(kp);
	kp->side[1].port.send = carry_back;
	to_sister = true;
	pair_sleep(kp, 3 * SECOND / 2);
	settle();
	settle();
	assert_int_equal(engine_conn(eng(0), c)->state, TCP_ESTABLISHED);
	assert_int_equal(engine_accept(sister.e, l2, &s), -EAGAIN);
	assert_int_equal(engine_accept(eng(1), l, &s), 0);
	assert_int_equal(her(passive_opens), 0);
	assert_int_equal(her(out_rsts) + stat_of(1, out_rsts), 0);
}

static void test_handover_nobodys_segment_gets_one_rst(void **state)
{
	uint8_t frame[KIT_FRAME];
	struct kit_seg seg = { .flags = TCP_ACK, .seq = 5, .ack = 6, .dport = 80 };

	kit_listen(80);
	sister_listen(80);
	assert_true(simport_deliver(&sister.port, frame, kit_tcp(frame, 1, &seg), NULL));
	settle();
	assert_int_equal(her(out_handed_over), 1);
	assert_int_equal(her(out_rsts) + stat_of(1, out_rsts), 1);
	seg = (struct kit_seg){ .flags = TCP_SYN, .dport = 99 };
	assert_true(simport_deliver(&sister.port, frame, kit_tcp(frame, 1, &seg), NULL));
	settle();
	assert_int_equal(her(out_rsts) + stat_of(1, out_rsts), 2);
	assert_int_equal(stat_of(1, in_handed_over), 2);
	assert_int_equal(her(in_handed_over), 0);
}

/* Only one of them listens: a SYN at the other's queue is passed on. */
static void test_handover_syn_finds_the_only_listener(void **state)
{
	uint64_t l = kit_listen(80), s;

	to_sister = true;
	kit_connect(0, 80);
	settle();
	assert_int_equal(engine_accept(eng(1), l, &s), 0);
	assert_int_equal(her(out_rsts), 0);
}

static void test_handover_hint_is_no_licence(void **state)
{
	uint64_t l = kit_listen(80), c, s, at = 0;
	uint32_t hints[] = { 1u << 24 | 1, 63u << 24 | 1, 0xff000001u, UINT32_MAX, 1u << 24, 0xff000000u };
	struct xtcp_flow *f = NULL;

	with_hints = true;
	c = kit_connect(0, 80);
	settle();
	assert_int_equal(engine_accept(eng(1), l, &s), 0);
	for (uint32_t i = 0; i < XTCP_FLOWS; i++)
		if (flows[i].conn)
			f = &flows[i];
	assert_non_null(f);
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		uint32_t right = f->conn;

		f->conn = hints[i]; /* hers, nobody's, or nonsense: it gets home all the same */
		kit_send(0, c, 100);
		pair_turn(kp);
		f->conn = right;
		settle();
		kit_receive(1, s, &at);
		assert_int_equal(at, (i + 1) * 100);
	}
	assert_int_equal(her(out_rsts) + stat_of(1, out_rsts), 0);
}

static void test_handover_full_ring_drops_and_counts(void **state)
{
	uint8_t frame[KIT_FRAME];
	struct kit_seg seg = { .flags = TCP_ACK, .seq = 5, .ack = 6, .dport = 80, .len = 1400 };
	uint32_t len = kit_tcp(frame, 1, &seg);

	kit_listen(80);
	for (int i = 0; i < 1000; i++) {
		assert_true(simport_deliver(&sister.port, frame, len, NULL));
		assert_true(engine_turn(sister.e, kp->now) >= 0);
	}
	assert_true(her(handover_full) > 100);
	assert_int_equal(her(handover_full) + her(out_handed_over), 1000);
	assert_int_equal(her(out_rsts), 0);
	assert_int_equal(engine_deadline(eng(1)), 0); /* she has work */
	for (int i = 0; i < 50; i++)
		assert_true(engine_turn(eng(1), kp->now) >= 0);
	assert_int_equal(stat_of(1, in_handed_over), her(out_handed_over));
	assert_int_equal(stat_of(1, rx_bytes), 0); /* of the wire's, once */
	assert_int_equal(her(rx_bytes), 1000 * len);
	kp->side[0].port.rx_count = 0;
}

static void test_handover_active_open_answered_at_the_other_queue(void **state)
{
	uint64_t c, l, s, at = 0;

	with_hints = true;
	to_sister = true;
	l = 0;
	assert_int_equal(engine_listen(eng(0), &(struct xtcp_addr){ 0 }, 90, 0, 0, &l), 0);
	assert_int_equal(engine_connect(eng(1), kit_addr(0, 0), 90, NULL, 0, 0, &c), 0);
	settle();
	assert_int_equal(engine_conn(eng(1), c)->state, TCP_ESTABLISHED);
	assert_int_equal(engine_accept(eng(0), l, &s), 0);
	kit_send(0, s, 5000);
	settle();
	kit_receive(1, c, &at);
	assert_int_equal(at, 5000);
	assert_int_equal(her(out_rsts), 0);
}

/* The sister's four-tuple cannot be had a second time. */
static void test_handover_four_tuple_is_unique_among_sisters(void **state)
{
	uint64_t c;

	assert_int_equal(engine_connect(eng(1), kit_addr(0, 0), 90, NULL, 1234, 0, &c), 0);
	assert_int_equal(engine_connect(sister.e, kit_addr(0, 0), 90, NULL, 1234, 0, &c), -EADDRINUSE);
	assert_int_equal(engine_connect(sister.e, kit_addr(0, 0), 91, NULL, 1234, 0, &c), 0);
	engine_abort_all(eng(1));
	engine_abort_all(sister.e);
	settle();
}

static void test_handover_icmp_error(void **state)
{
	uint8_t frame[KIT_FRAME];
	struct kit_frame syn;
	uint64_t c;

	assert_int_equal(engine_connect(eng(1), kit_addr(0, 0), 90, NULL, 0, 0, &c), 0);
	kit_turn(1);
	syn = *kit_sent(1, 0);
	assert_true(simport_deliver(&sister.port, frame, kit_icmp(frame, 1, 0, 3, 1, 0, syn.data + syn.ip.l3_off, 28),
				    NULL));
	assert_true(engine_turn(sister.e, kp->now) >= 0);
	assert_true(engine_turn(eng(1), kp->now) >= 0);
	assert_int_equal(her(in_icmp_unmatched), 0);
	assert_int_equal(engine_conn(eng(1), c)->soft_error, EHOSTUNREACH);
}

/* Who has left is asked nothing; her queue's frames are judged by who is there. */
static void test_handover_sister_leaves(void **state)
{
	uint8_t frame[KIT_FRAME];
	struct kit_seg seg = { .flags = TCP_ACK, .seq = 5, .ack = 6, .dport = 80 };
	struct xtcp_meta meta = { .magic = XTCP_META_MAGIC, .conn_hint = 1u << 24 | 1 };

	kit_listen(80);
	sisters_leave(group, 1);
	kit_give(1, frame, kit_tcp(frame, 1, &seg), &meta);
	assert_int_equal(stat_of(1, out_rsts), 1);
	assert_int_equal(stat_of(1, out_handed_over), 0);
	assert_int_equal(sisters_sit(group), 1);
	settle();
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_handover_syn_stays_where_it_arrives),
		CASE(test_handover_by_hint),
		CASE(test_handover_without_hint_goes_round),
		CASE(test_handover_each_way_at_once),
		CASE(test_handover_syn_again_at_the_other_queue),
		CASE(test_handover_nobodys_segment_gets_one_rst),
		CASE(test_handover_syn_finds_the_only_listener),
		CASE(test_handover_hint_is_no_licence),
		CASE(test_handover_full_ring_drops_and_counts),
		CASE(test_handover_active_open_answered_at_the_other_queue),
		CASE(test_handover_four_tuple_is_unique_among_sisters),
		CASE(test_handover_icmp_error),
		CASE(test_handover_sister_leaves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
