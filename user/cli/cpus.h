/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* cpus.h - lists of CPUs, "0,2-3", and running on one of them. */
#ifndef CLI_CPUS_H
#define CLI_CPUS_H

#include <stdint.h>

#define CPUS_MAX 64 /* of a list; as many as there can be engines */

/* The CPUs of a list, in its order, each this process's to run on. How many, or -EINVAL with fail(). */
int cpus_parse(const char *text, uint16_t cpu[CPUS_MAX]);
/* Run this thread on that one only. 0 or -errno. */
int cpus_pin(uint16_t cpu);

#endif
