// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * engine.c - life of an engine, its turn, its deadline, its events. See engine.h.
 */
#include "engine/private.h"

#include <errno.h>
#include <stdlib.h>
#include "lib/fail.h"

#define RETRY_NS 1000000ull /* how soon a full transmit ring is looked at again */

static void set_pointers(struct engine *e)
{
	struct region *r = e->r;

	e->conns = region_at(r, r->conns.off);
	e->colds = region_at(r, r->off_colds);
	e->aos = region_at(r, r->off_aos);
	e->tws = region_at(r, r->tws.off);
	e->demux = region_at(r, r->off_demux);
	e->frames = region_at(r, r->off_frames);
	e->port_use = region_at(r, r->off_port_use);
	e->listen_heads = region_at(r, r->off_listen_heads);
	e->area = region_at(r, r->off_area);
	e->timers.first = &e->conns[0].timer;
	e->timers.stride = sizeof(struct conn);
	e->env.mem = region_at(r, r->off_mem);
	e->env.stats = r->stats;
	e->env.conf = r->conf.tcp;
	memcpy(e->env.isn_key, &r->conf.seed[0], sizeof(e->env.isn_key));
	memcpy(e->env.ts_key, &r->conf.seed[2], sizeof(e->env.ts_key));
	memcpy(e->fast_key, &r->conf.seed[8], sizeof(e->fast_key));
}

static struct engine *new_engine(void)
{
	struct engine *e;

	if (posix_memalign((void **)&e, 64, sizeof(*e)))
		return NULL;
	memset(e, 0, sizeof(*e));
	e->fd = -1;
	return e;
}

int engine_create(struct engine **out, const struct engine_conf *conf)
{
	struct engine_conf c = *conf;
	struct engine *e = new_engine();
	int err;

	if (!c.max_dsts)
		c.max_dsts = 1024;
	if (!c.max_listeners)
		c.max_listeners = 64;
	if (!e)
		return fail(ENOMEM, "out of memory for an engine");
	err = region_create(&c, &e->r, &e->fd);
	if (err) {
		free(e);
		return err;
	}
	set_pointers(e);
	*out = e;
	return 0;
}

int engine_open_shared(struct engine **out, int fd)
{
	struct engine *e = new_engine();
	int err;

	if (!e)
		return fail(ENOMEM, "out of memory for an engine");
	err = region_open(fd, &e->r);
	if (err) {
		free(e);
		return err;
	}
	set_pointers(e);
	*out = e;
	return 0;
}

void engine_restart(struct engine *e)
{
	region_restart(e->r, e->fd);
	e->committed = false;
}

void engine_close_shared(struct engine *e)
{
	region_destroy(e->r, -1);
	free(e);
}

static void give_ports_back(struct engine *e)
{
	listener_close_all(e);
	port_pool_clear(e, UINT64_MAX);
	while (e->r->tw_list.head)
		tw_free(e, e->r->tw_list.head);
	for (uint32_t ref = 1; ref <= e->r->conns.fresh; ref++)
		if (conn_at(e, ref)->life & CONN_USED)
			conn_unhash(e, ref);
}

void engine_destroy(struct engine *e)
{
	if (!e)
		return;
	e->port = NULL; /* closed by its owner, perhaps already */
	give_ports_back(e);
	region_destroy(e->r, e->fd);
	free(e);
}

struct io_frames *engine_frames(struct engine *e)
{
	return e->frames;
}

uint8_t *engine_area(struct engine *e)
{
	return e->area;
}

int engine_region_fd(const struct engine *e)
{
	return e->fd;
}

/* With port NULL: let go of the port before it is closed; frames that wait for neighbours go back to it. */
void engine_attach(struct engine *e, struct io_port *port, const struct host_ops *ops, void *host)
{
	if (!port && e->port)
		dst_cancel_held(e);
	e->port = port;
	if (port) {
		e->ops = ops;
		e->host = host;
	}
}

