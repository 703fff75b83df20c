// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_ctl_reserve.c - ports reserved in the kernel, on the loopback address; and the lock. Needs no privilege. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include "lib/fail.h" /* before cmocka.h, which has a macro of this name */
#include <cmocka.h>

#include "ctl/private.h"
#include "lib/addr.h"

static struct ctl *ctl;
static struct xtcp_addr lo;

static int setup(void **state)
{
	ctl = calloc(1, sizeof(*ctl));
	if (!ctl)
		return -1;
	if (group_enter(group_new(), ctl))
		return -1;
	lo = addr_from_v4(htonl(INADDR_LOOPBACK));
	return 0;
}

static int teardown(void **state)
{
	if (group_leave(ctl))
		group_free(ctl->group);
	free(ctl);
	return 0;
}

/* What another program gets when it binds the port, with SO_REUSEADDR as servers do. */
static int others_bind(uint16_t port)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1, err;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
	err = bind(fd, (struct sockaddr *)&in, sizeof(in)) || listen(fd, 1) ? -errno : 0;
	close(fd);
	return err;
}

static void test_reserve_any_port_is_in_range_and_taken(void **state)
{
	int port = reserve_port(ctl, &lo, 0);

	assert_in_range(port, ctl->group->port_low, ctl->group->port_high);
	assert_int_equal(others_bind((uint16_t)port), -EADDRINUSE);
}

static void test_reserve_released_port_is_free(void **state)
{
	int port = reserve_port(ctl, &lo, 0);

	assert_true(port > 0);
	reserve_release(ctl, &lo, (uint16_t)port);
	assert_int_equal(others_bind((uint16_t)port), 0);
}

/* A listening socket with one connection, which the server closes first: TIME-WAIT is on its port. */
static uint16_t leave_time_wait(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int l = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0), s;
	socklen_t len = sizeof(in);
	int one = 1;
	char byte;

	assert_int_equal(setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0); /* as servers do */
	assert_int_equal(bind(l, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(listen(l, 1), 0);
	assert_int_equal(getsockname(l, (struct sockaddr *)&in, &len), 0);
	assert_int_equal(connect(c, (struct sockaddr *)&in, sizeof(in)), 0);
	s = accept(l, NULL, NULL);
	assert_true(s >= 0);
	close(s);
	assert_int_equal(read(c, &byte, 1), 0);
	close(c);
	close(l);
	return ntohs(in.sin_port);
}

static void test_reserve_port_in_the_kernels_time_wait_works_and_keeps_others_off(void **state)
{
	uint16_t port = leave_time_wait();
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), -1); /* or this shows nothing */
	assert_int_equal(errno, EADDRINUSE);
	assert_int_equal(reserve_port(ctl, &lo, port), port);
	assert_int_equal(others_bind(port), -EADDRINUSE);
	assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), -1); /* nobody listens */
	assert_int_equal(errno, ECONNREFUSED);
	close(fd);
}

static void test_reserve_twice_needs_two_releases(void **state)
{
	int port = reserve_port(ctl, &lo, 0);

	assert_int_equal(reserve_port(ctl, &lo, (uint16_t)port), port);
	reserve_release(ctl, &lo, (uint16_t)port);
	assert_int_equal(others_bind((uint16_t)port), -EADDRINUSE);
	reserve_release(ctl, &lo, (uint16_t)port);
	assert_int_equal(others_bind((uint16_t)port), 0);
	reserve_release(ctl, &lo, (uint16_t)port); /* once too often does no harm */
}

static void test_reserve_other_address_is_separate(void **state)
{
	struct xtcp_addr other = addr_from_v4(htonl(INADDR_LOOPBACK + 1));
	int port = reserve_port(ctl, &other, 0);

	assert_true(port > 0);
	assert_int_equal(others_bind((uint16_t)port), 0);
}

static void test_reserve_port_of_another_program_says_so(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(in);

	assert_int_equal(bind(fd, (struct sockaddr *)&in, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	assert_int_equal(reserve_port(ctl, &lo, ntohs(in.sin_port)), -EADDRINUSE);
	assert_non_null(strstr(fail_text(), "taken by another program"));
	close(fd);
}

static void test_reserve_foreign_address_refused(void **state)
{
	struct xtcp_addr doc = addr_from_v4(inet_addr("203.0.113.77"));

	assert_int_equal(reserve_port(ctl, &doc, 4000), -EADDRNOTAVAIL);
}

static void test_reserve_full_range_falls_back_to_the_kernels_choice(void **state)
{
	ctl->group->port_low = (uint16_t)reserve_port(ctl, &lo, 0);
	assert_true(ctl->group->port_low > 0);
	ctl->group->port_high =
		ctl->group->port_low; /* a range of one port, which is taken: the kernel finds another */
	assert_true(reserve_port(ctl, &lo, 0) > 0);
}

static void test_lock_second_holder_is_told_the_first(void **state)
{
	struct ctl_link link = { .ifindex = 0x7ffffff0, .name = "unit0" };
	char pid[32];
	int fd = lock_take(&link);

	snprintf(pid, sizeof(pid), "(process %d)", (int)getpid());
	assert_true(fd >= 0);
	assert_int_equal(lock_take(&link), -EBUSY);
	assert_non_null(strstr(fail_text(), pid));
	close(fd);
	fd = lock_take(&link);
	assert_true(fd >= 0);
	close(fd);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_reserve_any_port_is_in_range_and_taken),
		CASE(test_reserve_released_port_is_free),
		CASE(test_reserve_port_in_the_kernels_time_wait_works_and_keeps_others_off),
		CASE(test_reserve_twice_needs_two_releases),
		CASE(test_reserve_other_address_is_separate),
		CASE(test_reserve_port_of_another_program_says_so),
		CASE(test_reserve_foreign_address_refused),
		CASE(test_reserve_full_range_falls_back_to_the_kernels_choice),
		CASE(test_lock_second_holder_is_told_the_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
