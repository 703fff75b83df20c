// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * call_opt.c - getsockopt and setsockopt.
 *
 * The kernel's socket behind the descriptor is set too: it knows which values are good, and gives back what was set. What
 * changes how a connection behaves goes on to the engine. What was set before connect(), or on a listener, is read from
 * there once the connection is ours.
 */
#include <errno.h>
#include <string.h>
#include <netinet/in.h>
#include <linux/tcp.h>

#include "run/call_msg.h"
#include "run/calls.h"
#include "run/guard.h"
#include "engine/engine.h"

static const struct {
	int level, name;
	enum xtcp_opt opt;
	int lo, hi; /* what the engine takes: others are cut */
} table[] = {
	{ IPPROTO_TCP, TCP_NODELAY, XTCP_NODELAY, 0, 1 },
	{ SOL_SOCKET, SO_KEEPALIVE, XTCP_KEEPALIVE, 0, 1 },
	{ IPPROTO_TCP, TCP_KEEPIDLE, XTCP_KEEPIDLE_S, 1, 32767 },
	{ IPPROTO_TCP, TCP_KEEPINTVL, XTCP_KEEPINTVL_S, 1, 32767 },
	{ IPPROTO_TCP, TCP_KEEPCNT, XTCP_KEEPCNT, 1, 127 },
	{ IPPROTO_TCP, TCP_USER_TIMEOUT, XTCP_USER_TIMEOUT_MS, 0, 2147483647 },
	{ IPPROTO_TCP, TCP_NOTSENT_LOWAT, XTCP_NOTSENT_LOWAT, 0, 2147483647 },
	{ IPPROTO_TCP, TCP_QUICKACK, XTCP_QUICKACK, 0, 1 },
	{ IPPROTO_TCP, TCP_MAXSEG, XTCP_MAXSEG, 88, 32767 },
	{ IPPROTO_IP, IP_TOS, XTCP_TCLASS, 0, 255 },
	{ IPPROTO_IP, IP_TTL, XTCP_TTL, 1, 255 },
	{ IPPROTO_IPV6, IPV6_TCLASS, XTCP_TCLASS, 0, 255 },
	{ IPPROTO_IPV6, IPV6_UNICAST_HOPS, XTCP_TTL, 1, 255 },
	{ SOL_SOCKET, SO_SNDBUF, XTCP_SNDBUF, 4096, 1 << 30 },
	{ SOL_SOCKET, SO_RCVBUF, XTCP_RCVBUF, 4096, 1 << 30 },
	{ IPPROTO_TCP, TCP_SYNCNT, XTCP_SYN_RETRIES, 1, 255 },
	{ IPPROTO_TCP, TCP_LINGER2, XTCP_FIN_WAIT2_MS, -1, 120 }, /* seconds; negative: at once */
	{ IPPROTO_TCP, TCP_WINDOW_CLAMP, XTCP_RCVBUF, 4096, 1 << 30 },
	{ SOL_SOCKET, SO_MAX_PACING_RATE, XTCP_MAX_PACING_RATE, 0, 2147483647 }, /* ~0, no limit: -1 here */
};
#define DEFER_MOST_S 120 /* TCP_DEFER_ACCEPT */
#define TABLE (sizeof(table) / sizeof(table[0]))
_Static_assert(TABLE <= RUN_OPTS, "struct run_sock has room for each");

/* SO_RCVBUF and TCP_WINDOW_CLAMP: the smaller one counts. A clamp of 0 is none. */
static int least_window(const struct run_sock *s, int v)
{
	for (uint32_t i = 0; i < TABLE; i++)
		if (table[i].opt == XTCP_RCVBUF && s->opts_set >> i & 1 && s->opt[i] > 0 && (!v || s->opt[i] < v))
			v = s->opt[i];
	return v;
}

