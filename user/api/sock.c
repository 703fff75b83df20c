// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sock.c - opening, closing and data: the calls of xtcp.h over engine and core. Each looks its handle up, lets
 * the core change state, and has the engine look at the connection again.
 */
#include "api/private.h"

#include <errno.h>
#include <string.h>
#include <arpa/inet.h>
#include "io/clock.h"
#include "lib/addr.h"
#include "lib/fail.h"

static struct tcp_conn *conn_of(struct xtcp *x, xtcp_conn c)
{
	return engine_conn(x->engine, c);
}

static int stale(void)
{
	return fail(EBADF, "the handle is stale: the connection was closed");
}

int xtcp_listen(struct xtcp *x, const struct sockaddr *sa, uint16_t port, const struct xtcp_listen_opts *opts,
		xtcp_listener *out)
{
	struct xtcp_addr addr = { 0 };
	uint32_t backlog = 1024, syn_queue = 0, fastopen = 0, maxseg = 0, v6only = 0, defer_ms = 0;
	uint16_t in_addr = 0;
	int err;

	if (sa && (err = api_addr_get(sa, &addr, &in_addr)))
		return err;
	if (addr_is_multicast(&addr))
		return fail(EINVAL, "cannot listen on a multicast or broadcast address");
	if (opts && opts->size >= offsetof(struct xtcp_listen_opts, fastopen)) {
		backlog = opts->backlog ? opts->backlog : backlog;
		syn_queue = opts->syn_queue;
	}
	if (opts && opts->size >= offsetof(struct xtcp_listen_opts, maxseg))
		fastopen = opts->fastopen;
	if (opts && opts->size >= offsetof(struct xtcp_listen_opts, v6only))
		maxseg = opts->maxseg;
	if (opts && opts->size >= sizeof(*opts))
		defer_ms = opts->defer_ms;
	if (opts && opts->size >= offsetof(struct xtcp_listen_opts, defer_ms))
		v6only = opts->v6only && addr_is_any(&addr) && !addr_is_v4(&addr);
	if (maxseg && (maxseg < TCP_MSS_FLOOR || maxseg > 65495))
		return fail(EINVAL, "maxseg is %d to 65495, not %u", TCP_MSS_FLOOR, maxseg);
	if (backlog > 65536 || syn_queue > 65536 || fastopen > 65536)
		return fail(EINVAL, "backlog, syn_queue and fastopen must be at most 65536");
	port = port ? port : in_addr;
	err = v6only ? engine_listen_v6only(x->engine, port, backlog, syn_queue, out)
		     : engine_listen(x->engine, &addr, port, backlog, syn_queue, out);
	if (!err && fastopen)
		engine_listen_fastopen(x->engine, *out, fastopen);
	if (!err && defer_ms)
		engine_listen_defer(x->engine, *out, defer_ms);
	if (!err && maxseg)
		engine_listen_maxseg(x->engine, *out, (uint16_t)maxseg);
	return err;
}

int xtcp_listen_close(struct xtcp *x, xtcp_listener l)
{
	return engine_listen_close(x->engine, l);
}

int xtcp_listener_port(struct xtcp *x, xtcp_listener l)
{
	return engine_listener_port(x->engine, l);
}

int xtcp_accept(struct xtcp *x, xtcp_listener l, xtcp_conn *out)
{
	return engine_accept(x->engine, l, out);
}

int xtcp_connect(struct xtcp *x, const struct sockaddr *remote, const struct sockaddr *local, void *user,
		 xtcp_conn *out)
{
	struct xtcp_addr raddr, laddr = { 0 };
	uint16_t rport, lport = 0;
	int err = api_addr_get(remote, &raddr, &rport);

	if (err || (local && (err = api_addr_get(local, &laddr, &lport))))
		return err;
	if (!rport || addr_is_multicast(&raddr) || addr_is_any(&raddr)) /* MUST-46 */
		return fail(EINVAL, "cannot connect to port 0, nor to a multicast, broadcast or unspecified address");
	return engine_connect(x->engine, &raddr, rport, &laddr, lport, (uintptr_t)user, out);
}

int xtcp_md5_key(struct xtcp *x, const struct sockaddr *peer, unsigned int prefix_len, const void *key, size_t len)
{
	struct xtcp_addr addr;
	unsigned int most;
	uint16_t port;
	int err = api_addr_get(peer, &addr, &port);

	if (err)
		return err;
	most = addr_is_v4(&addr) ? 32 : 128;
	if (prefix_len > most)
		return fail(EINVAL, "a prefix of %u bits; it must be 0 to %u", prefix_len, most);
	if (len > MD5_KEY_MAX)
		return fail(EINVAL, "an MD5 key has 1 to %d bytes, not %zu", MD5_KEY_MAX, len);
	return engine_md5_key(x->engine, &addr, 128 - most + prefix_len, key, (uint32_t)len);
}

