// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * xsk_open.c - opening the AF_XDP port: one UMEM over the caller's area, a
 * socket per queue, the best way of binding that the kernel and the driver
 * accept, and a sentence for every way it can fail. Blocks up to EBUSY_WAIT_MS.
 *
 * Ways are tried in order: zero-copy, copy; multi-buffer first where useful.
 * Each attempt starts from nothing, because a socket that took part in a failed
 * bind is not reliably reusable.
 */
#include "io/xsk_port.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include "io/gso.h"
#include "lib/fail.h"

#define RX_RING_DEFAULT 4096 /* more than a receive window of 4 MiB has segments of 1,448 bytes */
#define TX_RING_DEFAULT 2048
#define FRAME_OVERHEAD (14 + 8) /* Ethernet and two VLAN tags, bytes */
#define TX_TRUESIZE 8192	/* what one descriptor may charge to the socket's send buffer, bytes */
#define EBUSY_WAIT_MS 400	/* a socket just closed leaves its queue a little later */
#define EBUSY_STEP_MS 20
#define BUSY_POLL_US 20 /* what the kernel asks to be told; we never block */
#define BUSY_POLL_BUDGET 64

void xsk_frames_init(struct io_frames *f, uint8_t *area)
{
	uint32_t i;

	f->free = f->chunks;
	f->held = 0;
	f->in_fill = 0;
	f->in_tx = 0;
	f->bottom = 0;
	for (i = 0; i < f->chunks; i++) {
		f->stack[i] = f->chunks - 1 - i;
		xsk_clear_meta(area + (size_t)i * f->chunk_size);
	}
}

void xsk_port_teardown(struct xsk_port *x)
{
	uint32_t i = x->queues;

	while (i--)
		xsk_setup_close(&x->q[i].sock);
}

uint32_t xsk_chunk_size(enum xsk_mode mode, uint32_t mtu)
{
	uint32_t half = XSK_CHUNK_MAX / 2;

	return mode == XSK_MODE_NATIVE && mtu + FRAME_OVERHEAD <= half - XDP_UAPI_HEADROOM ? half : XSK_CHUNK_MAX;
}

static bool power_of_two(uint32_t v)
{
	return v && !(v & (v - 1));
}

static int check_conf(const struct xsk_conf *c)
{
	const struct io_frames *f = c->frames;

	if (!power_of_two(f->chunk_size) || f->chunk_size < 2048 || f->chunk_size > 4096)
		return fail(EINVAL, "AF_XDP on %s: chunk size %u is not 2048 or 4096", c->ifname, f->chunk_size);
	if (!c->queues || c->queues > XTCP_MAX_QUEUES || f->chunks < 8 * c->queues)
		return fail(EINVAL, "AF_XDP on %s: %u queues over %u chunks cannot work", c->ifname, c->queues,
			    f->chunks);
	if ((c->rx_ring && !power_of_two(c->rx_ring)) || (c->tx_ring && !power_of_two(c->tx_ring)))
		return fail(EINVAL, "AF_XDP on %s: ring sizes %u and %u must be powers of two", c->ifname, c->rx_ring,
			    c->tx_ring);
	if (c->mtu + FRAME_OVERHEAD > (f->chunk_size - XDP_UAPI_HEADROOM) * IO_MAX_FRAGS)
		return fail(EMSGSIZE, "AF_XDP on %s: MTU %u is too large; ip link set %s mtu 65000", c->ifname, c->mtu,
			    c->ifname);
	return 0;
}

/* The sentence for a failed attempt; queue < 0: it failed before any queue. */
static int explain(const struct xsk_conf *c, int queue, int err)
{
	switch (err) {
	case EBUSY:
		return fail(
			EBUSY,
			"AF_XDP on %s: queue %d is taken by another AF_XDP program; see ss --xdp -p and xtcp status",
			c->ifname, queue);
	case EPERM:
	case EACCES:
		return fail(EPERM,
			    "AF_XDP on %s: not permitted; run as root or with CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF",
			    c->ifname);
	case ENOBUFS:
	case ENOMEM:
		return fail(ENOMEM,
			    "AF_XDP on %s: no memory for %u chunks of %u bytes; raise ulimit -l or lower the number",
			    c->ifname, c->frames->chunks, c->frames->chunk_size);
	case ENODEV:
	case ENXIO: return fail(ENODEV, "AF_XDP on %s: there is no such interface here; see ip link", c->ifname);
	case ENETDOWN:
		return fail(ENETDOWN, "AF_XDP on %s: the interface is down; ip link set %s up", c->ifname, c->ifname);
	case EAFNOSUPPORT:
	case EPROTONOSUPPORT:
		return fail(ENOTSUP, "AF_XDP on %s: this kernel has no AF_XDP (CONFIG_XDP_SOCKETS)", c->ifname);
	case EINVAL:
		return fail(EINVAL,
			    "AF_XDP on %s: the kernel refused queue %d; does the interface have it (ethtool -l %s)?",
			    c->ifname, queue, c->ifname);
	default: return fail(err, "AF_XDP on %s: queue %d: %s", c->ifname, queue, strerror(err));
	}
}

