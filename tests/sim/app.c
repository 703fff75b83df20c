// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * app.c - the applications. They are strict about events: they write or read only
 * after an event said that they can, until -EAGAIN says that they cannot; an event
 * that is missed or lost leaves them waiting for ever, and the oracle notices.
 */
#include <errno.h>
#include <string.h>
#include "lib/addr.h"
#include "stream.h"
#include "tcp/internal.h"
#include "world.h"

#define APP_BUF 131072

static uint8_t app_buf[APP_BUF];

static const struct pair_conf *pair_of(const struct world *w, const struct end *d)
{
	return &w->s->pair[d->pair];
}

static char side_of(const struct end *d)
{
	return "AB"[d->engine];
}

static bool may_fail(const struct world *w, const struct end *d)
{
	const struct pair_conf *p = pair_of(w, d);

	return w->died || w->s->mem_kills || p->kind == PAIR_REFUSED ||
	       (p->end[0].flags | p->end[1].flags) & END_LINGER || p->end[0].abort_after != SIM_NEVER ||
	       p->end[1].abort_after != SIM_NEVER;
}

static struct engine *engine_of(struct world *w, const struct end *d)
{
	return w->side[d->engine].e;
}

static void touch(struct world *w, struct end *d)
{
	if (d->handle)
		engine_touch(engine_of(w, d), d->handle);
	w->side[d->engine].touched = true;
}

/* ---- the end of it ---- */

static void let_go(struct world *w, struct end *d, bool abort)
{
	struct engine *e = engine_of(w, d);
	uint64_t handle = d->handle;
	int err;

	engine_clock(e, w->now);
	err = abort ? engine_abort(e, handle) : engine_close(e, handle);

	d->handle = 0;
	d->done = true;
	w->side[d->engine].touched = true;
	trace_note(w, "%c pair %u: %s, %llu written, %llu read", side_of(d), d->pair, abort ? "abort" : "close",
		   (unsigned long long)d->sent, (unsigned long long)d->received);
	if (err)
		world_fail(w, "%c pair %u: close says %s", side_of(d), d->pair, strerror(-err));
	if (engine_conn(e, handle) || engine_close(e, handle) != -EBADF)
		world_fail(w, "%c pair %u: a closed handle still works", side_of(d), d->pair);
}

/* With TCP-AO nobody answers for a connection that is gone (RFC 5925 7.7): its peer finds out by itself. */
static bool peer_is_gone(const struct world *w, const struct end *d, int err)
{
	return w->s->ao && err == ETIMEDOUT && (d->peer->done || !d->peer->started);
}

static void met_error(struct world *w, struct end *d, int err, const char *what)
{
	d->error = err;
	if (!may_fail(w, d) && !peer_is_gone(w, d, err))
		world_fail(w, "%c pair %u: %s: %s after %llu written and %llu read", side_of(d), d->pair, what,
			   strerror(err), (unsigned long long)d->sent, (unsigned long long)d->received);
	else if (!w->died && pair_of(w, d)->kind == PAIR_REFUSED && err != ECONNREFUSED)
		world_fail(w, "%c pair %u: %s instead of a refusal", side_of(d), d->pair, strerror(err));
	let_go(w, d, false);
}

/* ---- writing ---- */

static int64_t put(struct world *w, struct end *d, uint32_t n)
{
	struct tcp_env *env = engine_env(engine_of(w, d));
	struct tcp_conn *c = engine_conn(engine_of(w, d), d->handle);
	bool more = d->conf->flags & END_MORE && d->sent + n < d->conf->bytes;
	bool urgent = d->conf->flags & END_URGENT && rng_percent(&w->rng, 10);
	struct tcp_span span[2];
	int64_t got;

	if (!(d->conf->flags & END_RESERVE)) {
		stream_fill(d->stream, d->sent, app_buf, n);
		return tcp_send(env, c, app_buf, n, more, urgent);
	}
	got = tcp_reserve(env, c, n, span);
	if (got <= 0)
		return got;
	if (got != (int64_t)span[0].len + span[1].len || got > n)
		world_fail(w, "%c pair %u: reserve says %lld, spans hold %u", side_of(d), d->pair, (long long)got,
			   span[0].len + span[1].len);
	stream_fill(d->stream, d->sent, (uint8_t *)(uintptr_t)span[0].data, span[0].len);
	stream_fill(d->stream, d->sent + span[0].len, (uint8_t *)(uintptr_t)span[1].data, span[1].len);
	if (got > 1 && d->conf->flags & END_MISUSE)
		got = (int64_t)rng_range(&w->rng, 1, (uint64_t)got); /* less than reserved is no misuse, but rare */
	if (tcp_commit(env, c, (size_t)got, more && got == n, urgent))
		world_fail(w, "%c pair %u: commit refused what was reserved", side_of(d), d->pair);
	return got;
}

