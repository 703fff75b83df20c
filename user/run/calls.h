/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * calls.h - the calls of sockets(7) over the run: each does what the kernel's of that name does, for a descriptor of ours as for
 * one of the kernel's, with its results and errno. Thread-safe.
 */
#ifndef RUN_CALLS_H
#define RUN_CALLS_H

#include <errno.h>

#include "run/local.h"

/* call_open.c */
int call_bind(int fd, const struct sockaddr *addr, socklen_t len);
int call_listen(int fd, int backlog);
int call_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags);
int call_connect(int fd, const struct sockaddr *addr, socklen_t len);
/* The same without the kernel's stack: CALL_KERNELS if it is for that. */
struct call_first { /* data for the SYN to carry, if there is a cookie for it (RFC 7413) */
	const struct iovec *iov;
	int n, flags;
	size_t taken; /* bytes of it that the connection has */
};
int call_connect_ours(int fd, const struct sockaddr *addr, socklen_t len, struct call_first *first);
#define CALL_KERNELS 1
int call_shutdown(int fd, int how);
int call_getsockname(int fd, struct sockaddr *addr, socklen_t *len);
int call_getpeername(int fd, struct sockaddr *addr, socklen_t *len);

/* call_fd.c: descriptors */
int call_close(int fd);
int call_close_range(unsigned int first, unsigned int last, int flags);
int call_dup(int fd);
int call_dup2(int from, int to);
int call_dup3(int from, int to, int flags);
int call_fcntl(int fd, int cmd, void *arg);
int call_ioctl(int fd, unsigned long request, void *arg);

/* call_rights.c: messages of the kernel's UNIX sockets, which may carry descriptors of ours */
ssize_t call_send_rights(int fd, const struct msghdr *msg, int flags);
ssize_t call_recv_rights(int fd, struct msghdr *msg, int flags);

/* call_io.c: data. flags as of send(2) and recv(2). */
void call_send_first(uint32_t ref, struct call_first *first); /* right after xtcp_connect() */
ssize_t call_send(int fd, const struct iovec *iov, int n, int flags);
ssize_t call_recv(int fd, const struct iovec *iov, int n, int flags);
ssize_t call_readv(int fd, const struct iovec *iov, int n); /* of ours */
ssize_t call_writev(int fd, const struct iovec *iov, int n);
ssize_t call_write(int fd, const void *buf, size_t n);
ssize_t call_read(int fd, void *buf, size_t n);
ssize_t call_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t call_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t call_sendfile(int out, int in, off_t *off, size_t n);
ssize_t call_splice(int in, off64_t *in_off, int out, off64_t *out_off, size_t n, unsigned int flags);

/* call_opt.c */
int call_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
int call_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
/* Under the lock: what was set while it was the kernel's socket counts now; what is set on a listener is its connections', from the start. */
void call_take_options(int fd, uint32_t ref);
void call_inherit_options(int fd, struct run_sock *to, const struct run_sock *listener);

/* call_poll.c; a time limit of NULL: none */
int call_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *limit, const sigset_t *mask);
bool call_select_ours(int n, fd_set *in, fd_set *out, fd_set *except);
int call_pselect(int n, fd_set *in, fd_set *out, fd_set *except, const struct timespec *limit, const sigset_t *mask);

/* EINVAL, says the kernel. */
static inline bool call_bad_limit(const struct timespec *limit)
{
	return limit && (limit->tv_sec < 0 || limit->tv_nsec < 0 || limit->tv_nsec > 999999999);
}

/* The time, CLOCK_MONOTONIC, by which to be back. */
uint64_t call_until(const struct timespec *limit);

/* call_epoll.c */
/* Under the lock: the epoll instance is itself polled from now on. */
void call_epoll_nest(uint32_t ref);
/* Likewise: those that are polled and have nothing ready any more say so. */
void call_epoll_tidy(void);
int call_epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev);
int call_epoll_wait(int epfd, struct epoll_event *ev, int max, const struct timespec *limit, const sigset_t *mask);

/* A time limit of poll(2)'s kind; NULL: none. */
static inline const struct timespec *call_ms(int ms, struct timespec *room)
{
	if (ms < 0)
		return NULL;
	*room = (struct timespec){ .tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000l };
	return room;
}

static inline int call_error(int err)
{
	errno = err;
	return -1;
}

#endif