static void to_engine(struct run_sock *s, uint32_t i, int v)
{
	if (table[i].opt == XTCP_RCVBUF) {
		v = least_window(s, v);
		if (!v)
			return;
	}
	if (v < table[i].lo)
		v = table[i].lo;
	if (v > table[i].hi)
		v = table[i].hi;
	if (table[i].opt == XTCP_SNDBUF)
		v *= v < (1 << 29) ? 2 : 1; /* as the kernel counts */
	if (table[i].opt == XTCP_FIN_WAIT2_MS)
		v = v < 0 ? 1 : v * 1000;
	xtcp_setopt(local_here->x, s->handle, table[i].opt, v);
}

/* ---- what is not the engine's ---- */

static uint64_t from_timeval(const void *value, socklen_t len)
{
	struct timeval tv;

	if (len < sizeof(tv))
		return 0;
	memcpy(&tv, value, sizeof(tv));
	return (uint64_t)tv.tv_sec * 1000000000ull + (uint64_t)tv.tv_usec * 1000;
}

static void set_cork(struct run_sock *s, int on)
{
	s->cork = on != 0;
	if (!on && s->handle && s->kind == RUN_CONN)
		api_uncork(local_here->x, s->handle);
}

static void set_listener(struct run_sock *s, int name, int v)
{
	if (name == TCP_FASTOPEN)
		s->fastopen = v > 0 ? (uint32_t)v : 0;
	if (name == TCP_DEFER_ACCEPT)
		s->defer_s = v < 0 ? 0 : v < DEFER_MOST_S ? (uint32_t)v : DEFER_MOST_S;
}

/* It listens already, in each engine. */
static void set_listening(uint32_t ref)
{
	uint64_t inode = local_at(ref)->inode;
	uint32_t fastopen = local_at(ref)->fastopen, defer_s = local_at(ref)->defer_s, twin;

	for (uint32_t k = 0; k < local.engines; k++) {
		if (!local_go_twin(ref, inode, k, &twin))
			return;
		if (twin)
			run_listen_as(local_here, local_ref(twin), fastopen, defer_s);
	}
}

static void set_own(struct run_sock *s, int level, int name, const void *value, socklen_t len, int v)
{
	struct linger l;

	if (level == IPPROTO_TCP && name == TCP_CORK) {
		set_cork(s, v);
		return;
	}
	if (level == IPPROTO_TCP && name == TCP_INQ)
		s->inq = v != 0;
	if (level == IPPROTO_TCP)
		set_listener(s, name, v);
	if (level != SOL_SOCKET)
		return;
	switch (name) {
	case SO_RCVTIMEO: s->rcvtimeo_ns = from_timeval(value, len); break;
	case SO_SNDTIMEO: s->sndtimeo_ns = from_timeval(value, len); break;
	case SO_RCVLOWAT: s->rcvlowat = v > 0 ? (uint32_t)v : 1; break;
	case SO_OOBINLINE: s->oobinline = v != 0; break;
	case SO_ZEROCOPY: s->zerocopy = v != 0; break;
	case SO_TIMESTAMP: s->stamps = v ? CALL_STAMP_US : 0; break;
	case SO_TIMESTAMPNS: s->stamps = v ? CALL_STAMP_NS : 0; break;
	case SO_LINGER:
		if (len < sizeof(l))
			return;
		memcpy(&l, value, sizeof(l));
		s->linger_on = l.l_onoff != 0;
		s->linger_s = l.l_linger > 0 ? (uint32_t)l.l_linger : 0;
		break;
	default: break;
	}
}

static void note(struct run_sock *s, int level, int name, const void *value, socklen_t len)
{
	int v = 0;

	memcpy(&v, value, len < sizeof(v) ? len : sizeof(v));
	set_own(s, level, name, value, len, v);
	for (uint32_t i = 0; i < TABLE; i++)
		if (table[i].level == level && table[i].name == name) {
			s->opt[i] = v;
			s->opts_set |= 1u << i;
			if (s->kind == RUN_CONN && s->handle)
				to_engine(s, i, v);
		}
}

