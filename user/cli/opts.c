// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* opts.c - the option table: parsing, checking and the text of --help. See opts.h. */
#include "cli/opts.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fail.h"

#define BUFFER_MIN (4u << 10) /* of one connection, one way; xtcp.h */
#define BUFFER_MAX (1u << 30)
#define MEMORY_DEFAULT (1ull << 30) /* for all buffers */

struct row {
	uint32_t bit;
	char letter; /* 0: long name only */
	const char *name;
	const char *arg; /* NULL: a flag */
	const char *help;
	int (*set)(struct opts *o, const char *arg); /* 0, or -errno with fail() */
};

/* All digits, at most max. */
static int number(const char *text, uint64_t max, uint64_t *out)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return *end || errno || *out > max ? -EINVAL : 0;
}

static int set_interface(struct opts *o, const char *arg)
{
	if (!*arg)
		return fail(EINVAL, "-i: an interface has a name");
	o->conf.ifname = arg;
	return 0;
}

static int set_mode(struct opts *o, const char *arg)
{
	if (!strcmp(arg, "auto"))
		o->conf.mode = XTCP_MODE_AUTO;
	else if (!strcmp(arg, "native"))
		o->conf.mode = XTCP_MODE_NATIVE;
	else if (!strcmp(arg, "generic"))
		o->conf.mode = XTCP_MODE_GENERIC;
	else
		return fail(EINVAL, "--mode: '%s' is none of auto, native, generic", arg);
	return 0;
}

static int set_prefer(struct opts *o, const char *arg)
{
	if (!strcmp(arg, "latency"))
		o->conf.prefer = XTCP_PREFER_LATENCY;
	else if (!strcmp(arg, "bulk"))
		o->conf.prefer = XTCP_PREFER_BULK;
	else
		return fail(EINVAL, "--prefer: '%s' is none of latency, bulk", arg);
	return 0;
}

static int set_huge_pages(struct opts *o, const char *arg)
{
	(void)arg;
	o->conf.huge_pages = true;
	return 0;
}

static int set_tx_csum(struct opts *o, const char *arg)
{
	if (!strcmp(arg, "auto"))
		o->conf.tx_csum = XTCP_TX_CSUM_AUTO;
	else if (!strcmp(arg, "off"))
		o->conf.tx_csum = XTCP_TX_CSUM_OFF;
	else if (!strcmp(arg, "on"))
		o->conf.tx_csum = XTCP_TX_CSUM_ON;
	else
		return fail(EINVAL, "--tx-csum: '%s' is none of auto, off, on", arg);
	return 0;
}

static int set_busy_poll(struct opts *o, const char *arg)
{
	if (!strcmp(arg, "auto"))
		o->conf.busy_poll = XTCP_BUSY_POLL_AUTO;
	else if (!strcmp(arg, "off"))
		o->conf.busy_poll = XTCP_BUSY_POLL_OFF;
	else if (!strcmp(arg, "on"))
		o->conf.busy_poll = XTCP_BUSY_POLL_ON;
	else
		return fail(EINVAL, "--busy-poll: '%s' is none of auto, off, on", arg);
	return 0;
}

static int set_json(struct opts *o, const char *arg)
{
	(void)arg;
	o->json = true;
	return 0;
}

static int set_trace(struct opts *o, const char *arg)
{
	(void)arg;
	o->trace = true;
	return 0;
}

static int set_pcap(struct opts *o, const char *arg)
{
	if (!*arg)
		return fail(EINVAL, "--pcap: a file has a name");
	o->conf.pcap = arg;
	return 0;
}

static int set_isn(struct opts *o, const char *arg)
{
	uint64_t n;

	if (number(arg, UINT32_MAX, &n))
		return fail(EINVAL, "--isn: '%s' is no number from 0 to 4294967295", arg);
	o->conf.isn = (int64_t)n;
	return 0;
}

static int set_cc(struct opts *o, const char *arg)
{
	o->conf.cc = arg;
	return 0;
}

