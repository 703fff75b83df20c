// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * isn.c - initial sequence numbers: a 4 microsecond clock plus a keyed hash of the
 * four-tuple (RFC 6528 3, RFC 9293 3.4.1, MUST-8, MUST-9, SHLD-1), and the random
 * offset of each connection's timestamp clock (RFC 7323 7.1). The hash is SipHash-2-4.
 */
#include "tcp/internal.h"

static inline uint64_t rotl(uint64_t x, int b)
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
	s->v1 = rotl(s->v1, 13) ^ s->v0;
	s->v3 = rotl(s->v3, 16) ^ s->v2;
	s->v0 = rotl(s->v0, 32);
	s->v2 += s->v1;
	s->v0 += s->v3;
	s->v1 = rotl(s->v1, 17) ^ s->v2;
	s->v3 = rotl(s->v3, 21) ^ s->v0;
	s->v2 = rotl(s->v2, 32);
}

static inline void sip_word(struct sip *s, uint64_t m)
{
	s->v3 ^= m;
	sip_round(s);
	sip_round(s);
	s->v0 ^= m;
}

static uint64_t siphash_tuple(const uint64_t key[2], const struct tcp_conn *c)
{
	struct sip s = { key[0] ^ 0x736f6d6570736575ull, key[1] ^ 0x646f72616e646f6dull, key[0] ^ 0x6c7967656e657261ull,
			 key[1] ^ 0x7465646279746573ull };

	sip_word(&s, c->laddr.d[0]);
	sip_word(&s, c->laddr.d[1]);
	sip_word(&s, c->raddr.d[0]);
	sip_word(&s, c->raddr.d[1]);
	sip_word(&s, 36ull << 56 | (uint64_t)c->lport << 16 | c->rport);
	s.v2 ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint32_t isn_make(const struct tcp_env *env, const struct tcp_conn *c, uint64_t now_ns)
{
	if (env->conf.fixed_isn >= 0)
		return (uint32_t)env->conf.fixed_isn;
	return (uint32_t)(now_ns / 4000) + (uint32_t)siphash_tuple(env->isn_key, c);
}

uint32_t isn_ts_offset(const struct tcp_env *env, const struct tcp_conn *c)
{
	return (uint32_t)siphash_tuple(env->ts_key, c);
}
