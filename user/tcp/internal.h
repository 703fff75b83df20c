/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * internal.h - what the files of the core share with each other and nobody else.
 */
#ifndef TCP_INTERNAL_H
#define TCP_INTERNAL_H

#include <linux/errno.h>
#include <string.h>
#include "tcp/tcp.h"
#include "tcp/cc.h"
#include "tcp/seq.h"

/* ---- small questions ---- */

/* Bytes of sequence space sent and not cumulatively acknowledged. */
static inline uint32_t tcp_flight(const struct tcp_conn *c)
{
	return c->snd_nxt - c->snd_una;
}

/* RFC 6675 pipe: what is thought to be in the network. */
static inline uint32_t tcp_pipe(const struct tcp_conn *c)
{
	return tcp_flight(c) - c->sacked - c->lost;
}

/* Bytes queued and never sent. */
static inline uint32_t tcp_unsent(const struct tcp_conn *c)
{
	if (!(c->flags & TCP_F_SYN_ACKED) &&
	    !(c->fastopen & TCP_FO_ACCEPTED && c->state == TCP_SYN_RECEIVED && c->snd_nxt != c->iss))
		return 0;
	if (c->flags & TCP_F_FIN_SENT)
		return 0;
	return c->sndq_seq + c->sndq.len - c->snd_nxt;
}

static inline bool tcp_fin_due(const struct tcp_conn *c)
{
	return (c->flags & (TCP_F_FIN_QUEUED | TCP_F_FIN_SENT | TCP_F_SYN_ACKED)) ==
	       (TCP_F_FIN_QUEUED | TCP_F_SYN_ACKED);
}

/* States in which the peer may still send us data. */
static inline bool tcp_can_receive(const struct tcp_conn *c)
{
	return c->state == TCP_ESTABLISHED || c->state == TCP_FIN_WAIT_1 || c->state == TCP_FIN_WAIT_2 ||
	       (c->state == TCP_SYN_RECEIVED && c->fastopen & TCP_FO_ACCEPTED);
}

static inline bool tcp_synchronised(const struct tcp_conn *c)
{
	return c->state >= TCP_ESTABLISHED;
}

/* Timestamp clock of RFC 7323 5.4: ticks of 2^20 ns, about 1.05 ms. */
static inline uint32_t tcp_ts_now(const struct tcp_conn *c, uint64_t now_ns)
{
	return (uint32_t)(now_ns >> 20) + c->ts_offset;
}

static inline uint32_t tcp_us(uint64_t now_ns)
{
	return (uint32_t)(now_ns / 1000);
}

static inline uint32_t tcp_ms(uint64_t now_ns)
{
	return (uint32_t)(now_ns / 1000000);
}

/*
 * The oldest acknowledgement that can be a late one of this connection: a window back (RFC 5961 5.2), but no farther than
 * to where its SYN was acknowledged. What lies left of it was never sent (a ghost).
 */
static inline uint32_t tcp_ack_floor(const struct tcp_conn *c)
{
	uint64_t text = tcp_cold_peek(c)->account.bytes_acked;
	uint32_t fin = c->flags & TCP_F_FIN_SENT && (int32_t)(c->snd_una - c->fin_seq) > 0;

	return c->snd_una - (text + fin < c->max_snd_wnd ? (uint32_t)text + fin : c->max_snd_wnd);
}

static inline uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static inline uint32_t max_u32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* ---- ring.c: byte rings ---- */

/* Room for `need` bytes from head; keeps the first `keep`. False: no memory. */
bool ring_reserve(struct tcp_env *env, struct tcp_ring *r, uint32_t keep, uint32_t need, unsigned int hint);
/* Block back to memory; the next hint in *hint. */
void ring_release(struct tcp_env *env, struct tcp_ring *r, uint8_t *hint);
/* Into the smallest block that holds what is there. */
void ring_fit(struct tcp_env *env, struct tcp_ring *r);
/* Pieces of [off, off + len) from head: 1 or 2, or 0 when len is 0. */
uint32_t ring_spans(struct tcp_env *env, const struct tcp_ring *r, uint32_t off, uint32_t len, struct tcp_span span[2]);
static inline void ring_write(struct tcp_env *env, struct tcp_ring *r, uint32_t off, const uint8_t *data, uint32_t len)
{
	uint8_t *base = mem_ptr(env->mem, r->block);
	uint32_t at = (r->head + off) & (r->size - 1);
	uint32_t first = min_u32(len, r->size - at);

	memcpy(base + at, data, first);
	if (len > first)
		memcpy(base, data + first, len - first);
}
static inline void ring_drop(struct tcp_ring *r, uint32_t len) /* the first len bytes */
{
	r->head = (r->head + len) & (r->size - 1);
	r->len -= len;
}
/* ring_reserve() of an empty ring for len bytes, if a block of its size lies ready. False: nothing has changed. */
bool ring_take(struct tcp_env *env, struct tcp_ring *r, uint32_t len, unsigned int hint);

