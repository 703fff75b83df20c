// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_engine_listen.c - engine/listen.c: which listener, bounds of its queues, addresses that come and go, closing. */
#include "engine_kit.h"

static uint8_t frame[KIT_FRAME];

static uint64_t open_on(const char *addr, uint16_t port)
{
	struct xtcp_addr a;
	uint64_t l;

	if (addr)
		assert_int_equal(addr_parse(addr, &a), 0);
	assert_int_equal(engine_listen(eng(1), addr ? &a : NULL, port, 0, 0, &l), 0);
	return l;
}

static int open_err(const char *addr, uint16_t port)
{
	uint32_t used = eng(1)->r->listeners.used, refs = eng(1)->r->port_refs;
	struct xtcp_addr a;
	uint64_t l;
	int err;

	assert_int_equal(addr_parse(addr, &a), 0);
	err = engine_listen(eng(1), &a, port, 0, 0, &l);
	assert_true(err < 0);
	assert_int_equal(eng(1)->r->listeners.used, used); /* nothing stays */
	assert_int_equal(eng(1)->r->port_refs, refs);
	check_engines();
	return err;
}

/* A segment of a peer's port to our port 80. */
static void give(int family, uint16_t sport, uint8_t flags, uint32_t seq, uint32_t ack)
{
	struct kit_seg s = { .family = family, .sport = sport, .flags = flags, .seq = seq, .ack = ack };

	kit_give(1, frame, kit_tcp(frame, 1, &s), NULL);
}

static void syn(uint16_t sport)
{
	give(0, sport, TCP_SYN, 100, 0);
}

/* The handshake's last segment, to the last SYN-ACK. */
static void last_ack(uint16_t sport)
{
	assert_int_equal(kit_sent(1, 0)->tcp.flags, TCP_SYN | TCP_ACK);
	assert_int_equal(wire_swap16(kit_sent(1, 0)->tcp.dport), sport);
	give(0, sport, TCP_ACK, 101, kit_sent(1, 0)->tcp.seq + 1);
}

static const struct listener *at(uint64_t l)
{
	return listener_at(eng(1), (uint32_t)l & ~HANDLE_LISTENER);
}

/* ---- which ---- */

/* RFC 9293: MUST-42, MUST-43 */
static void test_listen_most_specific_of_three_kinds_wins(void **state)
{
	uint64_t any = open_on("::", 80), v4 = open_on("0.0.0.0", 80), exact = open_on("10.9.0.2", 80);
	uint64_t exact6 = open_on("fd09::2", 80);
	uint16_t port = wire_swap16(80);

	assert_ptr_equal(listener_find(eng(1), kit_addr(1, 0), port), at(exact));
	assert_ptr_equal(listener_find(eng(1), kit_addr(1, 1), port), at(exact6));
	assert_int_equal(engine_listen_close(eng(1), exact), 0);
	assert_ptr_equal(listener_find(eng(1), kit_addr(1, 0), port), at(v4));
	assert_int_equal(engine_listen_close(eng(1), exact6), 0);
	assert_ptr_equal(listener_find(eng(1), kit_addr(1, 1), port), at(any));
	assert_int_equal(engine_listen_close(eng(1), v4), 0);
	assert_ptr_equal(listener_find(eng(1), kit_addr(1, 0), port), at(any));
	assert_null(listener_find(eng(1), kit_addr(1, 0), wire_swap16(81)));
	assert_int_equal(engine_listen_close(eng(1), any), 0);
	assert_null(listener_find(eng(1), kit_addr(1, 0), port));
	check_engines();
}

static void test_listen_v6only_leaves_ipv4_alone(void **state)
{
	uint16_t port = wire_swap16(80);
	uint64_t only, v4, again;

	assert_int_equal(engine_listen_v6only(eng(1), 80, 0, 0, &only), 0);
	assert_ptr_equal(listener_find(eng(1), kit_addr(1, 1), port), at(only));
	assert_null(listener_find(eng(1), kit_addr(1, 0), port));
	v4 = open_on("0.0.0.0", 80);
	assert_ptr_equal(listener_find(eng(1), kit_addr(1, 0), port), at(v4));
	assert_ptr_equal(listener_find(eng(1), kit_addr(1, 1), port), at(only));
	assert_int_equal(engine_listen_v6only(eng(1), 80, 0, 0, &again), -EADDRINUSE);
	assert_int_equal(engine_listen_close(eng(1), v4), 0);
	assert_null(listener_find(eng(1), kit_addr(1, 0), port));
	check_engines();
}

