// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * delack.c - when what was received is acknowledged (RFC 9293 3.8.6.3, RFC 5681 4.2).
 *
 * At once: out of order, a duplicate, where a hole was or is (RFC 5681 4.2), FIN; and from two full
 * segments on (SHLD-19). "At once" is at the end of the engine's turn: all that came in it is
 * processed first and acknowledged once (MUST-58, MUST-59), for output makes one ACK, not input.
 *
 * Else within delack_ns (SHLD-18, MUST-40), so that an answer can carry it, but for two modes:
 *
 *   quick        the next DELACK_QUICK acknowledgements go at once, so that a peer whose window is
 *                still, or again, small is not stalled: when the first data comes, when data comes
 *                after a pause of an RTO (its cwnd may have been restarted), after
 *                anything out of order (it may be recovering)
 *   interactive  an answer left soon after data had come: the next ones will carry their ACKs as well, so
 *                quick does not count. So it begins when text has waited for the handshake to end. Ends when an acknowledgement found no answer in time, and
 *                with the next thing out of order.
 */
#include "tcp/internal.h"

#define NS_PER_MS 1000000u

void delack_quick(struct tcp_conn *c)
{
	struct tcp_acks *a = &tcp_cold(c)->acks;

	c->flags |= TCP_F_ACK_NOW;
	a->quick = DELACK_QUICK;
	a->interactive = false;
}

bool tcp_ack_can_wait(const struct tcp_conn *c)
{
	if (c->flags & (TCP_F_RST | TCP_F_PROBE | TCP_F_FORCE_RTX) || c->ooo_count || c->dsack.start != c->dsack.end ||
	    c->ecn.ce_acks || c->ecn.flags & TCP_E_HANDSHAKE || c->loss_flags & TCP_L_TLP_DUE)
		return false;
	if (c->state != TCP_ESTABLISHED && c->state != TCP_CLOSE_WAIT)
		return false;
	return !c->lost && !tcp_unsent(c) && !tcp_fin_due(c) && c->rcv_unacked < 2u * c->rcv_mss;
}

void delack_request(struct tcp_conn *c)
{
	tcp_cold(c)->acks.interactive = true;
}

void delack_answered(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns)
{
	struct tcp_acks *a = &tcp_cold(c)->acks;

	if (a->begun && tcp_ms(now_ns) - a->data_ms <= env->conf.delack_ns / NS_PER_MS)
		a->interactive = true;
}

void delack_expired(struct tcp_env *env, struct tcp_conn *c)
{
	c->delack_deadline = TCP_NEVER;
	if (!(c->flags & TCP_F_ACK_DELAYED))
		return;
	c->flags |= TCP_F_ACK_NOW;
	tcp_cold(c)->acks.interactive = false;
	tcp_count(env, delayed_acks);
}
