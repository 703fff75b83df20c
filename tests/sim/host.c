// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * host.c - the host of a simulated engine: both families on link with the other one,
 * a neighbour that takes its time, all ports free but those in use.
 */
#include <errno.h>
#include <string.h>
#include "lib/addr.h"
#include "world.h"

static const uint8_t macs[2][6] = { { 2, 0, 0, 0, 0, 0xa }, { 2, 0, 0, 0, 0, 0xb } };

static int sim_route(void *host, const struct xtcp_addr *dst, const struct xtcp_addr *src, struct host_route *out)
{
	struct host *h = host;
	bool v6 = !addr_is_v4(dst);
	struct xtcp_addr own = world_addr(h->engine, v6), other = world_addr(!h->engine, v6);

	if (!addr_eq(dst, &other) || (src && !addr_is_any(src) && !addr_eq(src, &own)))
		return -ENETUNREACH;
	memset(out, 0, sizeof(*out));
	out->src = own;
	out->next_hop = *dst;
	return 0;
}

static int sim_neigh(void *host, const struct xtcp_addr *next_hop, uint8_t mac[6])
{
	struct host *h = host;
	bool v6 = !addr_is_v4(next_hop);
	uint64_t takes = h->w->s->neigh_ns[h->engine];

	if (takes && !h->neigh_known[v6]) {
		h->neigh_asked[v6] = true;
		if (h->neigh_at == SIM_NEVER)
			h->neigh_at = h->w->now + takes;
		return -EAGAIN;
	}
	memcpy(mac, macs[!h->engine], 6);
	return 0;
}

static int sim_reserve(void *host, const struct xtcp_addr *addr, uint16_t port)
{
	struct host *h = host;
	bool v6 = !addr_is_v4(addr);

	if (port && h->refs[v6][port])
		return -EADDRINUSE;
	while (!port) {
		port = (uint16_t)rng_range(&h->w->rng, 32768, 60999);
		if (h->refs[v6][port])
			port = 0;
	}
	h->refs[v6][port] = 1;
	return port;
}

static void sim_release(void *host, const struct xtcp_addr *addr, uint16_t port)
{
	struct host *h = host;
	bool v6 = !addr_is_v4(addr);

	if (!h->refs[v6][port])
		world_fail(h->w, "engine %c gives back port %u, which it does not have", "AB"[h->engine], port);
	h->refs[v6][port] = 0;
}

static void sim_steer(void *host, uint32_t addr_index, uint16_t port, bool owned, bool listening)
{
	struct host *h = host;

	(void)listening;
	if (owned)
		h->owned[port] |= 1ull << addr_index;
	else
		h->owned[port] &= ~(1ull << addr_index);
}

const struct host_ops host_sim_ops = {
	.route = sim_route,
	.neigh = sim_neigh,
	.reserve = sim_reserve,
	.release = sim_release,
	.steer = sim_steer,
};

void host_init(struct host *h, struct world *w, int engine)
{
	memset(h, 0, sizeof(*h));
	h->w = w;
	h->engine = (uint8_t)engine;
	h->mac = macs[engine];
	h->neigh_at = SIM_NEVER;
}

/* What the kernel tells an engine at first: addresses 0 (IPv4) and 1 (IPv6), the link. */
void host_setup(struct host *h)
{
	struct engine *e = h->w->side[h->engine].e;

	for (uint32_t v6 = 0; v6 < 2; v6++) {
		struct xtcp_addr a = world_addr(h->engine, v6);

		engine_host_addr(e, &a, v6, true);
	}
	engine_host_link(e, macs[h->engine],
			 h->w->half_time ? h->w->s->mtu_later[h->engine] : h->w->s->mtu_first[h->engine], true);
}

void host_news(struct host *h)
{
	h->neigh_at = SIM_NEVER;
	for (int v6 = 0; v6 < 2; v6++) {
		struct xtcp_addr other = world_addr(!h->engine, v6);

		if (!h->neigh_asked[v6])
			continue;
		h->neigh_asked[v6] = false;
		h->neigh_known[v6] = true;
		engine_host_neigh(h->w->side[h->engine].e, &other, macs[!h->engine]);
	}
}
