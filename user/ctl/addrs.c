// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * addrs.c - the interface's addresses. Each has an index 0..63, its bit in the
 * port masks, and is in map "addrs" exactly while it is usable. Tentative IPv6
 * addresses are not: the kernel says when duplicate detection is over.
 * Invariant: a slot that is used is in the map; no two slots hold one address.
 * All engines of an interface agree on the indices (group.c).
 */
#include <errno.h>
#include <linux/if_addr.h>
#include <string.h>

#include "ctl/private.h"
#include "lib/addr.h"
#include "lib/fail.h"

static struct addr_slot *find(struct ctl *ctl, const struct xtcp_addr *addr)
{
	for (int i = 0; i < XTCP_MAX_ADDRS; i++)
		if (ctl->addrs[i].used && addr_eq(&ctl->addrs[i].addr, addr))
			return &ctl->addrs[i];
	return NULL;
}

static void add(struct ctl *ctl, const struct xtcp_addr *addr)
{
	int index = find(ctl, addr) ? -1 : group_addr_take(ctl, addr);

	if (index < 0)
		return; /* known, or 64 are in use: this one stays the kernel's */
	ctl->addrs[index].addr = *addr;
	ctl->addrs[index].used = true;
	if (ctl->conf.events.addr)
		ctl->conf.events.addr(ctl->conf.arg, &ctl->addrs[index].addr, (uint32_t)index, true);
}

static void drop(struct ctl *ctl, struct addr_slot *slot)
{
	uint32_t index;

	if (!slot || !slot->used)
		return;
	index = (uint32_t)(slot - ctl->addrs);
	slot->used = false;
	if (ctl->conf.events.addr)
		ctl->conf.events.addr(ctl->conf.arg, &slot->addr, index, false);
	group_addr_give(ctl, index);
}

static bool usable(const struct ifaddrmsg *ifa, const struct nlattr *flags_attr)
{
	uint32_t flags = flags_attr ? mnl_attr_get_u32(flags_attr) : ifa->ifa_flags;

	if (flags & IFA_F_DADFAILED)
		return false;
	return !(flags & IFA_F_TENTATIVE) || (flags & IFA_F_OPTIMISTIC);
}

/* The address a message speaks of; false when it is of another interface, or not understood. */
static bool parse(const struct ctl *ctl, const struct nlmsghdr *nlh, struct xtcp_addr *addr, bool *good)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[IFA_MAX + 1];

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifa) || (int)ifa->ifa_index != ctl->link.ifindex)
		return false;
	nl_attrs(nlh, sizeof(*ifa), tb, IFA_MAX);
	*good = usable(ifa, tb[IFA_FLAGS]);
	/* On a point-to-point link IFA_ADDRESS is the peer and IFA_LOCAL is ours. */
	return nl_addr(tb[IFA_LOCAL], ifa->ifa_family, addr) || nl_addr(tb[IFA_ADDRESS], ifa->ifa_family, addr);
}

void addrs_news(struct ctl *ctl, const struct nlmsghdr *nlh)
{
	struct xtcp_addr addr;
	bool good;

	if (!parse(ctl, nlh, &addr, &good))
		return;
	if (nlh->nlmsg_type == RTM_NEWADDR && good)
		add(ctl, &addr);
	else
		drop(ctl, find(ctl, &addr));
}

/* A dump is collected first: events are not called from inside a request. */
struct dump {
	const struct ctl *ctl;
	unsigned int n;
	struct xtcp_addr addr[XTCP_MAX_ADDRS];
};

static int dump_cb(const struct nlmsghdr *nlh, void *arg)
{
	struct dump *dump = arg;
	bool good;

	if (nlh->nlmsg_type == RTM_NEWADDR && dump->n < XTCP_MAX_ADDRS &&
	    parse(dump->ctl, nlh, &dump->addr[dump->n], &good) && good)
		dump->n++;
	return MNL_CB_OK;
}

int addrs_sync(struct ctl *ctl)
{
	struct dump dump = { .ctl = ctl };
	char buf[128];
	struct nlmsghdr *req = mnl_nlmsg_put_header(buf);
	int err;

	req->nlmsg_type = RTM_GETADDR;
	req->nlmsg_flags = NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(req, sizeof(struct ifaddrmsg));
	err = nl_ask(&ctl->nl, req, dump_cb, &dump);
	if (err)
		return fail(-err, "addresses of %s cannot be listed: %s", ctl->link.name, strerror(-err));
	for (int i = 0; i < XTCP_MAX_ADDRS; i++)
		ctl->addrs[i].seen = false;
	for (unsigned int i = 0; i < dump.n; i++) {
		struct addr_slot *slot = find(ctl, &dump.addr[i]);

		if (slot && slot->used)
			slot->seen = true;
	}
	for (int i = 0; i < XTCP_MAX_ADDRS; i++)
		if (!ctl->addrs[i].seen)
			drop(ctl, &ctl->addrs[i]);
	for (unsigned int i = 0; i < dump.n; i++)
		add(ctl, &dump.addr[i]);
	return 0;
}

bool addrs_has(const struct ctl *ctl, const struct xtcp_addr *addr)
{
	for (int i = 0; i < XTCP_MAX_ADDRS; i++)
		if (ctl->addrs[i].used && addr_eq(&ctl->addrs[i].addr, addr))
			return true;
	return false;
}

static bool link_local(const struct xtcp_addr *a)
{
	return !addr_is_v4(a) && a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

const struct xtcp_addr *addrs_pick(const struct ctl *ctl, const struct xtcp_addr *like)
{
	const struct xtcp_addr *second = NULL;

	for (int i = 0; i < XTCP_MAX_ADDRS; i++) {
		const struct xtcp_addr *a = &ctl->addrs[i].addr;

		if (!ctl->addrs[i].used || addr_is_v4(a) != addr_is_v4(like))
			continue;
		if (link_local(a) == link_local(like))
			return a;
		if (!second)
			second = a;
	}
	return second;
}