static void write_some(struct world *w, struct end *d)
{
	while (d->handle && d->can_write && !d->shut && d->sent < d->conf->bytes && w->now >= d->write_at) {
		uint64_t left = d->conf->bytes - d->sent;
		uint32_t n = d->conf->write_chunk < left ? d->conf->write_chunk : (uint32_t)left;
		int64_t got = put(w, d, n);

		if (got == -EAGAIN) {
			d->can_write = false;
		} else if (got == -ENOMEM) {
			d->write_at = w->now + 10 * SIM_MS;
		} else if (got <= 0) {
			met_error(w, d, got ? (int)-got : EIO, "write");
		} else {
			d->sent += (uint64_t)got;
			d->write_at = w->now + d->conf->write_pause_ns;
		}
		touch(w, d);
	}
}

/* ---- reading ---- */

static void verify(struct world *w, struct end *d, const uint8_t *data, uint32_t len)
{
	uint64_t at = d->received;
	uint32_t good;

	if (at + len > d->peer->sent) {
		world_fail(w, "%c pair %u: %llu bytes read, only %llu were written", side_of(d), d->pair,
			   (unsigned long long)(at + len), (unsigned long long)d->peer->sent);
		return;
	}
	good = stream_compare(d->peer->stream, at, data, len);
	if (good != len)
		world_fail(w, "%c pair %u: wrong byte at %llu", side_of(d), d->pair, (unsigned long long)(at + good));
	d->received += len;
}

static int64_t get(struct world *w, struct end *d, uint32_t n)
{
	struct tcp_env *env = engine_env(engine_of(w, d));
	struct tcp_conn *c = engine_conn(engine_of(w, d), d->handle);
	struct tcp_span span[2];
	int64_t got;
	uint32_t first;

	if (!(d->conf->flags & END_PEEK)) {
		got = tcp_recv(env, c, app_buf, n);
		if (got > 0)
			verify(w, d, app_buf, (uint32_t)got);
		return got;
	}
	got = tcp_peek(env, c, span);
	if (got <= 0)
		return got;
	if (d->conf->flags & END_MISUSE && tcp_consume(env, c, (size_t)got + 1) != -EINVAL)
		world_fail(w, "%c pair %u: more was consumed than there is", side_of(d), d->pair);
	got = got < n ? got : n;
	first = got < span[0].len ? (uint32_t)got : span[0].len;
	verify(w, d, span[0].data, first);
	if (got > first)
		verify(w, d, span[1].data, (uint32_t)got - first);
	if (tcp_consume(env, c, (size_t)got))
		world_fail(w, "%c pair %u: consume refused what was peeked", side_of(d), d->pair);
	return got;
}

static void at_eof(struct world *w, struct end *d)
{
	d->eof = true;
	trace_note(w, "%c pair %u: end of stream after %llu", side_of(d), d->pair, (unsigned long long)d->received);
	if (d->received != d->peer->sent || (d->received != d->peer->conf->bytes && !may_fail(w, d)))
		world_fail(w, "%c pair %u: end of stream after %llu of %llu bytes", side_of(d), d->pair,
			   (unsigned long long)d->received, (unsigned long long)d->peer->conf->bytes);
}

static void read_some(struct world *w, struct end *d)
{
	while (d->handle && d->can_read && !d->eof && w->now >= d->read_at) {
		int64_t got = get(w, d, d->conf->read_chunk < APP_BUF ? d->conf->read_chunk : APP_BUF);

		if (got == -EAGAIN)
			d->can_read = false;
		else if (got < 0)
			met_error(w, d, (int)-got, "read");
		else if (!got)
			at_eof(w, d);
		else
			d->read_at = w->now + d->conf->read_pause_ns;
		if (d->conf->stall_ns && !d->stalled && d->received >= d->conf->stall_at) {
			d->stalled = true;
			d->read_at = w->now + d->conf->stall_ns;
		}
		if (got >= 0)
			touch(w, d);
	}
}

