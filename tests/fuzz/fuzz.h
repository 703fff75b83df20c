/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz.h - what the fuzz targets share: an input read as a sequence of small numbers
 * (0 once it is used up), and a death that libFuzzer keeps the input of. Every target
 * is deterministic: the same input is the same run.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_MS 1000000ull /* ns */
#define FUZZ_S 1000000000ull

#define fuzz_die(...)                                           \
	do {                                                    \
		fprintf(stderr, "%s:%d: ", __FILE__, __LINE__); \
		fprintf(stderr, __VA_ARGS__);                   \
		fputc('\n', stderr);                            \
		abort();                                        \
	} while (0)

#define fuzz_check(cond)                       \
	do {                                   \
		if (!(cond))                   \
			fuzz_die("%s", #cond); \
	} while (0)

/* What a run does, on stderr, when FUZZ_TRACE is set: to read a crashing input. */
static inline bool fuzz_tracing(void)
{
	static int on = -1;

	if (on < 0)
		on = getenv("FUZZ_TRACE") != NULL;
	return on;
}

#define fuzz_trace(...)                               \
	do {                                          \
		if (fuzz_tracing())                   \
			fprintf(stderr, __VA_ARGS__); \
	} while (0)

struct bytes {
	const uint8_t *p;
	size_t left;
};

static inline uint8_t take8(struct bytes *b)
{
	if (!b->left)
		return 0;
	b->left--;
	return *b->p++;
}

static inline uint16_t take16(struct bytes *b)
{
	uint16_t hi = take8(b);

	return (uint16_t)(hi << 8 | take8(b));
}

static inline uint32_t take32(struct bytes *b)
{
	uint32_t hi = take16(b);

	return hi << 16 | take16(b);
}

/* Up to n bytes, in memory of exactly their size: reading past them is noticed. *len: how many. To be freed. */
static inline uint8_t *take_copy(struct bytes *b, size_t n, size_t *len)
{
	uint8_t *copy;

	*len = n < b->left ? n : b->left;
	copy = malloc(*len);
	if (*len)
		memcpy(copy, b->p, *len);
	b->p += *len;
	b->left -= *len;
	return copy;
}

/* The byte with sequence number n, of either stream. */
static inline uint8_t fuzz_pattern(uint32_t n)
{
	return (uint8_t)(n * 7 + (n >> 8) * 13);
}

#endif
