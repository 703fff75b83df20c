// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * boxes.c - which boxes are on the way (middlebox.c, reseg.c do their work): from generation 2 on, in two of five seeds. They are
 * there for ever, so none may stand in the way of a stream for good.
 */
#include "rng.h"
#include "scenario.h"

static void make_direction(struct scenario *s, struct rng *r, struct box_conf *b)
{
	if (rng_percent(r, 25))
		b->mss_max = (uint16_t)rng_range(r, 200, 1460);
	b->strip_sack_ok = rng_percent(r, 10);
	b->strip_sack = rng_percent(r, 10);
	b->strip_accecn = rng_percent(r, 15);
	b->ecn_syn_clear = rng_percent(r, 10);
	b->ecn_clear = rng_percent(r, 10);
	if (rng_percent(r, 30)) {
		b->split_ppm = (uint32_t)rng_log(r, 10000, 1000000);
		b->split_bytes = (uint32_t)rng_log(r, 100, 4000);
	}
	if (s->clean)
		return;
	/* The peer takes what was joined for a full segment, and so delays ACKs by more than the sender can know. */
	if (rng_percent(r, 30))
		b->merge_ns = rng_log(r, 1000, SIM_MS);
	b->drop_unknown = s->strip_how != STRIP_UNKNOWN && rng_percent(r, 15);
	b->drop_syn_text = rng_percent(r, 15);
}

void boxes_make(struct scenario *s)
{
	struct rng r = rng_make(s->seed, 7);

	if (!rng_percent(&r, 40))
		return;
	s->strip_how = (enum strip_how)rng_below(&r, 3);
	for (int i = 0; i < 2; i++)
		make_direction(s, &r, &s->box[i]);
	if (rng_percent(&r, 50))
		s->box[1] = s->box[0];
	if (!rng_percent(&r, 20))
		return;
	s->shift[0] = (uint32_t)rng_u64(&r);
	s->shift[1] = (uint32_t)rng_u64(&r);
	s->shift_sack = s->clean || rng_percent(&r, 60);
}

void boxes_print(const struct scenario *s, int i, FILE *f)
{
	const struct box_conf *b = &s->box[i];
	const struct {
		bool is;
		const char *text;
	} flags[] = { { b->strip_sack_ok, "takes SACK-permitted out of SYNs" },
		      { b->strip_sack, "takes SACK blocks out" },
		      { b->strip_accecn, "takes the AccECN option out" },
		      { b->ecn_syn_clear, "clears AE, CWR, ECE of SYNs" },
		      { b->ecn_clear, "clears AE, CWR, ECE after them" },
		      { b->drop_unknown, "drops segments with unknown options" },
		      { b->drop_syn_text, "drops SYNs with text" } };

	for (size_t k = 0; k < sizeof(flags) / sizeof(flags[0]); k++)
		if (flags[k].is)
			fprintf(f, ", a box %s", flags[k].text);
	if (b->mss_max)
		fprintf(f, ", MSS options at most %u", b->mss_max);
	if (b->split_ppm)
		fprintf(f, ", %.1f %% cut into pieces of %u bytes", b->split_ppm / 1e4, b->split_bytes);
	if (b->merge_ns)
		fprintf(f, ", joined within %.3f ms", (double)b->merge_ns / 1e6);
	if (s->shift[i])
		fprintf(f, ", numbers plus %u%s", s->shift[i], s->shift_sack ? ", SACK too" : "");
}
