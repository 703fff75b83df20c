// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* proc.c - see proc.h. */
#include "run/proc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

pid_t proc_status(pid_t pid, const char *field)
{
	char path[64], line[128];
	size_t len = strlen(field);
	pid_t value = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	while (f && !value && fgets(line, sizeof(line), f))
		if (!strncmp(line, field, len))
			value = (pid_t)strtol(line + len, NULL, 10);
	if (f)
		fclose(f);
	return value;
}
