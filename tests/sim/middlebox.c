// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * middlebox.c - boxes on the way that change segments or drop them (struct box_conf; those that cut and join them are
 * in reseg.c). One makes announced windows smaller at times, so that windows shrink (RFC 9293 3.8.6, MUST-34).
 *
 * Options are taken out of SYN segments in both directions alike, so the ends meet peers without SACK, timestamps, window
 * scale or MSS; only SACK-permitted and MSS may be missing in one. (A box that does it to one direction only
 * breaks TCP by itself, and so does one that takes timestamps out of later segments: RFC 7323 3.2.)
 *
 * A firewall next to B adds a number of its own to the sequence numbers of both; what the observer sees is A's side
 * of it. One that does not know SACK leaves the blocks as they are.
 */
#include <string.h>
#include "world.h"
#include "xtcp/wire.h"

enum {
	KIND_NOP = 1,
	KIND_MSS = 2,
	KIND_SACK_OK = 4,
	KIND_SACK = 5,
	KIND_TS = 8,
	KIND_ACCECN0 = 172,
	KIND_ACCECN1 = 174
};
#define KIND_EXPERIMENT 253 /* RFC 4727; nothing here knows it */

struct pass { /* a TCP segment in a frame */
	uint8_t *tcp;
	uint32_t doff;
	uint16_t flags;
	uint32_t text;
};

static bool look(uint8_t *data, uint32_t len, struct pass *p)
{
	struct wire_ip ip;
	struct wire_tcp tcp;

	if (wire_parse_ip(data, data + len, len, &ip) != WIRE_OK ||
	    wire_parse_tcp(data, data + len, &ip, &tcp) != WIRE_OK)
		return false;
	*p = (struct pass){ data + ip.l4_off, tcp.doff, tcp.flags, tcp.payload_len };
	return true;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* Byte at of the segment becomes v; a right checksum stays right, a wrong one wrong (RFC 1624). */
static void set_byte(const struct pass *p, uint32_t at, uint8_t v)
{
	uint32_t shift = at & 1 ? 0 : 8, sum = (uint16_t) ~(p->tcp[16] << 8 | p->tcp[17]);

	sum = (uint16_t)~fold(sum + (uint16_t) ~((uint32_t)p->tcp[at] << shift) + ((uint32_t)v << shift));
	p->tcp[16] = (uint8_t)(sum >> 8);
	p->tcp[17] = (uint8_t)sum;
	p->tcp[at] = v;
}

static void set_field(const struct pass *p, uint32_t at, uint32_t v)
{
	set_byte(p, at, (uint8_t)(v >> 8));
	set_byte(p, at + 1, (uint8_t)v);
}

static void add32(const struct pass *p, uint32_t at, uint32_t add)
{
	uint32_t v = wire_be32(p->tcp + at) + add;

	set_field(p, at, v >> 16);
	set_field(p, at + 2, v & 0xffff);
}

/* The option at or after *at; false: no more. *at: behind it. */
static bool next_option(const struct pass *p, uint32_t *at, uint32_t *opt)
{
	while (*at < p->doff && p->tcp[*at] == KIND_NOP)
		++*at;
	*opt = *at;
	if (*at + 1 >= p->doff || !p->tcp[*at] || p->tcp[*at + 1] < 2 || *at + p->tcp[*at + 1] > p->doff)
		return false;
	*at += p->tcp[*at + 1];
	return true;
}

static void strip(const struct pass *p, uint32_t from, uint32_t to, enum strip_how how)
{
	if (how == STRIP_UNKNOWN)
		set_byte(p, from, KIND_EXPERIMENT);
	for (uint32_t i = from; how != STRIP_UNKNOWN && i < to; i++)
		set_byte(p, i, how == STRIP_NOP ? KIND_NOP : 0);
}

static void pass_option(const struct scenario *s, const struct box_conf *b, const struct pass *p, uint32_t opt,
			uint32_t end)
{
	uint8_t kind = p->tcp[opt];
	bool syn = p->flags & TCP_SYN;

	if (syn && kind < 32 && s->strip & 1u << kind)
		strip(p, opt, end, s->strip_how);
	else if ((syn && b->strip_sack_ok && kind == KIND_SACK_OK) || (b->strip_sack && kind == KIND_SACK) ||
		 (b->strip_accecn && (kind == KIND_ACCECN0 || kind == KIND_ACCECN1)))
		strip(p, opt, end, STRIP_NOP);
	else if (b->mss_max && syn && kind == KIND_MSS && end == opt + 4 && wire_be16(p->tcp + opt + 2) > b->mss_max)
		set_field(p, opt + 2, b->mss_max);
}

static bool changes(const struct scenario *s, const struct box_conf *b)
{
	return s->strip || b->mss_max || b->strip_sack_ok || b->strip_sack || b->strip_accecn || b->ecn_syn_clear ||
	       b->ecn_clear;
}

void middlebox_pass(const struct world *w, int from, uint8_t *data, uint32_t len)
{
	const struct box_conf *b = &w->s->box[from];
	struct pass p;
	uint32_t at = 20, opt;

	if (!changes(w->s, b) || !look(data, len, &p))
		return;
	while (next_option(&p, &at, &opt))
		pass_option(w->s, b, &p, opt, at);
	if (p.flags & TCP_SYN ? b->ecn_syn_clear : b->ecn_clear) {
		set_byte(&p, 12, p.tcp[12] & 0xfe);
		set_byte(&p, 13, p.tcp[13] & (uint8_t) ~(TCP_ECE | TCP_CWR));
	}
}

bool middlebox_drops(const struct world *w, int from, uint8_t *data, uint32_t len)
{
	const struct box_conf *b = &w->s->box[from];
	struct pass p;
	uint32_t at = 20, opt;

	if (!(b->drop_unknown || b->drop_syn_text) || !look(data, len, &p))
		return false;
	if (b->drop_syn_text && p.flags & TCP_SYN && p.text)
		return true;
	while (b->drop_unknown && next_option(&p, &at, &opt))
		if (p.tcp[opt] > KIND_SACK && p.tcp[opt] != KIND_TS)
			return true;
	return false;
}

void middlebox_shrink(struct world *w, int from, uint8_t *data, uint32_t len)
{
	struct pass p;

	if (w->now >= w->s->quiet_ns || !rng_ppm(&w->box_rng, w->s->link[from].shrink_ppm) || !look(data, len, &p) ||
	    p.flags & (TCP_SYN | TCP_RST))
		return;
	set_field(&p, 14, (uint32_t)rng_below(&w->box_rng, wire_be16(p.tcp + 14) + 1u));
}

void middlebox_shift(const struct world *w, int from, bool back, uint8_t *data, uint32_t len)
{
	uint32_t sign = back ? -1u : 1u, seq = sign * w->s->shift[from], ack = -sign * w->s->shift[!from];
	uint32_t at = 20, opt;
	struct pass p;

	if (!(w->s->shift[0] | w->s->shift[1]) || !look(data, len, &p))
		return;
	add32(&p, 4, seq);
	if (p.flags & TCP_ACK)
		add32(&p, 8, ack);
	while (w->s->shift_sack && next_option(&p, &at, &opt))
		for (uint32_t i = opt + 2; p.tcp[opt] == KIND_SACK && i + 4 <= at; i += 4)
			add32(&p, i, ack);
}
