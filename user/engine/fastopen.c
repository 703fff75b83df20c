// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fastopen.c - TCP Fast Open (RFC 7413), the part of it that is not one connection's: the cookies we give out, how many
 * listeners believe at once, and the cookies that peers gave us.
 *
 * A cookie (4.1.2) is SipHash-2-4 of both addresses and the number of the current hour under a secret of this engine. Those of
 * this hour and of the one before are good, so it lives one to two hours; who comes with an older one gets the new one.
 *
 * A listener believes at most fast_max connections that have not finished their handshake (5.1); those that were reset
 * meanwhile count for another one to two minutes, or spoofed SYNs with RSTs behind them would go round the limit.
 *
 * A listener with a key of its own gives Linux's cookies instead, which any host with that key believes and which do not age;
 * one may also do without any.
 *
 * What peers gave us is kept with their destination (dst.c), so it is bounded and the oldest goes first. A SYN with the
 * option that gets lost turns it off there for a minute, twice as long for each further one (4.1.3.1, and as Linux does). A
 * connection that lost all that followed such a SYN cost more: an hour, and twice as long for each further one, until one
 * gets something through.
 */
#include "engine/private.h"

#include <errno.h>
#include "lib/siphash.h"

#define COOKIE_LEN 8
#define COOKIE_HOUR_NS 3600000000000ull
#define RESET_NS 60000000000ull
#define OFF_NS 60000000000ull
#define OFF_DOUBLINGS 10 /* 17 hours */
#define HOLE_NS 3600000000000ull
#define HOLE_DOUBLINGS 6 /* 64 hours */

/* ---- our cookies ---- */

static struct tcp_cookie make_cookie(const struct engine *e, const struct tcp_conn *c, uint64_t hour)
{
	struct sip s = sip_begin(e->fast_key);
	struct tcp_cookie k = { .len = COOKIE_LEN };
	uint64_t v;

	sip_word(&s, c->laddr.d[0]);
	sip_word(&s, c->laddr.d[1]);
	sip_word(&s, c->raddr.d[0]);
	sip_word(&s, c->raddr.d[1]);
	sip_word(&s, hour);
	v = sip_end(&s, 40ull << 56);
	memcpy(k.b, &v, COOKIE_LEN);
	return k;
}

/* In the order of the SYN's header. */
static struct tcp_cookie make_shared(const struct listener *l, const struct tcp_conn *c)
{
	struct sip s = sip_begin(l->fast_key);
	struct tcp_cookie k = { .len = COOKIE_LEN };
	uint32_t v4[2] = { c->raddr.w[3], c->laddr.w[3] };
	uint64_t v;

	if (c->flags & TCP_F_V6) {
		sip_word(&s, c->raddr.d[0]);
		sip_word(&s, c->raddr.d[1]);
		sip_word(&s, c->laddr.d[0]);
		sip_word(&s, c->laddr.d[1]);
	} else {
		memcpy(&v, v4, sizeof(v));
		sip_word(&s, v);
	}
	v = sip_end(&s, (c->flags & TCP_F_V6 ? 32ull : 8ull) << 56);
	memcpy(k.b, &v, COOKIE_LEN);
	return k;
}

/* Not in time that depends on where they differ. */
static bool same(const struct tcp_cookie *a, const struct tcp_cookie *b)
{
	uint8_t differ = a->len ^ b->len;

	for (int i = 0; i < COOKIE_LEN; i++)
		differ |= a->b[i] ^ b->b[i];
	return !differ;
}

/* ---- listeners ---- */

static uint32_t pending(const struct engine *e, struct listener *l)
{
	uint64_t now = e->r->now_ns;

	if (now - l->fast_since_ns >= RESET_NS) {
		l->fast_resets[1] = now - l->fast_since_ns < 2 * RESET_NS ? l->fast_resets[0] : 0;
		l->fast_resets[0] = 0;
		l->fast_since_ns = now;
	}
	return l->fast_pending + l->fast_resets[0] + l->fast_resets[1];
}

/* Is the SYN's cookie good? One that is not, or that will not be for much longer, is replaced. */
static bool judge(struct engine *e, const struct listener *l, struct tcp_conn *c, const struct tcp_cookie *got)
{
	uint64_t hour = e->r->now_ns / COOKIE_HOUR_NS;
	struct tcp_cookie k = l->fast_keyed ? make_shared(l, c) : make_cookie(e, c, hour), old;
	bool current = got->len && same(got, &k), good = current;

	if (got->len && !good && hour && !l->fast_keyed) {
		old = make_cookie(e, c, hour - 1);
		good = same(got, &old);
	}
	if (!current) {
		k.exp = got->exp;
		tcp_fastopen_offer(c, &k);
		count(e, fastopen_cookies);
	}
	if (!good && got->len)
		count(e, fastopen_bad_cookie);
	return good;
}

bool fastopen_syn(struct engine *e, struct listener *l, uint32_t ref, const struct tcp_seg *syn)
{
	struct conn *c = conn_at(e, ref);

	if (!l->fast_bare && !judge(e, l, &c->tcp, &syn->opts.cookie))
		return false;
	if (pending(e, l) >= l->fast_max) {
		count(e, fastopen_overflow);
		return false;
	}
	l->fast_pending++;
	c->life |= CONN_FAST;
	tcp_fastopen_accept(&e->env, &c->tcp, syn, e->r->now_ns);
	return true;
}

