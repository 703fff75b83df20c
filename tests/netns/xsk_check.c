// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * xsk_check.c - the AF_XDP port on a real veth pair, in a network namespace of
 * this process's own, which is gone when it ends.
 *
 *   xsk_check          run the cases; prints `ok - text` or `not ok - text`; 1 when one failed, 77 when it cannot run
 *   xsk_check bench    measure (two pinned processes) and print the rates
 *
 * The port is tested alone: the XDP program is a few instructions made here that
 * redirect every frame, with metadata in front or without. Ends are "xa" and "xb".
 *
 * (Programs of this folder that include xtcp.h or say so are linked with libxtcp.a.)
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include "io/clock.h"
#include "io/xsk.h"
#include "io/xsk_share.h"
#include "lib/fail.h"

#define ETHERTYPE 0xb588 /* 0x88b5 in network order: local experiments */
#define CHUNKS 8192u
#define HEADER 32		 /* bytes of struct probe */
#define TIMEOUT_NS 4000000000ull /* without progress */

#ifndef BPF_F_XDP_HAS_FRAGS
#define BPF_F_XDP_HAS_FRAGS (1U << 5)
#endif

struct probe {
	uint8_t mac[12];
	uint16_t type;
	uint16_t side; /* who sent it */
	uint64_t seq;
	uint32_t len;
	uint32_t pad;
};

struct end {
	char name[16];
	int ifindex, side, map, prog, link;
	struct io_port *port;
	struct io_frames *frames;
	uint8_t *area;
	struct xsk_info info;
	uint64_t sent, received, with_meta, multi, bad, errors;
};

static bool tx_csum; /* with TX metadata, and checksums left to the kernel */

static struct end a = { .name = "xa", .side = 1 }, b = { .name = "xb", .side = 2 };
static int failed;

static void __attribute__((format(printf, 2, 3))) ok(bool good, const char *fmt, ...)
{
	va_list ap;

	printf("%s - xsk: ", good ? "ok" : "not ok");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	failed += !good;
}

static int sh(const char *cmd)
{
	int rc = system(cmd);

	if (rc)
		fprintf(stderr, "xsk_check: failed: %s\n", cmd);
	return rc;
}

/* --- The XDP program --- */

#define INSN(c, d, s, o, i) ((struct bpf_insn){ .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) })

/* Redirect all to the map's socket of the receive queue; PASS without one. */
static int load_prog(int map, bool meta)
{
	const int size = (int)sizeof(struct xtcp_meta);
	struct bpf_insn insns[] = {
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, meta),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 11, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, -size),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_xdp_adjust_meta),
		INSN(BPF_JMP | BPF_JNE | BPF_K, 0, 0, 8, 0),
		INSN(BPF_LDX | BPF_MEM | BPF_W, 1, 6, offsetof(struct xdp_md, data_meta), 0),
		INSN(BPF_LDX | BPF_MEM | BPF_W, 2, 6, offsetof(struct xdp_md, data), 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 3, 1, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, size),
		INSN(BPF_JMP | BPF_JGT | BPF_X, 3, 2, 3, 0),
		INSN(BPF_ST | BPF_MEM | BPF_W, 1, 0, offsetof(struct xtcp_meta, magic), (int)XTCP_META_MAGIC),
		INSN(BPF_ST | BPF_MEM | BPF_W, 1, 0, offsetof(struct xtcp_meta, l3_off), 14 | 34 << 16),
		INSN(BPF_ST | BPF_MEM | BPF_W, 1, 0, offsetof(struct xtcp_meta, conn_hint), 4711),
		INSN(BPF_LDX | BPF_MEM | BPF_W, 2, 6, offsetof(struct xdp_md, rx_queue_index), 0),
		INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, map),
		INSN(0, 0, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, XDP_PASS),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect_map),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .prog_flags = BPF_F_XDP_HAS_FRAGS);

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "xsk_check", "GPL", insns, sizeof(insns) / sizeof(insns[0]), &opts);
}

/* --- The two ends --- */

