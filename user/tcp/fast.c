// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fast.c - header prediction (Van Jacobson, 1990): on a connection where nothing is wrong nearly every segment is the next
 * one in order, or acknowledges what was sent, and all the questions of RFC 9293 3.10.7 that could matter are
 * answered by a few comparisons. And the answer to nearly all of them is an acknowledgement and nothing else.
 *
 *   fast_input()   ESTABLISHED; ACK, perhaps PSH, no other flag; a timestamp that is not older, no other option; the next
 *                  number, nothing out of order, no ECN, and either text, acknowledging nothing new, or no text,
 *                  acknowledging something
 *   fast_output()  nothing to send, nothing in flight, an acknowledgement owed without blocks and without ECN
 *
 * What they do is what input.c and output.c would do, to the last bit of the connection; a test sends the same segments
 * both ways (conf.long_way) and compares. Where they are not sure they have changed nothing and return false.
 */
#include "tcp/segment.h"

/* Of conn->flags: agreed to, and met with; not so. */
#define WITH (TCP_F_TS | TCP_F_TS_RECENT | TCP_F_SYN_ACKED)
#define WITHOUT (TCP_F_ORPHAN | TCP_F_FIN_SEEN | TCP_F_FIN_RCVD | TCP_F_FIN_SENT)

/* RFC 7323 4.3; the segment is the next one, and its timestamp not older. */
static inline void take_timestamp(struct tcp_conn *c, const struct tcp_seg *seg, uint64_t now_ns)
{
	if (c->rcv_nxt != c->last_ack_sent)
		return;
	c->ts_recent = seg->opts.tsval;
	c->ts_recent_ns = now_ns;
}

/* rcvtune_data(), when it would find nothing to measure. */
static inline bool nothing_to_tune(const struct tcp_env *env, const struct tcp_conn *c, const struct tcp_rcvtune *t,
				   uint32_t tsecr, uint64_t now_ns)
{
	if (c->tune & TCP_TUNE_RCVBUF_SET || c->rcvbuf >= env->conf.rcvbuf_max)
		return true;
	return t->space && tsecr == t->tsecr && seq_lt(c->rcv_nxt, t->rtt_seq) &&
	       (!t->rtt_us_x8 || tcp_us(now_ns) - t->space_at_us < t->rtt_us_x8 >> 3);
}

/* ack_window(), with a short cut for the window that is known already, told by the next segment. */
static inline void take_window(struct tcp_conn *c, const struct tcp_seg *seg)
{
	uint32_t wnd = (uint32_t)seg->wnd << c->snd_wscale;

	if (wnd && wnd == c->snd_wnd && seg->ack == c->snd_wl2 && seq_lt(c->snd_wl1, seg->seq)) {
		c->snd_wl1 = seg->seq;
		return;
	}
	ack_window(c, seg);
	if (!c->snd_wnd)
		c->retrans_start = 0;
}

/* False: nothing has changed. */
static inline bool take_text(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg, uint64_t now_ns)
{
	uint32_t off = c->rcvq.len, len = seg->len, need = off + len;
	struct tcp_cold *cold;

	if (seg->ack != c->snd_una || seg->nspans != 1 || len > c->rcv_adv - c->rcv_nxt ||
	    c->mtu_state == TCP_MTU_PROBING || c->pace & TCP_PACE_WINDOW)
		return false;
	if (need > c->rcvq.size && !ring_take(env, &c->rcvq, len, c->rcv_hint))
		return false;
	cold = tcp_cold(c);
	c->segs_in++;
	c->last_rx_ns = now_ns;
	take_timestamp(c, seg, now_ns);
	take_window(c, seg);
	ring_write(env, &c->rcvq, off, seg->span[0].data, len);
	c->rcvq.peak = max_u32(c->rcvq.peak, need);
	c->rcvq.len = need;
	c->rcv_nxt += len;
	cold->account.data_segs_in++;
	cold->account.data_rx_ms = tcp_ms(now_ns);
	cold->account.bytes_received += len;
	tcp_count_n(env, in_bytes, len);
	c->events |= TCP_EV_READABLE;
	delack_text(env, c, &cold->acks, len, now_ns);
	if (!nothing_to_tune(env, c, &cold->rcvtune, seg->opts.tsecr, now_ns))
		rcvtune_data(env, c, seg, now_ns);
	return true;
}

bool fast_input(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg, uint64_t now_ns)
{
	if (c->state != TCP_ESTABLISHED || (seg->flags & ~TCP_PSH) != TCP_ACK || seg->seq != c->rcv_nxt ||
	    seg->opts.present != TCP_OPT_TS || (c->flags & (WITH | WITHOUT)) != WITH || c->ooo_count ||
	    seq_lt(seg->opts.tsval, c->ts_recent) || c->ecn.mode != TCP_ECN_NONE || c->probes || env->conf.long_way)
		return false;
	if (seg->len)
		return take_text(env, c, seg, now_ns);
	if (!seq_gt(seg->ack, c->snd_una) || seq_gt(seg->ack, c->snd_nxt))
		return false;
	c->segs_in++;
	c->last_rx_ns = now_ns;
	take_timestamp(c, seg, now_ns);
	ack_any(env, c, seg, now_ns);
	return true;
}

bool fast_output(struct tcp_env *env, struct tcp_conn *c, struct tcp_seg *out, uint64_t now_ns)
{
	if ((c->flags & (TCP_F_ACK_NOW | TCP_F_RST | TCP_F_FIN_QUEUED | TCP_F_PROBE | TCP_F_TS | TCP_F_TS_RECENT)) !=
		    (TCP_F_ACK_NOW | TCP_F_TS | TCP_F_TS_RECENT) ||
	    c->state != TCP_ESTABLISHED || c->sndq.len || c->recs.count || c->limit != TCP_LIMIT_IDLE ||
	    c->loss_flags & (TCP_L_TLP_DUE | TCP_L_FRTO_2) || c->ooo_count || c->dsack.start != c->dsack.end ||
	    c->ecn.mode != TCP_ECN_NONE || c->tune & TCP_TUNE_UTO || env->conf.long_way)
		return false;
	if (c->ecn.ce_acks || c->ecn.marks || c->ecn.flags & (TCP_E_ECHO | TCP_E_HANDSHAKE))
		return false;
	segment_begin(c, out, c->snd_nxt, TCP_ACK);
	out->ack = c->rcv_nxt;
	options_put_ts(c, out, now_ns);
	delack_sent(c);
	out->wnd = recvq_announce(env, c);
	c->segs_out++;
	tcp_count(env, out_segs);
	return true;
}
