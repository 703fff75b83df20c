// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_engine_ao.c - engine/ao.c: connections signed with TCP-AO (RFC 5925), in both roles and families; what is dropped;
 * change of keys; sequence number extensions. The algorithms: test_engine_ao_mac.c; which key: test_engine_ao_keys.c.
 */
#include "engine_kit.h"

#include "engine/ao.h"

#define FULL 128

static struct ao_mkt mkt(int side, int family, uint8_t send_id, uint8_t recv_id, const char *secret)
{
	struct ao_mkt k = { .addr = *kit_addr(!side, family), .bits = FULL, .send_id = send_id, .recv_id = recv_id };

	k.len = (uint8_t)strlen(secret);
	memcpy(k.key, secret, k.len);
	return k;
}

/* Side 0's SendID is id, side 1's id + 100. */
static void key(int side, int family, uint8_t id, const char *secret)
{
	struct ao_mkt k = mkt(side, family, (uint8_t)(id + 100 * side), (uint8_t)(id + 100 * !side), secret);

	assert_int_equal(engine_ao_key(eng(side), &k), 0);
}

static void both(int family, uint8_t id, const char *secret)
{
	key(0, family, id, secret);
	key(1, family, id, secret);
}

static uint64_t dropped(int side)
{
	return stat_of(side, in_ao_missing) + stat_of(side, in_ao_wrong) + stat_of(side, in_ao_key_unknown) +
	       stat_of(side, in_ao_malformed) + stat_of(side, in_ao_no_isn) + stat_of(side, in_ao_md5_both) +
	       stat_of(side, in_ao_unexpected);
}

static const struct ao_conn *ao_of(int side, uint64_t h)
{
	const struct ao_conn *ao = engine_ao_conn(eng(side), h);

	assert_non_null(ao);
	return ao;
}

/* The TCP-AO option of a frame, or NULL. */
static const uint8_t *option(const struct kit_frame *f)
{
	const uint8_t *p = f->data + f->ip.l4_off + 20, *end = f->data + f->ip.l4_off + f->tcp.doff;

	while (p < end && *p != 0 && *p != AO_KIND)
		p += *p == 1 ? 1 : p[1];
	return p < end && *p == AO_KIND ? p : NULL;
}

/* len bytes from one side to the other, in as many turns as it takes. */
static void carry(int from, uint64_t a, uint64_t b, uint32_t len, uint64_t *at)
{
	uint64_t end = *at + len;

	kit_send(from, a, len);
	for (int i = 0; i < 200 && *at < end; i++) {
		pair_settle(kp);
		kit_receive(!from, b, at);
	}
	assert_int_equal(*at, end);
}

static void fresh(const struct engine_conf *conf)
{
	kit_teardown(NULL);
	assert_int_equal(kit_open(conf), 0);
}

static void one_connection(int family, enum ao_alg alg, uint8_t flags)
{
	uint64_t c, s, l, there = 0, back = 0, overhead = family ? 60 : 40;

	for (int side = 0; side < 2; side++) {
		struct ao_mkt k = mkt(side, family, side ? 7 : 255, side ? 255 : 7, "a master key");

		k.alg = (uint8_t)alg;
		k.flags = flags;
		assert_int_equal(engine_ao_key(eng(side), &k), 0);
	}
	l = kit_listen(80);
	kit_join(family, 80, l, &c, &s);
	assert_int_equal(kit_conn(0, c)->tcp.mss, 1500 - overhead - 12 - AO_OPTION_BYTES);
	assert_true(kit_conn(0, c)->tcp.flags & TCP_F_TS && kit_conn(0, c)->tcp.flags & TCP_F_SACK &&
		    kit_conn(0, c)->tcp.flags & TCP_F_WSCALE);
	carry(0, c, s, 100000, &there);
	carry(1, s, c, 100000, &back);
	for (uint32_t i = 0; i < 8; i++) {
		assert_int_equal(option(kit_sent(0, i))[2], 255);
		assert_int_equal(option(kit_sent(0, i))[3], 7);
		assert_ptr_equal(option(kit_sent(0, i)) + AO_OPTION_BYTES,
				 kit_sent(0, i)->data + kit_sent(0, i)->ip.l4_off + kit_sent(0, i)->tcp.doff);
		assert_int_equal(option(kit_sent(1, i))[2], 7);
		assert_int_equal(option(kit_sent(1, i))[3], 255);
	}
	engine_close(eng(0), c);
	pair_settle(kp);
	engine_close(eng(1), s);
	pair_settle(kp);
	assert_int_equal(eng(0)->r->tws.used, 1);
	assert_int_equal(eng(1)->r->conns.used, 0);
	assert_int_equal(dropped(0) + dropped(1), 0);
	check_engines();
}

static void test_ao_signed_connection_carries_data_and_closes(void **state)
{
	for (int family = 0; family < 2; family++)
		for (int alg = 0; alg < AO_ALGS; alg++)
			for (uint8_t flags = 0; flags <= AO_F_NO_OPTIONS; flags++) {
				one_connection(family, (enum ao_alg)alg, flags);
				fresh(NULL);
			}
}

