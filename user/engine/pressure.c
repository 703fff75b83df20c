// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * pressure.c - what an engine does when its buffer memory runs short (lib/mem.h tells how short it is, as Linux's
 * tcp_mem does). While it is merely pressed the core lets nothing grow. When it is short, or an allocation has failed,
 * memory is won back, in this order, and only until it is short no more:
 *
 *   1. out-of-order data, and blocks larger than what they hold, of every connection
 *   2. orphans: nobody waits for them; the largest first
 *   3. connections whose peers have kept their windows shut, and still do (RFC 6429 3); the largest first
 *
 * A pass looks at every connection: there is one in PASS_NS at the most. It ends a bounded number of them.
 */
#include "engine/private.h"

#include <errno.h>

#define PASS_NS 100000000ull
#define VICTIMS 16 /* of each kind in one pass */

struct victims { /* the largest, in falling order */
	bool (*eligible)(const struct engine *e, const struct conn *c);
	uint32_t n;
	uint32_t ref[VICTIMS];
	uint64_t bytes[VICTIMS];
};

static void prune(struct engine *e, uint32_t ref, const void *arg)
{
	struct conn *c = conn_at(e, ref);

	(void)arg;
	if (c->tcp.state != TCP_CLOSED)
		tcp_prune(&e->env, &c->tcp);
}

static bool is_orphan(const struct engine *e, const struct conn *c)
{
	(void)e;
	return c->life & CONN_GONE;
}

static bool is_stuck(const struct engine *e, const struct conn *c)
{
	return tcp_window_stuck(&e->env, &c->tcp);
}

static void consider(struct engine *e, uint32_t ref, const void *arg)
{
	struct victims *v = *(struct victims *const *)arg;
	const struct conn *c = conn_at(e, ref);
	uint64_t bytes = tcp_memory(&c->tcp);
	uint32_t i;

	if (!bytes || c->tcp.state == TCP_CLOSED || !v->eligible(e, c) ||
	    (v->n == VICTIMS && bytes <= v->bytes[VICTIMS - 1]))
		return;
	if (v->n < VICTIMS)
		v->n++;
	for (i = v->n - 1; i && v->bytes[i - 1] < bytes; i--) {
		v->ref[i] = v->ref[i - 1];
		v->bytes[i] = v->bytes[i - 1];
	}
	v->ref[i] = ref;
	v->bytes[i] = bytes;
}

/* How many had to go. */
static uint32_t end_largest(struct engine *e, bool (*eligible)(const struct engine *e, const struct conn *c), int err)
{
	struct victims victims = { .eligible = eligible }, *v = &victims;
	uint32_t i;

	conn_each(e, consider, &v);
	for (i = 0; i < v->n && mem_short(e->env.mem); i++) {
		tcp_abort(&e->env, &conn_at(e, v->ref[i])->tcp, err);
		conn_dirty(e, v->ref[i]);
	}
	return i;
}

static void relieve(struct engine *e)
{
	conn_each(e, prune, NULL);
	if (mem_short(e->env.mem))
		count_n(e, mem_orphans, end_largest(e, is_orphan, ECONNABORTED));
	if (mem_short(e->env.mem))
		count_n(e, mem_zero_windows, end_largest(e, is_stuck, ETIMEDOUT));
}

void pressure_turn(struct engine *e)
{
	struct region *r = e->r;
	const struct mem *m = e->env.mem;

	if (mem_pressed(m) != r->mem_pressed) {
		r->mem_pressed = mem_pressed(m);
		if (r->mem_pressed)
			count(e, mem_pressure);
	}
	if (likely(!mem_short(m) && m->failures == r->mem_failures))
		return;
	if (r->now_ns < r->mem_pass_ns)
		return;
	r->mem_pass_ns = r->now_ns + PASS_NS;
	relieve(e);
	r->mem_failures = m->failures;
}
