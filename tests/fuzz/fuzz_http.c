// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fuzz_http.c - xtcp serve without a stack: its parser, its files and its answers, over
 * the calls of xtcp.h that it uses, which stand here: one connection whose bytes arrive
 * in pieces of any size, wrapped around the end of a ring or not, and whose send buffer
 * fills up and is drained.
 *
 * What must hold: memory; every answer is HTTP (libhttp-parser reads the stream back);
 * nothing of the connection is touched after it was closed; no file outside the
 * directory is ever sent.
 *
 * Input: byte 0 the size of the send buffer, byte 1 how bytes arrive, the rest what the
 * peer sends.
 */
#include <errno.h>
#include <sys/stat.h>
#include "fuzz.h"
#include "cli/files.c"
#include "cli/http.c"
#include "cli/http_cond.c"
#undef COUNT_MAX
#include "cli/mime.c"
#include "cli/pool.c"
#include "cli/reply.c"
#include "cli/web.c"
#include "cli/web_answer.c"

#define SECRET "the file beside the directory"
#define ROUNDS_MAX 100000
#define CONN 42

static struct {
	const uint8_t *in; /* what the peer sends in all, */
	size_t in_len;	   /* has sent so far, */
	size_t taken;	   /* and the server has consumed */
	char *span[2];	   /* of exactly their size: what the last peek showed */
	bool wrap, fin;
	char *reserved;
	size_t reserved_len;
	char *out;
	size_t out_len, out_size, room;
	bool open, shut;
	void *user;
} s;

static char dir[] = "/tmp/xtcp-fuzz-XXXXXX";

/* ---- the stack that is not there ---- */

static void forget_spans(void)
{
	free(s.span[0]);
	free(s.span[1]);
	free(s.reserved);
	s.span[0] = s.span[1] = s.reserved = NULL;
	s.reserved_len = 0;
}

static char *exact(const uint8_t *from, size_t len)
{
	char *p = malloc(len);

	if (len)
		memcpy(p, from, len);
	return p;
}

ssize_t xtcp_peek(struct xtcp *x, xtcp_conn c, struct iovec iov[2])
{
	size_t have = s.in_len - s.taken, first = s.wrap ? have / 2 : have;

	fuzz_check(s.open && c == CONN);
	forget_spans();
	if (!have)
		return s.fin ? 0 : -EAGAIN;
	if (!first)
		first = have;
	s.span[0] = exact(s.in + s.taken, first);
	s.span[1] = exact(s.in + s.taken + first, have - first);
	iov[0] = (struct iovec){ s.span[0], first };
	iov[1] = (struct iovec){ have > first ? s.span[1] : NULL, have - first };
	return (ssize_t)have;
}

int xtcp_consume(struct xtcp *x, xtcp_conn c, size_t n)
{
	fuzz_check(s.open && c == CONN && n <= s.in_len - s.taken);
	forget_spans();
	s.taken += n;
	return 0;
}

static void put_out(const void *data, size_t len)
{
	if (s.out_len + len > s.out_size) {
		s.out_size = 2 * (s.out_len + len);
		s.out = realloc(s.out, s.out_size);
	}
	if (len)
		memcpy(s.out + s.out_len, data, len);
	s.out_len += len;
	s.room -= len;
}

/* The request that is being answered stays readable: the spans of the last peek are another buffer's. */
ssize_t xtcp_reserve(struct xtcp *x, xtcp_conn c, size_t want, struct iovec iov[2])
{
	size_t n = want < s.room ? want : s.room, first = s.wrap ? (n + 1) / 2 : n;

	fuzz_check(s.open && c == CONN && !s.shut);
	free(s.reserved);
	s.reserved = malloc(n);
	s.reserved_len = n;
	iov[0] = (struct iovec){ s.reserved, first };
	iov[1] = (struct iovec){ s.reserved + first, n - first };
	return n || !want ? (ssize_t)n : -EAGAIN;
}

int xtcp_commit(struct xtcp *x, xtcp_conn c, size_t n, unsigned int flags)
{
	fuzz_check(s.open && c == CONN && n <= s.reserved_len);
	put_out(s.reserved, n);
	return 0;
}

ssize_t xtcp_send(struct xtcp *x, xtcp_conn c, const void *buf, size_t len, unsigned int flags)
{
	size_t n = len < s.room ? len : s.room;

	fuzz_check(s.open && c == CONN && !s.shut);
	if (!n && len)
		return -EAGAIN;
	put_out(buf, n);
	return (ssize_t)n;
}

int xtcp_shutdown(struct xtcp *x, xtcp_conn c)
{
	fuzz_check(s.open && c == CONN);
	s.shut = true;
	return 0;
}

int xtcp_close(struct xtcp *x, xtcp_conn c)
{
	fuzz_check(s.open && c == CONN);
	s.open = false;
	return 0;
}

int xtcp_abort(struct xtcp *x, xtcp_conn c)
{
	return xtcp_close(x, c);
}

int xtcp_set_user(struct xtcp *x, uint64_t handle, void *user)
{
	s.user = user;
	return 0;
}

int xtcp_setopt(struct xtcp *x, xtcp_conn c, enum xtcp_opt opt, int value)
{
	return 0;
}

