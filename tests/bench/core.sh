#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# tests/bench/core.sh [CC...] - instructions of the core for one data segment, by valgrind's callgrind, so that a busy machine
# does not matter: data in, read, and half an ACK out; half an ACK in and data out.
set -eu
cd "$(dirname "$0")/../.."
core=${BUILD:-build}/tests/bench/core
command -v valgrind >/dev/null || { echo "core: needs valgrind" >&2; exit 1; }

out=$(mktemp)
trap 'rm -f "$out"' EXIT
printf '%-8s %18s %18s   instructions a data segment\n' cc 'data in, ACK out' 'ACK in, data out'
for cc in "${@:-cubic}"; do
	timeout 300 valgrind --tool=callgrind --callgrind-out-file="$out" "$core" 3000 "$cc" >/dev/null 2>&1
	callgrind_annotate --inclusive=yes --threshold=100 "$out" | tr -d , | awk -v cc="$cc" '
		/:receive / { in_out = $1 }
		/:transmit / { out_in = $1 }
		END { printf "%-8s %18d %18d\n", cc, in_out / 4000, out_in / 4000 }'
done
