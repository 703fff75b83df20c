// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * output.c - the one place where segments are made. tcp_output() looks at the state
 * and makes the next segment that is due, in this order: RST, SYN, retransmission,
 * new data and FIN, probe, pure ACK. Every segment with ACK carries the newest
 * acknowledgement and window, so that whatever was owed is paid by it.
 *
 * New data obeys the window, cwnd, Nagle's algorithm (RFC 9293 3.7.4, with
 * Minshall's rule: only an unacknowledged partial segment holds another back) and
 * the sender's silly-window avoidance (3.8.6.2.1).
 */
#include "tcp/segment.h"

#define CORK_NS 200000000ull
#define PART_MAX 65535u
#define PART_US 2000u /* twice a millisecond */

/* Never scaled (RFC 7323 2.2). With the peer's SYN taken it is announced already, whatever that has changed. */
static uint16_t syn_window(const struct tcp_env *env, const struct tcp_conn *c, uint16_t flags)
{
	return (uint16_t)min_u32(flags & TCP_ACK ? c->rcv_adv - c->rcv_nxt : recvq_window(env, c), 65535);
}

/* Everything a segment carries besides its text, which will be len bytes. */
static void fill(struct tcp_env *env, struct tcp_conn *c, struct tcp_seg *out, uint32_t seq, uint16_t flags,
		 uint32_t len, uint64_t now_ns)
{
	segment_begin(c, out, seq, flags);
	if (flags & TCP_SYN)
		options_syn(env, c, out, now_ns);
	else
		options_put(env, c, out, len < c->mss ? c->mss - len : 0, now_ns);
	if (flags & TCP_ACK) {
		out->ack = c->rcv_nxt;
		delack_sent(c);
	}
	if (!(flags & TCP_SYN))
		ecn_out(c, out, len);
	ecn_control(c, out, len);
	out->wnd = flags & TCP_SYN ? syn_window(env, c, flags) : recvq_announce(env, c);
	c->segs_out++;
	tcp_count(env, out_segs);
}

static void fill_text(struct tcp_env *env, struct tcp_conn *c, struct tcp_seg *out, uint32_t len)
{
	out->len = len;
	out->nspans = ring_spans(env, &c->sndq, out->seq - c->sndq_seq, len, out->span);
	if (len)
		tcp_cold(c)->account.data_segs_out++;
	if (seq_gt(tcp_cold_peek(c)->snd_psh, out->seq) && seq_leq(tcp_cold_peek(c)->snd_psh, out->seq + len))
		out->flags |= TCP_PSH; /* MAY-15, SHLD-27: once for all that is to be pushed */
	if (c->flags & TCP_F_URG_OUT && seq_gt(c->snd_up, out->seq)) {
		out->flags |= TCP_URG;
		out->urg = (uint16_t)min_u32(c->snd_up - out->seq, 65535); /* RFC 6093 3 */
	}
}

static void note_retransmission(struct tcp_env *env, struct tcp_conn *c, struct tcp_rec *r, uint64_t now_ns)
{
	if (r->flags & TCP_REC_LOST)
		c->lost -= r->len;
	r->flags = (uint8_t)((r->flags & ~TCP_REC_LOST) | TCP_REC_RTX);
	r->sent_us = tcp_us(now_ns);
	if (r->rtx < 255)
		r->rtx++;
	rate_sent(c, r, now_ns);
	pacer_sent(c, r->len, now_ns);
	undo_retransmitted(c, now_ns);
	if (r->rtx == 1)
		cwv_resent(c, r->len);
	c->prr_out += r->len;
	tcp_cold(c)->account.retrans_segs++;
	tcp_cold(c)->account.bytes_retrans += r->len;
	tcp_count(env, retrans_segs);
	tcp_count_n(env, retrans_bytes, r->len);
	c->flags &= ~(uint32_t)TCP_F_FORCE_RTX;
	if (!c->retrans_start)
		c->retrans_start = now_ns;
	if (c->rtx_deadline == TCP_NEVER)
		timer_rtx_arm(env, c, now_ns);
}

