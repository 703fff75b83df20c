/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* table.h - goodput of each congestion control beside theory. Both return an exit code. */
#ifndef SIM_TABLE_H
#define SIM_TABLE_H

int table_print(const char *only); /* of one algorithm; NULL: of all */
int table_check(void);		   /* a few cells, judged; TAP */

#endif
