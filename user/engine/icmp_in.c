// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * icmp_in.c - ICMP errors (RFC 792, RFC 4443) to the connection whose segment they
 * quote. Echo and the rest never come here: the XDP half leaves them to the kernel.
 * The core judges whether the quoted sequence number makes the error credible.
 */
#include "engine/private.h"

struct quoted { /* our segment, as the error quotes it; seen from us */
	struct xtcp_addr laddr, raddr;
	uint16_t lport, rport;
	uint32_t seq;
};

/* -1: not an error that TCP acts on. */
static int type_v4(uint8_t type, uint8_t code)
{
	static const int8_t unreach[16] = {
		TCP_ICMP_NET_UNREACH,  TCP_ICMP_HOST_UNREACH, TCP_ICMP_PROTO_UNREACH, TCP_ICMP_PORT_UNREACH,
		TCP_ICMP_TOO_BIG,      TCP_ICMP_NET_UNREACH,  TCP_ICMP_NET_UNREACH,   TCP_ICMP_HOST_UNREACH,
		TCP_ICMP_HOST_UNREACH, TCP_ICMP_PROHIBITED,   TCP_ICMP_PROHIBITED,    TCP_ICMP_NET_UNREACH,
		TCP_ICMP_HOST_UNREACH, TCP_ICMP_PROHIBITED,   TCP_ICMP_PROHIBITED,    TCP_ICMP_PROHIBITED,
	};

	switch (type) {
	case 3: return code < 16 ? unreach[code] : -1;
	case 11: return TCP_ICMP_TIME_EXCEEDED;
	case 12: return TCP_ICMP_PARAM;
	default: return -1;
	}
}

static int type_v6(uint8_t type, uint8_t code)
{
	switch (type) {
	case 1:
		return code == 4			     ? TCP_ICMP_PORT_UNREACH
		       : code == 1 || code == 5 || code == 6 ? TCP_ICMP_PROHIBITED
		       : code == 0			     ? TCP_ICMP_NET_UNREACH
							     : TCP_ICMP_HOST_UNREACH;
	case 2: return TCP_ICMP_TOO_BIG;
	case 3: return TCP_ICMP_TIME_EXCEEDED;
	case 4: return TCP_ICMP_PARAM;
	default: return -1;
	}
}

/* Parse the quoted packet; it may be cut short behind the sequence number. */
static bool parse_quoted(const uint8_t *data, const uint8_t *end, uint32_t off, uint8_t family, struct quoted *q)
{
	uint32_t hlen = 40;
	const uint8_t *p = wire_at(data, end, off, 20);

	if (!p)
		return false;
	if (family == WIRE_IP4) {
		hlen = (p[0] & 15u) * 4;
		if (p[0] >> 4 != 4 || hlen < 20 || p[9] != WIRE_IPPROTO_TCP || wire_be16(p + 6) & 0x1fff)
			return false;
		wire_set_ip4(&q->laddr, wire_raw32(p + 12));
		wire_set_ip4(&q->raddr, wire_raw32(p + 16));
	} else {
		p = wire_at(data, end, off, 40);
		if (!p || p[0] >> 4 != 6 || p[6] != WIRE_IPPROTO_TCP)
			return false;
		wire_set_ip6(&q->laddr, p + 8);
		wire_set_ip6(&q->raddr, p + 24);
	}
	p = wire_at(data, end, off + hlen, 8);
	if (!p)
		return false;
	q->lport = wire_raw16(p);
	q->rport = wire_raw16(p + 2);
	q->seq = wire_be32(p + 4);
	return true;
}

static bool sum_ok(const struct io_pkt *pkt, const struct wire_ip *ip)
{
	uint64_t sum = input_sum(pkt, ip->l4_off, ip->l4_len);

	if (ip->family == WIRE_IP6)
		sum += wire_pseudo_sum(ip);
	return wire_fold(sum) == 0xffff;
}

static bool deliver(struct engine *e, const struct quoted *q, int type, uint32_t mtu)
{
	uint32_t hash = demux_hash(e, &q->laddr, &q->raddr, q->lport, q->rport);
	uint32_t ref = demux_find(e, hash, &q->laddr, &q->raddr, q->lport, q->rport);

	if (!ref || ref & DEMUX_TW)
		return false;
	if (ao_ignores_icmp(e, ref, type)) {
		count(e, in_ao_icmp);
		return true;
	}
	if (!tcp_icmp_input(&e->env, &conn_at(e, ref)->tcp, (enum tcp_icmp)type, q->seq, mtu, e->r->now_ns))
		return false;
	conn_after_input(e, ref);
	return true;
}

/* Perhaps a sister knows whom it is for. */
static bool handover_icmp(struct engine *e, const struct io_pkt *pkt)
{
	return handover_hinted(e, pkt) || handover_pass_on(e, pkt);
}

void icmp_input(struct engine *e, const struct io_pkt *pkt, const struct wire_ip *ip)
{
	const uint8_t *data = pkt->frag[0].data, *end = data + pkt->frag[0].len;
	const uint8_t *p = wire_at(data, end, ip->l4_off, 8);
	struct quoted q;
	uint32_t mtu = 0;
	int type;

	if (!p || ip->fragment || ip->l4_len < 8 || !sum_ok(pkt, ip)) {
		count(e, in_malformed);
		return;
	}
	count(e, rx_icmp);
	if (end > data + ip->l4_off + ip->l4_len)
		end = data + ip->l4_off + ip->l4_len; /* not the padding */
	type = ip->family == WIRE_IP4 ? type_v4(p[0], p[1]) : type_v6(p[0], p[1]);
	if (type == TCP_ICMP_TOO_BIG)
		mtu = ip->family == WIRE_IP4 ? wire_be16(p + 6) : wire_be32(p + 4);
	if (type < 0 || !parse_quoted(data, end, ip->l4_off + 8u, ip->family, &q) || !addr_eq(&q.laddr, &ip->daddr) ||
	    (!deliver(e, &q, type, mtu) && !(e->sisters && handover_icmp(e, pkt))))
		count(e, in_icmp_unmatched);
}
