// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* engine_pair.c - see engine_pair.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "engine_pair.h"
#include "lib/addr.h"
/* The simulator's port: one file of it, without the rest. */
#include "sim/simgso.c"
#include "sim/simport.c"

static int find_side(struct pair *p, const struct xtcp_addr *a)
{
	for (int i = 0; i < 2; i++)
		for (int f = 0; f < 2; f++)
			if (addr_eq(&p->side[i].addr[f], a))
				return i;
	return -1;
}

static int host_route(void *host, const struct xtcp_addr *dst, const struct xtcp_addr *src, struct host_route *out)
{
	struct pair_side *s = host;

	if (find_side(s->p, dst) < 0 || (src && find_side(s->p, src) != s->index))
		return -ENETUNREACH;
	memset(out, 0, sizeof(*out));
	out->src = s->addr[!addr_is_v4(dst)];
	out->next_hop = *dst;
	return 0;
}

static int host_neigh(void *host, const struct xtcp_addr *next_hop, uint8_t mac[6])
{
	struct pair_side *s = host;
	int i = find_side(s->p, next_hop);

	s->neigh_asked++;
	if (s->neigh_dead)
		return -EHOSTUNREACH;
	if (s->neigh_slow)
		return -EAGAIN;
	if (i < 0)
		return -EHOSTUNREACH;
	memcpy(mac, s->p->side[i].mac, 6);
	return 0;
}

static int host_reserve(void *host, const struct xtcp_addr *addr, uint16_t port)
{
	struct pair_side *s = host;
	bool v6 = !addr_is_v4(addr);

	if (!port)
		port = s->next_port++;
	if (s->reserved[v6][port])
		return -EADDRINUSE;
	s->reserved[v6][port] = 1;
	return port;
}

static void host_release(void *host, const struct xtcp_addr *addr, uint16_t port)
{
	struct pair_side *s = host;

	assert_int_equal(s->reserved[!addr_is_v4(addr)][port], 1);
	s->reserved[!addr_is_v4(addr)][port] = 0;
}

static void host_steer(void *host, uint32_t addr_index, uint16_t port, bool owned, bool listening)
{
	struct pair_side *s = host;

	s->owned[port] = (s->owned[port] & ~(1ull << addr_index)) | (uint64_t)owned << addr_index;
	s->listening[port] = (s->listening[port] & ~(1ull << addr_index)) | (uint64_t)listening << addr_index;
}

static const struct host_ops ops = {
	.route = host_route,
	.neigh = host_neigh,
	.reserve = host_reserve,
	.release = host_release,
	.steer = host_steer,
};

static void carry(void *arg, uint8_t *data, uint32_t len)
{
	struct pair_side *s = arg;

	s->frames_out++;
	s->last_len = len;
	memcpy(s->last_frame, data, len < sizeof(s->last_frame) ? len : sizeof(s->last_frame));
	if (!s->p->cut)
		simport_deliver(&s->p->side[!s->index].port, data, len, NULL); /* or dropped: the other is too slow */
}

void pair_conf(struct engine_conf *conf)
{
	memset(conf, 0, sizeof(*conf));
	conf->max_conns = 64;
	conf->max_listeners = 8;
	conf->max_time_wait = 16;
	conf->max_dsts = 8;
	conf->buffer_bytes = 16u << 20;
	conf->chunks = 1024;
	conf->chunk_size = 4096;
	conf->syn_queue = 8;
	for (int i = 0; i < 8; i++)
		conf->seed[i] = 0x123456789abcdefull * (uint64_t)(i + 1);
	tcp_conf_default(&conf->tcp);
}

static void open_side(struct pair *p, int i, struct engine_conf *conf)
{
	struct pair_side *s = &p->side[i];

	s->p = p;
	s->index = i;
	s->next_port = 40000;
	memcpy(s->mac, (uint8_t[6]){ 2, 0, 0, 0, 0, (uint8_t)(i + 1) }, 6);
	s->addr[0] = addr_from_v4(htonl(0x0a090001u + (uint32_t)i));
	s->addr[1] = addr_from_v6((uint8_t[16]){ 0xfd, 9, [15] = (uint8_t)(i + 1) });
	conf->seed[0] += (uint64_t)i;
	conf->seed[4] += (uint64_t)i;
	assert_int_equal(engine_create(&s->e, conf), 0);
	simport_open(&s->port, engine_frames(s->e), engine_area(s->e), 1500, 512, 256);
	s->port.send = carry;
	s->port.arg = s;
	engine_attach(s->e, &s->port.port, &ops, s);
	engine_host_link(s->e, s->mac, 1500, true);
	engine_host_addr(s->e, &s->addr[0], 0, true);
	engine_host_addr(s->e, &s->addr[1], 1, true);
}

void pair_open(struct pair *p, const struct engine_conf *conf)
{
	struct engine_conf c;

	memset(p, 0, sizeof(*p));
	p->now = 5000000000000ull;
	if (conf)
		c = *conf;
	else
		pair_conf(&c);
	for (int i = 0; i < 2; i++)
		open_side(p, i, &c);
}

void pair_close(struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		struct pair_side *s = &p->side[i];

		assert_int_equal(s->port.bad, 0);
		engine_attach(s->e, NULL, NULL, NULL);
		assert_int_equal(s->port.port.ops->lost(&s->port.port), 0);
		engine_destroy(s->e);
		for (uint32_t port = 0; port < 65536; port++) {
			assert_int_equal(s->reserved[0][port] + s->reserved[1][port], 0);
			assert_int_equal(s->owned[port] | s->listening[port], 0);
		}
	}
}

static void check(struct pair *p, int i)
{
	const char *why = engine_check(p->side[i].e);

	if (why)
		fail_msg("engine %d: %s", i, why);
}

void pair_turn(struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		assert_true(engine_turn(p->side[i].e, p->now) >= 0);
		check(p, i);
	}
}

static bool busy(struct pair *p)
{
	for (int i = 0; i < 2; i++)
		if (p->side[i].port.rx_count || engine_deadline(p->side[i].e) <= p->now)
			return true;
	return false;
}

void pair_settle(struct pair *p)
{
	int turns = 0;

	do {
		pair_turn(p);
		p->now += 10000;
		assert_true(++turns < 100000);
	} while (busy(p));
}

void pair_sleep(struct pair *p, uint64_t ns)
{
	uint64_t end = p->now + ns;

	for (;;) {
		uint64_t next = end;

		pair_settle(p);
		for (int i = 0; i < 2; i++) {
			uint64_t d = engine_deadline(p->side[i].e);

			if (d < next)
				next = d;
		}
		if (p->now >= end)
			return;
		if (next > p->now)
			p->now = next;
		if (p->now >= end) {
			pair_settle(p);
			return;
		}
	}
}

uint32_t pair_events(struct pair *p, int side, uint64_t handle)
{
	struct engine_event ev[64];
	uint32_t events = 0;
	int n = engine_events(p->side[side].e, ev, 64);

	for (int i = 0; i < n; i++)
		if (ev[i].handle == handle)
			events |= ev[i].events;
	return events;
}