static void test_listen_same_kind_twice_is_in_use(void **state)
{
	open_on("::", 80);
	assert_int_equal(open_err("::", 80), -EADDRINUSE);
	open_on("0.0.0.0", 80);
	assert_int_equal(open_err("0.0.0.0", 80), -EADDRINUSE);
	open_on("10.9.0.2", 80);
	assert_int_equal(open_err("10.9.0.2", 80), -EADDRINUSE);
	assert_non_null(strstr(fail_text(), "10.9.0.2:80"));
	open_on("10.9.0.2", 81);
	open_on("fd09::2", 80);
}

/* RFC 9293: MUST-46 */
static void test_listen_on_what_is_not_ours_is_refused(void **state)
{
	assert_int_equal(open_err("10.9.0.1", 80), -EADDRNOTAVAIL);
	assert_non_null(strstr(fail_text(), "not an address of the interface"));
	assert_int_equal(open_err("10.9.0.1", 0), -EADDRNOTAVAIL);
	assert_int_equal(open_err("127.0.0.1", 80), -EADDRNOTAVAIL);
	assert_int_equal(open_err("224.0.0.1", 80), -EINVAL);
	assert_int_equal(open_err("255.255.255.255", 80), -EINVAL);
	assert_int_equal(open_err("ff02::1", 80), -EINVAL);
}

static void test_listen_port_of_a_local_program_is_in_use(void **state)
{
	kp->side[1].reserved[1][80] = 1; /* on one address of two */
	assert_int_equal(open_err("::", 80), -EADDRINUSE);
	assert_int_equal(kp->side[1].owned[80], 0); /* what was taken on the other is given back */
	assert_int_equal(kp->side[1].reserved[0][80], 0);
	open_on("0.0.0.0", 80);
	kp->side[1].reserved[1][80] = 0;
}

static void test_listen_all_listeners_in_use_is_refused(void **state)
{
	struct xtcp_addr any = { .d = { 0, 0 } };
	uint64_t l;

	for (uint16_t i = 0; i < 8; i++)
		l = open_on("::", (uint16_t)(80 + i));
	assert_int_equal(open_err("::", 100), -EMFILE);
	assert_non_null(strstr(fail_text(), "max_listeners"));
	engine_listen_close(eng(1), l);
	assert_int_equal(engine_listen(eng(1), &any, 100, 0, 0, &l), 0);
}

static void test_listen_port_zero_tries_until_one_is_free_everywhere(void **state)
{
	uint64_t l;

	kp->side[1].reserved[1][40000] = kp->side[1].reserved[1][40001] = 1; /* free on IPv4 only */
	l = open_on("::", 0);
	assert_int_equal(engine_listener_port(eng(1), l), 40002);
	assert_int_equal(kp->side[1].listening[40002], 3);
	assert_int_equal(kp->side[1].owned[40000] | kp->side[1].owned[40001], 0);
	check_engines();
	for (uint32_t i = 40003; i < 40100; i++)
		kp->side[1].reserved[1][i] = 1;
	assert_int_equal(open_err("::", 0), -EADDRINUSE); /* not for ever */
	memset(kp->side[1].reserved[1] + 40003, 0, 97);
	kp->side[1].reserved[1][40000] = kp->side[1].reserved[1][40001] = 0;
}

/* An address that cannot be bound just now: tentative, or on its way out. */
static struct host_ops ops;
static uint32_t tentative; /* bits: families */

static int reserve(void *host, const struct xtcp_addr *addr, uint16_t port)
{
	if (tentative >> !addr_is_v4(addr) & 1)
		return -EADDRNOTAVAIL;
	return kp->side[1].reserved[!addr_is_v4(addr)][port ? port : 7777]++ ? -EADDRINUSE : port ? port : 7777;
}

