// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fuzz_wire.c - the parsers of headers and options on any bytes, in memory of exactly
 * their size, held to the invariants that wire.h promises.
 *
 * Input: byte 0 the bytes missing from the first fragment (they lie in later ones, and
 * the frame's length counts them), the rest the frame.
 */
#include "fuzz.h"
#include "tcp/tcp.h"
#include "xtcp/wire.h"

static void check_options(const uint8_t *p, size_t len)
{
	uint8_t *copy = malloc(len);
	struct tcp_opts o;

	if (len)
		memcpy(copy, p, len);
	memset(&o, 0xa5, sizeof(o));
	tcp_options_parse(copy, len, &o);
	free(copy);
	fuzz_check(!(o.present & 0x60));
	fuzz_check(o.nsack <= TCP_SACK_MAX);
	fuzz_check(o.nsack == 0 || o.present & TCP_OPT_SACK);
}

static void check_tcp(const uint8_t *data, const uint8_t *end, uint32_t frame_len, const struct wire_ip *ip)
{
	struct wire_tcp tcp;

	memset(&tcp, 0xa5, sizeof(tcp));
	if (wire_parse_tcp(data, end, ip, &tcp) != WIRE_OK)
		return;
	fuzz_check(tcp.doff >= 20 && tcp.doff <= 60);
	fuzz_check(ip->l4_off + tcp.doff <= end - data);
	fuzz_check(tcp.payload_off + tcp.payload_len == ip->l4_off + ip->l4_len);
	fuzz_check(tcp.payload_off + tcp.payload_len <= frame_len);
	wire_flags_check(tcp.flags);
	check_options(data + ip->l4_off + 20, tcp.doff - 20u);
}

static void check_frame(const uint8_t *data, const uint8_t *end, uint32_t frame_len)
{
	struct wire_ip ip;
	enum wire_result r;

	memset(&ip, 0xa5, sizeof(ip));
	r = wire_parse_ip(data, end, frame_len, &ip);
	if (r != WIRE_OK && r != WIRE_BAD_LEN)
		return;
	fuzz_check(ip.family == WIRE_IP4 || ip.family == WIRE_IP6);
	fuzz_check(ip.l3_off < ip.l4_off && ip.l4_off <= WIRE_L4_OFF_MAX && ip.fragment <= 2);
	fuzz_check(ip.l4_off <= end - data);
	wire_source_bad(&ip);
	wire_pseudo_sum(&ip);
	if (ip.family == WIRE_IP4)
		wire_ip4_csum_ok(data, end, ip.l3_off);
	if (r == WIRE_BAD_LEN)
		return;
	fuzz_check(ip.l4_off + ip.l4_len <= frame_len);
	check_tcp(data, end, frame_len, &ip);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = { data, size };
	uint32_t missing = take8(&b);
	size_t frame_len = b.left, len;
	uint8_t *frame;

	if (frame_len > 65535)
		return 0;
	check_options(b.p, frame_len);
	check_options(b.p, frame_len < TCP_OPT_MAX ? frame_len : TCP_OPT_MAX);
	frame = take_copy(&b, missing < frame_len ? frame_len - missing : frame_len, &len);
	check_frame(frame, frame + len, (uint32_t)frame_len);
	free(frame);
	return 0;
}
