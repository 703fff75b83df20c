// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * ao.c - the TCP Authentication Option (RFC 5925): a connection's traffic keys, sequence number extensions and change of keys;
 * segments signed and checked.
 *
 * With a key for a peer its connections are signed from the SYN to the last RST, TIME-WAIT included. A connection keeps for its
 * life whether it is signed. What does not come signed as it must be is dropped before anybody looks at it (7.5).
 *
 * Traffic keys (5.2): of a SYN that of the sender's ISN and 0; of a SYN-ACK and all else that of both ISNs. So a connection has
 * two for each master key, computed once (ao_pair). Those of segments for which there is no connection are computed as they come:
 * SYNs, and SYN-ACKs, which tell both ISNs. For no other segment are the ISNs known (7.7): it is dropped, and not answered.
 *
 * The RST that refuses a SYN is signed with the key of the ISNs 0 and the SYN's, as ours is not coordinated (3.2).
 */
#include "engine/private.h"

#include <errno.h>

#define OPT_EOL 0
#define OPT_NOP 1
#define OPT_MD5 19

/* ---- keys of a connection ---- */

static struct ao_ends ends_of(const struct tcp_conn *c)
{
	return (struct ao_ends){ .laddr = &c->laddr, .raddr = &c->raddr, .lport = c->lport, .rport = c->rport };
}

static struct ao_ends ends_in(const struct rx_item *it)
{
	return (struct ao_ends){
		.laddr = &it->ip.daddr, .raddr = &it->ip.saddr, .lport = it->tcp.dport, .rport = it->tcp.sport
	};
}

static void derive_snd(const struct ao_mkt *m, const struct ao_ends *ends, uint32_t sisn, uint32_t disn, uint8_t *out)
{
	struct ao_context c = { .src = ends->laddr,
				.dst = ends->raddr,
				.sport = ends->lport,
				.dport = ends->rport,
				.sisn = sisn,
				.disn = disn };

	ao_derive((enum ao_alg)m->alg, m->key, m->len, &c, out);
}

static void derive_rcv(const struct ao_mkt *m, const struct ao_ends *ends, uint32_t sisn, uint32_t disn, uint8_t *out)
{
	struct ao_context c = { .src = ends->raddr,
				.dst = ends->laddr,
				.sport = ends->rport,
				.dport = ends->lport,
				.sisn = sisn,
				.disn = disn };

	ao_derive((enum ao_alg)m->alg, m->key, m->len, &c, out);
}

static void pair_derive(const struct ao_conn *ao, const struct ao_ends *ends, const struct ao_mkt *m, struct ao_pair *p)
{
	derive_snd(m, ends, ao->iss, ao->irs, p->snd); /* irs is 0 as long as it is not known */
	if (ao->synced)
		derive_rcv(m, ends, ao->irs, ao->iss, p->rcv);
}

static struct ao_pair *pair_new(struct ao_conn *ao, const struct ao_ends *ends, const struct ao_mkt *m)
{
	struct ao_pair *p = NULL;

	for (uint32_t i = 0; i < AO_PAIRS && !p; i++)
		if (!ao->pair[i].used)
			p = &ao->pair[i];
	while (!p) {
		ao->victim = (ao->victim + 1) % AO_PAIRS;
		if (ao->victim != ao->current && ao->victim != ao->rnext)
			p = &ao->pair[ao->victim];
	}
	*p = (struct ao_pair){
		.used = 1, .send_id = m->send_id, .recv_id = m->recv_id, .alg = m->alg, .flags = m->flags
	};
	pair_derive(ao, ends, m, p);
	return p;
}

/* The key of these IDs, as this connection uses it, or NULL. */
static struct ao_pair *pair_find(const struct engine *e, struct ao_conn *ao, const struct ao_ends *ends, int send_id,
				 int recv_id)
{
	const struct ao_mkt *m;

	for (uint32_t i = 0; i < AO_PAIRS; i++) {
		struct ao_pair *p = &ao->pair[i];

		if (p->used && (send_id == AO_ANY || p->send_id == send_id) &&
		    (recv_id == AO_ANY || p->recv_id == recv_id))
			return p;
	}
	m = ao_mkt_find(e, ends, send_id, recv_id);
	return m ? pair_new(ao, ends, m) : NULL;
}

