/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* sign.h - frames signed with TCP-AO (RFC 5925): a key for each peer and each ID, the same both ways. */
#ifndef FUZZ_SIGN_H
#define FUZZ_SIGN_H

#include "engine/engine.h"
#include "frame.h"

#define SIGN_KEYS 3 /* IDs 0 to 2: two algorithms, with the other options and without */

struct ao_mkt sign_key(const struct xtcp_addr *peer, uint8_t id);
/* Behind n bytes of options; their new length. */
uint32_t sign_put_option(uint8_t *opt, uint32_t n, uint8_t id, uint8_t next);
/* The TCP header ends with the option: put the MAC of this frame there, before it is sealed. */
void sign_ao(struct frame *f, const struct frame_ends *ends, uint32_t isn, uint32_t peer_isn, uint8_t id);

#endif
