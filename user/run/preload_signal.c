// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * preload_signal.c - signal handlers, for what a call that one interrupts has to do: begin again after one that was set with SA_RESTART,
 * return EINTR after any other. The kernel knows which it was; we do not, unless each handler is called by way of one of ours.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "run/calls.h"

#define EXPORT __attribute__((visibility("default")))

static struct sigaction set_by_program[NSIG]; /* where the kernel has ours */

static void pass_on(int sig, siginfo_t *info, void *context)
{
	const struct sigaction *a = &set_by_program[sig];

	local_interrupted |= a->sa_flags & SA_RESTART ? 1 : 2;
	if (a->sa_flags & SA_SIGINFO)
		a->sa_sigaction(sig, info, context);
	else
		a->sa_handler(sig);
}

static bool ours(const struct sigaction *a)
{
	return a->sa_flags & SA_SIGINFO && a->sa_sigaction == pass_on;
}

/* What the program is told is what it has set, as long as that is in force (SA_RESETHAND). */
static void tell(const struct sigaction *before, const struct sigaction *kernels, struct sigaction *old)
{
	if (old)
		*old = ours(kernels) ? *before : *kernels;
}

EXPORT int sigaction(int sig, const struct sigaction *restrict act, struct sigaction *restrict old)
{
	struct sigaction before, mine, kernels;
	bool handler;
	int rc;

	real_init();
	if (sig <= 0 || sig >= NSIG || !local.on)
		return real.sigaction(sig, act, old);
	before = set_by_program[sig];
	if (!act) {
		rc = real.sigaction(sig, NULL, &kernels);
		if (!rc)
			tell(&before, &kernels, old);
		return rc;
	}
	mine = *act;
	handler = act->sa_flags & SA_SIGINFO || (act->sa_handler != SIG_DFL && act->sa_handler != SIG_IGN);
	if (handler) {
		set_by_program[sig] = *act; /* first: a signal may come at once */
		mine.sa_sigaction = pass_on;
		mine.sa_flags |= SA_SIGINFO;
	}
	rc = real.sigaction(sig, &mine, &kernels);
	if (rc)
		set_by_program[sig] = before;
	else
		tell(&before, &kernels, old);
	return rc;
}
