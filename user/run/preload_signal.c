// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * preload_signal.c - signal handlers, for what a call that one interrupts has to do: begin again after one that was set with SA_RESTART,
 * return EINTR after any other. The kernel knows which it was; we do not, unless each handler is called by way of one of ours.
 * SIGSEGV and SIGBUS always are: a bad pointer that a call of ours was given is that call's to tell (guard.h), any other
 * fault is the program's, with its own handler or none. And those are that end the process: not in the middle of a turn, of any thread.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "run/async.h"
#include "run/calls.h"
#include "run/guard.h"
#include "run/signal.h"

#define EXPORT __attribute__((visibility("default")))

sighandler_t __sysv_signal(int, sighandler_t);

static struct sigaction set_by_program[NSIG]; /* where the kernel has ours */

static bool is_fault(int sig)
{
	return sig == SIGSEGV || sig == SIGBUS;
}

/* Comes again of itself, if what was done is done again. */
static bool is_sync(int sig)
{
	return is_fault(sig) || sig == SIGFPE || sig == SIGILL || sig == SIGTRAP || sig == SIGSYS;
}

/* Which end a process that says nothing else. */
static bool ends(int sig)
{
	switch (sig) {
	case SIGHUP:
	case SIGINT:
	case SIGQUIT:
	case SIGILL:
	case SIGABRT:
	case SIGFPE:
	case SIGUSR1:
	case SIGUSR2:
	case SIGPIPE:
	case SIGALRM:
	case SIGTERM:
	case SIGXCPU:
	case SIGXFSZ:
	case SIGVTALRM:
	case SIGPROF: return true;
	default: return is_fault(sig);
	}
}

static bool by_default(const struct sigaction *a)
{
	return !(a->sa_flags & SA_SIGINFO) && a->sa_handler == SIG_DFL;
}

/* A signal of async.c that another process has sent: band and descriptor travelled as its value. */
static void async_info(siginfo_t *info)
{
	uint64_t v = (uint64_t)(uintptr_t)info->si_value.sival_ptr;

	if (info->si_code != SI_QUEUE || (v & RUN_ASYNC_MASK) != RUN_ASYNC_MAGIC)
		return;
	info->si_code = (int)(v >> 44 & 0xf);
	info->si_band = (long)(v >> 28 & 0xffff);
	info->si_fd = (int)(v & 0xfffffff);
}

static void pass_on(int sig, siginfo_t *info, void *context);

/* The program's, by way of ours. */
static int set_kernels(int sig)
{
	struct sigaction a = set_by_program[sig];

	a.sa_sigaction = pass_on;
	a.sa_flags |= SA_SIGINFO;
	return real.sigaction(sig, &a, NULL);
}

/* ---- not in the middle of a call of ours ---- */

/* A ring of each thread: later() puts in, in a handler, and resume() takes out, when none can run. */
#define PUT_OFF 16u
static __thread siginfo_t put_off[PUT_OFF];
static LOCAL_TLS volatile uint32_t put, taken;

/* As the kernel has it while a signal is blocked: of one that is no real-time signal a second one is none. */
static bool is_put_off(int sig)
{
	for (uint32_t i = taken; sig < SIGRTMIN && i != put; i++)
		if (put_off[i % PUT_OFF].si_signo == sig)
			return true;
	return false;
}

/* A handler may call on the socket whose call it interrupts, whose thread has the lock: it runs once that is given back. */
static bool later(int sig, const siginfo_t *info, int flags)
{
	if (!local_held || put - taken == PUT_OFF || is_sync(sig))
		return false;
	if (flags & (int)SA_RESETHAND)
		set_kernels(sig); /* which has been reset by now */
	if (!is_put_off(sig)) {
		put_off[put % PUT_OFF] = *info;
		atomic_signal_fence(memory_order_seq_cst);
		put++;
	}
	return true;
}

/* The oldest. Handlers that come meanwhile are put off, too: what they call on ends in resume() itself. */
static bool take(siginfo_t *out)
{
	bool is;

	local_held = 1;
	atomic_signal_fence(memory_order_seq_cst);
	is = put != taken;
	if (is) {
		*out = put_off[taken % PUT_OFF];
		taken++;
	}
	atomic_signal_fence(memory_order_seq_cst);
	local_held = 0;
	atomic_signal_fence(memory_order_seq_cst);
	return is;
}

