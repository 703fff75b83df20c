/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * simport.h - a port in memory (io/port.h): the place of AF_XDP in a simulation, with
 * its rings, its chunk accounting and its habit of giving memory a new use at once:
 * what a chunk held is overwritten when it is given back, so that who looks later
 * is noticed.
 */
#ifndef SIM_SIMPORT_H
#define SIM_SIMPORT_H

#include "io/port.h"

#define SIMPORT_RX_RING 1024 /* frames, a power of two */
#define SIMPORT_TX_RING 1024 /* chunks, a power of two, more than any tx_max */
#define SIMPORT_HEADROOM 256
#define SIMPORT_FRAME_MAX 9100

/* A frame leaves; data is the receiver's to change, valid during the call. */
typedef void (*simport_send_fn)(void *arg, uint8_t *data, uint32_t len);

struct simport {
	struct io_port port; /* first: the ops cast */
	simport_send_fn send;
	void *arg;
	uint32_t fill_max; /* chunks */
	uint32_t tx_max;   /* chunks */
	uint32_t fill[SIMPORT_RX_RING];
	uint32_t fill_count;
	struct io_pkt rx[SIMPORT_RX_RING];
	uint32_t rx_head, rx_count;
	struct { /* committed, not yet flushed; then sent, not yet completed */
		uint32_t chunk, len;
		uint32_t more;	     /* not the last of its frame */
		uint32_t csum_start; /* of the first: as in struct io_pkt */
		uint64_t sent_ns;
		const uint8_t *data;
	} tx[SIMPORT_TX_RING];
	uint32_t tx_done, tx_sent, tx_tail; /* free-running: completed, sent, committed */
	uint32_t tx_out;		    /* reserved, committed or sent */
	uint64_t rx_dropped;		    /* no chunk or ring slot */
	uint64_t bad;			    /* broken promises of the engine */
	bool going_apart;		    /* send() is called by tx_gso() */
	const uint64_t *clock; /* frames are complete complete_ns after they were sent; NULL: at the next flush */
	uint64_t complete_ns;
	uint8_t buf[SIMPORT_FRAME_MAX];
};

void simport_open(struct simport *s, struct io_frames *frames, uint8_t *area, uint32_t mtu, uint32_t fill_max,
		  uint32_t tx_max);
/* tx_gso; the port's gso_bytes says whether the engine makes use of it (simgso.c). */
int simport_gso(struct io_port *port, const struct io_pkt *pkt, const struct io_gso *how);
/* A frame arrives. False: dropped, the engine is too slow. meta NULL: none. */
bool simport_deliver(struct simport *s, const uint8_t *data, uint32_t len, const struct xtcp_meta *meta);

#endif
