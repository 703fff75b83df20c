// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_syn_text.c - a SYN with text and the Fast Open option (RFC 7413) on its way through the XDP program: it is the engine's
 * to judge, whole and unchanged; only what no SYN may be is dropped.
 */
#include <string.h>
#include <linux/bpf.h>
#include "kit.h"

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, URG = 32, ECE = 64, CWR = 128 };

#define TEXT_MAX 1400
#define SUMMED 256 /* bytes of TCP header and text that are summed before the engine sees them */

static struct kit plain, virt;
static struct frame f;
static struct kit_result r;

static const uint8_t local4[4] = { 10, 0, 0, 1 }, remote4[4] = { 10, 0, 0, 2 };
static const uint8_t local6[16] = { 0xfd, [15] = 1 }, remote6[16] = { 0xfd, [15] = 2 };
static const uint8_t cookie[12] = { 1, 1, 34, 10, 0xde, 0xad, 0xbe, 0xef, 5, 6, 7, 8 };
static const int families[] = { 4, 6 };
#define for_family(fam) for (const int *fp_ = families; fp_ < families + 2 && ((fam) = *fp_); fp_++)

static void build(int family, uint16_t flags, size_t text, int vlans)
{
	struct frame_spec s = { .family = family, .sport = 40000, .dport = 80, .flags = flags };

	s.src = family == 4 ? remote4 : remote6;
	s.dst = family == 4 ? local4 : local6;
	s.tcp_opts = sizeof(cookie);
	s.payload = text;
	s.vlans = vlans;
	frame_tcp(&f, &s);
	memcpy(f.b + f.l4 + 20, cookie, sizeof(cookie));
	frame_seal(&f);
}

static void arrives(struct kit *k, size_t text)
{
	size_t before = f.len;

	kit_expect_also(k, &f, redirect_tcp, -1, &r);
	assert_int_equal(r.len, before);
	assert_memory_equal(r.out, f.b, before); /* cookie and text are what the peer sent */
	assert_int_equal(r.meta.magic, XTCP_META_MAGIC);
	assert_int_equal(r.meta.payload_off, f.payload);
	assert_int_equal(f.len - r.meta.payload_off, text);
	assert_int_equal(!!(r.meta.flags & XTCP_META_F_TCP_CSUM_OK), 20 + sizeof(cookie) + text <= SUMMED);
}

static void test_syn_text_of_any_length_arrives(void **state)
{
	int family;

	for_family(family)
	{
		for (int vlans = 0; vlans <= 2; vlans++)
			for (size_t text = 0; text <= TEXT_MAX; text += text < 300 ? 1 : 97) {
				build(family, SYN, text, vlans);
				arrives(&plain, text);
			}
	}
}

static void test_syn_text_with_other_flags(void **state)
{
	int family;

	for_family(family)
	{
		static const uint16_t good[] = { SYN | PSH,   SYN | URG, SYN | ECE | CWR, SYN | PSH | ECE | CWR,
						 SYN | 0x100, SYN | ACK, SYN | ACK | PSH, SYN | FIN | ACK };

		for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
			build(family, good[i], 100, 0);
			arrives(&plain, 100);
		}
		build(family, SYN | FIN, 100, 0);
		kit_expect(&plain, &f, drop_tcp_syn_fin);
		build(family, SYN | RST, 100, 0);
		kit_expect(&plain, &f, drop_tcp_syn_rst);
	}
}

/* Any bit of option or text: a wrong sum is dropped where it is looked at, else left to the engine, which is told. */
static void test_syn_text_spoilt(void **state)
{
	int family;

	for_family(family)
	{
		build(family, SYN, 100, 0);
		for (size_t at = f.l4 + 20; at < f.len; at++) {
			f.b[at] ^= 0x10;
			kit_expect(&plain, &f, drop_tcp_csum);
			f.b[at] ^= 0x10;
		}
		build(family, SYN, 1000, 0);
		f.b[f.len - 1] ^= 0x10;
		kit_expect_also(&plain, &f, redirect_tcp, -1, &r);
		assert_false(r.meta.flags & XTCP_META_F_TCP_CSUM_OK);
	}
}

/* The option is the engine's to read: of whatever length it claims to be. */
static void test_syn_text_with_any_option_length(void **state)
{
	int family;

	for_family(family)
	{
		for (int len = 0; len < 256; len++) {
			build(family, SYN, 50, 0);
			f.b[f.l4 + 23] = (uint8_t)len;
			frame_seal(&f);
			arrives(&plain, 50);
		}
	}
}

static void test_syn_text_cut_short(void **state)
{
	int family;

	for_family(family)
	{
		build(family, SYN, 200, 0);
		for (f.len--; f.len >= f.payload; f.len -= 7)
			kit_expect(&plain, &f, drop_ip_len);
	}
}

/* Padding behind the packet is no text: of a SYN without any, and of one with some. */
static void test_syn_text_is_not_padding(void **state)
{
	for (size_t text = 0; text <= 4; text += 4) {
		build(4, SYN, text, 0);
		memset(f.b + f.len, 0x55, 12);
		f.len += 12;
		kit_expect_also(&plain, &f, redirect_tcp, -1, &r);
		assert_true(r.meta.flags & XTCP_META_F_TCP_CSUM_OK); /* summed without it */
		assert_int_equal(r.meta.payload_off, f.payload);
	}
}

/* A virtual link: the sender has left the sum to hardware that is not there. */
static void test_syn_text_with_a_partial_sum(void **state)
{
	int family;

	for_family(family)
	{
		for (size_t text = 10; text <= TEXT_MAX; text += 139) {
			build(family, SYN | PSH, text, 0);
			put16(f.b + f.l4 + 16, frame_pseudo(&f, 6, f.len - f.l4));
			kit_expect_also(&virt, &f, redirect_tcp, XTCP_XDP_partial_csum, &r);
			assert_true(r.meta.flags & XTCP_META_F_TCP_PARTIAL);
			assert_int_equal(r.meta.payload_off, f.payload);
		}
	}
}

static void test_syn_text_to_others_passes(void **state)
{
	int family;

	for_family(family)
	{
		build(family, SYN, 100, 0);
		put16(f.b + f.l4 + 2, 81);
		frame_seal(&f);
		kit_expect(&plain, &f, pass_not_our_port);
	}
}

static int own(struct kit *k)
{
	int err = kit_own_addr(k, 4, local4, 3);

	err |= kit_own_addr(k, 6, local6, 5);
	kit_own_port(k, 80, 1ull << 3 | 1ull << 5);
	return err;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_syn_text_of_any_length_arrives),
		cmocka_unit_test(test_syn_text_with_other_flags),
		cmocka_unit_test(test_syn_text_spoilt),
		cmocka_unit_test(test_syn_text_with_any_option_length),
		cmocka_unit_test(test_syn_text_cut_short),
		cmocka_unit_test(test_syn_text_is_not_padding),
		cmocka_unit_test(test_syn_text_with_a_partial_sum),
		cmocka_unit_test(test_syn_text_to_others_passes),
	};
	int rc = kit_open(&plain, (struct xtcp_xdp_conf){ .drop_sample = 1, .flow_key = KIT_KEY });

	if (!rc)
		rc = kit_open(&virt, (struct xtcp_xdp_conf){ .partial_csum_ok = 1, .drop_sample = 8 });
	if (rc)
		return rc;
	if (own(&plain) || own(&virt))
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	kit_close(&virt);
	kit_close(&plain);
	return rc;
}
