// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cc_reno.c - Reno: slow start and congestion avoidance (RFC 5681 3.1), counting
 * bytes, so that an acknowledgement of a whole burst counts for all of it. Congestion
 * marks cost a fifth of the window, losses half of it (RFC 8511 3.1).
 *
 * cc_priv[0]: bytes acknowledged in congestion avoidance since cwnd last grew.
 * cc_priv[1]: cwnd before the last reduction, cc_priv[2]: ssthresh; 0 both: nothing to undo.
 */
#include "tcp/internal.h"

static void reno_init(struct tcp_conn *c)
{
	c->cc_priv[0] = c->cc_priv[1] = c->cc_priv[2] = 0;
}

static void reno_ack(struct tcp_conn *c, const struct tcp_cc_event *ev)
{
	if (ev->app_limited || ev->ce)
		return;
	c->cc_priv[0] += tcp_slow_start(c, ev->acked);
	if (c->cwnd >= c->ssthresh && c->cc_priv[0] >= c->cwnd) { /* RFC 5681 (3), by byte counting */
		c->cc_priv[0] -= c->cwnd;
		c->cwnd += c->mss;
	}
}

/* RFC 5681 (4): ssthresh = max(FlightSize / 2, 2 * SMSS). */
static void reno_loss(struct tcp_conn *c, const struct tcp_cc_event *ev)
{
	if (ev->ecn_reduced)
		return;
	c->cc_priv[1] = c->cwnd;
	c->cc_priv[2] = c->ssthresh;
	c->ssthresh = max_u32(ev->prior_flight / 2, 2u * c->mss);
	c->cc_priv[0] = 0;
}

static void reno_rto(struct tcp_conn *c, const struct tcp_cc_event *ev)
{
	struct tcp_cc_event full = *ev;

	full.ecn_reduced = false;
	reno_loss(c, &full);
}

static void reno_ecn(struct tcp_conn *c, const struct tcp_cc_event *ev)
{
	c->ssthresh = max_u32((uint32_t)((uint64_t)ev->prior_flight * 4 / 5), 2u * c->mss);
	c->cwnd = min_u32(c->cwnd, c->ssthresh);
	c->cc_priv[0] = c->cc_priv[1] = c->cc_priv[2] = 0;
}

static void reno_undo(struct tcp_conn *c, const struct tcp_cc_event *ev)
{
	(void)ev;
	if (!c->cc_priv[2])
		return;
	c->cwnd = max_u32(c->cwnd, (uint32_t)c->cc_priv[1]);
	c->ssthresh = (uint32_t)c->cc_priv[2];
	c->cc_priv[1] = c->cc_priv[2] = 0;
}

const struct tcp_cc_ops tcp_cc_reno = {
	.name = "reno",
	.init = reno_init,
	.ack = reno_ack,
	.loss = reno_loss,
	.rto = reno_rto,
	.ecn = reno_ecn,
	.undo = reno_undo,
};
