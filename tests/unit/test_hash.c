// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_hash.c - lib/hash.h: keyed, sensitive to every bit, evenly spread over the demux's slots. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <string.h>
#include "lib/addr.h"
#include "lib/hash.h"

#define SLOTS 1024
#define PER_SLOT 64

static const uint64_t key[2] = { 0x0123456789abcdefull, 0xfedcba9876543210ull };

struct tuple {
	struct xtcp_addr l, r;
	uint16_t lport, rport;
};

static uint64_t hash(const struct tuple *t, const uint64_t k[2])
{
	return hash_tuple(&t->l, &t->r, t->lport, t->rport, k);
}

static struct tuple typical(int v6)
{
	static const uint8_t l6[16] = { 0xfd, 9, [15] = 1 }, r6[16] = { 0xfd, 9, [15] = 2 };
	struct tuple t = { .lport = htons(80), .rport = htons(40000) };

	t.l = v6 ? addr_from_v6(l6) : addr_from_v4(htonl(0x0a090001));
	t.r = v6 ? addr_from_v6(r6) : addr_from_v4(htonl(0x0a090002));
	return t;
}

static void test_hash_same_tuple_and_key_is_the_same(void **state)
{
	struct tuple a = typical(0), b = a;

	assert_true(hash(&a, key) == hash(&b, key));
	assert_true(hash_addr(&a.l, 5, key) == hash_addr(&b.l, 5, key));
}

static void test_hash_every_bit_of_the_tuple_counts(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		struct tuple t = typical(v6);
		uint64_t was = hash(&t, key);
		int changed = 0, bits = 0;

		for (size_t i = 0; i < (offsetof(struct tuple, rport) + 2) * 8; i++, bits++) {
			((uint8_t *)&t)[i / 8] ^= (uint8_t)(1u << i % 8);
			assert_true((uint32_t)hash(&t, key) != (uint32_t)was);
			changed += __builtin_popcount((uint32_t)(hash(&t, key) ^ was));
			((uint8_t *)&t)[i / 8] ^= (uint8_t)(1u << i % 8);
		}
		assert_in_range(changed, bits * 14, bits * 18); /* half of the 32 used */
	}
}

static void test_hash_ends_are_not_interchangeable(void **state)
{
	struct tuple a = typical(0), b = a, c = a;

	b.l = a.r;
	b.r = a.l;
	assert_true(hash(&a, key) != hash(&b, key));
	c.lport = a.rport;
	c.rport = a.lport;
	assert_true(hash(&a, key) != hash(&c, key));
}

static void test_hash_every_bit_of_the_key_counts(void **state)
{
	struct tuple t = typical(0);
	uint64_t was = hash(&t, key), k[2];

	for (int i = 0; i < 128; i++) {
		memcpy(k, key, sizeof(k));
		k[i / 64] ^= 1ull << i % 64;
		assert_true(hash(&t, k) != was);
		assert_true(hash_addr(&t.r, 0, k) != hash_addr(&t.r, 0, key));
	}
}

/* Tuples that collide in a table under one key do not under another: a peer cannot prepare them. */
static void test_hash_collisions_of_one_key_part_under_another(void **state)
{
	uint64_t other[2] = { 77, 0x5555aaaa12345678ull };
	struct tuple t = typical(0);
	uint32_t home = (uint32_t)hash(&t, key) % SLOTS, found = 0;
	uint32_t load[SLOTS] = { 0 };

	for (uint32_t i = 0; i < SLOTS * 256; i++) {
		t.rport = (uint16_t)i;
		t.r.w[3] = htonl(0x0a090000 + (i >> 16));
		if ((uint32_t)hash(&t, key) % SLOTS != home)
			continue;
		assert_in_range(++load[(uint32_t)hash(&t, other) % SLOTS], 1, 8);
		found++;
	}
	assert_in_range(found, 150, 370);
}

/* The largest load of a slot, and the number of empty ones, of what hash says of n = SLOTS * PER_SLOT inputs. */
static void spread(uint64_t (*fn)(uint32_t i))
{
	static uint32_t load[SLOTS];
	double chi = 0;

	memset(load, 0, sizeof(load));
	for (uint32_t i = 0; i < SLOTS * PER_SLOT; i++)
		load[(uint32_t)fn(i) % SLOTS]++;
	for (int i = 0; i < SLOTS; i++) {
		chi += ((double)load[i] - PER_SLOT) * ((double)load[i] - PER_SLOT) / PER_SLOT;
		assert_in_range(load[i], PER_SLOT / 4, PER_SLOT * 2);
	}
	assert_in_range((uint32_t)chi, 0, 1280); /* of 1,023 degrees of freedom; more even than chance is as good */
}

static uint64_t by_port(uint32_t i)
{
	struct tuple t = typical(0);

	t.rport = htons((uint16_t)i);
	return hash(&t, key);
}

static uint64_t by_peer(uint32_t i)
{
	struct tuple t = typical(0);

	t.r.w[3] = htonl(0x0a000000 + i);
	return hash(&t, key);
}

static uint64_t by_peer_v6(uint32_t i)
{
	struct tuple t = typical(1);

	t.r.w[3] = htonl(i);
	return hash(&t, key);
}

static uint64_t by_addr(uint32_t i)
{
	struct xtcp_addr a = addr_from_v4(htonl(0x0a000000 + i));

	return hash_addr(&a, 0, key);
}

static uint64_t by_random(uint32_t i)
{
	static uint64_t s = 1;

	return hash_random(&s);
}

static void test_hash_tuples_spread_evenly(void **state)
{
	spread(by_port);
	spread(by_peer);
	spread(by_peer_v6);
	spread(by_addr);
	spread(by_random);
}

static void test_hash_addr_number_counts(void **state)
{
	struct xtcp_addr a = addr_from_v4(htonl(0x0a090001));

	for (uint64_t i = 1; i < 1000; i++)
		assert_true(hash_addr(&a, i, key) != hash_addr(&a, 0, key));
}

static void test_hash_random_streams_do_not_repeat(void **state)
{
	uint64_t a = 0, b = 0, c = 1, first = hash_random(&a);

	assert_true(first == hash_random(&b)); /* the state alone decides */
	assert_true(first != hash_random(&c));
	for (int i = 0; i < 100000; i++)
		assert_true(hash_random(&a) != first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hash_same_tuple_and_key_is_the_same),
		cmocka_unit_test(test_hash_every_bit_of_the_tuple_counts),
		cmocka_unit_test(test_hash_ends_are_not_interchangeable),
		cmocka_unit_test(test_hash_every_bit_of_the_key_counts),
		cmocka_unit_test(test_hash_collisions_of_one_key_part_under_another),
		cmocka_unit_test(test_hash_tuples_spread_evenly),
		cmocka_unit_test(test_hash_addr_number_counts),
		cmocka_unit_test(test_hash_random_streams_do_not_repeat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
