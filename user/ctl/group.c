// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * group.c - what the engines of one interface share, see private.h. Members come and
 * go in any order, each from its own thread; the last one takes the XDP half along.
 *
 * Invariant: an index stands for one address as long as any member uses it, and is in
 * map "addrs" exactly then. It keeps its address afterwards, so as to get it back.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "ctl/private.h"
#include "lib/addr.h"
#include "lib/fail.h"

struct ctl_group *group_new(void)
{
	struct ctl_group *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	pthread_mutex_init(&g->lock, NULL);
	g->lock_fd = -1;
	g->pins.keeper = KEEPER_NONE;
	napi_init(&g->napi);
	g->owner = getpid();
	half_init(&g->half);
	reserve_init(g);
	return g;
}

void group_free(struct ctl_group *g)
{
	half_close(&g->half);
	reserve_close(g);
	if (g->lock_fd >= 0)
		close(g->lock_fd);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

int group_enter(struct ctl_group *g, struct ctl *ctl)
{
	ctl->mine = calloc(XTCP_PORTS, sizeof(*ctl->mine));
	if (!ctl->mine)
		return fail(ENOMEM, "out of memory");
	ctl->group = g;
	pthread_mutex_lock(&g->lock);
	ctl->next = g->members;
	g->members = ctl;
	pthread_mutex_unlock(&g->lock);
	return 0;
}

/* The group is locked. */
static void addr_give(struct ctl_group *g, uint32_t index)
{
	if (!--g->index[index].users)
		bpf_map_delete_elem(g->half.map[HALF_ADDRS], &g->index[index].addr);
}

bool group_leave(struct ctl *ctl)
{
	struct ctl_group *g = ctl->group;
	struct ctl **p = &g->members;
	bool last;

	pthread_mutex_lock(&g->lock);
	while (*p != ctl)
		p = &(*p)->next;
	*p = ctl->next;
	last = !g->members;
	g->queues &= ~ctl->queues;
	if (!last && g->owner == getpid()) {
		steer_leave(ctl);
		for (uint32_t i = 0; i < XTCP_MAX_ADDRS; i++)
			if (ctl->addrs[i].used)
				addr_give(g, i);
	}
	pthread_mutex_unlock(&g->lock);
	free(ctl->mine);
	ctl->mine = NULL;
	return last;
}

/* The index the address had, one that never was used, or one whose address has gone. The group is locked. */
static int pick_index(struct ctl_group *g, const struct xtcp_addr *addr)
{
	for (int i = 0; i < XTCP_MAX_ADDRS; i++)
		if (g->index[i].known && addr_eq(&g->index[i].addr, addr))
			return i;
	for (int i = 0; i < XTCP_MAX_ADDRS; i++)
		if (!g->index[i].known)
			return i;
	for (int i = 0; i < XTCP_MAX_ADDRS; i++) {
		if (g->index[i].users)
			continue;
		steer_forget(g, (uint32_t)i);
		return i;
	}
	return -1;
}

int group_addr_take(struct ctl *ctl, const struct xtcp_addr *addr)
{
	struct ctl_group *g = ctl->group;
	struct xtcp_addr_entry entry = { 0 };
	int i;

	pthread_mutex_lock(&g->lock);
	i = pick_index(g, addr);
	if (i >= 0) {
		entry.index = (__u32)i;
		g->index[i].addr = *addr;
		g->index[i].known = true;
		if (!g->index[i].users && bpf_map_update_elem(g->half.map[HALF_ADDRS], addr, &entry, BPF_ANY))
			i = -1;
		else
			g->index[i].users++;
	}
	pthread_mutex_unlock(&g->lock);
	return i;
}

void group_addr_give(struct ctl *ctl, uint32_t index)
{
	pthread_mutex_lock(&ctl->group->lock);
	addr_give(ctl->group, index);
	pthread_mutex_unlock(&ctl->group->lock);
}

int ctl_claim_queues(struct ctl *ctl, uint32_t first, uint32_t n)
{
	struct ctl_group *g = ctl->group;
	uint64_t want = (n < 64 ? (1ull << n) - 1 : UINT64_MAX) << first, taken;

	pthread_mutex_lock(&g->lock);
	taken = g->queues & want;
	if (!taken) {
		g->queues |= want;
		ctl->queues |= want;
	}
	pthread_mutex_unlock(&g->lock);
	if (!taken)
		rss_ask(ctl);
	return taken ? fail(EBUSY, "receive queue %d of %s is served by another engine of this program already",
			    __builtin_ctzll(taken), ctl->link.name)
		     : 0;
}

int ctl_free_queue(struct ctl *ctl)
{
	uint64_t taken;

	pthread_mutex_lock(&ctl->group->lock);
	taken = ctl->group->queues;
	pthread_mutex_unlock(&ctl->group->lock);
	return taken == UINT64_MAX ? 64 : __builtin_ctzll(~taken);
}
