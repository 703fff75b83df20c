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
#include "run/shared.h"

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

/* What a descriptor stands for, in each engine that has it: one, or all for a listener. */
static void in_each(uint32_t name, void (*fn)(uint32_t ref))
{
	uint64_t inode = local_at(name)->inode;

	if (local_at(name)->kind != RUN_LISTENER) {
		if (local_go(local_engine(name)))
			fn(local_ref(name));
		return;
	}
	for (uint32_t k = 0; k < local.engines; k++) {
		uint32_t twin;

		if (!local_go_twin(name, inode, k, &twin))
			return;
		if (twin)
			fn(local_ref(twin));
	}
}

static void carry_one(uint32_t ref)
{
	run_sock_carry(local_here->r, ref);
}

static void deliver_one(uint32_t ref)
{
	run_sock_delivered(local_here, ref);
}

static void carry(int fd)
{
	if (local_sock(fd))
		in_each(local_sock(fd), carry_one);
	else
		shared_sent(fd);
}

static void give_up(int fd)
{
	if (local_sock(fd))
		in_each(local_sock(fd), deliver_one);
}

static void take(int fd)
{
	struct stat st;
	uint32_t ref = 0;

	if (fstat(fd, &st) || !S_ISSOCK(st.st_mode))
		return;
	for (uint32_t k = 0; k < local.engines && !ref; k++) { /* a listener is found in the first */
		if (!local_go(k))
			return;
		ref = run_sock_by_inode(local_here->r, st.st_ino);
		if (ref)
			ref = local_name(k, ref);
	}
	if (!ref) {
		shared_came(fd);
		return;
	}
	local_enter(fd, ref);
	in_each(ref, deliver_one);
}

static void with_lock(const struct msghdr *msg, void (*fn)(int fd))
{
	int err = errno;

	if (local_lock(0)) {
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
