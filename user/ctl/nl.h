/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* nl.h - rtnetlink: one socket to ask, one that listens for changes. */
#ifndef CTL_NL_H
#define CTL_NL_H

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>

#include "xtcp/shared.h"

#define NL_BUF 32768 /* bytes; the kernel never makes a larger datagram for a dump */

struct nl {
	struct mnl_socket *ask;
	struct mnl_socket *news; /* NULL when not subscribed */
	uint32_t seq;
	/* Two, because a callback of nl_news() may ask. A callback of nl_ask() must not. */
	char buf[NL_BUF];
	char news_buf[NL_BUF];
};

/* 0 or -errno with fail(). */
int nl_open(struct nl *nl, bool subscribe);
void nl_close(struct nl *nl);
/* Send a request made in a buffer of the caller's, give replies to cb, wait for the end. 0 or -errno of the kernel. */
int nl_ask(struct nl *nl, struct nlmsghdr *req, mnl_cb_t cb, void *arg);
/* Give what has arrived to cb, a bounded amount. 0, or -ENOBUFS when news were lost. */
int nl_news(struct nl *nl, mnl_cb_t cb, void *arg);

/* Attributes of a message into tb[max + 1]; returns MNL_CB_OK. */
void nl_attrs(const struct nlmsghdr *nlh, size_t header, const struct nlattr **tb, unsigned int max);
/* An address attribute of a family; false when absent or of a wrong length. */
bool nl_addr(const struct nlattr *attr, int family, struct xtcp_addr *out);
void nl_put_addr(struct nlmsghdr *nlh, uint16_t type, const struct xtcp_addr *addr);
int nl_family(const struct xtcp_addr *addr);

#endif
