/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * hash.h - a keyed 64-bit hash by multiply-and-fold. The key is secret, so that a
 * peer cannot choose ports that collide; it is no message authentication.
 */
#ifndef LIB_HASH_H
#define LIB_HASH_H

#include <stdint.h>
#include "xtcp/shared.h"

/* Both halves of the 128-bit product, folded. */
static inline uint64_t hash_mum(uint64_t a, uint64_t b)
{
	unsigned __int128 p = (unsigned __int128)a * b;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

/* One address and a number. */
static inline uint64_t hash_addr(const struct xtcp_addr *a, uint64_t more, const uint64_t key[2])
{
	uint64_t x = hash_mum(a->d[0] ^ key[0], a->d[1] ^ key[1]);

	return hash_mum(x ^ key[1], more ^ 0x9e3779b97f4a7c15ull);
}

/* A connection's four-tuple; ports in network order. */
static inline uint64_t hash_tuple(const struct xtcp_addr *l, const struct xtcp_addr *r, uint16_t lport, uint16_t rport,
				  const uint64_t key[2])
{
	uint64_t x = hash_mum(r->d[0] ^ key[0], r->d[1] ^ key[1]);
	uint64_t y = hash_mum(l->d[0] ^ ~key[1], l->d[1] ^ ~key[0]);

	return hash_mum(x ^ ((uint64_t)lport << 16 | rport) ^ 0x9e3779b97f4a7c15ull, y ^ key[0]);
}

/* The next number of a stream (wyrand); the state is any number. */
static inline uint64_t hash_random(uint64_t *state)
{
	*state += 0xa0761d6478bd642full;
	return hash_mum(*state, *state ^ 0xe7037ed1a0b428dbull);
}

#endif
