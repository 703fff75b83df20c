// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_toeplitz.c - the vectors of "Verifying the RSS hash calculation" (Microsoft), and which queue follows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <arpa/inet.h>

#include "ctl/private.h" /* before cmocka.h, which has a macro fail() */
#include "lib/addr.h"
#include "lib/toeplitz.h"
#include <cmocka.h>

static const uint8_t key[TOEPLITZ_KEY_MAX] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
	0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
	0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

static const struct {
	const char *dst;
	uint16_t dport;
	const char *src;
	uint16_t sport;
	uint32_t addrs, ports; /* hashes without and with ports */
} vectors[] = {
	{ "161.142.100.80", 1766, "66.9.149.187", 2794, 0x323e8fc2, 0x51ccc178 },
	{ "65.69.140.83", 4739, "199.92.111.2", 14230, 0xd718262a, 0xc626b0ea },
	{ "12.22.207.184", 38024, "24.19.198.95", 12898, 0xd2d0a5de, 0x5c2b394a },
	{ "209.142.163.6", 2217, "38.27.205.30", 48228, 0x82989176, 0xafc7327f },
	{ "202.188.127.2", 1303, "153.39.163.191", 44251, 0x5d1809c5, 0x10e828a2 },
	{ "3ffe:2501:200:3::1", 1766, "3ffe:2501:200:1fff::7", 2794, 0x2cc18cd5, 0x40207d3d },
	{ "ff02::1", 4739, "3ffe:501:8::260:97ff:fe40:efab", 14230, 0x0f0c461c, 0xdde51bbf },
	{ "fe80::200:f8ff:fe21:67cf", 38024, "3ffe:1900:4545:3:200:f8ff:fe21:67cf", 44251, 0x4b61e985, 0x02d1feef },
};
#define VECTORS (sizeof(vectors) / sizeof(vectors[0]))

static void addrs_of(size_t i, struct xtcp_addr *src, struct xtcp_addr *dst)
{
	assert_int_equal(addr_parse(vectors[i].src, src), 0);
	assert_int_equal(addr_parse(vectors[i].dst, dst), 0);
}

static void test_toeplitz_vectors(void **state)
{
	for (size_t i = 0; i < VECTORS; i++) {
		uint16_t sport = htons(vectors[i].sport), dport = htons(vectors[i].dport);
		struct xtcp_addr src, dst;

		addrs_of(i, &src, &dst);
		assert_int_equal(toeplitz_flow(key, &src, &dst, sport, dport, false), vectors[i].addrs);
		assert_int_equal(toeplitz_flow(key, &src, &dst, sport, dport, true), vectors[i].ports);
	}
}

/* A card with eight entries in its table, for two queues; the engine has queue 1. */
static void test_toeplitz_own_queue(void **state)
{
	static struct ctl ctl;

	ctl.queues = 2;
	for (size_t i = 0; i < VECTORS; i++) {
		uint16_t rport = htons(vectors[i].sport), lport = htons(vectors[i].dport);
		struct xtcp_addr remote, local;
		bool v6 = i >= 5;

		addrs_of(i, &remote, &local);
		ctl.rss.known[v6] = false;
		assert_true(rss_own_queue(&ctl, &local, &remote, lport, rport)); /* not known: any is as good */
		memcpy(ctl.rss.key, key, sizeof(key));
		ctl.rss.entries = 8;
		for (uint32_t k = 0; k < 8; k++)
			ctl.rss.table[k] = k == (vectors[i].ports & 7);
		ctl.rss.known[v6] = ctl.rss.ports[v6] = true;
		assert_true(rss_own_queue(&ctl, &local, &remote, lport, rport));
		ctl.rss.table[vectors[i].ports & 7] = 0;
		assert_false(rss_own_queue(&ctl, &local, &remote, lport, rport));
		ctl.rss.ports[v6] = false; /* the card looks at addresses only */
		ctl.rss.table[vectors[i].addrs & 7] = 1;
		assert_true(rss_own_queue(&ctl, &local, &remote, lport, rport));
	}
}

/* The kernel's loopback has neither key nor table. */
static void test_toeplitz_device_that_has_none(void **state)
{
	static struct ctl ctl;

	strcpy(ctl.link.name, "lo");
	rss_ask(&ctl);
	assert_false(ctl.rss.known[0] || ctl.rss.known[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_toeplitz_vectors),
		cmocka_unit_test(test_toeplitz_own_queue),
		cmocka_unit_test(test_toeplitz_device_that_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