/* Of a listener: its connections'. One that the engine does not have is the kernel's to refuse. */
static int set_cc(struct run_sock *s, const void *value, socklen_t len)
{
	memset(s->cc, 0, sizeof(s->cc));
	memcpy(s->cc, value, len < sizeof(s->cc) ? len : sizeof(s->cc) - 1);
	return s->handle && s->kind == RUN_CONN ? xtcp_set_cc(local_here->x, s->handle, s->cc) : 0;
}

/* local.opts */
enum { SET_ANY = 1, SET_SNDBUF = 2, SET_RCVBUF = 4, SET_CC = 256 }; /* 8: LOCAL_OWNER; the others: early.h */

static uint16_t kind_of(int level, int name)
{
	if (level == IPPROTO_TCP && name == TCP_CONGESTION)
		return SET_ANY | SET_CC;
	if (level != SOL_SOCKET)
		return SET_ANY;
	return name == SO_SNDBUF ? SET_SNDBUF : name == SO_RCVBUF ? SET_RCVBUF : SET_ANY;
}

int call_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	uint32_t ref = local_sock(fd);
	int err = 0;

	if (!ref) {
		local_mark(fd, kind_of(level, name));
		err = real.setsockopt(fd, level, name, value, len);
		/* Another thread may have connected it meanwhile, and taken the options over before. */
		return err || !local_sock(fd) ? err : call_setsockopt(fd, level, name, value, len);
	}
	if (!guard_read(value, len < sizeof(struct sockaddr_storage) ? len : sizeof(struct sockaddr_storage)))
		return call_error(EFAULT);
	if (level == IPPROTO_TCP && name == TCP_CONGESTION) {
		if (local_at(ref)->kind == RUN_LISTENER && real.setsockopt(fd, level, name, value, len))
			return -1;
		if (!local_lock_on(fd, ref))
			return -1;
		err = set_cc(local_at(ref), value, len);
		local_unlock();
		return err ? call_error(ENOENT) : 0;
	}
	if (level == IPPROTO_TCP && name == TCP_ULP) /* TLS in the kernel would need its connection */
		return call_error(value ? ENOENT : EFAULT);
	/* Of a connection the kernel's socket knows nothing: what needs one fails there. */
	if (real.setsockopt(fd, level, name, value, len) && errno != ENOTCONN && errno != EISCONN)
		return -1;
	if (!local_lock_on(fd, ref))
		return -1;
	note(local_at(ref), level, name, value, len);
	if (level == IPPROTO_TCP && (name == TCP_FASTOPEN || name == TCP_DEFER_ACCEPT) &&
	    local_at(ref)->kind == RUN_LISTENER)
		set_listening(ref);
	if (!local_here)
		return call_error(EIO);
	local_turn();
	local_unlock();
	return 0;
}

static void read_back(int fd, struct run_sock *s, int level, int name)
{
	uint8_t value[32];
	socklen_t len = sizeof(value);

	if (!real.getsockopt(fd, level, name, value, &len))
		note(s, level, name, value, len);
}

/* The kernel gives back twice what was asked for. */
static void read_buffer(int fd, struct run_sock *s, int name)
{
	int v = 0;
	socklen_t len = sizeof(v);

	if (real.getsockopt(fd, SOL_SOCKET, name, &v, &len))
		return;
	v /= 2;
	note(s, SOL_SOCKET, name, &v, sizeof(v));
}

static void read_cc(int fd, struct run_sock *s)
{
	char name[16] = "";
	socklen_t len = sizeof(name);

	if (!real.getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len))
		set_cc(s, name, len);
}

