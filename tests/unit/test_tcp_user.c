// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_user.c - the application's calls: what they return in each state, and without copying. */
#include "tcp_harness.h"

static int64_t send1(void)
{
	return tcp_send(&th.env, th.c, "x", 1, false, false);
}

static int64_t recv1(void)
{
	char b;

	return tcp_recv(&th.env, th.c, &b, 1);
}

static void test_user_send_in_each_state_says_why_not(void **state)
{
	static const int want[] = {
		[TCP_CLOSED] = -ECONNABORTED, [TCP_SYN_SENT] = -EAGAIN,	 [TCP_SYN_RECEIVED] = -EAGAIN,
		[TCP_ESTABLISHED] = 1,	      [TCP_FIN_WAIT_1] = -EPIPE, [TCP_FIN_WAIT_2] = -EPIPE,
		[TCP_CLOSE_WAIT] = 1,	      [TCP_CLOSING] = -EPIPE,	 [TCP_LAST_ACK] = -EPIPE,
		[TCP_TIME_WAIT] = -EPIPE,
	};

	for (int s = TCP_CLOSED; s <= TCP_TIME_WAIT; s++) {
		if (s == TCP_LISTEN)
			continue;
		th_goto((enum tcp_state)s);
		assert_int_equal(send1(), want[s]);
		assert_int_equal(tcp_send_space(th.c) > 0, want[s] == 1);
		th_teardown(state);
		th_setup(state);
	}
}

static void test_user_recv_in_each_state_says_why_not(void **state)
{
	static const int want[] = {
		[TCP_CLOSED] = -ECONNABORTED, [TCP_SYN_SENT] = -EAGAIN,	  [TCP_SYN_RECEIVED] = -EAGAIN,
		[TCP_ESTABLISHED] = -EAGAIN,  [TCP_FIN_WAIT_1] = -EAGAIN, [TCP_FIN_WAIT_2] = -EAGAIN,
		[TCP_CLOSE_WAIT] = 0,	      [TCP_CLOSING] = 0,	  [TCP_LAST_ACK] = 0,
		[TCP_TIME_WAIT] = 0,
	};

	for (int s = TCP_CLOSED; s <= TCP_TIME_WAIT; s++) {
		if (s == TCP_LISTEN)
			continue;
		th_goto((enum tcp_state)s);
		assert_int_equal(recv1(), want[s]);
		th_teardown(state);
		th_setup(state);
	}
}

static void test_user_shutdown_twice_is_one_fin(void **state)
{
	th_active();
	assert_int_equal(tcp_shutdown(&th.env, th.c, th.now), 0);
	assert_int_equal(tcp_shutdown(&th.env, th.c, th.now), 0);
	out("F.", 1, 1, 0);
	no_out();
	assert_int_equal(tcp_shutdown(&th.env, th.c, th.now), 0);
	no_out();
}

static void test_user_shutdown_when_closed_is_not_connected(void **state)
{
	th_goto(TCP_CLOSED);
	assert_int_equal(tcp_shutdown(&th.env, th.c, th.now), -ENOTCONN);
}

static void test_user_fin_is_told_after_the_data(void **state)
{
	th_active();
	in("FP.", 1, 1, 100);
	get(60);
	get(40);
	assert_int_equal(recv1(), 0);
	assert_int_equal(recv1(), 0);
}

static void test_user_send_buffer_is_limited(void **state)
{
	th.env.conf.sndbuf_max = 10000;
	th_active();
	assert_int_equal(tcp_send_space(th.c), 10000);
	put(6000);
	assert_int_equal(tcp_send_space(th.c), 4000);
	assert_int_equal(tcp_send_queued(th.c), 6000);
	assert_int_equal(tcp_send(&th.env, th.c, (uint8_t[5000]){ 0 }, 5000, false, false), 4000);
	assert_int_equal(send1(), -EAGAIN);
	tcp_abort(&th.env, th.c, ECONNABORTED);
	out("R.", 1, 1, 0);
}

static void test_user_send_of_nothing_is_nothing(void **state)
{
	th_active();
	assert_int_equal(tcp_send(&th.env, th.c, "", 0, false, false), 0);
	no_out();
	assert_int_equal(th.env.mem->used, 0);
}

static void test_user_reserve_and_commit_send_without_copying(void **state)
{
	struct tcp_span span[2];

	th_active();
	assert_int_equal(tcp_reserve(&th.env, th.c, 100, span), 100);
	assert_int_equal(span[0].len, 100);
	for (uint32_t i = 0; i < 60; i++)
		((uint8_t *)(uintptr_t)span[0].data)[i] = (uint8_t)((1 + i) * 7);
	no_out(); /* reserved is not sent */
	assert_int_equal(tcp_commit(&th.env, th.c, 60, false, false), 0);
	out("P.", 1, 1, 60);
	assert_int_equal(tcp_commit(&th.env, th.c, 1u << 30, false, false), -EINVAL);
}

static void test_user_commit_after_reset_is_refused(void **state)
{
	struct tcp_span span[2];

	th_active();
	assert_int_equal(tcp_reserve(&th.env, th.c, 100, span), 100);
	in("R", 1, 0, 0);
	assert_int_equal(tcp_commit(&th.env, th.c, 100, false, false), -EINVAL);
	assert_int_equal(tcp_reserve(&th.env, th.c, 100, span), -ECONNRESET);
	assert_int_equal(span[0].len, 0);
}

