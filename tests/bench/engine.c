// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * engine.c - two engines in memory, without kernel, rings or processors in between, each with an application that acts
 * at once. engine.sh counts the instructions of turn(), in which an engine does all it does, and of app() in it.
 *
 *   engine rr CONNS COUNT     64 bytes each way, CONNS requests in flight; prints ns and frames of one request
 *   engine crr CONNS COUNT    connect, 64 bytes each way, close
 *   engine hold CONNS [ACTIVE COUNT]   connections from as many addresses as it takes; prints the bytes that one takes in its
 *                             engine's region, all tables included, then rr over ACTIVE of them, at most 64 at once
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "engine/engine.h"
#include "lib/addr.h"
#include "tcp/tcp.h"
#include "xtcp/flow.h"
#include "xtcp/wire.h"
/* The simulator's port: one file of it, without the rest. */
#include "sim/simgso.c"
#include "sim/simport.c"

#define SIZE 64u /* of a request and of its answer */
#define PORT 7000
#define STEP_NS 10000u
#define ADDRS 60u /* of the client */
#define CONNS_OF_ADDR 50000u
#define IN_FLIGHT 64u /* requests */

struct end {
	struct engine *e;
	struct simport port;
	struct xtcp_flow *flows;
	struct end *peer;
	uint16_t next_port;
	uint8_t mac[6];
	uint64_t listener;
};

struct client {
	uint64_t h;
	bool open, asked;
};

static struct end ends[2];
static struct client *clients;
static uint32_t n_clients, n_open, n_active, n_addrs = 1;
static bool crr;
static uint64_t done, now = 5000000000000ull;
static uint8_t buf[SIZE];

/* ---- hosts ---- */

static struct xtcp_addr addr_of(const struct end *s, uint32_t i)
{
	return addr_from_v4(htonl((s == &ends[0] ? 0x0a090100u : 0x0a090001u) + i));
}

static int host_route(void *host, const struct xtcp_addr *dst, const struct xtcp_addr *src, struct host_route *out)
{
	memset(out, 0, sizeof(*out));
	out->src = src ? *src : addr_of(host, 0);
	out->next_hop = *dst;
	return 0;
}

static int host_neigh(void *host, const struct xtcp_addr *next_hop, uint8_t mac[6])
{
	(void)next_hop;
	memcpy(mac, ((struct end *)host)->peer->mac, 6);
	return 0;
}

static int host_reserve(void *host, const struct xtcp_addr *addr, uint16_t port)
{
	struct end *s = host;

	(void)addr;
	if (port)
		return port;
	if (s->next_port < 10000)
		s->next_port = 10000;
	return s->next_port++;
}

static void host_release(void *host, const struct xtcp_addr *addr, uint16_t port)
{
	(void)host;
	(void)addr;
	(void)port;
}

static void host_steer(void *host, uint32_t addr_index, uint16_t port, bool owned, bool listening)
{
	(void)host;
	(void)addr_index;
	(void)port;
	(void)owned;
	(void)listening;
}

static const struct host_ops ops = { host_route, host_neigh, host_reserve, host_release, host_steer, NULL };

/* ---- what lies between: what the XDP half says of a frame ---- */

static __attribute__((noipa)) void carry(void *arg, uint8_t *data, uint32_t len)
{
	struct end *to = ((struct end *)arg)->peer;
	struct xtcp_meta meta = { .flags = XTCP_META_F_IP_CSUM_OK };
	struct wire_ip ip;
	struct wire_tcp tcp;

	if (wire_parse_ip(data, data + len, len, &ip) != WIRE_OK ||
	    wire_parse_tcp(data, data + len, &ip, &tcp) != WIRE_OK)
		errx(1, "a malformed frame was sent");
	for (uint32_t i = 0; i < XTCP_FLOW_PROBES && !meta.conn_hint; i++) {
		uint32_t h = xtcp_flow_hash(&ip.daddr, &ip.saddr, tcp.dport, tcp.sport, 1) + i;
		const struct xtcp_flow *f = &to->flows[h & (XTCP_FLOWS - 1)];

		if (f->conn && f->local_port == tcp.dport && f->remote_port == tcp.sport &&
		    addr_eq(&f->remote, &ip.saddr) && addr_eq(&f->local, &ip.daddr))
			meta.conn_hint = f->conn;
	}
	if (!simport_deliver(&to->port, data, len, &meta))
		errx(1, "a frame found no room");
}