/* ---- recs.c: records of segments in flight ---- */

static inline struct tcp_rec *recs_at(struct tcp_env *env, const struct tcp_conn *c, uint32_t i)
{
	struct tcp_rec *ring = mem_ptr(env->mem, c->recs.block);

	return &ring[(c->recs.head + i) & (c->recs.cap - 1)];
}
struct tcp_rec *recs_push(struct tcp_env *env, struct tcp_conn *c); /* NULL: no memory */
void recs_pop(struct tcp_env *env, struct tcp_conn *c);		    /* the oldest */
void recs_free(struct tcp_env *env, struct tcp_conn *c);
uint32_t recs_find(struct tcp_env *env, const struct tcp_conn *c, uint32_t seq); /* first that ends right of seq */
/* Cut records longer than mss into pieces (the path MTU fell). */
void recs_resegment(struct tcp_env *env, struct tcp_conn *c);

/* ---- one acknowledgement, as the files of loss recovery see it ---- */

struct ack_info {
	uint64_t now_ns;
	uint32_t acked;	    /* bytes newly acknowledged, cumulatively */
	uint32_t delivered; /* bytes newly acknowledged or SACKed */
	uint32_t fack;	    /* high_sacked before it */
	uint32_t tsecr;	    /* echoed timestamp */
	uint32_t rtt_us;    /* sample taken from it; 0: none */
	bool has_tsecr;
	uint32_t ack;
	struct tcp_range twice; /* what the DSACK reports */
	bool has_sack;		/* it carries SACK blocks */
	bool dsack;		/* the first of them reports a duplicate (RFC 2883) */
	bool dup;		/* a duplicate by RFC 5681 2 */
	bool new_sack;		/* it SACKed something for the first time */
	bool original;		/* it delivered something never sent again, from before the recovery began */
	bool marked;		/* it tells of congestion marks (ECN) */
	uint32_t ce;		/* bytes that arrived marked, by what it tells */
	uint32_t segs;		/* segments newly acknowledged or SACKed */
	bool newest;		/* it delivered something whose time of sending is certain ... */
	uint32_t newest_us;	/* ... the last of that was sent then */
	uint32_t newest_end;	/* ... and ends there */
	bool rated;		/* rate is valid ... */
	struct tcp_rec rate;	/* ... the newest of the segments delivered, as it was in flight (rate.c) */
	struct tcp_rate_sample rs;
};

/* ---- sack.c ---- */

void sack_update(struct tcp_env *env, struct tcp_conn *c, const struct tcp_opts *o, struct ack_info *a);
void sack_reneged(struct tcp_env *env, struct tcp_conn *c);

/* ---- rack.c: RFC 8985 ---- */

/* A record is acknowledged or SACKed for the first time; its marks are still those from before. */
void rack_delivered(struct tcp_conn *c, const struct tcp_rec *r, struct ack_info *a);
/* Marks what must be lost by now, sets the timer for what may be. True: something was marked. */
bool rack_detect(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns);
/* Step 4: the reordering window grows with DSACKs (true), and shrinks again after recoveries without. */
bool rack_adapt(struct tcp_conn *c, bool dsack, bool recovered);
/* The retransmission timer fired. */
void rack_mark_on_rto(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns);

/* ---- tlp.c: RFC 8985 7 ---- */

