// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * ecn.c - explicit congestion notification: what the handshake agrees on (RFC 3168 6.1.1;
 * RFC 9768 3.1, table 2, with its fall-backs), classic feedback both ways (RFC 3168 6.1.2,
 * 6.1.3), DCTCP's rule for it (RFC 8257 3.2), and the reaction to either kind of feedback.
 * The feedback of RFC 9768 itself is in accecn.c.
 *
 * The two ECN bits of seg->tclass belong to this file, the DSCP to the application. Only new
 * data is sent ECN-capable: no SYN, pure ACK, retransmission or probe (RFC 3168 6.1.1 to 6.1.6); with DCTCP all of them.
 *
 * Invariants: the mode never changes once the handshake has set it. cwnd is reduced at most
 * once for the marks and losses of a window (RFC 3168 6.1.2): cwr_end is where it ends.
 */
#include "tcp/internal.h"

#define ECN_FLAGS (TCP_AE | TCP_CWR | TCP_ECE)
#define ECN_SETUP (TCP_CWR | TCP_ECE) /* of a SYN: RFC 3168; that of RFC 9768 is all three */

/* ---- the handshake ---- */

/* DCTCP is nothing without marks: where nobody said no, it asks for them. */
static enum tcp_ecn_want wanted(const struct tcp_conn *c)
{
	if (c->ecn.want == TCP_ECN_PASSIVE && c->cc == TCP_CC_DCTCP)
		return TCP_ECN_ACCURATE;
	return (enum tcp_ecn_want)c->ecn.want;
}

static uint16_t ask(struct tcp_conn *c, uint32_t again)
{
	switch (wanted(c)) {
	case TCP_ECN_ON:
		if (!again)
			return ECN_SETUP;
		c->ecn.flags |= TCP_E_NO_ECT; /* a SYN without ECN has been sent: RFC 3168 6.1.1 */
		return 0;
	case TCP_ECN_ACCURATE: return again <= 1 ? ECN_FLAGS : 0; /* RFC 9768 3.1.4.1 */
	default: return 0;
	}
}

uint16_t ecn_syn_flags(struct tcp_conn *c, uint32_t again)
{
	if (again)
		c->ecn.flags |= TCP_E_SYN_AGAIN;
	if (c->state == TCP_SYN_SENT) {
		uint16_t asked = ask(c, again);

		c->ecn.flags |= asked ? TCP_E_ASKED : c->ecn.flags & TCP_E_ASKED ? TCP_E_UNASKED : 0;
		return asked;
	}
	if (c->ecn.mode == TCP_ECN_CLASSIC)
		return TCP_ECE;
	if (c->ecn.mode == TCP_ECN_NONE)
		return 0;
	if (again > 1) { /* RFC 9768 3.2.3.2.2, 3.1.5: the client may end without ECN now */
		c->ecn.flags |= TCP_E_NO_ECT;
		return 0;
	}
	return accecn_syn_code(c->ecn.syn);
}

static void enter(struct tcp_env *env, struct tcp_conn *c, enum tcp_ecn_mode mode)
{
	c->ecn.mode = (uint8_t)mode;
	if (mode == TCP_ECN_CLASSIC)
		tcp_count(env, ecn_classic);
	if (mode == TCP_ECN_ACCECN) {
		tcp_count(env, ecn_accurate);
		accecn_begin(c);
	}
}

void ecn_syn(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *syn)
{
	uint16_t asked = syn->flags & ECN_FLAGS;
	enum tcp_ecn_want want = wanted(c);
	bool accurate = want == TCP_ECN_PASSIVE || want == TCP_ECN_ACCURATE;

	c->ecn.syn = c->ecn.last = syn->tclass & ECN_MASK;
	if (!asked || want == TCP_ECN_OFF)
		return;
	if (asked != ECN_SETUP && accurate) /* any other combination counts as all three (RFC 9768 3.1.3) */
		enter(env, c, TCP_ECN_ACCECN);
	else if ((asked & ECN_SETUP) == ECN_SETUP)
		enter(env, c, TCP_ECN_CLASSIC);
}

bool ecn_syn_again(struct tcp_conn *c, const struct tcp_seg *syn)
{
	uint16_t asked = syn->flags & ECN_FLAGS;

	if (c->ecn.mode == TCP_ECN_NONE)
		return true;
	if (!asked)
		c->ecn.flags |= TCP_E_NO_ECT; /* RFC 3168 6.1.1, RFC 9768 3.1.5 */
	if (c->ecn.mode == TCP_ECN_ACCECN)
		c->ecn.syn = syn->tclass & ECN_MASK;
	return !asked || wanted(c) == TCP_ECN_ON || (asked == ECN_SETUP) == (c->ecn.mode == TCP_ECN_CLASSIC);
}

/* RFC 9768 table 2: what the answer to a SYN with all three flags means. */
static void accurate_answer(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg)
{
	uint16_t answer = seg->flags & ECN_FLAGS;

	if (answer == TCP_ECE) {
		enter(env, c, TCP_ECN_CLASSIC);
		return;
	}
	if (!answer || answer == ECN_FLAGS) /* no ECN, or a peer that reflects what it does not know */
		return;
	enter(env, c, TCP_ECN_ACCECN);
	accecn_syn_ack(env, c, seg);
}

