#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# TCP Fast Open (RFC 7413) with Linux, each in both roles: the first connection brings the cookie, the next ones carry data in the SYN.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/xtcp.sh"

CHECK=$BUILD/tests/netns/fastopen_check
[ -x "$CHECK" ] || { fail "fastopen_check is built" "$CHECK"; exit 1; }
ns_pair
in_a sysctl -qw net.ipv4.tcp_fastopen=3 2>/dev/null || skip "this kernel has no TCP Fast Open"

# A counter of A's kernel, absolute.
counter() {
	in_a nstat -asz "TcpExt$1" 2>/dev/null | awk -v n="TcpExt$1" '$1 == n { print $2 }'
}

answers=$'request 0\nrequest 1\nrequest 2'
for addr in "$B4" "$B6"; do
	before=$(counter TCPFastOpenActive)
	x_server x echo -p 7000 --fastopen --trace
	eq "Linux asks xtcp at $addr three times" "$(in_a $PEER fastopen "$addr" 7000 3 2>&1)" "$answers"
	eq "... two SYNs carried data that was acknowledged" $(($(counter TCPFastOpenActive) - before)) 2
	match "... and xtcp saw it" "$(cat "$LOGS/x.err")" '\[SYN\].*LEN: 9|\[PSH\+SYN\].*LEN: 9|\[SYN\+PSH\].*LEN: 9'
	stop x
	x_server x echo -p 7000
	before=$(counter TCPFastOpenActive)
	eq "without --fastopen the handshake is ordinary" "$(in_a $PEER fastopen "$addr" 7000 3 2>&1)" "$answers"
	eq "... no data was taken from a SYN" $(($(counter TCPFastOpenActive) - before)) 0
	stop x
done

for addr in "$A4" "$A6"; do
	before=$(counter TCPFastOpenPassive)
	spawn server in_a $PEER fastopen-server "$addr" 7001 3
	wait_line "$LOGS/server.err" ready 5
	eq "xtcp asks Linux at $addr three times" "$(in_b "$CHECK" vb "$addr" 7001 3 2>&1)" \
		"$answers"$'\nfastopen_active 2\nfastopen_active_acked 2'
	eq "... Linux took data from two SYNs" $(($(counter TCPFastOpenPassive) - before)) 2
	wait_exit server 5
done
