/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * mem.h - buffer memory of an engine: a buddy allocator over one area of the
 * region. Blocks are powers of two from MEM_MIN bytes, named by 32-bit numbers,
 * never by pointers, so that every process that maps the region agrees on them.
 *
 * Freed blocks go to the free list of their size and are merged with their
 * buddies only when an allocation would fail otherwise (lazily), so that the
 * usual alloc and free are a pop and a push. All state lies in the area itself.
 *
 * Three marks tell how short memory is, as Linux's tcp_mem: above `pressure` it is pressed, until less than `low` is
 * in use; above `high` it is short. The allocator only tells; what to do about it is for its users.
 */
#ifndef LIB_MEM_H
#define LIB_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEM_MIN_SHIFT 8 /* 256 bytes */
#define MEM_ORDERS 24	/* order n: MEM_MIN << n; the largest is 2 GiB */

struct mem {
	uint64_t data_off; /* bytes from this struct to the first block */
	uint32_t units;	   /* blocks of MEM_MIN bytes in the area */
	uint32_t top;	   /* units handed out of the untouched end so far */
	uint64_t used;	   /* bytes allocated */
	uint64_t peak;
	uint64_t failures;
	uint64_t low, pressure, high; /* bytes */
	uint32_t free[MEM_ORDERS];    /* heads of the free lists: block number + 1; 0 none */
	uint32_t pressed;
	uint32_t reserved;
	uint8_t map[]; /* one byte a unit: state of the block that begins there */
};

/* Bytes needed for struct mem and an area of `bytes` of blocks; bytes is rounded up to a page. */
size_t mem_size(uint64_t bytes);
/* Make an empty allocator at m, page-aligned, in mem_size(bytes) bytes of zeroed memory. */
void mem_init(struct mem *m, uint64_t bytes);

/* low <= pressure <= high; without it there are no marks. */
void mem_marks(struct mem *m, uint64_t low, uint64_t pressure, uint64_t high);

static inline bool mem_pressed(const struct mem *m)
{
	return m->pressed;
}

static inline bool mem_short(const struct mem *m)
{
	return m->used > m->high;
}

/* A block of MEM_MIN << order bytes: its number (never 0), or 0 when there is none. Contents undefined. */
uint32_t mem_alloc(struct mem *m, unsigned int order);
/* A block of that order lies ready: mem_alloc() will give it. */
static inline bool mem_ready(const struct mem *m, unsigned int order)
{
	return order < MEM_ORDERS && m->free[order];
}

/* Give it back; order as allocated. block 0 is allowed. */
void mem_free(struct mem *m, uint32_t block, unsigned int order);

static inline void *mem_ptr(struct mem *m, uint32_t block)
{
	return (uint8_t *)m + m->data_off + ((uint64_t)(block - 1) << MEM_MIN_SHIFT);
}

/* Smallest order whose block holds bytes. */
static inline unsigned int mem_order(uint64_t bytes)
{
	if (bytes <= (1u << MEM_MIN_SHIFT))
		return 0;
	return 64u - (unsigned int)__builtin_clzll(bytes - 1) - MEM_MIN_SHIFT;
}

/* Walks every list and the map: 0 when they agree. For tests and the simulator's invariants. */
int mem_check(const struct mem *m);

#endif
