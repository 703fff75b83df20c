/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* segment.h - what nearly every segment that is sent begins with: its header's fields, and the timestamps alone as options. */
#ifndef TCP_SEGMENT_H
#define TCP_SEGMENT_H

#include "tcp/internal.h"

/* A segment without text, whose options, acknowledgement and window are to follow. */
static inline void segment_begin(const struct tcp_conn *c, struct tcp_seg *out, uint32_t seq, uint16_t flags)
{
	out->seq = seq;
	out->flags = flags;
	out->ack = 0;
	out->urg = 0;
	out->len = 0;
	out->gso_size = 0;
	out->nspans = 0;
	out->tclass = c->tclass;
	out->ttl = c->ttl;
}

static inline void options_put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

/* Of a connection with timestamps: them alone, padded; nearly every segment. */
static inline void options_put_ts(const struct tcp_conn *c, struct tcp_seg *out, uint64_t now_ns)
{
	options_put32(out->opt, OPT_NOP << 24 | OPT_NOP << 16 | OPT_TS << 8 | 10);
	options_put32(out->opt + 4, tcp_ts_now(c, now_ns));
	options_put32(out->opt + 8, c->flags & TCP_F_TS_RECENT ? c->ts_recent : 0);
	out->opt_len = 12;
}

#endif
