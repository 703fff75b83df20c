// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * listen.c - passive OPEN: listeners, their half-open lists and accept queues
 * (RFC 9293 3.9.1.1, 3.10.7.2).
 *
 * Bounds: a SYN is dropped when the half-open list is full, or when as many
 * connections wait to be accepted as the backlog allows. What is half-open may
 * always complete, so no peer that got our SYN-ACK is left hanging; the accept
 * queue holds at most backlog + syn_queue.
 *
 * Invariant: a listener holds one reference to its port on each address in covers.
 */
#include "engine/private.h"

#include <errno.h>
#include "lib/fail.h"

#define NS_PER_MS 1000000ull

static uint32_t listener_ref(const struct engine *e, const struct listener *l)
{
	return (uint32_t)(l - (const struct listener *)pool_at(e->r, &e->r->listeners, 1)) + 1;
}

struct listener *listener_of_handle(const struct engine *e, uint64_t handle)
{
	uint32_t ref = (uint32_t)handle & ~HANDLE_LISTENER;
	struct listener *l;

	if (!((uint32_t)handle & HANDLE_LISTENER) || !ref || ref > e->r->listeners.fresh)
		return NULL;
	l = listener_at(e, ref);
	return l->kind && l->generation == handle >> 32 ? l : NULL;
}

static uint64_t handle_of(const struct engine *e, const struct listener *l)
{
	return handle_make(l->generation, listener_ref(e, l) | HANDLE_LISTENER);
}

/* ---- which listener ---- */

static bool covers_addr(const struct listener *l, const struct xtcp_addr *a)
{
	switch (l->kind) {
	case LISTEN_EXACT: return addr_eq(&l->addr, a);
	case LISTEN_ANY_V4: return addr_is_v4(a);
	case LISTEN_ANY_V6: return !addr_is_v4(a);
	default: return true;
	}
}

/* The most specific listener of our address and port (network order), or NULL. */
struct listener *listener_find(struct engine *e, const struct xtcp_addr *addr, uint16_t port)
{
	struct listener *best = NULL;

	for (uint32_t ref = e->listen_heads[wire_swap16(port)]; ref;) {
		struct listener *l = listener_at(e, ref);

		if (covers_addr(l, addr) && (!best || l->kind > best->kind))
			best = l;
		ref = l->port_next;
	}
	return best;
}

/* ---- events ---- */

static void ready(struct engine *e, struct listener *l)
{
	struct list *list = &e->r->ready_listeners;

	if (l->ready)
		return;
	l->ready = 1;
	l->next = 0;
	l->prev = list->tail;
	if (list->tail)
		listener_at(e, list->tail)->next = listener_ref(e, l);
	else
		list->head = listener_ref(e, l);
	list->tail = listener_ref(e, l);
	list->count++;
}

static void unready(struct engine *e, struct listener *l)
{
	struct list *list = &e->r->ready_listeners;

	if (!l->ready)
		return;
	l->ready = 0;
	if (l->prev)
		listener_at(e, l->prev)->next = l->next;
	else
		list->head = l->next;
	if (l->next)
		listener_at(e, l->next)->prev = l->prev;
	else
		list->tail = l->prev;
	list->count--;
}

int listener_events(struct engine *e, struct engine_event *ev, int max)
{
	struct list *list = &e->r->ready_listeners;
	int n = 0;

	while (list->head && n < max) {
		struct listener *l = listener_at(e, list->head);

		unready(e, l);
		if (l->accept.count)
			ev[n++] = (struct engine_event){ .handle = handle_of(e, l), .user = l->user, .events = 0x01 };
	}
	return n;
}

/* ---- segments ---- */

/* Destination and source fit for a connection; room in the queues. */
static bool may_open(struct engine *e, const struct listener *l)
{
	if (l->accept.count >= l->backlog) {
		count(e, in_accept_queue_full);
		return false;
	}
	if (l->half_open.count >= l->syn_queue) {
		count(e, in_syn_queue_full);
		return false;
	}
	return true;
}

