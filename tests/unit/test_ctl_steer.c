// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_ctl_steer.c - the port masks that the XDP program reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "ctl/private.h"

static struct ctl ctl;

static int setup(void **state)
{
	half_init(&ctl.half);
	ctl.half.ports = calloc(XTCP_PORTS, sizeof(struct xtcp_port_entry));
	return ctl.half.ports ? 0 : -1;
}

static int teardown(void **state)
{
	free(ctl.half.ports);
	ctl.half.ports = NULL;
	return 0;
}

static void test_steer_own_sets_one_bit(void **state)
{
	steer_port(&ctl, 63, 65535, true, false);
	assert_int_equal(ctl.half.ports[65535].owned, 1ull << 63);
	assert_int_equal(ctl.half.ports[65535].listening, 0);
	assert_int_equal(ctl.half.ports[65534].owned, 0);
}

static void test_steer_second_address_keeps_first(void **state)
{
	steer_port(&ctl, 0, 80, true, true);
	steer_port(&ctl, 5, 80, true, false);
	steer_port(&ctl, 0, 80, true, false);
	assert_int_equal(ctl.half.ports[80].owned, 0x21);
	assert_int_equal(ctl.half.ports[80].listening, 0);
}

static void test_steer_disown_clears_listening_too(void **state)
{
	steer_port(&ctl, 3, 80, true, true);
	steer_port(&ctl, 3, 80, false, true);
	assert_int_equal(ctl.half.ports[80].owned, 0);
	assert_int_equal(ctl.half.ports[80].listening, 0);
}

static void test_steer_index_out_of_range_ignored(void **state)
{
	steer_port(&ctl, XTCP_MAX_ADDRS, 80, true, true);
	steer_port(&ctl, UINT32_MAX, 80, true, true);
	assert_int_equal(ctl.half.ports[80].owned, 0);
}

static void test_steer_forget_clears_one_index_everywhere(void **state)
{
	for (uint32_t port = 1; port < XTCP_PORTS; port++) {
		steer_port(&ctl, 1, (uint16_t)port, true, true);
		steer_port(&ctl, 2, (uint16_t)port, true, true);
	}
	steer_forget(ctl.half.ports, 1);
	for (uint32_t port = 1; port < XTCP_PORTS; port++) {
		assert_int_equal(ctl.half.ports[port].owned, 4);
		assert_int_equal(ctl.half.ports[port].listening, 4);
	}
}

static void test_steer_clear_leaves_nothing(void **state)
{
	steer_port(&ctl, 1, 1, true, true);
	steer_port(&ctl, 63, 65535, true, false);
	steer_clear(ctl.half.ports);
	for (uint32_t port = 0; port < XTCP_PORTS; port++) {
		assert_int_equal(ctl.half.ports[port].owned, 0);
		assert_int_equal(ctl.half.ports[port].listening, 0);
	}
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_steer_own_sets_one_bit),
		CASE(test_steer_second_address_keeps_first),
		CASE(test_steer_disown_clears_listening_too),
		CASE(test_steer_index_out_of_range_ignored),
		CASE(test_steer_forget_clears_one_index_everywhere),
		CASE(test_steer_clear_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
