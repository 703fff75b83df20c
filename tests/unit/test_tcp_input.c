// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_input.c - SEGMENT ARRIVES (RFC 9293 3.10.7), step by step. Transitions of states: test_tcp_conn.c. */
#include "tcp_harness.h"

/* ---- SYN-SENT (3.10.7.3) ---- */

static void test_input_syn_sent_bad_ack_is_answered_with_rst(void **state)
{
	th_goto(TCP_SYN_SENT);
	in("S.", 0, 0, 0);
	rst_reply("R", 0, 0);
	in(".", 0, 2, 0);
	rst_reply("R", 2, 0);
	in("R.", 0, 2, 0);
	assert_int_equal(th.verdict, TCP_DONE);
	in("R.", 0, 0, 0);
	state_is(TCP_SYN_SENT);
	no_out();
	count_is(in_bad_ack_syn_sent, 4);
}

static void test_input_syn_sent_rst_counts_only_with_our_ack(void **state)
{
	th_goto(TCP_SYN_SENT);
	in("R", 0, 0, 0);
	state_is(TCP_SYN_SENT);
	in("R.", 0, 1, 0);
	state_is(TCP_CLOSED);
	assert_int_equal(th.c->error, ECONNREFUSED);
	assert_int_equal(events_take(), TCP_EV_ERROR);
	count_is(attempt_fails, 1);
}

static void test_input_syn_sent_ack_alone_is_dropped(void **state)
{
	th_goto(TCP_SYN_SENT);
	in(".", 0, 1, 0);
	in("F.", 0, 1, 0);
	state_is(TCP_SYN_SENT);
	assert_int_equal(th.verdict, TCP_DONE);
	count_is(in_syn_sent_no_syn, 2);
}

static void test_input_syn_ack_with_data_and_fin_is_taken_whole(void **state)
{
	th_goto(TCP_SYN_SENT);
	in("SF.", 0, 1, 50);
	state_is(TCP_CLOSE_WAIT);
	out(".", 1, 52, 0);
	assert_int_equal(th.c->rcvq.len, 50);
}

/* ---- first: sequence number (Table 6 of RFC 9293, with zero windows and across the wrap) ---- */

struct row {
	bool zero;   /* receive window */
	int32_t off; /* from rcv_nxt; from the window's right edge if far */
	bool far;
	uint32_t len;
	bool acceptable;
};

static void try_row(void **state, const struct row *r)
{
	uint32_t seq;

	th.env.conf.rcvbuf_max = 4000;
	th_active();
	put(1);
	out("P.", 1, 1, 1);
	in("P.", 1, 1, r->zero ? 4000 : 1000); /* not read */
	th_drain();
	assert_int_equal(th.c->rcv_adv - th.c->rcv_nxt, r->zero ? 0 : 3000);
	seq = (r->far ? th.c->rcv_adv - TH_IRS : th_peer_next()) + (uint32_t)r->off;
	in(".", seq, 2, r->len); /* the byte it acknowledges tells whether it was looked at */
	assert_int_equal(th.c->snd_una - TH_ISS, r->acceptable ? 2 : 1);
	if (!r->acceptable)
		out(".", 2, th_peer_next(), 0);
	th_teardown(state);
	th_setup(state);
}

