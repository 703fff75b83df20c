// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * conn.c - one connection of the core under a fuzzer's hands, see conn.h. A step is a segment near the connection's
 * sequence numbers, a call of the application, an ICMP error, or time.
 */
#include "conn.h"

#include <errno.h>
#include <arpa/inet.h>
#include "xtcp/wire.h"

struct fuzz_conn t;

#define MEM_BYTES (1u << 20)
#define ROUNDS_MAX 1000
#define IDLE_MAX 50 /* rounds without progress */

static struct mem *memory;

void fuzz_conn_check(void)
{
	const char *bad = t.in_tw ? NULL : tcp_check(&t.env, &t.c);

	if (bad)
		fuzz_die("%s (state %s)", bad, tcp_state_name(t.c.state));
}

static void check_memory(void)
{
	if (mem_check(t.env.mem))
		fuzz_die("the allocator's lists are broken");
}

/* ---- what the core sends ---- */

/* A probe is larger than what is known to pass. */
static uint32_t path_mtu(void)
{
	return t.c.mtu_state == TCP_MTU_PROBING ? max_u32(t.c.path_mtu, t.cold.plpmtud.probe_mtu) : t.c.path_mtu;
}

static const char *segment_wrong(const struct tcp_seg *s)
{
	uint32_t header = t.c.flags & TCP_F_V6 ? 60 : 40, left = s->len, at = s->seq + !!(s->flags & TCP_SYN);
	struct tcp_opts o;

	if (s->opt_len % 4 || s->opt_len + t.c.sig_bytes > TCP_OPT_MAX)
		return "options not padded to words";
	tcp_options_parse(s->opt, s->opt_len, &o);
	if (o.present & TCP_OPT_BAD)
		return "malformed options";
	if (!(s->flags & TCP_SYN) && o.present & (TCP_OPT_MSS | TCP_OPT_WSCALE | TCP_OPT_SACK_OK))
		return "an option of SYN on another segment";
	if (o.nsack && !(t.c.flags & TCP_F_SACK))
		return "SACK not agreed";
	for (uint32_t i = 0; i < o.nsack; i++)
		if (seq_geq(o.sack[i].start, o.sack[i].end))
			return "an empty SACK block";
	if (header + s->opt_len + t.c.sig_bytes + s->len > path_mtu())
		return "larger than the path's MTU";
	if (s->len > t.c.peer_mss)
		return "larger than the peer's MSS";
	if (wire_flags_check(s->flags) != WIRE_FLAGS_OK)
		return "impossible flags";
	for (uint32_t i = 0; i < s->nspans; left -= s->span[i++].len)
		for (uint32_t k = 0; k < s->span[i].len; k++)
			if (s->span[i].data[k] != fuzz_pattern(at++))
				return "wrong bytes";
	if (left)
		return "the pieces do not add up to the length";
	if (o.present & TCP_OPT_TS)
		t.tsecr = o.tsval;
	return NULL;
}

static void check_edge(const struct tcp_seg *s)
{
	uint32_t scale = t.c.rcv_wscale, edge = s->ack + ((uint32_t)s->wnd << scale);

	if (!(s->flags & TCP_ACK) || s->flags & (TCP_SYN | TCP_RST)) /* that of a SYN is never scaled */
		return;
	if (t.have_edge && seq_lt(edge + (1u << scale) - 1, t.edge))
		fuzz_die("the window shrank");
	if (!t.have_edge || seq_gt(edge, t.edge))
		t.edge = edge;
	t.have_edge = true;
}

static void trace_seg(const char *way, const struct tcp_seg *s)
{
	fuzz_trace("%10.3f ms %-12s %s flags %02x seq %u ack %u wnd %u len %u opts %02x\n", (double)t.now / 1e6,
		   tcp_state_name(t.c.state), way, s->flags, s->seq - ISS, s->ack - ISS, s->wnd, s->len,
		   s->opts.present);
}

