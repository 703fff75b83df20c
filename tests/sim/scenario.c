// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * scenario.c - from a seed to a scenario. A third of the seeds have no faults at all
 * (so that needless retransmissions show), the others a random choice of them, and
 * each fault is strong in some seeds and weak in others.
 */
#include "scenario.h"

#include <string.h>
#include "rng.h"
#include "tcp/cc.h"

#define QUEUE_NS_MAX 200000ull

uint64_t scenario_bytes(const struct scenario *s)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < s->pairs; i++)
		sum += s->pair[i].end[0].bytes + s->pair[i].end[1].bytes;
	return sum;
}

/* ---- the link ---- */

static void make_path(struct scenario *s, struct rng *r)
{
	bool limited = rng_percent(r, s->clean ? 20 : 60), symmetric = rng_percent(r, 70);
	uint64_t delay = rng_log(r, 1000, 80 * SIM_MS), rate = rng_log(r, 2000000, 4000000000ull);

	for (int i = 0; i < 2; i++) {
		struct link_conf *l = &s->link[i];

		l->delay_ns = i && !symmetric ? rng_log(r, 1000, 80 * SIM_MS) : delay;
		if (s->clean &&
		    l->delay_ns > 25 * SIM_MS) /* with the peer's delayed ACK still under the smallest RTO */
			l->delay_ns = 25 * SIM_MS;
		l->queue_bytes = UINT32_MAX;
		if (s->clean)
			continue;
		l->jitter_ns = rng_percent(r, 50) ? rng_below(r, l->delay_ns + 1) : 0;
		if (!limited)
			continue;
		l->bits_per_s = i && !symmetric ? rng_log(r, 2000000, 4000000000ull) : rate;
		l->queue_bytes = (uint32_t)rng_log(r, 20000, 1000000);
	}
}

static void make_blackouts(struct scenario *s, struct rng *r)
{
	uint32_t n = (uint32_t)rng_range(r, 1, SIM_BLACKOUTS);
	bool both = rng_percent(r, 50);

	for (uint32_t i = 0; i < n; i++) {
		uint64_t from = s->start_ns + rng_below(r, s->quiet_ns - s->start_ns);
		uint64_t to = from + rng_log(r, 10 * SIM_MS, 8 * SIM_S);

		to = to < s->quiet_ns ? to : s->quiet_ns;
		for (int d = 0; d < 2; d++) {
			struct link_conf *l = &s->link[d];

			if (!both && d != (int)(i & 1))
				continue;
			l->dark_from[l->blackouts] = from;
			l->dark_to[l->blackouts++] = to;
		}
	}
}

static void make_faults(struct scenario *s, struct rng *r)
{
	if (s->clean)
		return;
	for (int i = 0; i < 2; i++) {
		struct link_conf *l = &s->link[i];

		if (rng_percent(r, 60))
			l->loss_ppm = (uint32_t)rng_log(r, 500, 250000);
		if (rng_percent(r, 30)) {
			l->burst_ppm = (uint32_t)rng_log(r, 500, 20000);
			l->burst_end_ppm = (uint32_t)rng_log(r, 50000, 600000);
		}
		if (rng_percent(r, 40)) {
			l->reorder_ppm = (uint32_t)rng_log(r, 1000, 400000);
			l->reorder_ns = rng_log(r, 10000, 400 * SIM_MS);
		}
		if (rng_percent(r, 40))
			l->dup_ppm = (uint32_t)rng_log(r, 1000, 300000);
		if (rng_percent(r, 40))
			l->corrupt_ppm = (uint32_t)rng_log(r, 500, 100000);
	}
	if (rng_percent(r, 30))
		make_blackouts(s, r);
}

/* ---- the engines ---- */

