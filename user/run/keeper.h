/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * keeper.h - the process of `xtcp run`: it opens the engines and what the processes share, answers them what only the host knows,
 * runs turns while none of them does, and gives up what the dead held.
 */
#ifndef RUN_KEEPER_H
#define RUN_KEEPER_H

#include "xtcp.h"
#include "run/run.h"

struct keeper;

struct keeper_conf {
	const char *ifname;
	uint32_t spin_us;
	enum xtcp_waiting waiting;
	const struct run_rules *rules;
};

/* Over engines that are open; they stay the caller's. 0 or -errno with fail(). */
int keeper_open(struct keeper **out, struct xtcp *const *x, uint32_t engines, const struct keeper_conf *conf);
/* What the programs of the run need in their environment: XTCP_RUN. */
const char *keeper_name(const struct keeper *k);
/*
 * Serve until the child has ended (child 0: until a process has joined) and no process of the run is left, or stop_fd is readable. Returns
 * the child's wait status, or -1 if it was stopped, and then may be called again. The child is reaped.
 */
int keeper_serve(struct keeper *k, pid_t child, int stop_fd);
/* A signal for the program; once that has ended, for what it has left running: those processes of the run that none of them started. */
void keeper_signal(struct keeper *k, int sig);
/* That has ended. */
bool keeper_outlives(const struct keeper *k);
/* Every connection still open is closed; the engines are the caller's again. */
void keeper_close(struct keeper *k);

#endif
