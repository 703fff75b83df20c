/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * xsk_share.h - one AF_XDP port in several processes. Each has the sockets (the same open files), maps their rings, and has a
 * struct io_port of its own; they take turns under a lock of theirs. What a turn leaves behind besides the rings is
 * a struct xsk_state in memory that all of them map: who has the lock next begins with it.
 */
#ifndef IO_XSK_SHARE_H
#define IO_XSK_SHARE_H

#include "io/xsk.h"

/* What does not change while the port is open. */
struct xsk_desc {
	uint32_t queues;
	uint32_t first_queue;
	uint32_t rx_ring, tx_ring; /* descriptors */
	uint32_t fill_want, fill_batch;
	uint32_t tx_max, tx_frags_max;
	uint32_t zero_copy, multi_buffer, busy_poll;
	uint32_t tx_off, tx_csum;
};

/* What does. */
struct xsk_state {
	uint32_t tx_out;
	uint32_t rx_next;
	uint32_t mtu;
	uint32_t gso_bytes;
	uint32_t gso_apart;
	uint32_t tx_committed;
	uint64_t rx_too_long;
	struct {
		uint32_t in_fill;
		uint32_t nfrags; /* of a frame whose last fragment has not come yet */
		uint32_t len;
		uint32_t dropping;
		struct {
			uint64_t addr; /* in the area */
			uint32_t len;
		} frag[IO_MAX_FRAGS];
	} q[XTCP_MAX_QUEUES];
};

/* The descriptors that another process needs: one of each queue, then that of super-segments, -1 if there is none. Returns how many. */
int xsk_share(struct io_port *port, struct xsk_desc *out, int *fds, int max);
/* The port of another process. The descriptors are its own from now on. 0 or -errno with fail(). */
int xsk_attach(struct io_port **out, const struct xsk_desc *desc, const int *fds, struct io_frames *frames,
	       uint8_t *area);
/* Let go of it, and close the descriptors in this process: the port goes on for the others. */
void xsk_leave(struct io_port *port);

/* Between turns, under the lock: leave the state to the next; take it over from the last. */
void xsk_export(struct io_port *port, struct xsk_state *to);
void xsk_import(struct io_port *port, const struct xsk_state *from);

/*
 * What was kept of the frames cannot be believed: find out from the rings which are the kernel's; all others are free. May wait for some
 * milliseconds, for what is being sent.
 */
void xsk_recover(struct io_port *port);

/* Frames wait to be received. Needs no lock: looks at the rings in shared memory only. */
bool xsk_rx_waiting(const struct io_port *port);

#endif
