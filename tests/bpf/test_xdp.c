// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_xdp.c - every verdict and every counter of the XDP program, over IPv4
 * and IPv6, through BPF_PROG_TEST_RUN.
 *
 * Ours here are 10.0.0.1 (index 3), fd00::1 (index 5) and 10.0.0.9 (index 63);
 * port 80 on the first two, 81 on the third only. The last test fails if some
 * counter of stats.def was never seen to move.
 */
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include "kit.h"
#include "xtcp/flow.h"
#include "xtcp.skel.h"

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

static struct kit plain; /* a physical link; every drop reported */
static struct kit virt;	 /* a virtual link: partial_csum_ok */
static struct frame f;	 /* the frame in hand */
static struct kit_result r;

static const uint8_t local4[4] = { 10, 0, 0, 1 }, remote4[4] = { 10, 0, 0, 2 }, other4[4] = { 10, 0, 0, 9 };
static const uint8_t local6[16] = { 0xfd, [15] = 1 }, remote6[16] = { 0xfd, [15] = 2 };
static const uint8_t other6[16] = { 0xfd, [15] = 9 };

static const int families[] = { 4, 6 };
#define for_family(fam) for (const int *fp_ = families; fp_ < families + 2 && ((fam) = *fp_); fp_++)

/* A good segment to us. */
static struct frame_spec ours(int family, uint16_t flags)
{
	struct frame_spec s = { .family = family, .sport = 40000, .dport = 80, .flags = flags };

	s.src = family == 4 ? remote4 : remote6;
	s.dst = family == 4 ? local4 : local6;
	return s;
}

/* A segment of ours on its way out, for ICMP to quote. */
static struct frame_spec sent(int family)
{
	struct frame_spec s = { .family = family, .sport = 80, .dport = 40000, .flags = ACK };

	s.src = family == 4 ? local4 : local6;
	s.dst = family == 4 ? remote4 : remote6;
	return s;
}

static void build(int family, uint16_t flags)
{
	struct frame_spec s = ours(family, flags);

	s.payload = 10;
	frame_tcp(&f, &s);
}

/* ---- passed on ---- */

static void test_parse_vlan_cut_short_passes(void **state)
{
	struct frame_spec s = ours(4, ACK);

	s.vlans = 2;
	frame_tcp(&f, &s);
	for (f.len = 14; f.len < 22; f.len++)
		kit_expect(&plain, &f, pass_short);
	kit_expect(&plain, &f, pass_bad_ip);
}

static void test_parse_other_ethertypes_pass(void **state)
{
	static const unsigned int types[] = { 0x0806, 0x88cc, 0x0000, 0x05dc, 0x8847, 0x8864, 0xffff };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		build(4, ACK);
		put16(f.b + 12, types[i]);
		kit_expect(&plain, &f, pass_not_ip);
	}
}

static void test_parse_vlan_up_to_two_tags_are_ours(void **state)
{
	struct frame_spec s;
	int family;

	for_family(family)
	{
		s = ours(family, SYN);
		for (s.vlans = 0; s.vlans <= 2; s.vlans++) {
			frame_tcp(&f, &s);
			kit_expect_also(&plain, &f, redirect_tcp, -1, &r);
			assert_int_equal(r.meta.l3_off, 14 + 4 * s.vlans);
		}
		frame_tcp(&f, &s);
		kit_expect(&plain, &f, pass_not_ip);
	}
}

static void test_parse_ip_header_malformed_passes(void **state)
{
	int family;

	for_family(family)
	{
		build(family, ACK);
		f.b[f.l3] = (uint8_t)(f.b[f.l3] ^ 0x70);
		kit_expect(&plain, &f, pass_bad_ip);
	}
	for (unsigned int ihl = 0; ihl < 5; ihl++) {
		build(4, ACK);
		f.b[f.l3] = (uint8_t)(0x40 | ihl);
		kit_expect(&plain, &f, pass_bad_ip);
	}
	build(4, ACK);
	f.b[f.l3] = 0x4f;
	f.len = f.l3 + 59;
	kit_expect(&plain, &f, pass_bad_ip);
}

static void test_classify_other_protocols_pass(void **state)
{
	static const uint8_t protos[] = { 0, 2, 17, 41, 47, 50, 58, 132, 255 };

	for (size_t i = 0; i < sizeof(protos); i++) {
		build(4, ACK);
		f.b[f.l3 + 9] = protos[i];
		frame_seal_ip(&f);
		kit_expect(&plain, &f, pass_not_tcp);
	}
	build(6, ACK);
	f.b[f.l3 + 6] = 17;
	kit_expect(&plain, &f, pass_not_tcp);
	f.b[f.l3 + 6] = 59;
	kit_expect(&plain, &f, pass_not_tcp);
	f.b[f.l3 + 6] = 1; /* ICMP of the other family */
	kit_expect(&plain, &f, pass_not_tcp);
}

static void test_classify_other_address_passes(void **state)
{
	static const uint8_t strange4[4] = { 10, 0, 0, 77 };
	struct frame_spec s;
	int family;

	for_family(family)
	{
		s = ours(family, ACK);
		s.dst = family == 4 ? strange4 : other6;
		frame_tcp(&f, &s);
		kit_expect(&plain, &f, pass_not_our_addr);
		frame_tcp(&f, &s);
		f.b[f.l4 + 12] = 0; /* malformed too, but that is not ours to judge */
		kit_expect(&plain, &f, pass_not_our_addr);
	}
}

