// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * wait.c - a thread waits: turns as long as they bring something, spinning while the next frame is likely, then sleep.
 *
 * Of all threads that sleep one watches the AF_XDP sockets and the engine's deadline; it wakes those whose sockets its turns make
 * ready. Each sleeps in ppoll() on a datagram socket of its own, by which it is woken, and the kernel's descriptors it asked for.
 *
 * A thread for which nothing has come lately, and whose turn was for another, leaves the watch to that one: it would be woken for each
 * frame, and stand in its way. Nobody may watch then; the keeper, which ticks meanwhile, finds a turn that is late (keeper.c).
 *
 * A wait that depends on several engines takes them one after the other: what is true of one (ready.c) is true of each. It looks and is
 * marked asleep there under one holding of that lock; what happens in it while the thread goes through the others sends it a
 * datagram, and it does not sleep.
 *
 * Frames of an engine's connections may arrive at any queue. So a thread that is about to sleep also adopts the engines that nobody looks
 * at: no thread watches them, and no process that is at home there has looked for a while.
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
#define ENDED_NS 10000000
#define LATE_SPINS \
	4 /* the next frame is near, by the mean: a late one is spun for so many times as long, for to sleep delays it more */
#define HOME_NS 5000000 /* an engine whose own process has looked since is looked after */
#define MINE_NS 1000000 /* nothing for this thread for so long: what comes is for others */

static LOCAL_TLS struct {
	uint32_t ref;
	int fd;
	pid_t pid;
	uint64_t mine_ns;	    /* when something was ready last */
	uint32_t told[RUN_ENGINES]; /* run.told of each engine when this thread began to wait, or slept last */
} self;
LOCAL_TLS volatile sig_atomic_t local_interrupted, local_sleeps;
static pthread_key_t gone_key;
static pthread_once_t gone_once = PTHREAD_ONCE_INIT;

/* ---- a thread's way of being woken ---- */

static void thread_ends(void *unused)
{
	(void)unused;
	if (!self.ref || self.pid != local.pid || !local_lock(0))
		return;
	run_waiter_free(local_here->r, self.ref);
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
	socklen_t len = run_address(local.m[0].r, ref, &sun);
	int fd = real.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return false;
	if (real.bind(fd, (struct sockaddr *)&sun, len)) {
		real.close(fd);
		return false;
	}
	self.fd = local_hide(fd);
	return true;
}

static bool take_number(void)
{
	for (int tries = 0; tries < 64; tries++) {
		uint32_t ref = run_waiter_new(local_here->r, local.pid);

		if (!ref)
			return false;
		if (bind_to(ref)) {
			self.ref = ref;
			return true;
		} /* a forked process still has the socket of this number: never used again */
	}
	return false;
}

bool local_become_waiter(void)
{
	uint32_t k = (uint32_t)(local_here - local.m);
	bool good;

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
	if (!local_go(0))
		return false;
	good = take_number();
	return local_go(k) && good;
}

void local_prepare_sandbox(void)
{
	if (!local.on || !local_lock(0))
		return;
	local_become_waiter();
	local_unlock();
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
	socklen_t len = run_address(local.m[0].r, self.ref, &sun);
	int err = errno;

	real.sendto(local.m[0].send_fd, "", 1, MSG_DONTWAIT, (struct sockaddr *)&sun, len);
	errno = err;
}

/* ---- which engines ---- */

nfds_t local_wait_head(void)
{
	return local.fds_at[local.engines];
}

static struct run_member *at(uint32_t engine)
{
	return &local.m[engine];
}

static uint32_t first_of(uint64_t set)
{
	return (uint32_t)__builtin_ctzll(set);
}

uint32_t local_poll(uint32_t name, uint32_t want)
{
	uint32_t bits = run_poll(local_here, local_ref(name), want);

	if (bits & POLLIN && local.engines > 1 && run_for_others(local_here, local_ref(name)))
		return 0;
	return bits;
}

int local_items(uint32_t name, uint64_t inode, uint32_t want, struct local_item *room)
{
	int n = 0;

	if (local.engines == 1 || local_at(name)->kind != RUN_LISTENER) {
		*room = (struct local_item){ .sock = name, .want = want, .inode = inode };
		return 1;
	}
	for (uint32_t k = 0; k < local.engines; k++)
		if (local_ref(local_twin(name, k)))
			room[n++] = (struct local_item){ .sock = local_twin(name, k), .want = want, .inode = inode };
	return n;
}

static uint64_t epoll_engines(uint32_t ep)
{
	return atomic_load(&local.m[0].r->epoll[ep - 1].engines);
}

/* Where something is ready, told or about to be told by the bell. */
static uint64_t rung(uint32_t ep)
{
	uint64_t set = 0;

	for (uint32_t k = 0; k < local.engines; k++)
		if (__atomic_load_n(&at(k)->r->epoll[ep - 1].ready_head, __ATOMIC_RELAXED))
			set |= 1ull << k;
	return set;
}

