#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# tests/bench/cc.sh [CC...] - what each congestion control makes of one bad wire: xtcp beside Linux, each in both roles. Figures
# are medians of ROUNDS runs, those of a row in turn, so that what disturbs one disturbs all. Without CC: all that xtcp has.
#
# Environment: WIRE, options of tests/netns/relay.c; CONNECTIONS (8); ROUNDS (1); BENCH_SECONDS (6), BENCH_WARMUP (2).
XTCP_TEST_GUARDED=1
. "$(dirname "$0")/../netns/lib.sh"
. "$(dirname "$0")/../netns/xtcp.sh"
. "$(dirname "$0")/../netns/goodput.sh"

seconds=${BENCH_SECONDS:-6} warmup=${BENCH_WARMUP:-2}
wire=${WIRE:---loss 0.5 --delay 20 --rate 100 --limit 500000 --seed 1}
pairs=(linux_to_linux xtcp_to_linux linux_to_xtcp xtcp_to_xtcp)
# shellcheck disable=SC2086 # options are words
ns_relay $wire
[ $# -gt 0 ] || mapfile -t names < <("$XTCP" bench --cc help)
set -- "$@" "${names[@]}"

median() {
	sort -n | awk '{ v[NR] = $1 } END { if (NR) print v[int((NR + 1) / 2)] }'
}

# ecn CC: DCTCP is itself only where marks are agreed on.
ecn() {
	local where on=2
	[ "$1" != dctcp ] || on=1
	for where in in_a in_b; do
		$where sysctl -qw net.ipv4.tcp_ecn=$on
	done
}

# one_round CC: a figure more in the file of each pair; of those that need Linux's own sender only where it has it.
one_round() {
	local pair got
	for pair in "${pairs[@]}"; do
		[ -z "$why" ] || [[ $pair == xtcp_* ]] || continue
		got=$($pair "$1" "${CONNECTIONS:-8}" | tail -n 1)
		[[ $got =~ ^[0-9]+$ ]] && echo "$got" >>"$LOGS/$1.$pair"
	done
}

printf 'wire: %s; %s connections; Mbit/s, and of Linux to Linux\n' "$wire" "${CONNECTIONS:-8}"
printf '%-8s' cc
printf ' %20s' "${pairs[@]//_/ }"
echo
for cc; do
	why=$(linux_lacks "$cc")
	ecn "$cc"
	for ((i = 0; i < ${ROUNDS:-1}; i++)); do
		one_round "$cc"
	done
	printf '%-8s' "$cc"
	yard=$(median 2>/dev/null <"$LOGS/$cc.linux_to_linux")
	for pair in "${pairs[@]}"; do
		got=$(median 2>/dev/null <"$LOGS/$cc.$pair")
		printf ' %20s' "$(awk -v g="$got" -v y="$yard" 'BEGIN {
			if (g == "") print "-"
			else if (y == "") printf "%.1f", g / 1e3
			else printf "%.1f (%.2f)", g / 1e3, g / y }')"
	done
	echo "${why:+   $why}"
	[ -s "$LOGS/$cc.xtcp_to_linux" ] || fail "$cc is measured"
done
pass "every row is measured" >/dev/null
