// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * themes.c - from generation 3 on every third seed has a theme: what a scenario made of chances alone rarely shows for long.
 * A theme changes what the scenario was without it; link, boxes and most of the engines stay.
 */
#include <string.h>
#include "rng.h"
#include "scenario.h"

static void each_pair(struct scenario *s, enum pair_kind kind)
{
	for (uint32_t i = 0; i < s->pairs; i++) {
		s->pair[i].kind = kind;
		s->pair[i].again = 0;
		if (kind == PAIR_SIMULTANEOUS)
			s->pair[i].client = 0;
		for (int k = 0; k < 2; k++) {
			s->pair[i].end[k].abort_after = SIM_NEVER;
			s->pair[i].end[k].flags &= ~(uint32_t)END_RST_BY_CLOSE;
		}
	}
}

static void alive(struct scenario *s)
{
	s->dies_ns = s->returns_ns = SIM_NEVER;
}

static void at_most(struct scenario *s, uint32_t pairs)
{
	s->pairs = s->pairs < pairs ? s->pairs : pairs;
}

/* The pauses of either side are shared out anew. */
static void writes(struct end_conf *e, struct end_conf *reader, uint64_t bytes)
{
	uint64_t most = 5 * SIM_S;

	e->bytes = bytes;
	if (bytes / e->write_chunk > 3000)
		e->write_chunk = (uint32_t)(bytes / 3000 + 1);
	if (reader->read_pause_ns && bytes / reader->read_chunk > 500)
		reader->read_chunk = (uint32_t)(bytes / 500 + 1);
	if (bytes / reader->read_chunk > 20000)
		reader->read_chunk = (uint32_t)(bytes / 20000 + 1);
	if (e->write_pause_ns > most / (bytes / e->write_chunk + 1))
		e->write_pause_ns = most / (bytes / e->write_chunk + 1);
	if (reader->read_pause_ns > most / (bytes / reader->read_chunk + 1))
		reader->read_pause_ns = most / (bytes / reader->read_chunk + 1);
}

/* One side is through at once, by the first FIN; the other has much to say for long, and closes when it is said. */
static void half_close(struct scenario *s, struct rng *r)
{
	at_most(s, 3);
	alive(s);
	each_pair(s, PAIR_NORMAL);
	for (uint32_t i = 0; i < s->pairs; i++) {
		uint32_t quiet = (uint32_t)rng_below(r, 2);
		struct end_conf *q = &s->pair[i].end[quiet], *t = &s->pair[i].end[!quiet];

		writes(q, t, rng_below(r, 3000));
		q->close = rng_percent(r, 50) ? END_SHUT_FIRST : END_CLOSE_LATE;
		q->write_pause_ns = 0;
		t->write_chunk = t->write_chunk < 2000 ? t->write_chunk
						       : 2000; /* what the send buffer takes in any case */
		writes(t, q, rng_log(r, 50000, 1000000));
		t->close = rng_percent(r, 50) ? END_SHUT_AFTER_PEER : END_SHUT_FIRST;
		t->write_pause_ns = rng_log(r, SIM_S, 60 * SIM_S) / (t->bytes / t->write_chunk + 1);
	}
}