static int set_mtu_probing(struct opts *o, const char *arg)
{
	if (!strcmp(arg, "auto"))
		o->conf.mtu_probing = XTCP_MTU_PROBING_AUTO;
	else if (!strcmp(arg, "off"))
		o->conf.mtu_probing = XTCP_MTU_PROBING_OFF;
	else if (!strcmp(arg, "always"))
		o->conf.mtu_probing = XTCP_MTU_PROBING_ALWAYS;
	else
		return fail(EINVAL, "--mtu-probing: '%s' is none of auto, off, always", arg);
	return 0;
}

static int set_mss_min(struct opts *o, const char *arg)
{
	uint64_t n;

	if (number(arg, 536, &n) || n < 48)
		return fail(EINVAL, "--mss-min: '%s' is no number from 48 to 536", arg);
	o->conf.mss_min = (uint32_t)n;
	return 0;
}

static int set_ecn(struct opts *o, const char *arg)
{
	static const char *const names[] = { [XTCP_ECN_PASSIVE] = "passive",
					     [XTCP_ECN_OFF] = "off",
					     [XTCP_ECN_ON] = "on",
					     [XTCP_ECN_ACCURATE] = "accurate" };

	for (int i = 0; i < 4; i++) {
		if (strcmp(arg, names[i]))
			continue;
		o->conf.ecn = (enum xtcp_ecn)i;
		return 0;
	}
	return fail(EINVAL, "--ecn: '%s' is none of off, passive, on, accurate", arg);
}

/* 4 KiB to 1 GiB: a number of bytes, or of K, M or G of them. */
static int size(const char *name, const char *arg, uint32_t *out)
{
	static const char units[] = "KMG";
	char *end = (char *)arg;
	const char *unit;
	uint64_t n = 0;

	errno = 0;
	if (isdigit((unsigned char)arg[0]))
		n = strtoull(arg, &end, 10);
	unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
	if (unit && !errno && n <= BUFFER_MAX) {
		n <<= 10 * (unit - units + 1);
		end++;
	}
	if (end == arg || *end || errno || n < BUFFER_MIN || n > BUFFER_MAX)
		return fail(EINVAL, "--%s: '%s' is no size from 4K to 1G bytes", name, arg);
	*out = (uint32_t)n;
	return 0;
}

static int set_sndbuf(struct opts *o, const char *arg)
{
	return size("sndbuf", arg, &o->conf.sndbuf_max);
}

static int set_rcvbuf(struct opts *o, const char *arg)
{
	return size("rcvbuf", arg, &o->conf.rcvbuf_max);
}

static int set_pacing(struct opts *o, const char *arg)
{
	(void)arg;
	o->conf.pacing = true;
	return 0;
}

static int set_verbose(struct opts *o, const char *arg)
{
	(void)arg;
	o->verbose = true;
	return 0;
}

static int set_port(struct opts *o, const char *arg)
{
	uint64_t n;

	if (number(arg, 65535, &n) || n == 0)
		return fail(EINVAL, "-p: '%s' is no port; give a number from 1 to 65535", arg);
	o->port = (uint16_t)n;
	return 0;
}

static int set_addr(struct opts *o, const char *arg)
{
	if (addr_parse(arg, &o->addr))
		return fail(EINVAL, "-a: '%s' is no IPv4 or IPv6 address", arg);
	o->has_addr = true;
	return 0;
}

/* 0 to 3600 seconds, with a fraction. */
static int seconds(const char *name, const char *arg, double least, double *out)
{
	char *end;

	*out = strtod(arg, &end);
	if (!isdigit((unsigned char)arg[0]) || *end || *out > 3600 || *out < least)
		return fail(EINVAL, "--%s: '%s' is no time from %g to 3600 seconds", name, arg, least);
	return 0;
}

static int set_fastopen(struct opts *o, const char *arg)
{
	(void)arg;
	o->fastopen = true;
	return 0;
}

static int set_md5(struct opts *o, const char *arg)
{
	if (o->md5s == OPTS_MD5_MAX)
		return fail(EINVAL, "--md5: at most %d", OPTS_MD5_MAX);
	o->md5[o->md5s++] = arg;
	return 0;
}