static void test_classify_mapped_destination_is_not_the_ip4_address(void **state)
{
	static const uint8_t mapped[16] = { [10] = 0xff, 0xff, 10, 0, 0, 1 };
	struct frame_spec s = ours(6, SYN);

	s.dst = mapped;
	frame_tcp(&f, &s);
	kit_expect(&plain, &f, pass_not_our_addr);
}

static void test_classify_group_mac_passes(void **state)
{
	int family;

	for_family(family)
	{
		build(family, SYN);
		f.b[0] = 0x01;
		kit_expect(&plain, &f, pass_not_our_addr);
		memset(f.b, 0xff, 6);
		kit_expect(&plain, &f, pass_not_our_addr);
	}
}

static void test_classify_other_port_passes(void **state)
{
	static const uint16_t ports[] = { 0, 79, 81, 0x5000, 65535 };
	struct frame_spec s;
	int family;

	for_family(family)
	{
		s = ours(family, SYN);
		for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
			s.dport = ports[i];
			frame_tcp(&f, &s);
			kit_expect(&plain, &f, pass_not_our_port);
		}
	}
}

static void test_classify_port_bits_are_per_address(void **state)
{
	struct frame_spec s = ours(4, SYN);

	s.dst = other4;
	frame_tcp(&f, &s);
	kit_expect(&plain, &f, pass_not_our_port);
	s.dport = 81;
	frame_tcp(&f, &s);
	kit_expect(&plain, &f, redirect_tcp);
	kit_own_port(&plain, 81, 0);
	kit_expect(&plain, &f, pass_not_our_port);
	kit_own_port(&plain, 81, 1ull << 63);
}

static void test_classify_no_socket_passes_without_metadata(void **state)
{
	int family;

	kit_socket(&plain, 0);
	for_family(family)
	{
		struct frame_spec s = ours(family, ACK), q = sent(family);

		build(family, ACK);
		kit_expect(&plain, &f, pass_no_socket);
		frame_icmp(&f, &s, family == 4 ? 3 : 1, &q);
		kit_expect(&plain, &f, pass_no_socket);
	}
	assert_int_equal(kit_socket(&plain, 1), 0);
}

/* ---- fragments ---- */

static struct frame_spec fragment_spec(int family, unsigned int offset, int more)
{
	struct frame_spec s = ours(family, ACK);

	s.payload = 32;
	s.frag = (uint16_t)(family == 4 ? offset | (more ? 0x2000 : 0) : offset << 3 | (more ? 1u : 0));
	if (family == 6) {
		s.exts = 1;
		s.ext[0].type = 44;
	}
	return s;
}

static void test_fragment_first_dropped_later_passed(void **state)
{
	struct frame_spec s;
	int family;

	for_family(family)
	{
		s = fragment_spec(family, 0, 1);
		frame_tcp(&f, &s);
		kit_expect(&plain, &f, drop_fragment);
		s.dport = 79;
		frame_tcp(&f, &s);
		kit_expect(&plain, &f, pass_not_our_port);
		for (int more = 0; more <= 1; more++) {
			s = fragment_spec(family, more ? 5 : 4096, more);
			frame_tcp(&f, &s);
			kit_expect(&plain, &f, pass_fragment);
		}
		s = fragment_spec(family, 1, 0);
		s.dst = family == 4 ? remote4 : other6;
		frame_tcp(&f, &s);
		kit_expect(&plain, &f, pass_not_our_addr);
	}
	s = fragment_spec(6, 0, 0); /* atomic, RFC 6946: whole */
	frame_tcp(&f, &s);
	kit_expect(&plain, &f, redirect_tcp);
	s = ours(4, ACK);
	s.frag = 0x4000; /* DF */
	frame_tcp(&f, &s);
	kit_expect(&plain, &f, redirect_tcp);
}

/* ---- IPv4 options and IPv6 extension headers ---- */

static void test_ip4_options_are_skipped(void **state)
{
	struct frame_spec s = ours(4, SYN);

	for (s.ip_opts = 0; s.ip_opts <= 40; s.ip_opts += 4) {
		frame_tcp(&f, &s);
		kit_expect_also(&plain, &f, redirect_tcp, -1, &r);
		assert_int_equal(r.meta.l4_off, 34 + s.ip_opts);
		assert_int_equal(r.meta.payload_off, 54 + s.ip_opts);
		if (s.ip_opts)
			f.b[f.l3 + 19 + s.ip_opts] ^= 0x40; /* the checksum covers the last option byte */
		else
			f.b[f.l3 + 8] ^= 1;
		kit_expect(&plain, &f, drop_ip4_csum);
	}
}

