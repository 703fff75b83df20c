/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gso.h - super-segments out of an interface: an AF_PACKET socket with virtio-net headers, for AF_XDP has no way to
 * tell the device that a frame is to be cut up. Nothing is ever received on it.
 */
#ifndef IO_GSO_H
#define IO_GSO_H

#include "io/port.h"

#define GSO_BYTES 65280u /* of text: with the longest headers still an IPv4 datagram */

/* A descriptor, or -errno with fail(). Never blocks. */
int gso_open(const char *ifname, int ifindex);
/* Send at once. 0, or -errno: the kernel has not taken it. */
int gso_send(int fd, const struct io_pkt *pkt, const struct io_gso *how);

#endif
