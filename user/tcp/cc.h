/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cc.h - congestion control: one table of functions for each algorithm, chosen by
 * number. It sees events and sets cwnd and ssthresh, nothing else; finding losses
 * is loss.c's work, for all of them.
 */
#ifndef TCP_CC_H
#define TCP_CC_H

#include "tcp/tcp.h"

struct tcp_cc_event {
	uint64_t now_ns;
	uint32_t acked;	       /* bytes newly acknowledged, cumulatively */
	uint32_t prior_flight; /* bytes in flight before this acknowledgement */
	bool in_recovery;
};

struct tcp_cc_ops {
	const char *name;
	void (*init)(struct tcp_conn *c);
	void (*ack)(struct tcp_conn *c, const struct tcp_cc_event *ev);	 /* outside recovery; cwnd was in use */
	void (*loss)(struct tcp_conn *c, const struct tcp_cc_event *ev); /* recovery begins: set ssthresh */
	void (*rto)(struct tcp_conn *c, const struct tcp_cc_event *ev);	 /* the timer fired: set ssthresh */
};

#define TCP_CC_ALGORITHMS 1
extern const struct tcp_cc_ops *const tcp_cc_table[TCP_CC_ALGORITHMS];
extern const struct tcp_cc_ops tcp_cc_reno;

/* IW10 (RFC 6928 2), bytes. */
uint32_t tcp_initial_window(uint32_t mss);

#endif