void ecn_syn_ack(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg)
{
	enum tcp_ecn_want want = wanted(c);

	c->ecn.syn = c->ecn.last = seg->tclass & ECN_MASK;
	if (c->ecn.flags & TCP_E_ASKED)
		c->events |= TCP_EV_ECN;
	if (want == TCP_ECN_ACCURATE)
		accurate_answer(env, c, seg);
	else if (want == TCP_ECN_ON && (seg->flags & ECN_SETUP) == TCP_ECE)
		enter(env, c, TCP_ECN_CLASSIC);
}

int tcp_ecn_fate(const struct tcp_conn *c)
{
	if (c->ecn.mode != TCP_ECN_NONE)
		return 1;
	return c->ecn.flags & TCP_E_UNASKED ? -1 : 0;
}

void tcp_ecn_unasked(struct tcp_conn *c)
{
	c->ecn.want = TCP_ECN_OFF;
}

/* ---- the receiver: classic ---- */

/* RFC 3168 6.1.3: ECE on every ACK until CWR comes. CE on a pure ACK means nothing (6.1.4). */
static void classic_received(struct tcp_conn *c, const struct tcp_seg *seg, bool ce)
{
	if (!seg->len)
		return;
	if (seg->flags & TCP_CWR) {
		c->ecn.flags &= (uint16_t)~TCP_E_ECHO;
		c->flags |= TCP_F_ACK_NOW; /* its cwnd may be one segment by now */
	}
	if (ce)
		c->ecn.flags |= TCP_E_ECHO;
}

/*
 * RFC 8257 3.2: ECE says of each acknowledged byte whether it was marked. At a change an ACK leaves at once, before it one
 * for what came under the old state and has not been acknowledged yet.
 */
static void dctcp_received(struct tcp_conn *c, const struct tcp_seg *seg, bool ce)
{
	struct tcp_ecn_counts *n = &tcp_cold(c)->ecn;
	bool old = c->ecn.flags & TCP_E_ECHO;
	uint32_t told = c->ecn.ce_acks ? n->ce_ack[c->ecn.ce_acks - 1] : c->last_ack_sent;

	if (seg->len && seg->flags & TCP_CWR)
		c->flags |= TCP_F_ACK_NOW; /* its cwnd may be one segment by now */
	if (!seg->len || ce == old)
		return;
	if (c->rcv_nxt != told && c->ecn.ce_acks < TCP_CE_ACKS) {
		n->ce_ack[c->ecn.ce_acks] = c->rcv_nxt;
		n->ce_ack_ece = (uint8_t)((n->ce_ack_ece & ~(1u << c->ecn.ce_acks)) | (uint32_t)old << c->ecn.ce_acks);
		c->ecn.ce_acks++;
	}
	c->ecn.flags ^= TCP_E_ECHO;
	c->flags |= TCP_F_ACK_NOW;
}

/* Segments that it was on the wire: what receive offload merged had all the same ECN field. */
static uint32_t merged(const struct tcp_conn *c, const struct tcp_seg *seg)
{
	uint32_t mss = c->rcv_mss - (c->flags & TCP_F_TS ? 12u : 0);

	return seg->len <= c->rcv_mss ? 1 : (seg->len + mss - 1) / mss;
}

void ecn_received(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg)
{
	uint8_t ecn = seg->tclass & ECN_MASK;
	struct tcp_ecn_counts *n;
	uint32_t segs = 1;

	if (c->ecn.mode == TCP_ECN_NONE)
		return;
	if (ecn)
		segs = merged(c, seg);
	if (ecn == ECN_CE)
		tcp_count_n(env, in_ce, segs);
	if (c->ecn.mode == TCP_ECN_ACCECN)
		accecn_received(c, seg, segs);
	else if (c->cc == TCP_CC_DCTCP)
		dctcp_received(c, seg, ecn == ECN_CE);
	else
		classic_received(c, seg, ecn == ECN_CE);
	c->ecn.last = ecn;
	if (!seg->len && !ecn)
		return;
	n = &tcp_cold(c)->ecn;
	n->received[ecn] += segs;
	n->received_bytes[ecn] += seg->len;
}

/* ---- what leaves ---- */

void ecn_out(struct tcp_conn *c, struct tcp_seg *out, uint32_t len)
{
	if (c->ecn.mode == TCP_ECN_ACCECN)
		accecn_out(c, out, len);
	else if (c->ecn.flags & TCP_E_ECHO)
		out->flags |= TCP_ECE;
	c->ecn.marks = 0;
	c->ecn.ce_acks = 0; /* a later acknowledgement says it all */
}

