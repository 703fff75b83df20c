// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * link.c - one interface: MTU, MAC, queues, driver, and its changes. Queues and
 * driver are asked by ethtool's ioctl, not sysfs: /sys may show another namespace.
 */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/netdev.h"
#include "ctl/private.h"
#include "lib/fail.h"

#ifndef IFF_LOWER_UP
#define IFF_LOWER_UP 0x10000
#endif

/* Drivers whose other end may be a program or kernel that leaves checksums to be filled in. */
static const char *const virtual_drivers[] = { "veth",	  "tun",       "virtio_net",   "dummy", "ifb",
					       "vmxnet3", "hv_netvsc", "xen_netfront", "vif",	"loopback" };

static bool is_virtual(const char *driver)
{
	for (size_t i = 0; i < sizeof(virtual_drivers) / sizeof(virtual_drivers[0]); i++)
		if (!strcmp(driver, virtual_drivers[i]))
			return true;
	return false;
}

int link_ethtool(const char *ifname, void *cmd)
{
	struct ifreq ifr = { .ifr_data = cmd };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return -errno;
	memcpy(ifr.ifr_name, ifname, strnlen(ifname, IFNAMSIZ - 1));
	rc = ioctl(fd, SIOCETHTOOL, &ifr) ? -errno : 0;
	close(fd);
	return rc;
}

/* How it sends may change: a veth has no TSO while its other end has native XDP, and queues come and go (ethtool -L). */
static void ask_tx(struct ctl_link *link)
{
	struct ethtool_value v = { .cmd = ETHTOOL_GTSO };
	struct ethtool_channels ch = { .cmd = ETHTOOL_GCHANNELS };

	link->tso = !link_ethtool(link->name, &v) && v.data;
	link->tx_queues = link_ethtool(link->name, &ch) ? 0 : ch.tx_count + ch.combined_count;
	if (!link->tx_queues)
		link->tx_queues = 1;
}

static void ask_driver(struct ctl_link *link)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ethtool_channels ch = { .cmd = ETHTOOL_GCHANNELS };

	if (!link_ethtool(link->name, &info))
		memcpy(link->driver, info.driver, sizeof(link->driver) - 1);
	link->virtual_link = is_virtual(link->driver);
	if (!link_ethtool(link->name, &ch) && ch.rx_count + ch.combined_count)
		link->queues = ch.rx_count + ch.combined_count;
	if (!link->queues)
		link->queues = 1;
	link->zc_csum = netdev_xsk_csum(link->ifindex);
	ask_tx(link);
}

static void parse(const struct nlmsghdr *nlh, struct ctl_link *link)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[IFLA_MAX + 1];

	nl_attrs(nlh, sizeof(*ifi), tb, IFLA_MAX);
	link->ifindex = ifi->ifi_index;
	link->up = (ifi->ifi_flags & IFF_UP) && (ifi->ifi_flags & IFF_LOWER_UP);
	if (tb[IFLA_IFNAME])
		snprintf(link->name, sizeof(link->name), "%s", mnl_attr_get_str(tb[IFLA_IFNAME]));
	if (tb[IFLA_MTU])
		link->mtu = mnl_attr_get_u32(tb[IFLA_MTU]);
	if (tb[IFLA_ADDRESS] && mnl_attr_get_payload_len(tb[IFLA_ADDRESS]) == 6)
		memcpy(link->mac, mnl_attr_get_payload(tb[IFLA_ADDRESS]), 6);
	if (tb[IFLA_NUM_RX_QUEUES] && !link->queues)
		link->queues = mnl_attr_get_u32(tb[IFLA_NUM_RX_QUEUES]);
}

static int parse_cb(const struct nlmsghdr *nlh, void *arg)
{
	if (nlh->nlmsg_type == RTM_NEWLINK)
		parse(nlh, arg);
	return MNL_CB_OK;
}

static int ask_link(struct nl *nl, int ifindex, const char *ifname, struct ctl_link *out)
{
	char buf[256];
	struct nlmsghdr *req = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifi;

	req->nlmsg_type = RTM_GETLINK;
	ifi = mnl_nlmsg_put_extra_header(req, sizeof(*ifi));
	ifi->ifi_index = ifindex;
	if (ifname)
		mnl_attr_put_strz(req, IFLA_IFNAME, ifname);
	return nl_ask(nl, req, parse_cb, out);
}

int link_by_name(struct nl *nl, const char *ifname, struct ctl_link *out)
{
	int err;

	memset(out, 0, sizeof(*out));
	if (!ifname || !*ifname)
		return fail(EINVAL, "no interface given: -i IFACE");
	if (strlen(ifname) >= IFNAMSIZ)
		return fail(ENODEV, "no interface '%s' (a name has at most 15 characters)", ifname);
	err = ask_link(nl, 0, ifname, out);
	if (err == -ENODEV)
		return fail(ENODEV, "no interface '%s' in this network namespace; see: ip link", ifname);
	if (err)
		return fail(-err, "interface '%s' cannot be looked up: %s", ifname, strerror(-err));
	snprintf(out->name, sizeof(out->name), "%s", ifname);
	ask_driver(out);
	return 0;
}

int ctl_link_queues(const char *ifname)
{
	struct ctl_link link;
	struct nl nl;
	int err = nl_open(&nl, false);

	if (err)
		return err;
	err = link_by_name(&nl, ifname, &link);
	nl_close(&nl);
	return err ? err : (int)(link.queues < XTCP_MAX_QUEUES ? link.queues : XTCP_MAX_QUEUES);
}

int link_refresh(struct nl *nl, struct ctl_link *link)
{
	struct ctl_link fresh = *link;
	int err = ask_link(nl, link->ifindex, NULL, &fresh);

	if (err)
		return err;
	ask_tx(&fresh);
	*link = fresh;
	return 0;
}

void link_report(struct ctl *ctl, const struct ctl_link *fresh)
{
	struct ctl_link *link = &ctl->link;
	bool same = link->up == fresh->up && link->tso == fresh->tso && link->tx_queues == fresh->tx_queues &&
		    link->mtu == fresh->mtu && link->gone == fresh->gone && !memcmp(link->mac, fresh->mac, 6) &&
		    !strcmp(link->name, fresh->name);

	*link = *fresh;
	if (!same && ctl->conf.events.link)
		ctl->conf.events.link(ctl->conf.arg, link);
}

void link_news(struct ctl *ctl, const struct nlmsghdr *nlh)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	struct ctl_link fresh = ctl->link;

	/* A bridge announces its ports coming and going with the same types, in its own family. */
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifi) || ifi->ifi_index != ctl->link.ifindex ||
	    ifi->ifi_family != AF_UNSPEC || ctl->link.gone)
		return;
	if (nlh->nlmsg_type == RTM_DELLINK) {
		fresh.gone = true;
		fresh.up = false;
	} else {
		parse(nlh, &fresh);
		ask_tx(&fresh);
	}
	link_report(ctl, &fresh);
}
