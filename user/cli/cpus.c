// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* cpus.c - see cpus.h. */
#include "cli/cpus.h"

#include <ctype.h>
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/fail.h"

/* A number at *text, which moves behind it; -1: there is none. */
static int cpu_at(const char **text)
{
	char *end;
	unsigned long v;

	if (!isdigit((unsigned char)**text))
		return -1;
	v = strtoul(*text, &end, 10);
	*text = end;
	return v < CPU_SETSIZE ? (int)v : CPU_SETSIZE;
}

/* The CPUs that the process may use, for people: "0-1", "0,2". */
static void allowed_text(const cpu_set_t *set, char *out, size_t size)
{
	size_t at = 0;

	out[0] = '\0';
	for (int i = 0; i < CPU_SETSIZE && at + 16 < size; i++) {
		int last = i;

		if (!CPU_ISSET((size_t)i, set))
			continue;
		while (last + 1 < CPU_SETSIZE && CPU_ISSET((size_t)last + 1, set))
			last++;
		at += (size_t)snprintf(out + at, size - at, last > i ? "%s%d-%d" : "%s%d", at ? "," : "", i, last);
		i = last;
	}
}

static int add_cpu(uint16_t cpu[CPUS_MAX], int n, int which, const cpu_set_t *allowed)
{
	char text[128];

	if (which >= CPU_SETSIZE || !CPU_ISSET((size_t)which, allowed)) {
		allowed_text(allowed, text, sizeof(text));
		return fail(EINVAL, "--cpus: CPU %d is not there, or not for this process; there are %s", which, text);
	}
	for (int i = 0; i < n; i++)
		if (cpu[i] == which)
			return fail(EINVAL, "--cpus: CPU %d is named twice; each engine needs its own", which);
	if (n == CPUS_MAX)
		return fail(EINVAL, "--cpus: more than %d CPUs", CPUS_MAX);
	cpu[n] = (uint16_t)which;
	return n + 1;
}

int cpus_parse(const char *text, uint16_t cpu[CPUS_MAX])
{
	const char *at = text;
	cpu_set_t allowed;
	int n = 0;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return fail(errno, "--cpus: the CPUs of this process cannot be told");
	do {
		int first = cpu_at(&at), last = first;

		if (*at == '-') {
			at++;
			last = cpu_at(&at);
		}
		if (first < 0 || last < first || (*at && *at != ','))
			return fail(EINVAL, "--cpus: '%s' is no list of CPUs like 0,2-3", text);
		for (int i = first; i <= last; i++)
			if ((n = add_cpu(cpu, n, i, &allowed)) < 0)
				return n;
	} while (*at++ == ',');
	return n;
}

int cpus_pin(uint16_t cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0; /* 0: this thread */
}
