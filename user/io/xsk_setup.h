/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * xsk_setup.h - AF_XDP sockets and their rings by the kernel's own calls: libxdp 1.3 registers no UMEM with TX metadata. The rings
 * are libxdp's, for its inline functions. For xsk_open.c only; 0 or -errno, without fail().
 */
#ifndef IO_XSK_SETUP_H
#define IO_XSK_SETUP_H

#include <stddef.h>
#include <stdint.h>
#include <xdp/xsk.h>

enum { XSK_RING_RX, XSK_RING_TX, XSK_RING_FILL, XSK_RING_COMP, XSK_RINGS };

struct xsk_setup {
	int fd; /* -1: none */
	struct {
		void *at; /* NULL: none */
		size_t bytes;
	} map[XSK_RINGS];
};

struct xsk_setup_rings {
	struct xsk_ring_cons *rx;
	struct xsk_ring_prod *tx; /* NULL: this socket does not send */
	struct xsk_ring_prod *fill;
	struct xsk_ring_cons *comp;
	uint32_t rx_size, tx_size; /* descriptors, powers of two; fill is as rx, comp as tx */
};

/* A socket that has its rings, and is bound to nothing. */
int xsk_setup_open(struct xsk_setup *s, const struct xsk_setup_rings *r);
/* A socket that another process has set up: map its rings here too. The descriptor is s's from now on, also after an error. */
int xsk_setup_attach(struct xsk_setup *s, int fd, const struct xsk_setup_rings *r);
/* Its UMEM is this memory. meta_len: bytes of TX metadata in front of each frame, or 0; -EINVAL where the kernel has none. */
int xsk_setup_umem(const struct xsk_setup *s, void *area, uint64_t bytes, uint32_t chunk_size, uint32_t meta_len);
/* umem_of: the socket, bound already, whose UMEM and way of binding it shares; NULL: it has its own, and flags say how. */
int xsk_setup_bind(const struct xsk_setup *s, int ifindex, uint32_t queue, uint16_t flags,
		   const struct xsk_setup *umem_of);
/* Whatever of it there is. */
void xsk_setup_close(struct xsk_setup *s);

#endif
