#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Killed at any moment, xtcp leaves nothing: no program, no pins, no port, the peer's offloads back, and the peer gets the
# kernel's RST. And SIGINT and SIGTERM end it well at any moment.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/xtcp.sh"

ns_pair
rand_file "$LOGS/data" 30000000 61

offloads() {
	in_a ethtool -k va | grep -E '^(tx-checksumming|scatter-gather|tcp-segmentation-offload|generic-segmentation-offload):'
}
before=$(offloads)

# nothing_left WHAT: within a second, for a pinned iterator or keeper may take a moment.
nothing_left() {
	wait_for '! in_b ip -d link show dev vb | grep -qE "(^|[ /])xdp"' 1
	no_xdp vb
	eq "$1: the peer's offloads are as they were" "$(offloads)" "$before"
	no_pins "$1: no pins are left"
	eq "$1: the port is free" "$(in_b $PEER bind "$B4" 7000)" bound
}

for mode in native generic; do
	x_listen x 7000 --mode $mode < <(hold 20)
	spawn peer in_a $PEER write "$B4" 7000 5000000
	wait_for '[ "$(stat -c %s "$LOGS/x.out")" -gt 300000 ]' 5 || fail "data flows"
	[ "$mode" = generic ] || match "while it lives, its program is on vb" "$(in_b ip link show dev vb)" xdp
	kill -KILL "$(pid_of x)"
	wait_exit peer 3
	match "listen, $mode, killed: the peer's next segment meets the kernel's RST" "$(cat "$LOGS/peer.out")" 'ECONNRESET|EPIPE'
	stop x KILL
	nothing_left "listen, $mode, killed"
done

x_server x echo -p 7000
spawn peer in_a $PEER echo "$B4" 7000 20 2000000
sleep 0.15
kill -KILL "$(pid_of x)"
wait_exit peer 5
eq "echo, killed: its peers are told" $? 1
match "... by a reset" "$(cat "$LOGS/peer.err")" 'reset by peer|refused'
nothing_left "echo, killed"
spawn x in_b "$XTCP" echo -i vb -p 7000 </dev/null
ok "... and it starts again" x_ready x
ok "... and works" in_a $PEER echo "$B4" 7000 5 1000
stop x INT
eq "... and SIGINT ends it well" $? 0

# SIGINT and SIGTERM while it starts, listens, connects, transfers.
for sig in INT TERM; do
	for delay in 0.005 0.02 0.05 0.1 0.2; do
		spawn x in_b "$XTCP" listen -i vb 7000 < <(hold 5)
		sleep $delay
		kill -$sig "$(pid_of x)"
		wait_exit x 3
		rc=$?
		# Before its handlers are there, a signal ends a program as it always does.
		case $rc in
		1 | 130 | 143) pass "SIG$sig after $delay s ends it ($rc)" ;;
		*) fail "SIG$sig after $delay s ends it" "exit code $rc: $(cat "$LOGS/x.err")" ;;
		esac
	done
	x_listen x 7000 < <(hold 5)
	kill -$sig "$(pid_of x)"
	ends "SIG$sig while it listens: exit code 1" x 2 1
	err_line "... and one line" x interrupted
	x_listen x 7000 < <(peer throttle "$LOGS/data" 5000000)
	nc_send nc in_a "$B4" 7000 <(peer throttle "$LOGS/data" 5000000) "$LOGS/got"
	wait_for '[ "$(stat -c %s "$LOGS/x.out")" -gt 300000 ]' 5 || fail "data flows"
	kill -$sig "$(pid_of x)"
	ends "SIG$sig while data flows: exit code 1" x 4 1
	err_line "... and one line" x interrupted
	stop nc KILL
	got=$(stat -c %s "$LOGS/x.out")
	cmp -s -n "$got" "$LOGS/x.out" "$LOGS/data"
	eq "... and what was received is a beginning of what was sent" $? 0
	nothing_left "SIG$sig"
	x_server x echo -p 7000
	spawn peer in_a $PEER echo "$B4" 7000 10 100 20
	wait_line "$LOGS/peer.out" '10 connections 0 failed' 5
	kill -$sig "$(pid_of x)"
	ends "SIG$sig under echo with open connections: exit code 0" x 3 0
	stop peer KILL
done
nothing_left "in the end"