/* Up to max segments. How many were made. */
uint32_t fuzz_conn_make(uint32_t max)
{
	uint32_t n;

	for (n = 0; n < max && !t.in_tw; n++) {
		bool pending = tcp_output_pending(&t.c);
		struct tcp_seg seg;
		const char *bad;

		memset(&seg, 0xa5, sizeof(seg));
		if (!tcp_output(&t.env, &t.c, &seg, t.now)) {
			fuzz_conn_check();
			break;
		}
		fuzz_check(pending);
		fuzz_conn_check();
		bad = segment_wrong(&seg);
		if (bad)
			fuzz_die("a segment with %s (state %s)", bad, tcp_state_name(t.c.state));
		trace_seg("<-", &seg);
		check_edge(&seg);
		t.sent = seq_max(t.sent, seg.seq + tcp_seg_len(&seg));
		fuzz_check(n < LOOP_MAX);
	}
	return n;
}

/* ---- segments of the peer ---- */

/* Payload is only valid during the call, in three pieces, each of exactly its size. */
void fuzz_conn_text(struct tcp_seg *s, uint32_t len, uint8_t *piece[3])
{
	uint32_t at = s->seq + !!(s->flags & TCP_SYN);

	s->len = len;
	s->nspans = 0;
	for (uint32_t i = 0; i < 3; i++) {
		uint32_t n = i < 2 ? len / 3 : len - 2 * (len / 3);

		piece[i] = malloc(n);
		for (uint32_t k = 0; k < n; k++)
			piece[i][k] = fuzz_pattern(at++);
		if (n)
			s->span[s->nspans++] = (struct tcp_span){ piece[i], n };
	}
}

static void tw_input(const struct tcp_seg *s)
{
	struct tcp_seg out;

	memset(&out, 0xa5, sizeof(out));
	switch (tcp_tw_input(&t.env, &t.tw, s, &out, t.now)) {
	case TCP_TW_ACK: fuzz_check(out.opt_len <= TCP_OPT_MAX && out.opt_len % 4 == 0 && !out.len); break;
	case TCP_TW_DROP: break;
	default: t.gone = true; break;
	}
}

void fuzz_conn_input(struct tcp_seg *s, uint32_t len)
{
	struct tcp_seg rst;
	uint8_t *piece[3];

	if (wire_flags_check(s->flags) != WIRE_FLAGS_OK || t.gone)
		return; /* the engine drops it */
	fuzz_conn_text(s, len, piece);
	trace_seg("->", s);
	if (t.in_tw) {
		tw_input(s);
	} else if (tcp_input(&t.env, &t.c, s, t.now) == TCP_REPLY_RST) {
		memset(&rst, 0xa5, sizeof(rst));
		if (tcp_reset_reply(s, &rst))
			fuzz_check(rst.flags & TCP_RST && !(s->flags & TCP_RST));
	}
	for (int i = 0; i < 3; i++)
		free(piece[i]);
	fuzz_conn_check();
}

static void good_ts(struct tcp_seg *s)
{
	s->opts.present |= TCP_OPT_TS;
	s->opts.tsval = t.tsval + (uint32_t)(t.now >> 20);
	s->opts.tsecr = t.tsecr;
}

static void sack_blocks(struct bytes *b, struct tcp_seg *s)
{
	uint8_t n = take8(b);

	s->opts.present |= TCP_OPT_SACK;
	s->opts.nsack = n % (TCP_SACK_MAX + 1);
	for (uint32_t i = 0; i < s->opts.nsack; i++) {
		s->opts.sack[i].start = t.c.snd_una + (n & 0x80 ? take16(b) : 100u * take8(b));
		s->opts.sack[i].end = s->opts.sack[i].start + (n & 0x40 ? take16(b) : 100u * take8(b));
	}
}