static void make_engine(struct scenario *s, struct rng *r, int i)
{
	struct engine_conf *e = &s->engine[i];
	static const uint32_t mtus[] = { 1280, 1500, 1500, 4000, 9000 };

	s->mtu[i] = rng_percent(r, 70) ? mtus[rng_below(r, 5)] : (uint32_t)rng_range(r, 1280, 9000);
	s->backlog[i] = s->clean ? 2 * SIM_PAIRS : (uint32_t)rng_range(r, 1, 2 * SIM_PAIRS);
	s->turn_ns[i] = rng_log(r, 500, 100000);
	s->neigh_ns[i] = rng_percent(r, 30) && !s->clean ? rng_log(r, 10000, SIM_S) : 0;
	s->tx_max[i] = (uint32_t)rng_log(r, 32, 512);
	s->rx_fill[i] = s->clean ? 1024 : (uint32_t)rng_log(r, 32, 512);
	e->max_conns = s->pairs + (uint32_t)rng_range(r, 8, 64);
	e->max_listeners = 4;
	e->max_time_wait = !s->clean && rng_percent(r, 15) ? 1 : SIM_PAIRS + (uint32_t)rng_range(r, 8, 32);
	e->max_dsts = 16;
	e->chunks = 2048;
	e->chunk_size = 4096;
	e->syn_queue = s->clean ? 2 * SIM_PAIRS : (uint32_t)rng_range(r, 2, 2 * SIM_PAIRS);
	tcp_conf_default(&e->tcp);
	e->tcp.sndbuf_max = (uint32_t)rng_log(r, 4096, 1 << 22);
	e->tcp.rcvbuf_max = (uint32_t)rng_log(r, 4096, rng_percent(r, 50) ? 40000 : 1 << 22);
	e->tcp.time_wait_ns = rng_log(r, SIM_S, 60 * SIM_S);
	e->tcp.delack_ns = rng_range(r, 1, 100) * SIM_MS;
	e->tcp.syn_timeout_ns = 180 * SIM_S;
	if (rng_percent(r, 30)) /* sequence numbers wrap early */
		e->tcp.fixed_isn = (int64_t)(0xffffffffu - rng_log(r, 0, 1 << 20));
	for (int k = 0; k < 8; k++)
		e->seed[k] = rng_u64(r);
	e->buffer_bytes = 128ull << 20;
	if (!s->clean && rng_percent(r, 20)) { /* scarce: there is room for all send buffers and little else */
		e->tcp.sndbuf_max = (uint32_t)rng_log(r, 4096, 32768);
		e->tcp.rcvbuf_max = (uint32_t)rng_log(r, 16384, 1 << 22);
		e->buffer_bytes = s->pairs * (4ull * e->tcp.sndbuf_max + 8192) + 65536;
		e->mem_low = e->buffer_bytes / 4;
		e->mem_pressure = e->buffer_bytes / 2;
		e->mem_high = e->buffer_bytes;
		if (rng_percent(r, 25)) { /* and whoever holds most may be ended for it */
			e->mem_high = e->buffer_bytes / 8 * 5;
			s->mem_kills = true;
		}
	}
}

/* Who else is there: someone who sends what he likes; and engine B may die. */
static void make_others(struct scenario *s, struct rng *r)
{
	static const uint8_t kinds[] = { 2, 3, 4, 8 }; /* MSS, window scale, SACK permitted, timestamps */

	for (size_t i = 0; i < sizeof(kinds); i++)
		if (rng_percent(r, 15))
			s->strip |= 1u << kinds[i];
	s->dies_ns = SIM_NEVER;
	if (s->clean)
		return;
	if (rng_percent(r, 25))
		s->forged = (uint32_t)rng_log(r, 1, 2000);
	for (int i = 0; i < 2 && s->forged; i++) { /* SYNs of strangers shall not take all the room */
		s->engine[i].syn_queue += s->forged;
		s->engine[i].max_conns += s->forged;
	}
	if (!rng_percent(r, 6))
		return;
	s->dies_ns = s->start_ns + rng_log(r, 1000000, 5 * SIM_S);
	s->engine[0].tcp.r2_ns = rng_range(r, 100, 300) * SIM_S;
	s->engine[0].tcp.syn_timeout_ns = rng_range(r, 20, 180) * SIM_S;
}

/* ---- the applications ---- */

