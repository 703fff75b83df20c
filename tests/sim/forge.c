// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * forge.c - a third party that knows addresses and ports, but sees no segment: blind
 * RSTs, SYNs, ACKs, data and nonsense with right checksums (RFC 5961, CVE-2016-5696).
 * Sequence numbers are random, or he is lucky and hits the window, but never its edge
 * and the acknowledgement as well: no connection may come to harm.
 */
#include <stdlib.h>
#include <string.h>
#include "world.h"
#include "xtcp/wire.h"

#define FORGED_MAX 200

static uint64_t next_at(struct world *w)
{
	uint64_t left = w->s->quiet_ns - w->s->start_ns;

	return w->now + 1 + rng_below(&w->rng, 2 * (left / w->s->forged + 1));
}

void forge_init(struct world *w)
{
	w->forge_at = w->s->forged ? next_at(w) : SIM_NEVER;
}

static uint16_t sum(const uint8_t *p, uint32_t len, uint32_t s)
{
	for (uint32_t i = 0; i < len; i++)
		s += (uint32_t)p[i] << (i & 1 ? 0 : 8);
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

/* Options: none, a timestamp, or anything at all. */
static uint32_t put_options(struct world *w, uint8_t *p)
{
	uint32_t n = (uint32_t)rng_below(&w->rng, 11) * 4;

	if (rng_percent(&w->rng, 30))
		return 0;
	if (rng_percent(&w->rng, 50)) {
		memcpy(p, "\1\1\10\12", 4);
		put32(p + 4, (uint32_t)rng_u64(&w->rng));
		put32(p + 8, (uint32_t)rng_u64(&w->rng));
		return 12;
	}
	for (uint32_t i = 0; i < n; i++)
		p[i] = (uint8_t)(rng_percent(&w->rng, 50) ? rng_below(&w->rng, 12) : rng_u64(&w->rng));
	return n;
}

/* He has guessed the window, perhaps even rcv_nxt, but then not what may be acknowledged. */
static uint32_t put_lucky(struct world *w, uint8_t *p, const struct tcp_conn *c)
{
	static const uint8_t flags[] = { TCP_RST, TCP_RST | TCP_ACK, TCP_SYN,		TCP_SYN | TCP_ACK,
					 TCP_ACK, TCP_ACK | TCP_PSH, TCP_FIN | TCP_ACK, TCP_ACK | TCP_URG };
	uint32_t wnd = c->rcv_adv - c->rcv_nxt;

	p[13] = flags[rng_below(&w->rng, sizeof(flags))];
	put32(p + 4, c->rcv_nxt + (wnd > 1 ? (uint32_t)rng_range(&w->rng, 1, wnd - 1) : 1));
	if (!(p[13] & (TCP_RST | TCP_SYN)) && rng_percent(&w->rng, 50))
		put32(p + 4, c->rcv_nxt);
	put32(p + 8, c->snd_nxt + (uint32_t)rng_range(&w->rng, 2, 1u << 30));
	if (rng_percent(&w->rng, 50))
		put32(p + 8, c->snd_una - c->max_snd_wnd - (uint32_t)rng_range(&w->rng, 1, 1u << 29));
	if (!(c->flags & TCP_F_TS))
		return 0;
	memcpy(p + 20, "\1\1\10\12", 4);
	put32(p + 24, c->ts_recent);
	put32(p + 28, (uint32_t)rng_u64(&w->rng));
	return 12;
}

/* TCP header and payload; returns their length. */
static uint32_t put_tcp(struct world *w, uint8_t *p, uint16_t sport, uint16_t dport, const struct tcp_conn *lucky)
{
	static const uint8_t flags[] = {
		TCP_RST,	   TCP_RST | TCP_ACK, TCP_SYN,		 TCP_SYN | TCP_ACK, TCP_ACK,
		TCP_ACK | TCP_PSH, TCP_FIN | TCP_ACK, TCP_ACK | TCP_URG, TCP_URG,	    0,
		TCP_SYN | TCP_FIN
	};
	uint32_t opts = put_options(w, p + 20), text = rng_percent(&w->rng, 50) ? 0 : (uint32_t)rng_below(&w->rng, 100);
	uint64_t which = rng_below(&w->rng, sizeof(flags) + 1);

	put16(p, sport);
	put16(p + 2, dport);
	put32(p + 4, (uint32_t)rng_u64(&w->rng));
	put32(p + 8, (uint32_t)rng_u64(&w->rng));
	p[12] = (uint8_t)((20 + opts) / 4 << 4);
	p[13] = which < sizeof(flags) ? flags[which] : (uint8_t)rng_u64(&w->rng);
	put16(p + 14, (uint32_t)rng_u64(&w->rng));
	put16(p + 16, 0);
	put16(p + 18, (uint32_t)rng_u64(&w->rng));
	if (lucky) {
		opts = put_lucky(w, p, lucky);
		p[12] = (uint8_t)((20 + opts) / 4 << 4);
	}
	for (uint32_t i = 0; i < text; i++)
		p[20 + opts + i] = (uint8_t)rng_u64(&w->rng);
	return 20 + opts + text;
}

static uint32_t build(struct world *w, uint8_t *p, const struct end *d, uint16_t sport, uint16_t dport,
		      const struct tcp_conn *lucky)
{
	bool v6 = w->s->pair[d->pair].v6;
	struct xtcp_addr src = world_addr(!d->engine, v6), dst = world_addr(d->engine, v6);
	uint32_t l3 = WIRE_ETH_LEN, l4 = l3 + (v6 ? 40 : 20), len, n = v6 ? 16 : 4;
	uint8_t pseudo[32];

	memset(p, 0, l4);
	memcpy(p, "\2\0\0\0\0\12", 6);
	put16(p + 12, v6 ? 0x86dd : 0x0800);
	len = put_tcp(w, p + l4, sport, dport, lucky);
	memcpy(pseudo, src.b + 16 - n, n);
	memcpy(pseudo + n, dst.b + 16 - n, n);
	put16(p + l4 + 16, sum(p + l4, len, (uint16_t)~sum(pseudo, 2 * n, WIRE_IPPROTO_TCP + len)));
	memcpy(p + (v6 ? l3 + 8 : l3 + 12), pseudo, 2 * n);
	if (v6) {
		p[l3] = 0x60;
		put16(p + l3 + 4, len);
		p[l3 + 6] = WIRE_IPPROTO_TCP;
		p[l3 + 7] = 64;
		return l4 + len;
	}
	p[l3] = 0x45;
	put16(p + l3 + 2, 20 + len);
	p[l3 + 8] = 64;
	p[l3 + 9] = WIRE_IPPROTO_TCP;
	put16(p + l3 + 10, sum(p + l3, 20, 0));
	return l4 + len;
}

void forge_frame(struct world *w)
{
	const struct end *d = &w->end[rng_below(&w->rng, 2ull * w->s->pairs)];
	uint16_t sport = d->rport, dport = d->lport;
	uint8_t data[FORGED_MAX + 100];
	const struct tcp_conn *lucky = NULL;
	uint32_t len;

	w->forge_at = w->now < w->s->quiet_ns ? next_at(w) : SIM_NEVER;
	if (d->engine && w->dead)
		return;
	if (rng_percent(&w->rng, 10)) { /* a stranger */
		sport = (uint16_t)rng_u64(&w->rng);
		dport = w->side[d->engine].listen_port;
	} else if (!d->open) { /* who waits for a SYN must believe any (RFC 9293 3.5, simultaneous open) */
		return;
	}
	if (sport == d->rport && d->handle && rng_percent(&w->rng, 50))
		lucky = engine_conn(w->side[d->engine].e, d->handle);
	if (lucky && lucky->state < TCP_ESTABLISHED)
		lucky = NULL;
	len = build(w, data, d, sport, dport, lucky);
	observe_forged(w, d->engine, data, len);
	simport_deliver(&w->side[d->engine].port, data, len, NULL);
}
