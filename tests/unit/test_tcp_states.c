// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Every state x every combination of the nine flags, with and without text x places of the sequence number
 * x places of the acknowledgement x window open or shut x the kind of ECN agreed on, against RFC 9293 3.10.7 written once more
 * (spec_*), with RFC 5961 where it says more. The spec looks at what crossed the wire before and never at the connection.
 * ECE, CWR and AE change nothing that is compared; only where ECN was agreed on may a reply carry them.
 *
 * Compared: the next state, the reply with its numbers, what text was taken, and what the application hears.
 */
#include "tcp_harness.h"

#define ACKED 200u /* bytes of ours acknowledged before */
#define FLYING 100u
#define TEXT 100u
#define WINDOW 4000u
#define MEMORY 65536u
#define ECN (TCP_ECE | TCP_CWR | TCP_AE)
#define HEARD (TCP_EV_OPEN | TCP_EV_READABLE | TCP_EV_PEER_FIN | TCP_EV_ERROR | TCP_EV_CLOSED | TCP_EV_URGENT)

enum reply {
	NONE,
	ACK,	 /* now, or after the delay of an acknowledgement */
	MAY_ACK, /* the RFC leaves it open */
	RST,
	SYN_ACK,
};

static enum tcp_ecn_mode mode; /* what the handshake agrees on */

/* The stage: what both ends have said so far. */
struct stage {
	enum tcp_state state;
	bool passive;
	uint32_t nxt, edge; /* RCV.NXT, and the right edge announced */
	uint32_t una, end;  /* SND.UNA, SND.NXT */
	uint32_t acked;	    /* bytes left of una that were really sent */
	bool fin_sent;
};

struct outcome {
	enum tcp_state state;
	enum reply reply;
	uint32_t nxt, una, events;
	bool queued; /* text out of order is kept */
};

/* ---- the specification ---- */

static bool within(uint32_t seq, uint32_t from, uint32_t to)
{
	return seq - from < to - from;
}

static void finish(struct outcome *o, enum tcp_state state, enum reply reply, uint32_t events)
{
	o->state = state;
	o->reply = reply;
	o->events |= events;
}

/* 3.10.7.4 first: Table 5. */
static bool spec_acceptable(const struct stage *g, const struct tcp_seg *s)
{
	uint32_t len = tcp_seg_len(s);

	if (g->nxt == g->edge)
		return !len && s->seq == g->nxt;
	return within(s->seq, g->nxt, g->edge) || (len && within(s->seq + len - 1, g->nxt, g->edge));
}

/* Second. RFC 5961 3.2: outside of the window nothing, at its edge the end, else a challenge. */
static void spec_rst(const struct stage *g, const struct tcp_seg *s, struct outcome *o)
{
	bool quiet = g->state == TCP_CLOSING || g->state == TCP_LAST_ACK;

	if (g->state == TCP_TIME_WAIT) /* RFC 1337 3 */
		return;
	if (s->seq == g->nxt)
		finish(o, TCP_CLOSED, NONE, quiet ? TCP_EV_CLOSED : TCP_EV_ERROR);
	else if (within(s->seq, g->nxt, g->edge))
		finish(o, g->state, ACK, 0);
}

/* Fifth. False: the segment goes no further. */
static bool spec_ack(const struct stage *g, const struct tcp_seg *s, struct outcome *o)
{
	bool fin_acked = g->fin_sent && s->ack == g->end;

	if (!(s->flags & TCP_ACK))
		return false;
	if (g->state == TCP_SYN_RECEIVED) {
		if (s->ack != g->end) {
			o->reply = RST;
			return false;
		}
		finish(o, TCP_ESTABLISHED, o->reply, TCP_EV_OPEN);
	}
	if ((int32_t)(s->ack - g->end) > 0 || (int32_t)(s->ack - (g->una - g->acked)) < 0) { /* RFC 5961 5.2 */
		o->reply = ACK;
		return false;
	}
	if ((int32_t)(s->ack - g->una) > 0)
		o->una = s->ack;
	if (g->state == TCP_FIN_WAIT_1 && fin_acked)
		o->state = TCP_FIN_WAIT_2;
	if (g->state == TCP_CLOSING && fin_acked)
		finish(o, TCP_TIME_WAIT, o->reply, TCP_EV_CLOSED);
	if (g->state == TCP_LAST_ACK && fin_acked) {
		finish(o, TCP_CLOSED, o->reply, TCP_EV_CLOSED);
		return false;
	}
	return true;
}