/* Something was sent or acknowledged: set the probe timer, if a probe is allowed. */
void tlp_arm(struct tcp_conn *c, uint64_t now_ns);
/* The probe timer fired: output sends a probe (TCP_L_TLP_DUE). */
void tlp_expired(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns);
/* Output sent it. */
void tlp_sent(struct tcp_env *env, struct tcp_conn *c, bool rtx, uint64_t now_ns);
/* True: the probe mended a loss, cwnd is to be reduced. */
bool tlp_ack(struct tcp_conn *c, const struct ack_info *a);

/* ---- prr.c: RFC 9937 ---- */

void prr_begin(struct tcp_conn *c, uint32_t delivered);
/* cwnd for what the next acknowledgement lets go; safe: snd_una moved and nothing more was found lost. */
void prr_update(struct tcp_conn *c, uint32_t delivered, bool safe);

/* ---- frto.c: RFC 5682 ---- */

/* The retransmission timer fired; before anything is marked. */
void frto_begin(struct tcp_conn *c);
/* True: the acknowledgement shows that the timeout was needless. */
bool frto_ack(struct tcp_env *env, struct tcp_conn *c, const struct ack_info *a);
void frto_over(struct tcp_conn *c);

/* ---- undo.c: RFC 3522, 4015 ---- */

/* A loss, or a timeout, is about to reduce cwnd. */
void undo_begin(struct tcp_conn *c, bool timeout);
/* Something was sent again. */
void undo_retransmitted(struct tcp_conn *c, uint64_t now_ns);
/* True: the acknowledgement shows that the reduction was needless (undo.c, frto.c); it is undone. */
bool undo_ack(struct tcp_env *env, struct tcp_conn *c, const struct ack_info *a);

/* ---- rate.c: delivery rate ---- */

/* r was or is sent again; it is in the list, and in flight, already. */
void rate_sent(struct tcp_conn *c, struct tcp_rec *r, uint64_t now_ns);
/* A record is acknowledged or SACKed for the first time; before rack_delivered() changes anything. */
void rate_delivered(struct tcp_conn *c, const struct tcp_rec *r, struct ack_info *a);
/* A record has just been marked lost. */
void rate_lost(struct tcp_conn *c, const struct tcp_rec *r);
/* The left part of one. */
void rate_delivered_part(struct tcp_conn *c, uint32_t bytes, uint64_t now_ns);
/* All of the acknowledgement has been seen: a->rs. */
void rate_sample(struct tcp_conn *c, struct ack_info *a);
/* The application gives data: had it left the pipe unfilled? */
void rate_check_app(struct tcp_conn *c);
/* What is sent from now on, until all that is in flight is delivered, says nothing of the path. */
void rate_app_limited(struct tcp_conn *c);

/* ---- pacer.c ---- */

/* True: the next data has to wait; the connection has a deadline for it. */
bool pacer_holds(struct tcp_conn *c, uint64_t now_ns);
void pacer_expired(struct tcp_conn *c);
/* Bytes of data were sent, for the first time or again. */
void pacer_sent(struct tcp_conn *c, uint32_t bytes, uint64_t now_ns);
/* Nothing is in flight: so many bytes may leave at once. */
void pacer_credit(struct tcp_conn *c, uint32_t bytes);
/* The algorithm or what is asked for has changed: is the rate cwnd's (TCP_PACE_WINDOW)? */
void pacer_choose(struct tcp_conn *c);
/* With TCP_PACE_WINDOW: cwnd or the round-trip time may have changed. */
void pacer_window(struct tcp_conn *c);
/* Data waits for cwnd. */
static inline void pacer_limited(struct tcp_conn *c)
{
	if (c->pace & TCP_PACE_WINDOW)
		tcp_cold(c)->pace.limited_end = c->snd_nxt;
}
/* cwnd held data back in this round trip: with pacing that need not be so at every moment. */
static inline bool pacer_cwnd_used(const struct tcp_conn *c)
{
	return c->pace & TCP_PACE_WINDOW && tcp_cold_peek(c)->pace.cwnd &&
	       seq_leq(c->snd_una, tcp_cold_peek(c)->pace.limited_end);
}

/* ---- cwv.c: RFC 7661 ---- */

/* Outside of recovery; app_limited: cwnd was not what held us back. */
void cwv_ack(struct tcp_conn *c, const struct ack_info *a, bool app_limited);
/* Data is about to leave while nothing is in flight. True: cwnd is the restart window (RFC 5681 4.1). */
bool cwv_restart(const struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns);
/*
 * Congestion, before the algorithm hears of it. True: cwnd had not been validated; the phase ends, and cwnd and ev->prior_flight
 * are what was in use.
 */
