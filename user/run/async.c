// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * async.c - SIGIO and SIGURG: what a turn makes ready is told to a socket's owner (O_ASYNC, F_SETOWN, F_SETSIG).
 *
 * Whoever runs the turn sends them, once it has let go of the lock: a handler may call on the socket at once. What it may not send, as
 * another user, the keeper does. A root process among others' sends no signals but those that are for this: the owner's number
 * lies in memory that all of the run can write.
 *
 * The kernel lets nobody put a band and a descriptor (F_SETSIG) into another process's siginfo. They travel as a value, and
 * preload_signal.c makes of it what the program expects.
 */
#include "run/async.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "xtcp.h"

static const struct {
	uint32_t events; /* XTCP_EV_* */
	int code;
	uint16_t band;
} bands[] = {
	{ XTCP_EV_ERROR, POLL_ERR, POLLERR },
	{ XTCP_EV_URGENT, POLL_PRI, POLLPRI | POLLRDBAND },
	{ XTCP_EV_OPEN | XTCP_EV_WRITABLE, POLL_OUT, POLLOUT | POLLWRNORM | POLLWRBAND },
	{ XTCP_EV_READABLE | XTCP_EV_ACCEPT | XTCP_EV_PEER_FIN, POLL_IN, POLLIN | POLLRDNORM },
};

static bool same(const struct run_signal *a, const struct run_signal *b)
{
	return a->pid == b->pid && a->type == b->type && a->sig == b->sig && a->code == b->code && a->band == b->band &&
	       a->fd == b->fd;
}

static void put(struct run_signals *to, const struct run_sock *s, int sig, int code, uint16_t band)
{
	struct run_signal one = { .pid = s->own_pid, .tgid = s->own_tgid, .fd = s->async_fd, .type = s->own_type };

	one.sig = (uint8_t)sig;
	one.code = (uint8_t)code;
	one.band = band;
	for (uint32_t i = 0; i < to->n; i++) /* one that is not queued comes once */
		if (sig < SIGRTMIN && same(&to->at[i], &one))
			return;
	if (to->n < RUN_SIGNALS)
		to->at[to->n++] = one;
}

void run_async_event(struct run_member *m, uint32_t ref, uint32_t events)
{
	const struct run_sock *s = run_sock_at(m->r, ref);

	if (events & XTCP_EV_URGENT)
		put(&m->due, s, SIGURG, 0, 0);
	for (size_t i = 0; s->async && i < sizeof(bands) / sizeof(bands[0]); i++)
		if (events & bands[i].events) {
			bool hup = events & XTCP_EV_PEER_FIN && s->shut & 2;

			put(&m->due, s, s->own_sig ? s->own_sig : SIGIO,
			    !s->own_sig ? 0
			    : hup	? POLL_HUP
					: bands[i].code,
			    hup ? POLLHUP | POLLERR : bands[i].band);
		}
}

/* ---- sending ---- */

static bool may_send(const struct run_signal *s)
{
	return geteuid() || s->tgid == getpid() || s->sig == SIGIO || s->sig == SIGURG || s->sig >= SIGRTMIN;
}

static int send_info(const struct run_signal *s)
{
	siginfo_t info;
	bool mine = s->pid == (pid_t)syscall(SYS_gettid);

	memset(&info, 0, sizeof(info));
	info.si_signo = s->sig;
	if (mine) { /* then it may say what it likes */
		info.si_code = s->code;
		info.si_fd = s->fd;
		info.si_band = s->band;
	} else {
		info.si_code = SI_QUEUE;
		info.si_pid = getpid();
		info.si_uid = getuid();
		info.si_value.sival_ptr = (void *)(uintptr_t)(RUN_ASYNC_MAGIC | (uint64_t)s->code << 44 |
							      (uint64_t)s->band << 28 | (s->fd & 0xfffffff));
	}
	if (s->type == F_OWNER_TID)
		return (int)syscall(SYS_rt_tgsigqueueinfo, s->tgid, s->pid, s->sig, &info);
	return (int)syscall(SYS_rt_sigqueueinfo, s->pid, s->sig, &info);
}

/* False: it is not for us to send. */
static bool send_one(const struct run_signal *s)
{
	int rc;

	if (s->pid <= 0 || !s->sig || s->sig == SIGKILL || s->sig == SIGSTOP || !may_send(s))
		return true;
	if (s->type == F_OWNER_PGRP)
		rc = kill(-s->pid, s->sig);
	else if (s->code)
		rc = send_info(s);
	else if (s->type == F_OWNER_TID)
		rc = (int)syscall(SYS_tgkill, s->tgid, s->pid, s->sig);
	else
		rc = kill(s->pid, s->sig);
	return !rc || errno != EPERM;
}

void run_async_send(struct run_member *m, const struct run_signals *due)
{
	struct run_signals left = { .n = 0 };
	int err = errno;

	for (uint32_t i = 0; i < due->n; i++)
		if (!send_one(&due->at[i]) && m->slot != RUN_KEEPER)
			left.at[left.n++] = due->at[i];
	if (left.n && run_lock(m)) {
		struct run_signals *to = &m->r->left;

		for (uint32_t i = 0; i < left.n && to->n < RUN_SIGNALS; i++)
			to->at[to->n++] = left.at[i];
		run_unlock(m);
		run_kick_keeper(m);
	}
	errno = err;
}

/* The keeper, under the lock: those that others may not send go out with its own. */
void run_async_adopt(struct run_member *m)
{
	struct run_signals *from = &m->r->left;

	for (uint32_t i = 0; i < from->n && i < RUN_SIGNALS && m->due.n < RUN_SIGNALS; i++)
		m->due.at[m->due.n++] = from->at[i];
	from->n = 0;
}
