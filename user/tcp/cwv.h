/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* cwv.h - what a connection keeps to validate cwnd (cwv.c, RFC 7661). Part of tcp.h. */
#ifndef TCP_CWV_H
#define TCP_CWV_H

#include <stdbool.h>
#include <stdint.h>
#include "tcp/peak.h"

struct tcp_cwv {
	uint64_t from;	      /* tcp_rate.delivered when the last recovery ended: older segments give no sample */
	struct tcp_peak pipe; /* pipeACK, bytes; times in ticks of 2^20 ns, like the next. Empty: undefined */
	uint32_t round_end;   /* snd_nxt when the phase was last decided on; valid with a sample in pipe */
	uint32_t since;	      /* when the non-validated period began, or was last made to count */
	uint32_t base;	      /* max(pipeACK, LossFlightSize) of a recovery that met a non-validated cwnd; 0: none */
	uint32_t resent;      /* R: bytes of its flight that were sent again */
	bool unvalidated;     /* the non-validated phase */
};

#endif
