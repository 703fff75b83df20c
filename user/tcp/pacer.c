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
 * An algorithm that has no rate of its own, only a window, is paced where that is asked for (XTCP_PACING, or by a
 * limit), and while its window is not validated (cwv.c): at twice cwnd in a round trip while it may still double, later at 1.2 times, so that it stays cwnd that limits
 * (TCP_PACE_WINDOW). The rate is made anew when cwnd has changed by an eighth, and once in a round trip.
 *
 * Not held: a fast retransmit's first segment, loss probes and F-RTO's two segments, window probes, pure ACKs. All data is
 * charged, held or not.
 *
 * Invariants: TCP_PACE_HELD only with TCP_PACE_ON; next_ns is valid then. Nothing divides but for a new rate.
 */
#include "tcp/internal.h"

#define NS_PER_S 1000000000ull
#define BURST_NS 1000000ull /* Linux' sk_pacing_shift of 10 */
#define BURST_BYTES (64u << 10)
#define BURST_MIN_NS 262144ull	/* two ticks of the engine's wheel */
#define RATE_MAX (1ull << 40)	/* bytes/s; so that nothing overflows */
#define PERCENT_SLOW_START 200u /* of cwnd in a round trip, as Linux */
#define PERCENT_AVOIDANCE 120u

/* What is in force; 0: nothing. */
static uint64_t rate_of(const struct tcp_pace *p)
{
	return p->max && (!p->rate || p->max < p->rate) ? p->max : p->rate;
}

static void changed(struct tcp_conn *c)
{
	struct tcp_pace *p = &tcp_cold(c)->pace;
	uint64_t rate = rate_of(p);

	if (!rate) {
		c->pace &= TCP_PACE_WINDOW;
		return;
	}
	c->pace |= TCP_PACE_ON;
	p->ns_x65536 = ((NS_PER_S << 16) + rate - 1) / rate; /* rounded up: never faster */
}

void tcp_pacing_rate(struct tcp_conn *c, uint64_t rate)
{
	struct tcp_pace *p;

	if (!rate && !(c->pace & TCP_PACE_ON))
		return;
	p = &tcp_cold(c)->pace;
	if (c->pace & TCP_PACE_ON && rate == p->rate)
		return;
	p->rate = min_u64(rate, RATE_MAX);
	changed(c);
}

void pacer_window(struct tcp_conn *c)
{
	struct tcp_pace *p = &tcp_cold(c)->pace;
	uint32_t percent = c->cwnd < c->ssthresh / 2 && !tcp_cold_peek(c)->cwv.unvalidated ? PERCENT_SLOW_START
											   : PERCENT_AVOIDANCE;
	uint32_t cwnd = max_u32(c->cwnd, tcp_flight(c)); /* in recovery cwnd is what may leave now */
	uint32_t change = cwnd > p->cwnd ? cwnd - p->cwnd : p->cwnd - cwnd;

	if (!c->srtt_us_x8 || (p->rate && change < p->cwnd / 8 && seq_leq(c->snd_una, p->round_end)))
		return;
	if (!p->cwnd || seq_gt(c->snd_una, p->limited_end))
		p->limited_end = c->snd_una - 1; /* so that it never wraps */
	p->cwnd = cwnd;
	p->round_end = c->snd_nxt;
	tcp_pacing_rate(c, max_u64((uint64_t)cwnd * (8 * 1000000 / 100) * percent / c->srtt_us_x8, 1));
}

uint64_t tcp_pacing_rate_now(const struct tcp_conn *c)
{
	return c->pace & TCP_PACE_ON ? rate_of(&tcp_cold_peek(c)->pace) : 0;
}

uint64_t tcp_pacing_limit_now(const struct tcp_conn *c)
{
	return tcp_cold_peek(c)->pace.max;
}

/* The application asks for it, or cwnd is not validated (RFC 7661 4.4.2). */
static bool wanted(const struct tcp_conn *c)
{
	const struct tcp_cold *cold = tcp_cold_peek(c);

	return c->tune & TCP_TUNE_PACING || (c->flags & TCP_F_COLD && (cold->pace.max || cold->cwv.unvalidated));
}

void pacer_choose(struct tcp_conn *c)
{
	bool owns = tcp_cc_table[c->cc]->owns_cwnd;

	if (!owns && wanted(c)) {
		if (!(c->pace & TCP_PACE_WINDOW) && c->flags & TCP_F_COLD)
			tcp_cold(c)->pace.cwnd = 0; /* what it was made of is long ago */
		c->pace |= TCP_PACE_WINDOW;
		if (c->srtt_us_x8)
			pacer_window(c);
		return;
	}
	c->pace &= (uint8_t)~TCP_PACE_WINDOW;
	if (!owns)
		tcp_pacing_rate(c, 0);
}

void tcp_set_pacing(struct tcp_conn *c, bool on)
{
	c->tune = (uint8_t)(on ? c->tune | TCP_TUNE_PACING : c->tune & ~TCP_TUNE_PACING);
	pacer_choose(c);
}

void tcp_pacing_limit(struct tcp_conn *c, uint64_t rate)
{
	tcp_cold(c)->pace.max = min_u64(rate, RATE_MAX);
	pacer_choose(c);
	changed(c);
}

static uint64_t time_of(const struct tcp_pace *p, uint32_t bytes)
{
	return bytes * p->ns_x65536 >> 16;
}

/* How far next_ns may run ahead. */
static uint64_t burst_ns(const struct tcp_conn *c, const struct tcp_pace *p)
{
	uint64_t burst = min_u64(BURST_NS, max_u64(time_of(p, BURST_BYTES), BURST_MIN_NS));

	return max_u64(burst, time_of(p, 2u * c->mss));
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
	if (p->next_ns < now_ns + burst_ns(c, p))
		return false;
	c->pace |= TCP_PACE_HELD;
	return true;
}

void pacer_expired(struct tcp_conn *c)
{
	c->pace &= (uint8_t)~TCP_PACE_HELD;
	c->pace |= TCP_PACE_LATE;
}

void pacer_credit(struct tcp_conn *c, uint32_t bytes)
{
	struct tcp_pace *p;

	if (!(c->pace & TCP_PACE_ON) || c->tune & TCP_TUNE_PACING || tcp_cold_peek(c)->pace.max)
		return; /* the application wants no bursts */
	p = &tcp_cold(c)->pace;
	p->credit = bytes;
	c->pace |= TCP_PACE_CREDIT;
}

void pacer_sent(struct tcp_conn *c, uint32_t bytes, uint64_t now_ns)
{
	struct tcp_pace *p;
	uint64_t from = now_ns;

	if (!(c->pace & TCP_PACE_ON))
		return;
	p = &tcp_cold(c)->pace;
	if (c->pace & TCP_PACE_LATE)
		from -= min_u64(from, burst_ns(c, p));
	if (c->pace & TCP_PACE_CREDIT)
		from = min_u64(from, now_ns - min_u64(now_ns, time_of(p, p->credit)));
	p->next_ns = max_u64(p->next_ns, from) + time_of(p, bytes);
	if (p->next_ns >= now_ns)
		c->pace &= (uint8_t) ~(TCP_PACE_LATE | TCP_PACE_CREDIT);
}
