/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* http_cond.h - dates, conditions and ranges of a request for a file (RFC 9110 5.6.7, 13, 14). No I/O. */
#ifndef CLI_HTTP_COND_H
#define CLI_HTTP_COND_H

#include <time.h>
#include "cli/http.h"

#define HTTP_DATE 32 /* "Sun, 06 Nov 1994 08:49:37 GMT" and its end */

/* What conditions are held against. */
struct http_validators {
	const char *etag; /* strong, with its quotes */
	time_t modified;
	uint64_t size;
};

/* The date as text, into out of HTTP_DATE bytes; returns out. */
const char *http_date(time_t t, char *out);
/* Any of the three formats that RFC 9110 5.6.7 names; -1 if it is none. */
time_t http_date_parse(const struct http_str *text);

/* RFC 9110 13.2.2: 0 go on, 304 or 412. */
int http_conditions(const struct http_request *r, const struct http_validators *v);

/*
 * The part of the file that is asked for: 200 all of it, 206 from *first *len
 * bytes, 416 no such part. Several satisfiable ranges are answered with the
 * whole, as RFC 9110 14.2 permits.
 */
int http_range(const struct http_request *r, const struct http_validators *v, uint64_t *first, uint64_t *len);

#endif
