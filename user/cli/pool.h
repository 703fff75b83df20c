/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* pool.h - objects of one size, for what each connection of a server needs. Freed ones are used again. */
#ifndef CLI_POOL_H
#define CLI_POOL_H

#include <stddef.h>

struct pool {
	size_t size; /* of an object, bytes; at least that of a pointer */
	void *free;  /* chain of free objects */
	void *slabs; /* chain of slabs */
};

/* A zeroed object, NULL when memory is out. */
void *pool_get(struct pool *p);
void pool_put(struct pool *p, void *object);
/* Free all slabs; objects still in use go too. */
void pool_fini(struct pool *p);

#endif