static int set_ao(struct opts *o, const char *arg)
{
	if (o->aos == OPTS_MD5_MAX)
		return fail(EINVAL, "--ao: at most %d", OPTS_MD5_MAX);
	o->ao[o->aos++] = arg;
	return 0;
}

static int set_seconds(struct opts *o, const char *arg)
{
	return seconds("seconds", arg, 0.01, &o->seconds);
}

static int set_warmup(struct opts *o, const char *arg)
{
	return seconds("warmup", arg, 0, &o->warmup_s);
}

/* A number from least to most. */
static int ranged(const char *name, const char *arg, uint32_t least, uint32_t most, uint32_t *out)
{
	uint64_t n;

	if (number(arg, most, &n) || n < least)
		return fail(EINVAL, "--%s: '%s' is no number from %u to %u", name, arg, least, most);
	*out = (uint32_t)n;
	return 0;
}

static int set_connections(struct opts *o, const char *arg)
{
	return ranged("connections", arg, 1, 4000000, &o->connections);
}

static int set_size(struct opts *o, const char *arg)
{
	return ranged("size", arg, 1, OPTS_SIZE_MAX, &o->size);
}

static int set_response(struct opts *o, const char *arg)
{
	return ranged("response", arg, 1, OPTS_SIZE_MAX, &o->response);
}

static int set_pipeline(struct opts *o, const char *arg)
{
	return ranged("pipeline", arg, 1, 1024, &o->pipeline);
}

static int set_in_flight(struct opts *o, const char *arg)
{
	return ranged("in-flight", arg, 1, 4000000, &o->in_flight);
}

static int set_ports(struct opts *o, const char *arg)
{
	return ranged("ports", arg, 1, 4096, &o->ports);
}

static int set_cpu(struct opts *o, const char *arg)
{
	uint32_t n = 0;
	int err = ranged("cpu", arg, 0, 1023, &n);

	if (!err)
		o->cpu = (int)n;
	return err;
}

/* A number with a fraction, from least to most. */
static int fraction(const char *name, const char *arg, double least, double most, double *out)
{
	char *end;

	*out = strtod(arg, &end);
	if (!isdigit((unsigned char)arg[0]) || *end || *out > most || *out < least)
		return fail(EINVAL, "--%s: '%s' is no number from %g to %.0f", name, arg, least, most);
	return 0;
}

static int set_rate(struct opts *o, const char *arg)
{
	return fraction("rate", arg, 0.1, 100e6, &o->rate);
}

static int set_active(struct opts *o, const char *arg)
{
	return fraction("active", arg, 0, 100, &o->active);
}

static int set_limit(struct opts *o, const char *arg)
{
	return seconds("limit", arg, 0.01, &o->limit_s);
}

static int set_source(struct opts *o, const char *arg)
{
	if (!*arg)
		return fail(EINVAL, "--source: give ADDR,ADDR... or ADDR/LEN");
	o->source = arg;
	return 0;
}

static int set_wait(struct opts *o, const char *arg)
{
	if (!strcmp(arg, "latency"))
		o->conf.waiting = XTCP_WAIT_LATENCY;
	else if (!strcmp(arg, "balanced"))
		o->conf.waiting = XTCP_WAIT_BALANCED;
	else if (!strcmp(arg, "power"))
		o->conf.waiting = XTCP_WAIT_POWER;
	else
		return fail(EINVAL, "--wait: '%s' is none of latency, balanced, power", arg);
	return 0;
}

static int set_queues(struct opts *o, const char *arg)
{
	uint64_t n;

	if (number(arg, CPUS_MAX, &n) || !n)
		return fail(EINVAL, "--queues: '%s' is no number from 1 to %d", arg, CPUS_MAX);
	o->engines = (uint32_t)n;
	return 0;
}

static int set_cpus(struct opts *o, const char *arg)
{
	int n = cpus_parse(arg, o->cpu_list);

	if (n < 0)
		return n;
	o->cpus = (uint32_t)n;
	return 0;
}

static int set_rule_port(struct opts *o, const char *arg)
{
	return rules_add(&o->rules, "--port", arg, false);
}

static int set_exclude(struct opts *o, const char *arg)
{
	return rules_add(&o->rules, "--exclude", arg, true);
}

