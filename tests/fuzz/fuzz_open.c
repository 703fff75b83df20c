// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fuzz_open.c - one connection of the core (conn.h) with what fuzz_tcp.c has not: TCP Fast Open in both roles, the user
 * timeout option, a signature's room in every segment, path MTU probing from the start with news about the probe in flight.
 *
 * Input: byte 0 as in fuzz_tcp.c, byte 1 what is in use (enum with), then the opening and steps, each behind a byte that says
 * whether it is one of fuzz_tcp.c's (three of four) or one of more().
 */
#include "conn.h"

#include <errno.h>

enum with {
	WITH_FASTOPEN = 1,
	WITH_COOKIE = 2, /* a known one; passive: the SYN's is good */
	WITH_UTO = 4,
	WITH_TIMEOUT = 8,  /* the application has set it */
	WITH_PROBING = 16, /* from the start */
	WITH_LEARNED = 32, /* the path's MTU has been found by probing before */
	WITH_SIGNATURE = 64
};

static struct tcp_cookie cookie(struct bytes *b)
{
	struct tcp_cookie k = { .len = (uint8_t)(TCP_COOKIE_MIN + 2 * (take8(b) % 7)) };

	for (uint32_t i = 0; i < k.len; i++)
		k.b[i] = take8(b);
	return k;
}

/* The engine leaves Fast Open out beside a signature: there is no room. */
static uint8_t sane(uint8_t with)
{
	return with & WITH_SIGNATURE ? with & (uint8_t)~WITH_FASTOPEN : with;
}

static void settings(uint8_t with)
{
	t.env.conf.uto = with & WITH_UTO;
	t.env.conf.mtu_probing = with & WITH_PROBING ? 2 : 1;
}

static void open_passive(struct bytes *b, const struct tcp_open *o, uint8_t with)
{
	struct tcp_seg s = { .seq = IRS, .wnd = 65535, .flags = TCP_SYN };
	struct tcp_cookie k = cookie(b);
	uint8_t *piece[3];

	fuzz_conn_options(b, &s);
	s.opts.present |= TCP_OPT_FASTOPEN;
	fuzz_conn_text(&s, take16(b) % 3000, piece);
	fuzz_check(tcp_listen_input(&t.env, &s) == TCP_LISTEN_SYN);
	tcp_accept_syn(&t.env, &t.c, o, &s, t.now);
	if (with & WITH_FASTOPEN) {
		tcp_fastopen_offer(&t.c, &k);
		if (with & WITH_COOKIE)
			tcp_fastopen_accept(&t.env, &t.c, &s, t.now);
	}
	for (int i = 0; i < 3; i++)
		free(piece[i]);
}

static void open_active(struct bytes *b, const struct tcp_open *o, uint8_t with)
{
	struct tcp_cookie k = cookie(b);

	if (!(with & WITH_COOKIE))
		k.len = 0;
	tcp_connect(&t.env, &t.c, o, t.now);
	if (with & WITH_FASTOPEN)
		tcp_fastopen_connect(&t.c, take8(b) & 1 ? NULL : &k, take16(b));
}

static void open_with(uint8_t how, uint8_t with, struct bytes *b)
{
	struct tcp_open o;

	fuzz_conn_addresses(how, &o);
	tcp_cold_place(&t.c, &t.cold);
	o.path_mtu = with & WITH_PROBING ? 9000 : 1500;
	o.sig_bytes = with & WITH_SIGNATURE ? 20 : 0;
	if (with & WITH_LEARNED) {
		o.learned_mtu = 600 + take16(b) % 800;
		o.probe_again_ns = take8(b) & 1 ? t.now + FUZZ_S : 1;
	}
	if (how & START_PASSIVE)
		open_passive(b, &o, with);
	else
		open_active(b, &o, with);
	if (with & WITH_TIMEOUT)
		tcp_set_user_timeout(&t.c, take16(b));
	fuzz_conn_check();
	if (!(how & START_RAW))
		fuzz_conn_make(LOOP_MAX + 1);
}

