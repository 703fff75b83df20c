// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_addr.c - lib/addr: kinds of addresses, to text and back, and what is said of bad input. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "lib/addr.h"
#include "lib/fail.h"
#include <cmocka.h> /* last: it defines fail() */

static struct xtcp_addr parse(const char *text)
{
	struct xtcp_addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static void test_addr_text_parses_back_the_same(void **state)
{
	static const char *const text[] = { "0.0.0.0", "10.9.0.2", "255.255.255.255", "::",
					    "::1",     "fd09::2",  "ff02::1",	      "2001:db8:1:2:3:4:5:6" };
	char out[ADDR_TEXT];

	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		struct xtcp_addr a = parse(text[i]), b;

		assert_string_equal(addr_text(&a, out), text[i]);
		b = parse(out);
		assert_true(addr_eq(&a, &b));
	}
}

static void test_addr_mapped_is_ipv4(void **state)
{
	struct xtcp_addr a = parse("::ffff:10.9.0.2"), b = addr_from_v4(htonl(0x0a090002));
	char out[ADDR_TEXT];

	assert_true(addr_is_v4(&a));
	assert_true(addr_eq(&a, &b));
	assert_string_equal(addr_text(&a, out), "10.9.0.2");
}

static void test_addr_from_v6_takes_the_bytes(void **state)
{
	static const uint8_t bytes[16] = { 0xfd, 9, [15] = 2 };
	struct xtcp_addr a = addr_from_v6(bytes), b = parse("fd09::2");

	assert_true(addr_eq(&a, &b));
	assert_false(addr_is_v4(&a));
	b.b[0] = 0xfc;
	assert_false(addr_eq(&a, &b));
	b.b[0] = 0xfd;
	b.b[15] = 3;
	assert_false(addr_eq(&a, &b));
}

static void test_addr_kinds_are_told_apart(void **state)
{
	static const struct {
		const char *text;
		bool v4, any, multicast, loopback;
	} kind[] = {
		{ "0.0.0.0", true, true, false, false },
		{ "::", false, true, false, false },
		{ "0.0.0.1", true, false, false, false },
		{ "127.0.0.1", true, false, false, true },
		{ "127.255.255.255", true, false, false, true },
		{ "128.0.0.1", true, false, false, false },
		{ "::1", false, false, false, true },
		{ "::2", false, false, false, false },
		{ "223.255.255.255", true, false, false, false },
		{ "224.0.0.0", true, false, true, false },
		{ "239.255.255.255", true, false, true, false },
		{ "240.0.0.1", true, false, false, false },
		{ "255.255.255.255", true, false, true, false },
		{ "255.255.255.254", true, false, false, false },
		{ "ff02::1", false, false, true, false },
		{ "fe80::1", false, false, false, false },
		{ "::fffe:1.2.3.4", false, false, false, false },
		{ "1::1", false, false, false, false },
	};

	for (size_t i = 0; i < sizeof(kind) / sizeof(kind[0]); i++) {
		struct xtcp_addr a = parse(kind[i].text);

		if (addr_is_v4(&a) != kind[i].v4 || addr_is_any(&a) != kind[i].any ||
		    addr_is_multicast(&a) != kind[i].multicast || addr_is_loopback(&a) != kind[i].loopback)
			fail_msg("%s is taken for another kind", kind[i].text);
	}
}

static void test_addr_port_text_brackets_ipv6(void **state)
{
	struct xtcp_addr a = parse("10.9.0.2"), b = parse("fd09::2");
	char out[ADDR_TEXT];

	assert_string_equal(addr_port_text(&a, 80, out), "10.9.0.2:80");
	assert_string_equal(addr_port_text(&b, 65535, out), "[fd09::2]:65535");
	assert_string_equal(addr_port_text(&b, 0, out), "[fd09::2]:0");
	memset(b.b, 0xfe, sizeof(b.b)); /* the longest there is */
	assert_string_equal(addr_port_text(&b, 65535, out), "[fefe:fefe:fefe:fefe:fefe:fefe:fefe:fefe]:65535");
}

static void test_addr_parse_bad_text_is_refused(void **state)
{
	static const char *const bad[] = { "",		 " ",	      "10.9.0",
					   "10.9.0.256", "10.9.0.2 ", "10.9.0.2/24",
					   "fd09::2::",	 "[::1]",     "fd09::2%eth0",
					   "localhost",	 "1:2:3",     ":::" };
	struct xtcp_addr a;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(addr_parse(bad[i], &a), -EINVAL);
}

