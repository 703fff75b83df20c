// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * bench_hold.c - xtcp bench hold: opens --connections, holds them idle for --seconds, then has --active per cent of them send
 * requests. Tells how fast they could be opened, what memory one takes, what processor time they take while idle, and what rr tells.
 */
#include "cli/load.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>

#include "cli/report.h"

struct held {
	uint64_t region_then;  /* bytes of the engine's region before the first connection */
	double open_s, idle_s; /* how long it took to open them; how long they were idle */
	double idle_cpu_s;     /* processor time of that */
	double bytes;	       /* of memory for a connection */
	uint32_t active;
};

/* Nothing is expected to happen but keeping them. */
static int keep(struct load *l, double seconds)
{
	uint64_t now = bench_now_ns(), until = now + (uint64_t)(seconds * 1e9);
	struct xtcp_event ev[BENCH_EVENTS];
	int rc = EXIT_DONE;

	for (; now < until; now = bench_now_ns()) {
		int n = bench_wait(l->x, &l->window, until, ev, BENCH_EVENTS);

		if (n < 0 && n != -EINTR)
			return report_engine(l->x, n);
		for (int i = 0; i < n && rc == EXIT_DONE; i++)
			load_event(l, &ev[i], &rc);
		if (rc == EXIT_DONE)
			rc = bench_go_on(&l->window, now);
		if (rc != EXIT_DONE)
			return rc;
	}
	return EXIT_DONE;
}

/* What opening has left to be done, delayed acknowledgements say, is done within the warm-up. */
static int idle(struct load *l, struct held *h)
{
	uint64_t began, cpu;
	int rc = keep(l, l->o->warmup_s);

	began = bench_now_ns();
	cpu = bench_cpu_ns();
	if (rc == EXIT_DONE)
		rc = keep(l, l->o->seconds);
	h->idle_s = (double)(bench_now_ns() - began) / 1e9;
	h->idle_cpu_s = (double)(bench_cpu_ns() - cpu) / 1e9;
	return rc;
}

static int open_and_hold(struct load *l, struct held *h)
{
	struct xtcp_engine_info i;
	uint64_t began = bench_now_ns();
	int rc;

	xtcp_engine_info(l->x, &i);
	h->region_then = i.region_bytes;
	rc = load_open_all(l);
	h->open_s = (double)(bench_now_ns() - began) / 1e9;
	if (rc == EXIT_DONE)
		rc = idle(l, h);
	xtcp_engine_info(l->x, &i);
	h->bytes = (double)(i.region_bytes - h->region_then + i.map_bytes) / l->n;
	return rc;
}

static json_t *as_json(const struct load *l, const struct held *h)
{
	return json_pack("{s:s, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:s}", "role", "hold", "connections",
			 (json_int_t)l->n, "open_seconds", h->open_s, "open_rate", l->n / h->open_s,
			 "bytes_per_connection", h->bytes, "held_seconds", h->idle_s, "idle_cpu_s", h->idle_cpu_s,
			 "idle_cpu_percent", h->idle_cpu_s * 100 / h->idle_s, "active", (json_int_t)h->active, "wait",
			 bench_waiting(l->o));
}

static void as_text(const struct load *l, const struct held *h)
{
	FILE *to = report_summary_to(&l->o->conf);

	fprintf(to,
		"hold: %u connections opened in %.2f s, %.0f/s; %.0f bytes of memory for each, all tables included\n",
		l->n, h->open_s, l->n / h->open_s, h->bytes);
	fprintf(to, "idle for %.2f s: %.3f s of processor time, %.2f %% of one\n", h->idle_s, h->idle_cpu_s,
		h->idle_cpu_s * 100 / h->idle_s);
	if (h->active)
		fprintf(to, "%u of them active:\n", h->active);
	fflush(to);
}

/* The requests of those that are active; without any there is only what was held to be told. */
static int measure(struct load *l, struct held *h)
{
	int rc;

	h->active = (uint32_t)ceil(l->n * l->o->active / 100);
	if (!l->o->json)
		as_text(l, h);
	if (!h->active) {
		if (l->o->json)
			report_json(report_summary_to(&l->o->conf), as_json(l, h));
		return EXIT_DONE;
	}
	rc = load_start(l, h->active);
	if (rc == EXIT_DONE)
		rc = load_measure(l, load_rr_step);
	return rc == EXIT_DONE ? load_tell(l, "hold", as_json(l, h)) : rc;
}

int bench_hold(struct engines *g, const struct sockaddr_storage *to)
{
	struct bench_plan plan = { .all = g, .missing = 1 };
	struct load *l = load_new(&g->slot[0], &plan, to);
	struct held h = { 0 };
	int rc;

	if (!l)
		return EXIT_FAILED;
	rc = open_and_hold(l, &h);
	if (rc == EXIT_DONE)
		rc = measure(l, &h);
	load_free(l);
	return rc;
}
