// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_engine_timewait.c - engine/timewait.c: entry, order of expiry, answers, reopening, overflow. */
#include "engine_kit.h"

#define TIME_WAIT 60ull /* seconds, the default */

static uint8_t frame[KIT_FRAME];
static uint64_t listener;

/* A connection that side 0 closes first, so that it has the TIME-WAIT entry; its port there, host order. */
static uint16_t pass(void)
{
	uint64_t c, s;
	uint16_t port;

	if (!listener)
		listener = kit_listen(80);
	kit_join(0, 80, listener, &c, &s);
	port = wire_swap16(engine_conn(eng(0), c)->lport);
	engine_close(eng(0), c);
	pair_settle(kp);
	engine_close(eng(1), s);
	pair_settle(kp);
	return port;
}

static int setup(void **state)
{
	listener = 0;
	return kit_setup(state);
}

static const struct tw *oldest(void)
{
	return tw_at(eng(0), eng(0)->r->tw_list.head);
}

static uint32_t waiting(void)
{
	assert_int_equal(eng(0)->r->tw_list.count, eng(0)->r->tws.used);
	return eng(0)->r->tws.used;
}

/* A segment of side 1 to the entry of this port. */
static void give(uint16_t port, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t len)
{
	struct kit_seg s = { .flags = flags, .sport = 80, .dport = port, .seq = seq, .ack = ack, .len = len };

	kit_give(0, frame, kit_tcp(frame, 0, &s), NULL);
}

static void test_timewait_entry_replaces_connection_and_keeps_port(void **state)
{
	uint16_t port = pass();

	assert_int_equal(waiting(), 1);
	assert_int_equal(eng(0)->r->conns.used, 0);
	assert_int_equal(eng(0)->r->demux_used, 1);
	assert_int_equal(kp->side[0].owned[port], 1);
	assert_int_equal(wire_swap16(oldest()->tcp.lport), port);
	port_pool_clear(eng(0), 1);
	assert_int_equal(kp->side[0].owned[port], 1); /* not only the pool holds it */
	pair_sleep(kp, TIME_WAIT * SECOND + SECOND);
	assert_int_equal(waiting(), 0);
	assert_int_equal(kp->side[0].owned[port], 0);
	assert_int_equal(eng(0)->r->demux_used, 0);
}

static void test_timewait_entries_expire_in_order_of_entry(void **state)
{
	uint16_t port[4];

	for (int i = 0; i < 4; i++) {
		port[i] = pass();
		pair_sleep(kp, 10 * SECOND);
	}
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(waiting(), 4 - i);
		assert_int_equal(wire_swap16(oldest()->tcp.lport), port[i]);
		assert_true(engine_deadline(eng(0)) <= oldest()->tcp.expires_ns);
		pair_sleep(kp, oldest()->tcp.expires_ns - kp->now - SECOND);
		assert_int_equal(waiting(), 4 - i);
		pair_sleep(kp, 2 * SECOND);
	}
	assert_int_equal(waiting(), 0);
}

static void test_timewait_fin_again_is_acknowledged_and_starts_anew(void **state)
{
	uint16_t a = pass(), b;
	const struct tcp_tw *t = &oldest()->tcp;
	uint64_t sent;

	pair_sleep(kp, SECOND);
	b = pass();
	pair_sleep(kp, 20 * SECOND);
	sent = kit_sent_count(0);
	give(a, TCP_FIN | TCP_ACK, t->rcv_nxt - 1, t->snd_nxt, 0);
	assert_int_equal(kit_sent_count(0), sent + 1);
	assert_int_equal(kit_sent(0, 0)->tcp.flags, TCP_ACK);
	assert_int_equal(kit_sent(0, 0)->tcp.seq, t->snd_nxt);
	assert_int_equal(kit_sent(0, 0)->tcp.ack, t->rcv_nxt);
	assert_true(t->expires_ns == kp->now + TIME_WAIT * SECOND);
	assert_int_equal(wire_swap16(oldest()->tcp.lport), b); /* a went to the end */
	pair_sleep(kp, 45 * SECOND);
	assert_int_equal(waiting(), 1);
	pair_sleep(kp, 20 * SECOND);
	assert_int_equal(waiting(), 0);
}

