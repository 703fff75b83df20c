/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* peerkey.h - peers and their keys, as --md5 and --ao name them; the secret is in a file, where `ps` does not show it. */
#ifndef CLI_PEERKEY_H
#define CLI_PEERKEY_H

#include <stddef.h>
#include <stdint.h>
#include "xtcp/shared.h"

#define PEERKEY_MAX 80 /* bytes of a key */

/* ADDR[/LEN], len bytes of text; without LEN all bits of the address. 0 or -errno with fail(). */
int peerkey_peer(const char *text, size_t len, struct xtcp_addr *addr, uint32_t *bits);
/* The bytes in a file, but for one newline at its end: how many, or -errno with fail(). */
int peerkey_read(const char *name, char key[PEERKEY_MAX + 2]);

#endif
