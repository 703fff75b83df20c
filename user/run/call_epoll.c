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
#define ADD_OFF 1000 /* beside EPOLL_CTL_*: added, and EPOLLONESHOT has fired */

/* When this thread last asked the kernel's instance. */
static LOCAL_TLS uint64_t asked_ns;

/* In which engine events are looked for first, after a round that has filled up all there was room for. */
static LOCAL_TLS uint32_t begin_at;

/* As the engine has it whose lock is held. */
static struct run_epoll *at(uint32_t ref)
{
	return &local_here->r->epoll[ref - 1];
}

static struct run_epoll *known(uint32_t ref)
{
	return &local.m[0].r->epoll[ref - 1];
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
	socklen_t len = run_address(local.m[0].r, RUN_EPOLL | ref, &sun);

	at(ref)->signalled++;
	if (real.sendto(local.m[0].send_fd, "", 1, MSG_DONTWAIT, (struct sockaddr *)&sun, len) < 0)
		at(ref)->signalled--;
}

static int hang_bell(int epfd, uint32_t ref)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = BELL };
	struct sockaddr_un sun;
	socklen_t len = run_address(local.m[0].r, RUN_EPOLL | ref, &sun);
	int fd = real.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	fd = local_hide(fd);
	if (real.bind(fd, (struct sockaddr *)&sun, len) || real.epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &ev)) {
		int err = errno;

		local.tab[fd] = 0;
		real.close(fd);
		return -err;
	}
	local.bell[ref] = fd;
	local.bells[ref] = 1;
	return 0;
}

static bool take_one(uint32_t ref)
{
	char byte;

	return real.recvfrom(local.bell[ref], &byte, 1, MSG_DONTWAIT, NULL, NULL) >= 0;
}

static void drain(uint32_t ref)
{
	while (take_one(ref))
		;
}

/* While something is ready the descriptor of an instance that is polled says so: how many datagrams stay. */
static uint8_t silence_here(uint32_t ref, uint32_t *taken)
{
	uint8_t keep = known(ref)->nested && at(ref)->ready_head;

	while (at(ref)->signalled > keep) {
		at(ref)->signalled--;
		*taken += take_one(ref);
	}
	return keep;
}

/* One engine: the datagrams that are not counted, too. */
static void silence(uint32_t ref)
{
	uint32_t taken = 0;

	if (!silence_here(ref, &taken))
		drain(ref);
}

/* In each engine: what is ready, but the bell was not rung. */
static bool ring_again(uint32_t ref)
{
	for (uint32_t k = 0; k < local.engines; k++) {
		if (!local_go(k))
			return false;
		if (known(ref)->nested && at(ref)->ready_head && !at(ref)->signalled)
			ring(ref);
	}
	return true;
}

/*
 * Of several engines: each takes back what it has sent. What is left then although nothing is ready nobody has counted, for an engine was
 * mended; if one rings while that is thrown away, it has to do so again. False: the run has ended.
 */
static bool silence_all(uint32_t ref)
{
	uint32_t keep = 0, taken = 0;

	for (uint32_t k = 0; k < local.engines; k++) {
		if (!local_go(k))
			return false;
		keep += silence_here(ref, &taken);
	}
	if (keep || taken)
		return true;
	drain(ref);
	for (uint32_t k = 0; k < local.engines; k++) {
		if (!local_go(k))
			return false;
		at(ref)->signalled = 0;
	}
	return ring_again(ref);
}

/* ---- instances that are polled ---- */

static uint32_t nest[NESTS], nests; /* of this process; it grows and shrinks under the registry's lock */

/* It is polled itself: from now on the bell rings whenever something is ready. */
void call_epoll_nest(uint32_t ref)
{
	uint32_t k = (uint32_t)(local_here - local.m), i = 0;

	if (!local_go(0))
		return;
	while (i < nests && nest[i] != ref)
		i++;
	if (i == nests && nests < NESTS)
		nest[nests++] = ref;
	__atomic_store_n(&known(ref)->nested, 1, __ATOMIC_RELAXED);
	if (ring_again(ref))
		local_go(k);
}

