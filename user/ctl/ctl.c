// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * ctl.c - one interface from open to close, and its news. See ctl.h.
 *
 * Order of opening: subscribe before asking, so that no change falls between;
 * lock, attach (or adopt), pin, then report addresses. Only the process that
 * opened detaches and unpins: a forked child that closes lets go of its
 * descriptors and nothing else.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "ctl/private.h"
#include "lib/fail.h"

const struct host_ops ctl_host_ops = {
	.route = route_lookup,
	.neigh = neigh_lookup,
	.reserve = reserve_port,
	.release = reserve_release,
	.steer = steer_port,
};

/* A dead predecessor's link may take a moment to go: how often to look again, and how long between. */
#define DYING_TRIES 20
#define DYING_PAUSE_NS 10000000

/* Empty what a dead predecessor left in the maps of a pinned program. */
static void clear_maps(struct half *h)
{
	struct xtcp_addr key;

	steer_clear(h->ports);
	memset(h->flows, 0, XTCP_FLOWS * sizeof(*h->flows));
	for (int i = 0; i < 2 * XTCP_MAX_ADDRS; i++) {
		if (bpf_map_get_next_key(h->map[HALF_ADDRS], NULL, &key))
			break;
		bpf_map_delete_elem(h->map[HALF_ADDRS], &key);
	}
}

static int adopt(struct ctl *ctl, const struct hook *hook)
{
	int err;

	if (ctl->conf.mode != CTL_MODE_AUTO && ctl->conf.mode != hook->mode)
		return fail(EBUSY, "%s is attached in %s mode by 'xtcp attach'; detach it first, or use that mode",
			    ctl->link.name, hook->mode == CTL_MODE_GENERIC ? "generic" : "native");
	err = half_adopt(&ctl->half, hook->prog_id, hook->mode);
	if (!err)
		err = half_mmap(&ctl->half);
	if (err)
		return err;
	clear_maps(&ctl->half);
	ctl->adopted = true;
	pins_find(ctl->link.name, hook->prog_id, ctl->pins.path);
	return 0;
}

/* What is on the hook once the dying are dead: nothing (0), ours and pinned (0), or foreign (-EBUSY). */
static int settle_hook(struct ctl *ctl, struct hook *hook)
{
	const struct timespec pause = { .tv_nsec = DYING_PAUSE_NS };
	char path[PIN_PATH];
	int err;

	for (int i = 0;; i++) {
		err = hook_query(ctl->link.ifindex, hook);
		if (err)
			return fail(-err, "the XDP hook of %s cannot be asked: %s", ctl->link.name, strerror(-err));
		if (!hook->prog_id)
			return 0;
		if (!hook->ours)
			return hook_busy(&ctl->link, hook);
		/* We hold the lock, so no living xtcp has it: it is pinned, or its link is about to go. */
		if (pins_find(ctl->link.name, hook->prog_id, path) && pins_hold_link(path))
			return 0;
		if (i >= DYING_TRIES)
			return 0; /* pinned where we can't see it */
		nanosleep(&pause, NULL);
	}
}

static int attach_fresh(struct ctl *ctl)
{
	struct xtcp_xdp_conf conf = {
		.partial_csum_ok = ctl->link.virtual_link || ctl->conf.partial_csum,
		.drop_sample = ctl->conf.drop_sample,
	};
	int err;

	if (getrandom(&conf.flow_key, sizeof(conf.flow_key), 0) != (ssize_t)sizeof(conf.flow_key))
		return fail(EIO, "no random numbers");
	err = half_load(&ctl->half, &conf);
	if (!err)
		err = half_mmap(&ctl->half);
	if (!err)
		err = half_attach(&ctl->half, &ctl->link, ctl->conf.mode);
	/* Pins are for onlookers: without them all works. */
	if (!err && ctl->conf.pin && !pins_make(&ctl->pins, ctl->link.name, &ctl->half, false) && pins_keep(&ctl->pins))
		pins_drop(&ctl->pins);
	return err;
}

