// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * preload.c - libxtcp-preload.so: the C library's calls on sockets and descriptors, for programs that were never told. Each
 * goes on to the call of that name in calls.h, or to the kernel where nothing of ours is concerned. Nothing else is changed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "run/calls.h"
#include "run/signal.h"
#include "run/early.h"
#include "run/stdio.h"

#define EXPORT __attribute__((visibility("default")))

__attribute__((constructor(101))) static void begin(void)
{
	local_join();
	if (local.on)
		signal_begin();
	for (int fd = 0; fd < 3; fd++)
		stdio_follow(fd);
}

__attribute__((destructor)) static void finish(void)
{
	local_bye();
}

/* ---- opening ---- */

EXPORT int socket(int domain, int type, int protocol)
{
	int fd;

	real_init();
	fd = real.socket(domain, type, protocol);
	early_socket(fd, domain, type);
	return fd;
}

EXPORT int bind(int fd, __CONST_SOCKADDR_ARG addr, socklen_t len)
{
	real_init();
	return call_bind(fd, addr.__sockaddr__, len);
}

EXPORT int listen(int fd, int backlog)
{
	real_init();
	return call_listen(fd, backlog);
}

EXPORT int accept4(int fd, __SOCKADDR_ARG addr, socklen_t *restrict len, int flags)
{
	real_init();
	return call_accept4(fd, addr.__sockaddr__, len, flags);
}

EXPORT int accept(int fd, __SOCKADDR_ARG addr, socklen_t *restrict len)
{
	real_init();
	return call_accept4(fd, addr.__sockaddr__, len, 0);
}

EXPORT int connect(int fd, __CONST_SOCKADDR_ARG addr, socklen_t len)
{
	real_init();
	return call_connect(fd, addr.__sockaddr__, len);
}

EXPORT int shutdown(int fd, int how)
{
	real_init();
	return call_shutdown(fd, how);
}

EXPORT int getsockname(int fd, __SOCKADDR_ARG addr, socklen_t *restrict len)
{
	real_init();
	return call_getsockname(fd, addr.__sockaddr__, len);
}

EXPORT int getpeername(int fd, __SOCKADDR_ARG addr, socklen_t *restrict len)
{
	real_init();
	return call_getpeername(fd, addr.__sockaddr__, len);
}

EXPORT int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict len)
{
	real_init();
	return call_getsockopt(fd, level, name, value, len);
}

EXPORT int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	real_init();
	return call_setsockopt(fd, level, name, value, len);
}

/* ---- descriptors ---- */

EXPORT int close(int fd)
{
	real_init();
	return call_close(fd);
}

EXPORT int close_range(unsigned int first, unsigned int last, int flags)
{
	real_init();
	return call_close_range(first, last, flags);
}

EXPORT void closefrom(int first)
{
	real_init();
	call_close_range(first < 0 ? 0 : (unsigned int)first, UINT32_MAX, 0);
}

static int followed(int fd)
{
	int err = errno;

	stdio_follow(fd);
	errno = err;
	return fd;
}

EXPORT int dup(int fd)
{
	real_init();
	return call_dup(fd);
}

EXPORT int dup2(int from, int to)
{
	real_init();
	return followed(call_dup2(from, to));
}

EXPORT int dup3(int from, int to, int flags)
{
	real_init();
	return followed(call_dup3(from, to, flags));
}

EXPORT int fcntl(int fd, int cmd, ...)
{
	va_list ap;
	void *arg;

	real_init();
	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	return call_fcntl(fd, cmd, arg);
}

EXPORT int fcntl64(int fd, int cmd, ...)
{
	va_list ap;
	void *arg;

	real_init();
	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	return call_fcntl(fd, cmd, arg);
}

EXPORT int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	real_init();
	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	return call_ioctl(fd, request, arg);
}

/* ---- processes ---- */

__attribute__((noreturn)) static void quick_end(int status)
{
	for (;;)
		syscall(SYS_exit_group, status);
}

/* The child of a true vfork() shares our memory: what it closes would be closed for us. */
EXPORT pid_t vfork(void)
{
	return fork();
}

EXPORT void _exit(int status)
{
	local_bye();
	quick_end(status);
}

EXPORT void _Exit(int status)
{
	local_bye();
	quick_end(status);
}

/* From here on the process may be killed for a system call that a turn makes. */
EXPORT int prctl(int option, ...)
{
	unsigned long arg[4];
	va_list ap;
	int rc;

	real_init();
	va_start(ap, option);
	for (int i = 0; i < 4; i++)
		arg[i] = va_arg(ap, unsigned long);
	va_end(ap);
	if (option == PR_SET_SECCOMP)
		local_prepare_sandbox();
	rc = real.prctl(option, arg[0], arg[1], arg[2], arg[3]);
	if (option == PR_SET_SECCOMP && !rc)
		local_sandboxed();
	return rc;
}
