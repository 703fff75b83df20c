// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* engine_kit.c - see engine_kit.h. */
#include "engine_kit.h"
#include "lib/csum.h"

struct pair *kp;

static struct kit_frame sent[2][KIT_SENT];
static uint64_t sent_count[2];
static simport_send_fn carry_on;
static uint64_t written[2]; /* stream positions of kit_send */

/* ---- what is sent ---- */

static void record(void *arg, uint8_t *data, uint32_t len)
{
	const struct pair_side *s = arg;
	struct kit_frame *f = &sent[s->index][sent_count[s->index]++ % KIT_SENT];

	assert_true(len <= KIT_FRAME);
	f->len = len;
	memcpy(f->data, data, len);
	assert_int_equal(wire_parse_ip(data, data + len, len, &f->ip), WIRE_OK);
	assert_int_equal(wire_parse_tcp(data, data + len, &f->ip, &f->tcp), WIRE_OK);
	if (f->ip.family == WIRE_IP4)
		assert_true(wire_ip4_csum_ok(data, data + len, f->ip.l3_off));
	assert_int_equal(wire_fold(wire_pseudo_sum(&f->ip) + csum_partial(data + f->ip.l4_off, f->ip.l4_len)), 0xffff);
	carry_on(arg, data, len);
}

const struct kit_frame *kit_sent(int side, uint32_t back)
{
	assert_true(back < sent_count[side] && back < KIT_SENT);
	return &sent[side][(sent_count[side] - 1 - back) % KIT_SENT];
}

uint64_t kit_sent_count(int side)
{
	return sent_count[side];
}

/* ---- the pair ---- */

int kit_open(const struct engine_conf *conf)
{
	kp = calloc(1, sizeof(*kp));
	if (!kp)
		return -1;
	pair_open(kp, conf);
	carry_on = kp->side[0].port.send;
	for (int i = 0; i < 2; i++) {
		kp->side[i].port.send = record;
		sent_count[i] = written[i] = 0;
	}
	return 0;
}

int kit_setup(void **state)
{
	return kit_open(NULL);
}

int kit_teardown(void **state)
{
	pair_close(kp);
	free(kp);
	return 0;
}

void kit_mtu(uint32_t mtu)
{
	for (int i = 0; i < 2; i++) {
		kp->side[i].port.port.mtu = mtu;
		engine_host_link(eng(i), kp->side[i].mac, mtu, true);
	}
}

void kit_turn(int side)
{
	const char *why;

	assert_true(engine_turn(eng(side), kp->now) >= 0);
	why = engine_check(eng(side));
	if (why)
		fail_msg("engine %d: %s", side, why);
}

/* ---- sockets ---- */

uint64_t kit_listen(uint16_t port)
{
	uint64_t l;

	assert_int_equal(engine_listen(eng(1), NULL, port, 0, 0, &l), 0);
	return l;
}

uint64_t kit_connect(int family, uint16_t port)
{
	uint64_t c;

	assert_int_equal(engine_connect(eng(0), kit_addr(1, family), port, NULL, 0, 0, &c), 0);
	return c;
}

void kit_join(int family, uint16_t port, uint64_t l, uint64_t *c, uint64_t *s)
{
	*c = kit_connect(family, port);
	pair_settle(kp);
	assert_int_equal(engine_accept(eng(1), l, s), 0);
	assert_int_equal(engine_conn(eng(0), *c)->state, TCP_ESTABLISHED);
	assert_int_equal(engine_conn(eng(1), *s)->state, TCP_ESTABLISHED);
}

static uint8_t pattern(uint64_t at)
{
	return (uint8_t)(at * 7 + (at >> 8));
}

void kit_send(int side, uint64_t h, uint32_t len)
{
	uint8_t *buf = malloc(len);

	for (uint32_t i = 0; i < len; i++)
		buf[i] = pattern(written[side] + i);
	assert_int_equal(tcp_send(engine_env(eng(side)), engine_conn(eng(side), h), buf, len, false, false), len);
	engine_touch(eng(side), h);
	written[side] += len;
	free(buf);
}

void kit_receive(int side, uint64_t h, uint64_t *at)
{
	static uint8_t buf[65536];
	int64_t n;

	while ((n = tcp_recv(engine_env(eng(side)), engine_conn(eng(side), h), buf, sizeof(buf))) > 0)
		for (int64_t i = 0; i < n; i++, (*at)++)
			assert_int_equal(buf[i], pattern(*at));
	engine_touch(eng(side), h);
}

/* ---- frames ---- */

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

