#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The sockets of xtcp.h: a program that begins a run of its own, and one that joins that of xtcp run.
. "$(dirname "$0")/lib.sh"
ns_pair
prog=$BUILD/tests/apps/sock_api
cat >"$LOGS/ask.py" <<'PY'
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
for i in range(6):
    s.sendall(b'line %d' % i)
    if s.recv(100) != b'line %d' % i:
        sys.exit('not echoed')
s.close()
print('all echoed')
PY
spawn own in_b "$prog" vb "$B4" 6000
wait_line "$LOGS/own.out" ready 20
eq "a program begins a run of its own" "$(in_a timeout 20 python3 "$LOGS/ask.py" "$B4" 6000 2>&1)" 'all echoed'
wait_exit own 10
eq "... and ends" "$? $(cat "$LOGS/own.err")" '0 '
wait_for '! in_b ip link show vb | grep -q prog/xdp' 5
no_xdp vb
# The preloaded library has joined for it: what it calls by the C library's names is served already.
spawn joins in_b env "XTCP_RUN=" "$prog" - "$B4" 6001
wait_exit joins 10
match "without a run there is none to join" "$(cat "$LOGS/joins.err")" 'no run to join'
spawn none in_b "$prog" nosuch "$B4" 6002
wait_exit none 10
match "an interface that is not there: one line says so" "$(cat "$LOGS/none.err")" 'sock_api: .*nosuch'
on_xtcp
