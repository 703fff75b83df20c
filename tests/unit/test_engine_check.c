// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_engine_check.c - engine/check.c and what it calls: each kind of breakage is noticed, by its own words. */
#include "engine_kit.h"

static uint64_t listener, a, b; /* two connections of side 0: established, SYN-SENT */
static uint64_t peer;		/* of a, at side 1 */

/* Side 0: the two, a TIME-WAIT entry, pooled ports, an unused destination. Side 1: a listener and its connections. */
static int setup(void **state)
{
	uint64_t c, s;

	if (kit_setup(state))
		return -1;
	listener = kit_listen(80);
	kit_join(1, 80, listener, &c, &s);
	engine_close(eng(0), c);
	pair_settle(kp);
	engine_close(eng(1), s);
	pair_settle(kp);
	kit_join(0, 80, listener, &a, &peer);
	kp->cut = true;
	b = kit_connect(0, 80);
	kit_turn(0);
	kit_turn(1);
	kp->cut = false;
	check_engines();
	return 0;
}

static void says(int side, const char *why)
{
	const char *got = engine_check(eng(side));

	if (!got || strcmp(got, why))
		fail_msg("said '%s', not '%s'", got ? got : "nothing", why);
}

/* Change a field, see what is said, put it back. */
#define changed(side, field, value, why)              \
	do {                                          \
		__auto_type was_ = (field);           \
		(field) = (__typeof__(field))(value); \
		says(side, why);                      \
		(field) = was_;                       \
	} while (0)
/* ... and all is well again. */
#define broken(side, field, value, why)           \
	do {                                      \
		changed(side, field, value, why); \
		check_engines();                  \
	} while (0)

static void test_check_sound_engines_are_sound(void **state)
{
	check_engines();
}

static void test_check_pools_are_counted(void **state)
{
	struct region *r = eng(0)->r;
	static const char why[] = "a pool's free list is broken";

	broken(0, r->conns.used, r->conns.used + 1, why);
	broken(0, r->tws.free, 77, why);
	broken(0, r->listeners.used, 3, why);
	broken(0, r->dsts.fresh, 99, why);
	broken(0, r->helds.used, 1, why);
	broken(0, r->conns.fresh, 65, why);
}

static void test_check_connection_flags_make_sense(void **state)
{
	struct conn *c = kit_conn(0, a);

	broken(0, c->life, c->life | CONN_READY | CONN_QUEUED, "conn: in two lists");
	broken(0, c->life, c->life | CONN_HALF | CONN_QUEUED, "conn: in two lists");
	broken(0, c->life, c->life | CONN_GONE, "conn: both open and closed");
	broken(0, c->life, c->life & ~(uint32_t)CONN_APP, "conn: belongs to nobody");
	broken(0, c->life, c->life & ~(uint32_t)CONN_HASHED, "conn: alive, but not hashed");
	broken(0, c->life, 0, "conns: count is wrong");
}

static void test_check_dead_connection_is_freed(void **state)
{
	struct conn *c = kit_conn(0, a);
	uint32_t life = c->life;

	c->life = (life & ~(uint32_t)CONN_APP) | CONN_GONE;
	changed(0, c->tcp.state, TCP_CLOSED, "conn: dead and not freed");
	c->life = life;
	check_engines();
}

static void test_check_connection_is_found(void **state)
{
	struct conn *c = kit_conn(0, a);

	broken(0, c->hash, c->hash + 1, "demux: an entry refers to nothing");
	broken(0, c->tcp.rport, c->tcp.rport + 1, "conn: hashed, but not found");
	broken(0, c->tcp.laddr.b[15], 77, "conn: hashed, but not found");
	broken(0, eng(0)->r->demux_used, 1, "demux: entries and holders disagree");
}

static void test_check_timer_is_armed_in_time(void **state)
{
	struct conn *c = kit_conn(0, b);

	broken(0, c->timer.slot, 0, "conn: its timer is late or not armed");
	broken(0, c->timer.tick, c->timer.tick + 10, "conn: its timer is late or not armed");
	broken(0, c->tcp.rtx_deadline, kp->now, "conn: its timer is late or not armed");
}

static void test_check_core_is_asked(void **state)
{
	struct tcp_conn *t = &kit_conn(0, a)->tcp;
	uint32_t was = t->snd_nxt;
	const char *why;

	t->snd_nxt = t->snd_una - 1;
	why = engine_check(eng(0));
	assert_non_null(why);
	assert_ptr_equal(why, tcp_check(engine_env(eng(0)), t));
	t->snd_nxt = was;
	check_engines();
}

static void test_check_demux_entries_lead_somewhere(void **state)
{
	struct engine *e = eng(0);
	uint32_t i = 0, to = 0;

	while (!(e->demux[i].ref & DEMUX_TW))
		i++;
	broken(0, tw_at(e, 1)->hash, 5, "demux: an entry refers to nothing");
	broken(0, e->demux[i].ref, DEMUX_TW | 9, "demux: an entry refers to nothing");
	while (e->demux[to].ref || to == ((i + 1) & e->r->demux_mask))
		to++;
	e->demux[to] = e->demux[i]; /* away from its home */
	changed(0, e->demux[i].ref, 0, "demux: an entry cannot be reached from its home");
	e->demux[to].ref = 0;
	check_engines();
}

