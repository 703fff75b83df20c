// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * attach.c - the interface's XDP hook: what is on it, and our way onto it. The
 * attachment is a BPF link held by a descriptor, so that the end of the process,
 * however it comes, detaches.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/half.h"
#include "lib/fail.h"

#define LINKS_MAX 65536 /* a bound for the walk over all BPF links */

uint32_t hook_link_of(uint32_t prog_id)
{
	__u32 id = 0;

	for (int i = 0; i < LINKS_MAX && !bpf_link_get_next_id(id, &id); i++) {
		struct bpf_link_info info = { 0 };
		__u32 len = sizeof(info);
		int fd = bpf_link_get_fd_by_id(id), err;

		if (fd < 0)
			continue;
		err = bpf_obj_get_info_by_fd(fd, &info, &len);
		close(fd);
		if (!err && info.type == BPF_LINK_TYPE_XDP && info.prog_id == prog_id && info.xdp.ifindex)
			return id;
	}
	return 0;
}

static void name_prog(struct hook *hook)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(hook->prog_id);

	if (fd < 0)
		return;
	if (!bpf_obj_get_info_by_fd(fd, &info, &len))
		memcpy(hook->name, info.name, sizeof(hook->name) - 1);
	close(fd);
	hook->ours = !strcmp(hook->name, HALF_PROG);
	hook->link_id = hook_link_of(hook->prog_id);
}

int hook_query(int ifindex, struct hook *out)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, opts);
	int err = bpf_xdp_query(ifindex, 0, &opts);

	memset(out, 0, sizeof(*out));
	if (err)
		return err;
	out->prog_id = opts.prog_id;
	if (opts.drv_prog_id)
		out->prog_id = opts.drv_prog_id;
	else if (opts.skb_prog_id)
		out->prog_id = opts.skb_prog_id;
	else if (opts.hw_prog_id)
		out->prog_id = opts.hw_prog_id;
	out->mode = opts.skb_prog_id && !opts.drv_prog_id ? CTL_MODE_GENERIC : CTL_MODE_NATIVE;
	if (out->prog_id)
		name_prog(out);
	return 0;
}

int hook_busy(const struct ctl_link *link, const struct hook *hook)
{
	const char *off = hook->mode == CTL_MODE_GENERIC ? "xdpgeneric" : "xdp";

	if (!hook->prog_id)
		return fail(EBUSY, "%s already has an XDP program in another mode; see: ip link show dev %s",
			    link->name, link->name);
	if (hook->ours)
		return fail(EBUSY,
			    "another xtcp is on %s already (XDP program id %u), and an interface has room for one; "
			    "stop it, or if it was attached: xtcp detach -i %s",
			    link->name, hook->prog_id, link->name);
	if (hook->link_id)
		return fail(EBUSY,
			    "%s already has an XDP program (id %u, name %s), held by BPF link %u; "
			    "stop what holds it, or: bpftool link detach id %u",
			    link->name, hook->prog_id, hook->name, hook->link_id, hook->link_id);
	return fail(EBUSY,
		    "%s already has an XDP program (id %u, name %s); stop it, or detach it: ip link set dev %s %s off",
		    link->name, hook->prog_id, hook->name[0] ? hook->name : "not known without CAP_SYS_ADMIN",
		    link->name, off);
}

static int create_link(struct half *h, int ifindex, __u32 flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = flags);
	int fd = bpf_link_create(h->prog, ifindex, BPF_XDP, &opts);

	if (fd < 0)
		return -errno;
	h->link = fd;
	h->mode = flags == XDP_FLAGS_SKB_MODE ? CTL_MODE_GENERIC : CTL_MODE_NATIVE;
	return 0;
}

/* Why native mode was refused, in h->why. */
static void tell_native(struct half *h, const struct ctl_link *link, int err)
{
	const char *driver = link->driver[0] ? link->driver : "unknown";
	const char *hint = "";

	if (err == -EOPNOTSUPP)
		snprintf(h->why, sizeof(h->why), "driver %s has no native XDP (interface %s)", driver, link->name);
	else if (link->mtu > 1500 && (err == -EINVAL || err == -ERANGE || err == -E2BIG))
		snprintf(h->why, sizeof(h->why), "MTU %u is too large for native XDP on %s (driver %s)", link->mtu,
			 link->name, driver);
	else {
		if (!strcmp(driver, "virtio_net"))
			hint = "; it needs free queues and no guest offloads";
		snprintf(h->why, sizeof(h->why), "native XDP refused on %s (driver %s): %s%s", link->name, driver,
			 strerror(-err), hint);
	}
}

static int explain(const struct half *h, const struct ctl_link *link, enum ctl_mode mode, int err)
{
	struct hook hook;

	if (err == -EPERM || err == -EACCES)
		return fail(EPERM, "attaching to %s is not permitted: run as root, or with " HALF_CAPS, link->name);
	if (err == -EBUSY || err == -EEXIST) {
		if (hook_query(link->ifindex, &hook))
			memset(&hook, 0, sizeof(hook));
		return hook_busy(link, &hook);
	}
	if (err == -ENODEV)
		return fail(ENODEV, "interface %s has gone", link->name);
	if (mode != CTL_MODE_NATIVE)
		return fail(-err, "XDP cannot be attached to %s (driver %s) in generic mode: %s", link->name,
			    link->driver, strerror(-err));
	if (strstr(h->why, "too large"))
		return fail(EINVAL, "%s: use --mode generic, or lower the MTU: ip link set dev %s mtu 1500", h->why,
			    link->name);
	return fail(err == -EOPNOTSUPP ? ENOTSUP : -err, "%s: use --mode generic", h->why);
}

int half_attach(struct half *h, const struct ctl_link *link, enum ctl_mode mode)
{
	int err = -EOPNOTSUPP;

	h->why[0] = '\0';
	if (mode != CTL_MODE_GENERIC) {
		err = create_link(h, link->ifindex, XDP_FLAGS_DRV_MODE);
		if (!err)
			return 0;
		tell_native(h, link, err);
		if (mode == CTL_MODE_NATIVE || err == -EBUSY || err == -EEXIST || err == -EPERM || err == -ENODEV)
			return explain(h, link, mode, err);
	}
	err = create_link(h, link->ifindex, XDP_FLAGS_SKB_MODE);
	return err ? explain(h, link, CTL_MODE_GENERIC, err) : 0;
}
