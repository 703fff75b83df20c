// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * preload_syscall.c - syscall(2), and io_uring. What goes by a ring passes by this library: connections there are the kernel's. The program
 * is told so in a line, once in a run, when it asks for a ring, or at its start if it is linked with liburing, which
 * asks without the C library.
 */
#include <errno.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "run/calls.h"

#define EXPORT __attribute__((visibility("default")))

static void say(const char *how)
{
	char text[256];
	int n, err = errno;

	if (!local.on || __atomic_exchange_n(&local.m[0].r->said_uring, 1, __ATOMIC_RELAXED))
		return;
	n = snprintf(text, sizeof(text), "xtcp: %s %s io_uring: connections that go by it stay with the kernel's TCP\n",
		     program_invocation_name, how);
	if (n > 0 && real.write(2, text, (size_t)n) < 0)
		errno = err;
	errno = err;
}

static int is_liburing(struct dl_phdr_info *info, size_t size, void *found)
{
	const char *name = info->dlpi_name ? strrchr(info->dlpi_name, '/') : NULL;

	(void)size;
	name = name ? name + 1 : info->dlpi_name;
	if (name && !strncmp(name, "liburing.so", 11))
		*(bool *)found = true;
	return *(bool *)found;
}

/* After preload.c's: the run is joined. */
__attribute__((constructor(102))) static void begin(void)
{
	bool found = false;

	if (!local.on || __atomic_load_n(&local.m[0].r->said_uring, __ATOMIC_RELAXED))
		return;
	dl_iterate_phdr(is_liburing, &found);
	if (found)
		say("is linked with liburing, for");
}

/* close_range() by number would close what is hidden. */
EXPORT long syscall(long number, ...)
{
	long a[6];
	va_list ap;

	real_init();
	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (number == SYS_close_range)
		return call_close_range((unsigned int)a[0], (unsigned int)a[1], (int)a[2]);
	if (number == SYS_io_uring_setup)
		say("asks for");
	return real.syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
