// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * epoll.c - epoll over sockets of ours. As in Linux an item comes into the ready list when it is added or changed and is ready, or
 * when something happens to its socket that it asked for (s->woken); whoever waits looks at what is ready then. A level-triggered
 * item stays in the list while it is ready.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "pd.h"

#define ITEMS 16
#define ALWAYS ((uint32_t)EPOLLERR | EPOLLHUP)
#define PRIVATE ((uint32_t)EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE | EPOLLWAKEUP)

struct item {
	int fd; /* -1: free */
	uint32_t events;
	epoll_data_t data;
	bool ready;
};

struct pd_epoll {
	struct pd_epoll *next;
	int fd; /* a real one */
	struct item item[ITEMS];
};

struct waiter {
	struct pd_epoll *ep;
	struct epoll_event *ev;
	int max;
};

static struct pd_epoll *find(struct pd *p, int fd)
{
	for (struct pd_epoll *ep = p->epolls; ep; ep = ep->next)
		if (ep->fd == fd)
			return ep;
	return NULL;
}

static struct item *item_of(struct pd_epoll *ep, int fd)
{
	for (int i = 0; i < ITEMS; i++)
		if (ep->item[i].fd == fd)
			return &ep->item[i];
	return NULL;
}

static uint32_t wanted(const struct item *it)
{
	return it->events & ~PRIVATE ? (it->events & ~PRIVATE) | ALWAYS : 0; /* 0: a one-shot that has fired */
}

static uint32_t is_ready(struct pd *p, const struct item *it)
{
	struct pd_sock *s = pd_sock(p, it->fd);

	return s ? pd_ready(p, s) & wanted(it) : 0;
}

void pd_epoll_wake(struct pd *p)
{
	for (int i = 0; i < PD_SOCKS; i++) {
		struct pd_sock *s = &p->sock[i];

		for (struct pd_epoll *ep = s->woken ? p->epolls : NULL; ep; ep = ep->next) {
			struct item *it = item_of(ep, s->fd);

			if (it && s->woken & wanted(it))
				it->ready = true;
		}
		s->woken = 0;
	}
}

void pd_epoll_forget(struct pd *p, int fd)
{
	for (struct pd_epoll *ep = p->epolls; ep; ep = ep->next)
		if (item_of(ep, fd))
			item_of(ep, fd)->fd = -1;
}

bool pd_epoll_close(struct pd *p, int fd)
{
	for (struct pd_epoll **at = &p->epolls; *at; at = &(*at)->next) {
		struct pd_epoll *ep = *at;

		if (ep->fd != fd)
			continue;
		*at = ep->next;
		free(ep);
		close(fd);
		return true;
	}
	return false;
}

static int call_epoll_create(void *arg, int size)
{
	struct pd *p = arg;
	struct pd_epoll *ep;

	if (size <= 0)
		return pd_result(-EINVAL);
	ep = calloc(1, sizeof(*ep));
	if (!ep)
		return pd_result(-ENOMEM);
	for (int i = 0; i < ITEMS; i++)
		ep->item[i].fd = -1;
	ep->fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	ep->next = p->epolls;
	p->epolls = ep;
	return ep->fd;
}

static long control(struct pd *p, struct pd_epoll *ep, int op, int fd, const struct epoll_event *ev)
{
	struct item *it = item_of(ep, fd);

	if (op == EPOLL_CTL_ADD ? it != NULL : it == NULL)
		return it ? -EEXIST : -ENOENT;
	if (op == EPOLL_CTL_DEL) {
		it->fd = -1;
		return 0;
	}
	if (!it)
		it = item_of(ep, -1);
	if (!it)
		return -ENOSPC;
	it->fd = fd;
	it->events = ev->events;
	it->data = ev->data;
	it->ready = is_ready(p, it);
	return 0;
}

static int call_epoll_ctl(void *arg, int epfd, int op, int fd, struct epoll_event *ev)
{
	struct pd *p = arg;
	struct pd_epoll *ep = find(p, epfd);
	long r;

	if (!ep || !pd_sock(p, fd))
		return pd_result(-EBADF);
	pthread_mutex_lock(&p->lock);
	r = control(p, ep, op, fd, ev);
	pthread_mutex_unlock(&p->lock);
	return pd_result(r);
}

static long try_wait(struct pd *p, void *arg)
{
	struct waiter *w = arg;
	long n = 0;

	for (int i = 0; i < ITEMS && n < w->max; i++) {
		struct item *it = &w->ep->item[i];
		uint32_t r = it->fd >= 0 && it->ready ? is_ready(p, it) : 0;

		it->ready = r && !(it->events & EPOLLET);
		if (!r)
			continue;
		w->ev[n++] = (struct epoll_event){ .events = r, .data = it->data };
		if (it->events & EPOLLONESHOT) {
			it->events &= PRIVATE;
			it->ready = false;
		}
	}
	return n ? n : -EAGAIN;
}

static int call_epoll_wait(void *arg, int epfd, struct epoll_event *ev, int max, int timeout_ms)
{
	struct pd *p = arg;
	struct waiter w = { .ep = find(p, epfd), .ev = ev, .max = max };
	long r;

	if (!w.ep)
		return pd_result(-EBADF);
	pthread_mutex_lock(&p->lock);
	r = timeout_ms ? pd_block(p, timeout_ms < 0 ? TCP_NEVER : p->now_ns + (uint64_t)timeout_ms * 1000000ull,
				  try_wait, &w)
		       : try_wait(p, &w);
	pthread_mutex_unlock(&p->lock);
	return pd_result(r == -EAGAIN ? 0 : r);
}

void pd_calls_epoll(struct pd_calls *c)
{
	c->epoll_create = call_epoll_create;
	c->epoll_ctl = call_epoll_ctl;
	c->epoll_wait = call_epoll_wait;
}