static void test_listen_wildcard_does_without_an_address_that_cannot_be_bound(void **state)
{
	const struct host_ops *was = eng(1)->ops;
	uint64_t l;

	ops = *was;
	ops.reserve = reserve;
	eng(1)->ops = &ops;
	for (uint32_t family = 0; family < 2; family++) {
		tentative = 1u << family;
		l = open_on("::", 80);
		assert_int_equal(kp->side[1].listening[80], 2 >> family);
		engine_host_addr(eng(1), kit_addr(1, (int)family), family, true); /* again, still not */
		assert_int_equal(kp->side[1].listening[80], 2 >> family);
		tentative = 0;
		engine_host_addr(eng(1), kit_addr(1, (int)family), family, true);
		assert_int_equal(kp->side[1].listening[80], 3);
		engine_listen_close(eng(1), l);
		tentative = 1u << family;
		l = open_on("::", 0); /* a port to be chosen, too */
		assert_int_equal(kp->side[1].listening[7777], 2 >> family);
		engine_listen_close(eng(1), l);
		assert_int_equal(open_err(family ? "fd09::2" : "10.9.0.2", 80), -EADDRNOTAVAIL);
	}
	tentative = 3;
	assert_int_equal(open_err("::", 80), -EADDRNOTAVAIL);
	assert_int_equal(open_err("::", 0), -EADDRNOTAVAIL);
	eng(1)->ops = was;
}

/* ---- addresses that come and go ---- */

/* The pair's host knows one address of each family; this one is a second of IPv4. */
static struct xtcp_addr more;
static const struct host_ops *pair_ops;
static bool more_reserved;

static int reserve_more(void *host, const struct xtcp_addr *addr, uint16_t port)
{
	if (!addr_eq(addr, &more))
		return pair_ops->reserve(host, addr, port);
	assert_int_equal(port, 80 + more_reserved);
	more_reserved = true;
	return port;
}

static void release_more(void *host, const struct xtcp_addr *addr, uint16_t port)
{
	if (!addr_eq(addr, &more))
		pair_ops->release(host, addr, port);
	else
		more_reserved = false;
}

static void test_listen_wildcard_follows_addresses_live(void **state)
{
	uint64_t any = open_on("::", 80), v4 = open_on("0.0.0.0", 81), exact = open_on("10.9.0.2", 82);

	more = addr_from_v4(htonl(0x0a090063));
	more_reserved = false;
	pair_ops = eng(1)->ops;
	ops = *pair_ops;
	ops.reserve = reserve_more;
	ops.release = release_more;
	eng(1)->ops = &ops;
	engine_host_addr(eng(1), &more, 7, true);
	assert_int_equal(kp->side[1].listening[80], 3 | 1u << 7);
	assert_int_equal(kp->side[1].listening[81], 1 | 1u << 7);
	assert_int_equal(kp->side[1].listening[82], 1);
	check_engines();
	engine_host_addr(eng(1), kit_addr(1, 0), 0, false);
	assert_int_equal(kp->side[1].listening[80], 2 | 1u << 7);
	assert_int_equal(kp->side[1].listening[81], 1u << 7);
	assert_int_equal(kp->side[1].listening[82], 0); /* stays open, and waits for its address */
	check_engines();
	engine_host_addr(eng(1), kit_addr(1, 0), 0, true);
	assert_int_equal(kp->side[1].listening[82], 1);
	engine_host_addr(eng(1), &more, 7, false);
	assert_int_equal(kp->side[1].listening[80], 3);
	check_engines();
	engine_listen_close(eng(1), any);
	engine_listen_close(eng(1), v4);
	engine_listen_close(eng(1), exact);
	assert_int_equal(eng(1)->r->port_refs, 0);
	eng(1)->ops = pair_ops;
}