static void test_check_dirty_list_is_whole(void **state)
{
	struct list *l = &eng(0)->r->dirty;
	struct conn *c = kit_conn(0, a);

	engine_touch(eng(0), a);
	engine_touch(eng(0), b);
	check_engines();
	broken(0, l->count, 3, "dirty list: count is wrong");
	broken(0, l->count, 1, "dirty list: broken");
	broken(0, l->tail, (uint32_t)a, "dirty list: count is wrong");
	broken(0, c->life, c->life & ~(uint32_t)CONN_DIRTY, "dirty list: broken");
	broken(0, kit_conn(0, b)->dirty_next, (uint32_t)a, "dirty list: broken"); /* a circle */
	broken(0, c->dirty_next, 60, "dirty list: broken");
	kit_turn(0);
}

static void test_check_lists_are_whole(void **state)
{
	struct list *l = &eng(0)->r->ready;
	struct conn *c = kit_conn(0, a), *d = kit_conn(0, b);

	while (engine_events(eng(0), (struct engine_event[4]){ 0 }, 4))
		;
	c->tcp.events = d->tcp.events = TCP_EV_WRITABLE;
	conn_ready(eng(0), (uint32_t)a);
	conn_ready(eng(0), (uint32_t)b);
	check_engines();
	broken(0, l->count, 1, "list: too long");
	broken(0, l->count, 3, "list: count is wrong");
	broken(0, l->tail, (uint32_t)a, "list: count is wrong");
	broken(0, d->prev, 0, "list: broken links");
	broken(0, c->life, c->life & ~(uint32_t)CONN_READY, "list: a member does not know it");
}

static void test_check_listeners_are_bounded_and_counted(void **state)
{
	struct listener *l = listener_at(eng(1), 1);
	uint8_t frame[128];
	struct kit_seg s = { .flags = TCP_SYN, .seq = 1 };

	kit_give(1, frame, kit_tcp(frame, 1, &s), NULL);
	broken(1, l->syn_queue, 0, "listener: a queue is past its bound");
	broken(1, l->kind, 0, "listener: count is wrong");
	broken(1, l->half_open.count, 0, "list: too long");
	broken(1, conn_at(eng(1), l->half_open.head)->life, CONN_USED | CONN_HASHED | CONN_QUEUED,
	       "list: a member does not know it");
	s.flags = TCP_ACK;
	s.seq = 2;
	s.ack = kit_sent(1, 0)->tcp.seq + 1;
	kit_give(1, frame, kit_tcp(frame, 1, &s), NULL);
	assert_int_equal(l->accept.count, 1);
	l->syn_queue = 0;
	broken(1, l->backlog, 0, "listener: a queue is past its bound");
	l->syn_queue = 8;
}

static void test_check_time_wait_is_whole(void **state)
{
	struct region *r = eng(0)->r;
	struct tw *t = tw_at(eng(0), 1);

	broken(0, r->tw_list.count, 0, "time-wait: broken list");
	broken(0, r->tw_list.count, 2, "time-wait: count is wrong");
	broken(0, r->tw_list.head, 0, "time-wait: count is wrong");
	broken(0, t->prev, 1, "time-wait: broken list");
	broken(0, t->next, 1, "time-wait: broken list");
	broken(0, t->tcp.lport, 1, "time-wait: an entry is not in the demux");
}

static void test_check_destinations_are_counted(void **state)
{
	struct region *r = eng(0)->r;
	struct dst *d = dst_at(eng(0), kit_conn(0, a)->dst);
	uint32_t unused = r->dst_lru.head;

	assert_true(unused > 0);
	broken(0, d->refs, d->refs + 1, "dst: references and holders disagree");
	broken(0, d->refs, 0, "dst: a count is wrong");
	broken(0, d->held_count, 1, "dst: a count is wrong");
	broken(0, r->dst_lru.count, 0, "dst: a count is wrong");
	broken(0, d->chain, kit_conn(0, a)->dst, "dst: broken chain");
	broken(0, d->chain, 8, "dst: broken chain");
}

static void test_check_ports_have_holders(void **state)
{
	struct region *r = eng(0)->r;

	assert_true(r->pool_ports > 0);
	broken(0, r->port_refs, r->port_refs - 1, "ports: references and holders disagree");
	broken(0, port_use(eng(0), 0, *port_pooled(r, 0, 0))->pooled, 0, "ports: a pooled port does not know it");
	broken(1, listener_at(eng(1), 1)->covers, 1, "ports: references and holders disagree");
}

static void test_check_wheel_and_memory_are_asked(void **state)
{
	struct engine *e = eng(0);

	broken(0, e->r->wheel.count, e->r->wheel.count + 1, "wheel: count is wrong");
	broken(0, e->r->wheel.levels, 0, "wheel: summary of levels is wrong");
	broken(0, e->env.mem->used, e->env.mem->used + 256, "buffer memory: the map and the lists disagree");
}

static void test_check_frames_are_all_somewhere(void **state)
{
	struct io_frames *f = eng(0)->frames;

	broken(0, f->free, f->free - 1, "frames: some are lost");
	f->free--;
	changed(0, f->held, f->held + 1, "frames: held are not those that wait for neighbours");
	f->free++;
	check_engines();
}

#undef TEST
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, kit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_check_sound_engines_are_sound),
		TEST(test_check_pools_are_counted),
		TEST(test_check_connection_flags_make_sense),
		TEST(test_check_dead_connection_is_freed),
		TEST(test_check_connection_is_found),
		TEST(test_check_timer_is_armed_in_time),
		TEST(test_check_core_is_asked),
		TEST(test_check_demux_entries_lead_somewhere),
		TEST(test_check_dirty_list_is_whole),
		TEST(test_check_lists_are_whole),
		TEST(test_check_listeners_are_bounded_and_counted),
		TEST(test_check_time_wait_is_whole),
		TEST(test_check_destinations_are_counted),
		TEST(test_check_ports_have_holders),
		TEST(test_check_wheel_and_memory_are_asked),
		TEST(test_check_frames_are_all_somewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
