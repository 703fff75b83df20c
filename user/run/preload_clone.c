// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * preload_clone.c - clone() of a process, which calls no fork handlers. One with memory of its own is what fork() makes. One that borrows
 * its parent's, as vfork() has it, would close for its parent what it closes for itself: it gets memory of its own, as with vfork().
 * Threads, and children with namespaces or descriptors in common, are left to the C library.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

#include "run/calls.h"

#define EXPORT __attribute__((visibility("default")))

static bool is_fork(int flags)
{
	return flags == SIGCHLD || flags == (CLONE_VM | CLONE_VFORK | SIGCHLD);
}

EXPORT int clone(int (*fn)(void *), void *stack, int flags, void *arg, ...)
{
	void *more[3];
	va_list ap;
	pid_t pid;

	real_init();
	va_start(ap, arg);
	for (int i = 0; i < 3; i++)
		more[i] = va_arg(ap, void *);
	va_end(ap);
	if (!local.on || !fn || !stack || !is_fork(flags))
		return real.clone(fn, stack, flags, arg, more[0], more[1], more[2]);
	pid = fork();
	if (!pid)
		_exit(fn(arg));
	return pid;
}
