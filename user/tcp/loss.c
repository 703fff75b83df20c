// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * loss.c - finding out what was lost, and recovering: fast retransmit and fast
 * recovery with SACK (RFC 6675: a segment is lost when DupThresh segments, or more
 * than (DupThresh - 1) * SMSS bytes, above it have been SACKed), without SACK by
 * duplicate acknowledgements (RFC 5681 3.2, NewReno RFC 6582), and the
 * retransmission timeout (RFC 6298 5.4 to 5.7, RFC 5681 3.1).
 *
 * Losing is a mark on a record (TCP_REC_LOST); output sends marked records before
 * anything new. tcp_pipe() is what the network is thought to hold.
 *
 * Without SACK, c->sacked holds a guess: one SMSS for each duplicate ACK.
 */
#include "tcp/internal.h"

#define DUP_THRESH 3u

void loss_mark(struct tcp_conn *c, struct tcp_rec *r)
{
	if (r->flags & (TCP_REC_LOST | TCP_REC_SACKED))
		return;
	r->flags |= TCP_REC_LOST;
	c->lost += r->len;
	c->rtx_seq = seq_min(c->rtx_seq, r->seq);
}

static struct tcp_cc_event cc_event(const struct tcp_conn *c, uint64_t now_ns)
{
	return (struct tcp_cc_event){ .now_ns = now_ns, .prior_flight = tcp_flight(c), .srtt_us = c->srtt_us_x8 >> 3 };
}

static void enter_recovery(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns)
{
	struct tcp_cc_event ev = cc_event(c, now_ns);

	ev.prior_flight = min_u32(ev.prior_flight, c->cwnd); /* without limited transmit (RFC 5681 3.2 (2)) */
	tcp_cc_table[c->cc]->loss(c, &ev);
	c->cwnd = c->ssthresh;
	c->recover = c->snd_nxt;
	c->flags |= TCP_F_RECOVERY | TCP_F_FORCE_RTX;
	tcp_count(env, fast_recoveries);
}

/* Records i and below, down to what has been judged before, are lost unless SACKed. */
static bool mark_down_from(struct tcp_env *env, struct tcp_conn *c, uint32_t i)
{
	uint32_t old = c->lost_mark;
	bool any = false;

	c->lost_mark = recs_at(env, c, i)->seq + recs_at(env, c, i)->len;
	for (uint32_t k = i + 1; k-- > 0;) {
		struct tcp_rec *r = recs_at(env, c, k);

		if (seq_lt(r->seq, old))
			break;
		if (r->flags & TCP_REC_SACKED)
			continue;
		loss_mark(c, r);
		any = true;
	}
	return any;
}

/* RFC 6675 IsLost(): from the highest SACKed record down to the first that has enough SACKed above it. */
static bool mark_by_sack(struct tcp_env *env, struct tcp_conn *c)
{
	uint32_t above = 0, bytes = 0;
	uint32_t i = min_u32(recs_find(env, c, c->high_sacked - 1) + 1, c->recs.count);

	while (i-- > 0) {
		const struct tcp_rec *r = recs_at(env, c, i);

		if (seq_lt(r->seq, c->lost_mark))
			return false;
		if (r->flags & TCP_REC_SACKED) {
			above++;
			bytes += r->len;
		} else if (above >= DUP_THRESH || bytes > (DUP_THRESH - 1) * c->mss) {
			return mark_down_from(env, c, i);
		}
	}
	return false;
}

/* The first record in flight: NewReno's next candidate. */
static void mark_first(struct tcp_env *env, struct tcp_conn *c)
{
	if (c->recs.count)
		loss_mark(c, recs_at(env, c, 0));
}

static void leave_recovery(struct tcp_conn *c)
{
	if (c->flags & TCP_F_RECOVERY && !(c->flags & TCP_F_SACK)) /* RFC 6582 3.2 (3), option 1 */
		c->cwnd = min_u32(c->ssthresh, max_u32(tcp_flight(c), c->mss) + c->mss);
	c->flags &= ~(uint32_t)(TCP_F_RECOVERY | TCP_F_LOSS | TCP_F_FORCE_RTX);
	c->dup_acks = 0;
	if (!(c->flags & TCP_F_SACK))
		c->sacked = 0;
}

