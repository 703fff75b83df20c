/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * wire.h - the bounds-checked parser of Ethernet, VLAN, IPv4, IPv6 and TCP
 * headers, compiled for both halves: into the XDP program (where the verifier
 * proves it) and into the engine.
 *
 * It reads headers only, from the frame's first fragment. It decides nothing:
 * it says where things are and what they hold, or which layer was malformed.
 * Judgements that both halves must make alike (wire_flags_check,
 * wire_source_bad) stand at the end.
 *
 * RFC 791 (IPv4), RFC 8200 (IPv6), RFC 4302 (AH), RFC 9293 3.1 (TCP header).
 *
 * Invariants: no byte outside [data, end) is read; after WIRE_OK,
 * l3_off < l4_off <= WIRE_L4_OFF_MAX and l4_off + l4_len <= frame_len; after
 * wire_parse_tcp's WIRE_OK too, the whole TCP header with its options is in
 * [data, end) and payload_off + payload_len == l4_off + l4_len.
 */
#ifndef XTCP_WIRE_H
#define XTCP_WIRE_H

#include "xtcp/shared.h"

#define WIRE_ETH_LEN 14
#define WIRE_VLAN_MAX 2	   /* tags accepted: 802.1Q or 802.1ad */
#define WIRE_IP6_EXT_MAX 8 /* extension headers walked */
/* No transport header begins further in than this: every extension header at its longest. */
#define WIRE_L4_OFF_MAX (WIRE_ETH_LEN + 4 * WIRE_VLAN_MAX + 40 + 2048 * WIRE_IP6_EXT_MAX)
#define WIRE_HDR_MAX (WIRE_L4_OFF_MAX + 128) /* no header read here, quoted ones included, begins behind this */

enum wire_family { WIRE_IP4 = 4, WIRE_IP6 = 6 };

/* TCP flags as in the header's 13th and 14th byte: AE (RFC 9768) is the 13th's last bit. */
#define WIRE_FIN 0x01
#define WIRE_SYN 0x02
#define WIRE_RST 0x04
#define WIRE_PSH 0x08
#define WIRE_ACK 0x10
#define WIRE_URG 0x20
#define WIRE_ECE 0x40
#define WIRE_CWR 0x80
#define WIRE_AE 0x100

#define WIRE_IPPROTO_ICMP 1
#define WIRE_IPPROTO_TCP 6
#define WIRE_TCP_CSUM_OFF 16 /* of the checksum field in the TCP header */
#define WIRE_IPPROTO_ICMPV6 58

/* Where a frame's headers are and what they hold. Offsets are in bytes from the frame's start. */
struct wire_ip {
	struct xtcp_addr saddr;
	struct xtcp_addr daddr;
	__u16 l3_off;
	__u16 l4_off;
	__u32 l4_len;	   /* bytes of transport header and payload, from the IP length */
	__u8 family;	   /* enum wire_family */
	__u8 proto;	   /* transport protocol, after extension headers */
	__u8 tclass;	   /* DSCP and ECN: IPv4 TOS byte, IPv6 traffic class */
	__u8 ttl;	   /* TTL or hop limit */
	__u8 fragment;	   /* 0: whole; 1: first fragment; 2: a later one (no transport header) */
	__u8 source_route; /* 1: IPv4 LSRR/SSRR (not looked for in BPF) or IPv6 routing header present */
	__u8 vlan_tags;
	__u8 pad;
};

struct wire_tcp {
	__be16 sport;
	__be16 dport;
	__u32 seq; /* host order, like all below */
	__u32 ack;
	__u16 wnd;
	__u16 urg;
	__u16 csum;	   /* as on the wire (network order) */
	__u16 flags;	   /* WIRE_* */
	__u8 doff;	   /* header length in bytes, 20..60 */
	__u16 payload_off; /* from the frame's start */
	__u32 payload_len; /* bytes */
};

enum wire_result {
	WIRE_OK,
	WIRE_SHORT,	/* too short for Ethernet or VLAN headers */
	WIRE_NOT_IP,	/* another EtherType */
	WIRE_BAD_IP,	/* IP version, header length or an extension header malformed or past the frame */
	WIRE_BAD_LEN,	/* IP total length past the frame, or smaller than its own headers */
	WIRE_BAD_DOFF,	/* TCP data offset below 5 or past the segment */
	WIRE_TCP_SHORT, /* fewer than 20 bytes of transport */
};

