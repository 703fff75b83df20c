// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * raw_xsk.c - the limit of the path: frames over AF_XDP without any protocol,
 * in the pattern in which xtcp would send the same payload. A payload of --size
 * bytes travels in a frame of size + 66 bytes (Ethernet, IPv4, TCP, timestamps; 86 if --addr is IPv6),
 * in several descriptors where it is longer than a chunk.
 *
 *   echo     sends each frame back             ping    keeps --conns frames in flight, measures round trips
 *   sink     measures frames received          source  sends as fast as the ring takes them
 *   answer   the other end of crr              crr     --conns exchanges at once: connect, request, answer, close
 *   drain    sink of the kernel's own frames: IP instead of our ethertype (kernel_tcp feed)
 *   tcp      echo of the kernel's TCP over IPv4, without connections (raw_tcp.h): the limit of any server's on AF_XDP
 *
 * An exchange of crr is the seven frames that TCP cannot do without, with SYN, data and FIN in frames of the length
 * that xtcp would send: SYN, SYN-ACK, request (and ACK), answer, FIN, FIN, ACK.
 *
 * All spin. The XDP program redirects one ethertype only. Nothing looks at the payload or copies it: what a stack
 * does beyond this loop is what it costs.
 */
#include "bench.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sys/mman.h>
#include <xdp/xsk.h>
#include "io/xdp_uapi.h"
#include "raw_tcp.h"

#ifndef BPF_F_XDP_HAS_FRAGS
#define BPF_F_XDP_HAS_FRAGS (1u << 5)
#endif

#define CHUNK 4096u
#define CHUNKS 8192u
#define RING 2048u
#define BURST 64u
#define HEADERS 66u	   /* of a segment over IPv4 with timestamps, bytes; over IPv6 20 more */
#define ETHERTYPE 0x88b5u  /* for local experiments (IEEE 802) */
#define MAX_DESCS 18u	   /* of one frame */
#define LOST_NS 200000000u /* ping, crr: no frame came for so long: those in flight are lost */
#define SYN_OPTIONS 8u	   /* that the SYN and its answer have besides timestamps, bytes */

/* What follows the Ethernet header. */
struct stamp {
	uint64_t sent_ns;
	uint64_t
		era; /* ping: frames of an earlier era came late after all, and are not sent again; crr: and enum step */
};

enum step { SYN, SYN_ACK, REQUEST, ANSWER, FIN, FIN_BACK, LAST_ACK, STEPS };

struct raw {
	const struct bench *b;
	uint32_t frame_len, descs; /* of each frame sent */
	uint8_t *area;
	struct xsk_umem *umem;
	struct xsk_socket *xsk;
	struct xsk_ring_prod fill, tx;
	struct xsk_ring_cons comp, rx;
	uint32_t in_fill, in_tx;
	uint64_t era;
	uint32_t free;
	uint64_t stack[CHUNKS]; /* addresses of free chunks */
};

/* --- Setting up --- */

#define INSN(c, d, s, o, i) ((struct bpf_insn){ .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) })

/* if (an Ethernet frame of ethertype) return bpf_redirect_map(&map, ctx->rx_queue_index, XDP_PASS); return XDP_PASS; */
static int load_program(int map_fd, uint16_t ethertype)
{
	const struct bpf_insn prog[] = {
		INSN(BPF_LDX | BPF_MEM | BPF_W, 2, 1, offsetof(struct xdp_md, data), 0),
		INSN(BPF_LDX | BPF_MEM | BPF_W, 3, 1, offsetof(struct xdp_md, data_end), 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 4, 2, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 4, 0, 0, ETH_HLEN),
		INSN(BPF_JMP | BPF_JGT | BPF_X, 4, 3, 8, 0),
		INSN(BPF_LDX | BPF_MEM | BPF_H, 4, 2, offsetof(struct ethhdr, h_proto), 0),
		INSN(BPF_JMP | BPF_JNE | BPF_K, 4, 0, 6, htons(ethertype)),
		INSN(BPF_LDX | BPF_MEM | BPF_W, 2, 1, offsetof(struct xdp_md, rx_queue_index), 0),
		INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, map_fd),
		INSN(0, 0, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, XDP_PASS),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect_map),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, XDP_PASS),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .prog_flags = BPF_F_XDP_HAS_FRAGS, .expected_attach_type = BPF_XDP);
	char log[4096] = "";
	int fd;

	opts.log_buf = log;
	opts.log_size = sizeof(log);
	fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "raw_xsk", "Dual BSD/GPL", prog, sizeof(prog) / sizeof(prog[0]), &opts);
	if (fd < 0)
		errx(1, "loading the XDP program: %s\n%s", strerror(errno), log);
	return fd;
}

