// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * info.c - what a connection tells of itself in Linux's terms: TCP_INFO, SO_MEMINFO. A script's %{ code }% asks for it with
 * getsockopt(2) itself, not through the table of calls; run.sh loads this object in front of libc, so that getsockopt of a
 * descriptor of ours comes here, and every other goes on to the kernel.
 */
#include <errno.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h> /* after it no netinet/tcp.h */
#include <netinet/in.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "pd.h"
#include "tcp/cc.h"
#include "tcp/rate.h"

static struct pd *asked; /* the one engine of this process */

void pd_info_of(struct pd *p)
{
	asked = p;
}

/* Linux's numbers of the states, by ours. */
static const uint8_t states[] = { 7, 10, 2, 3, 1, 4, 5, 8, 11, 9, 6 };

/* enum tcp_ca_state: Open, Disorder, CWR, Recovery, Loss. */
static uint8_t ca_state(const struct tcp_conn *c)
{
	if (c->flags & TCP_F_LOSS)
		return 4;
	if (c->flags & TCP_F_RECOVERY)
		return 3;
	if (c->ecn.flags & TCP_E_REDUCED && (int32_t)(c->snd_una - c->ecn.cwr_end) < 0)
		return 2;
	return c->sacked ? 1 : 0;
}

static uint8_t options(const struct tcp_conn *c)
{
	const struct tcp_ecn_counts *n = &tcp_cold_peek(c)->ecn;
	bool ect = n->received[ECN_ECT_0] || n->received[ECN_ECT_1] || n->received[ECN_CE];

	return (c->flags & TCP_F_TS ? TCPI_OPT_TIMESTAMPS : 0) | (c->flags & TCP_F_SACK ? TCPI_OPT_SACK : 0) |
	       (c->flags & TCP_F_WSCALE ? TCPI_OPT_WSCALE : 0) | (c->ecn.mode != TCP_ECN_NONE ? TCPI_OPT_ECN : 0) |
	       (ect ? TCPI_OPT_ECN_SEEN : 0) | (tcp_cold_peek(c)->fastopen.taken ? TCPI_OPT_SYN_DATA : 0);
}

/* In segments, which Linux counts and we do not: of a full size, the last one as well; our SYN is one, with its text if that was taken. */
static uint32_t delivered(const struct tcp_conn *c, uint32_t mss)
{
	const struct tcp_cold *cold = tcp_cold_peek(c);
	uint64_t bytes = cold->rate.delivered;

	if (cold->fastopen.taken && !(c->flags & TCP_F_PASSIVE))
		bytes -= cold->fastopen.text < bytes ? cold->fastopen.text : bytes;
	return (uint32_t)((bytes + mss - 1) / mss) + !!(c->flags & TCP_F_SYN_ACKED);
}

static void fill_flight(struct pd *p, const struct tcp_conn *c, struct tcp_info *i)
{
	struct tcp_tally t = tcp_tally_now(engine_env(p->e), c);
	const struct tcp_reorder *o = &tcp_cold_peek(c)->reorder;
	uint32_t mss = c->mss ? c->mss : 1;

	i->tcpi_unacked = t.all;
	i->tcpi_sacked = t.sacked;
	i->tcpi_lost = t.lost + t.retrans; /* Linux's lost_out: those that were sent again too */
	i->tcpi_retrans = t.retrans;
	i->tcpi_reordering = o->reordering > 3 ? o->reordering : 3;
	i->tcpi_reord_seen = o->reord_seen;
	i->tcpi_dsack_dups = o->dsack_dups;
	i->tcpi_snd_ssthresh = c->ssthresh >= TCP_SSTHRESH_NONE ? 0x7fffffff : c->ssthresh / mss;
	i->tcpi_snd_cwnd = c->cwnd / mss;
	i->tcpi_delivered = delivered(c, mss);
	i->tcpi_delivered_ce = tcp_cold_peek(c)->ecn.delivered_ce;
}