static void test_listen_address_at_an_index_replaced_moves_the_port(void **state)
{
	struct xtcp_addr other = addr_from_v4(htonl(0x0a090063));
	uint64_t any = open_on("::", 80), exact = open_on("10.9.0.2", 81), s;

	syn(1);
	engine_host_addr(eng(1), &other, 0, true);
	assert_int_equal(kp->side[1].listening[80], 3);
	assert_int_equal(kp->side[1].listening[81], 0);
	assert_int_equal(at(any)->half_open.count, 0); /* its connection went with the address */
	kit_turn(1);
	assert_int_equal(eng(1)->r->conns.used, 0);
	assert_int_equal(engine_accept(eng(1), any, &s), -EAGAIN);
	engine_host_addr(eng(1), kit_addr(1, 0), 0, true);
	assert_int_equal(kp->side[1].listening[81], 1);
	engine_listen_close(eng(1), exact);
	check_engines();
}

/* New address, but a local program has the port there: it stays his. */
static void test_listen_new_address_with_the_port_taken_is_left_alone(void **state)
{
	open_on("::", 80);
	engine_host_addr(eng(1), kit_addr(1, 0), 0, false);
	kp->side[1].reserved[0][80] = 1;
	engine_host_addr(eng(1), kit_addr(1, 0), 0, true);
	assert_int_equal(kp->side[1].listening[80], 2);
	check_engines();
	kp->side[1].reserved[0][80] = 0;
}

/* ---- bounds ---- */

static void test_listen_syn_queue_bound_is_kept_and_frees_itself(void **state)
{
	uint64_t l, s;

	assert_int_equal(engine_listen(eng(1), NULL, 80, 0, 3, &l), 0);
	for (uint16_t i = 1; i <= 5; i++)
		syn(i);
	assert_int_equal(at(l)->half_open.count, 3);
	assert_int_equal(stat_of(1, in_syn_queue_full), 2);
	assert_int_equal(kit_sent_count(1), 3);
	syn(2); /* of one that is known: no new one */
	assert_int_equal(stat_of(1, in_syn_queue_full), 2);
	assert_int_equal(at(l)->half_open.count, 3);
	give(0, 1, TCP_RST, 101, 0);
	assert_int_equal(at(l)->half_open.count, 2);
	syn(5);
	last_ack(5);
	assert_int_equal(at(l)->half_open.count, 2);
	assert_int_equal(engine_accept(eng(1), l, &s), 0);
	pair_sleep(kp, 400 * SECOND); /* nobody answers the SYN-ACKs */
	assert_int_equal(at(l)->half_open.count, 0);
	assert_int_equal(eng(1)->r->conns.used, 1);
}

/* RFC 9293: MUST-41 */
static void test_listen_half_open_may_complete_past_the_backlog(void **state)
{
	uint32_t iss[3];
	uint64_t l, s;

	assert_int_equal(engine_listen(eng(1), NULL, 80, 1, 3, &l), 0);
	for (uint16_t i = 0; i < 3; i++) {
		syn((uint16_t)(i + 1));
		iss[i] = kit_sent(1, 0)->tcp.seq;
	}
	for (uint16_t i = 0; i < 3; i++) /* each got our SYN-ACK: none is left hanging */
		give(0, (uint16_t)(i + 1), TCP_ACK, 101, iss[i] + 1);
	assert_int_equal(at(l)->accept.count, 3);
	syn(4);
	assert_int_equal(stat_of(1, in_accept_queue_full), 1);
	for (uint16_t i = 0; i < 3; i++) { /* in order of completion */
		assert_int_equal(engine_accept(eng(1), l, &s), 0);
		assert_int_equal(wire_swap16(engine_conn(eng(1), s)->rport), i + 1);
	}
	assert_int_equal(engine_accept(eng(1), l, &s), -EAGAIN);
	syn(4);
	last_ack(4);
	assert_int_equal(engine_accept(eng(1), l, &s), 0);
}

static void test_listen_largest_backlog_is_no_fault(void **state)
{
	uint64_t l, s;

	assert_int_equal(engine_listen(eng(1), NULL, 80, UINT32_MAX, 8, &l), 0);
	for (uint16_t i = 1; i <= 10; i++) {
		syn(i);
		last_ack(i);
	}
	assert_int_equal(at(l)->accept.count, 10);
	assert_int_equal(engine_accept(eng(1), l, &s), 0);
}

