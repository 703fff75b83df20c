/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* reply.h - header blocks of HTTP answers. No I/O. */
#ifndef CLI_REPLY_H
#define CLI_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "cli/http.h"

#define REPLY_MAX (HTTP_TARGET_MAX + 1024u)

/* A header block under construction; what does not fit is left out whole, and full set. */
struct reply {
	char text[REPLY_MAX];
	size_t len;
	bool full;
};

/* Status line, Date and Server. date: as http_date() gives it. */
void reply_begin(struct reply *h, int status, const char *date);
void reply_bytes(struct reply *h, const char *at, size_t len);
void reply_add(struct reply *h, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "Content-Length: n", by hand: it is in every answer. */
void reply_length(struct reply *h, uint64_t n);
/* Connection, where it is not what the version implies, and the blank line. */
void reply_end(struct reply *h, bool http11, bool keep_alive);

/* "404 Not Found". */
const char *reply_status(int status);

#endif
