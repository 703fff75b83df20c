/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* aqm.h - what a queue does about congestion before it is full: nothing, mark above a threshold, or CoDel. */
#ifndef SIM_AQM_H
#define SIM_AQM_H

#include <stdbool.h>
#include <stdint.h>

enum aqm_kind { AQM_NONE, AQM_THRESHOLD, AQM_CODEL };
enum aqm_verdict { AQM_PASS, AQM_MARK, AQM_DROP };

struct aqm_conf {
	enum aqm_kind kind;
	uint64_t target_ns;   /* of the time in the queue; AQM_THRESHOLD: marks above it */
	uint64_t interval_ns; /* CoDel's */
};

struct aqm {
	uint64_t first_above; /* RFC 8289 5.3; 0: not above */
	uint64_t next_drop;
	uint32_t count, last_count;
	bool dropping;
};

/* A frame leaves the queue at now_ns after wait_ns in it; last: no other is behind it. */
enum aqm_verdict aqm_leave(struct aqm *a, const struct aqm_conf *conf, uint64_t wait_ns, bool last, bool ect,
			   uint64_t now_ns);
/* Is the frame ECN-capable? */
bool aqm_is_ect(const uint8_t *data, uint32_t len);
/* Another ECN field, with the IPv4 checksum set right. */
void aqm_set_ecn(uint8_t *data, uint32_t len, uint8_t ecn);
uint8_t aqm_ecn(const uint8_t *data, uint32_t len);

#endif