static int try_attach(int prog, int ifindex, uint32_t flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = flags);

	return bpf_link_create(prog, ifindex, BPF_XDP, &opts);
}

/* By a link, so that our death detaches it. */
static void attach(const struct bench *b, int prog, int ifindex)
{
	int fd = -1;

	if (strcmp(b->mode, "generic"))
		fd = try_attach(prog, ifindex, XDP_FLAGS_DRV_MODE);
	if (fd < 0 && strcmp(b->mode, "native"))
		fd = try_attach(prog, ifindex, XDP_FLAGS_SKB_MODE);
	if (fd < 0)
		err(1, "attaching the XDP program to %s", b->ifname);
}

static void make_socket(struct raw *r)
{
	struct xsk_umem_config uc = {
		.fill_size = RING,
		.comp_size = RING,
		.frame_size = CHUNK,
	};
	struct xsk_socket_config sc = {
		.rx_size = RING,
		.tx_size = RING,
		.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
		.bind_flags = (uint16_t)(XDP_USE_NEED_WAKEUP | XDP_COPY |
					 (r->frame_len > CHUNK - 256 ? XDP_USE_SG : 0)),
	};
	int budget = RING, sndbuf = RING * 8192, e;

	e = xsk_umem__create(&r->umem, r->area, (uint64_t)CHUNKS * CHUNK, &r->fill, &r->comp, &uc);
	if (e)
		errx(1, "UMEM: %s", strerror(-e));
	/* A socket just closed leaves its queue a little later. */
	for (int i = 0; i < 50; i++) {
		e = xsk_socket__create(&r->xsk, r->b->ifname, 0, r->umem, &r->rx, &r->tx, &sc);
		if (e != -EBUSY)
			break;
		usleep(20000);
	}
	if (e)
		errx(1, "AF_XDP socket on %s: %s", r->b->ifname, strerror(-e));
	setsockopt(xsk_socket__fd(r->xsk), SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &budget, sizeof(budget));
	setsockopt(xsk_socket__fd(r->xsk), SOL_SOCKET, SO_SNDBUFFORCE, &sndbuf, sizeof(sndbuf));
}

/* Every chunk looks like the beginning of a frame of ours, so that sending writes nothing. */
static void make_area(struct raw *r)
{
	struct ethhdr eth = { .h_proto = htons(ETHERTYPE) };

	memset(eth.h_dest, 0xff, sizeof(eth.h_dest));
	memset(eth.h_source, 0x02, sizeof(eth.h_source));
	r->area = mmap(NULL, (size_t)CHUNKS * CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
		       -1, 0);
	if (r->area == MAP_FAILED)
		err(1, "memory for frames");
	for (uint32_t i = 0; i < CHUNKS; i++) {
		memcpy(r->area + (size_t)i * CHUNK, &eth, sizeof(eth));
		r->stack[r->free++] = (uint64_t)i * CHUNK;
	}
}

static void refill(struct raw *r);

static void open_raw(struct raw *r, const struct bench *b)
{
	int ifindex, map, queue = 0, fd;
	bool ip = b->addr.ss_family == AF_INET, kernels = !strcmp(b->role, "drain") || !strcmp(b->role, "tcp");

	if (!b->ifname)
		errx(2, "--iface is missing");
	ifindex = (int)if_nametoindex(b->ifname);
	if (!ifindex)
		err(1, "interface %s", b->ifname);
	r->b = b;
	r->frame_len = b->size + HEADERS + (ip ? 0 : 20);
	r->descs = (r->frame_len + CHUNK - 1) / CHUNK;
	if (r->descs > MAX_DESCS)
		errx(2, "--size %u: no frame is as long", b->size);
	make_area(r);
	make_socket(r);
	map = bpf_map_create(BPF_MAP_TYPE_XSKMAP, "raw_xsks", sizeof(int), sizeof(int), 1, NULL);
	fd = xsk_socket__fd(r->xsk);
	if (map < 0 || bpf_map_update_elem(map, &queue, &fd, BPF_ANY))
		err(1, "XSK map");
	refill(r);
	attach(b, load_program(map, !kernels ? ETHERTYPE : ip ? ETH_P_IP : ETH_P_IPV6), ifindex);
}

/* --- Rings --- */

