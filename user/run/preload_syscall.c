// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * preload_syscall.c - syscall(2): the calls of the other files by number; and io_uring. What goes by a ring passes by this library:
 * connections there are the kernel's. The program is told so in a line, once in a run, when it asks for a ring, or at its start
 * if it is linked with liburing, which asks without the C library.
 */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "run/calls.h"
#include "run/guard.h"

#define EXPORT __attribute__((visibility("default")))

static void say(const char *how)
{
	char text[256];
	int n, err = errno;

	if (!local.on || __atomic_exchange_n(&local.m[0].r->said_uring, 1, __ATOMIC_RELAXED))
		return;
	n = snprintf(text, sizeof(text), "xtcp: %s %s io_uring: connections that go by it stay with the kernel's TCP\n",
		     program_invocation_name, how);
	if (n > 0 && real.write(2, text, (size_t)n) < 0)
		errno = err;
	errno = err;
}

static int is_liburing(struct dl_phdr_info *info, size_t size, void *found)
{
	const char *name = info->dlpi_name ? strrchr(info->dlpi_name, '/') : NULL;

	(void)size;
	name = name ? name + 1 : info->dlpi_name;
	if (name && !strncmp(name, "liburing.so", 11))
		*(bool *)found = true;
	return *(bool *)found;
}

/* After preload.c's: the run is joined. */
__attribute__((constructor(102))) static void begin(void)
{
	bool found = false;

	if (!local.on || __atomic_load_n(&local.m[0].r->said_uring, __ATOMIC_RELAXED))
		return;
	dl_iterate_phdr(is_liburing, &found);
	if (found)
		say("is linked with liburing, for");
}

/* ---- calls by number: some libraries close so, libuv does ---- */

struct args {
	long a[6];
};

static int num(const struct args *g, int i)
{
	return (int)g->a[i];
}

static void *ptr(const struct args *g, int i)
{
	return (void *)g->a[i];
}

/* The kernel's set of signals is shorter than the C library's. False: it is for the kernel to refuse. */
static bool mask(const void *kernels, long bytes, sigset_t *room, const sigset_t **set)
{
	*set = kernels ? room : NULL;
	if (!kernels)
		return true;
	if (bytes != _NSIG / 8 || !guard_read(kernels, _NSIG / 8))
		return false;
	sigemptyset(room);
	memcpy(room, kernels, _NSIG / 8);
	return true;
}

/* pselect6() has it and its length behind one pointer. */
static bool mask6(const long *pair, sigset_t *room, const sigset_t **set)
{
	*set = NULL;
	return !pair || (guard_read(pair, 2 * sizeof(*pair)) && mask((const void *)pair[0], pair[1], room, set));
}

static bool descriptors(long number, const struct args *g, long *rc)
{
	switch (number) {
	case SYS_close: *rc = close(num(g, 0)); return true;
	case SYS_close_range: *rc = close_range((unsigned int)g->a[0], (unsigned int)g->a[1], num(g, 2)); return true;
	case SYS_dup: *rc = dup(num(g, 0)); return true;
#ifdef SYS_dup2
	case SYS_dup2: *rc = dup2(num(g, 0), num(g, 1)); return true;
#endif
	case SYS_dup3: *rc = dup3(num(g, 0), num(g, 1), num(g, 2)); return true;
	case SYS_fcntl: *rc = fcntl(num(g, 0), num(g, 1), ptr(g, 2)); return true;
	case SYS_ioctl: *rc = ioctl(num(g, 0), (unsigned long)g->a[1], ptr(g, 2)); return true;
	default: return false;
	}
}

static bool sockets(long number, const struct args *g, long *rc)
{
	switch (number) {
	case SYS_socket: *rc = socket(num(g, 0), num(g, 1), num(g, 2)); return true;
	case SYS_bind: *rc = bind(num(g, 0), ptr(g, 1), (socklen_t)g->a[2]); return true;
	case SYS_connect: *rc = connect(num(g, 0), ptr(g, 1), (socklen_t)g->a[2]); return true;
	case SYS_listen: *rc = listen(num(g, 0), num(g, 1)); return true;
	case SYS_accept: *rc = accept(num(g, 0), ptr(g, 1), ptr(g, 2)); return true;
	case SYS_accept4: *rc = accept4(num(g, 0), ptr(g, 1), ptr(g, 2), num(g, 3)); return true;
	case SYS_shutdown: *rc = shutdown(num(g, 0), num(g, 1)); return true;
	case SYS_getsockname: *rc = getsockname(num(g, 0), ptr(g, 1), ptr(g, 2)); return true;
	case SYS_getpeername: *rc = getpeername(num(g, 0), ptr(g, 1), ptr(g, 2)); return true;
	case SYS_getsockopt: *rc = getsockopt(num(g, 0), num(g, 1), num(g, 2), ptr(g, 3), ptr(g, 4)); return true;
	case SYS_setsockopt:
		*rc = setsockopt(num(g, 0), num(g, 1), num(g, 2), ptr(g, 3), (socklen_t)g->a[4]);
		return true;
	default: return false;
	}
}

