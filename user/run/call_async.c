// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * call_async.c - O_ASYNC, F_SETOWN and F_SETSIG of a socket of ours. The kernel's socket behind the descriptor is set first: it knows
 * which owners are good, and gives back what was set.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/sockios.h>

#include "run/call_async.h"
#include "run/proc.h"

/* Nobody need wait for it: the keeper looks. */
static void be_eager(const struct run_sock *s)
{
	if (s->own_pid && !local_here->r->eager) {
		local_here->r->eager = 1;
		run_kick_keeper(local_here);
	}
}

void call_async_take(int fd, struct run_sock *s)
{
	struct f_owner_ex o = { F_OWNER_PID, 0 };
	int flags = real.fcntl(fd, F_GETFL, 0), sig = real.fcntl(fd, F_GETSIG, 0);

	if (flags < 0 || sig < 0 || real.fcntl(fd, F_GETOWN_EX, &o) < 0)
		return;
	s->async = (flags & O_ASYNC) != 0;
	s->async_fd = fd;
	s->own_sig = (uint8_t)sig;
	s->own_type = (uint8_t)o.type;
	s->own_pid = o.pid;
	s->own_tgid = o.type == F_OWNER_TID ? proc_status(o.pid, "Tgid:") : o.pid;
	be_eager(s);
}

void call_async_copy(struct run_sock *to, const struct run_sock *from)
{
	to->async = from->async;
	to->async_fd = from->async_fd;
	to->own_sig = from->own_sig;
	to->own_type = from->own_type;
	to->own_pid = from->own_pid;
	to->own_tgid = from->own_tgid;
	be_eager(to);
}

/* A listener is in each engine. */
static void copy_to_twins(uint32_t name)
{
	const struct run_sock from = *local_at(name);

	for (uint32_t k = 1; k < local.engines; k++) {
		uint32_t twin;

		if (!local_go_twin(name, from.inode, k, &twin))
			return;
		if (twin)
			call_async_copy(local_at(twin), &from);
	}
}

void call_async_changed(int fd, uint32_t ref)
{
	int err = errno;

	if (local_lock(ref)) {
		call_async_take(fd, local_at(ref));
		if (local_at(ref)->kind == RUN_LISTENER)
			copy_to_twins(ref);
		local_unlock();
	}
	errno = err;
}

bool call_async_fcntl(int cmd)
{
	return cmd == F_SETOWN || cmd == F_SETOWN_EX || cmd == F_SETSIG;
}

bool call_async_ioctl(unsigned long request)
{
	return request == FIOASYNC || request == FIOSETOWN || request == SIOCSPGRP;
}
