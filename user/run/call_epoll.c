// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * call_epoll.c - epoll over descriptors of ours and of the kernel in one instance.
 *
 * The kernel's instance keeps what is the kernel's. Once the first socket of ours comes in there is a struct run_epoll beside it,
 * with the sockets watched and a list of those that may be ready, as the kernel has it. A datagram socket in the kernel's instance makes
 * that readable when ours is, for who waits for it by other means than this call.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "run/calls.h"
#include "run/guard.h"
#include "run/early.h"
#include "io/clock.h"

#define BELL 0x7874637062656c6cull /* data of our datagram socket in the kernel's instance */
#define KERNEL_NS 50000ull	   /* while ours bring events, the kernel's are asked for no more often */
#define KERNEL_EVENTS 128
#define NESTS 64 /* instances in others, or in poll(): of any more the bell may ring for nothing */
#define MASK (POLLERR | POLLHUP)

/* When this thread last asked the kernel's instance. */
static __thread uint64_t asked_ns;

static struct run_epoll *at(uint32_t ref)
{
	return &local.m.r->epoll[ref - 1];
}

static uint32_t epoll_of(int epfd)
{
	uint32_t e = local_entry(epfd);

	return e & RUN_EPOLL ? e & ~RUN_EPOLL : 0;
}

/* ---- the bell ---- */

static void ring(uint32_t ref)
{
	struct sockaddr_un sun;
	socklen_t len = run_address(local.m.r, RUN_EPOLL | ref, &sun);

	at(ref)->signalled++;
	if (real.sendto(local.m.send_fd, "", 1, MSG_DONTWAIT, (struct sockaddr *)&sun, len) < 0)
		at(ref)->signalled--;
}

static int hang_bell(int epfd, uint32_t ref)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = BELL };
	struct sockaddr_un sun;
	socklen_t len = run_address(local.m.r, RUN_EPOLL | ref, &sun);
	int fd = real.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	fd = local_hide(fd);
	if (bind(fd, (struct sockaddr *)&sun, len) || real.epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &ev)) {
		int err = errno;

		local.tab[fd] = 0;
		real.close(fd);
		return -err;
	}
	local.bell[ref] = fd;
	local.bells[ref] = 1;
	return 0;
}

/* While something is ready the descriptor of an instance that is polled says so. */
static void silence(uint32_t ref)
{
	uint8_t keep = at(ref)->nested && at(ref)->ready_head;
	char byte;

	while (at(ref)->signalled > keep) {
		at(ref)->signalled--;
		real.recvfrom(local.bell[ref], &byte, 1, MSG_DONTWAIT, NULL, NULL);
	}
	while (!keep && real.recvfrom(local.bell[ref], &byte, 1, MSG_DONTWAIT, NULL, NULL) >= 0)
		;
}

/* ---- instances that are polled ---- */

static uint32_t nest[NESTS], nests; /* of this process */

/* It is polled itself: from now on the bell rings whenever something is ready. */
void call_epoll_nest(uint32_t ref)
{
	uint32_t i = 0;

	while (i < nests && nest[i] != ref)
		i++;
	if (i == nests && nests < NESTS)
		nest[nests++] = ref;
	at(ref)->nested = 1;
	if (at(ref)->ready_head && !at(ref)->signalled)
		ring(ref);
}

static bool is_ready(const struct run_watch *w)
{
	return !w->disabled && run_poll(&local.m, w->sock, w->events) & (w->events | MASK);
}

/* What was ready may have been read since: then the bell is silenced. */
void call_epoll_tidy(void)
{
	struct run *r = local.m.r;

	for (uint32_t i = nests; i > 0; i--) {
		uint32_t ref = nest[i - 1];

		if (!local.bells[ref]) {
			nest[i - 1] = nest[--nests];
			continue;
		}
		while (at(ref)->ready_head && !is_ready(run_watch_at(r, at(ref)->ready_head)))
			run_epoll_unready(r, at(ref)->ready_head);
		if (at(ref)->signalled && !at(ref)->ready_head)
			silence(ref);
	}
}

static int make_epoll(int epfd, uint32_t *out)
{
	uint32_t ref = run_epoll_new(local.m.r, local.m.slot);
	int err;

	if (!ref)
		return -ENOSPC;
	err = hang_bell(epfd, ref);
	if (err) {
		run_epoll_drop(local.m.r, local.m.slot, ref);
		return err;
	}
	local.tab[epfd] = RUN_EPOLL | ref;
	if (local.opts[epfd] & EARLY_WATCHED) {
		local.m.r->eager = 1; /* who waits for it in another instance does not know of ours */
		call_epoll_nest(ref);
	}
	ring(ref); /* who sleeps in the kernel's instance already joins ours */
	*out = ref;
	return 0;
}