static int open_end(struct end *e, enum xsk_mode mode, uint32_t mtu, bool meta)
{
	LIBBPF_OPTS(bpf_link_create_opts, lo,
		    .flags = mode == XSK_MODE_NATIVE ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);
	struct xsk_conf conf = { .ifname = e->name, .mode = mode, .mtu = mtu, .queues = 1 };

	e->ifindex = (int)if_nametoindex(e->name);
	e->map = bpf_map_create(BPF_MAP_TYPE_XSKMAP, "xsks", 4, 4, XTCP_MAX_QUEUES, NULL);
	e->prog = load_prog(e->map, meta);
	e->link = bpf_link_create(e->prog, e->ifindex, BPF_XDP, &lo);
	if (e->map < 0 || e->prog < 0 || e->link < 0)
		return fail(errno, "XDP program on %s: %s", e->name, strerror(errno));
	conf.ifindex = e->ifindex;
	conf.xsks_map_fd = e->map;
	conf.frames = e->frames;
	conf.area = e->area;
	conf.tx_csum[0] = conf.tx_csum[1] = tx_csum;
	e->sent = e->received = e->with_meta = e->multi = e->bad = e->errors = 0;
	return xsk_open(&e->port, &conf, &e->info);
}

/* It lies within its room, and no chunk is on it twice. */
static bool stack_sound(const struct io_frames *f)
{
	static uint8_t seen[CHUNKS];
	uint32_t i;

	memset(seen, 0, sizeof(seen));
	if (f->bottom + f->free > f->chunks)
		return false;
	for (i = 0; i < f->free; i++) {
		uint32_t chunk = f->stack[f->bottom + i];

		if (chunk >= f->chunks || seen[chunk]++)
			return false;
	}
	return true;
}

static bool all_free(const struct io_frames *f)
{
	return stack_sound(f) && f->free == f->chunks && !f->held && !f->in_fill && !f->in_tx;
}

static void close_end(struct end *e)
{
	e->port->ops->close(e->port);
	e->port = NULL;
	close(e->link);
	close(e->prog);
	close(e->map);
}

static bool open_link(uint32_t mtu)
{
	char cmd[256];

	snprintf(cmd, sizeof(cmd),
		 "ip link add xa mtu %u type veth peer name xb mtu %u && ip link set xa up && ip link set xb up", mtu,
		 mtu);
	return !sh(cmd);
}

static bool open_both(enum xsk_mode mode, uint32_t mtu, bool meta)
{
	if (!open_link(mtu))
		return false;
	if (open_end(&a, mode, mtu, meta) || open_end(&b, mode, mtu, meta)) {
		ok(false, "open: %s", fail_text());
		return false;
	}
	return true;
}

static void close_both(const char *what)
{
	bool lost = a.port->ops->lost(a.port) || b.port->ops->lost(b.port) || !stack_sound(a.frames) ||
		    !stack_sound(b.frames) || a.frames->held || b.frames->held;

	close_end(&a);
	close_end(&b);
	ok(!lost && all_free(a.frames) && all_free(b.frames), "%s: no chunk lost or doubled, all free after close",
	   what);
	if (if_nametoindex("xa"))
		sh("ip link del xa");
}

/* --- Frames with content that can be checked --- */

static uint64_t word(uint64_t seq, uint32_t at)
{
	return (seq + 1) * 0x9e3779b97f4a7c15u + at;
}

/* Edges of chunks, then anything up to the whole. */
static uint32_t length(uint64_t seq, uint32_t most)
{
	static const uint32_t edge[] = { HEADER, 60, 64, 3839, 3840, 3841, 4095, 4096, 4097, 7680, 7681, 8192, 65014 };
	uint32_t len = (uint32_t)(word(seq, 0) >> 33);

	len = seq < sizeof(edge) / sizeof(edge[0]) ? edge[seq] : HEADER + len % (most - HEADER + 1);
	return len < most ? len : most;
}

/* Copy between a flat buffer and fragments. */
static void scatter(struct io_pkt *pkt, const uint8_t *from, uint32_t len)
{
	uint32_t i, n;

	pkt->len = len;
	for (i = 0; i < pkt->nfrags; i++, from += n, len -= n) {
		n = len < pkt->frag[i].len ? len : pkt->frag[i].len;
		memcpy(pkt->frag[i].data, from, n);
		pkt->frag[i].len = n;
	}
}

