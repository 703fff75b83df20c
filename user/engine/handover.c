// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * handover.c - frames that arrived at an engine that does not have their connection,
 * and frames that sisters have handed over. See sisters.h for the rings.
 *
 * Invariant: only a frame that came from the port follows its hint; one that has been
 * handed over goes round by seats at most. So none travels for ever.
 */
#include "engine/private.h"

#include "xtcp/flow.h"

#define HANDOVER_BURSTS 4 /* of one ring in a turn: the port's own frames come first */

static bool give(struct engine *e, const struct io_pkt *pkt, uint32_t to, uint8_t looked)
{
	if (sisters_put(e->sisters, e->seat, to, pkt, looked))
		count(e, out_handed_over);
	else
		count(e, handover_full);
	return true;
}

bool handover_hinted(struct engine *e, const struct io_pkt *pkt)
{
	uint32_t hint = pkt->has_meta ? pkt->meta.conn_hint : 0, to = hint >> XTCP_FLOW_ENGINE_SHIFT;

	if (!(hint & XTCP_FLOW_CONN) || e->handed || to == e->seat || to >= SISTERS_MAX ||
	    !(atomic_load_explicit(&e->sisters->shared->seats, memory_order_acquire) >> to & 1))
		return false;
	return give(e, pkt, to, 0);
}

/* The next engine that lives, by seats. */
static uint32_t next_of(uint64_t seats, uint32_t seat)
{
	uint64_t behind = seat == 63 ? 0 : seats >> (seat + 1) << (seat + 1);

	return (uint32_t)__builtin_ctzll(behind ? behind : seats);
}

bool handover_pass_on(struct engine *e, const struct io_pkt *pkt)
{
	uint64_t seats = atomic_load_explicit(&e->sisters->shared->seats, memory_order_acquire);
	int looked = (e->handed ? e->handed[pkt - e->pkt] : 0) + 1;

	if (looked >= __builtin_popcountll(seats))
		return false;
	return give(e, pkt, next_of(seats, e->seat), (uint8_t)looked);
}

static void input_from(struct engine *e, uint32_t from)
{
	uint8_t looked[IO_BURST];
	int n = IO_BURST;

	for (int i = 0; n == IO_BURST && i < HANDOVER_BURSTS; i++) {
		n = sisters_take(e->sisters, from, e->seat, e->pkt, looked, IO_BURST);
		if (!n)
			return;
		count_n(e, in_handed_over, (uint64_t)n);
		e->handed = looked;
		input_pkts(e, n);
		e->handed = NULL;
		for (int k = 0; k < n; k++) /* its receiver has counted them */
			count_n(e, rx_bytes, -(uint64_t)e->pkt[k].len);
		sisters_done(e->sisters, from, e->seat, n);
	}
	if (n == IO_BURST) /* there may be more */
		atomic_fetch_or(&e->sisters->shared->seat[e->seat].pending, 1ull << from);
}

void handover_input(struct engine *e)
{
	uint64_t from = atomic_exchange(&e->sisters->shared->seat[e->seat].pending, 0);

	for (; from; from &= from - 1)
		input_from(e, (uint32_t)__builtin_ctzll(from));
}

bool handover_tuple_taken(const struct engine *e, const struct xtcp_addr *l, const struct xtcp_addr *r, uint16_t lport,
			  uint16_t rport)
{
	uint32_t h = xtcp_flow_hash(l, r, lport, rport, e->flow_key);

	for (uint32_t i = 0; e->flows && i < XTCP_FLOW_PROBES; i++) {
		const struct xtcp_flow *f = &e->flows[(h + i) & (XTCP_FLOWS - 1)];
		uint32_t conn = __atomic_load_n(&f->conn, __ATOMIC_ACQUIRE);

		if (conn & XTCP_FLOW_CONN && (conn & ~XTCP_FLOW_CONN) != e->flow_tag && f->local_port == lport &&
		    f->remote_port == rport && addr_eq(&f->remote, r) && addr_eq(&f->local, l))
			return true;
	}
	return false;
}
