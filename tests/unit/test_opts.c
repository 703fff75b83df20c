// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_opts.c - the option table: what is taken, what is refused, and how. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <unistd.h>

#include "cli/cpus.c"
#include "cli/opts.c" /* before cmocka.h, which has a macro fail() */
#include <cmocka.h>

const struct command commands[] = {
	{ "listen", "-i IFACE [ADDR:]PORT", "accept one", NULL },
	{ NULL, NULL, NULL, NULL },
};

static const struct opts_use listen_use = { .name = "listen",
					    .takes = OPT_ENGINE,
					    .needs = OPT_INTERFACE,
					    .min_args = 1,
					    .max_args = 1,
					    .data_on_stdout = true };
static const struct opts_use echo_use = { .name = "echo",
					  .takes = OPT_ENGINE | OPT_PORT | OPT_ADDR | OPT_QUEUES | OPT_CPUS,
					  .needs = OPT_INTERFACE | OPT_PORT };

static const struct opts_use bench_use = { .name = "bench",
					   .takes = OPT_ENGINE | OPT_PORT | OPT_ADDR | OPT_BENCH,
					   .needs = OPT_INTERFACE,
					   .min_args = 1,
					   .max_args = 2 };

static char said[4096]; /* by the last parse(), on stdout and stderr */

/* Parse the words of line; its output is kept in said. */
static int parse(const struct opts_use *use, struct opts *o, const char *line)
{
	static char words[512];
	static char *argv[32];
	int argc = 0, rc, keep[2], pipes[2];
	ssize_t n;

	snprintf(words, sizeof(words), "%s %s", use->name, line);
	for (char *w = strtok(words, " "); w; w = strtok(NULL, " "))
		argv[argc++] = w;
	argv[argc] = NULL;
	assert_int_equal(pipe(pipes), 0);
	fflush(stdout);
	for (int i = 0; i < 2; i++) {
		keep[i] = dup(i + 1);
		dup2(pipes[1], i + 1);
	}
	rc = opts_parse(o, use, argc, argv);
	fflush(stdout);
	for (int i = 0; i < 2; i++) {
		dup2(keep[i], i + 1);
		close(keep[i]);
	}
	close(pipes[1]);
	n = read(pipes[0], said, sizeof(said) - 1);
	said[n > 0 ? n : 0] = '\0';
	close(pipes[0]);
	return rc;
}

static void test_parse_defaults_are_those_of_the_library(void **state)
{
	struct opts o;

	assert_int_equal(parse(&listen_use, &o, "-i vb 7"), OPTS_GO);
	assert_string_equal(o.conf.ifname, "vb");
	assert_int_equal(o.conf.size, sizeof(o.conf));
	assert_int_equal(o.conf.isn, -1);
	assert_int_equal(o.conf.mode, XTCP_MODE_AUTO);
	assert_null(o.conf.pcap);
	assert_null(o.conf.cc);
	assert_false(o.json || o.trace || o.verbose || o.has_addr);
	assert_int_equal(o.argc, 1);
	assert_string_equal(o.argv[0], "7");
	assert_string_equal(said, "");
}

static void test_parse_all_options_in_any_place(void **state)
{
	struct opts o;

	assert_int_equal(parse(&echo_use, &o,
			       "--mode generic -p 65535 --json --trace --pcap f.pcap --isn 4294967295 --cc reno -v "
			       "-a fd09::2 --interface=vb"),
			 OPTS_GO);
	assert_int_equal(o.conf.mode, XTCP_MODE_GENERIC);
	assert_int_equal(o.port, 65535);
	assert_true(o.json && o.trace && o.verbose && o.has_addr);
	assert_string_equal(o.conf.pcap, "f.pcap");
	assert_int_equal(o.conf.isn, 4294967295ll);
	assert_string_equal(o.conf.cc, "reno");
	assert_int_equal(parse(&listen_use, &o, "7 --isn 0 -i vb"), OPTS_GO);
	assert_int_equal(o.conf.isn, 0);
	assert_string_equal(o.argv[0], "7");
	assert_int_equal(o.conf.ecn, XTCP_ECN_PASSIVE);
	assert_false(o.conf.pacing);
	assert_int_equal(parse(&listen_use, &o, "7 --pacing -i vb"), OPTS_GO);
	assert_true(o.conf.pacing);
	assert_int_equal(parse(&listen_use, &o, "7 --ecn off -i vb"), OPTS_GO);
	assert_int_equal(o.conf.ecn, XTCP_ECN_OFF);
	assert_int_equal(parse(&listen_use, &o, "7 --ecn on -i vb"), OPTS_GO);
	assert_int_equal(o.conf.ecn, XTCP_ECN_ON);
	assert_int_equal(parse(&listen_use, &o, "7 --ecn accurate -i vb"), OPTS_GO);
	assert_int_equal(o.conf.ecn, XTCP_ECN_ACCURATE);
	assert_int_equal(parse(&listen_use, &o, "7 --ecn passive -i vb"), OPTS_GO);
	assert_int_equal(o.conf.ecn, XTCP_ECN_PASSIVE);
}

