/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * xdp_uapi.h - AF_XDP constants that older kernel headers lack (Debian 12 ships
 * those of 6.1). Whether the running kernel knows them is found out by asking it.
 */
#ifndef IO_XDP_UAPI_H
#define IO_XDP_UAPI_H

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
