#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# tests/bench/run.sh [--rows REGEX] [--mode auto|native|generic] [--peer 'CMD'] [--list] [--verbose]
#
# xtcp beside what one would use instead, over a veth pair between two namespaces, one end on each of two processors:
# the raw AF_XDP loop for the same frames (raw_xsk.c), which is the limit of the path, and the kernel's TCP
# (kernel_tcp.c, kernel_http.c), once sleeping in epoll and once spinning, of which the better counts.
#
# A row runs all that it compares in turn, A B C A B C, each time with new processes, in a pair of namespaces of its own.
# Figures are medians over the rounds; a ratio is the median of the ratios of each round, its range stands beside
# it. Results go to build/bench.json too, an array of objects {row, unit, xtcp, against, other, ratio, goal, met, ratios},
# and to a chart, build/bench.svg. Beside a fixed limit `other` is that limit. What could not be measured says so, has null for
# every figure and the reason in `why`, and makes the exit code 1; a goal missed does not, nor does what this machine
# cannot have (`skipped`).
#
# --peer 'CMD' puts another HTTP server into the row http. It is run by sh in the server's namespace, on the server's processor,
# with ADDR and PORT to listen on and DIR, which holds index.html, in its environment; it must stay in the foreground:
#	--peer 'busybox httpd -f -p $ADDR:$PORT -h $DIR'
# One that is no kernel socket listens in no way that ss shows; then it is waited for 8 seconds and not measured.
#
# Environment: BENCH_SECONDS (1.5) and BENCH_WARMUP (0.3) of each measurement, BENCH_ROUNDS (3), BENCH_CPUS (the
# first two allowed: "0,1"), BENCH_FAMILY (4, or 6), BENCH_MILLION (1000000: connections of the row rr-1000000),
# BENCH_JSON (build/bench.json), BENCH_SVG (build/bench.svg), BENCH_LIMIT (1800 s for all).

if [ "$(id -u)" != 0 ]; then
	echo "bench: needs root, for namespaces and XDP: sudo make bench" >&2
	exit 1
fi
# --foreground: ^C must reach us under make too; what we start has limits of its own.
if [ -z "${XTCP_BENCH_GUARDED:-}" ]; then
	XTCP_BENCH_GUARDED=1 exec timeout --foreground -k 15 "${BENCH_LIMIT:-1800}" bash "$0" "$@"
fi
XTCP_TEST_GUARDED=1
here=$(dirname "$0")
. "$here/../netns/lib.sh"
. "$here/lib.sh"
. "$here/report.sh"
. "$here/apps.sh"
. "$here/rows.sh"

BIN=$BUILD/tests/bench
JSON=${BENCH_JSON:-$BUILD/bench.json}
SVG=${BENCH_SVG:-$BUILD/bench.svg}
seconds=${BENCH_SECONDS:-1.5}
warmup=${BENCH_WARMUP:-0.3}
rounds=${BENCH_ROUNDS:-3}
family=${BENCH_FAMILY:-4}
million=${BENCH_MILLION:-1000000}
mode=auto filter=. list='' verbose='' peer='' shown=''

die() {
	echo "bench: $*" >&2
	n_ok=1
	rm -rf "${LOGS:?}"/*
	exit 2
}

while [ $# -gt 0 ]; do
	case $1 in
	--rows) filter=${2:?a regular expression is missing} && shift ;;
	--mode) mode=${2:?a mode is missing} && shift ;;
	--peer) peer=${2:?a command is missing} && shift ;;
	--list) list=1 ;;
	--verbose | -v) verbose=1 ;;
	*) die "unknown option $1; see the head of tests/bench/run.sh" ;;
	esac
	shift
done
grep -qE '^[0-9]+(\.[0-9]+)?$' <<<"$seconds" && grep -qE '^[0-9]+(\.[0-9]+)?$' <<<"$warmup" || die "BENCH_SECONDS and BENCH_WARMUP are seconds"
grep -qE '^[1-9][0-9]?$' <<<"$rounds" || die "BENCH_ROUNDS is 1 to 99"
grep -qE '^[1-9][0-9]{0,6}$' <<<"$million" && [ "$million" -le 1000000 ] || die "BENCH_MILLION is 1 to 1000000"
case $mode in auto | native | generic) ;; *) die "--mode is auto, native or generic" ;; esac
case $family in 4 | 6) ;; *) die "BENCH_FAMILY is 4 or 6" ;; esac

if [ -n "$list" ]; then
	rows
	n_ok=1
	exit 0
fi
if [ -n "${BENCH_CPUS:-}" ]; then
	grep -qE '^[0-9]+,[0-9]+$' <<<"$BENCH_CPUS" || die "BENCH_CPUS is two numbers, as in 0,1"
	cpu_a=${BENCH_CPUS%,*} cpu_b=${BENCH_CPUS#*,}
else
	mapfile -t cpus < <(allowed_cpus)
	cpu_a=${cpus[0]} cpu_b=${cpus[1]:-${cpus[0]}}
fi
for i in raw_xsk kernel_tcp kernel_http; do
	[ -x "$BIN/$i" ] || die "$BIN/$i is not built: make tests-bench"
done
[ -x "$XTCP" ] || die "$XTCP is not built: make"
command -v jq >/dev/null || die "jq is missing: make deps"
mkdir -p "$LOGS/www"
printf ok >"$LOGS/www/index.html"

heading
before=$(disturbance)
rows
[ -n "$shown" ] && [ ${#objects[@]} -gt 0 ] || die "no row matches '$filter'; see --list"
write_files || die "cannot write $JSON and $SVG"
echo
[ ${#modes[@]} = 0 ] || echo "xtcp ran in: $(IFS=';'; echo "${!modes[*]}")"
disturbed "$before"
echo "${#objects[@]} comparisons: $missed goals missed, $unmeasured not measured, $skipped skipped; took $SECONDS s"
echo "written: $JSON, $SVG"
n_ok=1
rm -rf "${LOGS:?}"/*
if [ "$unmeasured" != 0 ]; then
	echo "bench: $unmeasured comparisons could not be measured" >&2
	exit 1
fi
