/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tcp.h - the core: one TCP connection as a state machine without input or
 * output of its own (RFC 9293). It makes no system call, reads no clock, draws
 * no random number, keeps no global, uses no floating point. Time comes in as
 * now_ns (CLOCK_MONOTONIC or simulated), secrets in struct tcp_env, memory from
 * the engine's buddy allocator.
 *
 *   tcp_input()    takes a segment and changes state; it never sends
 *   tcp_output()   makes the next segment that is due, one a call
 *   tcp_deadline() says when tcp_expire() wants to be called next
 *
 * Everything in struct tcp_conn is plain data without pointers: it lives in a
 * region that several processes map at different addresses.
 *
 * Invariants (asserted by tcp_check, which the simulator calls after each event):
 *   snd_una <= snd_nxt <= snd_una + (bytes queued) + SYN + FIN
 *   the records tile [snd_una, snd_nxt) without gap or overlap
 *   the right edge rcv_nxt + rcv_wnd never moves left
 *   out-of-order ranges are ordered, disjoint, not adjacent, right of rcv_nxt
 */
#ifndef TCP_TCP_H
#define TCP_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "xtcp/shared.h"
#include "tcp/conf.h"
#include "lib/mem.h"
#include "tcp/rec.h"
#include "tcp/ecn.h"
#include "tcp/cold.h"

#define TCP_MSS_DEFAULT_V4 536 /* RFC 9293 3.7.1, MUST-15 */
#define TCP_MSS_DEFAULT_V6 1220
#define TCP_MSS_FLOOR 48  /* no segment size is below it, whatever the peer and the path say (CVE-2019-11479) */
#define TCP_WSCALE_MAX 14 /* RFC 7323 2.3 */
#define TCP_OPT_MAX 40	  /* bytes of options in a header */
#define TCP_SPANS 18	  /* pieces of one segment's payload */
#define TCP_OOO_RANGES 31 /* out-of-order ranges kept for a connection */
#define TCP_SACK_MAX 4

/* The same values as enum xtcp_state. */
enum tcp_state {
	TCP_CLOSED,
	TCP_LISTEN,
	TCP_SYN_SENT,
	TCP_SYN_RECEIVED,
	TCP_ESTABLISHED,
	TCP_FIN_WAIT_1,
	TCP_FIN_WAIT_2,
	TCP_CLOSE_WAIT,
	TCP_CLOSING,
	TCP_LAST_ACK,
	TCP_TIME_WAIT,
};

enum {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10,
	TCP_URG = 0x20,
	TCP_ECE = 0x40,
	TCP_CWR = 0x80,
	TCP_AE = 0x100 /* RFC 9768; the nonce sum of RFC 3540 once */
};

/* ---- segments ---- */

struct tcp_range { /* [start, end) in sequence space */
	uint32_t start;
	uint32_t end;
};

enum {
	TCP_OPT_MSS = 1,
	TCP_OPT_WSCALE = 2,
	TCP_OPT_SACK_OK = 4,
	TCP_OPT_TS = 8,
	TCP_OPT_SACK = 16,
	TCP_OPT_ACCECN = 32,
	TCP_OPT_UTO = 64,
	TCP_OPT_FASTOPEN = 256,
	TCP_OPT_BAD = 128 /* an illegal length was met; what came before it counts (MUST-7) */
};

struct tcp_opts {
	uint16_t present; /* TCP_OPT_* */
	uint8_t wscale;	  /* as received, not yet bounded */
	uint8_t nsack;
	uint8_t accecn; /* with TCP_OPT_ACCECN: TCP_ECN_* of the counters that it holds */
	uint16_t mss;
	uint16_t uto;		  /* as received: granularity and timeout (RFC 5482) */
	uint32_t accecn_count[3]; /* in the order of TCP_ECN_*, 24 bits each */
	uint32_t tsval;
	uint32_t tsecr;
	struct tcp_range sack[TCP_SACK_MAX];
	struct tcp_cookie cookie; /* with TCP_OPT_FASTOPEN */
};

struct tcp_span {
	const uint8_t *data;
	uint32_t len;
};

