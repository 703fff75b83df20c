// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_engine_input.c - engine/input.c: what is a segment and whose it is; metadata is
 * a hint; tags come back; frames of many fragments; frames cut at every length.
 */
#include "engine_kit.h"

static uint8_t frame[KIT_FRAME];

/* What the frame added to a counter of side 1. */
#define added(name, do_it)                        \
	({                                        \
		uint64_t was_ = stat_of(1, name); \
		do_it;                            \
		stat_of(1, name) - was_;          \
	})

static void give(uint32_t len)
{
	kit_give(1, frame, len, NULL);
}

/* ---- tags ---- */

static void test_input_rst_to_tagged_frame_is_tagged(void **state)
{
	for (int family = 0; family < 2; family++) {
		for (int tags = 0; tags <= 2; tags++) {
			struct kit_seg s = { .family = family, .tags = tags, .dport = 81, .flags = TCP_SYN, .seq = 9 };
			const struct kit_frame *f;

			give(kit_tcp(frame, 1, &s));
			f = kit_sent(1, 0);
			assert_int_equal(f->ip.vlan_tags, tags);
			assert_memory_equal(f->data, frame + 6, 6);
			assert_memory_equal(f->data + 6, frame, 6);
			assert_memory_equal(f->data + 12, frame + 12, 2 + 4 * (size_t)tags);
			assert_int_equal(f->tcp.flags, TCP_RST | TCP_ACK);
			assert_int_equal(f->tcp.ack, 10);
			assert_int_equal(wire_swap16(f->tcp.sport), 81);
			assert_int_equal(wire_swap16(f->tcp.dport), 1000);
			assert_true(addr_eq(&f->ip.saddr, kit_addr(1, family)));
			assert_true(addr_eq(&f->ip.daddr, kit_addr(0, family)));
			assert_int_equal(f->ip.ttl, 64);
		}
	}
	assert_int_equal(stat_of(1, out_rsts), 6);
}

static void test_input_three_tags_are_not_ip(void **state)
{
	struct kit_seg s = { .tags = 2, .flags = TCP_SYN };
	uint32_t len = kit_tcp(frame, 1, &s);

	memmove(frame + 16, frame + 12, len - 12);
	assert_int_equal(added(in_malformed, give(len + 4)), 1);
}

/* ---- not for us ---- */

/* RFC 9293: MUST-57 */
static void test_input_destination_not_ours_is_silent(void **state)
{
	struct xtcp_addr other = addr_from_v4(htonl(0x0a090063)), broadcast = addr_from_v4(0xffffffffu);
	struct kit_seg s = { .dst = &other, .flags = TCP_SYN };

	kit_listen(80);
	assert_int_equal(added(in_not_for_us, give(kit_tcp(frame, 1, &s))), 1);
	s.dst = &broadcast;
	assert_int_equal(added(in_not_for_us, give(kit_tcp(frame, 1, &s))), 1);
	s = (struct kit_seg){ .flags = TCP_SYN };
	kit_tcp(frame, 1, &s);
	frame[0] |= 1; /* a multicast frame */
	assert_int_equal(added(in_not_for_us, give(54)), 1);
	assert_int_equal(kit_sent_count(1), 0);
}

static void test_input_mapped_address_in_ipv6_is_no_ipv4(void **state)
{
	struct kit_seg s = { .family = 1, .flags = TCP_SYN, .dst = kit_addr(1, 0) };

	kit_listen(80);
	assert_int_equal(added(in_not_for_us, give(kit_tcp(frame, 1, &s))), 1);
	s = (struct kit_seg){ .family = 1, .flags = TCP_SYN, .src = kit_addr(0, 0) };
	assert_int_equal(added(in_bad_addr, give(kit_tcp(frame, 1, &s))), 1);
	assert_int_equal(kit_sent_count(1), 0);
}

