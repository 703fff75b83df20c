// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* cmd_doctor.c - xtcp doctor: what can run here, and how to mend what can't. */
#include "cli/cli.h"

#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/opts.h"
#include "cli/report.h"
#include "ctl/ctl.h"
#include "ctl/half.h"

#define FINDINGS_MAX 64

static const struct opts_use use = {
	.name = "doctor",
	.takes = OPT_INTERFACE | OPT_JSON | OPT_VERBOSE,
};

static const struct {
	const char *word, *colour;
} healths[] = {
	[CTL_OK] = { "ok", "\033[32m" },
	[CTL_NOTE] = { "note", "\033[33m" },
	[CTL_BAD] = { "bad", "\033[31m" },
};

static void print_text(const struct ctl_finding *f, int n)
{
	bool tty = isatty(STDOUT_FILENO);

	for (int i = 0; i < n; i++, f++) {
		printf("%s%-4s%s  %-20s %s\n", tty ? healths[f->health].colour : "", healths[f->health].word,
		       tty ? "\033[0m" : "", f->what, f->found);
		if (f->mend[0])
			printf("      %-20s -> %s\n", "", f->mend);
	}
}

static void print_json(const struct ctl_finding *f, int n, bool can_run)
{
	json_t *list = json_array();
	json_t *top = json_pack("{s:b, s:o}", "can_run", can_run, "findings", list);

	for (int i = 0; i < n; i++, f++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "health", healths[f->health].word, "what",
						      f->what, "found", f->found, "mend", f->mend));
	json_dumpf(top, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(top);
}

int cmd_doctor(int argc, char **argv)
{
	struct ctl_finding found[FINDINGS_MAX];
	const char *worst = NULL;
	struct opts o;
	int n, rc = opts_parse(&o, &use, argc, argv);

	if (rc != OPTS_GO)
		return rc;
	n = ctl_doctor(o.conf.ifname, found, FINDINGS_MAX);
	for (int i = n - 1; i >= 0; i--)
		if (found[i].health == CTL_BAD)
			worst = found[i].what;
	if (o.json)
		print_json(found, n, !worst);
	else
		print_text(found, n);
	if (o.verbose && half_load_log()[0])
		fprintf(stderr, "%s", half_load_log());
	if (!worst)
		return EXIT_DONE;
	return report_fail("doctor: xtcp cannot run%s%s as things are, first because of: %s",
			   o.conf.ifname ? " on " : " here", o.conf.ifname ? o.conf.ifname : "", worst);
}