/* A segment, received or to be sent. Host byte order. */
struct tcp_seg {
	uint32_t seq;
	uint32_t ack;
	uint16_t wnd;	   /* as on the wire, unscaled */
	uint16_t urg;	   /* urgent pointer as on the wire */
	uint16_t flags;	   /* TCP_FIN ... */
	uint8_t tclass;	   /* traffic class, the ECN field in its low bits: received, or to be sent */
	uint8_t ttl;	   /* to be sent */
	uint8_t opt_len;   /* bytes in opt[], a multiple of 4 (to be sent) */
	uint32_t len;	   /* bytes of payload */
	uint16_t gso_size; /* to be sent: several segments of so many bytes each, the last not longer; 0: it is one */
	uint32_t nspans;
	struct tcp_span span[TCP_SPANS]; /* the payload; received: [0] mostly; sent: at most 2 */
	struct tcp_opts opts;		 /* received: parsed by tcp_options_parse() */
	uint8_t opt[TCP_OPT_MAX];	 /* to be sent, as on the wire */
};

/* Sequence space a segment takes: payload, SYN and FIN (SEG.LEN). */
static inline uint32_t tcp_seg_len(const struct tcp_seg *seg)
{
	return seg->len + !!(seg->flags & TCP_SYN) + !!(seg->flags & TCP_FIN);
}

/* ---- what the core is given ---- */

/* Of one engine; process-local, its pointers lead into the region. */
struct tcp_env {
	struct mem *mem;
	uint64_t *stats; /* XTCP_USER_STATS counters */
	struct tcp_conf conf;
	uint64_t isn_key[2]; /* SipHash keys, random at start */
	uint32_t gso_bytes;  /* tcp_output() may make so many bytes of new data one super-segment; 0: none */
	uint64_t ts_key[2];
};

#define tcp_count(env, name) ((env)->stats[XTCP_USER_##name]++)
#define tcp_count_n(env, name, n) ((env)->stats[XTCP_USER_##name] += (n))

/* ---- a connection ---- */

struct tcp_ring {	/* a byte ring in buffer memory */
	uint32_t block; /* 0: none yet */
	uint32_t size;	/* bytes, 0 or a power of two */
	uint32_t head;	/* offset of the first byte */
	uint32_t len;	/* bytes in order from head */
	uint32_t peak;	/* largest extent used since the block was allocated */
};

/* conn->flags */
enum {
	TCP_F_WSCALE = 1u << 0, /* window scaling agreed */
	TCP_F_TS = 1u << 1,	/* timestamps agreed */
	TCP_F_SACK = 1u << 2,	/* SACK agreed */
	TCP_F_V6 = 1u << 3,
	TCP_F_PASSIVE = 1u << 4,    /* opened by a listener (MUST-11) */
	TCP_F_FIN_QUEUED = 1u << 5, /* the application has shut down its direction */
	TCP_F_FIN_SENT = 1u << 6,
	TCP_F_FIN_RCVD = 1u << 7, /* the peer's FIN has been reached in order */
	TCP_F_ORPHAN = 1u << 8,	  /* the application has closed */
	TCP_F_NODELAY = 1u << 9,
	TCP_F_QUICKACK = 1u << 10,
	TCP_F_KEEPALIVE = 1u << 11,
	TCP_F_CORK = 1u << 12,	       /* XTCP_MORE: hold a partial segment */
	TCP_F_PROBED = 1u << 13,       /* a window probe with one byte past snd_nxt is out */
	TCP_F_RECOVERY = 1u << 14,     /* fast recovery */
	TCP_F_LOSS = 1u << 15,	       /* recovery after a timeout */
	TCP_F_URG_OUT = 1u << 16,      /* snd_up is in force */
	TCP_F_URG_IN = 1u << 17,       /* rcv_up is in force */
	TCP_F_WAS_FULL = 1u << 18,     /* the application met a full send buffer */
	TCP_F_TS_RECENT = 1u << 19,    /* ts_recent is valid */
	TCP_F_ACK_NOW = 1u << 20,      /* an ACK is owed at once */
	TCP_F_ACK_DELAYED = 1u << 21,  /* an ACK is owed by delack_deadline */
	TCP_F_FORCE_RTX = 1u << 22,    /* send one retransmission whatever cwnd says */
	TCP_F_PROBE = 1u << 23,	       /* a window or keepalive probe is due */
	TCP_F_RST = 1u << 24,	       /* a RST is owed, then the connection is gone */
	TCP_F_SYN_ACKED = 1u << 25,    /* our SYN has been acknowledged */
	TCP_F_FIN_SEEN = 1u << 26,     /* the peer's FIN is known to be at rcv_fin, perhaps out of order */
	TCP_F_COLD = 1u << 28,	       /* its struct tcp_cold has been touched */
	TCP_F_CWND_LIMITED = 1u << 27, /* cwnd, not the application or the peer, held the last segment back */
};

