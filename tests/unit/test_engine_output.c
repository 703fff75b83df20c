// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_engine_output.c - engine/output.c: the output pass, its budget, a full transmit ring, fairness. */
#include "engine_kit.h"
#include <errno.h>

static uint64_t listener, conn[8], peer[8];

static void join(int n)
{
	listener = kit_listen(80);
	for (int i = 0; i < n; i++)
		kit_join(i & 1, 80, listener, &conn[i], &peer[i]);
}

/* Bytes without the pattern of engine_kit, as many as fit. */
static void fill(int i)
{
	static uint8_t bytes[65536];

	while (tcp_send(engine_env(eng(0)), engine_conn(eng(0), conn[i]), bytes, sizeof(bytes), false, false) > 0)
		;
	engine_touch(eng(0), conn[i]);
}

static void drain(int i)
{
	static uint8_t bytes[65536];

	while (tcp_recv(engine_env(eng(1)), engine_conn(eng(1), peer[i]), bytes, sizeof(bytes)) > 0)
		;
	engine_touch(eng(1), peer[i]);
}

static uint64_t received(int i)
{
	return tcp_cold_peek(engine_conn(eng(1), peer[i]))->account.bytes_received;
}

/* A ring that takes very few: nothing is lost, nothing out of order, nothing sent twice. */
static void test_output_small_ring_keeps_all_in_order(void **state)
{
	uint64_t at = 0;

	join(1);
	kp->side[0].port.tx_max = IO_MAX_FRAGS + 1;
	kit_send(0, conn[0], 200000);
	for (int i = 0; i < 2000 && at < 200000; i++) {
		pair_turn(kp);
		kp->now += 100000;
		kit_receive(1, peer[0], &at);
	}
	assert_int_equal(at, 200000);
	assert_true(stat_of(0, tx_ring_full) > 0);
	assert_int_equal(stat_of(0, retrans_segs) + stat_of(1, in_ooo) + stat_of(1, in_seq_old), 0);
}

/* Where the device cuts up super-segments, bulk goes as such, and arrives as if it had not. */
static void test_output_bulk_goes_as_super_segments(void **state)
{
	uint64_t at = 0;

	join(2); /* one of either IP version */
	kp->side[0].port.port.gso_bytes = 65280;
	for (uint32_t c = 0; c < 2; c++) {
		kit_send(0, conn[c], 200000);
		for (int i = 0; i < 500 && at < 200000u * (c + 1); i++) {
			pair_turn(kp);
			kp->now += 100000;
			kit_receive(1, peer[c], &at);
		}
		assert_int_equal(at, 200000u * (c + 1));
	}
	assert_true(stat_of(0, tx_supers) > 4);
	assert_true(stat_of(0, out_segs) > 400000 / 1460);
	assert_true(stat_of(0, tx_frames) < stat_of(0, out_segs) / 2);
	assert_int_equal(stat_of(0, retrans_segs) + stat_of(1, in_ooo) + stat_of(1, in_csum) + kp->side[0].port.bad, 0);
}

static struct io_port_ops full_ops;
static int (*sends_super)(struct io_port *, const struct io_pkt *, const struct io_gso *);
static uint32_t supers;

/* The kernel's buffer is full: every third is refused. */
static int refuse_some(struct io_port *port, const struct io_pkt *pkt, const struct io_gso *how)
{
	return supers++ % 3 == 2 ? -ENOBUFS : sends_super(port, pkt, how);
}

/* What the kernel does not take is lost as in a network: counted, and sent again. */
static void test_output_refused_super_segments_are_sent_again(void **state)
{
	struct io_port *port;
	uint64_t at = 0;

	join(1);
	port = &kp->side[0].port.port;
	port->gso_bytes = 65280;
	full_ops = *port->ops;
	sends_super = full_ops.tx_gso;
	full_ops.tx_gso = refuse_some;
	port->ops = &full_ops;
	kit_send(0, conn[0], 200000);
	for (int i = 0; i < 20000 && at < 200000; i++) {
		pair_turn(kp);
		kp->now += 1000000;
		kit_receive(1, peer[0], &at);
	}
	assert_int_equal(at, 200000);
	assert_true(stat_of(0, tx_supers_lost) > 0);
	assert_true(stat_of(0, retrans_segs) > 0);
}

static void test_output_small_ring_serves_all_in_turn(void **state)
{
	uint64_t least = UINT64_MAX, most = 0;

	join(6);
	kp->side[0].port.tx_max = IO_MAX_FRAGS + 1; /* two frames a turn */
	for (int i = 0; i < 6; i++)
		fill(i);
	for (int turn = 0; turn < 300; turn++) {
		pair_turn(kp);
		kp->now += 20000;
		for (int i = 0; i < 6; i++) {
			drain(i);
			fill(i);
		}
	}
	for (int i = 0; i < 6; i++) {
		least = received(i) < least ? received(i) : least;
		most = received(i) > most ? received(i) : most;
	}
	assert_true(least > 0);
	assert_true(most < 3 * least);
}

static void test_output_full_ring_comes_back_soon(void **state)
{
	join(1);
	kp->side[0].port.tx_max = IO_MAX_FRAGS - 1; /* never enough */
	kit_send(0, conn[0], 10);
	assert_true(engine_deadline(eng(0)) == 0);
	kit_turn(0);
	assert_int_equal(stat_of(0, tx_ring_full), 1);
	assert_true(engine_deadline(eng(0)) == kp->now + 1000000); /* no spinning */
	kp->now += 1000000;
	kp->side[0].port.tx_max = 256;
	kit_turn(0);
	assert_int_equal(kit_sent(0, 0)->tcp.payload_len, 10);
	assert_true(engine_deadline(eng(0)) > kp->now + 1000000);
}

