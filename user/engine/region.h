/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * region.h - the one sparse memfd mapping that holds all of an engine. It begins
 * with struct region; everything else is found by the offsets there, so that any
 * process can map it at any address and look in.
 *
 * Memory is committed when first touched: pools hand out what was freed, then
 * fresh elements behind a watermark, and nothing is initialised ahead.
 */
#ifndef ENGINE_REGION_H
#define ENGINE_REGION_H

#include "engine/ao.h"
#include "engine/conn.h"
#include "engine/engine.h"

#define REGION_MAGIC 0x7874637065676e31ull /* "xtcpegn1" */
#define REGION_VERSION 3
#define REGION_PORT_POOL 32768 /* local ports kept reserved for coming connects */
#define REGION_PORT_BLOCK 256  /* ... of one address each */
#define REGION_PORT_BLOCKS (REGION_PORT_POOL / REGION_PORT_BLOCK)
#define REGION_PORT_NEXT 4096 /* a power of two */
#define REGION_PORT_FRESH 64  /* below so many, a new random port is preferred */

/* ---- pools: references are index + 1 ---- */

struct pool {
	uint64_t off;	 /* of the first element */
	uint32_t stride; /* bytes */
	uint32_t link;	 /* offset of the free list's link in an element */
	uint32_t cap;
	uint32_t fresh; /* elements ever handed out */
	uint32_t free;	/* head of the free list */
	uint32_t used;
};

/* ---- demux ---- */

#define DEMUX_TW 0x80000000u /* the reference is to a TIME-WAIT entry */
struct demux_slot {
	uint32_t tag; /* the hash; its low bits are the home slot */
	uint32_t ref; /* 0: empty */
};

/* ---- destinations ---- */

enum dst_state { DST_NEW, DST_WAITING, DST_RESOLVED, DST_FAILED };

#define DST_HELD_MAX 8 /* frames that wait for one neighbour */
#define HELD_MAX 512   /* ... for all */

struct held { /* a frame, built and reserved, that waits for a neighbour */
	uint32_t next;
	uint32_t nfrags;
	uint32_t len;
	uint32_t csum_start; /* as in struct io_pkt */
	struct {
		uint32_t chunk;
		uint32_t off; /* of the data from the chunk's start */
		uint32_t len;
	} frag[IO_MAX_FRAGS];
};

/* What is known of a peer's TCP Fast Open (RFC 7413 4.1.3). */
struct dst_fastopen {
	uint64_t off_until_ns;	  /* a SYN with the option was lost: not before then */
	struct tcp_cookie cookie; /* len 0: none */
	uint8_t losses;		  /* in a row */
	uint8_t holes;		  /* connections in a row that lost all that followed the handshake */
	uint16_t mss;		  /* that came with it; 0: unknown */
	uint8_t exp;		  /* 1: the experimental option has to be tried; 2: it brought nothing either */
};

struct dst {
	struct xtcp_addr raddr;
	struct xtcp_addr asked; /* source the route was asked for; :: none */
	struct xtcp_addr src;
	struct xtcp_addr next_hop;
	uint64_t learned_until_ns; /* when learned_mtu expires */
	uint64_t poke_ns;	   /* when to tell the host again that the neighbour is in use */
	uint64_t doubted_ns;	   /* when a connection last doubted it */
	uint32_t refs;
	uint32_t hash;
	uint32_t chain;		     /* next of its hash bucket; also: free list */
	uint32_t lru_next, lru_prev; /* when nobody refers to it */
	uint32_t mtu;		     /* of the route; 0: the link's */
	uint16_t learned_mtu;	     /* smaller than that, told by ICMP or found by probing; 0: none */
	uint8_t learned_by_probe;
	uint8_t spare;
	uint32_t routes_gen; /* generation of the routing table it comes from */
	uint32_t held, held_tail, held_count;
	uint8_t mac[6];
	uint8_t state; /* enum dst_state */
	uint8_t hop_limit;
	uint8_t no_route;
	uint8_t ecn_losses; /* connections in a row whose SYN found an answer only when it did not ask for ECN (dst.c) */
	uint8_t pad[2];
	uint64_t ecn_off_until_ns; /* no SYN asks for it before that */
	struct dst_fastopen fastopen;
};

/* ---- local ports ---- */

struct port_use {	    /* of one address index and port */
	uint32_t refs;	    /* connections, TIME-WAIT entries, listeners, the pool */
	uint16_t listeners; /* of which listeners */
	uint16_t pooled;    /* of which the pool */
};

