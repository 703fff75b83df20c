// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* cmd_attach.c - xtcp attach: the XDP half alone, pinned, for bpftool and for an engine to adopt. */
#include "cli/cli.h"

#include <jansson.h>
#include <stdio.h>

#include "cli/opts.h"
#include "cli/report.h"
#include "ctl/ctl.h"
#include "ctl/half.h"
#include "lib/fail.h"

static const struct opts_use use = {
	.name = "attach",
	.takes = OPT_INTERFACE | OPT_MODE | OPT_JSON | OPT_VERBOSE,
	.needs = OPT_INTERFACE,
};

static enum ctl_mode wanted(const struct opts *o)
{
	switch (o->conf.mode) {
	case XTCP_MODE_NATIVE: return CTL_MODE_NATIVE;
	case XTCP_MODE_GENERIC: return CTL_MODE_GENERIC;
	default: return CTL_MODE_AUTO;
	}
}

static void print_json(const struct ctl_status *s, const char *mode)
{
	json_t *top = json_pack("{s:s, s:s, s:I, s:I, s:s}", "interface", s->ifname, "mode", mode, "prog_id",
				(json_int_t)s->prog_id, "link_id", (json_int_t)s->link_id, "pins", s->pin_path);

	json_dumpf(top, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(top);
}

int cmd_attach(int argc, char **argv)
{
	struct ctl_status s;
	const char *mode;
	struct opts o;
	int rc = opts_parse(&o, &use, argc, argv);

	if (rc != OPTS_GO)
		return rc;
	if (ctl_attach_pinned(o.conf.ifname, wanted(&o), &s)) {
		if (o.verbose && half_load_log()[0])
			fprintf(stderr, "%s", half_load_log());
		return report_fail("%s", fail_text());
	}
	mode = s.mode == CTL_MODE_GENERIC ? "generic" : "native";
	if (o.json)
		print_json(&s, mode);
	else
		printf("%s: attached in %s mode, program id %u, pinned in %s\n", s.ifname, mode, s.prog_id, s.pin_path);
	return EXIT_DONE;
}
