// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_engine_exchange.c - how many frames an exchange costs when both applications act at once: none that carries
 * nothing but an acknowledgement, where something else was about to go.
 */
#include "engine_kit.h"

static uint64_t frames(int side)
{
	return stat_of(side, tx_frames);
}

/* What an application does that acts on its events before the next turn. */
static void serve(uint64_t l, uint64_t *s)
{
	struct engine_event ev[8];
	uint8_t buf[256];
	int n = engine_events(eng(1), ev, 8);

	for (int i = 0; i < n; i++) {
		uint64_t h = ev[i].handle;
		int64_t got;

		if (h == l) {
			assert_int_equal(engine_accept(eng(1), l, s), 0);
			h = *s;
		}
		while ((got = tcp_recv(engine_env(eng(1)), engine_conn(eng(1), h), buf, sizeof(buf))) > 0)
			assert_int_equal(
				tcp_send(engine_env(eng(1)), engine_conn(eng(1), h), buf, (size_t)got, false, false),
				got);
		if (!got)
			engine_close(eng(1), h);
		else
			engine_touch(eng(1), h);
	}
}

static void ask(uint64_t c)
{
	static const uint8_t request[64] = "request";

	assert_int_equal(tcp_send(engine_env(eng(0)), engine_conn(eng(0), c), request, sizeof(request), false, false),
			 sizeof(request));
	engine_touch(eng(0), c);
}

/* True when the answer is there. */
static bool answered(uint64_t c)
{
	uint8_t buf[256];

	return tcp_recv(engine_env(eng(0)), engine_conn(eng(0), c), buf, sizeof(buf)) == 64;
}

static void one_turn(uint64_t l, uint64_t *s)
{
	kit_turn(0);
	kp->now += 1000;
	kit_turn(1);
	serve(l, s);
	kp->now += 1000;
}

/* SYN, ACK, request, FIN, last ACK; SYN-ACK, answer, FIN. */
static void test_connect_request_close_is_eight_frames(void **state)
{
	uint64_t l = kit_listen(80), s = 0;

	for (int round = 1; round <= 20; round++) {
		uint64_t c = kit_connect(0, 80);
		bool asked = false, closed = false;

		for (int i = 0; i < 12; i++) {
			one_turn(l, &s);
			if (!asked && pair_events(kp, 0, c) & TCP_EV_OPEN) {
				ask(c);
				asked = true;
			} else if (asked && !closed && answered(c)) {
				assert_int_equal(engine_close(eng(0), c), 0);
				closed = true;
			}
		}
		assert_true(closed);
		assert_int_equal(frames(0), 5 * round);
		assert_int_equal(frames(1), 3 * round);
	}
	check_engines();
}

static void test_request_and_answer_are_two_frames(void **state)
{
	uint64_t l = kit_listen(80), c, s, before[2];

	kit_join(0, 80, l, &c, &s);
	pair_events(kp, 0, c);
	pair_events(kp, 1, s);
	before[0] = frames(0);
	before[1] = frames(1);
	for (uint64_t round = 1; round <= 100; round++) {
		ask(c);
		for (int i = 0; i < 3; i++)
			one_turn(l, &s);
		assert_true(answered(c));
		assert_int_equal(frames(0), before[0] + round);
		assert_int_equal(frames(1), before[1] + round);
	}
}

/* An application that says nothing costs the acknowledgement one turn, and nobody may sleep over it. */
static void test_silent_application_delays_ack_by_one_turn(void **state)
{
	uint64_t l = kit_listen(80), c, s, before;

	kit_join(0, 80, l, &c, &s);
	pair_events(kp, 1, s);
	before = frames(1);
	ask(c);
	kit_turn(0);
	kit_turn(1);
	assert_int_equal(frames(1), before);
	assert_int_equal(engine_deadline(eng(1)), 0);
	kit_turn(1);
	assert_int_equal(frames(1), before + 1);
	assert_true(engine_deadline(eng(1)) > kp->now);
}

/* What the sender is to know at once does not wait: a hole, and two full segments. */
static void test_urgent_acks_do_not_wait(void **state)
{
	uint64_t l = kit_listen(80), c, s, before;

	kit_join(0, 80, l, &c, &s);
	pair_events(kp, 1, s);
	before = frames(1);
	kit_send(0, c, 2 * 1460);
	kit_turn(0);
	kit_turn(1);
	assert_int_equal(frames(1), before + 1);
	pair_settle(kp);
	pair_events(kp, 1, s);
	before = frames(1);
	engine_conn(eng(0), c)->flags |= TCP_F_NODELAY;
	kp->cut = true;
	ask(c);
	kit_turn(0);
	kp->cut = false;
	ask(c);
	kit_turn(0);
	kit_turn(1);
	assert_int_equal(frames(1), before + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_connect_request_close_is_eight_frames),
		TEST(test_request_and_answer_are_two_frames),
		TEST(test_silent_application_delays_ack_by_one_turn),
		TEST(test_urgent_acks_do_not_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
