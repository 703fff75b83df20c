// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * options.c - TCP options read and written: MSS (RFC 9293 3.7.1), window scale and
 * timestamps (RFC 7323), SACK permitted and SACK (RFC 2018), AccECN (RFC 9768; written
 * by accecn.c), Fast Open (RFC 7413; written by fastopen.c). Unknown ones are
 * skipped (MUST-6); an illegal length ends the reading (MUST-7); any alignment
 * is read (MUST-64); what is written is padded with zero or NOP (MUST-69).
 */
#include "tcp/segment.h"

#define ACCECN_MSS_MIN 128 /* below it data is not shortened for the sake of the AccECN option */

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint8_t *put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

static uint8_t *put32(uint8_t *p, uint32_t v)
{
	options_put32(p, v);
	return p + 4;
}

static void parse_sack(const uint8_t *p, uint32_t len, struct tcp_opts *out)
{
	uint32_t n = min_u32((len - 2) / 8, TCP_SACK_MAX);

	if ((len - 2) % 8 || !n) {
		out->present |= TCP_OPT_BAD;
		return;
	}
	out->present |= TCP_OPT_SACK;
	out->nsack = (uint8_t)n;
	for (uint32_t i = 0; i < n; i++) {
		out->sack[i].start = get32(p + 2 + 8 * i);
		out->sack[i].end = get32(p + 6 + 8 * i);
	}
}

/* RFC 9768 3.2.3: of any length, whole counters of 24 bits from the left; kind 174 has them in the opposite order. */
static void parse_accecn(const uint8_t *p, uint32_t len, struct tcp_opts *out)
{
	out->present |= TCP_OPT_ACCECN;
	out->accecn = 0;
	for (uint32_t i = 0; i < 3 && 5 + 3 * i <= len; i++) {
		uint32_t k = p[0] == OPT_ACCECN_1 ? 2 - i : i;

		out->accecn |= (uint8_t)(1u << k);
		out->accecn_count[k] = (uint32_t)p[2 + 3 * i] << 16 | get16(p + 3 + 3 * i);
	}
}

/* RFC 7413 2 and 4.1.1: of no other length is it one. head: bytes before the cookie. */
static void parse_fastopen(const uint8_t *p, uint32_t len, uint32_t head, struct tcp_opts *out)
{
	uint32_t n = len - head;

	if (n && (n < TCP_COOKIE_MIN || n > TCP_COOKIE_MAX || n & 1)) {
		out->present |= TCP_OPT_BAD;
		return;
	}
	out->present |= TCP_OPT_FASTOPEN;
	out->cookie.len = (uint8_t)n;
	out->cookie.exp = head == 4;
	memcpy(out->cookie.b, p + head, n);
}

/* One option of len bytes, length byte included. A known kind with another length counts as malformed. */
static void parse_one(const uint8_t *p, uint32_t len, struct tcp_opts *out)
{
	uint32_t legal[] = { [OPT_MSS] = 4, [OPT_WSCALE] = 3, [OPT_SACK_OK] = 2, [OPT_SACK] = 0, [OPT_TS] = 10 };

	if (p[0] <= OPT_TS && legal[p[0]] && len != legal[p[0]]) {
		out->present |= TCP_OPT_BAD;
		return;
	}
	switch (p[0]) {
	case OPT_MSS:
		out->present |= TCP_OPT_MSS;
		out->mss = get16(p + 2);
		break;
	case OPT_WSCALE:
		out->present |= TCP_OPT_WSCALE;
		out->wscale = p[2];
		break;
	case OPT_SACK_OK: out->present |= TCP_OPT_SACK_OK; break;
	case OPT_SACK: parse_sack(p, len, out); break;
	case OPT_TS:
		out->present |= TCP_OPT_TS;
		out->tsval = get32(p + 2);
		out->tsecr = get32(p + 6);
		break;
	case OPT_FASTOPEN: parse_fastopen(p, len, 2, out); break;
	case OPT_EXP:
		if (len >= 4 && get16(p + 2) == OPT_EXP_FASTOPEN)
			parse_fastopen(p, len, 4, out);
		break;
	case OPT_ACCECN_0:
	case OPT_ACCECN_1: parse_accecn(p, len, out); break;
	case OPT_UTO:
		out->present |= len == 4 ? TCP_OPT_UTO : TCP_OPT_BAD;
		if (len != 4)
			break;
		out->uto = get16(p + 2);
		break;
	default: break;
	}
}

