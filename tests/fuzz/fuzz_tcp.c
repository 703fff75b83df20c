// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fuzz_tcp.c - one connection of the core (conn.h).
 *
 * Input: byte 0 how it is opened and how much memory there is (enum start), then steps.
 */
#include "conn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = { data, size };
	uint8_t how = take8(&b);

	if (size > 4096)
		return 0;
	fuzz_conn_begin(how);
	fuzz_conn_open(how, &b);
	while (b.left && !t.gone)
		fuzz_conn_step(&b);
	if (how & START_POLITE_END && !t.gone)
		fuzz_conn_polite_end();
	fuzz_conn_end();
	return 0;
}
