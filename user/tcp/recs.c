// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * recs.c - one record for each segment in flight, oldest first, in a ring that
 * doubles as needed. The records tile [snd_una, snd_nxt): they are the scoreboard
 * of RFC 2018 and carry the times and counts that loss detection needs.
 */
#include "tcp/internal.h"

#define RECS_MIN 8u	    /* one block of MEM_MIN bytes */
#define RECS_MAX (1u << 20) /* bounded: 1 GiB of 1,024-byte segments */
#define RECS_FEW 4096u
#define RECS_SEG 64u

static unsigned int recs_order(uint32_t cap)
{
	return mem_order((uint64_t)cap * sizeof(struct tcp_rec));
}

static bool recs_grow(struct tcp_env *env, struct tcp_conn *c, uint32_t cap)
{
	struct tcp_rec *to;
	uint32_t block;

	if (cap > RECS_MAX)
		return false;
	block = mem_alloc(env->mem, recs_order(cap));
	if (!block) {
		tcp_count(env, mem_limit);
		return false;
	}
	to = mem_ptr(env->mem, block);
	for (uint32_t i = 0; i < c->recs.count; i++)
		to[i] = *recs_at(env, c, i);
	if (c->recs.cap)
		mem_free(env->mem, c->recs.block, recs_order(c->recs.cap));
	c->recs.block = block;
	c->recs.cap = cap;
	c->recs.head = 0;
	return true;
}

/* For one connection: what its send buffer holds in segments of RECS_SEG bytes, a few always. Tiny segments can be more. */
static bool full(const struct tcp_conn *c)
{
	return c->recs.cap >= max_u32(RECS_FEW, c->sndbuf / RECS_SEG);
}

/* NULL: the records are full (then acknowledgements make room), or there is no memory. */
struct tcp_rec *recs_push(struct tcp_env *env, struct tcp_conn *c)
{
	struct tcp_rec *r;

	if (c->recs.count == c->recs.cap && full(c)) {
		tcp_count(env, recs_limit);
		return NULL;
	}
	if (c->recs.count == c->recs.cap && !recs_grow(env, c, c->recs.cap ? 2 * c->recs.cap : RECS_MIN))
		return NULL;
	r = recs_at(env, c, c->recs.count++);
	memset(r, 0, sizeof(*r));
	return r;
}

void recs_pop(struct tcp_env *env, struct tcp_conn *c)
{
	c->recs.head = (c->recs.head + 1) & (c->recs.cap - 1);
	if (--c->recs.count == 0)
		recs_free(env, c);
}

void recs_free(struct tcp_env *env, struct tcp_conn *c)
{
	if (c->recs.cap)
		mem_free(env->mem, c->recs.block, recs_order(c->recs.cap));
	memset(&c->recs, 0, sizeof(c->recs));
}

uint32_t recs_find(struct tcp_env *env, const struct tcp_conn *c, uint32_t seq)
{
	uint32_t lo = 0, hi = c->recs.count;

	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;
		const struct tcp_rec *r = recs_at(env, c, mid);

		if (seq_leq(r->seq + r->len, seq))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct tcp_tally tcp_tally_now(const struct tcp_env *env, const struct tcp_conn *c)
{
	struct tcp_tally t = { .all = c->recs.count };

	for (uint32_t i = 0; i < c->recs.count; i++) {
		uint8_t flags = recs_at((struct tcp_env *)(uintptr_t)env, c, i)->flags;

		if (flags & TCP_REC_SACKED)
			t.sacked++;
		else if (flags & TCP_REC_LOST)
			t.lost++;
		else if (flags & TCP_REC_RTX)
			t.retrans++;
	}
	return t;
}

/* How many pieces of at most mss bytes a record makes; FIN rides on the last. */
static uint32_t pieces(const struct tcp_conn *c, const struct tcp_rec *r)
{
	uint32_t text = r->len - !!(r->flags & (TCP_REC_FIN | TCP_REC_SYN));

	return text <= c->mss ? 1 : (text + c->mss - 1) / c->mss;
}

void recs_resegment(struct tcp_env *env, struct tcp_conn *c)
{
	uint32_t total = 0, at;

	for (uint32_t i = 0; i < c->recs.count; i++)
		total += pieces(c, recs_at(env, c, i));
	if (total == c->recs.count)
		return;
	while (c->recs.cap < total)
		if (!recs_grow(env, c, 2 * c->recs.cap))
			return; /* the old records still tile; long ones are retransmitted in pieces by output */
	at = total;
	for (uint32_t i = c->recs.count; i-- > 0;) {
		struct tcp_rec old = *recs_at(env, c, i);
		uint32_t n = pieces(c, &old);

		at -= n;
		for (uint32_t k = n; k-- > 0;) {
			struct tcp_rec *r = recs_at(env, c, at + k);

			*r = old;
			r->seq = old.seq + k * c->mss;
			if (k < n - 1) {
				r->len = c->mss;
				r->flags &= (uint8_t)~TCP_REC_FIN;
			} else {
				r->len = old.len - k * c->mss;
			}
		}
	}
	c->recs.count = total;
	if (!(c->flags & TCP_F_SACK))
		return;
	c->sacked_segs = 0;
	for (uint32_t i = 0; i < total; i++)
		c->sacked_segs += !!(recs_at(env, c, i)->flags & TCP_REC_SACKED);
}
