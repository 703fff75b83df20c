// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_engine_dst.c - engine/dst.c: cached routes and neighbours, what waits for them, and news of both. */
#include "engine_kit.h"

/* The pair's host, but this test's routes: everything is reached, through what route says. */
static struct host_ops ops;
static struct {
	uint32_t asked, mtu;
	int err;
	uint8_t hop_limit;
	bool direct; /* next hop is the destination; else side 1 */
	int neigh_err;
	uint32_t neigh_asked;
} host;

static int route(void *arg, const struct xtcp_addr *dst, const struct xtcp_addr *src, struct host_route *out)
{
	host.asked++;
	if (host.err)
		return host.err;
	memset(out, 0, sizeof(*out));
	out->src = *kit_addr(0, !addr_is_v4(dst));
	out->next_hop = host.direct ? *dst : *kit_addr(1, !addr_is_v4(dst));
	out->mtu = host.mtu;
	out->hop_limit = host.hop_limit;
	return 0;
}

static int neigh(void *arg, const struct xtcp_addr *next_hop, uint8_t mac[6])
{
	host.neigh_asked++;
	if (host.neigh_err)
		return host.neigh_err;
	memcpy(mac, kp->side[1].mac, 6);
	return 0;
}

static int setup(void **state)
{
	if (kit_setup(state))
		return -1;
	memset(&host, 0, sizeof(host));
	ops = *eng(0)->ops;
	ops.route = route;
	ops.neigh = neigh;
	eng(0)->ops = &ops;
	return 0;
}

static struct xtcp_addr far(uint32_t n)
{
	return addr_from_v4(htonl(0x0b000000 + n));
}

static uint32_t get(uint32_t n)
{
	struct xtcp_addr a = far(n);
	uint32_t ref = 0;

	assert_int_equal(dst_get(eng(0), &a, NULL, &ref), 0);
	return ref;
}

static uint64_t connect_far(uint32_t n)
{
	struct xtcp_addr a = far(n);
	uint64_t c;

	assert_int_equal(engine_connect(eng(0), &a, 80, NULL, 0, 0, &c), 0);
	return c;
}

static const struct dst *dst_of(uint64_t c)
{
	return dst_at(eng(0), kit_conn(0, c)->dst);
}

/* ---- the table ---- */

static void test_dst_same_destination_is_asked_once(void **state)
{
	struct xtcp_addr a = far(1);
	uint32_t ref = get(1), other;

	assert_int_equal(get(1), ref);
	assert_int_equal(dst_at(eng(0), ref)->refs, 2);
	assert_int_equal(host.asked, 1);
	assert_int_equal(dst_get(eng(0), &a, kit_addr(0, 0), &other), 0);
	assert_int_not_equal(other, ref); /* from a source of choice the route may be another */
	assert_int_equal(host.asked, 2);
	dst_put(eng(0), ref);
	dst_put(eng(0), ref);
	dst_put(eng(0), other);
	check_engines();
	assert_int_equal(get(1), ref); /* kept although nobody used it */
	assert_int_equal(host.asked, 2);
	dst_put(eng(0), ref);
	check_engines();
}

static void test_dst_table_full_least_recently_used_gives_way(void **state)
{
	uint32_t ref[8], n;

	for (uint32_t i = 0; i < 8; i++)
		ref[i] = get(i);
	for (uint32_t i = 0; i < 8; i++)
		dst_put(eng(0), ref[i]);
	assert_int_equal(get(0), ref[0]); /* now 1 is the oldest */
	dst_put(eng(0), ref[0]);
	assert_int_equal(host.asked, 8);
	n = get(100);
	assert_int_equal(n, ref[1]);
	dst_put(eng(0), n);
	check_engines();
	assert_int_equal(get(0), ref[0]); /* still there */
	assert_int_equal(host.asked, 9);
	dst_put(eng(0), ref[0]);
	n = get(1); /* gone */
	assert_int_equal(host.asked, 10);
	assert_int_equal(n, ref[2]);
	dst_put(eng(0), n);
	check_engines();
}

static void test_dst_all_in_use_is_refused(void **state)
{
	struct xtcp_addr a = far(8);
	uint32_t ref[8], none = 77;

	for (uint32_t i = 0; i < 8; i++)
		ref[i] = get(i);
	assert_int_equal(dst_get(eng(0), &a, NULL, &none), -ENOBUFS);
	assert_int_equal(none, 77);
	dst_put(eng(0), ref[3]);
	assert_int_equal(get(8), ref[3]);
	for (uint32_t i = 0; i < 8; i++)
		dst_put(eng(0), ref[i]);
	check_engines();
}