/* An acknowledgement, or a SYN once more, with what these options are about. */
static void special(struct bytes *b, uint8_t what)
{
	struct tcp_seg s = { .flags = TCP_ACK, .seq = t.c.rcv_nxt, .ack = t.c.snd_nxt, .wnd = take16(b) };

	if (what & 1) { /* a SYN or SYN-ACK */
		s.flags = what & 2 ? TCP_SYN | TCP_ACK : TCP_SYN;
		s.seq = t.c.state == TCP_SYN_SENT ? IRS : t.c.irs;
		s.ack = what & 4 ? t.c.iss + 1 : t.c.snd_nxt;
	}
	fuzz_conn_options(b, &s);
	if (what & 8) {
		s.opts.present |= TCP_OPT_UTO;
		s.opts.uto = take16(b);
	}
	if (what & 16) {
		s.opts.present |= TCP_OPT_FASTOPEN;
		s.opts.cookie = cookie(b);
	}
	fuzz_conn_input(&s, what & 32 ? take16(b) % 3000 : 0);
	if (s.opts.present & TCP_OPT_UTO && !(t.c.tune & TCP_TUNE_TIMEOUT_SET))
		fuzz_check(t.c.user_timeout_ms <= t.env.conf.uto_high_s * 1000);
}

/* Of the probe in flight: too big, says ICMP; or all behind it arrives. */
static void probe_news(struct bytes *b, bool icmp)
{
	struct tcp_seg s = { .flags = TCP_ACK, .seq = t.c.rcv_nxt, .ack = t.c.snd_una, .wnd = 65535 };
	const struct tcp_plpmtud *p = &t.cold.plpmtud;
	uint32_t end = p->probe_seq + p->probe_mtu - take8(b);

	if (t.c.mtu_state != TCP_MTU_PROBING)
		return;
	if (icmp) {
		tcp_icmp_input(&t.env, &t.c, TCP_ICMP_TOO_BIG, p->probe_seq, take16(b), t.now);
		fuzz_conn_check();
		return;
	}
	fuzz_conn_options(b, &s);
	s.opts.present |= TCP_OPT_SACK;
	s.opts.nsack = 1;
	s.opts.sack[0] = (struct tcp_range){ end, t.c.snd_nxt };
	if (seq_lt(end, t.c.snd_nxt))
		fuzz_conn_input(&s, 0);
}

static void more(struct bytes *b)
{
	uint8_t what = take8(b);

	if (t.in_tw || t.c.state == TCP_CLOSED)
		return;
	switch (what & 7) {
	case 0: tcp_set_uto(&t.c, what & 8); break;
	case 1: tcp_set_user_timeout(&t.c, what & 8 ? take32(b) : take16(b)); break;
	case 2:
	case 3:
	case 4: special(b, what >> 2); break;
	case 5: probe_news(b, what & 8); break;
	case 6:
		tcp_set_path_mtu(&t.env, &t.c, max_u32(take16(b) % 9001, 256));
		t.now += what & 8 ? 601 * FUZZ_S : 0; /* the search begins anew */
		break;
	case 7:
		if (what & 8 && !(t.c.flags & TCP_F_ORPHAN))
			tcp_set_notsent_lowat(&t.c, take16(b));
		break;
	}
	fuzz_conn_check();
	if (!(what & 0x80))
		fuzz_conn_make(LOOP_MAX + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = { data, size };
	uint8_t how = take8(&b), with = sane(take8(&b));

	if (size > 4096)
		return 0;
	fuzz_conn_begin(how);
	settings(with);
	open_with(how, with, &b);
	while (b.left && !t.gone)
		if (take8(&b) & 3)
			fuzz_conn_step(&b);
		else
			more(&b);
	if (t.c.fastopen & TCP_FO_HOLD && !t.in_tw) /* the SYN waits for text */
		tcp_shutdown(&t.env, &t.c, t.now);
	if (how & START_POLITE_END && !t.gone)
		fuzz_conn_polite_end();
	fuzz_conn_end();
	return 0;
}
