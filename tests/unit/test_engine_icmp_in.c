// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_engine_icmp_in.c - engine/icmp_in.c: ICMP errors of both families to the connection whose segment they quote. */
#include "engine_kit.h"

#define UNMATCHED (-1) /* not an error for TCP */

static uint8_t frame[KIT_FRAME];
static struct kit_frame lost; /* a segment of side 0 that never arrived */
static uint64_t conn;

static struct tcp_conn *tcp(void)
{
	return engine_conn(eng(0), conn);
}

/* A connection of side 0 with one segment in flight. */
static void in_flight(int family)
{
	uint64_t s;

	kit_join(family, 80, kit_listen(80), &conn, &s);
	kp->cut = true;
	kit_send(0, conn, 100);
	kit_turn(0);
	lost = *kit_sent(0, 0);
	assert_int_equal(lost.tcp.payload_len, 100);
	assert_int_equal(tcp()->soft_error, 0);
}

/* For the second family of a test: everything anew. */
static void fresh(int family)
{
	if (!family)
		return;
	kit_teardown(NULL);
	assert_int_equal(kit_setup(NULL), 0);
}

static uint32_t error(int family, uint8_t type, uint8_t code, uint32_t rest)
{
	return kit_icmp(frame, 0, family, type, code, rest, lost.data + 14, lost.len - 14);
}

/* Says whether it was counted as unmatched. */
static bool unmatched(uint32_t len)
{
	uint64_t was = stat_of(0, in_icmp_unmatched), icmp = stat_of(0, rx_icmp), bad = stat_of(0, in_malformed);

	kit_give(0, frame, len, NULL);
	assert_int_equal(stat_of(0, rx_icmp) + stat_of(0, in_malformed), icmp + bad + 1);
	return stat_of(0, in_icmp_unmatched) != was;
}

static bool malformed(uint32_t len)
{
	uint64_t was = stat_of(0, in_malformed);

	kit_give(0, frame, len, NULL);
	return stat_of(0, in_malformed) != was;
}

static int expect_v4(uint32_t type, uint32_t code)
{
	static const int unreach[16] = { ENETUNREACH,  EHOSTUNREACH, ENOPROTOOPT,  ECONNREFUSED, 0,	 ENETUNREACH,
					 ENETUNREACH,  EHOSTUNREACH, EHOSTUNREACH, EACCES,	 EACCES, ENETUNREACH,
					 EHOSTUNREACH, EACCES,	     EACCES,	   EACCES };

	if (type == 3)
		return code < 16 ? unreach[code] : UNMATCHED;
	return type == 11 ? EHOSTUNREACH : type == 12 ? EPROTO : UNMATCHED;
}

static int expect_v6(uint32_t type, uint32_t code)
{
	static const int unreach[8] = { ENETUNREACH,  EACCES, EHOSTUNREACH, EHOSTUNREACH,
					ECONNREFUSED, EACCES, EACCES,	    EHOSTUNREACH };

	switch (type) {
	case 1: return code < 8 ? unreach[code] : EHOSTUNREACH;
	case 2: return 0;
	case 3: return EHOSTUNREACH;
	case 4: return EPROTO;
	default: return UNMATCHED;
	}
}

static void every_type(int family, int (*expect)(uint32_t, uint32_t))
{
	in_flight(family);
	for (uint32_t type = 0; type < 256; type++) {
		for (uint32_t code = 0; code < 18; code++) {
			int want = expect(type, code);

			tcp()->soft_error = 0;
			assert_int_equal(unmatched(error(family, (uint8_t)type, (uint8_t)code, 1500)),
					 want == UNMATCHED);
			assert_int_equal(tcp()->soft_error, want == UNMATCHED ? 0 : want);
			assert_int_equal(tcp()->state, TCP_ESTABLISHED); /* MUST-56, RFC 5927 5.2 */
		}
	}
	assert_int_equal(tcp()->path_mtu, 1500);
}

