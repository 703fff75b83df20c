// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* load.c - the clients of `xtcp bench`: connections, requests, answers, and when the next is due. See load.h. */
#include "cli/load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "cli/report.h"
#include "cli/source.h"
#include "lib/fail.h"

#define CHUNK (64u * 1024) /* read at once */
#define HANDSHAKES 256	   /* at once, while all connections are being opened */

static bool metered(const struct opts *o)
{
	return o->rate > 0 || o->in_flight;
}

static int make_idle(struct load *l)
{
	if (!metered(l->o))
		return EXIT_DONE;
	l->idle_cap = l->n * l->o->pipeline;
	l->idle = malloc(l->idle_cap * sizeof(*l->idle));
	l->max_flying = l->o->in_flight ? l->o->in_flight : UINT32_MAX;
	/* A sleeper must be back for the next request; the default slack is 50 us. */
	prctl(PR_SET_TIMERSLACK, 1ul, 0, 0, 0);
	return l->idle ? EXIT_DONE : report_fail("no memory for %u connections", l->n);
}

static uint32_t share(const struct engine_slot *slot, uint32_t of)
{
	return engines_share(slot->all, slot->number, of);
}

static void take_share(struct load *l, const struct engine_slot *slot)
{
	const struct opts *all = slot->all->opts;

	l->share = *all;
	l->share.connections = share(slot, all->connections);
	l->share.in_flight = share(slot, all->in_flight);
	l->share.rate = all->rate * l->share.connections / all->connections;
	l->o = &l->share;
	for (uint32_t i = 0; i < slot->number; i++) /* sources and ports go on where those of the one before end */
		l->turn += engines_share(slot->all, i, all->connections);
}

struct load *load_new(struct engine_slot *slot, struct bench_plan *plan, const struct sockaddr_storage *to)
{
	struct load *l = calloc(1, sizeof(*l));
	const struct opts *o;

	if (!l) {
		report_fail("no memory");
		return NULL;
	}
	l->x = slot->s.x;
	l->all = slot->all;
	take_share(l, slot);
	o = l->o;
	l->to = *to;
	l->n = o->connections;
	l->pattern = bench_pattern();
	l->window = bench_window(o, plan);
	l->stride = sizeof(struct load_conn) + sizeof(uint64_t) * o->pipeline;
	l->conns = calloc(l->n, l->stride);
	l->buf = malloc(CHUNK);
	l->issue = load_request;
	for (uint32_t i = 0; l->conns && i < l->n; i++)
		load_conn(l, i)->id = i;
	if (!l->conns || !l->buf)
		report_fail("no memory for %u connections", l->n);
	else if (source_parse(o->source, &l->source, &l->sources))
		report_fail("%s", fail_text());
	else if (make_idle(l) == EXIT_DONE)
		return l;
	load_free(l);
	return NULL;
}

void load_free(struct load *l)
{
	free(l->conns);
	free(l->buf);
	free(l->idle);
	free(l->source);
	free(l);
}

/* ---- opening ---- */

int load_begin(struct load *l, struct load_conn *c)
{
	uint32_t turn = l->turn++, round = l->sources ? turn / l->sources : turn;
	const struct sockaddr *from = l->sources ? (const void *)&l->source[turn % l->sources] : NULL;
	uint16_t port = (uint16_t)(l->o->port + round % l->o->ports);
	int err;

	if (l->to.ss_family == AF_INET)
		((struct sockaddr_in *)&l->to)->sin_port = htons(port);
	else
		((struct sockaddr_in6 *)&l->to)->sin6_port = htons(port);
	c->open = false;
	c->got = c->given = 0;
	err = xtcp_connect(l->x, (const struct sockaddr *)&l->to, from, c, &c->c);
	if (err < 0)
		return report_fail("not measured: %s%s", xtcp_errmsg(),
				   err == -EAGAIN ? "; with more --ports each serves more connections" : "");
	xtcp_setopt(l->x, c->c, XTCP_NODELAY, 1);
	return EXIT_DONE;
}

struct load_conn *load_event(struct load *l, const struct xtcp_event *ev, int *rc)
{
	struct load_conn *c = ev->user;
	char peer[ADDR_TEXT];

	if (!c || c->c != ev->handle)
		return NULL;
	if (ev->events & XTCP_EV_ERROR)
		*rc = report_fail("%s: not measured: connection %u: %s", report_addr(&l->to, peer), c->id,
				  report_error(ev->error));
	else if (ev->events & XTCP_EV_PEER_FIN)
		*rc = report_fail("%s: not measured: connection %u: the server has closed it",
				  report_addr(&l->to, peer), c->id);
	if ((ev->events & XTCP_EV_OPEN) && !c->open) {
		c->open = true;
		l->opened++;
	}
	return c;
}

