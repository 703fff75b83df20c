// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * ack.c - the acknowledgement of an incoming segment: RFC 9293 3.10.7.4 fifth step,
 * with the limits of RFC 5961 5, SACK (RFC 2018), RTT (RFC 6298, Karn) and the
 * window update (RFC 9293 3.10.7.4, SND.WL1 and SND.WL2).
 */
#include "tcp/internal.h"

/* An RTT from the newest segment acknowledged that was sent once; else from the echoed timestamp. */
struct rtt_pick {
	uint32_t sent_us;
	bool have;
	bool retransmitted; /* only segments that were sent again were acknowledged */
};

/* Drop a whole record. */
static void forget(struct tcp_conn *c, const struct tcp_rec *r, struct rtt_pick *p, struct ack_info *a)
{
	if (r->flags & TCP_REC_LOST)
		c->lost -= r->len;
	if (r->flags & TCP_REC_SACKED) {
		c->sacked -= r->len;
		c->sacked_segs--;
	} else {
		a->delivered += r->len;
		a->segs++;
		rate_delivered(c, r, a);
		rack_delivered(c, r, a);
	}
	if (r->flags & TCP_REC_RTX) {
		p->retransmitted = true;
	} else if (!(r->flags & TCP_REC_SACKED)) { /* a SACKed one arrived earlier: its time says nothing now */
		p->have = true;
		p->sent_us = r->sent_us;
	}
}

static void pop_acked(struct tcp_env *env, struct tcp_conn *c, uint32_t ack, struct rtt_pick *p, struct ack_info *a)
{
	while (c->recs.count) {
		struct tcp_rec *r = recs_at(env, c, 0);
		uint32_t part = ack - r->seq;

		if (seq_gt(r->seq + r->len, ack)) {
			if ((int32_t)part > 0) { /* the left part of a record */
				if (r->flags & TCP_REC_LOST)
					c->lost -= part;
				if (r->flags & TCP_REC_SACKED) {
					c->sacked -= part;
				} else {
					a->delivered += part;
					rate_delivered_part(c, part, a->now_ns);
				}
				r->seq += part;
				r->len -= part;
			}
			return;
		}
		forget(c, r, p, a);
		recs_pop(env, c);
	}
}

/* The sample in microseconds, or 0. */
static uint32_t pick_rtt(const struct tcp_conn *c, const struct ack_info *a, const struct rtt_pick *p)
{
	if (p->have && !p->retransmitted)
		return max_u32(tcp_us(a->now_ns) - p->sent_us, 1);
	if (a->has_tsecr) {
		uint32_t ticks = tcp_ts_now(c, a->now_ns) - a->tsecr; /* RFC 7323 4.1 */

		if (ticks < 1u << 20)
			return (ticks ? ticks : 1) << 10;
	}
	return 0;
}

/* Acknowledged text leaves the send buffer. */
static void drop_text(struct tcp_env *env, struct tcp_conn *c)
{
	uint32_t end = c->sndq_seq + c->sndq.len, n;

	if (!seq_gt(c->snd_una, c->sndq_seq))
		return;
	n = seq_min(c->snd_una, end) - c->sndq_seq;
	if (!n)
		return;
	ring_drop(&c->sndq, n);
	c->sndq_seq += n;
	tcp_cold(c)->account.bytes_acked += n;
	if (!c->sndq.len)
		ring_release(env, &c->sndq, &c->snd_hint);
}

/* Marks that the acknowledgement has overtaken move with it, so that they never wrap. */
static void clamp_marks(struct tcp_conn *c)
{
	c->lost_mark = seq_max(c->lost_mark, c->snd_una);
	c->high_sacked = seq_max(c->high_sacked, c->snd_una);
	c->rtx_seq = seq_max(c->rtx_seq, c->snd_una);
	c->snd_sml = seq_max(c->snd_sml, c->snd_una);
	if (!(c->flags & (TCP_F_RECOVERY | TCP_F_LOSS)) && seq_gt(c->snd_una, c->recover))
		c->recover = c->snd_una - 1; /* equal to snd_una it says: nothing new since the last recovery */
	if (!(c->flags & TCP_F_SACK) && c->sacked + c->lost > tcp_flight(c))
		c->sacked = tcp_flight(c) - c->lost;
	if (c->snd_una - c->undo_una > 1u << 30)
		c->loss_flags &= (uint16_t)~TCP_L_UNDO; /* long ago, and undo_una would wrap */
	if (c->flags & TCP_F_URG_OUT && seq_geq(c->snd_una, c->snd_up))
		c->flags &= ~(uint32_t)TCP_F_URG_OUT;
}

struct ack_info ack_begin(const struct tcp_conn *c, const struct tcp_seg *seg, uint64_t now_ns)
{
	return (struct ack_info){
		.now_ns = now_ns,
		.acked = seq_gt(seg->ack, c->snd_una) ? seg->ack - c->snd_una : 0,
		.fack = c->high_sacked,
		.ack = seg->ack,
		.has_sack = seg->opts.nsack,
		.tsecr = seg->opts.tsecr,
		.has_tsecr = c->flags & TCP_F_TS && seg->opts.present & TCP_OPT_TS && seg->opts.tsecr,
	};
}

