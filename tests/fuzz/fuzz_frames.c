// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fuzz_frames.c - a whole engine over a port in memory: a listener, two connections that
 * a scripted handshake has set up (IPv4 and IPv6), small pools so that all of them run
 * out. The input is a sequence of steps: frames (raw ones, segments near a connection's
 * sequence numbers, ICMP errors that quote what was sent, old frames changed), in pieces
 * of any size, with metadata or without; calls of the application; news from the host;
 * time.
 *
 * What must hold: engine_check() after each turn; every frame sent is well-formed and
 * fits the link; frames in the engine's hands are not read outside their bytes (the rest
 * of their chunks is poisoned); in the end, when all is closed and time has passed,
 * connections, buffers, frames and ports are all back.
 *
 * Input: byte 0 the configuration (enum start), bytes 1 and 2 the options of the two
 * handshakes, then steps.
 */
#include <errno.h>
#include "engine/engine.h"
#include "frame.h"
#include "fuzz.h"
#include "lib/addr.h"
#include "poison.h"
#include "sign.h"

#define CHUNKS 96u
#define MTU 1500u
#define PORT 7 /* of the listener, and the next ones */
#define PEERS 4
#define HANDLES 8
#define IDS_START 0x11 /* KeyID and RNextKeyID in the handshakes that are scripted */
#define TURNS_MAX 20000

enum start {
	START_FIXED_ISN = 1,
	START_PARTIAL = 2,
	START_NO_FLOWS = 4,
	START_SMALL_MEM = 8,
	START_ABORT = 16,
	START_SIGNED = 32,   /* MD5 signatures with the first peer */
	START_FASTOPEN = 64, /* the listener takes text with SYNs */
	START_AO = 128,	     /* TCP-AO: keys for all peers, and every segment of theirs is signed, some wrongly */
};

/* What one four-tuple's peer knows from the wire. */
struct peer {
	struct frame_ends ends; /* from it to us */
	uint32_t next;		/* the number we expect of it */
	uint32_t una;		/* behind the last that we sent */
	uint32_t tsval;		/* ours, last seen */
	uint32_t isn, our_isn;	/* of the last SYNs */
	bool ts;
	bool sig;
};

static struct {
	struct engine *e;
	struct simport port;
	struct io_port_ops ops; /* the port's, but for release */
	struct xtcp_addr own[2];
	struct peer peer[PEERS];
	uint64_t now;
	uint64_t handle[HANDLES], listener[2];
	uint32_t handles, listeners;
	uint8_t reserved[2][XTCP_PORTS / 8];
	uint32_t reservations;
	uint16_t next_port;
	int neigh; /* what the host says of neighbours: 0 or -errno */
	uint32_t route_mtu;
	bool no_route, gone, ao;
	struct tcp_cookie cookie; /* the last that the engine gave */
	struct frame sent, last;  /* the last from the engine, and to it */
} f;

static struct xtcp_flow flows[XTCP_FLOWS];
static const char key[] = "key";
static const uint8_t peer_mac[6] = { 2, 0, 0, 0, 0, 2 }, own_mac[6] = { 2, 0, 0, 0, 0, 1 };

/* ---- the host ---- */

static int host_route(void *host, const struct xtcp_addr *dst, const struct xtcp_addr *src, struct host_route *out)
{
	bool v6 = !addr_is_v4(dst);

	(void)host;
	if (f.no_route || (src && !addr_eq(src, &f.own[v6])))
		return -ENETUNREACH;
	memset(out, 0, sizeof(*out));
	out->src = f.own[v6];
	out->next_hop = *dst;
	out->mtu = f.route_mtu;
	return 0;
}

static int host_neigh(void *host, const struct xtcp_addr *next_hop, uint8_t mac[6])
{
	(void)host;
	(void)next_hop;
	memcpy(mac, peer_mac, 6);
	return f.neigh;
}

static int host_reserve(void *host, const struct xtcp_addr *addr, uint16_t port)
{
	uint8_t *map = f.reserved[!addr_is_v4(addr)];

	(void)host;
	if (!port)
		port = f.next_port++;
	if (map[port / 8] & 1 << port % 8)
		return -EADDRINUSE;
	map[port / 8] |= (uint8_t)(1 << port % 8);
	f.reservations++;
	return port;
}

