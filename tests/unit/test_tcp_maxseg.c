// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_maxseg.c - a bound on segments that the application sets: what we send, and what we ask for. */
#include "tcp_harness.h"

/* RFC 9293: MUST-14, MUST-16 */
static void test_maxseg_set_before_the_syn_is_announced(void **state)
{
	th_connect();
	tcp_set_maxseg(&th.env, th.c, 1100);
	out("S", 0, 0, 0);
	assert_int_equal(th.opts.mss, 1100);
	in("S.", 0, 1, 0);
	out(".", 1, 1, 0);
	put(3000);
	out(".", 1, 1, 1100);
	out(".", 1101, 1, 1100);
	out("P.", 2201, 1, 800);
}

static void test_maxseg_of_a_passive_open_is_announced(void **state)
{
	th.open.mss_cap = 700;
	th_passive();
	assert_int_equal(th.opts.mss, 700);
	put(1000);
	out(".", 1, 1, 700);
	out("P.", 701, 1, 300);
}

static void test_maxseg_set_later_bounds_only_what_we_send(void **state)
{
	th_active();
	tcp_set_maxseg(&th.env, th.c, 1000);
	assert_int_equal(th.c->rcv_mss, 1460);
	put(1460);
	out(".", 1, 1, 1000);
	out("P.", 1001, 1, 460);
}

static void test_maxseg_never_raises_what_the_link_carries(void **state)
{
	th_connect();
	tcp_set_maxseg(&th.env, th.c, 9000);
	out("S", 0, 0, 0);
	assert_int_equal(th.opts.mss, 1460);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_maxseg_set_before_the_syn_is_announced),
		TEST(test_maxseg_of_a_passive_open_is_announced),
		TEST(test_maxseg_set_later_bounds_only_what_we_send),
		TEST(test_maxseg_never_raises_what_the_link_carries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
