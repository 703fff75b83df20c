/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* bench.h - the measuring window of `xtcp bench`, and its roles. */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include "cli/opts.h"
#include "cli/start.h"

struct bench_window {
	uint64_t from_ns, to_ns; /* planned; 0: not yet begun */
	uint64_t began_ns, ended_ns;
	uint64_t bytes_then; /* when it began */
	uint64_t bytes;	     /* within it */
};

/* Would bench_tick() do anything now? */
bool bench_due(const struct bench_window *w);
/* Call once a turn, from when the first byte has moved; bytes: all so far. True: the window is over. */
bool bench_tick(struct bench_window *w, const struct opts *o, uint64_t bytes);
/* xtcp_wait() until something happens or the window wants its next tick. */
int bench_wait(struct xtcp *x, const struct bench_window *w, struct xtcp_event *ev, int max);
double bench_gbps(const struct bench_window *w);

/* Exit codes. */
int bench_source(struct session *s, const struct opts *o, const struct sockaddr_storage *to);
int bench_sink(struct session *s, const struct opts *o);
/* The line over what bench_source() prints. */
void bench_header(void);

#endif
