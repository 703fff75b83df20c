// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * aqm.c - active queue management: the threshold on the instantaneous queue that
 * DCTCP wants (RFC 8257 3.1), and CoDel (RFC 8289 5), which marks what is ECN-capable
 * and drops the rest. Only ECT frames are ever marked (RFC 3168 5).
 */
#include "aqm.h"

#include "scenario.h"
#include "xtcp/wire.h"

/* ---- the ECN field ---- */

static uint8_t *tos_at(uint8_t *data, uint32_t len, bool *v6)
{
	uint32_t type = len >= WIRE_ETH_LEN + 40 ? (uint32_t)data[12] << 8 | data[13] : 0;

	*v6 = type == 0x86dd;
	return type == 0x0800 || *v6 ? data + WIRE_ETH_LEN : NULL;
}

uint8_t aqm_ecn(const uint8_t *data, uint32_t len)
{
	bool v6;
	const uint8_t *ip = tos_at((uint8_t *)(uintptr_t)data, len, &v6);

	return ip ? (v6 ? ip[1] >> 4 : ip[1]) & ECN_MASK : ECN_NOT_ECT;
}

bool aqm_is_ect(const uint8_t *data, uint32_t len)
{
	return aqm_ecn(data, len) != ECN_NOT_ECT;
}

void aqm_set_ecn(uint8_t *data, uint32_t len, uint8_t ecn)
{
	bool v6;
	uint8_t *ip = tos_at(data, len, &v6);
	uint32_t sum = 0;

	if (ip && v6)
		ip[1] = (uint8_t)((ip[1] & 0xcf) | ecn << 4);
	if (!ip || v6)
		return;
	ip[1] = (uint8_t)((ip[1] & ~ECN_MASK) | ecn);
	ip[10] = ip[11] = 0;
	for (int i = 0; i < (ip[0] & 15) * 4; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	ip[10] = (uint8_t)(~sum >> 8);
	ip[11] = (uint8_t)~sum;
}

/* ---- CoDel ---- */

static uint64_t square_root(uint64_t n)
{
	uint64_t r = 0;

	for (uint64_t bit = 1ull << 32; bit; bit >>= 1)
		if ((r | bit) * (r | bit) <= n)
			r |= bit;
	return r;
}

/* The control law: interval / sqrt(count). */
static uint64_t control(const struct aqm_conf *conf, uint32_t count, uint64_t t)
{
	return t + conf->interval_ns * 1024 / square_root((uint64_t)count << 20);
}

/* Has the time in the queue stayed above the target for a whole interval? */
static bool stayed_above(struct aqm *a, const struct aqm_conf *conf, uint64_t wait_ns, bool last, uint64_t now_ns)
{
	if (wait_ns < conf->target_ns || last) {
		a->first_above = 0;
		return false;
	}
	if (!a->first_above)
		a->first_above = now_ns + conf->interval_ns;
	return now_ns >= a->first_above;
}

static bool codel(struct aqm *a, const struct aqm_conf *conf, uint64_t wait_ns, bool last, uint64_t now_ns)
{
	uint32_t delta = a->count - a->last_count;
	bool recent = now_ns < a->next_drop + 16 * conf->interval_ns;

	if (!stayed_above(a, conf, wait_ns, last, now_ns)) {
		a->dropping = false;
		return false;
	}
	if (a->dropping) {
		if (now_ns < a->next_drop)
			return false;
		a->next_drop = control(conf, ++a->count, a->next_drop);
		return true;
	}
	a->dropping = true;
	a->count = delta > 1 && recent ? delta : 1;
	a->last_count = a->count;
	a->next_drop = control(conf, a->count, now_ns);
	return true;
}

enum aqm_verdict aqm_leave(struct aqm *a, const struct aqm_conf *conf, uint64_t wait_ns, bool last, bool ect,
			   uint64_t now_ns)
{
	switch (conf->kind) {
	case AQM_THRESHOLD: return ect && wait_ns > conf->target_ns ? AQM_MARK : AQM_PASS;
	case AQM_CODEL: return !codel(a, conf, wait_ns, last, now_ns) ? AQM_PASS : ect ? AQM_MARK : AQM_DROP;
	default: return AQM_PASS;
	}
}
