// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* sisters.c - seats and rings of the engines of one interface. See sisters.h. */
#include "engine/sisters.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

/* In front of each frame. Records are multiples of 64 bytes, so there is always room for one up to the ring's end. */
struct record {
	uint32_t bytes; /* of the record, this header included */
	uint32_t len;	/* of the frame; 0: filling up to the ring's end */
	uint16_t queue;
	uint16_t has_meta;
	uint8_t looked;
	struct xtcp_meta meta;
};
#define RECORD_ALIGN 64u
#define RECORD_HEAD 64u
_Static_assert(sizeof(struct record) <= RECORD_HEAD, "the header fits");

static pthread_mutex_t seating = PTHREAD_MUTEX_INITIALIZER; /* sit and leave only */

static struct sisters *map(int fd)
{
	struct sisters *s = malloc(sizeof(*s));
	void *p = MAP_FAILED;

	if (s)
		p = mmap(NULL, sizeof(*s->shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (p == MAP_FAILED) {
		free(s);
		return NULL;
	}
	s->shared = p;
	s->fd = fd;
	for (int i = 0; i < SISTERS_MAX; i++)
		s->wake_fd[i] = -1;
	return s;
}

struct sisters *sisters_new(void)
{
	int fd = memfd_create("sisters", MFD_CLOEXEC);
	struct sisters *s = NULL;

	if (fd >= 0 && !ftruncate(fd, (off_t)sizeof(struct sisters_shared)))
		s = map(fd); /* sparse: a page is there once it is written */
	if (!s && fd >= 0)
		close(fd);
	return s;
}

struct sisters *sisters_attach(int fd)
{
	return map(fd);
}

void sisters_detach(struct sisters *s)
{
	for (int i = 0; i < SISTERS_MAX; i++)
		if (s->wake_fd[i] >= 0)
			close(s->wake_fd[i]);
	munmap(s->shared, sizeof(*s->shared));
	close(s->fd);
	free(s);
}

/* What a former engine left unread is nobody's. */
static void empty_ring(struct sisters *s, uint32_t from, uint32_t to)
{
	struct sisters_ring *r = &s->shared->ring[from][to];

	atomic_store(&r->tail, atomic_load(&r->head));
}

static int make_seat(struct sisters *s, uint32_t seat, uint64_t others)
{
	struct sisters_seat *me = &s->shared->seat[seat];

	if (s->wake_fd[seat] < 0)
		s->wake_fd[seat] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->wake_fd[seat] < 0)
		return -errno;
	atomic_store(&me->pending, 0);
	atomic_store(&me->asleep, 0);
	for (; others; others &= others - 1) {
		uint32_t other = (uint32_t)__builtin_ctzll(others);

		empty_ring(s, seat, other);
		empty_ring(s, other, seat);
	}
	return 0;
}

int sisters_sit(struct sisters *s)
{
	uint64_t seats;
	int seat, err;

	pthread_mutex_lock(&seating);
	seats = atomic_load(&s->shared->seats);
	seat = seats == UINT64_MAX ? -ENOSPC : __builtin_ctzll(~seats);
	err = seat < 0 ? seat : make_seat(s, (uint32_t)seat, seats);
	if (!err)
		atomic_fetch_or(&s->shared->seats, 1ull << seat);
	pthread_mutex_unlock(&seating);
	return err ? err : seat;
}

bool sisters_leave(struct sisters *s, uint32_t seat)
{
	bool last;

	pthread_mutex_lock(&seating);
	last = atomic_fetch_and(&s->shared->seats, ~(1ull << seat)) == 1ull << seat;
	pthread_mutex_unlock(&seating);
	if (last)
		sisters_detach(s);
	return last;
}

bool sisters_doze(struct sisters *s, uint32_t seat)
{
	atomic_store(&s->shared->seat[seat].asleep, 1);
	if (!atomic_load(&s->shared->seat[seat].pending))
		return true;
	atomic_store(&s->shared->seat[seat].asleep, 0);
	return false;
}

void sisters_awake(struct sisters *s, uint32_t seat)
{
	atomic_store(&s->shared->seat[seat].asleep, 0);
}

void sisters_hush(struct sisters *s, uint32_t seat)
{
	uint64_t n;

	if (read(s->wake_fd[seat], &n, sizeof(n)) < 0)
		return;
}

static void poke(struct sisters *s, uint32_t from, uint32_t to)
{
	struct sisters_seat *other = &s->shared->seat[to];
	uint64_t one = 1;

	atomic_fetch_or(&other->pending, 1ull << from);
	if (atomic_load(&other->asleep) && atomic_exchange(&other->asleep, 0) &&
	    write(s->wake_fd[to], &one, sizeof(one)) < 0)
		return; /* the counter is full: it is readable anyway */
}

/* ---- a ring ---- */

static struct record *record_at(struct sisters_ring *r, uint64_t at)
{
	return (struct record *)(r->data + (at & (SISTERS_RING - 1)));
}

static void fill(struct record *rec, const struct io_pkt *pkt, uint32_t bytes, uint8_t looked)
{
	uint8_t *to = (uint8_t *)rec + RECORD_HEAD;

	rec->bytes = bytes;
	rec->len = pkt->len;
	rec->queue = pkt->queue;
	rec->has_meta = pkt->has_meta;
	rec->looked = looked;
	rec->meta = pkt->meta;
	for (uint32_t i = 0; i < pkt->nfrags; i++) {
		memcpy(to, pkt->frag[i].data, pkt->frag[i].len);
		to += pkt->frag[i].len;
	}
}

bool sisters_put(struct sisters *s, uint32_t from, uint32_t to, const struct io_pkt *pkt, uint8_t looked)
{
	uint32_t bytes = (RECORD_HEAD + pkt->len + RECORD_ALIGN - 1) & ~(RECORD_ALIGN - 1), rest, skip;
	struct sisters_ring *r;
	uint64_t head;

	if (!(atomic_load(&s->shared->seats) >> to & 1) || pkt->len > SISTERS_RING / 4 || !pkt->len)
		return false;
	r = &s->shared->ring[from][to];
	head = atomic_load_explicit(&r->head, memory_order_relaxed);
	rest = SISTERS_RING - (uint32_t)(head & (SISTERS_RING - 1));
	skip = bytes > rest ? rest : 0; /* a record is in one piece */
	if (head + skip + bytes - atomic_load_explicit(&r->tail, memory_order_acquire) > SISTERS_RING)
		return false;
	if (skip) {
		record_at(r, head)->bytes = skip;
		record_at(r, head)->len = 0;
	}
	fill(record_at(r, head + skip), pkt, bytes, looked);
	atomic_store_explicit(&r->head, head + skip + bytes, memory_order_release);
	poke(s, from, to);
	return true;
}

int sisters_take(struct sisters *s, uint32_t from, uint32_t to, struct io_pkt *pkts, uint8_t *looked, int max)
{
	struct sisters_ring *r = &s->shared->ring[from][to];
	uint64_t at, head;
	int n = 0;

	if (!r)
		return 0;
	at = atomic_load_explicit(&r->tail, memory_order_relaxed);
	head = atomic_load_explicit(&r->head, memory_order_acquire);
	for (; at != head && n < max; at += record_at(r, at)->bytes) {
		const struct record *rec = record_at(r, at);

		if (!rec->len)
			continue;
		pkts[n].nfrags = 1;
		pkts[n].len = rec->len;
		pkts[n].queue = rec->queue;
		pkts[n].has_meta = rec->has_meta;
		pkts[n].meta = rec->meta;
		pkts[n].frag[0] = (struct io_frag){ .data = (uint8_t *)record_at(r, at) + RECORD_HEAD,
						    .len = rec->len };
		looked[n++] = rec->looked;
	}
	return n;
}

void sisters_done(struct sisters *s, uint32_t from, uint32_t to, int n)
{
	struct sisters_ring *r = &s->shared->ring[from][to];
	uint64_t at = atomic_load_explicit(&r->tail, memory_order_relaxed);

	for (; n; at += record_at(r, at)->bytes)
		n -= record_at(r, at)->len != 0;
	atomic_store_explicit(&r->tail, at, memory_order_release);
}