/* What only wants to be settled is, whatever the ring looks like. */
static void test_output_full_ring_holds_up_no_events(void **state)
{
	uint64_t n;

	join(3);
	n = kit_sent_count(0);
	kp->side[0].port.tx_max = IO_MAX_FRAGS - 1;
	kit_send(0, conn[0], 10);
	kit_send(1, peer[1], 10);
	kit_turn(1);
	kit_turn(0);
	assert_true(pair_events(kp, 0, conn[1]) & TCP_EV_READABLE);
	assert_int_equal(kit_sent_count(0), n);
	kp->side[0].port.tx_max = 256;
	pair_settle(kp);
	assert_int_equal(received(0), 10);
}

static void test_output_few_free_chunks_are_no_loss(void **state)
{
	struct io_frames *f = eng(0)->frames;
	uint32_t kept;
	uint64_t at = 0;

	join(1);
	kept = f->free - (IO_MAX_FRAGS + 1); /* as if other frames were held */
	f->free -= kept;
	f->in_tx += kept;
	kit_send(0, conn[0], 100000);
	for (int i = 0; i < 2000 && at < 100000; i++) {
		pair_turn(kp);
		kp->now += 100000;
		kit_receive(1, peer[0], &at);
	}
	f->free += kept;
	f->in_tx -= kept;
	assert_int_equal(at, 100000);
	assert_int_equal(stat_of(0, retrans_segs), 0);
}

static struct {
	uint16_t port;
	uint32_t run, longest; /* frames of one connection in a row */
} runs;

static void note_run(void *arg, bool out, const struct io_pkt *pkt, const struct xtcp_addr *laddr, uint16_t lport,
		     const struct xtcp_addr *raddr, uint16_t rport, const struct tcp_seg *seg)
{
	if (!out)
		return;
	runs.run = lport == runs.port ? runs.run + 1 : 1;
	runs.port = lport;
	if (runs.run > runs.longest)
		runs.longest = runs.run;
}

/* One connection sends at most 64 segments before the next has its turn. */
static void test_output_bulk_gives_way_to_others(void **state)
{
	memset(&runs, 0, sizeof(runs));
	kp->side[0].port.tx_max = 900;
	join(2);
	for (int i = 0; i < 2; i++) { /* large windows: as if they had grown */
		struct tcp_conn *c = engine_conn(eng(0), conn[i]);

		c->last_tx_ns = kp->now;
		c->cwnd = 1000 * 1448;
		c->snd_wnd = 1000 * 1448;
		fill(i);
	}
	kp->cut = true;
	engine_set_tap(eng(0), note_run, NULL);
	kit_turn(0);
	assert_int_equal(runs.longest, 64);
	for (int i = 0; i < 2; i++)
		assert_true(engine_conn(eng(0), conn[i])->segs_out > 150);
}

/* A turn ends after 512 segments, so that what comes in is heard. */
static void test_output_turn_has_a_budget(void **state)
{
	struct engine_conf conf;
	uint64_t was;

	kit_teardown(NULL);
	pair_conf(&conf);
	conf.chunks = 4096;
	assert_int_equal(kit_open(&conf), 0);
	kp->side[0].port.tx_max = 1000;
	join(8);
	kp->cut = true;
	was = stat_of(0, tx_frames);
	for (int i = 0; i < 8; i++) {
		struct tcp_conn *c = engine_conn(eng(0), conn[i]);

		c->last_tx_ns = kp->now;
		c->cwnd = c->snd_wnd = 200 * 1448;
		fill(i);
	}
	kit_turn(0);
	assert_int_equal(stat_of(0, tx_frames) - was, 512);
	assert_true(engine_deadline(eng(0)) == 0);
	for (int i = 0; i < 8; i++)
		assert_int_equal(tcp_cold_peek(engine_conn(eng(0), conn[i]))->account.retrans_segs, 0);
}

static void test_output_addresses_follow_the_destination(void **state)
{
	for (int family = 0; family < 2; family++) {
		const struct kit_frame *f;
		uint64_t c = kit_connect(family, 81);

		kit_turn(0);
		f = kit_sent(0, 0);
		assert_memory_equal(f->data, kp->side[1].mac, 6);
		assert_memory_equal(f->data + 6, kp->side[0].mac, 6);
		assert_int_equal(f->ip.family, family ? WIRE_IP6 : WIRE_IP4);
		assert_int_equal(f->ip.vlan_tags, 0);
		assert_true(addr_eq(&f->ip.saddr, kit_addr(0, family)));
		assert_true(addr_eq(&f->ip.daddr, kit_addr(1, family)));
		if (family)
			assert_int_equal(wire_be32(f->data + 14) & 0xfffff, kit_conn(0, c)->hash & 0xfffff);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_output_small_ring_keeps_all_in_order),
		TEST(test_output_bulk_goes_as_super_segments),
		TEST(test_output_small_ring_keeps_all_in_order),
		TEST(test_output_refused_super_segments_are_sent_again),
		TEST(test_output_small_ring_serves_all_in_turn),
		TEST(test_output_full_ring_comes_back_soon),
		TEST(test_output_full_ring_holds_up_no_events),
		TEST(test_output_few_free_chunks_are_no_loss),
		TEST(test_output_bulk_gives_way_to_others),
		TEST(test_output_turn_has_a_budget),
		TEST(test_output_addresses_follow_the_destination),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
