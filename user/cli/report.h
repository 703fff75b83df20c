/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* report.h - what the user reads: failures, addresses, and --json summaries. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include "cli/cli.h"
#include "lib/addr.h"

/* Print "xtcp: TEXT"; returns EXIT_FAILED. */
int report_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* From now on only the first failure is told: where several threads end together, the others follow from it. */
void report_first_only(void);

/* The engine failed with err, a negative errno; returns EXIT_FAILED. */
int report_engine(struct xtcp *x, int err);

/* What ended a connection, as people say it: "connection refused". err is a positive errno. */
const char *report_error(int err);

/* "10.9.0.2:80", "[fd09::2]:80", "*:80" for no address; into out of ADDR_TEXT bytes. Returns out. */
const char *report_addr(const struct sockaddr_storage *ss, char *out);

/* The socket address of addr and port (host order). */
struct sockaddr_storage report_sockaddr(const struct xtcp_addr *addr, uint16_t port);

/* An object on a line of its own; it is freed. */
struct json_t;
void report_json(FILE *to, struct json_t *o);

/* The engine's counters that are not 0, by name. */
struct json_t *report_counters(struct xtcp *x);

/* One connection as a JSON object on stderr (stdout carries its data). result: "closed", "reset", ... */
void report_conn_json(struct xtcp *x, xtcp_conn c, const char *result);

/* What a server did, at its end. */
struct report_server {
	uint64_t conns, errors, bytes_in, bytes_out;
	uint64_t requests; /* HTTP only */
	bool http;
	struct json_t *engines; /* what engines_json() tells; NULL: nothing */
};
/* What several did together. */
void report_server_add(struct report_server *sum, const struct report_server *one);
/* Where a server's summary goes: stdout, unless the capture has it. */
FILE *report_summary_to(const struct xtcp_conf *conf);
void report_server_json(FILE *to, const struct report_server *s);

#endif