/* conn->loss_flags */
enum {
	TCP_L_RACK = 1,	      /* rack_* are valid */
	TCP_L_REORDERING = 2, /* RACK.reordering_seen */
	TCP_L_PTO = 4,	      /* probe_deadline is the loss probe's */
	TCP_L_TLP_DUE = 8,    /* a loss probe is to be sent */
	TCP_L_TLP = 16,	      /* one is out: tlp_end is valid */
	TCP_L_TLP_RTX = 32,   /* it was a retransmission */
	TCP_L_DSACK_ROUND = 64,
	TCP_L_UNDO = 128,      /* undo_* are valid */
	TCP_L_PARTIAL = 256,   /* without SACK: this recovery has had its first partial ACK */
	TCP_L_FRTO_1 = 512,    /* F-RTO waits for the first ACK after a timeout (frto.c) */
	TCP_L_FRTO_2 = 1024,   /* it has let new data go and waits for the second */
	TCP_L_UNDO_RTO = 2048, /* with TCP_L_UNDO: of a timeout */
	TCP_L_UNDO_TLP = 4096, /* a loss probe, sent again before that, may be reported as a duplicate too */
	TCP_L_RTT_ANEW = 8192, /* a timeout was needless: tcp_cold.spurious is valid */
	TCP_L_RTT = 16384,     /* a sample was taken since the last loss probe (RFC 8985 7.3) */
};

/* conn->tune */
enum {
	TCP_TUNE_SNDBUF_SET = 1, /* the application has set sndbuf */
	TCP_TUNE_RCVBUF_SET = 2,
	TCP_TUNE_LOWAT = 4,	   /* XTCP_NOTSENT_LOWAT is set */
	TCP_TUNE_QUIET = 8,	   /* the application does not want TCP_EV_SOFT_ERROR */
	TCP_TUNE_KEEP_OCTET = 16,  /* keepalive probes carry one octet */
	TCP_TUNE_TIMEOUT_SET = 32, /* the application has set user_timeout_ms */
	TCP_TUNE_UTO = 64,	   /* the user timeout option is sent and obeyed (uto.c) */
	TCP_TUNE_PACING = 128,	   /* cwnd is spread over the round trip (pacer.c) */
};

/* conn->fastopen (fastopen.c, RFC 7413) */
enum {
	TCP_FO_ACCEPTED =
		1, /* passive: the cookie was good; the SYN's text was taken, ours may go before the handshake is over */
	TCP_FO_ACTIVE = 2, /* active: what is queued in SYN-SENT may go with the SYN */
	TCP_FO_HOLD = 4,   /* ... which waits for it */
	TCP_FO_OPTION = 8, /* the next SYN or SYN-ACK carries the option, with the cookie of tcp_cold */
	TCP_FO_ASKED = 16, /* our SYN carried it */
	TCP_FO_TEXT = 32,  /* ... and text */
	TCP_FO_LOST = 64,  /* ... and was not answered in time */
	TCP_FO_GOT = 128,  /* the peer's SYN-ACK brought a cookie: tcp_cold has it */
};

/* Ready for the application; the same values as XTCP_EV_* */
enum {
	TCP_EV_OPEN = 0x02,
	TCP_EV_READABLE = 0x04,
	TCP_EV_WRITABLE = 0x08,
	TCP_EV_PEER_FIN = 0x10,
	TCP_EV_ERROR = 0x20,
	TCP_EV_CLOSED = 0x40,
	TCP_EV_URGENT = 0x80,
	TCP_EV_SOFT_ERROR = 0x100,
	TCP_EV_ECN = 0x2000,	  /* for the engine only: the fate of a SYN that asked for ECN is known */
	TCP_EV_FASTOPEN = 0x4000, /* for the engine only: the fate of a SYN with the Fast Open option is known */
	TCP_EV_PATH_MTU = 0x8000  /* for the engine only: path_mtu has changed by what was learned */
};

#define TCP_NEVER UINT64_MAX

/* What holds the sender back (account.c). */
enum tcp_limit { TCP_LIMIT_IDLE, TCP_LIMIT_CWND, TCP_LIMIT_RWND, TCP_LIMIT_SNDBUF };

