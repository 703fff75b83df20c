/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * world.h - all of one run: two engines (A is 0, B is 1), the link, the hosts they
 * believe to live on, the applications. One event at a time, in virtual time.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "link.h"
#include "observe.h"
#include "rng.h"
#include "scenario.h"
#include "simport.h"

#define WORLD_FIRST_PORT 7000u	 /* listeners; the number of the engine is added */
#define WORLD_REFUSED_PORT 7100u /* nobody listens */
#define WORLD_SIMULT_PORT 20000u /* pair n: both ends on this + n */

struct world;

struct end { /* one application at one end of a connection */
	const struct end_conf *conf;
	struct end *peer;
	uint32_t pair;
	uint8_t engine;
	uint64_t handle; /* 0: not yet, or given back */
	uint64_t user;
	uint64_t stream; /* which bytes it writes */
	uint64_t sent, received;
	uint64_t write_at, read_at; /* not before; SIM_NEVER: when told */
	uint16_t lport, rport;	    /* host order */
	bool started, open, can_write, can_read;
	bool stalled; /* has been */
	uint64_t start_at;
	bool shut, eof, closed_event, aborted, done;
	int error; /* positive errno it met */
};

struct host {
	struct world *w;
	uint8_t engine;
	const uint8_t *mac;
	uint16_t refs[2][65536]; /* reservations, by family */
	uint64_t owned[65536];
	uint64_t neigh_at; /* when the neighbour will be known; SIM_NEVER: not asked */
	bool neigh_known[2], neigh_asked[2];
};

struct side {
	struct world *w;
	uint8_t index;
	struct engine *e;
	struct simport port;
	struct host host;
	struct queued *queue[2]; /* of its device */
	struct link out;
	struct frame *waiting; /* of those that came over it: for one that it can be joined with (reseg.c) */
	uint64_t listener;
	uint16_t listen_port;
	uint64_t accept_at; /* a paused acceptor looks again; SIM_NEVER: when told */
	uint64_t last_turn; /* end of it */
	uint64_t turns;
	uint64_t deadline; /* as of the last turn or touch */
	bool touched;
	struct rules *rules;
};

struct world {
	const struct scenario *s;
	struct side side[2];
	struct end end[2 * SIM_PAIRS_MAX]; /* pair n: 2n and 2n + 1 */
	uint64_t now;
	uint64_t events;
	uint64_t hash;
	uint64_t done_at;	    /* all applications have finished */
	uint64_t forge_at;	    /* when the next forged frame comes */
	bool dead;		    /* engine B is, now */
	bool died;		    /* ... has been */
	bool half_time;		    /* the MTUs have changed */
	uint64_t measured;	    /* what end 1 had read at measure_ns */
	uint64_t waited_ns, waited; /* in the queue of link A->B, after the run */
	uint32_t strays;	    /* connections accepted that no application opened */
	struct rng rng, box_rng;
	struct observer observer;
	bool trace;
	char why[256]; /* the failure; empty: none */
};

/* Runs a scenario to its end. False: w->why says what is wrong. */
bool world_run(struct world *w, const struct scenario *s, bool trace);
/* Note a failure; the first one counts. */
void world_fail(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* After a run: the engines are gone, their counters are added up here. */
extern uint64_t world_stats[XTCP_USER_STATS];
extern uint64_t world_fates[LINK_FATES];

struct xtcp_addr world_addr(int engine, bool v6);

static inline uint16_t wire_port(uint16_t be)
{
	return (uint16_t)(be << 8 | be >> 8);
}

/* ---- host.c ---- */

extern const struct host_ops host_sim_ops;
void host_init(struct host *h, struct world *w, int engine);
void host_news(struct host *h); /* the neighbour has answered */
void host_setup(struct host *h);

/* ---- app.c ---- */

void app_init(struct world *w);
/* Engine B is dead: so are its applications. */
void app_died(struct world *w);
/* Those that only wait for a dead peer, and would for ever, give up. */
void app_give_up(struct world *w);
/* An event of engine i. */
void app_event(struct world *w, int i, const struct engine_event *ev);
/* What has become due by time. */
void app_tick(struct world *w);
uint64_t app_deadline(const struct world *w);
bool app_all_done(const struct world *w);

/* ---- forge.c ---- */

void forge_init(struct world *w);
/* One frame from someone who knows who talks to whom, but sees nothing of it. */
void forge_frame(struct world *w);

/* ---- middlebox.c ---- */

void middlebox_pass(const struct world *w, int from, uint8_t *data, uint32_t len);
bool middlebox_drops(const struct world *w, int from, uint8_t *data, uint32_t len);
/* The sequence numbers of a frame from that engine, on their way through the firewall before B; back: as they were. */
void middlebox_shift(const struct world *w, int from, bool back, uint8_t *data, uint32_t len);

/* Makes the window that a segment announces smaller; what the observer has seen before. */
void middlebox_shrink(struct world *w, int from, uint8_t *data, uint32_t len);

/* ---- device.c ---- */

/* Behind simport_open(). */
void device_open(struct side *side);
void device_send(struct side *side, uint8_t *data, uint32_t len);
uint64_t device_next(const struct side *side); /* when the next frame leaves; SIM_NEVER: there is none */
void device_run(struct side *side);
void device_close(struct side *side);

/* ---- reseg.c ---- */

/* On the link, in pieces perhaps. */
void reseg_send(struct world *w, int from, uint8_t *data, uint32_t len);
/* The next frame that arrives by now, joined perhaps; NULL: none. To be freed by the caller. */
struct frame *reseg_take(struct world *w, int from);
uint64_t reseg_next(const struct world *w, int from); /* when one may arrive; SIM_NEVER: none is under way */
bool reseg_empty(const struct world *w, int from);

/* ---- hop.c ---- */

/* Too large for the path: dropped, and an error may be on its way back. */
bool hop_refuses(struct world *w, int from, const uint8_t *data, uint32_t len);

/* ---- oracle.c ---- */

void oracle_turn(struct world *w, int i);
/* NULL, or what is wrong with a frame as such. */
const char *oracle_frame_wrong(const uint8_t *data, uint32_t len, uint32_t mtu);
void oracle_frame(struct world *w, int to, const uint8_t *data, uint32_t len);
/* Latest time for the applications to finish. */
uint64_t oracle_app_limit(const struct world *w);
uint64_t oracle_drain_limit(const struct world *w);
void oracle_overdue(struct world *w);
bool oracle_drained(struct world *w);
void oracle_end(struct world *w);

/* ---- rules.c ---- */

bool rules_start(struct side *side, uint32_t max_conns);
void rules_stop(struct side *side);
/* The engine has made a segment. */
void rules_sent(struct side *side, const struct xtcp_addr *laddr, uint16_t lport, const struct xtcp_addr *raddr,
		uint16_t rport, const struct tcp_seg *seg);
void rules_turn(struct world *w, int i);

/* ---- trace.c ---- */

void trace_tap(void *arg, bool out, const struct io_pkt *pkt, const struct xtcp_addr *laddr, uint16_t lport,
	       const struct xtcp_addr *raddr, uint16_t rport, const struct tcp_seg *seg);
void trace_fate(const struct world *w, int from, uint32_t len, uint32_t fate);
void trace_note(const struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