static uint32_t gather(const struct io_pkt *pkt, uint8_t *to)
{
	uint32_t i, len = 0;

	for (i = 0; i < pkt->nfrags; len += pkt->frag[i].len, i++)
		memcpy(to + len, pkt->frag[i].data, pkt->frag[i].len);
	return len;
}

static void make(uint8_t *frame, const struct end *e, uint32_t len)
{
	struct probe h = { .type = ETHERTYPE, .side = (uint16_t)e->side, .seq = e->sent, .len = len };
	uint32_t at;

	memset(h.mac, 0xff, 6);
	memset(h.mac + 6, 2, 6);
	memcpy(frame, &h, HEADER);
	for (at = HEADER; at < len; at += 8) {
		uint64_t w = word(e->sent, at);

		memcpy(frame + at, &w, len - at < 8 ? len - at : 8);
	}
}

static bool right(const uint8_t *frame, uint32_t len, uint64_t seq)
{
	uint32_t at;

	for (at = HEADER; at < len; at += 8) {
		uint64_t w = word(seq, at);

		if (memcmp(frame + at, &w, len - at < 8 ? len - at : 8))
			return false;
	}
	return true;
}

static void check_frame(struct end *e, const struct io_pkt *pkt)
{
	static uint8_t frame[IO_MAX_FRAGS * 4096];
	uint32_t len = gather(pkt, frame);
	struct probe h;

	memcpy(&h, frame, HEADER);
	if (h.type != ETHERTYPE || h.side == e->side)
		return;
	if (h.seq != e->received || len != pkt->len || h.len != len || !right(frame, len, h.seq)) {
		if (!e->bad++)
			fprintf(stderr, "xsk_check: %s: seq %" PRIu64 " for %" PRIu64 ", %u bytes of %u\n", e->name,
				h.seq, e->received, len, h.len);
	}
	e->received = h.seq + 1;
	e->with_meta += pkt->has_meta && pkt->meta.conn_hint == 4711 && pkt->meta.l4_off == 34;
	e->multi += pkt->nfrags > 1;
}

static void receive(struct end *e)
{
	struct io_pkt pkts[IO_BURST];
	int i, n = e->port->ops->rx(e->port, pkts, IO_BURST);

	for (i = 0; i < n; i++)
		check_frame(e, &pkts[i]);
	e->port->ops->rx_release(e->port, pkts, n);
}

/* Up to burst frames of up to most bytes, not more than window ahead of the other end; 0 or the flush's error. */
static int transmit(struct end *e, const struct end *other, uint64_t count, uint32_t most, uint32_t window)
{
	static uint8_t frame[IO_MAX_FRAGS * 4096];
	uint32_t burst = 48;

	while (burst-- && e->sent < count && e->sent < other->received + window) {
		uint32_t len = length(e->sent, most);
		struct io_pkt pkt;

		if (e->port->ops->tx_reserve(e->port, &pkt, len))
			break;
		make(frame, e, len);
		scatter(&pkt, frame, len);
		/* A veth leaves it to whoever looks: here nobody does, and the frame arrives as it is. */
		if (e->info.tx_csum && e->sent % 3 && len > HEADER + 20)
			pkt.csum_start = HEADER;
		e->port->ops->tx_commit(e->port, &pkt);
		e->sent++;
	}
	return e->port->ops->tx_flush(e->port);
}

/* A lost frame leaves the window shut, and then nothing arrives any more; that it takes long is no fault. */
static bool exchange(uint64_t count, uint32_t most, uint32_t window)
{
	uint64_t until = clock_now_ns() + TIMEOUT_NS, got = 0;

	while ((a.received < count || b.received < count) && clock_now_ns() < until) {
		if (got != a.received + b.received)
			until = clock_now_ns() + TIMEOUT_NS;
		got = a.received + b.received;
		a.errors += transmit(&a, &b, count, most, window) != 0;
		b.errors += transmit(&b, &a, count, most, window) != 0;
		receive(&b);
		receive(&a);
		a.errors += a.port->ops->lost(a.port) || b.port->ops->lost(b.port);
	}
	return a.received == count && b.received == count && !a.bad && !b.bad && !a.errors && !b.errors;
}

/* --- Cases --- */

