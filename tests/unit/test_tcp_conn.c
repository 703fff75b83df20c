// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_conn.c - the life of a connection: every transition of RFC 9293 3.3.2, figure 5. */
#include "tcp_harness.h"

/* ---- opening ---- */

static void test_conn_active_open_reaches_established(void **state)
{
	th_connect();
	state_is(TCP_SYN_SENT);
	out("S", 0, 0, 0);
	assert_int_equal(th.opts.present, TCP_OPT_MSS | TCP_OPT_WSCALE | TCP_OPT_SACK_OK | TCP_OPT_TS);
	assert_int_equal(th.opts.mss, 1460);
	assert_int_equal(th.last.wnd, 65535);
	assert_int_equal(th.last.ttl, 64);
	in("S.", 0, 1, 0);
	state_is(TCP_ESTABLISHED);
	assert_int_equal(events_take(), TCP_EV_OPEN | TCP_EV_WRITABLE);
	out(".", 1, 1, 0);
	no_out();
	count_is(active_opens, 1);
	assert_int_equal(tcp_deadline(th.c), TCP_NEVER);
	assert_int_equal(th.env.mem->used, 0);
}

static void test_conn_passive_open_reaches_established(void **state)
{
	th_listen();
	state_is(TCP_SYN_RECEIVED);
	out("S.", 0, 1, 0);
	no_out();
	in(".", 1, 1, 0);
	state_is(TCP_ESTABLISHED);
	assert_true(th.c->flags & TCP_F_PASSIVE);
	assert_int_equal(events_take(), TCP_EV_OPEN | TCP_EV_WRITABLE);
	no_out();
	count_is(passive_opens, 1);
	assert_int_equal(th.env.mem->used, 0);
}

/* Figure 8: both SYNs cross, both SYN-ACKs cross. */
/* RFC 9293: MUST-10 */
static void test_conn_simultaneous_open_crossing_syn_acks_establish(void **state)
{
	th_connect();
	out("S", 0, 0, 0);
	in("S", 0, 0, 0);
	state_is(TCP_SYN_RECEIVED);
	assert_false(th.c->flags & TCP_F_PASSIVE);
	out("S.", 0, 1, 0);
	no_out();
	in("S.", 0, 1, 0);
	state_is(TCP_ESTABLISHED);
	assert_int_equal(th.c->snd_una - TH_ISS, 1);
	th_drain();
	put(10);
	out("P.", 1, 1, 10);
}

/* RFC 9293: MUST-10 */
static void test_conn_simultaneous_open_ack_establishes(void **state)
{
	th_connect();
	out("S", 0, 0, 0);
	in("S", 0, 0, 0);
	out("S.", 0, 1, 0);
	in(".", 1, 1, 0);
	state_is(TCP_ESTABLISHED);
	no_out();
}

/* The window of a SYN-ACK is not scaled, however it arrives. */
/* Found by tests/fuzz/fuzz_tcp.c: the second SYN lacks the window scale that a challenge ACK has used already. */
static void test_conn_simultaneous_open_second_syn_changes_no_option(void **state)
{
	th.wscale = 7;
	th_connect();
	out("S", 0, 0, 0);
	in("S", 0, 0, 0);
	out("S.", 0, 1, 0);
	in("S.", 1, 1, 0); /* in the window: challenged, with a scaled window */
	out(".", 1, 1, 0);
	th.wscale = -1;
	in("S.", 0, 1, 0);
	out(".", 1, 1, 0); /* the harness sees that the right edge stays */
	state_is(TCP_ESTABLISHED);
	assert_int_not_equal(th.c->rcv_wscale, 0);
}

static void test_conn_simultaneous_open_syn_ack_window_unscaled(void **state)
{
	th.wscale = 7;
	th_connect();
	out("S", 0, 0, 0);
	in("S", 0, 0, 0);
	out("S.", 0, 1, 0);
	th.wnd = 2000;
	in("S.", 0, 1, 0);
	state_is(TCP_ESTABLISHED);
	assert_int_equal(th.c->snd_wnd, 2000);
}