void fuzz_conn_options(struct bytes *b, struct tcp_seg *s)
{
	uint8_t kind = take8(b);
	uint8_t *raw;
	size_t len;

	memset(&s->opts, 0, sizeof(s->opts));
	if (kind & 4) { /* as on the wire */
		raw = take_copy(b, kind >> 3 & 31, &len);
		tcp_options_parse(raw, len, &s->opts);
		s->opt_len = (uint8_t)((len + 3) / 4 * 4);
		free(raw);
		return;
	}
	if (kind & 8)
		sack_blocks(b, s);
	if (kind & 16) {
		s->opts.present |= TCP_OPT_MSS | TCP_OPT_WSCALE | TCP_OPT_SACK_OK;
		s->opts.mss = take16(b);
		s->opts.wscale = take8(b);
	}
	if (!(kind & 1))
		good_ts(s);
	if (kind & 2)
		s->opts.tsval += (uint32_t)(int32_t)(int16_t)take16(b);
	if (kind & 32)
		s->opts.tsecr += (uint32_t)(int32_t)(int16_t)take16(b);
}

static uint32_t near(struct bytes *b, const uint32_t *base, uint8_t kind)
{
	uint32_t at = base[kind & 3];

	switch (kind >> 2 & 3) {
	case 0: return at;
	case 1: return at + (uint32_t)(int32_t)(int8_t)take8(b);
	case 2: return at + (uint32_t)(int32_t)(int16_t)take16(b);
	default: return at + 100u * take8(b);
	}
}

static uint32_t length(struct bytes *b, uint8_t kind)
{
	switch (kind >> 6) {
	case 0: return 0;
	case 1: return take8(b);
	case 2: return 100u * take8(b);
	default: return take16(b) % 65496;
	}
}

static void segment(struct bytes *b)
{
	const uint32_t seqs[4] = { t.c.rcv_nxt, t.c.rcv_adv, t.c.irs, t.c.flags & TCP_F_FIN_SEEN ? t.c.rcv_fin : IRS };
	const uint32_t acks[4] = { t.c.snd_nxt, t.c.snd_una, t.c.high_sacked, t.c.snd_una + t.c.mss };
	struct tcp_seg s = { .flags = take8(b) };
	uint8_t seq = take8(b), ack = take8(b);

	s.seq = near(b, seqs, seq);
	s.ack = near(b, acks, ack);
	s.wnd = ack & 0x10 ? take16(b) : 65535;
	s.urg = ack & 0x20 ? take16(b) : 0;
	s.tclass = ack & 0x40 ? 3 : 0;
	s.flags |= ack & 0x80 ? TCP_AE : 0;
	fuzz_conn_options(b, &s);
	fuzz_conn_input(&s, length(b, seq));
}

/* ---- the application ---- */

static void app_send(struct bytes *b)
{
	uint8_t how = take8(b);
	size_t len = how & 4 ? take16(b) : take8(b);
	uint32_t at = t.c.sndq_seq + t.c.sndq.len;
	uint8_t *buf = malloc(len);
	struct tcp_span span[2];
	int64_t n;

	for (size_t i = 0; i < len; i++)
		buf[i] = fuzz_pattern(at + (uint32_t)i);
	if (how & 8) {
		n = tcp_reserve(&t.env, &t.c, len, span);
		for (int i = 0; i < 2 && n > 0; i++)
			for (uint32_t k = 0; k < span[i].len; k++)
				((uint8_t *)(uintptr_t)span[i].data)[k] = fuzz_pattern(at++);
		if (n > 0 && how & 16)
			n /= 2;
		if (n > 0 && tcp_commit(&t.env, &t.c, (size_t)n, how & 1, how & 2))
			fuzz_die("tcp_commit() refuses what was reserved");
	} else {
		n = tcp_send(&t.env, &t.c, buf, len, how & 1, how & 2);
	}
	free(buf);
	fuzz_check(n <= (int64_t)len);
	if (n > 0)
		t.wrote += (uint32_t)n;
}

