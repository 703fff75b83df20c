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

/* ---- a device with several transmit queues ---- */

static struct { /* what conn[0] has under way: the text that left last by either way ends there */
	uint32_t ring_end, apart_end, ring_mark, changes, singles;
	bool apart; /* the last went apart */
} ways;
static void (*commits)(struct io_port *, const struct io_pkt *);

/* Bytes of sequence space of a frame over IPv4, and where they end. */
static uint32_t sequence(const struct io_pkt *pkt, uint32_t *end)
{
	const uint8_t *tcp = pkt->frag[0].data + 34;
	uint32_t n = pkt->len - 34 - (tcp[12] >> 4) * 4u + (tcp[13] & TCP_FIN);

	*end = wire_be32(tcp + 4) + n;
	return n;
}

static void watch_commit(struct io_port *port, const struct io_pkt *pkt)
{
	uint32_t end;

	commits(port, pkt);
	if (!sequence(pkt, &end))
		return;
	assert_true(seq_geq(kit_conn(0, conn[0])->tcp.snd_una, ways.apart_end));
	ways.ring_end = end;
	ways.ring_mark = port->tx_committed;
	ways.changes += ways.apart;
	ways.apart = false;
}

static int watch_apart(struct io_port *port, const struct io_pkt *pkt, const struct io_gso *how)
{
	uint32_t end;

	assert_true(sequence(pkt, &end) > 0);
	assert_true(seq_geq(kit_conn(0, conn[0])->tcp.snd_una, ways.ring_end) ||
		    port->frames->in_tx <= port->tx_committed - ways.ring_mark);
	if (seq_gt(end, ways.apart_end))
		ways.apart_end = end;
	ways.singles += !how->size;
	ways.changes += !ways.apart;
	ways.apart = true;
	return sends_super(port, pkt, how);
}

static void watch_ways(void)
{
	struct io_port *port = &kp->side[0].port.port;

	port->gso_bytes = 65280;
	port->gso_apart = true;
	full_ops = *port->ops;
	sends_super = full_ops.tx_gso;
	commits = full_ops.tx_commit;
	full_ops.tx_gso = watch_apart;
	full_ops.tx_commit = watch_commit;
	port->ops = &full_ops;
	memset(&ways, 0, sizeof(ways));
	ways.ring_end = ways.apart_end = kit_conn(0, conn[0])->tcp.snd_una;
}

/* What the application writes in turn i of the next test, which waits for the peer to have all. */
static uint32_t writes(uint32_t i, bool all)
{
	static const uint32_t sizes[] = { 100, 150000, 1460, 3000, 1, 65536, 5000, 20000 };

	if (i % 50 < 6 && i > 1000) /* one at a time, the first is lost: then the retransmission is, too */
		return 1460;
	if (i % 50 < 10 && i > 1000)
		return 20000;
	return i % 50 > 30 || (!all && i % 7) ? 0 : sizes[i % 8];
}

/*
 * With gso_apart text goes by the ring only when all that went the other way is acknowledged, and back only when the ring has
 * completed it, also when frames are lost. Nothing waits for that.
 */
static void test_output_ways_that_are_apart_do_not_mix(void **state)
{
	uint64_t at = 0, want = 0;

	join(1);
	watch_ways();
	for (uint32_t i = 0; i < 4000; i++) {
		uint32_t n = want - at < 60000 ? writes(i, at == want) : 0;

		kp->cut = i > 1000 && i % 50 == 0;
		if (n)
			kit_send(0, conn[0], n);
		want += n;
		pair_turn(kp);
		kp->now += i % 3 * 50000;
		kit_receive(1, peer[0], &at);
	}
	kp->cut = false;
	pair_sleep(kp, 3000000000);
	kit_receive(1, peer[0], &at);
	assert_int_equal(at, want);
	assert_true(ways.changes > 20);
	assert_true(ways.singles > 20);
	assert_int_equal(stat_of(0, tx_supers_followed), ways.singles);
	assert_true(stat_of(0, tx_supers) > 20 && stat_of(0, retrans_segs) > 0 && stat_of(1, in_csum) == 0);
	assert_int_equal(kp->side[0].port.bad, 0);
}

static void write_and_turn(int i, uint32_t n)
{
	kit_send(0, conn[i], n);
	engine_turn(eng(0), kp->now);
}

/* A small segment that is not yet acknowledged keeps bulk from going apart only as long as it is in the ring. */
static void test_output_goes_apart_when_the_ring_is_done(void **state)
{
	join(3);
	watch_ways();
	write_and_turn(0, 100);
	write_and_turn(0, 20000);
	assert_int_equal(stat_of(0, tx_supers), 0); /* the 100 bytes are in the ring */
	assert_int_equal(stat_of(0, tx_supers_waived), 1);
	pair_sleep(kp, 3000000000);
	write_and_turn(0, 100);
	write_and_turn(2, 100); /* the first are complete now, and in flight */
	write_and_turn(0, 20000);
	assert_true(kit_conn(0, conn[0])->tcp.snd_una != ways.ring_end);
	assert_true(stat_of(0, tx_supers) > 0);
	assert_int_equal(stat_of(0, tx_supers_waived), 1);
}

/* A retransmission by the ring keeps the new text behind it there, although all before it is complete. */
static void test_output_goes_apart_not_behind_a_retransmission(void **state)
{
	join(3);
	watch_ways();
	kp->cut = true;
	write_and_turn(0, 1460);
	kp->cut = false;
	for (int i = 0; i < 4; i++)
		write_and_turn(0, 1460);
	write_and_turn(2, 100); /* the flush collects */
	pair_turn(kp);
	kp->now += 1000000;
	kit_send(0, conn[0], 20000);
	for (int i = 0; i < 3 && !stat_of(0, retrans_segs); i++)
		pair_turn(kp);
	assert_true(stat_of(0, retrans_segs) > 0);
	assert_true(kit_conn(0, conn[0])->tcp.snd_nxt - kit_conn(0, conn[0])->tcp.snd_una > 5 * 1460);
	assert_int_equal(stat_of(0, tx_supers), 0);
}

/* FIN alone follows super-segments, too. */
static void test_output_fin_goes_apart(void **state)
{
	join(1);
	watch_ways();
	write_and_turn(0, 4u * kit_conn(0, conn[0])->tcp.mss);
	assert_int_equal(stat_of(0, tx_supers), 1);
	tcp_shutdown(engine_env(eng(0)), engine_conn(eng(0), conn[0]), kp->now);
	engine_touch(eng(0), conn[0]);
	pair_sleep(kp, 3000000000);
	assert_int_equal(stat_of(0, tx_supers_followed), 1);
	assert_int_equal(ways.singles, 1);
	assert_int_equal(engine_conn(eng(1), peer[0])->state, TCP_CLOSE_WAIT);
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
		TEST(test_output_ways_that_are_apart_do_not_mix),
		TEST(test_output_goes_apart_when_the_ring_is_done),
		TEST(test_output_goes_apart_not_behind_a_retransmission),
		TEST(test_output_fin_goes_apart),
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
