// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * xsk.c - the AF_XDP port's data path: rings against the free stack. Opening
 * and its errors are in xsk_open.c.
 *
 * Invariants:
 * - free + held + in_fill + in_tx == chunks at every return (xsk_lost() == 0).
 * - The stack's bottom is the number of chunks that are in_fill or held from there; so its top is at most chunks.
 *   in_fill is all the kernel may write to: fill ring, receive ring, and the
 *   fragments of a frame whose last one has not come yet.
 * - Each queue has at most fill_want chunks in in_fill, never more than its fill
 *   or receive ring has entries: producing into the fill ring cannot fail.
 * - tx_out counts descriptors reserved, committed or not yet completed. It stays
 *   within the transmit and the completion ring, so neither commit nor the
 *   kernel's completion can find its ring full, in whatever order frames that
 *   were reserved are committed.
 * - Receiving can use at most three quarters of the chunks, sending too.
 * - A chunk that leaves the transmit side has no metadata magic in it: payload
 *   cannot pass as metadata of a later frame.
 *
 * Nothing here allocates or locks. System calls: one sendto() a flush, and
 * wake-ups where the driver asks for them (zero-copy only).
 */
#include "io/xsk_port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "io/gso.h"
#include "io/xdp_uapi.h"
#include "xtcp/wire.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define RX_AHEAD 6	/* frames whose memory is asked for before it is needed */
#define REFILL_BATCH 64 /* chunks owed to a fill ring before it is touched */

static inline void put_sent(struct io_frames *f, uint32_t chunk)
{
	f->stack[f->bottom + f->free++] = chunk;
}

static inline uint32_t take_to_send(struct io_frames *f)
{
	return f->stack[f->bottom + --f->free];
}

static inline void put_received(struct io_frames *f, uint32_t chunk)
{
	f->stack[--f->bottom] = chunk;
	f->free++;
}

static inline uint32_t take_to_receive(struct io_frames *f)
{
	f->free--;
	return f->stack[f->bottom++];
}

/* Put chunks into the fill ring once enough are owed. */
static void refill(struct xsk_port *x, struct xsk_queue *q)
{
	struct io_frames *f = x->port.frames;
	uint32_t n = q->fill_want - q->in_fill;
	uint32_t i;

	if (likely(n < q->fill_batch))
		return;
	if (n > f->free)
		n = f->free;
	if (!n)
		return;
	for (i = 0; i < n; i++) {
		uint64_t addr = (uint64_t)take_to_receive(f) << x->shift;

		*xsk_ring_prod__fill_addr(&q->fill, q->fill.cached_prod++) = addr;
	}
	xsk_ring_prod__submit(&q->fill, n);
	q->in_fill += n;
	f->in_fill += n;
}

static inline void set_frag(const struct xsk_port *x, struct io_frag *frag, const struct xdp_desc *d)
{
	frag->data = x->port.area + d->addr;
	frag->len = d->len;
	frag->chunk = (uint32_t)(d->addr >> x->shift);
}

/* Take the metadata in front of the first fragment, and leave none behind. */
static inline void take_meta(const struct xsk_port *x, struct io_pkt *pkt)
{
	uint8_t *at = pkt->frag[0].data - sizeof(pkt->meta);
	uint32_t magic;

	pkt->has_meta = 0;
	if (unlikely(((uintptr_t)(pkt->frag[0].data - x->port.area) & x->chunk_mask) < sizeof(pkt->meta)))
		return;
	memcpy(&magic, at, sizeof(magic));
	if (unlikely(magic != XTCP_META_MAGIC))
		return;
	memcpy(&pkt->meta, at, sizeof(pkt->meta));
	memset(at, 0, sizeof(magic));
	pkt->has_meta = 1;
}

/* Add a fragment to the queue's unfinished frame. True: frame complete in *pkt. */
static __attribute__((noinline)) bool rx_fragment(struct xsk_port *x, struct xsk_queue *q, const struct xdp_desc *d,
						  struct io_pkt *pkt)
{
	struct io_frames *f = x->port.frames;
	struct xsk_partial *p = &q->partial;
	uint32_t i;