#define WIRE_FN static inline __attribute__((always_inline))

/* ---- loads: unaligned and aliasing-safe in the engine, typed in BPF, whose verifier checks them ---- */

WIRE_FN __u16 wire_raw16(const __u8 *p)
{
#ifdef __BPF__
	return *(const __u16 *)p;
#else
	__u16 v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
#endif
}

WIRE_FN __u32 wire_raw32(const __u8 *p)
{
#ifdef __BPF__
	return *(const __u32 *)p;
#else
	__u32 v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
#endif
}

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define WIRE_SWAP16(v) ((__u16)__builtin_bswap16(v))
#define WIRE_SWAP32(v) ((__u32)__builtin_bswap32(v))
#else
#define WIRE_SWAP16(v) ((__u16)(v))
#define WIRE_SWAP32(v) ((__u32)(v))
#endif

/* Network to host order, and back. */
WIRE_FN __u16 wire_swap16(__u16 v)
{
	return WIRE_SWAP16(v);
}

WIRE_FN __u32 wire_swap32(__u32 v)
{
	return WIRE_SWAP32(v);
}

WIRE_FN __u16 wire_be16(const __u8 *p)
{
	return wire_swap16(wire_raw16(p));
}

WIRE_FN __u32 wire_be32(const __u8 *p)
{
	return wire_swap32(wire_raw32(p));
}

/*
 * The place off bytes into [data, end) if len bytes are there, else null. The
 * engine compares sizes, so that no pointer past the frame is ever formed; BPF
 * compares pointers, which is what its verifier understands.
 */
WIRE_FN const __u8 *wire_at(const void *data, const void *end, __u32 off, __u32 len)
{
#ifdef __BPF__
	const __u8 *p = (const __u8 *)data + off;

	return p + len > (const __u8 *)end ? (const __u8 *)0 : p;
#else
	__SIZE_TYPE__ room = (__SIZE_TYPE__)((const __u8 *)end - (const __u8 *)data);

	return (__SIZE_TYPE__)off + len > room ? (const __u8 *)0 : (const __u8 *)data + off;
#endif
}

/* Apart from wire_at, whose null would be compared with the frame's start: not every loader may compare that. */
WIRE_FN int wire_has_eth(const void *data, const void *end)
{
#ifdef __BPF__
	return (const __u8 *)data + WIRE_ETH_LEN <= (const __u8 *)end;
#else
	return (const __u8 *)end - (const __u8 *)data >= WIRE_ETH_LEN;
#endif
}

/*
 * As wire_at, for an offset that was stored in struct wire_ip: the verifier forgot its bound on the
 * way, and must see it tested although the compiler knows better.
 */
WIRE_FN const __u8 *wire_at_stored(const void *data, const void *end, __u32 off, __u32 len)
{
#ifdef __BPF__
	asm volatile("" : "+r"(off));
#endif
	if (off > WIRE_HDR_MAX)
		return (const __u8 *)0;
	return wire_at(data, end, off, len);
}

/* ---- addresses ---- */

WIRE_FN void wire_set_ip4(struct xtcp_addr *a, __be32 ip4)
{
	a->d[0] = 0;
	a->w[2] = WIRE_SWAP32(0xffffu);
	a->w[3] = ip4;
}

WIRE_FN void wire_set_ip6(struct xtcp_addr *a, const __u8 *p)
{
	a->w[0] = wire_raw32(p);
	a->w[1] = wire_raw32(p + 4);
	a->w[2] = wire_raw32(p + 8);
	a->w[3] = wire_raw32(p + 12);
}

WIRE_FN int wire_addr_is_ip4(const struct xtcp_addr *a)
{
	return !a->d[0] && a->w[2] == WIRE_SWAP32(0xffffu);
}

WIRE_FN int wire_addr_equal(const struct xtcp_addr *a, const struct xtcp_addr *b)
{
	return a->d[0] == b->d[0] && a->d[1] == b->d[1];
}

/* ---- IPv4, RFC 791 3.1 ---- */

