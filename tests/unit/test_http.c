// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_http.c - requests, paths, conditions and ranges of xtcp serve. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cli/http.c"
#include "cli/http_cond.c"
#include "cli/mime.c"
#include "cli/reply.c"

#define REQ "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
#define N(a) (sizeof(a) / sizeof((a)[0]))

static int parse(const char *text, struct http_request *r)
{
	return http_parse(text, strlen(text), r);
}

static void test_head_len_any_split_finds_the_blank_line(void **state)
{
	const char *const all[] = { REQ "GET", "GET / HTTP/1.1\nHost: x\n\n", "\r\n\r\n" REQ };
	const size_t want[] = { sizeof(REQ) - 1, 24, sizeof(REQ) - 1 + 4 };

	for (size_t i = 0; i < N(all); i++) {
		for (size_t step = 1; step < 9; step++) {
			uint32_t scanned = 0;
			size_t len = 0, got = 0;

			while (!got && len < strlen(all[i])) {
				len = len + step < strlen(all[i]) ? len + step : strlen(all[i]);
				got = http_head_len(all[i], len, &scanned);
			}
			assert_int_equal(got, want[i]);
			assert_true(len < want[i] + step);
		}
	}
}

static void test_head_len_incomplete_is_zero(void **state)
{
	uint32_t scanned = 0;

	for (size_t len = 0; len < sizeof(REQ) - 1; len++)
		assert_int_equal(http_head_len(REQ, len, &scanned), 0);
	assert_int_equal(http_head_len(REQ, sizeof(REQ) - 1, &scanned), sizeof(REQ) - 1);
}

static void test_parse_fields_are_found_whatever_their_case(void **state)
{
	struct http_request r;

	assert_int_equal(parse("HEAD /x?y HTTP/1.1\r\nHOST: x\r\nrAnGe: bytes=0-1 \r\nIf-None-Match: \"e\"\r\n"
			       "Content-Length: 7\r\n\r\n",
			       &r),
			 0);
	assert_true(r.is_head && r.http11 && r.keep_alive);
	assert_int_equal(r.body, 7);
	assert_memory_equal(r.target.at, "/x?y", r.target.len);
	assert_int_equal(r.range.len, 9);
	assert_memory_equal(r.range.at, "bytes=0-1", 9);
	assert_int_equal(r.if_none_match.len, 3);
	assert_null(r.if_match.at);
}

