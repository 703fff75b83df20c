/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* stop.h - SIGINT, SIGTERM and SIGHUP: the first asks to end in good order, the second ends at once. */
#ifndef CLI_STOP_H
#define CLI_STOP_H

#include <stdbool.h>
#include "xtcp.h"

/* How long an orderly end may take. */
#define STOP_MS 2000

/* Take the signals over; SIGPIPE is ignored from here on. 0 or -errno. */
int stop_install(void);
bool stop_asked(void);
/* Polls readable once a signal came. */
int stop_fd(void);
/* What a first signal does, without one. */
void stop_ask(void);
/* A signal ends the xtcp_wait() of this engine too, of at most 64; not any more, before it is destroyed. */
void stop_wakes(struct xtcp *x);
void stop_forgets(struct xtcp *x);
/* Run fn before ending at once; fn must be async-signal-safe. */
void stop_restores(void (*fn)(void));

#endif