static bool is_ready(const struct run_watch *w)
{
	return !w->disabled && (w->home || !run_for_others(local_here, w->sock)) &&
	       run_poll(local_here, w->sock, w->events) & (w->events | MASK);
}

static void drop_stale(uint32_t ref)
{
	struct run *r = local_here->r;

	while (at(ref)->ready_head && !is_ready(run_watch_at(r, at(ref)->ready_head)))
		run_epoll_unready(r, at(ref)->ready_head);
}

/* In each engine that it depends on, with a turn there. */
static bool tidy_all(uint32_t ref)
{
	uint64_t set = atomic_load(&known(ref)->engines);
	bool ready = false, signalled = false;

	for (uint32_t k = 0; k < local.engines; k++) {
		const struct run_epoll *ep = &local.m[k].r->epoll[ref - 1];

		if (!(set >> k & 1) && !__atomic_load_n(&ep->ready_head, __ATOMIC_RELAXED) &&
		    !__atomic_load_n(&ep->signalled, __ATOMIC_RELAXED))
			continue;
		if (!local_go(k))
			return false;
		local_turn();
		drop_stale(ref);
		ready |= ep->ready_head != 0;
		signalled |= ep->signalled != 0;
	}
	return ready || !signalled || silence_all(ref);
}

static bool tidy_one(uint32_t ref)
{
	if (local.engines > 1)
		return tidy_all(ref);
	drop_stale(ref);
	if (at(ref)->signalled && !at(ref)->ready_head)
		silence(ref);
	return true;
}

/* What was ready may have been read since: then the bell is silenced. */
void call_epoll_tidy(void)
{
	uint32_t k = (uint32_t)(local_here - local.m);

	if (!nests)
		return;
	for (uint32_t i = nests; i > 0; i--) {
		uint32_t ref = nest[i - 1];

		if (!local.bells[ref]) {
			if (!local_go(0))
				return;
			if (nests)
				nest[i - 1] = nest[--nests];
		} else if (!tidy_one(ref)) {
			return;
		}
	}
	local_go(k);
}

/* With the registry's lock. */
static int make_epoll(int epfd, uint32_t *out)
{
	uint32_t ref = run_epoll_new(local_here->r, local_here->slot);
	int err;

	if (!ref)
		return -ENOSPC;
	err = hang_bell(epfd, ref);
	if (err) {
		run_epoll_drop(local_here, local_here->slot, ref);
		return err;
	}
	local.tab[epfd] = RUN_EPOLL | ref;
	if (local.opts[epfd] & EARLY_WATCHED) {
		for (uint32_t k = 0; k < local.engines;
		     k++) /* who waits for it in another instance does not know of ours */
			__atomic_store_n(&local.m[k].r->eager, 1, __ATOMIC_RELAXED);
		call_epoll_nest(ref);
		if (!local_here)
			return -EIO;
	}
	ring(ref); /* who sleeps in the kernel's instance already joins ours */
	*out = ref;
	return 0;
}

/* ---- epoll_ctl ---- */

/* All of these in the socket's engine. */
static uint32_t find(uint32_t ep, uint32_t sock, int fd)
{
	uint32_t ref = local_at(sock)->watches;

	while (ref) {
		const struct run_watch *w = run_watch_at(local_here->r, ref);

		if (w->target == (RUN_EPOLL | ep) && w->fd == fd)
			return ref;
		ref = w->next_sock;
	}
	return 0;
}

static void look(uint32_t ep, uint32_t ref)
{
	struct run_watch *w = run_watch_at(local_here->r, ref);

	if ((w->home || !run_for_others(local_here, w->sock)) &&
	    run_poll(local_here, w->sock, w->events) & (w->events | MASK)) {
		run_epoll_ready(local_here->r, ref);
		run_wake(local_here, RUN_EPOLL | ep);
	}
}