/* RFC 5925 5.2: the keys are computed once. What becomes of the master key meanwhile does not matter to a connection. */
static void test_ao_traffic_keys_are_kept(void **state)
{
	uint64_t c, s, l = kit_listen(80), at = 0;

	both(0, 1, "secret");
	kit_join(0, 80, l, &c, &s);
	eng(0)->r->ao_mkt[0].key[0] ^= 1;
	carry(0, c, s, 20000, &at);
	assert_int_equal(dropped(0) + dropped(1), 0);
}

static void test_ao_simultaneous_open(void **state)
{
	uint64_t a, b, at = 0;

	both(0, 1, "secret");
	assert_int_equal(engine_connect(eng(0), kit_addr(1, 0), 6000, NULL, 5000, 0, &a), 0);
	assert_int_equal(engine_connect(eng(1), kit_addr(0, 0), 5000, NULL, 6000, 0, &b), 0);
	kp->cut = true; /* both SYNs are out before either arrives */
	kit_turn(0);
	kit_turn(1);
	kp->cut = false;
	assert_true(simport_deliver(&kp->side[0].port, kit_sent(1, 0)->data, kit_sent(1, 0)->len, NULL));
	assert_true(simport_deliver(&kp->side[1].port, kit_sent(0, 0)->data, kit_sent(0, 0)->len, NULL));
	pair_settle(kp);
	assert_int_equal(engine_conn(eng(0), a)->state, TCP_ESTABLISHED);
	assert_int_equal(engine_conn(eng(1), b)->state, TCP_ESTABLISHED);
	carry(0, a, b, 5000, &at);
	assert_int_equal(dropped(0) + dropped(1), 0);
}

/* A SYN once more, in SYN-RECEIVED and later, has the key of a SYN. */
static void test_ao_syn_once_more(void **state)
{
	uint64_t l = kit_listen(80), c, s;
	struct kit_frame syn;

	both(0, 1, "secret");
	c = kit_connect(0, 80);
	kit_turn(0);
	syn = *kit_sent(0, 0);
	kp->cut = true;
	kit_turn(1);
	pair_sleep(kp, 10 * SECOND / 1000);
	kp->cut = false;
	kit_give(1, syn.data, syn.len, NULL);
	pair_settle(kp);
	assert_int_equal(engine_accept(eng(1), l, &s), 0);
	assert_int_equal(engine_conn(eng(0), c)->state, TCP_ESTABLISHED);
	kit_give(1, syn.data, syn.len, NULL);
	assert_int_equal(stat_of(1, in_seq_old) + stat_of(1, in_paws), 2); /* the core has seen both */
	pair_settle(kp);
	assert_int_equal(dropped(0) + dropped(1), 0);
	assert_int_equal(engine_conn(eng(1), s)->state, TCP_ESTABLISHED);
}

/* ---- what is dropped (7.5) ---- */

/* The SYN-ACK of an earlier connection between the same ports has another ISN of ours in its key. */
static void test_ao_syn_ack_of_another_connection(void **state)
{
	struct kit_frame syn_ack;
	uint64_t c, sent;

	both(0, 1, "secret");
	kit_listen(80);
	assert_int_equal(engine_connect(eng(0), kit_addr(1, 0), 80, NULL, 5000, 0, &c), 0);
	kit_turn(0);
	kp->cut = true;
	kit_turn(1);
	syn_ack = *kit_sent(1, 0);
	assert_int_equal(syn_ack.tcp.flags, TCP_SYN | TCP_ACK);
	engine_abort(eng(0), c);
	kit_turn(0);
	kp->now += SECOND;
	assert_int_equal(engine_connect(eng(0), kit_addr(1, 0), 80, NULL, 5000, 0, &c), 0);
	kit_turn(0);
	sent = kit_sent_count(0);
	kit_give(0, syn_ack.data, syn_ack.len, NULL);
	assert_int_equal(stat_of(0, in_ao_wrong), 1);
	assert_int_equal(kit_sent_count(0), sent);
}

static void fails(uint16_t port)
{
	uint64_t c = kit_connect(0, port);

	pair_settle(kp);
	assert_int_equal(engine_conn(eng(0), c)->state, TCP_SYN_SENT);
	engine_abort(eng(0), c);
	pair_settle(kp);
}

static void test_ao_wrong_or_no_key_opens_nothing(void **state)
{
	struct ao_mkt k = mkt(0, 0, 1, 101, "secreT"), none;
	uint64_t c, s, l = kit_listen(80);

	key(1, 0, 1, "secret");
	fails(80);
	assert_int_equal(stat_of(1, in_ao_missing), 1);
	assert_int_equal(engine_ao_key(eng(0), &k), 0);
	fails(80);
	assert_int_equal(stat_of(1, in_ao_wrong), 1);
	none = k;
	none.len = 0;
	assert_int_equal(engine_ao_key(eng(0), &none), 0);
	k = mkt(0, 0, 2, 101, "secret");
	assert_int_equal(engine_ao_key(eng(0), &k), 0);
	fails(80);
	assert_int_equal(stat_of(1, in_ao_key_unknown), 1);
	none = k;
	none.len = 0;
	assert_int_equal(engine_ao_key(eng(0), &none), 0);
	assert_int_equal(dropped(1), 3);
	key(0, 0, 1, "secret");
	kit_join(0, 80, l, &c, &s);
	assert_int_equal(dropped(1), 3);
}

