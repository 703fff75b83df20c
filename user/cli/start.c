// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* start.c - opening and closing the engine for a subcommand. See start.h. */
#include "cli/start.h"

#include <string.h>

#include "cli/ao.h"
#include "cli/md5.h"
#include "cli/report.h"
#include "cli/stop.h"

#define FASTOPEN_PENDING 256

/* A fallback is always told; the rest with -v. */
static void tell_mode(struct xtcp *x, bool verbose, bool bulk)
{
	struct xtcp_engine_info i;

	memset(&i, 0, sizeof(i));
	xtcp_engine_info(x, &i);
	if (i.mode_why && *i.mode_why)
		fprintf(stderr, "xtcp: %s: %s generic XDP: %s\n", i.ifname, bulk ? "chose" : "fell back to",
			i.mode_why);
	if (verbose && *i.no_busy_poll_why)
		fprintf(stderr, "xtcp: %s: the device is not polled: %s\n", i.ifname, i.no_busy_poll_why);
	else if (verbose)
		fprintf(stderr, "xtcp: %s: the device is polled in place of its interrupts\n", i.ifname);
	if (verbose)
		fprintf(stderr, "xtcp: %s: checksums are %s%s\n", i.ifname,
			*i.no_tx_csum_why ? "summed while copying: "
			: i.zero_copy	  ? "left to the device"
					  : "left to the kernel",
			i.no_tx_csum_why);
	if (verbose && *i.no_supers_why)
		fprintf(stderr, "xtcp: %s: no super-segments are sent: %s\n", i.ifname, i.no_supers_why);
	else if (verbose)
		fprintf(stderr, "xtcp: %s: bulk is sent in super-segments\n", i.ifname);
	if (verbose)
		fprintf(stderr, "xtcp: %s: %s XDP, %s%s, %u queue%s, MTU %u, chunks of %u bytes%s\n", i.ifname,
			i.mode == XTCP_MODE_GENERIC ? "generic" : "native", i.zero_copy ? "zero-copy" : "copy",
			i.multi_buffer ? ", multi-buffer" : "", i.queues, i.queues == 1 ? "" : "s", i.mtu,
			i.chunk_bytes, i.link_up ? "" : ", link down");
}

/* EXIT_DONE, or it has been told what is wrong. */
static int add_keys(struct xtcp *x, const struct opts *o)
{
	for (uint32_t i = 0; i < o->md5s; i++)
		if (md5_add(x, o->md5[i]) < 0)
			return report_fail("--md5: %s", xtcp_errmsg());
	for (uint32_t i = 0; i < o->aos; i++)
		if (ao_add(x, o->ao[i]) < 0)
			return report_fail("--ao: %s", xtcp_errmsg());
	return EXIT_DONE;
}

int start_engine_beside(struct session *s, const struct opts *o, struct xtcp *first)
{
	int err = stop_install();

	*s = (struct session){ .opts = o };
	if (err)
		return report_fail("cannot take signals: %s", strerror(-err));
	if ((first ? xtcp_join(&s->x, first, &o->conf) : xtcp_open(&s->x, &o->conf)) < 0)
		return report_fail("%s", xtcp_errmsg());
	err = add_keys(s->x, o);
	if (err) {
		start_undo(s);
		return err;
	}
	stop_wakes(s->x);
	if (!first || o->verbose)
		tell_mode(s->x, o->verbose, o->conf.prefer == XTCP_PREFER_BULK);
	if (o->trace) {
		trace_init(&s->trace);
		xtcp_set_trace(s->x, trace_segment, &s->trace);
	}
	return EXIT_DONE;
}

int start_engine(struct session *s, const struct opts *o)
{
	return start_engine_beside(s, o, NULL);
}

static const struct xtcp_addr any;

int start_listening_quietly(struct session *s, const struct xtcp_addr *addr, uint16_t port, xtcp_listener *out)
{
	struct sockaddr_storage ss = report_sockaddr(addr ? addr : &any, port);
	struct xtcp_listen_opts lo = { .size = sizeof(lo), .fastopen = s->opts->fastopen ? FASTOPEN_PENDING : 0 };

	if (xtcp_listen(s->x, addr ? (struct sockaddr *)&ss : NULL, port, &lo, out) < 0)
		return report_fail("%s", xtcp_errmsg());
	return EXIT_DONE;
}

void start_tell_listening(const struct session *s, const struct xtcp_addr *addr, uint16_t port)
{
	struct sockaddr_storage ss = report_sockaddr(addr ? addr : &any, port);
	char text[ADDR_TEXT];

	fprintf(stderr, "xtcp: listening on %s, %s\n", s->opts->conf.ifname, report_addr(&ss, text));
}

int start_listening(struct session *s, const struct xtcp_addr *addr, uint16_t port, xtcp_listener *out)
{
	int rc = start_listening_quietly(s, addr, port, out);

	if (rc == EXIT_DONE)
		start_tell_listening(s, addr, port);
	return rc;
}

void start_undo(struct session *s)
{
	stop_forgets(s->x);
	xtcp_destroy(s->x);
	s->x = NULL;
}
