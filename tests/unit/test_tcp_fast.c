// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_tcp_fast.c - fast.c against the long way: two worlds of two connections each live through the same random script of
 * sends, reads, losses, reordering, forged fields and time; in one of them every segment takes the long way
 * (conf.long_way). After each step both ends, cold parts, counters and every segment made are the same to the last bit. And
 * where a fast path declines, it has changed nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include "tcp/internal.h"
#include <cmocka.h> /* last: it defines fail() */

#define MEM_BYTES (1ull << 20)
#define SEEDS 44
#define STEPS 3000
#define WIRE 64 /* segments on their way to an end */

struct whole {
	struct tcp_conn c;
	struct tcp_cold cold;
};

struct end {
	struct whole *w;
	struct tcp_env env;
	uint64_t stats[XTCP_USER_STATS];
};

struct packet {
	struct tcp_seg seg;
	uint8_t text[2][1 << 16];
};

struct world {
	struct end end[2];
	struct packet *wire[2]; /* to end i: a pool, and the order in it */
	uint32_t count[2];
};

static struct world fast, slow;
static uint64_t now, rng;
static uint32_t hits_in, hits_out, declined;

static uint32_t rnd(uint32_t below)
{
	rng = rng * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((rng >> 33) % below);
}

static void end_init(struct end *e, const struct tcp_conf *conf, bool long_way)
{
	struct mem *m = e->env.mem;

	if (!m) {
		m = aligned_alloc(4096, mem_size(MEM_BYTES));
		e->w = aligned_alloc(TCP_COLD_ALIGN, sizeof(*e->w));
	}
	memset(m, 0, mem_size(MEM_BYTES));
	mem_init(m, MEM_BYTES);
	memset(e->w, 0, sizeof(*e->w));
	memset(e->stats, 0, sizeof(e->stats));
	tcp_cold_place(&e->w->c, &e->w->cold);
	e->env =
		(struct tcp_env){ .mem = m, .stats = e->stats, .conf = *conf, .isn_key = { 1, 2 }, .ts_key = { 3, 4 } };
	e->env.conf.long_way = long_way;
}

/* Out of the sender's memory onto the wire to end `to`. */
static void send_on(struct world *w, int to, const struct tcp_seg *s)
{
	struct packet *p;

	if (w->count[to] == WIRE)
		return;
	p = &w->wire[to][w->count[to]++];
	p->seg = *s;
	for (uint32_t i = 0; i < s->nspans; i++) {
		memcpy(p->text[i], s->span[i].data, s->span[i].len);
		p->seg.span[i].data = p->text[i];
	}
	tcp_options_parse(s->opt, s->opt_len, &p->seg.opts);
}

static void same_segment(const struct world *a, const struct world *b, int from, const struct tcp_seg *x,
			 const struct tcp_seg *y)
{
	assert_memory_equal(x, y, offsetof(struct tcp_seg, span));
	assert_memory_equal(x->opt, y->opt, x->opt_len);
	for (uint32_t i = 0; i < x->nspans; i++) {
		assert_int_equal(x->span[i].len, y->span[i].len);
		if (x->span[i].len > 1) /* a keepalive's octet lies elsewhere */
			assert_int_equal(x->span[i].data - (const uint8_t *)a->end[from].env.mem,
					 y->span[i].data - (const uint8_t *)b->end[from].env.mem);
	}
}

static void same_ends(uint32_t seed, uint32_t step)
{
	for (int i = 0; i < 2; i++) {
		struct end *x = &fast.end[i], *y = &slow.end[i];
		const char *bad = tcp_check(&x->env, &x->w->c);

		if (bad || memcmp(x->w, y->w, sizeof(*x->w)) != 0 ||
		    memcmp(x->stats, y->stats, sizeof(x->stats)) != 0) {
			const uint8_t *p = (const uint8_t *)x->w, *q = (const uint8_t *)y->w;
			size_t at = 0;

			while (at < sizeof(*x->w) && p[at] == q[at])
				at++;
			fail_msg("seed %u step %u end %d: %s, byte %zu of %zu", seed, step, i,
				 bad ? bad : "the ways differ", at, sizeof(*x->w));
		}
	}
}

