// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_conf.c - xtcp_open() refuses a configuration out of range before it touches anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xtcp.h>
#include <cmocka.h> /* last: it defines fail() */

/* The interface does not exist: a good configuration gets that far. */
static int open_with_mss_min(uint32_t mss_min)
{
	struct xtcp_conf conf = XTCP_CONF_INIT;
	struct xtcp *x = NULL;
	int err;

	conf.ifname = "no-such-if";
	conf.mss_min = mss_min;
	err = xtcp_open(&x, &conf);
	assert_null(x);
	return err;
}

static void test_conf_least_mss(void **state)
{
	static const uint32_t good[] = { 0, 48, 49, 536 }, bad[] = { 1, 47, 537, 1220, 65536 + 48 };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_not_equal(open_with_mss_min(good[i]), -EINVAL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(open_with_mss_min(bad[i]), -EINVAL);
		assert_non_null(strstr(xtcp_errmsg(), "conf.mss_min"));
		assert_non_null(strstr(xtcp_errmsg(), "48 to 536"));
	}
}

/* Of an older program, whose struct ends sooner. */
static void test_conf_size_bounds_what_is_read(void **state)
{
	struct xtcp_conf conf = XTCP_CONF_INIT;
	struct xtcp *x = NULL;

	conf.ifname = "no-such-if";
	conf.mss_min = 1;
	conf.size = offsetof(struct xtcp_conf, mss_min);
	assert_int_not_equal(xtcp_open(&x, &conf), -EINVAL);
	conf.size = 0;
	assert_int_equal(xtcp_open(&x, &conf), -EINVAL);
}

static void test_conf_who_sums(void **state)
{
	for (int how = 0; how < 4; how++) {
		struct xtcp_conf conf = XTCP_CONF_INIT;
		struct xtcp *x = NULL;

		conf.ifname = "no-such-if";
		conf.tx_csum = (enum xtcp_tx_csum)how;
		assert_int_equal(xtcp_open(&x, &conf) == -EINVAL, how > XTCP_TX_CSUM_ON);
	}
	assert_non_null(strstr(xtcp_errmsg(), "conf.tx_csum 3 is none of auto, off, on"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conf_least_mss),
		cmocka_unit_test(test_conf_size_bounds_what_is_read),
		cmocka_unit_test(test_conf_who_sums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
