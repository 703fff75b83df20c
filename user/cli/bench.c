// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* bench.c - what the roles of `xtcp bench` share: clock, measuring window, the bytes of requests. See bench.h. */
#include "cli/bench.h"

#include <jansson.h>
#include <pthread.h>
#include <time.h>

#include "cli/report.h"
#include "cli/stop.h"

#define NS_PER_S 1000000000ull

static uint64_t read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t bench_now_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t bench_cpu_ns(void)
{
	return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

struct bench_window bench_window(const struct opts *o, struct bench_plan *plan)
{
	struct bench_window w = { .limit_ns = BENCH_NEVER, .plan = plan };

	if (o->limit_s > 0)
		w.limit_ns = bench_now_ns() + (uint64_t)(o->limit_s * 1e9);
	return w;
}

bool bench_planned(const struct bench_window *w)
{
	return atomic_load_explicit(&w->plan->from_ns, memory_order_relaxed) != 0;
}

/* The one that was waited for plans, and wakes the others, whose next turn has to end in time. */
static void meet(struct bench_window *w, const struct opts *o, uint64_t now)
{
	struct bench_plan *plan = w->plan;

	if (!w->called && atomic_fetch_sub(&plan->missing, 1) == 1) {
		atomic_store(&plan->from_ns, now + (uint64_t)(o->warmup_s * 1e9));
		if (plan->all->n > 1)
			engines_wake(plan->all);
	}
	w->called = true;
	w->from_ns = atomic_load(&plan->from_ns);
}

bool bench_due(const struct bench_window *w, uint64_t now)
{
	return now >= (w->began_ns ? w->to_ns : w->from_ns);
}

bool bench_tick(struct bench_window *w, const struct opts *o, uint64_t count, uint64_t now)
{
	if (!w->from_ns)
		meet(w, o, now);
	if (!w->from_ns || now < w->from_ns)
		return false;
	if (!w->began_ns) {
		w->began_ns = now;
		w->to_ns = now + (uint64_t)(o->seconds * 1e9); /* all of it, also where this engine came late */
		w->count_then = count;
		w->cpu_ns = bench_cpu_ns();
		return false;
	}
	if (now < w->to_ns)
		return false;
	w->ended_ns = now;
	w->count = count - w->count_then;
	w->cpu_ns = bench_cpu_ns() - w->cpu_ns;
	return true;
}

int bench_wait(struct xtcp *x, const struct bench_window *w, uint64_t until, struct xtcp_event *ev, int max)
{
	uint64_t tick = w->began_ns ? w->to_ns : w->from_ns;

	if (tick && tick < until)
		until = tick;
	if (w->limit_ns < until)
		until = w->limit_ns;
	return xtcp_wait_until(x, ev, max, until);
}

int bench_go_on(const struct bench_window *w, uint64_t now)
{
	if (stop_asked())
		return report_fail("interrupted: not measured");
	if (now >= w->limit_ns)
		return report_fail("not measured: --limit has passed");
	return EXIT_DONE;
}

void bench_add(struct bench_window *sum, const struct bench_window *one)
{
	sum->count += one->count;
	if (one->began_ns < sum->began_ns)
		sum->began_ns = one->began_ns;
	if (one->ended_ns > sum->ended_ns)
		sum->ended_ns = one->ended_ns;
	if (one->cpu_ns > sum->cpu_ns) /* each has that of the process */
		sum->cpu_ns = one->cpu_ns;
}

double bench_seconds(const struct bench_window *w)
{
	return (double)(w->ended_ns - w->began_ns) / 1e9;
}

double bench_gbps(const struct bench_window *w)
{
	return (double)w->count * 8 / (double)(w->ended_ns - w->began_ns);
}

const char *bench_waiting(const struct opts *o)
{
	static const char *const names[] = {
		[XTCP_WAIT_BALANCED] = "balanced", [XTCP_WAIT_LATENCY] = "latency", [XTCP_WAIT_POWER] = "power"
	};

	return names[o->conf.waiting];
}

void bench_ready(const struct opts *o)
{
	FILE *to = report_summary_to(&o->conf);

	fputs("ready\n", to);
	fflush(to);
}

void bench_json_engines(json_t *to, const struct engines *g)
{
	json_object_set_new(to, "counters", engines_counters(g));
	json_object_set_new(to, "engines", engines_json(g));
}

/* ---- the bytes ---- */

static uint8_t pattern[OPTS_SIZE_MAX + BENCH_PATTERN];

static void make_pattern(void)
{
	uint32_t v = 1;

	for (size_t i = 0; i < sizeof(pattern); i++) {
		v = v * 1664525u + 1013904223u;
		pattern[i] = (uint8_t)(v >> 24);
	}
}

const uint8_t *bench_pattern(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_pattern);
	return pattern;
}