static void test_input_acceptability_follows_the_table(void **state)
{
	static const struct row rows[] = {
		/* no text, window open */
		{ false, 0, false, 0, true },
		{ false, -1, false, 0, false },
		{ false, 1, false, 0, true },
		{ false, -1, true, 0, true },
		{ false, 0, true, 0, false },
		{ false, 1, true, 0, false },
		{ false, -1000, false, 0, false },
		{ false, INT32_MIN, false, 0, false },
		/* text, window open */
		{ false, 0, false, 10, true },
		{ false, -10, false, 10, false },
		{ false, -10, false, 11, true },
		{ false, 1, false, 10, true },
		{ false, -1, true, 10, true },
		{ false, 0, true, 10, false },
		{ false, INT32_MIN, false, 10, false },
		/* window shut: only what stands at rcv_nxt is looked at (MUST-66) */
		{ true, 0, false, 0, true },
		{ true, 1, false, 0, false },
		{ true, -1, false, 0, false },
		{ true, 0, false, 1, true },
		{ true, 1, false, 1, false },
		{ true, -1, false, 1, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		try_row(state, &rows[i]);
}

static void test_input_zero_window_refuses_text_but_acknowledges(void **state)
{
	th.env.conf.rcvbuf_max = 2000;
	th_active();
	in("P.", 1, 1, 2000);
	advance(40);
	out(".", 1, 2001, 0);
	assert_int_equal(th.last.wnd, 0);
	in("P.", 2001, 1, 1); /* a window probe */
	out(".", 1, 2001, 0);
	assert_int_equal(th.last.wnd, 0);
	in("F.", 2001, 1, 0);
	out(".", 1, 2001, 0);
	state_is(TCP_ESTABLISHED);
	get(2000);
	out(".", 1, 2001, 0);
	in("PF.", 2001, 1, 1);
	get(1);
	state_is(TCP_CLOSE_WAIT);
}

/* Too little is left of the window to be told with its scale, but enough for a probe's byte. */
static void test_input_ack_that_crossed_the_ack_of_a_probe_counts(void **state)
{
	th.env.conf.rcvbuf_max = 65535u << 7;
	th_modern();
	th.c->rcvbuf = th.c->rcv_adv - th.c->rcv_nxt;
	for (uint32_t left; (left = th.c->rcv_adv - th.c->rcv_nxt - 100); th_drain())
		in("P.", th_peer_next(), 1, left < 1000 ? left : 1000);
	put(1000);
	out("P.", 1, th_peer_next(), 1000);
	in("P.", th_peer_next(), 1, 1);
	advance(40);
	out(".", 1001, th_peer_next(), 0);
	assert_int_equal(th.last.wnd, 0);
	in(".", th_peer_next() - 2, 501, 0); /* no number that a probe can explain */
	assert_int_equal(th.c->snd_una, TH_ISS + 1);
	out(".", 1001, th_peer_next(), 0);
	in(".", th_peer_next() - 1, 1001, 0);
	assert_int_equal(th.c->snd_una, TH_ISS + 1001);
	out(".", 1001, th_peer_next(), 0);
	in("R", th_peer_next() - 1, 0, 0);
	state_is(TCP_ESTABLISHED);
	get(th.c->rcvq.len);
	th_drain();
	put(1000);
	out("P.", 1001, th_peer_next(), 1000);
	in(".", th_peer_next() - 1, 2001, 0); /* the window is open: the rule as ever */
	assert_int_equal(th.c->snd_una, TH_ISS + 1001);
	out(".", 2001, th_peer_next(), 0);
}

static void test_input_text_is_cut_to_the_window(void **state)
{
	th.env.conf.rcvbuf_max = 3000;
	th_active();
	in("FP.", 1, 1, 5000); /* FIN beyond the window does not count either */
	assert_int_equal(th.c->rcvq.len, 3000);
	state_is(TCP_ESTABLISHED);
	out(".", 1, 3001, 0);
	get(3000);
	out(".", 1, 3001, 0);
	in("FP.", 3001, 1, 2000);
	get(2000);
	state_is(TCP_CLOSE_WAIT);
}

static void test_input_overlap_left_takes_only_what_is_new(void **state)
{
	th_active();
	in("P.", 1, 1, 100);
	in("P.", 51, 1, 100);
	get(150);
	in("P.", 1, 1, 150); /* all old */
	out(".", 1, 151, 0);
	assert_int_equal(tcp_recv(&th.env, th.c, (char[1]){ 0 }, 1), -EAGAIN);
	count_is(in_bytes, 150);
}

static void test_input_keepalive_of_the_peer_is_answered(void **state)
{
	th_active();
	in(".", 0, 1, 0);
	out(".", 1, 1, 0);
	in("P.", 0, 1, 1); /* with its garbage byte */
	out(".", 1, 1, 0);
	assert_int_equal(th.c->rcvq.len, 0);
}

/* ---- PAWS (RFC 7323 5) ---- */

static void test_input_paws_drops_older_timestamps(void **state)
{
	th_modern();
	in("P.", 1, 1, 10);
	get(10);
	th_drain();
	th.tsval -= 100;
	in("P.", 11, 1, 10);
	out(".", 1, 11, 0);
	count_is(in_paws, 1);
	th.tsval += 100;
	in("P.", 11, 1, 10);
	get(10);
}

static void test_input_paws_answers_old_empty_segments_sparingly(void **state)
{
	th_modern();
	for (int i = 0; i < 30; i++) {
		th.tsval = th.c->ts_recent - 1;
		in(".", 1, 1, 0);
		th_drain();
	}
	count_is(in_paws, 30);
	count_is(challenge_acks, 10);
}

static void test_input_paws_forgets_after_24_days_of_idleness(void **state)
{
	th_modern();
	advance(24ull * 86400 * 1000 + 1);
	th.tsval = th.c->ts_recent - 1;
	in("P.", 1, 1, 10);
	get(10);
	count_is(in_paws, 0);
}

static void test_input_paws_does_not_apply_to_rst(void **state)
{
	th_modern();
	in("R", 1, 0, 0); /* without a timestamp at all */
	state_is(TCP_CLOSED);
}

static void test_input_segment_without_agreed_timestamp_is_dropped(void **state)
{
	th_modern();
	th.no_ts = true;
	in("P.", 1, 1, 10);
	no_out();
	count_is(in_no_timestamp, 1);
	assert_int_equal(th.c->rcvq.len, 0);
}

/* RFC 7323 4.3: only what covers the last ACK sent is echoed. */
static void test_input_timestamp_of_segment_out_of_order_is_not_echoed(void **state)
{
	uint32_t first;

	th_modern();
	first = th.tsval;
	in("P.", 1, 1, 10);
	th.tsval++;
	in("P.", 111, 1, 10);
	out(".", 1, 11, 0);
	assert_int_equal(th.opts.tsecr, first);
	th.tsval++;
	in("P.", 11, 1, 100);
	out(".", 1, 121, 0);
	assert_int_equal(th.opts.tsecr, th.tsval);
}

static void test_input_timestamp_echo_on_delayed_ack_is_the_earlier(void **state)
{
	uint32_t first;

	th_modern();
	first = th.tsval;
	in("P.", 1, 1, 1448);
	th.tsval += 5;
	in("P.", 1449, 1, 1448);
	out(".", 1, 2897, 0);
	assert_int_equal(th.opts.tsecr, first);
}

/* ---- second: RST (RFC 5961 3) ---- */

/* RFC 9293: MAY-12 */
static void test_input_rst_in_window_but_not_at_edge_is_challenged(void **state)
{
	th_active();
	in("R", 2, 0, 0);
	state_is(TCP_ESTABLISHED);
	out(".", 1, 1, 0);
	in("R.", 60000, 1, 0);
	out(".", 1, 1, 0);
	count_is(in_rst_challenged, 2);
}

static void test_input_rst_outside_window_is_dropped_silently(void **state)
{
	th_active();
	in("R", 0, 0, 0);
	in("R", 65536, 0, 0);
	in("R", 0x80000000, 0, 0);
	state_is(TCP_ESTABLISHED);
	no_out();
	count_is(in_rst_bad_seq, 3);
}

/* RFC 9293: MUST-66 */
static void test_input_rst_at_edge_of_zero_window_resets(void **state)
{
	th.env.conf.rcvbuf_max = 1000;
	th_active();
	in("P.", 1, 1, 1000);
	th_drain();
	assert_int_equal(th.c->rcv_adv, th.c->rcv_nxt);
	in("R", 1001, 0, 0);
	state_is(TCP_CLOSED);
}

/* RFC 9293: SHLD-2 */
static void test_input_rst_with_text_resets(void **state)
{
	(void)state;
	th_active();
	in("R.", 1, 1, 30); /* a reason, in plain words, for people */
	state_is(TCP_CLOSED);
	assert_int_equal(th.c->error, ECONNRESET);
	assert_int_equal(th.c->rcvq.len, 0);
	no_out();
}

static void test_input_rst_never_brings_an_answer(void **state)
{
	th_goto(TCP_SYN_RECEIVED);
	in("R.", 1, 99, 0);
	assert_int_equal(th.verdict, TCP_DONE);
	no_out();
	state_is(TCP_CLOSED);
}

/* ---- fourth: SYN (RFC 5961 4) ---- */

/* RFC 9293: MAY-12 */
static void test_input_syn_on_synchronised_connection_is_challenged(void **state)
{
	static const uint32_t seq[] = { 0, 1, 2, 65535, 65536, 0x80000001 };

	th_active();
	for (size_t i = 0; i < sizeof(seq) / sizeof(seq[0]); i++) {
		in("S", seq[i], 0, 0);
		state_is(TCP_ESTABLISHED);
		out(".", 1, 1, 0);
		no_out();
	}
}

/* RFC 9293: MUST-11 */
static void test_input_syn_in_window_returns_passive_open_to_listen(void **state)
{
	th_goto(TCP_SYN_RECEIVED);
	in("S", 100, 0, 0);
	state_is(TCP_CLOSED);
	no_out();
	count_is(attempt_fails, 1);
}

/* RFC 9293: MUST-11 */
static void test_input_syn_in_window_of_simultaneous_open_is_challenged(void **state)
{
	th_goto(TCP_SYN_SENT);
	in("S", 0, 0, 0);
	out("S.", 0, 1, 0);
	in("S", 100, 0, 0);
	state_is(TCP_SYN_RECEIVED);
	out(".", 1, 1, 0);
}

/* ---- fifth: ACK ---- */

static void test_input_segment_without_ack_is_dropped(void **state)
{
	th_active();
	in("P", 1, 0, 100);
	in("F", 1, 0, 0);
	state_is(TCP_ESTABLISHED);
	assert_int_equal(th.c->rcvq.len, 0);
	no_out();
	count_is(in_no_ack_flag, 2);
}

static void test_input_syn_received_bad_ack_is_answered_with_rst(void **state)
{
	th_goto(TCP_SYN_RECEIVED);
	in(".", 1, 0, 0);
	rst_reply("R", 0, 0);
	in(".", 1, 2, 0);
	rst_reply("R", 2, 0);
	state_is(TCP_SYN_RECEIVED);
}

static void test_input_ack_of_unsent_data_is_challenged_and_dropped(void **state)
{
	th_active();
	in("P.", 1, 2, 100);
	out(".", 1, 1, 0);
	assert_int_equal(th.c->rcvq.len, 0);
	count_is(in_ack_too_new, 1);
}

/* RFC 9293: MAY-12 */
static void test_input_ack_older_than_any_window_is_challenged_and_dropped(void **state)
{
	th_active();
	tcp_cold(th.c)->account.bytes_acked = 1 << 20; /* a long way behind us */
	in("P.", 1, 1u - 65535, 100);		       /* MAX.SND.WND back: just acceptable (RFC 5961 5.2) */
	assert_int_equal(th.c->rcvq.len, 100);
	in("P.", 101, 1u - 65536, 100);
	assert_int_equal(th.c->rcvq.len, 100);
	count_is(in_ack_too_old, 1);
	out(".", 1, 101, 0);
}

/* ---- sixth: URG (RFC 6093) ---- */

/* RFC 9293: MUST-30, MUST-32, MUST-33 */
static void test_input_urgent_pointer_marks_the_stream(void **state)
{
	th_active();
	th.urg = 5;
	in("PU.", 1, 1, 10);
	assert_true(events_take() & TCP_EV_URGENT);
	assert_int_equal(tcp_urgent_mark(th.c), 5);
	get(2);
	assert_int_equal(tcp_urgent_mark(th.c), 3);
	get(3);
	assert_int_equal(tcp_urgent_mark(th.c), -EINVAL);
	get(5);
}

static void test_input_urgent_pointer_beyond_text_announces(void **state)
{
	th_active();
	th.urg = 60000;
	in("U.", 1, 1, 0);
	assert_true(events_take() & TCP_EV_URGENT);
	assert_int_equal(tcp_urgent_mark(th.c), 60000);
	th.urg = 100; /* an older one does not pull it back, nor tell again */
	in("PU.", 1, 1, 10);
	assert_false(events_take() & TCP_EV_URGENT);
	assert_int_equal(tcp_urgent_mark(th.c), 60000);
}

/* RFC 9293: MUST-66 */
static void test_input_urgent_pointer_is_taken_with_zero_window(void **state)
{
	th.env.conf.rcvbuf_max = 1000;
	th_active();
	in("P.", 1, 1, 1000);
	th_drain();
	th.urg = 1;
	in("U.", 1001, 1, 1);
	assert_true(events_take() & TCP_EV_URGENT);
	assert_int_equal(tcp_urgent_mark(th.c), 1001);
}

static void test_input_urgent_pointer_left_of_rcv_nxt_is_ignored(void **state)
{
	th_active();
	in("P.", 1, 1, 10);
	th.c->events = 0;
	th.urg = 0;
	in("U.", 11, 1, 0);
	assert_int_equal(events_take(), 0);
	assert_int_equal(tcp_urgent_mark(th.c), -EINVAL);
}

static void test_input_urgent_after_fin_is_ignored(void **state)
{
	th_goto(TCP_CLOSE_WAIT);
	th.c->events = 0;
	th.urg = 10;
	in("U.", 2, 1, 0);
	assert_int_equal(events_take(), 0);
	assert_int_equal(tcp_urgent_mark(th.c), -EINVAL);
}

/* ---- seventh: text, and when it is acknowledged (RFC 9293 3.8.6.3) ---- */

/* RFC 9293: MUST-40, SHLD-18 */
static void test_input_lone_segment_is_acknowledged_after_40_ms(void **state)
{
	th_active();
	th_interactive();
	in("P.", 1, 1, 1460);
	no_out();
	advance(39);
	no_out();
	advance(1);
	out(".", 1, 1461, 0);
	no_out();
	count_is(delayed_acks, 1);
	assert_true(events_take() & TCP_EV_READABLE);
}

/* RFC 9293: SHLD-19 */
static void test_input_second_full_segment_is_acknowledged_at_once(void **state)
{
	th_active();
	th_interactive();
	in(".", 1, 1, 1460);
	no_out();
	in(".", 1461, 1, 1460);
	out(".", 1, 2921, 0);
	in(".", 2921, 1, 1460);
	no_out();
	in(".", 4381, 1, 1460);
	out(".", 1, 5841, 0);
	advance(100);
	no_out();
	count_is(delayed_acks, 0);
}

/* The peer's full segment may be smaller than our MSS: what counts is what it sends. */
static void test_input_second_segment_smaller_by_options_is_acknowledged_at_once(void **state)
{
	th_modern();
	th_interactive();
	in(".", 1, 1, 1448);
	no_out();
	in(".", 1449, 1, 1448);
	out(".", 1, 2897, 0);
}

static void test_input_ack_rides_on_data(void **state)
{
	th_active();
	in("P.", 1, 1, 100);
	put(10);
	out("P.", 1, 101, 10);
	advance(100);
	no_out();
}

/* RFC 9293: MUST-58, MUST-59 */
static void test_input_burst_brings_one_ack(void **state)
{
	th_active();
	for (uint32_t i = 0; i < 20; i++)
		in(".", 1 + i * 1460, 1, 1460);
	out(".", 1, 29201, 0);
	no_out();
}

static void test_input_quickack_acknowledges_at_once(void **state)
{
	th_active();
	th.c->flags |= TCP_F_QUICKACK;
	in("P.", 1, 1, 1);
	out(".", 1, 2, 0);
}

/* RFC 9293: MAY-13 */
static void test_input_out_of_order_and_filling_are_acknowledged_at_once(void **state)
{
	th_active();
	in("P.", 101, 1, 100);
	out(".", 1, 1, 0);
	in("P.", 301, 1, 100);
	out(".", 1, 1, 0);
	in("P.", 1, 1, 100); /* fills one of two holes */
	out(".", 1, 201, 0);
	in("P.", 201, 1, 100);
	out(".", 1, 401, 0);
	get(400);
}

static void test_input_text_in_states_that_expect_none_is_ignored(void **state)
{
	static const enum tcp_state s[] = { TCP_CLOSE_WAIT, TCP_CLOSING, TCP_LAST_ACK, TCP_TIME_WAIT };

	for (size_t i = 0; i < sizeof(s) / sizeof(s[0]); i++) {
		th_goto(s[i]);
		in("P.", th_peer_next(), th.c->snd_una - TH_ISS, 100);
		state_is(s[i]);
		assert_int_equal(th.c->rcvq.len, 0);
		assert_int_equal(th_peer_next(), 2);
		th_teardown(state);
		th_setup(state);
	}
}

/* ---- eighth: FIN ---- */

static void test_input_fin_out_of_order_waits_for_the_hole(void **state)
{
	th_active();
	in("FP.", 101, 1, 100);
	state_is(TCP_ESTABLISHED);
	out(".", 1, 1, 0);
	in("P.", 1, 1, 100);
	state_is(TCP_CLOSE_WAIT);
	out(".", 1, 202, 0);
	get(200);
	assert_int_equal(tcp_recv(&th.env, th.c, (char[1]){ 0 }, 1), 0);
	assert_int_equal(th.env.mem->used, 0);
}

static void test_input_data_past_fin_is_dropped(void **state)
{
	th_active();
	in("F.", 101, 1, 0);
	out(".", 1, 1, 0);
	in("P.", 102, 1, 50);
	out(".", 1, 1, 0);
	in("P.", 51, 1, 51); /* one byte too many */
	out(".", 1, 1, 0);
	count_is(in_data_after_fin, 2);
	in("P.", 1, 1, 100);
	state_is(TCP_CLOSE_WAIT);
	get(100);
}

static void test_input_fin_cuts_off_what_was_received_beyond_it(void **state)
{
	th_active();
	in("P.", 2, 1, 50); /* right behind the FIN to come */
	out(".", 1, 1, 0);
	in("F.", 1, 1, 0);
	state_is(TCP_CLOSE_WAIT);
	assert_int_equal(th.c->ooo_count, 0);
	assert_int_equal(th.env.mem->used, 0);
	out(".", 1, 2, 0);
}

static void test_input_fin_inside_a_range_received_cuts_it(void **state)
{
	th_active();
	in("P.", 101, 1, 100);
	in("P.", 301, 1, 100);
	in("F.", 151, 1, 0);
	th_drain();
	assert_int_equal(th.c->ooo_count, 1);
	in("P.", 1, 1, 100);
	state_is(TCP_CLOSE_WAIT);
	get(150);
}

static void test_input_fin_again_is_acknowledged_again(void **state)
{
	th_goto(TCP_CLOSE_WAIT);
	in("F.", 1, 1, 0);
	out(".", 1, 2, 0);
	state_is(TCP_CLOSE_WAIT);
	in("F.", 2, 1, 0); /* another number: nothing new can come */
	state_is(TCP_CLOSE_WAIT);
	assert_int_equal(th_peer_next(), 2);
}

/* RFC 9293: MUST-13 */
static void test_input_fin_in_time_wait_restarts_two_msl(void **state)
{
	th_goto(TCP_TIME_WAIT);
	advance(50000);
	in("F.", 1, 2, 0);
	out(".", 2, 2, 0);
	advance(59999);
	state_is(TCP_TIME_WAIT);
	advance(1);
	state_is(TCP_CLOSED);
}

/* ---- every state x kind of segment x place of its numbers ---- */

static const char *const kinds[] = { "", ".", "P.", "F.", "FP.", "S", "S.", "R", "R.", "U.", "F", "P", "SF.", "SR." };

/* What holds whatever the segment: `before` is the state it met. */
static void judge(uint8_t before, const char *flags, uint32_t seq_off, uint32_t ack_off)
{
	bool rst = strchr(flags, 'R'), syn = strchr(flags, 'S'), ack = strchr(flags, '.');
	uint8_t now = th.c->state;

	if (rst)
		assert_int_equal(th.verdict, TCP_DONE);
	if (before == TCP_SYN_SENT)
		return;
	if (rst)
		assert_int_equal(now, seq_off == 0 && before != TCP_TIME_WAIT ? TCP_CLOSED : before);
	else if (syn && before != TCP_SYN_RECEIVED)
		assert_int_equal(now, before);
	else if (!syn && (!ack || ack_off == 1 || ack_off == 0x80000000))
		assert_int_equal(now, before); /* no ACK, or one of something never sent */
	else if (now == TCP_CLOSED)
		assert_true(before == TCP_LAST_ACK || syn);
}

static void cross_one(void **state, enum tcp_state s, const char *flags, uint32_t seq_off, uint32_t ack_off)
{
	th_memory(65536);
	th_goto(s);
	if (s == TCP_ESTABLISHED || s == TCP_CLOSE_WAIT)
		put(100); /* something in flight */
	th_drain();
	th.urg = 3;
	in(flags, th_peer_next() + seq_off, th_our_next() + ack_off, strchr(flags, 'P') ? 100 : 0);
	judge(s, flags, seq_off, ack_off);
	th_drain();
	in(".", th_peer_next(), th_our_next(), 0); /* whatever it was, life goes on */
	th_drain();
	advance(300);
	th_drain();
	th_teardown(state);
	th_setup(state);
}

static void test_input_any_segment_in_any_state_keeps_the_invariants(void **state)
{
	static const uint32_t seqs[] = {
		0, 1, (uint32_t)-1, (uint32_t)-100, 65534, 65535, 65536, 0x80000000, 0x7fffffff
	};
	static const uint32_t acks[] = { 0, 1, (uint32_t)-1, (uint32_t)-101, (uint32_t)-70000, 0x80000000 };

	for (int s = TCP_SYN_SENT; s <= TCP_TIME_WAIT; s++)
		for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
			for (size_t i = 0; i < sizeof(seqs) / sizeof(seqs[0]); i++)
				for (size_t j = 0; j < sizeof(acks) / sizeof(acks[0]); j++)
					cross_one(state, (enum tcp_state)s, kinds[k], seqs[i], acks[j]);
}

/* A long random conversation with a peer that obeys nothing. */
static void test_input_random_segments_keep_the_invariants(void **state)
{
	uint64_t x = 88172645463325252ull;

	for (int round = 0; round < 60; round++) {
		th_memory(round % 3 ? 1u << 20 : 16384);
		th.env.conf.rcvbuf_max = round % 2 ? 100000 : 3000;
		th.ts = th.sack = round & 4;
		th.wscale = round & 8 ? 3 : -1;
		th_active();
		for (int i = 0; i < 400 && th.c->state != TCP_CLOSED; i++) {
			uint32_t r, seq, ack;

			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			r = (uint32_t)(x >> 20);
			seq = th_peer_next() + (r & 7 ? (r >> 3) % 4000 - 1000 : 0);
			ack = th.c->snd_una - TH_ISS + (r >> 9) % (tcp_flight(th.c) + 2);
			th.wnd = r & 0x30 ? 65535 : (r >> 5) % 3000;
			if (r & 0x100)
				th_sack(ack + (r >> 4) % 5000, ack + (r >> 7) % 9000);
			in(kinds[r & 0x700000 ? 2 : (r >> 12) % 7], seq, ack, (r >> 16) % 1460);
			if (!(r & 0x3000))
				tcp_send(&th.env, th.c, "0123456789", 10, r & 0x4000, r & 0x8000);
			if (!(r & 0xc000))
				tcp_recv(&th.env, th.c, (char[3000]){ 0 }, 3000);
			if (i == 300)
				tcp_shutdown(&th.env, th.c, th.now);
			th_check(__FILE__, __LINE__);
			while (tcp_output(&th.env, th.c, &th.last, th.now))
				th_check(__FILE__, __LINE__);
			th.now += (r % 50) * TH_MS;
			th.tsval += r % 50;
			if (tcp_deadline(th.c) <= th.now)
				tcp_expire(&th.env, th.c, th.now);
			assert_true(th.c->rcvq.len + (th.c->rcv_adv - th.c->rcv_nxt) <= th.c->rcvbuf + 1);
		}
		th_teardown(state);
		th_setup(state);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_input_syn_sent_bad_ack_is_answered_with_rst),
		TEST(test_input_syn_sent_rst_counts_only_with_our_ack),
		TEST(test_input_syn_sent_ack_alone_is_dropped),
		TEST(test_input_syn_ack_with_data_and_fin_is_taken_whole),
		TEST(test_input_acceptability_follows_the_table),
		TEST(test_input_zero_window_refuses_text_but_acknowledges),
		TEST(test_input_ack_that_crossed_the_ack_of_a_probe_counts),
		TEST(test_input_text_is_cut_to_the_window),
		TEST(test_input_overlap_left_takes_only_what_is_new),
		TEST(test_input_keepalive_of_the_peer_is_answered),
		TEST(test_input_paws_drops_older_timestamps),
		TEST(test_input_paws_answers_old_empty_segments_sparingly),
		TEST(test_input_paws_forgets_after_24_days_of_idleness),
		TEST(test_input_paws_does_not_apply_to_rst),
		TEST(test_input_segment_without_agreed_timestamp_is_dropped),
		TEST(test_input_timestamp_of_segment_out_of_order_is_not_echoed),
		TEST(test_input_timestamp_echo_on_delayed_ack_is_the_earlier),
		TEST(test_input_rst_in_window_but_not_at_edge_is_challenged),
		TEST(test_input_rst_outside_window_is_dropped_silently),
		TEST(test_input_rst_at_edge_of_zero_window_resets),
		TEST(test_input_rst_with_text_resets),
		TEST(test_input_rst_never_brings_an_answer),
		TEST(test_input_syn_on_synchronised_connection_is_challenged),
		TEST(test_input_syn_in_window_returns_passive_open_to_listen),
		TEST(test_input_syn_in_window_of_simultaneous_open_is_challenged),
		TEST(test_input_segment_without_ack_is_dropped),
		TEST(test_input_syn_received_bad_ack_is_answered_with_rst),
		TEST(test_input_ack_of_unsent_data_is_challenged_and_dropped),
		TEST(test_input_ack_older_than_any_window_is_challenged_and_dropped),
		TEST(test_input_urgent_pointer_marks_the_stream),
		TEST(test_input_urgent_pointer_beyond_text_announces),
		TEST(test_input_urgent_pointer_is_taken_with_zero_window),
		TEST(test_input_urgent_pointer_left_of_rcv_nxt_is_ignored),
		TEST(test_input_urgent_after_fin_is_ignored),
		TEST(test_input_lone_segment_is_acknowledged_after_40_ms),
		TEST(test_input_second_full_segment_is_acknowledged_at_once),
		TEST(test_input_second_segment_smaller_by_options_is_acknowledged_at_once),
		TEST(test_input_ack_rides_on_data),
		TEST(test_input_burst_brings_one_ack),
		TEST(test_input_quickack_acknowledges_at_once),
		TEST(test_input_out_of_order_and_filling_are_acknowledged_at_once),
		TEST(test_input_text_in_states_that_expect_none_is_ignored),
		TEST(test_input_fin_out_of_order_waits_for_the_hole),
		TEST(test_input_data_past_fin_is_dropped),
		TEST(test_input_fin_cuts_off_what_was_received_beyond_it),
		TEST(test_input_fin_inside_a_range_received_cuts_it),
		TEST(test_input_fin_again_is_acknowledged_again),
		TEST(test_input_fin_in_time_wait_restarts_two_msl),
		TEST(test_input_any_segment_in_any_state_keeps_the_invariants),
		TEST(test_input_random_segments_keep_the_invariants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
