// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * xtcp.bpf.c - the kernel half: every frame that arrives is parsed, and is
 * passed on to the kernel, dropped for a named reason, or redirected to the
 * engine's AF_XDP socket with what was found out in front of it.
 *
 * The verdict is a counter of stats.def; its kind there is the action (see
 * count.h). Needs Linux 6.1 and nothing newer.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "xtcp/shared.h"
#include "xtcp/wire.h"

#ifndef NULL
#define NULL ((void *)0)
#endif

#include "maps.h"
#include "packet.h"
#include "count.h"
#include "flow.h"
#include "classify.h"
#include "validate.h"
#include "steer.h"
#include "flow_table.h"

SEC("xdp.frags")
int xtcp_xdp(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct xtcp_xdp_stats *st = bpf_map_lookup_elem(&stats, &zero);
	struct packet pkt = {};
	enum xtcp_xdp_stat why;

	if (!st)
		return XDP_PASS;
	packet_parse(&pkt, ctx);
	why = classify(&pkt);
	if (why == XTCP_XDP_redirect_tcp)
		why = validate(&pkt, st);
	if (stat_redirects(why))
		why = steer(ctx, &pkt, st, why);
	count(st, why);
	if (stat_drops(why)) {
		report_drop(ctx, why);
		return XDP_DROP;
	}
	return stat_redirects(why) ? XDP_REDIRECT : XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
