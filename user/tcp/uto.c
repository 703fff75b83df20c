// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * uto.c - the user timeout option (RFC 5482): each side tells for how long it wants unacknowledged data to be
 * tolerated, so that a connection survives an outage that both can wait for. Off by default (ENABLED, 3.1).
 *
 * The timeout in force is min(U_LIMIT, max(ours, the peer's, L_LIMIT)): conf.uto_high_s and conf.uto_low_s bound
 * what a peer can make us wait. One that the application has set itself is not changed (CHANGEABLE): then ours is only
 * told. The option is in our SYN, and in the next segment with room for it when ours changes; it is not sent again.
 * A SYN that goes for the third time has none: a firewall may drop what it does not know. A later segment tells.
 */
#include "tcp/internal.h"

#define UTO_MINUTES 0x8000u
#define UTO_MAX 0x7fffu

/* What we ask for, in seconds. */
static uint32_t ours(const struct tcp_env *env, const struct tcp_conn *c)
{
	uint64_t s = env->conf.r2_ns / 1000000000ull;

	if (c->tune & TCP_TUNE_TIMEOUT_SET)
		s = (c->user_timeout_ms + 999ull) / 1000;
	return (uint32_t)min_u64(s ? s : 1, UTO_MAX * 60ull);
}

uint16_t uto_field(const struct tcp_env *env, const struct tcp_conn *c)
{
	uint32_t s = ours(env, c);

	return (uint16_t)(s <= UTO_MAX ? s : UTO_MINUTES | (s + 59) / 60);
}

bool uto_owed(const struct tcp_conn *c)
{
	return c->tune & TCP_TUNE_UTO && tcp_cold_peek(c)->uto_owed;
}

void uto_sent(struct tcp_conn *c)
{
	tcp_cold(c)->uto_owed = false;
}

bool uto_syn_again(struct tcp_conn *c)
{
	if (c->backoff < 2)
		return false;
	tcp_cold(c)->uto_owed = true;
	return true;
}

void uto_received(const struct tcp_env *env, struct tcp_conn *c, const struct tcp_opts *o)
{
	uint32_t s = o->uto & UTO_MAX;

	if (!(o->present & TCP_OPT_UTO) || !(c->tune & TCP_TUNE_UTO) || !s) /* zero means nothing (3.1) */
		return;
	if (o->uto & UTO_MINUTES)
		s *= 60;
	if (c->tune & TCP_TUNE_TIMEOUT_SET)
		return;
	s = max_u32(max_u32(s, ours(env, c)), env->conf.uto_low_s);
	c->user_timeout_ms = min_u32(s, env->conf.uto_high_s) * 1000;
}

void tcp_set_uto(struct tcp_conn *c, bool on)
{
	c->tune &= (uint8_t)~TCP_TUNE_UTO;
	if (!on)
		return;
	c->tune |= TCP_TUNE_UTO;
	if (c->flags & TCP_F_SYN_ACKED)
		tcp_cold(c)->uto_owed = true;
}

void tcp_set_user_timeout(struct tcp_conn *c, uint32_t ms)
{
	c->user_timeout_ms = ms;
	c->tune = (uint8_t)(ms ? c->tune | TCP_TUNE_TIMEOUT_SET : c->tune & ~TCP_TUNE_TIMEOUT_SET);
	if (c->tune & TCP_TUNE_UTO && c->flags & TCP_F_SYN_ACKED)
		tcp_cold(c)->uto_owed = true;
}
