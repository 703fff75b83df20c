// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * frto.c - F-RTO (RFC 5682): was the timeout needless? Where neither a timestamp nor a DSACK
 * tells (undo.c), the next two acknowledgements do, if what follows the first one is new data
 * and not more retransmissions:
 *
 *   step 1  the timer sends the first segment again       frto_begin()
 *   step 2  an ACK takes all of that, but not all of what was in flight: up to two new
 *           segments go, retransmissions wait             frto_ack(), out_frto() in output.c
 *           With SACK duplicate ACKs may come before it (3.1).
 *   step 3  the next ACK takes something that was never sent again, or SACKs it: the original
 *           flight is arriving, nothing was lost. Else it was: the rest is sent again. With SACK
 *           it must not tell of the new segments besides: then they, and not the flight, may have
 *           caused it.
 *
 * An ACK that fits neither step ends it, and so does the lack of new data to send or of a window
 * to send it in: recovery goes on as after any timeout. Not in a timeout on top of a recovery,
 * for then other retransmissions may answer; but anew when the timer fires again before step 2.
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
	bool again = c->loss_flags & TCP_L_FRTO_1;

	frto_over(c);
	if (c->flags & TCP_F_SYN_ACKED && (again || !(c->flags & (TCP_F_RECOVERY | TCP_F_LOSS))))
		c->loss_flags |= TCP_L_FRTO_1;
}

/* Step 2. */
static void first_ack(struct tcp_env *env, struct tcp_conn *c, const struct ack_info *a)
{
	if (!a->acked && c->flags & TCP_F_SACK)
		return;
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

/* Step 3. high_sacked is the right edge of what was acknowledged too. */
static bool second_ack(struct tcp_conn *c, const struct ack_info *a)
{
	bool beyond = c->flags & TCP_F_SACK && seq_gt(c->high_sacked, c->recover);

	if (!a->acked && !a->dup && !a->new_sack)
		return false; /* "other types of ACKs are ignored" */
	frto_over(c);
	if (a->original && !beyond)
		return true;
	c->cwnd = min_u32(c->cwnd, 3u * c->mss); /* 3a: the two new ones are out besides */
	return false;
}

bool frto_ack(struct tcp_env *env, struct tcp_conn *c, const struct ack_info *a)
{
	if (c->loss_flags & TCP_L_FRTO_2)
		return second_ack(c, a);
	if (c->loss_flags & TCP_L_FRTO_1)
		first_ack(env, c, a);
	return false;
}
