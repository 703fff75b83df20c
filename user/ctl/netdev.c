// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* netdev.c - see netdev.h. Debian 12's headers lack the family, so its numbers stand here; they are ABI. */
#include "ctl/netdev.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define NETDEV_CMD_DEV_GET 1
#define NETDEV_A_DEV_IFINDEX 1
#define NETDEV_A_DEV_XSK_FEATURES 6 /* Linux 6.8 */
#define NETDEV_XSK_FLAGS_TX_CHECKSUM 2u
#define ASK_TIMEOUT_SECONDS 2

struct wanted {
	uint16_t attr;
	uint64_t value; /* 0: not told */
};

static int find(const struct nlmsghdr *nlh, void *arg)
{
	struct wanted *w = arg;
	struct nlattr *a;

	mnl_attr_for_each(a, nlh, sizeof(struct genlmsghdr)) {
		uint16_t len = mnl_attr_get_payload_len(a);

		if (mnl_attr_get_type(a) == w->attr && len <= sizeof(w->value))
			memcpy(&w->value, mnl_attr_get_payload(a), len);
	}
	return MNL_CB_OK;
}

/* Header of a request that is answered and then acknowledged. */
static struct nlmsghdr *request(char *buf, uint16_t family, uint8_t cmd)
{
	struct nlmsghdr *req = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *g = mnl_nlmsg_put_extra_header(req, sizeof(*g));

	req->nlmsg_type = family;
	req->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	g->cmd = cmd;
	g->version = 1;
	return req;
}

/* A number among the answer's attributes; 0: no answer, or not told. */
static uint64_t ask(struct mnl_socket *s, struct nlmsghdr *req, uint16_t attr)
{
	struct wanted w = { .attr = attr };
	char buf[4096];
	ssize_t n;
	int rc = MNL_CB_OK;

	if (mnl_socket_sendto(s, req, req->nlmsg_len) < 0)
		return 0;
	while (rc == MNL_CB_OK) {
		n = mnl_socket_recvfrom(s, buf, sizeof(buf));
		rc = n < 0 ? MNL_CB_ERROR : mnl_cb_run(buf, (size_t)n, 0, 0, find, &w);
	}
	return rc == MNL_CB_ERROR ? 0 : w.value;
}

/* It has two bytes, the first two of the eight. */
static uint16_t family_id(struct mnl_socket *s)
{
	char buf[256];
	struct nlmsghdr *req = request(buf, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	uint64_t value;
	uint16_t id;

	mnl_attr_put_strz(req, CTRL_ATTR_FAMILY_NAME, "netdev");
	value = ask(s, req, CTRL_ATTR_FAMILY_ID);
	memcpy(&id, &value, sizeof(id));
	return id;
}

bool netdev_xsk_csum(int ifindex)
{
	struct timeval timeout = { .tv_sec = ASK_TIMEOUT_SECONDS };
	struct mnl_socket *s = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	uint64_t features = 0;
	struct nlmsghdr *req;
	char buf[256];
	uint16_t family;

	if (!s)
		return false;
	setsockopt(mnl_socket_get_fd(s), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	family = mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0 ? 0 : family_id(s);
	if (family) {
		req = request(buf, family, NETDEV_CMD_DEV_GET);
		mnl_attr_put_u32(req, NETDEV_A_DEV_IFINDEX, (uint32_t)ifindex);
		features = ask(s, req, NETDEV_A_DEV_XSK_FEATURES);
	}
	mnl_socket_close(s);
	return features & NETDEV_XSK_FLAGS_TX_CHECKSUM;
}
