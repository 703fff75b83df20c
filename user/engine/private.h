/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * private.h - the engine's own: struct engine (pointers into the region, port,
 * host, scratch of one turn) and what its files offer each other.
 */
#ifndef ENGINE_PRIVATE_H
#define ENGINE_PRIVATE_H

#include <string.h>
#include "engine/region.h"
#include "engine/sisters.h"
#include "lib/addr.h"
#include "lib/hash.h"
#include "xtcp/wire.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* A received frame on its way through the stages of input.c. */
struct rx_item {
	struct wire_ip ip;
	struct wire_tcp tcp;
	uint32_t hash;
	uint32_t ref; /* demux reference, first by hint; 0: to be looked up, later: none */
	bool good;    /* parsed and checked: to be given to a connection */
	bool partial; /* its checksum is taken for a partial one, so nothing says that its text is right */
};

struct engine {
	struct region *r;
	struct conn *conns;
	struct tcp_cold *colds; /* one for each of conns */
	struct ao_conn *aos;	/* likewise, and then for each of tws */
	struct tw *tws;
	struct demux_slot *demux;
	struct io_frames *frames;
	struct port_use *port_use;
	uint32_t *listen_heads;
	uint8_t *area;
	struct io_port *port;
	const struct host_ops *ops;
	void *host;
	struct xtcp_flow *flows;
	uint64_t flow_key;
	struct sisters *sisters; /* NULL: this is the only engine of its interface */
	const uint8_t
		*handed;   /* of the burst under way, if sisters handed it over: how many have looked at each frame */
	uint32_t seat;	   /* among sisters */
	uint32_t flow_tag; /* seat, as the flow table has it */
	uint64_t fast_key[2]; /* of cookies (fastopen.c) */
	engine_tap_fn tap;
	void *tap_arg;
	struct wheel_nodes timers;
	bool committed; /* frames were given to the port in this turn */
	int fd;
	const struct ao_mkt *ao_mkt;	      /* of the segment just accepted, if no connection's own keys did it */
	uint8_t ao_rnext_id;		      /* and its RNextKeyID */
	uint8_t ao_traffic[AO_TRAFFIC_BYTES]; /* scratch */
	struct tcp_env env;
	struct tcp_seg seg; /* scratch */
	struct io_pkt out;  /* scratch */
	struct rx_item item[IO_BURST];
	struct io_pkt pkt[IO_BURST];
};

#define count(e, name) ((e)->r->stats[XTCP_USER_##name]++)
#define count_n(e, name, n) ((e)->r->stats[XTCP_USER_##name] += (n))

/* ---- references ---- */

static inline struct conn *conn_at(const struct engine *e, uint32_t ref)
{
	return &e->conns[ref - 1];
}

static inline uint32_t conn_ref(const struct engine *e, const struct conn *c)
{
	return (uint32_t)(c - e->conns) + 1;
}

static inline struct tw *tw_at(const struct engine *e, uint32_t ref)
{
	return &e->tws[ref - 1];
}

static inline struct listener *listener_at(const struct engine *e, uint32_t ref)
{
	return pool_at(e->r, &e->r->listeners, ref);
}

static inline struct dst *dst_at(const struct engine *e, uint32_t ref)
{
	return pool_at(e->r, &e->r->dsts, ref);
}

/* ---- lists of connections by next and prev ---- */

void list_push(struct engine *e, struct list *l, uint32_t ref);
void list_remove(struct engine *e, struct list *l, uint32_t ref);
/* NULL or what is wrong; every member must have all bits of life. */
const char *list_check(const struct engine *e, const struct list *l, uint32_t life);

/* ---- life.c ---- */

