/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* link.h - one direction of the simulated link: frames go in, and come out later, or not, or twice, or damaged. */
#ifndef SIM_LINK_H
#define SIM_LINK_H

#include "rng.h"
#include "scenario.h"

struct frame {
	uint64_t at;	/* arrives */
	uint64_t order; /* of two that arrive at once the earlier sent is first */
	uint32_t len;
	bool damaged;
	uint8_t data[];
};

enum link_fate {
	LINK_PASSED,
	LINK_QUEUE_FULL,
	LINK_LOST,
	LINK_DARK,
	LINK_DUPLICATED,
	LINK_CORRUPTED,
	LINK_LATE,
	LINK_MARKED, /* by the queue */
	LINK_AQM_DROP,
	LINK_ECN_CHANGED,
	LINK_FATES
};

struct link {
	const struct link_conf *conf;
	uint64_t quiet_ns;
	struct rng rng, ecn_rng;
	struct frame **heap; /* by (at, order) */
	uint32_t count, cap;
	uint64_t order;
	uint64_t busy_until; /* the transmitter */
	uint64_t last_at;    /* in order unless reordering says otherwise */
	bool in_burst;
	struct aqm aqm;
	uint64_t waited_ns, waited; /* in the queue, all frames; frames */
	uint64_t fates[LINK_FATES];
};

void link_init(struct link *l, const struct link_conf *conf, uint64_t quiet_ns, struct rng rng);
void link_free(struct link *l);
/* Send a frame of len bytes; its ECN field may change; a bit set of what became of it (1 << enum link_fate), 0: passed untouched. */
uint32_t link_send(struct link *l, uint8_t *data, uint32_t len, uint64_t now_ns);
/* When the next frame arrives; SIM_NEVER: none is under way. */
uint64_t link_next(const struct link *l);
/* The next frame; there is one. */
static inline const struct frame *link_peek(const struct link *l)
{
	return l->heap[0];
}
/* The next frame, to be freed by the caller. */
struct frame *link_take(struct link *l);

#endif