static void test_input_other_protocol_is_not_for_us(void **state)
{
	for (int family = 0; family < 2; family++) {
		struct kit_seg s = { .family = family, .flags = TCP_SYN };
		uint32_t len = kit_tcp(frame, 1, &s);

		frame[family ? 14 + 6 : 14 + 9] = 17;
		kit_sums(frame, len);
		assert_int_equal(added(in_not_for_us, give(len)), 1);
	}
	assert_int_equal(kit_sent_count(1), 0);
}

static void test_input_land_is_a_bad_address(void **state)
{
	kit_listen(80);
	for (int family = 0; family < 2; family++) {
		struct kit_seg s = { .family = family, .flags = TCP_SYN, .sport = 80 };

		s.src = kit_addr(1, family);
		assert_int_equal(added(in_bad_addr, give(kit_tcp(frame, 1, &s))), 1);
		s.sport = 81;
		s.dport = 82; /* nor is a RST sent to ourselves */
		assert_int_equal(added(in_bad_addr, give(kit_tcp(frame, 1, &s))), 1);
	}
	assert_int_equal(kit_sent_count(1), 0);
}

/* RFC 9293: MUST-57, MUST-63 */
static void test_input_source_no_unicast_comes_from_is_bad(void **state)
{
	static const char *const src[] = { "0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255",
					   "::",      "::1",	   "ff02::1" };

	kit_listen(80);
	for (size_t i = 0; i < 7; i++) {
		struct xtcp_addr a;
		struct kit_seg s = { .family = i > 3, .flags = TCP_SYN, .src = &a };

		assert_int_equal(addr_parse(src[i], &a), 0);
		assert_int_equal(added(in_bad_addr, give(kit_tcp(frame, 1, &s))), 1);
	}
	assert_int_equal(kit_sent_count(1), 0);
}

/* ---- malformed ---- */

/* RFC 9293: MUST-3 */
static void test_input_bad_checksum_is_counted_and_dropped(void **state)
{
	kit_listen(80);
	for (int family = 0; family < 2; family++) {
		struct kit_seg s = { .family = family, .flags = TCP_SYN, .len = 5 };
		uint32_t len = kit_tcp(frame, 1, &s), l4 = family ? 54 : 34;

		for (uint32_t at = l4 + 4; at < len; at++) { /* behind the ports */
			uint8_t was = frame[at];

			if (at - l4 == 12 || at - l4 == 13) /* flags and data offset are judged before */
				continue;
			frame[at] ^= 0x10;
			assert_int_equal(added(in_csum, give(len)), 1);
			frame[at] = was;
		}
	}
	assert_int_equal(kit_sent_count(1), 0);
}

static void test_input_bad_ip_header_checksum_is_malformed(void **state)
{
	struct kit_seg s = { .flags = TCP_SYN };
	struct xtcp_meta meta = { .magic = XTCP_META_MAGIC, .flags = XTCP_META_F_IP_CSUM_OK };
	uint32_t len = kit_tcp(frame, 1, &s);

	frame[14 + 8]--; /* as a router would that forgets the checksum */
	assert_int_equal(added(in_malformed, give(len)), 1);
	assert_int_equal(added(out_rsts, kit_give(1, frame, len, &meta)), 1);
}

static void test_input_port_zero_and_senseless_flags_are_malformed(void **state)
{
	static const uint8_t flags[] = {
		0, TCP_PSH, TCP_URG | TCP_PSH, TCP_SYN | TCP_FIN, TCP_SYN | TCP_RST, TCP_FIN, TCP_FIN | TCP_RST, 0xff
	};
	struct kit_seg s = { .flags = TCP_SYN };
	uint32_t len;

	kit_listen(80);
	for (size_t i = 0; i < sizeof(flags); i++) {
		s.flags = flags[i];
		assert_int_equal(added(in_malformed, give(kit_tcp(frame, 1, &s))), 1);
	}
	s.flags = TCP_SYN;
	for (uint32_t at = 34; at < 38; at += 2) {
		len = kit_tcp(frame, 1, &s);
		memset(frame + at, 0, 2);
		kit_sums(frame, len);
		assert_int_equal(added(in_malformed, give(len)), 1);
	}
	assert_int_equal(kit_sent_count(1), 0);
}