/* Those that nobody looks at. What is read here without the lock may be old: the keeper makes up for that within its tick. */
static uint64_t orphans(uint64_t now)
{
	uint64_t set = 0;

	for (uint32_t k = 0; k < local.engines; k++) {
		const struct run *r = at(k)->r;
		uint32_t watcher = __atomic_load_n(&r->watcher, __ATOMIC_RELAXED);

		if ((!watcher || watcher == self.ref) &&
		    (int64_t)(now - __atomic_load_n(&r->home_ns, __ATOMIC_RELAXED)) > HOME_NS)
			set |= 1ull << k;
	}
	return set;
}

void local_help(uint32_t engine)
{
	uint64_t set = 0;

	for (uint32_t k = 0; k < local.engines; k++)
		if (k != engine && xsk_rx_waiting(api_port(at(k)->x)))
			set |= 1ull << k;
	if (set)
		set &= orphans(clock_now_ns());
	if (!set)
		return;
	for (; set && local_go(first_of(set)); set &= set - 1)
		local_turn();
	local_unlock();
}

static void choose(struct local_wait *w, uint64_t now)
{
	if (local.engines == 1) {
		w->engines = 1;
		return;
	}
	w->engines = w->epoll ? epoll_engines(w->epoll) | rung(w->epoll) : 0;
	for (int i = 0; i < w->items; i++)
		w->engines |= 1ull << local_engine(w->item[i].sock);
	w->adopted = local.sandboxed ? 0 : orphans(now) & ~w->engines;
	if (!(w->engines | w->adopted))
		w->engines = 1ull << local_home();
}

/* ---- waiting ---- */

static bool closed(const struct local_wait *w)
{
	for (int i = 0; i < w->items; i++)
		if (local_item_closed(&w->item[i]))
			return true;
	return false;
}

/* In this engine. */
static bool ready(const struct local_wait *w)
{
	uint32_t k = local_here->r->number;

	if (closed(w))
		return true;
	if (w->epoll && local_here->r->epoll[w->epoll - 1].ready_head)
		return true;
	for (int i = 0; i < w->items; i++)
		if (local_engine(w->item[i].sock) == k &&
		    local_poll(w->item[i].sock, w->item[i].want) & (w->item[i].want | POLLERR | POLLHUP))
			return true;
	return false;
}

int local_wait_ended(void)
{
	const struct timespec ts = { .tv_nsec = ENDED_NS };

	nanosleep(&ts, NULL);
	errno = EIO;
	return -1;
}

uint64_t local_until(uint64_t timeout_ns)
{
	return timeout_ns ? clock_now_ns() + timeout_ns : LOCAL_NEVER;
}

static bool may_spin(uint64_t now)
{
	const struct run *r = local_here->r;

	switch (r->waiting) {
	case XTCP_WAIT_POWER: return false;
	case XTCP_WAIT_LATENCY: return now - r->busy_ns < LATENCY_NS;
	default:
		return now - r->busy_ns < LATE_SPINS * r->spin_us * 1000ull &&
		       r->gap_ns < r->spin_us * 1000ll + WAKE_NS;
	}
}

static bool anything(const struct local_wait *w, uint64_t set)
{
	for (; set; set &= set - 1) {
		const struct run_member *m = at(first_of(set));

		if (xsk_rx_waiting(api_port(m->x)) ||
		    __atomic_load_n(&m->r->waiter[self.ref - 1].kicked, __ATOMIC_RELAXED))
			return true;
		if (local.engines > 1 && api_handed_over(m->x))
			return true;
	}
	return w->epoll && rung(w->epoll);
}

/* Without the lock, until something is likely to be there. */
static void spin(const struct local_wait *w)
{
	for (int i = 0; i < SPINS && !anything(w, w->engines | w->adopted); i++)
		atomic_signal_fence(memory_order_seq_cst); /* look anew each time */
}

static struct timespec span(uint64_t now, uint64_t until)
{
	uint64_t ns = until > now ? until - now : 0;

	return (struct timespec){ .tv_sec = (time_t)(ns / 1000000000ull), .tv_nsec = (long)(ns % 1000000000ull) };
}

static void awake(struct local_wait *w)
{
	uint64_t bit = 1ull << local_here->r->number;

	if (!(w->asleep & bit))
		return;
	run_awake(local_here, self.ref);
	w->asleep &= ~bit;
	w->left |= w->watching & bit;
	w->watching &= ~bit;
}

enum { NOTHING, FOUND, AGAIN, SPIN };