static void host_release(void *host, const struct xtcp_addr *addr, uint16_t port)
{
	uint8_t *map = f.reserved[!addr_is_v4(addr)];

	(void)host;
	fuzz_check(map[port / 8] & 1 << port % 8);
	map[port / 8] &= (uint8_t) ~(1 << port % 8);
	f.reservations--;
}

static void host_steer(void *host, uint32_t addr_index, uint16_t port, bool owned, bool listening)
{
	(void)host;
	(void)port;
	fuzz_check(addr_index < XTCP_MAX_ADDRS && owned >= listening);
}

static const struct host_ops host_ops = {
	.route = host_route,
	.neigh = host_neigh,
	.reserve = host_reserve,
	.release = host_release,
	.steer = host_steer,
};

/* ---- frames out ---- */

static void learn(const struct wire_ip *ip, const struct wire_tcp *tcp)
{
	uint32_t len = tcp->payload_len + !!(tcp->flags & WIRE_SYN) + !!(tcp->flags & WIRE_FIN);

	for (int i = 0; i < PEERS; i++) {
		struct peer *p = &f.peer[i];

		if (!addr_eq(&p->ends.from, &ip->daddr) || p->ends.sport != wire_swap16(tcp->dport))
			continue;
		if (tcp->flags & WIRE_SYN || p->ends.dport == wire_swap16(tcp->sport)) {
			p->ends.dport = wire_swap16(tcp->sport);
			p->una = tcp->seq + len;
			if (tcp->flags & WIRE_SYN)
				p->our_isn = tcp->seq;
			if (tcp->flags & WIRE_ACK)
				p->next = tcp->ack;
		}
	}
}

static void carry(void *arg, uint8_t *data, uint32_t len)
{
	struct wire_ip ip;
	struct wire_tcp tcp;
	const char *wrong = frame_wrong(data, len, MTU, &ip, &tcp);
	struct tcp_opts opts;

	(void)arg;
	if (wrong)
		fuzz_die("a frame of %u bytes %s", len, wrong);
	fuzz_trace("%12.3f ms <- port %u flags %02x seq %u ack %u wnd %u len %u\n", (double)f.now / 1e6,
		   wire_swap16(tcp.dport), tcp.flags, tcp.seq, tcp.ack, tcp.wnd, tcp.payload_len);
	f.sent.len = 0;
	frame_add(&f.sent, data, len);
	learn(&ip, &tcp);
	tcp_options_parse(data + ip.l4_off + 20, tcp.doff - 20u, &opts);
	if (opts.present & TCP_OPT_FASTOPEN)
		f.cookie = opts.cookie;
}

/* ---- frames in ---- */

/* Hand f.last over as the next bytes say. */
static void give(struct bytes *b)
{
	uint8_t how = take8(b);
	struct xtcp_meta meta = { .magic = 0 };
	uint32_t piece = 0;

	if (how & 1)
		piece = how & 2 ? 1u + take8(b) : 54;
	if (how & 4) {
		meta.flags = take8(b) & 31;
		meta.conn_hint = how & 8 ? take32(b) : how >> 5;
		meta.l3_off = how & 16 ? take16(b) : 14;
		meta.l4_off = how & 16 ? take16(b) : 34;
		meta.payload_off = 54;
	}
	poison_deliver(&f.port, f.last.data, f.last.len, piece, how & 4 ? &meta : NULL);
}

static uint32_t put_options(uint8_t opt[TCP_OPT_MAX], uint8_t kind, const struct peer *p)
{
	uint32_t ts[2] = { wire_swap32((uint32_t)(f.now >> 20) + (kind >> 5)), wire_swap32(p->tsval) };
	uint32_t n = 0;

	if (kind & 1) {
		memcpy(opt, (uint8_t[4]){ 1, 1, 8, 10 }, 4);
		memcpy(opt + 4, ts, 8);
		n = 12;
	}
	if (kind & 2) {
		memcpy(opt + n, (uint8_t[12]){ 2, 4, 5, 0xb4, 1, 3, 3, 7, 1, 1, 4, 2 }, 12);
		n += 12;
	}
	if (p->sig) { /* the digest comes with frame_sign(); it leaves no room for both */
		n = n > 12 ? 12 : n;
		memcpy(opt + n, (uint8_t[20]){ 1, 1, 19, 18 }, 20);
		n += 20;
	} else if (kind & 4 && !f.ao && n + 2u + f.cookie.len <= TCP_OPT_MAX) {
		opt[n++] = 34;
		opt[n++] = (uint8_t)(2 + f.cookie.len);
		memcpy(opt + n, f.cookie.b, f.cookie.len);
		n += f.cookie.len;
	}
	return n;
}

