// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * wait.c - a thread waits: turns as long as they bring something, spinning while the next frame is likely, then sleep.
 *
 * Of all threads that sleep one watches the AF_XDP sockets and the engine's deadline; it wakes those whose sockets its turns make
 * ready. Each sleeps in ppoll() on a datagram socket of its own, by which it is woken, and the kernel's descriptors it asked for.
 *
 * A thread for which nothing has come lately, and whose turn was for another, leaves the watch to that one: it would be woken for each
 * frame, and stand in its way. Nobody may watch then; the keeper, which ticks meanwhile, finds a turn that is late (keeper.c).
 */
#include "run/local.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>
#include "engine/engine.h"
#include "io/clock.h"

#define SPINS 32
#define WAKE_NS 30000 /* what it takes to sleep and be woken, about */
#define LATENCY_NS 1000000000ull
#define MINE_NS 1000000 /* nothing for this thread for so long: what comes is for others */

static __thread struct {
	uint32_t ref;
	int fd;
	pid_t pid;
	uint64_t mine_ns; /* when something was ready last */
} self;
__thread volatile sig_atomic_t local_interrupted, local_sleeps;
static pthread_key_t gone_key;
static pthread_once_t gone_once = PTHREAD_ONCE_INIT;

/* ---- a thread's way of being woken ---- */

static void thread_ends(void *unused)
{
	(void)unused;
	if (!self.ref || self.pid != local.pid || !local_lock())
		return;
	run_waiter_free(local.m.r, self.ref);
	local_unlock();
	local.tab[self.fd] = 0;
	real.close(self.fd);
	self.ref = 0;
}

static void make_key(void)
{
	pthread_key_create(&gone_key, thread_ends);
}

static bool bind_to(uint32_t ref)
{
	struct sockaddr_un sun;
	socklen_t len = run_address(local.m.r, ref, &sun);
	int fd = real.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return false;
	if (bind(fd, (struct sockaddr *)&sun, len)) {
		real.close(fd);
		return false;
	}
	self.fd = local_hide(fd);
	return true;
}

bool local_become_waiter(void)
{
	if (self.ref && self.pid == local.pid)
		return true;
	if (self.ref) { /* the parent's, from before a fork */
		local.tab[self.fd] = 0;
		real.close(self.fd);
	}
	self.ref = 0;
	self.pid = local.pid;
	pthread_once(&gone_once, make_key);
	pthread_setspecific(gone_key, &self);
	for (int tries = 0; tries < 64; tries++) {
		uint32_t ref = run_waiter_new(local.m.r, local.pid);

		if (!ref)
			return false;
		if (bind_to(ref)) {
			self.ref = ref;
			return true;
		} /* a forked process still has the socket of this number: never used again */
	}
	return false;
}

static void drain(int fd)
{
	char byte;

	while (real.read(fd, &byte, 1) >= 0)
		;
}

/* From a signal handler. */
void local_poke(void)
{
	struct sockaddr_un sun;
	socklen_t len = run_address(local.m.r, self.ref, &sun);
	int err = errno;

	real.sendto(local.m.send_fd, "", 1, MSG_DONTWAIT, (struct sockaddr *)&sun, len);
	errno = err;
}

/* ---- waiting ---- */

nfds_t local_wait_head(void)
{
	return 2 + local.m.r->share.xsk.queues;
}

static bool closed(const struct local_wait *w)
{
	for (int i = 0; i < w->items; i++)
		if (local_item_closed(&w->item[i]))
			return true;
	return false;
}

static bool ready(const struct local_wait *w)
{
	if (closed(w))
		return true;
	if (w->epoll && local.m.r->epoll[w->epoll - 1].ready_head)
		return true;
	for (int i = 0; i < w->items; i++)
		if (run_poll(&local.m, w->item[i].sock, w->item[i].want) & (w->item[i].want | POLLERR | POLLHUP))
			return true;
	return false;
}

uint64_t local_until(uint64_t timeout_ns)
{
	return timeout_ns ? clock_now_ns() + timeout_ns : LOCAL_NEVER;
}

static bool may_spin(uint64_t now)
{
	const struct run *r = local.m.r;

	switch (r->waiting) {
	case XTCP_WAIT_POWER: return false;
	case XTCP_WAIT_LATENCY: return now - r->busy_ns < LATENCY_NS;
	default: return now - r->busy_ns < r->spin_us * 1000ull && r->gap_ns < r->spin_us * 1000ll + WAKE_NS;
	}
}

/* Without the lock, until something is likely to be there. */
static void spin(const struct local_wait *w)
{
	const struct run_waiter *me = &local.m.r->waiter[self.ref - 1];

	for (int i = 0; i < SPINS; i++) {
		if (xsk_rx_waiting(api_port(local.m.x)) || __atomic_load_n(&me->kicked, __ATOMIC_RELAXED))
			return;
		if (w->epoll && __atomic_load_n(&local.m.r->epoll[w->epoll - 1].ready_head, __ATOMIC_RELAXED))
			return;
		atomic_signal_fence(memory_order_seq_cst); /* look anew each time */
	}
}

static struct timespec span(uint64_t now, uint64_t until)
{
	uint64_t ns = until > now ? until - now : 0;

	return (struct timespec){ .tv_sec = (time_t)(ns / 1000000000ull), .tv_nsec = (long)(ns % 1000000000ull) };
}

