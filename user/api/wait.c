// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * wait.c - turns and waiting: spin while traffic is likely, sleep when it is not.
 *
 * A sleeper waits for the port's sockets and for one epoll descriptor with netlink
 * and the eventfd of xtcp_wake in it. Its time limit is the engine's next deadline,
 * so an idle engine is not woken without a reason. The port's sockets are not in the
 * epoll set: each frame would run its wake-up, also while nobody sleeps. They are put
 * there once xtcp_fd() hands the descriptor to an event loop of others, for whom
 * xtcp_arm sets a timerfd in it.
 *
 * Balanced waiting spins when that is likely to be cheaper than to sleep and be woken. What is learned is how long it takes
 * until something arrives, one mean for when frames had been sent (an answer comes) and one for when they had only been
 * received. Where that is longer than the longest spin there is none at all: the server of a request a millisecond sleeps
 * at once, the client that waits 20 us for its answer does not. What comes after a sleep is seen later by a wake-up,
 * which must not keep two ends asleep that could both spin: hence WAKE_NS more. A deadline nearer than a wake-up is
 * spun for too; a further one is slept for, and met a wake-up late, but for that of xtcp_wait_until().
 *
 * Netlink is read when its descriptor is readable: seen at each sleep, and while
 * spinning at most every CTL_POLL_NS.
 */
#include "api/private.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include "io/clock.h"
#include "lib/fail.h"

#define CTL_POLL_NS NS_PER_MS
#define SPINS 24
#define WAKE_NS 30000ull     /* what it takes to sleep and be woken, about */
#define GAP_SHIFT 2	     /* of a mean of gaps a new one is a quarter */
#define TX_WAIT_NS NS_PER_MS /* first look at frames that the kernel has not sent yet; doubles up to 64 times */

static int add_fd(struct xtcp *x, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	if (fd < 0 || epoll_ctl(x->ep_fd, EPOLL_CTL_ADD, fd, &ev))
		return fail(errno, "cannot set up waiting: %s", strerror(errno));
	return 0;
}

/* Readable when another engine has handed something over to this one, which slept. */
static int sisters_fd(const struct xtcp *x)
{
	return x->sisters->wake_fd[x->seat];
}

int api_wait_open(struct xtcp *x)
{
	int err;

	x->n_port_fds = x->port->ops->fds(x->port, x->port_fds, XTCP_MAX_QUEUES);
	x->ep_fd = epoll_create1(EPOLL_CLOEXEC);
	x->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	x->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (x->ep_fd < 0 || x->wake_fd < 0 || x->timer_fd < 0)
		return fail(errno, "cannot set up waiting: %s", strerror(errno));
	err = add_fd(x, ctl_fd(x->ctl));
	if (!err)
		err = add_fd(x, x->wake_fd);
	if (!err)
		err = add_fd(x, sisters_fd(x));
	return err ? err : add_fd(x, x->timer_fd);
}

void api_wait_close(struct xtcp *x)
{
	if (x->ep_fd >= 0)
		close(x->ep_fd);
	if (x->wake_fd >= 0)
		close(x->wake_fd);
	if (x->timer_fd >= 0)
		close(x->timer_fd);
}

/* ---- turns ---- */

static void look_at_netlink(struct xtcp *x, uint64_t now)
{
	x->ctl_ns = now;
	if (!x->gone && ctl_process(x->ctl) == -ENODEV)
		x->gone = true;
	if (x->gone)
		engine_link_gone(x->engine);
}

/*
 * Frames came or went. What we sent unasked tells only that nothing arrived until then. A pause counts as four times the longest
 * that is spun for at most, so that a new burst is noticed soon.
 */
static void learn_gap(struct xtcp *x, uint64_t now, bool received)
{
	uint64_t gap = now - x->busy_ns, longest = x->spin_ns + WAKE_NS;
	int64_t *mean = &x->gap_ns[x->sent];

	gap = gap < 4 * longest ? gap : 4 * longest;
	if (!received && (int64_t)gap <= *mean)
		return;
	*mean += ((int64_t)gap - *mean) / (1 << GAP_SHIFT);
}

static void look_at_frames(struct xtcp *x, uint64_t now)
{
	const uint64_t *stats = engine_stats(x->engine);
	uint64_t rx = stats[XTCP_USER_rx_frames] + stats[XTCP_USER_in_handed_over], tx = stats[XTCP_USER_tx_frames];

	if (rx == x->rx_seen && tx == x->tx_seen)
		return;
	if (x->waiting == XTCP_WAIT_BALANCED)
		learn_gap(x, now, rx != x->rx_seen);
	x->sent = tx != x->tx_seen;
	x->rx_seen = rx;
	x->tx_seen = tx;
	x->busy_ns = now;
	x->tx_waits = 0;
}

