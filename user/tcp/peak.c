// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* peak.c - the largest value of a sliding window (peak.h). */
#include "tcp/peak.h"

#include <string.h>

/* The first that is still in the window; count: none. */
static uint32_t first(const struct tcp_peak *p, uint32_t now, uint32_t window)
{
	uint32_t i = 0;

	while (i < p->count && now - p->at[i] > window)
		i++;
	return i;
}

static void drop_front(struct tcp_peak *p, uint32_t n)
{
	p->count -= n;
	memmove(p->at, p->at + n, p->count * sizeof(p->at[0]));
	memmove(p->value, p->value + n, p->count * sizeof(p->value[0]));
}

void peak_put(struct tcp_peak *p, uint32_t now, uint32_t window, uint32_t value)
{
	uint32_t old = first(p, now, window);

	if (old)
		drop_front(p, old);
	while (p->count && p->value[p->count - 1] <= value)
		p->count--;
	if (p->count && now - p->at[p->count - 1] <= window / TCP_PEAKS)
		return;
	if (p->count == TCP_PEAKS) /* the window has shrunk meanwhile */
		p->count--;
	p->at[p->count] = now;
	p->value[p->count++] = value;
}

uint32_t peak_get(const struct tcp_peak *p, uint32_t now, uint32_t window)
{
	uint32_t i = first(p, now, window);

	return i < p->count ? p->value[i] : 0;
}
