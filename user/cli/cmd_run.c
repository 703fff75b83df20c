// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cmd_run.c - xtcp run: an unmodified program on this stack, by libxtcp-preload.so. This process is the keeper of the run
 * (run/keeper.h); the program is its child, and its exit status ours.
 */
#include "cli/cli.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/engines.h"
#include "cli/opts.h"
#include "cli/report.h"
#include "cli/stop.h"
#include "run/keeper.h"
#include "run/rules.h"

#define PRELOAD "libxtcp-preload.so"

static const struct opts_use use = {
	.name = "run",
	.takes = OPT_ENGINE | OPT_RULES | OPT_QUEUES,
	.needs = OPT_INTERFACE,
	.min_args = 1,
	.max_args = INT_MAX,
	.command = true,
	.data_on_stdout = true,
};

/* ---- the library and the program ---- */

/* Beside this program (as built), or in ../lib (as installed). */
static int find_preload(char *out, size_t room)
{
	static const char *const where[] = { "%s/" PRELOAD, "%s/../lib/" PRELOAD };
	char self[PATH_MAX];
	const char *dir;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return report_fail("cannot find this program's own place: %s", strerror(errno));
	self[n] = 0;
	dir = dirname(self);
	for (size_t i = 0; i < sizeof(where) / sizeof(where[0]); i++) {
		int len = snprintf(out, room, where[i], dir);

		if (len > 0 && (size_t)len < room && !access(out, R_OK))
			return EXIT_DONE;
	}
	return report_fail("%s is not beside %s, nor in ../lib: build or install both", PRELOAD, dir);
}

/* As execvp() finds it; "" if it does not. */
static void find_program(const char *name, char *out, size_t room)
{
	const char *path = getenv("PATH");
	char copy[PATH_MAX * 2], *save = NULL;

	if (strchr(name, '/')) {
		snprintf(out, room, "%s", name);
		return;
	}
	snprintf(copy, sizeof(copy), "%s", path ? path : "/usr/bin:/bin");
	for (char *dir = strtok_r(copy, ":", &save); dir; dir = strtok_r(NULL, ":", &save)) {
		snprintf(out, room, "%s/%s", dir, name);
		if (!access(out, X_OK))
			return;
	}
	out[0] = 0;
}

/* A statically linked program never asks the loader for our library. */
static bool is_static(const char *path)
{
	Elf64_Ehdr eh;
	Elf64_Phdr ph;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool is = false;

	if (fd >= 0 && pread(fd, &eh, sizeof(eh), 0) == (ssize_t)sizeof(eh) && !memcmp(eh.e_ident, ELFMAG, SELFMAG) &&
	    eh.e_ident[EI_CLASS] == ELFCLASS64) {
		is = true;
		for (int i = 0; i < eh.e_phnum; i++)
			if (pread(fd, &ph, sizeof(ph), (off_t)(eh.e_phoff + (uint64_t)i * sizeof(ph))) ==
				    (ssize_t)sizeof(ph) &&
			    ph.p_type == PT_INTERP)
				is = false;
	}
	if (fd >= 0)
		close(fd);
	return is;
}

static void set_environment(const char *library, const char *run)
{
	const char *old = getenv("LD_PRELOAD");
	char both[PATH_MAX * 2];

	snprintf(both, sizeof(both), "%s%s%s", library, old && *old ? ":" : "", old ? old : "");
	setenv("LD_PRELOAD", both, 1);
	setenv("XTCP_RUN", run, 1);
}

/* ---- the child ---- */

