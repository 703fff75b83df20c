/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* xsk_port.h - the AF_XDP port's own structures, shared by xsk.c and xsk_open.c only. */
#ifndef IO_XSK_PORT_H
#define IO_XSK_PORT_H

#include <string.h>
#include <xdp/xsk.h>
#include "io/xdp_uapi.h"
#include "io/xsk.h"
#include "io/xsk_setup.h"

/* A frame whose last fragment has not come yet; its chunks still count as in_fill. */
struct xsk_partial {
	uint32_t nfrags;
	uint32_t len;  /* bytes so far */
	bool dropping; /* too many fragments: throw away until its end */
	struct io_frag frag[IO_MAX_FRAGS];
};

struct xsk_queue {
	struct xsk_ring_cons rx;
	struct xsk_ring_prod fill;
	uint32_t fill_want;  /* chunks the kernel is to have for receiving */
	uint32_t fill_batch; /* chunks owed before the fill ring is touched */
	uint32_t in_fill;
	int fd;	     /* that of sock */
	uint16_t id; /* receive queue of the interface */
	struct xsk_setup sock;
	struct xsk_ring_cons unused_comp; /* every queue must have one; all sending goes over the first */
	struct xsk_partial partial;
};

struct xsk_port {
	struct io_port port; /* first: the ops cast */
	uint64_t chunk_mask; /* chunk_size - 1 */
	uint32_t shift;	     /* log2(chunk_size) */
	uint32_t queues;
	uint32_t rx_next; /* queue the next rx() starts with */
	uint32_t tx_out;  /* descriptors reserved, committed or not yet completed */
	uint32_t tx_max;  /* limit of tx_out */
	uint32_t tx_frags_max;
	uint32_t tx_off; /* bytes from a chunk's start to the data of a frame to be sent: TX metadata, or 0 */
	bool zero_copy;
	bool multi_buffer;
	bool busy_poll;
	struct xsk_ring_prod tx; /* of queue 0 */
	struct xsk_ring_cons comp;
	int gso_fd;	      /* super-segments leave by it; -1: none do */
	uint64_t rx_too_long; /* frames of more than IO_MAX_FRAGS fragments, dropped */
	struct xsk_queue q[];
};

extern const struct io_port_ops xsk_port_ops;

/* Where a received frame's metadata would be: make sure there is none. */
static inline void xsk_clear_meta(uint8_t *chunk)
{
	memset(chunk + XDP_UAPI_HEADROOM - sizeof(struct xtcp_meta), 0, sizeof(uint32_t));
}

/* All chunks on the free stack, lowest on top. */
void xsk_frames_init(struct io_frames *f, uint8_t *area);
/* First filling of the fill rings. */
void xsk_port_fill(struct xsk_port *x);
/* Close the sockets, as far as they were opened; the UMEM goes with the last. */
void xsk_port_teardown(struct xsk_port *x);

#endif