static void give_back(int side, struct kit_frame *f)
{
	kit_sums(f->data, f->len);
	kit_give(side, f->data, f->len, NULL);
}

static void test_ao_changed_segments_are_dropped(void **state)
{
	uint64_t c, s, l = kit_listen(80);
	struct kit_frame f;
	uint8_t *opt;

	both(0, 1, "secret");
	kit_join(0, 80, l, &c, &s);
	kp->cut = true;
	kit_send(0, c, 100);
	kit_turn(0);
	f = *kit_sent(0, 0);
	opt = f.data + (option(kit_sent(0, 0)) - kit_sent(0, 0)->data);
	f.data[f.len - 1] ^= 1; /* data */
	give_back(1, &f);
	assert_int_equal(stat_of(1, in_ao_wrong), 1);
	f.data[f.len - 1] ^= 1;
	opt[4 + AO_MAC_BYTES - 1] ^= 1; /* the MAC's end */
	give_back(1, &f);
	assert_int_equal(stat_of(1, in_ao_wrong), 2);
	opt[4 + AO_MAC_BYTES - 1] ^= 1;
	opt[3] ^= 1; /* RNextKeyID: no other key is heeded */
	give_back(1, &f);
	assert_int_equal(stat_of(1, in_ao_wrong), 3);
	opt[3] ^= 1;
	opt[2] = 77; /* KeyID */
	give_back(1, &f);
	assert_int_equal(stat_of(1, in_ao_key_unknown), 1);
	opt[2] = 1;
	assert_int_equal(engine_conn(eng(1), s)->rcvq.len, 0);
	give_back(1, &f); /* as it was */
	assert_int_equal(engine_conn(eng(1), s)->rcvq.len, 100);
	assert_int_equal(dropped(1), 4);
}

/* A segment for side 1's port 80 with these options. */
static void give_options(uint16_t sport, uint32_t seq, const uint8_t *opt, uint32_t len, uint16_t flags)
{
	static uint8_t frame[KIT_FRAME];
	struct kit_seg seg = { .sport = sport, .seq = seq, .flags = flags, .opt = opt, .opt_len = len };

	kit_give(1, frame, kit_tcp(frame, 1, &seg), NULL);
}

static void test_ao_malformed_twice_or_with_md5(void **state)
{
	uint8_t twice[32] = { AO_KIND, 16, 1, 101, [16] = AO_KIND, 16, 1, 101 };
	uint8_t md5[36] = { AO_KIND, 16, 1, 101, [16] = 19, 18, [34] = 1, 1 };
	uint8_t shorter[12] = { AO_KIND, 12, 1, 101 };
	uint8_t least[4] = { AO_KIND, 2, 1, 1 };
	uint8_t beyond[8] = { 1, 1, 1, 1, AO_KIND, 16, 1, 101 };
	uint64_t sent = kit_sent_count(1);

	both(0, 1, "secret");
	kit_listen(80);
	give_options(1000, 1, twice, sizeof(twice), TCP_SYN);
	assert_int_equal(stat_of(1, in_ao_malformed), 1);
	give_options(1000, 1, shorter, sizeof(shorter), TCP_SYN);
	assert_int_equal(stat_of(1, in_ao_malformed), 2);
	give_options(1000, 1, least, sizeof(least), TCP_SYN);
	assert_int_equal(stat_of(1, in_ao_malformed), 3);
	give_options(1000, 1, beyond, sizeof(beyond), TCP_SYN); /* not an option at all */
	assert_int_equal(stat_of(1, in_ao_missing), 1);
	give_options(1000, 1, md5, sizeof(md5), TCP_SYN);
	assert_int_equal(stat_of(1, in_ao_md5_both), 1);
	assert_int_equal(dropped(1), 5);
	assert_int_equal(kit_sent_count(1), sent);
}

static void test_ao_without_any_key_is_ignored_or_not(void **state)
{
	uint8_t opt[16] = { AO_KIND, 16, 1, 101 };
	struct ao_mkt k = mkt(1, 0, 1, 1, "secret");

	addr_parse("192.0.2.1", &k.addr);
	kit_listen(80);
	give_options(1000, 1, opt, sizeof(opt), TCP_SYN); /* no key for anybody: not looked for */
	assert_int_equal(stat_of(1, passive_opens), 1);
	assert_int_equal(engine_ao_key(eng(1), &k), 0);
	give_options(1001, 1, opt, sizeof(opt), TCP_SYN);
	assert_int_equal(stat_of(1, passive_opens), 2);
	assert_int_equal(stat_of(1, in_ao_ignored), 1);
	engine_ao_strict(eng(1), true);
	give_options(1002, 1, opt, sizeof(opt), TCP_SYN);
	assert_int_equal(stat_of(1, in_ao_unexpected), 1);
	give_options(1002, 1, NULL, 0, TCP_SYN);
	assert_int_equal(stat_of(1, passive_opens), 3);
}

