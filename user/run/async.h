/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* async.h - signals of readiness. See async.c, and call_async.c for how a program asks for them. */
#ifndef RUN_ASYNC_H
#define RUN_ASYNC_H

#include "run/run.h"

#define RUN_ASYNC_MAGIC 0xa51c000000000000ull /* of a value: it stands for a band and a descriptor */
#define RUN_ASYNC_MASK 0xffff000000000000ull

/* Under the lock: XTCP_EV_* of a socket that has an owner. */
void run_async_event(struct run_member *m, uint32_t ref, uint32_t events);
/* Without it: what run_unlock() found to be due. */
void run_async_send(struct run_member *m, const struct run_signals *due);
void run_async_adopt(struct run_member *m);

#endif
