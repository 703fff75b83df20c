/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * bench.h - what the benchmark's programs share: one set of options, a clock, a
 * measuring window, a latency histogram and the line of JSON that run.sh reads.
 *
 * A program has a role. `serve` (echo, in raw_xsk) answers until it is told to stop; `rr` (ping), `crr`
 * and `sink` measure; `source` feeds a sink until that goes away. What measures prints one line of JSON and
 * exits 0; whatever could not be measured is a line on stderr and exit code 1, never a figure.
 *
 * Each *.c here is a program of its own (Makefile), hence functions in a header.
 */
#ifndef BENCH_H
#define BENCH_H

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BENCH_BULK (256 * 1024) /* bytes given to one send or recv of bulk data */
#define BENCH_SIZE_MAX 65536	/* largest request, bytes */
#define BENCH_CONNS_MAX 1000000

#define NS_PER_S 1000000000ull

struct bench {
	const char *role;
	const char *ifname;
	const char *cc;	  /* kernel_tcp: TCP_CONGESTION; NULL: the system's */
	const char *mode; /* of XDP: auto, native, generic */
	struct sockaddr_storage addr;
	uint16_t port;
	unsigned int ports; /* this many from port on; crr takes them in turn */
	unsigned int conns;
	unsigned int size;  /* bytes of a request and of its answer; raw_xsk: payload of a frame */
	unsigned int ack;   /* raw_xsk sink: a short frame back for every so many; 0: none */
	unsigned int limit; /* seconds this process may live */
	double seconds, warmup;
	int cpu;
	bool spin, zero_copy, verbose;
	bool direct; /* kernel_tcp: spin without epoll on a lone connection */
};

static volatile sig_atomic_t bench_stop, bench_late;

static void bench_on_signal(int sig)
{
	bench_late = bench_late || sig == SIGALRM;
	bench_stop = 1;
}

static inline uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* --- Requests: bytes that tell one connection from another, made once --- */

#define BENCH_PATTERN 4096u /* connections that differ */

static uint8_t bench_pattern[BENCH_SIZE_MAX + BENCH_PATTERN];

static inline void bench_make_pattern(void)
{
	uint32_t v = 1;

	for (size_t i = 0; i < sizeof(bench_pattern); i++) {
		v = v * 1664525u + 1013904223u;
		bench_pattern[i] = (uint8_t)(v >> 24);
	}
}

/* The request of connection id. */
static inline const uint8_t *bench_request(unsigned int id)
{
	return bench_pattern + id % BENCH_PATTERN;
}

/* --- Options --- */

static const struct option bench_options[] = {
	{ "iface", required_argument, NULL, 'i' },   { "mode", required_argument, NULL, 'm' },
	{ "addr", required_argument, NULL, 'a' },    { "port", required_argument, NULL, 'p' },
	{ "ports", required_argument, NULL, 'P' },   { "conns", required_argument, NULL, 'c' },
	{ "size", required_argument, NULL, 's' },    { "ack", required_argument, NULL, 'A' },
	{ "seconds", required_argument, NULL, 't' }, { "warmup", required_argument, NULL, 'w' },
	{ "cpu", required_argument, NULL, 'C' },     { "limit", required_argument, NULL, 'l' },
	{ "cc", required_argument, NULL, 'G' },	     { "spin", no_argument, NULL, 'S' },
	{ "direct", no_argument, NULL, 'd' },	     { "zero-copy", no_argument, NULL, 'z' },
	{ "verbose", no_argument, NULL, 'v' },	     { 0 },
};

static inline _Noreturn void bench_usage(const char *roles)
{
	fprintf(stderr,
		"usage: %s %s [OPTION...]\n"
		"  --iface NAME --mode auto|native|generic   interface and XDP mode, where used\n"
		"  --addr ADDR --port N --ports N            where to listen or connect (IPv4 or IPv6)\n"
		"  --conns N --size BYTES                    connections or frames in flight; request and answer\n"
		"  --seconds S --warmup S --limit S          measured, before that, and end of patience\n"
		"  --cpu N --spin --direct                   pin to N; poll instead of sleeping; without epoll\n"
		"  --cc NAME                                 kernel: congestion control\n"
		"  --zero-copy --ack N --verbose             peek and reserve; raw: a frame back for N; counters\n",
		program_invocation_short_name, roles);
	exit(2);
}

