/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * engine_kit.h - what the tests of the engine's files share: a pair of engines (kp),
 * sockets in one line, frames made by hand, and a record of what was sent. Every
 * frame an engine sends is parsed, and its checksums are asserted.
 */
#ifndef TEST_ENGINE_KIT_H
#define TEST_ENGINE_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "engine/private.h"
#include "engine_pair.h"
#include "lib/fail.h"
#include <cmocka.h> /* last: it defines fail() */

#define EV_ACCEPT 0x01u
#define SECOND 1000000000ull
#define KIT_FRAME 9216 /* bytes of the largest frame */
#define KIT_SENT 64    /* frames remembered for each side */

struct kit_frame {
	uint32_t len;
	struct wire_ip ip;
	struct wire_tcp tcp;
	uint8_t data[KIT_FRAME];
};

/* A segment from the other side; zero fields: the obvious. */
struct kit_seg {
	int family; /* 0: IPv4, 1: IPv6 */
	int tags;   /* VLAN tags, at most 2 */
	const struct xtcp_addr *src, *dst;
	uint16_t sport, dport; /* host order */
	uint32_t seq, ack;
	uint16_t flags; /* TCP_* */
	uint16_t wnd;	/* 0: 8192 */
	const uint8_t *opt;
	uint32_t opt_len;
	uint32_t len; /* of a payload of bytes 0, 1, 2 ... */
};

extern struct pair *kp;

int kit_setup(void **state); /* pair_conf() as it is */
int kit_open(const struct engine_conf *conf);
int kit_teardown(void **state);
#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)

/* The link's MTU of both sides; at most 9,000. */
void kit_mtu(uint32_t mtu);

static inline struct engine *eng(int side)
{
	return kp->side[side].e;
}

static inline const struct xtcp_addr *kit_addr(int side, int family)
{
	return &kp->side[side].addr[family];
}

static inline struct conn *kit_conn(int side, uint64_t handle)
{
	return conn_at(eng(side), (uint32_t)handle);
}

#define stat_of(side, name) (engine_stats(eng(side))[XTCP_USER_##name])
#define check_engines()                            \
	do {                                       \
		assert_null(engine_check(eng(0))); \
		assert_null(engine_check(eng(1))); \
	} while (0)

/* ---- sockets; side 1 listens, side 0 connects ---- */

uint64_t kit_listen(uint16_t port);
uint64_t kit_connect(int family, uint16_t port);
/* A connection to port, which has a listener; *s is accepted. */
void kit_join(int family, uint16_t port, uint64_t l, uint64_t *c, uint64_t *s);
void kit_send(int side, uint64_t h, uint32_t len); /* a pattern that goes on with the stream */
/* Read and check all there is of the pattern; the stream position is the caller's. */
void kit_receive(int side, uint64_t h, uint64_t *at);
void kit_turn(int side);

/* ---- frames ---- */

/* What a side sent; back 0: the last frame. */
const struct kit_frame *kit_sent(int side, uint32_t back);
uint64_t kit_sent_count(int side);

/* Frames for a side, from the other one; returns the length. */
uint32_t kit_tcp(uint8_t *frame, int to, const struct kit_seg *s);
uint32_t kit_icmp(uint8_t *frame, int to, int family, uint8_t type, uint8_t code, uint32_t rest, const uint8_t *quoted,
		  uint32_t quoted_len);
/* Both checksums set right after a change. */
void kit_sums(uint8_t *frame, uint32_t len);
/* The frame arrives, and the side has a turn. */
void kit_give(int side, const uint8_t *frame, uint32_t len, const struct xtcp_meta *meta);

#endif
