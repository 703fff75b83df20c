// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * web.c - the life of an HTTP connection. Requests are parsed where they lie in
 * the receive buffer; an incomplete one stays there, so that a connection holds
 * no memory of its own but struct web_conn. One answer is out, into the send
 * buffer, before the next request is looked at: pipelined requests are answered
 * in order, and a peer that does not read is not worked for.
 *
 * A connection is closed by sending FIN and reading on until the peer's: data
 * left unread would turn the close into a RST, which may overtake the answer
 * (RFC 9112 9.6).
 */
#include "cli/web.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEND_CHUNK (256u * 1024)

/* Seconds; by enum web_wait. */
static const time_t limits[WEB_WAITS] = { 60, 10, 60, 2 };

static void release(struct web *w, struct web_conn *wc)
{
	if (wc->file)
		files_put(wc->file);
	free(wc->spill);
	TAILQ_REMOVE(&w->queue[wc->wait], wc, link);
	w->conns--;
	pool_put(&w->pool, wc);
}

static void drop(struct web *w, struct web_conn *wc)
{
	xtcp_close(w->x, wc->c);
	release(w, wc);
}

static void wait_for(struct web *w, struct web_conn *wc, enum web_wait wait)
{
	if (wc->wait == wait && wc->since == w->now)
		return;
	TAILQ_REMOVE(&w->queue[wc->wait], wc, link);
	wc->wait = (uint8_t)wait;
	wc->since = w->now;
	TAILQ_INSERT_TAIL(&w->queue[wait], wc, link);
}

/* What web_answer() put aside. 1 all out, 0 wait, -1 the connection failed. */
static int send_spill(struct web *w, struct web_conn *wc)
{
	while (wc->spill_off < wc->spill_len) {
		ssize_t n = xtcp_send(w->x, wc->c, wc->spill + wc->spill_off, wc->spill_len - wc->spill_off,
				      wc->left ? XTCP_MORE : 0);

		if (n < 0)
			return n == -EAGAIN ? 0 : -1;
		wc->spill_off += (uint32_t)n;
		w->sum.bytes_out += (uint64_t)n;
	}
	free(wc->spill);
	wc->spill = NULL;
	wc->spill_len = 0;
	return 1;
}

/* Fill the spans from the file. Bytes; less than 1: the file shrank or cannot be read. */
static ssize_t read_file(const struct web_conn *wc, struct iovec iov[2], size_t want)
{
	if (iov[0].iov_len >= want)
		return pread(wc->file->fd, iov[0].iov_base, want, (off_t)wc->off);
	iov[1].iov_len = want - iov[0].iov_len;
	return preadv(wc->file->fd, iov, 2, (off_t)wc->off);
}

static int send_file(struct web *w, struct web_conn *wc)
{
	while (wc->left) {
		struct iovec iov[2] = { 0 };
		size_t want = wc->left < SEND_CHUNK ? (size_t)wc->left : SEND_CHUNK;
		ssize_t n = xtcp_reserve(w->x, wc->c, want, iov);

		if (n <= 0)
			return n == -EAGAIN ? 0 : -1;
		n = read_file(wc, iov, (size_t)n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			/* Content-Length is promised and cannot be kept: only a RST says so. */
			xtcp_abort(w->x, wc->c);
			return -1;
		}
		wc->off += (uint64_t)n;
		wc->left -= (uint64_t)n;
		xtcp_commit(w->x, wc->c, (size_t)n, wc->left ? XTCP_MORE : 0);
		w->sum.bytes_out += (uint64_t)n;
	}
	files_put(wc->file);
	wc->file = NULL;
	return 1;
}

/* Throw away received bytes, at most max. 1: max bytes are gone, 0: wait, -1: the peer closed, or an error. */
static int discard(struct web *w, struct web_conn *wc, uint32_t *max)
{
	struct iovec iov[2];

	while (*max) {
		ssize_t n = xtcp_peek(w->x, wc->c, iov);

		if (n <= 0)
			return n == -EAGAIN ? 0 : -1;
		if ((size_t)n > *max)
			n = (ssize_t)*max;
		xtcp_consume(w->x, wc->c, (size_t)n);
		w->sum.bytes_in += (uint64_t)n;
		*max -= (uint32_t)n;
	}
	return 1;
}

/* The request at the front: where it is whole. Its length, 0 incomplete, -1 closed or failed, else -status. */
static ssize_t next_request(struct web *w, struct web_conn *wc, const char **at)
{
	static __thread char joined[HTTP_HEAD_MAX];
	struct iovec iov[2] = { 0 };
	ssize_t have = xtcp_peek(w->x, wc->c, iov);
	size_t first, len;

	if (have <= 0)
		return have == -EAGAIN ? 0 : -1;
	*at = iov[0].iov_base;
	first = iov[0].iov_len;
	len = http_head_len(*at, first < HTTP_HEAD_MAX ? first : HTTP_HEAD_MAX, &wc->scanned);
	if (!len && (size_t)have > first && first < HTTP_HEAD_MAX) {
		/* It wraps around the end of the ring. */
		size_t total = (size_t)have < HTTP_HEAD_MAX ? (size_t)have : HTTP_HEAD_MAX;

		memcpy(joined, iov[0].iov_base, first);
		memcpy(joined + first, iov[1].iov_base, total - first);
		*at = joined;
		len = http_head_len(joined, total, &wc->scanned);
	}
	if (len)
		return (ssize_t)len;
	if (wc->wait != WEB_HEAD)
		wait_for(w, wc, WEB_HEAD);
	if ((size_t)have < HTTP_HEAD_MAX)
		return 0;
	return memchr(*at, '\n', HTTP_HEAD_MAX > first && *at != joined ? first : HTTP_HEAD_MAX) ? -431 : -414;
}