static void test_input_ip_fragment_is_malformed(void **state)
{
	static const uint8_t frag[][2] = { { 0x20, 0 }, { 0, 8 }, { 0x20, 8 } };
	struct kit_seg s = { .flags = TCP_SYN };

	kit_listen(80);
	for (size_t i = 0; i < 3; i++) {
		uint32_t len = kit_tcp(frame, 1, &s);

		memcpy(frame + 14 + 6, frag[i], 2);
		kit_sums(frame, len);
		assert_int_equal(added(in_malformed, give(len)), 1);
	}
	assert_int_equal(kit_sent_count(1), 0);
}

static void test_input_ethernet_padding_is_not_payload(void **state)
{
	uint64_t l = kit_listen(80), s;
	struct kit_seg syn = { .flags = TCP_SYN, .seq = 100 };
	const struct kit_frame *f;
	uint32_t len = kit_tcp(frame, 1, &syn);

	memset(frame + len, 0xaa, 6);
	give(len + 6);
	f = kit_sent(1, 0);
	assert_int_equal(f->tcp.flags, TCP_SYN | TCP_ACK);
	syn = (struct kit_seg){ .flags = TCP_ACK, .seq = 101, .ack = f->tcp.seq + 1 };
	len = kit_tcp(frame, 1, &syn);
	memset(frame + len, 0xaa, 6);
	give(len + 6);
	assert_int_equal(engine_accept(eng(1), l, &s), 0);
	assert_int_equal(engine_conn(eng(1), s)->rcv_nxt, 101);
	assert_int_equal(engine_conn(eng(1), s)->rcvq.len, 0);
}

/* ---- cut ---- */

/* A port that hands out one frame in memory of exactly its size, in fragments of exactly theirs. */
static struct io_port_ops exact_ops;
static const struct io_port_ops *true_ops;
static struct {
	const uint8_t *data;
	uint32_t len, cut; /* bytes of the first fragment; 0: all */
} exact;

static uint8_t *copy(const uint8_t *data, uint32_t len)
{
	uint8_t *p = malloc(len);

	if (len)
		memcpy(p, data, len);
	return p;
}

static int exact_rx(struct io_port *port, struct io_pkt *pkts, int max)
{
	uint32_t first = exact.cut ? exact.cut : exact.len;

	if (!exact.data)
		return 0;
	memset(pkts, 0, sizeof(*pkts));
	pkts->len = exact.len;
	pkts->nfrags = exact.len > first ? 2 : 1;
	pkts->frag[0].len = first;
	pkts->frag[0].data = copy(exact.data, first);
	if (pkts->nfrags == 2) {
		pkts->frag[1].len = exact.len - first;
		pkts->frag[1].data = copy(exact.data + first, exact.len - first);
	}
	exact.data = NULL;
	return 1;
}

static void exact_release(struct io_port *port, struct io_pkt *pkts, int n)
{
	for (int i = 0; i < n; i++)
		for (uint32_t f = 0; f < pkts[i].nfrags; f++)
			free(pkts[i].frag[f].data);
}

static void exact_give(const uint8_t *data, uint32_t len, uint32_t cut)
{
	exact.data = data;
	exact.len = len;
	exact.cut = cut < len ? cut : 0;
	kit_turn(1);
}

static void exact_begin(void)
{
	struct io_port *port = &kp->side[1].port.port;

	true_ops = port->ops;
	exact_ops = *true_ops;
	exact_ops.rx = exact_rx;
	exact_ops.rx_release = exact_release;
	port->ops = &exact_ops;
}

static void exact_end(void)
{
	kp->side[1].port.port.ops = true_ops;
}

static uint64_t dropped(void)
{
	return stat_of(1, in_malformed) + stat_of(1, in_csum) + stat_of(1, in_not_for_us) + stat_of(1, in_bad_addr);
}

