// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* fail.c - the last error of each thread, as one line. See fail.h. */
#include "lib/fail.h"

#include <stdarg.h>
#include <stdio.h>

static __thread char text[512];

int fail(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return -err;
}

const char *fail_text(void)
{
	return text;
}
