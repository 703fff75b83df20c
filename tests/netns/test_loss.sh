#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Both directions at once over a bad wire: loss, duplication, reordering, delay, corruption, a slow link with a short queue.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/xtcp.sh"

rand_file "$LOGS/up" 700001 21
rand_file "$LOGS/down" 900007 22
ns_relay

# wire OPTION...: the relay again, with these.
wire() {
	stop relay
	spawn relay in_r "$RELAY" "$@" ra rb
	wait_line "$LOGS/relay.out" ready 5 || fail "the relay runs with $*"
}

# over WHAT MODE: listen over IPv4, connect over IPv6.
over() {
	local what=$1 mode=$2
	if x_listen x 7000 --mode "$mode" <"$LOGS/down"; then
		nc_send nc in_a "$B4" 7000 "$LOGS/up" "$LOGS/got"
		ends "$what, listen, IPv4, $mode: xtcp ends well" x 20 0
		ends "... and so does the peer" nc 5 0
		same "... what xtcp received" "$LOGS/x.out" "$LOGS/up"
		same "... what the peer received" "$LOGS/got" "$LOGS/down"
	fi
	peer_serve nc in_a "$A6" 7001 "$LOGS/up" "$LOGS/got"
	x_connect x "[$A6]:7001" --mode "$mode" <"$LOGS/down"
	ends "$what, connect, IPv6, $mode: xtcp ends well" x 20 0
	ends "... and so does the peer" nc 5 0
	same "... what xtcp received" "$LOGS/x.out" "$LOGS/up"
	same "... what the peer received" "$LOGS/got" "$LOGS/down"
}

wire --loss 2 --delay 1 --seed 1
over "2 % loss" native
wire --dup 5 --reorder 5 --delay 2 --seed 2
over "5 % duplicated, 5 % reordered" generic
wire --corrupt 3 --seed 3
over "3 % corrupted" native
wire --delay 20 --jitter 10 --loss 0.3 --seed 4
over "20 ms each way with jitter" native
wire --rate 40 --limit 30000 --delay 5 --seed 5
over "40 Mbit/s and a short queue" native
in_a sysctl -qw net.ipv4.tcp_sack=0 net.ipv4.tcp_timestamps=0
wire --loss 1 --delay 1 --seed 7
over "1 % loss, no SACK, no timestamps" native
in_a sysctl -qw net.ipv4.tcp_sack=1 net.ipv4.tcp_timestamps=1
wire --loss 1 --dup 1 --reorder 1 --corrupt 1 --delay 1 --jitter 1 --seed 6
over "all at once" generic
x_server x echo -p 7000
eq "50 connections over it" "$(in_a $PEER echo "$B4" 7000 50 20000 2>&1)" '50 connections 0 failed'
stop x INT
no_xdp vb
