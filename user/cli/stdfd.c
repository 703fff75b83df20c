// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * stdfd.c - stdin and stdout without blocking. See stdfd.h.
 *
 * O_NONBLOCK belongs to the open file, which a terminal or a pipe shares with
 * other programs. So: a file stays as it is; a socket is used with
 * MSG_DONTWAIT; a pipe or terminal is opened a second time through
 * /proc/self/fd; and only where that fails is the flag borrowed, and given back
 * at the end.
 */
#include "cli/stdfd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIPE_BYTES (1024 * 1024) /* what an unprivileged user may have */

/* Flags to give back, by descriptor; -1: nothing borrowed. */
static int borrowed[2] = { -1, -1 };

static void borrow(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || (flags & O_NONBLOCK))
		return;
	if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0)
		borrowed[fd] = flags;
}

void stdfd_restore(void)
{
	for (int fd = 0; fd < 2; fd++)
		if (borrowed[fd] >= 0)
			fcntl(fd, F_SETFL, borrowed[fd]);
}

void stdfd_open(struct stdfd *f, int fd)
{
	char path[32];
	struct stat st;
	int own, flags = fcntl(fd, F_GETFL);

	*f = (struct stdfd){ .fd = fd, .ready = true };
	if (flags < 0 || fstat(fd, &st) < 0 || S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) || S_ISDIR(st.st_mode)) {
		f->always = true;
		return;
	}
	if (S_ISSOCK(st.st_mode)) {
		f->socket = true;
		return;
	}
	/* Opened for less than is needed: reading or writing fails as it must. */
	if ((flags & O_ACCMODE) != O_RDWR && (flags & O_ACCMODE) != (fd ? O_WRONLY : O_RDONLY))
		return;
	if (S_ISFIFO(st.st_mode))
		fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES); /* fewer wake-ups; no matter if it is refused */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, (fd ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (own >= 0)
		f->fd = own;
	else
		borrow(fd);
}

static ssize_t result(struct stdfd *f, ssize_t n)
{
	if (n >= 0)
		return n;
	if (errno == EAGAIN) /* the same as EWOULDBLOCK on Linux */
		f->ready = f->always;
	return -errno;
}

ssize_t stdfd_read(struct stdfd *f, const struct iovec *iov, int count)
{
	struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)count };

	return result(f, f->socket ? recvmsg(f->fd, &msg, MSG_DONTWAIT) : readv(f->fd, iov, count));
}

ssize_t stdfd_write(struct stdfd *f, const struct iovec *iov, int count)
{
	struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)count };

	return result(f, f->socket ? sendmsg(f->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) : writev(f->fd, iov, count));
}
