/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * opts.h - the one option table of all subcommands. A subcommand says which
 * rows it takes, which it needs and how many positional arguments:
 *
 *	static const struct opts_use use = {
 *		.name = "echo",
 *		.takes = OPT_ENGINE | OPT_PORT | OPT_ADDR,
 *		.needs = OPT_INTERFACE | OPT_PORT,
 *	};
 *	struct opts o;
 *	int rc = opts_parse(&o, &use, argc, argv);
 *
 *	if (rc != OPTS_GO)
 *		return rc;
 *
 * Its usage line and sentence for --help come from commands[] (cli.h), the
 * rest from the table. Options may stand before or after the arguments.
 */
#ifndef CLI_OPTS_H
#define CLI_OPTS_H

#include <stdbool.h>
#include <stdint.h>
#include "cli/cli.h"
#include "cli/cpus.h"
#include "run/rules.h"
#include "lib/addr.h"

/* -h is always taken. */
#define OPT_INTERFACE (1u << 0) /* -i, --interface IFACE -> conf.ifname */
#define OPT_MODE (1u << 1)	/* --mode auto|native|generic -> conf.mode */
#define OPT_JSON (1u << 2)	/* --json */
#define OPT_TRACE (1u << 3)	/* --trace */
#define OPT_PCAP (1u << 4)	/* --pcap FILE -> conf.pcap */
#define OPT_ISN (1u << 5)	/* --isn N -> conf.isn */
#define OPT_CC (1u << 6)	/* --cc NAME -> conf.cc */
#define OPT_PREFER (1u << 30)	/* --prefer latency|bulk -> conf.prefer */
#define OPT_VERBOSE (1u << 7)	/* -v, --verbose */
#define OPT_PORT (1u << 8)	/* -p, --port PORT */
#define OPT_ADDR (1u << 9)	/* -a, --address ADDR */
#define OPT_SNDBUF (1u << 10)	/* --sndbuf SIZE -> conf.sndbuf_max */
#define OPT_RCVBUF (1u << 11)	/* --rcvbuf SIZE -> conf.rcvbuf_max */
#define OPT_LOAD (1u << 12)    /* --size, --response, --pipeline, --rate, --ports, --source, --active, --cpu, --limit */
#define OPT_SECONDS (1u << 20) /* --seconds S */
#define OPT_WARMUP (1u << 21)  /* --warmup S */
#define OPT_CONNECTIONS (1u << 22) /* --connections N */
#define OPT_WAIT (1u << 23)	   /* --wait latency|balanced|power -> conf.waiting */
#define OPT_MTU_PROBING (1u << 24) /* --mtu-probing auto|off|always -> conf.mtu_probing */
#define OPT_ECN (1u << 25)	   /* --ecn off|passive|on|accurate -> conf.ecn */
#define OPT_FASTOPEN (1u << 26)	   /* --fastopen */
#define OPT_MD5 (1u << 27)	   /* --md5 ADDR[/LEN]=FILE, again and again */
#define OPT_MSS_MIN (1u << 28)	   /* --mss-min BYTES -> conf.mss_min */
#define OPT_PACING (1u << 16)	   /* --pacing -> conf.pacing */
#define OPT_AO (1u << 19)	   /* --ao ADDR[/LEN][,NAME=VALUE]...=FILE, again and again */
#define OPT_BUSY_POLL (1u << 18)   /* --busy-poll auto|off|on -> conf.busy_poll */
#define OPT_HUGE_PAGES (1u << 14)  /* --huge-pages -> conf.huge_pages */
#define OPT_TX_CSUM (1u << 17)	   /* --tx-csum auto|off|on -> conf.tx_csum */
#define OPT_QUEUES (1u << 29)	   /* --queues N */
#define OPT_CPUS (1u << 15)	   /* --cpus LIST */
#define OPT_RULES (1u << 13)	   /* --port, --exclude, --fallback of xtcp run */
#define OPT_HELP (1u << 31)
/* What every subcommand with an engine takes. */
#define OPT_ENGINE                                                                                               \
	(OPT_INTERFACE | OPT_MODE | OPT_JSON | OPT_TRACE | OPT_PCAP | OPT_ISN | OPT_CC | OPT_ECN | OPT_VERBOSE | \
	 OPT_MTU_PROBING | OPT_MD5 | OPT_AO | OPT_SNDBUF | OPT_RCVBUF | OPT_MSS_MIN | OPT_PACING | OPT_WAIT |    \
	 OPT_PREFER | OPT_BUSY_POLL | OPT_TX_CSUM | OPT_HUGE_PAGES)

#define OPT_BENCH (OPT_SECONDS | OPT_WARMUP | OPT_CONNECTIONS | OPT_LOAD)

struct opts_use {
	const char *name; /* of the subcommand, as in commands[] */
	uint32_t takes;	  /* OPT_* */
	uint32_t needs;	  /* OPT_* that must be given */
	int min_args;	  /* positional arguments */
	int max_args;
	bool data_on_stdout; /* stdout carries the connection: no --pcap - */
	bool command;	     /* the first argument is a program: what follows it is that program's */
};

#define OPTS_SIZE_MAX (1u << 20) /* --size, --response; bytes */
#define OPTS_MD5_MAX 64		 /* --md5, and as many --ao */

struct opts {
	struct xtcp_conf conf; /* ready for xtcp_open() */
	struct xtcp_addr addr; /* -a; valid if has_addr */
	bool has_addr;
	uint16_t port; /* -p, host order */
	bool json, trace, verbose, fastopen;
	double seconds, warmup_s; /* to be measured, and before that */
	uint32_t connections;
	uint32_t size, response;       /* bytes of a request and of its answer; response 0: as size */
	uint32_t pipeline;	       /* requests in flight on each connection */
	uint32_t in_flight;	       /* ... on all of them; 0: no limit */
	double rate;		       /* requests a second of all connections; 0: the next when the last is answered */
	uint32_t ports;		       /* from the one given on */
	const char *source;	       /* ADDR,... or ADDR/LEN, as given; NULL: the route's */
	double active;		       /* per cent of the connections held */
	int cpu;		       /* to run on; -1: any */
	double limit_s;		       /* for the whole run; 0: none */
	const char *md5[OPTS_MD5_MAX]; /* ADDR[/LEN]=FILE, as given */
	uint32_t md5s;
	const char *ao[OPTS_MD5_MAX]; /* ADDR[/LEN][,NAME=VALUE]...=FILE, as given */
	uint32_t aos;
	uint32_t engines;	     /* --queues: engines, which share the interface's receive queues */
	uint32_t cpus;		     /* --cpus: how many; 0: any */
	uint16_t cpu_list[CPUS_MAX]; /* engine i runs on the i-th */
	struct run_rules rules;	     /* --port, --exclude */
	bool fallback_kernel;
	uint32_t given; /* OPT_* seen */
	int argc;	/* positional arguments */
	char **argv;
};

#define OPTS_GO (-1)
/* OPTS_GO: carry on. Else the exit code: help was printed (0), or one line that says what is wrong (2). */
int opts_parse(struct opts *o, const struct opts_use *use, int argc, char **argv);

/* Print "xtcp: NAME: TEXT; see 'xtcp NAME --help'"; returns EXIT_USAGE. */
int opts_bad(const struct opts_use *use, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
