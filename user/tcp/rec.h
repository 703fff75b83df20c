/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rec.h - the record of a segment in flight, and the ring of them that a connection has (recs.c).
 */
#ifndef TCP_REC_H
#define TCP_REC_H

#include <stdint.h>

/* A segment sent and not yet cumulatively acknowledged: RFC 2018's scoreboard and RFC 8985's records. */
struct tcp_rec {
	uint32_t seq;
	uint32_t len;	       /* sequence space, FIN and SYN included */
	uint32_t sent_us;      /* time of the last transmission, microseconds, wraps */
	uint8_t flags;	       /* TCP_REC_* */
	uint8_t rtx;	       /* times retransmitted, saturating */
	uint16_t flight;       /* bytes in flight once it was sent, packed; this and what follows: rate.c */
	uint32_t delivered;    /* tcp_rate.delivered when it was sent */
	uint32_t delivered_us; /* ... and when that had last grown */
	uint32_t first_us;     /* when the flight began that it was sent in */
	uint32_t lost;	       /* tcp_rate.lost when it was sent */
};
enum {
	TCP_REC_SACKED = 1,
	TCP_REC_LOST = 2, /* to be retransmitted */
	TCP_REC_RTX = 4,  /* was retransmitted (Karn) */
	TCP_REC_FIN = 8,
	TCP_REC_SYN = 16,
	TCP_REC_APP_LIMITED = 32 /* the application had not filled the pipe when it was sent */
};

struct tcp_recs { /* ring of records */
	uint32_t block;
	uint32_t cap;  /* records, 0 or a power of two */
	uint32_t head; /* index of the oldest */
	uint32_t count;
};

#endif
