// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * kernel_tcp.c - the kernel's TCP in the roles of xtcp bench, as a careful
 * program would use it: epoll, TCP_NODELAY, large buffers. It sleeps in epoll_wait, or
 * with --spin asks it again and again; with --direct it spins, and one connection alone is read without asking epoll.
 *
 *   serve   echo until told to stop      rr      --conns requests in flight, each connection one
 *   sink    measures bytes received      crr     --conns times at once: connect, request, answer, close
 *   source  feeds a sink                 feed    UDP of --size + 24 bytes, by UDP_SEGMENT: frames as long as a segment of --size
 */
#include "bench.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/epoll.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

#define EVENTS 64
#define LISTENER_EVERY 1024 /* turns of a lone spinning connection between looks at the listener */

struct conn {
	int fd;
	size_t got; /* bytes of the answer */
	uint64_t sent_ns;
	bool open;
	unsigned int id;
};

/* What may be ready. */
struct poller {
	int ep;
	bool spin, direct;
	unsigned int conns;  /* without listeners */
	struct conn *lone;   /* the one connection, when conns is 1 */
	uint32_t lone_event; /* EPOLLIN or EPOLLOUT: what its role waits for */
	unsigned int turn;
};

static uint8_t bulk[BENCH_BULK];

static void poller_init(struct poller *p, const struct bench *b, uint32_t lone_event)
{
	*p = (struct poller){
		.ep = epoll_create1(EPOLL_CLOEXEC), .spin = b->spin, .direct = b->direct, .lone_event = lone_event
	};
	if (p->ep < 0)
		err(1, "epoll_create1");
}

static void poller_add(struct poller *p, struct conn *c, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = c };

	if (epoll_ctl(p->ep, EPOLL_CTL_ADD, c->fd, &ev))
		err(1, "epoll_ctl");
}

static int poller_wait(struct poller *p, struct epoll_event *ev)
{
	int n;

	if (p->direct && p->conns == 1 && p->lone && ++p->turn % LISTENER_EVERY) {
		*ev = (struct epoll_event){ .events = p->lone_event, .data.ptr = p->lone };
		return 1;
	}
	n = epoll_wait(p->ep, ev, EVENTS, p->spin ? 0 : 100);
	if (n < 0 && errno != EINTR)
		err(1, "epoll_wait");
	return n < 0 ? 0 : n;
}

static struct conn *plain_conn(int fd)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c)
		err(1, "memory");
	c->fd = fd;
	return c;
}

static struct conn *new_conn(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return plain_conn(fd);
}

static void drop_conn(struct poller *p, struct conn *c)
{
	close(c->fd);
	if (p->lone == c)
		p->lone = NULL;
	p->conns--;
	free(c);
}