/* Only what is not as it was: a buffer that was not set tunes itself. */
static void read_all(int fd, struct run_sock *s)
{
	static const struct {
		int level, name, plain;
	} asked[] = {
		{ IPPROTO_TCP, TCP_NODELAY, 0 },
		{ SOL_SOCKET, SO_KEEPALIVE, 0 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, 7200 },
		{ IPPROTO_TCP, TCP_KEEPINTVL, 75 },
		{ IPPROTO_TCP, TCP_KEEPCNT, 9 },
		{ IPPROTO_TCP, TCP_USER_TIMEOUT, 0 },
		{ IPPROTO_IP, IP_TOS, 0 },
		{ IPPROTO_TCP, TCP_CORK, 0 },
		{ SOL_SOCKET, SO_OOBINLINE, 0 },
		{ SOL_SOCKET, SO_ZEROCOPY, 0 },
		{ SOL_SOCKET, SO_TIMESTAMP, 0 },
		{ SOL_SOCKET, SO_TIMESTAMPNS, 0 },
		{ IPPROTO_TCP, TCP_INQ, 0 },
		{ SOL_SOCKET, SO_MAX_PACING_RATE, -1 },
		{ IPPROTO_TCP, TCP_SYNCNT, 6 },
		{ IPPROTO_TCP, TCP_LINGER2, 60 },
		{ IPPROTO_TCP, TCP_FASTOPEN, 0 },
		{ IPPROTO_TCP, TCP_WINDOW_CLAMP, 0 },
		{ IPPROTO_TCP, TCP_DEFER_ACCEPT, 0 },
	};

	for (uint32_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		int v = 0;
		socklen_t len = sizeof(v);

		if (!real.getsockopt(fd, asked[i].level, asked[i].name, &v, &len) && v != asked[i].plain)
			note(s, asked[i].level, asked[i].name, &v, len);
	}
	read_back(fd, s, SOL_SOCKET, SO_RCVTIMEO);
	read_back(fd, s, SOL_SOCKET, SO_SNDTIMEO);
	read_back(fd, s, SOL_SOCKET, SO_LINGER);
	read_back(fd, s, SOL_SOCKET, SO_RCVLOWAT);
	if (local.opts[fd] & SET_CC)
		read_cc(fd, s);
	if (local.opts[fd] & SET_SNDBUF)
		read_buffer(fd, s, SO_SNDBUF);
	if (local.opts[fd] & SET_RCVBUF)
		read_buffer(fd, s, SO_RCVBUF);
}

void call_take_options(int fd, uint32_t ref)
{
	if ((uint32_t)fd < local.size && local.opts[fd] & (SET_ANY | SET_SNDBUF | SET_RCVBUF))
		read_all(fd, local_at(ref));
}

static void set_timeval(int fd, int name, uint64_t ns)
{
	struct timeval tv = { .tv_sec = (time_t)(ns / 1000000000ull),
			      .tv_usec = (suseconds_t)(ns % 1000000000ull / 1000) };

	if (ns)
		real.setsockopt(fd, SOL_SOCKET, name, &tv, sizeof(tv));
}

static void inherit_flag(int fd, int level, int name, int on)
{
	if (on)
		real.setsockopt(fd, level, name, &on, sizeof(on));
}

/* fd: the kernel's socket behind the new descriptor, which gives back what is asked for. */
void call_inherit_options(int fd, struct run_sock *to, const struct run_sock *from)
{
	struct linger l = { from->linger_on, (int)from->linger_s };
	int on = 1;

	to->rcvtimeo_ns = from->rcvtimeo_ns;
	to->sndtimeo_ns = from->sndtimeo_ns;
	to->rcvlowat = from->rcvlowat;
	to->linger_on = from->linger_on;
	to->linger_s = from->linger_s;
	to->cork = from->cork;
	to->oobinline = from->oobinline;
	to->zerocopy = from->zerocopy;
	to->inq = from->inq;
	to->stamps = from->stamps;
	inherit_flag(fd, SOL_SOCKET, SO_OOBINLINE, to->oobinline);
	inherit_flag(fd, SOL_SOCKET, SO_ZEROCOPY, to->zerocopy);
	inherit_flag(fd, IPPROTO_TCP, TCP_INQ, to->inq);
	inherit_flag(fd, SOL_SOCKET, SO_TIMESTAMP, to->stamps == CALL_STAMP_US);
	inherit_flag(fd, SOL_SOCKET, SO_TIMESTAMPNS, to->stamps == CALL_STAMP_NS);
	to->opts_set = from->opts_set;
	memcpy(to->opt, from->opt, sizeof(to->opt));
	if (from->cc[0])
		set_cc(to, from->cc, sizeof(from->cc));
	set_timeval(fd, SO_RCVTIMEO, to->rcvtimeo_ns);
	set_timeval(fd, SO_SNDTIMEO, to->sndtimeo_ns);
	if (to->linger_on)
		real.setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	if (to->cork)
		real.setsockopt(fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
	if (to->rcvlowat != 1)
		real.setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &to->rcvlowat, sizeof(to->rcvlowat));
	for (uint32_t i = 0; i < TABLE; i++)
		if (from->opts_set >> i & 1) {
			to_engine(to, i, to->opt[i]);
			real.setsockopt(fd, table[i].level, table[i].name, &to->opt[i], sizeof(to->opt[i]));
		}
}

