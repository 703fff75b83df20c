// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * ready.c - what a socket is ready for, who watches it, and how they are woken.
 *
 * No wake-up is lost: whoever is about to sleep looks at readiness and marks itself asleep under one holding of the lock, and
 * events are told under the same lock: either the sleeper has seen what happened, or it is marked and is woken.
 */
#include "run/run.h"

#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "engine/engine.h"

/* ---- state ---- */

static uint32_t poll_listener(struct run_member *m, const struct run_sock *s)
{
	if (!s->handle)
		return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLHUP | POLLRDHUP;
	return engine_accept_queue(api_engine(m->x), s->handle) ? POLLIN | POLLRDNORM : 0;
}

static uint32_t poll_writable(struct tcp_conn *c, const struct run_sock *s)
{
	if (s->shut & 2)
		return POLLOUT | POLLWRNORM;
	if (!tcp_send_space(c)) {
		c->flags |= TCP_F_WAS_FULL; /* an event will tell when there is room */
		return 0;
	}
	return c->flags & TCP_F_WAS_FULL ? 0 : POLLOUT | POLLWRNORM;
}

/* The urgent octet, if it is there and was not taken, and what is not to be read as data. */
static uint32_t poll_urgent(const struct tcp_conn *c, const struct run_sock *s, uint32_t *apart)
{
	int64_t mark = tcp_urgent_mark(c);

	*apart = mark == 1 && !s->oobinline;
	if (mark < 0 || mark > c->rcvq.len || (s->urg_read && s->urg_up == c->rcv_up && !s->oobinline))
		return 0;
	return POLLPRI;
}

static uint32_t poll_conn(struct run_member *m, const struct run_sock *s, uint32_t want)
{
	struct tcp_conn *c = s->handle ? engine_conn(api_engine(m->x), s->handle) : NULL;
	uint32_t bits = 0, apart = 0;

	if (s->error || !c || c->error)
		return POLLIN | POLLRDNORM | POLLRDHUP | POLLOUT | POLLWRNORM | POLLHUP |
		       (s->error || !c ? POLLERR : 0);
	if (c->state == TCP_SYN_SENT || c->state == TCP_SYN_RECEIVED)
		return 0;
	if (c->flags & TCP_F_URG_IN)
		bits |= poll_urgent(c, s, &apart);
	if (s->zc_next != s->zc_told)
		bits |= POLLERR;
	if (c->rcvq.len >= s->rcvlowat + apart || c->flags & TCP_F_FIN_RCVD || s->shut & 1)
		bits |= POLLIN | POLLRDNORM;
	if (c->flags & TCP_F_FIN_RCVD || s->shut & 1)
		bits |= POLLRDHUP;
	if ((c->flags & TCP_F_FIN_RCVD || s->shut & 1) && s->shut & 2)
		bits |= POLLHUP;
	if (want & (POLLOUT | POLLWRNORM))
		bits |= poll_writable(c, s);
	return bits;
}

uint32_t run_poll(struct run_member *m, uint32_t ref, uint32_t want)
{
	const struct run_sock *s = run_sock_at(m->r, ref);

	return s->kind == RUN_LISTENER ? poll_listener(m, s) : poll_conn(m, s, want);
}

bool run_for_others(const struct run_member *m, uint32_t ref)
{
	const struct run_sock *s = run_sock_at(m->r, ref);

	return s->kind == RUN_LISTENER && s->home_watches && !run_at_home(m);
}

/* ---- watches ---- */

uint32_t run_watch_add(struct run_member *m, uint32_t sock, uint32_t target, uint32_t events)
{
	struct run *r = m->r;
	uint32_t ref = r->watch_free;
	struct run_watch *w;

	if (ref)
		r->watch_free = run_watch_at(r, ref)->next;
	else if (r->watch_fresh < r->watches)
		ref = ++r->watch_fresh;
	else
		return 0;
	w = run_watch_at(r, ref);
	*w = (struct run_watch){ .sock = sock, .target = target, .events = events, .home = run_at_home(m) };
	run_watch_link(r, ref);
	return ref;
}

void run_watch_link(struct run *r, uint32_t ref)
{
	struct run_watch *w = run_watch_at(r, ref);
	struct run_sock *s = run_sock_at(r, w->sock);

	w->next_sock = s->watches;
	if (s->watches)
		run_watch_at(r, s->watches)->prev_sock = ref;
	s->watches = ref;
	s->home_watches += w->home;
	if (w->target & RUN_EPOLL) {
		struct run_epoll *ep = &r->epoll[(w->target & ~RUN_EPOLL) - 1];

		w->next = ep->watches;
		if (ep->watches)
			run_watch_at(r, ep->watches)->prev = ref;
		ep->watches = ref;
	}
}

