// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cc_bbr.c - BBRv3 (draft-ietf-ccwg-bbr-06): congestion control by a model of the path. It sends at the bandwidth
 * that it has measured and keeps about a BDP in flight, where Reno and CUBIC fill the queue until it
 * overflows. Losses bound the model when they are many (2 %), and otherwise only while it is not probing.
 *
 * Here: an acknowledgement from end to end (5.2.3), Startup and Drain (5.3.1, 5.3.2), restart from idle (5.4), what
 * is lost (5.5.10.2), needless recoveries (5.5.11). The rest is listed in cc_bbr.h.
 *
 * Its own: all of cwnd, in recovery too (no PRR). Of a timeout loss.c makes one segment; the acknowledgements after it
 * let cwnd grow to the model's bound again. ssthresh plays no part.
 *
 * The draft leaves ECN open. A mark counts as a loss that needs no repair, once for a window.
 *
 * Invariant: cwnd >= 4 segments but after a timeout; bw <= max_bw; what was drawn at random depends on the connection alone.
 */
#include "tcp/cc_bbr.h"
#include "tcp/internal.h"

#define STARTUP_LOSS_EVENTS 6
#define DRAIN_ROUNDS 3u

void bbr_enter_startup(struct bbr *q)
{
	q->state = BBR_STARTUP;
}

static void bbr_init(struct tcp_conn *c)
{
	struct bbr *q = bbr_of(c);

	memset(q, 0, sizeof(*q));
	q->random = ((uint64_t)c->iss << 32 | c->ts_offset) ^ ((uint64_t)c->lport << 16 | c->rport);
	q->random |= !q->random;
	bbr_reset_short_term(q);
	q->inflight_longterm = BBR_NONE;
	q->undo_state = BBR_PROBE_RTT;
	q->up_acked_per_inc = BBR_NONE;
	q->min_rtt_ns = q->probe_rtt_min_ns = q->extra_start_ns = c->last_rx_ns;
	q->prior_cwnd = c->cwnd;
	q->min_rtt_us = q->probe_rtt_min_us = c->flags & TCP_F_SYN_ACKED ? c->min_rtt_us : 0;
	bbr_start_round(c, q);
	q->loss_round_delivered = q->next_round_delivered;
	bbr_init_pacing(c, q);
}

/* ---- Startup and Drain ---- */

/* Losses for a whole round of recovery, more than 2 %, in several places: the pipe is full. */
static void check_startup_loss(struct tcp_conn *c, struct bbr *q, const struct tcp_rate_sample *rs)
{
	uint32_t events = c->flags & TCP_F_SACK ? STARTUP_LOSS_EVENTS : 1;

	if (!q->loss_round_start || !q->loss_in_round || !(c->flags & TCP_F_RECOVERY) || q->loss_events < events ||
	    !bbr_lost_too_much(c, rs->lost, rs->tx_in_flight))
		return;
	q->undo_state = BBR_STARTUP;
	q->full_bw_reached = true;
	q->inflight_longterm = max_u32(bbr_bdp(c, q, BBR_UNIT), q->inflight_latest);
}

static void check_startup_and_drain(struct tcp_conn *c, struct bbr *q, const struct tcp_cc_event *ev)
{
	if (q->state == BBR_STARTUP) {
		check_startup_loss(c, q, ev->rs);
		if (q->full_bw_reached) {
			q->state = BBR_DRAIN;
			q->drain_round = q->round_count;
		}
	}
	if (q->state == BBR_DRAIN &&
	    (tcp_pipe(c) <= bbr_inflight(c, q, BBR_UNIT) || q->round_count > q->drain_round + DRAIN_ROUNDS))
		bbr_enter_probe_bw(c, q, ev->now_ns);
}

/* ---- an acknowledgement ---- */