static void open_passive(struct engine *e, struct listener *l, const struct rx_item *it, const struct tcp_seg *syn)
{
	struct tcp_open o = {
		.laddr = it->ip.daddr, .raddr = it->ip.saddr, .lport = it->tcp.dport, .rport = it->tcp.sport
	};
	int index = addr_index(e, &o.laddr);
	uint32_t ref, dst;
	struct conn *c;

	if (dst_get(e, &o.raddr, &o.laddr, &dst)) {
		count(e, out_no_route);
		return;
	}
	ref = conn_new(e);
	if (!ref || index < 0 || port_take(e, (uint32_t)index, wire_swap16(o.lport))) {
		count(e, in_no_memory);
		dst_put(e, dst);
		if (ref)
			conn_drop(e, ref);
		return;
	}
	c = conn_at(e, ref);
	c->dst = dst;
	c->addr_index = (uint32_t)index;
	c->listener = listener_ref(e, l);
	dst_open(e, dst, &o);
	o.mss_cap = l->mss_cap;
	o.sig_bytes = sig_bytes(e, &o);
	tcp_accept_syn(&e->env, &c->tcp, &o, syn, e->r->now_ns);
	if (dst_at(e, dst)->hop_limit)
		c->tcp.ttl = dst_at(e, dst)->hop_limit;
	if (o.sig_bytes == AO_OPTION_BYTES)
		ao_open(e, ref);
	c->life |= CONN_HALF;
	list_push(e, &l->half_open, ref);
	conn_hash(e, ref);
	if (e->sisters && !sisters_alone(e->sisters))
		conn_flow_add(e, ref); /* its SYN may come again at a sister's queue */
	if (unlikely(l->fast_max && !o.sig_bytes) && fastopen_wanted(l, syn) && fastopen_syn(e, l, ref, syn))
		listener_promote(e, ref);
	conn_dirty(e, ref);
}

bool listener_input(struct engine *e, struct listener *l, const struct rx_item *it, const struct tcp_seg *seg)
{
	switch (tcp_listen_input(&e->env, seg)) {
	case TCP_LISTEN_RST: return true;
	case TCP_LISTEN_SYN:
		if (may_open(e, l))
			open_passive(e, l, it, seg);
		return false;
	default: return false;
	}
}

void listener_forget(struct engine *e, uint32_t ref)
{
	struct conn *c = conn_at(e, ref);
	struct listener *l = listener_at(e, c->listener);

	list_remove(e, c->life & CONN_HALF ? &l->half_open : &l->accept, ref);
	c->life &= ~(uint32_t)(CONN_HALF | CONN_QUEUED);
	if (!(c->life & CONN_FAST))
		c->listener = 0;
}

void listener_promote(struct engine *e, uint32_t ref)
{
	struct conn *c = conn_at(e, ref);
	struct listener *l = listener_at(e, c->listener);

	if (c->tcp.state == TCP_CLOSED) { /* died before anyone knew of it */
		listener_forget(e, ref);
		c->life |= CONN_GONE;
		return;
	}
	list_remove(e, &l->half_open, ref);
	c->life = (c->life & ~(uint32_t)CONN_HALF) | CONN_QUEUED;
	list_push(e, &l->accept, ref);
	conn_flow_add(e, ref);
	ready(e, l);
}

/*
 * Established, and its listener waits for what the peer says first. Nobody has corked it yet, nor closed it: its deadline for that is free
 * to end the waiting.
 */
bool listener_defers(struct engine *e, uint32_t ref)
{
	struct conn *c = conn_at(e, ref);
	const struct listener *l = listener_at(e, c->listener);

	if (!(c->life & CONN_DEFERRED)) {
		if (!l->defer_ms || c->tcp.state != TCP_ESTABLISHED || c->tcp.rcvq.len)
			return false;
		c->life |= CONN_DEFERRED;
		c->tcp.misc_deadline = e->r->now_ns + l->defer_ms * NS_PER_MS;
		return true;
	}
	if (c->tcp.state == TCP_ESTABLISHED && !c->tcp.rcvq.len && c->tcp.misc_deadline != TCP_NEVER)
		return true;
	c->life &= ~(uint32_t)CONN_DEFERRED;
	if (c->tcp.state != TCP_CLOSED)
		c->tcp.misc_deadline = TCP_NEVER;
	return false;
}

int engine_listen_defer(struct engine *e, uint64_t handle, uint32_t ms)
{
	struct listener *l = listener_of_handle(e, handle);

	if (!l)
		return -EBADF;
	l->defer_ms = ms;
	return 0;
}

/* ---- opening ---- */

/* Hold the port on one more address. */
static int cover(struct engine *e, struct listener *l, uint32_t index)
{
	int err;

	if (l->covers >> index & 1)
		return 0;
	err = port_take(e, index, l->port);
	if (err)
		return err;
	l->covers |= 1ull << index;
	port_listen(e, index, l->port, 1);
	return 0;
}

static void uncover(struct engine *e, struct listener *l, uint64_t indices)
{
	for (indices &= l->covers; indices; indices &= indices - 1) {
		uint32_t index = (uint32_t)__builtin_ctzll(indices);

		l->covers &= ~(1ull << index);
		port_listen(e, index, l->port, -1);
		port_give(e, index, l->port);
	}
}