void run_watch_remove(struct run_member *m, uint32_t ref)
{
	struct run *r = m->r;
	struct run_watch *w = run_watch_at(r, ref);
	struct run_sock *s = run_sock_at(r, w->sock);

	if (w->prev_sock)
		run_watch_at(r, w->prev_sock)->next_sock = w->next_sock;
	else if (w->sock)
		s->watches = w->next_sock;
	if (w->next_sock)
		run_watch_at(r, w->next_sock)->prev_sock = w->prev_sock;
	if (w->target & RUN_EPOLL) {
		run_epoll_unready(r, ref);
		if (w->prev)
			run_watch_at(r, w->prev)->next = w->next;
		else
			r->epoll[(w->target & ~RUN_EPOLL) - 1].watches = w->next;
		if (w->next)
			run_watch_at(r, w->next)->prev = w->prev;
	}
	w->target = 0;
	w->next = r->watch_free;
	r->watch_free = ref;
	/* What waits to be accepted is for the others now. */
	if (w->home && w->sock && !--s->home_watches && s->watches && s->kind == RUN_LISTENER && s->handle &&
	    r->engines > 1 && poll_listener(m, s))
		run_notify(m, w->sock, POLLIN | POLLRDNORM);
}

/* An epoll instance forgets it; a thread that waits for it, which another has closed, is woken, and takes its watch away itself. */
void run_watches_of_sock(struct run_member *m, uint32_t sock)
{
	struct run_sock *s = run_sock_at(m->r, sock);
	uint32_t ref, next;

	for (ref = s->watches; ref; ref = next) {
		struct run_watch *w = run_watch_at(m->r, ref);

		next = w->next_sock;
		if (w->target & RUN_EPOLL) {
			run_watch_remove(m, ref);
			continue;
		}
		w->sock = w->next_sock = w->prev_sock = w->home = 0;
		run_wake(m, w->target);
	}
	s->watches = s->home_watches = 0;
}

/* ---- who waits ---- */

uint32_t run_waiter_new(struct run *r, pid_t pid)
{
	uint32_t ref = r->waiter_free;

	if (ref)
		r->waiter_free = r->waiter[ref - 1].next_free;
	else if (r->waiter_fresh < RUN_WAITERS)
		ref = ++r->waiter_fresh;
	else
		return 0;
	r->waiter[ref - 1] = (struct run_waiter){ .pid = pid, .used = 1 };
	return ref;
}

void run_waiter_free(struct run *r, uint32_t ref)
{
	r->waiter[ref - 1].used = 0;
	r->waiter[ref - 1].next_free = r->waiter_free;
	r->waiter_free = ref;
}

uint32_t run_epoll_new(struct run *r, uint32_t slot)
{
	uint32_t ref = r->epoll_free;

	if (ref)
		r->epoll_free = r->epoll[ref - 1].next_free;
	else if (r->epoll_fresh < RUN_EPOLLS)
		ref = ++r->epoll_fresh;
	else
		return 0;
	r->epoll[ref - 1] = (struct run_epoll){ .used = 1, .procs = 1 };
	r->epoll_bits[slot][(ref - 1) / 64] |= 1ull << ((ref - 1) & 63);
	return ref;
}

void run_epoll_clear(struct run_member *m, uint32_t ref)
{
	struct run_epoll *ep = &m->r->epoll[ref - 1];

	while (ep->watches)
		run_watch_remove(m, ep->watches);
	ep->signalled = 0;
}

bool run_epoll_last(const struct run *r, uint32_t slot, uint32_t ref)
{
	return r->epoll[ref - 1].procs == 1 && r->epoll_bits[slot][(ref - 1) / 64] >> ((ref - 1) & 63) & 1;
}

void run_epoll_drop(struct run_member *m, uint32_t slot, uint32_t ref)
{
	struct run *r = m->r;
	uint64_t *bits = &r->epoll_bits[slot][(ref - 1) / 64], bit = 1ull << ((ref - 1) & 63);
	struct run_epoll *ep = &r->epoll[ref - 1];

	if (!(*bits & bit))
		return;
	*bits &= ~bit;
	if (--ep->procs)
		return;
	run_epoll_clear(m, ref);
	ep->used = 0;
	ep->next_free = r->epoll_free;
	r->epoll_free = ref;
}

void run_epoll_ready(struct run *r, uint32_t ref)
{
	struct run_watch *w = run_watch_at(r, ref);
	struct run_epoll *ep = &r->epoll[(w->target & ~RUN_EPOLL) - 1];

	if (w->ready)
		return;
	w->ready = 1;
	w->ready_next = 0;
	w->ready_prev = ep->ready_tail;
	if (ep->ready_tail)
		run_watch_at(r, ep->ready_tail)->ready_next = ref;
	else
		ep->ready_head = ref;
	ep->ready_tail = ref;
}

void run_epoll_unready(struct run *r, uint32_t ref)
{
	struct run_watch *w = run_watch_at(r, ref);
	struct run_epoll *ep = &r->epoll[(w->target & ~RUN_EPOLL) - 1];

	if (!w->ready)
		return;
	w->ready = 0;
	if (w->ready_prev)
		run_watch_at(r, w->ready_prev)->ready_next = w->ready_next;
	else
		ep->ready_head = w->ready_next;
	if (w->ready_next)
		run_watch_at(r, w->ready_next)->ready_prev = w->ready_prev;
	else
		ep->ready_tail = w->ready_prev;
}

