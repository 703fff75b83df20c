// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * attach.c - joining a run: a process asks at the keeper's door, a socket in the abstract namespace, and is handed the descriptors
 * of all that is shared.
 */
#include "run/run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "io/clock.h"
#include "engine/sisters.h"
#include "lib/fail.h"

#define ANSWER_S 10
static socklen_t abstract(struct sockaddr_un *sun, const char *text)
{
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	snprintf(sun->sun_path + 1, sizeof(sun->sun_path) - 1, "%s", text);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(text));
}

socklen_t run_door(const char *name, void *sun)
{
	char text[64];

	snprintf(text, sizeof(text), "%s/door", name);
	return abstract(sun, text);
}

socklen_t run_address(const struct run *r, uint32_t target, void *sun)
{
	char text[64];

	snprintf(text, sizeof(text), "%s/%c%u", r->name, target & RUN_EPOLL ? 'e' : 'w', target & ~RUN_EPOLL);
	return abstract(sun, text);
}

static int knock(const char *name)
{
	struct sockaddr_un sun;
	socklen_t len = run_door(name, &sun);
	struct timeval tv = { .tv_sec = ANSWER_S };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return fail(errno, "no socket to join an xtcp run with: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	if (connect(fd, (struct sockaddr *)&sun, len)) {
		close(fd);
		return fail(errno, "xtcp run has ended");
	}
	return fd;
}

/* The descriptors of one engine, that the keeper hands over; how many, or -errno. */
static int take(int fd, int *fds)
{
	char buf[CMSG_SPACE(sizeof(int) * RUN_FDS_MAX)];
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = buf, .msg_controllen = sizeof(buf) };
	struct cmsghdr *c;
	ssize_t got;
	int n;

	do
		got = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	c = got == 1 ? CMSG_FIRSTHDR(&msg) : NULL;
	if (!c || c->cmsg_type != SCM_RIGHTS)
		return fail(EPERM, "xtcp run does not let this process in: it runs as another user");
	n = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	if (msg.msg_flags & MSG_CTRUNC || n < RUN_FD_API + 4)
		return fail(EPROTO, "xtcp run handed over %d descriptors only: ulimit -n may be too low", n);
	memcpy(fds, CMSG_DATA(c), (size_t)n * sizeof(int));
	return n;
}

static void set_limit(int fd)
{
	struct timeval tv = { .tv_sec = ANSWER_S };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
}

/* What all engines have in common comes with the first one. */
static int share_with_first(struct run_member *m, struct run_member *first, int *fds, struct sisters **sisters)
{
	if (m == first) {
		m->keeper_fd = fds[RUN_FD_KEEPER];
		*sisters = m->r->engines > 1 ? sisters_attach(fds[RUN_FD_SISTERS]) : NULL;
		if (m->r->engines == 1)
			close(fds[RUN_FD_SISTERS]);
		else if (!*sisters)
			return fail(ENOMEM, "cannot map what the engines of a run share");
	} else {
		m->keeper_fd = first->keeper_fd;
		m->send_fd = first->send_fd;
		close(fds[RUN_FD_KEEPER]);
		close(fds[RUN_FD_SISTERS]);
	}
	if (*sisters)
		(*sisters)->wake_fd[m->r->share.seat] = fds[RUN_FD_WAKE];
	else
		close(fds[RUN_FD_WAKE]);
	return 0;
}

static int attach_one(struct run_member *m, struct run_member *first, int fd, struct sisters **sisters,
		      int (*hide)(int fd))
{
	int fds[RUN_FDS_MAX + 1] = { 0 }, n = take(fd, fds), err;

	if (n < 0)
		return n;
	err = run_map(&m->r, fds[RUN_FD_RUN]);
	if (err)
		return err;
	m->reg = first->r;
	close(fds[RUN_FD_RUN]);
	for (int i = RUN_FD_RPC; i < n; i++)
		fds[i] = hide(fds[i]);
	m->rpc_fd = fds[RUN_FD_RPC];
	set_limit(m->rpc_fd);
	err = share_with_first(m, first, fds, sisters);
	if (err)
		return err;
	if (n - RUN_FD_API < m->r->share.fds) /* there is no socket for super-segments: -1 cannot be sent */
		fds[n] = -1;
	return api_attach(&m->x, &m->r->share, fds + RUN_FD_API, *sisters, &run_host_ops, m);
}

int run_attach(struct run_member *m, const char *name, int (*hide)(int fd))
{
	struct sisters *sisters = NULL;
	int fd = knock(name), err = fd < 0 ? fd : 0;

	m->send_fd = err ? -1 : hide(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	for (uint32_t k = 0; !err && (!k || k < m->r->engines); k++)
		err = attach_one(&m[k], m, fd, &sisters, hide);
	if (fd >= 0)
		close(fd);
	return err;
}
