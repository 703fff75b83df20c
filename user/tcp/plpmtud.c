// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * plpmtud.c - packetization-layer path MTU discovery (RFC 4821, RFC 8899): finding out by
 * the fate of segments which packets a path carries, where ICMP does not tell or is not let
 * through (a black hole, RFC 2923 2.1).
 *
 *   RFC 4821 7.7  a black hole: full segments time out again and again; the size falls back
 *                 to one that nearly all paths carry            plpmtud_timeout()
 *   RFC 4821 7.3  the search between the largest size known to pass and the smallest that
 *                 may not: first the whole step, for what came back may be all of it, then
 *                 its half, until the step is not worth it      next_size()
 *   RFC 4821 7.4  a probe is a segment of data longer than the others, sent only when enough
 *                 follows it that its loss is found without a timeout   plpmtud_payload()
 *   RFC 4821 7.6  its fate: passed, lost alone (no congestion: cwnd stays), or unclear
 *   RFC 8899 5.1  after PROBE_AGAIN_NS the search begins anew
 *
 * Invariant: search_low <= path_mtu <= search_high while c->mtu_state is not TCP_MTU_FIXED;
 * TCP_MTU_PROBING exactly while a probe is in flight, whose record begins at probe_seq.
 */
#include "tcp/internal.h"

#define BASE_MTU 1280u	   /* bytes of IP packet: every IPv6 path carries it (RFC 8200 5), and nearly every IPv4 path */
#define LEAST_MTU 576u	   /* ... and when not even that passes over IPv4 */
#define STEP_MIN 8u	   /* bytes: a gain not worth a probe */
#define BLACK_HOLE_RTOS 3u /* timeouts in a row, as many as RFC 8899's MAX_PROBES */
#define PROBES_MAX 2u	   /* lost probes of one size until it counts as too large: one may be bad luck */
#define FOLLOWERS 4u	   /* segments that must follow a probe, so that SACK or duplicate ACKs tell of it */
#define PROBE_AGAIN_NS 600000000000ull

static struct tcp_plpmtud *state_of(struct tcp_conn *c)
{
	return &tcp_cold(c)->plpmtud;
}

/* The largest packet that the peer's MSS and XTCP_MAXSEG leave a use for. */
static uint32_t useful(const struct tcp_conn *c, uint32_t mtu)
{
	return min_u32(mtu, min_u32(c->peer_mss, c->mss_cap) + conn_header_bytes(c));
}

void plpmtud_begin(struct tcp_conn *c, uint32_t low, uint32_t high, uint64_t again_ns)
{
	struct tcp_plpmtud *p = state_of(c);

	p->search_low = (uint16_t)low;
	p->search_high = (uint16_t)high;
	p->limit = (uint16_t)high;
	p->again_ns = again_ns;
	p->losses = 0;
	c->mtu_state = again_ns ? TCP_MTU_DONE : TCP_MTU_SEARCH;
}

/* The size to try next; 0: the search is over. */
static uint32_t next_size(const struct tcp_conn *c, const struct tcp_plpmtud *p)
{
	uint32_t high = useful(c, p->search_high);

	if (high < p->search_low + STEP_MIN)
		return 0;
	return p->halving ? p->search_low + (high - p->search_low + 1) / 2 : high;
}

static void finish(struct tcp_conn *c, struct tcp_plpmtud *p, uint64_t now_ns)
{
	c->mtu_state = TCP_MTU_DONE;
	p->again_ns = now_ns + PROBE_AGAIN_NS;
}

/* 7.4: the probe, and behind it enough to show its loss, is here and may go. */
static bool may_probe(const struct tcp_conn *c, uint32_t probe)
{
	uint32_t all = probe + FOLLOWERS * c->mss, flight = tcp_flight(c);

	return !(c->flags & (TCP_F_RECOVERY | TCP_F_LOSS | TCP_F_URG_OUT)) && !c->lost && tcp_unsent(c) >= all &&
	       c->snd_wnd >= flight + all && c->cwnd >= tcp_pipe(c) + all;
}

uint32_t plpmtud_payload(struct tcp_conn *c, uint32_t full, uint64_t now_ns)
{
	struct tcp_plpmtud *p = state_of(c);
	uint32_t size, probe;

	if (c->mtu_state == TCP_MTU_DONE && now_ns >= p->again_ns) {
		p->search_high = p->limit;
		p->halving = false;
		c->mtu_state = TCP_MTU_SEARCH;
	}
	if (c->mtu_state != TCP_MTU_SEARCH)
		return full;
	size = next_size(c, p);
	if (!size) {
		finish(c, p, now_ns);
		return full;
	}
	probe = full + (size - c->path_mtu);
	if (size <= c->path_mtu || !may_probe(c, probe))
		return full;
	p->probe_mtu = (uint16_t)size;
	return probe;
}

