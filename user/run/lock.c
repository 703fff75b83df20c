// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * lock.c - the one lock of a run, and the engine's turns under it.
 *
 * Who takes the lock after another process begins with the port's state as that one left it. If a process died holding it, nobody
 * knows what is half done: the keeper makes the engine anew (keeper.c), and until then all others wait.
 */
#include "run/run.h"
#include "run/async.h"
#include "run/stuck.h"

#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>
#include "engine/engine.h"
#include "io/clock.h"

bool (*run_stands_aside)(void);

#define MEND_MS 5
#define MEND_TRIES 400 /* of MEND_MS: the keeper has died too */
#define EVENTS 64
#define GAP_SHIFT 3
#define GAP_LONGEST_NS 1000000

void run_kick_keeper(struct run_member *m)
{
	uint64_t one = 1;

	if (m->keeper_fd >= 0 && write(m->keeper_fd, &one, sizeof(one)) < 0)
		return; /* it has been kicked already */
}

static void nap(void)
{
	const struct timespec ts = { .tv_nsec = MEND_MS * 1000000 };

	nanosleep(&ts, NULL);
}

/* The keeper says whom it waits for. */
static int keepers_lock(struct run_member *m)
{
	struct timespec t;
	int err;

	do {
		clock_gettime(CLOCK_MONOTONIC, &t);
		t.tv_sec++;
		err = pthread_mutex_clocklock(&m->r->lock, CLOCK_MONOTONIC, &t);
		if (err == ETIMEDOUT)
			stuck_say(m);
	} while (err == ETIMEDOUT);
	m->stuck_said = false;
	return err;
}

/* Whether it was taken. Who died with it may not have begun yet, or may have been done. */
static bool taken(struct run_member *m, int err)
{
	if (err == EOWNERDEAD) {
		if (atomic_load(&m->r->busy)) {
			atomic_store(&m->r->broken, 1);
			run_kick_keeper(m);
		}
		pthread_mutex_consistent(&m->r->lock);
		err = 0;
	}
	return !err;
}

/* Of the thread that holds the lock: what it finds is to be changed; it is whole again. Whoever dies in between leaves it half done. */
static void set_busy(struct run *r, uint32_t busy)
{
	atomic_signal_fence(memory_order_seq_cst);
	atomic_store_explicit(&r->busy, busy, memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
}

static bool take(struct run_member *m)
{
	return taken(m, m->slot == RUN_KEEPER ? keepers_lock(m) : pthread_mutex_lock(&m->r->lock));
}

void run_pass(struct run_member *m, int seconds)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += seconds;
	if (taken(m, pthread_mutex_clocklock(&m->r->lock, CLOCK_MONOTONIC, &t)))
		pthread_mutex_unlock(&m->r->lock);
}

int run_lock_once(struct run_member *m)
{
	if (!take(m))
		return -1;
	if (atomic_load(&m->r->closed)) {
		pthread_mutex_unlock(&m->r->lock);
		return -1;
	}
	if (m->ends && atomic_load_explicit(m->ends, memory_order_relaxed) && run_stands_aside()) {
		pthread_mutex_unlock(&m->r->lock);
		return 0;
	}
	if (!atomic_load(&m->r->broken) || m->slot == RUN_KEEPER) {
		set_busy(m->r, 1);
		if (m->r->last != m->slot && !atomic_load(&m->r->broken)) {
			api_import(m->x, &m->r->xsk);
			m->r->last = m->slot;
		}
		return 1;
	}
	pthread_mutex_unlock(&m->r->lock);
	run_kick_keeper(m);
	return 0;
}

static int lock_each(struct run_member *m)
{
	for (uint32_t k = 0; k < m->r->engines; k++) {
		int rc = run_lock_once(&m[k]);

		if (rc > 0)
			continue;
		while (k-- > 0)
			run_unlock(&m[k]);
		return rc;
	}
	return 1;
}

/* Until it has been mended. */
static bool persist(struct run_member *m, int (*once)(struct run_member *))
{
	for (int tries = 0; tries <= MEND_TRIES; tries++) {
		int rc = once(m);

		if (rc)
			return rc > 0;
		nap();
	}
	return false;
}

bool run_lock(struct run_member *m)
{
	return persist(m, run_lock_once);
}

