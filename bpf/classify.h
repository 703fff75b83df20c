/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * classify.h - is this frame ours? Nothing is by default: only TCP to an owned
 * address and port, and ICMP errors (RFC 792, RFC 4443) that quote a segment
 * from an owned address and port. All else goes on to the kernel untouched.
 *
 * Invariant: nothing is dropped here. A frame that is malformed before its
 * owner can be told is the kernel's to judge.
 */
#ifndef XTCP_BPF_CLASSIFY_H
#define XTCP_BPF_CLASSIFY_H

/* The addresses on which the port is owned, a bit for each index. */
static __always_inline __u64 port_owners(__be16 port)
{
	__u32 key = wire_swap16(port);
	const struct xtcp_port_entry *p = bpf_map_lookup_elem(&ports, &key);

	return p ? p->owned : 0;
}

/* 1 if the port is owned on the address with this index. */
static __always_inline int port_is_owned(const struct xtcp_addr_entry *addr, __be16 port)
{
	return addr->index < XTCP_MAX_ADDRS && port_owners(port) >> addr->index & 1;
}

/* The entry of the frame's destination, if that is ours and the frame was sent to one station only. */
static __always_inline const struct xtcp_addr_entry *local_addr(const struct packet *pkt)
{
	const __u8 *mac = pkt->data;

	if (!wire_has_eth(pkt->data, pkt->end) || mac[0] & 1)
		return NULL;
	/* An IPv4-mapped address on IPv6 must not pass for the IPv4 address. */
	if (pkt->ip.family == WIRE_IP6 && wire_addr_is_ip4(&pkt->ip.daddr))
		return NULL;
	return bpf_map_lookup_elem(&addrs, &pkt->ip.daddr);
}

/*
 * 1 if the whole segment belongs to a connection of ours, then in pkt->conn. That is told without a look for the
 * addresses: the engine has entered both, and takes the entry out before it gives the port back.
 */
static __always_inline int known_flow(struct packet *pkt)
{
	const __u8 *mac = pkt->data, *p;

	if (pkt->parsed != WIRE_OK || pkt->ip.fragment || !wire_has_eth(pkt->data, pkt->end) || mac[0] & 1)
		return 0;
	if (pkt->ip.family == WIRE_IP6 && wire_addr_is_ip4(&pkt->ip.daddr))
		return 0;
	p = packet_at(pkt, pkt->ip.l4_off, 4);
	if (!p)
		return 0;
	pkt->tcp.sport = wire_raw16(p);
	pkt->tcp.dport = wire_raw16(p + 2);
	if (!port_owners(pkt->tcp.dport))
		return 0;
	pkt->conn = flow_find(pkt);
	return pkt->conn != 0;
}

static __always_inline enum xtcp_xdp_stat classify_tcp(struct packet *pkt)
{
	const struct xtcp_addr_entry *addr;
	const __u8 *p;

	if (known_flow(pkt))
		return XTCP_XDP_redirect_tcp;
	addr = local_addr(pkt);
	if (!addr)
		return XTCP_XDP_pass_not_our_addr;
	if (pkt->ip.fragment == 2)
		return XTCP_XDP_pass_fragment;
	p = packet_at(pkt, pkt->ip.l4_off, 4);
	if (!p)
		return XTCP_XDP_pass_bad_ip;
	if (!port_is_owned(addr, wire_raw16(p + 2)))
		return XTCP_XDP_pass_not_our_port;
	return XTCP_XDP_redirect_tcp;
}

/* The ICMP types that RFC 1122 4.2.3.9 and RFC 5461 have TCP act on; echo, redirect and the rest are the kernel's. */
static __always_inline int icmp_is_error(__u8 family, __u8 type)
{
	if (family == WIRE_IP4)
		return type == 3 || type == 11 || type == 12;
	return type >= 1 && type <= 4;
}

/*
 * The quoted packet is one we sent: its source must be where the error was sent to. An IPv6 one has
 * no extension headers, for the engine sends none. Leaves the flow in pkt; 0 if it is not TCP.
 */
static __always_inline int icmp_quotes_tcp(struct packet *pkt, __u32 off)
{
	const __u8 *p = packet_at(pkt, off, 20);
	struct xtcp_addr from;
	__u32 hlen = 40;

	if (!p)
		return 0;
	if (pkt->ip.family == WIRE_IP4) {
		hlen = (p[0] & 15u) * 4;
		if (p[0] >> 4 != 4 || hlen < 20 || p[9] != WIRE_IPPROTO_TCP || wire_be16(p + 6) & 0x1fff)
			return 0;
		wire_set_ip4(&from, wire_raw32(p + 12));
		wire_set_ip4(&pkt->ip.saddr, wire_raw32(p + 16));
	} else {
		p = packet_at(pkt, off, 40);
		if (!p || p[0] >> 4 != 6 || p[6] != WIRE_IPPROTO_TCP)
			return 0;
		wire_set_ip6(&from, p + 8);
		wire_set_ip6(&pkt->ip.saddr, p + 24);
	}
	p = packet_at(pkt, off + hlen, 8); /* RFC 792: at least the ports and the sequence number */
	if (!p || !wire_addr_equal(&from, &pkt->ip.daddr))
		return 0;
	pkt->tcp.dport = wire_raw16(p);
	pkt->tcp.sport = wire_raw16(p + 2);
	return 1;
}

static __always_inline enum xtcp_xdp_stat classify_icmp(struct packet *pkt)
{
	const __u8 *p = packet_at(pkt, pkt->ip.l4_off, 8);
	const struct xtcp_addr_entry *addr;
	__u32 quoted = pkt->ip.l4_off + 8u;

	if (!p || pkt->ip.fragment || pkt->parsed != WIRE_OK || !icmp_is_error(pkt->ip.family, p[0]))
		return XTCP_XDP_pass_icmp;
	if (pkt->ip.family == WIRE_IP4 && !wire_ip4_csum_ok(pkt->data, pkt->end, pkt->ip.l3_off))
		return XTCP_XDP_pass_icmp;
	addr = local_addr(pkt);
	if (!addr || !icmp_quotes_tcp(pkt, quoted) || !port_is_owned(addr, pkt->tcp.dport))
		return XTCP_XDP_pass_icmp;
	pkt->conn = flow_find(pkt);
	pkt->tcp.payload_off = (__u16)quoted;
	pkt->meta_flags = XTCP_META_F_ICMP | (pkt->ip.family == WIRE_IP4 ? XTCP_META_F_IP_CSUM_OK : 0);
	return XTCP_XDP_redirect_icmp;
}

static __always_inline enum xtcp_xdp_stat classify(struct packet *pkt)
{
	__u8 icmp = pkt->ip.family == WIRE_IP4 ? WIRE_IPPROTO_ICMP : WIRE_IPPROTO_ICMPV6;

	switch (pkt->parsed) {
	case WIRE_OK:
	case WIRE_BAD_LEN: break;
	case WIRE_SHORT: return XTCP_XDP_pass_short;
	case WIRE_NOT_IP: return XTCP_XDP_pass_not_ip;
	default: return XTCP_XDP_pass_bad_ip;
	}
	if (pkt->ip.proto == WIRE_IPPROTO_TCP)
		return classify_tcp(pkt);
	if (pkt->ip.proto == icmp)
		return classify_icmp(pkt);
	return XTCP_XDP_pass_not_tcp;
}

#endif /* XTCP_BPF_CLASSIFY_H */
