// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_engine_fastopen.c - engine/fastopen.c: cookies given and kept, and how many pending connections are believed. */
#include "engine_kit.h"

static uint64_t listener(uint32_t pending)
{
	uint64_t l = kit_listen(80);

	assert_int_equal(engine_listen_fastopen(eng(1), l, pending), 0);
	return l;
}

static uint64_t start(const char *text)
{
	uint64_t c = kit_connect(0, 80);

	assert_int_equal(engine_connect_fastopen(eng(0), c), 0);
	assert_int_equal(tcp_send(engine_env(eng(0)), engine_conn(eng(0), c), text, strlen(text), false, false),
			 strlen(text));
	engine_touch(eng(0), c);
	return c;
}

/* The first connection brings the cookie. */
static void learn(uint64_t l)
{
	uint64_t c = start("first"), s;

	pair_settle(kp);
	assert_int_equal(engine_accept(eng(1), l, &s), 0);
	assert_int_equal(engine_conn(eng(0), c)->state, TCP_ESTABLISHED);
	assert_int_equal(stat_of(1, fastopen_cookies), 1);
	assert_int_equal(stat_of(1, fastopen_passive), 0);
	assert_int_equal(dst_at(eng(0), kit_conn(0, c)->dst)->fastopen.cookie.len, 8);
}

static void test_fastopen_second_connection_delivers_its_text_with_the_syn(void **state)
{
	uint64_t l = listener(4), s;
	char buf[16];

	learn(l);
	start("hello");
	kit_turn(0);
	assert_int_equal(kit_sent(0, 0)->tcp.flags, TCP_SYN);
	kit_turn(1); /* it has seen the SYN and nothing else */
	assert_int_equal(engine_accept(eng(1), l, &s), 0);
	assert_int_equal(engine_conn(eng(1), s)->state, TCP_SYN_RECEIVED);
	assert_int_equal(tcp_recv(engine_env(eng(1)), engine_conn(eng(1), s), buf, sizeof(buf)), 5);
	assert_memory_equal(buf, "hello", 5);
	assert_int_equal(stat_of(1, fastopen_passive), 1);
	pair_settle(kp);
	assert_int_equal(engine_conn(eng(1), s)->state, TCP_ESTABLISHED);
	assert_int_equal(stat_of(0, fastopen_active_acked), 1);
	check_engines();
}

static void test_fastopen_past_the_limit_the_handshake_is_ordinary(void **state)
{
	uint64_t l = listener(1), c1, c2, s;

	learn(l);
	c1 = start("one");
	c2 = start("two");
	pair_settle(kp);
	assert_int_equal(stat_of(1, fastopen_passive), 1);
	assert_int_equal(stat_of(1, fastopen_overflow), 1);
	assert_int_equal(engine_conn(eng(0), c1)->state, TCP_ESTABLISHED);
	assert_int_equal(engine_conn(eng(0), c2)->state, TCP_ESTABLISHED);
	for (int i = 0; i < 2; i++) {
		char buf[16];

		assert_int_equal(engine_accept(eng(1), l, &s), 0);
		assert_int_equal(tcp_recv(engine_env(eng(1)), engine_conn(eng(1), s), buf, sizeof(buf)), 3);
	}
	start("six"); /* both are settled */
	pair_settle(kp);
	assert_int_equal(stat_of(1, fastopen_passive), 2);
	check_engines();
}

static void test_fastopen_reset_ones_count_for_a_while(void **state)
{
	uint64_t l = listener(1), c;

	learn(l);
	c = start("one");
	kit_turn(0);
	kit_turn(1);
	engine_conn(eng(0), c)->state = TCP_ESTABLISHED; /* so that it says RST, not nothing */
	engine_conn(eng(0), c)->snd_nxt = engine_conn(eng(0), c)->iss + 4;
	engine_abort(eng(0), c);
	pair_settle(kp);
	start("two");
	pair_settle(kp);
	assert_int_equal(stat_of(1, fastopen_passive), 1);
	assert_int_equal(stat_of(1, fastopen_overflow), 1);
	pair_sleep(kp, 121 * SECOND);
	start("six");
	pair_settle(kp);
	pair_sleep(kp, 121 * SECOND);
	start("ten");
	pair_settle(kp);
	assert_true(stat_of(1, fastopen_passive) >= 2);
	check_engines();
}

