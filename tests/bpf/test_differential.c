// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_differential.c - both halves on the same frames. DESIGN: XDP drops only what the
 * engine would drop without a reply and without a change of state. So frames are built,
 * spoiled at random (a fixed seed), run through the real program and given to a real
 * engine: whatever the first drops, the second must discard for a counted reason, in silence.
 */
#include <string.h>
#include <arpa/inet.h>
#include "engine/engine.h"
#include "kit.h"

#define ROUNDS 40000
#define CHUNK 4096u
#define CHUNKS 64u

static const uint8_t local4[4] = { 10, 0, 0, 1 }, remote4[4] = { 10, 0, 0, 2 };
static const uint8_t local6[16] = { 0xfd, [15] = 1 }, remote6[16] = { 0xfd, [15] = 2 };

/* ---- a port that holds one frame to be received and counts what is sent ---- */

static struct {
	struct io_port port;
	const struct frame *in;
	uint32_t sent;
	uint32_t next;
} wire;

static int port_rx(struct io_port *p, struct io_pkt *pkt, int max)
{
	if (!wire.in || max < 1)
		return 0;
	memset(pkt, 0, sizeof(*pkt));
	pkt->nfrags = 1;
	pkt->len = pkt->frag[0].len = (uint32_t)wire.in->len;
	pkt->frag[0].data = p->area + 256;
	memcpy(pkt->frag[0].data, wire.in->b, wire.in->len);
	wire.in = NULL;
	return 1;
}

static void port_rx_release(struct io_port *p, struct io_pkt *pkt, int n)
{
}

static uint32_t port_tx_room(struct io_port *p)
{
	return CHUNKS - 1;
}

static int port_tx_reserve(struct io_port *p, struct io_pkt *pkt, uint32_t len)
{
	uint32_t chunk = 1 + wire.next++ % (CHUNKS - 1);

	pkt->nfrags = 1;
	pkt->len = len;
	pkt->has_meta = 0;
	pkt->frag[0].chunk = chunk;
	pkt->frag[0].data = p->area + chunk * CHUNK;
	pkt->frag[0].len = CHUNK;
	return 0;
}

static void port_tx_commit(struct io_port *p, const struct io_pkt *pkt)
{
	wire.sent++;
}

static void port_tx_cancel(struct io_port *p, const struct io_pkt *pkt)
{
}

static int port_tx_flush(struct io_port *p)
{
	return 0;
}

static bool port_rx_pending(struct io_port *p)
{
	return wire.in != NULL;
}

static uint32_t port_lost(struct io_port *p)
{
	return 0;
}

static const struct io_port_ops port_ops = {
	.rx = port_rx,
	.rx_release = port_rx_release,
	.tx_room = port_tx_room,
	.tx_reserve = port_tx_reserve,
	.tx_commit = port_tx_commit,
	.tx_cancel = port_tx_cancel,
	.tx_flush = port_tx_flush,
	.rx_pending = port_rx_pending,
	.lost = port_lost,
};

/* ---- a host that knows everybody ---- */

static int host_route(void *host, const struct xtcp_addr *dst, const struct xtcp_addr *src, struct host_route *out)
{
	out->next_hop = *dst;
	out->mtu = 1500;
	return 0;
}

static int host_neigh(void *host, const struct xtcp_addr *hop, uint8_t mac[6])
{
	memset(mac, 2, 6);
	return 0;
}

static int host_reserve(void *host, const struct xtcp_addr *addr, uint16_t port)
{
	return port ? port : 40001;
}

static void host_release(void *host, const struct xtcp_addr *addr, uint16_t port)
{
}

static void host_steer(void *host, uint32_t index, uint16_t port, bool owned, bool listening)
{
}

static const struct host_ops host_ops = { host_route, host_neigh, host_reserve, host_release, host_steer, NULL };

/* ---- the two halves ---- */

static struct kit kit;
static struct engine *engine;
static struct frame f;
static struct kit_result r;

