// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * preload_exec.c - exec: the process becomes another program, and its other threads end where they are. In the middle of a turn that would
 * be the end of all connections: see local_alone().
 */
#include <stdarg.h>
#include <stdint.h>
#include <unistd.h>

#include "run/calls.h"

#define EXPORT __attribute__((visibility("default")))

static void begin(void)
{
	real_init();
	local_alone();
}

/* It did not come to that. */
static int failed(int rc)
{
	local_not_alone();
	return rc;
}

EXPORT int execve(const char *path, char *const argv[], char *const envp[])
{
	begin();
	return failed(real.execve(path, argv, envp));
}

EXPORT int execvpe(const char *file, char *const argv[], char *const envp[])
{
	begin();
	return failed(real.execvpe(file, argv, envp));
}

EXPORT int fexecve(int fd, char *const argv[], char *const envp[])
{
	begin();
	return failed(real.fexecve(fd, argv, envp));
}

EXPORT int execveat(int dir, const char *path, char *const argv[], char *const envp[], int flags)
{
	begin();
	return failed(real.execveat(dir, path, argv, envp, flags));
}

EXPORT int execv(const char *path, char *const argv[])
{
	return execve(path, argv, environ);
}

EXPORT int execvp(const char *file, char *const argv[])
{
	return execvpe(file, argv, environ);
}

/* ---- with the arguments one by one ---- */

static size_t count(const char *arg, va_list ap)
{
	size_t n = 0;

	for (; arg; n++)
		arg = va_arg(ap, char *);
	return n;
}

static void take(char **argv, const char *arg, va_list *ap)
{
	for (; arg; argv++) {
		*argv = (char *)(uintptr_t)arg;
		arg = va_arg(*ap, char *);
	}
	*argv = NULL;
}

#define LIST(first)           \
	va_list ap;           \
	size_t n;             \
                              \
	va_start(ap, first);  \
	n = count(first, ap); \
	va_end(ap);           \
	char *argv[n + 1];    \
                              \
	va_start(ap, first);  \
	take(argv, first, &ap)

EXPORT int execl(const char *path, const char *arg, ...)
{
	LIST(arg);
	va_end(ap);
	return execve(path, argv, environ);
}

EXPORT int execlp(const char *file, const char *arg, ...)
{
	LIST(arg);
	va_end(ap);
	return execvpe(file, argv, environ);
}

EXPORT int execle(const char *path, const char *arg, ...)
{
	char *const *envp;

	LIST(arg);
	envp = va_arg(ap, char *const *);
	va_end(ap);
	return execve(path, argv, envp);
}
