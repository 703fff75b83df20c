// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* check.c - the invariants of a connection (see tcp.h), for tests and the simulator. */
#include "tcp/internal.h"

static const char *check_recs(const struct tcp_env *env, const struct tcp_conn *c)
{
	uint32_t at = c->snd_una, sacked = 0, lost = 0, segs = 0;

	for (uint32_t i = 0; i < c->recs.count; i++) {
		const struct tcp_rec *r = recs_at((struct tcp_env *)(uintptr_t)env, c, i);

		if (r->seq != at || !r->len)
			return "records do not tile snd_una .. snd_nxt";
		if (r->flags & TCP_REC_SACKED) {
			sacked += r->len;
			segs++;
		}
		if (r->flags & TCP_REC_LOST)
			lost += r->len;
		if (r->flags & TCP_REC_LOST && seq_lt(r->seq, c->rtx_seq))
			return "a lost record left of rtx_seq";
		if ((r->flags & (TCP_REC_LOST | TCP_REC_SACKED)) == (TCP_REC_LOST | TCP_REC_SACKED))
			return "a record both lost and SACKed";
		at += r->len;
	}
	if (c->recs.count && at != c->snd_nxt)
		return "records do not reach snd_nxt";
	if (lost != c->lost)
		return "count of lost bytes is wrong";
	if (c->flags & TCP_F_SACK && (sacked != c->sacked || segs != c->sacked_segs))
		return "count of SACKed bytes or segments is wrong";
	if (c->sacked + c->lost > tcp_flight(c))
		return "more SACKed and lost than in flight";
	return NULL;
}

static const char *check_ooo(const struct tcp_env *env, const struct tcp_conn *c)
{
	uint32_t left = c->rcv_nxt;

	if (c->ooo_count > TCP_OOO_RANGES || (c->ooo_count && !c->ooo))
		return "out-of-order list out of bounds";
	for (uint32_t i = 0; i < c->ooo_count; i++) {
		struct tcp_range r = recvq_ooo((struct tcp_env *)(uintptr_t)env, c)->r[i];

		if (seq_leq(r.start, left) || seq_geq(r.start, r.end) || seq_gt(r.end, c->rcv_adv))
			return "out-of-order ranges not ordered, disjoint and in the window";
		left = r.end;
	}
	return NULL;
}

static const char *check_mtu(const struct tcp_conn *c)
{
	const struct tcp_plpmtud *p = &tcp_cold_peek(c)->plpmtud;

	if (c->mtu_state == TCP_MTU_FIXED)
		return NULL;
	if (c->mtu_state == TCP_MTU_PROBING && !seq_in(p->probe_seq, c->snd_una, c->snd_nxt))
		return "a path MTU probe that is not in flight";
	return p->search_low <= c->path_mtu && c->path_mtu <= p->search_high ? NULL : "path MTU outside of its search";
}

static const char *check_ecn(const struct tcp_conn *c)
{
	const struct tcp_ecn *e = &c->ecn;

	if (e->mode > TCP_ECN_ACCECN || (e->mode != TCP_ECN_NONE && e->want == TCP_ECN_OFF))
		return "an ECN mode that nobody wanted";
	if (e->ce_acks > TCP_CE_ACKS || (e->ce_acks && !(c->flags & TCP_F_ACK_NOW)))
		return "more acknowledgements owed for congestion marks than are kept, or none due";
	if (seq_gt(e->cwr_end, c->snd_nxt))
		return "the window that was reduced for ECN ends right of snd_nxt";
	return (e->opt_new | e->opt_ever) > TCP_ECN_ALL ? "no such counter" : NULL;
}

const char *tcp_check(const struct tcp_env *env, const struct tcp_conn *c)
{
	const char *bad;

	if (c->state > TCP_TIME_WAIT)
		return "no such state";
	if (c->state == TCP_CLOSED)
		return c->recs.count || c->sndq.size ? "a closed connection holds send memory" : NULL;
	if (seq_gt(c->snd_una, c->snd_nxt))
		return "snd_una right of snd_nxt";
	if (seq_gt(c->snd_nxt, c->sndq_seq + c->sndq.len + !!(c->flags & TCP_F_FIN_SENT)) &&
	    c->state >= TCP_ESTABLISHED && c->state != TCP_TIME_WAIT)
		return "snd_nxt right of what was queued";
	if (c->state >= TCP_SYN_RECEIVED && seq_gt(c->rcv_nxt, c->rcv_adv))
		return "rcv_nxt right of the announced window";
	if (c->rcvq.len > c->rcvq.size || c->sndq.len > c->sndq.size)
		return "a queue longer than its ring";
	if (c->recs.count && c->rtx_deadline == TCP_NEVER)
		return "data in flight and no timer";
	bad = check_mtu(c);
	if (!bad)
		bad = check_ecn(c);
	if (!bad)
		bad = check_recs(env, c);
	return bad ? bad : check_ooo(env, c);
}
