// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* guard.c - the table of guard.h, in a handler. */
#include "run/guard.h"

#include <ucontext.h>

#ifdef __x86_64__

struct entry {
	int32_t touch, otherwise; /* from where each of them stands */
};
extern const struct entry first[] __asm__("__start_xtcp_guard") __attribute__((visibility("hidden")));
extern const struct entry end[] __asm__("__stop_xtcp_guard") __attribute__((visibility("hidden")));

static uintptr_t beside(const int32_t *p)
{
	return (uintptr_t)((intptr_t)p + *p);
}

bool guard_faulted(void *ucontext)
{
	greg_t *ip = &((ucontext_t *)ucontext)->uc_mcontext.gregs[REG_RIP];

	for (size_t i = 0; i < ((uintptr_t)end - (uintptr_t)first) / sizeof(first[0]); i++)
		if (beside(&first[i].touch) == (uintptr_t)*ip) {
			*ip = (greg_t)beside(&first[i].otherwise);
			return true;
		}
	return false;
}

#else

bool guard_faulted(void *ucontext)
{
	(void)ucontext;
	return false;
}

#endif
