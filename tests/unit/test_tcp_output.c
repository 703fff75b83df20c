// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_output.c - what is sent, and when: segment sizes, windows, Nagle, silly windows, probes, PSH, URG, FIN. */
#include "tcp_harness.h"

/* RFC 9293: SHLD-28 */
static void test_output_data_is_cut_into_full_segments(void **state)
{
	th_active();
	put(4000);
	out(".", 1, 1, 1460);
	out(".", 1461, 1, 1460);
	out("P.", 2921, 1, 1080);
	no_out();
	in(".", 1, 4001, 0);
	no_out();
	assert_int_equal(th.env.mem->used, 0);
}

static void test_output_initial_window_is_ten_segments(void **state)
{
	th_memory(4 << 20);
	th_active();
	put(100000);
	out_full(10, 1, 1);
	in(".", 1, 2921, 0);
	out_full(4, 14601, 1); /* slow start: two acknowledged, four sent */
}

static void test_output_initial_window_of_large_segments_is_two(void **state)
{
	th.mss = 8960;
	th.open.path_mtu = 9000;
	th_active();
	put(100000);
	out_full(2, 1, 1); /* RFC 6928: min(10 * MSS, max(2 * MSS, 14600)) */
}

static void test_output_never_exceeds_the_peers_window(void **state)
{
	th.wnd = 4000;
	th_active();
	put(10000);
	out(".", 1, 1, 1460);
	out(".", 1461, 1, 1460);
	no_out(); /* 1,080 left: a silly window while something is in flight */
	th.wnd = 4000;
	in(".", 1, 2921, 0);
	out(".", 2921, 1, 1460);
	out(".", 4381, 1, 1460);
	no_out();
}

static void test_output_window_is_scaled(void **state)
{
	th_modern();
	th.wnd = 20;
	in(".", 1, 1, 0);
	put(10000);
	out(".", 1, 1, 1448);
	no_out(); /* 2,560 - 1,448 is less than half of the largest window */
}

static void test_output_window_of_syn_is_not_scaled(void **state)
{
	th.wscale = 7;
	th.wnd = 1000;
	th_active();
	put(5000);
	out(".", 1, 1, 1000); /* all there is, and half of the largest ever */
	no_out();
}

/* A window that shrinks below what is in flight (MUST-34): nothing new, old data is still sent again. */
/* RFC 9293: MUST-34, SHLD-15 */
static void test_output_shrunken_window_holds_new_data(void **state)
{
	th_active();
	put(20000);
	out_full(10, 1, 1);
	th.wnd = 3000;
	in(".", 1, 2921, 0);
	no_out();
	advance(200);
	out(".", 2921, 1, 1460);
	no_out();
}

/* ---- Nagle, NODELAY, cork (RFC 9293 3.7.4) ---- */

/* RFC 9293: SHLD-16 */
static void test_output_old_data_within_a_shrunken_window_is_sent_again(void **state)
{
	(void)state;
	th_active();
	put(4 * 1460);
	out_full(4, 1, 1);
	th.wnd = 2 * 1460;
	in(".", 1, 1, 0); /* two of the four are past its right edge now */
	advance(200);
	out(".", 1, 1, 1460);
	in(".", 1, 1461, 0);
	out(".", 1461, 1, 1460);
	th.wnd = 0;
	in(".", 1, 2921, 0);
	no_out();
	th.wnd = 65535;
	in(".", 1, 2921, 0);
	out(".", 2921, 1, 1460);
	th_drain();
}

/* RFC 9293: SHLD-17 */
static void test_output_data_past_a_shrunken_window_never_times_out(void **state)
{
	(void)state;
	th_active();
	put(2 * 1460);
	out_full(2, 1, 1);
	th.wnd = 0;
	for (int i = 0; i < 60; i++) { /* two hours; R2 is 15 minutes */
		in(".", 1, 1, 0);
		advance(120000);
		th_drain();
	}
	state_is(TCP_ESTABLISHED);
	th.wnd = 65535;
	in(".", 1, 1, 0);
	advance(120000);
	th_drain();
	in(".", 1, 2921, 0);
	assert_int_equal(tcp_send_queued(th.c), 0);
}