static void test_ip6_extension_headers_are_walked(void **state)
{
	static const uint8_t types[] = { 0, 43, 60, 51, 44 };
	struct frame_spec s = ours(6, SYN);

	for (size_t i = 0; i < sizeof(types); i++) {
		s.exts = 1;
		s.ext[0].type = types[i];
		s.ext[0].hdrlen = types[i] == 44 ? 0 : 4;
		frame_tcp(&f, &s);
		kit_expect_also(&plain, &f, redirect_tcp, -1, &r);
		assert_int_equal(r.meta.l4_off, f.l4);
	}
	for (s.exts = 0; s.exts <= 8; s.exts++) {
		s.ext[s.exts].type = types[s.exts % 4];
		s.ext[s.exts].hdrlen = (uint8_t)(s.exts * 2);
		frame_tcp(&f, &s);
		kit_expect_also(&plain, &f, redirect_tcp, -1, &r);
		assert_int_equal(r.meta.l4_off, f.l4);
		assert_int_equal(r.meta.payload_off, f.payload);
	}
	frame_tcp(&f, &s); /* the ninth */
	kit_expect(&plain, &f, pass_bad_ip);
}

static void test_ip6_headers_behind_the_first_page_pass(void **state)
{
	struct frame_spec s = ours(6, SYN);

	s.exts = 2;
	s.ext[0].type = s.ext[1].type = 60;
	s.ext[0].hdrlen = s.ext[1].hdrlen = 255;
	frame_tcp(&f, &s);
	kit_expect(&plain, &f, pass_bad_ip);
}

/* ---- dropped ---- */

static void test_drop_ip4_checksum_wrong(void **state)
{
	for (int bit = 0; bit < 16; bit++) {
		build(4, ACK);
		f.b[f.l3 + 10 + bit / 8] ^= (uint8_t)(1 << bit % 8);
		kit_expect(&plain, &f, drop_ip4_csum);
	}
}

static void set_ip_len(int transport)
{
	if (f.family == 4)
		put16(f.b + f.l3 + 2, (unsigned int)((int)(f.l4 - f.l3) + transport));
	else
		put16(f.b + f.l3 + 4, (unsigned int)((int)(f.l4 - f.l3) - 40 + transport));
	frame_seal_ip(&f);
}

static void test_drop_ip_length_wrong(void **state)
{
	int family;

	for_family(family)
	{
		for (int n = 0; n < 20; n++) {
			build(family, ACK);
			set_ip_len(n);
			kit_expect(&plain, &f, drop_ip_len);
		}
		build(family, ACK);
		set_ip_len(31);
		kit_expect(&plain, &f, drop_ip_len);
		set_ip_len(30);
		kit_expect(&plain, &f, redirect_tcp);
		set_ip_len(20); /* the rest is padding */
		kit_expect(&plain, &f, redirect_tcp);
	}
	build(4, ACK);
	set_ip_len(-1); /* less than the IP header */
	kit_expect(&plain, &f, drop_ip_len);
}

static void test_padding_is_no_payload(void **state)
{
	struct frame_spec s;
	int family;

	for_family(family)
	{
		s = ours(family, SYN);
		frame_tcp(&f, &s);
		f.len += 60;
		memset(f.b + f.len - 60, 0xa5, 60);
		kit_expect_also(&plain, &f, redirect_tcp, -1, &r);
		assert_true(r.meta.flags & XTCP_META_F_TCP_CSUM_OK);
	}
}

static void test_drop_source_address_not_unicast(void **state)
{
	static const uint8_t bad4[][4] = { { 0 },
					   { 127, 0, 0, 1 },
					   { 127, 255, 255, 255 },
					   { 224, 0, 0, 1 },
					   { 239, 255, 255, 255 },
					   { 255, 255, 255, 255 } };
	static const uint8_t good4[][4] = {
		{ 126, 255, 255, 255 }, { 128, 0, 0, 1 }, { 223, 255, 255, 255 }, { 1, 0, 0, 0 }
	};
	static const uint8_t bad6[][16] = {
		{ 0 }, { [15] = 1 }, { 0xff, 2, [15] = 1 }, { [10] = 0xff, 0xff, 10, 0, 0, 2 }
	};
	static const uint8_t good6[][16] = { { 0xfe, 0x80, [15] = 1 }, { [15] = 2 }, { 0x20, 1, [15] = 1 } };
	struct frame_spec s = ours(4, SYN);

	for (size_t i = 0; i < sizeof(bad4) / 4; i++) {
		s.src = bad4[i];
		frame_tcp(&f, &s);
		kit_expect(&plain, &f, drop_src_addr);
	}
	for (size_t i = 0; i < sizeof(good4) / 4; i++) {
		s.src = good4[i];
		frame_tcp(&f, &s);
		kit_expect(&plain, &f, redirect_tcp);
	}
	s = ours(6, SYN);
	for (size_t i = 0; i < sizeof(bad6) / 16; i++) {
		s.src = bad6[i];
		frame_tcp(&f, &s);
		kit_expect(&plain, &f, drop_src_addr);
	}
	for (size_t i = 0; i < sizeof(good6) / 16; i++) {
		s.src = good6[i];
		frame_tcp(&f, &s);
		kit_expect(&plain, &f, redirect_tcp);
	}
}

static void test_drop_land(void **state)
{
	struct frame_spec s;
	int family;

	for_family(family)
	{
		s = ours(family, SYN);
		s.src = s.dst;
		frame_tcp(&f, &s);
		kit_expect(&plain, &f, drop_land);
	}
	s = ours(4, SYN);
	s.src = other4; /* another of ours */
	frame_tcp(&f, &s);
	kit_expect(&plain, &f, drop_land);
}

