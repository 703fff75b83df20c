// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_engine_end.c - engine/end.c: all connections end at once, in whatever state they are. */
#include "engine_kit.h"

static uint64_t listener, established, fin_wait_2, syn_sent;

/* Of side 0: one established, one in FIN-WAIT-2, one TIME-WAIT entry, one in SYN-SENT. */
static void one_of_each(void)
{
	uint64_t c, s, keep;

	listener = kit_listen(80);
	kit_join(0, 80, listener, &c, &s);
	engine_close(eng(0), c);
	pair_settle(kp);
	engine_close(eng(1), s);
	pair_settle(kp);
	kit_join(1, 80, listener, &established, &keep);
	kit_join(0, 80, listener, &fin_wait_2, &s);
	engine_close(eng(0), fin_wait_2);
	pair_settle(kp);
	assert_int_equal(kit_conn(0, fin_wait_2)->tcp.state, TCP_FIN_WAIT_2);
	kp->cut = true;
	syn_sent = kit_connect(0, 80);
	kit_turn(0);
	kp->cut = false;
	pair_events(kp, 0, 0);
}

static void test_end_abort_all_resets_who_wants_it(void **state)
{
	struct engine_event ev[4];
	uint64_t n, rsts;

	one_of_each();
	n = kit_sent_count(0);
	rsts = stat_of(0, out_rsts);
	engine_abort_all(eng(0));
	kit_turn(0);
	assert_int_equal(stat_of(0, out_rsts) - rsts, 1); /* not the one at rest, not SYN-SENT */
	assert_int_equal(kit_sent_count(0), n + 1);
	assert_true(kit_sent(0, 0)->tcp.flags & TCP_RST);
	assert_true(addr_eq(&kit_sent(0, 0)->ip.daddr, kit_addr(1, 1)));
	assert_int_equal(kit_conn(0, fin_wait_2)->tcp.state, TCP_FIN_WAIT_2);
	assert_int_equal(eng(0)->r->tws.used, 1);
	assert_int_equal(engine_events(eng(0), ev, 4), 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ev[i].error, ECONNABORTED);
		engine_close(eng(0), ev[i].handle);
	}
	kit_turn(0);
	assert_int_equal(eng(0)->r->conns.used, 1);
	engine_abort_all(eng(0)); /* again: nothing happens */
	kit_turn(0);
	assert_int_equal(stat_of(0, out_rsts) - rsts, 1);
}

static void test_end_abort_all_ends_half_open_and_waiting_ones(void **state)
{
	uint8_t frame[128];
	struct kit_seg s = { .flags = TCP_SYN, .seq = 1 };
	uint64_t l = kit_listen(80), c, got;

	c = kit_connect(0, 80);
	pair_settle(kp);				 /* waits to be accepted */
	kit_give(1, frame, kit_tcp(frame, 1, &s), NULL); /* half open */
	engine_abort_all(eng(1));
	kit_turn(1);
	assert_int_equal(stat_of(1, out_rsts), 2);
	assert_int_equal(eng(1)->r->conns.used, 1);
	assert_int_equal(engine_accept(eng(1), l, &got), 0); /* dead, and says so */
	assert_int_equal(engine_conn(eng(1), got)->error, ECONNABORTED);
	engine_close(eng(1), got);
	pair_settle(kp);
	assert_int_equal(eng(1)->r->conns.used, 0);
	engine_abort(eng(0), c);
	pair_settle(kp);
}

static void test_end_orphans_are_those_with_something_to_lose(void **state)
{
	uint64_t c, s;

	one_of_each();
	assert_int_equal(engine_orphans(eng(0)), 0); /* FIN-WAIT-2 has nothing */
	kit_join(0, 80, listener, &c, &s);
	kp->cut = true;
	kit_send(0, c, 100);
	engine_close(eng(0), c);
	kit_turn(0);
	assert_int_equal(engine_orphans(eng(0)), 1);
	kp->cut = false;
	pair_sleep(kp, SECOND);
	assert_int_equal(engine_orphans(eng(0)), 0);
	assert_int_equal(tcp_cold_peek(engine_conn(eng(1), s))->account.bytes_received, 100);
}

static void test_end_link_gone_fails_all_without_a_word(void **state)
{
	struct engine_event ev[4];
	uint64_t n;

	one_of_each();
	n = kit_sent_count(0);
	engine_link_gone(eng(0));
	check_engines();
	assert_int_equal(engine_events(eng(0), ev, 4), 2); /* at once, without a turn */
	for (int i = 0; i < 2; i++)
		assert_int_equal(ev[i].error, ENODEV);
	assert_int_equal(eng(0)->r->conns.used, 2); /* the orphan is gone */
	assert_int_equal(engine_turn(eng(0), kp->now), -ENODEV);
	assert_int_equal(kit_sent_count(0), n);
	engine_link_gone(eng(0));
	check_engines();
	assert_int_equal(engine_events(eng(0), ev, 4), 0);
	engine_close(eng(0), established);
	engine_close(eng(0), syn_sent);
	assert_int_equal(engine_turn(eng(0), kp->now), -ENODEV);
	check_engines();
	assert_int_equal(eng(0)->r->conns.used, 0);
	assert_int_equal(eng(0)->env.mem->used, 0);
	assert_int_equal(eng(0)->r->wheel.count, 0);
}

static void test_end_link_gone_ends_what_is_half_open_or_waits(void **state)
{
	uint8_t frame[128];
	struct kit_seg s = { .flags = TCP_SYN, .seq = 1 };
	uint64_t l = kit_listen(80), c = kit_connect(0, 80), got, n;

	pair_settle(kp);
	kit_give(1, frame, kit_tcp(frame, 1, &s), NULL);
	n = kit_sent_count(1);
	engine_link_gone(eng(1));
	check_engines();
	assert_int_equal(eng(1)->r->conns.used, 1);
	assert_int_equal(engine_accept(eng(1), l, &got), 0);
	assert_int_equal(engine_conn(eng(1), got)->error, ENODEV);
	assert_int_equal(engine_turn(eng(1), kp->now), -ENODEV);
	assert_int_equal(kit_sent_count(1), n);
	engine_abort(eng(0), c);
}

static void test_end_sleeps_are_counted(void **state)
{
	engine_count_sleep(eng(0));
	engine_count_sleep(eng(0));
	assert_int_equal(stat_of(0, sleeps), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_end_abort_all_resets_who_wants_it),
		TEST(test_end_abort_all_ends_half_open_and_waiting_ones),
		TEST(test_end_orphans_are_those_with_something_to_lose),
		TEST(test_end_link_gone_fails_all_without_a_word),
		TEST(test_end_link_gone_ends_what_is_half_open_or_waits),
		TEST(test_end_sleeps_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
