// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_engine_life.c - engine/life.c: slots, handles, lists, timers, and when a connection is freed. */
#include "engine_kit.h"

static uint8_t frame[KIT_FRAME];
static uint64_t listener;

static void join(int family, uint64_t *c, uint64_t *s)
{
	if (!listener)
		listener = kit_listen(80);
	kit_join(family, 80, listener, c, s);
}

static int setup(void **state)
{
	listener = 0;
	return kit_setup(state);
}

/* ---- slots and handles ---- */

static void test_life_new_slot_is_zero_and_generation_goes_on(void **state)
{
	uint32_t ref = conn_new(eng(0)), generation = conn_at(eng(0), ref)->generation;
	struct conn *c = conn_at(eng(0), ref);

	assert_int_equal(generation, 1);
	assert_int_equal(c->life, CONN_USED);
	c->user = 5;
	conn_drop(eng(0), ref);
	assert_int_equal(c->life, 0);
	assert_int_equal(conn_new(eng(0)), ref);
	assert_int_equal(c->generation, 2);
	assert_int_equal(c->user, 0);
	c->generation = UINT32_MAX;
	conn_drop(eng(0), ref);
	assert_int_equal(conn_new(eng(0)), ref);
	assert_int_equal(c->generation, 1); /* never 0 */
	conn_drop(eng(0), ref);
	check_engines();
}

static void test_life_all_slots_can_be_had_and_no_more(void **state)
{
	for (uint32_t i = 1; i <= 64; i++)
		assert_int_equal(conn_new(eng(0)), i);
	assert_int_equal(conn_new(eng(0)), 0);
	for (uint32_t i = 1; i <= 64; i++)
		conn_drop(eng(0), i);
	check_engines();
}

static void test_life_handle_is_worth_nothing_once_closed(void **state)
{
	uint64_t c, s;

	join(0, &c, &s);
	assert_int_equal(conn_of_handle(eng(0), c), (uint32_t)c);
	assert_int_equal(conn_of_handle(eng(0), c + (1ull << 32)), 0);
	assert_int_equal(conn_of_handle(eng(0), c + 1), 0);
	assert_int_equal(conn_of_handle(eng(0), (uint32_t)c), 0);
	assert_int_equal(conn_of_handle(eng(0), c | HANDLE_LISTENER), 0);
	assert_int_equal(engine_close(eng(0), c), 0);
	assert_int_equal(conn_of_handle(eng(0), c), 0); /* although it lives on */
	assert_int_equal(kit_conn(0, c)->life & CONN_USED, CONN_USED);
	assert_int_equal(engine_abort(eng(0), c), -EBADF);
	engine_touch(eng(0), c);
	pair_settle(kp);
}

/* What waits to be accepted has no handle yet. */
static void test_life_unaccepted_connection_has_no_handle(void **state)
{
	uint64_t c;

	listener = kit_listen(80);
	c = kit_connect(0, 80);
	pair_settle(kp);
	assert_int_equal(eng(1)->r->conns.used, 1);
	assert_int_equal(conn_of_handle(eng(1), conn_handle(eng(1), 1)), 0);
	engine_abort(eng(0), c);
	pair_settle(kp);
}

/* ---- lists ---- */

static void test_life_list_keeps_order_through_removal(void **state)
{
	struct list l = { 0 };
	uint32_t ref[5];

	for (int i = 0; i < 5; i++) {
		ref[i] = conn_new(eng(0));
		list_push(eng(0), &l, ref[i]);
	}
	assert_null(list_check(eng(0), &l, CONN_USED));
	list_remove(eng(0), &l, ref[2]);
	list_remove(eng(0), &l, ref[0]);
	list_remove(eng(0), &l, ref[4]);
	assert_null(list_check(eng(0), &l, CONN_USED));
	assert_int_equal(l.count, 2);
	assert_int_equal(l.head, ref[1]);
	assert_int_equal(l.tail, ref[3]);
	list_push(eng(0), &l, ref[2]);
	assert_int_equal(conn_at(eng(0), ref[3])->next, ref[2]);
	list_remove(eng(0), &l, ref[1]);
	list_remove(eng(0), &l, ref[2]);
	list_remove(eng(0), &l, ref[3]);
	assert_int_equal(l.head | l.tail | l.count, 0);
	for (int i = 0; i < 5; i++)
		conn_drop(eng(0), ref[i]);
}

static void test_life_touched_twice_is_dirty_once(void **state)
{
	uint64_t a = kit_connect(0, 81), b = kit_connect(0, 82);

	assert_int_equal(eng(0)->r->dirty.count, 2);
	engine_touch(eng(0), a);
	engine_touch(eng(0), b);
	engine_touch(eng(0), a);
	assert_int_equal(eng(0)->r->dirty.count, 2);
	kit_turn(0);
	assert_int_equal(eng(0)->r->dirty.count, 0);
	assert_int_equal(kit_sent_count(0), 2);
}

