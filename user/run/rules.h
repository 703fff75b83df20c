/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* rules.h - which ports and addresses are xtcp's in `xtcp run`: --port, --exclude. */
#ifndef RUN_RULES_H
#define RUN_RULES_H

#include "run/run.h"

/* "PORT", "ADDR", "ADDR/LEN", each perhaps with ":PORT" ("[ADDR]:PORT" for IPv6). 0 or -EINVAL with fail(). */
int rule_parse(const char *option, const char *text, bool exclude, struct run_rule *out);

#endif