/* f.last is complete but for its signature and its sums. ids: KeyID and RNextKeyID. */
static void seal(const struct peer *p, uint8_t ids, bool sign)
{
	if (f.ao)
		sign_ao(&f.last, &p->ends, p->isn, p->our_isn, ids % SIGN_KEYS);
	else if (p->sig && sign)
		frame_sign(&f.last, key, 3);
	frame_seal(&f.last);
}

static void tcp_frame(struct peer *p, uint8_t flags, uint32_t seq, uint32_t ack, uint16_t wnd, uint8_t options,
		      uint8_t ids)
{
	uint8_t opt[TCP_OPT_MAX];
	uint32_t n = put_options(opt, options, p);

	if (flags & WIRE_SYN)
		p->isn = seq;
	if (f.ao)
		n = sign_put_option(opt, n, ids % SIGN_KEYS, ids >> 4);
	frame_begin(&f.last, &p->ends, WIRE_IPPROTO_TCP, options & 16 ? 3 : 0);
	frame_add_tcp(&f.last, &p->ends, seq, ack, flags, wnd, options & 8 ? 5 : 0, opt, n);
}

/* A segment near what the four-tuple expects. */
static void segment(struct bytes *b)
{
	uint8_t who = take8(b), how = take8(b), flags = take8(b), options, ids = f.ao ? take8(b) : 0;
	struct peer *p = &f.peer[who % PEERS];
	uint32_t seq = p->next, ack = p->una;

	if (who & 0x10)
		p->ends.dport = PORT + (who >> 6);
	seq += (uint32_t)(int32_t)(int16_t)(how & 1 ? take16(b) : how & 2 ? take8(b) - 128 : 0);
	ack += (uint32_t)(int32_t)(int16_t)(how & 4 ? take16(b) : how & 8 ? take8(b) - 128 : 0);
	options = how & 16 ? take8(b) : p->ts;
	tcp_frame(p, flags, seq, ack, how & 32 ? take16(b) : 65535, options, ids);
	if (how & 64)
		for (uint32_t i = take16(b) % 4096, k = 0; k < i; k++)
			frame_add8(&f.last, fuzz_pattern(seq + k));
	seal(p, ids, !(how & 128));
	give(b);
}

static void raw(struct bytes *b)
{
	uint8_t how = take8(b);
	size_t n = how & 1 ? take16(b) : take8(b), len;
	uint8_t *data = take_copy(b, n, &len);

	f.last.len = 0;
	frame_add(&f.last, data, (uint32_t)len);
	free(data);
	if (how & 2)
		frame_seal_sums(&f.last);
	give(b);
}

/* An error that quotes the last frame that the engine sent. */
static void icmp(struct bytes *b)
{
	uint8_t how = take8(b), type = take8(b);
	struct wire_ip ip;
	struct frame_ends ends;
	uint32_t quoted;

	if (wire_parse_ip(f.sent.data, f.sent.data + f.sent.len, f.sent.len, &ip) != WIRE_OK)
		return;
	ends = (struct frame_ends){ .from = ip.daddr, .to = ip.saddr };
	frame_begin(&f.last, &ends, ip.family == WIRE_IP4 ? WIRE_IPPROTO_ICMP : WIRE_IPPROTO_ICMPV6, 0);
	frame_add8(&f.last, type & 0x80 ? take8(b) : ip.family == WIRE_IP4 ? 3 : 2);
	frame_add8(&f.last, type & 0x80 ? type & 15 : ip.family == WIRE_IP4 ? 4 : 0);
	frame_add16(&f.last, 0);
	frame_add32(&f.last, how & 2 ? take32(b) : take16(b));
	quoted = f.sent.len - ip.l3_off;
	if (how & 4 && quoted > (uint32_t)take8(b))
		quoted = 28;
	frame_add(&f.last, f.sent.data + ip.l3_off, quoted);
	if (how & 8 && f.last.len > 0)
		f.last.data[f.last.len - quoted + take8(b) % quoted] ^= take8(b);
	frame_seal(&f.last);
	give(b);
}

