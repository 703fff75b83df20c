// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cc_cubic.c - CUBIC (RFC 9438), with HyStart++ (RFC 9406) for the initial slow start.
 *
 * In congestion avoidance cwnd follows W_cubic(t) = C (t - K)^3 + W_max (4.2), at least as
 * fast as Reno would (4.3). All in integers: windows in bytes, t and K in microseconds,
 * the cube in 2^-16 s^3.
 *
 * t is the time for which the window was in use: it is summed up from acknowledgement to
 * acknowledgement, at most one RTT for each, and not across those that found the
 * application holding back. So neither a pause nor a trickle makes cwnd jump (5.8).
 *
 * A stage of congestion avoidance begins with the first acknowledgement that finds cwnd at
 * ssthresh, and ends with a loss, with a restart after idle, or when cwnd falls below ssthresh.
 */
#include "tcp/hystart.h"
#include "tcp/internal.h"

#define T_MAX_US (1u << 29) /* 537 s on either side of K: more than K can be, and the cube fits */

struct cubic {
	struct hystart hystart;
	uint32_t last_us;     /* time of the last acknowledgement */
	uint32_t cwnd_prior;  /* cwnd before the last loss, 0: none; bytes, like all windows here */
	uint32_t undo_prior;  /* cwnd_prior before the last reduction */
	uint64_t credit;      /* bytes acknowledged, each times what cwnd lacks to the target */
	uint32_t est_credit;  /* bytes acknowledged that w_est has not grown by yet */
	uint32_t undo_thresh; /* ssthresh before the last reduction; 0: nothing to undo */
	struct cubic_stage {
		uint32_t w_max; /* where W_cubic has its plateau; 0: no loss yet, or a timeout */
		uint32_t k_us;
		uint32_t t_us;
		uint32_t w_est; /* what Reno would have; 0: no stage has begun */
	} stage, undo;		/* undo: before the last reduction; cwnd was cwnd_prior then */
};
_Static_assert(sizeof(struct cubic) <= sizeof(((struct tcp_conn *)0)->cc_priv), "cc_priv is too small");

static struct cubic *cubic_of(struct tcp_conn *c)
{
	return (struct cubic *)c->cc_priv;
}

static void cubic_init(struct tcp_conn *c)
{
	struct cubic *q = cubic_of(c);

	memset(q, 0, sizeof(*q));
	hystart_init(&q->hystart, c);
}

/* The integer part of the cube root, one bit after the other; once in a stage. */
static uint32_t cube_root(uint64_t x)
{
	uint64_t root = 0;

	for (int s = 63; s >= 0; s -= 3) {
		uint64_t step;

		root *= 2;
		step = 3 * root * (root + 1) + 1; /* (root + 1)^3 - root^3 */
		if (x >> s >= step) {
			x -= step << s;
			root++;
		}
	}
	return (uint32_t)root;
}

/* K = cbrt((W_max - cwnd) / C), C = 0.4 segments/s^3. Divides by mss, but only once in a stage. */
static uint32_t k_us(const struct tcp_conn *c, uint32_t w_max)
{
	uint64_t s3; /* 2^-28 s^3, at most 2^55; then 2^-36 s^3, whose root is in 2^-12 s */

	if (w_max <= c->cwnd)
		return 0;
	s3 = ((uint64_t)(w_max - c->cwnd) * 5 << 28) / (2u * c->mss);
	return (uint32_t)((uint64_t)cube_root(s3 << 8) * 1000000 >> 12);
}

/* W_cubic(t) of equation 1, 0 .. UINT32_MAX. */
static uint32_t w_cubic(const struct tcp_conn *c, const struct cubic_stage *st, uint64_t t_us)
{
	bool before = t_us < st->k_us;
	uint64_t d = min_u64(before ? st->k_us - t_us : t_us - st->k_us, T_MAX_US);
	uint64_t s3, bytes;

	d = d * 4295 >> 16; /* 2^-16 s, below 2^26 */
	s3 = (d * d >> 16) * d >> 16;
	bytes = s3 * 2 * c->mss / 5 >> 16;
	if (before)
		return bytes < st->w_max ? st->w_max - (uint32_t)bytes : 0;
	return (uint32_t)min_u64(st->w_max + bytes, UINT32_MAX);
}

/* 4.2, and 4.8 and 4.10: after a timeout and after HyStart++ there is no W_max, the plateau is here. */
static void begin_stage(struct tcp_conn *c, struct cubic *q)
{
	struct cubic_stage *st = &q->stage;

	st->k_us = k_us(c, st->w_max);
	if (st->w_max <= c->cwnd)
		st->w_max = c->cwnd;
	st->t_us = 0;
	st->w_est = c->cwnd;
	q->credit = 0;
	q->est_credit = 0;
}

/* t moves on by the time since the last acknowledgement, at most by one RTT: the rest was idle. */
static void pass_time(struct cubic *q, const struct tcp_cc_event *ev)
{
	uint32_t now_us = tcp_us(ev->now_ns), most = max_u32(ev->srtt_us, ev->rtt_us);
	uint32_t passed = min_u32(now_us - q->last_us, most);

	q->last_us = now_us;
	if (!ev->app_limited && q->stage.w_est)
		q->stage.t_us = (uint32_t)min_u64((uint64_t)q->stage.t_us + passed, 2 * T_MAX_US);
}

/*
 * Equation 4: w_est grows by alpha segments a window, alpha = 3 (1 - beta) / (1 + beta) = 9/17 until it is back where the
 * last loss was, then 1.
 */
