// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dst.c - destinations: the route to a peer and its next hop's link-layer address,
 * asked of the host once and kept while connections refer to it, and afterwards as
 * long as the table has room (the least recently used one gives way).
 *
 * Frames built before the next hop is known wait here, a few for each destination.
 *
 * Invariant: a destination is in the list of unused ones exactly when refs is 0.
 */
#include "engine/private.h"

#include <errno.h>
#include "lib/fail.h"

#define ECN_LOSSES 3 /* until it is no accident */
#define ECN_OFF_NS 600000000000ull
#define ECN_DOUBLINGS 7		   /* 21 hours */
#define LEARNED_NS 600000000000ull /* how long a path MTU is believed (RFC 1191 6.3, RFC 8201 4: 10 minutes) */
#define POKE_NS 1000000000ull	   /* how often the host hears that a neighbour is in use */
#define DOUBT_NS 1000000000ull	   /* how often a doubt makes it asked for again */

static const struct xtcp_addr no_addr;

static uint32_t *bucket(struct engine *e, uint32_t hash)
{
	uint32_t *heads = region_at(e->r, e->r->off_dst_heads);

	return &heads[hash & e->r->dst_mask];
}

static void lru_push(struct engine *e, uint32_t ref)
{
	struct list *l = &e->r->dst_lru;
	struct dst *d = dst_at(e, ref);

	d->lru_next = 0;
	d->lru_prev = l->tail;
	if (l->tail)
		dst_at(e, l->tail)->lru_next = ref;
	else
		l->head = ref;
	l->tail = ref;
	l->count++;
}

static void lru_remove(struct engine *e, uint32_t ref)
{
	struct list *l = &e->r->dst_lru;
	struct dst *d = dst_at(e, ref);

	if (d->lru_prev)
		dst_at(e, d->lru_prev)->lru_next = d->lru_next;
	else
		l->head = d->lru_next;
	if (d->lru_next)
		dst_at(e, d->lru_next)->lru_prev = d->lru_prev;
	else
		l->tail = d->lru_prev;
	l->count--;
}

/* ---- frames that wait ---- */

static void held_to_pkt(const struct engine *e, const struct held *h, struct io_pkt *pkt)
{
	uint32_t size = e->frames->chunk_size;

	pkt->nfrags = h->nfrags;
	pkt->len = h->len;
	pkt->queue = 0;
	pkt->has_meta = 0;
	pkt->csum_start = (uint16_t)h->csum_start;
	for (uint32_t i = 0; i < h->nfrags; i++) {
		pkt->frag[i].chunk = h->frag[i].chunk;
		pkt->frag[i].len = h->frag[i].len;
		pkt->frag[i].data = e->area + (size_t)h->frag[i].chunk * size + h->frag[i].off;
	}
}

/* The oldest frame that waits for d. False: none. */
static bool held_pop(struct engine *e, struct dst *d, struct io_pkt *pkt)
{
	uint32_t ref = d->held;
	struct held *h;

	if (!ref)
		return false;
	h = pool_at(e->r, &e->r->helds, ref);
	held_to_pkt(e, h, pkt);
	d->held = h->next;
	if (!d->held)
		d->held_tail = 0;
	d->held_count--;
	pool_give(e->r, &e->r->helds, ref);
	return true;
}

static void cancel_held(struct engine *e, struct dst *d)
{
	struct io_pkt pkt;

	while (held_pop(e, d, &pkt))
		if (e->port)
			e->port->ops->tx_cancel(e->port, &pkt);
}

static void hold(struct engine *e, struct dst *d, const struct io_pkt *pkt)
{
	uint32_t size = e->frames->chunk_size, ref;
	struct io_pkt old;
	struct held *h;

	if (d->held_count == DST_HELD_MAX && held_pop(e, d, &old)) {
		count(e, neigh_queue_full);
		e->port->ops->tx_cancel(e->port, &old);
	}
	ref = pool_take(e->r, &e->r->helds);
	if (!ref) {
		count(e, neigh_queue_full);
		e->port->ops->tx_cancel(e->port, pkt);
		return;
	}
	h = pool_at(e->r, &e->r->helds, ref);
	h->next = 0;
	h->nfrags = pkt->nfrags;
	h->len = pkt->len;
	h->csum_start = pkt->csum_start;
	for (uint32_t i = 0; i < pkt->nfrags; i++) {
		h->frag[i].chunk = pkt->frag[i].chunk;
		h->frag[i].len = pkt->frag[i].len;
		h->frag[i].off = (uint32_t)(pkt->frag[i].data - e->area) & (size - 1);
	}
	if (d->held_tail)
		((struct held *)pool_at(e->r, &e->r->helds, d->held_tail))->next = ref;
	else
		d->held = ref;
	d->held_tail = ref;
	d->held_count++;
}

