// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * call_rights.c - descriptors of ours in messages of the kernel's UNIX sockets (SCM_RIGHTS). The sender may close its own before the
 * receiver has taken the message: until then the message holds the socket. One that is never received holds it until the
 * run ends.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "run/calls.h"
#include "run/guard.h"

/* Call fn for each descriptor that a message carries. */
static void each(const struct msghdr *msg, void (*fn)(int fd))
{
	struct msghdr *m = (struct msghdr *)(uintptr_t)msg; /* CMSG_NXTHDR wants it so */

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t n = c->cmsg_len >= CMSG_LEN(0) ? (c->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			fn(fd);
		}
	}
}

static void carry(int fd)
{
	if (local_sock(fd))
		run_sock_carry(local.m.r, local_sock(fd));
}

static void give_up(int fd)
{
	if (local_sock(fd))
		run_sock_delivered(&local.m, local_sock(fd));
}

static void take(int fd)
{
	struct stat st;
	uint32_t ref = fstat(fd, &st) || !S_ISSOCK(st.st_mode) ? 0 : run_sock_by_inode(local.m.r, st.st_ino);

	if (!ref)
		return;
	local_enter(fd, ref);
	run_sock_delivered(&local.m, ref);
}

static void with_lock(const struct msghdr *msg, void (*fn)(int fd))
{
	int err = errno;

	if (local_lock()) {
		each(msg, fn);
		local_unlock();
	}
	errno = err;
}

ssize_t call_send_rights(int fd, const struct msghdr *msg, int flags)
{
	bool carries = local.on && guard_read(msg, sizeof(*msg)) && msg->msg_control && msg->msg_controllen &&
		       guard_read(msg->msg_control, msg->msg_controllen);
	ssize_t n;

	if (carries)
		with_lock(msg, carry);
	n = real.sendmsg(fd, msg, flags);
	if (carries && n < 0)
		with_lock(msg, give_up);
	return n;
}

ssize_t call_recv_rights(int fd, struct msghdr *msg, int flags)
{
	ssize_t n = real.recvmsg(fd, msg, flags);

	if (n >= 0 && local.on && msg->msg_control && msg->msg_controllen && !(flags & MSG_PEEK))
		with_lock(msg, take);
	return n;
}
