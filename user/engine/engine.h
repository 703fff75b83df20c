/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * engine.h - one engine: a region, a port, a host, and the loop that joins them
 * to the core. Run to completion, one thread at a time, one clock reading a turn:
 *
 *   receive burst -> input -> timers -> output -> transmit burst -> events
 *
 * Everything that outlives a turn lies in the region (region.h): one sparse memfd
 * mapping with bounded pools linked by 32-bit indices. struct engine itself is
 * process-local: pointers into the region, the port, the host.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>
#include "xtcp/shared.h"
#include "engine/ao.h"
#include "engine/host.h"
#include "io/port.h"
#include "tcp/tcp.h"

struct engine;

/* Limits and defaults; all set by the caller (api fills them from struct xtcp_conf, the simulator by hand). */
struct engine_conf {
	uint32_t max_conns;
	uint32_t max_listeners;
	uint32_t max_time_wait;
	uint32_t max_dsts; /* destinations (routes and neighbours) cached; default 1,024 */
	uint64_t buffer_bytes;
	uint64_t mem_low, mem_pressure, mem_high; /* marks of buffer memory (lib/mem.h), bytes; mem_high 0: none */
	uint32_t chunks;			  /* frames */
	uint32_t chunk_size;			  /* bytes */
	uint32_t syn_queue;			  /* default of a listener */
	struct tcp_conf tcp;
	uint64_t seed[10];    /* random: hash, ISN and timestamp keys, port choice, Fast Open key */
	bool huge_pages;      /* ask the kernel for them */
	bool partial_csum_ok; /* believe XTCP_META_F_TCP_PARTIAL */
};

/* ---- life ---- */

/* Map a region for this configuration. 0 or -ENOMEM, -EINVAL with fail(). The engine has no port or host yet. */
int engine_create(struct engine **out, const struct engine_conf *conf);
void engine_destroy(struct engine *e); /* does not close the port */
/*
 * The engine of another process, by the descriptor of its region, which stays the caller's. It needs a port and a host of its own in
 * this process. Whoever has it open takes turns with the others, under a lock of theirs; what only a call or a turn needs
 * is of the process, all else in the region. engine_close_shared() lets go of it and changes nothing.
 */
int engine_open_shared(struct engine **out, int fd);
void engine_close_shared(struct engine *e);
/* Its region cannot be believed: begin anew in it, with the same configuration. Frames and ports are the caller's to see to. */
void engine_restart(struct engine *e);
/* The frames and their chunks, for a port to be opened over them. */
struct io_frames *engine_frames(struct engine *e);
uint8_t *engine_area(struct engine *e);
int engine_region_fd(const struct engine *e);
void engine_attach(struct engine *e, struct io_port *port, const struct host_ops *ops, void *host);
/* Where to write flow snapshots for the XDP half (map "flows"), NULL for none; key as in struct xtcp_xdp_conf. */
void engine_set_flows(struct engine *e, struct xtcp_flow *flows, uint64_t key);

/*
 * Other engines serve other queues of the same interface (sisters.h). Before the engine has any connection; seat as
 * sisters_sit() gave it. The caller leaves it after engine_destroy().
 */
struct sisters;
void engine_set_sisters(struct engine *e, struct sisters *s, uint32_t seat);

/* ---- the loop ---- */

/* One turn. Returns ready events (>= 0) or -errno when the link is gone. */
int engine_turn(struct engine *e, uint64_t now_ns);
/* The first half of one: what has arrived. What is to be sent for it waits for the next turn, which is due at once (engine_deadline). */
int engine_take_in(struct engine *e, uint64_t now_ns);
/* When engine_turn has something to do although no frame arrives; TCP_NEVER: nothing. 0: at once. */
uint64_t engine_deadline(const struct engine *e);

struct engine_event {
	uint64_t handle;
	uint64_t user;
	uint32_t events;
	int32_t error;
};
int engine_events(struct engine *e, struct engine_event *ev, int max);

/* ---- sockets: the calls of xtcp.h, minus the sockaddrs ---- */