#ifndef __BPF__
/* 1 if the options hold a loose or strict source route (131, 137). A malformed list ends the search. */
WIRE_FN __u8 wire_ip4_source_route(const __u8 *opt, __u32 len)
{
	while (len > 0 && *opt != 0) {
		__u32 step = 1;

		if (*opt != 1) {
			if (len < 2 || opt[1] < 2 || opt[1] > len)
				return 0;
			if (*opt == 131 || *opt == 137)
				return 1;
			step = opt[1];
		}
		opt += step;
		len -= step;
	}
	return 0;
}
#endif

WIRE_FN enum wire_result wire_parse_ip4(const void *data, const void *end, __u32 frame_len, __u32 off,
					struct wire_ip *ip)
{
	const __u8 *p = wire_at(data, end, off, 20);
	__u32 hlen, total, frag;

	if (!p || p[0] >> 4 != 4)
		return WIRE_BAD_IP;
	hlen = (p[0] & 15u) * 4;
	if (hlen < 20 || !wire_at(data, end, off, hlen))
		return WIRE_BAD_IP;
	total = wire_be16(p + 2);
	frag = wire_be16(p + 6);
	ip->family = WIRE_IP4;
	ip->proto = p[9];
	ip->tclass = p[1];
	ip->ttl = p[8];
	ip->fragment = frag & 0x1fff ? 2 : frag >> 13 & 1;
	ip->source_route = 0;
#ifndef __BPF__
	if (hlen > 20)
		ip->source_route = wire_ip4_source_route(p + 20, hlen - 20);
#endif
	wire_set_ip4(&ip->saddr, wire_raw32(p + 12));
	wire_set_ip4(&ip->daddr, wire_raw32(p + 16));
	ip->l4_off = (__u16)(off + hlen);
	ip->l4_len = total > hlen ? total - hlen : 0;
	return total < hlen || off + total > frame_len ? WIRE_BAD_LEN : WIRE_OK;
}

/* ---- IPv6, RFC 8200 3 and 4 ---- */

#define WIRE_EXT_HOPOPTS 0
#define WIRE_EXT_ROUTING 43
#define WIRE_EXT_FRAGMENT 44
#define WIRE_EXT_AH 51
#define WIRE_EXT_DSTOPTS 60

WIRE_FN int wire_is_ext(__u8 next)
{
	return next == WIRE_EXT_HOPOPTS || next == WIRE_EXT_ROUTING || next == WIRE_EXT_FRAGMENT ||
	       next == WIRE_EXT_AH || next == WIRE_EXT_DSTOPTS;
}

/* Bytes of the extension header at p, of which 8 are readable. */
WIRE_FN __u32 wire_ext_len(__u8 next, const __u8 *p)
{
	if (next == WIRE_EXT_FRAGMENT)
		return 8;
	if (next == WIRE_EXT_AH)
		return (p[1] + 2u) * 4;
	return (p[1] + 1u) * 8;
}

/*
 * Walks from the header of type next at off to the transport header; sets proto and fragment.
 * Returns its offset, or 0 if the chain is malformed, too long, or leaves the frame. An atomic
 * fragment (RFC 6946) counts as whole; behind a later fragment's header there is nothing to walk.
 */
WIRE_FN __u32 wire_walk_ext(const void *data, const void *end, __u32 off, __u8 next, struct wire_ip *ip)
{
	for (int i = 0; i < WIRE_IP6_EXT_MAX && wire_is_ext(next) && ip->fragment != 2; i++) {
		const __u8 *p = wire_at(data, end, off, 8);
		__u16 frag;

		if (!p)
			return 0;
		if (next == WIRE_EXT_ROUTING)
			ip->source_route = 1;
		if (next == WIRE_EXT_FRAGMENT) {
			frag = wire_be16(p + 2);
			if (frag & ~7u)
				ip->fragment = 2;
			else if (frag & 1)
				ip->fragment = 1;
		}
		off += wire_ext_len(next, p);
		next = p[0];
	}
	ip->proto = next;
	if ((wire_is_ext(next) && ip->fragment != 2) || off > WIRE_L4_OFF_MAX || !wire_at(data, end, off, 0))
		return 0;
	return off;
}

