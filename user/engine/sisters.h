/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sisters.h - engines of one interface, each on receive queues of its own, and the way
 * of a frame that arrived at the wrong one: AF_XDP cannot redirect to another queue's
 * socket, so the engine that received it copies it into a ring towards the engine that
 * has the connection. A ring has one producer and one consumer; a pair of engines has
 * one each way; memory is committed when first used. Nothing else is shared between
 * engines but the XDP half's maps. Seats and rings lie in a memfd: the processes of a run
 * (api/share.h), which take turns at each engine, all map it.
 *
 * The flow table names the engine of a connection (xtcp/flow.h). What is neither there
 * nor known to its receiver goes round: each engine in turn looks, the last one answers.
 * A frame for which a ring has no room is dropped and counted; TCP sends it again.
 *
 * Wake-up: a sender sets its bit in pending, then looks at asleep; a sleeper sets asleep,
 * then looks at pending (both sequentially consistent), so one of them sees the other.
 */
#ifndef ENGINE_SISTERS_H
#define ENGINE_SISTERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "io/port.h"
#include "xtcp/flow.h"

#define SISTERS_MAX XTCP_MAX_QUEUES
#define SISTERS_RING (1u << 20) /* bytes of a ring, a power of two */

struct sisters_ring {
	_Atomic uint64_t head;				    /* bytes ever put in; the producer's */
	_Atomic uint64_t tail __attribute__((aligned(64))); /* ... taken out; the consumer's */
	uint8_t data[SISTERS_RING] __attribute__((aligned(64)));
};

struct sisters_seat {
	_Atomic uint64_t pending; /* bit n: engine n has left something */
	_Atomic uint32_t asleep;
} __attribute__((aligned(64)));

struct sisters_shared {
	_Atomic uint64_t seats; /* bit n: engine n lives */
	struct sisters_seat seat[SISTERS_MAX];
	struct sisters_ring ring[SISTERS_MAX][SISTERS_MAX]; /* from, to */
};

/* As one process has it. */
struct sisters {
	struct sisters_shared *shared;
	int fd;			  /* of that memory */
	int wake_fd[SISTERS_MAX]; /* eventfds, -1 before the seat was ever taken */
};

/* NULL: no memory. */
struct sisters *sisters_new(void);
/* Those of another process, by the descriptor of their memory, which is ours from now on; wake_fd of each seat is for the caller to fill in. */
struct sisters *sisters_attach(int fd);
/* Let go of them in this process. */
void sisters_detach(struct sisters *s);
/* A seat, 0 .. SISTERS_MAX - 1; -ENOSPC, -ENOMEM, -EMFILE. One at a time; the engines that sit may run meanwhile. */
int sisters_sit(struct sisters *s);
/* True: the last one has gone, and s is freed. */
bool sisters_leave(struct sisters *s, uint32_t seat);

/* May the engine sleep? False: something has been handed over. wake_fd is readable when that happens later. */
bool sisters_doze(struct sisters *s, uint32_t seat);
/* Not asleep any more. */
void sisters_awake(struct sisters *s, uint32_t seat);
/* wake_fd has been readable: it is not any more. */
void sisters_hush(struct sisters *s, uint32_t seat);

/* ---- a ring; for the engine and its test ---- */

/* False: no room, or nobody sits there any more. */
bool sisters_put(struct sisters *s, uint32_t from, uint32_t to, const struct io_pkt *pkt, uint8_t looked);
/* Up to max frames; they stay valid until sisters_done(). looked[i]: engines that have looked for its connection. */
int sisters_take(struct sisters *s, uint32_t from, uint32_t to, struct io_pkt *pkts, uint8_t *looked, int max);
/* Those n frames are done with. */
void sisters_done(struct sisters *s, uint32_t from, uint32_t to, int n);

static inline bool sisters_pending(const struct sisters *s, uint32_t seat)
{
	return atomic_load_explicit(&s->shared->seat[seat].pending, memory_order_relaxed);
}

/* No other engine is on this interface. */
static inline bool sisters_alone(const struct sisters *s)
{
	uint64_t seats = atomic_load_explicit(&s->shared->seats, memory_order_relaxed);

	return !(seats & (seats - 1));
}

#endif