/* What the turns since were for has somebody else to see to. Not of an engine that is only adopted: there nobody has. */
static bool for_others(const struct local_wait *w, uint64_t now)
{
	const struct run *r = local_here->r;

	return w->engines >> r->number & 1 && r->told != self.told[r->number] && now - self.mine_ns > MINE_NS &&
	       now >= r->prompt_ns && r->waiting != XTCP_WAIT_LATENCY;
}

/* Marked asleep, and the one who watches if nobody does. others: that is one of them. */
static int lie_down(struct local_wait *w, bool others)
{
	struct run *r = local_here->r;
	uint64_t bit = 1ull << r->number, deadline;

	run_asleep(local_here, self.ref, w->epoll);
	w->asleep |= bit;
	if (r->watcher || local.sandboxed)
		return NOTHING;
	if (others) {
		run_leave_watch(local_here);
		return NOTHING;
	}
	if (r->home_sleepers && !run_at_home(local_here)) { /* it is theirs */
		run_hand_over_watch(local_here);
		return NOTHING;
	}
	if (local.engines > 1 && !api_doze(local_here->x)) {
		awake(w);
		return AGAIN;
	}
	r->watcher = self.ref;
	w->watching |= bit;
	w->left &= ~bit;
	deadline = engine_deadline(api_engine(local_here->x));
	w->wake_ns = deadline < w->wake_ns ? deadline : w->wake_ns;
	return NOTHING;
}

/* One engine: a turn, and what it has brought. */
static int look(struct local_wait *w, uint64_t now, bool sleep)
{
	struct run *r = local_here->r;
	bool others;

	awake(w);
	if (w->fresh >> r->number & 1)
		self.told[r->number] = r->told;
	w->fresh &= ~(1ull << r->number);
	local_here->serving = w->epoll;
	local_turn();
	local_here->serving = 0;
	if (ready(w))
		return FOUND;
	if (!sleep)
		return NOTHING;
	if (!local.sandboxed &&
	    (xsk_rx_waiting(api_port(local_here->x)) || engine_deadline(api_engine(local_here->x)) <= now))
		return AGAIN;
	others = for_others(w, now);
	if (!local.sandboxed && !others && may_spin(now)) {
		r->waiter[self.ref - 1].kicked = 0;
		return SPIN;
	}
	return lie_down(w, others);
}

/* Those of these engines are left to others; fn: at once, or when it turns out that they have to see to it. */
static bool let_go(struct local_wait *w, uint64_t set, void (*fn)(struct run_member *m))
{
	for (; set; set &= set - 1) {
		if (!local_go(first_of(set)))
			return false;
		awake(w);
		fn(local_here);
	}
	return true;
}

/* All that it depends on; those that are only adopted first, for what they hand over. */
static int look_at_all(struct local_wait *w, uint64_t now, bool sleep)
{
	int most = NOTHING;

	if (!let_go(w, w->asleep & ~(w->engines | w->adopted), run_hand_over_watch))
		return -EIO;
	for (int own = w->adopted ? 0 : 1; own < 2; own++)
		for (uint64_t set = own ? w->engines : w->adopted; set; set &= set - 1) {
			int rc;

			if (!local_go(first_of(set)))
				return -EIO;
			rc = look(w, now, sleep);
			if (rc == FOUND)
				return rc;
			most = rc > most ? rc : most;
		}
	return most;
}

static bool kernel_ready(const struct local_wait *w)
{
	for (nfds_t i = 0; w->kernel && i < w->kernels; i++)
		if (w->kernel[local_wait_head() + i].revents)
			return true;
	return false;
}

static void fill_poll(const struct local_wait *w, struct pollfd *p)
{
	p[0] = (struct pollfd){ .fd = self.fd, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = local.m[0].rpc_fd }; /* hangs up when the keeper has died */
	for (uint32_t k = 0; k < local.engines; k++) {
		struct io_port *port = api_port(at(k)->x);
		nfds_t i = local.fds_at[k], end = local.fds_at[k + 1];
		int fds[XTCP_MAX_QUEUES], n = 0;

		if (w->watching >> k & 1) {
			n = port->ops->fds(port, fds, XTCP_MAX_QUEUES);
			if (local.engines > 1)
				p[--end] = (struct pollfd){ .fd = api_wake_fd(at(k)->x), .events = POLLIN };
		}
		for (int j = 0; i < end; i++, j++)
			p[i] = (struct pollfd){ .fd = j < n ? fds[j] : -1, .events = POLLIN };
	}
}

static uint64_t items_of(const struct local_wait *w)
{
	uint64_t set = 0;

	for (int i = 0; i < w->items; i++)
		if (w->item[i].watch)
			set |= 1ull << local_engine(w->item[i].sock);
	return set;
}

