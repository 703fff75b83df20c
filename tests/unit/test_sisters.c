// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_sisters.c - seats and rings of the engines of one interface; two threads at a ring, for ThreadSanitizer too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include "engine/sisters.h"
#include <cmocka.h>

#define FRAMES 20000u
#define LARGE 65014u

static struct sisters *s;
static uint8_t buf[LARGE];
static struct io_pkt got[IO_BURST];
static uint8_t looked[IO_BURST];

static int setup(void **state)
{
	s = sisters_new();
	return s && sisters_sit(s) == 0 && sisters_sit(s) == 1 ? 0 : -1;
}

static int teardown(void **state)
{
	while (atomic_load(&s->shared->seats)) {
		uint32_t seat = (uint32_t)__builtin_ctzll(atomic_load(&s->shared->seats));

		if (sisters_leave(s, seat))
			break;
	}
	return 0;
}

static struct io_pkt frame(uint32_t len, uint8_t with)
{
	struct io_pkt pkt = { .nfrags = 1, .len = len, .queue = with, .frag[0] = { .data = buf, .len = len } };

	memset(buf, with, len);
	return pkt;
}

static void test_sisters_seats_are_given_again(void **state)
{
	assert_int_equal(sisters_sit(s), 2);
	assert_false(sisters_leave(s, 1));
	assert_int_equal(sisters_sit(s), 1);
	for (int i = 3; i < SISTERS_MAX; i++)
		assert_int_equal(sisters_sit(s), i);
	assert_int_equal(sisters_sit(s), -ENOSPC);
}

static void test_sisters_alone_is_who_has_no_sister(void **state)
{
	assert_false(sisters_alone(s));
	sisters_leave(s, 0);
	assert_true(sisters_alone(s));
}

static void test_sisters_ring_carries_frame_and_metadata(void **state)
{
	struct io_pkt pkt = frame(1000, 7);

	pkt.has_meta = 1;
	pkt.meta.conn_hint = 99;
	pkt.nfrags = 2; /* joined on the way */
	pkt.frag[0].len = 600;
	pkt.frag[1] = (struct io_frag){ .data = buf + 600, .len = 400 };
	buf[999] = 8;
	assert_true(sisters_put(s, 0, 1, &pkt, 3));
	assert_true(sisters_pending(s, 1));
	assert_false(sisters_pending(s, 0));
	assert_int_equal(sisters_take(s, 1, 0, got, looked, IO_BURST), 0);
	assert_int_equal(sisters_take(s, 0, 1, got, looked, IO_BURST), 1);
	assert_int_equal(got[0].nfrags, 1);
	assert_int_equal(got[0].len, 1000);
	assert_int_equal(got[0].frag[0].len, 1000);
	assert_int_equal(got[0].queue, 7);
	assert_int_equal(got[0].has_meta, 1);
	assert_int_equal(got[0].meta.conn_hint, 99);
	assert_int_equal(looked[0], 3);
	assert_memory_equal(got[0].frag[0].data, buf, 1000);
	sisters_done(s, 0, 1, 1);
	assert_int_equal(sisters_take(s, 0, 1, got, looked, IO_BURST), 0);
}

/* Every length, wrapping many times: each frame comes out whole and in one piece. */
static void test_sisters_ring_wraps_at_every_length(void **state)
{
	for (uint32_t len = 1; len < LARGE; len += 61) {
		struct io_pkt pkt = frame(len, (uint8_t)len);

		assert_true(sisters_put(s, 0, 1, &pkt, 0));
		assert_int_equal(sisters_take(s, 0, 1, got, looked, IO_BURST), 1);
		assert_int_equal(got[0].len, len);
		assert_memory_equal(got[0].frag[0].data, buf, len);
		sisters_done(s, 0, 1, 1);
	}
}

static void test_sisters_ring_is_bounded(void **state)
{
	struct io_pkt pkt = frame(1400, 1);
	int n = 0, out = 0, k;

	while (sisters_put(s, 0, 1, &pkt, 0))
		n++;
	assert_in_range(n, SISTERS_RING / 1536, SISTERS_RING / 1400);
	while ((k = sisters_take(s, 0, 1, got, looked, IO_BURST))) {
		sisters_done(s, 0, 1, k);
		out += k;
	}
	assert_int_equal(out, n);
	assert_true(sisters_put(s, 0, 1, &pkt, 0));
}

