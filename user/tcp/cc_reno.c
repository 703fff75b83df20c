// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cc_reno.c - Reno: slow start and congestion avoidance (RFC 5681 3.1), counting
 * bytes, so that an acknowledgement of a whole burst counts for all of it.
 *
 * cc_priv[0]: bytes acknowledged in congestion avoidance since cwnd last grew.
 */
#include "tcp/internal.h"

static void reno_init(struct tcp_conn *c)
{
	c->cc_priv[0] = 0;
}

static void reno_ack(struct tcp_conn *c, const struct tcp_cc_event *ev)
{
	uint32_t acked = ev->acked;

	if (c->cwnd < c->ssthresh) {
		uint32_t step = min_u32(acked, c->ssthresh - c->cwnd);

		c->cwnd += step;
		acked -= step;
	}
	c->cc_priv[0] += acked;
	if (c->cwnd >= c->ssthresh && c->cc_priv[0] >= c->cwnd) { /* RFC 5681 (3), by byte counting */
		c->cc_priv[0] -= c->cwnd;
		c->cwnd += c->mss;
	}
}

/* RFC 5681 (4): ssthresh = max(FlightSize / 2, 2 * SMSS). */
static void reno_loss(struct tcp_conn *c, const struct tcp_cc_event *ev)
{
	c->ssthresh = max_u32(ev->prior_flight / 2, 2u * c->mss);
	c->cc_priv[0] = 0;
}

const struct tcp_cc_ops tcp_cc_reno = {
	.name = "reno",
	.init = reno_init,
	.ack = reno_ack,
	.loss = reno_loss,
	.rto = reno_loss,
};
