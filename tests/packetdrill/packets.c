// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* packets.c - raw IP packets on packetdrill's side, Ethernet frames on the engine's. Our checksums are verified here. */
#include <errno.h>
#include <stdio.h>
#include "lib/csum.h"
#include "pd.h"

#define ETH 14

/* Is the TCP checksum (and IPv4's) of this packet of ours right? */
static bool checked(const uint8_t *ip, uint32_t len)
{
	struct xtcp_addr a[2];
	uint32_t head;

	if (ip[0] >> 4 == 4) {
		head = (ip[0] & 15) * 4u;
		if (csum_fold(csum_partial(ip, head)) != 0xffff)
			return false;
		for (int i = 0; i < 2; i++) {
			uint32_t be;

			memcpy(&be, ip + 12 + 4 * i, 4);
			a[i] = addr_from_v4(be);
		}
	} else {
		head = 40;
		for (int i = 0; i < 2; i++)
			a[i] = addr_from_v6(ip + 8 + 16 * i);
	}
	return csum_fold(csum_pseudo(a[0].b, a[1].b, 6, len - head) + csum_partial(ip + head, len - head)) == 0xffff;
}

void pd_sent(void *arg, uint8_t *data, uint32_t len)
{
	struct pd *p = arg;
	struct pd_packet *to;

	if (len <= ETH || len - ETH > PD_PACKET)
		return;
	if (p->out_count == PD_OUT || !checked(data + ETH, len - ETH)) {
		fprintf(stderr, "xtcp: a packet with a wrong checksum, or more than %d of them\n", PD_OUT);
		p->broken = true;
		return;
	}
	to = &p->out[(p->out_head + p->out_count++) % PD_OUT];
	to->at_ns = p->now_ns;
	to->len = len - ETH;
	memcpy(to->data, data + ETH, to->len);
}

int pd_packet_in(void *arg, const void *data, size_t n)
{
	static const uint8_t type[2][2] = { { 0x08, 0x00 }, { 0x86, 0xdd } };
	uint8_t frame[ETH + PD_JOINED];
	const uint8_t *ip = data;
	struct pd *p = arg;
	struct xtcp_addr a;
	bool v6 = ip[0] >> 4 == 6;

	if (n > PD_JOINED || n < 20)
		return -1;
	pthread_mutex_lock(&p->lock);
	if (v6) {
		a = addr_from_v6(ip + 24);
	} else {
		uint32_t be;

		memcpy(&be, ip + 16, 4);
		a = addr_from_v4(be);
	}
	pd_local(p, &a);
	memcpy(frame, pd_mac, 6);
	memcpy(frame + 6, pd_mac, 6);
	frame[11] = 2;
	memcpy(frame + 12, type[v6], 2);
	memcpy(frame + ETH, ip, n);
	simport_deliver(&p->port, frame, (uint32_t)n + ETH, NULL);
	pd_turn(p);
	pthread_mutex_unlock(&p->lock);
	return 0;
}

int pd_packet_out(void *arg, void *data, size_t *n, long long *time_us)
{
	struct pd *p = arg;
	const struct pd_packet *from;
	size_t room = *n;

	*n = 0;
	pthread_mutex_lock(&p->lock);
	pd_turn(p);
	while (!p->out_count && !p->broken && pd_run_next(p))
		;
	if (p->out_count && !p->broken) {
		from = &p->out[p->out_head];
		*n = from->len < room ? from->len : room;
		*time_us = (long long)(from->at_ns / 1000);
		memcpy(data, from->data, *n);
		p->out_head = (p->out_head + 1) % PD_OUT;
		p->out_count--;
	} else {
		fprintf(stderr, "xtcp: nothing more will be sent\n");
	}
	pthread_mutex_unlock(&p->lock);
	return 0;
}