static void test_drop_source_port_zero(void **state)
{
	struct frame_spec s;
	int family;

	for_family(family)
	{
		s = ours(family, SYN);
		s.sport = 0;
		frame_tcp(&f, &s);
		kit_expect(&plain, &f, drop_src_port);
	}
}

static void test_drop_data_offset_wrong(void **state)
{
	struct frame_spec s;
	int family;

	for_family(family)
	{
		for (unsigned int doff = 0; doff < 16; doff++) {
			s = ours(family, ACK);
			s.payload = 20; /* so offsets 5 to 10 fit */
			frame_tcp(&f, &s);
			f.b[f.l4 + 12] = (uint8_t)(doff << 4);
			if (doff < 5 || doff > 10) {
				kit_expect(&plain, &f, drop_tcp_doff);
				continue;
			}
			kit_expect_also(&plain, &f, redirect_tcp, -1, &r);
			assert_int_equal(r.meta.payload_off, f.l4 + doff * 4);
		}
	}
}

static void test_drop_data_offset_into_padding(void **state)
{
	struct frame_spec s;
	int family;

	for_family(family)
	{
		s = ours(family, ACK);
		frame_tcp(&f, &s);
		f.b[f.l4 + 12] = 6 << 4;
		f.len += 40;
		kit_expect(&plain, &f, drop_tcp_doff);
	}
}

static int flags_stat(unsigned int flags)
{
	if (!(flags & (SYN | ACK | RST | FIN)))
		return XTCP_XDP_drop_tcp_flags_none;
	if ((flags & SYN) && (flags & FIN) && !(flags & ACK))
		return XTCP_XDP_drop_tcp_syn_fin;
	if ((flags & SYN) && (flags & RST))
		return XTCP_XDP_drop_tcp_syn_rst;
	if ((flags & FIN) && !(flags & ACK))
		return XTCP_XDP_drop_tcp_fin_no_ack;
	return XTCP_XDP_redirect_tcp;
}

static void test_flags_every_combination(void **state)
{
	int family;

	for_family(family)
	{
		for (unsigned int flags = 0; flags < 512; flags++) {
			build(family, (uint16_t)flags);
			kit_expect_at(&plain, &f, flags_stat(flags), -1, NULL, __FILE__, __LINE__);
		}
	}
}

static void test_order_of_checks_names_the_first(void **state)
{
	struct frame_spec s = ours(4, 0);

	s.src = local4;
	s.sport = 0;
	frame_tcp(&f, &s);
	f.b[f.l4 + 12] = 0;
	kit_expect(&plain, &f, drop_land);
	set_ip_len(100);
	kit_expect(&plain, &f, drop_ip_len);
	f.b[f.l3 + 10] ^= 1;
	kit_expect(&plain, &f, drop_ip4_csum);
}

/* ---- checksums ---- */

static void test_csum_handshake_good_and_every_wrong_bit(void **state)
{
	static const uint8_t flags[] = { SYN, SYN | ACK };
	struct frame_spec s;
	int family;

	for_family(family)
	{
		for (int i = 0; i < 2; i++) {
			s = ours(family, flags[i]);
			s.tcp_opts = 20;
			frame_tcp(&f, &s);
			kit_expect_also(&plain, &f, redirect_tcp, -1, &r);
			assert_true(r.meta.flags & XTCP_META_F_TCP_CSUM_OK);
			for (size_t bit = 0; bit < 16; bit++) {
				frame_tcp(&f, &s);
				f.b[f.l4 + 16 + bit / 8] ^= (uint8_t)(1 << bit % 8);
				kit_expect(&plain, &f, drop_tcp_csum);
			}
		}
	}
}

static void test_csum_handshake_payload_of_any_length(void **state)
{
	struct frame_spec s;
	int family;

	for_family(family)
	{
		s = ours(family, SYN);
		for (s.payload = 0; s.payload <= 240; s.payload++) {
			frame_tcp(&f, &s);
			kit_expect_also(&plain, &f, redirect_tcp, -1, &r);
			assert_int_equal(!!(r.meta.flags & XTCP_META_F_TCP_CSUM_OK), s.payload <= 236);
			f.b[f.len - 1] ^= 1;
			if (s.payload <= 236 && s.payload > 0)
				kit_expect(&plain, &f, drop_tcp_csum);
			else if (s.payload > 236)
				kit_expect(&plain, &f, redirect_tcp); /* the engine's to sum */
		}
	}
}

static void test_csum_of_data_is_left_to_the_engine(void **state)
{
	int family;

	for_family(family)
	{
		build(family, ACK);
		f.b[f.l4 + 16] ^= 1;
		kit_expect_also(&plain, &f, redirect_tcp, -1, &r);
		assert_false(r.meta.flags & (XTCP_META_F_TCP_CSUM_OK | XTCP_META_F_TCP_PARTIAL));
	}
}

