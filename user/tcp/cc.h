/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cc.h - congestion control: one table of functions for each algorithm, chosen by
 * number. It sees events and sets cwnd, ssthresh and the pacing rate, nothing else; finding
 * losses is loss.c's work, for all of them.
 */
#ifndef TCP_CC_H
#define TCP_CC_H

#include "tcp/tcp.h"

/* "ssthresh arbitrarily high" (RFC 5681 3.1): no loss so far, the initial slow start. */
#define TCP_SSTHRESH_NONE (1u << 30)

/*
 * A sample of the delivery rate (rate.c): what was delivered between the sending of a segment and the
 * acknowledgement that reports it, and in which time. Bytes of sequence space.
 */
struct tcp_rate_sample {
	uint64_t prior_delivered; /* bytes delivered when that segment was sent */
	uint32_t delivered;	  /* bytes delivered since; 0: no sample */
	uint32_t interval_us;	  /* 0: too short to be believed, there is no rate */
	uint32_t lost;		  /* bytes marked lost since it was sent */
	uint32_t tx_in_flight;	  /* bytes in flight once it was sent */
	uint32_t rtt_us;	  /* of the segment sent last; 0: it was sent more than once */
	bool app_limited;	  /* it was sent while the application did not fill the pipe */
};

/* Bytes/s; 0: no rate. */
static inline uint64_t tcp_rate_of(const struct tcp_rate_sample *rs)
{
	return rs->interval_us ? (uint64_t)rs->delivered * 1000000 / rs->interval_us : 0;
}

struct tcp_cc_event {
	uint64_t now_ns;
	uint32_t acked;	       /* bytes newly acknowledged, cumulatively */
	uint32_t prior_flight; /* bytes in flight before this acknowledgement */
	uint32_t rtt_us;       /* sample that this acknowledgement gave; 0: none */
	uint32_t srtt_us;      /* smoothed, this sample included; 0: no sample yet */
	uint32_t ce;	       /* bytes that arrived with a congestion mark, by what this acknowledgement tells (ECN) */
	bool ecn_reduced;      /* a loss in a window for which ecn() has reduced cwnd already (RFC 3168 6.1.2) */
	bool in_recovery;
	bool app_limited; /* cwnd was not what held us back: it has not been tested, and must not grow */

	/* for ack() and watch() only */
	uint32_t delivered; /* bytes newly acknowledged or SACKed */
	const struct tcp_rate_sample *rs;
};

/* A segment that was just taken for lost. */
struct tcp_lost {
	uint32_t seq;
	uint32_t len;
	uint32_t lost;	       /* bytes taken for lost since it was sent, these too */
	uint32_t tx_in_flight; /* bytes in flight once it was sent */
	bool app_limited;
};

struct tcp_cc_ops {
	const char *name;
	/*
	 * cwnd is the algorithm's in recovery too: no PRR, nothing at its end, and ack() is called for everything that
	 * delivers something or ends a recovery, after losses have been looked for. Else only outside recovery, before that.
	 */
	bool owns_cwnd;
	/* At opening, and when a connection is switched to it. cwnd is what it finds. */
	void (*init)(struct tcp_conn *c);
	void (*ack)(struct tcp_conn *c, const struct tcp_cc_event *ev);	 /* let cwnd grow */
	void (*loss)(struct tcp_conn *c, const struct tcp_cc_event *ev); /* recovery begins: set ssthresh */
	void (*rto)(struct tcp_conn *c, const struct tcp_cc_event *ev);	 /* the timer fired: set ssthresh */
	/*
	 * Congestion marks, once for a window and outside recovery: set cwnd and ssthresh. NULL: it has no answer to marks, and
	 * nothing is sent ECN-capable.
	 */
	void (*ecn)(struct tcp_conn *c, const struct tcp_cc_event *ev);
	/* The last loss or rto was none: cwnd (unless it is larger by now) and ssthresh as before it. Once only. */
	void (*undo)(struct tcp_conn *c, const struct tcp_cc_event *ev);
	/* Each segment taken for lost. NULL: it does not care. */
	void (*lost)(struct tcp_conn *c, const struct tcp_lost *l);
	/*
	 * Data is about to be sent while nothing is in flight, and cwnd is the restart window again (cwv.c), which it always
	 * hears of when it owns cwnd. NULL: it does not care.
	 */
	void (*restart)(struct tcp_conn *c, uint64_t now_ns);
	/* NULL: it does not care. What ack() is not called for: in fast recovery, or nothing but SACKed. To count only. */
	void (*watch)(struct tcp_conn *c, const struct tcp_cc_event *ev);
	/* Everything is sent ECN-capable, SYNs, acknowledgements and retransmissions too: its networks drop what is not. */
	bool ect_all;
};

enum { TCP_CC_RENO, TCP_CC_CUBIC, TCP_CC_DCTCP, TCP_CC_BBR }; /* numbers in the table */
#define TCP_CC_ALGORITHMS 4
extern const struct tcp_cc_ops *const tcp_cc_table[TCP_CC_ALGORITHMS];
extern const struct tcp_cc_ops tcp_cc_reno;
extern const struct tcp_cc_ops tcp_cc_cubic;
extern const struct tcp_cc_ops tcp_cc_dctcp;
extern const struct tcp_cc_ops tcp_cc_bbr;

/* The pacing rate, bytes/s; 0: unpaced. */
void tcp_pacing_rate(struct tcp_conn *c, uint64_t rate);

/* IW10 (RFC 6928 2), bytes. */
uint32_t tcp_initial_window(uint32_t mss);
/* RFC 5681 4.1: after a pause longer than the RTO cwnd says nothing about the network any more. True: it is smaller now. */
bool tcp_restart_window(struct tcp_conn *c, uint64_t now_ns);
/* Slow start (RFC 5681 3.1) by `acked` bytes, ending exactly at ssthresh. Returns what it did not use. */
uint32_t tcp_slow_start(struct tcp_conn *c, uint32_t acked);

#endif
