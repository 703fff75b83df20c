// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * call_fast.c - sendto() and sendmsg() with MSG_FASTOPEN: connect, and send. Ours does what the kernel does without a cookie of that peer: the
 * handshake first, the data after it.
 */
#include <errno.h>
#include <string.h>
#include <netinet/in.h>

#include "run/call_fast.h"
#include "run/guard.h"

static ssize_t kernels(int fd, const struct iovec *iov, int n, int flags, const struct sockaddr *addr, socklen_t len)
{
	struct msghdr msg = { .msg_name = (void *)(uintptr_t)addr, .msg_namelen = addr ? len : 0 };

	msg.msg_iov = (struct iovec *)(uintptr_t)iov;
	msg.msg_iovlen = (size_t)n;
	return real.sendmsg(fd, &msg, flags);
}

ssize_t call_fast_send(int fd, const struct iovec *iov, int n, int flags, const struct sockaddr *addr, socklen_t len)
{
	int rc;

	if (!local.on || (!addr && !local_sock(fd)))
		return kernels(fd, iov, n, flags, addr, len);
	if (local_sock(fd) && local_at(local_sock(fd))->opened)
		return addr ? call_error(EISCONN) : call_send(fd, iov, n, flags & ~MSG_FASTOPEN);
	if (!addr)
		return call_error(EINVAL);
	if (!guard_read(iov, (size_t)n * sizeof(*iov)))
		return call_error(EFAULT);
	if (local_sock(fd) && local_at(local_sock(fd))->connecting)
		return call_error(EALREADY);
	rc = call_connect_ours(fd, addr, len);
	if (rc == CALL_KERNELS)
		return kernels(fd, iov, n, flags, addr, len);
	return rc ? -1 : call_send(fd, iov, n, flags & ~MSG_FASTOPEN);
}