/* A record for [snd_nxt, snd_nxt + len). NULL: no memory; the timer will try again. */
static struct tcp_rec *note_new(struct tcp_env *env, struct tcp_conn *c, uint32_t len, uint8_t flags, uint64_t now_ns)
{
	struct tcp_rec *r = recs_push(env, c);

	if (!r) {
		if (c->rtx_deadline == TCP_NEVER)
			timer_rtx_arm(env, c, now_ns);
		return NULL;
	}
	r->seq = c->snd_nxt;
	r->len = len;
	r->flags = flags;
	r->sent_us = tcp_us(now_ns);
	c->snd_nxt += len;
	rate_sent(c, r, now_ns);
	pacer_sent(c, len, now_ns);
	c->prr_out += len;
	if (c->recs.count == 1 || c->rtx_deadline == TCP_NEVER)
		timer_rtx_arm(env, c, now_ns); /* RFC 6298 5.1 */
	return r;
}

static int out_rst(struct tcp_env *env, struct tcp_conn *c, struct tcp_seg *out, uint64_t now_ns)
{
	c->flags &= ~(uint32_t)TCP_F_RST;
	fill(env, c, out, c->snd_nxt, TCP_RST | TCP_ACK, 0, now_ns);
	tcp_count(env, out_rsts);
	return 1;
}

/* SYN or SYN-ACK, first or again. */
static int out_syn(struct tcp_env *env, struct tcp_conn *c, struct tcp_seg *out, uint64_t now_ns)
{
	uint16_t flags = c->state == TCP_SYN_RECEIVED ? TCP_SYN | TCP_ACK : TCP_SYN;
	uint32_t text = 0;

	if (c->snd_nxt == c->iss) {
		if (c->fastopen & TCP_FO_HOLD || !note_new(env, c, 1, TCP_REC_SYN, now_ns))
			return 0;
		text = fastopen_text(c);
		if (text && !note_new(env, c, text, 0, now_ns))
			text = 0;
	} else if (c->recs.count && recs_at(env, c, 0)->flags & TCP_REC_LOST) {
		note_retransmission(env, c, recs_at(env, c, 0), now_ns);
		if (c->fastopen & (TCP_FO_OPTION | TCP_FO_ASKED | TCP_FO_TEXT))
			fastopen_syn_again(env, c);
	} else {
		return 0;
	}
	flags |= ecn_syn_flags(c, recs_at(env, c, 0)->rtx);
	fill(env, c, out, c->iss, flags, 0, now_ns);
	if ((c->fastopen & TCP_FO_OPTION || text) && c->state == TCP_SYN_SENT)
		fastopen_syn_sent(env, c, text);
	if (text) { /* no PSH: with the connection itself it is handed up, and filters expect none beside SYN */
		out->len = text;
		out->nspans = ring_spans(env, &c->sndq, 0, text, out->span);
	}
	return 1;
}

/* The first record marked lost, or NULL. */
static struct tcp_rec *next_lost(struct tcp_env *env, struct tcp_conn *c)
{
	for (uint32_t i = recs_find(env, c, c->rtx_seq); i < c->recs.count; i++) {
		struct tcp_rec *r = recs_at(env, c, i);

		if (r->flags & TCP_REC_LOST) {
			c->rtx_seq = r->seq;
			return r;
		}
	}
	return NULL;
}

static int send_again(struct tcp_env *env, struct tcp_conn *c, struct tcp_seg *out, struct tcp_rec *r, uint64_t now_ns)
{
	uint32_t text = r->len - !!(r->flags & TCP_REC_FIN);

	note_retransmission(env, c, r, now_ns);
	fill(env, c, out, r->seq, r->flags & TCP_REC_FIN ? TCP_ACK | TCP_FIN : TCP_ACK, text, now_ns);
	fill_text(env, c, out, text);
	return 1;
}