static void grow_est(struct tcp_conn *c, struct cubic *q, uint32_t acked)
{
	q->est_credit += q->stage.w_est < q->cwnd_prior ? (uint32_t)((uint64_t)acked * 9 / 17) : acked;
	if (q->est_credit < c->cwnd)
		return;
	q->est_credit = min_u32(q->est_credit - c->cwnd, c->cwnd);
	q->stage.w_est += c->mss;
}

/* 4.4, 4.5: cwnd grows by (target - cwnd) / cwnd for each byte acknowledged, whole segments at a time. */
static void grow_cubic(struct tcp_conn *c, struct cubic *q, uint32_t acked, uint32_t target)
{
	uint64_t unit = (uint64_t)c->cwnd * c->mss;

	target = min_u32(target, c->cwnd + c->cwnd / 2);
	if (target <= c->cwnd)
		return;
	q->credit += (uint64_t)min_u32(acked, c->cwnd) * (target - c->cwnd);
	if (q->credit < unit)
		return;
	c->cwnd += (uint32_t)(q->credit / unit) * c->mss; /* divides only when cwnd grows */
	q->credit %= unit;
}

/* W_cubic(t) < W_est, the part of a segment that w_est lacks counted in. */
static bool friendly(const struct tcp_conn *c, const struct cubic *q)
{
	uint32_t w = w_cubic(c, &q->stage, q->stage.t_us);

	return w < q->stage.w_est || (uint64_t)(w - q->stage.w_est) * c->cwnd < (uint64_t)q->est_credit * c->mss;
}

static void avoid(struct tcp_conn *c, struct cubic *q, const struct tcp_cc_event *ev, uint32_t acked)
{
	struct cubic_stage *st = &q->stage;

	if (!st->w_est)
		begin_stage(c, q);
	grow_est(c, q, acked);
	if (friendly(c, q))
		c->cwnd = max_u32(c->cwnd, st->w_est);
	else
		grow_cubic(c, q, acked, w_cubic(c, st, (uint64_t)st->t_us + ev->srtt_us));
}

static void cubic_ack(struct tcp_conn *c, const struct tcp_cc_event *ev)
{
	struct cubic *q = cubic_of(c);
	uint32_t acked = ev->acked;

	pass_time(q, ev);
	if (hystart_active(c)) {
		hystart_ack(&q->hystart, c, ev);
		return;
	}
	if (ev->app_limited || ev->ce)
		return;
	if (c->cwnd < c->ssthresh) {
		q->stage.w_est = 0;
		acked = tcp_slow_start(c, acked);
	}
	if (acked)
		avoid(c, q, ev, acked);
}

/* 4.6, beta in hundredths: 0.7, for congestion marks 0.85 (RFC 8511 3.1). What was before is kept for undo. */
static void reduce(struct tcp_conn *c, struct cubic *q, const struct tcp_cc_event *ev, uint32_t beta)
{
	q->undo = q->stage;
	q->undo_thresh = c->ssthresh;
	q->undo_prior = q->cwnd_prior;
	q->cwnd_prior = c->cwnd;
	q->stage.w_est = 0;
	c->ssthresh = max_u32((uint32_t)((uint64_t)ev->prior_flight * beta / 100), 2u * c->mss);
}

/* Fast convergence (4.7): a flow that lost before it was back at W_max leaves room for others, (1 + beta) / 2 = 0.85. */
static void set_w_max(const struct tcp_conn *c, struct cubic *q)
{
	uint32_t old = q->stage.w_max;

	q->stage.w_max = c->cwnd < old ? (uint32_t)((uint64_t)c->cwnd * 17 / 20) : c->cwnd;
}

static void cubic_loss(struct tcp_conn *c, const struct tcp_cc_event *ev)
{
	struct cubic *q = cubic_of(c);

	if (ev->ecn_reduced)
		return;
	reduce(c, q, ev, 70);
	set_w_max(c, q);
}

static void cubic_ecn(struct tcp_conn *c, const struct tcp_cc_event *ev)
{
	struct cubic *q = cubic_of(c);

	reduce(c, q, ev, 85);
	set_w_max(c, q);
	c->cwnd = min_u32(c->cwnd, c->ssthresh);
	q->undo_thresh = 0;
}

/* 4.8: the next stage begins with its plateau. */
static void cubic_rto(struct tcp_conn *c, const struct tcp_cc_event *ev)
{
	struct cubic *q = cubic_of(c);

	reduce(c, q, ev, 70);
	q->stage.w_max = 0;
}

/* 4.9 */
static void cubic_undo(struct tcp_conn *c, const struct tcp_cc_event *ev)
{
	struct cubic *q = cubic_of(c);

	if (!q->undo_thresh)
		return;
	q->stage = q->undo;
	q->last_us = tcp_us(ev->now_ns);
	c->cwnd = max_u32(c->cwnd, q->cwnd_prior);
	q->cwnd_prior = q->undo_prior;
	c->ssthresh = q->undo_thresh;
	q->undo_thresh = 0;
}

/* What W_est has grown to is no window to jump to, where ssthresh does not bring slow start. */
static void cubic_restart(struct tcp_conn *c, uint64_t now_ns)
{
	(void)now_ns;
	cubic_of(c)->stage.w_est = 0;
}

const struct tcp_cc_ops tcp_cc_cubic = {
	.name = "cubic",
	.init = cubic_init,
	.ack = cubic_ack,
	.loss = cubic_loss,
	.rto = cubic_rto,
	.ecn = cubic_ecn,
	.undo = cubic_undo,
	.restart = cubic_restart,
};
