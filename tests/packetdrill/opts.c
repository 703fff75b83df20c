// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* opts.c - setsockopt, getsockopt, fcntl, ioctl. What is set on a socket waits until it has a connection, and is inherited. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h> /* after it no netinet/tcp.h */
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include "pd.h"

static struct tcp_conn *conn_of(struct pd *p, const struct pd_sock *s)
{
	return s->kind == PD_CONN ? engine_conn(p->e, s->handle) : NULL;
}

static void flag(struct tcp_conn *c, uint32_t bit, int on)
{
	c->flags = on ? c->flags | bit : c->flags & ~bit;
}

/* Options that are the socket's alone: who needs one asks pd_opt. */
static bool kept(int level, int name)
{
	if (level == IPPROTO_TCP)
		return name == TCP_INQ || name == TCP_FASTOPEN || name == TCP_FASTOPEN_CONNECT;
	if (level == SOL_IP)
		return name == IP_FREEBIND; /* any address can be bound */
	return level == SOL_SOCKET && (name == SO_REUSEADDR || name == SO_REUSEPORT || name == SO_PRIORITY ||
				       name == SO_MARK || name == SO_ZEROCOPY || name == SO_TIMESTAMPING);
}

bool pd_opt(const struct pd_sock *s, int level, int name, int *v)
{
	for (uint32_t i = s->opts; i--;) {
		if (s->opt[i].level != level || s->opt[i].name != name)
			continue;
		*v = s->opt[i].value;
		return true;
	}
	return false;
}

/* Retransmissions of a SYN; in this stack it is a time, and one for all connections of an engine. */
static void syncnt(struct pd *p, int n)
{
	struct tcp_conf *conf = &engine_env(p->e)->conf;

	conf->syn_timeout_ns = conf->rto_init_ns * ((2ull << n) - 1);
}

static int apply_tcp(struct pd *p, struct tcp_conn *c, int name, int v)
{
	switch (name) {
	case TCP_NODELAY:
		flag(c, TCP_F_NODELAY, v);
		flag(c, TCP_F_CORK, c->flags & TCP_F_CORK && !v); /* what waits now goes */
		break;
	case TCP_CORK: flag(c, TCP_F_CORK, v); break;
	case TCP_QUICKACK: flag(c, TCP_F_QUICKACK, v); break;
	case TCP_SYNCNT: syncnt(p, v); break;
	case TCP_USER_TIMEOUT: c->user_timeout_ms = (uint32_t)v; break;
	case TCP_KEEPIDLE: c->keepidle_s = (uint16_t)v; break;
	case TCP_KEEPINTVL: c->keepintvl_s = (uint16_t)v; break;
	case TCP_KEEPCNT: c->keepcnt = (uint8_t)v; break;
	case TCP_NOTSENT_LOWAT: tcp_set_notsent_lowat(c, (uint32_t)v); break;
	case TCP_MAXSEG: tcp_set_maxseg(engine_env(p->e), c, (uint16_t)v); break;
	default: return -ENOPROTOOPT;
	}
	return 0;
}

static int apply(struct pd *p, struct tcp_conn *c, int level, int name, int v)
{
	if (kept(level, name))
		return 0;
	if (level == IPPROTO_TCP)
		return apply_tcp(p, c, name, v);
	if (level == SOL_SOCKET && name == SO_KEEPALIVE)
		tcp_keepalive_set(c, v != 0, p->now_ns);
	else if (level == SOL_SOCKET && name == SO_SNDBUF)
		tcp_set_sndbuf(c, 2u * (uint32_t)v); /* Linux doubles what is asked for */
	else if (level == SOL_SOCKET && name == SO_RCVBUF)
		tcp_set_rcvbuf(c, 2u * (uint32_t)v);
	else if (level == SOL_SOCKET && name == SO_LINGER)
		c->linger_ms = v;
	else if ((level == SOL_IP && name == IP_TOS) || (level == SOL_IPV6 && name == IPV6_TCLASS))
		c->tclass = (uint8_t)(v & 0xfc);
	else
		return -ENOPROTOOPT;
	return 0;
}

void pd_apply(struct pd *p, struct pd_sock *s)
{
	struct tcp_conn *c = conn_of(p, s);

	for (uint32_t i = 0; c && i < s->opts; i++)
		apply(p, c, s->opt[i].level, s->opt[i].name, s->opt[i].value);
}

/* True: an option that the adapter knows. */
static bool known(int level, int name)
{
	if (kept(level, name))
		return true;
	if (level == IPPROTO_TCP)
		return name == TCP_NODELAY || name == TCP_CORK || name == TCP_QUICKACK || name == TCP_USER_TIMEOUT ||
		       name == TCP_KEEPIDLE || name == TCP_KEEPINTVL || name == TCP_KEEPCNT ||
		       name == TCP_NOTSENT_LOWAT || name == TCP_MAXSEG || name == TCP_SYNCNT;
	return (level == SOL_SOCKET &&
		(name == SO_KEEPALIVE || name == SO_SNDBUF || name == SO_RCVBUF || name == SO_LINGER)) ||
	       (level == SOL_IP && name == IP_TOS) || (level == SOL_IPV6 && name == IPV6_TCLASS);
}

