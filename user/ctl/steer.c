// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * steer.c - map "ports", written with plain stores. One writer (the engine's
 * thread); the XDP program reads a mask at once, so it sees the old or the new.
 */
#include <string.h>

#include "ctl/private.h"

static void set_bit(__u64 *mask, uint32_t bit, bool on)
{
	__u64 m = 1ull << bit;
	__u64 v = on ? *mask | m : *mask & ~m;

	if (v != *mask)
		__atomic_store_n(mask, v, __ATOMIC_RELAXED);
}

void steer_port(void *host, uint32_t addr_index, uint16_t port, bool owned, bool listening)
{
	struct ctl *ctl = host;
	struct xtcp_port_entry *e = &ctl->half.ports[port];

	if (addr_index >= XTCP_MAX_ADDRS)
		return;
	set_bit(&e->listening, addr_index, owned && listening);
	set_bit(&e->owned, addr_index, owned);
}

void steer_forget(struct xtcp_port_entry *ports, uint32_t addr_index)
{
	for (uint32_t port = 0; port < XTCP_PORTS; port++) {
		set_bit(&ports[port].listening, addr_index, false);
		set_bit(&ports[port].owned, addr_index, false);
	}
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
