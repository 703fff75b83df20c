#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# tests/bench/engine.sh [--functions] - instructions of the engine for one exchange, both ends together, by valgrind's callgrind,
# so that a busy machine does not matter: of a request and its answer, and of a whole connection. Without the port, which is
# the simulator's here. --functions: the most expensive functions too.
set -eu
cd "$(dirname "$0")/../.."
engine=${BUILD:-build}/tests/bench/engine
command -v valgrind >/dev/null || { echo "engine: needs valgrind" >&2; exit 1; }

out=$(mktemp)
trap 'rm -f "$out"' EXIT
printf '%-10s %12s %12s   instructions an exchange\n' what engine applications
for what in 'rr 1 5000' 'rr 64 20000' 'crr 16 10000'; do
	# shellcheck disable=SC2086 # $what are words
	timeout 300 valgrind --tool=callgrind --callgrind-out-file="$out" --toggle-collect=exchange "$engine" $what >/dev/null 2>&1
	callgrind_annotate --inclusive=yes --threshold=100 "$out" | tr -d , | awk -v what="$what" -v n="${what##* }" '
		/:turn / { turn = $1 }
		/:app / { app = $1 }
		/:(sim_rx|sim_rx_release|sim_tx_room|sim_tx_reserve|sim_tx_commit|sim_tx_flush) / { port += $1 }
		END { sub(/ [^ ]*$/, "", what); n *= 1.1; printf "%-10s %12d %12d\n", what, (turn - app - port) / n, app / n }'
	[ "${1:-}" != --functions ] || callgrind_annotate --threshold=90 "$out" | grep -v 'carry\|sim_\|simport\|memset' | head -60
done
