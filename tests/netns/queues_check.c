// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * queues_check.c - N engines on one interface, each in its own thread, with active opens, for test_queues.sh.
 *
 *   queues_check IFACE ENGINES ADDR PORT CONNS BYTES [early]   CONNS connections of each engine to an echo server at once,
 *        BYTES both ways, compared; early: the first engine is destroyed when it is done, while the others go on with
 *        eight times as many bytes. A line for each engine.
 *   queues_check IFACE bad      what must be refused, one line each
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "xtcp.h"

#define ENGINES_MAX 64
#define PATIENCE_S 60

struct one {
	xtcp_conn c;
	uint64_t sent, got;
	int closed;
};

struct worker {
	struct xtcp *x;
	uint32_t number, conns;
	uint64_t bytes;
	struct one *one;
	uint32_t done, failed;
	int leave;
};

static struct sockaddr_storage to;
static atomic_uint busy; /* engines that are not done yet */

static uint8_t pattern(const struct worker *w, const struct one *o, uint64_t at)
{
	return (uint8_t)((at * 31 + at / 251) ^ (w->number * 101 + (uint64_t)(o - w->one) * 7));
}

static void finish(struct worker *w, struct one *o, int failed)
{
	if (o->closed)
		return;
	o->closed = 1;
	xtcp_close(w->x, o->c);
	w->done++;
	w->failed += (uint32_t)failed;
}

static void send_more(struct worker *w, struct one *o)
{
	uint8_t buf[16384];

	while (o->sent < w->bytes) {
		size_t n = w->bytes - o->sent < sizeof(buf) ? w->bytes - o->sent : sizeof(buf);
		ssize_t r;

		for (size_t i = 0; i < n; i++)
			buf[i] = pattern(w, o, o->sent + i);
		r = xtcp_send(w->x, o->c, buf, n, 0);
		if (r <= 0)
			return;
		o->sent += (uint64_t)r;
	}
}

static void receive(struct worker *w, struct one *o)
{
	uint8_t buf[16384];
	ssize_t r;

	while (!o->closed && (r = xtcp_recv(w->x, o->c, buf, sizeof(buf))) != -EAGAIN) {
		if (r <= 0) {
			finish(w, o, 1);
			return;
		}
		for (ssize_t i = 0; i < r; i++, o->got++) {
			if (buf[i] != pattern(w, o, o->got)) {
				finish(w, o, 1);
				return;
			}
		}
		if (o->got == w->bytes)
			finish(w, o, 0);
	}
}

static void take(struct worker *w, const struct xtcp_event *ev)
{
	struct one *o = ev->user;

	if (!o || o->closed)
		return;
	if (ev->events & XTCP_EV_ERROR) {
		finish(w, o, 1);
		return;
	}
	send_more(w, o);
	receive(w, o);
}

static uint64_t counter(struct xtcp *x, const char *name)
{
	struct xtcp_stat s;

	for (unsigned int i = 0; !xtcp_stat_get(x, i, &s); i++)
		if (!strcmp(s.half, "engine") && !strcmp(s.name, name))
			return s.value;
	return 0;
}

static void tell(const struct worker *w)
{
	struct xtcp_engine_info info;

	xtcp_engine_info(w->x, &info);
	printf("engine %u queue %u ok %u failed %u in_handed_over %llu out_handed_over %llu handover_full %llu rx %llu\n",
	       w->number, info.first_queue, w->done - w->failed, w->failed,
	       (unsigned long long)counter(w->x, "in_handed_over"),
	       (unsigned long long)counter(w->x, "out_handed_over"), (unsigned long long)counter(w->x, "handover_full"),
	       (unsigned long long)counter(w->x, "rx_frames"));
	fflush(stdout);
}

/* A frame for one engine may arrive at any: who is done goes on handing over, until all are. */
static void wait_for_others(struct worker *w)
{
	struct xtcp_event ev[64];

	atomic_fetch_sub(&busy, 1);
	while (atomic_load(&busy))
		xtcp_wait(w->x, ev, 64, 20);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	time_t end = time(NULL) + PATIENCE_S;
	struct xtcp_event ev[64];

	for (uint32_t i = 0; i < w->conns; i++) {
		if (xtcp_connect(w->x, (const struct sockaddr *)&to, NULL, &w->one[i], &w->one[i].c) < 0) {
			warnx("engine %u: %s", w->number, xtcp_errmsg());
			w->one[i].closed = 1;
			w->done++;
			w->failed++;
		}
	}
	while (w->done < w->conns && time(NULL) < end) {
		int n = xtcp_wait(w->x, ev, 64, 1000);

		for (int i = 0; i < n; i++)
			take(w, &ev[i]);
	}
	for (uint32_t i = 0; i < w->conns; i++)
		if (!w->one[i].closed)
			finish(w, &w->one[i], 1);
	xtcp_drain(w->x, 2000);
	tell(w);
	if (w->leave) {
		xtcp_destroy(w->x);
		w->x = NULL;
		atomic_fetch_sub(&busy, 1);
	} else {
		wait_for_others(w);
	}
	return NULL;
}

