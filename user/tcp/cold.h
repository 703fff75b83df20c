/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* cold.h - the cold part of a connection: what it needs only once it has carried data. Part of tcp.h. */
#ifndef TCP_COLD_H
#define TCP_COLD_H

#include <stdbool.h>
#include <stdint.h>
#include "tcp/cwv.h"
#include "tcp/ecn.h"
#include "tcp/peak.h"
#include "tcp/rate.h"

#define TCP_COOKIE_MIN 4 /* RFC 7413 2: an even number of bytes */
#define TCP_COOKIE_MAX 16
struct tcp_cookie {
	uint8_t len; /* 0: asks for one */
	uint8_t b[TCP_COOKIE_MAX];
	bool exp; /* in the experimental option, as before the RFC (RFC 7413 9) */
};

struct tcp_plpmtud {
	uint64_t again_ns;    /* when the search begins anew */
	uint32_t probe_seq;   /* first byte of the probe in flight */
	uint16_t probe_mtu;   /* bytes of IP packet, like the next three */
	uint16_t search_low;  /* known to pass */
	uint16_t search_high; /* may pass */
	uint16_t limit;	      /* what the link and the route allow */
	uint8_t losses;	      /* probes of this size lost in a row */
	bool halving;	      /* the whole step has been tried */
};

struct tcp_account {
	uint64_t bytes_sent;		      /* payload, first time */
	uint64_t bytes_acked;		      /* payload that left the send buffer */
	uint64_t bytes_received;	      /* payload, in order */
	uint64_t busy_ns;		      /* something was unsent or unacknowledged */
	uint64_t since_ns;		      /* up to here it and the next two are counted */
	uint32_t data_segs_in, data_segs_out; /* segments with payload, all of them */
	uint32_t data_rx_ms;		      /* when the last data came, wraps */
	uint8_t retransmits;		      /* timeouts since something was last acknowledged, saturating */
	uint64_t rwnd_limited_ns;	      /* busy, and the peer's window was shut */
	uint64_t sndbuf_limited_ns; /* ... or all of it was sent, and the application had found no room for more */
	uint64_t bytes_retrans;	    /* sequence space sent again */
	uint32_t retrans_segs;
	uint32_t ooo_segs_in;	 /* segments out of order and kept */
	uint32_t rto_recoveries; /* times that the timer began a recovery */
	uint32_t rto_time_ms;	 /* from the timeout to the next acknowledgement of something new, all together */
	uint32_t rto_since_ms;
};

/* Reordering and duplicates seen by the sender, as Linux's TCP_INFO tells them (rack.c, sack.c). */
struct tcp_reorder {
	uint32_t reord_seen; /* segments delivered out of order */
	uint32_t dsack_dups; /* duplicates that the peer reported (RFC 2883), segments */
	uint16_t reordering; /* the farthest that one was late, segments; 0: none seen */
};

/* For after a needless timeout (undo.c, RFC 4015 3.1). */
struct tcp_spurious {
	uint32_t srtt_us_x8; /* before it */
	uint32_t rttvar_us_x4;
	uint32_t seq; /* what lies right of it had not been sent then */
};

/* When to acknowledge (delack.c). */
struct tcp_acks {
	uint32_t data_ms; /* when the last data in order came, wraps */
	uint8_t quick;	  /* acknowledgements still to be sent at once */
	bool begun;	  /* data_ms is valid */
	bool interactive; /* an answer is likely to carry the acknowledgement */
};

struct tcp_fastopen {
	struct tcp_cookie cookie;
	uint16_t mss;  /* option of the peer's SYN-ACK; 0: none */
	uint16_t text; /* bytes that went with our SYN */
	bool bare;     /* active: the SYN's text goes without a cookie */
	bool vain;     /* active: the option was answered by none */
	bool taken;    /* all text of the SYN was: ours acknowledged with it, or the peer's taken */
};

/* What the application takes in a round trip (rcvtune.c). */
struct tcp_rcvtune {
	uint32_t rtt_us_x8;   /* of our own ACKs to the data they let go, microseconds * 8; 0: no sample yet */
	uint32_t rtt_seq;     /* once rcv_nxt is here a window has arrived since rtt_at_us */
	uint32_t rtt_at_us;   /* wraps, like space_at_us */
	uint32_t tsecr;	      /* last echo that gave a sample */
	uint32_t space;	      /* most bytes read in a round trip so far; 0: no data yet */
	uint32_t space_seq;   /* next byte to be read at space_at_us */
	uint32_t space_at_us; /* when the count of this round trip began */
};

/* Right edges of records that wait to be sent (record.c): a ring. */
#define TCP_RECORDS 16u
struct tcp_records {
	uint8_t head, count;
	uint32_t end[TCP_RECORDS];
};

/*
 * The cold part of a connection. It lies elsewhere in the same mapping, at a distance that the owner of the memory sets
 * (cold_at) before the connection is opened; zeroed. Memory is committed when first touched, so a connection that
 * has never carried data takes none for it: what the handshake, keepalive or an idle connection's timers need stays in
 * struct tcp_conn.
 */
#define TCP_COLD_ALIGN 64u
struct tcp_cold {
	/* -- what a request and its answer touch lies together -- */
	uint32_t rtt_mark;  /* once snd_una is past it a round trip is over (rtt.c) */
	uint32_t rtt_dev;   /* largest deviation from SRTT in this one, microseconds */
	uint32_t used_most; /* most bytes in flight since used_end was set (cc.c) */
	uint32_t used_end;
	uint32_t part_seq; /* first byte of the part of a burst that is being made (output.c) */
	uint32_t snd_psh;  /* what is queued left of it the application wants to be pushed on (RFC 9293 3.9.1.2) */
	struct tcp_acks acks;
	struct tcp_rcvtune rcvtune;
	struct tcp_account account;
	struct tcp_rate rate;
	struct tcp_cwv cwv;
	struct tcp_peak min_rtt; /* of complements of microseconds; times in ticks of 2^20 ns */
	struct tcp_pace pace;
	struct tcp_records records;
	/* -- the rest is for who uses it -- */
	uint64_t cc_state[42]; /* what does not fit into cc_priv */
	struct tcp_plpmtud plpmtud;
	struct tcp_ecn_counts ecn;
	struct tcp_reorder reorder;
	struct tcp_fastopen fastopen;
	struct tcp_spurious spurious;
	uint32_t claimed_seq;	/* of the segment that an ICMP error of claimed_mtu quotes */
	uint16_t claimed_mtu;	/* waits to be believed (icmp.c); 0: none */
	uint32_t fast_una;	/* Fast Open, active: snd_una after the handshake */
	bool fast_hole;		/* ... and the path seems to lose all that followed it */
	uint32_t notsent_lowat; /* bytes; valid with TCP_TUNE_LOWAT */
	uint32_t ack_step;	/* without SACK: bytes by which snd_una moved last */
	uint32_t fin_wait2_ms;	/* how long an orphan of it waits for the peer's FIN; 0: by conf */
	uint8_t syn_retries;	/* of a SYN, then R2 is over; 0: by time */
	bool uto_owed;		/* our user timeout is to be told */
} __attribute__((aligned(TCP_COLD_ALIGN)));

#endif
