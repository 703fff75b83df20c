// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * recvq.c - the receive queue: a byte ring into which segments are copied at their
 * place, in order or not, and a bounded list of the out-of-order ranges (RFC 9293
 * SHLD-31), from which the SACK blocks are read (RFC 2018). The frame a segment came
 * in can be given back at once; a flood of tiny segments cannot grow a list.
 *
 * Invariants: rcvq.len bytes are in order; the byte behind them is rcv_nxt (as long as
 * FIN has not been counted); ranges are ordered, disjoint, not adjacent, right of rcv_nxt.
 */
#include "tcp/internal.h"

static bool ooo_alloc(struct tcp_env *env, struct tcp_conn *c)
{
	if (c->ooo)
		return true;
	c->ooo = mem_alloc(env->mem, mem_order(sizeof(struct tcp_ooo)));
	if (!c->ooo)
		return false;
	return true;
}

static void ooo_release(struct tcp_env *env, struct tcp_conn *c)
{
	mem_free(env->mem, c->ooo, mem_order(sizeof(struct tcp_ooo)));
	c->ooo = 0;
	c->ooo_count = 0;
}

static bool listed(const uint8_t *list, uint32_t n, uint32_t i)
{
	while (n--)
		if (list[n] == i)
			return true;
	return false;
}

/*
 * Ranges [i, j) became one at i that has just grown, or (joined false) are gone. Afterwards min(count, TCP_SACK_MAX)
 * entries of recent[] are valid; known: how many ranges there were before.
 */
static void recent_update(struct tcp_ooo *o, uint32_t i, uint32_t j, bool joined, uint32_t known, uint32_t count)
{
	uint8_t old[TCP_SACK_MAX];
	uint32_t n = 0, want = min_u32(count, TCP_SACK_MAX);

	memcpy(old, o->recent, sizeof(old));
	if (joined)
		o->recent[n++] = (uint8_t)i;
	for (uint32_t k = 0; k < min_u32(known, TCP_SACK_MAX) && n < want; k++) {
		if (old[k] < i)
			o->recent[n++] = old[k];
		else if (old[k] >= j)
			o->recent[n++] = (uint8_t)(old[k] - (j - i) + joined);
	}
	for (uint32_t k = 0; n < want; k++) /* grew longer ago than is remembered */
		if (!listed(o->recent, n, k))
			o->recent[n++] = (uint8_t)k;
}

/* Enter [start, end) into the list. False: the list is full and the range joins none. */
static bool ooo_insert(struct tcp_env *env, struct tcp_conn *c, uint32_t start, uint32_t end)
{
	struct tcp_ooo *o = recvq_ooo(env, c);
	uint32_t i = 0, j, known = c->ooo_count;

	while (i < c->ooo_count && seq_lt(o->r[i].end, start))
		i++;
	j = i; /* ranges i .. j - 1 touch the new one */
	while (j < c->ooo_count && seq_leq(o->r[j].start, end))
		j++;
	if (i == j) {
		if (c->ooo_count == TCP_OOO_RANGES)
			return false;
		memmove(&o->r[i + 1], &o->r[i], (c->ooo_count - i) * sizeof(o->r[0]));
		c->ooo_count++;
		o->r[i].start = start;
		o->r[i].end = end;
	} else {
		o->r[i].start = seq_min(o->r[i].start, start);
		o->r[i].end = seq_max(o->r[j - 1].end, end);
		memmove(&o->r[i + 1], &o->r[j], (c->ooo_count - j) * sizeof(o->r[0]));
		c->ooo_count -= j - i - 1;
	}
	recent_update(o, i, j, true, known, c->ooo_count);
	return true;
}

/* Ranges that rcv_nxt has reached become readable. */
static void ooo_merge(struct tcp_env *env, struct tcp_conn *c)
{
	struct tcp_ooo *o = recvq_ooo(env, c);
	uint32_t gone = 0;

	while (gone < c->ooo_count && seq_leq(o->r[gone].start, c->rcv_nxt)) {
		if (seq_gt(o->r[gone].end, c->rcv_nxt)) {
			c->rcvq.len += o->r[gone].end - c->rcv_nxt;
			c->rcv_nxt = o->r[gone].end;
		}
		gone++;
	}
	if (!gone)
		return;
	c->ooo_count -= gone;
	if (!c->ooo_count) {
		ooo_release(env, c);
		return;
	}
	memmove(&o->r[0], &o->r[gone], c->ooo_count * sizeof(o->r[0]));
	recent_update(o, 0, gone, false, c->ooo_count + gone, c->ooo_count);
}

/* Right edge of everything stored, from the ring's head. */
static uint32_t extent(struct tcp_env *env, const struct tcp_conn *c)
{
	if (!c->ooo_count)
		return c->rcvq.len;
	return c->rcvq.len + (recvq_ooo(env, c)->r[c->ooo_count - 1].end - c->rcv_nxt);
}

/* Copy len bytes of the payload from byte `skip` on to ring offset off. */
static void copy_in(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg, uint32_t skip, uint32_t off,
		    uint32_t len)
{
	for (uint32_t i = 0; i < seg->nspans && len; i++) {
		uint32_t n = seg->span[i].len;

		if (skip >= n) {
			skip -= n;
			continue;
		}
		n = min_u32(n - skip, len);
		ring_write(env, &c->rcvq, off, seg->span[i].data + skip, n);
		skip = 0;
		off += n;
		len -= n;
	}
}