/* ---- epoll_ctl ---- */

static uint32_t find(uint32_t ep, uint32_t sock, int fd)
{
	uint32_t ref = local_at(sock)->watches;

	while (ref) {
		const struct run_watch *w = run_watch_at(local.m.r, ref);

		if (w->target == (RUN_EPOLL | ep) && w->fd == fd)
			return ref;
		ref = w->next_sock;
	}
	return 0;
}

static void look(uint32_t ep, uint32_t ref)
{
	struct run_watch *w = run_watch_at(local.m.r, ref);

	if (run_poll(&local.m, w->sock, w->events) & (w->events | MASK)) {
		run_epoll_ready(local.m.r, ref);
		run_wake(&local.m, RUN_EPOLL | ep);
	}
}

static int add(int epfd, uint32_t sock, int fd, const struct epoll_event *ev)
{
	uint32_t ep = epoll_of(epfd), ref;
	int err = ep ? 0 : make_epoll(epfd, &ep);

	if (err)
		return err;
	if (find(ep, sock, fd))
		return -EEXIST;
	ref = run_watch_add(local.m.r, sock, RUN_EPOLL | ep, ev->events | MASK);
	if (!ref)
		return -ENOSPC;
	run_watch_at(local.m.r, ref)->fd = fd;
	run_watch_at(local.m.r, ref)->data = ev->data.u64;
	look(ep, ref);
	return 0;
}

static int change(uint32_t ep, uint32_t ref, const struct epoll_event *ev)
{
	struct run_watch *w = run_watch_at(local.m.r, ref);

	if ((w->events | ev->events) & EPOLLEXCLUSIVE)
		return -EINVAL;
	w->events = ev->events | MASK;
	w->data = ev->data.u64;
	w->disabled = 0;
	run_epoll_unready(local.m.r, ref);
	look(ep, ref);
	return 0;
}

static int ctl_ours(int epfd, int op, uint32_t sock, int fd, const struct epoll_event *ev)
{
	uint32_t ep = epoll_of(epfd), ref = ep ? find(ep, sock, fd) : 0;

	if (op == EPOLL_CTL_ADD)
		return ref ? -EEXIST : add(epfd, sock, fd, ev);
	if (!ref)
		return -ENOENT;
	if (op == EPOLL_CTL_MOD)
		return change(ep, ref, ev);
	run_watch_remove(local.m.r, ref);
	return 0;
}

/* Who waits for the outer one runs our turns: it becomes one of ours, too. */
static void nest_in(int epfd, uint32_t ref)
{
	uint32_t outer;

	call_epoll_nest(ref);
	if (!local_entry(epfd))
		make_epoll(epfd, &outer);
}

int call_epoll_move(int epfd, uint32_t sock, int fd, const struct epoll_event *ev, bool off)
{
	int err = add(epfd, sock, fd, ev);

	if (!err && off) {
		uint32_t ref = find(epoll_of(epfd), sock, fd);

		run_watch_at(local.m.r, ref)->disabled = 1;
	}
	return err;
}

int call_epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev)
{
	uint32_t sock = local_sock(fd), e = local_entry(fd);
	struct epoll_event kernels;
	int err;

	if (!sock) {
		if (e == LOCAL_HIDDEN || local_entry(epfd) == LOCAL_HIDDEN)
			return call_error(EBADF);
		if (e & RUN_EPOLL && op == EPOLL_CTL_ADD && epfd != fd && local_lock()) {
			nest_in(epfd, e & ~RUN_EPOLL);
			local_unlock();
		}
		err = real.epoll_ctl(epfd, op, fd, ev);
		if (!err && local.on)
			early_ctl(epfd, op, fd, ev);
		return err;
	}
	if (op != EPOLL_CTL_DEL && !guard_read(ev, sizeof(*ev)))
		return call_error(EFAULT);
	if (op < EPOLL_CTL_ADD || op > EPOLL_CTL_MOD || epfd == fd)
		return call_error(EINVAL);
	if (real.fcntl(epfd, F_GETFD, 0) < 0)
		return -1;
	if (!local_lock_on(fd, sock))
		return -1;
	err = ctl_ours(epfd, op, sock, fd, ev);
	local_unlock();
	if (err)
		return call_error(-err);
	if (local_at(sock)->kernel_too) {
		if (ev)
			kernels = *ev;
		real.epoll_ctl(epfd, op, fd, ev ? &kernels : NULL);
	}
	return 0;
}

/* ---- epoll_wait ---- */

