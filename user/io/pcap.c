// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * pcap.c - the capture tap: frames of a port into a libpcap file with nanosecond
 * stamps (magic 0xa1b23c4d).
 *
 * The first write error is kept and told by flush and close: a full disk costs
 * the capture, never the connections. After it nothing more is written, so the
 * file ends in whole records as far as the disk took them.
 */
#include "io/pcap.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "lib/csum.h"
#include "lib/fail.h"
#include "xtcp/wire.h"

#define SNAPLEN 262144 /* bytes, libpcap's usual maximum */

struct pcap_tap {
	pcap_t *dead;
	pcap_dumper_t *out;
	int err; /* first write error, positive */
	uint8_t frame[SNAPLEN];
};

static FILE *open_file(const char *path)
{
	FILE *f;
	int fd;

	if (strcmp(path, "-"))
		return fopen(path, "we");
	fd = dup(STDOUT_FILENO);
	if (fd < 0)
		return NULL;
	f = fdopen(fd, "w");
	if (!f)
		close(fd);
	return f;
}

int pcap_tap_open(struct pcap_tap **out, const char *path)
{
	struct pcap_tap *t = calloc(1, sizeof(*t));
	FILE *f;
	int err;

	if (!t)
		return fail(ENOMEM, "capture file %s: no memory", path);
	f = open_file(path);
	if (!f) {
		err = fail(errno, "capture file %s: cannot open it: %s", path, strerror(errno));
		goto out_free;
	}
	t->dead = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, SNAPLEN, PCAP_TSTAMP_PRECISION_NANO);
	if (!t->dead) {
		err = fail(ENOMEM, "capture file %s: no memory", path);
		goto out_close;
	}
	t->out = pcap_dump_fopen(t->dead, f);
	if (!t->out) {
		err = fail(EIO, "capture file %s: %s", path, pcap_geterr(t->dead));
		goto out_dead;
	}
	*out = t;
	return 0;

out_dead:
	pcap_close(t->dead);
out_close:
	fclose(f);
out_free:
	free(t);
	return err;
}

/* All fragments in a row. Returns the bytes kept. */
static uint32_t gather(struct pcap_tap *t, const struct io_pkt *pkt)
{
	uint32_t i, n, len = 0;

	for (i = 0; i < pkt->nfrags && len < SNAPLEN; i++) {
		n = pkt->frag[i].len < SNAPLEN - len ? pkt->frag[i].len : SNAPLEN - len;
		memcpy(t->frame + len, pkt->frag[i].data, n);
		len += n;
	}
	return len;
}

/* End of the IP packet in the frame: padding is not part of the segment. */
static uint32_t packet_end(const uint8_t *frame, uint32_t len, uint32_t l3)
{
	uint32_t end = len;

	if (l3 + 40 <= len && frame[l3] >> 4 == 6)
		end = l3 + 40 + ((uint32_t)frame[l3 + 4] << 8 | frame[l3 + 5]);
	else if (l3 + 20 <= len && frame[l3] >> 4 == 4)
		end = l3 + ((uint32_t)frame[l3 + 2] << 8 | frame[l3 + 3]);
	return end < len ? end : len;
}

/* The field holds the pseudo-header's sum: with the segment's own it becomes the checksum. */
static void complete_csum(uint8_t *frame, uint32_t len, const struct xtcp_meta *m)
{
	uint32_t end = packet_end(frame, len, m->l3_off);
	uint16_t csum;

	if (m->l4_off < m->l3_off || m->l4_off + WIRE_TCP_CSUM_OFF + 2u > end)
		return;
	csum = (uint16_t)~csum_fold(csum_partial(frame + m->l4_off, end - m->l4_off));
	memcpy(frame + m->l4_off + WIRE_TCP_CSUM_OFF, &csum, sizeof(csum));
}

void pcap_tap_frame(struct pcap_tap *t, const struct io_pkt *pkt, uint64_t wall_ns)
{
	struct pcap_pkthdr h;

	if (t->err)
		return;
	h.ts.tv_sec = (time_t)(wall_ns / 1000000000u);
	h.ts.tv_usec = (suseconds_t)(wall_ns % 1000000000u); /* nanoseconds: the file says so */
	h.len = pkt->len;
	h.caplen = gather(t, pkt);
	if (pkt->has_meta && (pkt->meta.flags & XTCP_META_F_TCP_PARTIAL) && h.caplen == h.len)
		complete_csum(t->frame, h.caplen, &pkt->meta);
	errno = 0;
	pcap_dump((uint8_t *)t->out, &h, t->frame);
	if (ferror(pcap_dump_file(t->out)))
		t->err = errno ? errno : EIO;
}

int pcap_tap_flush(struct pcap_tap *t)
{
	errno = 0;
	if (!t->err && pcap_dump_flush(t->out))
		t->err = errno ? errno : EIO;
	if (!t->err)
		return 0;
	return fail(t->err, "capture file: cannot write: %s", strerror(t->err));
}

int pcap_tap_close(struct pcap_tap *t)
{
	int err = pcap_tap_flush(t);

	pcap_dump_close(t->out);
	pcap_close(t->dead);
	free(t);
	return err;
}
