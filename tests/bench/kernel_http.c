// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * kernel_http.c - the least HTTP server that a kernel socket can have: one thread, epoll, keep-alive, pipelining, one answer
 * made beforehand and one send for all requests that one recv brought. Whatever is asked for, it answers 200 and two bytes.
 *
 *   serve   until told to stop; --spin never sleeps
 *
 * It looks for the end of a request's head and at nothing else, so a real server is slower: as a yardstick it is on the safe side.
 */
#include "bench.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>

#define EVENTS 64
#define HEAD_MAX 8192u /* of the requests that wait for their end, bytes */
#define PIPELINE 64u   /* answers in one send */

/* The headers that xtcp serve sends, too. */
static const char answer[] = "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nServer: kernel\r\n"
			     "Content-Type: text/html; charset=utf-8\r\nContent-Length: 2\r\n"
			     "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nAccept-Ranges: bytes\r\n\r\nok";
enum { ANSWER = sizeof(answer) - 1 };

struct conn {
	int fd;
	unsigned int seen; /* bytes of "\r\n\r\n" that have come last */
	size_t head;	   /* bytes of the request so far */
};

static char answers[PIPELINE * ANSWER];

static void listen_on(struct bench *b, int ep, struct conn *l)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = l };
	int one = 1;

	l->fd = socket(b->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0)
		err(1, "socket");
	setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(l->fd, bench_sockaddr(b, b->port), bench_addrlen(b)) || listen(l->fd, 4096))
		err(1, "listening on port %u", b->port);
	if (epoll_ctl(ep, EPOLL_CTL_ADD, l->fd, &ev))
		err(1, "epoll_ctl");
	bench_ready();
}

static void accept_all(int ep, const struct conn *l)
{
	int fd, one = 1;

	while ((fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct conn *c = calloc(1, sizeof(*c));
		struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

		if (!c)
			err(1, "memory");
		c->fd = fd;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev))
			err(1, "epoll_ctl");
	}
	if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
		err(1, "accept");
}

/* How many requests end in these bytes. */
static unsigned int count(struct conn *c, const char *at, size_t n)
{
	static const char end[] = "\r\n\r\n";
	unsigned int requests = 0;

	for (size_t i = 0; i < n; i++, c->head++) {
		if (at[i] == end[c->seen])
			c->seen++;
		else
			c->seen = at[i] == '\r';
		if (c->seen == 4) {
			requests++;
			c->seen = 0;
			c->head = 0;
		}
	}
	return requests;
}

/* False when the connection is over. */
static bool serve(struct conn *c)
{
	char in[HEAD_MAX];
	ssize_t n = recv(c->fd, in, sizeof(in), MSG_DONTWAIT);
	unsigned int requests;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0)
		return false;
	requests = count(c, in, (size_t)n);
	if (c->head > HEAD_MAX)
		return false;
	while (requests) {
		unsigned int now = requests < PIPELINE ? requests : PIPELINE;

		/* Room for a few hundred bytes is there, unless the client does not read. */
		if (send(c->fd, answers, (size_t)now * ANSWER, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)(now * ANSWER))
			return false;
		requests -= now;
	}
	return true;
}

static int run(struct bench *b)
{
	struct epoll_event ev[EVENTS];
	struct conn l = { 0 };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	if (ep < 0)
		err(1, "epoll_create1");
	for (unsigned int i = 0; i < PIPELINE; i++)
		memcpy(answers + (size_t)i * ANSWER, answer, ANSWER);
	listen_on(b, ep, &l);
	while (!bench_stop) {
		int n = epoll_wait(ep, ev, EVENTS, b->spin ? 0 : 100);

		if (n < 0 && errno != EINTR)
			err(1, "epoll_wait");
		for (int i = 0; i < n; i++) {
			struct conn *c = ev[i].data.ptr;

			if (c == &l) {
				accept_all(ep, c);
			} else if (!serve(c)) {
				close(c->fd);
				free(c);
			}
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const char *const roles = "serve";
	struct bench b;

	bench_start(&b, argc, argv, roles);
	if (strcmp(b.role, "serve"))
		bench_usage(roles);
	return run(&b);
}