static int set_fallback(struct opts *o, const char *arg)
{
	if (strcmp(arg, "kernel") && strcmp(arg, "fail"))
		return fail(EINVAL, "--fallback: '%s' is none of kernel, fail", arg);
	o->fallback_kernel = !strcmp(arg, "kernel");
	return 0;
}

static const struct row rows[] = {
	{ OPT_INTERFACE, 'i', "interface", "IFACE", "network interface to use", set_interface },
	{ OPT_PORT, 'p', "port", "PORT", "port to listen on", set_port },
	{ OPT_ADDR, 'a', "address", "ADDR", "listen on this address only (default: all of IFACE)", set_addr },
	{ OPT_MODE, 0, "mode", "MODE", "XDP mode: auto (default), native or generic", set_mode },
	{ OPT_PREFER, 0, "prefer", "WHAT", "what --mode auto chooses for: latency (default) or bulk", set_prefer },
	{ OPT_JSON, 0, "json", NULL, "print a summary as one JSON object", set_json },
	{ OPT_TRACE, 0, "trace", NULL, "print a ladder of all segments on stderr", set_trace },
	{ OPT_PCAP, 0, "pcap", "FILE", "capture all segments into FILE; '-' is stdout", set_pcap },
	{ OPT_ISN, 0, "isn", "N", "fixed initial sequence number, for teaching only", set_isn },
	{ OPT_CC, 0, "cc", "NAME", "congestion control (default cubic); help lists them", set_cc },
	{ OPT_ECN, 0, "ecn", "HOW", "congestion marks: off, passive (default: if the peer asks), on or accurate",
	  set_ecn },
	{ OPT_PACING, 0, "pacing", NULL, "spread what is sent over the round trip (bbr does it anyway)", set_pacing },
	{ OPT_MTU_PROBING, 0, "mtu-probing", "HOW", "find the path MTU by probes: auto (in a black hole), off, always",
	  set_mtu_probing },
	{ OPT_SNDBUF, 0, "sndbuf", "SIZE", "let a send buffer grow to SIZE bytes; K, M or G may follow", set_sndbuf },
	{ OPT_RCVBUF, 0, "rcvbuf", "SIZE", "let a receive buffer, and so the window, grow to SIZE bytes", set_rcvbuf },
	{ OPT_MSS_MIN, 0, "mss-min", "BYTES",
	  "believe peers that announce an MSS as small as this (default 536, IPv6 1220)", set_mss_min },
	{ OPT_MD5, 0, "md5", "PEER=FILE", "sign segments (RFC 2385): ADDR[/LEN]=FILE with the key", set_md5 },
	{ OPT_AO, 0, "ao", "KEY=FILE", "sign segments (RFC 5925): ADDR[/LEN][,id=N][,alg=aes-cmac]...=FILE", set_ao },
	{ OPT_FASTOPEN, 0, "fastopen", NULL, "data in the SYN (TCP Fast Open); it may arrive twice", set_fastopen },
	{ OPT_SECONDS, 0, "seconds", "S", "how long to measure (default 5)", set_seconds },
	{ OPT_WARMUP, 0, "warmup", "S", "how long to wait before that (default 1)", set_warmup },
	{ OPT_CONNECTIONS, 0, "connections", "N", "connections at once (default 1)", set_connections },
	{ OPT_LOAD, 0, "size", "BYTES", "of a request (default 64)", set_size },
	{ OPT_LOAD, 0, "response", "BYTES", "of the answer to it (default: as the request)", set_response },
	{ OPT_LOAD, 0, "pipeline", "N", "requests in flight on each connection (default 1)", set_pipeline },
	{ OPT_LOAD, 0, "in-flight", "N", "requests in flight on all connections, which take turns (default: no limit)",
	  set_in_flight },
	{ OPT_LOAD, 0, "rate", "R", "requests a second of all connections (default: as fast as they are answered)",
	  set_rate },
	{ OPT_LOAD, 0, "ports", "N", "use N ports, from PORT on (default 1)", set_ports },
	{ OPT_LOAD, 0, "source", "ADDRS", "connect from these addresses in turn: ADDR,ADDR... or ADDR/LEN",
	  set_source },
	{ OPT_LOAD, 0, "active", "PERCENT", "hold: so many of the connections then send requests (default 0)",
	  set_active },
	{ OPT_LOAD, 0, "cpu", "N", "run on this processor only", set_cpu },
	{ OPT_LOAD, 0, "limit", "S", "give up when all is not done after S seconds", set_limit },
	{ OPT_HUGE_PAGES, 0, "huge-pages", NULL, "ask for huge pages for connections, buffers and frames",
	  set_huge_pages },
	{ OPT_TX_CSUM, 0, "tx-csum", "HOW",
	  "leave checksums to the kernel, or with zero-copy to the device: auto (default), off, on", set_tx_csum },
	{ OPT_BUSY_POLL, 0, "busy-poll", "HOW",
	  "with --wait latency poll the device in place of its interrupts: auto (default), off, on", set_busy_poll },
	{ OPT_WAIT, 0, "wait", "HOW", "latency (never sleep), balanced (default) or power (sleep at once)", set_wait },
	{ OPT_RULES, 'p', "port", "PORT", "only this port is xtcp's (or ADDR, ADDR/LEN, ADDR:PORT); again and again",
	  set_rule_port },
	{ OPT_RULES, 0, "exclude", "PORT", "this port, ADDR, ADDR/LEN or ADDR:PORT stays the kernel's; again and again",
	  set_exclude },
	{ OPT_RULES, 0, "fallback", "WHAT", "if xtcp cannot start: fail (default), or run on the kernel's TCP",
	  set_fallback },
	{ OPT_QUEUES, 0, "queues", "N", "engines, which share the receive queues of IFACE (default 1)", set_queues },
	{ OPT_CPUS, 0, "cpus", "LIST", "run the engines on these CPUs, one each: 0,2-3", set_cpus },
	{ OPT_VERBOSE, 'v', "verbose", NULL, "say more on stderr", set_verbose },
	{ OPT_HELP, 'h', "help", NULL, "this text", NULL },
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

int opts_bad(const struct opts_use *use, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "xtcp: %s: %s; see 'xtcp %s --help'\n", use->name, text, use->name);
	return EXIT_USAGE;
}

