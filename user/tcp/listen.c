// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * listen.c - the state LISTEN (RFC 9293 3.10.7.2) and what a SYN makes of it. The
 * bounds of the SYN and accept queues are the engine's: it asks here what a segment
 * is, then makes room or drops it.
 */
#include "tcp/internal.h"

enum tcp_listen_verdict tcp_listen_input(struct tcp_env *env, const struct tcp_seg *seg)
{
	if (seg->flags & TCP_RST) { /* first */
		tcp_count(env, in_listen_rst);
		return TCP_LISTEN_DROP;
	}
	if (seg->flags & TCP_ACK) /* second */
		return TCP_LISTEN_RST;
	if (seg->flags & TCP_SYN) /* third */
		return TCP_LISTEN_SYN;
	tcp_count(env, in_listen_no_syn); /* fourth */
	return TCP_LISTEN_DROP;
}

void tcp_accept_syn(struct tcp_env *env, struct tcp_conn *c, const struct tcp_open *o, const struct tcp_seg *syn,
		    uint64_t now_ns)
{
	conn_init(env, c, o, now_ns);
	c->flags |= TCP_F_PASSIVE;
	c->state = TCP_SYN_RECEIVED;
	c->irs = syn->seq;
	c->rcv_nxt = syn->seq + 1;
	c->last_ack_sent = c->rcv_nxt;
	options_agree(env, c, &syn->opts, now_ns);
	uto_received(env, c, &syn->opts);
	ecn_syn(env, c, syn);
	c->rcv_adv = c->rcv_nxt + min_u32(recvq_window(env, c), 65535);
	c->snd_wnd = c->max_snd_wnd = syn->wnd;
	c->snd_wl1 = syn->seq;
	c->snd_wl2 = c->iss;
	c->segs_in = 1;
	tcp_count(env, passive_opens);
}
