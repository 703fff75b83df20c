// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * call_fd.c - descriptors: closing and copying them, their flags. Those that are hidden are not there for the program.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/close_range.h>
#include <linux/sockios.h>

#include "run/call_async.h"
#include "run/call_oob.h"
#include "run/calls.h"
#include "run/guard.h"
#include "run/early.h"
#include "engine/engine.h"
#include "io/clock.h"

static bool hidden(int fd)
{
	return local_entry(fd) == LOCAL_HIDDEN;
}

/* SO_LINGER: close() waits until all is acknowledged, or its time is over. */
static void linger(int fd)
{
	uint32_t ref = local_sock(fd);
	struct run_sock *s = local_at(ref);
	uint64_t limit;

	if (s->kind != RUN_CONN || !s->linger_on || !s->linger_s ||
	    local.count[local_engine(ref)][local_ref(ref)] > 1 || s->procs > 1)
		return;
	limit = clock_now_ns() + s->linger_s * 1000000000ull;
	xtcp_shutdown(local_here->x, s->handle);
	while (clock_now_ns() < limit && xtcp_send_queued(local_here->x, s->handle))
		if (local_wait_one(ref, 0, clock_now_ns() + 1000000) == -EIO)
			return;
}

/* Another thread may be about to connect it, or to listen. */
static int close_fresh(int fd)
{
	int rc = 1;

	local_becoming();
	if (!local_entry(fd))
		rc = real.close(fd);
	local_became();
	return rc > 0 ? call_close(fd) : rc;
}

int call_close(int fd)
{
	/* In this order: it stands for a socket of ours before it is fresh no more. */
	uint16_t opts = (uint32_t)fd < local.size ? __atomic_load_n(&local.opts[fd], __ATOMIC_ACQUIRE) : 0;
	uint32_t e;

	if (opts & LOCAL_SHARED)
		local_adopt(fd);
	e = local_entry(fd);
	if (!e) {
		if (opts)
			early_closed(fd);
		return opts & EARLY_FRESH ? close_fresh(fd) : real.close(fd);
	}
	if (e == LOCAL_HIDDEN)
		return call_error(EBADF);
	if (local_lock(e & RUN_EPOLL ? 0 : e)) {
		if (local_entry(fd) != e) { /* another thread was here */
			local_unlock();
			return call_close(fd);
		}
		if (local_sock(fd))
			linger(fd);
		if (local_here)
			local_forget(fd);
		if (local_here && engine_deadline(api_engine(local_here->x)) == 0)
			local_turn();
		local_unlock();
	} else {
		local.tab[fd] = 0;
	}
	return real.close(fd);
}

int call_close_range(unsigned int first, unsigned int last, int flags)
{
	unsigned int from = first;
	int rc = 0;

	if (!local.on || first > last)
		return real.close_range(first, last, flags);
	for (unsigned int fd = first; fd <= last && fd < local.size; fd++) {
		uint32_t e = local_entry((int)fd);

		if (!e && local.opts[fd] && !(flags & CLOSE_RANGE_CLOEXEC))
			early_closed((int)fd);
		if (!e || (e != LOCAL_HIDDEN && flags & CLOSE_RANGE_CLOEXEC))
			continue;
		if (fd > from)
			rc |= real.close_range(from, fd - 1, flags);
		if (e != LOCAL_HIDDEN)
			call_close((int)fd);
		from = fd + 1;
		if (!from)
			return rc;
	}
	return from <= last ? rc | real.close_range(from, last, flags) : rc;
}

/* ---- copies ---- */

static int copied(int from, int to)
{
	uint32_t e = local_entry(from);

	if (to < 0)
		return to;
	if (!e) {
		early_copied(from, to);
		e = local_entry(from); /* another thread may have connected it meanwhile */
	}
	if (e && local_lock(e & RUN_EPOLL ? 0 : e)) {
		if (local_entry(from) == e && !local_entry(to))
			local_copy(from, to);
		local_unlock();
	}
	return to;
}

int call_dup(int fd)
{
	return hidden(fd) ? call_error(EBADF) : copied(fd, real.dup(fd));
}

/* What stands at the new number is closed, ours or not. */
static void make_room(int to)
{
	uint32_t e = local_entry(to);

	if (e && local_lock(e & RUN_EPOLL ? 0 : e)) {
		local_forget(to);
		if (local_here)
			local_turn();
		local_unlock();
	}
	if ((uint32_t)to < local.size && local.opts[to])
		early_closed(to);
}

