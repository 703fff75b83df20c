// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_engine.c - two whole engines in memory: connections from the first SYN to the end of TIME-WAIT. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "engine/private.h"
#include "engine_pair.h"
#include "lib/addr.h"

#define EV_ACCEPT 0x01u
#define SECOND 1000000000ull

static struct pair *p;

static int setup(void **state)
{
	p = calloc(1, sizeof(*p));
	pair_open(p, NULL);
	return p ? 0 : -1;
}

static int teardown(void **state)
{
	pair_close(p);
	free(p);
	return 0;
}

static struct engine *eng(int i)
{
	return p->side[i].e;
}

static uint64_t stat(int side, int n)
{
	return engine_stats(eng(side))[n];
}

static uint64_t do_listen(uint16_t port, uint32_t backlog, uint32_t syn_queue)
{
	uint64_t l;

	assert_int_equal(engine_listen(eng(1), NULL, port, backlog, syn_queue, &l), 0);
	return l;
}

static uint64_t do_connect(int family, uint16_t port)
{
	uint64_t c;

	assert_int_equal(engine_connect(eng(0), &p->side[1].addr[family], port, NULL, 0, 42, &c), 0);
	return c;
}

/* A connection, both handles. */
static void establish(int family, uint64_t *l, uint64_t *c, uint64_t *s)
{
	*l = do_listen(80, 0, 0);
	*c = do_connect(family, 80);
	pair_settle(p);
	assert_true(pair_events(p, 0, *c) & TCP_EV_OPEN);
	assert_int_equal(pair_events(p, 1, *l), EV_ACCEPT);
	assert_int_equal(engine_accept(eng(1), *l, s), 0);
	assert_int_equal(engine_conn(eng(0), *c)->state, TCP_ESTABLISHED);
	assert_int_equal(engine_conn(eng(1), *s)->state, TCP_ESTABLISHED);
}

static void send_all(int side, uint64_t h, const void *data, size_t len)
{
	struct tcp_conn *c = engine_conn(eng(side), h);

	assert_non_null(c);
	assert_int_equal(tcp_send(engine_env(eng(side)), c, data, len, false, false), len);
	engine_touch(eng(side), h);
}

static int64_t receive(int side, uint64_t h, void *buf, size_t len)
{
	struct tcp_conn *c = engine_conn(eng(side), h);
	int64_t n;

	assert_non_null(c);
	n = tcp_recv(engine_env(eng(side)), c, buf, len);
	engine_touch(eng(side), h);
	return n;
}

static void echo_test(int family)
{
	uint64_t l, c, s;
	char buf[64];

	establish(family, &l, &c, &s);
	send_all(0, c, "hello", 5);
	pair_settle(p);
	assert_true(pair_events(p, 1, s) & TCP_EV_READABLE);
	assert_int_equal(receive(1, s, buf, sizeof(buf)), 5);
	assert_memory_equal(buf, "hello", 5);
	send_all(1, s, "world!", 6);
	pair_settle(p);
	assert_true(pair_events(p, 0, c) & TCP_EV_READABLE);
	assert_int_equal(receive(0, c, buf, sizeof(buf)), 6);
	assert_int_equal(receive(0, c, buf, sizeof(buf)), -EAGAIN);
	assert_int_equal(stat(0, XTCP_USER_in_csum) + stat(1, XTCP_USER_in_csum), 0);
	assert_int_equal(stat(0, XTCP_USER_in_malformed) + stat(1, XTCP_USER_in_malformed), 0);
}

static void test_engine_echo_over_ipv4(void **state)
{
	echo_test(0);
}

static void test_engine_echo_over_ipv6(void **state)
{
	echo_test(1);
}

/* RFC 9293: MUST-13 */
static void test_engine_close_both_ways_ends_in_time_wait(void **state)
{
	uint64_t l, c, s;
	struct engine_counts n;
	char buf[8];

	establish(0, &l, &c, &s);
	assert_int_equal(engine_close(eng(0), c), 0);
	assert_null(engine_conn(eng(0), c));
	assert_int_equal(engine_close(eng(0), c), -EBADF);
	pair_settle(p);
	assert_true(pair_events(p, 1, s) & TCP_EV_PEER_FIN);
	assert_int_equal(receive(1, s, buf, 8), 0);
	assert_int_equal(engine_close(eng(1), s), 0);
	pair_settle(p);
	engine_counts(eng(0), &n);
	assert_int_equal(n.conns, 0);
	assert_int_equal(n.time_waits, 1);
	engine_counts(eng(1), &n);
	assert_int_equal(n.conns, 0);
	assert_int_equal(n.time_waits, 0);
	pair_sleep(p, 61 * SECOND);
	engine_counts(eng(0), &n);
	assert_int_equal(n.time_waits, 0);
	assert_int_equal(n.buffer_used, 0);
	assert_int_equal(engine_listen_close(eng(1), l), 0);
	assert_int_equal(p->side[1].owned[80], 0);
	assert_true(engine_deadline(eng(1)) == TCP_NEVER);
}

