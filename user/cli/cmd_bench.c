// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cmd_bench.c - xtcp bench: bulk data as fast as the path and the congestion control let it go.
 *
 *	source	connects, sends for --seconds after --warmup, and tells what the peer acknowledged;
 *		with --cc all once for each algorithm, one after the other
 *	sink	receives, and tells what arrived from --warmup after the first byte on, for --seconds
 *
 * A figure is printed only when the whole window was measured; else there is one line that says
 * why not, and the exit code is 1.
 */
#include "cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/bench.h"
#include "cli/opts.h"
#include "cli/report.h"
#include "cli/start.h"
#include "cli/stop.h"
#include "lib/fail.h"
#include "tcp/cc.h"

#define NS_PER_S 1000000000ull

static const struct opts_use use = {
	.name = "bench",
	.takes = OPT_ENGINE | OPT_PORT | OPT_ADDR | OPT_BENCH,
	.needs = OPT_INTERFACE,
	.min_args = 1,
	.max_args = 2,
};

static uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

bool bench_due(const struct bench_window *w)
{
	return clock_ns() >= (w->began_ns ? w->to_ns : w->from_ns);
}

bool bench_tick(struct bench_window *w, const struct opts *o, uint64_t bytes)
{
	uint64_t now = clock_ns();

	if (!w->from_ns) {
		w->from_ns = now + (uint64_t)(o->warmup_s * 1e9);
		w->to_ns = w->from_ns + (uint64_t)(o->seconds * 1e9);
	}
	if (now < w->from_ns)
		return false;
	if (!w->began_ns) {
		w->began_ns = now;
		w->bytes_then = bytes;
		return false;
	}
	if (now < w->to_ns)
		return false;
	w->ended_ns = now;
	w->bytes = bytes - w->bytes_then;
	return true;
}

int bench_wait(struct xtcp *x, const struct bench_window *w, struct xtcp_event *ev, int max)
{
	uint64_t now = clock_ns(), next = w->began_ns ? w->to_ns : w->from_ns;
	int ms = next > now ? (int)((next - now) / 1000000) + 1 : 0;

	return xtcp_wait(x, ev, max, w->from_ns ? ms : -1);
}

double bench_gbps(const struct bench_window *w)
{
	return (double)w->bytes * 8 / (double)(w->ended_ns - w->began_ns);
}

/* ---- roles ---- */

static int run_sink(const struct opts *o)
{
	struct session s;
	int rc = start_engine(&s, o);

	if (rc == EXIT_DONE)
		rc = bench_sink(&s, o);
	start_undo(&s);
	return rc;
}

static int run_source(const struct opts *o, const struct sockaddr_storage *to)
{
	struct session s;
	int rc = start_engine(&s, o);

	if (rc == EXIT_DONE)
		rc = bench_source(&s, o, to);
	start_undo(&s);
	return rc;
}

/* An engine of its own for each algorithm: none inherits anything from the one before. */
static int run_all(struct opts *o, const struct sockaddr_storage *to)
{
	int rc = EXIT_DONE;

	for (unsigned int i = 0; rc == EXIT_DONE && (o->conf.cc = tcp_cc_name(i)); i++)
		rc = run_source(o, to);
	return rc;
}

static int source(struct opts *o)
{
	struct sockaddr_storage to;
	struct xtcp_addr addr;
	bool has_addr;
	uint16_t port;

	if (o->argc < 2)
		return opts_bad(&use, "source: ADDR:PORT is missing");
	if (addr_port_parse(o->argv[1], &addr, &port, &has_addr))
		return opts_bad(&use, "%s", fail_text());
	if (!has_addr)
		return opts_bad(&use, "'%s': give ADDR:PORT", o->argv[1]);
	to = report_sockaddr(&addr, port);
	if (!o->json)
		bench_header();
	return o->conf.cc && !strcmp(o->conf.cc, "all") ? run_all(o, &to) : run_source(o, &to);
}

static int sink(struct opts *o)
{
	if (o->argc > 1)
		return opts_bad(&use, "too many arguments: '%s'", o->argv[1]);
	if (!o->port)
		return opts_bad(&use, "sink: -p PORT is needed");
	if (o->conf.cc && !strcmp(o->conf.cc, "all"))
		return opts_bad(&use, "sink: --cc all is for the source");
	return run_sink(o);
}

int cmd_bench(int argc, char **argv)
{
	struct opts o;
	int rc = opts_parse(&o, &use, argc, argv);

	if (rc != OPTS_GO)
		return rc;
	if (!strcmp(o.argv[0], "source"))
		return source(&o);
	if (!strcmp(o.argv[0], "sink"))
		return sink(&o);
	return opts_bad(&use, "'%s' is none of source, sink", o.argv[0]);
}
