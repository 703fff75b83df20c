// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * lock.c - one xtcp per interface, by the name of an abstract socket. It belongs
 * to the network namespace, as the interface does, and dies with its holders.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "ctl/pin.h"
#include "lib/fail.h"

#define BACKLOG 16
/* A holder that has just been killed may take a moment to die. */
#define TRIES 20
#define PAUSE_NS 10000000

static socklen_t lock_name(int ifindex, struct sockaddr_un *un)
{
	int n;

	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	n = snprintf(un->sun_path + 1, sizeof(un->sun_path) - 1, "xtcp/%d", ifindex);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

/* The process that listens on the name, 0 when it does not say. */
static pid_t holder(const struct sockaddr_un *un, socklen_t len)
{
	struct ucred cred = { 0 };
	socklen_t n = sizeof(cred);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return 0;
	if (!connect(fd, (const struct sockaddr *)un, len))
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n);
	close(fd);
	return cred.pid;
}

/* The descriptor, or -errno. */
static int try_lock(const struct sockaddr_un *un, socklen_t len)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	if (!bind(fd, (const struct sockaddr *)un, len) && !listen(fd, BACKLOG))
		return fd;
	err = errno;
	close(fd);
	return -err;
}

/* By the table of all sockets: a connection would stay in the queue of a holder, who never accepts. */
bool lock_held(int ifindex)
{
	FILE *f = fopen("/proc/net/unix", "re");
	char line[256], name[32];
	bool held = false;

	if (!f)
		return false;
	snprintf(name, sizeof(name), " @xtcp/%d\n", ifindex);
	while (!held && fgets(line, sizeof(line), f)) {
		const char *at = strchr(line, '@');

		held = at && at > line && !strcmp(at - 1, name);
	}
	fclose(f);
	return held;
}

int lock_take(const struct ctl_link *link)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	struct sockaddr_un un;
	socklen_t len = lock_name(link->ifindex, &un);
	int fd = try_lock(&un, len), pid;

	for (int i = 0; fd == -EADDRINUSE && i < TRIES; i++) {
		nanosleep(&pause, NULL);
		fd = try_lock(&un, len);
	}
	if (fd >= 0)
		return fd;
	if (fd != -EADDRINUSE)
		return fail(-fd, "%s cannot be locked: %s", link->name, strerror(-fd));
	pid = (int)holder(&un, len);
	if (pid <= 0) /* of another PID namespace, or asked by too many */
		return fail(
			EBUSY,
			"another xtcp is on %s already, and an interface has room for one; stop it: ss -xlp shows its "
			"process, at @xtcp/%d",
			link->name, link->ifindex);
	return fail(EBUSY,
		    "another xtcp (process %d) is on %s already, and an interface has room for one; stop it: kill %d",
		    pid, link->name, pid);
}