static int out_retransmit(struct tcp_env *env, struct tcp_conn *c, struct tcp_seg *out, uint64_t now_ns)
{
	struct tcp_rec *r;
	uint32_t text;
	bool force = c->flags & TCP_F_FORCE_RTX;

	if (c->loss_flags & TCP_L_FRTO_2)
		return 0; /* first the next acknowledgement has to show whether anything was lost */
	if (!c->lost || (!force && tcp_pipe(c) >= c->cwnd))
		return 0;
	r = next_lost(env, c);
	if (!r || (!force && seq_geq(r->seq, c->snd_una + c->snd_wnd))) /* SHLD-16: old data within the window */
		return 0;
	text = r->len - !!(r->flags & TCP_REC_FIN);
	if (text > c->mss) {
		recs_resegment(env, c);
		r = next_lost(env, c);
		text = r->len - !!(r->flags & TCP_REC_FIN);
		if (text > c->mss)
			return 0; /* no memory to cut it; the timer will try again */
	}
	if (!force && pacer_holds(c, now_ns))
		return 0;
	return send_again(env, c, out, r, now_ns);
}

/* Nagle, Cork and the sender's SWS avoidance for a segment shorter than full. True: not yet. */
static bool hold_partial(struct tcp_env *env, struct tcp_conn *c, uint32_t len, uint32_t unsent, uint64_t now_ns)
{
	bool last = len == unsent, fin = c->flags & TCP_F_FIN_QUEUED;

	if (!last) { /* the window cuts it short */
		if (2 * len >= c->max_snd_wnd || c->flags & TCP_F_PROBE)
			return false;
		if (!c->recs.count && c->rtx_deadline == TCP_NEVER)
			timer_persist_arm(env, c, now_ns); /* the override timer of 3.8.6.2.1 */
		return true;
	}
	if (!c->recs.count)
		c->rtx_deadline = TCP_NEVER; /* the window has opened: what holds it now needs no probe */
	if (fin || c->flags & TCP_F_URG_OUT || c->loss_flags & (TCP_L_TLP_DUE | TCP_L_FRTO_2))
		return false;
	if (c->flags & TCP_F_CORK) {
		if (c->misc_deadline == TCP_NEVER)
			c->misc_deadline = now_ns + CORK_NS;
		return true;
	}
	return !(c->flags & TCP_F_NODELAY) && seq_gt(c->snd_sml, c->snd_una);
}

/* Window closed and nothing in flight that would bring an ACK: probe for ever (MUST-36, MUST-37). */
static void persist(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns)
{
	if (!c->recs.count && c->rtx_deadline == TCP_NEVER)
		timer_persist_arm(env, c, now_ns);
}

/* After a pause cwnd may say nothing about the network any more. */
static void restart_idle(const struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns)
{
	const struct tcp_cc_ops *cc = tcp_cc_table[c->cc];

	if ((cc->owns_cwnd || cwv_restart(env, c, now_ns)) && cc->restart)
		cc->restart(c, now_ns);
}

/*
 * A burst goes out in parts: two segments at least, at most half of the window, PART_MAX, and what would take a
 * millisecond at twice the rate of a window in a round trip. The last of each says PSH: the peer's network card, which
 * collects segments that follow one another, hands up what it has. A single segment does without. Just made: len bytes of
 * new data; left are unsent, room is what the peer's window still has.
 */
static bool part_ends(struct tcp_conn *c, uint32_t len, uint32_t left, uint32_t room, uint64_t now_ns)
{
	struct tcp_cold *cold = tcp_cold(c);
	uint32_t next = min_u32(left, c->mss), part;

	if (c->last_tx_ns != now_ns)
		cold->part_seq = c->snd_nxt - len;
	part = c->snd_nxt - cold->part_seq;
	if (next && room >= next && tcp_pipe(c) + next <= c->cwnd && part + next <= min_u32(c->cwnd / 2, PART_MAX) &&
	    (part <= c->mss || (uint64_t)(part + next) * (c->srtt_us_x8 >> 3) <= (uint64_t)c->cwnd * PART_US))
		return false;
	cold->part_seq = c->snd_nxt;
	return part > c->mss;
}

