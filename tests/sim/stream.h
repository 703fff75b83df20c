/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * stream.h - the bytes an application writes: each place of each stream has its own,
 * so that nothing can move unnoticed.
 */
#ifndef SIM_STREAM_H
#define SIM_STREAM_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes [pos, pos + len) of a stream. */
void stream_fill(uint64_t stream, uint64_t pos, uint8_t *out, uint32_t len);
/* How many of the first bytes are right: len when all are. */
uint32_t stream_compare(uint64_t stream, uint64_t pos, const uint8_t *data, uint32_t len);

#endif
