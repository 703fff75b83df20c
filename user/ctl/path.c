// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* path.c - by what an interface offers: which XDP mode, which way bulk data leaves, and who sums. */
#include <string.h>

#include "ctl/private.h"

/*
 * A veth's sender keeps its super-segments while the receiving end has no native XDP, and generic XDP gets them whole: one frame in
 * place of forty. Other drivers receive single frames in any case, and native XDP takes those for less.
 */
const char *path_bulk_generic(const struct ctl_link *link)
{
	return strcmp(link->driver, "veth") ? NULL : "bulk is preferred, and a veth brings it in super-segments then";
}

/* Where the sender's own processor runs the receiver's NAPI there is no interrupt, and polling it would fight over it. */
const char *ctl_no_busy_poll(const struct ctl_link *link)
{
	static const char *const without[] = { "veth", "tun", "dummy", "ifb", "loopback", "bridge" };

	for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++)
		if (!strcmp(link->driver, without[i]))
			return "this driver has no interrupts to be spared";
	return NULL;
}

/* Super-segments go past AF_XDP. Without TSO the kernel cuts them up itself, in bursts that overrun a peer with native XDP. */
const char *ctl_no_supers(const struct ctl_link *link)
{
	if (!link->tso)
		return "TSO is off (ethtool -K IFACE tso on; a veth also loses it while its other end has native XDP)";
	return NULL;
}

/*
 * In copy mode the kernel makes the frame a packet whose checksum is still to come (CHECKSUM_PARTIAL), and completes it where the
 * device can't: right in any case, but measured over a veth no faster than a sum while copying (README). virtio_net's packets are
 * made in a way of their own, which up to Linux 6.18 at least forgets the metadata: they would leave with wrong checksums.
 */
const char *ctl_no_tx_csum(const struct ctl_link *link, bool zero_copy, bool asked)
{
	if (zero_copy)
		return link->zc_csum ? NULL : "the driver does not fill them in for zero-copy AF_XDP";
	if (!strcmp(link->driver, "virtio_net"))
		return "in copy mode, up to Linux 6.18 at least, it is forgotten on virtio_net";
	return asked ? NULL : "in copy mode leaving them to the kernel gains nothing";
}
