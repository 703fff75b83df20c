// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * accecn.c - Accurate ECN feedback (RFC 9768 3.2): the ACE field, which counts CE-marked
 * segments modulo 8, and the AccECN option with three counters of payload bytes; both
 * roles. Who agreed to it, and what a mark does to cwnd, is in ecn.c.
 *
 * The receiver reflects what it sees, whatever it thinks of it (2.5); the sender checks the
 * feedback: ECN fields that changed on the way, or say of everything that it was marked (3.2.2.3), a
 * handshake that ends with a zeroed ACE field (3.2.2.1; later one may be true: 3.2.2.4), a zeroed
 * option (3.2.3.2.4), an option that says marks where the field says none (3.2.3.2.5). Then
 * it sends nothing ECN-capable any more.
 */
#include "tcp/internal.h"

#define ACE_MASK 7u
#define MARKED_ROUNDS 4u
#define CEP_INIT 5u	     /* 3.2.1 */
#define OPT_AGAIN_MAX 3u     /* times that what was acknowledged with the option came again: it does not come through */
#define OPT_ALIVE 64u	     /* options in a row without that: it does */
#define COUNT_MASK 0xffffffu /* counters of the option have 24 bits */

static const uint8_t count_ecn[3] = { ECN_ECT_0, ECN_CE, ECN_ECT_1 }; /* in the order of TCP_ECN_* */
static const uint8_t count_init[3] = { 1, 0, 1 };

/* The three flags as a number, and back: AE is the highest. */
static uint16_t ace_flags(uint32_t ace)
{
	return (uint16_t)((ace & 4 ? TCP_AE : 0) | (ace & 2 ? TCP_CWR : 0) | (ace & 1 ? TCP_ECE : 0));
}

static uint32_t ace_of(const struct tcp_seg *seg)
{
	return (seg->flags & TCP_AE ? 4u : 0) | (seg->flags & TCP_CWR ? 2u : 0) | (seg->flags & TCP_ECE ? 1u : 0);
}

/* ---- the handshake ---- */

/* Tables 2 and 3: how an ECN field is told. */
static uint32_t handshake_code(uint8_t ecn)
{
	static const uint8_t code[4] = { [ECN_NOT_ECT] = 2, [ECN_ECT_1] = 3, [ECN_ECT_0] = 4, [ECN_CE] = 6 };

	return code[ecn & ECN_MASK];
}

uint16_t accecn_syn_code(uint8_t ecn)
{
	return ace_flags(handshake_code(ecn));
}

void accecn_begin(struct tcp_conn *c)
{
	c->ecn.r_cep = c->ecn.s_cep = CEP_INIT;
	c->ecn.opt_new = TCP_ECN_ALL; /* so that the first segments test whether the option comes through (3.2.3.2.1) */
	c->ecn.flags |= TCP_E_FIRST;
}

static void distrust(struct tcp_env *env, struct tcp_conn *c, uint16_t flags)
{
	if (!(c->ecn.flags & TCP_E_NO_ECT))
		tcp_count(env, ecn_mangled);
	c->ecn.flags |= flags;
}

/*
 * 3.2.2.3: what became of the ECN field of our SYN or SYN-ACK. It was Not-ECT, or ECT(0), which may have been marked; none of
 * the other changes is one that a router may make. A code for none of them says nothing.
 */
static void judge_echo(struct tcp_env *env, struct tcp_conn *c, uint32_t code)
{
	bool ect = c->ecn.flags & TCP_E_SYN_ECT;

	if (code == handshake_code(ECN_CE)) {
		c->ecn.flags |= TCP_E_SYN_CE;
		if (ect)
			return;
	} else if (code == handshake_code(ect ? ECN_ECT_0 : ECN_NOT_ECT)) {
		return;
	}
	for (uint32_t e = ECN_NOT_ECT; e <= ECN_CE; e++)
		if (code == handshake_code((uint8_t)e))
			distrust(env, c, TCP_E_NO_ECT);
}