/* Sent once more to this thread: each comes at once, and as it was. */
static void resume(void)
{
	int err = errno;
	siginfo_t info;

	while (put != taken)
		if (take(&info))
			real.syscall(SYS_rt_tgsigqueueinfo, (long)getpid(), real.syscall(SYS_gettid),
				     (long)info.si_signo, (long)(uintptr_t)&info);
	errno = err;
}

__attribute__((constructor)) static void begin(void)
{
	local_resume_handlers = resume;
}

/* ---- handlers ---- */

static void pass_on(int sig, siginfo_t *info, void *context)
{
	const struct sigaction *a = &set_by_program[sig];

	if (is_fault(sig) && info->si_code > 0 && guard_faulted(context))
		return;
	if (later(sig, info, a->sa_flags))
		return;
	if (by_default(a) || (!(a->sa_flags & SA_SIGINFO) && a->sa_handler == SIG_IGN)) {
		if (by_default(a))
			local_alone();
		real.sigaction(sig, a,
			       NULL); /* the same again, without us; if it was sent, or does not come of itself: */
		if (info->si_code <= 0 || !is_sync(sig))
			raise(sig);
		return;
	}
	async_info(info);
	local_interrupted |= a->sa_flags & SA_RESTART ? 1 : 2;
	if (a->sa_flags & SA_SIGINFO)
		a->sa_sigaction(sig, info, context);
	else
		a->sa_handler(sig);
	if (local_sleeps)
		local_poke();
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
	handler = is_fault(sig) || act->sa_flags & SA_SIGINFO || (act->sa_handler == SIG_DFL && ends(sig)) ||
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

/* ---- its relatives, which the C library builds on a sigaction() of its own ---- */

static sigset_t interrupting; /* siginterrupt(sig, 1) */

static sighandler_t set_handler(int sig, sighandler_t handler, int flags)
{
	struct sigaction a = { .sa_handler = handler, .sa_flags = flags }, old;

	return sigaction(sig, &a, &old) ? SIG_ERR : old.sa_handler;
}

EXPORT sighandler_t signal(int sig, sighandler_t handler)
{
	struct sigaction a = { .sa_handler = handler, .sa_flags = SA_RESTART }, old;

	if (sig <= 0 || sig >= NSIG || handler == SIG_ERR) {
		errno = EINVAL;
		return SIG_ERR;
	}
	sigaddset(&a.sa_mask, sig);
	if (sigismember(&interrupting, sig) == 1)
		a.sa_flags = 0;
	return sigaction(sig, &a, &old) ? SIG_ERR : old.sa_handler;
}

EXPORT sighandler_t __sysv_signal(int sig, sighandler_t handler)
{
	if (handler == SIG_ERR) {
		errno = EINVAL;
		return SIG_ERR;
	}
	return set_handler(sig, handler, (int)(SA_RESETHAND | SA_NODEFER));
}

EXPORT int siginterrupt(int sig, int on)
{
	struct sigaction a;

	if (sigaction(sig, NULL, &a))
		return -1;
	if (on)
		sigaddset(&interrupting, sig);
	else
		sigdelset(&interrupting, sig);
	a.sa_flags = on ? a.sa_flags & ~SA_RESTART : a.sa_flags | SA_RESTART;
	return sigaction(sig, &a, NULL);
}

EXPORT int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *limit)
{
	siginfo_t own;
	int sig;

	real_init();
	sig = real.sigtimedwait(set, info ? info : &own, limit);
	if (sig > 0 && info)
		async_info(info);
	return sig;
}

EXPORT int sigwaitinfo(const sigset_t *set, siginfo_t *info)
{
	return sigtimedwait(set, info, NULL);
}

void signal_begin(void)
{
	struct sigaction old;

	for (int sig = 1; sig < NSIG; sig++)
		if (ends(sig) && !real.sigaction(sig, NULL, &old) && (is_fault(sig) || by_default(&old)))
			sigaction(sig, &old, NULL);
}
