// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_mem.c - the buddy allocator: blocks do not overlap, all memory comes back. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "lib/hash.h"
#include "lib/mem.h"

#define AREA (1u << 20)

static struct mem *m;

static int setup(void **state)
{
	size_t size = mem_size(AREA);

	m = aligned_alloc(4096, size);
	if (!m)
		return -1;
	memset(m, 0, size);
	mem_init(m, AREA);
	return 0;
}

static int teardown(void **state)
{
	free(m);
	return 0;
}

static void test_mem_order_is_the_smallest_that_fits(void **state)
{
	assert_int_equal(mem_order(0), 0);
	assert_int_equal(mem_order(256), 0);
	assert_int_equal(mem_order(257), 1);
	assert_int_equal(mem_order(512), 1);
	assert_int_equal(mem_order(1u << 20), 12);
	assert_int_equal(mem_order((1u << 20) + 1), 13);
}

static void test_mem_all_of_it_can_be_used(void **state)
{
	uint32_t n = 0;

	while (mem_alloc(m, 0))
		n++;
	assert_int_equal(n, AREA >> MEM_MIN_SHIFT);
	assert_int_equal(m->used, AREA);
	assert_int_equal(m->failures, 1);
	assert_int_equal(mem_check(m), 0);
}

static void test_mem_small_blocks_merge_for_a_large_one(void **state)
{
	uint32_t block[AREA >> MEM_MIN_SHIFT];

	for (uint32_t i = 0; i < AREA >> MEM_MIN_SHIFT; i++)
		block[i] = mem_alloc(m, 0);
	for (uint32_t i = 0; i < AREA >> MEM_MIN_SHIFT; i++)
		mem_free(m, block[i], 0);
	assert_int_equal(mem_check(m), 0);
	assert_int_not_equal(mem_alloc(m, mem_order(AREA)), 0);
	assert_int_equal(mem_check(m), 0);
}

static void test_mem_too_large_fails(void **state)
{
	assert_int_equal(mem_alloc(m, mem_order(AREA) + 1), 0);
	assert_int_equal(mem_alloc(m, MEM_ORDERS), 0);
	mem_free(m, 0, 3); /* nothing */
	assert_int_equal(mem_check(m), 0);
}

/* Each block is filled with its own byte; an overlap would show when it is given back. */
static void test_mem_random_blocks_do_not_overlap(void **state)
{
	struct {
		uint32_t block;
		unsigned int order;
	} b[200] = { { 0 } };
	uint64_t rnd = 1;

	for (int step = 0; step < 20000; step++) {
		uint64_t r = hash_random(&rnd);
		uint32_t i = (uint32_t)(r >> 32) % 200;
		size_t size;

		if (b[i].block) {
			const uint8_t *p = mem_ptr(m, b[i].block);

			size = (size_t)256 << b[i].order;
			for (size_t k = 0; k < size; k += 64)
				assert_int_equal(p[k], (uint8_t)i);
			mem_free(m, b[i].block, b[i].order);
			b[i].block = 0;
		} else {
			b[i].order = (unsigned int)(r & 7);
			b[i].block = mem_alloc(m, b[i].order);
			if (b[i].block)
				memset(mem_ptr(m, b[i].block), (int)(uint8_t)i, (size_t)256 << b[i].order);
		}
		if (step % 500 == 0)
			assert_int_equal(mem_check(m), 0);
	}
	for (int i = 0; i < 200; i++)
		mem_free(m, b[i].block, b[i].order);
	assert_int_equal(m->used, 0);
	assert_int_not_equal(mem_alloc(m, mem_order(AREA)), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void test_mem_marks_tell_how_short_it_is(void **state)
{
	uint32_t a, b, c;

	mem_marks(m, AREA / 4, AREA / 2, AREA / 4 * 3);
	a = mem_alloc(m, mem_order(AREA / 2));
	assert_false(mem_pressed(m));
	b = mem_alloc(m, mem_order(AREA / 4));
	assert_true(mem_pressed(m));
	assert_false(mem_short(m));
	c = mem_alloc(m, 0);
	assert_true(mem_short(m));
	mem_free(m, c, 0);
	assert_false(mem_short(m));
	mem_free(m, a, mem_order(AREA / 2)); /* no less than low is in use */
	assert_true(mem_pressed(m));
	mem_free(m, b, mem_order(AREA / 4));
	assert_false(mem_pressed(m));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_mem_order_is_the_smallest_that_fits),	   TEST(test_mem_all_of_it_can_be_used),
		TEST(test_mem_small_blocks_merge_for_a_large_one), TEST(test_mem_too_large_fails),
		TEST(test_mem_random_blocks_do_not_overlap),	   TEST(test_mem_marks_tell_how_short_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
