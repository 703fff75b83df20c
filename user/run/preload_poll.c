// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* preload_poll.c - the C library's calls that wait for descriptors. See preload.c. */
#include <errno.h>
#include <stdlib.h>

#include "run/calls.h"
#include "run/guard.h"
#include "io/clock.h"

#define EXPORT __attribute__((visibility("default")))

/* Fortified variants of the C library, which has no prototypes of them for us. */
int __poll_chk(struct pollfd *, nfds_t, int, size_t);
int __ppoll_chk(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *, size_t);

EXPORT int poll(struct pollfd *fds, nfds_t n, int ms)
{
	struct timespec ts;

	real_init();
	return call_ppoll(fds, n, call_ms(ms, &ts), NULL);
}

EXPORT int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *limit, const sigset_t *mask)
{
	real_init();
	return call_ppoll(fds, n, limit, mask);
}

EXPORT int __poll_chk(struct pollfd *fds, nfds_t n, int ms, size_t room)
{
	if (room / sizeof(*fds) < n)
		abort();
	return poll(fds, n, ms);
}

EXPORT int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *limit, const sigset_t *mask, size_t room)
{
	if (room / sizeof(*fds) < n)
		abort();
	return ppoll(fds, n, limit, mask);
}

EXPORT int pselect(int n, fd_set *restrict in, fd_set *restrict out, fd_set *restrict except,
		   const struct timespec *restrict limit, const sigset_t *restrict mask)
{
	real_init();
	return call_pselect(n, in, out, except, limit, mask);
}

/* As Linux does: what is left of the time. */
static void tell_rest(uint64_t until, struct timeval *limit)
{
	uint64_t now = clock_now_ns(), left = until > now ? until - now : 0;

	if (until == LOCAL_NEVER)
		return;
	limit->tv_sec = (time_t)(left / 1000000000ull);
	limit->tv_usec = (suseconds_t)(left % 1000000000ull / 1000);
}

EXPORT int select(int n, fd_set *restrict in, fd_set *restrict out, fd_set *restrict except,
		  struct timeval *restrict limit)
{
	struct timespec ts;
	uint64_t until;
	int rc;

	real_init();
	if (limit && !guard_write(limit, sizeof(*limit)))
		return call_error(EFAULT);
	if (!call_select_ours(n, in, out, except) || (limit && (limit->tv_sec < 0 || limit->tv_usec < 0)))
		return real.select(n, in, out, except, limit);
	if (!limit)
		return call_pselect(n, in, out, except, NULL, NULL);
	ts.tv_sec = limit->tv_sec + limit->tv_usec / 1000000;
	ts.tv_nsec = limit->tv_usec % 1000000 * 1000;
	until = call_until(&ts);
	rc = call_pselect(n, in, out, except, &ts, NULL);
	tell_rest(until, limit);
	return rc;
}

EXPORT int epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev)
{
	real_init();
	return call_epoll_ctl(epfd, op, fd, ev);
}

EXPORT int epoll_wait(int epfd, struct epoll_event *ev, int max, int ms)
{
	struct timespec ts;

	real_init();
	return call_epoll_wait(epfd, ev, max, call_ms(ms, &ts), NULL);
}

EXPORT int epoll_pwait(int epfd, struct epoll_event *ev, int max, int ms, const sigset_t *mask)
{
	struct timespec ts;

	real_init();
	return call_epoll_wait(epfd, ev, max, call_ms(ms, &ts), mask);
}

EXPORT int epoll_pwait2(int epfd, struct epoll_event *ev, int max, const struct timespec *limit, const sigset_t *mask)
{
	real_init();
	return call_epoll_wait(epfd, ev, max, limit, mask);
}
