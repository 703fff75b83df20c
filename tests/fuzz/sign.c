// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* sign.c - see sign.h. */
#include "sign.h"

#include <string.h>
#include "engine/ao.h"
#include "lib/addr.h"

struct ao_mkt sign_key(const struct xtcp_addr *peer, uint8_t id)
{
	return (struct ao_mkt){ .addr = *peer,
				.bits = 128,
				.send_id = id,
				.recv_id = id,
				.alg = id & 1,
				.flags = id & 2 ? AO_F_NO_OPTIONS : 0,
				.len = 1,
				.key = { id } };
}

uint32_t sign_put_option(uint8_t *opt, uint32_t n, uint8_t id, uint8_t next)
{
	memcpy(opt + n, (uint8_t[4]){ AO_KIND, AO_OPTION_BYTES, id, next }, 4);
	return n + AO_OPTION_BYTES;
}

void sign_ao(struct frame *f, const struct frame_ends *ends, uint32_t isn, uint32_t peer_isn, uint8_t id)
{
	uint8_t *tcp = f->data + WIRE_ETH_LEN + (addr_is_v4(&ends->from) ? 20 : 40),
		*opt = tcp + (tcp[12] >> 4) * 4 - AO_OPTION_BYTES, *text = opt + AO_OPTION_BYTES;
	bool first = (tcp[13] & (WIRE_SYN | WIRE_ACK)) == WIRE_SYN; /* the peer's ISN is not known */
	struct ao_mkt m = sign_key(&ends->from, id);
	uint8_t traffic[AO_TRAFFIC_BYTES];
	struct ao_context c = { .src = &ends->from,
				.dst = &ends->to,
				.sport = wire_swap16(ends->sport),
				.dport = wire_swap16(ends->dport),
				.sisn = isn,
				.disn = first ? 0 : peer_isn };
	struct tcp_seg seg = { .nspans = 1 };
	struct ao_text t = { .src = c.src, .dst = c.dst, .tcp = tcp, .option = opt, .seg = &seg };
	struct ao_sign s = {
		.traffic = traffic, .alg = m.alg, .flags = m.flags, .sne = ao_sne(isn, 0, wire_be32(tcp + 4))
	};

	t.l4_len = (uint32_t)(f->data + f->len - tcp);
	seg.span[0] = (struct tcp_span){ text, (uint32_t)(f->data + f->len - text) };
	ao_derive((enum ao_alg)m.alg, m.key, m.len, &c, traffic);
	ao_mac(&s, &t, opt + 4);
}