/* ---- applications ---- */

static void begin(uint32_t i)
{
	struct xtcp_addr to = addr_of(&ends[1], 0), from = addr_of(&ends[0], i / CONNS_OF_ADDR);
	struct client *c = &clients[i];
	int e;

	c->open = c->asked = false;
	e = engine_connect(ends[0].e, &to, (uint16_t)(PORT + i % 4), &from, 0, i, &c->h);
	if (e)
		errx(1, "connection %u: %s", i, strerror(-e));
	engine_conn(ends[0].e, c->h)->flags |= TCP_F_NODELAY;
}

static void ask(struct client *c)
{
	tcp_send(engine_env(ends[0].e), engine_conn(ends[0].e, c->h), buf, SIZE, false, false);
	engine_touch(ends[0].e, c->h);
	c->asked = true;
}

/* Those that are active have their turn one after the other. */
static struct client *next_client(void)
{
	static uint32_t next;

	next = next + 1 < n_active ? next + 1 : 0;
	return &clients[(uint64_t)next * n_clients / n_active];
}

static void client_event(uint32_t i)
{
	struct client *c = &clients[i];
	struct tcp_conn *t = engine_conn(ends[0].e, c->h);

	if (!c->open) {
		c->open = true;
		n_open++;
		if (crr)
			ask(c);
		return;
	}
	if (!c->asked || tcp_recv(engine_env(ends[0].e), t, buf, SIZE) <= 0)
		return;
	done++;
	if (crr) {
		engine_close(ends[0].e, c->h);
		begin(i);
	} else {
		ask(next_client());
	}
}

static void server_use(uint64_t h)
{
	struct engine *e = ends[1].e;
	struct tcp_conn *t = engine_conn(e, h);
	int64_t n = tcp_recv(engine_env(e), t, buf, SIZE);

	if (n > 0) {
		tcp_send(engine_env(e), t, buf, (size_t)n, false, false);
		engine_touch(e, h);
	} else if (n != -EAGAIN) {
		engine_close(e, h);
	}
}

static void server_event(const struct engine_event *ev)
{
	uint64_t h;

	if (!engine_conn(ends[1].e, ev->handle)) {
		while (!engine_accept(ends[1].e, ev->handle, &h)) {
			engine_conn(ends[1].e, h)->flags |= TCP_F_NODELAY;
			server_use(h);
		}
	} else if (ev->events & TCP_EV_ERROR) {
		errx(1, "server: %s", strerror(ev->error));
	} else {
		server_use(ev->handle);
	}
}

static __attribute__((noipa)) void app(struct end *s)
{
	struct engine_event ev[64];
	int n;

	while ((n = engine_events(s->e, ev, 64)) > 0)
		for (int i = 0; i < n; i++) {
			if (s == &ends[1])
				server_event(&ev[i]);
			else
				client_event((uint32_t)ev[i].user);
		}
}

static __attribute__((noipa)) void turn(struct end *s)
{
	if (engine_turn(s->e, now) > 0)
		app(s);
}

static void both(void)
{
	turn(&ends[0]);
	now += STEP_NS;
	turn(&ends[1]);
	now += STEP_NS;
}

/* ---- all of it ---- */