/* What waits goes out, or is lost. */
static void resolved(struct engine *e, struct dst *d, const uint8_t mac[6])
{
	struct io_pkt pkt;

	memcpy(d->mac, mac, 6);
	d->state = DST_RESOLVED;
	while (held_pop(e, d, &pkt)) {
		memcpy(pkt.frag[0].data, mac, 6);
		memcpy(pkt.frag[0].data + 6, e->r->link_mac, 6);
		frame_commit(e, &pkt);
	}
}

static void not_resolved(struct engine *e, struct dst *d)
{
	struct io_pkt pkt;

	d->state = DST_FAILED;
	while (held_pop(e, d, &pkt)) {
		count(e, neigh_failed);
		e->port->ops->tx_cancel(e->port, &pkt);
	}
}

/* ---- the table ---- */

static void forget(struct engine *e, uint32_t ref)
{
	struct dst *d = dst_at(e, ref);
	uint32_t *at = bucket(e, d->hash);

	while (*at != ref)
		at = &dst_at(e, *at)->chain;
	*at = d->chain;
	lru_remove(e, ref);
	cancel_held(e, d);
	pool_give(e->r, &e->r->dsts, ref);
}

/* Ask the host. 0 or -errno. */
static int look_up_route(struct engine *e, struct dst *d)
{
	struct host_route route;
	int err;

	if (!e->ops)
		return -ENODEV;
	memset(&route, 0, sizeof(route));
	err = e->ops->route(e->host, &d->raddr, addr_is_any(&d->asked) ? NULL : &d->asked, &route);
	d->routes_gen = e->r->routes_gen;
	d->no_route = !!err;
	if (err)
		return err;
	if (!addr_eq(&d->next_hop, &route.next_hop))
		d->state = DST_NEW;
	if (d->mtu != route.mtu || !addr_eq(&d->next_hop, &route.next_hop))
		d->learned_mtu = 0; /* it was another path's */
	d->src = route.src;
	d->next_hop = route.next_hop;
	d->mtu = route.mtu;
	d->hop_limit = route.hop_limit;
	return 0;
}

uint32_t dst_mtu(const struct engine *e, const struct dst *d)
{
	uint32_t mtu = e->r->link_mtu ? e->r->link_mtu : 1500;

	if (e->port && e->port->mtu && e->port->mtu < mtu)
		mtu = e->port->mtu;
	return d->mtu && d->mtu < mtu ? d->mtu : mtu;
}

static uint32_t path_mtu(const struct engine *e, const struct dst *d)
{
	uint32_t mtu = dst_mtu(e, d);

	return d->learned_mtu && d->learned_mtu < mtu ? d->learned_mtu : mtu;
}

void dst_open(const struct engine *e, uint32_t ref, struct tcp_open *o)
{
	const struct dst *d = dst_at(e, ref);

	o->path_mtu = dst_mtu(e, d);
	o->learned_mtu = d->learned_mtu;
	o->probe_again_ns = 0;
	if (d->learned_by_probe)
		o->probe_again_ns = d->learned_until_ns > e->r->now_ns ? d->learned_until_ns : 1;
}

/*
 * RFC 9768 3.1.4.1: where one connection after another got no answer until its SYN did not ask for ECN, the next ones do not
 * ask; after ten minutes, twice as long for each further one, another one tries.
 */
void dst_learn_ecn(struct engine *e, uint32_t ref)
{
	struct conn *c = conn_at(e, ref);
	struct dst *d;

	c->tcp.events &= ~(uint32_t)TCP_EV_ECN;
	if (!c->dst)
		return;
	d = dst_at(e, c->dst);
	if (tcp_ecn_fate(&c->tcp) >= 0) {
		d->ecn_losses = 0;
		return;
	}
	d->ecn_losses += d->ecn_losses < ECN_LOSSES + ECN_DOUBLINGS;
	if (d->ecn_losses < ECN_LOSSES)
		return;
	d->ecn_off_until_ns = e->r->now_ns + (ECN_OFF_NS << (d->ecn_losses - ECN_LOSSES));
	count(e, ecn_blocked);
}

/* The link or a route has changed. A connection that searches by itself is told the limit only. */
static void set_mtu(struct engine *e, uint32_t ref, const void *arg)
{
	struct conn *c = conn_at(e, ref);
	const struct dst *d;
	uint32_t mtu;

	if (!c->dst || (arg && dst_at(e, c->dst) != arg) || c->tcp.state == TCP_CLOSED)
		return;
	d = dst_at(e, c->dst);
	mtu = c->tcp.mtu_state == TCP_MTU_FIXED ? path_mtu(e, d) : dst_mtu(e, d);
	if (mtu == c->tcp.path_mtu)
		return;
	tcp_set_path_mtu(&e->env, &c->tcp, mtu);
	conn_dirty(e, ref);
}

