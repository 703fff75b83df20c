// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * xsk_share.c - the AF_XDP port of another process, and handing it on. See xsk_share.h.
 *
 * Between turns the kernel's own indices in the rings say all there is to know about them: every descriptor
 * that was consumed has been released, and every one produced submitted.
 */
#include "io/xsk_share.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "io/xsk_port.h"
#include "lib/fail.h"

int xsk_share(struct io_port *port, struct xsk_desc *out, int *fds, int max)
{
	struct xsk_port *x = (struct xsk_port *)port;
	int n = 0;

	if (max < (int)x->queues + 1)
		return fail(EINVAL, "no room for %u descriptors", x->queues + 1);
	*out = (struct xsk_desc){
		.queues = x->queues,
		.first_queue = x->q[0].id,
		.rx_ring = x->q[0].rx.size,
		.tx_ring = x->tx.size,
		.fill_want = x->q[0].fill_want,
		.fill_batch = x->q[0].fill_batch,
		.tx_max = x->tx_max,
		.tx_frags_max = x->tx_frags_max,
		.zero_copy = x->zero_copy,
		.multi_buffer = x->multi_buffer,
		.busy_poll = x->busy_poll,
		.tx_off = x->tx_off,
		.tx_csum = port->tx_csum,
	};
	for (; n < (int)x->queues; n++)
		fds[n] = x->q[n].fd;
	fds[n++] = x->gso_fd;
	return n;
}

/* ---- coming and leaving ---- */

static int attach_queue(struct xsk_port *x, uint32_t i, const struct xsk_desc *d, int fd)
{
	struct xsk_queue *q = &x->q[i];
	struct xsk_setup_rings r = {
		.rx = &q->rx,
		.tx = i ? NULL : &x->tx,
		.fill = &q->fill,
		.comp = i ? &q->unused_comp : &x->comp,
		.rx_size = d->rx_ring,
		.tx_size = d->tx_ring,
	};

	q->fd = fd;
	q->id = (uint16_t)(d->first_queue + i);
	q->fill_want = d->fill_want;
	q->fill_batch = d->fill_batch;
	return xsk_setup_attach(&q->sock, fd, &r);
}

int xsk_attach(struct io_port **out, const struct xsk_desc *d, const int *fds, struct io_frames *frames, uint8_t *area)
{
	struct xsk_port *x = calloc(1, sizeof(*x) + d->queues * sizeof(x->q[0]));
	int err = 0;

	if (!x)
		return fail(ENOMEM, "out of memory for an AF_XDP port");
	x->port = (struct io_port){ .ops = &xsk_port_ops, .frames = frames, .area = area };
	x->shift = (uint32_t)__builtin_ctz(frames->chunk_size);
	x->chunk_mask = frames->chunk_size - 1;
	x->queues = d->queues;
	x->tx_max = d->tx_max;
	x->tx_frags_max = d->tx_frags_max;
	x->zero_copy = d->zero_copy;
	x->multi_buffer = d->multi_buffer;
	x->busy_poll = d->busy_poll;
	x->gso_fd = fds[d->queues];
	x->tx_off = d->tx_off;
	x->port.tx_csum = d->tx_csum;
	for (uint32_t i = 0; i < d->queues; i++)
		x->q[i].sock.fd = fds[i];
	for (uint32_t i = 0; !err && i < d->queues; i++)
		err = attach_queue(x, i, d, fds[i]);
	if (err) {
		xsk_leave(&x->port);
		return fail(-err, "cannot map the rings of an AF_XDP socket: %s", strerror(-err));
	}
	*out = &x->port;
	return 0;
}

void xsk_leave(struct io_port *port)
{
	struct xsk_port *x = (struct xsk_port *)port;

	xsk_port_teardown(x);
	if (x->gso_fd >= 0)
		close(x->gso_fd);
	free(x);
}

/* ---- taking turns ---- */

void xsk_export(struct io_port *port, struct xsk_state *to)
{
	struct xsk_port *x = (struct xsk_port *)port;

	to->tx_out = x->tx_out;
	to->rx_next = x->rx_next;
	to->mtu = port->mtu;
	to->gso_bytes = port->gso_bytes;
	to->gso_apart = port->gso_apart;
	to->tx_committed = port->tx_committed;
	to->rx_too_long = x->rx_too_long;
	for (uint32_t i = 0; i < x->queues; i++) {
		struct xsk_partial *p = &x->q[i].partial;

		to->q[i].in_fill = x->q[i].in_fill;
		to->q[i].nfrags = p->nfrags;
		to->q[i].len = p->len;
		to->q[i].dropping = p->dropping;
		for (uint32_t j = 0; j < p->nfrags; j++) {
			to->q[i].frag[j].addr = (uint64_t)(p->frag[j].data - port->area);
			to->q[i].frag[j].len = p->frag[j].len;
		}
	}
}

