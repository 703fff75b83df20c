// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* trace.c - the ladder of a seed: what each engine, the link and the applications did; time in milliseconds. */
#include <stdarg.h>
#include <stdio.h>
#include "lib/addr.h"
#include "world.h"

static void print_time(const struct world *w)
{
	printf("%14.6f ", (double)(w->now - w->s->start_ns) / 1e6);
}

static const char *flag_names(uint16_t flags, char *out)
{
	static const char *const names[] = { "FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE" };
	static const int order[] = { 1, 0, 2, 3, 4, 5, 6, 7, 8 };
	char *p = out;

	for (int i = 0; i < 9; i++)
		if (flags & 1u << order[i])
			p += sprintf(p, "%s%s", p == out ? "" : "+", names[order[i]]);
	*p = 0;
	return out;
}

void trace_tap(void *arg, bool out, const struct io_pkt *pkt, const struct xtcp_addr *laddr, uint16_t lport,
	       const struct xtcp_addr *raddr, uint16_t rport, const struct tcp_seg *seg)
{
	const struct side *side = arg;
	struct tcp_opts opts = seg->opts;
	char flags[64];

	(void)pkt;
	(void)raddr;
	print_time(side->w);
	if (out)
		tcp_options_parse(seg->opt, seg->opt_len, &opts);
	printf("%c %s %s %u-%u [%s] SEQ: %u, ", "AB"[side->index], out ? "-->" : "<--", addr_is_v4(laddr) ? "v4" : "v6",
	       lport, rport, flag_names(seg->flags, flags), seg->seq);
	if (seg->flags & TCP_ACK)
		printf("ACK: %u", seg->ack);
	else
		printf("ACK: -");
	printf(", wnd %u, len %u", seg->wnd, seg->len);
	if (opts.present & TCP_OPT_MSS)
		printf(", mss %u", opts.mss);
	if (opts.present & TCP_OPT_WSCALE)
		printf(", wscale %u", opts.wscale);
	if (opts.present & TCP_OPT_TS)
		printf(", ts %u %u", opts.tsval, opts.tsecr);
	for (uint8_t i = 0; opts.present & TCP_OPT_SACK && i < opts.nsack; i++)
		printf("%s%u-%u", i ? " " : ", sack ", opts.sack[i].start, opts.sack[i].end);
	printf("\n");
}

void trace_fate(const struct world *w, int from, uint32_t len, uint32_t fate)
{
	static const char *const names[] = { "",
					     "dropped: queue full",
					     "lost",
					     "lost in a blackout",
					     "duplicated",
					     "damaged",
					     "delayed",
					     "marked",
					     "dropped by CoDel",
					     "its ECN field changed" };

	if (!w->trace || !fate)
		return;
	print_time(w);
	printf("%c  ** %u bytes", "AB"[from], len);
	for (int i = 1; i < LINK_FATES; i++)
		if (fate & 1u << i)
			printf(", %s", names[i]);
	printf("\n");
}

void trace_note(const struct world *w, const char *fmt, ...)
{
	va_list ap;

	if (!w->trace)
		return;
	print_time(w);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}
