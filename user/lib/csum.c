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

#ifdef __x86_64__
#include <immintrin.h>
#endif
#ifdef __aarch64__
#include <arm_neon.h>
#endif

#define WIDE_MIN 128 /* bytes: below this the wide loop does not pay */

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

/* --- One implementation for each instruction set: whole steps wide, the rest in words; dst NULL: sum only --- */

static uint64_t portable_partial(const void *src, size_t len)
{
	return halves(sum_words(NULL, src, len));
}

static uint64_t portable_copy(void *dst, const void *src, size_t len)
{
	return halves(sum_words(dst, src, len));
}

static bool always(void)
{
	return true;
}

#ifdef __x86_64__
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

static inline __attribute__((target("avx2"), always_inline)) uint64_t sum_avx2(uint8_t *dst, const uint8_t *src,
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
	return halves(lanes(_mm256_add_epi64(a, b)) + sum_words(dst, src, len));
}

static __attribute__((target("avx2"))) uint64_t avx2_partial(const void *src, size_t len)
{
	return sum_avx2(NULL, src, len);
}

static __attribute__((target("avx2"))) uint64_t avx2_copy(void *dst, const void *src, size_t len)
{
	return sum_avx2(dst, src, len);
}

static bool has_avx2(void)
{
	return __builtin_cpu_supports("avx2");
}

static inline __attribute__((target("avx512f"), always_inline)) __m512i add_halves_512(__m512i acc, __m512i v,
										       __m512i low)
{
	acc = _mm512_add_epi64(acc, _mm512_and_si512(v, low));
	return _mm512_add_epi64(acc, _mm512_srli_epi64(v, 32));
}

static inline __attribute__((target("avx512f"), always_inline)) uint64_t sum_avx512(uint8_t *dst, const uint8_t *src,
										    size_t len)
{
	const __m512i low = _mm512_set1_epi64(0xffffffff);
	__m512i a = _mm512_setzero_si512(), b = a;

	for (; len >= 128; len -= 128, src += 128) {
		__m512i v = _mm512_loadu_si512(src), w = _mm512_loadu_si512(src + 64);

		a = add_halves_512(a, v, low);
		b = add_halves_512(b, w, low);
		if (dst) {
			_mm512_storeu_si512(dst, v);
			_mm512_storeu_si512(dst + 64, w);
			dst += 128;
		}
	}
	return halves((uint64_t)_mm512_reduce_add_epi64(_mm512_add_epi64(a, b)) + sum_words(dst, src, len));
}

static __attribute__((target("avx512f"))) uint64_t avx512_partial(const void *src, size_t len)
{
	return sum_avx512(NULL, src, len);
}

static __attribute__((target("avx512f"))) uint64_t avx512_copy(void *dst, const void *src, size_t len)
{
	return sum_avx512(dst, src, len);
}

static bool has_avx512(void)
{
	return __builtin_cpu_supports("avx512f");
}
#endif

#ifdef __aarch64__
/* NEON is part of the architecture. vpadalq adds both halves of each pair to a 64-bit lane. */
static inline __attribute__((always_inline)) uint64_t sum_neon(uint8_t *dst, const uint8_t *src, size_t len)
{
	uint64x2_t a = vdupq_n_u64(0), b = a;

	for (; len >= 32; len -= 32, src += 32) {
		uint8x16_t v = vld1q_u8(src), w = vld1q_u8(src + 16);

		a = vpadalq_u32(a, vreinterpretq_u32_u8(v));
		b = vpadalq_u32(b, vreinterpretq_u32_u8(w));
		if (dst) {
			vst1q_u8(dst, v);
			vst1q_u8(dst + 16, w);
			dst += 32;
		}
	}
	return halves(vaddvq_u64(vaddq_u64(a, b)) + sum_words(dst, src, len));
}

static uint64_t neon_partial(const void *src, size_t len)
{
	return sum_neon(NULL, src, len);
}

static uint64_t neon_copy(void *dst, const void *src, size_t len)
{
	return sum_neon(dst, src, len);
}
#endif

const struct csum_impl csum_impls[] = {
#ifdef __x86_64__
	{ "avx512", has_avx512, avx512_partial, avx512_copy },
	{ "avx2", has_avx2, avx2_partial, avx2_copy },
#endif
#ifdef __aarch64__
	{ "neon", always, neon_partial, neon_copy },
#endif
	{ "portable", always, portable_partial, portable_copy },
};
const unsigned int csum_impls_n = sizeof(csum_impls) / sizeof(csum_impls[0]);

static uint8_t best; /* index; set before main() */

static __attribute__((constructor)) void choose(void)
{
#ifdef __x86_64__
	__builtin_cpu_init();
#endif
	while (!csum_impls[best].usable())
		best++;
}

const struct csum_impl *csum_chosen(void)
{
	return &csum_impls[best];
}

uint64_t csum_partial(const void *data, size_t len)
{
	return len < WIDE_MIN ? halves(sum_words(NULL, data, len)) : csum_impls[best].partial(data, len);
}

uint64_t csum_copy(void *dst, const void *src, size_t len)
{
	if (!len)
		return 0;
	return len < WIDE_MIN ? halves(sum_words(dst, src, len)) : csum_impls[best].copy(dst, src, len);
}

uint64_t csum_pseudo(const uint8_t saddr[16], const uint8_t daddr[16], uint8_t proto, uint32_t len)
{
	struct xtcp_addr s = addr_from_v6(saddr), d = addr_from_v6(daddr);
	uint64_t sum = (uint64_t)htonl(len) + htonl(proto);

	if (addr_is_v4(&s) && addr_is_v4(&d))
		return sum + s.w[3] + d.w[3];
	return sum + halves(s.d[0]) + halves(s.d[1]) + halves(d.d[0]) + halves(d.d[1]);
}
