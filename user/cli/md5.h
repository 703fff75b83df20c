/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* md5.h - the argument of --md5, ADDR[/LEN]=FILE. The secret is in a file, where `ps` does not show it. */
#ifndef CLI_MD5_H
#define CLI_MD5_H

#include <xtcp.h>

/* 0, or -errno with fail(). One newline at the end of the file is not part of the key. */
int md5_add(struct xtcp *x, const char *arg);

#endif
