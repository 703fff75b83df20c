// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * record.c - ends of records (XTCP_EOR; MSG_EOR of Linux): places in the stream that no segment crosses, for applications
 * whose peer, or whose own clock, looks at segments. A mark is kept until it has been sent: what is sent again keeps to
 * the segments of the first time.
 *
 * Invariant: the marks ascend.
 */
#include "tcp/internal.h"

static uint32_t *mark(struct tcp_records *r, uint32_t i)
{
	return &r->end[(r->head + i) % TCP_RECORDS];
}

static struct tcp_records *waiting(struct tcp_conn *c)
{
	struct tcp_records *r = &tcp_cold(c)->records;

	for (; r->count && seq_leq(*mark(r, 0), c->snd_nxt); r->count--)
		r->head = (uint8_t)((r->head + 1) % TCP_RECORDS);
	return r;
}

bool tcp_record_room(struct tcp_conn *c)
{
	if (waiting(c)->count < TCP_RECORDS)
		return true;
	c->flags |= TCP_F_WAS_FULL;
	return false;
}

int tcp_record_end(struct tcp_conn *c)
{
	struct tcp_records *r = waiting(c);
	uint32_t end = c->sndq_seq + c->sndq.len;

	if (seq_leq(end, c->snd_nxt) || (r->count && *mark(r, r->count - 1u) == end))
		return 0;
	if (r->count == TCP_RECORDS)
		return -EAGAIN;
	*mark(r, r->count++) = end;
	return 0;
}

uint32_t record_left(struct tcp_conn *c)
{
	struct tcp_records *r = waiting(c);

	return r->count ? *mark(r, 0) - c->snd_nxt : UINT32_MAX;
}
