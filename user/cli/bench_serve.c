// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * bench_serve.c - xtcp bench serve: answers requests until it is told to stop.
 *
 * An answer as long as its request is the request: what comes is sent back, and nothing is kept of a connection. An answer of
 * another length is cut from the pattern, at the place that the first byte of the request tells. What is known of such
 * a connection then fits into its user pointer.
 */
#include "cli/bench.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "cli/report.h"
#include "cli/stop.h"

#define CHUNK (64u * 1024)
#define BACKLOG 16384

struct serve { /* of one engine */
	struct xtcp *x;
	const struct opts *o;
	const uint8_t *pattern;
	uint8_t *buf; /* CHUNK bytes */
	uint64_t region_then;
	uint64_t conns, resets, errors, bytes_in, bytes_out; /* a client that has measured ends with resets */
	uint64_t open, peak;
	uint64_t idle_bytes, idle_peak; /* grown, and peak, when the first request came: until then all were idle */
	uint64_t grown;			/* bytes of the region, in the end */
};

/* Of a connection whose answers are not its requests. */
struct progress {
	uint32_t got;  /* bytes of the request that is coming */
	uint32_t owed; /* bytes of the answer that is going */
	uint8_t first; /* byte of the request */
};

static void *pack(struct progress p)
{
	return (void *)(uintptr_t)((uint64_t)p.got | (uint64_t)p.owed << 24 | (uint64_t)p.first << 48);
}

static struct progress unpack(const void *user)
{
	uint64_t v = (uintptr_t)user;

	return (struct progress){ v & 0xffffff, v >> 24 & 0xffffff, (uint8_t)(v >> 48) };
}

/* error: 0, or a positive errno. */
static void drop(struct serve *b, xtcp_conn c, int error)
{
	xtcp_close(b->x, c);
	b->resets += error == ECONNRESET;
	b->errors += error && error != ECONNRESET;
	b->open--;
}

/* What fits into the send buffer; the rest waits for XTCP_EV_WRITABLE. */
static void echo(struct serve *b, xtcp_conn c, bool fin)
{
	struct iovec iov[2];
	size_t room;
	ssize_t n;

	for (;;) {
		room = xtcp_send_space(b->x, c);
		if (room == 0) {
			/* Asked this way XTCP_EV_WRITABLE follows. */
			n = xtcp_reserve(b->x, c, 1, iov);
			if (n != -EAGAIN && n <= 0)
				drop(b, c, n ? (int)-n : EPIPE);
			if (n <= 0)
				return;
			continue;
		}
		room = room < CHUNK ? room : CHUNK;
		n = xtcp_recv(b->x, c, b->buf, room);
		if (n == -EAGAIN)
			return;
		if (n <= 0) {
			drop(b, c, (int)-n);
			return;
		}
		b->bytes_in += (uint64_t)n;
		b->bytes_out += (uint64_t)n;
		xtcp_send(b->x, c, b->buf, (size_t)n, 0);
		if ((size_t)n < room && !fin)
			return; /* that was all */
	}
}

/* -EAGAIN: the rest later. */
static int send_owed(struct serve *b, xtcp_conn c, struct progress *p)
{
	uint32_t response = b->o->response;

	while (p->owed) {
		ssize_t n = xtcp_send(b->x, c, b->pattern + p->first + (response - p->owed), p->owed, 0);

		if (n < 0)
			return (int)n;
		p->owed -= (uint32_t)n;
		b->bytes_out += (uint64_t)n;
	}
	return 0;
}

static void answer(struct serve *b, xtcp_conn c, void *user)
{
	struct progress p = unpack(user);
	uint32_t size = b->o->size, want;
	ssize_t n;

	for (;;) {
		n = send_owed(b, c, &p);
		if (n < 0)
			break;
		want = size - p.got < CHUNK ? size - p.got : CHUNK;
		n = xtcp_recv(b->x, c, b->buf, want);
		if (n <= 0)
			break;
		if (!p.got)
			p.first = b->buf[0];
		p.got += (uint32_t)n;
		b->bytes_in += (uint64_t)n;
		if (p.got == size)
			p = (struct progress){ .owed = b->o->response, .first = p.first };
	}
	if (n != -EAGAIN) {
		drop(b, c, (int)-n);
		return;
	}
	if (pack(p) != user)
		xtcp_set_user(b->x, c, pack(p));
}

static void use(struct serve *b, xtcp_conn c, void *user, uint32_t events)
{
	if (b->o->response == b->o->size)
		echo(b, c, events & XTCP_EV_PEER_FIN);
	else
		answer(b, c, user);
}

static void accept_all(struct serve *b, xtcp_listener l)
{
	xtcp_conn c;

	while (xtcp_accept(b->x, l, &c) == 0) {
		b->conns++;
		b->open++;
		if (b->open > b->peak)
			b->peak = b->open;
		xtcp_setopt(b->x, c, XTCP_NODELAY, 1);
		use(b, c, NULL, XTCP_EV_PEER_FIN);
	}
}

/* By how much the region has grown. */
static uint64_t grown(const struct serve *b)
{
	struct xtcp_engine_info i;

	xtcp_engine_info(b->x, &i);
	return i.region_bytes - b->region_then;
}

