// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * rate.c - how fast the network delivers (draft-ietf-ccwg-bbr 4.1, draft-cheng-iccrg-delivery-rate-estimation).
 *
 * A segment remembers what had been delivered when it was sent. When it is delivered itself, the
 * bytes delivered meanwhile, divided by the time that they took, are a sample of the rate. The time is the
 * longer of the two that can be measured: that of sending the same flight, and that of its
 * acknowledgements, for either can be compressed on the way but neither is ever shorter than the bottleneck allows.
 * An acknowledgement gives one sample, by the segment sent last among those it delivers.
 *
 *   4.1.2.2   at sending         rate_sent()
 *   4.1.2.3   at delivery        rate_delivered(), rate_sample(); rate_lost()
 *   4.1.2.4   application-limited: while the pipe is not full for want of data, samples are a
 *             lower bound only; a mark keeps them apart    rate_check_app(), rate_app_limited()
 *
 * Invariants: delivered only grows; no sample's interval is shorter than the least RTT.
 *
 * SYNs are left out: they tell nothing of a rate, and an idle connection keeps no account.
 * A record holds the low 32 bits of the counters; a flight is below 2^30 bytes.
 * Nothing here divides: who wants the rate does (tcp_rate_of()).
 */
#include "tcp/internal.h"

/* A count of bytes in 16 bits: 5 of exponent, 11 of mantissa; exact below 2^11, else within 0.1 %. */
static uint16_t pack(uint32_t bytes)
{
	uint32_t shift = 0;

	if (bytes >> 11) {
		shift = 31u - (uint32_t)__builtin_clz(bytes) - 10;
		bytes >>= shift;
	}
	return (uint16_t)(shift << 11 | bytes);
}

static uint32_t unpack(uint16_t packed)
{
	return (packed & 0x7ffu) << (packed >> 11);
}

void rate_sent(struct tcp_conn *c, struct tcp_rec *r, uint64_t now_ns)
{
	struct tcp_rate *t;

	if (r->flags & TCP_REC_SYN)
		return;
	t = &tcp_cold(c)->rate;
	if (tcp_flight(c) - !(c->flags & TCP_F_SYN_ACKED) == r->len &&
	    !(r->flags & TCP_REC_RTX)) { /* nothing else is out, but for a SYN (RFC 7413): the flight begins here */
		t->first_us = tcp_us(now_ns);
		t->delivered_us = tcp_us(now_ns);
	}
	r->first_us = t->first_us;
	r->delivered_us = t->delivered_us;
	r->delivered = (uint32_t)t->delivered;
	r->lost = (uint32_t)t->lost;
	r->flight = pack(tcp_pipe(c));
	r->flags &= (uint8_t)~TCP_REC_APP_LIMITED;
	if (t->app_limited)
		r->flags |= TCP_REC_APP_LIMITED;
}

void rate_lost(struct tcp_conn *c, const struct tcp_rec *r)
{
	const struct tcp_cc_ops *cc = tcp_cc_table[c->cc];
	struct tcp_rate *t;

	if (r->flags & TCP_REC_SYN)
		return;
	t = &tcp_cold(c)->rate;
	t->lost += r->len;
	if (cc->lost) {
		struct tcp_lost l = { .seq = r->seq, .len = r->len, .lost = (uint32_t)t->lost - r->lost };

		l.tx_in_flight = unpack(r->flight);
		l.app_limited = r->flags & TCP_REC_APP_LIMITED;
		cc->lost(c, &l);
	}
}

void rate_delivered_part(struct tcp_conn *c, uint32_t bytes, uint64_t now_ns)
{
	struct tcp_rate *t = &tcp_cold(c)->rate;

	t->delivered += bytes;
	t->delivered_us = tcp_us(now_ns);
}

static bool newer(const struct tcp_rec *r, const struct tcp_rec *than)
{
	int32_t later = (int32_t)(r->sent_us - than->sent_us);

	return later > 0 || (!later && seq_gt(r->seq + r->len, than->seq + than->len));
}

void rate_delivered(struct tcp_conn *c, const struct tcp_rec *r, struct ack_info *a)
{
	if (r->flags & TCP_REC_SYN)
		return;
	rate_delivered_part(c, r->len, a->now_ns);
	tcp_cold(c)->rate.largest = max_u32(tcp_cold(c)->rate.largest, r->len - !!(r->flags & TCP_REC_FIN));
	if (a->rated && !newer(r, &a->rate))
		return;
	a->rated = true;
	a->rate = *r;
}

void rate_sample(struct tcp_conn *c, struct ack_info *a)
{
	const struct tcp_rec *p = &a->rate;
	struct tcp_rate *t;

	if (!a->rated)
		return;
	t = &tcp_cold(c)->rate;
	if (t->app_limited && t->delivered > t->app_limited)
		t->app_limited = 0;
	t->first_us = p->sent_us;
	a->rs.delivered = (uint32_t)t->delivered - p->delivered;
	a->rs.prior_delivered = t->delivered - a->rs.delivered;
	a->rs.interval_us = max_u32(p->sent_us - p->first_us, t->delivered_us - p->delivered_us);
	a->rs.lost = (uint32_t)t->lost - p->lost;
	a->rs.tx_in_flight = unpack(p->flight);
	a->rs.app_limited = p->flags & TCP_REC_APP_LIMITED;
	a->rs.rtt_us = p->flags & TCP_REC_RTX ? 0 : max_u32(tcp_us(a->now_ns) - p->sent_us, 1);
	if (a->rs.interval_us < c->min_rtt_us) { /* a retransmission taken for delivered that was not */
		a->rs.interval_us = 0;
		return;
	}
	/* For tcp_info, as Linux: a sample that the application limited counts if it is higher (r1 / t1 >= r0 / t0). */
	if (!a->rs.interval_us ||
	    (a->rs.app_limited && t->last_us &&
	     (uint64_t)a->rs.delivered * t->last_us < (uint64_t)t->last_bytes * a->rs.interval_us))
		return;
	t->last_bytes = a->rs.delivered;
	t->last_us = a->rs.interval_us;
	t->last_app_limited = a->rs.app_limited;
}

void rate_app_limited(struct tcp_conn *c)
{
	struct tcp_rate *t = &tcp_cold(c)->rate;
	uint64_t end = t->delivered + tcp_pipe(c);

	t->app_limited = end ? end : 1;
}

void rate_check_app(struct tcp_conn *c)
{
	if (c->flags & TCP_F_SYN_ACKED && tcp_unsent(c) < c->mss && !c->lost && tcp_pipe(c) < c->cwnd)
		rate_app_limited(c);
}

uint64_t tcp_delivery_rate(const struct tcp_conn *c, bool *app_limited)
{
	const struct tcp_rate *t = &tcp_cold_peek(c)->rate;

	*app_limited = t->last_app_limited;
	return t->last_us ? (uint64_t)t->last_bytes * 1000000 / t->last_us : 0;
}