/* RFC 9293: MUST-54, MUST-55 */
static void test_icmp_in_every_v4_type_and_code_is_mapped(void **state)
{
	every_type(0, expect_v4);
}

static void test_icmp_in_every_v6_type_and_code_is_mapped(void **state)
{
	every_type(1, expect_v6);
}

static void refused(int family, uint8_t type, uint8_t code, int want)
{
	struct engine_event ev;

	kp->cut = true;
	conn = kit_connect(family, 80);
	kit_turn(0);
	lost = *kit_sent(0, 0);
	assert_false(unmatched(error(family, type, code, 0)));
	if (want) {
		assert_int_equal(engine_events(eng(0), &ev, 1), 1);
		assert_int_equal(ev.handle, conn);
		assert_int_equal(ev.error, want);
	} else {
		assert_int_equal(tcp()->state, TCP_SYN_SENT);
	}
	engine_abort(eng(0), conn);
	kit_turn(0);
}

static void test_icmp_in_hard_error_ends_an_attempt_to_connect(void **state)
{
	refused(0, 3, 3, ECONNREFUSED);
	refused(0, 3, 2, ENOPROTOOPT);
	refused(0, 3, 13, EACCES);
	refused(0, 3, 1, 0);
	refused(0, 11, 0, 0);
	refused(1, 1, 4, ECONNREFUSED);
	refused(1, 1, 1, EACCES);
	refused(1, 1, 3, 0);
}

/* ---- too big ---- */

static void test_icmp_in_too_big_v4_mtu_is_bounded(void **state)
{
	/* bytes 4 and 5 of the header are unused in IPv4 */
	static const struct {
		uint32_t rest, mtu;
	} step[] = {
		{ 1500, 1500 }, { 9000, 1500 }, { 0xffff0578, 1400 }, { 1450, 1400 }, { 0, 1006 },
		{ 600, 600 },	{ 552, 552 },	{ 0x00010000, 552 },  { 68, 552 },    { 1, 552 }
	}; /* the last ones wait */

	in_flight(0);
	for (size_t i = 0; i < sizeof(step) / sizeof(step[0]); i++) {
		assert_false(unmatched(error(0, 3, 4, step[i].rest)));
		assert_int_equal(tcp()->path_mtu, step[i].mtu);
	}
	assert_int_equal(tcp()->mss, 552 - 40 - 12);
}

static void test_icmp_in_too_big_v6_mtu_is_bounded(void **state)
{
	static const struct {
		uint32_t rest, mtu;
		bool discarded; /* RFC 8201 4 */
	} step[] = { { 1500, 1500, false },	  { 0x10000 + 1300, 1500, false },
		     { UINT32_MAX, 1500, false }, { 1400, 1400, false },
		     { 1450, 1400, false },	  { 1279, 1400, true },
		     { 0, 1400, true },		  { 68, 1400, true },
		     { 1280, 1280, false } };

	in_flight(1);
	for (size_t i = 0; i < sizeof(step) / sizeof(step[0]); i++) {
		assert_int_equal(unmatched(error(1, 2, 0, step[i].rest)), step[i].discarded);
		assert_int_equal(tcp()->path_mtu, step[i].mtu);
	}
}

/* RFC 9293: MUST-54 */
static void test_icmp_in_too_big_makes_the_lost_segment_smaller(void **state)
{
	uint64_t at = 0, s, l = kit_listen(80);

	kit_join(0, 80, l, &conn, &s);
	kp->cut = true;
	kit_send(0, conn, 1448);
	kit_turn(0);
	lost = *kit_sent(0, 0);
	assert_int_equal(lost.len, 1514);
	kp->cut = false;
	assert_int_equal(simport_deliver(&kp->side[0].port, frame, error(0, 3, 4, 1000), NULL), true);
	pair_settle(kp); /* no timer has to fire */
	kit_receive(1, s, &at);
	assert_int_equal(at, 1448);
	assert_true(kit_sent(0, 0)->len <= 1014);
	assert_int_equal(stat_of(0, rto_fires), 0);
}

