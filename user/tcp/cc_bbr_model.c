// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cc_bbr_model.c - BBR's model of the path (draft-ietf-ccwg-bbr-06 5.5, 5.3.1.2): packet-timed rounds, the
 * bandwidth as the maximum of two ProbeBW cycles, how far acknowledgements are aggregated, the
 * short-term bounds that follow losses while not probing, and whether the pipe is full.
 */
#include "tcp/cc_bbr.h"
#include "tcp/internal.h"

#define EXTRA_ROUNDS 5u /* two windows of it: BBR.ExtraAckedFilterLen = 10 */
#define FULL_BW_COUNT 3

void bbr_start_round(struct tcp_conn *c, struct bbr *q)
{
	q->next_round_delivered = tcp_cold(c)->rate.delivered;
}

static void update_round(struct tcp_conn *c, struct bbr *q, const struct tcp_rate_sample *rs)
{
	q->round_start = rs->prior_delivered >= q->next_round_delivered;
	if (!q->round_start)
		return;
	bbr_start_round(c, q);
	q->round_count++;
	q->rounds_since_probe++;
}

/* The rate of a sample, bounded. */
static uint64_t rate_of(const struct tcp_rate_sample *rs)
{
	return min_u64(tcp_rate_of(rs), BBR_BW_MAX);
}

static void update_max_bw(struct bbr *q, const struct tcp_rate_sample *rs, uint64_t rate)
{
	if (rate && (rate >= bbr_max_bw(q) || !rs->app_limited) && rate > q->max_bw[1])
		q->max_bw[1] = rate;
}

/* Loss in a round without probing: at its end the bounds give way to what was delivered, by a factor of beta at most. */
static void adapt_lower_bounds(const struct tcp_conn *c, struct bbr *q)
{
	if (!q->loss_in_round || q->state == BBR_STARTUP || q->state == BBR_REFILL || q->state == BBR_UP)
		return;
	if (q->bw_shortterm == BBR_BW_NONE)
		q->bw_shortterm = bbr_max_bw(q);
	if (q->inflight_shortterm == BBR_NONE)
		q->inflight_shortterm = c->cwnd;
	q->bw_shortterm = BBR_BETA(q->bw_shortterm);
	if (q->bw_shortterm < q->bw_latest)
		q->bw_shortterm = q->bw_latest;
	q->inflight_shortterm = max_u32(q->inflight_latest, BBR_BETA(q->inflight_shortterm));
}

static void update_extra_acked(const struct tcp_conn *c, struct bbr *q, const struct tcp_cc_event *ev)
{
	uint64_t expected = q->bw * ((ev->now_ns - q->extra_start_ns) / 1000) / 1000000;
	uint32_t extra;

	if (ev->now_ns - q->extra_start_ns > BBR_NS_PER_S * 100 || q->extra_delivered <= expected) {
		q->extra_delivered = 0;
		q->extra_start_ns = ev->now_ns;
		expected = 0;
	}
	q->extra_delivered += ev->delivered;
	extra = (uint32_t)min_u64(q->extra_delivered - expected, c->cwnd);
	if (q->round_start && ++q->extra_rounds >= (q->full_bw_reached ? EXTRA_ROUNDS : 1)) {
		q->extra_rounds = 0;
		q->extra_acked[0] = q->extra_acked[1];
		q->extra_acked[1] = 0;
	}
	q->extra_acked[1] = max_u32(q->extra_acked[1], extra);
}

void bbr_model_signals(struct tcp_conn *c, struct bbr *q, const struct tcp_cc_event *ev)
{
	const struct tcp_rate_sample *rs = ev->rs;
	uint64_t rate = rate_of(rs);

	q->loss_round_start = rs->prior_delivered >= q->loss_round_delivered;
	if (q->loss_round_start)
		q->loss_round_delivered = tcp_cold(c)->rate.delivered;
	if (rate > q->bw_latest)
		q->bw_latest = rate;
	q->inflight_latest = max_u32(q->inflight_latest, rs->delivered);
	update_round(c, q, rs);
	update_max_bw(q, rs, rate);
	if (q->loss_round_start)
		adapt_lower_bounds(c, q);
	update_extra_acked(c, q, ev);
}

void bbr_model_advance(struct bbr *q, const struct tcp_cc_event *ev)
{
	if (q->loss_round_start) {
		q->bw_latest = rate_of(ev->rs);
		q->inflight_latest = ev->rs->delivered;
		q->loss_in_round = false;
		q->loss_events = 0;
	}
	q->bw = min_u64(bbr_max_bw(q), q->bw_shortterm);
}

void bbr_reset_signals(struct bbr *q)
{
	q->loss_in_round = false;
	q->loss_events = 0;
	q->bw_latest = 0;
	q->inflight_latest = 0;
}

void bbr_reset_short_term(struct bbr *q)
{
	q->bw_shortterm = BBR_BW_NONE;
	q->inflight_shortterm = BBR_NONE;
}

void bbr_reset_full_bw(struct bbr *q)
{
	q->full_bw = 0;
	q->full_bw_count = 0;
	q->full_bw_now = false;
}

void bbr_check_full_bw(struct bbr *q, const struct tcp_rate_sample *rs)
{
	uint64_t rate = rate_of(rs);

	if (q->full_bw_now || !q->round_start || rs->app_limited)
		return;
	if (rate >= q->full_bw + q->full_bw / 4) {
		bbr_reset_full_bw(q);
		q->full_bw = rate;
		return;
	}
	q->full_bw_now = ++q->full_bw_count >= FULL_BW_COUNT;
	if (q->full_bw_now)
		q->full_bw_reached = true;
}

/* ---- losses ---- */

/* The last cwnd that neither a recovery nor ProbeRTT has made small. */
void bbr_save_cwnd(const struct tcp_conn *c, struct bbr *q)
{
	if (!(c->flags & (TCP_F_RECOVERY | TCP_F_LOSS)) && q->state != BBR_PROBE_RTT)
		q->prior_cwnd = c->cwnd;
	else
		q->prior_cwnd = max_u32(q->prior_cwnd, c->cwnd);
}

void bbr_save_state(const struct tcp_conn *c, struct bbr *q)
{
	bbr_save_cwnd(c, q);
	q->undo_state = BBR_PROBE_RTT;
	q->undo_bw_shortterm = q->bw_shortterm;
	q->undo_shortterm = q->inflight_shortterm;
	q->undo_longterm = q->inflight_longterm;
}

void bbr_note_loss(struct tcp_conn *c, struct bbr *q)
{
	if (!q->loss_in_round) {
		q->loss_round_delivered = tcp_cold(c)->rate.delivered;
		bbr_save_state(c, q);
	}
	q->loss_in_round = true;
}

/* BBR.LossThresh is 2 %. */
bool bbr_lost_too_much(const struct tcp_conn *c, uint32_t lost, uint32_t tx_in_flight)
{
	return (uint64_t)lost * 50 > tx_in_flight || (lost && !(c->flags & TCP_F_SACK));
}
