// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cc_bbr_ctl.c - what BBR does with its model (draft-ietf-ccwg-bbr-06 5.6): the pacing rate, a gain times the
 * bandwidth less 1 %; and cwnd, a gain times the BDP with room for aggregation, within the bounds.
 */
#include "tcp/cc_bbr.h"
#include "tcp/internal.h"

#define STARTUP_PACING_GAIN 709u /* 2.77 */
#define QUANTUM_MAX (64u << 10)

static const struct {
	uint16_t pacing, cwnd;
} gains[] = {
	[BBR_STARTUP] = { STARTUP_PACING_GAIN, 512 }, /* cwnd: 2 */
	[BBR_DRAIN] = { 128, 512 },		      /* 0.5 */
	[BBR_DOWN] = { 230, 512 },		      /* 0.9 */
	[BBR_CRUISE] = { 256, 512 },
	[BBR_REFILL] = { 256, 512 },
	[BBR_UP] = { 320, 576 },	/* 1.25, 2.25 */
	[BBR_PROBE_RTT] = { 256, 128 }, /* cwnd: 0.5 */
};

/* BDPMultiple() */
uint32_t bbr_bdp(const struct tcp_conn *c, const struct bbr *q, uint32_t gain)
{
	uint64_t bdp;

	if (!q->min_rtt_us || !q->bw)
		return tcp_initial_window(c->mss);
	bdp = min_u64(q->bw * q->min_rtt_us / 1000000, 1u << 30);
	return (uint32_t)min_u64(bdp * gain / BBR_UNIT, 1u << 30);
}

static uint32_t quantum(const struct tcp_conn *c)
{
	return max_u32((uint32_t)min_u64(tcp_pacing_rate_now(c) / 1000, QUANTUM_MAX), 2u * c->mss);
}

/* Three quanta are on their way somewhere between the pacer and the peer's delayed ACK (5.5.8.1). */
static uint32_t quantize(const struct tcp_conn *c, const struct bbr *q, uint32_t inflight)
{
	inflight = max_u32(inflight, max_u32(3 * quantum(c), 4u * c->mss));
	return q->state == BBR_UP ? inflight + 2u * c->mss : inflight;
}

uint32_t bbr_inflight(const struct tcp_conn *c, const struct bbr *q, uint32_t gain)
{
	return quantize(c, q, bbr_bdp(c, q, gain));
}

uint32_t bbr_probe_rtt_cwnd(const struct tcp_conn *c, const struct bbr *q)
{
	return max_u32(bbr_bdp(c, q, gains[BBR_PROBE_RTT].cwnd), 4u * c->mss);
}

void bbr_init_pacing(struct tcp_conn *c, struct bbr *q)
{
	uint32_t srtt_us = c->srtt_us_x8 >> 3;

	q->has_rtt = srtt_us;
	tcp_pacing_rate(c, (uint64_t)tcp_initial_window(c->mss) * 1000000 / (srtt_us ? srtt_us : 1000) *
				   STARTUP_PACING_GAIN / BBR_UNIT);
}

void bbr_set_pacing(struct tcp_conn *c, const struct bbr *q, uint32_t gain)
{
	uint64_t rate = q->bw * gain / BBR_UNIT * 99 / 100;

	if (rate && (q->full_bw_reached || rate > tcp_cold(c)->pace.rate))
		tcp_pacing_rate(c, rate);
}

static uint32_t bound(const struct tcp_conn *c, const struct bbr *q, uint32_t cwnd)
{
	uint32_t cap = BBR_NONE;

	if (q->state == BBR_PROBE_RTT)
		cwnd = min_u32(cwnd, bbr_probe_rtt_cwnd(c, q));
	if (q->state == BBR_PROBE_RTT || q->state == BBR_CRUISE)
		cap = bbr_headroom(c, q);
	else if (bbr_probing_cycle(q))
		cap = q->inflight_longterm;
	cap = max_u32(min_u32(cap, q->inflight_shortterm), 4u * c->mss);
	return min_u32(cwnd, cap);
}

static void set_cwnd(struct tcp_conn *c, const struct bbr *q, uint32_t delivered)
{
	uint32_t extra = max_u32(q->extra_acked[0], q->extra_acked[1]);
	uint32_t most = quantize(c, q, bbr_bdp(c, q, gains[q->state].cwnd) + extra);
	uint32_t cwnd = min_u32(c->cwnd, 1u << 30);

	if (q->full_bw_reached)
		cwnd = min_u32(cwnd + delivered, most);
	else if (cwnd < most || tcp_cold(c)->rate.delivered < tcp_initial_window(c->mss))
		cwnd += delivered;
	c->cwnd = bound(c, q, max_u32(cwnd, 4u * c->mss));
}

void bbr_control(struct tcp_conn *c, struct bbr *q, const struct tcp_cc_event *ev)
{
	if (!q->has_rtt && ev->srtt_us && !q->full_bw_reached)
		bbr_init_pacing(c, q);
	bbr_set_pacing(c, q, gains[q->state].pacing);
	set_cwnd(c, q, ev->delivered);
}
