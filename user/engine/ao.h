/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ao.h - the TCP Authentication Option (RFC 5925): what its files, ao_mac.c, ao_keys.c and ao.c, offer each other. */
#ifndef ENGINE_AO_H
#define ENGINE_AO_H

#include <stdbool.h>
#include <stdint.h>
#include "tcp/tcp.h"

#define AO_KIND 29
#define AO_OPTION_BYTES 16 /* kind, length, KeyID, RNextKeyID, MAC: no padding is needed */
#define AO_MAC_BYTES 12	   /* both algorithms: the first 96 bits (RFC 5926 3.2) */
#define AO_TRAFFIC_BYTES 20
#define AO_MASTER_MAX 80 /* bytes of a master key, as Linux has it */

/* MAC algorithm, and the key derivation function that RFC 5926 3 wants with it. */
enum ao_alg { AO_HMAC_SHA_1_96, AO_AES_128_CMAC_96, AO_ALGS };

enum {
	AO_F_NO_OPTIONS = 1, /* the MAC leaves out the other TCP options (RFC 5925 3.1) */
	AO_F_ICMP = 2,	     /* hard ICMP errors are believed as without TCP-AO (7.8) */
};

/* ---- ao_mac.c: RFC 5925 5.1 and 5.2, RFC 5926 ---- */

/* One direction of a connection (RFC 5925 5.2). An ISN that is not known yet is 0. */
struct ao_context {
	const struct xtcp_addr *src, *dst;
	uint16_t sport, dport; /* network order */
	uint32_t sisn, disn;
};

void ao_derive(enum ao_alg alg, const uint8_t *master, uint32_t len, const struct ao_context *c,
	       uint8_t traffic[AO_TRAFFIC_BYTES]);

/* How a segment is signed. */
struct ao_sign {
	const uint8_t *traffic; /* the traffic key */
	uint32_t sne;
	uint8_t alg;
	uint8_t flags; /* AO_F_* */
	uint8_t key_id, rnext_id;
};

/* A segment from src to dst: its TCP header, complete, the option in it, and its payload in the spans of seg. */
struct ao_text {
	const struct xtcp_addr *src, *dst;
	const uint8_t *tcp, *option;
	uint32_t l4_len; /* header and payload */
	const struct tcp_seg *seg;
};

/* What stands in the checksum and in the MAC's place does not matter: both count as 0. */
void ao_mac(const struct ao_sign *s, const struct ao_text *t, uint8_t mac[AO_MAC_BYTES]);

#endif
