#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# tests/check.sh [-f REGEX] GROUP... - build and run groups of tests: lint unit bpf sim asan corpus netns apps requirements fuzz;
# apps-all: those that need many packages or minutes too.
#
# A test is a command with a time limit. On its output, lines `ok ...`, `not ok ...` and `... # SKIP` (TAP, as from cmocka
# and tests/netns/lib.sh) count one each; a test that prints none counts one by its exit code. Exit code 77 skips, its last
# line says why. One line is printed for each test, the log's tail when it failed; logs are in build/check/. The last
# line is always `N passed, N failed, N skipped`; the exit code is 1 when something failed or nothing ran.
#
# -f REGEX: only tests whose name (group/name) matches. Environment: CHECK_JOBS (default: processors) at once; netns and apps tests,
# which mostly wait, one more (CHECK_NETNS_JOBS), but those with a line `# alone: WHY`, which measure, by themselves; SEEDS for sim;
# CHECK_SECONDS (1200) for all.
set -u
cd "$(dirname "$0")/.." || exit 1

# A build made by `sudo make` belongs to the one who asked for it.
give_back() {
	if [ "$(id -u)" = 0 ] && [ -n "${SUDO_UID:-}" ] && [ -d build ]; then
		chown -R "$SUDO_UID:${SUDO_GID:-$SUDO_UID}" build 2>/dev/null
	fi
}
if [ "${1:-}" = --give-back ]; then
	give_back
	exit 0
fi

filter=.
if [ "${1:-}" = -f ]; then
	filter=$2
	shift 2
fi
jobs=${CHECK_JOBS:-$(nproc)}
logs=build/check
mkdir -p "$logs/run.$$"
sum=$logs/run.$$
passed=0 failed=0 skipped=0
start=$SECONDS
budget=${CHECK_SECONDS:-1200}
export CMOCKA_MESSAGE_OUTPUT=TAP LC_ALL=C.UTF-8
export ASAN_OPTIONS=${ASAN_OPTIONS:-abort_on_error=0:detect_leaks=1} UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export XTCP_TEST_GUARDED=1 # tests/netns/lib.sh: the time limit is ours
unset MAKELEVEL