/* A zeroed connection that belongs to nobody yet, or 0. */
uint32_t conn_new(struct engine *e);
/* Into the demux; takes a reference to its local port. The four-tuple is set. */
void conn_hash(struct engine *e, uint32_t ref);
void conn_unhash(struct engine *e, uint32_t ref);
void conn_dirty(struct engine *e, uint32_t ref);
/* ... to this list of them, in which it is not yet. */
void conn_append(struct engine *e, struct list *l, uint32_t ref);
/* Its timer, at its next deadline. */
void conn_arm(struct engine *e, uint32_t ref);
/* After its output: timer, events, death. False: it has been freed. */
bool conn_settle(struct engine *e, uint32_t ref);
/* After input: only what cannot wait until the output phase. */
void conn_after_input(struct engine *e, uint32_t ref);
void conn_flow_add(struct engine *e, uint32_t ref);
void conn_flow_erase(struct engine *e, uint32_t ref);
uint64_t conn_handle(const struct engine *e, uint32_t ref);
/* Reference of a handle that the application holds, or 0. */
uint32_t conn_of_handle(const struct engine *e, uint64_t handle);
/* Forget a connection that was never hashed. */
void conn_drop(struct engine *e, uint32_t ref);
/* Call fn for every connection in use. */
void conn_each(struct engine *e, void (*fn)(struct engine *e, uint32_t ref, const void *arg), const void *arg);
void conn_ready(struct engine *e, uint32_t ref);

/* ---- demux.c ---- */

static inline uint32_t demux_hash(const struct engine *e, const struct xtcp_addr *l, const struct xtcp_addr *r,
				  uint16_t lport, uint16_t rport)
{
	return (uint32_t)hash_tuple(l, r, lport, rport, e->r->hash_key);
}
uint32_t demux_find(const struct engine *e, uint32_t hash, const struct xtcp_addr *l, const struct xtcp_addr *r,
		    uint16_t lport, uint16_t rport);
void demux_insert(struct engine *e, uint32_t hash, uint32_t ref);
void demux_remove(struct engine *e, uint32_t hash, uint32_t ref);
void demux_replace(struct engine *e, uint32_t hash, uint32_t from, uint32_t to);
const char *demux_check(const struct engine *e);

static inline void demux_prefetch(const struct engine *e, uint32_t hash)
{
	__builtin_prefetch(&e->demux[hash & e->r->demux_mask]);
}

/* ---- addrs and ports (ports.c) ---- */

/* Index of one of our addresses, or -1. */
int addr_index(const struct engine *e, const struct xtcp_addr *a);
static inline struct port_use *port_use(const struct engine *e, uint32_t index, uint16_t port)
{
	return &e->port_use[(index << 16) + port];
}
/* A reference to a port; the first reserves it in the host and steers it to us. Ports in host order. 0 or -errno. */
int port_take(struct engine *e, uint32_t index, uint16_t port);
/* The first reference to a random free port: the port, or -errno. */
int port_take_any(struct engine *e, uint32_t index);
void port_give(struct engine *e, uint32_t index, uint16_t port);
void port_listen(struct engine *e, uint32_t index, uint16_t port, int change);
void port_pool_add(struct engine *e, uint32_t index, uint16_t port);
void port_pool_clear(struct engine *e, uint64_t indices);
/* The address's pooled port number i, below its count. */
static inline uint16_t *port_pooled(struct region *r, uint32_t index, uint32_t i)
{
	return &r->pool_port[r->port_pool[index].block[i / REGION_PORT_BLOCK] * REGION_PORT_BLOCK +
			     i % REGION_PORT_BLOCK];
}
const char *port_check(struct engine *e);

/* ---- pressure.c ---- */

/* Once in a turn: is there memory enough? */
void pressure_turn(struct engine *e);

/* ---- dst.c ---- */

/* A reference to the destination, counted. 0 or -errno. */
int dst_get(struct engine *e, const struct xtcp_addr *raddr, const struct xtcp_addr *src, uint32_t *out);
void dst_put(struct engine *e, uint32_t ref);
/* Once before output: true when frames can be built for it (route valid). */
bool dst_usable(struct engine *e, uint32_t ref);
/* Bytes of IP packet that link and route allow. */
uint32_t dst_mtu(const struct engine *e, const struct dst *d);
/* What a new connection is told of the path. */
void dst_open(const struct engine *e, uint32_t ref, struct tcp_open *o);
/* A connection has learned its path's MTU: the others to that destination, and those to come, know it too. */
void dst_learn_mtu(struct engine *e, uint32_t ref);
/* TCP_EV_ECN. */
void dst_learn_ecn(struct engine *e, uint32_t ref);
/* Send a built frame, or hold it until the neighbour is known. */
void dst_send(struct engine *e, uint32_t ref, struct io_pkt *pkt);
void dst_neigh(struct engine *e, const struct xtcp_addr *next_hop, const uint8_t mac[6]);
/* A connection gets no answer (RFC 9293 MUST-20): ask the host for route and neighbour again. */
void dst_doubt(struct engine *e, uint32_t ref);
void dst_cancel_held(struct engine *e);
const char *dst_check(struct engine *e);