static void make_end(struct scenario *s, struct rng *r, struct end_conf *e, uint64_t most)
{
	uint64_t slow;

	e->bytes = rng_percent(r, 15) ? 0 : rng_percent(r, 50) ? rng_log(r, 1, most) : rng_range(r, 1, most);
	e->write_chunk = (uint32_t)rng_log(r, 1, 100000);
	e->read_chunk = (uint32_t)rng_log(r, 1, 100000);
	e->flags = (uint32_t)(rng_u64(r) & rng_u64(r)) &
		   (END_RESERVE | END_PEEK | END_NODELAY | END_MORE | END_KEEPALIVE | END_QUICKACK | END_MISUSE);
	e->flags |= (uint32_t)(rng_u64(r) & (END_RESERVE | END_PEEK));
	if (rng_percent(r, 10))
		e->flags |= END_URGENT;
	if (e->bytes / e->write_chunk > 3000)
		e->write_chunk = (uint32_t)(e->bytes / 3000 + 1);
	slow = rng_log(r, 10 * SIM_MS, 5 * SIM_S); /* time that all pauses together may take */
	if (!s->eager && rng_percent(r, 25))
		e->write_pause_ns = slow / (e->bytes / e->write_chunk + 1);
	if (!s->eager && rng_percent(r, 25))
		e->read_pause_ns = slow; /* divided when the peer's bytes are known */
	if (!s->eager && rng_percent(r, 20))
		e->accept_pause_ns = rng_log(r, SIM_MS, 3 * SIM_S);
	e->close = (enum end_close)rng_below(r, 4);
	e->abort_after = SIM_NEVER;
}

static void make_pair(struct scenario *s, struct rng *r, struct pair_conf *p, uint64_t most)
{
	uint32_t kind = (uint32_t)rng_below(r, 100);
	struct end_conf *a = &p->end[0], *b = &p->end[1];

	p->kind = kind < 88 ? PAIR_NORMAL : kind < 95 ? PAIR_SIMULTANEOUS : PAIR_REFUSED;
	p->v6 = rng_percent(r, 50);
	p->client = p->kind == PAIR_SIMULTANEOUS ? 0 : (uint8_t)rng_below(r, 2);
	p->start_ns = s->start_ns + (rng_percent(r, 50) ? 0 : rng_log(r, 1000, 4 * SIM_S));
	make_end(s, r, a, most);
	make_end(s, r, b, most);
	if (a->close == END_SHUT_AFTER_PEER && b->close == END_SHUT_AFTER_PEER)
		a->close = END_SHUT_FIRST;
	for (int i = 0; i < 2; i++) {
		struct end_conf *e = &p->end[i];
		uint64_t bytes = p->end[!i].bytes;

		if (bytes / e->read_chunk > 20000)
			e->read_chunk = (uint32_t)(bytes / 20000 + 1);
		if (!s->eager && rng_percent(r, 25)) {
			e->stall_at = rng_below(r, bytes + 1);
			e->stall_ns = rng_log(r, 10 * SIM_MS, 20 * SIM_S);
		}
		if (e->read_pause_ns && bytes / e->read_chunk > 500)
			e->read_chunk = (uint32_t)(bytes / 500 + 1);
		if (e->read_pause_ns)
			e->read_pause_ns = e->read_pause_ns / (bytes / e->read_chunk + 1) + 1000;
	}
	if (s->dies_ns == SIM_NEVER && p->kind != PAIR_REFUSED && !s->clean && rng_percent(r, 12)) {
		struct end_conf *e = &p->end[rng_below(r, 2)];

		e->abort_after = rng_below(r, a->bytes + b->bytes + 1);
		if (rng_percent(r, 50))
			e->flags |= END_RST_BY_CLOSE;
		a->flags |= END_KEEPALIVE; /* else who only listens may never learn of it */
		b->flags |= END_KEEPALIVE;
	}
}

