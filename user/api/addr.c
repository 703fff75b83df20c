// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* addr.c - sockaddrs of the caller to the engine's addresses and back. */
#include "api/private.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include "lib/addr.h"
#include "lib/fail.h"

int api_addr_get(const struct sockaddr *sa, struct xtcp_addr *addr, uint16_t *port)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)sa;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;

	switch (sa->sa_family) {
	case AF_INET:
		*addr = addr_from_v4(in->sin_addr.s_addr);
		*port = ntohs(in->sin_port);
		return 0;
	case AF_INET6:
		*addr = addr_from_v6(&in6->sin6_addr);
		*port = ntohs(in6->sin6_port);
		return 0;
	default: return fail(EAFNOSUPPORT, "address family %d is neither AF_INET nor AF_INET6", sa->sa_family);
	}
}

void api_addr_put(const struct xtcp_addr *addr, uint16_t port_be, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (addr_is_v4(addr)) {
		struct sockaddr_in *in = (struct sockaddr_in *)out;

		in->sin_family = AF_INET;
		in->sin_addr.s_addr = addr->w[3];
		in->sin_port = port_be;
	} else {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

		in6->sin6_family = AF_INET6;
		memcpy(&in6->sin6_addr, addr->b, 16);
		in6->sin6_port = port_be;
	}
}