void tcp_options_parse(const uint8_t *p, size_t len, struct tcp_opts *out)
{
	size_t i = 0;

	out->present = 0;
	out->nsack = 0;
	if (len == 12 && get32(p) == 0x0101080a) { /* what nearly every segment carries */
		out->present = TCP_OPT_TS;
		out->tsval = get32(p + 4);
		out->tsecr = get32(p + 8);
		return;
	}
	while (i < len && p[i] != OPT_EOL) {
		if (p[i] == OPT_NOP) {
			i++;
			continue;
		}
		if (i + 1 >= len || p[i + 1] < 2 || p[i + 1] > len - i) {
			out->present |= TCP_OPT_BAD;
			return;
		}
		parse_one(p + i, p[i + 1], out);
		i += p[i + 1];
	}
}

static uint8_t *put_ts_plain(uint8_t *p, const struct tcp_conn *c, uint64_t now_ns)
{
	p = put16(p, OPT_TS << 8 | 10);
	p = put32(p, tcp_ts_now(c, now_ns));
	return put32(p, c->flags & TCP_F_TS_RECENT ? c->ts_recent : 0);
}

static uint8_t *put_uto(uint8_t *p, const struct tcp_env *env, const struct tcp_conn *c)
{
	*p++ = OPT_UTO;
	*p++ = 4;
	return put16(p, uto_field(env, c));
}

static uint8_t *put_ts(uint8_t *p, const struct tcp_conn *c, uint64_t now_ns)
{
	return put_ts_plain(put16(p, OPT_NOP << 8 | OPT_NOP), c, now_ns);
}

void options_syn(const struct tcp_env *env, struct tcp_conn *c, struct tcp_seg *out, uint64_t now_ns)
{
	bool answer = c->state == TCP_SYN_RECEIVED; /* offer only what the peer offered */
	bool sack = !answer || c->flags & TCP_F_SACK, ts = answer ? c->flags & TCP_F_TS : env->conf.timestamps;
	uint8_t *p = out->opt;

	*p++ = OPT_MSS;
	*p++ = 4;
	p = put16(p, c->rcv_mss);
	if (sack && ts) { /* twelve bytes with no padding: the order that Linux has */
		p = put16(p, OPT_SACK_OK << 8 | 2);
		p = put_ts_plain(p, c, now_ns);
	} else if (sack) {
		p = put16(p, OPT_NOP << 8 | OPT_NOP);
		p = put16(p, OPT_SACK_OK << 8 | 2);
	} else if (ts) {
		p = put_ts(p, c, now_ns);
	}
	if (!answer || c->flags & TCP_F_WSCALE) {
		*p++ = OPT_NOP;
		*p++ = OPT_WSCALE;
		*p++ = 3;
		*p++ = c->rcv_wscale;
	}
	p = fastopen_option_put(p, c);
	if (c->tune & TCP_TUNE_UTO && p - out->opt <= TCP_OPT_MAX - 4 - c->sig_bytes && !uto_syn_again(c))
		p = put_uto(p, env, c);
	if (answer && !(c->ecn.flags & TCP_E_SYN_AGAIN)) /* never on a SYN (RFC 9768 3.2.3.2.1) */
		p = accecn_option_put(p, c, TCP_OPT_MAX - c->sig_bytes - (uint32_t)(p - out->opt));
	out->opt_len = (uint8_t)(p - out->opt);
}

/* SACK blocks: what came twice (RFC 2883), then those that grew last first (RFC 2018 4), as many as fit into room bytes. */
static uint8_t *put_sack(uint8_t *p, struct tcp_env *env, struct tcp_conn *c, uint32_t room)
{
	uint32_t n, dup = c->dsack.start != c->dsack.end;

	if (room < 12)
		return p;
	n = min_u32(min_u32(c->ooo_count + dup, (room - 4) / 8), TCP_SACK_MAX);
	p = put16(p, OPT_NOP << 8 | OPT_NOP);
	*p++ = OPT_SACK;
	*p++ = (uint8_t)(2 + 8 * n);
	if (dup) {
		p = put32(p, c->dsack.start);
		p = put32(p, c->dsack.end);
		c->dsack.end = c->dsack.start; /* said once (RFC 2883 4) */
	}
	for (uint32_t i = 0; i < n - dup; i++) { /* here only if there is a list */
		const struct tcp_ooo *o = recvq_ooo(env, c);

		p = put32(p, o->r[o->recent[i]].start);
		p = put32(p, o->r[o->recent[i]].end);
	}
	return p;
}

