// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * gso.c - super-segments. One sendmsg() each: the kernel copies the text out of the send queue once, and the frame goes to the
 * driver past the queueing discipline, like those of AF_XDP in copy mode. A driver without TSO gets it cut up by the kernel.
 */
#include "io/gso.h"

#include <errno.h>
#include <string.h>
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include "lib/fail.h"
#include "xtcp/wire.h"

#define SNDBUF_BYTES (4 << 20)

static int set_up(int fd, int ifindex)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = ifindex }; /* protocol 0: receives nothing */
	int on = 1, sndbuf = SNDBUF_BYTES;

	if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&to, sizeof(to)))
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &sndbuf, sizeof(sndbuf)))
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof(sndbuf));
	return 0;
}

int gso_open(const char *ifname, int ifindex)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return fail(errno, "AF_PACKET on %s: %s", ifname, strerror(errno));
	err = set_up(fd, ifindex);
	if (err) {
		close(fd);
		return fail(-err, "AF_PACKET on %s: no virtio-net headers: %s", ifname, strerror(-err));
	}
	return fd;
}

int gso_send(int fd, const struct io_pkt *pkt, const struct io_gso *how)
{
	struct virtio_net_hdr vh = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = !how->size ? VIRTIO_NET_HDR_GSO_NONE
			    : how->v6  ? VIRTIO_NET_HDR_GSO_TCPV6
				       : VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = (uint16_t)pkt->frag[0].len,
		.gso_size = how->size,
		.csum_start = how->l4_off,
		.csum_offset = WIRE_TCP_CSUM_OFF,
	};
	struct iovec iov[1 + IO_GSO_FRAGS] = { { &vh, sizeof(vh) } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 1 + pkt->nfrags };

	if (how->size && how->cwr)
		vh.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
	for (uint32_t i = 0; i < pkt->nfrags; i++)
		iov[1 + i] = (struct iovec){ pkt->frag[i].data, pkt->frag[i].len };
	return sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}