static void test_conn_syn_received_syn_ack_with_bad_ack_does_not_establish(void **state)
{
	th_connect();
	out("S", 0, 0, 0);
	in("S", 0, 0, 0);
	out("S.", 0, 1, 0);
	in("S.", 0, 2, 0);
	state_is(TCP_SYN_RECEIVED);
	in("S.", 0, 0, 0);
	state_is(TCP_SYN_RECEIVED);
}

static void test_conn_syn_lost_again_syn_received_answers_with_syn_ack(void **state)
{
	th_goto(TCP_SYN_RECEIVED);
	in("S", 0, 0, 0);
	out("S.", 0, 1, 0);
	no_out();
	state_is(TCP_SYN_RECEIVED);
	in(".", 1, 1, 0);
	state_is(TCP_ESTABLISHED);
}

static void test_conn_syn_received_data_with_ack_is_delivered(void **state)
{
	th_goto(TCP_SYN_RECEIVED);
	in("P.", 1, 1, 100);
	state_is(TCP_ESTABLISHED);
	get(100);
}

static void test_conn_syn_received_fin_with_ack_reaches_close_wait(void **state)
{
	th_goto(TCP_SYN_RECEIVED);
	in("F.", 1, 1, 0);
	state_is(TCP_CLOSE_WAIT);
	out(".", 1, 2, 0);
	assert_true(events_take() & TCP_EV_PEER_FIN);
}

static void test_conn_lost_syn_starts_with_one_segment(void **state)
{
	th_connect();
	out("S", 0, 0, 0);
	advance(1000);
	out("S", 0, 0, 0);
	in("S.", 0, 1, 0);
	out(".", 1, 1, 0);
	assert_int_equal(th.c->cwnd, th.c->mss); /* RFC 5681 3.1 */
	assert_int_equal(th.c->rto_us, 3000000); /* RFC 6298 5.7 */
}

/* ---- closing ---- */

/* RFC 9293: MAY-1 */
static void test_conn_half_close_receives_until_peer_fin(void **state)
{
	th_active();
	assert_int_equal(tcp_shutdown(&th.env, th.c, th.now), 0);
	state_is(TCP_FIN_WAIT_1);
	out("F.", 1, 1, 0);
	in(".", 1, 2, 0);
	state_is(TCP_FIN_WAIT_2);
	assert_int_equal(tcp_send(&th.env, th.c, "x", 1, false, false), -EPIPE);
	assert_int_equal(tcp_deadline(th.c), TCP_NEVER); /* the application still listens: no limit */
	in("P.", 1, 2, 1000);
	in("P.", 1001, 2, 1000);
	get(2000);
	out(".", 2, 2001, 0);
	in("F.", 2001, 2, 0);
	state_is(TCP_TIME_WAIT);
	out(".", 2, 2002, 0);
	advance(59999);
	state_is(TCP_TIME_WAIT);
	advance(1);
	state_is(TCP_CLOSED);
	assert_int_equal(th.c->error, 0);
}

static void test_conn_half_close_after_cork_survives_its_timer(void **state)
{
	th_active();
	put_more(100);
	no_out();
	tcp_shutdown(&th.env, th.c, th.now);
	out("FP.", 1, 1, 100);
	in(".", 1, 102, 0);
	state_is(TCP_FIN_WAIT_2);
	advance(1000);
	state_is(TCP_FIN_WAIT_2);
	in("P.", 1, 102, 10);
	get(10);
}

static void test_conn_peer_half_close_we_send_on(void **state)
{
	th_active();
	in("F.", 1, 1, 0);
	state_is(TCP_CLOSE_WAIT);
	assert_int_equal(events_take(), TCP_EV_READABLE | TCP_EV_PEER_FIN);
	out(".", 1, 2, 0);
	assert_int_equal(tcp_recv(&th.env, th.c, (char[1]){ 0 }, 1), 0);
	put(500);
	out("P.", 1, 2, 500);
	in(".", 2, 501, 0);
	tcp_close(&th.env, th.c, th.now);
	state_is(TCP_LAST_ACK);
	out("F.", 501, 2, 0);
	in(".", 2, 502, 0);
	state_is(TCP_CLOSED);
	assert_int_equal(th.c->error, 0);
	assert_int_equal(events_take(), TCP_EV_CLOSED);
	no_out();
}