static bool receives(enum tcp_state s)
{
	return s == TCP_ESTABLISHED || s == TCP_FIN_WAIT_1 || s == TCP_FIN_WAIT_2;
}

/* Sixth and seventh. */
static void spec_text(const struct stage *g, const struct tcp_seg *s, struct outcome *o, bool shut)
{
	uint32_t from = s->seq, to = s->seq + s->len;

	if (!receives(o->state))
		return;
	if (s->flags & TCP_URG && (int32_t)(s->seq + s->urg - g->nxt) > 0)
		o->events |= TCP_EV_URGENT;
	if (!s->len || shut)
		return;
	o->reply = ACK;
	if ((int32_t)(from - g->nxt) < 0)
		from = g->nxt;
	if ((int32_t)(to - g->edge) > 0)
		to = g->edge;
	if ((int32_t)(to - from) <= 0)
		return;
	if (from != g->nxt) {
		o->queued = true;
		return;
	}
	o->nxt = to;
	o->events |= TCP_EV_READABLE;
}

/* Eighth. */
static void spec_fin(const struct stage *g, const struct tcp_seg *s, struct outcome *o, bool shut)
{
	if (!(s->flags & TCP_FIN))
		return;
	o->reply = g->state == TCP_CLOSING && o->state == TCP_CLOSING ? MAY_ACK : ACK; /* fifth: "ignore the segment" */
	if (shut || s->seq + s->len != o->nxt || !receives(o->state))
		return;
	o->nxt++;
	o->events |= TCP_EV_READABLE | TCP_EV_PEER_FIN;
	if (o->state == TCP_ESTABLISHED)
		o->state = TCP_CLOSE_WAIT;
	else if (o->state == TCP_FIN_WAIT_1)
		o->state = TCP_CLOSING;
	else
		finish(o, TCP_TIME_WAIT, ACK, TCP_EV_CLOSED);
}

/* 3.10.7.4 */
static void spec_others(const struct stage *g, const struct tcp_seg *s, struct outcome *o)
{
	bool shut = g->nxt == g->edge && s->seq == g->nxt && tcp_seg_len(s); /* MUST-66: ACK, RST and URG count */

	if (!spec_acceptable(g, s)) {
		if (!(s->flags & TCP_RST))
			o->reply = ACK;
		if (!shut)
			return;
	}
	if (s->flags & TCP_RST) {
		spec_rst(g, s, o);
		return;
	}
	if (s->flags & TCP_SYN) { /* fourth, RFC 5961 4.2 */
		if (g->state == TCP_SYN_RECEIVED && g->passive)
			finish(o, TCP_CLOSED, NONE, TCP_EV_ERROR); /* back to LISTEN: the listener is still there */
		else
			o->reply = ACK;
		return;
	}
	if (!spec_ack(g, s, o))
		return;
	if (mode == TCP_ECN_CLASSIC && s->flags & TCP_CWR && s->len)
		o->reply = MAY_ACK; /* the peer's window may be a single segment now */
	spec_text(g, s, o, shut);
	spec_fin(g, s, o, shut);
}

