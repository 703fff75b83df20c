// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_rfc2883.c - duplicates reported by the first SACK block (RFC 2883 4), one row for each segment of the RFC's examples:
 * what came, and what the acknowledgement says. Numbers in hundreds of bytes.
 */
#include "tcp_harness.h"

struct step {
	uint32_t from, to; /* the segment */
	uint32_t ack;
	uint32_t sack[3][2]; /* 0, 0: no more blocks */
};

static void say(const struct step *t, size_t n)
{
	th.sack = true;
	th.env.conf.rcvbuf_max = th.env.conf.rcvbuf_init = 65536;
	th_active();
	for (size_t i = 0; i < n; i++) {
		uint32_t blocks = 0;

		th.c->flags |= TCP_F_ACK_NOW; /* each is acknowledged in these examples */
		in(".", 1 + 100 * t[i].from, 1, 100 * (t[i].to - t[i].from));
		if (th.c->rcvq.len)
			get(th.c->rcvq.len);
		out(".", 1, 1 + 100 * t[i].ack, 0);
		while (blocks < 3 && t[i].sack[blocks][1]) {
			sack_is(blocks, 1 + 100 * t[i].sack[blocks][0], 1 + 100 * t[i].sack[blocks][1]);
			blocks++;
		}
		if (th.opts.nsack != blocks && th.opts.present & TCP_OPT_SACK)
			print_error("step %zu\n", i);
		assert_int_equal(th.opts.present & TCP_OPT_SACK ? th.opts.nsack : 0, blocks);
	}
}
#define SAY(...)                                         \
	do {                                             \
		const struct step t[] = { __VA_ARGS__ }; \
		say(t, sizeof(t) / sizeof(t[0]));        \
	} while (0)

/* 4.1.1: the acknowledgements of both were lost. */
static void test_rfc2883_segment_again(void **state)
{
	SAY({ 0, 5, 5, { { 0 } } }, { 5, 10, 10, { { 0 } } }, { 0, 5, 10, { { 0, 5 } } },
	    { 10, 15, 15, { { 0 } } } /* said once */);
}

/* 4.1.2: ... while another is missing. */
static void test_rfc2883_segment_again_below_a_hole(void **state)
{
	SAY({ 0, 5, 5, { { 0 } } }, { 10, 15, 5, { { 10, 15 } } }, { 0, 5, 5, { { 0, 5 }, { 10, 15 } } },
	    { 15, 20, 5, { { 10, 20 } } });
}

/* 4.1.3: of a segment out of order; the second block is the larger one that holds it. */
static void test_rfc2883_segment_again_above_a_hole(void **state)
{
	SAY({ 0, 5, 5, { { 0 } } }, { 10, 15, 5, { { 10, 15 } } }, { 15, 20, 5, { { 10, 20 } } },
	    { 15, 20, 5, { { 15, 20 }, { 10, 20 } } }, { 5, 10, 20, { { 0 } } });
}

/* ... which comes second even where another grew later. */
static void test_rfc2883_the_block_that_holds_it_is_the_second(void **state)
{
	SAY({ 10, 15, 0, { { 10, 15 } } }, { 20, 25, 0, { { 20, 25 }, { 10, 15 } } },
	    { 10, 15, 0, { { 10, 15 }, { 10, 15 }, { 20, 25 } } });
}

/* 4.2.1: part of a segment, cut anew by its sender, was here; then the delayed one comes. */
static void test_rfc2883_part_of_a_segment(void **state)
{
	SAY({ 0, 5, 5, { { 0 } } }, { 10, 15, 5, { { 10, 15 } } }, { 20, 25, 5, { { 20, 25 }, { 10, 15 } } },
	    { 5, 20, 25, { { 10, 15 } } }, { 5, 10, 25, { { 5, 10 } } });
}

/* 4.2.2: two parts of it; only the first is reported. */
static void test_rfc2883_two_parts_of_a_segment(void **state)
{
	SAY({ 5, 10, 0, { { 5, 10 } } }, { 15, 20, 0, { { 15, 20 }, { 5, 10 } } }, { 0, 25, 25, { { 5, 10 } } });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rfc2883_segment_again),
		TEST(test_rfc2883_segment_again_below_a_hole),
		TEST(test_rfc2883_segment_again_above_a_hole),
		TEST(test_rfc2883_the_block_that_holds_it_is_the_second),
		TEST(test_rfc2883_part_of_a_segment),
		TEST(test_rfc2883_two_parts_of_a_segment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
