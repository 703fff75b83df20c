/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* source.h - the addresses that `xtcp bench --source` names. */
#ifndef CLI_SOURCE_H
#define CLI_SOURCE_H

#include <stdint.h>
#include <sys/socket.h>

#define SOURCE_MAX 64 /* what an engine knows of one interface */

/*
 * "ADDR,ADDR..." or "ADDR/LEN" (all hosts of it: not the first address, nor IPv4's last, where there are more than two), port 0. *out is
 * to be freed; text NULL: none. 0, or -errno with fail().
 */
int source_parse(const char *text, struct sockaddr_storage **out, uint32_t *count);

#endif
