// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * steps_check.c - connections of xtcp.h, step by step, for tests against Linux (test_end.sh):
 *
 *   steps_check IFACE [FIELD=N...] STEP...    each step prints one line
 *
 *   connect ADDR PORT | listen PORT   another connection, which the steps that follow are about; waits until it is open
 *   use N		the N-th of them, from 0
 *   set OPTION N	a socket option
 *   send N		as many bytes: 0, 1, 2, ... 255, 0, ...
 *   fill		as many as go, until none has gone for 300 ms
 *   recv N | eof	as many bytes; all that comes until the peer's FIN
 *   error		wait until the connection fails: its errno, and the milliseconds since the step `clock`
 *   clock		begins to count them
 *   quiet MS		let the engine run so long
 *   gone MS		until no connection is left, or so long
 *   shutdown | close | abort
 *   stat NAME		a counter of the engine
 *   wait FILE		until it is there
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "xtcp.h"

#define PATIENCE_MS 60000
#define CONNS 16

struct conn {
	xtcp_conn c;
	bool open;
	int error;
	uint64_t failed_ms; /* when error came */
	uint64_t sent, got; /* bytes */
};

static struct xtcp *x;
static struct conn conns[CONNS];
static struct conn *cur = conns;
static int opened;
static uint64_t clock_ms;

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static struct conn *find(uint64_t handle)
{
	for (int i = 0; i < opened; i++)
		if (conns[i].c == handle)
			return &conns[i];
	return NULL;
}

/* Up to ms of the engine's turns, or until something happens. */
static void run(int ms)
{
	struct xtcp_event ev[8];
	int n = xtcp_wait(x, ev, 8, ms);

	for (int i = 0; i < n; i++) {
		struct conn *c = find(ev[i].handle);

		if (!c)
			continue;
		c->open = c->open || ev[i].events & XTCP_EV_OPEN;
		if (ev[i].events & XTCP_EV_ERROR) {
			c->error = ev[i].error;
			c->failed_ms = now_ms();
		}
	}
}

static void step_connect(const char *addr, const char *port)
{
	struct sockaddr_storage ss = { .ss_family = AF_INET };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&ss;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ss;

	v4->sin_port = htons((uint16_t)atoi(port)); /* at the same place in both */
	if (inet_pton(AF_INET, addr, &v4->sin_addr) != 1) {
		ss.ss_family = AF_INET6;
		if (inet_pton(AF_INET6, addr, &v6->sin6_addr) != 1)
			errx(2, "%s is no address", addr);
	}
	cur = &conns[opened++];
	if (xtcp_connect(x, (struct sockaddr *)&ss, NULL, NULL, &cur->c))
		errx(1, "%s", xtcp_errmsg());
	for (uint64_t until = now_ms() + PATIENCE_MS; !cur->open && !cur->error && now_ms() < until;)
		run(100);
	puts(cur->open ? "open" : "not open");
}

static void step_listen(const char *port)
{
	xtcp_listener l;

	if (xtcp_listen(x, NULL, (uint16_t)atoi(port), NULL, &l))
		errx(1, "%s", xtcp_errmsg());
	fputs("ready\n", stderr);
	cur = &conns[opened++];
	for (uint64_t until = now_ms() + PATIENCE_MS; !cur->open && now_ms() < until; run(100))
		cur->open = xtcp_accept(x, l, &cur->c) == 0;
	puts(cur->open ? "open" : "not open");
}

static void step_set(const char *name, int value)
{
	static const char *const names[] = {
		[XTCP_KEEPALIVE] = "keepalive",
		[XTCP_KEEPIDLE_S] = "keepidle",
		[XTCP_KEEPINTVL_S] = "keepintvl",
		[XTCP_KEEPCNT] = "keepcnt",
		[XTCP_USER_TIMEOUT_MS] = "user_timeout",
		[XTCP_LINGER_MS] = "linger",
		[XTCP_SNDBUF] = "sndbuf",
		[XTCP_RCVBUF] = "rcvbuf",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!names[i] || strcmp(names[i], name))
			continue;
		if (xtcp_setopt(x, cur->c, (enum xtcp_opt)i, value))
			errx(1, "%s", xtcp_errmsg());
		printf("%s %d\n", name, value);
		return;
	}
	errx(2, "no option %s", name);
}

/* Bytes until none goes for patience_ms, at most n. */
static void step_send(const char *word, uint64_t n, uint64_t patience_ms)
{
	static uint8_t data[65536 + 256];
	uint64_t first = cur->sent, last = now_ms();
	ssize_t r = 0;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	while (cur->sent - first < n && now_ms() - last < patience_ms) {
		uint64_t left = n - (cur->sent - first);

		r = xtcp_send(x, cur->c, data + cur->sent % 256, left < 65536 ? left : 65536, 0);
		if (r < 0 && r != -EAGAIN)
			break;
		if (r > 0) {
			cur->sent += (uint64_t)r;
			last = now_ms();
		}
		run(r > 0 ? 0 : 10);
	}
	if (r < 0 && r != -EAGAIN)
		printf("%s after %llu\n", strerrorname_np((int)-r), (unsigned long long)(cur->sent - first));
	else
		printf("%s %llu\n", word, (unsigned long long)(cur->sent - first));
}