/* RFC 9293: SHLD-7 */
static void test_output_nagle_holds_second_small_segment(void **state)
{
	th_active();
	put(10);
	out("P.", 1, 1, 10);
	put(10);
	put(10);
	no_out();
	in(".", 1, 11, 0);
	out("P.", 11, 1, 20);
}

/* RFC 9293: SHLD-7 */
static void test_output_nagle_sends_full_segments_at_once(void **state)
{
	th_active();
	put(10);
	out("P.", 1, 1, 10);
	put(1470);
	out(".", 11, 1, 1460);
	no_out();
}

/* RFC 9293: MUST-17 */
static void test_output_nodelay_sends_each_write(void **state)
{
	th_active();
	th.c->flags |= TCP_F_NODELAY;
	put(10);
	out("P.", 1, 1, 10);
	put(10);
	out("P.", 11, 1, 10);
}

static void test_output_fin_overrides_nagle(void **state)
{
	th_active();
	put(10);
	out("P.", 1, 1, 10);
	put(10);
	tcp_shutdown(&th.env, th.c, th.now);
	out("FP.", 11, 1, 10);
}

static void test_output_cork_holds_partial_for_at_most_200_ms(void **state)
{
	th_active();
	put_more(100);
	no_out();
	put_more(1500);
	out(".", 1, 1, 1460);
	no_out();
	in(".", 1, 1461, 0);
	no_out();
	advance(199);
	no_out();
	advance(1);
	out("P.", 1461, 1, 140);
}

static void test_output_cork_ends_with_next_write(void **state)
{
	th_active();
	put_more(100);
	no_out();
	put(50);
	out("P.", 1, 1, 150);
}

static void test_output_cork_ends_by_timer(void **state)
{
	th_active();
	put_more(100);
	advance(199);
	no_out();
	advance(1);
	out("P.", 1, 1, 100);
}

/* ---- the sender's silly-window avoidance (3.8.6.2.1) and the persist timer (3.8.6.1) ---- */

/* RFC 9293: MUST-38 */
static void test_output_tiny_window_waits_for_the_override_timer(void **state)
{
	th_active();
	th.wnd = 65535;
	in(".", 1, 1, 0);
	th.wnd = 100;
	in(".", 1, 1, 0);
	put(5000);
	no_out();
	advance(199);
	no_out();
	advance(1);
	out(".", 1, 1, 100);
}

/* RFC 9293: MUST-38 */
static void test_output_half_of_largest_window_is_enough(void **state)
{
	th.wnd = 1000;
	th_active();
	th.wnd = 500;
	in(".", 1, 1, 0);
	put(5000);
	out(".", 1, 1, 500);
}

/* RFC 9293: MUST-35, MUST-36, SHLD-29, SHLD-30 */
static void test_output_zero_window_is_probed_with_back_off(void **state)
{
	static const uint32_t wait_ms[] = {
		200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 102400, 120000, 120000
	};

	th.wnd = 0;
	th_active();
	put(5000);
	no_out();
	for (size_t i = 0; i < sizeof(wait_ms) / sizeof(wait_ms[0]); i++) {
		advance(wait_ms[i] - 1);
		no_out();
		advance(1);
		out(".", 1, 1, 1); /* one byte past the window */
		in(".", 1, 1, 0);
		no_out();
	}
	count_is(window_probes, 12);
}

/* RFC 9293: MUST-37, MAY-8 */
static void test_output_zero_window_is_probed_for_ever(void **state)
{
	th.wnd = 0;
	th_active();
	th.c->user_timeout_ms = 60000; /* the peer answers, so neither this nor keepalive applies */
	tcp_keepalive_set(th.c, true, th.now);
	put(5000);
	no_out();
	for (int i = 0; i < 1000; i++) { /* two thirds of a day */
		advance((th.c->rtx_deadline - th.now) / TH_MS);
		out(".", 1, 1, 1);
		no_out();
		advance(30);
		in(".", 1, 1, 0);
		state_is(TCP_ESTABLISHED);
	}
	assert_true(th.now > 5000 * TH_S + 50000 * TH_S);
	th.wnd = 65535;
	in(".", 1, 1, 0);
	out(".", 1, 1, 1460);
}