static void test_dst_route_error_keeps_nothing(void **state)
{
	struct xtcp_addr a = far(1);
	uint32_t ref;

	host.err = -EHOSTUNREACH;
	assert_int_equal(dst_get(eng(0), &a, NULL, &ref), -EHOSTUNREACH);
	assert_int_equal(eng(0)->r->dsts.used, 0);
	host.err = 0;
	ref = get(1);
	dst_put(eng(0), ref);
	engine_host_routes_changed(eng(0));
	host.err = -ENETUNREACH;
	assert_int_equal(dst_get(eng(0), &a, NULL, &ref), -ENETUNREACH);
	host.err = 0;
	assert_int_equal(get(1), ref); /* asked again, although no news came */
	dst_put(eng(0), ref);
	check_engines();
}

static void test_dst_without_host_is_refused(void **state)
{
	struct xtcp_addr a = far(1);
	uint32_t ref;

	eng(0)->ops = NULL;
	assert_int_equal(dst_get(eng(0), &a, NULL, &ref), -ENODEV);
	eng(0)->ops = &ops;
}

/* ---- MTU ---- */

static void test_dst_mtu_is_the_least_of_route_link_and_port(void **state)
{
	uint32_t ref = get(1);
	struct dst *d = dst_at(eng(0), ref);

	assert_int_equal(dst_mtu(eng(0), d), 1500);
	d->mtu = 1400;
	assert_int_equal(dst_mtu(eng(0), d), 1400);
	d->mtu = 9000;
	assert_int_equal(dst_mtu(eng(0), d), 1500);
	eng(0)->r->link_mtu = 1300;
	assert_int_equal(dst_mtu(eng(0), d), 1300);
	eng(0)->r->link_mtu = 9000;
	assert_int_equal(dst_mtu(eng(0), d), 1500); /* the port's buffers */
	kp->side[0].port.port.mtu = 0;
	assert_int_equal(dst_mtu(eng(0), d), 9000);
	eng(0)->r->link_mtu = 0;
	d->mtu = 0;
	assert_int_equal(dst_mtu(eng(0), d), 1500); /* nothing known yet */
	eng(0)->r->link_mtu = kp->side[0].port.port.mtu = 1500;
	dst_put(eng(0), ref);
}

static void test_dst_route_mtu_and_hop_limit_reach_a_new_connection(void **state)
{
	uint64_t c;

	host.mtu = 1400;
	host.hop_limit = 9;
	c = connect_far(1);
	kit_turn(0);
	assert_int_equal(engine_conn(eng(0), c)->path_mtu, 1400);
	assert_int_equal(kit_sent(0, 0)->ip.ttl, 9);
}

static void test_dst_route_mtu_change_reaches_connections_when_they_send(void **state)
{
	uint64_t a = connect_far(1), b = connect_far(1), other = connect_far(2);

	kit_turn(0);
	host.mtu = 1000;
	engine_host_routes_changed(eng(0));
	pair_sleep(kp, 2 * SECOND); /* the SYNs again */
	assert_int_equal(engine_conn(eng(0), a)->path_mtu, 1000);
	assert_int_equal(engine_conn(eng(0), b)->path_mtu, 1000);
	assert_int_equal(engine_conn(eng(0), other)->path_mtu, 1000);
}

/* Whoever asks first after the change: the others must hear of it too. */
static void test_dst_route_mtu_change_met_by_a_new_connect_reaches_the_old(void **state)
{
	uint64_t a = connect_far(1), b;

	kit_turn(0);
	host.mtu = 1000;
	engine_host_routes_changed(eng(0));
	b = connect_far(1);
	kit_turn(0);
	assert_int_equal(engine_conn(eng(0), b)->path_mtu, 1000);
	assert_int_equal(engine_conn(eng(0), a)->path_mtu, 1000);
}

/* RFC 9293: SHLD-6 */
static void test_dst_link_mtu_change_reaches_all_and_forgets_learnt_ones(void **state)
{
	uint64_t a, s;

	kit_join(0, 80, kit_listen(80), &a, &s);
	engine_conn(eng(0), a)->path_mtu = 800;		       /* learnt by ICMP */
	engine_host_link(eng(0), kp->side[0].mac, 1500, true); /* no change */
	assert_int_equal(engine_conn(eng(0), a)->path_mtu, 800);
	engine_host_link(eng(0), kp->side[0].mac, 1400, true);
	assert_int_equal(engine_conn(eng(0), a)->path_mtu, 1400);
	kit_turn(0);
}