/* ---- closing ---- */

static void misuse(struct world *w, struct end *d)
{
	struct engine *e = engine_of(w, d);
	struct tcp_conn *c = engine_conn(e, d->handle);

	if (tcp_send(engine_env(e), c, "x", 1, false, false) >= 0)
		world_fail(w, "%c pair %u: written after shutdown", side_of(d), d->pair);
	if (engine_conn(e, d->handle + (1ull << 32)))
		world_fail(w, "%c pair %u: a made-up handle works", side_of(d), d->pair);
}

static void shut_down(struct world *w, struct end *d)
{
	struct engine *e = engine_of(w, d);
	int err = tcp_shutdown(engine_env(e), engine_conn(e, d->handle), w->now);

	trace_note(w, "%c pair %u: shutdown after %llu", side_of(d), d->pair, (unsigned long long)d->sent);
	d->shut = true;
	if (err && !may_fail(w, d))
		world_fail(w, "%c pair %u: shutdown: %s", side_of(d), d->pair, strerror(-err));
	if (d->conf->flags & END_MISUSE)
		misuse(w, d);
	touch(w, d);
}

static void close_some(struct world *w, struct end *d)
{
	const struct end_conf *conf = d->conf;
	bool written = d->sent == conf->bytes, early = conf->write_chunk & 1;

	if (!d->handle)
		return;
	if (d->open && conf->abort_after != SIM_NEVER && d->sent + d->received >= conf->abort_after) {
		d->aborted = true;
		let_go(w, d, !(conf->flags & END_RST_BY_CLOSE));
		return;
	}
	if (conf->flags & END_LINGER) {
		if (d->open && written)
			let_go(w, d, false);
		return;
	}
	if (conf->close == END_CLOSE_EARLY) {
		if (d->open && written && (d->eof || d->received == d->peer->conf->bytes))
			let_go(w, d, false);
		return;
	}
	if (!d->shut && written && (d->open || early) && (conf->close != END_SHUT_AFTER_PEER || d->eof))
		shut_down(w, d);
	if (d->shut && d->eof && (conf->close != END_CLOSE_LATE || d->closed_event))
		let_go(w, d, false);
}

static void step(struct world *w, struct end *d)
{
	if (!d->handle)
		return;
	if (!engine_conn(engine_of(w, d), d->handle)) {
		world_fail(w, "%c pair %u: the handle died by itself", side_of(d), d->pair);
		return;
	}
	close_some(w, d); /* an abort due before anything is read */
	write_some(w, d);
	read_some(w, d);
	close_some(w, d);
}

/* ---- opening ---- */

static void set_options(struct world *w, struct end *d)
{
	struct tcp_conn *c = engine_conn(engine_of(w, d), d->handle);

	if (!c) {
		world_fail(w, "%c pair %u: a fresh handle does not work", side_of(d), d->pair);
		return;
	}
	d->lport = wire_port(c->lport);
	d->rport = wire_port(c->rport);
	if (d->conf->flags & END_NODELAY)
		c->flags |= TCP_F_NODELAY;
	if (d->conf->flags & END_QUICKACK)
		c->flags |= TCP_F_QUICKACK;
	if (d->conf->flags & END_LINGER)
		c->linger_ms = (int32_t)d->conf->linger_ms;
	if (d->conf->flags & END_HUGE)
		tcp_set_rcvbuf(c, 1u << 30);
	if (d->conf->user_timeout_ms)
		tcp_set_user_timeout(c, d->conf->user_timeout_ms);
	if (d->conf->flags & END_TS_WRAP)
		c->ts_offset -= tcp_ts_now(c, w->now) + (uint32_t)rng_below(&w->rng, 3000);
	if (d->conf->flags & END_KEEPALIVE) {
		c->keepidle_s = 1;
		c->keepintvl_s = 1;
		c->keepcnt = w->s->dies_ns == SIM_NEVER ? 120 : 10;
		tcp_keepalive_set(c, true, w->now);
	}
	d->started = true;
	touch(w, d);
}

