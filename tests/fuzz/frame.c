// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* frame.c - see frame.h. Sums are made here, by the book, not by the code under test. */
#include "frame.h"

#include <string.h>
#include <nettle/md5.h>
#include "lib/addr.h"

void frame_add(struct frame *f, const void *data, uint32_t len)
{
	if (len > FRAME_MAX - f->len)
		len = FRAME_MAX - f->len;
	if (len)
		memcpy(f->data + f->len, data, len);
	f->len += len;
}

void frame_add8(struct frame *f, uint8_t v)
{
	frame_add(f, &v, 1);
}

void frame_add16(struct frame *f, uint16_t v)
{
	frame_add8(f, (uint8_t)(v >> 8));
	frame_add8(f, (uint8_t)v);
}

void frame_add32(struct frame *f, uint32_t v)
{
	frame_add16(f, (uint16_t)(v >> 16));
	frame_add16(f, (uint16_t)v);
}

void frame_begin(struct frame *f, const struct frame_ends *ends, uint8_t proto, uint8_t tclass)
{
	static const uint8_t macs[12] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 };

	f->len = 0;
	frame_add(f, macs, sizeof(macs));
	if (addr_is_v4(&ends->from)) {
		frame_add16(f, 0x0800);
		frame_add16(f, (uint16_t)(0x4500 | tclass));
		frame_add16(f, 0);
		frame_add32(f, 0x4000);
		frame_add16(f, (uint16_t)(64 << 8 | proto));
		frame_add16(f, 0);
		frame_add(f, &ends->from.w[3], 4);
		frame_add(f, &ends->to.w[3], 4);
		return;
	}
	frame_add16(f, 0x86dd);
	frame_add32(f, 6u << 28 | (uint32_t)tclass << 20);
	frame_add16(f, 0);
	frame_add16(f, (uint16_t)(proto << 8 | 64));
	frame_add(f, ends->from.b, 16);
	frame_add(f, ends->to.b, 16);
}

void frame_add_tcp(struct frame *f, const struct frame_ends *ends, uint32_t seq, uint32_t ack, uint8_t flags,
		   uint16_t wnd, uint16_t urg, const uint8_t *opt, uint32_t opt_len)
{
	uint32_t padded = (opt_len + 3) / 4 * 4;

	frame_add16(f, ends->sport);
	frame_add16(f, ends->dport);
	frame_add32(f, seq);
	frame_add32(f, ack);
	frame_add8(f, (uint8_t)((20 + padded) / 4 << 4));
	frame_add8(f, flags);
	frame_add16(f, wnd);
	frame_add16(f, 0);
	frame_add16(f, urg);
	frame_add(f, opt, opt_len);
	for (; opt_len < padded; opt_len++)
		frame_add8(f, 0);
}

static uint32_t sum16(uint32_t sum, const uint8_t *p, uint32_t len)
{
	for (; len > 1; p += 2, len -= 2)
		sum += (uint32_t)p[0] << 8 | p[1];
	if (len)
		sum += (uint32_t)p[0] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static uint32_t l4_sum(const uint8_t *data, const struct wire_ip *ip)
{
	uint32_t sum = 0;

	if (ip->family == WIRE_IP4)
		sum = sum16(0, data + ip->l3_off + 12, 8);
	else
		sum = sum16(0, data + ip->l3_off + 8, 32);
	if (ip->proto == WIRE_IPPROTO_ICMP)
		sum = 0; /* that of IPv4 has no pseudo-header */
	else
		sum += ip->proto + ip->l4_len;
	return sum16(sum, data + ip->l4_off, ip->l4_len);
}

static void put_sum(uint8_t *at, uint32_t sum)
{
	uint16_t v = (uint16_t)~fold(sum);

	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

void frame_seal_sums(struct frame *f)
{
	struct wire_ip ip;
	uint32_t at;

	if (wire_parse_ip(f->data, f->data + f->len, f->len, &ip) != WIRE_OK)
		return;
	if (ip.family == WIRE_IP4) {
		memset(f->data + ip.l3_off + 10, 0, 2);
		put_sum(f->data + ip.l3_off + 10, sum16(0, f->data + ip.l3_off, (uint32_t)ip.l4_off - ip.l3_off));
	}
	at = ip.proto == WIRE_IPPROTO_TCP ? 16 : 2;
	if (ip.l4_len < at + 2)
		return;
	memset(f->data + ip.l4_off + at, 0, 2);
	put_sum(f->data + ip.l4_off + at, l4_sum(f->data, &ip));
}

void frame_seal(struct frame *f)
{
	uint32_t len = f->len - WIRE_ETH_LEN;
	uint8_t *p = f->data + WIRE_ETH_LEN;

	if (p[0] >> 4 == 4) {
		p[2] = (uint8_t)(len >> 8);
		p[3] = (uint8_t)len;
	} else {
		p[4] = (uint8_t)((len - 40) >> 8);
		p[5] = (uint8_t)(len - 40);
	}
	frame_seal_sums(f);
}

void frame_sign(struct frame *f, const void *key, uint32_t key_len)
{
	bool v4 = f->data[WIRE_ETH_LEN] >> 4 == 4;
	uint8_t *l3 = f->data + WIRE_ETH_LEN, *tcp = l3 + (v4 ? 20 : 40), head[20];
	uint32_t len = f->len - (uint32_t)(tcp - f->data), doff = (tcp[12] >> 4) * 4u;
	uint8_t tail[8] = { 0, 0, (uint8_t)(len >> 8), (uint8_t)len, 0, 0, 0, WIRE_IPPROTO_TCP };
	uint8_t tail4[4] = { 0, WIRE_IPPROTO_TCP, tail[2], tail[3] };
	struct md5_ctx m;

	memcpy(head, tcp, 20);
	memset(head + 16, 0, 2);
	md5_init(&m);
	md5_update(&m, v4 ? 8 : 32, l3 + (v4 ? 12 : 8));
	md5_update(&m, v4 ? 4 : 8, v4 ? tail4 : tail);
	md5_update(&m, 20, head);
	md5_update(&m, len - doff, tcp + doff);
	md5_update(&m, key_len, key);
	md5_digest(&m, MD5_DIGEST_SIZE, tcp + doff - MD5_DIGEST_SIZE);
}

const char *frame_wrong(const uint8_t *data, uint32_t len, uint32_t mtu, struct wire_ip *ip, struct wire_tcp *tcp)
{
	if (len > mtu + WIRE_ETH_LEN + 4 * WIRE_VLAN_MAX)
		return "larger than the MTU";
	if (wire_parse_ip(data, data + len, len, ip) != WIRE_OK || ip->proto != WIRE_IPPROTO_TCP ||
	    wire_parse_tcp(data, data + len, ip, tcp) != WIRE_OK)
		return "malformed";
	if (ip->l4_off + ip->l4_len != len)
		return "longer than its IP length";
	if (ip->family == WIRE_IP4 && fold(sum16(0, data + ip->l3_off, (uint32_t)ip->l4_off - ip->l3_off)) != 0xffff)
		return "with a wrong IP checksum";
	if (fold(l4_sum(data, ip)) != 0xffff)
		return "with a wrong TCP checksum";
	if (wire_flags_check(tcp->flags) != WIRE_FLAGS_OK)
		return "with impossible flags";
	return NULL;
}