finish() {
	local f p n s rc=0
	for f in "$sum"/*.sum; do
		[ -e "$f" ] || continue
		read -r p n s <"$f"
		passed=$((passed + p)) failed=$((failed + n)) skipped=$((skipped + s))
	done
	rm -rf "$sum"
	give_back
	[ "$failed" = 0 ] && [ $((passed + skipped)) -gt 0 ] || rc=1
	echo "$passed passed, $failed failed, $skipped skipped"
	exit "$rc"
}
interrupted() {
	local p
	for p in $(jobs -p); do
		kill -TERM "$p" 2>/dev/null
	done
	wait
	echo "not ok interrupted"
	echo "0 1 0" >"$sum/interrupted.sum"
	finish
}
trap interrupted INT TERM

# The printf of a whole test is one write, so that lines of tests at the same time do not mix.
say() {
	printf '%s\n' "$*"
}

# run_test NAME SECONDS COMMAND...: run, count, report.
run_test() {
	local name=$1 limit=$2 log rc pid t0 t1 took ok nok skip plan why=''
	shift 2
	log=$logs/${name//\//-}.log
	if [ $((SECONDS - start)) -ge "$budget" ]; then
		say "not ok $name: no time left of ${budget} s"
		echo "0 1 0" >"$sum/${name//\//-}.sum"
		return
	fi
	t0=${EPOCHREALTIME/./}
	timeout -k 10 "$limit" "$@" </dev/null >"$log" 2>&1 &
	pid=$!
	trap 'kill -TERM "$pid" 2>/dev/null; wait "$pid"; exit 143' TERM
	wait "$pid" 2>/dev/null
	rc=$?
	t1=${EPOCHREALTIME/./}
	took=$(printf '%d.%d' $(((t1 - t0) / 1000000)) $(((t1 - t0) / 100000 % 10)))
	read -r ok nok skip plan < <(tr -d '\000' <"$log" | awk '
		/^(not )?ok( .*)?# *[Ss][Kk][Ii][Pp]/ { s++; next }
		/^ok( |$)/ { o++; next }
		/^not ok( |$)/ { n++; next }
		/^1\.\.[0-9]+$/ { p += substr($0, 4) }
		END { print o + 0, n + 0, s + 0, p + 0 }')
	if [ "$rc" = 77 ]; then
		nok=0 skip=$((skip > 0 ? skip : 1))
		say "skip $name: $(tail -n 1 "$log")"
		echo "$ok $nok $skip" >"$sum/${name//\//-}.sum"
		return
	fi
	case $rc in
	0) [ "$plan" -le $((ok + nok + skip)) ] || why="only $((ok + nok + skip)) of $plan cases ran" ;;
	124 | 137) why="stopped after $limit s" ;;
	*) [ "$nok" -gt 0 ] || why="exit code $rc" ;;
	esac
	[ -z "$why" ] || { nok=$((nok + 1)) && echo "not ok - $why" >>"$log"; }
	[ $((ok + nok + skip)) -gt 0 ] || ok=1
	echo "$ok $nok $skip" >"$sum/${name//\//-}.sum"
	if [ "$nok" -gt 0 ]; then
		say "$(
			echo "not ok $name (${took} s)${why:+: $why}"
			grep -aE '^not ok( |$)' "$log" | grep -avi '# *skip' | head -n 20 | sed 's/^/    /'
			tail -n 25 "$log" | tr -d '\000' | sed 's/^/    | /'
		)"
	elif [ $((ok + skip)) -gt 1 ]; then
		say "$(
			echo "ok $name ($ok cases, $skip skipped, ${took} s)"
			sed -nE 's/^(not )?ok( .*)?# *SKIP/    skip\2/Ip' "$log"
		)"
	else
		say "ok $name (${took} s)"
	fi
}

# start JOBS NAME SECONDS COMMAND...: as run_test, with up to JOBS at once.
start() {
	local max=$1
	shift
	[[ $1 =~ $filter ]] || return 0
	while [ "$(jobs -rp | wc -l)" -ge "$max" ]; do
		wait -n
	done
	run_test "$@" &
}

# build TARGET...: a failure counts, and what could be built still runs.
built=0
build() {
	local rc
	make -k -j"$jobs" "$@" >"$logs/build.log" 2>&1 </dev/null
	rc=$?
	if [ $rc -ne 0 ]; then
		say "not ok build $*
$(grep -E 'error|Error|undefined' "$logs/build.log" | head -n 40 | sed 's/^/    | /')"
		built=$((built + 1))
		echo "0 1 0" >"$sum/build-$built.sum"
	fi
}

# programs JOBS GROUP SECONDS DIRECTORY SOURCE...: one test for each source, from the program of its name.
programs() {
	local max=$1 group=$2 limit=$3 dir=$4 src name
	shift 4
	for src; do
		[ -e "$src" ] || continue
		name=$(basename "${src%.c}")
		start "$max" "$group/${name#test_}" "$limit" "$dir/$name"
	done
}

group_lint() {
	local l
	build all
	for l in spdx format layers size shell purity cppcheck tidy; do
		start "$jobs" "lint/$l" 400 bash "tests/lint/$l.sh"
	done
}

group_unit() {
	build tests-unit
	programs "$jobs" unit 60 build/tests/unit tests/unit/test_*.c
}

group_bpf() {
	build tests-bpf
	if [ "$(id -u)" != 0 ]; then
		start "$jobs" bpf/all 5 bash -c 'echo "needs root"; exit 77'
		return
	fi
	programs 1 bpf 120 build/tests/bpf tests/bpf/test_*.c
}

group_sim() {
	compgen -G 'tests/sim/*.c' >/dev/null || return 0
	build tests-sim
	start "$jobs" sim/theory 240 build/tests/sim --table-check
	start "$jobs" sim/seeds 240 build/tests/sim --seeds "${SEEDS:-1..1000}"
}

group_asan() {
	build O=build/asan SAN=1 tests-unit tests-sim
	programs "$jobs" asan 120 build/asan/tests/unit tests/unit/test_*.c
	if compgen -G 'tests/sim/*.c' >/dev/null; then
		start "$jobs" asan/sim 240 build/asan/tests/sim --seeds "${SEEDS:-1..100}"
	fi
}

# After unit and netns: it reads their results.
group_requirements() {
	start 1 requirements 60 python3 tests/requirements/run.py --logs "$logs"
}

group_netns() {
	local t name alone
	build all tests-netns tests-yardsticks
	for alone in '' yes; do
		[ -z "$alone" ] || wait
		for t in tests/netns/test_*.sh; do
			[ -e "$t" ] || continue
			if grep -q '^# alone: ' "$t"; then [ -n "$alone" ]; else [ -z "$alone" ]; fi || continue
			name=$(basename "$t" .sh)
			start "$([ -n "$alone" ] && echo 1 || echo "${CHECK_NETNS_JOBS:-$((jobs + 1))}")" "netns/${name#test_}" 180 bash "$t"
		done
	done
}

# Programs that nobody here wrote. Those with a line `# full: WHY` only where all are asked for.
group_apps() {
	local t name
	build all tests-apps
	for t in tests/apps/test_*.sh; do
		[ -e "$t" ] || continue
		[ "${1:-}" = all ] || ! grep -q '^# full: ' "$t" || continue
		name=$(basename "$t" .sh)
		start "${CHECK_NETNS_JOBS:-$((jobs + 1))}" "apps/${name#test_}" 180 bash "$t"
	done
}

# With the list of the programs and what became of each; an older run's logs would speak for those that do not run now.
group_apps-all() {
	rm -f "$logs"/apps-*.log
	group_apps all
	wait
	bash tests/apps/list.sh "$logs"
}

# What the fuzzers have found before, and their seeds: each input once, in the sanitizers' build.
group_corpus() {
	local f name
	build O=build/asan SAN=1 tests-replay
	for f in tests/fuzz/fuzz_*.c; do
		name=$(basename "$f" .c)
		start "$jobs" "corpus/${name#fuzz_}" 60 "build/asan/tests/replay/${name#fuzz_}" "tests/fuzz/corpus/$name"
	done
}

group_fuzz() {
	local f name seconds=${FUZZ_SECONDS:-20}
	build tests-fuzz
	for f in tests/fuzz/fuzz_*.c; do
		[ -e "$f" ] || continue
		name=$(basename "$f" .c)
		mkdir -p "build/fuzz/corpus/$name"
		local args=(-max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
			-artifact_prefix="build/fuzz/$name-" "build/fuzz/corpus/$name")
		[ ! -d "tests/fuzz/corpus/$name" ] || args+=("tests/fuzz/corpus/$name")
		start "$jobs" "fuzz/${name#fuzz_}" $((seconds + 60)) "build/fuzz/$name" "${args[@]}"
	done
}

for group; do
	case $group in
	lint | unit | bpf | sim | asan | corpus | netns | apps | apps-all | requirements | fuzz) "group_$group" ;;
	*)
		echo "check.sh: no group '$group'" >&2
		exit 2
		;;
	esac
	# What measures time does not share the machine with what only computes.
	[ "$group" = lint ] || wait
done
wait
finish
