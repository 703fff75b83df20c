// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* host.c - the host of an engine under packetdrill: every destination is on link, every neighbour known. */
#include <errno.h>
#include "pd.h"

const uint8_t pd_mac[6] = { 2, 0, 0, 0, 0, 1 };

void pd_local(struct pd *p, const struct xtcp_addr *a)
{
	for (uint32_t i = 0; i < p->locals; i++)
		if (addr_eq(&p->local[i], a))
			return;
	if (p->locals == XTCP_MAX_ADDRS || addr_is_any(a))
		return;
	p->local[p->locals] = *a;
	engine_host_addr(p->e, a, p->locals++, true);
}

static int route(void *host, const struct xtcp_addr *dst, const struct xtcp_addr *src, struct host_route *out)
{
	struct pd *p = host;

	memset(out, 0, sizeof(*out));
	out->next_hop = *dst;
	if (src && !addr_is_any(src)) {
		out->src = *src;
		return 0;
	}
	for (uint32_t i = 0; i < p->locals; i++) {
		if (addr_is_v4(&p->local[i]) != addr_is_v4(dst))
			continue;
		out->src = p->local[i];
		return 0;
	}
	return -ENETUNREACH;
}

static int neigh(void *host, const struct xtcp_addr *next_hop, uint8_t mac[6])
{
	(void)host;
	(void)next_hop;
	memcpy(mac, pd_mac, 6);
	mac[5] = 2;
	return 0;
}

static int reserve(void *host, const struct xtcp_addr *addr, uint16_t port)
{
	struct pd *p = host;
	bool v6 = !addr_is_v4(addr);

	if (port && p->refs[v6][port])
		return -EADDRINUSE;
	while (!port) {
		port = (uint16_t)(32768 + p->next_port++ % 28000);
		if (p->refs[v6][port])
			port = 0;
	}
	p->refs[v6][port] = 1;
	return port;
}

static void release(void *host, const struct xtcp_addr *addr, uint16_t port)
{
	struct pd *p = host;

	p->refs[!addr_is_v4(addr)][port] = 0;
}

static void steer(void *host, uint32_t index, uint16_t port, bool owned, bool listening)
{
	(void)host;
	(void)index;
	(void)port;
	(void)owned;
	(void)listening;
}

const struct host_ops pd_host_ops = {
	.route = route,
	.neigh = neigh,
	.reserve = reserve,
	.release = release,
	.steer = steer,
};
