/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* bench.h - the measuring window of `xtcp bench`, and its roles. */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include <stdatomic.h>

#include "cli/engines.h"
#include "cli/opts.h"

#define BENCH_EVENTS 256 /* taken from the engine at once */
#define BENCH_NEVER UINT64_MAX

/*
 * Several engines measure in one window. It is planned when so many of them have called bench_tick(): all of a client, whose
 * connections must be open; one of a sink, since all begins with the first byte.
 */
struct bench_plan {
	const struct engines *all;
	atomic_int missing;
	_Atomic uint64_t from_ns; /* 0: not yet planned */
};

struct bench_window {
	struct bench_plan *plan;
	bool called;		 /* bench_tick() was */
	uint64_t from_ns, to_ns; /* planned; 0: not yet begun */
	uint64_t began_ns, ended_ns;
	uint64_t count_then; /* when it began: bytes, or answers */
	uint64_t count;	     /* within it */
	uint64_t cpu_ns;     /* processor time of this process within it; before its end: when it began */
	uint64_t limit_ns;   /* when to give up */
};

uint64_t bench_now_ns(void);
/* Processor time that this process has used. */
uint64_t bench_cpu_ns(void);

/* The window of an engine of a role that begins now. */
struct bench_window bench_window(const struct opts *o, struct bench_plan *plan);
/* Has it been planned, by whichever engine? */
bool bench_planned(const struct bench_window *w);
/* Would bench_tick() do anything now? */
bool bench_due(const struct bench_window *w, uint64_t now);
/* Call once a turn, from when there is something to count; count: all so far. True: the window is over. */
bool bench_tick(struct bench_window *w, const struct opts *o, uint64_t count, uint64_t now);
/* xtcp_wait() until something happens, the window wants its next tick, or it is that late. */
int bench_wait(struct xtcp *x, const struct bench_window *w, uint64_t until, struct xtcp_event *ev, int max);
/* EXIT_DONE, or nothing can be measured any more, and why has been told: a signal came, or --limit has passed. */
int bench_go_on(const struct bench_window *w, uint64_t now);
/* What another engine counted in its window; all stretches from the first that began to the last that ended. */
void bench_add(struct bench_window *sum, const struct bench_window *one);
double bench_seconds(const struct bench_window *w);
double bench_gbps(const struct bench_window *w);
/* Bytes at position at, and from there on, of what all requests are cut from: enough for any request of any connection. */
const uint8_t *bench_pattern(void);
#define BENCH_PATTERN 4096u /* requests that differ */
const char *bench_waiting(const struct opts *o);

/* The line that says that a server may be connected to. */
void bench_ready(const struct opts *o);

/* Counters of all engines together, and of each. */
struct json_t;
void bench_json_engines(struct json_t *to, const struct engines *g);

/* Exit codes. */
int bench_source(struct engines *g, const struct sockaddr_storage *to);
int bench_sink(struct engines *g);
int bench_serve(struct engines *g);
int bench_rr(struct engines *g, const struct sockaddr_storage *to);
int bench_crr(struct engines *g, const struct sockaddr_storage *to);
int bench_hold(struct engines *g, const struct sockaddr_storage *to);
/* The line over what bench_source() prints. */
void bench_header(void);

#endif
