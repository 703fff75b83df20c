// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * neigh.c - link-layer addresses of next hops. The kernel resolves and keeps
 * them: we ask for an entry, have it made with NTF_USE when there is none, and
 * follow the news. Only neighbours that the engine asked for are kept here.
 *
 * An entry is resolved (mac good), waiting (the kernel works on it and news will
 * come), or neither (the next question asks the kernel again). A STALE one works;
 * using it makes the kernel confirm it, at most once a second.
 */
#include <errno.h>
#include <linux/neighbour.h>
#include <string.h>
#include <time.h>

#include "ctl/private.h"
#include "lib/addr.h"
#include "lib/fail.h"

#define SECOND_NS 1000000000ull
#define POKE_NS SECOND_NS   /* between two NTF_USE of one neighbour */
#define FAILED_NS SECOND_NS /* how long a failure is remembered */
#define USABLE (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP)

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SECOND_NS + (uint64_t)ts.tv_nsec;
}

static uint16_t *bucket(struct ctl *ctl, const struct xtcp_addr *addr)
{
	return &ctl->neigh_bucket[addr_hash(addr, 0) % NEIGH_BUCKETS];
}

static struct neigh *find(struct ctl *ctl, const struct xtcp_addr *addr)
{
	for (uint16_t i = *bucket(ctl, addr); i; i = ctl->neighs[i - 1].next)
		if (addr_eq(&ctl->neighs[i - 1].addr, addr))
			return &ctl->neighs[i - 1];
	return NULL;
}

static void unlink_entry(struct ctl *ctl, struct neigh *n)
{
	uint16_t me = (uint16_t)(n - ctl->neighs + 1);
	uint16_t *p = bucket(ctl, &n->addr);

	while (*p && *p != me)
		p = &ctl->neighs[*p - 1].next;
	if (*p)
		*p = n->next;
	memset(n, 0, sizeof(*n));
}

static struct neigh *make(struct ctl *ctl, const struct xtcp_addr *addr)
{
	struct neigh *n = NULL;
	uint16_t *head;

	for (int i = 0; i < NEIGH_MAX; i++) {
		struct neigh *c = &ctl->neighs[i];

		if (!n || !c->used || c->use_ns < n->use_ns)
			n = c;
		if (!c->used)
			break;
	}
	if (n->used)
		unlink_entry(ctl, n);
	head = bucket(ctl, addr);
	n->addr = *addr;
	n->used = true;
	n->next = *head;
	*head = (uint16_t)(n - ctl->neighs + 1);
	return n;
}

struct seen {
	bool found;
	uint16_t state;
	bool has_mac;
	uint8_t mac[6];
};

static bool parse(const struct ctl *ctl, const struct nlmsghdr *nlh, struct xtcp_addr *addr, struct seen *s)
{
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[NDA_MAX + 1];

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*ndm) || ndm->ndm_ifindex != ctl->link.ifindex)
		return false;
	nl_attrs(nlh, sizeof(*ndm), tb, NDA_MAX);
	if (!nl_addr(tb[NDA_DST], ndm->ndm_family, addr))
		return false;
	memset(s, 0, sizeof(*s));
	s->found = true;
	s->state = ndm->ndm_state;
	if (tb[NDA_LLADDR] && mnl_attr_get_payload_len(tb[NDA_LLADDR]) == 6) {
		s->has_mac = true;
		memcpy(s->mac, mnl_attr_get_payload(tb[NDA_LLADDR]), 6);
	}
	return true;
}

struct lookup {
	const struct ctl *ctl;
	struct seen seen;
};

static int lookup_cb(const struct nlmsghdr *nlh, void *arg)
{
	struct lookup *l = arg;
	struct xtcp_addr addr;

	if (nlh->nlmsg_type == RTM_NEWNEIGH)
		parse(l->ctl, nlh, &addr, &l->seen);
	return MNL_CB_OK;
}

static struct nlmsghdr *request(const struct ctl *ctl, char *buf, const struct xtcp_addr *addr, uint16_t type)
{
	struct nlmsghdr *req = mnl_nlmsg_put_header(buf);
	struct ndmsg *ndm;

	req->nlmsg_type = type;
	ndm = mnl_nlmsg_put_extra_header(req, sizeof(*ndm));
	ndm->ndm_family = (uint8_t)nl_family(addr);
	ndm->ndm_ifindex = ctl->link.ifindex;
	nl_put_addr(req, NDA_DST, addr);
	return req;
}

/* What the kernel has; seen->found false when nothing. */
static int ask(struct ctl *ctl, const struct xtcp_addr *addr, struct seen *seen)
{
	struct lookup l = { .ctl = ctl };
	char buf[128];
	int err = nl_ask(&ctl->nl, request(ctl, buf, addr, RTM_GETNEIGH), lookup_cb, &l);

	*seen = l.seen;
	return err == -ENOENT ? 0 : err;
}

