// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * user.c - the application's calls: SEND, RECEIVE, CLOSE (RFC 9293 3.10.2 to 3.10.4), with and without copying.
 * They change state only; tcp_output makes the segments.
 */
#include "tcp/internal.h"

#define CORK_NS 200000000ull /* longest time a partial segment is held for XTCP_MORE */

size_t tcp_send_queued(const struct tcp_conn *c)
{
	return c->sndq.len;
}

size_t tcp_send_unsent(const struct tcp_conn *c)
{
	return tcp_unsent(c);
}

/* Why nothing can be sent: 0, or the errno of xtcp_send. */
static int send_error(struct tcp_conn *c)
{
	if (c->error)
		return -c->error;
	switch (c->state) {
	case TCP_ESTABLISHED:
	case TCP_CLOSE_WAIT: return c->flags & TCP_F_FIN_QUEUED ? -EPIPE : 0;
	case TCP_SYN_SENT:
	case TCP_SYN_RECEIVED:
		if (c->flags & TCP_F_FIN_QUEUED)
			return -EPIPE;
		return fastopen_may_send(c) ? 0 : -EAGAIN;
	default: return -EPIPE;
	}
}

int64_t tcp_reserve(struct tcp_env *env, struct tcp_conn *c, size_t want, struct tcp_span span[2])
{
	size_t space = tcp_send_space(c);
	uint32_t n;
	int err = send_error(c);

	span[0] = span[1] = (struct tcp_span){ 0 };
	if (err)
		return err;
	n = (uint32_t)(want < space ? want : space);
	if (!n && want) {
		c->flags |= TCP_F_WAS_FULL;
		return -EAGAIN;
	}
	if (!ring_reserve(env, &c->sndq, c->sndq.len, c->sndq.len + n, c->snd_hint)) {
		n = c->sndq.size - c->sndq.len; /* what the old block still holds */
		c->flags |= TCP_F_WAS_FULL;
		if (!n)
			return c->sndq.len ? -EAGAIN : -ENOMEM;
	}
	ring_spans(env, &c->sndq, c->sndq.len, n, span);
	return n;
}

/* What is queued is not to wait for more: PUSH (RFC 9293 3.9.1.2, MAY-15). */
void user_push(struct tcp_conn *c)
{
	c->flags &= ~(uint32_t)TCP_F_CORK;
	if (c->sndq.len)
		tcp_cold(c)->snd_psh = c->sndq_seq + c->sndq.len;
}

int tcp_commit(struct tcp_env *env, struct tcp_conn *c, size_t n, bool more, bool urgent)
{
	(void)env;
	if (n > (size_t)(c->sndq.size - c->sndq.len) || send_error(c))
		return -EINVAL;
	rate_check_app(c);
	c->sndq.len += (uint32_t)n;
	if (n)
		c->fastopen &= (uint8_t)~TCP_FO_HOLD;
	if (urgent && n) {
		c->snd_up = c->sndq_seq + c->sndq.len; /* MUST-62: the first non-urgent octet */
		c->flags |= TCP_F_URG_OUT;
	}
	if (more)
		c->flags |= TCP_F_CORK;
	else
		user_push(c);
	return 0;
}

int64_t tcp_send(struct tcp_env *env, struct tcp_conn *c, const void *buf, size_t len, bool more, bool urgent)
{
	const uint8_t *from = buf;
	struct tcp_span span[2];
	int64_t n = tcp_reserve(env, c, len, span);

	if (n <= 0)
		return n;
	for (int i = 0; i < 2 && span[i].len; i++) {
		memcpy((uint8_t *)(uintptr_t)span[i].data, from, span[i].len);
		from += span[i].len;
	}
	tcp_commit(env, c, (size_t)n, more, urgent && (size_t)n == len);
	return n;
}

int64_t tcp_peek(struct tcp_env *env, struct tcp_conn *c, struct tcp_span span[2])
{
	span[0] = span[1] = (struct tcp_span){ 0 };
	if (c->rcvq.len) {
		ring_spans(env, &c->rcvq, 0, c->rcvq.len, span);
		return c->rcvq.len;
	}
	if (c->flags & TCP_F_FIN_RCVD)
		return 0;
	if (c->error)
		return -c->error;
	if (c->state == TCP_CLOSED)
		return 0;
	return -EAGAIN;
}