static void test_conn_simultaneous_close_passes_closing(void **state)
{
	th_active();
	tcp_close(&th.env, th.c, th.now);
	out("F.", 1, 1, 0);
	in("F.", 1, 1, 0);
	state_is(TCP_CLOSING);
	out(".", 2, 2, 0);
	in(".", 2, 2, 0);
	state_is(TCP_TIME_WAIT);
	count_is(time_waits, 1);
}

static void test_conn_fin_with_ack_of_fin_goes_to_time_wait_at_once(void **state)
{
	th_active();
	tcp_close(&th.env, th.c, th.now);
	out("F.", 1, 1, 0);
	in("F.", 1, 2, 0);
	state_is(TCP_TIME_WAIT);
	out(".", 2, 2, 0);
	no_out();
}

static void test_conn_close_in_syn_sent_is_silent(void **state)
{
	th_goto(TCP_SYN_SENT);
	tcp_close(&th.env, th.c, th.now);
	state_is(TCP_CLOSED);
	no_out();
	assert_int_equal(th.env.mem->used, 0);
}

static void test_conn_shutdown_in_syn_sent_sends_fin_after_handshake(void **state)
{
	th_goto(TCP_SYN_SENT);
	assert_int_equal(tcp_shutdown(&th.env, th.c, th.now), 0);
	no_out();
	in("S.", 0, 1, 0);
	state_is(TCP_FIN_WAIT_1);
	out("F.", 1, 1, 0);
	in(".", 1, 2, 0);
	state_is(TCP_FIN_WAIT_2);
}

static void test_conn_close_in_syn_received_sends_fin_after_handshake(void **state)
{
	th_goto(TCP_SYN_RECEIVED);
	tcp_close(&th.env, th.c, th.now);
	state_is(TCP_SYN_RECEIVED);
	in(".", 1, 1, 0);
	state_is(TCP_FIN_WAIT_1);
	out("F.", 1, 1, 0);
}

static void test_conn_close_with_data_queued_sends_it_then_fin(void **state)
{
	th_active();
	put(3000);
	tcp_close(&th.env, th.c, th.now);
	out(".", 1, 1, 1460);
	out(".", 1461, 1, 1460);
	out("FP.", 2921, 1, 80);
	in(".", 1, 3001, 0);
	state_is(TCP_FIN_WAIT_1);
	in(".", 1, 3002, 0);
	state_is(TCP_FIN_WAIT_2);
}

/* RFC 9293: SHLD-3 */
static void test_conn_close_with_unread_data_resets(void **state)
{
	th_active();
	in("P.", 1, 1, 100);
	tcp_close(&th.env, th.c, th.now);
	out("R.", 1, 101, 0);
	state_is(TCP_CLOSED);
	no_out();
	count_is(out_rsts, 1);
	assert_int_equal(th.env.mem->used, 0);
}

static void test_conn_close_with_unread_data_out_of_order_resets(void **state)
{
	th_active();
	in("P.", 101, 1, 100);
	tcp_close(&th.env, th.c, th.now);
	out("R.", 1, 1, 0);
	state_is(TCP_CLOSED);
}

static void test_conn_data_after_close_resets(void **state)
{
	th_active();
	tcp_close(&th.env, th.c, th.now);
	out("F.", 1, 1, 0);
	in(".", 1, 2, 0);
	state_is(TCP_FIN_WAIT_2);
	in("P.", 1, 2, 10);
	out("R.", 2, 1, 0);
	state_is(TCP_CLOSED);
	count_is(in_data_after_close, 1);
}

static void test_conn_old_data_after_close_is_only_acknowledged(void **state)
{
	th_active();
	in("P.", 1, 1, 10);
	get(10);
	tcp_close(&th.env, th.c, th.now);
	out("F.", 1, 11, 0);
	in("P.", 1, 1, 10);
	out(".", 2, 11, 0);
	state_is(TCP_FIN_WAIT_1);
}

