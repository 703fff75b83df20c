// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * pacer.c - data leaves no faster than a rate (draft-ietf-ccwg-bbr 5.6.2): that of the congestion
 * control, or the application's limit (XTCP_MAX_PACING_RATE), whichever is lower. Unpaced otherwise, and then
 * nothing here costs more than a test of one byte.
 *
 * next_ns is when all that was sent so far would be through at that rate. Segments go until it runs a burst ahead
 * of the clock; then they wait for it (TCP_PACE_HELD, a deadline of the connection), so that the next burst is whole. A
 * burst is 1 ms worth, or two segments if that is more; at high rates 64 KiB, but
 * never less than two ticks of the engine's timers, which could not keep up. A timer that was late is made good for, up to
 * a burst; a pause of the application is not.
 *
 * Not held: a fast retransmit's first segment, loss probes and F-RTO's two segments, window probes, pure ACKs.
 *
 * Invariants: TCP_PACE_HELD only with TCP_PACE_ON; next_ns is valid then.
 */
#include "tcp/internal.h"

#define NS_PER_S 1000000000ull
#define BURST_NS 1000000ull /* Linux' sk_pacing_shift of 10 */
#define BURST_BYTES (64u << 10)
#define BURST_MIN_NS 262144ull /* two ticks of the engine's wheel */
#define RATE_MAX (1ull << 40)  /* bytes/s; so that nothing overflows */

/* What is in force; 0: nothing. */
static uint64_t rate_of(const struct tcp_pace *p)
{
	return p->max && (!p->rate || p->max < p->rate) ? p->max : p->rate;
}

static void changed(struct tcp_conn *c)
{
	if (rate_of(&tcp_cold(c)->pace))
		c->pace |= TCP_PACE_ON;
	else
		c->pace = 0;
}

void tcp_pacing_rate(struct tcp_conn *c, uint64_t rate)
{
	if (!rate && !(c->pace & TCP_PACE_ON))
		return;
	tcp_cold(c)->pace.rate = min_u64(rate, RATE_MAX);
	changed(c);
}

void tcp_pacing_limit(struct tcp_conn *c, uint64_t rate)
{
	tcp_cold(c)->pace.max = min_u64(rate, RATE_MAX);
	changed(c);
}

uint64_t tcp_pacing_rate_now(const struct tcp_conn *c)
{
	return c->pace & TCP_PACE_ON ? rate_of(&tcp_cold_peek(c)->pace) : 0;
}

uint64_t tcp_pacing_limit_now(const struct tcp_conn *c)
{
	return tcp_cold_peek(c)->pace.max;
}

/* How far next_ns may run ahead. */
static uint64_t burst_ns(const struct tcp_conn *c, uint64_t rate)
{
	uint64_t bytes = BURST_BYTES * NS_PER_S / rate, two = 2 * NS_PER_S * c->mss / rate;
	uint64_t burst = min_u64(BURST_NS, bytes > BURST_MIN_NS ? bytes : BURST_MIN_NS);

	return burst > two ? burst : two;
}

bool pacer_holds(struct tcp_conn *c, uint64_t now_ns)
{
	struct tcp_pace *p;

	if (!(c->pace & TCP_PACE_ON))
		return false;
	p = &tcp_cold(c)->pace;
	if (c->pace & TCP_PACE_HELD) {
		if (now_ns < p->next_ns)
			return true;
		pacer_expired(c);
		return false;
	}
	if (p->next_ns < now_ns + burst_ns(c, rate_of(p)))
		return false;
	c->pace |= TCP_PACE_HELD;
	return true;
}

void pacer_expired(struct tcp_conn *c)
{
	c->pace &= (uint8_t)~TCP_PACE_HELD;
	c->pace |= TCP_PACE_LATE;
}

void pacer_sent(struct tcp_conn *c, uint32_t bytes, uint64_t now_ns)
{
	struct tcp_pace *p;
	uint64_t rate, from;

	if (!(c->pace & TCP_PACE_ON))
		return;
	p = &tcp_cold(c)->pace;
	rate = rate_of(p);
	from = now_ns;
	if (c->pace & TCP_PACE_LATE) {
		uint64_t credit = burst_ns(c, rate);

		from = now_ns > credit ? now_ns - credit : 0;
		c->pace &= (uint8_t)~TCP_PACE_LATE;
	}
	if (p->next_ns < from)
		p->next_ns = from;
	p->next_ns += bytes * NS_PER_S / rate;
}