static void test_csum_partial_on_a_virtual_link(void **state)
{
	static const uint8_t flags[] = { SYN, ACK, RST, ACK | FIN };
	struct frame_spec s;
	int family;

	for_family(family)
	{
		for (size_t i = 0; i < sizeof(flags); i++) {
			s = ours(family, flags[i]);
			s.payload = 101;
			frame_tcp(&f, &s);
			put16(f.b + f.l4 + 16, frame_pseudo(&f, 6, f.len - f.l4));
			kit_expect_also(&virt, &f, redirect_tcp, XTCP_XDP_partial_csum, &r);
			assert_true(r.meta.flags & XTCP_META_F_TCP_PARTIAL);
			assert_false(r.meta.flags & XTCP_META_F_TCP_CSUM_OK);
			if (flags[i] & SYN)
				kit_expect(&plain, &f, drop_tcp_csum);
			else
				kit_expect(&plain, &f, redirect_tcp);
			f.b[f.l4 + 17] ^= 1;
			if (flags[i] & SYN)
				kit_expect(&virt, &f, drop_tcp_csum);
			else
				kit_expect(&virt, &f, redirect_tcp);
		}
		build(family, SYN); /* a full checksum is good on a virtual link too */
		kit_expect_also(&virt, &f, redirect_tcp, -1, &r);
		assert_true(r.meta.flags & XTCP_META_F_TCP_CSUM_OK);
	}
}

/* ---- cut short ---- */

/* What a frame of this many bytes must come to, from the offsets of its headers alone. */
static int truncated_stat(const struct frame *whole, size_t len)
{
	if (len < whole->l3)
		return XTCP_XDP_pass_short;
	if (len < (whole->family == 4 ? whole->l4 : whole->l3 + 40) || len < whole->l4)
		return XTCP_XDP_pass_bad_ip;
	if (len < whole->l4 + 4)
		return XTCP_XDP_pass_bad_ip;
	return len < whole->len ? XTCP_XDP_drop_ip_len : XTCP_XDP_redirect_tcp;
}

static void test_truncated_at_every_byte(void **state)
{
	static struct frame cut;
	struct frame_spec s;
	int family;

	for_family(family)
	{
		for (int plainly = 0; plainly <= 1; plainly++) {
			s = ours(family, SYN);
			s.payload = 33;
			if (!plainly) {
				s.vlans = 2;
				s.ip_opts = 12;
				s.tcp_opts = 12;
				s.exts = 2;
				s.ext[0].type = 0;
				s.ext[1].type = 60;
				s.ext[1].hdrlen = 1;
			}
			frame_tcp(&f, &s);
			for (size_t len = 14; len <= f.len; len++) {
				cut = f;
				cut.len = len;
				kit_expect_at(&plain, &cut, truncated_stat(&f, len), -1, NULL, __FILE__, __LINE__);
			}
		}
	}
}

static void test_truncated_icmp_never_redirects_short_quotes(void **state)
{
	static struct frame cut;
	int family;

	for_family(family)
	{
		struct frame_spec s = ours(family, 0), q = sent(family);

		frame_icmp(&f, &s, family == 4 ? 3 : 1, &q);
		kit_expect(&plain, &f, redirect_icmp);
		for (size_t len = f.l4; len < f.len; len++) {
			cut = f;
			cut.len = len;
			kit_expect(&plain, &cut, pass_icmp);
		}
	}
}

/* ---- ICMP ---- */

static void test_icmp_types(void **state)
{
	int family;

	for_family(family)
	{
		struct frame_spec s = ours(family, 0), q = sent(family);

		for (unsigned int type = 0; type < 256; type++) {
			int error = family == 4 ? type == 3 || type == 11 || type == 12 : type >= 1 && type <= 4;

			frame_icmp(&f, &s, (uint8_t)type, &q);
			if (error)
				kit_expect(&plain, &f, redirect_icmp);
			else
				kit_expect(&plain, &f, pass_icmp);
		}
	}
}

static void test_icmp_metadata(void **state)
{
	int family;

	for_family(family)
	{
		struct frame_spec s = ours(family, 0), q = sent(family);

		s.vlans = 1;
		q.ip_opts = family == 4 ? 8 : 0;
		frame_icmp(&f, &s, family == 4 ? 3 : 2, &q);
		kit_expect_also(&plain, &f, redirect_icmp, -1, &r);
		assert_int_equal(r.meta.magic, XTCP_META_MAGIC);
		assert_int_equal(r.meta.l3_off, f.l3);
		assert_int_equal(r.meta.l4_off, f.l4);
		assert_int_equal(r.meta.payload_off, f.l4 + 8);
		assert_int_equal(r.meta.flags, XTCP_META_F_ICMP | (family == 4 ? XTCP_META_F_IP_CSUM_OK : 0));
	}
}

static void test_icmp_that_is_not_about_us_passes(void **state)
{
	int family;

	for_family(family)
	{
		struct frame_spec s = ours(family, 0), q = sent(family);
		uint8_t type = family == 4 ? 3 : 1;
		size_t quoted;

		q.sport = 79;
		frame_icmp(&f, &s, type, &q);
		kit_expect(&plain, &f, pass_icmp);
		q = sent(family);
		q.src = family == 4 ? remote4 : remote6;
		frame_icmp(&f, &s, type, &q);
		kit_expect(&plain, &f, pass_icmp);
		q = sent(family);
		s.dst = family == 4 ? other4 : other6; /* not the quoted source */
		frame_icmp(&f, &s, type, &q);
		kit_expect(&plain, &f, pass_icmp);
		s = ours(family, 0);
		frame_icmp(&f, &s, type, &q);
		quoted = f.l4 + 8;
		f.b[quoted + (family == 4 ? 9 : 6)] = 17; /* UDP quoted */
		kit_expect(&plain, &f, pass_icmp);
		frame_icmp(&f, &s, type, &q);
		f.b[quoted] ^= 0x20; /* version */
		kit_expect(&plain, &f, pass_icmp);
		frame_icmp(&f, &s, type, &q);
		f.b[0] |= 1; /* group MAC */
		kit_expect(&plain, &f, pass_icmp);
	}
}

