// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* reply.c - header blocks of HTTP answers. See reply.h. */
#include "cli/reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *reply_status(int status)
{
	switch (status) {
	case 200: return "200 OK";
	case 206: return "206 Partial Content";
	case 301: return "301 Moved Permanently";
	case 304: return "304 Not Modified";
	case 400: return "400 Bad Request";
	case 403: return "403 Forbidden";
	case 404: return "404 Not Found";
	case 405: return "405 Method Not Allowed";
	case 408: return "408 Request Timeout";
	case 412: return "412 Precondition Failed";
	case 413: return "413 Content Too Large";
	case 414: return "414 URI Too Long";
	case 416: return "416 Range Not Satisfiable";
	case 431: return "431 Request Header Fields Too Large";
	case 501: return "501 Not Implemented";
	case 503: return "503 Service Unavailable";
	case 505: return "505 HTTP Version Not Supported";
	default: return "500 Internal Server Error";
	}
}

void reply_bytes(struct reply *h, const char *at, size_t len)
{
	if (len > sizeof(h->text) - h->len) {
		h->full = true;
		return;
	}
	memcpy(h->text + h->len, at, len);
	h->len += len;
}

static void text(struct reply *h, const char *s)
{
	reply_bytes(h, s, strlen(s));
}

void reply_add(struct reply *h, const char *fmt, ...)
{
	size_t room = sizeof(h->text) - h->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(h->text + h->len, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room)
		h->full = true;
	else
		h->len += (size_t)n;
}

void reply_begin(struct reply *h, int status, const char *date)
{
	h->len = 0;
	h->full = false;
	text(h, "HTTP/1.1 ");
	text(h, reply_status(status));
	text(h, "\r\nServer: xtcp\r\nDate: ");
	text(h, date);
	text(h, "\r\n");
}

void reply_length(struct reply *h, uint64_t n)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	text(h, "Content-Length: ");
	reply_bytes(h, digits + at, sizeof(digits) - at);
	text(h, "\r\n");
}

void reply_end(struct reply *h, bool http11, bool keep_alive)
{
	if (!keep_alive)
		text(h, "Connection: close\r\n");
	else if (!http11)
		text(h, "Connection: keep-alive\r\n");
	text(h, "\r\n");
}
