#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Calls, options and ways to wait that test_semantics.sh does not have: the kernel's own sockets and xtcp's must do the same.
. "$(dirname "$0")/lib.sh"
ns_pair
both() { # PROGRAM NAME COMMAND...
	local prog=$1 name=$2
	shift 2
	spawn "peer-$prog-$name" in_a "$BUILD/tests/apps/$prog" peer "$LOGS/control"
	wait_line "$LOGS/peer-$prog-$name.out" ready 5
	"$@" "$BUILD/tests/apps/$prog" run "$LOGS/control" "$B4" "$A4" "$B6" "$A6" >"$LOGS/$prog-$name.txt" 2>"$LOGS/$prog-$name.err"
	eq "$prog: all cases run on $name" "$? $(cat "$LOGS/$prog-$name.err")" '0 '
	stop "peer-$prog-$name"
}
differ() { # PROGRAM
	diff "$LOGS/$1-kernel.txt" "$LOGS/$1-xtcp.txt" | grep -c '^>'
}
compare() { # PROGRAM LEAST KERNELS: cases, and connections that are the kernel's on xtcp, too
	local opened
	both "$1" kernel in_b
	opened=$(opens_b)
	both "$1" xtcp x
	eq "$1: all but $3 of xtcp's connections are" "$(opens_b)" $((opened + $3))
	# On a machine that is busy something may come later than a case waits for it, in either run. What is different does so every time.
	for _ in 1 2; do
		[ "$(differ "$1")" = 0 ] || { both "$1" kernel in_b && both "$1" xtcp x; }
	done
	le "$1: so many cases" "$2" "$(wc -l <"$LOGS/$1-kernel.txt")"
	eq "$1: cases that differ" "$(differ "$1")" 0
	[ "$(differ "$1")" = 0 ] || diff "$LOGS/$1-kernel.txt" "$LOGS/$1-xtcp.txt" | head -n 80
}
compare sock_wait 26 0
compare sock_shared 5 0
compare sock_async 14 0
compare sock_more 19 0
compare sock_opts 11 1
match "which are fortified" "$(nm -D "$BUILD/tests/apps/sock_more")" 'U __recv_chk'

# --- io_uring ---
prog=$BUILD/tests/apps/sock_ring
out=$(x "$prog" 2>"$LOGS/ring.err")
eq "io_uring is the kernel's" "$out" "$(in_b "$prog")"
match "... which is said" "$(cat "$LOGS/ring.err")" '^xtcp: .*sock_ring asks for io_uring: .*kernel'
eq "... once in a run" "$(grep -c io_uring "$LOGS/ring.err")" 1
match "a program with liburing is told at its start" "$(LD_PRELOAD=liburing.so.2 x true 2>&1)" '^xtcp: true is linked with liburing'
