// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* rcvtune.c: the receive buffer follows what the application reads in a round trip; windows up to 1 GiB. */
#include "tcp_harness.h"

#define INIT (128u << 10)
#define RTT_MS 20

/* What the peer may still send. */
static uint32_t window(void)
{
	return th.c->rcv_adv - th.c->rcv_nxt;
}

/* A round trip in which the peer sends n bytes, if the window allows, and `read` of what waits is read. */
static void round_trip(uint32_t n, uint32_t read)
{
	n = min_u32(n, window());
	while (n) {
		uint32_t len = min_u32(n, 1448);

		in(".", th_peer_next(), 1, len);
		th_drain();
		n -= len;
	}
	if (read)
		get(min_u32(read, th.c->rcvq.len));
	th_drain();
	advance(RTT_MS);
	th_drain();
}

static void peer_with_scale(bool ts)
{
	th_memory(32 << 20);
	th.ts = th.sack = ts;
	th.wscale = 7;
	th_active();
}

/* As in slow start: twice as much each time. */
static void slow_start(uint32_t rounds)
{
	for (uint32_t i = 0, n = 14480; i < rounds; i++, n *= 2)
		round_trip(n, UINT32_MAX);
}

static void test_rcvtune_fast_reader_gets_a_window_ahead_of_slow_start(void **state)
{
	for (int ts = 0; ts < 2; ts++) {
		peer_with_scale(ts);
		assert_int_equal(th.c->rcvbuf, INIT);
		for (uint32_t i = 0, n = 14480; i < 7; i++, n *= 2) {
			assert_true(window() >= min_u32(n, 1000000)); /* never in the sender's way */
			round_trip(n, UINT32_MAX);
		}
		assert_true(th.c->rcvbuf > 1u << 20);
		assert_true(th.stats[XTCP_USER_rcvbuf_grown] >= 3);
		th_teardown(state);
		th_setup(state);
	}
}

static void test_rcvtune_steady_rate_gets_twice_its_product(void **state)
{
	peer_with_scale(true);
	for (int i = 0; i < 40; i++)
		round_trip(100000, UINT32_MAX);
	assert_true(th.c->rcvbuf >= 2 * 100000);
	assert_true(th.c->rcvbuf < 1u << 21);
}

static void test_rcvtune_slow_reader_gets_no_more(void **state)
{
	peer_with_scale(true);
	for (int i = 0; i < 60; i++)
		round_trip(UINT32_MAX, 5000);
	assert_int_equal(th.c->rcvbuf, INIT);
	assert_true(th.c->rcvq.len <= INIT);
}

static void test_rcvtune_trickle_gets_no_more(void **state)
{
	peer_with_scale(true);
	for (int i = 0; i < 60; i++)
		round_trip(3000, UINT32_MAX);
	assert_int_equal(th.c->rcvbuf, INIT);
}

static void test_rcvtune_stops_at_the_maximum(void **state)
{
	th.env.conf.rcvbuf_max = 300000;
	peer_with_scale(true);
	slow_start(8);
	assert_int_equal(th.c->rcvbuf, 300000);
	assert_true(window() <= 300000);
}

static void test_rcvtune_set_by_the_application_stays(void **state)
{
	peer_with_scale(true);
	tcp_set_rcvbuf(th.c, 200000);
	slow_start(8);
	assert_int_equal(th.c->rcvbuf, 200000);
	tcp_set_rcvbuf(th.c, 100000); /* an announced window is not taken back (SHLD-14) */
	assert_int_equal(th.c->rcvbuf, 200000);
	count_is(rcvbuf_grown, 0);
}

static void test_rcvtune_set_before_the_syn_sets_the_scale(void **state)
{
	th_connect();
	tcp_set_rcvbuf(th.c, 64 << 20);
	out("S", 0, 0, 0);
	assert_int_equal(th.opts.wscale, 11);
	tcp_set_rcvbuf(th.c, 8192); /* the SYN is out: the scale stays */
	assert_int_equal(th.c->rcv_wscale, 11);
	assert_int_equal(th.c->rcvbuf, 8192);
}

/* Data behind a hole counts too: the application could not read it yet. */
static void test_rcvtune_out_of_order_data_is_added(void **state)
{
	uint32_t without;

	peer_with_scale(true);
	slow_start(3);
	round_trip(14480 * 8, UINT32_MAX);
	without = th.c->rcvbuf;
	in(".", th_peer_next() + 60000, 1, 1448);
	round_trip(14480 * 4, UINT32_MAX);
	assert_true(th.c->rcvbuf >= without);
	in(".", th_peer_next() + 100000, 1, 1448);
	th.c->rcvbuf = INIT; /* as it was at first */
	tcp_cold(th.c)->rcvtune.space = 40000;
	round_trip(14480 * 4, UINT32_MAX);
	assert_true(th.c->rcvbuf > 2 * 14480 * 4 + 100000 - 14480 * 4);
}

