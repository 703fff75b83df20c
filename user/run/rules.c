// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* rules.c - see rules.h. */
#include "run/rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"
#include "lib/fail.h"

static bool number(const char *text, unsigned long max, unsigned long *out)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	*out = strtoul(text, &end, 10);
	return !*end && *out <= max;
}

/* Cut ":PORT" off, if it is there. False: what follows the colon is no port. */
static bool cut_port(char *text, uint16_t *port)
{
	char *colon = strrchr(text, ':'), *close = strchr(text, ']');
	unsigned long n;

	if (!colon || (close && colon < close) || (!close && strchr(text, ':') != colon))
		return true; /* none; or a bare IPv6 address */
	if (!number(colon + 1, 65535, &n) || !n)
		return false;
	*port = (uint16_t)n;
	*colon = 0;
	return true;
}

static bool parse_addr(char *text, struct run_rule *out)
{
	char *slash = strchr(text, '/'), *close = strchr(text, ']');
	unsigned long bits, most;

	if (slash)
		*slash = 0;
	if (*text == '[' && close) {
		*close = 0;
		text++;
	}
	if (addr_parse(text, &out->addr))
		return false;
	most = addr_is_v4(&out->addr) ? 32 : 128;
	bits = most;
	if (slash && !number(slash + 1, most, &bits))
		return false;
	out->bits = (uint8_t)(128 - most + bits);
	return true;
}

static int parse(const char *from, const char *text, struct run_rule *out)
{
	char copy[96];
	unsigned long port;

	if (number(text, 65535, &port) && port) {
		out->port = (uint16_t)port;
		return 0;
	}
	if (strlen(text) < sizeof(copy)) {
		snprintf(copy, sizeof(copy), "%s", text);
		if (cut_port(copy, &out->port) && (*copy ? parse_addr(copy, out) : out->port != 0))
			return 0;
	}
	return fail(EINVAL, "%s: '%s' is none of PORT, ADDR, ADDR/LEN, ADDR:PORT", from, text);
}

int rules_add(struct run_rules *to, const char *from, const char *text, bool exclude)
{
	struct run_rule one = { .exclude = exclude };
	int err = parse(from, text, &one);

	if (err)
		return err;
	if (to->n == RUN_RULES)
		return fail(EINVAL, "%s: %d rules at the most", from, RUN_RULES);
	to->rule[to->n++] = one;
	to->ports += !exclude;
	return 0;
}

static int add_list(struct run_rules *to, const char *variable, bool exclude)
{
	const char *list = getenv(variable);
	char *copy, *rest, *word;
	int err = 0;

	if (!list)
		return 0;
	copy = strdup(list);
	if (!copy)
		return fail(ENOMEM, "%s: no memory", variable);
	for (rest = copy; !err && (word = strsep(&rest, ", "));)
		if (*word)
			err = rules_add(to, variable, word, exclude);
	free(copy);
	return err;
}

int rules_of_environment(struct run_rules *out)
{
	int err;

	*out = (struct run_rules){ .n = 0 };
	err = add_list(out, "XTCP_PORT", false);
	return err ? err : add_list(out, "XTCP_EXCLUDE", true);
}

bool rules_allow(const struct run_rules *r, const struct xtcp_addr *addr, uint16_t port)
{
	bool named = !r->ports;

	for (uint32_t i = 0; i < r->n; i++) {
		const struct run_rule *u = &r->rule[i];

		if ((u->port && u->port != port) || !addr_in(addr, &u->addr, u->bits))
			continue;
		if (u->exclude)
			return false;
		named = true;
	}
	return named;
}
