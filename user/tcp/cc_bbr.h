/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cc_bbr.h - the state of BBRv3 (draft-ietf-ccwg-bbr-06), shared by its files:
 *
 *   cc_bbr.c        the table's functions: one acknowledgement from end to end, Startup, Drain, undo, idle
 *   cc_bbr_model.c  what the path is: rounds, bandwidth, aggregation, the short-term bounds (5.5)
 *   cc_bbr_probe.c  ProbeBW: looking for more, the long-term bound (5.3.3)
 *   cc_bbr_rtt.c    the least round-trip time, ProbeRTT (5.3.4)
 *   cc_bbr_ctl.c    pacing rate and cwnd from the model (5.6)
 *
 * Names are the draft's. Bandwidths in bytes/s, volumes in bytes, gains in 1/256. An unset bound is BBR_NONE.
 */
#ifndef TCP_CC_BBR_H
#define TCP_CC_BBR_H

#include "tcp/cc.h"

#define BBR_UNIT 256u
#define BBR_NONE UINT32_MAX
#define BBR_BW_NONE UINT64_MAX
#define BBR_BW_MAX (1ull << 36)		 /* 550 Gbit/s: so that bandwidth times RTT fits */
#define BBR_BETA(x) ((x) - (x) / 10 * 3) /* 0.7 */
#define BBR_NS_PER_S 1000000000ull

enum bbr_state { BBR_STARTUP, BBR_DRAIN, BBR_DOWN, BBR_CRUISE, BBR_REFILL, BBR_UP, BBR_PROBE_RTT };
/* What the acknowledgements that come now answer (BBR.ack_phase). */
enum bbr_acks { BBR_ACKS_INIT, BBR_ACKS_REFILLING, BBR_ACKS_STARTING, BBR_ACKS_FEEDBACK, BBR_ACKS_STOPPING };

struct bbr {
	uint64_t max_bw[2];    /* of the ProbeBW cycle before, and of this one */
	uint64_t bw;	       /* max_bw, bounded by bw_shortterm */
	uint64_t bw_shortterm; /* BBR_BW_NONE: unset */
	uint64_t bw_latest;    /* largest sample of the last round */
	uint64_t full_bw;      /* baseline for "is it still growing?" */
	uint64_t undo_bw_shortterm;
	uint64_t next_round_delivered;
	uint64_t loss_round_delivered;
	uint64_t cycle_ns;	/* when this ProbeBW cycle began */
	uint64_t probe_wait_ns; /* how long until it probes */
	uint64_t min_rtt_ns;	/* when min_rtt_us was measured */
	uint64_t probe_rtt_min_ns;
	uint64_t probe_rtt_done_ns; /* 0: its level has not been reached yet */
	uint64_t extra_start_ns;    /* the interval over which aggregation is measured */
	uint64_t random;
	uint64_t extra_delivered; /* bytes delivered in it */
	uint32_t inflight_longterm;
	uint32_t inflight_shortterm;
	uint32_t inflight_latest;
	uint32_t undo_longterm;
	uint32_t undo_shortterm;
	uint32_t min_rtt_us; /* 0: none yet */
	uint32_t probe_rtt_min_us;
	uint32_t extra_acked[2]; /* largest of the last window of rounds, and of this one */
	uint32_t extra_rounds;	 /* rounds of this window so far */
	uint32_t round_count;
	uint32_t rounds_since_probe;
	uint32_t drain_round; /* round_count when Drain began */
	uint32_t prior_cwnd;
	uint32_t up_acked_per_inc;
	uint32_t up_acked;
	uint32_t loss_end;    /* right edge of what was last lost ... */
	uint32_t at_loss;     /* too_high: what was in flight when losses became too many */
	uint16_t loss_events; /* ranges lost in this round */
	uint8_t state;	      /* enum bbr_state */
	uint8_t acks;	      /* enum bbr_acks */
	uint8_t full_bw_count;
	uint8_t up_rounds;
	uint8_t undo_state; /* state that a loss ended; BBR_PROBE_RTT: none */
	bool full_bw_now, full_bw_reached;
	bool round_start, loss_round_start;
	bool loss_in_round;
	bool probe_sample;     /* what is acknowledged now was sent while probing */
	bool too_high;	       /* losses were too many for what was in flight; to be dealt with by the next ack */
	bool too_high_limited; /* ... but for want of data: the probe is over, and there is no new bound */
	bool prev_too_high, prev_precautionary;
	bool probe_rtt_expired, probe_rtt_round_done;
	bool idle_restart;
	bool recovering;
	bool has_rtt; /* the pacing rate rests on a measured RTT */
};

