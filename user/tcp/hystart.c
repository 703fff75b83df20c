// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * hystart.c - HyStart++ (RFC 9406 4.2). Slow start is counted in rounds of one window.
 * When the smallest RTT of a round lies RttThresh above that of the round before, slow
 * start goes on at a quarter of its pace (Conservative Slow Start, CSS). Should the RTT
 * fall again, the rise was jitter and ordinary slow start resumes; after CSS_ROUNDS
 * rounds ssthresh becomes cwnd, and congestion avoidance begins.
 *
 * The limit L per acknowledgement is infinity, for the reason given at tcp_slow_start().
 *
 * Rounds and samples go on while the application holds back; cwnd does not grow then.
 */
#include "tcp/hystart.h"

#include "tcp/internal.h"

#define MIN_RTT_THRESH_US 4000u
#define MAX_RTT_THRESH_US 16000u
#define MIN_RTT_DIVISOR 8u
#define N_RTT_SAMPLE 8u
#define CSS_GROWTH_DIVISOR 4u
#define CSS_ROUNDS 5u
#define NO_RTT UINT32_MAX

void hystart_init(struct hystart *h, const struct tcp_conn *c)
{
	*h = (struct hystart){ .window_end = c->snd_una, .round_min_us = NO_RTT, .last_min_us = NO_RTT };
}

static uint32_t rtt_thresh(uint32_t last_min_us)
{
	return max_u32(MIN_RTT_THRESH_US, min_u32(last_min_us / MIN_RTT_DIVISOR, MAX_RTT_THRESH_US));
}

/* Begins the next round when this one is over. A round in CSS counts when it ends, the partial first one too. */
static void count_rounds(struct hystart *h, struct tcp_conn *c)
{
	if (!seq_gt(c->snd_una, h->window_end))
		return;
	h->window_end = c->snd_nxt;
	h->last_min_us = h->round_min_us;
	h->round_min_us = NO_RTT;
	h->samples = 0;
	if (h->css_rounds_left && --h->css_rounds_left == 0)
		c->ssthresh = c->cwnd;
}

static void judge(struct hystart *h)
{
	if (h->samples < N_RTT_SAMPLE)
		return;
	if (h->css_rounds_left) {
		if (h->round_min_us < h->css_base_us) /* it was spurious */
			h->css_rounds_left = 0;
	} else if (h->last_min_us != NO_RTT && h->round_min_us >= h->last_min_us + rtt_thresh(h->last_min_us)) {
		h->css_base_us = h->round_min_us;
		h->css_rounds_left = CSS_ROUNDS;
	}
}

void hystart_ack(struct hystart *h, struct tcp_conn *c, const struct tcp_cc_event *ev)
{
	count_rounds(h, c);
	if (!hystart_active(c))
		return;
	if (ev->rtt_us) {
		h->round_min_us = min_u32(h->round_min_us, ev->rtt_us);
		h->samples += h->samples < N_RTT_SAMPLE;
		judge(h);
	}
	if (!ev->app_limited)
		tcp_slow_start(c, h->css_rounds_left ? ev->acked / CSS_GROWTH_DIVISOR : ev->acked);
}