static void test_engine_closed_port_answers_with_rst(void **state)
{
	uint64_t c = do_connect(0, 81);
	struct engine_event ev;

	pair_settle(p);
	assert_int_equal(engine_events(eng(0), &ev, 1), 1);
	assert_int_equal(ev.handle, c);
	assert_int_equal(ev.user, 42);
	assert_int_equal(ev.events & TCP_EV_ERROR, TCP_EV_ERROR);
	assert_int_equal(ev.error, ECONNREFUSED);
	assert_int_equal(stat(1, XTCP_USER_out_rsts), 1);
	assert_non_null(engine_conn(eng(0), c)); /* until it is closed */
	assert_int_equal(engine_close(eng(0), c), 0);
	pair_turn(p);
	assert_int_equal(engine_close(eng(0), c), -EBADF);
}

static void test_engine_abort_resets_peer(void **state)
{
	uint64_t l, c, s;
	struct engine_event ev;

	establish(0, &l, &c, &s);
	assert_int_equal(engine_abort(eng(0), c), 0);
	pair_settle(p);
	assert_int_equal(engine_events(eng(1), &ev, 1), 1);
	assert_int_equal(ev.error, ECONNRESET);
	engine_close(eng(1), s);
	pair_settle(p);
}

static void test_engine_bulk_data_arrives_whole(void **state)
{
	uint64_t l, c, s;
	static uint8_t out[3 << 20], in[3 << 20];
	size_t sent = 0, got = 0;

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 7 + (i >> 8));
	establish(0, &l, &c, &s);
	for (int turns = 0; got < sizeof(out); turns++) {
		struct tcp_conn *a = engine_conn(eng(0), c);
		int64_t n;

		assert_true(turns < 200000);
		n = tcp_send(engine_env(eng(0)), a, out + sent, sizeof(out) - sent, false, false);
		if (sent < sizeof(out) && n > 0)
			sent += (size_t)n;
		engine_touch(eng(0), c);
		pair_turn(p);
		n = receive(1, s, in + got, sizeof(in) - got);
		if (n > 0)
			got += (size_t)n;
		p->now += 50000;
	}
	assert_memory_equal(in, out, sizeof(out));
}

static void test_engine_accept_queue_full_drops_syn(void **state)
{
	uint64_t l = do_listen(80, 2, 0), c[4];

	for (int i = 0; i < 4; i++) {
		c[i] = do_connect(0, 80);
		pair_turn(p);
		pair_turn(p);
		pair_turn(p);
	}
	assert_int_equal(engine_conn(eng(0), c[1])->state, TCP_ESTABLISHED);
	assert_int_equal(engine_conn(eng(0), c[2])->state, TCP_SYN_SENT);
	assert_int_equal(stat(1, XTCP_USER_in_accept_queue_full), 2);
	for (int i = 0; i < 2; i++) {
		uint64_t s;

		assert_int_equal(engine_accept(eng(1), l, &s), 0);
	}
	pair_sleep(p, 4 * SECOND); /* the SYNs come again */
	assert_int_equal(engine_conn(eng(0), c[3])->state, TCP_ESTABLISHED);
}

static void test_engine_syn_queue_full_drops_syn(void **state)
{
	do_listen(80, 0, 2);
	for (int i = 0; i < 3; i++)
		do_connect(0, 80);
	assert_true(engine_turn(eng(0), p->now) >= 0); /* three SYNs in one burst */
	assert_true(engine_turn(eng(1), p->now) >= 0);
	assert_int_equal(stat(1, XTCP_USER_in_syn_queue_full), 1);
	assert_null(engine_check(eng(1)));
}

static void test_engine_listener_closed_resets_unaccepted(void **state)
{
	uint64_t l = do_listen(80, 0, 0), c = do_connect(0, 80), s;
	struct engine_event ev[4];
	int n;

	pair_settle(p);
	engine_events(eng(0), ev, 4);
	assert_int_equal(engine_listen_close(eng(1), l), 0);
	assert_int_equal(engine_accept(eng(1), l, &s), -EBADF);
	pair_settle(p);
	n = engine_events(eng(0), ev, 4);
	assert_int_equal(n, 1);
	assert_int_equal(ev[0].handle, c);
	assert_int_equal(ev[0].error, ECONNRESET);
	assert_int_equal(p->side[1].owned[80], 0);
}

