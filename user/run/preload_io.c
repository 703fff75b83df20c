// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* preload_io.c - the C library's calls that move data. See preload.c. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "run/calls.h"
#include "run/guard.h"
#include "io/clock.h"
#include "run/call_fast.h"

#define EXPORT __attribute__((visibility("default")))

/* ---- in ---- */

EXPORT ssize_t read(int fd, void *buf, size_t n)
{
	real_init();
	return call_read(fd, buf, n);
}

EXPORT ssize_t readv(int fd, const struct iovec *iov, int n)
{
	real_init();
	return local_sock(fd) ? call_readv(fd, iov, n) : real.readv(fd, iov, n);
}

EXPORT ssize_t recvfrom(int fd, void *restrict buf, size_t n, int flags, __SOCKADDR_ARG addr, socklen_t *restrict len)
{
	struct iovec iov = { buf, n };

	real_init();
	if (!local_sock(fd))
		return real.recvfrom(fd, buf, n, flags, addr.__sockaddr__, len);
	if (len && !guard_write(len, sizeof(*len)))
		return call_error(EFAULT);
	if (len)
		*len = 0;
	return call_recv(fd, &iov, 1, flags);
}

EXPORT ssize_t recv(int fd, void *buf, size_t n, int flags)
{
	struct iovec iov = { buf, n };

	real_init();
	return local_sock(fd) ? call_recv(fd, &iov, 1, flags) : real.recvfrom(fd, buf, n, flags, NULL, NULL);
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	real_init();
	return call_recvmsg(fd, msg, flags);
}

/* As Linux does: the time is looked at after each message, and what is left of it is said. True: none. */
static bool rest(uint64_t until, struct timespec *limit)
{
	uint64_t now = clock_now_ns(), left = until > now ? until - now : 0;

	limit->tv_sec = (time_t)(left / 1000000000ull);
	limit->tv_nsec = (long)(left % 1000000000ull);
	return !left;
}

EXPORT int recvmmsg(int fd, struct mmsghdr *v, unsigned int n, int flags, struct timespec *limit)
{
	uint64_t until;
	unsigned int i;

	real_init();
	if (!local_sock(fd))
		return real.recvmmsg(fd, v, n, flags, limit);
	if (limit && !guard_write(limit, sizeof(*limit)))
		return call_error(EFAULT);
	if (call_bad_limit(limit))
		return call_error(EINVAL);
	until = call_until(limit);
	n = n < IOV_MAX ? n : IOV_MAX;
	for (i = 0; i < n;) {
		ssize_t got = !guard_write(&v[i], sizeof(v[i]))
				      ? call_error(EFAULT)
				      : call_recvmsg(fd, &v[i].msg_hdr, flags & ~MSG_WAITFORONE);

		if (got < 0)
			return i ? (int)i : -1;
		v[i++].msg_len = (unsigned int)got;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		if (limit && rest(until, limit))
			break;
	}
	return (int)i;
}

/* ---- out ---- */

EXPORT ssize_t write(int fd, const void *buf, size_t n)
{
	real_init();
	return call_write(fd, buf, n);
}

EXPORT ssize_t writev(int fd, const struct iovec *iov, int n)
{
	real_init();
	return local_sock(fd) ? call_writev(fd, iov, n) : real.writev(fd, iov, n);
}

EXPORT ssize_t send(int fd, const void *buf, size_t n, int flags)
{
	struct iovec iov = { (void *)(uintptr_t)buf, n };

	real_init();
	return local_sock(fd) ? call_send(fd, &iov, 1, flags) : real.sendto(fd, buf, n, flags, NULL, 0);
}

EXPORT ssize_t sendto(int fd, const void *buf, size_t n, int flags, __CONST_SOCKADDR_ARG addr, socklen_t len)
{
	struct iovec iov = { (void *)(uintptr_t)buf, n };

	real_init();
	if (flags & MSG_FASTOPEN)
		return call_fast_send(fd, &iov, 1, flags, addr.__sockaddr__, len);
	return local_sock(fd) ? call_send(fd, &iov, 1, flags) : real.sendto(fd, buf, n, flags, addr.__sockaddr__, len);
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	real_init();
	if (flags & MSG_FASTOPEN && guard_read(msg, sizeof(*msg)) && msg->msg_iovlen <= IOV_MAX)
		return call_fast_send(fd, msg->msg_iov, (int)msg->msg_iovlen, flags, msg->msg_name, msg->msg_namelen);
	return call_sendmsg(fd, msg, flags);
}

EXPORT int sendmmsg(int fd, struct mmsghdr *v, unsigned int n, int flags)
{
	unsigned int i;

	real_init();
	if (!local_sock(fd))
		return real.sendmmsg(fd, v, n, flags);
	n = n < IOV_MAX ? n : IOV_MAX;
	for (i = 0; i < n; i++) {
		ssize_t put = !guard_write(&v[i], sizeof(v[i])) ? call_error(EFAULT)
								: call_sendmsg(fd, &v[i].msg_hdr, flags);

		if (put < 0)
			return i ? (int)i : -1;
		v[i].msg_len = (unsigned int)put;
	}
	return (int)i;
}

EXPORT ssize_t sendfile(int out, int in, off_t *off, size_t n)
{
	real_init();
	return call_sendfile(out, in, off, n);
}

EXPORT ssize_t sendfile64(int out, int in, off64_t *off, size_t n)
{
	real_init();
	return call_sendfile(out, in, (off_t *)off, n);
}

EXPORT ssize_t splice(int in, off64_t *in_off, int out, off64_t *out_off, size_t n, unsigned int flags)
{
	real_init();
	return call_splice(in, in_off, out, out_off, n, flags);
}

/* ---- fortified variants: the size of the buffer is known, and checked ---- */

ssize_t __read_chk(int, void *, size_t, size_t);
ssize_t __recv_chk(int, void *, size_t, size_t, int);
ssize_t __recvfrom_chk(int, void *restrict, size_t, size_t, int, __SOCKADDR_ARG, socklen_t *restrict);

__attribute__((noreturn)) static void overflow(void)
{
	static const char text[] = "*** buffer overflow detected ***: terminated\n";

	if (real.write(2, text, sizeof(text) - 1) < 0)
		abort();
	abort();
}

EXPORT ssize_t __read_chk(int fd, void *buf, size_t n, size_t room)
{
	if (n > room)
		overflow();
	return read(fd, buf, n);
}

EXPORT ssize_t __recv_chk(int fd, void *buf, size_t n, size_t room, int flags)
{
	if (n > room)
		overflow();
	return recv(fd, buf, n, flags);
}

EXPORT ssize_t __recvfrom_chk(int fd, void *restrict buf, size_t n, size_t room, int flags, __SOCKADDR_ARG addr,
			      socklen_t *restrict len)
{
	if (n > room)
		overflow();
	return recvfrom(fd, buf, n, flags, addr, len);
}