bool cwv_congestion(struct tcp_conn *c, struct tcp_cc_event *ev);
/* ... a recovery begins with it; the algorithm has set ssthresh. */
void cwv_lost(struct tcp_conn *c, uint32_t used);
/* A recovery ends, fast or after a timeout, and ssthresh is to be what cwnd becomes. */
void cwv_recovered(struct tcp_conn *c, bool undone);
/* A segment of the flight is sent again for the first time. */
static inline void cwv_resent(struct tcp_conn *c, uint32_t bytes)
{
	if (c->flags & TCP_F_RECOVERY)
		tcp_cold(c)->cwv.resent += bytes;
}

/* ---- cc.c ---- */

/* So much is in flight: new data has just been sent. */
static inline void cc_used(struct tcp_conn *c, uint32_t flight)
{
	struct tcp_cold *cold = tcp_cold(c);

	if (flight < cold->used_most && seq_lt(c->snd_una, cold->used_end))
		return;
	cold->used_most = flight;
	cold->used_end = c->snd_nxt;
}
/* Bytes by which slow start may go on although cwnd was not full: to twice of what was in use (RFC 7661 4.3). */
static inline uint32_t cc_half_used(const struct tcp_conn *c)
{
	uint64_t twice = 2ull * tcp_cold_peek(c)->used_most;

	return c->cwnd < c->ssthresh && c->cwnd < twice && seq_leq(c->snd_una, tcp_cold_peek(c)->used_end)
		       ? (uint32_t)(twice - c->cwnd)
		       : 0;
}

/* ---- loss.c ---- */

void loss_ack(struct tcp_env *env, struct tcp_conn *c, const struct ack_info *a);
void loss_reorder_expired(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns);
void loss_rto(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns);
void loss_mark(struct tcp_conn *c, struct tcp_rec *r);

/* ---- rtt.c ---- */

void rtt_sample(struct tcp_env *env, struct tcp_conn *c, uint32_t rtt_us);
void rtt_backoff(struct tcp_env *env, struct tcp_conn *c);

/* ---- ack.c ---- */

/* RFC 9293 3.10.7.4, fifth step, the common part. False: the segment is to be dropped. */
bool ack_input(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg, uint64_t now_ns);
/* The cumulative acknowledgement moved to ack: records, RTT, buffer. */
struct ack_info ack_begin(const struct tcp_conn *c, const struct tcp_seg *seg, uint64_t now_ns);
void ack_advance(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg, struct ack_info *a);
/* RFC 9293: only the newest segment's window counts. */
static inline void ack_window(struct tcp_conn *c, const struct tcp_seg *seg)
{
	uint32_t wnd = (uint32_t)seg->wnd << c->snd_wscale; /* SYNs do not come here (take_syn) */

	/*
	 * WL1 and WL2, and besides what RFC 9293 says: who acknowledges more has spoken later, even in a
	 * retransmission left of WL1. Else snd_una moves, the old window stays, and so its right edge runs ahead.
	 */
	if (seq_leq(seg->ack, c->snd_wl2) && !seq_lt(c->snd_wl1, seg->seq) &&
	    !(c->snd_wl1 == seg->seq && c->snd_wl2 == seg->ack))
		return;
	if (wnd && !c->snd_wnd && !c->recs.count) { /* it opened: the persist timer's work is done */
		c->rtx_deadline = TCP_NEVER;
		c->retrans_start = 0;
		c->probes = 0;
	}
	c->snd_wnd = wnd;
	c->snd_wl1 = seg->seq;
	c->snd_wl2 = seg->ack;
	c->max_snd_wnd = max_u32(c->max_snd_wnd, wnd);
}
/* ack_input() of a segment that acknowledges something new, or that comes while something is in flight. */
bool ack_any(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg, uint64_t now_ns);

/* ---- recvq.c ---- */

