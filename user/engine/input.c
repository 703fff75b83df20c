// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * input.c - received frames to connections. A burst goes through three stages, so
 * that the memory of each is on its way before it is needed: check every frame and
 * hash its four-tuple; find every connection; then input, in the order of arrival.
 *
 * Metadata of the XDP half saves a sum or a look-up; headers are parsed again and
 * every bound is checked, whoever has looked before. All that the XDP half drops is
 * dropped here too (validate.h in bpf), by the same functions of wire.h.
 */
#include "engine/private.h"

#include "lib/csum.h"

uint64_t input_sum(const struct io_pkt *pkt, uint32_t off, uint32_t len)
{
	uint32_t done = 0;
	uint64_t sum = 0;

	for (uint32_t f = 0; f < pkt->nfrags && len; f++) {
		uint32_t have = pkt->frag[f].len, n;
		uint64_t part;

		if (off >= have) {
			off -= have;
			continue;
		}
		n = have - off < len ? have - off : len;
		part = csum_partial(pkt->frag[f].data + off, n);
		sum += done & 1 ? csum_shift(part) : part;
		done += n;
		len -= n;
		off = 0;
	}
	return sum;
}

/* ---- first stage: is it a segment? ---- */

static bool whole_csum_ok(const struct io_pkt *pkt, const struct rx_item *it)
{
	return wire_fold(wire_pseudo_sum(&it->ip) + input_sum(pkt, it->ip.l4_off, it->ip.l4_len)) == 0xffff;
}

static bool csum_ok(const struct engine *e, const struct io_pkt *pkt, struct rx_item *it)
{
	uint16_t meta = pkt->has_meta ? pkt->meta.flags : 0;

	if (meta & XTCP_META_F_TCP_CSUM_OK)
		return true;
	it->partial = meta & XTCP_META_F_TCP_PARTIAL && e->r->conf.partial_csum_ok &&
		      it->tcp.csum == wire_pseudo_sum(&it->ip);
	return it->partial || whole_csum_ok(pkt, it);
}

static void prefetch_conn(const struct engine *e, uint32_t ref)
{
	const struct conn *c = conn_at(e, ref);

	__builtin_prefetch(c);
	__builtin_prefetch((const uint8_t *)c + 64);
	__builtin_prefetch(&c->tcp.laddr);
	__builtin_prefetch(&c->life);
}

/* The XDP half's guess; it is believed only once the four-tuples have been compared. */
static uint32_t hint(const struct engine *e, const struct io_pkt *pkt)
{
	uint32_t ref = pkt->has_meta ? pkt->meta.conn_hint ^ e->flow_tag : 0; /* a sister's is far too large then */

	return ref <= e->r->conns.fresh ? ref : 0;
}

static bool is_icmp(const struct wire_ip *ip)
{
	return ip->proto == (ip->family == WIRE_IP4 ? WIRE_IPPROTO_ICMP : WIRE_IPPROTO_ICMPV6);
}

/* Parse the TCP header and judge it without any connection. */
static bool check_tcp(struct engine *e, const struct io_pkt *pkt, struct rx_item *it)
{
	const uint8_t *data = pkt->frag[0].data, *end = data + pkt->frag[0].len;

	if (unlikely(it->ip.fragment || wire_parse_tcp(data, end, &it->ip, &it->tcp) != WIRE_OK || !it->tcp.sport ||
		     !it->tcp.dport || wire_flags_check(it->tcp.flags) != WIRE_FLAGS_OK)) {
		count(e, in_malformed);
		return false;
	}
	if (unlikely(wire_source_bad(&it->ip))) {
		count(e, in_bad_addr);
		return false;
	}
	if (unlikely(!csum_ok(e, pkt, it))) {
		count(e, in_csum);
		return false;
	}
	return true;
}