static void share_mtu(struct engine *e, uint32_t ref, const void *arg)
{
	if (conn_at(e, ref)->tcp.mtu_state == TCP_MTU_FIXED)
		set_mtu(e, ref, arg);
}

void dst_learn_mtu(struct engine *e, uint32_t ref)
{
	const struct conn *c = conn_at(e, ref);
	struct dst *d = dst_at(e, c->dst);
	uint32_t mtu = c->tcp.path_mtu;

	d->learned_until_ns = e->r->now_ns + LEARNED_NS;
	d->learned_by_probe = c->tcp.mtu_state != TCP_MTU_FIXED;
	if (mtu >= dst_mtu(e, d))
		mtu = 0;
	if (mtu == d->learned_mtu)
		return;
	d->learned_mtu = (uint16_t)mtu;
	conn_each(e, share_mtu, d);
}

/*
 * RFC 1191 6.3, RFC 8201 4: what ICMP told is forgotten, so that a path that has grown is used. Not what probing found:
 * there nobody would tell that the larger packets get lost; who opens a connection then begins by probing.
 */
static void expire_learned(struct engine *e, struct dst *d)
{
	if (!d->learned_mtu || d->learned_by_probe || e->r->now_ns < d->learned_until_ns)
		return;
	d->learned_mtu = 0;
	conn_each(e, share_mtu, d);
}

/* Routes have changed: ask again, and tell the connections when they may send more or less at once. */
static int refresh(struct engine *e, struct dst *d)
{
	uint32_t mtu = d->mtu;
	int err = look_up_route(e, d);

	if (!err && d->mtu != mtu)
		conn_each(e, set_mtu, d);
	return err;
}

static void resolve(struct engine *e, struct dst *d)
{
	uint8_t mac[6];
	int err = e->ops->neigh(e->host, &d->next_hop, mac);

	d->poke_ns = e->r->now_ns + POKE_NS;
	if (!err)
		resolved(e, d, mac);
	else if (err == -EAGAIN)
		d->state = d->state == DST_RESOLVED ? DST_RESOLVED : DST_WAITING;
	else
		not_resolved(e, d);
}

static int make(struct engine *e, const struct xtcp_addr *raddr, const struct xtcp_addr *src, uint32_t hash,
		uint32_t *out)
{
	uint32_t ref = pool_take(e->r, &e->r->dsts), *at;
	struct dst *d;
	int err;

	if (!ref && e->r->dst_lru.head) {
		forget(e, e->r->dst_lru.head);
		ref = pool_take(e->r, &e->r->dsts);
	}
	if (!ref)
		return fail(ENOBUFS, "all %u destinations are in use", e->r->dsts.cap);
	d = dst_at(e, ref);
	memset(d, 0, sizeof(*d));
	d->raddr = *raddr;
	d->asked = *src;
	d->hash = hash;
	err = look_up_route(e, d);
	if (err) {
		pool_give(e->r, &e->r->dsts, ref);
		return err;
	}
	at = bucket(e, hash);
	d->chain = *at;
	*at = ref;
	d->refs = 1;
	*out = ref;
	return 0;
}

int dst_get(struct engine *e, const struct xtcp_addr *raddr, const struct xtcp_addr *src, uint32_t *out)
{
	uint32_t hash;

	if (!src)
		src = &no_addr;
	hash = (uint32_t)hash_mum(hash_addr(raddr, 0, e->r->hash_key), src->d[1] ^ e->r->hash_key[0]);
	for (uint32_t ref = *bucket(e, hash); ref; ref = dst_at(e, ref)->chain) {
		struct dst *d = dst_at(e, ref);

		if (d->hash != hash || !addr_eq(&d->raddr, raddr) || !addr_eq(&d->asked, src))
			continue;
		if (d->routes_gen != e->r->routes_gen || d->no_route) {
			int err = refresh(e, d);

			if (err)
				return err;
		}
		if (!d->refs++)
			lru_remove(e, ref);
		*out = ref;
		return 0;
	}
	return make(e, raddr, src, hash, out);
}

void dst_put(struct engine *e, uint32_t ref)
{
	if (!--dst_at(e, ref)->refs)
		lru_push(e, ref);
}

bool dst_usable(struct engine *e, uint32_t ref)
{
	struct dst *d = dst_at(e, ref);

	if (unlikely(d->routes_gen != e->r->routes_gen))
		refresh(e, d);
	if (unlikely(d->no_route || !e->ops))
		return false;
	if (unlikely(d->state == DST_NEW || e->r->now_ns >= d->poke_ns)) {
		expire_learned(e, d);
		resolve(e, d);
	}
	return true;
}

