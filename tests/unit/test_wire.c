// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_wire.c - xtcp/wire.h in user space. Every frame is parsed from a buffer
 * of exactly its size, at odd addresses too, so that the sanitizers and
 * valgrind see a read past its end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "xtcp/wire.h"
#include "bpf/frame.h"

static const uint8_t a4[4] = { 192, 0, 2, 1 }, b4[4] = { 198, 51, 100, 7 };
static const uint8_t a6[16] = { 0x20, 1, 0x0d, 0xb8, [15] = 1 }, b6[16] = { 0x20, 1, 0x0d, 0xb8, [8] = 9, [15] = 2 };

static struct frame f;

static struct frame_spec segment(int family)
{
	struct frame_spec s = { .family = family, .sport = 4096, .dport = 443, .flags = 0x18, .payload = 21 };

	s.src = family == 4 ? a4 : a6;
	s.dst = family == 4 ? b4 : b6;
	return s;
}

/* Both parsers over the first n bytes, alone in memory, shift bytes off alignment. */
static enum wire_result parse_at(size_t n, size_t shift, struct wire_ip *ip, struct wire_tcp *tcp)
{
	uint8_t *alone = malloc(n + shift + !(n + shift)), *p = alone + shift;
	enum wire_result res;

	memcpy(p, f.b, n);
	memset(ip, 0xee, sizeof(*ip));
	memset(tcp, 0xee, sizeof(*tcp));
	res = wire_parse_ip(p, p + n, (uint32_t)n, ip);
	if (res == WIRE_OK || res == WIRE_BAD_LEN)
		wire_ip4_csum_ok(p, p + n, ip->l3_off);
	if (res == WIRE_OK && ip->proto == WIRE_IPPROTO_TCP && ip->fragment != 2)
		res = wire_parse_tcp(p, p + n, ip, tcp);
	free(alone);
	return res;
}

static enum wire_result parse(struct wire_ip *ip, struct wire_tcp *tcp)
{
	return parse_at(f.len, 0, ip, tcp);
}

static void test_wire_parse_reads_every_field(void **state)
{
	for (int family = 4; family <= 6; family += 2) {
		for (size_t shift = 0; shift < 4; shift++) {
			struct frame_spec s = segment(family);
			struct wire_tcp tcp;
			struct wire_ip ip;

			s.vlans = 1;
			s.tcp_opts = 12;
			frame_tcp(&f, &s);
			put16(f.b + f.l4 + 18, 0xbeef);
			f.b[f.l4 + 12] |= 0xf; /* the reserved bits too: only AE comes out */
			if (family == 4)
				f.b[f.l3 + 1] = 0xb9;
			else
				put16(f.b + f.l3, 0x6b95);
			assert_int_equal(parse_at(f.len, shift, &ip, &tcp), WIRE_OK);
			assert_int_equal(ip.family, family);
			assert_int_equal(ip.l3_off, f.l3);
			assert_int_equal(ip.l4_off, f.l4);
			assert_int_equal(ip.l4_len, f.len - f.l4);
			assert_int_equal(ip.proto, 6);
			assert_int_equal(ip.ttl, 64);
			assert_int_equal(ip.tclass, 0xb9);
			assert_int_equal(ip.vlan_tags, 1);
			assert_int_equal(ip.fragment, 0);
			assert_int_equal(ip.source_route, 0);
			assert_memory_equal(ip.saddr.b + (family == 4 ? 12 : 0), s.src, family == 4 ? 4 : 16);
			assert_memory_equal(ip.daddr.b + (family == 4 ? 12 : 0), s.dst, family == 4 ? 4 : 16);
			assert_int_equal(wire_addr_is_ip4(&ip.saddr), family == 4);
			assert_int_equal(wire_swap16(tcp.sport), 4096);
			assert_int_equal(wire_swap16(tcp.dport), 443);
			assert_int_equal(tcp.seq, 0xfffffff0);
			assert_int_equal(tcp.ack, 0x12345678);
			assert_int_equal(tcp.flags, WIRE_AE | 0x18);
			assert_int_equal(tcp.wnd, 0xfaf0);
			assert_int_equal(tcp.urg, 0xbeef);
			assert_memory_equal(&tcp.csum, f.b + f.l4 + 16, 2);
			assert_int_equal(tcp.doff, 32);
			assert_int_equal(tcp.payload_off, f.payload);
			assert_int_equal(tcp.payload_len, 21);
		}
	}
}

