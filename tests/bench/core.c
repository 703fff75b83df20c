// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * core.c - the core alone, in memory: pairs of connections, one of each sends without end, the other reads at once and
 * acknowledges every second segment. No engine, no wire, no checksums. core.sh counts the instructions of receive() and
 * transmit() in it.
 *
 *   core SEGMENTS [CC]    prints the nanoseconds of a data segment in receive() and in transmit(), medians of ROUNDS parts
 */
#include <arpa/inet.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/mem.h"
#include "tcp/tcp.h"

#define MEM_BYTES (1ull << 20)
#define STEP_NS 10000u
#define EACH_TURN 2u /* segments */
#define PAIRS 8
#define WARM_UP 1000u /* segments */
#define ROUNDS 51

struct end {
	struct {
		struct tcp_conn c;
		struct tcp_cold cold;
	} * conn;
	struct tcp_env env;
	uint64_t stats[XTCP_USER_STATS];
};

struct pair {
	struct end a, b; /* sender, receiver */
	struct tcp_seg segs[EACH_TURN], ack;
	unsigned int n;
	int acked;
};

static uint64_t now = 5000000000000ull;

static void end_init(struct end *e, uint8_t cc)
{
	struct mem *m = aligned_alloc(4096, (mem_size(MEM_BYTES) + 4095) & ~4095ull);

	e->conn = aligned_alloc(TCP_COLD_ALIGN, (sizeof(*e->conn) + TCP_COLD_ALIGN - 1) & ~(TCP_COLD_ALIGN - 1ul));
	if (!m || !e->conn)
		err(1, "memory");
	memset(m, 0, mem_size(MEM_BYTES));
	memset(e->conn, 0, sizeof(*e->conn));
	mem_init(m, MEM_BYTES);
	tcp_cold_place(&e->conn->c, &e->conn->cold);
	e->env = (struct tcp_env){ .mem = m, .stats = e->stats };
	tcp_conf_default(&e->env.conf);
	e->env.conf.cc = cc;
}

/* What the other end's parser would make of it. */
static void wire(struct tcp_seg *s)
{
	tcp_options_parse(s->opt, s->opt_len, &s->opts);
}

/* Data in, read; ACK out. */
static __attribute__((noipa)) int receive(struct end *e, const struct tcp_seg *segs, unsigned int n,
					  struct tcp_seg *ack)
{
	struct tcp_conn *c = &e->conn->c;
	struct tcp_span span[2];

	for (unsigned int i = 0; i < n; i++)
		tcp_input(&e->env, c, &segs[i], now);
	tcp_consume(&e->env, c, (size_t)tcp_peek(&e->env, c, span));
	return tcp_output(&e->env, c, ack, now);
}

/* ACK in; data queued and out. Returns how many. */
static __attribute__((noipa)) unsigned int transmit(struct end *e, const struct tcp_seg *ack, struct tcp_seg *segs)
{
	struct tcp_conn *c = &e->conn->c;
	struct tcp_span span[2];
	unsigned int n = 0;

	if (ack)
		tcp_input(&e->env, c, ack, now);
	if (tcp_reserve(&e->env, c, EACH_TURN * c->mss, span) > 0)
		tcp_commit(&e->env, c, EACH_TURN * c->mss, false, false);
	while (n < EACH_TURN && tcp_output(&e->env, c, &segs[n], now))
		n++;
	return n;
}

