// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fastopen.c - TCP Fast Open as Linux's sockets have it: TCP_FASTOPEN and its key, MSG_FASTOPEN, TCP_FASTOPEN_CONNECT. What
 * goes with a SYN is the engine's; here is which call starts it, and what it returns.
 */
#include <errno.h>
#include <linux/tcp.h> /* after it no netinet/tcp.h */
#include <netinet/in.h>
#include "pd.h"

/* net.ipv4.tcp_fastopen */
#define FAST_CLIENT 1
#define FAST_SERVER 2
#define FAST_CLIENT_BARE 4
#define FAST_SERVER_BARE 0x200
#define FAST_EVERY_LISTENER 0x400

/* ---- the listener ---- */

void pd_fastopen_listen(struct pd *p, struct pd_sock *s, int backlog)
{
	long how = pd_sysctl("tcp_fastopen", 0);
	int max = 0;
	uint8_t key[16];

	if (!pd_opt(s, IPPROTO_TCP, TCP_FASTOPEN, &max) && how & FAST_EVERY_LISTENER)
		max = backlog;
	engine_listen_fastopen(p->e, s->handle, how & FAST_SERVER && max > 0 ? (uint32_t)max : 0);
	engine_listen_fastopen_bare(p->e, s->handle, how & FAST_SERVER_BARE);
	if (s->keyed)
		engine_listen_fastopen_key(p->e, s->handle, s->key);
	else if (pd_sysctl_fastopen_key(key))
		engine_listen_fastopen_key(p->e, s->handle, key);
}

int pd_fastopen_key(struct pd *p, struct pd_sock *s, const void *value, socklen_t len)
{
	if (len != sizeof(s->key))
		return -EINVAL;
	memcpy(s->key, value, sizeof(s->key));
	s->keyed = true;
	if (s->kind == PD_LISTEN)
		engine_listen_fastopen_key(p->e, s->handle, s->key);
	return 0;
}

/* ---- the client ---- */

static struct tcp_conn *conn_of(struct pd *p, const struct pd_sock *s)
{
	return s->kind == PD_CONN ? engine_conn(p->e, s->handle) : NULL;
}

/* A SYN of the connection that has just been made; true: it waits for text. */
static bool prepare(struct pd *p, struct pd_sock *s)
{
	if (pd_sysctl("tcp_fastopen", 0) & FAST_CLIENT_BARE)
		engine_connect_fastopen_bare(p->e, s->handle);
	else
		engine_connect_fastopen(p->e, s->handle);
	return conn_of(p, s)->fastopen & TCP_FO_HOLD;
}

static void let_go(struct pd *p, struct pd_sock *s)
{
	conn_of(p, s)->fastopen &= (uint8_t)~TCP_FO_HOLD;
	s->deferred = false;
	engine_touch(p->e, s->handle);
	pd_turn(p);
}

bool pd_fastopen_defers(struct pd *p, struct pd_sock *s)
{
	int on = 0;

	if (!pd_opt(s, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on) || !on || !(pd_sysctl("tcp_fastopen", 0) & FAST_CLIENT))
		return false;
	s->deferred = prepare(p, s);
	return s->deferred;
}

/*
 * The SYN leaves, with as much of the text as may go with it; a call that waits leaves the rest in the queue. The bytes taken,
 * or -errno.
 */
static long first(struct pd *p, struct pd_sock *s, const void *buf, size_t n, bool wait)
{
	struct tcp_conn *c = conn_of(p, s);
	size_t room = c->fastopen & TCP_FO_HOLD && c->mss > TCP_OPT_MAX ? c->mss - TCP_OPT_MAX : 0;
	long r = 0;

	if (n > room && !wait)
		n = room;
	if (n)
		r = (long)tcp_send(engine_env(p->e), c, buf, n, false, false);
	let_go(p, s);
	return r;
}

long pd_fastopen_send(struct pd *p, struct pd_sock *s, const struct pd_send *m, bool wait)
{
	struct tcp_conn *c = conn_of(p, s);
	long taken, r;

	if (!(pd_sysctl("tcp_fastopen", 0) & FAST_CLIENT) ||
	    (m->sa && m->len >= sizeof(sa_family_t) && m->sa->sa_family == AF_UNSPEC))
		return -EOPNOTSUPP;
	if (c && !s->deferred) {
		if (s->connected_once)
			return -EISCONN;
		if (c->state == TCP_SYN_SENT && !c->error)
			return -EALREADY;
		r = pd_connected(p, s);
		return r == -EAGAIN ? -EALREADY : r;
	}
	if (!c) {
		r = pd_connect(p, s, m->sa, m->len);
		if (r)
			return r;
		prepare(p, s);
		pd_apply(p, s);
	}
	taken = first(p, s, m->buf, m->n, wait);
	if (taken < 0)
		return taken;
	if (!wait)
		return taken ? taken : -EINPROGRESS;
	r = pd_block(p, TCP_NEVER, pd_connected, s);
	return r ? r : taken;
}
