// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * world.c - one run. The next thing to happen is the earliest of: a frame arrives, an
 * engine's deadline, a neighbour answers, an application wakes up. A turn costs an
 * engine some time, in which frames pile up before its port.
 */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include "lib/addr.h"
#include "lib/fail.h"
#include "xtcp/wire.h"

#define IDLE_TURNS_MAX 20000 /* turns in a row in which nothing moved */
#define EVENTS_MAX 50000000ull
#define AO_SIM_KEYS 3
#define AO_SIM_TURNS 50 /* of one engine, then it asks for another key */

uint64_t world_stats[XTCP_USER_STATS];
uint64_t world_fates[LINK_FATES];

void world_fail(struct world *w, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (w->why[0])
		return;
	va_start(ap, fmt);
	n = vsnprintf(w->why, sizeof(w->why), fmt, ap);
	va_end(ap);
	if (n > 0 && (size_t)n < sizeof(w->why))
		snprintf(w->why + n, sizeof(w->why) - (size_t)n, " (at %.6f s)",
			 (double)(w->now - w->s->start_ns) / 1e9);
	trace_note(w, "FAILED: %s", w->why);
}

struct xtcp_addr world_addr(int engine, bool v6)
{
	uint8_t b[16] = { 0xfd, 9, [15] = (uint8_t)(engine + 1) };

	return v6 ? addr_from_v6(b) : addr_from_v4(htonl(0x0a090001u + (uint32_t)engine));
}

/* ---- frames ---- */

static void hash_in(struct world *w, uint64_t v)
{
	w->hash = hash_mum(w->hash ^ v, 0x9e3779b97f4a7c15ull ^ v << 1);
}

static void hash_frame(struct world *w, const uint8_t *data, uint32_t len)
{
	uint64_t h = len, v;

	for (; len >= 8; data += 8, len -= 8) {
		memcpy(&v, data, 8);
		h = (h ^ v) * 0x9e3779b97f4a7c15ull;
		h ^= h >> 29;
	}
	for (; len; len--)
		h = (h ^ *data++) * 0x100000001b3ull;
	hash_in(w, h);
}

/* An engine's port sends. */
static void send_frame(void *arg, uint8_t *data, uint32_t len)
{
	struct side *side = arg;
	struct world *w = side->w;

	hash_in(w, w->now << 1 | side->index);
	hash_frame(w, data, len);
	oracle_frame(w, !side->index, data, len);
	middlebox_pass(w, side->index, data, len);
	if (side->index == 1)
		middlebox_shift(w, 1, false, data, len);
	observe_sent(w, side->index, data, len);
	if (middlebox_drops(w, side->index, data, len)) {
		trace_note(w, "%c  ** %u bytes dropped by a firewall", "AB"[side->index], len);
		return;
	}
	if (hop_refuses(w, side->index, data, len))
		return;
	middlebox_shrink(w, side->index, data, len);
	device_send(side, data, len);
}

/* What the XDP half would have written in front of the frame. */
static bool make_meta(struct world *w, const uint8_t *data, uint32_t len, struct xtcp_meta *meta)
{
	struct wire_ip ip;
	struct wire_tcp tcp;

	memset(meta, 0, sizeof(*meta));
	if (!w->s->meta || wire_parse_ip(data, data + len, len, &ip) != WIRE_OK || ip.proto != WIRE_IPPROTO_TCP ||
	    ip.fragment || wire_parse_tcp(data, data + len, &ip, &tcp) != WIRE_OK)
		return false;
	meta->magic = XTCP_META_MAGIC;
	meta->l3_off = ip.l3_off;
	meta->l4_off = ip.l4_off;
	meta->payload_off = tcp.payload_off;
	if (w->s->meta == 2 && rng_percent(&w->rng, 50))
		meta->conn_hint = (uint32_t)rng_below(&w->rng, 2 * SIM_PAIRS);
	if (w->s->meta == 2 && rng_percent(&w->rng, 1))
		meta->conn_hint = (uint32_t)rng_u64(&w->rng);
	return true;
}