/* ---- getsockopt ---- */

static int give(void *value, socklen_t *len, const void *from, socklen_t n)
{
	if (!guard_write(len, sizeof(*len)) || !guard_write(value, *len < n ? *len : n))
		return call_error(EFAULT);
	if (*len > n)
		*len = n;
	memcpy(value, from, *len);
	return 0;
}

static uint8_t linux_state(enum xtcp_state s)
{
	static const uint8_t state[] = {
		[XTCP_CLOSED] = 7,	[XTCP_LISTEN] = 10,    [XTCP_SYN_SENT] = 2,   [XTCP_SYN_RECEIVED] = 3,
		[XTCP_ESTABLISHED] = 1, [XTCP_FIN_WAIT_1] = 4, [XTCP_FIN_WAIT_2] = 5, [XTCP_CLOSE_WAIT] = 8,
		[XTCP_CLOSING] = 11,	[XTCP_LAST_ACK] = 9,   [XTCP_TIME_WAIT] = 6,
	};

	return state[s];
}

static void fill_info(const struct xtcp_info *i, struct tcp_info *t)
{
	uint32_t mss = i->mss ? i->mss : 1;

	memset(t, 0, sizeof(*t));
	t->tcpi_state = linux_state(i->state);
	t->tcpi_retransmits = (uint8_t)i->retransmits;
	t->tcpi_probes = (uint8_t)i->probes;
	t->tcpi_backoff = (uint8_t)i->backoff;
	t->tcpi_options = (uint8_t)((i->timestamps ? TCPI_OPT_TIMESTAMPS : 0) | (i->sack ? TCPI_OPT_SACK : 0) |
				    (i->wscale_ok ? TCPI_OPT_WSCALE : 0));
	t->tcpi_snd_wscale = i->snd_wscale & 15;
	t->tcpi_rcv_wscale = i->rcv_wscale & 15;
	t->tcpi_rto = (uint32_t)(i->rto_ns / 1000);
	t->tcpi_snd_mss = i->mss;
	t->tcpi_rcv_mss = i->rcv_mss;
	t->tcpi_advmss = i->rcv_mss;
	t->tcpi_unacked = i->unacked_segs;
	t->tcpi_sacked = i->sacked_segs;
	t->tcpi_lost = i->lost_segs;
	t->tcpi_retrans = i->retrans_segs;
	t->tcpi_last_data_sent = (uint32_t)(i->last_data_sent_ns / 1000000);
	t->tcpi_last_data_recv = (uint32_t)(i->last_data_recv_ns / 1000000);
	t->tcpi_last_ack_recv = (uint32_t)(i->last_ack_recv_ns / 1000000);
	t->tcpi_pmtu = i->pmtu;
	t->tcpi_rtt = (uint32_t)(i->srtt_ns / 1000);
	t->tcpi_rttvar = (uint32_t)(i->rttvar_ns / 1000);
	t->tcpi_snd_ssthresh = i->ssthresh / mss;
	t->tcpi_snd_cwnd = i->cwnd / mss;
	t->tcpi_reordering = i->reordering;
	t->tcpi_rcv_space = i->rcvbuf;
	t->tcpi_total_retrans = i->retrans;
	t->tcpi_pacing_rate = i->pacing_rate ? i->pacing_rate : UINT64_MAX;
	t->tcpi_max_pacing_rate = UINT64_MAX;
	t->tcpi_bytes_acked = i->bytes_acked;
	t->tcpi_bytes_received = i->bytes_received;
	t->tcpi_segs_out = i->segs_out;
	t->tcpi_segs_in = i->segs_in;
	t->tcpi_notsent_bytes = i->notsent;
	t->tcpi_min_rtt = (uint32_t)(i->min_rtt_ns / 1000);
	t->tcpi_data_segs_in = i->data_segs_in;
	t->tcpi_data_segs_out = i->data_segs_out;
	t->tcpi_delivery_rate = i->delivery_rate;
	t->tcpi_busy_time = i->busy_ns / 1000;
	t->tcpi_rwnd_limited = i->rwnd_limited_ns / 1000;
	t->tcpi_sndbuf_limited = i->sndbuf_limited_ns / 1000;
	t->tcpi_delivered_ce = i->delivered_ce;
	t->tcpi_bytes_sent = i->bytes_sent;
	t->tcpi_bytes_retrans = i->bytes_retrans;
	t->tcpi_dsack_dups = i->dsack_dups;
	t->tcpi_reord_seen = i->reord_seen;
	t->tcpi_rcv_ooopack = i->rcv_ooopack;
	t->tcpi_snd_wnd = i->snd_wnd;
}

