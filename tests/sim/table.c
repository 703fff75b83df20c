// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * table.c - goodput of one long transfer for each congestion control, against random
 * loss and delay, beside theory:
 *
 *   Reno    MSS / RTT * sqrt(3 / 2p) (Mathis et al. 1997); cwnd grows by the bytes acknowledged (RFC 3465),
 *           so delayed acknowledgements do not slow it and their constant is 1
 *   CUBIC   the larger of RFC 9438's figure 2, (C (3 + b) / 4 (1 - b))^(1/4) RTT^(3/4) / p^(3/4) segments a
 *           round trip, and what Reno would have (its Reno-friendly region)
 *
 *   DCTCP   Reno's: nothing marks here, and it meets loss as Reno does (RFC 8257 3.5)
 *   BBR     what the link carries and is not lost, below its tolerance of 2 % (BBR.LossThresh); no figure above it
 *
 * and never more than the link carries. RTT is the path's, without the queue. A cell is measured for as long as about LOSSES
 * losses take at the rate of theory, 20 s to SECONDS_MAX: that bounds each row.
 */
#include "table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "tcp/cc.h"
#include "world.h"
#include "xtcp/wire.h"

#define RATE 100000000ull
#define MTU 1500
#define MSS 1448.0     /* with timestamps */
#define LOSSES 100     /* expected in a run, about */
#define SECONDS_MAX 60 /* of virtual time */
#define REPEATS 3      /* seeds for each cell */
#define LINK_GOODPUT (RATE * MSS / (MTU + WIRE_ETH_LEN))

static const uint32_t table_loss_ppm[] = { 100, 1000, 10000, 30000 };
static const uint32_t table_rtt_ms[] = { 2, 20, 100 };
static struct world table_world;
static struct scenario table_scenario;

/* 0: there is none. */
static double theory(const char *cc, double p, double rtt_s)
{
	double wnd = sqrt(1.5 / p), cubic = pow(0.4 * 3.7 / (4 * 0.3), 0.25) * pow(rtt_s / p, 0.75), rate;

	if (!strncmp(cc, "bbr", 3))
		return p < 0.02 ? (1 - p) * LINK_GOODPUT : 0;
	if (!strcmp(cc, "cubic") && cubic > wnd)
		wnd = cubic;
	rate = wnd * MSS * 8 / rtt_s;
	return rate < LINK_GOODPUT ? rate : LINK_GOODPUT;
}

static void table_engine(struct engine_conf *e, uint8_t cc, uint64_t seed)
{
	struct rng r = rng_make(seed, 1);

	e->max_conns = e->max_time_wait = e->max_dsts = 16;
	e->max_listeners = 4;
	e->syn_queue = 8;
	e->chunks = 4096;
	e->chunk_size = 4096;
	e->buffer_bytes = 128ull << 20;
	tcp_conf_default(&e->tcp);
	e->tcp.cc = cc;
	e->tcp.sndbuf_max = e->tcp.rcvbuf_max = 16u << 20;
	for (int k = 0; k < 8; k++)
		e->seed[k] = rng_u64(&r);
}

/* A sends to B, B only acknowledges; the first quarter is not measured. */
static void table_scene(uint8_t cc, uint32_t loss_ppm, uint32_t rtt_ms, uint64_t seed, uint64_t for_ns)
{
	struct scenario *s = &table_scenario;
	struct end_conf *end = s->pair[0].end;

	memset(s, 0, sizeof(*s));
	s->seed = seed;
	s->start_ns = SIM_S;
	s->stop_ns = s->start_ns + for_ns;
	s->measure_ns = s->start_ns + for_ns / 4;
	s->quiet_ns = s->stop_ns + SIM_S;
	s->dies_ns = s->returns_ns = SIM_NEVER;
	s->check_every = 1u << 30;
	s->pairs = 1;
	for (int i = 0; i < 2; i++) {
		table_engine(&s->engine[i], cc, seed + (uint64_t)i);
		s->mtu[i] = s->mtu_first[i] = s->mtu_later[i] = MTU;
		s->backlog[i] = 8;
		s->turn_ns[i] = 2000;
		s->tx_max[i] = 1000;
		s->rx_fill[i] = 1024;
		s->link[i].delay_ns = rtt_ms * SIM_MS / 2;
		s->link[i].bits_per_s = RATE;
		s->link[i].queue_bytes = 4u << 20;
		end[i].write_chunk = end[i].read_chunk = 65536;
		end[i].abort_after = SIM_NEVER;
	}
	s->link[0].loss_ppm = loss_ppm;
	s->pair[0].start_ns = s->start_ns;
	end[0].bytes = SIM_NEVER / 2;
}

struct cell {
	double bits_per_s;
	double queue_ms; /* mean time in the queue */
};

static bool run_cell(uint8_t cc, uint32_t loss_ppm, uint32_t rtt_ms, uint64_t seed, uint64_t for_ns, struct cell *out)
{
	const struct world *w = &table_world;

	table_scene(cc, loss_ppm, rtt_ms, seed, for_ns);
	if (!world_run(&table_world, &table_scenario, false)) {
		printf("not ok %s, loss %u ppm, RTT %u ms, seed %llu: %s; again with: make sim-table\n",
		       tcp_cc_name(cc), loss_ppm, rtt_ms, (unsigned long long)seed, w->why);
		return false;
	}
	out->bits_per_s = (double)(w->end[1].received - w->measured) * 8e9 /
			  (double)(table_scenario.stop_ns - table_scenario.measure_ns);
	out->queue_ms = w->waited ? (double)w->waited_ns / (double)w->waited / 1e6 : 0;
	return true;
}

