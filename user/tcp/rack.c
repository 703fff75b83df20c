// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * rack.c - losses found by time (RACK, RFC 8985 6): a segment is lost when one that was
 * sent later has been delivered and a reordering window has passed since. It sees what
 * counting cannot: lost retransmissions, losses in the tail of a flight, reordering.
 *
 *   6.2 step 1, 2   min_RTT and RACK.segment                 least_rtt(), rack_delivered()
 *   6.2 step 3      reordering                               rack_delivered()
 *   6.2 step 4      the reordering window                    reo_wnd(), rack_adapt()
 *   6.2 step 5      what is lost, and the reordering timer   rack_detect()
 *   6.3             a retransmission timeout                 rack_mark_on_rto()
 *
 * No list ordered by time is kept, for the ring of records nearly is one: right of
 * lost_mark all were sent in order of their numbers, so the first that is not yet late
 * ends the walk. Left of it only retransmissions are still open, the first ones again in
 * order (and after a needless recovery what lies between them), and the walk is bounded besides: what it does not reach
 * waits for a later ACK.
 *
 * The reordering timer is set for the last of the segments that may yet prove late, as the
 * RFC says: one expiry judges them all, and recovery does not begin for what a reordered
 * flight is still about to deliver.
 */
#include "tcp/internal.h"

#define DUP_THRESH 3u
#define MIN_RTT_TICKS 286102u /* the window of the least RTT: five minutes in ticks of 2^20 ns */
#define REO_PERSIST 16u
#define REO_MULT_MAX 250u
#define REORDERING_MAX 300u /* segments; farther than that it is told no better */
#define WALK_MAX 256u	    /* records looked at in vain left of lost_mark for one acknowledgement */

/* RACK_sent_after() */
static bool sent_after(uint32_t us1, uint32_t end1, uint32_t us2, uint32_t end2)
{
	return (int32_t)(us1 - us2) > 0 || (us1 == us2 && seq_gt(end1, end2));
}

/* Step 2: the original may have been delivered, not what was sent again rtt_us ago. With neither a timestamp nor a min_RTT
 * nothing can tell. */
static bool ambiguous(const struct tcp_conn *c, uint32_t rtt_us, const struct ack_info *a)
{
	if (a->has_tsecr && seq_lt(a->tsecr, tcp_ts_now(c, a->now_ns - 1000ull * rtt_us)))
		return true;
	if (!c->min_rtt_us)
		return !a->has_tsecr;
	return rtt_us < c->min_rtt_us;
}

/* Step 3, and how far: for what is told of the connection, in segments. */
static void reordered(struct tcp_conn *c, uint32_t seq, uint32_t fack)
{
	struct tcp_reorder *o = &tcp_cold(c)->reorder;
	uint32_t segs = (fack - seq + c->mss - 1) / c->mss;

	c->loss_flags |= TCP_L_REORDERING;
	o->reord_seen++;
	o->reordering = (uint16_t)min_u32(max_u32(o->reordering, segs), REORDERING_MAX);
}

/*
 * Step 1: the least RTT of a sliding window; a path that has become longer shows when the older samples are gone. An idle
 * connection keeps what the handshake told.
 */
static void least_rtt(struct tcp_conn *c, uint32_t rtt_us, const struct tcp_rec *r, uint64_t now_ns)
{
	uint32_t now = (uint32_t)(now_ns >> 20), sample = ~max_u32(rtt_us, 1);
	struct tcp_peak *p;

	if (r->flags & TCP_REC_SYN) {
		c->min_rtt_us = ~sample;
		return;
	}
	p = &tcp_cold(c)->min_rtt;
	if (peak_stays(p, now, MIN_RTT_TICKS, sample))
		return;
	if (!p->count && c->min_rtt_us)
		peak_put(p, now, MIN_RTT_TICKS, ~c->min_rtt_us);
	peak_put(p, now, MIN_RTT_TICKS, sample);
	c->min_rtt_us = ~peak_get(p, now, MIN_RTT_TICKS);
}

void rack_delivered(struct tcp_conn *c, const struct tcp_rec *r, struct ack_info *a)
{
	uint32_t now_us = tcp_us(a->now_ns), rtt_us = now_us - r->sent_us, end = r->seq + r->len;

	if (r->flags & TCP_REC_RTX) {
		if (ambiguous(c, rtt_us, a))
			return;
		if (a->has_tsecr)
			least_rtt(c, rtt_us, r, a->now_ns);
	} else {
		least_rtt(c, rtt_us, r, a->now_ns);
		if (seq_lt(end, a->fack))
			reordered(c, r->seq, a->fack);
		a->original |= seq_leq(end, c->recover);
	}
	if (!a->newest ||
	    sent_after(r->sent_us, end, a->newest_us, a->newest_end)) { /* RACK.rtt: of this ACK's newest */
		a->newest = true;
		a->newest_us = r->sent_us;
		a->newest_end = end;
		c->rack_rtt_us = rtt_us;
	}
	if (c->loss_flags & TCP_L_RACK && !sent_after(r->sent_us, end, c->rack_xmit_us, c->rack_end))
		return;
	c->loss_flags |= TCP_L_RACK;
	c->rack_xmit_us = r->sent_us;
	c->rack_end = end;
}

/* Step 4. Until reordering is seen, three SACKed segments are as good a sign as ever (DupThresh). */
static uint32_t reo_wnd(const struct tcp_conn *c)
{
	if (!(c->loss_flags & TCP_L_REORDERING) &&
	    (c->flags & (TCP_F_RECOVERY | TCP_F_LOSS) || c->sacked_segs >= DUP_THRESH))
		return 0;
	return (uint32_t)min_u64((uint64_t)c->min_rtt_us * (c->reo_mult + 1u) / 4, c->srtt_us_x8 >> 3);
}

