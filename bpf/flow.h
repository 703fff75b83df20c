/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * flow.h - finding a segment's connection in map "flows".
 *
 * The engine writes entries while this reads them, so a hit may be torn or
 * stale: it is a hint, and the engine compares the four-tuple again.
 */
#ifndef XTCP_BPF_FLOW_H
#define XTCP_BPF_FLOW_H

#include "xtcp/flow.h"

/* conn of the flow's entry, or 0. */
static __always_inline __u32 flow_find(const struct packet *pkt)
{
	const struct xtcp_addr *local = &pkt->ip.daddr, *remote = &pkt->ip.saddr;
	__be16 lport = pkt->tcp.dport, rport = pkt->tcp.sport;
	__u32 at = xtcp_flow_hash(local, remote, lport, rport, xtcp_conf.flow_key);

	for (int i = 0; i < XTCP_FLOW_PROBES; i++, at++) {
		__u32 key = at & (XTCP_FLOWS - 1);
		const struct xtcp_flow *f = bpf_map_lookup_elem(&flows, &key);

		if (f && f->conn & XTCP_FLOW_CONN && f->local_port == lport && f->remote_port == rport &&
		    wire_addr_equal(&f->remote, remote) && wire_addr_equal(&f->local, local))
			return f->conn;
	}
	return 0;
}

#endif /* XTCP_BPF_FLOW_H */
