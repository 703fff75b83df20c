// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * ring.c - byte rings in buffer memory. They double as they are needed and go back
 * to memory when they run empty; a hint remembers the size, so that a busy
 * connection gets the same warm block again in one step.
 */
#include "tcp/internal.h"

#define RING_MIN_ORDER 3 /* 2 KiB */

static uint32_t order_size(unsigned int order)
{
	return 1u << (order + MEM_MIN_SHIFT);
}

static unsigned int ring_order(uint32_t size)
{
	return (unsigned int)__builtin_ctz(size) - MEM_MIN_SHIFT;
}

static void copy_out(struct tcp_env *env, const struct tcp_ring *r, uint8_t *to, uint32_t len)
{
	struct tcp_span span[2];
	uint32_t n = ring_spans(env, r, 0, len, span);

	for (uint32_t i = 0; i < n; i++) {
		memcpy(to, span[i].data, span[i].len);
		to += span[i].len;
	}
}

bool ring_reserve(struct tcp_env *env, struct tcp_ring *r, uint32_t keep, uint32_t need, unsigned int hint)
{
	unsigned int order, least;
	uint32_t block;

	if (need > r->peak)
		r->peak = need;
	if (need <= r->size)
		return true;
	least = mem_order(need);
	order = least;
	if (!r->size && order < hint)
		order = hint;
	if (order < RING_MIN_ORDER)
		order = RING_MIN_ORDER;
	block = mem_alloc(env->mem, order);
	if (!block && order > least) {
		order = least;
		block = mem_alloc(env->mem, order);
	}
	if (!block) {
		tcp_count(env, mem_limit);
		return false;
	}
	if (r->size) {
		copy_out(env, r, mem_ptr(env->mem, block), keep);
		mem_free(env->mem, r->block, ring_order(r->size));
	}
	r->block = block;
	r->size = order_size(order);
	r->head = 0;
	return true;
}

bool ring_take(struct tcp_env *env, struct tcp_ring *r, uint32_t len, unsigned int hint)
{
	unsigned int order = mem_order(len);

	if (order < hint)
		order = hint;
	if (order < RING_MIN_ORDER)
		order = RING_MIN_ORDER;
	if (r->size || !mem_ready(env->mem, order))
		return false;
	r->block = mem_alloc(env->mem, order);
	r->size = order_size(order);
	r->head = 0;
	if (len > r->peak)
		r->peak = len;
	return true;
}

void ring_fit(struct tcp_env *env, struct tcp_ring *r)
{
	unsigned int order = mem_order(r->len);
	uint32_t block;

	if (order < RING_MIN_ORDER)
		order = RING_MIN_ORDER;
	if (!r->len || r->size <= order_size(order))
		return;
	block = mem_alloc(env->mem, order);
	if (!block)
		return;
	copy_out(env, r, mem_ptr(env->mem, block), r->len);
	mem_free(env->mem, r->block, ring_order(r->size));
	r->block = block;
	r->size = order_size(order);
	r->head = 0;
	r->peak = r->len;
}

void ring_release(struct tcp_env *env, struct tcp_ring *r, uint8_t *hint)
{
	unsigned int used = mem_order(r->peak);

	if (!r->size)
		return;
	*hint = (uint8_t)(used + 1 >= *hint ? used : *hint - 1u);
	mem_free(env->mem, r->block, ring_order(r->size));
	memset(r, 0, sizeof(*r));
}

uint32_t ring_spans(struct tcp_env *env, const struct tcp_ring *r, uint32_t off, uint32_t len, struct tcp_span span[2])
{
	const uint8_t *base;
	uint32_t at, first;

	if (!len)
		return 0;
	base = mem_ptr(env->mem, r->block);
	at = (r->head + off) & (r->size - 1);
	first = min_u32(len, r->size - at);
	span[0].data = base + at;
	span[0].len = first;
	if (first == len)
		return 1;
	span[1].data = base;
	span[1].len = len - first;
	return 2;
}
