// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * route.c - the kernel's routing table, asked per destination. The answer holds
 * policy rules, path MTU exceptions and metrics alike; it must leave through our
 * interface, for that is the only one we can send on.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "ctl/private.h"
#include "lib/addr.h"
#include "lib/fail.h"

struct answer {
	bool found;
	uint8_t type; /* RTN_* */
	int oif;
	bool has_src, has_gateway;
	struct xtcp_addr src, gateway;
	uint32_t mtu, initcwnd, hop_limit;
};

static void parse_metrics(const struct nlattr *nest, struct answer *a)
{
	const struct nlattr *m;

	mnl_attr_for_each_nested(m, nest) {
		if (mnl_attr_get_payload_len(m) != sizeof(uint32_t))
			continue;
		switch (mnl_attr_get_type(m)) {
		case RTAX_MTU: a->mtu = mnl_attr_get_u32(m); break;
		case RTAX_INITCWND: a->initcwnd = mnl_attr_get_u32(m); break;
		case RTAX_HOPLIMIT: a->hop_limit = mnl_attr_get_u32(m); break;
		}
	}
}

/* IPv4 through an IPv6 gateway: struct rtvia. */
static bool via(const struct nlattr *attr, struct xtcp_addr *out)
{
	const struct rtvia *v;
	size_t n = attr ? mnl_attr_get_payload_len(attr) : 0;

	if (n < sizeof(*v))
		return false;
	v = mnl_attr_get_payload(attr);
	if (v->rtvia_family == AF_INET6 && n >= sizeof(*v) + 16) {
		*out = addr_from_v6(v->rtvia_addr);
		return true;
	}
	if (v->rtvia_family == AF_INET && n >= sizeof(*v) + 4) {
		uint32_t be;

		memcpy(&be, v->rtvia_addr, 4);
		*out = addr_from_v4(be);
		return true;
	}
	return false;
}

static int answer_cb(const struct nlmsghdr *nlh, void *arg)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[RTA_MAX + 1];
	struct answer *a = arg;

	if (nlh->nlmsg_type != RTM_NEWROUTE)
		return MNL_CB_OK;
	nl_attrs(nlh, sizeof(*rtm), tb, RTA_MAX);
	a->found = true;
	a->type = rtm->rtm_type;
	a->oif = tb[RTA_OIF] ? (int)mnl_attr_get_u32(tb[RTA_OIF]) : 0;
	a->has_src = nl_addr(tb[RTA_PREFSRC], rtm->rtm_family, &a->src);
	a->has_gateway = nl_addr(tb[RTA_GATEWAY], rtm->rtm_family, &a->gateway) || via(tb[RTA_VIA], &a->gateway);
	if (tb[RTA_METRICS])
		parse_metrics(tb[RTA_METRICS], a);
	return MNL_CB_OK;
}

static bool needs_scope(const struct xtcp_addr *a)
{
	return !addr_is_v4(a) && a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

static int ask(struct ctl *ctl, const struct xtcp_addr *dst, const struct xtcp_addr *src, struct answer *a)
{
	char buf[256];
	struct nlmsghdr *req = mnl_nlmsg_put_header(buf);
	struct rtmsg *rtm;
	uint8_t bits = addr_is_v4(dst) ? 32 : 128;

	memset(a, 0, sizeof(*a));
	req->nlmsg_type = RTM_GETROUTE;
	rtm = mnl_nlmsg_put_extra_header(req, sizeof(*rtm));
	rtm->rtm_family = (uint8_t)nl_family(dst);
	rtm->rtm_dst_len = bits;
	nl_put_addr(req, RTA_DST, dst);
	if (src) {
		rtm->rtm_src_len = bits;
		nl_put_addr(req, RTA_SRC, src);
	}
	if (needs_scope(dst))
		mnl_attr_put_u32(req, RTA_OIF, (uint32_t)ctl->link.ifindex);
	return nl_ask(&ctl->nl, req, answer_cb, a);
}

static int explain(const struct ctl *ctl, int err, const char *dst, const struct xtcp_addr *src)
{
	switch (err) {
	case -ENETUNREACH:
		return fail(ENETUNREACH, "no route to %s; add one: ip route add ... dev %s", dst, ctl->link.name);
	case -EHOSTUNREACH:
	case -EACCES:
		return fail(EHOSTUNREACH, "the routing table declares %s unreachable; see: ip route get %s", dst, dst);
	case -EINVAL: /* also what IPv4 says of a source that is not this host's, and of a blackhole */
		return fail(ENETUNREACH,
			    src ? "no route to %s from that source address; see: ip route, ip rule"
				: "the routing table discards what goes to %s; see: ip route",
			    dst);
	default: return fail(-err, "the route to %s cannot be looked up: %s", dst, strerror(-err));
	}
}

static int check(const struct ctl *ctl, const struct answer *a, const char *dst)
{
	char name[IF_NAMESIZE] = "?";

	switch (a->type) {
	case RTN_UNICAST: break;
	case RTN_LOCAL:
		return fail(EHOSTUNREACH, "%s is an address of this host; use the kernel's loopback for it", dst);
	case RTN_BROADCAST:
	case RTN_MULTICAST:
	case RTN_ANYCAST:
		return fail(EHOSTUNREACH, "%s is a broadcast, multicast or anycast address; TCP needs one host", dst);
	default: return fail(ENETUNREACH, "the routing table discards what goes to %s; see: ip route get %s", dst, dst);
	}
	if (a->oif == ctl->link.ifindex)
		return 0;
	if_indextoname((unsigned int)a->oif, name);
	return fail(EHOSTUNREACH, "%s is reached through %s, not %s; use -i %s, or add a route: ip route add %s dev %s",
		    dst, name, ctl->link.name, name, dst, ctl->link.name);
}

/* The caller's source, the route's, or any address of ours: it must be one whose segments XDP steers to us. */
static int choose_src(const struct ctl *ctl, const struct answer *a, const struct xtcp_addr *dst,
		      const struct xtcp_addr *src, struct xtcp_addr *out)
{
	const struct xtcp_addr *mine;

	if (src) {
		*out = *src;
		return 0;
	}
	if (a->has_src && addrs_has(ctl, &a->src)) {
		*out = a->src;
		return 0;
	}
	mine = addrs_pick(ctl, dst);
	if (!mine)
		return fail(ENETUNREACH, "%s has no usable IPv%d address; add one: ip addr add ... dev %s",
			    ctl->link.name, addr_is_v4(dst) ? 4 : 6, ctl->link.name);
	*out = *mine;
	return 0;
}

int route_lookup(void *host, const struct xtcp_addr *dst, const struct xtcp_addr *src, struct host_route *out)
{
	struct ctl *ctl = host;
	char text[ADDR_TEXT];
	struct answer a;
	int err;

	addr_text(dst, text);
	if (src && addr_is_any(src))
		src = NULL;
	if (src && addr_is_v4(src) != addr_is_v4(dst))
		return fail(ENETUNREACH, "source and destination %s are of different families", text);
	err = ask(ctl, dst, src, &a);
	if (!err && !a.found)
		err = -ENETUNREACH;
	if (err)
		return explain(ctl, err, text, src);
	err = check(ctl, &a, text);
	if (err)
		return err;
	memset(out, 0, sizeof(*out));
	err = choose_src(ctl, &a, dst, src, &out->src);
	if (err)
		return err;
	out->next_hop = a.has_gateway ? a.gateway : *dst;
	out->mtu = a.mtu;
	out->initcwnd = a.initcwnd;
	out->hop_limit = a.hop_limit > 255 ? 255 : (uint8_t)a.hop_limit;
	return 0;
}
