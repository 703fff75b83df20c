/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* pump.h - stdin to a connection, the connection to stdout; for listen and connect. */
#ifndef CLI_PUMP_H
#define CLI_PUMP_H

#include <stdbool.h>
#include "xtcp.h"

/*
 * Carry data until both directions are closed, then close c. Returns the exit
 * code; a failure is told in one line. With json a summary follows on stderr.
 */
int pump_run(struct xtcp *x, xtcp_conn c, bool json);

#endif