bool rack_adapt(struct tcp_conn *c, bool dsack, bool recovered)
{
	if (c->loss_flags & TCP_L_DSACK_ROUND && seq_geq(c->snd_una, c->dsack_round))
		c->loss_flags &= (uint16_t)~TCP_L_DSACK_ROUND;
	if (dsack && !(c->loss_flags & TCP_L_DSACK_ROUND)) {
		c->loss_flags |= TCP_L_DSACK_ROUND;
		c->dsack_round = c->snd_nxt;
		c->reo_mult += c->reo_mult < REO_MULT_MAX;
		c->reo_persist = REO_PERSIST;
		return true;
	}
	if (recovered && c->reo_persist && !--c->reo_persist)
		c->reo_mult = 0;
	return false;
}

enum verdict { KEEP, WAIT, LATE }; /* sent after RACK.segment; before it, but perhaps only reordered; lost */

static enum verdict judge(const struct tcp_conn *c, const struct tcp_rec *r, uint32_t now_us, uint32_t wnd_us,
			  uint32_t *wait_us)
{
	int32_t left;

	if (!sent_after(c->rack_xmit_us, c->rack_end, r->sent_us, r->seq + r->len))
		return KEEP;
	left = (int32_t)(r->sent_us + c->rack_rtt_us + wnd_us - now_us);
	if (left <= 0)
		return LATE;
	*wait_us = max_u32(*wait_us, (uint32_t)left);
	return WAIT;
}

/* Left of lost_mark: retransmissions. Those sent again once are in order of time. */
static bool detect_again(struct tcp_env *env, struct tcp_conn *c, uint32_t now_us, uint32_t wnd_us, uint32_t *wait_us)
{
	uint32_t vain = 0;
	bool any = false;

	for (uint32_t i = 0; i < c->recs.count && vain < WALK_MAX; i++) {
		struct tcp_rec *r = recs_at(env, c, i);

		if (seq_geq(r->seq, c->lost_mark))
			break;
		vain++;
		if (r->flags & (TCP_REC_SACKED | TCP_REC_LOST))
			continue;
		switch (judge(c, r, now_us, wnd_us, wait_us)) {
		case LATE:
			if (r->flags & TCP_REC_RTX)
				tcp_count(env, lost_retransmits);
			loss_mark(c, r);
			any = true;
			vain--;
			break;
		case KEEP:
			if (r->rtx == 1)
				return any;
			break;
		case WAIT: break;
		}
	}
	return any;
}

/*
 * The last one right of i that was sent before RACK.segment and is still missing: in the order of sending, so halving
 * finds where they end. The walk back over what is SACKed is bounded; where it stops, the time is only a little late.
 */
static void wait_for_last(struct tcp_env *env, struct tcp_conn *c, uint32_t i, uint32_t now_us, uint32_t wnd_us,
			  uint32_t *wait_us)
{
	uint32_t lo = i, hi = c->recs.count, first = i;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		const struct tcp_rec *r = recs_at(env, c, mid);

		if (sent_after(c->rack_xmit_us, c->rack_end, r->sent_us, r->seq + r->len))
			lo = mid + 1;
		else
			hi = mid;
	}
	for (uint32_t steps = 0; lo-- > first; steps++) {
		const struct tcp_rec *r = recs_at(env, c, lo);

		if (steps < WALK_MAX && r->flags & (TCP_REC_SACKED | TCP_REC_LOST))
			continue;
		judge(c, r, now_us, wnd_us, wait_us);
		return;
	}
}

/* Right of lost_mark: sent in order, so the first that is not late ends the walk. */
static bool detect_first(struct tcp_env *env, struct tcp_conn *c, uint32_t now_us, uint32_t wnd_us, uint32_t *wait_us)
{
	bool any = false;

	for (uint32_t i = recs_find(env, c, c->lost_mark); i < c->recs.count; i++) {
		struct tcp_rec *r = recs_at(env, c, i);

		if (!(r->flags & (TCP_REC_SACKED | TCP_REC_LOST))) {
			enum verdict v = judge(c, r, now_us, wnd_us, wait_us);

			if (v == WAIT)
				wait_for_last(env, c, i, now_us, wnd_us, wait_us);
			if (v != LATE)
				break;
			loss_mark(c, r);
			any = true;
		}
		c->lost_mark = r->seq + r->len;
	}
	return any;
}

bool rack_detect(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns)
{
	uint32_t now_us = tcp_us(now_ns), wnd_us = reo_wnd(c), wait_us = 0;
	bool any;

	if (!c->recs.count ||
	    !(c->loss_flags & TCP_L_RACK)) /* nothing was delivered whose time of sending is certain */
		return false;
	any = detect_again(env, c, now_us, wnd_us, &wait_us);
	any |= detect_first(env, c, now_us, wnd_us, &wait_us);
	if (wait_us)
		c->probe_deadline = now_ns + 1000ull * wait_us;
	return any;
}

void rack_mark_on_rto(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns)
{
	uint32_t now_us = tcp_us(now_ns), wnd_us;

	c->flags |= TCP_F_LOSS;
	wnd_us = reo_wnd(c);
	for (uint32_t i = 0; i < c->recs.count; i++) {
		struct tcp_rec *r = recs_at(env, c, i);
		bool late = (int32_t)(r->sent_us + c->rack_rtt_us + wnd_us - now_us) <= 0;

		if (r->flags & TCP_REC_SACKED || (i && !late && !(r->flags & TCP_REC_LOST)))
			continue;
		loss_mark(c, r);
		c->lost_mark = seq_max(c->lost_mark, r->seq + r->len);
	}
}
