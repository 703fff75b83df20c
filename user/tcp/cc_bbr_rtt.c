// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cc_bbr_rtt.c - BBR's least round-trip time and ProbeRTT (draft-ietf-ccwg-bbr-06 5.3.4, 5.5.7): when nothing as
 * small has been measured for five seconds, half a BDP in flight for 200 ms lets the queue run empty, so that all
 * flows that share it can see the path without it. The estimate itself lives for ten.
 */
#include "tcp/cc_bbr.h"
#include "tcp/internal.h"

#define PROBE_RTT_INTERVAL_NS (5 * BBR_NS_PER_S)
#define MIN_RTT_FILTER_NS (10 * BBR_NS_PER_S)
#define PROBE_RTT_NS (BBR_NS_PER_S / 5)

void bbr_update_min_rtt(struct bbr *q, const struct tcp_cc_event *ev)
{
	uint32_t rtt_us = ev->rs->rtt_us;

	q->probe_rtt_expired = ev->now_ns > q->probe_rtt_min_ns + PROBE_RTT_INTERVAL_NS;
	if (rtt_us && (!q->probe_rtt_min_us || rtt_us < q->probe_rtt_min_us || q->probe_rtt_expired)) {
		q->probe_rtt_min_us = rtt_us;
		q->probe_rtt_min_ns = ev->now_ns;
	}
	if (!q->probe_rtt_min_us)
		return;
	if (!q->min_rtt_us || q->probe_rtt_min_us < q->min_rtt_us || ev->now_ns > q->min_rtt_ns + MIN_RTT_FILTER_NS) {
		q->min_rtt_us = q->probe_rtt_min_us;
		q->min_rtt_ns = q->probe_rtt_min_ns;
	}
}

void bbr_probe_rtt_done(struct tcp_conn *c, struct bbr *q, uint64_t now_ns)
{
	if (!q->probe_rtt_done_ns || now_ns <= q->probe_rtt_done_ns)
		return;
	q->probe_rtt_min_ns = now_ns; /* the next one is due from now on */
	c->cwnd = max_u32(c->cwnd, q->prior_cwnd);
	bbr_reset_short_term(q);
	if (q->full_bw_reached)
		bbr_resume_cruise(c, q, now_ns);
	else
		bbr_enter_startup(q);
}

static void in_probe_rtt(struct tcp_conn *c, struct bbr *q, uint64_t now_ns)
{
	rate_app_limited(c); /* what is delivered meanwhile is no measure */
	if (!q->probe_rtt_done_ns) {
		if (tcp_pipe(c) > bbr_probe_rtt_cwnd(c, q))
			return;
		q->probe_rtt_done_ns = now_ns + PROBE_RTT_NS;
		q->probe_rtt_round_done = false;
		bbr_start_round(c, q);
		return;
	}
	if (q->round_start)
		q->probe_rtt_round_done = true;
	if (q->probe_rtt_round_done)
		bbr_probe_rtt_done(c, q, now_ns);
}

void bbr_check_probe_rtt(struct tcp_conn *c, struct bbr *q, const struct tcp_cc_event *ev)
{
	if (q->state != BBR_PROBE_RTT && q->probe_rtt_expired && !q->idle_restart) {
		bbr_save_cwnd(c, q);
		q->state = BBR_PROBE_RTT;
		q->probe_rtt_done_ns = 0;
		q->acks = BBR_ACKS_STOPPING;
		bbr_start_round(c, q);
	}
	if (q->state == BBR_PROBE_RTT)
		in_probe_rtt(c, q, ev->now_ns);
	q->idle_restart = false;
}