/* 3.2.3.2.4: counters begin at 1, and cannot be 0 so soon. */
static void judge_option(struct tcp_conn *c, const struct tcp_opts *o)
{
	if ((o->accecn & TCP_ECN_E0B && !o->accecn_count[0]) || (o->accecn & TCP_ECN_E1B && !o->accecn_count[2]))
		c->ecn.flags |= TCP_E_BAD_OPT;
}

/* 3.2.2.2: counted once, however often the SYN-ACK comes; told at once in a pure ACK (3.2.2.1). */
static void take_syn_ack(struct tcp_conn *c, const struct tcp_seg *seg)
{
	c->ecn.syn = seg->tclass & ECN_MASK;
	c->ecn.flags |= TCP_E_HANDSHAKE;
	if (c->ecn.syn != ECN_CE || c->ecn.flags & TCP_E_COUNTED)
		return;
	c->ecn.flags |= TCP_E_COUNTED;
	c->ecn.r_cep++;
}

void accecn_syn_ack(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg)
{
	judge_echo(env, c, ace_of(seg));
	judge_option(c, &seg->opts);
	take_syn_ack(c, seg);
}

void accecn_syn_ack_again(struct tcp_conn *c, const struct tcp_seg *seg)
{
	uint32_t code = ace_of(seg);

	if (c->ecn.mode == TCP_ECN_ACCECN && !(c->flags & TCP_F_PASSIVE) && seg->seq == c->irs &&
	    (seg->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK) && code > 1 && code < 7)
		take_syn_ack(c, seg);
}

/* Table 4, by the server. */
static void handshake_ack(struct tcp_env *env, struct tcp_conn *c, uint32_t ace)
{
	if (!ace) {
		distrust(env, c, TCP_E_NO_ECT | TCP_E_IGNORE);
		return;
	}
	judge_echo(env, c, ace);
	if (!(c->ecn.flags & TCP_E_SYN_CE))
		return;
	c->ecn.s_cep++;
	c->cwnd = c->mss; /* as if our SYN-ACK had been lost */
}

/* ---- the receiver ---- */

static uint8_t count_bit(uint8_t ecn)
{
	switch (ecn) {
	case ECN_ECT_0: return TCP_ECN_E0B;
	case ECN_CE: return TCP_ECN_CEB;
	case ECN_ECT_1: return TCP_ECN_E1B;
	default: return 0;
	}
}

/* 3.2.2.5.1: an ACK at once when marks begin, and for every second mark; for the third where no data waits for an ACK. */
void accecn_received(struct tcp_conn *c, const struct tcp_seg *seg, uint32_t segs)
{
	uint8_t ecn = seg->tclass & ECN_MASK, bit = seg->len ? count_bit(ecn) : 0;

	c->ecn.opt_new |= bit;
	c->ecn.opt_ever |= bit;
	if (ecn != ECN_CE)
		return;
	c->ecn.r_cep = (uint8_t)(c->ecn.r_cep + segs);
	c->ecn.marks = (uint8_t)min_u32(c->ecn.marks + segs, 255);
	if ((seg->len && c->ecn.last != ECN_CE) || c->ecn.marks >= (seg->len || c->rcv_unacked ? 2 : 3))
		c->flags |= TCP_F_ACK_NOW;
}

void accecn_out(struct tcp_conn *c, struct tcp_seg *out, uint32_t len)
{
	uint32_t ace = c->ecn.r_cep & ACE_MASK;

	if (c->ecn.flags & TCP_E_HANDSHAKE && !len && out->flags == TCP_ACK) {
		c->ecn.flags &= (uint16_t)~TCP_E_HANDSHAKE;
		if (!c->ooo_count) /* no SACK */
			ace = handshake_code(c->ecn.syn);
	}
	out->flags |= ace_flags(ace);
}

/* Fields of an option with these counters: from the first one up to the last that is wanted (table 5). */
static uint32_t option_fields(uint8_t bits)
{
	bool order_1 = bits & TCP_ECN_E1B && !(bits & TCP_ECN_E0B);

	if (bits & TCP_ECN_E0B && bits & TCP_ECN_E1B)
		return 3;
	if (bits & TCP_ECN_CEB)
		return 2;
	return bits & TCP_ECN_E0B || order_1 ? 1 : 0;
}

