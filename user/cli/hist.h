/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * hist.h - a histogram of times, log-linear like HdrHistogram's: three significant digits from 1 ns to 36 minutes.
 *
 * Each power of two is cut into 1,024 buckets of equal width, so a value is told within 1/1,024 of itself; below 2,048 ns it
 * is exact. What is longer than HIST_MAX counts in the last bucket. The maximum and the mean are exact.
 */
#ifndef CLI_HIST_H
#define CLI_HIST_H

#include <stdint.h>

#define HIST_SUB 1024u
#define HIST_POWERS 30u /* of two, above the exact ones */
#define HIST_BUCKETS ((HIST_POWERS + 2) * HIST_SUB)
#define HIST_MAX ((2ull * HIST_SUB << HIST_POWERS) - 1) /* ns */

struct hist {
	uint64_t n, max, sum;
	uint64_t bucket[HIST_BUCKETS];
};

static inline uint32_t hist_index(uint64_t ns)
{
	uint32_t shift;

	if (ns < 2 * HIST_SUB)
		return (uint32_t)ns;
	if (ns > HIST_MAX)
		return HIST_BUCKETS - 1;
	shift = 53 - (uint32_t)__builtin_clzll(ns); /* leaves HIST_SUB to 2 * HIST_SUB - 1 */
	return shift * HIST_SUB + (uint32_t)(ns >> shift);
}

static inline void hist_add(struct hist *h, uint64_t ns)
{
	h->bucket[hist_index(ns)]++;
	h->n++;
	h->sum += ns;
	if (ns > h->max)
		h->max = ns;
}

void hist_clear(struct hist *h);
void hist_merge(struct hist *to, const struct hist *from);
/* The least time of a bucket's width that at least this share of all (0 to 1) does not exceed, ns; 0 of an empty histogram. */
uint64_t hist_quantile(const struct hist *h, double share);
double hist_mean(const struct hist *h); /* ns; 0 of an empty one */

#endif
