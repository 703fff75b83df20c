// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_ctl_steer.c - the port masks that the XDP program reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include "ctl/private.h" /* before cmocka.h, whose fail() is a macro */
#include <cmocka.h>

static struct ctl ctl, sister;
static struct ctl_group *group;

static int setup(void **state)
{
	group = group_new();
	if (!group || group_enter(group, &ctl) || group_enter(group, &sister))
		return -1;
	group->half.ports = calloc(XTCP_PORTS, sizeof(struct xtcp_port_entry));
	return group->half.ports ? 0 : -1;
}

static int teardown(void **state)
{
	if (ctl.mine)
		group_leave(&ctl);
	group_leave(&sister);
	free(group->half.ports);
	group->half.ports = NULL;
	group_free(group);
	return 0;
}

static void test_steer_own_sets_one_bit(void **state)
{
	steer_port(&ctl, 63, 65535, true, false);
	assert_int_equal(group->half.ports[65535].owned, 1ull << 63);
	assert_int_equal(group->half.ports[65535].listening, 0);
	assert_int_equal(group->half.ports[65534].owned, 0);
}

static void test_steer_second_address_keeps_first(void **state)
{
	steer_port(&ctl, 0, 80, true, true);
	steer_port(&ctl, 5, 80, true, false);
	steer_port(&ctl, 0, 80, true, false);
	assert_int_equal(group->half.ports[80].owned, 0x21);
	assert_int_equal(group->half.ports[80].listening, 0);
}

static void test_steer_disown_clears_listening_too(void **state)
{
	steer_port(&ctl, 3, 80, true, true);
	steer_port(&ctl, 3, 80, false, true);
	assert_int_equal(group->half.ports[80].owned, 0);
	assert_int_equal(group->half.ports[80].listening, 0);
}

static void test_steer_index_out_of_range_ignored(void **state)
{
	steer_port(&ctl, XTCP_MAX_ADDRS, 80, true, true);
	steer_port(&ctl, UINT32_MAX, 80, true, true);
	assert_int_equal(group->half.ports[80].owned, 0);
}

static void test_steer_forget_clears_one_index_everywhere(void **state)
{
	for (uint32_t port = 1; port < XTCP_PORTS; port++) {
		steer_port(&ctl, 1, (uint16_t)port, true, true);
		steer_port(&ctl, 2, (uint16_t)port, true, true);
	}
	steer_forget(group, 1);
	for (uint32_t port = 1; port < XTCP_PORTS; port++) {
		assert_int_equal(group->half.ports[port].owned, 4);
		assert_int_equal(group->half.ports[port].listening, 4);
	}
}

static void test_steer_clear_leaves_nothing(void **state)
{
	steer_port(&ctl, 1, 1, true, true);
	steer_port(&ctl, 63, 65535, true, false);
	steer_clear(group->half.ports);
	for (uint32_t port = 0; port < XTCP_PORTS; port++) {
		assert_int_equal(group->half.ports[port].owned, 0);
		assert_int_equal(group->half.ports[port].listening, 0);
	}
}

/* Two engines own a port: it is ours until both have let go. */
static void test_steer_port_of_two_members_goes_with_the_last(void **state)
{
	steer_port(&ctl, 0, 80, true, true);
	steer_port(&sister, 0, 80, true, true);
	steer_port(&sister, 1, 80, true, false);
	steer_port(&ctl, 0, 80, false, false);
	assert_int_equal(group->half.ports[80].owned, 3);
	assert_int_equal(group->half.ports[80].listening, 1);
	steer_port(&sister, 0, 80, false, false);
	assert_int_equal(group->half.ports[80].owned, 2);
	assert_int_equal(group->half.ports[80].listening, 0);
}

static void test_steer_member_that_leaves_takes_only_its_own(void **state)
{
	steer_port(&ctl, 0, 80, true, true);
	steer_port(&ctl, 0, 81, true, true);
	steer_port(&sister, 0, 80, true, false);
	assert_false(group_leave(&ctl));
	assert_int_equal(group->half.ports[80].owned, 1);
	assert_int_equal(group->half.ports[80].listening, 0);
	assert_int_equal(group->half.ports[81].owned, 0);
	assert_int_equal(group->half.ports[81].listening, 0);
}

static void test_steer_forget_holds_for_every_member(void **state)
{
	steer_port(&ctl, 1, 80, true, true);
	steer_port(&sister, 1, 80, true, true);
	steer_forget(group, 1);
	steer_port(&sister, 2, 80, true, false);
	assert_int_equal(group->half.ports[80].owned, 4);
}

static void test_steer_queue_is_claimed_once(void **state)
{
	assert_int_equal(ctl_claim_queues(&ctl, 0, 1), 0);
	assert_int_equal(ctl_free_queue(&sister), 1);
	assert_int_equal(ctl_claim_queues(&sister, 0, 2), -EBUSY);
	assert_int_equal(ctl_claim_queues(&sister, 1, 63), 0);
	assert_int_equal(ctl_free_queue(&ctl), 64);
	group_leave(&ctl);
	assert_int_equal(ctl_claim_queues(&sister, 0, 1), 0);
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
		CASE(test_steer_port_of_two_members_goes_with_the_last),
		CASE(test_steer_member_that_leaves_takes_only_its_own),
		CASE(test_steer_forget_holds_for_every_member),
		CASE(test_steer_queue_is_claimed_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