int engine_listen(struct engine *e, const struct xtcp_addr *addr, uint16_t port, uint32_t backlog, uint32_t syn_queue,
		  uint64_t *out); /* addr unspecified: all; port 0: chosen */
/* On all addresses of IPv6, and on none of IPv4. */
int engine_listen_v6only(struct engine *e, uint16_t port, uint32_t backlog, uint32_t syn_queue, uint64_t *out);
int engine_listen_close(struct engine *e, uint64_t l);
int engine_listener_port(struct engine *e, uint64_t l);
/* Connections from now on neither send larger segments nor ask for them; bytes 0: by MTU. 0 or -EBADF. */
int engine_listen_maxseg(struct engine *e, uint64_t l, uint16_t bytes);
int engine_accept(struct engine *e, uint64_t l, uint64_t *out);
/* Connections that wait to be accepted; 0 also for a stale handle. */
uint32_t engine_accept_queue(struct engine *e, uint64_t l);
/* laddr NULL or unspecified, lport 0: chosen. Ports in host order. */
int engine_connect(struct engine *e, const struct xtcp_addr *raddr, uint16_t rport, const struct xtcp_addr *laddr,
		   uint16_t lport, uint64_t user, uint64_t *out);
/* The core's connection of a handle, or NULL when stale. After changing it call engine_touch. */
struct tcp_conn *engine_conn(struct engine *e, uint64_t handle);
struct tcp_env *engine_env(struct engine *e);
uint64_t engine_now(const struct engine *e); /* the turn's clock reading */
/* It is later than that: before a call between turns that sets a timer (engine_close with a linger time). */
void engine_clock(struct engine *e, uint64_t now_ns);
/* The application did something to this connection: queue its output, re-arm its timer, report its events. */
void engine_touch(struct engine *e, uint64_t handle);
int engine_close(struct engine *e, uint64_t handle);
int engine_abort(struct engine *e, uint64_t handle);
void engine_abort_all(struct engine *e); /* RST to every peer that wants one; the next turns send them */
/* Connections that the application has closed and whose data or FIN the peer has not acknowledged yet. */
uint32_t engine_orphans(struct engine *e);
/* The interface is no more: every connection fails with ENODEV. Idempotent. */
void engine_link_gone(struct engine *e);
void engine_count_sleep(struct engine *e);			       /* user/api/wait.c tells that it sleeps */
int engine_set_user(struct engine *e, uint64_t handle, uint64_t user); /* connection or listener */
/*
 * The key of TCP MD5 signatures (RFC 2385) for peers whose address begins with these bits (of 128; IPv4 mapped), for connections
 * opened from now on; len 0: none any more. 0, -ENOSPC, -ENOENT.
 */
#define MD5_KEY_MAX 80 /* bytes, as Linux has it */
int engine_md5_key(struct engine *e, const struct xtcp_addr *peer, uint32_t bits, const void *key, uint32_t len);
/*
 * TCP-AO (RFC 5925). Add a key, or with len 0 take it away; for connections opened from now on, and for those that have another
 * key already to change to. 0, -ENOSPC, -EEXIST: an ID is taken, -ENOENT, -EBUSY: it is a connection's current_key or rnext_key.
 */
int engine_ao_key(struct engine *e, const struct ao_mkt *k);
/* Segments with TCP-AO for which there is no key: dropped, or as by default taken as if they had none (RFC 5925 7.3). */
void engine_ao_strict(struct engine *e, bool drop);
/* current_key by SendID, rnext_key by RecvID; AO_ANY: as it is. 0, -EBADF, -EOPNOTSUPP: not signed with TCP-AO, -ENOENT. */
int engine_ao_select(struct engine *e, uint64_t handle, int send_id, int recv_id);
/* NULL: no such connection, or not signed with TCP-AO. */
const struct ao_conn *engine_ao_conn(struct engine *e, uint64_t handle);
/*
 * TCP Fast Open (RFC 7413). A listener takes data of a SYN while at most pending such connections have not finished their
 * handshake; 0: never (the default). A connection in SYN-SENT whose SYN has not left carries the cookie of its peer, or asks
 * for one. 0 or -EBADF, -EISCONN.
 */
