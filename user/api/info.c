// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* info.c - looking in: the engine, a connection, the counters of both halves. */
#include "api/private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "lib/fail.h"

_Static_assert((int)XTCP_TIME_WAIT == (int)TCP_TIME_WAIT && (int)XTCP_CLOSED == (int)TCP_CLOSED &&
		       (int)XTCP_CLOSE_WAIT == (int)TCP_CLOSE_WAIT,
	       "enum xtcp_state and enum tcp_state must agree");
_Static_assert(XTCP_EV_OPEN == TCP_EV_OPEN && XTCP_EV_READABLE == TCP_EV_READABLE &&
		       XTCP_EV_WRITABLE == TCP_EV_WRITABLE && XTCP_EV_PEER_FIN == TCP_EV_PEER_FIN &&
		       XTCP_EV_ERROR == TCP_EV_ERROR && XTCP_EV_CLOSED == TCP_EV_CLOSED &&
		       XTCP_EV_URGENT == TCP_EV_URGENT && XTCP_EV_SOFT_ERROR == TCP_EV_SOFT_ERROR,
	       "XTCP_EV_* and TCP_EV_* must agree");

const char *xtcp_state_name(enum xtcp_state state)
{
	return tcp_state_name((uint8_t)state);
}

/* What the sparse region has been given by the kernel so far. */
static uint64_t region_bytes(const struct xtcp *x)
{
	struct stat st;

	return fstat(engine_region_fd(x->engine), &st) ? 0 : (uint64_t)st.st_blocks * 512;
}

void xtcp_engine_info(struct xtcp *x, struct xtcp_engine_info *out)
{
	const struct ctl_link *l = ctl_link(x->ctl);
	struct engine_counts n;

	memset(out, 0, sizeof(*out));
	engine_counts(x->engine, &n);
	memcpy(out->ifname, l->name, sizeof(out->ifname));
	out->ifindex = l->ifindex;
	memcpy(out->mac, l->mac, 6);
	out->mtu = l->mtu;
	out->mode = ctl_mode(x->ctl) == CTL_MODE_GENERIC ? XTCP_MODE_GENERIC : XTCP_MODE_NATIVE;
	out->mode_why = ctl_mode_why(x->ctl);
	out->no_supers_why = x->xsk.gso ? ctl_no_supers(l) : "zero-copy AF_XDP sends by itself";
	out->no_busy_poll_why = x->no_busy_poll;
	out->no_tx_csum_why = x->no_tx_csum;
	out->chunk_bytes = engine_frames(x->engine)->chunk_size;
	if (!out->no_supers_why)
		out->no_supers_why = "";
	out->zero_copy = x->xsk.zero_copy;
	out->multi_buffer = x->xsk.multi_buffer;
	out->link_up = l->up;
	out->queues = x->xsk.queues;
	out->pin_path = ctl_pin_path(x->ctl);
	out->conns = n.conns;
	out->time_waits = n.time_waits;
	out->buffer_used = n.buffer_used;
	out->frames_lost = n.frames_lost;
	out->buffer_peak = n.buffer_peak;
	out->mem_pressed = n.mem_pressed;
	out->region_bytes = region_bytes(x);
	out->map_bytes = XTCP_FLOWS * sizeof(struct xtcp_flow) + XTCP_PORTS * sizeof(struct xtcp_port_entry);
	out->first_queue = x->xsk.queue;
	out->engine = x->seat;
}

static uint64_t ago_ns(uint32_t ms)
{
	return ms == UINT32_MAX ? UINT64_MAX : ms * 1000000ull;
}

static void fill_account(struct xtcp_info *i, const struct tcp_conn *c, uint64_t now_ns)
{
	struct tcp_account a = tcp_account_now(c, now_ns);

	i->bytes_sent = a.bytes_sent;
	i->bytes_received = a.bytes_received;
	i->bytes_retrans = a.bytes_retrans;
	i->bytes_acked = a.bytes_acked;
	i->retrans = a.retrans_segs;
	i->retransmits = a.retransmits;
	i->rto_recoveries = a.rto_recoveries;
	i->rto_time_ns = a.rto_time_ms * 1000000ull;
	i->data_segs_out = a.data_segs_out;
	i->data_segs_in = a.data_segs_in;
	i->rcv_ooopack = a.ooo_segs_in;
	i->last_data_sent_ns = a.bytes_sent ? now_ns - c->last_tx_ns : UINT64_MAX;
	i->last_data_recv_ns = ago_ns(a.data_rx_ms);
	i->last_ack_recv_ns = c->flags & TCP_F_SYN_ACKED ? now_ns - c->last_rx_ns : UINT64_MAX;
	i->busy_ns = a.busy_ns;
	i->rwnd_limited_ns = a.rwnd_limited_ns;
	i->sndbuf_limited_ns = a.sndbuf_limited_ns;
}

static void fill_queues(struct xtcp_info *i, const struct tcp_conn *c)
{
	i->unacked = c->snd_nxt - c->snd_una;
	i->sacked = c->sacked;
	i->lost = c->lost;
	i->notsent = (uint32_t)tcp_send_unsent(c);
	i->rcv_queued = c->rcvq.len;
	i->sndbuf = tcp_send_limit(c);
	i->rcvbuf = c->rcvbuf;
	i->memory = tcp_memory(c);
}

static void fill_recovery(struct xtcp_info *i, const struct tcp_env *env, const struct tcp_conn *c)
{
	const struct tcp_reorder *o = &tcp_cold_peek(c)->reorder;
	struct tcp_tally t = tcp_tally_now(env, c);

	i->reordering = o->reordering > 3 ? o->reordering : 3; /* DupThresh, until more was seen */
	i->reord_seen = o->reord_seen;
	i->dsack_dups = o->dsack_dups;
	i->unacked_segs = t.all;
	i->sacked_segs = t.sacked;
	i->lost_segs = t.lost;
	i->retrans_segs = t.retrans;
}

