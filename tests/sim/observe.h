/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * observe.h - an observer on the wire who knows each segment that was sent and each
 * that arrived, and holds the engines to their word (observe.c).
 */
#ifndef SIM_OBSERVE_H
#define SIM_OBSERVE_H

#include <stdbool.h>
#include <stdint.h>

struct world;

#define OBSERVE_FLOWS 512  /* a power of two */
#define OBSERVE_RANGES 128 /* of delivered bytes */

struct observe_dir { /* what one engine sends; numbers count from its ISN */
	uint32_t isn;
	bool syn_sent, syn_arrived;
	uint8_t scale; /* of its window field; 0xff: no option in its SYN */
	uint32_t nranges;
	uint32_t from[OBSERVE_RANGES], to[OBSERVE_RANGES]; /* arrived at the other end */
	bool fin;					   /* sent */
	uint32_t fin_at;
	uint32_t acked;	       /* its acknowledgements, from the other's ISN */
	uint32_t edge;	       /* right edge of the window it has announced, likewise */
	uint32_t edge_arrived; /* ... as the other knows it */
	uint64_t owes;	       /* since when it owes an answer; 0: not */
	uint32_t owed;	       /* segments since */
	int32_t credit;	       /* ACKs that say nothing new, but may answer something */
	uint32_t sent_to;      /* right edge of what it has sent */
	uint32_t syn_end;      /* ... of the text of its SYN: it was sent before there was a window */
	bool ts_sent;
	uint32_t ts; /* its newest TSval */
};

struct observe_flow {
	bool used;
	bool off; /* not to be judged: a second incarnation, or too many ranges */
	bool v6;
	uint16_t port[2];
	struct observe_dir dir[2]; /* of what engine n sends */
};

struct observer {
	uint32_t count;
	struct observe_flow flow[OBSERVE_FLOWS];
};

void observe_init(struct world *w);
void observe_sent(struct world *w, int from, const uint8_t *data, uint32_t len);
void observe_arrived(struct world *w, int to, const uint8_t *data, uint32_t len, bool damaged);
void observe_forged(struct world *w, int to, const uint8_t *data, uint32_t len);
/* Engine B has lost its memory: what is under way is not judged any more. */
void observe_forget(struct world *w);
void observe_end(struct world *w);

#endif
