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
 */
#include "tcp/internal.h"

#define PATH_MTU_MIN_V4 552 /* what Linux calls min_pmtu: smaller reports are not believed */
#define PATH_MTU_MIN_V6 1280

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

static void too_big(struct tcp_env *env, struct tcp_conn *c, uint32_t mtu)
{
	uint32_t least = c->flags & TCP_F_V6 ? PATH_MTU_MIN_V6 : PATH_MTU_MIN_V4;

	if (!mtu) /* an old router: RFC 1191 5 */
		mtu = c->path_mtu > 1500 ? 1500 : c->path_mtu * 3u / 4;
	mtu = max_u32(mtu, least);
	if (c->mtu_state != TCP_MTU_FIXED)
		plpmtud_limit(env, c, mtu, true);
	else if (mtu < c->path_mtu)
		conn_set_mtu(env, c, mtu);
	else
		return;
	c->events |= TCP_EV_PATH_MTU;
	tcp_count(env, mtu_icmp);
}

bool tcp_icmp_input(struct tcp_env *env, struct tcp_conn *c, enum tcp_icmp type, uint32_t seq, uint32_t mtu,
		    uint64_t now_ns)
{
	(void)now_ns;
	if (c->state == TCP_CLOSED || c->state == TCP_TIME_WAIT || !seq_in(seq, c->snd_una, c->snd_nxt))
		return false;
	if (type == TCP_ICMP_TOO_BIG) {
		too_big(env, c, mtu);
		return true;
	}
	if (c->state == TCP_SYN_SENT && hard(type) &&
	    !c->sig_bytes) /* who signs believes no such thing (RFC 5925 7.8) */
		conn_done(env, c, icmp_errno(type));
	else
		conn_report(c, (uint16_t)icmp_errno(type)); /* SHLD-25 */
	return true;
}
