// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * reseg.c - boxes that take a stream for a stream: one cuts segments into smaller ones, as a device with segmentation
 * offload does; the other joins those that follow each other, as one with receive offload does, as long as they fit the
 * receiver's MTU. Options, ACK and window are copied to each piece, FIN and PSH to the last, CWR to the first
 * only (as RFC 3168 wants it; to Accurate ECN it is a spoilt field). Joined are only segments that are alike but for
 * their numbers.
 */
#include <stdlib.h>
#include <string.h>
#include "world.h"
#include "xtcp/wire.h"

static bool look(const uint8_t *data, uint32_t len, struct wire_ip *ip, struct wire_tcp *tcp)
{
	return wire_parse_ip(data, data + len, len, ip) == WIRE_OK && ip->proto == WIRE_IPPROTO_TCP && !ip->fragment &&
	       wire_parse_tcp(data, data + len, ip, tcp) == WIRE_OK && ip->l4_off + ip->l4_len == len;
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint16_t sum(const uint8_t *p, uint32_t len, uint32_t s)
{
	for (; len > 1; p += 2, len -= 2)
		s += (uint32_t)p[0] << 8 | p[1];
	if (len)
		s += (uint32_t)p[0] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)s;
}

/* Length and checksums of a frame of len bytes with these headers. */
static void seal(uint8_t *data, uint32_t len, const struct wire_ip *ip)
{
	uint8_t *l3 = data + ip->l3_off, *l4 = data + ip->l4_off;
	uint32_t l4_len = len - ip->l4_off, pseudo = WIRE_IPPROTO_TCP + l4_len;

	if (ip->family == WIRE_IP4) {
		put16(l3 + 2, len - ip->l3_off);
		put16(l3 + 10, 0);
		put16(l3 + 10, (uint16_t)~sum(l3, (uint32_t)ip->l4_off - ip->l3_off, 0));
		pseudo = sum(l3 + 12, 8, pseudo);
	} else {
		put16(l3 + 4, len - ip->l3_off - 40);
		pseudo = sum(l3 + 8, 32, pseudo);
	}
	put16(l4 + 16, 0);
	put16(l4 + 16, (uint16_t)~sum(l4, l4_len, pseudo));
}

/* ---- cutting ---- */

static void launch(struct world *w, int from, uint8_t *data, uint32_t len)
{
	trace_fate(w, from, len, link_send(&w->side[from].out, data, len, w->now));
}