/* Only bytes that are here: what [start, end) has in common with what was received in order, or with the first range. */
void recvq_duplicate(struct tcp_env *env, struct tcp_conn *c, uint32_t start, uint32_t end)
{
	if (!(c->flags & TCP_F_SACK) || seq_geq(start, end))
		return;
	if (seq_lt(start, c->rcv_nxt)) {
		uint64_t old = c->rcv_nxt - start;

		if (old > tcp_cold_peek(c)->account.bytes_received + !!(c->flags & TCP_F_FIN_RCVD) ||
		    old > 2ull * recvq_window_max(c))
			return; /* never received, or so old that it says nothing */
		c->dsack = (struct tcp_range){ start, seq_min(end, c->rcv_nxt) };
		tcp_count(env, out_dsacks);
		return;
	}
	for (uint32_t i = 0; i < c->ooo_count; i++) {
		struct tcp_range r = recvq_ooo(env, c)->r[i];

		if (seq_leq(r.end, start))
			continue;
		if (seq_lt(r.start, end)) {
			c->dsack = (struct tcp_range){ seq_max(start, r.start), seq_min(end, r.end) };
			tcp_count(env, out_dsacks);
		}
		return;
	}
}

/*
 * Room for text [start, *end), which begins at ring offset off. Without memory what the ring still holds is
 * taken of it, if it is in order. False: nothing.
 */
static bool make_room(struct tcp_env *env, struct tcp_conn *c, uint32_t start, uint32_t *end, uint32_t off)
{
	uint32_t need = off + (*end - start);

	if (start != c->rcv_nxt) {
		if (mem_short(env->mem) && (!c->ooo || need > c->rcvq.size)) { /* what is left is for data in order */
			tcp_count(env, in_ooo_memory);
			return false;
		}
		if (!ooo_alloc(env, c) || !ring_reserve(env, &c->rcvq, extent(env, c), need, c->rcv_hint)) {
			tcp_count(env, in_no_memory);
			if (c->ooo && !c->ooo_count)
				ooo_release(env, c);
			return false;
		}
		return true;
	}
	if (ring_reserve(env, &c->rcvq, extent(env, c), need, c->rcv_hint))
		return true;
	tcp_count(env, in_no_memory);
	if (c->rcvq.size <= off)
		return false;
	*end = start + (c->rcvq.size - off);
	return true;
}

/* In order, in one piece, within the window, and the ring has room: nothing else is to be decided. */
static bool put_plainly(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg)
{
	uint32_t off = c->rcvq.len, need = off + seg->len;

	if (seg->seq != c->rcv_nxt || c->ooo_count || seg->nspans != 1 || need > c->rcvq.size ||
	    seg->len > c->rcv_adv - c->rcv_nxt)
		return false;
	ring_write(env, &c->rcvq, off, seg->span[0].data, seg->len);
	c->rcvq.peak = max_u32(c->rcvq.peak, need);
	c->rcvq.len = need;
	c->rcv_nxt += seg->len;
	return true;
}

uint32_t recvq_put(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg)
{
	uint32_t start = seg->seq, end = seg->seq + seg->len, before = c->rcv_nxt, off;

	if (put_plainly(env, c, seg))
		return seg->len;
	if (seq_lt(start, c->rcv_nxt) || c->ooo_count)
		recvq_duplicate(env, c, start, end);
	if (seq_lt(start, c->rcv_nxt))
		start = c->rcv_nxt;
	if (seq_gt(end, c->rcv_adv))
		end = c->rcv_adv;
	if (seq_geq(start, end))
		return 0;
	off = c->rcvq.len + (start - c->rcv_nxt);
	if (!make_room(env, c, start, &end, off))
		return 0;
	if (start != c->rcv_nxt) {
		if (!ooo_insert(env, c, start, end)) {
			tcp_count(env, in_ooo_limit);
			return 0;
		}
		tcp_count(env, in_ooo);
		tcp_cold(c)->account.ooo_segs_in++;
		copy_in(env, c, seg, start - seg->seq, off, end - start);
		return 0;
	}
	copy_in(env, c, seg, start - seg->seq, off, end - start);
	c->rcvq.len += end - start;
	c->rcv_nxt = end;
	if (c->ooo_count)
		ooo_merge(env, c);
	return c->rcv_nxt - before;
}

void recvq_cut(struct tcp_env *env, struct tcp_conn *c, uint32_t fin)
{
	uint32_t before = c->ooo_count, last;
	struct tcp_ooo *o;

	if (!before)
		return;
	o = recvq_ooo(env, c);
	while (c->ooo_count && seq_geq(o->r[c->ooo_count - 1].start, fin))
		c->ooo_count--;
	if (c->ooo_count) {
		last = c->ooo_count - 1;
		o->r[last].end = seq_min(o->r[last].end, fin);
		recent_update(o, c->ooo_count, before, false, before, c->ooo_count);
		return;
	}
	ooo_release(env, c);
	if (!c->rcvq.len)
		ring_release(env, &c->rcvq, &c->rcv_hint);
}

void recvq_prune(struct tcp_env *env, struct tcp_conn *c)
{
	if (seq_gt(c->dsack.end, c->rcv_nxt)) /* would pass for the report of what is no longer here */
		c->dsack.end = c->dsack.start;
	ooo_release(env, c);
	if (!c->rcvq.len)
		ring_release(env, &c->rcvq, &c->rcv_hint);
}

void recvq_free(struct tcp_env *env, struct tcp_conn *c)
{
	if (c->ooo)
		ooo_release(env, c);
	ring_release(env, &c->rcvq, &c->rcv_hint);
}
