/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* proc.h - what /proc says of a process. */
#ifndef RUN_PROC_H
#define RUN_PROC_H

#include <sys/types.h>

/* A number of /proc/PID/status, "PPid:" say. 0: it has ended. */
pid_t proc_status(pid_t pid, const char *field);

#endif
