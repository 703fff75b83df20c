// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* bottleneck.c - see bottleneck.h. */
#include "bottleneck.h"

#define RING 16384u
#define SPAN 65536u /* segments that a receiver remembers */

struct packet { /* a segment on its way, or its acknowledgement on the way back */
	uint64_t at_ns;
	uint32_t flow;
	uint32_t seq, len; /* segments of BN_MSS from the start of the stream; the acknowledged one */
	uint32_t ack;
	uint32_t nsack;
	struct tcp_range sack[3];
	uint32_t tsval;
};

struct ring {
	struct packet p[RING];
	uint32_t head, count;
};

struct receiver {
	uint32_t next; /* segments received in order */
	uint32_t top;
	uint8_t got[SPAN];
};

static struct {
	struct bn_conf conf;
	struct bn_flow flow[BN_FLOWS];
	struct receiver rx[BN_FLOWS];
	struct {
		struct tcp_conn c;
		struct tcp_cold cold;
	} * mem[BN_FLOWS];
	struct ring data, acks;
	uint64_t t0, free_ns; /* when the bottleneck is through with what it has */
	uint64_t count_ns, queue_sum, queue_n, sent, dropped;
	uint32_t queue_min;
	uint32_t random;
} * bn;

static uint32_t draw(void)
{
	bn->random = bn->random * 1664525u + 1013904223u;
	return bn->random >> 8;
}

static struct packet *push(struct ring *r)
{
	assert_true(r->count < RING);
	return &r->p[(r->head + r->count++) % RING];
}

static uint64_t queue(void)
{
	return bn->free_ns > th.now ? (bn->free_ns - th.now) * bn->conf.rate / TH_S : 0;
}

/* ---- the sender's side ---- */

static void transmit(uint32_t f, const struct tcp_seg *s)
{
	uint64_t q = queue(), wire = s->len + 52;
	struct packet *p;

	if (!s->len)
		return;
	bn->queue_sum += q;
	bn->queue_n++;
	if (q < bn->queue_min)
		bn->queue_min = (uint32_t)q;
	bn->sent += s->len;
	bn->flow[f].sent += s->len;
	if (q + wire > bn->conf.buffer) {
		bn->dropped += s->len;
		return;
	}
	if (bn->free_ns < th.now)
		bn->free_ns = th.now;
	bn->free_ns += wire * TH_S / bn->conf.rate;
	if (draw() % 1000000 < bn->conf.loss_ppm)
		return;
	p = push(&bn->data);
	*p = (struct packet){ .at_ns = bn->free_ns + bn->conf.delay_ns, .flow = f };
	p->seq = (s->seq - bn->flow[f].c->iss - 1) / BN_MSS;
	p->len = s->len / BN_MSS;
	memcpy(&p->tsval, s->opt + 4, 4);
}

static void output(uint32_t f)
{
	struct tcp_conn *c = bn->flow[f].c;
	struct tcp_span span[2];
	struct tcp_seg s;
	int64_t n;

	if (th.now - bn->t0 < bn->flow[f].start_ns)
		return;
	while (!bn->flow[f].idle && (n = tcp_reserve(&th.env, c, 64 * BN_MSS, span)) >= (int64_t)BN_MSS)
		tcp_commit(&th.env, c, (size_t)(n - n % BN_MSS), false, false);
	while (tcp_output(&th.env, c, &s, th.now))
		transmit(f, &s);
	assert_null(tcp_check(&th.env, c));
}

static void acked(const struct packet *p)
{
	struct tcp_conn *c = bn->flow[p->flow].c;
	struct tcp_seg s = { .flags = TCP_ACK, .wnd = 65535 };

	s.seq = c->rcv_nxt;
	s.ack = c->iss + 1 + p->ack * BN_MSS;
	s.opts.present = TCP_OPT_TS | (p->nsack ? TCP_OPT_SACK : 0);
	s.opts.tsval = (uint32_t)(th.now / TH_MS);
	s.opts.tsecr = ntohl(p->tsval);
	s.opts.nsack = (uint8_t)p->nsack;
	for (uint32_t i = 0; i < p->nsack; i++)
		s.opts.sack[i] = (struct tcp_range){ c->iss + 1 + p->sack[i].start * BN_MSS,
						     c->iss + 1 + p->sack[i].end * BN_MSS };
	tcp_input(&th.env, c, &s, th.now);
}

/* ---- the receiver's ---- */

static struct tcp_range block(const struct receiver *r, uint32_t seg)
{
	struct tcp_range b = { seg, seg + 1 };

	while (b.start > r->next && r->got[(b.start - 1) % SPAN])
		b.start--;
	while (b.end < r->top && r->got[b.end % SPAN])
		b.end++;
	return b;
}

static void sack(const struct receiver *r, uint32_t seg, struct packet *a)
{
	a->sack[a->nsack++] = block(r, seg);
	for (uint32_t s = r->top; s-- > r->next && a->nsack < 3 && r->top - s < 200;) {
		struct tcp_range b;

		if (!r->got[s % SPAN])
			continue;
		b = block(r, s);
		s = b.start;
		if (b.start != a->sack[0].start)
			a->sack[a->nsack++] = b;
	}
}