/* 3.10.7.3 */
static void spec_syn_sent(const struct stage *g, const struct tcp_seg *s, struct outcome *o)
{
	struct stage then = *g;
	struct tcp_seg rest = *s;

	if (s->flags & TCP_ACK && s->ack != g->end) {
		o->reply = s->flags & TCP_RST ? NONE : RST;
		return;
	}
	if (s->flags & TCP_RST) {
		if (s->flags & TCP_ACK)
			finish(o, TCP_CLOSED, NONE, TCP_EV_ERROR);
		return;
	}
	if (!(s->flags & TCP_SYN))
		return;
	o->nxt = s->seq + 1;
	if (!(s->flags & TCP_ACK)) {
		finish(o, TCP_SYN_RECEIVED, SYN_ACK, 0);
		return;
	}
	o->una = s->ack;
	finish(o, TCP_ESTABLISHED, ACK, TCP_EV_OPEN);
	then.nxt = s->seq + 1;
	then.edge = then.nxt + WINDOW;
	rest.seq++; /* "other controls or text": what follows the SYN's own number */
	rest.flags &= (uint16_t)~TCP_SYN;
	spec_text(&then, &rest, o, false);
	spec_fin(&then, &rest, o, false);
}

static struct outcome spec(const struct stage *g, const struct tcp_seg *s)
{
	struct outcome o = { .state = g->state, .nxt = g->nxt, .una = g->una };

	if (g->state == TCP_CLOSED) /* 3.10.7.1 */
		o.reply = s->flags & TCP_RST ? NONE : RST;
	else if (g->state == TCP_SYN_SENT)
		spec_syn_sent(g, s, &o);
	else
		spec_others(g, s, &o);
	return o;
}

/* ---- the stage is set ---- */

static struct {
	struct tcp_conn c;
	struct tcp_cold cold;
	struct mem *mem;
} saved;

static void save(void)
{
	size_t size = mem_size(MEMORY);

	saved.c = *th.c;
	saved.cold = *tcp_cold(th.c);
	saved.mem = malloc(size);
	memcpy(saved.mem, th.env.mem, size);
}

static void restore(void)
{
	*th.c = saved.c;
	*tcp_cold(th.c) = saved.cold;
	memcpy(th.env.mem, saved.mem, mem_size(MEMORY));
}

static void open_with_ecn(void)
{
	th.env.conf.ecn = mode == TCP_ECN_CLASSIC ? TCP_ECN_ON : TCP_ECN_ACCURATE;
	th_connect();
	th_drain();
	advance(1);
	in(mode == TCP_ECN_CLASSIC ? "S.E" : "S.W", 0, 1, 0);
	th_drain();
	assert_int_equal(th.c->ecn.mode, mode);
}

static void open_with_data(bool shut)
{
	if (mode == TCP_ECN_NONE)
		th_active();
	else
		open_with_ecn();
	put(ACKED);
	th_drain();
	in(".", 1, 1 + ACKED, 0);
	put(FLYING);
	th_drain();
	if (shut)
		in("P.", 1, 1 + ACKED, WINDOW);
	advance(50);
	th_drain();
}

static void close_side(bool ours, uint32_t ack)
{
	if (ours)
		assert_int_equal(tcp_shutdown(&th.env, th.c, th.now), 0);
	else
		in("F.", th_peer_next(), ack, 0);
	th_drain();
}

static void go(enum tcp_state s, bool passive, bool shut)
{
	uint32_t una = 1 + ACKED, end = una + FLYING;

	if (s == TCP_CLOSED || s == TCP_SYN_SENT || (s == TCP_SYN_RECEIVED && passive)) {
		th_goto(s);
	} else if (s == TCP_SYN_RECEIVED) {
		th_connect();
		th_drain();
		in("S", 0, 0, 0);
	} else {
		open_with_data(shut);
		if (s == TCP_CLOSE_WAIT || s == TCP_LAST_ACK)
			close_side(false, una);
		if (s != TCP_ESTABLISHED && s != TCP_CLOSE_WAIT)
			close_side(true, 0);
		if (s == TCP_CLOSING || s == TCP_TIME_WAIT)
			close_side(false, una);
		if (s == TCP_FIN_WAIT_2 || s == TCP_TIME_WAIT)
			in(".", th_peer_next(), end + 1, 0);
	}
	th_drain();
	th.c->events = 0;
	state_is(s);
}

