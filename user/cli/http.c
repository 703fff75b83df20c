// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* http.c - HTTP/1.x requests, by libhttp-parser. See http.h. */
#include "cli/http.h"

#include <http_parser.h>
#include <string.h>
#include <strings.h>

size_t http_head_len(const char *buf, size_t len, uint32_t *scanned)
{
	size_t i = *scanned, begin = 0;

	while (begin < len && (buf[begin] == '\r' || buf[begin] == '\n'))
		begin++;
	if (i < begin)
		i = begin;
	while (i < len) {
		const char *nl = memchr(buf + i, '\n', len - i);
		size_t at;

		if (!nl)
			break;
		at = (size_t)(nl - buf) + 1;
		if (at < len && buf[at] == '\n')
			return at + 1;
		if (at + 1 < len && buf[at] == '\r' && buf[at + 1] == '\n')
			return at + 2;
		if (at + 1 >= len) {
			/* The next line may be the blank one: look at this newline again. */
			*scanned = (uint32_t)(at - 1);
			return 0;
		}
		i = at;
	}
	*scanned = (uint32_t)len;
	return 0;
}

/* What the callbacks share. */
struct ctx {
	struct http_request *r;
	struct http_str name; /* of the current field; NULL once it has a value */
	unsigned int hosts;
	int status; /* refuse with this; 0 go on */
	bool get_or_head;
};

static bool is_tchar(unsigned char ch)
{
	return (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
	       (ch && strchr("!#$%&'*+-.^_`|~", ch));
}

static int on_url(http_parser *p, const char *at, size_t len)
{
	struct ctx *c = p->data;

	c->r->target = (struct http_str){ at, len };
	return 0;
}

static int on_field(http_parser *p, const char *at, size_t len)
{
	struct ctx *c = p->data;

	c->name = (struct http_str){ at, len };
	for (size_t i = 0; i < len; i++)
		if (!is_tchar((unsigned char)at[i]))
			c->status = 400; /* a blank before the colon, for one (RFC 9112 5.1) */
	return 0;
}

static struct http_str *slot_of(struct http_request *r, const struct http_str *name)
{
	static const struct {
		const char *name;
		size_t len, slot;
	} known[] = {
		{ "range", 5, offsetof(struct http_request, range) },
		{ "if-range", 8, offsetof(struct http_request, if_range) },
		{ "if-match", 8, offsetof(struct http_request, if_match) },
		{ "if-none-match", 13, offsetof(struct http_request, if_none_match) },
		{ "if-modified-since", 17, offsetof(struct http_request, if_modified) },
		{ "if-unmodified-since", 19, offsetof(struct http_request, if_unmodified) },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].len == name->len && !strncasecmp(known[i].name, name->at, name->len))
			return (struct http_str *)((char *)r + known[i].slot);
	return NULL;
}

static bool is_name(const struct http_str *name, const char *text, size_t len)
{
	return name->len == len && !strncasecmp(name->at, text, len);
}

static int on_value(http_parser *p, const char *at, size_t len)
{
	struct ctx *c = p->data;
	struct http_str *slot;

	if (!c->name.at) {
		/* A second piece of one value: a folded line (RFC 9112 5.2). */
		c->status = 400;
		return 0;
	}
	while (len && (at[len - 1] == ' ' || at[len - 1] == '\t'))
		len--;
	slot = slot_of(c->r, &c->name);
	if (slot)
		*slot = (struct http_str){ at, len };
	else if (is_name(&c->name, "host", 4))
		c->hosts++;
	else if (is_name(&c->name, "expect", 6))
		c->r->expect = true;
	c->name.at = NULL;
	return 0;
}

/* 1: the parser takes the message to end here; bodies are the caller's. */
static int on_headers_complete(http_parser *p)
{
	struct ctx *c = p->data;
	struct http_request *r = c->r;

	r->is_head = p->method == HTTP_HEAD;
	r->http11 = p->http_major == 1 && p->http_minor >= 1;
	r->keep_alive = http_should_keep_alive(p) != 0;
	r->coded_body = p->uses_transfer_encoding;
	r->body = p->flags & F_CONTENTLENGTH ? p->content_length : 0;
	c->get_or_head = p->method == HTTP_GET || p->method == HTTP_HEAD;
	if (p->http_major != 1)
		c->status = 505;
	else if (!c->status && r->coded_body && !(p->flags & F_CHUNKED))
		c->status = 501; /* a transfer coding that we do not know (RFC 9112 6.1) */
	return 1;
}

