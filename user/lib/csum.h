/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * csum.h - the Internet checksum (RFC 1071), alone and while copying. Sums are
 * 64-bit accumulators of 16-bit words in memory order: add pieces, fold once.
 * A piece that starts at an odd offset of the whole is added with csum_add_odd().
 * No system call; how it is done is chosen by what the processor has, once, before main().
 */
#ifndef LIB_CSUM_H
#define LIB_CSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Partial sum of len bytes, to be added to others; fits any number of additions of up to 2^32 bytes. */
uint64_t csum_partial(const void *data, size_t len);
/* The same while copying; the regions do not overlap. */
uint64_t csum_copy(void *dst, const void *src, size_t len);

/* An implementation; all give the same bytes, and sums that fold to the same. Best first, the portable one last. */
struct csum_impl {
	const char *name;
	bool (*usable)(void); /* on this processor */
	uint64_t (*partial)(const void *data, size_t len);
	uint64_t (*copy)(void *dst, const void *src, size_t len);
};
extern const struct csum_impl csum_impls[];
extern const unsigned int csum_impls_n;
/* The one that csum_partial() and csum_copy() use for all but the shortest. */
const struct csum_impl *csum_chosen(void);

/* Add the partial sum of a piece that begins at an odd byte of the whole. */
static inline uint64_t csum_shift(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ((sum & 0xff) << 8) | (sum >> 8);
}

/* Fold to 16 bits, not complemented. Result as it stands in memory (network order). */
static inline uint16_t csum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* Pseudo-header sum of TCP: 16-byte addresses (IPv4-mapped ones count as IPv4), length in bytes. */
uint64_t csum_pseudo(const uint8_t saddr[16], const uint8_t daddr[16], uint8_t proto, uint32_t len);

#endif