/* B reads nothing for minutes; in half of the seeds it dies meanwhile. */
static void zero_window(struct scenario *s, struct rng *r)
{
	bool dies = rng_percent(r, 50);

	at_most(s, 3);
	alive(s);
	s->clean = s->eager = false;
	each_pair(s, PAIR_NORMAL);
	s->mem_kills = false;
	for (int i = 0; i < 2; i++) { /* whose memory is short may drop what it has a window for, longer than R2 */
		struct engine_conf *e = &s->engine[i];

		e->tcp.rcvbuf_max = (uint32_t)rng_log(r, 4096, 65536);
		e->tcp.r2_ns = 900 * SIM_S;
		e->buffer_bytes = 128ull << 20;
		e->mem_low = e->mem_pressure = e->mem_high = 0;
	}
	for (uint32_t i = 0; i < s->pairs; i++) {
		struct pair_conf *p = &s->pair[i];
		struct end_conf *a = &p->end[p->client], *b = &p->end[!p->client]; /* of engines A and B */

		writes(a, b, 4ull * s->engine[1].tcp.rcvbuf_max + rng_below(r, 100000));
		writes(b, a, rng_below(r, 2000));
		a->close = END_CLOSE_LATE; /* an orphan would not be given the time */
		b->close = END_SHUT_FIRST;
		b->stall_at = rng_below(r, 20000);
		b->stall_ns = rng_log(r, 20 * SIM_S, 400 * SIM_S);
	}
	if (!dies)
		return;
	s->engine[0].tcp.r2_ns = rng_range(r, 100, 200) * SIM_S;
	s->engine[0].tcp.syn_timeout_ns = 180 * SIM_S;
	s->dies_ns = s->start_ns + rng_log(r, SIM_S, 60 * SIM_S);
	if (rng_percent(r, 30))
		s->returns_ns = s->dies_ns + rng_log(r, SIM_MS, 60 * SIM_S);
	else /* the last probe may be 120 s old, and the next comes when R2 is over */
		s->limit_ns = s->dies_ns + s->engine[0].tcp.r2_ns + 250 * SIM_S;
}

/* Both open, both close, all at once. */
static void simultaneous(struct scenario *s, struct rng *r)
{
	alive(s);
	each_pair(s, PAIR_SIMULTANEOUS);
	s->link[1].delay_ns = s->link[0].delay_ns;
	for (int i = 0; i < 2; i++)
		s->link[i].jitter_ns = 0;
	for (uint32_t i = 0; i < s->pairs; i++) {
		uint64_t bytes = rng_percent(r, 30) ? 0 : rng_log(r, 1, 20000);
		struct end_conf *e = s->pair[i].end;

		writes(&e[0], &e[1], bytes);
		writes(&e[1], &e[0], bytes);
		for (int k = 0; k < 2; k++) {
			e[k].close = rng_percent(r, 50) ? END_SHUT_FIRST : END_CLOSE_LATE;
			e[k].write_pause_ns = e[k].read_pause_ns = e[k].stall_ns = 0;
		}
	}
}

/* TCP Fast Open both ways, one connection after the other, so that later ones have a cookie. */
static void fastopen(struct scenario *s, struct rng *r)
{
	uint64_t step = rng_log(r, SIM_MS, SIM_S);

	alive(s);
	s->clean = s->eager = false; /* text that is not taken with the SYN goes again */
	each_pair(s, PAIR_NORMAL);
	s->fastopen = (uint32_t)rng_range(r, 1, 20);
	for (int k = 8; k < 10; k++)
		for (int i = 0; i < 2; i++)
			s->engine[i].seed[k] = rng_u64(r);
	for (uint32_t i = 0; i < s->pairs; i++) {
		struct pair_conf *p = &s->pair[i];

		p->start_ns = s->start_ns + i * step;
		p->end[0].flags |= END_FASTOPEN;
		writes(&p->end[0], &p->end[1], rng_log(r, 1, 20000));
	}
}