/* The names of the algorithms, one a line. */
static int list_cc(void)
{
	for (unsigned int i = 0; xtcp_cc_name(i); i++)
		puts(xtcp_cc_name(i));
	return EXIT_DONE;
}

/* ... or in one line, for the help. */
static const char *cc_names(char *text, size_t size)
{
	size_t at = (size_t)snprintf(text, size, "congestion control:");

	for (unsigned int i = 0; xtcp_cc_name(i) && at < size; i++)
		at += (size_t)snprintf(text + at, size - at, "%s %s", i ? "," : "", xtcp_cc_name(i));
	if (at < size)
		snprintf(text + at, size - at, " (default cubic)");
	return text;
}

static int help(const struct opts_use *use)
{
	const struct command *c = commands;

	while (c->name && strcmp(c->name, use->name))
		c++;
	printf("usage: xtcp %s [OPTION...] %s\n\n%s\n\n", use->name, c->name ? c->args : "", c->name ? c->help : "");
	for (const struct row *r = rows; r < rows + ROWS; r++) {
		char left[64], names[128];
		char letter[5] = "    ";

		if (!(use->takes & r->bit) && r->bit != OPT_HELP)
			continue;
		if (r->letter)
			snprintf(letter, sizeof(letter), "-%c, ", r->letter);
		snprintf(left, sizeof(left), "%s--%s%s%s", letter, r->name, r->arg ? " " : "", r->arg ? r->arg : "");
		printf("  %-24s %s\n", left, r->bit == OPT_CC ? cc_names(names, sizeof(names)) : r->help);
	}
	return EXIT_DONE;
}

