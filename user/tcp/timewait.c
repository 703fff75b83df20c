// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * timewait.c - TIME-WAIT (RFC 9293 3.10.7.4 and 3.6.1) without a connection: an
 * orphan in TIME-WAIT shrinks to a struct tcp_tw in a bounded table. A RST does not
 * end it (RFC 1337 3), a SYN with a newer timestamp or sequence number may open a new
 * connection in its place (RFC 6191, MAY-2).
 */
#include "tcp/internal.h"

#define CHALLENGE_INTERVAL_NS 1000000000ull
#define CHALLENGE_LIMIT 10

bool tcp_tw_ready(const struct tcp_conn *c)
{
	return c->state == TCP_TIME_WAIT && c->flags & TCP_F_ORPHAN && !(c->flags & (TCP_F_ACK_NOW | TCP_F_RST));
}

void tcp_tw_init(struct tcp_env *env, struct tcp_tw *tw, const struct tcp_conn *c, uint64_t now_ns)
{
	(void)env;
	(void)now_ns;
	memset(tw, 0, sizeof(*tw));
	tw->laddr = c->laddr;
	tw->raddr = c->raddr;
	tw->lport = c->lport;
	tw->rport = c->rport;
	tw->snd_nxt = c->snd_nxt;
	tw->rcv_nxt = c->rcv_nxt;
	tw->rcv_wnd = (c->rcv_adv - c->rcv_nxt) >> c->rcv_wscale;
	tw->ts_recent = c->ts_recent;
	tw->ts_offset = c->ts_offset;
	tw->flags = c->flags & (TCP_F_TS | TCP_F_TS_RECENT | TCP_F_V6);
	tw->tclass = c->tclass;
	tw->ttl = c->ttl;
	tw->expires_ns = c->misc_deadline;
}

static enum tcp_tw_verdict tw_ack(struct tcp_env *env, struct tcp_tw *tw, struct tcp_seg *out, uint64_t now_ns)
{
	struct tcp_conn c = { .flags = tw->flags, .ts_recent = tw->ts_recent, .ts_offset = tw->ts_offset };

	if (now_ns - tw->challenge_ns >= CHALLENGE_INTERVAL_NS) {
		tw->challenge_ns = now_ns;
		tw->challenges = 0;
	}
	if (tw->challenges >= CHALLENGE_LIMIT) {
		tcp_count(env, challenge_limited);
		return TCP_TW_DROP;
	}
	tw->challenges++;
	memset(out, 0, offsetof(struct tcp_seg, span));
	out->seq = tw->snd_nxt;
	out->ack = tw->rcv_nxt;
	out->wnd = (uint16_t)tw->rcv_wnd;
	out->flags = TCP_ACK;
	out->tclass = tw->tclass;
	out->ttl = tw->ttl;
	options_put(env, &c, out, 0, now_ns);
	tcp_count(env, out_segs);
	return TCP_TW_ACK;
}

/*
 * The cases of RFC 6191 2, and RFC 9293 3.6.1 (MAY-2). The last number that the peer used was its FIN's. A SYN that may not
 * is answered as any other in a synchronised state (RFC 9293 3.10.7.4, RFC 5961 4.2), not dropped silently.
 */
static bool may_reopen(const struct tcp_env *env, const struct tcp_tw *tw, const struct tcp_seg *seg)
{
	bool ts = env->conf.timestamps && seg->opts.present & TCP_OPT_TS; /* we would agree */

	if (ts && !(tw->flags & TCP_F_TS_RECENT))
		return true;
	if (ts && seg->opts.tsval != tw->ts_recent)
		return seq_gt(seg->opts.tsval, tw->ts_recent);
	return seq_geq(seg->seq, tw->rcv_nxt);
}

bool tcp_time_wait_reopens(struct tcp_env *env, const struct tcp_conn *c, const struct tcp_seg *seg)
{
	struct tcp_tw tw;

	if (c->state != TCP_TIME_WAIT || (seg->flags & (TCP_SYN | TCP_ACK | TCP_RST)) != TCP_SYN)
		return false;
	tcp_tw_init(env, &tw, c, 0);
	if (!may_reopen(env, &tw, seg))
		return false;
	tcp_count(env, time_wait_reused);
	return true;
}

enum tcp_tw_verdict tcp_tw_input(struct tcp_env *env, struct tcp_tw *tw, const struct tcp_seg *seg, struct tcp_seg *out,
				 uint64_t now_ns)
{
	if (seg->flags & TCP_RST) {
		tcp_count(env, in_rst_bad_seq);
		return TCP_TW_DROP;
	}
	if ((seg->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN && may_reopen(env, tw, seg)) {
		tcp_count(env, time_wait_reused);
		return TCP_TW_REOPEN;
	}
	if (seg->flags & TCP_FIN)
		tw->expires_ns = now_ns + env->conf.time_wait_ns; /* its ACK was lost: 2 MSL anew */
	else if (!tcp_seg_len(seg) && seg->seq == tw->rcv_nxt) {
		tcp_count(env, in_seq_old);
		return TCP_TW_DROP; /* an ACK of our FIN, late */
	}
	tcp_count(env, in_seq_old);
	return tw_ack(env, tw, out, now_ns);
}
