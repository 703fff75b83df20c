// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * loss.c - finding out what was lost, and recovering: fast retransmit and fast
 * recovery with SACK by time (rack.c), without SACK by duplicate acknowledgements (RFC 5681
 * 3.2, NewReno RFC 6582), and the retransmission timeout (RFC 6298 5.4 to 5.7, RFC
 * 5681 3.1). How much may be sent meanwhile is in prr.c, what was needless in undo.c and
 * frto.c.
 *
 * Of RFC 6675 the scoreboard and pipe are left. IsLost() is never needed: the first delivery of anything that was sent
 * once, the SYN too, gives RACK its say, and before that only a timeout can have sent something again, which has taken
 * all for lost. Nor is the rescue retransmission (NextSeg() rule 4): in recovery the first retransmission that is
 * delivered is a sample for RACK, and what was sent before it and is still missing, the tail as well, is lost by its
 * time.
 *
 * Losing is a mark on a record (TCP_REC_LOST); output sends marked records before
 * anything new. tcp_pipe() is what the network is thought to hold.
 *
 * Without SACK, c->sacked holds a guess: one SMSS for each duplicate ACK. That lets one
 * new segment go for each of the first two: limited transmit (RFC 3042), as with SACK.
 */
#include "tcp/internal.h"

#define DUP_THRESH 3u

void loss_mark(struct tcp_conn *c, struct tcp_rec *r)
{
	if (r->flags & (TCP_REC_LOST | TCP_REC_SACKED))
		return;
	r->flags |= TCP_REC_LOST;
	c->lost += r->len;
	if (c->sacked + c->lost > tcp_flight(c)) /* without SACK c->sacked is a guess */
		c->sacked = tcp_flight(c) - c->lost;
	c->rtx_seq = seq_min(c->rtx_seq, r->seq);
	rate_lost(c, r);
}

static bool owns_cwnd(const struct tcp_conn *c)
{
	return tcp_cc_table[c->cc]->owns_cwnd;
}

static struct tcp_cc_event cc_event(const struct tcp_conn *c, uint64_t now_ns)
{
	return (struct tcp_cc_event){ .now_ns = now_ns,
				      .prior_flight = tcp_flight(c),
				      .srtt_us = c->srtt_us_x8 >> 3,
				      .ecn_reduced = ecn_reduced(c) };
}

/* A loss that is mended already costs as much as one that is not (RFC 8985 7.4.2). */
static void reduce_cwnd(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns)
{
	struct tcp_cc_event ev = cc_event(c, now_ns);

	tcp_count(env, loss_probe_repairs);
	c->loss_flags &= (uint16_t)~TCP_L_UNDO;
	if (c->flags & (TCP_F_RECOVERY | TCP_F_LOSS))
		return;
	cwv_congestion(c, &ev);
	ev.prior_flight = max_u32(c->cwnd, c->mss);
	tcp_cc_table[c->cc]->loss(c, &ev);
	ecn_window_reduced(c);
	c->cwnd = min_u32(c->cwnd, c->ssthresh);
}

static void enter_recovery(struct tcp_env *env, struct tcp_conn *c, uint32_t delivered, uint64_t now_ns)
{
	struct tcp_cc_event ev = cc_event(c, now_ns);
	bool unvalidated;

	undo_begin(c, false);
	unvalidated = cwv_congestion(c, &ev);
	ev.prior_flight = min_u32(ev.prior_flight, c->cwnd); /* without limited transmit (RFC 5681 3.2 (2)) */
	tcp_cc_table[c->cc]->loss(c, &ev);
	if (unvalidated)
		cwv_lost(c, ev.prior_flight);
	ecn_window_reduced(c);
	if (c->flags & TCP_F_SACK)
		prr_begin(c, delivered);
	else if (!owns_cwnd(c))
		c->cwnd = c->ssthresh;
	c->recover = c->snd_nxt;
	c->flags |= TCP_F_RECOVERY | TCP_F_FORCE_RTX;
	c->loss_flags &= (uint16_t) ~(TCP_L_TLP | TCP_L_PARTIAL);
	tcp_count(env, fast_recoveries);
}

/* The first record in flight: NewReno's next candidate. */
static void mark_first(struct tcp_env *env, struct tcp_conn *c)
{
	if (c->recs.count)
		loss_mark(c, recs_at(env, c, 0));
}

static void leave_recovery(struct tcp_conn *c)
{
	bool fast = c->flags & TCP_F_RECOVERY && !owns_cwnd(c);

	cwv_recovered(c, !fast);
	if (fast && c->flags & TCP_F_SACK)
		c->cwnd = c->ssthresh;
	else if (fast) /* RFC 6582 3.2 (3), option 1 */
		c->cwnd = min_u32(c->ssthresh, max_u32(tcp_flight(c), c->mss) + c->mss);
	c->flags &= ~(uint32_t)(TCP_F_RECOVERY | TCP_F_LOSS | TCP_F_FORCE_RTX);
	frto_over(c);
	if (!(c->flags & TCP_F_SACK))
		c->sacked = c->dup_acks = 0;
}

static void sack_loss(struct tcp_env *env, struct tcp_conn *c, const struct ack_info *a)
{
	bool lost;

	c->loss_flags &= (uint16_t) ~(TCP_L_PTO | TCP_L_TLP_DUE);
	c->probe_deadline = TCP_NEVER;
	lost = rack_detect(env, c, a->now_ns);
	if (lost && c->mtu_state == TCP_MTU_PROBING && plpmtud_lost(env, c))
		return;
	if (lost && !(c->flags & (TCP_F_RECOVERY | TCP_F_LOSS)))
		enter_recovery(env, c, a->delivered, a->now_ns);
	if (c->flags & TCP_F_RECOVERY && (lost || a->delivered) && !owns_cwnd(c))
		prr_update(c, a->delivered, a->acked && !lost);
}

