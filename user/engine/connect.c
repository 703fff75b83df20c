// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * connect.c - active OPEN (RFC 9293 3.9.1.2): route, source address, local port.
 *
 * Ports are reserved in the host one by one; to spare a connect that system call,
 * ports reserved for earlier ones are kept in a pool and serve again for other
 * four-tuples. While the pool is small a new random port is preferred.
 */
#include "engine/private.h"

#include <errno.h>
#include "lib/fail.h"

#define TW_REUSE_NS 1000000000ull /* as Linux's tcp_tw_reuse has it */
#define POOL_TRIES 8		  /* pooled ports looked at before a new one is reserved */
#define FRESH_TRIES 32		  /* new ones reserved for one whose answers come to our queue */

/*
 * May a connection have this four-tuple? One that waits in TIME-WAIT gives way after a second if it had timestamps: ours
 * go on from where they were, so the peer can tell old segments from new (RFC 6191 2, RFC 7323 5.8).
 */
static bool tuple_free(struct engine *e, const struct tcp_open *o, uint16_t lport)
{
	uint16_t be = wire_swap16(lport);
	uint32_t hash = demux_hash(e, &o->laddr, &o->raddr, be, o->rport);
	uint32_t ref = demux_find(e, hash, &o->laddr, &o->raddr, be, o->rport);
	const struct tcp_tw *tw;

	if (!ref)
		return !e->sisters || !handover_tuple_taken(e, &o->laddr, &o->raddr, be, o->rport);
	if (!(ref & DEMUX_TW))
		return false;
	tw = &tw_at(e, ref & ~DEMUX_TW)->tcp;
	if (!(tw->flags & TCP_F_TS) || e->r->now_ns + e->env.conf.time_wait_ns < tw->expires_ns + TW_REUSE_NS)
		return false;
	count(e, time_wait_reused);
	tw_free(e, ref & ~DEMUX_TW);
	return true;
}

/* Would the answers come to our queue? */
static bool fits(const struct engine *e, const struct tcp_open *o, uint16_t lport)
{
	return !e->ops->own_queue || e->ops->own_queue(e->host, &o->laddr, &o->raddr, wire_swap16(lport), o->rport);
}

/*
 * A pooled port whose four-tuple is free, with one more reference; 0: none among those tried.
 *
 * To one destination the ports of the pool are used in turn, from a secret place on: the port that comes next is the one
 * that has rested longest, so it has left TIME-WAIT if any has (RFC 6056 3.3.4; the pool is in random order besides). What is passed
 * over is not looked at again until its turn comes.
 */
static uint16_t pooled(struct engine *e, const struct tcp_open *o, uint32_t index, uint32_t tries, bool must_fit)
{
	uint32_t n = e->r->port_pool[index].count, hash = demux_hash(e, &o->laddr, &o->raddr, 0, o->rport), at;
	uint32_t *next = &e->r->port_next[hash % REGION_PORT_NEXT];

	if (!n)
		return 0;
	at = (hash / REGION_PORT_NEXT + *next) % n;
	for (uint32_t i = 0; i < n && i < tries; i++, at = at + 1 == n ? 0 : at + 1) {
		uint16_t port = *port_pooled(e->r, index, at);

		++*next;
		if ((must_fit && !fits(e, o, port)) || !tuple_free(e, o, port))
			continue;
		return port_take(e, index, port) ? 0 : port;
	}
	return 0;
}

/* A port not in the pool, which it enters. One that does not fit stays there, for other peers; the last is as good as none. */
static int fresh_port(struct engine *e, const struct tcp_open *o, uint32_t index)
{
	for (int tries = FRESH_TRIES;; tries--) {
		int port = port_take_any(e, index);

		if (port <= 0)
			return port;
		port_pool_add(e, index, (uint16_t)port);
		if (tries == 1 || fits(e, o, (uint16_t)port))
			return port;
		port_give(e, index, (uint16_t)port);
	}
}

static int choose_port(struct engine *e, const struct tcp_open *o, uint32_t index)
{
	uint16_t port = 0;
	int fresh = -EAGAIN;

	if (e->r->port_pool[index].count >= REGION_PORT_FRESH)
		port = pooled(e, o, index, POOL_TRIES, true);
	if (port)
		return port;
	fresh = fresh_port(e, o, index);
	if (fresh > 0)
		return fresh;
	port = pooled(e, o, index, UINT32_MAX, true);
	if (!port)
		port = pooled(e, o, index, UINT32_MAX, false);
	if (port)
		return port;
	return fail(EAGAIN, "no free local port: %s", strerror(-fresh));
}

