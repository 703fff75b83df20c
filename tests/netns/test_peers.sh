#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Peers and places that differ from the usual: TCP without its options, ECN, IP options, readers that do not read, another xtcp,
# several receive queues, one address of many, addresses that come and go, closed standard descriptors.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/xtcp.sh"

ns_pair
rand_file "$LOGS/up" 2000003 101
rand_file "$LOGS/down" 1700001 102

both() { # WHAT [ADDR]: listen, both directions at once
	x_listen x 7000 --mode "${mode:-auto}" <"$LOGS/down" || return
	nc_send nc in_a "${2:-$B4}" 7000 "$LOGS/up" "$LOGS/got"
	ends "$1: xtcp ends well" x 15 0
	ends "... the peer" nc 5 0
	same "... what xtcp received" "$LOGS/x.out" "$LOGS/up"
	same "... what the peer received" "$LOGS/got" "$LOGS/down"
}

# Options of the kernel's TCP, each on its own and all together.
sysctl_a() {
	in_a sysctl -qw "$@" 2>/dev/null
}
for option in timestamps sack window_scaling; do
	sysctl_a net.ipv4.tcp_$option=0
	both "the peer has no $option"
	sysctl_a net.ipv4.tcp_$option=1
done
sysctl_a net.ipv4.tcp_timestamps=0 net.ipv4.tcp_sack=0 net.ipv4.tcp_window_scaling=0
both "the peer has none of them" "$B6"
peer_serve nc in_a "$A4" 7001 "$LOGS/up" "$LOGS/got"
x_connect x "$A4:7001" <"$LOGS/down"
ends "connect to such a peer" x 15 0
same "... what xtcp received" "$LOGS/x.out" "$LOGS/up"
same "... what the peer received" "$LOGS/got" "$LOGS/down"
stop nc
sysctl_a net.ipv4.tcp_timestamps=1 net.ipv4.tcp_sack=1 net.ipv4.tcp_window_scaling=1
sysctl_a net.ipv4.tcp_ecn=1
both "the peer asks for ECN"
sysctl_a net.ipv4.tcp_ecn=2

# Another xtcp.
for mode in native generic; do
	x_listen x 7000 --mode $mode <"$LOGS/down"
	spawn y in_a "$XTCP" connect -i va --mode $mode "[$B6]:7000" <"$LOGS/up"
	ends "xtcp to xtcp, $mode: the end in B" x 15 0
	ends "... the end in A" y 5 0
	same "... what B received" "$LOGS/x.out" "$LOGS/up"
	same "... what A received" "$LOGS/y.out" "$LOGS/down"
done

# Whoever does not read shuts the window, and nothing is lost.
rand_file "$LOGS/big" 12000000 103
mkfifo "$LOGS/pipe"
{
	sleep 1.5
	cat
} <"$LOGS/pipe" >"$LOGS/slow.out" &
slow=$!
in_b "$XTCP" listen -i vb 7000 </dev/null >"$LOGS/pipe" 2>"$LOGS/slow.err" &
reader=$!
wait_line "$LOGS/slow.err" listening 5
nc_send nc in_a "$B4" 7000 "$LOGS/big"
wait $reader
eq "our reader sleeps, the window is shut: xtcp ends well" $? 0
wait $slow
ends "... the peer" nc 5 0
same "... all arrives" "$LOGS/slow.out" "$LOGS/big"
spawn sink in_a $PEER sink-server "$A4" 7002 1.5
wait_line "$LOGS/sink.err" ready 5
x_connect x "$A4:7002" --json <"$LOGS/big"
ends "the peer's reader sleeps: xtcp ends well" x 15 0
ends "... the peer" sink 5 0
same "... all arrives" "$LOGS/sink.out" "$LOGS/big"

# IP options and extension headers.
x_server x echo -p 7000
eq "IPv4 options" "$(in_a $PEER ip-options "$B4" 7000 2>&1)" echoed
eq "an IPv6 destination options header" "$(in_a $PEER ip-options "$B6" 7000 2>&1)" echoed

# Addresses that come and go under a listener of all.
in_b ip address add 10.9.0.22/24 dev vb
in_b ip address add fd09::22/64 dev vb nodad
for addr in 10.9.0.22 fd09::22; do
	ok "an address that was added: $addr" wait_for "in_a $PEER echo $addr 7000 3 1000 >/dev/null 2>&1" 2
done
in_b ip address del 10.9.0.22/24 dev vb
in_b ip address del fd09::22/64 dev vb
eq "the others work on when it goes" "$(in_a $PEER echo "$B4" 7000 3 1000 2>&1)" '3 connections 0 failed'
stop x INT
eq "... and echo ends well" $? 0

# One address only.
x_spawn x echo -i vb -p 7000 -a "$B6" </dev/null
x_ready x
eq "a listener of one address has that" "$(in_a $PEER echo "$B6" 7000 3 1000 2>&1)" '3 connections 0 failed'
match "... no other" "$(in_a $PEER connect-bound 0.0.0.0 0 "$B4" 7000)" ECONNREFUSED
eq "... the kernel may have the port there" "$(in_b $PEER bind "$B4" 7000)" bound
stop x INT
in_a ip address add fe80::1:1/64 dev va nodad
in_b ip address add fe80::1:2/64 dev vb nodad
x_server x echo -p 7000
eq "the link-local address" "$(in_a $PEER echo fe80::1:2%va 7000 3 1000 2>&1)" '3 connections 0 failed'
stop x INT

# Standard descriptors that are not there.
in_b "$XTCP" listen -i vb 7000 <&- >"$LOGS/x.out" 2>"$LOGS/x.err" &
x=$!
wait_line "$LOGS/x.err" listening 5
echo hello | in_a nc -N -w 5 "$B4" 7000 >/dev/null
wait $x
eq "stdin closed: exit code 0" $? 0
eq "... data arrives" "$(cat "$LOGS/x.out")" hello
in_b "$XTCP" listen -i vb 7000 </dev/null >&- 2>"$LOGS/x.err" &
x=$!
wait_line "$LOGS/x.err" listening 5
echo hello | in_a nc -N -w 5 "$B4" 7000 >/dev/null 2>&1
wait $x
eq "stdout closed: exit code 1, for data was lost" $? 1
in_b "$XTCP" listen -i vb 7000 <"$LOGS/down" >/dev/full 2>"$LOGS/full.err" &
x=$!
wait_line "$LOGS/full.err" listening 5
echo hello | in_a nc -N -w 5 "$B4" 7000 >/dev/null 2>&1
wait $x
eq "stdout full: exit code 1" $? 1
err_line "... one line" full 'cannot write to standard output: No space left on device'

# Several receive queues.
in_a ip link delete va
ip link add va numrxqueues 4 numtxqueues 4 netns "$NS_A" type veth peer name vb numrxqueues 4 numtxqueues 4 netns "$NS_B"
ns_address "$NS_A" va "$A4" "$A6"
ns_address "$NS_B" vb "$B4" "$B6"
for mode in native generic; do
	x_server x echo -p 7000 --mode $mode -v
	match "four receive queues, $mode" "$(cat "$LOGS/x.err")" '4 queues'
	eq "... 100 connections" "$(in_a $PEER echo "$B4" 7000 100 50000 2>&1)" '100 connections 0 failed'
	stop x INT
	eq "... echo ends well" $? 0
done
mode=auto both "... a transfer"
no_xdp vb