static void test_ao_strict_needs_no_key(void **state)
{
	uint8_t opt[16] = { AO_KIND, 16, 1, 101 };

	kit_listen(80);
	engine_ao_strict(eng(1), true);
	give_options(1000, 1, opt, sizeof(opt), TCP_SYN);
	assert_int_equal(stat_of(1, in_ao_unexpected), 1);
	engine_ao_strict(eng(1), false);
	give_options(1000, 1, opt, sizeof(opt), TCP_SYN);
	assert_int_equal(stat_of(1, passive_opens), 1);
}

static void test_ao_connection_older_than_the_key_stays_unsigned(void **state)
{
	uint64_t l = kit_listen(80), c, s, at = 0;

	kit_join(0, 80, l, &c, &s);
	both(0, 1, "secret");
	carry(0, c, s, 1000, &at);
	assert_null(option(kit_sent(0, 0)));
	assert_null(engine_ao_conn(eng(0), c));
	assert_int_equal(engine_ao_select(eng(0), c, 1, AO_ANY), -EOPNOTSUPP);
}

/* RFC 5925 8: who has both uses TCP-AO. */
static void test_ao_comes_before_md5(void **state)
{
	uint64_t l = kit_listen(80), c, s;

	for (int side = 0; side < 2; side++)
		for (int family = 0; family < 2; family++)
			engine_md5_key(eng(side), kit_addr(!side, family), FULL, "md5", 3);
	both(0, 1, "secret");
	kit_join(0, 80, l, &c, &s);
	assert_int_equal(kit_conn(0, c)->tcp.sig_bytes, AO_OPTION_BYTES);
	kit_join(1, 80, l, &c, &s); /* and the other peer is signed with MD5 */
	assert_int_equal(kit_conn(0, c)->tcp.sig_bytes, MD5_OPTION_BYTES);
	assert_int_equal(dropped(0) + dropped(1) + stat_of(0, in_md5_wrong) + stat_of(1, in_md5_missing), 0);
}

/* ---- resets (7.7) ---- */

static void test_ao_reset(void **state)
{
	uint8_t frame[KIT_FRAME];
	struct kit_seg rst = { .flags = TCP_RST, .dport = 80 };
	uint64_t l = kit_listen(80), c, s;

	both(0, 1, "secret");
	kit_join(0, 80, l, &c, &s);
	rst.sport = wire_swap16(engine_conn(eng(0), c)->lport);
	rst.seq = engine_conn(eng(1), s)->rcv_nxt;
	kit_give(1, frame, kit_tcp(frame, 1, &rst), NULL);
	assert_int_equal(engine_conn(eng(1), s)->state, TCP_ESTABLISHED);
	assert_int_equal(stat_of(1, in_ao_missing), 1);
	engine_abort(eng(0), c); /* a signed one counts */
	pair_settle(kp);
	assert_int_equal(engine_conn(eng(1), s)->state, TCP_CLOSED);
	assert_int_equal(dropped(1), 1);
}

static void test_ao_refusal_is_signed(void **state)
{
	struct engine_event ev;

	for (int family = 0; family < 2; family++) {
		both(family, 1, "secret");
		kit_connect(family, 81);
		pair_settle(kp);
		assert_true(kit_sent(1, 0)->tcp.flags & TCP_RST);
		assert_int_equal(option(kit_sent(1, 0))[2], 101);
		assert_int_equal(engine_events(eng(0), &ev, 1), 1);
		assert_int_equal(ev.error, ECONNREFUSED);
		fresh(NULL);
	}
}

/* The SYN-ACK comes when nobody wants it any more: it tells both ISNs, so the RST can be signed. */
static void test_ao_reset_of_a_late_syn_ack(void **state)
{
	uint64_t c;

	both(0, 1, "secret");
	kit_listen(80);
	c = kit_connect(0, 80);
	kit_turn(0);
	kp->cut = true;
	kit_turn(1);
	kp->cut = false;
	engine_abort(eng(0), c);
	kit_turn(0);
	assert_int_equal(eng(1)->r->conns.used, 1);
	kit_give(0, kit_sent(1, 0)->data, kit_sent(1, 0)->len, NULL);
	assert_true(kit_sent(0, 0)->tcp.flags & TCP_RST);
	pair_settle(kp);
	assert_int_equal(eng(1)->r->conns.used, 0);
	assert_int_equal(dropped(0) + dropped(1), 0);
}

static void test_ao_stray_segment_is_not_answered(void **state)
{
	struct kit_frame f;
	uint64_t l = kit_listen(80), c, s, sent;

	both(0, 1, "secret");
	kit_join(0, 80, l, &c, &s);
	kp->cut = true;
	kit_send(0, c, 100);
	kit_turn(0);
	f = *kit_sent(0, 0);
	engine_abort(eng(1), s); /* as if side 1 had forgotten it */
	kit_turn(1);
	sent = kit_sent_count(1);
	give_back(1, &f);
	assert_int_equal(stat_of(1, in_ao_no_isn), 1);
	assert_int_equal(kit_sent_count(1), sent);
}

/* ---- TIME-WAIT ---- */

