// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* md5.c - keys of TCP MD5 signatures from files. See md5.h. */
#include "cli/md5.h"

#include <errno.h>
#include <string.h>

#include "cli/peerkey.h"
#include "cli/report.h"
#include "lib/fail.h"

int md5_add(struct xtcp *x, const char *arg)
{
	const char *file = strchr(arg, '=');
	struct sockaddr_storage ss;
	char key[PEERKEY_MAX + 2];
	struct xtcp_addr addr;
	uint32_t bits;
	int n;

	if (!file)
		return fail(EINVAL, "'%s': give ADDR[/LEN]=FILE", arg);
	n = peerkey_peer(arg, (size_t)(file - arg), &addr, &bits);
	if (n < 0)
		return n;
	n = peerkey_read(file + 1, key);
	if (n < 0)
		return n;
	ss = report_sockaddr(&addr, 0);
	return xtcp_md5_key(x, (struct sockaddr *)&ss, bits, key, (size_t)n);
}