static void test_life_events_come_once_and_gather(void **state)
{
	struct engine_event ev[2];
	uint64_t c, s;

	join(0, &c, &s);
	engine_events(eng(0), ev, 2);
	engine_events(eng(1), ev, 2);
	kit_send(0, c, 10);
	engine_conn(eng(0), c)->flags |= TCP_F_NODELAY;
	pair_settle(kp);
	kit_send(0, c, 10);
	pair_settle(kp);
	assert_int_equal(eng(1)->r->ready.count, 1);
	assert_int_equal(engine_events(eng(1), ev, 2), 1);
	assert_int_equal(ev[0].handle, s);
	assert_int_equal(ev[0].events & TCP_EV_READABLE, TCP_EV_READABLE);
	assert_int_equal(ev[0].error, 0);
	assert_int_equal(engine_events(eng(1), ev, 2), 0);
	kit_send(0, c, 10);
	pair_settle(kp);
	assert_int_equal(engine_close(eng(1), s), 0); /* with an event due: it is not told any more */
	assert_int_equal(engine_events(eng(1), ev, 2), 0);
	pair_settle(kp);
}

/* ---- death ---- */

static void test_life_failed_connection_keeps_its_slot_until_closed(void **state)
{
	uint64_t c, s;
	uint16_t port;

	join(0, &c, &s);
	port = wire_swap16(engine_conn(eng(1), s)->lport);
	engine_listen_close(eng(1), listener);
	engine_abort(eng(0), c);
	pair_settle(kp);
	assert_int_equal(eng(1)->r->conns.used, 1);
	assert_int_equal(kit_conn(1, s)->life & CONN_HASHED, 0); /* four-tuple and port are free at once */
	assert_int_equal(eng(1)->r->demux_used, 0);
	assert_int_equal(kp->side[1].owned[port], 0);
	assert_int_equal(engine_conn(eng(1), s)->error, ECONNRESET);
	engine_close(eng(1), s);
	kit_turn(1);
	assert_int_equal(eng(1)->r->conns.used, 0);
	assert_int_equal(eng(1)->r->wheel.count, 0);
}

static void test_life_closed_before_the_answer_is_gone(void **state)
{
	uint64_t c = kit_connect(0, 80);

	engine_close(eng(0), c); /* before its SYN was sent */
	kit_turn(0);
	assert_int_equal(eng(0)->r->conns.used, 0);
	assert_int_equal(kit_sent_count(0), 0);
	c = kit_connect(0, 80);
	kp->cut = true;
	kit_turn(0);
	engine_close(eng(0), c); /* afterwards */
	kit_turn(0);
	assert_int_equal(eng(0)->r->conns.used, 0);
	assert_int_equal(eng(0)->r->wheel.count, 0);
	assert_int_equal(eng(0)->env.mem->used, 0);
}

static void test_life_abort_sends_the_reset_before_it_frees(void **state)
{
	uint64_t c, s;

	join(0, &c, &s);
	kp->side[0].port.tx_max = 1; /* no room */
	engine_abort(eng(0), c);
	kit_turn(0);
	assert_int_equal(eng(0)->r->conns.used, 1);
	kp->side[0].port.tx_max = 256;
	kit_turn(0);
	assert_int_equal(eng(0)->r->conns.used, 0);
	assert_true(kit_sent(0, 0)->tcp.flags & TCP_RST);
	pair_settle(kp);
	engine_close(eng(1), s);
	pair_settle(kp);
}

static void test_life_orphan_in_fin_wait_2_is_given_up(void **state)
{
	uint64_t c, s;

	join(0, &c, &s);
	engine_close(eng(0), c);
	pair_settle(kp);
	assert_int_equal(kit_conn(0, c)->tcp.state, TCP_FIN_WAIT_2);
	pair_sleep(kp, 59 * SECOND);
	assert_int_equal(eng(0)->r->conns.used, 1);
	pair_sleep(kp, 3 * SECOND);
	assert_int_equal(eng(0)->r->conns.used, 0);
}

static void test_life_linger_counts_from_the_close_not_from_the_last_turn(void **state)
{
	uint64_t c, s;

	join(0, &c, &s);
	kp->cut = true;
	kit_send(0, c, 1000);
	kp->now += 30 * SECOND;
	engine_conn(eng(0), c)->linger_ms = 5000;
	engine_clock(eng(0), kp->now);
	engine_clock(eng(0), 0); /* never back */
	engine_close(eng(0), c);
	pair_sleep(kp, 4 * SECOND);
	assert_int_equal(eng(0)->r->conns.used, 1);
	pair_sleep(kp, 2 * SECOND);
	assert_int_equal(eng(0)->r->conns.used, 0);
	kp->cut = false;
	engine_abort(eng(1), s);
	pair_settle(kp);
}