static void check_frame(struct engine *e, struct io_pkt *pkt, struct rx_item *it)
{
	const uint8_t *data = pkt->frag[0].data, *end = data + pkt->frag[0].len;

	it->good = it->partial = false;
	count_n(e, rx_bytes, pkt->len);
	if (unlikely(wire_parse_ip(data, end, pkt->len, &it->ip) != WIRE_OK)) {
		count(e, in_malformed);
		return;
	}
	if (it->ip.family == WIRE_IP4 && !(pkt->has_meta && pkt->meta.flags & XTCP_META_F_IP_CSUM_OK) &&
	    !wire_ip4_csum_ok(data, end, it->ip.l3_off)) {
		count(e, in_malformed);
		return;
	}
	if (unlikely(data[0] & 1 || (it->ip.family == WIRE_IP6 && addr_is_v4(&it->ip.daddr)))) {
		count(e, in_not_for_us);
		return;
	}
	if (unlikely(it->ip.proto != WIRE_IPPROTO_TCP)) {
		if (is_icmp(&it->ip))
			icmp_input(e, pkt, &it->ip);
		else
			count(e, in_not_for_us);
		return;
	}
	if (!check_tcp(e, pkt, it))
		return;
	it->good = true;
	it->ref = hint(e, pkt);
	if (it->ref) {
		prefetch_conn(e, it->ref);
		return;
	}
	if (e->sisters && unlikely(handover_hinted(e, pkt))) {
		it->good = false;
		return;
	}
	it->hash = demux_hash(e, &it->ip.daddr, &it->ip.saddr, it->tcp.dport, it->tcp.sport);
	demux_prefetch(e, it->hash);
}

/* ---- second stage: whose is it? ---- */

static void guess_conn(const struct engine *e, const struct rx_item *it)
{
	const struct demux_slot *s;

	if (!it->good || it->ref)
		return;
	/* A guess for the prefetch only: what stands in the home slot. */
	s = &e->demux[it->hash & e->r->demux_mask];
	if (s->tag == it->hash && s->ref && !(s->ref & DEMUX_TW))
		prefetch_conn(e, s->ref);
}

/* ---- third stage ---- */

static void fill_spans(const struct io_pkt *pkt, uint32_t off, uint32_t len, struct tcp_seg *seg)
{
	seg->len = len;
	seg->nspans = 0;
	for (uint32_t f = 0; f < pkt->nfrags && len; f++) {
		uint32_t have = pkt->frag[f].len, n;

		if (off >= have) {
			off -= have;
			continue;
		}
		n = have - off < len ? have - off : len;
		seg->span[seg->nspans++] = (struct tcp_span){ .data = pkt->frag[f].data + off, .len = n };
		len -= n;
		off = 0;
	}
}

static void fill_seg(const struct io_pkt *pkt, const struct rx_item *it, struct tcp_seg *seg)
{
	seg->seq = it->tcp.seq;
	seg->ack = it->tcp.ack;
	seg->wnd = it->tcp.wnd;
	seg->urg = it->tcp.urg;
	seg->flags = it->tcp.flags;
	seg->tclass = it->ip.tclass;
	seg->ttl = it->ip.ttl;
	seg->opt_len = (uint8_t)(it->tcp.doff - 20);
	fill_spans(pkt, it->tcp.payload_off, it->tcp.payload_len, seg);
	if (seg->opt_len) {
		tcp_options_parse(pkt->frag[0].data + it->ip.l4_off + 20, seg->opt_len, &seg->opts);
	} else {
		seg->opts.present = 0;
		seg->opts.nsack = 0;
	}
}

/* False: it cannot be signed, and would be worth nothing. */
static bool sign_reply(struct engine *e, const struct rx_item *it, const struct tcp_seg *seg, struct frame_to *to,
		       struct ao_sign *sign)
{
	enum ao_verdict v = e->r->ao_on ? ao_sign_reply(e, it, seg, sign) : AO_NOT;

	if (v == AO_GOOD)
		to->ao = sign;
	else if (v == AO_NOT && e->r->md5_keys)
		to->key = md5_find(e, &it->ip.saddr);
	return v != AO_BAD;
}