struct tcp_conn {
	/* -- first cache line: what every segment reads -- */
	uint8_t state;	    /* enum tcp_state */
	uint8_t snd_wscale; /* shift of windows received */
	uint8_t rcv_wscale; /* shift of windows sent */
	uint8_t cc;	    /* number of the congestion control */
	uint32_t flags;	    /* TCP_F_* */
	uint32_t events;    /* TCP_EV_* not yet taken by the engine */
	uint32_t snd_una;   /* RFC 9293 3.3.1 from here on */
	uint32_t snd_nxt;
	uint32_t snd_wnd; /* bytes, scaled */
	uint32_t rcv_nxt;
	uint32_t rcv_adv;   /* right edge ever announced: rcv_nxt + RCV.WND, never moves left */
	uint32_t ts_recent; /* RFC 7323 4.3 */
	uint32_t ts_offset; /* added to our timestamp clock */
	uint32_t last_ack_sent;
	uint32_t rcv_unacked; /* bytes received since the last ACK was sent */
	uint16_t mss;	      /* payload bytes of a full segment we send, options of every segment taken off */
	uint16_t rcv_mss;     /* MSS we announced */
	uint32_t ooo_count;   /* ranges in the out-of-order list */
	uint32_t cold_at;     /* distance to its struct tcp_cold, in units of TCP_COLD_ALIGN bytes */
	uint32_t rto_us;
	/* -- second: receiving -- */
	struct tcp_ring rcvq; /* rcvq.len bytes are readable; rcv_nxt is the byte behind them (before FIN) */
	uint32_t rcvbuf;      /* what the receive buffer may hold now, bytes; never shrinks (rcvtune.c) */
	uint32_t snd_wl1;
	uint32_t snd_wl2;
	uint16_t rcv_seg_max; /* largest payload received in one segment, at most rcv_mss (delayed ACK) */
	uint8_t snd_hint;     /* order of the block that sndq needed last time */
	uint8_t rcv_hint;
	uint32_t segs_in, segs_out;
	uint8_t mtu_state; /* enum tcp_mtu_state */
	uint8_t pace;	   /* TCP_PACE_* */
	uint8_t probes;	   /* window or keepalive probes unanswered */
	uint8_t limit;	   /* enum tcp_limit */
	uint8_t tune;	   /* TCP_TUNE_* */
	uint8_t tclass;
	uint8_t ttl;
	uint8_t fastopen;    /* TCP_FO_* */
	uint16_t loss_flags; /* TCP_L_* */
	uint16_t undo_rtx;   /* retransmissions since the reduction that are not known to be needless */
	uint64_t delack_deadline;
	/* -- third: both -- */
	uint64_t last_rx_ns;	/* last segment received (keepalive) */
	uint64_t ts_recent_ns;	/* when ts_recent was last updated (RFC 7323 5.5) */
	struct tcp_range dsack; /* received twice, to be reported in the next ACK (RFC 2883); empty: nothing */
	struct tcp_ring sndq;	/* first byte: sequence number sndq_seq */
	struct tcp_recs recs;
	uint32_t cwnd; /* bytes */
	/* -- fourth: sending -- */
	uint32_t ssthresh; /* bytes */
	uint32_t sacked;   /* bytes SACKed (or guessed from duplicate ACKs) */
	uint32_t lost;	   /* bytes marked lost, not yet retransmitted */
	uint32_t recover;  /* RFC 6582: snd_nxt when recovery began */
	union {
		uint32_t dup_acks;    /* without SACK */
		uint32_t sacked_segs; /* with SACK: records that are SACKed */
	};
	uint32_t sndq_seq;
	uint32_t srtt_us_x8; /* RFC 6298, microseconds * 8; 0: no sample yet */
	uint32_t rttvar_us_x4;
	uint32_t ooo; /* block with the list of ranges; 0 none */
	struct tcp_ecn ecn;
	/* -- timers -- */
	uint64_t rtx_deadline;	 /* retransmission or persist timer */
	uint64_t probe_deadline; /* RACK's reordering timer, or the loss probe's (TCP_L_PTO) */
	uint64_t idle_deadline;	 /* keepalive */
	uint64_t misc_deadline;	 /* FIN-WAIT-2 of an orphan, linger, TIME-WAIT, cork */
	/* -- the rest is colder -- */
	uint64_t retrans_start; /* first of the unanswered retransmissions; 0: none (R1, R2) */
	uint64_t last_tx_ns;	/* last data sent (restart after idle, RFC 5681 4.1) */
	uint64_t challenge_ns;	/* start of the current interval of challenge ACKs */
	uint64_t cc_priv[10];	/* the algorithm's own */
	uint32_t iss;
	uint32_t irs;
	uint32_t fin_seq; /* sequence number of our FIN once FIN_QUEUED */
	uint32_t rcv_fin; /* sequence number of the peer's FIN, valid with TCP_F_FIN_SEEN */
	uint32_t snd_up;  /* first byte past the urgent data (RFC 6093) */
	uint32_t rcv_up;
	uint32_t max_snd_wnd;	  /* largest window the peer ever offered (SWS avoidance) */
	uint32_t sndbuf;	  /* what the send buffer may hold now, bytes (sndtune.c) */
	uint32_t rtx_seq;	  /* no record left of it is LOST */
	uint32_t snd_sml;	  /* right edge of the last partial segment sent (Nagle, Minshall's variant) */
	uint32_t lost_mark;	  /* records left of it have been judged by loss detection */
	uint32_t high_sacked;	  /* right edge of what was SACKed or acknowledged: RACK.fack */
	uint32_t rack_rtt_us;	  /* RFC 8985 5.3: of the segment sent last among those delivered */
	uint32_t rack_xmit_us;	  /* when it was sent, like tcp_rec.sent_us */
	uint32_t rack_end;	  /* its right edge */
	uint32_t tlp_end;	  /* snd_nxt once the loss probe was sent */
	uint32_t recover_fs;	  /* RFC 9937: bytes in flight when recovery began */
	uint32_t prr_delivered;	  /* bytes delivered since */
	uint32_t prr_out;	  /* bytes sent since */
	uint32_t dsack_round;	  /* RACK.dsack_round, valid with TCP_L_DSACK_ROUND */
	uint32_t undo_una;	  /* snd_una when the window was last reduced for a loss; with TCP_L_UNDO */
	uint32_t undo_cwnd;	  /* cwnd before that, bytes */
	uint32_t undo_ssthresh;	  /* bytes */
	uint32_t undo_ts;	  /* timestamp of the first retransmission since */
	uint32_t min_rtt_us;	  /* smallest of the last five minutes (rack.c); 0: none yet */
	uint32_t user_timeout_ms; /* 0: by conf.r2_ns */
	int32_t linger_ms;	  /* -1: none */
	uint16_t peer_mss;	  /* MSS option of the peer, or the default */
	uint16_t path_mtu;	  /* largest IP packet on this path, bytes; 65535 at most */
	uint16_t mss_cap;	  /* XTCP_MAXSEG; 65535: none */
	uint16_t keepidle_s, keepintvl_s;
	uint8_t reo_mult;    /* RACK.reo_wnd_mult - 1 */
	uint8_t reo_persist; /* RACK.reo_wnd_persist */
	uint8_t keepcnt;
	uint8_t backoff;    /* doublings of the RTO */
	uint8_t challenges; /* challenge ACKs in the current interval */
	uint8_t sig_bytes;  /* of options that a signature takes in every segment; 0: not signed (RFC 2385) */
	uint16_t error;	    /* positive errno that ended the connection */
	uint16_t soft_error;
	uint32_t rto_count;
	/* who it is */
	struct xtcp_addr laddr;
	struct xtcp_addr raddr;
	uint16_t lport; /* network order, like rport */
	uint16_t rport;
};

