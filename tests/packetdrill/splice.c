// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * splice.c - a pipe, which is the kernel's own, and splice from a socket of ours into it. As in Linux it ends before the last
 * byte of urgent data.
 */
#include <errno.h>
#include <unistd.h>
#include "pd.h"

#define AT_ONCE 65536u /* bytes: what a pipe holds */

struct splicing {
	struct pd_sock *s;
	size_t len;
	int to;
};

static int call_pipe(void *arg, int fds[2])
{
	(void)arg;
	return pipe(fds);
}

static long try_splice(struct pd *p, void *arg)
{
	struct splicing *t = arg;
	struct tcp_conn *c = engine_conn(p->e, t->s->handle);
	int64_t mark = c ? tcp_urgent_mark(c) : -1, have;
	struct tcp_span span[2];
	long done = 0;

	if (!c)
		return -EBADF;
	have = tcp_peek(engine_env(p->e), c, span);
	if (have <= 0)
		return have == -EAGAIN && t->s->rd_shut ? 0 : (long)have;
	if (mark > 0 && have >= mark)
		have = mark - 1;
	if (have > (int64_t)t->len)
		have = (int64_t)t->len;
	for (int i = 0; i < 2 && done < have; i++) {
		size_t left = (size_t)(have - done);
		ssize_t r = write(t->to, span[i].data, left < span[i].len ? left : span[i].len);

		if (r < 0)
			return done ? done : -errno;
		done += r;
	}
	tcp_consume(engine_env(p->e), c, (size_t)done);
	engine_touch(p->e, t->s->handle);
	return done;
}

static ssize_t call_splice(void *arg, int in, loff_t *in_off, int out, loff_t *out_off, size_t n, unsigned int flags)
{
	struct pd *p = arg;
	struct splicing t = { .s = pd_sock(p, in), .len = n < AT_ONCE ? n : AT_ONCE, .to = out };
	long r;

	(void)in_off; /* neither end has one */
	(void)out_off;
	(void)flags;
	if (!t.s || t.s->kind != PD_CONN || pd_sock(p, out))
		return pd_result(pd_unsupported("splice other than from a connection to a pipe"));
	pthread_mutex_lock(&p->lock);
	r = t.s->nonblock ? try_splice(p, &t) : pd_block(p, TCP_NEVER, try_splice, &t);
	pd_turn(p);
	pthread_mutex_unlock(&p->lock);
	return pd_result(r);
}

void pd_calls_splice(struct pd_calls *c)
{
	c->pipe = call_pipe;
	c->splice = call_splice;
}