void engine_set_flows(struct engine *e, struct xtcp_flow *flows, uint64_t key)
{
	e->flows = flows;
	e->flow_key = key;
}

void engine_set_sisters(struct engine *e, struct sisters *s, uint32_t seat)
{
	e->sisters = s;
	e->seat = seat;
	e->flow_tag = seat << XTCP_FLOW_ENGINE_SHIFT;
}

void engine_set_place(struct engine *e, const struct engine_place *place)
{
	e->r->place = *place;
}

void engine_set_tap(struct engine *e, engine_tap_fn fn, void *arg)
{
	e->tap = fn;
	e->tap_arg = arg;
}

/* ---- the loop ---- */

static void expire(struct engine *e, struct conn *c)
{
	uint8_t backoff = c->tcp.backoff;

	tcp_expire(&e->env, &c->tcp, e->r->now_ns);
	if (c->tcp.backoff > backoff && tcp_path_doubtful(&e->env, &c->tcp) && c->dst)
		dst_doubt(e, c->dst);
}

static void run_timers(struct engine *e, uint64_t to)
{
	uint32_t ref;

	while ((ref = wheel_pop(&e->r->wheel, &e->timers, to))) {
		struct conn *c = conn_at(e, ref);

		if (tcp_deadline(&c->tcp) > e->r->now_ns) { /* it has moved meanwhile */
			conn_arm(e, ref);
			continue;
		}
		expire(e, c);
		conn_dirty(e, ref); /* settling arms it again */
	}
}

int engine_take_in(struct engine *e, uint64_t now_ns)
{
	if (unlikely(!e->port))
		return -ENODEV;
	e->r->now_ns = now_ns;
	input_burst(e);
	return (int)(e->r->ready.count + e->r->ready_listeners.count);
}

int engine_turn(struct engine *e, uint64_t now_ns)
{
	struct region *r = e->r;
	uint64_t tick = now_ns >> WHEEL_SHIFT;
	int err;

	if (unlikely(engine_take_in(e, now_ns) < 0))
		return -ENODEV;
	count(e, turns);
	if (e->sisters && unlikely(sisters_pending(e->sisters, e->seat)))
		handover_input(e);
	if (unlikely(wheel_next(&r->wheel) <= tick))
		run_timers(e, tick);
	else if (likely(tick > r->wheel.now))
		r->wheel.now = tick;
	if (unlikely(r->tw_list.head) && tw_at(e, r->tw_list.head)->tcp.expires_ns <= now_ns)
		tw_expire(e);
	pressure_turn(e);
	if (r->dirty.head)
		output_pass(e);
	if (e->committed || e->frames->in_tx) {
		e->committed = false;
		err = e->port->ops->tx_flush(e->port);
		if (unlikely(err && err != -ENETDOWN))
			e->r->gone = err;
	}
	if (unlikely(e->r->gone))
		return e->r->gone;
	return (int)(r->ready.count + r->ready_listeners.count);
}

uint64_t engine_deadline(const struct engine *e)
{
	const struct region *r = e->r;
	uint64_t at = wheel_next(&r->wheel), tw;

	if ((r->dirty.head && !r->tx_blocked) || e->committed)
		return 0;
	if (e->sisters && sisters_pending(e->sisters, e->seat))
		return 0;
	at = at == WHEEL_NEVER ? TCP_NEVER : at << WHEEL_SHIFT;
	if (r->tw_list.head) {
		tw = tw_at(e, r->tw_list.head)->tcp.expires_ns;
		if (tw < at)
			at = tw;
	}
	if (r->tx_blocked && r->now_ns + RETRY_NS < at)
		at = r->now_ns + RETRY_NS;
	return at;
}

/* The errno that goes with its events. */
static int32_t event_error(const struct tcp_conn *c)
{
	if (c->events & TCP_EV_ERROR)
		return c->error;
	if (c->events & TCP_EV_SOFT_ERROR)
		return c->soft_error ? c->soft_error : ETIMEDOUT;
	return 0;
}