static void test_parse_keep_alive_follows_version_and_connection(void **state)
{
	struct http_request r;

	assert_int_equal(parse("GET / HTTP/1.0\r\n\r\n", &r), 0);
	assert_false(r.keep_alive);
	assert_int_equal(parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", &r), 0);
	assert_true(r.keep_alive);
	assert_int_equal(parse("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &r), 0);
	assert_false(r.keep_alive);
}

static void test_parse_refusals_have_their_status(void **state)
{
	static const struct {
		const char *text;
		int status;
	} cases[] = {
		{ "POST / HTTP/1.1\r\nHost: x\r\n\r\n", 405 },
		{ "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 405 },
		{ "BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 501 },
		{ "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: foo\r\n\r\n", 501 },
		{ "GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505 },
		{ "GET / HTTP/1.1\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n", 413 },
		{ "garbage\r\n\r\n", 400 },
		{ "\x16\x03\x01\r\n\r\n", 400 },
	};
	struct http_request r;

	for (size_t i = 0; i < N(cases); i++)
		if (parse(cases[i].text, &r) != cases[i].status)
			fail_msg("%s: %d, not %d", cases[i].text, parse(cases[i].text, &r), cases[i].status);
}

static void test_parse_every_prefix_and_flip_is_survived(void **state)
{
	static const char whole[] = "\r\nGET http://h/a%20b?c HTTP/1.1\r\nHost: x\r\nRange: bytes=1-2,4-\r\n\r\n";
	struct http_request r;
	char *copy, path[HTTP_TARGET_MAX + 1];

	for (size_t len = 0; len < sizeof(whole); len++) {
		for (int flip = 0; flip < 256; flip += 5) {
			copy = test_malloc(len + 1); /* its end is watched */
			memcpy(copy, whole, len);
			if (len)
				copy[len - 1] = (char)(copy[len - 1] ^ flip);
			http_parse(copy, len, &r);
			if (r.target.at)
				http_path(&r.target, path);
			test_free(copy);
		}
	}
}

static void test_path_decodes_and_hides(void **state)
{
	static const struct {
		const char *target, *path;
		int status;
	} cases[] = {
		{ "/", "", 0 },
		{ "/a/b.txt?q=/../x", "a/b.txt", 0 },
		{ "//a///b/", "a/b/", 0 },
		{ "/a%20%C3%a4", "a \xc3\xa4", 0 },
		{ "/a..b/c.", "a..b/c.", 0 },
		{ "http://host:80/x", "x", 0 },
		{ "http://host", "", 0 },
		{ "*", NULL, 400 },
		{ "host:80", NULL, 400 },
		{ "/%", NULL, 400 },
		{ "/%4", NULL, 400 },
		{ "/%gg", NULL, 400 },
		{ "/a%00b", NULL, 400 },
		{ "/..", NULL, 404 },
		{ "/a/../b", NULL, 404 },
		{ "/%2e%2E/etc", NULL, 404 },
		{ "/a%2fb", NULL, 404 },
		{ "/.git/config", NULL, 404 },
	};
	char out[HTTP_TARGET_MAX + 1];

	for (size_t i = 0; i < N(cases); i++) {
		struct http_str t = { cases[i].target, strlen(cases[i].target) };

		assert_int_equal(http_path(&t, out), cases[i].status);
		if (cases[i].path)
			assert_string_equal(out, cases[i].path);
	}
}

static void test_date_three_formats_are_one_time(void **state)
{
	static const char *const texts[] = { "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
					     "Sun Nov  6 08:49:37 1994" };
	char out[HTTP_DATE];

	for (size_t i = 0; i < N(texts); i++) {
		struct http_str s = { texts[i], strlen(texts[i]) };

		assert_int_equal(http_date_parse(&s), 784111777);
	}
	assert_int_equal(http_date_parse(&(struct http_str){ "yesterday", 9 }), -1);
	assert_string_equal(http_date(784111777, out), texts[0]);
}

static const struct http_validators ten = { "\"e\"", 784111777, 10 };

static int range(const char *text, uint64_t size, uint64_t *first, uint64_t *len)
{
	struct http_request r = { .range = { text, strlen(text) } };
	struct http_validators v = { "\"e\"", 0, size };

	return http_range(&r, &v, first, len);
}

static void test_range_gives_status_and_part(void **state)
{
	static const struct {
		const char *text;
		int status;
		uint64_t first, len;
	} cases[] = {
		{ "bytes=0-0", 206, 0, 1 },
		{ "bytes=9-", 206, 9, 1 },
		{ "bytes=-4", 206, 6, 4 },
		{ "bytes=-99", 206, 0, 10 },
		{ "bytes=3-99999999999999999999999", 206, 3, 7 },
		{ "bytes=0-18446744073709551615", 206, 0, 10 },
		{ "bytes=20-,1-2", 206, 1, 2 },
		{ "bytes=0-1,3-4", 200, 0, 10 },
		{ "bytes=10-", 416, 0, 10 },
		{ "bytes=-0", 416, 0, 10 },
		{ "bytes=99999999999999999999-", 416, 0, 10 },
		{ "bytes=4-3", 200, 0, 10 },
		{ "bytes=", 200, 0, 10 },
		{ "bytes=-", 200, 0, 10 },
		{ "bytes=1", 200, 0, 10 },
		{ "bytes=1-2x", 200, 0, 10 },
		{ "lines=1-2", 200, 0, 10 },
	};
	uint64_t first, len;

	for (size_t i = 0; i < N(cases); i++) {
		assert_int_equal(range(cases[i].text, 10, &first, &len), cases[i].status);
		assert_int_equal(first, cases[i].first);
		assert_int_equal(len, cases[i].len);
	}
	assert_int_equal(range("bytes=0-", 0, &first, &len), 200);
}

static void test_conditions_follow_rfc9110_order(void **state)
{
#define S(text)                        \
	{                              \
		text, sizeof(text) - 1 \
	}
	const struct http_str same = S("\"e\""), weak = S("W/\"e\""), other = S("\"f\", \"g\""),
			      list = S("\"f\", W/\"e\"");
	const struct http_str star = S("*"), at = S("Sun, 06 Nov 1994 08:49:37 GMT"),
			      old = S("Sun, 06 Nov 1994 08:49:36 GMT");
	const struct {
		struct http_request r;
		int status;
	} cases[] = {
		{ { .if_none_match = same }, 304 }, { { .if_none_match = weak }, 304 },
		{ { .if_none_match = list }, 304 }, { { .if_none_match = star }, 304 },
		{ { .if_none_match = other }, 0 },  { { .if_none_match = other, .if_modified = at }, 0 },
		{ { .if_modified = at }, 304 },	    { { .if_modified = old }, 0 },
		{ { .if_match = same }, 0 },	    { { .if_match = weak }, 412 },
		{ { .if_match = other }, 412 },	    { { .if_match = same, .if_unmodified = old }, 0 },
		{ { .if_unmodified = old }, 412 },  { { .if_unmodified = at }, 0 },
	};

	for (size_t i = 0; i < N(cases); i++)
		assert_int_equal(http_conditions(&cases[i].r, &ten), cases[i].status);
}

static void test_if_range_mismatch_gives_the_whole(void **state)
{
	struct http_request r = { .range = S("bytes=1-2"), .if_range = S("\"f\"") };
	uint64_t first, len;

	assert_int_equal(http_range(&r, &ten, &first, &len), 200);
	r.if_range = (struct http_str)S("W/\"e\"");
	assert_int_equal(http_range(&r, &ten, &first, &len), 200);
	r.if_range = (struct http_str)S("\"e\"");
	assert_int_equal(http_range(&r, &ten, &first, &len), 206);
	r.if_range = (struct http_str)S("Sun, 06 Nov 1994 08:49:37 GMT");
	assert_int_equal(http_range(&r, &ten, &first, &len), 206);
	r.is_head = true;
	assert_int_equal(http_range(&r, &ten, &first, &len), 200);
}

static void test_mime_by_last_extension(void **state)
{
	assert_string_equal(mime_type("a/b.HTML"), "text/html; charset=utf-8");
	assert_string_equal(mime_type("x.tar.gz"), "application/gzip");
	assert_string_equal(mime_type("dir.html/file"), "application/octet-stream");
	assert_string_equal(mime_type("file."), "application/octet-stream");
}

static void test_reply_is_whole_or_full(void **state)
{
	static struct reply h;

	reply_begin(&h, 405, "D");
	reply_length(&h, 0);
	reply_length(&h, UINT64_MAX);
	reply_end(&h, false, true);
	assert_false(h.full);
	assert_memory_equal(h.text,
			    "HTTP/1.1 405 Method Not Allowed\r\nServer: xtcp\r\nDate: D\r\nContent-Length: 0\r\n"
			    "Content-Length: 18446744073709551615\r\nConnection: keep-alive\r\n\r\n",
			    h.len);
	while (!h.full)
		reply_add(&h, "%s", "0123456789");
	assert_true(h.len <= sizeof(h.text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_head_len_any_split_finds_the_blank_line),
		cmocka_unit_test(test_head_len_incomplete_is_zero),
		cmocka_unit_test(test_parse_fields_are_found_whatever_their_case),
		cmocka_unit_test(test_parse_keep_alive_follows_version_and_connection),
		cmocka_unit_test(test_parse_refusals_have_their_status),
		cmocka_unit_test(test_parse_every_prefix_and_flip_is_survived),
		cmocka_unit_test(test_path_decodes_and_hides),
		cmocka_unit_test(test_date_three_formats_are_one_time),
		cmocka_unit_test(test_range_gives_status_and_part),
		cmocka_unit_test(test_conditions_follow_rfc9110_order),
		cmocka_unit_test(test_if_range_mismatch_gives_the_whole),
		cmocka_unit_test(test_mime_by_last_extension),
		cmocka_unit_test(test_reply_is_whole_or_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
