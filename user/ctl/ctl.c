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
	.own_queue = rss_own_queue,
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
	struct ctl_group *g = ctl->group;
	int err;

	if (ctl->conf.mode != CTL_MODE_AUTO && ctl->conf.mode != hook->mode)
		return fail(EBUSY, "%s is attached in %s mode by 'xtcp attach'; detach it first, or use that mode",
			    ctl->link.name, hook->mode == CTL_MODE_GENERIC ? "generic" : "native");
	err = half_adopt(&g->half, hook->prog_id, hook->mode);
	if (!err)
		err = half_mmap(&g->half);
	if (err)
		return err;
	clear_maps(&g->half);
	g->adopted = true;
	pins_find(ctl->link.name, hook->prog_id, g->pins.path);
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
	struct ctl_group *g = ctl->group;
	const char *why = ctl->conf.mode == CTL_MODE_AUTO && ctl->conf.bulk ? path_bulk_generic(&ctl->link) : NULL;
	int err;

	if (getrandom(&conf.flow_key, sizeof(conf.flow_key), 0) != (ssize_t)sizeof(conf.flow_key))
		return fail(EIO, "no random numbers");
	err = half_load(&g->half, &conf);
	if (!err)
		err = half_mmap(&g->half);
	if (!err)
		err = half_attach(&g->half, &ctl->link, why ? CTL_MODE_GENERIC : ctl->conf.mode);
	if (!err && why)
		snprintf(g->half.why, sizeof(g->half.why), "%s", why);
	/* Pins are for onlookers: without them all works. */
	if (!err && ctl->conf.pin && !pins_make(&g->pins, ctl->link.name, &g->half, false) && pins_keep(&g->pins))
		pins_drop(&g->pins);
	return err;
}

/* The XDP half, by the group's first member. */
static int take_hook(struct ctl *ctl)
{
	struct hook hook;
	int err;

	ctl->group->lock_fd = lock_take(&ctl->link);
	err = ctl->group->lock_fd < 0 ? ctl->group->lock_fd : settle_hook(ctl, &hook);
	if (err)
		return err;
	err = hook.prog_id ? adopt(ctl, &hook) : attach_fresh(ctl);
	if (!err) /* attaching may bounce the link, so what it is now is asked once more */
		link_refresh(&ctl->nl, &ctl->link);
	return err;
}

static int open_member(struct ctl **out, struct ctl *first, const struct ctl_conf *conf)
{
	struct ctl_group *g = first ? first->group : group_new();
	struct ctl *ctl = g ? calloc(1, sizeof(*ctl)) : NULL;
	int err;

	*out = NULL;
	if (!ctl || group_enter(g, ctl)) {
		free(ctl);
		if (g && !first)
			group_free(g);
		return fail(ENOMEM, "out of memory");
	}
	ctl->conf = *conf;
	err = nl_open(&ctl->nl, true);
	if (!err)
		err = link_by_name(&ctl->nl, conf->ifname, &ctl->link);
	if (err)
		goto out_close;
	ctl->conf.ifname = ctl->link.name;
	err = first ? 0 : take_hook(ctl);
	if (err)
		goto out_close;
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

int ctl_open(struct ctl **out, const struct ctl_conf *conf)
{
	return open_member(out, NULL, conf);
}

int ctl_join(struct ctl **out, struct ctl *first, const struct ctl_conf *conf)
{
	return open_member(out, first, conf);
}

/* The last member has left. */
static void close_group(struct ctl_group *g)
{
	napi_restore(&g->napi, g->owner == getpid());
	if (g->owner == getpid()) {
		if (g->adopted && g->half.ports && g->half.flows)
			clear_maps(&g->half);
		if (!g->adopted)
			pins_drop(&g->pins);
	} else if (g->pins.keeper.pipe >= 0) {
		close(g->pins.keeper.pipe);
	}
	group_free(g);
}

void ctl_close(struct ctl *ctl)
{
	if (!ctl)
		return;
	nl_close(&ctl->nl);
	if (group_leave(ctl))
		close_group(ctl->group);
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

void ctl_forget_ports(struct ctl *ctl)
{
	struct ctl_group *g = ctl->group;

	pthread_mutex_lock(&g->lock);
	steer_drop(ctl);
	if (!ctl->next && g->members == ctl) /* whose they were is not known: with others, they stay */
		reserve_close(g);
	pthread_mutex_unlock(&g->lock);
}

void ctl_announce(struct ctl *ctl)
{
	if (ctl->conf.events.link)
		ctl->conf.events.link(ctl->conf.arg, &ctl->link);
	for (uint32_t i = 0; i < XTCP_MAX_ADDRS; i++)
		if (ctl->addrs[i].used && ctl->conf.events.addr)
			ctl->conf.events.addr(ctl->conf.arg, &ctl->addrs[i].addr, i, true);
}

int ctl_defer_interrupts(struct ctl *ctl)
{
	struct ctl_group *g = ctl->group;
	int err;

	pthread_mutex_lock(&g->lock);
	err = napi_defer(&g->napi, &ctl->link);
	pthread_mutex_unlock(&g->lock);
	return err;
}

const struct ctl_link *ctl_link(const struct ctl *ctl)
{
	return &ctl->link;
}

enum ctl_mode ctl_mode(const struct ctl *ctl)
{
	return ctl->group->half.mode;
}

const char *ctl_mode_why(const struct ctl *ctl)
{
	return ctl->group->half.mode == CTL_MODE_GENERIC ? ctl->group->half.why : "";
}

bool ctl_adopted(const struct ctl *ctl)
{
	return ctl->group->adopted;
}

const char *ctl_pin_path(const struct ctl *ctl)
{
	return ctl->group->pins.path;
}

int ctl_xsks_fd(const struct ctl *ctl)
{
	return ctl->group->half.map[HALF_XSKS];
}

uint64_t ctl_flow_key(const struct ctl *ctl)
{
	return ctl->group->half.conf.flow_key;
}

struct xtcp_flow *ctl_flows(struct ctl *ctl)
{
	return ctl->group->half.flows;
}

int ctl_flows_fd(const struct ctl *ctl)
{
	return ctl->group->half.map[HALF_FLOWS];
}

int ctl_fd(const struct ctl *ctl)
{
	return mnl_socket_get_fd(ctl->nl.news);
}

int ctl_xdp_stats(struct ctl *ctl, struct xtcp_xdp_stats *out)
{
	return half_stats(&ctl->group->half, out);
}
