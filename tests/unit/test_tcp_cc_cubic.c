// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_tcp_cc_cubic.c - CUBIC against RFC 9438's formulas, written down here once more, in
 * floating point and in segments and seconds as the RFC has them.
 */
#include <math.h>
#include "tcp_harness.h"
#include "tcp/hystart.h"

#define C 0.4
#define BETA 0.7
#define MSS 1460u

static const struct tcp_cc_ops *const cubic = &tcp_cc_cubic;

/* ---- the reference ---- */

struct ref {
	double cwnd, ssthresh, cwnd_prior, w_max, k, t0, w_est; /* segments, seconds */
	bool stage, known;					/* in congestion avoidance; w_max is known */
};

static double ref_w(const struct ref *r, double t)
{
	return C * pow(t - r->k, 3) + r->w_max;
}

static void ref_ack(struct ref *r, double acked, double now, double rtt)
{
	double target, t;

	if (r->cwnd < r->ssthresh) {
		double step = fmin(acked, r->ssthresh - r->cwnd);

		r->cwnd += step;
		acked -= step;
		r->stage = false;
		if (acked <= 0)
			return;
	}
	if (!r->stage) {
		r->stage = true;
		if (!r->known || r->w_max <= r->cwnd)
			r->w_max = r->cwnd;
		r->known = true;
		r->k = cbrt((r->w_max - r->cwnd) / C);
		r->t0 = now;
		r->w_est = r->cwnd;
	}
	t = now - r->t0;
	r->w_est += (r->w_est < r->cwnd_prior ? 3 * (1 - BETA) / (1 + BETA) : 1) * acked / r->cwnd;
	if (ref_w(r, t) < r->w_est) {
		r->cwnd = fmax(r->cwnd, r->w_est);
		return;
	}
	target = fmin(fmax(ref_w(r, t + rtt), r->cwnd), 1.5 * r->cwnd);
	r->cwnd += (target - r->cwnd) / r->cwnd * acked;
}

static void ref_reduce(struct ref *r, double flight, bool timeout)
{
	r->ssthresh = fmax(flight * BETA, 2);
	r->cwnd_prior = r->cwnd;
	r->w_max = r->known && r->cwnd < r->w_max ? r->cwnd * (1 + BETA) / 2 : r->cwnd;
	r->known = !timeout;
	r->cwnd = timeout ? 1 : r->ssthresh;
	r->stage = false;
}

/* ---- a path that acknowledges a window evenly over one RTT ---- */

struct path {
	struct tcp_conn c;
	struct ref r;
	uint64_t now_ns;
	uint32_t rtt_us, per_ack; /* segments in an acknowledgement */
	uint32_t acked;		  /* bytes since the window began */
	double worst;		  /* largest deviation from the reference, in cwnd of it, beyond two segments */
};

static void path_begin(struct path *p, uint32_t mss, uint32_t cwnd, uint32_t rtt_us, uint32_t per_ack)
{
	memset(p, 0, sizeof(*p));
	p->c.mss = (uint16_t)mss;
	p->c.cwnd = cwnd;
	p->c.ssthresh = TCP_SSTHRESH_NONE;
	p->c.snd_una = p->c.snd_nxt = TH_ISS;
	p->now_ns = 4294 * TH_S; /* the clock of microseconds wraps soon */
	p->rtt_us = rtt_us;
	p->per_ack = per_ack;
	cubic->init(&p->c);
	p->r.ssthresh = INFINITY;
	p->r.cwnd = (double)cwnd / mss;
}

static struct tcp_cc_event path_event(const struct path *p)
{
	return (struct tcp_cc_event){
		.now_ns = p->now_ns, .prior_flight = p->c.cwnd, .rtt_us = p->rtt_us, .srtt_us = p->rtt_us
	};
}

