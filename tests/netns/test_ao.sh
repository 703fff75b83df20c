#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# TCP-AO (RFC 5925): two xtcps over IPv4 and IPv6, with both algorithms, wrong and missing keys, a change of keys in the
# handshake; the option is on the wire as tshark reads it. Linux as a peer, in both roles, only where its kernel has TCP-AO (6.7
# and later, CONFIG_TCP_AO): the code for that has not run yet.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/xtcp.sh"

ns_pair
echo secret >"$LOGS/key"
echo another >"$LOGS/other"
rand_file "$LOGS/data" 300000 9

# counter NAME: of the last summary that x printed.
counter() {
	sed -n '$p' "$LOGS/x.err" | jq -r ".counters.$1 // 0"
}

# goes WHAT ADDR:PORT OPTION...: the data goes there and back.
goes() {
	local what=$1 to=$2
	shift 2
	x_connect x "$to" --json "$@" <"$LOGS/data"
	ends "$what" x 10 0
	same "... the data comes back" "$LOGS/x.out" "$LOGS/data"
	eq "... nothing was dropped" "$(counter in_ao_wrong) $(counter in_ao_missing) $(counter in_ao_key_unknown)" "0 0 0"
}

# nothing WHAT ADDR:PORT OPTION...: no answer within a second.
nothing() {
	local what=$1 to=$2
	shift 2
	x_connect x "$to" "$@" </dev/null
	sleep 0.4
	ok "$what" kill -0 "$(pid_of x)"
	stop x KILL 2>/dev/null
}

# An echo in A. Of its keys for B the first is what it would rather have.
spawn a in_a "$XTCP" echo -i va -p 7000 --json --ao "10.9.0.0/24,sendid=20,recvid=10=$LOGS/other" \
	--ao "10.9.0.0/24,sendid=21,recvid=11=$LOGS/key" \
	--ao "fd09::/64,sendid=3,recvid=250,alg=aes-cmac,options=no=$LOGS/key" </dev/null
wait_line "$LOGS/a.err" '^xtcp: listening on ' 8 || fail "a listens" "$(head -c 300 "$LOGS/a.err")"

goes "signed over IPv4, with a change of keys" "$A4:7000" --ao "$A4,sendid=11,recvid=21=$LOGS/key" \
	--ao "$A4,sendid=10,recvid=20=$LOGS/other" --pcap "$LOGS/4.pcap"
eq "... which is made once" "$(counter ao_rollovers)" 1
nothing "with a wrong key nothing answers" "$A4:7000" --ao "$A4,sendid=11,recvid=21=$LOGS/other"
nothing "... nor without a key" "$A4:7000"
goes "... and it still serves: over IPv6, with AES, the other options left out" "[$A6]:7000" \
	--ao "$A6,sendid=250,recvid=3,alg=aes-cmac,options=no=$LOGS/key" --pcap "$LOGS/6.pcap"
stop a INT
eq "... two connections in all" "$(sed -n '$p' "$LOGS/a.out" | jq .connections)" 2

# fields FILE: header length of the SYN, sender, KeyID and RNextKeyID, as tshark reads them; a line for each change.
fields() {
	tshark -r "$LOGS/$1.pcap" -T fields -e tcp.flags.syn -e tcp.hdr_len -e ip.src -e ipv6.src -e tcp.options.ao.keyid \
		-e tcp.options.ao.rnextkeyid 2>/dev/null |
		awk '{ print $1 == 1 ? $2 : "-", $3, $4, $5 }' | sort | uniq
}
if command -v tshark >/dev/null; then
	# The SYN has the client's first key, and room for all that it offers; what comes then that which the server asks for.
	eq "every segment has the option, with the keys that they are to have" "$(fields 4)" "$(sort <<-END
		56 $B4 11 21
		56 $A4 21 10
		- $B4 10 21
		- $A4 21 10
	END
	)"
	eq "... over IPv6 too" "$(fields 6)" "$(sort <<-END
		56 $B6 250 3
		56 $A6 3 250
		- $B6 250 3
		- $A6 3 250
	END
	)"
else
	skip_one "every segment has the option" "no tshark"
fi

x_connect x "$A4:7001" --ao "$A4=$LOGS/key" --ao "$A4=$LOGS/other" </dev/null
ends "two keys with one ID are refused" x 10 1
err_line "... in one line" x '--ao: another TCP-AO key for such peers has SendID 1 or RecvID 1'

if in_a $PEER ao 127.0.0.1 9 - secret 2>&1 | grep -q 'Protocol not available'; then
	skip_one "Linux to xtcp and back, signed with TCP-AO" "this kernel has no TCP_AO"
else
	for addr in "$B4" "$B6"; do
		from=$A4
		[ "$addr" = "$B6" ] && from=$A6
		x_server x echo -p 7002 --ao "$from,sendid=7,recvid=5=$LOGS/key"
		eq "Linux to xtcp at $addr, signed" "$(in_a $PEER ao "$addr" 7002 5,7 secret 300000 2>&1)" same
		match "... with a wrong key nothing answers" "$(in_a $PEER ao "$addr" 7002 5,7 wrong 2>&1)" 'timed out'
		stop x
	done
	spawn server in_a $PEER ao-server "$A4" 7003 "$B4" 5,7 secret
	wait_line "$LOGS/server.err" ready 5
	goes "xtcp to Linux, signed" "$A4:7003" --ao "$A4,sendid=7,recvid=5=$LOGS/key"
	wait_exit server 5
fi
no_xdp va
no_xdp vb