void input_reply(struct engine *e, const struct io_pkt *pkt, const struct rx_item *it, const struct tcp_seg *seg)
{
	const uint8_t *data = pkt->frag[0].data;
	uint8_t l2[WIRE_ETH_LEN + 4 * WIRE_VLAN_MAX];
	struct ao_sign sign;
	struct frame_to to = { .l2 = l2,
			       .l2_len = it->ip.l3_off,
			       .laddr = &it->ip.daddr,
			       .raddr = &it->ip.saddr,
			       .lport = it->tcp.dport,
			       .rport = it->tcp.sport,
			       .flow_label = it->hash };

	if (unlikely(e->r->md5_keys | e->r->ao_on) && !sign_reply(e, it, seg, &to, &sign))
		return;
	memcpy(l2, data + 6, 6);
	memcpy(l2 + 6, data, 6);
	memcpy(l2 + 12, data + 12, it->ip.l3_off - 12u);
	if (e->port->ops->tx_room(e->port) < 1 || frame_build(e, &to, seg)) {
		count(e, tx_ring_full);
		return;
	}
	frame_commit(e, &e->out);
}

static void reply_rst(struct engine *e, const struct io_pkt *pkt, const struct rx_item *it, const struct tcp_seg *seg)
{
	struct tcp_seg *rst = &e->seg;

	if (!tcp_reset_reply(seg, rst))
		return;
	rst->len = 0;
	rst->nspans = 0;
	rst->ttl = e->env.conf.ttl;
	count(e, out_rsts);
	count(e, out_segs);
	input_reply(e, pkt, it, rst);
}

/* For no connection (RFC 9293 3.10.7.1 and 3.10.7.2). */
static void input_stray(struct engine *e, const struct io_pkt *pkt, const struct rx_item *it, const struct tcp_seg *seg)
{
	struct listener *l;

	if (unlikely(addr_index(e, &it->ip.daddr) < 0)) {
		count(e, in_not_for_us);
		return;
	}
	if (unlikely(addr_index(e, &it->ip.saddr) >= 0)) { /* LAND */
		count(e, in_bad_addr);
		return;
	}
	l = listener_find(e, &it->ip.daddr, it->tcp.dport);
	if (l) {
		if (listener_input(e, l, it, seg))
			reply_rst(e, pkt, it, seg);
		return;
	}
	if (seg->flags & TCP_RST)
		count(e, in_no_conn_rst);
	else
		reply_rst(e, pkt, it, seg);
}

/* Demux reference of the connection or TIME-WAIT entry that the segment belongs to, or 0. */
static uint32_t owner(struct engine *e, struct rx_item *it)
{
	if (it->ref) {
		const struct conn *c = conn_at(e, it->ref);

		if (likely(c->life & CONN_HASHED && c->tcp.rport == it->tcp.sport && c->tcp.lport == it->tcp.dport &&
			   addr_eq(&c->tcp.raddr, &it->ip.saddr) && addr_eq(&c->tcp.laddr, &it->ip.daddr))) {
			it->hash = c->hash;
			return it->ref;
		}
		it->hash = demux_hash(e, &it->ip.daddr, &it->ip.saddr, it->tcp.dport, it->tcp.sport);
	}
	return demux_find(e, it->hash, &it->ip.daddr, &it->ip.saddr, it->tcp.dport, it->tcp.sport);
}

/* Is the segment signed as it must be? If not it has been counted. */
static bool signed_right(struct engine *e, const struct io_pkt *pkt, const struct rx_item *it,
			 const struct tcp_seg *seg, uint32_t ref)
{
	enum ao_verdict v = e->r->ao_on ? ao_check(e, pkt, it, seg, ref) : AO_NOT;

	return v == AO_NOT ? !e->r->md5_keys || md5_accepts(e, pkt, it, seg, ref) : v == AO_GOOD;
}