/* Both make what is due; lost: none of it arrives. */
static void make(int from, uint32_t lost)
{
	for (;;) {
		static struct tcp_seg x, y;
		struct end *e = &fast.end[from];
		struct whole before = *e->w;
		int made;

		memset(&x, 0x5a, sizeof(x)); /* what is not set differs from what is */
		memset(&y, 0x5a, sizeof(y));
		made = fast_output(&e->env, &e->w->c, &x, now);

		if (made) {
			hits_out++;
		} else {
			assert_memory_equal(&before, e->w, sizeof(before));
			made = tcp_output(&e->env, &e->w->c, &x, now);
		}
		assert_int_equal(tcp_output(&slow.end[from].env, &slow.end[from].w->c, &y, now), made);
		if (!made)
			return;
		same_segment(&fast, &slow, from, &x, &y);
		if (rnd(100) < lost)
			continue;
		send_on(&fast, !from, &x);
		send_on(&slow, !from, &y);
		if (rnd(100) == 0) { /* twice */
			send_on(&fast, !from, &x);
			send_on(&slow, !from, &y);
		}
	}
}

/* A field that a path or a peer may have changed, the same in both worlds. */
static void forge(struct tcp_seg *x, struct tcp_seg *y, const struct tcp_conn *to)
{
	struct tcp_seg s = *x;

	switch (rnd(14)) {
	case 0: s.flags ^= (uint16_t)(1u << rnd(9)); break;
	case 1: s.wnd = (uint16_t)rnd(65536); break;
	case 2: s.wnd = 0; break;
	case 3: s.opts.tsval -= rnd(3); break;
	case 4: s.opts.present ^= (uint16_t)(1u << rnd(9)); break;
	case 5: s.opts.tsecr += rnd(3); break;
	case 6: s.seq += rnd(3) - 1; break;
	case 7: s.ack += rnd(3) - 1; break;
	case 8: s.tclass = (uint8_t)rnd(4); break;
	case 9:
		s.opts.present |= TCP_OPT_SACK;
		s.opts.nsack = 1;
		s.opts.sack[0].start = to->snd_una + rnd(3000);
		s.opts.sack[0].end = s.opts.sack[0].start + rnd(3000);
		break;
	case 10: s.ack = to->snd_nxt + 1; break;
	case 11: s.ack = to->snd_una + rnd(to->snd_nxt - to->snd_una + 1); break;
	case 12: s.opts.tsval += 1u << 31; break;
	default: s.flags |= TCP_PSH; break;
	}
	for (uint32_t i = 0; i < s.nspans; i++)
		s.span[i] = x->span[i];
	*x = s;
	for (uint32_t i = 0; i < s.nspans; i++)
		s.span[i] = y->span[i];
	*y = s;
}

static void take(struct world *w, int to, uint32_t i)
{
	w->count[to]--;
	memmove(&w->wire[to][i], &w->wire[to][i + 1], (w->count[to] - i) * sizeof(w->wire[to][0]));
	for (uint32_t k = i; k < w->count[to]; k++)
		for (uint32_t j = 0; j < w->wire[to][k].seg.nspans; j++)
			w->wire[to][k].seg.span[j].data = w->wire[to][k].text[j];
}

static void arrive(int to, uint32_t reorder, uint32_t forged)
{
	static struct packet x, y;
	uint32_t n = fast.count[to], i = n && rnd(100) < reorder ? rnd(n) : 0;
	struct end *e = &fast.end[to];
	struct whole before = *e->w;
	enum tcp_verdict v = TCP_DONE;

	assert_int_equal(slow.count[to], n);
	if (!n)
		return;
	x = fast.wire[to][i];
	y = slow.wire[to][i];
	for (uint32_t k = 0; k < x.seg.nspans; k++) {
		x.seg.span[k].data = x.text[k];
		y.seg.span[k].data = y.text[k];
	}
	take(&fast, to, i);
	take(&slow, to, i);
	if (rnd(1000) < forged)
		forge(&x.seg, &y.seg, &e->w->c);
	if (fast_input(&e->env, &e->w->c, &x.seg, now)) {
		hits_in++;
	} else {
		declined++;
		assert_memory_equal(&before, e->w, sizeof(before));
		v = tcp_input(&e->env, &e->w->c, &x.seg, now);
	}
	assert_int_equal(tcp_input(&slow.end[to].env, &slow.end[to].w->c, &y.seg, now), v);
}