int call_dup3(int from, int to, int flags)
{
	int rc;

	if (hidden(from) || hidden(to))
		return call_error(EBADF);
	if (from != to && real.fcntl(from, F_GETFD, 0) >= 0)
		make_room(to);
	rc = real.dup3(from, to, flags);
	return rc >= 0 ? copied(from, rc) : rc;
}

int call_dup2(int from, int to)
{
	if (from == to)
		return hidden(from) ? call_error(EBADF) : real.dup2(from, to);
	return call_dup3(from, to, 0);
}

/* ---- flags ---- */

static int set_flags(int fd, uint32_t ref, int flags)
{
	struct run_sock *s = local_at(ref);
	int rc = real.fcntl(fd, F_SETFL, s->kernel_too ? flags | O_NONBLOCK : flags);

	if (rc)
		return rc;
	s->nonblock = (flags & O_NONBLOCK) != 0;
	if ((flags & O_ASYNC) != (s->async ? O_ASYNC : 0))
		call_async_changed(fd, ref);
	return 0;
}

static int get_flags(int fd, uint32_t ref)
{
	int flags = real.fcntl(fd, F_GETFL, 0);

	if (flags >= 0 && local_at(ref)->kernel_too && !local_at(ref)->nonblock)
		flags &= ~O_NONBLOCK;
	return flags;
}

/* An owner was set, if rc says so. */
static int owned(int fd, uint32_t ref, int rc)
{
	if (rc)
		return rc;
	if (!ref) {
		local_mark(fd, LOCAL_OWNER);
		ref = local_sock(fd); /* another thread may have connected it meanwhile */
	}
	if (ref)
		call_async_changed(fd, ref);
	return 0;
}

int call_fcntl(int fd, int cmd, void *arg)
{
	uint32_t ref = local_sock(fd);
	int rc;

	if (hidden(fd))
		return call_error(EBADF);
	if (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC)
		return copied(fd, real.fcntl(fd, cmd, arg));
	if (ref && cmd == F_SETFL)
		return set_flags(fd, ref, (int)(intptr_t)arg);
	if (ref && cmd == F_GETFL)
		return get_flags(fd, ref);
	rc = real.fcntl(fd, cmd, arg);
	if (call_async_fcntl(cmd))
		return owned(fd, ref, rc);
	return rc || cmd != F_SETFL || !local_sock(fd) ? rc : call_fcntl(fd, cmd, arg);
}

static int number(uint32_t ref, unsigned long request)
{
	const struct run_sock *s = local_at(ref);
	struct tcp_conn *c = s->handle && s->kind == RUN_CONN ? engine_conn(api_engine(local_here->x), s->handle)
							      : NULL;

	if (!c)
		return 0;
	switch (request) {
	case FIONREAD: return call_oob_readable(s);
	case SIOCOUTQ: return (int)tcp_send_queued(c);
	case SIOCOUTQNSD: return (int)tcp_send_unsent(c);
	default: return call_oob_before(s) == 0; /* SIOCATMARK */
	}
}

int call_ioctl(int fd, unsigned long request, void *arg)
{
	uint32_t ref = local_sock(fd);
	int rc;

	if (hidden(fd))
		return call_error(EBADF);
	if (ref && (request == FIONBIO || request == FIONREAD || request == SIOCOUTQ || request == SIOCOUTQNSD ||
		    request == SIOCATMARK)) {
		if (!(request == FIONBIO ? guard_read(arg, sizeof(int)) : guard_write(arg, sizeof(int))))
			return call_error(EFAULT);
		if (request == FIONBIO) {
			int flags = get_flags(fd, ref);

			return set_flags(fd, ref, *(int *)arg ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
		}
		if (local_at(ref)->kind == RUN_LISTENER && request != SIOCATMARK)
			return call_error(EINVAL);
		if (!local_lock_on(fd, ref))
			return -1;
		local_turn();
		*(int *)arg = number(ref, request);
		local_unlock();
		return 0;
	}
	rc = real.ioctl(fd, request, arg);
	if (call_async_ioctl(request))
		return owned(fd, ref, rc);
	return rc || request != FIONBIO || !local_sock(fd) ? rc : call_ioctl(fd, request, arg);
}