static void path_ack(struct path *p, uint32_t bytes)
{
	struct tcp_cc_event ev;
	double off;

	p->now_ns += (uint64_t)p->rtt_us * 1000 * bytes / p->c.cwnd;
	ev = path_event(p);
	ev.acked = bytes;
	p->c.snd_una += bytes;
	p->c.snd_nxt = p->c.snd_una + p->c.cwnd;
	cubic->ack(&p->c, &ev);
	ref_ack(&p->r, (double)bytes / p->c.mss, (double)p->now_ns / 1e9, p->rtt_us / 1e6);
	off = (fabs((double)p->c.cwnd / p->c.mss - p->r.cwnd) - 2) / p->r.cwnd;
	p->worst = fmax(p->worst, off);
}

static void path_windows(struct path *p, uint32_t n)
{
	while (n--)
		for (uint32_t left = p->c.cwnd, step; left; left -= step) {
			step = min_u32(left, p->per_ack * p->c.mss);
			path_ack(p, step);
		}
}

static void path_run(struct path *p, double seconds)
{
	uint64_t end = p->now_ns + (uint64_t)(seconds * 1e9);

	while (p->now_ns < end && p->c.cwnd < 1200000000) /* no window is larger than 2^30 */
		path_ack(p, min_u32(p->per_ack * p->c.mss, p->c.cwnd));
}

/* The reference begins each reduction from the same cwnd, so that a segment's difference does not become another story. */
static void path_loss(struct path *p, bool timeout)
{
	struct tcp_cc_event ev = path_event(p);

	p->r.cwnd = (double)p->c.cwnd / p->c.mss;
	ref_reduce(&p->r, p->r.cwnd, timeout);
	if (timeout)
		cubic->rto(&p->c, &ev);
	else
		cubic->loss(&p->c, &ev);
	assert_true(fabs((double)p->c.ssthresh / p->c.mss - p->r.ssthresh) < 0.1);
	p->c.cwnd = timeout ? p->c.mss : p->c.ssthresh;
	p->now_ns += (uint64_t)p->rtt_us * 1000; /* recovery */
}

static uint32_t segs(const struct path *p)
{
	return p->c.cwnd / p->c.mss;
}

/* ---- growth ---- */

static uint64_t chance(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static void test_cubic_follows_the_rfc_over_paths_and_losses(void **state)
{
	static const uint32_t rtts[] = { 100, 1000, 10000, 40000, 100000, 300000 };
	static const uint32_t msss[] = { 536, 1448, 8948 };
	static const uint32_t acks[] = { 1, 2, 45 };
	uint64_t dice = 0x9e3779b97f4a7c15ull;
	struct path p;
	double worst = 0;

	for (uint32_t i = 0; i < 6 * 3 * 3 * 4; i++) {
		uint32_t mss = msss[i / 6 % 3];

		path_begin(&p, mss, (uint32_t)(10 + chance(&dice) % (i & 1 ? 100 : 3000)) * mss, rtts[i % 6],
			   acks[i / 18 % 3]);
		for (int k = 0; k < 6; k++) {
			/* Within a segment of W_max rounding decides about fast convergence: no loss there. */
			if (!p.r.known || fabs((double)p.c.cwnd / mss - p.r.w_max) > 3)
				path_loss(&p, chance(&dice) % 5 == 0);
			for (uint64_t n = 100 + chance(&dice) % 20000; n && segs(&p) < 50000; n--)
				path_ack(&p, min_u32(p.per_ack * mss, p.c.cwnd));
		}
		if (p.worst > 0.01)
			print_error("rtt %u us, mss %u, %u per ACK: off by %f of cwnd\n", p.rtt_us, mss, p.per_ack,
				    p.worst);
		worst = fmax(worst, p.worst);
	}
	print_message("worst: %f of cwnd and two segments\n", worst);
	assert_true(worst <= 0.01);
}

/* The largest windows and the smallest and largest segments: nothing overflows. */
static void test_cubic_extremes_follow_the_rfc(void **state)
{
	static const struct {
		uint32_t mss, cwnd, per_ack;
	} t[] = { { 48, 1u << 30, 100000 }, { 65535, 1u << 30, 100 }, { 1460, 1000u << 20, 5000 }, { 48, 480, 100 } };
	struct path p;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		path_begin(&p, t[i].mss, t[i].cwnd, 200000, t[i].per_ack);
		path_loss(&p, false);
		path_run(&p, 100);
		path_loss(&p, false);
		path_run(&p, 60);
		assert_true(p.worst <= 0.01);
	}
}

