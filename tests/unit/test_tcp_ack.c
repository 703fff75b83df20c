// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_ack.c - acknowledgements: the send buffer, the window (SND.WL1, SND.WL2), RTT samples and Karn's rule. */
#include "tcp_harness.h"

static void test_ack_partial_of_a_segment_moves_snd_una(void **state)
{
	th_active();
	put(1000);
	out("P.", 1, 1, 1000);
	in(".", 1, 401, 0);
	assert_int_equal(th.c->snd_una - TH_ISS, 401);
	assert_int_equal(tcp_send_queued(th.c), 600);
	advance(200);
	out("P.", 401, 1, 600);
	in(".", 1, 701, 0); /* in part again, of a retransmission */
	advance(400);
	out("P.", 701, 1, 300);
}

static void test_ack_across_the_wrap_frees_the_buffer(void **state)
{
	th_active();
	for (uint32_t i = 0; i < 10; i++) {
		put(1460);
		out("P.", 1 + i * 1460, 1, 1460);
		in(".", 1, 1461 + i * 1460, 0);
		assert_int_equal(th.env.mem->used, 0);
	}
	assert_true(th.c->snd_una < 0x10000);
	assert_int_equal(tcp_cold_peek(th.c)->account.bytes_acked, 14600);
}

static void test_ack_old_one_changes_nothing(void **state)
{
	th_active();
	put(3000);
	th_drain();
	in(".", 1, 2921, 0);
	th.wnd = 1;
	in(".", 1, 1461, 0);
	assert_int_equal(th.c->snd_una - TH_ISS, 2921);
	assert_int_equal(th.c->snd_wnd, 65535);
	count_is(in_dup_acks, 0);
}

/* RFC 9293: SND.WL1 < SEG.SEQ, or equal and SND.WL2 =< SEG.ACK. */
static void test_ack_window_is_taken_from_the_newest_segment_only(void **state)
{
	th_active();
	put(1);
	out("P.", 1, 1, 1);
	th.wnd = 5000;
	in("P.", 101, 2, 10); /* newer by its number, though out of order */
	assert_int_equal(th.c->snd_wnd, 5000);
	th.wnd = 3000;
	in("P.", 1, 2, 10);
	assert_int_equal(th.c->snd_wnd, 5000);
	th.wnd = 4000;
	in(".", 101, 2, 0);
	assert_int_equal(th.c->snd_wnd, 4000);
}

static void test_ack_window_update_without_progress_is_taken(void **state)
{
	th_active();
	th.wnd = 100;
	in(".", 1, 1, 0);
	assert_int_equal(th.c->snd_wnd, 100);
	th.wnd = 65535;
	in(".", 1, 1, 0);
	assert_int_equal(th.c->snd_wnd, 65535);
	assert_int_equal(th.c->max_snd_wnd, 65535);
}

/* RFC 9293: MUST-1, REC-1 */
static void test_ack_scaled_window_is_large(void **state)
{
	th_modern();
	assert_int_equal(th.c->snd_wnd, 65535); /* the SYN-ACK's is not scaled */
	in(".", 1, 1, 0);
	assert_int_equal(th.c->snd_wnd, 65535u << 7);
}

static void test_ack_window_of_final_handshake_ack_is_scaled(void **state)
{
	th.wscale = 3;
	th_listen();
	out("S.", 0, 1, 0);
	assert_int_equal(th.c->snd_wnd, 65535);
	in(".", 1, 1, 0);
	assert_int_equal(th.c->snd_wnd, 65535u << 3);
}

static void test_ack_gives_an_rtt_sample(void **state)
{
	th_connect();
	out("S", 0, 0, 0);
	advance(400);
	in("S.", 0, 1, 0);
	assert_int_equal(th.c->srtt_us_x8, 400000 * 8);
	assert_int_equal(th.c->rto_us, 400000 + 4 * 200000);
}

/* Karn (RFC 6298 3): an answer to what was sent twice says nothing, and the back-off stays. */
/* RFC 9293: MUST-18 */
static void test_ack_of_retransmission_gives_no_sample_and_keeps_back_off(void **state)
{
	uint32_t srtt;

	th_active();
	srtt = th.c->srtt_us_x8;
	put(100);
	out("P.", 1, 1, 100);
	advance(200);
	out("P.", 1, 1, 100);
	advance(150);
	in(".", 1, 101, 0);
	assert_int_equal(th.c->srtt_us_x8, srtt);
	assert_int_equal(th.c->rto_us, 400000);
	put(100);
	out("P.", 101, 1, 100);
	advance(1);
	in(".", 1, 201, 0); /* a valid one ends it */
	assert_int_equal(th.c->rto_us, 200000);
}

/* The second segment was sent once, but its answer waited for the first one's retransmission. */
static void test_ack_of_retransmission_and_more_gives_no_sample(void **state)
{
	uint32_t srtt;

	th_active();
	srtt = th.c->srtt_us_x8;
	put(2920);
	th_drain();
	advance(200);
	out(".", 1, 1, 1460);
	advance(10);
	in(".", 1, 2921, 0);
	assert_int_equal(th.c->srtt_us_x8, srtt);
}

