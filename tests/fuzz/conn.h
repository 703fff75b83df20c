/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * conn.h - one connection of the core, without an engine, for the fuzz targets that drive one (conn.c).
 *
 * What must hold: tcp_check() after each step, mem_check() now and then; every segment made is
 * well-formed, fits the path, carries the right bytes of the stream and takes back no
 * window; what the application reads is the stream; no turn of output and no timer
 * goes on for ever; a peer that behaves from now on gets everything through; no
 * memory is left in the end. Payload is a pattern of its sequence number, so that
 * overlapping segments always agree.
 */
#ifndef FUZZ_CONN_H
#define FUZZ_CONN_H

#include "fuzz.h"
#include "tcp/internal.h"

#define ISS 0xfffff000u
#define IRS 0xfffffa00u
#define LOOP_MAX 20000 /* of anything that has to end by itself */

enum start { START_V6 = 1, START_PASSIVE = 2, START_RAW = 4, START_SMALL_MEM = 8, START_POLITE_END = 16 };

struct fuzz_conn {
	struct tcp_env env;
	uint64_t stats[XTCP_USER_STATS];
	struct tcp_conn c __attribute__((aligned(TCP_COLD_ALIGN)));
	struct tcp_cold cold;
	struct tcp_tw tw;
	bool in_tw, gone;
	uint64_t now;
	uint32_t tsval, tsecr; /* the peer's clock, what it last saw of ours */
	uint32_t edge;	       /* right edge of the window announced so far */
	bool have_edge;
	uint32_t sent; /* behind all that was ever sent, window probes too */
	uint32_t wrote, read, steps;
};
extern struct fuzz_conn t;

void fuzz_conn_begin(uint8_t how); /* enum start: memory and configuration */
void fuzz_conn_addresses(uint8_t how, struct tcp_open *o);
/* Opened as how says, with the peer's options; established unless START_RAW. */
void fuzz_conn_open(uint8_t how, struct bytes *b);
void fuzz_conn_step(struct bytes *b);
/* From now on peer and application behave: nothing may be stuck. */
void fuzz_conn_polite_end(void);
void fuzz_conn_end(void);

void fuzz_conn_check(void);
uint32_t fuzz_conn_make(uint32_t max); /* segments, at most so many; how many there were */
/* A segment of the peer, with len bytes of text. */
void fuzz_conn_input(struct tcp_seg *s, uint32_t len);
void fuzz_conn_options(struct bytes *b, struct tcp_seg *s);
/* Text for s, valid in three pieces that the caller frees. */
void fuzz_conn_text(struct tcp_seg *s, uint32_t len, uint8_t *piece[3]);

#endif
