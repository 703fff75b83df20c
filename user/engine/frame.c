// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * frame.c - a segment becomes a frame: Ethernet, IPv4 (RFC 791) or IPv6 (RFC 8200),
 * TCP (RFC 9293 3.1), and the payload copied once, summed on the way; or its checksum is
 * left to the port, with the sum of the pseudo-header in its place (RFC 1071's sums go on from there).
 *
 * IPv4 goes out as an atomic datagram: DF set, identification 0 (RFC 6864 4.1).
 * Headers are at most 14 + 8 + 40 + 60 bytes: they always fit in the first chunk.
 */
#include "engine/private.h"

#include "lib/csum.h"

static void put16(uint8_t *p, uint16_t v)
{
	v = wire_swap16(v);
	memcpy(p, &v, sizeof(v));
}

static void put32(uint8_t *p, uint32_t v)
{
	v = wire_swap32(v);
	memcpy(p, &v, sizeof(v));
}

static uint32_t put_ip4(uint8_t *p, const struct frame_to *to, const struct tcp_seg *seg, uint32_t l4_len)
{
	uint16_t sum;

	p[0] = 0x45;
	p[1] = seg->tclass;
	put16(p + 2, (uint16_t)(20 + l4_len));
	put32(p + 4, 0x4000);
	p[8] = seg->ttl;
	p[9] = WIRE_IPPROTO_TCP;
	memset(p + 10, 0, 2);
	memcpy(p + 12, &to->laddr->w[3], 4);
	memcpy(p + 16, &to->raddr->w[3], 4);
	sum = (uint16_t)~csum_fold(csum_partial(p, 20));
	memcpy(p + 10, &sum, 2);
	return 20;
}

static uint32_t put_ip6(uint8_t *p, const struct frame_to *to, const struct tcp_seg *seg, uint32_t l4_len)
{
	put32(p, 6u << 28 | (uint32_t)seg->tclass << 20 | (to->flow_label & 0xfffff));
	put16(p + 4, (uint16_t)l4_len);
	p[6] = WIRE_IPPROTO_TCP;
	p[7] = seg->ttl;
	memcpy(p + 8, to->laddr->b, 16);
	memcpy(p + 24, to->raddr->b, 16);
	return 40;
}

static void put_tcp(uint8_t *p, const struct frame_to *to, const struct tcp_seg *seg, uint32_t tcp_len)
{
	memcpy(p, &to->lport, 2);
	memcpy(p + 2, &to->rport, 2);
	put32(p + 4, seg->seq);
	put32(p + 8, seg->ack);
	put16(p + 12, (uint16_t)(tcp_len / 4 << 12 | seg->flags));
	put16(p + 14, seg->wnd);
	memset(p + 16, 0, 2);
	put16(p + 18, seg->urg);
	memcpy(p + 20, seg->opt, seg->opt_len);
}

/* Copy the payload behind the headers, from fragment to fragment; summed: its sum as if it began at an even byte. */
static inline __attribute__((always_inline)) uint64_t put_payload(struct io_pkt *pkt, uint32_t head,
								  const struct tcp_seg *seg, bool summed)
{
	uint32_t f = 0, at = head, done = 0;
	uint64_t sum = 0;

	for (uint32_t s = 0; s < seg->nspans; s++) {
		const uint8_t *from = seg->span[s].data;
		uint32_t left = seg->span[s].len;

		while (left) {
			uint32_t room = pkt->frag[f].len - at, n = left < room ? left : room;

			if (summed) {
				uint64_t part = csum_copy(pkt->frag[f].data + at, from, n);

				sum += done & 1 ? csum_shift(part) : part;
			} else {
				memcpy(pkt->frag[f].data + at, from, n);
			}
			done += n;
			from += n;
			left -= n;
			at += n;
			if (at == pkt->frag[f].len && f + 1 < pkt->nfrags) {
				f++;
				at = 0;
			}
		}
	}
	pkt->frag[f].len = at;
	return sum;
}

/* What the tap sees of a frame whose checksum is left to the port. */
static void tell_tap(struct engine *e, struct io_pkt *pkt, const struct frame_to *to, const struct tcp_seg *seg,
		     uint32_t partial_l4)
{
	if (partial_l4) {
		pkt->has_meta = 1;
		pkt->meta = (struct xtcp_meta){ .l3_off = (uint16_t)to->l2_len,
						.l4_off = (uint16_t)partial_l4,
						.flags = XTCP_META_F_TCP_PARTIAL };
	}
	e->tap(e->tap_arg, true, pkt, to->laddr, wire_swap16(to->lport), to->raddr, wire_swap16(to->rport), seg);
}

/* The headers of a segment of l4_len bytes, signed but without its checksum. */
static inline void put_headers(uint8_t *p, const struct frame_to *to, const struct tcp_seg *seg, bool v4,
			       uint32_t tcp_len, uint32_t l4_len)
{
	uint32_t l3 = to->l2_len, l4 = l3 + (v4 ? 20 : 40);

	memcpy(p, to->l2, l3);
	if (v4)
		put_ip4(p + l3, to, seg, l4_len);
	else
		put_ip6(p + l3, to, seg, l4_len);
	put_tcp(p + l4, to, seg, tcp_len);
	if (unlikely(to->ao))
		ao_put(to->ao, to, seg, p + l4, l4_len);
	else if (unlikely(to->key))
		md5_sign(to->key, to, seg, p + l4, l4_len);
}

int frame_build(struct engine *e, const struct frame_to *to, const struct tcp_seg *seg)
{
	bool v4 = addr_is_v4(to->raddr), partial = e->port->tx_csum;
	uint32_t sig_len = to->ao ? AO_OPTION_BYTES : to->key ? MD5_OPTION_BYTES : 0;
	uint32_t tcp_len = 20u + seg->opt_len + sig_len, l4_len = tcp_len + seg->len;
	uint32_t l4 = to->l2_len + (v4 ? 20 : 40);
	struct io_pkt *pkt = &e->out;
	uint8_t *p;
	uint64_t sum;
	uint16_t csum;
	int err = e->port->ops->tx_reserve(e->port, pkt, l4 + l4_len);

	if (unlikely(err))
		return err;
	p = pkt->frag[0].data;
	put_headers(p, to, seg, v4, tcp_len, l4_len);
	sum = csum_pseudo(to->laddr->b, to->raddr->b, WIRE_IPPROTO_TCP, l4_len);
	if (!partial)
		sum += csum_partial(p + l4, tcp_len);
	if (!seg->len)
		pkt->frag[0].len = l4 + tcp_len;
	else if (partial)
		put_payload(pkt, l4 + tcp_len, seg, false);
	else
		sum += put_payload(pkt, l4 + tcp_len, seg, true);
	csum = csum_fold(sum);
	if (!partial)
		csum = (uint16_t)~csum;
	pkt->csum_start = partial ? (uint16_t)l4 : 0;
	memcpy(p + l4 + WIRE_TCP_CSUM_OFF, &csum, 2);
	pkt->len = l4 + l4_len;
	if (unlikely(e->tap))
		tell_tap(e, pkt, to, seg, pkt->csum_start);
	return 0;
}

/* Addresses, ports and numbers of a segment as large as all of them; the device puts them right in each (GSO). */
static uint32_t put_super_headers(uint8_t *p, const struct frame_to *to, const struct tcp_seg *seg, bool v4)
{
	uint32_t l3 = to->l2_len, l4 = l3 + (v4 ? 20 : 40), tcp_len = 20u + seg->opt_len;
	uint16_t sum;

	memcpy(p, to->l2, l3);
	if (v4)
		put_ip4(p + l3, to, seg, tcp_len + seg->len);
	else
		put_ip6(p + l3, to, seg, tcp_len + seg->len);
	put_tcp(p + l4, to, seg, tcp_len);
	sum = csum_fold(csum_pseudo(to->laddr->b, to->raddr->b, WIRE_IPPROTO_TCP, tcp_len + seg->len));
	memcpy(p + l4 + WIRE_TCP_CSUM_OFF, &sum, 2);
	return l4 + tcp_len;
}

int frame_send_super(struct engine *e, const struct frame_to *to, const struct tcp_seg *seg)
{
	bool v4 = addr_is_v4(to->raddr);
	uint8_t head[14 + 40 + 60];
	struct io_pkt *pkt = &e->out;
	struct io_gso how = { .size = seg->gso_size, .v6 = !v4, .cwr = seg->flags & TCP_CWR };
	int err;

	how.l4_off = (uint16_t)(to->l2_len + (v4 ? 20 : 40));
	pkt->frag[0].data = head;
	pkt->frag[0].len = put_super_headers(head, to, seg, v4);
	pkt->nfrags = 1 + seg->nspans;
	pkt->len = pkt->frag[0].len + seg->len;
	for (uint32_t i = 0; i < seg->nspans; i++) {
		pkt->frag[1 + i].data = (uint8_t *)(uintptr_t)seg->span[i].data; /* only read */
		pkt->frag[1 + i].len = seg->span[i].len;
	}
	err = e->port->ops->tx_gso(e->port, pkt, &how);
	if (unlikely(err))
		return err;
	count(e, tx_frames);
	if (seg->gso_size)
		count(e, tx_supers);
	count_n(e, tx_bytes, pkt->len);
	if (unlikely(e->tap))
		tell_tap(e, pkt, to, seg, how.l4_off);
	return 0;
}

void frame_commit(struct engine *e, const struct io_pkt *pkt)
{
	e->port->ops->tx_commit(e->port, pkt);
	e->committed = true;
	count(e, tx_frames);
	count_n(e, tx_csum_left, pkt->csum_start != 0);
	count_n(e, tx_bytes, pkt->len);
}
