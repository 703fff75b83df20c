/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * engines.h - N engines on one interface (--queues), each in a thread of its own, on a
 * CPU of its own if --cpus says so. Together they serve all receive queues.
 *
 *	struct engines g;
 *	int rc = engines_open(&g, &o);
 *
 *	if (rc == EXIT_DONE)
 *		rc = engines_listen(&g, addr, port);
 *	if (rc == EXIT_DONE)
 *		rc = engines_run(&g, work, my_state);
 *	...
 *	engines_close(&g);
 */
#ifndef CLI_ENGINES_H
#define CLI_ENGINES_H

#include "cli/start.h"

struct engine_slot {
	struct session s;
	xtcp_listener l;
	struct engines *all;
	uint32_t number;
	int rc;
};

struct engines {
	const struct opts *opts;
	uint32_t n;
	struct engine_slot *slot; /* n of them */
	int (*fn)(struct engine_slot *slot, void *arg);
	void *arg;
};

/* EXIT_DONE, or EXIT_FAILED with a line. After it engines_close() may be called in any case. */
int engines_open(struct engines *g, const struct opts *o);
/* The same port on each; said once. EXIT_DONE, or EXIT_FAILED with a line. */
int engines_listen(struct engines *g, const struct xtcp_addr *addr, uint16_t port);
/*
 * fn(slot, arg) for each engine, the first in this thread, until all have returned: EXIT_DONE, or what one of them has
 * returned else. One that fails has the others asked to stop (stop.h).
 */
int engines_run(struct engines *g, int (*fn)(struct engine_slot *slot, void *arg), void *arg);
void engines_close(struct engines *g);

/* Ends the xtcp_wait() of each; from any thread. */
void engines_wake(const struct engines *g);
/* What one engine gets of something for all of them: the first ones get one more where it is not even. */
uint32_t engines_share(const struct engines *g, uint32_t number, uint32_t of);

/* For --json: what each did, with its queues and counters; and the counters of all, added up. */
struct json_t *engines_json(const struct engines *g);
struct json_t *engines_counters(const struct engines *g);

#endif
