/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * flow.h - the hash of map "flows", computed alike by the engine that writes
 * the table and by the XDP program that reads it.
 *
 * Invariants: the home place of a connection is hash & (XTCP_FLOWS - 1), and
 * an entry lies at most XTCP_FLOW_PROBES - 1 places behind it, wrapping at the
 * table's end. There are no tombstones: a reader looks at all the places. The
 * key is secret, so that a peer cannot choose ports that collide; a collision
 * costs a hint, never a segment.
 */
#ifndef XTCP_FLOW_H
#define XTCP_FLOW_H

#include "xtcp/shared.h"

/* One round of multiply-xorshift: each input bit reaches the upper half, which is folded back. */
static inline __attribute__((always_inline)) __u64 xtcp_flow_mix(__u64 h)
{
	h *= 0x9e3779b97f4a7c15ull;
	return h ^ h >> 32;
}

/* Ports are in network order. Both addresses must be 8-byte aligned, as struct xtcp_addr is. */
static inline __attribute__((always_inline)) __u32
xtcp_flow_hash(const struct xtcp_addr *local, const struct xtcp_addr *remote, __be16 lport, __be16 rport, __u64 key)
{
	__u64 ports = (__u64)lport << 16 | rport;
	__u64 h = key;

	h = xtcp_flow_mix(h ^ local->d[0]);
	h = xtcp_flow_mix(h ^ local->d[1]);
	h = xtcp_flow_mix(h ^ remote->d[0]);
	h = xtcp_flow_mix(h ^ remote->d[1]);
	h = xtcp_flow_mix(h ^ ports);
	return (__u32)xtcp_flow_mix(h ^ key);
}

#endif /* XTCP_FLOW_H */
