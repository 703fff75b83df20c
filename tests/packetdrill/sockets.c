// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* sockets.c - descriptors: socket, bind, listen, accept, connect, shutdown, close. IPv4, IPv6 and IPv4-mapped addresses. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>
#include "pd.h"

int pd_result(long r)
{
	if (r >= 0)
		return (int)r;
	errno = (int)-r;
	return -1;
}

int pd_unsupported(const char *what)
{
	fprintf(stderr, "xtcp: unsupported: %s\n", what);
	return -EOPNOTSUPP;
}

struct pd_sock *pd_sock(struct pd *p, int fd)
{
	for (int i = 0; i < PD_SOCKS; i++)
		if (p->sock[i].kind != PD_FREE && p->sock[i].fd == fd)
			return &p->sock[i];
	return NULL;
}

static int sock_new(struct pd *p, int domain)
{
	for (int i = 0; i < PD_SOCKS; i++) {
		if (p->sock[i].kind != PD_FREE)
			continue;
		memset(&p->sock[i], 0, sizeof(p->sock[i]));
		p->sock[i].fd = open("/dev/null", O_RDWR | O_CLOEXEC); /* at its end packetdrill calls close(2) */
		if (p->sock[i].fd < 0)
			return -errno;
		p->sock[i].kind = PD_NEW;
		p->sock[i].domain = domain;
		return p->sock[i].fd;
	}
	return -EMFILE;
}

static int take_addr(const struct sockaddr *sa, socklen_t len, struct xtcp_addr *a, uint16_t *port)
{
	if (sa->sa_family == AF_INET && len >= sizeof(struct sockaddr_in)) {
		*a = addr_from_v4(((const struct sockaddr_in *)sa)->sin_addr.s_addr);
		*port = ntohs(((const struct sockaddr_in *)sa)->sin_port);
		return 0;
	}
	if (sa->sa_family == AF_INET6 && len >= sizeof(struct sockaddr_in6)) {
		*a = addr_from_v6(&((const struct sockaddr_in6 *)sa)->sin6_addr);
		*port = ntohs(((const struct sockaddr_in6 *)sa)->sin6_port);
		return 0;
	}
	return -EINVAL;
}

static void give_addr(int domain, const struct xtcp_addr *a, uint16_t port_be, struct sockaddr *sa, socklen_t *len)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = port_be };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = port_be };
	socklen_t n = domain == AF_INET ? sizeof(four) : sizeof(six);

	if (!sa || !len)
		return;
	memcpy(&six.sin6_addr, a->b, 16);
	memcpy(&four.sin_addr, &a->w[3], 4);
	memcpy(sa, domain == AF_INET ? (void *)&four : (void *)&six, n < *len ? n : *len);
	*len = n;
}

static int call_socket(void *arg, int domain, int type, int protocol)
{
	struct pd *p = arg;
	int r;

	(void)protocol;
	if ((type & 0xf) != SOCK_STREAM || (domain != AF_INET && domain != AF_INET6))
		return pd_result(pd_unsupported("a socket that is not TCP"));
	pthread_mutex_lock(&p->lock);
	pd_sysctls(p);
	r = sock_new(p, domain);
	if (r >= 0 && type & SOCK_NONBLOCK)
		pd_sock(p, r)->nonblock = true;
	pthread_mutex_unlock(&p->lock);
	return pd_result(r);
}

static int call_bind(void *arg, int fd, const struct sockaddr *sa, socklen_t len)
{
	struct pd *p = arg;
	struct pd_sock *s = pd_sock(p, fd);
	int r;

	if (!s)
		return pd_result(-EBADF);
	r = take_addr(sa, len, &s->addr, &s->port);
	if (!r && !addr_is_any(&s->addr)) {
		pthread_mutex_lock(&p->lock);
		pd_local(p, &s->addr);
		pthread_mutex_unlock(&p->lock);
	}
	return pd_result(r);
}

static int call_listen(void *arg, int fd, int backlog)
{
	struct pd *p = arg;
	struct pd_sock *s = pd_sock(p, fd);
	int r;

	if (!s)
		return pd_result(-EBADF);
	pthread_mutex_lock(&p->lock);
	pd_sysctls(p);
	r = engine_listen(p->e, &s->addr, s->port, backlog > 0 ? (uint32_t)backlog : 1, 64, &s->handle);
	if (!r) {
		s->kind = PD_LISTEN;
		s->backlog = backlog;
		pd_fastopen_listen(p, s, backlog);
	}
	pthread_mutex_unlock(&p->lock);
	return pd_result(r);
}

/* Is there a connection to be accepted? 0 or -errno. */
int pd_accept_pending(struct pd *p, struct pd_sock *s)
{
	return s->pending ? 0 : engine_accept(p->e, s->handle, &s->pending);
}

static long try_accept(struct pd *p, void *arg)
{
	return pd_accept_pending(p, arg);
}

