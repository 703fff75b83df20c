// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fastopen.c - TCP Fast Open (RFC 7413), the part of it that belongs to one connection: text that goes with
 * a SYN, and the option. Who has which cookie, and whom to believe, is the engine's (user/engine/fastopen.c).
 *
 * Active (4.2.1): the first SYN alone carries cookie and text. It has two records, so that a SYN-ACK which does not
 * acknowledge the text leaves the second, which then goes again. A SYN that is sent again is an ordinary one.
 *
 * Passive (4.2.2): with TCP_FO_ACCEPTED text is taken and sent in SYN-RECEIVED; the SYN-ACK, first or again,
 * acknowledges what was taken.
 */
#include "tcp/internal.h"

/* mss: what the peer announced last time; 0: unknown. */
static void prepare_text(struct tcp_conn *c, uint16_t mss)
{
	if (!tcp_send_queued(c))
		c->fastopen |= TCP_FO_HOLD;
	if (mss) { /* RFC 7413 4.1.3 */
		c->peer_mss = mss < TCP_MSS_FLOOR ? TCP_MSS_FLOOR : mss;
		conn_update_mss(c);
	}
}

void tcp_fastopen_connect(struct tcp_conn *c, const struct tcp_cookie *cookie, uint16_t mss)
{
	if (c->state != TCP_SYN_SENT || c->snd_nxt != c->iss)
		return;
	c->fastopen = TCP_FO_ACTIVE;
	c->events |= TCP_EV_WRITABLE;
	if (!cookie)
		return;
	c->fastopen |= TCP_FO_OPTION;
	tcp_cold(c)->fastopen.cookie = *cookie;
	if (cookie->len)
		prepare_text(c, mss);
}

void tcp_fastopen_bare(struct tcp_conn *c, uint16_t mss)
{
	if (c->state != TCP_SYN_SENT || c->snd_nxt != c->iss)
		return;
	c->fastopen = TCP_FO_ACTIVE;
	c->events |= TCP_EV_WRITABLE;
	tcp_cold(c)->fastopen.bare = true;
	prepare_text(c, mss);
}

void tcp_fastopen_offer(struct tcp_conn *c, const struct tcp_cookie *cookie)
{
	tcp_cold(c)->fastopen.cookie = *cookie;
	c->fastopen |= TCP_FO_OPTION;
}

void tcp_fastopen_accept(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *syn, uint64_t now_ns)
{
	c->fastopen |= TCP_FO_ACCEPTED;
	c->cwnd = tcp_initial_window(c->mss) + 1; /* of the MSS that the SYN has told, beside our own SYN */
	c->snd_wnd++;				  /* whose number takes nothing of the peer's buffer either */
	tcp_count(env, fastopen_passive);
	tcp_cold(c)->fastopen.taken = syn->len;
	input_syn_payload(env, c, syn, now_ns);
	delack_sent(c); /* the SYN-ACK that is owed acknowledges it */
}

/* ---- our SYN ---- */

static bool has_cookie(const struct tcp_conn *c)
{
	return c->fastopen & TCP_FO_OPTION && tcp_cold_peek(c)->fastopen.cookie.len;
}

uint32_t fastopen_text(const struct tcp_conn *c)
{
	if (c->state != TCP_SYN_SENT || c->mss <= TCP_OPT_MAX || !(has_cookie(c) || tcp_cold_peek(c)->fastopen.bare))
		return 0;
	return min_u32(c->sndq.len, c->mss - TCP_OPT_MAX);
}

uint32_t fastopen_option_len(const struct tcp_conn *c)
{
	const struct tcp_cookie *k = &tcp_cold_peek(c)->fastopen.cookie;

	if (!(c->fastopen & TCP_FO_OPTION))
		return 0;
	return ((k->exp ? 4u : 2u) + k->len + 3u) & ~3u;
}

uint8_t *fastopen_option_put(uint8_t *p, const struct tcp_conn *c)
{
	const struct tcp_cookie *k = &tcp_cold_peek(c)->fastopen.cookie;
	uint8_t *end = p + fastopen_option_len(c);

	if (!(c->fastopen & TCP_FO_OPTION))
		return p;
	*p++ = k->exp ? OPT_EXP : OPT_FASTOPEN;
	*p++ = (uint8_t)((k->exp ? 4 : 2) + k->len);
	if (k->exp) {
		*p++ = OPT_EXP_FASTOPEN >> 8;
		*p++ = OPT_EXP_FASTOPEN & 255;
	}
	memcpy(p, k->b, k->len);
	for (p += k->len; p < end;)
		*p++ = OPT_NOP;
	return p;
}

