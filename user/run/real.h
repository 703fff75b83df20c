/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* real.h - the C library's own calls, past those of libxtcp-preload.so: real.close(fd) is the kernel's close(2). */
#ifndef RUN_REAL_H
#define RUN_REAL_H

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

#define REAL(result, name, parameters) result(*name) parameters;
struct real {
#include "run/real.def"
	int found;
};
#undef REAL
extern struct real real;

void real_find(void);

/* Before anything of it is used: constructors of other libraries may call before ours has run. */
static inline void real_init(void)
{
	if (__builtin_expect(!real.found, 0))
		real_find();
}

#endif
