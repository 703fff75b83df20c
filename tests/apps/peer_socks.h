/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* peer_socks.h - sockets that have to do with the peer of peer.h; they block. */
#ifndef TESTS_APPS_PEER_SOCKS_H
#define TESTS_APPS_PEER_SOCKS_H

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

#endif
