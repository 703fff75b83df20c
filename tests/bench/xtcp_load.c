// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * xtcp_load.c - libxtcp in the roles of kernel_tcp.c, over the public interface
 * only. It waits as XTCP_WAIT_BALANCED does, or with --spin as XTCP_WAIT_LATENCY;
 * --zero-copy uses peek/consume and reserve/commit for bulk data.
 *
 *   serve   echo until told to stop      rr      --conns requests in flight, each connection one
 *   sink    measures bytes received      crr     --conns times at once: connect, request, answer, close
 *   source  feeds a sink
 */
#include "bench.h"

#include <netinet/in.h>
#include <xtcp.h>

#define EVENTS 64
#define TURN_MS 100 /* longest wait: bench_stop is looked at as often */

struct conn {
	xtcp_conn c;
	size_t got; /* bytes of the answer */
	uint64_t sent_ns;
	unsigned int id;
	bool open;
};

struct load {
	struct bench *b;
	struct xtcp *x;
	struct conn *conns; /* of a client */
	unsigned int opened, turn;
	struct meter m;
};

static uint8_t bulk[BENCH_BULK];

/* --- Setting up --- */

static enum xtcp_mode mode_of(const char *name)
{
	if (!strcmp(name, "auto"))
		return XTCP_MODE_AUTO;
	if (!strcmp(name, "native"))
		return XTCP_MODE_NATIVE;
	if (!strcmp(name, "generic"))
		return XTCP_MODE_GENERIC;
	errx(2, "--mode %s: auto, native or generic", name);
}

static void open_engine(struct load *l, struct bench *b)
{
	struct xtcp_conf conf = XTCP_CONF_INIT;
	struct xtcp_engine_info info;

	if (!b->ifname)
		errx(2, "--iface is missing");
	conf.ifname = b->ifname;
	conf.mode = mode_of(b->mode);
	conf.waiting = b->spin ? XTCP_WAIT_LATENCY : XTCP_WAIT_BALANCED;
	conf.max_conns = b->conns * 2 > 65536 ? b->conns * 2 : 65536;
	conf.max_time_wait = 262144;
	conf.time_wait_ms = 1000; /* as net.ipv4.tcp_tw_reuse does for the kernel's in run.sh */
	conf.no_pin = true;
	l->b = b;
	if (xtcp_open(&l->x, &conf) < 0)
		errx(1, "%s", xtcp_errmsg());
	xtcp_engine_info(l->x, &info);
	if (b->verbose)
		warnx("%s: %s mode, %s, MTU %u", info.ifname, info.mode == XTCP_MODE_NATIVE ? "native" : "generic",
		      info.zero_copy ? "zero-copy" : "copy", info.mtu);
	l->conns = calloc(b->conns, sizeof(*l->conns));
	if (!l->conns)
		err(1, "memory for %u connections", b->conns);
}

static void listen_on(struct load *l)
{
	xtcp_listener handle;

	for (unsigned int i = 0; i < l->b->ports; i++) {
		const struct sockaddr *sa = bench_sockaddr(l->b, (uint16_t)(l->b->port + i));

		if (xtcp_listen(l->x, sa, (uint16_t)(l->b->port + i), NULL, &handle) < 0)
			errx(1, "%s", xtcp_errmsg());
	}
	bench_ready();
}

static void begin(struct load *l, struct conn *c, uint64_t now)
{
	const struct sockaddr *sa = bench_sockaddr(l->b, (uint16_t)(l->b->port + l->turn++ % l->b->ports));

	c->id = (unsigned int)(c - l->conns);
	c->sent_ns = now;
	c->got = 0;
	c->open = false;
	if (xtcp_connect(l->x, sa, NULL, c, &c->c) < 0)
		errx(1, "connect: %s", xtcp_errmsg());
	xtcp_setopt(l->x, c->c, XTCP_NODELAY, 1);
}

static int wait_events(struct load *l, struct xtcp_event *ev)
{
	int n = xtcp_wait(l->x, ev, EVENTS, TURN_MS);

	if (n < 0 && n != -EINTR)
		errx(1, "waiting: %s", strerror(-n));
	return n < 0 ? 0 : n;
}

/* A client's connection that may be used; NULL: the event is about one that is gone. */
static struct conn *client_of(struct load *l, const struct xtcp_event *ev)
{
	struct conn *c = ev->user;

