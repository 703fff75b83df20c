// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * csum.c - the Internet checksum (RFC 1071), alone and while copying.
 *
 * One's-complement addition does not care for word size: 32-bit words are added
 * into 64-bit accumulators, which cannot overflow below 2^32 words, and are
 * brought back to at most 33 bits at the end. Only the last, short word
 * depends on byte order.
 */
#include "lib/csum.h"

#include <string.h>
#include <netinet/in.h>
#include "lib/addr.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define CSUM_AVX2 1
#define WIDE_MIN 128 /* bytes: below this the wide loop does not pay */
#endif

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t halves(uint64_t v)
{
	return (v & 0xffffffff) + (v >> 32);
}

/* The last 0 to 7 bytes, as if a zero followed an odd one. dst may be NULL. */
static inline uint64_t tail(uint8_t *dst, const uint8_t *src, size_t len)
{
	uint8_t last[2] = { 0, 0 };
	uint64_t sum = 0;
	uint32_t word;
	uint16_t half;

	if (len & 4) {
		memcpy(&word, src, 4);
		if (dst)
			memcpy(dst, &word, 4);
		sum += word;
	}
	if (len & 2) {
		memcpy(&half, src + (len & 4), 2);
		if (dst)
			memcpy(dst + (len & 4), &half, 2);
		sum += half;
	}
	if (len & 1) {
		last[0] = src[len & 6];
		if (dst)
			dst[len & 6] = last[0];
		memcpy(&half, last, 2);
		sum += half;
	}
	return sum;
}

/* Both directions of the short loop; dst NULL: sum only. Inlined twice. */
static inline __attribute__((always_inline)) uint64_t sum_words(uint8_t *dst, const uint8_t *src, size_t len)
{
	uint64_t a = 0, b = 0;

	for (; len >= 16; len -= 16, src += 16) {
		uint64_t v = load64(src), w = load64(src + 8);

		a += halves(v);
		b += halves(w);
		if (dst) {
			memcpy(dst, &v, 8);
			memcpy(dst + 8, &w, 8);
			dst += 16;
		}
	}
	if (len & 8) {
		uint64_t v = load64(src);

		a += halves(v);
		if (dst) {
			memcpy(dst, &v, 8);
			dst += 8;
		}
		src += 8;
	}
	return a + b + tail(dst, src, len & 7);
}

#ifdef CSUM_AVX2
static inline __attribute__((target("avx2"), always_inline)) __m256i add_halves(__m256i acc, __m256i v, __m256i low)
{
	acc = _mm256_add_epi64(acc, _mm256_and_si256(v, low));
	return _mm256_add_epi64(acc, _mm256_srli_epi64(v, 32));
}

static inline __attribute__((target("avx2"), always_inline)) uint64_t lanes(__m256i acc)
{
	__m128i s = _mm_add_epi64(_mm256_castsi256_si128(acc), _mm256_extracti128_si256(acc, 1));

	return (uint64_t)_mm_extract_epi64(s, 0) + (uint64_t)_mm_extract_epi64(s, 1);
}

/* The same, 64 bytes a step. */
static inline __attribute__((target("avx2"), always_inline)) uint64_t sum_wide(uint8_t *dst, const uint8_t *src,
									       size_t len)
{
	const __m256i low = _mm256_set1_epi64x(0xffffffff);
	__m256i a = _mm256_setzero_si256(), b = a;

	for (; len >= 64; len -= 64, src += 64) {
		__m256i v = _mm256_loadu_si256((const __m256i *)src);
		__m256i w = _mm256_loadu_si256((const __m256i *)(src + 32));

		a = add_halves(a, v, low);
		b = add_halves(b, w, low);
		if (dst) {
			_mm256_storeu_si256((__m256i *)dst, v);
			_mm256_storeu_si256((__m256i *)(dst + 32), w);
			dst += 64;
		}
	}
	return lanes(_mm256_add_epi64(a, b)) + sum_words(dst, src, len);
}

static __attribute__((target("avx2"), noinline)) uint64_t partial_wide(const uint8_t *src, size_t len)
{
	return sum_wide(NULL, src, len);
}

static __attribute__((target("avx2"), noinline)) uint64_t copy_wide(uint8_t *dst, const uint8_t *src, size_t len)
{
	return sum_wide(dst, src, len);
}

static inline int wide_ok(size_t len)
{
	return len >= WIDE_MIN && __builtin_cpu_supports("avx2");
}
#else
static inline int wide_ok(size_t len)
{
	(void)len;
	return 0;
}
#define partial_wide(src, len) 0
#define copy_wide(dst, src, len) 0
#endif

uint64_t csum_partial(const void *data, size_t len)
{
	return halves(wide_ok(len) ? partial_wide(data, len) : sum_words(NULL, data, len));
}

uint64_t csum_copy(void *dst, const void *src, size_t len)
{
	if (!len)
		return 0;
	return halves(wide_ok(len) ? copy_wide(dst, src, len) : sum_words(dst, src, len));
}

uint64_t csum_pseudo(const uint8_t saddr[16], const uint8_t daddr[16], uint8_t proto, uint32_t len)
{
	struct xtcp_addr s = addr_from_v6(saddr), d = addr_from_v6(daddr);
	uint64_t sum = (uint64_t)htonl(len) + htonl(proto);

	if (addr_is_v4(&s) && addr_is_v4(&d))
		return sum + s.w[3] + d.w[3];
	return sum + halves(s.d[0]) + halves(s.d[1]) + halves(d.d[0]) + halves(d.d[1]);
}