static void test_ao_time_wait_answers_signed(void **state)
{
	uint64_t l = kit_listen(80), c, s;
	struct kit_frame fin;
	uint64_t sent;

	both(1, 1, "secret");
	kit_join(1, 80, l, &c, &s);
	engine_close(eng(0), c);
	pair_settle(kp);
	engine_close(eng(1), s);
	kit_turn(1);
	fin = *kit_sent(1, 0);
	assert_true(fin.tcp.flags & TCP_FIN);
	pair_settle(kp);
	assert_int_equal(eng(0)->r->tws.used, 1);
	sent = kit_sent_count(0);
	kit_give(0, fin.data, fin.len, NULL); /* once more: it is acknowledged once more */
	assert_int_equal(kit_sent_count(0), sent + 1);
	assert_non_null(option(kit_sent(0, 0)));
	fin.data[fin.len - 1] ^= 1;
	give_back(0, &fin);
	assert_int_equal(kit_sent_count(0), sent + 1);
	assert_int_equal(stat_of(0, in_ao_wrong), 1);
}

/* Side 1's port waits in TIME-WAIT; a newer SYN opens it again if it is signed. */
static void test_ao_time_wait_reopens_for_a_signed_syn(void **state)
{
	uint64_t l = kit_listen(80), c, s, again;
	uint16_t port;

	both(0, 1, "secret");
	assert_int_equal(engine_connect(eng(0), kit_addr(1, 0), 80, NULL, 5000, 0, &c), 0);
	pair_settle(kp);
	assert_int_equal(engine_accept(eng(1), l, &s), 0);
	port = wire_swap16(engine_conn(eng(0), c)->lport);
	engine_close(eng(1), s);
	pair_settle(kp);
	engine_close(eng(0), c);
	pair_settle(kp);
	assert_int_equal(eng(1)->r->tws.used, 1);
	pair_sleep(kp, SECOND);
	give_options(port, 0x70000000, NULL, 0, TCP_SYN);
	assert_int_equal(stat_of(1, in_ao_missing), 1);
	assert_int_equal(eng(1)->r->tws.used, 1);
	assert_int_equal(engine_connect(eng(0), kit_addr(1, 0), 80, NULL, 5000, 0, &again), 0);
	pair_settle(kp);
	assert_int_equal(engine_conn(eng(0), again)->state, TCP_ESTABLISHED);
	assert_int_equal(stat_of(1, time_wait_reused), 1);
	assert_int_equal(dropped(1), 1);
}

/* Whether the old connection was signed or not: a SYN that opens a new one must be. */
static void test_ao_unsigned_time_wait_is_no_way_in(void **state)
{
	uint64_t l = kit_listen(80), c, s;

	kit_join(0, 80, l, &c, &s);
	engine_close(eng(1), s);
	pair_settle(kp);
	engine_close(eng(0), c);
	pair_settle(kp);
	assert_int_equal(eng(1)->r->tws.used, 1);
	key(1, 0, 1, "secret");
	pair_sleep(kp, SECOND);
	give_options(wire_swap16(tw_at(eng(1), 1)->tcp.rport), tw_at(eng(1), 1)->tcp.rcv_nxt + 100000, NULL, 0,
		     TCP_SYN);
	assert_int_equal(stat_of(1, in_ao_missing), 1);
	assert_int_equal(stat_of(1, passive_opens), 1);
}

/* A signed SYN for a port in TIME-WAIT on which nobody listens any more: the RST is that of a SYN's refusal. */
static void test_ao_time_wait_refuses_a_signed_syn(void **state)
{
	uint64_t l = kit_listen(80), c, s, again;

	both(0, 1, "secret");
	assert_int_equal(engine_connect(eng(0), kit_addr(1, 0), 80, NULL, 5000, 0, &c), 0);
	pair_settle(kp);
	assert_int_equal(engine_accept(eng(1), l, &s), 0);
	engine_close(eng(1), s);
	pair_settle(kp);
	engine_close(eng(0), c);
	pair_settle(kp);
	assert_int_equal(eng(1)->r->tws.used, 1);
	engine_listen_close(eng(1), l);
	pair_sleep(kp, SECOND);
	assert_int_equal(engine_connect(eng(0), kit_addr(1, 0), 80, NULL, 5000, 0, &again), 0);
	pair_settle(kp);
	assert_int_equal(engine_conn(eng(0), again)->state, TCP_CLOSED);
	assert_int_equal(engine_conn(eng(0), again)->error, ECONNREFUSED);
	assert_int_equal(dropped(0) + dropped(1), 0);
}

/* ---- change of keys (RFC 5925 4, 6.1, 7.5) ---- */