static void cut_everywhere(const uint8_t *whole, uint32_t len)
{
	for (uint32_t n = 1; n < len; n++) {
		uint64_t was = dropped();

		exact_give(whole, n, 0); /* the end is missing */
		assert_int_equal(dropped(), was + 1);
	}
}

static void test_input_frame_cut_at_every_length_is_dropped(void **state)
{
	static const uint8_t opt[] = { 2, 4, 5, 180, 1, 3, 3, 7, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0 };

	kit_listen(80);
	exact_begin();
	for (int family = 0; family < 2; family++)
		for (int tags = 0; tags <= 2; tags++) {
			struct kit_seg s = { .family = family,
					     .tags = tags,
					     .flags = TCP_SYN,
					     .opt = opt,
					     .opt_len = sizeof(opt),
					     .len = 9 };

			cut_everywhere(frame, kit_tcp(frame, 1, &s));
		}
	exact_end();
	assert_int_equal(kit_sent_count(1), 0);
	assert_int_equal(stat_of(1, in_segs), 0);
}

/* The same when the IP length says that this is all: now and then it is a segment, if the data offset allows. */
static void test_input_short_ip_packets_never_read_past_their_end(void **state)
{
	exact_begin();
	for (int family = 0; family < 2; family++) {
		uint32_t l3 = family ? 54 : 34;

		for (uint32_t n = 0; n < 60; n++) {
			struct kit_seg s = { .family = family, .dport = 81, .flags = TCP_SYN, .len = 40 };

			kit_tcp(frame, 1, &s);
			for (uint32_t doff = 0; doff < 16; doff++) {
				frame[l3 + 12] = (uint8_t)(doff << 4);
				if (family)
					frame[14 + 5] = (uint8_t)n;
				else
					frame[14 + 3] = (uint8_t)(20 + n);
				kit_sums(frame, l3 + 60);
				exact_give(frame, l3 + n, 0);
			}
		}
	}
	exact_end();
	assert_int_equal(stat_of(1, in_segs), stat_of(1, out_rsts));
	assert_true(stat_of(1, in_segs) > 0);
	assert_int_equal(stat_of(1, in_csum), 0);
}

/* Headers must lie in the first fragment; payload may be cut anywhere, at odd places too. */
static void test_input_payload_cut_between_fragments_is_summed_and_read(void **state)
{
	uint64_t l = kit_listen(80), s;
	struct kit_seg seg = { .flags = TCP_SYN, .seq = 100 };
	uint32_t seq = 101, ack, len;
	uint8_t got[64];

	give(kit_tcp(frame, 1, &seg));
	ack = kit_sent(1, 0)->tcp.seq + 1;
	seg = (struct kit_seg){ .flags = TCP_ACK, .seq = seq, .ack = ack };
	give(kit_tcp(frame, 1, &seg));
	assert_int_equal(engine_accept(eng(1), l, &s), 0);
	exact_begin();
	for (uint32_t cut = 1; cut < 54 + 33; cut++) {
		seg = (struct kit_seg){ .flags = TCP_ACK, .seq = seq, .ack = ack, .len = 33 };
		len = kit_tcp(frame, 1, &seg);
		if (cut < 54) {
			assert_int_equal(added(in_malformed, exact_give(frame, len, cut)), 1);
			continue;
		}
		exact_give(frame, len, cut);
		assert_int_equal(tcp_recv(engine_env(eng(1)), engine_conn(eng(1), s), got, 64), 33);
		for (uint8_t i = 0; i < 33; i++)
			assert_int_equal(got[i], i);
		seq += 33;
	}
	exact_end();
	assert_int_equal(stat_of(1, in_csum), 0);
}

/* ---- large frames ---- */

