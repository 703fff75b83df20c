// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* tcp_harness.c - a connection of the core against a scripted peer. See tcp_harness.h. */
#include "tcp_harness.h"

#define MEM_BYTES (2ull << 20)

struct th th;

/* Byte n of either stream; n is relative to the SYN. */
static uint8_t pattern(uint32_t n)
{
	return (uint8_t)(n * 7 + (n >> 8) * 13);
}

void th_memory(uint64_t bytes)
{
	size_t size = mem_size(bytes); /* bytes: whole pages */

	if (th.env.mem) {
		assert_int_equal(th.env.mem->used, 0);
		free(th.env.mem);
	}
	th.env.mem = aligned_alloc(4096, size);
	memset(th.env.mem, 0, size - bytes); /* what is not handed out need not be zero, and costs time */
	mem_init(th.env.mem, bytes);
}

void th_fresh(void)
{
	memset(th.whole, 0, sizeof(*th.whole));
	th.c = &th.whole->c;
	tcp_cold_place(th.c, &th.whole->cold);
}

int th_setup(void **state)
{
	memset(&th, 0, sizeof(th));
	th_memory(MEM_BYTES);
	th.env.stats = th.stats;
	tcp_conf_default(&th.env.conf);
	th.env.conf.rto_min_ns = 199 * TH_MS; /* with 1 ms of RTT: an RTO of 200 ms */
	th.env.conf.fixed_isn = TH_ISS;
	th.env.conf.cc = TCP_CC_RENO;
	th.env.isn_key[0] = 0x0123456789abcdefull;
	th.env.ts_key[1] = 0xfedcba9876543210ull;
	th.now = 5000 * TH_S;
	th.open = (struct tcp_open){ .lport = htons(7000), .rport = htons(40000), .path_mtu = 1500 };
	th.open.laddr.w[2] = th.open.raddr.w[2] = htonl(0xffff);
	th.open.laddr.w[3] = htonl(0x0a090001);
	th.open.raddr.w[3] = htonl(0x0a090002);
	th.mss = 1460;
	th.wscale = -1;
	th.tsval = 0xfffff800;
	th.wnd = 65535;
	th.whole = aligned_alloc(TCP_COLD_ALIGN, sizeof(*th.whole));
	th_fresh();
	return 0;
}

int th_teardown(void **state)
{
	tcp_free(&th.env, th.c);
	assert_int_equal(mem_check(th.env.mem), 0);
	assert_int_equal(th.env.mem->used, 0);
	free(th.env.mem);
	free(th.whole);
	th.env.mem = NULL;
	return 0;
}

void th_ipv6(void)
{
	static const uint8_t l[16] = { 0xfd, 9, [15] = 1 }, r[16] = { 0xfd, 9, [15] = 2 };

	memcpy(th.open.laddr.b, l, 16);
	memcpy(th.open.raddr.b, r, 16);
}

static void die(const char *file, int line, const char *what)
{
	print_error("%s:%d: %s (state %s)\n", file, line, what, tcp_state_name(th.c->state));
	_fail(file, line);
}

void th_check(const char *file, int line)
{
	const char *bad = tcp_check(&th.env, th.c);

	if (bad)
		die(file, line, bad);
	if (mem_check(th.env.mem))
		die(file, line, "the allocator's lists are broken");
}

/* ---- flags as tcpdump writes them ---- */

static const char flag_letters[] = "FSRP.UEWe";

static uint16_t flags_of(const char *text)
{
	uint16_t flags = 0;

	for (; *text; text++)
		flags |= (uint16_t)(1u << (strchr(flag_letters, *text) - flag_letters));
	return flags;
}

static const char *flags_text(uint16_t flags, char *text)
{
	char *p = text;

	for (int i = 0; i < 9; i++)
		if (flags & 1u << i)
			*p++ = flag_letters[i];
	*p = '\0';
	return text;
}

/* ---- what the core sends ---- */

/* The path's MTU, or what probes it. */
static uint32_t largest(void)
{
	return th.c->mtu_state == TCP_MTU_PROBING ? tcp_cold_peek(th.c)->plpmtud.probe_mtu : th.c->path_mtu;
}

