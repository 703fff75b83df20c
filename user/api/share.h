/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * share.h - an engine in several processes: one opens it (xtcp_open), others attach to it by its descriptors. They take turns under
 * a lock of theirs, and call api_import() first and api_export() last whenever the lock goes from one to another.
 */
#ifndef API_SHARE_H
#define API_SHARE_H

#include "xtcp.h"
#include "engine/host.h"
#include "io/xsk_share.h"

struct sisters;

struct api_share {
	struct xsk_desc xsk;
	uint64_t flow_key;
	uint32_t seat; /* among the engines of the interface */
	bool tapped;   /* somebody looks at the frames: --trace, --pcap */
	int32_t fds;   /* that api_share() gave */
};

/* What others need: the descriptors of region, flow table, AF_XDP sockets. Returns how many, or -errno with fail(). */
int api_share(struct xtcp *x, struct api_share *out, int *fds, int max);
/*
 * Attach to another process's engine. The descriptors are ours from now on; so are sisters, as this process has them: NULL if there is
 * one engine only.
 */
int api_attach(struct xtcp **out, const struct api_share *share, int *fds, struct sisters *sisters,
	       const struct host_ops *ops, void *host);
struct sisters *api_sisters(struct xtcp *x);
/* Under the lock: may who watches the engine sleep? False: a sister has handed something over. The descriptor in sisters tells of more. */
bool api_doze(struct xtcp *x);
void api_awake(struct xtcp *x);
void api_hush(struct xtcp *x);
int api_wake_fd(const struct xtcp *x);
/* Has a sister handed something over? Needs no lock. */
bool api_handed_over(const struct xtcp *x);
/*
 * The region of an engine that was opened here cannot be believed any more, for a process died in the middle of a turn: begin anew in
 * the same region, over the same AF_XDP sockets. Connections and listeners are gone, handles of them stale.
 */
void api_restart(struct xtcp *x);
void api_export(struct xtcp *x, struct xsk_state *to);
void api_import(struct xtcp *x, const struct xsk_state *from);
/* The host that the engine asks from now on. */
void api_set_host(struct xtcp *x, const struct host_ops *ops, void *host);
void *api_host(struct xtcp *x);
struct engine *api_engine(struct xtcp *x);
struct io_port *api_port(struct xtcp *x);
/* Netlink, for the one who opened it: its descriptor, and the work. 0 or -ENODEV. */
int api_ctl_fd(struct xtcp *x);
int api_ctl_process(struct xtcp *x);
/* More does not follow after all: what XTCP_MORE held back leaves. */
void api_uncork(struct xtcp *x, xtcp_conn c);

#endif
