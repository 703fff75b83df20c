// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_tcp_recvq.c - the receive queue: out-of-order ranges, their limit, the SACK blocks read off them, memory. */
#include "lib/hash.h"
#include "tcp_harness.h"

static void ranges_are(uint32_t n, const struct tcp_range *want)
{
	const struct tcp_ooo *o;

	assert_int_equal(th.c->ooo_count, n);
	if (!n)
		return;
	o = recvq_ooo(&th.env, th.c);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(o->r[i].start - TH_IRS, want[i].start);
		assert_int_equal(o->r[i].end - TH_IRS, want[i].end);
	}
}

#define RANGES(...)                                                  \
	do {                                                         \
		const struct tcp_range want_[] = { __VA_ARGS__ };    \
		ranges_are(sizeof(want_) / sizeof(want_[0]), want_); \
	} while (0)

static void test_recvq_ranges_are_kept_in_order_and_joined(void **state)
{
	th_active();
	in("P.", 2001, 1, 100);
	in("P.", 1001, 1, 100);
	in("P.", 3001, 1, 100);
	RANGES({ 1001, 1101 }, { 2001, 2101 }, { 3001, 3101 });
	in("P.", 1101, 1, 100); /* touches the first */
	in("P.", 2901, 1, 100); /* touches the third */
	RANGES({ 1001, 1201 }, { 2001, 2101 }, { 2901, 3101 });
	in("P.", 1101, 1, 1900); /* covers all */
	RANGES({ 1001, 3101 });
	in("P.", 1, 1, 1000);
	ranges_are(0, NULL);
	get(3100);
	th_drain();
	assert_int_equal(th.env.mem->used, 0);
	count_is(in_ooo, 6);
}

static void test_recvq_filling_text_may_overlap_ranges(void **state)
{
	th_active();
	in("P.", 501, 1, 100);
	in("P.", 801, 1, 100);
	in("P.", 1, 1, 850); /* runs into the second */
	ranges_are(0, NULL);
	assert_int_equal(th_peer_next(), 901);
	get(900);
}

/* RFC 9293: SHLD-31 */
static void test_recvq_any_order_of_arrival_gives_the_stream(void **state)
{
	uint64_t x = 42;

	for (int round = 0; round < 50; round++) {
		th_active();
		for (int i = 0; i < 300 && th_peer_next() < 8001; i++) {
			uint32_t at = 1 + (uint32_t)(hash_random(&x) % 8000),
				 len = 1 + (uint32_t)(hash_random(&x) % 600);

			in("P.", at, 1, len < 8001 - at ? len : 8001 - at);
			if (th.c->rcvq.len && hash_random(&x) % 3 == 0)
				get(th.c->rcvq.len);
			th_drain();
		}
		while (th_peer_next() < 8001)
			in("P.", th_peer_next(), 1, 8001 - th_peer_next() < 500 ? 8001 - th_peer_next() : 500);
		get(8000 - th.read);
		ranges_are(0, NULL);
		th_teardown(state);
		th_setup(state);
	}
}

static void test_recvq_list_is_limited_to_31_ranges(void **state)
{
	th_active();
	for (uint32_t i = 1; i <= 40; i++)
		in("P.", 1 + 100 * i, 1, 1);
	assert_int_equal(th.c->ooo_count, TCP_OOO_RANGES);
	count_is(in_ooo_limit, 9);
	in("P.", 102, 1, 50); /* joins one: taken even now */
	count_is(in_ooo_limit, 9);
	in("P.", 1, 1, 3200); /* and what fills the holes frees the list */
	assert_int_equal(th.c->ooo_count, 0);
	get(3200);
}

static void test_recvq_tiny_segments_cost_no_more_than_their_span(void **state)
{
	th_active();
	for (uint32_t i = 0; i < 2000; i++)
		in("P.", 2 + i, 1, 1);
	assert_int_equal(th.c->ooo_count, 1);
	assert_true(th.env.mem->used <= 8192);
}

/* ---- SACK blocks ---- */

static void test_recvq_sack_newest_range_comes_first(void **state)
{
	th_modern();
	in("P.", 1001, 1, 100);
	out(".", 1, 1, 0);
	assert_int_equal(th.opts.nsack, 1);
	sack_is(0, 1001, 1101);
	in("P.", 3001, 1, 100);
	out(".", 1, 1, 0);
	sack_is(0, 3001, 3101);
	sack_is(1, 1001, 1101);
	in("P.", 2001, 1, 100);
	out(".", 1, 1, 0);
	assert_int_equal(th.opts.nsack, 3);
	sack_is(0, 2001, 2101);
	sack_is(1, 3001, 3101);
	sack_is(2, 1001, 1101);
	in("P.", 4001, 1, 100); /* three fit beside timestamps: the oldest is left out */
	out(".", 1, 1, 0);
	assert_int_equal(th.opts.nsack, 3);
	sack_is(0, 4001, 4101);
	sack_is(1, 2001, 2101);
	sack_is(2, 3001, 3101);
	in("P.", 1101, 1, 100); /* and is first again when it grows */
	out(".", 1, 1, 0);
	sack_is(0, 1001, 1201);
	sack_is(1, 4001, 4101);
	sack_is(2, 2001, 2101);
}

