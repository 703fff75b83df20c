/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * count.h - counters by name, the kind of each verdict, and sampled reports of
 * drops.
 *
 * A verdict of this program *is* a counter of stats.def: every function that
 * decides returns enum xtcp_xdp_stat, and its kind there says what becomes of
 * the frame. So no frame can be discarded without a name.
 */
#ifndef XTCP_BPF_COUNT_H
#define XTCP_BPF_COUNT_H

enum stat_kind { STAT_PASS, STAT_REDIR, STAT_DROP, STAT_COUNT };

/* Sets of counters as bit masks, one per kind. */
#define XTCP_XDP_STAT(kind, name, text) | (STAT_##kind == STAT_DROP) * 1ull << XTCP_XDP_##name
static const __u64 drop_stats = 0
#include "xtcp/stats.def"
	;
#define XTCP_XDP_STAT(kind, name, text) | (STAT_##kind == STAT_REDIR) * 1ull << XTCP_XDP_##name
static const __u64 redir_stats = 0
#include "xtcp/stats.def"
	;
_Static_assert(XTCP_XDP_STATS <= 64, "one bit a counter");

static __always_inline int stat_drops(__u32 stat)
{
	return drop_stats >> stat & 1;
}

static __always_inline int stat_redirects(__u32 stat)
{
	return redir_stats >> stat & 1;
}

static __always_inline void count(struct xtcp_xdp_stats *stats, __u32 stat)
{
	if (stat < XTCP_XDP_STATS)
		((__u64 *)stats)[stat]++;
}

/* 1 for every xtcp_conf.drop_sample-th call on this CPU. */
static __always_inline int drop_is_sampled(void)
{
	__u32 zero = 0;
	__u32 *n = bpf_map_lookup_elem(&unreported, &zero);

	if (!n || ++*n < xtcp_conf.drop_sample)
		return 0;
	*n = 0;
	return 1;
}

/* Tells user space about a dropped frame, if it is this one's turn and there is room. */
static __always_inline void report_drop(struct xdp_md *ctx, __u32 reason)
{
	struct xtcp_drop_event *ev;
	__u32 len;

	if (!xtcp_conf.drop_sample || !drop_is_sampled())
		return;
	ev = bpf_ringbuf_reserve(&events, sizeof(*ev), 0);
	if (!ev)
		return;
	len = (__u32)bpf_xdp_get_buff_len(ctx);
	ev->ktime_ns = bpf_ktime_get_ns();
	ev->ifindex = ctx->ingress_ifindex;
	ev->rx_queue = ctx->rx_queue_index;
	ev->reason = reason;
	ev->frame_len = len;
	__builtin_memset(ev->head, 0, sizeof(ev->head));
	asm volatile("" : "+r"(len)); /* the verifier must see the very value tested that is passed on */
	if (len < 1 || len > sizeof(ev->head))
		len = sizeof(ev->head);
	bpf_xdp_load_bytes(ctx, 0, ev->head, len);
	bpf_ringbuf_submit(ev, 0);
}

#endif /* XTCP_BPF_COUNT_H */
