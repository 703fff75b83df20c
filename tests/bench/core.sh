#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# tests/bench/core.sh [--json] [CC...] - the core for one data segment: data in, read, and half an ACK out (rx); half an ACK in
# and data out (tx). Instructions by valgrind's callgrind, so that a busy machine does not matter; those of libc's copy of the
# text are told apart. Nanoseconds as median of 51 parts, alone on the machine, please.
#
# --json: one line for each CC instead of the table.
set -eu
cd "$(dirname "$0")/../.."
core=${BUILD:-build}/tests/bench/core
counted=3000 warm=1000 # segments; core.c's WARM_UP
json=
[ "${1:-}" != --json ] || { json=1; shift; }
command -v valgrind >/dev/null || { echo "core: needs valgrind" >&2; exit 1; }

out=$(mktemp)
trap 'rm -f "$out"' EXIT

# count SIDE CC: instructions a segment inside of that function, and those of memcpy among them
count() {
	timeout 300 valgrind --tool=callgrind --toggle-collect="$1" --callgrind-out-file="$out" "$core" $counted "$2" >/dev/null 2>&1 ||
		{ echo "core: $core $counted $2 fails under callgrind; run it alone to see why" >&2; exit 1; }
	callgrind_annotate --auto=no --inclusive=no --threshold=100 "$out" | tr -d , | awk -v n=$((counted + warm)) '
		/PROGRAM TOTALS/ { all = $1 }
		/:__mem(cpy|move)_/ { copy += $1 }
		END { printf "%.0f %.0f\n", all / n, copy / n }'
}

[ "$json" ] || printf '%-8s %32s %32s\n%-8s %14s %9s %7s %24s %7s\n' '' 'data in, ACK out' 'ACK in, data out' \
	cc instructions 'of copy' ns instructions ns
for cc in "${@:-cubic}"; do
	rx=$(count receive "$cc")
	tx=$(count transmit "$cc")
	ns=$("$core" 3000000 "$cc")
	read -r rx_all rx_copy <<<"$rx"
	read -r tx_all _ <<<"$tx"
	read -r rx_ns tx_ns <<<"$ns"
	if [ "$json" ]; then
		printf '{"cc":"%s","rx_instructions":%d,"rx_copy_instructions":%d,"tx_instructions":%d,"rx_ns":%s,"tx_ns":%s}\n' \
			"$cc" "$rx_all" "$rx_copy" "$tx_all" "$rx_ns" "$tx_ns"
	else
		printf '%-8s %14d %9d %7s %24d %7s\n' "$cc" "$rx_all" "$rx_copy" "$rx_ns" "$tx_all" "$tx_ns"
	fi
done