/* The last frame again, from one side or the other, changed here and there. */
static void again(struct bytes *b)
{
	uint8_t how = take8(b);
	uint32_t at;

	if (how & 1)
		f.last = f.sent;
	if (how & 2 && f.last.len > 2) {
		at = take16(b);
		f.last.len = at < f.last.len ? at : f.last.len;
	}
	for (int i = how >> 2 & 7; i > 0 && f.last.len; i--) {
		at = take8(b) % f.last.len;
		f.last.data[at] = take8(b);
	}
	if (how & 32)
		frame_seal_sums(&f.last);
	if (f.last.len)
		give(b);
}

/* ---- the application ---- */

static void remember(uint64_t h)
{
	f.handle[f.handles++ % HANDLES] = h;
}

static void app_data(struct tcp_conn *c, struct bytes *b, bool out)
{
	static uint8_t buf[65536];
	struct tcp_env *env = engine_env(f.e);
	size_t len = take16(b);
	struct tcp_span span[2];
	int64_t n;

	if (out) {
		tcp_send(env, c, buf, len, len & 1, len & 2);
	} else if (len & 1) {
		tcp_recv(env, c, buf, len);
	} else {
		n = tcp_peek(env, c, span);
		if (n > 0)
			tcp_consume(env, c, (size_t)n < len ? (size_t)n : len);
	}
}

static void app_option(struct tcp_conn *c, struct bytes *b)
{
	uint8_t what = take8(b);
	uint32_t flag = what & 1 ? TCP_F_NODELAY : TCP_F_QUICKACK;

	switch (what >> 1 & 3) {
	case 0: c->flags = what & 0x80 ? c->flags | flag : c->flags & ~flag; break;
	case 1: tcp_keepalive_set(c, what & 0x80, engine_now(f.e)); break;
	case 2: c->linger_ms = (int32_t)take16(b) - 1; break;
	case 3: c->user_timeout_ms = take16(b); break;
	}
}

/* Something with a connection, if its handle is still good. */
static void app_conn(struct bytes *b, uint8_t what, uint64_t h)
{
	struct tcp_conn *c = engine_conn(f.e, h);

	if (!c) {
		fuzz_check(engine_close(f.e, h) == -EBADF);
		return;
	}
	switch (what) {
	case 0:
	case 1: app_data(c, b, true); break;
	case 2: app_data(c, b, false); break;
	case 3: app_option(c, b); break;
	case 4: tcp_shutdown(engine_env(f.e), c, engine_now(f.e)); break;
	case 5: engine_close(f.e, h); break;
	case 6: engine_abort(f.e, h); break;
	case 7: engine_set_user(f.e, h, h); break;
	}
	engine_touch(f.e, h);
}

/* Keys come and go, connections are to use others. */
static void app_ao(struct bytes *b, uint64_t h)
{
	uint8_t what = take8(b), id = (what >> 2 & 3) % SIGN_KEYS;
	struct ao_mkt m = sign_key(&f.peer[what & 3].ends.from, id);

	switch (what >> 6) {
	case 0: engine_ao_key(f.e, &m); break;
	case 1:
		m.len = 0;
		engine_ao_key(f.e, &m);
		break;
	case 2: engine_ao_select(f.e, h, what & 16 ? id : AO_ANY, what & 32 ? id : AO_ANY); break;
	case 3: engine_ao_strict(f.e, what & 16); break;
	}
}

static void app(struct bytes *b)
{
	uint8_t what = take8(b);
	const struct peer *p = &f.peer[what >> 4 & 3];
	struct engine_event ev[4];
	uint64_t h = 0;

	switch (what & 15) {
	case 8:
		if (!engine_listen(f.e, what & 16 ? &f.own[what >> 5 & 1] : NULL, (uint16_t)(PORT + (what >> 6)), 2, 2,
				   &h))
			f.listener[f.listeners++ % 2] = h;
		break;
	case 9: engine_listen_close(f.e, f.listener[what >> 4 & 1]); break;
	case 10:
		if (!engine_accept(f.e, f.listener[what >> 4 & 1], &h))
			remember(h);
		break;
	case 11:
		if (!engine_connect(f.e, &p->ends.from, p->ends.sport, NULL, what & 64 ? 9 : 0, 0, &h))
			remember(h);
		break;
	case 12:
	case 13: engine_events(f.e, ev, 1 + (what >> 4 & 3)); break;
	case 14:
		if (what >> 4 == 15)
			engine_abort_all(f.e);
		break;
	case 15:
		if (f.ao)
			app_ao(b, f.handle[(what >> 4) % HANDLES]);
		else
			engine_connect_fastopen(f.e, f.handle[(what >> 4) % HANDLES]);
		break;
	default: app_conn(b, what & 15, f.handle[(what >> 4) % HANDLES]);
	}
}