static void bbr_ack(struct tcp_conn *c, const struct tcp_cc_event *ev)
{
	struct bbr *q = bbr_of(c);
	bool recovering = c->flags & (TCP_F_RECOVERY | TCP_F_LOSS);

	if (q->recovering && !recovering) /* 5.6.4.4 */
		c->cwnd = max_u32(c->cwnd, q->prior_cwnd);
	q->recovering = recovering;
	if (!ev->rs || !ev->rs->delivered)
		return;
	if (q->too_high)
		bbr_inflight_too_high(c, q, ev->now_ns);
	bbr_model_signals(c, q, ev);
	bbr_check_full_bw(q, ev->rs);
	check_startup_and_drain(c, q, ev);
	bbr_probe_cycle(c, q, ev);
	bbr_update_min_rtt(q, ev);
	bbr_check_probe_rtt(c, q, ev);
	bbr_model_advance(q, ev);
	bbr_control(c, q, ev);
}

/* ---- losses ---- */

static void bbr_loss(struct tcp_conn *c, const struct tcp_cc_event *ev)
{
	(void)ev;
	bbr_save_state(c, bbr_of(c));
}

/* InflightAtLoss(): of what was in flight, how much had been sent when losses passed the threshold? */
static uint32_t inflight_at_loss(const struct tcp_lost *l)
{
	int64_t flight = (int64_t)l->tx_in_flight - l->len, lost = (int64_t)l->lost - l->len;
	int64_t prefix = (flight / 50 - lost) * 50 / 49;

	return (uint32_t)(flight + prefix > 0 ? flight + prefix : 0);
}

static void bbr_lost(struct tcp_conn *c, const struct tcp_lost *l)
{
	struct bbr *q = bbr_of(c);

	bbr_note_loss(c, q);
	if (l->seq != q->loss_end || !q->loss_events)
		q->loss_events += q->loss_events < UINT16_MAX;
	q->loss_end = l->seq + l->len;
	if (!q->probe_sample || q->too_high || !bbr_lost_too_much(c, l->lost, l->tx_in_flight))
		return;
	q->at_loss = inflight_at_loss(l);
	q->too_high_limited = l->app_limited;
	q->too_high = true;
}

static void bbr_ecn(struct tcp_conn *c, const struct tcp_cc_event *ev)
{
	struct bbr *q = bbr_of(c);

	bbr_note_loss(c, q);
	if (!q->probe_sample || q->too_high)
		return;
	q->at_loss = ev->prior_flight;
	q->too_high_limited = ev->app_limited;
	q->too_high = true;
}

static void bbr_undo(struct tcp_conn *c, const struct tcp_cc_event *ev)
{
	struct bbr *q = bbr_of(c);

	(void)ev;
	c->cwnd = max_u32(c->cwnd, q->prior_cwnd);
	q->loss_in_round = q->too_high = false;
	q->loss_events = 0;
	bbr_reset_full_bw(q);
	if (q->bw_shortterm < q->undo_bw_shortterm)
		q->bw_shortterm = q->undo_bw_shortterm;
	q->inflight_shortterm = max_u32(q->inflight_shortterm, q->undo_shortterm);
	q->inflight_longterm = max_u32(q->inflight_longterm, q->undo_longterm);
	if (q->undo_state == BBR_STARTUP && q->state != BBR_STARTUP) {
		q->full_bw_reached = false;
		if (q->state != BBR_PROBE_RTT)
			bbr_enter_startup(q);
	} else if (q->undo_state == BBR_UP && q->state != BBR_UP && q->state != BBR_PROBE_RTT) {
		bbr_start_refill(c, q);
	}
	q->undo_state = BBR_PROBE_RTT;
}

/* ---- idle ---- */

/* Nothing is in flight, for want of data, and something is about to be sent. */
static void bbr_restart(struct tcp_conn *c, uint64_t now_ns)
{
	struct bbr *q = bbr_of(c);

	if (!tcp_cold(c)->rate.app_limited)
		return;
	q->idle_restart = true;
	q->extra_start_ns = now_ns;
	q->extra_delivered = 0;
	if (bbr_probing_cycle(q))
		bbr_set_pacing(c, q, BBR_UNIT);
	else if (q->state == BBR_PROBE_RTT)
		bbr_probe_rtt_done(c, q, now_ns);
}

const struct tcp_cc_ops tcp_cc_bbr = {
	.name = "bbr",
	.owns_cwnd = true,
	.init = bbr_init,
	.ack = bbr_ack,
	.loss = bbr_loss,
	.rto = bbr_loss,
	.lost = bbr_lost,
	.ecn = bbr_ecn,
	.undo = bbr_undo,
	.restart = bbr_restart,
};
