// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cc_bbr_probe.c - ProbeBW (draft-ietf-ccwg-bbr-06 5.3.3): down, cruise, refill, up, and around. Up looks for more
 * bandwidth and for how much may be in flight (inflight_longterm); losses above 2 % tell that it was
 * too much. After such a probe the next one stops where the last got into trouble, and only if that went
 * well goes on at once ("precautionary bandwidth probing", 5.3.3.6).
 *
 * The waits between probes are random, from a generator seeded by the connection's own numbers: the core draws none.
 */
#include "tcp/cc_bbr.h"
#include "tcp/internal.h"

#define WAIT_BASE_NS (2 * BBR_NS_PER_S)
#define WAIT_MORE_NS BBR_NS_PER_S
#define RENO_ROUNDS_MAX 63u
#define GROWTH_MAX 30

/* xorshift64: 2^64 - 1 numbers, never 0. */
static uint64_t draw(struct bbr *q)
{
	q->random ^= q->random << 13;
	q->random ^= q->random >> 7;
	q->random ^= q->random << 17;
	return q->random;
}

/* ---- entering the phases ---- */

static void start_down(struct tcp_conn *c, struct bbr *q, uint64_t now_ns)
{
	uint64_t r = draw(q);

	bbr_reset_signals(q);
	q->up_acked_per_inc = BBR_NONE;
	q->rounds_since_probe = r & 1;
	q->probe_wait_ns = WAIT_BASE_NS + (r >> 1) % WAIT_MORE_NS;
	q->cycle_ns = now_ns;
	q->acks = BBR_ACKS_STOPPING;
	bbr_start_round(c, q);
	q->state = BBR_DOWN;
}

void bbr_start_refill(struct tcp_conn *c, struct bbr *q)
{
	bbr_reset_short_term(q);
	q->up_rounds = 0;
	q->up_acked = 0;
	q->prev_precautionary = false;
	q->acks = BBR_ACKS_REFILLING;
	bbr_start_round(c, q);
	q->state = BBR_REFILL;
}

/* inflight_longterm grows by 1, 2, 4 ... segments a round, spread over it. */
static void raise_slope(const struct tcp_conn *c, struct bbr *q)
{
	q->up_acked_per_inc = max_u32(c->cwnd >> q->up_rounds, c->mss);
	q->up_rounds += q->up_rounds < GROWTH_MAX;
}

static void start_up(struct tcp_conn *c, struct bbr *q, const struct tcp_rate_sample *rs)
{
	q->acks = BBR_ACKS_STARTING;
	bbr_start_round(c, q);
	bbr_reset_full_bw(q);
	q->full_bw = tcp_rate_of(rs);
	q->state = BBR_UP;
	raise_slope(c, q);
}

void bbr_enter_probe_bw(struct tcp_conn *c, struct bbr *q, uint64_t now_ns)
{
	start_down(c, q, now_ns);
}

void bbr_resume_cruise(struct tcp_conn *c, struct bbr *q, uint64_t now_ns)
{
	start_down(c, q, now_ns);
	q->state = BBR_CRUISE;
}

/* ---- the long-term bound ---- */

/* Room for others: 15 % of what is known to fit. */
uint32_t bbr_headroom(const struct tcp_conn *c, const struct bbr *q)
{
	uint32_t part = q->inflight_longterm / 20 * 3;

	if (q->inflight_longterm == BBR_NONE)
		return BBR_NONE;
	part = min_u32(max_u32(part, c->mss), q->inflight_longterm);
	return max_u32(q->inflight_longterm - part, 4u * c->mss);
}

void bbr_inflight_too_high(struct tcp_conn *c, struct bbr *q, uint64_t now_ns)
{
	uint32_t target = min_u32(bbr_bdp(c, q, BBR_UNIT), c->cwnd);

	q->too_high = false;
	q->prev_too_high = true;
	q->probe_sample = false;
	if (!q->too_high_limited)
		q->inflight_longterm = max_u32(max_u32(q->at_loss, BBR_BETA(target)), 4u * c->mss);
	if (q->state == BBR_UP) {
		q->undo_state = BBR_UP;
		start_down(c, q, now_ns);
	}
}

static bool cwnd_limited(const struct tcp_conn *c, const struct bbr *q)
{
	return c->flags & TCP_F_CWND_LIMITED && c->cwnd >= q->inflight_longterm;
}

