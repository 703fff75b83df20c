/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * frame.h - builds frames for tests: Ethernet, VLAN tags, IPv4 with options,
 * IPv6 with extension headers, TCP, ICMP errors.
 *
 * It shares no code with xtcp/wire.h, and writes and sums byte by byte, so that
 * a mistake there cannot hide itself. A test asks for a good frame, spoils what
 * it is about, and calls frame_seal for the checksums that should be right.
 */
#ifndef XTCP_TESTS_FRAME_H
#define XTCP_TESTS_FRAME_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FRAME_MAX 12000
#define FRAME_EXTS 12

struct frame {
	uint8_t b[FRAME_MAX];
	size_t len;		/* bytes */
	size_t l3, l4, payload; /* offsets */
	int family;		/* 4 or 6 */
};

/* What to build; zero means the ordinary thing. */
struct frame_spec {
	int family;		  /* 4 or 6 */
	const uint8_t *src, *dst; /* 4 or 16 bytes */
	uint16_t sport, dport;
	uint16_t flags;
	int vlans;	 /* tags */
	size_t ip_opts;	 /* bytes of IPv4 options, NOPs */
	size_t tcp_opts; /* bytes of TCP options, NOPs */
	size_t payload;	 /* bytes */
	uint16_t frag;	 /* IPv4: the flags and offset field; IPv6: the fragment header's */
	int exts;	 /* IPv6 extension headers */
	struct {
		uint8_t type;
		uint8_t hdrlen; /* the field's value */
	} ext[FRAME_EXTS];
};

static inline void put16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline unsigned int get16(const uint8_t *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

static inline uint32_t frame_sum(const uint8_t *p, size_t n, uint32_t sum)
{
	for (size_t i = 0; i < n; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* The pseudo-header's sum for a transport of n bytes. */
static inline uint32_t frame_pseudo(const struct frame *f, int proto, size_t n)
{
	const uint8_t *src = f->b + f->l3 + (f->family == 4 ? 12 : 8);
	uint32_t sum = frame_sum(src, f->family == 4 ? 8 : 32, (uint32_t)proto);
	uint8_t len[4] = { (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n };

	return frame_sum(len, 4, sum);
}

static inline void frame_seal_ip(struct frame *f)
{
	uint8_t *p = f->b + f->l3;

	if (f->family != 4)
		return;
	put16(p + 10, 0);
	put16(p + 10, 0xffff ^ frame_sum(p, (p[0] & 15u) * 4, 0));
}

/* Both checksums, over what the frame holds from l4 to its end. */
static inline void frame_seal(struct frame *f)
{
	size_t n = f->len - f->l4;

	frame_seal_ip(f);
	put16(f->b + f->l4 + 16, 0);
	put16(f->b + f->l4 + 16, 0xffff ^ frame_sum(f->b + f->l4, n, frame_pseudo(f, 6, n)));
}

static inline void frame_link(struct frame *f, int family, int vlans)
{
	static const uint8_t macs[12] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 };

	memset(f, 0, sizeof(*f));
	f->family = family;
	memcpy(f->b, macs, 12);
	f->len = 12;
	for (int i = 0; i < vlans; i++, f->len += 4) {
		put16(f->b + f->len, i ? 0x8100 : 0x88a8);
		put16(f->b + f->len + 2, 100 + (unsigned int)i);
	}
	if (vlans == 1)
		put16(f->b + 12, 0x8100);
	put16(f->b + f->len, family == 4 ? 0x0800 : 0x86dd);
	f->l3 = f->len += 2;
}

/* The IP header in front of n bytes of transport. */
static inline void frame_ip(struct frame *f, const struct frame_spec *s, uint8_t proto, size_t n)
{
	uint8_t *p = f->b + f->l3, *next;
	size_t hlen = 20 + s->ip_opts;

	if (s->family == 4) {
		p[0] = (uint8_t)(0x40 | hlen / 4);
		put16(p + 2, (unsigned int)(hlen + n));
		put16(p + 6, s->frag);
		p[8] = 64;
		p[9] = proto;
		memcpy(p + 12, s->src, 4);
		memcpy(p + 16, s->dst, 4);
		memset(p + 20, 1, s->ip_opts);
		f->l4 = f->len = f->l3 + hlen;
		return;
	}
	p[0] = 0x60;
	p[7] = 64;
	memcpy(p + 8, s->src, 16);
	memcpy(p + 24, s->dst, 16);
	next = p + 6;
	f->len = f->l3 + 40;
	for (int i = 0; i < s->exts; i++) {
		uint8_t *e = f->b + f->len;

		*next = s->ext[i].type;
		next = e;
		e[1] = s->ext[i].hdrlen;
		if (s->ext[i].type == 44)
			put16(e + 2, s->frag);
		f->len += s->ext[i].type == 44 ? 8 : s->ext[i].type == 51 ? (e[1] + 2u) * 4 : (e[1] + 1u) * 8;
	}
	*next = proto;
	f->l4 = f->len;
	put16(p + 4, (unsigned int)(f->l4 - f->l3 - 40 + n));
}

static inline void frame_tcp(struct frame *f, const struct frame_spec *s)
{
	size_t hlen = 20 + s->tcp_opts;
	uint8_t *p;

	frame_link(f, s->family, s->vlans);
	frame_ip(f, s, 6, hlen + s->payload);
	p = f->b + f->l4;
	put16(p, s->sport);
	put16(p + 2, s->dport);
	memcpy(p + 4, "\xff\xff\xff\xf0\x12\x34\x56\x78", 8);
	p[12] = (uint8_t)(hlen / 4 << 4 | s->flags >> 8);
	p[13] = (uint8_t)s->flags;
	put16(p + 14, 0xfaf0);
	memset(p + 20, 1, s->tcp_opts);
	f->payload = f->l4 + hlen;
	f->len = f->payload + s->payload;
	for (size_t i = f->payload; i < f->len; i++)
		f->b[i] = (uint8_t)(i * 7);
	frame_seal(f);
}

/*
 * An ICMP error of this type about the start of the TCP segment that `quoted` describes, as a
 * router at s->src sends it to s->dst. The quoted packet's IP header is followed by 8 bytes.
 */
static inline void frame_icmp(struct frame *f, const struct frame_spec *s, uint8_t type,
			      const struct frame_spec *quoted)
{
	static struct frame q;
	size_t n;
	uint8_t *p;

	frame_tcp(&q, quoted);
	n = q.l4 - q.l3 + 8;
	frame_link(f, s->family, s->vlans);
	frame_ip(f, s, s->family == 4 ? 1 : 58, 8 + n);
	p = f->b + f->l4;
	p[0] = type;
	memcpy(p + 8, q.b + q.l3, n);
	f->payload = f->l4 + 8;
	f->len = f->payload + n;
	put16(p + 2, 0xffff ^ frame_sum(p, 8 + n, s->family == 4 ? 0 : frame_pseudo(f, 58, 8 + n)));
	frame_seal_ip(f);
}

#endif /* XTCP_TESTS_FRAME_H */
