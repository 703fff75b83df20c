// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * wake.c - is a wake-up ever lost? A server that echoes single bytes, waiting in each way there is, by one thread or several; and a client
 * that sends a byte at a time on each connection, after a pause that lets the server's threads spin at times, and sleep at others. An echo
 * that does not come within SECONDS is one that nobody was woken for.
 *
 *	wake serve ADDR PORT WAY THREADS	WAY: read poll select level edge oneshot
 *	wake ask ADDR PORT CONNECTIONS ROUNDS
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SECONDS 5
#define CONNS 256
#define THREADS 16

static int listener;
static int shared_ep; /* of all threads */
static const char *way;

static void die(const char *what)
{
	fprintf(stderr, "wake: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* False: it has ended. */
static bool echo(int fd)
{
	char buf[64];

	for (;;) {
		ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

		if (n <= 0)
			return n < 0 && errno == EAGAIN;
		if (send(fd, buf, (size_t)n, MSG_NOSIGNAL) != n)
			return false;
	}
}

/* ---- ways to wait ---- */

static void *by_read(void *unused)
{
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		char c;

		while (fd >= 0 && read(fd, &c, 1) == 1 && write(fd, &c, 1) == 1)
			;
		close(fd);
	}
	return unused;
}

/* Each thread has the connections that it accepted. */
static void *by_poll(void *unused)
{
	struct pollfd p[CONNS] = { { listener, POLLIN, 0 } };
	nfds_t n = 1;

	for (;;) {
		if (poll(p, n, -1) < 0)
			die("poll");
		for (nfds_t i = 1; i < n; i++)
			if (p[i].revents && !echo(p[i].fd)) {
				close(p[i].fd);
				p[i--] = p[--n];
			}
		if (p[0].revents && n < CONNS) {
			int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);

			if (fd >= 0)
				p[n++] = (struct pollfd){ fd, POLLIN, 0 };
		}
	}
	return unused;
}

static void *by_select(void *unused)
{
	fd_set all, in;
	int top = listener;

	FD_ZERO(&all);
	FD_SET(listener, &all);
	for (;;) {
		in = all;
		if (select(top + 1, &in, NULL, NULL, NULL) < 0)
			die("select");
		for (int fd = 0; fd <= top; fd++) {
			if (!FD_ISSET(fd, &in))
				continue;
			if (fd == listener) {
				int c = accept4(listener, NULL, NULL, SOCK_NONBLOCK);

				if (c >= 0 && c < FD_SETSIZE)
					FD_SET(c, &all);
				top = c > top ? c : top;
			} else if (!echo(fd)) {
				FD_CLR(fd, &all);
				close(fd);
			}
		}
	}
	return unused;
}

static uint32_t flags(void)
{
	return !strcmp(way, "edge") ? EPOLLET : !strcmp(way, "oneshot") ? EPOLLONESHOT : 0;
}

static void take(int ep)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	struct epoll_event ev = { .events = EPOLLIN | EPOLLRDHUP | flags(), .data.fd = fd };

	if (fd >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev))
		die("epoll_ctl");
}

/*
 * Edges and one-shots are shared by all threads in one instance; level-triggered each has its own, for two threads told of the same
 * byte would both read.
 */
static void *by_epoll(void *unused)
{
	int ep = flags() ? shared_ep : epoll_create1(0);
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = listener }, got[8];

	if (ep != shared_ep && epoll_ctl(ep, EPOLL_CTL_ADD, listener, &ev))
		die("epoll_ctl");
	for (;;) {
		int n = epoll_wait(ep, got, 8, -1);

		for (int i = 0; i < n; i++) {
			int fd = got[i].data.fd;

			if (fd == listener) {
				take(ep);
			} else if (!echo(fd)) {
				close(fd);
			} else if (flags() & EPOLLONESHOT) {
				ev = (struct epoll_event){ .events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT,
							   .data.fd = fd };
				epoll_ctl(ep, EPOLL_CTL_MOD, fd, &ev);
			}
		}
	}
	return unused;
}

static struct sockaddr_in address(char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1])) };

	if (inet_pton(AF_INET, argv[0], &a.sin_addr) != 1)
		die(argv[0]);
	return a;
}

static int serve(char **argv)
{
	struct sockaddr_in a = address(argv);
	bool blocking = !strcmp(argv[2], "read");
	struct epoll_event ev = { .events = EPOLLIN };
	int on = 1, threads = atoi(argv[3]);
	pthread_t t[THREADS];
	void *(*fn)(void *);

	way = argv[2];
	fn = blocking ? by_read : !strcmp(way, "poll") ? by_poll : !strcmp(way, "select") ? by_select : by_epoll;
	listener = socket(AF_INET, SOCK_STREAM | (blocking ? 0 : SOCK_NONBLOCK), 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&a, sizeof(a)) || listen(listener, 128))
		die("listen");
	shared_ep = epoll_create1(0);
	ev.data.fd = listener;
	if (epoll_ctl(shared_ep, EPOLL_CTL_ADD, listener, &ev))
		die("epoll_ctl");
	for (int i = 0; i < threads && i < THREADS; i++)
		if (pthread_create(&t[i], NULL, fn, NULL))
			die("pthread_create");
	puts("ready");
	fflush(stdout);
	pthread_join(t[0], NULL);
	return 0;
}

/* ---- the client ---- */

static void nap(uint32_t us)
{
	const struct timespec ts = { 0, us * 1000 };

	if (us)
		nanosleep(&ts, NULL);
}

static int ask(char **argv)
{
	struct sockaddr_in a = address(argv);
	int n = atoi(argv[2]), rounds = atoi(argv[3]), on = 1;
	struct pollfd p[CONNS];
	uint32_t r = 12345;

	for (int i = 0; i < n && i < CONNS; i++) {
		p[i] = (struct pollfd){ socket(AF_INET, SOCK_STREAM, 0), POLLIN, 0 };
		setsockopt(p[i].fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		if (connect(p[i].fd, (struct sockaddr *)&a, sizeof(a)))
			die("connect");
	}
	for (int k = 0; k < rounds; k++) {
		int i, some;
		char c = 'x';

		r = r * 1664525 + 1013904223;
		i = (int)(r >> 16) % n;
		some = k % 3 ? 1 : 1 + (int)(r >> 8) % 3; /* at times several at once, on different connections */
		for (int j = 0; j < some; j++)
			if (send(p[(i + j) % n].fd, &c, 1, MSG_NOSIGNAL) != 1)
				die("send");
		for (int j = 0; j < some && j < n; j++) {
			struct pollfd one = { p[(i + j) % n].fd, POLLIN, 0 };

			if (poll(&one, 1, SECONDS * 1000) != 1) {
				printf("lost: no echo in round %d on connection %d\n", k, (i + j) % n);
				return 1;
			}
			if (recv(one.fd, &c, 1, 0) != 1)
				die("recv");
		}
		nap(k % 16 ? (r >> 24) % 4 * 30 : (r >> 20) % 8 * 500);
	}
	printf("all %d rounds\n", rounds);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 6 && !strcmp(argv[1], "serve"))
		return serve(argv + 2);
	if (argc == 6 && !strcmp(argv[1], "ask"))
		return ask(argv + 2);
	return 2;
}