/* What every segment of ours must hold to, whatever the test is about. */
static const char *check_segment(const struct tcp_seg *s)
{
	struct tcp_opts o;
	uint32_t at = s->seq + !!(s->flags & TCP_SYN) - TH_ISS, left = s->len,
		 header = th.c->flags & TCP_F_V6 ? 60 : 40;
	uint32_t scale = s->flags & TCP_SYN ? 0 : th.c->rcv_wscale, edge = s->ack + ((uint32_t)s->wnd << scale);

	if (s->opt_len % 4 || s->opt_len > TCP_OPT_MAX)
		return "options not padded to words";
	tcp_options_parse(s->opt, s->opt_len, &o);
	if (o.present & TCP_OPT_BAD)
		return "our own options are malformed";
	if (!(s->flags & TCP_SYN) && o.present & (TCP_OPT_MSS | TCP_OPT_WSCALE | TCP_OPT_SACK_OK))
		return "an option of SYN on another segment (MUST-65)";
	if (!(s->flags & TCP_SYN) && !!(o.present & TCP_OPT_TS) != !!(th.c->flags & TCP_F_TS))
		return "timestamps not as agreed";
	if (o.nsack && !(th.c->flags & TCP_F_SACK))
		return "SACK not agreed";
	if (header + s->opt_len + s->len > largest())
		return "larger than the path's MTU";
	if (s->len > th.c->peer_mss)
		return "larger than the peer's MSS";
	for (uint32_t i = 0; i < s->nspans; left -= s->span[i++].len)
		for (uint32_t k = 0; k < s->span[i].len; k++)
			if (s->span[i].data[k] != pattern(at++))
				return "wrong bytes";
	if (left)
		return "the pieces do not add up to the length";
	if (s->flags & TCP_URG && !s->urg)
		return "URG without a pointer";
	if (s->flags & TCP_ACK && !(s->flags & TCP_RST)) {
		if (th.have_edge && seq_lt(edge + (1u << scale) - 1, th.edge))
			return "the window shrank";
		if (!th.have_edge || seq_gt(edge, th.edge))
			th.edge = edge;
		th.have_edge = true;
	}
	return NULL;
}

/* PSH that ends a part of a burst depends on cwnd and round-trip time: most scripts are not about that. */
static void hide_parts(struct tcp_seg *s)
{
	uint32_t psh = tcp_cold_peek(th.c)->snd_psh;

	if (!th.parts && !(s->flags & TCP_SYN) && !(seq_gt(psh, s->seq) && seq_leq(psh, s->seq + s->len)))
		s->flags &= (uint16_t)~TCP_PSH;
}

/* Everything that is due now moves to the list of what was made. */
static void make(const char *file, int line, uint32_t max)
{
	while (max--) {
		struct tcp_seg seg;
		bool pending = tcp_output_pending(th.c);
		const char *bad;

		memset(&seg, 0xa5, sizeof(seg));
		if (!tcp_output(&th.env, th.c, &seg, th.now)) {
			th_check(file, line);
			return;
		}
		if (!pending)
			die(file, line, "tcp_output_pending() denied a segment");
		th_check(file, line);
		bad = check_segment(&seg);
		if (bad)
			die(file, line, bad);
		if (th.made_count == TH_QUEUE)
			die(file, line, "too many segments");
		hide_parts(&seg);
		th.made[(th.made_head + th.made_count++) % TH_QUEUE] = (struct th_made){ .seg = seg, .at_ns = th.now };
	}
}

void th_out(const char *file, int line, const char *flags, uint32_t seq, uint32_t ack, uint32_t len)
{
	struct tcp_seg *s = &th.last;
	uint32_t want = flags_of(flags) & TCP_ACK ? ack + TH_IRS : ack;
	char text[10];

	if (!th.made_count)
		make(file, line, 1);
	if (!th.made_count) {
		print_error("expected [%s] seq %u ack %u len %u\n", flags, seq, ack, len);
		die(file, line, "no segment came");
	}
	*s = th.made[th.made_head].seg;
	th.last_ns = th.made[th.made_head].at_ns;
	th.made_head = (th.made_head + 1) % TH_QUEUE;
	th.made_count--;
	tcp_options_parse(s->opt, s->opt_len, &th.opts);
	if (s->flags == flags_of(flags) && s->seq - TH_ISS == seq && s->ack == want && s->len == len)
		return;
	print_error("expected [%s] seq %u ack %u len %u\n", flags, seq, ack, len);
	print_error("got      [%s] seq %u ack %u len %u\n", flags_text(s->flags, text), s->seq - TH_ISS,
		    s->flags & TCP_ACK ? s->ack - TH_IRS : s->ack, s->len);
	die(file, line, "another segment than expected");
}

void th_no_out(const char *file, int line)
{
	const struct tcp_seg *s = &th.made[th.made_head].seg;
	char text[10];

	if (!th.made_count)
		make(file, line, 1);
	if (!th.made_count)
		return;
	print_error("got [%s] seq %u ack %u len %u\n", flags_text(s->flags, text), s->seq - TH_ISS, s->ack - TH_IRS,
		    s->len);
	die(file, line, "a segment where none is due");
}