static void step_recv(uint64_t n)
{
	static uint8_t data[65536];
	uint64_t first = cur->got, until = now_ms() + PATIENCE_MS;
	bool good = true;
	ssize_t r = 0;

	while (cur->got - first < n && now_ms() < until) {
		uint64_t left = n - (cur->got - first);

		r = xtcp_recv(x, cur->c, data, left < sizeof(data) ? left : sizeof(data));
		if (r == 0 || (r < 0 && r != -EAGAIN))
			break;
		for (ssize_t i = 0; i < r; i++)
			good = good && data[i] == (uint8_t)(cur->got + (uint64_t)i);
		if (r > 0)
			cur->got += (uint64_t)r;
		else
			run(100);
	}
	if (r < 0 && r != -EAGAIN)
		printf("%s after %llu", strerrorname_np((int)-r), (unsigned long long)(cur->got - first));
	else
		printf("%s %llu", r ? "received" : "end after", (unsigned long long)(cur->got - first));
	puts(good ? "" : ", spoilt");
}

static void step_error(void)
{
	for (uint64_t until = now_ms() + PATIENCE_MS; !cur->error && now_ms() < until;)
		run(100);
	printf("%s %llu\n", cur->error ? strerrorname_np(cur->error) : "none",
	       (unsigned long long)(cur->error ? cur->failed_ms - clock_ms : 0));
}

static void step_quiet(int ms)
{
	for (uint64_t until = now_ms() + (uint64_t)ms; now_ms() < until;)
		run(10);
	puts(cur->error ? strerrorname_np(cur->error) : "quiet");
}

static void step_gone(int ms)
{
	struct xtcp_engine_info info;
	uint64_t began = now_ms();

	do {
		run(5);
		xtcp_engine_info(x, &info);
	} while (info.conns && now_ms() - began < (uint64_t)ms);
	printf("%s %llu\n", info.conns ? "left" : "gone", (unsigned long long)(now_ms() - began));
}

static void step_stat(const char *name)
{
	struct xtcp_stat s;

	for (unsigned int i = 0; !xtcp_stat_get(x, i, &s); i++)
		if (!strcmp(s.name, name)) {
			printf("%s %llu\n", name, (unsigned long long)s.value);
			return;
		}
	errx(2, "no counter %s", name);
}

static void step_end(const char *word, int (*end)(struct xtcp *, xtcp_conn))
{
	int err = end(x, cur->c);

	run(0);
	puts(err ? strerrorname_np(-err) : word);
}

static void step_wait(const char *file)
{
	while (access(file, F_OK))
		run(10);
	puts("waited");
}

/* One step; returns how many words it took. */
static int step(char **w)
{
	if (!strcmp(w[0], "connect") && w[1] && w[2] && opened < CONNS)
		return step_connect(w[1], w[2]), 3;
	if (!strcmp(w[0], "set") && w[1] && w[2])
		return step_set(w[1], atoi(w[2])), 3;
	if (!strcmp(w[0], "fill"))
		return step_send("filled", UINT64_MAX, 300), 1;
	if (!strcmp(w[0], "eof"))
		return step_recv(UINT64_MAX), 1;
	if (!strcmp(w[0], "error"))
		return step_error(), 1;
	if (!strcmp(w[0], "clock"))
		return clock_ms = now_ms(), puts("clock"), 1;
	if (!strcmp(w[0], "shutdown"))
		return step_end("shutdown", xtcp_shutdown), 1;
	if (!strcmp(w[0], "close"))
		return step_end("closed", xtcp_close), 1;
	if (!strcmp(w[0], "abort"))
		return step_end("aborted", xtcp_abort), 1;
	if (!w[1])
		errx(2, "%s is no step, or wants a value", w[0]);
	if (!strcmp(w[0], "listen") && opened < CONNS)
		return step_listen(w[1]), 2;
	if (!strcmp(w[0], "use") && atoi(w[1]) < opened)
		return cur = &conns[atoi(w[1])], printf("use %s\n", w[1]), 2;
	if (!strcmp(w[0], "send"))
		return step_send("sent", strtoull(w[1], NULL, 10), PATIENCE_MS), 2;
	if (!strcmp(w[0], "recv"))
		return step_recv(strtoull(w[1], NULL, 10)), 2;
	if (!strcmp(w[0], "quiet"))
		return step_quiet(atoi(w[1])), 2;
	if (!strcmp(w[0], "gone"))
		return step_gone(atoi(w[1])), 2;
	if (!strcmp(w[0], "stat"))
		return step_stat(w[1]), 2;
	if (!strcmp(w[0], "wait"))
		return step_wait(w[1]), 2;
	errx(2, "%s is no step", w[0]);
}

int main(int argc, char **argv)
{
	struct xtcp_conf conf = XTCP_CONF_INIT;
	char **w = argv + 2;

	if (argc < 3)
		errx(2, "usage: steps_check IFACE [FIELD=N...] STEP...");
	conf.ifname = argv[1];
	for (; *w && strchr(*w, '='); w++)
		if (sscanf(*w, "orphan_retries=%u", &conf.orphan_retries) != 1 &&
		    sscanf(*w, "fin_wait2_ms=%u", &conf.fin_wait2_ms) != 1)
			errx(2, "no field %s", *w);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (xtcp_open(&x, &conf))
		errx(1, "%s", xtcp_errmsg());
	while (*w)
		w += step(w);
	xtcp_destroy(x);
	return 0;
}