static void test_parse_bad_usage_is_one_line_and_exit_2(void **state)
{
	static const struct {
		const char *line, *want;
	} cases[] = {
		{ "7", "-i IFACE is needed" },
		{ "-i vb", "an argument is missing" },
		{ "-i vb 7 8", "too many arguments: '8'" },
		{ "-i", "option '-i' needs a value" },
		{ "-i vb 7 --mode", "option '--mode' needs a value" },
		{ "-i vb 7 --json=1", "option '--json' takes no value" },
		{ "-i vb 7 --nonsense", "no option '--nonsense'" },
		{ "-i vb -x 7", "no option '-x'" },
		{ "-i vb -p 7", "no option '-p'" },
		{ "-i vb 7 --mode fast", "'fast' is none of auto, native, generic" },
		{ "-i vb 7 --ecn maybe", "'maybe' is none of off, passive, on, accurate" },
		{ "-i vb 7 --isn 4294967296", "no number" },
		{ "-i vb 7 --isn -1", "no number" },
		{ "-i vb 7 --isn 0x10", "no number" },
		{ "-i vb 7 --isn=", "no number" },
		{ "-i vb 7 --pcap -", "stdout carries the data" },
		{ "-i vb 7 --sndbuf", "option '--sndbuf' needs a value" },
		{ "-i vb 7 --sndbuf 4095", "--sndbuf: '4095' is no size from 4K to 1G bytes" },
		{ "-i vb 7 --sndbuf 3K", "--sndbuf: '3K' is no size from 4K to 1G bytes" },
		{ "-i vb 7 --rcvbuf 1073741825", "--rcvbuf: '1073741825' is no size" },
		{ "-i vb 7 --rcvbuf 2G", "--rcvbuf: '2G' is no size" },
		{ "-i vb 7 --rcvbuf 1048577K", "no size" },
		{ "-i vb 7 --rcvbuf 18446744073709551615", "no size" },
		{ "-i vb 7 --rcvbuf 18014398509481985K", "no size" },
		{ "-i vb 7 --rcvbuf 99999999999999999999", "no size" },
		{ "-i vb 7 --rcvbuf 64MB", "no size" },
		{ "-i vb 7 --rcvbuf 64T", "no size" },
		{ "-i vb 7 --rcvbuf -64M", "no size" },
		{ "-i vb 7 --rcvbuf M", "no size" },
		{ "-i vb 7 --rcvbuf=", "no size" },
		{ "-i vb 7 --mss-min 47", "--mss-min: '47' is no number from 48 to 536" },
		{ "-i vb 7 --mss-min 537", "no number from 48 to 536" },
		{ "-i vb 7 --mss-min small", "no number from 48 to 536" },
	};
	struct opts o;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(&listen_use, &o, cases[i].line), EXIT_USAGE);
		if (strncmp(said, "xtcp: listen: ", 14) || !strstr(said, cases[i].want))
			fail_msg("'%s' said '%s'", cases[i].line, said);
		assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
	}
}

static void test_parse_buffer_sizes_take_a_unit(void **state)
{
	struct opts o;

	assert_int_equal(parse(&listen_use, &o, "-i vb 7"), OPTS_GO);
	assert_int_equal(o.conf.sndbuf_max | o.conf.rcvbuf_max | o.conf.buffer_bytes, 0);
	assert_int_equal(parse(&listen_use, &o, "-i vb 7 --sndbuf 4096 --rcvbuf 64K"), OPTS_GO);
	assert_int_equal(o.conf.sndbuf_max, 4096);
	assert_int_equal(o.conf.rcvbuf_max, 65536);
	assert_int_equal(o.conf.buffer_bytes, 0);
	assert_int_equal(parse(&echo_use, &o, "-i vb -p 7 --sndbuf 64m --rcvbuf 1G"), OPTS_GO);
	assert_int_equal(o.conf.sndbuf_max, 64 << 20);
	assert_int_equal(o.conf.rcvbuf_max, 1 << 30);
	/* All buffers together hold it four times. */
	assert_int_equal(o.conf.buffer_bytes, 4 * ((1ull << 30) + (64 << 20)));
}