/* XTCP_FIN_WAIT2_MS */
static void test_conn_orphan_in_fin_wait_2_has_a_time_of_its_own(void **state)
{
	th_active();
	tcp_set_fin_wait2(th.c, 5000);
	tcp_close(&th.env, th.c, th.now);
	out("F.", 1, 1, 0);
	in(".", 1, 2, 0);
	state_is(TCP_FIN_WAIT_2);
	advance(4999);
	state_is(TCP_FIN_WAIT_2);
	advance(1);
	state_is(TCP_CLOSED);
}

static void test_conn_orphan_in_fin_wait_2_times_out(void **state)
{
	th_active();
	tcp_close(&th.env, th.c, th.now);
	out("F.", 1, 1, 0);
	in(".", 1, 2, 0);
	advance(59999);
	state_is(TCP_FIN_WAIT_2);
	advance(1);
	state_is(TCP_CLOSED);
	no_out();
}

static void test_conn_close_after_half_close_limits_fin_wait_2(void **state)
{
	th_goto(TCP_FIN_WAIT_2);
	advance(3600000);
	state_is(TCP_FIN_WAIT_2);
	tcp_close(&th.env, th.c, th.now);
	advance(60000);
	state_is(TCP_CLOSED);
}

static void test_conn_abort_sends_rst_where_the_rfc_says(void **state)
{
	static const bool rst[] = {
		[TCP_SYN_RECEIVED] = true, [TCP_ESTABLISHED] = true, [TCP_FIN_WAIT_1] = true, [TCP_FIN_WAIT_2] = true,
		[TCP_CLOSE_WAIT] = true,   [TCP_CLOSING] = true,     [TCP_LAST_ACK] = true,   [TCP_TIME_WAIT] = false,
	};

	for (int s = TCP_SYN_SENT; s <= TCP_TIME_WAIT; s++) {
		th_goto((enum tcp_state)s);
		tcp_abort(&th.env, th.c, ECONNABORTED);
		state_is(TCP_CLOSED);
		if (rst[s])
			out("R.", th_our_next(), th_peer_next(), 0);
		no_out();
		assert_int_equal(th.c->error, ECONNABORTED);
		th_teardown(state);
		th_setup(state);
	}
}

static void test_conn_linger_zero_resets(void **state)
{
	th_active();
	th.c->linger_ms = 0;
	tcp_close(&th.env, th.c, th.now);
	out("R.", 1, 1, 0);
	state_is(TCP_CLOSED);
}

static void test_conn_linger_runs_out_resets(void **state)
{
	th_active();
	th.c->linger_ms = 500;
	put(100);
	tcp_close(&th.env, th.c, th.now);
	out("FP.", 1, 1, 100);
	advance(499);
	th.made_count = 0; /* retransmissions */
	state_is(TCP_FIN_WAIT_1);
	advance(1);
	out("R.", 102, 1, 0);
	state_is(TCP_CLOSED);
	assert_int_equal(th.c->error, ETIMEDOUT);
}

/* Linger is about our data and FIN: once they are acknowledged, FIN-WAIT-2 has its own patience. */
static void test_conn_linger_done_in_time_is_orderly(void **state)
{
	th_active();
	th.c->linger_ms = 500;
	put(100);
	tcp_close(&th.env, th.c, th.now);
	out("FP.", 1, 1, 100);
	in(".", 1, 102, 0);
	advance(1000);
	no_out();
	state_is(TCP_FIN_WAIT_2);
	in("F.", 1, 102, 0);
	state_is(TCP_TIME_WAIT);
}

static void test_conn_linger_after_half_close_has_nothing_to_wait_for(void **state)
{
	th_goto(TCP_FIN_WAIT_2);
	th.c->linger_ms = 500;
	tcp_close(&th.env, th.c, th.now);
	advance(59999);
	no_out();
	state_is(TCP_FIN_WAIT_2);
	advance(1);
	no_out();
	state_is(TCP_CLOSED);
	assert_int_equal(th.c->error, 0);
}

/* ---- endings by the peer ---- */

