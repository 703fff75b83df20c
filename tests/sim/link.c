// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * link.c - a transmitter with a rate and a queue (drop-tail, and aqm.c's ways), then
 * the way: delay, jitter, and until quiet_ns the faults. The queue is first in, first
 * out, so what will happen to a frame when it leaves is settled when it comes; CoDel's
 * "no other is behind it" is judged then, too. Bit errors are single bits or bursts of at
 * most 15 bits, which the Internet checksum always notices (RFC 1071), so that
 * wrong bytes in a stream are a bug and never bad luck.
 */
#include "link.h"

#include <stdlib.h>
#include <string.h>

void link_init(struct link *l, const struct link_conf *conf, uint64_t quiet_ns, struct rng rng)
{
	memset(l, 0, sizeof(*l));
	l->conf = conf;
	l->quiet_ns = quiet_ns;
	l->rng = rng;
	l->ecn_rng = rng_make(rng.state, 0);
}

void link_free(struct link *l)
{
	for (uint32_t i = 0; i < l->count; i++)
		free(l->heap[i]);
	free(l->heap);
	l->heap = NULL;
	l->count = l->cap = 0;
}

/* ---- the frames under way: a heap ---- */

static bool before(const struct frame *a, const struct frame *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void heap_put(struct link *l, struct frame *f)
{
	uint32_t i = l->count++;

	if (i == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 256;
		l->heap = realloc(l->heap, l->cap * sizeof(struct frame *));
		if (!l->heap)
			abort();
	}
	for (; i && before(f, l->heap[(i - 1) / 2]); i = (i - 1) / 2)
		l->heap[i] = l->heap[(i - 1) / 2];
	l->heap[i] = f;
}

struct frame *link_take(struct link *l)
{
	struct frame *first = l->heap[0], *last = l->heap[--l->count];
	uint32_t i = 0, child;

	while ((child = 2 * i + 1) < l->count) {
		if (child + 1 < l->count && before(l->heap[child + 1], l->heap[child]))
			child++;
		if (!before(l->heap[child], last))
			break;
		l->heap[i] = l->heap[child];
		i = child;
	}
	if (l->count)
		l->heap[i] = last;
	return first;
}

uint64_t link_next(const struct link *l)
{
	return l->count ? l->heap[0]->at : SIM_NEVER;
}

/* ---- what happens to a frame ---- */

static void flip(struct link *l, struct frame *f)
{
	uint32_t bits = rng_percent(&l->rng, 70) ? 1 : (uint32_t)rng_range(&l->rng, 2, 15);
	uint64_t at = rng_below(&l->rng, (uint64_t)f->len * 8 - bits);
	uint32_t mask = 1u | 1u << (bits - 1) | ((uint32_t)rng_u64(&l->rng) & ((1u << bits) - 1));

	for (uint32_t i = 0; i < bits; i++)
		if (mask & 1u << i)
			f->data[(at + i) / 8] ^= (uint8_t)(0x80 >> (at + i) % 8);
}

static bool dark(const struct link *l, uint64_t now_ns)
{
	for (uint32_t i = 0; i < l->conf->blackouts; i++)
		if (now_ns >= l->conf->dark_from[i] && now_ns < l->conf->dark_to[i])
			return true;
	return false;
}

static bool lost(struct link *l)
{
	const struct link_conf *c = l->conf;

	if (l->in_burst)
		l->in_burst = !rng_ppm(&l->rng, c->burst_end_ppm);
	else
		l->in_burst = rng_ppm(&l->rng, c->burst_ppm);
	return l->in_burst || rng_ppm(&l->rng, c->loss_ppm);
}

/* One copy on its way. */
static uint32_t launch(struct link *l, const uint8_t *data, uint32_t len, uint64_t at, bool faults)
{
	const struct link_conf *c = l->conf;
	struct frame *f = malloc(sizeof(*f) + len);
	uint32_t fate = 0;

	if (!f)
		abort();
	f->len = len;
	f->damaged = false;
	f->order = l->order++;
	memcpy(f->data, data, len);
	at += c->delay_ns + (c->jitter_ns ? rng_below(&l->rng, c->jitter_ns) : 0);
	if (faults && rng_ppm(&l->rng, c->reorder_ppm)) {
		at += rng_below(&l->rng, c->reorder_ns + 1);
		fate |= 1u << LINK_LATE;
	} else {
		at = at > l->last_at ? at : l->last_at;
		l->last_at = at;
	}
	if (faults && rng_ppm(&l->rng, c->corrupt_ppm)) {
		flip(l, f);
		f->damaged = true;
		fate |= 1u << LINK_CORRUPTED;
	}
	f->at = at;
	heap_put(l, f);
	return fate;
}

/* When the transmitter has sent the frame too; SIM_NEVER: it is dropped. */
static uint64_t transmit(struct link *l, uint8_t *data, uint32_t len, uint64_t now_ns, uint32_t *fate)
{
	uint64_t rate = l->conf->bits_per_s, backlog, wait;
	enum aqm_verdict verdict;

	if (!rate)
		return now_ns;
	if (l->busy_until < now_ns)
		l->busy_until = now_ns;
	backlog = (uint64_t)((unsigned __int128)(l->busy_until - now_ns) * rate / 8 / SIM_S);
	if (backlog + len > l->conf->queue_bytes) {
		*fate |= 1u << LINK_QUEUE_FULL;
		return SIM_NEVER;
	}
	wait = l->busy_until - now_ns;
	verdict = aqm_leave(&l->aqm, &l->conf->aqm, wait, backlog <= len, aqm_is_ect(data, len), l->busy_until);
	if (verdict == AQM_DROP) {
		*fate |= 1u << LINK_AQM_DROP;
		return SIM_NEVER;
	}
	if (verdict == AQM_MARK) {
		aqm_set_ecn(data, len, ECN_CE);
		*fate |= 1u << LINK_MARKED;
	}
	l->waited_ns += wait;
	l->waited++;
	l->busy_until += (uint64_t)len * 8 * SIM_S / rate;
	return l->busy_until;
}

/* A box that does not respect the ECN field. */
static uint32_t mangle_ecn(struct link *l, uint8_t *data, uint32_t len, uint64_t now_ns)
{
	uint8_t was = aqm_ecn(data, len), ecn = was;

	if (l->conf->ecn_bleach)
		ecn = ECN_NOT_ECT;
	if (l->conf->ecn_random && now_ns < l->quiet_ns)
		ecn = (uint8_t)rng_below(&l->ecn_rng, 4);
	if (ecn == was)
		return 0;
	aqm_set_ecn(data, len, ecn);
	return 1u << LINK_ECN_CHANGED;
}

static uint32_t send(struct link *l, uint8_t *data, uint32_t len, uint64_t now_ns)
{
	uint32_t fate = mangle_ecn(l, data, len, now_ns);
	uint64_t at = transmit(l, data, len, now_ns, &fate);

	if (at == SIM_NEVER)
		return fate;
	if (now_ns >= l->quiet_ns)
		return fate | launch(l, data, len, at, false);
	if (dark(l, now_ns))
		return fate | 1u << LINK_DARK;
	if (lost(l))
		return fate | 1u << LINK_LOST;
	fate |= launch(l, data, len, at, true);
	if (rng_ppm(&l->rng, l->conf->dup_ppm))
		fate |= launch(l, data, len, at, true) | 1u << LINK_DUPLICATED;
	return fate;
}

uint32_t link_send(struct link *l, uint8_t *data, uint32_t len, uint64_t now_ns)
{
	uint32_t fate = send(l, data, len, now_ns);

	for (int i = 1; i < LINK_FATES; i++)
		l->fates[i] += fate >> i & 1;
	l->fates[LINK_PASSED] += !fate;
	return fate;
}