static void test_ao_rollover(void **state)
{
	uint64_t l = kit_listen(80), c, s, there = 0, back = 0;
	struct kit_frame old;

	both(0, 1, "the first");
	kit_join(0, 80, l, &c, &s);
	carry(0, c, s, 1000, &there);
	old = *kit_sent(0, 0);
	both(0, 2, "the second"); /* while the connection is open */
	assert_int_equal(engine_ao_select(eng(1), s, AO_ANY, 2), 0);
	carry(0, c, s, 5000, &there);
	assert_int_equal(option(kit_sent(1, 0))[3], 2);
	assert_int_equal(option(kit_sent(1, 0))[2], 101); /* the other direction keeps the first */
	carry(0, c, s, 5000, &there);
	assert_int_equal(option(kit_sent(0, 0))[2], 2);
	assert_int_equal(stat_of(0, ao_rollovers), 1);
	assert_int_equal(ao_of(0, c)->got_rnext_id, 2);
	assert_int_equal(engine_ao_select(eng(0), c, AO_ANY, 102), 0);
	carry(0, c, s, 5000, &there);
	carry(1, s, c, 5000, &back);
	assert_int_equal(option(kit_sent(1, 0))[2], 102);
	assert_int_equal(stat_of(1, ao_rollovers), 1);
	assert_int_equal(dropped(0) + dropped(1), 0);
	/* a copy of a segment from before asks for the first again: too late */
	kit_give(1, old.data, old.len, NULL);
	carry(1, s, c, 5000, &back);
	assert_int_equal(option(kit_sent(1, 0))[2], 102);
	assert_int_equal(stat_of(1, ao_rollovers), 1);
	check_engines();
}

static void test_ao_peer_asks_for_a_key_that_is_not_there(void **state)
{
	uint64_t l = kit_listen(80), c, s, there = 0, back = 0;

	both(0, 1, "the first");
	kit_join(0, 80, l, &c, &s);
	key(1, 0, 2, "the second");
	assert_int_equal(engine_ao_select(eng(1), s, AO_ANY, 3), -ENOENT);
	assert_int_equal(engine_ao_select(eng(1), s, AO_ANY, 2), 0);
	carry(1, s, c, 5000, &back);
	carry(0, c, s, 5000, &there);
	assert_int_equal(option(kit_sent(0, 0))[2], 1);
	assert_int_equal(stat_of(0, ao_rollovers) + dropped(0) + dropped(1), 0);
}

/* Who is asked with the SYN answers so; who would rather have another says so in the SYN-ACK. */
static void test_ao_keys_are_agreed_in_the_handshake(void **state)
{
	uint64_t l = kit_listen(80), c, s, there = 0, back = 0;

	key(0, 0, 1, "the first");
	key(0, 0, 2, "the second");
	key(1, 0, 2, "the second"); /* the older is preferred */
	key(1, 0, 1, "the first");
	kit_join(0, 80, l, &c, &s);
	carry(0, c, s, 1000, &there);
	carry(1, s, c, 1000, &back);
	assert_int_equal(option(kit_sent(0, 0))[2], 2);
	assert_int_equal(option(kit_sent(0, 0))[3], 101);
	assert_int_equal(option(kit_sent(1, 0))[2], 101);
	assert_int_equal(option(kit_sent(1, 0))[3], 2);
	assert_int_equal(dropped(0) + dropped(1), 0);
}

static void test_ao_more_keys_than_a_connection_keeps(void **state)
{
	uint64_t l = kit_listen(80), c, s, there = 0, back = 0;
	char secret[] = "key ?";

	for (uint8_t i = 0; i < 20; i++) {
		secret[4] = (char)('a' + i);
		both(0, i, secret);
	}
	kit_join(0, 80, l, &c, &s);
	for (uint8_t i = 0; i < 40; i++) {
		const struct ao_conn *ao = ao_of(1, s);
		uint8_t was = ao->pair[ao->current].send_id;

		assert_int_equal(engine_ao_select(eng(1), s, AO_ANY, (i * 7) % 20), 0);
		assert_int_equal(ao->pair[ao->current].send_id, was);
		assert_int_equal(engine_ao_select(eng(0), c, AO_ANY, 100 + (i * 3) % 20), 0);
		carry(0, c, s, 500, &there);
		carry(1, s, c, 500, &back);
		carry(0, c, s, 500, &there);
		assert_int_equal(option(kit_sent(0, 0))[2], (i * 7) % 20);
		carry(1, s, c, 500, &back);
		assert_int_equal(option(kit_sent(1, 0))[2], 100 + (i * 3) % 20);
	}
	assert_int_equal(dropped(0) + dropped(1), 0);
	check_engines();
}

static void test_ao_current_key_by_the_application(void **state)
{
	uint64_t l = kit_listen(80), c, s, at = 0;

	both(0, 1, "the first");
	both(0, 2, "the second");
	kit_join(0, 80, l, &c, &s);
	assert_int_equal(engine_ao_select(eng(0), c, 3, AO_ANY), -ENOENT);
	assert_int_equal(engine_ao_select(eng(0), c, 2, AO_ANY), 0);
	kit_send(0, c, 100);
	pair_settle(kp);
	kit_receive(1, s, &at);
	assert_int_equal(at, 100);
	assert_int_equal(ao_of(1, s)->got_key_id, 2);
	assert_int_equal(dropped(1), 0);
	assert_int_equal(engine_ao_select(eng(0), 12345, 2, AO_ANY), -EBADF);
}

/* ---- sequence number extensions (6.2, RFC 9187) ---- */

