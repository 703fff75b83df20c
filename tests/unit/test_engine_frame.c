// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_engine_frame.c - engine/frame.c: headers field by field, payload over fragments; engine_kit checks the sums. */
#include "engine_kit.h"

#include "lib/csum.h"

static uint8_t l2[WIRE_ETH_LEN + 8] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00 };
static uint8_t bytes[9216];
static struct tcp_seg seg;

static struct frame_to to_v(int family, uint32_t l2_len)
{
	l2[l2_len - 2] = family ? 0x86 : 0x08;
	l2[l2_len - 1] = family ? 0xdd : 0x00;
	return (struct frame_to){ .l2 = l2,
				  .l2_len = l2_len,
				  .laddr = kit_addr(1, family),
				  .raddr = kit_addr(0, family),
				  .lport = wire_swap16(80),
				  .rport = wire_swap16(40000),
				  .flow_label = 0xfff54321 };
}

static void seg_init(uint32_t len)
{
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 11 + 3);
	memset(&seg, 0, sizeof(seg));
	seg.seq = 0xfffffff0u;
	seg.ack = 0x01020304;
	seg.wnd = 0xabcd;
	seg.flags = TCP_ACK | TCP_PSH;
	seg.ttl = 61;
	seg.tclass = 0xb8;
	seg.len = len;
	seg.nspans = len ? 1 : 0;
	seg.span[0] = (struct tcp_span){ .data = bytes, .len = len };
}

/* Build, send, and what came out; engine_kit has checked lengths and sums. */
static const struct kit_frame *send_seg(const struct frame_to *to)
{
	assert_int_equal(frame_build(eng(1), to, &seg), 0);
	assert_int_equal(eng(1)->out.len, to->l2_len + (addr_is_v4(to->raddr) ? 20 : 40) + 20 + seg.opt_len + seg.len);
	frame_commit(eng(1), &eng(1)->out);
	kit_turn(1);
	return kit_sent(1, 0);
}

static void tcp_header_is(const struct kit_frame *f, uint32_t payload)
{
	assert_int_equal(f->tcp.sport, wire_swap16(80));
	assert_int_equal(f->tcp.dport, wire_swap16(40000));
	assert_int_equal(f->tcp.seq, 0xfffffff0u);
	assert_int_equal(f->tcp.ack, 0x01020304);
	assert_int_equal(f->tcp.wnd, 0xabcd);
	assert_int_equal(f->tcp.flags, TCP_ACK | TCP_PSH);
	assert_int_equal(f->tcp.payload_len, payload);
	assert_memory_equal(f->data + f->tcp.payload_off, bytes, payload);
	assert_int_equal(f->ip.tclass, 0xb8);
	assert_int_equal(f->ip.ttl, 61);
	assert_int_equal(f->data[f->ip.l4_off + 12] & 15, 0);
}

/* RFC 9293: MUST-48, MUST-49, SHLD-22 */
static void test_frame_ipv4_is_an_atomic_datagram(void **state)
{
	struct frame_to to = to_v(0, 14);
	const struct kit_frame *f;

	seg_init(7);
	f = send_seg(&to);
	tcp_header_is(f, 7);
	assert_memory_equal(f->data, l2, 14);
	assert_int_equal(f->data[14], 0x45);
	assert_int_equal(wire_be32(f->data + 18), 0x4000); /* identification 0, DF, offset 0 */
	assert_true(addr_eq(&f->ip.saddr, kit_addr(1, 0)));
	assert_true(addr_eq(&f->ip.daddr, kit_addr(0, 0)));
}

/* RFC 9293: MUST-48, SHLD-22 */
static void test_frame_ipv6_carries_class_and_flow_label(void **state)
{
	struct frame_to to = to_v(1, 14);
	const struct kit_frame *f;

	seg_init(7);
	f = send_seg(&to);
	tcp_header_is(f, 7);
	assert_int_equal(wire_be32(f->data + 14), 0x6b854321); /* the label has twenty bits */
	assert_true(addr_eq(&f->ip.saddr, kit_addr(1, 1)));
	assert_true(addr_eq(&f->ip.daddr, kit_addr(0, 1)));
}

static void test_frame_tags_options_and_urgent_pointer_are_in_place(void **state)
{
	static const uint8_t tags[] = { 0x88, 0xa8, 0x60, 1, 0x81, 0, 0, 2 };

	for (int family = 0; family < 2; family++) {
		struct frame_to to = to_v(family, 22);
		const struct kit_frame *f;

		memcpy(l2 + 12, tags, 8);
		seg_init(3);
		seg.flags |= TCP_URG | TCP_AE | TCP_CWR;
		seg.urg = 0x1234;
		seg.opt_len = 40;
		memset(seg.opt, 1, 40);
		seg.opt[39] = 0;
		f = send_seg(&to);
		assert_int_equal(f->ip.vlan_tags, 2);
		assert_memory_equal(f->data, l2, 22);
		assert_int_equal(f->tcp.urg, 0x1234);
		assert_int_equal(f->tcp.flags, TCP_ACK | TCP_PSH | TCP_URG | TCP_AE | TCP_CWR);
		assert_int_equal(f->tcp.doff, 60);
		assert_memory_equal(f->data + f->ip.l4_off + 20, seg.opt, 40);
		assert_memory_equal(f->data + f->tcp.payload_off, bytes, 3);
		l2[12] = 0x08;
		l2[13] = 0;
	}
}

