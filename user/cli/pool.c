// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* pool.c - slabs and a free chain. See pool.h. */
#include "cli/pool.h"

#include <stdlib.h>
#include <string.h>

#define SLAB_OBJECTS 256
#define SLAB_HEAD 16 /* the link to the next slab; keeps objects aligned */

void *pool_get(struct pool *p)
{
	void *object;

	if (!p->free) {
		char *slab = malloc(SLAB_HEAD + SLAB_OBJECTS * p->size);

		if (!slab)
			return NULL;
		memcpy(slab, &p->slabs, sizeof(p->slabs));
		p->slabs = slab;
		for (int i = SLAB_OBJECTS - 1; i >= 0; i--)
			pool_put(p, slab + SLAB_HEAD + (size_t)i * p->size);
	}
	object = p->free;
	memcpy(&p->free, object, sizeof(p->free));
	memset(object, 0, p->size);
	return object;
}

void pool_put(struct pool *p, void *object)
{
	memcpy(object, &p->free, sizeof(p->free));
	p->free = object;
}

void pool_fini(struct pool *p)
{
	while (p->slabs) {
		void *slab = p->slabs;

		memcpy(&p->slabs, slab, sizeof(p->slabs));
		free(slab);
	}
	p->free = NULL;
}
