/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ctl.h - the kernel's side of one interface: loads and attaches the XDP half,
 * owns its maps and pins, follows links, addresses, routes and neighbours by
 * netlink, reserves ports. One struct ctl serves one engine, in its thread; several on one
 * interface share what ctl_join() says.
 */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <stdbool.h>
#include <stdint.h>
#include "xtcp/shared.h"
#include "engine/engine.h"
#include "engine/host.h"

enum ctl_mode { CTL_MODE_AUTO, CTL_MODE_NATIVE, CTL_MODE_GENERIC };

struct ctl_link {
	int ifindex;
	char name[16];
	char driver[32]; /* "veth", "virtio_net", ...; "" unknown */
	uint8_t mac[6];
	uint32_t mtu;	 /* bytes */
	uint32_t queues; /* receive queues */
	uint32_t tx_queues;
	bool tso;	   /* TCP segmentation offload is in force (ethtool -k) */
	bool up;	   /* administratively up and carrier present */
	bool virtual_link; /* a driver whose peer may leave checksums partial: veth, tun, virtio_net */
	bool zc_csum;	   /* the driver fills in checksums for zero-copy AF_XDP */
	bool gone;	   /* the interface has been removed */
};

/* News for the engine; any may be NULL. Called from ctl_process() and ctl_open() only. */
struct ctl_events {
	void (*link)(void *arg, const struct ctl_link *link); /* MTU, MAC, TSO, up/down, removal */
	void (*addr)(void *arg, const struct xtcp_addr *addr, uint32_t index, bool added);
	void (*neigh)(void *arg, const struct xtcp_addr *next_hop, const uint8_t mac[6]); /* mac NULL: failed or gone */
	void (*routes_changed)(void *arg); /* every cached route is void */
};

struct ctl_conf {
	const char *ifname;
	enum ctl_mode mode;
	bool pin;	   /* pin maps and program under bpffs where possible; a keeper removes the pins when we die */
	bool bulk;	   /* CTL_MODE_AUTO: choose for bulk data rather than for latency */
	bool partial_csum; /* trust partial checksums even when the driver is not known to be virtual */
	uint32_t drop_sample; /* see struct xtcp_xdp_conf */
	struct ctl_events events;
	void *arg; /* passed to events */
};

struct ctl;

/*
 * Look up the interface, load and attach the program (or adopt the one that `xtcp attach`
 * pinned for it), subscribe to netlink, report link and addresses through events.
 * 0 or -errno with fail(): -ENODEV no such interface, -EPERM, -EBUSY another XDP program is
 * there (its id and name in the text), -ENOTSUP, -EINVAL MTU too large for native mode ...
 */
int ctl_open(struct ctl **out, const struct ctl_conf *conf);
/*
 * One more engine on the interface of first, which may be in use by its own thread meanwhile: program, maps, pins, lock and
 * reserved ports are shared, netlink is not. conf.ifname and mode are first's.
 */
int ctl_join(struct ctl **out, struct ctl *first, const struct ctl_conf *conf);
/* Release what it has reserved and steered; the last engine of the interface detaches and unpins. */
void ctl_close(struct ctl *ctl);
/* These receive queues are this engine's. 0, or -EBUSY: one is another member's. */
int ctl_claim_queues(struct ctl *ctl, uint32_t first, uint32_t n);
/* Can it be told which queue a connection's segments come to? */
bool ctl_queue_known(const struct ctl *ctl, bool v6);
int ctl_free_queue(struct ctl *ctl); /* the first that nobody has claimed; 64: there is none */

/* Receive queues of an interface, as many as can be served; -ENODEV with fail(). Needs no struct ctl. */
int ctl_link_queues(const char *ifname);

const struct ctl_link *ctl_link(const struct ctl *ctl);
enum ctl_mode ctl_mode(const struct ctl *ctl);	 /* what was got: NATIVE or GENERIC */
const char *ctl_mode_why(const struct ctl *ctl); /* why auto took generic; "" when it did not */
/* NULL: bulk data can leave as super-segments, past AF_XDP; else why not. It changes with the link. */
const char *ctl_no_supers(const struct ctl_link *link);
/*
 * NULL: checksums are left to the kernel, or with zero-copy to the device, by AF_XDP's TX metadata; else why not: because it
 * would not work, or unless asked because it would bring nothing. Whether the kernel has TX metadata is found out by xsk_open().
 */
