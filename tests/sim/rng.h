/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rng.h - the one source of chance in a simulation. A stream is made from the seed
 * and a name, so that one more question asked of one stream does not shift another.
 */
#ifndef SIM_RNG_H
#define SIM_RNG_H

#include <stdbool.h>
#include <stdint.h>
#include "lib/hash.h"

struct rng {
	uint64_t state;
};

static inline struct rng rng_make(uint64_t seed, uint64_t stream)
{
	struct rng r = { hash_mum(seed ^ 0x2d358dccaa6c78a5ull, stream ^ 0x8bb84b93962eacc9ull) ^ seed };

	return r;
}

static inline uint64_t rng_u64(struct rng *r)
{
	return hash_random(&r->state);
}

/* 0 .. n - 1; 0 when n is 0. */
static inline uint64_t rng_below(struct rng *r, uint64_t n)
{
	return (uint64_t)(((unsigned __int128)rng_u64(r) * n) >> 64);
}

/* lo .. hi, both included. */
static inline uint64_t rng_range(struct rng *r, uint64_t lo, uint64_t hi)
{
	return lo + rng_below(r, hi - lo + 1);
}

/* lo .. hi with each power of two equally likely; lo may be 0. */
static inline uint64_t rng_log(struct rng *r, uint64_t lo, uint64_t hi)
{
	unsigned int from = lo ? 63u - (unsigned int)__builtin_clzll(lo) : 0;
	unsigned int to = hi ? 63u - (unsigned int)__builtin_clzll(hi) : 0;
	uint64_t base = 1ull << rng_range(r, from, to);
	uint64_t v = rng_range(r, base == 1 ? 0 : base, 2 * base - 1);

	return v < lo ? lo : v > hi ? hi : v;
}

static inline bool rng_ppm(struct rng *r, uint32_t ppm)
{
	return ppm && rng_below(r, 1000000) < ppm;
}

static inline bool rng_percent(struct rng *r, uint32_t percent)
{
	return rng_below(r, 100) < percent;
}

#endif