int load_open_all(struct load *l)
{
	struct xtcp_event ev[BENCH_EVENTS];
	int rc = EXIT_DONE;

	while (l->opened < l->n) {
		while (rc == EXIT_DONE && l->begun < l->n && l->begun - l->opened < HANDSHAKES)
			rc = load_begin(l, load_conn(l, l->begun++));
		if (rc == EXIT_DONE)
			rc = bench_go_on(&l->window, bench_now_ns());
		if (rc != EXIT_DONE)
			return rc;
		int n = bench_wait(l->x, &l->window, BENCH_NEVER, ev, BENCH_EVENTS);

		if (n < 0 && n != -EINTR)
			return report_engine(l->x, n);
		for (int i = 0; i < n && rc == EXIT_DONE; i++)
			load_event(l, &ev[i], &rc);
	}
	return rc;
}

/* ---- requests and answers ---- */

int load_flush(struct load *l, struct load_conn *c)
{
	const uint8_t *request = l->pattern + c->id % BENCH_PATTERN;

	while (c->todo) {
		ssize_t n = xtcp_send(l->x, c->c, request + c->given, l->o->size - c->given, 0);

		if (n == -EAGAIN)
			return EXIT_DONE;
		if (n < 0)
			return report_fail("not measured: connection %u: sending: %s", c->id, report_error((int)-n));
		c->given += (uint32_t)n;
		if (c->given < l->o->size)
			continue;
		c->given = 0;
		c->todo--;
	}
	return EXIT_DONE;
}

int load_request(struct load *l, struct load_conn *c, uint64_t due_ns)
{
	uint32_t at = (uint32_t)c->head + c->out;

	c->due_ns[at < l->o->pipeline ? at : at - l->o->pipeline] = due_ns;
	c->out++;
	c->todo++;
	return load_flush(l, c);
}

/* The answer to a request of connection c; see bench_serve.c. */
static const uint8_t *answer_of(const struct load *l, const struct load_conn *c)
{
	const uint8_t *request = l->pattern + c->id % BENCH_PATTERN;

	return l->o->response == l->o->size ? request : l->pattern + request[0];
}

static void answered(struct load *l, struct load_conn *c)
{
	hist_add(&l->hist, l->now - c->due_ns[c->head]);
	c->head = c->head + 1u < l->o->pipeline ? c->head + 1 : 0;
	c->out--;
	c->got = 0;
	l->answers++;
}

/* How many answers ended in the n bytes read; -1: they are not the right ones. */
static int check(struct load *l, struct load_conn *c, uint32_t n)
{
	const uint8_t *want = answer_of(l, c);
	int done = 0;

	for (uint32_t at = 0, part; at < n; at += part) {
		part = l->o->response - c->got;
		part = part < n - at ? part : n - at;
		if (memcmp(l->buf + at, want + c->got, part)) {
			report_fail("not measured: connection %u: the answer is not the one to this request; "
				    "do --size and --response agree with the server's?",
				    c->id);
			return -1;
		}
		c->got += part;
		if (c->got < l->o->response)
			continue;
		answered(l, c);
		done++;
	}
	return done;
}

int load_answers(struct load *l, struct load_conn *c)
{
	int done = 0, got;

	while (c->out) {
		uint64_t due = (uint64_t)c->out * l->o->response - c->got;
		uint32_t want = due < CHUNK ? (uint32_t)due : CHUNK;
		ssize_t n = xtcp_recv(l->x, c->c, l->buf, want);

		if (n == -EAGAIN)
			break;
		if (n <= 0) {
			report_fail("not measured: connection %u: %s", c->id,
				    n ? report_error((int)-n) : "the server has closed it");
			return -1;
		}
		got = check(l, c, (uint32_t)n);
		if (got < 0)
			return -1;
		done += got;
		if ((uint32_t)n < want)
			break;
	}
	return done;
}

/* ---- who is next ---- */

static void set_due(struct load *l)
{
	if (l->o->rate > 0)
		l->due_ns = l->began_ns + (uint64_t)((double)l->issued * 1e9 / l->o->rate);
}

static void idle_push(struct load *l, uint32_t id)
{
	uint32_t at = l->idle_at + l->idle_n++;

	l->idle[at < l->idle_cap ? at : at - l->idle_cap] = id;
}

static uint32_t idle_pop(struct load *l)
{
	uint32_t id = l->idle[l->idle_at];

	l->idle_at = l->idle_at + 1 < l->idle_cap ? l->idle_at + 1 : 0;
	l->idle_n--;
	return id;
}