static void test_transfer(enum xsk_mode mode, uint32_t mtu, uint64_t count)
{
	uint32_t window = mtu > 20000 ? 32 : mtu > 3000 ? 96 : 256;
	struct xsk_kernel_stats ks = { .tx_invalid_descs = 1 };
	char what[96];
	uint64_t t;
	bool good;

	if (!open_both(mode, mtu, true))
		return;
	t = clock_now_ns();
	good = exchange(count, mtu + 14, window);
	snprintf(what, sizeof(what), "%s mode, MTU %u, %" PRIu64 " frames each way%s", mode ? "generic" : "native", mtu,
		 count, a.info.tx_csum ? ", with TX metadata" : "");
	ok(good, "%s: whole, in order, none lost (%.1f s)", what, 1e-9 * (double)(clock_now_ns() - t));
	ok(a.with_meta == count && b.with_meta == count, "%s: metadata in front of every frame", what);
	ok(!xsk_kernel_stats(a.port, &ks) && !ks.tx_invalid_descs, "%s: no descriptor that the kernel refused", what);
	if (mtu > 4000)
		ok(a.multi && b.multi && a.info.multi_buffer, "%s: frames of several fragments", what);
	close_both(what);
}

/* Where the kernel has none the port is as without. */
static void test_tx_metadata(void)
{
	tx_csum = true;
	test_transfer(XSK_MODE_NATIVE, 1500, 50000);
	test_transfer(XSK_MODE_NATIVE, 9000, 5000);
	test_transfer(XSK_MODE_GENERIC, 65000, 1000);
	tx_csum = false;
}

/* The largest MTU whose frames fit into chunks of half a page. */
static void test_half_pages(void)
{
	ok(xsk_chunk_size(XSK_MODE_NATIVE, 1770) == 2048 && xsk_chunk_size(XSK_MODE_NATIVE, 1771) == 4096 &&
		   xsk_chunk_size(XSK_MODE_GENERIC, 1500) == 4096,
	   "chunks of half a page where a frame fits, not for super-segments");
	a.frames->chunk_size = b.frames->chunk_size = 2048;
	test_transfer(XSK_MODE_NATIVE, 1770, 50000);
	tx_csum = true;
	test_transfer(XSK_MODE_NATIVE, 1770, 50000);
	tx_csum = false;
	ok(!a.multi && !b.multi, "... and none is of several fragments");
	a.frames->chunk_size = b.frames->chunk_size = 4096;
}

/* Payload where metadata would lie, over and over through the same chunks, must never pass for it. */
static void test_forged_meta(void)
{
	static uint8_t frame[1514];
	uint32_t i, magic = XTCP_META_MAGIC;
	uint64_t forged = 0, got = 0;
	struct io_pkt pkts[IO_BURST];
	int n, j;

	if (!open_both(XSK_MODE_NATIVE, 1500, false))
		return;
	make(frame, &a, sizeof(frame));
	for (i = HEADER; i + 4 <= sizeof(frame); i += 4)
		memcpy(frame + i, &magic, 4);
	for (i = 0; i < 40000; i++) {
		struct end *e = i & 1 ? &b : &a;

		if (e->port->ops->tx_reserve(e->port, &pkts[0], sizeof(frame)))
			continue;
		scatter(&pkts[0], frame, sizeof(frame));
		if (i % 5 == 0)
			e->port->ops->tx_cancel(e->port, &pkts[0]);
		else
			e->port->ops->tx_commit(e->port, &pkts[0]);
		e->port->ops->tx_flush(e->port);
		n = e->port->ops->rx(e->port, pkts, IO_BURST);
		for (j = 0; j < n; j++)
			forged += pkts[j].has_meta;
		got += (uint64_t)n;
		e->port->ops->rx_release(e->port, pkts, n);
	}
	ok(got > 30000 && !forged, "a peer's payload never passes for metadata (%" PRIu64 " of %" PRIu64 ")", forged,
	   got);
	close_both("forged metadata");
}

