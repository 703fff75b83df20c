/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rate.h - how fast a connection sends and how fast the network delivers: what tcp.h keeps of it.
 */
#ifndef TCP_RATE_H
#define TCP_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct tcp_conn;

/* What the delivery rate is measured by (rate.c). Bytes are of sequence space; times in microseconds, wrapping. */
struct tcp_rate {
	uint64_t delivered;    /* bytes acknowledged or SACKed, each once */
	uint64_t lost;	       /* bytes ever marked lost */
	uint64_t app_limited;  /* until delivered passes this, what is sent is limited by the application; 0: not */
	uint32_t delivered_us; /* when delivered last grew */
	uint32_t first_us;     /* C.first_send_time: when the newest segment delivered so far was sent */
	/* the last sample for tcp_info: the rate is last_bytes / last_us */
	uint32_t last_bytes;
	uint32_t last_us; /* 0: no sample yet */
	bool last_app_limited;
};

/* The delivery rate as last measured, bytes/s; 0: not yet. It was limited by the application when *app_limited. */
uint64_t tcp_delivery_rate(const struct tcp_conn *c, bool *app_limited);

#endif