/* Text of a segment, already known to overlap the window. Returns bytes that rcv_nxt advanced. */
uint32_t recvq_put(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg);
/* Forget what is out of order: it will be sent again (RFC 2018 8). There is some. */
void recvq_prune(struct tcp_env *env, struct tcp_conn *c);
/* The largest window that can ever be announced: the buffer, or what the field can say with the agreed scale. */
static inline uint32_t recvq_window_max(const struct tcp_conn *c)
{
	return min_u32(c->rcvbuf, 65535u << c->rcv_wscale);
}
/* The smallest step by which its right edge is moved (RFC 9293 3.8.6.2.2, MUST-39): tcp_output() and reading must agree. */
static inline uint32_t recvq_window_step(const struct tcp_conn *c)
{
	return max_u32(min_u32(recvq_window_max(c) / 2, c->rcv_mss), 1u << c->rcv_wscale);
}
#define RECVQ_PRESSED_SEGS 4u /* segments that are announced while memory is pressed */
/*
 * Bytes we could announce from rcv_nxt; what is announced already holds in any case. Free buffer, less what rounding to the
 * scale may add; little while memory is pressed.
 */
static inline uint32_t recvq_window(const struct tcp_env *env, const struct tcp_conn *c)
{
	uint32_t slack = c->rcv_wscale ? 1u << c->rcv_wscale : 0;
	uint32_t used = c->rcvq.len + slack;
	uint32_t wnd = used < c->rcvbuf ? min_u32(c->rcvbuf - used, recvq_window_max(c)) : 0;

	if (mem_pressed(env->mem))
		wnd = min_u32(wnd, max_u32(RECVQ_PRESSED_SEGS * c->rcv_mss, 1u << c->rcv_wscale));
	return wnd;
}
/* The window field; the right edge never moves left and only in worthwhile steps (3.8.6.2.2, SHLD-14). */
static inline uint16_t recvq_announce(const struct tcp_env *env, struct tcp_conn *c)
{
	uint32_t left = c->rcv_adv - c->rcv_nxt, wnd = recvq_window(env, c), shift = c->rcv_wscale, field;

	if (wnd < left || wnd - left < recvq_window_step(c))
		wnd = left;
	field = wnd >> shift;
	/* Rounded up, or the edge would move left (RFC 7323 2.4); not past the buffer, or it would creep right. */
	if (field << shift < left && c->rcvq.len + ((field + 1) << shift) <= c->rcvbuf)
		field++;
	field = min_u32(field, 65535);
	if (field << shift > left)
		c->rcv_adv = c->rcv_nxt + (field << shift);
	return (uint16_t)field;
}
/* The stream ends at fin: what was received beyond it does not count. */
void recvq_cut(struct tcp_env *env, struct tcp_conn *c, uint32_t fin);
void recvq_free(struct tcp_env *env, struct tcp_conn *c);
/* [start, end) came once more: the next ACK says so (RFC 2883). */
void recvq_duplicate(struct tcp_env *env, struct tcp_conn *c, uint32_t start, uint32_t end);
struct tcp_ooo {
	uint8_t recent[TCP_SACK_MAX]; /* indices of the ranges that grew last, newest first: SACK's blocks */
	struct tcp_range r[TCP_OOO_RANGES];
};
static inline struct tcp_ooo *recvq_ooo(struct tcp_env *env, const struct tcp_conn *c)
{
	return mem_ptr(env->mem, c->ooo);
}

/* ---- ecn.c: RFC 3168, RFC 8257 3.2 ---- */

/* Flags of our SYN or SYN-ACK, which has been retransmitted so many times. */
uint16_t ecn_syn_flags(struct tcp_conn *c, uint32_t again);
/* The peer's SYN opens the connection, or crosses ours. */
void ecn_syn(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *syn);
/* It came again before the handshake was over. False: it asks for the other kind of ECN, reset (RFC 9768 3.1.5). */
bool ecn_syn_again(struct tcp_conn *c, const struct tcp_seg *syn);
void ecn_syn_ack(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg);
/* An acceptable segment; its text has not been taken yet. */
void ecn_received(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg);
/* Feedback for the peer into a segment without SYN that carries len bytes. */
void ecn_out(struct tcp_conn *c, struct tcp_seg *out, uint32_t len);
/* The ECN field of any segment, where the algorithm wants all of them ECN-capable. */
void ecn_control(struct tcp_conn *c, struct tcp_seg *out, uint32_t len);
/* It carries new data. */
void ecn_new_data(struct tcp_conn *c, struct tcp_seg *out);
/* Make a pure ACK, just filled, into the first of the owed old ones (tcp_ecn.ce_acks was owed). */
void ecn_old_ack(struct tcp_conn *c, struct tcp_seg *out, uint8_t owed);
/* Feedback of the peer; what it newly acknowledges has been noted in a. */
void ecn_ack(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg, struct ack_info *a,
	     uint32_t prior_flight);
