// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_rack.c - losses found by time (RFC 8985 6). The handshake's RTT of 4 ms makes a reordering window of 1 ms. */
#include "tcp_harness.h"

#define MSS 1000u
#define SEG(n) (1 + (n)*MSS) /* number of the n-th segment */

static uint64_t open_ns;

static void open_sack(bool ts)
{
	th.sack = true;
	th.ts = ts;
	th.mss = ts ? MSS + 12 : MSS;
	th.env.conf.rto_min_ns = 196 * TH_MS; /* with 4 ms of RTT: an RTO of 200 ms */
	th_connect();
	out("S", 0, 0, 0);
	advance(4);
	in("S.", 0, 1, 0);
	out(".", 1, 1, 0);
	assert_int_equal(th.c->min_rtt_us, 4000);
	open_ns = th.now;
}

/* n segments, the first just sent; 1 ms between one and the next */
static void spaced(uint32_t n)
{
	th.c->cwnd = 100 * MSS;
	th.c->flags |= TCP_F_NODELAY;
	for (uint32_t i = 0; i < n; i++) {
		if (i)
			advance(1);
		put(MSS);
		out("P.", SEG(i), 1, MSS);
	}
}

static void sack(uint32_t ack, uint32_t from, uint32_t to)
{
	th_sack(SEG(from), SEG(to));
	in(".", 1, SEG(ack), 0);
}

static void test_rack_hole_older_than_the_window_is_lost_at_once(void **state)
{
	open_sack(false);
	spaced(2);
	advance(4);
	sack(0, 1, 2); /* one, and sent 1 ms later: as much as the window */
	out(".", SEG(0), 1, MSS);
	no_out();
}

static void test_rack_timer_finds_the_hole(void **state)
{
	uint64_t start;

	open_sack(false);
	spaced(1);
	put(MSS);
	out("P.", SEG(1), 1, MSS);
	advance(4);
	sack(0, 1, 2);
	no_out();
	start = th.now;
	advance(20);
	out(".", SEG(0), 1, MSS);
	no_out();
	assert_int_equal(th.last_ns - start, TH_MS); /* min_RTT / 4 */
	count_is(fast_recoveries, 1);
	count_is(rto_fires, 0);
}

static void test_rack_late_segment_within_the_window_is_not_sent_again(void **state)
{
	open_sack(false);
	spaced(1);
	put(MSS);
	out("P.", SEG(1), 1, MSS);
	advance(4);
	sack(0, 1, 2);
	no_out();
	in(".", 1, SEG(2), 0);
	advance(50);
	no_out();
	count_is(retrans_segs, 0);
	assert_true(th.c->loss_flags & TCP_L_REORDERING);
}

static void test_rack_three_sacked_segments_need_no_waiting(void **state)
{
	open_sack(false);
	spaced(1);
	for (uint32_t i = 1; i < 5; i++) {
		put(MSS);
		out("P.", SEG(i), 1, MSS);
	}
	advance(4);
	sack(0, 1, 3);
	no_out();
	sack(0, 1, 4);
	out(".", SEG(0), 1, MSS);
	no_out();
}

/* Once reordering is known, three above say nothing: only time does. */
static void test_rack_reordering_seen_makes_it_wait(void **state)
{
	open_sack(false);
	spaced(1);
	put(MSS);
	out("P.", SEG(1), 1, MSS);
	advance(4);
	sack(0, 1, 2);
	in(".", 1, SEG(2), 0);
	for (uint32_t i = 2; i < 8; i++) {
		put(MSS);
		out("P.", SEG(i), 1, MSS);
	}
	advance(4);
	sack(2, 3, 7);
	no_out();
	advance(1);
	out(".", SEG(2), 1, MSS);
}

