/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tcp_harness.h - one connection of the core against a scripted peer, so that a test
 * reads like a packetdrill script:
 *
 *   in("S.", 0, 1, 0)        the peer's segment: flags, sequence number, acknowledgement, bytes
 *   out(".", 1, 1, 0)        the next segment that tcp_output makes is exactly this
 *   no_out()                 ... is none
 *   advance(200)             200 ms pass; deadlines run in order, what they send waits for out()
 *   put(n), get(n)           the application sends and reads n bytes
 *
 * Numbers are relative: ours to TH_ISS, the peer's to TH_IRS, both near 2^32, so that every longer test
 * crosses the wrap. Payload is a pattern of its sequence number and is checked at both ends. After each step
 * tcp_check() and mem_check() hold, and every segment made is held to the rules of check_segment().
 */
#ifndef TESTS_UNIT_TCP_HARNESS_H
#define TESTS_UNIT_TCP_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <errno.h>
#include "tcp/internal.h"
#include <cmocka.h> /* last: it defines fail() */

#define TH_ISS 0xfffff000u /* wraps after 4,096 bytes */
#define TH_IRS 0xfffffa00u /* wraps after 1,536 bytes */
#define TH_QUEUE 256	   /* segments made and not yet expected */
#define TH_MS 1000000ull   /* ns */
#define TH_S 1000000000ull

struct th_made {
	struct tcp_seg seg;
	uint64_t at_ns;
};

struct th {
	struct tcp_env env;
	uint64_t stats[XTCP_USER_STATS];
	struct tcp_conn *c;
	struct {
		struct tcp_conn c;
		struct tcp_cold cold;
	} * whole;
	struct tcp_open open;
	uint64_t now;		  /* ns */
	enum tcp_verdict verdict; /* of the last segment put in */
	/* the peer: what its SYN offers, and what its next segments carry */
	uint16_t mss; /* 0: no option */
	int wscale;   /* -1: no option */
	bool ts, sack;
	uint32_t tsval;	      /* timestamp of its next segment; counts milliseconds by itself */
	uint32_t wnd;	      /* window field */
	uint32_t urg;	      /* urgent pointer of the next URG segment */
	struct tcp_opts once; /* SACK blocks and the like of the next segment only */
	bool no_ts;	      /* the next segment lacks its timestamp */
	const char *syn;      /* flags of the SYN that th_listen() takes; NULL: "S" */
	uint8_t tclass;	      /* traffic class of the next segment only */
	bool parts;	      /* PSH at the end of a burst's parts is to be seen, not only that of what was pushed */
	bool one_piece;	      /* its text comes in one piece, not in two */
	/* ours */
	struct tcp_seg last;  /* the segment that out() took */
	struct tcp_opts opts; /* its options */
	uint64_t last_ns;     /* when it was made */
	uint32_t edge;	      /* right edge of the window announced so far */
	bool have_edge;
	uint32_t wrote, read; /* bytes of the streams */
	struct th_made made[TH_QUEUE];
	uint32_t made_head, made_count;
};
extern struct th th;

int th_setup(void **state);    /* memory, default configuration, but Reno (scripts count its halves); nothing opened */
int th_teardown(void **state); /* frees, and nothing is left */
#define TEST(f) cmocka_unit_test_setup_teardown(f, th_setup, th_teardown)

void th_memory(uint64_t bytes); /* a new, empty allocator of this size */
void th_fresh(void);		/* another connection, never opened, in the place of the last */
void th_ipv6(void);

/* Opening; each leaves the connection ESTABLISHED with nothing to send. */
void th_connect(void); /* SYN-SENT, its SYN not yet taken */
void th_listen(void);  /* a listener took the peer's SYN */
void th_active(void);
void th_passive(void);
void th_modern(void); /* active with timestamps, SACK and a window scale of 7 on both sides */
/* As after a request and its answer: the quick acknowledgements of the beginning are over. */
void th_interactive(void);
/* From nothing to a state, by segments. Orderly: our side closed first where that matters. */
void th_goto(enum tcp_state state);
/* For tables: the stream positions in each state of th_goto(). */
uint32_t th_peer_next(void);
uint32_t th_our_next(void);

void th_in(const char *file, int line, const char *flags, uint32_t seq, uint32_t ack, uint32_t len);
void th_out(const char *file, int line, const char *flags, uint32_t seq, uint32_t ack, uint32_t len);
void th_no_out(const char *file, int line);
void th_rst_reply(const char *file, int line, const char *flags, uint32_t seq, uint32_t ack);
void th_put(const char *file, int line, uint32_t len, bool more, bool urgent);
void th_get(const char *file, int line, uint32_t len);
void th_advance(uint64_t ms);
void th_state(const char *file, int line, enum tcp_state state);
void th_check(const char *file, int line);
void th_drain(void); /* forget what was made, and what is due now */

#define in(flags, seq, ack, len) th_in(__FILE__, __LINE__, flags, seq, ack, len)
#define out(flags, seq, ack, len) th_out(__FILE__, __LINE__, flags, seq, ack, len)
#define no_out() th_no_out(__FILE__, __LINE__)
/* The last segment put in is answered by this RST, made without the connection. */
#define rst_reply(flags, seq, ack) th_rst_reply(__FILE__, __LINE__, flags, seq, ack)
#define put(len) th_put(__FILE__, __LINE__, len, false, false)
#define put_more(len) th_put(__FILE__, __LINE__, len, true, false)
#define put_urgent(len) th_put(__FILE__, __LINE__, len, false, true)
#define get(len) th_get(__FILE__, __LINE__, len)
#define advance(ms) th_advance(ms)
#define state_is(s) th_state(__FILE__, __LINE__, s)
#define count_is(name, n) assert_int_equal(th.stats[XTCP_USER_##name], n)
#define events_take() th_events()

/* Events since the last call. */
uint32_t th_events(void);
/* The next segment put in carries this SACK block too; numbers relative to TH_ISS. */
void th_sack(uint32_t start, uint32_t end);
/* Block i of the last segment taken, relative to TH_IRS. */
void th_sack_is(const char *file, int line, uint32_t i, uint32_t start, uint32_t end);
#define sack_is(i, start, end) th_sack_is(__FILE__, __LINE__, i, start, end)
/* n full segments are due and nothing else; the first has number seq. */
void th_out_full(const char *file, int line, uint32_t n, uint32_t seq, uint32_t ack);
#define out_full(n, seq, ack) th_out_full(__FILE__, __LINE__, n, seq, ack)

#endif
