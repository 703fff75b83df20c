// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * memory.c - what buffer memory a connection holds, and what it can let go when memory is short. The engine
 * decides when (engine/pressure.c):
 *
 *   pressed  windows and send buffers stop growing (recvq.c, rcvtune.c, sndtune.c); the right edge stays where
 *            it has been announced (RFC 9293 SHLD-14) and moves on in small steps
 *   short    out-of-order data is dropped, which RFC 2018 8 allows, before anything in order is refused
 *
 * Which connections may be given up for their memory is judged here, too: an orphan, and one whose peer keeps its window
 * shut although it answers the probes (RFC 6429 3).
 */
#include "tcp/internal.h"

const struct tcp_cold tcp_cold_zero;

uint64_t tcp_memory(const struct tcp_conn *c)
{
	uint64_t bytes = (uint64_t)c->sndq.size + c->rcvq.size;

	if (c->recs.cap)
		bytes += (1ull << MEM_MIN_SHIFT) << mem_order((uint64_t)c->recs.cap * sizeof(struct tcp_rec));
	if (c->ooo)
		bytes += (1ull << MEM_MIN_SHIFT) << mem_order(sizeof(struct tcp_ooo));
	return bytes;
}

void tcp_prune(struct tcp_env *env, struct tcp_conn *c)
{
	if (c->ooo_count) {
		recvq_prune(env, c);
		tcp_count(env, ooo_pruned);
	}
	ring_fit(env, &c->rcvq);
	ring_fit(env, &c->sndq);
}

bool tcp_window_stuck(const struct tcp_env *env, const struct tcp_conn *c)
{
	return tcp_synchronised(c) && !c->snd_wnd && !c->recs.count && (tcp_unsent(c) || tcp_fin_due(c)) &&
	       c->probes >= env->conf.zero_window_probes;
}
