// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* md5.c - keys of TCP MD5 signatures from files. See md5.h. */
#include "cli/md5.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report.h"
#include "lib/addr.h"
#include "lib/fail.h"

#define KEY_MAX 80

/* Bytes of the key, or -errno. */
static int read_key(const char *name, char key[KEY_MAX + 2])
{
	FILE *f = fopen(name, "re");
	size_t n;
	int err;

	if (!f)
		return fail(errno, "%s: %s", name, strerror(errno));
	n = fread(key, 1, KEY_MAX + 2, f);
	err = ferror(f) ? EIO : 0;
	fclose(f);
	if (err)
		return fail(err, "%s: %s", name, strerror(err));
	if (n && key[n - 1] == '\n')
		n--;
	if (!n || n > KEY_MAX)
		return fail(EINVAL, "%s: a key has 1 to %d bytes", name, KEY_MAX);
	return (int)n;
}

int md5_add(struct xtcp *x, const char *arg)
{
	const char *file = strchr(arg, '=');
	char peer[ADDR_TEXT], key[KEY_MAX + 2], *slash, *end = "";
	struct sockaddr_storage ss;
	struct xtcp_addr addr;
	unsigned long bits;
	int n;

	if (!file || (size_t)(file - arg) >= sizeof(peer))
		return fail(EINVAL, "'%s': give ADDR[/LEN]=FILE", arg);
	memcpy(peer, arg, (size_t)(file - arg));
	peer[file - arg] = '\0';
	slash = strchr(peer, '/');
	if (slash)
		*slash++ = '\0';
	if (addr_parse(peer, &addr))
		return fail(EINVAL, "'%s' is no IPv4 or IPv6 address", peer);
	bits = slash ? strtoul(slash, &end, 10) : addr_is_v4(&addr) ? 32 : 128;
	if (*end || (slash && (*slash < '0' || *slash > '9')) || bits > 128)
		return fail(EINVAL, "'%s' is no length of a prefix", slash);
	n = read_key(file + 1, key);
	if (n < 0)
		return n;
	ss = report_sockaddr(&addr, 0);
	return xtcp_md5_key(x, (struct sockaddr *)&ss, (unsigned int)bits, key, (size_t)n);
}
