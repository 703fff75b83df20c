#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Bad input: pointers to nothing, lists too long, descriptors that are none or of something else, no descriptor left, a program that
# faults by itself. The kernel's own sockets and xtcp's must do the same, and nothing else may suffer.
. "$(dirname "$0")/lib.sh"
ns_pair
prog=$BUILD/tests/apps/sock_bad
spawn echo in_a socat "TCP-LISTEN:7000,bind=$A4,reuseaddr,fork" PIPE
spawn back in_a socat "TCP-LISTEN:7001,bind=$A4,reuseaddr,fork" "TCP:$B4:7002"
wait_listen in_a 7000
wait_listen in_a 7001
both() { # NAME COMMAND...
	local name=$1
	shift
	timeout -k 5 40 "$@" "$prog" "$A4" 7000 7002 >"$LOGS/$name.txt" 2>"$LOGS/$name.err"
	eq "all cases run on $name" "$? $(cat "$LOGS/$name.err")" '0 '
}
both kernel nsenter --net="/run/netns/$NS_B" --
opened=$(opens_b)
both xtcp nsenter --net="/run/netns/$NS_B" -- "$XTCP" run -i vb --
le "there are a few hundred" 300 "$(wc -l <"$LOGS/kernel.txt")"
eq "none of xtcp's were the kernel's" "$(opens_b)" "$opened"
eq "cases that differ" "$(diff "$LOGS/kernel.txt" "$LOGS/xtcp.txt" | grep -c '^>')" 0 ||
	diff "$LOGS/kernel.txt" "$LOGS/xtcp.txt" | head -n 80
