// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* cmd_status.c - xtcp status: on which interfaces the XDP half is, and what it has counted. */
#include "cli/cli.h"

#include <errno.h>
#include <jansson.h>
#include <net/if.h>
#include <stdio.h>

#include "cli/opts.h"
#include "cli/report.h"
#include "ctl/ctl.h"
#include "lib/fail.h"

static const struct opts_use use = {
	.name = "status",
	.takes = OPT_INTERFACE | OPT_JSON | OPT_VERBOSE,
};

static const char *mode_word(const struct ctl_status *s)
{
	return s->mode == CTL_MODE_GENERIC ? "generic" : "native";
}

static const struct {
	const char *kind, *name, *text;
} counters[] = {
#define XTCP_XDP_STAT(kind, name, text) { #kind, #name, text },
#include "xtcp/stats.def"
};
#define COUNTERS (sizeof(counters) / sizeof(counters[0]))
_Static_assert(sizeof(struct xtcp_xdp_stats) == COUNTERS * sizeof(__u64), "one __u64 for each counter");

/* Only what has happened, unless all is asked for. */
static void print_text(const struct ctl_status *s, bool all)
{
	const __u64 *v = (const __u64 *)&s->stats;

	printf("%s: %s mode, program id %u, %s%s\n", s->ifname, mode_word(s), s->prog_id,
	       s->pinned	? "pinned in "
	       : s->pin_path[0] ? "held by a running xtcp, maps in "
				: "held by a running xtcp, or pinned out of sight",
	       s->pin_path);
	for (size_t i = 0; i < COUNTERS; i++)
		if (v[i] || all)
			printf("  %-20s %12llu  %s\n", counters[i].name, (unsigned long long)v[i], counters[i].text);
}

static json_t *to_json(const struct ctl_status *s)
{
	const __u64 *v = (const __u64 *)&s->stats;
	json_t *stats = json_object();

	for (size_t i = 0; i < COUNTERS; i++)
		json_object_set_new(stats, counters[i].name, json_integer((json_int_t)v[i]));
	return json_pack("{s:s, s:s, s:b, s:I, s:I, s:s, s:o}", "interface", s->ifname, "mode", mode_word(s), "pinned",
			 s->pinned, "prog_id", (json_int_t)s->prog_id, "link_id", (json_int_t)s->link_id, "pins",
			 s->pin_path, "counters", stats);
}

static void show(const struct opts *o, const struct ctl_status *s, json_t *list)
{
	if (o->json)
		json_array_append_new(list, to_json(s));
	else
		print_text(s, o->verbose);
}

/* Every interface of this namespace; how many have ours in *shown. 0 or -errno with fail(). */
static int show_all(const struct opts *o, json_t *list, int *shown)
{
	struct if_nameindex *all = if_nameindex();
	struct ctl_status s;
	int err = 0;

	if (!all)
		return fail(errno, "the interfaces cannot be listed");
	for (struct if_nameindex *i = all; i->if_name && !err; i++) {
		err = ctl_status_get(i->if_name, &s);
		if (!err) {
			show(o, &s, list);
			++*shown;
		} else if (err == -ENOENT || err == -ENODEV) {
			err = 0; /* nothing of ours, or gone meanwhile */
		}
	}
	if_freenameindex(all);
	return err;
}

int cmd_status(int argc, char **argv)
{
	struct ctl_status s;
	json_t *list;
	struct opts o;
	int err, shown = 0, rc = opts_parse(&o, &use, argc, argv);

	if (rc != OPTS_GO)
		return rc;
	list = json_array();
	if (o.conf.ifname) {
		err = ctl_status_get(o.conf.ifname, &s);
		if (!err)
			show(&o, &s, list);
	} else {
		err = show_all(&o, list, &shown);
		if (!err && !shown && !o.json)
			printf("xtcp is attached to no interface here\n");
	}
	if (o.json && !err) {
		json_dumpf(list, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	json_decref(list);
	return err ? report_fail("%s", fail_text()) : EXIT_DONE;
}
