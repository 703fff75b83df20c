/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * hystart.h - HyStart++ (RFC 9406): leave the initial slow start when the round-trip
 * time rises, before the queue overflows. For any algorithm: it keeps a struct hystart
 * in its cc_priv and lets hystart_ack() do slow start while hystart_active().
 */
#ifndef TCP_HYSTART_H
#define TCP_HYSTART_H

#include "tcp/cc.h"

struct hystart {
	uint32_t window_end;	 /* the round ends when this sequence number is acknowledged */
	uint32_t round_min_us;	 /* smallest RTT of this round; UINT32_MAX: none yet */
	uint32_t last_min_us;	 /* ... of the round before */
	uint32_t css_base_us;	 /* cssBaselineMinRtt */
	uint8_t samples;	 /* RTT samples of this round, saturating at what is needed */
	uint8_t css_rounds_left; /* rounds left in Conservative Slow Start; 0: ordinary slow start */
	uint16_t spare;
};

/* Only the initial slow start (RFC 9406 4.3): later ones have an ssthresh that was measured. */
static inline bool hystart_active(const struct tcp_conn *c)
{
	return c->ssthresh >= TCP_SSTHRESH_NONE;
}

void hystart_init(struct hystart *h, const struct tcp_conn *c);
/* An acknowledgement in the initial slow start: grows cwnd, and sets ssthresh = cwnd when slow start is over. */
void hystart_ack(struct hystart *h, struct tcp_conn *c, const struct tcp_cc_event *ev);

#endif
