// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* rtt.c - round-trip time and retransmission timeout (RFC 6298), in fixed point. */
#include "tcp/internal.h"

#define CLOCK_GRANULARITY_US 1000u
#define RTT_MAX_US (1u << 27) /* 134 s, so that eight times as much fits; an echoed timestamp can claim anything */

static uint32_t bounded_rto(const struct tcp_env *env, uint64_t rto_us)
{
	uint64_t lo = env->conf.rto_min_ns / 1000, hi = env->conf.rto_max_ns / 1000;

	if (rto_us < lo)
		return (uint32_t)lo;
	return (uint32_t)min_u64(rto_us, hi);
}

/* RFC 4015 3.1 (11): the sample is of something that had not been sent at the time of a needless timeout. */
static bool anew(struct tcp_conn *c, uint32_t rtt_us)
{
	const struct tcp_spurious *s = &tcp_cold_peek(c)->spurious;

	if (!seq_gt(c->snd_una, s->seq))
		return false;
	c->loss_flags &= (uint16_t)~TCP_L_RTT_ANEW;
	c->srtt_us_x8 = max_u32(s->srtt_us_x8 + 8 * 2 * CLOCK_GRANULARITY_US, rtt_us * 8);
	c->rttvar_us_x4 = max_u32(s->rttvar_us_x4, rtt_us * 2);
	return true;
}

/*
 * RFC 6298 has one sample a round trip in mind. With many, RTTVAR would forget within one what it has learned (RFC 7323 4.2): so
 * it grows with each, but shrinks once a round trip, by the largest deviation of that.
 */
static void deviate(struct tcp_conn *c, uint32_t mag)
{
	struct tcp_cold *cold = tcp_cold(c);
	uint32_t var = c->rttvar_us_x4 >> 2;
	bool over = c->snd_nxt - cold->rtt_mark >
		    tcp_flight(c); /* what was in flight when it was set is acknowledged */

	cold->rtt_dev = max_u32(cold->rtt_dev, mag);
	if (mag >= var)
		c->rttvar_us_x4 += mag - var;
	else if (over && cold->rtt_dev < var)
		c->rttvar_us_x4 -= var - cold->rtt_dev;
	if (over) {
		cold->rtt_mark = c->snd_nxt;
		cold->rtt_dev = 0;
	}
}

/* RFC 6298 2.2 and 2.3, alpha 1/8, beta 1/4. */
static void smooth(struct tcp_conn *c, uint32_t rtt_us)
{
	if (!c->srtt_us_x8) {
		c->srtt_us_x8 = rtt_us * 8;
		c->rttvar_us_x4 = rtt_us * 2;
	} else {
		int32_t err = (int32_t)rtt_us - (int32_t)(c->srtt_us_x8 >> 3);

		deviate(c, (uint32_t)(err < 0 ? -err : err));
		c->srtt_us_x8 = (uint32_t)((int32_t)c->srtt_us_x8 + err);
		if (!c->srtt_us_x8)
			c->srtt_us_x8 = 1;
	}
}

/*
 * snd_una has moved. A valid sample ends the back-off (RFC 6298 5). The least RTO is 1 s by 2.4, which has room for an
 * acknowledgement that the peer delays. It is less here, and comes on top of the round-trip time: where that is steady its variance
 * leaves nothing for the delay.
 */
void rtt_sample(struct tcp_env *env, struct tcp_conn *c, uint32_t rtt_us)
{
	rtt_us = min_u32(max_u32(rtt_us, 1), RTT_MAX_US);
	c->loss_flags |= TCP_L_RTT;
	if (!(c->loss_flags & TCP_L_RTT_ANEW && anew(c, rtt_us)))
		smooth(c, rtt_us);
	c->rto_us = bounded_rto(env, (c->srtt_us_x8 >> 3) + max_u64(env->conf.rto_min_ns / 1000, c->rttvar_us_x4));
	c->backoff = 0;
}

/* RFC 6298 5.5 */
void rtt_backoff(struct tcp_env *env, struct tcp_conn *c)
{
	c->rto_us = bounded_rto(env, 2ull * c->rto_us);
	if (c->backoff < 255)
		c->backoff++;
}
