// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * api.c - what the calls without a copy save: an application that makes each byte it sends and looks at each byte it gets, by
 * xtcp_send() and xtcp_recv() over a buffer of its own, or with --zero-copy by xtcp_reserve()/xtcp_commit() and
 * xtcp_peek()/xtcp_consume() in place. api.sh runs both ends both ways.
 */
#include "bench.h"

#include <sys/uio.h>
#include <xtcp.h>

#define EVENTS 64
#define BLOCK 65536u /* bytes given at once */
#define LINGER_NS (NS_PER_S / 2)

struct api {
	struct xtcp *x;
	struct bench b;
	struct meter m;
	xtcp_listener l;
	uint64_t seen; /* of the bytes looked at, so that looking is not optimised away */
	uint64_t cpu_began, cpu_ended;
	bool done;
};

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* The application's own work: each byte read once. */
static void look(struct api *a, const uint8_t *p, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += p[i];
	a->seen += sum;
}

/* The application's own work: each byte made. */
static void make(struct api *a, uint8_t *p, size_t n)
{
	memset(p, (int)(a->m.count >> 10), n);
}

static ssize_t take(struct api *a, xtcp_conn c)
{
	static uint8_t buf[BENCH_BULK];
	struct iovec iov[2];
	ssize_t n;

	if (!a->b.zero_copy) {
		n = xtcp_recv(a->x, c, buf, sizeof(buf));
		if (n > 0)
			look(a, buf, (size_t)n);
		return n;
	}
	n = xtcp_peek(a->x, c, iov);
	if (n <= 0)
		return n;
	look(a, iov[0].iov_base, iov[0].iov_len);
	if ((size_t)n > iov[0].iov_len)
		look(a, iov[1].iov_base, (size_t)n - iov[0].iov_len);
	xtcp_consume(a->x, c, (size_t)n);
	return n;
}

/* A block is made once, and sent in as many pieces as it takes; in place it is made as far as there is room. */
static ssize_t give(struct api *a, xtcp_conn c)
{
	static uint8_t block[BLOCK];
	static size_t at = BLOCK;
	struct iovec iov[2];
	ssize_t n;

	if (!a->b.zero_copy) {
		if (at == BLOCK) {
			make(a, block, BLOCK);
			at = 0;
		}
		n = xtcp_send(a->x, c, block + at, BLOCK - at, 0);
		at += n > 0 ? (size_t)n : 0;
		return n;
	}
	n = xtcp_reserve(a->x, c, BLOCK, iov);
	if (n <= 0)
		return n;
	make(a, iov[0].iov_base, iov[0].iov_len);
	if ((size_t)n > iov[0].iov_len)
		make(a, iov[1].iov_base, (size_t)n - iov[0].iov_len);
	return xtcp_commit(a->x, c, (size_t)n, 0) < 0 ? -EIO : n;
}

static void take_event(struct api *a, const struct xtcp_event *ev)
{
	bool sink = a->l != 0;
	xtcp_conn c = ev->handle;
	ssize_t n;

	if (sink && c == a->l && xtcp_accept(a->x, a->l, &c))
		return;
	if (ev->events & XTCP_EV_ERROR) {
		if (!a->m.ended)
			errx(1, "the connection failed: %s", strerror(ev->error));
		a->done = true;
		return;
	}
	while ((n = sink ? take(a, c) : give(a, c)) > 0)
		a->m.count += (uint64_t)n;
	if (n == 0 && sink) {
		xtcp_close(a->x, c);
		a->done = true;
	}
}

/* Having measured it goes on for a while, for the other end's window may end a little later. */
static void tick(struct api *a)
{
	bool began = a->m.began;
	uint64_t now = now_ns();

	if (a->m.ended) {
		a->done = a->done || now > a->m.ended + LINGER_NS;
		return;
	}
	if (a->m.count && meter_tick(&a->m, &a->b, now))
		a->cpu_ended = cpu_ns();
	if (!began && a->m.began)
		a->cpu_began = cpu_ns();
}

static void run(struct api *a)
{
	struct xtcp_event ev[EVENTS];

	while (!bench_stop && !a->done) {
		int n = xtcp_wait(a->x, ev, EVENTS, 100);

		if (n < 0 && n != -EINTR)
			errx(1, "%s", xtcp_errmsg());
		for (int i = 0; i < n; i++)
			take_event(a, &ev[i]);
		tick(a);
	}
}

static int tell(const struct api *a)
{
	double s, bytes;

	if (!a->m.ended)
		errx(1, "nothing was measured: the time to be measured did not end");
	s = (double)(a->m.ended - a->m.began) / 1e9;
	bytes = (double)(a->m.at_ended - a->m.at_began);
	printf("{\"role\":\"%s\",\"how\":\"%s\",\"seconds\":%.2f,\"gbps\":%.3f,\"cpu_ns_per_kb\":%.1f}\n", a->b.role,
	       a->l		? a->b.zero_copy ? "peek/consume" : "recv"
	       : a->b.zero_copy ? "reserve/commit"
				: "send",
	       s, bytes * 8 / s / 1e9, (double)(a->cpu_ended - a->cpu_began) / (bytes / 1000));
	return 0;
}

int main(int argc, char **argv)
{
	static struct api a;
	struct xtcp_conf conf = XTCP_CONF_INIT;
	xtcp_conn c;
	int err;

	bench_start(&a.b, argc, argv, "sink|source");
	if (!a.b.ifname || (strcmp(a.b.role, "sink") && strcmp(a.b.role, "source")))
		bench_usage("sink|source");
	conf.ifname = a.b.ifname;
	conf.mode = XTCP_MODE_NATIVE;
	conf.waiting = XTCP_WAIT_LATENCY;
	if (xtcp_open(&a.x, &conf))
		errx(1, "%s", xtcp_errmsg());
	if (!strcmp(a.b.role, "sink"))
		err = xtcp_listen(a.x, NULL, a.b.port, NULL, &a.l);
	else
		err = xtcp_connect(a.x, bench_sockaddr(&a.b, a.b.port), NULL, NULL, &c);
	if (err)
		errx(1, "%s", xtcp_errmsg());
	bench_ready();
	run(&a);
	err = tell(&a);
	xtcp_destroy(a.x);
	return err;
}