/* Around every border of a chunk, and every small length. */
/* RFC 9293: MUST-2 */
static void test_frame_payload_of_any_length_fills_fragments(void **state)
{
	kit_mtu(9000);
	for (int family = 0; family < 2; family++) {
		struct frame_to to = to_v(family, 14);
		uint32_t head = family ? 74 : 54;

		for (uint32_t len = 0; len <= 9000 - head + 14; len++) {
			uint32_t border = (len + head) % 4096;

			if (len > 70 && border > 3 && border < 4093)
				continue;
			seg_init(len);
			tcp_header_is(send_seg(&to), len);
		}
		seg_init(9000 - head + 14);
		tcp_header_is(send_seg(&to), 9000 - head + 14);
	}
}

/* Odd pieces: the sum goes on at an odd byte. */
static void test_frame_spans_of_any_split_are_joined(void **state)
{
	struct frame_to to = to_v(0, 14);

	kit_mtu(9000);
	for (uint32_t cut = 0; cut <= 101; cut++) {
		seg_init(101);
		seg.nspans = 2;
		seg.span[0].len = cut;
		seg.span[1] = (struct tcp_span){ .data = bytes + cut, .len = 101 - cut };
		tcp_header_is(send_seg(&to), 101);
	}
	for (uint32_t cut = 4096 - 54 - 3; cut < 4096 - 54 + 4; cut++) { /* beside a chunk's border */
		seg_init(8001);
		seg.nspans = 3;
		seg.span[0].len = cut;
		seg.span[1] = (struct tcp_span){ .data = bytes + cut, .len = 1 };
		seg.span[2] = (struct tcp_span){ .data = bytes + cut + 1, .len = 8000 - cut };
		tcp_header_is(send_seg(&to), 8001);
	}
}

static void test_frame_no_room_takes_nothing(void **state)
{
	struct frame_to to = to_v(0, 14);
	uint32_t free_before = eng(1)->frames->free, max = kp->side[1].port.tx_max;

	kit_mtu(9000);
	seg_init(8000); /* two chunks */
	kp->side[1].port.tx_max = 1;
	assert_int_equal(frame_build(eng(1), &to, &seg), -ENOBUFS);
	assert_int_equal(eng(1)->frames->free, free_before);
	assert_int_equal(stat_of(1, tx_frames), 0);
	kp->side[1].port.tx_max = max;
	send_seg(&to);
	assert_int_equal(stat_of(1, tx_frames), 1);
	assert_int_equal(stat_of(1, tx_bytes), 8054);
}

static uint32_t partial_seen;

static void partial_tap(void *arg, bool out, const struct io_pkt *pkt, const struct xtcp_addr *laddr, uint16_t lport,
			const struct xtcp_addr *raddr, uint16_t rport, const struct tcp_seg *s)
{
	const uint32_t *l4 = arg;

	assert_int_equal(pkt->has_meta, 1);
	assert_int_equal(pkt->meta.flags, XTCP_META_F_TCP_PARTIAL);
	assert_int_equal(pkt->meta.l3_off, 14);
	assert_int_equal(pkt->meta.l4_off, *l4);
	partial_seen++;
}

/* The port, which knows nothing of pseudo-headers, completes the sum; engine_kit checks what comes of it. */
static void test_frame_checksum_is_left_to_the_port(void **state)
{
	kit_mtu(9000);
	kp->side[1].port.port.tx_csum = true;
	for (int family = 0; family < 2; family++) {
		struct frame_to to = to_v(family, 14);
		uint32_t head = family ? 74 : 54, l4 = head - 20, n = 0;
		uint64_t before = stat_of(1, tx_csum_left);

		for (uint32_t len = 0; len <= 9000 - head + 14; len += len < 70 ? 1 : 997, n++) {
			uint16_t field, pseudo;

			seg_init(len);
			seg.nspans = len > 2 ? 2 : seg.nspans;
			seg.span[0].len = len > 2 ? len / 2 : len;
			seg.span[1] = (struct tcp_span){ .data = bytes + len / 2, .len = len - len / 2 };
			tcp_header_is(send_seg(&to), len);
			assert_int_equal(frame_build(eng(1), &to, &seg), 0);
			assert_int_equal(eng(1)->out.csum_start, l4);
			memcpy(&field, eng(1)->out.frag[0].data + l4 + 16, 2);
			pseudo = csum_fold(csum_pseudo(to.laddr->b, to.raddr->b, WIRE_IPPROTO_TCP, 20 + len));
			assert_int_equal(field, pseudo);
			eng(1)->port->ops->tx_cancel(eng(1)->port, &eng(1)->out);
		}
		assert_int_equal(stat_of(1, tx_csum_left), before + n);
		engine_set_tap(eng(1), partial_tap, &l4);
		partial_seen = 0;
		send_seg(&to);
		assert_int_equal(partial_seen, 1);
		engine_set_tap(eng(1), NULL, NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_frame_ipv4_is_an_atomic_datagram),
		TEST(test_frame_ipv6_carries_class_and_flow_label),
		TEST(test_frame_tags_options_and_urgent_pointer_are_in_place),
		TEST(test_frame_payload_of_any_length_fills_fragments),
		TEST(test_frame_spans_of_any_split_are_joined),
		TEST(test_frame_no_room_takes_nothing),
		TEST(test_frame_checksum_is_left_to_the_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
