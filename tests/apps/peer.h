/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * peer.h - the other end of a comparison of sockets (sock_semantics.c, sock_more.c and those beside them): a process on the kernel's sockets that is told what
 * to do over a UNIX socket, and how the program under test tells it. Included by one file of a program each.
 *
 *	PROGRAM peer PATH
 *	PROGRAM run PATH ADDR PEER [ADDR6 PEER6] [CASE]		ADDR: to listen on; PEER: where the peer is
 */
#ifndef TESTS_APPS_PEER_H
#define TESTS_APPS_PEER_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PEER_LATER_MS 40
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int control = -1; /* to the peer */
static struct sockaddr_in own, peer;
static struct sockaddr_in6 own6 __attribute__((unused)), peer6;

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(2);
}

static void nap(int ms)
{
	const struct timespec ts = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&ts, NULL);
}

static inline void set_int(int fd, int level, int name, int v)
{
	if (setsockopt(fd, level, name, &v, sizeof(v)))
		die("setsockopt");
}

/* ---- the peer ---- */

struct peer_order {
	char what; /* see peer_obey() */
	struct sockaddr_storage to;
	int n;
};

static int peer_conn = -1, peer_listener = -1;

static int peer_connect(const struct sockaddr_storage *to)
{
	socklen_t len = to->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);

	peer_conn = socket(to->ss_family, SOCK_STREAM, 0);
	if (peer_conn < 0)
		return -errno;
	return connect(peer_conn, (const struct sockaddr *)to, len) ? -errno : 0;
}

static int peer_listen(const struct sockaddr_storage *to)
{
	struct sockaddr_in a = { 0 };
	socklen_t len = sizeof(a);

	peer_listener = socket(AF_INET, SOCK_STREAM, 0);
	if (peer_listener < 0)
		return -errno;
	set_int(peer_listener, SOL_SOCKET, SO_REUSEADDR, 1);
	if (bind(peer_listener, (const struct sockaddr *)to, sizeof(a)) || listen(peer_listener, 64) ||
	    getsockname(peer_listener, (struct sockaddr *)&a, &len))
		return -1;
	return ntohs(a.sin_port);
}

static int peer_send(int n, int flags)
{
	static char buf[1 << 16];

	for (int i = 0; i < n; i++)
		buf[i] = (char)('a' + i % 26);
	return (int)send(peer_conn, buf, (size_t)n, MSG_NOSIGNAL | flags);
}

static int peer_later(int n, int flags)
{
	if (fork() == 0) {
		nap(PEER_LATER_MS);
		_exit(n > 0 ? peer_send(n, flags) != n : shutdown(peer_conn, SHUT_WR));
	}
	return 0;
}

static int peer_port(void)
{
	struct sockaddr_in a = { 0 };
	socklen_t len = sizeof(a);

	return getpeername(peer_conn, (struct sockaddr *)&a, &len) ? -errno : ntohs(a.sin_port);
}

static int peer_drain(void)
{
	static char buf[1 << 16];
	ssize_t n = recv(peer_conn, buf, sizeof(buf), MSG_DONTWAIT);

	return n < 0 ? -errno : (int)n;
}

static int peer_reset(void)
{
	struct linger l = { 1, 0 };

	setsockopt(peer_conn, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(peer_conn);
	peer_conn = -1;
	return 0;
}

static int peer_obey(const struct peer_order *o)
{
	switch (o->what) {
	case 'l': return peer_listen(&o->to);
	case 'a': peer_conn = accept(peer_listener, NULL, NULL); return peer_conn < 0 ? -1 : 0;
	case 'c': return peer_connect(&o->to);
	case 'k': /* connect and let it be */ return peer_connect(&o->to);
	case 's': return peer_send(o->n, 0);
	case 'u': return peer_send(o->n, MSG_OOB); /* the last byte is urgent */
	case 'S': return peer_later(o->n, 0);	   /* later: the answer goes first */
	case 'U': return peer_later(o->n, MSG_OOB);
	case 'F': return peer_later(0, 0);
	case 'f': return shutdown(peer_conn, SHUT_WR);
	case 'r': return peer_reset();
	case 'x': return close(peer_conn);
	case 'd': return peer_drain(); /* all that is there */
	case 'p': return peer_port();
	default: return -1;
	}
}

static int be_peer(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int l = socket(AF_UNIX, SOCK_SEQPACKET, 0), c;
	struct peer_order o;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	unlink(path);
	if (bind(l, (struct sockaddr *)&sun, sizeof(sun)) || listen(l, 1))
		die(path);
	puts("ready");
	fflush(stdout);
	c = accept(l, NULL, NULL);
	while (recv(c, &o, sizeof(o), 0) == (ssize_t)sizeof(o)) {
		int rc = peer_obey(&o);

		if (send(c, &rc, sizeof(rc), 0) < 0)
			break;
	}
	return 0;
}

/* ---- who tells it ---- */

static int tell_to(char what, int n, const void *to, size_t len)
{
	struct peer_order o = { .what = what, .n = n };
	int rc = -1;

	if (to)
		memcpy(&o.to, to, len);
	if (send(control, &o, sizeof(o), 0) < 0 || recv(control, &rc, sizeof(rc), 0) != (ssize_t)sizeof(rc))
		die("the peer is gone");
	return rc;
}

static inline int tell(char what, int n)
{
	return tell_to(what, n, NULL, 0);
}

static inline void show(long rc)
{
	int err = errno;

	printf(rc < 0 ? " %ld/%s" : " %ld", rc, strerrorname_np(err));
}

/* ---- the program ---- */

struct peer_case {
	const char *name;
	void (*run)(void);
};

/* The exit status of a program that has been the peer, or was called wrongly; -1: it is to run, and the peer listens. */
static int peer_begin(int argc, char **argv)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int port;

	if (argc == 3 && !strcmp(argv[1], "peer"))
		return be_peer(argv[2]);
	if (argc < 5 || strcmp(argv[1], "run"))
		return 2;
	control = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", argv[2]);
	if (connect(control, (struct sockaddr *)&sun, sizeof(sun)))
		die(argv[2]);
	own.sin_family = peer.sin_family = AF_INET;
	own6.sin6_family = peer6.sin6_family = AF_INET6;
	inet_pton(AF_INET, argv[3], &own.sin_addr);
	inet_pton(AF_INET, argv[4], &peer.sin_addr);
	if (argc > 6) {
		inet_pton(AF_INET6, argv[5], &own6.sin6_addr);
		inet_pton(AF_INET6, argv[6], &peer6.sin6_addr);
	}
	port = tell_to('l', 0, &peer, sizeof(peer));
	if (port <= 0)
		die("the peer cannot listen");
	peer.sin_port = htons((uint16_t)port);
	return -1;
}

static inline int peer_main(int argc, char **argv, const struct peer_case *cases, size_t n)
{
	int rc = peer_begin(argc, argv);

	if (rc >= 0)
		return rc;
	for (size_t i = 0; i < n; i++) {
		if (argc > 7 && strcmp(argv[7], cases[i].name))
			continue;
		printf("%s:", cases[i].name);
		cases[i].run();
		printf("\n");
		fflush(stdout);
		tell('x', 0);
	}
	return 0;
}

#endif
