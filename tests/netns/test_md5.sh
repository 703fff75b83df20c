#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# TCP MD5 signatures (RFC 2385) with Linux, each in both roles; wrong and missing keys are dropped on either side.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/xtcp.sh"

ns_pair
in_a $PEER md5 127.0.0.1 9 secret 2>&1 | grep -q 'Protocol not available' && skip "this kernel has no TCP_MD5SIG"
echo secret >"$LOGS/key"
echo other >"$LOGS/other"


for addr in "$B4" "$B6"; do
	from=$A4 prefix=24
	[ "$addr" = "$B6" ] && from=$A6 prefix=64
	x_server x echo -p 7000 --md5 "$from/$prefix=$LOGS/key"
	eq "Linux to xtcp at $addr, signed" "$(in_a $PEER md5 "$addr" 7000 secret 300000 2>&1)" same
	match "... with a wrong key nothing answers" "$(in_a $PEER md5 "$addr" 7000 wrong 2>&1)" 'timed out'
	match "... nor without a key" "$(in_a $PEER md5 "$addr" 7000 - 2>&1)" 'timed out'
	eq "... and it still serves" "$(in_a $PEER md5 "$addr" 7000 secret 2>&1)" same
	stop x
done

rand_file "$LOGS/data" 300000 9
for addr in "$A4" "$A6"; do
	to="$addr:7001" from=$B4
	[ "$addr" = "$A6" ] && to="[$addr]:7001" from=$B6
	spawn server in_a $PEER md5-server "$addr" 7001 "$from" secret
	wait_line "$LOGS/server.err" ready 5
	x_connect x "$to" --md5 "$addr=$LOGS/key" <"$LOGS/data"
	ends "xtcp to Linux at $addr, signed" x 10 0
	same "... the data comes back" "$LOGS/x.out" "$LOGS/data"
	wait_exit server 5
done
spawn server in_a $PEER md5-server "$A4" 7002 "$B4" secret
wait_line "$LOGS/server.err" ready 5
before=$(in_a nstat -asz TcpExtTCPMD5Failure | awk '/TCPMD5Failure/ { print $2 }')
x_connect x "$A4:7002" --md5 "$A4=$LOGS/other" </dev/null
sleep 1.5
le "Linux refuses xtcp's signature with another key" 1 $(($(in_a nstat -asz TcpExtTCPMD5Failure | awk '/TCPMD5Failure/ { print $2 }') - before))
stop x
stop server
no_xdp vb