int engine_events(struct engine *e, struct engine_event *ev, int max)
{
	struct list *l = &e->r->ready;
	int n = listener_events(e, ev, max);

	while (l->head && n < max) {
		uint32_t ref = l->head;
		struct conn *c = conn_at(e, ref);

		list_remove(e, l, ref);
		c->life &= ~(uint32_t)CONN_READY;
		ev[n++] = (struct engine_event){
			.handle = conn_handle(e, ref),
			.user = c->user,
			.events = c->tcp.events,
			.error = event_error(&c->tcp),
		};
		c->tcp.events = 0;
	}
	return n;
}

/* ---- sockets ---- */

struct tcp_conn *engine_conn(struct engine *e, uint64_t handle)
{
	uint32_t ref = conn_of_handle(e, handle);

	return ref ? &conn_at(e, ref)->tcp : NULL;
}

struct tcp_env *engine_env(struct engine *e)
{
	return &e->env;
}

uint64_t engine_now(const struct engine *e)
{
	return e->r->now_ns;
}

void engine_clock(struct engine *e, uint64_t now_ns)
{
	if (now_ns > e->r->now_ns)
		e->r->now_ns = now_ns;
}

void engine_touch(struct engine *e, uint64_t handle)
{
	uint32_t ref = conn_of_handle(e, handle);

	if (ref)
		conn_dirty(e, ref);
}

/* ---- addresses ---- */

static void abort_addr(struct engine *e, uint32_t ref, const void *arg)
{
	struct conn *c = conn_at(e, ref);

	if (c->addr_index != *(const uint32_t *)arg || !(c->life & CONN_HASHED))
		return;
	tcp_abort(&e->env, &c->tcp, EADDRNOTAVAIL);
	c->tcp.flags &= ~(uint32_t)TCP_F_RST; /* nobody may send from there any more */
	if (c->life & CONN_HALF)
		listener_promote(e, ref);
	conn_unhash(e, ref);
	conn_dirty(e, ref);
}

static void addr_removed(struct engine *e, uint32_t index)
{
	uint32_t next;

	conn_each(e, abort_addr, &index);
	for (uint32_t ref = e->r->tw_list.head; ref; ref = next) {
		next = tw_at(e, ref)->next;
		if (tw_at(e, ref)->addr_index == index)
			tw_free(e, ref);
	}
	port_pool_clear(e, 1ull << index);
	listener_addr(e, index, false);
	e->r->addrs &= ~(1ull << index);
}

void engine_host_addr(struct engine *e, const struct xtcp_addr *addr, uint32_t index, bool added)
{
	struct region *r = e->r;

	if (index >= XTCP_MAX_ADDRS)
		return;
	if (r->addrs >> index & 1 && !(added && addr_eq(&r->addr[index], addr)))
		addr_removed(e, index);
	if (!added)
		return;
	r->addr[index] = *addr;
	r->addrs |= 1ull << index;
	listener_addr(e, index, true);
}

void engine_host_neigh(struct engine *e, const struct xtcp_addr *next_hop, const uint8_t mac[6])
{
	dst_neigh(e, next_hop, mac);
}

/* ---- looking in ---- */

void engine_counts(struct engine *e, struct engine_counts *out)
{
	const struct region *r = e->r;

	*out = (struct engine_counts){
		.conns = r->conns.used,
		.time_waits = r->tws.used,
		.listeners = r->listeners.used,
		.buffer_used = e->env.mem->used,
		.buffer_peak = e->env.mem->peak,
		.mem_pressed = mem_pressed(e->env.mem),
		.frames_lost = e->port ? e->port->ops->lost(e->port) : 0,
	};
}

const uint64_t *engine_stats(const struct engine *e)
{
	return e->r->stats;
}

uint32_t engine_max_conns(const struct engine *e)
{
	return e->r->conns.cap;
}

bool engine_has_addr(const struct engine *e, const struct xtcp_addr *a)
{
	return addr_index(e, a) >= 0;
}
