// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * opt.c - options of a connection: one table of ranges, one place that sets, one that gets. And its congestion control, which
 * goes by a name.
 */
#include "api/private.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include "lib/fail.h"

_Static_assert((int)XTCP_ECN_PASSIVE == (int)TCP_ECN_PASSIVE && (int)XTCP_ECN_OFF == (int)TCP_ECN_OFF &&
		       (int)XTCP_ECN_ON == (int)TCP_ECN_ON && (int)XTCP_ECN_ACCURATE == (int)TCP_ECN_ACCURATE,
	       "enum xtcp_ecn and enum tcp_ecn_want must agree");

static const struct {
	const char *name;
	int lo, hi;
} ranges[] = {
	[XTCP_NODELAY] = { "NODELAY", 0, 1 },
	[XTCP_KEEPALIVE] = { "KEEPALIVE", 0, 1 },
	[XTCP_KEEPIDLE_S] = { "KEEPIDLE_S", 1, 32767 },
	[XTCP_KEEPINTVL_S] = { "KEEPINTVL_S", 1, 32767 },
	[XTCP_KEEPCNT] = { "KEEPCNT", 1, 127 },
	[XTCP_USER_TIMEOUT_MS] = { "USER_TIMEOUT_MS", 0, INT_MAX },
	[XTCP_TCLASS] = { "TCLASS", 0, 255 },
	[XTCP_TTL] = { "TTL", 1, 255 },
	[XTCP_SNDBUF] = { "SNDBUF", 4096, 1 << 30 },
	[XTCP_RCVBUF] = { "RCVBUF", 4096, 1 << 30 },
	[XTCP_MAXSEG] = { "MAXSEG", TCP_MSS_FLOOR, 65495 },
	[XTCP_QUICKACK] = { "QUICKACK", 0, 1 },
	[XTCP_LINGER_MS] = { "LINGER_MS", -1, INT_MAX },
	[XTCP_NOTSENT_LOWAT] = { "NOTSENT_LOWAT", 0, INT_MAX },
	[XTCP_ECN] = { "ECN", XTCP_ECN_PASSIVE, XTCP_ECN_ACCURATE },
	[XTCP_MAX_PACING_RATE] = { "MAX_PACING_RATE", 0, INT_MAX },
	[XTCP_SOFT_ERRORS] = { "SOFT_ERRORS", 0, 1 },
	[XTCP_KEEPOCTET] = { "KEEPOCTET", 0, 1 },
	[XTCP_USER_TIMEOUT_OPT] = { "USER_TIMEOUT_OPT", 0, 1 },
	[XTCP_FASTOPEN_CONNECT] = { "FASTOPEN_CONNECT", 1, 1 },
	[XTCP_SYN_RETRIES] = { "SYN_RETRIES", 0, 255 },
	[XTCP_FIN_WAIT2_MS] = { "FIN_WAIT2_MS", 0, INT_MAX },
	[XTCP_PACING] = { "PACING", 0, 1 },
};

static void set_flag(struct tcp_conn *c, uint32_t flag, int on)
{
	c->flags = on ? c->flags | flag : c->flags & ~flag;
}

static void set_tune(struct tcp_conn *c, uint8_t flag, int on)
{
	c->tune = (uint8_t)(on ? c->tune | flag : c->tune & ~flag);
}

static void apply(struct tcp_env *env, struct tcp_conn *c, enum xtcp_opt opt, int v, uint64_t now_ns)
{
	switch (opt) {
	case XTCP_NODELAY: set_flag(c, TCP_F_NODELAY, v); break;
	case XTCP_KEEPALIVE: tcp_keepalive_set(c, v != 0, now_ns); break;
	case XTCP_KEEPIDLE_S:
		c->keepidle_s = (uint16_t)v;
		tcp_keepalive_set(c, (c->flags & TCP_F_KEEPALIVE) != 0, now_ns);
		break;
	case XTCP_KEEPINTVL_S: c->keepintvl_s = (uint16_t)v; break;
	case XTCP_KEEPCNT: c->keepcnt = (uint8_t)v; break;
	case XTCP_USER_TIMEOUT_MS: tcp_set_user_timeout(c, (uint32_t)v); break;
	case XTCP_TCLASS: c->tclass = (uint8_t)(v & 0xfc); break;
	case XTCP_TTL: c->ttl = (uint8_t)v; break;
	case XTCP_SNDBUF: tcp_set_sndbuf(c, (uint32_t)v); break;
	case XTCP_RCVBUF: tcp_set_rcvbuf(c, (uint32_t)v); break;
	case XTCP_MAXSEG: tcp_set_maxseg(env, c, (uint16_t)v); break;
	case XTCP_QUICKACK: set_flag(c, TCP_F_QUICKACK, v); break;
	case XTCP_LINGER_MS: c->linger_ms = v; break;
	case XTCP_NOTSENT_LOWAT: tcp_set_notsent_lowat(c, (uint32_t)v); break;
	case XTCP_ECN: c->ecn.want = (uint8_t)v; break;
	case XTCP_MAX_PACING_RATE: tcp_pacing_limit(c, (uint64_t)v); break;
	case XTCP_SOFT_ERRORS: set_tune(c, TCP_TUNE_QUIET, !v); break;
	case XTCP_USER_TIMEOUT_OPT: tcp_set_uto(c, v); break;
	case XTCP_KEEPOCTET: set_tune(c, TCP_TUNE_KEEP_OCTET, v); break;
	case XTCP_FASTOPEN_CONNECT: break; /* the engine's */
	case XTCP_SYN_RETRIES: tcp_set_syn_retries(c, (uint8_t)v); break;
	case XTCP_FIN_WAIT2_MS: tcp_set_fin_wait2(c, (uint32_t)v); break;
	case XTCP_PACING: tcp_set_pacing(c, v); break;
	}
}

