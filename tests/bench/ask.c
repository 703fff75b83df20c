// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * ask.c - a lean client on the kernel's TCP for servers that hold data. Each of --conns connections has one request for one value of
 * --size bytes under way, and each answer is compared byte by byte. One send, one receive and a share of an epoll_wait for each, no more, so
 * that the server is what is measured as far as a client of the kernel allows.
 *
 *   redis   GET, in RESP         memcached   get, in its text protocol         echo   the same as memcached, of a server that echoes
 */
#include "bench.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>

#define ROLES "redis|memcached|echo"
#define EVENTS 64
#define VALUE_MAX 4096
#define CONNS_MAX 4096

struct conn {
	int fd;
	size_t got;
	uint64_t sent_ns;
};
static struct conn conns[CONNS_MAX];

/* What is said, and what has to be answered. */
struct talk {
	char store[VALUE_MAX + 128], stored[16];
	char get[64], answer[VALUE_MAX + 128];
	size_t store_len, stored_len, get_len, answer_len;
};

static void talk_init(struct talk *t, const struct bench *b)
{
	char value[VALUE_MAX + 1] = "";
	int n = (int)b->size;

	memset(value, 'x', b->size);
	if (!strcmp(b->role, "redis")) {
		snprintf(t->store, sizeof(t->store), "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$%d\r\n%s\r\n", n, value);
		strcpy(t->stored, "+OK\r\n");
		strcpy(t->get, "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n");
		snprintf(t->answer, sizeof(t->answer), "$%d\r\n%s\r\n", n, value);
	} else if (!strcmp(b->role, "echo")) {
		strcpy(t->get, "get key\r\n");
		strcpy(t->answer, t->get);
	} else {
		snprintf(t->store, sizeof(t->store), "set key 0 0 %d\r\n%s\r\n", n, value);
		strcpy(t->stored, "STORED\r\n");
		strcpy(t->get, "get key\r\n");
		snprintf(t->answer, sizeof(t->answer), "VALUE key 0 %d\r\n%s\r\nEND\r\n", n, value);
	}
	t->store_len = strlen(t->store);
	t->stored_len = strlen(t->stored);
	t->get_len = strlen(t->get);
	t->answer_len = strlen(t->answer);
}

static int open_conn(struct bench *b)
{
	int fd = socket(b->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 || connect(fd, bench_sockaddr(b, b->port), bench_addrlen(b)))
		err(1, "connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static void put(const struct talk *t, int fd)
{
	char got[sizeof(t->stored)];

	if (!t->store_len)
		return;
	if (send(fd, t->store, t->store_len, MSG_NOSIGNAL) != (ssize_t)t->store_len ||
	    recv(fd, got, t->stored_len, MSG_WAITALL) != (ssize_t)t->stored_len ||
	    memcmp(got, t->stored, t->stored_len) != 0)
		errx(1, "the value was not stored");
}

static void ask(const struct talk *t, struct conn *c, uint64_t now)
{
	c->got = 0;
	c->sent_ns = now;
	if (send(c->fd, t->get, t->get_len, MSG_NOSIGNAL) != (ssize_t)t->get_len)
		err(1, "send");
}

/* True: the answer is complete. */
static bool take(const struct talk *t, struct conn *c)
{
	char buf[sizeof(t->answer)];
	ssize_t n = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0)
		err(1, "the server has gone");
	if (c->got + (size_t)n > t->answer_len || memcmp(buf, t->answer + c->got, (size_t)n) != 0)
		errx(1, "a wrong answer");
	c->got += (size_t)n;
	return c->got == t->answer_len;
}

static void open_all(struct bench *b, const struct talk *t, int ep)
{
	for (unsigned int i = 0; i < b->conns; i++) {
		struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &conns[i] };

		conns[i].fd = open_conn(b);
		if (!i)
			put(t, conns[i].fd);
		if (epoll_ctl(ep, EPOLL_CTL_ADD, conns[i].fd, &ev))
			err(1, "epoll_ctl");
	}
}

int main(int argc, char **argv)
{
	static struct talk t;
	static struct meter m;
	struct epoll_event ev[EVENTS];
	struct bench b;
	bool over = false;
	int ep = epoll_create1(EPOLL_CLOEXEC);

	bench_start(&b, argc, argv, ROLES);
	if (strcmp(b.role, "redis") != 0 && strcmp(b.role, "memcached") != 0 && strcmp(b.role, "echo") != 0)
		bench_usage(ROLES);
	if (b.size > VALUE_MAX)
		errx(2, "--size %u: %d at most", b.size, VALUE_MAX);
	if (b.conns > CONNS_MAX)
		errx(2, "--conns %u: %d at most", b.conns, CONNS_MAX);
	talk_init(&t, &b);
	open_all(&b, &t, ep);
	for (unsigned int i = 0; i < b.conns; i++)
		ask(&t, &conns[i], now_ns());
	while (!over && !bench_stop) {
		int n = epoll_wait(ep, ev, EVENTS, b.spin ? 0 : 100);
		uint64_t now = now_ns();

		if (n < 0 && errno != EINTR)
			err(1, "epoll_wait");
		for (int i = 0; i < n; i++) {
			struct conn *at = ev[i].data.ptr;

			if (!take(&t, at))
				continue;
			m.count++;
			hist_add(&m.hist, now - at->sent_ns);
			ask(&t, at, now);
		}
		over = meter_tick(&m, &b, now);
	}
	return meter_report(&m, &b, "answers", (unsigned int)(t.get_len + t.answer_len));
}
