// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cmd_echo.c - xtcp echo: send back what comes, on any number of connections.
 *
 * Data is taken from the receive buffer only when the send buffer has room, so
 * a peer that does not read is held off by its own window. The peer's FIN is
 * answered by ours behind the last echoed byte.
 */
#include "cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "cli/engines.h"
#include "cli/opts.h"
#include "cli/pool.h"
#include "cli/report.h"
#include "cli/stop.h"

struct echo_conn {
	LIST_ENTRY(echo_conn) link;
	xtcp_conn c;
};

struct echo {
	struct xtcp *x;
	xtcp_listener l;
	struct pool pool;
	LIST_HEAD(echo_list, echo_conn) open;
	struct report_server sum;
	char buf[64 * 1024];
};

static const struct opts_use use = {
	.name = "echo",
	.takes = OPT_ENGINE | OPT_PORT | OPT_ADDR | OPT_FASTOPEN | OPT_QUEUES | OPT_CPUS,
	.needs = OPT_INTERFACE | OPT_PORT,
};

static void drop(struct echo *e, struct echo_conn *ec)
{
	xtcp_close(e->x, ec->c);
	LIST_REMOVE(ec, link);
	pool_put(&e->pool, ec);
}

static void echo_data(struct echo *e, struct echo_conn *ec)
{
	for (;;) {
		struct iovec iov[2];
		/* Asked this way, a full buffer is one that XTCP_EV_WRITABLE tells about. */
		ssize_t room = xtcp_reserve(e->x, ec->c, sizeof(e->buf), iov);
		ssize_t n = room <= 0 ? -EAGAIN : xtcp_recv(e->x, ec->c, e->buf, (size_t)room);

		if (n == -EAGAIN && (room > 0 || room == -EAGAIN))
			return;
		if (n <= 0) {
			/* The peer's FIN: ours follows what is queued. Or an error, told by event too. */
			e->sum.errors += n < 0;
			drop(e, ec);
			return;
		}
		e->sum.bytes_in += (uint64_t)n;
		n = xtcp_send(e->x, ec->c, e->buf, (size_t)n, 0);
		if (n > 0)
			e->sum.bytes_out += (uint64_t)n;
	}
}

static void accept_all(struct echo *e)
{
	xtcp_conn c;

	while (xtcp_accept(e->x, e->l, &c) == 0) {
		struct echo_conn *ec = pool_get(&e->pool);

		if (!ec) {
			xtcp_abort(e->x, c);
			continue;
		}
		ec->c = c;
		LIST_INSERT_HEAD(&e->open, ec, link);
		xtcp_set_user(e->x, c, ec);
		xtcp_setopt(e->x, c, XTCP_NODELAY, 1);
		e->sum.conns++;
		echo_data(e, ec);
	}
}

static void take_event(struct echo *e, const struct xtcp_event *ev)
{
	struct echo_conn *ec = ev->user;

	if (ev->handle == e->l) {
		accept_all(e);
		return;
	}
	if (!ec || ec->c != ev->handle)
		return; /* closed earlier in this batch */
	if (ev->events & XTCP_EV_ERROR) {
		e->sum.errors++;
		drop(e, ec);
	} else {
		echo_data(e, ec);
	}
}

static int serve_until_stopped(struct echo *e)
{
	struct xtcp_event ev[256];

	while (!stop_asked()) {
		int n = xtcp_wait(e->x, ev, 256, -1);

		if (n < 0 && n != -EINTR)
			return report_engine(e->x, n);
		for (int i = 0; i < n; i++)
			take_event(e, &ev[i]);
	}
	return EXIT_DONE;
}

/* Close all in good order: what was received goes back, as far as the send buffers take it. */
static void wind_up(struct echo *e)
{
	struct echo_conn *ec;

	xtcp_listen_close(e->x, e->l);
	while ((ec = LIST_FIRST(&e->open))) {
		echo_data(e, ec);
		if (ec == LIST_FIRST(&e->open))
			drop(e, ec);
	}
	xtcp_drain(e->x, STOP_MS);
}

static int work(struct engine_slot *slot, void *arg)
{
	struct echo *e = (struct echo *)arg + slot->number;
	int rc;

	e->x = slot->s.x;
	e->l = slot->l;
	e->pool.size = sizeof(struct echo_conn);
	rc = serve_until_stopped(e);
	if (rc == EXIT_DONE)
		wind_up(e);
	return rc;
}

static void summary(const struct opts *o, const struct engines *g, const struct echo *e)
{
	struct report_server sum = { .engines = engines_json(g) };

	for (uint32_t i = 0; i < g->n; i++)
		report_server_add(&sum, &e[i].sum);
	report_server_json(report_summary_to(&o->conf), &sum);
}

int cmd_echo(int argc, char **argv)
{
	struct opts o;
	struct engines g;
	struct echo *e;
	int rc = opts_parse(&o, &use, argc, argv);

	if (rc != OPTS_GO)
		return rc;
	e = calloc(o.engines, sizeof(*e));
	if (!e)
		return report_fail("out of memory");
	rc = engines_open(&g, &o);
	if (rc == EXIT_DONE)
		rc = engines_listen(&g, o.has_addr ? &o.addr : NULL, o.port);
	if (rc == EXIT_DONE) {
		rc = engines_run(&g, work, e);
		if (o.json)
			summary(&o, &g, e);
	}
	engines_close(&g);
	for (uint32_t i = 0; i < o.engines; i++)
		pool_fini(&e[i].pool);
	free(e);
	return rc;
}
