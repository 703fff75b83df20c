// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * timewait.c - connections that only wait for 2 MSL to pass (RFC 9293 3.6.1): 200
 * bytes instead of a whole connection, in order of expiry. When the table is full
 * the oldest goes.
 *
 * Invariant: every entry is in the demux and holds a reference to its local port.
 */
#include "engine/private.h"

static void append(struct engine *e, uint32_t ref)
{
	struct list *l = &e->r->tw_list;
	struct tw *t = tw_at(e, ref);

	t->next = 0;
	t->prev = l->tail;
	if (l->tail)
		tw_at(e, l->tail)->next = ref;
	else
		l->head = ref;
	l->tail = ref;
	l->count++;
}

static void detach(struct engine *e, uint32_t ref)
{
	struct list *l = &e->r->tw_list;
	struct tw *t = tw_at(e, ref);

	if (t->prev)
		tw_at(e, t->prev)->next = t->next;
	else
		l->head = t->next;
	if (t->next)
		tw_at(e, t->next)->prev = t->prev;
	else
		l->tail = t->prev;
	l->count--;
}

void tw_free(struct engine *e, uint32_t ref)
{
	struct tw *t = tw_at(e, ref);

	detach(e, ref);
	demux_remove(e, t->hash, ref | DEMUX_TW);
	port_give(e, t->addr_index, wire_swap16(t->tcp.lport));
	pool_give(e->r, &e->r->tws, ref);
}

void tw_enter(struct engine *e, uint32_t conn)
{
	struct conn *c = conn_at(e, conn);
	uint32_t ref = pool_take(e->r, &e->r->tws);
	struct tw *t;

	if (!ref) {
		count(e, time_wait_overflow);
		tw_free(e, e->r->tw_list.head);
		ref = pool_take(e->r, &e->r->tws);
	}
	t = tw_at(e, ref);
	tcp_tw_init(&e->env, &t->tcp, &c->tcp, e->r->now_ns);
	t->hash = c->hash;
	t->addr_index = c->addr_index;
	t->ao = c->tcp.sig_bytes == AO_OPTION_BYTES;
	if (t->ao)
		ao_time_wait(e, conn, ref);
	conn_flow_erase(e, conn);
	demux_replace(e, c->hash, conn, ref | DEMUX_TW); /* with its reference to the port */
	c->life &= ~(uint32_t)CONN_HASHED;
	append(e, ref);
}

bool tw_held_input(struct engine *e, uint32_t ref, const struct tcp_seg *seg)
{
	struct conn *c = conn_at(e, ref);

	if (!tcp_time_wait_reopens(&e->env, &c->tcp, seg))
		return false;
	tcp_abort(&e->env, &c->tcp, 0); /* without a RST; what was received can still be read */
	conn_after_input(e, ref);
	return true;
}

bool tw_input(struct engine *e, uint32_t ref, const struct io_pkt *pkt, const struct rx_item *it,
	      const struct tcp_seg *seg)
{
	struct tw *t = tw_at(e, ref);
	uint64_t expires = t->tcp.expires_ns;

	switch (tcp_tw_input(&e->env, &t->tcp, seg, &e->seg, e->r->now_ns)) {
	case TCP_TW_ACK:
		if (t->tcp.expires_ns != expires) {
			detach(e, ref);
			append(e, ref);
		}
		input_reply(e, pkt, it, &e->seg);
		return false;
	case TCP_TW_REOPEN: tw_free(e, ref); return true;
	case TCP_TW_CLOSE: tw_free(e, ref); return false;
	default:
		if (t->tcp.expires_ns != expires) {
			detach(e, ref);
			append(e, ref);
		}
		return false;
	}
}

void tw_expire(struct engine *e)
{
	while (e->r->tw_list.head && tw_at(e, e->r->tw_list.head)->tcp.expires_ns <= e->r->now_ns)
		tw_free(e, e->r->tw_list.head);
}

const char *tw_check(struct engine *e)
{
	const struct list *l = &e->r->tw_list;
	uint32_t n = 0, prev = 0;

	for (uint32_t ref = l->head; ref; prev = ref, ref = tw_at(e, ref)->next) {
		const struct tw *t = tw_at(e, ref);
		uint32_t hash;

		if (ref > e->r->tws.fresh || ++n > l->count || t->prev != prev)
			return "time-wait: broken list";
		hash = demux_hash(e, &t->tcp.laddr, &t->tcp.raddr, t->tcp.lport, t->tcp.rport);
		if (demux_find(e, hash, &t->tcp.laddr, &t->tcp.raddr, t->tcp.lport, t->tcp.rport) != (ref | DEMUX_TW))
			return "time-wait: an entry is not in the demux";
	}
	return n == l->count && n == e->r->tws.used ? NULL : "time-wait: count is wrong";
}