static uint32_t padded(uint8_t bits)
{
	return (2 + 3 * option_fields(bits) + 3) & ~3u;
}

/* 3.2.3.3: all that ever changed, else at least what changed since, else nothing. */
static uint8_t option_counters(const struct tcp_conn *c, uint32_t room)
{
	uint8_t all = c->ecn.opt_new | c->ecn.opt_ever;

	if (c->ecn.mode != TCP_ECN_ACCECN || !c->ecn.opt_new || c->ecn.flags & TCP_E_NO_OPT)
		return 0;
	if (padded(all) <= room)
		return all;
	return padded(c->ecn.opt_new) <= room ? c->ecn.opt_new : 0;
}

uint32_t accecn_option_len(const struct tcp_conn *c, uint32_t room)
{
	uint8_t bits = option_counters(c, room);

	return bits ? padded(bits) : 0;
}

static uint8_t *put_count(uint8_t *p, const struct tcp_conn *c, uint32_t k)
{
	uint32_t v = count_init[k] + (uint32_t)tcp_cold_peek(c)->ecn.received_bytes[count_ecn[k]];

	*p++ = (uint8_t)(v >> 16);
	*p++ = (uint8_t)(v >> 8);
	*p++ = (uint8_t)v;
	return p;
}

static void option_sent(struct tcp_conn *c)
{
	struct tcp_ecn_counts *n = &tcp_cold(c)->ecn;

	if (n->opt_acks < OPT_ALIVE)
		n->opt_acks++;
	else
		n->opt_again = 0;
}

uint8_t *accecn_option_put(uint8_t *p, struct tcp_conn *c, uint32_t room)
{
	uint8_t bits = option_counters(c, room);
	bool order_1 = bits & TCP_ECN_E1B && !(bits & TCP_ECN_E0B);
	uint32_t fields = option_fields(bits), pad = padded(bits) - 2 - 3 * fields;

	if (!bits)
		return p;
	*p++ = order_1 ? OPT_ACCECN_1 : OPT_ACCECN_0;
	*p++ = (uint8_t)(2 + 3 * fields);
	p = put_count(p, c, order_1 ? 2 : 0);
	if (fields > 1)
		p = put_count(p, c, 1);
	if (fields > 2)
		p = put_count(p, c, 2); /* both orders' others are there: order 0 */
	while (pad--)
		*p++ = OPT_NOP;
	option_sent(c);
	if (!(c->ecn.flags &
	      TCP_E_HANDSHAKE)) /* the ACK of the SYN-ACK may get lost: once more, with data (3.2.3.2.1) */
		c->ecn.opt_new = 0;
	return p;
}

void accecn_rto(struct tcp_conn *c)
{
	if (c->ecn.mode == TCP_ECN_ACCECN &&
	    c->snd_una == c->iss + 1) /* 3.2.3.2.2: the first data may have died of it */
		c->ecn.flags |= TCP_E_NO_OPT;
}

/* 3.2.3.2.2: acknowledged data always comes again, so the ACKs with the option seem to be dropped on the way. */
void accecn_duplicate(struct tcp_conn *c)
{
	struct tcp_ecn_counts *n;

	if (c->ecn.mode != TCP_ECN_ACCECN)
		return;
	n = &tcp_cold(c)->ecn;
	if (n->opt_acks && ++n->opt_again == OPT_AGAIN_MAX)
		c->ecn.flags |= TCP_E_NO_OPT;
	n->opt_acks = 0;
}

/* ---- the sender ---- */