static int call_setsockopt(void *arg, int fd, int level, int name, const void *value, socklen_t len)
{
	struct pd *p = arg;
	struct pd_sock *s = pd_sock(p, fd);
	char what[64];
	int v = 0, before;

	if (!s)
		return pd_result(-EBADF);
	if (level == IPPROTO_TCP && name == TCP_FASTOPEN_KEY)
		return pd_result(pd_fastopen_key(p, s, value, len));
	if (level == IPPROTO_TCP && name == TCP_FASTOPEN_CONNECT && !(pd_sysctl("tcp_fastopen", 0) & 1))
		return pd_result(-EOPNOTSUPP);
	if (!known(level, name)) {
		snprintf(what, sizeof(what), "setsockopt level %d option %d", level, name);
		return pd_result(pd_unsupported(what));
	}
	if (level == SOL_SOCKET && name == SO_LINGER && len >= sizeof(struct linger)) {
		const struct linger *l = value;

		v = l->l_onoff ? l->l_linger * 1000 : -1;
	} else {
		memcpy(&v, value, len < sizeof(v) ? len : sizeof(v));
	}
	pthread_mutex_lock(&p->lock);
	if (level == SOL_SOCKET && name == SO_TIMESTAMPING)
		pd_stamps_set(s, v, pd_opt(s, level, name, &before) ? before : 0);
	if (s->opts < PD_OPTS) {
		s->opt[s->opts].level = level;
		s->opt[s->opts].name = name;
		s->opt[s->opts++].value = v;
	}
	if (level == IPPROTO_TCP && name == TCP_CORK)
		s->cork = v;
	if (s->kind == PD_LISTEN && level == IPPROTO_TCP && name == TCP_MAXSEG)
		engine_listen_maxseg(p->e, s->handle, (uint16_t)v);
	if (conn_of(p, s)) {
		apply(p, conn_of(p, s), level, name, v);
		engine_touch(p->e, s->handle);
		pd_turn(p);
	}
	if (s->kind == PD_LISTEN && level == IPPROTO_TCP && name == TCP_FASTOPEN)
		pd_fastopen_listen(p, s, s->backlog);
	pthread_mutex_unlock(&p->lock);
	return 0;
}

static int get_int(struct pd *p, struct pd_sock *s, int level, int name, int *v)
{
	struct tcp_conn *c = conn_of(p, s);

	if (level == SOL_SOCKET && name == SO_ERROR) {
		*v = c ? c->error : 0;
		if (c)
			c->error = 0;
		return 0;
	}
	if (level == IPPROTO_TCP && name == TCP_MAXSEG && c) {
		*v = c->mss;
		return 0;
	}
	for (uint32_t i = s->opts; i--;)
		if (s->opt[i].level == level && s->opt[i].name == name) {
			*v = s->opt[i].value;
			if (level == SOL_SOCKET && (name == SO_SNDBUF || name == SO_RCVBUF))
				*v *= 2;
			return 0;
		}
	*v = 0;
	return known(level, name) ? 0 : pd_unsupported("an option of getsockopt");
}

static int call_getsockopt(void *arg, int fd, int level, int name, void *value, socklen_t *len)
{
	struct pd *p = arg;
	struct pd_sock *s = pd_sock(p, fd);
	struct tcp_conn *c;
	int v = 0, r = 0;

	if (!s)
		return pd_result(-EBADF);
	pthread_mutex_lock(&p->lock);
	c = conn_of(p, s);
	if (!pd_info(p, c, level, name, value, len)) {
		r = get_int(p, s, level, name, &v);
		*len = *len < sizeof(v) ? *len : (socklen_t)sizeof(v);
		memcpy(value, &v, *len);
	}
	pthread_mutex_unlock(&p->lock);
	return pd_result(r);
}

static int call_fcntl(void *arg, int fd, int cmd, ...)
{
	struct pd_sock *s = pd_sock(arg, fd);
	va_list ap;

	if (!s)
		return pd_result(-EBADF);
	if (cmd == F_GETFL)
		return O_RDWR | (s->nonblock ? O_NONBLOCK : 0);
	if (cmd != F_SETFL)
		return pd_result(pd_unsupported("a command of fcntl"));
	va_start(ap, cmd);
	s->nonblock = va_arg(ap, int) & O_NONBLOCK;
	va_end(ap);
	return 0;
}

static int call_ioctl(void *arg, int fd, unsigned long request, ...)
{
	struct pd *p = arg;
	struct pd_sock *s = pd_sock(p, fd);
	const struct tcp_conn *c;
	va_list ap;
	int *out;

	if (!s)
		return pd_result(-EBADF);
	va_start(ap, request);
	out = va_arg(ap, int *);
	va_end(ap);
	c = conn_of(p, s);
	if (!c)
		return pd_result(-EINVAL);
	if (request == FIONREAD)
		*out = (int)c->rcvq.len;
	else if (request == SIOCOUTQ)
		*out = (int)tcp_send_queued(c);
	else if (request == SIOCOUTQNSD)
		*out = (int)tcp_send_unsent(c);
	else
		return pd_result(pd_unsupported("a request of ioctl"));
	return 0;
}

void pd_calls_opts(struct pd_calls *c)
{
	c->setsockopt = call_setsockopt;
	c->getsockopt = call_getsockopt;
	c->fcntl = call_fcntl;
	c->ioctl = call_ioctl;
}
