#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# tests/bench/api.sh [ROUNDS] - recv beside peek/consume, and send beside reserve/commit, in turn, over a veth pair of its own; one
# line of JSON for each end of each run. A run that could not be measured is a line on stderr, and exit code 1.
export XTCP_TEST_GUARDED=1
. "$(dirname "$0")/../netns/lib.sh"

API=$BUILD/tests/bench/api
[ -x "$API" ] || { echo "api: $API is not built: make tests-bench" >&2; exit 1; }
ns_pair
bad=0

# one NAME SINK-OPTION SOURCE-OPTION
one() {
	# shellcheck disable=SC2086 # options are words
	spawn sink in_b "$API" sink --iface vb --cpu 1 --seconds "${BENCH_SECONDS:-2}" $1
	wait_line "$LOGS/sink.out" ready 5 || { cat "$LOGS/sink.err" >&2; bad=1; return; }
	# shellcheck disable=SC2086
	spawn source in_a "$API" source --iface va --addr "$B4" --cpu 0 --seconds "${BENCH_SECONDS:-2}" $2
	wait_exit source 15 || { cat "$LOGS/source.err" >&2; bad=1; }
	wait_exit sink 15 || { cat "$LOGS/sink.err" >&2; bad=1; }
	grep -h '^{' "$LOGS/sink.out" "$LOGS/source.out"
}

for ((i = 0; i < ${1:-3}; i++)); do
	one '' ''
	one --zero-copy ''
	one '' --zero-copy
	one --zero-copy --zero-copy
done
[ $bad != 0 ] || pass "every run is measured" >/dev/null
exit $bad
