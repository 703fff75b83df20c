// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * errq.c - the error queue of a socket: what became of data that was sent with SO_TIMESTAMPING or MSG_ZEROCOPY. A note is kept
 * of where each such send ends in the stream; after every turn of the engine it is compared with how far the connection has
 * sent and with what has been acknowledged. This stack copies what it is given, and says so (SO_EE_CODE_ZEROCOPY_COPIED).
 */
#include <errno.h>
#include <time.h> /* before linux/errqueue.h */
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <linux/tcp.h> /* after it no netinet/tcp.h */
#include <netinet/in.h>
#include "pd.h"

static struct pd_notice *add(struct pd *p, struct pd_sock *s)
{
	struct pd_notice *n = &s->notice[s->notices];

	if (s->notices == PD_NOTES)
		return NULL;
	s->notices++;
	memset(n, 0, sizeof(*n));
	n->at_ns = p->now_ns;
	s->woken |= EPOLLERR;
	return n;
}

static void stamp(struct pd *p, struct pd_sock *s, uint32_t what, uint32_t key)
{
	struct pd_notice *n = add(p, s);

	if (!n)
		return;
	n->origin = SO_EE_ORIGIN_TIMESTAMPING;
	n->info = what;
	n->data = key;
}

/* Consecutive ones make one range. */
static void zerocopied(struct pd *p, struct pd_sock *s, uint32_t id)
{
	struct pd_notice *n = s->notices ? &s->notice[s->notices - 1] : NULL;

	if (n && n->origin == SO_EE_ORIGIN_ZEROCOPY && n->data + 1 == id) {
		n->data = id;
		s->woken |= EPOLLERR;
		return;
	}
	n = add(p, s);
	if (!n)
		return;
	n->origin = SO_EE_ORIGIN_ZEROCOPY;
	n->info = n->data = id;
}

/* True: nothing more will come of it. */
static bool follow(struct pd *p, struct pd_sock *s, const struct tcp_conn *c, struct pd_note *n)
{
	bool sent = (int32_t)(c->snd_nxt - n->end) >= 0, acked = (int32_t)(c->snd_una - n->end) >= 0;

	if (sent && n->stamps & SOF_TIMESTAMPING_TX_SCHED)
		stamp(p, s, SCM_TSTAMP_SCHED, n->key);
	if (sent && n->stamps & SOF_TIMESTAMPING_TX_SOFTWARE)
		stamp(p, s, SCM_TSTAMP_SND, n->key);
	if (sent)
		n->stamps &= SOF_TIMESTAMPING_TX_ACK;
	if (!acked && c->state != TCP_CLOSED)
		return false;
	if (acked && n->stamps & SOF_TIMESTAMPING_TX_ACK)
		stamp(p, s, SCM_TSTAMP_ACK, n->key);
	if (n->zerocopy)
		zerocopied(p, s, n->id);
	return true;
}

void pd_notes(struct pd *p)
{
	for (int i = 0; i < PD_SOCKS; i++) {
		struct pd_sock *s = &p->sock[i];
		const struct tcp_conn *c = s->notes && s->kind == PD_CONN ? engine_conn(p->e, s->handle) : NULL;
		uint32_t kept = 0;

		for (uint32_t k = 0; c && k < s->notes; k++)
			if (!follow(p, s, c, &s->note[k]))
				s->note[kept++] = s->note[k];
		s->notes = c ? kept : s->notes;
	}
}

void pd_note_sent(struct pd *p, struct pd_sock *s, size_t bytes, int flags)
{
	const struct tcp_conn *c = engine_conn(p->e, s->handle);
	struct pd_note n = { .zerocopy = false };
	int on = 0, stamps = 0;

	if (!c || !bytes)
		return;
	pd_opt(s, SOL_SOCKET, SO_TIMESTAMPING, &stamps);
	s->written += (uint32_t)bytes;
	if (stamps & SOF_TIMESTAMPING_SOFTWARE)
		n.stamps = (uint32_t)stamps &
			   (SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_TX_ACK);
	if (flags & MSG_ZEROCOPY && pd_opt(s, SOL_SOCKET, SO_ZEROCOPY, &on) && on) {
		n.zerocopy = true;
		n.id = s->zerocopies++;
	}
	if ((!n.stamps && !n.zerocopy) || s->notes == PD_NOTES)
		return;
	n.end = c->sndq_seq + c->sndq.len;
	n.key = stamps & SOF_TIMESTAMPING_OPT_ID ? s->written - 1 : 0;
	s->note[s->notes++] = n;
}

void pd_stamps_set(struct pd_sock *s, int now, int before)
{
	if (now & SOF_TIMESTAMPING_OPT_ID && !(before & SOF_TIMESTAMPING_OPT_ID))
		s->written = 0;
}

static size_t put(struct msghdr *msg, size_t at, int level, int type, const void *data, size_t len)
{
	struct cmsghdr *h = (struct cmsghdr *)((uint8_t *)msg->msg_control + at);

	if (at + CMSG_SPACE(len) > msg->msg_controllen)
		return at;
	h->cmsg_level = level;
	h->cmsg_type = type;
	h->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(h), data, len);
	return at + CMSG_SPACE(len);
}

size_t pd_put_int(struct msghdr *msg, size_t at, int level, int type, int v)
{
	return put(msg, at, level, type, &v, sizeof(v));
}

long pd_errqueue(struct pd_sock *s, struct msghdr *msg)
{
	struct {
		struct sock_extended_err e;
		struct sockaddr_in6 from;
	} err = { 0 };
	bool v6 = s->domain == AF_INET6;
	struct pd_notice n = s->notice[0];
	size_t at = 0;

	if (!s->notices)
		return -EAGAIN;
	memmove(s->notice, s->notice + 1, --s->notices * sizeof(n));
	msg->msg_flags = MSG_ERRQUEUE;
	if (n.origin == SO_EE_ORIGIN_TIMESTAMPING) {
		struct scm_timestamping t = { .ts[0] = { (time_t)(n.at_ns / 1000000000),
							 (long)(n.at_ns % 1000000000) } };

		at = put(msg, at, SOL_SOCKET, SCM_TIMESTAMPING, &t, sizeof(t));
		err.e.ee_errno = ENOMSG;
		msg->msg_flags |= MSG_TRUNC; /* Linux hands up the packet as well */
	} else {
		err.e.ee_code = SO_EE_CODE_ZEROCOPY_COPIED;
	}
	err.e.ee_origin = n.origin;
	err.e.ee_info = n.info;
	err.e.ee_data = n.data;
	msg->msg_controllen = put(msg, at, v6 ? SOL_IPV6 : SOL_IP, v6 ? IPV6_RECVERR : IP_RECVERR, &err,
				  sizeof(err.e) + (v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in)));
	return 0;
}