/* Reserve until full; the order of committing is free; what is cancelled comes back. */
static void test_reserve(void)
{
	static struct io_pkt held[4096];
	int n = 0, i, err = 0;

	if (!open_both(XSK_MODE_NATIVE, 1500, true))
		return;
	while (n < 4096 && !(err = a.port->ops->tx_reserve(a.port, &held[n], 64)))
		n++;
	ok(n == 2048 && err == -ENOBUFS, "reserving stops with ENOBUFS at the ring's size (%d)", n);
	for (i = n - 1; i >= 0; i -= 2)
		a.port->ops->tx_cancel(a.port, &held[i]);
	for (i = n - 2; i >= 0; i -= 2) {
		static uint8_t frame[64];

		make(frame, &a, 64);
		a.sent++;
		scatter(&held[i], frame, 64);
		a.port->ops->tx_commit(a.port, &held[i]);
		if (i % 64 == 0) {
			a.port->ops->tx_flush(a.port);
			receive(&b);
		}
	}
	ok(exchange(2048, 64, 256), "frames committed long after, in another order, arrive whole");
	ok(a.port->ops->tx_reserve(a.port, &held[0], 60000) == -EMSGSIZE,
	   "a frame over one chunk without multi-buffer: EMSGSIZE");
	close_both("reserve");
}

/* An engine that holds every frame runs out of chunks, nothing worse; once released, all is as before. */
static void test_hold(void)
{
	static struct io_pkt held[CHUNKS + IO_BURST];
	uint64_t until = clock_now_ns() + 5 * TIMEOUT_NS;
	struct io_pkt pkt;
	int n = 0;

	if (!open_both(XSK_MODE_NATIVE, 1500, true))
		return;
	while (n < (int)CHUNKS && clock_now_ns() < until) {
		transmit(&a, &b, UINT64_MAX, 64, UINT32_MAX);
		n += b.port->ops->rx(b.port, held + n, IO_BURST);
	}
	ok(n == CHUNKS && b.frames->held == CHUNKS && b.port->ops->tx_reserve(b.port, &pkt, 64) == -ENOBUFS,
	   "all chunks held: nothing to receive into, ENOBUFS to send");
	for (int i = 0; i < 100; i++)
		transmit(&a, &b, UINT64_MAX, 64, UINT32_MAX);
	b.port->ops->rx_release(b.port, held, n);
	receive(&b); /* fills the ring again */
	b.received = a.sent;
	a.received = b.sent = a.sent;
	ok(exchange(a.sent + 5000, 1514, 256), "and released: traffic goes on");
	close_both("hold");
}

/* Whoever had the port is gone, with frames in hand both ways, and what it kept is not to be believed: the rings tell. */
static void test_recover(void)
{
	static struct io_pkt gone[256];
	int n = 0;

	if (!open_both(XSK_MODE_NATIVE, 1500, true))
		return;
	ok(exchange(1000, 1514, 256), "before recovery");
	while (n < 100 && !b.port->ops->tx_reserve(b.port, &gone[n], 64))
		n++;
	transmit(&a, &b, 1100, 64, 256);
	ok(b.port->ops->rx(b.port, gone, IO_BURST) > 0 && n == 100, "frames in hand, received and to be sent");
	b.frames->free = b.frames->held = b.frames->in_tx = 77;
	b.frames->bottom = b.frames->chunks;
	memset(b.frames->stack, 0xff, 64);
	xsk_recover(b.port);
	ok(!b.port->ops->lost(b.port) && stack_sound(b.frames) && !b.frames->held &&
		   b.frames->bottom == b.frames->in_fill,
	   "recovered: each chunk is in one place");
	b.received = b.sent = a.received = a.sent;
	ok(exchange(a.sent + 20000, 1514, 256), "recovered: traffic goes on");
	close_both("recover");
}

/* A queue is free for the next one as soon as close() has returned. */
static void test_reopen(void)
{
	uint64_t most = 0, t;
	bool good = true;
	int i;

	if (!open_both(XSK_MODE_NATIVE, 1500, true))
		return;
	for (i = 0; good && i < 5; i++) {
		close_end(&a);
		t = clock_now_ns();
		good = !open_end(&a, XSK_MODE_NATIVE, 1500, true);
		t = clock_now_ns() - t;
		most = t > most ? t : most;
	}
	ok(good, "closed and opened again at once (%.0f ms at the most)%s%s", 1e-6 * (double)most, good ? "" : ": ",
	   good ? "" : fail_text());
	if (!good)
		return;
	b.received = b.sent = 0;
	ok(exchange(5000, 1514, 256), "opened again: traffic goes on");
	close_both("reopen");
}

