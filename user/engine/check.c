// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* check.c - all invariants of an engine, for tests and the simulator. */
#include "engine/private.h"

static const char *check_conn(struct engine *e, uint32_t ref)
{
	const struct conn *c = conn_at(e, ref);
	const struct tcp_conn *t = &c->tcp;
	uint32_t hash = demux_hash(e, &t->laddr, &t->raddr, t->lport, t->rport);

	if (c->life & CONN_HASHED && demux_find(e, hash, &t->laddr, &t->raddr, t->lport, t->rport) != ref)
		return "conn: hashed, but not found";
	if (__builtin_popcount(c->life & (CONN_HALF | CONN_QUEUED | CONN_READY)) > 1)
		return "conn: in two lists";
	if (c->life & CONN_APP && c->life & CONN_GONE)
		return "conn: both open and closed";
	if (!(c->life & (CONN_APP | CONN_GONE | CONN_HALF | CONN_QUEUED)))
		return "conn: belongs to nobody";
	if (c->life & CONN_GONE && t->state == TCP_CLOSED && !(c->life & CONN_DIRTY))
		return "conn: dead and not freed";
	if (ao_check_conn(e, ref))
		return ao_check_conn(e, ref);
	if (c->life & CONN_DIRTY || t->state == TCP_CLOSED)
		return t->state == TCP_CLOSED ? NULL : tcp_check(&e->env, t);
	if (!(c->life & CONN_HASHED))
		return "conn: alive, but not hashed";
	if (tcp_deadline(t) != TCP_NEVER && (!c->timer.slot || c->timer.tick > wheel_tick(tcp_deadline(t)) + 1))
		return "conn: its timer is late or not armed";
	return tcp_check(&e->env, t);
}

static const char *check_conns(struct engine *e)
{
	uint32_t used = 0, hashed = 0;

	for (uint32_t ref = 1; ref <= e->r->conns.fresh; ref++) {
		const char *why;

		if (!(conn_at(e, ref)->life & CONN_USED))
			continue;
		used++;
		hashed += !!(conn_at(e, ref)->life & CONN_HASHED);
		why = check_conn(e, ref);
		if (why)
			return why;
	}
	if (used != e->r->conns.used)
		return "conns: count is wrong";
	return hashed + e->r->tws.used == e->r->demux_used ? NULL : "demux: entries and holders disagree";
}

static const char *check_dirty(struct engine *e)
{
	const struct list *l = &e->r->dirty;
	uint32_t n = 0, last = 0;

	for (uint32_t ref = l->head; ref; last = ref, ref = conn_at(e, ref)->dirty_next)
		if (ref > e->r->conns.fresh || ++n > l->count || !(conn_at(e, ref)->life & CONN_DIRTY))
			return "dirty list: broken";
	return n == l->count && l->tail == last ? NULL : "dirty list: count is wrong";
}

static const char *check_frames(struct engine *e)
{
	const struct io_frames *f = e->frames;
	uint32_t held = 0;

	if (!e->port)
		return NULL;
	if (e->port->ops->lost(e->port))
		return "frames: some are lost";
	for (uint32_t ref = 1; ref <= e->r->dsts.fresh; ref++)
		for (uint32_t h = dst_at(e, ref)->held; h;) {
			const struct held *x = pool_at(e->r, &e->r->helds, h);

			held += x->nfrags;
			h = x->next;
		}
	return f->held == held ? NULL : "frames: held are not those that wait for neighbours";
}

const char *engine_check(struct engine *e)
{
	struct region *r = e->r;
	const char *why;

	if (!pool_check(r, &r->conns) || !pool_check(r, &r->tws) || !pool_check(r, &r->listeners) ||
	    !pool_check(r, &r->dsts) || !pool_check(r, &r->helds))
		return "a pool's free list is broken";
	why = check_conns(e);
	if (!why)
		why = demux_check(e);
	if (!why)
		why = check_dirty(e);
	if (!why)
		why = list_check(e, &r->ready, CONN_USED | CONN_APP | CONN_READY);
	if (!why)
		why = listener_check(e);
	if (!why)
		why = tw_check(e);
	if (!why)
		why = dst_check(e);
	if (!why)
		why = port_check(e);
	if (!why)
		why = wheel_check(&r->wheel, &e->timers, r->conns.fresh);
	if (!why && mem_check(e->env.mem))
		why = "buffer memory: the map and the lists disagree";
	return why ? why : check_frames(e);
}