/*
 * After reading: is the window worth telling (RFC 9293 3.8.6.2.2, MUST-39)? Not while plenty is still
 * announced: the next acknowledgement will carry it.
 */
static void window_update(const struct tcp_env *env, struct tcp_conn *c)
{
	uint32_t left = c->rcv_adv - c->rcv_nxt, wnd, max = recvq_window_max(c), more;

	if (left >= max / 2 && left >= 2u * c->rcv_mss)
		return;
	wnd = recvq_window(env, c);
	if (!tcp_can_receive(c) || wnd <= left)
		return;
	more = wnd - left;
	/* Only a SYN-ACK's so far, which has no scale: plenty, and an answer is due. */
	if (c->segs_out <= 1 && left >= 4u * c->rcv_mss)
		return;
	if (more < recvq_window_step(c)) /* announce() would not move it either: a mere duplicate ACK */
		return;
	if (more >= max / 4 || left < 2u * c->rcv_mss)
		c->flags |= TCP_F_ACK_NOW;
}

int tcp_consume(struct tcp_env *env, struct tcp_conn *c, size_t n)
{
	if (n > c->rcvq.len)
		return -EINVAL;
	if (!n)
		return 0;
	ring_drop(&c->rcvq, (uint32_t)n);
	if (!c->rcvq.len && !c->ooo_count)
		ring_release(env, &c->rcvq, &c->rcv_hint);
	if (c->flags & TCP_F_URG_IN && tcp_urgent_mark(c) < 0)
		c->flags &= ~(uint32_t)TCP_F_URG_IN;
	window_update(env, c);
	return 0;
}

int64_t tcp_recv(struct tcp_env *env, struct tcp_conn *c, void *buf, size_t len)
{
	struct tcp_span span[2];
	int64_t have = tcp_peek(env, c, span);
	size_t done = 0;

	if (have <= 0)
		return have;
	for (int i = 0; i < 2 && span[i].len && done < len; i++) {
		size_t n = len - done < span[i].len ? len - done : span[i].len;

		memcpy((uint8_t *)buf + done, span[i].data, n);
		done += n;
	}
	tcp_consume(env, c, done);
	return (int64_t)done;
}

/* RFC 6093: where the urgent data ends, in bytes from the next one to be read (MUST-33). */
int64_t tcp_urgent_mark(const struct tcp_conn *c)
{
	uint32_t next = c->rcv_nxt - c->rcvq.len - !!(c->flags & TCP_F_FIN_RCVD);

	return c->flags & TCP_F_URG_IN && seq_gt(c->rcv_up, next) ? (int64_t)(c->rcv_up - next) : -EINVAL;
}

int tcp_shutdown(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns)
{
	(void)env;
	(void)now_ns;
	if (c->flags & TCP_F_FIN_QUEUED)
		return 0;
	switch (c->state) {
	case TCP_ESTABLISHED: c->state = TCP_FIN_WAIT_1; break;
	case TCP_CLOSE_WAIT: c->state = TCP_LAST_ACK; break;
	case TCP_SYN_SENT:
	case TCP_SYN_RECEIVED: break; /* conn_established moves on to FIN-WAIT-1 */
	default: return -ENOTCONN;
	}
	c->flags |= TCP_F_FIN_QUEUED;
	user_push(c);
	c->fastopen &= (uint8_t)~TCP_FO_HOLD;
	c->fin_seq = c->sndq_seq + c->sndq.len;
	return 0;
}

void tcp_close(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns)
{
	bool unread = c->rcvq.len || c->ooo_count;

	c->flags |= TCP_F_ORPHAN;
	c->events = 0;
	recvq_free(env, c);
	if (c->state == TCP_SYN_SENT) {
		conn_done(env, c, 0);
		return;
	}
	if (c->state == TCP_TIME_WAIT || c->state == TCP_CLOSED)
		return;
	if (unread || c->linger_ms == 0) { /* the peer must learn that data was lost (SHLD-3, RFC 2525 2.17) */
		tcp_abort(env, c, ECONNABORTED);
		return;
	}
	tcp_shutdown(env, c, now_ns);
	c->misc_deadline = TCP_NEVER;
	if (c->state == TCP_FIN_WAIT_2) /* all of ours is acknowledged: nothing left to linger for */
		timer_fin_wait2_arm(env, c, now_ns);
	else if (c->linger_ms > 0)
		c->misc_deadline = now_ns + (uint64_t)c->linger_ms * 1000000ull;
}
