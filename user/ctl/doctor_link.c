// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * doctor_link.c - what one interface can do. XDP is tried for real, with our own
 * program that owns nothing and so passes everything; never when a program is
 * there already. On some hardware attaching resets the link for a moment.
 */
#include <errno.h>
#include <linux/ethtool.h>
#include <stdio.h>
#include <string.h>

#include "ctl/half.h"
#include "ctl/probe.h"
#include "ctl/private.h"
#include "io/xsk.h"
#include "lib/fail.h"

#define ONE_BUFFER_MTU 3000 /* bytes: a frame up to this fits one AF_XDP buffer of 4,096 in any mode */

static void look_link(struct findings *f, const struct ctl_link *link)
{
	char mend[96];

	finding(f, CTL_OK, "interface", "", "%s: driver %s, MTU %u, %u receive queue%s", link->name,
		link->driver[0] ? link->driver : "unknown", link->mtu, link->queues, link->queues == 1 ? "" : "s");
	if (!link->up) {
		snprintf(mend, sizeof(mend), "ip link set dev %s up; and look at its other end", link->name);
		finding(f, CTL_BAD, "link", mend, "%s is down, or has no carrier", link->name);
	}
	if (link->queues > XTCP_MAX_QUEUES) {
		snprintf(mend, sizeof(mend), "ethtool -L %s combined %d", link->name, XTCP_MAX_QUEUES);
		finding(f, CTL_BAD, "queues", mend, "%u receive queues; at most %d can be served", link->queues,
			XTCP_MAX_QUEUES);
	}
	finding(f, CTL_OK, "checksums", "", "%s",
		link->virtual_link ? "virtual link: checksums that the sender left partial are recognised"
				   : "hardware: every checksum is verified");
}

/* Attach in one mode and let go again. 0 or -errno with fail(). */
static int try_mode(const struct ctl_link *link, enum ctl_mode mode)
{
	struct xtcp_xdp_conf conf = { 0 };
	struct half half;
	int err;

	half_init(&half);
	err = half_load(&half, &conf);
	if (!err)
		err = half_attach(&half, link, mode);
	half_close(&half);
	return err;
}

static void try_modes(struct findings *f, const struct ctl_link *link)
{
	char native_why[160] = "";
	int native = try_mode(link, CTL_MODE_NATIVE);
	int generic;

	if (native)
		snprintf(native_why, sizeof(native_why), "%s", fail_text());
	generic = try_mode(link, CTL_MODE_GENERIC);
	if (native)
		finding(f, generic ? CTL_BAD : CTL_NOTE, "XDP native",
			generic ? "see the reason" : "nothing needed: generic mode is used instead, at a lower rate",
			"%s", native_why);
	else
		finding(f, CTL_OK, "XDP native", "", "attaches");
	if (generic)
		finding(f, native ? CTL_BAD : CTL_NOTE, "XDP generic",
			native ? "see the reason" : "nothing needed: native mode works", "%.180s", fail_text());
	else
		finding(f, CTL_OK, "XDP generic", "", "attaches");
}

static void look_xdp(struct findings *f, const struct ctl_link *link)
{
	struct hook hook;
	const char *mode;
	int err = hook_query(link->ifindex, &hook);

	if (err) {
		finding(f, CTL_BAD, "XDP hook", "run as root", "cannot be asked: %s", strerror(-err));
		return;
	}
	if (!hook.prog_id) {
		try_modes(f, link);
		return;
	}
	mode = hook.mode == CTL_MODE_GENERIC ? "generic" : "native";
	if (hook.ours) {
		finding(f, CTL_OK, "XDP hook", "", "xtcp is attached already (program id %u, %s mode)", hook.prog_id,
			mode);
		return;
	}
	hook_busy(link, &hook);
	finding(f, CTL_BAD, "XDP hook", "stop it; only one program can be on an interface", "%.180s", fail_text());
}

/* Who sums what is sent. */
static void look_tx_csum(struct findings *f, const struct ctl_link *link, bool zero_copy)
{
	const char *no = ctl_no_tx_csum(link, zero_copy, false), *never = ctl_no_tx_csum(link, zero_copy, true);

	if (!never && probe_tx_metadata())
		no = never = "this kernel has no TX metadata for AF_XDP";
	if (no)
		finding(f, CTL_OK, "sent checksums", "", "summed while copying: %s%s", no,
			never ? "" : " (--tx-csum on does it)");
	else
		finding(f, CTL_OK, "sent checksums", "", "left to the device, by AF_XDP's TX metadata");
}