static void take_event(struct serve *b, const struct xtcp_event *ev)
{
	if (ev->events & XTCP_EV_ACCEPT)
		accept_all(b, ev->handle);
	else if (ev->events & XTCP_EV_ERROR)
		drop(b, ev->handle, ev->error);
	else if (ev->events & (XTCP_EV_READABLE | XTCP_EV_WRITABLE | XTCP_EV_PEER_FIN)) {
		if (!b->bytes_in) {
			b->idle_bytes = grown(b);
			b->idle_peak = b->peak;
		}
		use(b, ev->handle, ev->user, ev->events);
	}
}

static int listen_on(struct serve *b)
{
	struct sockaddr_storage sa;
	struct xtcp_listen_opts lo = { .size = sizeof(lo), .backlog = BACKLOG, .syn_queue = BACKLOG };
	xtcp_listener l;

	for (uint32_t i = 0; i < b->o->ports; i++) {
		uint16_t port = (uint16_t)(b->o->port + i);

		sa = report_sockaddr(&b->o->addr, port);
		if (xtcp_listen(b->x, b->o->has_addr ? (struct sockaddr *)&sa : NULL, port, &lo, &l) < 0)
			return report_fail("%s", xtcp_errmsg());
	}
	return EXIT_DONE;
}

static int serve_until_stopped(struct serve *b, const struct bench_window *w)
{
	struct xtcp_event ev[BENCH_EVENTS];

	while (!stop_asked()) {
		int n = bench_wait(b->x, w, BENCH_NEVER, ev, BENCH_EVENTS);

		if (n < 0 && n != -EINTR)
			return report_engine(b->x, n);
		if (n == 0 && bench_now_ns() >= w->limit_ns)
			break;
		for (int i = 0; i < n; i++)
			take_event(b, &ev[i]);
	}
	return EXIT_DONE;
}

/* Peaks too are added up: each engine has room for its own. */
static void add(struct serve *sum, const struct serve *one)
{
	sum->conns += one->conns;
	sum->resets += one->resets;
	sum->errors += one->errors;
	sum->bytes_in += one->bytes_in;
	sum->bytes_out += one->bytes_out;
	sum->peak += one->peak;
	sum->idle_bytes += one->idle_bytes;
	sum->idle_peak += one->idle_peak;
	sum->grown += one->grown;
}

/* What a connection took of the regions, with its share of all tables. */
static double bytes_each(const struct engines *g, uint64_t bytes, uint64_t conns)
{
	struct xtcp_engine_info i;

	xtcp_engine_info(g->slot[0].s.x, &i);
	return conns ? (double)(bytes + i.map_bytes) / (double)conns : 0;
}

static void tell(const struct serve *b, const struct engines *g)
{
	uint64_t requests = b->bytes_in / b->o->size;
	double cpu_s = (double)bench_cpu_ns() / 1e9;
	json_t *j;

	if (!b->o->json) {
		fprintf(report_summary_to(&b->o->conf),
			"%llu connections, %llu at once at most, %llu requests, %llu resets, %llu errors; %.2f s of processor time\n",
			(unsigned long long)b->conns, (unsigned long long)b->peak, (unsigned long long)requests,
			(unsigned long long)b->resets, (unsigned long long)b->errors, cpu_s);
		return;
	}
	j = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f}", "role", "serve",
		      "connections", (json_int_t)b->conns, "peak_connections", (json_int_t)b->peak, "size",
		      (json_int_t)b->o->size, "response", (json_int_t)b->o->response, "requests", (json_int_t)requests,
		      "resets", (json_int_t)b->resets, "errors", (json_int_t)b->errors, "bytes_in",
		      (json_int_t)b->bytes_in, "bytes_out", (json_int_t)b->bytes_out, "bytes_per_connection",
		      bytes_each(g, b->grown, b->peak), "idle_bytes_per_connection",
		      bytes_each(g, b->idle_bytes, b->idle_peak), "cpu_s", cpu_s);
	bench_json_engines(j, g);
	report_json(report_summary_to(&b->o->conf), j);
}

static int work(struct engine_slot *slot, void *arg)
{
	struct serve *b = (struct serve *)arg + slot->number;
	struct bench_window w = bench_window(b->o, NULL);
	int rc = serve_until_stopped(b, &w);

	b->grown = grown(b);
	return rc;
}

static int init(struct serve *b, struct engine_slot *slot)
{
	struct xtcp_engine_info info;

	*b = (struct serve){ .x = slot->s.x, .o = slot->all->opts, .pattern = bench_pattern(), .buf = malloc(CHUNK) };
	if (!b->buf)
		return report_fail("no memory");
	xtcp_engine_info(b->x, &info);
	b->region_then = info.region_bytes;
	return listen_on(b);
}

int bench_serve(struct engines *g)
{
	struct serve *all = calloc(g->n, sizeof(*all));
	int rc = EXIT_DONE;

	if (!all)
		return report_fail("no memory");
	for (uint32_t i = 0; i < g->n && rc == EXIT_DONE; i++)
		rc = init(&all[i], &g->slot[i]);
	if (rc == EXIT_DONE) {
		bench_ready(g->opts);
		rc = engines_run(g, work, all);
	}
	for (uint32_t i = 1; i < g->n && rc == EXIT_DONE; i++)
		add(&all[0], &all[i]);
	if (rc == EXIT_DONE)
		tell(&all[0], g);
	for (uint32_t i = 0; i < g->n; i++)
		free(all[i].buf);
	free(all);
	return rc;
}