	if (!c || c->c != ev->handle)
		return NULL;
	if (ev->events & XTCP_EV_ERROR)
		errx(1, "%s: connection %u: %s", l->b->role, c->id, strerror(ev->error));
	if ((ev->events & XTCP_EV_OPEN) && !c->open) {
		c->open = true;
		l->opened++;
	}
	return c;
}

/* All connections at once, 64 handshakes in flight. */
static void open_all(struct load *l)
{
	struct xtcp_event ev[EVENTS];
	unsigned int begun = 0;

	while (l->opened < l->b->conns && !bench_stop) {
		while (begun < l->b->conns && begun - l->opened < 64)
			begin(l, &l->conns[begun++], 0);
		int n = wait_events(l, ev);

		for (int i = 0; i < n; i++)
			client_of(l, &ev[i]);
	}
}

/* --- A server's side --- */

/* What fits into the send buffer is echoed; the rest waits for XTCP_EV_WRITABLE. */
static void echo(struct load *l, xtcp_conn c)
{
	size_t room;
	ssize_t n;

	while ((room = xtcp_send_space(l->x, c)) > 0) {
		n = xtcp_recv(l->x, c, bulk, room < BENCH_SIZE_MAX ? room : BENCH_SIZE_MAX);
		if (n == -EAGAIN)
			return;
		if (n <= 0) {
			xtcp_close(l->x, c);
			return;
		}
		if (xtcp_send(l->x, c, bulk, (size_t)n, 0) != n)
			errx(1, "serve: the send buffer takes less than it said");
	}
	/* Our direction is open as long as we have not closed: no room means full, unless the connection is dead. */
}

static void serve_event(struct load *l, const struct xtcp_event *ev, void (*use)(struct load *, xtcp_conn))
{
	xtcp_conn c;

	if (ev->events & XTCP_EV_ACCEPT) {
		while (xtcp_accept(l->x, ev->handle, &c) >= 0) {
			xtcp_setopt(l->x, c, XTCP_NODELAY, 1);
			use(l, c);
		}
		return;
	}
	if (ev->events & XTCP_EV_ERROR)
		xtcp_close(l->x, ev->handle);
	else if (ev->events & (XTCP_EV_READABLE | XTCP_EV_WRITABLE | XTCP_EV_PEER_FIN))
		use(l, ev->handle);
}

static int run_serve(struct load *l)
{
	struct xtcp_event ev[EVENTS];

	listen_on(l);
	while (!bench_stop) {
		int n = wait_events(l, ev);

		for (int i = 0; i < n; i++)
			serve_event(l, &ev[i], echo);
	}
	return 0;
}

/* --- A client's side --- */

static void request(struct load *l, struct conn *c, uint64_t now)
{
	ssize_t n = xtcp_send(l->x, c->c, bench_request(c->id), l->b->size, 0);

	if (n != (ssize_t)l->b->size)
		errx(1, "%s: connection %u: send: %s", l->b->role, c->id,
		     n < 0 ? strerror((int)-n) : "the buffer is smaller than a request");
	c->got = 0;
	c->sent_ns = now;
}

/* True when the answer is complete. */
static bool answer(struct load *l, struct conn *c, uint64_t now)
{
	while (c->got < l->b->size) {
		ssize_t n = xtcp_recv(l->x, c->c, bulk, l->b->size - c->got);

		if (n == -EAGAIN)
			return false;
		if (n <= 0)
			errx(1, "%s: connection %u: %s", l->b->role, c->id,
			     n ? strerror((int)-n) : "closed by the server");
		if (memcmp(bulk, bench_request(c->id) + c->got, (size_t)n))
			errx(1, "%s: connection %u: the answer is not the request", l->b->role, c->id);
		c->got += (size_t)n;
	}
	l->m.count++;
	hist_add(&l->m.hist, now - c->sent_ns);
	return true;
}

static int run_rr(struct load *l)
{
	struct xtcp_event ev[EVENTS];
	uint64_t now;

	open_all(l);
	now = now_ns();
	for (unsigned int i = 0; i < l->b->conns && !bench_stop; i++)
		request(l, &l->conns[i], now);
	while (!bench_stop) {
		int n = wait_events(l, ev);

		now = now_ns();
		for (int i = 0; i < n; i++) {
			struct conn *c = client_of(l, &ev[i]);

			if (c && answer(l, c, now))
				request(l, c, now);
		}
		if (meter_tick(&l->m, l->b, now))
			break;
	}
	return meter_report(&l->m, l->b, "requests", l->b->size);
}

