// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * mem.c - lazy buddy allocator. See mem.h.
 *
 * map[u] for the first unit of each block: FREE | order, or USED | order; 0 inside
 * blocks and beyond top. Free blocks are doubly linked through their own first bytes.
 * Invariant: the blocks named in map[] tile [0, top) exactly.
 */
#include "lib/mem.h"

#include <string.h>

#define USED 0x80u
#define FREE 0x40u
#define ORDER_MASK 0x1fu
#define PAGE 4096u

struct link {
	uint32_t next; /* unit + 1 */
	uint32_t prev;
};

static struct link *link_of(struct mem *m, uint32_t unit)
{
	return mem_ptr(m, unit + 1);
}

static uint64_t round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

size_t mem_size(uint64_t bytes)
{
	bytes = round_up(bytes, PAGE);
	return round_up(sizeof(struct mem) + (bytes >> MEM_MIN_SHIFT), PAGE) + bytes;
}

void mem_init(struct mem *m, uint64_t bytes)
{
	bytes = round_up(bytes, PAGE);
	memset(m, 0, sizeof(*m));
	m->units = (uint32_t)(bytes >> MEM_MIN_SHIFT);
	m->data_off = round_up(sizeof(struct mem) + m->units, PAGE);
	mem_marks(m, UINT64_MAX, UINT64_MAX, UINT64_MAX);
}

void mem_marks(struct mem *m, uint64_t low, uint64_t pressure, uint64_t high)
{
	m->low = low;
	m->pressure = pressure;
	m->high = high;
}

static void push(struct mem *m, uint32_t unit, unsigned int order)
{
	struct link *l = link_of(m, unit);

	l->prev = 0;
	l->next = m->free[order];
	if (l->next)
		link_of(m, l->next - 1)->prev = unit + 1;
	m->free[order] = unit + 1;
	m->map[unit] = (uint8_t)(FREE | order);
}

static void unlink_free(struct mem *m, uint32_t unit, unsigned int order)
{
	struct link *l = link_of(m, unit);

	if (l->prev)
		link_of(m, l->prev - 1)->next = l->next;
	else
		m->free[order] = l->next;
	if (l->next)
		link_of(m, l->next - 1)->prev = l->prev;
	m->map[unit] = 0;
}

/* Halve a free block of order `from` (already unlinked) down to `order`; returns its first unit. */
static uint32_t split(struct mem *m, uint32_t unit, unsigned int from, unsigned int order)
{
	while (from > order) {
		from--;
		push(m, unit + (1u << from), from);
	}
	return unit;
}

/* Take from the untouched end; what alignment skips becomes free blocks. */
static uint32_t extend(struct mem *m, unsigned int order)
{
	uint32_t size = 1u << order;
	uint64_t start = round_up(m->top, size);

	if (start + size > m->units)
		return UINT32_MAX;
	while (m->top < start) {
		unsigned int o = (unsigned int)__builtin_ctz(m->top);

		push(m, m->top, o);
		m->top += 1u << o;
	}
	m->top = (uint32_t)start + size;
	return (uint32_t)start;
}

/* Merge every pair of free buddies, smallest first. */
static void coalesce(struct mem *m)
{
	for (unsigned int order = 0; order + 1 < MEM_ORDERS; order++) {
		uint32_t at = m->free[order];

		while (at) {
			uint32_t unit = at - 1, buddy = unit ^ (1u << order);

			at = link_of(m, unit)->next;
			if (buddy >= m->top || m->map[buddy] != (FREE | order))
				continue;
			if (at == buddy + 1)
				at = link_of(m, buddy)->next;
			unlink_free(m, unit, order);
			unlink_free(m, buddy, order);
			push(m, unit & ~(1u << order), order + 1);
		}
	}
}

static uint32_t take(struct mem *m, unsigned int order)
{
	for (unsigned int o = order; o < MEM_ORDERS; o++) {
		uint32_t unit;

		if (!m->free[o])
			continue;
		unit = m->free[o] - 1;
		unlink_free(m, unit, o);
		return split(m, unit, o, order);
	}
	return UINT32_MAX;
}

uint32_t mem_alloc(struct mem *m, unsigned int order)
{
	uint32_t unit;

	if (order >= MEM_ORDERS)
		return 0;
	if (m->free[order]) {
		unit = m->free[order] - 1;
		m->free[order] = link_of(m, unit)->next;
		if (m->free[order])
			link_of(m, m->free[order] - 1)->prev = 0;
	} else {
		unit = extend(m, order);
		if (unit == UINT32_MAX)
			unit = take(m, order);
		if (unit == UINT32_MAX) {
			coalesce(m);
			unit = take(m, order);
		}
		if (unit == UINT32_MAX) {
			m->failures++;
			return 0;
		}
	}
	m->map[unit] = (uint8_t)(USED | order);
	m->used += (uint64_t)1 << (order + MEM_MIN_SHIFT);
	if (m->used > m->peak)
		m->peak = m->used;
	if (m->used > m->pressure)
		m->pressed = 1;
	return unit + 1;
}

void mem_free(struct mem *m, uint32_t block, unsigned int order)
{
	if (!block)
		return;
	push(m, block - 1, order);
	m->used -= (uint64_t)1 << (order + MEM_MIN_SHIFT);
	if (m->used < m->low)
		m->pressed = 0;
}

int mem_check(const struct mem *m)
{
	uint64_t used = 0, listed = 0, in_map = 0;
	uint32_t unit = 0;

	while (unit < m->top) {
		unsigned int order = m->map[unit] & ORDER_MASK;

		if (!(m->map[unit] & (USED | FREE)) || unit & ((1u << order) - 1))
			return -1;
		if (m->map[unit] & USED)
			used += (uint64_t)1 << (order + MEM_MIN_SHIFT);
		else
			in_map++;
		unit += 1u << order;
	}
	for (unsigned int o = 0; o < MEM_ORDERS; o++) {
		for (uint32_t at = m->free[o]; at && listed <= in_map; listed++) {
			if (m->map[at - 1] != (FREE | o))
				return -1;
			at = ((const struct link *)mem_ptr((struct mem *)m, at))->next;
		}
	}
	return unit == m->top && used == m->used && listed == in_map ? 0 : -1;
}