/* What a segment in order and its acknowledgement need lies in the first two lines of the cache, but for times and DSACK. */
_Static_assert(offsetof(struct tcp_conn, rcvq) == 64 && offsetof(struct tcp_conn, last_rx_ns) == 128 &&
		       offsetof(struct tcp_conn, ssthresh) == 192 && offsetof(struct tcp_conn, probe_deadline) == 256,
	       "hot fields are not where they should be");

/* ---- what a connection needs only once it has carried data ---- */

/* Path MTU by the fate of segments (plpmtud.c): not at all; looking for a larger one; a probe is out; found for now. */
enum tcp_mtu_state { TCP_MTU_FIXED, TCP_MTU_SEARCH, TCP_MTU_PROBING, TCP_MTU_DONE };

/* Both aligned to TCP_COLD_ALIGN, cold behind c. */
static inline void tcp_cold_place(struct tcp_conn *c, const struct tcp_cold *cold)
{
	c->cold_at = (uint32_t)((uint64_t)((const uint8_t *)cold - (const uint8_t *)c) / TCP_COLD_ALIGN);
}

static inline struct tcp_cold *tcp_cold(struct tcp_conn *c)
{
	c->flags |= TCP_F_COLD;
	return (struct tcp_cold *)((uint8_t *)c + (uint64_t)TCP_COLD_ALIGN * c->cold_at);
}

