/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* stdio.h - the standard streams follow their descriptors; for libxtcp-preload.so only. */
#ifndef RUN_STDIO_H
#define RUN_STDIO_H

/* Descriptor 0, 1 or 2 may be a socket of ours now, or none any more. Others are passed over. */
void stdio_follow(int fd);

#endif