void fastopen_syn_sent(struct tcp_env *env, struct tcp_conn *c, uint32_t text)
{
	struct tcp_account *a = &tcp_cold(c)->account;

	if (c->fastopen & TCP_FO_OPTION)
		c->fastopen |= TCP_FO_ASKED;
	if (!text)
		return;
	c->fastopen |= TCP_FO_TEXT;
	tcp_cold(c)->fastopen.text = (uint16_t)text;
	a->bytes_sent += text;
	a->data_segs_out++;
	tcp_count_n(env, out_bytes, text);
	tcp_count(env, fastopen_active);
}

void fastopen_syn_again(struct tcp_env *env, struct tcp_conn *c)
{
	c->fastopen &= (uint8_t)~TCP_FO_OPTION;
	if (c->state != TCP_SYN_SENT || c->fastopen & TCP_FO_LOST)
		return;
	if (!(c->fastopen & TCP_FO_TEXT) && recs_at(env, c, 0)->rtx < 2) /* it may have been the network's own loss */
		return;
	c->fastopen |= TCP_FO_LOST;
	tcp_count(env, fastopen_black_holes);
	c->events |= TCP_EV_FASTOPEN;
}

/* ---- its answer ---- */

void fastopen_syn_ack(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg)
{
	struct tcp_fastopen *f = &tcp_cold(c)->fastopen;
	const struct tcp_opts *o = &seg->opts;

	if (c->fastopen & TCP_FO_ASKED && o->present & TCP_OPT_FASTOPEN && o->cookie.len) {
		f->cookie = o->cookie;
		c->fastopen |= TCP_FO_GOT;
	} else {
		f->vain = c->fastopen & TCP_FO_OPTION && !(c->fastopen & TCP_FO_TEXT);
	}
	f->mss = o->present & TCP_OPT_MSS ? o->mss : 0;
	f->taken = c->fastopen & TCP_FO_TEXT && seg->ack == c->snd_nxt;
	if (c->fastopen & TCP_FO_TEXT && seq_gt(seg->ack, c->iss + 1)) { /* it was late, not lost */
		c->fastopen &= (uint8_t)~TCP_FO_LOST;
		tcp_count(env, fastopen_active_acked);
	}
	c->fastopen &= (uint8_t)~TCP_FO_OPTION;
	c->events |= TCP_EV_FASTOPEN;
	tcp_cold(c)->fast_una = c->snd_una;
}

void fastopen_established(struct tcp_env *env, struct tcp_conn *c)
{
	for (uint32_t i = 0; i < c->recs.count; i++) {
		struct tcp_rec *r = recs_at(env, c, i);

		if (!(r->flags & TCP_REC_SYN))
			loss_mark(c, r);
	}
}

/*
 * ---- a path that loses what follows (4.1.3.1) ----
 *
 * Some boxes let a SYN with text and its answer pass and then drop everything, because their idea of the sequence numbers is
 * wrong. The signs are those that Linux goes by: timeouts and nothing acknowledged since the handshake, a RST in the window
 * but not at its edge before any text came, a FIN whose text never came.
 */

static bool text_taken_along(const struct tcp_conn *c)
{
	return (c->fastopen & (TCP_FO_TEXT | TCP_FO_LOST)) == TCP_FO_TEXT && c->flags & TCP_F_SYN_ACKED;
}

static void hole(struct tcp_env *env, struct tcp_conn *c)
{
	if (tcp_cold_peek(c)->fast_hole)
		return;
	tcp_cold(c)->fast_hole = true;
	tcp_count(env, fastopen_late_holes);
	c->events |= TCP_EV_FASTOPEN;
}

void fastopen_timeout(struct tcp_env *env, struct tcp_conn *c)
{
	if (text_taken_along(c) && c->snd_una == tcp_cold_peek(c)->fast_una)
		hole(env, c);
}

void fastopen_odd_reset(struct tcp_env *env, struct tcp_conn *c)
{
	if (text_taken_along(c) && c->state == TCP_ESTABLISHED && !tcp_cold_peek(c)->account.data_segs_in)
		hole(env, c);
}

bool tcp_fastopen_proved(struct tcp_env *env, struct tcp_conn *c)
{
	const struct tcp_cold *cold = tcp_cold_peek(c);

	if (!text_taken_along(c))
		return false;
	if ((c->flags & (TCP_F_FIN_SEEN | TCP_F_FIN_RCVD)) == TCP_F_FIN_SEEN && !cold->account.bytes_received)
		hole(env, c);
	return !cold->fast_hole && (cold->account.bytes_received || c->snd_una != cold->fast_una);
}