/*
 * More full segments, each like the first of full bytes, may go with it as one super-segment, which the device cuts up. How many
 * bytes in all. What only one of them can say, or what is to be no larger, goes alone.
 */
static uint32_t gso_len(const struct tcp_env *env, struct tcp_conn *c, uint32_t full, uint32_t most)
{
	uint32_t len = min_u32(min_u32(most, env->gso_bytes),
			       max_u32(c->cwnd / 2, 2 * full)); /* half of cwnd, as Linux */

	if (len < 2 * full || full != c->mss || c->sig_bytes || c->ecn.mode == TCP_ECN_ACCECN ||
	    c->flags & TCP_F_URG_OUT || c->loss_flags & (TCP_L_TLP_DUE | TCP_L_FRTO_2) ||
	    tcp_cold_peek(c)->records.count)
		return full;
	return len - len % full;
}

/* Records for len bytes of new data, one for each segment; returns for how many bytes there was memory. */
static uint32_t note_segments(struct tcp_env *env, struct tcp_conn *c, uint32_t len, uint32_t full, uint64_t now_ns)
{
	uint32_t done = 0;

	while (done < len && (!done || !pacer_holds(c, now_ns)) && note_new(env, c, full, 0, now_ns))
		done += full;
	return done;
}

/* It counts as the segments that it is made of. */
static void note_super(struct tcp_env *env, struct tcp_conn *c, struct tcp_seg *out, uint32_t len, uint32_t full)
{
	uint32_t more = len / full - 1;

	out->gso_size = (uint16_t)full;
	c->segs_out += more;
	tcp_cold(c)->account.data_segs_out += more;
	tcp_count_n(env, out_segs, more);
}

static int out_new(struct tcp_env *env, struct tcp_conn *c, struct tcp_seg *out, uint64_t now_ns)
{
	uint32_t unsent = tcp_unsent(c), used = tcp_flight(c), full, pipe, room, len, record = UINT32_MAX;
	bool fin = tcp_fin_due(c);

	if (!unsent && !fin)
		return 0;
	full = c->mss - options_extra(c);
	if (c->mtu_state != TCP_MTU_FIXED)
		full = plpmtud_payload(c, full, now_ns);
	room = c->snd_wnd > used ? c->snd_wnd - used : 0;
	if (!room) {
		persist(env, c, now_ns);
		return 0;
	}
	if (!c->recs.count)
		restart_idle(env, c, now_ns);
	pipe = tcp_pipe(c);
	len = min_u32(min_u32(unsent, full), room);
	if (pipe && pipe + len > c->cwnd && !(c->loss_flags & (TCP_L_TLP_DUE | TCP_L_FRTO_2))) {
		c->flags |= TCP_F_CWND_LIMITED;
		pacer_limited(c);
		return 0;
	}
	if (tcp_cold_peek(c)->records.count)
		record = record_left(c);
	if (record <= len && record < unsent)
		len = record;
	else if (len && len < full && hold_partial(env, c, len, unsent, now_ns))
		return 0;
	if (!(c->loss_flags & (TCP_L_TLP_DUE | TCP_L_FRTO_2)) && pacer_holds(c, now_ns))
		return 0;
	fin = fin && len == unsent && room > len;
	if (env->gso_bytes && len == full && !fin)
		len = gso_len(env, c, full, min_u32(min_u32(unsent, room), c->cwnd > pipe ? c->cwnd - pipe : 0));
	if (len > full)
		len = note_segments(env, c, len, full, now_ns);
	else if (!note_new(env, c, len + fin, fin ? TCP_REC_FIN : 0, now_ns))
		len = fin = 0;
	if (!len && !fin)
		return 0;
	fill(env, c, out, c->snd_nxt - len - fin, fin ? TCP_ACK | TCP_FIN : TCP_ACK, len, now_ns);
	if (len > full)
		note_super(env, c, out, len, full);
	fill_text(env, c, out, len);
	cc_used(c, pipe + len);
	if (part_ends(c, len + fin, unsent - len, room - len, now_ns) || record == len)
		out->flags |= TCP_PSH;
	if (len)
		ecn_new_data(c, out);
	if (len < full)
		c->snd_sml = c->snd_nxt;
	if (len > c->mss && !out->gso_size)
		plpmtud_sent(env, c, c->snd_nxt - len);
	if (fin)
		c->flags |= TCP_F_FIN_SENT;
	if (pipe + len + c->mss <= c->cwnd)
		c->flags &= ~(uint32_t)TCP_F_CWND_LIMITED;
	c->flags &= ~(uint32_t)(TCP_F_PROBE | TCP_F_PROBED);
	c->last_tx_ns = now_ns;
	if (len)
		delack_answered(env, c, now_ns);
	if (c->tune & TCP_TUNE_LOWAT)
		sndtune_writable(c);
	tcp_cold(c)->account.bytes_sent += len;
	tcp_count_n(env, out_bytes, len);
	if (!(c->loss_flags & TCP_L_TLP_DUE))
		tlp_arm(c, now_ns);
	return 1;
}