/* ---- whose? ---- */

static void test_icmp_in_quote_of_nothing_in_flight_is_unmatched(void **state)
{
	uint8_t was;

	for (int family = 0; family < 2; family++) {
		uint8_t type = family ? 1 : 3;
		uint32_t l4 = family ? 54 : 34;
		/* addresses, ports, sequence number; not the TTL or checksum that a router has changed */
		uint32_t from = family ? 22 : 26, to = l4 + 8;

		fresh(family);
		in_flight(family);
		for (uint32_t at = from; at < to; at++) {
			was = lost.data[at];
			lost.data[at] ^= 0x80;
			assert_true(unmatched(error(family, type, 0, 0)));
			lost.data[at] = was;
		}
		assert_int_equal(tcp()->soft_error, 0);
		lost.data[family ? 21 : 22] = 1; /* the TTL */
		assert_false(unmatched(error(family, type, 0, 0)));
	}
}

static void test_icmp_in_acknowledged_segment_is_unmatched(void **state)
{
	in_flight(0);
	kp->cut = false;
	pair_sleep(kp, SECOND);
	assert_int_equal(tcp()->snd_una, tcp()->snd_nxt);
	assert_true(unmatched(error(0, 3, 1, 0)));
	assert_int_equal(tcp()->soft_error, 0);
}

static void test_icmp_in_quote_of_other_protocol_or_fragment_is_unmatched(void **state)
{
	in_flight(0);
	lost.data[14 + 9] = 17;
	assert_true(unmatched(error(0, 3, 1, 0)));
	lost.data[14 + 9] = 6;
	lost.data[14 + 7] = 1; /* offset 8: no TCP header in there */
	assert_true(unmatched(error(0, 3, 1, 0)));
	lost.data[14 + 7] = 0;
	lost.data[14] = 0x44;
	assert_true(unmatched(error(0, 3, 1, 0)));
	lost.data[14] = 0x65;
	assert_true(unmatched(error(0, 3, 1, 0)));
	lost.data[14] = 0x45;
	assert_false(unmatched(error(0, 3, 1, 0)));
}

static void test_icmp_in_quote_with_ip_options_is_understood(void **state)
{
	uint8_t quoted[128];

	in_flight(0);
	memcpy(quoted, lost.data + 14, 20);
	quoted[0] = 0x47; /* somebody added eight bytes of options */
	memset(quoted + 20, 1, 8);
	memcpy(quoted + 28, lost.data + 34, 8);
	assert_false(unmatched(kit_icmp(frame, 0, 0, 3, 1, 0, quoted, 36)));
	assert_int_equal(tcp()->soft_error, EHOSTUNREACH);
	assert_true(unmatched(kit_icmp(frame, 0, 0, 3, 1, 0, quoted, 35)));
}

static void test_icmp_in_quote_of_other_family_is_unmatched(void **state)
{
	in_flight(0);
	assert_true(unmatched(kit_icmp(frame, 0, 1, 1, 3, 0, lost.data + 14, lost.len - 14)));
	assert_int_equal(tcp()->soft_error, 0);
}

static void test_icmp_in_to_another_address_than_quoted_is_unmatched(void **state)
{
	struct xtcp_addr other = addr_from_v4(htonl(0x0a090063));
	uint32_t len;

	in_flight(0);
	len = error(0, 3, 1, 0);
	memcpy(frame + 14 + 16, &other.w[3], 4);
	kit_sums(frame, len);
	assert_true(unmatched(len));
}

static void test_icmp_in_from_any_router_is_believed(void **state)
{
	uint32_t len;

	in_flight(0);
	len = error(0, 3, 1, 0);
	frame[14 + 12] = 172;
	kit_sums(frame, len);
	assert_false(unmatched(len));
}

