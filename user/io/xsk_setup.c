// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* xsk_setup.c - see xsk_setup.h; Documentation/networking/af_xdp.rst in the kernel's sources tells the order of the calls. */
#include "io/xsk_setup.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include "io/xdp_uapi.h"

static const struct {
	int option;
	off_t page;
	size_t entry; /* bytes */
} kinds[XSK_RINGS] = {
	[XSK_RING_RX] = { XDP_RX_RING, XDP_PGOFF_RX_RING, sizeof(struct xdp_desc) },
	[XSK_RING_TX] = { XDP_TX_RING, XDP_PGOFF_TX_RING, sizeof(struct xdp_desc) },
	[XSK_RING_FILL] = { XDP_UMEM_FILL_RING, (off_t)XDP_UMEM_PGOFF_FILL_RING, sizeof(uint64_t) },
	[XSK_RING_COMP] = { XDP_UMEM_COMPLETION_RING, (off_t)XDP_UMEM_PGOFF_COMPLETION_RING, sizeof(uint64_t) },
};

/* made: another process has done so, it is only to be mapped. */
static int make_ring(struct xsk_setup *s, int kind, uint32_t size, const struct xdp_ring_offset *off, bool made)
{
	size_t bytes = off->desc + size * kinds[kind].entry;
	void *at;

	if (!made && setsockopt(s->fd, SOL_XDP, kinds[kind].option, &size, sizeof(size)))
		return -errno;
	at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, s->fd, kinds[kind].page);
	if (at == MAP_FAILED)
		return -errno;
	s->map[kind].at = at;
	s->map[kind].bytes = bytes;
	return 0;
}

/* Both kinds of ring look the same in memory; a producer counts its consumer one round ahead. */
#define POINT(to, map, off, n, ahead)                                 \
	do {                                                          \
		uint8_t *at_ = (map);                                 \
                                                                      \
		(to)->size = (n);                                     \
		(to)->mask = (n)-1;                                   \
		(to)->producer = (uint32_t *)(at_ + (off)->producer); \
		(to)->consumer = (uint32_t *)(at_ + (off)->consumer); \
		(to)->flags = (uint32_t *)(at_ + (off)->flags);       \
		(to)->ring = at_ + (off)->desc;                       \
		(to)->cached_prod = *(to)->producer;                  \
		(to)->cached_cons = *(to)->consumer + (ahead);        \
	} while (0)

static int make_rings(struct xsk_setup *s, const struct xsk_setup_rings *r, bool made)
{
	struct xdp_mmap_offsets off = { 0 };
	socklen_t len = sizeof(off);
	int err;

	if (getsockopt(s->fd, SOL_XDP, XDP_MMAP_OFFSETS, &off, &len))
		return -errno;
	if (len != sizeof(off))
		return -EOPNOTSUPP; /* before Linux 5.4: no flags in the rings */
	if ((err = make_ring(s, XSK_RING_FILL, r->rx_size, &off.fr, made)) ||
	    (err = make_ring(s, XSK_RING_COMP, r->tx_size, &off.cr, made)) ||
	    (err = make_ring(s, XSK_RING_RX, r->rx_size, &off.rx, made)) ||
	    (r->tx && (err = make_ring(s, XSK_RING_TX, r->tx_size, &off.tx, made))))
		return err;
	POINT(r->fill, s->map[XSK_RING_FILL].at, &off.fr, r->rx_size, r->rx_size);
	POINT(r->comp, s->map[XSK_RING_COMP].at, &off.cr, r->tx_size, 0);
	POINT(r->rx, s->map[XSK_RING_RX].at, &off.rx, r->rx_size, 0);
	if (r->tx)
		POINT(r->tx, s->map[XSK_RING_TX].at, &off.tx, r->tx_size, r->tx_size);
	return 0;
}

int xsk_setup_open(struct xsk_setup *s, const struct xsk_setup_rings *r)
{
	int err;

	memset(s, 0, sizeof(*s));
	s->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		return -errno;
	err = make_rings(s, r, false);
	if (err)
		xsk_setup_close(s);
	return err;
}

int xsk_setup_attach(struct xsk_setup *s, int fd, const struct xsk_setup_rings *r)
{
	int err;

	memset(s, 0, sizeof(*s));
	s->fd = fd;
	err = make_rings(s, r, true);
	if (err)
		xsk_setup_close(s);
	return err;
}

int xsk_setup_umem(const struct xsk_setup *s, void *area, uint64_t bytes, uint32_t chunk_size, uint32_t meta_len)
{
	struct xdp_uapi_umem_reg reg = {
		.addr = (uintptr_t)area,
		.len = bytes,
		.chunk_size = chunk_size,
		.flags = meta_len ? XDP_UMEM_TX_METADATA_LEN : 0,
		.tx_metadata_len = meta_len,
	};

	/* A kernel that knows less of it reads less of it. */
	return setsockopt(s->fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)) ? -errno : 0;
}

int xsk_setup_bind(const struct xsk_setup *s, int ifindex, uint32_t queue, uint16_t flags,
		   const struct xsk_setup *umem_of)
{
	struct sockaddr_xdp to = {
		.sxdp_family = AF_XDP,
		.sxdp_flags = umem_of ? XDP_SHARED_UMEM : flags,
		.sxdp_ifindex = (uint32_t)ifindex,
		.sxdp_queue_id = queue,
		.sxdp_shared_umem_fd = umem_of ? (uint32_t)umem_of->fd : 0,
	};

	return bind(s->fd, (struct sockaddr *)&to, sizeof(to)) ? -errno : 0;
}

void xsk_setup_close(struct xsk_setup *s)
{
	for (int i = 0; i < XSK_RINGS; i++)
		if (s->map[i].at)
			munmap(s->map[i].at, s->map[i].bytes);
	if (s->fd >= 0)
		close(s->fd);
	memset(s, 0, sizeof(*s));
	s->fd = -1;
}
