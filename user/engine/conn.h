/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * conn.h - a connection as the engine keeps it: the core's state and our own
 * links around it. In the region; all references are index + 1, 0 is none.
 *
 * Life: taken -> hashed (its segments find it) -> [half-open -> accept queue ->]
 * application -> closed -> unhashed -> freed. An active one belongs to the
 * application from the start. What is CLOSED keeps its slot until the
 * application closes the handle, but leaves the hash and its port at once.
 *
 * One pair of links serves three lists, of which a connection is in one at the
 * most: half-open and accept queue of its listener (not the application's yet)
 * and ready for events (the application's).
 */
#ifndef ENGINE_CONN_H
#define ENGINE_CONN_H

#include "engine/wheel.h"
#include "tcp/tcp.h"

enum { /* conn->life */
       CONN_USED = 1u << 0,
       CONN_HASHED = 1u << 1,	 /* in the demux hash, holds a reference to its port */
       CONN_APP = 1u << 2,	 /* the application holds the handle */
       CONN_HALF = 1u << 3,	 /* in its listener's half-open list */
       CONN_QUEUED = 1u << 4,	 /* in its listener's accept queue */
       CONN_READY = 1u << 5,	 /* in the ready list */
       CONN_DIRTY = 1u << 6,	 /* in the dirty list */
       CONN_FLOW = 1u << 7,	 /* in the XDP half's flow table */
       CONN_GONE = 1u << 8,	 /* closed by the application: freed when the core is done */
       CONN_FAST = 1u << 9,	 /* counts as pending at its listener: data of its SYN was taken (fastopen.c) */
       CONN_WAITED = 1u << 10,	 /* its ACK has waited a turn for what the application does (output.c) */
       CONN_APART = 1u << 11,	 /* what it has in flight left the way of super-segments (output.c) */
       CONN_DEFERRED = 1u << 12, /* established, and half-open for its listener until data comes (listen.c) */
       CONN_WHOLE = 1u << 13,	 /* checksums of its text are whole ones, on a link where they need not be (input.c) */
};

struct conn {
	struct tcp_conn tcp;
	uint64_t user;
	struct wheel_node timer;
	uint32_t generation; /* half of the handle; changes when the handle dies */
	uint32_t life;	     /* CONN_* */
	uint32_t hash;	     /* of the four-tuple */
	uint32_t dst;	     /* its destination (dst.c) */
	uint32_t listener;   /* whose half-open list or accept queue it is in, or that counts it as pending */
	uint32_t next, prev; /* half-open, accept, ready; next also: free list */
	uint32_t dirty_next;
	uint32_t addr_index; /* of the local address */
	uint32_t tx_mark;    /* the port's tx_committed when text of it last went by the ring; with gso_apart only */
} __attribute__((aligned(64)));

struct tw { /* TIME-WAIT; list in order of expiry */
	struct tcp_tw tcp;
	uint32_t hash;
	uint32_t addr_index;
	uint32_t next, prev;
	bool ao; /* signed with TCP-AO: it has its struct ao_conn */
};

enum listener_kind {
	LISTEN_ANY = 1,
	LISTEN_ANY_V4 = 2,
	LISTEN_ANY_V6 = 3,
	LISTEN_EXACT = 4
}; /* the higher is more specific */

struct list {
	uint32_t head, tail, count;
};

struct listener {
	struct xtcp_addr addr; /* LISTEN_EXACT */
	uint64_t covers;       /* address indices whose port it holds */
	uint64_t user;
	struct list half_open;	/* of connections in SYN-RECEIVED, or deferred */
	struct list accept;	/* of connections that wait to be accepted */
	uint64_t fast_since_ns; /* when the newer of fast_resets began */
	uint64_t fast_key[2];	/* Fast Open: its own key; with fast_keyed */
	uint32_t backlog;
	uint32_t syn_queue;
	uint32_t defer_ms;	 /* how long to wait for data before a connection can be accepted; 0: not */
	uint32_t fast_max;	 /* Fast Open: most that may be pending; 0: off */
	uint32_t fast_pending;	 /* CONN_FAST connections */
	uint32_t fast_resets[2]; /* pending ones that were reset: in this minute, in the one before */
	uint32_t generation;
	uint32_t next, prev; /* ready; next also: free list */
	uint32_t port_next;  /* chain of the port */
	uint16_t port;	     /* host order */
	uint16_t mss_cap;    /* of its connections; 0: none */
	uint8_t kind;	     /* enum listener_kind; 0: free */
	uint8_t ready;	     /* in the list of listeners with an event */
	bool fast_keyed;
	bool fast_bare; /* Fast Open: no cookie is asked for */
};

/* Handles. Listeners have the top bit of the lower half. */
#define HANDLE_LISTENER 0x80000000u

static inline uint64_t handle_make(uint32_t generation, uint32_t low)
{
	return (uint64_t)generation << 32 | low;
}

#endif