static struct stage set_stage(enum tcp_state s, bool passive, bool shut)
{
	struct stage g = { .state = s, .passive = passive };

	th_memory(MEMORY);
	th_fresh();
	th.have_edge = false;
	th.wrote = th.read = 0;
	th.env.conf.rcvbuf_max = th.env.conf.rcvbuf_init = WINDOW;
	go(s, passive, shut);
	g.fin_sent = s >= TCP_FIN_WAIT_1 && s != TCP_CLOSE_WAIT;
	g.una = g.end = th.last.seq; /* CLOSED: whatever */
	if (s == TCP_SYN_SENT || s == TCP_SYN_RECEIVED) {
		g.una = TH_ISS;
		g.end = TH_ISS + 1;
	} else if (s != TCP_CLOSED) {
		g.una = TH_ISS + 1 + ACKED;
		g.end = g.una + FLYING + g.fin_sent;
		g.acked = ACKED;
		if (s == TCP_FIN_WAIT_2 || s == TCP_TIME_WAIT)
			g.una = g.end;
	}
	g.nxt = TH_IRS + (s != TCP_SYN_SENT) + (shut ? WINDOW : 0);
	g.nxt += s == TCP_CLOSE_WAIT || s == TCP_LAST_ACK || s == TCP_CLOSING || s == TCP_TIME_WAIT;
	g.edge = th.have_edge ? th.edge : g.nxt;
	if (s == TCP_SYN_SENT || s == TCP_CLOSED)
		g.edge = g.nxt = th.c->rcv_nxt;
	save();
	return g;
}

static void strike(void)
{
	tcp_free(&th.env, th.c);
	free(saved.mem);
	th_fresh();
}

/* ---- one segment ---- */

/* Everything that comes out until a delayed acknowledgement would have. Returns how many; the first in *first. */
static int answers(struct tcp_seg *first)
{
	uint64_t end = th.now + 60 * TH_MS, at = th.now;
	struct tcp_seg seg;
	int n = 0;

	for (;;) {
		while (tcp_output(&th.env, th.c, &seg, at))
			if (!n++)
				*first = seg;
		if (tcp_deadline(th.c) > end)
			return n;
		at = tcp_deadline(th.c) > at ? tcp_deadline(th.c) : at;
		tcp_expire(&th.env, th.c, at);
	}
}

static const char *compare_reply(const struct stage *g, const struct tcp_seg *s, const struct outcome *o,
				 enum tcp_verdict v)
{
	struct tcp_seg a = { 0 };
	int n = v == TCP_REPLY_RST ? tcp_reset_reply(s, &a) : answers(&a);

	if (o->reply == NONE)
		return n ? "a reply where none is due" : NULL;
	if (o->reply == MAY_ACK && !n)
		return NULL;
	if (n != 1)
		return n ? "more than one reply" : "no reply";
	if (mode != TCP_ECN_NONE || o->reply == SYN_ACK)
		a.flags &= (uint16_t)~ECN;
	if (o->reply == RST) {
		if (s->flags & TCP_ACK)
			return a.flags == TCP_RST && a.seq == s->ack ? NULL : "not <SEQ=SEG.ACK><CTL=RST>";
		return a.flags == (TCP_RST | TCP_ACK) && !a.seq && a.ack == s->seq + tcp_seg_len(s)
			       ? NULL
			       : "not <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>";
	}
	if (a.len || a.ack != o->nxt)
		return "not <ACK=RCV.NXT>";
	if (o->reply == SYN_ACK)
		return a.flags == (TCP_SYN | TCP_ACK) && a.seq == g->end - 1 ? NULL : "not <SEQ=ISS><CTL=SYN,ACK>";
	return a.flags == TCP_ACK && a.seq == g->end ? NULL : "not <SEQ=SND.NXT><CTL=ACK>";
}

