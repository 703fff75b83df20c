// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * tlp.c - the tail loss probe (RFC 8985 7): when the acknowledgements stop, one segment
 * about two round trips later brings the SACK by which RACK finds what is missing, long
 * before the retransmission timeout, which would also have closed the window.
 *
 *   7.2  when a probe is due       tlp_arm()
 *   7.3  sending it                tlp_expired(), output.c
 *   7.4  losses that it mended     tlp_ack()
 *
 * One probe at a time (TCP_L_TLP), none in recovery, none while anything is SACKed: then
 * RACK's timer stands in the same probe_deadline. A probe, or one left out because the RTT has not been measured since
 * the last, restarts the RTO, so that it comes a full RTO later.
 */
#include "tcp/internal.h"

#define MAX_ACK_DELAY_US 200000u /* TLP.max_ack_delay: how long the peer may delay its ACK */
#define SLACK_US 2000u		 /* for coarse timers, here and at the peer */

static bool allowed(const struct tcp_conn *c)
{
	return (c->flags & (TCP_F_SACK | TCP_F_SYN_ACKED | TCP_F_RECOVERY | TCP_F_LOSS)) ==
		       (TCP_F_SACK | TCP_F_SYN_ACKED) &&
	       !(c->loss_flags & TCP_L_TLP) && c->recs.count && !c->sacked && !c->lost;
}

/* The largest segment that it may have seen of us: a probe of the path MTU too. */
static uint32_t full_for_peer(const struct tcp_conn *c)
{
	uint32_t full = max_u32(c->mss, TCP_MSS_DEFAULT_V4);

	if (c->mtu_state == TCP_MTU_FIXED)
		return full;
	return max_u32(full, tcp_cold_peek(c)->plpmtud.limit - conn_header_bytes(c));
}

/* TLP_calc_PTO() */
void tlp_arm(struct tcp_conn *c, uint64_t now_ns)
{
	uint32_t pto_us = c->srtt_us_x8 ? (c->srtt_us_x8 >> 2) + SLACK_US : 1000000;

	if (!allowed(c)) {
		if (c->loss_flags & TCP_L_PTO)
			c->probe_deadline = TCP_NEVER;
		c->loss_flags &= (uint16_t)~TCP_L_PTO;
		return;
	}
	/* The RFC says one segment, but less than two of those that the peer takes for full may wait as well. */
	if (tcp_flight(c) < 2u * full_for_peer(c))
		pto_us += MAX_ACK_DELAY_US;
	c->loss_flags |= TCP_L_PTO;
	c->probe_deadline = min_u64(now_ns + 1000ull * pto_us, c->rtx_deadline);
}

void tlp_expired(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns)
{
	c->probe_deadline = TCP_NEVER;
	c->loss_flags &= (uint16_t)~TCP_L_PTO;
	if (!allowed(c))
		return;
	if (c->loss_flags & TCP_L_RTT)
		c->loss_flags |= TCP_L_TLP_DUE;
	timer_rtx_arm(env, c, now_ns);
}

void tlp_sent(struct tcp_env *env, struct tcp_conn *c, bool rtx, uint64_t now_ns)
{
	c->loss_flags |= TCP_L_TLP;
	c->loss_flags &= (uint16_t) ~(TCP_L_TLP_RTX | TCP_L_RTT);
	if (rtx)
		c->loss_flags |= TCP_L_TLP_RTX;
	c->tlp_end = c->snd_nxt;
	timer_rtx_arm(env, c, now_ns);
	tcp_count(env, loss_probes);
}

/*
 * TLP_process_ack(): a probe that was a retransmission hides the loss that it mended, unless two copies of the segment
 * are seen to have arrived: by DSACK, or by an ACK more than the segments account for.
 */
bool tlp_ack(struct tcp_conn *c, const struct ack_info *a)
{
	if (!(c->loss_flags & TCP_L_TLP) || seq_lt(a->ack, c->tlp_end))
		return false;
	if (!(c->loss_flags & TCP_L_TLP_RTX) || (a->dsack && a->twice.end == c->tlp_end)) {
		c->loss_flags &= (uint16_t)~TCP_L_TLP;
		return false;
	}
	if (seq_gt(a->ack, c->tlp_end)) {
		c->loss_flags &= (uint16_t)~TCP_L_TLP;
		return true;
	}
	if (a->dup && !a->has_sack && !a->acked)
		c->loss_flags &= (uint16_t)~TCP_L_TLP;
	return false;
}
