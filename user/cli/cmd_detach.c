// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* cmd_detach.c - xtcp detach: undo xtcp attach. */
#include "cli/cli.h"

#include "cli/opts.h"
#include "cli/report.h"
#include "ctl/ctl.h"
#include "lib/fail.h"

static const struct opts_use use = {
	.name = "detach",
	.takes = OPT_INTERFACE,
	.needs = OPT_INTERFACE,
};

int cmd_detach(int argc, char **argv)
{
	struct opts o;
	int rc = opts_parse(&o, &use, argc, argv);

	if (rc != OPTS_GO)
		return rc;
	return ctl_detach_pinned(o.conf.ifname) ? report_fail("%s", fail_text()) : EXIT_DONE;
}