static const char *compare(const struct stage *g, const struct tcp_seg *s)
{
	struct outcome o = spec(g, s);
	enum tcp_verdict v = tcp_input(&th.env, th.c, s, th.now);
	uint32_t events = th.c->events & HEARD;
	bool alive = o.state != TCP_CLOSED;
	const char *bad = tcp_check(&th.env, th.c);

	if (bad)
		return bad;
	if (th.c->state != o.state)
		return tcp_state_name(th.c->state);
	if (events != o.events)
		return "the application hears something else";
	if (alive && th.c->rcv_nxt != o.nxt)
		return "RCV.NXT";
	if (alive && th.c->snd_una != o.una)
		return "SND.UNA";
	if (alive && !!th.c->ooo_count != o.queued)
		return "text out of order: kept or not";
	return compare_reply(g, s, &o, v);
}

static uint32_t differences, compared;

static void one(const struct stage *g, const struct tcp_seg *s)
{
	const char *bad;

	restore();
	bad = compare(g, s);
	compared++;
	if (!bad)
		return;
	if (differences++ < 20)
		print_error(
			"%s%s, flags 0x%03x, text %u, SEQ RCV.NXT%+d (window %u), ACK SND.UNA%+d (SND.NXT +%u): %s; not %s\n",
			tcp_state_name(g->state), g->passive ? " (passive)" : "", s->flags, s->len,
			(int)(s->seq - g->nxt), g->edge - g->nxt, (int)(s->ack - g->una), g->end - g->una, bad,
			tcp_state_name(spec(g, s).state));
}

/* ---- all of them ---- */

static void each_ack(const struct stage *g, struct tcp_seg *s)
{
	uint32_t acks[] = { g->una - 70000, g->una - 1000,	 g->una - 10, g->una,	  g->una + 50,	      g->end,
			    g->end + 1,	    g->end + (1u << 30), g->end - 1,  g->una - 1, g->una + 0x7fff0000 };

	if (!(s->flags & TCP_ACK)) {
		s->ack = 0;
		one(g, s);
		return;
	}
	for (size_t i = 0; i < sizeof(acks) / sizeof(acks[0]); i++) {
		s->ack = acks[i];
		one(g, s);
	}
}

static void each_place(const struct stage *g, struct tcp_seg *s)
{
	uint32_t seqs[] = { g->nxt,	 g->nxt - 1000, g->nxt - 50,	      g->nxt + 500,	  g->edge - 50,
			    g->edge - 1, g->edge,	g->edge + (1u << 30), g->nxt - (1u << 30) };

	for (size_t i = 0; i < sizeof(seqs) / sizeof(seqs[0]); i++) {
		s->seq = seqs[i];
		each_ack(g, s);
	}
}

static void each_kind(const struct stage *g)
{
	static const uint8_t text[TEXT];

	for (uint32_t flags = 0; flags < 512; flags++)
		for (uint32_t len = 0; len <= TEXT; len += TEXT) {
			struct tcp_seg s = { .flags = (uint16_t)flags, .wnd = 65535, .len = len, .nspans = !!len };

			s.span[0] = (struct tcp_span){ text, len };
			s.urg = flags & TCP_URG ? 3 : 0;
			each_place(g, &s);
		}
}

static void state_obeys(enum tcp_state s, bool passive, bool shut)
{
	struct stage g = set_stage(s, passive, shut);

	differences = compared = 0;
	each_kind(&g);
	strike();
	assert_true(compared > 40000);
	assert_int_equal(differences, 0);
}

static void test_states_closed_obeys(void **state)
{
	state_obeys(TCP_CLOSED, false, false);
}

static void test_states_syn_sent_obeys(void **state)
{
	state_obeys(TCP_SYN_SENT, false, false);
}

static void test_states_syn_received_obeys(void **state)
{
	state_obeys(TCP_SYN_RECEIVED, true, false);
	state_obeys(TCP_SYN_RECEIVED, false, false);
}

static void test_states_established_obeys(void **state)
{
	state_obeys(TCP_ESTABLISHED, false, false);
}

