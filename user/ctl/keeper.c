// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * keeper.c - a child that outlives us by a moment: it waits on a pipe for our
 * end, however it comes, and does its job (keeper.h).
 *
 * Invariants: it keeps nothing of ours alive (no descriptor but the pipe and
 * those of its job, no shared mapping: an AF_XDP ring's would hold the socket). It acts
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

#include "ctl/keeper.h"
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

#define JOB_FD 1 /* the directory, then the files, stand behind the pipe */

/* To places of their own, past those that they may end at. */
static int gather(int pipe_fd, const struct keeper_job *job)
{
	int from[2 + KEEPER_FILES], n = 0;

	from[n++] = pipe_fd;
	if (job->dir >= 0)
		from[n++] = job->dir;
	for (int i = 0; i < job->files; i++)
		from[n++] = job->file[i];
	for (int i = 0; i < n; i++)
		from[i] = fcntl(from[i], F_DUPFD, n);
	for (int i = 0; i < n; i++)
		if (from[i] < 0 || dup2(from[i], i) < 0)
			return -1;
	return (int)syscall(SYS_close_range, (unsigned int)n, ~0u, 0u);
}

static void do_job(const struct keeper_job *job)
{
	int fd = JOB_FD;

	if (job->dir >= 0) {
		for (size_t i = 0; i < sizeof(pin_names) / sizeof(pin_names[0]); i++)
			unlinkat(fd, pin_names[i], 0);
		unlinkat(AT_FDCWD, job->path, AT_REMOVEDIR); /* fails when a successor fills it already */
		unlinkat(AT_FDCWD, PIN_ROOT, AT_REMOVEDIR);
		fd++;
	}
	for (int i = 0; i < job->files; i++)
		if (pwrite(fd + i, job->text[i], strlen(job->text[i]), 0) < 0)
			continue; /* the interface is gone too */
}

static void __attribute__((noreturn)) keep(int pipe_fd, const struct keeper_job *job)
{
	ssize_t n;
	char c;

	if (gather(pipe_fd, job))
		_exit(1);
	setsid();
	prctl(PR_SET_NAME, "xtcp-keeper");
	if (chdir("/"))
		_exit(1);
	drop_shared_mappings();
	do { /* nothing is ever written */
		n = read(0, &c, 1);
	} while (n > 0 || (n < 0 && errno == EINTR));
	do_job(job);
	_exit(0);
}

int keeper_start(struct keeper *k, const struct keeper_job *job)
{
	sigset_t all, old;
	int fds[2], err;
	long pid;

	if (pipe2(fds, O_CLOEXEC))
		return fail(errno, "no pipe for a keeper: %s", strerror(errno));
	/* Signals stay blocked in the keeper: it lives exactly as long as we do. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = syscall(SYS_clone, 0, 0, 0, 0, 0);
	if (pid == 0)
		keep(fds[0], job);
	err = errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	close(fds[0]);
	if (pid < 0) {
		close(fds[1]);
		return fail(err, "no keeper: %s", strerror(err));
	}
	*k = (struct keeper){ (pid_t)pid, fds[1] };
	return 0;
}

void keeper_stop(struct keeper *k)
{
	if (k->pipe >= 0)
		close(k->pipe);
	k->pipe = -1;
	if (k->pid > 0) {
		/* A forked child of ours may hold the pipe too, so its end is not waited for. */
		kill(k->pid, SIGKILL);
		while (waitpid(k->pid, NULL, (int)__WCLONE) < 0 && errno == EINTR)
			;
	}
	k->pid = 0;
}
