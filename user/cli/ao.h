/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ao.h - the argument of --ao, ADDR[/LEN][,NAME=VALUE]...=FILE. */
#ifndef CLI_AO_H
#define CLI_AO_H

#include <xtcp.h>

/* 0, or -errno with fail(). */
int ao_add(struct xtcp *x, const char *arg);

#endif
