// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * timer.c - what happens when time passes. The timers of a connection:
 *
 *   rtx     something is in flight: retransmission timeout (RFC 6298, 7765), for SYN too;
 *           nothing is in flight but data waits for the peer's window: persist,
 *           a window probe with back-off, for ever while the peer answers
 *           (RFC 9293 3.8.6.1, MUST-37), until R2 when it does not; an orphan for
 *           conf.orphan_retries probes
 *   probe   RACK's reordering timer (RFC 8985 6.2 step 5), or the tail loss probe (7.2)
 *   delack  an acknowledgement is owed by then (RFC 9293 3.8.6.3)
 *   pace    data waits for its time (pacer.c)
 *   idle    keepalive (RFC 9293 3.8.4), off by default
 *   misc    TIME-WAIT's 2 MSL; an orphan's patience in FIN-WAIT-2; linger; a held
 *           partial segment (XTCP_MORE) of a connection still open
 *
 * A deadline of TCP_NEVER is an idle timer.
 */
#include "tcp/internal.h"

#define NS_PER_MS 1000000ull
#define NS_PER_S 1000000000ull
#define COUNTED_NS (UINT64_MAX / 4) /* not by time */
#define RR_THRESH 4u		    /* segments: rrthresh of RFC 7765 */
#define RTO_LEFT_US 1000u	    /* what is left of the timer at least */
#define HOLE_TIMEOUTS 3		    /* in a row, until a path is suspected that dislikes Fast Open */

void timer_rtx_arm(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns)
{
	(void)env;
	c->rtx_deadline = now_ns + 1000ull * c->rto_us;
}

/*
 * An acknowledgement moved snd_una: the timer starts again (RFC 6298 5.3). With so few segments that no three duplicate
 * ACKs can come, only the timer repairs a loss; then it counts from when the oldest was sent (RFC 7765 3). Without SACK only
 * the first partial ACK of a recovery starts it again (RFC 6582 3.2 step 3, "Impatient"): many holes, one found each
 * round trip, are better served by the timeout and slow start.
 */
void timer_rtx_restart(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns)
{
	uint32_t now_us = tcp_us(now_ns), since_us = 0, segs = c->recs.count + tcp_fin_due(c);

	if (c->flags & TCP_F_RECOVERY && c->loss_flags & TCP_L_PARTIAL)
		return;
	if (segs < RR_THRESH && tcp_unsent(c) <= (RR_THRESH - 1 - segs) * c->mss &&
	    !(c->flags & (TCP_F_RECOVERY | TCP_F_LOSS)) && !c->lost)
		since_us = now_us - recs_at(env, c, 0)->sent_us;
	c->rtx_deadline = now_ns + 1000ull * (c->rto_us > since_us + RTO_LEFT_US ? c->rto_us - since_us : RTO_LEFT_US);
}

/* First probe after one RTO, then exponential back-off (SHLD-29, SHLD-30). */
void timer_persist_arm(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns)
{
	uint64_t wait = (1000ull * c->rto_us) << (c->probes < 16 ? c->probes : 16);

	c->rtx_deadline = now_ns + min_u64(wait, env->conf.rto_max_ns);
}

void tcp_set_syn_retries(struct tcp_conn *c, uint8_t n)
{
	tcp_cold(c)->syn_retries = n;
}

void tcp_set_fin_wait2(struct tcp_conn *c, uint32_t ms)
{
	tcp_cold(c)->fin_wait2_ms = ms;
}

void timer_fin_wait2_arm(const struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns)
{
	uint32_t ms = tcp_cold_peek(c)->fin_wait2_ms;

	c->misc_deadline = now_ns + (ms ? ms * NS_PER_MS : env->conf.fin_wait2_ns);
}

uint64_t tcp_deadline(const struct tcp_conn *c)
{
	uint64_t sending = min_u64(c->rtx_deadline, c->probe_deadline);

	if (c->pace & TCP_PACE_HELD)
		sending = min_u64(sending, tcp_cold_peek(c)->pace.next_ns);
	return min_u64(min_u64(sending, c->delack_deadline), min_u64(c->idle_deadline, c->misc_deadline));
}

/* The SYN's retransmissions are counted in place of their time. 0: they are not. */
static uint8_t syn_retries(const struct tcp_conn *c)
{
	return !c->user_timeout_ms && c->state == TCP_SYN_SENT ? tcp_cold_peek(c)->syn_retries : 0;
}

/* R2 (RFC 9293 3.8.3): how long unanswered retransmission may go on. */
static uint64_t patience_ns(const struct tcp_env *env, const struct tcp_conn *c)
{
	if (syn_retries(c))
		return COUNTED_NS;
	if (!c->user_timeout_ms && (c->state == TCP_SYN_SENT || c->state == TCP_SYN_RECEIVED))
		return env->conf.syn_timeout_ns;
	return c->user_timeout_ms ? c->user_timeout_ms * NS_PER_MS : env->conf.r2_ns;
}