/*
 * On a virtual link whole checksums come, too, from behind it. One of 65,536 of those looks like a partial one, and damage would pass
 * then. So where the text of a connection has had whole ones, one that looks partial is judged as a whole one, and if that is
 * wrong dropped; but the next is believed, for the peer may just have changed.
 */
static bool credible(struct engine *e, const struct io_pkt *pkt, const struct rx_item *it, uint32_t ref)
{
	struct conn *c = conn_at(e, ref);

	if (!it->partial) {
		if (it->tcp.payload_len && !(c->life & CONN_WHOLE))
			c->life |= CONN_WHOLE;
		return true;
	}
	if (likely(!(c->life & CONN_WHOLE)) || whole_csum_ok(pkt, it))
		return true;
	c->life &= ~(uint32_t)CONN_WHOLE;
	count(e, in_csum);
	return false;
}

/* A SYN belongs to the engine that it arrived at. */
static bool opens_here(struct engine *e, const struct rx_item *it)
{
	return (it->tcp.flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN &&
	       listener_find(e, &it->ip.daddr, it->tcp.dport);
}

static void input_one(struct engine *e, const struct io_pkt *pkt, struct rx_item *it, struct tcp_seg *seg)
{
	uint32_t ref = owner(e, it);

	if (unlikely(!ref) && e->sisters && !opens_here(e, it) && handover_pass_on(e, pkt))
		return;
	if (e->r->conf.partial_csum_ok && ref && !(ref & DEMUX_TW) && unlikely(!credible(e, pkt, it, ref)))
		return;
	fill_seg(pkt, it, seg);
	count(e, in_segs);
	if (unlikely(e->tap)) {
		memcpy(seg->opt, pkt->frag[0].data + it->ip.l4_off + 20, seg->opt_len);
		e->tap(e->tap_arg, false, pkt, &it->ip.daddr, wire_swap16(it->tcp.dport), &it->ip.saddr,
		       wire_swap16(it->tcp.sport), seg);
	}
	it->ref = ref;
	if (unlikely(e->r->md5_keys | e->r->ao_on) && !signed_right(e, pkt, it, seg, ref))
		return;
	if (unlikely(!ref)) {
		input_stray(e, pkt, it, seg);
	} else if (unlikely(ref & DEMUX_TW)) {
		if (tw_input(e, ref & ~DEMUX_TW, pkt, it, seg)) {
			it->ref = 0;
			input_stray(e, pkt, it, seg);
		}
	} else if (unlikely(conn_at(e, ref)->tcp.state == TCP_TIME_WAIT) && tw_held_input(e, ref, seg)) {
		it->ref = 0;
		input_stray(e, pkt, it, seg);
	} else {
		enum tcp_verdict v = tcp_input(&e->env, &conn_at(e, ref)->tcp, seg, e->r->now_ns);

		if (unlikely(v == TCP_REPLY_RST))
			reply_rst(e, pkt, it, seg);
		conn_after_input(e, ref);
	}
}

void input_pkts(struct engine *e, int n)
{
	struct tcp_seg seg;

	for (int i = 0; i < n; i++) { /* a small frame whole: its sum is next */
		__builtin_prefetch(e->pkt[i].frag[0].data);
		__builtin_prefetch(e->pkt[i].frag[0].data + 64);
		__builtin_prefetch(e->pkt[i].frag[0].data + 128);
	}
	for (int i = 0; i < n; i++)
		check_frame(e, &e->pkt[i], &e->item[i]);
	if (n > 1)
		for (int i = 0; i < n; i++)
			guess_conn(e, &e->item[i]);
	for (int i = 0; i < n; i++)
		if (e->item[i].good)
			input_one(e, &e->pkt[i], &e->item[i], &seg);
}

int input_burst(struct engine *e)
{
	int n = e->port->ops->rx(e->port, e->pkt, IO_BURST);

	if (n <= 0)
		return 0;
	count_n(e, rx_frames, (uint64_t)n);
	input_pkts(e, n);
	e->port->ops->rx_release(e->port, e->pkt, n);
	return n;
}