	if (p->nfrags < IO_MAX_FRAGS && !p->dropping) {
		set_frag(x, &p->frag[p->nfrags], d);
		p->len += d->len;
		p->nfrags++;
	} else {
		put_received(f, (uint32_t)(d->addr >> x->shift));
		f->in_fill--;
		q->in_fill--;
		p->dropping = true;
	}
	if (d->options & XDP_PKT_CONTD)
		return false;
	f->in_fill -= p->nfrags;
	q->in_fill -= p->nfrags;
	if (p->dropping) {
		for (i = 0; i < p->nfrags; i++)
			put_received(f, p->frag[i].chunk);
		x->rx_too_long++;
	} else {
		f->held += p->nfrags;
		pkt->nfrags = p->nfrags;
		pkt->len = p->len;
		pkt->queue = q->id;
		memcpy(pkt->frag, p->frag, p->nfrags * sizeof(p->frag[0]));
		take_meta(x, pkt);
	}
	i = !p->dropping;
	p->nfrags = 0;
	p->len = 0;
	p->dropping = false;
	return i;
}

static inline bool in_frame(const struct xsk_queue *q, const struct xdp_desc *d)
{
	return q->partial.nfrags || (d->options & XDP_PKT_CONTD);
}

/* Another processor wrote the frame: its metadata and headers have a long way to come. */
static inline void prefetch_frame(const struct xsk_port *x, const struct xsk_queue *q, uint32_t at)
{
	const uint8_t *data = x->port.area + xsk_ring_cons__rx_desc(&q->rx, q->rx.cached_cons + at)->addr;

	__builtin_prefetch(data - sizeof(struct xtcp_meta));
	__builtin_prefetch(data);
	__builtin_prefetch(data + 64);
}

/* Frames of one queue, max at the most. Returns how many. */
static inline int rx_queue(struct xsk_port *x, struct xsk_queue *q, struct io_pkt *pkts, int max)
{
	uint32_t avail = xsk_cons_nb_avail(&q->rx, q->rx.size);
	uint32_t used, single = 0;
	int n = 0;

	for (used = 0; used < avail && used < RX_AHEAD; used++)
		prefetch_frame(x, q, used);
	for (used = 0; used < avail && n < max; used++) {
		const struct xdp_desc *d = xsk_ring_cons__rx_desc(&q->rx, q->rx.cached_cons + used);
		struct io_pkt *pkt = &pkts[n];

		if (used + RX_AHEAD < avail)
			prefetch_frame(x, q, used + RX_AHEAD);
		if (unlikely(in_frame(q, d))) {
			n += rx_fragment(x, q, d, pkt);
			continue;
		}
		set_frag(x, &pkt->frag[0], d);
		pkt->nfrags = 1;
		pkt->len = d->len;
		pkt->queue = q->id;
		take_meta(x, pkt);
		single++;
		n++;
	}
	if (!used)
		return 0;
	q->rx.cached_cons += used;
	xsk_ring_cons__release(&q->rx, used);
	q->in_fill -= single;
	x->port.frames->in_fill -= single;
	x->port.frames->held += single;
	return n;
}

