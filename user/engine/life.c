// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * life.c - a connection from its slot to its grave, and the lists it passes
 * through (see conn.h).
 *
 * Whatever changed a connection puts it on the dirty list; the output pass takes
 * it off, sends what is due and settles it: timer, events, death. So timers and
 * events are looked at once a turn, however many segments came. Only the output
 * pass frees a connection; nobody else need fear for his reference.
 */
#include "engine/private.h"

#include <errno.h>
#include "xtcp/flow.h"

/* ---- lists ---- */

void list_push(struct engine *e, struct list *l, uint32_t ref)
{
	struct conn *c = conn_at(e, ref);

	c->next = 0;
	c->prev = l->tail;
	if (l->tail)
		conn_at(e, l->tail)->next = ref;
	else
		l->head = ref;
	l->tail = ref;
	l->count++;
}

void list_remove(struct engine *e, struct list *l, uint32_t ref)
{
	struct conn *c = conn_at(e, ref);

	if (c->prev)
		conn_at(e, c->prev)->next = c->next;
	else
		l->head = c->next;
	if (c->next)
		conn_at(e, c->next)->prev = c->prev;
	else
		l->tail = c->prev;
	c->next = c->prev = 0;
	l->count--;
}

const char *list_check(const struct engine *e, const struct list *l, uint32_t life)
{
	uint32_t n = 0, prev = 0;

	for (uint32_t ref = l->head; ref; prev = ref, ref = conn_at(e, ref)->next) {
		if (ref > e->r->conns.fresh || ++n > l->count)
			return "list: too long";
		if (conn_at(e, ref)->prev != prev)
			return "list: broken links";
		if ((conn_at(e, ref)->life & life) != life)
			return "list: a member does not know it";
	}
	return n == l->count && l->tail == prev ? NULL : "list: count is wrong";
}

/* ---- slots and handles ---- */

uint32_t conn_new(struct engine *e)
{
	uint32_t ref = pool_take(e->r, &e->r->conns);
	struct tcp_cold *cold;
	struct conn *c;
	uint32_t generation;

	if (!ref)
		return 0;
	c = conn_at(e, ref);
	generation = c->generation;
	cold = &e->colds[ref - 1];
	if (c->tcp.flags & TCP_F_COLD) /* else it was never written to, and need not exist */
		memset(cold, 0, sizeof(*cold));
	memset(c, 0, sizeof(*c));
	tcp_cold_place(&c->tcp, cold);
	c->generation = generation ? generation : 1;
	c->life = CONN_USED;
	return ref;
}

/* Its handle is worth nothing from now on. */
static void retire_handle(struct conn *c)
{
	c->generation++;
	if (!c->generation)
		c->generation = 1;
}

void conn_drop(struct engine *e, uint32_t ref)
{
	struct conn *c = conn_at(e, ref);

	tcp_free(&e->env, &c->tcp);
	if (c->dst)
		dst_put(e, c->dst);
	retire_handle(c);
	c->life = 0;
	pool_give(e->r, &e->r->conns, ref);
}

uint64_t conn_handle(const struct engine *e, uint32_t ref)
{
	return handle_make(conn_at(e, ref)->generation, ref);
}

uint32_t conn_of_handle(const struct engine *e, uint64_t handle)
{
	uint32_t ref = (uint32_t)handle;
	const struct conn *c;

	if (!ref || ref > e->r->conns.fresh)
		return 0;
	c = conn_at(e, ref);
	return c->life & CONN_APP && c->generation == handle >> 32 ? ref : 0;
}

void conn_each(struct engine *e, void (*fn)(struct engine *e, uint32_t ref, const void *arg), const void *arg)
{
	for (uint32_t ref = 1; ref <= e->r->conns.fresh; ref++)
		if (conn_at(e, ref)->life & CONN_USED)
			fn(e, ref, arg);
}

/* ---- the XDP half's flow table: plain stores; a torn entry is a wrong hint and no more ---- */