/* ---- news ---- */

static void news(struct bytes *b)
{
	uint8_t what = take8(b);
	const struct peer *p = &f.peer[what >> 4 & 3];
	bool v6 = what & 16;

	switch (what & 7) {
	case 0: engine_host_link(f.e, own_mac, what & 0x80 ? MTU : 1280u + take8(b) % 221, true); break;
	case 1: engine_host_addr(f.e, &f.own[v6], v6, !(what & 0x20)); break;
	case 2: engine_host_neigh(f.e, &p->ends.from, what & 0x80 ? NULL : peer_mac); break;
	case 3: f.neigh = what & 0x80 ? -EHOSTUNREACH : what & 0x40 ? -EAGAIN : 0; break;
	case 4:
		f.no_route = what & 0x80;
		f.route_mtu = what & 0x40 ? 1280u + take8(b) : 0;
		engine_host_routes_changed(f.e);
		break;
	case 5:
		if (what == 0xfd) {
			engine_link_gone(f.e);
			f.gone = true;
		}
		break;
	default: break;
	}
}

/* ---- time ---- */

static void turn(void)
{
	const char *wrong;
	int n = engine_turn(f.e, f.now);

	fuzz_check(n >= 0 || f.gone);
	wrong = engine_check(f.e);
	if (wrong)
		fuzz_die("%s", wrong);
	fuzz_check(!f.port.bad);
}

static void pass_time(struct bytes *b)
{
	uint8_t how = take8(b);
	uint64_t deadline = engine_deadline(f.e);

	if (how & 0x80 && deadline != TCP_NEVER)
		f.now = deadline > f.now ? deadline : f.now;
	else
		f.now += (uint64_t)(how & 15) << (8 + (how >> 4 & 7) * 4);
	turn();
}

static void step(struct bytes *b)
{
	uint8_t what = take8(b);

	fuzz_trace("%12.3f ms step %u, next %02x\n", (double)f.now / 1e6, what & 7, b->left ? *b->p : 0);
	switch (what & 7) {
	case 0:
	case 1: segment(b); break;
	case 2: raw(b); break;
	case 3: icmp(b); break;
	case 4: again(b); break;
	case 5: app(b); break;
	case 6: news(b); break;
	case 7: pass_time(b); break;
	}
	if (!(what & 0x80))
		turn();
}

/* ---- beginning and end ---- */

static void open_engine(uint8_t how)
{
	struct engine_conf conf = {
		.max_conns = 6,
		.max_listeners = 2,
		.max_time_wait = 2,
		.max_dsts = 3,
		.buffer_bytes = how & START_SMALL_MEM ? 65536 : 1 << 20,
		.chunks = CHUNKS,
		.chunk_size = POISON_CHUNK,
		.syn_queue = 2,
		.partial_csum_ok = how & START_PARTIAL,
	};

	for (int i = 0; i < 8; i++)
		conf.seed[i] = 0x123456789abcdefull * (uint64_t)(i + 1);
	tcp_conf_default(&conf.tcp);
	conf.tcp.fixed_isn = how & START_FIXED_ISN ? INT64_C(0xfffffff0) : -1;
	conf.tcp.rcvbuf_max = conf.tcp.sndbuf_max = 100000;
	fuzz_check(!engine_create(&f.e, &conf));
	simport_open(&f.port, engine_frames(f.e), engine_area(f.e), MTU, CHUNKS / 2, CHUNKS / 3);
	f.port.send = carry;
	poison_open(&f.port, &f.ops);
	engine_attach(f.e, &f.port.port, &host_ops, NULL);
	if (!(how & START_NO_FLOWS))
		engine_set_flows(f.e, flows, 42);
	engine_host_link(f.e, own_mac, MTU, true);
	for (uint32_t i = 0; i < 2; i++)
		engine_host_addr(f.e, &f.own[i], i, true);
}

