// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_engine_md5.c - engine/md5.c: which key, what is signed, what is dropped (RFC 2385). The digest itself: netns/md5. */
#include "engine_kit.h"

#define FULL 128

static void key(int side, const char *secret)
{
	assert_int_equal(engine_md5_key(eng(side), kit_addr(!side, 0), FULL, secret, (uint32_t)strlen(secret)), 0);
}

static void test_md5_signed_connection_carries_data_and_closes(void **state)
{
	uint64_t l, c, s, at = 0;

	key(0, "secret");
	key(1, "secret");
	l = kit_listen(80);
	kit_join(0, 80, l, &c, &s);
	assert_int_equal(kit_conn(0, c)->tcp.mss, 1500 - 40 - 12 - 20);
	kit_send(0, c, 100000);
	for (int i = 0; i < 20; i++) {
		pair_settle(kp);
		kit_receive(1, s, &at);
	}
	assert_int_equal(at, 100000);
	for (uint32_t i = 0; i < 4; i++)
		assert_true(kit_sent(0, i)->tcp.doff >= 40);
	assert_int_equal(stat_of(0, in_md5_missing) + stat_of(1, in_md5_missing), 0);
	assert_int_equal(stat_of(0, in_md5_wrong) + stat_of(1, in_md5_wrong), 0);
	engine_close(eng(0), c);
	engine_close(eng(1), s);
	pair_settle(kp);
	assert_int_equal(stat_of(1, in_md5_wrong), 0);
	check_engines();
}

static void test_md5_wrong_or_no_key_opens_nothing(void **state)
{
	uint64_t c;

	key(1, "secret");
	kit_listen(80);
	c = kit_connect(0, 80); /* unsigned */
	pair_settle(kp);
	assert_int_equal(engine_conn(eng(0), c)->state, TCP_SYN_SENT);
	assert_int_equal(stat_of(1, in_md5_missing), 1);
	engine_abort(eng(0), c);
	key(0, "Secret");
	c = kit_connect(0, 80);
	pair_settle(kp);
	assert_int_equal(engine_conn(eng(0), c)->state, TCP_SYN_SENT);
	assert_int_equal(stat_of(1, in_md5_wrong), 1);
	engine_abort(eng(0), c);
	key(0, "secret"); /* in the place of the old one */
	assert_int_equal(eng(0)->r->md5_keys, 1);
	c = kit_connect(0, 80);
	pair_settle(kp);
	assert_int_equal(engine_conn(eng(0), c)->state, TCP_ESTABLISHED);
}

static void test_md5_unsigned_reset_is_dropped(void **state)
{
	uint8_t frame[KIT_FRAME];
	uint64_t l, c, s;
	struct kit_seg rst = { .flags = TCP_RST, .dport = 80 };

	key(0, "secret");
	key(1, "secret");
	l = kit_listen(80);
	kit_join(0, 80, l, &c, &s);
	rst.sport = wire_swap16(engine_conn(eng(0), c)->lport);
	rst.seq = engine_conn(eng(1), s)->rcv_nxt;
	kit_give(1, frame, kit_tcp(frame, 1, &rst), NULL);
	assert_int_equal(engine_conn(eng(1), s)->state, TCP_ESTABLISHED);
	assert_int_equal(stat_of(1, in_md5_missing), 1);
	engine_abort(eng(0), c); /* a signed one counts */
	pair_settle(kp);
	assert_int_equal(engine_conn(eng(1), s)->state, TCP_CLOSED);
}

static void test_md5_refusal_is_signed_too(void **state)
{
	struct engine_event ev;

	key(0, "secret");
	key(1, "secret");
	kit_connect(0, 81);
	pair_settle(kp);
	assert_int_equal(engine_events(eng(0), &ev, 1), 1);
	assert_int_equal(ev.error, ECONNREFUSED);
}

static void test_md5_unexpected_signature_is_dropped(void **state)
{
	static const char secret[] = "k";
	struct xtcp_addr other;

	assert_int_equal(addr_parse("192.0.2.1", &other), 0);
	assert_int_equal(engine_md5_key(eng(1), &other, FULL, secret, 1), 0);
	key(0, "secret");
	kit_listen(80);
	kit_connect(0, 80);
	pair_settle(kp);
	assert_int_equal(stat_of(1, in_md5_unexpected), 1);
}

static void test_md5_connection_older_than_the_key_stays_unsigned(void **state)
{
	uint64_t l = kit_listen(80), c, s, at = 0;

	kit_join(0, 80, l, &c, &s);
	key(0, "secret");
	key(1, "secret");
	kit_send(0, c, 1000);
	pair_settle(kp);
	kit_receive(1, s, &at);
	assert_int_equal(at, 1000);
}

static void test_md5_longest_prefix_counts(void **state)
{
	struct xtcp_addr a, b;

	addr_parse("10.1.2.0", &a);
	addr_parse("10.1.2.129", &b);
	engine_md5_key(eng(0), &a, 96, "all", 3);
	engine_md5_key(eng(0), &a, 96 + 23, "net", 3);
	engine_md5_key(eng(0), &b, 96 + 25, "half", 4);
	assert_int_equal(md5_find(eng(0), &b)->len, 4);
	addr_parse("10.1.3.127", &b);
	assert_memory_equal(md5_find(eng(0), &b)->key, "net", 3);
	addr_parse("10.1.4.1", &b);
	assert_memory_equal(md5_find(eng(0), &b)->key, "all", 3);
	addr_parse("2001:db8::1", &b);
	assert_null(md5_find(eng(0), &b));
	assert_int_equal(engine_md5_key(eng(0), &a, 96 + 23, NULL, 0), 0);
	assert_int_equal(engine_md5_key(eng(0), &a, 96 + 23, NULL, 0), -ENOENT);
	addr_parse("10.1.3.127", &b);
	assert_memory_equal(md5_find(eng(0), &b)->key, "all", 3);
}

static void test_md5_table_is_bounded(void **state)
{
	struct xtcp_addr a;

	addr_parse("10.1.0.0", &a);
	for (uint32_t i = 0; i < REGION_MD5_KEYS; i++) {
		a.b[15] = (uint8_t)i;
		assert_int_equal(engine_md5_key(eng(0), &a, FULL, "x", 1), 0);
	}
	a.b[14] = 9;
	assert_int_equal(engine_md5_key(eng(0), &a, FULL, "x", 1), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_md5_signed_connection_carries_data_and_closes),
		TEST(test_md5_wrong_or_no_key_opens_nothing),
		TEST(test_md5_unsigned_reset_is_dropped),
		TEST(test_md5_refusal_is_signed_too),
		TEST(test_md5_unexpected_signature_is_dropped),
		TEST(test_md5_connection_older_than_the_key_stays_unsigned),
		TEST(test_md5_longest_prefix_counts),
		TEST(test_md5_table_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