static void test_listen_no_slot_or_route_for_a_syn_leaves_nothing(void **state)
{
	struct xtcp_addr far = addr_from_v4(htonl(0x08080808));
	struct kit_seg s = { .src = &far, .flags = TCP_SYN };
	uint64_t l;

	assert_int_equal(engine_listen(eng(1), NULL, 80, 0, 1000, &l), 0);
	kit_give(1, frame, kit_tcp(frame, 1, &s), NULL);
	assert_int_equal(stat_of(1, out_no_route), 1);
	assert_int_equal(eng(1)->r->conns.used, 0);
	for (uint16_t i = 1; i <= 70; i++) /* 64 slots */
		syn(i);
	assert_int_equal(stat_of(1, in_no_memory), 6);
	assert_int_equal(at(l)->half_open.count, 64);
	assert_int_equal(eng(1)->r->port_refs, 64 + 2);
}

/* ---- deferred until there is data ---- */

static void data(uint16_t sport)
{
	struct kit_seg s = { .sport = sport, .flags = TCP_ACK | TCP_PSH, .seq = 101, .len = 10 };

	s.ack = kit_sent(1, 0)->tcp.seq + 1;
	kit_give(1, frame, kit_tcp(frame, 1, &s), NULL);
}

static void test_listen_deferred_is_accepted_with_its_data(void **state)
{
	struct engine_event ev[4];
	uint64_t l = open_on("::", 80), s;

	kp->cut = true; /* the other side knows of nothing, and would say so */
	assert_int_equal(engine_listen_defer(eng(1), l, 5000), 0);
	syn(1);
	last_ack(1);
	assert_int_equal(engine_accept_queue(eng(1), l), 0);
	assert_int_equal(engine_accept(eng(1), l, &s), -EAGAIN);
	assert_int_equal(engine_events(eng(1), ev, 4), 0);
	assert_int_equal(at(l)->half_open.count, 1);
	check_engines();
	data(1);
	assert_int_equal(engine_events(eng(1), ev, 4), 1);
	assert_int_equal(engine_accept(eng(1), l, &s), 0);
	assert_int_equal(engine_conn(eng(1), s)->rcvq.len, 10);
	assert_int_equal(engine_conn(eng(1), s)->misc_deadline, TCP_NEVER);
	pair_sleep(kp, 10 * SECOND);
	assert_int_equal(engine_conn(eng(1), s)->state, TCP_ESTABLISHED);
	check_engines();
}

static void test_listen_deferred_is_accepted_silent_after_its_time(void **state)
{
	uint64_t l = open_on("::", 80), s;

	kp->cut = true; /* the other side knows of nothing, and would say so */
	assert_int_equal(engine_listen_defer(eng(1), l, 5000), 0);
	syn(1);
	last_ack(1);
	pair_sleep(kp, 49 * (SECOND / 10));
	assert_int_equal(engine_accept_queue(eng(1), l), 0);
	pair_sleep(kp, 2 * (SECOND / 10));
	assert_int_equal(engine_accept(eng(1), l, &s), 0);
	assert_int_equal(engine_conn(eng(1), s)->state, TCP_ESTABLISHED);
	check_engines();
}

static void test_listen_deferred_ends_by_fin_reset_and_close(void **state)
{
	uint64_t l = open_on("::", 80), s;
	uint32_t ack;

	assert_int_equal(engine_listen_defer(eng(1), l, 5000), 0);
	syn(1);
	ack = kit_sent(1, 0)->tcp.seq + 1;
	last_ack(1);
	give(0, 1, TCP_ACK | TCP_FIN, 101, ack);
	assert_int_equal(engine_accept(eng(1), l, &s), 0);
	assert_int_equal(engine_conn(eng(1), s)->state, TCP_CLOSE_WAIT);
	syn(2);
	last_ack(2);
	give(0, 2, TCP_RST, 101, 0);
	assert_int_equal(at(l)->half_open.count, 0);
	assert_int_equal(engine_accept(eng(1), l, &s), -EAGAIN); /* as if it had never been */
	syn(3);
	last_ack(3);
	engine_listen_close(eng(1), l);
	kit_turn(1);
	assert_true(kit_sent(1, 0)->tcp.flags & TCP_RST);
	assert_int_equal(eng(1)->r->conns.used, 1);
	check_engines();
}