/* 1,000 segments, beta 0.7: back at W_max after K = cbrt(300 / 0.4) = 9.09 s, flat there, then beyond. */
static void test_cubic_is_back_at_w_max_after_k(void **state)
{
	struct path p;

	path_begin(&p, MSS, 1000 * MSS, 100000, 1);
	path_loss(&p, false);
	assert_int_equal(p.c.ssthresh, 700 * MSS);
	path_run(&p, 4.5);
	assert_in_range(segs(&p), 955, 970);
	path_run(&p, 4.6);
	assert_in_range(segs(&p), 998, 1001);
	path_run(&p, 9.1);
	assert_in_range(segs(&p), 1285, 1320);
}

static void test_cubic_grows_by_half_a_window_at_most(void **state)
{
	struct path p;
	uint32_t before;

	path_begin(&p, MSS, 100 * MSS, 60000000, 1); /* a minute: W_cubic(t + RTT) is far away */
	path_loss(&p, false);
	for (int i = 0; i < 8; i++) {
		before = p.c.cwnd;
		path_windows(&p, 1);
		assert_true(p.c.cwnd <=
			    before + (before + before / 2) * 65 / 100); /* e^0.5 - 1, for the ACKs compound */
	}
}

/* Where Reno would be faster CUBIC is Reno with alpha 9/17, and with 1 once it is back where the loss was. */
static void test_cubic_friendly_region_grows_as_reno_would(void **state)
{
	struct path p;
	uint32_t cwnd;

	path_begin(&p, MSS, 100 * MSS, 1000, 1);
	path_loss(&p, false);
	path_windows(&p, 34);
	assert_in_range(segs(&p), 70 + 17, 70 + 18);
	while (p.c.cwnd < 100 * MSS)
		path_windows(&p, 1);
	cwnd = p.c.cwnd;
	path_windows(&p, 20);
	assert_in_range(p.c.cwnd, cwnd + 19 * MSS, cwnd + 21 * MSS);
	assert_true(p.worst <= 0.01);
}

/* ---- reductions ---- */

static void test_cubic_loss_leaves_seven_tenths_of_the_flight(void **state)
{
	struct tcp_cc_event ev = { .prior_flight = 50 * MSS };
	struct path p;

	path_begin(&p, MSS, 100 * MSS, 10000, 1);
	cubic->loss(&p.c, &ev);
	assert_int_equal(p.c.ssthresh, 35 * MSS);
	ev.prior_flight = 2 * MSS;
	cubic->loss(&p.c, &ev);
	assert_int_equal(p.c.ssthresh, 2 * MSS); /* two segments at least */
	ev.prior_flight = 4000000000u;
	cubic->rto(&p.c, &ev);
	assert_int_equal(p.c.ssthresh, 2800000000u);
}

/* A second loss below W_max: the plateau is at 0.85 of cwnd, 595 of 700 segments, 6.4 s later. */
static void test_cubic_fast_convergence_gives_room(void **state)
{
	struct path p;

	path_begin(&p, MSS, 1000 * MSS, 100000, 1);
	path_loss(&p, false);
	path_loss(&p, false);
	assert_int_equal(p.c.cwnd, 490 * MSS);
	path_run(&p, 6.4);
	assert_in_range(segs(&p), 592, 597);
	path_run(&p, 20); /* past it */
	assert_true(segs(&p) > 700);
	path_loss(&p, false); /* above W_max: no need */
	path_run(&p, cbrt(p.r.cwnd_prior * 0.3 / 0.4));
	assert_true(fabs(segs(&p) - p.r.cwnd_prior) < 4);
	assert_true(p.worst <= 0.01);
}

