// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* share.c - one engine in several processes. See share.h. */
#include "api/share.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "api/private.h"
#include "io/clock.h"
#include "lib/fail.h"

#define FD_REGION 0
#define FD_FLOWS 1
#define FD_TAP 2
#define FD_PORT 3

int api_share(struct xtcp *x, struct api_share *out, int *fds, int max)
{
	int n = api_relay_open(x);

	if (n < 0)
		return n;
	out->tapped = x->relay.serves;
	fds[FD_REGION] = engine_region_fd(x->engine);
	fds[FD_FLOWS] = ctl_flows_fd(x->ctl);
	fds[FD_TAP] = out->tapped ? x->relay.from_fd : fds[FD_REGION];
	n = xsk_share(x->port, &out->xsk, fds + FD_PORT, max - FD_PORT);
	if (n < 0)
		return n;
	out->flow_key = ctl_flow_key(x->ctl);
	out->seat = x->seat;
	out->fds = FD_PORT + n;
	return out->fds;
}

static void *map_flows(int fd)
{
	void *p = mmap(NULL, XTCP_FLOWS * sizeof(struct xtcp_flow), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

int api_attach(struct xtcp **out, const struct api_share *share, int *fds, struct sisters *sisters,
	       const struct host_ops *ops, void *host)
{
	struct xtcp *x = calloc(1, sizeof(*x));
	struct xtcp_flow *flows;
	int err;

	if (!x)
		return fail(ENOMEM, "no memory");
	x->ep_fd = x->wake_fd = x->timer_fd = -1;
	err = engine_open_shared(&x->engine, fds[FD_REGION]);
	if (err)
		goto out;
	flows = map_flows(fds[FD_FLOWS]);
	if (!flows) {
		err = fail(errno, "cannot map the flow table: %s", strerror(errno));
		goto out;
	}
	err = xsk_attach(&x->port, &share->xsk, fds + FD_PORT, engine_frames(x->engine), engine_area(x->engine));
	if (err)
		goto out;
	close(fds[FD_REGION]);
	close(fds[FD_FLOWS]);
	engine_set_flows(x->engine, flows, share->flow_key);
	x->sisters = sisters;
	x->seat = share->seat;
	if (sisters)
		engine_set_sisters(x->engine, sisters, x->seat);
	engine_attach(x->engine, x->port, ops, host);
	if (share->tapped)
		api_relay_from(x, fds[FD_TAP]);
	else
		close(fds[FD_TAP]);
	*out = x;
	return 0;
out:
	if (x->engine)
		engine_close_shared(x->engine);
	free(x);
	return err;
}

/* The flow table is all engines'. */
static void forget_flows(struct xtcp_flow *flows, uint32_t seat)
{
	for (uint32_t i = 0; i < XTCP_FLOWS; i++) {
		uint32_t conn = __atomic_load_n(&flows[i].conn, __ATOMIC_RELAXED);

		if (conn & XTCP_FLOW_CONN && (conn & ~XTCP_FLOW_CONN) >> XTCP_FLOW_ENGINE_SHIFT == seat)
			__atomic_store_n(&flows[i].conn, 0, __ATOMIC_RELEASE);
	}
}

void api_restart(struct xtcp *x)
{
	struct sisters_shared *all = x->sisters->shared;

	ctl_forget_ports(x->ctl);
	if (sisters_alone(x->sisters))
		memset(ctl_flows(x->ctl), 0, XTCP_FLOWS * sizeof(struct xtcp_flow));
	else
		forget_flows(ctl_flows(x->ctl), x->seat);
	engine_restart(x->engine);
	if (!sisters_alone(x->sisters)) /* what was handed over may have been taken note of already */
		atomic_fetch_or(&all->seat[x->seat].pending, atomic_load(&all->seats) & ~(1ull << x->seat));
	xsk_recover(x->port);
	ctl_announce(x->ctl);
	engine_turn(x->engine, clock_now_ns());
}

void api_export(struct xtcp *x, struct xsk_state *to)
{
	xsk_export(x->port, to);
}

void api_import(struct xtcp *x, const struct xsk_state *from)
{
	xsk_import(x->port, from);
}

void api_set_host(struct xtcp *x, const struct host_ops *ops, void *host)
{
	engine_attach(x->engine, x->port, ops, host);
}

void *api_host(struct xtcp *x)
{
	return x->ctl;
}

struct engine *api_engine(struct xtcp *x)
{
	return x->engine;
}

struct io_port *api_port(struct xtcp *x)
{
	return x->port;
}

int api_ctl_fd(struct xtcp *x)
{
	return ctl_fd(x->ctl);
}

int api_ctl_process(struct xtcp *x)
{
	return ctl_process(x->ctl);
}

void api_uncork(struct xtcp *x, xtcp_conn h)
{
	struct tcp_conn *c = engine_conn(x->engine, h);

	if (!c || !(c->flags & TCP_F_CORK))
		return;
	c->flags &= ~(uint32_t)TCP_F_CORK;
	engine_touch(x->engine, h);
}

struct sisters *api_sisters(struct xtcp *x)
{
	return x->sisters;
}

bool api_doze(struct xtcp *x)
{
	return !x->sisters || sisters_doze(x->sisters, x->seat);
}

void api_awake(struct xtcp *x)
{
	if (x->sisters)
		sisters_awake(x->sisters, x->seat);
}

void api_hush(struct xtcp *x)
{
	if (x->sisters)
		sisters_hush(x->sisters, x->seat);
}

int api_wake_fd(const struct xtcp *x)
{
	return x->sisters ? x->sisters->wake_fd[x->seat] : -1;
}

bool api_handed_over(const struct xtcp *x)
{
	return x->sisters && sisters_pending(x->sisters, x->seat);
}
