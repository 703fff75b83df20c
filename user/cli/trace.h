/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* trace.h - --trace: a ladder of segments on stderr, one line each. */
#ifndef CLI_TRACE_H
#define CLI_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "xtcp.h"

struct trace {
	FILE *to;
	bool colour;
	bool started;
	uint64_t first_ns; /* time of the first segment */
};

#define TRACE_LINE 256

/* Write to stderr, in colour if that is a terminal. */
void trace_init(struct trace *t);
/* "SYN+ACK" of flags as on the wire, into out of 40 bytes; "-" when none is set. Returns out. */
const char *trace_flags(uint16_t flags, char *out);
/* One line without newline into out of TRACE_LINE bytes; returns its length. */
int trace_format(struct trace *t, const struct xtcp_trace_seg *seg, char *out);
/* The xtcp_trace_fn; arg is the struct trace. */
void trace_segment(void *arg, const struct xtcp_trace_seg *seg);

#endif
