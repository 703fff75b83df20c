/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ecn.h - what a connection keeps of explicit congestion notification (ecn.c, accecn.c; RFC 3168, 9768). Part of tcp.h. */
#ifndef TCP_ECN_H
#define TCP_ECN_H

#include <stdint.h>

enum { ECN_NOT_ECT, ECN_ECT_1, ECN_ECT_0, ECN_CE }; /* the two low bits of tclass (RFC 3168 5) */
#define ECN_MASK 3

/* What is asked for and accepted; the same values as enum xtcp_ecn. */
enum tcp_ecn_want {
	TCP_ECN_PASSIVE, /* accept either kind, ask for none */
	TCP_ECN_OFF,
	TCP_ECN_ON,	  /* RFC 3168: ask for it, accept it */
	TCP_ECN_ACCURATE, /* ask for RFC 9768, accept either */
};

/* What the handshake agreed on. */
enum tcp_ecn_mode { TCP_ECN_NONE, TCP_ECN_CLASSIC, TCP_ECN_ACCECN };

/* Byte counters of the AccECN option. */
enum { TCP_ECN_E0B = 1, TCP_ECN_CEB = 2, TCP_ECN_E1B = 4, TCP_ECN_ALL = 7 };

/* tcp_ecn.flags */
enum {
	TCP_E_ECHO = 1,		/* classic: ECE until CWR comes; with DCTCP: the last data was marked */
	TCP_E_CWR = 2,		/* classic: the next new data says CWR */
	TCP_E_NO_ECT = 4,	/* nothing of ours is sent ECN-capable */
	TCP_E_IGNORE = 8,	/* AccECN: the feedback is not to be believed */
	TCP_E_FIRST = 16,	/* AccECN: no feedback has come yet */
	TCP_E_HANDSHAKE = 32,	/* AccECN: a pure ACK is owed that tells the SYN-ACK's ECN field */
	TCP_E_SYN_CE = 64,	/* our SYN or SYN-ACK met congestion */
	TCP_E_COUNTED = 128,	/* AccECN: r_cep counts a marked SYN-ACK */
	TCP_E_NO_OPT = 256,	/* AccECN: the option is sent no more */
	TCP_E_BAD_OPT = 512,	/* AccECN: the peer's option is not believed */
	TCP_E_SYN_AGAIN = 2048, /* our SYN or SYN-ACK has been retransmitted */
	TCP_E_ASKED = 8192,	/* a SYN of ours asked for ECN ... */
	TCP_E_UNASKED = 16384,	/* ... and the last one did not, for lack of an answer */
	TCP_E_SYN_ECT = 4096,	/* the last of them was sent ECN-capable */
	TCP_E_REDUCED = 1024,	/* cwnd was reduced for ECN in the window that ends at cwr_end */
};

struct tcp_ecn {
	uint32_t cwr_end; /* cwnd is reduced once only until snd_una passes it */
	uint16_t flags;	  /* TCP_E_* */
	uint8_t want;	  /* enum tcp_ecn_want */
	uint8_t mode;	  /* enum tcp_ecn_mode */
	uint8_t syn;	  /* ECN field of the newest SYN or SYN-ACK received */
	uint8_t last;	  /* ECN field of the newest segment received */
	uint8_t marks;	  /* CE marks since the last ACK was sent, saturating */
	uint8_t r_cep;	  /* RFC 9768 3.2, modulo 256: the field holds it modulo 8 */
	uint8_t s_cep;
	uint8_t opt_new;  /* counters changed since they were last told, TCP_ECN_* */
	uint8_t opt_ever; /* counters that ever changed */
	uint8_t ce_acks;  /* entries of tcp_ecn_counts.ce_ack */
};

/* What was seen; with ECN agreed on only. Indexed by the ECN field. */
#define TCP_CE_ACKS 8
struct tcp_ecn_counts {
	uint64_t received_bytes[4];   /* payload, again and out of order too */
	uint64_t delivered_bytes[4];  /* of ours, as far as the peer's feedback tells; classic: [ECN_CE] alone */
	uint32_t received[4];	      /* segments */
	uint32_t delivered_ce;	      /* segments of ours that arrived marked, as far as the feedback tells */
	uint32_t reductions;	      /* of cwnd */
	uint32_t s_count[3];	      /* s.e0b, s.ceb, s.e1b of RFC 9768 3.2 less their first values, 24 bits */
	uint32_t ce_ack[TCP_CE_ACKS]; /* DCTCP: acknowledgements owed for what came before a change (RFC 8257 3.2) */
	uint32_t round_end;	      /* snd_nxt when the round trip began; valid with beginning */
	uint8_t beginning;	      /* AccECN: round trips so far, if all was marked; UINT8_MAX: it was not */
	uint8_t ce_ack_ece;	      /* bit i: ce_ack[i] goes out with ECE */
	uint8_t opt_acks;	      /* AccECN options sent since acknowledged data came again, saturating */
	uint8_t opt_again;	      /* times that it came */
};

#endif