static void test_output_zero_window_peer_gone_ends_after_r2(void **state)
{
	th.wnd = 0;
	th_active();
	put(5000);
	advance(900000 + 100);
	state_is(TCP_ESTABLISHED);
	assert_true(th.made_count > 10);
	th_drain();
	advance(200);
	state_is(TCP_CLOSED);
	assert_int_equal(th.c->error, ETIMEDOUT);
}

static void test_output_probe_byte_accepted_counts_as_sent(void **state)
{
	th.wnd = 0;
	th_active();
	put(100);
	advance(200);
	out(".", 1, 1, 1);
	in(".", 1, 2, 0);
	assert_int_equal(th.c->snd_una - TH_ISS, 2);
	no_out();
	advance(200);
	out(".", 2, 1, 1); /* back-off starts anew */
	th.wnd = 1000;
	in(".", 1, 2, 0);
	out("P.", 2, 1, 99);
	in(".", 1, 101, 0);
	assert_int_equal(tcp_send_queued(th.c), 0);
	assert_int_equal(tcp_deadline(th.c), TCP_NEVER);
}

static void test_output_fin_is_probed_through_zero_window(void **state)
{
	th.wnd = 0;
	th_active();
	tcp_shutdown(&th.env, th.c, th.now);
	no_out();
	advance(200);
	out("F.", 1, 1, 0);
	in(".", 1, 1, 0);
	advance(400);
	out("F.", 1, 1, 0);
	in(".", 1, 2, 0);
	state_is(TCP_FIN_WAIT_2);
}

static void test_output_window_opening_sends_at_once(void **state)
{
	th.wnd = 0;
	th_active();
	put(3000);
	no_out();
	th.wnd = 65535;
	in(".", 1, 1, 0);
	out(".", 1, 1, 1460);
	out(".", 1461, 1, 1460);
	out("P.", 2921, 1, 80);
}

/* ---- the window we announce (3.8.6.2.2) ---- */

/* RFC 9293: SHLD-14 */
static void test_output_window_falls_with_unread_data_and_never_shrinks(void **state)
{
	th.env.conf.rcvbuf_max = 10000;
	th_active();
	for (uint32_t i = 0; i < 10; i++) {
		in("P.", 1 + i * 1000, 1, 1000);
		th.c->flags |= TCP_F_ACK_NOW;
		out(".", 1, 1001 + i * 1000, 0);
		assert_int_equal(th.last.wnd, 9000 - i * 1000);
	}
}

/* RFC 9293: MUST-39 */
static void test_output_window_update_waits_for_a_worthwhile_step(void **state)
{
	th.env.conf.rcvbuf_max = 10000;
	th_active();
	in(".", 1, 1, 10000);
	th_drain();
	advance(100);
	th_drain();
	assert_int_equal(th.c->rcv_adv, th.c->rcv_nxt);
	get(1000);
	no_out();
	get(459);
	no_out(); /* 1,459 of an MSS of 1,460 */
	get(1);
	out(".", 1, 10001, 0);
	assert_int_equal(th.last.wnd, 1460);
}

/* With a window scale, rounding must neither shrink the window nor let it creep past the buffer. */
static void test_output_scaled_window_does_not_creep_past_the_buffer(void **state)
{
	th.env.conf.rcvbuf_max = th.env.conf.rcvbuf_init = 1 << 20;
	th.wscale = 5;
	th_memory(8 << 20);
	th_active();
	for (uint32_t i = 0; i < 40000; i++) {
		in("P.", th_peer_next(), 1, i < 715 ? 1460 : 7);
		th.c->flags |= TCP_F_ACK_NOW;
		th_drain();
		assert_true(th.c->rcvq.len + (th.c->rcv_adv - th.c->rcv_nxt) <= 1u << 20);
	}
	assert_true(th.c->rcvq.len <= 1u << 20);
	assert_true(th.c->rcvq.size <= 1u << 20);
}

static void test_output_reading_opens_large_window_without_an_ack_for_each_read(void **state)
{
	uint32_t acks = 0;

	th.env.conf.rcvbuf_init = 4 << 20;
	th_modern();
	in(".", 1, 1, 60000);
	th_drain();
	advance(50);
	th_drain();
	for (int i = 0; i < 60; i++) {
		get(1000);
		while (tcp_output(&th.env, th.c, &th.last, th.now))
			acks++;
	}
	assert_true(acks <= 1);
}

/* ---- flags ---- */

