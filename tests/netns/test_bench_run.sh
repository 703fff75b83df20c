#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The benchmark itself: what it writes, and that it prints no figure which it did not measure. Measurements are as short as can be.
. "$(dirname "$0")/lib.sh"

export BENCH_SECONDS=0.2 BENCH_WARMUP=0.05 BENCH_ROUNDS=1 BENCH_JSON=$LOGS/b.json BENCH_SVG=$LOGS/b.svg

# bench ARGUMENT...: output in $LOGS/bench.out and .err
bench() {
	rm -f "$BENCH_JSON" "$BENCH_SVG"
	bash "$ROOT/tests/bench/run.sh" "$@" >"$LOGS/bench.out" 2>"$LOGS/bench.err"
}

# is WHAT FILTER: of the array in the file.
is() {
	if jq -e "$2" "$BENCH_JSON" >/dev/null 2>&1; then pass "$1"; else fail "$1" "not $2: $(cat "$BENCH_JSON" "$LOGS/bench.err" 2>&1 | head -c 900)"; fi
}

svg_is() {
	python3 -I -c 'import sys, xml.dom.minidom as x; d = x.parse(sys.argv[1]).documentElement; assert d.tagName == "svg" and d.getElementsByTagName(sys.argv[2])' \
		"$BENCH_SVG" "$1" 2>&1
}

no_leftovers() {
	no_match "no namespace is left" "$(ip netns list)" "^xtcp-$1-"
}

# --- A row that can be measured ---

bench --rows '^rr-1$'
eq "a row is measured" $? 0
is "its comparisons are objects in an array" 'type == "array" and length == 2'
is "with the fields that are promised" 'all(has("row") and has("unit") and has("xtcp") and has("against") and has("other") and has("ratio") and
	has("goal") and has("met") and has("ratios"))'
is "the figures are numbers" 'all(.xtcp > 0 and .other > 0 and .ratio > 0 and .unit == "us")'
is "the ratio is that of the figures" 'all((.xtcp / .other / .ratio - 1) | fabs < 0.01)'
is "a goal is met or not" 'all((.goal | test("^[<>]=? [0-9.]+$")) and (.met == (.ratio <= (.goal | split(" ")[1] | tonumber))))'
is "one is against the raw loop, one against the kernel" '[.[].against] | any(. == "raw AF_XDP") and any(startswith("kernel ("))'
match "the table says what it ran on" "$(cat "$LOGS/bench.out")" '^machine: .*kernel '"$(uname -r)"
match "and in what mode" "$(cat "$LOGS/bench.out")" '^xtcp ran in: (native|generic) XDP'
match "and how much else was going on" "$(cat "$LOGS/bench.out")" '^disturbance: some process waited .* in [0-9]+ % of the time, .* [0-9.]+ % of'
ok "the chart is SVG with bars" svg_is rect

# --- What cannot be measured ---

broken=$LOGS/broken
mkdir -p "$broken/tests/bench"
ln -s "$BUILD"/tests/bench/{raw_xsk,kernel_http} "$broken/tests/bench/"
ln -s "$XTCP" "$broken/xtcp"
printf '#!/bin/sh\n[ "$1" = serve ] && echo ready && exec sleep 5\necho "kernel_tcp: it is broken" >&2\nexit 1\n' >"$broken/tests/bench/kernel_tcp"
chmod +x "$broken/tests/bench/kernel_tcp"
BUILD=$broken bench --rows '^rr-1$'
eq "a yardstick that fails makes exit code 1" $? 1
is "the row has no figure and a reason" 'map(select(.against | startswith("kernel"))) | length == 1 and
	all(.xtcp == null and .other == null and .ratio == null and .met == false and (.why | contains("it is broken")))'
is "the other comparison has its figure" 'map(select(.against == "raw AF_XDP")) | length == 1 and all(.ratio > 0)'
match "the table says it was not measured, and why" "$(cat "$LOGS/bench.out")" 'not measured: .*it is broken'
match "the last line says how many" "$(tail -n 1 "$LOGS/bench.err")" '^bench: 1 comparisons could not be measured$'
ok "the chart is still there" svg_is text

printf '#!/bin/sh\n[ "$1" = serve ] && echo ready && exec sleep 5\necho "{\\"rate\\":12345}"\n' >"$broken/tests/bench/kernel_tcp"
BUILD=$broken bench --rows '^rr-1$'
eq "a yardstick that leaves out its figure makes exit code 1" $? 1
is "and there is none" 'map(select(.against | startswith("kernel"))) | all(.xtcp == null and .other == null and .why != null)'

# --- Another program as a peer ---

if command -v wrk >/dev/null; then
	bench --rows '^http$' --peer 'exec python3 -u -m http.server -b $ADDR -d $DIR $PORT'
	eq "HTTP is measured, a peer beside it" $? 0
	is "the peer has a comparison of its own" 'length == 2 and (.[1].against | contains("http.server")) and all(.xtcp > 0 and .other > 0)'
	bench --rows '^http$' --peer 'echo "cannot start" >&2; exit 3'
	eq "a peer that fails makes exit code 1" $? 1
	is "it has no figure, the others do" '.[0].ratio > 0 and .[1].ratio == null and .[1].xtcp == null and (.[1].why | contains("cannot start"))'
else
	skip_one "HTTP is measured" "wrk is missing"
fi

# --- Rows without a measurement, and wrong use ---

bench --rows '^zero-copy$'
eq "a row that this machine cannot have is no failure" $? 0
is "it is skipped with the reason" 'length == 1 and all(.xtcp == null and .met == null and (.skipped | length > 10))'

rows=$(bash "$ROOT/tests/bench/run.sh" --list)
for row in rr-1 rr-64 rr-10000 rr-1000000 crr idle http bulk-1500 bulk-9000 bulk-65000 bulk-to-kernel bulk-from-kernel core waiting engines engines-rr api; do
	match "--list has $row" "$rows" "^$row\$"
done
wrong() {
	bench "${@:2}"
	eq "$1: exit code" $? 2
	eq "$1: one line" "$(wc -l <"$LOGS/bench.err")" 1
	eq "$1: nothing is written" "$(ls "$BENCH_JSON" 2>/dev/null)" ''
}
wrong "a row that is none" --rows no-such-row
wrong "a mode that is none" --mode fast
wrong "an option that is none" --fast
BENCH_SECONDS=long wrong "seconds that are none" --rows rr-1