static void refill(struct raw *r)
{
	uint32_t i, idx, n = RING - r->in_fill;

	if (n < BURST)
		return;
	if (n > r->free)
		n = r->free;
	if (!n || xsk_ring_prod__reserve(&r->fill, n, &idx) != n)
		return;
	for (i = 0; i < n; i++)
		*xsk_ring_prod__fill_addr(&r->fill, idx + i) = r->stack[--r->free];
	xsk_ring_prod__submit(&r->fill, n);
	r->in_fill += n;
}

static void collect(struct raw *r)
{
	uint32_t i, idx, n = xsk_ring_cons__peek(&r->comp, RING, &idx);

	for (i = 0; i < n; i++)
		r->stack[r->free++] = *xsk_ring_cons__comp_addr(&r->comp, idx + i) & ~(uint64_t)(CHUNK - 1);
	if (n)
		xsk_ring_cons__release(&r->comp, n);
	r->in_tx -= n;
}

/* In copy mode the call itself sends, up to its budget. */
static void kick(struct raw *r)
{
	if (sendto(xsk_socket__fd(r->xsk), NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && errno != EAGAIN && errno != EBUSY &&
	    errno != ENOBUFS && errno != EINTR && errno != EOVERFLOW)
		err(1, "%s: sendto", r->b->role);
	collect(r);
}

static bool tx_room(const struct raw *r, uint32_t descs)
{
	return r->in_tx + descs <= RING && r->free >= descs;
}

static void tx_desc(struct raw *r, uint64_t addr, uint32_t len, uint32_t options)
{
	uint32_t idx;

	if (xsk_ring_prod__reserve(&r->tx, 1, &idx) != 1)
		errx(1, "%s: no room in the transmit ring", r->b->role);
	*xsk_ring_prod__tx_desc(&r->tx, idx) = (struct xdp_desc){ .addr = addr, .len = len, .options = options };
	r->in_tx++;
}

/* One frame of len bytes from free chunks. */
static void tx_frame(struct raw *r, uint32_t len, uint64_t sent_ns)
{
	struct stamp s = { .sent_ns = sent_ns, .era = r->era };
	bool first = true;

	while (len) {
		uint32_t part = len < CHUNK ? len : CHUNK;
		uint64_t addr = r->stack[--r->free];

		if (first) {
			/* A chunk that carried the middle of a frame before. */
			*(uint16_t *)(r->area + addr + offsetof(struct ethhdr, h_proto)) = htons(ETHERTYPE);
			memcpy(r->area + addr + ETH_HLEN, &s, sizeof(s));
		}
		first = false;
		len -= part;
		tx_desc(r, addr, part, len ? XDP_PKT_CONTD : 0);
	}
}

/* What has been received; each is complete unless contd. */
struct got {
	uint64_t addr;
	uint32_t len;
	bool contd;
};

static uint32_t rx_burst(struct raw *r, struct got *got, uint32_t max)
{
	uint32_t i, idx, n = xsk_ring_cons__peek(&r->rx, max, &idx);

	for (i = 0; i < n; i++) {
		const struct xdp_desc *d = xsk_ring_cons__rx_desc(&r->rx, idx + i);

		got[i] = (struct got){ d->addr, d->len, d->options & XDP_PKT_CONTD };
	}
	if (n)
		xsk_ring_cons__release(&r->rx, n);
	r->in_fill -= n;
	return n;
}

/* Why frames were lost, for --verbose. */
static void show_losses(const struct raw *r)
{
	struct xdp_statistics st = { 0 };
	socklen_t len = sizeof(st);

	if (r->b->verbose && !getsockopt(xsk_socket__fd(r->xsk), SOL_XDP, XDP_STATISTICS, &st, &len))
		warnx("dropped %llu, ring full %llu, no chunk %llu", st.rx_dropped, st.rx_ring_full,
		      st.rx_fill_ring_empty_descs);
}

static void put_back(struct raw *r, uint64_t addr)
{
	r->stack[r->free++] = addr & ~(uint64_t)(CHUNK - 1);
}

/* --- Roles --- */

/* Every frame is answered in its own chunk, until told to stop; answer: true if it put one into the ring. */
static int run_answering(struct raw *r, bool (*answer)(struct raw *r, const struct got *got))
{
	struct got got[BURST];
	uint32_t i, n, sent;

	bench_ready();
	while (!bench_stop) {
		n = RING - r->in_tx < BURST ? 0 : rx_burst(r, got, BURST);
		for (i = sent = 0; i < n; i++)
			sent += answer(r, &got[i]);
		if (sent)
			xsk_ring_prod__submit(&r->tx, sent);
		if (r->in_tx)
			kick(r);
		refill(r);
	}
	return 0;
}

static bool echo(struct raw *r, const struct got *got)
{
	tx_desc(r, got->addr, got->len, got->contd ? XDP_PKT_CONTD : 0);
	return true;
}

static bool turn_tcp(struct raw *r, const struct got *got)
{
	uint32_t len = got->contd ? 0 : raw_tcp_turn(r->area + got->addr, got->len);

	if (len)
		tx_desc(r, got->addr, len, 0);
	else
		put_back(r, got->addr);
	return len;
}

static void send_many(struct raw *r, uint32_t frames, uint32_t len)
{
	uint64_t now = now_ns();
	uint32_t i;

	for (i = 0; i < frames && tx_room(r, (len + CHUNK - 1) / CHUNK); i++)
		tx_frame(r, len, now);
	xsk_ring_prod__submit(&r->tx, i * ((len + CHUNK - 1) / CHUNK));
}

static uint32_t ping_burst(struct raw *r, struct meter *m, uint64_t now)
{
	struct got got[BURST];
	uint32_t i, n = rx_burst(r, got, BURST), again = 0;
	struct stamp s;

	for (i = 0; i < n; i++) {
		if (got[i].len != r->frame_len || got[i].contd)
			errx(1, "ping: a frame of %u bytes came back as %u", r->frame_len, got[i].len);
		memcpy(&s, r->area + got[i].addr + ETH_HLEN, sizeof(s));
		if (s.era != r->era) {
			put_back(r, got[i].addr);
			continue;
		}
		again++;
		hist_add(&m->hist, now - s.sent_ns);
		s.sent_ns = now;
		memcpy(r->area + got[i].addr + ETH_HLEN, &s, sizeof(s));
		tx_desc(r, got[i].addr, got[i].len, 0);
	}
	if (again)
		xsk_ring_prod__submit(&r->tx, again);
	m->count += again;
	return again;
}

static int run_ping(struct raw *r)
{
	static struct meter m;
	uint64_t now = now_ns(), last = now;

	if (r->descs != 1 || r->frame_len > CHUNK - 256 || r->b->conns > RING / 2)
		errx(2, "ping: frames of one chunk, and %u in flight at most", RING / 2);
	send_many(r, r->b->conns, r->frame_len);
	while (!bench_stop) {
		if (ping_burst(r, &m, now)) {
			last = now;
		} else if (now - last > LOST_NS) {
			r->era++;
			last = now;
			send_many(r, r->b->conns, r->frame_len);
		}
		if (r->in_tx)
			kick(r);
		refill(r);
		now = now_ns();
		if (meter_tick(&m, r->b, now))
			break;
	}
	if (r->era)
		warnx("ping: all frames in flight were lost %" PRIu64 " times", r->era);
	return meter_report(&m, r->b, "round trips", r->b->size);
}

/* --- Connect, request, answer, close --- */

static uint32_t step_len(const struct raw *r, uint64_t step)
{
	switch (step) {
	case SYN:
	case SYN_ACK: return r->frame_len - r->b->size + SYN_OPTIONS;
	case REQUEST:
	case ANSWER: return r->frame_len;
	default: return r->frame_len - r->b->size;
	}
}

/* The next frame of the exchange, in the chunk of the one that came. Returns its step; STEPS: there is none. */
static uint64_t next_step(struct raw *r, const struct got *got)
{
	struct stamp s;
	uint64_t step;

	memcpy(&s, r->area + got->addr + ETH_HLEN, sizeof(s));
	step = s.era % STEPS + 1;
	if (got->len != step_len(r, step - 1) || got->contd)
		errx(1, "%s: frame %" PRIu64 " of an exchange has %u bytes", r->b->role, step, got->len);
	if (step == STEPS || (r->era && s.era / STEPS != r->era)) {
		put_back(r, got->addr);
		return STEPS;
	}
	s.era++;
	memcpy(r->area + got->addr + ETH_HLEN, &s, sizeof(s));
	tx_desc(r, got->addr, step_len(r, step), 0);
	return step;
}

static bool answer_step(struct raw *r, const struct got *got)
{
	return next_step(r, got) != STEPS;
}

/* Begin exchanges. Returns how many there was room for. */
static uint32_t crr_begin(struct raw *r, uint32_t n, uint64_t now)
{
	struct stamp s = { now, r->era * STEPS + SYN };
	uint32_t i;

	for (i = 0; i < n && tx_room(r, 1); i++) {
		uint64_t addr = r->stack[--r->free];

		*(uint16_t *)(r->area + addr + offsetof(struct ethhdr, h_proto)) = htons(ETHERTYPE);
		memcpy(r->area + addr + ETH_HLEN, &s, sizeof(s));
		tx_desc(r, addr, step_len(r, SYN), 0);
	}
	return i;
}

static uint32_t crr_burst(struct raw *r, struct meter *m, uint64_t now)
{
	struct got got[BURST];
	uint32_t i, n = RING - r->in_tx < 2 * BURST ? 0 : rx_burst(r, got, BURST), sent = 0, done = 0;

	for (i = 0; i < n; i++) {
		uint64_t step = next_step(r, &got[i]);
		struct stamp s;

		sent += step != STEPS;
		if (step != LAST_ACK)
			continue;
		memcpy(&s, r->area + got[i].addr + ETH_HLEN, sizeof(s));
		hist_add(&m->hist, now - s.sent_ns);
		done++;
	}
	m->count += done;
	sent += crr_begin(r, done, now);
	if (sent)
		xsk_ring_prod__submit(&r->tx, sent);
	return n;
}

static int run_crr(struct raw *r)
{
	static struct meter m;
	uint64_t now = now_ns(), last = 0;

	if (r->descs != 1 || r->frame_len > CHUNK - 256 || r->b->conns > RING / 2)
		errx(2, "crr: frames of one chunk, and %u exchanges at most", RING / 2);
	while (!bench_stop) {
		if (crr_burst(r, &m, now)) {
			last = now;
		} else if (now - last > LOST_NS) {
			r->era++; /* 0: at the other end, which takes any */
			last = now;
			xsk_ring_prod__submit(&r->tx, crr_begin(r, r->b->conns, now));
		}
		if (r->in_tx)
			kick(r);
		refill(r);
		now = now_ns();
		if (meter_tick(&m, r->b, now))
			break;
	}
	if (r->era > 1)
		warnx("crr: all frames in flight were lost %" PRIu64 " times", r->era - 1);
	return meter_report(&m, r->b, "connections", r->b->size);
}

static int run_sink(struct raw *r)
{
	bool drain = !strcmp(r->b->role, "drain");
	static struct meter m;
	struct got got[BURST];
	uint32_t i, n, len = 0, owed = 0;

	bench_ready();
	while (!bench_stop) {
		n = rx_burst(r, got, BURST);
		for (i = 0; i < n; i++) {
			put_back(r, got[i].addr);
			len += got[i].len;
			if (got[i].contd)
				continue;
			if (len != r->frame_len && !drain)
				errx(1, "sink: a frame of %u bytes arrived as %u", r->frame_len, len);
			m.count += len == r->frame_len; /* the kernel sends others, too */
			len = 0;
			owed++;
		}
		refill(r);
		if (r->b->ack && owed >= r->b->ack) {
			send_many(r, owed / r->b->ack, HEADERS);
			owed %= r->b->ack;
		}
		if (r->in_tx)
			kick(r);
		if (m.count && meter_tick(&m, r->b, now_ns()))
			break;
	}
	show_losses(r);
	return meter_report(&m, r->b, "frames", r->b->size);
}

static int run_source(struct raw *r)
{
	struct got got[BURST];
	uint32_t i, n;

	while (!bench_stop) {
		send_many(r, BURST, r->frame_len);
		kick(r);
		n = rx_burst(r, got, BURST);
		for (i = 0; i < n; i++)
			put_back(r, got[i].addr);
		refill(r);
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const char *const roles = "echo|ping|answer|crr|sink|source|drain|tcp";
	static struct raw r;
	struct bench b;

	bench_start(&b, argc, argv, roles);
	b.spin = true;
	open_raw(&r, &b);
	if (!strcmp(b.role, "echo"))
		return run_answering(&r, echo);
	if (!strcmp(b.role, "ping"))
		return run_ping(&r);
	if (!strcmp(b.role, "answer"))
		return run_answering(&r, answer_step);
	if (!strcmp(b.role, "crr"))
		return run_crr(&r);
	if (!strcmp(b.role, "sink") || !strcmp(b.role, "drain"))
		return run_sink(&r);
	if (!strcmp(b.role, "tcp"))
		return run_answering(&r, turn_tcp);
	if (!strcmp(b.role, "source"))
		return run_source(&r);
	bench_usage(roles);
}
