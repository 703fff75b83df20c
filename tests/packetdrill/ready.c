// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* ready.c - poll; and what this adapter does not carry: epoll, pipe, splice. */
#include <errno.h>
#include "pd.h"

struct polled {
	struct pollfd *fds;
	nfds_t n;
};

static short ready(struct pd *p, const struct pollfd *f)
{
	struct pd_sock *s = pd_sock(p, f->fd);
	struct tcp_conn *c;
	struct tcp_span span[2];
	short r = 0;

	if (!s)
		return POLLNVAL;
	if (s->kind == PD_LISTEN)
		return (short)(pd_accept_pending(p, s) ? 0 : POLLIN & f->events);
	c = s->kind == PD_CONN ? engine_conn(p->e, s->handle) : NULL;
	if (!c)
		return POLLHUP;
	if (tcp_peek(engine_env(p->e), c, span) != -EAGAIN)
		r |= POLLIN | POLLRDNORM;
	if (c->flags & TCP_F_FIN_RCVD)
		r |= POLLRDHUP;
	if (c->flags & TCP_F_FIN_QUEUED || (c->state >= TCP_ESTABLISHED && tcp_send_space(c)))
		r |= POLLOUT | POLLWRNORM;
	if (c->state == TCP_CLOSED || (c->flags & TCP_F_FIN_QUEUED && c->flags & TCP_F_FIN_RCVD))
		r |= POLLHUP;
	if (c->error)
		r |= POLLERR;
	return (short)(r & (f->events | POLLHUP | POLLERR));
}

static long try_poll(struct pd *p, void *arg)
{
	struct polled *t = arg;
	long n = 0;

	for (nfds_t i = 0; i < t->n; i++) {
		t->fds[i].revents = ready(p, &t->fds[i]);
		n += !!t->fds[i].revents;
	}
	return n ? n : -EAGAIN;
}

static int call_poll(void *arg, struct pollfd *fds, nfds_t n, int timeout_ms)
{
	struct polled t = { .fds = fds, .n = n };
	struct pd *p = arg;
	long r;

	pthread_mutex_lock(&p->lock);
	r = timeout_ms ? pd_block(p, timeout_ms < 0 ? TCP_NEVER : p->now_ns + (uint64_t)timeout_ms * 1000000ull,
				  try_poll, &t)
		       : try_poll(p, &t);
	pthread_mutex_unlock(&p->lock);
	return pd_result(r == -EAGAIN ? 0 : r);
}

static int call_epoll_create(void *arg, int size)
{
	(void)arg;
	(void)size;
	return pd_result(pd_unsupported("epoll"));
}

static int call_epoll_ctl(void *arg, int epfd, int op, int fd, struct epoll_event *ev)
{
	(void)arg;
	(void)epfd;
	(void)op;
	(void)fd;
	(void)ev;
	return pd_result(pd_unsupported("epoll"));
}

static int call_epoll_wait(void *arg, int epfd, struct epoll_event *ev, int max, int timeout_ms)
{
	(void)arg;
	(void)epfd;
	(void)ev;
	(void)max;
	(void)timeout_ms;
	return pd_result(pd_unsupported("epoll"));
}

static int call_pipe(void *arg, int fds[2])
{
	(void)arg;
	(void)fds;
	return pd_result(pd_unsupported("pipe"));
}

static ssize_t call_splice(void *arg, int in, loff_t *in_off, int out, loff_t *out_off, size_t n, unsigned int flags)
{
	(void)arg;
	(void)in;
	(void)in_off;
	(void)out;
	(void)out_off;
	(void)n;
	(void)flags;
	return pd_result(pd_unsupported("splice"));
}

void pd_calls_ready(struct pd_calls *c)
{
	c->poll = call_poll;
	c->epoll_create = call_epoll_create;
	c->epoll_ctl = call_epoll_ctl;
	c->epoll_wait = call_epoll_wait;
	c->pipe = call_pipe;
	c->splice = call_splice;
}
