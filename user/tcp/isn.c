// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * isn.c - initial sequence numbers: a 4 microsecond clock plus a keyed hash of the
 * four-tuple (RFC 6528 3, RFC 9293 3.4.1, MUST-8, MUST-9, SHLD-1), and the random
 * offset of each connection's timestamp clock (RFC 7323 7.1). The hash is SipHash-2-4.
 */
#include "tcp/internal.h"
#include "lib/siphash.h"

static uint64_t siphash_tuple(const uint64_t key[2], const struct tcp_conn *c)
{
	struct sip s = sip_begin(key);

	sip_word(&s, c->laddr.d[0]);
	sip_word(&s, c->laddr.d[1]);
	sip_word(&s, c->raddr.d[0]);
	sip_word(&s, c->raddr.d[1]);
	return sip_end(&s, 36ull << 56 | (uint64_t)c->lport << 16 | c->rport);
}

uint32_t isn_make(const struct tcp_env *env, const struct tcp_conn *c, uint64_t now_ns)
{
	if (env->conf.fixed_isn >= 0)
		return (uint32_t)env->conf.fixed_isn;
	return (uint32_t)(now_ns / 4000) + (uint32_t)siphash_tuple(env->isn_key, c);
}

uint32_t isn_ts_offset(const struct tcp_env *env, const struct tcp_conn *c)
{
	return (uint32_t)siphash_tuple(env->ts_key, c);
}