/* The memory becomes the first socket's UMEM, with TX metadata if that is wanted and the kernel has it. */
static int make_umem(struct xsk_port *x, const struct xsk_conf *c, bool meta)
{
	uint64_t bytes = (uint64_t)c->frames->chunks * c->frames->chunk_size;
	int err = -EINVAL;

	x->tx_off = meta ? XDP_UAPI_TX_META_LEN : 0;
	if (meta)
		err = xsk_setup_umem(&x->q[0].sock, c->area, bytes, c->frames->chunk_size, x->tx_off);
	if (err != -EINVAL)
		return err;
	x->tx_off = 0;
	return xsk_setup_umem(&x->q[0].sock, c->area, bytes, c->frames->chunk_size, 0);
}

/* Socket i over the UMEM of the first, bound; all sending goes over the first. *queue as in attempt(). */
static int make_queue(struct xsk_port *x, const struct xsk_conf *c, uint32_t i, uint16_t bind_flags, int *queue)
{
	bool meta = c->tx_csum[!!(bind_flags & XDP_ZEROCOPY)];
	struct xsk_queue *q = &x->q[i];
	struct xsk_setup_rings r = {
		.rx = &q->rx,
		.tx = i ? NULL : &x->tx,
		.fill = &q->fill,
		.comp = i ? &q->unused_comp : &x->comp,
		.rx_size = c->rx_ring ? c->rx_ring : RX_RING_DEFAULT,
		.tx_size = c->tx_ring ? c->tx_ring : TX_RING_DEFAULT,
	};
	int err = xsk_setup_open(&q->sock, &r);

	if (!err && !i)
		err = make_umem(x, c, meta);
	if (!err) {
		*queue = (int)(c->queue + i);
		err = xsk_setup_bind(&q->sock, c->ifindex, c->queue + i, bind_flags, i ? &x->q[0].sock : NULL);
	}
	q->fd = q->sock.fd;
	q->id = (uint16_t)(c->queue + i);
	return err;
}

/* One UMEM and all sockets, bound with these flags. 0 or -errno; *queue is the one that failed, -1: it failed before any. */
static int attempt(struct xsk_port *x, const struct xsk_conf *c, uint16_t bind_flags, int *queue)
{
	int err = 0;

	*queue = -1;
	for (uint32_t i = 0; !err && i < c->queues; i++)
		err = make_queue(x, c, i, bind_flags, queue);
	if (err)
		xsk_port_teardown(x);
	return err;
}

/* attempt(), patient with a queue whose last owner is just leaving. */
static int attempt_wait(struct xsk_port *x, const struct xsk_conf *c, uint16_t bind_flags, int *queue)
{
	const struct timespec step = { .tv_nsec = EBUSY_STEP_MS * 1000000 };
	int err, left = EBUSY_WAIT_MS / EBUSY_STEP_MS;

	while ((err = attempt(x, c, bind_flags, queue)) == -EBUSY && left--)
		nanosleep(&step, NULL);
	return err;
}

/*
 * Try the ways of binding, best first. A way without multi-buffer is tried even
 * when it cannot do, to tell a missing queue from missing multi-buffer.
 */
