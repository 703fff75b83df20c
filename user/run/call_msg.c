// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * call_msg.c - what recvmsg() has beside data: the error queue, where MSG_ZEROCOPY's completions are told, and control messages (TCP_INQ,
 * SO_TIMESTAMP).
 *
 * With MSG_ZEROCOPY data is copied into the send buffer all the same, so each call is complete when it returns, and says so:
 * SO_EE_CODE_ZEROCOPY_COPIED is the kernel's word for it. Calls are numbered; a message tells a range of them.
 */
#include <errno.h>
#include <string.h>
#include <netinet/in.h>
#include <time.h>
#include <linux/errqueue.h>
#include <linux/tcp.h>

#include "run/call_msg.h"
#include "run/guard.h"
#include "engine/engine.h"
#include "io/clock.h"

/* ---- control messages ---- */

/* Room of the caller's, and how far it is filled. */
struct control {
	struct msghdr *msg;
	size_t used, room;
};

static void put(struct control *c, int level, int type, const void *data, size_t len)
{
	struct cmsghdr h = { .cmsg_len = CMSG_LEN(len), .cmsg_level = level, .cmsg_type = type };
	size_t left = c->room - c->used;

	if (!c->msg->msg_control || left < sizeof(h)) {
		c->msg->msg_flags |= MSG_CTRUNC;
		return;
	}
	if (!guard_write((uint8_t *)c->msg->msg_control + c->used, left < h.cmsg_len ? left : h.cmsg_len)) {
		c->msg->msg_flags |= MSG_CTRUNC;
		return;
	}
	if (left < h.cmsg_len) {
		h.cmsg_len = left;
		c->msg->msg_flags |= MSG_CTRUNC;
	}
	memcpy((uint8_t *)c->msg->msg_control + c->used, &h, sizeof(h));
	memcpy((uint8_t *)c->msg->msg_control + c->used + sizeof(h), data, h.cmsg_len - sizeof(h));
	c->used += CMSG_SPACE(len) < left ? CMSG_SPACE(len) : left;
}

/* When the last segment with data came, by the clock on the wall. */
static void put_stamp(struct control *c, const struct run_sock *s)
{
	struct xtcp_info i;
	struct timespec ts;
	struct timeval tv;
	uint64_t ns;

	memset(&i, 0, sizeof(i));
	if (xtcp_get_info(local_here->x, s->handle, sizeof(i), &i) < 0)
		return;
	clock_gettime(CLOCK_REALTIME, &ts);
	ns = (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec - i.last_data_recv_ns;
	ts = (struct timespec){ .tv_sec = (time_t)(ns / 1000000000ull), .tv_nsec = (long)(ns % 1000000000ull) };
	tv = (struct timeval){ .tv_sec = ts.tv_sec, .tv_usec = ts.tv_nsec / 1000 };
	if (s->stamps == CALL_STAMP_NS)
		put(c, SOL_SOCKET, SO_TIMESTAMPNS, &ts, sizeof(ts));
	else
		put(c, SOL_SOCKET, SO_TIMESTAMP, &tv, sizeof(tv));
}

static void put_queued(struct control *c, const struct run_sock *s)
{
	const struct tcp_conn *conn = s->handle ? engine_conn(api_engine(local_here->x), s->handle) : NULL;
	int n = conn ? (int)conn->rcvq.len : 0;

	if (!n && (!conn || conn->flags & TCP_F_FIN_RCVD))
		n = 1; /* read on: the end is there */
	put(c, IPPROTO_TCP, TCP_CM_INQ, &n, sizeof(n));
}

void call_msg_received(int fd, struct msghdr *msg, ssize_t n, int flags)
{
	uint32_t ref = local_sock(fd);
	struct control c = { .msg = msg, .room = msg->msg_controllen };
	int err = errno;

	msg->msg_namelen = 0;
	msg->msg_flags = flags & MSG_OOB;
	if (ref && (local_at(ref)->stamps || local_at(ref)->inq) && local_lock(ref)) {
		if (local_at(ref)->stamps && n > 0)
			put_stamp(&c, local_at(ref));
		if (local_at(ref)->inq)
			put_queued(&c, local_at(ref));
		local_unlock();
	}
	msg->msg_controllen = c.used;
	errno = err;
}

/* ---- the error queue ---- */

void call_msg_copied(uint32_t ref)
{
	struct run_sock *s = local_at(ref);

	if (!s->zerocopy)
		return;
	s->zc_next++;
	run_notify(local_here, local_ref(ref), POLLERR);
}

/* Completions from *lo to *hi, which are told by that. */
static bool take(uint32_t ref, uint32_t *lo, uint32_t *hi)
{
	struct run_sock *s = local_at(ref);

	if (s->zc_told == s->zc_next)
		return false;
	*lo = s->zc_told;
	*hi = s->zc_next - 1;
	s->zc_told = s->zc_next;
	return true;
}

static void put_range(struct msghdr *msg, bool v6, uint32_t lo, uint32_t hi)
{
	struct {
		struct sock_extended_err ee;
		struct sockaddr_in6 offender;
	} e;
	struct control c = { .msg = msg, .room = msg->msg_controllen };

	memset(&e, 0, sizeof(e));
	e.ee.ee_origin = SO_EE_ORIGIN_ZEROCOPY;
	e.ee.ee_code = SO_EE_CODE_ZEROCOPY_COPIED;
	e.ee.ee_info = lo;
	e.ee.ee_data = hi;
	if (v6)
		put(&c, IPPROTO_IPV6, IPV6_RECVERR, &e, sizeof(e.ee) + sizeof(struct sockaddr_in6));
	else
		put(&c, IPPROTO_IP, IP_RECVERR, &e, sizeof(e.ee) + sizeof(struct sockaddr_in));
	msg->msg_controllen = c.used;
}

ssize_t call_msg_errors(int fd, struct msghdr *msg)
{
	uint32_t ref = local_sock(fd), lo = 0, hi = 0;
	bool any, v6;

	if (!local_lock_on(fd, ref))
		return -1;
	any = take(ref, &lo, &hi);
	v6 = local_at(ref)->v6;
	local_unlock();
	if (!any)
		return call_error(EAGAIN);
	if (msg) {
		msg->msg_namelen = 0;
		msg->msg_flags = MSG_ERRQUEUE;
		put_range(msg, v6, lo, hi);
	}
	return 0;
}