static void open_end(struct end *s, uint32_t conns)
{
	struct engine_conf conf = {
		.max_conns = conns * 2 + 64,
		.max_time_wait = crr ? 32768 : 64,
		.max_dsts = 1024,
		.buffer_bytes = 1ull << 30,
		.chunks = 8192,
		.chunk_size = 4096,
		.syn_queue = 1024,
	};

	for (int i = 0; i < 10; i++)
		conf.seed[i] = 0x9e3779b97f4a7c15ull * (uint64_t)(i + 1 + (s == ends) * 16);
	tcp_conf_default(&conf.tcp);
	conf.tcp.time_wait_ns = 1000000000;
	if (engine_create(&s->e, &conf))
		errx(1, "engine_create");
	s->flows = calloc(XTCP_FLOWS, sizeof(*s->flows));
	if (!s->flows)
		err(1, "memory");
	s->peer = &ends[s == ends];
	memcpy(s->mac, (uint8_t[6]){ 2, 0, 0, 0, 0, s == ends }, 6);
	simport_open(&s->port, engine_frames(s->e), engine_area(s->e), 1500, 1024, 1024);
	s->port.send = carry;
	s->port.arg = s;
	engine_attach(s->e, &s->port.port, &ops, s);
	engine_set_flows(s->e, s->flows, 1);
	engine_host_link(s->e, s->mac, 1500, true);
	for (uint32_t i = 0; i < (s == ends ? n_addrs : 1); i++) {
		struct xtcp_addr a = addr_of(s, i);

		engine_host_addr(s->e, &a, i, true);
	}
}

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t region_bytes(const struct end *s)
{
	struct stat st;

	if (fstat(engine_region_fd(s->e), &st))
		err(1, "region");
	return (uint64_t)st.st_blocks * 512;
}

static void open_all(uint32_t conns)
{
	uint64_t bytes[2] = { region_bytes(&ends[0]), region_bytes(&ends[1]) };

	clients = calloc(conns, sizeof(*clients));
	if (!clients)
		err(1, "memory");
	while (n_open < conns) {
		while (!crr && n_clients < conns && n_clients - n_open < 64)
			begin(n_clients++);
		both();
	}
	for (int i = 0; i < 200; i++)
		both();
	if (conns >= 1000)
		printf("bytes of a connection: client %.0f, server %.0f\n",
		       (double)(region_bytes(&ends[0]) - bytes[0]) / conns,
		       (double)(region_bytes(&ends[1]) - bytes[1]) / conns);
}

static void exchange(uint64_t count)
{
	const uint64_t *a = engine_stats(ends[0].e), *b = engine_stats(ends[1].e);
	uint64_t frames = a[XTCP_USER_tx_frames] + b[XTCP_USER_tx_frames], t0 = clock_ns();

	done = 0;
	while (done < count)
		both();
	frames = a[XTCP_USER_tx_frames] + b[XTCP_USER_tx_frames] - frames;
	printf("%.1f ns, %.3f frames\n", (double)(clock_ns() - t0) / (double)done, (double)frames / (double)done);
	if (a[XTCP_USER_retrans_segs] + b[XTCP_USER_retrans_segs])
		errx(1, "something was sent again");
}

int main(int argc, char **argv)
{
	uint32_t conns = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
	uint64_t count = argc > 3 ? strtoull(argv[argc - 1], NULL, 10) : 0;
	bool hold = argc > 1 && !strcmp(argv[1], "hold");

	crr = argc > 1 && !strcmp(argv[1], "crr");
	if (!conns || conns > ADDRS * CONNS_OF_ADDR || (!hold && argc != 4))
		errx(2, "usage: engine rr|crr CONNS COUNT | hold CONNS [ACTIVE COUNT]");
	n_active = hold ? argc > 4 ? (uint32_t)strtoul(argv[3], NULL, 10) : 0 : conns;
	n_addrs = (conns + CONNS_OF_ADDR - 1) / CONNS_OF_ADDR;
	open_end(&ends[0], conns);
	open_end(&ends[1], conns);
	for (uint16_t i = 0; i < 4; i++)
		if (engine_listen(ends[1].e, NULL, PORT + i, 4096, 4096, &ends[1].listener))
			errx(1, "listen");
	both();
	if (crr) {
		clients = calloc(conns, sizeof(*clients));
		for (uint32_t i = 0; clients && i < conns; i++)
			begin(i);
	} else {
		open_all(conns);
	}
	for (uint32_t i = 0; !crr && i < n_active && i < IN_FLIGHT; i++)
		ask(next_client());
	if (count) {
		exchange(count / 10); /* past the quick ACKs of the beginning, and the pool of ports is filled */
		exchange(count);
	}
	return 0;
}
