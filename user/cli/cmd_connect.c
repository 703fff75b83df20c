// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* cmd_connect.c - xtcp connect: open a connection and carry stdin and stdout over it. */
#include "cli/cli.h"

#include <errno.h>
#include <string.h>

#include "cli/opts.h"
#include "cli/pump.h"
#include "cli/report.h"
#include "cli/start.h"
#include "cli/stop.h"
#include "lib/fail.h"

static const struct opts_use use = {
	.name = "connect",
	.takes = OPT_ENGINE | OPT_FASTOPEN,
	.needs = OPT_INTERFACE,
	.min_args = 1,
	.max_args = 1,
	.data_on_stdout = true,
};

/* Wait until c is open; json tells of a failure too. */
static int wait_open(struct xtcp *x, xtcp_conn c, const char *peer, bool json)
{
	struct xtcp_event ev[16];

	for (;;) {
		int n = xtcp_wait(x, ev, 16, -1);

		if (n < 0 && n != -EINTR)
			return report_engine(x, n);
		for (int i = 0; i < n; i++) {
			if (ev[i].handle != c)
				continue;
			if (ev[i].events & XTCP_EV_OPEN)
				return EXIT_DONE;
			if (!(ev[i].events & XTCP_EV_ERROR))
				continue;
			report_fail("%s: %s", peer, report_error(ev[i].error));
			if (json)
				report_conn_json(x, c, "error");
			return EXIT_FAILED;
		}
		if (stop_asked())
			return report_fail("interrupted");
	}
}

int cmd_connect(int argc, char **argv)
{
	struct opts o;
	struct session s;
	struct xtcp_addr addr;
	struct sockaddr_storage remote;
	bool has_addr;
	uint16_t port;
	xtcp_conn c;
	char peer[ADDR_TEXT];
	int rc = opts_parse(&o, &use, argc, argv);

	if (rc != OPTS_GO)
		return rc;
	if (addr_port_parse(o.argv[0], &addr, &port, &has_addr))
		return opts_bad(&use, "%s", fail_text());
	if (!has_addr)
		return opts_bad(&use, "'%s': give ADDR:PORT", o.argv[0]);
	rc = start_engine(&s, &o);
	if (rc != EXIT_DONE)
		return rc;
	remote = report_sockaddr(&addr, port);
	if (xtcp_connect(s.x, (struct sockaddr *)&remote, NULL, NULL, &c) < 0)
		rc = report_fail("%s", xtcp_errmsg());
	else if (o.fastopen) /* the SYN waits for stdin, so the pump opens it */
		rc = xtcp_setopt(s.x, c, XTCP_FASTOPEN_CONNECT, 1) < 0 ? report_fail("%s", xtcp_errmsg()) : EXIT_DONE;
	else
		rc = wait_open(s.x, c, addr_port_text(&addr, port, peer), o.json);
	if (rc == EXIT_DONE)
		rc = pump_run(s.x, c, o.json);
	start_undo(&s);
	return rc;
}