static inline unsigned int bench_number(const char *what, const char *text, unsigned int lowest, unsigned int highest)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || v < lowest || v > highest)
		errx(2, "--%s %s: a number from %u to %u is wanted", what, text, lowest, highest);
	return (unsigned int)v;
}

static inline double bench_seconds(const char *what, const char *text)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end || !(v >= 0 && v <= 3600))
		errx(2, "--%s %s: seconds are wanted, 3600 at most", what, text);
	return v;
}

static inline void bench_address(struct bench *b, const char *text)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&b->addr;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&b->addr;

	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1)
		b->addr.ss_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1)
		b->addr.ss_family = AF_INET6;
	else
		errx(2, "--addr %s: not an address", text);
}

static inline void bench_option(struct bench *b, int opt, const char *arg, const char *roles)
{
	switch (opt) {
	case 'G': b->cc = arg; break;
	case 'i': b->ifname = arg; break;
	case 'm': b->mode = arg; break;
	case 'a': bench_address(b, arg); break;
	case 'p': b->port = (uint16_t)bench_number("port", arg, 1, 65535); break;
	case 'P': b->ports = bench_number("ports", arg, 1, 64); break;
	case 'c': b->conns = bench_number("conns", arg, 1, BENCH_CONNS_MAX); break;
	case 's': b->size = bench_number("size", arg, 1, BENCH_SIZE_MAX); break;
	case 'A': b->ack = bench_number("ack", arg, 0, 1024); break;
	case 't': b->seconds = bench_seconds("seconds", arg); break;
	case 'w': b->warmup = bench_seconds("warmup", arg); break;
	case 'C': b->cpu = (int)bench_number("cpu", arg, 0, CPU_SETSIZE - 1); break;
	case 'l': b->limit = bench_number("limit", arg, 1, 86400); break;
	case 'S': b->spin = true; break;
	case 'd': b->direct = b->spin = true; break;
	case 'z': b->zero_copy = true; break;
	case 'v': b->verbose = true; break;
	default: bench_usage(roles);
	}
}

/* Options, processor, signals. From now on bench_stop becomes true when time is up or somebody asks. */
static inline void bench_start(struct bench *b, int argc, char **argv, const char *roles)
{
	struct sigaction sa = { .sa_handler = bench_on_signal };
	cpu_set_t set;
	int opt;

	*b = (struct bench){
		.mode = "auto",
		.port = 7000,
		.ports = 1,
		.conns = 1,
		.size = 64,
		.seconds = 2,
		.warmup = 0.3,
		.cpu = -1,
	};
	bench_address(b, "0.0.0.0");
	if (argc < 2 || argv[1][0] == '-')
		bench_usage(roles);
	b->role = argv[1];
	optind = 2;
	while ((opt = getopt_long(argc, argv, "G:i:m:a:p:P:c:s:A:t:w:C:l:Sdzv", bench_options, NULL)) != -1)
		bench_option(b, opt, optarg, roles);
	if (optind != argc)
		bench_usage(roles);
	if (b->port + b->ports > 65536)
		errx(2, "--port %u --ports %u: there are no such ports", b->port, b->ports);
	if (!b->limit)
		b->limit = (unsigned int)(b->seconds + b->warmup) + 10;
	bench_make_pattern();
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGALRM, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	alarm(b->limit);
	if (b->cpu >= 0) {
		CPU_ZERO(&set);
		CPU_SET(b->cpu, &set);
		if (sched_setaffinity(0, sizeof(set), &set))
			err(1, "--cpu %d", b->cpu);
	}
}

static inline const struct sockaddr *bench_sockaddr(struct bench *b, uint16_t port)
{
	if (b->addr.ss_family == AF_INET)
		((struct sockaddr_in *)&b->addr)->sin_port = htons(port);
	else
		((struct sockaddr_in6 *)&b->addr)->sin6_port = htons(port);
	return (const struct sockaddr *)&b->addr;
}

