/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* shared.h - sockets that several processes have before they are anything. See shared.c; LOCAL_SHARED and local_adopt() are in local.h. */
#ifndef RUN_SHARED_H
#define RUN_SHARED_H

#include "run/local.h"

/* This process is about to fork: what is fresh is its child's, too. */
void shared_fork(void);
/* A descriptor that is not ours leaves in a message, or has come in one; under the lock. */
void shared_sent(int fd);
void shared_came(int fd);

struct shared {
	bool any;
	uint64_t slots[RUN_PROCS / 64];
};
/* Without the lock: which other processes have the socket of fd? */
void shared_find(int fd, struct shared *with);
/* Under its lock, and the same after it unless the run has ended: it has become ours, and theirs. */
void shared_hold(uint32_t name, const struct shared *with);

#endif
