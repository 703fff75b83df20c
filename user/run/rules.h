/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rules.h - which ports and addresses are xtcp's in `xtcp run`: --port and --exclude for all of a run, XTCP_PORT and XTCP_EXCLUDE, lists with
 * commas, for a program that has them in its environment.
 */
#ifndef RUN_RULES_H
#define RUN_RULES_H

#include "run/run.h"

/* "PORT", "ADDR", "ADDR/LEN", each perhaps with ":PORT" ("[ADDR]:PORT" for IPv6). from: for messages. 0 or -EINVAL with fail(). */
int rules_add(struct run_rules *to, const char *from, const char *text, bool exclude);
/* 0 or -errno with fail(). */
int rules_of_environment(struct run_rules *out);
/* Nothing speaks against it. */
bool rules_allow(const struct run_rules *r, const struct xtcp_addr *addr, uint16_t port);

#endif