static void test_engine_port_stays_steered_while_connection_lives(void **state)
{
	uint64_t l, c, s;

	establish(0, &l, &c, &s);
	assert_int_equal(p->side[1].listening[80], 3);
	assert_int_equal(engine_listen_close(eng(1), l), 0);
	assert_int_equal(p->side[1].listening[80], 0);
	assert_int_equal(p->side[1].owned[80], 1);
	engine_close(eng(1), s);
	pair_settle(p);
	engine_close(eng(0), c);
	pair_settle(p);
	assert_int_equal(p->side[1].owned[80], 1); /* TIME-WAIT */
	pair_sleep(p, 61 * SECOND);
	assert_int_equal(p->side[1].owned[80], 0);
}

/* RFC 9293: MUST-42 */
static void test_engine_most_specific_listener_wins(void **state)
{
	uint64_t any = do_listen(80, 0, 0), v4, exact, got;
	struct xtcp_addr any4 = addr_from_v4(0);

	assert_int_equal(engine_listen(eng(1), NULL, 80, 0, 0, &got), -EADDRINUSE);
	do_connect(0, 80);
	pair_settle(p);
	assert_int_equal(engine_accept(eng(1), any, &got), 0);
	assert_int_equal(engine_listen(eng(1), &any4, 80, 0, 0, &v4), 0);
	do_connect(0, 80);
	pair_settle(p);
	assert_int_equal(engine_accept(eng(1), any, &got), -EAGAIN);
	assert_int_equal(engine_accept(eng(1), v4, &got), 0);
	assert_int_equal(engine_listen(eng(1), &p->side[1].addr[0], 80, 0, 0, &exact), 0);
	do_connect(0, 80);
	do_connect(1, 80);
	pair_settle(p);
	assert_int_equal(engine_accept(eng(1), exact, &got), 0);
	assert_int_equal(engine_accept(eng(1), any, &got), 0);
	assert_int_equal(engine_listener_port(eng(1), exact), 80);
}

static void test_engine_listen_port_zero_is_chosen(void **state)
{
	uint64_t l = do_listen(0, 0, 0);
	int port = engine_listener_port(eng(1), l);

	assert_true(port > 0);
	assert_int_equal(p->side[1].listening[port], 3);
	do_connect(1, (uint16_t)port);
	pair_settle(p);
	assert_int_equal(pair_events(p, 1, l), EV_ACCEPT);
}

static void test_engine_unresolved_neighbour_holds_frames(void **state)
{
	uint64_t l = do_listen(80, 0, 0), c;

	p->side[0].neigh_slow = true;
	c = do_connect(0, 80);
	pair_turn(p);
	pair_turn(p);
	assert_int_equal(p->side[0].frames_out, 0);
	assert_int_equal(p->side[0].neigh_asked, 1);
	engine_host_neigh(eng(0), &p->side[1].addr[0], p->side[1].mac);
	p->side[0].neigh_slow = false;
	pair_settle(p);
	assert_int_equal(engine_conn(eng(0), c)->state, TCP_ESTABLISHED);
	assert_memory_equal(p->side[0].last_frame, p->side[1].mac, 6);
	assert_int_equal(pair_events(p, 1, l), EV_ACCEPT);
}

/* Found by tests/fuzz/fuzz_frames.c: the host's answer came by asking again, not as news. */
static void test_engine_neighbour_answered_on_asking_releases_frames(void **state)
{
	uint64_t c;

	do_listen(80, 0, 0);
	p->side[0].neigh_slow = true;
	c = do_connect(0, 80);
	pair_turn(p);
	assert_int_equal(eng(0)->r->helds.used, 1);
	p->side[0].neigh_slow = false;
	pair_sleep(p, 2 * SECOND);
	assert_int_equal(engine_conn(eng(0), c)->state, TCP_ESTABLISHED);
	assert_int_equal(eng(0)->r->helds.used, 0);
}

static void test_engine_neighbour_queue_is_bounded(void **state)
{
	p->side[0].neigh_slow = true;
	for (int i = 0; i < 20; i++)
		do_connect(0, 80);
	pair_turn(p);
	assert_int_equal(stat(0, XTCP_USER_neigh_queue_full), 12);
	engine_host_neigh(eng(0), &p->side[1].addr[0], NULL); /* gone from the table: asked for anew */
	assert_int_equal(stat(0, XTCP_USER_neigh_failed), 0);
	p->side[0].neigh_dead = true;
	engine_host_neigh(eng(0), &p->side[1].addr[0], NULL);
	assert_int_equal(stat(0, XTCP_USER_neigh_failed), 8);
	pair_turn(p);
}