static void test_sisters_nothing_goes_to_who_has_left(void **state)
{
	struct io_pkt pkt = frame(100, 1);

	assert_true(sisters_put(s, 0, 1, &pkt, 0));
	sisters_leave(s, 1);
	assert_false(sisters_put(s, 0, 1, &pkt, 0));
	assert_int_equal(sisters_sit(s), 1);
	assert_false(sisters_pending(s, 1)); /* what was for her predecessor is not for her */
	assert_int_equal(sisters_take(s, 0, 1, got, looked, IO_BURST), 0);
}

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void test_sisters_sleeper_is_woken(void **state)
{
	struct io_pkt pkt = frame(100, 1);

	assert_true(sisters_put(s, 0, 1, &pkt, 0));
	assert_false(readable(s->wake_fd[1])); /* nobody sleeps */
	assert_false(sisters_doze(s, 1));      /* and nobody may */
	atomic_store(&s->shared->seat[1].pending, 0);
	assert_true(sisters_doze(s, 1));
	assert_true(sisters_put(s, 0, 1, &pkt, 0));
	assert_true(readable(s->wake_fd[1]));
	sisters_awake(s, 1);
	sisters_hush(s, 1);
	assert_false(readable(s->wake_fd[1]));
}

/* ---- two threads ---- */

static void *produce(void *arg)
{
	uint32_t from = *(const uint32_t *)arg;

	for (uint32_t i = 0; i < FRAMES; i++) {
		uint8_t mine[2048];
		uint32_t len = 60 + i * 37 % 1900;
		struct io_pkt pkt = { .nfrags = 1, .len = len, .frag[0] = { .data = mine, .len = len } };

		memset(mine, (uint8_t)i, len);
		memcpy(mine, &i, sizeof(i));
		while (!sisters_put(s, from, 1, &pkt, 0))
			sched_yield();
	}
	return arg;
}

static uint32_t check_burst(int n, uint32_t next)
{
	for (int i = 0; i < n; i++, next++) {
		const struct io_frag *f = &got[i].frag[0];

		assert_int_equal(f->len, 60 + next * 37 % 1900);
		assert_memory_equal(f->data, &next, sizeof(next));
		assert_int_equal(f->data[f->len - 1], (uint8_t)next);
		assert_int_equal(f->data[f->len / 2], (uint8_t)next);
	}
	return next;
}

/* Two producers, a consumer that sleeps when it may: nothing is lost, turned around or torn, and no wake-up is missed. */
static void test_sisters_threads_hand_over_everything_in_order(void **state)
{
	static const uint32_t from[2] = { 0, 2 };
	uint32_t next[3] = { 0 };
	pthread_t t[2];

	assert_int_equal(sisters_sit(s), 2);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&t[i], NULL, produce, (void *)&from[i]), 0);
	while (next[0] + next[2] < 2 * FRAMES) {
		struct pollfd p = { .fd = s->wake_fd[1], .events = POLLIN };
		uint64_t who;

		if (sisters_doze(s, 1)) {
			assert_int_equal(poll(&p, 1, 20000), 1);
			sisters_hush(s, 1);
			sisters_awake(s, 1);
		}
		for (who = atomic_exchange(&s->shared->seat[1].pending, 0); who; who &= who - 1) {
			uint32_t w = (uint32_t)__builtin_ctzll(who);
			int n;

			while ((n = sisters_take(s, w, 1, got, looked, IO_BURST))) {
				next[w] = check_burst(n, next[w]);
				sisters_done(s, w, 1, n);
			}
		}
	}
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(next[0], FRAMES);
	assert_int_equal(next[2], FRAMES);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_sisters_seats_are_given_again),
		CASE(test_sisters_alone_is_who_has_no_sister),
		CASE(test_sisters_ring_carries_frame_and_metadata),
		CASE(test_sisters_ring_wraps_at_every_length),
		CASE(test_sisters_ring_is_bounded),
		CASE(test_sisters_nothing_goes_to_who_has_left),
		CASE(test_sisters_sleeper_is_woken),
		CASE(test_sisters_threads_hand_over_everything_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
