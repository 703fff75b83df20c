// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* http_cond.c - dates, conditions and ranges. See http_cond.h. */
#include "cli/http_cond.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

const char *http_date(time_t t, char *out)
{
	struct tm tm;

	gmtime_r(&t, &tm);
	if (!strftime(out, HTTP_DATE, "%a, %d %b %Y %H:%M:%S GMT", &tm))
		out[0] = '\0';
	return out;
}

time_t http_date_parse(const struct http_str *text)
{
	static const char *const formats[] = {
		"%a, %d %b %Y %H:%M:%S GMT",
		"%A, %d-%b-%y %H:%M:%S GMT",
		"%a %b %d %H:%M:%S %Y",
	};
	char buf[64];

	if (text->len >= sizeof(buf))
		return -1;
	memcpy(buf, text->at, text->len);
	buf[text->len] = '\0';
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct tm tm = { 0 };
		const char *end = strptime(buf, formats[i], &tm);

		if (end && !*end)
			return timegm(&tm);
	}
	return -1;
}

/* Is etag in the list? weak: W/ in front does not matter (RFC 9110 8.8.3.2). */
static bool etag_listed(const struct http_str *list, const char *etag, bool weak)
{
	const char *p = list->at, *end = list->at + list->len;
	size_t len = strlen(etag);

	if (list->len == 1 && *p == '*')
		return true;
	while (p < end) {
		bool is_weak = false;
		const char *close;

		while (p < end && (*p == ' ' || *p == '\t' || *p == ','))
			p++;
		if (end - p > 2 && p[0] == 'W' && p[1] == '/') {
			is_weak = true;
			p += 2;
		}
		if (p >= end || *p != '"')
			return false;
		close = memchr(p + 1, '"', (size_t)(end - p - 1));
		if (!close)
			return false;
		if ((size_t)(close + 1 - p) == len && !memcmp(p, etag, len) && (weak || !is_weak))
			return true;
		p = close + 1;
	}
	return false;
}

int http_conditions(const struct http_request *r, const struct http_validators *v)
{
	time_t t;

	if (r->if_match.at) {
		if (!etag_listed(&r->if_match, v->etag, false))
			return 412;
	} else if (r->if_unmodified.at) {
		t = http_date_parse(&r->if_unmodified);
		if (t >= 0 && v->modified > t)
			return 412;
	}
	if (r->if_none_match.at)
		return etag_listed(&r->if_none_match, v->etag, true) ? 304 : 0;
	if (r->if_modified.at) {
		t = http_date_parse(&r->if_modified);
		if (t >= 0 && v->modified <= t)
			return 304;
	}
	return 0;
}

static bool if_range_holds(const struct http_request *r, const struct http_validators *v)
{
	if (!r->if_range.at)
		return true;
	if (memchr(r->if_range.at, '"', r->if_range.len))
		return etag_listed(&r->if_range, v->etag, false);
	return http_date_parse(&r->if_range) == v->modified;
}

/* Digits at *p; false when there are none. What is too large becomes UINT64_MAX. */
static bool digits(const char **p, const char *end, uint64_t *out)
{
	const char *start = *p;

	*out = 0;
	for (; *p < end && **p >= '0' && **p <= '9'; (*p)++) {
		if (*out > (UINT64_MAX - 9) / 10)
			*out = UINT64_MAX;
		else
			*out = *out * 10 + (uint64_t)(**p - '0');
	}
	return *p != start;
}

/* One "a-b", "a-" or "-n". 1 satisfiable, 0 not, -1 malformed. */
static int one_range(const char **p, const char *end, uint64_t size, uint64_t *first, uint64_t *len)
{
	uint64_t a, b;
	bool has_a = digits(p, end, &a), has_b;

	if (*p >= end || **p != '-')
		return -1;
	(*p)++;
	has_b = digits(p, end, &b);
	if (!has_a && !has_b)
		return -1;
	if (!has_a) {
		*len = b < size ? b : size;
		*first = size - *len;
		return *len > 0;
	}
	if (has_b && b < a)
		return -1;
	if (a >= size)
		return 0;
	*first = a;
	*len = (has_b && b < size ? b + 1 : size) - a;
	return 1;
}

int http_range(const struct http_request *r, const struct http_validators *v, uint64_t *first, uint64_t *len)
{
	const char *p, *end;
	unsigned int found = 0, seen = 0;

	*first = 0;
	*len = v->size;
	if (r->range.len < 7 || strncasecmp(r->range.at, "bytes=", 6) || r->is_head || !if_range_holds(r, v))
		return 200;
	end = r->range.at + r->range.len;
	for (p = r->range.at + 6; p < end;) {
		uint64_t a = 0, n = 0;
		int rc;

		while (p < end && (*p == ' ' || *p == '\t' || *p == ','))
			p++;
		if (p >= end)
			break;
		rc = one_range(&p, end, v->size, &a, &n);
		while (p < end && (*p == ' ' || *p == '\t'))
			p++;
		if (rc < 0 || (p < end && *p != ',')) {
			found = 2; /* malformed: as if it were not there */
			break;
		}
		seen++;
		if (rc && ++found == 1) {
			*first = a;
			*len = n;
		}
	}
	if (found == 1)
		return 206;
	*first = 0;
	*len = v->size;
	return found == 0 && seen && v->size ? 416 : 200;
}
