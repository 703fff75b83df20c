// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_hystart.c - HyStart++ (RFC 9406): rounds, RttThresh, Conservative Slow Start, and the way back. */
#include "tcp_harness.h"
#include "tcp/hystart.h"

#define MSS 1000u

static struct tcp_conn conn;
static struct hystart hs;

static void begin(void)
{
	memset(&conn, 0, sizeof(conn));
	conn.mss = MSS;
	conn.cwnd = 10 * MSS;
	conn.ssthresh = TCP_SSTHRESH_NONE;
	conn.snd_una = conn.snd_nxt = TH_ISS;
	hystart_init(&hs, &conn);
	conn.snd_nxt += conn.cwnd;
}

static void ack_bytes(uint32_t bytes, uint32_t rtt_us, bool app_limited)
{
	struct tcp_cc_event ev = { .acked = bytes, .rtt_us = rtt_us, .srtt_us = rtt_us, .app_limited = app_limited };

	conn.snd_una += bytes;
	hystart_ack(&hs, &conn, &ev);
	conn.snd_nxt = conn.snd_una + conn.cwnd;
}

static void ack(uint32_t rtt_us, bool app_limited)
{
	ack_bytes(MSS, rtt_us, app_limited);
}

/* All that is in flight is acknowledged, with this RTT. */
static void flight(uint32_t rtt_us)
{
	for (uint32_t end = conn.snd_nxt; conn.snd_una != end;)
		ack_bytes(min_u32(MSS, end - conn.snd_una), rtt_us, false);
}

static void test_hystart_stable_rtt_doubles_each_round(void **state)
{
	begin();
	for (uint32_t i = 1; i <= 10; i++) {
		flight(50000);
		assert_int_equal(conn.cwnd, (10 * MSS) << i);
	}
	assert_int_equal(conn.ssthresh, TCP_SSTHRESH_NONE);
}

/* RttThresh is an eighth of the last round's RTT, 4 ms at least, 16 ms at most. */
static void test_hystart_threshold_is_met_exactly(void **state)
{
	static const struct {
		uint32_t base_us, thresh_us;
	} t[] = { { 100, 4000 }, { 32000, 4000 }, { 64000, 8000 }, { 128000, 16000 }, { 500000, 16000 } };

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		begin();
		flight(t[i].base_us);
		flight(t[i].base_us);
		flight(t[i].base_us + t[i].thresh_us - 1);
		assert_int_equal(conn.cwnd, 80 * MSS);
		begin();
		flight(t[i].base_us);
		flight(t[i].base_us);
		flight(t[i].base_us + t[i].thresh_us);
		assert_in_range(conn.cwnd, 40 * MSS + 32 * MSS / 4, 41 * MSS + 9 * MSS + 32 * MSS / 4);
		assert_int_not_equal(hs.css_rounds_left, 0);
	}
}

static void test_hystart_eight_samples_are_needed(void **state)
{
	begin();
	flight(20000);
	flight(20000);
	for (int i = 0; i < 7; i++)
		ack(90000, false);
	assert_int_equal(hs.css_rounds_left, 0);
	ack(0, false); /* acknowledges a retransmission: no sample */
	assert_int_equal(hs.css_rounds_left, 0);
	ack(90000, false);
	assert_int_equal(hs.css_rounds_left, 5);
}

/* The smallest RTT of a round counts: a queue that drains now and then is none. */
static void test_hystart_one_low_sample_of_a_round_is_enough_to_go_on(void **state)
{
	begin();
	flight(20000);
	flight(20000);
	ack(21000, false);
	for (int i = 0; i < 30; i++)
		ack(90000, false);
	assert_int_equal(hs.css_rounds_left, 0);
}

static void test_hystart_five_rounds_of_css_end_slow_start(void **state)
{
	uint32_t rounds = 0, before;

	begin();
	flight(20000);
	flight(20000);
	flight(30000);
	assert_int_equal(hs.css_rounds_left, 5);
	while (conn.ssthresh == TCP_SSTHRESH_NONE) {
		before = conn.cwnd;
		flight(30000);
		assert_true(conn.cwnd <= before + before / 4 + MSS); /* a quarter of slow start's pace */
		if (++rounds < 5)
			assert_true(conn.cwnd >= before + before / 4 - MSS);
	}
	/* The partial round in which CSS began is one of the five; the next one's first ACK ends it. */
	assert_int_equal(rounds, 5);
	assert_false(hystart_active(&conn));
	assert_true(conn.ssthresh <= conn.cwnd && conn.ssthresh + MSS >= conn.cwnd);
}

static void test_hystart_css_that_was_spurious_resumes_slow_start(void **state)
{
	uint32_t before;

	begin();
	flight(20000);
	flight(20000);
	flight(30000);
	flight(30000);
	assert_int_equal(hs.css_rounds_left, 4);
	ack(30000, false);
	for (int i = 0; i < 6; i++)
		ack(29999, false);
	assert_int_equal(hs.css_rounds_left, 3); /* not before eight samples */
	ack(29999, false);
	assert_int_equal(hs.css_rounds_left, 0);
	before = conn.cwnd;
	flight(29999);
	assert_true(conn.cwnd > before + before * 3 / 4);
	assert_int_equal(conn.ssthresh, TCP_SSTHRESH_NONE);
	flight(29999);
	flight(60000); /* a later rise counts again, for five rounds of its own */
	assert_int_equal(hs.css_rounds_left, 5);
}

static void test_hystart_equal_to_the_baseline_stays_in_css(void **state)
{
	begin();
	flight(20000);
	flight(20000);
	flight(30000);
	flight(30000);
	flight(30000);
	assert_int_equal(hs.css_rounds_left, 3);
}

static void test_hystart_app_limited_listens_without_growing(void **state)
{
	begin();
	flight(20000);
	for (int i = 0; i < 100; i++)
		ack(20000, true);
	assert_int_equal(conn.cwnd, 20 * MSS);
	for (int i = 0; i < 40; i++)
		ack(50000, true);
	assert_int_equal(conn.cwnd, 20 * MSS);
	assert_int_not_equal(hs.css_rounds_left, 0);
}

/* A round without a sample before it is compared with nothing. */
static void test_hystart_first_round_cannot_end_it(void **state)
{
	begin();
	flight(0);
	flight(0);
	flight(900000);
	assert_int_equal(hs.css_rounds_left, 0);
	assert_int_equal(conn.cwnd, 80 * MSS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hystart_stable_rtt_doubles_each_round),
		cmocka_unit_test(test_hystart_threshold_is_met_exactly),
		cmocka_unit_test(test_hystart_eight_samples_are_needed),
		cmocka_unit_test(test_hystart_one_low_sample_of_a_round_is_enough_to_go_on),
		cmocka_unit_test(test_hystart_five_rounds_of_css_end_slow_start),
		cmocka_unit_test(test_hystart_css_that_was_spurious_resumes_slow_start),
		cmocka_unit_test(test_hystart_equal_to_the_baseline_stays_in_css),
		cmocka_unit_test(test_hystart_app_limited_listens_without_growing),
		cmocka_unit_test(test_hystart_first_round_cannot_end_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
