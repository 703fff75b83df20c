// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * call_oob.c - urgent data, as Linux has it. To the engine the urgent octet is one of the stream (RFC 6093). Here it is taken out of it, unless
 * SO_OOBINLINE is set: recv() stops before it, and passes over it the next time; MSG_OOB gives it, once.
 */
#include <errno.h>
#include <string.h>

#include "run/call_oob.h"
#include "run/guard.h"
#include "engine/engine.h"

static struct tcp_conn *conn_of(const struct run_sock *s)
{
	return s->handle && s->kind == RUN_CONN ? engine_conn(api_engine(local_here->x), s->handle) : NULL;
}

ssize_t call_oob_before(const struct run_sock *s)
{
	const struct tcp_conn *c = conn_of(s);

	return c && c->flags & TCP_F_URG_IN ? (ssize_t)tcp_urgent_mark(c) - 1 : -1;
}

int call_oob_readable(const struct run_sock *s)
{
	const struct tcp_conn *c = conn_of(s);
	ssize_t before = call_oob_before(s);

	if (!c)
		return 0;
	return before < 0 || s->oobinline || (size_t)before >= c->rcvq.len ? (int)c->rcvq.len : (int)before;
}

/* From the stream, after the first `from` bytes, at most `most`, to where `skip` bytes are filled; how many, or -EFAULT. */
static ssize_t copy(const struct iovec span[2], size_t from, size_t most, const struct iovec *iov, int n, size_t skip)
{
	size_t done = 0;

	for (int i = 0; i < n && done < most; i++) {
		size_t filled = skip < iov[i].iov_len ? skip : iov[i].iov_len;

		skip -= filled;
		while (filled < iov[i].iov_len && done < most) {
			size_t at = from + done, k = at >= span[0].iov_len;
			size_t off = k ? at - span[0].iov_len : at, len = span[k].iov_len - off;

			len = len < iov[i].iov_len - filled ? len : iov[i].iov_len - filled;
			len = len < most - done ? len : most - done;
			if (!guard_write((uint8_t *)iov[i].iov_base + filled, len))
				return done ? (ssize_t)done : -EFAULT;
			memcpy((uint8_t *)iov[i].iov_base + filled, (uint8_t *)span[k].iov_base + off, len);
			filled += len;
			done += len;
		}
	}
	return (ssize_t)done;
}

ssize_t call_oob_recv(struct run_sock *s, const struct iovec *iov, int n, size_t skip, size_t room, int flags)
{
	struct iovec span[2] = { { NULL, 0 }, { NULL, 0 } };
	ssize_t have = xtcp_peek(local_here->x, s->handle, span), before = call_oob_before(s);
	size_t from = 0, most;
	ssize_t got;

	if (have <= 0)
		return have;
	if (before == 0 && !s->oobinline)
		from = 1;
	most = (size_t)have - from;
	if (before > 0 && (size_t)before < most)
		most = (size_t)before;
	most = most < room ? most : room;
	got = flags & MSG_TRUNC ? (ssize_t)most : copy(span, from, most, iov, n, skip);
	if (got < 0)
		return got;
	if (!(flags & MSG_PEEK))
		xtcp_consume(local_here->x, s->handle, from + (size_t)got);
	return got ? got : -EAGAIN;
}

ssize_t call_oob_take(struct run_sock *s, const struct iovec *iov, int n, int flags)
{
	struct iovec span[2] = { { NULL, 0 }, { NULL, 0 } };
	ssize_t before = call_oob_before(s), have;
	struct tcp_conn *c = conn_of(s);

	if (before < 0 || s->oobinline || (s->urg_read && s->urg_up == c->rcv_up))
		return -EINVAL;
	have = xtcp_peek(local_here->x, s->handle, span);
	if (have <= before)
		return c->flags & TCP_F_FIN_RCVD || s->shut & 1 ? 0 : -EAGAIN;
	have = flags & MSG_TRUNC ? 1 : copy(span, (size_t)before, 1, iov, n, 0);
	if (have >= 0 && !(flags & MSG_PEEK)) {
		s->urg_read = 1;
		s->urg_up = c->rcv_up;
	}
	return have;
}
