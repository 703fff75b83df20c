// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sndtune.c - how much the application may queue. What is in flight stays in the send buffer until it is
 * acknowledged, and as much again must be ready behind it, or the sender runs dry while the application is
 * asleep: twice the larger of cwnd and flight, no less than SNDBUF_MIN, no more than conf.sndbuf_max.
 * It grows only as long as something is queued, so that a loss, which makes cwnd small, does not take the room away that
 * the rate needs again a little later. When the queue has run empty it begins anew: a short path keeps a small,
 * cache-warm queue.
 *
 * While memory is pressed it only shrinks.
 *
 * XTCP_SNDBUF fixes the limit. XTCP_NOTSENT_LOWAT bounds what is queued and was never sent, for those who
 * want to decide late what to send.
 */
#include "tcp/internal.h"

#define SNDBUF_MIN (256u << 10)
#define SNDBUF_PRESSED (16u << 10) /* the same while memory is pressed */

static uint32_t twice(uint32_t n)
{
	return n < 1u << 30 ? 2 * n : 1u << 31;
}

void sndtune_init(const struct tcp_env *env, struct tcp_conn *c)
{
	c->sndbuf = min_u32(mem_pressed(env->mem) ? SNDBUF_PRESSED : SNDBUF_MIN, env->conf.sndbuf_max);
}

void tcp_set_sndbuf(struct tcp_conn *c, uint32_t bytes)
{
	c->tune |= TCP_TUNE_SNDBUF_SET;
	c->sndbuf = bytes;
}

void tcp_set_notsent_lowat(struct tcp_conn *c, uint32_t bytes)
{
	c->tune &= (uint8_t)~TCP_TUNE_LOWAT;
	if (!bytes)
		return;
	c->tune |= TCP_TUNE_LOWAT;
	tcp_cold(c)->notsent_lowat = bytes;
}

uint32_t tcp_notsent_lowat(const struct tcp_conn *c)
{
	return c->tune & TCP_TUNE_LOWAT ? tcp_cold_peek(c)->notsent_lowat : 0;
}

uint32_t tcp_send_limit(const struct tcp_conn *c)
{
	return c->sndbuf;
}

size_t tcp_send_space(const struct tcp_conn *c)
{
	uint32_t space = c->sndq.len < c->sndbuf ? c->sndbuf - c->sndq.len : 0;

	if ((c->state != TCP_ESTABLISHED && c->state != TCP_CLOSE_WAIT && !fastopen_may_send(c)) ||
	    c->flags & TCP_F_FIN_QUEUED)
		return 0;
	if (c->tune & TCP_TUNE_LOWAT) {
		uint32_t unsent = tcp_unsent(c), low = tcp_notsent_lowat(c);

		space = min_u32(space, unsent < low ? low - unsent : 0);
	}
	return space;
}

void sndtune_writable(struct tcp_conn *c)
{
	uint32_t limit = c->sndbuf;

	if (!(c->flags & TCP_F_WAS_FULL))
		return;
	if (c->tune & TCP_TUNE_LOWAT)
		limit = min_u32(limit, tcp_notsent_lowat(c));
	if (tcp_send_space(c) < max_u32(limit / 3, 1))
		return;
	c->flags &= ~(uint32_t)TCP_F_WAS_FULL;
	c->events |= TCP_EV_WRITABLE;
}

void sndtune_ack(struct tcp_env *env, struct tcp_conn *c, uint32_t flight)
{
	bool pressed = mem_pressed(env->mem);
	uint32_t want = max_u32(twice(max_u32(c->cwnd, flight)), pressed ? SNDBUF_PRESSED : SNDBUF_MIN);

	want = min_u32(want, env->conf.sndbuf_max);
	if (!(c->tune & TCP_TUNE_SNDBUF_SET) && (pressed ? want < c->sndbuf : want > c->sndbuf || !c->sndq.len))
		c->sndbuf = want;
	sndtune_writable(c);
}