int xtcp_shutdown(struct xtcp *x, xtcp_conn h)
{
	struct tcp_conn *c = conn_of(x, h);
	int err;

	if (!c)
		return stale();
	err = tcp_shutdown(engine_env(x->engine), c, engine_now(x->engine));
	if (err)
		return fail(-err, "the connection is not open");
	engine_touch(x->engine, h);
	return 0;
}

int xtcp_close(struct xtcp *x, xtcp_conn c)
{
	engine_clock(x->engine, clock_now_ns()); /* a linger time begins now, however long ago the last turn was */
	return engine_close(x->engine, c);
}

int xtcp_abort(struct xtcp *x, xtcp_conn c)
{
	return engine_abort(x->engine, c);
}

int xtcp_set_user(struct xtcp *x, uint64_t handle, void *user)
{
	return engine_set_user(x->engine, handle, (uintptr_t)user);
}

/* ---- data ---- */

ssize_t xtcp_send(struct xtcp *x, xtcp_conn h, const void *buf, size_t len, unsigned int flags)
{
	struct tcp_conn *c = conn_of(x, h);
	int64_t n;

	if (!c)
		return -EBADF;
	if (flags & XTCP_EOR && !tcp_record_room(c))
		return -EAGAIN;
	n = tcp_send(engine_env(x->engine), c, buf, len, flags & XTCP_MORE, flags & XTCP_URGENT);
	if (flags & XTCP_EOR && n == (int64_t)len)
		tcp_record_end(c);
	if (n > 0)
		engine_touch(x->engine, h);
	return n;
}

ssize_t xtcp_recv(struct xtcp *x, xtcp_conn h, void *buf, size_t len)
{
	struct tcp_conn *c = conn_of(x, h);
	int64_t n;

	if (!c)
		return -EBADF;
	n = tcp_recv(engine_env(x->engine), c, buf, len);
	if (n > 0 && tcp_output_pending(c))
		engine_touch(x->engine, h);
	return n;
}

static void spans_to_iov(const struct tcp_span span[2], struct iovec iov[2])
{
	for (int i = 0; i < 2; i++)
		iov[i] = (struct iovec){ .iov_base = (void *)(uintptr_t)span[i].data, .iov_len = span[i].len };
}

ssize_t xtcp_peek(struct xtcp *x, xtcp_conn h, struct iovec iov[2])
{
	struct tcp_conn *c = conn_of(x, h);
	struct tcp_span span[2];
	int64_t n;

	if (!c)
		return -EBADF;
	n = tcp_peek(engine_env(x->engine), c, span);
	spans_to_iov(span, iov);
	return n;
}

int xtcp_consume(struct xtcp *x, xtcp_conn h, size_t n)
{
	struct tcp_conn *c = conn_of(x, h);
	int err;

	if (!c)
		return -EBADF;
	err = tcp_consume(engine_env(x->engine), c, n);
	if (!err && tcp_output_pending(c))
		engine_touch(x->engine, h);
	return err;
}

ssize_t xtcp_reserve(struct xtcp *x, xtcp_conn h, size_t want, struct iovec iov[2])
{
	struct tcp_conn *c = conn_of(x, h);
	struct tcp_span span[2];
	int64_t n;

	if (!c)
		return -EBADF;
	n = tcp_reserve(engine_env(x->engine), c, want, span);
	spans_to_iov(span, iov);
	return n;
}

int xtcp_commit(struct xtcp *x, xtcp_conn h, size_t n, unsigned int flags)
{
	struct tcp_conn *c = conn_of(x, h);
	int err;

	if (!c)
		return -EBADF;
	if (flags & XTCP_EOR && !tcp_record_room(c))
		return -EAGAIN;
	err = tcp_commit(engine_env(x->engine), c, n, flags & XTCP_MORE, flags & XTCP_URGENT);
	if (flags & XTCP_EOR && !err)
		tcp_record_end(c);
	if (!err)
		engine_touch(x->engine, h);
	return err;
}

size_t xtcp_recv_queued(struct xtcp *x, xtcp_conn h)
{
	const struct tcp_conn *c = conn_of(x, h);

	return c ? c->rcvq.len : 0;
}

size_t xtcp_send_queued(struct xtcp *x, xtcp_conn h)
{
	const struct tcp_conn *c = conn_of(x, h);

	return c ? tcp_send_queued(c) : 0;
}

size_t xtcp_send_space(struct xtcp *x, xtcp_conn h)
{
	const struct tcp_conn *c = conn_of(x, h);

	return c ? tcp_send_space(c) : 0;
}

ssize_t xtcp_urgent_mark(struct xtcp *x, xtcp_conn h)
{
	const struct tcp_conn *c = conn_of(x, h);

	return c ? tcp_urgent_mark(c) : -EBADF;
}