static void open_both(struct end *a, struct end *b)
{
	struct tcp_open o = { .lport = htons(7000), .rport = htons(7001), .path_mtu = 1500 };
	struct tcp_seg s;

	o.laddr.w[2] = o.raddr.w[2] = htonl(0xffff);
	o.laddr.w[3] = htonl(0x0a090001);
	o.raddr.w[3] = htonl(0x0a090002);
	tcp_connect(&a->env, &a->conn->c, &o, now);
	tcp_output(&a->env, &a->conn->c, &s, now);
	wire(&s);
	tcp_accept_syn(&b->env, &b->conn->c, &o, &s, now);
	tcp_output(&b->env, &b->conn->c, &s, now);
	wire(&s);
	tcp_input(&a->env, &a->conn->c, &s, now);
	tcp_output(&a->env, &a->conn->c, &s, now);
	wire(&s);
	tcp_input(&b->env, &b->conn->c, &s, now);
	if (a->conn->c.state != TCP_ESTABLISHED || b->conn->c.state != TCP_ESTABLISHED)
		errx(1, "the handshake failed");
}

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void wait_all(struct pair *pairs)
{
	uint64_t next = UINT64_MAX;

	for (struct pair *p = pairs; p < pairs + PAIRS; p++) {
		uint64_t a = tcp_deadline(&p->a.conn->c), b = tcp_deadline(&p->b.conn->c);

		next = a < next ? a : next;
		next = b < next ? b : next;
	}
	now = next > now ? next : now;
	for (struct pair *p = pairs; p < pairs + PAIRS; p++) {
		tcp_expire(&p->a.env, &p->a.conn->c, now);
		tcp_expire(&p->b.env, &p->b.conn->c, now);
	}
}

/* One turn of all pairs, each stage over all of them, so that reading the clock costs nearly nothing. Returns segments. */
static uint64_t turn(struct pair *pairs, uint64_t ns[2])
{
	uint64_t t[4], sent = 0, acked = 0;

	t[0] = clock_ns();
	for (struct pair *p = pairs; p < pairs + PAIRS; p++)
		p->n = transmit(&p->a, p->acked ? &p->ack : NULL, p->segs);
	t[1] = clock_ns();
	for (struct pair *p = pairs; p < pairs + PAIRS; p++)
		for (unsigned int i = 0; i < p->n; i++)
			wire(&p->segs[i]);
	now += STEP_NS;
	t[2] = clock_ns();
	for (struct pair *p = pairs; p < pairs + PAIRS; p++)
		p->acked = receive(&p->b, p->segs, p->n, &p->ack);
	t[3] = clock_ns();
	now += STEP_NS;
	for (struct pair *p = pairs; p < pairs + PAIRS; p++) {
		if (p->acked)
			wire(&p->ack);
		sent += p->n;
		acked += p->acked;
	}
	if (!sent && !acked) /* waiting for a timer */
		wait_all(pairs);
	ns[0] += t[3] - t[2];
	ns[1] += t[1] - t[0];
	return sent;
}

/* The nanoseconds of receive() and of transmit() for one data segment. */
static void transfer(struct pair *pairs, uint64_t segments, double ns[2])
{
	uint64_t took[2] = { 0, 0 }, done = 0;

	while (done < segments)
		done += turn(pairs, took);
	for (int i = 0; i < 2; i++)
		ns[i] = (double)took[i] / (double)done;
	for (struct pair *p = pairs; p < pairs + PAIRS; p++)
		if (p->a.stats[XTCP_USER_retrans_segs])
			errx(1, "something was sent again");
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static struct pair pairs[PAIRS];
	double ns[2], side[2][ROUNDS];
	uint64_t segments;
	int cc = tcp_cc_find(argc > 2 ? argv[2] : "cubic");

	if (argc < 2 || cc < 0)
		errx(2, "usage: core SEGMENTS [CC]");
	segments = strtoull(argv[1], NULL, 10);
	for (struct pair *p = pairs; p < pairs + PAIRS; p++) {
		end_init(&p->a, (uint8_t)cc);
		end_init(&p->b, (uint8_t)cc);
		open_both(&p->a, &p->b);
	}
	transfer(pairs, WARM_UP, ns);	   /* past the quick ACKs of the beginning */
	if (segments < WARM_UP * ROUNDS) { /* to be counted, not timed */
		transfer(pairs, segments, ns);
		printf("%.1f %.1f\n", ns[0], ns[1]);
		return 0;
	}
	for (int i = 0; i < ROUNDS; i++) {
		transfer(pairs, segments / ROUNDS, ns);
		side[0][i] = ns[0];
		side[1][i] = ns[1];
	}
	qsort(side[0], ROUNDS, sizeof(side[0][0]), by_size);
	qsort(side[1], ROUNDS, sizeof(side[1][0]), by_size);
	printf("%.1f %.1f\n", side[0][ROUNDS / 2], side[1][ROUNDS / 2]);
	return 0;
}
