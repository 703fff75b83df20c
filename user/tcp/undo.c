// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * undo.c - taking back a reduction of cwnd that turns out to have been needless:
 *
 *   RFC 3522   Eifel detection: an acknowledgement that moves snd_una echoes a timestamp
 *              older than the first retransmission, so the original has arrived
 *   RFC 5682   F-RTO, where neither of these can tell (frto.c)
 *   RFC 2883   by DSACK: each retransmission is reported as a duplicate
 *   RFC 4015   the response: cwnd and ssthresh as they were before, unless this very
 *              acknowledgement tells of congestion (3.4); after a needless timeout the RTT is
 *              measured anew by the first segment that had not been sent then (3.6)
 *
 * What had been marked lost is in flight again; RACK judges it anew, with a wider window,
 * for what happened was delay or reordering.
 */
#include "tcp/internal.h"

void undo_begin(struct tcp_conn *c, bool timeout)
{
	bool again = c->loss_flags & TCP_L_UNDO && c->flags & TCP_F_RECOVERY; /* a timeout during recovery */

	if (!(c->flags & TCP_F_SYN_ACKED))
		return;
	c->loss_flags &= (uint16_t) ~(TCP_L_UNDO_RTO | TCP_L_UNDO_TLP);
	if (c->loss_flags & TCP_L_TLP && c->loss_flags & TCP_L_TLP_RTX)
		c->loss_flags |= TCP_L_UNDO_TLP;
	c->loss_flags |= TCP_L_UNDO | (timeout ? TCP_L_UNDO_RTO : 0);
	if (again)
		return;
	c->undo_una = c->snd_una;
	c->undo_cwnd = c->cwnd;
	c->undo_ssthresh = c->ssthresh;
	if (timeout) { /* step 0: pipe_prev, SRTT_prev, RTTVAR_prev */
		struct tcp_spurious *s = &tcp_cold(c)->spurious;

		c->undo_ssthresh = max_u32(c->ssthresh, min_u32(tcp_flight(c), c->cwnd));
		s->srtt_us_x8 = c->srtt_us_x8;
		s->rttvar_us_x4 = c->rttvar_us_x4;
	}
	c->undo_rtx = 0;
}

void undo_retransmitted(struct tcp_conn *c, uint64_t now_ns)
{
	if (!(c->loss_flags & TCP_L_UNDO) || !(c->flags & (TCP_F_RECOVERY | TCP_F_LOSS)))
		return;
	if (!c->undo_rtx)
		c->undo_ts = tcp_ts_now(c, now_ns);
	if (++c->undo_rtx == UINT16_MAX) /* too many to count */
		c->loss_flags &= (uint16_t)~TCP_L_UNDO;
}

/* What is left of lost_mark need not be in the order of its sending (rack.c): all up to the last that was sent again. */
static void unmark(struct tcp_env *env, struct tcp_conn *c)
{
	uint32_t last = recs_find(env, c, c->rtx_seq);

	for (uint32_t i = 0; c->lost && i < c->recs.count; i++) {
		struct tcp_rec *r = recs_at(env, c, i);

		if (r->flags & TCP_REC_LOST)
			c->lost -= r->len;
		r->flags &= (uint8_t)~TCP_REC_LOST;
	}
	c->lost_mark = c->snd_una;
	if (last < c->recs.count && recs_at(env, c, last)->flags & TCP_REC_RTX)
		c->lost_mark = recs_at(env, c, last)->seq + recs_at(env, c, last)->len;
}

/*
 * RFC 4015 3.1 (9): after a needless timeout cwnd allows what is in flight, and no more of a burst than an initial window,
 * however much this acknowledgement took; below ssthresh it is back within a round trip.
 */
static void no_burst(struct tcp_conn *c, uint32_t acked)
{
	uint32_t burst = max_u32(min_u32(acked, tcp_initial_window(c->mss)), c->mss);

	c->cwnd = min_u32(c->cwnd, tcp_flight(c) + burst);
}

/* Step 9 */
static void restore_window(struct tcp_conn *c, const struct ack_info *a)
{
	struct tcp_cc_event ev = { .now_ns = a->now_ns, .srtt_us = c->srtt_us_x8 >> 3 };

	if (a->marked) { /* the reduction stands, for another reason */
		if (c->flags & TCP_F_RECOVERY && c->flags & TCP_F_SACK && !tcp_cc_table[c->cc]->owns_cwnd)
			c->cwnd = c->ssthresh; /* RFC 9937 6.4 */
		return;
	}
	tcp_cc_table[c->cc]->undo(c, &ev);
	c->cwnd = max_u32(c->cwnd, c->undo_cwnd);
	c->ssthresh = max_u32(c->ssthresh, c->undo_ssthresh);
	ecn_window_undone(c);
	cwv_recovered(c, true);
	if (c->flags & TCP_F_LOSS)
		no_burst(c, a->acked);
}

static void undo(struct tcp_env *env, struct tcp_conn *c, const struct ack_info *a)
{
	tcp_count(env, spurious_losses);
	unmark(env, c);
	restore_window(c, a);
	if (c->loss_flags & TCP_L_UNDO_RTO) {
		tcp_count(env, spurious_rtos);
		tcp_cold(c)->spurious.seq = seq_max(c->recover, c->snd_una);
		c->loss_flags |= TCP_L_RTT_ANEW;
	}
	c->flags &= ~(uint32_t)(TCP_F_RECOVERY | TCP_F_LOSS | TCP_F_FORCE_RTX);
	c->loss_flags &= (uint16_t)~TCP_L_UNDO;
	frto_over(c);
	c->loss_flags |= TCP_L_REORDERING;
	if (!(c->flags & TCP_F_SACK))
		c->sacked = c->dup_acks = 0;
}

/* Every retransmission since the reduction has been reported as a duplicate. */
static bool all_needless(struct tcp_conn *c, const struct ack_info *a)
{
	uint32_t n = (a->twice.end - a->twice.start + c->mss - 1) / c->mss;

	if (!c->undo_rtx || seq_lt(a->twice.start, c->undo_una))
		return false;
	if (n && c->loss_flags & TCP_L_UNDO_TLP) { /* a probe is no part of the recovery: it proves nothing of that */
		c->loss_flags &= (uint16_t)~TCP_L_UNDO_TLP;
		n--;
	}
	c->undo_rtx = (uint16_t)(c->undo_rtx - min_u32(n, c->undo_rtx));
	return !c->undo_rtx;
}

/* RFC 3522: the acknowledgement was caused by something older than the first retransmission. */
static bool eifel(const struct tcp_conn *c, const struct ack_info *a)
{
	return c->flags & (TCP_F_RECOVERY | TCP_F_LOSS) && a->acked && a->has_tsecr && seq_lt(a->tsecr, c->undo_ts);
}

bool undo_ack(struct tcp_env *env, struct tcp_conn *c, const struct ack_info *a)
{
	bool known = c->loss_flags & TCP_L_UNDO && c->undo_rtx;

	if (known && (a->dsack ? all_needless(c, a) : eifel(c, a))) {
		undo(env, c, a);
		return true;
	}
	if (frto_ack(env, c, a) && known) {
		tcp_count(env, frto_detections);
		undo(env, c, a);
		return true;
	}
	return false;
}
