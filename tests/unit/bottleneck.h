/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * bottleneck.h - connections of the core that share one bottleneck, in simulated time: a rate, a drop-tail
 * buffer, a delay each way, random loss. The receivers are a model: they acknowledge each segment, with SACK.
 */
#ifndef TESTS_UNIT_BOTTLENECK_H
#define TESTS_UNIT_BOTTLENECK_H

#include "tcp_harness.h"

#define BN_FLOWS 2
#define BN_MSS 1448u

struct bn_flow {
	struct tcp_conn *c;
	uint64_t start_ns; /* from the beginning */
	bool idle;	   /* gives no more data */
	/* since bn_count() */
	uint64_t received; /* bytes, each once */
	uint64_t sent;	   /* bytes, again too */
};

struct bn_conf {
	uint64_t rate;	   /* bytes/s */
	uint64_t delay_ns; /* each way */
	uint32_t buffer;   /* bytes */
	uint32_t loss_ppm;
	uint8_t cc;
	uint32_t flows;
	uint64_t later_ns; /* how much later the second begins */
};

void bn_open(const struct bn_conf *conf);
void bn_run(uint64_t ms);
void bn_rate(uint64_t rate); /* another one from now on; bn_used() is about the last */
void bn_count(void);	     /* from here on */
void bn_close(void);
struct bn_flow *bn_flow(uint32_t i);
/* Of the bottleneck's rate, percent. */
uint32_t bn_used(uint32_t i);
uint32_t bn_queue_mean(void); /* bytes */
uint32_t bn_queue_min(void);
uint32_t bn_dropped_ppm(void); /* by the buffer, of what was sent */

#endif