/* ---- segments ---- */

static void test_listen_answers_ack_with_rst_and_nothing_else(void **state)
{
	uint64_t l = open_on("::", 80);

	give(0, 1, TCP_ACK, 5, 77);
	assert_int_equal(kit_sent(1, 0)->tcp.flags, TCP_RST);
	assert_int_equal(kit_sent(1, 0)->tcp.seq, 77);
	give(0, 1, TCP_SYN | TCP_ACK, 5, 78);
	assert_int_equal(kit_sent(1, 0)->tcp.seq, 78);
	give(0, 1, TCP_RST, 5, 0);
	assert_int_equal(stat_of(1, in_listen_rst), 1);
	assert_int_equal(kit_sent_count(1), 2);
	assert_int_equal(at(l)->half_open.count, 0);
}

static void test_listen_maxseg_is_announced_to_peers_and_kept(void **state)
{
	const struct kit_frame *f;
	struct tcp_opts o;
	uint64_t l, s;

	l = kit_listen(80);
	assert_int_equal(engine_listen_maxseg(eng(1), l, 1100), 0);
	assert_int_equal(engine_listen_maxseg(eng(1), l ^ 1ull << 32, 1100), -EBADF);
	syn(7777);
	f = kit_sent(1, 0);
	tcp_options_parse(f->data + f->tcp.payload_off - (f->tcp.doff - 20u), f->tcp.doff - 20u, &o);
	assert_int_equal(o.mss, 1100);
	last_ack(7777);
	assert_int_equal(engine_accept(eng(1), l, &s), 0);
	assert_true(engine_conn(eng(1), s)->mss <= 1100);
}

/* ---- events, accept, close ---- */