static void open_engine(void)
{
	struct engine_conf c = { .max_conns = 64,
				 .max_time_wait = 64,
				 .buffer_bytes = 1 << 20,
				 .chunks = CHUNKS,
				 .chunk_size = CHUNK,
				 .syn_queue = 16,
				 .seed = { 1, 2, 3, 4, 5, 6, 7, 8 } };
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
	struct xtcp_addr any = { 0 }, a4, a6;
	uint64_t l;

	tcp_conf_default(&c.tcp);
	assert_int_equal(engine_create(&engine, &c), 0);
	wire.port.ops = &port_ops;
	wire.port.frames = engine_frames(engine);
	wire.port.area = engine_area(engine);
	wire.port.mtu = 1500;
	engine_attach(engine, &wire.port, &host_ops, NULL);
	engine_host_link(engine, mac, 1500, true);
	kit_addr(&a4, 4, local4);
	kit_addr(&a6, 6, local6);
	engine_host_addr(engine, &a4, 3, true);
	engine_host_addr(engine, &a6, 5, true);
	assert_int_equal(engine_listen(engine, &any, 80, 16, 16, &l), 0);
}

static uint32_t rng = 1;

static uint32_t rnd(uint32_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 17;
	rng ^= rng << 5;
	return rng % n;
}

/* A frame for us, spoiled in up to three places in its headers; mostly sealed again afterwards. */
static void make_frame(void)
{
	static const uint8_t usual[] = { 0x02, 0x12, 0x10, 0x18, 0x11, 0x04, 0x14 };
	int family = rnd(2) ? 4 : 6;
	struct frame_spec s = { .family = family,
				.sport = (uint16_t)(40000 + rnd(8)),
				.dport = 80,
				.payload = rnd(3) ? 0 : rnd(200),
				.tcp_opts = rnd(2) * 4 * rnd(11) };
	uint32_t hurts = rnd(4);

	s.flags = rnd(2) ? usual[rnd(sizeof(usual))] : (uint16_t)rnd(512);
	s.src = family == 4 ? remote4 : remote6;
	s.dst = family == 4 ? local4 : local6;
	s.vlans = (int)rnd(3);
	frame_tcp(&f, &s);
	while (hurts--)
		f.b[rnd(2) ? f.l3 + rnd((uint32_t)(f.payload - f.l3)) : f.l4 + rnd(20)] = (uint8_t)rnd(256);
	if (rnd(4) && f.l4 + 20 <= f.len)
		frame_seal(&f);
	if (!rnd(8))
		f.len -= rnd((uint32_t)(f.len - f.l3));
}

static uint64_t engine_drops(void)
{
	const uint64_t *st = engine_stats(engine);
	uint64_t sum = 0;

	enum { PASS, REDIR, DROP, COUNT };
#define XTCP_USER_STAT(kind, name, text) \
	if (kind == DROP)                \
		sum += st[XTCP_USER_##name];
#include "xtcp/stats.def"
	return sum;
}

static void test_differential_what_xdp_drops_the_engine_drops_in_silence(void **state)
{
	uint64_t now = 1000000000, dropped = 0, redirected = 0;
	struct engine_counts before, after;

	for (int i = 0; i < ROUNDS; i++, now += 1000000) {
		uint64_t drops = engine_drops();

		make_frame();
		assert_int_equal(kit_run(&kit, f.b, f.len, 0, &r), 0);
		redirected += r.verdict == 4;
		if (r.verdict != 1) /* XDP_DROP */
			continue;
		dropped++;
		engine_counts(engine, &before);
		wire.in = &f;
		wire.sent = 0;
		engine_turn(engine, now);
		engine_counts(engine, &after);
		if (wire.sent || after.conns != before.conns || engine_drops() != drops + 1)
			print_message("round %d: XDP dropped it, the engine sent %u, conns %u to %u, drops +%llu\n", i,
				      wire.sent, before.conns, after.conns,
				      (unsigned long long)(engine_drops() - drops));
		assert_int_equal(wire.sent, 0);
		assert_int_equal(after.conns, before.conns);
		assert_int_equal(engine_drops(), drops + 1);
	}
	print_message("%d frames: %llu dropped, %llu redirected\n", ROUNDS, (unsigned long long)dropped,
		      (unsigned long long)redirected);
	assert_true(dropped > ROUNDS / 10); /* or this compared nothing */
	assert_true(redirected > ROUNDS / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_differential_what_xdp_drops_the_engine_drops_in_silence),
	};
	int rc = kit_open(&kit, (struct xtcp_xdp_conf){ .flow_key = KIT_KEY });

	if (rc)
		return rc;
	kit_own_addr(&kit, 4, local4, 3);
	kit_own_addr(&kit, 6, local6, 5);
	kit_own_port(&kit, 80, 1ull << 3 | 1ull << 5);
	kit_socket(&kit, 1);
	open_engine();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	kit_close(&kit);
	return rc;
}