static void test_wire_truncated_at_every_byte_is_never_ok(void **state)
{
	struct wire_tcp tcp;
	struct wire_ip ip;

	for (int family = 4; family <= 6; family += 2) {
		struct frame_spec s = segment(family);

		for (int rich = 0; rich <= 1; rich++) {
			s.vlans = rich * 2;
			s.ip_opts = s.tcp_opts = (size_t)rich * 12;
			s.exts = rich * 3;
			s.ext[0].type = 0;
			s.ext[1].type = 51;
			s.ext[1].hdrlen = 4;
			s.ext[2].type = 60;
			s.ext[2].hdrlen = 1;
			frame_tcp(&f, &s);
			assert_int_equal(parse(&ip, &tcp), WIRE_OK);
			for (size_t n = 0; n < f.len; n++) {
				enum wire_result want = n < f.l3 ? WIRE_SHORT : n < f.l4 ? WIRE_BAD_IP : WIRE_BAD_LEN;

				assert_int_equal(parse_at(n, 0, &ip, &tcp), want);
				assert_int_equal(parse_at(n, 1, &ip, &tcp), want);
			}
		}
	}
}

static void test_wire_random_bytes_stay_inside(void **state)
{
	struct wire_tcp tcp;
	struct wire_ip ip;
	uint64_t x = 88172645463325252ull;

	for (int i = 0; i < 300000; i++) {
		struct frame_spec s = segment(i & 1 ? 4 : 6);
		enum wire_result res;
		size_t n;

		s.exts = 2;
		s.ext[0].type = 0;
		s.ext[1].type = 43;
		frame_tcp(&f, &s);
		for (int hits = 0; hits < 3; hits++) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			f.b[12 + (x >> 8) % (f.len - 12)] = (uint8_t)x;
		}
		n = (x >> 40) % 3 ? f.len : (x >> 20) % f.len;
		res = parse_at(n, x >> 60 & 3, &ip, &tcp);
		if (res != WIRE_OK)
			continue;
		assert_true(ip.l3_off < ip.l4_off && ip.l4_off <= WIRE_L4_OFF_MAX);
		assert_true(ip.l4_off + ip.l4_len <= n);
		if (ip.proto == WIRE_IPPROTO_TCP && ip.fragment != 2)
			assert_int_equal(tcp.payload_off + tcp.payload_len, ip.l4_off + ip.l4_len);
	}
}

static void test_wire_vlan_third_tag_is_not_ip(void **state)
{
	struct frame_spec s = segment(4);
	struct wire_tcp tcp;
	struct wire_ip ip;

	for (s.vlans = 0; s.vlans <= 3; s.vlans++) {
		frame_tcp(&f, &s);
		assert_int_equal(parse(&ip, &tcp), s.vlans <= 2 ? WIRE_OK : WIRE_NOT_IP);
		assert_int_equal(ip.vlan_tags, s.vlans <= 2 ? s.vlans : 2);
	}
}

static void test_wire_bad_len_still_says_whose(void **state)
{
	struct wire_tcp tcp;
	struct wire_ip ip;

	for (int family = 4; family <= 6; family += 2) {
		struct frame_spec s = segment(family);

		frame_tcp(&f, &s);
		f.len--;
		assert_int_equal(parse(&ip, &tcp), WIRE_BAD_LEN);
		assert_int_equal(ip.l4_off, f.l4);
		assert_int_equal(ip.proto, 6);
		assert_memory_equal(ip.daddr.b + (family == 4 ? 12 : 0), s.dst, family == 4 ? 4 : 16);
	}
	f.len++;
	put16(f.b + f.l3 + 4, 0); /* IPv6 with an empty payload: nothing wrong, but no TCP */
	assert_int_equal(parse(&ip, &tcp), WIRE_TCP_SHORT);
}

static void test_wire_ip4_total_below_its_header_is_bad_len(void **state)
{
	for (unsigned int total = 0; total < 32; total++) {
		struct frame_spec s = segment(4);
		struct wire_tcp tcp;
		struct wire_ip ip;

		s.ip_opts = 12;
		frame_tcp(&f, &s);
		put16(f.b + f.l3 + 2, total);
		assert_int_equal(parse(&ip, &tcp), WIRE_BAD_LEN);
		assert_int_equal(ip.l4_len, 0);
	}
}

static void test_wire_data_offset_into_padding_is_bad(void **state)
{
	struct frame_spec s = segment(4);
	struct wire_tcp tcp;
	struct wire_ip ip;

	s.payload = 0;
	frame_tcp(&f, &s);
	f.b[f.l4 + 12] = 6 << 4;
	f.len += 40;
	assert_int_equal(parse(&ip, &tcp), WIRE_BAD_DOFF);
}

