// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_look.c - looking into an engine by its region's descriptor: what is told, and what is no region, or not of this version. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "engine/private.h"
#include "engine_pair.h"

static struct engine *e;

static int setup(void **state)
{
	struct engine_conf conf;

	pair_conf(&conf);
	return engine_create(&e, &conf);
}

static int teardown(void **state)
{
	engine_destroy(e);
	return 0;
}

static const struct engine_place place = {
	.netns = 77, .ifindex = 5, .pid = 9, .engine = 1, .first_queue = 2, .queues = 3
};

static void test_look_tells_place_and_counters(void **state)
{
	struct engine_look l;

	engine_set_place(e, &place);
	e->r->stats[XTCP_USER_rx_frames] = 11;
	e->r->stats[XTCP_USER_frames_lost] = 12; /* the last */
	e->r->conns.used = 4;
	e->r->tws.used = 2;
	assert_int_equal(engine_look(engine_region_fd(e), &l), 0);
	e->r->conns.used = e->r->tws.used = 0;
	assert_memory_equal(&l.place, &place, sizeof(place));
	assert_int_equal(l.stats[XTCP_USER_rx_frames], 11);
	assert_int_equal(l.stats[XTCP_USER_frames_lost], 12);
	assert_true(l.conns == 4 && l.time_waits == 2 && l.listeners == 0);
}

static void test_look_engine_that_has_not_begun_is_not_told(void **state)
{
	struct engine_look l;

	assert_int_equal(engine_look(engine_region_fd(e), &l), -ENOENT);
}

static void test_look_other_version_is_refused(void **state)
{
	struct engine_look l;

	engine_set_place(e, &place);
	e->r->version++;
	assert_int_equal(engine_look(engine_region_fd(e), &l), -EPROTO);
	e->r->version--;
	e->r->header_bytes -= 8;
	assert_int_equal(engine_look(engine_region_fd(e), &l), -EPROTO);
	e->r->header_bytes += 8;
	assert_int_equal(engine_look(engine_region_fd(e), &l), 0);
}

static void test_look_what_is_no_region_is_refused(void **state)
{
	int fd = memfd_create("xtcp", MFD_CLOEXEC);
	struct engine_look l;
	uint64_t head[3] = { REGION_MAGIC, (uint64_t)sizeof(struct region) << 32 | REGION_VERSION, 1 << 30 };

	assert_int_equal(engine_look(fd, &l), -ENOENT); /* empty */
	assert_int_equal(pwrite(fd, head, 8, 0), 8);
	assert_int_equal(engine_look(fd, &l), -ENOENT);
	assert_int_equal(pwrite(fd, head, sizeof(head), 0), sizeof(head));
	assert_int_equal(engine_look(fd, &l), -EPROTO); /* shorter than it says */
	close(fd);
	assert_int_equal(engine_look(fd, &l), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_look_tells_place_and_counters, setup, teardown),
		cmocka_unit_test_setup_teardown(test_look_engine_that_has_not_begun_is_not_told, setup, teardown),
		cmocka_unit_test_setup_teardown(test_look_other_version_is_refused, setup, teardown),
		cmocka_unit_test(test_look_what_is_no_region_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
