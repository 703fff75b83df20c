// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sock_api.c - a program that knows of xtcp: it begins a run of its own (or joins one), echoes what comes on one connection, and ends. A forked
 * child does the second half.
 *
 *	sock_api IFACE|- ADDR PORT
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xtcp.h>

#define HALF 3 /* echoes by the parent */

static void die(const char *what)
{
	fprintf(stderr, "sock_api: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void echo(int fd, int times)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char buf[4096];

	for (int i = 0; i != times; i++) {
		ssize_t n;

		if (xtcp_poll(&p, 1, 5000) != 1)
			die("xtcp_poll");
		n = xtcp_read(fd, buf, sizeof(buf));
		if (n <= 0)
			return;
		if (xtcp_write(fd, buf, (size_t)n) != n)
			die("xtcp_write");
	}
}

int main(int argc, char **argv)
{
	struct xtcp_conf conf = XTCP_CONF_INIT;
	struct sockaddr_in a = { .sin_family = AF_INET }, from;
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = 5 };
	socklen_t len = sizeof(from);
	int l, c, ep, on = 1;

	if (argc != 4)
		return 2;
	conf.ifname = argv[1];
	if ((strcmp(argv[1], "-") ? xtcp_run_start(&conf) : xtcp_run_join(NULL)) < 0) {
		fprintf(stderr, "sock_api: %s\n", xtcp_errmsg());
		return 1;
	}
	if (xtcp_run_join(NULL) != -EALREADY)
		return 1;
	a.sin_port = htons((uint16_t)atoi(argv[3]));
	inet_pton(AF_INET, argv[2], &a.sin_addr);
	l = xtcp_socket(AF_INET, SOCK_STREAM, 0);
	if (xtcp_setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    xtcp_bind(l, (struct sockaddr *)&a, sizeof(a)) || xtcp_listen_fd(l, 5))
		die("xtcp_listen_fd");
	ep = xtcp_epoll_create1(EPOLL_CLOEXEC);
	if (xtcp_epoll_ctl(ep, EPOLL_CTL_ADD, l, &ev))
		die("xtcp_epoll_ctl");
	puts("ready");
	fflush(stdout);
	if (xtcp_epoll_wait(ep, &ev, 1, 10000) != 1 || ev.data.u64 != 5)
		die("xtcp_epoll_wait");
	c = xtcp_accept4(l, (struct sockaddr *)&from, &len, 0);
	if (c < 0)
		die("xtcp_accept4");
	echo(c, HALF);
	if (fork() == 0) {
		echo(c, -1);
		_exit(0);
	}
	xtcp_close_fd(c);
	xtcp_close_fd(l);
	wait(NULL);
	return 0;
}
