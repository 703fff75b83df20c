// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sock.c - the sockets of a run and who holds them. A socket lives while any process has a descriptor of it: each process has a bit
 * for each socket, so that what a dead one held can be given up by the keeper.
 */
#include "run/run.h"

#include <string.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include "engine/engine.h"
#include "api/private.h"
#include "lib/addr.h"

static uint32_t *bucket(struct run *r, uint64_t inode)
{
	uint32_t *heads = (uint32_t *)((uint8_t *)r + r->off_inodes);

	return &heads[(inode * 0x9e3779b97f4a7c15ull >> 32) & r->inode_mask];
}

uint32_t run_sock_by_inode(struct run *r, uint64_t inode)
{
	uint32_t ref = *bucket(r, inode);

	while (ref && run_sock_at(r, ref)->inode != inode)
		ref = run_sock_at(r, ref)->next;
	return ref;
}

void run_sock_hash(struct run *r, uint32_t ref)
{
	struct run_sock *s = run_sock_at(r, ref);
	uint32_t *head = bucket(r, s->inode);

	s->next = *head;
	*head = ref;
}

uint32_t run_sock_new(struct run *r, enum run_sock_kind kind, uint64_t inode)
{
	uint32_t ref = r->sock_free;
	struct run_sock *s;

	if (ref)
		r->sock_free = run_sock_at(r, ref)->next;
	else if (r->sock_fresh < r->socks)
		ref = ++r->sock_fresh;
	else
		return 0;
	s = run_sock_at(r, ref);
	memset(s, 0, sizeof(*s));
	s->kind = (uint8_t)kind;
	s->inode = inode;
	s->rcvlowat = 1;
	run_sock_hash(r, ref);
	r->sock_used++;
	return ref;
}

static void unhash(struct run *r, uint32_t ref)
{
	struct run_sock *s = run_sock_at(r, ref);
	uint32_t *p = bucket(r, s->inode);

	while (*p && *p != ref)
		p = &run_sock_at(r, *p)->next;
	if (*p)
		*p = s->next;
}

static void join_listener(struct run *r, uint32_t ref, uint32_t other)
{
	struct run_sock *s = run_sock_at(r, ref), *o = run_sock_at(r, other);

	s->handle = o->handle;
	s->sibling = o->sibling ? o->sibling : other;
	o->sibling = ref;
}

/* Another listener of ours that shares the port with this one (SO_REUSEPORT, or the same program started anew). */
static uint32_t same_listener(struct run *r, const struct run_sock *like)
{
	for (uint32_t ref = 1; ref <= r->sock_fresh; ref++) {
		const struct run_sock *s = run_sock_at(r, ref);

		if (s != like && s->kind == RUN_LISTENER && s->handle && s->port == like->port &&
		    addr_eq(&s->addr, &like->addr))
			return ref;
	}
	return 0;
}

int run_listen(struct run_member *m, uint32_t ref)
{
	struct run_sock *s = run_sock_at(m->r, ref);
	struct xtcp_listen_opts lo = { .size = sizeof(lo), .backlog = s->backlog, .v6only = s->v6only };
	uint32_t other = same_listener(m->r, s);
	struct sockaddr_storage ss;
	int err;

	if (other) {
		join_listener(m->r, ref, other);
		return 0;
	}
	api_addr_put(&s->addr, htons(s->port), &ss);
	m->held_port = s->port; /* by the bound kernel's socket */
	err = xtcp_listen(m->x, s->v6 && addr_is_any(&s->addr) ? NULL : (struct sockaddr *)&ss, s->port, &lo,
			  &s->handle);
	m->held_port = 0;
	if (err)
		return err;
	xtcp_set_user(m->x, s->handle, (void *)(uintptr_t)ref);
	run_listen_as(m, ref, s->fastopen, s->defer_s);
	return 0;
}

/* A SYN with a cookie may come to another engine than the one that gave it: they have a key in common. */
void run_listen_as(struct run_member *m, uint32_t ref, uint32_t fastopen, uint32_t defer_s)
{
	struct run_sock *s = run_sock_at(m->r, ref);
	struct engine *e = api_engine(m->x);

	s->fastopen = fastopen;
	s->defer_s = defer_s;
	if (!s->handle)
		return;
	engine_listen_fastopen(e, s->handle, fastopen);
	if (fastopen && m->r->engines > 1)
		engine_listen_fastopen_key(e, s->handle, m->reg->fastopen_key);
	engine_listen_defer(e, s->handle, defer_s * 1000);
}