static void test_cubic_timeout_slow_starts_to_a_plateau(void **state)
{
	struct path p;

	path_begin(&p, MSS, 1000 * MSS, 100000, 1);
	path_loss(&p, false);
	path_loss(&p, true);
	assert_int_equal(p.c.ssthresh, 490 * MSS);
	path_windows(&p, 8);
	assert_int_equal(segs(&p), 256);
	path_windows(&p, 2);
	assert_in_range(segs(&p), 490, 492);
	path_run(&p, 3); /* K = 0: 490 + 0.4 * 3^3, and the RTT ahead */
	assert_in_range(segs(&p), 500, 508);
	path_run(&p, 3);
	assert_in_range(segs(&p), 570, 582);
}

/* ---- time that does not count ---- */

/* The same path twice, with and without a hole after which nothing may have changed. */
static void twins(void (*hole)(struct path *p), double seconds)
{
	struct path a, b;

	path_begin(&a, MSS, 1000 * MSS, 50000, 2);
	path_loss(&a, false);
	path_run(&a, seconds);
	b = a;
	hole(&b);
	assert_int_equal(a.c.cwnd, b.c.cwnd);
	for (int i = 0; i < 300; i++) {
		path_windows(&a, 1);
		path_windows(&b, 1);
		/* the first acknowledgement afterwards counts for one RTT, and its predecessor is gone */
		assert_true(fabs((double)a.c.cwnd - b.c.cwnd) <= 0.01 * a.c.cwnd);
	}
}

static void trickle(struct path *p)
{
	for (int i = 0; i < 1000; i++) {
		struct tcp_cc_event ev = path_event(p);

		ev.acked = MSS;
		ev.prior_flight = MSS;
		ev.app_limited = true;
		ev.now_ns = p->now_ns += 100 * TH_MS;
		cubic->ack(&p->c, &ev);
	}
}

static void silence(struct path *p)
{
	p->now_ns += 100 * TH_S;
}

static void test_cubic_app_limited_time_does_not_count(void **state)
{
	twins(trickle, 1);
	twins(trickle, 15);
}

static void test_cubic_idle_time_does_not_count(void **state)
{
	twins(silence, 1);
	twins(silence, 15);
}

/* With an initial window above ssthresh no slow start does it. */
static void test_cubic_connection_restarts_a_large_window_from_its_initial_one(void **state)
{
	(void)state;
	th.env.conf.cc = TCP_CC_CUBIC;
	th_active();
	th.c->ssthresh = 2 * th.c->mss;
	for (uint32_t i = 1; i <= 40; i++) {
		th.c->flags |= TCP_F_CWND_LIMITED;
		cubic->ack(th.c, &(struct tcp_cc_event){ .now_ns = th.now, .acked = th.c->cwnd, .srtt_us = 1000 });
		th.now += TH_MS;
	}
	assert_true(th.c->cwnd > 20 * th.c->mss);
	th.now += 2 * TH_S;
	put(20 * th.c->mss);
	th_drain();
	assert_int_equal(th.c->cwnd, tcp_initial_window(th.c->mss));
	in(".", 1, 1 + th.c->cwnd, 0);
	assert_true(th.c->cwnd <= tcp_initial_window(th.c->mss) * 3 / 2);
	th_drain();
}

/* cwnd below ssthresh again (RFC 5681 4.1): slow start, then a stage of its own with the old W_max. */
static void test_cubic_restart_after_idle_begins_a_new_stage(void **state)
{
	struct path p;

	path_begin(&p, MSS, 1000 * MSS, 100000, 1);
	path_loss(&p, false);
	path_run(&p, 7);
	p.now_ns += 30 * TH_S;
	p.c.cwnd = 10 * MSS;
	p.r.cwnd = 10;
	path_windows(&p, 7);
	assert_in_range(segs(&p), 700, 760);
	path_run(&p, 9.1);
	assert_in_range(segs(&p), 990, 1003);
	assert_true(p.worst <= 0.01);
}

/* ---- undo ---- */