static void test_fastopen_old_cookie_is_replaced_after_two_hours(void **state)
{
	uint64_t l = listener(4);
	uint8_t before[8];
	struct dst *d;

	learn(l);
	d = dst_at(eng(0), 1);
	memcpy(before, d->fastopen.cookie.b, 8);
	pair_sleep(kp, 2 * 3600 * SECOND);
	start("late");
	pair_settle(kp);
	assert_int_equal(stat_of(1, fastopen_bad_cookie), 1);
	assert_int_equal(stat_of(1, fastopen_passive), 0);
	assert_memory_not_equal(before, d->fastopen.cookie.b, 8);
	start("good");
	pair_settle(kp);
	assert_int_equal(stat_of(1, fastopen_passive), 1);
}

static void test_fastopen_lost_syn_turns_it_off_for_a_minute_then_two(void **state)
{
	uint64_t l = listener(4), c, off[2];

	learn(l);
	for (int i = 0; i < 2; i++) {
		kp->cut = true;
		c = start("lost");
		pair_sleep(kp, SECOND / 2);
		kp->cut = false;
		pair_sleep(kp, 2 * SECOND);
		assert_int_equal(engine_conn(eng(0), c)->state, TCP_ESTABLISHED);
		off[i] = dst_at(eng(0), kit_conn(0, c)->dst)->fastopen.off_until_ns - kp->now;
		start("plain"); /* without a cookie, although there is one */
		pair_settle(kp);
		pair_sleep(kp, 61 * SECOND);
	}
	assert_int_equal(stat_of(0, fastopen_black_holes), 2);
	assert_int_equal(stat_of(0, fastopen_active), 2);
	assert_true(off[0] > 55 * SECOND && off[0] <= 60 * SECOND);
	assert_true(off[1] > 115 * SECOND && off[1] <= 120 * SECOND);
}

static void test_fastopen_listener_closed_while_one_is_pending_leaves_nothing(void **state)
{
	uint64_t l = listener(4), s;

	learn(l);
	start("hello");
	kit_turn(0);
	kit_turn(1);
	assert_int_equal(engine_accept(eng(1), l, &s), 0);
	engine_listen_close(eng(1), l);
	pair_settle(kp);
	assert_int_equal(engine_conn(eng(1), s)->state, TCP_ESTABLISHED);
	assert_int_equal(kit_conn(1, s)->listener, 0);
	engine_abort(eng(1), s);
	pair_settle(kp);
	check_engines();
}

static void test_fastopen_with_a_key_of_its_own_the_cookie_is_that_of_linux(void **state)
{
	static const uint8_t key[16] = { 0xf7, 0x63, 0xbf, 0xa0, 0x81, 0x3d, 0x80, 0xed,
					 0x30, 0x1d, 0x64, 0xcd, 0x90, 0x4a, 0xbc, 0xce };
	static const uint8_t want[8] = { 0x1c, 0x52, 0x74, 0x6f, 0xbd, 0xb6, 0x96, 0x92 };
	uint64_t l = listener(4);

	assert_int_equal(engine_listen_fastopen_key(eng(1), l, key), 0);
	learn(l);
	assert_memory_equal(dst_at(eng(0), 1)->fastopen.cookie.b, want, 8);
	pair_sleep(kp, 48 * 3600 * SECOND); /* it does not age */
	start("hello");
	pair_settle(kp);
	assert_int_equal(stat_of(1, fastopen_passive), 1);
	assert_int_equal(stat_of(1, fastopen_cookies), 1);
	assert_int_equal(engine_listen_fastopen_key(eng(1), l + 1, key), -EBADF);
}

