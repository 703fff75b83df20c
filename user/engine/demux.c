// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * demux.c - from a four-tuple to its connection or TIME-WAIT entry: open
 * addressing with linear probing and backward-shift deletion, so there are no
 * tombstones. A slot holds the whole hash, which tells its home as well.
 *
 * Invariants: load at most one half (the pools bound it); between an entry's home
 * and its slot no slot is empty.
 */
#include "engine/private.h"

static bool same_tuple(const struct engine *e, uint32_t ref, const struct xtcp_addr *l, const struct xtcp_addr *r,
		       uint16_t lport, uint16_t rport)
{
	if (unlikely(ref & DEMUX_TW)) {
		const struct tcp_tw *t = &tw_at(e, ref & ~DEMUX_TW)->tcp;

		return t->rport == rport && t->lport == lport && addr_eq(&t->raddr, r) && addr_eq(&t->laddr, l);
	} else {
		const struct tcp_conn *t = &conn_at(e, ref)->tcp;

		return t->rport == rport && t->lport == lport && addr_eq(&t->raddr, r) && addr_eq(&t->laddr, l);
	}
}

uint32_t demux_find(const struct engine *e, uint32_t hash, const struct xtcp_addr *l, const struct xtcp_addr *r,
		    uint16_t lport, uint16_t rport)
{
	uint32_t mask = e->r->demux_mask;

	for (uint32_t i = hash & mask; e->demux[i].ref; i = (i + 1) & mask)
		if (e->demux[i].tag == hash && same_tuple(e, e->demux[i].ref, l, r, lport, rport))
			return e->demux[i].ref;
	return 0;
}

void demux_insert(struct engine *e, uint32_t hash, uint32_t ref)
{
	uint32_t mask = e->r->demux_mask, i = hash & mask;

	while (e->demux[i].ref)
		i = (i + 1) & mask;
	e->demux[i].tag = hash;
	e->demux[i].ref = ref;
	e->r->demux_used++;
}

static uint32_t slot_of(const struct engine *e, uint32_t hash, uint32_t ref)
{
	uint32_t mask = e->r->demux_mask, i = hash & mask;

	while (e->demux[i].ref && e->demux[i].ref != ref)
		i = (i + 1) & mask;
	return i;
}

void demux_remove(struct engine *e, uint32_t hash, uint32_t ref)
{
	uint32_t mask = e->r->demux_mask, hole = slot_of(e, hash, ref), i = hole;

	if (!e->demux[hole].ref)
		return;
	for (;;) { /* move back what may stand in the hole: whose home is not behind it */
		i = (i + 1) & mask;
		if (!e->demux[i].ref)
			break;
		if (((i - e->demux[i].tag) & mask) >= ((i - hole) & mask)) {
			e->demux[hole] = e->demux[i];
			hole = i;
		}
	}
	e->demux[hole].ref = 0;
	e->demux[hole].tag = 0;
	e->r->demux_used--;
}

void demux_replace(struct engine *e, uint32_t hash, uint32_t from, uint32_t to)
{
	e->demux[slot_of(e, hash, from)].ref = to;
}

static bool entry_valid(const struct engine *e, const struct demux_slot *s)
{
	uint32_t ref = s->ref & ~DEMUX_TW;

	if (s->ref & DEMUX_TW)
		return ref <= e->r->tws.fresh && tw_at(e, ref)->hash == s->tag;
	return ref <= e->r->conns.fresh && conn_at(e, ref)->life & CONN_HASHED && conn_at(e, ref)->hash == s->tag;
}

const char *demux_check(const struct engine *e)
{
	uint32_t mask = e->r->demux_mask, used = 0;

	if (!e->r->demux_used)
		return NULL;
	for (uint32_t i = 0; i <= mask; i++) {
		if (!e->demux[i].ref)
			continue;
		used++;
		if (!entry_valid(e, &e->demux[i]))
			return "demux: an entry refers to nothing";
		if (slot_of(e, e->demux[i].tag, e->demux[i].ref) != i)
			return "demux: an entry cannot be reached from its home";
	}
	return used == e->r->demux_used ? NULL : "demux: count is wrong";
}