static inline struct bbr *bbr_of(struct tcp_conn *c)
{
	_Static_assert(sizeof(struct bbr) <= sizeof(((struct tcp_cold *)0)->cc_state), "cc_state is too small");
	return (struct bbr *)tcp_cold(c)->cc_state;
}

static inline uint64_t bbr_max_bw(const struct bbr *q)
{
	return q->max_bw[0] > q->max_bw[1] ? q->max_bw[0] : q->max_bw[1];
}

static inline bool bbr_probing_cycle(const struct bbr *q) /* IsInAProbeBWState() */
{
	return q->state >= BBR_DOWN && q->state <= BBR_UP;
}

/* ---- cc_bbr_model.c ---- */

void bbr_model_signals(struct tcp_conn *c, struct bbr *q, const struct tcp_cc_event *ev);
void bbr_model_advance(struct bbr *q, const struct tcp_cc_event *ev); /* at the end of an acknowledgement */
void bbr_reset_signals(struct bbr *q);
void bbr_reset_short_term(struct bbr *q);
void bbr_reset_full_bw(struct bbr *q);
void bbr_check_full_bw(struct bbr *q, const struct tcp_rate_sample *rs);
void bbr_start_round(struct tcp_conn *c, struct bbr *q);
void bbr_note_loss(struct tcp_conn *c, struct bbr *q);
void bbr_save_cwnd(const struct tcp_conn *c, struct bbr *q);
void bbr_save_state(const struct tcp_conn *c, struct bbr *q);
bool bbr_lost_too_much(const struct tcp_conn *c, uint32_t lost, uint32_t tx_in_flight);

/* ---- cc_bbr_probe.c ---- */

void bbr_enter_probe_bw(struct tcp_conn *c, struct bbr *q, uint64_t now_ns);
void bbr_start_refill(struct tcp_conn *c, struct bbr *q);
void bbr_resume_cruise(struct tcp_conn *c, struct bbr *q, uint64_t now_ns); /* after ProbeRTT */
void bbr_probe_cycle(struct tcp_conn *c, struct bbr *q, const struct tcp_cc_event *ev);
void bbr_inflight_too_high(struct tcp_conn *c, struct bbr *q, uint64_t now_ns);
uint32_t bbr_headroom(const struct tcp_conn *c, const struct bbr *q);

/* ---- cc_bbr_rtt.c ---- */

void bbr_update_min_rtt(struct bbr *q, const struct tcp_cc_event *ev);
void bbr_check_probe_rtt(struct tcp_conn *c, struct bbr *q, const struct tcp_cc_event *ev);
void bbr_probe_rtt_done(struct tcp_conn *c, struct bbr *q, uint64_t now_ns);

/* ---- cc_bbr_ctl.c ---- */

uint32_t bbr_bdp(const struct tcp_conn *c, const struct bbr *q, uint32_t gain);
uint32_t bbr_inflight(const struct tcp_conn *c, const struct bbr *q, uint32_t gain);
uint32_t bbr_probe_rtt_cwnd(const struct tcp_conn *c, const struct bbr *q);
void bbr_init_pacing(struct tcp_conn *c, struct bbr *q);
void bbr_set_pacing(struct tcp_conn *c, const struct bbr *q, uint32_t gain);
void bbr_control(struct tcp_conn *c, struct bbr *q, const struct tcp_cc_event *ev);

/* ---- cc_bbr.c ---- */

void bbr_enter_startup(struct bbr *q);

#endif
