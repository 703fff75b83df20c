// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_region.c - the region: sealed, sparse, readable by anyone who maps it; its pools. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "engine/region.h"
#include "engine_pair.h"

static struct region *r;
static int fd;

static void big_conf(struct engine_conf *conf)
{
	pair_conf(conf);
	conf->max_conns = 65536;
	conf->max_time_wait = 32768;
	conf->buffer_bytes = 1ull << 30;
	conf->chunks = 8192;
}

static int setup(void **state)
{
	struct engine_conf conf;

	big_conf(&conf);
	return region_create(&conf, &r, &fd);
}

static int teardown(void **state)
{
	region_destroy(r, fd);
	return 0;
}

static void test_region_untouched_costs_little_memory(void **state)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	assert_true((uint64_t)st.st_size == r->bytes && r->bytes > 1ull << 30);
	assert_true(st.st_blocks * 512 < 256 << 10); /* committed */
}

static void test_region_cannot_be_resized(void **state)
{
	assert_int_equal(ftruncate(fd, 4096), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(fd, (off_t)r->bytes * 2), -1);
}

static void test_region_parts_do_not_overlap(void **state)
{
	const uint64_t at[] = { r->header_bytes, r->conns.off, r->off_demux,	    r->tws.off,	      r->listeners.off,
				r->dsts.off,	 r->helds.off, r->off_listen_heads, r->off_dst_heads, r->off_port_use,
				r->off_frames,	 r->off_area,  r->off_mem,	    r->bytes };

	for (size_t i = 1; i < sizeof(at) / sizeof(at[0]); i++)
		assert_true(at[i] >= at[i - 1]);
	assert_true(r->conns.off + 65536ull * sizeof(struct conn) <= r->off_demux);
	assert_true(r->off_demux + 8ull * (r->demux_mask + 1ull) <= r->tws.off);
	assert_true(r->demux_mask + 1ull >= 2 * (65536 + 32768));
	assert_int_equal(r->off_area % 4096, 0);
	assert_true(r->off_area + 8192ull * 4096 <= r->off_mem);
}

static void test_region_is_the_same_at_another_address(void **state)
{
	const struct region *other = mmap(NULL, r->bytes, PROT_READ, MAP_SHARED, fd, 0);

	assert_true(other != MAP_FAILED && other != r);
	assert_true(other->magic == REGION_MAGIC && other->bytes == r->bytes);
	munmap((void *)(uintptr_t)other, r->bytes);
}

static void test_region_pool_hands_out_each_once_up_to_its_bound(void **state)
{
	struct pool *p = &r->listeners;
	uint32_t ref[8];

	for (uint32_t i = 0; i < 8; i++) {
		ref[i] = pool_take(r, p);
		assert_int_equal(ref[i], i + 1);
	}
	assert_int_equal(pool_take(r, p), 0);
	assert_true(pool_check(r, p));
	pool_give(r, p, ref[3]);
	pool_give(r, p, ref[5]);
	assert_true(pool_check(r, p));
	assert_int_equal(pool_take(r, p), ref[5]); /* the warmest first */
	assert_int_equal(pool_take(r, p), ref[3]);
	assert_int_equal(pool_take(r, p), 0);
}

static void test_region_bad_configuration_is_refused(void **state)
{
	struct engine_conf conf;
	struct region *none;
	int f;

	big_conf(&conf);
	conf.max_conns = 0;
	assert_int_equal(region_create(&conf, &none, &f), -EINVAL);
	big_conf(&conf);
	conf.chunk_size = 3000;
	assert_int_equal(region_create(&conf, &none, &f), -EINVAL);
	big_conf(&conf);
	conf.buffer_bytes = 1;
	assert_int_equal(region_create(&conf, &none, &f), -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_region_untouched_costs_little_memory),
		TEST(test_region_cannot_be_resized),
		TEST(test_region_parts_do_not_overlap),
		TEST(test_region_is_the_same_at_another_address),
		TEST(test_region_pool_hands_out_each_once_up_to_its_bound),
		TEST(test_region_bad_configuration_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
