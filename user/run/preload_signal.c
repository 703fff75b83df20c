// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * preload_signal.c - signal handlers, for what a call that one interrupts has to do: begin again after one that was set with SA_RESTART,
 * return EINTR after any other. The kernel knows which it was; we do not, unless each handler is called by way of one of ours.
 * SIGSEGV and SIGBUS always are: a bad pointer that a call of ours was given is that call's to tell (guard.h), any other
 * fault is the program's, with its own handler or none.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "run/calls.h"
#include "run/guard.h"
#include "run/signal.h"

#define EXPORT __attribute__((visibility("default")))

static struct sigaction set_by_program[NSIG]; /* where the kernel has ours */

static bool is_fault(int sig)
{
	return sig == SIGSEGV || sig == SIGBUS;
}

static void pass_on(int sig, siginfo_t *info, void *context)
{
	const struct sigaction *a = &set_by_program[sig];

	if (is_fault(sig) && info->si_code > 0 && guard_faulted(context))
		return;
	if (!(a->sa_flags & SA_SIGINFO) && (a->sa_handler == SIG_DFL || a->sa_handler == SIG_IGN)) {
		real.sigaction(sig, a, NULL); /* the same again, without us; if it was sent: */
		if (info->si_code <= 0)
			raise(sig);
		return;
	}
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
	handler = is_fault(sig) || act->sa_flags & SA_SIGINFO ||
		  (act->sa_handler != SIG_DFL && act->sa_handler != SIG_IGN);
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

/* The C library's own would set the kernel's past us. */
EXPORT sighandler_t signal(int sig, sighandler_t handler)
{
	struct sigaction a = { .sa_handler = handler, .sa_flags = SA_RESTART }, old;

	sigemptyset(&a.sa_mask);
	sigaddset(&a.sa_mask, sig);
	return sigaction(sig, &a, &old) ? SIG_ERR : old.sa_handler;
}

void signal_begin(void)
{
	static const int faults[] = { SIGSEGV, SIGBUS };

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		struct sigaction old;

		if (!real.sigaction(faults[i], NULL, &old))
			sigaction(faults[i], &old, NULL);
	}
}