static int turn(struct xtcp *x, uint64_t now)
{
	if (x->dozing) {
		x->dozing = false;
		sisters_awake(x->sisters, x->seat);
	}
	if (now - x->ctl_ns >= CTL_POLL_NS)
		look_at_netlink(x, now);
	x->ready = engine_turn(x->engine, now);
	if (x->ready == -ENXIO || x->ready == -ENODEV) { /* the port noticed before netlink did */
		x->gone = true;
		engine_link_gone(x->engine);
	}
	if (x->ready < 0)
		x->ready = 0;
	look_at_frames(x, now);
	return x->ready;
}

static int gone(struct xtcp *x)
{
	return fail(ENODEV, "%s: the interface has been removed", ctl_link(x->ctl)->name);
}

int xtcp_turn(struct xtcp *x)
{
	int n = turn(x, clock_now_ns());

	return x->gone && !n ? gone(x) : n;
}

int xtcp_events(struct xtcp *x, struct xtcp_event *ev, int max)
{
	struct engine_event e[64];
	int done = 0;

	while (done < max) {
		int n = engine_events(x->engine, e, max - done < 64 ? max - done : 64);

		for (int i = 0; i < n; i++, done++)
			ev[done] = (struct xtcp_event){ .handle = e[i].handle,
							.user = (void *)(uintptr_t)e[i].user,
							.events = e[i].events,
							.error = e[i].error };
		if (n < 64)
			break;
	}
	x->ready = x->ready > done ? x->ready - done : 0;
	return done;
}

/* ---- sleeping ---- */

/* When a sleeper must be back, whatever arrives. */
static uint64_t wake_time(struct xtcp *x, uint64_t now)
{
	uint64_t at = engine_deadline(x->engine);

	if (engine_frames(x->engine)->in_tx) { /* completions raise no event */
		uint64_t look = now + (TX_WAIT_NS << (x->tx_waits < 6 ? x->tx_waits : 6));

		at = look < at ? look : at;
	}
	return at;
}

static void clear_wake(struct xtcp *x)
{
	uint64_t n;

	if (read(x->wake_fd, &n, sizeof(n)) < 0)
		return; /* nobody had called: nothing to clear */
}

/* Netlink's and xtcp_wake's share of a wake-up. */
static void look_at_epoll(struct xtcp *x)
{
	struct epoll_event ev[8];
	int n = epoll_wait(x->ep_fd, ev, 8, 0);

	for (int i = 0; i < n; i++)
		if (ev[i].data.fd == ctl_fd(x->ctl))
			look_at_netlink(x, clock_now_ns());
		else if (ev[i].data.fd == sisters_fd(x))
			sisters_hush(x->sisters, x->seat);
}

/* 0, or -EINTR. */
static int sleep_until(struct xtcp *x, uint64_t until, uint64_t now)
{
	struct pollfd fds[XTCP_MAX_QUEUES + 1];
	struct timespec ts, *limit = NULL;
	int n;

	if (until != TCP_NEVER) {
		uint64_t ns = until > now ? until - now : 0;

		ts.tv_sec = (time_t)(ns / 1000000000ull);
		ts.tv_nsec = (long)(ns % 1000000000ull);
		limit = &ts;
	}
	x->dozing = true;
	if (!sisters_doze(x->sisters, x->seat))
		return 0;
	if (engine_frames(x->engine)->in_tx)
		x->tx_waits++;
	engine_count_sleep(x->engine);
	fds[0] = (struct pollfd){ .fd = x->ep_fd, .events = POLLIN };
	for (int i = 0; i < x->n_port_fds; i++)
		fds[i + 1] = (struct pollfd){ .fd = x->port_fds[i], .events = POLLIN };
	n = ppoll(fds, (nfds_t)x->n_port_fds + 1, limit, NULL);
	if (n < 0)
		return errno == EINTR ? -EINTR : 0;
	if (fds[0].revents)
		look_at_epoll(x);
	return 0;
}

/* Is it worth a spin that something may arrive? */
static bool may_spin(struct xtcp *x, uint64_t now)
{
	struct engine_counts n;

	switch (x->waiting) {
	case XTCP_WAIT_POWER: return false;
	case XTCP_WAIT_LATENCY:
		if (now - x->busy_ns < 1000 * NS_PER_MS)
			return true;
		engine_counts(x->engine, &n);
		return n.conns > 0;
	default: return now - x->busy_ns < x->spin_ns && x->gap_ns[x->sent] < (int64_t)(x->spin_ns + WAKE_NS);
	}
}

/* No time for a sleep until then. */
static bool too_near(const struct xtcp *x, uint64_t now, uint64_t until)
{
	return until <= (x->waiting == XTCP_WAIT_BALANCED ? now + WAKE_NS : now);
}