static int bind_best(struct xsk_port *x, const struct xsk_conf *c)
{
	bool need_sg = c->mtu + FRAME_OVERHEAD > c->frames->chunk_size - XDP_UAPI_HEADROOM;
	int want_sg = need_sg || c->mode == XSK_MODE_GENERIC;
	int zc = c->mode == XSK_MODE_NATIVE && !c->force_copy;
	int sg, err = 0, queue = -1;

	for (; zc >= 0; zc--) {
		for (sg = want_sg; sg >= (zc && need_sg); sg--) {
			uint16_t flags = (uint16_t)(XDP_USE_NEED_WAKEUP | (zc ? XDP_ZEROCOPY : XDP_COPY) |
						    (sg ? XDP_USE_SG : 0));

			err = attempt_wait(x, c, flags, &queue);
			if (!err) {
				x->zero_copy = zc;
				x->multi_buffer = sg;
				goto bound;
			}
			if (queue < 0 || (err != -EINVAL && err != -EOPNOTSUPP))
				return explain(c, queue, -err);
		}
	}
	return explain(c, queue, -err);

bound:
	if (x->multi_buffer || !need_sg)
		return 0;
	xsk_port_teardown(x);
	return fail(EMSGSIZE,
		    "AF_XDP on %s: MTU %u needs multi-buffer, which kernel or driver lack; ip link set %s mtu 1500",
		    c->ifname, c->mtu, c->ifname);
}

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Limits that keep the invariants of xsk.c, and socket options that only make it faster. */
static void set_limits(struct xsk_port *x, const struct xsk_conf *c)
{
	struct io_frames *f = c->frames;
	uint32_t share = f->chunks - f->chunks / 4;
	int budget = (int)x->tx.size;
	int sndbuf = (int)x->tx.size * TX_TRUESIZE;
	uint32_t i;

	for (i = 0; i < c->queues; i++)
		x->q[i].fill_want = min_u32(share / c->queues, x->q[i].rx.size);
	x->tx_max = min_u32(share, x->tx.size);
	x->tx_frags_max = x->multi_buffer ? IO_MAX_FRAGS : 1;
	setsockopt(x->q[0].fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &budget, sizeof(budget));
	if (setsockopt(x->q[0].fd, SOL_SOCKET, SO_SNDBUFFORCE, &sndbuf, sizeof(sndbuf)))
		setsockopt(x->q[0].fd, SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof(sndbuf));
}

int xsk_busy_poll(struct io_port *port)
{
	struct xsk_port *x = (struct xsk_port *)port;
	int prefer = 1, us = BUSY_POLL_US, budget = BUSY_POLL_BUDGET;

	for (uint32_t i = 0; i < x->queues; i++)
		if (setsockopt(x->q[i].fd, SOL_SOCKET, SO_PREFER_BUSY_POLL, &prefer, sizeof(prefer)) ||
		    setsockopt(x->q[i].fd, SOL_SOCKET, SO_BUSY_POLL, &us, sizeof(us)) ||
		    setsockopt(x->q[i].fd, SOL_SOCKET, SO_BUSY_POLL_BUDGET, &budget, sizeof(budget)))
			return fail(errno, "busy polling of receive queue %u: %s", x->q[i].id, strerror(errno));
	x->busy_poll = true;
	return 0;
}

/* From here on the XDP program can hand us frames. */
static int enter_map(struct xsk_port *x, const struct xsk_conf *c)
{
	uint32_t i, key;
	int err;

	for (i = 0; i < c->queues; i++) {
		key = c->queue + i;
		err = bpf_map_update_elem(c->xsks_map_fd, &key, &x->q[i].fd, BPF_ANY);
		if (err)
			return fail(-err, "AF_XDP on %s: entering queue %u in the XDP program's map: %s", c->ifname,
				    key, strerror(-err));
	}
	return 0;
}

static void raise_memlock(void)
{
	struct rlimit r = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_MEMLOCK, &r); /* best effort: with CAP_IPC_LOCK or cgroup accounting it is not needed */
}

int xsk_open(struct io_port **out, const struct xsk_conf *conf, struct xsk_info *info)
{
	struct xsk_port *x;
	int err;

	err = check_conf(conf);
	if (err)
		return err;
	x = calloc(1, sizeof(*x) + conf->queues * sizeof(x->q[0]));
	if (!x)
		return explain(conf, -1, ENOMEM);
	x->port.ops = &xsk_port_ops;
	x->port.frames = conf->frames;
	x->port.area = conf->area;
	x->port.mtu = conf->mtu;
	x->shift = (uint32_t)__builtin_ctz(conf->frames->chunk_size);
	x->chunk_mask = conf->frames->chunk_size - 1;
	x->queues = conf->queues;
	x->gso_fd = -1;
	for (uint32_t i = 0; i < x->queues; i++)
		x->q[i].sock.fd = -1;
	raise_memlock();
	err = bind_best(x, conf);
	if (err)
		goto out_free;
	xsk_frames_init(conf->frames, conf->area);
	x->port.tx_csum = x->tx_off != 0;
	set_limits(x, conf);
	xsk_port_fill(x);
	err = enter_map(x, conf);
	if (err)
		goto out_teardown;
	if (conf->gso && !x->zero_copy) /* without it every segment is a frame of its own */
		x->gso_fd = gso_open(conf->ifname, conf->ifindex);
	if (info)
		*info = (struct xsk_info){
			.zero_copy = x->zero_copy,
			.multi_buffer = x->multi_buffer,
			.need_wakeup = true,
			.queue = conf->queue,
			.queues = conf->queues,
			.gso = x->gso_fd >= 0,
			.tx_csum = x->port.tx_csum,
		};
	*out = &x->port;
	return 0;

out_teardown:
	xsk_port_teardown(x);
	xsk_frames_init(conf->frames, conf->area);
out_free:
	free(x);
	return err;
}
