// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * trace.c - the ladder of segments. Our own end stands on the left:
 *
 *      0.000 ms  10.9.0.2:7000 <-- 10.9.0.1:40001  [SYN] SEQ: 1000, ACK: -
 *      0.021 ms  10.9.0.2:7000 --> 10.9.0.1:40001  [SYN+ACK] SEQ: 2000, ACK: 1001
 *      0.094 ms  10.9.0.2:7000 <-- 10.9.0.1:40001  [ACK] SEQ: 1001, ACK: 2001
 *
 * Time counts from the first segment. A segment with data ends in ", LEN: n".
 * Scripts read these lines: what stands from the bracket on is a contract.
 */
#include "cli/trace.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/report.h"

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, URG = 32, ECE = 64, CWR = 128, AE = 256 };

void trace_init(struct trace *t)
{
	*t = (struct trace){ .to = stderr, .colour = isatty(STDERR_FILENO) && !getenv("NO_COLOR") };
}

const char *trace_flags(uint16_t flags, char *out)
{
	static const struct {
		uint16_t bit;
		char name[4];
	} names[] = { { SYN, "SYN" }, { FIN, "FIN" }, { RST, "RST" }, { PSH, "PSH" }, { URG, "URG" },
		      { ECE, "ECE" }, { CWR, "CWR" }, { AE, "AE" },   { ACK, "ACK" } };
	char *p = out;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!(flags & names[i].bit))
			continue;
		if (p != out)
			*p++ = '+';
		for (const char *n = names[i].name; *n; n++)
			*p++ = *n;
	}
	if (p == out)
		*p++ = '-';
	*p = '\0';
	return out;
}

int trace_format(struct trace *t, const struct xtcp_trace_seg *seg, char *out)
{
	char local[ADDR_TEXT], remote[ADDR_TEXT], flags[40], ack[16] = "-", len[24] = "";
	uint64_t us;

	if (!t->started)
		t->first_ns = seg->ns;
	t->started = true;
	us = (seg->ns - t->first_ns) / 1000;
	if (seg->flags & ACK)
		snprintf(ack, sizeof(ack), "%u", seg->ack);
	if (seg->len)
		snprintf(len, sizeof(len), ", LEN: %u", seg->len);
	return snprintf(out, TRACE_LINE, "%4llu.%03u ms  %s %s %s  [%s] SEQ: %u, ACK: %s%s",
			(unsigned long long)(us / 1000), (unsigned int)(us % 1000), report_addr(&seg->local, local),
			seg->out ? "-->" : "<--", report_addr(&seg->remote, remote), trace_flags(seg->flags, flags),
			seg->seq, ack, len);
}

void trace_segment(void *arg, const struct xtcp_trace_seg *seg)
{
	struct trace *t = arg;
	const char *colour = seg->flags & RST ? "\033[31m" : seg->out ? "\033[36m" : "\033[32m";
	char line[TRACE_LINE], whole[TRACE_LINE + 16];
	int n;

	trace_format(t, seg, line);
	/* One write for one line: others write to stderr too. */
	n = snprintf(whole, sizeof(whole), "%s%s%s\n", t->colour ? colour : "", line, t->colour ? "\033[0m" : "");
	fwrite(whole, 1, (size_t)n, t->to);
}