static void test_states_closing_ones_obey(void **state)
{
	for (int s = TCP_FIN_WAIT_1; s <= TCP_TIME_WAIT; s++)
		state_obeys((enum tcp_state)s, false, false);
}

static void test_states_with_ecn_obey(void **state)
{
	for (mode = TCP_ECN_CLASSIC; mode <= TCP_ECN_ACCECN; mode++)
		for (int s = TCP_ESTABLISHED; s <= TCP_TIME_WAIT; s++)
			state_obeys((enum tcp_state)s, false, false);
	mode = TCP_ECN_NONE;
}

/* RFC 9293: MUST-66 */
static void test_states_with_the_window_shut_obey(void **state)
{
	for (int s = TCP_ESTABLISHED; s <= TCP_FIN_WAIT_2; s++)
		state_obeys((enum tcp_state)s, false, true);
}

/* 3.10.7.2, with no connection. */
static void test_states_listen_obeys(void **state)
{
	for (uint32_t flags = 0; flags < 512; flags++) {
		struct tcp_seg s = { .flags = (uint16_t)flags, .seq = 1, .ack = 2 };
		enum tcp_listen_verdict want = flags & TCP_RST	 ? TCP_LISTEN_DROP
					       : flags & TCP_ACK ? TCP_LISTEN_RST
					       : flags & TCP_SYN ? TCP_LISTEN_SYN
								 : TCP_LISTEN_DROP;

		assert_int_equal(tcp_listen_input(&th.env, &s), want);
	}
}

/* TIME-WAIT in its table: as the state, but that RST is ignored (RFC 1337) and a later SYN may open (MAY-2). */
static void tw_one(const struct tcp_tw *from, const struct tcp_seg *s, const struct stage *g)
{
	struct tcp_tw tw = *from;
	struct tcp_seg out = { 0 };
	enum tcp_tw_verdict v = tcp_tw_input(&th.env, &tw, s, &out, th.now);
	bool later = (int32_t)(s->seq - g->nxt) >= 0, /* than the FIN's number, the last that was used */
		syn = (s->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;

	if (s->flags & TCP_RST)
		assert_int_equal(v, TCP_TW_DROP);
	else if (syn && later)
		assert_int_equal(v, TCP_TW_REOPEN);
	else if (!spec_acceptable(g, s))
		assert_int_equal(v, TCP_TW_ACK);
	else
		assert_true(v == TCP_TW_DROP || v == TCP_TW_ACK);
	if (v != TCP_TW_ACK)
		return;
	assert_int_equal(out.flags, TCP_ACK);
	assert_int_equal(out.seq, g->end);
	assert_int_equal(out.ack, g->nxt);
}

/* RFC 9293: MAY-2 */
static void test_states_time_wait_in_its_table_obeys(void **state)
{
	struct stage g = set_stage(TCP_TIME_WAIT, false, false);
	uint32_t seqs[] = { g.nxt, g.nxt - 1000, g.nxt - 50, g.nxt + 500, g.edge - 50, g.edge, g.edge + (1u << 30) };
	struct tcp_tw tw;

	tcp_close(&th.env, th.c, th.now);
	tcp_tw_init(&th.env, &tw, th.c, th.now);
	for (uint32_t flags = 0; flags < 512; flags++)
		for (uint32_t len = 0; len <= TEXT; len += TEXT)
			for (size_t i = 0; i < sizeof(seqs) / sizeof(seqs[0]); i++) {
				struct tcp_seg s = {
					.flags = (uint16_t)flags, .seq = seqs[i], .ack = g.end, .len = len
				};

				tw_one(&tw, &s, &g);
			}
	strike();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_states_closed_obeys),
		TEST(test_states_listen_obeys),
		TEST(test_states_syn_sent_obeys),
		TEST(test_states_syn_received_obeys),
		TEST(test_states_established_obeys),
		TEST(test_states_closing_ones_obey),
		TEST(test_states_with_ecn_obey),
		TEST(test_states_with_the_window_shut_obey),
		TEST(test_states_time_wait_in_its_table_obeys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
