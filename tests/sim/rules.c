// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * rules.c - what a sender may do, seen from inside: after every segment made and every turn. What is in flight is
 * SND.NXT - SND.UNA less what is SACKed and what is taken for lost and not sent again.
 *
 * A segment (rules_sent) with sequence space, SYNs apart:
 *
 *   new data             in flight after it <= cwnd, or nothing was in flight before (RFC 5681 3.1; limited transmit of RFC 3042
 *                        is in it, for what duplicates report is not in flight)
 *   loss probe           one segment whatever cwnd says, never in recovery (RFC 8985 7.3)
 *   F-RTO, step 2        two segments whatever cwnd says (RFC 5682 2.1)
 *   retransmission       less than cwnd in flight before it, but for the first of a recovery, of a timeout or of a search for
 *                        the path's MTU, or when that changed; without SACK the first of a turn
 *   in recovery by PRR   in flight <= the larger of ssthresh and what was in flight when it began, plus one segment (RFC 9937)
 *   window probe         one byte, or FIN, and nothing in flight (RFC 9293 3.8.6.1)
 *   paced                over any time at most rate * time, two bursts (1 ms worth or two segments) and a segment; without
 *                        the exceptions above; a burst is an initial window when that is only because cwnd is not validated
 *                        (RFC 7661 4.4.2)
 *
 * Every turn (rules_turn), each connection:
 *
 *   cwnd                 >= one segment; grows by no more than was acknowledged, but for undo and the end of recovery
 *   ssthresh             >= two segments, or one after a recovery that met a cwnd that was not validated (RFC 7661 4.4.1)
 *   RTO                  within the bounds of the configuration, and >= SRTT; the timer never further away than RTO.max
 *   SND.NXT              <= SND.UNA + the largest window ever offered, and the text of our SYN
 *   memory               that of all connections is all that is in use
 *
 * A smallest segment is the smallest MSS that the connection has had.
 */
#include <stdlib.h>
#include <string.h>
#include "world.h"
/* after it: its macros are short */
#include "engine/private.h"
#include "tcp/cc.h"

#define RECOVERING (TCP_F_RECOVERY | TCP_F_LOSS)

struct rules_conn { /* as it was at the last look */
	uint32_t iss;
	uint16_t lport, rport;
	uint32_t mss_min;
	uint32_t una, cwnd, undo_cwnd, flags, recover, backoff, path_mtu, pipe;
	uint32_t entry_pipe; /* in flight when recovery began */
	uint64_t rtx_turn;   /* the turn of the last retransmission that was free */
	uint64_t due;	     /* when all that was sent would be through at the pacing rate */
	uint64_t rate;	     /* which was that */
	bool established;
};

struct rules {
	struct rules_conn *conn;
	uint64_t retrans, loss_probes, window_probes, keepalive_probes, recoveries;
};

static uint32_t in_flight(const struct tcp_conn *c)
{
	return c->snd_nxt - c->snd_una - c->sacked - c->lost;
}

bool rules_start(struct side *side, uint32_t max_conns)
{
	rules_stop(side);
	side->rules = calloc(1, sizeof(*side->rules));
	if (side->rules)
		side->rules->conn = calloc(max_conns + 1, sizeof(struct rules_conn));
	return side->rules && side->rules->conn;
}

void rules_stop(struct side *side)
{
	if (side->rules)
		free(side->rules->conn);
	free(side->rules);
	side->rules = NULL;
}

static void accuse(struct side *side, const struct tcp_conn *c, const char *what, uint64_t a, uint64_t b)
{
	world_fail(side->w, "engine %c, %u-%u, %s %s: %llu, %llu", "AB"[side->index], wire_port(c->lport),
		   wire_port(c->rport), tcp_state_name(c->state), what, (unsigned long long)a, (unsigned long long)b);
}

static struct rules_conn *shadow(struct side *side, uint32_t ref, const struct tcp_conn *c)
{
	struct rules_conn *m = &side->rules->conn[ref];

	if (m->mss_min && m->iss == c->iss && m->lport == c->lport && m->rport == c->rport)
		return m;
	*m = (struct rules_conn){ .iss = c->iss, .lport = c->lport, .rport = c->rport, .mss_min = c->mss };
	m->una = c->snd_una;
	m->cwnd = tcp_initial_window(c->mss);
	m->recover = c->recover;
	return m;
}

static void remember(struct rules_conn *m, const struct tcp_conn *c)
{
	if (c->flags & TCP_F_RECOVERY && !(m->flags & TCP_F_RECOVERY))
		m->entry_pipe = m->pipe;
	m->mss_min = c->mss < m->mss_min ? c->mss : m->mss_min;
	m->flags = c->flags;
	m->recover = c->recover;
	m->backoff = c->backoff;
	m->path_mtu = c->path_mtu;
	m->pipe = in_flight(c);
}