extern const struct tcp_cold tcp_cold_zero;

/* To look only; what was never written is not even read, for that would commit its memory too. */
static inline const struct tcp_cold *tcp_cold_peek(const struct tcp_conn *c)
{
	if (!(c->flags & TCP_F_COLD))
		return &tcp_cold_zero;
	return (const struct tcp_cold *)((const uint8_t *)c + (uint64_t)TCP_COLD_ALIGN * c->cold_at);
}

/* ---- the machine ---- */

/* What tcp_input wants done that is not state of the connection. */
enum tcp_verdict {
	TCP_DONE,      /* nothing */
	TCP_REPLY_RST, /* answer this segment with tcp_reset_reply() */
};

/* RFC 9293 3.10.7. May set events, leave an ACK owed, or end in TCP_CLOSED. */
enum tcp_verdict tcp_input(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *seg, uint64_t now_ns);

/* 1: *out is the next segment to send; its spans point into buffer memory and are good until the next call on c. */
int tcp_output(struct tcp_env *env, struct tcp_conn *c, struct tcp_seg *out, uint64_t now_ns);
/* Cheap: could tcp_output make a segment? May say yes wrongly, never no wrongly. */
bool tcp_output_pending(const struct tcp_conn *c);
/* With tcp_output_pending(): all that is to be sent is an ACK, and nothing is lost if it waits for an answer to go along with. */
bool tcp_ack_can_wait(const struct tcp_conn *c);

uint64_t tcp_deadline(const struct tcp_conn *c);
void tcp_expire(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns);

/* The segment that answers a stray one with RST (RFC 9293 3.5.2). 1: *out is to be sent; 0: it was a RST itself. */
int tcp_reset_reply(const struct tcp_seg *seg, struct tcp_seg *out);

/* ---- opening ---- */

struct tcp_open { /* what both ways of opening need; addresses in xtcp_addr, ports in network order */
	struct xtcp_addr laddr, raddr;
	uint16_t lport, rport;
	uint32_t path_mtu;	 /* bytes of IP packet: what the link and the route allow */
	uint32_t learned_mtu;	 /* smaller, learned on this path; 0: nothing was */
	uint8_t sig_bytes;	 /* of options that the engine adds to every segment for a signature */
	uint16_t mss_cap;	 /* as with tcp_set_maxseg(); 0: none */
	uint64_t probe_again_ns; /* learned by probing: when to look for a larger one, 1 at once; 0: ICMP told */
};

/* Active OPEN: c is zeroed memory but for cold_at; becomes SYN-SENT with a SYN owed. */
void tcp_connect(struct tcp_env *env, struct tcp_conn *c, const struct tcp_open *o, uint64_t now_ns);

/* RFC 9293 3.10.7.2, state LISTEN. */
enum tcp_listen_verdict { TCP_LISTEN_DROP, TCP_LISTEN_RST, TCP_LISTEN_SYN };
enum tcp_listen_verdict tcp_listen_input(struct tcp_env *env, const struct tcp_seg *seg);
/* The SYN was accepted: c is zeroed memory but for cold_at; becomes SYN-RECEIVED with a SYN-ACK owed. */
void tcp_accept_syn(struct tcp_env *env, struct tcp_conn *c, const struct tcp_open *o, const struct tcp_seg *syn,
		    uint64_t now_ns);

/*
 * TCP Fast Open (RFC 7413), before the first output. Active: the SYN carries the cookie, and text as soon as the application
 * has queued some; without a cookie (len 0) it asks for one. cookie NULL: no option at all (a black hole). mss: what the peer
 * announced last time, 0: unknown. TCP_EV_FASTOPEN follows.
 */
void tcp_fastopen_connect(struct tcp_conn *c, const struct tcp_cookie *cookie, uint16_t mss);
/* Active: text with the SYN and no option, to a peer that asks for no cookie. */
void tcp_fastopen_bare(struct tcp_conn *c, uint16_t mss);
/* Active, at the end of the connection: did anything come through after the handshake? TCP_EV_FASTOPEN may follow. */
bool tcp_fastopen_proved(struct tcp_env *env, struct tcp_conn *c);
/*
 * With TCP_EV_ECN: 1 the peer agreed to ECN, 0 it did not, -1 it was silent until a SYN did not ask. On the active open that is to
 * follow: do not ask (RFC 9768 3.1.4.1).
 */
