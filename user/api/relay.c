// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * relay.c - the tap of an engine that several processes run: what any of them sends and receives goes to the one that opened it, in order,
 * and a thread there gives it to --trace and --pcap. That thread takes no lock of the run, so whoever waits for it under one does not
 * wait for good; nothing is left out.
 */
#include "api/private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include "io/clock.h"
#include "lib/fail.h"

#define FRAME_MAX 262144 /* bytes kept of one frame, as in a capture */
#define ROOM (4 << 20)	 /* bytes under way */

struct relay_head {
	struct tap_time time;
	struct xtcp_addr laddr, raddr;
	uint16_t lport, rport;
	bool out, has_seg;
	struct tap_seg seg;
	struct xtcp_meta meta;
	uint32_t len; /* of the frame */
	uint16_t queue, has_meta, csum_start;
};

/* ---- from whoever runs the turn ---- */

static int gather(const struct io_pkt *pkt, struct iovec *v)
{
	uint32_t len = 0;
	int n = 0;

	for (uint32_t i = 0; i < pkt->nfrags && len < FRAME_MAX; i++, n++) {
		v[n].iov_base = pkt->frag[i].data;
		v[n].iov_len = pkt->frag[i].len < FRAME_MAX - len ? pkt->frag[i].len : FRAME_MAX - len;
		len += pkt->frag[i].len;
	}
	return n;
}

static void relay(void *arg, bool out, const struct io_pkt *pkt, const struct xtcp_addr *laddr, uint16_t lport,
		  const struct xtcp_addr *raddr, uint16_t rport, const struct tcp_seg *seg)
{
	struct relay_head h = { .time = { clock_now_ns(), clock_wall_ns() }, .laddr = *laddr, .raddr = *raddr };
	struct iovec v[1 + IO_MAX_FRAGS] = { { &h, sizeof(h) } };
	struct msghdr msg = { .msg_iov = v, .msg_iovlen = 1 + (size_t)gather(pkt, v + 1) };
	const struct xtcp *x = arg;

	h.lport = lport;
	h.rport = rport;
	h.out = out;
	h.has_seg = seg != NULL;
	if (seg)
		h.seg = (struct tap_seg){ seg->seq, seg->ack, seg->len, seg->wnd, seg->flags };
	h.meta = pkt->meta;
	h.len = pkt->len;
	h.queue = pkt->queue;
	h.has_meta = pkt->has_meta;
	h.csum_start = pkt->csum_start;
	while (sendmsg(x->relay.from_fd, &msg, MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
}

void api_relay_from(struct xtcp *x, int fd)
{
	x->relay.from_fd = fd;
	engine_set_tap(x->engine, relay, x);
}

/* ---- to whoever looks ---- */

static void take(struct xtcp *x, const struct relay_head *h, uint32_t len)
{
	struct io_pkt pkt = { .nfrags = 1, .len = h->len, .queue = h->queue, .has_meta = h->has_meta };

	pkt.csum_start = h->csum_start;
	pkt.meta = h->meta;
	pkt.frag[0].data = x->relay.frame;
	pkt.frag[0].len = len;
	api_tap_take(x, &h->time, h->out, &pkt, &h->laddr, h->lport, &h->raddr, h->rport, h->has_seg ? &h->seg : NULL);
}

static void *serve(void *arg)
{
	struct xtcp *x = arg;
	struct relay_head h;
	struct iovec v[2] = { { &h, sizeof(h) }, { x->relay.frame, FRAME_MAX } };
	struct msghdr msg = { .msg_iov = v, .msg_iovlen = 2 };

	for (;;) {
		ssize_t n = recvmsg(x->relay.to_fd, &msg, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return NULL;
		if ((size_t)n > sizeof(h))
			take(x, &h, (uint32_t)((size_t)n - sizeof(h)));
	}
}

static void let_go(struct xtcp *x)
{
	close(x->relay.from_fd);
	close(x->relay.to_fd);
	free(x->relay.frame);
}

int api_relay_open(struct xtcp *x)
{
	int pair[2], room = ROOM, err;

	if (!x->pcap && !x->trace)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return fail(errno, "no socket for a trace or capture: %s", strerror(errno));
	x->relay.from_fd = pair[0];
	x->relay.to_fd = pair[1];
	if (setsockopt(pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)))
		setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	x->relay.frame = malloc(FRAME_MAX);
	err = x->relay.frame ? pthread_create(&x->relay.thread, NULL, serve, x) : ENOMEM;
	if (err) {
		let_go(x);
		return fail(err, "no thread for a trace or capture: %s", strerror(err));
	}
	x->relay.serves = true;
	api_relay_from(x, pair[0]);
	return 0;
}

void api_relay_close(struct xtcp *x)
{
	if (!x->relay.serves)
		return;
	engine_set_tap(x->engine, NULL, NULL);
	shutdown(x->relay.from_fd, SHUT_WR);
	pthread_join(x->relay.thread, NULL);
	let_go(x);
	x->relay.serves = false;
}