static int get_info(const struct run_sock *s, void *value, socklen_t *len)
{
	struct xtcp_info i;
	struct tcp_info t;

	memset(&i, 0, sizeof(i));
	if (s->kind == RUN_LISTENER)
		i.state = s->handle ? XTCP_LISTEN : XTCP_CLOSED;
	else if (!s->handle || xtcp_get_info(local_here->x, s->handle, sizeof(i), &i) < 0)
		i.state = XTCP_CLOSED;
	fill_info(&i, &t);
	return give(value, len, &t, sizeof(t));
}

/* 1: the kernel's socket knows. */
static int get_ours(struct run_sock *s, int level, int name, void *value, socklen_t *len)
{
	int v;
	const char *cc;

	if (level == SOL_SOCKET && name == SO_ERROR) {
		v = s->error;
		s->error = 0;
		return give(value, len, &v, sizeof(v));
	}
	if (s->kind == RUN_LISTENER && level == SOL_SOCKET && name == SO_ACCEPTCONN) {
		v = s->handle != 0;
		return give(value, len, &v, sizeof(v));
	}
	if (level != IPPROTO_TCP)
		return 1;
	if (name == TCP_INFO)
		return get_info(s, value, len);
	if (name == TCP_MAXSEG && s->kind == RUN_CONN && s->handle &&
	    !xtcp_getopt(local_here->x, s->handle, XTCP_MAXSEG, &v))
		return give(value, len, &v, sizeof(v));
	cc = name == TCP_CONGESTION && s->kind == RUN_CONN && s->handle ? xtcp_get_cc(local_here->x, s->handle) : NULL;
	if (cc) {
		char text[16] = "";

		strncpy(text, cc, sizeof(text) - 1);
		return give(value, len, text, sizeof(text));
	}
	return 1;
}

int call_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	uint32_t ref = local_sock(fd);
	int rc;

	if (!ref)
		return real.getsockopt(fd, level, name, value, len);
	if (!local_lock_on(fd, ref))
		return -1;
	local_turn();
	rc = get_ours(local_at(ref), level, name, value, len);
	local_unlock();
	return rc == 1 ? real.getsockopt(fd, level, name, value, len) : rc;
}
