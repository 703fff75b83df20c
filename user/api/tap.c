// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* tap.c - what goes in and out, for --trace and --pcap: one tap of the engine serves both. */
#include "api/private.h"

#include <arpa/inet.h>
#include "io/clock.h"
#include "xtcp/wire.h"

/* The options as they stand in the frame. */
static void find_options(const struct io_pkt *pkt, struct xtcp_trace_seg *t)
{
	const uint8_t *data = pkt->frag[0].data;
	struct wire_ip ip;
	struct wire_tcp tcp;

	t->options = NULL;
	t->options_len = 0;
	if (wire_parse_ip(data, data + pkt->frag[0].len, pkt->len, &ip) != WIRE_OK || ip.proto != WIRE_IPPROTO_TCP ||
	    wire_parse_tcp(data, data + pkt->frag[0].len, &ip, &tcp) != WIRE_OK)
		return;
	t->options = data + ip.l4_off + 20;
	t->options_len = tcp.doff - 20u;
}

void api_tap_take(struct xtcp *x, const struct tap_time *when, bool out, const struct io_pkt *pkt,
		  const struct xtcp_addr *laddr, uint16_t lport, const struct xtcp_addr *raddr, uint16_t rport,
		  const struct tap_seg *seg)
{
	struct xtcp_trace_seg t;

	if (x->pcap)
		pcap_tap_frame(x->pcap, pkt, when->wall_ns);
	if (!x->trace || !seg)
		return;
	t.ns = when->ns;
	t.out = out;
	api_addr_put(laddr, htons(lport), &t.local);
	api_addr_put(raddr, htons(rport), &t.remote);
	t.seq = seg->seq;
	t.ack = seg->ack;
	t.wnd = seg->wnd;
	t.flags = seg->flags;
	t.len = seg->len;
	find_options(pkt, &t);
	x->trace(x->trace_arg, &t);
}

static void tap(void *arg, bool out, const struct io_pkt *pkt, const struct xtcp_addr *laddr, uint16_t lport,
		const struct xtcp_addr *raddr, uint16_t rport, const struct tcp_seg *seg)
{
	struct tap_time when = { clock_now_ns(), clock_wall_ns() };
	struct tap_seg s;

	if (seg)
		s = (struct tap_seg){ seg->seq, seg->ack, seg->len, seg->wnd, seg->flags };
	api_tap_take(arg, &when, out, pkt, laddr, lport, raddr, rport, seg ? &s : NULL);
}

void api_tap_update(struct xtcp *x)
{
	engine_set_tap(x->engine, x->pcap || x->trace ? tap : NULL, x);
}

void xtcp_set_trace(struct xtcp *x, xtcp_trace_fn fn, void *arg)
{
	x->trace = fn;
	x->trace_arg = arg;
	api_tap_update(x);
}
