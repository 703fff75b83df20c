// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * main.c - runs seeds:
 *
 *   sim --seeds A..B[@GENERATION] [--trace] [--twice] [--stats] [-v]
 *   sim --table [ALGORITHM] | --table-check    goodput beside theory (table.c)
 *
 * The generation (scenario.h) is the newest unless told. A range of more than one seed begins with those of tests/sim/seeds.txt, which failed
 * once, and its first seeds are run twice to see that a seed means one run only.
 *   --trace  the ladder of each seed    --twice  run each seed twice and compare
 *   --stats  which counters were moved  -v       the scenario of each seed
 * Output is TAP. Exit code 1 when a seed failed.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "table.h"
#include "world.h"

#define SEEDS_FILE "tests/sim/seeds.txt"
#define SECONDS_MAX 60	/* for one seed */
#define TWICE_FIRST 10	/* seeds of a range that are run twice */
#define FAILURES_MAX 20 /* then we stop */

static struct world world;
static struct scenario scenario;
static struct {
	bool trace, twice, stats, verbose;
	uint64_t from, to;
	uint32_t generation;
} opt;
static uint64_t failures, events;

/* A crash or an endless loop belongs to a seed too. Only what a signal handler may call. */
static void on_signal(int sig)
{
	char line[160];
	int n = snprintf(line, sizeof(line), "not ok seed %llu: %s; again with: make sim SEED=%llu@%u\n",
			 (unsigned long long)scenario.seed, sig == SIGALRM ? "hangs" : "crashed",
			 (unsigned long long)scenario.seed, scenario.generation);

	fflush(stdout);
	if (write(STDOUT_FILENO, line, (size_t)n) < 0)
		_exit(3);
	signal(sig, SIG_DFL);
	raise(sig);
	_exit(1);
}

static bool run_once(uint64_t seed, uint32_t generation, uint64_t *hash)
{
	bool good;

	scenario_make(&scenario, generation, seed);
	alarm(SECONDS_MAX);
	good = world_run(&world, &scenario, opt.trace);
	alarm(0);
	*hash = world.hash;
	events += world.events;
	return good;
}

static void run_seed(uint64_t seed, uint32_t generation, bool twice)
{
	uint64_t hash, again;
	bool good;

	if (opt.verbose || opt.trace) {
		scenario_make(&scenario, generation, seed);
		scenario_print(&scenario, stdout);
	}
	good = run_once(seed, generation, &hash);
	if (good && twice) {
		good = run_once(seed, generation, &again);
		if (good && hash != again) {
			good = false;
			snprintf(world.why, sizeof(world.why), "two runs of one seed differ");
		}
	}
	if (opt.verbose)
		printf("# seed %llu: %llu events, %.3f s of virtual time, hash %016llx\n", (unsigned long long)seed,
		       (unsigned long long)world.events, (double)(world.now - scenario.start_ns) / 1e9,
		       (unsigned long long)hash);
	if (good)
		return;
	failures++;
	printf("not ok seed %llu: %s; again with: make sim SEED=%llu@%u, its ladder: build/tests/sim --trace --seeds %llu@%u\n",
	       (unsigned long long)seed, world.why, (unsigned long long)seed, generation, (unsigned long long)seed,
	       generation);
	fflush(stdout);
}

static void run_file(const char *name)
{
	FILE *f = fopen(name, "re");
	char line[512];
	uint64_t n = 0, before = failures;

	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		char *end;
		uint64_t seed = strtoull(line, &end, 10);

		if (end == line || *end != '@')
			continue;
		run_seed(seed, (uint32_t)strtoul(end + 1, NULL, 10), false);
		n++;
	}
	fclose(f);
	if (failures == before)
		printf("ok seeds that once failed (%llu)\n", (unsigned long long)n);
}

static void print_stats(void)
{
	static const char *const names[] = {
#define XTCP_USER_STAT(kind, name, text) #name,
#include "xtcp/stats.def"
	};
	static const char *const fates[] = { "passed",	  "queue full", "lost",	  "dark",  "duplicated",
					     "corrupted", "late",	"marked", "CoDel", "ECN changed" };

	for (int i = 0; i < LINK_FATES; i++)
		printf("# link %-20s %llu\n", fates[i], (unsigned long long)world_fates[i]);
	for (int i = 0; i < XTCP_USER_STATS; i++)
		printf("# %-25s %llu\n", names[i], (unsigned long long)world_stats[i]);
}

static bool parse_seeds(const char *text)
{
	char *end;

	opt.from = opt.to = strtoull(text, &end, 10);
	if (end != text && !strncmp(end, "..", 2)) {
		text = end + 2;
		opt.to = strtoull(text, &end, 10);
	}
	if (end != text && *end == '@') {
		text = end + 1;
		opt.generation = (uint32_t)strtoul(text, &end, 10);
	}
	return end != text && !*end && opt.from <= opt.to && opt.generation && opt.generation <= SIM_GENERATION;
}

static bool parse(int argc, char **argv)
{
	opt.from = 1;
	opt.to = 100;
	opt.generation = SIM_GENERATION;
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--trace"))
			opt.trace = true;
		else if (!strcmp(argv[i], "--twice"))
			opt.twice = true;
		else if (!strcmp(argv[i], "--stats"))
			opt.stats = true;
		else if (!strcmp(argv[i], "-v"))
			opt.verbose = true;
		else if (strcmp(argv[i], "--seeds") || i + 1 == argc || !parse_seeds(argv[++i]))
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct timespec t0, t1;
	double took;

	if ((argc == 2 || argc == 3) && !strcmp(argv[1], "--table"))
		return table_print(argc == 3 ? argv[2] : NULL);
	if (argc == 2 && !strcmp(argv[1], "--table-check"))
		return table_check();
	if (!parse(argc, argv)) {
		fprintf(stderr,
			"usage: sim --seeds A..B[@GENERATION] [--trace] [--twice] [--stats] [-v] | --table [ALGORITHM] | --table-check\n");
		return 2;
	}
	signal(SIGSEGV, on_signal);
	signal(SIGABRT, on_signal);
	signal(SIGBUS, on_signal);
	signal(SIGALRM, on_signal);
	clock_gettime(CLOCK_MONOTONIC, &t0);
	if (opt.from != opt.to)
		run_file(SEEDS_FILE);
	for (uint64_t seed = opt.from; seed <= opt.to && failures < FAILURES_MAX; seed++)
		run_seed(seed, opt.generation, opt.twice || (opt.from != opt.to && seed - opt.from < TWICE_FIRST));
	clock_gettime(CLOCK_MONOTONIC, &t1);
	took = (double)(t1.tv_sec - t0.tv_sec) + (double)(t1.tv_nsec - t0.tv_nsec) / 1e9;
	if (opt.stats)
		print_stats();
	if (!failures)
		printf("ok seeds %llu..%llu (%llu events, %.1f s)\n", (unsigned long long)opt.from,
		       (unsigned long long)opt.to, (unsigned long long)events, took);
	return failures ? 1 : 0;
}
