// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * join.c - one more engine on an interface: a region, an AF_XDP socket on a receive queue
 * of its own, netlink sockets, for a thread of its own. What the engines of an interface
 * share is the XDP half and the reserved ports (ctl/group.c), and rings for frames that
 * arrive at the wrong one (engine/sisters.h).
 */
#include "api/private.h"

#include <errno.h>
#include <string.h>
#include "lib/fail.h"

static int mode_of(const struct xtcp *x)
{
	return ctl_mode(x->ctl) == CTL_MODE_GENERIC ? XTCP_MODE_GENERIC : XTCP_MODE_NATIVE;
}

/* What must be as the first engine has it. */
static int check_same(struct xtcp_conf *c, const struct xtcp *first)
{
	const struct ctl_link *l = ctl_link(first->ctl);

	if (strcmp(c->ifname, l->name))
		return fail(EINVAL, "conf.ifname is %s, but the engine to join is on %s", c->ifname, l->name);
	if (c->mode != XTCP_MODE_AUTO && (int)c->mode != mode_of(first))
		return fail(EINVAL, "conf.mode is not that of the engine to join: %s runs in %s mode", l->name,
			    mode_of(first) == XTCP_MODE_GENERIC ? "generic" : "native");
	return 0;
}

/* The first queue that no engine serves yet. */
static int next_queue(struct xtcp_conf *c, const struct xtcp *first)
{
	const struct ctl_link *l = ctl_link(first->ctl);
	int queue = ctl_free_queue(first->ctl);

	if ((uint32_t)queue >= l->queues)
		return fail(EBUSY,
			    "no receive queue of %s is left for one more engine: it has %u; ethtool -L %s adds some",
			    l->name, l->queues, l->name);
	c->first_queue = (uint32_t)queue;
	c->queues = 1;
	return 0;
}

int xtcp_join(struct xtcp **out, struct xtcp *first, const struct xtcp_conf *conf)
{
	struct xtcp_conf c = XTCP_CONF_INIT, given = XTCP_CONF_INIT;
	bool any = !conf;
	int err;

	if (conf) {
		memcpy(&given, conf, conf->size < sizeof(given) ? conf->size : sizeof(given));
		given.size = conf->size;
		any = given.first_queue == XTCP_QUEUE_ANY;
	}
	if (!given.ifname)
		given.ifname = ctl_link(first->ctl)->name;
	if (any)
		given.first_queue = 0;
	if (!given.queues)
		given.queues = 1;
	err = api_copy_conf(&c, &given);
	if (!err)
		err = check_same(&c, first);
	if (!err && any)
		err = next_queue(&c, first);
	return err ? err : api_open(out, &c, first);
}