static struct xtcp_flow *flow_home(const struct engine *e, const struct tcp_conn *t, uint32_t probe)
{
	uint32_t h = xtcp_flow_hash(&t->laddr, &t->raddr, t->lport, t->rport, e->flow_key);

	return &e->flows[(h + probe) & (XTCP_FLOWS - 1)];
}

void conn_flow_add(struct engine *e, uint32_t ref)
{
	struct conn *c = conn_at(e, ref);

	if (!e->flows || c->life & CONN_FLOW)
		return;
	for (uint32_t i = 0; i < XTCP_FLOW_PROBES; i++) {
		struct xtcp_flow *f = flow_home(e, &c->tcp, i);
		uint32_t empty = 0;

		/* Sisters look for a place too. */
		if (f->conn || !__atomic_compare_exchange_n(&f->conn, &empty, XTCP_FLOW_BUSY, false, __ATOMIC_ACQUIRE,
							    __ATOMIC_RELAXED))
			continue;
		f->local = c->tcp.laddr;
		f->remote = c->tcp.raddr;
		f->local_port = c->tcp.lport;
		f->remote_port = c->tcp.rport;
		__atomic_store_n(&f->conn, e->flow_tag | ref, __ATOMIC_RELEASE);
		c->life |= CONN_FLOW;
		return;
	}
}

void conn_flow_erase(struct engine *e, uint32_t ref)
{
	struct conn *c = conn_at(e, ref);

	if (!(c->life & CONN_FLOW))
		return;
	c->life &= ~(uint32_t)CONN_FLOW;
	for (uint32_t i = 0; e->flows && i < XTCP_FLOW_PROBES; i++) {
		struct xtcp_flow *f = flow_home(e, &c->tcp, i);

		if (f->conn == (e->flow_tag | ref)) {
			__atomic_store_n(&f->conn, 0, __ATOMIC_RELAXED);
			return;
		}
	}
}

/* ---- in and out of the demux ---- */

void conn_hash(struct engine *e, uint32_t ref)
{
	struct conn *c = conn_at(e, ref);

	c->hash = demux_hash(e, &c->tcp.laddr, &c->tcp.raddr, c->tcp.lport, c->tcp.rport);
	c->life |= CONN_HASHED;
	demux_insert(e, c->hash, ref);
}

void conn_unhash(struct engine *e, uint32_t ref)
{
	struct conn *c = conn_at(e, ref);

	if (!(c->life & CONN_HASHED))
		return;
	c->life &= ~(uint32_t)CONN_HASHED;
	conn_flow_erase(e, ref);
	demux_remove(e, c->hash, ref);
	port_give(e, c->addr_index, wire_swap16(c->tcp.lport));
}

/* ---- after a change ---- */

void conn_append(struct engine *e, struct list *l, uint32_t ref)
{
	struct conn *c = conn_at(e, ref);

	c->life |= CONN_DIRTY;
	c->dirty_next = 0;
	if (l->tail)
		conn_at(e, l->tail)->dirty_next = ref;
	else
		l->head = ref;
	l->tail = ref;
	l->count++;
}

void conn_dirty(struct engine *e, uint32_t ref)
{
	if (!(conn_at(e, ref)->life & CONN_DIRTY))
		conn_append(e, &e->r->dirty, ref);
}

void conn_ready(struct engine *e, uint32_t ref)
{
	struct conn *c = conn_at(e, ref);

	if (!c->tcp.events || (c->life & (CONN_APP | CONN_READY)) != CONN_APP)
		return;
	c->life |= CONN_READY;
	list_push(e, &e->r->ready, ref);
}

/* A RST that is owed goes first, as long as there is something to send it through. */
static bool conn_dead(const struct engine *e, const struct conn *c)
{
	return c->tcp.state == TCP_CLOSED && (!(c->tcp.flags & TCP_F_RST) || e->r->gone);
}

static void handshake_over(struct engine *e, uint32_t ref)
{
	if (conn_at(e, ref)->life & CONN_FAST)
		fastopen_settled(e, ref);
	else if (!listener_defers(e, ref))
		listener_promote(e, ref);
}

