// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_isn.c - initial sequence numbers (RFC 6528) and timestamp offsets (RFC 7323 7.1). */
#include "tcp_harness.h"

static uint32_t isn(uint64_t now_ns)
{
	return isn_make(&th.env, th.c, now_ns);
}

static int isn_setup(void **state)
{
	th_setup(state);
	th.env.conf.fixed_isn = -1;
	th.c->laddr = th.open.laddr;
	th.c->raddr = th.open.raddr;
	th.c->lport = th.open.lport;
	th.c->rport = th.open.rport;
	return 0;
}

/* RFC 9293: MUST-8 */
static void test_isn_counts_every_four_microseconds(void **state)
{
	uint32_t first = isn(1000 * TH_S);

	assert_int_equal(isn(1000 * TH_S), first);
	assert_int_equal(isn(1000 * TH_S + 3999) - first, 0);
	assert_int_equal(isn(1000 * TH_S + 4000) - first, 1);
	assert_int_equal(isn(1001 * TH_S) - first, 250000);
}

static void test_isn_depends_on_each_part_of_the_tuple(void **state)
{
	uint32_t first = isn(0);

	th.c->rport ^= htons(1);
	assert_int_not_equal(isn(0), first);
	th.c->rport ^= htons(1);
	th.c->lport ^= htons(1);
	assert_int_not_equal(isn(0), first);
	th.c->lport ^= htons(1);
	for (int i = 0; i < 16; i++) {
		th.c->raddr.b[i] ^= 1;
		assert_int_not_equal(isn(0), first);
		th.c->raddr.b[i] ^= 1;
		th.c->laddr.b[i] ^= 1;
		assert_int_not_equal(isn(0), first);
		th.c->laddr.b[i] ^= 1;
	}
	assert_int_equal(isn(0), first);
}

/* RFC 9293: MUST-9, SHLD-1 */
static void test_isn_depends_on_the_secret(void **state)
{
	uint32_t first = isn(0);

	th.env.isn_key[0] ^= 1;
	assert_int_not_equal(isn(0), first);
	th.env.isn_key[0] ^= 1;
	th.env.isn_key[1] ^= 1ull << 63;
	assert_int_not_equal(isn(0), first);
}

/* The bytes 0 to 35 under the key 0 to 15: computed by openssl mac SIPHASH with size:8. */
static void test_isn_hash_is_siphash_2_4(void **state)
{
	for (uint8_t i = 0; i < 16; i++) {
		th.c->laddr.b[i] = i;
		th.c->raddr.b[i] = (uint8_t)(16 + i);
	}
	th.c->rport = 0x2120;
	th.c->lport = 0x2322;
	th.env.isn_key[0] = 0x0706050403020100ull;
	th.env.isn_key[1] = 0x0f0e0d0c0b0a0908ull;
	assert_int_equal(isn(0), 0x0815a3b4);
}

static void test_isn_fixed_is_used_as_given(void **state)
{
	th.env.conf.fixed_isn = 1000;
	assert_int_equal(isn(0), 1000);
	assert_int_equal(isn(77 * TH_S), 1000);
	th.env.conf.fixed_isn = 0;
	assert_int_equal(isn(5 * TH_S), 0);
	th.env.conf.fixed_isn = 0xffffffff;
	assert_int_equal(isn(0), 0xffffffff);
}

static void test_isn_timestamp_offset_is_secret_and_per_connection(void **state)
{
	uint32_t first = isn_ts_offset(&th.env, th.c);

	th.env.isn_key[0] ^= 1; /* another secret than the ISN's */
	assert_int_equal(isn_ts_offset(&th.env, th.c), first);
	th.c->rport++;
	assert_int_not_equal(isn_ts_offset(&th.env, th.c), first);
	th.c->rport--;
	th.env.ts_key[1] ^= 1;
	assert_int_not_equal(isn_ts_offset(&th.env, th.c), first);
}

static void test_isn_is_the_number_of_the_syn(void **state)
{
	uint32_t want = isn(th.now);

	memset(th.c, 0, sizeof(*th.c));
	th_connect();
	assert_int_equal(th.c->iss, want);
	assert_int_equal(tcp_output(&th.env, th.c, &th.last, th.now), 1);
	assert_int_equal(th.last.seq, want);
}

#undef TEST
#define TEST(f) cmocka_unit_test_setup_teardown(f, isn_setup, th_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_isn_counts_every_four_microseconds),
		TEST(test_isn_depends_on_each_part_of_the_tuple),
		TEST(test_isn_depends_on_the_secret),
		TEST(test_isn_hash_is_siphash_2_4),
		TEST(test_isn_fixed_is_used_as_given),
		TEST(test_isn_timestamp_offset_is_secret_and_per_connection),
		TEST(test_isn_is_the_number_of_the_syn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
