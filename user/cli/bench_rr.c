// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * bench_rr.c - xtcp bench rr and crr: requests and answers on connections that stay, or with a connection for each.
 */
#include "cli/load.h"

#include "cli/report.h"

/* ---- rr ---- */

int load_rr_step(struct load *l, struct load_conn *c, const struct xtcp_event *ev)
{
	int rc = EXIT_DONE, done;

	if (ev->events & (XTCP_EV_ERROR | XTCP_EV_PEER_FIN | XTCP_EV_OPEN))
		load_event(l, ev, &rc);
	if (rc == EXIT_DONE && c->todo)
		rc = load_flush(l, c);
	if (rc != EXIT_DONE)
		return rc;
	if (!c->out)
		return xtcp_recv_queued(l->x, c->c)
			       ? report_fail("not measured: connection %u: the server sends more than the answer",
					     c->id)
			       : EXIT_DONE;
	done = load_answers(l, c);
	if (done < 0)
		return EXIT_FAILED;
	while (rc == EXIT_DONE && done--)
		rc = load_again(l, c);
	return rc;
}

static int rr(struct load *l)
{
	int rc = load_open_all(l);

	if (rc == EXIT_DONE)
		rc = load_start(l, l->n);
	return rc == EXIT_DONE ? load_measure(l, load_rr_step) : rc;
}

int bench_rr(struct engines *g, const struct sockaddr_storage *to)
{
	return load_run(g, to, rr, "rr");
}

/* ---- crr ---- */

static int connect_and_ask(struct load *l, struct load_conn *c, uint64_t due_ns)
{
	c->due_ns[0] = due_ns;
	c->out = c->todo = 1;
	return load_begin(l, c);
}

/* One that failed is counted; where none has ever succeeded something is wrong. */
static int failed(struct load *l, struct load_conn *c, int err)
{
	char peer[ADDR_TEXT];

	l->errors++;
	if (!l->answers && l->errors >= l->n)
		return report_fail("%s: not measured: %s", report_addr(&l->to, peer), report_error(err));
	xtcp_close(l->x, c->c);
	return load_again(l, c);
}

static int crr_step(struct load *l, struct load_conn *c, const struct xtcp_event *ev)
{
	int rc, done;

	if (ev->events & XTCP_EV_ERROR)
		return failed(l, c, ev->error);
	c->open |= (ev->events & XTCP_EV_OPEN) != 0;
	if (!c->open)
		return EXIT_DONE;
	rc = load_flush(l, c);
	if (rc != EXIT_DONE)
		return rc;
	if (!(ev->events & (XTCP_EV_READABLE | XTCP_EV_PEER_FIN)))
		return EXIT_DONE;
	done = load_answers(l, c);
	if (done <= 0)
		return done < 0 ? EXIT_FAILED : EXIT_DONE;
	xtcp_close(l->x, c->c);
	return load_again(l, c);
}

static int crr(struct load *l)
{
	int rc;

	l->issue = connect_and_ask;
	rc = load_start(l, l->n);
	return rc == EXIT_DONE ? load_measure(l, crr_step) : rc;
}

int bench_crr(struct engines *g, const struct sockaddr_storage *to)
{
	return load_run(g, to, crr, "crr");
}
