// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* source.c - a list of addresses, or a prefix. See source.h. */
#include "cli/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report.h"
#include "lib/fail.h"

static int add(struct sockaddr_storage *list, uint32_t *count, const struct xtcp_addr *a)
{
	if (*count == SOURCE_MAX)
		return fail(EINVAL, "--source: more than %d addresses", SOURCE_MAX);
	list[(*count)++] = report_sockaddr(a, 0);
	return 0;
}

static int add_text(struct sockaddr_storage *list, uint32_t *count, const char *text)
{
	struct xtcp_addr a;

	if (addr_parse(text, &a))
		return fail(EINVAL, "--source: '%s' is no IPv4 or IPv6 address", text);
	return add(list, count, &a);
}

static int add_prefix(struct sockaddr_storage *list, uint32_t *count, const char *text, const char *len)
{
	char *end;
	unsigned long bits = strtoul(len, &end, 10);
	uint32_t hosts, least, from, to;
	struct xtcp_addr a;
	int rc = 0;

	if (addr_parse(text, &a))
		return fail(EINVAL, "--source: '%s' is no IPv4 or IPv6 address", text);
	least = addr_is_v4(&a) ? 26 : 122; /* 64 addresses */
	if (*len < '0' || *len > '9' || *end || bits < least || bits > least + 6)
		return fail(EINVAL, "--source: '%s/%s': the prefix has %u to %u bits, for at most %d addresses", text,
			    len, least, least + 6, SOURCE_MAX);
	hosts = 1u << (least + 6 - bits);
	from = hosts > 2;
	to = hosts > 2 && addr_is_v4(&a) ? hosts - 1 : hosts;
	a.b[15] &= (uint8_t) ~(hosts - 1);
	for (uint32_t i = from; i < to && rc == 0; i++) {
		struct xtcp_addr one = a;

		one.b[15] |= (uint8_t)i;
		rc = add(list, count, &one);
	}
	return rc;
}

int source_parse(const char *text, struct sockaddr_storage **out, uint32_t *count)
{
	struct sockaddr_storage *list;
	char *copy, *slash, *at = NULL;
	int rc = 0;

	*out = NULL;
	*count = 0;
	if (!text)
		return 0;
	list = calloc(SOURCE_MAX, sizeof(*list));
	copy = strdup(text);
	if (!list || !copy) {
		fail(ENOMEM, "no memory");
		rc = -ENOMEM;
		goto out_free;
	}
	slash = strchr(copy, '/');
	if (slash) {
		*slash = '\0';
		rc = add_prefix(list, count, copy, slash + 1);
	} else {
		for (char *w = strtok_r(copy, ",", &at); w && rc == 0; w = strtok_r(NULL, ",", &at))
			rc = add_text(list, count, w);
	}
	if (rc == 0 && !*count)
		rc = fail(EINVAL, "--source: '%s' names no address", text);
	if (rc == 0)
		*out = list;
out_free:
	free(copy);
	if (rc != 0)
		free(list);
	return rc;
}
