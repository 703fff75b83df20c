/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* private.h - what struct ctl is made of; for user/ctl only. */
#ifndef CTL_PRIVATE_H
#define CTL_PRIVATE_H

#include <pthread.h>
#include <stddef.h>
#include "ctl/ctl.h"
#include "ctl/half.h"
#include "ctl/nl.h"
#include "ctl/pin.h"
#include "lib/toeplitz.h"

/* One address of the interface, in the slot of its index. */
struct addr_slot {
	struct xtcp_addr addr;
	bool used;
	bool seen; /* mark of a dump in progress */
};

/* One neighbour the engine asked for. */
#define NEIGH_MAX 1024 /* entries; the least recently used gives way */
#define NEIGH_BUCKETS 256
struct neigh {
	struct xtcp_addr addr;
	uint8_t mac[6];
	bool used;
	bool resolved;	    /* mac is good */
	bool waiting;	    /* the kernel has been asked; news will come */
	bool stale;	    /* usable, but the kernel has not confirmed it lately */
	uint64_t use_ns;    /* last asked for by the engine */
	uint64_t poke_ns;   /* last NTF_USE */
	uint64_t failed_ns; /* last time resolution failed; 0: never */
	uint16_t next;	    /* index + 1 in the bucket's chain */
};

struct reservation {
	struct xtcp_addr addr;
	uint16_t port;
	int fd;
	uint32_t refs;
	struct reservation *next;
};
#define RESERVE_BUCKETS 4096
#define RESERVE_NOFILE 131072 /* descriptors: more than there are ports */

/* How the card chooses a receive queue (rss.c). */
#define RSS_TABLE_MAX 2048 /* entries */
struct rss {
	bool known[2]; /* of IPv4, of IPv6 */
	bool ports[2]; /* it looks at the ports too */
	uint8_t key[TOEPLITZ_KEY_MAX];
	uint32_t entries;
	uint16_t table[RSS_TABLE_MAX];
};

/*
 * What the engines of one interface share: the XDP half, its pins, the lock of the interface, reserved ports, and which
 * address has which index. Each engine has a struct ctl of its own, with its own netlink sockets and its own view of
 * addresses and neighbours, so that news comes to its own thread. None of this is touched by a segment.
 */
/* What is kept off the interface's interrupts (napi.c). */
struct napi {
	struct keeper keeper;
	int files;
	int file[KEEPER_FILES];		     /* as in keeper_job */
	char was[KEEPER_FILES][KEEPER_TEXT]; /* what they held */
};

struct ctl_group {
	pthread_mutex_t lock; /* of all below but half and pins, which do not change between open and close */
	struct ctl *members;
	struct half half;
	struct pins pins;
	struct napi napi;
	int lock_fd;
	pid_t owner; /* only this process detaches and unpins */
	bool adopted;
	uint64_t queues; /* bit n: a member serves receive queue n */
	struct {
		struct xtcp_addr addr;
		bool known;	/* the index has stood for addr at some time */
		uint32_t users; /* members for which it does now */
	} index[XTCP_MAX_ADDRS];
	struct reservation *reserved[RESERVE_BUCKETS];
	uint16_t port_low, port_high; /* ephemeral range */
};

struct ctl {
	struct ctl_conf conf;
	struct ctl_link link;
	struct ctl_group *group;
	struct ctl *next; /* member */
	struct nl nl;
	bool routes_dirty; /* routes_changed is owed */
	uint64_t queues;   /* its own of group->queues */
	struct rss rss;
	struct addr_slot addrs[XTCP_MAX_ADDRS];
	struct neigh neighs[NEIGH_MAX];
	uint16_t neigh_bucket[NEIGH_BUCKETS]; /* index + 1 */
	struct xtcp_port_entry *mine; /* what of map "ports" is there on its account; XTCP_PORTS entries, sparse */
};

/* group.c */
struct ctl_group *group_new(void); /* NULL: no memory */
void group_free(struct ctl_group *g);
int group_enter(struct ctl_group *g, struct ctl *ctl); /* 0 or -ENOMEM */
/* True: it was the last member. */
bool group_leave(struct ctl *ctl);
/* The index of an address that is ctl's from now on; into map "addrs" with it if nobody else's is. -1: all are in use. */
int group_addr_take(struct ctl *ctl, const struct xtcp_addr *addr);
void group_addr_give(struct ctl *ctl, uint32_t index);

/* link.c */
int link_by_name(struct nl *nl, const char *ifname, struct ctl_link *out);
/* SIOCETHTOOL; 0 or -errno. */
int link_ethtool(const char *ifname, void *cmd);
/* Ask again; -ENODEV when it is gone. */
int link_refresh(struct nl *nl, struct ctl_link *link);
/* RTM_NEWLINK or RTM_DELLINK. */
void link_news(struct ctl *ctl, const struct nlmsghdr *nlh);
void link_report(struct ctl *ctl, const struct ctl_link *fresh);

/* addrs.c: addresses of the interface, in step with map "addrs". */
int addrs_sync(struct ctl *ctl);
void addrs_news(struct ctl *ctl, const struct nlmsghdr *nlh);
bool addrs_has(const struct ctl *ctl, const struct xtcp_addr *addr);
/* Some address of the family of like, of the same scope where possible; NULL: none. */
const struct xtcp_addr *addrs_pick(const struct ctl *ctl, const struct xtcp_addr *like);

/* rss.c: what the card says of itself; rss_own_queue() is for struct host_ops. */
void rss_ask(struct ctl *ctl);
bool rss_own_queue(void *host, const struct xtcp_addr *laddr, const struct xtcp_addr *raddr, uint16_t lport,
		   uint16_t rport);

/* route.c, neigh.c, reserve.c, steer.c: struct host_ops. */
int route_lookup(void *host, const struct xtcp_addr *dst, const struct xtcp_addr *src, struct host_route *out);
int neigh_lookup(void *host, const struct xtcp_addr *next_hop, uint8_t mac[6]);
void neigh_news(struct ctl *ctl, const struct nlmsghdr *nlh);
void neigh_sync(struct ctl *ctl);
int reserve_port(void *host, const struct xtcp_addr *addr, uint16_t port);
void reserve_release(void *host, const struct xtcp_addr *addr, uint16_t port);
void reserve_init(struct ctl_group *g);
void reserve_close(struct ctl_group *g);
void steer_port(void *host, uint32_t addr_index, uint16_t port, bool owned, bool listening);
void steer_clear(struct xtcp_port_entry *ports);
/* An index gets a new meaning: no port may speak of it. */
void steer_forget(struct ctl_group *g, uint32_t addr_index);
/* All of map "ports" that is there on this member's account alone. */
void steer_drop(struct ctl *ctl);
void steer_leave(struct ctl *ctl);

/* FNV-1a over an address and a number, for the hash tables above. */
static inline uint32_t addr_hash(const struct xtcp_addr *addr, uint32_t more)
{
	uint32_t h = 2166136261u ^ more;

	for (size_t i = 0; i < sizeof(addr->b); i++)
		h = (h ^ addr->b[i]) * 16777619u;
	return h ^ (h >> 15);
}

/* ---- napi.c ---- */

void napi_init(struct napi *n);
/* Defer the interface's interrupts. 0 (also when somebody does already) or -errno with fail(). */
int napi_defer(struct napi *n, const struct ctl_link *link);
/* owner false: in a forked child, whose parent goes on with it. */
void napi_restore(struct napi *n, bool owner);

/* ---- path.c ---- */

/* NULL, or why generic XDP is the better choice for bulk data. */
const char *path_bulk_generic(const struct ctl_link *link);

#endif
