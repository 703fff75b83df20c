// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sack.c - what the peer's SACK blocks say of our segments in flight (RFC 2018 5):
 * records wholly inside a block are marked. A mark is advice: the data is kept until
 * the cumulative acknowledgement passes it, and marks are forgotten when a timeout
 * shows that the receiver took one back (RFC 2018 8).
 */
#include "tcp/internal.h"

static bool mark_block(struct tcp_env *env, struct tcp_conn *c, struct tcp_range b, struct ack_info *a)
{
	bool news = false;

	for (uint32_t i = recs_find(env, c, b.start); i < c->recs.count; i++) {
		struct tcp_rec *r = recs_at(env, c, i);

		if (seq_gt(r->seq + r->len, b.end))
			break;
		if (r->flags & TCP_REC_SACKED || seq_lt(r->seq, b.start))
			continue;
		rate_delivered(c, r, a);
		rack_delivered(c, r, a);
		if (r->flags & TCP_REC_LOST) {
			r->flags &= (uint8_t)~TCP_REC_LOST;
			c->lost -= r->len;
		}
		r->flags |= TCP_REC_SACKED;
		c->sacked += r->len;
		c->sacked_segs++;
		a->delivered += r->len;
		a->segs++;
		news = true;
	}
	return news;
}

/* RFC 2883 4: the first block lies left of the acknowledgement, or within the second. */
static bool is_dsack(const struct tcp_conn *c, const struct tcp_opts *o, uint32_t ack)
{
	struct tcp_range b = o->sack[0];

	if (!seq_lt(b.start, b.end) || seq_gt(b.end, c->snd_nxt) || b.end - b.start > c->max_snd_wnd)
		return false;
	if (seq_leq(b.end, ack)) /* not older than a window, or it is forged or says nothing any more */
		return seq_geq(b.start, tcp_ack_floor(c));
	return o->nsack > 1 && seq_geq(b.start, o->sack[1].start) && seq_leq(b.end, o->sack[1].end);
}

void sack_update(struct tcp_env *env, struct tcp_conn *c, const struct tcp_opts *o, struct ack_info *a)
{
	a->dsack = is_dsack(c, o, a->ack);
	if (a->dsack) {
		a->twice = o->sack[0];
		tcp_cold(c)->reorder.dsack_dups += (a->twice.end - a->twice.start + c->mss - 1) / c->mss;
		tcp_count(env, in_dsacks);
	}
	if (!c->recs.count)
		return;
	for (uint32_t i = 0; i < o->nsack; i++) {
		struct tcp_range b = o->sack[i];

		/* only what is in flight and the right way round; anything else is old, DSACK or a lie */
		if (!seq_lt(b.start, b.end) || seq_lt(b.start, c->snd_una) || seq_gt(b.end, c->snd_nxt))
			continue;
		if (mark_block(env, c, b, a)) {
			a->new_sack = true;
			if (c->sacked && seq_gt(b.end, c->high_sacked))
				c->high_sacked = b.end;
		}
	}
}

void sack_reneged(struct tcp_env *env, struct tcp_conn *c)
{
	tcp_count(env, sack_reneges);
	for (uint32_t i = 0; i < c->recs.count; i++)
		recs_at(env, c, i)->flags &= (uint8_t)~TCP_REC_SACKED;
	c->sacked = c->sacked_segs = 0;
	c->high_sacked = c->snd_una;
}
