// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* main.c - the xtcp program: its subcommands, help and version. */
#include "cli/cli.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const struct command commands[] = {
	{ "doctor", "[-i IFACE]", "what this kernel, driver and user can do, and how to mend what they can't",
	  cmd_doctor },
	{ "listen", "-i IFACE [ADDR:]PORT", "accept one connection; stdin to the peer, the peer to stdout",
	  cmd_listen },
	{ "connect", "-i IFACE ADDR:PORT", "open a connection; stdin to the peer, the peer to stdout", cmd_connect },
	{ "echo", "-i IFACE -p PORT [-a ADDR]", "echo any number of connections until SIGINT", cmd_echo },
	{ "serve", "-i IFACE -p PORT [-a ADDR] DIR", "serve the files below DIR over HTTP/1.1 until SIGINT",
	  cmd_serve },
	{ "run", "-i IFACE [--] CMD [ARG...]", "run an unmodified program on this stack", cmd_run },
	{ "attach", "-i IFACE", "attach the XDP half alone, pinned", cmd_attach },
	{ "detach", "-i IFACE", "take a pinned XDP half away", cmd_detach },
	{ "status", "[-i IFACE]", "what is attached and pinned", cmd_status },
	{ "bench", "-i IFACE ROLE [ADDR:PORT]", "generate load: rr, crr, hold, source; take it: serve, sink",
	  cmd_bench },
	{ NULL, NULL, NULL, NULL },
};

static int help(FILE *to)
{
	fputs("xtcp - TCP in user space, fed by XDP\n\nusage: xtcp COMMAND [OPTION...] [ARGUMENT...]\n\n", to);
	for (const struct command *c = commands; c->name; c++)
		fprintf(to, "  %-8s %-31s %s\n", c->name, c->args, c->help);
	fputs("\n'xtcp COMMAND --help' lists the options of a command; 'xtcp --version' tells the version.\n"
	      "Exit codes: 0 done, 1 failed with one line on stderr, 2 usage. See also xtcp(1).\n",
	      to);
	return EXIT_DONE;
}

/*
 * A descriptor 0, 1 or 2 that was closed must not become a socket of ours. Reading a closed stdin gives the end of
 * file; writing to a closed stdout fails, so that no data is lost in silence.
 */
static void guard_stdio(void)
{
	static const int flags[3] = { O_RDONLY, O_RDONLY, O_RDWR };

	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", flags[fd]) != fd)
			_exit(EXIT_FAILED);
}

int main(int argc, char **argv)
{
	guard_stdio();
	if (argc < 2) {
		fputs("xtcp: no command given; see 'xtcp --help'\n", stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))
		return help(stdout);
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V") || !strcmp(argv[1], "version")) {
		printf("xtcp %s\n", xtcp_version());
		return EXIT_DONE;
	}
	for (const struct command *c = commands; c->name; c++)
		if (!strcmp(argv[1], c->name))
			return c->run(argc - 1, argv + 1);
	fprintf(stderr, "xtcp: no command '%s'; see 'xtcp --help'\n", argv[1]);
	return EXIT_USAGE;
}