/* Some four-tuples are used twice: TIME-WAIT and old duplicates in the way of the second connection. */
static void make_again(struct scenario *s, struct rng *r)
{
	uint32_t followed = 0;
	bool isn = s->engine[0].tcp.fixed_isn < 0 && s->engine[1].tcp.fixed_isn < 0;

	if (s->clean || !isn || s->forged || s->dies_ns != SIM_NEVER || !rng_percent(r, 50))
		return;
	for (uint32_t i = 1; i < s->pairs; i++) {
		uint32_t n = (uint32_t)rng_below(r, i);
		const struct pair_conf *q = &s->pair[n];
		struct pair_conf *p = &s->pair[i];

		if (p->kind != PAIR_NORMAL || q->kind != PAIR_NORMAL || followed >> n & 1 || !rng_percent(r, 40) ||
		    q->end[0].abort_after != SIM_NEVER || q->end[1].abort_after != SIM_NEVER)
			continue;
		followed |= 1u << n;
		p->again = n + 1;
		p->v6 = q->v6;
		p->client = q->client;
	}
	for (int i = 0; i < 2; i++) /* 2 MSL of this link */
		if (s->engine[i].tcp.time_wait_ns < 20 * SIM_S)
			s->engine[i].tcp.time_wait_ns = 20 * SIM_S;
}

/* A stream of its own: so a further algorithm changes nothing else of what a seed means. */
static void make_cc(struct scenario *s)
{
	struct rng r = rng_make(s->seed, 3);

	for (int i = 0; i < 2; i++)
		s->engine[i].tcp.cc = (uint8_t)rng_below(&r, TCP_CC_ALGORITHMS);
	for (int i = 0; i < 2; i++) {
		s->engine[i].tcp.pacing = !rng_below(&r, 3);
		s->engine[i].tcp.idle_restart = !rng_below(&r, 4);
	}
}

/* Explicit congestion notification, of the engines and on the way. */
static void make_ecn(struct scenario *s)
{
	struct rng r = rng_make(s->seed, 4);

	for (int i = 0; i < 2; i++) {
		struct link_conf *l = &s->link[i];

		s->engine[i].tcp.ecn = (uint8_t)rng_below(&r, 4);
		l->ecn_bleach = rng_percent(&r, 10);
		l->ecn_random = !s->clean && rng_percent(&r, 10);
		if (rng_percent(&r, 60) || !l->bits_per_s)
			continue;
		l->aqm.kind = rng_percent(&r, 50) ? AQM_THRESHOLD : AQM_CODEL;
		l->aqm.target_ns = rng_log(&r, 100000, 20 * SIM_MS);
		l->aqm.interval_ns = rng_log(&r, 10 * SIM_MS, 200 * SIM_MS);
	}
}

/* What else the way and the peer may do. */
static void make_path_mtu(struct scenario *s)
{
	struct rng r = rng_make(s->seed, 5);

	s->returns_ns = SIM_NEVER;
	for (int i = 0; i < 2; i++) {
		struct link_conf *l = &s->link[i];

		s->mtu_first[i] = s->mtu[i];
		s->engine[i].tcp.mtu_probing = (uint8_t)rng_range(&r, 1, 2);
		if (s->clean)
			continue;
		if (rng_percent(&r, 15))
			s->mtu_first[i] = (uint32_t)rng_range(&r, 1280, s->mtu[i]);
		if (rng_percent(&r, 10))
			l->shrink_ppm = (uint32_t)rng_log(&r, 1000, 500000);
		if (!rng_percent(&r, 15))
			continue;
		l->hop_mtu = (uint32_t)rng_range(&r, 1280, 2000);
		l->hop_tells = rng_percent(&r, 50);
		l->hop_from = rng_percent(&r, 50) ? 0 : s->start_ns + rng_log(&r, SIM_MS, 10 * SIM_S);
	}
	if (s->dies_ns != SIM_NEVER && rng_percent(&r, 60))
		s->returns_ns = s->dies_ns + rng_log(&r, SIM_MS, 30 * SIM_S);
}

