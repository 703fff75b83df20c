// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_engine_fasthole.c - engine/fastopen.c: a destination whose path loses what follows a SYN with text. */
#include "engine_kit.h"

#define HOUR (3600 * SECOND)

static uint64_t open_with(const char *text)
{
	uint64_t c = kit_connect(0, 80);

	assert_int_equal(engine_connect_fastopen(eng(0), c), 0);
	assert_int_equal(tcp_send(engine_env(eng(0)), engine_conn(eng(0), c), text, strlen(text), false, false),
			 strlen(text));
	engine_touch(eng(0), c);
	pair_settle(kp);
	assert_int_equal(engine_conn(eng(0), c)->state, TCP_ESTABLISHED);
	return c;
}

static struct dst_fastopen *known(uint64_t c)
{
	return &dst_at(eng(0), kit_conn(0, c)->dst)->fastopen;
}

static uint64_t server(uint64_t l)
{
	uint64_t s = 0, last = 0;

	while (engine_accept(eng(1), l, &s) == 0)
		last = s;
	return last;
}

/* The path swallows everything from now on. */
static void swallow(uint64_t c)
{
	kp->cut = true;
	kit_send(0, c, 100);
	pair_sleep(kp, 10 * SECOND);
	engine_abort(eng(0), c);
	pair_sleep(kp, SECOND);
	kp->cut = false;
	pair_sleep(kp, SECOND);
}

static uint64_t cookie_then_text(uint64_t l)
{
	uint64_t c;

	assert_int_equal(engine_listen_fastopen(eng(1), l, 8), 0);
	c = open_with("first");
	engine_abort(eng(0), c);
	pair_settle(kp);
	server(l);
	c = open_with("second");
	assert_int_equal(stat_of(0, fastopen_active_acked), 1);
	server(l);
	return c;
}

static void test_fasthole_turns_it_off_for_an_hour_then_two(void **state)
{
	uint64_t l = kit_listen(80), c = cookie_then_text(l), until;
	struct dst_fastopen *f = known(c);

	swallow(c);
	assert_int_equal(stat_of(0, fastopen_late_holes), 1);
	until = f->off_until_ns - kp->now;
	assert_true(until > HOUR - 60 * SECOND && until <= HOUR);
	c = open_with("plain");
	server(l);
	assert_int_equal(stat_of(0, fastopen_active), 1);
	engine_abort(eng(0), c);
	pair_sleep(kp, HOUR);
	c = open_with("again"); /* a good handshake alone is no proof: the next hole costs two hours */
	assert_int_equal(stat_of(0, fastopen_active), 2);
	server(l);
	swallow(c);
	assert_int_equal(stat_of(0, fastopen_late_holes), 2);
	until = f->off_until_ns - kp->now;
	assert_true(until > 2 * HOUR - 60 * SECOND && until <= 2 * HOUR);
	check_engines();
}

static void test_fasthole_what_comes_through_ends_the_doubling(void **state)
{
	uint64_t l = kit_listen(80), c = cookie_then_text(l), s, until;
	struct dst_fastopen *f = known(c);

	swallow(c);
	pair_sleep(kp, HOUR);
	c = open_with("again");
	s = server(l);
	kit_send(1, s, 100);
	pair_settle(kp);
	engine_close(eng(1), s);
	engine_close(eng(0), c);
	pair_sleep(kp, 70 * SECOND);
	assert_int_equal(f->holes, 0);
	c = open_with("third");
	server(l);
	assert_int_equal(stat_of(0, fastopen_active), 3);
	swallow(c);
	until = f->off_until_ns - kp->now;
	assert_true(until > HOUR - 60 * SECOND && until <= HOUR);
	check_engines();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_fasthole_turns_it_off_for_an_hour_then_two),
		TEST(test_fasthole_what_comes_through_ends_the_doubling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