int tcp_ecn_fate(const struct tcp_conn *c);
void tcp_ecn_unasked(struct tcp_conn *c);
/* Passive: the SYN-ACK brings the peer this cookie. */
void tcp_fastopen_offer(struct tcp_conn *c, const struct tcp_cookie *cookie);
/* Passive: the SYN's cookie was good. Its text is there to be read. */
void tcp_fastopen_accept(struct tcp_env *env, struct tcp_conn *c, const struct tcp_seg *syn, uint64_t now_ns);

/* ---- the application's side ---- */

/* Bytes taken, or -errno (EAGAIN, EPIPE, ENOTCONN, or the connection's error). */
int64_t tcp_send(struct tcp_env *env, struct tcp_conn *c, const void *buf, size_t len, bool more, bool urgent);
int64_t tcp_reserve(struct tcp_env *env, struct tcp_conn *c, size_t want, struct tcp_span span[2]);
int tcp_commit(struct tcp_env *env, struct tcp_conn *c, size_t n, bool more, bool urgent);
/* A record ends with what is queued: no segment goes on past it. False, or -EAGAIN: TCP_RECORDS of them wait to be sent. */
bool tcp_record_room(struct tcp_conn *c);
int tcp_record_end(struct tcp_conn *c);
/* Bytes, 0 at FIN, or -errno. */
int64_t tcp_recv(struct tcp_env *env, struct tcp_conn *c, void *buf, size_t len);
int64_t tcp_peek(struct tcp_env *env, struct tcp_conn *c, struct tcp_span span[2]);
int tcp_consume(struct tcp_env *env, struct tcp_conn *c, size_t n);
int tcp_shutdown(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns);
/* The application lets go: orderly (or RST when unread data is lost). Afterwards TCP_F_ORPHAN is set. */
void tcp_close(struct tcp_env *env, struct tcp_conn *c, uint64_t now_ns);
/* RST if the state wants one (it is owed, tcp_output makes it), then CLOSED. */
void tcp_abort(struct tcp_env *env, struct tcp_conn *c, int err);
/* Buffers, records and lists back to mem; c may be forgotten. */
void tcp_free(struct tcp_env *env, struct tcp_conn *c);

/* ---- memory (memory.c) ---- */

uint64_t tcp_memory(const struct tcp_conn *c); /* bytes of buffer memory it holds */
/* Let go what can be let go: out-of-order data, and blocks larger than what they hold. */
void tcp_prune(struct tcp_env *env, struct tcp_conn *c);
/* The peer answers window probes, but has kept its window shut for so long that memory may be more important. */
bool tcp_window_stuck(const struct tcp_env *env, const struct tcp_conn *c);

/* An option changed that output depends on (NODELAY set, CORK cleared): let tcp_output look again. */
size_t tcp_send_space(const struct tcp_conn *c);
size_t tcp_send_queued(const struct tcp_conn *c);
size_t tcp_send_unsent(const struct tcp_conn *c);	    /* bytes of tcp_send_queued() that were never sent */
uint32_t tcp_send_limit(const struct tcp_conn *c);	    /* bytes that the send buffer may hold now */
void tcp_set_sndbuf(struct tcp_conn *c, uint32_t bytes);    /* from now on exactly this */
void tcp_set_rcvbuf(struct tcp_conn *c, uint32_t bytes);    /* the same; smaller only before the SYN */
void tcp_set_user_timeout(struct tcp_conn *c, uint32_t ms); /* R2 of this connection; 0: by conf or the peer's option */
void tcp_set_syn_retries(struct tcp_conn *c, uint8_t n);    /* R2 of its SYN, by count; 0: by conf's time */
void tcp_set_fin_wait2(struct tcp_conn *c, uint32_t ms);    /* once it is an orphan; 0: by conf */
void tcp_set_uto(struct tcp_conn *c, bool on);		    /* the user timeout option (RFC 5482) */
void tcp_set_notsent_lowat(struct tcp_conn *c, uint32_t bytes); /* 0: none */
uint32_t tcp_notsent_lowat(const struct tcp_conn *c);
int64_t tcp_urgent_mark(const struct tcp_conn *c);
/* No larger segments are sent; before the SYN leaves, none are asked for either (TCP_MAXSEG of Linux). */
void tcp_set_maxseg(struct tcp_env *env, struct tcp_conn *c, uint16_t bytes);
void tcp_keepalive_set(struct tcp_conn *c, bool on, uint64_t now_ns);
/* R1 has been reached (RFC 9293 3.8.3): advise IP that the path may be dead (MUST-20). */
bool tcp_path_doubtful(const struct tcp_env *env, const struct tcp_conn *c);