/* Signed with TCP-AO: where nobody changes what a MAC covers, and no engine forgets its keys. */
static void make_ao(struct scenario *s)
{
	static const struct box_conf none;
	struct rng r = rng_make(s->seed, 9);

	s->ao = rng_percent(&r, 15) && !s->strip && s->returns_ns == SIM_NEVER && !s->theme;
	for (int i = 0; i < 2; i++)
		s->ao = s->ao && !s->link[i].shrink_ppm && !s->shift[i] && !memcmp(&s->box[i], &none, sizeof(none));
}

/* Half of the engines have a device that cuts up super-segments. */
static void make_gso(struct scenario *s)
{
	struct rng r = rng_make(s->seed, 12);

	for (int i = 0; i < 2; i++)
		s->gso_bytes[i] = rng_percent(&r, 50) ? (uint32_t)rng_log(&r, 3000, 65280) : 0;
}

/*
 * Most of the devices that cut up super-segments send them by another queue; each takes no longer than half of the link, so
 * that a change from one to the other does not pass for a loss.
 */
static void make_queues(struct scenario *s)
{
	struct rng r = rng_make(s->seed, 13);

	for (int i = 0; i < 2; i++) {
		uint64_t most = s->link[i].delay_ns / 2 < QUEUE_NS_MAX ? s->link[i].delay_ns / 2 : QUEUE_NS_MAX;

		s->apart[i] = s->gso_bytes[i] && rng_percent(&r, 70);
		for (int k = 0; k < 2 && s->apart[i]; k++)
			s->queue_ns[i][k] = rng_percent(&r, 60) && most ? rng_range(&r, 1, most) : 0;
	}
}

/* Half of the engines have a device that fills in checksums. */
static void make_tx_csum(struct scenario *s)
{
	struct rng r = rng_make(s->seed, 14);

	for (int i = 0; i < 2; i++)
		s->tx_csum[i] = rng_percent(&r, 50);
}

void scenario_make(struct scenario *s, uint32_t generation, uint64_t seed)
{
	struct rng r = rng_make(seed, 1);
	uint64_t most;

	memset(s, 0, sizeof(*s));
	s->seed = seed;
	s->generation = generation;
	s->clean = rng_percent(&r, 33);
	s->eager = rng_percent(&r, s->clean ? 70 : 40);
	/* Near a wrap of the microsecond clock or of the timestamp clock, or anywhere. */
	s->start_ns = rng_percent(&r, 30) ? (1ull << 32) * 1000 - rng_log(&r, SIM_MS, 4 * SIM_S)
					  : SIM_S + rng_below(&r, 1ull << 50);
	s->quiet_ns = s->start_ns + rng_log(&r, 100 * SIM_MS, 30 * SIM_S);
	s->pairs = (uint32_t)(rng_percent(&r, 50) ? rng_log(&r, 1, SIM_PAIRS) : rng_range(&r, 1, SIM_PAIRS));
	s->meta = (uint8_t)rng_below(&r, 3);
	most = rng_log(&r, 100, 1000000) / (s->pairs > 8 ? s->pairs / 8 : 1);
	make_path(s, &r);
	make_faults(s, &r);
	make_engine(s, &r, 0);
	make_engine(s, &r, 1);
	make_cc(s);
	make_ecn(s);
	make_others(s, &r);
	if (rng_percent(&r, 30))
		s->mtu[1] = s->mtu[0];
	for (int i = 0; i < 2; i++) /* it never grows past what the port was opened for */
		s->mtu_later[i] = rng_percent(&r, 20) && !s->clean ? (uint32_t)rng_range(&r, 1280, s->mtu[i])
								   : s->mtu[i];
	make_path_mtu(s);
	for (uint32_t i = 0; i < s->pairs; i++)
		make_pair(s, &r, &s->pair[i], most);
	make_again(s, &r);
	if (generation > 1)
		boxes_make(s);
	if (generation > 2)
		themes_make(s);
	if (generation > 3)
		make_ao(s);
	if (generation > 4)
		make_gso(s);
	if (generation > 5)
		make_queues(s);
	if (generation > 6)
		make_tx_csum(s);
	s->check_every = scenario_bytes(s) < 50000 ? 1 : 64;
}

/* ---- in words ---- */

