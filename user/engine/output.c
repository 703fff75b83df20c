// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * output.c - the output pass: every connection on the dirty list sends what it may
 * and is settled. One that has much to send gives way to the others after a
 * while; when the port has no room left the pass ends and goes on next turn.
 *
 * An ACK alone, for something that the application is about to be told, waits until the next turn: by then the
 * application has answered or closed, and the ACK goes along. So a request and a close cost no
 * frame of their own for it. It waits no longer: an application that says nothing costs it one turn.
 *
 * Super-segments go past the transmit ring. Where the two ways do not wait for each other (gso_apart), a connection changes
 * from one to the other only when what it sends then can overtake nothing of its own:
 * - to super-segments when all its text is acknowledged, or all that went by the ring is completed, which is when the device has it
 *   (Linux lets a socket change its transmit queue then, too);
 * - back to the ring when all is acknowledged. Until then single segments follow the super-segments by their way (CONN_APART),
 *   retransmissions and FIN as well. So nothing ever waits for a change.
 * Pure ACKs always go by the ring. One that overtakes text brings its news the sooner; one that text overtakes has none left, and is
 * dropped where a tick of the timestamp clock lies between (PAWS).
 */
#include "engine/private.h"

#define CONN_SEGMENTS 64  /* of one connection before the next has its turn */
#define PASS_SEGMENTS 512 /* of one turn, so that receiving is not starved */
#define SUPER_SEGMENTS 8  /* a super-segment takes about as long as so many */

#define MARK_HELD (1u << 30) /* ahead of tx_committed: it is not even in the ring yet, for its neighbour is not known */

enum sent { SENT_ALL, SENT_MORE, SENT_NO_ROOM };

static bool room(struct engine *e)
{
	return likely(e->port->ops->tx_room(e->port) >= IO_MAX_FRAGS);
}

/* What takes room in the sequence, and RST, which is not to overtake it. */
static bool in_order(const struct tcp_seg *seg)
{
	return seg->len || seg->flags & (TCP_SYN | TCP_FIN | TCP_RST);
}

/* With gso_apart: super-segments can be made of its text now. */
static bool may_go_apart(struct engine *e, struct conn *c)
{
	const struct io_port *port = e->port;

	if (c->tcp.snd_una == c->tcp.snd_nxt) {
		c->life &= ~(uint32_t)CONN_APART;
		return true;
	}
	if (c->life & CONN_APART || (int32_t)(port->tx_committed - port->frames->in_tx - c->tx_mark) >= 0)
		return true;
	if (tcp_send_unsent(&c->tcp) >= 2u * c->tcp.mss)
		count(e, tx_supers_waived);
	return false;
}

/* Most text of the connection's super-segments, for now; 0: none are made. */
static uint32_t super_bytes(struct engine *e, struct conn *c, bool usable)
{
	if (!usable || !dst_takes_supers(e, c->dst)) {
		c->life &= ~(uint32_t)CONN_APART;
		return 0;
	}
	return likely(!e->port->gso_apart) || may_go_apart(e, c) ? e->port->gso_bytes : 0;
}

/* A super-segment, or what follows one. */
static void send_apart(struct engine *e, struct conn *c, const struct frame_to *to)
{
	if (unlikely(frame_send_super(e, to, &e->seg)))
		count(e, tx_supers_lost); /* as in a network; retransmission repairs it */
	else if (!e->seg.gso_size)
		count(e, tx_supers_followed);
	if (e->port->gso_apart)
		c->life |= CONN_APART;
}

/* With gso_apart: its text has gone by the ring, and no super-segment may come right behind. */
static void mark_ring(struct engine *e, struct conn *c)
{
	c->tx_mark = e->port->tx_committed;
	if (unlikely(dst_at(e, c->dst)->state != DST_RESOLVED))
		c->tx_mark += MARK_HELD;
	e->env.gso_bytes = 0;
}

/* One segment into a frame and on its way. */
static void send_seg(struct engine *e, struct conn *c, uint8_t l2[WIRE_ETH_LEN])
{
	struct frame_to to = { .l2 = l2,
			       .l2_len = WIRE_ETH_LEN,
			       .laddr = &c->tcp.laddr,
			       .raddr = &c->tcp.raddr,
			       .lport = c->tcp.lport,
			       .rport = c->tcp.rport,
			       .flow_label = c->hash };
	struct ao_sign sign;

	if (e->seg.gso_size || unlikely(c->life & CONN_APART && in_order(&e->seg))) {
		send_apart(e, c, &to);
		return;
	}
	if (unlikely(c->tcp.sig_bytes == AO_OPTION_BYTES)) {
		ao_sign_conn(e, conn_ref(e, c), &e->seg, &sign);
		to.ao = &sign;
	} else if (unlikely(c->tcp.sig_bytes)) {
		to.key = md5_find(e, &c->tcp.raddr);
	}
	if (unlikely(frame_build(e, &to, &e->seg))) {
		count(e, tx_ring_full);
		return;
	}
	dst_send(e, c->dst, &e->out);
	if (unlikely(e->port->gso_apart) && in_order(&e->seg))
		mark_ring(e, c);
}

