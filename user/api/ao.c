// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* ao.c - TCP-AO (RFC 5925): keys, and which of them a connection uses. */
#include "api/private.h"

#include <errno.h>
#include <string.h>
#include "lib/addr.h"
#include "lib/fail.h"

_Static_assert((int)XTCP_AO_HMAC_SHA_1_96 == (int)AO_HMAC_SHA_1_96 &&
		       (int)XTCP_AO_AES_128_CMAC_96 == (int)AO_AES_128_CMAC_96 &&
		       (int)XTCP_AO_NO_OPTIONS == (int)AO_F_NO_OPTIONS && (int)XTCP_AO_ICMP == (int)AO_F_ICMP,
	       "xtcp.h and engine/ao.h must agree");

/* The numbers of *k are in range. */
static int check(const struct xtcp_ao_key *k, unsigned int bits)
{
	if (k->prefix_len > bits)
		return fail(EINVAL, "a prefix of %u bits; it must be 0 to %u", k->prefix_len, bits);
	if (k->alg >= AO_ALGS)
		return fail(EINVAL, "there is no TCP-AO algorithm %u", k->alg);
	if (k->flags & ~(uint32_t)(XTCP_AO_NO_OPTIONS | XTCP_AO_ICMP))
		return fail(EINVAL, "there are no TCP-AO flags 0x%x", k->flags);
	if (k->len > AO_MASTER_MAX)
		return fail(EINVAL, "a TCP-AO key has 1 to %d bytes, not %zu", AO_MASTER_MAX, k->len);
	return 0;
}

int xtcp_ao_key(struct xtcp *x, const struct xtcp_ao_key *k)
{
	struct ao_mkt m = { .flags = 0 };
	unsigned int bits;
	uint16_t port;
	int err;

	if (k->size != sizeof(*k))
		return fail(EINVAL, "xtcp_ao_key.size is not that of the struct");
	err = api_addr_get(k->peer, &m.addr, &port);
	if (err)
		return err;
	bits = addr_is_v4(&m.addr) ? 32 : 128;
	err = check(k, bits);
	if (err)
		return err;
	m.bits = (uint8_t)(128 - bits + k->prefix_len);
	m.rport = htons(port);
	m.lport = htons(k->local_port);
	m.send_id = k->send_id;
	m.recv_id = k->recv_id;
	m.alg = (uint8_t)k->alg;
	m.flags = (uint8_t)k->flags;
	m.len = (uint8_t)k->len;
	if (k->len)
		memcpy(m.key, k->key, k->len);
	return engine_ao_key(x->engine, &m);
}

static bool is_id(int id)
{
	return id >= AO_ANY && id <= UINT8_MAX;
}

static int not_signed(int err)
{
	return err == -EBADF ? fail(EBADF, "the handle is stale: the connection was closed")
			     : fail(EOPNOTSUPP, "the connection is not signed with TCP-AO");
}

int xtcp_ao_select(struct xtcp *x, xtcp_conn c, int send_id, int recv_id)
{
	int err;

	if (!is_id(send_id) || !is_id(recv_id))
		return fail(EINVAL, "the ID of a TCP-AO key is 0 to 255, or -1 to leave it");
	err = engine_ao_select(x->engine, c, send_id, recv_id);
	if (err == -ENOENT)
		return fail(ENOENT, "there is no TCP-AO key with that ID for this peer");
	return err ? not_signed(err) : 0;
}

int xtcp_ao_info(struct xtcp *x, xtcp_conn c, struct xtcp_ao_info *out)
{
	const struct ao_conn *ao;

	if (!engine_conn(x->engine, c))
		return not_signed(-EBADF);
	ao = engine_ao_conn(x->engine, c);
	if (!ao)
		return not_signed(-EOPNOTSUPP);
	*out = (struct xtcp_ao_info){ .send_id = ao->pair[ao->current].send_id,
				      .rnext_id = ao->pair[ao->rnext].recv_id,
				      .got_key_id = ao->heard ? ao->got_key_id : (int16_t)-1,
				      .got_rnext_id = ao->heard ? ao->got_rnext_id : (int16_t)-1,
				      .snd_sne = ao->snd_sne,
				      .rcv_sne = ao->rcv_sne };
	return 0;
}

int xtcp_ao_unmatched(struct xtcp *x, bool drop)
{
	engine_ao_strict(x->engine, drop);
	return 0;
}