/* ---- a segment ---- */

/* A timeout or a recovery has begun since the last look. */
static bool fresh_episode(const struct rules_conn *m, const struct tcp_conn *c)
{
	return (c->flags & RECOVERING) != (m->flags & RECOVERING) || c->recover != m->recover ||
	       c->backoff != m->backoff || c->path_mtu != m->path_mtu || c->mtu_state != TCP_MTU_FIXED;
}

static bool moved(uint64_t *seen, uint64_t now)
{
	bool more = *seen != now;

	*seen = now;
	return more;
}

static bool free_retransmission(const struct side *side, struct rules_conn *m, const struct tcp_conn *c)
{
	bool begun = moved(&side->rules->recoveries, engine_stats(side->e)[XTCP_USER_fast_recoveries]);

	/* One may have ended and the next begun at the same number within a turn. */
	if (m->rtx_turn == side->turns || (c->flags & TCP_F_SACK && !begun && !fresh_episode(m, c)))
		return false;
	m->rtx_turn = side->turns;
	return true;
}

/* Nobody asked for it: cwnd is not validated, or was not when what is out was sent. */
static bool paced_to_validate(const struct tcp_conn *c)
{
	return c->pace & TCP_PACE_WINDOW && !(c->tune & TCP_TUNE_PACING) && !tcp_pacing_limit_now(c);
}

static void judge_pace(struct side *side, struct rules_conn *m, const struct tcp_conn *c, uint32_t len)
{
	uint64_t rate = tcp_pacing_rate_now(c), now = side->w->now, burst, took;

	if (!rate)
		return;
	took = len * SIM_S / rate;
	burst = (2 * SIM_S * c->mss + rate - 1) / rate; /* the sender's clock is rounded up */
	if (paced_to_validate(c))
		burst = tcp_initial_window(c->mss) * SIM_S / rate;
	burst = burst > SIM_MS ? burst : SIM_MS;
	if (now > burst && m->due < now - burst)
		m->due = now - burst;
	if (m->due > now && rate > m->rate) /* what is ahead is bytes, which leave faster now */
		m->due = now + (m->due - now) / (rate / 1000 + 1) * m->rate / 1000;
	m->rate = rate;
	m->due += took;
	if (m->due > now + burst + took)
		accuse(side, c, "sends faster than its pacing rate, ns ahead and allowed", m->due - now, burst + took);
}

static void judge_segment(struct side *side, struct rules_conn *m, const struct tcp_conn *c, uint32_t len, bool again,
			  bool probe)
{
	uint32_t pipe = in_flight(c), before = pipe - len;
	bool frto = c->loss_flags & TCP_L_FRTO_2, free = again && !probe && free_retransmission(side, m, c);

	if (probe) {
		if (c->flags & RECOVERING)
			accuse(side, c, "a loss probe in recovery", pipe, c->cwnd);
		return;
	}
	if (frto && !again) {
		if (c->snd_nxt - c->recover > 2u * c->mss + 1)
			accuse(side, c, "more than two segments of F-RTO", c->snd_nxt, c->recover);
		return;
	}
	again = again && !free;
	if (!free && (again ? before >= c->cwnd : before && pipe > c->cwnd + 1)) /* FIN does not count */
		accuse(side, c, again ? "retransmits more than cwnd allows" : "sends more than cwnd allows", pipe,
		       c->cwnd);
	if (c->flags & TCP_F_RECOVERY && c->flags & TCP_F_SACK && !tcp_cc_table[c->cc]->owns_cwnd &&
	    pipe > (m->entry_pipe > c->ssthresh ? m->entry_pipe : c->ssthresh) + c->mss)
		accuse(side, c, "more in flight than when recovery began", pipe, m->entry_pipe);
	if (!free)
		judge_pace(side, m, c, len);
}