/* ---- waking ---- */

static void send_wake(struct run_member *m, uint32_t target)
{
	struct sockaddr_un sun;
	socklen_t len = run_address(m->r, target, &sun);

	/* Full: it has been woken already. Nobody there: it has just gone. */
	if (!m->quiet && m->send_fd >= 0 &&
	    sendto(m->send_fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&sun, len) < 0)
		return;
}

static void kick(struct run_member *m, uint32_t waiter)
{
	struct run_waiter *w = &m->r->waiter[waiter - 1];

	if (!w->kicked && w->asleep)
		send_wake(m, waiter);
	w->kicked = 1;
}

/* Of the threads that sleep in one epoll instance one is woken, the one that sleeps for the shortest time. */
static void wake_epoll(struct run_member *m, uint32_t target, bool bell)
{
	struct run_epoll *ep = &m->r->epoll[(target & ~RUN_EPOLL) - 1];
	bool nested;

	if (ep->sleepers)
		kick(m, ep->sleepers);
	else if (bell && m->serving == (target & ~RUN_EPOLL))
		bell = false;
	nested = m->reg->epoll[(target & ~RUN_EPOLL) - 1].nested;
	if ((bell || nested) && ep->signalled < (nested ? RUN_BELLS : 1)) {
		ep->signalled++;
		send_wake(m, target);
	}
}

void run_wake(struct run_member *m, uint32_t target)
{
	if (target & RUN_EPOLL)
		wake_epoll(m, target, false);
	else
		kick(m, target);
}

void run_asleep(struct run_member *m, uint32_t waiter, uint32_t epoll)
{
	struct run_waiter *w = &m->r->waiter[waiter - 1];

	w->kicked = 0;
	w->asleep = 1;
	w->home = run_at_home(m);
	w->epoll = epoll;
	m->r->sleepers++;
	m->r->home_sleepers += w->home;
	if (epoll) {
		w->next_sleeper = m->r->epoll[epoll - 1].sleepers;
		m->r->epoll[epoll - 1].sleepers = waiter;
	}
}

void run_awake(struct run_member *m, uint32_t waiter)
{
	struct run *r = m->r;
	struct run_waiter *w = &r->waiter[waiter - 1];

	if (!w->asleep)
		return;
	w->asleep = 0;
	r->sleepers--;
	r->home_sleepers -= w->home;
	if (r->watcher == waiter) {
		r->watcher = 0;
		api_awake(m->x);
	}
	if (w->epoll) {
		uint32_t *p = &r->epoll[w->epoll - 1].sleepers;

		while (*p && *p != waiter)
			p = &r->waiter[*p - 1].next_sleeper;
		if (*p)
			*p = w->next_sleeper;
		w->epoll = 0;
	}
}

void run_hand_over_watch(struct run_member *m)
{
	struct run *r = m->r;

	if (r->watcher || !r->sleepers)
		return;
	for (uint32_t i = 1; i <= m->reg->waiter_fresh; i++)
		if (r->waiter[i - 1].asleep && !r->waiter[i - 1].kicked &&
		    (r->waiter[i - 1].home || !r->home_sleepers)) {
			kick(m, i);
			return;
		}
}

/*
 * It will be back within a few microseconds, most likely, and its calls run turns meanwhile: waking another thread for that costs more than
 * the request it is busy with. If it does not come back, the keeper sees a turn that is late, and for a while this is done at once.
 */
void run_leave_watch(struct run_member *m)
{
	struct run *r = m->r;

	if (r->watcher)
		return;
	if (r->sleepers && r->turn_ns < r->prompt_ns) {
		run_hand_over_watch(m);
	} else if (r->keeper_rests) {
		r->keeper_rests = 0;
		run_kick_keeper(m);
	}
}

/* Who watches a socket, those at home only or the others only. True: somebody was told. */
static bool tell(struct run_member *m, uint32_t sock, uint32_t events, bool others, bool home)
{
	struct run *r = m->r;
	bool exclusive_told = false, told = false;

	for (uint32_t ref = run_sock_at(r, sock)->watches; ref; ref = run_watch_at(r, ref)->next_sock) {
		struct run_watch *w = run_watch_at(r, ref);

		if (w->disabled || !(w->events & events) || (w->home ? !home : !others))
			continue;
		told = true;
		if (!(w->target & RUN_EPOLL)) {
			r->told++;
			kick(m, w->target);
			continue;
		}
		if (w->events & EPOLLEXCLUSIVE) {
			if (exclusive_told)
				continue;
			exclusive_told = true;
		}
		r->told++;
		run_epoll_ready(r, ref);
		wake_epoll(m, w->target, w->by_bell);
	}
	return told;
}

void run_notify(struct run_member *m, uint32_t sock, uint32_t events)
{
	const struct run_sock *s = run_sock_at(m->r, sock);

	if (s->kind != RUN_LISTENER || m->r->engines == 1 || !s->handle)
		tell(m, sock, events, true, true);
	else if (!tell(m, sock, events, false, true))
		tell(m, sock, events, true, false);
}