static void test_icmp4_malformed_passes(void **state)
{
	struct frame_spec s = ours(4, 0), q = sent(4);

	frame_icmp(&f, &s, 3, &q);
	f.b[f.l3 + 10] ^= 1; /* outer checksum */
	kit_expect(&plain, &f, pass_icmp);
	frame_icmp(&f, &s, 3, &q);
	f.b[f.l4 + 8] = 0x44; /* quoted header length */
	kit_expect(&plain, &f, pass_icmp);
	frame_icmp(&f, &s, 3, &q);
	f.b[f.l4 + 8 + 7] = 9; /* a later fragment quoted */
	kit_expect(&plain, &f, pass_icmp);
	frame_icmp(&f, &s, 3, &q);
	set_ip_len((int)(f.len - f.l4) + 1); /* cut short behind what is quoted */
	kit_expect(&plain, &f, pass_icmp);
	s.frag = 0x2000; /* the error itself is a fragment */
	frame_icmp(&f, &s, 3, &q);
	kit_expect(&plain, &f, pass_icmp);
}

/* ---- metadata, flows, frames of several buffers ---- */

static void test_meta_of_a_segment(void **state)
{
	int family;

	for_family(family)
	{
		build(family, ACK | PSH);
		kit_expect_also(&plain, &f, redirect_tcp, -1, &r);
		assert_int_equal(r.meta.magic, XTCP_META_MAGIC);
		assert_int_equal(r.meta.l3_off, f.l3);
		assert_int_equal(r.meta.l4_off, f.l4);
		assert_int_equal(r.meta.payload_off, f.payload);
		assert_int_equal(r.meta.flags, XTCP_META_F_SANE | (family == 4 ? XTCP_META_F_IP_CSUM_OK : 0));
		assert_int_equal(r.meta.conn_hint, 0);
		assert_int_equal(r.meta.rx_ns, 0);
	}
}

static void test_meta_without_room_is_left_out(void **state)
{
	int err;

	build(4, ACK);
	err = kit_run(&plain, f.b, f.len, 216, &r); /* newer kernels: what the headroom holds */
	if (err)
		err = kit_run(&plain, f.b, f.len, 32, &r); /* before: 32 bytes */
	assert_int_equal(err, 0);
	assert_int_equal(r.verdict, XDP_REDIRECT);
	assert_int_equal(r.moved[XTCP_XDP_no_meta], 1);
	assert_int_equal(r.moved[XTCP_XDP_redirect_tcp], 1);
}

static struct xtcp_flow *flow_place(const struct xtcp_flow *flow, unsigned int probe)
{
	uint32_t h = xtcp_flow_hash(&flow->local, &flow->remote, flow->local_port, flow->remote_port, KIT_KEY);

	return &plain.flows[(h + probe) & (XTCP_FLOWS - 1)];
}

static struct xtcp_flow flow_of(int family, uint32_t conn)
{
	struct xtcp_flow flow = { .conn = conn };
	uint16_t lport = 80, rport = 40000;

	put16((uint8_t *)&flow.local_port, lport);
	put16((uint8_t *)&flow.remote_port, rport);
	kit_addr(&flow.local, family, family == 4 ? local4 : local6);
	kit_addr(&flow.remote, family, family == 4 ? remote4 : remote6);
	return flow;
}

static void test_flow_found_at_each_probe(void **state)
{
	struct xtcp_flow flow;
	int family;

	for_family(family)
	{
		flow = flow_of(family, 1234);
		build(family, ACK);
		for (unsigned int probe = 0; probe < XTCP_FLOW_PROBES; probe++) {
			*flow_place(&flow, probe) = flow;
			kit_expect_also(&plain, &f, redirect_tcp, XTCP_XDP_flow_hit, &r);
			assert_int_equal(r.meta.conn_hint, 1234);
			memset(flow_place(&flow, probe), 0, sizeof(flow));
		}
		*flow_place(&flow, XTCP_FLOW_PROBES) = flow; /* too far */
		kit_expect(&plain, &f, redirect_tcp);
		memset(flow_place(&flow, XTCP_FLOW_PROBES), 0, sizeof(flow));
	}
}

static void test_flow_without_socket_is_not_left_to_the_kernels_rst(void **state)
{
	struct xtcp_flow flow = flow_of(4, 5u << XTCP_FLOW_ENGINE_SHIFT | 1);

	*flow_place(&flow, 0) = flow;
	build(4, ACK);
	kit_expect_also(&plain, &f, redirect_tcp, XTCP_XDP_flow_hit, &r);
	assert_int_equal(r.meta.conn_hint, flow.conn);
	kit_socket(&plain, 0);
	kit_expect(&plain, &f, drop_no_socket);
	flow_place(&flow, 0)->conn = XTCP_FLOW_BUSY;
	kit_expect(&plain, &f, pass_no_socket);
	assert_int_equal(kit_socket(&plain, 1), 0);
	kit_expect(&plain, &f, redirect_tcp);
	memset(flow_place(&flow, 0), 0, sizeof(flow));
}

