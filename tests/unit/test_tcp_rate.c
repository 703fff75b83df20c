// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_rate.c - samples of the delivery rate against scripted sendings and acknowledgements. */
#include "tcp_harness.h"

#define MSS 1460u

static uint64_t rate(void)
{
	bool limited;

	return tcp_delivery_rate(th.c, &limited);
}

static bool limited(void)
{
	bool is;

	tcp_delivery_rate(th.c, &is);
	return is;
}

/* Ten segments in flight, sent this long ago. */
static void ten(uint32_t ms)
{
	th.sack = true;
	th_active();
	th.c->cwnd = 10 * MSS;
	put(40 * MSS);
	out_full(10, 1, 1);
	advance(ms);
}

static void test_rate_one_flight_is_its_bytes_by_its_round_trip(void **state)
{
	ten(100);
	in(".", 1, 1 + 10 * MSS, 0);
	assert_int_equal(rate(), 10 * MSS * 10);
	assert_int_equal(tcp_cold(th.c)->rate.delivered, 10 * MSS);
	assert_true(limited()); /* before it there was nothing to send */
}

/* Two segments are acknowledged every 10 ms, and as many sent. */
static void steps(uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i <= to; i++) {
		in(".", 1, 1 + 2 * i * MSS, 0);
		th.c->cwnd = 10 * MSS;
		th_drain();
		advance(10);
	}
}

/* In the second round the rate is that of the acknowledgements. */
static void test_rate_acknowledgements_spread_out_tell_the_bottleneck(void **state)
{
	ten(50);
	steps(1, 14);
	assert_int_equal(rate(), 2 * MSS * 100);
}

/* Acknowledgements of a flight that come all at once cannot say more than it was sent with. */
static void test_rate_acknowledgements_compressed_count_by_the_time_of_sending(void **state)
{
	ten(50);
	steps(1, 5);
	advance(40);
	for (uint32_t i = 6; i <= 10; i++)
		in(".", 1, 1 + 2 * i * MSS, 0);
	assert_true(rate() <= 2 * MSS * 100);
	th_drain();
}

static void test_rate_sacked_bytes_are_delivered_once(void **state)
{
	ten(100);
	th_sack(1 + MSS, 1 + 3 * MSS);
	in(".", 1, 1, 0);
	assert_int_equal(tcp_cold(th.c)->rate.delivered, 2 * MSS);
	th_sack(1 + MSS, 1 + 4 * MSS);
	in(".", 1, 1, 0);
	assert_int_equal(tcp_cold(th.c)->rate.delivered, 3 * MSS);
	in(".", 1, 1 + 4 * MSS + 100, 0); /* and a part */
	assert_int_equal(tcp_cold(th.c)->rate.delivered, 4 * MSS + 100);
	in(".", 1, 1 + 5 * MSS, 0);
	assert_int_equal(tcp_cold(th.c)->rate.delivered, 5 * MSS);
	th_drain();
}

static void test_rate_lost_bytes_are_counted(void **state)
{
	ten(100);
	th_sack(1 + MSS, 1 + 4 * MSS);
	in(".", 1, 1, 0);
	assert_int_equal(tcp_cold(th.c)->rate.lost, MSS);
	th_drain();
}

/* All that is out is acknowledged, 100 ms after it was sent. */
static void all(void)
{
	th_drain();
	advance(100);
	in(".", 1, th.c->snd_nxt - TH_ISS, 0);
}

/* A request in the middle of nothing says how fast it was answered, not what the path can carry. */
static void test_rate_want_of_data_marks_the_sample(void **state)
{
	ten(100);
	all();
	all();
	assert_false(limited());
	all();
	th_drain();
	assert_int_equal(tcp_send_queued(th.c), 0);
	advance(1000);
	put(10 * MSS); /* the pipe was empty */
	all();
	assert_true(limited());
	assert_int_equal(rate(), 10 * MSS * 10);
	put(MSS); /* a lower one tells nothing */
	all();
	assert_int_equal(rate(), 10 * MSS * 10);
	put(120 * MSS); /* what is sent once the marked flight is delivered is marked no more */
	all();
	assert_true(limited());
	all();
	all();
	assert_false(limited());
	th_drain();
}

/* A sample shorter than the path can be comes of a retransmission whose original was delivered. */
static void test_rate_interval_below_the_least_rtt_is_no_sample(void **state)
{
	ten(100);
	in(".", 1, 1 + 10 * MSS, 0);
	th_drain();
	assert_int_equal(rate(), 10 * MSS * 10);
	advance(300); /* the timer sends the first again */
	th_drain();
	advance(1);
	in(".", 1, 1 + 30 * MSS, 0);
	assert_true(rate() <= 20 * MSS * 10);
	th_drain();
}

static void test_rate_handshake_leaves_no_account(void **state)
{
	th_active();
	assert_int_equal(th.c->flags & TCP_F_COLD, 0);
	assert_int_equal(rate(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rate_one_flight_is_its_bytes_by_its_round_trip),
		TEST(test_rate_acknowledgements_spread_out_tell_the_bottleneck),
		TEST(test_rate_acknowledgements_compressed_count_by_the_time_of_sending),
		TEST(test_rate_sacked_bytes_are_delivered_once),
		TEST(test_rate_lost_bytes_are_counted),
		TEST(test_rate_want_of_data_marks_the_sample),
		TEST(test_rate_interval_below_the_least_rtt_is_no_sample),
		TEST(test_rate_handshake_leaves_no_account),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
