/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * xsk.h - the AF_XDP port: one socket per receive queue over one UMEM that lies
 * in the caller's memory (the engine's memfd region).
 */
#ifndef IO_XSK_H
#define IO_XSK_H

#include "io/port.h"

enum xsk_mode { XSK_MODE_NATIVE, XSK_MODE_GENERIC };

struct xsk_conf {
	const char *ifname;
	int ifindex;
	enum xsk_mode mode;	  /* how the XDP program is attached */
	uint32_t mtu;		  /* bytes; above one chunk multi-buffer is used */
	uint32_t queue;		  /* first receive queue */
	uint32_t queues;	  /* how many, 1 .. XTCP_MAX_QUEUES */
	bool force_copy;	  /* do not try zero-copy */
	bool gso;		  /* super-segments may be sent past AF_XDP, in copy mode */
	bool tx_csum[2];	  /* leave checksums to the kernel in copy mode, and to the device with zero-copy */
	int xsks_map_fd;	  /* map "xsks": each socket is entered at its queue */
	struct io_frames *frames; /* chunk_size and chunks set by the caller; the rest is initialised here */
	uint8_t *area;
	uint32_t rx_ring; /* descriptors, a power of two; 0: 4096 */
	uint32_t tx_ring; /* 0: 2048 */
};

/* What was got, for `doctor`, -v and status. */
struct xsk_info {
	bool zero_copy;
	bool multi_buffer;
	bool need_wakeup;
	uint32_t queue; /* the first */
	uint32_t queues;
	bool gso;
	bool tx_csum; /* checksums are left to device or kernel: it was to be, and the kernel has TX metadata */
};

/*
 * Bytes of a chunk: half a page where a frame of the link's MTU fits into one, behind what the kernel keeps free in front of it, which
 * halves the memory of frames. Not in generic mode: it brings super-segments, whose IO_MAX_FRAGS chunks must hold 64 KB.
 */
uint32_t xsk_chunk_size(enum xsk_mode mode, uint32_t mtu);
#define XSK_CHUNK_MAX 4096u

/*
 * Open the sockets. 0, or -errno with fail(): -EBUSY a queue is taken by another
 * program, -EPERM no CAP_NET_RAW/CAP_BPF, -EMSGSIZE the MTU does not fit the mode,
 * -ENOMEM locked-memory limit, -ENODEV, -ENOTSUP no AF_XDP.
 */
int xsk_open(struct io_port **out, const struct xsk_conf *conf, struct xsk_info *info);

/* Whether super-segments are sent from now on, if they can be at all; apart: there are several transmit queues. */
void xsk_set_gso(struct io_port *port, bool on, bool apart);

/*
 * From now on rx() polls the device where it finds nothing, instead of waiting for interrupts (SO_PREFER_BUSY_POLL, Linux 5.11).
 * 0 or -errno with fail().
 */
int xsk_busy_poll(struct io_port *port);

/* Kernel's view of dropped frames (XDP_STATISTICS), summed over queues. */
struct xsk_kernel_stats {
	uint64_t rx_dropped;
	uint64_t rx_ring_full;
	uint64_t fill_ring_empty;
	uint64_t rx_invalid_descs;
	uint64_t tx_invalid_descs;
};
int xsk_kernel_stats(struct io_port *port, struct xsk_kernel_stats *out);

#endif