static void test_rack_lost_retransmission_is_found(void **state)
{
	open_sack(false);
	spaced(1);
	for (uint32_t i = 1; i < 5; i++) {
		put(MSS);
		out("P.", SEG(i), 1, MSS);
	}
	advance(4);
	sack(0, 1, 4);
	out(".", SEG(0), 1, MSS);
	th.c->cwnd = 100 * MSS;
	advance(1);
	put(MSS);
	out("P.", SEG(5), 1, MSS);
	advance(3);
	sack(0, 1, 5); /* sent before the retransmission: says nothing of it */
	no_out();
	advance(1);
	sack(0, 1, 6); /* sent after it */
	out(".", SEG(0), 1, MSS);
	no_out();
	count_is(fast_recoveries, 1);
	count_is(retrans_segs, 2);
	count_is(lost_retransmits, 1);
	count_is(rto_fires, 0);
}

/* The acknowledgement of the original is no measure of what was sent again (6.2 step 2). */
static void ambiguous(bool ts)
{
	uint32_t xmit, tsecr;

	open_sack(ts);
	spaced(1);
	for (uint32_t i = 1; i < 5; i++) {
		put(MSS);
		out("P.", SEG(i), 1, MSS);
	}
	tsecr = th.opts.tsval;
	advance(4);
	sack(0, 1, 4);
	out(".", SEG(0), 1, MSS);
	xmit = th.c->rack_xmit_us;
	advance(ts ? 10 : 2); /* without timestamps: sooner than min_RTT */
	th.opts.tsval = tsecr;
	sack(1, 1, 4);
	assert_int_equal(th.c->rack_xmit_us, xmit);
}

static void test_rack_ambiguous_by_min_rtt_is_no_sample(void **state)
{
	ambiguous(false);
}

static void test_rack_ambiguous_by_timestamp_is_no_sample(void **state)
{
	ambiguous(true);
}

/* 6.3: what was sent within the last RTT is not taken for lost by a timeout. */
static void test_rack_timeout_spares_what_is_young(void **state)
{
	open_sack(false);
	spaced(3);
	th.c->probe_deadline = TCP_NEVER; /* no loss probe */
	advance(195);
	put(MSS);
	out("P.", SEG(3), 1, MSS);
	th.c->probe_deadline = TCP_NEVER;
	advance(3);
	count_is(rto_fires, 1);
	out(".", SEG(0), 1, MSS);
	assert_int_equal(th.c->lost, 2 * MSS); /* not the one sent 3 ms ago */
}

/* A SYN that was lost once, then six segments, and the timer. */
static void open_late(bool ts)
{
	th.sack = true;
	th.ts = ts;
	th.mss = ts ? MSS + 12 : MSS;
	th_connect();
	out("S", 0, 0, 0);
	advance(1000);
	out("S", 0, 0, 0);
	advance(20);
	in("S.", 0, 1, 0);
	out(".", 1, 1, 0);
}

/* The peer's echo tells which of the two SYNs it answers: a sample for all that wants one (RFC 7323 4, RFC 8985 6.2 step 1, 2). */
static void test_rack_timestamp_makes_the_second_syn_a_sample(void **state)
{
	open_late(true);
	assert_true(th.c->loss_flags & TCP_L_RACK);
	assert_int_equal(th.c->min_rtt_us, 20000);
	assert_in_range(th.c->srtt_us_x8 >> 3, 18000, 22000);
	assert_true(th.c->rto_us < 1000000); /* a valid sample: not the 3 s of RFC 6298 5.7 */
}

static void test_rack_without_a_sample_says_nothing(void **state)
{
	open_late(false);
	assert_false(th.c->loss_flags & TCP_L_RACK);
	assert_int_equal(th.c->min_rtt_us, 0);
	assert_int_equal(th.c->rto_us, 3000000);
	th.c->cwnd = 10 * MSS;
	put(6 * MSS);
	out_full(6, 1, 1);
	advance(20);
	sack(0, 1, 3); /* the first of them is one, at once */
	assert_true(th.c->loss_flags & TCP_L_RACK);
	assert_int_equal(th.c->min_rtt_us, 20000);
	sack(0, 1, 4);
	out(".", SEG(0), 1, MSS);
}

/* An echo of the original's time says that the original arrived, although nothing has ever given a min_RTT. */
static void test_rack_old_echo_of_a_second_syn_is_no_sample(void **state)
{
	uint32_t first;

	th.sack = th.ts = true;
	th_connect();
	out("S", 0, 0, 0);
	advance(1000);
	first = th.opts.tsval;
	out("S", 0, 0, 0);
	th.opts.tsval = first;
	in("S.", 0, 1, 0);
	assert_false(th.c->loss_flags & TCP_L_RACK);
	assert_int_equal(th.c->min_rtt_us, 0);
}