static int call_accept(void *arg, int fd, struct sockaddr *sa, socklen_t *len)
{
	struct pd *p = arg;
	struct pd_sock *s = pd_sock(p, fd), *n;
	const struct tcp_conn *c;
	long r;

	if (!s || s->kind != PD_LISTEN)
		return pd_result(s ? -EINVAL : -EBADF);
	pthread_mutex_lock(&p->lock);
	r = s->nonblock ? pd_accept_pending(p, s) : pd_block(p, TCP_NEVER, try_accept, s);
	if (!r)
		r = sock_new(p, s->domain);
	if (r > 0) {
		n = pd_sock(p, (int)r);
		n->kind = PD_CONN;
		n->connected_once = true;
		n->handle = s->pending;
		s->pending = 0;
		memcpy(n->opt, s->opt, sizeof(n->opt));
		n->opts = s->opts;
		pd_apply(p, n);
		c = engine_conn(p->e, n->handle);
		if (c)
			give_addr(s->domain, &c->raddr, c->rport, sa, len);
		pd_turn(p);
	}
	pthread_mutex_unlock(&p->lock);
	return pd_result(r);
}

/* Connected, or why not. */
long pd_connected(struct pd *p, void *arg)
{
	struct pd_sock *s = arg;
	struct tcp_conn *c = engine_conn(p->e, s->handle);

	if (!c)
		return -EBADF;
	if (c->error) {
		int err = c->error;

		c->error = 0;
		return -err;
	}
	if (c->state == TCP_SYN_SENT || c->state == TCP_SYN_RECEIVED)
		return -EAGAIN;
	s->connected_once = true;
	return c->state == TCP_CLOSED ? -ECONNABORTED : 0;
}

long pd_connect(struct pd *p, struct pd_sock *s, const struct sockaddr *sa, socklen_t len)
{
	struct xtcp_addr raddr;
	uint16_t rport;
	long r = sa ? take_addr(sa, len, &raddr, &rport) : -EDESTADDRREQ;

	pd_sysctls(p);
	if (!r)
		r = engine_connect(p->e, &raddr, rport, &s->addr, s->port, 0, &s->handle);
	if (!r)
		s->kind = PD_CONN;
	return r;
}

static long start(struct pd *p, struct pd_sock *s, const struct sockaddr *sa, socklen_t len)
{
	long r;

	if (s->kind == PD_CONN) {
		r = s->deferred ? -EISCONN : pd_connected(p, s);
		return r == -EAGAIN ? -EALREADY : r;
	}
	r = pd_connect(p, s, sa, len);
	if (r)
		return r;
	pd_apply(p, s);
	if (pd_fastopen_defers(p, s))
		return 0;
	engine_touch(p->e, s->handle);
	pd_turn(p);
	return s->nonblock ? -EINPROGRESS : pd_block(p, TCP_NEVER, pd_connected, s);
}

static int call_connect(void *arg, int fd, const struct sockaddr *sa, socklen_t len)
{
	struct pd *p = arg;
	struct pd_sock *s = pd_sock(p, fd);
	long r;

	if (!s)
		return pd_result(-EBADF);
	pthread_mutex_lock(&p->lock);
	if (s->kind == PD_CONN && s->connected_once)
		r = -EISCONN;
	else
		r = start(p, s, sa, len);
	pthread_mutex_unlock(&p->lock);
	return pd_result(r);
}

static int call_close(void *arg, int fd)
{
	struct pd *p = arg;
	struct pd_sock *s = pd_sock(p, fd);

	if (!s)
		return pd_result(pd_epoll_close(p, fd) || !close(fd) ? 0 : -EBADF);
	pthread_mutex_lock(&p->lock);
	pd_epoll_forget(p, fd);
	if (s->kind == PD_CONN)
		engine_close(p->e, s->handle);
	if (s->kind == PD_LISTEN)
		engine_listen_close(p->e, s->handle);
	if (s->pending)
		engine_abort(p->e, s->pending);
	s->kind = PD_FREE;
	close(fd);
	pd_turn(p);
	pthread_mutex_unlock(&p->lock);
	return 0;
}

static int call_shutdown(void *arg, int fd, int how)
{
	struct pd *p = arg;
	struct pd_sock *s = pd_sock(p, fd);
	struct tcp_conn *c;
	int r = 0;

	if (!s)
		return pd_result(-EBADF);
	pthread_mutex_lock(&p->lock);
	c = s->kind == PD_CONN ? engine_conn(p->e, s->handle) : NULL;
	if (!c)
		r = -ENOTCONN;
	else if (how != SHUT_RD)
		r = tcp_shutdown(engine_env(p->e), c, p->now_ns);
	if (!r) {
		s->rd_shut |= how != SHUT_WR;
		engine_touch(p->e, s->handle);
		pd_turn(p);
	}
	pthread_mutex_unlock(&p->lock);
	return pd_result(r);
}

void pd_calls_sockets(struct pd_calls *c)
{
	c->socket = call_socket;
	c->bind = call_bind;
	c->listen = call_listen;
	c->accept = call_accept;
	c->connect = call_connect;
	c->close = call_close;
	c->shutdown = call_shutdown;
}
