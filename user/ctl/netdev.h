/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* netdev.h - what the kernel tells of an interface's AF_XDP offloads (generic netlink family "netdev", Linux 6.3). */
#ifndef CTL_NETDEV_H
#define CTL_NETDEV_H

#include <stdbool.h>

/* The driver fills in checksums that a zero-copy socket leaves to it; false too where the kernel can't tell. */
bool netdev_xsk_csum(int ifindex);

#endif
