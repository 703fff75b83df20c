#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# long.sh SIM A..B[@GENERATION] - many seeds, in blocks of 1,000, one process for each processor. Prints each block that is done and
# each failure with the command to repeat it; a whole run of 100,000 takes minutes. Exit code 1: a seed failed.
set -u
sim=$1 from=${2%..*} to=${2#*..} generation=
case $to in *@*) generation=@${to#*@} to=${to%@*} ;; esac
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
trap 'kill $(jobs -p) 2>/dev/null; exit 1' INT TERM

block() { # FIRST LAST
	"$sim" --seeds "$1..$2$generation" >"$logs/$1" 2>&1 || touch "$logs/failed"
	grep '^not ok' "$logs/$1"
	echo "seeds $1..$2 done, $(find "$logs" -name "[0-9]*" | wc -l) of $(((to - from) / 1000 + 1)) blocks begun, $SECONDS s"
}

for ((first = from; first <= to; first += 1000)); do
	while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do
		wait -n
	done
	block "$first" "$((first + 999 < to ? first + 999 : to))" &
done
wait
if [ -e "$logs/failed" ]; then
	echo "not ok: seeds failed, see above"
	exit 1
fi
echo "ok seeds $from..$to ($SECONDS s)"