static void fill_l2(const struct engine *e, const struct conn *c, uint8_t l2[WIRE_ETH_LEN])
{
	bool v4 = !(c->tcp.flags & TCP_F_V6);

	memcpy(l2, dst_at(e, c->dst)->mac, 6);
	memcpy(l2 + 6, e->r->link_mac, 6);
	l2[12] = v4 ? 0x08 : 0x86;
	l2[13] = v4 ? 0x00 : 0xdd;
}

static enum sent send_conn(struct engine *e, struct conn *c, uint32_t *budget)
{
	uint32_t left = *budget < CONN_SEGMENTS ? *budget : CONN_SEGMENTS, cost;
	uint8_t l2[WIRE_ETH_LEN];
	bool usable = dst_usable(e, c->dst);

	fill_l2(e, c, l2);
	e->env.gso_bytes = super_bytes(e, c, usable);
	for (; left; left -= cost, *budget -= cost) {
		if (!room(e))
			return SENT_NO_ROOM;
		if (!tcp_output(&e->env, &c->tcp, &e->seg, e->r->now_ns))
			return SENT_ALL;
		cost = e->seg.gso_size ? SUPER_SEGMENTS : 1;
		cost = cost < left ? cost : left;
		if (usable)
			send_seg(e, c, l2);
		else
			count(e, out_no_route); /* lost as in a network; retransmission repairs it */
	}
	return tcp_output_pending(&c->tcp) ? SENT_MORE : SENT_ALL;
}

/*
 * Does the ACK that is all it has to send wait for the application? That of the handshake does not: three segments are what
 * everybody expects to see, and the peer's application is told the sooner.
 */
static bool ack_waits(const struct conn *c)
{
	return c->tcp.events && !(c->tcp.events & TCP_EV_OPEN) && (c->life & (CONN_APP | CONN_QUEUED)) &&
	       !(c->life & CONN_WAITED) && tcp_ack_can_wait(&c->tcp);
}

/* They come first in the next turn. */
static void splice(struct engine *e, struct list *l)
{
	struct list *dirty = &e->r->dirty;

	if (!l->head)
		return;
	conn_at(e, l->tail)->dirty_next = dirty->head;
	dirty->head = l->head;
	if (!dirty->tail)
		dirty->tail = l->tail;
	dirty->count += l->count;
}

static uint32_t dirty_pop(struct engine *e)
{
	struct list *l = &e->r->dirty;
	uint32_t ref = l->head;
	struct conn *c;

	if (!ref)
		return 0;
	c = conn_at(e, ref);
	l->head = c->dirty_next;
	if (!l->head)
		l->tail = 0;
	l->count--;
	c->life &= ~(uint32_t)CONN_DIRTY;
	return ref;
}

void output_pass(struct engine *e)
{
	uint32_t budget = PASS_SEGMENTS, left = 0, ref;
	struct list later = { 0 };
	bool blocked = false;

	/* Once the port is full, the others come round once more: they may only want to be settled. */
	while (budget && !(blocked && !left--) && (ref = dirty_pop(e))) {
		struct conn *c = conn_at(e, ref);
		enum sent sent = SENT_ALL;
		uint32_t before = budget;

		if (tcp_output_pending(&c->tcp) && likely(!e->r->gone)) {
			if (ack_waits(c)) {
				c->life |= CONN_WAITED;
				if (conn_settle(e, ref))
					conn_append(e, &later, ref);
				continue;
			}
			sent = blocked ? SENT_NO_ROOM : send_conn(e, c, &budget);
		}
		c->life &= ~(uint32_t)CONN_WAITED;
		if (conn_settle(e, ref) && sent != SENT_ALL)
			conn_dirty(e, ref);
		if (sent == SENT_NO_ROOM && !blocked) {
			blocked = true;
			/* One that has sent goes behind the others, which starve if it is the first again. */
			left = e->r->dirty.count - (budget == before);
			count(e, tx_ring_full);
		}
	}
	e->r->tx_blocked = blocked && e->r->dirty.head; /* the one it was for may be gone */
	splice(e, &later);
}
