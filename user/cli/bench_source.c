// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* bench_source.c - xtcp bench source: connections that always have something to send. */
#include "cli/bench.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "cli/report.h"

struct source { /* of one engine */
	struct xtcp *x;
	const struct opts *o;
	const struct sockaddr_storage *to;
	xtcp_conn *conn;
	uint32_t conns, open;
	struct bench_window window;
};

/* What the connections tell, summed up. */
struct totals {
	uint64_t acked, sent, retransmitted;
	uint64_t cwnd, srtt_ns, min_rtt_ns; /* sums; see means() */
	uint64_t rwnd_limited_ns, busy_ns;
	uint32_t retransmits, timeouts;
	uint32_t conns; /* that told */
};

static void add_up(const struct source *b, struct totals *t)
{
	struct xtcp_info i;

	for (uint32_t n = 0; n < b->conns; n++) {
		if (xtcp_get_info(b->x, b->conn[n], sizeof(i), &i) < 0)
			continue;
		t->conns++;
		t->acked += i.bytes_acked;
		t->sent += i.bytes_sent;
		t->retransmitted += i.bytes_retrans;
		t->retransmits += i.retrans;
		t->timeouts += i.rto_count;
		t->cwnd += i.cwnd;
		t->srtt_ns += i.srtt_ns;
		t->min_rtt_ns += i.min_rtt_ns;
		t->rwnd_limited_ns += i.rwnd_limited_ns;
		t->busy_ns += i.busy_ns;
	}
}

static void means(struct totals *t)
{
	if (!t->conns)
		return;
	t->srtt_ns /= t->conns;
	t->min_rtt_ns /= t->conns;
	t->cwnd /= t->conns;
}

static uint64_t acked(const struct source *b)
{
	struct totals t = { 0 };

	add_up(b, &t);
	return t.acked;
}

static void feed(const struct source *b, xtcp_conn c)
{
	static const char data[64 * 1024];

	while (xtcp_send(b->x, c, data, sizeof(data), 0) > 0)
		;
}

static int open_all(struct source *b)
{
	for (uint32_t n = 0; n < b->conns; n++)
		if (xtcp_connect(b->x, (const struct sockaddr *)b->to, NULL, NULL, &b->conn[n]) < 0)
			return report_fail("%s", xtcp_errmsg());
	return EXIT_DONE;
}

static int take_event(struct source *b, const struct xtcp_event *ev)
{
	char peer[ADDR_TEXT];

	if (ev->events & XTCP_EV_ERROR)
		return report_fail("%s: %s", report_addr(b->to, peer), report_error(ev->error));
	if (ev->events & XTCP_EV_PEER_FIN)
		return report_fail("%s: the peer closed before the time to be measured was over",
				   report_addr(b->to, peer));
	if (ev->events & XTCP_EV_OPEN)
		b->open++;
	feed(b, ev->handle);
	return EXIT_DONE;
}

/* Until the window is over; it begins when all connections are open. */
static int measure(struct source *b)
{
	struct xtcp_event ev[BENCH_EVENTS];

	for (;;) {
		int n = bench_wait(b->x, &b->window, BENCH_NEVER, ev, BENCH_EVENTS);
		uint64_t now = bench_now_ns();

		if (n < 0 && n != -EINTR)
			return report_engine(b->x, n);
		for (int i = 0; i < n; i++)
			if (take_event(b, &ev[i]) != EXIT_DONE)
				return EXIT_FAILED;
		if (b->open == b->conns && bench_due(&b->window, now) && bench_tick(&b->window, b->o, acked(b), now))
			return EXIT_DONE;
		if (bench_go_on(&b->window, now) != EXIT_DONE)
			return EXIT_FAILED;
	}
}

void bench_header(void)
{
	printf("%-8s %6s %10s %9s %9s %9s %12s %8s\n", "cc", "conns", "Mbit/s", "sent again", "timeouts", "RTT ms",
	       "min RTT ms", "cwnd KB");
}

static json_t *as_json(const struct source *b, const struct totals *t, const char *cc)
{
	return json_pack("{s:s, s:s, s:I, s:f, s:I, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:f}", "role",
			 "source", "cc", cc, "connections", (json_int_t)b->o->connections, "seconds",
			 bench_seconds(&b->window), "bytes", (json_int_t)b->window.count, "gbps",
			 bench_gbps(&b->window), "bytes_retransmitted", (json_int_t)t->retransmitted, "retransmits",
			 (json_int_t)t->retransmits, "timeouts", (json_int_t)t->timeouts, "srtt_us",
			 (json_int_t)(t->srtt_ns / 1000), "min_rtt_us", (json_int_t)(t->min_rtt_ns / 1000), "cwnd",
			 (json_int_t)t->cwnd, "rwnd_limited_us", (json_int_t)(t->rwnd_limited_ns / 1000), "wait",
			 bench_waiting(b->o), "cpu_s", (double)b->window.cpu_ns / 1e9);
}

static void print_line(const struct source *b, const struct totals *t, const char *cc)
{
	printf("%-8s %6u %10.3f %8.2f %% %9u %9.2f %12.2f %8.0f\n", cc, b->o->connections, bench_gbps(&b->window) * 1e3,
	       t->sent ? (double)t->retransmitted * 100 / (double)t->sent : 0, t->timeouts, (double)t->srtt_ns / 1e6,
	       (double)t->min_rtt_ns / 1e6, (double)t->cwnd / 1e3);
	fflush(stdout);
}

/* The first has the window of all in the end. */
static void tell(struct source *all, const struct engines *g)
{
	struct totals t = { 0 };
	struct xtcp_info i;
	json_t *j;

	for (uint32_t n = 0; n < g->n; n++) {
		add_up(&all[n], &t);
		if (n)
			bench_add(&all->window, &all[n].window);
	}
	means(&t);
	if (xtcp_get_info(all->x, all->conn[0], sizeof(i), &i) < 0)
		return;
	if (!g->opts->json) {
		print_line(all, &t, i.cc);
		return;
	}
	j = as_json(all, &t, i.cc);
	bench_json_engines(j, g);
	report_json(report_summary_to(&g->opts->conf), j);
}

static int work(struct engine_slot *slot, void *arg)
{
	struct source *b = (struct source *)arg + slot->number;
	int rc = open_all(b);

	return rc == EXIT_DONE ? measure(b) : rc;
}

int bench_source(struct engines *g, const struct sockaddr_storage *to)
{
	const struct opts *o = g->opts;
	struct bench_plan plan = { .all = g, .missing = (int)g->n };
	struct source *all = calloc(g->n, sizeof(*all));
	xtcp_conn *conn = calloc(o->connections, sizeof(*conn));
	uint32_t given = 0;
	int rc = EXIT_FAILED;

	if (!all || !conn) {
		report_fail("no memory for %u connections", o->connections);
		goto out;
	}
	for (uint32_t i = 0; i < g->n; i++) {
		all[i] = (struct source){ .x = g->slot[i].s.x,
					  .o = o,
					  .to = to,
					  .conn = conn + given,
					  .conns = engines_share(g, i, o->connections),
					  .window = bench_window(o, &plan) };
		given += all[i].conns;
	}
	rc = engines_run(g, work, all);
	if (rc == EXIT_DONE)
		tell(all, g);
out:
	free(conn);
	free(all);
	return rc;
}
