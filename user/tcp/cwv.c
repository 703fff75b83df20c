// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cwv.c - congestion window validation (RFC 7661): what cwnd is worth after the application has not used it. For all
 * algorithms that leave cwnd to loss.c in recovery (Reno, CUBIC, DCTCP); BBR has a model of its own.
 *
 *   4.2     pipeACK, the most that was acknowledged in a round trip of late     cwv_ack()
 *   4.3     cwnd is validated while pipeACK is half of it, or undefined         judge()
 *   4.4     else it is kept as it is; it grows only by acknowledgements that found all of it in use (tcp_cc_event.app_limited)
 *   4.4.1   congestion meets a window that was made of what was in use          cwv_congestion(), cwv_lost(), cwv_recovered()
 *   4.4.2   what goes out in this phase is paced; an initial window may go at once while nothing is out   pacer.c, cwv_restart()
 *   4.4.3   after five minutes cwnd is halved, and ssthresh remembers it        age()
 *
 * A pipeACK sample is that of the delivery rate (rate.c): what was delivered between the sending of a segment and its
 * acknowledgement. In slow start that is half of cwnd but for a part of a segment, hence one of tolerance. The phase is entered
 * only by what shows that cwnd was not needed: the acknowledgement that ends a round trip and finds the application holding
 * back, or silence. A flow that fills a cwnd which has just doubled has validated it, although its last sample is older.
 *
 * With tcp_conf.idle_restart none of this: then cwnd is no more than the initial window after a pause longer than the
 * RTO (RFC 5681 4.1). That is also what happens while pipeACK is undefined.
 */
#include "tcp/internal.h"

#define NVP_TICKS 286102u /* five minutes in ticks of 2^20 ns */
#define PERIOD_TICKS 953u /* one second */
#define TICKS_OF_US(us) ((us) / 1049 + 1)

static uint32_t ticks(uint64_t now_ns)
{
	return (uint32_t)(now_ns >> 20);
}

/* The pipeACK sampling period, max(3 RTT, 1 s). */
static uint32_t period(const struct tcp_conn *c)
{
	return max_u32(TICKS_OF_US(3 * (c->srtt_us_x8 >> 3)), PERIOD_TICKS);
}

static void forget(struct tcp_conn *c, struct tcp_cwv *v)
{
	v->pipe.count = 0;
	v->base = 0;
	if (!v->unvalidated)
		return;
	v->unvalidated = false;
	pacer_choose(c);
}

/* 4.4.3, once for each period that has passed. */
static void age(struct tcp_conn *c, struct tcp_cwv *v, uint32_t now)
{
	uint32_t iw = tcp_initial_window(c->mss);

	while (now - v->since > NVP_TICKS) {
		c->ssthresh = max_u32(c->ssthresh, c->cwnd / 4 * 3);
		c->cwnd = min_u32(c->cwnd, max_u32(c->cwnd / 2, iw));
		v->since = c->cwnd > iw ? v->since + NVP_TICKS : now;
	}
}

/* since: when the phase would have begun. */
static void judge(struct tcp_conn *c, struct tcp_cwv *v, uint32_t now, bool unused, uint32_t since)
{
	bool half = 2ull * peak_get(&v->pipe, now, period(c)) + c->mss >= c->cwnd;

	if (v->unvalidated)
		age(c, v, now);
	if (v->unvalidated == !half || (!half && !unused))
		return;
	v->unvalidated = !half;
	v->since = since;
	if (v->unvalidated)
		age(c, v, now);
	pacer_choose(c);
}

/*
 * The phase goes on: no larger sample has come since it was last judged, cwnd has at most grown, and it is not time to age. What
 * makes cwnd smaller ends the phase itself.
 */
static bool goes_on(const struct tcp_cwv *v, uint32_t now)
{
	return v->unvalidated && now - v->since <= NVP_TICKS;
}

void cwv_ack(struct tcp_conn *c, const struct ack_info *a, bool app_limited)
{
	struct tcp_cwv *v;
	uint32_t now = ticks(a->now_ns);
	bool over;

	if (!a->rs.delivered ||
	    c->flags & (TCP_F_RECOVERY | TCP_F_LOSS)) /* the handshake, before all: nothing to be kept */
		return;
	v = &tcp_cold(c)->cwv;
	if (a->rs.prior_delivered < v->from)
		return;
	over = v->pipe.count && seq_geq(c->snd_una, v->round_end);
	if (over || !v->pipe.count)
		v->round_end = c->snd_nxt;
	if (!peak_stays(&v->pipe, now, period(c), a->rs.delivered))
		peak_put(&v->pipe, now, period(c), a->rs.delivered);
	else if (goes_on(v, now))
		return;
	if (v->unvalidated || (over && app_limited)) /* nothing else ends the validated phase */
		judge(c, v, now, over && app_limited, now);
}

bool cwv_restart(const struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns)
{
	struct tcp_cwv *v = &tcp_cold(c)->cwv;

	if (env->conf.idle_restart || !v->pipe.count)
		return tcp_restart_window(c, now_ns);
	if (!goes_on(v, ticks(now_ns)))
		judge(c, v, ticks(now_ns), true, ticks(c->last_tx_ns));
	if (v->unvalidated)
		pacer_credit(c, tcp_initial_window(c->mss));
	return false;
}

bool cwv_congestion(struct tcp_conn *c, struct tcp_cc_event *ev)
{
	struct tcp_cwv *v;
	uint32_t used;

	if (!(c->flags & TCP_F_COLD) || tcp_cc_table[c->cc]->owns_cwnd)
		return false;
	v = &tcp_cold(c)->cwv;
	if (!v->unvalidated)
		return false;
	used = max_u32(peak_get(&v->pipe, ticks(ev->now_ns), period(c)), ev->prior_flight);
	forget(c, v);
	c->cwnd = min_u32(c->cwnd, max_u32(used, c->mss));
	ev->prior_flight = c->cwnd;
	return true;
}

void cwv_lost(struct tcp_conn *c, uint32_t used)
{
	struct tcp_cwv *v = &tcp_cold(c)->cwv;

	c->ssthresh = max_u32(used / 2, 2u * c->mss);
	v->base = used;
	v->resent = 0;
}

void cwv_recovered(struct tcp_conn *c, bool undone)
{
	struct tcp_cwv *v;

	if (!(c->flags & TCP_F_COLD))
		return;
	v = &tcp_cold(c)->cwv;
	if (v->base && !undone)
		c->ssthresh = max_u32((v->base - min_u32(v->resent, v->base)) / 2, c->mss);
	forget(c, v);
	v->from = tcp_cold(c)->rate.delivered;
}
