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

struct serve {
	struct session *s;
	struct xtcp *x;
	const struct opts *o;
	const uint8_t *pattern;
	uint8_t *buf; /* CHUNK bytes */
	uint64_t region_then;
	uint64_t conns, resets, errors, bytes_in, bytes_out; /* a client that has measured ends with resets */
	uint32_t open, peak;
	double idle_bytes; /* memory of a connection when the first request came: until then all were idle */
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

/* The memory of the region that a connection took, with its share of all tables. */
static double bytes_each(const struct serve *b)
{
	struct xtcp_engine_info i;

	xtcp_engine_info(b->x, &i);
	return b->peak ? (double)(i.region_bytes - b->region_then + i.map_bytes) / b->peak : 0;
}

static void take_event(struct serve *b, const struct xtcp_event *ev)
{
	if (ev->events & XTCP_EV_ACCEPT)
		accept_all(b, ev->handle);
	else if (ev->events & XTCP_EV_ERROR)
		drop(b, ev->handle, ev->error);
	else if (ev->events & (XTCP_EV_READABLE | XTCP_EV_WRITABLE | XTCP_EV_PEER_FIN)) {
		if (!b->bytes_in)
			b->idle_bytes = bytes_each(b);
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
	bench_ready(b->o);
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

static void tell(const struct serve *b)
{
	uint64_t requests = b->bytes_in / b->o->size;
	double cpu_s = (double)bench_cpu_ns() / 1e9;

	if (!b->o->json) {
		fprintf(report_summary_to(&b->o->conf),
			"%llu connections, %u at once at most, %llu requests, %llu resets, %llu errors; %.2f s of processor time\n",
			(unsigned long long)b->conns, b->peak, (unsigned long long)requests,
			(unsigned long long)b->resets, (unsigned long long)b->errors, cpu_s);
		return;
	}
	report_json(report_summary_to(&b->o->conf),
		    json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:o}", "role", "serve",
			      "connections", (json_int_t)b->conns, "peak_connections", (json_int_t)b->peak, "size",
			      (json_int_t)b->o->size, "response", (json_int_t)b->o->response, "requests",
			      (json_int_t)requests, "resets", (json_int_t)b->resets, "errors", (json_int_t)b->errors,
			      "bytes_in", (json_int_t)b->bytes_in, "bytes_out", (json_int_t)b->bytes_out,
			      "bytes_per_connection", bytes_each(b), "idle_bytes_per_connection", b->idle_bytes,
			      "cpu_s", cpu_s, "counters", report_counters(b->x)));
}

int bench_serve(struct session *s, const struct opts *o)
{
	struct serve b = { .s = s, .x = s->x, .o = o, .pattern = bench_pattern(), .buf = malloc(CHUNK) };
	struct bench_window w = bench_window(o);
	struct xtcp_engine_info info;
	int rc;

	if (!b.buf)
		return report_fail("no memory");
	xtcp_engine_info(s->x, &info);
	b.region_then = info.region_bytes;
	rc = listen_on(&b);
	if (rc == EXIT_DONE)
		rc = serve_until_stopped(&b, &w);
	if (rc == EXIT_DONE)
		tell(&b);
	free(b.buf);
	return rc;
}