static void test_wire_padding_is_not_payload(void **state)
{
	struct frame_spec s = segment(4);
	struct wire_tcp tcp;
	struct wire_ip ip;

	frame_tcp(&f, &s);
	f.len += 30;
	assert_int_equal(parse(&ip, &tcp), WIRE_OK);
	assert_int_equal(tcp.payload_len, 21);
}

static void test_wire_data_offset_bounds(void **state)
{
	struct wire_tcp tcp;
	struct wire_ip ip;

	for (unsigned int doff = 0; doff < 16; doff++) {
		struct frame_spec s = segment(6);

		s.payload = 20;
		frame_tcp(&f, &s);
		f.b[f.l4 + 12] = (uint8_t)(doff << 4 | 0xf);
		assert_int_equal(parse(&ip, &tcp), doff < 5 || doff > 10 ? WIRE_BAD_DOFF : WIRE_OK);
		assert_int_equal(wire_swap16(tcp.dport), 443);
	}
}

/* RFC 9293: MUST-50 */
static void test_wire_ip_options_are_passed_over(void **state)
{
	static const uint8_t options[][8] = {
		{ 68, 8, 5, 0, 1, 2, 3, 4 },  /* timestamp */
		{ 7, 7, 4, 0, 0, 0, 0, 0 },   /* record route */
		{ 148, 4, 0, 0, 0 },	      /* router alert */
		{ 222, 8, 1, 2, 3, 4, 5, 6 }, /* nobody's */
	};
	struct wire_tcp tcp;
	struct wire_ip ip;

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		struct frame_spec s = segment(4);

		s.ip_opts = 8;
		frame_tcp(&f, &s);
		memcpy(f.b + f.l3 + 20, options[i], 8);
		assert_int_equal(parse(&ip, &tcp), WIRE_OK);
		assert_int_equal(ip.l4_off, f.l3 + 28);
		assert_int_equal(ip.source_route, 0);
	}
}

static void test_wire_source_route_found(void **state)
{
	static const struct {
		uint8_t opt[8];
		int found;
	} cases[] = {
		{ { 131, 7, 4, 1, 2, 3, 4, 0 }, 1 },
		{ { 1, 137, 3, 4 }, 1 },
		{ { 148, 4, 0, 0, 131, 3, 4, 0 }, 1 },
		{ { 0, 131, 3, 4 }, 0 },
		{ { 7, 8, 131 }, 0 },
		{ { 148, 1, 131, 3 }, 0 },
		{ { 148, 9, 131, 3 }, 0 },
		{ { 131, 9 }, 0 },
		{ { 1, 1, 1, 1, 1, 1, 1, 131 }, 0 },
	};
	struct wire_tcp tcp;
	struct wire_ip ip;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct frame_spec s = segment(4);

		s.ip_opts = 8;
		frame_tcp(&f, &s);
		memcpy(f.b + f.l3 + 20, cases[i].opt, 8);
		assert_int_equal(parse(&ip, &tcp), WIRE_OK);
		assert_int_equal(ip.source_route, cases[i].found);
	}
	for (int routing = 0; routing <= 1; routing++) {
		struct frame_spec s = segment(6);

		s.exts = 1;
		s.ext[0].type = routing ? 43 : 60;
		frame_tcp(&f, &s);
		assert_int_equal(parse(&ip, &tcp), WIRE_OK);
		assert_int_equal(ip.source_route, routing);
	}
}

static void test_wire_fragments(void **state)
{
	/* offset in units of 8 bytes, more fragments, what it is */
	static const unsigned int cases[][3] = {
		{ 0, 0, 0 }, { 0, 1, 1 }, { 1, 0, 2 }, { 8191, 1, 2 }, { 4096, 0, 2 }
	};
	struct wire_tcp tcp;
	struct wire_ip ip;

	for (int family = 4; family <= 6; family += 2) {
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			struct frame_spec s = segment(family);

			s.frag = (uint16_t)(family == 4 ? cases[i][0] | cases[i][1] << 13 | 0x4000
							: cases[i][0] << 3 | cases[i][1]);
			s.exts = family == 6;
			s.ext[0].type = 44;
			frame_tcp(&f, &s);
			assert_int_equal(parse(&ip, &tcp), WIRE_OK);
			assert_int_equal(ip.fragment, cases[i][2]);
			assert_int_equal(ip.proto, 6);
		}
	}
}