static void fill_ecn(struct xtcp_info *i, const struct tcp_conn *c)
{
	const struct tcp_ecn_counts *n = &tcp_cold_peek(c)->ecn;

	i->ecn = c->ecn.mode;
	i->ecn_ect = c->ecn.mode != TCP_ECN_NONE && !(c->ecn.flags & TCP_E_NO_ECT);
	i->received_ce = n->received[ECN_CE];
	i->received_e0 = n->received[ECN_ECT_0];
	i->received_e1 = n->received[ECN_ECT_1];
	i->received_ce_bytes = n->received_bytes[ECN_CE];
	i->received_e0_bytes = n->received_bytes[ECN_ECT_0];
	i->received_e1_bytes = n->received_bytes[ECN_ECT_1];
	i->delivered_ce = n->delivered_ce;
	i->delivered_ce_bytes = n->delivered_bytes[ECN_CE];
	i->delivered_e0_bytes = n->delivered_bytes[ECN_ECT_0];
	i->delivered_e1_bytes = n->delivered_bytes[ECN_ECT_1];
	i->ecn_reductions = n->reductions;
}

static void fill_rate(struct xtcp_info *i, const struct tcp_conn *c)
{
	i->delivery_rate = tcp_delivery_rate(c, &i->delivery_rate_app_limited);
	i->pacing_rate = tcp_pacing_rate_now(c);
	i->bytes_delivered = tcp_cold_peek(c)->rate.delivered;
	i->bytes_lost = tcp_cold_peek(c)->rate.lost;
}

int xtcp_get_info(struct xtcp *x, uint64_t handle, size_t size, struct xtcp_info *out)
{
	const struct tcp_conn *c = engine_conn(x->engine, handle);
	struct xtcp_info i = { 0 };

	if (!c)
		return fail(EBADF, "the handle is stale: the connection was closed");
	i.state = (enum xtcp_state)c->state;
	i.error = c->error;
	i.soft_error = c->soft_error;
	api_addr_put(&c->laddr, c->lport, &i.local);
	api_addr_put(&c->raddr, c->rport, &i.remote);
	i.mss = c->mss;
	i.rcv_mss = c->rcv_mss;
	i.snd_wscale = c->snd_wscale;
	i.rcv_wscale = c->rcv_wscale;
	i.timestamps = c->flags & TCP_F_TS;
	i.sack = c->flags & TCP_F_SACK;
	i.wscale_ok = c->flags & TCP_F_WSCALE;
	i.srtt_ns = (c->srtt_us_x8 >> 3) * 1000ull;
	i.rttvar_ns = (c->rttvar_us_x4 >> 2) * 1000ull;
	i.rto_ns = c->rto_us * 1000ull;
	i.cwnd = c->cwnd;
	i.ssthresh = c->ssthresh;
	i.snd_wnd = c->snd_wnd;
	i.rcv_wnd = c->rcv_adv - c->rcv_nxt;
	i.snd_una = c->snd_una;
	i.snd_nxt = c->snd_nxt;
	i.rcv_nxt = c->rcv_nxt;
	i.iss = c->iss;
	i.irs = c->irs;
	i.in_flight = c->snd_nxt - c->snd_una - c->sacked - c->lost;
	i.segs_out = c->segs_out;
	i.segs_in = c->segs_in;
	i.rto_count = c->rto_count;
	snprintf(i.cc, sizeof(i.cc), "%s", tcp_cc_name(c->cc));
	i.pmtu = c->path_mtu;
	i.backoff = c->backoff;
	i.probes = c->probes;
	i.min_rtt_ns = c->min_rtt_us * 1000ull;
	fill_queues(&i, c);
	fill_recovery(&i, engine_env(x->engine), c);
	fill_account(&i, c, engine_now(x->engine));
	fill_ecn(&i, c);
	fill_rate(&i, c);
	memcpy(out, &i, size < sizeof(i) ? size : sizeof(i));
	return 0;
}

/* ---- counters ---- */

enum { PASS, REDIR, DROP, COUNT };
static const char *const kinds[] = { "pass", "redir", "drop", "count" };

static const struct {
	const char *name, *text;
	uint8_t kind;
	bool xdp;
} stat_list[] = {
#define XTCP_XDP_STAT(kind, name, text) { #name, text, kind, true },
#include "xtcp/stats.def"
#define XTCP_USER_STAT(kind, name, text) { #name, text, kind, false },
#include "xtcp/stats.def"
};

int xtcp_stat_get(struct xtcp *x, unsigned int index, struct xtcp_stat *out)
{
	struct xtcp_xdp_stats xdp;
	struct engine_counts n;

	if (index >= sizeof(stat_list) / sizeof(stat_list[0]))
		return -ENOENT;
	out->name = stat_list[index].name;
	out->text = stat_list[index].text;
	out->kind = kinds[stat_list[index].kind];
	out->half = stat_list[index].xdp ? "xdp" : "engine";
	if (stat_list[index].xdp) {
		memset(&xdp, 0, sizeof(xdp));
		ctl_xdp_stats(x->ctl, &xdp);
		out->value = ((const uint64_t *)&xdp)[index];
	} else if (index - XTCP_XDP_STATS == XTCP_USER_frames_lost) {
		engine_counts(x->engine, &n);
		out->value = n.frames_lost;
	} else {
		out->value = engine_stats(x->engine)[index - XTCP_XDP_STATS];
	}
	return 0;
}