/* Not with some of them held while another is being mended: the keeper may wait for one of those. */
bool run_lock_all(struct run_member *m)
{
	return persist(m, lock_each);
}

void run_unlock(struct run_member *m)
{
	struct run_signals due;

	due.n = m->due.n;
	if (due.n) {
		due = m->due;
		m->due.n = 0;
	}
	api_export(m->x, &m->r->xsk);
	set_busy(m->r, 0);
	pthread_mutex_unlock(&m->r->lock);
	if (due.n)
		run_async_send(m, &due);
}

/* ---- turns ---- */

static uint32_t poll_bits(uint32_t ev)
{
	uint32_t bits = 0;

	if (ev & (XTCP_EV_READABLE | XTCP_EV_ACCEPT))
		bits |= POLLIN | POLLRDNORM;
	if (ev & XTCP_EV_PEER_FIN)
		bits |= POLLIN | POLLRDNORM | POLLRDHUP;
	if (ev & (XTCP_EV_WRITABLE | XTCP_EV_OPEN))
		bits |= POLLOUT | POLLWRNORM;
	if (ev & XTCP_EV_URGENT)
		bits |= POLLPRI;
	if (ev & XTCP_EV_ERROR)
		bits |= POLLERR | POLLHUP | POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLRDHUP;
	if (ev & XTCP_EV_CLOSED)
		bits |= POLLHUP | POLLIN | POLLRDNORM | POLLRDHUP;
	return bits;
}

/* A reset after the peer's FIN is a broken pipe to the program. */
static bool had_fin(struct run_member *m, uint64_t handle)
{
	const struct tcp_conn *c = engine_conn(api_engine(m->x), handle);

	return c && c->flags & TCP_F_FIN_RCVD;
}

static void tell(struct run_member *m, uint32_t ref, uint32_t events)
{
	run_notify(m, ref, poll_bits(events));
	if (run_sock_at(m->r, ref)->own_pid)
		run_async_event(m, ref, events);
}

static void deliver(struct run_member *m, const struct engine_event *ev)
{
	struct run_sock *s;

	if (!ev->user || ev->user > m->r->sock_fresh)
		return; /* not accepted yet, or closed */
	s = run_sock_at(m->r, (uint32_t)ev->user);
	if (s->handle != ev->handle)
		return;
	if (ev->events & XTCP_EV_OPEN) {
		s->connecting = 0;
		s->opened = 1;
	}
	if (ev->events & XTCP_EV_ERROR) {
		s->error = ev->error == ECONNRESET && had_fin(m, ev->handle) ? EPIPE : ev->error;
		s->connecting = 0;
	}
	tell(m, (uint32_t)ev->user, ev->events);
	for (uint32_t ref = s->sibling; ref && ref != (uint32_t)ev->user; ref = run_sock_at(m->r, ref)->sibling)
		tell(m, ref, ev->events);
}

static void look_at_frames(struct run *r, const uint64_t *stats, uint64_t now)
{
	uint64_t seen = stats[XTCP_USER_rx_frames];
	int64_t gap;

	if (seen == r->frames_seen)
		return;
	r->frames_seen = seen;
	gap = now - r->busy_ns < GAP_LONGEST_NS ? (int64_t)(now - r->busy_ns) : GAP_LONGEST_NS;
	r->gap_ns += (gap - r->gap_ns) / (1 << GAP_SHIFT);
	r->busy_ns = now;
}

static void deliver_all(struct run_member *m, int n)
{
	struct engine_event ev[EVENTS];

	while (n > 0) {
		int got = engine_events(api_engine(m->x), ev, EVENTS);

		for (int i = 0; i < got; i++)
			deliver(m, &ev[i]);
		if (got < EVENTS)
			break;
	}
}

void run_turn(struct run_member *m, uint64_t now_ns)
{
	struct engine *e = api_engine(m->x);
	int n = engine_turn(e, now_ns);

	m->r->turn_ns = now_ns;
	look_at_frames(m->r, engine_stats(e), now_ns);
	deliver_all(m, n);
}

void run_take_in(struct run_member *m, uint64_t now_ns)
{
	deliver_all(m, engine_take_in(api_engine(m->x), now_ns));
}
