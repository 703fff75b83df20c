/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* stuck.h - see stuck.c. */
#ifndef RUN_STUCK_H
#define RUN_STUCK_H

#include "run/run.h"

#define STUCK_NAME 64

/* The keeper has waited for the lock for a while: if who has it is stopped, that is said, once until the keeper has had the lock again. */
void stuck_say(struct run_member *m);

#endif