static void test_cubic_undo_is_as_if_nothing_had_been(void **state)
{
	for (int timeout = 0; timeout < 2; timeout++) {
		struct path a, b;
		struct tcp_cc_event ev;

		path_begin(&a, MSS, 1000 * MSS, 50000, 2);
		path_loss(&a, false);
		path_run(&a, 3);
		b = a;
		ev = path_event(&b);
		(timeout ? cubic->rto : cubic->loss)(&b.c, &ev);
		assert_int_not_equal(b.c.ssthresh, a.c.ssthresh);
		b.c.cwnd = timeout ? MSS : b.c.ssthresh;
		path_ack(&b, MSS);
		ev = path_event(&b);
		cubic->undo(&b.c, &ev);
		assert_int_equal(b.c.cwnd, a.c.cwnd);
		assert_int_equal(b.c.ssthresh, a.c.ssthresh);
		path_run(&a, 10);
		path_run(&b, 10);
		assert_true(fabs((double)a.c.cwnd - b.c.cwnd) <= 0.01 * a.c.cwnd);
		b.c.cwnd = MSS;
		cubic->undo(&b.c, &ev); /* once only */
		assert_int_equal(b.c.cwnd, MSS);
	}
}

/* ... and W_est goes on at 9/17 segments a window up to where the true loss was. */
static void test_cubic_undo_remembers_the_loss_before(void **state)
{
	struct path p;
	struct tcp_cc_event ev;
	uint32_t before;

	path_begin(&p, MSS, 100 * MSS, 1000, 1);
	path_loss(&p, false);
	path_windows(&p, 10);
	before = segs(&p);
	ev = path_event(&p);
	cubic->loss(&p.c, &ev);
	p.c.cwnd = p.c.ssthresh;
	cubic->undo(&p.c, &ev);
	path_windows(&p, 34);
	assert_in_range(segs(&p), before + 17, before + 19);
}

static void test_cubic_undo_returns_to_the_initial_slow_start(void **state)
{
	struct path p;
	struct tcp_cc_event ev;

	path_begin(&p, MSS, 10 * MSS, 50000, 1);
	path_windows(&p, 2);
	ev = path_event(&p);
	cubic->rto(&p.c, &ev);
	p.c.cwnd = MSS;
	cubic->undo(&p.c, &ev);
	assert_int_equal(p.c.ssthresh, TCP_SSTHRESH_NONE);
	assert_int_equal(segs(&p), 40);
	path_windows(&p, 1);
	assert_int_equal(segs(&p), 80);
}

/* ---- the initial slow start ---- */

/* HyStart++ ends it without a loss: W_max is here, K is 0 (4.10). */
static void test_cubic_begins_with_hystart(void **state)
{
	struct path p;
	uint32_t thresh;

	path_begin(&p, MSS, 10 * MSS, 50000, 1);
	path_windows(&p, 4);
	assert_int_equal(segs(&p), 160);
	p.rtt_us = 70000;
	for (int i = 0; p.c.ssthresh == TCP_SSTHRESH_NONE; i++) {
		assert_true(i < 7);
		path_windows(&p, 1);
	}
	thresh = p.c.ssthresh;
	assert_true(thresh < 1200 * MSS); /* five more rounds of slow start would be 5120 */
	path_run(&p, 3);
	assert_in_range(p.c.cwnd, thresh + 8 * MSS, thresh + 50 * MSS); /* 0.4 * 3^3, or Reno's 42 windows */
}

/* Only the initial one: after a loss ssthresh is measured, and a rising RTT does not end slow start early. */
static void test_cubic_later_slow_start_ignores_rtt(void **state)
{
	struct path p;

	path_begin(&p, MSS, 1000 * MSS, 50000, 1);
	path_loss(&p, true);
	for (int i = 0; i < 9; i++) {
		path_windows(&p, 1);
		p.rtt_us += 20000;
	}
	assert_int_equal(segs(&p), 512);
	assert_int_equal(p.c.ssthresh, 700 * MSS);
}

/* ---- in a connection ---- */