static uint8_t index_of(const struct ao_conn *ao, const struct ao_pair *p)
{
	return (uint8_t)(p - ao->pair);
}

/* What the core has done since: the peer's ISN may be known, sequence numbers have gone on. */
static struct ao_conn *follow(const struct engine *e, uint32_t ref)
{
	const struct tcp_conn *c = &conn_at(e, ref)->tcp;
	struct ao_conn *ao = &e->aos[ref - 1];

	/* Both numbers are 0 until a SYN was accepted, and not then. */
	if (unlikely(!ao->synced && (c->irs || c->rcv_nxt))) {
		struct ao_ends ends = ends_of(c);

		ao->synced = true;
		ao->irs = ao->rcv_ref = c->irs;
		for (uint32_t i = 0; i < AO_PAIRS; i++) {
			struct ao_pair *p = &ao->pair[i];
			const struct ao_mkt *m = p->used ? ao_mkt_find(e, &ends, p->send_id, p->recv_id) : NULL;

			if (m)
				pair_derive(ao, &ends, m, p);
		}
	}
	ao_advance(&ao->snd_ref, &ao->snd_sne, c->snd_nxt);
	if (ao->synced)
		ao_advance(&ao->rcv_ref, &ao->rcv_sne, c->rcv_nxt);
	return ao;
}

void ao_open(struct engine *e, uint32_t ref)
{
	const struct tcp_conn *c = &conn_at(e, ref)->tcp;
	struct ao_conn *ao = &e->aos[ref - 1];
	struct ao_ends ends = ends_of(c);
	struct ao_pair *p;

	memset(ao, 0, sizeof(*ao));
	ao->iss = ao->snd_ref = c->iss;
	follow(e, ref);
	p = pair_find(e, ao, &ends, ao_mkt_find(e, &ends, AO_ANY, AO_ANY)->send_id, AO_ANY);
	ao->current = ao->rnext = index_of(ao, p);
	if (c->state != TCP_SYN_RECEIVED || !e->ao_mkt)
		return;
	ao->heard = true;
	ao->got_key_id = e->ao_mkt->recv_id;
	ao->got_rnext_id = e->ao_rnext_id;
	p = pair_find(e, ao, &ends, e->ao_rnext_id,
		      AO_ANY); /* what the peer asks for, if we have it; else what it uses */
	if (!p)
		p = pair_find(e, ao, &ends, e->ao_mkt->send_id, AO_ANY);
	ao->current = index_of(ao, p);
}

void ao_time_wait(struct engine *e, uint32_t conn, uint32_t tw)
{
	e->aos[e->r->conns.cap + tw - 1] = *follow(e, conn);
}

/* The parameters of a connection or a TIME-WAIT entry that is signed with TCP-AO, else NULL. */
static struct ao_conn *params(const struct engine *e, uint32_t ref)
{
	uint32_t tw = ref & ~DEMUX_TW;

	if (!ref)
		return NULL;
	if (ref & DEMUX_TW)
		return tw_at(e, tw)->ao ? &e->aos[e->r->conns.cap + tw - 1] : NULL;
	return conn_at(e, ref)->tcp.sig_bytes == AO_OPTION_BYTES ? follow(e, ref) : NULL;
}

/* ---- segments sent ---- */

static void sign_with(const struct ao_conn *ao, uint32_t seq, struct ao_sign *s)
{
	const struct ao_pair *p = &ao->pair[ao->current];

	*s = (struct ao_sign){ .traffic = p->snd,
			       .sne = ao_sne(ao->snd_ref, ao->snd_sne, seq),
			       .alg = p->alg,
			       .flags = p->flags,
			       .key_id = p->send_id,
			       .rnext_id = ao->pair[ao->rnext].recv_id };
}