/* A loss probe (RFC 8985 7.3): new data, whatever cwnd and Nagle say, else the last segment in flight again. */
static int out_tlp(struct tcp_env *env, struct tcp_conn *c, struct tcp_seg *out, uint64_t now_ns)
{
	bool rtx = false;
	int made = 0;

	if (c->recs.count) {
		made = out_new(env, c, out, now_ns);
		if (!made) {
			struct tcp_rec *r = recs_at(env, c, c->recs.count - 1);

			rtx = r->len - !!(r->flags & TCP_REC_FIN) <= c->mss;
			made = rtx && send_again(env, c, out, r, now_ns);
		}
	}
	c->loss_flags &= (uint16_t)~TCP_L_TLP_DUE;
	if (made)
		tlp_sent(env, c, rtx, now_ns);
	return made;
}

/*
 * Step 2 of F-RTO: two new segments and nothing else, whatever cwnd and Nagle say. Should none go out after all,
 * recovery goes on as usual.
 */
static int out_frto(struct tcp_env *env, struct tcp_conn *c, struct tcp_seg *out, uint64_t now_ns)
{
	if (c->snd_nxt - c->recover > c->mss)
		return 0;
	if (out_new(env, c, out, now_ns))
		return 1;
	if (c->snd_nxt == c->recover)
		frto_over(c);
	return 0;
}

/*
 * A probe: one byte (or FIN) past the window when something waits for it (MUST-36), else the
 * keepalive of 3.8.4: an old sequence number without data (SHLD-12).
 */
static int out_probe(struct tcp_env *env, struct tcp_conn *c, struct tcp_seg *out, uint64_t now_ns)
{
	c->flags &= ~(uint32_t)TCP_F_PROBE;
	if (c->recs.count)
		return 0;
	if (tcp_unsent(c)) {
		fill(env, c, out, c->snd_nxt, TCP_ACK, 1, now_ns);
		fill_text(env, c, out, 1);
		c->flags |= TCP_F_PROBED;
		tcp_count(env, window_probes);
	} else if (tcp_fin_due(c)) {
		fill(env, c, out, c->snd_nxt, TCP_ACK | TCP_FIN, 0, now_ns);
		c->flags |= TCP_F_PROBED;
		tcp_count(env, window_probes);
	} else {
		fill(env, c, out, c->snd_nxt - 1, TCP_ACK, 0, now_ns);
		if (c->tune & TCP_TUNE_KEEP_OCTET) { /* MAY-6: for peers that answer nothing without text */
			out->len = out->span[0].len = out->nspans = 1;
			out->span[0].data = (const uint8_t *)"";
		}
		tcp_count(env, keepalive_probes);
	}
	return 1;
}

/*
 * What goes before all else: an acknowledgement of what came before a change of marks (DCTCP), and the pure ACK that tells
 * the SYN-ACK's ECN field (RFC 9768 3.2.2.1).
 */