/* Those that end us go on to the program, whose end is ours. */
static const int forwarded[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

__attribute__((noreturn)) static void become(const struct opts *o, const sigset_t *old)
{
	/* Before exec: a signal that comes now ends the child, and is not taken by a handler of ours. */
	for (size_t i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++)
		signal(forwarded[i], SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, old, NULL);
	execvp(o->argv[0], o->argv);
	fprintf(stderr, "xtcp: cannot run %s: %s\n", o->argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* With the status of a shell: 128 + signal. */
static int status_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int take_signals(sigset_t *old)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++)
		sigaddset(&set, forwarded[i]);
	sigprocmask(SIG_BLOCK, &set, old);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -report_fail("signalfd: %s", strerror(errno)) : fd;
}

/* A terminal's signals have reached the program already: it is in our group, as what it has left running seldom is. */
static void forward(struct keeper *k, const struct signalfd_siginfo *si)
{
	if (si->ssi_code <= 0 || keeper_outlives(k))
		keeper_signal(k, (int)si->ssi_signo);
}

static int serve(struct keeper *k, pid_t child, int signals)
{
	struct signalfd_siginfo si;
	int status;

	while ((status = keeper_serve(k, child, signals)) == -1) {
		if (read(signals, &si, sizeof(si)) != (ssize_t)sizeof(si))
			return report_fail("the run has ended: %s", xtcp_errmsg());
		forward(k, &si);
	}
	return status_of(status);
}

static int run_it(struct keeper *k, const struct opts *o, int signals, const sigset_t *old)
{
	pid_t child = fork();

	if (child < 0)
		return report_fail("cannot start %s: %s", o->argv[0], strerror(errno));
	if (!child)
		become(o, old);
	return serve(k, child, signals);
}

static int prepare(const struct opts *o, char *library, size_t room)
{
	char program[PATH_MAX];
	struct run_rules theirs;
	int rc = find_preload(library, room);

	if (rc != EXIT_DONE)
		return rc;
	if (rules_of_environment(&theirs)) /* each program would have to say so */
		return report_fail("%s", xtcp_errmsg());
	find_program(o->argv[0], program, sizeof(program));
	if (!*program)
		return report_fail("there is no program %s in PATH", o->argv[0]);
	if (is_static(program))
		fprintf(stderr, "xtcp: %s is statically linked: it loads no library, and stays with the kernel's TCP\n",
			program);
	return EXIT_DONE;
}

static int keep(struct engines *g, const struct opts *o, const char *library, int signals, const sigset_t *old)
{
	struct keeper_conf kc = {
		.ifname = o->conf.ifname,
		.spin_us = o->conf.spin_us ? o->conf.spin_us : 50,
		.waiting = o->conf.waiting,
		.rules = &o->rules,
	};
	struct xtcp *x[RUN_ENGINES];
	struct keeper *k = NULL;
	int rc;

	for (uint32_t i = 0; i < g->n; i++)
		x[i] = g->slot[i].s.x;
	if (keeper_open(&k, x, g->n, &kc) < 0) {
		rc = report_fail("%s", xtcp_errmsg());
	} else {
		set_environment(library, keeper_name(k));
		rc = run_it(k, o, signals, old);
	}
	if (k)
		keeper_close(k);
	for (uint32_t i = 0; i < g->n; i++)
		xtcp_drain(x[i], STOP_MS);
	if (o->json) /* stdout is the program's */
		report_json(stderr, json_pack("{s:i, s:o, s:o}", "exit", rc, "counters", engines_counters(g), "engines",
					      engines_json(g)));
	return rc;
}

/* --fallback kernel */
static int without_us(const struct opts *o, const sigset_t *old)
{
	fprintf(stderr, "xtcp: %s runs on the kernel's TCP\n", o->argv[0]);
	become(o, old);
}

int cmd_run(int argc, char **argv)
{
	char library[PATH_MAX];
	struct opts o;
	struct engines g;
	sigset_t old;
	int rc = opts_parse(&o, &use, argc, argv), signals;

	if (rc != OPTS_GO)
		return rc;
	rc = prepare(&o, library, sizeof(library));
	if (rc != EXIT_DONE)
		return rc;
	signals = take_signals(&old);
	if (signals < 0)
		return EXIT_FAILED;
	rc = engines_open(&g, &o);
	if (rc == EXIT_DONE) {
		rc = keep(&g, &o, library, signals, &old);
		engines_close(&g);
		return rc;
	}
	engines_close(&g);
	return o.fallback_kernel ? without_us(&o, &old) : rc;
}
