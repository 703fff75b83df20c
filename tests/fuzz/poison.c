// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* poison.c - see poison.h. */
#include "poison.h"

#include <sanitizer/asan_interface.h>
#include "sim/simgso.c"
#include "sim/simport.c"

static void release(struct io_port *port, struct io_pkt *pkts, int n)
{
	struct simport *s = (struct simport *)port;

	for (int i = 0; i < n; i++)
		for (uint32_t k = 0; k < pkts[i].nfrags; k++)
			ASAN_UNPOISON_MEMORY_REGION(chunk_data(s, pkts[i].frag[k].chunk), POISON_CHUNK);
	sim_rx_release(port, pkts, n);
}

void poison_deliver(struct simport *s, const uint8_t *data, uint32_t len, uint32_t piece, const struct xtcp_meta *meta)
{
	uint32_t room = POISON_CHUNK - SIMPORT_HEADROOM, n, i;
	struct io_pkt *pkt;

	if (!piece || piece > room)
		piece = room;
	if ((len + piece - 1) / piece > IO_MAX_FRAGS)
		piece = room;
	n = (len + piece - 1) / piece;
	if (!n || s->rx_count == SIMPORT_RX_RING || s->fill_count < n || n > IO_MAX_FRAGS)
		return;
	pkt = &s->rx[(s->rx_head + s->rx_count++) % SIMPORT_RX_RING];
	memset(pkt, 0, offsetof(struct io_pkt, frag));
	pkt->nfrags = n;
	pkt->len = len;
	for (i = 0; i < n; i++) {
		struct io_frag *frag = &pkt->frag[i];

		frag->chunk = s->fill[--s->fill_count];
		frag->len = len < piece ? len : piece;
		frag->data = chunk_data(s, frag->chunk) + SIMPORT_HEADROOM;
		memcpy(frag->data, data, frag->len);
		ASAN_POISON_MEMORY_REGION(frag->data - SIMPORT_HEADROOM, SIMPORT_HEADROOM);
		ASAN_POISON_MEMORY_REGION(frag->data + frag->len, room - frag->len);
		data += frag->len;
		len -= frag->len;
	}
	if (meta) {
		pkt->has_meta = 1;
		pkt->meta = *meta;
	}
}

void poison_open(struct simport *s, struct io_port_ops *ops)
{
	*ops = *s->port.ops;
	ops->rx_release = release;
	s->port.ops = ops;
}