static void test_recvq_sack_four_blocks_without_timestamps(void **state)
{
	th.sack = true;
	th_active();
	for (uint32_t i = 1; i <= 6; i++)
		in("P.", 1 + 1000 * i, 1, 100);
	out(".", 1, 1, 0);
	assert_int_equal(th.opts.nsack, 4);
	for (uint32_t i = 0; i < 4; i++)
		sack_is(i, 6001 - i * 1000, 6101 - i * 1000);
}

static void test_recvq_sack_joined_ranges_are_named_once(void **state)
{
	th_modern();
	in("P.", 1001, 1, 100);
	in("P.", 1201, 1, 100);
	in("P.", 5001, 1, 100);
	in("P.", 1101, 1, 100);
	out(".", 1, 1, 0);
	assert_int_equal(th.opts.nsack, 2);
	sack_is(0, 1001, 1301);
	sack_is(1, 5001, 5101);
}

static void test_recvq_sack_after_the_first_hole_is_filled_names_the_rest(void **state)
{
	th_modern();
	for (uint32_t i = 1; i <= 6; i++)
		in("P.", 1 + 1000 * i, 1, 100);
	in("P.", 1, 1, 4500); /* fills up to the range at 4,001 */
	out(".", 1, 4501, 0);
	assert_int_equal(th.opts.nsack, 3);
	sack_is(0, 1001, 1101); /* came twice (RFC 2883) */
	sack_is(1, 6001, 6101);
	sack_is(2, 5001, 5101);
	in("P.", 4501, 1, 2000);
	out(".", 1, 6501, 0);
	assert_int_equal(th.opts.nsack, 1);
	sack_is(0, 5001, 5101);
}

static void test_recvq_sack_is_not_sent_unless_agreed(void **state)
{
	th_active();
	in("P.", 1001, 1, 100);
	out(".", 1, 1, 0);
	assert_int_equal(th.last.opt_len, 0);
}

/* ---- memory ---- */

static void test_recvq_exhaustion_refuses_and_recovers(void **state)
{
	uint32_t block[64], n = 0;

	th_memory(16384);
	th_active();
	while (n < 64 && (block[n] = mem_alloc(th.env.mem, 0)))
		n++;
	in("P.", 1, 1, 1000);
	out(".", 1, 1, 0); /* not taken, said at once */
	in("P.", 1001, 1, 1000);
	out(".", 1, 1, 0);
	count_is(in_no_memory, 2);
	assert_int_equal(th.c->rcvq.size | th.c->ooo, 0);
	while (n)
		mem_free(th.env.mem, block[--n], 0);
	in("P.", 1, 1, 1000);
	get(1000);
	assert_int_equal(th.env.mem->used, 0);
}

/* Room for the list of ranges and not for the ring, and the other way round: neither stays behind. */
static void test_recvq_half_exhaustion_leaves_nothing_behind(void **state)
{
	uint32_t block[64];

	th_memory(16384);
	for (uint32_t left = 0; left < 64; left++) {
		uint32_t n = 0;

		th_active();
		while (n < 64 - left && (block[n] = mem_alloc(th.env.mem, 0)))
			n++;
		in("P.", 101, 1, 1000);
		if (!th.c->ooo_count)
			assert_int_equal(th.env.mem->used, n * 256);
		th_drain();
		while (n)
			mem_free(th.env.mem, block[--n], 0);
		th_teardown(state);
		th_setup(state);
		th_memory(16384);
	}
}

static void test_recvq_ring_grows_with_use_and_goes_when_read(void **state)
{
	th_active();
	in("P.", 1, 1, 100);
	assert_int_equal(th.c->rcvq.size, 2048);
	for (uint32_t i = 0; i < 20; i++)
		in("P.", 101 + i * 1460, 1, 1460);
	assert_int_equal(th.c->rcvq.size, 32768);
	get(29300);
	assert_int_equal(th.c->rcvq.size, 0);
	th_drain();
	assert_int_equal(th.env.mem->used, 0);
}

/* ---- text in one piece ---- */

static void test_recvq_one_piece_is_cut_to_the_window(void **state)
{
	th.env.conf.rcvbuf_max = 3000;
	th.one_piece = true;
	th_active();
	in("P.", 1, 1, 2500);
	assert_int_equal(th.c->rcvq.size, 4096);
	in("P.", 2501, 1, 1000); /* the ring had room */
	assert_int_equal(th.c->rcvq.len, 3000);
	out(".", 1, 3001, 0);
	get(3000);
}

