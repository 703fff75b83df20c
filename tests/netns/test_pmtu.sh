#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A path that is narrower in the middle: B - R - S - A, 1,300 bytes between the routers R and S. Told by ICMP (RFC 1191, RFC 8201),
# and then with the routers silent, a black hole (RFC 4821). Data goes both ways; the Linux peer in A probes by itself.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/xtcp.sh"

NS_S=xtcp-$$-s
far4=10.11.0.1 far6=fd11::1
narrow=1300

# A link between two namespaces: NS DEV ADDR4 ADDR6 twice, and the MTU.
link() {
	ip link add "$2" mtu "$9" netns "$1" type veth peer name "$6" mtu "$9" netns "$5" || skip "no veth here"
	ns_address "$1" "$2" "$3" "$4"
	ns_address "$5" "$6" "$7" "$8"
}

for ns in "$NS_A" "$NS_B" "$NS_R" "$NS_S"; do
	ns_new "$ns"
	in_ns "$ns" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.tcp_mtu_probing=1
done
link "$NS_B" vb "$B4" "$B6" "$NS_R" rb 10.9.0.254 fd09::fe 1500
link "$NS_R" rs 10.10.0.1 fd10::1 "$NS_S" sr 10.10.0.2 fd10::2 $narrow
link "$NS_S" sa 10.11.0.254 fd11::fe "$NS_A" va "$far4" "$far6" 1500
in_b ip route add default via 10.9.0.254
in_b ip route add default via fd09::fe
in_r ip route add 10.11.0.0/24 via 10.10.0.2
in_r ip route add fd11::/64 via fd10::2
in_ns "$NS_S" ip route add 10.9.0.0/24 via 10.10.0.1
in_ns "$NS_S" ip route add fd09::/64 via fd10::1
in_a ip route add default via 10.11.0.254
in_a ip route add default via fd11::fe
for ns in "$NS_A" "$NS_B"; do # else one segment of the kernel is many packets
	in_ns "$ns" ethtool -K "$([ "$ns" = "$NS_A" ] && echo va || echo vb)" tso off gso off 2>/dev/null
done
wait_for "in_b ping -6 -q -c 1 -W 0.3 $far6 >/dev/null 2>&1" 10 || fail "the way to A works"

rand_file "$LOGS/up" 400001 31
rand_file "$LOGS/down" 300007 32

pmtu() {
	sed -n '/^{/p' "$LOGS/x.err" | jq .pmtu
}

# over WHAT LEAST: both roles, both IP versions; the path MTU that xtcp ends with is LEAST to 1300.
over() {
	peer_serve nc in_a "$far6" 7001 "$LOGS/down" "$LOGS/got"
	x_connect x "[$far6]:7001" --json <"$LOGS/up"
	ends "$1, IPv6, connect: xtcp ends well" x 30 0
	ends "... and so does the peer" nc 5 0
	same "... what xtcp received" "$LOGS/x.out" "$LOGS/down"
	same "... what the peer received" "$LOGS/got" "$LOGS/up"
	le "... the path MTU is at least $2" "$2" "$(pmtu)"
	le "... and passes" "$(pmtu)" $narrow
	x_listen x 7000 --json <"$LOGS/up" || return
	nc_send nc in_a "$B4" 7000 "$LOGS/down" "$LOGS/got"
	ends "$1, IPv4, listen: xtcp ends well" x 30 0
	ends "... and so does the peer" nc 5 0
	same "... what xtcp received" "$LOGS/x.out" "$LOGS/down"
	same "... what the peer received" "$LOGS/got" "$LOGS/up"
	le "... the path MTU is at least $2" "$2" "$(pmtu)"
	le "... and passes" "$(pmtu)" $narrow
}

over "the routers tell" $narrow

# Nobody tells any more, and nobody remembers.
for ns in "$NS_R" "$NS_S"; do
	in_ns "$ns" nft -f - <<'EOF'
table inet silent {
	chain output {
		type filter hook output priority 0
		icmp type destination-unreachable drop
		icmpv6 type packet-too-big drop
	}
}
EOF
done
in_a ip route flush cache
in_a ip -6 route flush cache
over "the routers are silent" 1280

# From the start: no black hole is met, and the search ends within a step of what passes. It takes a dozen round trips: where
# a processor is late, 400 KB are all in flight before that.
rand_file "$LOGS/up" 4000003 31
peer_serve nc in_a "$far4" 7001 /dev/null "$LOGS/got"
x_connect x "$far4:7001" --json --mtu-probing always <"$LOGS/up"
ends "probing from the start: xtcp ends well" x 30 0
ends "... and so does the peer" nc 5 0
same "... what the peer received" "$LOGS/got" "$LOGS/up"
le "... the path MTU is found" 1292 "$(pmtu)"
le "... and passes" "$(pmtu)" $narrow
eq "... without a timeout" "$(sed -n '/^{/p' "$LOGS/x.err" | jq .timeouts)" 0
no_xdp vb
