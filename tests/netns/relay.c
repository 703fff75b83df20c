/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * relay - a bad wire: forwards frames between two interfaces with delay, loss,
 * duplication, reordering, corruption, congestion marks and a rate limit, for kernels
 * without netem.
 *
 *	relay [OPTIONS] IFACE IFACE	until SIGTERM; prints "ready", and counters at the end
 *
 * --lose B:N and --stall B:MS meddle with one byte of the stream: the first N frames that carry it are lost; the first one,
 * and all that follow it in that direction, are late together. Bytes count from 0, of the newest connection that
 * sent a SYN in a direction that is impaired.
 *
 * SIGUSR1 toggles a black hole: every frame is lost. What happens to the n-th frame of
 * a direction depends on the seed alone.
 *
 * PACKET_VNET_HDR goes in front of each frame both ways, so that checksums left to the
 * device and segments left to be cut reach the other side as they came. Before a frame
 * is corrupted its checksum is completed: else the damage would be summed in.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

#define FRAME_MAX (sizeof(struct virtio_net_hdr) + 131072)
#define QUEUE_FRAMES 65536
#define QUEUE_BYTES (256u << 20)
#define BURST 64
#define MEDDLES 8

struct options {
	double loss, dup, reorder, corrupt; /* percent of frames */
	double mark;			    /* percent of those that are ECN-capable: CE is set */
	uint64_t delay_ns, jitter_ns, gap_ns;
	uint64_t rate_bps;    /* 0: no limit */
	uint64_t limit_bytes; /* what may wait for the rate limit */
	uint64_t seed;
	int directions; /* bit 0: first to second is impaired, bit 1: second to first */
	struct meddle {
		uint32_t byte;
		uint32_t copies; /* still to be lost */
		uint64_t stall_ns;
	} meddle[MEDDLES];
	int meddles;
};

struct frame {
	uint64_t due_ns;
	uint64_t order; /* equal times leave as they came */
	int dir;
	uint32_t len;
	uint8_t data[]; /* virtio_net_hdr, then the frame */
};

struct dir {
	uint64_t random;
	uint64_t free_ns; /* when the rate-limited link has sent all that waits */
	uint64_t last_ns; /* when the latest frame in order leaves */
	uint32_t first;	  /* sequence number of byte 0 */
	uint64_t frames, bytes, lost, duplicated, reordered, corrupted, marked, overflow, failed;
};

static struct options opt = { .limit_bytes = 256 << 10, .gap_ns = 2000000, .seed = 1, .directions = 3 };
static struct frame *heap[QUEUE_FRAMES];
static uint32_t heap_count;
static uint64_t heap_bytes, next_order;
static struct dir dirs[2];
static int fds[2];
static volatile sig_atomic_t stopping, black_hole;

