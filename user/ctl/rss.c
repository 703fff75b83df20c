// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * rss.c - at which receive queue will a segment arrive? A card says so by its Toeplitz key
 * and its table from hash to queue (ethtool -x), and by what it hashes of a flow (ethtool
 * -n ... rx-flow-hash). They are asked once, when the engine opens: a table that changes
 * later costs copies between engines, no segment. veth has none of it: there the sender
 * chooses.
 */
#include <errno.h>
#include <linux/ethtool.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/private.h"
#include "lib/addr.h"
#include "lib/toeplitz.h"

#ifndef ETH_RSS_HASH_TOP
#define ETH_RSS_HASH_TOP 1u
#endif

#define ADDRESSES (RXH_IP_SRC | RXH_IP_DST)
#define PORTS (RXH_L4_B_0_1 | RXH_L4_B_2_3)

/* Key and table, where the hash is Toeplitz of the plain tuple. */
static bool ask_table(struct ctl *ctl)
{
	struct ethtool_rxfh size = { .cmd = ETHTOOL_GRSSH }, *all;
	bool good = false;

	if (link_ethtool(ctl->link.name, &size) || !size.indir_size || size.indir_size > RSS_TABLE_MAX ||
	    size.key_size < TOEPLITZ_INPUT_MAX + 4 || size.key_size > TOEPLITZ_KEY_MAX)
		return false;
	all = calloc(1, sizeof(*all) + size.indir_size * sizeof(uint32_t) + size.key_size);
	if (!all)
		return false;
	all->cmd = ETHTOOL_GRSSH;
	all->indir_size = size.indir_size;
	all->key_size = size.key_size;
	/* rsvd8[0] is input_xfrm on newer kernels: the tuple is folded before it is hashed. */
	if (!link_ethtool(ctl->link.name, all) && all->hfunc == ETH_RSS_HASH_TOP && !all->rsvd8[0]) {
		for (uint32_t i = 0; i < size.indir_size; i++)
			ctl->rss.table[i] = (uint16_t)all->rss_config[i];
		memcpy(ctl->rss.key, &all->rss_config[size.indir_size], size.key_size);
		ctl->rss.entries = size.indir_size;
		good = true;
	}
	free(all);
	return good;
}

void rss_ask(struct ctl *ctl)
{
	static const uint32_t type[2] = { TCP_V4_FLOW, TCP_V6_FLOW };
	bool table = ask_table(ctl);

	for (int v6 = 0; v6 < 2; v6++) {
		struct ethtool_rxnfc fields = { .cmd = ETHTOOL_GRXFH, .flow_type = type[v6] };

		ctl->rss.known[v6] = table && !link_ethtool(ctl->link.name, &fields) &&
				     (fields.data == ADDRESSES || fields.data == (ADDRESSES | PORTS));
		ctl->rss.ports[v6] = fields.data & PORTS;
	}
}

bool ctl_queue_known(const struct ctl *ctl, bool v6)
{
	return ctl->rss.known[v6];
}

bool rss_own_queue(void *host, const struct xtcp_addr *laddr, const struct xtcp_addr *raddr, uint16_t lport,
		   uint16_t rport)
{
	const struct ctl *ctl = host;
	bool v6 = !addr_is_v4(laddr);
	uint32_t hash, queue;

	if (!ctl->rss.known[v6])
		return true;
	hash = toeplitz_flow(ctl->rss.key, raddr, laddr, rport, lport, ctl->rss.ports[v6]);
	queue = ctl->rss.table[hash % ctl->rss.entries];
	return queue < XTCP_MAX_QUEUES && ctl->queues >> queue & 1;
}