static void test_input_frames_of_many_fragments_carry_a_stream(void **state)
{
	uint64_t c, s, at = 0;

	kit_mtu(9000);
	kit_join(1, 80, kit_listen(80), &c, &s);
	assert_int_equal(engine_conn(eng(0), c)->mss, 9000 - 60 - 12);
	kit_send(0, c, 200000);
	for (int i = 0; i < 200 && at < 200000; i++) {
		pair_settle(kp);
		kit_receive(1, s, &at);
	}
	assert_int_equal(at, 200000);
	assert_int_equal(stat_of(1, in_csum) + stat_of(1, in_malformed), 0);
	assert_int_equal(stat_of(0, retrans_segs), 0);
}

/* ---- metadata ---- */

/* The next segment of side 0's connection, by hand; off bytes further on. Its last frame was of this connection. */
static uint32_t next_seg(uint64_t c, int family, uint32_t off, uint32_t len)
{
	const struct tcp_conn *t = engine_conn(eng(0), c);
	const struct kit_frame *last = kit_sent(0, 0);
	struct kit_seg s = { .family = family, .flags = TCP_ACK, .seq = t->snd_nxt + off, .ack = t->rcv_nxt };

	assert_int_equal(last->tcp.sport, t->lport);
	s.sport = wire_swap16(t->lport);
	s.dport = wire_swap16(t->rport);
	s.opt = last->data + last->ip.l4_off + 20; /* its timestamps */
	s.opt_len = last->tcp.doff - 20u;
	s.len = len;
	return kit_tcp(frame, 1, &s);
}

static void test_input_hint_right_stale_or_forged_finds_the_connection(void **state)
{
	uint64_t l = kit_listen(80), c, s, dead_c, dead, other_c, other;
	struct xtcp_meta meta = { .magic = XTCP_META_MAGIC };

	kit_join(0, 80, l, &dead_c, &dead);
	kit_join(0, 80, l, &other_c, &other);
	engine_abort(eng(0), dead_c);
	kit_join(0, 80, l, &c, &s);
	assert_int_equal(kit_conn(1, dead)->life & CONN_HASHED, 0); /* a slot whose flow is gone */
	{
		const uint32_t hint[] = {
			(uint32_t)s, (uint32_t)dead, (uint32_t)other, 0, eng(1)->r->conns.fresh + 1, 64,
			65,	     DEMUX_TW | 1,   UINT32_MAX
		};
		const uint32_t n = sizeof(hint) / sizeof(hint[0]);

		for (uint32_t i = 0; i < n; i++) {
			meta.conn_hint = hint[i];
			kit_give(1, frame, next_seg(c, 0, i * 10, 10), &meta);
			assert_int_equal(tcp_cold_peek(engine_conn(eng(1), s))->account.bytes_received, (i + 1) * 10);
		}
	}
	assert_int_equal(engine_conn(eng(1), other)->segs_in, 2);
	assert_int_equal(stat_of(1, out_rsts), 0);
}

static void test_input_hint_to_what_went_into_time_wait_is_looked_up(void **state)
{
	struct xtcp_meta meta = { .magic = XTCP_META_MAGIC };
	uint64_t c, s, l = kit_listen(80), sent;
	struct kit_seg seg = { .flags = TCP_FIN | TCP_ACK };

	kit_join(0, 80, l, &c, &s);
	meta.conn_hint = (uint32_t)s;
	engine_close(eng(1), s);
	pair_settle(kp);
	engine_close(eng(0), c);
	pair_settle(kp);
	assert_int_equal(eng(1)->r->tws.used, 1);
	sent = kit_sent_count(1);
	seg.seq = kit_sent(0, 0)->tcp.seq - 1; /* the FIN again */
	seg.ack = kit_sent(0, 0)->tcp.ack;
	seg.sport = wire_swap16(kit_sent(0, 0)->tcp.sport);
	kit_give(1, frame, kit_tcp(frame, 1, &seg), &meta);
	assert_int_equal(kit_sent_count(1), sent + 1);
	assert_int_equal(kit_sent(1, 0)->tcp.flags, TCP_ACK);
	assert_int_equal(stat_of(1, out_rsts), 0);
}

