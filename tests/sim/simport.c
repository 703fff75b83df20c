// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* simport.c - see simport.h. Sent frames are completed one flush later, or when chunks run out, as AF_XDP does. */
#include "simport.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include "lib/csum.h"
#include "xtcp/wire.h"

#define POISON 0xdb

static uint8_t *chunk_data(struct simport *s, uint32_t chunk)
{
	return s->port.area + (size_t)chunk * s->port.frames->chunk_size;
}

static void put_free(struct simport *s, uint32_t chunk, uint8_t *data, uint32_t len)
{
	struct io_frames *f = s->port.frames;

	memset(data, POISON, len);
	f->stack[f->free++] = chunk;
}

static void refill(struct simport *s)
{
	struct io_frames *f = s->port.frames;

	while (s->fill_count < s->fill_max && f->free) {
		s->fill[s->fill_count++] = f->stack[--f->free];
		f->in_fill++;
	}
}

bool simport_deliver(struct simport *s, const uint8_t *data, uint32_t len, const struct xtcp_meta *meta)
{
	uint32_t room = s->port.frames->chunk_size - SIMPORT_HEADROOM, n = (len + room - 1) / room, i;
	struct io_pkt *pkt;

	if (s->rx_count == SIMPORT_RX_RING || s->fill_count < n || n > IO_MAX_FRAGS) {
		s->rx_dropped++;
		return false;
	}
	pkt = &s->rx[(s->rx_head + s->rx_count++) % SIMPORT_RX_RING];
	memset(pkt, 0, offsetof(struct io_pkt, frag));
	pkt->nfrags = n;
	pkt->len = len;
	for (i = 0; i < n; i++) {
		struct io_frag *frag = &pkt->frag[i];

		frag->chunk = s->fill[--s->fill_count];
		frag->data = chunk_data(s, frag->chunk) + SIMPORT_HEADROOM;
		frag->len = len < room ? len : room;
		memcpy(frag->data, data, frag->len);
		data += frag->len;
		len -= frag->len;
	}
	if (meta) {
		pkt->has_meta = 1;
		pkt->meta = *meta;
	}
	return true;
}

static int sim_rx(struct io_port *port, struct io_pkt *pkts, int max)
{
	struct simport *s = (struct simport *)port;
	int n = 0;

	for (; n < max && s->rx_count; n++) {
		const struct io_pkt *pkt = &s->rx[s->rx_head];

		memcpy(&pkts[n], pkt, offsetof(struct io_pkt, frag) + pkt->nfrags * sizeof(pkt->frag[0]));
		s->rx_head = (s->rx_head + 1) % SIMPORT_RX_RING;
		s->rx_count--;
		port->frames->in_fill -= pkt->nfrags;
		port->frames->held += pkt->nfrags;
	}
	refill(s);
	return n;
}

static void sim_rx_release(struct io_port *port, struct io_pkt *pkts, int n)
{
	struct simport *s = (struct simport *)port;

	for (int i = 0; i < n; i++) {
		for (uint32_t j = 0; j < pkts[i].nfrags; j++)
			put_free(s, pkts[i].frag[j].chunk, pkts[i].frag[j].data, pkts[i].frag[j].len);
		port->frames->held -= pkts[i].nfrags;
	}
}

/* Sent frames are done with. */
static void collect(struct simport *s)
{
	for (; s->tx_done != s->tx_sent; s->tx_done++) {
		uint32_t i = s->tx_done % SIMPORT_TX_RING;

		if (s->clock && *s->clock < s->tx[i].sent_ns + s->complete_ns)
			return;
		put_free(s, s->tx[i].chunk, chunk_data(s, s->tx[i].chunk), s->tx[i].len);
		s->port.frames->in_tx--;
		s->tx_out--;
	}
}

static uint32_t sim_tx_room(struct io_port *port)
{
	struct simport *s = (struct simport *)port;
	uint32_t slots;

	if (s->tx_max - s->tx_out < IO_MAX_FRAGS || port->frames->free < IO_MAX_FRAGS)
		collect(s);
	slots = s->tx_max - s->tx_out;
	return slots < port->frames->free ? slots : port->frames->free;
}

static int sim_tx_reserve(struct io_port *port, struct io_pkt *pkt, uint32_t len)
{
	struct simport *s = (struct simport *)port;
	struct io_frames *f = port->frames;
	uint32_t n = len ? (len + f->chunk_size - 1) / f->chunk_size : 1;

	if (n > IO_MAX_FRAGS)
		return -EMSGSIZE;
	if (sim_tx_room(port) < n)
		return -ENOBUFS;
	for (uint32_t i = 0; i < n; i++) {
		pkt->frag[i].chunk = f->stack[--f->free];
		pkt->frag[i].data = chunk_data(s, pkt->frag[i].chunk);
		pkt->frag[i].len = f->chunk_size;
	}
	f->held += n;
	s->tx_out += n;
	pkt->nfrags = n;
	pkt->len = len;
	pkt->queue = 0;
	pkt->has_meta = 0;
	pkt->csum_start = 0;
	return 0;
}

