// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* ready.c - what a socket is ready for, as Linux tells it; poll. */
#include <errno.h>
#include "pd.h"

struct polled {
	struct pollfd *fds;
	nfds_t n;
};

uint32_t pd_ready(struct pd *p, struct pd_sock *s)
{
	struct tcp_conn *c = s->kind == PD_CONN ? engine_conn(p->e, s->handle) : NULL;
	struct tcp_span span[2];
	uint32_t r = 0;

	if (s->kind == PD_LISTEN)
		return pd_accept_pending(p, s) ? 0 : EPOLLIN | EPOLLRDNORM;
	if (!c || c->state == TCP_CLOSED)
		r |= EPOLLHUP;
	if (s->notices || (c && c->error))
		r |= EPOLLERR;
	if (!c)
		return r | (s->kind == PD_NEW ? EPOLLOUT | EPOLLWRNORM : 0u);
	if (tcp_peek(engine_env(p->e), c, span) != -EAGAIN || s->rd_shut)
		r |= EPOLLIN | EPOLLRDNORM;
	if (c->flags & TCP_F_FIN_RCVD || s->rd_shut || c->state == TCP_CLOSED)
		r |= EPOLLRDHUP;
	if (c->flags & TCP_F_FIN_QUEUED && (c->flags & TCP_F_FIN_RCVD || s->rd_shut))
		r |= EPOLLHUP;
	if (c->state == TCP_SYN_SENT ? s->deferred
				     : c->flags & TCP_F_FIN_QUEUED || c->state == TCP_CLOSED ||
					       (tcp_send_space(c) && !(c->flags & TCP_F_WAS_FULL)))
		r |= EPOLLOUT | EPOLLWRNORM;
	return r;
}

void pd_event(struct pd *p, const struct engine_event *ev)
{
	static const struct {
		uint32_t event, woken;
	} of[] = {
		{ 0x01, EPOLLIN | EPOLLRDNORM },
		{ TCP_EV_OPEN | TCP_EV_WRITABLE, EPOLLOUT | EPOLLWRNORM },
		{ TCP_EV_READABLE, EPOLLIN | EPOLLRDNORM },
		{ TCP_EV_PEER_FIN, EPOLLIN | EPOLLRDNORM | EPOLLRDHUP },
		{ TCP_EV_ERROR | TCP_EV_CLOSED, EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLRDHUP },
	};

	for (int i = 0; i < PD_SOCKS; i++)
		for (size_t k = 0; k < sizeof(of) / sizeof(of[0]); k++)
			if (p->sock[i].kind != PD_FREE && p->sock[i].handle == ev->handle && ev->events & of[k].event)
				p->sock[i].woken |= of[k].woken;
}

static short ready(struct pd *p, const struct pollfd *f)
{
	struct pd_sock *s = pd_sock(p, f->fd);

	return s ? (short)(pd_ready(p, s) & ((uint32_t)(uint16_t)f->events | EPOLLHUP | EPOLLERR)) : POLLNVAL;
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

void pd_calls_ready(struct pd_calls *c)
{
	c->poll = call_poll;
}
