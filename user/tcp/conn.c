// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * conn.c - the life of a connection: made, opened actively (RFC 9293 3.10.1),
 * established, waiting in TIME-WAIT, ended. And what belongs to its whole life:
 * the size of its segments (3.7.1) and the challenge ACKs (RFC 5961 7).
 */
#include "tcp/internal.h"

#define CHALLENGE_INTERVAL_NS 1000000000ull
#define CHALLENGE_LIMIT 10 /* in an interval, for one connection; never a global limit (CVE-2016-5696) */

static const char *const state_names[] = {
	"CLOSED",     "LISTEN",	    "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1",
	"FIN-WAIT-2", "CLOSE-WAIT", "CLOSING",	"LAST-ACK",	"TIME-WAIT",
};

const char *tcp_state_name(uint8_t state)
{
	return state <= TCP_TIME_WAIT ? state_names[state] : "?";
}

void tcp_conf_default(struct tcp_conf *conf)
{
	*conf = (struct tcp_conf){
		.sndbuf_max = 4u << 20,
		.rcvbuf_max = 4u << 20,
		.rcvbuf_init = 128u << 10,
		.time_wait_ns = 60000000000ull,
		.delack_ns = 40000000ull,
		.rto_min_ns = 200000000ull,
		.rto_max_ns = 120000000000ull,
		.rto_init_ns = 1000000000ull,
		.fin_wait2_ns = 60000000000ull,
		.syn_timeout_ns = 180000000000ull,
		.r2_ns = 900000000000ull,
		.uto_low_s = 100,
		.uto_high_s = 3600,
		.r1 = 3,
		.orphan_retries = 8,
		.zero_window_probes = 8,
		.fixed_isn = -1,
		.cc = TCP_CC_CUBIC,
		.mtu_probing = 1,
		.ecn = TCP_ECN_PASSIVE,
		.ttl = 64,
		.timestamps = true,
	};
}

/* Eff.snd.MSS of RFC 9293 3.7.1 (MUST-16): the peer's MSS, the path, our options. */
void conn_update_mss(struct tcp_conn *c)
{
	uint32_t mss = c->peer_mss, path = c->path_mtu > conn_header_bytes(c) ? c->path_mtu - conn_header_bytes(c) : 0;

	mss = min_u32(min_u32(mss, path), c->mss_cap);
	mss = max_u32(mss, TCP_MSS_FLOOR);
	if (c->flags & TCP_F_TS && mss > 12 + 8)
		mss -= 12;
	if (mss > c->sig_bytes + 8u)
		mss -= c->sig_bytes;
	c->mss = (uint16_t)mss;
}

void conn_set_mtu(struct tcp_env *env, struct tcp_conn *c, uint32_t mtu)
{
	uint32_t old = c->mss;

	c->path_mtu = (uint16_t)min_u32(mtu, 65535);
	conn_update_mss(c);
	if (c->mss >= old || !c->recs.count)
		return;
	for (uint32_t i = 0; i < c->recs.count; i++) { /* what was too big never arrived */
		struct tcp_rec *r = recs_at(env, c, i);

		if (r->len - !!(r->flags & TCP_REC_FIN) > c->mss)
			loss_mark(c, r);
	}
	recs_resegment(env, c);
	c->lost_mark = c->snd_nxt;
	c->flags |= TCP_F_FORCE_RTX;
}

void tcp_set_maxseg(struct tcp_env *env, struct tcp_conn *c, uint16_t bytes)
{
	c->mss_cap = bytes;
	if (c->snd_nxt == c->iss) {
		c->rcv_mss = (uint16_t)min_u32(c->rcv_mss, bytes);
		c->rcv_seg_max = (uint16_t)min_u32(c->rcv_seg_max, bytes);
	}
	tcp_set_path_mtu(env, c, c->path_mtu);
}

