/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * http.h - HTTP/1.x requests: where a header block ends, what it asks for, and
 * which file its target names (RFC 9112, RFC 9110). No I/O; nothing allocated:
 * strings point into the caller's buffer.
 */
#ifndef CLI_HTTP_H
#define CLI_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_HEAD_MAX (16u * 1024)   /* header block, bytes */
#define HTTP_TARGET_MAX 4000u	     /* request target, bytes */
#define HTTP_BODY_MAX (1024u * 1024) /* request body that is read and thrown away */

struct http_str {
	const char *at; /* NULL: not there */
	size_t len;
};

struct http_request {
	bool is_head;
	bool http11;
	bool keep_alive;
	bool coded_body; /* Transfer-Encoding: no telling where the body ends without decoding */
	bool expect;	 /* Expect: 100-continue */
	uint64_t body;	 /* Content-Length; 0 without */
	struct http_str target;
	struct http_str range, if_range, if_match, if_none_match, if_modified, if_unmodified;
};

/*
 * Length of the header block with its blank line, 0 while it is incomplete.
 * *scanned (0 at first) remembers how far earlier calls came; blank lines
 * before the request line count as part of the block (RFC 9112 2.2).
 */
size_t http_head_len(const char *buf, size_t len, uint32_t *scanned);

/* Parse one whole header block. 0, or the status to refuse with; what was understood of r is valid then too. */
int http_parse(const char *buf, size_t len, struct http_request *r);

/*
 * Decode the path of a target into out, of HTTP_TARGET_MAX + 1 bytes, relative
 * and without leading slashes; "" is the root. 0, 400 malformed, 404 hidden
 * (a name that begins with a dot) or not a name, 414 too long.
 */
int http_path(const struct http_str *target, char *out);

#endif