static void on_signal(int sig)
{
	if (sig == SIGUSR1)
		black_hole = !black_hole;
	else
		stopping = 1;
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* splitmix64 */
static uint64_t draw(struct dir *d)
{
	uint64_t z = (d->random += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static int chance(struct dir *d, double percent)
{
	return (double)(draw(d) >> 11) / 9007199254740992.0 * 100.0 < percent;
}

static int before(const struct frame *a, const struct frame *b)
{
	return a->due_ns < b->due_ns || (a->due_ns == b->due_ns && a->order < b->order);
}

static void heap_push(struct frame *f)
{
	uint32_t i = heap_count++;

	for (; i && before(f, heap[(i - 1) / 2]); i = (i - 1) / 2)
		heap[i] = heap[(i - 1) / 2];
	heap[i] = f;
	heap_bytes += f->len;
}

static struct frame *heap_pop(void)
{
	struct frame *top = heap[0], *last = heap[--heap_count];
	uint32_t i = 0, child;

	while ((child = 2 * i + 1) < heap_count) {
		if (child + 1 < heap_count && before(heap[child + 1], heap[child]))
			child++;
		if (!before(heap[child], last))
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = last;
	heap_bytes -= top->len;
	return top;
}

/* False: the whole checksum is the partial one by chance, one in 65,536. Nobody could tell, and damage would be believed. */
static int complete_checksum(struct virtio_net_hdr *vh, uint8_t *eth, uint32_t len)
{
	uint8_t was[2];
	uint32_t at = vh->csum_start, field = at + vh->csum_offset;
	uint64_t sum = 0;

	if (!(vh->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return 1;
	vh->flags = 0;
	if (field + 2 > len)
		return 1;
	memcpy(was, eth + field, 2);
	for (; at + 1 < len; at += 2)
		sum += (uint32_t)(eth[at] << 8 | eth[at + 1]);
	if (at < len)
		sum += (uint32_t)eth[at] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	eth[field] = (uint8_t)(~sum >> 8);
	eth[field + 1] = (uint8_t)~sum;
	return memcmp(was, eth + field, 2) != 0;
}

/* One bit flips, past the Ethernet header, in IP only: ARP has no checksum and would poison a neighbour table. */
static int corrupt(struct dir *d, struct frame *f)
{
	struct virtio_net_hdr *vh = (struct virtio_net_hdr *)f->data;
	uint8_t *eth = f->data + sizeof(*vh);
	uint32_t len = f->len - (uint32_t)sizeof(*vh), bit;
	uint16_t type;

	if (len <= ETH_HLEN || vh->gso_type != VIRTIO_NET_HDR_GSO_NONE)
		return 0;
	type = (uint16_t)(eth[12] << 8 | eth[13]);
	if (type != ETH_P_IP && type != ETH_P_IPV6)
		return 0;
	if (!complete_checksum(vh, eth, len))
		return 0;
	bit = (uint32_t)(draw(d) % ((len - ETH_HLEN) * 8));
	eth[ETH_HLEN + bit / 8] ^= (uint8_t)(1u << bit % 8);
	return 1;
}

/* The TCP segment in a frame: 0 and how many bytes it carries, or -1. */
static int tcp_of(const uint8_t *data, uint32_t len, const uint8_t **tcp, uint32_t *text)
{
	const uint8_t *ip = data + sizeof(struct virtio_net_hdr) + ETH_HLEN;
	uint32_t ip_len, header, room = len - (uint32_t)sizeof(struct virtio_net_hdr);

	if (room < ETH_HLEN + 60)
		return -1;
	if (ip[-2] == 8 && ip[-1] == 0 && ip[9] == IPPROTO_TCP) {
		header = (ip[0] & 15u) * 4;
		ip_len = (uint32_t)(ip[2] << 8 | ip[3]);
	} else if (ip[-2] == 0x86 && ip[-1] == 0xdd && ip[6] == IPPROTO_TCP) {
		header = 40;
		ip_len = 40 + (uint32_t)(ip[4] << 8 | ip[5]);
	} else {
		return -1;
	}
	*tcp = ip + header;
	header += (uint32_t)((*tcp)[12] >> 4) * 4;
	if (ip_len < header || ip_len + ETH_HLEN > room)
		return -1;
	*text = ip_len - header;
	return 0;
}

/* 1: the frame is lost by --lose. */
static int meddle(struct dir *d, const uint8_t *data, uint32_t len, uint64_t t)
{
	const uint8_t *tcp;
	uint32_t text, seq;

	if (!opt.meddles || tcp_of(data, len, &tcp, &text))
		return 0;
	seq = (uint32_t)tcp[4] << 24 | (uint32_t)tcp[5] << 16 | (uint32_t)tcp[6] << 8 | tcp[7];
	if (tcp[13] & 2)
		d->first = seq + 1;
	for (struct meddle *m = opt.meddle; m < opt.meddle + opt.meddles; m++) {
		if (d->first + m->byte - seq >= text)
			continue;
		if (m->stall_ns) {
			d->last_ns = t + opt.delay_ns + m->stall_ns;
			m->stall_ns = 0;
		}
		if (m->copies) {
			m->copies--;
			return 1;
		}
	}
	return 0;
}

static void ip4_checksum(uint8_t *ip)
{
	uint32_t sum = 0;

	ip[10] = ip[11] = 0;
	for (int i = 0; i < (ip[0] & 15) * 4; i += 2)
		sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	ip[10] = (uint8_t)(~sum >> 8);
	ip[11] = (uint8_t)~sum;
}

/* What a router does that feels a queue grow (RFC 3168 5): ECT becomes CE, Not-ECT stays. */
static int mark(struct dir *d, uint8_t *eth, uint32_t len)
{
	uint16_t type = (uint16_t)(eth[12] << 8 | eth[13]);
	uint8_t *ip = eth + ETH_HLEN;
	int shift = type == ETH_P_IP ? 0 : 4, ecn;

	if ((type != ETH_P_IP && type != ETH_P_IPV6) || len < ETH_HLEN + 40)
		return 0;
	ecn = ip[1] >> shift & 3;
	if ((ecn != 1 && ecn != 2) || !chance(d, opt.mark))
		return 0;
	ip[1] |= (uint8_t)(3 << shift);
	if (type == ETH_P_IP)
		ip4_checksum(ip);
	return 1;
}

/* When the frame leaves; 0: no room for it in the rate limiter's queue. */
static uint64_t schedule(struct dir *d, uint32_t len, uint64_t t)
{
	uint64_t due = t, backlog_ns;

	if (opt.rate_bps) {
		backlog_ns = d->free_ns > t ? d->free_ns - t : 0;
		if ((double)backlog_ns * (double)opt.rate_bps / 8e9 > (double)opt.limit_bytes)
			return 0;
		d->free_ns = t + backlog_ns + (uint64_t)((double)len * 8e9 / (double)opt.rate_bps);
		due = d->free_ns;
	}
	due += opt.delay_ns;
	if (opt.jitter_ns)
		due += draw(d) % opt.jitter_ns;
	/* Jitter alone does not reorder. */
	if (due < d->last_ns)
		due = d->last_ns;
	d->last_ns = due;
	if (chance(d, opt.reorder)) {
		d->reordered++;
		due += opt.gap_ns;
	}
	return due;
}

static void enqueue(int dir, const uint8_t *data, uint32_t len, uint64_t due, int damaged)
{
	struct dir *d = &dirs[dir];
	struct frame *f = NULL;

	if (heap_count < QUEUE_FRAMES && heap_bytes + len <= QUEUE_BYTES)
		f = malloc(sizeof(*f) + len);
	if (!f) {
		d->overflow++;
		return;
	}
	f->due_ns = due;
	f->order = next_order++;
	f->dir = dir;
	f->len = len;
	memcpy(f->data, data, len);
	if (damaged)
		d->corrupted += (uint64_t)corrupt(d, f);
	heap_push(f);
}

static void receive(int dir, uint8_t *data, uint32_t len, uint64_t t)
{
	struct dir *d = &dirs[dir];
	uint64_t due = t;
	int copies = 1, damaged = 0;

	d->frames++;
	d->bytes += len;
	if (black_hole || (opt.directions & 1 << dir && (chance(d, opt.loss) | meddle(d, data, len, t)))) {
		d->lost++;
		return;
	}
	if (opt.directions & 1 << dir) {
		if (opt.mark > 0) /* drawn for only then: what a seed does stays as it was */
			d->marked += (uint64_t)mark(d, data + sizeof(struct virtio_net_hdr),
						    len - (uint32_t)sizeof(struct virtio_net_hdr));
		copies += chance(d, opt.dup);
		damaged = chance(d, opt.corrupt);
		due = schedule(d, len, t);
		if (!due) {
			d->overflow++;
			return;
		}
	}
	d->duplicated += (uint64_t)copies - 1;
	while (copies--)
		enqueue(dir, data, len, due, damaged);
}

static void send_due(uint64_t t)
{
	while (heap_count && heap[0]->due_ns <= t) {
		struct frame *f = heap_pop();
		struct virtio_net_hdr *vh = (struct virtio_net_hdr *)f->data;

		vh->flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM;
		if (send(fds[!f->dir], f->data, f->len, MSG_DONTWAIT) < 0)
			dirs[f->dir].failed++;
		free(f);
	}
}

static int packet_socket(const char *iface)
{
	int one = 1, size = 64 << 20, fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct packet_mreq promisc = { .mr_type = PACKET_MR_PROMISC };

	addr.sll_ifindex = promisc.mr_ifindex = (int)if_nametoindex(iface);
	if (fd < 0 || !addr.sll_ifindex || setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promisc, sizeof(promisc)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		fprintf(stderr, "relay: cannot open a packet socket on %s: %s\n", iface, strerror(errno));
		exit(1);
	}
	return fd;
}

static const struct option long_options[] = {
	{ "delay", 1, NULL, 'd' },  /* milliseconds, each way */
	{ "jitter", 1, NULL, 'j' }, /* milliseconds added, uniformly; order is kept */
	{ "loss", 1, NULL, 'l' },   /* percent, as the next three */
	{ "dup", 1, NULL, 'u' },     { "reorder", 1, NULL, 'r' },
	{ "corrupt", 1, NULL, 'c' }, { "gap", 1, NULL, 'g' }, /* milliseconds by which a reordered frame is late (2) */
	{ "rate", 1, NULL, 'b' },			      /* Mbit/s */
	{ "limit", 1, NULL, 'q' },			      /* bytes waiting for the rate limit (262144) */
	{ "mark", 1, NULL, 'm' },			      /* percent of ECN-capable frames */
	{ "only", 1, NULL, 'o' },			      /* ab or ba: impair that direction alone */
	{ "lose", 1, NULL, 'L' },    { "stall", 1, NULL, 'S' }, /* see above; several of them may be given */
	{ "seed", 1, NULL, 's' },    { NULL, 0, NULL, 0 },
};

/* B:N or B:MS */
static void parse_meddle(const char *text, int stall)
{
	struct meddle m = { 0 };
	unsigned int byte, n;

	if (opt.meddles == MEDDLES || sscanf(text, "%u:%u", &byte, &n) != 2)
		exit(2);
	m.byte = byte;
	if (stall)
		m.stall_ns = n * 1000000ull;
	else
		m.copies = n;
	opt.meddle[opt.meddles++] = m;
}

static void parse(int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		double v = optarg ? strtod(optarg, NULL) : 0;

		switch (c) {
		case 'd': opt.delay_ns = (uint64_t)(v * 1e6); break;
		case 'j': opt.jitter_ns = (uint64_t)(v * 1e6); break;
		case 'g': opt.gap_ns = (uint64_t)(v * 1e6); break;
		case 'l': opt.loss = v; break;
		case 'u': opt.dup = v; break;
		case 'r': opt.reorder = v; break;
		case 'c': opt.corrupt = v; break;
		case 'm': opt.mark = v; break;
		case 'b': opt.rate_bps = (uint64_t)(v * 1e6); break;
		case 'q': opt.limit_bytes = (uint64_t)v; break;
		case 'L': parse_meddle(optarg, 0); break;
		case 'S': parse_meddle(optarg, 1); break;
		case 's': opt.seed = strtoull(optarg, NULL, 0); break;
		case 'o': opt.directions = optarg[0] == 'a' ? 1 : 2; break;
		default: exit(2);
		}
	}
	if (argc - optind != 2) {
		fputs("usage: relay [--delay MS] [--jitter MS] [--loss %] [--dup %] [--reorder % [--gap MS]] [--corrupt %]\n"
		      "             [--mark %] [--rate MBIT/S [--limit BYTES]] [--only ab|ba] [--lose B:N] [--stall B:MS] [--seed N] IFACE IFACE\n",
		      stderr);
		exit(2);
	}
}

static void turn(uint8_t *buf, const sigset_t *unblocked)
{
	struct pollfd p[2] = { { .fd = fds[0], .events = POLLIN }, { .fd = fds[1], .events = POLLIN } };
	struct timespec wait = { 0 };
	uint64_t t = now();

	if (heap_count && heap[0]->due_ns > t) {
		wait.tv_sec = (time_t)((heap[0]->due_ns - t) / 1000000000u);
		wait.tv_nsec = (long)((heap[0]->due_ns - t) % 1000000000u);
	}
	if (ppoll(p, 2, heap_count ? &wait : NULL, unblocked) < 0)
		return;
	t = now();
	for (int dir = 0; dir < 2; dir++) {
		for (int i = 0; p[dir].revents && i < BURST; i++) {
			ssize_t n = recv(fds[dir], buf, FRAME_MAX, MSG_DONTWAIT);

			if (n <= (ssize_t)sizeof(struct virtio_net_hdr))
				break;
			receive(dir, buf, (uint32_t)n, t);
		}
	}
	send_due(now());
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_signal };
	uint8_t *buf = malloc(FRAME_MAX);
	sigset_t blocked, unblocked;

	parse(argc, argv);
	for (int i = 0; i < 2; i++) {
		fds[i] = packet_socket(argv[optind + i]);
		dirs[i].random = opt.seed * 2 + (uint64_t)i;
	}
	/* Signals are let in while waiting only: none is missed between a look and a wait. */
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, &unblocked);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	prctl(PR_SET_TIMERSLACK, 1);
	puts("ready");
	fflush(stdout);
	while (!stopping && buf)
		turn(buf, &unblocked);
	for (int i = 0; i < 2; i++)
		printf("%s frames %lu bytes %lu lost %lu duplicated %lu reordered %lu corrupted %lu marked %lu overflow %lu failed %lu\n",
		       i ? "ba" : "ab", dirs[i].frames, dirs[i].bytes, dirs[i].lost, dirs[i].duplicated,
		       dirs[i].reordered, dirs[i].corrupted, dirs[i].marked, dirs[i].overflow, dirs[i].failed);
	free(buf);
	return 0;
}