/* The output pass that frees a connection is the one in which its MTU changes. */
static void test_dst_route_mtu_change_met_on_the_way_to_time_wait_frees_once(void **state)
{
	uint64_t c, s, other;

	kit_join(0, 80, kit_listen(80), &c, &s);
	engine_close(eng(0), c);
	pair_settle(kp);
	engine_close(eng(1), s);
	kit_turn(1);
	host.mtu = 1000;
	engine_host_routes_changed(eng(0));
	kit_turn(0);
	other = connect_far(3); /* the slot again */
	pair_settle(kp);
	assert_int_equal(eng(0)->r->tws.used, 1);
	assert_int_equal(eng(0)->r->conns.used, 1);
	engine_abort(eng(0), other);
}

/* ---- routes that go ---- */

static void test_dst_route_gone_loses_segments_until_it_is_back(void **state)
{
	uint64_t c, s;

	kit_join(0, 80, kit_listen(80), &c, &s);
	host.err = -ENETUNREACH;
	engine_host_routes_changed(eng(0));
	kit_send(0, c, 100);
	kit_turn(0);
	assert_int_equal(stat_of(0, out_no_route), 1);
	pair_sleep(kp, SECOND);
	assert_int_equal(tcp_cold_peek(engine_conn(eng(1), s))->account.bytes_received, 0);
	host.err = 0;
	engine_host_routes_changed(eng(0));
	pair_sleep(kp, 5 * SECOND);
	assert_int_equal(tcp_cold_peek(engine_conn(eng(1), s))->account.bytes_received, 100);
	assert_int_equal(engine_conn(eng(0), c)->state, TCP_ESTABLISHED);
}

static void test_dst_next_hop_change_asks_for_the_new_neighbour(void **state)
{
	uint64_t c = connect_far(1);

	kit_turn(0);
	assert_int_equal(host.neigh_asked, 1);
	engine_host_routes_changed(eng(0)); /* to the same */
	pair_sleep(kp, SECOND / 2);
	engine_touch(eng(0), c);
	kit_turn(0);
	assert_int_equal(host.neigh_asked, 1);
	host.direct = true;
	host.neigh_err = -EAGAIN;
	engine_host_routes_changed(eng(0));
	pair_sleep(kp, SECOND);
	assert_int_equal(host.neigh_asked, 2);
	assert_int_equal(dst_of(c)->state, DST_WAITING);
	assert_int_equal(dst_of(c)->held_count, 1);
}

/* ---- neighbours ---- */

static void test_dst_neighbour_is_poked_once_a_second_while_in_use(void **state)
{
	uint64_t c, s;

	kit_join(0, 80, kit_listen(80), &c, &s);
	host.neigh_asked = 0;
	for (int i = 0; i < 50; i++) {
		kit_send(0, c, 10);
		pair_sleep(kp, SECOND / 10);
	}
	assert_in_range(host.neigh_asked, 4, 6);
	host.neigh_asked = 0;
	pair_sleep(kp, 10 * SECOND);
	assert_int_equal(host.neigh_asked, 0); /* idle */
	host.neigh_err = -EAGAIN;
	kit_send(0, c, 10);
	kit_turn(0);
	assert_int_equal(host.neigh_asked, 1);
	assert_int_equal(dst_of(c)->state, DST_RESOLVED); /* being asked for anew is no reason to wait */
	assert_int_equal(dst_of(c)->held_count, 0);
}

/* R1 retransmissions were in vain: route and neighbour are asked for again (MUST-20), a second apart at the least. */
/* RFC 9293: MUST-20 */
static void test_dst_unanswered_connection_has_route_and_neighbour_asked_again(void **state)
{
	uint64_t c, s;

	kit_join(0, 80, kit_listen(80), &c, &s);
	kp->cut = true;
	kit_send(0, c, 10);
	host.asked = 0;
	pair_sleep(kp, SECOND);
	assert_int_equal(host.asked, 0);
	pair_sleep(kp, 5 * SECOND);
	assert_true(host.asked >= 1 && host.asked <= 3);
	assert_int_equal(stat_of(0, path_doubts), host.asked);
	assert_true(pair_events(kp, 0, c) & TCP_EV_SOFT_ERROR);
	kp->cut = false;
}