static void fill_account(struct pd *p, const struct tcp_conn *c, struct tcp_info *i)
{
	struct tcp_account a = tcp_account_now(c, p->now_ns);
	bool app_limited = false;

	i->tcpi_retransmits = a.retransmits;
	i->tcpi_total_retrans = a.retrans_segs;
	i->tcpi_last_data_sent = (uint32_t)((p->now_ns - c->last_tx_ns) / 1000000);
	i->tcpi_last_ack_recv = (uint32_t)((p->now_ns - c->last_rx_ns) / 1000000);
	/* Linux counts from the handshake while no data has come. */
	i->tcpi_last_data_recv = a.data_rx_ms == UINT32_MAX ? i->tcpi_last_ack_recv : a.data_rx_ms;
	i->tcpi_bytes_acked = a.bytes_acked;
	i->tcpi_bytes_received = a.bytes_received;
	i->tcpi_data_segs_in = a.data_segs_in;
	i->tcpi_data_segs_out = a.data_segs_out;
	i->tcpi_busy_time = a.busy_ns / 1000;
	i->tcpi_rwnd_limited = a.rwnd_limited_ns / 1000;
	i->tcpi_sndbuf_limited = a.sndbuf_limited_ns / 1000;
	i->tcpi_bytes_sent = a.bytes_sent + a.bytes_retrans;
	i->tcpi_bytes_retrans = a.bytes_retrans;
	i->tcpi_rcv_ooopack = a.ooo_segs_in;
	i->tcpi_delivery_rate = tcp_delivery_rate(c, &app_limited);
	i->tcpi_delivery_rate_app_limited = app_limited;
	i->tcpi_pacing_rate = tcp_pacing_rate_now(c);
}

static void fill_info(struct pd *p, const struct tcp_conn *c, struct tcp_info *i)
{
	i->tcpi_state = states[c->state];
	i->tcpi_ca_state = ca_state(c);
	i->tcpi_backoff = c->backoff;
	i->tcpi_probes = c->probes;
	i->tcpi_options = options(c);
	i->tcpi_snd_wscale = c->snd_wscale & 15;
	i->tcpi_rcv_wscale = c->rcv_wscale & 15;
	i->tcpi_rto = c->rto_us;
	i->tcpi_snd_mss = c->mss;
	i->tcpi_rcv_mss = c->rcv_seg_max;
	i->tcpi_pmtu = c->path_mtu;
	i->tcpi_rtt = c->srtt_us_x8 >> 3;
	i->tcpi_rttvar = c->rttvar_us_x4 >> 2;
	i->tcpi_min_rtt = c->min_rtt_us;
	i->tcpi_advmss = c->rcv_mss;
	i->tcpi_segs_in = c->segs_in;
	i->tcpi_segs_out = c->segs_out;
	i->tcpi_notsent_bytes = (uint32_t)tcp_send_unsent(c);
	i->tcpi_snd_wnd = c->snd_wnd;
	fill_flight(p, c, i);
	fill_account(p, c, i);
}

/* With the lock held. What is newer than this machine's struct tcp_info stays 0. */
bool pd_info(struct pd *p, const struct tcp_conn *c, int level, int name, void *value, socklen_t *len)
{
	uint32_t mem[SK_MEMINFO_VARS] = { 0 };
	struct tcp_info i = { 0 };

	if (level == IPPROTO_TCP && name == TCP_CC_INFO) {
		*len = 0; /* as for an algorithm that tells nothing */
		return true;
	}
	if (level == IPPROTO_TCP && name == TCP_INFO) {
		i.tcpi_state = states[TCP_CLOSED];
		if (c)
			fill_info(p, c, &i);
		memset(value, 0, *len);
		memcpy(value, &i, *len < sizeof(i) ? *len : sizeof(i));
		return true;
	}
	if (level != SOL_SOCKET || name != SO_MEMINFO)
		return false;
	if (c) {
		mem[SK_MEMINFO_RMEM_ALLOC] = c->rcvq.len;
		mem[SK_MEMINFO_RCVBUF] = c->rcvbuf;
		mem[SK_MEMINFO_SNDBUF] = tcp_send_limit(c);
		mem[SK_MEMINFO_WMEM_QUEUED] = (uint32_t)tcp_send_queued(c);
	}
	memset(value, 0, *len);
	memcpy(value, mem, *len < sizeof(mem) ? *len : sizeof(mem));
	return true;
}

int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict len)
{
	const struct pd_sock *s = asked ? pd_sock(asked, fd) : NULL;
	bool known;

	if (!s)
		return (int)syscall(SYS_getsockopt, fd, level, name, value, len);
	pthread_mutex_lock(&asked->lock);
	known = pd_info(asked, s->kind == PD_CONN ? engine_conn(asked->e, s->handle) : NULL, level, name, value, len);
	pthread_mutex_unlock(&asked->lock);
	return pd_result(known ? 0 : -ENOPROTOOPT);
}
