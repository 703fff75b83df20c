// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * device.c - a network device with two transmit queues: super-segments and what follows them leave by one, everything else by
 * the other. Each keeps its order and takes its own time, so that what was sent first by one may leave after the other's. A frame of
 * the ring is completed (simport.c) when its queue has sent it.
 */
#include <stdlib.h>
#include <string.h>
#include "world.h"

struct queued {
	struct queued *next;
	uint64_t at; /* leaves */
	uint32_t len;
	uint8_t data[];
};

void device_open(struct side *side)
{
	const struct scenario *s = side->w->s;
	int i = side->index;

	if (!s->apart[i])
		return;
	side->port.port.gso_apart = true;
	side->port.clock = &side->w->now;
	side->port.complete_ns = s->queue_ns[i][0];
}

void device_send(struct side *side, uint8_t *data, uint32_t len)
{
	struct world *w = side->w;
	struct queued *q, **tail = &side->queue[side->port.going_apart];
	uint64_t takes = w->s->queue_ns[side->index][side->port.going_apart];

	if (!w->s->apart[side->index] || (!takes && !*tail)) {
		reseg_send(w, side->index, data, len);
		return;
	}
	q = malloc(sizeof(*q) + len);
	if (!q)
		abort();
	*q = (struct queued){ .at = w->now + takes, .len = len };
	memcpy(q->data, data, len);
	while (*tail)
		tail = &(*tail)->next;
	*tail = q;
}

static struct queued **first(struct side *side)
{
	struct queued **a = &side->queue[0], **b = &side->queue[1];

	return !*b || (*a && (*a)->at <= (*b)->at) ? a : b;
}

uint64_t device_next(const struct side *side)
{
	const struct queued *a = side->queue[0], *b = side->queue[1];
	uint64_t at = a ? a->at : SIM_NEVER;

	return b && b->at < at ? b->at : at;
}

void device_run(struct side *side)
{
	while (device_next(side) <= side->w->now) {
		struct queued **at = first(side), *q = *at;

		*at = q->next;
		reseg_send(side->w, side->index, q->data, q->len);
		free(q);
	}
}

void device_close(struct side *side)
{
	for (int k = 0; k < 2; k++) {
		while (side->queue[k]) {
			struct queued *q = side->queue[k];

			side->queue[k] = q->next;
			free(q);
		}
	}
}
