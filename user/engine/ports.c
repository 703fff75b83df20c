// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * ports.c - our addresses, and references to local ports. A port of an address
 * is reserved in the host and steered to us while anyone refers to it: listeners,
 * connections, TIME-WAIT entries, and the pool of ports kept for coming connects.
 *
 * Invariant: refs > 0 exactly while the host holds the reservation.
 */
#include "engine/private.h"

#include <errno.h>

int addr_index(const struct engine *e, const struct xtcp_addr *a)
{
	for (uint64_t left = e->r->addrs; left; left &= left - 1) {
		int i = __builtin_ctzll(left);

		if (addr_eq(&e->r->addr[i], a))
			return i;
	}
	return -1;
}

static void steer(struct engine *e, uint32_t index, uint16_t port)
{
	const struct port_use *u = port_use(e, index, port);

	if (e->ops)
		e->ops->steer(e->host, index, port, u->refs > 0, u->listeners > 0);
}

static void first_ref(struct engine *e, uint32_t index, uint16_t port)
{
	port_use(e, index, port)->refs = 1;
	e->r->port_refs++;
	steer(e, index, port);
}

int port_take(struct engine *e, uint32_t index, uint16_t port)
{
	struct port_use *u = port_use(e, index, port);
	int err;

	if (u->refs) {
		u->refs++;
		e->r->port_refs++;
		return 0;
	}
	if (!e->ops)
		return -ENODEV;
	err = e->ops->reserve(e->host, &e->r->addr[index], port);
	if (err < 0)
		return err;
	first_ref(e, index, port);
	return 0;
}

int port_take_any(struct engine *e, uint32_t index)
{
	int port = e->ops ? e->ops->reserve(e->host, &e->r->addr[index], 0) : -ENODEV;

	if (port > 0)
		first_ref(e, index, (uint16_t)port);
	return port ? port : -EADDRINUSE;
}

void port_give(struct engine *e, uint32_t index, uint16_t port)
{
	struct port_use *u = port_use(e, index, port);

	e->r->port_refs--;
	if (--u->refs)
		return;
	steer(e, index, port);
	if (e->ops)
		e->ops->release(e->host, &e->r->addr[index], port);
}

/* One more or one less listener on a port whose reference the caller holds. */
void port_listen(struct engine *e, uint32_t index, uint16_t port, int change)
{
	struct port_use *u = port_use(e, index, port);

	u->listeners = (uint16_t)(u->listeners + change);
	steer(e, index, port);
}

/* The number of a block that was nobody's, or -1. */
static int take_block(struct region *r)
{
	for (uint32_t w = 0; w < REGION_PORT_BLOCKS / 64; w++) {
		uint64_t left = ~r->pool_blocks[w];

		if (!left)
			continue;
		r->pool_blocks[w] |= left & -left;
		return (int)w * 64 + __builtin_ctzll(left);
	}
	return -1;
}

/* Keep a port, which has a reference already, for coming connects. */
void port_pool_add(struct engine *e, uint32_t index, uint16_t port)
{
	struct port_use *u = port_use(e, index, port);
	struct region *r = e->r;
	struct port_pool *p = &r->port_pool[index];
	int block;

	if (u->pooled)
		return;
	if (p->count % REGION_PORT_BLOCK == 0) {
		block = take_block(r);
		if (block < 0)
			return;
		p->block[p->count / REGION_PORT_BLOCK] = (uint8_t)block;
	}
	*port_pooled(r, index, p->count++) = port;
	u->pooled = 1;
	u->refs++;
	r->port_refs++;
	r->pool_ports++;
}

static void clear_pool(struct engine *e, uint32_t index)
{
	struct region *r = e->r;
	struct port_pool *p = &r->port_pool[index];

	while (p->count) {
		uint16_t port = *port_pooled(r, index, --p->count);
		uint32_t block = p->block[p->count / REGION_PORT_BLOCK];

		if (p->count % REGION_PORT_BLOCK == 0)
			r->pool_blocks[block / 64] &= ~(1ull << block % 64);
		r->pool_ports--;
		port_use(e, index, port)->pooled = 0;
		port_give(e, index, port);
	}
}

/* Give up the pooled ports of these addresses. */
void port_pool_clear(struct engine *e, uint64_t indices)
{
	for (uint32_t index = 0; index < XTCP_MAX_ADDRS; index++)
		if (indices >> index & 1)
			clear_pool(e, index);
}

static bool pool_knows(struct engine *e, uint32_t index)
{
	for (uint32_t i = 0; i < e->r->port_pool[index].count; i++)
		if (!port_use(e, index, *port_pooled(e->r, index, i))->pooled)
			return false;
	return true;
}

/* Each reference has its holder. */
const char *port_check(struct engine *e)
{
	struct region *r = e->r;
	uint64_t held = (uint64_t)r->pool_ports + r->tws.used;

	for (uint32_t ref = 1; ref <= r->conns.fresh; ref++)
		held += !!(conn_at(e, ref)->life & CONN_HASHED);
	for (uint32_t ref = 1; ref <= r->listeners.fresh; ref++)
		if (listener_at(e, ref)->kind)
			held += (uint64_t)__builtin_popcountll(listener_at(e, ref)->covers);
	for (uint32_t index = 0; index < XTCP_MAX_ADDRS; index++)
		if (!pool_knows(e, index))
			return "ports: a pooled port does not know it";
	return held == r->port_refs ? NULL : "ports: references and holders disagree";
}
