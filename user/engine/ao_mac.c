// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * ao_mac.c - the algorithms of TCP-AO (RFC 5926): KDF_HMAC_SHA1 with HMAC-SHA-1-96 and KDF_AES_128_CMAC with
 * AES-128-CMAC-96. Traffic keys from a master key (RFC 5925 5.2), and the MAC of a segment (5.1).
 */
#include "engine/ao.h"

#include <nettle/cmac.h>
#include <nettle/hmac.h>
#include "lib/addr.h"
#include "xtcp/wire.h"

#define HEADER_MAX 60

struct prf { /* either function, keyed */
	enum ao_alg alg;
	union {
		struct hmac_sha1_ctx sha1;
		struct cmac_aes128_ctx cmac;
	};
};

/* len: of the key; AES takes 16 bytes. */
static void prf_key(struct prf *p, enum ao_alg alg, const uint8_t *key, uint32_t len)
{
	p->alg = alg;
	if (alg == AO_HMAC_SHA_1_96)
		hmac_sha1_set_key(&p->sha1, len, key);
	else
		cmac_aes128_set_key(&p->cmac, key);
}

static void prf_add(struct prf *p, uint32_t len, const void *data)
{
	if (p->alg == AO_HMAC_SHA_1_96)
		hmac_sha1_update(&p->sha1, len, data);
	else
		cmac_aes128_update(&p->cmac, len, data);
}

static void prf_end(struct prf *p, uint32_t len, uint8_t *out)
{
	if (p->alg == AO_HMAC_SHA_1_96)
		hmac_sha1_digest(&p->sha1, len, out);
	else
		cmac_aes128_digest(&p->cmac, len, out);
}

static uint32_t traffic_bytes(enum ao_alg alg)
{
	return alg == AO_HMAC_SHA_1_96 ? SHA1_DIGEST_SIZE : AES128_KEY_SIZE;
}

static void put32(uint8_t *p, uint32_t v)
{
	v = wire_swap32(v);
	memcpy(p, &v, 4);
}

/* Addresses as they are on the wire of this family; returns where they end. */
static uint8_t *put_addrs(uint8_t *p, const struct xtcp_addr *src, const struct xtcp_addr *dst)
{
	uint32_t skip = addr_is_v4(src) ? 12 : 0, n = 16 - skip;

	memcpy(p, src->b + skip, n);
	memcpy(p + n, dst->b + skip, n);
	return p + 2 * n;
}

/* RFC 5926 3.1.1.2: a master key of any other length than AES's own is made one by AES-CMAC with a key of zeros. */
static void aes_master(const uint8_t *master, uint32_t len, uint8_t key[AES128_KEY_SIZE])
{
	static const uint8_t zero[AES128_KEY_SIZE];
	struct prf p;

	if (len == AES128_KEY_SIZE) {
		memcpy(key, master, len);
		return;
	}
	prf_key(&p, AO_AES_128_CMAC_96, zero, sizeof(zero));
	prf_add(&p, len, master);
	prf_end(&p, AES128_KEY_SIZE, key);
}

/* RFC 5926 3.1.1: one block, i || Label || Context || Output_Length in bits. */
void ao_derive(enum ao_alg alg, const uint8_t *master, uint32_t len, const struct ao_context *c,
	       uint8_t traffic[AO_TRAFFIC_BYTES])
{
	uint8_t text[7 + 32 + 12 + 2] = { 1, 'T', 'C', 'P', '-', 'A', 'O' }, aes[AES128_KEY_SIZE];
	uint32_t bits = traffic_bytes(alg) * 8;
	uint8_t *p = put_addrs(text + 7, c->src, c->dst);
	struct prf prf;

	memcpy(p, &c->sport, 2);
	memcpy(p + 2, &c->dport, 2);
	put32(p + 4, c->sisn);
	put32(p + 8, c->disn);
	p[12] = (uint8_t)(bits >> 8);
	p[13] = (uint8_t)bits;
	if (alg == AO_AES_128_CMAC_96) {
		aes_master(master, len, aes);
		master = aes;
		len = sizeof(aes);
	}
	prf_key(&prf, alg, master, len);
	prf_add(&prf, (uint32_t)(p + 14 - text), text);
	prf_end(&prf, traffic_bytes(alg), traffic);
}

/* The pseudo-header of RFC 9293 3.1 or RFC 8200 8.1. */
static void add_pseudo(struct prf *p, const struct ao_text *t)
{
	uint8_t text[40], *at = put_addrs(text, t->src, t->dst);

	if (addr_is_v4(t->src)) {
		at[0] = 0;
		at[1] = WIRE_IPPROTO_TCP;
		at[2] = (uint8_t)(t->l4_len >> 8);
		at[3] = (uint8_t)t->l4_len;
		at += 4;
	} else {
		put32(at, t->l4_len);
		put32(at + 4, WIRE_IPPROTO_TCP);
		at += 8;
	}
	prf_add(p, (uint32_t)(at - text), text);
}

/* The TCP header with a checksum and a MAC of 0; of the options all, or TCP-AO alone. */
static void add_header(struct prf *p, const struct ao_text *t, bool options)
{
	uint8_t text[HEADER_MAX];
	uint32_t len = (uint32_t)(t->tcp[12] >> 4) * 4, at = (uint32_t)(t->option - t->tcp);

	if (options) {
		memcpy(text, t->tcp, len);
	} else {
		memcpy(text, t->tcp, 20);
		memcpy(text + 20, t->option, AO_OPTION_BYTES);
		at = 20;
		len = 20 + AO_OPTION_BYTES;
	}
	memset(text + 16, 0, 2);
	memset(text + at + 4, 0, AO_MAC_BYTES);
	prf_add(p, len, text);
}

void ao_mac(const struct ao_sign *s, const struct ao_text *t, uint8_t mac[AO_MAC_BYTES])
{
	uint8_t sne[4];
	struct prf p;

	prf_key(&p, (enum ao_alg)s->alg, s->traffic, traffic_bytes((enum ao_alg)s->alg));
	put32(sne, s->sne);
	prf_add(&p, 4, sne);
	add_pseudo(&p, t);
	add_header(&p, t, !(s->flags & AO_F_NO_OPTIONS));
	for (uint32_t i = 0; i < t->seg->nspans; i++)
		prf_add(&p, t->seg->span[i].len, t->seg->span[i].data);
	prf_end(&p, AO_MAC_BYTES, mac);
}