/* RFC 9293: MUST-60, MUST-61, SHLD-27, MAY-16 */
static void test_output_psh_marks_the_last_of_what_is_queued(void **state)
{
	th_active();
	put(1460);
	out("P.", 1, 1, 1460);
	put(2920);
	out(".", 1461, 1, 1460);
	out("P.", 2921, 1, 1460);
}

/* RFC 9293: MUST-62 */
static void test_output_urgent_pointer_is_one_past_the_urgent_byte(void **state)
{
	th_active();
	put_urgent(5);
	out("PU.", 1, 1, 5);
	assert_int_equal(th.last.urg, 5);
	in(".", 1, 6, 0);
	put(5);
	out("P.", 6, 1, 5);
}

/* RFC 9293: MUST-31 */
static void test_output_urgent_mode_spans_segments(void **state)
{
	th_active();
	put(1460);
	out("P.", 1, 1, 1460);
	put_urgent(2000); /* Nagle does not hold urgent data */
	out("U.", 1461, 1, 1460);
	assert_int_equal(th.last.urg, 2000);
	out("PU.", 2921, 1, 540);
	assert_int_equal(th.last.urg, 540);
}

static void test_output_fin_needs_room_in_the_window(void **state)
{
	th.wnd = 100;
	th_active();
	put(100);
	tcp_shutdown(&th.env, th.c, th.now);
	out("P.", 1, 1, 100);
	no_out();
	in(".", 1, 101, 0);
	out("F.", 101, 1, 0);
}

static void test_output_nothing_new_after_fin(void **state)
{
	th_active();
	tcp_shutdown(&th.env, th.c, th.now);
	out("F.", 1, 1, 0);
	assert_int_equal(tcp_send(&th.env, th.c, "x", 1, false, false), -EPIPE);
	no_out();
}

static void test_output_restarts_after_idle_with_initial_window(void **state)
{
	th_active();
	th.c->cwnd = 100000;
	advance(10000);
	put(60000);
	out_full(10, 1, 1); /* RFC 5681 4.1 */
}

/* SACK blocks take from the segment, so that it still fits the path. */
static void test_output_data_beside_sack_blocks_fits_the_path(void **state)
{
	th_modern();
	for (uint32_t i = 1; i <= 5; i++)
		in("P.", 1 + i * 1000, 1, 100);
	put(5000);
	out(".", 1, 1, 1420);
	assert_int_equal(th.opts.nsack, 3);
	out(".", 1421, 1, 1420);
	out(".", 2841, 1, 1420);
	out("P.", 4261, 1, 740);
}

static void test_output_retransmission_beside_sack_blocks_fits_the_path(void **state)
{
	th_modern();
	put(1448);
	out("P.", 1, 1, 1448);
	for (uint32_t i = 1; i <= 5; i++)
		in("P.", 1 + i * 1000, 1, 100);
	out(".", 1449, 1, 0);
	assert_int_equal(th.opts.nsack, 3);
	advance(200);
	out("P.", 1, 1, 1448); /* the harness checks its size */
	assert_int_equal(th.opts.nsack, 0);
	put(100);
	tcp_shutdown(&th.env, th.c, th.now);
	in(".", 1, 1449, 0);
	out("FP.", 1449, 1, 100);
	assert_int_equal(th.opts.nsack, 3);
	th.c->rto_us = 200000;
}

/* ---- memory ---- */

static void test_output_without_memory_for_records_still_gets_through(void **state)
{
	uint32_t grab[64], n = 0;

	th_memory(16384);
	th_active();
	put(100);
	while (n < 64 && (grab[n] = mem_alloc(th.env.mem, 0)))
		n++;
	no_out();
	advance(200);
	out(".", 1, 1, 1); /* byte by byte, as a probe */
	in(".", 1, 2, 0);
	while (n)
		mem_free(th.env.mem, grab[--n], 0);
	out("P.", 2, 1, 99);
}

static void test_output_syn_without_memory_is_tried_again_then_given_up(void **state)
{
	uint32_t grab[64], n = 0;

	th_memory(4096);
	while (n < 64 && (grab[n] = mem_alloc(th.env.mem, 0)))
		n++;
	th_connect();
	no_out();
	advance(60000);
	state_is(TCP_SYN_SENT);
	mem_free(th.env.mem, grab[--n], 0);
	out("S", 0, 0, 0);
	tcp_close(&th.env, th.c, th.now);
	grab[n] = mem_alloc(th.env.mem, 0);
	n++;
	th_fresh();
	th_connect();
	advance(200000);
	state_is(TCP_CLOSED);
	assert_int_equal(th.c->error, ETIMEDOUT);
	while (n)
		mem_free(th.env.mem, grab[--n], 0);
}