static void deliver(struct world *w, int from)
{
	struct xtcp_meta meta;
	struct frame *f;

	while ((f = reseg_take(w, from))) {
		bool has = make_meta(w, f->data, f->len, &meta), taken;

		if (w->dead && from == 0) {
			free(f);
			continue;
		}
		if (from == 0)
			middlebox_shift(w, 0, false, f->data, f->len);
		taken = simport_deliver(&w->side[!from].port, f->data, f->len, has ? &meta : NULL);
		if (from == 0)
			middlebox_shift(w, 0, true, f->data, f->len);
		if (!taken)
			trace_note(w, "%c  ** %u bytes dropped: the receive ring is full", "AB"[!from], f -> len);
		else
			observe_arrived(w, !from, f->data, f->len, f->damaged);
		free(f);
	}
}

static void tap(void *arg, bool out, const struct io_pkt *pkt, const struct xtcp_addr *laddr, uint16_t lport,
		const struct xtcp_addr *raddr, uint16_t rport, const struct tcp_seg *seg)
{
	struct side *side = arg;

	if (side->w->trace)
		trace_tap(arg, out, pkt, laddr, lport, raddr, rport, seg);
	if (out)
		rules_sent(side, laddr, lport, raddr, rport, seg);
}

/* ---- setting up, tearing down ---- */

/* Keys for whoever it may be; each side has another one that it likes best. */
static void add_keys(struct side *side)
{
	for (int k = 0; k < AO_SIM_KEYS; k++) {
		uint8_t id = (uint8_t)((k + side->index) % AO_SIM_KEYS);
		struct ao_mkt m = { .send_id = id, .recv_id = id, .alg = id & 1, .len = 1, .key = { id } };

		if (engine_ao_key(side->e, &m))
			world_fail(side->w, "engine %c: a key: %s", "AB"[side->index], fail_text());
	}
}

/* One side after the other asks for another key. */
static void change_keys(struct side *side)
{
	struct world *w = side->w;
	int id = (int)(side->turns / AO_SIM_TURNS % AO_SIM_KEYS);

	if (side->turns % AO_SIM_TURNS)
		return;
	for (uint32_t k = 0; k < 2 * w->s->pairs; k++)
		if (w->end[k].handle && w->end[k].engine == side->index)
			engine_ao_select(side->e, w->end[k].handle, AO_ANY, id);
}

static bool side_start(struct world *w, int i)
{
	struct side *side = &w->side[i];
	const struct scenario *s = w->s;
	struct xtcp_addr any = { .d = { 0, 0 } };
	struct engine_conf conf = w->s->engine[i];
	int err;

	side->w = w;
	side->index = (uint8_t)i;
	side->accept_at = SIM_NEVER;
	side->last_turn = side->deadline = 0;
	side->turns = 0;
	side->touched = true;
	side->listen_port = (uint16_t)(WORLD_FIRST_PORT + (uint32_t)i);
	host_init(&side->host, w, i);
	conf.seed[0] += w->died; /* another life, other secrets */
	if (engine_create(&side->e, &conf)) {
		side->e = NULL;
		world_fail(w, "engine_create: %s", fail_text());
		return false;
	}
	simport_open(&side->port, engine_frames(side->e), engine_area(side->e), s->mtu[i], s->rx_fill[i], s->tx_max[i]);
	side->port.port.gso_bytes = s->gso_bytes[i];
	device_open(side);
	side->port.port.tx_csum = s->tx_csum[i];
	side->port.send = send_frame;
	side->port.arg = side;
	engine_attach(side->e, &side->port.port, &host_sim_ops, &side->host);
	if (!rules_start(side, conf.max_conns))
		abort();
	engine_set_tap(side->e, tap, side);
	engine_turn(side->e, w->now); /* sets the clock */
	host_setup(&side->host);
	if (s->ao)
		add_keys(side);
	err = engine_listen(side->e, &any, side->listen_port, s->backlog[i], s->engine[i].syn_queue, &side->listener);
	if (err)
		world_fail(w, "engine %c: listen: %s", "AB"[i], strerror(-err));
	else
		engine_listen_fastopen(side->e, side->listener, s->fastopen);
	return !err;
}