static void test_listen_event_comes_once_and_only_when_someone_waits(void **state)
{
	uint64_t l = open_on("::", 80), s;
	struct engine_event ev[2];

	assert_int_equal(engine_set_user(eng(1), l, 99), 0);
	syn(1);
	assert_int_equal(engine_events(eng(1), ev, 2), 0); /* not yet established */
	last_ack(1);
	syn(2);
	last_ack(2);
	assert_int_equal(engine_events(eng(1), ev, 2), 1);
	assert_int_equal(ev[0].handle, l);
	assert_int_equal(ev[0].user, 99);
	assert_int_equal(ev[0].events, EV_ACCEPT);
	assert_int_equal(engine_events(eng(1), ev, 2), 0);
	syn(3);
	last_ack(3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(engine_accept(eng(1), l, &s), 0);
	assert_int_equal(pair_events(kp, 1, l), 0); /* all taken before anyone asked */
}

static void test_listen_events_of_several_come_in_order(void **state)
{
	uint64_t l[3], c, s;
	struct engine_event ev[3];

	for (uint16_t i = 0; i < 3; i++)
		l[i] = open_on("::", (uint16_t)(80 + i));
	for (uint16_t i = 0; i < 3; i++) {
		engine_connect(eng(0), kit_addr(1, 0), (uint16_t)(82 - i), NULL, 0, 0, &c);
		pair_settle(kp);
	}
	assert_int_equal(engine_listen_close(eng(1), l[1]), 0); /* out of the middle */
	assert_int_equal(engine_events(eng(1), ev, 1), 1);
	assert_int_equal(ev[0].handle, l[2]);
	assert_int_equal(engine_events(eng(1), ev, 3), 1);
	assert_int_equal(ev[0].handle, l[0]);
	assert_int_equal(engine_accept(eng(1), l[0], &s), 0);
	pair_settle(kp);
}

/* It was reset while it waited: the application learns so from the connection. */
static void test_listen_accepted_after_reset_tells_its_error(void **state)
{
	uint64_t l = open_on("::", 80), s;
	struct engine_event ev;

	syn(1);
	last_ack(1);
	give(0, 1, TCP_RST, 101, 0);
	assert_int_equal(eng(1)->r->conns.used, 1);
	engine_events(eng(1), &ev, 1);
	assert_int_equal(engine_accept(eng(1), l, &s), 0);
	assert_int_equal(engine_events(eng(1), &ev, 1), 1);
	assert_int_equal(ev.handle, s);
	assert_int_equal(ev.error, ECONNRESET);
	engine_close(eng(1), s);
	kit_turn(1);
	assert_int_equal(eng(1)->r->conns.used, 0);
}

static void test_listen_closed_resets_half_open_and_waiting_ones(void **state)
{
	uint64_t l = open_on("::", 80), sent, s;

	syn(1);
	last_ack(1);
	syn(2);
	sent = kit_sent_count(1);
	assert_int_equal(engine_listen_close(eng(1), l), 0);
	check_engines();
	kit_turn(1);
	assert_int_equal(kit_sent_count(1), sent + 2);
	for (uint32_t i = 0; i < 2; i++)
		assert_true(kit_sent(1, i)->tcp.flags & TCP_RST);
	assert_int_equal(eng(1)->r->conns.used, 0);
	assert_int_equal(kp->side[1].owned[80], 0);
	assert_int_equal(engine_listen_close(eng(1), l), -EBADF);
	assert_int_equal(engine_listener_port(eng(1), l), -EBADF);
	assert_int_equal(engine_accept(eng(1), l, &s), -EBADF);
}

static void test_listen_handle_of_a_slot_used_again_is_stale(void **state)
{
	uint64_t a = open_on("::", 80), b;

	engine_listen_close(eng(1), a);
	b = open_on("::", 81);
	assert_int_equal((uint32_t)a, (uint32_t)b);
	assert_int_equal(engine_listen_close(eng(1), a), -EBADF);
	assert_int_equal(engine_listener_port(eng(1), b), 81);
	assert_int_equal(engine_listener_port(eng(1), b & ~(uint64_t)HANDLE_LISTENER), -EBADF);
	assert_int_equal(engine_listener_port(eng(1), b + 1), -EBADF);
	assert_int_equal(engine_listener_port(eng(1), HANDLE_LISTENER), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_listen_most_specific_of_three_kinds_wins),
		TEST(test_listen_v6only_leaves_ipv4_alone),
		TEST(test_listen_same_kind_twice_is_in_use),
		TEST(test_listen_on_what_is_not_ours_is_refused),
		TEST(test_listen_port_of_a_local_program_is_in_use),
		TEST(test_listen_all_listeners_in_use_is_refused),
		TEST(test_listen_port_zero_tries_until_one_is_free_everywhere),
		TEST(test_listen_wildcard_does_without_an_address_that_cannot_be_bound),
		TEST(test_listen_wildcard_follows_addresses_live),
		TEST(test_listen_address_at_an_index_replaced_moves_the_port),
		TEST(test_listen_new_address_with_the_port_taken_is_left_alone),
		TEST(test_listen_syn_queue_bound_is_kept_and_frees_itself),
		TEST(test_listen_half_open_may_complete_past_the_backlog),
		TEST(test_listen_largest_backlog_is_no_fault),
		TEST(test_listen_no_slot_or_route_for_a_syn_leaves_nothing),
		TEST(test_listen_deferred_is_accepted_with_its_data),
		TEST(test_listen_deferred_is_accepted_silent_after_its_time),
		TEST(test_listen_deferred_ends_by_fin_reset_and_close),
		TEST(test_listen_answers_ack_with_rst_and_nothing_else),
		TEST(test_listen_event_comes_once_and_only_when_someone_waits),
		TEST(test_listen_events_of_several_come_in_order),
		TEST(test_listen_accepted_after_reset_tells_its_error),
		TEST(test_listen_maxseg_is_announced_to_peers_and_kept),
		TEST(test_listen_closed_resets_half_open_and_waiting_ones),
		TEST(test_listen_handle_of_a_slot_used_again_is_stale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