static void test_dst_news_of_another_neighbour_changes_nothing(void **state)
{
	struct xtcp_addr a = far(9);
	uint64_t c;

	host.neigh_err = -EAGAIN;
	c = connect_far(1);
	kit_turn(0);
	engine_host_neigh(eng(0), &a, kp->side[1].mac);
	engine_host_neigh(eng(0), &a, NULL);
	assert_int_equal(dst_of(c)->state, DST_WAITING);
	assert_int_equal(dst_of(c)->held_count, 1);
}

static void test_dst_held_frames_go_out_in_order_with_addresses_of_the_day(void **state)
{
	static const uint8_t mac[6] = { 2, 7, 7, 7, 7, 7 }, ours[6] = { 2, 8, 8, 8, 8, 8 };
	uint64_t c[3];
	uint16_t port[3];

	host.neigh_err = -EAGAIN;
	for (int i = 0; i < 3; i++) {
		c[i] = connect_far(1);
		port[i] = engine_conn(eng(0), c[i])->lport;
	}
	kit_turn(0);
	assert_int_equal(kit_sent_count(0), 0);
	engine_host_link(eng(0), ours, 1500, true); /* another card meanwhile */
	engine_host_neigh(eng(0), kit_addr(1, 0), mac);
	kit_turn(0);
	assert_int_equal(kit_sent_count(0), 3);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(kit_sent(0, 2 - i)->tcp.sport, port[i]);
		assert_memory_equal(kit_sent(0, i)->data, mac, 6);
		assert_memory_equal(kit_sent(0, i)->data + 6, ours, 6);
	}
}

/* What is not yet true of a frame is true of it still when it has waited; engine_kit checks what the port makes of it. */
static void test_dst_held_frame_still_leaves_its_checksum_to_the_port(void **state)
{
	kp->side[0].port.port.tx_csum = true;
	host.neigh_err = -EAGAIN;
	connect_far(1);
	kit_turn(0);
	assert_int_equal(eng(0)->frames->held, 1);
	engine_host_neigh(eng(0), kit_addr(1, 0), kp->side[1].mac);
	kit_turn(0);
	assert_int_equal(kit_sent_count(0), 1);
	assert_int_equal(stat_of(0, tx_csum_left), 1);
}

/* The news may be missed: then the host says so when it is asked the next time. */
static void test_dst_held_frames_go_out_when_asking_again_succeeds(void **state)
{
	uint64_t c;

	host.neigh_err = -EAGAIN;
	c = connect_far(1);
	kit_turn(0);
	assert_int_equal(dst_of(c)->held_count, 1);
	host.neigh_err = 0;
	pair_sleep(kp, 2 * SECOND);
	assert_int_equal(dst_of(c)->state, DST_RESOLVED);
	assert_int_equal(dst_of(c)->held_count, 0);
	assert_int_equal(eng(0)->frames->held, 0);
}

static void test_dst_held_frames_are_dropped_when_asking_again_fails(void **state)
{
	uint64_t c;

	host.neigh_err = -EAGAIN;
	c = connect_far(1);
	kit_turn(0);
	host.neigh_err = -EHOSTUNREACH;
	pair_sleep(kp, 2 * SECOND);
	assert_int_equal(dst_of(c)->state, DST_FAILED);
	assert_int_equal(dst_of(c)->held_count, 0);
	assert_int_equal(eng(0)->frames->held, 0);
	assert_int_equal(stat_of(0, neigh_failed), 2); /* that one, and the SYN that asked */
}

static void test_dst_held_oldest_gives_way_and_pool_is_bounded(void **state)
{
	uint16_t first;

	host.neigh_err = -EAGAIN;
	host.direct = true;
	first = engine_conn(eng(0), connect_far(1))->lport;
	for (uint32_t i = 0; i < DST_HELD_MAX; i++)
		connect_far(1);
	kit_turn(0);
	assert_int_equal(stat_of(0, neigh_queue_full), 1);
	assert_int_equal(eng(0)->r->helds.used, DST_HELD_MAX);
	{
		struct xtcp_addr a = far(1);

		engine_host_neigh(eng(0), &a, kp->side[1].mac);
	}
	kit_turn(0);
	assert_int_equal(kit_sent_count(0), DST_HELD_MAX);
	for (uint32_t i = 0; i < DST_HELD_MAX; i++)
		assert_int_not_equal(kit_sent(0, i)->tcp.sport, first);
	eng(0)->r->helds.cap = eng(0)->r->helds.fresh; /* all of the 8 are free again; now as if there were no more */
	for (uint32_t i = 0; i < 5; i++)
		connect_far(2);
	for (uint32_t i = 0; i < 5; i++)
		connect_far(3);
	kit_turn(0);
	assert_int_equal(stat_of(0, neigh_queue_full), 1 + 2);
	assert_int_equal(eng(0)->frames->held, DST_HELD_MAX);
}