int xtcp_setopt(struct xtcp *x, xtcp_conn h, enum xtcp_opt opt, int value)
{
	struct tcp_conn *c = engine_conn(x->engine, h);

	if ((size_t)opt >= sizeof(ranges) / sizeof(ranges[0]))
		return fail(ENOPROTOOPT, "there is no connection option %d", (int)opt);
	if (!c)
		return fail(EBADF, "the handle is stale: the connection was closed");
	if (value < ranges[opt].lo || value > ranges[opt].hi)
		return fail(EINVAL, "XTCP_%s is %d to %d, not %d", ranges[opt].name, ranges[opt].lo, ranges[opt].hi,
			    value);
	if (opt == XTCP_ECN && c->snd_nxt != c->iss)
		return fail(EISCONN, "XTCP_ECN comes too late: the SYN has been sent");
	if (opt == XTCP_FASTOPEN_CONNECT && engine_connect_fastopen(x->engine, h))
		return fail(EISCONN, "XTCP_FASTOPEN_CONNECT comes right after xtcp_connect: the SYN has left");
	apply(engine_env(x->engine), c, opt, value, engine_now(x->engine));
	engine_touch(x->engine, h);
	return 0;
}

static int current(const struct tcp_conn *c, enum xtcp_opt opt)
{
	switch (opt) {
	case XTCP_NODELAY: return !!(c->flags & TCP_F_NODELAY);
	case XTCP_KEEPALIVE: return !!(c->flags & TCP_F_KEEPALIVE);
	case XTCP_KEEPIDLE_S: return c->keepidle_s;
	case XTCP_KEEPINTVL_S: return c->keepintvl_s;
	case XTCP_KEEPCNT: return c->keepcnt;
	case XTCP_USER_TIMEOUT_MS: return (int)c->user_timeout_ms;
	case XTCP_TCLASS: return c->tclass;
	case XTCP_TTL: return c->ttl;
	case XTCP_SNDBUF: return (int)c->sndbuf;
	case XTCP_RCVBUF: return (int)c->rcvbuf;
	case XTCP_MAXSEG: return c->mss;
	case XTCP_QUICKACK: return !!(c->flags & TCP_F_QUICKACK);
	case XTCP_LINGER_MS: return c->linger_ms;
	case XTCP_NOTSENT_LOWAT: return (int)tcp_notsent_lowat(c);
	case XTCP_ECN: return c->ecn.want;
	case XTCP_MAX_PACING_RATE: return (int)tcp_pacing_limit_now(c);
	case XTCP_SOFT_ERRORS: return !(c->tune & TCP_TUNE_QUIET);
	case XTCP_USER_TIMEOUT_OPT: return !!(c->tune & TCP_TUNE_UTO);
	case XTCP_KEEPOCTET: return !!(c->tune & TCP_TUNE_KEEP_OCTET);
	case XTCP_FASTOPEN_CONNECT: return !!(c->fastopen & TCP_FO_ACTIVE);
	case XTCP_SYN_RETRIES: return tcp_cold_peek(c)->syn_retries;
	case XTCP_FIN_WAIT2_MS: return (int)tcp_cold_peek(c)->fin_wait2_ms;
	case XTCP_PACING: return !!(c->tune & TCP_TUNE_PACING);
	}
	return 0;
}

int xtcp_getopt(struct xtcp *x, xtcp_conn h, enum xtcp_opt opt, int *value)
{
	const struct tcp_conn *c = engine_conn(x->engine, h);

	if ((size_t)opt >= sizeof(ranges) / sizeof(ranges[0]))
		return fail(ENOPROTOOPT, "there is no connection option %d", (int)opt);
	if (!c)
		return fail(EBADF, "the handle is stale: the connection was closed");
	*value = current(c, opt);
	return 0;
}

/* ---- congestion control ---- */

const char *xtcp_cc_name(unsigned int index)
{
	return tcp_cc_name(index);
}

int api_find_cc(const char *name)
{
	char all[128] = "";
	size_t at = 0;
	int number = tcp_cc_find(name);

	if (number >= 0)
		return number;
	for (unsigned int i = 0; tcp_cc_name(i) && at < sizeof(all); i++)
		at += (size_t)snprintf(all + at, sizeof(all) - at, "%s%s", i ? ", " : "", tcp_cc_name(i));
	return fail(EINVAL, "no congestion control '%s'; there is: %s", name, all);
}

int xtcp_set_cc(struct xtcp *x, xtcp_conn h, const char *name)
{
	struct tcp_conn *c = engine_conn(x->engine, h);
	int number;

	if (!c)
		return fail(EBADF, "the handle is stale: the connection was closed");
	number = api_find_cc(name);
	if (number < 0)
		return number;
	tcp_cc_set(c, (uint8_t)number);
	engine_touch(x->engine, h);
	return 0;
}

const char *xtcp_get_cc(struct xtcp *x, xtcp_conn h)
{
	const struct tcp_conn *c = engine_conn(x->engine, h);

	return c ? tcp_cc_name(c->cc) : NULL;
}
