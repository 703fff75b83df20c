/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * validate.h - is this segment to an owned port worth the engine's time? The
 * checks of RFC 791, RFC 8200, RFC 1122 4.2.3.10 and RFC 9293 3.1, 3.10.7 that
 * need no connection, in one fixed order; the first that fails names the drop.
 *
 * Invariant: dropped here is only what the core would drop without a reply and
 * without a change of state. So flags and source addresses are judged by the
 * functions of wire.h, which the engine calls too.
 */
#ifndef XTCP_BPF_VALIDATE_H
#define XTCP_BPF_VALIDATE_H

#define CSUM_BYTES_MAX 256 /* longer segments with SYN are left to the engine */

enum csum_result { CSUM_UNKNOWN, CSUM_OK, CSUM_WRONG };

/* Checks the sum over a whole segment that is short and in the first fragment, starting from the pseudo-header's. */
static __always_inline enum csum_result tcp_csum(const struct packet *pkt, __u64 sum)
{
	const __u8 *p = packet_at(pkt, pkt->ip.l4_off, 20);
	__u32 left = pkt->ip.l4_len;

	if (!p || left > CSUM_BYTES_MAX)
		return CSUM_UNKNOWN;
	for (int i = 0; i < CSUM_BYTES_MAX / 4 && left >= 4; i++, p += 4, left -= 4) {
		if (p + 4 > (const __u8 *)pkt->end)
			return CSUM_UNKNOWN;
		sum += wire_raw32(p);
	}
	if (left & 2) {
		if (p + 2 > (const __u8 *)pkt->end)
			return CSUM_UNKNOWN;
		sum += wire_raw16(p);
		p += 2;
	}
	if (left & 1) {
		if (p + 1 > (const __u8 *)pkt->end)
			return CSUM_UNKNOWN;
		sum += wire_swap16((__u16)(*p << 8));
	}
	return wire_fold(sum) == 0xffff ? CSUM_OK : CSUM_WRONG;
}

/*
 * A sender on the other end of a virtual link leaves the sum to hardware that is not there
 * (CHECKSUM_PARTIAL): the field then holds the pseudo-header's sum, and the payload never
 * crossed a wire. Elsewhere only handshake segments are summed here, the engine sums the rest.
 */
static __always_inline enum xtcp_xdp_stat validate_csum(struct packet *pkt, struct xtcp_xdp_stats *stats)
{
	int syn = pkt->tcp.flags & WIRE_SYN;
	__u32 pseudo;

	if (!syn && !xtcp_conf.partial_csum_ok)
		return XTCP_XDP_redirect_tcp;
	pseudo = wire_pseudo_sum(&pkt->ip);
	if (xtcp_conf.partial_csum_ok && pkt->tcp.csum == pseudo) {
		pkt->meta_flags |= XTCP_META_F_TCP_PARTIAL;
		count(stats, XTCP_XDP_partial_csum);
		return XTCP_XDP_redirect_tcp;
	}
	if (syn) {
		enum csum_result r = tcp_csum(pkt, pseudo);

		if (r == CSUM_WRONG)
			return XTCP_XDP_drop_tcp_csum;
		if (r == CSUM_OK)
			pkt->meta_flags |= XTCP_META_F_TCP_CSUM_OK;
	}
	return XTCP_XDP_redirect_tcp;
}

static __always_inline enum xtcp_xdp_stat validate_flags(__u16 flags)
{
	switch (wire_flags_check(flags)) {
	case WIRE_FLAGS_NONE: return XTCP_XDP_drop_tcp_flags_none;
	case WIRE_FLAGS_SYN_FIN: return XTCP_XDP_drop_tcp_syn_fin;
	case WIRE_FLAGS_SYN_RST: return XTCP_XDP_drop_tcp_syn_rst;
	case WIRE_FLAGS_FIN_NO_ACK: return XTCP_XDP_drop_tcp_fin_no_ack;
	default: return XTCP_XDP_redirect_tcp;
	}
}

/* For a segment that classify gave to us: redirect_tcp, or the reason to drop it. */
static __always_inline enum xtcp_xdp_stat validate(struct packet *pkt, struct xtcp_xdp_stats *stats)
{
	enum wire_result tcp = wire_parse_tcp(pkt->data, pkt->end, &pkt->ip, &pkt->tcp);
	enum xtcp_xdp_stat why;

	if (pkt->ip.family == WIRE_IP4) {
		if (!wire_ip4_csum_ok(pkt->data, pkt->end, pkt->ip.l3_off))
			return XTCP_XDP_drop_ip4_csum;
		pkt->meta_flags = XTCP_META_F_IP_CSUM_OK;
	}
	if (pkt->parsed == WIRE_BAD_LEN || tcp == WIRE_TCP_SHORT)
		return XTCP_XDP_drop_ip_len;
	if (pkt->ip.fragment)
		return XTCP_XDP_drop_fragment;
	/* The engine opens no connection to such an address, nor to ourselves: a known flow (classify.h) needs no look. */
	if (!pkt->conn) {
		if (wire_source_bad(&pkt->ip))
			return XTCP_XDP_drop_src_addr;
		if (bpf_map_lookup_elem(&addrs, &pkt->ip.saddr))
			return XTCP_XDP_drop_land;
	}
	if (!pkt->tcp.sport)
		return XTCP_XDP_drop_src_port;
	if (tcp != WIRE_OK)
		return XTCP_XDP_drop_tcp_doff;
	why = validate_flags(pkt->tcp.flags);
	if (why != XTCP_XDP_redirect_tcp)
		return why;
	pkt->meta_flags |= XTCP_META_F_SANE;
	return validate_csum(pkt, stats);
}

#endif /* XTCP_BPF_VALIDATE_H */