void ao_sign_conn(struct engine *e, uint32_t ref, const struct tcp_seg *seg, struct ao_sign *s)
{
	sign_with(follow(e, ref), seg->seq, s);
}

/* To a SYN or SYN-ACK that e->ao_mkt has accepted: of nobody, or (ao) of a connection that waits for a SYN. */
static void sign_stray(struct engine *e, const struct ao_conn *ao, const struct rx_item *it, const struct tcp_seg *seg,
		       struct ao_sign *s)
{
	struct ao_ends ends = ends_in(it);
	const struct ao_mkt *m = ao_mkt_find(e, &ends, e->ao_rnext_id, AO_ANY);
	uint32_t sisn = ao ? ao->iss : it->tcp.flags & TCP_ACK ? it->tcp.ack - 1 : 0;

	if (!m)
		m = e->ao_mkt;
	derive_snd(m, &ends, sisn, it->tcp.seq, e->ao_traffic);
	*s = (struct ao_sign){ .traffic = e->ao_traffic,
			       .sne = ao_sne(sisn, 0, seg->seq),
			       .alg = m->alg,
			       .flags = m->flags,
			       .key_id = m->send_id,
			       .rnext_id = e->ao_mkt->recv_id };
}

enum ao_verdict ao_sign_reply(struct engine *e, const struct rx_item *it, const struct tcp_seg *seg, struct ao_sign *s)
{
	const struct ao_conn *ao = params(e, it->ref);

	if (ao && ao->synced)
		sign_with(ao, seg->seq, s);
	else if (e->ao_mkt)
		sign_stray(e, ao, it, seg, s);
	else
		return ao ? AO_BAD : AO_NOT;
	return AO_GOOD;
}

void ao_put(const struct ao_sign *s, const struct frame_to *to, const struct tcp_seg *seg, uint8_t *tcp,
	    uint32_t l4_len)
{
	uint8_t *opt = tcp + 20 + seg->opt_len;
	struct ao_text t = {
		.src = to->laddr, .dst = to->raddr, .tcp = tcp, .option = opt, .l4_len = l4_len, .seg = seg
	};

	opt[0] = AO_KIND;
	opt[1] = AO_OPTION_BYTES;
	opt[2] = s->key_id;
	opt[3] = s->rnext_id;
	ao_mac(s, &t, opt + 4);
}

/* ---- segments received ---- */

struct found { /* among the options */
	const uint8_t *ao;
	uint32_t aos, md5s;
};

static struct found find_options(const uint8_t *p, uint32_t len)
{
	struct found f = { .aos = 0 };
	uint32_t i = 0;

	while (i < len && p[i] != OPT_EOL) {
		if (p[i] == OPT_NOP) {
			i++;
			continue;
		}
		if (i + 1 >= len || p[i + 1] < 2 || p[i + 1] > len - i)
			break;
		if (p[i] == AO_KIND) {
			f.ao = p + i;
			f.aos++;
		}
		f.md5s += p[i] == OPT_MD5;
		i += p[i + 1];
	}
	return f;
}

/* A segment on its way through the checks. */
struct inbound {
	const struct rx_item *it;
	const struct tcp_seg *seg;
	struct ao_ends ends;
	const uint8_t *tcp, *opt;
};

static bool mac_right(struct engine *e, const struct inbound *in, const struct ao_sign *s)
{
	struct ao_text t = { .src = in->ends.raddr,
			     .dst = in->ends.laddr,
			     .tcp = in->tcp,
			     .option = in->opt,
			     .l4_len = in->it->ip.l4_len,
			     .seg = in->seg };
	uint8_t want[AO_MAC_BYTES], differ = 0;

	ao_mac(s, &t, want);
	for (int i = 0; i < AO_MAC_BYTES; i++)
		differ |= want[i] ^ in->opt[4 + i];
	if (differ)
		count(e, in_ao_wrong);
	return !differ;
}