void th_out_full(const char *file, int line, uint32_t n, uint32_t seq, uint32_t ack)
{
	while (n--) {
		th_out(file, line, th.made_count || tcp_unsent(th.c) > th.c->mss ? "." : "P.", seq, ack, th.c->mss);
		seq += th.c->mss;
	}
	th_no_out(file, line);
}

void th_interactive(void)
{
	tcp_cold(th.c)->acks =
		(struct tcp_acks){ .begun = true, .interactive = true, .data_ms = (uint32_t)(th.now / TH_MS) };
}

void th_drain(void)
{
	make(__FILE__, __LINE__, TH_QUEUE);
	th.made_count = 0;
}

/* ---- what the peer sends ---- */

static void peer_options(struct tcp_seg *s)
{
	bool syn = s->flags & TCP_SYN;

	s->opts = th.once;
	memset(&th.once, 0, sizeof(th.once));
	if (th.ts && !th.no_ts && !(s->flags & TCP_RST)) {
		s->opts.present |= TCP_OPT_TS;
		s->opts.tsval = th.tsval;
		s->opts.tsecr = th.opts.present & TCP_OPT_TS ? th.opts.tsval : 0;
	}
	th.no_ts = false;
	if (!syn)
		return;
	if (th.mss)
		s->opts.present |= TCP_OPT_MSS;
	s->opts.mss = th.mss;
	if (th.wscale >= 0)
		s->opts.present |= TCP_OPT_WSCALE;
	s->opts.wscale = (uint8_t)th.wscale;
	if (th.sack)
		s->opts.present |= TCP_OPT_SACK_OK;
}

static void peer_segment(struct tcp_seg *s, const char *flags, uint32_t seq, uint32_t ack, uint32_t len)
{
	static uint8_t text[70000];
	uint32_t cut = len / 3;

	for (uint32_t i = 0; i < len; i++)
		text[i] = pattern(seq + i);
	memset(s, 0, sizeof(*s));
	s->flags = flags_of(flags);
	s->seq = seq + TH_IRS;
	s->ack = s->flags & TCP_ACK ? ack + TH_ISS : 0;
	s->wnd = (uint16_t)th.wnd;
	s->urg = (uint16_t)th.urg;
	s->tclass = th.tclass;
	th.tclass = 0;
	s->len = len;
	if (len) { /* in two pieces, as from several buffers */
		s->nspans = 2;
		s->span[0] = (struct tcp_span){ text, cut };
		s->span[1] = (struct tcp_span){ text + cut, len - cut };
	}
	if (len && th.one_piece) {
		s->nspans = 1;
		s->span[0] = (struct tcp_span){ text, len };
	}
	peer_options(s);
}

static struct tcp_seg th_last_in;

void th_in(const char *file, int line, const char *flags, uint32_t seq, uint32_t ack, uint32_t len)
{
	peer_segment(&th_last_in, flags, seq, ack, len);
	th.verdict = tcp_input(&th.env, th.c, &th_last_in, th.now);
	th_check(file, line);
}

void th_rst_reply(const char *file, int line, const char *flags, uint32_t seq, uint32_t ack)
{
	struct tcp_seg s;
	uint32_t want = flags_of(flags) & TCP_ACK ? ack + TH_IRS : 0;

	memset(&s, 0xa5, sizeof(s));
	if (th.verdict != TCP_REPLY_RST || !tcp_reset_reply(&th_last_in, &s))
		die(file, line, "no RST in reply");
	_assert_int_equal(s.flags, flags_of(flags), file, line);
	_assert_int_equal(s.seq, flags_of(flags) & TCP_ACK ? seq : seq + TH_ISS, file, line);
	_assert_int_equal(s.ack, want, file, line);
	_assert_int_equal(s.len | s.opt_len | s.nspans, 0, file, line);
}

void th_sack(uint32_t start, uint32_t end)
{
	th.once.present |= TCP_OPT_SACK;
	th.once.sack[th.once.nsack++] = (struct tcp_range){ start + TH_ISS, end + TH_ISS };
}

void th_sack_is(const char *file, int line, uint32_t i, uint32_t start, uint32_t end)
{
	_assert_true(i < th.opts.nsack, "as many SACK blocks", file, line);
	_assert_int_equal(th.opts.sack[i].start - TH_IRS, start, file, line);
	_assert_int_equal(th.opts.sack[i].end - TH_IRS, end, file, line);
}

/* ---- the application ---- */

