// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * hop.c - a router on the way whose next link takes smaller packets. It drops what is too
 * large (all packets are DF) and tells the sender (RFC 1191, RFC 8201), or does not: a
 * path MTU black hole, which only probing finds (RFC 4821). It is no fault that ends.
 */
#include <string.h>
#include "world.h"
#include "xtcp/wire.h"

#define HOP_QUOTE 28 /* bytes of the packet quoted, after its IPv6 header or as RFC 792 has it */

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint16_t sum(const uint8_t *p, uint32_t len, uint32_t s)
{
	for (uint32_t i = 0; i < len; i++)
		s += (uint32_t)p[i] << (i & 1 ? 0 : 8);
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)s;
}

/* The error for an IP packet, from the one it was sent to (whose address it is does not matter); returns its length. */
static uint32_t put_error(uint8_t *out, const uint8_t *ip, uint32_t mtu)
{
	bool v6 = ip[0] >> 4 == 6;
	uint32_t hlen = v6 ? 40 : 20, quote = v6 ? 40 + HOP_QUOTE : HOP_QUOTE, len = hlen + 8 + quote;
	uint8_t *icmp = out + hlen;

	memset(out, 0, len);
	icmp[0] = v6 ? 2 : 3;
	icmp[1] = v6 ? 0 : 4;
	put16(icmp + 6, mtu);
	memcpy(icmp + 8, ip, quote);
	if (v6) {
		out[0] = 0x60;
		put16(out + 4, 8 + quote);
		out[6] = WIRE_IPPROTO_ICMPV6;
		out[7] = 64;
		memcpy(out + 8, ip + 24, 16);
		memcpy(out + 24, ip + 8, 16);
		put16(icmp + 2, (uint16_t)~sum(icmp, 8 + quote, sum(out + 8, 32, WIRE_IPPROTO_ICMPV6 + 8 + quote)));
		return len;
	}
	out[0] = 0x45;
	put16(out + 2, len);
	out[8] = 64;
	out[9] = WIRE_IPPROTO_ICMP;
	memcpy(out + 12, ip + 16, 4);
	memcpy(out + 16, ip + 12, 4);
	put16(out + 10, (uint16_t)~sum(out, 20, 0));
	put16(icmp + 2, (uint16_t)~sum(icmp, 8 + quote, 0));
	return len;
}

bool hop_refuses(struct world *w, int from, const uint8_t *data, uint32_t len)
{
	const struct link_conf *l = &w->s->link[from];
	uint8_t error[WIRE_ETH_LEN + 40 + 8 + 40 + HOP_QUOTE];

	if (!l->hop_mtu || len <= l->hop_mtu + WIRE_ETH_LEN || w->now < l->hop_from)
		return false;
	trace_note(w, "%c  ** %u bytes dropped: too large for the path%s", "AB"[from], len,
		   l -> hop_tells ? "" : ", silently");
	if (!l->hop_tells)
		return true;
	memcpy(error, data + 6, 6);
	memcpy(error + 6, data, 6);
	memcpy(error + 12, data + 12, 2);
	len = WIRE_ETH_LEN + put_error(error + WIRE_ETH_LEN, data + WIRE_ETH_LEN, l->hop_mtu);
	link_send(&w->side[!from].out, error, len, w->now);
	return true;
}
