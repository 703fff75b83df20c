// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * input.c - SEGMENT ARRIVES: RFC 9293 3.10.7 as its numbered steps, for every state
 * but CLOSED and LISTEN (listen.c) and the TIME-WAIT table (timewait.c).
 *
 *   3.10.7.3  SYN-SENT                         syn_sent()
 *   3.10.7.4  the others:
 *     first   sequence number, PAWS (RFC 7323) step_sequence()
 *     second  RST (RFC 5961 3)                 step_rst()
 *     third   security: no such thing here
 *     fourth  SYN (RFC 5961 4)                 step_syn()
 *     fifth   ACK                              step_ack(), ack.c
 *     sixth   URG (RFC 6093)                   step_urg()
 *     seventh text                             step_text(), recvq.c
 *     eighth  FIN                              step_fin()
 *
 * Input changes state and never sends: an ACK that is owed is a flag. What the peer
 * sends can end in a counted drop, never in an assertion.
 */
#include "tcp/internal.h"

#define PAWS_IDLE_NS (24ull * 86400 * 1000000000) /* 24 days: ts_recent is too old to judge by (RFC 7323 5.5) */

static void ack_now(struct tcp_conn *c)
{
	c->flags |= TCP_F_ACK_NOW;
}

/* ---- 3.10.7.3 SYN-SENT ---- */

/* The window of a SYN is never scaled (RFC 7323 2.2). */
static void take_syn_window(struct tcp_conn *c, const struct tcp_seg *seg)
{
	c->snd_wnd = seg->wnd;
	c->max_snd_wnd = seg->wnd;
	c->snd_wl1 = seg->seq;
	c->snd_wl2 = seg->ack;
}

/* A SYN has been taken: what it says of the peer's sequence space. */
static void take_syn(const struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg, uint64_t now_ns)
{
	c->irs = seg->seq;
	c->rcv_nxt = seg->seq + 1;
	c->last_ack_sent = c->rcv_nxt;
	c->rcv_adv = c->rcv_nxt + min_u32(recvq_window(env, c), 65535);
	options_agree(env, c, &seg->opts, now_ns);
	uto_received(env, c, &seg->opts);
	take_syn_window(c, seg);
}

static void step_urg(struct tcp_conn *c, const struct tcp_seg *seg);
static enum tcp_verdict step_text(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg, uint64_t now_ns);
static void step_fin(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg, uint64_t now_ns);

/* SYN-ACK or SYN with text or FIN: they follow the SYN's own number. */
enum tcp_verdict input_syn_payload(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg, uint64_t now_ns)
{
	struct tcp_seg rest;
	enum tcp_verdict v;

	if (!seg->len && !(seg->flags & (TCP_FIN | TCP_URG)))
		return TCP_DONE;
	rest = *seg;
	rest.seq++;
	rest.urg -= !!rest.urg; /* it counts from the SYN's number */
	rest.flags &= (uint8_t)~TCP_SYN;
	step_urg(c, &rest);
	v = step_text(env, c, &rest, now_ns);
	if (v == TCP_DONE)
		step_fin(env, c, &rest, now_ns);
	return v;
}

/*
 * A SYN that acknowledges ours: the connection stands. After a crossing SYN it is the peer's second, and what the first
 * agreed on holds: a window has been announced with that scale.
 */
static enum tcp_verdict syn_acked(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg, uint64_t now_ns)
{
	struct ack_info a;

	if (c->state == TCP_SYN_SENT) {
		take_syn(env, c, seg, now_ns);
		ecn_syn_ack(env, c, seg);
	} else {
		take_syn_window(c, seg);
	}
	a = ack_begin(c, seg, now_ns); /* with timestamps agreed the echo tells which SYN was answered */
	ack_advance(env, c, seg, &a);
	if (c->fastopen & (TCP_FO_ASKED | TCP_FO_TEXT))
		fastopen_syn_ack(env, c, seg);
	conn_established(env, c, now_ns);
	ack_now(c);
	if (tcp_unsent(c))
		delack_request(c);
	return input_syn_payload(env, c, seg, now_ns);
}

