// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * frto.c - F-RTO (RFC 5682): was the timeout needless? Where neither a timestamp nor a DSACK
 * tells (undo.c), the next two acknowledgements do, if what follows the first one is new data
 * and not more retransmissions:
 *
 *   step 1  the timer sends the first segment again       frto_begin()
 *   step 2  an ACK takes all of that, but not all of what was in flight: up to two new
 *           segments go, retransmissions wait             frto_ack(), out_frto() in output.c
 *   step 3  the next ACK takes something that was never sent again, or SACKs it: the original
 *           flight is arriving, nothing was lost. Else it was: the rest is sent again.
 *
 * An ACK that fits neither step ends it, and so does the lack of new data to send or of a window
 * to send it in: recovery goes on as after any timeout. Not in a timeout on top of a recovery,
 * for then other retransmissions may answer.
 *
 * c->recover is the right edge of the flight, so what F-RTO sends lies right of it.
 */
#include "tcp/internal.h"

void frto_over(struct tcp_conn *c)
{
	c->loss_flags &= (uint16_t) ~(TCP_L_FRTO_1 | TCP_L_FRTO_2);
}

/* c->flags are those from before the timeout. */
void frto_begin(struct tcp_conn *c)
{
	frto_over(c);
	if (c->flags & TCP_F_SYN_ACKED && !(c->flags & (TCP_F_RECOVERY | TCP_F_LOSS)))
		c->loss_flags |= TCP_L_FRTO_1;
}

/* Step 2. */
static void first_ack(struct tcp_env *env, struct tcp_conn *c, const struct ack_info *a)
{
	frto_over(c);
	if (!a->acked || seq_geq(c->snd_una, c->recover))
		return;
	if (a->has_tsecr) /* it echoes the retransmission, or undo.c would have said so: that was needed */
		return;
	if (!c->recs.count || recs_at(env, c, 0)->flags & TCP_REC_RTX) /* a part of the segment only */
		return;
	if ((tcp_unsent(c) || tcp_fin_due(c)) && c->snd_wnd > tcp_flight(c))
		c->loss_flags |= TCP_L_FRTO_2;
}

bool frto_ack(struct tcp_env *env, struct tcp_conn *c, const struct ack_info *a)
{
	if (c->loss_flags & TCP_L_FRTO_1)
		first_ack(env, c, a);
	else if (c->loss_flags & TCP_L_FRTO_2 && a->original)
		return true;
	else if (c->loss_flags & TCP_L_FRTO_2) {
		frto_over(c);
		c->cwnd = min_u32(c->cwnd, 3u * c->mss); /* 3a: the two new ones are out besides */
	}
	return false;
}