static void good(const char *text, const char *addr, uint16_t port, bool has)
{
	struct xtcp_addr a, want = parse(addr);
	uint16_t got = 0;
	bool has_addr = !has;

	memset(&a, 0xee, sizeof(a));
	assert_int_equal(addr_port_parse(text, &a, &got, &has_addr), 0);
	assert_true(addr_eq(&a, &want));
	assert_int_equal(got, port);
	assert_int_equal(has_addr, has);
}

static void test_addr_port_parse_takes_all_three_forms(void **state)
{
	good("1", "::", 1, false);
	good("65535", "::", 65535, false);
	good("10.9.0.2:80", "10.9.0.2", 80, true);
	good("0.0.0.0:80", "0.0.0.0", 80, true);
	good("[fd09::2]:443", "fd09::2", 443, true);
	good("[::]:443", "::", 443, true);
	good("[2001:db8:1:2:3:4:5:6]:8080", "2001:db8:1:2:3:4:5:6", 8080, true);
}

static void bad(const char *text, const char *message)
{
	struct xtcp_addr a;
	uint16_t port = 0;
	bool has;

	assert_int_equal(addr_port_parse(text, &a, &port, &has), -EINVAL);
	if (!strstr(fail_text(), message))
		fail_msg("'%s': '%s' does not say '%s'", text, fail_text(), message);
	assert_int_equal(port, 0);
}

static void test_addr_port_parse_bad_port_names_the_range(void **state)
{
	static const char *const port[] = { "",
					    "0",
					    "65536",
					    "-1",
					    "+80",
					    " 80",
					    "80 ",
					    "80x",
					    "x",
					    "0x50",
					    "1e3",
					    "4294967376",
					    "18446744073709551696",
					    "99999999999999999999999" };
	char text[64];

	for (size_t i = 0; i < sizeof(port) / sizeof(port[0]); i++) {
		bad(port[i], "give a number from 1 to 65535");
		snprintf(text, sizeof(text), "10.9.0.2:%s", port[i]);
		bad(text, "give a number from 1 to 65535");
		snprintf(text, sizeof(text), "[fd09::2]:%s", port[i]);
		bad(text, "give a number from 1 to 65535");
	}
}

static void test_addr_port_parse_bad_address_says_how(void **state)
{
	bad(":80", "give ADDR:PORT or [ADDR]:PORT");
	bad("10.9.0:80", "'10.9.0' is no IPv4 or IPv6 address");
	bad("host:80", "'host' is no IPv4 or IPv6 address");
	bad("[]:80", "is no IPv4 or IPv6 address");
	bad("[fd09::x]:80", "'fd09::x' is no IPv4 or IPv6 address");
	bad("[host]:80", "'host' is no IPv4 or IPv6 address");
	bad("[:80", "give ADDR:PORT or [ADDR]:PORT");
	bad("]:80", "give ADDR:PORT or [ADDR]:PORT");
}

static void test_addr_port_parse_bare_ipv6_asks_for_brackets(void **state)
{
	bad("fd09::2:80", "in brackets");
	bad("::1", "in brackets");
	bad("[fd09::2]", "in brackets"); /* no port: the last colon is inside */
	bad("fd09::2]:80", "in brackets");
	bad("[fd09::2:80", "in brackets");
}

static void test_addr_port_parse_overlong_host_is_refused(void **state)
{
	char text[ADDR_TEXT * 2 + 8];

	memset(text, '1', sizeof(text));
	for (size_t n = ADDR_TEXT - 2; n <= ADDR_TEXT * 2; n++) {
		memcpy(text + n, ":80", 4);
		bad(text, "address");
		text[n] = text[n + 1] = text[n + 2] = text[n + 3] = '1';
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addr_text_parses_back_the_same),
		cmocka_unit_test(test_addr_mapped_is_ipv4),
		cmocka_unit_test(test_addr_from_v6_takes_the_bytes),
		cmocka_unit_test(test_addr_kinds_are_told_apart),
		cmocka_unit_test(test_addr_port_text_brackets_ipv6),
		cmocka_unit_test(test_addr_parse_bad_text_is_refused),
		cmocka_unit_test(test_addr_port_parse_takes_all_three_forms),
		cmocka_unit_test(test_addr_port_parse_bad_port_names_the_range),
		cmocka_unit_test(test_addr_port_parse_bad_address_says_how),
		cmocka_unit_test(test_addr_port_parse_bare_ipv6_asks_for_brackets),
		cmocka_unit_test(test_addr_port_parse_overlong_host_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