/* The ISNs of the segment's traffic key, if it tells them itself. ao: of a connection that waits for a SYN, or NULL. */
static bool isns(const struct tcp_seg *seg, const struct ao_conn *ao, uint32_t *sisn, uint32_t *disn)
{
	*sisn = seg->seq;
	*disn = ao ? ao->iss : seg->ack - 1;
	if (seg->flags & TCP_SYN) {
		if (!(seg->flags & TCP_ACK))
			*disn = 0;
		return true;
	}
	*sisn = 0;
	return ao && seg->flags & TCP_RST;
}

/* No connection's own keys fit, or there is none. */
static bool accept_stray(struct engine *e, const struct inbound *in, const struct ao_conn *ao)
{
	const struct ao_mkt *m = ao_mkt_find(e, &in->ends, AO_ANY, in->opt[2]);
	struct ao_sign s = { .traffic = e->ao_traffic };
	uint32_t sisn, disn;

	if (!m) {
		count(e, in_ao_key_unknown);
		return false;
	}
	if (!isns(in->seg, ao, &sisn, &disn)) {
		count(e, in_ao_no_isn);
		return false;
	}
	derive_rcv(m, &in->ends, sisn, disn, e->ao_traffic);
	s.alg = m->alg;
	s.flags = m->flags;
	if (!mac_right(e, in, &s))
		return false;
	e->ao_mkt = m;
	e->ao_rnext_id = in->opt[3];
	return true;
}

/* By the connection's keys for both ISNs. */
static bool accept_synced(struct engine *e, const struct inbound *in, struct ao_conn *ao)
{
	const struct ao_pair *p = pair_find(e, ao, &in->ends, AO_ANY, in->opt[2]);
	struct ao_sign s;

	if (!p) {
		count(e, in_ao_key_unknown);
		return false;
	}
	s = (struct ao_sign){ .traffic = p->rcv,
			      .sne = ao_sne(ao->rcv_ref, ao->rcv_sne, in->seg->seq),
			      .alg = p->alg,
			      .flags = p->flags };
	return mac_right(e, in, &s);
}

/* A copy of an old segment, which says what once was, does not change the key. */
static bool is_news(const struct tcp_conn *c, const struct tcp_seg *seg)
{
	if (c->state == TCP_SYN_SENT)
		return true;
	return seq_geq(seg->seq + tcp_seg_len(seg), c->rcv_nxt) &&
	       !(seg->flags & TCP_ACK && seq_lt(seg->ack, c->snd_una));
}

/* 7.5.2.e: the peer asks for another key. */
static void heed_rnext(struct engine *e, const struct inbound *in, const struct tcp_conn *c, struct ao_conn *ao)
{
	uint8_t want = in->opt[3];
	const struct ao_pair *p;

	if (!is_news(c, in->seg))
		return;
	ao->heard = true;
	ao->got_key_id = in->opt[2];
	ao->got_rnext_id = want;
	if (likely(ao->pair[ao->current].send_id == want))
		return;
	p = pair_find(e, ao, &in->ends, want, AO_ANY);
	if (!p)
		return;
	ao->current = index_of(ao, p);
	count(e, ao_rollovers);
}

