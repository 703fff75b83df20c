// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * rcvtune.c - the receive buffer grows with what the application takes (Dynamic Right-Sizing). A connection
 * begins with conf.rcvbuf_init. Once in each round trip the bytes that were read in it are counted. A sender in slow
 * start may send twice as much in the next one, so the buffer becomes twice that count, and more in proportion when the
 * count itself grows: the window stays ahead of cwnd, and a reader who is slow, or a sender who has little to
 * say, never gets more.
 *
 * The receiver's own estimate of the round trip: the age of the timestamp that a segment echoes (RFC 7323 4), smoothed,
 * since the sender may have sat on it; and the time in which a whole window arrives, which cannot be shorter than
 * a round trip. Both can only be too long, and then the window becomes too large rather than too small.
 *
 * Invariants: rcvbuf never shrinks, so the right edge need not move left (RFC 9293 SHLD-14); it stays within
 * conf.rcvbuf_max, or is what the application has set, and then nothing here touches it.
 */
#include "tcp/internal.h"

#define RTT_MAX_US (1u << 27) /* eight times as much fits; an echoed timestamp can claim anything */

static uint8_t scale_for(uint32_t rcvbuf)
{
	uint8_t shift = 0;

	while (shift < TCP_WSCALE_MAX && rcvbuf >> shift > 65535)
		shift++;
	return shift;
}

void rcvtune_init(const struct tcp_env *env, struct tcp_conn *c)
{
	c->rcvbuf = min_u32(env->conf.rcvbuf_init, env->conf.rcvbuf_max);
	c->rcv_wscale = scale_for(env->conf.rcvbuf_max);
}

void tcp_set_rcvbuf(struct tcp_conn *c, uint32_t bytes)
{
	c->tune |= TCP_TUNE_RCVBUF_SET;
	if (c->state == TCP_SYN_SENT && c->snd_nxt == c->iss) /* the SYN can still say so */
		c->rcv_wscale = scale_for(bytes);
	if (bytes > c->rcvbuf || c->state < TCP_SYN_RECEIVED)
		c->rcvbuf = bytes;
}

static void rtt_is(struct tcp_rcvtune *t, uint32_t us, bool by_window)
{
	us = min_u32(max_u32(us, 1), RTT_MAX_US);
	if (!t->rtt_us_x8 || (by_window && us * 8 < t->rtt_us_x8))
		t->rtt_us_x8 = us * 8;
	else if (!by_window)
		t->rtt_us_x8 += us - (t->rtt_us_x8 >> 3);
}

static void measure_rtt(struct tcp_conn *c, struct tcp_rcvtune *t, const struct tcp_seg *seg, uint64_t now_ns)
{
	uint32_t us = tcp_us(now_ns);

	if (seq_geq(c->rcv_nxt, t->rtt_seq)) {
		rtt_is(t, us - t->rtt_at_us, true);
		t->rtt_seq = c->rcv_adv;
		t->rtt_at_us = us;
	}
	if (c->flags & TCP_F_TS && seg->opts.tsecr && seg->opts.tsecr != t->tsecr && seg->len >= c->rcv_seg_max) {
		uint32_t ticks = tcp_ts_now(c, now_ns) - seg->opts.tsecr;

		t->tsecr = seg->opts.tsecr; /* one echo, one sample: later ones waited for the window */
		if (ticks < 1u << 20)
			rtt_is(t, (ticks ? ticks : 1) << 10, false);
	}
}

/* In the last round trip n bytes were read, in those before at most `before`. */
static void grow(struct tcp_env *env, struct tcp_conn *c, uint32_t before, uint32_t n)
{
	uint64_t want = 2ull * n + 16u * c->rcv_mss;

	want += n - before < before ? want * (n - before) / before * 2 : 2 * want; /* slow start no more than doubles */
	if (c->ooo_count)							   /* held up behind a hole, not read */
		want += recvq_ooo(env, c)->r[c->ooo_count - 1].end - c->rcv_nxt;
	want = min_u64(want, env->conf.rcvbuf_max);
	if (want <= c->rcvbuf || mem_pressed(env->mem))
		return;
	c->rcvbuf = (uint32_t)want;
	tcp_count(env, rcvbuf_grown);
}

static void measure_space(struct tcp_env *env, struct tcp_conn *c, struct tcp_rcvtune *t, uint64_t now_ns)
{
	uint32_t us = tcp_us(now_ns), next = c->rcv_nxt - c->rcvq.len, n = next - t->space_seq;

	if (!t->rtt_us_x8 || us - t->space_at_us < t->rtt_us_x8 >> 3)
		return;
	if (n > t->space) {
		grow(env, c, t->space, n);
		t->space = n;
	}
	t->space_seq = next;
	t->space_at_us = us;
}

void rcvtune_data(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg, uint64_t now_ns)
{
	struct tcp_rcvtune *t;

	if (c->tune & TCP_TUNE_RCVBUF_SET || c->rcvbuf >= env->conf.rcvbuf_max)
		return;
	t = &tcp_cold(c)->rcvtune;
	if (!t->space) { /* the first data */
		t->space = 10u * c->rcv_mss;
		t->space_seq = c->rcv_nxt - c->rcvq.len;
		t->space_at_us = t->rtt_at_us = tcp_us(now_ns);
		t->rtt_seq = c->rcv_adv;
		t->rtt_us_x8 = c->srtt_us_x8; /* the handshake's */
		return;
	}
	measure_rtt(c, t, seg, now_ns);
	measure_space(env, c, t, now_ns);
}