static void test_fastopen_bare_asks_for_no_cookie_on_either_side(void **state)
{
	uint64_t l = listener(4), c, s;

	assert_int_equal(engine_listen_fastopen_bare(eng(1), l, true), 0);
	c = kit_connect(0, 80);
	assert_int_equal(engine_connect_fastopen_bare(eng(0), c), 0);
	assert_int_equal(tcp_send(engine_env(eng(0)), engine_conn(eng(0), c), "hello", 5, false, false), 5);
	engine_touch(eng(0), c);
	kit_turn(0);
	kit_turn(1);
	assert_int_equal(engine_accept(eng(1), l, &s), 0);
	assert_int_equal(engine_conn(eng(1), s)->rcvq.len, 5);
	assert_int_equal(stat_of(1, fastopen_cookies), 0);
	pair_settle(kp);
	assert_int_equal(engine_conn(eng(0), c)->state, TCP_ESTABLISHED);
	kit_connect(0, 80); /* no text: an ordinary one */
	pair_settle(kp);
	assert_int_equal(stat_of(1, fastopen_passive), 1);
	check_engines();
}

static void test_fastopen_asked_in_vain_the_experimental_option_is_tried_once(void **state)
{
	static const bool exp[4] = { false, true, false, false };

	kit_listen(80); /* it gives none */
	for (int i = 0; i < 4; i++) {
		uint64_t c = kit_connect(0, 80);

		assert_int_equal(engine_connect_fastopen(eng(0), c), 0);
		assert_int_equal(tcp_cold_peek(engine_conn(eng(0), c))->fastopen.cookie.exp, exp[i]);
		engine_touch(eng(0), c);
		pair_settle(kp);
		assert_int_equal(engine_conn(eng(0), c)->state, TCP_ESTABLISHED);
	}
}

static void test_fastopen_what_peers_gave_can_be_forgotten(void **state)
{
	uint64_t l = listener(4);

	learn(l);
	engine_fastopen_forget(eng(0));
	start("hello");
	pair_settle(kp);
	assert_int_equal(stat_of(0, fastopen_active), 0);
	assert_int_equal(stat_of(1, fastopen_cookies), 2);
	check_engines();
}

static void test_fastopen_experimental_option_is_answered_in_kind(void **state)
{
	uint64_t l = listener(4), s;
	struct dst *d;

	for (int i = 0; i < 2; i++) {
		uint64_t c = kit_connect(0, 80);

		d = dst_at(eng(0), kit_conn(0, c)->dst);
		d->fastopen.exp = 1;
		assert_int_equal(engine_connect_fastopen(eng(0), c), 0);
		tcp_send(engine_env(eng(0)), engine_conn(eng(0), c), "hello", 5, false, false);
		engine_touch(eng(0), c);
		pair_settle(kp);
		assert_int_equal(engine_accept(eng(1), l, &s), 0);
		assert_int_equal(d->fastopen.cookie.len, 8);
		assert_true(d->fastopen.cookie.exp);
	}
	assert_int_equal(stat_of(1, fastopen_cookies), 1);
	assert_int_equal(stat_of(1, fastopen_passive), 1);
}

static void test_fastopen_after_the_syn_is_refused(void **state)
{
	uint64_t l = listener(4), c = kit_connect(0, 80);

	kit_turn(0);
	assert_int_equal(engine_connect_fastopen(eng(0), c), -EISCONN);
	assert_int_equal(engine_connect_fastopen(eng(0), 12345), -EBADF);
	assert_int_equal(engine_connect_fastopen_bare(eng(0), c), -EISCONN);
	assert_int_equal(engine_listen_fastopen_bare(eng(1), l + 1, true), -EBADF);
	assert_int_equal(engine_listen_fastopen(eng(1), l + 1, 1), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_fastopen_second_connection_delivers_its_text_with_the_syn),
		TEST(test_fastopen_past_the_limit_the_handshake_is_ordinary),
		TEST(test_fastopen_reset_ones_count_for_a_while),
		TEST(test_fastopen_old_cookie_is_replaced_after_two_hours),
		TEST(test_fastopen_lost_syn_turns_it_off_for_a_minute_then_two),
		TEST(test_fastopen_listener_closed_while_one_is_pending_leaves_nothing),
		TEST(test_fastopen_with_a_key_of_its_own_the_cookie_is_that_of_linux),
		TEST(test_fastopen_bare_asks_for_no_cookie_on_either_side),
		TEST(test_fastopen_asked_in_vain_the_experimental_option_is_tried_once),
		TEST(test_fastopen_what_peers_gave_can_be_forgotten),
		TEST(test_fastopen_experimental_option_is_answered_in_kind),
		TEST(test_fastopen_after_the_syn_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