/* An outage longer than R2 of either side, but not than what one of them asks for (RFC 5482). */
static void user_timeout(struct scenario *s, struct rng *r)
{
	uint64_t dark = s->start_ns + rng_range(r, 2 * SIM_S, 5 * SIM_S);

	alive(s);
	s->clean = s->eager = false;
	each_pair(s, PAIR_NORMAL);
	s->quiet_ns = dark + rng_range(r, 40 * SIM_S, 80 * SIM_S);
	s->mem_kills = false;
	for (int i = 0; i < 2; i++) {
		struct tcp_conf *t = &s->engine[i].tcp;

		t->uto = true;
		t->r2_ns = rng_range(r, 5, 20) * SIM_S;
		t->uto_low_s = 1;
		t->uto_high_s = 300;
		s->box[i].drop_unknown = false;
		s->strip_how = STRIP_NOP; /* what is zero would hide the option behind it */
		s->link[i].loss_ppm = s->link[i].burst_ppm = s->link[i].corrupt_ppm = 0; /* it is told but once */
		s->link[i].hop_mtu = 0; /* not found in time when timeouts are two minutes apart */
		s->link[i].blackouts = 1;
		s->link[i].dark_from[0] = dark;
		s->link[i].dark_to[0] = s->quiet_ns;
	}
	for (uint32_t i = 0; i < s->pairs; i++) {
		struct pair_conf *p = &s->pair[i];

		p->start_ns = s->start_ns + rng_below(r, SIM_S);
		p->end[0].user_timeout_ms = (uint32_t)rng_range(r, 200000, 290000);
		for (int k = 0; k < 2; k++) {
			struct end_conf *e = &p->end[k];

			e->write_chunk = e->write_chunk < 1000 ? e->write_chunk : 1000; /* each fits, and pauses once */
			e->write_pause_ns = rng_log(r, SIM_S, 60 * SIM_S) / (e->bytes / e->write_chunk + 1);
			e->stall_ns = 0;
			e->close = END_CLOSE_LATE; /* an orphan before a shut window is not given the time */
		}
	}
}

/* Nothing to say, and B is dead: keepalive alone finds out, and soon. */
static void keepalive(struct scenario *s, struct rng *r)
{
	alive(s);
	s->clean = s->eager = false;
	each_pair(s, PAIR_NORMAL);
	s->quiet_ns = s->start_ns + SIM_S;
	s->dies_ns = s->start_ns + rng_range(r, 30, 90) * SIM_S;
	s->limit_ns = s->dies_ns + 16 * SIM_S; /* idle for 1 s, ten probes, 1 s between them */
	s->neigh_ns[0] = s->neigh_ns[1] = 0;
	s->mem_kills = false;
	for (int i = 0; i < 2; i++) {
		s->engine[i].syn_queue += SIM_PAIRS; /* all come at once, again and again */
		s->backlog[i] += SIM_PAIRS;
		s->box[i].drop_unknown = false;
		s->link[i].hop_mtu = 0;
	}
	for (uint32_t i = 0; i < s->pairs; i++) {
		struct pair_conf *p = &s->pair[i];

		p->start_ns = s->start_ns;
		p->client = 0;
		for (int k = 0; k < 2; k++) {
			struct end_conf *e = &p->end[k];

			writes(e, &p->end[!k], rng_below(r, 2000));
			e->close = END_SHUT_AFTER_PEER; /* each waits for the other */
			e->flags |= END_KEEPALIVE;
			e->write_pause_ns = e->read_pause_ns = e->stall_ns = e->accept_pause_ns = 0;
		}
	}
}

/* Handles let go with data under way, with a linger time and without. */
static void linger(struct scenario *s, struct rng *r)
{
	alive(s);
	s->clean = s->eager = false;
	each_pair(s, PAIR_NORMAL);
	for (uint32_t i = 0; i < s->pairs; i++) {
		struct pair_conf *p = &s->pair[i];
		struct end_conf *e = &p->end[rng_below(r, 2)];

		p->end[0].flags |= END_KEEPALIVE; /* who only listens may never learn of it */
		p->end[1].flags |= END_KEEPALIVE;
		e->flags |= END_LINGER;
		e->close = END_CLOSE_EARLY;
		e->linger_ms = (uint32_t)(rng_percent(r, 30) ? 0 : rng_log(r, 1, 10000));
	}
}

