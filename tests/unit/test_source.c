// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_source.c - the addresses that a load generator connects from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/report.c" /* before cmocka.h, which has a macro fail() */
#include "cli/source.c"
#include <cmocka.h>

static char last[ADDR_TEXT];

/* How many; the first is returned as text, the last kept in last. */
static const char *parse(const char *text, uint32_t *n)
{
	static char first[ADDR_TEXT];
	struct sockaddr_storage *list;

	assert_int_equal(source_parse(text, &list, n), 0);
	report_addr(&list[0], first);
	report_addr(&list[*n - 1], last);
	free(list);
	return first;
}

static void test_list_of_both_families(void **state)
{
	uint32_t n;

	assert_string_equal(parse("10.9.0.1", &n), "10.9.0.1:0");
	assert_int_equal(n, 1);
	assert_string_equal(parse("10.9.0.1,10.9.0.7,fd09::7", &n), "10.9.0.1:0");
	assert_int_equal(n, 3);
	assert_string_equal(last, "[fd09::7]:0");
}

static void test_prefix_leaves_out_network_and_broadcast(void **state)
{
	uint32_t n;

	assert_string_equal(parse("10.9.0.70/26", &n), "10.9.0.65:0");
	assert_int_equal(n, 62);
	assert_string_equal(last, "10.9.0.126:0");
	assert_string_equal(parse("10.9.0.4/31", &n), "10.9.0.4:0");
	assert_int_equal(n, 2);
	assert_string_equal(parse("10.9.0.4/32", &n), "10.9.0.4:0");
	assert_int_equal(n, 1);
	assert_string_equal(parse("fd09::42/122", &n), "[fd09::41]:0");
	assert_int_equal(n, 63);
	assert_string_equal(last, "[fd09::7f]:0");
}

static void test_none_is_none(void **state)
{
	struct sockaddr_storage *list;
	uint32_t n = 7;

	assert_int_equal(source_parse(NULL, &list, &n), 0);
	assert_null(list);
	assert_int_equal(n, 0);
}

static void test_bad_ones_are_refused(void **state)
{
	static const char *const bad[] = { "10.9.0",	"10.9.0.1,x",  "10.9.0.0/25",  "10.9.0.0/33",
					   "10.9.0.0/", "10.9.0.0/2x", "fd09::/121",   "x/26",
					   ",",		"10.9.0.1:80", "10.9.0.0/-26", "fd09::/129" };
	struct sockaddr_storage *list;
	char many[2048] = "10.9.0.1";
	uint32_t n;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (!source_parse(bad[i], &list, &n))
			fail_msg("'%s' was taken", bad[i]);
		assert_null(list);
		assert_int_equal(strncmp(fail_text(), "--source: ", 10), 0);
	}
	for (int i = 0; i < SOURCE_MAX; i++)
		strcat(many, ",10.9.0.1");
	assert_int_not_equal(source_parse(many, &list, &n), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list_of_both_families),
		cmocka_unit_test(test_prefix_leaves_out_network_and_broadcast),
		cmocka_unit_test(test_none_is_none),
		cmocka_unit_test(test_bad_ones_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
