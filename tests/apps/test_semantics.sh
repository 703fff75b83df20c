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
differ() {
	diff "$LOGS/kernel.txt" "$LOGS/xtcp.txt" | grep -c '^>'
}
both kernel in_b
opened=$(opens_b)
both xtcp x
eq "none of xtcp's were the kernel's" "$(opens_b)" "$opened"
# On a machine that is busy a segment may come later than a case waits for it, in either run. What is different does so every time.
for _ in 1 2; do
	[ "$(differ)" = 0 ] || { both kernel in_b && both xtcp x; }
done
le "there are a few hundred" 500 "$(wc -l <"$LOGS/kernel.txt")"
eq "cases that differ" "$(differ)" 0
[ "$(differ)" = 0 ] || diff "$LOGS/kernel.txt" "$LOGS/xtcp.txt" | head -n 80