static void test_output_retransmission_survives_exhaustion(void **state)
{
	uint32_t block[128], n = 0;

	th_memory(32768);
	th_active();
	put(4000);
	while (n < 128 && (block[n] = mem_alloc(th.env.mem, 0)))
		n++;
	out_full(0, 1, 1);
	advance(500);
	th_drain();
	while (n)
		mem_free(th.env.mem, block[--n], 0);
	advance(2000);
	th_drain();
	assert_int_equal(th_our_next(), 4001);
	in(".", 1, 4001, 0);
	assert_int_equal(tcp_send_queued(th.c), 0);
}

/* The override timer of 3.8.6.2.1 has nothing to do any more once the window cuts nothing short. */
static void test_output_held_by_the_application_is_no_reason_for_a_probe(void **state)
{
	th_active();
	th.wnd = 200;
	in(".", 1, 1, 0);
	put_more(1000);
	no_out();
	assert_true(th.c->rtx_deadline != TCP_NEVER);
	th.wnd = 65535;
	in(".", 1, 1, 0);
	no_out();
	assert_true(th.c->rtx_deadline == TCP_NEVER);
	advance(2000);
	out("P.", 1, 1, 1000);
	count_is(window_probes, 0);
	th_drain();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_output_held_by_the_application_is_no_reason_for_a_probe),
		TEST(test_output_data_is_cut_into_full_segments),
		TEST(test_output_initial_window_is_ten_segments),
		TEST(test_output_initial_window_of_large_segments_is_two),
		TEST(test_output_never_exceeds_the_peers_window),
		TEST(test_output_window_is_scaled),
		TEST(test_output_window_of_syn_is_not_scaled),
		TEST(test_output_shrunken_window_holds_new_data),
		TEST(test_output_old_data_within_a_shrunken_window_is_sent_again),
		TEST(test_output_data_past_a_shrunken_window_never_times_out),
		TEST(test_output_nagle_holds_second_small_segment),
		TEST(test_output_nagle_sends_full_segments_at_once),
		TEST(test_output_nodelay_sends_each_write),
		TEST(test_output_fin_overrides_nagle),
		TEST(test_output_cork_holds_partial_for_at_most_200_ms),
		TEST(test_output_cork_ends_with_next_write),
		TEST(test_output_cork_ends_by_timer),
		TEST(test_output_tiny_window_waits_for_the_override_timer),
		TEST(test_output_half_of_largest_window_is_enough),
		TEST(test_output_zero_window_is_probed_with_back_off),
		TEST(test_output_zero_window_is_probed_for_ever),
		TEST(test_output_zero_window_peer_gone_ends_after_r2),
		TEST(test_output_probe_byte_accepted_counts_as_sent),
		TEST(test_output_fin_is_probed_through_zero_window),
		TEST(test_output_window_opening_sends_at_once),
		TEST(test_output_window_falls_with_unread_data_and_never_shrinks),
		TEST(test_output_window_update_waits_for_a_worthwhile_step),
		TEST(test_output_scaled_window_does_not_creep_past_the_buffer),
		TEST(test_output_reading_opens_large_window_without_an_ack_for_each_read),
		TEST(test_output_psh_marks_the_last_of_what_is_queued),
		TEST(test_output_urgent_pointer_is_one_past_the_urgent_byte),
		TEST(test_output_urgent_mode_spans_segments),
		TEST(test_output_fin_needs_room_in_the_window),
		TEST(test_output_nothing_new_after_fin),
		TEST(test_output_restarts_after_idle_with_initial_window),
		TEST(test_output_data_beside_sack_blocks_fits_the_path),
		TEST(test_output_retransmission_beside_sack_blocks_fits_the_path),
		TEST(test_output_without_memory_for_records_still_gets_through),
		TEST(test_output_syn_without_memory_is_tried_again_then_given_up),
		TEST(test_output_retransmission_survives_exhaustion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
