// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_ring.c - byte rings: growth, wrapping, the hint of their size. */
#include "lib/hash.h"
#include "tcp_harness.h"

static void write_at(struct tcp_ring *r, uint32_t off, uint8_t from, uint32_t len)
{
	uint8_t b[4096];

	for (uint32_t i = 0; i < len; i++)
		b[i] = (uint8_t)(from + i);
	ring_write(&th.env, r, off, b, len);
}

static void content_is(struct tcp_ring *r, uint32_t off, uint8_t from, uint32_t len)
{
	struct tcp_span span[2];
	uint32_t n = ring_spans(&th.env, r, off, len, span), total = 0;

	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < span[i].len; k++, total++)
			assert_int_equal(span[i].data[k], (uint8_t)(from + total));
	assert_int_equal(total, len);
}

static void done(struct tcp_ring *r)
{
	uint8_t hint = 0;

	ring_release(&th.env, r, &hint);
	assert_int_equal(r->size, 0);
	assert_int_equal(th.env.mem->used, 0);
}

static void test_ring_smallest_is_two_kib(void **state)
{
	struct tcp_ring r = { 0 };

	assert_true(ring_reserve(&th.env, &r, 0, 1, 0));
	assert_int_equal(r.size, 2048);
	done(&r);
}

static void test_ring_nothing_needs_no_block(void **state)
{
	struct tcp_ring r = { 0 };
	struct tcp_span span[2];

	assert_true(ring_reserve(&th.env, &r, 0, 0, 9));
	assert_int_equal(r.size, 0);
	assert_int_equal(ring_spans(&th.env, &r, 0, 0, span), 0);
	done(&r);
}

static void test_ring_growth_keeps_wrapped_bytes(void **state)
{
	struct tcp_ring r = { 0 };

	assert_true(ring_reserve(&th.env, &r, 0, 2048, 0));
	r.len = 2048;
	write_at(&r, 0, 0, 2048);
	ring_drop(&r, 1500);
	write_at(&r, 548, (uint8_t)2048, 1000); /* wraps */
	r.len += 1000;
	content_is(&r, 0, (uint8_t)1500, 1548);
	assert_true(ring_reserve(&th.env, &r, 1548, 5000, 0));
	assert_int_equal(r.size, 8192);
	assert_int_equal(r.head, 0);
	content_is(&r, 0, (uint8_t)1500, 1548);
	done(&r);
}

static void test_ring_spans_are_two_only_across_the_end(void **state)
{
	struct tcp_ring r = { 0 };
	struct tcp_span span[2];

	assert_true(ring_reserve(&th.env, &r, 0, 2048, 0));
	r.len = 2048;
	ring_drop(&r, 2000);
	assert_int_equal(ring_spans(&th.env, &r, 0, 48, span), 1);
	assert_int_equal(ring_spans(&th.env, &r, 0, 49, span), 2);
	assert_int_equal(span[0].len, 48);
	assert_int_equal(span[1].len, 1);
	assert_int_equal(ring_spans(&th.env, &r, 48, 10, span), 1);
	done(&r);
}

static void test_ring_hint_brings_the_size_used_last_time(void **state)
{
	struct tcp_ring r = { 0 };
	uint8_t hint = 0;

	assert_true(ring_reserve(&th.env, &r, 0, 60000, hint));
	ring_release(&th.env, &r, &hint);
	assert_int_equal(hint, mem_order(60000));
	assert_true(ring_reserve(&th.env, &r, 0, 10, hint));
	assert_int_equal(r.size, 65536);
	ring_release(&th.env, &r, &hint);
	assert_int_equal(hint, mem_order(60000) - 1); /* unused size is forgotten step by step */
	for (int i = 0; i < 20; i++) {
		assert_true(ring_reserve(&th.env, &r, 0, 10, hint));
		ring_release(&th.env, &r, &hint);
	}
	assert_int_equal(hint, 0);
	done(&r);
}

static void test_ring_hint_too_large_falls_back_to_the_need(void **state)
{
	struct tcp_ring r = { 0 };

	th_memory(8192);
	assert_true(ring_reserve(&th.env, &r, 0, 100, 10));
	assert_true(r.size >= 256 && r.size <= 8192);
	done(&r);
}

static void test_ring_without_memory_keeps_what_it_has(void **state)
{
	struct tcp_ring r = { 0 };

	th_memory(8192);
	assert_true(ring_reserve(&th.env, &r, 0, 4096, 0));
	r.len = 4000;
	write_at(&r, 0, 9, 4000);
	assert_false(ring_reserve(&th.env, &r, 4000, 8000, 0));
	assert_int_equal(r.size, 4096);
	content_is(&r, 0, 9, 4000);
	assert_true(th.stats[XTCP_USER_mem_limit] > 0);
	done(&r);
}

static void test_ring_random_use_behaves_like_a_queue(void **state)
{
	struct tcp_ring r = { 0 };
	uint8_t hint = 0;
	uint32_t in_ = 0, out_ = 0;
	uint64_t x = 3;

	for (int i = 0; i < 20000; i++) {
		uint32_t n = (uint32_t)(hash_random(&x) % 700);

		if (hash_random(&x) & 1 && r.len + n < 16000) {
			assert_true(ring_reserve(&th.env, &r, r.len, r.len + n, hint));
			write_at(&r, r.len, (uint8_t)in_, n);
			r.len += n;
			in_ += n;
		} else {
			n = n < r.len ? n : r.len;
			content_is(&r, 0, (uint8_t)out_, n);
			ring_drop(&r, n);
			out_ += n;
			if (!r.len)
				ring_release(&th.env, &r, &hint);
		}
		assert_int_equal(r.len, in_ - out_);
	}
	done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ring_smallest_is_two_kib),
		TEST(test_ring_nothing_needs_no_block),
		TEST(test_ring_growth_keeps_wrapped_bytes),
		TEST(test_ring_spans_are_two_only_across_the_end),
		TEST(test_ring_hint_brings_the_size_used_last_time),
		TEST(test_ring_hint_too_large_falls_back_to_the_need),
		TEST(test_ring_without_memory_keeps_what_it_has),
		TEST(test_ring_random_use_behaves_like_a_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
