#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# ICMP errors as a firewall of the peer sends them (RFC 9293 3.9.2.2, RFC 5927): a hard one ends an attempt to connect at
# once, a soft one never does; neither ends a connection that stands.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/xtcp.sh"

command -v nft >/dev/null || skip "no nft"
ns_pair
rand_file "$LOGS/data" 300000 301

# reject PORT TYPE: A answers what comes to PORT with this ICMP error.
reject() {
	in_a nft "add table inet t; flush table inet t; add chain inet t in { type filter hook input priority 0; };
		add rule inet t in tcp dport $1 reject with $2"
}

reject 7001 'icmpx type port-unreachable' || skip "no nft reject"
for to in "$A4:7001" "[$A6]:7001"; do
	x_connect x "$to" </dev/null
	ends "port unreachable ends an attempt to connect to $to" x 15 1
	err_line "... and says why" x refused
done

reject 7002 'icmpx type host-unreachable'
peer_serve srv in_a "$A4" 7002 /dev/null "$LOGS/got"
x_connect x "$A4:7002" <"$LOGS/data"
sleep 2.6
ok "host unreachable does not end it" kill -0 "$(pid_of x)"
in_a nft flush table inet t
ends "... and once the way is open it connects" x 15 0
same "... and all arrives" "$LOGS/got" "$LOGS/data"
stop srv

peer_serve srv in_a "$A4" 7003 /dev/null "$LOGS/got"
x_connect x "$A4:7003" < <(cat "$LOGS/data"; sleep 1; cat "$LOGS/data"; sleep 0.3)
wait_for "[ \"\$(stat -c %s \"$LOGS/got\" 2>/dev/null || echo 0)\" -ge 300000 ]" 5
reject 7003 'icmpx type port-unreachable'
sleep 1.5
ok "port unreachable does not end a connection that stands (RFC 5927 5.2)" kill -0 "$(pid_of x)"
in_a nft flush table inet t
ends "... and it goes on" x 15 0
cat "$LOGS/data" "$LOGS/data" >"$LOGS/twice"
same "... with nothing lost" "$LOGS/got" "$LOGS/twice"
stop srv
no_xdp vb
