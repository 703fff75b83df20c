// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * stuck.c - a process that is stopped (SIGSTOP, a terminal's ^Z, a debugger) in the very middle of a turn has the lock, and keeps all of
 * the run from going on. Nothing can be done about it from outside: what it has begun only it can finish. But somebody has to say
 * whom all are waiting for.
 */
#include "run/stuck.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The state of a process as ps shows it, and its name. '?': there is none. */
static char state_of(pid_t pid, char name[STUCK_NAME])
{
	char path[32], line[256] = "";
	const char *from, *to;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return '?';
	n = fread(line, 1, sizeof(line) - 1, f);
	fclose(f);
	line[n] = 0;
	from = strchr(line, '(');
	to = strrchr(line, ')'); /* a name may have any of them in it */
	if (!from || !to || to < from || to[1] != ' ')
		return '?';
	n = (size_t)(to - from - 1);
	snprintf(name, STUCK_NAME, "%.*s", (int)n, from + 1);
	return to[2];
}

void stuck_say(struct run_member *m)
{
	uint32_t slot = __atomic_load_n(&m->r->last, __ATOMIC_RELAXED);
	char name[STUCK_NAME];
	pid_t pid;
	char s;

	if (m->stuck_said || slot >= RUN_PROCS)
		return;
	pid = m->reg->proc[slot].pid;
	s = state_of(pid, name);
	if (s != 'T' && s != 't')
		return;
	fprintf(stderr,
		"xtcp: run: all wait for process %d (%s), which is stopped in the middle of a turn; kill -CONT %d\n",
		(int)pid, name, (int)pid);
	m->stuck_said = true;
}