static void test_parse_least_mss(void **state)
{
	struct opts o;

	assert_int_equal(parse(&listen_use, &o, "-i vb 7"), OPTS_GO);
	assert_int_equal(o.conf.mss_min, 0);
	assert_int_equal(parse(&listen_use, &o, "-i vb 7 --mss-min 48"), OPTS_GO);
	assert_int_equal(o.conf.mss_min, 48);
	assert_int_equal(parse(&echo_use, &o, "-i vb -p 7 --mss-min 536"), OPTS_GO);
	assert_int_equal(o.conf.mss_min, 536);
}

static void test_parse_bad_port_and_address_are_refused(void **state)
{
	static const char *const lines[] = { "-i vb -p 0", "-i vb -p 65536", "-i vb -p x", "-i vb",
					     "-i vb -p 7 -a 1.2.3" };
	struct opts o;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(parse(&echo_use, &o, lines[i]), EXIT_USAGE);
	/* A server's stdout is free for the capture. */
	assert_int_equal(parse(&echo_use, &o, "-i vb -p 7 --pcap -"), OPTS_GO);
}

static void test_parse_help_lists_what_applies(void **state)
{
	struct opts o;

	assert_int_equal(parse(&listen_use, &o, "--help"), EXIT_DONE);
	assert_non_null(strstr(said, "usage: xtcp listen [OPTION...] -i IFACE [ADDR:]PORT\n"));
	assert_non_null(strstr(said, "-i, --interface IFACE"));
	assert_non_null(strstr(said, "    --isn N"));
	assert_null(strstr(said, "--port"));
	assert_int_equal(parse(&echo_use, &o, "-h"), EXIT_DONE);
	assert_non_null(strstr(said, "-p, --port PORT"));
}

static void test_parse_load_of_bench(void **state)
{
	struct opts o;

	assert_int_equal(parse(&bench_use, &o, "-i vb rr 10.9.0.1:7"), OPTS_GO);
	assert_int_equal(o.size, 64);
	assert_int_equal(o.response, 0);
	assert_int_equal(o.pipeline, 1);
	assert_int_equal(o.ports, 1);
	assert_int_equal(o.in_flight, 0);
	assert_int_equal(o.cpu, -1);
	assert_true(o.rate == 0 && o.limit_s == 0 && o.active == 0);
	assert_null(o.source);
	assert_int_equal(
		parse(&bench_use, &o,
		      "-i vb rr 10.9.0.1:7 --size 1 --response 1048576 --pipeline 1024 --rate 0.5 --ports 4096 "
		      "--in-flight 9 --cpu 1 --limit 2.5 --active 1.5 --source 10.9.0.3/30 --connections 4000000"),
		OPTS_GO);
	assert_int_equal(o.size, 1);
	assert_int_equal(o.response, 1048576);
	assert_int_equal(o.pipeline, 1024);
	assert_int_equal(o.ports, 4096);
	assert_int_equal(o.in_flight, 9);
	assert_int_equal(o.cpu, 1);
	assert_int_equal(o.connections, 4000000);
	assert_true(o.rate == 0.5 && o.limit_s == 2.5 && o.active == 1.5);
	assert_string_equal(o.source, "10.9.0.3/30");
}