static void crr_step(struct load *l, struct conn *c, uint64_t now)
{
	if (!c->open)
		return;
	if (c->got == SIZE_MAX) {
		request(l, c, c->sent_ns);
		return;
	}
	if (!answer(l, c, now))
		return;
	xtcp_close(l->x, c->c);
	begin(l, c, now);
	c->got = SIZE_MAX; /* nothing asked yet */
}

static int run_crr(struct load *l)
{
	struct xtcp_event ev[EVENTS];
	uint64_t now = now_ns();

	for (unsigned int i = 0; i < l->b->conns; i++) {
		begin(l, &l->conns[i], now);
		l->conns[i].got = SIZE_MAX;
	}
	while (!bench_stop) {
		int n = wait_events(l, ev);

		now = now_ns();
		for (int i = 0; i < n; i++) {
			struct conn *c = client_of(l, &ev[i]);

			if (c)
				crr_step(l, c, now);
		}
		if (meter_tick(&l->m, l->b, now))
			break;
	}
	return meter_report(&l->m, l->b, "connections", l->b->size);
}

/* --- Bulk --- */

static ssize_t take(struct load *l, xtcp_conn c)
{
	struct iovec iov[2];
	ssize_t n;

	if (!l->b->zero_copy)
		return xtcp_recv(l->x, c, bulk, sizeof(bulk));
	n = xtcp_peek(l->x, c, iov);
	if (n > 0)
		xtcp_consume(l->x, c, (size_t)n);
	return n;
}

static void drain(struct load *l, xtcp_conn c)
{
	ssize_t n;

	while ((n = take(l, c)) > 0)
		l->m.count += (uint64_t)n;
	if (n == -EAGAIN)
		return;
	warnx("sink: %s", n ? strerror((int)-n) : "closed by the source");
	bench_stop = 1;
}

static int run_sink(struct load *l)
{
	struct xtcp_event ev[EVENTS];

	listen_on(l);
	while (!bench_stop) {
		int n = wait_events(l, ev);

		for (int i = 0; i < n; i++)
			serve_event(l, &ev[i], drain);
		if (l->m.count && meter_tick(&l->m, l->b, now_ns()))
			break;
	}
	return meter_report(&l->m, l->b, "bytes", 1);
}

static ssize_t give(struct load *l, xtcp_conn c)
{
	struct iovec iov[2];
	ssize_t n;

	if (!l->b->zero_copy)
		return xtcp_send(l->x, c, bulk, sizeof(bulk), 0);
	n = xtcp_reserve(l->x, c, sizeof(bulk), iov);
	if (n > 0)
		xtcp_commit(l->x, c, (size_t)n, 0);
	return n;
}

/* False when the sink has gone. */
static bool feed(struct load *l, xtcp_conn c)
{
	ssize_t n;

	while ((n = give(l, c)) > 0)
		;
	return n == -EAGAIN;
}

static int run_source(struct load *l)
{
	struct xtcp_event ev[EVENTS];

	open_all(l);
	for (unsigned int i = 0; i < l->b->conns && !bench_stop; i++)
		feed(l, l->conns[i].c);
	while (!bench_stop) {
		int n = wait_events(l, ev);

		for (int i = 0; i < n; i++) {
			if ((ev[i].events & XTCP_EV_ERROR) || !feed(l, ev[i].handle))
				return 0; /* the sink has seen enough */
		}
	}
	return 0;
}

/* --- */

static void show_counters(struct load *l)
{
	struct xtcp_stat st;

	for (unsigned int i = 0; !xtcp_stat_get(l->x, i, &st); i++)
		if (st.value)
			fprintf(stderr, "%-6s %-28s %" PRIu64 "\n", st.half, st.name, st.value);
}

int main(int argc, char **argv)
{
	static const char *const roles = "serve|rr|crr|sink|source";
	static const struct {
		const char *name;
		int (*run)(struct load *);
	} role[] = {
		{ "serve", run_serve }, { "rr", run_rr },	  { "crr", run_crr },
		{ "sink", run_sink },	{ "source", run_source },
	};
	static struct load l;
	struct bench b;
	int rc;

	bench_start(&b, argc, argv, roles);
	for (size_t i = 0; i < sizeof(role) / sizeof(role[0]); i++) {
		if (strcmp(b.role, role[i].name))
			continue;
		open_engine(&l, &b);
		rc = role[i].run(&l);
		if (b.verbose)
			show_counters(&l);
		xtcp_destroy(l.x);
		return rc;
	}
	bench_usage(roles);
}
