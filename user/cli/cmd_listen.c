// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* cmd_listen.c - xtcp listen: accept one connection and carry stdin and stdout over it. */
#include "cli/cli.h"

#include <errno.h>

#include "cli/opts.h"
#include "cli/pump.h"
#include "cli/report.h"
#include "cli/start.h"
#include "cli/stop.h"
#include "lib/fail.h"

static const struct opts_use use = {
	.name = "listen",
	.takes = OPT_ENGINE | OPT_FASTOPEN,
	.needs = OPT_INTERFACE,
	.min_args = 1,
	.max_args = 1,
	.data_on_stdout = true,
};

/* Wait for the one connection. */
static int accept_one(struct xtcp *x, xtcp_listener l, xtcp_conn *out)
{
	struct xtcp_event ev[16];

	for (;;) {
		int n = xtcp_accept(x, l, out);

		if (n == 0)
			return EXIT_DONE;
		if (n != -EAGAIN)
			return report_fail("%s", xtcp_errmsg());
		if (stop_asked())
			return report_fail("interrupted");
		n = xtcp_wait(x, ev, 16, -1);
		if (n < 0 && n != -EINTR)
			return report_engine(x, n);
	}
}

int cmd_listen(int argc, char **argv)
{
	struct opts o;
	struct session s;
	struct xtcp_addr addr;
	bool has_addr;
	uint16_t port;
	xtcp_listener l;
	xtcp_conn c;
	int rc = opts_parse(&o, &use, argc, argv);

	if (rc != OPTS_GO)
		return rc;
	if (addr_port_parse(o.argv[0], &addr, &port, &has_addr))
		return opts_bad(&use, "%s", fail_text());
	rc = start_engine(&s, &o);
	if (rc != EXIT_DONE)
		return rc;
	rc = start_listening(&s, has_addr ? &addr : NULL, port, &l);
	if (rc == EXIT_DONE)
		rc = accept_one(s.x, l, &c);
	if (rc == EXIT_DONE) {
		/* One only: whoever comes now is refused. */
		xtcp_listen_close(s.x, l);
		rc = pump_run(s.x, c, o.json);
	}
	start_undo(&s);
	return rc;
}
