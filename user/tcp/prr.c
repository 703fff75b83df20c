// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * prr.c - how much may be sent while losses are repaired: Proportional Rate Reduction
 * (RFC 9937 6). What is delivered lets go of new segments in the proportion ssthresh to
 * flight, evenly through the round trip; below ssthresh it catches up, but no faster than
 * slow start (PRR-SSRB), and only where nothing more gets lost. With SACK only: DeliveredData
 * is what that tells. At the end loss.c sets cwnd to ssthresh.
 *
 * cwnd is set so that cwnd - pipe is the RFC's sndcnt.
 */
#include "tcp/internal.h"

/* delivered: by the acknowledgement that showed the loss. What was SACKed before it counts for nothing. */
void prr_begin(struct tcp_conn *c, uint32_t delivered)
{
	c->recover_fs = tcp_flight(c) - c->sacked + delivered;
	c->prr_delivered = 0;
	c->prr_out = 0;
}

void prr_update(struct tcp_conn *c, uint32_t delivered, bool safe)
{
	uint32_t pipe = tcp_pipe(c);
	int64_t sndcnt;

	c->prr_delivered += delivered;
	if (pipe > c->ssthresh) {
		uint64_t share = (uint64_t)c->prr_delivered * c->ssthresh;

		sndcnt = (int64_t)((share + c->recover_fs - 1) / max_u32(c->recover_fs, 1)) - c->prr_out;
	} else {
		sndcnt = (int64_t)c->prr_delivered - c->prr_out;
		if (sndcnt < delivered)
			sndcnt = delivered;
		if (safe)
			sndcnt += c->mss;
		if (sndcnt > c->ssthresh - pipe)
			sndcnt = c->ssthresh - pipe;
	}
	if (!c->prr_out && sndcnt < c->mss)
		sndcnt = c->mss; /* the fast retransmit */
	if (sndcnt < 0)
		sndcnt = 0;
	c->cwnd = max_u32(pipe + (uint32_t)sndcnt, c->mss); /* with nothing in flight no ACK would come */
}
