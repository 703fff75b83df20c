// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_cli_ao.c - cli/ao.c and cli/peerkey.c: what --ao takes, and what it says of the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/ao.c" /* before cmocka.h, which has a macro fail() */
#include "cli/peerkey.c"
#include <cmocka.h>

static struct xtcp_ao_key got; /* the last one added */
static char got_key[PEERKEY_MAX];
static struct sockaddr_storage got_peer;
static struct xtcp_addr got_addr;
static char file[] = "/tmp/xtcp-ao-XXXXXX";

int xtcp_ao_key(struct xtcp *x, const struct xtcp_ao_key *k)
{
	assert_int_equal(k->size, sizeof(*k));
	assert_in_range(k->len, 1, PEERKEY_MAX);
	got = *k;
	memcpy(got_key, k->key, k->len);
	memcpy(&got_peer, k->peer, sizeof(got_peer));
	return 0;
}

/* As in cli/report.c, but that only the port is looked at here. */
struct sockaddr_storage report_sockaddr(const struct xtcp_addr *addr, uint16_t port)
{
	struct sockaddr_storage ss = { .ss_family = AF_INET6 };

	got_addr = *addr;
	((struct sockaddr_in6 *)&ss)->sin6_port = port;
	return ss;
}

static void contents(const char *text, size_t len)
{
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	fclose(f);
}

static int setup(void **state)
{
	int fd = mkstemp(file);

	if (fd < 0)
		return -1;
	close(fd);
	contents("secret\n", 7);
	return 0;
}

static int teardown(void **state)
{
	return unlink(file);
}

/* spec, '=' and the file. */
static int add(const char *spec)
{
	char arg[256];

	snprintf(arg, sizeof(arg), "%s=%s", spec, file);
	memset(&got, 0, sizeof(got));
	return ao_add(NULL, arg);
}

static void test_cli_ao_defaults(void **state)
{
	struct xtcp_addr a;

	assert_int_equal(add("10.9.0.1"), 0);
	addr_parse("10.9.0.1", &a);
	assert_true(addr_eq(&a, &got_addr));
	assert_int_equal(got.prefix_len, 32);
	assert_int_equal(got.send_id, 1);
	assert_int_equal(got.recv_id, 1);
	assert_int_equal(got.alg, XTCP_AO_HMAC_SHA_1_96);
	assert_int_equal(got.flags, 0);
	assert_int_equal(got.local_port, 0);
	assert_int_equal(((struct sockaddr_in6 *)&got_peer)->sin6_port, 0);
	assert_int_equal(got.len, 6); /* without the newline */
	assert_memory_equal(got_key, "secret", 6);
	assert_int_equal(add("fd09::1"), 0);
	assert_int_equal(got.prefix_len, 128);
}

static void test_cli_ao_words(void **state)
{
	assert_int_equal(add("fd09::/16,sendid=255,recvid=0,alg=aes-cmac,options=no,icmp=yes,port=179,lport=65535"), 0);
	assert_int_equal(got.prefix_len, 16);
	assert_int_equal(got.send_id, 255);
	assert_int_equal(got.recv_id, 0);
	assert_int_equal(got.alg, XTCP_AO_AES_128_CMAC_96);
	assert_int_equal(got.flags, XTCP_AO_NO_OPTIONS | XTCP_AO_ICMP);
	assert_int_equal(got.local_port, 65535);
	assert_int_equal(((struct sockaddr_in6 *)&got_peer)->sin6_port, 179);
	assert_int_equal(add("10.0.0.0/8,alg=hmac-sha1,options=yes,icmp=no,id=7"), 0);
	assert_int_equal(got.send_id, 7);
	assert_int_equal(got.recv_id, 7);
	assert_int_equal(got.alg, XTCP_AO_HMAC_SHA_1_96);
	assert_int_equal(got.flags, 0);
	assert_int_equal(add("10.0.0.0/0,id=7,recvid=8"), 0);
	assert_int_equal(got.send_id, 7);
	assert_int_equal(got.recv_id, 8);
	assert_int_equal(got.prefix_len, 0);
}

static void refused(const char *arg, const char *why)
{
	memset(&got, 0, sizeof(got));
	assert_true(ao_add(NULL, arg) < 0);
	if (!strstr(fail_text(), why))
		fail_msg("%s: it says '%s'", arg, fail_text());
	assert_int_equal(got.size, 0);
}

static void test_cli_ao_refuses(void **state)
{
	static const char *const bad[][2] = {
		{ "", "'' is no IPv4 or IPv6 address" },
		{ "nowhere=f", "'nowhere' is no IPv4 or IPv6 address" },
		{ "1:2:3:4:5:6:7:8:1:2:3:4:5:6:7:8:1:2:3:4:5:6:7:8:1:2:3:4:5:6:7:8:1=f", "no IPv4 or IPv6 address" },
		{ "10.9.0.1", "give ADDR[/LEN][,NAME=VALUE]...=FILE" },
		{ "10.9.0.1,id=1", "give ADDR[/LEN][,NAME=VALUE]...=FILE" },
		{ "10.9.0.1,id", "'id': give NAME=VALUE" },
		{ "10.9.0.1,,id=1=f", "'': give NAME=VALUE" },
		{ "10.9.0.1,id=256=f", "id: '256' is no number from 0 to 255" },
		{ "10.9.0.1,id=-1=f", "id: '-1' is no number" },
		{ "10.9.0.1,recvid==f", "recvid: '' is no number" },
		{ "10.9.0.1,sendid=1x=f", "sendid: '1x' is no number" },
		{ "10.9.0.1,port=65536=f", "port: '65536' is no number from 0 to 65535" },
		{ "10.9.0.1,alg=sha256=f", "alg: 'sha256' is neither hmac-sha1 nor aes-cmac" },
		{ "10.9.0.1,options=off=f", "options: 'off' is neither yes nor no" },
		{ "10.9.0.1,key=3=f", "'key' is none of id, sendid" },
		{ "10.9.0.1/x=f", "'x' is no length of a prefix" },
		{ "10.9.0.1/129=f", "'129' is no length of a prefix" },
		{ "10.9.0.1=/nonexistent/f", "/nonexistent/f: No such file" },
		{ "10.9.0.1=/dev/null", "/dev/null: a key has 1 to 80 bytes" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(bad[i][0], bad[i][1]);
}

static void test_cli_ao_length_of_the_key(void **state)
{
	char text[83];

	memset(text, 'k', sizeof(text));
	contents(text, 81);
	assert_int_equal(add("10.9.0.1"), -EINVAL);
	text[80] = '\n';
	contents(text, 81);
	assert_int_equal(add("10.9.0.1"), 0);
	assert_int_equal(got.len, 80);
	text[81] = '\n';
	contents(text, 82);
	assert_int_equal(add("10.9.0.1"), -EINVAL);
	contents("\n", 1);
	assert_int_equal(add("10.9.0.1"), -EINVAL);
	contents("a=b,c\0d", 7); /* any bytes */
	assert_int_equal(add("10.9.0.1"), 0);
	assert_int_equal(got.len, 7);
	assert_memory_equal(got_key, "a=b,c\0d", 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cli_ao_defaults),
		cmocka_unit_test(test_cli_ao_words),
		cmocka_unit_test(test_cli_ao_refuses),
		cmocka_unit_test(test_cli_ao_length_of_the_key),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