const char *ctl_no_tx_csum(const struct ctl_link *link, bool zero_copy, bool asked);
bool ctl_adopted(const struct ctl *ctl);
const char *ctl_pin_path(const struct ctl *ctl); /* "" when nothing could be pinned */
int ctl_xsks_fd(const struct ctl *ctl);
uint64_t ctl_flow_key(const struct ctl *ctl);
struct xtcp_flow *ctl_flows(struct ctl *ctl); /* mmap of XTCP_FLOWS entries */
int ctl_flows_fd(const struct ctl *ctl);

/*
 * Whether polling in place of interrupts would bring anything: NULL, or why not. And set the interface up for it, until the
 * last engine on it is closed or dead: 0, or -errno with fail().
 */
const char *ctl_no_busy_poll(const struct ctl_link *link);
int ctl_defer_interrupts(struct ctl *ctl);

/* No port is on its account any more; with no other engine none is reserved. For an engine that begins anew. */
void ctl_forget_ports(struct ctl *ctl);
/* Tell link and addresses once more. */
void ctl_announce(struct ctl *ctl);

/* Netlink descriptor to poll for input, and the work when it is readable; never blocks. 0 or -ENODEV when the link is gone. */
int ctl_fd(const struct ctl *ctl);
int ctl_process(struct ctl *ctl);

/* struct host_ops over a struct ctl * (engine/host.h). */
extern const struct host_ops ctl_host_ops;

/* Sum of the per-CPU counters. */
int ctl_xdp_stats(struct ctl *ctl, struct xtcp_xdp_stats *out);

/* ---- without an engine: `xtcp attach`, `detach`, `status` ---- */

struct ctl_status {
	char ifname[16];
	int ifindex;
	bool locked; /* an xtcp runs on it */
	bool pinned;
	enum ctl_mode mode;
	uint32_t prog_id;
	uint32_t link_id;
	char pin_path[128];
	struct xtcp_xdp_stats stats;
};
/* Attach and pin link, program and maps, so that they outlive us. 0 or -errno with fail(). */
int ctl_attach_pinned(const char *ifname, enum ctl_mode mode, struct ctl_status *out);
int ctl_detach_pinned(const char *ifname);
/* What is attached and pinned on an interface (by us, living or pinned). -ENOENT: nothing of ours. */
int ctl_status_get(const char *ifname, struct ctl_status *out);

/* An engine that runs in some process, looked at from outside. */
struct ctl_engine {
	int pid; /* as our PID namespace has it */
	struct engine_look look;
	uint64_t dev, ino; /* of its region */
};
struct ctl_engines {
	struct ctl_engine *list; /* by interface and number */
	uint32_t n;
	int other_version; /* a process whose engines cannot be read: another version of xtcp; 0: there is none */
};
/*
 * Every engine of this network namespace in a process that we may look into: all that have the region of one open. 0, or
 * -errno with fail(). To be freed in any case.
 */
int ctl_engines_find(struct ctl_engines *out);
void ctl_engines_free(struct ctl_engines *e);

/* 0: a region may be in huge pages; -ENOTSUP with fail(): the kernel gives none for shared memory. */
int ctl_check_huge_pages(void);

/* ---- `xtcp doctor`: one finding per line ---- */

enum ctl_health { CTL_OK, CTL_NOTE, CTL_BAD };
struct ctl_finding {
	enum ctl_health health;
	char what[64]; /* "kernel", "XDP native", "AF_XDP multi-buffer", ... */
	char found[192];
	char mend[192]; /* what to do; "" when nothing */
};
/* Up to max findings; ifname may be NULL (the machine only). Returns how many. */
int ctl_doctor(const char *ifname, struct ctl_finding *out, int max);

#endif