static void import_rings(struct xsk_port *x)
{
	x->tx.cached_prod = *x->tx.producer;
	x->comp.cached_cons = x->comp.cached_prod = *x->comp.consumer;
	for (uint32_t i = 0; i < x->queues; i++) {
		struct xsk_queue *q = &x->q[i];

		q->fill.cached_prod = *q->fill.producer;
		q->rx.cached_cons = q->rx.cached_prod = *q->rx.consumer;
	}
}

void xsk_import(struct io_port *port, const struct xsk_state *from)
{
	struct xsk_port *x = (struct xsk_port *)port;

	x->tx_out = from->tx_out;
	x->rx_next = from->rx_next;
	port->mtu = from->mtu;
	port->gso_bytes = from->gso_bytes;
	port->gso_apart = from->gso_apart;
	port->tx_committed = from->tx_committed;
	x->rx_too_long = from->rx_too_long;
	for (uint32_t i = 0; i < x->queues; i++) {
		struct xsk_partial *p = &x->q[i].partial;

		x->q[i].in_fill = from->q[i].in_fill;
		p->nfrags = from->q[i].nfrags;
		p->len = from->q[i].len;
		p->dropping = from->q[i].dropping;
		for (uint32_t j = 0; j < p->nfrags; j++) {
			p->frag[j].data = port->area + from->q[i].frag[j].addr;
			p->frag[j].len = from->q[i].frag[j].len;
			p->frag[j].chunk = (uint32_t)(from->q[i].frag[j].addr >> x->shift);
		}
	}
	import_rings(x);
}

/* ---- recovering ---- */

#define SETTLE_STEPS 200
#define SETTLE_NS 500000

/* Frames between the transmit and the completion ring belong to nobody whom one could ask: wait until there are none. */
static void settle(const struct xsk_port *x)
{
	const struct timespec step = { .tv_nsec = SETTLE_NS };

	for (int i = 0; i < SETTLE_STEPS; i++) {
		if (__atomic_load_n(x->tx.consumer, __ATOMIC_ACQUIRE) ==
		    __atomic_load_n(x->comp.producer, __ATOMIC_ACQUIRE))
			return;
		sendto(x->q[0].fd, NULL, 0, MSG_DONTWAIT, NULL, 0);
		nanosleep(&step, NULL);
	}
}

static void mark(const struct xsk_port *x, uint8_t *kernels, uint64_t addr)
{
	if (addr >> x->shift < x->port.frames->chunks)
		kernels[addr >> x->shift] = 1;
}

/* Marks what waits in the fill and transmit rings; what was received is dropped, what was completed collected. */
static void sift(struct xsk_port *x, uint8_t *kernels)
{
	struct io_frames *f = x->port.frames;

	for (uint32_t i = 0; i < x->queues; i++) {
		struct xsk_queue *q = &x->q[i];

		memset(&q->partial, 0, sizeof(q->partial));
		__atomic_store_n(q->rx.consumer, __atomic_load_n(q->rx.producer, __ATOMIC_ACQUIRE), __ATOMIC_RELEASE);
		q->in_fill = *q->fill.producer - __atomic_load_n(q->fill.consumer, __ATOMIC_ACQUIRE);
		for (uint32_t n = 0; n < q->in_fill; n++)
			mark(x, kernels, *xsk_ring_prod__fill_addr(&q->fill, *q->fill.producer - 1 - n));
		f->in_fill += q->in_fill;
	}
	__atomic_store_n(x->comp.consumer, __atomic_load_n(x->comp.producer, __ATOMIC_ACQUIRE), __ATOMIC_RELEASE);
	x->tx_out = *x->tx.producer - __atomic_load_n(x->tx.consumer, __ATOMIC_ACQUIRE);
	for (uint32_t n = 0; n < x->tx_out; n++)
		mark(x, kernels, xsk_ring_prod__tx_desc(&x->tx, *x->tx.producer - 1 - n)->addr);
	f->in_tx = x->tx_out;
}

void xsk_recover(struct io_port *port)
{
	struct xsk_port *x = (struct xsk_port *)port;
	struct io_frames *f = port->frames;
	uint8_t *kernels = calloc(f->chunks, 1);

	f->chunk_size = 1u << x->shift;
	f->free = f->held = f->in_fill = f->in_tx = 0;
	if (!kernels)
		return; /* no frame is free: nothing is sent or received any more */
	settle(x);
	sift(x, kernels);
	f->bottom = f->in_fill;
	for (uint32_t i = 0; i < f->chunks; i++)
		if (!kernels[i]) {
			xsk_clear_meta(port->area + ((size_t)i << x->shift));
			f->stack[f->bottom + f->free++] = i;
		}
	free(kernels);
	import_rings(x);
}

bool xsk_rx_waiting(const struct io_port *port)
{
	const struct xsk_port *x = (const struct xsk_port *)port;

	for (uint32_t i = 0; i < x->queues; i++)
		if (__atomic_load_n(x->q[i].rx.producer, __ATOMIC_RELAXED) !=
		    __atomic_load_n(x->q[i].rx.consumer, __ATOMIC_RELAXED))
			return true;
	return false;
}