/* ---- frame.c ---- */

struct frame_to {	   /* where a frame goes */
	const uint8_t *l2; /* Ethernet header as it is to be sent, tags included */
	uint32_t l2_len;
	const struct xtcp_addr *laddr, *raddr;
	uint16_t lport, rport; /* network order */
	uint32_t flow_label;
	const struct md5_key *key; /* NULL: not signed with MD5 */
	const struct ao_sign *ao;  /* NULL: not with TCP-AO */
};
/* Build into e->out, reserved. 0 or -ENOBUFS. */
int frame_build(struct engine *e, const struct frame_to *to, const struct tcp_seg *seg);
void frame_commit(struct engine *e, const struct io_pkt *pkt);
/* Send a super-segment, or a single one by the same way, unsigned, to a neighbour that is known. 0 or -errno: it is lost. */
int frame_send_super(struct engine *e, const struct frame_to *to, const struct tcp_seg *seg);
/* Super-segments can go there. */
static inline bool dst_takes_supers(const struct engine *e, uint32_t ref)
{
	return e->port->gso_bytes && dst_at(e, ref)->state == DST_RESOLVED;
}

/* ---- input.c, icmp_in.c, output.c, listen.c, timewait.c ---- */

int input_burst(struct engine *e);
/* The first n of e->pkt. */
void input_pkts(struct engine *e, int n);
/* Sum over len bytes of a frame from off on. */
uint64_t input_sum(const struct io_pkt *pkt, uint32_t off, uint32_t len);
/* Answer the frame's sender without any connection. */
void input_reply(struct engine *e, const struct io_pkt *pkt, const struct rx_item *it, const struct tcp_seg *seg);
void icmp_input(struct engine *e, const struct io_pkt *pkt, const struct wire_ip *ip);

void output_pass(struct engine *e);

struct listener *listener_find(struct engine *e, const struct xtcp_addr *addr, uint16_t port);
/* A segment for a listener. True: answer it with RST. */
bool listener_input(struct engine *e, struct listener *l, const struct rx_item *it, const struct tcp_seg *seg);
/* Its half-open connection reached ESTABLISHED. */
void listener_promote(struct engine *e, uint32_t ref);
/* Established, and not to be promoted yet. */
bool listener_defers(struct engine *e, uint32_t ref);
/* Out of the half-open list or the accept queue. */
void listener_forget(struct engine *e, uint32_t ref);
void listener_addr(struct engine *e, uint32_t index, bool added);
int listener_events(struct engine *e, struct engine_event *ev, int max);
void listener_close_all(struct engine *e);
const char *listener_check(struct engine *e);

struct listener *listener_of_handle(const struct engine *e, uint64_t handle);

/* ---- handover.c: frames for sisters, and from them ---- */

/* Its hint says that a sister has the connection. True: the frame was given to her, or dropped. */
bool handover_hinted(struct engine *e, const struct io_pkt *pkt);
/* Nobody here knows its connection. True: a sister looks on, or it was dropped; false: the answer is ours to give. */
bool handover_pass_on(struct engine *e, const struct io_pkt *pkt);
void handover_input(struct engine *e);
/* A sister has a connection with this four-tuple, as far as the flow table knows. Ports in network order. */
bool handover_tuple_taken(const struct engine *e, const struct xtcp_addr *l, const struct xtcp_addr *r, uint16_t lport,
			  uint16_t rport);

/* ---- md5.c: RFC 2385 ---- */

