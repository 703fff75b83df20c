// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* data.c - every way to read and to write. They all meet in one function each. */
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h> /* after it no netinet/tcp.h */
#include <netinet/in.h>
#include <stdlib.h>
#include "pd.h"

struct transfer {
	struct pd_sock *s;
	uint8_t *buf;
	size_t len, done;
	int flags;
	const struct sockaddr *sa;
	socklen_t sa_len;
};

static long try_recv(struct pd *p, void *arg)
{
	struct transfer *t = arg;
	struct tcp_conn *c = engine_conn(p->e, t->s->handle);
	struct tcp_span span[2];
	long r;

	if (!c)
		return -EBADF;
	if (!t->buf && !c->rcvq.len && !c->error)
		return -EAGAIN;
	if (!(t->flags & (MSG_PEEK | MSG_TRUNC))) {
		r = t->buf ? (long)tcp_recv(engine_env(p->e), c, t->buf, t->len) : -EFAULT;
	} else {
		r = (long)tcp_peek(engine_env(p->e), c, span);
		if (r > (long)t->len)
			r = (long)t->len;
		if (r > 0 && !(t->flags & MSG_PEEK))
			tcp_consume(engine_env(p->e), c, (size_t)r);
	}
	if (r < 0 && r != -EAGAIN && r != -EFAULT)
		c->error = 0;
	if (r > 0)
		engine_touch(p->e, t->s->handle);
	return r == -EAGAIN && t->s->rd_shut ? 0 : r;
}

static long try_send(struct pd *p, void *arg)
{
	struct transfer *t = arg;
	struct tcp_conn *c = engine_conn(p->e, t->s->handle);
	long r = 0;

	if (!c)
		return -EBADF;
	if (c->state == TCP_SYN_SENT && !c->error)
		return -EAGAIN;
	while (t->done < t->len) {
		r = (long)tcp_send(engine_env(p->e), c, t->buf + t->done, t->len - t->done, t->flags & MSG_MORE,
				   t->flags & MSG_OOB);
		if (r <= 0)
			break;
		t->done += (size_t)r;
		pd_note_sent(p, t->s, (size_t)r, t->flags);
		engine_touch(p->e, t->s->handle);
	}
	if (t->flags & MSG_EOR && t->done == t->len)
		tcp_record_end(c);
	if (t->s->cork)
		c->flags |= TCP_F_CORK;
	if (t->done == t->len)
		return (long)t->done;
	if (r != -EAGAIN) {
		c->error = 0;
		return t->done ? (long)t->done : r;
	}
	return t->s->nonblock && t->done ? (long)t->done : -EAGAIN;
}

static long receive(struct pd *p, int fd, void *buf, size_t len, int flags)
{
	struct transfer t = { .s = pd_sock(p, fd), .buf = buf, .len = len, .flags = flags };
	long r;

	if (!t.s)
		return -EBADF;
	if (flags & MSG_ERRQUEUE)
		return pd_unsupported("MSG_ERRQUEUE other than with recvmsg");
	if (t.s->kind != PD_CONN)
		return -ENOTCONN;
	pthread_mutex_lock(&p->lock);
	if (t.s->nonblock || flags & MSG_DONTWAIT)
		r = try_recv(p, &t);
	else
		r = pd_block(p, TCP_NEVER, try_recv, &t);
	pd_turn(p);
	pthread_mutex_unlock(&p->lock);
	return r;
}

/* The first of it may go with a SYN. */
static long send_all(struct pd *p, struct transfer *t, bool wait)
{
	struct pd_send m = { .buf = t->buf, .n = t->len, .sa = t->sa, .len = t->sa_len };
	long r;

	if (t->flags & MSG_FASTOPEN || t->s->deferred) {
		r = pd_fastopen_send(p, t->s, &m, wait);
		if (r > 0)
			pd_note_sent(p, t->s, (size_t)r, t->flags);
		if (r < 0 || (r > 0 && !wait))
			return r;
		t->done = (size_t)r;
	}
	if (t->s->kind != PD_CONN)
		return -EPIPE;
	return wait ? pd_block(p, TCP_NEVER, try_send, t) : try_send(p, t);
}

static ssize_t transmit(struct pd *p, int fd, struct transfer t)
{
	long r;

	t.s = pd_sock(p, fd);
	if (!t.s)
		return pd_result(-EBADF);
	if (!t.buf && t.len)
		return pd_result(-EFAULT);
	pthread_mutex_lock(&p->lock);
	r = send_all(p, &t, !t.s->nonblock && !(t.flags & MSG_DONTWAIT));
	pd_turn(p);
	pthread_mutex_unlock(&p->lock);
	return pd_result(r);
}

static ssize_t call_recv(void *arg, int fd, void *buf, size_t n, int flags)
{
	return pd_result(receive(arg, fd, buf, n, flags));
}

static ssize_t call_read(void *arg, int fd, void *buf, size_t n)
{
	return call_recv(arg, fd, buf, n, 0);
}