/* True: others listen on, and one of them is told of the engine's events from now on. */
static bool leave_ring(struct run_member *m, uint32_t ref)
{
	struct run_sock *s = run_sock_at(m->r, ref);
	uint32_t at = s->sibling;

	if (!at)
		return false;
	while (run_sock_at(m->r, at)->sibling != ref)
		at = run_sock_at(m->r, at)->sibling;
	run_sock_at(m->r, at)->sibling = s->sibling == at ? 0 : s->sibling;
	xtcp_set_user(m->x, s->handle, (void *)(uintptr_t)at);
	return true;
}

void run_listen_end(struct run_member *m, uint32_t ref)
{
	struct run_sock *s = run_sock_at(m->r, ref);

	if (!s->handle)
		return;
	if (!leave_ring(m, ref))
		xtcp_listen_close(m->x, s->handle);
	s->handle = 0;
	s->sibling = 0;
}

/* What closing means to the connection: as the kernel has it, or a reset for who was killed. */
static void end(struct run_member *m, uint32_t ref, bool reset)
{
	struct run_sock *s = run_sock_at(m->r, ref);

	if (!s->handle)
		return;
	if (s->kind == RUN_LISTENER) {
		run_listen_end(m, ref);
		return;
	}
	if (reset || (s->linger_on && !s->linger_s)) {
		xtcp_abort(m->x, s->handle);
		return;
	}
	if (s->linger_on)
		xtcp_setopt(m->x, s->handle, XTCP_LINGER_MS,
			    (int)(s->linger_s < 1000000 ? s->linger_s * 1000 : 1000000000));
	xtcp_close(m->x, s->handle);
}

static void free_sock(struct run_member *m, uint32_t ref, bool reset)
{
	struct run *r = m->r;
	struct run_sock *s = run_sock_at(r, ref);

	end(m, ref, reset);
	run_watches_of_sock(m, ref);
	unhash(r, ref);
	s->kind = RUN_FREE;
	s->handle = 0;
	s->next = r->sock_free;
	r->sock_free = ref;
	r->sock_used--;
}

void run_sock_hold(struct run_member *m, uint32_t slot, uint32_t ref)
{
	uint64_t *bits = run_bits(m->r, slot), bit = 1ull << ((ref - 1) & 63);

	if (bits[(ref - 1) / 64] & bit)
		return;
	bits[(ref - 1) / 64] |= bit;
	run_sock_at(m->r, ref)->procs++;
}

void run_sock_carry(struct run *r, uint32_t ref)
{
	run_sock_at(r, ref)->carried++;
	run_sock_at(r, ref)->procs++;
}

void run_sock_delivered(struct run_member *m, uint32_t ref)
{
	struct run_sock *s = run_sock_at(m->r, ref);

	if (!s->carried)
		return;
	s->carried--;
	if (!--s->procs)
		free_sock(m, ref, false);
}

void run_sock_drop(struct run_member *m, uint32_t slot, uint32_t ref, bool reset)
{
	uint64_t *bits = run_bits(m->r, slot), bit = 1ull << ((ref - 1) & 63);
	struct run_sock *s = run_sock_at(m->r, ref);

	if (!(bits[(ref - 1) / 64] & bit))
		return;
	bits[(ref - 1) / 64] &= ~bit;
	if (!--s->procs)
		free_sock(m, ref, reset);
}

/* ---- processes ---- */

uint32_t run_proc_new(struct run *r, pid_t pid, enum run_proc_state state, uint64_t now_ns)
{
	for (uint32_t i = 0; i < RUN_PROCS; i++)
		if (r->proc[i].state == RUN_PROC_FREE) {
			r->proc[i] = (struct run_proc){ .pid = pid, .state = state, .since_ns = now_ns };
			return i;
		}
	return RUN_PROCS;
}

/* What they watched is watched no more. Their numbers are given back by the registry. */
void run_waiters_drop(struct run_member *m, pid_t pid)
{
	struct run *r = m->r;
	const struct run_waiter *known = m->reg->waiter;

	for (uint32_t i = 1; i <= r->watch_fresh; i++) {
		uint32_t target = run_watch_at(r, i)->target;

		if (target && !(target & RUN_EPOLL) && known[target - 1].pid == pid)
			run_watch_remove(m, i);
	}
	for (uint32_t i = 1; i <= m->reg->waiter_fresh; i++)
		if (known[i - 1].used && known[i - 1].pid == pid) {
			run_awake(m, i);
			if (r == m->reg)
				run_waiter_free(r, i);
		}
	run_hand_over_watch(m);
}

void run_proc_drop(struct run_member *m, uint32_t slot, bool reset)
{
	struct run *r = m->r;
	uint64_t *bits = run_bits(r, slot);

	for (uint32_t i = 0; i < (r->sock_fresh + 63) / 64; i++)
		while (bits[i])
			run_sock_drop(m, slot, i * 64 + (uint32_t)__builtin_ctzll(bits[i]) + 1, reset);
	run_waiters_drop(m, m->reg->proc[slot].pid); /* its threads may have been killed in a wait */
}
