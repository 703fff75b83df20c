// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * account.c - what a connection tells of itself besides its variables: segments with data,
 * times of the last ones, retransmission timeouts, and where the time of sending went
 * (Linux's TCP_INFO: tcpi_busy_time, tcpi_rwnd_limited, tcpi_sndbuf_limited).
 *
 * The chronograph: while anything is unsent or unacknowledged the connection is busy, and
 * at each moment one thing holds it back: the peer's window, or a send buffer that keeps
 * the application from giving more, or else the network (its cwnd). The times of the first two
 * are parts of the busy time. tcp_output() and acknowledgements move it; between two of them
 * nothing changes.
 *
 * Invariant: rwnd_limited_ns + sndbuf_limited_ns <= busy_ns.
 */
#include "tcp/internal.h"

static void settle(struct tcp_account *a, enum tcp_limit limit, uint64_t now_ns)
{
	uint64_t passed = now_ns - a->since_ns;

	a->since_ns = now_ns;
	if (limit == TCP_LIMIT_IDLE)
		return;
	a->busy_ns += passed;
	if (limit == TCP_LIMIT_RWND)
		a->rwnd_limited_ns += passed;
	else if (limit == TCP_LIMIT_SNDBUF)
		a->sndbuf_limited_ns += passed;
}

void account_limit(struct tcp_conn *c, enum tcp_limit limit, uint64_t now_ns)
{
	if (c->limit == limit)
		return;
	settle(&tcp_cold(c)->account, (enum tcp_limit)c->limit, now_ns);
	c->limit = (uint8_t)limit;
}

/* The next segment would pass the peer's window, and cwnd would let it go. */
static bool window_holds(const struct tcp_conn *c, uint32_t unsent)
{
	uint32_t len = min_u32(unsent, c->mss);

	return len && tcp_flight(c) + len > c->snd_wnd && tcp_pipe(c) + len <= c->cwnd;
}

void account_output(struct tcp_conn *c, uint64_t now_ns)
{
	uint32_t unsent = tcp_unsent(c);
	enum tcp_limit limit = TCP_LIMIT_CWND;

	if (!c->recs.count && !unsent && !tcp_fin_due(c))
		limit = TCP_LIMIT_IDLE;
	else if (window_holds(c, unsent))
		limit = TCP_LIMIT_RWND;
	else if (!unsent && c->flags & TCP_F_WAS_FULL)
		limit = TCP_LIMIT_SNDBUF;
	account_limit(c, limit, now_ns);
}

void account_rto(struct tcp_conn *c, uint64_t now_ns)
{
	struct tcp_account *a = &tcp_cold(c)->account;

	c->rto_count++;
	if (!a->retransmits) {
		a->rto_recoveries++;
		a->rto_since_ms = tcp_ms(now_ns);
	}
	a->retransmits += a->retransmits < UINT8_MAX;
}

void account_acked(struct tcp_conn *c, uint64_t now_ns)
{
	struct tcp_account *a;

	if (!c->rto_count)
		return;
	a = &tcp_cold(c)->account;
	if (!a->retransmits)
		return;
	a->retransmits = 0;
	a->rto_time_ms += tcp_ms(now_ns) - a->rto_since_ms;
}

struct tcp_account tcp_account_now(const struct tcp_conn *c, uint64_t now_ns)
{
	struct tcp_account a = tcp_cold_peek(c)->account;

	if (c->state == TCP_CLOSED) /* by then it was over */
		now_ns = a.since_ns > c->last_rx_ns ? a.since_ns : c->last_rx_ns;
	settle(&a, (enum tcp_limit)c->limit, now_ns);
	a.data_rx_ms = a.data_segs_in ? tcp_ms(now_ns) - a.data_rx_ms : UINT32_MAX;
	if (a.retransmits)
		a.rto_time_ms += tcp_ms(now_ns) - a.rto_since_ms;
	return a;
}