static ssize_t call_recvfrom(void *arg, int fd, void *buf, size_t n, int flags, struct sockaddr *sa, socklen_t *len)
{
	(void)sa;
	if (len)
		*len = 0;
	return call_recv(arg, fd, buf, n, flags);
}

static size_t total(const struct iovec *iov, size_t n)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += iov[i].iov_len;
	return sum;
}

static ssize_t recv_iov(void *arg, int fd, const struct iovec *iov, size_t n, int flags)
{
	size_t len = total(iov, n), at = 0;
	uint8_t *buf = malloc(len + 1);
	ssize_t r = call_recv(arg, fd, buf, len, flags);

	for (size_t i = 0; i < n && (ssize_t)at < r; i++) {
		size_t part = (size_t)r - at < iov[i].iov_len ? (size_t)r - at : iov[i].iov_len;

		memcpy(iov[i].iov_base, buf + at, part);
		at += part;
	}
	free(buf);
	return r;
}

static ssize_t call_readv(void *arg, int fd, const struct iovec *iov, int n)
{
	return recv_iov(arg, fd, iov, (size_t)n, 0);
}

/* TCP_CM_INQ: how much is left to be read; the end of the stream counts as one. */
static size_t put_left(struct pd *p, struct pd_sock *s, struct msghdr *msg)
{
	const struct tcp_conn *c = engine_conn(p->e, s->handle);
	int on = 0;

	if (!c || !pd_opt(s, IPPROTO_TCP, TCP_INQ, &on) || !on)
		return 0;
	return pd_put_int(msg, 0, IPPROTO_TCP, TCP_CM_INQ,
			  c->rcvq.len ? (int)c->rcvq.len : !!(c->flags & TCP_F_FIN_RCVD));
}

static ssize_t call_recvmsg(void *arg, int fd, struct msghdr *msg, int flags)
{
	struct pd *p = arg;
	struct pd_sock *s = pd_sock(p, fd);
	ssize_t r;

	if (!s)
		return pd_result(-EBADF);
	if (flags & MSG_ERRQUEUE) {
		pthread_mutex_lock(&p->lock);
		r = pd_errqueue(s, msg);
		pthread_mutex_unlock(&p->lock);
		return pd_result(r);
	}
	r = recv_iov(arg, fd, msg->msg_iov, msg->msg_iovlen, flags);
	msg->msg_flags = 0;
	pthread_mutex_lock(&p->lock);
	msg->msg_controllen = r >= 0 ? put_left(p, s, msg) : 0;
	pthread_mutex_unlock(&p->lock);
	return r;
}

static ssize_t call_send(void *arg, int fd, const void *buf, size_t n, int flags)
{
	return transmit(arg, fd, (struct transfer){ .buf = (void *)(uintptr_t)buf, .len = n, .flags = flags });
}

static ssize_t call_write(void *arg, int fd, const void *buf, size_t n)
{
	return call_send(arg, fd, buf, n, 0);
}

static ssize_t call_sendto(void *arg, int fd, const void *buf, size_t n, int flags, const struct sockaddr *sa,
			   socklen_t len)
{
	return transmit(
		arg, fd,
		(struct transfer){ .buf = (void *)(uintptr_t)buf, .len = n, .flags = flags, .sa = sa, .sa_len = len });
}

static ssize_t send_iov(void *arg, int fd, const struct iovec *iov, size_t n, int flags, const struct msghdr *msg)
{
	size_t len = total(iov, n), at = 0;
	uint8_t *buf = malloc(len + 1);
	ssize_t r;

	for (size_t i = 0; i < n; i++) {
		memcpy(buf + at, iov[i].iov_base, iov[i].iov_len);
		at += iov[i].iov_len;
	}
	r = transmit(arg, fd,
		     (struct transfer){ .buf = buf,
					.len = len,
					.flags = flags,
					.sa = msg ? msg->msg_name : NULL,
					.sa_len = msg ? msg->msg_namelen : 0 });
	free(buf);
	return r;
}

static ssize_t call_writev(void *arg, int fd, const struct iovec *iov, int n)
{
	return send_iov(arg, fd, iov, (size_t)n, 0, NULL);
}

static ssize_t call_sendmsg(void *arg, int fd, const struct msghdr *msg, int flags)
{
	if (msg->msg_controllen)
		return pd_result(pd_unsupported("control messages of sendmsg"));
	return send_iov(arg, fd, msg->msg_iov, msg->msg_iovlen, flags, msg);
}

void pd_calls_data(struct pd_calls *c)
{
	c->read = call_read;
	c->readv = call_readv;
	c->recv = call_recv;
	c->recvfrom = call_recvfrom;
	c->recvmsg = call_recvmsg;
	c->write = call_write;
	c->writev = call_writev;
	c->send = call_send;
	c->sendto = call_sendto;
	c->sendmsg = call_sendmsg;
}
