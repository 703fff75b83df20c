/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* early.h - sockets that are not ours yet, and how they are watched. See early.c. */
#ifndef RUN_EARLY_H
#define RUN_EARLY_H

#include "run/calls.h"

/* In local.opts, beside those of call_opt.c (1, 2, 4 and 256) and local.h (8 and 512). */
enum {
	EARLY_FRESH = 16,     /* a TCP socket of socket(), neither connected nor listening */
	EARLY_COPIED = 32,    /* it has been copied meanwhile */
	EARLY_WATCHED = 64,   /* it is, or was, in an epoll instance: any descriptor of the kernel's */
	EARLY_WATCHING = 128, /* an epoll instance with fresh sockets in it */
};

void early_socket(int fd, int domain, int type);
/* A copy of a descriptor that is not ours. */
void early_copied(int from, int to);
/* After the kernel's epoll_ctl() of a descriptor that is not ours has succeeded. */
void early_ctl(int epfd, int op, int fd, const struct epoll_event *ev);
/* A descriptor that is not ours is closed; it is connected, or listens, and stays the kernel's. */
void early_closed(int fd);
void early_kernels(int fd);
/* Of the kernel's socket behind fd. 0: it is closed. */
uint64_t early_inode(int fd);
/* Under the lock of name, which is held once more: fd stands for it from now on. -EBADF: another thread has closed fd, or was faster; given back. */
int early_become(int fd, uint32_t name);
/* It has become ours. Under its lock, and the same after it. -EBADF: another thread has closed fd meanwhile; -EIO: the run has ended. */
int early_ours(int fd, uint32_t ref);

/* Its connect() has failed, and it is the kernel's socket again: who watched it, under its lock; and then, without, watches it as before. */
struct early_watch {
	uint32_t epoll;
	struct epoll_event ev;
};
#define EARLY_KEPT 16
uint32_t early_watches(int fd, uint32_t ref, struct early_watch kept[EARLY_KEPT]);
void early_again(int fd, const struct early_watch *kept, uint32_t n);

/* Of call_epoll.c, under the lock: what an instance of the kernel's has of fd is ours from now on; off: EPOLLONESHOT has fired. 0 or -errno. */
int call_epoll_move(int epfd, uint32_t sock, int fd, const struct epoll_event *ev, bool off);

#endif
