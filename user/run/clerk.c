// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * clerk.c - the keeper's other thread: it answers the engines' questions, which processes of the run ask, and lets newcomers in. It
 * takes no lock of the run, for who asks holds it.
 */
#include "run/clerk.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "ctl/ctl.h"
#include "lib/fail.h"

/* ---- the host of an engine, for both threads ---- */

static int host_route(void *host, const struct xtcp_addr *dst, const struct xtcp_addr *src, struct host_route *out)
{
	struct keeper_engine *e = host;
	int rc;

	pthread_mutex_lock(&e->ctl_lock);
	rc = ctl_host_ops.route(api_host(e->m->x), dst, src, out);
	pthread_mutex_unlock(&e->ctl_lock);
	return rc;
}

static int host_neigh(void *host, const struct xtcp_addr *next_hop, uint8_t mac[6])
{
	struct keeper_engine *e = host;
	int rc;

	pthread_mutex_lock(&e->ctl_lock);
	rc = ctl_host_ops.neigh(api_host(e->m->x), next_hop, mac);
	pthread_mutex_unlock(&e->ctl_lock);
	return rc;
}

static int host_reserve(void *host, const struct xtcp_addr *addr, uint16_t port)
{
	struct keeper_engine *e = host;

	if (port && port == e->m->held_port)
		return port;
	return ctl_host_ops.reserve(api_host(e->m->x), addr, port);
}

static void host_release(void *host, const struct xtcp_addr *addr, uint16_t port)
{
	struct keeper_engine *e = host;

	ctl_host_ops.release(api_host(e->m->x), addr, port);
}

static void host_steer(void *host, uint32_t addr_index, uint16_t port, bool owned, bool listening)
{
	struct keeper_engine *e = host;

	pthread_mutex_lock(&e->ctl_lock);
	ctl_host_ops.steer(api_host(e->m->x), addr_index, port, owned, listening);
	pthread_mutex_unlock(&e->ctl_lock);
}

static int host_own_queue(struct keeper_engine *e, const struct run_question *q)
{
	return ctl_host_ops.own_queue(api_host(e->m->x), &q->a, &q->b, q->port, q->port2);
}

const struct host_ops keeper_host_ops = {
	.route = host_route,
	.neigh = host_neigh,
	.reserve = host_reserve,
	.release = host_release,
	.steer = host_steer,
};

/* ---- questions ---- */

static void answer(struct keeper_engine *e, const struct run_question *q, struct run_answer *a)
{
	memset(a, 0, sizeof(*a));
	a->serial = q->serial;
	switch (q->what) {
	case RUN_ASK_ROUTE: a->rc = host_route(e, &q->a, q->has_b ? &q->b : NULL, &a->route); break;
	case RUN_ASK_NEIGH: a->rc = host_neigh(e, &q->a, a->mac); break;
	case RUN_ASK_RESERVE: a->rc = host_reserve(e, &q->a, q->port); break;
	case RUN_ASK_RELEASE: host_release(e, &q->a, q->port); break;
	case RUN_ASK_STEER: host_steer(e, q->a.w[0], q->port, q->flag, q->flag2); break;
	case RUN_ASK_OWN_QUEUE: a->rc = host_own_queue(e, q); break;
	default: a->rc = fail(EINVAL, "xtcp run does not know question %u", q->what); break;
	}
	if (a->rc < 0)
		snprintf(a->text, sizeof(a->text), "%s", fail_text());
}

static void answer_one(struct keeper_engine *e)
{
	struct run_question q;
	struct run_answer a;

	if (recv(e->rpc_fd, &q, sizeof(q), MSG_DONTWAIT) != (ssize_t)sizeof(q))
		return;
	answer(e, &q, &a);
	if (send(e->rpc_fd, &a, sizeof(a), MSG_NOSIGNAL) < 0)
		return; /* the asker has died */
}

/* ---- newcomers ---- */

/* The keeper's own user, root, and whoever is of the run already and has become another user since: by exec of a setuid program, say. */
static bool welcome(const struct keeper *k, int fd)
{
	struct ucred c;
	socklen_t len = sizeof(c);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &len))
		return false;
	if (c.uid == geteuid() || c.uid == 0)
		return true;
	for (uint32_t i = 0; i < RUN_PROCS;
	     i++) /* what is read here without the lock was written before that process knocked */
		if (k->m[0].r->proc[i].pid == c.pid && k->m[0].r->proc[i].state != RUN_PROC_FREE)
			return true;
	return false;
}

static int hand_over(int fd, const struct keeper_engine *e)
{
	char buf[CMSG_SPACE(sizeof(int) * RUN_FDS_MAX)] = { 0 };
	struct iovec iov = { "", 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = buf };
	size_t bytes = (size_t)e->nfds * sizeof(int);
	struct cmsghdr *c;

	msg.msg_controllen = CMSG_SPACE(bytes);
	c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(bytes);
	memcpy(CMSG_DATA(c), e->fds, bytes);
	return sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* A message for each engine; all of them fit into the socket's buffer. */
static void let_in(struct keeper *k)
{
	int fd = accept4(k->door_fd, NULL, NULL, SOCK_CLOEXEC), err = 0;

	if (fd < 0)
		return;
	for (uint32_t i = 0; i < k->engines && !err && (i || welcome(k, fd)); i++)
		err = hand_over(fd, &k->e[i]);
	if (err)
		fprintf(stderr, "xtcp: run: handing the descriptors over: %s\n", strerror(-err));
	close(fd);
}

void *keeper_clerk(void *arg)
{
	struct keeper *k = arg;
	struct pollfd p[2 + RUN_ENGINES] = { { .fd = k->door_fd, .events = POLLIN },
					     { .fd = k->stop_fd, .events = POLLIN } };

	for (uint32_t i = 0; i < k->engines; i++)
		p[2 + i] = (struct pollfd){ .fd = k->e[i].rpc_fd, .events = POLLIN };
	for (;;) {
		if (poll(p, 2 + k->engines, -1) < 0 && errno != EINTR)
			return NULL;
		if (p[1].revents)
			return NULL;
		for (uint32_t i = 0; i < k->engines; i++)
			if (p[2 + i].revents)
				answer_one(&k->e[i]);
		if (p[0].revents)
			let_in(k);
	}
}
