/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * host.h - what an engine needs to know from the host it lives on: routes,
 * neighbours, and which ports are free. The kernel answers through ctl; the
 * simulator answers for itself. Calls go engine -> host through struct host_ops,
 * news comes host -> engine through the engine_host_*() functions of engine.h.
 *
 * None of these is on the per-segment path: a route is asked once for each
 * destination, a neighbour once until it changes, a port once until it is given back.
 */
#ifndef ENGINE_HOST_H
#define ENGINE_HOST_H

#include <stdbool.h>
#include <stdint.h>
#include "xtcp/shared.h"

struct host_route {
	struct xtcp_addr src;	   /* source address to use */
	struct xtcp_addr next_hop; /* gateway, or the destination itself when on link */
	uint32_t mtu;		   /* bytes of IP packet; 0: the link's */
	uint32_t initcwnd;	   /* segments; 0: not set (route metric) */
	uint8_t hop_limit;	   /* 0: default */
};

struct host_ops {
	/*
	 * Route to dst, from src if src is not NULL. 0; -ENETUNREACH no route;
	 * -EHOSTUNREACH the route leaves through another interface (with fail()).
	 */
	int (*route)(void *host, const struct xtcp_addr *dst, const struct xtcp_addr *src, struct host_route *out);
	/*
	 * Link-layer address of an on-link neighbour. 0 with mac filled; -EAGAIN: the kernel has
	 * been asked, engine_host_neigh() will follow; -EHOSTUNREACH known to have failed just now.
	 * Calling it again also tells the kernel that the neighbour is in use.
	 */
	int (*neigh)(void *host, const struct xtcp_addr *next_hop, uint8_t mac[6]);
	/*
	 * Reserve addr:port in the kernel, so that no local program can bind it and the kernel
	 * does not choose it. Port 0: let a random free port of the ephemeral range be chosen.
	 * Returns the port (> 0), -EADDRINUSE, -EADDRNOTAVAIL, -EACCES, -EMFILE.
	 */
	int (*reserve)(void *host, const struct xtcp_addr *addr, uint16_t port);
	void (*release)(void *host, const struct xtcp_addr *addr, uint16_t port);
	/* Tell the XDP half that the address with this index owns (or no longer owns) the port. Plain stores. */
	void (*steer)(void *host, uint32_t addr_index, uint16_t port, bool owned, bool listening);
	/*
	 * Will what the peer sends on such a connection arrive at this engine's queue? True also when nobody can tell.
	 * Ports in network order. NULL: always.
	 */
	bool (*own_queue)(void *host, const struct xtcp_addr *laddr, const struct xtcp_addr *raddr, uint16_t lport,
			  uint16_t rport);
};

#endif
