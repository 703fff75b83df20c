// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* bench_sink.c - xtcp bench sink: takes what comes, on any number of connections, and looks at none of it. */
#include "cli/bench.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "cli/report.h"

struct sink {
	struct xtcp *x;
	xtcp_listener l;
	uint64_t bytes;
	uint32_t conns; /* accepted */
	struct bench_window window;
	atomic_uint *open; /* of all engines */
};

struct sinks {
	const struct opts *o;
	struct bench_plan plan;
	atomic_uint open;
	struct sink *sink; /* one each engine */
};

static void drain(struct sink *b, xtcp_conn c)
{
	struct iovec iov[2];
	ssize_t n;

	while ((n = xtcp_peek(b->x, c, iov)) > 0) {
		xtcp_consume(b->x, c, (size_t)n);
		b->bytes += (uint64_t)n;
	}
	if (n == -EAGAIN)
		return;
	xtcp_close(b->x, c); /* the peer's FIN, or an error */
	atomic_fetch_sub(b->open, 1);
}

static void take_event(struct sink *b, const struct xtcp_event *ev)
{
	xtcp_conn c;

	if (ev->handle != b->l) {
		drain(b, ev->handle);
		return;
	}
	while (xtcp_accept(b->x, b->l, &c) == 0) {
		b->conns++;
		atomic_fetch_add(b->open, 1);
		drain(b, c);
	}
}

/* Until the window is over. All sources gone before that: nothing was measured. */
static int measure(struct sink *b, const struct opts *o)
{
	struct xtcp_event ev[BENCH_EVENTS];

	for (;;) {
		int n = bench_wait(b->x, &b->window, BENCH_NEVER, ev, BENCH_EVENTS);
		uint64_t now = bench_now_ns();

		if (n < 0 && n != -EINTR)
			return report_engine(b->x, n);
		for (int i = 0; i < n; i++)
			take_event(b, &ev[i]);
		if ((b->bytes || bench_planned(&b->window)) && bench_tick(&b->window, o, b->bytes, now))
			return EXIT_DONE;
		if (bench_go_on(&b->window, now) != EXIT_DONE)
			return EXIT_FAILED;
		if (b->window.from_ns && !atomic_load(b->open))
			return report_fail("the peer closed before the time to be measured was over");
	}
}

static void tell(const struct sinks *all, const struct engines *g)
{
	const struct opts *o = all->o;
	struct sink sum = all->sink[0];
	double seconds;
	json_t *j;

	for (uint32_t i = 1; i < g->n; i++) {
		sum.conns += all->sink[i].conns;
		bench_add(&sum.window, &all->sink[i].window);
	}
	seconds = bench_seconds(&sum.window);
	if (!o->json) {
		printf("%u connections, %.3f Mbit/s in %.2f s\n", sum.conns, bench_gbps(&sum.window) * 1e3, seconds);
		return;
	}
	j = json_pack("{s:s, s:I, s:f, s:I, s:f, s:s, s:f}", "role", "sink", "connections", (json_int_t)sum.conns,
		      "seconds", seconds, "bytes", (json_int_t)sum.window.count, "gbps", bench_gbps(&sum.window),
		      "wait", bench_waiting(o), "cpu_s", (double)sum.window.cpu_ns / 1e9);
	bench_json_engines(j, g);
	report_json(report_summary_to(&o->conf), j);
}

static int work(struct engine_slot *slot, void *arg)
{
	const struct sinks *all = arg;

	return measure(&all->sink[slot->number], all->o);
}

int bench_sink(struct engines *g)
{
	const struct opts *o = g->opts;
	struct sinks all = { .o = o, .plan = { .all = g, .missing = 1 } };
	int rc = engines_listen(g, o->has_addr ? &o->addr : NULL, o->port);

	if (rc != EXIT_DONE)
		return rc;
	all.sink = calloc(g->n, sizeof(*all.sink));
	if (!all.sink)
		return report_fail("no memory");
	for (uint32_t i = 0; i < g->n; i++)
		all.sink[i] = (struct sink){
			.x = g->slot[i].s.x, .l = g->slot[i].l, .window = bench_window(o, &all.plan), .open = &all.open
		};
	bench_ready(o);
	rc = engines_run(g, work, &all);
	if (rc == EXIT_DONE)
		tell(&all, g);
	free(all.sink);
	return rc;
}
