/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * engine_pair.h - two engines face to face in memory, with hosts that know each
 * other's addresses, and a clock that goes as the test says. Frames arrive at the
 * next turn of the other side, unless a test takes them away.
 */
#ifndef TEST_ENGINE_PAIR_H
#define TEST_ENGINE_PAIR_H

#include "engine/engine.h"
#include "sim/simport.h"

struct pair;

struct pair_side {
	struct pair *p;
	int index;
	struct engine *e;
	struct simport port;
	struct xtcp_addr addr[2]; /* IPv4, IPv6 */
	uint8_t mac[6];
	bool neigh_dead; /* neigh() says -EHOSTUNREACH */
	bool neigh_slow; /* neigh() says -EAGAIN until told */
	uint32_t neigh_asked;
	uint16_t next_port;
	uint8_t reserved[2][65536];
	uint64_t owned[65536], listening[65536];
	uint64_t frames_out;
	uint8_t last_frame[256]; /* the beginning of the last one sent */
	uint32_t last_len;
};

struct pair {
	struct pair_side side[2];
	uint64_t now;
	bool cut; /* frames are lost */
};

/* conf NULL: the default of pair_conf(). */
void pair_conf(struct engine_conf *conf);
void pair_open(struct pair *p, const struct engine_conf *conf);
void pair_close(struct pair *p);
/* One turn of each, then both engines' invariants are asserted. */
void pair_turn(struct pair *p);
/* Turns until both are quiet (nothing to do before the next timer). */
void pair_settle(struct pair *p);
/* Let time pass, turning at every deadline. */
void pair_sleep(struct pair *p, uint64_t ns);
/* Events of one side, merged for one handle; 0 when there were none for it. Others are dropped. */
uint32_t pair_events(struct pair *p, int side, uint64_t handle);

#endif