static void test_dst_neighbour_failure_is_told_and_asked_again(void **state)
{
	uint64_t c, s;
	uint32_t asked;

	kit_join(0, 80, kit_listen(80), &c, &s);
	kp->cut = true;
	kit_send(0, c, 10);
	kit_turn(0);
	host.neigh_err = -EHOSTUNREACH;
	engine_host_neigh(eng(0), kit_addr(1, 0), NULL);
	host.neigh_err = 0;
	assert_int_equal(engine_conn(eng(0), c)->soft_error, EHOSTUNREACH);
	assert_int_equal(engine_conn(eng(0), c)->state, TCP_ESTABLISHED);
	kp->cut = false;
	asked = host.neigh_asked;
	pair_sleep(kp, 2 * SECOND); /* the retransmission asks, and all is well */
	assert_int_equal(host.neigh_asked > asked, true);
	assert_int_equal(tcp_cold_peek(engine_conn(eng(1), s))->account.bytes_received, 10);
}

/* News that the address is not known is no failure: the host is asked which it is. */
static void test_dst_neighbour_not_known_any_more_waits_or_goes_on(void **state)
{
	uint64_t c, s;

	kit_join(0, 80, kit_listen(80), &c, &s);
	engine_host_neigh(eng(0), kit_addr(1, 0), NULL); /* the host knows it after all */
	assert_int_equal(dst_of(c)->state, DST_RESOLVED);
	host.neigh_err = -EAGAIN;
	engine_host_neigh(eng(0), kit_addr(1, 0), NULL);
	assert_int_equal(dst_of(c)->state, DST_WAITING);
	kit_send(0, c, 10);
	kit_turn(0);
	assert_int_equal(dst_of(c)->held_count, 1);
	assert_int_equal(engine_conn(eng(0), c)->soft_error, 0);
	engine_host_neigh(eng(0), kit_addr(1, 0), kp->side[1].mac);
	pair_settle(kp);
	assert_int_equal(tcp_cold_peek(engine_conn(eng(1), s))->account.bytes_received, 10);
}

/* A router says that connection c's segment was too big. */
static void too_big(uint64_t c, uint32_t mtu)
{
	kit_send(0, c, 2000);
	kit_turn(0);
	assert_true(tcp_icmp_input(engine_env(eng(0)), engine_conn(eng(0), c), TCP_ICMP_TOO_BIG,
				   engine_conn(eng(0), c)->snd_una, mtu, kp->now));
	engine_touch(eng(0), c);
	pair_settle(kp);
}

static uint32_t mtu_of(uint64_t c)
{
	return engine_conn(eng(0), c)->path_mtu;
}

static void test_dst_mtu_told_by_icmp_is_shared_and_forgotten_after_ten_minutes(void **state)
{
	uint64_t l = kit_listen(80), a, b, later, s;

	kit_join(0, 80, l, &a, &s);
	kit_join(0, 80, l, &b, &s);
	assert_int_equal(mtu_of(b), 1500);
	too_big(a, 1300);
	assert_int_equal(mtu_of(a), 1300);
	assert_int_equal(mtu_of(b), 1300);
	kit_join(0, 80, l, &later, &s);
	assert_int_equal(mtu_of(later), 1300);
	assert_int_equal(engine_conn(eng(0), later)->rcv_mss, 1460);
	pair_sleep(kp, 599 * SECOND);
	kit_send(0, a, 10);
	pair_settle(kp);
	assert_int_equal(mtu_of(a), 1300);
	pair_sleep(kp, 2 * SECOND);
	kit_send(0, a, 10);
	pair_settle(kp);
	assert_int_equal(mtu_of(a), 1500);
	assert_int_equal(mtu_of(later), 1500);
}

