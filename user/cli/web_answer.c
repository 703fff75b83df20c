// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * web_answer.c - one answer to one request: which status, which header, which
 * bytes. An answer that the send buffer can hold is copied there at once;
 * otherwise its header goes to wc->spill and the file is left to web.c.
 */
#include "cli/web.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The header block, and a body from memory, into the send buffer; the rest into wc->spill. */
static void emit(struct web *w, struct web_conn *wc, const struct reply *h, const char *body, size_t len, bool more)
{
	struct iovec iov[2] = { 0 };
	ssize_t room = xtcp_reserve(w->x, wc->c, h->len + len, iov);
	size_t done;

	if (room >= (ssize_t)(h->len + len) && iov[0].iov_len >= h->len + len) {
		memcpy(iov[0].iov_base, h->text, h->len);
		if (len)
			memcpy((char *)iov[0].iov_base + h->len, body, len);
		xtcp_commit(w->x, wc->c, h->len + len, more ? XTCP_MORE : 0);
		w->sum.bytes_out += h->len + len;
		return;
	}
	/* Wrapped or too little: put it together first, web.c sends it. */
	done = h->len + len;
	wc->spill = malloc(done);
	if (!wc->spill) {
		wc->last = true;
		wc->left = 0;
		return;
	}
	memcpy(wc->spill, h->text, h->len);
	if (len)
		memcpy(wc->spill + h->len, body, len);
	wc->spill_len = (uint32_t)done;
	wc->spill_off = 0;
}

static void refuse(struct web *w, struct web_conn *wc, const struct http_request *r, int status)
{
	struct reply h;
	char body[64];
	int len = snprintf(body, sizeof(body), "%s\n", reply_status(status));

	reply_begin(&h, status, w->date);
	if (status == 405)
		reply_add(&h, "Allow: GET, HEAD\r\n");
	reply_add(&h, "Content-Type: text/plain; charset=utf-8\r\n");
	reply_length(&h, (uint64_t)len);
	reply_end(&h, r->http11, !wc->last);
	emit(w, wc, &h, body, r->is_head ? 0 : (size_t)len, false);
}

/* A directory without its slash. Slashes in front become one: "//host" would name another host. */
static void redirect(struct web *w, struct web_conn *wc, const struct http_request *r)
{
	const char *at = r->target.at, *end = at + r->target.len, *query;
	struct reply h;

	if (*at != '/') {
		at = memmem(at, r->target.len, "://", 3); /* the absolute form */
		at = memchr(at + 3, '/', (size_t)(end - at - 3));
	}
	while (at + 1 < end && at[1] == '/')
		at++;
	query = memchr(at, '?', (size_t)(end - at));
	if (!query)
		query = end;
	reply_begin(&h, 301, w->date);
	reply_add(&h, "Location: %.*s/%.*s\r\n", (int)(query - at), at, (int)(end - query), query);
	reply_length(&h, 0);
	reply_end(&h, r->http11, !wc->last);
	emit(w, wc, &h, NULL, 0, false);
}

/* 416: the only refusal that tells of the file. */
static void unsatisfiable(struct web *w, struct web_conn *wc, const struct http_request *r, const struct file *f)
{
	struct reply h;

	reply_begin(&h, 416, w->date);
	reply_add(&h, "Content-Range: bytes */%llu\r\n", (unsigned long long)f->size);
	reply_length(&h, 0);
	reply_end(&h, r->http11, !wc->last);
	emit(w, wc, &h, NULL, 0, false);
}

static void send_part(struct web *w, struct web_conn *wc, const struct http_request *r, struct file *f, int status,
		      uint64_t first, uint64_t len)
{
	struct reply h;
	bool body = !r->is_head && status != 304;

	reply_begin(&h, status, w->date);
	reply_bytes(&h, f->head, f->head_len);
	if (status == 206)
		reply_add(&h, "Content-Range: bytes %llu-%llu/%llu\r\n", (unsigned long long)first,
			  (unsigned long long)(first + len - 1), (unsigned long long)f->size);
	if (status != 304)
		reply_length(&h, len);
	reply_end(&h, r->http11, !wc->last);
	if (body && len && !f->data) {
		f->refs++;
		wc->file = f;
		wc->off = first;
		wc->left = len;
	}
	emit(w, wc, &h, body && f->data ? f->data + first : NULL, body && f->data ? (size_t)len : 0, wc->left > 0);
}

void web_answer(struct web *w, struct web_conn *wc, const struct http_request *r, int status)
{
	struct http_validators v;
	struct file *f;
	uint64_t first, len;

	w->sum.requests++;
	if (!status)
		status = files_get(&w->files, &r->target, w->now, &f);
	if (status == 301) {
		redirect(w, wc, r);
		return;
	}
	if (status) {
		refuse(w, wc, r, status);
		return;
	}
	v = (struct http_validators){ f->etag, f->mtime.tv_sec, f->size };
	first = 0;
	len = f->size;
	if (r->if_match.at || r->if_unmodified.at || r->if_none_match.at || r->if_modified.at)
		status = http_conditions(r, &v);
	if (!status)
		status = http_range(r, &v, &first, &len);
	if (status == 412)
		refuse(w, wc, r, status);
	else if (status == 416)
		unsatisfiable(w, wc, r, f);
	else
		send_part(w, wc, r, f, status, first, len);
	files_put(f);
}
