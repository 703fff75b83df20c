#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The program in README.md compiles without a warning, links with the static library, and is an echo server.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/xtcp.sh"

sed -n '/^```c$/,/^```$/p' "$ROOT/README.md" | sed '/^```/d' >"$LOGS/echo.c"
read -r -a libs < <(sed -n 's/^LDLIBS := //p' "$ROOT/Makefile")
ok "the README's program compiles" gcc -Wall -Wextra -Werror -I"$ROOT/include" -o "$LOGS/echo" "$LOGS/echo.c" \
	"$BUILD/libxtcp.a" -pthread "${libs[@]}" || exit
ns_pair
spawn x in_b "$LOGS/echo" vb 7000 </dev/null
wait_line "$LOGS/x.err" '^listening' 5 || fail "the README's program listens"
eq "... 50 connections to it" "$(in_a $PEER echo "$B4" 7000 50 100000 2>&1)" '50 connections 0 failed'
eq "... over IPv6" "$(in_a $PEER echo "$B6" 7000 5 100000 2>&1)" '5 connections 0 failed'
kill -KILL "$(pid_of x)"
wait_exit x 2
wait_for '! in_b ip link show dev vb | grep -q xdp' 2
no_xdp vb
