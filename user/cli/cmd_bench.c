// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cmd_bench.c - xtcp bench: a load generator and sink.
 *
 *	source	connects, sends for --seconds after --warmup, and tells what the peer acknowledged;
 *		with --cc all once for each algorithm, one after the other
 *	sink	receives, and tells what arrived from --warmup after the first byte on, for --seconds
 *	serve	answers requests until a signal or --limit
 *	rr	requests and answers on connections that stay
 *	crr	connect, request, answer, close
 *	hold	opens many connections, holds them, and has some of them send requests
 *
 * A figure is printed only when the whole window was measured; else there is one line that says
 * why not, and the exit code is 1.
 */
#include "cli/cli.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench.h"
#include "cli/opts.h"
#include "cli/report.h"
#include "cli/source.h"
#include "lib/fail.h"
#include "tcp/cc.h"

static const struct opts_use use = {
	.name = "bench",
	.takes = OPT_ENGINE | OPT_PORT | OPT_ADDR | OPT_BENCH | OPT_QUEUES | OPT_CPUS,
	.needs = OPT_INTERFACE,
	.min_args = 1,
	.max_args = 2,
};

/* A role that listens has listen, one that connects has connect. */
static const struct role {
	const char *name;
	int (*listen)(struct engines *g);
	int (*connect)(struct engines *g, const struct sockaddr_storage *to);
	bool load; /* of many short connections or requests: tables are made to hold them */
} roles[] = {
	{ "source", NULL, bench_source, false }, { "sink", bench_sink, NULL, false },
	{ "serve", bench_serve, NULL, true },	 { "rr", NULL, bench_rr, true },
	{ "crr", NULL, bench_crr, true },	 { "hold", NULL, bench_hold, true },
};
enum { ROLES = sizeof(roles) / sizeof(roles[0]) };

/* ---- what all roles need ---- */

static int pin(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return EXIT_DONE;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		return report_fail("--cpu %d: cannot run there: %s; see Cpus_allowed_list in /proc/self/status", cpu,
				   strerror(errno));
	return EXIT_DONE;
}

/*
 * Room for those that close and linger; a port that waited in TIME-WAIT for a second may be used again, as net.ipv4.tcp_tw_reuse
 * has it for the kernel's.
 */
static void size_tables(struct opts *o)
{
	uint64_t conns = o->connections + o->connections / 16;

	o->conf.max_conns = conns < 65536 ? 65536 : conns > 4194304 ? 4194304 : (uint32_t)conns;
	o->conf.max_time_wait = 262144;
	o->conf.time_wait_ms = 1000;
	if (o->ports > 64)
		o->conf.max_listeners = o->ports;
}

static int run(const struct role *r, const struct opts *o, const struct sockaddr_storage *to)
{
	struct engines g;
	int rc = engines_open(&g, o);

	if (rc == EXIT_DONE)
		rc = r->listen ? r->listen(&g) : r->connect(&g, to);
	engines_close(&g);
	return rc;
}

/* An engine of its own for each algorithm: none inherits anything from the one before. */
static int run_all(const struct role *r, struct opts *o, const struct sockaddr_storage *to)
{
	int rc = EXIT_DONE;

	for (unsigned int i = 0; rc == EXIT_DONE && (o->conf.cc = tcp_cc_name(i)); i++)
		rc = run(r, o, to);
	return rc;
}

/* OPTS_GO, or what is wrong with several engines. */
static int check_engines(const struct role *r, const struct opts *o)
{
	if (o->cpus && o->cpu >= 0)
		return opts_bad(&use, "--cpu and --cpus: give one of them");
	if (r->connect == bench_hold && (o->engines > 1 || o->cpus))
		return opts_bad(&use, "hold: one engine holds them all: no --queues, no --cpus");
	if (!r->connect)
		return OPTS_GO;
	if (o->connections < o->engines)
		return opts_bad(&use, "%s: --connections %u for %u engines; give one to each at least", r->name,
				o->connections, o->engines);
	if (o->in_flight && o->in_flight < o->engines)
		return opts_bad(&use, "%s: --in-flight %u for %u engines; give one to each at least", r->name,
				o->in_flight, o->engines);
	return OPTS_GO;
}

static int client(const struct role *r, struct opts *o)
{
	struct sockaddr_storage to;
	struct xtcp_addr addr;
	bool has_addr, all = o->conf.cc && !strcmp(o->conf.cc, "all");

	if (o->argc < 2)
		return opts_bad(&use, "%s: ADDR:PORT is missing", r->name);
	if (addr_port_parse(o->argv[1], &addr, &o->port, &has_addr))
		return opts_bad(&use, "%s", fail_text());
	if (!has_addr)
		return opts_bad(&use, "'%s': give ADDR:PORT", o->argv[1]);
	if (o->port + o->ports > 65536)
		return opts_bad(&use, "--ports %u: port %u is the last there is", o->ports, 65535);
	if (all && r->load)
		return opts_bad(&use, "%s: --cc all is for the source", r->name);
	if (r->connect == bench_crr && o->pipeline > 1)
		return opts_bad(&use, "crr: one request on each connection: no --pipeline");
	to = report_sockaddr(&addr, o->port);
	if (!r->load && !o->json)
		bench_header();
	return all ? run_all(r, o, &to) : run(r, o, &to);
}

static int server(const struct role *r, struct opts *o)
{
	if (o->argc > 1)
		return opts_bad(&use, "too many arguments: '%s'", o->argv[1]);
	if (!o->port)
		return opts_bad(&use, "%s: -p PORT is needed", r->name);
	if (o->port + o->ports > 65536)
		return opts_bad(&use, "--ports %u: port %u is the last there is", o->ports, 65535);
	if (o->conf.cc && !strcmp(o->conf.cc, "all"))
		return opts_bad(&use, "%s: --cc all is for the source", r->name);
	return run(r, o, NULL);
}

static const struct role *find_role(const char *name)
{
	for (int i = 0; i < ROLES; i++)
		if (!strcmp(roles[i].name, name))
			return &roles[i];
	return NULL;
}

int cmd_bench(int argc, char **argv)
{
	struct sockaddr_storage *source;
	const struct role *r;
	struct opts o;
	uint32_t n;
	int rc = opts_parse(&o, &use, argc, argv);

	if (rc != OPTS_GO)
		return rc;
	r = find_role(o.argv[0]);
	if (!r)
		return opts_bad(&use, "'%s' is none of source, sink, serve, rr, crr, hold", o.argv[0]);
	if (source_parse(o.source, &source, &n))
		return opts_bad(&use, "%s", fail_text());
	free(source);
	rc = check_engines(r, &o);
	if (rc != OPTS_GO)
		return rc;
	if (!o.response)
		o.response = o.size;
	if (r->load)
		size_tables(&o);
	rc = pin(o.cpu);
	if (rc != EXIT_DONE)
		return rc;
	return r->listen ? server(r, &o) : client(r, &o);
}