static void test_parse_bad_load_is_one_line_and_exit_2(void **state)
{
	static const struct {
		const char *option, *want;
	} cases[] = {
		{ "--size 0", "--size: '0' is no number from 1 to 1048576" },
		{ "--size 1048577", "no number from 1 to 1048576" },
		{ "--size -1", "no number" },
		{ "--response 0", "--response: '0' is no number" },
		{ "--response 1k", "no number" },
		{ "--pipeline 0", "--pipeline: '0' is no number from 1 to 1024" },
		{ "--pipeline 1025", "no number" },
		{ "--in-flight 0", "--in-flight: '0' is no number" },
		{ "--connections 4000001", "--connections: '4000001' is no number from 1 to 4000000" },
		{ "--ports 0", "--ports: '0' is no number from 1 to 4096" },
		{ "--rate 0", "--rate: '0' is no number from 0.1 to 100000000" },
		{ "--rate 1e9", "no number" },
		{ "--rate nan", "no number" },
		{ "--rate -5", "no number" },
		{ "--active 100.5", "--active: '100.5' is no number from 0 to 100" },
		{ "--cpu 1024", "--cpu: '1024' is no number from 0 to 1023" },
		{ "--cpu x", "no number" },
		{ "--limit 0", "--limit: '0' is no time" },
		{ "--wait never", "--wait: 'never' is none of latency, balanced, power" },
		{ "--source=", "--source: give" },
	};
	char line[128];
	struct opts o;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(line, sizeof(line), "-i vb rr 10.9.0.1:7 %s", cases[i].option);
		assert_int_equal(parse(&bench_use, &o, line), EXIT_USAGE);
		if (strncmp(said, "xtcp: bench: ", 13) || !strstr(said, cases[i].want))
			fail_msg("'%s' said '%s'", line, said);
		assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
	}
}

static void test_parse_queues_and_cpus(void **state)
{
	static const struct {
		const char *option, *want;
	} bad[] = {
		{ "--queues 0", "--queues: '0' is no number from 1 to 64" },
		{ "--queues 65", "--queues: '65' is no number" },
		{ "--queues two", "--queues: 'two' is no number" },
		{ "--cpus=", "--cpus: '' is no list of CPUs like 0,2-3" },
		{ "--cpus 0,", "--cpus: '0,' is no list" },
		{ "--cpus 0,,1", "is no list" },
		{ "--cpus 1-0", "is no list" },
		{ "--cpus 0-", "is no list" },
		{ "--cpus -1", "is no list" },
		{ "--cpus 0x1", "is no list" },
		{ "--cpus all", "is no list" },
		{ "--cpus 0,0", "--cpus: CPU 0 is named twice" },
		{ "--cpus 0-1023", "is not there, or not for this process; there are 0" },
		{ "--cpus 99999999999999999999", "is not there" },
		{ "--queues 2 --cpus 0", "--cpus: 1 CPU for 2 engines; give as many as --queues" },
		{ "--queues 2 --pcap -", "--pcap -: several engines need a file each" },
	};
	char line[128];
	struct opts o;
	cpu_set_t before, one;

	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		skip();
	assert_int_equal(parse(&echo_use, &o, "-i vb -p 7"), OPTS_GO);
	assert_int_equal(o.engines, 1);
	assert_int_equal(o.cpus, 0);
	assert_int_equal(parse(&echo_use, &o, "-i vb -p 7 --queues 64"), OPTS_GO);
	assert_int_equal(o.engines, 64);
	assert_int_equal(parse(&echo_use, &o, "-i vb -p 7 --cpus 0"), OPTS_GO);
	assert_int_equal(o.cpus, 1);
	assert_int_equal(o.cpu_list[0], 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(line, sizeof(line), "-i vb -p 7 %s", bad[i].option);
		assert_int_equal(parse(&echo_use, &o, line), EXIT_USAGE);
		if (strncmp(said, "xtcp: echo: ", 12) || !strstr(said, bad[i].want))
			fail_msg("'%s' said '%s'", line, said);
		assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
	}
	assert_int_equal(parse(&listen_use, &o, "-i vb 7 --queues 2"), EXIT_USAGE); /* one connection has one engine */
	sched_setaffinity(0, sizeof(before), &before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_defaults_are_those_of_the_library),
		cmocka_unit_test(test_parse_all_options_in_any_place),
		cmocka_unit_test(test_parse_bad_usage_is_one_line_and_exit_2),
		cmocka_unit_test(test_parse_buffer_sizes_take_a_unit),
		cmocka_unit_test(test_parse_least_mss),
		cmocka_unit_test(test_parse_bad_port_and_address_are_refused),
		cmocka_unit_test(test_parse_help_lists_what_applies),
		cmocka_unit_test(test_parse_load_of_bench),
		cmocka_unit_test(test_parse_bad_load_is_one_line_and_exit_2),
		cmocka_unit_test(test_parse_queues_and_cpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
