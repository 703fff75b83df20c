// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* cmd_serve.c - xtcp serve: static files over HTTP/1.1. The protocol is in web.c. */
#include "cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "cli/engines.h"
#include "cli/opts.h"
#include "cli/stop.h"
#include "cli/web.h"
#include "lib/fail.h"

/* Buffers of a connection, bytes: requests are small, and thousands of slow readers must fit. */
#define RCVBUF (64u * 1024)
#define SNDBUF (1024u * 1024)

static const struct opts_use use = {
	.name = "serve",
	.takes = OPT_ENGINE | OPT_PORT | OPT_ADDR | OPT_FASTOPEN | OPT_QUEUES | OPT_CPUS,
	.needs = OPT_INTERFACE | OPT_PORT,
	.min_args = 1,
	.max_args = 1,
};

/* Each large file in flight holds a descriptor. */
static void raise_file_limit(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim))
		return;
	lim.rlim_cur = lim.rlim_max;
	setrlimit(RLIMIT_NOFILE, &lim);
}

static void take_event(struct web *w, xtcp_listener l, const struct xtcp_event *ev)
{
	struct web_conn *wc = ev->user;
	xtcp_conn c;

	if (ev->handle == l) {
		while (xtcp_accept(w->x, l, &c) == 0)
			web_accept(w, c);
		return;
	}
	if (wc && wc->c == ev->handle) /* else closed earlier in this batch */
		web_event(w, wc, ev);
}

static int one_batch(struct web *w, xtcp_listener l, int timeout_ms)
{
	struct xtcp_event ev[256];
	time_t before = w->now;
	int n = xtcp_wait(w->x, ev, 256, timeout_ms);

	if (n < 0 && n != -EINTR)
		return report_engine(w->x, n);
	web_tick(w);
	for (int i = 0; i < n; i++)
		take_event(w, l, &ev[i]);
	if (w->now != before)
		web_expire(w);
	return EXIT_DONE;
}

static int serve_until_stopped(struct web *w, xtcp_listener l)
{
	int rc = EXIT_DONE;
	time_t stop_at;

	while (rc == EXIT_DONE && !stop_asked())
		rc = one_batch(w, l, w->conns ? 1000 : -1);
	if (rc != EXIT_DONE)
		return rc;
	xtcp_listen_close(w->x, l);
	web_end(w);
	stop_at = w->now + STOP_MS / 1000;
	while (rc == EXIT_DONE && w->conns && w->now < stop_at)
		rc = one_batch(w, 0, 100);
	xtcp_drain(w->x, STOP_MS / 2);
	return rc;
}

static int work(struct engine_slot *slot, void *arg)
{
	struct web *w = (struct web *)arg + slot->number;

	w->x = slot->s.x;
	return serve_until_stopped(w, slot->l);
}

static void summary(const struct opts *o, const struct engines *g, const struct web *w)
{
	struct report_server sum = { .engines = engines_json(g) };

	for (uint32_t i = 0; i < g->n; i++)
		report_server_add(&sum, &w[i].sum);
	report_server_json(report_summary_to(&o->conf), &sum);
}

static int serve(const struct opts *o, struct web *w)
{
	struct engines g;
	int rc = engines_open(&g, o);

	if (rc == EXIT_DONE)
		rc = engines_listen(&g, o->has_addr ? &o->addr : NULL, o->port);
	if (rc == EXIT_DONE) {
		rc = engines_run(&g, work, w);
		if (o->json)
			summary(o, &g, w);
	}
	for (uint32_t i = 0; i < o->engines; i++)
		web_fini(&w[i]);
	engines_close(&g);
	return rc;
}

int cmd_serve(int argc, char **argv)
{
	struct opts o;
	struct web *w;
	int rc = opts_parse(&o, &use, argc, argv);

	if (rc != OPTS_GO)
		return rc;
	if (!(o.given & OPT_RCVBUF))
		o.conf.rcvbuf_max = RCVBUF;
	if (!(o.given & OPT_SNDBUF))
		o.conf.sndbuf_max = SNDBUF;
	raise_file_limit();
	w = calloc(o.engines, sizeof(*w));
	if (!w)
		return report_fail("out of memory");
	for (uint32_t i = 0; i < o.engines; i++) {
		if (!web_init(&w[i], o.argv[0]))
			continue;
		free(w);
		return report_fail("%s", fail_text());
	}
	rc = serve(&o, w);
	free(w);
	return rc;
}