static void test_icmp_in_time_wait_is_unmatched(void **state)
{
	uint64_t c, s, l = kit_listen(80);

	kit_join(0, 80, l, &c, &s);
	engine_close(eng(0), c);
	kit_turn(0);
	lost = *kit_sent(0, 0);
	pair_settle(kp);
	engine_close(eng(1), s);
	pair_settle(kp);
	assert_int_equal(eng(0)->r->tws.used, 1);
	assert_true(unmatched(error(0, 3, 1, 0)));
}

/* ---- lengths and sums ---- */

static void test_icmp_in_quote_cut_at_every_length_matches_only_with_the_sequence_number(void **state)
{
	for (int family = 0; family < 2; family++) {
		uint32_t need = family ? 48 : 28;

		fresh(family);
		in_flight(family);
		for (uint32_t n = 0; n < lost.len - 14; n++) {
			uint32_t len = kit_icmp(frame, 0, family, family ? 1 : 3, 0, 0, lost.data + 14, n);

			assert_int_equal(unmatched(len), n < need);
		}
	}
}

/* What the frame has behind the ICMP message's end is padding, not a quote. */
static void test_icmp_in_padding_is_no_quote(void **state)
{
	uint32_t len;

	in_flight(0);
	len = kit_icmp(frame, 0, 0, 3, 1, 0, lost.data + 14, 20);
	memcpy(frame + len, lost.data + 34, 20);
	assert_true(unmatched(len + 20));
	assert_int_equal(tcp()->soft_error, 0);
}

static void test_icmp_in_wrong_checksum_is_malformed(void **state)
{
	for (int family = 0; family < 2; family++) {
		uint32_t len, l4 = family ? 54 : 34;

		fresh(family);
		in_flight(family);
		len = error(family, family ? 1 : 3, 0, 0);
		for (uint32_t at = l4; at < len; at++) {
			frame[at] ^= 0x20;
			assert_true(malformed(len));
			frame[at] ^= 0x20;
		}
		assert_int_equal(tcp()->soft_error, 0);
		assert_int_equal(stat_of(0, rx_icmp), 0);
		assert_false(malformed(len));
	}
}

static void test_icmp_in_shorter_than_its_header_or_fragment_is_malformed(void **state)
{
	uint32_t len;

	in_flight(0);
	len = error(0, 3, 1, 0);
	for (uint8_t n = 4; n < 8; n++) {
		memset(frame + 16, 0, 2);
		frame[17] = (uint8_t)(20 + n);
		kit_sums(frame, 34 + 8);
		assert_true(malformed(34 + n));
	}
	len = error(0, 3, 1, 0);
	frame[14 + 6] = 0x20; /* more fragments */
	kit_sums(frame, len);
	assert_true(malformed(len));
	assert_int_equal(tcp()->soft_error, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_icmp_in_every_v4_type_and_code_is_mapped),
		TEST(test_icmp_in_every_v6_type_and_code_is_mapped),
		TEST(test_icmp_in_hard_error_ends_an_attempt_to_connect),
		TEST(test_icmp_in_too_big_v4_mtu_is_bounded),
		TEST(test_icmp_in_too_big_v6_mtu_is_bounded),
		TEST(test_icmp_in_too_big_makes_the_lost_segment_smaller),
		TEST(test_icmp_in_quote_of_nothing_in_flight_is_unmatched),
		TEST(test_icmp_in_acknowledged_segment_is_unmatched),
		TEST(test_icmp_in_quote_of_other_protocol_or_fragment_is_unmatched),
		TEST(test_icmp_in_quote_with_ip_options_is_understood),
		TEST(test_icmp_in_quote_of_other_family_is_unmatched),
		TEST(test_icmp_in_to_another_address_than_quoted_is_unmatched),
		TEST(test_icmp_in_from_any_router_is_believed),
		TEST(test_icmp_in_time_wait_is_unmatched),
		TEST(test_icmp_in_quote_cut_at_every_length_matches_only_with_the_sequence_number),
		TEST(test_icmp_in_padding_is_no_quote),
		TEST(test_icmp_in_wrong_checksum_is_malformed),
		TEST(test_icmp_in_shorter_than_its_header_or_fragment_is_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
