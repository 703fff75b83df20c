// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * steer.c - map "ports", written with plain stores. The XDP program reads a mask at
 * once, so it sees the old or the new. A port is owned as long as one of the group's
 * members owns it: each writes down its own, and the map has what they have together.
 */
#include <string.h>

#include "ctl/private.h"

static void store(__u64 *mask, __u64 v)
{
	if (v != *mask)
		__atomic_store_n(mask, v, __ATOMIC_RELAXED);
}

static __u64 with_bit(__u64 mask, uint32_t bit, bool on)
{
	return on ? mask | 1ull << bit : mask & ~(1ull << bit);
}

/* The group is locked. */
static void sum_up(struct ctl_group *g, uint32_t port)
{
	struct xtcp_port_entry sum = { 0 };

	for (const struct ctl *m = g->members; m; m = m->next) {
		sum.owned |= m->mine[port].owned;
		sum.listening |= m->mine[port].listening;
	}
	store(&g->half.ports[port].listening, sum.listening);
	store(&g->half.ports[port].owned, sum.owned);
}

void steer_port(void *host, uint32_t addr_index, uint16_t port, bool owned, bool listening)
{
	struct ctl *ctl = host;
	struct xtcp_port_entry *e = &ctl->mine[port];

	if (addr_index >= XTCP_MAX_ADDRS)
		return;
	pthread_mutex_lock(&ctl->group->lock);
	e->listening = with_bit(e->listening, addr_index, owned && listening);
	e->owned = with_bit(e->owned, addr_index, owned);
	sum_up(ctl->group, port);
	pthread_mutex_unlock(&ctl->group->lock);
}

/* The group is locked. */
void steer_forget(struct ctl_group *g, uint32_t addr_index)
{
	for (uint32_t port = 0; port < XTCP_PORTS; port++) {
		for (struct ctl *m = g->members; m; m = m->next) {
			store(&m->mine[port].listening, with_bit(m->mine[port].listening, addr_index, false));
			store(&m->mine[port].owned, with_bit(m->mine[port].owned, addr_index, false));
		}
		sum_up(g, port);
	}
}

/* Nothing is on its account any more; the group is locked. */
void steer_drop(struct ctl *ctl)
{
	for (uint32_t port = 0; port < XTCP_PORTS; port++) {
		if (!ctl->mine[port].owned)
			continue;
		ctl->mine[port] = (struct xtcp_port_entry){ 0 };
		sum_up(ctl->group, port);
	}
}

/* It is no member any more; the group is locked. */
void steer_leave(struct ctl *ctl)
{
	for (uint32_t port = 0; port < XTCP_PORTS; port++)
		if (ctl->mine[port].owned)
			sum_up(ctl->group, port);
}

void steer_clear(struct xtcp_port_entry *ports)
{
	for (uint32_t port = 0; port < XTCP_PORTS; port++) {
		if (ports[port].owned)
			__atomic_store_n(&ports[port].owned, 0, __ATOMIC_RELAXED);
		if (ports[port].listening)
			__atomic_store_n(&ports[port].listening, 0, __ATOMIC_RELAXED);
	}
}
