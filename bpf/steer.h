/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * steer.h - handing a frame to the engine: redirect to the socket on its receive
 * queue, put struct xtcp_meta in front of the frame.
 *
 * Invariant: a frame that goes on to the kernel after all carries no metadata
 * (GRO would not merge it), so nothing is written before there is a socket for it.
 */
#ifndef XTCP_BPF_STEER_H
#define XTCP_BPF_STEER_H

/* Writes the metadata; pointers into the frame are void afterwards. 0 if the driver has no room. */
static __always_inline int put_meta(struct xdp_md *ctx, const struct packet *pkt)
{
	struct xtcp_meta *meta;

	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*meta)))
		return 0;
	meta = (void *)(long)ctx->data_meta;
	if ((void *)(meta + 1) > (void *)(long)ctx->data)
		return 0;
	meta->magic = XTCP_META_MAGIC;
	meta->l3_off = pkt->ip.l3_off;
	meta->l4_off = pkt->ip.l4_off;
	meta->payload_off = pkt->tcp.payload_off;
	meta->flags = pkt->meta_flags;
	meta->conn_hint = pkt->conn;
	meta->rx_ns = 0;
	return 1;
}

/* Redirects; returns why, or pass_no_socket or drop_no_socket if nobody listens on this queue. */
static __always_inline enum xtcp_xdp_stat steer(struct xdp_md *ctx, const struct packet *pkt,
						struct xtcp_xdp_stats *stats, enum xtcp_xdp_stat why)
{
	__u32 queue = ctx->rx_queue_index;

	/* Of a connection that an engine on another queue has: the kernel would reset it. Its sender tries another way. */
	if (bpf_redirect_map(&xsks, queue, XDP_PASS) != XDP_REDIRECT)
		return pkt->conn ? XTCP_XDP_drop_no_socket : XTCP_XDP_pass_no_socket;
	if (pkt->conn)
		count(stats, XTCP_XDP_flow_hit);
	if (!put_meta(ctx, pkt))
		count(stats, XTCP_XDP_no_meta);
	return why;
}

#endif /* XTCP_BPF_STEER_H */