static void test_ao_sne_by_distance(void **state)
{
	static const struct {
		uint32_t seq, sne; /* in the order of arrival */
	} in[] = {
		{ 0x00000000, 0 }, { 0x30000000, 0 }, { 0x90000000, 0 }, { 0x70000000, 0 }, { 0xa0000000, 0 },
		{ 0x00000001, 1 }, { 0x60000000, 1 }, { 0xb0000000, 1 }, { 0x40000000, 1 }, { 0xffffffff, 1 },
		{ 0x00000000, 2 }, { 0xf0000000, 1 }, { 0x10000000, 2 }, { 0xff000000, 1 }, { 0x80000000, 2 },
		{ 0xe0000000, 2 }, { 0x50000000, 3 }, { 0xd8000000, 2 }, { 0xcfffffff, 3 }, { 0x4ffffffe, 4 },
	};
	uint32_t ref = 0, sne = 0;

	for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++) {
		assert_int_equal(ao_sne(ref, sne, in[i].seq), in[i].sne);
		ao_advance(&ref, &sne, in[i].seq);
		assert_true(seq_geq(ref, in[i].seq));
	}
	assert_int_equal(ao_sne(5, 0, 0xfffffff0), UINT32_MAX); /* from before the connection: no sender has that */
}

static struct engine_conf with_isn(uint32_t isn)
{
	struct engine_conf conf;

	pair_conf(&conf);
	conf.tcp.fixed_isn = isn;
	return conf;
}

/* Both directions wrap, from every place in the handshake on. */
static void test_ao_sequence_numbers_wrap(void **state)
{
	static const uint32_t isns[] = { 0xffffffff, 0xfffffffe, 0xfffffff0, 0xffff0000, 0 };

	for (size_t i = 0; i < sizeof(isns) / sizeof(isns[0]); i++) {
		struct engine_conf conf = with_isn(isns[i]);
		uint64_t l, c, s, there = 0, back = 0;

		fresh(&conf);
		both(0, 1, "secret");
		l = kit_listen(80);
		kit_join(0, 80, l, &c, &s);
		for (int k = 0; k < 10; k++) {
			carry(0, c, s, 10000, &there);
			carry(1, s, c, 10000, &back);
		}
		assert_int_equal(ao_of(0, c)->snd_sne, !!isns[i]);
		assert_int_equal(ao_of(0, c)->rcv_sne, !!isns[i]);
		assert_int_equal(ao_of(1, s)->snd_sne, !!isns[i]);
		assert_int_equal(ao_of(1, s)->rcv_sne, !!isns[i]);
		assert_int_equal(dropped(0) + dropped(1), 0);
		engine_close(eng(0), c);
		engine_close(eng(1), s);
		pair_settle(kp);
		assert_int_equal(eng(0)->r->conns.used + eng(1)->r->conns.used, 0);
		assert_int_equal(dropped(0) + dropped(1), 0);
	}
}

/* A segment from before the wrap comes behind those from after it, again and again; what is lost is sent anew. */
static void test_ao_reordered_around_the_wrap(void **state)
{
	struct engine_conf conf = with_isn(0xffffffff - 3000);
	struct kit_frame f[4];
	uint64_t l, c, s, at = 0, sent;

	fresh(&conf);
	both(0, 1, "secret");
	l = kit_listen(80);
	kit_join(0, 80, l, &c, &s);
	kp->cut = true;
	sent = kit_sent_count(0);
	kit_send(0, c, 4 * 1432);
	kit_turn(0);
	assert_int_equal(kit_sent_count(0), sent + 4);
	for (uint32_t i = 0; i < 4; i++)
		f[i] = *kit_sent(0, 3 - i);
	assert_true(f[0].tcp.seq > f[3].tcp.seq);
	kit_give(1, f[3].data, f[3].len, NULL); /* behind the wrap */
	kit_give(1, f[1].data, f[1].len, NULL);
	kit_give(1, f[0].data, f[0].len, NULL);
	kit_give(1, f[2].data, f[2].len, NULL); /* now RCV.NXT is behind it too */
	kit_receive(1, s, &at);
	assert_int_equal(at, 4 * 1432);
	assert_int_equal(ao_of(1, s)->rcv_sne, 1);
	kit_give(1, f[0].data, f[0].len, NULL); /* a copy of the oldest: right MAC, but known */
	assert_int_equal(dropped(1), 0);
	assert_int_equal(engine_conn(eng(1), s)->rcvq.len, 0);
	kp->cut = false; /* side 0 has heard of none of it, and sends again across the wrap */
	pair_sleep(kp, 2 * SECOND);
	assert_int_equal(engine_conn(eng(0), c)->snd_una, engine_conn(eng(0), c)->snd_nxt);
	assert_true(stat_of(0, retrans_segs) > 0);
	assert_int_equal(dropped(0) + dropped(1), 0);
	assert_int_equal(ao_of(0, c)->snd_sne, 1);
}

/* 4 GiB later the same sequence numbers have another extension: a copy from then is not accepted (replay, 6.2). */
static void test_ao_replay_from_before_the_wrap(void **state)
{
	uint64_t l = kit_listen(80), c, s, at = 0;
	struct ao_conn *there, *here;
	struct kit_frame old;

	both(0, 1, "secret");
	kit_join(0, 80, l, &c, &s);
	kp->cut = true;
	kit_send(0, c, 100);
	kit_turn(0);
	old = *kit_sent(0, 0);
	kp->cut = false;
	there = &eng(1)->aos[(uint32_t)s - 1]; /* as if 4 GiB had gone by */
	here = &eng(0)->aos[(uint32_t)c - 1];
	there->rcv_sne++;
	here->snd_sne++;
	kit_give(1, old.data, old.len, NULL);
	assert_int_equal(stat_of(1, in_ao_wrong), 1);
	pair_sleep(kp, 2 * SECOND); /* sent again, it has the extension of now */
	kit_receive(1, s, &at);
	assert_int_equal(at, 100);
	assert_int_equal(dropped(1), 1);
}

