/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * half.h - the XDP half as descriptors: loaded by us, or found on an interface
 * and adopted. All descriptors are close-on-exec, -1 when absent; whoever holds
 * a struct half closes them with half_close().
 */
#ifndef CTL_HALF_H
#define CTL_HALF_H

#include "ctl/ctl.h"

enum half_map { HALF_PORTS, HALF_ADDRS, HALF_XSKS, HALF_FLOWS, HALF_STATS, HALF_EVENTS, HALF_MAPS };
extern const char *const half_map_name[HALF_MAPS]; /* also the names of the pins */

#define HALF_PROG "xtcp_xdp"
/* What loading and attaching takes, for messages. Without CAP_PERFMON the verifier forbids comparing packet pointers. */
#define HALF_CAPS "CAP_NET_ADMIN, CAP_BPF, CAP_PERFMON and CAP_NET_RAW"

struct half {
	int map[HALF_MAPS];
	int prog;
	int flow_iter; /* BPF link whose pin prints the flow table; -1 where the kernel can't */
	int link;      /* BPF link on the interface; -1 when a pin holds it (adopted) */
	uint32_t prog_id;
	enum ctl_mode mode; /* NATIVE or GENERIC, once attached */
	char why[192];	    /* why auto did not take native; "" */
	struct xtcp_xdp_conf conf;
	struct xtcp_port_entry *ports; /* mapped, NULL until half_map() */
	struct xtcp_flow *flows;
};

void half_init(struct half *h);
void half_close(struct half *h);
/* Map "ports" and "flows" for plain stores. */
int half_mmap(struct half *h);
/* Sum of the per-CPU counters. 0 or -errno with fail(). */
int half_stats(const struct half *h, struct xtcp_xdp_stats *out);

/* load.c: load program and maps with this configuration. */
int half_load(struct half *h, const struct xtcp_xdp_conf *conf);
/* Descriptors of the program with this id and of its maps; checks that they are of our version. */
int half_adopt(struct half *h, uint32_t prog_id, enum ctl_mode mode);
/* What libbpf and the verifier said about the last load of this thread (its tail); "" when nothing. */
const char *half_load_log(void);

/* attach.c: what is on the interface's XDP hook. */
struct hook {
	uint32_t prog_id; /* 0: nothing */
	uint32_t link_id; /* 0: no BPF link (attached by netlink), or not permitted to know */
	enum ctl_mode mode;
	char name[16];
	bool ours;
};
int hook_query(int ifindex, struct hook *out);
/* -EBUSY with the line that names what is there. */
int hook_busy(const struct ctl_link *link, const struct hook *hook);
/* Id of an XDP link of this program that is still on an interface; 0: none or unknown. */
uint32_t hook_link_of(uint32_t prog_id);
int half_attach(struct half *h, const struct ctl_link *link, enum ctl_mode mode);

/* Id of a program by descriptor or 0. */
uint32_t prog_id_of(int fd);

#endif
