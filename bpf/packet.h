/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * packet.h - what is known about the frame in hand, handed from parse to
 * classify, validate and steer.
 *
 * Invariants: it is zeroed first, for older verifiers refuse to read stack that
 * was never written; data and end are good until bpf_xdp_adjust_meta, which is
 * the last thing done to a frame. After classify said "redirect", ip and tcp
 * hold the flow as the peer sees it: ip.daddr and tcp.dport are ours (for an
 * ICMP error they are taken from the packet it quotes).
 */
#ifndef XTCP_BPF_PACKET_H
#define XTCP_BPF_PACKET_H

struct packet {
	const void *data;
	const void *end;
	struct wire_ip ip;
	struct wire_tcp tcp;
	enum wire_result parsed; /* what wire_parse_ip said */
	__u16 meta_flags;	 /* XTCP_META_F_* */
	__u32 conn;		 /* conn of the flow's entry, 0: none known */
};

/* The place off bytes into the frame, or NULL. */
static __always_inline const __u8 *packet_at(const struct packet *pkt, __u32 off, __u32 len)
{
	return wire_at_stored(pkt->data, pkt->end, off, len);
}

static __always_inline void packet_parse(struct packet *pkt, struct xdp_md *ctx)
{
	pkt->data = (const void *)(long)ctx->data;
	pkt->end = (const void *)(long)ctx->data_end;
	pkt->parsed = wire_parse_ip(pkt->data, pkt->end, (__u32)bpf_xdp_get_buff_len(ctx), &pkt->ip);
}

#endif /* XTCP_BPF_PACKET_H */