/* A RST and a new SYN of the same four-tuple in one burst: the second finds the place free. */
static void test_life_tuple_is_free_within_the_burst(void **state)
{
	struct kit_seg seg = { .flags = TCP_SYN, .seq = 100 };
	uint64_t s, again;

	listener = kit_listen(80);
	kit_give(1, frame, kit_tcp(frame, 1, &seg), NULL);
	seg = (struct kit_seg){ .flags = TCP_ACK, .seq = 101, .ack = kit_sent(1, 0)->tcp.seq + 1 };
	kit_give(1, frame, kit_tcp(frame, 1, &seg), NULL);
	assert_int_equal(engine_accept(eng(1), listener, &s), 0);
	seg.flags = TCP_RST;
	assert_true(simport_deliver(&kp->side[1].port, frame, kit_tcp(frame, 1, &seg), NULL));
	seg = (struct kit_seg){ .flags = TCP_SYN, .seq = 5000 };
	kit_give(1, frame, kit_tcp(frame, 1, &seg), NULL);
	assert_int_equal(kit_sent(1, 0)->tcp.flags, TCP_SYN | TCP_ACK);
	assert_int_equal(kit_sent(1, 0)->tcp.ack, 5001);
	seg = (struct kit_seg){ .flags = TCP_ACK, .seq = 5001, .ack = kit_sent(1, 0)->tcp.seq + 1 };
	kit_give(1, frame, kit_tcp(frame, 1, &seg), NULL);
	assert_int_equal(engine_accept(eng(1), listener, &again), 0);
	assert_int_not_equal((uint32_t)again, (uint32_t)s);
	assert_int_equal(engine_conn(eng(1), s)->state, TCP_CLOSED);
}

/* ---- timers ---- */

static void test_life_timer_fires_and_is_armed_again(void **state)
{
	uint64_t n;

	kp->cut = true;
	kit_connect(0, 80);
	kit_turn(0);
	assert_int_equal(eng(0)->r->wheel.count, 1);
	n = kit_sent_count(0);
	pair_sleep(kp, SECOND - SECOND / 100);
	assert_int_equal(kit_sent_count(0), n);
	pair_sleep(kp, SECOND / 50);
	assert_int_equal(kit_sent_count(0), n + 1);
	pair_sleep(kp, 2 * SECOND);
	assert_int_equal(kit_sent_count(0), n + 2);
	assert_int_equal(eng(0)->r->wheel.count, 1);
}

static void test_life_connect_gives_up_in_time(void **state)
{
	struct engine_event ev;
	uint64_t c;

	kp->cut = true;
	c = kit_connect(0, 80);
	pair_sleep(kp, 400 * SECOND);
	assert_int_equal(engine_events(eng(0), &ev, 1), 1);
	assert_int_equal(ev.handle, c);
	assert_int_equal(ev.error, ETIMEDOUT);
	assert_int_equal(eng(0)->r->wheel.count, 0);
	assert_true(engine_deadline(eng(0)) == TCP_NEVER);
}

/* ---- flows ---- */

static void test_life_flow_is_there_from_connect_or_established_to_the_end(void **state)
{
	struct xtcp_flow *flows = calloc(XTCP_FLOWS, sizeof(*flows));
	uint32_t left = 0;
	uint64_t c, s;

	engine_set_flows(eng(1), flows, 5);
	listener = kit_listen(80);
	c = kit_connect(0, 80);
	kit_turn(0);
	kit_turn(1); /* half open: a flood of SYNs must not fill the table */
	assert_int_equal(conn_at(eng(1), 1)->life & CONN_FLOW, 0);
	pair_settle(kp);
	assert_int_equal(conn_at(eng(1), 1)->life & CONN_FLOW, CONN_FLOW);
	assert_int_equal(engine_accept(eng(1), listener, &s), 0);
	engine_close(eng(0), c);
	pair_settle(kp);
	engine_close(eng(1), s);
	pair_settle(kp);
	assert_int_equal(engine_connect(eng(1), kit_addr(0, 1), 81, NULL, 0, 0, &c), 0);
	assert_int_equal(kit_conn(1, c)->life & CONN_FLOW, CONN_FLOW);
	engine_abort(eng(1), c);
	pair_settle(kp);
	for (uint32_t i = 0; i < XTCP_FLOWS; i++)
		left += flows[i].conn;
	assert_int_equal(left, 0);
	engine_set_flows(eng(1), NULL, 0);
	free(flows);
}

#undef TEST
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, kit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_life_new_slot_is_zero_and_generation_goes_on),
		TEST(test_life_all_slots_can_be_had_and_no_more),
		TEST(test_life_handle_is_worth_nothing_once_closed),
		TEST(test_life_unaccepted_connection_has_no_handle),
		TEST(test_life_list_keeps_order_through_removal),
		TEST(test_life_touched_twice_is_dirty_once),
		TEST(test_life_events_come_once_and_gather),
		TEST(test_life_failed_connection_keeps_its_slot_until_closed),
		TEST(test_life_closed_before_the_answer_is_gone),
		TEST(test_life_abort_sends_the_reset_before_it_frees),
		TEST(test_life_orphan_in_fin_wait_2_is_given_up),
		TEST(test_life_linger_counts_from_the_close_not_from_the_last_turn),
		TEST(test_life_tuple_is_free_within_the_burst),
		TEST(test_life_timer_fires_and_is_armed_again),
		TEST(test_life_connect_gives_up_in_time),
		TEST(test_life_flow_is_there_from_connect_or_established_to_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