/* The size to begin with: all that the route allows, unless this path is known to carry less (rcv_mss stays: MUST-67). */
static void start_mtu(const struct tcp_env *env, struct tcp_conn *c, const struct tcp_open *o)
{
	uint32_t limit = c->path_mtu, least = min_u32(limit, 1280);

	if (o->learned_mtu && o->learned_mtu < limit) {
		c->path_mtu = (uint16_t)o->learned_mtu;
		if (o->probe_again_ns && env->conf.mtu_probing)
			plpmtud_begin(c, o->learned_mtu, limit, o->probe_again_ns > 1 ? o->probe_again_ns : 0);
	} else if (env->conf.mtu_probing == 2 && least < limit) {
		c->path_mtu = (uint16_t)least;
		plpmtud_begin(c, least, limit, 0);
	}
}

/* What both ways of opening share. c is zeroed memory. */
void conn_init(struct tcp_env *env, struct tcp_conn *c, const struct tcp_open *o, uint64_t now_ns)
{
	bool v4 = o->raddr.d[0] == 0 && o->raddr.b[8] == 0 && o->raddr.b[10] == 0xff && o->raddr.b[11] == 0xff;

	c->laddr = o->laddr;
	c->raddr = o->raddr;
	c->lport = o->lport;
	c->rport = o->rport;
	c->flags = v4 ? 0 : TCP_F_V6;
	c->cc = env->conf.cc;
	c->ecn.want = env->conf.ecn;
	c->ttl = env->conf.ttl;
	if (env->conf.uto)
		c->tune |= TCP_TUNE_UTO;
	if (env->conf.pacing)
		c->tune |= TCP_TUNE_PACING;
	c->sig_bytes = o->sig_bytes;
	sndtune_init(env, c);
	rcvtune_init(env, c);
	c->path_mtu = (uint16_t)min_u32(o->path_mtu, 65535);
	c->mss_cap = o->mss_cap ? o->mss_cap : 65535;
	c->peer_mss = v4 ? TCP_MSS_DEFAULT_V4 : TCP_MSS_DEFAULT_V6;
	c->rcv_mss = (uint16_t)max_u32(c->path_mtu > conn_header_bytes(c) ? c->path_mtu - conn_header_bytes(c) : 0,
				       TCP_MSS_FLOOR); /* MUST-67 */
	c->rcv_mss = (uint16_t)min_u32(c->rcv_mss, c->mss_cap);
	c->rcv_seg_max = (uint16_t)min_u32(536, c->rcv_mss);
	c->iss = isn_make(env, c, now_ns);
	c->ts_offset = isn_ts_offset(env, c);
	c->snd_una = c->snd_nxt = c->recover = c->lost_mark = c->high_sacked = c->iss;
	c->rtx_seq = c->snd_sml = c->ecn.cwr_end = c->iss;
	c->sndq_seq = c->iss + 1;
	c->rto_us = (uint32_t)(env->conf.rto_init_ns / 1000);
	c->keepidle_s = 7200;
	c->keepintvl_s = 75;
	c->keepcnt = 9;
	c->linger_ms = -1;
	c->last_rx_ns = c->last_tx_ns = now_ns;
	c->rtx_deadline = c->probe_deadline = c->delack_deadline = TCP_NEVER;
	c->idle_deadline = c->misc_deadline = TCP_NEVER;
	c->ssthresh = TCP_SSTHRESH_NONE;
	start_mtu(env, c, o);
	conn_update_mss(c);
	c->cwnd = tcp_initial_window(c->mss);
	tcp_cc_table[c->cc]->init(c);
	pacer_choose(c);
}

void tcp_connect(struct tcp_env *env, struct tcp_conn *c, const struct tcp_open *o, uint64_t now_ns)
{
	conn_init(env, c, o, now_ns);
	c->state = TCP_SYN_SENT;
	tcp_count(env, active_opens);
}