static void test_recvq_one_piece_wraps_and_grows(void **state)
{
	uint32_t seq = 1;

	th.one_piece = true;
	th_active();
	for (int i = 0; i < 60; i++, seq += 1400) { /* more and more is left unread */
		in("P.", seq, 1, 1400);
		get(1300);
		th_drain();
	}
	assert_int_equal(th.c->rcvq.size, 8192);
	get(6000);
	assert_int_equal(th.c->rcvq.size, 0);
}

static void test_recvq_one_piece_waits_for_the_hole_before_it(void **state)
{
	th.one_piece = true;
	th_active();
	in("P.", 1, 1, 100);
	in("P.", 201, 1, 100);
	assert_int_equal(th.c->rcvq.len, 100);
	in("P.", 101, 1, 50);
	in("P.", 151, 1, 200); /* over what is there already, and past it */
	assert_int_equal(th.c->rcvq.len, 350);
	assert_int_equal(th.c->ooo_count, 0);
	in("P.", 251, 1, 150);
	get(400);
}

/* ---- what came twice (RFC 2883) ---- */

static void test_recvq_duplicate_is_reported_once(void **state)
{
	th_modern();
	in("P.", 1, 1, 3000);
	th_drain();
	in("P.", 1001, 1, 1000);
	out(".", 1, 3001, 0);
	assert_int_equal(th.opts.nsack, 1);
	sack_is(0, 1001, 2001);
	count_is(out_dsacks, 1);
	in("P.", 3001, 1, 3000);
	out(".", 1, 6001, 0);
	assert_int_equal(th.opts.nsack, 0);
}

static void test_recvq_duplicate_in_part_is_reported_in_part(void **state)
{
	th_modern();
	in("P.", 1, 1, 1000);
	th_drain();
	in("P.", 501, 1, 1000);
	th.c->flags |= TCP_F_ACK_NOW;
	out(".", 1, 1501, 0);
	assert_int_equal(th.opts.nsack, 1);
	sack_is(0, 501, 1001);
}

static void test_recvq_duplicate_out_of_order_names_its_range_too(void **state)
{
	th_modern();
	in("P.", 1001, 1, 1000);
	in("P.", 3001, 1, 500);
	th_drain();
	in("P.", 1201, 1, 300);
	out(".", 1, 1, 0);
	assert_int_equal(th.opts.nsack, 3);
	sack_is(0, 1201, 1501);
	sack_is(1, 1001, 2001);
	sack_is(2, 3001, 3501);
}

static void test_recvq_duplicate_of_what_never_came_is_not_reported(void **state)
{
	th_modern();
	in("P.", 1, 1, 100);
	th_drain();
	in("P.", (uint32_t)-5000, 1, 100);
	out(".", 1, 101, 0);
	assert_int_equal(th.opts.nsack, 0);
}

static void test_recvq_duplicate_without_sack_is_not_reported(void **state)
{
	th_active();
	in("P.", 1, 1, 1000);
	th_drain();
	in("P.", 1, 1, 1000);
	out(".", 1, 1001, 0);
	assert_int_equal(th.last.opt_len, 0);
	count_is(out_dsacks, 0);
}

static void test_recvq_duplicate_is_reported_beside_data(void **state)
{
	th_modern();
	in("P.", 1, 1, 1000);
	th_drain();
	put(3000);
	in("P.", 1, 1, 1000);
	out(".", 1, 1001, 1448 - 12); /* check_segment() holds it to the MTU */
	sack_is(0, 1, 1001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_recvq_ranges_are_kept_in_order_and_joined),
		TEST(test_recvq_filling_text_may_overlap_ranges),
		TEST(test_recvq_any_order_of_arrival_gives_the_stream),
		TEST(test_recvq_list_is_limited_to_31_ranges),
		TEST(test_recvq_tiny_segments_cost_no_more_than_their_span),
		TEST(test_recvq_sack_newest_range_comes_first),
		TEST(test_recvq_sack_four_blocks_without_timestamps),
		TEST(test_recvq_sack_joined_ranges_are_named_once),
		TEST(test_recvq_sack_after_the_first_hole_is_filled_names_the_rest),
		TEST(test_recvq_duplicate_is_reported_once),
		TEST(test_recvq_duplicate_in_part_is_reported_in_part),
		TEST(test_recvq_duplicate_out_of_order_names_its_range_too),
		TEST(test_recvq_duplicate_of_what_never_came_is_not_reported),
		TEST(test_recvq_duplicate_without_sack_is_not_reported),
		TEST(test_recvq_duplicate_is_reported_beside_data),
		TEST(test_recvq_sack_is_not_sent_unless_agreed),
		TEST(test_recvq_exhaustion_refuses_and_recovers),
		TEST(test_recvq_half_exhaustion_leaves_nothing_behind),
		TEST(test_recvq_ring_grows_with_use_and_goes_when_read),
		TEST(test_recvq_one_piece_is_cut_to_the_window),
		TEST(test_recvq_one_piece_wraps_and_grows),
		TEST(test_recvq_one_piece_waits_for_the_hole_before_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
