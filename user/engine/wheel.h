/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * wheel.h - a hierarchical timer wheel: arm and cancel in constant time, the
 * earliest slot in a few instructions. A node is named by its index + 1 in an
 * array; it carries its own links.
 *
 * Time is in ticks of WHEEL_TICK_NS. A node of tick t sits in the level of the
 * highest 6-bit digit in which t differs from now, in the slot of that digit;
 * when now reaches the slot, its nodes move down. Eight levels cover 2^48 ticks,
 * more than 64 bits of nanoseconds, so nothing is ever clamped.
 *
 * Invariants: now < tick of every node; a slot's bit is set when it has nodes.
 */
#ifndef ENGINE_WHEEL_H
#define ENGINE_WHEEL_H

#include <stddef.h>
#include <stdint.h>

#define WHEEL_SHIFT 17 /* a tick is 131 microseconds */
#define WHEEL_TICK_NS (1ull << WHEEL_SHIFT)
#define WHEEL_LEVELS 8
#define WHEEL_SLOTS 64
#define WHEEL_NEVER UINT64_MAX

struct wheel_node {
	uint64_t tick;
	uint32_t next; /* index + 1; 0 none */
	uint32_t prev;
	uint32_t slot; /* level * WHEEL_SLOTS + slot + 1; 0: not armed */
};

struct wheel {
	uint64_t now; /* ticks */
	uint64_t bits[WHEEL_LEVELS];
	uint32_t levels; /* bit n: level n has nodes */
	uint32_t count;
	uint32_t head[WHEEL_LEVELS * WHEEL_SLOTS];
};

/* Where the nodes are: the first one, and how far apart. */
struct wheel_nodes {
	void *first;
	size_t stride;
};

static inline struct wheel_node *wheel_node(const struct wheel_nodes *n, uint32_t ref)
{
	return (struct wheel_node *)((uint8_t *)n->first + (size_t)(ref - 1) * n->stride);
}

/* The first tick that begins at or after ns: a timer never fires early. */
static inline uint64_t wheel_tick(uint64_t ns)
{
	return (ns >> WHEEL_SHIFT) + !!(ns & (WHEEL_TICK_NS - 1));
}

/* Arm a node that is not armed. A tick that has passed becomes the next one. */
void wheel_arm(struct wheel *w, const struct wheel_nodes *n, uint32_t ref, uint64_t tick);
/* Allowed for a node that is not armed. */
void wheel_cancel(struct wheel *w, const struct wheel_nodes *n, uint32_t ref);
/* A node whose tick is at most to, taken out; 0 when there is none, and then now == to. */
uint32_t wheel_pop(struct wheel *w, const struct wheel_nodes *n, uint64_t to);

/* A lower bound of the earliest tick; exact within WHEEL_SLOTS ticks. WHEEL_NEVER: empty. */
static inline uint64_t wheel_next(const struct wheel *w)
{
	unsigned int level, up;
	uint64_t slot;

	if (!w->levels)
		return WHEEL_NEVER;
	level = (unsigned int)__builtin_ctz(w->levels);
	slot = (uint64_t)__builtin_ctzll(w->bits[level]);
	up = 6 * (level + 1);
	return ((w->now >> up << 6) | slot) << (6 * level);
}

/* NULL or what is wrong. */
const char *wheel_check(const struct wheel *w, const struct wheel_nodes *n, uint32_t nodes);

#endif