static void sim_tx_commit(struct io_port *port, const struct io_pkt *pkt)
{
	struct simport *s = (struct simport *)port;
	uint32_t sum = 0;

	for (uint32_t i = 0; i < pkt->nfrags; i++, s->tx_tail++) {
		uint32_t at = s->tx_tail % SIMPORT_TX_RING;

		s->tx[at].chunk = pkt->frag[i].chunk;
		s->tx[at].data = pkt->frag[i].data;
		s->tx[at].len = pkt->frag[i].len;
		s->tx[at].more = i + 1 < pkt->nfrags;
		s->tx[at].csum_start = i ? 0 : pkt->csum_start;
		sum += pkt->frag[i].len;
	}
	if (sum != pkt->len || sum > port->mtu + 14 || (pkt->csum_start && !port->tx_csum))
		s->bad++;
	port->frames->held -= pkt->nfrags;
	port->frames->in_tx += pkt->nfrags;
	port->tx_committed += pkt->nfrags;
}

static void sim_tx_cancel(struct io_port *port, const struct io_pkt *pkt)
{
	struct simport *s = (struct simport *)port;

	for (uint32_t i = 0; i < pkt->nfrags; i++)
		put_free(s, pkt->frag[i].chunk, pkt->frag[i].data, 64);
	port->frames->held -= pkt->nfrags;
	s->tx_out -= pkt->nfrags;
}

/* What a device does that is told where the sum begins: it knows nothing of TCP. */
static void fill_in_csum(uint8_t *frame, uint32_t len, uint32_t start)
{
	uint16_t csum = (uint16_t)~csum_fold(csum_partial(frame + start, len - start));

	memcpy(frame + start + WIRE_TCP_CSUM_OFF, &csum, 2);
}

static int sim_tx_flush(struct io_port *port)
{
	struct simport *s = (struct simport *)port;
	uint32_t len = 0, csum_start = 0;

	collect(s); /* those of the flush before */
	for (; s->tx_sent != s->tx_tail; s->tx_sent++) {
		uint32_t i = s->tx_sent % SIMPORT_TX_RING;

		if (len + s->tx[i].len > sizeof(s->buf)) {
			s->bad++;
			continue;
		}
		s->tx[i].sent_ns = s->clock ? *s->clock : 0;
		memcpy(s->buf + len, s->tx[i].data, s->tx[i].len);
		csum_start = len ? csum_start : s->tx[i].csum_start;
		len += s->tx[i].len;
		if (s->tx[i].more)
			continue;
		if (csum_start)
			fill_in_csum(s->buf, len, csum_start);
		s->send(s->arg, s->buf, len);
		len = 0;
	}
	return 0;
}

static bool sim_rx_pending(struct io_port *port)
{
	return ((struct simport *)port)->rx_count > 0;
}

static int sim_fds(struct io_port *port, int *fds, int max)
{
	(void)port;
	(void)fds;
	(void)max;
	return 0;
}

static uint32_t sim_lost(struct io_port *port)
{
	const struct io_frames *f = port->frames;

	return f->chunks - (f->free + f->held + f->in_fill + f->in_tx);
}

static void sim_close(struct io_port *port)
{
	(void)port;
}

static const struct io_port_ops simport_ops = {
	.rx = sim_rx,
	.rx_release = sim_rx_release,
	.tx_room = sim_tx_room,
	.tx_reserve = sim_tx_reserve,
	.tx_commit = sim_tx_commit,
	.tx_cancel = sim_tx_cancel,
	.tx_flush = sim_tx_flush,
	.tx_gso = simport_gso,
	.rx_pending = sim_rx_pending,
	.fds = sim_fds,
	.lost = sim_lost,
	.close = sim_close,
};

void simport_open(struct simport *s, struct io_frames *frames, uint8_t *area, uint32_t mtu, uint32_t fill_max,
		  uint32_t tx_max)
{
	s->port.ops = &simport_ops;
	s->port.frames = frames;
	s->port.area = area;
	s->port.mtu = mtu;
	s->port.gso_bytes = 0;
	s->port.gso_apart = false;
	s->port.tx_committed = 0;
	s->going_apart = false;
	s->clock = NULL;
	s->port.tx_csum = false;
	s->fill_max = fill_max < SIMPORT_RX_RING ? fill_max : SIMPORT_RX_RING;
	s->tx_max = tx_max < SIMPORT_TX_RING ? tx_max : SIMPORT_TX_RING;
	s->fill_count = s->rx_head = s->rx_count = 0;
	s->tx_done = s->tx_sent = s->tx_tail = s->tx_out = 0;
	s->rx_dropped = s->bad = 0;
	frames->free = frames->held = frames->in_fill = frames->in_tx = 0;
	while (frames->free < frames->chunks) { /* the lowest on top */
		frames->stack[frames->free] = frames->chunks - 1 - frames->free;
		frames->free++;
	}
	refill(s);
}