static bool give_up(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns)
{
	uint64_t last = 1000ull * c->rto_us;

	if (!c->retrans_start) { /* unanswered since the last transmission, or since this one if nothing was out */
		c->retrans_start = now_ns;
		if (c->recs.count && (c->snd_wnd || !(c->flags & TCP_F_SYN_ACKED)) && now_ns > last)
			c->retrans_start -= last;
	}
	if (syn_retries(c) ? c->backoff < syn_retries(c) : now_ns - c->retrans_start < patience_ns(env, c))
		return false;
	tcp_count(env, conn_timeouts);
	fastopen_timeout(env, c);
	conn_done(env, c, c->soft_error ? c->soft_error : ETIMEDOUT);
	return true;
}

bool tcp_path_doubtful(const struct tcp_env *env, const struct tcp_conn *c)
{
	return c->backoff >= env->conf.r1 && c->state != TCP_CLOSED;
}

static void expire_rtx(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns)
{
	bool syn = !(c->flags & TCP_F_SYN_ACKED);

	c->rtx_deadline = TCP_NEVER;
	if (!c->recs.count && !syn && !tcp_unsent(c) && !tcp_fin_due(c))
		return;
	if (give_up(env, c, now_ns))
		return;
	if (c->recs.count || syn) {
		icmp_timeout(env, c);
		loss_rto(env, c, now_ns);
		timer_rtx_arm(env, c, now_ns);
		if (c->backoff >= HOLE_TIMEOUTS)
			fastopen_timeout(env, c);
		if (c->backoff == env->conf.r1) /* SHLD-9 */
			conn_report(c, 0);
	} else if (c->flags & TCP_F_ORPHAN && c->probes >= env->conf.orphan_retries) {
		tcp_count(env, orphan_timeouts);
		tcp_abort(env, c, ETIMEDOUT); /* nobody is left who could decide to wait (RFC 6429 3) */
		return;
	} else { /* persist: for ever while the peer answers (ack_input), R2 when it does not */
		c->flags |= TCP_F_PROBE;
		if (c->probes < 255)
			c->probes++;
		timer_persist_arm(env, c, now_ns);
	}
	c->rtx_deadline = min_u64(c->rtx_deadline, c->retrans_start + patience_ns(env, c));
}

/* By count, or by the user timeout if there is one; a probe at least was lost (MUST-29). */
static bool keepalive_failed(const struct tcp_conn *c, uint64_t now_ns)
{
	if (!c->probes || !c->user_timeout_ms)
		return c->probes >= c->keepcnt;
	return now_ns - c->last_rx_ns >= c->user_timeout_ms * NS_PER_MS;
}

static void expire_idle(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns)
{
	uint64_t due = c->last_rx_ns + (c->probes ? c->keepintvl_s : c->keepidle_s) * NS_PER_S;

	if (c->probes)
		due = c->idle_deadline;
	c->idle_deadline = TCP_NEVER;
	if (!(c->flags & TCP_F_KEEPALIVE) || !tcp_synchronised(c) || c->state == TCP_TIME_WAIT)
		return;
	if (now_ns < due || tcp_flight(c) || tcp_unsent(c) || tcp_fin_due(c)) { /* not idle: rtx watches over it */
		c->idle_deadline = now_ns < due ? due : now_ns + c->keepidle_s * NS_PER_S;
		return;
	}
	if (keepalive_failed(c, now_ns)) {
		tcp_count(env, keepalive_timeouts);
		conn_done(env, c, ETIMEDOUT);
		return;
	}
	c->probes++;
	c->flags |= TCP_F_PROBE;
	c->idle_deadline = now_ns + c->keepintvl_s * NS_PER_S;
	if (c->user_timeout_ms)
		c->idle_deadline = min_u64(c->idle_deadline,
					   max_u64(c->last_rx_ns + c->user_timeout_ms * NS_PER_MS, now_ns + NS_PER_S));
}

void tcp_keepalive_set(struct tcp_conn *c, bool on, uint64_t now_ns)
{
	c->flags &= ~(uint32_t)TCP_F_KEEPALIVE;
	c->idle_deadline = TCP_NEVER;
	if (!on)
		return;
	c->flags |= TCP_F_KEEPALIVE;
	c->idle_deadline = now_ns + c->keepidle_s * NS_PER_S;
}

static void expire_misc(struct tcp_env *env, struct tcp_conn *c)
{
	c->misc_deadline = TCP_NEVER;
	if (c->state == TCP_TIME_WAIT || (c->state == TCP_FIN_WAIT_2 && c->flags & TCP_F_ORPHAN))
		conn_done(env, c, 0);
	else if (c->flags & TCP_F_ORPHAN)
		tcp_abort(env, c, ETIMEDOUT); /* linger ran out */
	else
		user_push(c);
}

void tcp_expire(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns)
{
	if (c->pace & TCP_PACE_HELD && tcp_cold(c)->pace.next_ns <= now_ns)
		pacer_expired(c);
	if (c->delack_deadline <= now_ns)
		delack_expired(env, c);
	if (c->probe_deadline <= now_ns && c->loss_flags & TCP_L_PTO)
		tlp_expired(env, c, now_ns);
	else if (c->probe_deadline <= now_ns)
		loss_reorder_expired(env, c, now_ns);
	if (c->rtx_deadline <= now_ns)
		expire_rtx(env, c, now_ns);
	if (c->idle_deadline <= now_ns)
		expire_idle(env, c, now_ns);
	if (c->misc_deadline <= now_ns)
		expire_misc(env, c);
}
