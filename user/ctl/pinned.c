// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * pinned.c - the XDP half without an engine: attach and pin, detach, status.
 * A pinned program passes everything on to the kernel until an engine adopts it.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "ctl/private.h"
#include "lib/fail.h"

static int find_link(const char *ifname, struct ctl_link *link)
{
	struct nl nl;
	int err = nl_open(&nl, false);

	if (!err)
		err = link_by_name(&nl, ifname, link);
	nl_close(&nl);
	return err;
}

static int query(const struct ctl_link *link, struct hook *hook)
{
	int err = hook_query(link->ifindex, hook);

	return err ? fail(-err, "the XDP hook of %s cannot be asked: %s", link->name, strerror(-err)) : 0;
}

static int load_and_pin(const struct ctl_link *link, enum ctl_mode mode)
{
	struct xtcp_xdp_conf conf = { .partial_csum_ok = link->virtual_link };
	struct pins pins = { .keeper = KEEPER_NONE };
	struct half half;
	int err;

	half_init(&half);
	if (getrandom(&conf.flow_key, sizeof(conf.flow_key), 0) != (ssize_t)sizeof(conf.flow_key))
		return fail(EIO, "no random numbers");
	err = pins_mount();
	if (!err)
		err = half_load(&half, &conf);
	if (!err)
		err = half_attach(&half, link, mode);
	if (!err)
		err = pins_make(&pins, link->name, &half, true);
	half_close(&half);
	return err;
}

int ctl_attach_pinned(const char *ifname, enum ctl_mode mode, struct ctl_status *out)
{
	struct ctl_link link;
	struct hook hook;
	int lock, err = find_link(ifname, &link);

	if (err)
		return err;
	lock = lock_take(&link);
	if (lock < 0)
		return lock;
	err = query(&link, &hook);
	if (!err && hook.prog_id && hook.ours)
		err = fail(EBUSY, "%s is attached already (XDP program id %u); see: xtcp status -i %s", link.name,
			   hook.prog_id, link.name);
	else if (!err && hook.prog_id)
		err = hook_busy(&link, &hook);
	if (!err)
		err = load_and_pin(&link, mode);
	close(lock);
	return err ? err : ctl_status_get(ifname, out);
}

/* Works also where the pin is in a mount namespace that we can't see. */
static int cut_link(const struct ctl_link *link, uint32_t link_id)
{
	int fd = bpf_link_get_fd_by_id(link_id);
	int err = fd < 0 ? -errno : 0;

	if (!err && bpf_link_detach(fd))
		err = -errno;
	if (fd >= 0)
		close(fd);
	return err ? fail(-err, "%s cannot be detached: %s", link->name, strerror(-err)) : 0;
}

int ctl_detach_pinned(const char *ifname)
{
	char path[PIN_PATH];
	struct ctl_link link;
	struct hook hook;
	int lock, err = find_link(ifname, &link);

	if (err)
		return err;
	err = query(&link, &hook);
	if (err)
		return err;
	if (!hook.prog_id || !hook.ours)
		return fail(ENOENT, "nothing of xtcp is attached to %s", link.name);
	lock = lock_take(&link);
	if (lock < 0)
		return lock;
	if (hook.link_id)
		err = cut_link(&link, hook.link_id);
	if (!err && pins_find(link.name, hook.prog_id, path))
		pins_remove(path);
	close(lock);
	return err;
}

static int fill_status(const struct ctl_link *link, const struct hook *hook, struct ctl_status *out)
{
	char path[PIN_PATH];
	struct half half;
	int err;

	memset(out, 0, sizeof(*out));
	snprintf(out->ifname, sizeof(out->ifname), "%s", link->name);
	out->ifindex = link->ifindex;
	out->locked = lock_held(link->ifindex);
	out->mode = hook->mode;
	out->prog_id = hook->prog_id;
	out->link_id = hook->link_id;
	if (pins_find(link->name, hook->prog_id, path)) {
		snprintf(out->pin_path, sizeof(out->pin_path), "%s", path);
		out->pinned = pins_hold_link(path);
	}
	half_init(&half);
	err = half_adopt(&half, hook->prog_id, hook->mode);
	if (!err)
		err = half_stats(&half, &out->stats);
	half_close(&half);
	return err;
}

int ctl_status_get(const char *ifname, struct ctl_status *out)
{
	struct ctl_link link;
	struct hook hook;
	int err = find_link(ifname, &link);

	if (!err)
		err = query(&link, &hook);
	if (err)
		return err;
	if (hook.prog_id && !hook.name[0] && geteuid())
		return fail(EPERM, "XDP program %u on %s cannot be looked at: run as root, or with CAP_SYS_ADMIN",
			    hook.prog_id, link.name);
	if (!hook.prog_id || !hook.ours)
		return fail(ENOENT, "nothing of xtcp is attached to %s", link.name);
	return fill_status(&link, &hook, out);
}