#define MD5_OPTION_BYTES 20 /* with two NOPs before it */
/* The key for a peer, or NULL. */
const struct md5_key *md5_find(const struct engine *e, const struct xtcp_addr *peer);
/* Put the option behind seg's own into the TCP header, which is complete but for the checksum; l4_len: header and payload. */
void md5_sign(const struct md5_key *k, const struct frame_to *to, const struct tcp_seg *seg, uint8_t *tcp,
	      uint32_t l4_len);
/* False: the segment, for ref if that is a connection, is not signed as it must be; counted. */
bool md5_accepts(struct engine *e, const struct io_pkt *pkt, const struct rx_item *it, const struct tcp_seg *seg,
		 uint32_t ref);

/* ---- ao.c: RFC 5925 ---- */

enum ao_verdict {
	AO_NOT,	 /* no matter of TCP-AO's */
	AO_GOOD, /* signed as it must be */
	AO_BAD,	 /* not so */
};

/* A connection that is signed with TCP-AO was opened: its parameters. Passive: by the SYN that ao_check saw last. */
void ao_open(struct engine *e, uint32_t ref);
/* It becomes a TIME-WAIT entry. */
void ao_time_wait(struct engine *e, uint32_t conn, uint32_t tw);
/* How a segment of a connection is to be signed. */
void ao_sign_conn(struct engine *e, uint32_t ref, const struct tcp_seg *seg, struct ao_sign *s);
/* How an answer to the segment of it is to be signed; AO_BAD: it cannot be, there must be none. */
enum ao_verdict ao_sign_reply(struct engine *e, const struct rx_item *it, const struct tcp_seg *seg, struct ao_sign *s);
/* Put the option behind seg's own into the TCP header, which is complete but for the checksum; l4_len: header and payload. */
void ao_put(const struct ao_sign *s, const struct frame_to *to, const struct tcp_seg *seg, uint8_t *tcp,
	    uint32_t l4_len);
/* Of a segment received, for ref if that is a connection or a TIME-WAIT entry; AO_BAD: drop it, it has been counted. */
enum ao_verdict ao_check(struct engine *e, const struct io_pkt *pkt, const struct rx_item *it,
			 const struct tcp_seg *seg, uint32_t ref);
/* The connection does not believe such an ICMP error (7.8). */
bool ao_ignores_icmp(const struct engine *e, uint32_t ref, int type);
/* NULL, or what is wrong with a connection's parameters. */
const char *ao_check_conn(const struct engine *e, uint32_t ref);

/* ---- fastopen.c ---- */

/* A SYN with the option for a connection just opened: a cookie is offered; true: its text was taken, it is to be accepted. */
static inline bool fastopen_wanted(const struct listener *l, const struct tcp_seg *syn)
{
	return syn->opts.present & TCP_OPT_FASTOPEN || (l->fast_bare && syn->len);
}
bool fastopen_syn(struct engine *e, struct listener *l, uint32_t ref, const struct tcp_seg *syn);
/* A CONN_FAST connection has left SYN-RECEIVED, or is freed. */
void fastopen_settled(struct engine *e, uint32_t ref);
/* TCP_EV_FASTOPEN. */
void fastopen_learn(struct engine *e, uint32_t ref);
/* A connection whose SYN carried text is about to be freed. */
void fastopen_end(struct engine *e, uint32_t ref);
/* The listener is closed: nobody counts any more. */
void fastopen_close(struct engine *e, struct listener *l);

/* The connection becomes a TIME-WAIT entry. */
void tw_enter(struct engine *e, uint32_t ref);
void tw_free(struct engine *e, uint32_t ref);
/* True: the segment is for a listener after all (the entry is gone). */
bool tw_input(struct engine *e, uint32_t ref, const struct io_pkt *pkt, const struct rx_item *it,
	      const struct tcp_seg *seg);
/* The same for a connection in TIME-WAIT that the application still holds; it is CLOSED then. */
bool tw_held_input(struct engine *e, uint32_t ref, const struct tcp_seg *seg);
void tw_expire(struct engine *e);
const char *tw_check(struct engine *e);

#endif
