// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cc_dctcp.c - DCTCP (RFC 8257): cwnd shrinks by the extent of congestion, for networks whose switches mark early and all
 * alike. alpha estimates the fraction of bytes that arrive marked; a window with marks costs alpha / 2 of cwnd (3.3).
 * For the rest it is Reno: slow start, congestion avoidance, half the window for a loss (3.5).
 *
 * It takes the marked bytes as the feedback tells them: with Accurate ECN (RFC 9768) exactly, with classic ECN from a
 * receiver of DCTCP likewise (ecn.c), from any other receiver too high, which is the safe side.
 *
 * All that it sends is ECN-capable (3.6, 4.1): to choose it is to say that the network is one for it.
 *
 * alpha is in units of 2^-24. The estimation gain g is 1/16 (4.2).
 */
#include "tcp/internal.h"

#define ALPHA_ONE (1u << 24)
#define G_SHIFT 4

struct dctcp {
	uint32_t alpha;
	uint32_t end;			   /* DCTCP.WindowEnd */
	uint64_t acked;			   /* bytes since the window began */
	uint64_t ce;			   /* of them marked */
	uint32_t credit;		   /* bytes acknowledged in congestion avoidance since cwnd last grew */
	uint32_t undo_cwnd, undo_ssthresh; /* before the last loss; 0: nothing to undo */
};
_Static_assert(sizeof(struct dctcp) <= sizeof(((struct tcp_conn *)0)->cc_priv), "cc_priv is too small");

static struct dctcp *dctcp_of(struct tcp_conn *c)
{
	return (struct dctcp *)c->cc_priv;
}

static void dctcp_init(struct tcp_conn *c)
{
	struct dctcp *d = dctcp_of(c);

	memset(d, 0, sizeof(*d));
	d->alpha = ALPHA_ONE; /* 3.3: the first marks cost half */
	d->end = c->snd_nxt;
}

/*
 * 3.3: alpha = (1 - g) alpha + g M, once for each window of data; by every acknowledgement, in recovery as well. A byte counts when
 * it is delivered, perhaps by SACK: that acknowledgement tells whether it was marked, not the later one that moves snd_una.
 */
static void dctcp_estimate(struct tcp_conn *c, const struct tcp_cc_event *ev)
{
	struct dctcp *d = dctcp_of(c);

	d->acked += ev->delivered;
	d->ce += min_u32(ev->ce, ev->delivered);
	if (!seq_gt(c->snd_una, d->end) || !d->acked)
		return;
	d->alpha -= d->alpha >> G_SHIFT ? d->alpha >> G_SHIFT : d->alpha; /* it reaches 0 (4.2) */
	d->alpha += (uint32_t)((d->ce * ALPHA_ONE / d->acked) >> G_SHIFT);
	d->alpha = min_u32(d->alpha, ALPHA_ONE);
	d->acked = d->ce = 0;
	d->end = c->snd_nxt;
}

static void dctcp_ack(struct tcp_conn *c, const struct tcp_cc_event *ev)
{
	struct dctcp *d = dctcp_of(c);

	dctcp_estimate(c, ev);
	if (ev->app_limited)
		return;
	d->credit += tcp_slow_start(c, ev->acked - min_u32(ev->ce, ev->acked));
	if (c->cwnd >= c->ssthresh && d->credit >= c->cwnd) {
		d->credit -= c->cwnd;
		c->cwnd += c->mss;
	}
}

static void dctcp_ecn(struct tcp_conn *c, const struct tcp_cc_event *ev)
{
	struct dctcp *d = dctcp_of(c);
	uint32_t less = (uint32_t)((uint64_t)c->cwnd * d->alpha / ALPHA_ONE / 2);

	(void)ev;
	c->ssthresh = max_u32(c->cwnd - less, 2u * c->mss);
	c->cwnd = min_u32(c->cwnd, c->ssthresh);
	d->credit = d->undo_cwnd = d->undo_ssthresh = 0;
}

/* 3.5: as any TCP, also right after marks: their reduction may have been small. */
static void dctcp_loss(struct tcp_conn *c, const struct tcp_cc_event *ev)
{
	struct dctcp *d = dctcp_of(c);

	d->undo_cwnd = c->cwnd;
	d->undo_ssthresh = c->ssthresh;
	c->ssthresh = max_u32(ev->prior_flight / 2, 2u * c->mss);
	d->credit = 0;
}

static void dctcp_undo(struct tcp_conn *c, const struct tcp_cc_event *ev)
{
	struct dctcp *d = dctcp_of(c);

	(void)ev;
	if (!d->undo_ssthresh)
		return;
	c->cwnd = max_u32(c->cwnd, d->undo_cwnd);
	c->ssthresh = d->undo_ssthresh;
	d->undo_cwnd = d->undo_ssthresh = 0;
}

const struct tcp_cc_ops tcp_cc_dctcp = {
	.name = "dctcp",
	.init = dctcp_init,
	.ack = dctcp_ack,
	.loss = dctcp_loss,
	.rto = dctcp_loss,
	.ecn = dctcp_ecn,
	.undo = dctcp_undo,
	.watch = dctcp_estimate,
	.ect_all = true,
};