static void received(const struct packet *p)
{
	struct receiver *r = &bn->rx[p->flow];
	struct packet *a = push(&bn->acks);

	*a = (struct packet){ .at_ns = th.now + bn->conf.delay_ns, .flow = p->flow, .tsval = p->tsval };
	for (uint32_t s = p->seq; s < p->seq + p->len; s++) {
		if (s < r->next || r->got[s % SPAN])
			continue;
		r->got[s % SPAN] = 1;
		bn->flow[p->flow].received += BN_MSS;
		r->top = s >= r->top ? s + 1 : r->top;
	}
	while (r->next < r->top && r->got[r->next % SPAN])
		r->got[r->next++ % SPAN] = 0;
	a->ack = r->next;
	if (p->seq >= r->next)
		sack(r, p->seq, a);
}

/* ---- time ---- */

static uint64_t next_ns(void)
{
	uint64_t at = UINT64_MAX;

	if (bn->data.count)
		at = min_u64(at, bn->data.p[bn->data.head].at_ns);
	if (bn->acks.count)
		at = min_u64(at, bn->acks.p[bn->acks.head].at_ns);
	for (uint32_t f = 0; f < bn->conf.flows; f++) {
		if (th.now - bn->t0 < bn->flow[f].start_ns)
			at = min_u64(at, bn->t0 + bn->flow[f].start_ns);
		else
			at = min_u64(at, tcp_deadline(bn->flow[f].c));
	}
	return at;
}

static bool take(struct ring *r, struct packet *p)
{
	if (!r->count || r->p[r->head].at_ns > th.now)
		return false;
	*p = r->p[r->head];
	r->head = (r->head + 1) % RING;
	r->count--;
	return true;
}

void bn_run(uint64_t ms)
{
	uint64_t end = th.now + ms * TH_MS;
	struct packet p;

	for (;;) {
		for (uint32_t f = 0; f < bn->conf.flows; f++)
			output(f);
		if (next_ns() > end)
			break;
		th.now = next_ns() > th.now ? next_ns() : th.now + 1000;
		while (take(&bn->data, &p))
			received(&p);
		while (take(&bn->acks, &p))
			acked(&p);
		for (uint32_t f = 0; f < bn->conf.flows; f++)
			tcp_expire(&th.env, bn->flow[f].c, th.now);
	}
	th.now = end;
}

static void open_flow(uint32_t f)
{
	struct tcp_open o = th.open;
	struct tcp_seg s, syn;

	bn->mem[f] = aligned_alloc(TCP_COLD_ALIGN, sizeof(*bn->mem[f]));
	memset(bn->mem[f], 0, sizeof(*bn->mem[f]));
	bn->flow[f].c = &bn->mem[f]->c;
	tcp_cold_place(bn->flow[f].c, &bn->mem[f]->cold);
	o.lport = htons((uint16_t)(7000 + f));
	tcp_connect(&th.env, bn->flow[f].c, &o, th.now);
	assert_true(tcp_output(&th.env, bn->flow[f].c, &syn, th.now));
	th.now += 2 * bn->conf.delay_ns;
	s = (struct tcp_seg){ .flags = TCP_SYN | TCP_ACK, .ack = bn->flow[f].c->iss + 1, .wnd = 65535 };
	s.opts.present = TCP_OPT_MSS | TCP_OPT_WSCALE | TCP_OPT_SACK_OK | TCP_OPT_TS;
	s.opts.mss = BN_MSS + 12;
	s.opts.wscale = 10;
	s.opts.tsecr = bn->flow[f].c->ts_offset + (uint32_t)((th.now - 2 * bn->conf.delay_ns) >> 20);
	tcp_input(&th.env, bn->flow[f].c, &s, th.now);
	assert_int_equal(bn->flow[f].c->state, TCP_ESTABLISHED);
	assert_int_equal(bn->flow[f].c->mss, BN_MSS);
}

void bn_open(const struct bn_conf *conf)
{
	bn = calloc(1, sizeof(*bn));
	bn->conf = *conf;
	bn->random = 12345;
	th_memory(64u << 20);
	th.env.conf.cc = conf->cc;
	th.env.conf.sndbuf_max = 8u << 20;
	for (uint32_t f = 0; f < conf->flows; f++)
		open_flow(f);
	bn->t0 = bn->free_ns = th.now;
	bn->flow[1].start_ns = conf->later_ns;
	bn_count();
}

void bn_rate(uint64_t rate)
{
	bn->conf.rate = rate;
}

void bn_count(void)
{
	bn->count_ns = th.now;
	bn->queue_sum = bn->queue_n = bn->sent = bn->dropped = 0;
	bn->queue_min = UINT32_MAX;
	for (uint32_t f = 0; f < BN_FLOWS; f++)
		bn->flow[f].received = bn->flow[f].sent = 0;
}

void bn_close(void)
{
	for (uint32_t f = 0; f < bn->conf.flows; f++) {
		tcp_free(&th.env, bn->flow[f].c);
		free(bn->mem[f]);
	}
	free(bn);
}

struct bn_flow *bn_flow(uint32_t i)
{
	return &bn->flow[i];
}

uint32_t bn_used(uint32_t i)
{
	uint64_t all = (th.now - bn->count_ns) / 1000 * bn->conf.rate / 1000000;

	return (uint32_t)(bn->flow[i].received * 100 / all);
}

uint32_t bn_queue_mean(void)
{
	return bn->queue_n ? (uint32_t)(bn->queue_sum / bn->queue_n) : 0;
}

uint32_t bn_queue_min(void)
{
	return bn->queue_min;
}

uint32_t bn_dropped_ppm(void)
{
	return bn->sent ? (uint32_t)(bn->dropped * 1000000 / bn->sent) : 0;
}
