// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * oracle.c - what must hold whatever the link does:
 *
 *   every frame sent   fits the receiver's MTU, has right checksums (summed here, not by the stack's own code)
 *   every k-th turn    engine_check(), frames all accounted for, no turn after turn without effect
 *   faults over        all applications finish within a bound
 *   all closed         nothing is left: connections, TIME-WAIT, buffers, frames
 *   no faults          nothing was retransmitted, probed or refused
 *
 * That the bytes and ends of streams are right is seen to by the applications (app.c).
 */
#include <string.h>
#include "world.h"
#include "xtcp/wire.h"

/* ---- frames ---- */

static uint32_t sum16(uint32_t sum, const uint8_t *p, uint32_t len)
{
	for (; len > 1; p += 2, len -= 2)
		sum += (uint32_t)p[0] << 8 | p[1];
	if (len)
		sum += (uint32_t)p[0] << 8;
	return sum;
}

static bool sum_ok(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

const char *oracle_frame_wrong(const uint8_t *data, uint32_t len, uint32_t mtu)
{
	struct wire_ip ip;
	struct wire_tcp tcp;
	uint32_t sum;

	if (len > mtu + WIRE_ETH_LEN)
		return "larger than the receiver's MTU";
	if (wire_parse_ip(data, data + len, len, &ip) != WIRE_OK || ip.proto != WIRE_IPPROTO_TCP ||
	    wire_parse_tcp(data, data + len, &ip, &tcp) != WIRE_OK)
		return "malformed";
	if (ip.l4_off + ip.l4_len != len)
		return "longer than its IP length";
	if (ip.family == WIRE_IP4 && !sum_ok(sum16(0, data + ip.l3_off, (uint32_t)ip.l4_off - ip.l3_off)))
		return "with a wrong IP checksum";
	if (ip.family == WIRE_IP4)
		sum = sum16(0, data + ip.l3_off + 12, 8);
	else
		sum = sum16(0, data + ip.l3_off + 8, 32);
	sum += WIRE_IPPROTO_TCP + ip.l4_len;
	if (!sum_ok(sum16(sum, data + ip.l4_off, ip.l4_len)))
		return "with a wrong TCP checksum";
	if (tcp.flags & TCP_SYN && tcp.flags & (TCP_FIN | TCP_RST))
		return "with impossible flags";
	return NULL;
}

/* Is the port of this frame steered to the engine as long as one of its connections uses it? */
static bool steered(const struct world *w, int to, const uint8_t *data, uint32_t len)
{
	const struct host *h = &w->side[to].host;
	struct wire_ip ip;
	struct wire_tcp tcp;
	uint16_t port;

	if (wire_parse_ip(data, data + len, len, &ip) != WIRE_OK ||
	    wire_parse_tcp(data, data + len, &ip, &tcp) != WIRE_OK)
		return true;
	port = wire_port(tcp.dport);
	if (h->owned[port] & 1ull << (ip.family == WIRE_IP6))
		return true;
	if (port == w->side[to].listen_port)
		return false;
	for (uint32_t i = 0; i < 2 * w->s->pairs; i++) {
		const struct end *d = &w->end[i];

		if (d->handle && d->engine == to && d->lport == port && !d->closed_event &&
		    w->s->pair[d->pair].v6 == (ip.family == WIRE_IP6) && w->s->pair[d->pair].kind != PAIR_REFUSED &&
		    engine_conn(w->side[to].e, d->handle)->state != TCP_CLOSED)
			return false;
	}
	return true;
}

void oracle_frame(struct world *w, int to, const uint8_t *data, uint32_t len)
{
	const char *wrong = oracle_frame_wrong(data, len, w->s->mtu[to]);

	if (wrong)
		world_fail(w, "engine %c sent a frame of %u bytes %s", "AB"[!to], len, wrong);
	else if (!steered(w, to, data, len))
		world_fail(w, "engine %c has a connection whose port is not steered to it", "AB"[to]);
}

/* ---- turns ---- */

void oracle_turn(struct world *w, int i)
{
	struct side *side = &w->side[i];
	const char *wrong;

	if (side->port.bad)
		world_fail(w, "engine %c: a frame committed with wrong lengths, or too long", "AB"[i]);
	if (side->port.port.ops->lost(&side->port.port))
		world_fail(w, "engine %c: frames are lost", "AB"[i]);
	if (side->turns % w->s->check_every)
		return;
	wrong = engine_check(side->e);
	if (wrong)
		world_fail(w, "engine %c: %s", "AB"[i], wrong);
}

/* ---- limits ---- */

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Bytes that can be under way from engine i at least. */
static uint64_t window(const struct world *w, int i)
{
	return smaller(w->s->engine[i].tcp.sndbuf_max, w->s->engine[!i].tcp.rcvbuf_max);
}

/*
 * With TCP-AO nobody sends a RST again that was lost (RFC 5925 7.7), so that the other side has to go through all its
 * retransmissions.
 */
static uint64_t ao_patience_s(const struct world *w)
{
	return w->s->ao ? 1200 : 0;
}

/* Generous: what all streams one after the other would take over the slower direction, twice, and ten minutes. */
uint64_t oracle_app_limit(const struct world *w)
{
	const struct scenario *s = w->s;
	uint64_t rate = smaller(s->link[0].bits_per_s ? s->link[0].bits_per_s : SIM_NEVER,
				s->link[1].bits_per_s ? s->link[1].bits_per_s : SIM_NEVER);
	uint64_t bytes = scenario_bytes(s), wnd = smaller(window(w, 0), window(w, 1)), limit;
	uint64_t rtt = s->link[0].delay_ns + s->link[0].jitter_ns + s->link[1].delay_ns + s->link[1].jitter_ns +
		       300 * SIM_MS;

	if (s->limit_ns)
		return s->limit_ns;
	limit = s->quiet_ns + (900 + ao_patience_s(w)) * SIM_S + 4 * (bytes / wnd) * rtt;
	if (rate != SIM_NEVER)
		limit += 10 * (bytes * 8 * 1000 / rate) * SIM_MS;
	return limit;
}

/* The last timers: an orphan's patience, half-open connections, 2 MSL (perhaps anew). */
uint64_t oracle_drain_limit(const struct world *w)
{
	return w->done_at + (600 + ao_patience_s(w)) * SIM_S;
}

void oracle_overdue(struct world *w)
{
	for (uint32_t i = 0; i < 2 * w->s->pairs; i++) {
		const struct end *d = &w->end[i];
		const struct tcp_conn *c = d->handle ? engine_conn(w->side[d->engine].e, d->handle) : NULL;

		if (d->done)
			continue;
		world_fail(w, "%c pair %u is stuck %s: wrote %llu of %llu, read %llu of %llu%s%s", "AB"[d->engine],
			   d -> pair, c ? tcp_state_name(c->state) : "without a connection",
			   (unsigned long long)d->sent, (unsigned long long)d->conf->bytes,
			   (unsigned long long)d->received, (unsigned long long)d->peer->conf->bytes,
			   d->shut ? ", shut down" : "", d->eof ? ", end of stream seen" : "");
	}
}

bool oracle_drained(struct world *w)
{
	for (int i = 0; i < (w->dead ? 1 : 2); i++) {
		struct engine_counts n;

		engine_counts(w->side[i].e, &n);
		if (n.conns || n.time_waits || n.buffer_used || w->side[i].port.rx_count)
			return false;
	}
	return reseg_empty(w, 0) && reseg_empty(w, 1) && device_next(&w->side[0]) == SIM_NEVER &&
	       device_next(&w->side[1]) == SIM_NEVER;
}

/* ---- the end ---- */

static void check_clean(struct world *w, int i)
{
	static const struct {
		enum xtcp_user_stat stat;
		const char *name;
	} none[] = {
		{ XTCP_USER_rto_fires, "timeouts" },
		{ XTCP_USER_in_no_memory, "drops for want of memory" },
		{ XTCP_USER_in_csum, "wrong checksums" },
		{ XTCP_USER_in_malformed, "malformed frames" },
		{ XTCP_USER_in_ooo, "gaps" },
		{ XTCP_USER_in_paws, "old timestamps" },
		{ XTCP_USER_in_seq_new, "segments right of the window" },
		{ XTCP_USER_in_ack_too_new, "acknowledgements of nothing" },
		{ XTCP_USER_in_syn_challenged, "SYNs out of place" },
		{ XTCP_USER_in_rst_challenged, "RSTs out of place" },
		{ XTCP_USER_in_ao_missing, "segments without TCP-AO" },
		{ XTCP_USER_in_ao_wrong, "wrong MACs" },
		{ XTCP_USER_in_ao_key_unknown, "unknown KeyIDs" },
	};
	const uint64_t *stats = engine_stats(w->side[i].e);
	uint64_t again = 0; /* in a simultaneous open the SYN goes out once more, as SYN-ACK */

	for (uint32_t k = 0; k < w->s->pairs; k++)
		again += w->s->pair[k].kind == PAIR_SIMULTANEOUS;
	if (stats[XTCP_USER_retrans_segs] > again)
		world_fail(w, "engine %c: %llu retransmissions on a perfect link", "AB"[i],
			   (unsigned long long)(stats[XTCP_USER_retrans_segs] - again));

	for (size_t k = 0; k < sizeof(none) / sizeof(none[0]); k++)
		if (stats[none[k].stat] &&
		    !(none[k].stat == XTCP_USER_in_paws && w->s->apart[!i])) /* of overtaken ACKs */
			world_fail(w, "engine %c: %llu %s on a perfect link", "AB"[i],
				   (unsigned long long)stats[none[k].stat], none[k].name);
	if (w->s->eager && stats[XTCP_USER_window_probes])
		world_fail(w, "engine %c: window probes although the peer reads at once", "AB"[i]);
}

void oracle_end(struct world *w)
{
	for (int i = 0; i < (w->dead ? 1 : 2); i++) {
		struct side *side = &w->side[i];
		const struct io_frames *f = side->port.port.frames;
		const char *wrong = engine_check(side->e);
		struct engine_counts n;

		engine_counts(side->e, &n);
		if (wrong)
			world_fail(w, "engine %c at the end: %s", "AB"[i], wrong);
		if (n.frames_lost || f->held)
			world_fail(w, "engine %c at the end: %u frames lost, %u held", "AB"[i], n.frames_lost, f->held);
		if (w->s->clean && !w->side[0].port.rx_dropped && !w->side[1].port.rx_dropped)
			check_clean(w, i);
	}
	if (w->strays && !w->died && !w->s->fastopen && w->s->engine[0].tcp.fixed_isn < 0 &&
	    w->s->engine[1].tcp.fixed_isn < 0)
		world_fail(w, "%u connections accepted that nobody opened", w->strays);
}