static void test_engine_connect_to_silent_neighbour_fails_at_once(void **state)
{
	struct engine_event ev;
	uint64_t c;

	p->side[0].neigh_slow = true;
	c = do_connect(0, 80);
	pair_turn(p);
	p->side[0].neigh_dead = true;
	engine_host_neigh(eng(0), &p->side[1].addr[0], NULL);
	pair_turn(p);
	assert_int_equal(engine_events(eng(0), &ev, 1), 1);
	assert_int_equal(ev.handle, c);
	assert_int_equal(ev.error, EHOSTUNREACH);
}

static void test_engine_time_wait_table_full_recycles_oldest(void **state)
{
	uint64_t l = do_listen(80, 0, 0), c, s;
	struct engine_counts n;

	for (int i = 0; i < 20; i++) {
		c = do_connect(0, 80);
		pair_settle(p);
		assert_int_equal(engine_accept(eng(1), l, &s), 0);
		engine_close(eng(0), c);
		pair_settle(p);
		engine_close(eng(1), s);
		pair_settle(p);
	}
	engine_counts(eng(0), &n);
	assert_int_equal(n.time_waits, 16);
	assert_int_equal(stat(0, XTCP_USER_time_wait_overflow), 4);
}

static void test_engine_connect_avoids_time_wait_tuple(void **state)
{
	uint64_t l = do_listen(80, 0, 0), c, s;

	assert_int_equal(engine_connect(eng(0), &p->side[1].addr[0], 80, NULL, 1234, 0, &c), 0);
	pair_settle(p);
	assert_int_equal(engine_connect(eng(0), &p->side[1].addr[0], 80, NULL, 1234, 0, &s), -EADDRINUSE);
	assert_int_equal(engine_accept(eng(1), l, &s), 0);
	engine_close(eng(0), c);
	pair_settle(p);
	engine_close(eng(1), s);
	pair_settle(p);
	assert_int_equal(engine_connect(eng(0), &p->side[1].addr[0], 80, NULL, 1234, 0, &c), -EADDRINUSE);
	pair_sleep(p, 61 * SECOND);
	assert_int_equal(engine_connect(eng(0), &p->side[1].addr[0], 80, NULL, 1234, 0, &c), 0);
}

/* RFC 6191 and tcp_tw_reuse: after a second the timestamps tell old from new. */
static void test_engine_connect_reuses_time_wait_tuple_after_a_second(void **state)
{
	uint64_t l = do_listen(80, 0, 0), c, s;

	assert_int_equal(engine_connect(eng(0), &p->side[1].addr[0], 80, NULL, 1234, 0, &c), 0);
	pair_settle(p);
	assert_int_equal(engine_accept(eng(1), l, &s), 0);
	engine_close(eng(0), c);
	pair_settle(p);
	engine_close(eng(1), s);
	pair_settle(p);
	pair_sleep(p, SECOND - SECOND / 100);
	assert_int_equal(engine_connect(eng(0), &p->side[1].addr[0], 80, NULL, 1234, 0, &c), -EADDRINUSE);
	pair_sleep(p, SECOND / 50);
	assert_int_equal(engine_connect(eng(0), &p->side[1].addr[0], 80, NULL, 1234, 0, &c), 0);
	pair_settle(p);
	assert_true(pair_events(p, 0, c) & TCP_EV_OPEN);
	assert_int_equal(stat(0, XTCP_USER_time_wait_reused), 1);
}

static void test_engine_connect_rejects_bad_peers(void **state)
{
	struct xtcp_addr bad[] = { addr_from_v4(htonl(0xe0000001)), addr_from_v4(0), addr_from_v4(htonl(0xffffffff)),
				   p->side[0].addr[0] };
	struct xtcp_addr far = addr_from_v4(htonl(0x08080808));
	uint64_t c;

	for (size_t i = 0; i < 4; i++)
		assert_int_equal(engine_connect(eng(0), &bad[i], 80, NULL, 0, 0, &c), -EINVAL);
	assert_int_equal(engine_connect(eng(0), &p->side[1].addr[0], 0, NULL, 0, 0, &c), -EINVAL);
	assert_int_equal(engine_connect(eng(0), &far, 80, NULL, 0, 0, &c), -ENETUNREACH);
	assert_int_equal(engine_connect(eng(0), &p->side[1].addr[0], 80, &far, 0, 0, &c), -EADDRNOTAVAIL);
}