static void sack_loss(struct tcp_env *env, struct tcp_conn *c, bool new_sack, uint64_t now_ns)
{
	if (!new_sack || !c->sacked)
		return;
	if (mark_by_sack(env, c) && !(c->flags & (TCP_F_RECOVERY | TCP_F_LOSS)))
		enter_recovery(env, c, now_ns);
}

static void dup_ack_loss(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns)
{
	if (c->sacked + c->lost + c->mss <= tcp_flight(c))
		c->sacked += c->mss; /* one segment has left the network */
	if (c->dup_acks < DUP_THRESH || c->flags & (TCP_F_RECOVERY | TCP_F_LOSS))
		return;
	if (seq_leq(c->snd_una, c->recover)) /* RFC 6582 3.2 (2): these may answer what was sent again needlessly */
		return;
	enter_recovery(env, c, now_ns);
	mark_first(env, c);
	if (c->sacked + c->lost > tcp_flight(c))
		c->sacked = tcp_flight(c) - c->lost;
}

/* The cumulative acknowledgement moved while recovering. */
static void partial_ack(struct tcp_env *env, struct tcp_conn *c, uint32_t acked)
{
	if (seq_geq(c->snd_una, c->recover)) {
		leave_recovery(c);
		return;
	}
	if (c->flags & TCP_F_SACK)
		return;
	if (!(c->flags & TCP_F_RECOVERY)) { /* after a timeout all is marked: slow start sends it */
		c->sacked = 0;
		return;
	}
	c->sacked -= min_u32(c->sacked, acked > c->mss ? acked - c->mss : 0);
	mark_first(env, c); /* NewReno: the next hole is lost too (RFC 6582 3.2 (5)) */
	if (c->sacked + c->lost > tcp_flight(c))
		c->sacked = tcp_flight(c) - c->lost;
	c->flags |= TCP_F_FORCE_RTX;
}

void loss_ack(struct tcp_env *env, struct tcp_conn *c, uint32_t acked, bool dup_ack, bool new_sack, uint64_t now_ns)
{
	if (acked) {
		c->dup_acks = 0;
		if (c->flags & (TCP_F_RECOVERY | TCP_F_LOSS)) {
			partial_ack(env, c, acked);
		} else if (!(c->flags & TCP_F_SACK)) {
			c->sacked = 0;
		}
	}
	if (dup_ack) {
		c->dup_acks++;
		tcp_count(env, in_dup_acks);
	}
	if (c->flags & TCP_F_SACK)
		sack_loss(env, c, new_sack, now_ns);
	else if (dup_ack)
		dup_ack_loss(env, c, now_ns);
}

/* The retransmission timer fired: everything unacknowledged is taken for lost, cwnd is one segment. */
void loss_rto(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns)
{
	struct tcp_cc_event ev = cc_event(c, now_ns);

	tcp_count(env, rto_fires);
	c->rto_count++;
	if (!c->backoff || !(c->flags & TCP_F_LOSS)) /* ssthresh once for each loss (RFC 5681 (4)) */
		tcp_cc_table[c->cc]->rto(c, &ev);
	if (!(c->flags & TCP_F_SACK))
		c->sacked = 0;
	else if (c->recs.count && recs_at(env, c, 0)->flags & TCP_REC_SACKED)
		sack_reneged(env, c);
	for (uint32_t i = 0; i < c->recs.count; i++)
		loss_mark(c, recs_at(env, c, i));
	c->lost_mark = c->snd_nxt;
	c->recover = c->snd_nxt;
	c->cwnd = c->mss;
	c->dup_acks = 0;
	c->flags &= ~(uint32_t)TCP_F_RECOVERY;
	c->flags |= TCP_F_LOSS | TCP_F_FORCE_RTX;
	rtt_backoff(env, c);
}