static int xsk_rx(struct io_port *port, struct io_pkt *pkts, int max)
{
	struct xsk_port *x = (struct xsk_port *)port;
	uint32_t i, at = x->rx_next;
	int n = 0;

	for (i = 0; i < x->queues && n < max; i++) {
		struct xsk_queue *q = &x->q[at];

		int got = rx_queue(x, q, pkts + n, max - n);

		n += got;
		refill(x, q);
		/* Only a driver with zero-copy ever asks. */
		if (unlikely(xsk_ring_prod__needs_wakeup(&q->fill) || (x->busy_poll && !got)))
			recvfrom(q->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
		at = at + 1 == x->queues ? 0 : at + 1;
	}
	x->rx_next = at;
	return n;
}

static void xsk_rx_release(struct io_port *port, struct io_pkt *pkts, int n)
{
	struct io_frames *f = port->frames;
	uint32_t j;
	int i;

	for (i = 0; i < n; i++) {
		for (j = 0; j < pkts[i].nfrags; j++)
			put_received(f, pkts[i].frag[j].chunk);
		f->held -= pkts[i].nfrags;
	}
}

/* Chunks the kernel has sent are free again. */
static void collect(struct xsk_port *x)
{
	struct io_frames *f = x->port.frames;
	uint32_t i, idx, n;

	n = xsk_ring_cons__peek(&x->comp, x->comp.size, &idx);
	if (!n)
		return;
	for (i = 0; i < n; i++) {
		uint64_t addr = *xsk_ring_cons__comp_addr(&x->comp, idx + i) & ~x->chunk_mask;

		xsk_clear_meta(x->port.area + addr);
		put_sent(f, (uint32_t)(addr >> x->shift));
	}
	xsk_ring_cons__release(&x->comp, n);
	f->in_tx -= n;
	x->tx_out -= n;
}

static uint32_t xsk_tx_room(struct io_port *port)
{
	struct xsk_port *x = (struct xsk_port *)port;
	uint32_t slots = x->tx_max - x->tx_out;

	if (unlikely(slots < IO_MAX_FRAGS || port->frames->free < IO_MAX_FRAGS)) {
		collect(x);
		slots = x->tx_max - x->tx_out;
	}
	return slots < port->frames->free ? slots : port->frames->free;
}

static int xsk_tx_reserve(struct io_port *port, struct io_pkt *pkt, uint32_t len)
{
	struct xsk_port *x = (struct xsk_port *)port;
	struct io_frames *f = port->frames;
	uint32_t i, n = 1, room = f->chunk_size - x->tx_off;

	if (unlikely(len > room)) {
		while (n * room < len)
			n++;
		if (n > x->tx_frags_max)
			return -EMSGSIZE;
	}
	if (unlikely(f->free < n || x->tx_out + n > x->tx_max)) {
		collect(x);
		if (f->free < n || x->tx_out + n > x->tx_max)
			return -ENOBUFS;
	}
	for (i = 0; i < n; i++) {
		struct io_frag *frag = &pkt->frag[i];

		frag->chunk = take_to_send(f);
		frag->data = port->area + ((size_t)frag->chunk << x->shift) + x->tx_off;
		frag->len = room;
	}
	f->held += n;
	x->tx_out += n;
	pkt->nfrags = n;
	pkt->len = len;
	pkt->queue = x->q[0].id;
	pkt->has_meta = 0;
	pkt->csum_start = 0;
	return 0;
}

/* The sum is left to the device, or to the kernel where that has none to leave it to. */
static inline uint32_t put_tx_meta(const struct xsk_port *x, const struct io_pkt *pkt)
{
	struct xdp_uapi_tx_meta *m = (struct xdp_uapi_tx_meta *)(pkt->frag[0].data - x->tx_off);

	m->flags = XDP_TXMD_FLAGS_CHECKSUM;
	m->csum_start = pkt->csum_start;
	m->csum_offset = WIRE_TCP_CSUM_OFF;
	return XDP_TX_METADATA;
}

static void xsk_tx_commit(struct io_port *port, const struct io_pkt *pkt)
{
	struct xsk_port *x = (struct xsk_port *)port;
	uint32_t i, n = pkt->nfrags, meta = pkt->csum_start ? put_tx_meta(x, pkt) : 0;

	for (i = 0; i < n; i++, meta = 0) {
		struct xdp_desc *d = xsk_ring_prod__tx_desc(&x->tx, x->tx.cached_prod++);

		d->addr = (uint64_t)(pkt->frag[i].data - port->area);
		d->len = pkt->frag[i].len;
		d->options = (i + 1 < n ? XDP_PKT_CONTD : 0) | meta; /* metadata goes with the first */
	}
	port->frames->held -= n;
	port->frames->in_tx += n;
	port->tx_committed += n;
}

static void xsk_tx_cancel(struct io_port *port, const struct io_pkt *pkt)
{
	struct xsk_port *x = (struct xsk_port *)port;
	uint32_t i;

	for (i = 0; i < pkt->nfrags; i++) {
		xsk_clear_meta(port->area + ((size_t)pkt->frag[i].chunk << x->shift));
		put_sent(port->frames, pkt->frag[i].chunk);
	}
	port->frames->held -= pkt->nfrags;
	x->tx_out -= pkt->nfrags;
}

/*
 * 1: call again, more was left than one call takes; 0: enough for this turn; -errno: link gone.
 * In copy mode sendto() itself sends; it stops after its budget with EAGAIN.
 */
static int kick(struct xsk_port *x)
{
	uint32_t before = __atomic_load_n(x->tx.consumer, __ATOMIC_ACQUIRE);
	bool ok;

	if (before == x->tx.cached_prod)
		return 0;
	if (x->zero_copy && !xsk_ring_prod__needs_wakeup(&x->tx))
		return 0;
	ok = sendto(x->q[0].fd, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0;
	if (!ok && errno != EAGAIN && errno != EBUSY && errno != ENOBUFS && errno != EINTR && errno != ENOMEM &&
	    errno != EOVERFLOW)
		return -errno;
	/* No progress (socket buffer or device queue full): the next turn tries again. */
	return !x->zero_copy && __atomic_load_n(x->tx.consumer, __ATOMIC_ACQUIRE) != before;
}

static int xsk_tx_flush(struct io_port *port)
{
	struct xsk_port *x = (struct xsk_port *)port;
	uint32_t turns = x->tx.size / XDP_UAPI_TX_BATCH + 1;
	int err;

	__atomic_store_n(x->tx.producer, x->tx.cached_prod, __ATOMIC_RELEASE);
	do {
		err = kick(x);
	} while (err > 0 && turns--);
	collect(x);
	return err < 0 ? err : 0;
}

/*
 * In copy mode both ways end in the driver before the call returns: so what was committed before goes first. With one transmit queue
 * that is the order in which they leave. With several it is not (gso_apart): AF_XDP sends by the queue with the number of the
 * socket's, AF_PACKET by that which XPS, the driver, or the number of the processor says (packet_pick_tx_queue()).
 */
static int xsk_tx_gso(struct io_port *port, const struct io_pkt *pkt, const struct io_gso *how)
{
	struct xsk_port *x = (struct xsk_port *)port;
	int err;

	if (__atomic_load_n(x->tx.consumer, __ATOMIC_RELAXED) != x->tx.cached_prod) {
		err = xsk_tx_flush(port);
		if (err)
			return err;
	}
	return gso_send(x->gso_fd, pkt, how);
}

void xsk_set_gso(struct io_port *port, bool on, bool apart)
{
	port->gso_apart = apart;
	port->gso_bytes = on && ((struct xsk_port *)port)->gso_fd >= 0 ? GSO_BYTES : 0;
}

static bool xsk_rx_pending(struct io_port *port)
{
	struct xsk_port *x = (struct xsk_port *)port;
	uint32_t i;

	for (i = 0; i < x->queues; i++)
		if (xsk_cons_nb_avail(&x->q[i].rx, 1))
			return true;
	return false;
}

static int xsk_fds(struct io_port *port, int *fds, int max)
{
	struct xsk_port *x = (struct xsk_port *)port;
	int i;

	for (i = 0; i < (int)x->queues && i < max; i++)
		fds[i] = x->q[i].fd;
	return i;
}

static uint32_t xsk_lost(struct io_port *port)
{
	const struct io_frames *f = port->frames;

	return f->chunks - (f->free + f->held + f->in_fill + f->in_tx);
}

static void xsk_close(struct io_port *port)
{
	struct xsk_port *x = (struct xsk_port *)port;

	if (x->gso_fd >= 0)
		close(x->gso_fd);
	xsk_port_teardown(x);
	/* The kernel has let go of every chunk, and frames still held died with the port. */
	xsk_frames_init(port->frames, port->area);
	free(x);
}

const struct io_port_ops xsk_port_ops = {
	.rx = xsk_rx,
	.rx_release = xsk_rx_release,
	.tx_room = xsk_tx_room,
	.tx_reserve = xsk_tx_reserve,
	.tx_commit = xsk_tx_commit,
	.tx_cancel = xsk_tx_cancel,
	.tx_flush = xsk_tx_flush,
	.tx_gso = xsk_tx_gso,
	.rx_pending = xsk_rx_pending,
	.fds = xsk_fds,
	.lost = xsk_lost,
	.close = xsk_close,
};

void xsk_port_fill(struct xsk_port *x)
{
	uint32_t i;

	for (i = 0; i < x->queues; i++) {
		struct xsk_queue *q = &x->q[i];

		q->fill_batch = 1;
		refill(x, q);
		q->fill_batch = q->fill_want / 4 < REFILL_BATCH ? q->fill_want / 4 + 1 : REFILL_BATCH;
	}
}

int xsk_kernel_stats(struct io_port *port, struct xsk_kernel_stats *out)
{
	struct xsk_port *x = (struct xsk_port *)port;
	struct xdp_statistics s;
	socklen_t len;
	uint32_t i;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < x->queues; i++) {
		memset(&s, 0, sizeof(s));
		len = sizeof(s);
		if (getsockopt(x->q[i].fd, SOL_XDP, XDP_STATISTICS, &s, &len))
			return -errno;
		out->rx_dropped += s.rx_dropped;
		out->rx_ring_full += s.rx_ring_full;
		out->fill_ring_empty += s.rx_fill_ring_empty_descs;
		out->rx_invalid_descs += s.rx_invalid_descs;
		out->tx_invalid_descs += s.tx_invalid_descs;
	}
	out->rx_dropped += x->rx_too_long;
	return 0;
}