/* ---- the network's word ---- */

enum tcp_icmp {
	TCP_ICMP_NET_UNREACH,
	TCP_ICMP_HOST_UNREACH,
	TCP_ICMP_PROTO_UNREACH,
	TCP_ICMP_PORT_UNREACH,
	TCP_ICMP_PROHIBITED,
	TCP_ICMP_TOO_BIG,
	TCP_ICMP_TIME_EXCEEDED,
	TCP_ICMP_PARAM
};
/*
 * An ICMP error quoting a segment of ours with sequence number seq; mtu with TOO_BIG, 0 unknown.
 * False: seq is not in flight, ignore it (RFC 5927 4).
 */
bool tcp_icmp_input(struct tcp_env *env, struct tcp_conn *c, enum tcp_icmp type, uint32_t seq, uint32_t mtu,
		    uint64_t now_ns);
/* The path's MTU changed (interface, route, or what other connections to that destination learned): larger or smaller. */
void tcp_set_path_mtu(struct tcp_env *env, struct tcp_conn *c, uint32_t mtu);

/* ---- TIME-WAIT, in a table of its own ---- */

struct tcp_tw {
	struct xtcp_addr laddr, raddr;
	uint16_t lport, rport; /* network order */
	uint32_t snd_nxt;
	uint32_t rcv_nxt;
	uint32_t rcv_wnd; /* as on the wire */
	uint32_t ts_recent;
	uint32_t ts_offset;
	uint32_t flags; /* TCP_F_TS, TCP_F_TS_RECENT, TCP_F_V6 */
	uint8_t tclass, ttl;
	uint16_t challenges;
	uint64_t expires_ns;
	uint64_t challenge_ns;
};
/* True when c is in TIME-WAIT, orphaned, with nothing left to send: it can move into a struct tcp_tw. */
bool tcp_tw_ready(const struct tcp_conn *c);
void tcp_tw_init(struct tcp_env *env, struct tcp_tw *tw, const struct tcp_conn *c, uint64_t now_ns);
/* c, still the application's, is in TIME-WAIT, and the segment a SYN that may open a new connection: give that to the listener. */
bool tcp_time_wait_reopens(struct tcp_env *env, const struct tcp_conn *c, const struct tcp_seg *seg);
enum tcp_tw_verdict {
	TCP_TW_DROP,
	TCP_TW_ACK,    /* *out is an ACK to send; restart 2 MSL if tw->expires_ns moved */
	TCP_TW_REOPEN, /* a SYN that may open a new connection (RFC 6191, MAY-2): give it to the listener, forget tw */
	TCP_TW_CLOSE,  /* forget tw */
};
enum tcp_tw_verdict tcp_tw_input(struct tcp_env *env, struct tcp_tw *tw, const struct tcp_seg *seg, struct tcp_seg *out,
				 uint64_t now_ns);

/* ---- options ---- */

/* Parse options of len bytes; never fails: see TCP_OPT_BAD. */
void tcp_options_parse(const uint8_t *p, size_t len, struct tcp_opts *out);

/* ---- looking in ---- */

/* The account as of now. data_rx_ms: milliseconds ago, UINT32_MAX never. */
struct tcp_account tcp_account_now(const struct tcp_conn *c, uint64_t now_ns);

/* Segments in flight (RFC 9293's SND.UNA to SND.NXT), by their state. Looks at each of them. */
struct tcp_tally {
	uint32_t all;
	uint32_t sacked;
	uint32_t lost;	  /* and not yet sent again */
	uint32_t retrans; /* sent again, neither SACKed nor lost since */
};
struct tcp_tally tcp_tally_now(const struct tcp_env *env, const struct tcp_conn *c);

/* ---- checks ---- */

/* NULL, or which invariant does not hold. For tests and the simulator. */
const char *tcp_check(const struct tcp_env *env, const struct tcp_conn *c);
const char *tcp_state_name(uint8_t state);

#endif