static void test_user_reserve_across_the_rings_end_gives_two_pieces(void **state)
{
	struct tcp_span span[2];

	th_active();
	put(2000);
	th_drain();
	in(".", 1, 1461, 0);
	assert_int_equal(tcp_reserve(&th.env, th.c, 1000, span), 1000);
	assert_int_equal(span[0].len, 48);
	assert_int_equal(span[1].len, 952);
}

static void test_user_send_across_the_rings_end_keeps_the_bytes(void **state)
{
	th_active();
	put(2000);
	th_drain();
	in(".", 1, 1461, 0);
	put(1000); /* 48 bytes up to the end of 2,048 */
	in(".", 1, 2001, 0);
	out("P.", 2001, 1, 1000); /* the harness checks them */
	assert_int_equal(th.last.nspans, 2);
}

static void test_user_recv_after_a_silent_end_is_end_of_stream(void **state)
{
	th_goto(TCP_SYN_SENT);
	tcp_close(&th.env, th.c, th.now);
	assert_int_equal(recv1(), 0);
}

static void test_user_peek_and_consume_read_without_copying(void **state)
{
	struct tcp_span span[2];

	th_active();
	in("P.", 1, 1, 100);
	assert_int_equal(tcp_peek(&th.env, th.c, span), 100);
	assert_int_equal(tcp_peek(&th.env, th.c, span), 100);
	assert_int_equal(span[0].len, 100);
	assert_int_equal(span[0].data[0], 7);
	assert_int_equal(tcp_consume(&th.env, th.c, 101), -EINVAL);
	assert_int_equal(tcp_consume(&th.env, th.c, 0), 0);
	assert_int_equal(tcp_consume(&th.env, th.c, 30), 0);
	th.read = 30;
	get(70);
	assert_int_equal(tcp_peek(&th.env, th.c, span), -EAGAIN);
}

static void test_user_send_without_memory_says_so_and_recovers(void **state)
{
	uint32_t block[64], n = 0;

	th_memory(16384);
	th_active();
	while (n < 64 && (block[n] = mem_alloc(th.env.mem, 0)))
		n++;
	assert_int_equal(send1(), -ENOMEM);
	while (n)
		mem_free(th.env.mem, block[--n], 0);
	put(1000);
	out("P.", 1, 1, 1000);
}

static void test_user_send_with_some_memory_takes_what_fits(void **state)
{
	uint8_t big[20000] = { 0 };

	th_memory(8192);
	th_active();
	assert_int_equal(tcp_send(&th.env, th.c, big, 4000, false, false), 4000);
	assert_int_equal(tcp_send(&th.env, th.c, big, 20000, false, false), 96); /* the rest of the block */
	assert_int_equal(tcp_send(&th.env, th.c, big, 1, false, false), -EAGAIN);
	tcp_abort(&th.env, th.c, ECONNABORTED);
	out("R.", 1, 1, 0);
}

static void test_user_urgent_counts_only_when_all_was_taken(void **state)
{
	th.env.conf.sndbuf_max = 100;
	th_active();
	assert_int_equal(tcp_send(&th.env, th.c, (uint8_t[200]){ 0 }, 200, false, true), 100);
	assert_false(th.c->flags & TCP_F_URG_OUT);
	tcp_abort(&th.env, th.c, ECONNABORTED);
}

static void test_user_close_forgets_events_and_data(void **state)
{
	th_active();
	in("F.", 1, 1, 0);
	tcp_close(&th.env, th.c, th.now);
	assert_int_equal(events_take(), 0);
	assert_true(th.c->flags & TCP_F_ORPHAN);
	out("F.", 1, 2, 0);
}

static void test_user_close_when_closed_keeps_it_closed(void **state)
{
	th_goto(TCP_CLOSED);
	tcp_close(&th.env, th.c, th.now);
	state_is(TCP_CLOSED);
	no_out();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_user_send_in_each_state_says_why_not),
		TEST(test_user_recv_in_each_state_says_why_not),
		TEST(test_user_shutdown_twice_is_one_fin),
		TEST(test_user_shutdown_when_closed_is_not_connected),
		TEST(test_user_fin_is_told_after_the_data),
		TEST(test_user_send_buffer_is_limited),
		TEST(test_user_send_of_nothing_is_nothing),
		TEST(test_user_reserve_and_commit_send_without_copying),
		TEST(test_user_commit_after_reset_is_refused),
		TEST(test_user_reserve_across_the_rings_end_gives_two_pieces),
		TEST(test_user_send_across_the_rings_end_keeps_the_bytes),
		TEST(test_user_recv_after_a_silent_end_is_end_of_stream),
		TEST(test_user_peek_and_consume_read_without_copying),
		TEST(test_user_send_without_memory_says_so_and_recovers),
		TEST(test_user_send_with_some_memory_takes_what_fits),
		TEST(test_user_urgent_counts_only_when_all_was_taken),
		TEST(test_user_close_forgets_events_and_data),
		TEST(test_user_close_when_closed_keeps_it_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
