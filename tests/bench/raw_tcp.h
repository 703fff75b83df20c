/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * raw_tcp.h - the least that a kernel's TCP client takes for a server: each segment over IPv4 is turned round in its own frame. A SYN is
 * answered, a FIN too; a request for a page of HTTP gets two bytes, other data goes back as it came. There are no connections, no windows,
 * no timers, no retransmissions: a segment that gets lost stays so.
 */
#ifndef BENCH_RAW_TCP_H
#define BENCH_RAW_TCP_H

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#define __FAVOR_BSD
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define RAW_TCP_MSS 1448
#define RAW_TCP_WINDOW 65535

/* Up to three bytes after the end are summed too. */
static uint16_t raw_sum(const void *from, uint32_t len, uint64_t sum)
{
	const uint8_t *data = from;
	uint32_t v;

	for (uint32_t i = 0; i < len; i += 4) {
		memcpy(&v, data + i, 4);
		sum += v;
	}
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void raw_swap(void *a, void *b, size_t n)
{
	uint8_t t[8];

	memcpy(t, a, n);
	memcpy(a, b, n);
	memcpy(b, t, n);
}

/* The new length of the payload. */
static uint32_t raw_tcp_payload(uint8_t *data, uint32_t len)
{
	static const char page[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

	if (len < 5 || memcmp(data, "GET /", 5) != 0)
		return len;
	memcpy(data, page, sizeof(page) - 1);
	return sizeof(page) - 1;
}

/* Sums, and the length of the frame. */
static uint32_t raw_tcp_finish(struct iphdr *ip, struct tcphdr *t, uint32_t tcp_len)
{
	uint64_t sum = (uint64_t)ip->saddr + ip->daddr + htons(IPPROTO_TCP) + htons((uint16_t)tcp_len);

	ip->tot_len = htons((uint16_t)(sizeof(*ip) + tcp_len));
	ip->check = 0;
	t->th_sum = 0;
	memset((uint8_t *)t + tcp_len, 0, 3);
	t->th_sum = raw_sum(t, tcp_len, sum);
	ip->check = raw_sum(ip, sizeof(*ip), 0);
	return (uint32_t)(ETH_HLEN + sizeof(*ip)) + tcp_len;
}

/* The frame becomes its answer. Its length; 0: there is none. */
static uint32_t raw_tcp_turn(uint8_t *frame, uint32_t len)
{
	struct iphdr *ip = (struct iphdr *)(frame + ETH_HLEN);
	struct tcphdr *t = (struct tcphdr *)(ip + 1);
	uint32_t head = ETH_HLEN + sizeof(*ip) + sizeof(*t), text, ours;
	uint8_t *data;
	bool syn;

	if (len < head || ip->ihl != 5 || ip->protocol != IPPROTO_TCP || t->th_off < 5 || t->th_flags & TH_RST)
		return 0;
	syn = t->th_flags & TH_SYN;
	text = ntohs(ip->tot_len) - (uint32_t)sizeof(*ip) - t->th_off * 4u;
	data = (uint8_t *)t + t->th_off * 4u;
	if (text > len || (!text && !(t->th_flags & (TH_SYN | TH_FIN))))
		return 0;
	raw_swap(frame, frame + ETH_ALEN, ETH_ALEN);
	raw_swap(&ip->saddr, &ip->daddr, 4);
	raw_swap(&t->th_sport, &t->th_dport, 2);
	ours = t->th_ack;
	t->th_ack = htonl(ntohl(t->th_seq) + text + !!(t->th_flags & (TH_SYN | TH_FIN)));
	t->th_seq = syn ? htonl(1) : ours;
	t->th_flags = (uint8_t)(TH_ACK | (t->th_flags & (TH_SYN | TH_FIN)) | (text ? TH_PUSH : 0));
	t->th_win = htons(RAW_TCP_WINDOW);
	t->th_off = 5;
	if (syn) { /* a maximum segment size is the only option, and with it no others are spoken of again */
		static const uint8_t mss[] = { 2, 4, RAW_TCP_MSS >> 8, RAW_TCP_MSS & 0xff };

		memcpy(t + 1, mss, sizeof(mss));
		t->th_off = 6;
		text = 0;
	} else if (text) {
		memmove(t + 1, data, text);
		text = raw_tcp_payload((uint8_t *)(t + 1), text);
	}
	return raw_tcp_finish(ip, t, t->th_off * 4u + text);
}

#endif