void th_put(const char *file, int line, uint32_t len, bool more, bool urgent)
{
	uint8_t *buf = malloc(len ? len : 1);
	int64_t n;

	for (uint32_t i = 0; i < len; i++)
		buf[i] = pattern(th.wrote + 1 + i);
	n = tcp_send(&th.env, th.c, buf, len, more, urgent);
	free(buf);
	_assert_int_equal(n, len, file, line);
	th.wrote += len;
	th_check(file, line);
}

void th_get(const char *file, int line, uint32_t len)
{
	uint8_t *buf = malloc(len ? len : 1);
	int64_t n = tcp_recv(&th.env, th.c, buf, len);

	for (int64_t i = 0; i < n; i++)
		if (buf[i] != pattern(th.read + 1 + (uint32_t)i))
			die(file, line, "wrong bytes received");
	free(buf);
	_assert_int_equal(n, len, file, line);
	th.read += len;
	th_check(file, line);
}

uint32_t th_events(void)
{
	uint32_t e = th.c->events;

	th.c->events = 0;
	return e;
}

/* ---- time ---- */

void th_advance(uint64_t ms)
{
	uint64_t until = th.now + ms * TH_MS, start = th.now;
	uint32_t guard = 0;

	make(__FILE__, __LINE__, TH_QUEUE);
	while (tcp_deadline(th.c) <= until) {
		uint64_t at = tcp_deadline(th.c);

		th.now = at > th.now ? at : th.now;
		tcp_expire(&th.env, th.c, th.now);
		th_check(__FILE__, __LINE__);
		make(__FILE__, __LINE__, TH_QUEUE);
		if (++guard > 100000)
			die(__FILE__, __LINE__, "a deadline that does not move");
	}
	th.now = until;
	th.tsval += (uint32_t)((until - start) / TH_MS);
}

void th_state(const char *file, int line, enum tcp_state state)
{
	if (th.c->state != state)
		print_error("expected state %s\n", tcp_state_name(state));
	_assert_int_equal(th.c->state, state, file, line);
}

/* ---- opening and closing ---- */

void th_connect(void)
{
	tcp_connect(&th.env, th.c, &th.open, th.now);
	th_check(__FILE__, __LINE__);
}

void th_listen(void)
{
	struct tcp_seg syn;

	peer_segment(&syn, th.syn ? th.syn : "S", 0, 0, 0);
	assert_int_equal(tcp_listen_input(&th.env, &syn), TCP_LISTEN_SYN);
	tcp_accept_syn(&th.env, th.c, &th.open, &syn, th.now);
	th_check(__FILE__, __LINE__);
}

void th_active(void)
{
	th_connect();
	out("S", 0, 0, 0);
	advance(1); /* an RTT of 1 ms: the RTO becomes 200 ms */
	in("S.", 0, 1, 0);
	out(".", 1, 1, 0);
	no_out();
	state_is(TCP_ESTABLISHED);
	th.c->events = 0;
}

void th_passive(void)
{
	th_listen();
	out("S.", 0, 1, 0);
	advance(1);
	in(".", 1, 1, 0);
	no_out();
	state_is(TCP_ESTABLISHED);
	th.c->events = 0;
}

void th_modern(void)
{
	th.ts = th.sack = true;
	th.wscale = 7;
	th_active();
}

static void close_ours(void)
{
	assert_int_equal(tcp_shutdown(&th.env, th.c, th.now), 0);
	out("F.", 1, th.c->rcv_nxt - TH_IRS, 0);
}

void th_goto(enum tcp_state state)
{
	if (state == TCP_SYN_SENT) {
		th_connect();
		out("S", 0, 0, 0);
		return;
	}
	if (state == TCP_SYN_RECEIVED) {
		th_listen();
		out("S.", 0, 1, 0);
		return;
	}
	th_active();
	if (state == TCP_CLOSE_WAIT || state == TCP_LAST_ACK) {
		in("F.", 1, 1, 0);
		out(".", 1, 2, 0);
	}
	if (state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT && state != TCP_CLOSED)
		close_ours();
	if (state == TCP_CLOSING || state == TCP_TIME_WAIT) {
		in("F.", 1, 1, 0);
		out(".", 2, 2, 0);
	}
	if (state == TCP_FIN_WAIT_2)
		in(".", 1, 2, 0);
	if (state == TCP_TIME_WAIT)
		in(".", 2, 2, 0);
	if (state == TCP_CLOSED)
		tcp_abort(&th.env, th.c, ECONNABORTED);
	th_drain();
	state_is(state);
}

uint32_t th_peer_next(void)
{
	return th.c->rcv_nxt - TH_IRS;
}

uint32_t th_our_next(void)
{
	return th.c->snd_nxt - TH_ISS;
}