static bool accepts(struct engine *e, const struct inbound *in, const struct found *f, struct ao_conn *ao, uint32_t ref)
{
	bool bare_syn = (in->seg->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
	bool good;

	if (!f->aos) {
		count(e, in_ao_missing);
		return false;
	}
	if (f->ao[1] != AO_OPTION_BYTES) {
		count(e, in_ao_malformed);
		return false;
	}
	if (ao && ao->synced && !bare_syn)
		good = accept_synced(e, in, ao);
	else
		good = accept_stray(e, in, ao);
	if (good && ao && !(ref & DEMUX_TW) && !(bare_syn && ao->synced))
		heed_rnext(e, in, &conn_at(e, ref)->tcp, ao);
	return good;
}

/* There is no key: ignored, or not, as configured (7.3). */
static enum ao_verdict without_key(struct engine *e, const struct found *f)
{
	if (!f->aos)
		return AO_NOT;
	if (e->r->ao_strict) {
		count(e, in_ao_unexpected);
		return AO_BAD;
	}
	count(e, in_ao_ignored);
	return AO_NOT;
}

enum ao_verdict ao_check(struct engine *e, const struct io_pkt *pkt, const struct rx_item *it,
			 const struct tcp_seg *seg, uint32_t ref)
{
	struct inbound in = { .it = it, .seg = seg, .ends = ends_in(it), .tcp = pkt->frag[0].data + it->ip.l4_off };
	struct found f = find_options(in.tcp + 20, seg->opt_len);
	struct ao_conn *ao;

	e->ao_mkt = NULL;
	in.opt = f.ao;
	if (f.aos && f.md5s) {
		count(e, in_ao_md5_both);
		return AO_BAD;
	}
	if (f.aos > 1) {
		count(e, in_ao_malformed);
		return AO_BAD;
	}
	if (ref & DEMUX_TW && (seg->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		ref = 0; /* it may open a new connection, and is judged as if it did */
	ao = params(e, ref);
	if (!ao && (ref || !ao_mkt_find(e, &in.ends, AO_ANY, AO_ANY)))
		return without_key(e, &f);
	return accepts(e, &in, &f, ao, ref) ? AO_GOOD : AO_BAD;
}

bool ao_ignores_icmp(const struct engine *e, uint32_t ref, int type)
{
	const struct tcp_conn *c = &conn_at(e, ref)->tcp;
	const struct ao_conn *ao = &e->aos[ref - 1];

	if (likely(c->sig_bytes != AO_OPTION_BYTES) || c->state < TCP_ESTABLISHED)
		return false;
	if (ao->pair[ao->current].flags & AO_F_ICMP)
		return false;
	return type == TCP_ICMP_PROTO_UNREACH || type == TCP_ICMP_PORT_UNREACH || type == TCP_ICMP_PROHIBITED ||
	       (type == TCP_ICMP_TOO_BIG && !(c->flags & TCP_F_V6));
}

/* ---- the application's side ---- */

const struct ao_conn *engine_ao_conn(struct engine *e, uint64_t handle)
{
	uint32_t ref = conn_of_handle(e, handle);

	return ref ? params(e, ref) : NULL;
}

int engine_ao_select(struct engine *e, uint64_t handle, int send_id, int recv_id)
{
	uint32_t ref = conn_of_handle(e, handle);
	const struct ao_pair *send, *recv;
	struct ao_ends ends;
	struct ao_conn *ao;

	if (!ref)
		return -EBADF;
	ao = params(e, ref);
	if (!ao)
		return -EOPNOTSUPP;
	ends = ends_of(&conn_at(e, ref)->tcp);
	if ((send_id != AO_ANY && !ao_mkt_find(e, &ends, send_id, AO_ANY)) ||
	    (recv_id != AO_ANY && !ao_mkt_find(e, &ends, AO_ANY, recv_id)))
		return -ENOENT;
	send = send_id == AO_ANY ? &ao->pair[ao->current] : pair_find(e, ao, &ends, send_id, AO_ANY);
	ao->current = index_of(ao, send);
	recv = recv_id == AO_ANY ? &ao->pair[ao->rnext] : pair_find(e, ao, &ends, AO_ANY, recv_id);
	ao->rnext = index_of(ao, recv);
	return 0;
}

const char *ao_check_conn(const struct engine *e, uint32_t ref)
{
	const struct ao_conn *ao = &e->aos[ref - 1];

	if (conn_at(e, ref)->tcp.sig_bytes != AO_OPTION_BYTES || conn_at(e, ref)->tcp.state == TCP_CLOSED)
		return NULL;
	if (ao->current >= AO_PAIRS || ao->rnext >= AO_PAIRS || !ao->pair[ao->current].used ||
	    !ao->pair[ao->rnext].used)
		return "conn: signed with TCP-AO, but without a key";
	return NULL;
}