static void probe_upward(const struct tcp_conn *c, struct bbr *q, uint32_t delivered)
{
	uint32_t steps;

	if (!cwnd_limited(c, q))
		return;
	q->up_acked += delivered;
	if (q->up_acked >= q->up_acked_per_inc) {
		steps = q->up_acked / q->up_acked_per_inc;
		q->up_acked -= steps * q->up_acked_per_inc;
		q->inflight_longterm = (uint32_t)min_u64((uint64_t)q->inflight_longterm + (uint64_t)steps * c->mss,
							 1u << 30);
	}
	if (q->round_start)
		raise_slope(c, q);
}

static void next_bw_window(struct bbr *q)
{
	if (!q->max_bw[1])
		return;
	q->max_bw[0] = q->max_bw[1];
	q->max_bw[1] = 0;
}

/* AdaptLongTermModel(). True: it went to another phase. */
static bool adapt_long_term(struct tcp_conn *c, struct bbr *q, const struct tcp_cc_event *ev)
{
	const struct tcp_rate_sample *rs = ev->rs;

	if (q->acks == BBR_ACKS_STARTING && q->round_start)
		q->acks = BBR_ACKS_FEEDBACK;
	if (q->acks == BBR_ACKS_STOPPING && q->round_start) { /* what was sent while probing has been answered */
		q->probe_sample = false;
		q->acks = BBR_ACKS_INIT;
		if (bbr_probing_cycle(q) && !rs->app_limited)
			next_bw_window(q);
		if (bbr_probing_cycle(q) && q->prev_precautionary && !q->prev_too_high) {
			bbr_start_refill(c, q);
			return true;
		}
	}
	if (q->inflight_longterm == BBR_NONE || bbr_lost_too_much(c, rs->lost, rs->tx_in_flight))
		return false;
	q->inflight_longterm = max_u32(q->inflight_longterm, rs->tx_in_flight);
	if (q->state == BBR_UP)
		probe_upward(c, q, ev->delivered);
	return false;
}

/* ---- leaving the phases ---- */

/* Not more often than Reno would need to get back its window on a short path, so that it can live beside us (5.3.3.8). */
static bool time_to_probe(struct tcp_conn *c, struct bbr *q, uint64_t now_ns)
{
	uint32_t target = min_u32(bbr_bdp(c, q, BBR_UNIT), c->cwnd) / c->mss;

	if (now_ns - q->cycle_ns <= q->probe_wait_ns && q->rounds_since_probe < min_u32(target, RENO_ROUNDS_MAX))
		return false;
	bbr_start_refill(c, q);
	return true;
}

static bool time_to_cruise(const struct tcp_conn *c, const struct bbr *q)
{
	uint32_t pipe = tcp_pipe(c);

	return pipe <= bbr_headroom(c, q) && pipe <= bbr_inflight(c, q, BBR_UNIT);
}

static bool time_to_go_down(const struct tcp_conn *c, struct bbr *q, const struct tcp_rate_sample *rs)
{
	if (q->prev_too_high && tcp_pipe(c) >= q->inflight_longterm) {
		q->prev_precautionary = true;
		return true;
	}
	if (cwnd_limited(c, q)) { /* the bound is in the way, not the path */
		bbr_reset_full_bw(q);
		q->full_bw = tcp_rate_of(rs);
		return false;
	}
	return q->full_bw_now;
}

void bbr_probe_cycle(struct tcp_conn *c, struct bbr *q, const struct tcp_cc_event *ev)
{
	if (!q->full_bw_reached || adapt_long_term(c, q, ev))
		return;
	switch (q->state) {
	case BBR_DOWN:
		if (!time_to_probe(c, q, ev->now_ns) && time_to_cruise(c, q))
			q->state = BBR_CRUISE;
		break;
	case BBR_CRUISE: time_to_probe(c, q, ev->now_ns); break;
	case BBR_REFILL:
		if (!q->round_start)
			break;
		q->probe_sample = true;
		start_up(c, q, ev->rs);
		break;
	case BBR_UP:
		if (!time_to_go_down(c, q, ev->rs))
			break;
		q->prev_too_high = false;
		start_down(c, q, ev->now_ns);
		break;
	default: break;
	}
}
