/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * port.h - where an engine's frames come from and go to. AF_XDP (xsk.c) is one
 * port; the simulator is another; the engine cannot tell them apart.
 *
 * Frames are chunks of one area that lies in the engine's region. Every chunk
 * is at any moment in exactly one place: the free stack, a fill ring, a transmit
 * ring, or held (received and not yet released, or reserved and not yet
 * committed). io_port_ops.lost counts chunks that are nowhere: always 0.
 *
 * Not thread-safe: one engine, one port, one thread at a time.
 */
#ifndef IO_PORT_H
#define IO_PORT_H

#include <stdbool.h>
#include <stdint.h>
#include "xtcp/shared.h"

#define IO_MAX_FRAGS 18 /* chunks of one frame: 65,014 bytes need 17 of 3,840 on receive */
#define IO_BURST 64	/* frames of one rx() at the most */

struct io_frag {
	uint8_t *data;
	uint32_t len;	/* bytes */
	uint32_t chunk; /* index of the chunk in the area */
};

/* One frame. frag[0] holds all headers. Received: metadata lies at data - sizeof(struct xtcp_meta). */
struct io_pkt {
	uint32_t nfrags;
	uint32_t len;	   /* bytes in all fragments */
	uint16_t queue;	   /* receive queue it came from */
	uint16_t has_meta; /* 1: a struct xtcp_meta with the right magic stands in front (already cleared there) */
	uint16_t
		csum_start; /* to be sent: of the TCP header, whose checksum is left to the port (tx_csum); 0: it is there */
	struct xtcp_meta meta; /* a copy of it */
	struct io_frag frag[IO_MAX_FRAGS];
};

/* How a super-segment is to be cut up. */
#define IO_GSO_FRAGS 3 /* its headers, and its text in at most two pieces */
struct io_gso {
	uint16_t size;	 /* bytes of text of each segment; 0: it is one */
	uint16_t l4_off; /* of the TCP header, which holds the pseudo-header's sum in its checksum field */
	bool v6;
	bool cwr; /* CWR goes with the first segment only (RFC 3168) */
};

/*
 * The free chunks and counters, in the region; indices only. The stack has two ends: what was sent is put on its top and taken from
 * there, what was received at its bottom. So a frame to be sent is written where the last ones were, which the caches still have, and
 * not in one of the thousands that go round by the fill ring.
 */
struct io_frames {
	uint32_t chunk_size; /* bytes, a power of two */
	uint32_t chunks;
	uint32_t free; /* entries of stack[] in use, from bottom on */
	uint32_t held; /* handed to the engine */
	uint32_t in_fill;
	uint32_t in_tx;
	uint32_t bottom;
	uint32_t pad;
	uint32_t stack[]; /* chunks entries */
};

struct io_port;

struct io_port_ops {
	/* Receive up to max (<= IO_BURST) frames; never blocks. Returns how many. Refills the fill ring too. */
	int (*rx)(struct io_port *, struct io_pkt *pkts, int max);
	/* The engine is done with received frames: their chunks are free again. */
	void (*rx_release)(struct io_port *, struct io_pkt *pkts, int n);
	/* Chunks (and ring slots) that tx_reserve could take now: ask before making a segment. */
	uint32_t (*tx_room)(struct io_port *);
	/*
	 * Room for one frame of up to len bytes: sets nfrags, and for each fragment data
	 * and len (its capacity), csum_start to 0. The engine fills them front to back, sets len of the last
	 * one and pkt->len. 0, or -ENOBUFS when no chunk or ring slot is left (nothing taken).
	 */
	int (*tx_reserve)(struct io_port *, struct io_pkt *pkt, uint32_t len);
	/* Queue a reserved frame for sending, in order. Always succeeds: the slot was reserved. */
	void (*tx_commit)(struct io_port *, const struct io_pkt *pkt);
	/* Give a reserved frame back unsent. */
	void (*tx_cancel)(struct io_port *, const struct io_pkt *pkt);
	/* One doorbell for all committed frames; collects completions. 0, or -errno when the link is gone. */
	int (*tx_flush)(struct io_port *);
	/*
	 * With gso_bytes only. Send a super-segment at once, or with size 0 a single one; what was committed before is given to the
	 * device first. frag[0] holds the headers, the others the text, none of them chunks. 0, or -errno: it was not sent.
	 */
	int (*tx_gso)(struct io_port *, const struct io_pkt *pkt, const struct io_gso *how);
	/* True when frames wait to be received (looks at the ring only: no system call). */
	bool (*rx_pending)(struct io_port *);
	/* Descriptors to poll for readability while idle; returns how many (<= max). 0 for a simulated port. */
	int (*fds)(struct io_port *, int *fds, int max);
	/* Chunks that are in no place: area size minus free, fill, transmit and held. */
	uint32_t (*lost)(struct io_port *);
	void (*close)(struct io_port *);
};

struct io_port {
	const struct io_port_ops *ops;
	struct io_frames *frames;
	uint8_t *area;	    /* chunks * chunk_size bytes, page-aligned */
	uint32_t mtu;	    /* largest IP packet sent or received, bytes */
	uint32_t gso_bytes; /* most text of a super-segment; 0: it takes none */
	/* Chunks of all frames that were ever committed, modulo 2^32. They are completed in order: the last frames->in_tx are not. */
	uint32_t tx_committed;
	bool gso_apart; /* what tx_gso() sends may overtake committed frames that are not completed, and be overtaken by others */
	bool tx_csum; /* it fills in TCP checksums: the field holds the pseudo-header's sum, and csum_start is set */
};

#endif