static void open_end(struct world *w, struct end *d)
{
	const struct pair_conf *p = pair_of(w, d);
	struct xtcp_addr raddr = world_addr(!d->engine, p->v6);
	uint16_t rport = w->side[!d->engine].listen_port, lport = 0;
	int err;

	if (p->kind == PAIR_REFUSED)
		rport = WORLD_REFUSED_PORT;
	if (p->again)
		lport = w->end[2 * (p->again - 1)].lport;
	if (p->kind == PAIR_SIMULTANEOUS)
		rport = lport = (uint16_t)(WORLD_SIMULT_PORT + d->pair);
	err = engine_connect(engine_of(w, d), &raddr, rport, NULL, lport, d->user, &d->handle);
	if (err == -EADDRINUSE && p->again) { /* TIME-WAIT */
		d->handle = 0;
		d->start_at = w->now + 100 * SIM_MS;
		return;
	}
	if (err) {
		d->started = d->done = true;
		world_fail(w, "%c pair %u: connect: %s", side_of(d), d->pair, strerror(-err));
		return;
	}
	if (d->conf->flags & END_FASTOPEN) {
		err = engine_connect_fastopen(engine_of(w, d), d->handle);
		if (err)
			world_fail(w, "%c pair %u: Fast Open: %s", side_of(d), d->pair, strerror(-err));
	}
	set_options(w, d);
	trace_note(w, "%c pair %u: connect from %u to %u", side_of(d), d->pair, d->lport, d->rport);
	step(w, d);
}

/* Who is it that a connection accepted by engine i comes from? */
static struct end *caller(struct world *w, int i, const struct tcp_conn *c)
{
	for (uint32_t n = 0; n < w->s->pairs; n++) {
		struct end *d = &w->end[2 * n + 1];

		if (w->s->pair[n].kind == PAIR_NORMAL && d->engine == i && !d->started && d->peer->started &&
		    d->peer->lport == wire_port(c->rport) && w->s->pair[n].v6 == !addr_is_v4(&c->raddr))
			return d;
	}
	return NULL;
}

/* One of the accept queue; false: it is empty. */
static bool accept_one(struct world *w, int i)
{
	struct side *side = &w->side[i];
	struct end *d;
	uint64_t handle;
	int err = engine_accept(side->e, side->listener, &handle);

	if (err == -EAGAIN)
		return false;
	side->touched = true;
	if (err || !engine_conn(side->e, handle)) {
		world_fail(w, "%c: accept: %s", "AB"[i], err ? strerror(-err) : "the handle does not work");
		return false;
	}
	d = caller(w, i, engine_conn(side->e, handle));
	if (!d) { /* possible where an old SYN meets the same initial sequence number again */
		w->strays++;
		engine_abort(side->e, handle);
		return true;
	}
	d->handle = handle;
	d->open = d->can_read = d->can_write = true;
	engine_set_user(side->e, handle, d->user);
	set_options(w, d);
	trace_note(w, "%c pair %u: accepted", "AB"[i], d -> pair);
	if (d->conf->accept_pause_ns)
		side->accept_at = w->now + d->conf->accept_pause_ns;
	step(w, d);
	return true;
}

static void accept_some(struct world *w, int i)
{
	while (w->now >= w->side[i].accept_at && accept_one(w, i))
		;
	if (w->now >= w->side[i].accept_at)
		w->side[i].accept_at = SIM_NEVER;
}

/* ---- what the world calls ---- */

void app_init(struct world *w)
{
	for (uint32_t i = 0; i < 2 * w->s->pairs; i++) {
		struct end *d = &w->end[i];
		const struct pair_conf *p = &w->s->pair[i / 2];

		memset(d, 0, sizeof(*d));
		d->pair = i / 2;
		d->conf = &p->end[i & 1];
		d->peer = &w->end[i ^ 1];
		d->engine = i & 1 ? !p->client : p->client;
		d->user = i + 1;
		d->start_at = p->start_ns;
		d->stream = rng_u64(&w->rng);
		if (p->kind == PAIR_REFUSED && i & 1)
			d->started = d->done = true;
	}
}