/* A segment of the same burst may already want its four-tuple for something new. */
void conn_after_input(struct engine *e, uint32_t ref)
{
	struct conn *c = conn_at(e, ref);

	if (unlikely(c->life & (CONN_HALF | CONN_FAST)) && c->tcp.state != TCP_SYN_RECEIVED)
		handshake_over(e, ref);
	if (unlikely(conn_dead(e, c)))
		conn_unhash(e, ref);
	conn_dirty(e, ref);
}

void conn_arm(struct engine *e, uint32_t ref)
{
	struct conn *c = conn_at(e, ref);
	uint64_t deadline = tcp_deadline(&c->tcp), tick;

	if (deadline == TCP_NEVER)
		return;
	tick = wheel_tick(deadline);
	if (c->timer.slot) { /* an earlier one fires and finds out */
		if (likely(c->timer.tick <= tick))
			return;
		wheel_cancel(&e->r->wheel, &e->timers, ref);
	}
	wheel_arm(&e->r->wheel, &e->timers, ref, tick);
}

static void conn_free(struct engine *e, uint32_t ref)
{
	struct conn *c = conn_at(e, ref);

	conn_unhash(e, ref);
	if (c->life & (CONN_HALF | CONN_QUEUED))
		listener_forget(e, ref);
	if (c->life & CONN_FAST)
		fastopen_settled(e, ref);
	if (unlikely(c->tcp.fastopen & TCP_FO_TEXT))
		fastopen_end(e, ref);
	wheel_cancel(&e->r->wheel, &e->timers, ref);
	conn_drop(e, ref);
}

bool conn_settle(struct engine *e, uint32_t ref)
{
	struct conn *c = conn_at(e, ref);

	if (unlikely(c->life & CONN_DIRTY)) /* changed again meanwhile (its MTU): what is in the list is not freed */
		return true;
	if (unlikely(c->life & (CONN_HALF | CONN_FAST)) && c->tcp.state != TCP_SYN_RECEIVED)
		handshake_over(e, ref);
	if (unlikely(conn_dead(e, c))) {
		conn_unhash(e, ref);
		if (c->life & CONN_GONE) {
			conn_free(e, ref);
			return false;
		}
	} else if (unlikely(c->tcp.state == TCP_TIME_WAIT) && c->life & CONN_GONE && tcp_tw_ready(&c->tcp)) {
		tw_enter(e, ref);
		conn_free(e, ref);
		return false;
	}
	if (unlikely(c->tcp.events & TCP_EV_PATH_MTU)) {
		c->tcp.events &= ~(uint32_t)TCP_EV_PATH_MTU;
		if (c->dst)
			dst_learn_mtu(e, ref);
	}
	if (unlikely(c->tcp.events & TCP_EV_FASTOPEN))
		fastopen_learn(e, ref);
	if (unlikely(c->tcp.events & TCP_EV_ECN))
		dst_learn_ecn(e, ref);
	conn_arm(e, ref);
	conn_ready(e, ref);
	return true;
}

/* ---- the application lets go ---- */

static int let_go(struct engine *e, uint64_t handle, bool abort)
{
	uint32_t ref = conn_of_handle(e, handle);
	struct conn *c;

	if (!ref)
		return -EBADF;
	c = conn_at(e, ref);
	if (c->life & CONN_READY)
		list_remove(e, &e->r->ready, ref);
	c->life &= ~(uint32_t)(CONN_READY | CONN_APP);
	c->life |= CONN_GONE;
	retire_handle(c);
	if (abort) {
		c->tcp.flags |= TCP_F_ORPHAN;
		tcp_abort(&e->env, &c->tcp, ECONNABORTED);
	} else {
		tcp_close(&e->env, &c->tcp, e->r->now_ns);
	}
	conn_dirty(e, ref);
	return 0;
}

int engine_close(struct engine *e, uint64_t handle)
{
	return let_go(e, handle, false);
}

int engine_abort(struct engine *e, uint64_t handle)
{
	return let_go(e, handle, true);
}