void dst_send(struct engine *e, uint32_t ref, struct io_pkt *pkt)
{
	struct dst *d = dst_at(e, ref);

	if (likely(d->state == DST_RESOLVED)) {
		frame_commit(e, pkt);
	} else if (d->state == DST_FAILED) {
		count(e, neigh_failed);
		e->port->ops->tx_cancel(e->port, pkt);
	} else {
		hold(e, d, pkt);
	}
}

void dst_doubt(struct engine *e, uint32_t ref)
{
	struct dst *d = dst_at(e, ref);

	if (d->doubted_ns && e->r->now_ns - d->doubted_ns < DOUBT_NS)
		return;
	d->doubted_ns = e->r->now_ns;
	d->routes_gen = e->r->routes_gen - 1; /* both are asked for before the next segment is sent */
	d->poke_ns = 0;
	count(e, path_doubts);
}

/* ---- news ---- */

static void unreachable(struct engine *e, uint32_t ref, const void *arg)
{
	struct conn *c = conn_at(e, ref);

	if (!c->dst || dst_at(e, c->dst) != arg)
		return;
	if (c->tcp.state == TCP_SYN_SENT) /* we know it ourselves: no reason to go on for minutes */
		tcp_abort(&e->env, &c->tcp, EHOSTUNREACH);
	tcp_icmp_input(&e->env, &c->tcp, TCP_ICMP_HOST_UNREACH, c->tcp.snd_una, 0, e->r->now_ns);
	conn_dirty(e, ref);
}

static void failed(struct engine *e, struct dst *d)
{
	not_resolved(e, d);
	d->poke_ns = 0; /* ask again when there is something to send */
	if (d->refs)
		conn_each(e, unreachable, d);
}

/* The address is not known any more: gone from the kernel's table, or nobody answered. The host says which. */
static void unknown(struct engine *e, struct dst *d)
{
	if (d->state == DST_FAILED || !e->ops)
		return;
	d->state = DST_WAITING;
	resolve(e, d);
	if (d->state == DST_FAILED)
		failed(e, d);
	else if (d->state == DST_RESOLVED)
		resolved(e, d, d->mac);
}

void dst_neigh(struct engine *e, const struct xtcp_addr *next_hop, const uint8_t mac[6])
{
	for (uint32_t i = 0; e->port && i <= e->r->dst_mask; i++) {
		for (uint32_t ref = *bucket(e, i); ref; ref = dst_at(e, ref)->chain) {
			struct dst *d = dst_at(e, ref);

			if (!addr_eq(&d->next_hop, next_hop))
				continue;
			if (mac)
				resolved(e, d, mac);
			else
				unknown(e, d);
		}
	}
}

void engine_host_link(struct engine *e, const uint8_t mac[6], uint32_t mtu, bool up)
{
	bool other_mtu = e->r->link_mtu && e->r->link_mtu != mtu;

	memcpy(e->r->link_mac, mac, 6);
	e->r->link_mtu = mtu;
	e->r->link_up = up;
	if (other_mtu)
		conn_each(e, set_mtu, NULL);
}

void engine_host_routes_changed(struct engine *e)
{
	e->r->routes_gen++;
}

void dst_cancel_held(struct engine *e)
{
	for (uint32_t i = 0; i <= e->r->dst_mask; i++)
		for (uint32_t ref = *bucket(e, i); ref; ref = dst_at(e, ref)->chain)
			cancel_held(e, dst_at(e, ref));
}

static void count_ref(struct engine *e, uint32_t ref, const void *arg)
{
	uint64_t *sum = *(uint64_t *const *)arg;

	*sum += !!conn_at(e, ref)->dst;
}

const char *dst_check(struct engine *e)
{
	uint64_t refs = 0, holders = 0, *sum = &holders;
	uint32_t n = 0, unused = 0, held = 0;

	for (uint32_t i = 0; i <= e->r->dst_mask; i++) {
		for (uint32_t ref = *bucket(e, i); ref; ref = dst_at(e, ref)->chain) {
			const struct dst *d = dst_at(e, ref);

			if (ref > e->r->dsts.fresh || ++n > e->r->dsts.used)
				return "dst: broken chain";
			refs += d->refs;
			unused += !d->refs;
			held += d->held_count;
		}
	}
	conn_each(e, count_ref, &sum);
	if (n != e->r->dsts.used || unused != e->r->dst_lru.count || held != e->r->helds.used)
		return "dst: a count is wrong";
	return refs == holders ? NULL : "dst: references and holders disagree";
}