/* Answer the next request, if there is one. 1 an answer is on its way, 0 wait, -1 closed. */
static int take_request(struct web *w, struct web_conn *wc)
{
	struct http_request r = { 0 };
	const char *at;
	ssize_t len = next_request(w, wc, &at);
	int status;

	if (len == 0 || len == -1)
		return (int)len;
	if (len < 0) {
		wc->last = true;
		web_answer(w, wc, &r, (int)-len);
		return 1;
	}
	status = http_parse(at, (size_t)len, &r);
	/* A client that waits for "100 Continue" may send its body or not: there is no telling after this answer. */
	wc->last = !r.keep_alive || w->ending || r.coded_body || status == 400 || status == 413 || (r.expect && r.body);
	wc->skip = wc->last ? 0 : (uint32_t)r.body;
	web_answer(w, wc, &r, status);
	xtcp_consume(w->x, wc->c, (size_t)len);
	w->sum.bytes_in += (uint64_t)len;
	wc->scanned = 0;
	return 1;
}

/* Behind our FIN: read until the peer's. -1 when it is there. */
static int linger(struct web *w, struct web_conn *wc)
{
	uint32_t all = UINT32_MAX;

	return discard(w, wc, &all) ? -1 : 0;
}

/* As far as it goes: -1 the connection is to be dropped, 0 it waits. */
static int advance(struct web *w, struct web_conn *wc)
{
	for (;;) {
		int rc = 1;

		if (wc->wait == WEB_LINGER)
			return linger(w, wc);
		if (wc->spill)
			rc = send_spill(w, wc);
		if (rc > 0 && wc->file)
			rc = send_file(w, wc);
		if (rc > 0 && wc->last) {
			xtcp_shutdown(w->x, wc->c);
			wait_for(w, wc, WEB_LINGER);
			continue;
		}
		if (rc > 0 && wc->skip)
			rc = discard(w, wc, &wc->skip);
		if (rc <= 0) {
			wait_for(w, wc, WEB_SEND);
			return rc;
		}
		if (wc->wait == WEB_SEND)
			wait_for(w, wc, WEB_IDLE);
		rc = take_request(w, wc);
		if (rc <= 0)
			return rc;
		wait_for(w, wc, WEB_IDLE);
	}
}

/* The rest of this request will not come, or not in time: say so and close. */
static void give_up(struct web *w, struct web_conn *wc, int status)
{
	struct http_request r = { 0 };

	wc->last = true;
	web_answer(w, wc, &r, status);
	wait_for(w, wc, WEB_SEND);
	if (advance(w, wc) < 0)
		drop(w, wc);
}

void web_event(struct web *w, struct web_conn *wc, const struct xtcp_event *ev)
{
	if (ev->events & XTCP_EV_ERROR) {
		w->sum.errors++;
		drop(w, wc);
	} else if ((ev->events & XTCP_EV_CLOSED) || advance(w, wc) < 0) {
		drop(w, wc);
	} else if ((ev->events & XTCP_EV_PEER_FIN) && wc->wait == WEB_HEAD) {
		give_up(w, wc, 400);
	}
}

void web_accept(struct web *w, xtcp_conn c)
{
	struct web_conn *wc = pool_get(&w->pool);

	if (!wc) {
		xtcp_abort(w->x, c);
		return;
	}
	wc->c = c;
	wc->since = w->now;
	TAILQ_INSERT_TAIL(&w->queue[WEB_IDLE], wc, link);
	w->conns++;
	w->sum.conns++;
	xtcp_set_user(w->x, c, wc);
	xtcp_setopt(w->x, c, XTCP_NODELAY, 1);
	if (advance(w, wc) < 0)
		drop(w, wc);
}

void web_expire(struct web *w)
{
	for (int i = 0; i < WEB_WAITS; i++) {
		struct web_conn *wc;

		while ((wc = TAILQ_FIRST(&w->queue[i])) && w->now - wc->since >= limits[i]) {
			if (i == WEB_HEAD) {
				give_up(w, wc, 408);
			} else if (i == WEB_SEND) {
				xtcp_abort(w->x, wc->c);
				release(w, wc);
			} else {
				drop(w, wc);
			}
		}
	}
}

void web_tick(struct web *w)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	w->now = ts.tv_sec;
	clock_gettime(CLOCK_REALTIME_COARSE, &ts);
	if (ts.tv_sec != w->date_of)
		http_date(ts.tv_sec, w->date);
	w->date_of = ts.tv_sec;
}

void web_end(struct web *w)
{
	struct web_conn *wc, *next;

	w->ending = true;
	for (wc = TAILQ_FIRST(&w->queue[WEB_SEND]); wc; wc = TAILQ_NEXT(wc, link))
		wc->last = true;
	for (int i = WEB_IDLE; i <= WEB_HEAD; i++) {
		for (wc = TAILQ_FIRST(&w->queue[i]); wc; wc = next) {
			next = TAILQ_NEXT(wc, link);
			drop(w, wc);
		}
	}
}

int web_init(struct web *w, const char *dir)
{
	*w = (struct web){ .pool = { .size = sizeof(struct web_conn) }, .sum = { .http = true } };
	for (int i = 0; i < WEB_WAITS; i++)
		TAILQ_INIT(&w->queue[i]);
	web_tick(w);
	return files_init(&w->files, dir);
}

void web_fini(struct web *w)
{
	for (int i = 0; i < WEB_WAITS; i++)
		while (!TAILQ_EMPTY(&w->queue[i]))
			drop(w, TAILQ_FIRST(&w->queue[i]));
	files_fini(&w->files);
	pool_fini(&w->pool);
}