/* 6.2 step 1: the least of five minutes, not the newest once the least of all is too old. */
static void test_rack_least_rtt_is_of_a_sliding_window(void **state)
{
	static const struct {
		uint32_t at_s, rtt_ms, least_ms;
	} t[] = { { 1, 20, 4 },	   { 150, 30, 4 },  { 299, 50, 4 }, { 302, 50, 30 },
		  { 400, 60, 30 }, { 460, 60, 50 }, { 461, 9, 9 } };
	uint32_t n = 0;

	open_sack(false);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		advance(1000ull * t[i].at_s - (th.now - open_ns) / TH_MS);
		put(MSS);
		out("P.", SEG(n), 1, MSS);
		advance(t[i].rtt_ms);
		in(".", 1, SEG(++n), 0);
		assert_int_equal(th.c->min_rtt_us, t[i].least_ms * 1000);
	}
}

/* Many holes are found as their times come, each once. */
static void test_rack_each_hole_in_its_own_time(void **state)
{
	open_sack(false);
	th.c->loss_flags |= TCP_L_REORDERING;
	spaced(4); /* sent at 0, 1, 2, 3 ms */
	advance(4);
	sack(0, 3, 4); /* sent at 3: those sent at 2 and before are 1 ms late */
	th.c->cwnd = 100 * MSS;
	out(".", SEG(0), 1, MSS);
	out(".", SEG(1), 1, MSS);
	out(".", SEG(2), 1, MSS);
	no_out();
	advance(3);
	no_out();
	count_is(retrans_segs, 3);
}

/* Step 4: each round trip with a DSACK widens the window by min_RTT / 4; sixteen recoveries without one narrow it. */
static void test_rack_dsack_widens_the_window(void **state)
{
	open_sack(false);
	spaced(1);
	put(MSS);
	out("P.", SEG(1), 1, MSS);
	advance(4);
	in(".", 1, SEG(2), 0);
	put(2 * MSS);
	th_drain();
	for (int i = 0; i < 2; i++) { /* both within one round trip */
		th_sack(SEG(0), SEG(1));
		in(".", 1, SEG(2), 0);
	}
	count_is(in_dsacks, 2);
	assert_int_equal(th.c->reo_mult, 1);
	advance(4);
	sack(2, 3, 4);
	advance(1);
	no_out();
	advance(1);
	out(".", SEG(2), 1, MSS);
}

static void test_rack_window_narrows_after_sixteen_recoveries(void **state)
{
	open_sack(false);
	rack_adapt(th.c, true, false);
	for (int i = 0; i < 15; i++)
		rack_adapt(th.c, false, true);
	assert_int_equal(th.c->reo_mult, 1);
	rack_adapt(th.c, false, true);
	assert_int_equal(th.c->reo_mult, 0);
}

/* Step 5: one timer for all that may yet prove late, and so it is set for the last of them. */
static void test_rack_timer_waits_for_the_last_of_the_late(void **state)
{
	uint64_t start;

	open_sack(false);
	th.c->loss_flags |= TCP_L_REORDERING;
	th.c->reo_mult = 3; /* a window of 4 ms: all of min_RTT */
	spaced(4);	    /* sent at 0, 1, 2, 3 ms */
	advance(4);
	start = th.now;
	sack(0, 3, 4); /* at 7 ms, RACK.rtt 4: due at 8, 9, 10 ms */
	th.c->cwnd = 100 * MSS;
	advance(2);
	no_out();
	advance(1);
	out(".", SEG(0), 1, MSS);
	assert_int_equal((th.last_ns - start) / TH_MS, 3);
	assert_int_equal(th.c->lost, 2 * MSS); /* the other two as well */
}