/* Ethernet, tags and IP; returns where the transport begins. */
static uint32_t put_head(uint8_t *f, int to, int family, int tags, const struct xtcp_addr *src,
			 const struct xtcp_addr *dst, uint8_t proto, uint32_t l4_len)
{
	uint32_t at = 12;
	uint8_t *p;

	memcpy(f, kp->side[to].mac, 6);
	memcpy(f + 6, kp->side[!to].mac, 6);
	for (int i = 0; i < tags; i++, at += 4) {
		put16(f + at, i + 1 < tags ? 0x88a8 : 0x8100);
		put16(f + at + 2, 0x6000u + 100 + (uint32_t)i);
	}
	put16(f + at, family ? 0x86dd : 0x0800);
	p = f + at + 2;
	if (family) {
		memset(p, 0, 40);
		p[0] = 0x60;
		put16(p + 4, l4_len);
		p[6] = proto;
		p[7] = 64;
		memcpy(p + 8, src->b, 16);
		memcpy(p + 24, dst->b, 16);
		return at + 42;
	}
	memset(p, 0, 20);
	p[0] = 0x45;
	put16(p + 2, 20 + l4_len);
	p[6] = 0x40;
	p[8] = 64;
	p[9] = proto;
	memcpy(p + 12, &src->w[3], 4);
	memcpy(p + 16, &dst->w[3], 4);
	return at + 22;
}

void kit_sums(uint8_t *frame, uint32_t len)
{
	struct wire_ip ip = { 0 };
	uint32_t field;
	uint16_t sum;
	uint64_t pseudo;

	assert_int_equal(wire_parse_ip(frame, frame + len, len, &ip), WIRE_OK);
	if (ip.family == WIRE_IP4) {
		memset(frame + ip.l3_off + 10, 0, 2);
		sum = (uint16_t)~csum_fold(csum_partial(frame + ip.l3_off, (frame[ip.l3_off] & 15u) * 4));
		memcpy(frame + ip.l3_off + 10, &sum, 2);
	}
	field = ip.l4_off + (ip.proto == WIRE_IPPROTO_TCP ? 16u : 2u);
	memset(frame + field, 0, 2);
	pseudo = ip.proto == WIRE_IPPROTO_ICMP ? 0 : wire_pseudo_sum(&ip);
	sum = (uint16_t)~wire_fold(pseudo + csum_partial(frame + ip.l4_off, ip.l4_len));
	memcpy(frame + field, &sum, 2);
}

uint32_t kit_tcp(uint8_t *frame, int to, const struct kit_seg *s)
{
	const struct xtcp_addr *src = s->src ? s->src : kit_addr(!to, s->family);
	const struct xtcp_addr *dst = s->dst ? s->dst : kit_addr(to, s->family);
	uint32_t l4_len = 20 + s->opt_len + s->len;
	uint32_t l4 = put_head(frame, to, s->family, s->tags, src, dst, WIRE_IPPROTO_TCP, l4_len);
	uint8_t *p = frame + l4;

	assert_true(l4 + l4_len <= KIT_FRAME);
	memset(p, 0, 20);
	put16(p, s->sport ? s->sport : 1000);
	put16(p + 2, s->dport ? s->dport : 80);
	put32(p + 4, s->seq);
	put32(p + 8, s->ack);
	p[12] = (uint8_t)((20 + s->opt_len) / 4 << 4 | s->flags >> 8);
	p[13] = (uint8_t)s->flags;
	put16(p + 14, s->wnd ? s->wnd : 8192);
	if (s->opt_len)
		memcpy(p + 20, s->opt, s->opt_len);
	for (uint32_t i = 0; i < s->len; i++)
		p[20 + s->opt_len + i] = (uint8_t)i;
	kit_sums(frame, l4 + l4_len);
	return l4 + l4_len;
}

uint32_t kit_icmp(uint8_t *frame, int to, int family, uint8_t type, uint8_t code, uint32_t rest, const uint8_t *quoted,
		  uint32_t quoted_len)
{
	uint8_t proto = family ? WIRE_IPPROTO_ICMPV6 : WIRE_IPPROTO_ICMP;
	uint32_t l4 = put_head(frame, to, family, 0, kit_addr(!to, family), kit_addr(to, family), proto,
			       8 + quoted_len);
	uint8_t *p = frame + l4;

	assert_true(l4 + 8 + quoted_len <= KIT_FRAME);
	p[0] = type;
	p[1] = code;
	put32(p + 4, rest);
	if (quoted_len)
		memcpy(p + 8, quoted, quoted_len);
	kit_sums(frame, l4 + 8 + quoted_len);
	return l4 + 8 + quoted_len;
}

void kit_give(int side, const uint8_t *frame, uint32_t len, const struct xtcp_meta *meta)
{
	assert_true(simport_deliver(&kp->side[side].port, frame, len, meta));
	kit_turn(side);
}
