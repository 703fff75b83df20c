#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# One interface, one address, two stacks: what is the kernel's goes on unharmed while xtcp runs, and ports belong to one of them.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/xtcp.sh"

ns_pair
rand_file "$LOGS/data" 3000000 51

# harmless MODE: everything that is not ours, with an echo server running on the same address.
harmless() {
	local addr
	x_server x echo -p 7000 --mode "$1" || return
	# Data through xtcp all the while.
	spawn load in_a $PEER echo "$B4" 7000 20 400000
	for addr in "$B4" "$B6"; do
		ok "$1: ping $addr" in_a ping -q -c 5 -i 0.02 -W 2 "$addr"
	done
	ok "$1: ping with fragments" in_a ping -q -c 2 -i 0.05 -s 4000 -W 2 "$B4"
	for addr in "$B4" "$B6"; do
		peer_serve kernel in_b "$addr" 2222 "$LOGS/data" "$LOGS/got_b"
		nc_send client in_a "$addr" 2222 "$LOGS/data" "$LOGS/got_a"
		ends "$1: a kernel server on $addr, another port" kernel 10 0
		ends "... its client" client 5 0
		same "... what it received" "$LOGS/got_b" "$LOGS/data"
		same "... what it sent" "$LOGS/got_a" "$LOGS/data"
	done
	peer_serve away in_a "$A4" 2223 "$LOGS/data" "$LOGS/got_a"
	nc_send out in_b "$A4" 2223 "$LOGS/data" "$LOGS/got_b"
	ends "$1: a kernel client on our address" out 10 0
	ends "... its server" away 5 0
	same "... what it received" "$LOGS/got_b" "$LOGS/data"
	for addr in "$B4" "$B6"; do
		for port in 53 7000; do
			spawn udp in_b $PEER udp-server "$addr" $port
			wait_line "$LOGS/udp.err" ready 5
			eq "$1: UDP to $addr, port $port" "$(in_a $PEER udp "$addr" $port question)" "re: question"
			stop udp
		done
	done
	wait_exit load 10
	match "$1: and the connections of xtcp" "$(cat "$LOGS/load.out")" '20 connections 0 failed'
	stop x INT
	eq "SIGINT ends echo well" $? 0
}
harmless native
harmless generic

# Ports: who comes first has it.
x_server x echo -p 7000
for addr in "$B4" "$B6" 0.0.0.0 ::; do
	eq "a local program gets EADDRINUSE on $addr, xtcp's port" "$(in_b $PEER bind "$addr" 7000)" EADDRINUSE
done
eq "... another port is free" "$(in_b $PEER bind "$B4" 7001)" bound
stop x INT
eq "... and xtcp's, when xtcp has ended" "$(in_b $PEER bind "$B4" 7000)" bound

for how in "$B4" 0.0.0.0 "$B6"; do
	spawn holder in_b $PEER serve "$how" 7000
	wait_listen in_b 7000
	spawn x in_b "$XTCP" listen -i vb 7000 </dev/null
	ends "the kernel has the port on $how: exit code 1" x 5 1
	err_line "... and xtcp says so" x 'listen on .*7000.*in use'
	stop holder KILL
done
no_xdp vb

# Our own connections do not collide with the kernel's, and the kernel does not reset them: a long stay, with a kernel server too.
peer_serve k in_a "$A4" 7100 /dev/null "$LOGS/got"
x_connect x "$A4:7100" < <(
	echo early
	sleep 1
	echo late
)
ends "an idle second in an open connection" x 5 0
ends "... the peer" k 5 0
eq "... and both lines are there" "$(cat "$LOGS/got")" "$(printf 'early\nlate')"