static void test_cubic_is_the_default_and_reduces_by_its_beta(void **state)
{
	struct tcp_conf conf;
	uint32_t flight;

	tcp_conf_default(&conf);
	assert_int_equal(conf.cc, tcp_cc_find("cubic"));
	th.env.conf.cc = conf.cc;
	th_active();
	put(20 * 1460);
	th_drain();
	in(".", 1, 1461, 0);
	assert_int_equal(th.c->cwnd, 11 * 1460); /* slow start */
	th_drain();
	flight = tcp_flight(th.c);
	for (int i = 0; i < 3; i++)
		in(".", 1, 1461, 0);
	assert_int_equal(th.c->ssthresh, flight * 7 / 10);
	th_drain();
}

static void test_cubic_connection_does_not_grow_when_app_limited(void **state)
{
	th.env.conf.cc = TCP_CC_CUBIC;
	th_active();
	th.c->ssthresh = th.c->cwnd;
	for (uint32_t i = 0; i < 200; i++) {
		put(100);
		th_drain();
		advance(50);
		in(".", 1, 101 + i * 100, 0);
	}
	assert_int_equal(th.c->cwnd, 14600);
}

/* Growth towards W_cubic(t + SRTT): in two thirds of an RTT of 3 s a segment; without SRTT there would be none yet. */
static void test_cubic_connection_tells_srtt(void **state)
{
	th.env.conf.cc = TCP_CC_CUBIC;
	th_active();
	th.c->ssthresh = th.c->cwnd;
	th.c->srtt_us_x8 = 8 * 3000000;
	th.c->rto_us = 10000000;
	put(30000);
	th_drain();
	advance(3000);
	for (uint32_t i = 1; i <= 10; i++) {
		in(".", 1, 1 + i * 1460, 0);
		th_drain();
		advance(200);
	}
	assert_int_equal(th.c->cwnd, 11 * 1460);
}

static void test_cubic_connection_tells_rtt_samples_to_hystart(void **state)
{
	const struct hystart *h;
	uint32_t una = 1;

	th.env.conf.cc = TCP_CC_CUBIC;
	th_modern();
	h = (const struct hystart *)th.c->cc_priv;
	put(250000);
	th_drain();
	for (int round = 0; round < 4; round++) {
		uint32_t end = una + tcp_flight(th.c);

		advance(round < 3 ? 10 : 40);
		for (; seq_lt(una, end); th_drain()) {
			una += min_u32(th.c->mss, end - una);
			in(".", 1, una, 0);
		}
		assert_int_equal(h->css_rounds_left, round < 3 ? 0 : 5);
	}
	assert_int_equal(th.c->ssthresh, TCP_SSTHRESH_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cubic_follows_the_rfc_over_paths_and_losses),
		cmocka_unit_test(test_cubic_extremes_follow_the_rfc),
		cmocka_unit_test(test_cubic_is_back_at_w_max_after_k),
		cmocka_unit_test(test_cubic_grows_by_half_a_window_at_most),
		cmocka_unit_test(test_cubic_friendly_region_grows_as_reno_would),
		cmocka_unit_test(test_cubic_loss_leaves_seven_tenths_of_the_flight),
		cmocka_unit_test(test_cubic_fast_convergence_gives_room),
		cmocka_unit_test(test_cubic_timeout_slow_starts_to_a_plateau),
		cmocka_unit_test(test_cubic_app_limited_time_does_not_count),
		cmocka_unit_test(test_cubic_idle_time_does_not_count),
		cmocka_unit_test(test_cubic_restart_after_idle_begins_a_new_stage),
		cmocka_unit_test(test_cubic_undo_is_as_if_nothing_had_been),
		cmocka_unit_test(test_cubic_undo_remembers_the_loss_before),
		cmocka_unit_test(test_cubic_undo_returns_to_the_initial_slow_start),
		cmocka_unit_test(test_cubic_begins_with_hystart),
		cmocka_unit_test(test_cubic_later_slow_start_ignores_rtt),
		TEST(test_cubic_is_the_default_and_reduces_by_its_beta),
		TEST(test_cubic_connection_tells_srtt),
		TEST(test_cubic_connection_restarts_a_large_window_from_its_initial_one),
		TEST(test_cubic_connection_tells_rtt_samples_to_hystart),
		TEST(test_cubic_connection_does_not_grow_when_app_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
