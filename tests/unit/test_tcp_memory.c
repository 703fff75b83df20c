// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* memory.c, and what the queues do while memory is pressed or short. */
#include "tcp_harness.h"

static uint32_t window(void)
{
	return th.c->rcv_adv - th.c->rcv_nxt;
}

static void press(void)
{
	mem_marks(th.env.mem, 0, 0, UINT64_MAX);
	mem_free(th.env.mem, mem_alloc(th.env.mem, 0), 0);
	assert_true(mem_pressed(th.env.mem));
}

static void run_short(void)
{
	mem_marks(th.env.mem, 0, 0, 0);
	mem_free(th.env.mem, mem_alloc(th.env.mem, 0), 0);
}

static void test_memory_counts_every_block(void **state)
{
	th_modern();
	assert_int_equal(tcp_memory(th.c), 0);
	put(3000);
	th_drain();
	in(".", 1448, 1, 1000);
	assert_int_equal(tcp_memory(th.c), th.env.mem->used);
	in(".", 1, 3001, 1447);
	assert_int_equal(tcp_memory(th.c), th.env.mem->used);
	get(2447);
	assert_int_equal(tcp_memory(th.c), 0);
}

/* RFC 9293: SHLD-14 */
static void test_memory_pressed_windows_move_on_in_small_steps(void **state)
{
	uint32_t edge;

	th_modern();
	edge = th.c->rcv_adv;
	press();
	for (uint32_t i = 0; i < 200; i++) {
		in("P.", th_peer_next(), 1, 1448);
		get(1448);
		th_drain(); /* check_segment() sees to it that the edge does not move left */
		assert_true(seq_geq(th.c->rcv_adv, edge));
		edge = th.c->rcv_adv;
		advance(1);
	}
	assert_true(window() >= 1448 && window() <= 4 * 1460);
	mem_marks(th.env.mem, 1 << 20, 1 << 20, 1 << 20);
	put(1);
	th_drain();
	in(".", th_peer_next(), 2, 0); /* a block came back: less than low is in use */
	assert_false(mem_pressed(th.env.mem));
	in("P.", th_peer_next(), 2, 1448);
	in("P.", th_peer_next(), 2, 1448);
	th_drain();
	assert_true(window() > 100000);
	get(2896);
}

static void test_memory_pressed_buffers_do_not_grow(void **state)
{
	th_memory(8 << 20);
	th_modern();
	th.c->cwnd = 1 << 20;
	press();
	put(100000);
	th_drain();
	in(".", 1, 50001, 0);
	assert_int_equal(tcp_send_limit(th.c), 256 << 10);
	th_drain();
	th.c->cwnd = 14480;
	in(".", 1, 100001, 0);
	assert_true(tcp_send_limit(th.c) < 256 << 10);
	tcp_free(&th.env, th.c);
	th_fresh();
	th.have_edge = false;
	th_active();
	assert_int_equal(tcp_send_limit(th.c), 16 << 10);
}

static void test_memory_short_refuses_out_of_order_and_takes_in_order(void **state)
{
	th_modern();
	in(".", 1, 1, 1000);
	run_short();
	in(".", 3000, 1, 1000);
	out(".", 1, 1001, 0);
	assert_int_equal(th.opts.nsack, 0);
	count_is(in_ooo_memory, 1);
	in(".", 1001, 1, 1448);
	assert_int_equal(th.c->rcvq.len, 2448);
	get(2448);
	th_drain();
}

static void test_memory_prune_drops_out_of_order_and_keeps_the_rest(void **state)
{
	th_modern();
	in(".", 1, 1, 1000);
	in(".", 60001, 1, 1000); /* far ahead: a large ring */
	in(".", 60001, 1, 1000); /* twice: a DSACK is due */
	th.c->flags &= ~(uint32_t)TCP_F_ACK_NOW;
	assert_int_equal(th.c->rcvq.size, 64 << 10);
	tcp_prune(&th.env, th.c);
	th_check(__FILE__, __LINE__);
	assert_int_equal(th.c->rcvq.size, 2048);
	assert_int_equal(tcp_memory(th.c), 2048);
	count_is(ooo_pruned, 1);
	in(".", 5000, 1, 0);
	in(".", 1001, 1, 100);
	th_drain();
	assert_int_equal(th.opts.nsack, 0); /* nothing is reported that is gone */
	in(".", 1101, 1, 1448);		    /* and it is taken again */
	get(2548);
	assert_int_equal(th.env.mem->used, 0);
	th_drain();
}