static int take_port(struct engine *e, const struct tcp_open *o, uint32_t index, uint16_t lport)
{
	char text[ADDR_TEXT];
	int err;

	if (!lport)
		return choose_port(e, o, index);
	addr_port_text(&o->laddr, lport, text);
	if (!tuple_free(e, o, lport))
		return fail(EADDRINUSE,
			    "cannot connect from %s: a connection to this peer has that port (or TIME-WAIT does)",
			    text);
	err = port_take(e, index, lport);
	return err ? fail(-err, "cannot connect from %s: %s", text, strerror(-err)) : lport;
}

static bool peer_bad(const struct engine *e, const struct xtcp_addr *a)
{
	return addr_is_any(a) || addr_is_multicast(a) || addr_is_loopback(a) || addr_index(e, a) >= 0;
}

/* With the reason as text; nothing of it is made for a connect that succeeds. */
static int no_path(const struct xtcp_addr *raddr, int err, const char *why)
{
	char text[ADDR_TEXT];

	addr_text(raddr, text);
	return fail(err, "cannot connect to %s: %s", text, why);
}

/* Route and source address into *o and *dst. */
static int find_path(struct engine *e, const struct xtcp_addr *raddr, const struct xtcp_addr *laddr, struct tcp_open *o,
		     uint32_t *dst)
{
	bool any = !laddr || addr_is_any(laddr);
	int err;

	if (peer_bad(e, raddr))
		return no_path(raddr, EINVAL, "not a unicast address of another host");
	if (!any && addr_is_v4(laddr) != addr_is_v4(raddr))
		return no_path(raddr, EINVAL, "the local address is of another family");
	if (!any && addr_index(e, laddr) < 0)
		return no_path(raddr, EADDRNOTAVAIL, "the local address is not of this interface");
	err = dst_get(e, raddr, any ? NULL : laddr, dst);
	if (err == -ENETUNREACH)
		return no_path(raddr, ENETUNREACH, "no route");
	if (err)
		return err;
	o->raddr = *raddr;
	o->laddr = any ? dst_at(e, *dst)->src : *laddr;
	dst_open(e, *dst, o);
	return 0;
}

static void open_active(struct engine *e, uint32_t ref, const struct tcp_open *o, uint32_t dst, uint32_t index,
			uint64_t user)
{
	struct conn *c = conn_at(e, ref);

	c->dst = dst;
	c->addr_index = index;
	c->user = user;
	c->life |= CONN_APP;
	tcp_connect(&e->env, &c->tcp, o, e->r->now_ns);
	if (e->r->now_ns < dst_at(e, dst)->ecn_off_until_ns)
		tcp_ecn_unasked(&c->tcp);
	if (dst_at(e, dst)->hop_limit)
		c->tcp.ttl = dst_at(e, dst)->hop_limit;
	if (o->sig_bytes == AO_OPTION_BYTES)
		ao_open(e, ref);
	conn_hash(e, ref);
	conn_flow_add(e, ref);
	conn_dirty(e, ref);
}

int engine_connect(struct engine *e, const struct xtcp_addr *raddr, uint16_t rport, const struct xtcp_addr *laddr,
		   uint16_t lport, uint64_t user, uint64_t *out)
{
	struct tcp_open o = { .rport = wire_swap16(rport) };
	uint32_t dst = 0, ref;
	int err, index, port;

	if (!rport)
		return fail(EINVAL, "cannot connect to port 0");
	err = find_path(e, raddr, laddr, &o, &dst);
	if (err)
		return err;
	index = addr_index(e, &o.laddr);
	if (index < 0) {
		err = fail(EADDRNOTAVAIL, "cannot connect: the route's source address is not of this interface");
		goto out_dst;
	}
	ref = conn_new(e);
	if (!ref) {
		err = fail(EMFILE, "cannot connect: all %u connections are in use (max_conns)", e->r->conns.cap);
		goto out_dst;
	}
	port = take_port(e, &o, (uint32_t)index, lport);
	if (port < 0) {
		err = port;
		goto out_conn;
	}
	o.lport = wire_swap16((uint16_t)port);
	o.sig_bytes = sig_bytes(e, &o);
	open_active(e, ref, &o, dst, (uint32_t)index, user);
	*out = conn_handle(e, ref);
	return 0;

out_conn:
	conn_drop(e, ref);
out_dst:
	dst_put(e, dst);
	return err;
}