static void begin(uint8_t how)
{
	f.now = 5000 * FUZZ_S;
	f.handles = f.listeners = f.reservations = 0;
	f.neigh = 0;
	f.route_mtu = 0;
	f.no_route = f.gone = false;
	f.next_port = 40000;
	f.sent.len = f.last.len = 0;
	memset(f.handle, 0, sizeof(f.handle));
	memset(f.listener, 0, sizeof(f.listener));
	f.own[0] = addr_from_v4(htonl(0x0a090001));
	f.own[1] = addr_from_v6((uint8_t[16]){ 0xfd, 9, [15] = 1 });
	for (int i = 0; i < PEERS; i++) {
		struct peer *p = &f.peer[i];

		*p = (struct peer){ .next = 0xfffffff0u + (uint32_t)i * 3 };
		p->ends.from = addr_from_v4(htonl(0x0a090002 + (uint32_t)i));
		if (i & 1)
			p->ends.from = addr_from_v6((uint8_t[16]){ 0xfd, 9, [15] = (uint8_t)(2 + i) });
		p->ends.to = f.own[i & 1];
		p->ends.sport = (uint16_t)(5000 + i / 2);
		p->ends.dport = PORT;
	}
	f.cookie.len = 0;
	open_engine(how);
	f.ao = how & START_AO;
	for (uint8_t i = 0; f.ao && i < PEERS * SIGN_KEYS; i++) {
		struct ao_mkt m = sign_key(&f.peer[i / SIGN_KEYS].ends.from, i % SIGN_KEYS);

		fuzz_check(!engine_ao_key(f.e, &m));
	}
	f.peer[0].sig = how & START_SIGNED && !f.ao;
	if (f.peer[0].sig)
		fuzz_check(!engine_md5_key(f.e, &f.peer[0].ends.from, 128, key, 3));
}

static void hand_over(const struct peer *p)
{
	seal(p, IDS_START, true);
	poison_deliver(&f.port, f.last.data, f.last.len, 0, NULL);
	f.now += FUZZ_MS;
	turn();
}

/* Two connections, from the SYN to accept. */
static void handshakes(uint8_t how, struct bytes *b)
{
	fuzz_check(!engine_listen(f.e, NULL, PORT, 4, 4, &f.listener[0]));
	fuzz_check(!engine_listen_fastopen(f.e, f.listener[0], how & START_FASTOPEN ? 2 : 0));
	f.listeners = 1;
	for (int i = 0; i < 2; i++) {
		struct peer *p = &f.peer[i];
		uint8_t options = take8(b) & 3;
		uint64_t h;

		p->ts = options & 1;
		tcp_frame(p, WIRE_SYN, p->next, 0, 65535, options, IDS_START);
		hand_over(p);
		tcp_frame(p, WIRE_ACK, p->next, p->una, 65535, options & 1, IDS_START);
		hand_over(p);
		fuzz_check(!engine_accept(f.e, f.listener[0], &h));
		remember(h);
		fuzz_check(engine_conn(f.e, h)->state == TCP_ESTABLISHED);
	}
}

/* Let go of everything, and let time pass until nothing is left. */
static void end(uint8_t how)
{
	struct engine_counts n;

	f.neigh = 0;
	for (int i = 0; i < PEERS; i++) /* as host.h promises after -EAGAIN */
		engine_host_neigh(f.e, &f.peer[i].ends.from, peer_mac);
	for (int i = 0; i < HANDLES; i++)
		if (how & START_ABORT)
			engine_abort(f.e, f.handle[i]);
		else
			engine_close(f.e, f.handle[i]);
	engine_listen_close(f.e, f.listener[0]);
	engine_listen_close(f.e, f.listener[1]);
	for (uint32_t i = 0;; i++) {
		uint64_t deadline = engine_deadline(f.e);

		turn();
		engine_counts(f.e, &n);
		if (!n.conns && !n.time_waits && !f.port.rx_count)
			break;
		f.now = deadline != TCP_NEVER && deadline > f.now ? deadline : f.now + FUZZ_MS;
		if (i == TURNS_MAX)
			fuzz_die("%u connections and %u in TIME-WAIT will not go", n.conns, n.time_waits);
	}
	fuzz_check(!n.listeners && !n.buffer_used && !n.frames_lost);
	engine_attach(f.e, NULL, NULL, NULL);
	fuzz_check(!f.ops.lost(&f.port.port) && !f.port.port.frames->held);
	engine_destroy(f.e);
	fuzz_check(!f.reservations);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = { data, size };
	uint8_t how = take8(&b);

	if (size > 4096)
		return 0;
	begin(how);
	handshakes(how, &b);
	while (b.left)
		step(&b);
	end(how);
	return 0;
}
