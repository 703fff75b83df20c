// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_csum.c - csum.c against RFC 1071 done two bytes at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <cmocka.h>
#include "lib/addr.h"
#include "lib/csum.h"

#define MAX 70000

static uint8_t data[MAX + 64], copy[MAX + 64];

static uint16_t naive(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return htons((uint16_t)sum);
}

static void fill(int kind)
{
	uint32_t x = 12345;
	size_t i;

	for (i = 0; i < sizeof(data); i++) {
		x = x * 1664525 + 1013904223;
		data[i] = kind == 0 ? 0 : kind == 1 ? 0xff : (uint8_t)(x >> 24);
	}
}

static void check_one(size_t at, size_t len)
{
	size_t to = (at * 7 + len) & 31;

	assert_int_equal(csum_fold(csum_partial(data + at, len)), naive(data + at, len));
	memset(copy, 0xa5, len + 64);
	assert_int_equal(csum_fold(csum_copy(copy + to, data + at, len)), naive(data + at, len));
	assert_memory_equal(copy + to, data + at, len);
	if (to)
		assert_int_equal(copy[to - 1], 0xa5);
	assert_int_equal(copy[to + len], 0xa5);
}

static void test_csum_any_length_and_alignment_matches_naive(void **state)
{
	size_t len, at;
	int kind;

	for (kind = 0; kind < 3; kind++) {
		fill(kind);
		for (len = 0; len <= 400; len++)
			for (at = 0; at < 33; at++)
				check_one(at, len);
		for (len = 1400; len < MAX; len += len / 3 + 1)
			for (at = 0; at < 4; at++)
				check_one(at, len);
		check_one(1, MAX);
	}
}

static void check_impl(const struct csum_impl *impl, size_t at, size_t len)
{
	const struct csum_impl *portable = &csum_impls[csum_impls_n - 1];
	size_t to = (at * 5 + len) & 63;
	uint16_t want = csum_fold(portable->partial(data + at, len));
	uint64_t sum = impl->copy(copy + to, data + at, len);

	assert_int_equal(csum_fold(sum), want);
	assert_true(sum < 1ull << 33);
	assert_int_equal(csum_fold(impl->partial(data + at, len)), want);
	assert_memory_equal(copy + to, data + at, len);
	assert_int_equal(copy[to + len], 0xa5);
	if (to)
		assert_int_equal(copy[to - 1], 0xa5);
	memset(copy, 0xa5, len + 64);
}

/* Each one that this processor can run; what cannot run here is said. */
static void test_csum_every_implementation_equals_the_portable(void **state)
{
	size_t len, at;

	assert_string_equal(csum_impls[csum_impls_n - 1].name, "portable");
	for (unsigned int i = 0; i + 1 < csum_impls_n; i++) {
		if (!csum_impls[i].usable()) {
			print_message("%s: compiled, not run: this processor lacks it\n", csum_impls[i].name);
			continue;
		}
		for (int kind = 0; kind < 3; kind++) {
			fill(kind);
			memset(copy, 0xa5, sizeof(copy));
			for (len = 0; len <= 600; len++)
				for (at = 0; at < 64; at++)
					check_impl(&csum_impls[i], at, len);
			for (len = 601; len < MAX - 64; len += len / 7 + 1)
				for (at = 0; at < 64; at++)
					check_impl(&csum_impls[i], at, len);
		}
	}
}

static void test_csum_chosen_is_the_first_usable(void **state)
{
	unsigned int i = 0;

	while (!csum_impls[i].usable())
		i++;
	assert_ptr_equal(csum_chosen(), &csum_impls[i]);
}

static void test_csum_split_anywhere_equals_whole(void **state)
{
	size_t len, cut;

	fill(2);
	for (len = 0; len <= 300; len++) {
		for (cut = 0; cut <= len; cut++) {
			uint64_t tail = csum_partial(data + cut, len - cut);

			if (cut & 1)
				tail = csum_shift(tail);
			assert_int_equal(csum_fold(csum_partial(data, cut) + tail), naive(data, len));
		}
	}
}

static void test_csum_many_large_pieces_do_not_overflow(void **state)
{
	uint64_t sum = 0;
	uint32_t i;

	fill(1);
	for (i = 0; i < 20000; i++)
		sum += csum_partial(data, 65536);
	assert_int_equal(csum_fold(sum), 0xffff);
	assert_true(csum_partial(data, 65536) < 1ull << 33);
}

/* RFC 9293: MUST-2 */
static void test_csum_pseudo_ipv4_equals_rfc9293_header(void **state)
{
	struct xtcp_addr s = addr_from_v4(htonl(0x0a090001)), d = addr_from_v4(htonl(0xfffe0102));
	uint8_t h[12] = { 10, 9, 0, 1, 0xff, 0xfe, 1, 2, 0, 6, 0x12, 0x35 };

	assert_int_equal(csum_fold(csum_pseudo(s.b, d.b, 6, 0x1235)), naive(h, sizeof(h)));
}

/* RFC 9293: MUST-2 */
static void test_csum_pseudo_ipv6_equals_rfc8200_header(void **state)
{
	uint8_t h[40] = { 0xfd, 9,    0,    0,	  0,   0,    0,	   0,	 1, 2, 3,    4,	   5,	 6,
			  7,	8,    0x20, 1,	  0xd, 0xb8, 9,	   9,	 9, 9, 0xff, 0xff, 0xff, 0xff,
			  0xff, 0xff, 0xff, 0xff, 0,   1,    0x11, 0x72, 0, 0, 0,    6 };

	assert_int_equal(csum_fold(csum_pseudo(h, h + 16, 6, 0x11172)), naive(h, sizeof(h)));
}

/* A whole segment with its checksum in place sums to all ones. */
static void test_csum_known_segment_verifies(void **state)
{
	/* RFC 1071, section 3: words 0001 f203 f4f5 f6f7 sum to ddf2. */
	static const uint8_t rfc[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };
	uint8_t whole[10];
	uint16_t sum;

	assert_int_equal(ntohs(csum_fold(csum_partial(rfc, sizeof(rfc)))), 0xddf2);
	memcpy(whole, rfc, sizeof(rfc));
	sum = (uint16_t)~csum_fold(csum_partial(rfc, sizeof(rfc)));
	memcpy(whole + 8, &sum, 2);
	assert_int_equal(csum_fold(csum_partial(whole, sizeof(whole))), 0xffff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_csum_any_length_and_alignment_matches_naive),
		cmocka_unit_test(test_csum_every_implementation_equals_the_portable),
		cmocka_unit_test(test_csum_chosen_is_the_first_usable),
		cmocka_unit_test(test_csum_split_anywhere_equals_whole),
		cmocka_unit_test(test_csum_many_large_pieces_do_not_overflow),
		cmocka_unit_test(test_csum_pseudo_ipv4_equals_rfc9293_header),
		cmocka_unit_test(test_csum_pseudo_ipv6_equals_rfc8200_header),
		cmocka_unit_test(test_csum_known_segment_verifies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
