// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sendfile.c - sendfile(2) to a descriptor of ours. packetdrill's table has no place for it: it calls the C library, which
 * this object is loaded in front of (info.c). To any other descriptor it is the kernel's.
 */
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "pd.h"

static const struct pd_calls *here; /* of this process */

void pd_sendfile_to(const struct pd_calls *calls)
{
	here = calls;
}

ssize_t sendfile(int out, int in, off_t *offset, size_t n)
{
	uint8_t *buf;
	ssize_t r;

	if (!here || !pd_sock(here->arg, out))
		return (ssize_t)syscall(SYS_sendfile, out, in, offset, n);
	buf = malloc(n + 1);
	r = pread(in, buf, n, offset ? *offset : lseek(in, 0, SEEK_CUR));
	if (r > 0)
		r = here->send(here->arg, out, buf, (size_t)r, 0);
	if (r > 0 && offset)
		*offset += r;
	else if (r > 0)
		lseek(in, r, SEEK_CUR);
	free(buf);
	return r;
}