void plpmtud_sent(struct tcp_env *env, struct tcp_conn *c, uint32_t seq)
{
	struct tcp_plpmtud *p = state_of(c);

	p->probe_seq = seq;
	c->mtu_state = TCP_MTU_PROBING;
	tcp_count(env, mtu_probes);
}

/* 7.6.1 */
static void passed(struct tcp_env *env, struct tcp_conn *c, struct tcp_plpmtud *p)
{
	c->mtu_state = TCP_MTU_SEARCH;
	p->search_low = p->probe_mtu;
	p->losses = 0;
	p->halving = true;
	c->path_mtu = p->probe_mtu;
	conn_update_mss(c);
	c->events |= TCP_EV_PATH_MTU;
	tcp_count(env, mtu_raised);
}

/* 7.6.2 */
static void failed(struct tcp_env *env, struct tcp_conn *c, struct tcp_plpmtud *p)
{
	c->mtu_state = TCP_MTU_SEARCH;
	tcp_count(env, mtu_probes_lost);
	if (++p->losses < PROBES_MAX)
		return;
	p->losses = 0;
	p->halving = true;
	p->search_high = (uint16_t)(p->probe_mtu - 1u);
}

/* The probe's record, or NULL: it has been acknowledged. */
static struct tcp_rec *record(struct tcp_env *env, const struct tcp_conn *c, const struct tcp_plpmtud *p)
{
	uint32_t i;

	if (seq_lt(p->probe_seq, c->snd_una))
		return NULL;
	i = recs_find(env, c, p->probe_seq);
	return i < c->recs.count ? recs_at(env, c, i) : NULL;
}

void plpmtud_ack(struct tcp_env *env, struct tcp_conn *c)
{
	struct tcp_plpmtud *p = state_of(c);
	const struct tcp_rec *r = record(env, c, p);

	if (!r || r->flags & TCP_REC_SACKED)
		passed(env, c, p);
}

bool plpmtud_lost(struct tcp_env *env, struct tcp_conn *c)
{
	struct tcp_plpmtud *p = state_of(c);
	const struct tcp_rec *r = record(env, c, p);
	bool alone;

	if (!r || !(r->flags & TCP_REC_LOST))
		return false;
	alone = c->lost == r->len; /* 7.6.2: then it says nothing of congestion */
	failed(env, c, p);
	recs_resegment(env, c);
	if (alone)
		c->flags |= TCP_F_FORCE_RTX;
	return alone;
}

static uint32_t fallback(const struct tcp_conn *c)
{
	if (c->path_mtu > BASE_MTU)
		return BASE_MTU;
	return c->flags & TCP_F_V6 || c->path_mtu <= LEAST_MTU ? 0 : LEAST_MTU;
}

void plpmtud_timeout(struct tcp_env *env, struct tcp_conn *c)
{
	uint32_t rtos = tcp_cold_peek(c)->account.retransmits, low = fallback(c);

	if (c->mtu_state == TCP_MTU_PROBING) /* 7.6.3: unclear, but the smaller size is the safe guess */
		failed(env, c, state_of(c));
	if (!env->conf.mtu_probing || !low || rtos < BLACK_HOLE_RTOS || rtos % BLACK_HOLE_RTOS || !c->recs.count ||
	    recs_at(env, c, 0)->len + conn_header_bytes(c) <= low)
		return;
	tcp_count(env, mtu_black_holes);
	if (c->mtu_state == TCP_MTU_FIXED)
		plpmtud_begin(c, low, c->path_mtu, 0);
	state_of(c)->search_low = (uint16_t)low;
	state_of(c)->halving = false;
	c->mtu_state = TCP_MTU_SEARCH;
	conn_set_mtu(env, c, low);
	c->events |= TCP_EV_PATH_MTU;
}

void plpmtud_limit(struct tcp_env *env, struct tcp_conn *c, uint32_t mtu, bool by_icmp)
{
	struct tcp_plpmtud *p = state_of(c);

	if (!by_icmp) {
		p->limit = (uint16_t)mtu;
		p->halving = false;
	}
	p->search_high = (uint16_t)(by_icmp ? min_u32(p->search_high, mtu) : mtu);
	if (c->mtu_state == TCP_MTU_PROBING && p->probe_mtu > mtu) {
		struct tcp_rec *r = record(env, c, p);

		p->losses = PROBES_MAX - 1; /* no bad luck */
		failed(env, c, p);
		p->search_high = (uint16_t)min_u32(p->search_high, mtu);
		if (r) {
			loss_mark(c, r);
			recs_resegment(env, c);
			c->flags |= TCP_F_FORCE_RTX;
		}
	}
	if (c->mtu_state == TCP_MTU_DONE && !by_icmp)
		c->mtu_state = TCP_MTU_SEARCH;
	p->search_low = (uint16_t)min_u32(p->search_low, mtu);
	if (mtu < c->path_mtu)
		conn_set_mtu(env, c, mtu);
}