/* In each engine that it has to do with: nothing is watched any more, and another sleeper watches for all. */
static bool leave(struct local_wait *w)
{
	uint64_t set = local.engines > 1 ? w->asleep | w->left | items_of(w) : 1;

	/* Who is woken to watch in an engine of ours adopts these too. */
	if (!let_go(w, set & w->adopted, run_leave_watch))
		return false;
	for (set &= ~w->adopted; set; set &= set - 1) {
		uint32_t k = first_of(set);

		if (!local_go(k))
			return false;
		for (int i = 0; i < w->items; i++)
			if (w->item[i].watch && local_engine(w->item[i].sock) == k) {
				run_watch_remove(local_here, w->item[i].watch);
				w->item[i].watch = 0;
			}
		awake(w);
		run_leave_watch(local_here);
	}
	return local_here || local_go(local_home());
}

/* In the middle of its sleep. */
static void cancelled(void *wait)
{
	local_sleeps = 0;
	if (leave(wait))
		local_unlock();
}

/* One sleep; no lock is held after it. -EINTR; -EIO; 0. */
static int sleep_once(struct local_wait *w, uint64_t now)
{
	struct pollfd own[LOCAL_WAIT_HEAD], *p = w->kernel ? w->kernel : own;
	uint64_t until = w->wake_ns < w->until_ns ? w->wake_ns : w->until_ns;
	struct timespec ts = span(now, until);
	int rc, err;

	fill_poll(w, p);
	w->fresh = UINT64_MAX;
	local_sleeps = 1; /* a handler that runs before ppoll() does ends it */
	local_unlock();
	pthread_cleanup_push(cancelled, w);
	rc = real.ppoll(p, local_wait_head() + w->kernels, until == LOCAL_NEVER ? NULL : &ts, w->mask);
	err = errno;
	pthread_cleanup_pop(0);
	local_sleeps = 0;
	if (rc < 0)
		return err == EINTR ? -EINTR : 0;
	if (rc && p[1].revents)
		for (uint32_t k = 0; k < local.engines; k++)
			atomic_store(&at(k)->r->closed, 1);
	if (rc && p[0].revents)
		drain(self.fd);
	for (uint64_t set = local.engines > 1 && rc ? w->watching : 0; set; set &= set - 1)
		if (p[local.fds_at[first_of(set) + 1] - 1].revents)
			api_hush(at(first_of(set))->x);
	return 0;
}

/* Since the engines were chosen: has the epoll instance come to depend on another? */
static bool grown(const struct local_wait *w)
{
	return local.engines > 1 && w->epoll && epoll_engines(w->epoll) & ~w->engines;
}

static int wait_loop(struct local_wait *w)
{
	for (;;) {
		uint64_t now = clock_now_ns();
		bool over = now >= w->until_ns, stop = over || local_interrupted;
		int rc;

		choose(w, now);
		w->wake_ns = LOCAL_NEVER;
		rc = look_at_all(w, now, !stop);
		if (rc == FOUND)
			self.mine_ns = now;
		if (rc < 0 || rc == FOUND)
			return rc;
		if (stop)
			return over ? 0 : -EINTR;
		if (rc == AGAIN || grown(w))
			continue;
		if (rc == SPIN) {
			local_unlock();
			spin(w);
			continue;
		}
		rc = sleep_once(w, now);
		if (rc < 0)
			return rc;
		if (kernel_ready(w))
			return FOUND;
	}
}

static int watch_all(struct local_wait *w)
{
	for (int i = 0; i < w->items; i++) {
		struct local_item *it = &w->item[i];

		if (!local_go(local_engine(it->sock)))
			return -EIO;
		if (local_item_closed(it))
			return -EBADF;
		it->watch = run_watch_add(local_here, local_ref(it->sock), self.ref, it->want | POLLERR | POLLHUP);
		if (!it->watch)
			return -ENOMEM;
	}
	return 0;
}

int local_wait(struct local_wait *w)
{
	uint32_t k = (uint32_t)(local_here - local.m);
	int rc = -ENOMEM;

	local_interrupted = 0;
	w->engines = w->adopted = w->asleep = w->watching = w->left = 0;
	w->fresh = UINT64_MAX;
	for (int i = 0; i < w->items; i++) {
		w->item[i].watch = 0;
		if (!w->item[i].inode)
			w->item[i].inode = local_at(w->item[i].sock)->inode;
	}
	for (nfds_t i = 0; w->kernel && i < w->kernels; i++)
		w->kernel[local_wait_head() + i].revents = 0;
	if (local_become_waiter()) {
		rc = watch_all(w);
		if (!rc)
			rc = wait_loop(w);
	} else if (!local_here) {
		rc = -EIO;
	}
	if (rc == -EIO || !leave(w) || !local_go(k)) {
		local_unlock();
		return -EIO;
	}
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

int local_wait_one(uint32_t name, uint32_t want, uint64_t until_ns)
{
	struct local_item it = { .sock = name, .want = want };
	struct local_wait w = { .item = &it, .items = 1, .until_ns = until_ns };

	return local_wait_again(&w);
}