static uint64_t run_time(const char *cc, double p, double rtt_s, double losses)
{
	double rate = theory(cc, p, rtt_s), t = losses / p / ((rate > 0 ? rate : LINK_GOODPUT) / 8 / MSS);

	return (uint64_t)(t < 20 ? 20 : t > SECONDS_MAX ? SECONDS_MAX : t) * SIM_S;
}

static bool mean_cell(uint8_t cc, uint32_t loss_ppm, uint32_t rtt_ms, int repeats, double losses, struct cell *out)
{
	uint64_t for_ns = run_time(tcp_cc_name(cc), loss_ppm / 1e6, rtt_ms / 1e3, losses);
	struct cell one;

	out->bits_per_s = out->queue_ms = 0;
	for (int k = 0; k < repeats; k++) {
		if (!run_cell(cc, loss_ppm, rtt_ms, 1 + (uint64_t)k, for_ns, &one))
			return false;
		out->bits_per_s += one.bits_per_s / repeats;
		out->queue_ms += one.queue_ms / repeats;
	}
	return true;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool wanted(uint8_t cc, const char *only)
{
	return !only || !strcmp(only, tcp_cc_name(cc));
}

int table_print(const char *only)
{
	struct cell cell;

	printf("# goodput in Mbit/s (theory), 100 Mbit/s, queue 4 MiB, MTU 1500, %d seeds each; time that the row took\n",
	       REPEATS);
	for (uint8_t cc = 0; cc < TCP_CC_ALGORITHMS; cc++)
		for (size_t i = 0; wanted(cc, only) && i < sizeof(table_loss_ppm) / sizeof(table_loss_ppm[0]); i++) {
			double t0 = seconds();

			printf("%-6s loss %.0e", tcp_cc_name(cc), table_loss_ppm[i] / 1e6);
			for (size_t k = 0; k < sizeof(table_rtt_ms) / sizeof(table_rtt_ms[0]); k++) {
				double want = theory(tcp_cc_name(cc), table_loss_ppm[i] / 1e6, table_rtt_ms[k] / 1e3);

				if (!mean_cell(cc, table_loss_ppm[i], table_rtt_ms[k], REPEATS, LOSSES, &cell))
					return 1;
				printf("   %3u ms %6.2f ", table_rtt_ms[k], cell.bits_per_s / 1e6);
				if (want > 0)
					printf("(%6.2f)", want / 1e6);
				else
					printf("(   -  )");
				fflush(stdout);
			}
			printf("   %3.0f s\n", seconds() - t0);
		}
	printf("# mean time in the queue without other loss, RTT 20 ms\n");
	for (uint8_t cc = 0; cc < TCP_CC_ALGORITHMS; cc++) {
		if (!wanted(cc, only))
			continue;
		if (!run_cell(cc, 0, 20, 1, 60 * SIM_S, &cell))
			return 1;
		printf("%-6s queue %8.2f ms, goodput %6.2f\n", tcp_cc_name(cc), cell.queue_ms, cell.bits_per_s / 1e6);
	}
	return 0;
}

/* ---- what make check looks at ---- */

static bool check_theory(const char *name)
{
	static const struct {
		uint32_t loss_ppm, rtt_ms;
	} cells[] = { { 1000, 20 }, { 1000, 100 }, { 10000, 20 }, { 10000, 100 } };
	int cc = tcp_cc_find(name);
	struct cell cell;
	bool good = true;

	for (size_t i = 0; cc >= 0 && i < sizeof(cells) / sizeof(cells[0]); i++) {
		double want = theory(name, cells[i].loss_ppm / 1e6, cells[i].rtt_ms / 1e3), ratio;

		if (!mean_cell((uint8_t)cc, cells[i].loss_ppm, cells[i].rtt_ms, 1, LOSSES, &cell))
			return false;
		ratio = cell.bits_per_s / want;
		if (ratio < 0.6 || ratio > 1.5)
			good = false;
		printf("%s %s, loss %.1f %%, RTT %u ms: %.2f Mbit/s, %.2f of theory\n",
		       ratio < 0.6 || ratio > 1.5 ? "not ok" : "ok", name, cells[i].loss_ppm / 1e4, cells[i].rtt_ms,
		       cell.bits_per_s / 1e6, ratio);
	}
	return good;
}

/* BBR does not take random loss for congestion. */
static bool check_bbr(int cc)
{
	struct cell cell;
	bool good;

	if (!run_cell((uint8_t)cc, 10000, 20, 1, 20 * SIM_S, &cell))
		return false;
	good = cell.bits_per_s > 0.8 * LINK_GOODPUT;
	printf("%s %s, loss 1 %%, RTT 20 ms: %.2f Mbit/s of %.2f\n", good ? "ok" : "not ok",
	       tcp_cc_name((unsigned int)cc), cell.bits_per_s / 1e6, LINK_GOODPUT / 1e6);
	return good;
}

int table_check(void)
{
	bool good = check_theory("reno");

	good = check_theory("cubic") && good;
	for (int cc = 0; cc < TCP_CC_ALGORITHMS; cc++)
		if (!strncmp(tcp_cc_name((unsigned int)cc), "bbr", 3))
			good = check_bbr(cc) && good;
	return !good;
}