static void app_recv(size_t len, bool peek)
{
	uint32_t at = t.c.rcv_nxt - t.c.rcvq.len - !!(t.c.flags & TCP_F_FIN_RCVD);
	uint8_t *buf = malloc(len);
	struct tcp_span span[2];
	int64_t n;

	if (peek) {
		n = tcp_peek(&t.env, &t.c, span);
		if (n > 0)
			fuzz_check(span[0].len + span[1].len == n);
		n = n > (int64_t)len ? (int64_t)len : n;
		for (int64_t i = 0; i < n; i++)
			buf[i] = i < span[0].len ? span[0].data[i] : span[1].data[i - span[0].len];
		if (n >= 0)
			fuzz_check(!tcp_consume(&t.env, &t.c, (size_t)n));
	} else {
		n = tcp_recv(&t.env, &t.c, buf, len);
	}
	fuzz_check(n <= (int64_t)len);
	for (int64_t i = 0; i < n; i++)
		if (buf[i] != fuzz_pattern(at + (uint32_t)i))
			fuzz_die("wrong bytes received");
	if (n > 0) {
		fuzz_check(at == t.c.irs + 1 + t.read);
		t.read += (uint32_t)n;
	}
	free(buf);
}

static void set_flag(uint32_t flag, bool on)
{
	t.c.flags = on ? t.c.flags | flag : t.c.flags & ~flag;
}

/* As user/api/opt.c sets them, in the ranges that it allows. */
static void app_option(struct bytes *b)
{
	uint8_t what = take8(b);

	switch (what & 7) {
	case 0: set_flag(TCP_F_NODELAY, what & 8); break;
	case 1: set_flag(TCP_F_QUICKACK, what & 8); break;
	case 2: tcp_keepalive_set(&t.c, what & 8, t.now); break;
	case 3: t.c.keepcnt = what % 127 + 1; break;
	case 4: t.c.user_timeout_ms = take16(b); break;
	case 5: t.c.linger_ms = (int32_t)take16(b) - 1; break;
	case 6: tcp_set_sndbuf(&t.c, 4096 + take16(b)); break;
	case 7:
		t.c.mss_cap = (uint16_t)(TCP_MSS_FLOOR + take16(b) % (65495 - TCP_MSS_FLOOR));
		tcp_set_path_mtu(&t.env, &t.c, t.c.path_mtu);
		break;
	}
}

static void app(struct bytes *b)
{
	uint8_t what = take8(b);

	fuzz_trace("app %u (%u)\n", what % 16, what / 16);
	if (t.c.flags & TCP_F_ORPHAN)
		return; /* let go */
	switch (what % 16) {
	case 0:
	case 1:
	case 2:
	case 3: app_send(b); break;
	case 4: app_recv(what & 16 ? 65536 : take8(b), what & 32); break;
	case 5:
	case 6: app_recv(take16(b), what & 32); break;
	case 7:
	case 8: app_option(b); break;
	case 9: tcp_shutdown(&t.env, &t.c, t.now); break;
	case 10: tcp_close(&t.env, &t.c, t.now); break;
	case 11:
		if (what & 16)
			tcp_abort(&t.env, &t.c, ECONNABORTED);
		break;
	case 12: tcp_set_path_mtu(&t.env, &t.c, max_u32(take16(b), 256)); break;
	default: t.c.events = 0; break;
	}
	fuzz_conn_check();
}

/* ---- time and the network ---- */

static void expire(void)
{
	for (int i = 0; tcp_deadline(&t.c) <= t.now && !t.in_tw; i++) {
		tcp_expire(&t.env, &t.c, t.now);
		fuzz_conn_check();
		fuzz_check(i < 16);
	}
}

static void pass_time(struct bytes *b)
{
	uint8_t how = take8(b);
	uint64_t deadline = tcp_deadline(&t.c);

	if (how & 0x80 && !t.in_tw && deadline != TCP_NEVER && deadline > t.now)
		t.now = deadline;
	else
		t.now += (uint64_t)(how & 15) << (8 + (how >> 4 & 7) * 4);
	if (how == 0x7f)
		t.now += 30ull * 86400 * FUZZ_S; /* PAWS grows old */
	expire();
}

