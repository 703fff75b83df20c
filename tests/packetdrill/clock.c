// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * clock.c - the virtual time (see pd.h), and calls that block in it. A blocked call sleeps in the kernel, since packetdrill
 * looks at its thread's state; the time at which it ended is what its thread is told next.
 */
#include <errno.h>
#include <unistd.h>
#include "pd.h"

#define QUIET_NS (1200ull * 1000000000) /* who waits for a packet gives up after so much */
#define REAL_US 3000			/* of real time, for packetdrill's other thread to note what a call returned */
#define TURNS 64			/* of the engine at one time */

static __thread uint64_t ended_ns; /* of this thread's last blocked call; 0: none */

/* With the lock held. */
static void look(struct pd *p)
{
	if (!p->blocked || !pthread_equal(pthread_self(), p->owner))
		return;
	p->turn++;
	pthread_cond_broadcast(&p->moved);
	while (p->blocked && p->seen != p->turn)
		pthread_cond_wait(&p->looked, &p->lock);
}

static void events(struct pd *p)
{
	struct engine_event ev[16];
	int n;

	do {
		n = engine_events(p->e, ev, 16);
		for (int i = 0; i < n; i++)
			pd_event(p, &ev[i]);
	} while (n == 16);
}

static void work(struct pd *p)
{
	for (int i = 0; i < TURNS; i++) {
		engine_turn(p->e, p->now_ns);
		events(p);
		if (!p->port.rx_count && engine_deadline(p->e) > p->now_ns)
			break;
	}
	pd_notes(p);
	pd_epoll_wake(p);
}

void pd_turn(struct pd *p)
{
	work(p);
	look(p);
}

static uint64_t next(struct pd *p)
{
	uint64_t at = engine_deadline(p->e);

	return p->blocked && p->blocked_until < at ? p->blocked_until : at;
}

void pd_run_to(struct pd *p, uint64_t ns)
{
	for (uint64_t at = next(p); at <= ns; at = next(p)) {
		if (at <= p->now_ns)
			at = p->now_ns + 1000; /* it did nothing yet: time must pass */
		if (at > ns)
			break;
		p->now_ns = at;
		pd_turn(p);
	}
	if (ns > p->now_ns)
		p->now_ns = ns;
}

bool pd_run_next(struct pd *p)
{
	uint64_t at = next(p);

	if (at == TCP_NEVER || at > p->now_ns + QUIET_NS)
		return false;
	pd_run_to(p, at > p->now_ns ? at : p->now_ns + 1000);
	return true;
}

static long block_owner(struct pd *p, uint64_t until_ns, long (*fn)(struct pd *p, void *arg), void *arg)
{
	long r;

	while ((r = fn(p, arg)) == -EAGAIN && p->now_ns < until_ns) {
		uint64_t at = next(p);

		if (at >= until_ns)
			at = until_ns;
		if (at == TCP_NEVER)
			break;
		pd_run_to(p, at > p->now_ns ? at : p->now_ns + 1000);
	}
	return r;
}

long pd_block(struct pd *p, uint64_t until_ns, long (*fn)(struct pd *p, void *arg), void *arg)
{
	long r;

	if (pthread_equal(pthread_self(), p->owner))
		return block_owner(p, until_ns, fn, arg);
	p->blocked = true;
	p->blocked_until = until_ns;
	p->seen = p->turn;
	while ((r = fn(p, arg)) == -EAGAIN && p->now_ns < until_ns) {
		p->seen = p->turn;
		pthread_cond_signal(&p->looked);
		while (p->seen == p->turn)
			pthread_cond_wait(&p->moved, &p->lock);
	}
	p->blocked = false;
	ended_ns = p->now_ns;
	p->ended = true;
	work(p);
	pthread_cond_signal(&p->looked);
	return r;
}

int pd_usleep(void *arg, useconds_t us)
{
	struct pd *p = arg;
	bool ended;

	pthread_mutex_lock(&p->lock);
	pd_run_to(p, p->now_ns + us * 1000ull);
	ended = p->ended;
	p->ended = false;
	pthread_mutex_unlock(&p->lock);
	if (ended)
		usleep(REAL_US);
	return 0;
}

int pd_gettimeofday(void *arg, struct timeval *tv, struct timezone *tz)
{
	struct pd *p = arg;
	uint64_t ns;

	(void)tz;
	pthread_mutex_lock(&p->lock);
	if (!ended_ns)
		pd_run_to(p, p->now_ns + 1000); /* whoever waits for an event asks until it has come */
	ns = ended_ns ? ended_ns : p->now_ns;
	ended_ns = 0;
	pthread_mutex_unlock(&p->lock);
	tv->tv_sec = (time_t)(ns / 1000000000);
	tv->tv_usec = (suseconds_t)(ns / 1000 % 1000000);
	return 0;
}