static void test_ack_of_retransmission_with_timestamps_gives_a_sample(void **state)
{
	uint32_t srtt;

	th_modern();
	srtt = th.c->srtt_us_x8;
	put(100);
	out("P.", 1, 1, 100);
	advance(200);
	out("P.", 1, 1, 100); /* its timestamp is what the peer echoes */
	advance(150);
	in(".", 1, 101, 0);
	assert_true(th.c->srtt_us_x8 > srtt);
	assert_true(th.c->srtt_us_x8 >> 3 < 30000); /* an eighth of 150 ms, not of 350 */
}

static void test_ack_with_absurd_timestamp_echo_does_no_harm(void **state)
{
	th_modern();
	put(100);
	out("P.", 1, 1, 100);
	advance(200);
	out("P.", 1, 1, 100);
	th.opts.tsval -= (1u << 20) - 1; /* 18 minutes ago, says the peer */
	in(".", 1, 101, 0);
	assert_true(th.c->srtt_us_x8 > 8);
	assert_true(th.c->rto_us >= 200000 && th.c->rto_us <= 120000000);
}

static void test_ack_tells_the_application_when_a_full_buffer_drains(void **state)
{
	struct tcp_span span[2];

	th.env.conf.sndbuf_max = 30000;
	th_active();
	put(30000);
	assert_int_equal(tcp_send(&th.env, th.c, "x", 1, false, false), -EAGAIN);
	th_drain();
	th.c->events = 0;
	in(".", 1, 1461, 0);
	assert_int_equal(events_take() & TCP_EV_WRITABLE, 0); /* not for a single segment's room */
	th_drain();
	in(".", 1, 14601, 0);
	assert_int_equal(events_take(), TCP_EV_WRITABLE);
	th_drain();
	in(".", 1, 16061, 0);
	assert_int_equal(events_take(), 0); /* once */
	assert_true(tcp_reserve(&th.env, th.c, 1, span) == 1);
}

static void test_ack_of_everything_stops_the_timer(void **state)
{
	th_active();
	put(3000);
	th_drain();
	in(".", 1, 1461, 0);
	assert_true(tcp_deadline(th.c) != TCP_NEVER);
	in(".", 1, 3001, 0);
	assert_int_equal(tcp_deadline(th.c), TCP_NEVER);
	assert_int_equal(th.c->recs.count, 0);
}

/*
 * What lies left of our SYN's acknowledgement was never sent, however large the window: a ghost. Early in a connection the
 * window of RFC 5961 5.2 alone would reach back before it.
 */
static void test_ack_of_what_was_never_sent_is_refused(void **state)
{
	th_active();
	put(100);
	out("P.", 1, 1, 100);
	in(".", 1, 101, 0);
	in("P.", 1, 1, 10); /* late, but real */
	assert_int_equal(th.c->rcv_nxt - TH_IRS, 11);
	count_is(in_ack_too_old, 0);
	in("P.", 11, 0, 10);
	in("P.", 11, (uint32_t)-5000, 10);
	count_is(in_ack_too_old, 2);
	count_is(challenge_acks, 2);
	assert_int_equal(th.c->rcv_nxt - TH_IRS, 11);
	out(".", 101, 11, 0);
	in("P.", 11, 102, 10);
	count_is(in_ack_too_new, 1);
	assert_int_equal(th.c->rcv_nxt - TH_IRS, 11);
}

static void test_ack_of_what_was_never_sent_is_refused_after_our_fin(void **state)
{
	th_active();
	put(10);
	tcp_shutdown(&th.env, th.c, th.now);
	out("FP.", 1, 1, 10);
	in(".", 1, 12, 0);
	state_is(TCP_FIN_WAIT_2);
	in("P.", 1, 1, 10);
	count_is(in_ack_too_old, 0);
	in("P.", 11, 0, 10);
	count_is(in_ack_too_old, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ack_partial_of_a_segment_moves_snd_una),
		TEST(test_ack_across_the_wrap_frees_the_buffer),
		TEST(test_ack_old_one_changes_nothing),
		TEST(test_ack_window_is_taken_from_the_newest_segment_only),
		TEST(test_ack_window_update_without_progress_is_taken),
		TEST(test_ack_scaled_window_is_large),
		TEST(test_ack_window_of_final_handshake_ack_is_scaled),
		TEST(test_ack_gives_an_rtt_sample),
		TEST(test_ack_of_retransmission_gives_no_sample_and_keeps_back_off),
		TEST(test_ack_of_retransmission_and_more_gives_no_sample),
		TEST(test_ack_of_retransmission_with_timestamps_gives_a_sample),
		TEST(test_ack_with_absurd_timestamp_echo_does_no_harm),
		TEST(test_ack_tells_the_application_when_a_full_buffer_drains),
		TEST(test_ack_of_everything_stops_the_timer),
		TEST(test_ack_of_what_was_never_sent_is_refused),
		TEST(test_ack_of_what_was_never_sent_is_refused_after_our_fin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