/* A wildcard does not fail for an address that cannot be bound just now (tentative, going away). */
static int cover_all(struct engine *e, struct listener *l)
{
	for (uint64_t left = e->r->addrs; left; left &= left - 1) {
		uint32_t index = (uint32_t)__builtin_ctzll(left);
		int err;

		if (!covers_addr(l, &e->r->addr[index]))
			continue;
		err = cover(e, l, index);
		if (err && (err != -EADDRNOTAVAIL || l->kind == LISTEN_EXACT)) {
			uncover(e, l, UINT64_MAX);
			return err;
		}
	}
	return l->covers ? 0 : -EADDRNOTAVAIL;
}

/* Let the host choose on this address, then ask for the same on the others. */
static int cover_any_port_of(struct engine *e, struct listener *l, uint32_t index)
{
	int err = -EADDRINUSE;

	for (int tries = 0; tries < 16 && err == -EADDRINUSE; tries++) {
		int port = port_take_any(e, index);

		if (port < 0)
			return port;
		l->port = (uint16_t)port;
		err = cover_all(e, l);
		port_give(e, index, l->port); /* cover has taken its own */
	}
	return err;
}

/* The first address that can be bound leads; see cover_all. */
static int cover_any_port(struct engine *e, struct listener *l)
{
	int err = -EADDRNOTAVAIL;

	for (uint64_t left = e->r->addrs; left && err == -EADDRNOTAVAIL; left &= left - 1) {
		uint32_t index = (uint32_t)__builtin_ctzll(left);

		if (covers_addr(l, &e->r->addr[index]))
			err = cover_any_port_of(e, l, index);
	}
	return err;
}

static bool port_taken(struct engine *e, const struct listener *l)
{
	for (uint32_t ref = e->listen_heads[l->port]; ref; ref = listener_at(e, ref)->port_next) {
		const struct listener *o = listener_at(e, ref);

		if (o->kind == l->kind && (o->kind != LISTEN_EXACT || addr_eq(&o->addr, &l->addr)))
			return true;
	}
	return false;
}

static int listen_failed(int err, const struct listener *l, uint16_t port)
{
	char text[ADDR_TEXT];

	addr_port_text(&l->addr, port, text);
	switch (err) {
	case -EADDRINUSE:
		return fail(EADDRINUSE, "cannot listen on %s: the port is in use here or by a local program", text);
	case -EADDRNOTAVAIL: return fail(EADDRNOTAVAIL, "cannot listen on %s: not an address of the interface", text);
	default: return fail(-err, "cannot listen on %s: %s", text, strerror(-err));
	}
}

static void listener_init(struct listener *l, const struct xtcp_addr *addr, uint16_t port)
{
	uint32_t generation = l->generation;

	memset(l, 0, sizeof(*l));
	l->generation = generation ? generation : 1;
	l->addr = *addr;
	l->port = port;
	l->kind = LISTEN_EXACT;
	if (addr_is_any(addr))
		l->kind = addr_is_v4(addr) ? LISTEN_ANY_V4 : LISTEN_ANY;
}

static void listener_free(struct engine *e, struct listener *l)
{
	l->kind = 0;
	l->generation++;
	pool_give(e->r, &e->r->listeners, listener_ref(e, l));
}

static int listen_as(struct engine *e, const struct xtcp_addr *addr, uint16_t port, uint32_t backlog,
		     uint32_t syn_queue, bool v6only, uint64_t *out)
{
	static const struct xtcp_addr any;
	struct listener *l;
	uint32_t ref;
	int err;

	if (addr && addr_is_multicast(addr))
		return fail(EINVAL, "cannot listen on a multicast or broadcast address");
	ref = pool_take(e->r, &e->r->listeners);
	if (!ref)
		return fail(EMFILE, "cannot listen: all %u listeners are in use (max_listeners)", e->r->listeners.cap);
	l = listener_at(e, ref);
	listener_init(l, addr ? addr : &any, port);
	if (v6only && l->kind == LISTEN_ANY)
		l->kind = LISTEN_ANY_V6;
	l->backlog = backlog ? backlog : 1024;
	l->syn_queue = syn_queue ? syn_queue : e->r->conf.syn_queue ? e->r->conf.syn_queue : 1024;
	if (port)
		err = port_taken(e, l) ? -EADDRINUSE : cover_all(e, l);
	else
		err = cover_any_port(e, l);
	if (err) {
		err = listen_failed(err, l, port);
		listener_free(e, l);
		return err;
	}
	l->port_next = e->listen_heads[l->port];
	e->listen_heads[l->port] = ref;
	*out = handle_of(e, l);
	return 0;
}