/* The tables that getopt_long() wants; a row is found again by its index, 256 + i. */
static void getopt_tables(uint32_t takes, bool stop_early, char *letters, struct option *longs)
{
	if (stop_early)
		*letters++ = '+';
	*letters++ = ':';
	for (int i = 0; i < ROWS; i++) {
		if (!(takes & rows[i].bit))
			continue;
		*longs++ = (struct option){ rows[i].name, rows[i].arg ? required_argument : no_argument, NULL,
					    256 + i };
		if (rows[i].letter)
			*letters++ = rows[i].letter;
		if (rows[i].letter && rows[i].arg)
			*letters++ = ':';
	}
	*letters = '\0';
	*longs = (struct option){ 0 };
}

static const struct row *row_of(uint32_t takes, int got)
{
	if (got >= 256)
		return &rows[got - 256];
	for (const struct row *r = rows; r < rows + ROWS; r++)
		if (takes & r->bit && r->letter && r->letter == got)
			return r;
	return NULL;
}

static int bad_option(const struct opts_use *use, int got, const char *word)
{
	bool is_long = word && !strncmp(word, "--", 2);

	if (got == ':' && is_long)
		return opts_bad(use, "option '%s' needs a value", word);
	if (got == ':')
		return opts_bad(use, "option '-%c' needs a value", optopt);
	if (is_long && optopt >= 256)
		return opts_bad(use, "option '--%s' takes no value", rows[optopt - 256].name);
	if (is_long)
		return opts_bad(use, "no option '%s'", word);
	return opts_bad(use, "no option '-%c'", optopt);
}

static int check(const struct opts *o, const struct opts_use *use)
{
	uint32_t missing = use->needs & ~o->given;

	for (const struct row *r = rows; r < rows + ROWS; r++)
		if (missing & r->bit)
			return opts_bad(use, "-%c %s is needed", r->letter, r->arg);
	if (o->argc < use->min_args)
		return opts_bad(use, "an argument is missing");
	if (o->argc > use->max_args)
		return opts_bad(use, "too many arguments: '%s'", o->argv[use->max_args]);
	if (use->data_on_stdout && o->conf.pcap && !strcmp(o->conf.pcap, "-"))
		return opts_bad(use, "--pcap -: stdout %s; give a file",
				use->command ? "is the program's" : "carries the data of the connection");
	if (o->cpus && o->cpus != o->engines)
		return opts_bad(use, "--cpus: %u CPU%s for %u engine%s; give as many as --queues", o->cpus,
				o->cpus == 1 ? "" : "s", o->engines, o->engines == 1 ? "" : "s");
	if (o->engines > 1 && o->conf.pcap && !strcmp(o->conf.pcap, "-"))
		return opts_bad(use, "--pcap -: several engines need a file each; give a name");
	return OPTS_GO;
}

/* The default holds many connections of ordinary buffers: let it hold four of large ones, so that two are no pressure. */
static void size_memory(struct xtcp_conf *c)
{
	uint64_t four = 4 * ((uint64_t)c->sndbuf_max + c->rcvbuf_max);

	if (four > MEMORY_DEFAULT)
		c->buffer_bytes = four;
}

int opts_parse(struct opts *o, const struct opts_use *use, int argc, char **argv)
{
	struct option longs[ROWS + 1];
	char letters[2 * ROWS + 3];
	int got;

	*o = (struct opts){ .conf = XTCP_CONF_INIT,
			    .seconds = 5,
			    .warmup_s = 1,
			    .connections = 1,
			    .engines = 1,
			    .size = 64,
			    .pipeline = 1,
			    .ports = 1,
			    .cpu = -1 };
	getopt_tables(use->takes | OPT_HELP, use->command, letters, longs);
	opterr = 0;
	optind = 0; /* GNU: start afresh */
	while ((got = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		const struct row *r;

		if (got == '?' || got == ':')
			return bad_option(use, got, argv[optind - 1]);
		r = row_of(use->takes | OPT_HELP, got);
		if (!r || r->bit == OPT_HELP)
			return help(use);
		if (r->bit == OPT_CC && !strcmp(optarg, "help"))
			return list_cc();
		if (r->set(o, optarg))
			return opts_bad(use, "%s", fail_text());
		o->given |= r->bit;
	}
	o->argc = argc - optind;
	o->argv = argv + optind;
	size_memory(&o->conf);
	return check(o, use);
}
