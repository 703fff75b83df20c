/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* peer_socks.h - sockets that have to do with the peer of peer.h; they block. */
#ifndef TESTS_APPS_PEER_SOCKS_H
#define TESTS_APPS_PEER_SOCKS_H

#include <stdint.h>
#include <sys/epoll.h>

#include "peer.h"

static inline int connected(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&peer, sizeof(peer)))
		die("connect");
	if (tell('a', 0))
		die("the peer's accept");
	return fd;
}

static inline int bound(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof(own)))
		die("bind");
	return fd;
}

static inline int listening(struct sockaddr_in *at)
{
	socklen_t len = sizeof(*at);
	int fd = bound();

	if (listen(fd, 8) || getsockname(fd, (struct sockaddr *)at, &len))
		die("listen");
	return fd;
}

static inline int accepted(void)
{
	struct sockaddr_in a;
	int l = listening(&a), fd;

	if (tell_to('c', 0, &a, sizeof(a)))
		die("the peer's connect");
	fd = accept(l, NULL, NULL);
	if (fd < 0)
		die("accept");
	close(l);
	return fd;
}

static inline void unblock(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* Until something is there to read. */
static inline void settle(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };

	poll(&p, 1, 1000);
}

static inline void drain(int fd)
{
	char buf[100];

	show(recv(fd, buf, sizeof(buf), MSG_DONTWAIT));
}

/* ---- epoll ---- */

static inline int non_blocking(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
}

static inline void watch(int ep, int op, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event ev = { .events = events, .data.u64 = data };

	show(epoll_ctl(ep, op, fd, &ev));
}

/* What an instance says, in order of the data. */
static inline void ask(int ep, int ms)
{
	struct epoll_event ev[8];
	int n = epoll_wait(ep, ev, 8, ms);

	show(n);
	for (uint64_t d = 0; d < 100; d++)
		for (int i = 0; i < n; i++)
			if (ev[i].data.u64 == d)
				printf(" %d:%#x", (int)d, ev[i].events);
}

static inline void start_connect(int fd)
{
	show(connect(fd, (struct sockaddr *)&peer, sizeof(peer)));
	tell('a', 0);
	nap(10);
}

#endif
