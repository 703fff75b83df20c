// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_api_ao.c - api/ao.c: TCP-AO's calls (RFC 5925 7.1), their ranges and errors, on engines without an interface. */
#include "api/private.h"
#include "engine_kit.h"

#include <arpa/inet.h>

static struct xtcp x[2];

static int setup(void **state)
{
	if (kit_setup(state))
		return -1;
	for (int i = 0; i < 2; i++)
		x[i] = (struct xtcp){ .engine = eng(i) };
	return 0;
}

static struct sockaddr_in peer_of(int side, uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(port) };

	memcpy(&sin.sin_addr, &kit_addr(!side, 0)->w[3], 4);
	return sin;
}

static int key(int side, const struct sockaddr_in *peer, uint8_t send_id, uint8_t recv_id, const char *secret)
{
	struct xtcp_ao_key k = { .size = sizeof(k),
				 .peer = (const struct sockaddr *)peer,
				 .prefix_len = 24,
				 .send_id = send_id,
				 .recv_id = recv_id,
				 .alg = XTCP_AO_AES_128_CMAC_96,
				 .key = secret,
				 .len = strlen(secret) };

	return xtcp_ao_key(&x[side], &k);
}

static void test_api_ao_a_connection_changes_keys(void **state)
{
	struct sockaddr_in to[2] = { peer_of(0, 0), peer_of(1, 0) };
	struct xtcp_ao_info i;
	uint64_t l, c, s, at = 0;

	for (int side = 0; side < 2; side++) {
		assert_int_equal(key(side, &to[side], 1, 1, "one"), 0);
		assert_int_equal(key(side, &to[side], 2, 2, "two"), 0);
	}
	l = kit_listen(80);
	kit_join(0, 80, l, &c, &s);
	assert_int_equal(xtcp_ao_info(&x[0], c, &i), 0);
	assert_int_equal(i.send_id, 1);
	assert_int_equal(i.rnext_id, 1);
	assert_int_equal(i.got_key_id, 1);
	assert_int_equal(i.got_rnext_id, 1);
	assert_int_equal(xtcp_ao_select(&x[0], c, -1, 2), 0);
	for (int k = 0; k < 2; k++) {
		kit_send(0, c, 5000);
		pair_settle(kp);
		kit_receive(1, s, &at);
		pair_settle(kp);
	}
	assert_int_equal(at, 10000);
	assert_int_equal(xtcp_ao_info(&x[0], c, &i), 0);
	assert_int_equal(i.send_id, 1);
	assert_int_equal(i.rnext_id, 2);
	assert_int_equal(i.got_key_id, 2);
	assert_int_equal(xtcp_ao_info(&x[1], s, &i), 0);
	assert_int_equal(i.send_id, 2);
	assert_int_equal(i.got_rnext_id, 2);
	assert_int_equal(i.snd_sne + i.rcv_sne, 0);
	assert_int_equal(key(0, &to[0], 1, 1, ""), -EBUSY);
	assert_int_equal(key(0, &to[0], 3, 3, ""), -ENOENT);
	assert_int_equal(xtcp_ao_select(&x[0], c, 3, -1), -ENOENT);
	assert_int_equal(xtcp_ao_select(&x[0], c, -1, 256), -EINVAL);
	assert_int_equal(xtcp_ao_select(&x[0], c, -2, -1), -EINVAL);
	assert_int_equal(xtcp_ao_select(&x[0], c + 1, 1, 1), -EBADF);
	assert_int_equal(xtcp_ao_info(&x[0], c + 1, &i), -EBADF);
	kit_join(1, 80, l, &c, &s); /* IPv6 has no key here */
	assert_int_equal(xtcp_ao_info(&x[0], c, &i), -EOPNOTSUPP);
	assert_int_equal(xtcp_ao_select(&x[0], c, 1, 1), -EOPNOTSUPP);
}

static void test_api_ao_before_the_peer_is_heard(void **state)
{
	struct sockaddr_in to = peer_of(0, 0);
	struct xtcp_ao_info i;
	uint64_t c;

	assert_int_equal(key(0, &to, 5, 6, "k"), 0);
	kp->cut = true;
	c = kit_connect(0, 80);
	assert_int_equal(xtcp_ao_info(&x[0], c, &i), 0);
	assert_int_equal(i.send_id, 5);
	assert_int_equal(i.rnext_id, 6);
	assert_int_equal(i.got_key_id, -1);
	assert_int_equal(i.got_rnext_id, -1);
}

static void test_api_ao_key_ranges(void **state)
{
	struct sockaddr_in to = peer_of(0, 0);
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6 };
	struct sockaddr other = { .sa_family = AF_UNIX };
	uint8_t secret[81] = { 1 };
	struct xtcp_ao_key good = {
		.size = sizeof(good), .peer = (struct sockaddr *)&to, .prefix_len = 32, .key = secret, .len = 80
	};
	struct xtcp_ao_key k;

	k = good, k.size--;
	assert_int_equal(xtcp_ao_key(&x[0], &k), -EINVAL);
	k = good, k.peer = &other;
	assert_int_equal(xtcp_ao_key(&x[0], &k), -EAFNOSUPPORT);
	k = good, k.prefix_len = 33;
	assert_int_equal(xtcp_ao_key(&x[0], &k), -EINVAL);
	k = good, k.alg = 2;
	assert_int_equal(xtcp_ao_key(&x[0], &k), -EINVAL);
	k = good, k.flags = 4;
	assert_int_equal(xtcp_ao_key(&x[0], &k), -EINVAL);
	k = good, k.len = 81;
	assert_int_equal(xtcp_ao_key(&x[0], &k), -EINVAL);
	assert_int_equal(eng(0)->r->ao_keys, 0);
	assert_int_equal(xtcp_ao_key(&x[0], &good), 0);
	assert_int_equal(xtcp_ao_key(&x[0], &good), -EEXIST);
	k = good, k.peer = (struct sockaddr *)&to6, k.prefix_len = 129;
	assert_int_equal(xtcp_ao_key(&x[0], &k), -EINVAL);
	k.prefix_len = 128;
	assert_int_equal(xtcp_ao_key(&x[0], &k), 0);
	assert_int_equal(eng(0)->r->ao_mkt[0].bits, 128);
	k = good, k.len = 0;
	assert_int_equal(xtcp_ao_key(&x[0], &k), 0);
	assert_int_equal(eng(0)->r->ao_keys, 1);
}

static void test_api_ao_ports(void **state)
{
	struct sockaddr_in to = peer_of(0, 80);
	uint64_t c;

	assert_int_equal(key(0, &to, 1, 1, "k"), 0);
	c = kit_connect(0, 80);
	assert_int_equal(kit_conn(0, c)->tcp.sig_bytes, AO_OPTION_BYTES);
	c = kit_connect(0, 81);
	assert_int_equal(kit_conn(0, c)->tcp.sig_bytes, 0);
}

static void test_api_ao_unmatched(void **state)
{
	assert_int_equal(xtcp_ao_unmatched(&x[0], true), 0);
	assert_int_equal(eng(0)->r->ao_strict, 1);
	assert_int_equal(xtcp_ao_unmatched(&x[0], false), 0);
	assert_int_equal(eng(0)->r->ao_strict, 0);
}

#define API_TEST(f) cmocka_unit_test_setup_teardown(f, setup, kit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		API_TEST(test_api_ao_a_connection_changes_keys),
		API_TEST(test_api_ao_before_the_peer_is_heard),
		API_TEST(test_api_ao_key_ranges),
		API_TEST(test_api_ao_ports),
		API_TEST(test_api_ao_unmatched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