static void test_busy(void)
{
	struct end second = { .name = "xa", .side = 3, .frames = b.frames, .area = b.area };
	struct xsk_conf conf = { .ifname = "xa", .mode = XSK_MODE_NATIVE, .mtu = 1500, .queues = 1 };
	int err;

	if (!open_both(XSK_MODE_NATIVE, 1500, true))
		return;
	second.frames = calloc(1, sizeof(*second.frames) + 64 * sizeof(uint32_t));
	second.frames->chunk_size = 4096;
	second.frames->chunks = 64;
	conf.frames = second.frames;
	conf.ifindex = a.ifindex;
	conf.area = mmap(NULL, 64 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	conf.xsks_map_fd = a.map;
	err = xsk_open(&second.port, &conf, NULL);
	ok(err == -EBUSY && strstr(fail_text(), "queue 0 is taken"), "queue taken: %d, %s", err, fail_text());
	conf.queue = 7;
	err = xsk_open(&second.port, &conf, NULL);
	ok(err < 0, "no such queue: %d, %s", err, fail_text());
	conf.ifname = "nosuch";
	conf.ifindex = 77777;
	err = xsk_open(&second.port, &conf, NULL);
	ok(err == -ENODEV, "no such interface: %d, %s", err, fail_text());
	munmap(conf.area, 64 * 4096);
	free(second.frames);
	close_both("queue taken");
}

/* The link goes down under traffic, comes back, and goes away. */
static void test_link(enum xsk_mode mode)
{
	const char *m = mode ? "generic" : "native";
	uint64_t until;
	int ea = 0, eb = 0;

	if (!open_both(mode, 1500, true))
		return;
	ok(exchange(5000, 1514, 256), "%s: traffic before the link goes down", m);
	sh("ip link set xb down");
	for (until = clock_now_ns() + 50000000; clock_now_ns() < until;) {
		eb = transmit(&b, &a, UINT64_MAX, 1514, 4096) ?: eb;
		transmit(&a, &b, UINT64_MAX, 1514, 4096);
		receive(&a);
		receive(&b);
	}
	ok(eb == -ENETDOWN, "%s: link down: flush says %s", m, strerror(-eb));
	sh("ip link set xb up");
	usleep(20000);
	for (until = clock_now_ns() + 50000000; clock_now_ns() < until;) {
		transmit(&b, &a, 0, 1514, 0);
		transmit(&a, &b, 0, 1514, 0);
		receive(&a);
		receive(&b);
	}
	/* What was sent meanwhile may be lost: count anew. */
	a.received = b.sent;
	b.received = a.sent;
	a.bad = b.bad = a.errors = b.errors = 0;
	until = a.sent > b.sent ? a.sent : b.sent;
	ok(exchange(until + 5000, 1514, 256), "%s: up again: traffic goes on", m);
	sh("ip link del xa");
	for (until = clock_now_ns() + 50000000; clock_now_ns() < until;) {
		ea = transmit(&a, &b, UINT64_MAX, 1514, 4096) ?: ea;
		eb = transmit(&b, &a, UINT64_MAX, 1514, 4096) ?: eb;
		receive(&a);
		receive(&b);
	}
	ok(ea == -ENXIO && eb == -ENXIO, "%s: interface deleted: flush says %s", m, strerror(-ea));
	close_both("link");
}

static void send_one(struct end *e, uint32_t len)
{
	static uint8_t frame[IO_MAX_FRAGS * 4096];
	struct io_pkt pkt;

	if (e->port->ops->tx_reserve(e->port, &pkt, len))
		return;
	make(frame, e, len);
	scatter(&pkt, frame, len);
	e->port->ops->tx_commit(e->port, &pkt);
	e->port->ops->tx_flush(e->port);
}

/* Frames of more than IO_MAX_FRAGS fragments vanish whole; those between them arrive. */
static void test_too_long(void)
{
	struct xsk_kernel_stats ks = { 0 };
	uint64_t until = clock_now_ns() + 5 * TIMEOUT_NS;

	b.frames->chunk_size = 2048;
	if (open_link(65000) && !open_end(&a, XSK_MODE_GENERIC, 65000, true) &&
	    !open_end(&b, XSK_MODE_GENERIC, 1500, true)) {
		while (a.sent < 600 && clock_now_ns() < until) {
			/* Both with the same number: if the long one came, the other would be wrong. */
			send_one(&a, 40000 + (uint32_t)a.sent);
			receive(&b);
			send_one(&a, 60 + (uint32_t)a.sent * 8);
			a.sent++;
			receive(&b);
		}
		xsk_kernel_stats(b.port, &ks);
		ok(b.received == 600 && !b.bad && ks.rx_dropped == 600,
		   "frames of too many fragments are dropped whole, and counted (%" PRIu64 ")",
		   (uint64_t)ks.rx_dropped);
		close_both("too long");
	} else {
		ok(false, "open: %s", fail_text());
	}
	b.frames->chunk_size = 4096;
}

static void test_queues(void)
{
	struct xsk_conf conf = { .ifname = "xa", .mode = XSK_MODE_NATIVE, .mtu = 1500, .queues = 2 };
	struct xsk_info info;
	struct xsk_kernel_stats ks;
	int fds[4], err;

	if (sh("ip link add xa numrxqueues 2 numtxqueues 2 type veth peer name xb numrxqueues 2 numtxqueues 2 && "
	       "ip link set xa up && ip link set xb up"))
		return;
	conf.ifindex = (int)if_nametoindex("xa");
	conf.frames = a.frames;
	conf.area = a.area;
	conf.xsks_map_fd = bpf_map_create(BPF_MAP_TYPE_XSKMAP, "xsks", 4, 4, XTCP_MAX_QUEUES, NULL);
	err = xsk_open(&a.port, &conf, &info);
	ok(!err && a.port->ops->fds(a.port, fds, 4) == 2 && a.frames->in_fill == a.frames->chunks / 4 * 3 &&
		   !a.port->ops->lost(a.port),
	   "two queues over one UMEM%s%s", err ? ": " : "", err ? fail_text() : "");
	if (!err) {
		ok(!xsk_kernel_stats(a.port, &ks) && !ks.rx_dropped, "kernel's statistics are read");
		a.port->ops->close(a.port);
		ok(all_free(a.frames), "two queues: all free after close");
	}
	close(conf.xsks_map_fd);
	sh("ip link del xa");
}

/* --- Measuring --- */

static void pin(int cpu)
{
	cpu_set_t s;

	CPU_ZERO(&s);
	CPU_SET(cpu, &s);
	sched_setaffinity(0, sizeof(s), &s);
}

static void bench_sender(uint32_t len, uint64_t until)
{
	while (clock_now_ns() < until) {
		struct io_pkt pkt;
		int n = 64;

		while (n-- && !a.port->ops->tx_reserve(a.port, &pkt, len)) {
			/* Only the headers: what an engine does over a payload is its own affair. */
			memset(pkt.frag[0].data, 0xff, 14);
			pkt.frag[pkt.nfrags - 1].len = len - (pkt.nfrags - 1) * a.frames->chunk_size;
			a.port->ops->tx_commit(a.port, &pkt);
		}
		a.port->ops->tx_flush(a.port);
	}
	_exit(0);
}

static void bench_one_way(enum xsk_mode mode, uint32_t mtu, uint32_t len)
{
	struct io_pkt pkts[IO_BURST];
	uint64_t got = 0, bytes = 0, t0, until;
	pid_t pid;

	if (!open_both(mode, mtu, true))
		return;
	t0 = clock_now_ns();
	until = t0 + 1000000000u;
	pid = fork();
	if (!pid) {
		pin(0);
		bench_sender(len, until);
	}
	pin(1);
	while (clock_now_ns() < until) {
		int i, n = b.port->ops->rx(b.port, pkts, IO_BURST);

		for (i = 0; i < n; i++)
			bytes += pkts[i].len;
		got += (uint64_t)n;
		b.port->ops->rx_release(b.port, pkts, n);
	}
	waitpid(pid, NULL, 0);
	printf("one way, %s, %5u bytes: %.3f M frames/s, %.2f Gbit/s\n", mode ? "generic" : "native", len,
	       1e-6 * (double)got, 8e-9 * (double)bytes);
	a.port->ops->close(a.port);
	b.port->ops->close(b.port);
	close(a.link);
	close(b.link);
	sh("ip link del xa");
}

static void bounce(struct end *e, bool serve, uint64_t until, uint64_t *rounds, uint32_t flight)
{
	struct io_pkt pkts[IO_BURST], out;
	int i, n = serve ? (int)flight : 0;

	for (; clock_now_ns() < until; n = e->port->ops->rx(e->port, pkts, IO_BURST)) {
		if (!n)
			continue;
		for (i = 0; i < n; i++) {
			if (e->port->ops->tx_reserve(e->port, &out, 64))
				continue;
			memset(out.frag[0].data, 0xff, 64);
			out.frag[0].len = 64;
			e->port->ops->tx_commit(e->port, &out);
		}
		e->port->ops->tx_flush(e->port);
		*rounds += (uint64_t)n;
		if (!serve)
			e->port->ops->rx_release(e->port, pkts, n);
		else if (*rounds > flight)
			e->port->ops->rx_release(e->port, pkts, n);
	}
}

static void bench_ping_pong(uint32_t flight)
{
	uint64_t rounds = 0, until;
	pid_t pid;

	if (!open_both(XSK_MODE_NATIVE, 1500, true))
		return;
	until = clock_now_ns() + 1000000000u;
	pid = fork();
	pin(pid ? 1 : 0);
	bounce(pid ? &a : &b, pid != 0, until, &rounds, flight);
	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	printf("ping-pong, 64 bytes, %u in flight, spinning: %.2f us a round trip, %.3f M/s\n", flight,
	       1e6 * flight / (double)rounds, 1e-6 * (double)rounds);
	a.port->ops->close(a.port);
	b.port->ops->close(b.port);
	close(a.link);
	close(b.link);
	sh("ip link del xa");
}

static void bench(void)
{
	bench_one_way(XSK_MODE_NATIVE, 1500, 64);
	bench_one_way(XSK_MODE_NATIVE, 1500, 1514);
	bench_one_way(XSK_MODE_NATIVE, 9000, 9014);
	bench_one_way(XSK_MODE_NATIVE, 65000, 65014);
	bench_one_way(XSK_MODE_GENERIC, 1500, 64);
	bench_one_way(XSK_MODE_GENERIC, 1500, 1514);
	bench_one_way(XSK_MODE_GENERIC, 65000, 65014);
	bench_ping_pong(1);
	bench_ping_pong(64);
}

static int setup_end(struct end *e)
{
	int fd = memfd_create("xsk_check", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)CHUNKS * 4096))
		return -1;
	e->area = mmap(NULL, (size_t)CHUNKS * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	e->frames = calloc(1, sizeof(*e->frames) + CHUNKS * sizeof(uint32_t));
	if (e->area == MAP_FAILED || !e->frames)
		return -1;
	e->frames->chunk_size = 4096;
	e->frames->chunks = CHUNKS;
	return 0;
}

int main(int argc, char **argv)
{
	if (unshare(CLONE_NEWNET) || setup_end(&a) || setup_end(&b)) {
		printf("skip - xsk: no network namespace or memory: %s\n", strerror(errno));
		return 77;
	}
	sh("ip link set lo up; sysctl -qw net.ipv6.conf.default.disable_ipv6=1");
	if (argc > 1 && !strcmp(argv[1], "bench")) {
		bench();
		return 0;
	}
	alarm(60);
	test_transfer(XSK_MODE_NATIVE, 1500, 100000);
	test_transfer(XSK_MODE_NATIVE, 9000, 10000);
	test_transfer(XSK_MODE_NATIVE, 65000, 1000);
	test_transfer(XSK_MODE_GENERIC, 1500, 100000);
	test_transfer(XSK_MODE_GENERIC, 9000, 10000);
	test_transfer(XSK_MODE_GENERIC, 65000, 1000);
	test_tx_metadata();
	test_half_pages();
	test_forged_meta();
	test_reserve();
	test_hold();
	test_recover();
	test_reopen();
	test_busy();
	test_link(XSK_MODE_NATIVE);
	test_link(XSK_MODE_GENERIC);
	test_too_long();
	test_queues();
	return failed != 0;
}