/*
 * Threads that sleep in the instance sleep in the engines of its connections, and in that where a listener's process is at home. What
 * comes to a listener in the others they are told by the bell, if it is for them at all.
 */
static uint64_t depends_on(uint32_t ep, uint32_t ref)
{
	uint64_t bit = 1ull << local_here->r->number;
	struct run_watch *w = run_watch_at(local_here->r, ref);

	if (local_at(local_name(local_here->r->number, w->sock))->kind == RUN_LISTENER && !w->home) {
		w->by_bell = local.engines > 1;
		return 0;
	}
	return atomic_fetch_or(&known(ep)->engines, bit) & bit ? 0 : bit;
}

static int add(uint32_t ep, uint32_t sock, int fd, const struct epoll_event *ev, bool off, uint64_t *grown)
{
	uint32_t ref;

	if (find(ep, sock, fd))
		return -EEXIST;
	ref = run_watch_add(local_here, local_ref(sock), RUN_EPOLL | ep, ev->events | MASK);
	if (!ref)
		return -ENOSPC;
	run_watch_at(local_here->r, ref)->fd = fd;
	run_watch_at(local_here->r, ref)->data = ev->data.u64;
	run_watch_at(local_here->r, ref)->disabled = off;
	*grown |= depends_on(ep, ref);
	look(ep, ref);
	return 0;
}

static int change(uint32_t ep, uint32_t ref, const struct epoll_event *ev)
{
	struct run_watch *w = run_watch_at(local_here->r, ref);

	if ((w->events | ev->events) & EPOLLEXCLUSIVE)
		return -EINVAL;
	w->events = ev->events | MASK;
	w->data = ev->data.u64;
	w->disabled = 0;
	run_epoll_unready(local_here->r, ref);
	look(ep, ref);
	return 0;
}

static int ctl_one(uint32_t ep, int op, uint32_t sock, int fd, const struct epoll_event *ev, uint64_t *grown)
{
	uint32_t ref = ep ? find(ep, sock, fd) : 0;

	if (op == EPOLL_CTL_ADD || op == ADD_OFF)
		return ref ? -EEXIST : add(ep, sock, fd, ev, op == ADD_OFF, grown);
	if (!ref)
		return -ENOENT;
	if (op == EPOLL_CTL_MOD)
		return change(ep, ref, ev);
	run_watch_remove(local_here, ref);
	return 0;
}

/* Threads that sleep in engines that it depended on before do not know of these yet. */
static void wake_sleepers(uint32_t ep, uint64_t grown)
{
	for (uint64_t set = atomic_load(&known(ep)->engines) & ~grown; set; set &= set - 1) {
		if (!local_go((uint32_t)__builtin_ctzll(set)))
			return;
		for (uint32_t w = at(ep)->sleepers; w; w = local_here->r->waiter[w - 1].next_sleeper)
			run_wake(local_here, w);
	}
}

/* Which is one of ours from now on, if it was not. */
static int instance(int epfd)
{
	uint32_t ep;

	if (epoll_of(epfd))
		return 0;
	if (!local_go(0))
		return -EIO;
	return epoll_of(epfd) ? 0 : make_epoll(epfd, &ep);
}

/* A listener in each engine. The lock of one is held after it, unless the run has ended. */
static int ctl_ours(int epfd, int op, uint32_t sock, int fd, const struct epoll_event *ev)
{
	bool each = local.engines > 1 && local_at(sock)->kind == RUN_LISTENER;
	bool adds = op == EPOLL_CTL_ADD || op == ADD_OFF;
	uint64_t grown = 0;
	uint32_t ep = 0;
	int err = adds ? instance(epfd) : 0;

	for (uint32_t k = each ? 0 : local_engine(sock); !err; k++) {
		uint32_t name;

		if (!local_go(k))
			return -EIO;
		name = each ? local_twin(sock, k) : sock;
		ep = epoll_of(epfd);
		if (local_sock(fd) != sock || (adds && !ep)) /* another thread has closed it meanwhile */
			err = -EBADF;
		else if (local_ref(name))
			err = ctl_one(ep, op, name, fd, ev, &grown);
		if (!each || k + 1 == local.engines)
			break;
	}
	if (ep && grown && local.engines > 1)
		wake_sleepers(ep, grown);
	return err;
}

