#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Neighbours that are not known yet, that change, that are behind a router; and what a router says of what it cannot deliver.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/xtcp.sh"

# 20 ms each way: a neighbour takes 40 ms to be found, and segments wait for that.
ns_relay --delay 20
rand_file "$LOGS/data" 1000003 91
# A young interface is deaf to the first solicitation.
for addr in "$A4" "$A6"; do
	wait_for "in_b ping -q -c 1 -W 1 $addr >/dev/null" 8
done

flush() {
	in_b ip neighbour flush dev vb
	in_a ip neighbour flush dev va
}

# The first segment meets an unresolved neighbour, whoever sends it.
peer_serve nc in_a "$A4" 7001 "$LOGS/data" "$LOGS/got"
flush
x_connect x "$A4:7001" --trace <"$LOGS/data"
ends "connect with no neighbour known" x 5 0
ends "... the peer" nc 5 0
same "... data arrives" "$LOGS/got" "$LOGS/data"
eq "... and the SYN was not sent twice" "$(grep -c -- '--> .*\[SYN\]' "$LOGS/x.err")" 1
peer_serve nc in_a "$A6" 7001 "$LOGS/data" "$LOGS/got"
flush
x_connect x "[$A6]:7001" --trace <"$LOGS/data"
ends "the same over IPv6" x 5 0
same "... data arrives" "$LOGS/x.out" "$LOGS/data"
eq "... and the SYN was not sent twice" "$(grep -c -- '--> .*\[SYN\]' "$LOGS/x.err")" 1
stop nc

# Flushed, and the peer's MAC changed, in the middle.
x_listen x 7000 < <(peer throttle "$LOGS/data" 700000)
nc_send nc in_a "$B4" 7000 <(peer throttle "$LOGS/data" 700000) "$LOGS/got"
wait_for '[ "$(stat -c %s "$LOGS/x.out")" -gt 100000 ]' 5 || fail "data flows"
flush
sleep 0.2
in_a ip link set va address 02:00:00:00:0a:0a
in_a ping -q -c 1 -W 1 "$B4" >/dev/null # the kernel hears of it
ends "neighbours flushed and the peer's MAC changed: xtcp ends well" x 15 0
ends "... and the peer" nc 5 0
same "... what xtcp received" "$LOGS/x.out" "$LOGS/data"
same "... what the peer received" "$LOGS/got" "$LOGS/data"

# Behind a router: B - D - C.
NS_C=$NS_A-c NS_D=$NS_A-d
ns_new "$NS_C"
ns_new "$NS_D"
in_c() {
	in_ns "$NS_C" "$@"
}
in_d() {
	in_ns "$NS_D" "$@"
}
in_d sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
ip link add vd netns "$NS_D" type veth peer name vb_d netns "$NS_B"
ip link add vc_d mtu 1400 netns "$NS_D" type veth peer name vc mtu 1400 netns "$NS_C"
ns_address "$NS_D" vd 10.9.2.1 fd09:2::1
ns_address "$NS_B" vb_d 10.9.2.2 fd09:2::2
ns_address "$NS_D" vc_d 10.9.3.1 fd09:3::1
ns_address "$NS_C" vc 10.9.3.2 fd09:3::2
in_b ip route add 10.9.3.0/24 via 10.9.2.1
in_b ip -6 route add fd09:3::/64 via fd09:2::1
in_c ip route add default via 10.9.3.1
in_c ip -6 route add default via fd09:3::1
spawn x in_b "$XTCP" listen -i vb_d 7000 <"$LOGS/data"
x_ready x
in_b ip neighbour flush dev vb_d
spawn nc nsenter --net="/run/netns/$NS_C" sh -c "exec nc -N -w 10 10.9.2.2 7000 >'$LOGS/got'" <"$LOGS/data"
ends "listen, the peer behind a router" x 8 0
ends "... the peer" nc 5 0
same "... what it received" "$LOGS/got" "$LOGS/data"
same "... what xtcp received" "$LOGS/x.out" "$LOGS/data"
spawn nc nsenter --net="/run/netns/$NS_C" sh -c "exec nc -6 -N -l 7001 >'$LOGS/got'" <"$LOGS/data"
wait_listen in_c 7001
spawn x in_b "$XTCP" connect -i vb_d '[fd09:3::2]:7001' <"$LOGS/data"
ends "connect over IPv6, the peer behind a router with a smaller MTU" x 8 0
same "... what the peer received" "$LOGS/got" "$LOGS/data"
stop nc
# What the router has no way to is an ICMP error, which ends an attempt to connect or is remembered (RFC 9293 3.9.2.2).
in_b ip route add 10.9.4.0/24 via 10.9.2.1
in_d ip route add unreachable 10.9.4.0/24
spawn x in_b "$XTCP" connect -i vb_d 10.9.4.1:7000 </dev/null
wait_exit x 1 || kill -INT "$(pid_of x)" 2>/dev/null
ends "the router cannot deliver: exit code 1, at once or by SIGINT" x 2 1
err_line "... one line" x 'no route to host|unreachable|interrupted'
# And through an interface that has no route to the peer.
spawn x in_b "$XTCP" connect -i vb 10.9.3.2:7001 </dev/null
ends "the route is through another interface: exit code 1" x 3 1
err_line "... one line" x '10.9.3.2.*vb_d|route'