void rules_sent(struct side *side, const struct xtcp_addr *laddr, uint16_t lport, const struct xtcp_addr *raddr,
		uint16_t rport, const struct tcp_seg *seg)
{
	struct engine *e = side->e;
	const uint64_t *stats = engine_stats(e);
	struct rules *r = side->rules;
	uint16_t l = wire_swap16(lport), p = wire_swap16(rport);
	bool again = moved(&r->retrans, stats[XTCP_USER_retrans_segs]);
	bool probe = moved(&r->loss_probes, stats[XTCP_USER_loss_probes]);
	bool window = moved(&r->window_probes, stats[XTCP_USER_window_probes]);
	bool keep = moved(&r->keepalive_probes, stats[XTCP_USER_keepalive_probes]);
	uint32_t ref = demux_find(e, demux_hash(e, laddr, raddr, l, p), laddr, raddr, l, p), len = tcp_seg_len(seg);
	const struct tcp_conn *c;
	struct rules_conn *m;

	if (!len || seg->flags & (TCP_SYN | TCP_RST) || keep || !ref || ref > e->r->conns.fresh)
		return;
	c = &conn_at(e, ref)->tcp;
	m = shadow(side, ref, c);
	if (c->state < TCP_SYN_RECEIVED || seg->seq - c->iss > c->snd_nxt - c->iss)
		return;
	if (c->flags & TCP_F_RECOVERY && !(m->flags & TCP_F_RECOVERY))
		m->entry_pipe = m->pipe;
	if (window && (len > 1 || c->snd_nxt != c->snd_una))
		accuse(side, c, "a window probe of more than a byte, or with data in flight", len,
		       c->snd_nxt - c->snd_una);
	else if (!window)
		judge_segment(side, m, c, len, again, probe);
	remember(m, c);
}

/* ---- a turn ---- */

static void judge_cwnd(struct side *side, struct rules_conn *m, const struct tcp_conn *c)
{
	uint32_t acked = c->snd_una - m->una, most = m->cwnd > m->undo_cwnd ? m->cwnd : m->undo_cwnd;

	if (c->cwnd < m->mss_min)
		accuse(side, c, "cwnd below one segment", c->cwnd, m->mss_min);
	if (c->ssthresh < (side->w->s->engine[side->index].tcp.idle_restart ? 2 : 1) * m->mss_min)
		accuse(side, c, "ssthresh below its least", c->ssthresh, m->mss_min);
	if (tcp_cc_table[c->cc]->owns_cwnd || c->flags & TCP_F_RECOVERY || !m->established)
		return;
	if (m->flags & TCP_F_RECOVERY && c->ssthresh > most)
		most = c->ssthresh;
	if (c->cwnd > most + acked + c->mss)
		accuse(side, c, "cwnd grew by more than was acknowledged", c->cwnd, most + acked);
}

static void judge_timer(struct side *side, const struct tcp_conn *c)
{
	const struct tcp_conf *conf = &side->w->s->engine[side->index].tcp;
	uint64_t rto_ns = 1000ull * c->rto_us;

	if (rto_ns < conf->rto_min_ns || rto_ns > conf->rto_max_ns)
		accuse(side, c, "RTO out of its bounds, us", c->rto_us, conf->rto_max_ns / 1000);
	if (c->rto_us < c->srtt_us_x8 >> 3 && rto_ns < conf->rto_max_ns)
		accuse(side, c, "RTO below the round-trip time, us", c->rto_us, c->srtt_us_x8 >> 3);
	if (c->rtx_deadline != TCP_NEVER && c->rtx_deadline > side->w->now + conf->rto_max_ns)
		accuse(side, c, "the retransmission timer is too far away, ns", c->rtx_deadline - side->w->now,
		       conf->rto_max_ns);
}

static void judge_conn(struct side *side, uint32_t ref, const struct tcp_conn *c)
{
	struct rules_conn *m = shadow(side, ref, c);

	if (c->state < TCP_SYN_RECEIVED)
		return;
	m->mss_min = c->mss < m->mss_min ? c->mss : m->mss_min;
	if (c->state >= TCP_ESTABLISHED && c->state != TCP_TIME_WAIT) {
		judge_cwnd(side, m, c);
		judge_timer(side, c);
		if (c->snd_nxt - c->snd_una > c->max_snd_wnd + 1 + tcp_cold_peek(c)->fastopen.text)
			accuse(side, c, "more in flight than any window", c->snd_nxt - c->snd_una, c->max_snd_wnd);
		m->established = true;
	}
	m->una = c->snd_una;
	m->cwnd = c->cwnd;
	m->undo_cwnd = c->undo_cwnd;
	remember(m, c);
}

void rules_turn(struct world *w, int i)
{
	struct side *side = &w->side[i];
	struct engine *e = side->e;
	struct engine_counts n;
	uint64_t memory = 0;

	for (uint32_t ref = 1; ref <= e->r->conns.fresh && !w->why[0]; ref++) {
		const struct conn *c = conn_at(e, ref);

		if (!(c->life & CONN_USED))
			continue;
		memory += tcp_memory(&c->tcp);
		if (c->tcp.state != TCP_CLOSED)
			judge_conn(side, ref, &c->tcp);
	}
	engine_counts(e, &n);
	if (memory != n.buffer_used)
		world_fail(w, "engine %c: connections hold %llu bytes of memory, %llu are in use", "AB"[i],
			   (unsigned long long)memory, (unsigned long long)n.buffer_used);
}