static void test_input_hint_does_not_change_the_reply(void **state)
{
	struct xtcp_meta meta = { .magic = XTCP_META_MAGIC };
	struct kit_frame plain;

	kit_listen(80);
	for (int i = 0; i < 2; i++) { /* ACK of something never sent, to SYN-RECEIVED: RST */
		struct kit_seg seg = { .family = 1, .flags = TCP_SYN, .seq = 100 };
		struct kit_seg other = { .family = 1, .dport = 99, .flags = TCP_SYN };
		uint32_t ack;

		give(kit_tcp(frame, 1, &seg));
		ack = kit_sent(1, 0)->tcp.seq + 99;
		give(kit_tcp(frame, 1, &other)); /* somebody else meanwhile */
		seg = (struct kit_seg){ .family = 1, .flags = TCP_ACK, .seq = 101, .ack = ack };
		meta.conn_hint = eng(1)->r->conns.fresh;
		kit_give(1, frame, kit_tcp(frame, 1, &seg), i ? &meta : NULL);
		assert_int_equal(kit_sent(1, 0)->tcp.flags, TCP_RST);
		if (i)
			assert_memory_equal(kit_sent(1, 0)->data, plain.data, 14 + 40); /* its flow label too */
		plain = *kit_sent(1, 0);
		seg = (struct kit_seg){ .family = 1, .flags = TCP_RST, .seq = 101 };
		give(kit_tcp(frame, 1, &seg));
	}
}

static void test_input_checksum_flag_of_the_xdp_half_is_believed(void **state)
{
	struct xtcp_meta meta = { .magic = XTCP_META_MAGIC };
	struct kit_seg s = { .dport = 81, .flags = TCP_SYN };
	uint32_t len = kit_tcp(frame, 1, &s);

	frame[34 + 17] ^= 1;
	assert_int_equal(added(in_csum, kit_give(1, frame, len, &meta)), 1);
	meta.flags = XTCP_META_F_SANE | XTCP_META_F_IP_CSUM_OK;
	assert_int_equal(added(in_csum, kit_give(1, frame, len, &meta)), 1);
	meta.flags = XTCP_META_F_TCP_CSUM_OK;
	assert_int_equal(added(out_rsts, kit_give(1, frame, len, &meta)), 1);
}

static void test_input_sane_flag_saves_no_check(void **state)
{
	struct xtcp_meta meta = { .magic = XTCP_META_MAGIC, .flags = 0xffff & ~XTCP_META_F_ICMP, .l3_off = 9999 };
	struct kit_seg s = { .dport = 81, .flags = TCP_SYN | TCP_FIN };

	meta.l4_off = meta.payload_off = 9999; /* nor are offsets taken over */
	assert_int_equal(added(in_malformed, kit_give(1, frame, kit_tcp(frame, 1, &s), &meta)), 1);
	s.flags = TCP_SYN;
	s.src = kit_addr(1, 0);
	assert_int_equal(added(in_bad_addr, kit_give(1, frame, kit_tcp(frame, 1, &s), &meta)), 1);
	s.src = NULL;
	assert_int_equal(added(out_rsts, kit_give(1, frame, kit_tcp(frame, 1, &s), &meta)), 1);
	assert_int_equal(added(in_malformed, kit_give(1, frame, 30, &meta)), 1);
}

/* A virtual link leaves the sum of the pseudo-header where the checksum belongs; the text may be anything. */
static uint32_t partial(uint32_t len)
{
	struct wire_ip ip = { 0 };
	uint16_t sum;

	assert_int_equal(wire_parse_ip(frame, frame + len, len, &ip), WIRE_OK);
	sum = (uint16_t)wire_pseudo_sum(&ip);
	memcpy(frame + 34 + 16, &sum, 2);
	return len;
}