/* Ports of one address that are kept reserved for coming connects (ports.c): in blocks of region.pool_port. */
struct port_pool {
	uint32_t count;
	uint8_t block[REGION_PORT_BLOCKS];
};

/* ---- TCP MD5 signatures (md5.c) ---- */

#define REGION_MD5_KEYS 64

struct md5_key {
	struct xtcp_addr addr; /* of the peer */
	uint8_t bits;	       /* of addr that count; 96 more than of an IPv4 address */
	uint8_t len;
	uint8_t key[MD5_KEY_MAX];
};

#define REGION_AO_KEYS 64

/* ---- the header ---- */

struct region {
	uint64_t magic;
	uint32_t version;
	uint32_t header_bytes;
	uint64_t bytes; /* of the whole region */
	struct engine_place place;
	uint64_t off_colds; /* struct tcp_cold of each connection, in the order of conns */
	uint64_t off_aos; /* struct ao_conn likewise, and then of each TIME-WAIT entry; touched by who is signed only */
	uint64_t off_demux, off_listen_heads, off_dst_heads, off_port_use, off_frames, off_area, off_mem;
	struct engine_conf conf;
	uint64_t now_ns;
	uint64_t hash_key[2];
	uint64_t random;
	/* each engine's turn */
	struct pool conns;
	struct pool tws;
	struct pool listeners;
	struct pool dsts;
	struct pool helds;
	uint32_t demux_mask;
	uint32_t demux_used;
	uint32_t dst_mask;
	uint32_t routes_gen;
	struct list ready; /* connections with events */
	struct list ready_listeners;
	struct list dirty;   /* connections to be looked at in the output phase */
	struct list tw_list; /* oldest first */
	struct list dst_lru;
	/* the host */
	struct xtcp_addr addr[XTCP_MAX_ADDRS];
	uint64_t addrs;	   /* bit n: addr[n] is ours */
	uint32_t link_mtu; /* bytes; 0: not yet known */
	uint8_t link_mac[6];
	uint8_t link_up;
	uint8_t pad;
	uint32_t port_refs; /* sum over all of port_use, for engine_check */
	struct md5_key md5_key[REGION_MD5_KEYS];
	uint32_t md5_keys;  /* in use */
	uint32_t ao_on;	    /* segments are looked at for TCP-AO: there is a key, or was one, or ao_strict */
	uint32_t ao_strict; /* TCP-AO for which there is no key is not ignored: the segment is dropped */
	struct ao_mkt ao_mkt[REGION_AO_KEYS]; /* oldest first */
	uint32_t ao_keys;		      /* in use */
	uint32_t pool_ports;		      /* of all addresses */
	struct port_pool port_pool[XTCP_MAX_ADDRS];
	uint64_t pool_blocks[REGION_PORT_BLOCKS / 64]; /* bit n: block n is some address's */
	uint16_t pool_port[REGION_PORT_POOL];	       /* host order */
	uint32_t port_next[REGION_PORT_NEXT]; /* where in the pool a connect to such a destination begins (connect.c) */
	/* memory (pressure.c) */
	uint64_t mem_pass_ns;  /* not before then again */
	uint64_t mem_failures; /* failed allocations that have been seen to */
	uint64_t mem_pressed;
	uint32_t tx_blocked; /* the last output pass ended for want of room */
	int32_t gone;	     /* errno once the link is gone */
	uint64_t stats[XTCP_USER_STATS];
	struct wheel wheel;
};

/* Map a region for the configuration and fill in its header. */
int region_create(const struct engine_conf *conf, struct region **out, int *fd);
/* Map one that another process has made, and whose descriptor was handed over. The descriptor stays the caller's. */
int region_open(int fd, struct region **out);
/* All of it but the frames' memory as region_create() left it. */
void region_restart(struct region *r, int fd);
void region_destroy(struct region *r, int fd);

static inline void *region_at(struct region *r, uint64_t off)
{
	return (uint8_t *)r + off;
}

static inline void *pool_at(struct region *r, const struct pool *p, uint32_t ref)
{
	return (uint8_t *)r + p->off + (size_t)(ref - 1) * p->stride;
}

/* An element with undefined contents (zero when fresh), or 0. */
uint32_t pool_take(struct region *r, struct pool *p);
void pool_give(struct region *r, struct pool *p, uint32_t ref);
/* True when the free list and the counts agree. */
bool pool_check(struct region *r, const struct pool *p);

#endif
