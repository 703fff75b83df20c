// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* real.c - see real.h. */
#include "run/real.h"

#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

struct real real;

/* A function's address out of dlsym, which gives pointers to objects. */
static void find(void *to, const char *name)
{
	void *at = dlsym(RTLD_NEXT, name);

	if (!at) {
		static const char what[] = "xtcp: the C library lacks a call: ";

		if (write(2, what, sizeof(what) - 1) < 0 || write(2, name, strlen(name)) < 0 || write(2, "\n", 1) < 0)
			_exit(127);
		_exit(127);
	}
	memcpy(to, &at, sizeof(at));
}

void real_find(void)
{
#define REAL(result, name, parameters) find(&real.name, #name);
#include "run/real.def"
#undef REAL
	real.found = 1;
}