/* Step 2: RACK.rtt is that of the newest segment this ACK delivers, also when a later one was delivered before. */
static void test_rack_rtt_is_of_the_latest_ack(void **state)
{
	open_sack(false);
	spaced(3); /* sent at 0, 1, 2 ms */
	advance(2);
	sack(0, 2, 3);
	assert_int_equal(th.c->rack_rtt_us, 2000);
	advance(1);
	sack(0, 1, 2); /* sent at 1 ms, here at 5 */
	assert_int_equal(th.c->rack_rtt_us, 4000);
	assert_int_equal(th.c->rack_end - TH_ISS, SEG(3));
}

static void test_rack_tells_how_far_reordering_went(void **state)
{
	open_sack(false);
	spaced(6);
	sack(0, 5, 6);
	assert_int_equal(tcp_cold_peek(th.c)->reorder.reord_seen, 0);
	sack(0, 1, 2);
	assert_int_equal(tcp_cold_peek(th.c)->reorder.reord_seen, 1);
	assert_int_equal(tcp_cold_peek(th.c)->reorder.reordering, 5);
	sack(0, 3, 4);
	assert_int_equal(tcp_cold_peek(th.c)->reorder.reord_seen, 2);
	assert_int_equal(tcp_cold_peek(th.c)->reorder.reordering, 5);
}

/* Step 4: all of the product is divided, and never is it more than SRTT. */
static void test_rack_window_is_at_most_srtt(void **state)
{
	uint64_t start;

	open_sack(false);
	th.c->loss_flags |= TCP_L_REORDERING;
	th.c->reo_mult = 250;
	spaced(1);
	put(MSS);
	out("P.", SEG(1), 1, MSS);
	advance(4);
	sack(0, 1, 2);
	start = th.now;
	advance(10);
	out(".", SEG(0), 1, MSS);
	assert_int_equal((th.last_ns - start) / 1000, th.c->srtt_us_x8 >> 3);
}

/* 6.2 step 4: sixteen recoveries without a DSACK, and the one that ends with the DSACK is none of them. */
static void test_rack_window_persists_for_sixteen_recoveries(void **state)
{
	open_sack(false);
	put(MSS);
	th_drain();
	advance(4);
	in(".", 1, SEG(1), 0);
	for (uint32_t i = 0; i <= 16; i++) {
		uint32_t first = 1 + 5 * i;

		th.c->cwnd = 100 * MSS;
		put(5 * MSS);
		th_drain();
		advance(4);
		sack(first, first + 1, first + 4);
		th_drain();
		assert_true(th.c->flags & TCP_F_RECOVERY);
		advance(4);
		if (!i) /* the end of the first reports a duplicate of an earlier segment */
			th_sack(SEG(0), SEG(1));
		in(".", 1, SEG(first + 5), 0);
		assert_false(th.c->flags & TCP_F_RECOVERY);
		assert_int_equal(th.c->reo_mult, i < 16);
		assert_int_equal(th.c->reo_persist, 16 - i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rack_hole_older_than_the_window_is_lost_at_once),
		TEST(test_rack_timer_finds_the_hole),
		TEST(test_rack_late_segment_within_the_window_is_not_sent_again),
		TEST(test_rack_three_sacked_segments_need_no_waiting),
		TEST(test_rack_reordering_seen_makes_it_wait),
		TEST(test_rack_lost_retransmission_is_found),
		TEST(test_rack_ambiguous_by_min_rtt_is_no_sample),
		TEST(test_rack_ambiguous_by_timestamp_is_no_sample),
		TEST(test_rack_timeout_spares_what_is_young),
		TEST(test_rack_timestamp_makes_the_second_syn_a_sample),
		TEST(test_rack_without_a_sample_says_nothing),
		TEST(test_rack_old_echo_of_a_second_syn_is_no_sample),
		TEST(test_rack_dsack_widens_the_window),
		TEST(test_rack_window_narrows_after_sixteen_recoveries),
		TEST(test_rack_least_rtt_is_of_a_sliding_window),
		TEST(test_rack_each_hole_in_its_own_time),
		TEST(test_rack_timer_waits_for_the_last_of_the_late),
		TEST(test_rack_rtt_is_of_the_latest_ack),
		TEST(test_rack_tells_how_far_reordering_went),
		TEST(test_rack_window_is_at_most_srtt),
		TEST(test_rack_window_persists_for_sixteen_recoveries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
