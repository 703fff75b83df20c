// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_engine_pressure.c - engine/pressure.c: which connections pay when buffer memory runs short. */
#include "engine_kit.h"

#define MEM (1u << 20)
#define N 4

static uint64_t listener, c[N], s[N];

static int setup(void **state)
{
	struct engine_conf conf;

	(void)state;
	pair_conf(&conf);
	conf.buffer_bytes = MEM;
	conf.mem_low = MEM / 2;
	conf.mem_pressure = MEM / 2;
	conf.mem_high = MEM / 4 * 3;
	conf.tcp.rcvbuf_init = conf.tcp.rcvbuf_max = 8192;
	conf.tcp.zero_window_probes = 1;
	return kit_open(&conf);
}

/* Nobody reads on side 1: its windows shut, and what side 0 sends stays in its send buffers. */
static void fill(uint32_t n, const uint32_t bytes[])
{
	listener = kit_listen(80);
	for (uint32_t i = 0; i < n; i++) {
		kit_join(0, 80, listener, &c[i], &s[i]);
		kit_send(0, c[i], bytes[i]);
	}
	pair_settle(kp);
}

/* More than mem_high is in use now. */
static uint32_t hog(void)
{
	uint32_t block = mem_alloc(eng(0)->env.mem, 11);

	assert_int_not_equal(block, 0);
	assert_true(mem_short(eng(0)->env.mem));
	return block;
}

static void unhog(uint32_t block)
{
	mem_free(eng(0)->env.mem, block, 11);
	pair_turn(kp);
}

static bool gone(uint64_t h)
{
	return !(kit_conn(0, h)->life & CONN_USED) || kit_conn(0, h)->tcp.state == TCP_CLOSED;
}

static void test_pressure_is_counted_when_it_begins(void **state)
{
	fill(2, (uint32_t[]){ 200000, 200000 });
	pair_turn(kp);
	assert_int_equal(stat_of(0, mem_pressure), 1);
	pair_turn(kp);
	assert_int_equal(stat_of(0, mem_pressure), 1);
	for (int i = 0; i < 2; i++)
		engine_abort(eng(0), c[i]);
	pair_settle(kp);
	assert_int_equal(eng(0)->env.mem->used, 0);
	assert_false(mem_pressed(eng(0)->env.mem));
}

static void test_pressure_largest_orphan_goes_first_and_no_more_than_need_be(void **state)
{
	uint32_t block;

	fill(3, (uint32_t[]){ 30000, 200000, 60000 });
	for (int i = 0; i < 2; i++)
		engine_close(eng(0), c[i]);
	pair_turn(kp);
	block = hog();
	pair_turn(kp);
	assert_true(gone(c[1]));
	assert_false(gone(c[0]));
	assert_false(gone(c[2])); /* open */
	assert_int_equal(stat_of(0, mem_orphans), 1);
	assert_int_equal(stat_of(0, mem_zero_windows), 0);
	assert_false(mem_short(eng(0)->env.mem));
	pair_settle(kp); /* its peer hears of it */
	assert_int_equal(kit_conn(1, s[1])->tcp.error, ECONNRESET);
	unhog(block);
}

static void test_pressure_open_connection_goes_only_after_its_peer_was_shut_for_long(void **state)
{
	uint32_t block;

	fill(2, (uint32_t[]){ 200000, 30000 });
	block = hog();
	pair_turn(kp);
	assert_false(gone(c[0])); /* not yet probed */
	pair_sleep(kp, 2 * SECOND);
	assert_true(gone(c[0]));
	assert_false(gone(c[1]));
	assert_int_equal(kit_conn(0, c[0])->tcp.error, ETIMEDOUT);
	assert_true(pair_events(kp, 0, c[0]) & TCP_EV_ERROR);
	assert_int_equal(stat_of(0, mem_zero_windows), 1);
	unhog(block);
}

static void test_pressure_without_need_nobody_is_ended(void **state)
{
	fill(2, (uint32_t[]){ 60000, 30000 });
	engine_close(eng(0), c[1]);
	pair_sleep(kp, 20 * SECOND);
	assert_false(gone(c[0]));
	assert_false(gone(c[1]));
	assert_int_equal(stat_of(0, mem_orphans) + stat_of(0, mem_zero_windows), 0);
}

static void test_pressure_out_of_order_data_goes_before_any_connection(void **state)
{
	uint8_t opt[12] = { 1, 1, 8, 10 };
	struct kit_seg seg = {
		.src = kit_addr(1, 0), .dst = kit_addr(0, 0), .sport = 80, .flags = TCP_ACK, .len = 700
	};
	static uint8_t frame[KIT_FRAME];
	uint32_t block;
	struct tcp_conn *t;

	fill(2, (uint32_t[]){ 200000, 1 });
	engine_close(eng(0), c[0]);
	pair_turn(kp);
	t = &kit_conn(0, c[1])->tcp;
	seg.dport = ntohs(t->lport);
	seg.seq = t->rcv_nxt + 7000;
	seg.ack = t->snd_nxt;
	for (int i = 0; i < 4; i++) /* timestamps were agreed */
		opt[4 + i] = (uint8_t)(t->ts_recent >> (24 - 8 * i));
	seg.opt = opt;
	seg.opt_len = 12;
	kit_give(0, frame, kit_tcp(frame, 0, &seg), NULL);
	assert_int_equal(t->ooo_count, 1);
	block = hog();
	pair_turn(kp);
	assert_int_equal(t->ooo_count, 0);
	assert_int_equal(stat_of(0, ooo_pruned), 1);
	unhog(block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pressure_is_counted_when_it_begins, setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_pressure_largest_orphan_goes_first_and_no_more_than_need_be, setup,
						kit_teardown),
		cmocka_unit_test_setup_teardown(
			test_pressure_open_connection_goes_only_after_its_peer_was_shut_for_long, setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_pressure_without_need_nobody_is_ended, setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_pressure_out_of_order_data_goes_before_any_connection, setup,
						kit_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