void app_died(struct world *w)
{
	for (uint32_t i = 0; i < 2 * w->s->pairs; i++) {
		struct end *d = &w->end[i];

		if (d->engine == 0)
			continue;
		d->started = d->done = true;
		d->handle = 0;
	}
	w->side[1].accept_at = SIM_NEVER;
}

void app_give_up(struct world *w)
{
	for (uint32_t i = 0; i < 2 * w->s->pairs; i++) {
		struct end *d = &w->end[i];

		if (d->handle && !(d->conf->flags & END_KEEPALIVE) &&
		    !tcp_send_queued(engine_conn(engine_of(w, d), d->handle)))
			let_go(w, d, true);
	}
}

/* Is it time for an end that connects? */
static uint64_t start_time(const struct world *w, uint32_t i)
{
	const struct end *d = &w->end[i];
	const struct pair_conf *p = pair_of(w, d);

	if (d->started || (i & 1 && p->kind != PAIR_SIMULTANEOUS))
		return SIM_NEVER;
	if (p->again && !(w->end[2 * p->again - 2].done && w->end[2 * p->again - 1].done))
		return SIM_NEVER;
	return d->start_at;
}

void app_event(struct world *w, int i, const struct engine_event *ev)
{
	struct end *d;

	if (ev->handle == w->side[i].listener) {
		if (w->side[i].accept_at == SIM_NEVER)
			w->side[i].accept_at = w->now;
		accept_some(w, i);
		return;
	}
	d = ev->user && ev->user <= 2 * w->s->pairs ? &w->end[ev->user - 1] : NULL;
	if (!d || d->handle != ev->handle) {
		world_fail(w, "%c: an event %#x for nobody", "AB"[i], ev -> events);
		return;
	}
	if (!ev->events)
		world_fail(w, "%c pair %u: an event without a reason", side_of(d), d->pair);
	d->open |= ev->events & TCP_EV_OPEN;
	d->can_write |= ev->events & (TCP_EV_OPEN | TCP_EV_WRITABLE);
	d->can_read |= ev->events & (TCP_EV_READABLE | TCP_EV_PEER_FIN | TCP_EV_CLOSED | TCP_EV_ERROR);
	d->closed_event |= ev->events & TCP_EV_CLOSED;
	if (ev->events & TCP_EV_ERROR) { /* what was received can still be read */
		d->read_at = 0;
		while (d->handle && !d->eof && d->can_read) {
			read_some(w, d);
			d->read_at = 0;
		}
		if (d->handle)
			met_error(w, d, ev->error, "event");
		return;
	}
	step(w, d);
}

void app_tick(struct world *w)
{
	for (uint32_t i = 0; i < 2 * w->s->pairs; i++) {
		struct end *d = &w->end[i];

		if (w->now >= start_time(w, i))
			open_end(w, d);
		else if (d->handle && ((d->can_write && d->sent < d->conf->bytes && w->now >= d->write_at) ||
				       (d->can_read && !d->eof && w->now >= d->read_at)))
			step(w, d);
	}
	for (int i = 0; i < 2; i++)
		if (w->now >= w->side[i].accept_at)
			accept_some(w, i);
}

uint64_t app_deadline(const struct world *w)
{
	uint64_t next = w->side[0].accept_at < w->side[1].accept_at ? w->side[0].accept_at : w->side[1].accept_at;

	for (uint32_t i = 0; i < 2 * w->s->pairs; i++) {
		const struct end *d = &w->end[i];
		uint64_t at = start_time(w, i);

		if (d->handle && d->can_write && !d->shut && d->sent < d->conf->bytes)
			at = d->write_at;
		if (d->handle && d->can_read && !d->eof && d->read_at < at)
			at = d->read_at;
		next = at < next ? at : next;
	}
	return next;
}

bool app_all_done(const struct world *w)
{
	for (uint32_t i = 0; i < 2 * w->s->pairs; i++) {
		const struct end *d = &w->end[i];

		bool may = may_fail(w, d) || peer_is_gone(w, d->peer, d->peer->error);

		if (!d->done && (d->started || !d->peer->done || !may))
			return false;
	}
	return true;
}
