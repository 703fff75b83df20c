// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* peerkey.c - see peerkey.h. */
#include "cli/peerkey.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"
#include "lib/fail.h"

int peerkey_peer(const char *text, size_t len, struct xtcp_addr *addr, uint32_t *bits)
{
	char peer[ADDR_TEXT], *slash, *end = "";
	unsigned long n;

	if (len >= sizeof(peer))
		return fail(EINVAL, "'%.*s' is no IPv4 or IPv6 address", (int)len, text);
	memcpy(peer, text, len);
	peer[len] = '\0';
	slash = strchr(peer, '/');
	if (slash)
		*slash++ = '\0';
	if (addr_parse(peer, addr))
		return fail(EINVAL, "'%s' is no IPv4 or IPv6 address", peer);
	n = slash ? strtoul(slash, &end, 10) : addr_is_v4(addr) ? 32 : 128;
	if (*end || (slash && (*slash < '0' || *slash > '9')) || n > 128)
		return fail(EINVAL, "'%s' is no length of a prefix", slash);
	*bits = (uint32_t)n;
	return 0;
}

int peerkey_read(const char *name, char key[PEERKEY_MAX + 2])
{
	FILE *f = fopen(name, "re");
	size_t n;
	int err;

	if (!f)
		return fail(errno, "%s: %s", name, strerror(errno));
	n = fread(key, 1, PEERKEY_MAX + 2, f);
	err = ferror(f) ? EIO : 0;
	fclose(f);
	if (err)
		return fail(err, "%s: %s", name, strerror(err));
	if (n && key[n - 1] == '\n')
		n--;
	if (!n || n > PEERKEY_MAX)
		return fail(EINVAL, "%s: a key has 1 to %d bytes", name, PEERKEY_MAX);
	return (int)n;
}
