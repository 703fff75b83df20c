// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * keeper.c - a child that outlives us by a moment: it waits on a pipe for our
 * end, however it comes, and removes our pins.
 *
 * Invariants: it keeps nothing of ours alive (no descriptor but the pipe and the
 * directory, no shared mapping: an AF_XDP ring's would hold the socket). It acts
 * on the directory it was given, not on its name, so that it cannot harm a
 * successor. It is made by a bare clone without an exit signal: no SIGCHLD, and
 * wait() of the program does not see it. Between clone and _exit it runs system
 * calls only, for other threads may have held any lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/pin.h"
#include "lib/fail.h"

#ifndef __WCLONE
#define __WCLONE 0x80000000
#endif

static const char *const pin_names[] = { "link", "prog",  "flow_table", "ports", "addrs",
					 "xsks", "flows", "stats",	"events" };

/* One line of /proc/self/maps: "start-end perms ...". Unmap it when it is shared. */
static void drop_line(const char *line)
{
	uintptr_t v[2] = { 0, 0 };
	int i = 0;

	for (; *line && *line != ' '; line++) {
		if (*line == '-')
			i = 1;
		else
			v[i] = v[i] * 16 + (uintptr_t)(*line <= '9' ? *line - '0' : *line - 'a' + 10);
	}
	if (*line == ' ' && line[1] && line[2] && line[3] && line[4] == 's' && v[1] > v[0])
		munmap((void *)v[0], v[1] - v[0]);
}

/* Reads in small pieces; a line is at most its first 63 bytes, which hold all that matters. */
static void drop_shared_mappings(void)
{
	char buf[1024], line[64];
	size_t n = 0;
	ssize_t got;
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	while ((got = read(fd, buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < got; i++) {
			if (buf[i] == '\n') {
				line[n] = '\0';
				drop_line(line);
				n = 0;
			} else if (n < sizeof(line) - 1) {
				line[n++] = buf[i];
			}
		}
	}
	close(fd);
}

static void __attribute__((noreturn)) keep(int pipe_fd, int dir_fd, const char *path)
{
	ssize_t n;
	char c;

	/* 0: the pipe, 1: the directory. Nothing is ever written. */
	pipe_fd = fcntl(pipe_fd, F_DUPFD, 2);
	dir_fd = fcntl(dir_fd, F_DUPFD, 2);
	if (dup2(pipe_fd, 0) < 0 || dup2(dir_fd, 1) < 0 || syscall(SYS_close_range, 2u, ~0u, 0u))
		_exit(1);
	setsid();
	prctl(PR_SET_NAME, "xtcp-keeper");
	if (chdir("/"))
		_exit(1);
	drop_shared_mappings();
	do {
		n = read(0, &c, 1);
	} while (n > 0 || (n < 0 && errno == EINTR));
	for (size_t i = 0; i < sizeof(pin_names) / sizeof(pin_names[0]); i++)
		unlinkat(1, pin_names[i], 0);
	unlinkat(AT_FDCWD, path, AT_REMOVEDIR); /* fails when a successor fills it already */
	unlinkat(AT_FDCWD, PIN_ROOT, AT_REMOVEDIR);
	_exit(0);
}

int keeper_start(struct pins *p)
{
	sigset_t all, old;
	int fds[2], dir, err;
	long pid;

	if (pipe2(fds, O_CLOEXEC))
		return fail(errno, "no pipe for the keeper of the pins");
	dir = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* Signals stay blocked in the keeper: it lives exactly as long as we do. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = dir < 0 ? -1 : syscall(SYS_clone, 0, 0, 0, 0, 0);
	if (pid == 0)
		keep(fds[0], dir, p->path);
	err = errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (dir >= 0)
		close(dir);
	close(fds[0]);
	if (pid < 0) {
		close(fds[1]);
		return fail(err, "no keeper for the pins in %s: %s", p->path, strerror(err));
	}
	p->keeper = (pid_t)pid;
	p->keeper_pipe = fds[1];
	return 0;
}

void keeper_stop(struct pins *p)
{
	if (p->keeper_pipe >= 0)
		close(p->keeper_pipe);
	p->keeper_pipe = -1;
	if (p->keeper > 0) {
		/* A forked child of ours may hold the pipe too, so its end is not waited for. */
		kill(p->keeper, SIGKILL);
		while (waitpid(p->keeper, NULL, (int)__WCLONE) < 0 && errno == EINTR)
			;
	}
	p->keeper = 0;
}