/* What of room the AccECN option gets: it leaves place for two SACK blocks (RFC 9768 3.2.3.3). */
static uint32_t accecn_room(const struct tcp_conn *c, uint32_t room)
{
	uint32_t sack, first;

	if (c->ecn.mode != TCP_ECN_ACCECN)
		return 0;
	sack = c->flags & TCP_F_SACK ? c->ooo_count + (c->dsack.start != c->dsack.end) : 0;
	first = sack ? 4 + 8 * min_u32(sack, 2) : 0;
	return room > first ? accecn_option_len(c, room - first) : 0;
}

uint32_t options_extra(const struct tcp_conn *c)
{
	uint32_t blocks, room, ecn;

	if (!c->ooo_count && c->dsack.start == c->dsack.end && c->ecn.mode != TCP_ECN_ACCECN)
		return 0;
	blocks = c->flags & TCP_F_SACK ? c->ooo_count + (c->dsack.start != c->dsack.end) : 0;
	room = TCP_OPT_MAX - c->sig_bytes - (c->flags & TCP_F_TS ? 12u : 0);
	ecn = c->mss >= ACCECN_MSS_MIN ? accecn_room(c, room) : 0;
	if (!blocks || room < ecn + 12)
		return ecn;
	return ecn + 4 + 8 * min_u32(min_u32(blocks, TCP_SACK_MAX), (room - ecn - 4) / 8);
}

void options_put(struct tcp_env *env, struct tcp_conn *c, struct tcp_seg *out, uint32_t room, uint64_t now_ns)
{
	uint8_t *p, *begin;
	uint32_t ecn, space = room;

	out->opt_len = 0;
	if (c->flags & TCP_F_TS)
		options_put_ts(c, out, now_ns);
	p = out->opt + out->opt_len;
	if (!c->ooo_count && c->dsack.start == c->dsack.end && c->ecn.mode != TCP_ECN_ACCECN &&
	    !(c->tune & TCP_TUNE_UTO))
		return; /* nearly every segment */
	begin = p;
	room = min_u32(room, TCP_OPT_MAX - c->sig_bytes - (uint32_t)(p - out->opt));
	ecn = accecn_room(c, room);
	if ((c->ooo_count || c->dsack.start != c->dsack.end) && c->flags & TCP_F_SACK)
		p = put_sack(p, env, c, room - ecn);
	if (ecn)
		p = accecn_option_put(p, c, ecn);
	if (uto_owed(c) && p - out->opt <= TCP_OPT_MAX - 4 - c->sig_bytes && (uint32_t)(p - begin) + 4 <= space) {
		p = put_uto(p, env, c);
		uto_sent(c);
	}
	out->opt_len = (uint8_t)(p - out->opt);
}

/*
 * The peer's MSS option, but not less than what every host must be able to receive (RFC 1122 3.3.2: 576 bytes of
 * packet; RFC 8200 5: 1280), which are the defaults of MUST-15: a tiny MSS only multiplies our packets and records
 * (CVE-2019-11479). A path that carries less says so by its MTU.
 */
static uint16_t believed_mss(const struct tcp_env *env, const struct tcp_conn *c, uint16_t mss)
{
	uint32_t least = c->flags & TCP_F_V6 ? TCP_MSS_DEFAULT_V6 : TCP_MSS_DEFAULT_V4;

	if (env->conf.mss_min)
		least = max_u32(env->conf.mss_min, TCP_MSS_FLOOR);
	if (mss >= least)
		return mss;
	tcp_count(env, in_mss_small);
	return (uint16_t)least;
}

/* RFC 7323 2.3: "log the error but MUST use 14". */
static uint8_t believed_wscale(const struct tcp_env *env, uint8_t wscale)
{
	if (wscale <= TCP_WSCALE_MAX)
		return wscale;
	tcp_count(env, in_wscale_big);
	return TCP_WSCALE_MAX;
}

void options_agree(const struct tcp_env *env, struct tcp_conn *c, const struct tcp_opts *o, uint64_t now_ns)
{
	if (o->present & TCP_OPT_MSS)
		c->peer_mss = believed_mss(env, c, o->mss);
	if (o->present & TCP_OPT_WSCALE) {
		c->flags |= TCP_F_WSCALE;
		c->snd_wscale = believed_wscale(env, o->wscale);
	} else {
		c->rcv_wscale = 0;
	}
	if (o->present & TCP_OPT_SACK_OK)
		c->flags |= TCP_F_SACK;
	if (o->present & TCP_OPT_TS && env->conf.timestamps) {
		c->flags |= TCP_F_TS | TCP_F_TS_RECENT;
		c->ts_recent = o->tsval;
		c->ts_recent_ns = now_ns;
	}
	conn_update_mss(c);
}
