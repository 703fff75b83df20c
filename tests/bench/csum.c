// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * csum.c - the checksum, alone and while copying, of each implementation that this processor can run, and memcpy() beside them.
 * One line of JSON each: {impl, chosen, bytes, sum_gbps, copy_gbps}, in gigabytes a second, the best of several rounds.
 *
 *   build/tests/bench/csum [BYTES...]     default: 64 256 1448 8948 65536
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "lib/csum.h"

#define ROUNDS 5
#define ROUND_BYTES (64u << 20)
#define SIZE_MAX_BYTES (1u << 20)

static uint8_t from[SIZE_MAX_BYTES + 64], to[SIZE_MAX_BYTES + 64];
static volatile uint64_t sink;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static uint64_t plain_copy(void *dst, const void *src, size_t len)
{
	memcpy(dst, src, len);
	__asm__ volatile("" ::"r"(dst) : "memory");
	return 0;
}

/* Exactly one of the two is set. */
static double best_rate(uint64_t (*sum)(const void *, size_t), uint64_t (*copy)(void *, const void *, size_t),
			size_t len)
{
	size_t times = ROUND_BYTES / len;
	double best = 0;

	for (int r = 0; r < ROUNDS; r++) {
		double t = now(), rate;
		uint64_t acc = 0;

		for (size_t i = 0; i < times; i++)
			acc += sum ? sum(from + 2, len) : copy(to + 2, from + 2, len);
		sink = acc;
		rate = (double)(times * len) / (now() - t) / 1e9;
		best = rate > best ? rate : best;
	}
	return best;
}

static void measure(size_t len)
{
	for (unsigned int i = 0; i < csum_impls_n; i++) {
		const struct csum_impl *c = &csum_impls[i];

		if (!c->usable())
			printf("{\"impl\":\"%s\",\"skip\":\"this processor lacks it\"}\n", c->name);
		else
			printf("{\"impl\":\"%s\",\"chosen\":%s,\"bytes\":%zu,\"sum_gbps\":%.1f,\"copy_gbps\":%.1f}\n",
			       c->name, c == csum_chosen() ? "true" : "false", len, best_rate(c->partial, NULL, len),
			       best_rate(NULL, c->copy, len));
	}
	printf("{\"impl\":\"memcpy\",\"bytes\":%zu,\"copy_gbps\":%.1f}\n", len, best_rate(NULL, plain_copy, len));
}

int main(int argc, char **argv)
{
	static const size_t sizes[] = { 64, 256, 1448, 8948, 65536 };

	for (size_t i = 0; i < sizeof(from); i++)
		from[i] = (uint8_t)(i * 37);
	for (size_t i = 0; argc < 2 && i < sizeof(sizes) / sizeof(sizes[0]); i++)
		measure(sizes[i]);
	for (int i = 1; i < argc; i++) {
		char *end;
		unsigned long len = strtoul(argv[i], &end, 10);

		if (*end || !len || len > SIZE_MAX_BYTES)
			errx(2, "%s: bytes are 1 to %u", argv[i], SIZE_MAX_BYTES);
		measure(len);
	}
	return 0;
}