static void engine_stop(struct world *w, int i)
{
	struct engine *e = w->side[i].e;
	const uint64_t *stats = e ? engine_stats(e) : NULL;

	for (int k = 0; e && k < XTCP_USER_STATS; k++) {
		world_stats[k] += stats[k];
		hash_in(w, stats[k]);
	}
	if (e)
		engine_destroy(e);
	w->side[i].e = NULL;
}

static void side_stop(struct world *w, int i)
{
	struct side *side = &w->side[i];

	engine_stop(w, i);
	for (int k = 0; k < LINK_FATES; k++)
		world_fates[k] += side->out.fates[k];
	rules_stop(side);
	device_close(side);
	link_free(&side->out);
	free(side->waiting);
	side->waiting = NULL;
}

/* ---- time ---- */

static uint64_t side_next(const struct side *side)
{
	uint64_t at = side->port.rx_count || side->touched ? 0 : side->deadline;

	return at > side->last_turn ? at : side->last_turn;
}

static void turn(struct world *w, int i, uint64_t *idle)
{
	struct side *side = &w->side[i];
	const uint64_t *stats = engine_stats(side->e);
	uint64_t moved = stats[XTCP_USER_rx_frames] + stats[XTCP_USER_tx_frames];
	struct engine_event ev[8];
	int ready, n;

	side->touched = false;
	side->turns++;
	if (w->s->ao)
		change_keys(side);
	ready = engine_turn(side->e, w->now);
	if (ready < 0)
		world_fail(w, "engine %c: turn: %s", "AB"[i], strerror(-ready));
	side->last_turn = w->now + w->s->turn_ns[i];
	*idle = moved == stats[XTCP_USER_rx_frames] + stats[XTCP_USER_tx_frames] && !ready ? *idle + 1 : 0;
	if (*idle > IDLE_TURNS_MAX)
		world_fail(w, "engine %c spins: %llu turns without effect", "AB"[i], (unsigned long long)*idle);
	while (!w->why[0] && (n = engine_events(side->e, ev, (int)rng_range(&w->rng, 1, 8))) > 0)
		for (int k = 0; k < n && !w->why[0]; k++)
			if (ev[k].handle == side->listener || engine_conn(side->e, ev[k].handle))
				app_event(w, i, &ev[k]);
	side->deadline = engine_deadline(side->e);
	oracle_turn(w, i);
	rules_turn(w, i);
}

static uint64_t half_time(const struct world *w)
{
	return w->s->start_ns + (w->s->quiet_ns - w->s->start_ns) / 2;
}

static uint64_t next_time(const struct world *w)
{
	uint64_t next = app_deadline(w);

	next = w->forge_at < next ? w->forge_at : next;
	if (!w->half_time && half_time(w) < next && !app_all_done(w))
		next = half_time(w);
	if (!w->died && w->s->dies_ns < next)
		next = w->s->dies_ns;
	if (w->dead && w->s->returns_ns < next)
		next = w->s->returns_ns;
	for (int i = 0; i < 2; i++) {
		const struct side *side = &w->side[i];
		bool dead = i && w->dead;
		uint64_t at[] = { reseg_next(w, i), device_next(side), dead ? SIM_NEVER : side_next(side),
				  dead ? SIM_NEVER : side->host.neigh_at };

		for (int k = 0; k < 4; k++)
			next = at[k] < next ? at[k] : next;
	}
	return next;
}

/* Engine B stops in the middle of what it does; its kernel says nothing for it. */
static void die(struct world *w)
{
	trace_note(w, "B dies");
	w->dead = w->died = true;
	app_died(w);
}

