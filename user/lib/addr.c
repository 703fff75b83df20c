// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* addr.c - addresses to text and back. See addr.h. */
#include "lib/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/fail.h"

bool addr_is_multicast(const struct xtcp_addr *a)
{
	if (addr_is_v4(a))
		return (a->b[12] & 0xf0) == 0xe0 || a->w[3] == 0xffffffffu;
	return a->b[0] == 0xff;
}

bool addr_is_loopback(const struct xtcp_addr *a)
{
	if (addr_is_v4(a))
		return a->b[12] == 127;
	return a->d[0] == 0 && a->w[2] == 0 && a->w[3] == htonl(1);
}

const char *addr_text(const struct xtcp_addr *a, char *out)
{
	if (addr_is_v4(a))
		inet_ntop(AF_INET, &a->w[3], out, ADDR_TEXT);
	else
		inet_ntop(AF_INET6, a->b, out, ADDR_TEXT);
	return out;
}

const char *addr_port_text(const struct xtcp_addr *a, uint16_t port, char *out)
{
	char host[ADDR_TEXT];

	addr_text(a, host);
	snprintf(out, ADDR_TEXT, addr_is_v4(a) ? "%.45s:%u" : "[%.45s]:%u", host, port);
	return out;
}

int addr_parse(const char *text, struct xtcp_addr *out)
{
	struct in_addr v4;

	if (inet_pton(AF_INET, text, &v4) == 1) {
		*out = addr_from_v4(v4.s_addr);
		return 0;
	}
	return inet_pton(AF_INET6, text, out->b) == 1 ? 0 : -EINVAL;
}

static int parse_port(const char *text, const char *whole, uint16_t *port)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || n < 1 || n > 65535)
		return fail(EINVAL, "'%s': '%s' is no port; give a number from 1 to 65535", whole, text);
	*port = (uint16_t)n;
	return 0;
}

int addr_port_parse(const char *text, struct xtcp_addr *out, uint16_t *port, bool *has_addr)
{
	const char *colon = strrchr(text, ':');
	char host[ADDR_TEXT];
	size_t len;

	memset(out, 0, sizeof(*out));
	*has_addr = colon != NULL;
	if (!colon)
		return parse_port(text, text, port);
	len = (size_t)(colon - text);
	if (text[0] == '[' && len >= 2 && text[len - 1] == ']') {
		text++;
		len -= 2;
	} else if (memchr(text, ':', len)) {
		return fail(EINVAL, "'%s': put an IPv6 address in brackets: [ADDR]:PORT", text);
	}
	if (len >= sizeof(host))
		return fail(EINVAL, "'%s' is no address; give ADDR:PORT or [ADDR]:PORT", text);
	memcpy(host, text, len);
	host[len] = '\0';
	if (addr_parse(host, out))
		return fail(EINVAL, "'%s' is no IPv4 or IPv6 address; give ADDR:PORT or [ADDR]:PORT", host);
	return parse_port(colon + 1, text, port);
}
