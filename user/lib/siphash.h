/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * siphash.h - SipHash-2-4, a keyed pseudorandom function, over 64-bit words: sip_begin(), sip_word() for
 * each, sip_end() with the last, whose top byte is the length of the message in bytes.
 */
#ifndef LIB_SIPHASH_H
#define LIB_SIPHASH_H

#include <stdint.h>

static inline uint64_t sip_rotl(uint64_t x, int b)
{
	return x << b | x >> (64 - b);
}

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = sip_rotl(s->v1, 13) ^ s->v0;
	s->v3 = sip_rotl(s->v3, 16) ^ s->v2;
	s->v0 = sip_rotl(s->v0, 32);
	s->v2 += s->v1;
	s->v0 += s->v3;
	s->v1 = sip_rotl(s->v1, 17) ^ s->v2;
	s->v3 = sip_rotl(s->v3, 21) ^ s->v0;
	s->v2 = sip_rotl(s->v2, 32);
}

static inline void sip_word(struct sip *s, uint64_t m)
{
	s->v3 ^= m;
	sip_round(s);
	sip_round(s);
	s->v0 ^= m;
}

static inline struct sip sip_begin(const uint64_t key[2])
{
	return (struct sip){ key[0] ^ 0x736f6d6570736575ull, key[1] ^ 0x646f72616e646f6dull,
			     key[0] ^ 0x6c7967656e657261ull, key[1] ^ 0x7465646279746573ull };
}

static inline uint64_t sip_end(struct sip *s, uint64_t last)
{
	sip_word(s, last);
	s->v2 ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

#endif
