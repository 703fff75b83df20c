/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* clerk.h - what the two threads of the keeper share: see keeper.c and clerk.c. */
#ifndef RUN_CLERK_H
#define RUN_CLERK_H

#include "run/keeper.h"

/* Of one engine. */
struct keeper_engine {
	struct run_member *m;
	pthread_mutex_t ctl_lock; /* of netlink's state: both threads use it */
	int run_fd;
	int rpc_fd, rpc_peer_fd;
	int fds[RUN_FDS_MAX]; /* what newcomers get */
	int nfds;
	uint64_t looked_ns; /* when it had the lock last */
	uint64_t seen_ns;   /* when a turn of others was last seen */
	uint64_t seen_turn_ns;
	uint64_t deadline; /* when last looked at */
	uint32_t watcher;  /* likewise */
	uint32_t eager;	   /* likewise */
	uint64_t late_ns;  /* when a turn was late last */
	uint32_t lates;	   /* how often */
	uint64_t wait_ns;  /* until it looks again */
};

struct keeper {
	struct run_member m[RUN_ENGINES];
	struct keeper_engine e[RUN_ENGINES];
	uint32_t engines;
	int door_fd, stop_fd;
	pthread_t clerk;
	bool clerk_runs;
	int pidfd[RUN_PROCS];
	uint32_t pidfds; /* none from here on */
	int child_fd;	 /* pidfd of the program that was started; -1: none, or it has ended */
	bool begun;	 /* it has been waited for; without one, somebody has joined */
	bool reaped;
	int status; /* of it */
};

extern const struct host_ops keeper_host_ops; /* over a struct keeper_engine * */
/* The clerk's thread; arg: struct keeper *. Until stop_fd is readable. */
void *keeper_clerk(void *arg);

#endif