static void print_link(const struct scenario *s, int i, FILE *f)
{
	const struct link_conf *l = &s->link[i];

	fprintf(f, "# link %s: delay %.3f ms, jitter %.3f ms", i ? "B->A" : "A->B", (double)l->delay_ns / 1e6,
		(double)l->jitter_ns / 1e6);
	if (l->bits_per_s)
		fprintf(f, ", %.3f Mbit/s, queue %u bytes", (double)l->bits_per_s / 1e6, l->queue_bytes);
	if (l->aqm.kind != AQM_NONE)
		fprintf(f, ", %s at %.3f ms, interval %.3f ms", l->aqm.kind == AQM_CODEL ? "CoDel" : "marks",
			(double)l->aqm.target_ns / 1e6, (double)l->aqm.interval_ns / 1e6);
	if (l->hop_mtu)
		fprintf(f, ", a hop of MTU %u%s from %.3f s", l->hop_mtu, l->hop_tells ? "" : " that does not tell",
			l->hop_from ? (double)(l->hop_from - s->start_ns) / 1e9 : 0);
	if (l->shrink_ppm)
		fprintf(f, ", windows made smaller %.2f %%", l->shrink_ppm / 1e4);
	if (l->ecn_bleach || l->ecn_random)
		fprintf(f, ", ECN field %s", l->ecn_random ? "random" : "cleared");
	if (l->loss_ppm)
		fprintf(f, ", loss %.2f %%", l->loss_ppm / 1e4);
	if (l->burst_ppm)
		fprintf(f, ", bursts %.2f %% of %.1f frames", l->burst_ppm / 1e4, 1e6 / l->burst_end_ppm);
	if (l->reorder_ppm)
		fprintf(f, ", reordering %.2f %% by up to %.3f ms", l->reorder_ppm / 1e4, (double)l->reorder_ns / 1e6);
	if (l->dup_ppm)
		fprintf(f, ", duplicates %.2f %%", l->dup_ppm / 1e4);
	if (l->corrupt_ppm)
		fprintf(f, ", bit errors %.2f %%", l->corrupt_ppm / 1e4);
	boxes_print(s, i, f);
	for (uint32_t k = 0; k < l->blackouts; k++)
		fprintf(f, ", dark %.3f-%.3f s", (double)(l->dark_from[k] - s->start_ns) / 1e9,
			(double)(l->dark_to[k] - s->start_ns) / 1e9);
	fprintf(f, "\n");
}

static void print_end(const struct end_conf *e, const char *name, FILE *f)
{
	static const char *const closes[] = { "shut-first", "shut-after-peer", "close-early", "close-late" };
	static const char *const flags[] = { "reserve",	 "peek",   "nodelay", "more",	      "keepalive",
					     "quickack", "urgent", "misuse",  "rst-by-close", "fastopen",
					     "linger",	 "huge",   "ts-wrap" };

	fprintf(f, "#   %s: %llu bytes, write %u, read %u, %s", name, (unsigned long long)e->bytes, e->write_chunk,
		e->read_chunk, closes[e->close]);
	if (e->write_pause_ns)
		fprintf(f, ", write pause %.3f ms", (double)e->write_pause_ns / 1e6);
	if (e->read_pause_ns)
		fprintf(f, ", read pause %.3f ms", (double)e->read_pause_ns / 1e6);
	if (e->stall_ns)
		fprintf(f, ", stalls for %.3f ms after %llu", (double)e->stall_ns / 1e6,
			(unsigned long long)e->stall_at);
	if (e->accept_pause_ns)
		fprintf(f, ", accept pause %.3f ms", (double)e->accept_pause_ns / 1e6);
	if (e->abort_after != SIM_NEVER)
		fprintf(f, ", aborts after %llu", (unsigned long long)e->abort_after);
	if (e->flags & END_LINGER)
		fprintf(f, ", lingers %u ms", e->linger_ms);
	if (e->user_timeout_ms)
		fprintf(f, ", user timeout %u ms", e->user_timeout_ms);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (e->flags & 1u << i)
			fprintf(f, ", %s", flags[i]);
	fprintf(f, "\n");
}

