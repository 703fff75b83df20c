// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * mend.c - after a process has died under the lock: nothing that is linked can be believed, what stands alone can. Every list is
 * made anew from the arrays; all connections are gone with the engine they were in, listeners listen at the new one.
 */
#include "run/run.h"

#include <errno.h>
#include <string.h>
#include "engine/engine.h"
#include "run/keeper.h"

static bool held(struct run_member *m, uint32_t ref, uint32_t *procs)
{
	struct run *r = m->r;

	*procs = 0;
	for (uint32_t i = 0; i < RUN_PROCS; i++)
		if (m->reg->proc[i].state != RUN_PROC_FREE)
			*procs += run_bits(r, i)[(ref - 1) / 64] >> ((ref - 1) & 63) & 1;
	return *procs != 0;
}

static void mend_socks(struct run_member *m)
{
	struct run *r = m->r;

	memset((uint8_t *)r + r->off_inodes, 0, ((size_t)r->inode_mask + 1) * 4);
	r->sock_free = 0;
	r->sock_used = 0;
	for (uint32_t ref = 1; ref <= r->sock_fresh; ref++) {
		struct run_sock *s = run_sock_at(r, ref);

		s->watches = 0;
		s->home_watches = 0;
		s->sibling = 0;
		s->handle = 0;
		if (s->kind == RUN_FREE || !held(m, ref, &s->procs)) {
			s->kind = RUN_FREE;
			s->next = r->sock_free;
			r->sock_free = ref;
			continue;
		}
		run_sock_hash(r, ref);
		r->sock_used++;
		if (s->kind == RUN_CONN) {
			s->error = s->error ? s->error : ECONNRESET;
			s->connecting = 0;
		}
	}
}

static uint32_t epoll_holders(const struct run *r, uint32_t ref)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < RUN_PROCS; i++)
		if (r->proc[i].state != RUN_PROC_FREE)
			n += r->epoll_bits[i][(ref - 1) / 64] >> ((ref - 1) & 63) & 1;
	return n;
}

/* The numbers are the registry's, to give out and to take back. */
static void mend_epolls(struct run_member *m)
{
	struct run *r = m->r;

	if (r == m->reg)
		r->epoll_free = 0;
	for (uint32_t i = 1; i <= m->reg->epoll_fresh; i++) {
		struct run_epoll *ep = &r->epoll[i - 1];

		ep->watches = ep->ready_head = ep->ready_tail = ep->sleepers = 0;
		ep->signalled = 0;
		if (r != m->reg)
			continue;
		ep->procs = epoll_holders(r, i);
		ep->used = ep->procs != 0;
		if (!ep->used) {
			ep->next_free = r->epoll_free;
			r->epoll_free = i;
		}
	}
}

static void mend_waiters(struct run_member *m)
{
	struct run *r = m->r;

	if (r == m->reg)
		r->waiter_free = 0;
	r->sleepers = r->home_sleepers = 0;
	r->watcher = 0;
	for (uint32_t i = 1; i <= m->reg->waiter_fresh; i++) {
		struct run_waiter *w = &r->waiter[i - 1];

		if (!m->reg->waiter[i - 1].used) {
			w->asleep = 0;
			if (r == m->reg) {
				w->next_free = r->waiter_free;
				r->waiter_free = i;
			}
			continue;
		}
		r->sleepers += w->asleep;
		r->home_sleepers += w->asleep && w->home;
		w->next_sleeper = 0;
		w->epoll = 0;
	}
}

/* False: it is nobody's. */
static bool relink(struct run_member *m, uint32_t ref)
{
	struct run *r = m->r;
	struct run_watch *w = run_watch_at(r, ref);
	uint32_t n = w->target & ~RUN_EPOLL;

	w->ready = 0;
	w->next_sock = w->prev_sock = w->next = w->prev = 0;
	if (!n)
		return false;
	if (w->target & RUN_EPOLL ? n > m->reg->epoll_fresh || !m->reg->epoll[n - 1].used
				  : n > m->reg->waiter_fresh || !m->reg->waiter[n - 1].used)
		return false;
	if (!w->sock || w->sock > r->sock_fresh || run_sock_at(r, w->sock)->kind == RUN_FREE) {
		w->sock = w->home = 0;
		return !(w->target & RUN_EPOLL); /* a thread's, which takes it away itself */
	}
	run_watch_link(r, ref);
	if (w->target & RUN_EPOLL)
		run_epoll_ready(r, ref);
	return true;
}

static void mend_watches(struct run_member *m)
{
	struct run *r = m->r;

	r->watch_free = 0;
	for (uint32_t ref = 1; ref <= r->watch_fresh; ref++)
		if (!relink(m, ref)) {
			run_watch_at(r, ref)->target = 0;
			run_watch_at(r, ref)->next = r->watch_free;
			r->watch_free = ref;
		}
}

void run_mend(struct run_member *m)
{
	mend_socks(m);
	mend_epolls(m);
	mend_waiters(m);
	mend_watches(m);
}

/* Listeners at the new engine, and everyone is told to look again. */
void run_resume(struct run_member *m)
{
	struct run *r = m->r;

	for (uint32_t ref = 1; ref <= r->sock_fresh; ref++)
		if (run_sock_at(r, ref)->kind == RUN_LISTENER && run_listen(m, ref))
			run_sock_at(r, ref)->error = EADDRINUSE;
	for (uint32_t i = 1; i <= m->reg->waiter_fresh; i++)
		if (r->waiter[i - 1].asleep) {
			r->waiter[i - 1].kicked = 0;
			run_wake(m, i);
		}
	for (uint32_t i = 1; i <= m->reg->epoll_fresh; i++)
		if (m->reg->epoll[i - 1].used)
			run_wake(m, RUN_EPOLL | i);
}
