/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* poison.h - a simulated port whose received frames have poison around them: who reads beyond is caught. */
#ifndef FUZZ_POISON_H
#define FUZZ_POISON_H

#include "sim/simport.h"

#define POISON_CHUNK 2048u /* size of a chunk, bytes */

/* After simport_open(). ops belongs to the caller, and is the port's from now on. */
void poison_open(struct simport *s, struct io_port_ops *ops);
/* As simport_deliver(), in pieces of so many bytes; 0: of a chunk. */
void poison_deliver(struct simport *s, const uint8_t *data, uint32_t len, uint32_t piece, const struct xtcp_meta *meta);

#endif
