// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sock_shared.c - sockets that two processes have before they are connected, or listen, a line each: run once on the kernel's sockets and
 * once on xtcp's, the two must print the same. See peer.h.
 */
#include <sys/wait.h>

#include "peer_socks.h"

/* Forked first, connected then, by the child, which ends: it is the parent's as well. */
static void shared(uint32_t flags)
{
	int ep = epoll_create1(0), fd = non_blocking();
	struct sockaddr_in name;
	socklen_t len = sizeof(name);
	char buf[8];

	watch(ep, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLOUT | flags, 3);
	fflush(stdout);
	if (!fork()) {
		start_connect(fd);
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
	show(getpeername(fd, (struct sockaddr *)&name, &len));
	ask(ep, 1000);
	show(send(fd, "hello", 5, MSG_NOSIGNAL));
	tell('s', 3);
	nap(10);
	ask(ep, 1000);
	show(recv(fd, buf, sizeof(buf), 0));
	show(recv(fd, buf, sizeof(buf), 0));
	close(fd);
	close(ep);
}

static void shared_level(void)
{
	shared(0);
}

static void shared_edge(void)
{
	shared(EPOLLET);
}

/* The child lets it listen, and both accept. */
static void shared_listener(void)
{
	int fd = bound(), got;
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	pid_t pid;

	getsockname(fd, (struct sockaddr *)&a, &len);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		show(listen(fd, 8));
		tell_to('c', 0, &a, sizeof(a));
		got = accept(fd, NULL, NULL);
		printf(" %d", got >= 0);
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	show(tell_to('c', 0, &a, sizeof(a)));
	got = accept(fd, NULL, NULL);
	printf(" %d", got >= 0);
	tell('s', 4);
	settle(got);
	printf(" %zd", recv(got, &a, sizeof(a), 0));
	close(got);
	close(fd);
}

/* Closed by the one without it ever having been used there. */
static void shared_closed(void)
{
	int fd = non_blocking(), go[2];
	char buf[8];

	if (pipe(go))
		die("pipe");
	fflush(stdout);
	if (!fork()) {
		start_connect(fd);
		if (write(go[1], "", 1) != 1)
			die("write");
		fflush(stdout);
		nap(50);
		show(recv(fd, buf, sizeof(buf), 0)); /* not the end: it is open in the other */
		close(fd);
		fflush(stdout);
		_exit(0);
	}
	if (read(go[0], buf, 1) != 1)
		die("read");
	close(fd);
	wait(NULL);
	show(tell('s', 3)); /* to nobody */
	nap(10);
	show(tell('s', 3));
	close(go[0]);
	close(go[1]);
}

/* Sent in a message, connected then. */
static void shared_sent(void)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} c = { 0 };
	struct iovec iov = { "x", 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = c.buf, .msg_controllen = sizeof(c.buf) };
	struct cmsghdr *h = CMSG_FIRSTHDR(&msg);
	int fd = non_blocking(), pair[2];
	char buf[8];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair))
		die("socketpair");
	fflush(stdout);
	pid = fork();
	if (!pid) {
		int got;

		close(fd);
		msg.msg_iov->iov_base = buf;
		if (recvmsg(pair[1], &msg, 0) != 1)
			die("recvmsg");
		memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(got));
		start_connect(got);
		fflush(stdout);
		_exit(0);
	}
	*h = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(h), &fd, sizeof(fd));
	if (sendmsg(pair[0], &msg, 0) != 1)
		die("sendmsg");
	waitpid(pid, NULL, 0);
	tell('s', 3);
	settle(fd);
	show(recv(fd, buf, sizeof(buf), 0));
	close(fd);
	close(pair[0]);
	close(pair[1]);
}

static const struct peer_case cases[] = {
	{ "shared-level", shared_level },   { "shared-edge", shared_edge }, { "shared-listener", shared_listener },
	{ "shared-closed", shared_closed }, { "shared-sent", shared_sent },
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	return peer_main(argc, argv, cases, COUNT(cases));
}
