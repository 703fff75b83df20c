// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * simgso.c - what a device with TSO makes of a super-segment: frames of the size that was asked for, each with the headers of the
 * first, put right: lengths, sequence number, checksums; PSH and FIN with the last, CWR with the first.
 */
#include "simport.h"

#include <string.h>
#include "lib/csum.h"
#include "tcp/tcp.h"
#include "xtcp/wire.h"

#define L3 14u

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void set_lengths(uint8_t *f, bool v6, uint32_t l4_len)
{
	uint16_t sum;

	if (v6) {
		put16(f + L3 + 4, l4_len);
		return;
	}
	put16(f + L3 + 2, 20 + l4_len);
	memset(f + L3 + 10, 0, 2);
	sum = (uint16_t)~csum_fold(csum_partial(f + L3, 20));
	memcpy(f + L3 + 10, &sum, 2);
}

static void set_csum(uint8_t *f, bool v6, uint32_t l4, uint32_t l4_len)
{
	const uint8_t *addrs = f + L3 + (v6 ? 8 : 12);
	uint32_t n = v6 ? 16 : 4;
	uint8_t pseudo[4] = { 0, WIRE_IPPROTO_TCP, (uint8_t)(l4_len >> 8), (uint8_t)l4_len };
	uint16_t sum;

	memset(f + l4 + WIRE_TCP_CSUM_OFF, 0, 2);
	sum = (uint16_t)~csum_fold(csum_partial(addrs, 2 * n) + csum_partial(pseudo, 4) + csum_partial(f + l4, l4_len));
	memcpy(f + l4 + WIRE_TCP_CSUM_OFF, &sum, 2);
}

/* The checksum field must hold the folded sum of the pseudo-header with the whole length. */
static bool promised(const struct io_pkt *pkt, const struct io_gso *how)
{
	const uint8_t *f = pkt->frag[0].data;
	uint32_t l4_len = pkt->len - how->l4_off, n = how->v6 ? 16 : 4, sum_bytes = 0;
	uint8_t pseudo[4] = { 0, WIRE_IPPROTO_TCP, (uint8_t)(l4_len >> 8), (uint8_t)l4_len };
	uint16_t sum = csum_fold(csum_partial(f + L3 + (how->v6 ? 8 : 12), 2 * n) + csum_partial(pseudo, 4));

	for (uint32_t i = 0; i < pkt->nfrags; i++)
		sum_bytes += pkt->frag[i].len;
	return !memcmp(&sum, f + how->l4_off + WIRE_TCP_CSUM_OFF, 2) && sum_bytes == pkt->len &&
	       (!how->size || pkt->len - pkt->frag[0].len > how->size) && pkt->nfrags <= IO_GSO_FRAGS &&
	       how->l4_off == L3 + (how->v6 ? 40 : 20);
}

/* n bytes of the text from byte off on. */
static void copy_text(uint8_t *to, const struct io_pkt *pkt, uint32_t off, uint32_t n)
{
	for (uint32_t i = 1; i < pkt->nfrags && n; i++) {
		uint32_t have = pkt->frag[i].len, part;

		if (off >= have) {
			off -= have;
			continue;
		}
		part = have - off < n ? have - off : n;
		memcpy(to, pkt->frag[i].data + off, part);
		to += part;
		n -= part;
		off = 0;
	}
}

int simport_gso(struct io_port *port, const struct io_pkt *pkt, const struct io_gso *how)
{
	struct simport *s = (struct simport *)port;
	uint32_t head = pkt->frag[0].len, text = pkt->len - head, l4 = how->l4_off, off = 0, seq;
	uint32_t size = how->size ? how->size : text; /* 0: it is a single one, of text or without */

	port->ops->tx_flush(port);
	if (!promised(pkt, how) || head + size > sizeof(s->buf) || head + size > port->mtu + L3) {
		s->bad++;
		return -1;
	}
	memcpy(&seq, pkt->frag[0].data + l4 + 4, 4);
	seq = wire_swap32(seq);
	do {
		uint32_t n = text - off < size ? text - off : size, at = wire_swap32(seq + off);
		uint8_t *f = s->buf;

		memcpy(f, pkt->frag[0].data, head);
		copy_text(f + head, pkt, off, n);
		memcpy(f + l4 + 4, &at, 4);
		if (off + n < text)
			f[l4 + 13] &= (uint8_t) ~(TCP_PSH | TCP_FIN);
		if (off && how->cwr)
			f[l4 + 13] &= (uint8_t)~TCP_CWR;
		set_lengths(f, how->v6, head - l4 + n);
		set_csum(f, how->v6, l4, head - l4 + n);
		s->going_apart = true;
		s->send(s->arg, f, head + n);
		s->going_apart = false;
		off += size;
	} while (off < text);
	return 0;
}
