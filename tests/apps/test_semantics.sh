#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Each call in each state of a socket: the kernel's own sockets and xtcp's must do the same, to the errno and the event.
. "$(dirname "$0")/lib.sh"
ns_pair
prog=$BUILD/tests/apps/sock_semantics
both() { # NAME COMMAND...
	local name=$1
	shift
	spawn "peer-$name" in_a "$prog" peer "$LOGS/control"
	wait_line "$LOGS/peer-$name.out" ready 5
	"$@" "$prog" run "$LOGS/control" "$B4" "$A4" >"$LOGS/$name.txt" 2>"$LOGS/$name.err"
	eq "all cases run on $name" "$? $(cat "$LOGS/$name.err")" '0 '
	stop "peer-$name"
}
both kernel in_b
opened=$(opens_b)
both xtcp x
le "there are a few hundred" 500 "$(wc -l <"$LOGS/kernel.txt")"
eq "none of xtcp's were the kernel's" "$(opens_b)" "$opened"
n=$(diff "$LOGS/kernel.txt" "$LOGS/xtcp.txt" | grep -c '^>')
eq "cases that differ" "$n" 0
[ "$n" = 0 ] || diff "$LOGS/kernel.txt" "$LOGS/xtcp.txt" | head -n 80