static void unwatch(struct local_wait *w)
{
	for (int i = 0; i < w->items; i++)
		if (w->item[i].watch) {
			run_watch_remove(local.m.r, w->item[i].watch);
			w->item[i].watch = 0;
		}
}

/* In the middle of its sleep. */
static void cancelled(void *wait)
{
	local_sleeps = 0;
	if (!local_lock())
		return;
	run_awake(&local.m, self.ref);
	unwatch(wait);
	run_leave_watch(&local.m);
	local_unlock();
}

/* One sleep. > 0: woken, or a descriptor of the kernel's is ready; 0: time; -EINTR; -EIO. others: who watches is among them. */
static int sleep_once(struct local_wait *w, uint64_t now, bool others)
{
	struct run *r = local.m.r;
	nfds_t head = local_wait_head(), n;
	struct pollfd own[LOCAL_WAIT_HEAD], *p = w->kernel ? w->kernel : own;
	uint64_t until = w->until_ns, deadline = engine_deadline(api_engine(local.m.x));
	bool watch = !r->watcher && !local.sandboxed && !others;
	struct timespec ts;
	int fds[XTCP_MAX_QUEUES], nx = 0, rc, err;

	run_asleep(&local.m, self.ref, w->epoll);
	if (watch) {
		r->watcher = self.ref;
		until = deadline < until ? deadline : until;
		nx = api_port(local.m.x)->ops->fds(api_port(local.m.x), fds, XTCP_MAX_QUEUES);
	}
	p[0] = (struct pollfd){ .fd = self.fd, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = local.m.rpc_fd }; /* hangs up when the keeper has died */
	for (nfds_t i = 2; i < head; i++)
		p[i] = (struct pollfd){ .fd = (int)i - 2 < nx ? fds[i - 2] : -1, .events = POLLIN };
	if (others)
		run_leave_watch(&local.m);
	n = head + w->kernels;
	ts = span(now, until);
	local_sleeps = 1; /* a handler that runs before ppoll() does ends it */
	local_unlock();
	pthread_cleanup_push(cancelled, w);
	rc = real.ppoll(p, n, until == LOCAL_NEVER ? NULL : &ts, w->mask);
	err = errno;
	pthread_cleanup_pop(0);
	local_sleeps = 0;
	if (rc > 0 && p[1].revents)
		atomic_store(&r->closed, 1);
	if (!local_lock())
		return -EIO;
	run_awake(&local.m, self.ref);
	if (rc < 0)
		return err == EINTR ? -EINTR : 1;
	if (p[0].revents)
		drain(self.fd);
	return rc || watch;
}

static bool watch_all(struct local_wait *w)
{
	for (int i = 0; i < w->items; i++) {
		struct local_item *it = &w->item[i];

		it->watch = run_watch_add(local.m.r, it->sock, self.ref, it->want | POLLERR | POLLHUP);
		if (!it->watch)
			return false;
	}
	return true;
}

static bool kernel_ready(const struct local_wait *w)
{
	for (nfds_t i = 0; w->kernel && i < w->kernels; i++)
		if (w->kernel[local_wait_head() + i].revents)
			return true;
	return false;
}

/* What the turns since were for has somebody else to see to. */
static bool for_others(uint32_t told, uint64_t now)
{
	const struct run *r = local.m.r;

	return r->told != told && now - self.mine_ns > MINE_NS && now >= r->prompt_ns &&
	       r->waiting != XTCP_WAIT_LATENCY;
}

static int wait_loop(struct local_wait *w)
{
	uint32_t told = local.m.r->told;

	for (;;) {
		uint64_t now = clock_now_ns();
		bool others;
		int rc;

		local_turn();
		if (ready(w)) {
			self.mine_ns = now;
			return 1;
		}
		if (now >= w->until_ns)
			return 0;
		if (local_interrupted)
			return -EINTR;
		if (!local.sandboxed &&
		    (xsk_rx_waiting(api_port(local.m.x)) || engine_deadline(api_engine(local.m.x)) <= now))
			continue;
		others = for_others(told, now);
		if (!local.sandboxed && !others && may_spin(now)) {
			local.m.r->waiter[self.ref - 1].kicked = 0;
			local_unlock();
			spin(w);
			if (!local_lock())
				return -EIO;
			continue;
		}
		rc = sleep_once(w, now, others);
		told = local.m.r->told;
		if (rc < 0)
			return rc;
		if (kernel_ready(w))
			return 1;
	}
}

int local_wait(struct local_wait *w)
{
	int rc = -ENOMEM;

	local_interrupted = 0;
	for (int i = 0; i < w->items; i++) {
		w->item[i].watch = 0;
		if (!w->item[i].inode)
			w->item[i].inode = local_at(w->item[i].sock)->inode;
	}
	for (nfds_t i = 0; w->kernel && i < w->kernels; i++)
		w->kernel[local_wait_head() + i].revents = 0;
	if (local_become_waiter() && watch_all(w))
		rc = wait_loop(w);
	if (rc == -EIO)
		return rc;
	unwatch(w);
	run_leave_watch(&local.m);
	return closed(w) ? -EBADF : rc;
}

int local_wait_again(struct local_wait *w)
{
	int rc;

	do
		rc = local_wait(w);
	while (rc == -EINTR && !(local_interrupted & 2));
	return rc;
}

int local_wait_one(uint32_t ref, uint32_t want, uint64_t until_ns)
{
	struct local_item it = { .sock = ref, .want = want };
	struct local_wait w = { .item = &it, .items = 1, .until_ns = until_ns };

	return local_wait_again(&w);
}
