/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * xdp_uapi.h - AF_XDP constants that older kernel headers lack (Debian 12 ships
 * those of 6.1). Whether the running kernel knows them is found out by asking it.
 */
#ifndef IO_XDP_UAPI_H
#define IO_XDP_UAPI_H

#include <stdint.h>
#include <sys/socket.h>
#include <linux/if_xdp.h>

#ifndef AF_XDP
#define AF_XDP 44
#endif
#ifndef SOL_XDP
#define SOL_XDP 283
#endif

/* Bind flag, Linux 6.6: frames of several descriptors in both directions. */
#ifndef XDP_USE_SG
#define XDP_USE_SG (1 << 4)
#endif
/* Descriptor option, Linux 6.6: the frame goes on in the next descriptor. */
#ifndef XDP_PKT_CONTD
#define XDP_PKT_CONTD (1 << 0)
#endif

/* ---- TX metadata, Linux 6.8; the flag that it is announced by Linux 6.11 ---- */

#ifndef XDP_UMEM_TX_METADATA_LEN
#define XDP_UMEM_TX_METADATA_LEN (1 << 2)
#endif
/* Descriptor option: metadata lies directly in front of the frame. */
#ifndef XDP_TX_METADATA
#define XDP_TX_METADATA (1 << 1)
#endif
/* In its flags: the sum from csum_start on is left to the device, or to the kernel. */
#ifndef XDP_TXMD_FLAGS_CHECKSUM
#define XDP_TXMD_FLAGS_CHECKSUM (1 << 1)
#endif

/* struct xdp_umem_reg with its latest field. */
struct xdp_uapi_umem_reg {
	uint64_t addr;
	uint64_t len;
	uint32_t chunk_size;
	uint32_t headroom;
	uint32_t flags;
	uint32_t tx_metadata_len;
};

/* What is used of struct xsk_tx_metadata. */
struct xdp_uapi_tx_meta {
	uint64_t flags;
	uint16_t csum_start;  /* bytes from the frame's start */
	uint16_t csum_offset; /* ... from there to the field */
};
#define XDP_UAPI_TX_META_LEN \
	32 /* bytes announced: what any kernel so far makes of them is 24, and frames stay aligned */

/* Socket option, Linux 6.18: descriptors one sendto() handles in copy mode (32 before and by default). */
#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9
#endif

/* Linux 5.11 */
#ifndef SO_PREFER_BUSY_POLL
#define SO_PREFER_BUSY_POLL 69
#endif
#ifndef SO_BUSY_POLL_BUDGET
#define SO_BUSY_POLL_BUDGET 70
#endif

#define XDP_UAPI_HEADROOM 256 /* bytes the kernel keeps free in front of a received frame */
#define XDP_UAPI_TX_BATCH 32  /* descriptors one sendto() handles in copy mode, by default */

#endif