/* Events of ours, or -EFAULT. Each socket is looked at once: a level-triggered one goes to the end of the list. */
static int harvest(uint32_t ep, struct epoll_event *ev, int max)
{
	struct run *r = local.m.r;
	uint32_t last = at(ep)->ready_tail, ref = at(ep)->ready_head;
	int n = 0;

	while (ref && n < max) {
		struct run_watch *w = run_watch_at(r, ref);
		uint32_t next = ref == last ? 0 : w->ready_next;
		uint32_t bits = w->disabled ? 0 : run_poll(&local.m, w->sock, w->events) & (w->events | MASK);

		if (bits && !guard_write(&ev[n], sizeof(ev[n])))
			return n ? n : -EFAULT;
		run_epoll_unready(r, ref);
		if (bits) {
			ev[n].events = bits;
			ev[n++].data.u64 = w->data;
			if (w->events & EPOLLONESHOT)
				w->disabled = 1;
			else if (!(w->events & EPOLLET))
				run_epoll_ready(r, ref);
		}
		ref = next;
	}
	return n;
}

/* Events of the kernel's instance, without our bell. */
static int from_kernel(int epfd, uint32_t ep, struct epoll_event *ev, int max)
{
	struct epoll_event got[KERNEL_EVENTS];
	int n = real.epoll_pwait(epfd, got, max < KERNEL_EVENTS ? max : KERNEL_EVENTS, 0, NULL), kept = 0;

	for (int i = 0; i < n; i++)
		if (got[i].data.u64 == BELL)
			silence(ep);
		else
			ev[kept++] = got[i];
	return n < 0 ? n : kept;
}

/* sure: the kernel's too, if there are none of ours. */
static int gather(int epfd, uint32_t ep, struct epoll_event *ev, int max, bool sure)
{
	int n = harvest(ep, ev, max), k = 0;
	uint64_t now = clock_now_ns();

	if (n < 0)
		return n;
	if (at(ep)->nested)
		silence(ep);
	if (n < max && ((sure && !n) || now - asked_ns > KERNEL_NS)) {
		asked_ns = now;
		k = from_kernel(epfd, ep, ev + n, max - n);
	}
	if (at(ep)->nested && at(ep)->ready_head && !at(ep)->signalled)
		ring(ep);
	return k < 0 ? n : n + k;
}

static int wait_ours(int epfd, uint32_t ep, struct epoll_event *ev, int max, const struct timespec *limit,
		     const sigset_t *mask)
{
	struct pollfd p[LOCAL_WAIT_HEAD + 1];
	struct local_wait w = { .epoll = ep, .kernel = p, .kernels = 1, .until_ns = call_until(limit), .mask = mask };
	bool at_once = limit && !limit->tv_sec && !limit->tv_nsec, sure = at_once;
	int n, rc = 1;

	local_turn();
	call_epoll_tidy();
	while (!(n = gather(epfd, ep, ev, max, sure)) && rc > 0 && !at_once) {
		p[local_wait_head()] = (struct pollfd){ .fd = epfd, .events = POLLIN };
		rc = local_wait(&w); /* it asks the kernel once it sleeps */
		if (rc == -EIO)
			return rc;
		sure = rc <= 0 || p[local_wait_head()].revents;
	}
	return n || rc >= 0 ? n : rc;
}

/* Nothing of ours is in it, as far as we know when it begins. */
static int wait_kernels(int epfd, struct epoll_event *ev, int max, const struct timespec *limit, const sigset_t *mask)
{
	bool in_ms = !limit || (limit->tv_sec >= 0 && limit->tv_sec < INT_MAX / 1000 && limit->tv_nsec % 1000000 == 0);
	int ms = limit && in_ms ? (int)(limit->tv_sec * 1000 + limit->tv_nsec / 1000000) : -1;
	int n = in_ms ? real.epoll_pwait(epfd, ev, max, ms, mask) : real.epoll_pwait2(epfd, ev, max, limit, mask);
	int kept = 0;

	for (int i = 0; i < n; i++)
		if (ev[i].data.u64 != BELL || !epoll_of(epfd))
			ev[kept++] = ev[i];
	return n > 0 && !kept ? -2 : n < 0 ? n : kept;
}

int call_epoll_wait(int epfd, struct epoll_event *ev, int max, const struct timespec *limit, const sigset_t *mask)
{
	uint32_t ep = epoll_of(epfd);
	int n;

	if (!ep) {
		if (nests && local_lock()) {
			local_turn();
			call_epoll_tidy();
			local_unlock();
		}
		n = wait_kernels(epfd, ev, max, limit, mask);
		if (n != -2)
			return n;
		ep = epoll_of(epfd);
	}
	if (max <= 0 || max > 0x1000000 || call_bad_limit(limit))
		return call_error(EINVAL);
	if (!ev)
		return call_error(EFAULT);
	if (!local_lock())
		return -1;
	n = wait_ours(epfd, ep, ev, max, limit, mask);
	if (n != -EIO)
		local_unlock();
	return n < 0 ? call_error(-n) : n;
}