static const http_parser_settings settings = {
	.on_url = on_url,
	.on_header_field = on_field,
	.on_header_value = on_value,
	.on_headers_complete = on_headers_complete,
};

/* A request line of the right form with a method that nobody knows is 501, not 400 (RFC 9110 9.1). */
static int unknown_method(const char *buf, size_t len)
{
	const char *nl = memchr(buf, '\n', len);
	size_t line = nl ? (size_t)(nl - buf) : len, i = 0;

	while (i < line && is_tchar((unsigned char)buf[i]))
		i++;
	return i > 0 && i < line && buf[i] == ' ' && memmem(buf + i, line - i, " HTTP/1.", 8) ? 501 : 400;
}

static int parser_status(const http_parser *p, const char *buf, size_t len)
{
	switch (HTTP_PARSER_ERRNO(p)) {
	case HPE_INVALID_METHOD: return unknown_method(buf, len);
	case HPE_HEADER_OVERFLOW: return 431;
	case HPE_INVALID_TRANSFER_ENCODING: return 501;
	default: return 400;
	}
}

int http_parse(const char *buf, size_t len, struct http_request *r)
{
	struct ctx c = { .r = r };
	http_parser p;
	size_t used;

	memset(r, 0, sizeof(*r));
	while (len && (*buf == '\r' || *buf == '\n')) {
		buf++;
		len--;
	}
	http_parser_init(&p, HTTP_REQUEST);
	p.data = &c;
	used = http_parser_execute(&p, &settings, buf, len);
	if (HTTP_PARSER_ERRNO(&p) != HPE_OK || (used != len && !p.upgrade)) {
		/* Where the request ends is not known now. */
		r->keep_alive = false;
		return parser_status(&p, buf, len);
	}
	if (c.status)
		return c.status;
	if (c.hosts > 1 || (r->http11 && c.hosts == 0))
		return 400; /* RFC 9112 3.2 */
	if (r->target.len > HTTP_TARGET_MAX)
		return 414;
	if (r->body > HTTP_BODY_MAX)
		return 413;
	return c.get_or_head ? 0 : 405;
}

static int hex(char ch)
{
	if (ch >= '0' && ch <= '9')
		return ch - '0';
	ch |= 0x20;
	return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

/* The path of "/a/b?q" or "http://host/a/b?q"; false when the target has none ("*", an authority). */
static bool path_of(const struct http_str *target, struct http_str *path)
{
	const char *p = target->at, *end = p + target->len, *stop;

	if (!target->len)
		return false;
	if (*p != '/') {
		p = memmem(p, target->len, "://", 3);
		if (!p)
			return false;
		p = memchr(p + 3, '/', (size_t)(end - p - 3));
	}
	*path = p ? (struct http_str){ p, (size_t)(end - p) } : (struct http_str){ "/", 1 };
	for (stop = path->at; stop < path->at + path->len && *stop != '?' && *stop != '#'; stop++)
		;
	path->len = (size_t)(stop - path->at);
	return true;
}

int http_path(const struct http_str *target, char *out)
{
	struct http_str path;
	size_t n = 0;

	if (!path_of(target, &path))
		return 400;
	if (path.len > HTTP_TARGET_MAX)
		return 414;
	for (size_t i = 0; i < path.len; i++) {
		char ch = path.at[i];

		if (ch == '/') {
			if (n && out[n - 1] != '/')
				out[n++] = '/';
			continue;
		}
		if (ch == '%') {
			int hi = i + 2 < path.len ? hex(path.at[i + 1]) : -1;
			int lo = i + 2 < path.len ? hex(path.at[i + 2]) : -1;

			if (hi < 0 || lo < 0 || (hi | lo) == 0)
				return 400;
			ch = (char)(hi << 4 | lo);
			i += 2;
			if (ch == '/')
				return 404; /* no file name has a slash in it */
		}
		if (ch == '.' && (n == 0 || out[n - 1] == '/'))
			return 404;
		out[n++] = ch;
	}
	out[n] = '\0';
	return 0;
}