static void test_timewait_rst_does_not_end_it(void **state)
{
	uint16_t port = pass();
	uint64_t sent = kit_sent_count(0);

	give(port, TCP_RST, oldest()->tcp.rcv_nxt, 0, 0);
	give(port, TCP_RST | TCP_ACK, oldest()->tcp.rcv_nxt, oldest()->tcp.snd_nxt, 0);
	assert_int_equal(waiting(), 1);
	assert_int_equal(kit_sent_count(0), sent);
}

static void test_timewait_old_data_is_acknowledged_in_bounds(void **state)
{
	uint16_t port = pass();
	uint64_t sent = kit_sent_count(0), expires = oldest()->tcp.expires_ns;

	for (int i = 0; i < 30; i++)
		give(port, TCP_ACK, oldest()->tcp.rcv_nxt - 10, oldest()->tcp.snd_nxt, 5);
	assert_int_equal(kit_sent_count(0), sent + 10);
	assert_int_equal(stat_of(0, challenge_limited), 20);
	assert_true(oldest()->tcp.expires_ns == expires);		      /* only a FIN starts it anew */
	give(port, TCP_ACK, oldest()->tcp.rcv_nxt, oldest()->tcp.snd_nxt, 0); /* the late ACK of our FIN */
	assert_int_equal(kit_sent_count(0), sent + 10);
}

/* The peer uses its port again, towards a listener of ours: RFC 6191, RFC 9293 MAY-2. */
static void test_timewait_new_syn_reopens_for_a_listener(void **state)
{
	uint16_t port = pass();
	uint32_t rcv_nxt = oldest()->tcp.rcv_nxt, snd_nxt = oldest()->tcp.snd_nxt;
	uint64_t l, c;

	assert_int_equal(engine_listen(eng(0), NULL, port, 0, 0, &l), 0);
	give(port, TCP_SYN, rcv_nxt + 1000, 0, 0);
	assert_int_equal(waiting(), 0);
	assert_int_equal(stat_of(0, time_wait_reused), 1);
	assert_int_equal(kit_sent(0, 0)->tcp.flags, TCP_SYN | TCP_ACK);
	assert_int_equal(kit_sent(0, 0)->tcp.ack, rcv_nxt + 1001);
	assert_int_not_equal(kit_sent(0, 0)->tcp.seq, snd_nxt);
	give(port, TCP_ACK, rcv_nxt + 1001, kit_sent(0, 0)->tcp.seq + 1, 0);
	assert_int_equal(engine_accept(eng(0), l, &c), 0);
}

static void test_timewait_new_syn_without_listener_is_reset(void **state)
{
	uint16_t port = pass();

	give(port, TCP_SYN, oldest()->tcp.rcv_nxt + 1000, 0, 0);
	assert_int_equal(waiting(), 0);
	assert_int_equal(kit_sent(0, 0)->tcp.flags, TCP_RST | TCP_ACK);
}

static void test_timewait_old_syn_is_acknowledged_not_reopened(void **state)
{
	uint16_t port = pass();
	uint64_t l;

	assert_int_equal(engine_listen(eng(0), NULL, port, 0, 0, &l), 0);
	give(port, TCP_SYN, oldest()->tcp.rcv_nxt - 1000, 0, 0);
	assert_int_equal(waiting(), 1);
	assert_int_equal(kit_sent(0, 0)->tcp.flags, TCP_ACK);
	assert_int_equal(kit_sent(0, 0)->tcp.ack, oldest()->tcp.rcv_nxt);
}

static void test_timewait_table_full_oldest_goes_first(void **state)
{
	uint16_t port[18];

	for (int i = 0; i < 18; i++)
		port[i] = pass();
	assert_int_equal(waiting(), 16);
	assert_int_equal(stat_of(0, time_wait_overflow), 2);
	assert_int_equal(wire_swap16(oldest()->tcp.lport), port[2]);
	assert_int_equal(wire_swap16(tw_at(eng(0), eng(0)->r->tw_list.tail)->tcp.lport), port[17]);
}

static void test_timewait_address_removed_takes_its_entries(void **state)
{
	uint64_t c, s;

	pass();
	kit_join(1, 80, listener, &c, &s);
	engine_close(eng(0), c);
	pair_settle(kp);
	engine_close(eng(1), s);
	pair_settle(kp);
	assert_int_equal(waiting(), 2);
	engine_host_addr(eng(0), kit_addr(0, 0), 0, false);
	assert_int_equal(waiting(), 1);
	assert_int_equal(oldest()->addr_index, 1);
	check_engines();
}

