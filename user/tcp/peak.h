/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * peak.h - the largest value of a sliding window of time, in constant memory. Of the samples only those are kept that may
 * still become the largest, and of these none that is less than a quarter of the window younger than the
 * one before it; so the answer never exceeds the true maximum, and falls below it only where a smaller sample
 * of that quarter would have outlived a larger one.
 *
 * For a minimum put in the complement. Times are of any unit and wrap.
 */
#ifndef TCP_PEAK_H
#define TCP_PEAK_H

#include <stdbool.h>
#include <stdint.h>

#define TCP_PEAKS 4
struct tcp_peak {
	uint32_t at[TCP_PEAKS];	   /* oldest first */
	uint32_t value[TCP_PEAKS]; /* falling */
	uint32_t count;		   /* 0: no sample yet */
};

/* To put this value would change nothing; so it is nearly always, and cheaper to ask. */
static inline bool peak_stays(const struct tcp_peak *p, uint32_t now, uint32_t window, uint32_t value)
{
	uint32_t last = p->count - 1;

	return p->count && now - p->at[0] <= window &&
	       (p->value[last] > value ? now - p->at[last] <= window / TCP_PEAKS
				       : p->value[last] == value && p->at[last] == now);
}
/* now is not older than the last one; window is below 2^31. */
void peak_put(struct tcp_peak *p, uint32_t now, uint32_t window, uint32_t value);
/* 0: nothing in the window. */
uint32_t peak_get(const struct tcp_peak *p, uint32_t now, uint32_t window);

#endif