static void icmp(struct bytes *b)
{
	uint8_t type = take8(b);
	uint32_t seq = (type & 0x80 ? t.c.snd_nxt : t.c.snd_una) + (type & 0x40 ? take16(b) : 0);

	tcp_icmp_input(&t.env, &t.c, (enum tcp_icmp)(type & 7), seq, type & 0x20 ? take32(b) : take16(b), t.now);
	fuzz_conn_check();
}

/* As the engine does when it settles a connection. */
static void settle(void)
{
	if (t.in_tw || !tcp_tw_ready(&t.c))
		return;
	tcp_tw_init(&t.env, &t.tw, &t.c, t.now);
	tcp_free(&t.env, &t.c);
	t.in_tw = true;
}

void fuzz_conn_step(struct bytes *b)
{
	uint8_t what = take8(b);

	switch (what & 7) {
	case 0:
	case 1:
	case 2: segment(b); break;
	case 3:
	case 4:
		if (!t.in_tw)
			app(b);
		break;
	case 5: pass_time(b); break;
	case 6:
		if (!t.in_tw)
			icmp(b);
		break;
	case 7: fuzz_conn_make(what >> 3); break;
	}
	if (!(what & 0x80))
		fuzz_conn_make(LOOP_MAX + 1);
	if (!(what & 0x40))
		settle();
	if (++t.steps % 16 == 0) /* it walks all of it */
		check_memory();
}

/* ---- beginning and end ---- */

void fuzz_conn_begin(uint8_t how)
{
	uint64_t bytes = how & START_SMALL_MEM ? 32768 : MEM_BYTES;
	size_t size = mem_size(MEM_BYTES);

	if (!memory)
		memory = aligned_alloc(4096, size);
	memset(&t, 0, sizeof(t));
	memset(memory, 0, mem_size(bytes) - bytes);
	t.env.mem = memory;
	mem_init(t.env.mem, bytes);
	t.env.stats = t.stats;
	tcp_conf_default(&t.env.conf);
	t.env.conf.fixed_isn = ISS;
	t.env.conf.cc = (uint8_t)(tcp_cc_name(how >> 5) ? how >> 5 : 0);
	t.env.conf.ecn = how >> 5 & 3;
	t.env.isn_key[0] = 0x0123456789abcdefull;
	t.env.ts_key[1] = 0xfedcba9876543210ull;
	t.env.conf.rcvbuf_max = how & START_V6 ? 65536 : 300000;
	t.now = 5000 * FUZZ_S;
	t.tsval = 0xffff0000u;
	t.sent = ISS;
}

void fuzz_conn_addresses(uint8_t how, struct tcp_open *o)
{
	*o = (struct tcp_open){ .lport = htons(7000), .rport = htons(40000), .path_mtu = 1500 };
	if (how & START_V6) {
		o->laddr.b[0] = o->raddr.b[0] = 0xfd;
		o->laddr.b[15] = 1;
		o->raddr.b[15] = 2;
		return;
	}
	wire_set_ip4(&o->laddr, htonl(0x0a090001));
	wire_set_ip4(&o->raddr, htonl(0x0a090002));
}

void fuzz_conn_open(uint8_t how, struct bytes *b)
{
	struct tcp_seg s = { .seq = IRS, .wnd = 65535 };
	struct tcp_open o;
	uint8_t *piece[3];

	fuzz_conn_addresses(how, &o);
	tcp_cold_place(&t.c, &t.cold);
	fuzz_conn_options(b, &s);
	s.flags = (uint16_t)(TCP_SYN | (how & 0x40 ? TCP_ECE | TCP_CWR : 0) | (how & 0x80 ? TCP_AE : 0));
	if (how & START_PASSIVE) {
		fuzz_conn_text(&s, how & START_RAW ? take8(b) : 0, piece);
		fuzz_check(tcp_listen_input(&t.env, &s) == TCP_LISTEN_SYN);
		tcp_accept_syn(&t.env, &t.c, &o, &s, t.now);
		for (int i = 0; i < 3; i++)
			free(piece[i]);
	} else {
		tcp_connect(&t.env, &t.c, &o, t.now);
	}
	fuzz_conn_check();
	if (how & START_RAW)
		return;
	fuzz_conn_make(LOOP_MAX + 1);
	t.now += FUZZ_MS;
	s.flags |= TCP_ACK;
	s.ack = ISS + 1;
	if (how & START_PASSIVE) {
		s.flags = TCP_ACK;
		s.seq++;
	}
	fuzz_conn_input(&s, 0);
	fuzz_conn_make(LOOP_MAX + 1);
	fuzz_check(t.c.state == TCP_ESTABLISHED);
}

