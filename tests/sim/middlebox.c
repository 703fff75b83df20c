// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * middlebox.c - boxes on the way. One makes announced windows smaller at times, so that
 * windows shrink (RFC 9293 3.8.6, MUST-34). The other takes options out of SYN segments, in both
 * directions alike: so the ends meet peers without SACK, timestamps, window scale
 * or MSS. (A box that does it to one direction only breaks TCP by itself.)
 */
#include <string.h>
#include "world.h"
#include "xtcp/wire.h"

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* RFC 1624: the checksum at csum after the byte at p (off bytes behind the TCP header's start) became NOP. */
static void set_nop(uint8_t *p, uint32_t off, uint8_t *csum)
{
	uint32_t old = *p, now = 1, sum = (uint16_t) ~(csum[0] << 8 | csum[1]);

	if (!(off & 1)) {
		old <<= 8;
		now <<= 8;
	}
	sum = (uint16_t)~fold(sum + (uint16_t)~old + now);
	csum[0] = (uint8_t)(sum >> 8);
	csum[1] = (uint8_t)sum;
	*p = 1;
}

/* RFC 1624 again: a 16-bit field becomes v. */
static void set_field(uint8_t *p, uint32_t v, uint8_t *csum)
{
	uint32_t old = (uint32_t)p[0] << 8 | p[1], sum = (uint16_t) ~(csum[0] << 8 | csum[1]);

	sum = (uint16_t)~fold(sum + (uint16_t)~old + v);
	csum[0] = (uint8_t)(sum >> 8);
	csum[1] = (uint8_t)sum;
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

void middlebox_shrink(struct world *w, int from, uint8_t *data, uint32_t len)
{
	struct wire_ip ip;
	struct wire_tcp tcp;

	if (w->now >= w->s->quiet_ns || !rng_ppm(&w->box_rng, w->s->link[from].shrink_ppm) ||
	    wire_parse_ip(data, data + len, len, &ip) != WIRE_OK ||
	    wire_parse_tcp(data, data + len, &ip, &tcp) != WIRE_OK || tcp.flags & (TCP_SYN | TCP_RST))
		return;
	set_field(data + ip.l4_off + 14, (uint32_t)rng_below(&w->box_rng, tcp.wnd + 1u), data + ip.l4_off + 16);
}

void middlebox_pass(const struct world *w, uint8_t *data, uint32_t len)
{
	struct wire_ip ip;
	struct wire_tcp tcp;

	if (!w->s->strip || wire_parse_ip(data, data + len, len, &ip) != WIRE_OK ||
	    wire_parse_tcp(data, data + len, &ip, &tcp) != WIRE_OK || !(tcp.flags & TCP_SYN))
		return;
	for (uint32_t at = 20; at < tcp.doff && data[ip.l4_off + at];) {
		uint8_t *opt = data + ip.l4_off + at;
		uint32_t n = opt[0] == 1 ? 1 : opt[1];

		if (!n || at + n > tcp.doff)
			return;
		if (opt[0] != 1 && opt[0] < 32 && w->s->strip & 1u << opt[0])
			for (uint32_t i = 0; i < n; i++)
				set_nop(opt + i, at + i, data + ip.l4_off + 16);
		at += n;
	}
}