/* RFC 9293: MUST-12 */
static void test_conn_reset_in_each_state_ends_it(void **state)
{
	static const uint16_t err[] = {
		[TCP_SYN_RECEIVED] = ECONNREFUSED, [TCP_ESTABLISHED] = ECONNRESET, [TCP_FIN_WAIT_1] = ECONNRESET,
		[TCP_FIN_WAIT_2] = ECONNRESET,	   [TCP_CLOSE_WAIT] = ECONNRESET,  [TCP_LAST_ACK] = 0,
	};

	for (int s = TCP_SYN_RECEIVED; s <= TCP_LAST_ACK; s++) {
		th_goto((enum tcp_state)s);
		in("R", th_peer_next(), 0, 0);
		state_is(TCP_CLOSED);
		assert_int_equal(th.c->error, err[s]);
		assert_true(events_take() & (err[s] ? TCP_EV_ERROR : TCP_EV_CLOSED));
		no_out();
		assert_int_equal(th.env.mem->used, 0);
		th_teardown(state);
		th_setup(state);
	}
}

static void test_conn_reset_leaves_received_data_readable(void **state)
{
	th_active();
	in("P.", 1, 1, 100);
	in("R", 101, 0, 0);
	state_is(TCP_CLOSED);
	get(100);
	assert_int_equal(tcp_recv(&th.env, th.c, (char[1]){ 0 }, 1), -ECONNRESET);
}

static void test_conn_closed_answers_with_rst(void **state)
{
	th_goto(TCP_CLOSED);
	in("P.", 1, 77, 10);
	rst_reply("R", 77, 0);
	in("S", 5, 0, 0);
	rst_reply("R.", 0, 6);
	in("R", 5, 0, 0);
	assert_int_equal(th.verdict, TCP_DONE);
}

/* ---- segment size ---- */

static uint32_t mss_after(uint16_t peer, bool ts, bool v6, uint32_t mtu)
{
	if (v6)
		th_ipv6();
	th.mss = peer;
	th.ts = ts;
	th.open.path_mtu = mtu;
	th_active();
	return th.c->mss;
}

static void mss_is(void **state, uint16_t peer, bool ts, bool v6, uint32_t mtu, uint32_t want)
{
	assert_int_equal(mss_after(peer, ts, v6, mtu), want);
	th_teardown(state);
	th_setup(state);
}

/* RFC 9293: MUST-16 */
static void test_conn_mss_follows_peer_path_and_options(void **state)
{
	mss_is(state, 1460, false, false, 1500, 1460);
	mss_is(state, 1460, true, false, 1500, 1448);
	mss_is(state, 0, false, false, 1500, 536); /* MUST-15 */
	mss_is(state, 0, false, true, 1500, 1220);
	mss_is(state, 9000, false, false, 1500, 1460);
	mss_is(state, 9000, false, true, 1500, 1440);
	mss_is(state, 1000, true, false, 1500, 988);
	mss_is(state, 65535, false, false, 65000, 64960);
	mss_is(state, 1, false, false, 1500, 536); /* a tiny one is not believed */
	mss_is(state, 0, false, false, 296, 256);
}

/* RFC 9293: MUST-67 */
static void test_conn_mss_announced_is_what_the_path_carries(void **state)
{
	static const struct {
		uint32_t mtu;
		bool v6;
		uint16_t mss;
	} t[] = { { 1500, false, 1460 },
		  { 1500, true, 1440 },
		  { 9000, false, 8960 },
		  { 1280, true, 1220 },
		  { 65000, false, 64960 } };

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		if (t[i].v6)
			th_ipv6();
		th.open.path_mtu = t[i].mtu;
		th_connect();
		out("S", 0, 0, 0);
		assert_int_equal(th.opts.mss, t[i].mss);
		th_teardown(state);
		th_setup(state);
	}
}

/* ---- challenge ACKs ---- */

static void test_conn_challenge_acks_are_limited_each_second(void **state)
{
	uint32_t sent = 0;

	th_active();
	for (int i = 0; i < 100; i++) {
		in("S.", 100, 1, 0);
		while (tcp_output(&th.env, th.c, &th.last, th.now))
			sent++;
	}
	assert_int_equal(sent, 10);
	count_is(challenge_acks, 10);
	count_is(challenge_limited, 90);
	state_is(TCP_ESTABLISHED);
	advance(1000);
	in("S.", 100, 1, 0);
	out(".", 1, 1, 0);
}

