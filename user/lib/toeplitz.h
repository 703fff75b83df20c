/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * toeplitz.h - the hash by which network cards choose a receive queue, as Microsoft's
 * specification of RSS has it: for each bit of the input that is set, the 32 bits of the
 * key that begin at the same place are XORed in.
 */
#ifndef LIB_TOEPLITZ_H
#define LIB_TOEPLITZ_H

#include <stdbool.h>
#include <stdint.h>
#include "xtcp/shared.h"

#define TOEPLITZ_KEY_MAX 64   /* bytes; cards have 40 or 52 */
#define TOEPLITZ_INPUT_MAX 36 /* two IPv6 addresses and two ports */

/* key holds at least len + 4 bytes. */
uint32_t toeplitz_hash(const uint8_t *key, const uint8_t *input, uint32_t len);
/* Of a segment from src to dst; ports in network order, and counted only where the card does. */
uint32_t toeplitz_flow(const uint8_t *key, const struct xtcp_addr *src, const struct xtcp_addr *dst, uint16_t sport,
		       uint16_t dport, bool with_ports);

#endif
