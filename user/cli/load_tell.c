// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* load_tell.c - what a client of `xtcp bench` measured. See load.h. */
#include "cli/load.h"

#include <jansson.h>

#include "cli/report.h"

static const struct {
	const char *name, *text;
	double share;
} quantiles[] = {
	{ "p50_us", "p50", 0.5 },      { "p90_us", "p90", 0.9 },	 { "p99_us", "p99", 0.99 },
	{ "p999_us", "p99.9", 0.999 }, { "p9999_us", "p99.99", 0.9999 }, { "max_us", "max", 1 },
};
enum { QUANTILES = sizeof(quantiles) / sizeof(quantiles[0]) };

static json_t *as_json(struct load *l, const char *role, double rate)
{
	const struct opts *o = l->all->opts;
	json_t *j = json_pack("{s:s, s:I, s:I, s:I, s:I, s:f, s:f, s:I, s:f, s:s, s:f, s:f}", "role", role,
			      "connections", (json_int_t)o->connections, "size", (json_int_t)o->size, "response",
			      (json_int_t)o->response, "pipeline", (json_int_t)o->pipeline, "rate", rate, "seconds",
			      bench_seconds(&l->window), "errors", (json_int_t)l->errors, "gbps",
			      rate * o->response * 8 / 1e9, "wait", bench_waiting(o), "cpu_s",
			      (double)l->window.cpu_ns / 1e9, "mean_us", hist_mean(&l->hist) / 1e3);

	if (!j)
		return NULL;
	for (int i = 0; i < QUANTILES; i++)
		json_object_set_new(j, quantiles[i].name,
				    json_real((double)hist_quantile(&l->hist, quantiles[i].share) / 1e3));
	json_object_set_new(j, "target_rate", o->rate > 0 ? json_real(o->rate) : json_null());
	json_object_set_new(j, "corrected", json_boolean(o->rate > 0));
	json_object_set_new(j, "unanswered", json_integer(o->rate > 0 ? (json_int_t)l->unanswered : 0));
	bench_json_engines(j, l->all);
	return j;
}

static void as_text(struct load *l, const char *role, double rate)
{
	FILE *to = report_summary_to(&l->all->opts->conf);
	const struct opts *o = l->all->opts;

	fprintf(to, "%s: %u connections, %u in flight on each, %u bytes for %u, waiting: %s\n", role, o->connections,
		o->pipeline, o->response, o->size, bench_waiting(o));
	fprintf(to, "%.1f/s in %.2f s, %.2f s of processor time, %llu errors\n", rate, bench_seconds(&l->window),
		(double)l->window.cpu_ns / 1e9, (unsigned long long)l->errors);
	if (o->rate > 0)
		fprintf(to,
			"open loop, %.1f/s asked for: times are from when each was due (corrected for coordinated "
			"omission); %llu not answered\n",
			o->rate, (unsigned long long)l->unanswered);
	else
		fprintf(to,
			"closed loop: times are from when each was sent; --rate corrects for coordinated omission\n");
	fprintf(to, "us: mean %.2f", hist_mean(&l->hist) / 1e3);
	for (int i = 0; i < QUANTILES; i++)
		fprintf(to, "  %s %.2f", quantiles[i].text, (double)hist_quantile(&l->hist, quantiles[i].share) / 1e3);
	fprintf(to, "\n");
	fflush(to);
}

int load_tell(struct load *l, const char *role, json_t *more)
{
	double rate = (double)l->window.count / bench_seconds(&l->window);
	json_t *j;

	if (!l->window.count) {
		json_decref(more);
		return report_fail("not measured: nothing was answered in %.2f s", bench_seconds(&l->window));
	}
	if (!l->all->opts->json) {
		as_text(l, role, rate);
		return EXIT_DONE;
	}
	j = as_json(l, role, rate);
	if (j && more)
		json_object_update(j, more);
	json_decref(more);
	report_json(report_summary_to(&l->all->opts->conf), j);
	return EXIT_DONE;
}