/* Let the kernel resolve, or confirm, as if it had a packet to send. */
static int poke(struct ctl *ctl, struct neigh *n, uint64_t now_ns)
{
	char buf[128];
	struct nlmsghdr *req = request(ctl, buf, &n->addr, RTM_NEWNEIGH);
	struct ndmsg *ndm = mnl_nlmsg_get_payload(req);

	n->poke_ns = now_ns;
	req->nlmsg_flags = NLM_F_CREATE;
	ndm->ndm_state = NUD_NONE;
	ndm->ndm_flags = NTF_USE;
	return nl_ask(&ctl->nl, req, NULL, NULL);
}

/* Take over what the kernel says. True: the engine must hear of it. */
static bool update(struct neigh *n, const struct seen *s)
{
	bool was = n->resolved, waited = n->waiting;

	if (s->found && (s->state & USABLE) && s->has_mac) {
		bool changed = !was || memcmp(n->mac, s->mac, 6);

		memcpy(n->mac, s->mac, 6);
		n->resolved = true;
		n->waiting = false;
		n->failed_ns = 0;
		n->stale = s->state & NUD_STALE;
		return changed;
	}
	n->resolved = n->stale = false;
	n->waiting = s->found && (s->state & NUD_INCOMPLETE);
	if (n->waiting)
		return was;
	if (waited && s->found) /* asked and not answered; an entry that is gone says nothing */
		n->failed_ns = now();
	return was || waited;
}

static void tell(struct ctl *ctl, const struct neigh *n)
{
	struct xtcp_addr addr = n->addr;
	uint8_t mac[6];

	memcpy(mac, n->mac, 6);
	if (ctl->conf.events.neigh)
		ctl->conf.events.neigh(ctl->conf.arg, &addr, n->resolved ? mac : NULL);
}

/* Ask the kernel from the beginning. */
static int resolve(struct ctl *ctl, struct neigh *n, uint64_t now_ns)
{
	struct seen s;
	int err = ask(ctl, &n->addr, &s);

	if (err)
		return err;
	if (!s.found || !(s.state & (USABLE | NUD_INCOMPLETE))) {
		err = poke(ctl, n, now_ns);
		if (!err)
			err = ask(ctl, &n->addr, &s); /* NOARP and multicast are resolved at once */
		if (err)
			return err;
	}
	n->waiting = false;
	update(n, &s);
	return 0;
}

int neigh_lookup(void *host, const struct xtcp_addr *next_hop, uint8_t mac[6])
{
	struct ctl *ctl = host;
	struct neigh *n = find(ctl, next_hop);
	uint64_t now_ns = now();
	char text[ADDR_TEXT];
	int err;

	if (!n)
		n = make(ctl, next_hop);
	n->use_ns = now_ns;
	if (n->failed_ns && now_ns - n->failed_ns < FAILED_NS)
		return fail(EHOSTUNREACH, "%s does not answer on %s (no ARP or neighbour reply)",
			    addr_text(next_hop, text), ctl->link.name);
	if (!n->resolved && !n->waiting) {
		err = resolve(ctl, n, now_ns);
		if (err == -ENODEV || err == -ENETDOWN)
			return -EAGAIN; /* the link's own news will tell */
		if (err)
			return fail(EHOSTUNREACH, "neighbour %s on %s: %s", addr_text(next_hop, text), ctl->link.name,
				    strerror(-err));
	}
	if (!n->resolved) {
		n->waiting = true;
		return -EAGAIN;
	}
	if (n->stale && now_ns - n->poke_ns >= POKE_NS)
		poke(ctl, n, now_ns);
	memcpy(mac, n->mac, 6);
	return 0;
}

void neigh_news(struct ctl *ctl, const struct nlmsghdr *nlh)
{
	struct xtcp_addr addr;
	struct neigh *n;
	struct seen s;

	if (!parse(ctl, nlh, &addr, &s))
		return;
	n = find(ctl, &addr);
	if (!n)
		return;
	if (nlh->nlmsg_type == RTM_DELNEIGH) {
		/* News may be older than our last question: only the kernel knows what is true now. */
		if (ask(ctl, &addr, &s))
			s.found = false;
	} else if (n->waiting && !(s.state & (USABLE | NUD_INCOMPLETE | NUD_FAILED))) {
		return; /* NUD_NONE: just made */
	}
	if (update(n, &s))
		tell(ctl, n);
}

void neigh_sync(struct ctl *ctl)
{
	struct seen s;

	for (int i = 0; i < NEIGH_MAX; i++) {
		struct neigh *n = &ctl->neighs[i];

		if (!n->used || (!n->resolved && !n->waiting))
			continue;
		if (ask(ctl, &n->addr, &s))
			s.found = false;
		if (update(n, &s))
			tell(ctl, n);
	}
}