/* cwnd has been reduced for a loss: not again for ECN in this window, and the peer is told. */
void ecn_window_reduced(struct tcp_conn *c);
/* ... and that was undone. */
void ecn_window_undone(struct tcp_conn *c);
/* True: cwnd has been reduced for ECN already in this window. */
static inline bool ecn_reduced(const struct tcp_conn *c)
{
	return c->ecn.flags & TCP_E_REDUCED && seq_leq(c->snd_una, c->ecn.cwr_end);
}

/* ---- accecn.c: RFC 9768 3.2 ---- */

void accecn_begin(struct tcp_conn *c);
uint16_t accecn_syn_code(uint8_t ecn); /* flags of a SYN-ACK that tell this ECN field of the SYN */
void accecn_syn_ack(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg);
void accecn_syn_ack_again(struct tcp_conn *c, const struct tcp_seg *seg); /* when established */
void accecn_received(struct tcp_conn *c, const struct tcp_seg *seg, uint32_t segs);
void accecn_out(struct tcp_conn *c, struct tcp_seg *out, uint32_t len);
void accecn_ack(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg, struct ack_info *a);
void accecn_rto(struct tcp_conn *c);
void accecn_duplicate(struct tcp_conn *c);
/* The option that the next segment carries if it has this room: bytes, padding included; 0: none. */
uint32_t accecn_option_len(const struct tcp_conn *c, uint32_t room);
uint8_t *accecn_option_put(uint8_t *p, struct tcp_conn *c, uint32_t room);

/* ---- user.c ---- */

/* What is queued is not to wait for more. */
void user_push(struct tcp_conn *c);

/* ---- record.c ---- */

/* Bytes from snd_nxt to the next end of a record; UINT32_MAX: none is marked. */
uint32_t record_left(struct tcp_conn *c);

/* ---- fast.c ---- */

/* False: the segment is not what was expected, nothing has changed, and it takes the long way. */
bool fast_input(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg, uint64_t now_ns);
/* False: not a mere acknowledgement, or none is owed; nothing has changed. */
bool fast_output(struct tcp_env *env, struct tcp_conn *c, struct tcp_seg *out, uint64_t now_ns);

/* ---- input.c ---- */

/* Text, URG and FIN that came with a SYN, which has been taken. */
enum tcp_verdict input_syn_payload(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg, uint64_t now_ns);

/* ---- fastopen.c: RFC 7413 ---- */

/* The application's data is taken although the handshake is not over. */
static inline bool fastopen_may_send(const struct tcp_conn *c)
{
	return c->fastopen & (TCP_FO_ACTIVE | TCP_FO_ACCEPTED) &&
	       (c->state == TCP_SYN_SENT || c->state == TCP_SYN_RECEIVED);
}
/* Bytes of text that our first SYN carries. */
uint32_t fastopen_text(const struct tcp_conn *c);
/* A SYN is made: the first, with so many bytes of text; or again. */
void fastopen_syn_sent(struct tcp_env *env, struct tcp_conn *c, uint32_t text);
void fastopen_syn_again(struct tcp_env *env, struct tcp_conn *c);
/* The SYN-ACK has been taken. */
void fastopen_syn_ack(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg);
/* ESTABLISHED: text that went with the SYN and was not acknowledged with it goes again. */
void fastopen_established(struct tcp_env *env, struct tcp_conn *c);
/* The timer has fired several times, or for the last time; a RST came that is in the window but not at its edge. */
void fastopen_timeout(struct tcp_env *env, struct tcp_conn *c);
void fastopen_odd_reset(struct tcp_env *env, struct tcp_conn *c);
/* Bytes of the option in a SYN; 0: none. */
uint32_t fastopen_option_len(const struct tcp_conn *c);
uint8_t *fastopen_option_put(uint8_t *p, const struct tcp_conn *c);

/* ---- rcvtune.c ---- */