void fastopen_settled(struct engine *e, uint32_t ref)
{
	struct conn *c = conn_at(e, ref);
	struct listener *l = listener_at(e, c->listener);

	c->life &= ~(uint32_t)CONN_FAST;
	l->fast_pending--;
	if (c->tcp.state == TCP_CLOSED && c->tcp.error == ECONNRESET) {
		pending(e, l); /* turns the minute */
		l->fast_resets[0]++;
	}
	if (!(c->life & (CONN_HALF | CONN_QUEUED)))
		c->listener = 0;
}

static void forget(struct engine *e, uint32_t ref, const void *arg)
{
	struct conn *c = conn_at(e, ref);

	if (c->life & CONN_FAST && listener_at(e, c->listener) == arg)
		fastopen_settled(e, ref);
}

void fastopen_close(struct engine *e, struct listener *l)
{
	conn_each(e, forget, l);
}

int engine_listen_fastopen(struct engine *e, uint64_t handle, uint32_t max)
{
	struct listener *l = listener_of_handle(e, handle);

	if (!l)
		return -EBADF;
	l->fast_max = max;
	return 0;
}

int engine_listen_fastopen_key(struct engine *e, uint64_t handle, const uint8_t key[16])
{
	struct listener *l = listener_of_handle(e, handle);

	if (!l)
		return -EBADF;
	memcpy(l->fast_key, key, 16);
	l->fast_keyed = true;
	return 0;
}

int engine_listen_fastopen_bare(struct engine *e, uint64_t handle, bool on)
{
	struct listener *l = listener_of_handle(e, handle);

	if (!l)
		return -EBADF;
	l->fast_bare = on;
	return 0;
}

/* ---- their cookies ---- */

static int connecting(struct engine *e, uint64_t handle, struct conn **out)
{
	uint32_t ref = conn_of_handle(e, handle);
	struct conn *c;

	if (!ref)
		return -EBADF;
	c = conn_at(e, ref);
	if (c->tcp.state != TCP_SYN_SENT || c->tcp.snd_nxt != c->tcp.iss || !c->dst)
		return -EISCONN;
	*out = c;
	return 0;
}

int engine_connect_fastopen(struct engine *e, uint64_t handle)
{
	struct conn *c = NULL;
	int err = connecting(e, handle, &c);
	const struct dst_fastopen *f;
	struct tcp_cookie k;

	if (err)
		return err;
	f = &dst_at(e, c->dst)->fastopen;
	k = f->cookie;
	k.exp |= !k.len && f->exp == 1;
	/* No option where it was lost, nor beside a signature: there is no room. */
	tcp_fastopen_connect(&c->tcp, e->r->now_ns < f->off_until_ns || c->tcp.sig_bytes ? NULL : &k, f->mss);
	return 0;
}

int engine_connect_fastopen_bare(struct engine *e, uint64_t handle)
{
	struct conn *c = NULL;
	int err = connecting(e, handle, &c);
	const struct dst_fastopen *f;

	if (err)
		return err;
	f = &dst_at(e, c->dst)->fastopen;
	if (e->r->now_ns < f->off_until_ns || c->tcp.sig_bytes)
		tcp_fastopen_connect(&c->tcp, NULL, 0);
	else
		tcp_fastopen_bare(&c->tcp, f->mss ? f->mss : c->tcp.rcv_mss); /* a network of like hosts */
	return 0;
}

static uint64_t max_time(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void fastopen_learn(struct engine *e, uint32_t ref)
{
	struct conn *c = conn_at(e, ref);
	const struct tcp_fastopen *got = &tcp_cold_peek(&c->tcp)->fastopen;
	struct dst_fastopen *f;

	c->tcp.events &= ~(uint32_t)TCP_EV_FASTOPEN;
	if (!c->dst)
		return;
	f = &dst_at(e, c->dst)->fastopen;
	if (tcp_cold_peek(&c->tcp)->fast_hole) {
		f->off_until_ns = max_time(f->off_until_ns, e->r->now_ns + (HOLE_NS << f->holes));
		f->holes += f->holes < HOLE_DOUBLINGS;
		return;
	}
	if (c->tcp.state != TCP_SYN_SENT && got->mss)
		f->mss = got->mss;
	if (c->tcp.fastopen & TCP_FO_GOT)
		f->cookie = got->cookie;
	else if (got->vain && !f->cookie.len && f->exp < 2)
		f->exp = got->cookie.exp ? 2 : 1;
	if (c->tcp.fastopen & TCP_FO_LOST && c->tcp.state == TCP_SYN_SENT) {
		f->off_until_ns = e->r->now_ns + (OFF_NS << f->losses);
		f->losses += f->losses < OFF_DOUBLINGS;
	} else if (!(c->tcp.fastopen & TCP_FO_LOST) && !f->holes) {
		f->losses = 0;
		f->off_until_ns = 0;
	}
}

void fastopen_end(struct engine *e, uint32_t ref)
{
	struct conn *c = conn_at(e, ref);
	bool proved = tcp_fastopen_proved(&e->env, &c->tcp);

	if (c->tcp.events & TCP_EV_FASTOPEN)
		fastopen_learn(e, ref);
	if (proved && c->dst && e->r->now_ns >= dst_at(e, c->dst)->fastopen.off_until_ns)
		dst_at(e, c->dst)->fastopen.holes = 0;
}

void engine_fastopen_forget(struct engine *e)
{
	for (uint32_t ref = 1; ref <= e->r->dsts.fresh; ref++)
		memset(&dst_at(e, ref)->fastopen, 0, sizeof(struct dst_fastopen));
}
