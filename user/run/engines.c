// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * engines.c - what concerns all engines of a run, one lock after the other. The registry comes last where something is given up: until it
 * has been, nobody else gets the number.
 */
#include "run/run.h"

/* The keeper gets the lock of a broken engine, too, but to mend it. */
static bool lock(struct run_member *m)
{
	if (!run_lock(m))
		return false;
	if (!atomic_load(&m->r->broken))
		return true;
	run_unlock(m);
	return false;
}

static bool clear_elsewhere(struct run_member *m, uint32_t epoll)
{
	for (uint32_t k = 1; k < m->r->engines; k++) {
		if (!lock(&m[k]))
			return false;
		run_epoll_clear(&m[k], epoll);
		run_unlock(&m[k]);
	}
	return true;
}

/*
 * Who is about to be the last first clears it in the other engines. If somebody forks meanwhile, the child has an instance that was being
 * closed when it was born.
 */
bool run_epoll_leave(struct run_member *m, uint32_t slot, uint32_t epoll)
{
	bool last;

	if (!lock(m))
		return false;
	last = m->r->engines > 1 && run_epoll_last(m->r, slot, epoll);
	if (last) {
		run_unlock(m);
		if (!clear_elsewhere(m, epoll) || !lock(m))
			return false;
	}
	run_epoll_drop(m, slot, epoll);
	run_unlock(m);
	return true;
}

bool run_epoll_leave_all(struct run_member *m, uint32_t slot)
{
	for (uint32_t i = 0; i < RUN_EPOLLS / 64; i++)
		/* nobody else changes what this process holds */
		for (uint64_t b = m->r->epoll_bits[slot][i]; b; b &= b - 1)
			if (!run_epoll_leave(m, slot, i * 64 + (uint32_t)__builtin_ctzll(b) + 1))
				return false;
	return true;
}

bool run_bury(struct run_member *m, uint32_t slot, bool reset)
{
	if (!run_epoll_leave_all(m, slot))
		return false;
	for (uint32_t k = m->r->engines; k-- > 0;) {
		if (!lock(&m[k]))
			return false;
		run_proc_drop(&m[k], slot, reset);
		if (!k)
			m->r->proc[slot].state = RUN_PROC_FREE;
		run_unlock(&m[k]);
	}
	return true;
}