/* Entered with an ACK owed, but the ring is full: it is not lost. */
static void test_timewait_waits_until_the_last_ack_is_sent(void **state)
{
	uint64_t c, s;
	uint32_t max = kp->side[0].port.tx_max;

	kit_join(0, 80, kit_listen(80), &c, &s);
	engine_close(eng(0), c);
	pair_settle(kp);
	engine_close(eng(1), s);
	kit_turn(1);
	kp->side[0].port.tx_max = 1;
	kit_turn(0);
	assert_int_equal(waiting(), 0);
	assert_int_equal(eng(0)->r->conns.used, 1);
	kp->side[0].port.tx_max = max;
	kit_turn(0);
	assert_int_equal(waiting(), 1);
	assert_int_equal(eng(0)->r->conns.used, 0);
	pair_settle(kp);
	assert_int_equal(eng(1)->r->conns.used, 0);
}

/* Both have shut down, but the application of side 0 has not let go: what it has not read stays. */
static void test_timewait_new_syn_reopens_what_the_application_holds(void **state)
{
	uint64_t l = kit_listen(80), held, s, mine, again;
	uint32_t rcv_nxt;
	uint16_t port;
	char buf[8];

	kit_join(0, 80, l, &held, &s);
	port = wire_swap16(engine_conn(eng(0), held)->lport);
	assert_int_equal(engine_listen(eng(0), NULL, port, 0, 0, &mine), 0);
	tcp_shutdown(engine_env(eng(0)), engine_conn(eng(0), held), kp->now);
	engine_touch(eng(0), held);
	pair_settle(kp);
	kit_send(1, s, 5);
	engine_close(eng(1), s);
	pair_settle(kp);
	assert_int_equal(engine_conn(eng(0), held)->state, TCP_TIME_WAIT);
	rcv_nxt = engine_conn(eng(0), held)->rcv_nxt;
	give(port, TCP_SYN, rcv_nxt - 1000, 0, 0);
	assert_int_equal(kit_sent(0, 0)->tcp.flags, TCP_ACK); /* an old one */
	give(port, TCP_SYN | TCP_ACK, rcv_nxt + 1000, 0, 0);
	give(port, TCP_RST, rcv_nxt, 0, 0);
	assert_int_equal(engine_conn(eng(0), held)->state, TCP_TIME_WAIT);
	give(port, TCP_SYN, rcv_nxt + 1000, 0, 0);
	assert_int_equal(kit_sent(0, 0)->tcp.flags, TCP_SYN | TCP_ACK);
	assert_int_equal(kit_sent(0, 0)->tcp.ack, rcv_nxt + 1001);
	assert_int_equal(stat_of(0, time_wait_reused), 1);
	assert_int_equal(engine_conn(eng(0), held)->state, TCP_CLOSED);
	assert_int_equal(engine_conn(eng(0), held)->error, 0);
	give(port, TCP_ACK, rcv_nxt + 1001, kit_sent(0, 0)->tcp.seq + 1, 0);
	assert_int_equal(engine_accept(eng(0), mine, &again), 0);
	assert_int_equal(engine_conn(eng(0), again)->state, TCP_ESTABLISHED);
	assert_int_equal(tcp_recv(engine_env(eng(0)), engine_conn(eng(0), held), buf, sizeof(buf)), 5);
	assert_int_equal(engine_close(eng(0), held), 0);
	pair_settle(kp);
	check_engines();
}

#undef TEST
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, kit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_timewait_entry_replaces_connection_and_keeps_port),
		TEST(test_timewait_entries_expire_in_order_of_entry),
		TEST(test_timewait_fin_again_is_acknowledged_and_starts_anew),
		TEST(test_timewait_rst_does_not_end_it),
		TEST(test_timewait_old_data_is_acknowledged_in_bounds),
		TEST(test_timewait_new_syn_reopens_for_a_listener),
		TEST(test_timewait_new_syn_without_listener_is_reset),
		TEST(test_timewait_old_syn_is_acknowledged_not_reopened),
		TEST(test_timewait_table_full_oldest_goes_first),
		TEST(test_timewait_address_removed_takes_its_entries),
		TEST(test_timewait_waits_until_the_last_ack_is_sent),
		TEST(test_timewait_new_syn_reopens_what_the_application_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