static void test_memory_prune_of_nothing_in_order_gives_all_back(void **state)
{
	th_modern();
	in(".", 10001, 1, 1000);
	tcp_prune(&th.env, th.c);
	assert_int_equal(th.env.mem->used, 0);
	th_drain();
}

static void test_memory_prune_fits_the_send_queue(void **state)
{
	th_memory(8 << 20);
	th_modern();
	put(200000);
	th_drain();
	assert_int_equal(th.c->sndq.size, 256 << 10);
	for (uint32_t at = 1; th.c->sndq.len > 20000;) {
		at = th.c->snd_nxt - TH_ISS;
		in(".", 1, at, 0);
		if (th.c->sndq.len > 20000)
			th_drain();
	}
	tcp_prune(&th.env, th.c);
	assert_true(th.c->sndq.size <= 32 << 10);
	th_drain(); /* the bytes are still the right ones */
	in(".", 1, 200001, 0);
	assert_int_equal(th.env.mem->used, 0);
}

/* No block of twice the size: what the old one holds is filled to the last byte. */
static void test_memory_none_left_in_order_data_fills_the_ring(void **state)
{
	uint32_t hog[64], n = 0;

	th_memory(65536);
	th_modern();
	in(".", 1, 1, 1448);
	for (unsigned int order = 8; order < 9; order--)
		while ((hog[n] = mem_alloc(th.env.mem, order)))
			n++;
	in(".", 1449, 1, 1448);
	assert_int_equal(th.c->rcvq.len, 2048);
	count_is(in_no_memory, 1);
	in(".", 2049, 1, 1448);
	assert_int_equal(th.c->rcvq.len, 2048);
	out(".", 1, 2049, 0);
	get(2048);
	while (n--)
		for (unsigned int order = 0; order < 9; order++)
			if (th.env.mem->map[hog[n] - 1] == (0x80 | order)) {
				mem_free(th.env.mem, hog[n], order);
				break;
			}
	th_drain();
}

/* ---- RFC 6429 ---- */

static void shut_window(void)
{
	th_active();
	th.wnd = 0;
	in(".", 1, 1, 0);
	put(1000);
	th_drain();
}

static void answer_probes(uint32_t n)
{
	for (uint32_t i = 0; i < n && th.c->state != TCP_CLOSED; i++) {
		uint32_t probes = th.c->probes;

		while (th.c->probes == probes && th.c->state != TCP_CLOSED)
			advance(200);
		if (th.c->state != TCP_CLOSED)
			in(".", 1, 1, 0);
		th_drain();
	}
}

/* RFC 9293: MUST-37 */
static void test_memory_open_connection_waits_for_ever_but_is_known_as_stuck(void **state)
{
	shut_window();
	answer_probes(7);
	assert_false(tcp_window_stuck(&th.env, th.c));
	answer_probes(1);
	assert_true(tcp_window_stuck(&th.env, th.c));
	answer_probes(30); /* about an hour */
	state_is(TCP_ESTABLISHED);
	th.wnd = 10000;
	in(".", 1, 1, 0);
	assert_false(tcp_window_stuck(&th.env, th.c));
	out("P.", 1, 1, 1000);
	in(".", 1, 1001, 0);
}

static void test_memory_orphan_waits_for_a_bounded_number_of_probes(void **state)
{
	shut_window();
	tcp_close(&th.env, th.c, th.now);
	answer_probes(8);
	state_is(TCP_FIN_WAIT_1);
	advance(120000);
	state_is(TCP_CLOSED);
	count_is(orphan_timeouts, 1);
	th_drain();
	assert_int_equal(th.env.mem->used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_memory_counts_every_block),
		TEST(test_memory_pressed_windows_move_on_in_small_steps),
		TEST(test_memory_pressed_buffers_do_not_grow),
		TEST(test_memory_short_refuses_out_of_order_and_takes_in_order),
		TEST(test_memory_prune_drops_out_of_order_and_keeps_the_rest),
		TEST(test_memory_prune_of_nothing_in_order_gives_all_back),
		TEST(test_memory_prune_fits_the_send_queue),
		TEST(test_memory_none_left_in_order_data_fills_the_ring),
		TEST(test_memory_open_connection_waits_for_ever_but_is_known_as_stuck),
		TEST(test_memory_orphan_waits_for_a_bounded_number_of_probes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
