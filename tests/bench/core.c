// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * core.c - the core alone, in memory: two connections, one sends without end, the other reads at once and acknowledges every
 * second segment. No engine, no wire, no checksums. core.sh counts the instructions of receive() and transmit() in it.
 *
 *   core SEGMENTS [CC]    prints the nanoseconds that a data segment took, both ends together
 */
#include <arpa/inet.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/mem.h"
#include "tcp/tcp.h"

#define MEM_BYTES (4ull << 20)
#define STEP_NS 10000u
#define EACH_TURN 2u /* segments */

struct end {
	struct {
		struct tcp_conn c;
		struct tcp_cold cold;
	} * conn;
	struct tcp_env env;
	uint64_t stats[XTCP_USER_STATS];
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

static void transfer(struct end *a, struct end *b, uint64_t segments)
{
	struct tcp_seg segs[EACH_TURN], ack;
	bool acked = false;
	uint64_t done = 0;

	while (done < segments) {
		unsigned int n = transmit(a, acked ? &ack : NULL, segs);

		for (unsigned int i = 0; i < n; i++)
			wire(&segs[i]);
		now += STEP_NS;
		acked = receive(b, segs, n, &ack);
		if (acked)
			wire(&ack);
		now += STEP_NS;
		if (!n && !acked) { /* waiting for a timer */
			uint64_t next = tcp_deadline(&a->conn->c), other = tcp_deadline(&b->conn->c);

			next = next < other ? next : other;
			now = next > now ? next : now;
			tcp_expire(&a->env, &a->conn->c, now);
			tcp_expire(&b->env, &b->conn->c, now);
		}
		done += n;
	}
	if (a->stats[XTCP_USER_retrans_segs])
		errx(1, "something was sent again");
}

int main(int argc, char **argv)
{
	static struct end a, b;
	struct timespec t0, t1;
	uint64_t segments;
	int cc = tcp_cc_find(argc > 2 ? argv[2] : "cubic");

	if (argc < 2 || cc < 0)
		errx(2, "usage: core SEGMENTS [CC]");
	segments = strtoull(argv[1], NULL, 10);
	end_init(&a, (uint8_t)cc);
	end_init(&b, (uint8_t)cc);
	open_both(&a, &b);
	transfer(&a, &b, 1000); /* past the quick ACKs of the beginning */
	clock_gettime(CLOCK_MONOTONIC, &t0);
	transfer(&a, &b, segments);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	printf("%.0f\n",
	       ((double)(t1.tv_sec - t0.tv_sec) * 1e9 + (double)(t1.tv_nsec - t0.tv_nsec)) / (double)segments);
	return 0;
}