void rcvtune_init(const struct tcp_env *env, struct tcp_conn *c);
/* Text of this segment was taken in order. */
void rcvtune_data(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg, uint64_t now_ns);

/* ---- sndtune.c ---- */

void sndtune_init(const struct tcp_env *env, struct tcp_conn *c);
/* snd_una moved; flight: bytes in flight before. */
void sndtune_ack(struct tcp_env *env, struct tcp_conn *c, uint32_t flight);
/* Tell the application if there is room again. */
void sndtune_writable(struct tcp_conn *c);

/* ---- uto.c: RFC 5482 ---- */

uint16_t uto_field(const struct tcp_env *env, const struct tcp_conn *c); /* as in the option */
bool uto_owed(const struct tcp_conn *c);
void uto_sent(struct tcp_conn *c);
bool uto_syn_again(struct tcp_conn *c); /* true: this SYN shall not carry it, a later segment will */
/* Options of an acceptable segment. */
void uto_received(const struct tcp_env *env, struct tcp_conn *c, const struct tcp_opts *o);

/* ---- options.c ---- */

enum {
	OPT_EOL = 0,
	OPT_NOP = 1,
	OPT_MSS = 2,
	OPT_WSCALE = 3,
	OPT_SACK_OK = 4,
	OPT_SACK = 5,
	OPT_TS = 8,
	OPT_UTO = 28,	    /* RFC 5482 */
	OPT_FASTOPEN = 34,  /* RFC 7413 2 */
	OPT_EXP = 254,	    /* RFC 6994 */
	OPT_ACCECN_0 = 172, /* RFC 9768 3.2.3: counters E0B, CEB, E1B */
	OPT_ACCECN_1 = 174, /* ... in the opposite order */
};
#define OPT_EXP_FASTOPEN 0xf989u /* what OPT_EXP is for (RFC 7413 9) */

/* Options of an outgoing segment into out->opt; SACK blocks only as far as room bytes go. */
void options_syn(const struct tcp_env *env, struct tcp_conn *c, struct tcp_seg *out, uint64_t now_ns);
void options_put(struct tcp_env *env, struct tcp_conn *c, struct tcp_seg *out, uint32_t room, uint64_t now_ns);
/* Bytes of options that the next data segment carries beyond what mss allows for. */
uint32_t options_extra(const struct tcp_conn *c);
/* What both SYNs agreed on. */
void options_agree(const struct tcp_env *env, struct tcp_conn *c, const struct tcp_opts *o, uint64_t now_ns);

/* ---- delack.c ---- */

/* Text in order, len bytes of it: an ACK is owed, now or later. */
#define DELACK_QUICK 16u
static inline void delack_text(const struct tcp_env *env, struct tcp_conn *c, struct tcp_acks *a, uint32_t len,
			       uint64_t now_ns)
{
	uint32_t now_ms = tcp_ms(now_ns);

	if (!a->begun || (now_ms != a->data_ms && now_ms - a->data_ms > c->rto_us / 1000))
		a->quick = DELACK_QUICK;
	a->begun = true;
	a->data_ms = now_ms;
	c->rcv_unacked += len;
	if (len > c->rcv_seg_max)
		c->rcv_seg_max = (uint16_t)min_u32(len, c->rcv_mss);
	if (c->rcv_unacked >= 2u * c->rcv_seg_max || c->flags & TCP_F_QUICKACK || (a->quick && !a->interactive)) {
		c->flags |= TCP_F_ACK_NOW;
	} else if (!(c->flags & TCP_F_ACK_DELAYED)) {
		c->flags |= TCP_F_ACK_DELAYED;
		c->delack_deadline = now_ns + env->conf.delack_ns;
	}
}
static inline void delack_data(const struct tcp_env *env, struct tcp_conn *c, uint32_t len, uint64_t now_ns)
{
	delack_text(env, c, &tcp_cold(c)->acks, len, now_ns);
}
/* Something out of order or twice: at once, and so the next ones. */
void delack_quick(struct tcp_conn *c);
/* A segment with ACK is made. */
static inline void delack_sent(struct tcp_conn *c)
{
	struct tcp_acks *a;

	c->last_ack_sent = c->rcv_nxt;
	c->flags &= ~(uint32_t)(TCP_F_ACK_NOW | TCP_F_ACK_DELAYED);
	c->delack_deadline = TCP_NEVER;
	if (!c->rcv_unacked)
		return;
	c->rcv_unacked = 0;
	a = &tcp_cold(c)->acks;
	a->quick -= !!a->quick;
}
/* New data of ours leaves. */
/* Text waited for the handshake: a request. */
void delack_request(struct tcp_conn *c);
void delack_answered(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns);
void delack_expired(struct tcp_env *env, struct tcp_conn *c);