void reseg_send(struct world *w, int from, uint8_t *data, uint32_t len)
{
	const struct box_conf *b = &w->s->box[from];
	uint8_t piece[SIMPORT_FRAME_MAX];
	struct wire_ip ip;
	struct wire_tcp tcp;

	if (!b->split_ppm || !look(data, len, &ip, &tcp) || tcp.payload_len <= b->split_bytes ||
	    tcp.flags & (TCP_SYN | TCP_RST | TCP_URG) || !rng_ppm(&w->box_rng, b->split_ppm)) {
		launch(w, from, data, len);
		return;
	}
	trace_note(w, "%c  ** %u bytes of text cut into pieces of %u", "AB"[from], tcp.payload_len, b->split_bytes);
	for (uint32_t at = 0; at < tcp.payload_len; at += b->split_bytes) {
		uint32_t left = tcp.payload_len - at, n = left < b->split_bytes ? left : b->split_bytes;
		uint8_t *l4 = piece + ip.l4_off;

		memcpy(piece, data, tcp.payload_off);
		memcpy(piece + tcp.payload_off, data + tcp.payload_off + at, n);
		put16(l4 + 4, (tcp.seq + at) >> 16);
		put16(l4 + 6, tcp.seq + at);
		if (n < left)
			l4[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
		if (at)
			l4[13] &= (uint8_t)~TCP_CWR;
		seal(piece, tcp.payload_off + n, &ip);
		launch(w, from, piece, tcp.payload_off + n);
	}
}

/* ---- joining ---- */

/* What follows a->data can be joined with it. */
static bool alike(const struct frame *a, const struct wire_ip *ai, const struct wire_tcp *at, const struct frame *b,
		  const struct wire_ip *bi, const struct wire_tcp *bt)
{
	uint32_t l4 = ai->l4_off, addrs = ai->family == WIRE_IP4 ? 8 : 32, src = ai->family == WIRE_IP4 ? 12 : 8;

	return ai->family == bi->family && l4 == bi->l4_off && at->doff == bt->doff &&
	       at->seq + at->payload_len == bt->seq && !memcmp(a->data + ai->l3_off, b->data + bi->l3_off, 2) &&
	       !memcmp(a->data + ai->l3_off + src, b->data + bi->l3_off + src, addrs) &&
	       !memcmp(a->data + l4, b->data + l4, 4) && at->ack == bt->ack && at->wnd == bt->wnd &&
	       !((at->flags ^ bt->flags) & (uint16_t)~TCP_PSH) &&
	       !memcmp(a->data + l4 + 20, b->data + l4 + 20, at->doff - 20u);
}

static bool can_wait(const struct frame *f, struct wire_ip *ip, struct wire_tcp *tcp)
{
	return !f->damaged && look(f->data, f->len, ip, tcp) && tcp->payload_len &&
	       !(tcp->flags & (uint16_t) ~(TCP_ACK | TCP_PSH | TCP_ECE | TCP_AE));
}

/* a and b as one; NULL: they are not of that kind, or too long together. */
static struct frame *join(const struct world *w, int from, const struct frame *a, const struct frame *b)
{
	struct wire_ip ai, bi;
	struct wire_tcp at, bt;
	struct frame *f;

	if (!can_wait(a, &ai, &at) || !can_wait(b, &bi, &bt) || !alike(a, &ai, &at, b, &bi, &bt) ||
	    a->len + bt.payload_len > w->s->mtu[!from] + WIRE_ETH_LEN)
		return NULL;
	f = malloc(sizeof(*f) + a->len + bt.payload_len);
	if (!f)
		abort();
	*f = *a;
	f->len = a->len + bt.payload_len;
	memcpy(f->data, a->data, a->len);
	memcpy(f->data + a->len, b->data + bt.payload_off, bt.payload_len);
	f->data[ai.l4_off + 13] |= bt.flags & TCP_PSH;
	seal(f->data, f->len, &ai);
	return f;
}

uint64_t reseg_next(const struct world *w, int from)
{
	const struct side *side = &w->side[from];
	uint64_t link = link_next(&side->out), due = side->waiting ? side->waiting->at : SIM_NEVER;

	return link < due ? link : due;
}

bool reseg_empty(const struct world *w, int from)
{
	return !w->side[from].out.count && !w->side[from].waiting;
}

static struct frame *release(struct side *side)
{
	struct frame *f = side->waiting;

	side->waiting = NULL;
	return f;
}

struct frame *reseg_take(struct world *w, int from)
{
	struct side *side = &w->side[from];
	uint64_t merge_ns = w->s->box[from].merge_ns;
	struct wire_ip ip;
	struct wire_tcp tcp;

	while (link_next(&side->out) <= w->now) {
		struct frame *f, *both;

		if (!merge_ns)
			return link_take(&side->out);
		if (!side->waiting) {
			f = link_take(&side->out);
			if (!can_wait(f, &ip, &tcp))
				return f;
			f->at = w->now + merge_ns;
			side->waiting = f;
			continue;
		}
		both = join(w, from, side->waiting, link_peek(&side->out));
		if (!both)
			return release(side);
		trace_note(w, "%c  ** joined: %u bytes", "AB"[from], both -> len);
		free(link_take(&side->out));
		free(side->waiting);
		side->waiting = both;
	}
	return side->waiting && side->waiting->at <= w->now ? release(side) : NULL;
}