static void test_input_partial_checksum_needs_flag_and_permission(void **state)
{
	struct xtcp_meta meta = { .magic = XTCP_META_MAGIC, .flags = XTCP_META_F_TCP_PARTIAL };
	struct kit_seg s = { .dport = 81, .flags = TCP_SYN, .len = 3 };
	uint32_t len = partial(kit_tcp(frame, 1, &s));

	assert_int_equal(added(in_csum, kit_give(1, frame, len, &meta)), 1); /* not allowed */
	eng(1)->r->conf.partial_csum_ok = true;
	meta.flags = 0;
	assert_int_equal(added(in_csum, kit_give(1, frame, len, &meta)), 1); /* not said */
	assert_int_equal(added(in_csum, give(len)), 1);
	meta.flags = XTCP_META_F_TCP_PARTIAL;
	assert_int_equal(added(out_rsts, kit_give(1, frame, len, &meta)), 1);
	frame[34 + 16] ^= 1;
	assert_int_equal(added(in_csum, kit_give(1, frame, len, &meta)), 1); /* not so */
}

static uint64_t received(uint64_t s)
{
	return tcp_cold_peek(engine_conn(eng(1), s))->account.bytes_received;
}

static void test_input_partial_checksum_after_whole_ones_is_doubted_once(void **state)
{
	struct xtcp_meta meta = { .magic = XTCP_META_MAGIC, .flags = XTCP_META_F_TCP_PARTIAL };
	uint64_t c, s, l = kit_listen(80);

	kit_join(0, 80, l, &c, &s);
	eng(1)->r->conf.partial_csum_ok = true;
	kit_give(1, frame, next_seg(c, 0, 0, 0), NULL); /* an ACK without text tells nothing */
	kit_give(1, frame, partial(next_seg(c, 0, 0, 10)), &meta);
	assert_int_equal(received(s), 10);
	give(next_seg(c, 0, 10, 10)); /* a whole one */
	assert_int_equal(received(s), 20);
	assert_int_equal(added(in_csum, kit_give(1, frame, partial(next_seg(c, 0, 20, 10)), &meta)), 1);
	assert_int_equal(received(s), 20);
	assert_int_equal(added(in_csum, kit_give(1, frame, partial(next_seg(c, 0, 20, 10)), &meta)), 0);
	assert_int_equal(received(s), 30);
	assert_int_equal(added(in_csum, kit_give(1, frame, partial(next_seg(c, 0, 30, 10)), &meta)), 0);
	assert_int_equal(received(s), 40);
}

/* ---- bursts, room, the tap ---- */

static void test_input_burst_keeps_order_across_stages(void **state)
{
	uint64_t c, s, l = kit_listen(80);

	kit_join(0, 80, l, &c, &s);
	for (uint32_t i = 0; i < 100; i++) /* more than one burst */
		assert_true(simport_deliver(&kp->side[1].port, frame, next_seg(c, 0, i * 10, 10), NULL));
	kit_turn(1);
	assert_int_equal(tcp_cold_peek(engine_conn(eng(1), s))->account.bytes_received, IO_BURST * 10);
	kit_turn(1);
	assert_int_equal(tcp_cold_peek(engine_conn(eng(1), s))->account.bytes_received, 1000);
	assert_int_equal(stat_of(1, in_ooo), 0);
}

static void test_input_reply_without_room_is_given_up(void **state)
{
	struct kit_seg s = { .dport = 81, .flags = TCP_SYN };
	uint32_t max = kp->side[1].port.tx_max;

	kp->side[1].port.tx_max = 0;
	assert_int_equal(added(tx_ring_full, give(kit_tcp(frame, 1, &s))), 1);
	assert_int_equal(kit_sent_count(1), 0);
	kp->side[1].port.tx_max = max;
	give(kit_tcp(frame, 1, &s));
	assert_int_equal(kit_sent_count(1), 1);
}

