// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* toeplitz.c - see toeplitz.h. Once for each port that an active OPEN tries: no table is worth its memory. */
#include "lib/toeplitz.h"

#include <string.h>
#include "lib/addr.h"

uint32_t toeplitz_hash(const uint8_t *key, const uint8_t *input, uint32_t len)
{
	uint32_t window = (uint32_t)key[0] << 24 | (uint32_t)key[1] << 16 | (uint32_t)key[2] << 8 | key[3];
	uint32_t hash = 0;

	for (uint32_t i = 0; i < len; i++) {
		for (int bit = 7; bit >= 0; bit--) {
			if (input[i] >> bit & 1)
				hash ^= window;
			window = window << 1 | (key[i + 4] >> bit & 1);
		}
	}
	return hash;
}

uint32_t toeplitz_flow(const uint8_t *key, const struct xtcp_addr *src, const struct xtcp_addr *dst, uint16_t sport,
		       uint16_t dport, bool with_ports)
{
	uint32_t off = addr_is_v4(src) ? 12 : 0, len = 16 - off;
	uint8_t in[TOEPLITZ_INPUT_MAX];

	memcpy(in, src->b + off, len);
	memcpy(in + len, dst->b + off, len);
	len *= 2;
	if (with_ports) {
		memcpy(in + len, &sport, 2);
		memcpy(in + len + 2, &dport, 2);
		len += 4;
	}
	return toeplitz_hash(key, in, len);
}
