// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* hist.c - a histogram of times: percentiles. See hist.h. */
#include "cli/hist.h"

#include <math.h>
#include <string.h>

void hist_clear(struct hist *h)
{
	memset(h, 0, sizeof(*h));
}

void hist_merge(struct hist *to, const struct hist *from)
{
	to->n += from->n;
	to->sum += from->sum;
	if (from->max > to->max)
		to->max = from->max;
	for (uint32_t i = 0; i < HIST_BUCKETS; i++)
		to->bucket[i] += from->bucket[i];
}

/* The longest time that counts in a bucket. */
static uint64_t upper_end(uint32_t index)
{
	uint32_t shift;

	if (index < 2 * HIST_SUB)
		return index;
	shift = index / HIST_SUB - 1;
	return (((uint64_t)(index % HIST_SUB) + HIST_SUB + 1) << shift) - 1;
}

uint64_t hist_quantile(const struct hist *h, double share)
{
	uint64_t want = (uint64_t)ceil(share * (double)h->n), seen = 0, at;

	if (!h->n)
		return 0;
	want = want ? want : 1;
	for (uint32_t i = 0; i < HIST_BUCKETS - 1; i++) {
		seen += h->bucket[i];
		if (seen < want)
			continue;
		at = upper_end(i);
		return at < h->max ? at : h->max;
	}
	return h->max;
}

double hist_mean(const struct hist *h)
{
	return h->n ? (double)h->sum / (double)h->n : 0;
}