/* RFC 8257 3.6, 4.1: what else leaves. A SYN is ECN-capable if it asks for ECN or agrees to it. */
void ecn_control(struct tcp_conn *c, struct tcp_seg *out, uint32_t len)
{
	bool syn = out->flags & TCP_SYN;
	bool capable = syn ? out->flags & ECN_FLAGS : c->ecn.mode != TCP_ECN_NONE;

	if (!tcp_cc_table[c->cc]->ect_all)
		return;
	/* A marked ACK may be answered by one, which without SACK would pass for a duplicate (RFC 9768 3.2.2.5.1). */
	if (!syn && !len && c->ecn.mode == TCP_ECN_ACCECN && !(c->flags & TCP_F_SACK))
		capable = false;
	capable = capable && !(c->ecn.flags & TCP_E_NO_ECT);
	if (capable)
		out->tclass |= ECN_ECT_0;
	if (syn)
		c->ecn.flags = (uint16_t)(capable ? c->ecn.flags | TCP_E_SYN_ECT : c->ecn.flags & ~TCP_E_SYN_ECT);
}

void ecn_new_data(struct tcp_conn *c, struct tcp_seg *out)
{
	if (c->ecn.mode == TCP_ECN_NONE || !tcp_cc_table[c->cc]->ecn)
		return;
	if (!(c->ecn.flags & TCP_E_NO_ECT))
		out->tclass |= ECN_ECT_0;
	if (c->ecn.flags & TCP_E_CWR) {
		c->ecn.flags &= (uint16_t)~TCP_E_CWR;
		out->flags |= TCP_CWR;
	}
}

void ecn_old_ack(struct tcp_conn *c, struct tcp_seg *out, uint8_t owed)
{
	struct tcp_ecn_counts *n = &tcp_cold(c)->ecn;

	out->ack = n->ce_ack[0];
	out->wnd = (uint16_t)min_u32((c->rcv_adv - out->ack) >> c->rcv_wscale, 65535);
	out->flags = n->ce_ack_ece & 1 ? TCP_ACK | TCP_ECE : TCP_ACK;
	memmove(n->ce_ack, n->ce_ack + 1, sizeof(n->ce_ack) - sizeof(n->ce_ack[0]));
	n->ce_ack_ece >>= 1;
	c->ecn.ce_acks = owed - 1;
	c->last_ack_sent = out->ack;
	c->flags |= TCP_F_ACK_NOW; /* the next one, or that of the present state */
}

/* ---- the sender ---- */

void ecn_window_reduced(struct tcp_conn *c)
{
	if (c->ecn.mode == TCP_ECN_CLASSIC)
		c->ecn.flags |= TCP_E_CWR;
	c->ecn.flags &= (uint16_t)~TCP_E_REDUCED;
	c->ecn.cwr_end = c->snd_nxt;
}

void ecn_window_undone(struct tcp_conn *c)
{
	c->ecn.flags &= (uint16_t)~TCP_E_CWR;
	c->ecn.cwr_end = c->snd_una - 1;
}

/* RFC 3168 6.1.2, once a window. How far is the algorithm's choice (RFC 8311 4.1). */
static void congestion(struct tcp_env *env, struct tcp_conn *c, const struct ack_info *a, uint32_t prior_flight)
{
	const struct tcp_cc_ops *cc = tcp_cc_table[c->cc];
	struct tcp_cc_event ev = { .now_ns = a->now_ns, .acked = a->acked, .ce = a->ce };

	if (!cc->ecn || !seq_gt(c->snd_una, c->ecn.cwr_end) || c->flags & (TCP_F_RECOVERY | TCP_F_LOSS))
		return;
	ev.srtt_us = c->srtt_us_x8 >> 3;
	/* without limited transmit, as for a loss: or nothing is reduced */
	ev.prior_flight = min_u32(prior_flight, c->cwnd);
	cwv_congestion(c, &ev);
	cc->ecn(c, &ev);
	ecn_window_reduced(c);
	c->ecn.flags |= TCP_E_REDUCED;
	c->loss_flags &= (uint16_t)~TCP_L_UNDO; /* whatever that would undo, this stands */
	tcp_cold(c)->ecn.reductions++;
	tcp_count(env, ecn_reductions);
}

static void classic_ack(struct tcp_conn *c, const struct tcp_seg *seg, struct ack_info *a)
{
	struct tcp_ecn_counts *n;

	if (!(seg->flags & TCP_ECE) || !(a->acked || tcp_flight(c)))
		return;
	a->marked = true;
	a->ce = a->delivered;
	n = &tcp_cold(c)->ecn;
	n->delivered_ce += a->segs;
	n->delivered_bytes[ECN_CE] += a->delivered;
}

void ecn_ack(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg, struct ack_info *a,
	     uint32_t prior_flight)
{
	if (c->ecn.mode == TCP_ECN_NONE || seq_lt(seg->ack, c->snd_una))
		return;
	if (c->ecn.mode == TCP_ECN_CLASSIC)
		classic_ack(c, seg, a);
	else
		accecn_ack(env, c, seg, a);
	if (a->marked)
		congestion(env, c, a, prior_flight);
	if (seq_gt(c->snd_una, c->ecn.cwr_end))
		c->ecn.cwr_end = c->snd_una - 1; /* so that it never wraps */
}