/* ---- the directory ---- */

static void put_file(const char *name, const char *text, size_t size)
{
	char path[128];
	FILE *to;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	to = fopen(path, "w");
	if (!to)
		fuzz_die("cannot write %s", path);
	for (size_t at = 0; at < size; at += strlen(text))
		fputs(text, to);
	fclose(to);
}

static void remove_dir(void)
{
	static const char *const names[] = {
		"www/index.html", "www/a", "www/big", "www/d/x", "www/d", "www", "secret"
	};
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		remove(path);
	}
	rmdir(dir);
}

static void make_dir(void)
{
	char path[128];

	if (!mkdtemp(dir))
		fuzz_die("cannot make %s", dir);
	atexit(remove_dir);
	snprintf(path, sizeof(path), "%s/www", dir);
	mkdir(path, 0755);
	put_file("secret", SECRET, 1);
	snprintf(path, sizeof(path), "%s/www/d", dir);
	mkdir(path, 0755);
	put_file("www/index.html", "<p>hello\n", 1);
	put_file("www/a", "abcdefghi\n", 100);
	put_file("www/d/x", "", 0);
	put_file("www/big", "0123456789\n", FILES_SMALL + 1000);
}

/* ---- what came back ---- */

static int answer_complete(http_parser *p)
{
	int status = p->status_code;

	fuzz_check(status >= 200 && status <= 505 && p->http_major == 1);
	return 0;
}

/* HEAD is answered without a body, which only who asked can know: no telling then where the next answer begins. */
static bool asks_head(void)
{
	return memmem(s.in, s.in_len, "HEAD", 4) != NULL;
}

static void check_answers(void)
{
	static const http_parser_settings answers = { .on_headers_complete = answer_complete };
	http_parser p;
	size_t used;

	if (!s.out_len)
		return;
	fuzz_check(!memmem(s.out, s.out_len, SECRET, sizeof(SECRET) - 1));
	fuzz_check(s.out_len < 8 || !memcmp(s.out, "HTTP/1.1", 8));
	if (asks_head())
		return;
	http_parser_init(&p, HTTP_RESPONSE);
	used = http_parser_execute(&p, &answers, s.out, s.out_len);
	if (HTTP_PARSER_ERRNO(&p) != HPE_OK || used != s.out_len)
		fuzz_die("an answer that is none, at byte %zu of %zu: %s", used, s.out_len,
			 http_errno_name(HTTP_PARSER_ERRNO(&p)));
}

/* The parser alone, on a block of exactly its size. */
static void parse_alone(const uint8_t *data, size_t len)
{
	char *copy = exact(data, len), path[HTTP_TARGET_MAX + 1];
	struct http_validators v = { "\"e\"", 784111777, 10 };
	struct http_request r;
	uint64_t first, n;

	http_parse(copy, len, &r);
	if (r.target.at && !http_path(&r.target, path))
		fuzz_check(path[0] != '/' && path[0] != '.' && !strstr(path, "/."));
	http_conditions(&r, &v);
	if (http_range(&r, &v, &first, &n) == 206)
		fuzz_check(n && first + n <= v.size);
	free(copy);
}

/* ---- a connection ---- */

static void event(struct web *w, uint32_t events)
{
	struct xtcp_event ev = { .handle = CONN, .user = s.user, .events = events };

	if (s.open)
		web_event(w, s.user, &ev);
}

static void serve(struct web *w, struct bytes *b)
{
	size_t buffer = 1 + (size_t)take8(b) * 300;
	uint8_t how = take8(b);
	size_t total = b->left, piece = how & 0x0f ? (size_t)(how & 0x0f) * 5 : total;

	s.in = b->p;
	s.room = buffer;
	s.wrap = how & 0x10;
	s.open = true;
	web_accept(w, CONN);
	for (int i = 0; s.open && i < ROUNDS_MAX; i++) {
		size_t before = s.out_len;

		if (s.in_len < total) {
			s.in_len += total - s.in_len < piece ? total - s.in_len : piece;
			event(w, XTCP_EV_READABLE);
			continue;
		}
		s.room = buffer;
		event(w, XTCP_EV_WRITABLE);
		if (s.out_len != before || s.fin)
			continue;
		if (how & 0x20) {
			w->now += 11;
			web_expire(w);
		}
		s.fin = true;
		event(w, XTCP_EV_READABLE | XTCP_EV_PEER_FIN);
		if (how & 0x40)
			event(w, XTCP_EV_ERROR);
		w->now += 61;
		web_expire(w);
	}
	w->now += 1000;
	web_expire(w);
	fuzz_check(!s.open && !w->conns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct web w;
	static bool ready;
	struct bytes b = { data, size };
	char path[128];

	if (!ready)
		make_dir();
	ready = true;
	parse_alone(data, size);
	memset(&s, 0, sizeof(s));
	snprintf(path, sizeof(path), "%s/www", dir);
	fuzz_check(!web_init(&w, path));
	w.now = 1000; /* not the clock's */
	http_date(784111777, w.date);
	serve(&w, &b);
	check_answers();
	web_fini(&w);
	forget_spans();
	free(s.out);
	return 0;
}