WIRE_FN enum wire_result wire_parse_ip6(const void *data, const void *end, __u32 frame_len, __u32 off,
					struct wire_ip *ip)
{
	const __u8 *p = wire_at(data, end, off, 40);
	__u32 l4_off = off + 40, ip_end;

	if (!p || p[0] >> 4 != 6)
		return WIRE_BAD_IP;
	ip_end = l4_off + wire_be16(p + 4);
	ip->family = WIRE_IP6;
	ip->proto = p[6];
	ip->tclass = (__u8)(wire_be16(p) >> 4);
	ip->ttl = p[7];
	ip->fragment = 0;
	ip->source_route = 0;
	wire_set_ip6(&ip->saddr, p + 8);
	wire_set_ip6(&ip->daddr, p + 24);
	if (wire_is_ext(p[6])) {
		l4_off = wire_walk_ext(data, end, l4_off, p[6], ip);
		if (!l4_off)
			return WIRE_BAD_IP;
	}
	ip->l4_off = (__u16)l4_off;
	ip->l4_len = ip_end > l4_off ? ip_end - l4_off : 0;
	return ip_end < l4_off || ip_end > frame_len ? WIRE_BAD_LEN : WIRE_OK;
}

/* ---- whole frames ---- */

/*
 * Ethernet, VLAN and IP headers of the frame whose first fragment is [data, end) and whose whole
 * length is frame_len bytes. Trailing padding is allowed: l4_len comes from the IP length.
 * On WIRE_BAD_LEN everything in ip is set, l4_len to what the IP header claims (0 if that is
 * less than its own headers). On any other failure the contents of ip mean nothing.
 */
WIRE_FN enum wire_result wire_parse_ip(const void *data, const void *end, __u32 frame_len, struct wire_ip *ip)
{
	const __u8 *p = (const __u8 *)data;
	__u32 off = WIRE_ETH_LEN;
	__u16 type;

	if (!wire_has_eth(data, end))
		return WIRE_SHORT;
	type = wire_be16(p + 12);
	ip->vlan_tags = 0;
	while (ip->vlan_tags < WIRE_VLAN_MAX && (type == 0x8100 || type == 0x88a8)) {
		p = wire_at(data, end, off, 4);
		if (!p)
			return WIRE_SHORT;
		type = wire_be16(p + 2);
		off += 4;
		ip->vlan_tags++;
	}
	ip->l3_off = (__u16)off;
	if (type == 0x0800)
		return wire_parse_ip4(data, end, frame_len, off, ip);
	if (type == 0x86dd)
		return wire_parse_ip6(data, end, frame_len, off, ip);
	return WIRE_NOT_IP;
}

/*
 * The TCP header behind what wire_parse_ip found (after WIRE_OK; the caller has seen proto and
 * fragment). WIRE_TCP_SHORT: tcp is untouched. WIRE_BAD_DOFF: all is set but payload_off and
 * payload_len, which are 0.
 */
WIRE_FN enum wire_result wire_parse_tcp(const void *data, const void *end, const struct wire_ip *ip,
					struct wire_tcp *tcp)
{
	__u32 off = ip->l4_off, doff;
	const __u8 *p;

	p = wire_at_stored(data, end, off, 20);
	if (!p || ip->l4_len < 20)
		return WIRE_TCP_SHORT;
	doff = (p[12] >> 4) * 4u;
	tcp->sport = wire_raw16(p);
	tcp->dport = wire_raw16(p + 2);
	tcp->seq = wire_be32(p + 4);
	tcp->ack = wire_be32(p + 8);
	tcp->flags = wire_be16(p + 12) & 0x1ff;
	tcp->wnd = wire_be16(p + 14);
	tcp->csum = wire_raw16(p + 16);
	tcp->urg = wire_be16(p + 18);
	tcp->doff = (__u8)doff;
	tcp->payload_off = 0;
	tcp->payload_len = 0;
	if (doff < 20 || doff > ip->l4_len || !wire_at(data, end, off, doff))
		return WIRE_BAD_DOFF;
	tcp->payload_off = (__u16)(off + doff);
	tcp->payload_len = ip->l4_len - doff;
	return WIRE_OK;
}

/* ---- checksums, RFC 1071: sums are of 16-bit words as they lie in memory, so need no swapping ---- */