static void application(int i)
{
	struct end *x = &fast.end[i], *y = &slow.end[i];
	static const uint8_t text[20000];
	uint32_t n = 1 + rnd(rnd(2) ? 20000 : 200);
	struct tcp_span sx[2], sy[2];
	int64_t have;

	if (rnd(2)) {
		bool more = rnd(8) == 0, urgent = rnd(100) == 0;

		assert_int_equal(tcp_send(&x->env, &x->w->c, text, n, more, urgent),
				 tcp_send(&y->env, &y->w->c, text, n, more, urgent));
		return;
	}
	have = tcp_peek(&x->env, &x->w->c, sx);
	assert_int_equal(tcp_peek(&y->env, &y->w->c, sy), have);
	if (have <= 0)
		return;
	for (int k = 0; k < 2 && sx[k].len; k++)
		assert_memory_equal(sx[k].data, sy[k].data, sx[k].len);
	have = rnd(4) ? have : 1 + rnd((uint32_t)have);
	tcp_consume(&x->env, &x->w->c, (size_t)have);
	tcp_consume(&y->env, &y->w->c, (size_t)have);
}

static void pass(uint64_t ns)
{
	now += ns;
	for (int i = 0; i < 2; i++) {
		uint64_t due = tcp_deadline(&fast.end[i].w->c);

		assert_int_equal(tcp_deadline(&slow.end[i].w->c), due);
		if (due > now)
			continue;
		tcp_expire(&fast.end[i].env, &fast.end[i].w->c, now);
		tcp_expire(&slow.end[i].env, &slow.end[i].w->c, now);
	}
}

static void opened(const struct tcp_conf *conf)
{
	struct tcp_open o = { .lport = htons(7000), .rport = htons(7001), .path_mtu = 1500 };
	struct world *w[2] = { &fast, &slow };

	o.laddr.w[2] = o.raddr.w[2] = htonl(0xffff);
	o.laddr.w[3] = htonl(0x0a090001);
	o.raddr.w[3] = htonl(0x0a090002);
	for (int i = 0; i < 2; i++) {
		struct end *a = &w[i]->end[0], *b = &w[i]->end[1];
		struct tcp_seg s;

		end_init(a, conf, w[i] == &slow);
		end_init(b, conf, w[i] == &slow);
		for (int k = 0; k < 2; k++) {
			w[i]->count[k] = 0;
			if (!w[i]->wire[k])
				w[i]->wire[k] = calloc(WIRE, sizeof(struct packet));
		}
		tcp_connect(&a->env, &a->w->c, &o, now);
		assert_int_equal(tcp_output(&a->env, &a->w->c, &s, now), 1);
		tcp_options_parse(s.opt, s.opt_len, &s.opts);
		tcp_accept_syn(&b->env, &b->w->c, &o, &s, now);
	}
}

static void live(uint32_t seed)
{
	struct tcp_conf conf;
	uint32_t lost, reorder, forged;

	rng = seed * 7919u + 1;
	now = 5000000000000ull;
	tcp_conf_default(&conf);
	conf.cc = (uint8_t)(seed % 4);
	conf.ecn = seed % 10 == 0 ? TCP_ECN_ACCURATE : seed % 10 == 5 ? TCP_ECN_ON : conf.ecn;
	conf.pacing = seed % 7 == 0;
	conf.mtu_probing = (uint8_t)(seed % 3);
	if (seed % 6 == 1)
		conf.rcvbuf_init = conf.rcvbuf_max = 9000;
	conf.timestamps = seed % 11 != 0;
	lost = seed % 2 ? 0 : rnd(4);
	reorder = seed % 3 ? 0 : rnd(10);
	forged = seed % 4 ? rnd(30) : 0;
	opened(&conf);
	for (uint32_t step = 0; step < STEPS; step++) {
		int i = (int)rnd(2);

		switch (rnd(8)) {
		case 0: application(seed % 5 == 2 && rnd(16) ? 0 : i); break; /* mostly one way, or both */
		case 1: pass(rnd(200) == 0 ? rnd(2000) * 1000000ull : rnd(300000)); break;
		case 2:
		case 3: make(i, lost); break;
		default: arrive(i, reorder, forged); break;
		}
		same_ends(seed, step);
	}
	for (int i = 0; i < 2; i++) {
		tcp_free(&fast.end[i].env, &fast.end[i].w->c);
		tcp_free(&slow.end[i].env, &slow.end[i].w->c);
		assert_int_equal(fast.end[i].env.mem->used | slow.end[i].env.mem->used, 0);
	}
}

static void test_both_ways_are_the_same(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= SEEDS; seed++)
		live(seed);
	print_message("fast: %u segments in, %u acknowledgements out; the long way: %u in\n", hits_in, hits_out,
		      declined);
	assert_true(hits_in > 4000 && hits_out > 300 && declined > 1000);
	for (int i = 0; i < 2; i++) {
		struct world *w = i ? &slow : &fast;

		for (int k = 0; k < 2; k++) {
			free(w->end[k].env.mem);
			free(w->end[k].w);
			free(w->wire[k]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_both_ways_are_the_same) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
