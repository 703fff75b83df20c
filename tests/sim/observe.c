// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * observe.c - what the wire may show (RFC 9293 3.4, 3.8.6; RFC 2018 4; RFC 7323 2.4):
 *
 *   an ACK says only what arrived, and never less than the one before
 *   a SACK block holds only what arrived
 *   the right edge of the window never moves left
 *   data stays left of the window's edge, but for a probe of one byte
 *   timestamps do not go back (RFC 7323 5.4)
 *   only new data is ECN-capable, but for DCTCP, and nobody marks his own (RFC 3168 6.1.4 to 6.1.6)
 *   an ACK without any news answers something that arrived
 *   what takes sequence space is answered within 500 ms (MUST-40), here with some grace
 *
 * Segments whose checksums were broken on the way did not arrive. Only the first
 * incarnation of a four-tuple is judged.
 */
#include "observe.h"

#include <string.h>
#include "tcp/cc.h"
#include "world.h"
#include "xtcp/wire.h"

#define GRACE_NS (700 * SIM_MS)
#define OWED_MAX 3 /* more and a limit on answers may have been hit */

struct view { /* a segment, from its sender's side */
	struct wire_ip ip;
	struct wire_tcp tcp;
	struct tcp_opts opts;
	struct observe_flow *flow;
	struct observe_dir *me, *other;
	int from;
};

void observe_init(struct world *w)
{
	if (w->observer.count)
		memset(&w->observer, 0, sizeof(w->observer));
}

static struct observe_flow *find(struct observer *o, bool v6, uint16_t a, uint16_t b)
{
	uint32_t i = (uint32_t)(a * 31 + b * 17 + v6) % OBSERVE_FLOWS;

	for (; o->flow[i].used; i = (i + 1) % OBSERVE_FLOWS)
		if (o->flow[i].v6 == v6 && o->flow[i].port[0] == a && o->flow[i].port[1] == b)
			return &o->flow[i];
	if (o->count >= OBSERVE_FLOWS / 2)
		return NULL;
	o->count++;
	o->flow[i].used = true;
	o->flow[i].v6 = v6;
	o->flow[i].port[0] = a;
	o->flow[i].port[1] = b;
	return &o->flow[i];
}

static bool look(struct world *w, int from, const uint8_t *data, uint32_t len, struct view *v)
{
	uint16_t sport, dport;

	if (wire_parse_ip(data, data + len, len, &v->ip) != WIRE_OK ||
	    wire_parse_tcp(data, data + len, &v->ip, &v->tcp) != WIRE_OK)
		return false;
	sport = wire_port(v->tcp.sport);
	dport = wire_port(v->tcp.dport);
	v->from = from;
	v->flow = find(&w->observer, v->ip.family == WIRE_IP6, from ? dport : sport, from ? sport : dport);
	if (!v->flow || v->flow->off)
		return false;
	v->me = &v->flow->dir[from];
	v->other = &v->flow->dir[!from];
	tcp_options_parse(data + v->ip.l4_off + 20, v->tcp.doff - 20u, &v->opts);
	return true;
}

/* ---- what arrived ---- */

static bool add_range(struct observe_dir *d, uint32_t from, uint32_t to)
{
	uint32_t i = 0, j;

	while (i < d->nranges && d->to[i] < from)
		i++;
	for (j = i; j < d->nranges && d->from[j] <= to; j++) {
		from = d->from[j] < from ? d->from[j] : from;
		to = d->to[j] > to ? d->to[j] : to;
	}
	if (d->nranges - (j - i) == OBSERVE_RANGES)
		return false;
	memmove(&d->from[i + 1], &d->from[j], (d->nranges - j) * sizeof(d->from[0]));
	memmove(&d->to[i + 1], &d->to[j], (d->nranges - j) * sizeof(d->to[0]));
	d->nranges = d->nranges - (j - i) + 1;
	d->from[i] = from;
	d->to[i] = to;
	return true;
}

static bool has_range(const struct observe_dir *d, uint32_t from, uint32_t to)
{
	for (uint32_t i = 0; i < d->nranges; i++)
		if (d->from[i] <= from && to <= d->to[i])
			return true;
	return false;
}

static uint32_t space(const struct view *v)
{
	return v->tcp.payload_len + !!(v->tcp.flags & TCP_SYN) + !!(v->tcp.flags & TCP_FIN);
}

static uint32_t edge_of(const struct view *v)
{
	uint8_t scale = v->me->scale != 0xff && v->other->scale != 0xff && !(v->tcp.flags & TCP_SYN) ? v->me->scale : 0;

	return v->tcp.ack - v->other->isn + ((uint32_t)v->tcp.wnd << scale);
}

