// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * call_fast.c - sendto() and sendmsg() with MSG_FASTOPEN: connect, and send (RFC 7413). With a cookie of that peer the SYN carries what
 * fits; without one it asks for it, and the data follows the handshake.
 */
#include <errno.h>
#include <limits.h>
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

/* What the SYN has not taken, once there is a connection. */
static ssize_t send_rest(int fd, const struct call_first *first)
{
	struct iovec rest[IOV_MAX];
	size_t skip = first->taken;
	ssize_t more;
	int n = 0;

	for (int i = 0; i < first->n; i++) {
		const struct iovec *v = &first->iov[i];
		size_t cut = skip < v->iov_len ? skip : v->iov_len;

		skip -= cut;
		if (cut < v->iov_len)
			rest[n++] = (struct iovec){ (uint8_t *)v->iov_base + cut, v->iov_len - cut };
	}
	if (!n)
		return (ssize_t)first->taken;
	more = call_send(fd, rest, n, first->flags);
	if (!first->taken)
		return more;
	return (ssize_t)first->taken + (more > 0 ? more : 0);
}

ssize_t call_fast_send(int fd, const struct iovec *iov, int n, int flags, const struct sockaddr *addr, socklen_t len)
{
	struct call_first first = { iov, n, flags & ~MSG_FASTOPEN, 0 };
	int rc;

	if (!local.on || (!addr && !local_sock(fd)))
		return kernels(fd, iov, n, flags, addr, len);
	if (local_sock(fd) && local_at(local_sock(fd))->opened)
		return addr ? call_error(EISCONN) : call_send(fd, iov, n, first.flags);
	if (!addr)
		return call_error(EINVAL);
	if (!guard_read(iov, (size_t)n * sizeof(*iov)))
		return call_error(EFAULT);
	if (local_sock(fd) && local_at(local_sock(fd))->connecting)
		return call_error(EALREADY);
	rc = call_connect_ours(fd, addr, len, &first);
	if (rc == CALL_KERNELS)
		return kernels(fd, iov, n, flags, addr, len);
	if (rc)
		return errno == EINPROGRESS && first.taken ? (ssize_t)first.taken : -1;
	return send_rest(fd, &first);
}
