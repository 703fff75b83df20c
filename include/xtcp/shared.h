/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * shared.h - the ABI between the XDP program and the engine: map keys and
 * values, frame metadata, counters. Compiled by both; holds no code.
 *
 * The includer provides __u8 ... __u64 and __be16/__be32 (vmlinux.h in BPF,
 * <linux/types.h> elsewhere).
 */
#ifndef XTCP_SHARED_H
#define XTCP_SHARED_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

/* An address of either family in network byte order; IPv4 as ::ffff:a.b.c.d. */
struct xtcp_addr {
	union {
		__u8 b[16];
		__u32 w[4];
		__u64 d[2];
	};
};

/* Map "addrs" (hash, key struct xtcp_addr): our addresses. */
#define XTCP_MAX_ADDRS 64
struct xtcp_addr_entry {
	__u32 index; /* 0 .. XTCP_MAX_ADDRS - 1: this address's bit in the port masks */
	__u32 reserved;
};

/*
 * Map "ports" (mmap-able array, index: TCP port in host order): what we own.
 * Bit n of a mask speaks of the address whose xtcp_addr_entry.index is n.
 */
#define XTCP_PORTS 65536
struct xtcp_port_entry {
	__u64 owned;	 /* segments to this port on these addresses are steered to the engine */
	__u64 listening; /* a listener is open here (a subset of owned) */
};

/* Map "xsks" (XSKMAP, key: receive queue). */
#define XTCP_MAX_QUEUES 64

/*
 * Map "flows" (mmap-able array of XTCP_FLOWS): open addressing over a hash of
 * the four-tuple, probed at most XTCP_FLOW_PROBES places. The engine writes
 * it with plain stores, so a reader may see a torn entry: a hit is a hint.
 */
#define XTCP_FLOWS 65536 /* a power of two */
#define XTCP_FLOW_PROBES 4
struct xtcp_flow {
	struct xtcp_addr local;
	struct xtcp_addr remote;
	__be16 local_port;
	__be16 remote_port;
	__u32 conn; /* whose: engine << XTCP_FLOW_ENGINE_SHIFT | connection index + 1; 0: free */
};
/* Several engines may share one interface; a single one is number 0, so that conn is its connection's index + 1. */
#define XTCP_FLOW_ENGINE_SHIFT 24
#define XTCP_FLOW_CONN ((1u << XTCP_FLOW_ENGINE_SHIFT) - 1)
#define XTCP_FLOW_BUSY (0xffu << XTCP_FLOW_ENGINE_SHIFT) /* an engine is about to fill it in: nobody's yet */

/*
 * struct xtcp_meta - what the XDP program found out, directly in front of the
 * frame it redirected (bpf_xdp_adjust_meta). A hint, never a licence to skip
 * a check that protects memory. The engine clears magic once it has read it,
 * so that a frame without metadata cannot inherit an older frame's.
 */
#define XTCP_META_MAGIC 0x58544350u	  /* "XTCP" */
#define XTCP_META_F_IP_CSUM_OK (1u << 0)  /* IPv4 header checksum verified */
#define XTCP_META_F_TCP_CSUM_OK (1u << 1) /* TCP checksum verified over the whole segment */
#define XTCP_META_F_TCP_PARTIAL (1u << 2) /* checksum field holds the pseudo-header sum only: left by a virtual link */
#define XTCP_META_F_SANE (1u << 3)	  /* flags, ports and source address passed the checks of validate.h */
#define XTCP_META_F_ICMP (1u << 4)	  /* an ICMP error, not a TCP segment */
struct xtcp_meta {
	__u32 magic;
	__u16 l3_off;	   /* bytes from the frame's start to the IP header */
	__u16 l4_off;	   /* ... to the TCP or ICMP header */
	__u16 payload_off; /* ... to the TCP payload */
	__u16 flags;	   /* XTCP_META_F_* */
	__u32 conn_hint;   /* conn of an entry of "flows"; 0: none */
	__u64 rx_ns;	   /* reserved for a receive timestamp; 0: none */
};

/* Read-only configuration, set before load (.rodata of the program). */
struct xtcp_xdp_conf {
	__u8 partial_csum_ok; /* 1: virtual link, the checksum field may hold the pseudo-header sum */
	__u8 pad[3];
	__u32 drop_sample; /* report one in this many drops in "events"; 0: none */
	__u64 flow_key;	   /* secret of xtcp_flow_hash(), the same as the engine's */
};

/* Map "events" (ring buffer): sampled drops. */
#define XTCP_EVENT_BYTES 96
struct xtcp_drop_event {
	__u64 ktime_ns;
	__u32 ifindex;
	__u32 rx_queue;
	__u32 reason;		     /* enum xtcp_xdp_stat */
	__u32 frame_len;	     /* bytes */
	__u8 head[XTCP_EVENT_BYTES]; /* the frame's first bytes, zero-padded */
};

/* Counters. The struct is the value of map "stats" (per-CPU array, one entry). */
enum xtcp_xdp_stat {
#define XTCP_XDP_STAT(kind, name, text) XTCP_XDP_##name,
#include "stats.def"
	XTCP_XDP_STATS
};

struct xtcp_xdp_stats {
#define XTCP_XDP_STAT(kind, name, text) __u64 name;
#include "stats.def"
};

enum xtcp_user_stat {
#define XTCP_USER_STAT(kind, name, text) XTCP_USER_##name,
#include "stats.def"
	XTCP_USER_STATS
};

#endif /* XTCP_SHARED_H */