int engine_listen_fastopen(struct engine *e, uint64_t l, uint32_t pending);
/* Connections can be accepted when their first data is there, or after so long; 0: at once. */
int engine_listen_defer(struct engine *e, uint64_t l, uint32_t ms);
int engine_connect_fastopen(struct engine *e, uint64_t handle);
/*
 * The listener's cookies are those of Linux under this key: SipHash-2-4 of both addresses, which does not age. So hosts that share
 * one address believe each other's.
 */
int engine_listen_fastopen_key(struct engine *e, uint64_t l, const uint8_t key[16]);
/* No cookie is asked for, or sent: where nobody can forge an address. As Linux's net.ipv4.tcp_fastopen 0x200 and 4. */
int engine_listen_fastopen_bare(struct engine *e, uint64_t l, bool on);
int engine_connect_fastopen_bare(struct engine *e, uint64_t handle);
/* All that is known of peers' Fast Open is forgotten. */
void engine_fastopen_forget(struct engine *e);

/* ---- news from the host (host.h) ---- */

void engine_host_addr(struct engine *e, const struct xtcp_addr *addr, uint32_t index, bool added);
void engine_host_link(struct engine *e, const uint8_t mac[6], uint32_t mtu, bool up);
/* mac NULL: not known any more; host_ops.neigh is asked whether it failed or is being resolved. */
void engine_host_neigh(struct engine *e, const struct xtcp_addr *next_hop, const uint8_t mac[6]);
void engine_host_routes_changed(struct engine *e);

/* ---- looking in ---- */

/* Which engine this is, for those who look in from outside; written once, before it is used. */
struct engine_place {
	uint64_t netns; /* inode of its network namespace; 0: unknown */
	int32_t ifindex;
	int32_t pid;	      /* as its own PID namespace has it */
	uint32_t engine;      /* its number among those of the interface */
	uint32_t first_queue; /* of its receive queues */
	uint32_t queues;      /* 0: nothing of this is known yet */
	uint32_t pad;
};
void engine_set_place(struct engine *e, const struct engine_place *place);

/* What another process can tell of an engine by its region's descriptor, without the engine's doing or noticing. */
struct engine_look {
	struct engine_place place;
	uint32_t conns; /* in use, all states */
	uint32_t time_waits;
	uint32_t listeners;
	uint64_t stats[XTCP_USER_STATS];
};
/*
 * 0; -ENOENT: that is no region, or its engine has not begun; -EPROTO: a region of another version of this program, whose
 * layout is not known here. The numbers are read while they change, each by itself.
 */
int engine_look(int fd, struct engine_look *out);

struct engine_counts {
	uint32_t conns; /* in use, all states */
	uint32_t time_waits;
	uint32_t listeners;
	uint64_t buffer_used;
	uint64_t buffer_peak;
	bool mem_pressed;
	uint32_t frames_lost;
};
void engine_counts(struct engine *e, struct engine_counts *out);
bool engine_has_addr(const struct engine *e, const struct xtcp_addr *a); /* it is one of ours */
uint32_t engine_max_conns(const struct engine *e);
const uint64_t *engine_stats(const struct engine *e); /* XTCP_USER_STATS counters */

/* Called for each frame in (after parsing succeeded) and out; NULL: none. Frame and segment are valid during the call. */
typedef void (*engine_tap_fn)(void *arg, bool out, const struct io_pkt *pkt, const struct xtcp_addr *laddr,
			      uint16_t lport, const struct xtcp_addr *raddr, uint16_t rport, const struct tcp_seg *seg);
void engine_set_tap(struct engine *e, engine_tap_fn fn, void *arg);

/* All invariants: pools, lists, hash, timers, every connection (tcp_check). NULL or what is wrong. Slow; for tests. */
const char *engine_check(struct engine *e);

#endif
