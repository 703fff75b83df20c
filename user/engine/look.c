// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * look.c - looking into an engine from another process. The head of its region is copied by read(2): a file that shrinks under a
 * mapping would kill who looks, and whose file it is cannot be known before.
 */
#include "engine/region.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static void copy(const struct region *r, struct engine_look *out)
{
	out->place = r->place;
	out->conns = r->conns.used;
	out->time_waits = r->tws.used;
	out->listeners = r->listeners.used;
	for (int i = 0; i < XTCP_USER_STATS; i++)
		out->stats[i] = r->stats[i];
}

int engine_look(int fd, struct engine_look *out)
{
	struct region *r = malloc(sizeof(*r));
	ssize_t n = r ? pread(fd, r, sizeof(*r), 0) : -1;
	int err = 0;

	if (!r)
		return -ENOMEM;
	if (n < (ssize_t)offsetof(struct region, bytes) || r->magic != REGION_MAGIC)
		err = -ENOENT;
	else if (r->version != REGION_VERSION || r->header_bytes != sizeof(*r) || n != (ssize_t)sizeof(*r))
		err = -EPROTO;
	else if (!r->place.queues)
		err = -ENOENT;
	else
		copy(r, out);
	free(r);
	return err;
}