/* Both SYNs are acknowledged. */
void conn_established(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns)
{
	c->state = c->flags & TCP_F_FIN_QUEUED ? TCP_FIN_WAIT_1 : TCP_ESTABLISHED;
	c->flags |= TCP_F_SYN_ACKED;
	c->events |= TCP_EV_OPEN | TCP_EV_WRITABLE;
	/* RFC 6928 3: a lost SYN restarts from one segment; so does a marked one */
	c->cwnd = c->rto_count || c->ecn.flags & TCP_E_SYN_CE ? c->mss : tcp_initial_window(c->mss);
	c->flags &= ~(uint32_t)(TCP_F_LOSS | TCP_F_RECOVERY | TCP_F_FORCE_RTX);
	c->ssthresh = TCP_SSTHRESH_NONE;
	if (c->rto_count && !c->srtt_us_x8) /* RFC 6298 5.7: 3 s, for who begins with less */
		c->rto_us = (uint32_t)max_u64(3000000, env->conf.rto_init_ns / 1000);
	c->backoff = 0;
	c->retrans_start = 0;
	if (c->fastopen & TCP_FO_TEXT)
		fastopen_established(env, c);
	if (c->flags & TCP_F_KEEPALIVE)
		tcp_keepalive_set(c, true, now_ns);
}

void conn_time_wait(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns)
{
	if (c->state != TCP_TIME_WAIT)
		tcp_count(env, time_waits);
	c->state = TCP_TIME_WAIT;
	c->pace = 0;
	c->rtx_deadline = c->probe_deadline = c->idle_deadline = TCP_NEVER;
	c->misc_deadline = now_ns + env->conf.time_wait_ns;
	c->events |= TCP_EV_CLOSED;
	recs_free(env, c);
	ring_release(env, &c->sndq, &c->snd_hint);
	c->sacked = c->lost = 0;
}

void conn_done(struct tcp_env *env, struct tcp_conn *c, int err)
{
	if (c->state == TCP_CLOSED)
		return;
	if (err && (c->state == TCP_SYN_SENT || c->state == TCP_SYN_RECEIVED))
		tcp_count(env, attempt_fails);
	else if (err == ECONNRESET)
		tcp_count(env, estab_resets);
	c->state = TCP_CLOSED;
	c->error = (uint16_t)err;
	c->events |= err ? TCP_EV_ERROR : TCP_EV_CLOSED;
	c->flags &= ~(uint32_t)(TCP_F_ACK_NOW | TCP_F_ACK_DELAYED | TCP_F_PROBE | TCP_F_FORCE_RTX | TCP_F_RECOVERY |
				TCP_F_LOSS);
	c->pace = 0;
	c->rtx_deadline = c->probe_deadline = c->delack_deadline = TCP_NEVER;
	c->idle_deadline = c->misc_deadline = TCP_NEVER;
	recs_free(env, c);
	ring_release(env, &c->sndq, &c->snd_hint);
	c->sndq_seq = c->snd_nxt;
	c->sacked = c->lost = 0;
	if (c->flags & TCP_F_ORPHAN)
		recvq_free(env, c);
}

void conn_challenge(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns)
{
	if (now_ns - c->challenge_ns >= CHALLENGE_INTERVAL_NS) {
		c->challenge_ns = now_ns;
		c->challenges = 0;
	}
	if (c->challenges >= CHALLENGE_LIMIT) {
		tcp_count(env, challenge_limited);
		return;
	}
	c->challenges++;
	tcp_count(env, challenge_acks);
	c->flags |= TCP_F_ACK_NOW;
}

/* The error report of RFC 9293 3.9.1.8: the connection goes on. */
void conn_report(struct tcp_conn *c, uint16_t err)
{
	if (err)
		c->soft_error = err;
	if (!(c->tune & TCP_TUNE_QUIET)) /* SHLD-20 */
		c->events |= TCP_EV_SOFT_ERROR;
}

/* A RST is owed in the states of RFC 9293 3.10.5; SYN-SENT and the last ones end silently. */
void tcp_abort(struct tcp_env *env, struct tcp_conn *c, int err)
{
	bool rst = c->state == TCP_SYN_RECEIVED || c->state == TCP_ESTABLISHED || c->state == TCP_FIN_WAIT_1 ||
		   c->state == TCP_FIN_WAIT_2 || c->state == TCP_CLOSE_WAIT || c->state == TCP_CLOSING ||
		   c->state == TCP_LAST_ACK;

	conn_done(env, c, err);
	if (rst)
		c->flags |= TCP_F_RST;
}

void tcp_free(struct tcp_env *env, struct tcp_conn *c)
{
	recs_free(env, c);
	ring_release(env, &c->sndq, &c->snd_hint);
	recvq_free(env, c);
}