int ctl_open(struct ctl **out, const struct ctl_conf *conf)
{
	struct ctl *ctl = calloc(1, sizeof(*ctl));
	struct hook hook;
	int err;

	*out = NULL;
	if (!ctl)
		return fail(ENOMEM, "out of memory");
	ctl->conf = *conf;
	ctl->lock_fd = ctl->pins.keeper_pipe = -1;
	ctl->owner = getpid();
	half_init(&ctl->half);
	reserve_init(ctl);
	err = nl_open(&ctl->nl, true);
	if (!err)
		err = link_by_name(&ctl->nl, conf->ifname, &ctl->link);
	if (err)
		goto out_close;
	ctl->conf.ifname = ctl->link.name;
	ctl->lock_fd = lock_take(&ctl->link);
	err = ctl->lock_fd < 0 ? ctl->lock_fd : settle_hook(ctl, &hook);
	if (err)
		goto out_close;
	err = hook.prog_id ? adopt(ctl, &hook) : attach_fresh(ctl);
	if (err)
		goto out_close;
	/* Attaching may bounce the link, so what it is now is asked once more. */
	link_refresh(&ctl->nl, &ctl->link);
	*out = ctl; /* the events may want to steer */
	if (conf->events.link)
		conf->events.link(conf->arg, &ctl->link);
	err = addrs_sync(ctl);
	if (!err)
		return 0;
out_close:
	*out = NULL;
	ctl_close(ctl);
	return err;
}

void ctl_close(struct ctl *ctl)
{
	if (!ctl)
		return;
	if (ctl->owner == getpid()) {
		if (ctl->adopted && ctl->half.ports && ctl->half.flows)
			clear_maps(&ctl->half);
		if (!ctl->adopted)
			pins_drop(&ctl->pins);
	} else if (ctl->pins.keeper_pipe >= 0) {
		close(ctl->pins.keeper_pipe);
	}
	half_close(&ctl->half);
	reserve_close(ctl);
	nl_close(&ctl->nl);
	if (ctl->lock_fd >= 0)
		close(ctl->lock_fd);
	free(ctl);
}

static int on_news(const struct nlmsghdr *nlh, void *arg)
{
	struct ctl *ctl = arg;

	switch (nlh->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK: link_news(ctl, nlh); break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		addrs_news(ctl, nlh);
		ctl->routes_dirty = true;
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH: neigh_news(ctl, nlh); break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(struct rtmsg) &&
		    ((const struct rtmsg *)mnl_nlmsg_get_payload(nlh))->rtm_flags & RTM_F_CLONED)
			break; /* a cache entry, not a route */
		ctl->routes_dirty = true;
		break;
	case RTM_NEWRULE:
	case RTM_DELRULE: ctl->routes_dirty = true; break;
	}
	return MNL_CB_OK;
}

/* News were lost: ask for everything again. */
static void resync(struct ctl *ctl)
{
	struct ctl_link fresh = ctl->link;

	if (link_refresh(&ctl->nl, &fresh) == -ENODEV) {
		fresh.gone = true;
		fresh.up = false;
	}
	link_report(ctl, &fresh);
	if (fresh.gone)
		return;
	addrs_sync(ctl);
	neigh_sync(ctl);
	ctl->routes_dirty = true;
}

int ctl_process(struct ctl *ctl)
{
	if (!ctl->link.gone && nl_news(&ctl->nl, on_news, ctl) == -ENOBUFS)
		resync(ctl);
	if (ctl->routes_dirty && !ctl->link.gone) {
		ctl->routes_dirty = false;
		if (ctl->conf.events.routes_changed)
			ctl->conf.events.routes_changed(ctl->conf.arg);
	}
	return ctl->link.gone ? fail(ENODEV, "interface %s has been removed", ctl->link.name) : 0;
}

const struct ctl_link *ctl_link(const struct ctl *ctl)
{
	return &ctl->link;
}

enum ctl_mode ctl_mode(const struct ctl *ctl)
{
	return ctl->half.mode;
}

const char *ctl_mode_why(const struct ctl *ctl)
{
	return ctl->half.mode == CTL_MODE_GENERIC ? ctl->half.why : "";
}

bool ctl_adopted(const struct ctl *ctl)
{
	return ctl->adopted;
}

const char *ctl_pin_path(const struct ctl *ctl)
{
	return ctl->pins.path;
}

int ctl_xsks_fd(const struct ctl *ctl)
{
	return ctl->half.map[HALF_XSKS];
}

uint64_t ctl_flow_key(const struct ctl *ctl)
{
	return ctl->half.conf.flow_key;
}

struct xtcp_flow *ctl_flows(struct ctl *ctl)
{
	return ctl->half.flows;
}

int ctl_fd(const struct ctl *ctl)
{
	return mnl_socket_get_fd(ctl->nl.news);
}

int ctl_xdp_stats(struct ctl *ctl, struct xtcp_xdp_stats *out)
{
	return half_stats(&ctl->half, out);
}
