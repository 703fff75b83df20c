// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * ao_keys.c - the master key tuples of TCP-AO (RFC 5925 3.1): by the peer's address or prefix and, if wanted, by ports; which of
 * them a connection has, and which signature a new one gets.
 */
#include "engine/private.h"

#include <errno.h>
#include "lib/fail.h"

static bool port_fits(uint16_t of_key, uint16_t port)
{
	return !of_key || of_key == port;
}

bool ao_mkt_matches(const struct ao_mkt *m, const struct ao_ends *ends)
{
	return addr_in(ends->raddr, &m->addr, m->bits) && port_fits(m->lport, ends->lport) &&
	       port_fits(m->rport, ends->rport);
}

const struct ao_mkt *ao_mkt_find(const struct engine *e, const struct ao_ends *ends, int send_id, int recv_id)
{
	const struct ao_mkt *best = NULL;

	for (uint32_t i = 0; i < e->r->ao_keys; i++) {
		const struct ao_mkt *m = &e->r->ao_mkt[i];

		if ((send_id == AO_ANY || m->send_id == send_id) && (recv_id == AO_ANY || m->recv_id == recv_id) &&
		    ao_mkt_matches(m, ends) && (!best || m->bits > best->bits))
			best = m;
	}
	return best;
}

uint8_t sig_bytes(const struct engine *e, const struct tcp_open *o)
{
	struct ao_ends ends = { .laddr = &o->laddr, .raddr = &o->raddr, .lport = o->lport, .rport = o->rport };

	if (e->r->ao_keys && ao_mkt_find(e, &ends, AO_ANY, AO_ANY))
		return AO_OPTION_BYTES;
	return e->r->md5_keys && md5_find(e, &o->raddr) ? MD5_OPTION_BYTES : 0;
}

/* ---- changes ---- */

/* A connection may match both. */
static bool overlap(const struct ao_mkt *a, const struct ao_mkt *b)
{
	uint32_t bits = a->bits < b->bits ? a->bits : b->bits;

	return addr_in(&a->addr, &b->addr, bits) && (!a->lport || port_fits(b->lport, a->lport)) &&
	       (!a->rport || port_fits(b->rport, a->rport));
}

static bool same(const struct ao_mkt *a, const struct ao_mkt *b)
{
	return a->bits == b->bits && addr_in(&a->addr, &b->addr, a->bits) && a->lport == b->lport &&
	       a->rport == b->rport && a->send_id == b->send_id && a->recv_id == b->recv_id;
}

static int add(struct region *r, const struct ao_mkt *k)
{
	if (r->ao_keys == REGION_AO_KEYS)
		return fail(ENOSPC, "all %d TCP-AO keys are in use", REGION_AO_KEYS);
	for (uint32_t i = 0; i < r->ao_keys; i++) {
		const struct ao_mkt *m = &r->ao_mkt[i];

		if ((m->send_id == k->send_id || m->recv_id == k->recv_id) && overlap(m, k))
			return fail(EEXIST, "another TCP-AO key for such peers has SendID %u or RecvID %u", k->send_id,
				    k->recv_id); /* RFC 5925 3.1 */
	}
	r->ao_mkt[r->ao_keys++] = *k;
	r->ao_on = 1;
	return 0;
}

/* What conn_each looks for, and finds. */
struct users {
	const struct ao_mkt *mkt;
	uint32_t *busy; /* connections that use it; NULL: let the others forget it */
};

static void visit(struct engine *e, uint32_t ref, const void *arg)
{
	const struct users *u = arg;
	const struct tcp_conn *c = &conn_at(e, ref)->tcp;
	struct ao_ends ends = { .laddr = &c->laddr, .raddr = &c->raddr, .lport = c->lport, .rport = c->rport };
	struct ao_conn *ao = &e->aos[ref - 1];

	if (c->sig_bytes != AO_OPTION_BYTES || !ao_mkt_matches(u->mkt, &ends))
		return;
	for (uint32_t i = 0; i < AO_PAIRS; i++) {
		struct ao_pair *p = &ao->pair[i];

		if (!p->used || p->send_id != u->mkt->send_id)
			continue;
		if (!u->busy)
			memset(p, 0, sizeof(*p));
		else if ((i == ao->current || i == ao->rnext) && (c->state != TCP_CLOSED || c->flags & TCP_F_RST))
			++*u->busy;
	}
}

static int take_away(struct engine *e, const struct ao_mkt *k)
{
	struct region *r = e->r;
	uint32_t busy = 0, i = 0;
	struct users u = { .busy = &busy };

	while (i < r->ao_keys && !same(&r->ao_mkt[i], k))
		i++;
	if (i == r->ao_keys)
		return fail(ENOENT, "there is no TCP-AO key with this peer and these IDs");
	u.mkt = &r->ao_mkt[i];
	conn_each(e, visit, &u);
	if (busy)
		return fail(EBUSY, "%u connection%s the TCP-AO key", busy, busy == 1 ? " uses" : "s use");
	u.busy = NULL;
	conn_each(e, visit, &u);
	r->ao_keys--;
	memmove(&r->ao_mkt[i], &r->ao_mkt[i + 1], (r->ao_keys - i) * sizeof(*k));
	memset(&r->ao_mkt[r->ao_keys], 0, sizeof(*k));
	return 0;
}

int engine_ao_key(struct engine *e, const struct ao_mkt *k)
{
	return k->len ? add(e->r, k) : take_away(e, k);
}

void engine_ao_strict(struct engine *e, bool drop)
{
	e->r->ao_strict = drop;
	e->r->ao_on = e->r->ao_on || drop;
}