/*
 * Simultaneous open, step 6 of RFC 9293's figure 8: the peer's SYN again, now with the acknowledgement of ours.
 * Left of the window, so the acceptability test would throw it away.
 */
static bool crossing_syn_ack(const struct tcp_conn *c, const struct tcp_seg *seg)
{
	return c->state == TCP_SYN_RECEIVED && !(c->flags & TCP_F_PASSIVE) && seg->seq == c->irs &&
	       (seg->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == (TCP_SYN | TCP_ACK) && seq_gt(seg->ack, c->snd_una) &&
	       seq_leq(seg->ack, c->snd_nxt);
}

static enum tcp_verdict syn_sent(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg, uint64_t now_ns)
{
	bool acks = seg->flags & TCP_ACK;

	if (acks && (seq_leq(seg->ack, c->iss) || seq_gt(seg->ack, c->snd_nxt))) { /* first */
		tcp_count(env, in_bad_ack_syn_sent);
		return seg->flags & TCP_RST ? TCP_DONE : TCP_REPLY_RST;
	}
	if (seg->flags & TCP_RST) { /* second */
		if (acks)
			conn_done(env, c, ECONNREFUSED);
		else
			tcp_count(env, in_rst_bad_seq);
		return TCP_DONE;
	}
	if (!(seg->flags & TCP_SYN)) { /* fifth */
		tcp_count(env, in_syn_sent_no_syn);
		return TCP_DONE;
	}
	if (acks)
		return syn_acked(env, c, seg, now_ns);
	take_syn(env, c, seg, now_ns); /* fourth */
	ecn_syn(env, c, seg);
	c->state = TCP_SYN_RECEIVED; /* simultaneous open (MUST-10): our SYN again, as SYN-ACK */
	if (c->recs.count)
		loss_mark(c, recs_at(env, c, 0));
	return TCP_DONE;
}

/* ---- 3.10.7.4 first: sequence number ---- */

/* RFC 7323 5.3 R1: true when the segment is older than what was already accepted, and that still counts (5.5). */
static bool paws_rejects(const struct tcp_conn *c, const struct tcp_seg *seg, uint64_t now_ns)
{
	return c->flags & TCP_F_TS_RECENT && seq_lt(seg->opts.tsval, c->ts_recent) &&
	       now_ns - c->ts_recent_ns < PAWS_IDLE_NS;
}

/* The acceptability test, Table 5; RCV.WND is what was announced and not yet used. */
static bool acceptable(const struct tcp_conn *c, const struct tcp_seg *seg)
{
	uint32_t len = tcp_seg_len(seg), wnd = c->rcv_adv - c->rcv_nxt;

	if (!wnd)
		return !len && seg->seq == c->rcv_nxt;
	if (!len)
		return seq_in(seg->seq, c->rcv_nxt, c->rcv_adv);
	return seq_in(seg->seq, c->rcv_nxt, c->rcv_adv) || seq_in(seg->seq + len - 1, c->rcv_nxt, c->rcv_adv);
}

/* The SYN that opened the connection, once more. With text that was not taken it reaches into the window. */
static bool syn_again(const struct tcp_conn *c, const struct tcp_seg *seg)
{
	return c->state == TCP_SYN_RECEIVED && seg->seq == c->irs && (seg->flags & (TCP_SYN | TCP_RST)) == TCP_SYN;
}

/*
 * Sent before the peer knew that its window probe's byte was taken, and so one number too old. The window it knows is zero, for
 * what is left was too little to be told with our scale; then valid ACKs are accepted (RFC 9293 3.10.7.4).
 */
static bool crossed_probe(const struct tcp_conn *c, const struct tcp_seg *seg)
{
	return c->rcv_wscale && c->rcv_adv - c->rcv_nxt < 1u << c->rcv_wscale && seg->seq == c->rcv_nxt - 1 &&
	       !tcp_seg_len(seg) && !(seg->flags & TCP_RST);
}

/* Not acceptable: an ACK is owed, unless it was a RST. */
static void refuse(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg, uint64_t now_ns)
{
	if (seg->flags & TCP_RST) {
		tcp_count(env, in_rst_bad_seq);
		return;
	}
	if (seq_leq(seg->seq + tcp_seg_len(seg), c->rcv_nxt) || syn_again(c, seg))
		tcp_count(env, in_seq_old);
	else
		tcp_count(env, in_seq_new);
	if (syn_again(c, seg)) {
		if (!ecn_syn_again(c, seg)) {
			tcp_abort(env, c, ECONNRESET);
			return;
		}
		if (c->recs.count)
			loss_mark(c, recs_at(env, c, 0)); /* our SYN-ACK was lost */
		c->flags |= TCP_F_FORCE_RTX;
	} else if (seg->flags &
		   TCP_SYN) { /* our last ACK was lost, or RFC 5961 4.2: "irrespective of the sequence number" */
		accecn_syn_ack_again(c, seg);
		conn_challenge(env, c, now_ns);
	} else if (tcp_seg_len(seg)) {
		recvq_duplicate(env, c, seg->seq, seg->seq + tcp_seg_len(seg));
		accecn_duplicate(c);
		delack_quick(c); /* a duplicate: the ACK for it was lost */
	} else {
		conn_challenge(env, c, now_ns);
	}
	if (c->state == TCP_TIME_WAIT && seg->flags & TCP_FIN)
		c->misc_deadline = now_ns + env->conf.time_wait_ns;
}

/* False: the segment is dropped. *trim: its text and FIN do not count, ACK, URG and RST do (MUST-66). */
static bool step_sequence(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg, bool *trim,
			  uint64_t now_ns)
{
	*trim = false;
	if (c->flags & TCP_F_TS && !(seg->flags & TCP_RST)) {
		if (!(seg->opts.present & TCP_OPT_TS)) {
			tcp_count(env, in_no_timestamp);
			return false;
		}
		if (paws_rejects(c, seg, now_ns)) {
			tcp_count(env, in_paws);
			if (seg->len || seg->flags & TCP_FIN)
				ack_now(c);
			else
				conn_challenge(env, c, now_ns);
			return false;
		}
	}
	if (!acceptable(c, seg) || syn_again(c, seg)) {
		if (crossed_probe(c, seg)) {
			conn_challenge(env, c, now_ns);
		} else if (c->rcv_adv != c->rcv_nxt || seg->seq != c->rcv_nxt) {
			refuse(env, c, seg, now_ns);
			return false;
		} else { /* zero window, next byte: a probe */
			ack_now(c);
		}
		*trim = true;
	}
	if (c->flags & TCP_F_TS && seg->opts.present & TCP_OPT_TS && seq_leq(seg->seq, c->last_ack_sent) &&
	    !paws_rejects(c, seg, now_ns)) { /* RFC 7323 4.3 */
		c->ts_recent = seg->opts.tsval;
		c->ts_recent_ns = now_ns;
		c->flags |= TCP_F_TS_RECENT;
	}
	return true;
}

/* ---- second, fourth ---- */

static void step_rst(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg, uint64_t now_ns)
{
	int err = c->state == TCP_SYN_RECEIVED && !(c->fastopen & TCP_FO_ACCEPTED) ? ECONNREFUSED : ECONNRESET;

	/* Acceptable for its text alone: outside of the window (RFC 5961 3.2). TIME-WAIT lasts (RFC 1337 3), as in its table. */
	if (seq_lt(seg->seq, c->rcv_nxt) || c->state == TCP_TIME_WAIT) {
		tcp_count(env, in_rst_bad_seq);
		return;
	}
	if (seg->seq != c->rcv_nxt) { /* RFC 5961 3.2: inside the window, not at its edge */
		tcp_count(env, in_rst_challenged);
		fastopen_odd_reset(env, c);
		conn_challenge(env, c, now_ns);
		return;
	}
	if (c->state == TCP_CLOSING || c->state == TCP_LAST_ACK)
		err = 0;
	conn_done(env, c, err);
}

static void step_syn(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns)
{
	if (c->state == TCP_SYN_RECEIVED && c->flags & TCP_F_PASSIVE) { /* back to LISTEN */
		conn_done(env, c, ECONNREFUSED);
		return;
	}
	tcp_count(env, in_syn_challenged);
	conn_challenge(env, c, now_ns);
}

/* ---- fifth: ACK ---- */

/* Our FIN has been acknowledged. */
static void fin_acked(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns)
{
	switch (c->state) {
	case TCP_FIN_WAIT_1:
		c->state = TCP_FIN_WAIT_2;
		if (c->flags & TCP_F_ORPHAN)
			timer_fin_wait2_arm(env, c, now_ns);
		break;
	case TCP_CLOSING: conn_time_wait(env, c, now_ns); break;
	case TCP_LAST_ACK: conn_done(env, c, 0); break;
	default: break;
	}
}

static enum tcp_verdict step_ack(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg, bool *drop,
				 uint64_t now_ns)
{
	*drop = true;
	if (!(seg->flags & TCP_ACK)) {
		tcp_count(env, in_no_ack_flag);
		return TCP_DONE;
	}
	if (c->state == TCP_SYN_RECEIVED) {
		if (seq_leq(seg->ack, c->snd_una) || seq_gt(seg->ack, c->snd_nxt)) {
			tcp_count(env, in_ack_too_new);
			return TCP_REPLY_RST;
		}
		c->snd_wl1 = seg->seq - 1; /* so that this segment's window is taken, scaled */
		conn_established(env, c, now_ns);
	}
	if (!ack_input(env, c, seg, now_ns))
		return TCP_DONE;
	*drop = false;
	if (c->flags & TCP_F_FIN_SENT && seq_gt(c->snd_una, c->fin_seq))
		fin_acked(env, c, now_ns);
	return TCP_DONE;
}

/* ---- sixth: URG ---- */

static void step_urg(struct tcp_conn *c, const struct tcp_seg *seg)
{
	uint32_t up = seg->seq + seg->urg;

	if (!(seg->flags & TCP_URG) || !tcp_can_receive(c) || seq_leq(up, c->rcv_nxt))
		return;
	if (c->flags & TCP_F_URG_IN && seq_leq(up, c->rcv_up))
		return;
	c->rcv_up = up;
	c->flags |= TCP_F_URG_IN;
	c->events |= TCP_EV_URGENT; /* MUST-32 */
}

/* ---- seventh: text ---- */

static enum tcp_verdict step_text(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg, uint64_t now_ns)
{
	uint32_t got, holes = c->ooo_count;

	if (!seg->len || !tcp_can_receive(c))
		return TCP_DONE;
	if (c->flags & TCP_F_ORPHAN &&
	    seq_gt(seg->seq + seg->len, c->rcv_nxt)) { /* nobody will read it: RFC 2525 2.17 */
		tcp_count(env, in_data_after_close);
		tcp_abort(env, c, ECONNRESET);
		return TCP_DONE;
	}
	if (c->flags & TCP_F_FIN_SEEN && seq_gt(seg->seq + seg->len, c->rcv_fin)) {
		tcp_count(env, in_data_after_fin);
		ack_now(c);
		return TCP_DONE;
	}
	got = recvq_put(env, c, seg);
	if (!got) { /* out of order, or no room: say at once what is expected (RFC 5681 4.2) */
		delack_quick(c);
		return TCP_DONE;
	}
	tcp_cold(c)->account.bytes_received += got;
	tcp_count_n(env, in_bytes, got);
	c->events |= TCP_EV_READABLE;
	if (holes)
		delack_quick(c); /* a hole was filled, wholly or in part */
	delack_data(env, c, got, now_ns);
	rcvtune_data(env, c, seg, now_ns);
	return TCP_DONE;
}

/* ---- eighth: FIN ---- */

static void step_fin(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg, uint64_t now_ns)
{
	uint32_t at = seg->seq + seg->len;

	if (seg->flags & TCP_FIN)
		ack_now(c); /* reached, out of order, or again: at once (RFC 5681 4.2) */
	if (seg->flags & TCP_FIN && !(c->flags & TCP_F_FIN_SEEN) && tcp_can_receive(c) && seq_geq(at, c->rcv_nxt) &&
	    (at == c->rcv_nxt || seq_lt(at, c->rcv_adv))) {
		c->flags |= TCP_F_FIN_SEEN;
		c->rcv_fin = at;
		recvq_cut(env, c, at);
	}
	if ((c->flags & (TCP_F_FIN_SEEN | TCP_F_FIN_RCVD)) != TCP_F_FIN_SEEN || c->rcv_nxt != c->rcv_fin)
		return;
	c->rcv_nxt++;
	c->rcv_adv = seq_max(c->rcv_adv, c->rcv_nxt);
	c->flags |= TCP_F_FIN_RCVD;
	ack_now(c);
	c->events |= TCP_EV_READABLE | TCP_EV_PEER_FIN;
	switch (c->state) {
	case TCP_ESTABLISHED: c->state = TCP_CLOSE_WAIT; break;
	case TCP_FIN_WAIT_1: c->state = TCP_CLOSING; break;
	case TCP_FIN_WAIT_2: conn_time_wait(env, c, now_ns); break;
	default: break;
	}
}

/* ---- all together ---- */

static enum tcp_verdict synchronised(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg,
				     uint64_t now_ns)
{
	enum tcp_verdict v;
	bool trim, drop;

	if (crossing_syn_ack(c, seg))
		return syn_acked(env, c, seg, now_ns);
	if (!step_sequence(env, c, seg, &trim, now_ns))
		return TCP_DONE;
	if (seg->flags & TCP_RST) {
		step_rst(env, c, seg, now_ns);
		return TCP_DONE;
	}
	if (seg->flags & TCP_SYN) {
		step_syn(env, c, now_ns);
		return TCP_DONE;
	}
	v = step_ack(env, c, seg, &drop, now_ns);
	if (drop || c->state == TCP_CLOSED)
		return v;
	if (c->ecn.mode != TCP_ECN_NONE)
		ecn_received(env, c, seg);
	if (seg->opts.present & TCP_OPT_UTO)
		uto_received(env, c, &seg->opts);
	step_urg(c, seg);
	if (trim)
		return TCP_DONE;
	v = step_text(env, c, seg, now_ns);
	if (c->state != TCP_CLOSED)
		step_fin(env, c, seg, now_ns);
	return v;
}

enum tcp_verdict tcp_input(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg, uint64_t now_ns)
{
	if (fast_input(env, c, seg, now_ns))
		return TCP_DONE;
	c->segs_in++;
	c->last_rx_ns = now_ns;
	if (seg->len)
		account_data(c, now_ns);
	if (seg->opts.present & TCP_OPT_BAD)
		tcp_count(env, in_opt_malformed);
	if (c->state == TCP_CLOSED)
		return seg->flags & TCP_RST ? TCP_DONE : TCP_REPLY_RST;
	if (c->probes && c->flags & TCP_F_KEEPALIVE && !tcp_unsent(c) && !tcp_fin_due(c))
		c->probes = 0; /* the peer lives */
	if (c->state == TCP_SYN_SENT)
		return syn_sent(env, c, seg, now_ns);
	return synchronised(env, c, seg, now_ns);
}