void observe_arrived(struct world *w, int to, const uint8_t *data, uint32_t len, bool damaged)
{
	struct view v;
	uint32_t at, edge;

	/* What is damaged where no checksum looks (Ethernet, hop limit) may be taken or not. */
	if (oracle_frame_wrong(data, len, UINT32_MAX / 2) || !look(w, !to, data, len, &v) || !v.me->syn_sent)
		return;
	v.other->credit++;
	if (v.tcp.flags & TCP_RST) { /* the end of it, perhaps */
		v.other->owes = v.other->owed = 0;
		return;
	}
	at = v.tcp.seq - v.me->isn;
	if (v.tcp.flags & TCP_SYN)
		v.me->syn_arrived = true;
	if ((v.tcp.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN && !v.me->edge_arrived)
		v.me->edge_arrived = 1u + v.tcp.wnd; /* for who answers with text (RFC 7413) */
	if (space(&v) && !add_range(v.me, at, at + space(&v)))
		v.flow->off = true;
	if (v.tcp.flags & TCP_ACK && v.other->syn_sent) {
		edge = edge_of(&v);
		if ((int32_t)(edge - v.me->edge_arrived) > 0)
			v.me->edge_arrived = edge;
		if (v.other->fin && v.tcp.ack - v.other->isn > v.other->fin_at)
			v.other->owes = v.other->owed = 0; /* LAST-ACK is over: nobody is left who would answer */
	}
	if (!damaged && v.me->syn_arrived && v.other->syn_arrived && space(&v) && !(v.tcp.flags & TCP_SYN)) {
		if (!v.other->owes)
			v.other->owes = w->now;
		v.other->owed++;
	}
}

void observe_forged(struct world *w, int to, const uint8_t *data, uint32_t len)
{
	struct view v;

	if (look(w, !to, data, len, &v) && v.tcp.flags & TCP_SYN)
		v.flow->off = true; /* may open a connection of its own */
}

/* ---- what is said ---- */

static void accuse(struct world *w, const struct view *v, const char *what, uint32_t a, uint32_t b)
{
	world_fail(w, "engine %c, %u-%u, %s (%u, %u from the ISN)", "AB"[v->from], wire_port(v->tcp.sport),
		   wire_port(v->tcp.dport), what, a, b);
}

static void note_syn(struct view *v)
{
	/* Another one, or with a fixed ISN the same again after the first was over. */
	if (v->me->syn_sent && (v->tcp.seq != v->me->isn || v->me->acked > 1)) {
		v->flow->off = true;
		return;
	}
	if (!v->me->syn_sent) {
		v->me->isn = v->tcp.seq;
		v->me->sent_to = v->me->syn_end = 1 + v->tcp.payload_len;
		v->me->scale = v->opts.present & TCP_OPT_WSCALE ? v->opts.wscale : 0xff;
	}
	v->me->syn_sent = true;
}

static void judge_ack(struct world *w, struct view *v)
{
	uint32_t ack = v->tcp.ack - v->other->isn, edge = edge_of(v);
	uint32_t slack = v->me->scale < 15 ? (1u << v->me->scale) - 1 : 0; /* what scaling rounds off (RFC 7323 2.4) */
	bool fin_acked = v->other->fin && ack > v->other->fin_at;

	if (!has_range(v->other, 0, ack))
		accuse(w, v, "acknowledges what did not arrive", ack, v->other->nranges ? v->other->to[0] : 0);
	if ((int32_t)(ack - v->me->acked) < 0)
		accuse(w, v, "takes an acknowledgement back", ack, v->me->acked);
	if ((int32_t)(edge + slack - v->me->edge) < 0 && !fin_acked && !(v->tcp.flags & TCP_SYN))
		accuse(w, v, "shrinks the window", edge, v->me->edge);
	if (ack != v->me->acked || (int32_t)(edge - v->me->edge) > 0)
		v->me->credit = 2 + (int32_t)w->side[v->from].port.rx_count; /* which have arrived, but were not seen */
	else if (!space(v) && v->tcp.seq - v->me->isn == v->me->sent_to && v->me->credit-- <= 0 && !w->s->forged)
		accuse(w, v, "says the same again and again", ack, edge);
	v->me->acked = ack;
	if ((int32_t)(edge - v->me->edge) > 0)
		v->me->edge = edge;
	if (v->from && w->s->shift[0] && !w->s->shift_sack)
		return; /* a firewall that does not know SACK has left them in other numbers */
	for (uint8_t i = 0; v->opts.present & TCP_OPT_SACK && i < v->opts.nsack; i++) {
		uint32_t from = v->opts.sack[i].start - v->other->isn, to = v->opts.sack[i].end - v->other->isn;

		bool twice = !i && to <= ack; /* RFC 2883: the first block may report a duplicate */

		if (from >= to || (from <= ack && !twice) || !has_range(v->other, from, to))
			accuse(w, v, "reports by SACK what did not arrive", from, to);
	}
}

static void judge_data(struct world *w, struct view *v)
{
	uint32_t at = v->tcp.seq - v->me->isn, end = at + space(v);

	if (v->tcp.flags & TCP_FIN) {
		if (v->me->fin && v->me->fin_at != end - 1)
			accuse(w, v, "moves its FIN", end - 1, v->me->fin_at);
		v->me->fin = true;
		v->me->fin_at = end - 1;
	} else if (v->me->fin && end > v->me->fin_at) {
		accuse(w, v, "sends past its FIN", end, v->me->fin_at);
	}
	if ((int32_t)(end - v->me->sent_to) > 0)
		v->me->sent_to = end;
	if ((int32_t)(end - v->other->edge_arrived) > 1 && (int32_t)(end - v->me->syn_end) > 0)
		accuse(w, v, "sends past the window", end, v->other->edge_arrived);
}

/* Before judge_data() has moved sent_to. Window and keepalive probes are as retransmissions. DCTCP sends all alike. */
static void judge_ecn(struct world *w, struct view *v, uint8_t ecn)
{
	uint32_t end = v->tcp.seq - v->me->isn + space(v);
	/* The byte that a window probe carried is sent again with the data behind it. */
	bool fresh = v->tcp.payload_len && !(v->tcp.flags & TCP_SYN) && (int32_t)(end - v->me->sent_to) > 0 &&
		     v->me->sent_to - (v->tcp.seq - v->me->isn) <= 1;

	if (ecn == ECN_CE)
		accuse(w, v, "sends a segment that is marked already", end, ecn);
	if (ecn != ECN_NOT_ECT && !tcp_cc_table[w->s->engine[v->from].tcp.cc]->ect_all &&
	    (!fresh || (int32_t)(end - v->other->edge_arrived) > 0))
		accuse(w, v, "sends ECN-capable what is no new data", end, ecn);
}

static void judge_time(struct world *w, struct view *v)
{
	if (!(v->opts.present & TCP_OPT_TS))
		return;
	if (v->me->ts_sent && (int32_t)(v->opts.tsval - v->me->ts) < 0)
		accuse(w, v, "sends a timestamp older than the one before", v->opts.tsval, v->me->ts);
	v->me->ts_sent = true;
	v->me->ts = v->opts.tsval;
}

static void judge_silence(struct world *w, const struct observe_flow *f, int i, bool end)
{
	const struct observe_dir *d = &f->dir[i];
	const uint64_t *stats = engine_stats(w->side[i].e);

	/* in_ao_no_isn: nobody can sign a RST for a connection that is gone (RFC 5925 7.7). */
	if (!d->owes || f->off || d->owed > OWED_MAX || (!end && w->now - d->owes < GRACE_NS) || w->s->neigh_ns[i] ||
	    w->s->forged || w->died || stats[XTCP_USER_challenge_limited] || stats[XTCP_USER_in_ao_no_isn])
		return;
	world_fail(w, "engine %c, port %u, owes an answer since %.6f s", "AB"[i], f -> port[i],
		   (double)(d->owes - w->s->start_ns) / 1e9);
}

void observe_sent(struct world *w, int from, const uint8_t *data, uint32_t len)
{
	struct view v;

	if (!look(w, from, data, len, &v))
		return;
	judge_silence(w, v.flow, from, false);
	if (v.tcp.flags & (TCP_ACK | TCP_RST))
		v.me->owes = v.me->owed = 0;
	if (v.tcp.flags & TCP_RST)
		return;
	if (v.tcp.flags & TCP_SYN)
		note_syn(&v);
	if (v.flow->off || !v.me->syn_sent)
		return;
	judge_ecn(w, &v, aqm_ecn(data, len));
	judge_time(w, &v);
	if (v.tcp.flags & TCP_ACK && v.other->syn_sent)
		judge_ack(w, &v);
	if (!(v.tcp.flags & TCP_SYN) && space(&v))
		judge_data(w, &v);
}

void observe_forget(struct world *w)
{
	for (uint32_t i = 0; i < OBSERVE_FLOWS; i++)
		w->observer.flow[i].off = true;
}

void observe_end(struct world *w)
{
	for (uint32_t i = 0; i < OBSERVE_FLOWS && w->observer.count; i++) {
		judge_silence(w, &w->observer.flow[i], 0, true);
		judge_silence(w, &w->observer.flow[i], 1, true);
	}
}