/* ---- ICMP (7.8) ---- */

static void icmp(int family, uint8_t type, uint8_t code, uint32_t rest)
{
	static uint8_t frame[KIT_FRAME];
	const struct kit_frame *f = kit_sent(0, 0);

	kit_give(0, frame, kit_icmp(frame, 0, family, type, code, rest, f->data + 14, f->len - 14), NULL);
}

static void in_flight(int family, uint8_t flags, uint64_t *c)
{
	struct ao_mkt k = mkt(0, family, 1, 101, "secret");
	uint64_t s;

	fresh(NULL);
	k.flags = flags;
	assert_int_equal(engine_ao_key(eng(0), &k), 0);
	key(1, family, 1, "secret");
	kit_join(family, 80, kit_listen(80), c, &s);
	kp->cut = true;
	kit_send(0, *c, 100);
	kit_turn(0);
}

static void test_ao_hard_icmp_errors_are_ignored(void **state)
{
	uint64_t c;

	in_flight(0, 0, &c);
	for (uint8_t code = 2; code <= 4; code++)
		icmp(0, 3, code, 600);
	assert_int_equal(stat_of(0, in_ao_icmp), 3);
	assert_int_equal(engine_conn(eng(0), c)->soft_error, 0);
	assert_int_equal(engine_conn(eng(0), c)->path_mtu, 1500);
	icmp(0, 3, 0, 0); /* a soft one is told */
	assert_int_equal(engine_conn(eng(0), c)->soft_error, ENETUNREACH);
	in_flight(1, 0, &c);
	icmp(1, 1, 1, 0);
	icmp(1, 1, 4, 0);
	assert_int_equal(stat_of(0, in_ao_icmp), 2);
	assert_int_equal(engine_conn(eng(0), c)->soft_error, 0);
	icmp(1, 2, 0, 1400); /* nobody but the sender makes an IPv6 packet smaller */
	assert_int_equal(engine_conn(eng(0), c)->path_mtu, 1400);
	in_flight(0, AO_F_ICMP, &c);
	icmp(0, 3, 4, 600);
	icmp(0, 3, 3, 0);
	assert_int_equal(engine_conn(eng(0), c)->path_mtu, 600);
	assert_int_equal(engine_conn(eng(0), c)->soft_error, ECONNREFUSED);
	assert_int_equal(stat_of(0, in_ao_icmp), 0);
}

/* Nor do they end an attempt to connect. */
static void test_ao_hard_icmp_errors_before_the_handshake(void **state)
{
	uint64_t c;

	both(0, 1, "secret");
	kp->cut = true;
	c = kit_connect(0, 80);
	kit_turn(0);
	icmp(0, 3, 3, 0);
	assert_int_equal(engine_conn(eng(0), c)->state, TCP_SYN_SENT);
	assert_int_equal(engine_conn(eng(0), c)->soft_error, ECONNREFUSED);
	assert_int_equal(stat_of(0, in_ao_icmp), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ao_signed_connection_carries_data_and_closes),
		TEST(test_ao_traffic_keys_are_kept),
		TEST(test_ao_simultaneous_open),
		TEST(test_ao_syn_once_more),
		TEST(test_ao_syn_ack_of_another_connection),
		TEST(test_ao_wrong_or_no_key_opens_nothing),
		TEST(test_ao_changed_segments_are_dropped),
		TEST(test_ao_malformed_twice_or_with_md5),
		TEST(test_ao_without_any_key_is_ignored_or_not),
		TEST(test_ao_strict_needs_no_key),
		TEST(test_ao_connection_older_than_the_key_stays_unsigned),
		TEST(test_ao_comes_before_md5),
		TEST(test_ao_reset),
		TEST(test_ao_refusal_is_signed),
		TEST(test_ao_reset_of_a_late_syn_ack),
		TEST(test_ao_stray_segment_is_not_answered),
		TEST(test_ao_time_wait_answers_signed),
		TEST(test_ao_time_wait_reopens_for_a_signed_syn),
		TEST(test_ao_unsigned_time_wait_is_no_way_in),
		TEST(test_ao_time_wait_refuses_a_signed_syn),
		TEST(test_ao_rollover),
		TEST(test_ao_peer_asks_for_a_key_that_is_not_there),
		TEST(test_ao_keys_are_agreed_in_the_handshake),
		TEST(test_ao_more_keys_than_a_connection_keeps),
		TEST(test_ao_current_key_by_the_application),
		TEST(test_ao_sne_by_distance),
		TEST(test_ao_sequence_numbers_wrap),
		TEST(test_ao_reordered_around_the_wrap),
		TEST(test_ao_replay_from_before_the_wrap),
		TEST(test_ao_hard_icmp_errors_are_ignored),
		TEST(test_ao_hard_icmp_errors_before_the_handshake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
