/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* addr.h - struct xtcp_addr: tests, text, and ADDR:PORT as the command line writes it. */
#ifndef LIB_ADDR_H
#define LIB_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <netinet/in.h>
#include "xtcp/shared.h"

#define ADDR_TEXT 64 /* room for any address with brackets and port */

static inline bool addr_is_v4(const struct xtcp_addr *a)
{
	return a->d[0] == 0 && a->w[2] == htonl(0xffff);
}

static inline bool addr_eq(const struct xtcp_addr *a, const struct xtcp_addr *b)
{
	return a->d[0] == b->d[0] && a->d[1] == b->d[1];
}

/* The unspecified address of either family (:: or ::ffff:0.0.0.0). */
static inline bool addr_is_any(const struct xtcp_addr *a)
{
	return a->d[0] == 0 && (a->d[1] == 0 || (a->w[2] == htonl(0xffff) && a->w[3] == 0));
}

static inline struct xtcp_addr addr_from_v4(uint32_t be)
{
	struct xtcp_addr a = { .w = { 0, 0, htonl(0xffff), be } };

	return a;
}

static inline struct xtcp_addr addr_from_v6(const void *bytes)
{
	struct xtcp_addr a;

	memcpy(a.b, bytes, 16);
	return a;
}

/* a begins with the first bits of prefix. */
static inline bool addr_in(const struct xtcp_addr *a, const struct xtcp_addr *prefix, uint32_t bits)
{
	uint32_t whole = bits / 8, rest = bits % 8;

	return !memcmp(prefix->b, a->b, whole) && (!rest || !((prefix->b[whole] ^ a->b[whole]) >> (8 - rest)));
}

/* Multicast of either family, or IPv4 limited broadcast. */
bool addr_is_multicast(const struct xtcp_addr *a);
bool addr_is_loopback(const struct xtcp_addr *a);

/* "10.9.0.2" or "fd09::2" into out (of ADDR_TEXT bytes); returns out. */
const char *addr_text(const struct xtcp_addr *a, char *out);
/* "10.9.0.2:80" or "[fd09::2]:80"; port in host order. */
const char *addr_port_text(const struct xtcp_addr *a, uint16_t port, char *out);

/* Parse an address of either family, without brackets. 0 or -EINVAL. */
int addr_parse(const char *text, struct xtcp_addr *out);
/*
 * Parse "PORT", "ADDR:PORT" or "[ADDR]:PORT". Without an address *out is ::
 * and *has_addr false. Port 1..65535 in host order. 0 or -EINVAL with fail().
 */
int addr_port_parse(const char *text, struct xtcp_addr *out, uint16_t *port, bool *has_addr);

#endif
