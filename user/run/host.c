// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * host.c - routes, neighbours and ports, asked of the keeper, who has netlink and holds the reservations. One question at a
 * time, for they are asked under the lock; an answer to one that was given up, or whose asker died, is passed over.
 * None of it is on the path of a segment (engine/host.h).
 */
#include "run/run.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "lib/addr.h"
#include "lib/fail.h"

static int ask(void *host, struct run_question *q, struct run_answer *a)
{
	static _Atomic uint32_t serial;
	struct run_member *m = host;
	ssize_t n;

	q->serial = (uint32_t)m->slot << 20 ^ ++serial;
	n = m->quiet ? write(m->rpc_fd, q, sizeof(*q)) : send(m->rpc_fd, q, sizeof(*q), MSG_NOSIGNAL);
	if (n != (ssize_t)sizeof(*q))
		return fail(EIO, "xtcp run is gone: %s", strerror(errno));
	do
		n = read(m->rpc_fd, a, sizeof(*a)); /* with a time limit, see attach.c */
	while ((n < 0 && errno == EINTR) || (n == (ssize_t)sizeof(*a) && a->serial != q->serial));
	if (n != (ssize_t)sizeof(*a))
		return fail(EIO, "xtcp run does not answer: %s", n < 0 ? strerror(errno) : "it has ended");
	return a->rc < 0 ? fail(-a->rc, "%s", a->text) : a->rc;
}

static int ask_route(void *host, const struct xtcp_addr *dst, const struct xtcp_addr *src, struct host_route *out)
{
	struct run_question q = { .what = RUN_ASK_ROUTE, .a = *dst, .has_b = src != NULL };
	struct run_answer a;
	int rc;

	if (src)
		q.b = *src;
	rc = ask(host, &q, &a);
	if (!rc)
		*out = a.route;
	return rc;
}

static int ask_neigh(void *host, const struct xtcp_addr *next_hop, uint8_t mac[6])
{
	struct run_question q = { .what = RUN_ASK_NEIGH, .a = *next_hop };
	struct run_answer a;
	int rc = ask(host, &q, &a);

	if (!rc)
		memcpy(mac, a.mac, 6);
	return rc;
}

static int ask_reserve(void *host, const struct xtcp_addr *addr, uint16_t port)
{
	struct run_question q = { .what = RUN_ASK_RESERVE, .a = *addr, .port = port };
	const struct run_member *m = host;
	struct run_answer a;

	if (port && port == m->held_port)
		return port;
	return ask(host, &q, &a);
}

static void ask_release(void *host, const struct xtcp_addr *addr, uint16_t port)
{
	struct run_question q = { .what = RUN_ASK_RELEASE, .a = *addr, .port = port };
	struct run_answer a;

	ask(host, &q, &a);
}

static void ask_steer(void *host, uint32_t addr_index, uint16_t port, bool owned, bool listening)
{
	struct run_question q = {
		.what = RUN_ASK_STEER, .a.w[0] = addr_index, .port = port, .flag = owned, .flag2 = listening
	};
	struct run_answer a;

	ask(host, &q, &a);
}

static bool ask_own_queue(void *host, const struct xtcp_addr *laddr, const struct xtcp_addr *raddr, uint16_t lport,
			  uint16_t rport)
{
	struct run_question q = { .what = RUN_ASK_OWN_QUEUE, .a = *laddr, .b = *raddr, .port = lport, .port2 = rport };
	const struct run_member *m = host;
	struct run_answer a;

	/* One engine has all queues; of several nobody can tell, on most links. */
	if (m->r->engines == 1 || !m->r->queue_known[!addr_is_v4(laddr)])
		return true;
	return ask(host, &q, &a) != 0;
}

const struct host_ops run_host_ops = {
	.route = ask_route,
	.neigh = ask_neigh,
	.reserve = ask_reserve,
	.release = ask_release,
	.steer = ask_steer,
	.own_queue = ask_own_queue,
};