WIRE_FN __u16 wire_fold(__u64 sum)
{
	sum = (sum & 0xffffffffu) + (sum >> 32);
	sum = (sum & 0xffffffffu) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)sum;
}

/*
 * The pseudo-header's sum (RFC 9293 3.1), folded to 16 bits and not complemented, for l4_len bytes
 * of ip->proto: what CHECKSUM_PARTIAL leaves in the checksum field, and where the sum over the
 * segment starts. It serves both families: IPv4's mapped prefix adds 0xffff, which is nothing.
 */
WIRE_FN __u32 wire_pseudo_sum(const struct wire_ip *ip)
{
	const struct xtcp_addr *s = &ip->saddr, *d = &ip->daddr;
	__u64 sum = (__u64)s->w[0] + s->w[1] + s->w[2] + s->w[3];

	sum += (__u64)d->w[0] + d->w[1] + d->w[2] + d->w[3];
	sum += (__u64)wire_swap32(ip->l4_len) + wire_swap32(ip->proto);
	return wire_fold(sum);
}

/* 1 if the checksum of the IPv4 header at l3_off is right; 0 too if the header leaves [data, end). */
WIRE_FN int wire_ip4_csum_ok(const void *data, const void *end, __u32 l3_off)
{
	const __u8 *p = wire_at_stored(data, end, l3_off, 20);
	__u64 sum;
	int words;

	if (!p)
		return 0;
	words = p[0] & 15;
	sum = (__u64)wire_raw32(p) + wire_raw32(p + 4) + wire_raw32(p + 8);
	sum += (__u64)wire_raw32(p + 12) + wire_raw32(p + 16);
	for (int i = 5; i < 15 && i < words; i++) {
		p = wire_at_stored(data, end, l3_off + (__u32)i * 4, 4);
		if (!p)
			return 0;
		sum += wire_raw32(p);
	}
	return wire_fold(sum) == 0xffff;
}

/* ---- judgements that both halves make alike ---- */

enum wire_flags_result {
	WIRE_FLAGS_OK,
	WIRE_FLAGS_NONE, /* no SYN, ACK, RST or FIN */
	WIRE_FLAGS_SYN_FIN,
	WIRE_FLAGS_SYN_RST,
	WIRE_FLAGS_FIN_NO_ACK, /* with or without RST */
};

/* Combinations no TCP sends; dropped without an answer in every state. */
WIRE_FN enum wire_flags_result wire_flags_check(__u16 flags)
{
	if (!(flags & (WIRE_SYN | WIRE_ACK | WIRE_RST | WIRE_FIN)))
		return WIRE_FLAGS_NONE;
	if ((flags & (WIRE_SYN | WIRE_FIN | WIRE_ACK)) == (WIRE_SYN | WIRE_FIN)) /* a SYN-ACK may end the stream */
		return WIRE_FLAGS_SYN_FIN;
	if ((flags & (WIRE_SYN | WIRE_RST)) == (WIRE_SYN | WIRE_RST))
		return WIRE_FLAGS_SYN_RST;
	if ((flags & (WIRE_FIN | WIRE_ACK)) == WIRE_FIN)
		return WIRE_FLAGS_FIN_NO_ACK;
	return WIRE_FLAGS_OK;
}

/*
 * 1 if no unicast packet may come from this address (RFC 1122 3.2.1.3, RFC 9293 3.9.2.3, RFC 4291 2.5, 2.7):
 * unspecified, loopback, multicast, limited broadcast; and on IPv6 an IPv4-mapped one, which
 * would pass for IPv4 further on.
 */
WIRE_FN int wire_source_bad(const struct wire_ip *ip)
{
	const struct xtcp_addr *a = &ip->saddr;
	__u32 ip4 = wire_swap32(a->w[3]);

	if (ip->family == WIRE_IP4)
		return !ip4 || ip4 >> 24 == 127 || ip4 >> 28 == 14 || ip4 == 0xffffffffu;
	if (a->b[0] == 0xff)
		return 1;
	return !a->d[0] && (wire_addr_is_ip4(a) || (!a->w[2] && ip4 <= 1));
}

#endif /* XTCP_WIRE_H */
