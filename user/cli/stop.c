// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * stop.c - ending by signal. See stop.h. The handler runs only what is
 * async-signal-safe: clock_gettime(2), write(2), xtcp_wake(), _exit(2).
 *
 * timeout(1) and some shells send a signal to the process and again to its
 * group: what follows within SAME_MS of the first counts as the same wish.
 */
#include "cli/stop.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

#define SAME_MS 50
#define ENGINES 64

static atomic_llong asked_ms; /* time of the first signal; 0 none */
static int wake_fd = -1;
static _Atomic(struct xtcp *) engine[ENGINES];
static void (*_Atomic restore)(void);

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000 + 1;
}

static void wake_all(void)
{
	static const uint64_t one = 1;

	if (write(wake_fd, &one, sizeof(one)) < 0) {
		/* The flag is set all the same, and poll() was interrupted. */
	}
	for (int i = 0; i < ENGINES; i++) {
		struct xtcp *x = atomic_load(&engine[i]);

		if (x)
			xtcp_wake(x);
	}
}

static void on_signal(int sig)
{
	int keep = errno;
	long long now = now_ms(), first = 0;

	(void)sig;
	if (!atomic_compare_exchange_strong(&asked_ms, &first, now)) {
		void (*fn)(void) = atomic_load(&restore);

		if (now - first < SAME_MS)
			goto out;

		if (fn)
			fn();
		_exit(EXIT_FAILED);
	}
	wake_all();
out:
	errno = keep;
}

int stop_install(void)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct sigaction old;

	if (wake_fd >= 0) /* installed before */
		return 0;
	wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (wake_fd < 0)
		return -errno;
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	/* nohup(1) wants to be left alone; the SIGINT that a shell ignores for a job behind '&' is our way to end. */
	if (sigaction(SIGHUP, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
		sigaction(SIGHUP, &sa, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	return 0;
}

bool stop_asked(void)
{
	return atomic_load_explicit(&asked_ms, memory_order_relaxed) != 0;
}

int stop_fd(void)
{
	return wake_fd;
}

void stop_ask(void)
{
	long long first = 0;

	if (atomic_compare_exchange_strong(&asked_ms, &first, now_ms()))
		wake_all();
}

static void replace(struct xtcp *from, struct xtcp *to)
{
	for (int i = 0; i < ENGINES; i++) {
		struct xtcp *old = from;

		if (atomic_compare_exchange_strong(&engine[i], &old, to))
			return;
	}
}

void stop_wakes(struct xtcp *x)
{
	replace(NULL, x);
}

void stop_forgets(struct xtcp *x)
{
	replace(x, NULL);
}

void stop_restores(void (*fn)(void))
{
	atomic_store(&restore, fn);
}