int load_due(struct load *l)
{
	int rc = EXIT_DONE;

	while (rc == EXIT_DONE && l->idle_n && l->flying < l->max_flying && l->due_ns <= l->now) {
		struct load_conn *c = load_conn(l, idle_pop(l));

		l->flying++;
		rc = l->issue(l, c, l->o->rate > 0 ? l->due_ns : l->now);
		l->issued++;
		set_due(l);
	}
	return rc;
}

uint64_t load_next(const struct load *l)
{
	return l->idle_n && l->flying < l->max_flying ? l->due_ns : BENCH_NEVER;
}

int load_again(struct load *l, struct load_conn *c)
{
	if (!l->idle)
		return l->issue(l, c, l->now);
	l->flying--;
	idle_push(l, c->id);
	return EXIT_DONE;
}

int load_start(struct load *l, uint32_t count)
{
	int rc = EXIT_DONE;

	l->now = l->began_ns = bench_now_ns();
	set_due(l);
	for (uint32_t p = 0; p < l->o->pipeline; p++) {
		for (uint32_t i = 0; i < count && rc == EXIT_DONE; i++) {
			uint32_t id = (uint32_t)((uint64_t)i * l->n / count);

			if (l->idle)
				idle_push(l, id);
			else
				rc = l->issue(l, load_conn(l, id), l->now);
		}
	}
	return rc == EXIT_DONE ? load_due(l) : rc;
}

/* Open loop: requests due by the end of the window that were not answered by then. */
static uint64_t unanswered(const struct load *l)
{
	uint64_t due = (uint64_t)((double)(l->window.ended_ns - l->began_ns) / 1e9 * l->o->rate);

	return due > l->answers ? due - l->answers : 0;
}

/* The window of answers; times before it do not count. */
static bool tick(struct load *l)
{
	uint64_t began = l->window.began_ns;
	bool over = bench_tick(&l->window, l->o, l->answers, l->now);

	if (l->window.began_ns != began)
		hist_clear(&l->hist);
	if (over)
		l->unanswered = unanswered(l);
	return over;
}

int load_measure(struct load *l, int (*step)(struct load *, struct load_conn *, const struct xtcp_event *))
{
	struct xtcp_event ev[BENCH_EVENTS];
	int rc = EXIT_DONE;

	tick(l);
	for (;;) {
		int n = bench_wait(l->x, &l->window, load_next(l), ev, BENCH_EVENTS);

		if (n < 0 && n != -EINTR)
			return report_engine(l->x, n);
		l->now = bench_now_ns();
		for (int i = 0; i < n && rc == EXIT_DONE; i++) {
			struct load_conn *c = ev[i].user;

			if (c && c->c == ev[i].handle)
				rc = step(l, c, &ev[i]);
		}
		if (rc == EXIT_DONE && l->idle)
			rc = load_due(l);
		if (rc != EXIT_DONE || tick(l))
			return rc;
		rc = bench_go_on(&l->window, l->now);
		if (rc != EXIT_DONE)
			return rc;
	}
}

/* ---- several engines ---- */

static void add(struct load *sum, const struct load *one)
{
	bench_add(&sum->window, &one->window);
	hist_merge(&sum->hist, &one->hist);
	sum->errors += one->errors;
	sum->unanswered += one->unanswered;
}

struct loads {
	struct bench_plan plan;
	struct load **load;
	int (*work)(struct load *l);
};

static int work_on(struct engine_slot *slot, void *arg)
{
	const struct loads *all = arg;

	return all->work(all->load[slot->number]);
}

int load_run(struct engines *g, const struct sockaddr_storage *to, int (*work)(struct load *l), const char *role)
{
	struct loads all = { .plan = { .all = g, .missing = (int)g->n }, .work = work };
	int rc = EXIT_DONE;

	all.load = calloc(g->n, sizeof(*all.load));
	if (!all.load)
		return report_fail("no memory");
	for (uint32_t i = 0; i < g->n && rc == EXIT_DONE; i++) {
		all.load[i] = load_new(&g->slot[i], &all.plan, to);
		rc = all.load[i] ? EXIT_DONE : EXIT_FAILED;
	}
	if (rc == EXIT_DONE)
		rc = engines_run(g, work_on, &all);
	for (uint32_t i = 1; i < g->n && rc == EXIT_DONE; i++)
		add(all.load[0], all.load[i]);
	if (rc == EXIT_DONE)
		rc = load_tell(all.load[0], role, NULL);
	for (uint32_t i = 0; i < g->n; i++)
		if (all.load[i])
			load_free(all.load[i]);
	free(all.load);
	return rc;
}