static void test_engine_stale_handle_harms_nothing(void **state)
{
	uint64_t l, c, s, c2;

	establish(0, &l, &c, &s);
	engine_abort(eng(0), c);
	pair_settle(p);
	c2 = do_connect(0, 80);
	assert_int_equal((uint32_t)c, (uint32_t)c2); /* the same slot */
	assert_true(c != c2);
	assert_null(engine_conn(eng(0), c));
	assert_int_equal(engine_abort(eng(0), c), -EBADF);
	assert_int_equal(engine_set_user(eng(0), c, 1), -EBADF);
	assert_int_equal(engine_listener_port(eng(0), c2), -EBADF);
	assert_null(engine_conn(eng(1), l));
	assert_null(engine_conn(eng(0), 0));
	assert_null(engine_conn(eng(0), UINT64_MAX));
	assert_non_null(engine_conn(eng(0), c2));
}

static void test_engine_address_removed_aborts_its_connections(void **state)
{
	uint64_t l, c, s;
	struct engine_event ev;

	establish(0, &l, &c, &s);
	engine_host_addr(eng(1), &p->side[1].addr[0], 0, false);
	pair_turn(p);
	assert_int_equal(engine_events(eng(1), &ev, 1), 1);
	assert_int_equal(ev.error, EADDRNOTAVAIL);
	assert_int_equal(p->side[1].owned[80], 2);
	engine_host_addr(eng(1), &p->side[1].addr[0], 0, true); /* and back: the listener covers it again */
	assert_int_equal(p->side[1].listening[80], 3);
}

static void test_engine_lost_syn_is_repaired(void **state)
{
	uint64_t c;

	do_listen(80, 0, 0);
	p->cut = true;
	c = do_connect(0, 80);
	pair_turn(p);
	p->cut = false;
	pair_sleep(p, 2 * SECOND);
	assert_int_equal(engine_conn(eng(0), c)->state, TCP_ESTABLISHED);
}

/* RFC 9293: SHLD-6 */
static void test_engine_mtu_change_reaches_connections(void **state)
{
	uint64_t l, c, s;

	establish(0, &l, &c, &s);
	assert_int_equal(engine_conn(eng(0), c)->mss, 1448);
	engine_host_link(eng(0), p->side[0].mac, 1000, true);
	assert_int_equal(engine_conn(eng(0), c)->mss, 948);
}

static void test_engine_sizes_within_budget(void **state)
{
	printf("sizes: tcp_conn %zu, conn %zu, cold part %zu, with its share of tables %zu; tw %zu, dst %zu, listener %zu\n",
	       sizeof(struct tcp_conn), sizeof(struct conn), sizeof(struct tcp_cold),
	       sizeof(struct conn) + 4 * sizeof(struct demux_slot), sizeof(struct tw), sizeof(struct dst),
	       sizeof(struct listener));
	assert_true(sizeof(struct conn) + 4 * sizeof(struct demux_slot) <= 700);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_engine_echo_over_ipv4),
		TEST(test_engine_echo_over_ipv6),
		TEST(test_engine_close_both_ways_ends_in_time_wait),
		TEST(test_engine_closed_port_answers_with_rst),
		TEST(test_engine_abort_resets_peer),
		TEST(test_engine_bulk_data_arrives_whole),
		TEST(test_engine_accept_queue_full_drops_syn),
		TEST(test_engine_syn_queue_full_drops_syn),
		TEST(test_engine_listener_closed_resets_unaccepted),
		TEST(test_engine_port_stays_steered_while_connection_lives),
		TEST(test_engine_most_specific_listener_wins),
		TEST(test_engine_listen_port_zero_is_chosen),
		TEST(test_engine_unresolved_neighbour_holds_frames),
		TEST(test_engine_neighbour_answered_on_asking_releases_frames),
		TEST(test_engine_neighbour_queue_is_bounded),
		TEST(test_engine_connect_to_silent_neighbour_fails_at_once),
		TEST(test_engine_time_wait_table_full_recycles_oldest),
		TEST(test_engine_connect_reuses_time_wait_tuple_after_a_second),
		TEST(test_engine_connect_avoids_time_wait_tuple),
		TEST(test_engine_connect_rejects_bad_peers),
		TEST(test_engine_stale_handle_harms_nothing),
		TEST(test_engine_address_removed_aborts_its_connections),
		TEST(test_engine_lost_syn_is_repaired),
		TEST(test_engine_mtu_change_reaches_connections),
		TEST(test_engine_sizes_within_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