/* ---- plpmtud.c: RFC 4821, for c->mtu_state other than TCP_MTU_FIXED unless it says so ---- */

/* Search between low and high, both bytes of IP packet; again_ns: not before then, 0 at once. From any state. */
void plpmtud_begin(struct tcp_conn *c, uint32_t low, uint32_t high, uint64_t again_ns);
/* Payload of the next full segment: full, or more when it is to be a probe (plpmtud_sent follows if it is sent). */
uint32_t plpmtud_payload(struct tcp_conn *c, uint32_t full, uint64_t now_ns);
void plpmtud_sent(struct tcp_env *env, struct tcp_conn *c, uint32_t seq);
/* In TCP_MTU_PROBING: an acknowledgement came. */
void plpmtud_ack(struct tcp_env *env, struct tcp_conn *c);
/* In TCP_MTU_PROBING: something was marked lost. True: the probe alone, and that is no congestion. */
bool plpmtud_lost(struct tcp_env *env, struct tcp_conn *c);
/* The retransmission timer fired and records have been marked; from any state. */
void plpmtud_timeout(struct tcp_env *env, struct tcp_conn *c);
/* The host, or an ICMP error, says that larger packets do not pass. */
void plpmtud_limit(struct tcp_env *env, struct tcp_conn *c, uint32_t mtu, bool by_icmp);

/* ---- icmp.c ---- */

/* The retransmission timer fired: an error may have to be believed now. */
void icmp_timeout(struct tcp_env *env, struct tcp_conn *c);

/* ---- account.c ---- */

void account_limit(struct tcp_conn *c, enum tcp_limit limit, uint64_t now_ns);
/* Output has nothing more to make now: why? */
void account_output(struct tcp_conn *c, uint64_t now_ns);
/* A segment with payload came. */
static inline void account_data(struct tcp_conn *c, uint64_t now_ns)
{
	struct tcp_account *a = &tcp_cold(c)->account;

	a->data_segs_in++;
	a->data_rx_ms = tcp_ms(now_ns);
}
void account_rto(struct tcp_conn *c, uint64_t now_ns);
/* snd_una moved. */
void account_acked(struct tcp_conn *c, uint64_t now_ns);

/* ---- timer.c ---- */

void timer_rtx_arm(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns);
void timer_rtx_restart(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns);
void timer_persist_arm(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns);
void timer_fin_wait2_arm(const struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns); /* of an orphan */

/* ---- isn.c ---- */

uint32_t isn_make(const struct tcp_env *env, const struct tcp_conn *c, uint64_t now_ns);
uint32_t isn_ts_offset(const struct tcp_env *env, const struct tcp_conn *c);

/* ---- conn.c ---- */

void conn_init(struct tcp_env *env, struct tcp_conn *c, const struct tcp_open *o, uint64_t now_ns);
void conn_update_mss(struct tcp_conn *c);
/* Headers without options, bytes. */
static inline uint32_t conn_header_bytes(const struct tcp_conn *c)
{
	return (c->flags & TCP_F_V6 ? 40u : 20u) + 20u;
}
/* The packets we send from now on; what is in flight and larger is taken for lost and cut. */
void conn_set_mtu(struct tcp_env *env, struct tcp_conn *c, uint32_t mtu);
/* The end: CLOSED with this errno (0: clean), queues dropped but for what can still be read. */
void conn_done(struct tcp_env *env, struct tcp_conn *c, int err);
void conn_time_wait(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns);
/* A challenge ACK, if this connection's limit allows (RFC 5961 7). */
void conn_challenge(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns);
/* Tell the application that something is wrong: a soft error, or (0) that nothing has been acknowledged for long. */
void conn_report(struct tcp_conn *c, uint16_t err);
void conn_established(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns);

#endif