static void test_rcvtune_window_never_shrinks_while_it_grows(void **state)
{
	peer_with_scale(true); /* check_segment() in the harness looks at every edge */
	slow_start(6);
	for (int i = 0; i < 20; i++)
		round_trip(UINT32_MAX, i & 1 ? 700 : 90000);
	assert_true(th.have_edge);
}

/* ---- 1 GiB ---- */

static void open_gigabyte(void)
{
	th.env.conf.rcvbuf_max = th.env.conf.rcvbuf_init = 1u << 30;
	th.env.conf.sndbuf_max = 1u << 30;
	th.sack = true;
	th.wscale = 14;
	th_active();
}

static void test_rcvtune_window_of_one_gigabyte_is_announced_with_scale_14(void **state)
{
	th.env.conf.rcvbuf_max = th.env.conf.rcvbuf_init = 1u << 30;
	th.wscale = 14;
	th_connect();
	out("S", 0, 0, 0);
	assert_int_equal(th.opts.wscale, 14);
	assert_int_equal(th.last.wnd, 65535);
	in("S.", 0, 1, 0);
	out(".", 1, 1, 0);
	assert_int_equal(th.last.wnd, 65535);
	assert_int_equal(window(), 65535u << 14);
	for (int i = 0; i < 8; i++) { /* the edge passes 2^32 already; rcv_nxt does now */
		in(".", th_peer_next(), 1, 1448);
		get(1448);
		th_drain();
		assert_true(window() <= 65535u << 14);
	}
}

static void test_rcvtune_far_edge_of_one_gigabyte_is_kept_and_merged(void **state)
{
	uint32_t far = 1000u << 20;

#ifdef __SANITIZE_ADDRESS__
	skip(); /* its shadow of the ring would be real memory */
#endif
	th_memory(2ull << 30); /* of which a few pages are touched */
	open_gigabyte();
	in(".", 1 + far, 1, 1448);
	out(".", 1, 1, 0);
	sack_is(0, 1 + far, 1 + far + 1448);
	assert_int_equal(th.c->rcvq.size, 1u << 30);
	in(".", 1 + (65535u << 14) - 100, 1, 200); /* half of it is past the edge */
	th_drain();
	assert_int_equal(recvq_ooo(&th.env, th.c)->r[1].end, th.c->rcv_adv);
	in(".", 1 + (65535u << 14), 1, 10); /* and this wholly */
	count_is(in_seq_new, 1);
	th_drain();
}

static void test_rcvtune_peer_window_of_one_gigabyte_is_filled_to_the_byte(void **state)
{
	struct tcp_span span[2];
	struct tcp_seg seg;
	uint32_t edge, n = 0;

#ifdef __SANITIZE_ADDRESS__
	skip();
#endif
	th_memory(2ull << 30);
	open_gigabyte();
	in(".", 1, 1, 0); /* the first window that is scaled: 65,535 << 14 */
	edge = th.c->snd_una + (65535u << 14);
	tcp_set_sndbuf(th.c, 1u << 30);
	assert_int_equal(tcp_reserve(&th.env, th.c, 1u << 30, span), 1 << 30);
	tcp_commit(&th.env, th.c, 1u << 30, false, false);
	th.c->cwnd = 1u << 31;
	while (tcp_output(&th.env, th.c, &seg, th.now)) {
		assert_true(seq_leq(seg.seq + seg.len, edge));
		n++;
	}
	assert_true(n > 700000);
	assert_int_equal(th.c->snd_nxt, edge - (65535u << 14) % 1460);
	in(".", 1, (65535u << 14) / 1460 * 1460 + 1, 0);
	assert_int_equal(tcp_flight(th.c), 0);
	assert_true(tcp_send_limit(th.c) == 1u << 30);
	tcp_abort(&th.env, th.c, ECONNABORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rcvtune_fast_reader_gets_a_window_ahead_of_slow_start),
		TEST(test_rcvtune_steady_rate_gets_twice_its_product),
		TEST(test_rcvtune_slow_reader_gets_no_more),
		TEST(test_rcvtune_trickle_gets_no_more),
		TEST(test_rcvtune_stops_at_the_maximum),
		TEST(test_rcvtune_set_by_the_application_stays),
		TEST(test_rcvtune_set_before_the_syn_sets_the_scale),
		TEST(test_rcvtune_out_of_order_data_is_added),
		TEST(test_rcvtune_window_never_shrinks_while_it_grows),
		TEST(test_rcvtune_window_of_one_gigabyte_is_announced_with_scale_14),
		TEST(test_rcvtune_far_edge_of_one_gigabyte_is_kept_and_merged),
		TEST(test_rcvtune_peer_window_of_one_gigabyte_is_filled_to_the_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
