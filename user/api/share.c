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
#define FD_PORT 2

int api_share(struct xtcp *x, struct api_share *out, int *fds, int max)
{
	int n;

	fds[FD_REGION] = engine_region_fd(x->engine);
	fds[FD_FLOWS] = ctl_flows_fd(x->ctl);
	n = xsk_share(x->port, &out->xsk, fds + FD_PORT, max - FD_PORT);
	if (n < 0)
		return n;
	out->flow_key = ctl_flow_key(x->ctl);
	out->fds = FD_PORT + n;
	return out->fds;
}

static void *map_flows(int fd)
{
	void *p = mmap(NULL, XTCP_FLOWS * sizeof(struct xtcp_flow), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

int api_attach(struct xtcp **out, const struct api_share *share, int *fds, const struct host_ops *ops, void *host)
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
	engine_attach(x->engine, x->port, ops, host);
	*out = x;
	return 0;
out:
	if (x->engine)
		engine_close_shared(x->engine);
	free(x);
	return err;
}

void api_restart(struct xtcp *x)
{
	struct xtcp_flow *flows = ctl_flows(x->ctl);

	ctl_forget_ports(x->ctl);
	memset(flows, 0, XTCP_FLOWS * sizeof(*flows));
	engine_restart(x->engine);
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
