/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cli.h - what the subcommands share: the table of them, the common options
 * and how they end. One file per subcommand: cmd_NAME.c.
 *
 * Exit codes: 0 done; 1 failed, with one line "xtcp: ..." on stderr; 2 usage.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include "xtcp.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct command {
	const char *name;
	const char *args; /* for the usage line */
	const char *help; /* one line */
	int (*run)(int argc, char **argv);
};
extern const struct command commands[]; /* ends with name NULL */

int cmd_doctor(int argc, char **argv);
int cmd_listen(int argc, char **argv);
int cmd_connect(int argc, char **argv);
int cmd_echo(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_attach(int argc, char **argv);
int cmd_detach(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_run(int argc, char **argv);

#endif