static void listen_on(struct poller *p, struct bench *b)
{
	for (unsigned int i = 0; i < b->ports; i++) {
		const struct sockaddr *sa = bench_sockaddr(b, (uint16_t)(b->port + i));
		struct conn *l = new_conn(socket(b->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
		int one = 1;

		if (l->fd < 0)
			err(1, "socket");
		setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		/* Requests come at once: no reason to wake up before. */
		if (!strcmp(b->role, "serve"))
			setsockopt(l->fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &one, sizeof(one));
		if (bind(l->fd, sa, bench_addrlen(b)) || listen(l->fd, 4096))
			err(1, "listening on port %u", b->port + i);
		l->id = UINT32_MAX;
		poller_add(p, l, EPOLLIN);
	}
	bench_ready();
}

static void accept_all(struct poller *p, const struct conn *l)
{
	int fd;

	while ((fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct conn *c = new_conn(fd);

		poller_add(p, c, EPOLLIN);
		p->conns++;
		p->lone = c;
	}
	if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
		err(1, "accept");
}

static void open_all(struct poller *p, struct bench *b, uint32_t events)
{
	for (unsigned int i = 0; i < b->conns && !bench_stop; i++) {
		const struct sockaddr *sa = bench_sockaddr(b, (uint16_t)(b->port + i % b->ports));
		struct conn *c = new_conn(socket(b->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));

		if (b->cc && setsockopt(c->fd, IPPROTO_TCP, TCP_CONGESTION, b->cc, (socklen_t)strlen(b->cc)))
			err(1, "--cc %s", b->cc);
		if (c->fd < 0 || connect(c->fd, sa, bench_addrlen(b)))
			err(1, "connection %u of %u", i + 1, b->conns);
		c->id = i;
		c->open = true;
		poller_add(p, c, events);
		p->conns++;
		p->lone = c;
	}
}

/* All of it, though the socket does not block: a peer that does not read holds us up, as it should. */
static bool send_all(const struct conn *c, const uint8_t *at, size_t left)
{
	while (left && !bench_stop) {
		ssize_t n = send(c->fd, at, left, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			struct pollfd pfd = { .fd = c->fd, .events = POLLOUT };

			poll(&pfd, 1, 100);
			continue;
		}
		if (n < 0)
			return false;
		at += n;
		left -= (size_t)n;
	}
	return true;
}

/* --- Roles --- */

static void serve_conn(struct poller *p, struct conn *c)
{
	ssize_t n = recv(c->fd, bulk, BENCH_SIZE_MAX, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || !send_all(c, bulk, (size_t)n))
		drop_conn(p, c);
}

static int run_serve(struct bench *b)
{
	struct epoll_event ev[EVENTS];
	struct poller p;

	poller_init(&p, b, EPOLLIN);
	listen_on(&p, b);
	while (!bench_stop) {
		int n = poller_wait(&p, ev);

		for (int i = 0; i < n; i++) {
			struct conn *c = ev[i].data.ptr;

			if (c->id == UINT32_MAX)
				accept_all(&p, c);
			else
				serve_conn(&p, c);
		}
	}
	return 0;
}

static void request(const struct bench *b, struct conn *c, uint64_t now)
{
	c->got = 0;
	c->sent_ns = now;
	if (!send_all(c, bench_request(c->id), b->size))
		err(1, "%s: connection %u: send", b->role, c->id);
}

/* True when the answer is complete. */
static bool answer(const struct bench *b, struct conn *c, struct meter *m, uint64_t now)
{
	ssize_t n = recv(c->fd, bulk, b->size - c->got, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0)
		errx(1, "%s: connection %u: %s", b->role, c->id, n ? strerror(errno) : "closed by the server");
	if (memcmp(bulk, bench_request(c->id) + c->got, (size_t)n))
		errx(1, "%s: connection %u: the answer is not the request", b->role, c->id);
	c->got += (size_t)n;
	if (c->got < b->size)
		return false;
	m->count++;
	hist_add(&m->hist, now - c->sent_ns);
	return true;
}

static int run_rr(struct bench *b)
{
	struct epoll_event ev[EVENTS], out[EVENTS];
	static struct meter m;
	struct poller p;
	uint64_t now;
	int n;

	poller_init(&p, b, EPOLLIN);
	open_all(&p, b, EPOLLIN | EPOLLOUT | EPOLLET);
	now = now_ns();
	/* The edge at the beginning says that each can send: from then on, answers. */
	for (unsigned int sent = 0; sent < b->conns && !bench_stop;) {
		n = epoll_wait(p.ep, out, EVENTS, 100);
		for (int i = 0; i < n; i++) {
			struct conn *c = out[i].data.ptr;

			if (!c->sent_ns) {
				request(b, c, now);
				sent++;
			} else if (answer(b, c, &m, now)) {
				request(b, c, now);
			}
		}
	}
	while (!bench_stop) {
		n = poller_wait(&p, ev);
		now = now_ns();
		for (int i = 0; i < n; i++)
			if (answer(b, ev[i].data.ptr, &m, now))
				request(b, ev[i].data.ptr, now);
		if (meter_tick(&m, b, now))
			break;
	}
	return meter_report(&m, b, "requests", b->size);
}

static void crr_begin(struct poller *p, struct bench *b, unsigned int id, uint64_t now)
{
	static unsigned int turn;
	const struct sockaddr *sa = bench_sockaddr(b, (uint16_t)(b->port + turn++ % b->ports));
	/* One request only: Nagle's algorithm has nothing to wait for. */
	struct conn *c = plain_conn(socket(b->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));

	if (c->fd < 0 || (connect(c->fd, sa, bench_addrlen(b)) && errno != EINPROGRESS))
		err(1, "crr: connect");
	c->id = id;
	c->sent_ns = now;
	poller_add(p, c, EPOLLIN | EPOLLOUT | EPOLLET);
	p->conns++;
}

static void crr_step(struct poller *p, struct bench *b, struct conn *c, struct meter *m, uint64_t now)
{
	uint64_t began = c->sent_ns;
	unsigned int id = c->id;

	if (!c->open) {
		c->open = true; /* or send tells why not */
		request(b, c, began);
		return;
	}
	if (!answer(b, c, m, now))
		return;
	drop_conn(p, c);
	crr_begin(p, b, id, now);
}

static int run_crr(struct bench *b)
{
	struct epoll_event ev[EVENTS];
	static struct meter m;
	struct poller p;
	uint64_t now = now_ns();

	poller_init(&p, b, 0);
	for (unsigned int i = 0; i < b->conns; i++)
		crr_begin(&p, b, i, now);
	while (!bench_stop) {
		int n = poller_wait(&p, ev);

		now = now_ns();
		for (int i = 0; i < n; i++)
			crr_step(&p, b, ev[i].data.ptr, &m, now);
		if (meter_tick(&m, b, now))
			break;
	}
	return meter_report(&m, b, "connections", b->size);
}

/* Bytes taken; 0 when there are none. */
static size_t sink_conn(struct poller *p, struct conn *c)
{
	ssize_t n = recv(c->fd, bulk, sizeof(bulk), MSG_DONTWAIT);

	if (n > 0)
		return (size_t)n;
	if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		warnx("sink: %s", n ? strerror(errno) : "closed by the source");
		drop_conn(p, c);
		bench_stop = 1;
	}
	return 0;
}

static int run_sink(struct bench *b)
{
	struct epoll_event ev[EVENTS];
	static struct meter m;
	struct poller p;

	poller_init(&p, b, EPOLLIN);
	listen_on(&p, b);
	while (!bench_stop) {
		int n = poller_wait(&p, ev);

		for (int i = 0; i < n && !bench_stop; i++) {
			struct conn *c = ev[i].data.ptr;

			if (c->id == UINT32_MAX)
				accept_all(&p, c);
			else
				m.count += sink_conn(&p, c);
		}
		if (m.count && meter_tick(&m, b, now_ns()))
			break;
	}
	return meter_report(&m, b, "bytes", 1);
}

static int run_source(struct bench *b)
{
	struct epoll_event ev[EVENTS];
	struct poller p;

	poller_init(&p, b, EPOLLOUT);
	open_all(&p, b, EPOLLOUT);
	while (!bench_stop) {
		int n = poller_wait(&p, ev);

		for (int i = 0; i < n; i++) {
			const struct conn *c = ev[i].data.ptr;

			if (send(c->fd, bulk, sizeof(bulk), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN &&
			    errno != EINTR)
				return 0; /* the sink has seen enough */
		}
	}
	return 0;
}

/* What the kernel can send in frames of this length when no device cuts them for it, and no TCP is in the way. */
static int run_feed(struct bench *b)
{
	const struct sockaddr *sa = bench_sockaddr(b, b->port);
	int fd = socket(b->addr.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	/* A TCP header with timestamps is so much longer than UDP's. */
	int part = (int)b->size + 24, each = 65000 / part < 64 ? 65000 / part : 64;
	int large = 4 << 20;

	if (fd < 0 || connect(fd, sa, bench_addrlen(b)))
		err(1, "feed: connect");
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &large, sizeof(large));
	if (each < 1)
		errx(2, "--size %u: no datagram is as long", b->size);
	if (each > 1 && setsockopt(fd, SOL_UDP, UDP_SEGMENT, &part, sizeof(part)))
		err(1, "UDP_SEGMENT");
	while (!bench_stop) {
		/* No one listens: that is told from time to time. */
		if (send(fd, bulk, (size_t)(part * each), 0) < 0 && errno != ECONNREFUSED && errno != ENOBUFS &&
		    errno != EINTR)
			err(1, "feed: send");
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const char *const roles = "serve|rr|crr|sink|source|feed";
	struct bench b;

	bench_start(&b, argc, argv, roles);
	if (!strcmp(b.role, "serve"))
		return run_serve(&b);
	if (!strcmp(b.role, "rr"))
		return run_rr(&b);
	if (!strcmp(b.role, "crr"))
		return run_crr(&b);
	if (!strcmp(b.role, "sink"))
		return run_sink(&b);
	if (!strcmp(b.role, "source"))
		return run_source(&b);
	if (!strcmp(b.role, "feed"))
		return run_feed(&b);
	bench_usage(roles);
}