int engine_listen(struct engine *e, const struct xtcp_addr *addr, uint16_t port, uint32_t backlog, uint32_t syn_queue,
		  uint64_t *out)
{
	return listen_as(e, addr, port, backlog, syn_queue, false, out);
}

int engine_listen_v6only(struct engine *e, uint16_t port, uint32_t backlog, uint32_t syn_queue, uint64_t *out)
{
	return listen_as(e, NULL, port, backlog, syn_queue, true, out);
}

/* An address came or went. */
void listener_addr(struct engine *e, uint32_t index, bool added)
{
	for (uint32_t ref = 1; ref <= e->r->listeners.fresh; ref++) {
		struct listener *l = listener_at(e, ref);

		if (!l->kind)
			continue;
		if (!added)
			uncover(e, l, 1ull << index);
		else if (covers_addr(l, &e->r->addr[index]))
			cover(e, l, index); /* a port that a local program has there stays his */
	}
}

/* ---- closing ---- */

static void reset_list(struct engine *e, const struct list *list)
{
	while (list->head) {
		uint32_t ref = list->head;
		struct conn *c = conn_at(e, ref);

		listener_forget(e, ref);
		c->life |= CONN_GONE;
		c->tcp.flags |= TCP_F_ORPHAN;
		tcp_abort(&e->env, &c->tcp, ECONNABORTED);
		conn_dirty(e, ref);
	}
}

static void close_one(struct engine *e, struct listener *l)
{
	uint32_t *at = &e->listen_heads[l->port];

	while (*at != listener_ref(e, l))
		at = &listener_at(e, *at)->port_next;
	*at = l->port_next;
	unready(e, l);
	reset_list(e, &l->half_open);
	reset_list(e, &l->accept);
	if (l->fast_pending)
		fastopen_close(e, l);
	uncover(e, l, UINT64_MAX);
	listener_free(e, l);
}

int engine_listen_close(struct engine *e, uint64_t handle)
{
	struct listener *l = listener_of_handle(e, handle);

	if (!l)
		return -EBADF;
	close_one(e, l);
	return 0;
}

void listener_close_all(struct engine *e)
{
	for (uint32_t ref = 1; ref <= e->r->listeners.fresh; ref++)
		if (listener_at(e, ref)->kind)
			close_one(e, listener_at(e, ref));
}

int engine_listen_maxseg(struct engine *e, uint64_t handle, uint16_t bytes)
{
	struct listener *l = listener_of_handle(e, handle);

	if (!l)
		return -EBADF;
	l->mss_cap = bytes;
	return 0;
}

int engine_listener_port(struct engine *e, uint64_t handle)
{
	const struct listener *l = listener_of_handle(e, handle);

	return l ? l->port : -EBADF;
}

uint32_t engine_accept_queue(struct engine *e, uint64_t handle)
{
	const struct listener *l = listener_of_handle(e, handle);

	return l ? l->accept.count : 0;
}

int engine_accept(struct engine *e, uint64_t handle, uint64_t *out)
{
	struct listener *l = listener_of_handle(e, handle);
	struct conn *c;
	uint32_t ref;

	if (!l)
		return -EBADF;
	ref = l->accept.head;
	if (!ref)
		return -EAGAIN;
	listener_forget(e, ref);
	c = conn_at(e, ref);
	c->life |= CONN_APP;
	c->user = 0;
	c->tcp.events &= ~(uint32_t)TCP_EV_OPEN; /* accepting it says so */
	conn_ready(e, ref);
	*out = conn_handle(e, ref);
	return 0;
}

int engine_set_user(struct engine *e, uint64_t handle, uint64_t user)
{
	struct listener *l = listener_of_handle(e, handle);
	uint32_t ref;

	if (l) {
		l->user = user;
		return 0;
	}
	ref = conn_of_handle(e, handle);
	if (!ref)
		return -EBADF;
	conn_at(e, ref)->user = user;
	return 0;
}

const char *listener_check(struct engine *e)
{
	uint32_t used = 0;

	for (uint32_t ref = 1; ref <= e->r->listeners.fresh; ref++) {
		const struct listener *l = listener_at(e, ref);
		const char *why;

		if (!l->kind)
			continue;
		used++;
		why = list_check(e, &l->half_open, CONN_USED | CONN_HALF);
		if (!why)
			why = list_check(e, &l->accept, CONN_USED | CONN_QUEUED);
		if (why)
			return why;
		if (l->half_open.count > l->syn_queue || l->accept.count > (uint64_t)l->backlog + l->syn_queue)
			return "listener: a queue is past its bound";
	}
	return used == e->r->listeners.used ? NULL : "listener: count is wrong";
}