static void test_flow_near_misses_give_no_hint(void **state)
{
	struct xtcp_flow flow = flow_of(4, 7), near;
	struct xtcp_flow *place = flow_place(&flow, 0);

	build(4, ACK);
	for (size_t byte = 0; byte < offsetof(struct xtcp_flow, conn); byte++) {
		near = flow;
		((uint8_t *)&near)[byte] ^= 1;
		*place = near;
		kit_expect(&plain, &f, redirect_tcp);
	}
	*place = flow;
	place->conn = 0;
	kit_expect(&plain, &f, redirect_tcp);
	memset(place, 0, sizeof(*place));
}

static void test_flow_found_for_icmp(void **state)
{
	int family;

	for_family(family)
	{
		struct frame_spec s = ours(family, 0), q = sent(family);
		struct xtcp_flow flow = flow_of(family, 99);
		static const uint8_t router4[4] = { 192, 0, 2, 1 };

		s.src = family == 4 ? router4 : other6;
		*flow_place(&flow, 1) = flow;
		frame_icmp(&f, &s, family == 4 ? 11 : 3, &q);
		kit_expect_also(&plain, &f, redirect_icmp, XTCP_XDP_flow_hit, &r);
		assert_int_equal(r.meta.conn_hint, 99);
		memset(flow_place(&flow, 1), 0, sizeof(flow));
	}
}

static void test_frame_of_several_buffers(void **state)
{
	struct frame_spec s;
	int family;

	for_family(family)
	{
		s = ours(family, ACK);
		s.payload = 9000;
		frame_tcp(&f, &s);
		kit_expect_also(&plain, &f, redirect_tcp, -1, &r);
		assert_int_equal(r.meta.payload_off, f.payload);
		f.len--;
		kit_expect(&plain, &f, drop_ip_len);
		s.flags = SYN; /* too long to sum here */
		frame_tcp(&f, &s);
		f.b[f.l4 + 16] ^= 1;
		kit_expect(&plain, &f, redirect_tcp);
	}
}

/* ---- reports of drops, the table for people ---- */

static int on_event(void *ctx, void *data, size_t size)
{
	assert_int_equal(size, sizeof(struct xtcp_drop_event));
	memcpy(ctx, data, size);
	return 0;
}

static void test_event_holds_the_dropped_frame(void **state)
{
	struct xtcp_drop_event ev = { 0 };
	struct ring_buffer *rb = ring_buffer__new(bpf_map__fd(plain.skel->maps.events), on_event, &ev, NULL);
	struct frame_spec s = ours(4, SYN);

	assert_non_null(rb);
	ring_buffer__consume(rb);
	s.sport = 0;
	for (s.payload = 0; s.payload <= 300; s.payload += 20) {
		size_t n;

		frame_tcp(&f, &s);
		n = f.len < XTCP_EVENT_BYTES ? f.len : XTCP_EVENT_BYTES;
		kit_expect(&plain, &f, drop_src_port);
		assert_int_equal(ring_buffer__consume(rb), 1);
		assert_int_equal(ev.reason, XTCP_XDP_drop_src_port);
		assert_int_equal(ev.frame_len, f.len);
		assert_memory_equal(ev.head, f.b, n);
		for (size_t i = n; i < XTCP_EVENT_BYTES; i++)
			assert_int_equal(ev.head[i], 0);
		assert_true(ev.ktime_ns > 0);
	}
	build(4, SYN);
	kit_expect(&plain, &f, redirect_tcp);
	assert_int_equal(ring_buffer__consume(rb), 0);
	ring_buffer__free(rb);
}

static void test_event_one_in_n(void **state)
{
	struct xtcp_drop_event ev = { 0 };
	struct ring_buffer *rb = ring_buffer__new(bpf_map__fd(virt.skel->maps.events), on_event, &ev, NULL);
	int n = 0;

	assert_non_null(rb);
	ring_buffer__consume(rb);
	build(6, 0);
	for (int i = 0; i < 40; i++) {
		kit_expect(&virt, &f, drop_tcp_flags_none);
		n += ring_buffer__consume(rb);
	}
	/* One in 8 on each processor; the test may have moved between some. */
	assert_in_range(n, 1, 5 + libbpf_num_possible_cpus());
	ring_buffer__free(rb);
}

