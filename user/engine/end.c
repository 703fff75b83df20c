// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* end.c - how all connections end at once: the engine closes, or its interface goes away. */
#include "engine/private.h"

#include <errno.h>

/* The application has closed it and the peer has acknowledged our FIN: nothing of ours can be lost any more. */
static bool at_rest(const struct conn *c)
{
	return c->life & CONN_GONE && (c->tcp.state == TCP_FIN_WAIT_2 || c->tcp.state == TCP_TIME_WAIT);
}

static void abort_one(struct engine *e, uint32_t ref, const void *arg)
{
	(void)arg;
	if (at_rest(conn_at(e, ref)))
		return;
	tcp_abort(&e->env, &conn_at(e, ref)->tcp, ECONNABORTED);
	conn_dirty(e, ref);
}

void engine_abort_all(struct engine *e)
{
	conn_each(e, abort_one, NULL);
}

static void lose_one(struct engine *e, uint32_t ref, const void *arg)
{
	struct conn *c = conn_at(e, ref);

	(void)arg;
	tcp_abort(&e->env, &c->tcp, ENODEV);
	c->tcp.flags &= ~(uint32_t)TCP_F_RST; /* there is nothing to send it through */
	conn_dirty(e, ref);
}

void engine_link_gone(struct engine *e)
{
	e->r->gone = -ENODEV;
	conn_each(e, lose_one, NULL);
	while (e->r->dirty.head) /* so that its events are there at once: no turn may follow */
		output_pass(e);
}

static void count_orphan(struct engine *e, uint32_t ref, const void *arg)
{
	uint32_t *n = *(uint32_t *const *)arg;

	*n += conn_at(e, ref)->life & CONN_GONE && !at_rest(conn_at(e, ref));
}

uint32_t engine_orphans(struct engine *e)
{
	uint32_t n = 0, *sum = &n;

	conn_each(e, count_orphan, &sum);
	return n;
}

void engine_count_sleep(struct engine *e)
{
	count(e, sleeps);
}