void ack_advance(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg, struct ack_info *a)
{
	struct rtt_pick p = { 0 };
	uint64_t now_ns = a->now_ns;

	c->snd_una = seg->ack;
	pop_acked(env, c, seg->ack, &p, a);
	a->rtt_us = pick_rtt(c, a, &p);
	if (a->rtt_us)
		rtt_sample(env, c, a->rtt_us);
	drop_text(env, c);
	clamp_marks(c);
	c->retrans_start = 0;
	c->probes = 0;
	c->soft_error = 0;
	account_acked(c, now_ns);
	if (c->recs.count)
		timer_rtx_restart(env, c, now_ns);
	else
		c->rtx_deadline = TCP_NEVER; /* 5.2; output arms it for the persist timer when that is due */
	if (!c->recs.count && !tcp_unsent(c) && !tcp_fin_due(c))
		account_limit(c, TCP_LIMIT_IDLE, now_ns);
}

/* RFC 5681 2: what a duplicate acknowledgement is. */
static bool is_dup_ack(const struct tcp_conn *c, const struct tcp_seg *seg)
{
	return seg->ack == c->snd_una && !tcp_seg_len(seg) && tcp_flight(c) &&
	       (uint32_t)seg->wnd << c->snd_wscale == c->snd_wnd;
}

/* A window probe's byte past snd_nxt has been accepted: it counts as sent now. */
static void take_probe(struct tcp_conn *c, const struct tcp_seg *seg)
{
	if (!(c->flags & TCP_F_PROBED) || seg->ack != c->snd_nxt + 1)
		return;
	c->flags &= ~(uint32_t)TCP_F_PROBED;
	if (tcp_unsent(c)) {
		c->snd_nxt++;
		tcp_cold(c)->account.bytes_sent++;
	} else if (tcp_fin_due(c)) {
		c->snd_nxt++;
		c->flags |= TCP_F_FIN_SENT;
	}
}

/*
 * Congestion control hears of it, in fast recovery only what watches it. cwnd was in use when it held the last segment
 * back, or all of it was in flight, or enough of it.
 */
static void tell_cc(struct tcp_conn *c, const struct ack_info *a, uint32_t prior, bool validate)
{
	struct tcp_cc_event ev = { .now_ns = a->now_ns, .acked = a->acked, .prior_flight = prior, .rtt_us = a->rtt_us };
	const struct tcp_cc_ops *cc = tcp_cc_table[c->cc];

	/*
	 * RFC 3465 2.3: after a timeout an acknowledgement may take what had arrived long before; in slow start it counts for
	 * one segment then (L = 1).
	 */
	if (c->flags & TCP_F_LOSS && c->cwnd < c->ssthresh && !cc->owns_cwnd)
		ev.acked = min_u32(ev.acked, c->mss);
	ev.ce = a->ce;
	ev.delivered = a->delivered;
	ev.rs = &a->rs;
	ev.srtt_us = c->srtt_us_x8 >> 3;
	ev.app_limited = !(c->flags & TCP_F_CWND_LIMITED) && prior < c->cwnd && !pacer_cwnd_used(c);
	if (!cc->owns_cwnd && (!a->acked || c->flags & TCP_F_RECOVERY)) {
		if (cc->watch)
			cc->watch(c, &ev);
		return;
	}
	if (ev.app_limited && cc_half_used(c)) {
		ev.acked = min_u32(ev.acked, cc_half_used(c));
		ev.app_limited = false;
	}
	cc->ack(c, &ev);
	if (validate)
		cwv_ack(c, a, ev.app_limited);
}

bool ack_any(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg, uint64_t now_ns)
{
	bool owns = tcp_cc_table[c->cc]->owns_cwnd;
	uint32_t prior = tcp_flight(c);
	struct ack_info a;

	take_probe(c, seg);
	if (seq_gt(seg->ack, c->snd_nxt)) { /* something never sent: an ACK, and drop */
		tcp_count(env, in_ack_too_new);
		conn_challenge(env, c, now_ns);
		return false;
	}
	if (seq_lt(seg->ack, c->snd_una) && seq_lt(seg->ack, tcp_ack_floor(c))) { /* RFC 5961 5.2 */
		tcp_count(env, in_ack_too_old);
		conn_challenge(env, c, now_ns);
		return false;
	}
	a = ack_begin(c, seg, now_ns);
	a.dup = is_dup_ack(c, seg);
	if (c->flags & TCP_F_SACK && seg->opts.nsack)
		sack_update(env, c, &seg->opts, &a);
	if (a.acked)
		ack_advance(env, c, seg, &a);
	if (c->mtu_state == TCP_MTU_PROBING)
		plpmtud_ack(env, c);
	if (seq_geq(seg->ack, c->snd_una))
		ack_window(c, seg);
	if (!c->snd_wnd)
		c->retrans_start = 0; /* alive, window shut: never time out (RFC 9293 3.8.6.1, SHLD-17) */
	if (c->ecn.mode != TCP_ECN_NONE)
		ecn_ack(env, c, seg, &a, prior);
	if (a.delivered)
		rate_sample(c, &a);
	if ((a.acked || a.delivered) && !owns)
		tell_cc(c, &a, prior, !env->conf.idle_restart);
	if (a.acked || a.dup || a.new_sack || a.dsack)
		loss_ack(env, c, &a);
	if (owns && (a.acked || a.delivered))
		tell_cc(c, &a, prior, false);
	if (c->pace & TCP_PACE_WINDOW)
		pacer_window(c);
	if (a.acked)
		sndtune_ack(env, c, prior);
	return true;
}

bool ack_input(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg, uint64_t now_ns)
{
	if (seg->ack != c->snd_una || tcp_flight(c) || seg->opts.nsack || c->ecn.mode != TCP_ECN_NONE)
		return ack_any(env, c, seg, now_ns);
	/* Nothing of ours is out, and the peer says nothing new of it: it only sends. */
	ack_window(c, seg);
	if (!c->snd_wnd)
		c->retrans_start = 0;
	return true;
}
