/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rate.h - how fast a connection sends and how fast the network delivers, and by which congestion control: what tcp.h has of it.
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
	uint32_t largest;      /* bytes of text of the longest segment delivered (icmp.c) */
	/* the last sample for tcp_info: the rate is last_bytes / last_us */
	uint32_t last_bytes;
	uint32_t last_us; /* 0: no sample yet */
	bool last_app_limited;
};

/* conn->pace */
enum {
	TCP_PACE_ON = 1,      /* there is a rate */
	TCP_PACE_HELD = 2,    /* something waits for tcp_pace.next_ns */
	TCP_PACE_LATE = 4,    /* it did: what the timer was late is made good for */
	TCP_PACE_WINDOW = 8,  /* the rate is cwnd's in a round trip, the congestion control has none */
	TCP_PACE_CREDIT = 16, /* tcp_pace.credit is valid: next_ns may lie so far behind the clock */
};

struct tcp_pace {	      /* pacer.c */
	uint64_t rate;	      /* bytes/s, by the congestion control; 0: unpaced */
	uint64_t max;	      /* bytes/s, by the application; 0: no limit */
	uint64_t next_ns;     /* when all that was sent is through at that rate */
	uint64_t ns_x65536;   /* for a byte at the rate in force, in 2^-16 ns */
	uint32_t credit;      /* bytes */
	uint32_t cwnd;	      /* bytes: what the rate was made of, with TCP_PACE_WINDOW; 0: none yet */
	uint32_t round_end;   /* snd_nxt then */
	uint32_t limited_end; /* snd_nxt when cwnd last held data back; valid with cwnd */
};

/* cwnd is spread over the round trip, whatever the congestion control; one that has a rate of its own needs no telling. */
void tcp_set_pacing(struct tcp_conn *c, bool on);

/* At most this many bytes/s of data from now on, whatever the congestion control says; 0: no limit. */
void tcp_pacing_limit(struct tcp_conn *c, uint64_t rate);
uint64_t tcp_pacing_limit_now(const struct tcp_conn *c);
/* Bytes/s in force; 0: unpaced. */
uint64_t tcp_pacing_rate_now(const struct tcp_conn *c);

/* The delivery rate as last measured, bytes/s; 0: not yet. It was limited by the application when *app_limited. */
uint64_t tcp_delivery_rate(const struct tcp_conn *c, bool *app_limited);

/* Another algorithm from now on; it begins with cwnd as it is. */
void tcp_cc_set(struct tcp_conn *c, uint8_t number);
/* Congestion control by name: number, or -1. NULL past the last. */
int tcp_cc_find(const char *name);
const char *tcp_cc_name(unsigned int number);

#endif