/* The counters of the option since the last one; *ce gets the marked bytes. False: it says nothing of marks. */
static bool read_option(struct tcp_conn *c, const struct tcp_opts *o, uint32_t *ce)
{
	struct tcp_ecn_counts *n = &tcp_cold(c)->ecn;

	*ce = 0;
	if (!(o->present & TCP_OPT_ACCECN) || c->ecn.flags & TCP_E_BAD_OPT)
		return false;
	for (uint32_t i = 0; i < 3; i++) {
		uint32_t more = (o->accecn_count[i] - count_init[i] - n->s_count[i]) & COUNT_MASK;

		if (!(o->accecn & 1u << i) || more > COUNT_MASK / 2) /* less than before: an older one */
			continue;
		n->s_count[i] += more;
		n->delivered_bytes[count_ecn[i]] += more;
		if (i == 1)
			*ce = more;
	}
	return o->accecn & TCP_ECN_CEB;
}

/*
 * 3.2.2.5.2: marks that the field tells, which may have wrapped if more segments than it can count were acknowledged. The
 * option's bytes show that; without it the worst is taken for true, unless there never was a mark.
 */
static uint32_t safe_marks(const struct tcp_conn *c, const struct ack_info *a, uint32_t marks, bool option, uint32_t ce)
{
	if (a->segs <= ACE_MASK)
		return marks;
	if (option) {
		while (marks + ACE_MASK + 1 <= a->segs && marks * c->mss < ce)
			marks += ACE_MASK + 1;
		return marks;
	}
	if (!marks && !tcp_cold_peek(c)->ecn.delivered_ce)
		return 0;
	return a->segs - ((a->segs - marks) & ACE_MASK);
}

/*
 * 3.2.2.3: all of the first four round trips marked is no congestion, but a field that is set to CE on the way: then marks mean
 * nothing. Not where everything is sent ECN-capable: those networks may well mark all of a beginning.
 */
static void judge_beginning(struct tcp_env *env, struct tcp_conn *c, const struct ack_info *a, uint32_t marks)
{
	struct tcp_ecn_counts *n = &tcp_cold(c)->ecn;

	if (n->beginning > MARKED_ROUNDS || !a->segs)
		return;
	if (marks < a->segs || tcp_cc_table[c->cc]->ect_all) {
		n->beginning = UINT8_MAX;
		return;
	}
	if (n->beginning && !seq_gt(c->snd_una, n->round_end))
		return;
	n->round_end = c->snd_nxt;
	if (++n->beginning > MARKED_ROUNDS)
		distrust(env, c, TCP_E_NO_ECT | TCP_E_IGNORE);
}

static void count_marks(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg, struct ack_info *a)
{
	struct tcp_ecn_counts *n = &tcp_cold(c)->ecn;
	uint32_t marks = (ace_of(seg) - c->ecn.s_cep) & ACE_MASK, ce;
	bool option = read_option(c, &seg->opts, &ce);

	if (option && ce && !marks && a->segs <= ACE_MASK) /* 3.2.3.2.5 */
		distrust(env, c, TCP_E_NO_ECT);
	c->ecn.s_cep = (uint8_t)(c->ecn.s_cep + marks);
	if (c->ecn.flags & TCP_E_IGNORE)
		return;
	marks = safe_marks(c, a, marks, option, ce);
	judge_beginning(env, c, a, marks);
	if (!marks)
		return;
	if (!option) {
		ce = min_u32(marks * c->mss, a->delivered);
		n->delivered_bytes[ECN_CE] += ce;
	}
	n->delivered_ce += marks;
	a->marked = true;
	a->ce = ce;
}

void accecn_ack(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg, struct ack_info *a)
{
	bool first = c->ecn.flags & TCP_E_FIRST;

	c->ecn.flags &= (uint16_t)~TCP_E_FIRST;
	if (first) {
		if (c->flags & TCP_F_PASSIVE)
			judge_option(c, &seg->opts);
		if (c->flags & TCP_F_PASSIVE && !tcp_seg_len(seg) && !seg->opts.nsack) {
			handshake_ack(env, c, ace_of(seg));
			return;
		}
	}
	if (a->acked || a->new_sack) /* else an older one may have been overtaken (appendix A.1) */
		count_marks(env, c, seg, a);
}
