#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The interface changes under a running connection: down and up, another MTU, removed. And two interfaces at once.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/xtcp.sh"

ns_pair
# As a router or server would have it: else the kernel drops IPv6 addresses with the link, for good.
in_a sysctl -qw net.ipv6.conf.all.keep_addr_on_down=1 net.ipv6.conf.va.keep_addr_on_down=1
in_b sysctl -qw net.ipv6.conf.all.keep_addr_on_down=1 net.ipv6.conf.vb.keep_addr_on_down=1
rand_file "$LOGS/data" 3000001 41

# moving WHAT COMMAND...: a connection whose two directions take 1.5 s, and the command in the middle of it.
moving() {
	local what=$1
	shift
	x_listen x 7000 --mode "${mode:-auto}" < <(peer throttle "$LOGS/data" 2000000) || return
	rm -f "$LOGS/got"
	nc_send nc in_a "${to:-$B4}" 7000 <(peer throttle "$LOGS/data" 2000000) "$LOGS/got"
	wait_for '[ "$(stat -c %s "$LOGS/x.out")" -gt 200000 ]' 5 || fail "$what: data flows"
	le "$what: data is still on its way" "$(stat -c %s "$LOGS/x.out")" 2500000
	"$@"
	ends "... xtcp ends well" x 15 0
	ends "... and so does the peer" nc 5 0
	same "... what xtcp received" "$LOGS/x.out" "$LOGS/data"
	same "... what the peer received" "$LOGS/got" "$LOGS/data"
}

down_up() {
	"in_${1:1:1}" ip link set "$1" down
	sleep 0.4
	"in_${1:1:1}" ip link set "$1" up
}

mtu() {
	in_a ip link set va mtu "$1"
	in_b ip link set vb mtu "$1"
	sleep 0.3
	in_b ip link set vb mtu "$2"
	in_a ip link set va mtu "$2"
}

moving "our interface goes down and up" down_up vb
mode=generic moving "the same in generic mode" down_up vb
to=$B6 moving "over IPv6, our interface goes down and up" down_up vb
to=$B6 moving "over IPv6, the peer's interface goes down and up" down_up va
moving "the MTU falls and rises" mtu 1300 1500
mode=native moving "the MTU rises past what a chunk holds" mtu 4000 1500
mode=generic moving "the MTU falls in generic mode" mtu 1280 1400
in_a ip link set va mtu 1500
in_b ip link set vb mtu 1500

# Two interfaces, two xtcp, the same port.
ip link add va2 netns "$NS_A" type veth peer name vb2 netns "$NS_B"
ns_address "$NS_A" va2 10.9.1.1 fd09:1::1
ns_address "$NS_B" vb2 10.9.1.2 fd09:1::2
x_listen x 7000 <"$LOGS/data"
spawn y in_b "$XTCP" listen -i vb2 7000 <"$LOGS/data"
x_ready y
nc_send nc in_a "$B4" 7000 "$LOGS/data" "$LOGS/got"
nc_send nc2 in_a 10.9.1.2 7000 "$LOGS/data" "$LOGS/got2"
for name in x y nc nc2; do
	ends "two interfaces, the same port on each: $name ends well" "$name" 15 0
done
same "... the first xtcp's data" "$LOGS/x.out" "$LOGS/data"
same "... the second xtcp's data" "$LOGS/y.out" "$LOGS/data"
same "... the first peer's data" "$LOGS/got" "$LOGS/data"
same "... the second peer's data" "$LOGS/got2" "$LOGS/data"

# Removed: while nothing happens, while data flows, and under a server.
remove_pair() {
	in_b ip link delete vb
}
make_pair() {
	ip link add va netns "$NS_A" type veth peer name vb netns "$NS_B"
	ns_address "$NS_A" va "$A4" "$A6"
	ns_address "$NS_B" vb "$B4" "$B6"
}
gone='(interface|local address) has been removed'
x_listen x 7000 < <(hold 9)
remove_pair
ends "the interface is removed while xtcp listens: exit code 1" x 3 1
err_line "... and it says so" x "$gone"
make_pair
x_listen x 7000 < <(peer throttle "$LOGS/data" 1000000)
nc_send nc in_a "$B4" 7000 <(peer throttle "$LOGS/data" 1000000)
wait_for '[ "$(stat -c %s "$LOGS/x.out")" -gt 100000 ]' 5 || fail "data flows"
remove_pair
ends "the interface is removed while data flows: exit code 1" x 3 1
err_line "... and it says so" x "$gone"
stop nc KILL
make_pair
x_server x echo -p 7000
remove_pair
ends "the interface is removed under echo: exit code 1" x 3 1
err_line "... and it says so" x "$gone"
make_pair
spawn x in_b "$XTCP" connect -i vb 10.9.0.99:7000 </dev/null
wait_for 'in_b ip neighbour show 10.9.0.99 | grep -q .' 5 # it has asked for its neighbour
remove_pair
ends "the interface is removed while xtcp connects: exit code 1" x 3 1
err_line "... and it says so" x "$gone"
no_pins "no pins are left"