static void test_dst_mtu_found_by_probing_is_where_the_next_connection_begins(void **state)
{
	uint64_t l = kit_listen(80), a, b, later, s;
	struct tcp_conn *c;

	kit_join(0, 80, l, &a, &s);
	kit_join(0, 80, l, &b, &s);
	kp->cut = true;
	kit_send(0, a, 5000);
	pair_sleep(kp, 5 * SECOND); /* a black hole, as far as it can tell */
	kp->cut = false;
	assert_int_equal(mtu_of(a), 1280);
	assert_int_equal(mtu_of(b), 1280);
	assert_int_equal(stat_of(0, mtu_black_holes), 1);
	kit_join(0, 80, l, &later, &s);
	c = engine_conn(eng(0), later);
	assert_int_equal(c->path_mtu, 1280);
	assert_int_equal(c->mtu_state, TCP_MTU_DONE); /* no probe before the ten minutes are over */
	pair_sleep(kp, 700 * SECOND);
	kit_join(0, 80, l, &later, &s);
	c = engine_conn(eng(0), later);
	assert_int_equal(c->path_mtu, 1280); /* not forgotten: nobody tells of a black hole */
	assert_int_equal(c->mtu_state, TCP_MTU_SEARCH);
}

static void test_dst_another_route_forgets_what_was_learned(void **state)
{
	uint64_t l = kit_listen(80), a, s;

	kit_join(0, 80, l, &a, &s);
	too_big(a, 1300);
	host.mtu = 1400;
	engine_host_routes_changed(eng(0));
	kit_send(0, a, 10);
	pair_settle(kp);
	assert_int_equal(mtu_of(a), 1400);
}

static void test_dst_port_detached_gives_held_frames_back(void **state)
{
	host.neigh_err = -EAGAIN;
	connect_far(1);
	kit_turn(0);
	assert_int_equal(eng(0)->frames->held, 1);
	engine_attach(eng(0), NULL, NULL, NULL);
	assert_int_equal(eng(0)->frames->held, 0);
	engine_host_neigh(eng(0), kit_addr(1, 0), kp->side[1].mac); /* late news harm nothing */
	assert_int_equal(eng(0)->r->helds.used, 0);
}

static void test_dst_forgotten_one_takes_its_frames_along(void **state)
{
	uint64_t c;
	uint32_t ref[8];

	host.neigh_err = -EAGAIN;
	c = connect_far(0);
	kit_turn(0);
	engine_abort(eng(0), c);
	kit_turn(0);
	assert_int_equal(eng(0)->frames->held, 1); /* its SYN still waits */
	for (uint32_t i = 0; i < 8; i++)
		ref[i] = get(i + 1);
	assert_int_equal(eng(0)->frames->held, 0);
	for (uint32_t i = 0; i < 8; i++)
		dst_put(eng(0), ref[i]);
	check_engines();
}

#undef TEST
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, kit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_dst_same_destination_is_asked_once),
		TEST(test_dst_unanswered_connection_has_route_and_neighbour_asked_again),
		TEST(test_dst_table_full_least_recently_used_gives_way),
		TEST(test_dst_all_in_use_is_refused),
		TEST(test_dst_route_error_keeps_nothing),
		TEST(test_dst_without_host_is_refused),
		TEST(test_dst_mtu_is_the_least_of_route_link_and_port),
		TEST(test_dst_route_mtu_and_hop_limit_reach_a_new_connection),
		TEST(test_dst_route_mtu_change_reaches_connections_when_they_send),
		TEST(test_dst_route_mtu_change_met_by_a_new_connect_reaches_the_old),
		TEST(test_dst_link_mtu_change_reaches_all_and_forgets_learnt_ones),
		TEST(test_dst_route_mtu_change_met_on_the_way_to_time_wait_frees_once),
		TEST(test_dst_route_gone_loses_segments_until_it_is_back),
		TEST(test_dst_next_hop_change_asks_for_the_new_neighbour),
		TEST(test_dst_neighbour_is_poked_once_a_second_while_in_use),
		TEST(test_dst_news_of_another_neighbour_changes_nothing),
		TEST(test_dst_held_frames_go_out_in_order_with_addresses_of_the_day),
		TEST(test_dst_held_frame_still_leaves_its_checksum_to_the_port),
		TEST(test_dst_held_frames_go_out_when_asking_again_succeeds),
		TEST(test_dst_held_frames_are_dropped_when_asking_again_fails),
		TEST(test_dst_held_oldest_gives_way_and_pool_is_bounded),
		TEST(test_dst_neighbour_failure_is_told_and_asked_again),
		TEST(test_dst_neighbour_not_known_any_more_waits_or_goes_on),
		TEST(test_dst_mtu_told_by_icmp_is_shared_and_forgotten_after_ten_minutes),
		TEST(test_dst_mtu_found_by_probing_is_where_the_next_connection_begins),
		TEST(test_dst_another_route_forgets_what_was_learned),
		TEST(test_dst_port_detached_gives_held_frames_back),
		TEST(test_dst_forgotten_one_takes_its_frames_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