static inline socklen_t bench_addrlen(const struct bench *b)
{
	return b->addr.ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

/* Tell run.sh that the other end may start. */
static inline void bench_ready(void)
{
	puts("ready");
	fflush(stdout);
}

/* --- Latency: 128 buckets for each power of two, so that a percentile is within 1 % --- */

#define HIST_SUB 128u
#define HIST_BUCKETS (58u * HIST_SUB)

struct hist {
	uint64_t n, max;
	uint64_t bucket[HIST_BUCKETS];
};

static inline uint32_t hist_index(uint64_t ns)
{
	uint32_t shift;

	if (ns < HIST_SUB)
		return (uint32_t)ns;
	shift = 56 - (uint32_t)__builtin_clzll(ns); /* leaves HIST_SUB .. 2 * HIST_SUB - 1 */
	return shift * HIST_SUB + (uint32_t)(ns >> shift);
}

static inline void hist_add(struct hist *h, uint64_t ns)
{
	h->bucket[hist_index(ns)]++;
	h->n++;
	if (ns > h->max)
		h->max = ns;
}

/* Upper end of the bucket that holds the quantile, ns. */
static inline uint64_t hist_quantile(const struct hist *h, double q)
{
	uint64_t want = (uint64_t)(q * (double)h->n), seen = 0;
	uint32_t i, shift;

	for (i = 0; i < HIST_BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen > want)
			break;
	}
	if (i < 2 * HIST_SUB)
		return i;
	shift = i / HIST_SUB - 1;
	return (((uint64_t)(i % HIST_SUB) + HIST_SUB + 1) << shift) - 1;
}

/* --- The measuring window --- */

struct meter {
	uint64_t count;	   /* everything so far; the caller adds */
	uint64_t from, to; /* planned, ns; 0: not yet begun */
	uint64_t began, at_began;
	uint64_t ended, at_ended;
	struct hist hist;
};

/* Call once a turn. True when the window is over. The first call begins the warm-up. */
static inline bool meter_tick(struct meter *m, const struct bench *b, uint64_t now)
{
	if (!m->from) {
		m->from = now + (uint64_t)(b->warmup * 1e9);
		m->to = m->from + (uint64_t)(b->seconds * 1e9);
		return false;
	}
	if (now < m->from)
		return false;
	if (!m->began) {
		m->began = now;
		m->at_began = m->count;
		memset(&m->hist, 0, sizeof(m->hist));
		return false;
	}
	if (now < m->to)
		return false;
	m->ended = now;
	m->at_ended = m->count;
	return true;
}

/*
 * The result, or the reason why there is none. bytes: each counted thing carried so many (1: the count is bytes).
 * Returns the exit code.
 */
static inline int meter_report(const struct meter *m, const struct bench *b, const char *unit, unsigned int bytes)
{
	double count, seconds;

	if (!m->ended) {
		warnx("%s: not measured: %s after %" PRIu64 " %s", b->role, bench_late ? "time was up" : "stopped",
		      m->count, unit);
		return 1;
	}
	count = (double)(m->at_ended - m->at_began);
	seconds = (double)(m->ended - m->began) / 1e9;
	if (count <= 0) {
		warnx("%s: not measured: nothing arrived in %.2f s", b->role, seconds);
		return 1;
	}
	printf("{\"role\":\"%s\",\"spin\":%s,\"conns\":%u,\"size\":%u,\"seconds\":%.3f,\"unit\":\"%s\",\"rate\":%.1f,"
	       "\"gbps\":%.4f",
	       b->role, b->spin ? "true" : "false", b->conns, b->size, seconds, unit, count / seconds,
	       count * bytes * 8 / seconds / 1e9);
	if (m->hist.n)
		printf(",\"p50_us\":%.2f,\"p99_us\":%.2f,\"p999_us\":%.2f,\"max_us\":%.2f",
		       (double)hist_quantile(&m->hist, 0.5) / 1e3, (double)hist_quantile(&m->hist, 0.99) / 1e3,
		       (double)hist_quantile(&m->hist, 0.999) / 1e3, (double)m->hist.max / 1e3);
	puts("}");
	return fflush(stdout) ? 1 : 0;
}

#endif