static void test_conn_idle_owns_no_buffer(void **state)
{
	th_modern();
	for (int i = 0; i < 5; i++) {
		put(5000);
		th_drain();
		in("P.", th_peer_next(), th_our_next(), 3000);
		assert_true(th.env.mem->used > 0);
		get(3000);
		advance(100);
		th_drain();
		assert_int_equal(th.env.mem->used, 0);
		assert_int_equal(tcp_deadline(th.c), TCP_NEVER);
	}
}

static void test_conn_names_of_states_are_the_rfcs(void **state)
{
	assert_string_equal(tcp_state_name(TCP_CLOSED), "CLOSED");
	assert_string_equal(tcp_state_name(TCP_SYN_RECEIVED), "SYN-RECEIVED");
	assert_string_equal(tcp_state_name(TCP_TIME_WAIT), "TIME-WAIT");
	assert_string_equal(tcp_state_name(11), "?");
}

/* RFC 9293: MUST-48, MUST-49, SHLD-21, SHLD-22 */
static void test_conn_traffic_class_and_ttl_are_the_applications(void **state)
{
	th.env.conf.ttl = 7;
	th_active();
	th.c->tclass = 0xb8;
	put(1);
	out("P.", 1, 1, 1);
	assert_int_equal(th.last.ttl, 7);
	assert_int_equal(th.last.tclass, 0xb8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_conn_active_open_reaches_established),
		TEST(test_conn_passive_open_reaches_established),
		TEST(test_conn_simultaneous_open_crossing_syn_acks_establish),
		TEST(test_conn_simultaneous_open_ack_establishes),
		TEST(test_conn_simultaneous_open_second_syn_changes_no_option),
		TEST(test_conn_simultaneous_open_syn_ack_window_unscaled),
		TEST(test_conn_syn_received_syn_ack_with_bad_ack_does_not_establish),
		TEST(test_conn_syn_lost_again_syn_received_answers_with_syn_ack),
		TEST(test_conn_syn_received_data_with_ack_is_delivered),
		TEST(test_conn_syn_received_fin_with_ack_reaches_close_wait),
		TEST(test_conn_lost_syn_starts_with_one_segment),
		TEST(test_conn_half_close_receives_until_peer_fin),
		TEST(test_conn_half_close_after_cork_survives_its_timer),
		TEST(test_conn_peer_half_close_we_send_on),
		TEST(test_conn_simultaneous_close_passes_closing),
		TEST(test_conn_fin_with_ack_of_fin_goes_to_time_wait_at_once),
		TEST(test_conn_close_in_syn_sent_is_silent),
		TEST(test_conn_shutdown_in_syn_sent_sends_fin_after_handshake),
		TEST(test_conn_close_in_syn_received_sends_fin_after_handshake),
		TEST(test_conn_close_with_data_queued_sends_it_then_fin),
		TEST(test_conn_close_with_unread_data_resets),
		TEST(test_conn_close_with_unread_data_out_of_order_resets),
		TEST(test_conn_data_after_close_resets),
		TEST(test_conn_old_data_after_close_is_only_acknowledged),
		TEST(test_conn_orphan_in_fin_wait_2_has_a_time_of_its_own),
		TEST(test_conn_orphan_in_fin_wait_2_times_out),
		TEST(test_conn_close_after_half_close_limits_fin_wait_2),
		TEST(test_conn_abort_sends_rst_where_the_rfc_says),
		TEST(test_conn_linger_zero_resets),
		TEST(test_conn_linger_runs_out_resets),
		TEST(test_conn_linger_done_in_time_is_orderly),
		TEST(test_conn_linger_after_half_close_has_nothing_to_wait_for),
		TEST(test_conn_reset_in_each_state_ends_it),
		TEST(test_conn_reset_leaves_received_data_readable),
		TEST(test_conn_closed_answers_with_rst),
		TEST(test_conn_mss_follows_peer_path_and_options),
		TEST(test_conn_mss_announced_is_what_the_path_carries),
		TEST(test_conn_challenge_acks_are_limited_each_second),
		TEST(test_conn_idle_owns_no_buffer),
		TEST(test_conn_names_of_states_are_the_rfcs),
		TEST(test_conn_traffic_class_and_ttl_are_the_applications),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
