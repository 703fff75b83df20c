// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* cc.c - the table of congestion control algorithms, and the initial window (RFC 6928). */
#include "tcp/cc.h"

#include "tcp/internal.h"

const struct tcp_cc_ops *const tcp_cc_table[TCP_CC_ALGORITHMS] = {
	[TCP_CC_RENO] = &tcp_cc_reno,
	[TCP_CC_CUBIC] = &tcp_cc_cubic,
	[TCP_CC_DCTCP] = &tcp_cc_dctcp,
	[TCP_CC_BBR] = &tcp_cc_bbr,
};

uint32_t tcp_initial_window(uint32_t mss)
{
	return min_u32(10 * mss, max_u32(2 * mss, 14600));
}

bool tcp_restart_window(struct tcp_conn *c, uint64_t now_ns)
{
	uint32_t wnd = tcp_initial_window(c->mss);

	if (c->cwnd <= wnd || now_ns - c->last_tx_ns <= 1000ull * c->rto_us)
		return false;
	c->cwnd = wnd;
	return true;
}

/*
 * The limit L of RFC 3465 2.2 is applied after a timeout only (tell_cc() in ack.c): acknowledgements of whole bursts are the
 * rule here (GRO at the peer, and our own receiver acknowledges a burst once), and L would make slow start linear.
 */
uint32_t tcp_slow_start(struct tcp_conn *c, uint32_t acked)
{
	uint32_t step = c->cwnd < c->ssthresh ? min_u32(acked, c->ssthresh - c->cwnd) : 0;

	c->cwnd += step;
	return acked - step;
}

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

int tcp_cc_find(const char *name)
{
	for (int i = 0; i < TCP_CC_ALGORITHMS; i++)
		if (same(tcp_cc_table[i]->name, name))
			return i;
	return -1;
}

const char *tcp_cc_name(unsigned int number)
{
	return number < TCP_CC_ALGORITHMS ? tcp_cc_table[number]->name : NULL;
}

void tcp_cc_set(struct tcp_conn *c, uint8_t number)
{
	bool owned = tcp_cc_table[c->cc]->owns_cwnd;

	if (number == c->cc || number >= TCP_CC_ALGORITHMS)
		return;
	tcp_pacing_rate(c, 0);
	c->loss_flags &= (uint16_t)~TCP_L_UNDO; /* what the other one remembers is gone */
	c->cc = number;
	if (owned && !tcp_cc_table[number]->owns_cwnd) { /* its window was measured, and recovery needs an ssthresh */
		c->ssthresh = max_u32(c->cwnd, 2u * c->mss);
		prr_begin(c, 0);
	}
	tcp_cc_table[number]->init(c);
	pacer_choose(c);
}