/* Who waits for the outer one runs our turns: it becomes one of ours, too. */
static void nest_in(int epfd, uint32_t ref)
{
	call_epoll_nest(ref);
	if (local_here && !local_entry(epfd))
		instance(epfd);
}

int call_epoll_move(int epfd, uint32_t sock, int fd, const struct epoll_event *ev, bool off)
{
	return ctl_ours(epfd, off ? ADD_OFF : EPOLL_CTL_ADD, sock, fd, ev);
}

/* Another thread has made it ours while the kernel's instance was asked; it has moved there what it has found. */
static int ctl_again(int epfd, int op, int fd, struct epoll_event *ev)
{
	uint32_t sock = local_sock(fd);

	if (!sock)
		return 0;
	if (op == EPOLL_CTL_ADD && !local_at(sock)->kernel_too)
		real.epoll_ctl(epfd, EPOLL_CTL_DEL, fd, NULL);
	return call_epoll_ctl(epfd, op, fd, ev) && errno != EEXIST && errno != ENOENT ? -1 : 0;
}

int call_epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev)
{
	uint32_t sock = local_sock(fd), e = local_entry(fd);
	struct epoll_event kernels;
	int err;

	if (!sock) {
		if (e == LOCAL_HIDDEN || local_entry(epfd) == LOCAL_HIDDEN)
			return call_error(EBADF);
		if (e & RUN_EPOLL && op == EPOLL_CTL_ADD && epfd != fd && local_lock(0)) {
			nest_in(epfd, e & ~RUN_EPOLL);
			local_unlock();
		}
		err = real.epoll_ctl(epfd, op, fd, ev);
		if (err || !local.on)
			return err;
		early_ctl(epfd, op, fd, ev);
		return ctl_again(epfd, op, fd, ev);
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
	struct run *r = local_here->r;
	uint32_t last = at(ep)->ready_tail, ref = at(ep)->ready_head;
	int n = 0;

	while (ref && n < max) {
		struct run_watch *w = run_watch_at(r, ref);
		uint32_t next = ref == last ? 0 : w->ready_next;
		uint32_t bits = w->disabled || (!w->home && run_for_others(local_here, w->sock))
					? 0
					: run_poll(local_here, w->sock, w->events) & (w->events | MASK);

		if (bits && !guard_write(&ev[n], sizeof(ev[n])))
			return n ? n : -EFAULT;
		run_epoll_unready(r, ref);
		if (bits) {
			local_told |= (uint64_t)(local.engines > 1) << r->number;
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
static int from_kernel(int epfd, struct epoll_event *ev, int max, bool *rang)
{
	struct epoll_event got[KERNEL_EVENTS];
	int n = real.epoll_pwait(epfd, got, max < KERNEL_EVENTS ? max : KERNEL_EVENTS, 0, NULL), kept = 0;

	for (int i = 0; i < n; i++)
		if (got[i].data.u64 == BELL) {
			*rang = true;
		} else {
			ev[kept++] = got[i];
		}
	return n < 0 ? n : kept;
}

/* In the engines that it depends on, and those where something is ready. -EIO: the run has ended. */
static int harvest_all(uint32_t ep, struct epoll_event *ev, int max)
{
	uint64_t set = atomic_load(&known(ep)->engines);
	int n = 0;

	for (uint32_t i = 0; i < local.engines && n < max; i++) {
		uint32_t k = local_nth(begin_at + i);
		int got;

		if (!(set >> k & 1) && !__atomic_load_n(&local.m[k].r->epoll[ep - 1].ready_head, __ATOMIC_RELAXED))
			continue;
		if (!local_go(k))
			return -EIO;
		local_here->serving = ep;
		local_turn();
		local_here->serving = 0;
		got = harvest(ep, ev + n, max - n);
		if (got < 0)
			return n ? n : got;
		n += got;
		if (n == max) { /* the others come first next time */
			begin_at = (begin_at + i + 1) % local.engines;
			return n;
		}
	}
	begin_at = 0;
	return n;
}

/* sure: the kernel's too, if there are none of ours. */
static int gather_here(int epfd, uint32_t ep, struct epoll_event *ev, int max, bool sure)
{
	int n = harvest(ep, ev, max), k = 0;
	uint64_t now = clock_now_ns();
	bool rang = false;

	if (n < 0)
		return n;
	if (at(ep)->nested)
		silence(ep);
	if (n < max && ((sure && !n) || now - asked_ns > KERNEL_NS)) {
		asked_ns = now;
		k = from_kernel(epfd, ev + n, max - n, &rang);
		if (rang)
			silence(ep);
	}
	if (at(ep)->nested && at(ep)->ready_head && !at(ep)->signalled)
		ring(ep);
	return k < 0 ? n : n + k;
}

/* The same of several engines. */
static int gather_all(int epfd, uint32_t ep, struct epoll_event *ev, int max, bool sure)
{
	int n, k = 0;
	bool rang;

	do { /* a bell that was silenced has told of something that has not been looked at yet */
		uint64_t now;

		rang = false;
		n = harvest_all(ep, ev, max);
		if (n < 0)
			return n;
		now = clock_now_ns();
		if (n < max && ((sure && !n) || now - asked_ns > KERNEL_NS)) {
			asked_ns = now;
			k = from_kernel(epfd, ev + n, max - n, &rang);
		}
		if ((rang || known(ep)->nested) && !(silence_all(ep) && ring_again(ep)))
			return -EIO;
	} while (rang && !n && k <= 0);
	return k < 0 ? n : n + k;
}

static int gather(int epfd, uint32_t ep, struct epoll_event *ev, int max, bool sure)
{
	return local.engines == 1 ? gather_here(epfd, ep, ev, max, sure) : gather_all(epfd, ep, ev, max, sure);
}

static int wait_ours(int epfd, uint32_t ep, struct epoll_event *ev, int max, const struct timespec *limit,
		     const sigset_t *mask)
{
	struct pollfd p[LOCAL_WAIT_HEAD + 1];
	struct local_wait w = { .epoll = ep, .kernel = p, .kernels = 1, .until_ns = call_until(limit), .mask = mask };
	bool at_once = limit && !limit->tv_sec && !limit->tv_nsec, sure = at_once;
	int n = -EIO, rc = 1;

	if (local.engines == 1)
		local_turn();
	call_epoll_tidy();
	while (local_here && !(n = gather(epfd, ep, ev, max, sure)) && rc > 0 && !at_once) {
		p[local_wait_head()] = (struct pollfd){ .fd = epfd, .events = POLLIN };
		rc = local_wait(&w); /* it asks the kernel once it sleeps */
		if (rc == -EIO)
			return rc;
		sure = rc <= 0 || p[local_wait_head()].revents;
	}
	if (rc == -EIO || n == -EIO)
		return -EIO;
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
		if (nests && local_lock(local_name(local_home(), 0))) {
			local_turn();
			call_epoll_tidy();
			local_unlock();
		}
		n = wait_kernels(epfd, ev, max, limit, mask);
		if (n != -2)
			return n;
		ep = epoll_of(epfd);
		if (!ep) /* another thread has closed it meanwhile */
			return call_error(EBADF);
	}
	if (max <= 0 || max > 0x1000000 || call_bad_limit(limit))
		return call_error(EINVAL);
	if (!ev)
		return call_error(EFAULT);
	n = local_lock(local_name(local_home(), 0)) ? wait_ours(epfd, ep, ev, max, limit, mask) : -EIO;
	if (n == -EIO)
		return local_wait_ended();
	local_unlock();
	return n < 0 ? call_error(-n) : n;
}
