// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* stream.c - a table of random bytes, read from another place and changed in another way each time it comes round. */
#include "stream.h"

#include <string.h>
#include "rng.h"

#define TABLE 65521 /* a prime: no buffer size divides it */

static uint8_t table[TABLE];
static bool ready;

static void make_table(void)
{
	struct rng r = rng_make(0, 0);

	for (uint32_t i = 0; i < TABLE; i++)
		table[i] = (uint8_t)rng_u64(&r);
	ready = true;
}

void stream_fill(uint64_t stream, uint64_t pos, uint8_t *out, uint32_t len)
{
	if (!ready)
		make_table();
	pos += stream % TABLE;
	while (len) {
		uint32_t at = (uint32_t)(pos % TABLE), n = TABLE - at < len ? TABLE - at : len;
		uint8_t change = (uint8_t)(pos / TABLE * 37 + (stream >> 32));

		for (uint32_t i = 0; i < n; i++)
			out[i] = table[at + i] ^ change;
		out += n;
		pos += n;
		len -= n;
	}
}

uint32_t stream_compare(uint64_t stream, uint64_t pos, const uint8_t *data, uint32_t len)
{
	uint8_t want[4096];
	uint32_t done = 0;

	while (done < len) {
		uint32_t n = len - done < sizeof(want) ? len - done : (uint32_t)sizeof(want);

		stream_fill(stream, pos + done, want, n);
		if (memcmp(want, data + done, n)) {
			while (want[done % sizeof(want)] == data[done])
				done++;
			return done;
		}
		done += n;
	}
	return len;
}
