// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * md5.c - TCP MD5 signatures (RFC 2385), as BGP speakers use them: keys by address of the peer, longest prefix first, and
 * the digest of a segment made and checked.
 *
 * With a key for a peer its connections are signed from the SYN to the last RST, and so are answers without a connection.
 * A connection keeps for its life whether it is signed; the key may change meanwhile. What comes unsigned or wrongly
 * signed from a peer with a key is dropped before anybody looks at it, RSTs too; without any key nothing is looked for.
 *
 * The digest (2.0) is over the pseudo-header, the TCP header without options and with a checksum of 0, the payload, the key.
 */
#include "engine/private.h"

#include <errno.h>
#include <nettle/md5.h>
#include "lib/fail.h"

#define OPT_EOL 0
#define OPT_NOP 1
#define OPT_MD5 19
#define OPT_MD5_LEN 18

/* ---- keys ---- */

const struct md5_key *md5_find(const struct engine *e, const struct xtcp_addr *peer)
{
	const struct md5_key *best = NULL;

	for (uint32_t i = 0; i < e->r->md5_keys; i++) {
		const struct md5_key *k = &e->r->md5_key[i];

		if (addr_in(peer, &k->addr, k->bits) && (!best || k->bits > best->bits))
			best = k;
	}
	return best;
}

int engine_md5_key(struct engine *e, const struct xtcp_addr *peer, uint32_t bits, const void *key, uint32_t len)
{
	struct region *r = e->r;
	struct md5_key *k = r->md5_key;

	while (k < r->md5_key + r->md5_keys && !(k->bits == bits && addr_in(peer, &k->addr, bits)))
		k++;
	if (!len) {
		if (k == r->md5_key + r->md5_keys)
			return fail(ENOENT, "there is no MD5 key for this peer");
		*k = r->md5_key[--r->md5_keys];
		memset(&r->md5_key[r->md5_keys], 0, sizeof(*k));
		return 0;
	}
	if (k == r->md5_key + REGION_MD5_KEYS)
		return fail(ENOSPC, "all %d MD5 keys are in use", REGION_MD5_KEYS);
	if (k == r->md5_key + r->md5_keys)
		r->md5_keys++;
	k->addr = *peer;
	k->bits = (uint8_t)bits;
	k->len = (uint8_t)len;
	memcpy(k->key, key, len);
	return 0;
}

/* ---- digests ---- */

static void add_pseudo(struct md5_ctx *m, const struct xtcp_addr *from, const struct xtcp_addr *to, uint32_t l4_len)
{
	uint8_t tail[8] = {
		(uint8_t)(l4_len >> 24), (uint8_t)(l4_len >> 16), (uint8_t)(l4_len >> 8), (uint8_t)l4_len, 0, 0, 0,
		WIRE_IPPROTO_TCP
	};

	if (addr_is_v4(from)) {
		uint8_t tail4[4] = { 0, WIRE_IPPROTO_TCP, tail[2], tail[3] };

		md5_update(m, 4, &from->b[12]);
		md5_update(m, 4, &to->b[12]);
		md5_update(m, 4, tail4);
		return;
	}
	md5_update(m, 16, from->b);
	md5_update(m, 16, to->b);
	md5_update(m, 8, tail);
}

static void add_header(struct md5_ctx *m, const uint8_t *tcp)
{
	uint8_t header[20];

	memcpy(header, tcp, 20);
	memset(header + 16, 0, 2);
	md5_update(m, 20, header);
}

void md5_sign(const struct md5_key *k, const struct frame_to *to, const struct tcp_seg *seg, uint8_t *tcp,
	      uint32_t l4_len)
{
	uint8_t *opt = tcp + 20 + seg->opt_len;
	struct md5_ctx m;

	md5_init(&m);
	add_pseudo(&m, to->laddr, to->raddr, l4_len);
	add_header(&m, tcp);
	for (uint32_t i = 0; i < seg->nspans; i++)
		md5_update(&m, seg->span[i].len, seg->span[i].data);
	md5_update(&m, k->len, k->key);
	opt[0] = opt[1] = OPT_NOP;
	opt[2] = OPT_MD5;
	opt[3] = OPT_MD5_LEN;
	md5_digest(&m, MD5_DIGEST_SIZE, opt + 4);
}

/* The digest in these options, or NULL. */
static const uint8_t *find_option(const uint8_t *p, uint32_t len)
{
	uint32_t i = 0;

	while (i < len && p[i] != OPT_EOL) {
		if (p[i] == OPT_NOP) {
			i++;
			continue;
		}
		if (i + 1 >= len || p[i + 1] < 2 || p[i + 1] > len - i)
			return NULL;
		if (p[i] == OPT_MD5)
			return p[i + 1] == OPT_MD5_LEN ? p + i + 2 : NULL;
		i += p[i + 1];
	}
	return NULL;
}

static bool digest_right(const struct md5_key *k, const struct rx_item *it, const uint8_t *tcp,
			 const struct tcp_seg *seg, const uint8_t *got)
{
	uint8_t want[MD5_DIGEST_SIZE], differ = 0;
	struct md5_ctx m;

	md5_init(&m);
	add_pseudo(&m, &it->ip.saddr, &it->ip.daddr, it->ip.l4_len);
	add_header(&m, tcp);
	for (uint32_t i = 0; i < seg->nspans; i++)
		md5_update(&m, seg->span[i].len, seg->span[i].data);
	md5_update(&m, k->len, k->key);
	md5_digest(&m, MD5_DIGEST_SIZE, want);
	for (int i = 0; i < MD5_DIGEST_SIZE; i++)
		differ |= want[i] ^ got[i];
	return !differ;
}

bool md5_accepts(struct engine *e, const struct io_pkt *pkt, const struct rx_item *it, const struct tcp_seg *seg,
		 uint32_t ref)
{
	const struct md5_key *k = md5_find(e, &it->ip.saddr);
	const uint8_t *tcp = pkt->frag[0].data + it->ip.l4_off;
	const uint8_t *got = find_option(tcp + 20, seg->opt_len);
	bool open = ref && !(ref & DEMUX_TW);

	if (open && !conn_at(e, ref)->tcp.sig_bytes)
		k = NULL; /* it was opened before there was a key */
	if (!k) {
		if (!got)
			return true;
		count(e, in_md5_unexpected);
	} else if (!got) {
		count(e, in_md5_missing);
	} else if (digest_right(k, it, tcp, seg, got)) {
		return true;
	} else {
		count(e, in_md5_wrong);
	}
	return false;
}
