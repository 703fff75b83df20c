/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * guard.h - the program's memory, which may not be there: EFAULT instead of a fault in the middle of a call, under the lock of all.
 *
 * One byte of each page is touched by an instruction that stands in a table, as the kernel does it; where it faults, the handler of
 * SIGSEGV and SIGBUS (preload_signal.c) finds it there and goes on where the table says. That costs an instruction a page, and no system
 * call. Without that handler, and on processors that have no such instruction below, memory that is not there is the
 * program's own fault, as in any library.
 */
#ifndef RUN_GUARD_H
#define RUN_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUARD_PAGE 4096u /* the smallest there is */

#ifdef __x86_64__

#define GUARD_TABLE                          \
	".pushsection xtcp_guard, \"a\"\n\t" \
	".balign 4\n\t"                      \
	".long 1b - .\n\t"                   \
	".long %l[bad] - .\n\t"              \
	".popsection"

static inline bool guard_touch_read(const void *p)
{
	__asm__ goto("1: testb $0, (%0)\n\t" GUARD_TABLE : : "r"(p) : "cc", "memory" : bad);
	return true;
bad:
	return false;
}

static inline bool guard_touch_write(void *p)
{
	__asm__ goto("1: orb $0, (%0)\n\t" GUARD_TABLE : : "r"(p) : "cc", "memory" : bad);
	return true;
bad:
	return false;
}

#else

static inline bool guard_touch_read(const void *p)
{
	(void)p;
	return true;
}

static inline bool guard_touch_write(void *p)
{
	(void)p;
	return true;
}

#endif

/* Where the next page begins, or the range has its last byte. */
static inline uintptr_t guard_next(uintptr_t at, uintptr_t last)
{
	uintptr_t next = (at | (GUARD_PAGE - 1)) + 1;

	return next && next < last ? next : last;
}

/* Can all of it be read? */
static inline bool guard_read(const void *p, size_t n)
{
	uintptr_t at = (uintptr_t)p, last = at + n - 1;

	if (!n)
		return true;
	if (last < at || !guard_touch_read((const void *)at))
		return false;
	while (at < last) {
		at = guard_next(at, last);
		if (!guard_touch_read((const void *)at))
			return false;
	}
	return true;
}

/* Can all of it be written? Only for bytes that are about to be: what another thread writes there meanwhile may be undone. */
static inline bool guard_write(void *p, size_t n)
{
	uintptr_t at = (uintptr_t)p, last = at + n - 1;

	if (!n)
		return true;
	if (last < at || !guard_touch_write((void *)at))
		return false;
	while (at < last) {
		at = guard_next(at, last);
		if (!guard_touch_write((void *)at))
			return false;
	}
	return true;
}

/* In a handler: was the fault one of those? Then the thread goes on, and the call that touched says no. */
bool guard_faulted(void *ucontext);

#endif
