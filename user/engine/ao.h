/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ao.h - the TCP Authentication Option (RFC 5925): what its files, ao_mac.c, ao_keys.c and ao.c, offer each other. */
#ifndef ENGINE_AO_H
#define ENGINE_AO_H

#include <stdbool.h>
#include <stdint.h>
#include "tcp/seq.h"
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

/* ---- master key tuples (ao_keys.c): RFC 5925 3.1 ---- */

struct ao_mkt {
	struct xtcp_addr addr; /* of the peer */
	uint16_t lport, rport; /* network order; 0: any */
	uint8_t bits;	       /* of addr that count; 96 more than of an IPv4 address */
	uint8_t send_id, recv_id;
	uint8_t alg;   /* enum ao_alg */
	uint8_t flags; /* AO_F_* */
	uint8_t len;   /* of key; 0: take the key with this peer and these IDs away */
	uint8_t key[AO_MASTER_MAX];
};

/* A connection's ends; ports in network order. */
struct ao_ends {
	const struct xtcp_addr *laddr, *raddr;
	uint16_t lport, rport;
};

#define AO_ANY (-1)
struct engine;
/*
 * The key for a connection, of these IDs unless AO_ANY: no two that fit have an ID in common. Of several the one with the longest
 * prefix, and of these the oldest. NULL: none.
 */
const struct ao_mkt *ao_mkt_find(const struct engine *e, const struct ao_ends *ends, int send_id, int recv_id);
bool ao_mkt_matches(const struct ao_mkt *m, const struct ao_ends *ends);
/* len of the options for the signature of a new connection: by TCP-AO if there is a key, else by MD5 (RFC 5925 8), else 0. */
uint8_t sig_bytes(const struct engine *e, const struct tcp_open *o);

/* ---- a connection (ao.c) ---- */

#define AO_PAIRS 8

/* A key as this connection uses it: its traffic keys are computed once. */
struct ao_pair {
	uint8_t used, send_id, recv_id, alg, flags;
	uint8_t snd[AO_TRAFFIC_BYTES]; /* before both ISNs are known: that of our SYN */
	uint8_t rcv[AO_TRAFFIC_BYTES];
};

/*
 * The per-connection parameters of RFC 5925 6.1. The sequence number extensions belong to snd_ref and rcv_ref, which follow
 * SND.NXT and RCV.NXT: that of any other number is found from there (ao_sne).
 */
struct ao_conn {
	uint32_t iss, irs;
	uint32_t snd_ref, snd_sne;
	uint32_t rcv_ref, rcv_sne;
	bool synced;		/* irs is known, and the pairs hold the keys for both ISNs */
	bool heard;		/* got_* are of the last segment accepted */
	uint8_t current, rnext; /* current_key and rnext_key: indices of pair */
	uint8_t got_key_id, got_rnext_id;
	uint8_t victim; /* where the next pair goes when all are in use */
	struct ao_pair pair[AO_PAIRS];
};

/*
 * The extension of a sequence number (RFC 5925 6.2) that is less than 2^31 from ref, as RFC 9187 means it: by the distance, so
 * that a segment from before a wrap is told from one behind it, in whatever order they come.
 */
static inline uint32_t ao_sne(uint32_t ref, uint32_t ref_sne, uint32_t seq)
{
	return seq_geq(seq, ref) ? ref_sne + (seq < ref) : ref_sne - (seq > ref);
}

/* The reference goes on to seq, never back. */
static inline void ao_advance(uint32_t *ref, uint32_t *sne, uint32_t seq)
{
	if (seq_gt(seq, *ref)) {
		*sne = ao_sne(*ref, *sne, seq);
		*ref = seq;
	}
}

#endif
