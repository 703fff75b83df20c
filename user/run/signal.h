/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* signal.h - what preload.c wants of preload_signal.c. */
#ifndef RUN_SIGNAL_H
#define RUN_SIGNAL_H

/* Faults, and what ends the process, go by way of us from now on. Once, when the process has joined a run. */
void signal_begin(void);

#endif
