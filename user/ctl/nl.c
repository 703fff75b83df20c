// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * nl.c - rtnetlink by libmnl. The kernel answers a request while it is being
 * sent, so nl_ask() does not wait in practice; a receive timeout bounds it.
 */
#include "ctl/nl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "lib/addr.h"
#include "lib/fail.h"

#define NEWS_RCVBUF (1 << 20) /* bytes of news that may wait for the engine's turn */
#define NEWS_MAX 64	      /* datagrams in one nl_news() */
#define ASK_TIMEOUT_SECONDS 2

static const int groups[] = {
	RTNLGRP_LINK,	    RTNLGRP_NEIGH,	RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
	RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE,   RTNLGRP_IPV6_RULE,
};

static struct mnl_socket *open_socket(int flags)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | flags);

	if (s && mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0) {
		mnl_socket_close(s);
		s = NULL;
	}
	return s;
}

static int subscribe_all(struct nl *nl)
{
	int size = NEWS_RCVBUF, fd;

	nl->news = open_socket(SOCK_NONBLOCK);
	if (!nl->news)
		return -1;
	fd = mnl_socket_get_fd(nl->news);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		int group = groups[i];

		/* A kernel without IPv6 lacks some; it then has no such news either. */
		mnl_socket_setsockopt(nl->news, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group));
	}
	return 0;
}

int nl_open(struct nl *nl, bool subscribe)
{
	struct timeval timeout = { .tv_sec = ASK_TIMEOUT_SECONDS };
	int err;

	nl->ask = nl->news = NULL;
	nl->seq = 1;
	nl->ask = open_socket(0);
	if (!nl->ask || (subscribe && subscribe_all(nl))) {
		err = errno;
		nl_close(nl);
		return fail(err, "no netlink socket: %s", strerror(err));
	}
	setsockopt(mnl_socket_get_fd(nl->ask), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	return 0;
}

void nl_close(struct nl *nl)
{
	if (nl->ask)
		mnl_socket_close(nl->ask);
	if (nl->news)
		mnl_socket_close(nl->news);
	nl->ask = nl->news = NULL;
}

/* One exchange; -EINTR when a dump was inconsistent. */
static int exchange(struct nl *nl, struct nlmsghdr *req, mnl_cb_t cb, void *arg)
{
	const struct nlmsghdr *first = (const struct nlmsghdr *)nl->buf;
	ssize_t n;
	int rc;

	req->nlmsg_seq = ++nl->seq;
	if (mnl_socket_sendto(nl->ask, req, req->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		n = mnl_socket_recvfrom(nl->ask, nl->buf, sizeof(nl->buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (n >= (ssize_t)sizeof(*first) && first->nlmsg_seq != req->nlmsg_seq)
			continue; /* the answer to a request that was given up */
		rc = mnl_cb_run(nl->buf, (size_t)n, req->nlmsg_seq, 0, cb, arg);
		if (rc == MNL_CB_ERROR)
			return errno ? -errno : -EPROTO;
		if (rc == MNL_CB_STOP)
			return 0;
	}
}

int nl_ask(struct nl *nl, struct nlmsghdr *req, mnl_cb_t cb, void *arg)
{
	int err = -EINTR;

	req->nlmsg_flags |= NLM_F_REQUEST;
	if ((req->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		req->nlmsg_flags |= NLM_F_ACK;
	for (int tries = 0; err == -EINTR && tries < 5; tries++)
		err = exchange(nl, req, cb, arg);
	return err;
}

int nl_news(struct nl *nl, mnl_cb_t cb, void *arg)
{
	ssize_t n;

	for (int i = 0; i < NEWS_MAX; i++) {
		n = mnl_socket_recvfrom(nl->news, nl->news_buf, sizeof(nl->news_buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -ENOBUFS; /* ENOBUFS, ENOSPC: something was lost */
		mnl_cb_run(nl->news_buf, (size_t)n, 0, 0, cb, arg);
	}
	return 0;
}

void nl_attrs(const struct nlmsghdr *nlh, size_t header, const struct nlattr **tb, unsigned int max)
{
	const struct nlattr *attr;

	memset(tb, 0, sizeof(*tb) * (max + 1));
	mnl_attr_for_each(attr, nlh, header) {
		if (mnl_attr_get_type(attr) <= max)
			tb[mnl_attr_get_type(attr)] = attr;
	}
}

bool nl_addr(const struct nlattr *attr, int family, struct xtcp_addr *out)
{
	if (!attr || mnl_attr_get_payload_len(attr) != (family == AF_INET ? 4 : 16))
		return false;
	if (family == AF_INET)
		*out = addr_from_v4(mnl_attr_get_u32(attr));
	else if (family == AF_INET6)
		*out = addr_from_v6(mnl_attr_get_payload(attr));
	else
		return false;
	return true;
}

int nl_family(const struct xtcp_addr *addr)
{
	return addr_is_v4(addr) ? AF_INET : AF_INET6;
}

void nl_put_addr(struct nlmsghdr *nlh, uint16_t type, const struct xtcp_addr *addr)
{
	if (addr_is_v4(addr))
		mnl_attr_put(nlh, type, 4, &addr->w[3]);
	else
		mnl_attr_put(nlh, type, 16, addr->b);
}