static void test_flow_table_prints_one_line_a_flow(void **state)
{
	union bpf_iter_link_info info = { .map.map_fd = (uint32_t)bpf_map__fd(plain.skel->maps.flows) };
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &info, .link_info_len = sizeof(info));
	struct xtcp_flow four = flow_of(4, 8), six = flow_of(6, 13);
	struct bpf_link *link;
	char text[1024] = "";
	int fd;
	FILE *in;

	if (!plain.has_iter) {
		print_message("this kernel does not let the iterator load\n");
		skip();
	}
	*flow_place(&four, 0) = four;
	*flow_place(&six, 0) = six;
	link = bpf_program__attach_iter(plain.skel->progs.xtcp_flow_table, &opts);
	assert_non_null(link);
	fd = bpf_iter_create(bpf_link__fd(link));
	in = fdopen(fd, "r");
	assert_non_null(in);
	assert_true(fread(text, 1, sizeof(text) - 1, in) > 0);
	assert_non_null(strstr(text, "10.0.0.1:80 10.0.0.2:40000 conn 7 engine 0\n"));
	assert_non_null(strstr(text, "[fd00:0000:0000:0000:0000:0000:0000:0001]:80 "
				     "[fd00:0000:0000:0000:0000:0000:0000:0002]:40000 conn 12 engine 0\n"));
	fclose(in);
	bpf_link__destroy(link);
	memset(flow_place(&four, 0), 0, sizeof(four));
	memset(flow_place(&six, 0), 0, sizeof(six));
}

/* ---- last ---- */

static void test_every_counter_was_seen_to_move(void **state)
{
	int missing = 0;

	for (int i = 0; i < XTCP_XDP_STATS; i++) {
		if (!kit_seen[i]) {
			fprintf(stderr, "no test moves %s\n", kit_stat_name[i]);
			missing++;
		}
	}
	assert_int_equal(missing, 0);
}

static int own_all(struct kit *k)
{
	int err = kit_own_addr(k, 4, local4, 3);

	err |= kit_own_addr(k, 6, local6, 5);
	err |= kit_own_addr(k, 4, other4, 63);
	kit_own_port(k, 80, 1ull << 3 | 1ull << 5);
	kit_own_port(k, 81, 1ull << 63);
	return err;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_vlan_cut_short_passes),
		cmocka_unit_test(test_parse_other_ethertypes_pass),
		cmocka_unit_test(test_parse_vlan_up_to_two_tags_are_ours),
		cmocka_unit_test(test_parse_ip_header_malformed_passes),
		cmocka_unit_test(test_classify_other_protocols_pass),
		cmocka_unit_test(test_classify_other_address_passes),
		cmocka_unit_test(test_classify_mapped_destination_is_not_the_ip4_address),
		cmocka_unit_test(test_classify_group_mac_passes),
		cmocka_unit_test(test_classify_other_port_passes),
		cmocka_unit_test(test_classify_port_bits_are_per_address),
		cmocka_unit_test(test_classify_no_socket_passes_without_metadata),
		cmocka_unit_test(test_fragment_first_dropped_later_passed),
		cmocka_unit_test(test_ip4_options_are_skipped),
		cmocka_unit_test(test_ip6_extension_headers_are_walked),
		cmocka_unit_test(test_ip6_headers_behind_the_first_page_pass),
		cmocka_unit_test(test_drop_ip4_checksum_wrong),
		cmocka_unit_test(test_drop_ip_length_wrong),
		cmocka_unit_test(test_padding_is_no_payload),
		cmocka_unit_test(test_drop_source_address_not_unicast),
		cmocka_unit_test(test_drop_land),
		cmocka_unit_test(test_drop_source_port_zero),
		cmocka_unit_test(test_drop_data_offset_wrong),
		cmocka_unit_test(test_drop_data_offset_into_padding),
		cmocka_unit_test(test_flags_every_combination),
		cmocka_unit_test(test_order_of_checks_names_the_first),
		cmocka_unit_test(test_csum_handshake_good_and_every_wrong_bit),
		cmocka_unit_test(test_csum_handshake_payload_of_any_length),
		cmocka_unit_test(test_csum_of_data_is_left_to_the_engine),
		cmocka_unit_test(test_csum_partial_on_a_virtual_link),
		cmocka_unit_test(test_truncated_at_every_byte),
		cmocka_unit_test(test_truncated_icmp_never_redirects_short_quotes),
		cmocka_unit_test(test_icmp_types),
		cmocka_unit_test(test_icmp_metadata),
		cmocka_unit_test(test_icmp_that_is_not_about_us_passes),
		cmocka_unit_test(test_icmp4_malformed_passes),
		cmocka_unit_test(test_meta_of_a_segment),
		cmocka_unit_test(test_meta_without_room_is_left_out),
		cmocka_unit_test(test_flow_found_at_each_probe),
		cmocka_unit_test(test_flow_near_misses_give_no_hint),
		cmocka_unit_test(test_flow_without_socket_is_not_left_to_the_kernels_rst),
		cmocka_unit_test(test_flow_found_for_icmp),
		cmocka_unit_test(test_frame_of_several_buffers),
		cmocka_unit_test(test_event_holds_the_dropped_frame),
		cmocka_unit_test(test_event_one_in_n),
		cmocka_unit_test(test_flow_table_prints_one_line_a_flow),
		cmocka_unit_test(test_every_counter_was_seen_to_move),
	};
	int rc = kit_open(&plain, (struct xtcp_xdp_conf){ .drop_sample = 1, .flow_key = KIT_KEY });

	if (!rc)
		rc = kit_open(&virt, (struct xtcp_xdp_conf){ .partial_csum_ok = 1, .drop_sample = 8 });
	if (rc)
		return rc;
	if (own_all(&plain) || own_all(&virt))
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	kit_close(&virt);
	kit_close(&plain);
	return rc;
}