static bool data(long number, const struct args *g, long *rc)
{
	size_t n = (size_t)g->a[2];

	switch (number) {
	case SYS_read: *rc = read(num(g, 0), ptr(g, 1), n); return true;
	case SYS_write: *rc = write(num(g, 0), ptr(g, 1), n); return true;
	case SYS_readv: *rc = readv(num(g, 0), ptr(g, 1), num(g, 2)); return true;
	case SYS_writev: *rc = writev(num(g, 0), ptr(g, 1), num(g, 2)); return true;
	case SYS_recvfrom: *rc = recvfrom(num(g, 0), ptr(g, 1), n, num(g, 3), ptr(g, 4), ptr(g, 5)); return true;
	case SYS_sendto: *rc = sendto(num(g, 0), ptr(g, 1), n, num(g, 3), ptr(g, 4), (socklen_t)g->a[5]); return true;
	case SYS_recvmsg: *rc = recvmsg(num(g, 0), ptr(g, 1), num(g, 2)); return true;
	case SYS_sendmsg: *rc = sendmsg(num(g, 0), ptr(g, 1), num(g, 2)); return true;
	case SYS_recvmmsg:
		*rc = recvmmsg(num(g, 0), ptr(g, 1), (unsigned int)g->a[2], num(g, 3), ptr(g, 4));
		return true;
	case SYS_sendmmsg: *rc = sendmmsg(num(g, 0), ptr(g, 1), (unsigned int)g->a[2], num(g, 3)); return true;
	case SYS_sendfile: *rc = sendfile(num(g, 0), num(g, 1), ptr(g, 2), (size_t)g->a[3]); return true;
	case SYS_splice:
		*rc = splice(num(g, 0), ptr(g, 1), num(g, 2), ptr(g, 3), (size_t)g->a[4], (unsigned int)g->a[5]);
		return true;
	default: return false;
	}
}

static bool waits(long number, const struct args *g, long *rc)
{
	switch (number) {
#ifdef SYS_poll
	case SYS_poll: *rc = poll(ptr(g, 0), (nfds_t)g->a[1], num(g, 2)); return true;
	case SYS_select: *rc = select(num(g, 0), ptr(g, 1), ptr(g, 2), ptr(g, 3), ptr(g, 4)); return true;
	case SYS_epoll_wait: *rc = epoll_wait(num(g, 0), ptr(g, 1), num(g, 2), num(g, 3)); return true;
#endif
	case SYS_epoll_ctl: *rc = epoll_ctl(num(g, 0), num(g, 1), num(g, 2), ptr(g, 3)); return true;
	default: return false;
	}
}

static bool masked_waits(long number, const struct args *g, long *rc)
{
	const sigset_t *set;
	sigset_t room;

	switch (number) {
	case SYS_ppoll:
		if (!mask(ptr(g, 3), g->a[4], &room, &set))
			return false;
		*rc = ppoll(ptr(g, 0), (nfds_t)g->a[1], ptr(g, 2), set);
		return true;
	case SYS_pselect6:
		if (!mask6(ptr(g, 5), &room, &set))
			return false;
		*rc = pselect(num(g, 0), ptr(g, 1), ptr(g, 2), ptr(g, 3), ptr(g, 4), set);
		return true;
	case SYS_epoll_pwait:
		if (!mask(ptr(g, 4), g->a[5], &room, &set))
			return false;
		*rc = epoll_pwait(num(g, 0), ptr(g, 1), num(g, 2), num(g, 3), set);
		return true;
	case SYS_epoll_pwait2:
		if (!mask(ptr(g, 4), g->a[5], &room, &set))
			return false;
		*rc = epoll_pwait2(num(g, 0), ptr(g, 1), num(g, 2), ptr(g, 3), set);
		return true;
	default: return false;
	}
}

EXPORT long syscall(long number, ...)
{
	struct args g;
	va_list ap;
	long rc;

	real_init();
	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		g.a[i] = va_arg(ap, long);
	va_end(ap);
	if (local.on && (descriptors(number, &g, &rc) || data(number, &g, &rc) || sockets(number, &g, &rc) ||
			 waits(number, &g, &rc) || masked_waits(number, &g, &rc)))
		return rc;
	if (number == SYS_io_uring_setup)
		say("asks for");
	return real.syscall(number, g.a[0], g.a[1], g.a[2], g.a[3], g.a[4], g.a[5]);
}
