// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * icmp.c - what the network reports (RFC 9293 3.9.2.2), believed only about a segment
 * that is in flight (RFC 5927 4), and the path MTU (RFC 1191, RFC 8201).
 *
 * Hard errors (unreachable protocol or port, prohibited) abort an attempt to connect. For a synchronised
 * connection RFC 9293 SHLD-26 would have them abort it, RFC 5927 4.1 and 5.2 advise against it, since anyone who
 * guesses a sequence number in flight could end it: here they are soft. Soft errors never abort (MUST-56). The
 * application is told of each (MUST-47, TCP_EV_SOFT_ERROR) unless it does not want to be (SHLD-20); the last one is
 * kept until something is acknowledged, and is the reason given when the connection times out.
 *
 * Source quench (MUST-55) is discarded before it comes here (engine/icmp_in.c).
 *
 * "Too big" is believed at once while the path is still being found out: nothing larger than what it claims has been
 * acknowledged. Later, and whenever it claims less than any path of today carries, it has to wait: until the timer fires and
 * the quoted segment is still unacknowledged (RFC 5927 7.2, MAXSEGRTO 1). Where the connection makes progress it was a lie.
 */
#include "tcp/internal.h"

#define MTU_MIN_V4 (40u + TCP_MSS_FLOOR) /* RFC 1191 3 would have 68, but no segment is as small (CVE-2019-11479) */
#define MTU_MIN_V6 1280u
#define MTU_CREDIBLE_V4 552u /* smaller ones wait: what Linux calls min_pmtu */

static int icmp_errno(enum tcp_icmp type)
{
	switch (type) {
	case TCP_ICMP_NET_UNREACH: return ENETUNREACH;
	case TCP_ICMP_PROTO_UNREACH: return ENOPROTOOPT;
	case TCP_ICMP_PORT_UNREACH: return ECONNREFUSED;
	case TCP_ICMP_PROHIBITED: return EACCES;
	case TCP_ICMP_PARAM: return EPROTO;
	default: return EHOSTUNREACH;
	}
}

static bool hard(enum tcp_icmp type)
{
	return type == TCP_ICMP_PORT_UNREACH || type == TCP_ICMP_PROTO_UNREACH || type == TCP_ICMP_PROHIBITED;
}

void tcp_set_path_mtu(struct tcp_env *env, struct tcp_conn *c, uint32_t mtu)
{
	if (c->mtu_state != TCP_MTU_FIXED)
		plpmtud_limit(env, c, min_u32(mtu, 65535), false);
	else
		conn_set_mtu(env, c, mtu);
}

/* An old router, which does not say how large it may be: the next lower one that networks have (RFC 1191 7.1). */
static uint32_t plateau(uint32_t mtu)
{
	static const uint16_t sizes[] = { 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (sizes[i] < mtu)
			return sizes[i];
	return MTU_MIN_V4;
}

static uint32_t overhead(const struct tcp_conn *c)
{
	return conn_header_bytes(c) + (c->flags & TCP_F_TS ? 12u : 0) + c->sig_bytes;
}

static void believe(struct tcp_env *env, struct tcp_conn *c, uint32_t mtu)
{
	tcp_cold(c)->claimed_mtu = 0;
	if (c->mtu_state != TCP_MTU_FIXED)
		plpmtud_limit(env, c, mtu, true);
	else
		conn_set_mtu(env, c, mtu);
	c->events |= TCP_EV_PATH_MTU;
	tcp_count(env, mtu_icmp);
}

/* False: it cannot be true. */
static bool too_big(struct tcp_env *env, struct tcp_conn *c, uint32_t seq, uint32_t mtu)
{
	bool v6 = c->flags & TCP_F_V6;

	if (v6 && mtu < MTU_MIN_V6) /* RFC 8201 4: "it MUST discard it" */
		return false;
	if (!mtu)
		mtu = plateau(c->path_mtu);
	mtu = max_u32(mtu, MTU_MIN_V4);
	if (mtu >= c->path_mtu && c->mtu_state == TCP_MTU_FIXED)
		return true;
	if (mtu < tcp_cold_peek(c)->rate.largest + overhead(c) || (!v6 && mtu < MTU_CREDIBLE_V4)) {
		tcp_cold(c)->claimed_mtu = (uint16_t)min_u32(mtu, 65535);
		tcp_cold(c)->claimed_seq = seq;
		tcp_count(env, mtu_icmp_delayed);
	} else {
		believe(env, c, mtu);
	}
	return true;
}

void icmp_timeout(struct tcp_env *env, struct tcp_conn *c)
{
	const struct tcp_cold *cold = tcp_cold_peek(c);
	uint32_t mtu = cold->claimed_mtu;

	if (!mtu)
		return;
	tcp_cold(c)->claimed_mtu = 0;
	if (!seq_in(cold->claimed_seq, c->snd_una, c->snd_nxt) || mtu >= c->path_mtu)
		return;
	tcp_cold(c)->rate.largest = mtu > overhead(c) ? mtu - overhead(c) : 0; /* more it carries no longer */
	believe(env, c, mtu);
}

bool tcp_icmp_input(struct tcp_env *env, struct tcp_conn *c, enum tcp_icmp type, uint32_t seq, uint32_t mtu,
		    uint64_t now_ns)
{
	(void)now_ns;
	if (c->state == TCP_CLOSED || c->state == TCP_TIME_WAIT || !seq_in(seq, c->snd_una, c->snd_nxt))
		return false;
	if (type == TCP_ICMP_TOO_BIG)
		return too_big(env, c, seq, mtu);
	if (c->state == TCP_SYN_SENT && hard(type) &&
	    !c->sig_bytes) /* who signs believes no such thing (RFC 5925 7.8) */
		conn_done(env, c, icmp_errno(type));
	else
		conn_report(c, (uint16_t)icmp_errno(type)); /* SHLD-25 */
	return true;
}
