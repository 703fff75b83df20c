/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * load.h - the clients of `xtcp bench`: many connections, each with up to --pipeline requests in flight.
 *
 * Who may send next. Closed loop: whoever got an answer, at once. Open loop (--rate): requests are due at a constant
 * spacing, whatever became of the ones before; a due request takes the place that has been free for longest, waits if there is
 * none, and its time runs from when it was due. So a server that stalls is charged with all requests that it held up, not with
 * one for each connection ("coordinated omission"). --in-flight bounds the requests under way: the connections then take turns.
 */
#ifndef CLI_LOAD_H
#define CLI_LOAD_H

#include "cli/bench.h"
#include "cli/hist.h"

struct json_t;

struct load_conn {
	xtcp_conn c;
	uint32_t id;
	uint32_t got;	/* bytes of the oldest answer that is outstanding */
	uint32_t given; /* bytes of the oldest request that xtcp_send() has not taken whole */
	uint16_t todo;	/* requests not given whole */
	uint16_t out;	/* requests not answered, those among them */
	uint16_t head;	/* of due_ns, the oldest of out */
	bool open;
	uint64_t due_ns[]; /* a ring of --pipeline */
};

struct load {
	struct xtcp *x;
	const struct engines *all;
	struct opts share;    /* of the connections, the rate and what is in flight: this engine's */
	const struct opts *o; /* that */
	struct sockaddr_storage to, *source;
	uint32_t sources, turn;
	uint8_t *conns;
	size_t stride;
	uint32_t n;		     /* connections */
	uint32_t begun, opened;	     /* of them */
	uint64_t answers, errors;    /* so far */
	uint64_t unanswered;	     /* open loop: of the requests due by the end of the window, when that came */
	uint64_t issued, began_ns;   /* requests, or connects of crr; since when */
	uint64_t now;		     /* the clock of this turn */
	uint64_t due_ns;	     /* open loop: of the next request */
	uint32_t flying, max_flying; /* metered only */
	uint32_t *idle;		     /* metered only: ids of connections, once for each free place, a ring */
	uint32_t idle_at, idle_n, idle_cap;
	const uint8_t *pattern;
	uint8_t *buf;
	struct bench_window window;
	/* Begin a request that was due then. EXIT_DONE, or EXIT_FAILED with a line. */
	int (*issue)(struct load *l, struct load_conn *c, uint64_t due_ns);
	struct hist hist;
};

/* The load of one engine. NULL, and a line. */
struct load *load_new(struct engine_slot *slot, struct bench_plan *plan, const struct sockaddr_storage *to);
void load_free(struct load *l);

/* One for each engine, work on each in its thread, and the result of all under this name. An exit code. */
int load_run(struct engines *g, const struct sockaddr_storage *to, int (*work)(struct load *l), const char *role);

static inline struct load_conn *load_conn(const struct load *l, uint32_t id)
{
	return (struct load_conn *)(l->conns + (size_t)id * l->stride);
}

/* Connect. */
int load_begin(struct load *l, struct load_conn *c);
/* All connections, some handshakes at a time. */
int load_open_all(struct load *l);
/* The connection of an event; NULL: one that is gone. *rc: what to do about it. */
struct load_conn *load_event(struct load *l, const struct xtcp_event *ev, int *rc);

/* Give xtcp_send() what it takes of the requests begun. */
int load_flush(struct load *l, struct load_conn *c);
/* Begin a request on an open connection. */
int load_request(struct load *l, struct load_conn *c, uint64_t due_ns);
/* Read answers. Returns how many were completed, or -1 and a line. */
int load_answers(struct load *l, struct load_conn *c);

/* So many of the connections, evenly spread, may send: begin. */
int load_start(struct load *l, uint32_t count);
/* A place is free again: the next request on it, now or later. */
int load_again(struct load *l, struct load_conn *c);
/* Requests that are due by now. Call once a turn. */
int load_due(struct load *l);
/* When load_due() has to be called although nothing happens. */
uint64_t load_next(const struct load *l);

/* Run turns until the window is over; step: what to do with a connection that has an event. */
int load_measure(struct load *l, int (*step)(struct load *l, struct load_conn *c, const struct xtcp_event *ev));

/* What a connection that stays does with an event: take answers, ask again. */
int load_rr_step(struct load *l, struct load_conn *c, const struct xtcp_event *ev);

/* The result of the window; more: to be added to its object, or NULL; it is freed. EXIT_DONE, or EXIT_FAILED: nothing was answered in it. */
int load_tell(struct load *l, const char *role, struct json_t *more);

#endif
