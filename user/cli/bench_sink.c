// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* bench_sink.c - xtcp bench sink: takes what comes, on any number of connections, and looks at none of it. */
#include "cli/bench.h"

#include <errno.h>
#include <jansson.h>

#include "cli/report.h"
#include "cli/stop.h"

struct sink {
	struct xtcp *x;
	xtcp_listener l;
	uint64_t bytes;
	uint32_t conns; /* accepted */
	uint32_t open;
	struct bench_window window;
};

static void drain(struct sink *b, xtcp_conn c)
{
	struct iovec iov[2];
	ssize_t n;

	while ((n = xtcp_peek(b->x, c, iov)) > 0) {
		xtcp_consume(b->x, c, (size_t)n);
		b->bytes += (uint64_t)n;
	}
	if (n == -EAGAIN)
		return;
	xtcp_close(b->x, c); /* the peer's FIN, or an error */
	b->open--;
}

static void take_event(struct sink *b, const struct xtcp_event *ev)
{
	xtcp_conn c;

	if (ev->handle != b->l) {
		drain(b, ev->handle);
		return;
	}
	while (xtcp_accept(b->x, b->l, &c) == 0) {
		b->conns++;
		b->open++;
		drain(b, c);
	}
}

/* Until the window is over. All sources gone before that: nothing was measured. */
static int measure(struct sink *b, const struct opts *o)
{
	struct xtcp_event ev[BENCH_EVENTS];

	for (;;) {
		int n = bench_wait(b->x, &b->window, BENCH_NEVER, ev, BENCH_EVENTS);
		uint64_t now = bench_now_ns();

		if (n < 0 && n != -EINTR)
			return report_engine(b->x, n);
		for (int i = 0; i < n; i++)
			take_event(b, &ev[i]);
		if (b->bytes && bench_tick(&b->window, o, b->bytes, now))
			return EXIT_DONE;
		if (bench_go_on(&b->window, now) != EXIT_DONE)
			return EXIT_FAILED;
		if (b->bytes && !b->open)
			return report_fail("the peer closed before the time to be measured was over");
	}
}

static void tell(const struct sink *b, const struct opts *o)
{
	double seconds = bench_seconds(&b->window);

	if (!o->json) {
		printf("%u connections, %.3f Mbit/s in %.2f s\n", b->conns, bench_gbps(&b->window) * 1e3, seconds);
		return;
	}
	report_json(report_summary_to(&o->conf),
		    json_pack("{s:s, s:I, s:f, s:I, s:f, s:s, s:f}", "role", "sink", "connections",
			      (json_int_t)b->conns, "seconds", seconds, "bytes", (json_int_t)b->window.count, "gbps",
			      bench_gbps(&b->window), "wait", bench_waiting(o), "cpu_s",
			      (double)b->window.cpu_ns / 1e9));
}

int bench_sink(struct session *s, const struct opts *o)
{
	struct sink b = { .x = s->x, .window = bench_window(o) };
	int rc = start_listening(s, o->has_addr ? &o->addr : NULL, o->port, &b.l);

	if (rc == EXIT_DONE) {
		bench_ready(o);
		rc = measure(&b, o);
	}
	if (rc == EXIT_DONE)
		tell(&b, o);
	return rc;
}