/*
 * When a sleep has to end: at the engine's deadline, which may be a wake-up late, or at the caller's limit. Where that has to be met
 * to the microsecond the last WAKE_NS before it are left to spin.
 */
static uint64_t sleep_end(const struct xtcp *x, uint64_t deadline, uint64_t limit, bool precise)
{
	if (precise && x->waiting == XTCP_WAIT_BALANCED && limit != TCP_NEVER)
		limit -= WAKE_NS;
	return deadline < limit ? deadline : limit;
}

static bool take_wake(struct xtcp *x)
{
	if (!atomic_load_explicit(&x->woken, memory_order_relaxed) || !atomic_exchange(&x->woken, false))
		return false;
	clear_wake(x);
	return true;
}

/* Look for frames without a whole turn and a reading of the clock: no longer than such a turn takes. */
static void spin(struct xtcp *x)
{
	for (int i = 0; i < SPINS && !x->port->ops->rx_pending(x->port); i++)
		;
}

static int wait_events(struct xtcp *x, struct xtcp_event *ev, int max, uint64_t now, uint64_t limit, bool precise)
{
	uint64_t deadline;
	int n, err;

	for (;; now = clock_now_ns()) {
		if (turn(x, now) || x->gone) {
			n = xtcp_events(x, ev, max);
			if (n)
				return n;
		}
		if (x->gone)
			return gone(x);
		if (take_wake(x) || now >= limit)
			return 0;
		if (may_spin(x, now)) {
			spin(x);
			continue;
		}
		if (x->port->ops->rx_pending(x->port))
			continue;
		deadline = wake_time(x, now);
		if (too_near(x, now, deadline < limit ? deadline : limit))
			continue;
		err = sleep_until(x, sleep_end(x, deadline, limit, precise), now);
		if (err)
			return err;
	}
}

int xtcp_wait_until(struct xtcp *x, struct xtcp_event *ev, int max, uint64_t limit)
{
	return wait_events(x, ev, max, clock_now_ns(), limit, true);
}

int xtcp_wait(struct xtcp *x, struct xtcp_event *ev, int max, int timeout_ms)
{
	uint64_t now = clock_now_ns(), limit = timeout_ms < 0 ? TCP_NEVER : now + (uint64_t)timeout_ms * NS_PER_MS;

	return wait_events(x, ev, max, now, limit, false);
}

void xtcp_wake(struct xtcp *x)
{
	uint64_t one = 1;

	atomic_store(&x->woken, true);
	if (write(x->wake_fd, &one, sizeof(one)) < 0)
		return; /* the counter is full: a wake is pending anyway */
}

int xtcp_fd(struct xtcp *x)
{
	for (int i = 0; !x->ep_port && i < x->n_port_fds; i++)
		if (add_fd(x, x->port_fds[i]))
			return -errno;
	x->ep_port = true;
	return x->ep_fd;
}

int xtcp_arm(struct xtcp *x)
{
	uint64_t now = clock_now_ns(), until = wake_time(x, now), n;
	struct itimerspec its = { 0 };

	take_wake(x);
	if (read(x->timer_fd, &n, sizeof(n)) > 0 || now - x->ctl_ns >= CTL_POLL_NS)
		look_at_netlink(x, now);
	sisters_hush(x->sisters, x->seat);
	if (x->gone || x->ready || may_spin(x, now) || too_near(x, now, until) || x->port->ops->rx_pending(x->port))
		return 0;
	x->dozing = true;
	if (!sisters_doze(x->sisters, x->seat))
		return 0;
	if (engine_frames(x->engine)->in_tx)
		x->tx_waits++;
	if (until != TCP_NEVER) {
		its.it_value.tv_sec = (time_t)(until / 1000000000ull);
		its.it_value.tv_nsec = (long)(until % 1000000000ull);
	}
	timerfd_settime(x->timer_fd, TFD_TIMER_ABSTIME, &its, NULL);
	return 1;
}

int xtcp_drain(struct xtcp *x, int timeout_ms)
{
	uint64_t now = clock_now_ns(), limit = now + (uint64_t)timeout_ms * NS_PER_MS, until;

	for (;; now = clock_now_ns()) {
		turn(x, now);
		if (x->gone)
			return gone(x);
		if (!engine_orphans(x->engine))
			return 0;
		if (now >= limit)
			return fail(ETIMEDOUT, "%u connections did not finish within %d ms", engine_orphans(x->engine),
				    timeout_ms);
		until = wake_time(x, now);
		if (until > now && !x->port->ops->rx_pending(x->port))
			sleep_until(x, until < limit ? until : limit, now);
	}
}
