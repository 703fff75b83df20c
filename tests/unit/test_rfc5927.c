// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_rfc5927.c - "packet too big" that somebody made up (RFC 5927 7), and the sizes of RFC 1191 and 8201, case by case. */
#include "tcp_harness.h"

static bool too_big(uint32_t seq, uint32_t mtu)
{
	bool r = tcp_icmp_input(&th.env, th.c, TCP_ICMP_TOO_BIG, TH_ISS + seq, mtu, th.now);

	th_check(__FILE__, __LINE__);
	return r;
}

static void no_probe(void)
{
	th.c->probe_deadline = TCP_NEVER;
	th.c->loss_flags &= (uint16_t)~TCP_L_PTO;
}

/* A segment of n bytes has arrived; another full one is in flight, at n + 1. */
static void proved(uint32_t n)
{
	th_active();
	put(n);
	th_drain();
	in(".", 1, 1 + n, 0);
	put(1460);
	th_drain();
	no_probe();
}

/* 7.2: at once while nothing larger has arrived, else only after a timeout. Packets have 40 bytes of headers. */
static void test_rfc5927_stages(void **state)
{
	static const struct {
		uint32_t arrived, claim, at_once, after;
	} t[] = {
		{ 1460, 1500, 1500, 1500 }, /* not smaller than what is sent */
		{ 1460, 1499, 1500, 1499 }, { 1460, 1000, 1500, 1000 }, { 1460, 552, 1500, 552 },
		{ 1460, 68, 1500, 88 },	   /* segments of 48 bytes: the least */
		{ 960, 1000, 1000, 1000 }, /* what has arrived is as large */
		{ 960, 999, 1500, 999 },    { 100, 1400, 1400, 1400 },	{ 100, 552, 552, 552 },
		{ 100, 551, 1500, 551 }, /* no path of today: never at once */
		{ 100, 296, 1500, 296 },    { 100, 68, 1500, 88 },	{ 100, 1, 1500, 88 },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		th_fresh();
		th.wrote = 0;
		memset(th.stats, 0, sizeof(th.stats));
		proved(t[i].arrived);
		assert_true(too_big(1 + t[i].arrived, t[i].claim));
		assert_int_equal(th.c->path_mtu, t[i].at_once);
		count_is(mtu_icmp_delayed, t[i].at_once != t[i].after);
		th_drain();
		no_probe();
		advance(250);
		count_is(rto_fires, 1);
		assert_int_equal(th.c->path_mtu, t[i].after);
		assert_int_equal(!!(th_events() & TCP_EV_PATH_MTU), t[i].after != 1500);
		th_drain();
		tcp_free(&th.env, th.c);
	}
	th_fresh();
}

/* The timeout's retransmission is already of the new size. */
static void test_rfc5927_a_true_one_costs_one_timeout(void **state)
{
	proved(1460);
	assert_true(too_big(1461, 1000));
	no_out();
	advance(200);
	out(".", 1461, 1, 960);
	no_out();
	in(".", 1, 2421, 0);
	out("P.", 2421, 1, 500);
	in(".", 1, 2921, 0);
	assert_int_equal(th.c->path_mtu, 1000);
	count_is(mtu_icmp, 1);
	put(960);
	th_drain();
	no_probe();
	assert_true(too_big(2921, 700)); /* and the next hop's as well */
	assert_int_equal(th.c->path_mtu, 1000);
	advance(1000);
	assert_int_equal(th.c->path_mtu, 700);
}

/* Progress shows that it was a lie: a timeout of something else does not bring it back. */
static void test_rfc5927_a_lie_is_forgotten_with_progress(void **state)
{
	proved(1460);
	for (uint32_t i = 0; i < 50; i++) {
		assert_true(too_big(1461 + 1460 * i, 68 + 20 * i));
		in(".", 1, 2921 + 1460 * i, 0);
		put(1460);
		th_drain();
	}
	assert_int_equal(th.c->path_mtu, 1500);
	no_probe();
	advance(250);
	count_is(rto_fires, 1);
	assert_int_equal(th.c->path_mtu, 1500);
	count_is(mtu_icmp, 0);
	count_is(mtu_icmp_delayed, 50);
}

/* With timestamps packets are as large as their text says. */
static void test_rfc5927_timestamps_count(void **state)
{
	th_modern();
	put(988);
	th_drain();
	in(".", 1, 989, 0); /* 1,040 bytes of packet */
	put(1448);
	th_drain();
	assert_true(too_big(989, 1039));
	assert_int_equal(th.c->path_mtu, 1500);
	assert_true(too_big(989, 1040));
	assert_int_equal(th.c->path_mtu, 1040);
}

/* RFC 1191 5 and 7.1: routers that do not say how large; 68 at the end, but no segment of ours is so small. */
static void test_rfc1191_plateaus(void **state)
{
	static const struct {
		uint32_t mtu, next;
	} t[] = {
		{ 65535, 32000 }, { 32001, 32000 }, { 32000, 17914 }, { 17914, 8166 }, { 9000, 8166 },
		{ 8166, 4352 },	  { 4352, 2002 },   { 2002, 1492 },   { 1500, 1492 },  { 1492, 1006 },
		{ 1006, 508 },	  { 576, 508 },	    { 508, 296 },     { 296, 88 },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		th_fresh();
		th.wrote = 0;
		th.mss = 65495;
		th.open.path_mtu = t[i].mtu;
		th_active();
		put(100);
		th_drain();
		no_probe();
		assert_true(too_big(1, 0));
		advance(250);
		assert_int_equal(th.c->path_mtu, t[i].next);
		th_drain();
		tcp_free(&th.env, th.c);
	}
	th_fresh();
}

/* RFC 8201 4: less than every link carries is discarded, at once and for good. */
static void test_rfc8201_least_mtu(void **state)
{
	static const uint32_t lies[] = { 0, 1, 68, 576, 1279 };

	th_ipv6();
	th_active();
	put(1440);
	th_drain();
	no_probe();
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
		assert_false(too_big(1, lies[i]));
	advance(1000);
	assert_int_equal(th.c->path_mtu, 1500);
	assert_true(too_big(1, 1280));
	assert_int_equal(th.c->path_mtu, 1280);
	assert_int_equal(th.c->mss, 1220);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rfc5927_stages),
		TEST(test_rfc5927_a_true_one_costs_one_timeout),
		TEST(test_rfc5927_a_lie_is_forgotten_with_progress),
		TEST(test_rfc5927_timestamps_count),
		TEST(test_rfc1191_plateaus),
		TEST(test_rfc8201_least_mtu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