/* It is started again and knows nothing: whoever speaks of the old connections gets a RST (RFC 9293 3.5.1). */
static void come_back(struct world *w)
{
	trace_note(w, "B starts again");
	w->dead = false;
	observe_forget(w);
	engine_stop(w, 1);
	side_start(w, 1);
}

static void change_mtu(struct world *w)
{
	w->half_time = true;
	for (int i = 0; i < (w->dead ? 1 : 2); i++) {
		engine_host_link(w->side[i].e, w->side[i].host.mac, w->s->mtu_later[i], true);
		w->side[i].touched = true;
	}
}

static void happen(struct world *w, uint64_t idle[2])
{
	if (!w->died && w->now >= w->s->dies_ns)
		die(w);
	if (w->dead && w->now >= w->s->returns_ns)
		come_back(w);
	if (!w->half_time && w->now >= half_time(w))
		change_mtu(w);
	if (w->now >= w->forge_at)
		forge_frame(w);
	device_run(&w->side[0]);
	device_run(&w->side[1]);
	deliver(w, 0);
	deliver(w, 1);
	for (int i = 0; i < 2; i++) {
		if (w->now < w->side[i].host.neigh_at || (i && w->dead))
			continue;
		host_news(&w->side[i].host);
		w->side[i].touched = true;
	}
	app_tick(w);
	for (int i = 0; i < (w->dead ? 1 : 2) && !w->why[0]; i++)
		if (w->now >= side_next(&w->side[i]))
			turn(w, i, &idle[i]);
}

static void loop(struct world *w)
{
	uint64_t limit = oracle_app_limit(w), idle[2] = { 0, 0 }, next;

	while (!w->why[0]) {
		bool done = app_all_done(w);

		if (w->s->stop_ns && w->now >= w->s->stop_ns)
			return;
		if (w->now < w->s->measure_ns)
			w->measured = w->end[1].received;

		if (done && !w->done_at)
			w->done_at = w->now;
		if (done && oracle_drained(w))
			return;
		next = next_time(w);
		if (next == SIM_NEVER || (!done && w->now > limit)) {
			if (w->died) {
				app_give_up(w);
				if (app_all_done(w))
					continue;
			}
			oracle_overdue(w);
			world_fail(w, "all are done, something is left, and no timer runs");
			return;
		}
		if (done && w->now > oracle_drain_limit(w))
			world_fail(w, "something is left long after all were done");
		w->now = next > w->now ? next : w->now;
		if (++w->events > EVENTS_MAX)
			world_fail(w, "no end after %llu events", (unsigned long long)w->events);
		happen(w, idle);
	}
}

bool world_run(struct world *w, const struct scenario *s, bool trace)
{
	w->s = s;
	w->now = s->start_ns;
	w->events = w->hash = w->done_at = 0;
	w->strays = 0;
	w->measured = 0;
	w->dead = w->died = w->half_time = false;
	w->box_rng = rng_make(s->seed, 6);
	w->side[0].waiting = w->side[1].waiting = NULL;
	memset(w->side[0].queue, 0, sizeof(w->side[0].queue));
	memset(w->side[1].queue, 0, sizeof(w->side[1].queue));
	for (int i = 0; i < 2; i++)
		link_init(&w->side[i].out, &s->link[i], s->quiet_ns, rng_make(s->seed, 10 + (uint64_t)i));
	w->rng = rng_make(s->seed, 2);
	w->trace = trace;
	w->why[0] = 0;
	w->side[0].e = w->side[1].e = NULL;
	app_init(w);
	forge_init(w);
	observe_init(w);
	if (side_start(w, 0) && side_start(w, 1)) {
		loop(w);
		if (!w->why[0] && !s->stop_ns)
			oracle_end(w);
		if (!w->why[0] && !s->stop_ns)
			observe_end(w);
	}
	w->waited_ns = w->side[0].out.waited_ns;
	w->waited = w->side[0].out.waited;
	hash_in(w, w->now);
	side_stop(w, 0);
	side_stop(w, 1);
	return !w->why[0];
}