static void test_input_rst_to_nothing_is_not_answered(void **state)
{
	struct kit_seg s = { .dport = 81, .flags = TCP_RST };

	assert_int_equal(added(in_no_conn_rst, give(kit_tcp(frame, 1, &s))), 1);
	s.flags = TCP_RST | TCP_ACK;
	assert_int_equal(added(in_no_conn_rst, give(kit_tcp(frame, 1, &s))), 1);
	assert_int_equal(kit_sent_count(1), 0);
	s = (struct kit_seg){ .dport = 81, .flags = TCP_ACK, .seq = 5, .ack = 0xfffffff0u };
	give(kit_tcp(frame, 1, &s)); /* RFC 9293 3.10.7.1: the number it acknowledges */
	assert_int_equal(kit_sent(1, 0)->tcp.flags, TCP_RST);
	assert_int_equal(kit_sent(1, 0)->tcp.seq, 0xfffffff0u);
}

struct seen {
	uint32_t in, out;
	uint16_t lport, rport;
	uint8_t opt[4];
};

static void tap(void *arg, bool out, const struct io_pkt *pkt, const struct xtcp_addr *laddr, uint16_t lport,
		const struct xtcp_addr *raddr, uint16_t rport, const struct tcp_seg *seg)
{
	struct seen *t = arg;

	t->in += !out;
	t->out += out;
	t->lport = lport;
	t->rport = rport;
	if (!out)
		memcpy(t->opt, seg->opt, 4);
	assert_true(addr_eq(laddr, kit_addr(1, 0)));
	assert_true(addr_eq(raddr, kit_addr(0, 0)));
	assert_true(pkt->len >= 54);
}

static void test_input_tap_sees_both_directions(void **state)
{
	static const uint8_t opt[] = { 2, 4, 5, 180 };
	struct kit_seg s = { .dport = 81, .flags = TCP_SYN, .opt = opt, .opt_len = 4 };
	struct seen seen = { 0 };

	engine_set_tap(eng(1), tap, &seen);
	give(kit_tcp(frame, 1, &s));
	engine_set_tap(eng(1), NULL, NULL);
	give(kit_tcp(frame, 1, &s));
	assert_int_equal(seen.in, 1);
	assert_int_equal(seen.out, 1);
	assert_int_equal(seen.lport, 81);
	assert_int_equal(seen.rport, 1000);
	assert_memory_equal(seen.opt, opt, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_input_rst_to_tagged_frame_is_tagged),
		TEST(test_input_three_tags_are_not_ip),
		TEST(test_input_destination_not_ours_is_silent),
		TEST(test_input_mapped_address_in_ipv6_is_no_ipv4),
		TEST(test_input_other_protocol_is_not_for_us),
		TEST(test_input_land_is_a_bad_address),
		TEST(test_input_source_no_unicast_comes_from_is_bad),
		TEST(test_input_bad_checksum_is_counted_and_dropped),
		TEST(test_input_bad_ip_header_checksum_is_malformed),
		TEST(test_input_port_zero_and_senseless_flags_are_malformed),
		TEST(test_input_ip_fragment_is_malformed),
		TEST(test_input_ethernet_padding_is_not_payload),
		TEST(test_input_frame_cut_at_every_length_is_dropped),
		TEST(test_input_short_ip_packets_never_read_past_their_end),
		TEST(test_input_payload_cut_between_fragments_is_summed_and_read),
		TEST(test_input_frames_of_many_fragments_carry_a_stream),
		TEST(test_input_hint_right_stale_or_forged_finds_the_connection),
		TEST(test_input_hint_to_what_went_into_time_wait_is_looked_up),
		TEST(test_input_hint_does_not_change_the_reply),
		TEST(test_input_checksum_flag_of_the_xdp_half_is_believed),
		TEST(test_input_sane_flag_saves_no_check),
		TEST(test_input_partial_checksum_needs_flag_and_permission),
		TEST(test_input_partial_checksum_after_whole_ones_is_doubted_once),
		TEST(test_input_burst_keeps_order_across_stages),
		TEST(test_input_reply_without_room_is_given_up),
		TEST(test_input_rst_to_nothing_is_not_answered),
		TEST(test_input_tap_sees_both_directions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