static void look_xsk(struct findings *f, const struct ctl_link *link)
{
	char mend[96];
	int err = probe_xsk(link->ifindex, XDP_COPY | XDP_USE_NEED_WAKEUP);

	if (err == -EBUSY) {
		finding(f, CTL_NOTE, "AF_XDP socket", "stop the other one",
			"queue 0 of %s is in use by another AF_XDP program", link->name);
		return;
	}
	if (err == -ENETDOWN)
		return; /* said already */
	finding(f, err ? CTL_BAD : CTL_OK, "AF_XDP socket", "see dmesg, and the MTU", "%s %s", link->name,
		err ? strerror(-err) : "queue 0 can be bound");
	if (err)
		return;
	err = probe_xsk(link->ifindex, XDP_ZEROCOPY | XDP_USE_NEED_WAKEUP);
	finding(f, CTL_OK, "zero-copy", "", "%s",
		!err ? "the driver does it" : "not with this driver; frames are copied once, by the kernel");
	look_tx_csum(f, link, !err);
	finding(f, CTL_OK, "frame memory", "", "chunks of %u bytes in native mode, of %u in generic",
		xsk_chunk_size(XSK_MODE_NATIVE, link->mtu), xsk_chunk_size(XSK_MODE_GENERIC, link->mtu));
	if (link->mtu <= ONE_BUFFER_MTU)
		return;
	err = probe_xsk(link->ifindex, XDP_COPY | XDP_USE_SG);
	snprintf(mend, sizeof(mend), "ip link set dev %s mtu 1500, or Linux 6.6 or later", link->name);
	finding(f, err ? CTL_BAD : CTL_OK, "large frames", mend, "MTU %u: %s", link->mtu,
		err ? "a frame does not fit one buffer, and this kernel has no multi-buffer AF_XDP"
		    : "carried in several buffers");
}

static void look_offloads(struct findings *f, const struct ctl_link *link)
{
	int gro = probe_offload(link->name, ETHTOOL_GGRO);
	int tso = probe_offload(link->name, ETHTOOL_GTSO);
	int lro = probe_offload(link->name, ETHTOOL_GFLAGS);
	char mend[96];

	if (lro > 0) {
		snprintf(mend, sizeof(mend), "ethtool -K %s lro off", link->name);
		finding(f, CTL_NOTE, "LRO", mend, "on: many drivers then refuse native XDP");
	}
	if (gro >= 0 && tso >= 0)
		finding(f, CTL_OK, "offloads", "", "GRO %s, TSO %s; %s", gro ? "on" : "off", tso ? "on" : "off",
			!strcmp(link->driver, "veth")
				? "native XDP here turns the peer's TSO off, generic keeps it (segments up to 64 KB)"
				: "no need to change them");
}

/* What --mode auto takes, and which way bulk leaves. */
static void look_path(struct findings *f, const struct ctl_link *link)
{
	const char *generic = path_bulk_generic(link), *no_supers = ctl_no_supers(link);

	finding(f, CTL_OK, "auto, latency", "", "native XDP where it attaches: the shortest way");
	if (generic)
		finding(f, CTL_OK, "auto, bulk", "", "generic XDP: %s", generic);
	else
		finding(f, CTL_OK, "auto, bulk", "",
			"native XDP where it attaches: this driver brings single frames in any mode");
	if (ctl_no_busy_poll(link))
		finding(f, CTL_OK, "busy polling", "", "not used: %s", ctl_no_busy_poll(link));
	else
		finding(f, CTL_OK, "busy polling", "",
			"with --wait latency the device is polled in place of its interrupts");
	if (no_supers)
		finding(f, CTL_NOTE, "super-segments", "nothing needed: each segment is a frame of its own then",
			"none are sent: %s", no_supers);
	else
		finding(f, CTL_OK, "super-segments", "", "bulk is sent in them, past AF_XDP: TSO is on%s",
			link->tx_queues > 1
				? "; single segments follow them by the same way, for order among several transmit queues"
				: "");
}

void doctor_link(struct findings *f, const char *ifname)
{
	struct ctl_link link;
	struct nl nl;
	int err = nl_open(&nl, false);

	if (!err)
		err = link_by_name(&nl, ifname, &link);
	nl_close(&nl);
	if (err) {
		finding(f, CTL_BAD, "interface", "see: ip link", "%.180s", fail_text());
		return;
	}
	look_link(f, &link);
	look_xdp(f, &link);
	look_xsk(f, &link);
	look_offloads(f, &link);
	look_path(f, &link);
}