static int out_ecn_ack(struct tcp_env *env, struct tcp_conn *c, struct tcp_seg *out, uint64_t now_ns)
{
	uint8_t owed = c->ecn.ce_acks;
	struct tcp_range dsack = c->dsack;

	if (owed) /* right of the older number a duplicate's report would pass for data that is missing in front of it */
		c->dsack.end = c->dsack.start;
	fill(env, c, out, c->snd_nxt, TCP_ACK, 0, now_ns);
	if (!owed)
		return 1;
	c->dsack = dsack;
	ecn_old_ack(c, out, owed);
	return 1;
}

bool tcp_output_pending(const struct tcp_conn *c)
{
	if (c->flags & (TCP_F_RST | TCP_F_ACK_NOW | TCP_F_PROBE | TCP_F_FORCE_RTX))
		return true;
	if (c->state == TCP_SYN_SENT || c->state == TCP_SYN_RECEIVED)
		return (c->snd_nxt == c->iss && !(c->fastopen & TCP_FO_HOLD)) || c->lost || tcp_unsent(c);
	return c->lost || tcp_unsent(c) || tcp_fin_due(c) || c->loss_flags & TCP_L_TLP_DUE;
}

/* Nothing was given to be sent, all that was is acknowledged, and it is accounted for: at most an ACK is due. */
static bool only_listens(const struct tcp_conn *c)
{
	return !c->sndq.len && !c->recs.count && c->limit == TCP_LIMIT_IDLE &&
	       !(c->flags & (TCP_F_FIN_QUEUED | TCP_F_PROBE)) && !(c->loss_flags & (TCP_L_TLP_DUE | TCP_L_FRTO_2));
}

int tcp_output(struct tcp_env *env, struct tcp_conn *c, struct tcp_seg *out, uint64_t now_ns)
{
	if (fast_output(env, c, out, now_ns))
		return 1;
	if (c->flags & TCP_F_RST)
		return out_rst(env, c, out, now_ns);
	if (c->state == TCP_CLOSED)
		return 0;
	if (c->state == TCP_SYN_SENT ||
	    (c->state == TCP_SYN_RECEIVED && (!(c->flags & TCP_F_ACK_NOW) || c->snd_nxt == c->iss))) {
		if (out_syn(env, c, out, now_ns))
			return 1;
		return tcp_unsent(c) ? out_new(env, c, out, now_ns)
				     : 0; /* RFC 7413 4.2.2: before the handshake is over */
	}
	if (c->state >= TCP_ESTABLISHED && c->state != TCP_TIME_WAIT) {
		if (c->flags & TCP_F_ACK_NOW && (c->ecn.ce_acks || c->ecn.flags & TCP_E_HANDSHAKE))
			return out_ecn_ack(env, c, out, now_ns);
		if (only_listens(c))
			goto ack;
		if (c->loss_flags & TCP_L_FRTO_2 && out_frto(env, c, out, now_ns))
			return 1;
		if (out_retransmit(env, c, out, now_ns))
			return 1;
		if (c->loss_flags & TCP_L_TLP_DUE && out_tlp(env, c, out, now_ns))
			return 1;
		if (!(c->loss_flags & TCP_L_FRTO_2) && out_new(env, c, out, now_ns))
			return 1;
		account_output(c, now_ns);
		if (c->flags & TCP_F_PROBE && out_probe(env, c, out, now_ns))
			return 1;
	}
ack:
	if (!(c->flags & TCP_F_ACK_NOW))
		return 0;
	fill(env, c, out, c->snd_nxt, TCP_ACK, 0, now_ns);
	return 1;
}

int tcp_reset_reply(const struct tcp_seg *seg, struct tcp_seg *out)
{
	if (seg->flags & TCP_RST)
		return 0;
	memset(out, 0, offsetof(struct tcp_seg, span));
	out->ttl = 64;
	if (seg->flags & TCP_ACK) {
		out->seq = seg->ack;
		out->flags = TCP_RST;
	} else {
		out->ack = seg->seq + tcp_seg_len(seg);
		out->flags = TCP_RST | TCP_ACK;
	}
	return 1;
}
