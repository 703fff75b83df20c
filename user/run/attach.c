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
#include "lib/fail.h"

#define ANSWER_S 10
#define FD_RUN 0
#define FD_RPC 1
#define FD_KEEPER 2
#define FD_API 3

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

/* The descriptors that the keeper hands over; how many, or -errno. */
static int knock(const char *name, int *fds, int max)
{
	char buf[CMSG_SPACE(sizeof(int) * RUN_FDS_MAX)];
	struct sockaddr_un sun;
	socklen_t len = run_door(name, &sun);
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = buf, .msg_controllen = sizeof(buf) };
	struct timeval tv = { .tv_sec = ANSWER_S };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), n = 0;
	struct cmsghdr *c;
	ssize_t got;

	if (fd < 0)
		return fail(errno, "no socket to join an xtcp run with: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	if (connect(fd, (struct sockaddr *)&sun, len)) {
		close(fd);
		return fail(errno, "xtcp run has ended");
	}
	do
		got = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	close(fd);
	c = got == 1 ? CMSG_FIRSTHDR(&msg) : NULL;
	if (!c || c->cmsg_type != SCM_RIGHTS)
		return fail(EPERM, "xtcp run does not let this process in: it runs as another user");
	n = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	if (n > max)
		n = max;
	memcpy(fds, CMSG_DATA(c), (size_t)n * sizeof(int));
	return n;
}

static void set_limit(int fd)
{
	struct timeval tv = { .tv_sec = ANSWER_S };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
}

int run_attach(struct run_member *m, const char *name, int (*hide)(int fd))
{
	int fds[RUN_FDS_MAX] = { 0 }, n = knock(name, fds, RUN_FDS_MAX - 1), err;

	if (n < 0)
		return n;
	if (n < FD_API + 3)
		return fail(EPROTO, "xtcp run handed over %d descriptors only", n);
	err = run_map(&m->r, fds[FD_RUN]);
	if (err)
		return err;
	close(fds[FD_RUN]);
	for (int i = FD_RPC; i < n; i++)
		fds[i] = hide(fds[i]);
	m->rpc_fd = fds[FD_RPC];
	m->keeper_fd = fds[FD_KEEPER];
	set_limit(m->rpc_fd);
	m->send_fd = hide(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	if (n - FD_API < m->r->share.fds) /* there is no socket for super-segments: -1 cannot be sent */
		fds[n] = -1;
	return api_attach(&m->x, &m->r->share, fds + FD_API, &run_host_ops, m);
}