static void test_wire_ip4_checksum(void **state)
{
	for (size_t opts = 0; opts <= 40; opts += 4) {
		struct frame_spec s = segment(4);

		s.ip_opts = opts;
		frame_tcp(&f, &s);
		assert_true(wire_ip4_csum_ok(f.b, f.b + f.len, 14));
		for (size_t bit = 0; bit < (20 + opts) * 8; bit++) {
			f.b[14 + bit / 8] ^= (uint8_t)(1 << bit % 8);
			if (bit / 8 > 0) /* not the header length itself */
				assert_false(wire_ip4_csum_ok(f.b, f.b + f.len, 14));
			f.b[14 + bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		assert_false(wire_ip4_csum_ok(f.b, f.b + 14 + 20 + opts - 1, 14));
	}
}

static void test_wire_pseudo_sum_is_what_partial_leaves(void **state)
{
	static const size_t sizes[] = { 0, 1, 1448, 9000 };
	struct wire_tcp tcp;
	struct wire_ip ip;

	for (int family = 4; family <= 6; family += 2) {
		for (size_t i = 0; i < 4; i++) {
			struct frame_spec s = segment(family);
			uint8_t field[2];
			uint16_t sum;

			s.payload = sizes[i];
			frame_tcp(&f, &s);
			assert_int_equal(parse(&ip, &tcp), WIRE_OK);
			put16(field, frame_pseudo(&f, 6, f.len - f.l4));
			sum = (uint16_t)wire_pseudo_sum(&ip);
			assert_memory_equal(&sum, field, 2);
		}
	}
}

static void test_wire_flags_check_every_combination(void **state)
{
	for (unsigned int v = 0; v < 512; v++) { /* AE changes nothing */
		enum wire_flags_result want = WIRE_FLAGS_OK;

		if (!(v & 0x17))
			want = WIRE_FLAGS_NONE;
		else if ((v & 0x13) == 3)
			want = WIRE_FLAGS_SYN_FIN;
		else if ((v & 6) == 6)
			want = WIRE_FLAGS_SYN_RST;
		else if ((v & 0x11) == 1)
			want = WIRE_FLAGS_FIN_NO_ACK;
		assert_int_equal(wire_flags_check((__u16)v), want);
	}
}

static void test_wire_source_bad(void **state)
{
	static const struct {
		uint8_t addr[16];
		int family, bad;
	} cases[] = {
		{ { 0, 0, 0, 0 }, 4, 1 },
		{ { 127, 1, 2, 3 }, 4, 1 },
		{ { 224, 0, 0, 251 }, 4, 1 },
		{ { 239, 1, 1, 1 }, 4, 1 },
		{ { 255, 255, 255, 255 }, 4, 1 },
		{ { 10, 0, 0, 255 }, 4, 0 },
		{ { 128, 0, 0, 1 }, 4, 0 },
		{ { 240, 0, 0, 1 }, 4, 0 },
		{ { 0 }, 6, 1 },
		{ { [15] = 1 }, 6, 1 },
		{ { [15] = 2 }, 6, 0 },
		{ { 0xff, 2, [15] = 1 }, 6, 1 },
		{ { 0xfe, 0x80, [15] = 1 }, 6, 0 },
		{ { [10] = 0xff, 0xff, 8, 8, 8, 8 }, 6, 1 },
	};
	struct wire_tcp tcp;
	struct wire_ip ip;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct frame_spec s = segment(cases[i].family);

		s.src = cases[i].addr;
		frame_tcp(&f, &s);
		assert_int_equal(parse(&ip, &tcp), WIRE_OK);
		assert_int_equal(wire_source_bad(&ip), cases[i].bad);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wire_parse_reads_every_field),
		cmocka_unit_test(test_wire_truncated_at_every_byte_is_never_ok),
		cmocka_unit_test(test_wire_random_bytes_stay_inside),
		cmocka_unit_test(test_wire_vlan_third_tag_is_not_ip),
		cmocka_unit_test(test_wire_bad_len_still_says_whose),
		cmocka_unit_test(test_wire_ip4_total_below_its_header_is_bad_len),
		cmocka_unit_test(test_wire_data_offset_into_padding_is_bad),
		cmocka_unit_test(test_wire_padding_is_not_payload),
		cmocka_unit_test(test_wire_data_offset_bounds),
		cmocka_unit_test(test_wire_ip_options_are_passed_over),
		cmocka_unit_test(test_wire_source_route_found),
		cmocka_unit_test(test_wire_fragments),
		cmocka_unit_test(test_wire_ip4_checksum),
		cmocka_unit_test(test_wire_pseudo_sum_is_what_partial_leaves),
		cmocka_unit_test(test_wire_flags_check_every_combination),
		cmocka_unit_test(test_wire_source_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
