// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * preload_more.c - calls of the C library that are others by another name, or use them inside the library where nobody can step in
 * between. See preload.c.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <linux/sockios.h>

#include "run/calls.h"
#include "run/guard.h"

#define EXPORT __attribute__((visibility("default")))

/* Those for which the C library has no prototypes for us. */
int __dprintf_chk(int, int, const char *, ...);
int __vdprintf_chk(int, int, const char *, va_list);
int __close(int);
int __connect(int, const struct sockaddr *, socklen_t);
ssize_t __read(int, void *, size_t);
ssize_t __write(int, const void *, size_t);
ssize_t __send(int, const void *, size_t, int);
int __poll(struct pollfd *, nfds_t, int);
int __select(int, fd_set *, fd_set *, fd_set *, struct timeval *);
int __dup2(int, int);

EXPORT int __close(int fd)
{
	return close(fd);
}

EXPORT int __connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	return connect(fd, addr, len);
}

EXPORT ssize_t __read(int fd, void *buf, size_t n)
{
	return read(fd, buf, n);
}

EXPORT ssize_t __write(int fd, const void *buf, size_t n)
{
	return write(fd, buf, n);
}

EXPORT ssize_t __send(int fd, const void *buf, size_t n, int flags)
{
	return send(fd, buf, n, flags);
}

EXPORT int __poll(struct pollfd *fds, nfds_t n, int ms)
{
	return poll(fds, n, ms);
}

EXPORT int __select(int n, fd_set *in, fd_set *out, fd_set *except, struct timeval *limit)
{
	return select(n, in, out, except, limit);
}

EXPORT int __dup2(int from, int to)
{
	return dup2(from, to);
}

/* ---- at no offset they are readv() and writev(); at any other a socket has none ---- */

static int flags_of(int flags)
{
	return flags & RWF_NOWAIT ? MSG_DONTWAIT : 0;
}

EXPORT ssize_t preadv2(int fd, const struct iovec *iov, int n, off_t off, int flags)
{
	real_init();
	if (!local_sock(fd) || off != -1 || flags & ~(RWF_NOWAIT | RWF_HIPRI))
		return real.preadv2(fd, iov, n, off, flags);
	if (n < 0 || n > IOV_MAX || !guard_read(iov, (size_t)n * sizeof(*iov)))
		return call_error(n < 0 || n > IOV_MAX ? EINVAL : EFAULT);
	return call_recv(fd, iov, n, flags_of(flags));
}

EXPORT ssize_t pwritev2(int fd, const struct iovec *iov, int n, off_t off, int flags)
{
	real_init();
	if (!local_sock(fd) || off != -1 || flags & ~(RWF_NOWAIT | RWF_HIPRI))
		return real.pwritev2(fd, iov, n, off, flags);
	if (n < 0 || n > IOV_MAX || !guard_read(iov, (size_t)n * sizeof(*iov)))
		return call_error(n < 0 || n > IOV_MAX ? EINVAL : EFAULT);
	return call_send(fd, iov, n, flags_of(flags));
}

EXPORT ssize_t preadv64v2(int fd, const struct iovec *iov, int n, off64_t off, int flags)
{
	return preadv2(fd, iov, n, off, flags);
}

EXPORT ssize_t pwritev64v2(int fd, const struct iovec *iov, int n, off64_t off, int flags)
{
	return pwritev2(fd, iov, n, off, flags);
}

/* ---- built on others inside the library ---- */

EXPORT int sockatmark(int fd)
{
	int at = 0;

	return ioctl(fd, SIOCATMARK, &at) ? -1 : at;
}

static int print(int fd, const char *format, va_list ap)
{
	char *text = NULL;
	int n, done = 0;

	real_init();
	if (!local_sock(fd))
		return real.vdprintf(fd, format, ap);
	n = vasprintf(&text, format, ap);
	while (n >= 0 && done < n) {
		ssize_t put = write(fd, text + done, (size_t)(n - done));

		if (put < 0)
			n = -1;
		else
			done += (int)put;
	}
	free(text);
	return n;
}

EXPORT int vdprintf(int fd, const char *restrict format, va_list ap)
{
	return print(fd, format, ap);
}

EXPORT int dprintf(int fd, const char *restrict format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = print(fd, format, ap);
	va_end(ap);
	return n;
}

EXPORT int __vdprintf_chk(int fd, int flag, const char *format, va_list ap)
{
	(void)flag;
	return print(fd, format, ap);
}

EXPORT int __dprintf_chk(int fd, int flag, const char *format, ...)
{
	va_list ap;
	int n;

	(void)flag;
	va_start(ap, format);
	n = print(fd, format, ap);
	va_end(ap);
	return n;
}
