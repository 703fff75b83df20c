/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* conf.h - what the core is told once, for all connections of an engine: sizes in bytes, times in nanoseconds. */
#ifndef TCP_CONF_H
#define TCP_CONF_H

#include <stdbool.h>
#include <stdint.h>

struct tcp_conf {
	uint32_t sndbuf_max;  /* bytes */
	uint32_t rcvbuf_max;  /* bytes */
	uint32_t rcvbuf_init; /* receive buffer before it is tuned, bytes; default 128 KiB */
	uint64_t time_wait_ns;
	uint64_t delack_ns;		/* default 40 ms; < 500 ms (MUST-40) */
	uint64_t rto_min_ns;		/* least that the RTO leaves beyond the round-trip time; default 200 ms */
	uint64_t rto_max_ns;		/* default 120 s (RFC 6298 2.5: at least 60 s) */
	uint64_t rto_init_ns;		/* default 1 s */
	uint64_t fin_wait2_ns;		/* how long an orphan waits for the peer's FIN; default 60 s */
	uint64_t syn_timeout_ns;	/* R2 for SYN: default 180 s (MUST-23) */
	uint64_t r2_ns;			/* R2 for data: default 15 min (SHLD-11: at least 100 s) */
	uint32_t uto_low_s, uto_high_s; /* bounds of what a peer's user timeout can do; default 100 s, 3,600 s */
	bool uto;			/* the user timeout option on every connection; default no */
	uint8_t r1;			/* retransmissions until the path is in doubt: default 3 (SHLD-10) */
	uint32_t orphan_retries;	/* window probes for an orphan; default 8 */
	uint32_t zero_window_probes;	/* so many, all answered, before short memory may end it; default 8 */
	int64_t fixed_isn;		/* >= 0: use it (teaching); -1: RFC 6528 */
	uint8_t cc;			/* number in tcp_cc_table[] */
	uint8_t ecn;			/* enum tcp_ecn_want; default TCP_ECN_PASSIVE */
	uint8_t ttl;			/* default 64 */
	bool timestamps;		/* RFC 7323: offered, and agreed to; default yes */
	uint16_t mss_min;  /* a smaller MSS option counts as this; 0 (default): 536, IPv6 1220; at least 48 */
	bool idle_restart; /* RFC 5681 4.1, as Linux does, instead of RFC 7661 (cwv.c); default no */
	bool pacing;	   /* every connection spreads cwnd over the round trip; default no */
	bool long_way;	   /* no header prediction (fast.c): every segment takes the long way, for tests; default no */
	uint8_t mtu_probing; /* RFC 4821: 0 never; 1 once a black hole was met (default); 2 from the start */
};
void tcp_conf_default(struct tcp_conf *conf);

#endif