/* Many at once, in little memory, queues too short for all. */
static void crowd(struct scenario *s, struct rng *r)
{
	struct pair_conf first[SIM_PAIRS];
	uint32_t had = s->pairs;

	alive(s);
	each_pair(s, PAIR_NORMAL);
	memcpy(first, s->pair, sizeof(first));
	s->pairs = (uint32_t)rng_range(r, 2 * SIM_PAIRS, SIM_PAIRS_MAX);
	for (uint32_t i = 0; i < s->pairs; i++) {
		struct pair_conf *p = &s->pair[i];

		*p = first[i % had];
		p->client = (uint8_t)rng_below(r, 2);
		p->start_ns = s->start_ns + rng_below(r, 500 * SIM_MS);
		for (int k = 0; k < 2; k++) {
			writes(&p->end[k], &p->end[!k], rng_log(r, 1, 10000));
			p->end[k].accept_pause_ns = 0;
		}
	}
	for (int i = 0; i < 2; i++) {
		struct engine_conf *e = &s->engine[i];

		e->max_conns += s->pairs;
		e->max_time_wait += s->clean ? 2 * s->pairs : 0;
		e->syn_queue += s->clean ? 2 * s->pairs : s->pairs / 4; /* a SYN has eight tries */
		s->backlog[i] += s->clean ? 2 * s->pairs : s->pairs / 4;
		e->tcp.sndbuf_max = (uint32_t)rng_log(r, 4096, 16384);
		e->tcp.uto = rng_percent(r, 30);
		if (s->clean)
			continue;
		e->buffer_bytes = s->pairs * (4ull * e->tcp.sndbuf_max + 8192) + 65536;
		e->mem_low = e->buffer_bytes / 16;
		e->mem_pressure = e->buffer_bytes / 8;
		e->mem_high = e->buffer_bytes;
	}
}

/* Sequence numbers, timestamps and the clock wrap within the first bytes and seconds. */
static void wrap(struct scenario *s, struct rng *r)
{
	s->start_ns = (1ull << 32) * 1000 - rng_below(r, SIM_S);
	s->quiet_ns = s->start_ns + rng_log(r, 100 * SIM_MS, 10 * SIM_S);
	alive(s);
	each_pair(s, PAIR_NORMAL);
	for (int i = 0; i < 2; i++) {
		s->engine[i].tcp.fixed_isn = (int64_t)(0xffffffffu - rng_below(r, 3000));
		s->link[i].blackouts = 0;
		s->link[i].hop_from = 0;
	}
	for (uint32_t i = 0; i < s->pairs; i++) {
		s->pair[i].start_ns = s->start_ns + rng_below(r, SIM_S);
		s->pair[i].end[0].flags |= END_TS_WRAP;
	}
}

/* Windows of 1 GiB. */
static void huge(struct scenario *s, struct rng *r)
{
	at_most(s, 2);
	alive(s);
	each_pair(s, PAIR_NORMAL);
	s->strip &= ~(1u << 3);
	for (int i = 0; i < 2; i++) {
		struct engine_conf *e = &s->engine[i];

		e->tcp.rcvbuf_max = 1u << 30;
		e->tcp.sndbuf_max = (uint32_t)rng_log(r, 1 << 20, 16 << 20);
		e->buffer_bytes = 128ull << 20;
		e->mem_low = e->mem_pressure = e->mem_high = 0;
		if (rng_percent(r, 50))
			e->tcp.fixed_isn = (int64_t)(0xffffffffu - rng_below(r, 1 << 20));
	}
	s->mem_kills = false;
	for (uint32_t i = 0; i < s->pairs; i++)
		for (int k = 0; k < 2; k++) {
			struct end_conf *e = &s->pair[i].end[k];

			e->flags |= END_HUGE;
			writes(e, &s->pair[i].end[!k], rng_log(r, 10000, 2000000));
		}
}

static const struct {
	const char *name;
	void (*make)(struct scenario *s, struct rng *r);
} themes[] = { { "none", NULL },
	       { "half-closed for long", half_close },
	       { "windows shut for long", zero_window },
	       { "simultaneous", simultaneous },
	       { "TCP Fast Open", fastopen },
	       { "user timeout", user_timeout },
	       { "keepalive and a dead peer", keepalive },
	       { "linger", linger },
	       { "a crowd", crowd },
	       { "wrap", wrap },
	       { "windows of 1 GiB", huge } };

void themes_make(struct scenario *s)
{
	struct rng r = rng_make(s->seed, 8);

	if (!rng_percent(&r, 33))
		return;
	s->theme = (uint32_t)rng_range(&r, 1, sizeof(themes) / sizeof(themes[0]) - 1);
	themes[s->theme].make(s, &r);
}

const char *themes_name(const struct scenario *s)
{
	return themes[s->theme].name;
}