void loss_reorder_expired(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns)
{
	struct ack_info a = { .now_ns = now_ns };

	sack_loss(env, c, &a);
}

/*
 * After a timeout duplicates may answer what was sent again needlessly (RFC 6582 3.2 (2)); but three needless ones would have
 * moved the acknowledgement by four segments at least before (4.1, ACK heuristic).
 */
static bool retransmission_lost(const struct tcp_conn *c)
{
	return c->flags & TCP_F_LOSS && !(c->loss_flags & (TCP_L_FRTO_1 | TCP_L_FRTO_2)) && c->cwnd > c->mss &&
	       tcp_cold_peek(c)->ack_step <= 4u * c->mss;
}

static void dup_ack_loss(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns)
{
	if (c->sacked + c->lost + c->mss <= tcp_flight(c))
		c->sacked += c->mss; /* one segment has left the network */
	if (c->dup_acks < DUP_THRESH || c->flags & TCP_F_RECOVERY)
		return;
	if (seq_leq(c->snd_una, c->recover) && !retransmission_lost(c))
		return;
	c->flags &= ~(uint32_t)TCP_F_LOSS;
	mark_first(env, c);
	if (c->mtu_state == TCP_MTU_PROBING && plpmtud_lost(env, c))
		return;
	enter_recovery(env, c, 0, now_ns);
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
	c->loss_flags |= TCP_L_PARTIAL;
	c->sacked -= min_u32(c->sacked, acked > c->mss ? acked - c->mss : 0);
	mark_first(env, c); /* NewReno: the next hole is lost too (RFC 6582 3.2 (5)) */
	c->flags |= TCP_F_FORCE_RTX;
}

/* Outside recovery two duplicates let something go (RFC 3042), even where the third begins none (RFC 6582 3.2 (2)). */
static bool past_limited_transmit(const struct tcp_conn *c)
{
	return c->dup_acks >= DUP_THRESH && !(c->flags & (TCP_F_RECOVERY | TCP_F_LOSS)) &&
	       seq_leq(c->snd_una, c->recover);
}

void loss_ack(struct tcp_env *env, struct tcp_conn *c, const struct ack_info *a)
{
	bool sack = c->flags & TCP_F_SACK, recovering = c->flags & (TCP_F_RECOVERY | TCP_F_LOSS);
	bool grown = sack && rack_adapt(c, a->dsack, false);

	if (a->dup)
		tcp_count(env, in_dup_acks);
	if (undo_ack(env, c, a)) {
		if (sack)
			tlp_arm(c, a->now_ns);
		return;
	}
	if (a->acked) {
		if (!sack) {
			c->dup_acks = 0;
			tcp_cold(c)->ack_step = a->acked;
		}
		if (recovering)
			partial_ack(env, c, a->acked);
		else if (!sack)
			c->sacked = 0;
	}
	if (sack) {
		if (recovering && !grown && !(c->flags & (TCP_F_RECOVERY | TCP_F_LOSS)))
			rack_adapt(c, false, true);
		if (tlp_ack(c, a))
			reduce_cwnd(env, c, a->now_ns);
		if (a->acked || a->new_sack)
			sack_loss(env, c, a);
		if (a->acked)
			tlp_arm(c, a->now_ns);
	} else if (a->dup) {
		c->dup_acks++;
		if (!past_limited_transmit(c))
			dup_ack_loss(env, c, a->now_ns);
	}
}

static void mark_all(struct tcp_env *env, struct tcp_conn *c)
{
	for (uint32_t i = 0; i < c->recs.count; i++)
		loss_mark(c, recs_at(env, c, i));
	c->lost_mark = c->snd_nxt;
}

/* The retransmission timer fired: what is unacknowledged is taken for lost (RACK spares the newest), cwnd is one segment. */
void loss_rto(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns)
{
	struct tcp_cc_event ev = cc_event(c, now_ns);

	tcp_count(env, rto_fires);
	account_rto(c, now_ns);
	frto_begin(c);
	if (!(c->flags & TCP_F_LOSS))
		undo_begin(c, true);
	if (!c->backoff || !(c->flags & TCP_F_LOSS)) /* ssthresh once for each loss (RFC 5681 (4)) */
		tcp_cc_table[c->cc]->rto(c, &ev);
	ecn_window_reduced(c);
	cwv_recovered(c, true);
	accecn_rto(c);
	if (!(c->flags & TCP_F_SACK))
		c->sacked = c->dup_acks = 0;
	else if (c->recs.count && recs_at(env, c, 0)->flags & TCP_REC_SACKED)
		sack_reneged(env, c);
	c->probe_deadline = TCP_NEVER;
	c->loss_flags &= (uint16_t) ~(TCP_L_PTO | TCP_L_TLP | TCP_L_TLP_DUE);
	if (c->flags & TCP_F_SACK && c->loss_flags & TCP_L_RACK)
		rack_mark_on_rto(env, c, now_ns);
	else
		mark_all(env, c);
	plpmtud_timeout(env, c);
	c->recover = c->snd_nxt;
	c->cwnd = c->mss;
	c->flags &= ~(uint32_t)TCP_F_RECOVERY;
	c->flags |= TCP_F_LOSS | TCP_F_FORCE_RTX;
	rtt_backoff(env, c);
}
