// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * socket.c - the sockets of xtcp.h: for C programs that know of xtcp. What libxtcp-preload.so gives to those that do not is the same, by the
 * C library's names.
 */
#include "xtcp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fail.h"
#include "run/calls.h"
#include "run/early.h"
#include "run/keeper.h"

/* ---- runs ---- */

int xtcp_run_join(const char *run)
{
	const char *name = run ? run : getenv("XTCP_RUN");

	if (local.on)
		return fail(EALREADY, "this process is of a run already");
	if (!name || !*name)
		return fail(ENOENT, "there is no run to join: start the program by xtcp run, or call xtcp_run_start");
	return local_join_run(name);
}

/* The keeper: no file of the program's is open in it, its standard output and error are. */
__attribute__((noreturn)) static void keep(const struct xtcp_conf *conf, int tell)
{
	struct keeper_conf kc = { .ifname = conf->ifname,
				  .spin_us = conf->spin_us ? conf->spin_us : 50,
				  .waiting = conf->waiting };
	struct keeper *k = NULL;
	struct xtcp *x;
	char said[256] = "";
	int err;

	setsid(); /* a terminal's signals are for the program */
	signal(SIGPIPE, SIG_IGN);
	err = xtcp_open(&x, conf);
	if (!err)
		err = keeper_open(&k, &x, 1, &kc);
	said[0] = err ? '-' : '+';
	strncpy(said + 1, err ? xtcp_errmsg() : keeper_name(k), sizeof(said) - 2);
	if (write(tell, said, sizeof(said)) != (ssize_t)sizeof(said))
		err = -EPIPE;
	close(tell);
	if (!err) {
		keeper_serve(k, 0, -1);
		keeper_close(k);
		xtcp_drain(x, 2000);
	}
	xtcp_destroy(x);
	_exit(err ? 1 : 0);
}

int xtcp_run_start(const struct xtcp_conf *conf)
{
	char said[256];
	int p[2], status;
	ssize_t n;
	pid_t pid;

	if (!conf || !conf->ifname)
		return fail(EINVAL, "conf.ifname is missing: name the interface to serve");
	if (local.on)
		return fail(EALREADY, "this process is of a run already");
	if (pipe2(p, O_CLOEXEC))
		return fail(errno, "pipe: %s", strerror(errno));
	pid = fork();
	if (pid == 0) {
		close(p[0]);
		if (fork() == 0) /* nobody's child: nobody has to reap it */
			keep(conf, p[1]);
		_exit(0);
	}
	close(p[1]);
	if (pid > 0)
		waitpid(pid, &status, 0);
	n = pid < 0 ? 0 : read(p[0], said, sizeof(said));
	close(p[0]);
	if (n != (ssize_t)sizeof(said))
		return fail(ECHILD, "the keeper of the run has not come up");
	if (said[0] == '-')
		return fail(EIO, "%s", said + 1);
	return local_join_run(said + 1);
}

/* ---- sockets ---- */

int xtcp_socket(int domain, int type, int protocol)
{
	int fd;

	real_init();
	fd = real.socket(domain, type, protocol);
	early_socket(fd, domain, type);
	return fd;
}

int xtcp_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	real_init();
	return call_bind(fd, addr, len);
}

int xtcp_listen_fd(int fd, int backlog)
{
	real_init();
	return call_listen(fd, backlog);
}

int xtcp_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	real_init();
	return call_accept4(fd, addr, len, flags);
}

int xtcp_connect_fd(int fd, const struct sockaddr *addr, socklen_t len)
{
	real_init();
	return call_connect(fd, addr, len);
}

int xtcp_shutdown_fd(int fd, int how)
{
	real_init();
	return call_shutdown(fd, how);
}

int xtcp_close_fd(int fd)
{
	real_init();
	return call_close(fd);
}

int xtcp_dup3(int from, int to, int flags)
{
	real_init();
	return call_dup3(from, to, flags);
}

int xtcp_fcntl(int fd, int cmd, long arg)
{
	real_init();
	return call_fcntl(fd, cmd, (void *)(intptr_t)arg);
}

int xtcp_ioctl(int fd, unsigned long request, void *arg)
{
	real_init();
	return call_ioctl(fd, request, arg);
}

int xtcp_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	real_init();
	return call_getsockname(fd, addr, len);
}

int xtcp_getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
	real_init();
	return call_getpeername(fd, addr, len);
}

int xtcp_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	real_init();
	return call_getsockopt(fd, level, name, value, len);
}

int xtcp_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	real_init();
	return call_setsockopt(fd, level, name, value, len);
}

/* ---- data ---- */

ssize_t xtcp_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	real_init();
	return call_sendmsg(fd, msg, flags);
}

ssize_t xtcp_recvmsg(int fd, struct msghdr *msg, int flags)
{
	real_init();
	return call_recvmsg(fd, msg, flags);
}

ssize_t xtcp_write(int fd, const void *buf, size_t n)
{
	real_init();
	return call_write(fd, buf, n);
}

ssize_t xtcp_read(int fd, void *buf, size_t n)
{
	real_init();
	return call_read(fd, buf, n);
}

ssize_t xtcp_sendfile(int out, int in, off_t *off, size_t n)
{
	real_init();
	return call_sendfile(out, in, off, n);
}

/* ---- waiting ---- */

int xtcp_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	struct timespec ts;

	real_init();
	return call_ppoll(fds, n, call_ms(timeout_ms, &ts), NULL);
}

int xtcp_epoll_create1(int flags)
{
	return epoll_create1(flags);
}

int xtcp_epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev)
{
	real_init();
	return call_epoll_ctl(epfd, op, fd, ev);
}

int xtcp_epoll_wait(int epfd, struct epoll_event *ev, int max, int timeout_ms)
{
	struct timespec ts;

	real_init();
	return call_epoll_wait(epfd, ev, max, call_ms(timeout_ms, &ts), NULL);
}