void scenario_print(const struct scenario *s, FILE *f)
{
	static const char *const kinds[] = { "normal", "simultaneous open", "refused" };
	static const char *const how[] = { "taken out of", "made zero in", "of an unknown kind in" };

	fprintf(f, "# seed %llu@%u: %s%s, quiet after %.3f s, meta %u\n", (unsigned long long)s->seed, s->generation,
		s->clean ? "clean" : "faulty", s->eager ? ", eager readers" : "",
		(double)(s->quiet_ns - s->start_ns) / 1e9, s->meta);
	if (s->theme)
		fprintf(f, "# theme: %s\n", themes_name(s));
	if (s->fastopen)
		fprintf(f, "# at most %u pending connections by Fast Open\n", s->fastopen);
	if (s->strip)
		fprintf(f, "# %s SYNs:%s%s%s%s\n", how[s->strip_how], s->strip & 4 ? " MSS" : "",
			s->strip & 8 ? " window-scale" : "", s->strip & 16 ? " SACK" : "",
			s->strip & 256 ? " timestamps" : "");
	if (s->mtu_later[0] != s->mtu[0] || s->mtu_later[1] != s->mtu[1])
		fprintf(f, "# MTU from half-time on: A %u, B %u\n", s->mtu_later[0], s->mtu_later[1]);
	if (s->ao)
		fprintf(f, "# signed with TCP-AO\n");
	if (s->forged)
		fprintf(f, "# %u forged frames\n", s->forged);
	if (s->dies_ns != SIM_NEVER)
		fprintf(f, "# engine B dies at %.6f s\n", (double)(s->dies_ns - s->start_ns) / 1e9);
	if (s->returns_ns != SIM_NEVER)
		fprintf(f, "# engine B starts again at %.6f s\n", (double)(s->returns_ns - s->start_ns) / 1e9);
	if (s->mtu_first[0] != s->mtu[0] || s->mtu_first[1] != s->mtu[1])
		fprintf(f, "# MTU at first: A %u, B %u\n", s->mtu_first[0], s->mtu_first[1]);
	for (int i = 0; i < 2; i++) {
		const struct engine_conf *e = &s->engine[i];

		fprintf(f,
			"# engine %c: mtu %u, sndbuf %u, rcvbuf %u, isn %lld, %s%s%s, ecn %u, delack %.0f ms, time-wait %.1f s, ",
			"AB"[i], s -> mtu[i], e -> tcp.sndbuf_max, e->tcp.rcvbuf_max, (long long)e->tcp.fixed_isn,
			tcp_cc_name(e->tcp.cc), e->tcp.pacing ? " paced" : "",
			e->tcp.idle_restart ? " restarted after idle" : "", e->tcp.ecn, (double)e->tcp.delack_ns / 1e6,
			(double)e->tcp.time_wait_ns / 1e9);
		fprintf(f, "memory %llu, backlog %u, syn queue %u, turn %.1f us, tx %u, fill %u, neigh %.3f ms\n",
			(unsigned long long)e->buffer_bytes, s->backlog[i], e->syn_queue, (double)s->turn_ns[i] / 1e3,
			s->tx_max[i], s->rx_fill[i], (double)s->neigh_ns[i] / 1e6);
	}
	for (int i = 0; i < 2; i++)
		if (s->apart[i])
			fprintf(f, "# engine %c: transmit queues: ring %.3f us, super-segments %.3f us\n", "AB"[i],
				(double)s -> queue_ns[i][0] / 1e3, (double)s -> queue_ns[i][1] / 1e3);
	print_link(s, 0, f);
	print_link(s, 1, f);
	for (uint32_t i = 0; i < s->pairs; i++) {
		const struct pair_conf *p = &s->pair[i];

		fprintf(f, "# pair %u: %s, %s, client %c, starts at %.6f s\n", i, kinds[p->kind],
			p->v6 ? "IPv6" : "IPv4", "AB"[p->client], (double)(p->start_ns - s->start_ns) / 1e9);
		print_end(&p->end[0], "client", f);
		print_end(&p->end[1], "server", f);
	}
}