/* One segment of a peer that has everything we sent and sends what we lack. */
static void polite_segment(void)
{
	struct tcp_seg s = { .seq = t.c.rcv_nxt, .ack = seq_max(t.c.snd_nxt, t.sent), .wnd = 65535, .flags = TCP_ACK };
	uint32_t len = min_u32(t.c.rcv_adv - t.c.rcv_nxt, 1000);

	if (t.c.flags & TCP_F_FIN_RCVD)
		len = 0;
	else if (t.c.flags & TCP_F_FIN_SEEN && t.c.rcv_fin - t.c.rcv_nxt <= len) {
		len = t.c.rcv_fin - t.c.rcv_nxt;
		s.flags |= TCP_FIN;
	}
	if (t.c.state == TCP_SYN_SENT || (t.c.state == TCP_SYN_RECEIVED && !(t.c.flags & TCP_F_PASSIVE))) {
		s.flags |= TCP_SYN;
		s.seq = t.c.state == TCP_SYN_SENT ? IRS : t.c.irs;
		len = 0;
	}
	if (t.c.flags & TCP_F_TS) {
		s.opts.present = TCP_OPT_TS;
		s.opts.tsval = t.c.ts_recent + 1;
		s.opts.tsecr = t.tsecr;
	}
	fuzz_conn_input(&s, len);
}

static bool all_through(void)
{
	if (t.in_tw || t.c.state == TCP_CLOSED || t.c.state == TCP_TIME_WAIT)
		return true;
	return t.c.state >= TCP_ESTABLISHED && !t.c.sndq.len && !t.c.recs.count && !t.c.ooo_count &&
	       (!(t.c.flags & TCP_F_FIN_QUEUED) || t.c.flags & TCP_F_FIN_SENT) && t.c.rcv_adv != t.c.rcv_nxt;
}

/*
 * From now on the peer and the application behave: nothing may be stuck. Without memory for records it may be slow, a byte
 * for each probe (output.c), so that not all need be through in the end.
 */
void fuzz_conn_polite_end(void)
{
	uint32_t sent = 0, received = 0;

	for (uint32_t i = 0, last = 0; !all_through() && i < ROUNDS_MAX; i++) {
		uint64_t deadline;

		fuzz_conn_make(LOOP_MAX + 1);
		polite_segment();
		fuzz_conn_make(LOOP_MAX + 1);
		if (!(t.c.flags & TCP_F_ORPHAN))
			app_recv(1 << 20, false);
		fuzz_conn_make(LOOP_MAX + 1);
		deadline = tcp_deadline(&t.c);
		t.now = deadline != TCP_NEVER && deadline > t.now ? deadline : t.now + FUZZ_MS;
		expire();
		if (t.c.snd_una != sent || t.c.rcv_nxt != received)
			last = i;
		sent = t.c.snd_una;
		received = t.c.rcv_nxt;
		if (i - last > IDLE_MAX)
			fuzz_die("stuck in state %s: %u to send, %u in flight, %u ranges", tcp_state_name(t.c.state),
				 t.c.sndq.len, t.c.snd_nxt - t.c.snd_una, t.c.ooo_count);
	}
}

void fuzz_conn_end(void)
{
	if (!t.in_tw) {
		tcp_abort(&t.env, &t.c, ECONNABORTED);
		fuzz_conn_make(LOOP_MAX + 1);
		fuzz_check(t.c.state == TCP_CLOSED);
		tcp_free(&t.env, &t.c);
	}
	check_memory();
	fuzz_check(t.env.mem->used == 0);
}
