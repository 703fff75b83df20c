/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* frame.h - frames made by hand for the fuzz targets: headers in order, then the checksums made right. */
#ifndef FUZZ_FRAME_H
#define FUZZ_FRAME_H

#include <stdint.h>
#include "xtcp/wire.h"

#define FRAME_MAX 9000

struct frame {
	uint32_t len;
	uint8_t data[FRAME_MAX];
};

/* Who sends to whom; ports in host order. */
struct frame_ends {
	struct xtcp_addr from, to;
	uint16_t sport, dport;
};

/* Ethernet and IP headers, the latter of either family by the addresses; lengths come with frame_seal(). */
void frame_begin(struct frame *f, const struct frame_ends *ends, uint8_t proto, uint8_t tclass);
void frame_add(struct frame *f, const void *data, uint32_t len); /* what does not fit is left out */
void frame_add8(struct frame *f, uint8_t v);
void frame_add16(struct frame *f, uint16_t v);
void frame_add32(struct frame *f, uint32_t v);
/* A TCP header with opt_len bytes of options, padded with zeroes to a multiple of 4. */
void frame_add_tcp(struct frame *f, const struct frame_ends *ends, uint32_t seq, uint32_t ack, uint8_t flags,
		   uint16_t wnd, uint16_t urg, const uint8_t *opt, uint32_t opt_len);
/* Set the length of the IP packet, then every checksum, as far as the frame can be understood. */
void frame_seal(struct frame *f);
void frame_seal_sums(struct frame *f);
/* The TCP header ends with an MD5 option (RFC 2385): put the digest of this frame there, before it is sealed. */
void frame_sign(struct frame *f, const void *key, uint32_t key_len);

/* NULL, or what is wrong with a frame that an engine sent on a link with this MTU. */
const char *frame_wrong(const uint8_t *data, uint32_t len, uint32_t mtu, struct wire_ip *ip, struct wire_tcp *tcp);

#endif
