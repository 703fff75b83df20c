// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* sndtune.c: what the application may queue follows cwnd; what it has set stays; unsent data can be bounded. */
#include "tcp_harness.h"

#define INIT (256u << 10)

static void test_sndtune_limit_is_twice_the_congestion_window(void **state)
{
	th_memory(32 << 20);
	th_modern();
	th.wnd = 65535;
	in(".", 1, 1, 0);
	assert_int_equal(tcp_send_limit(th.c), INIT);
	th.c->cwnd = 1 << 20;
	put(100000);
	th_drain();
	in(".", 1, 1 + 50000, 0);
	assert_true(tcp_send_limit(th.c) >= 2u << 20);
	assert_true(tcp_send_limit(th.c) <= (2u << 20) + 200000); /* the acknowledgement made cwnd grow a little */
	th.c->cwnd = 3u << 30;
	in(".", 1, 1 + 60000, 0);
	assert_int_equal(tcp_send_limit(th.c), th.env.conf.sndbuf_max);
}

static void test_sndtune_a_loss_takes_no_room_away_until_the_queue_is_empty(void **state)
{
	th_memory(32 << 20);
	th_modern();
	th.c->cwnd = 1 << 20;
	put(100000);
	th_drain();
	in(".", 1, 1 + 50000, 0);
	th_drain();
	th.c->cwnd = 2920;
	in(".", 1, 1 + 60000, 0);
	assert_true(tcp_send_limit(th.c) >= 2u << 20);
	in(".", 1, 1 + 100000, 0);
	assert_int_equal(tcp_send_limit(th.c), INIT);
}

static void test_sndtune_maximum_bounds_a_new_connection(void **state)
{
	th.env.conf.sndbuf_max = 10000;
	th_active();
	assert_int_equal(tcp_send_space(th.c), 10000);
	put(6000);
	th_drain();
	in(".", 1, 2000, 0);
	assert_int_equal(tcp_send_limit(th.c), 10000);
	in(".", 1, 6001, 0);
}

static void test_sndtune_set_by_the_application_stays(void **state)
{
	th_active();
	tcp_set_sndbuf(th.c, 5000);
	assert_int_equal(tcp_send_space(th.c), 5000);
	put(5000);
	assert_int_equal(tcp_send(&th.env, th.c, "x", 1, false, false), -EAGAIN);
	th_drain();
	th.c->cwnd = 1 << 20;
	in(".", 1, 5001, 0);
	assert_int_equal(tcp_send_limit(th.c), 5000);
	assert_int_equal(events_take(), TCP_EV_WRITABLE);
}

static void test_sndtune_unsent_low_water_mark_bounds_what_waits(void **state)
{
	th_active(); /* cwnd 14,600 */
	tcp_set_notsent_lowat(th.c, 3000);
	assert_int_equal(tcp_notsent_lowat(th.c), 3000);
	put(3000);
	assert_int_equal(tcp_send_space(th.c), 0);
	assert_int_equal(tcp_send(&th.env, th.c, "x", 1, false, false), -EAGAIN);
	events_take();
	out(".", 1, 1, 1460); /* and with it there is room again, without any acknowledgement */
	assert_int_equal(events_take(), TCP_EV_WRITABLE);
	assert_true(tcp_send_space(th.c) >= 1460);
	th_drain();
	while (tcp_unsent(th.c) < 3000) { /* until cwnd is full */
		uint32_t n = (uint32_t)min_u32((uint32_t)tcp_send_space(th.c), 3000);

		put(n);
		th_drain();
	}
	assert_true(tcp_send_queued(th.c) < 14600 + 4500);
	tcp_set_notsent_lowat(th.c, 0);
	assert_true(tcp_send_space(th.c) > 200000);
	tcp_abort(&th.env, th.c, ECONNABORTED);
}

static void test_sndtune_not_writable_before_a_third_is_free(void **state)
{
	th_active();
	tcp_set_sndbuf(th.c, 9000);
	put(9000);
	assert_int_equal(tcp_send(&th.env, th.c, "x", 1, false, false), -EAGAIN);
	th_drain();
	events_take();
	in(".", 1, 1461, 0);
	assert_int_equal(events_take(), 0);
	in(".", 1, 4381, 0);
	assert_int_equal(events_take(), TCP_EV_WRITABLE);
	in(".", 1, 9001, 0);
	assert_int_equal(events_take(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_sndtune_limit_is_twice_the_congestion_window),
		TEST(test_sndtune_a_loss_takes_no_room_away_until_the_queue_is_empty),
		TEST(test_sndtune_maximum_bounds_a_new_connection),
		TEST(test_sndtune_set_by_the_application_stays),
		TEST(test_sndtune_unsent_low_water_mark_bounds_what_waits),
		TEST(test_sndtune_not_writable_before_a_third_is_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
