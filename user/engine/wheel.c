// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* wheel.c - see wheel.h. */
#include "engine/wheel.h"

static void link_node(struct wheel *w, const struct wheel_nodes *n, uint32_t ref)
{
	struct wheel_node *node = wheel_node(n, ref);
	uint64_t diff = node->tick ^ w->now;
	unsigned int level = diff ? (63u - (unsigned int)__builtin_clzll(diff)) / 6 : 0;
	unsigned int slot = (unsigned int)(node->tick >> (6 * level)) & (WHEEL_SLOTS - 1);
	uint32_t *head = &w->head[level * WHEEL_SLOTS + slot];

	node->slot = level * WHEEL_SLOTS + slot + 1;
	node->prev = 0;
	node->next = *head;
	if (*head)
		wheel_node(n, *head)->prev = ref;
	*head = ref;
	w->bits[level] |= 1ull << slot;
	w->levels |= 1u << level;
}

static void unlink_node(struct wheel *w, const struct wheel_nodes *n, uint32_t ref)
{
	struct wheel_node *node = wheel_node(n, ref);
	uint32_t at = node->slot - 1;

	if (node->next)
		wheel_node(n, node->next)->prev = node->prev;
	if (node->prev) {
		wheel_node(n, node->prev)->next = node->next;
	} else {
		w->head[at] = node->next;
		if (!node->next) {
			w->bits[at / WHEEL_SLOTS] &= ~(1ull << (at % WHEEL_SLOTS));
			if (!w->bits[at / WHEEL_SLOTS])
				w->levels &= ~(1u << (at / WHEEL_SLOTS));
		}
	}
	node->slot = 0;
}

void wheel_arm(struct wheel *w, const struct wheel_nodes *n, uint32_t ref, uint64_t tick)
{
	wheel_node(n, ref)->tick = tick > w->now ? tick : w->now + 1;
	link_node(w, n, ref);
	w->count++;
}

void wheel_cancel(struct wheel *w, const struct wheel_nodes *n, uint32_t ref)
{
	if (!wheel_node(n, ref)->slot)
		return;
	unlink_node(w, n, ref);
	w->count--;
}

/* now has reached a slot of a higher level: spread its nodes over the levels below. */
static void cascade(struct wheel *w, const struct wheel_nodes *n, unsigned int level, unsigned int slot)
{
	uint32_t *head = &w->head[level * WHEEL_SLOTS + slot];

	while (*head) {
		uint32_t ref = *head;

		unlink_node(w, n, ref);
		link_node(w, n, ref);
	}
}

uint32_t wheel_pop(struct wheel *w, const struct wheel_nodes *n, uint64_t to)
{
	for (;;) {
		uint64_t next = wheel_next(w);
		unsigned int level, slot;
		uint32_t ref;

		if (next > to) {
			if (w->now < to)
				w->now = to;
			return 0;
		}
		level = (unsigned int)__builtin_ctz(w->levels);
		slot = (unsigned int)__builtin_ctzll(w->bits[level]);
		w->now = next;
		if (level) {
			cascade(w, n, level, slot);
			continue;
		}
		ref = w->head[slot];
		unlink_node(w, n, ref);
		w->count--;
		return ref;
	}
}

const char *wheel_check(const struct wheel *w, const struct wheel_nodes *n, uint32_t nodes)
{
	uint32_t count = 0;

	for (uint32_t at = 0; at < WHEEL_LEVELS * WHEEL_SLOTS; at++) {
		uint32_t prev = 0;

		if (!!w->head[at] != (w->bits[at / WHEEL_SLOTS] >> (at % WHEEL_SLOTS) & 1))
			return "wheel: bit and list of a slot disagree";
		for (uint32_t ref = w->head[at]; ref; prev = ref, ref = wheel_node(n, ref)->next) {
			const struct wheel_node *node = wheel_node(n, ref);

			if (ref > nodes || ++count > w->count)
				return "wheel: a list is too long";
			if (node->slot != at + 1 || node->prev != prev)
				return "wheel: broken links";
			if (node->tick < w->now)
				return "wheel: a timer was passed over";
		}
	}
	for (unsigned int level = 0; level < WHEEL_LEVELS; level++)
		if (!!w->bits[level] != (w->levels >> level & 1))
			return "wheel: summary of levels is wrong";
	return count == w->count ? NULL : "wheel: count is wrong";
}