static void parse(const char *addr, const char *port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&to;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&to;

	v4->sin_port = htons((uint16_t)atoi(port)); /* at the same place in both */
	v4->sin_family = AF_INET;
	if (inet_pton(AF_INET, addr, &v4->sin_addr) == 1)
		return;
	v4->sin_family = AF_INET6;
	if (inet_pton(AF_INET6, addr, &v6->sin6_addr) != 1)
		errx(2, "%s is no address", addr);
}

static void open_first(struct xtcp **x, const char *ifname)
{
	struct xtcp_conf conf = XTCP_CONF_INIT;

	conf.ifname = ifname;
	conf.queues = 1;
	if (xtcp_open(x, &conf) < 0)
		errx(1, "%s", xtcp_errmsg());
}

static void refused(const char *what, struct xtcp *first, const struct xtcp_conf *conf)
{
	struct xtcp *x = NULL;
	int err = xtcp_join(&x, first, conf);

	printf("%s: %s (%s)\n", what, err ? strerrorname_np(-err) : "0", err ? xtcp_errmsg() : "");
	xtcp_destroy(x);
}

/* On an interface of two queues. */
static int bad(const char *ifname)
{
	struct xtcp_conf conf = XTCP_CONF_INIT, other = XTCP_CONF_INIT;
	struct xtcp *x, *second = NULL;

	open_first(&x, ifname);
	refused("taken", x, &conf);
	conf.first_queue = 2;
	refused("no such queue", x, &conf);
	conf.first_queue = 1;
	conf.queues = 2;
	refused("too many", x, &conf);
	other.ifname = "lo";
	refused("other interface", x, &other);
	other.ifname = ifname;
	other.first_queue = 1;
	other.mode = XTCP_MODE_GENERIC;
	refused("other mode", x, &other);
	other.mode = XTCP_MODE_AUTO;
	other.max_conns = 1;
	refused("bad field", x, &other);
	other.size = 0;
	refused("no size", x, &other);
	if (xtcp_join(&second, x, NULL))
		errx(1, "%s", xtcp_errmsg());
	refused("none left", x, NULL);
	xtcp_destroy(x); /* the second goes on, and can be joined: queue 0 is free again */
	refused("0 is free again", second, NULL);
	conf.first_queue = 1;
	conf.queues = 0;
	refused("taken by the second", second, &conf);
	xtcp_destroy(second);
	return 0;
}

int main(int argc, char **argv)
{
	static struct worker w[ENGINES_MAX];
	pthread_t t[ENGINES_MAX];
	int n, early;

	if (argc == 3 && !strcmp(argv[2], "bad"))
		return bad(argv[1]);
	if (argc < 7)
		errx(2, "usage: queues_check IFACE ENGINES ADDR PORT CONNS BYTES [early] | IFACE bad");
	n = atoi(argv[2]);
	early = argc > 7;
	parse(argv[3], argv[4]);
	if (n < 1 || n > ENGINES_MAX)
		errx(2, "1 to %d engines", ENGINES_MAX);
	for (int i = 0; i < n; i++) {
		if (!i)
			open_first(&w[0].x, argv[1]);
		else if (xtcp_join(&w[i].x, w[0].x, NULL) < 0)
			errx(1, "%s", xtcp_errmsg());
		w[i].number = (uint32_t)i;
		w[i].conns = (uint32_t)atoi(argv[5]);
		w[i].bytes = strtoull(argv[6], NULL, 10) * (early && i ? 8 : 1);
		w[i].leave = early && !i;
		w[i].one = calloc(w[i].conns, sizeof(*w[i].one));
		if (!w[i].one)
			errx(1, "out of memory");
	}
	atomic_store(&busy, (unsigned int)n);
	for (int i = 0; i < n; i++)
		if (pthread_create(&t[i], NULL, work, &w[i]))
			errx(1, "no thread");
	for (int i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < n; i++) {
		xtcp_destroy(w[i].x);
		free(w[i].one);
	}
	return 0;
}
